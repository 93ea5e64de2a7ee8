//! Threads that write at once, each for users of its own whose ids are in several partitions: each user ends as with a
//! single thread, and nobody waits for ever.

use crate::known::assert_same;
use crate::reopened::open;
use crate::stream::{Setting, definitions, runs};
use bespoke::engine::{Durability, Engine};
use bespoke::model::{Duration, Ids, Instant, Message, Object};
use bespoke::storage::MemoryDisk;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

const WRITERS: u64 = 8;
const USERS: u64 = 4;

fn now() -> Instant {
    Instant::from_millis(1_795_428_000_000)
}

fn user(writer: u64, user: u64) -> String {
    format!("user-{writer}-{user}")
}

/// Each at an instant of its own.
fn message(writer: u64, number: u64, rng: &mut fastrand::Rng) -> Message {
    let user = user(writer, rng.u64(0..USERS));
    let device = format!("device-{writer}-{}", rng.u64(0..3));
    let ids = match rng.u32(0..4) {
        0 => Ids::both(&*user, &*device),
        1 => Ids::anonymous(&*device),
        _ => Ids::user(&*user),
    };
    let ids =
        if rng.u32(0..8) == 0 { ids.and("card", format!("card-{writer}-{}", rng.u32(0..3))) } else { ids };
    let message = match rng.u32(0..40) {
        0 => Message::forget(&*user),
        1..8 => Message::identify(ids).with("country", ["FR", "DE"][rng.usize(0..2)]),
        8..15 => Message::track(ids, "purchase").with("amount", rng.i64(1..40)),
        _ => Message::track(ids, "view").with("sku", format!("sku-{}", rng.u32(0..9))),
    };
    message.at(now() - Duration::seconds(1_000) + Duration::from_millis(number as i64))
}

fn write(engine: &Engine, seed: u64, writer: u64, inputs: u64) {
    let rng = &mut fastrand::Rng::with_seed(seed ^ writer.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut number = 0;
    while number < inputs {
        let group: Vec<Message> = (0..rng.u64(1..6).min(inputs - number))
            .map(|_| {
                number += 1;
                message(writer, number, rng)
            })
            .collect();
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
        let _ = engine.is_member(&user, "french");
        engine.decide(&user, "hero", &Object::new(), now()).unwrap();
        let french = engine.expression("country = 'FR'").unwrap();
        engine.evaluate_all(&french, 3, now(), |_| ControlFlow::Continue(())).unwrap();
    }
}

fn known(engine: &Engine) -> Vec<String> {
    let users = (0..WRITERS).flat_map(|writer| (0..USERS).map(move |number| user(writer, number)));
    let devices =
        (0..WRITERS).flat_map(|writer| (0..3).map(move |number| format!("device-{writer}-{number}")));
    let of_user = |user: String| {
        format!("{user} {:?} {:?}", engine.profile(&user).unwrap(), engine.segments(&user).unwrap())
    };
    let mut known: Vec<String> = users.chain(devices).map(of_user).collect();
    known.push(format!("{:?} {:?}", engine.segment_stats(), engine.journey_counts()));
    known.push(format!("{} {:?}", engine.user_count(), engine.health().identity));
    known
}

fn check(seed: u64, durability: Option<Durability>) {
    let inputs = 120;
    let disk = MemoryDisk::new();
    let engine = match durability {
        Some(durability) => {
            let setting =
                Setting { durability, memory: [0, 6_000][seed as usize % 2], checkpoint_bytes: 20_000 };
            open(&setting, disk.clone(), false, Some(4)).unwrap()
        }
        None => Engine::builder(definitions(false)).partitions(4).open().unwrap(),
    };
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| ask(&engine, &done));
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                engine.checkpoint().unwrap();
                thread::yield_now();
            }
        });
        let writers = (0..WRITERS).map(|writer| {
            let engine = &engine;
            scope.spawn(move || write(engine, seed, writer, inputs))
        });
        let writers: Vec<_> = writers.collect();
        let ended: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        done.store(true, Ordering::Relaxed);
        assert!(ended.iter().all(Result::is_ok), "seed {seed}, {durability:?}");
    });
    let twin = Engine::builder(definitions(false)).open().unwrap();
    (0..WRITERS).for_each(|writer| write(&twin, seed, writer, inputs));
    for engine in [&engine, &twin] {
        engine.advance(now() + Duration::hours(3)).unwrap();
    }
    let expected = known(&twin);
    assert_same(&known(&engine), &expected, &format!("seed {seed}, {durability:?}"));
    if durability.is_some() {
        drop(engine);
        let engine = Engine::builder(definitions(false)).disk(disk).open().unwrap();
        assert_same(&known(&engine), &expected, &format!("seed {seed}, {durability:?}, opened again"));
    }
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
fn threads_over_several_partitions_end_as_one_thread_does() {
    for seed in 0..runs(2) {
        for durability in
            [None, Some(Durability::Memory), Some(Durability::Written), Some(Durability::Synced)]
        {
            within(240, move || check(seed, durability));
        }
    }
}
