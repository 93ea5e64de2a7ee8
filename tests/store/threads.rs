//! Threads that write for users of their own, while others ask and one takes checkpoints: each user ends as with a
//! single thread, and nobody waits for ever.

use crate::stream::{Setting, definitions, runs, twin};
use bespoke::engine::{Durability, Engine};
use bespoke::model::{Duration, Ids, Instant, Message, Object};
use bespoke::recommend::Query;
use bespoke::storage::MemoryDisk;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

const WRITERS: u64 = 8;
const USERS: u64 = 4;

/// At one instant, so that it does not matter whose input comes first.
fn now() -> Instant {
    Instant::from_millis(1_795_428_000_000)
}

fn user(writer: u64, user: u64) -> String {
    format!("user-{writer}-{user}")
}

fn message(writer: u64, rng: &mut fastrand::Rng) -> Message {
    let user = user(writer, rng.u64(0..USERS));
    let device = format!("device-{writer}-{}", rng.u64(0..3));
    let ids = match rng.u32(0..5) {
        0 => Ids::both(&*user, &*device),
        1 => Ids::anonymous(&*device),
        _ => Ids::user(&*user),
    };
    match rng.u32(0..40) {
        0 => Message::forget(&*user),
        1..8 => Message::identify(ids).with("country", ["FR", "DE"][rng.usize(0..2)]),
        8..15 => Message::track(ids, "purchase").with("amount", rng.i64(1..40)),
        _ => Message::track(ids, "view").with("sku", format!("sku-{}", rng.u32(0..9))),
    }
}

/// The inputs of one thread, in groups of one or a few.
fn write(engine: &Engine, seed: u64, writer: u64, inputs: u64) {
    let rng = &mut fastrand::Rng::with_seed(seed ^ writer.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut left = inputs;
    while left > 0 {
        let group: Vec<_> = (0..rng.u64(1..4).min(left)).map(|_| message(writer, rng)).collect();
        left -= group.len() as u64;
        let answers = engine.ingest_all(&group, now());
        assert_eq!(answers.len(), group.len());
        answers.into_iter().for_each(|answer| drop(answer.unwrap()));
    }
}

fn ask(engine: &Engine, done: &AtomicBool) {
    let rng = &mut fastrand::Rng::new();
    while !done.load(Ordering::Relaxed) {
        let user = user(rng.u64(0..WRITERS), rng.u64(0..USERS));
        engine.profile(&user).unwrap();
        engine.segments(&user).unwrap();
        engine.decide(&user, "hero", &Object::new(), now()).unwrap();
        engine.recommend(&user, &Query::for_user().limit(3), now()).unwrap();
        let french = engine.expression("country = 'FR'").unwrap();
        engine.evaluate_all(&french, 3, now(), |_| ControlFlow::Continue(())).unwrap();
    }
}

/// All that is known of each user, and how often segments were entered.
fn known(engine: &Engine) -> Vec<String> {
    let users = (0..WRITERS).flat_map(|writer| (0..USERS).map(move |number| user(writer, number)));
    let of_user = |user: String| {
        format!("{user} {:?} {:?}", engine.profile(&user).unwrap(), engine.segments(&user).unwrap())
    };
    let mut known: Vec<String> = users.map(of_user).collect();
    known.push(format!("{:?} {:?}", engine.segment_stats(), engine.journey_counts()));
    known.push(format!("{} {} {}", engine.user_count(), engine.sequence(), engine.clock()));
    known
}

fn check(seed: u64, durability: Durability) {
    let inputs = 120;
    let setting = Setting { durability, memory: [0, 6_000][seed as usize % 2], checkpoint_bytes: 20_000 };
    let disk = MemoryDisk::new();
    let engine = setting.open(disk.clone(), false).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| ask(&engine, &done));
        scope.spawn(|| ask(&engine, &done));
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                engine.checkpoint().unwrap();
            }
        });
        let writers = (0..WRITERS).map(|writer| {
            let engine = &engine;
            scope.spawn(move || write(engine, seed, writer, inputs))
        });
        let writers: Vec<_> = writers.collect();
        let ended: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        done.store(true, Ordering::Relaxed);
        assert!(ended.iter().all(Result::is_ok), "seed {seed}, {setting:?}");
    });
    let twin = twin();
    (0..WRITERS).for_each(|writer| write(&twin, seed, writer, inputs));
    let later = now() + Duration::days(1);
    for engine in [&engine, &twin] {
        engine.advance(later).unwrap();
    }
    assert_eq!(known(&engine), known(&twin), "seed {seed}, {setting:?}");
    let state = engine.state().unwrap();
    drop(engine);
    let engine = Engine::builder(definitions(false)).disk(disk).open().unwrap();
    assert!(engine.state().unwrap() == state, "seed {seed}, {setting:?}: another state when opened again");
}

/// Fails where threads wait for each other for ever.
fn within(seconds: u64, test: impl FnOnce() + Send + 'static) {
    let (end, ended) = mpsc::channel();
    let test = thread::spawn(move || {
        test();
        let _ = end.send(());
    });
    match ended.recv_timeout(std::time::Duration::from_secs(seconds)) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it does not come to an end"),
        _ => test.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
    }
}

#[test]
fn threads_of_every_level_end_as_one_thread_does() {
    for seed in 0..runs(2) {
        for durability in [Durability::Memory, Durability::Written, Durability::Synced] {
            within(120, move || check(seed, durability));
        }
    }
}
