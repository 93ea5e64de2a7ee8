//! What a store costs that has far more users than memory has room for, beside the bars that it is held to.
//!
//! `cargo run --release --manifest-path benches/peers/Cargo.toml --bin store`, with the number of users and of those in
//! memory where they are not to be a million and 50,000. Each user has 20 events of two properties. Everything is in
//! `target/store-bars` of the crate, which must not be on a file system in memory. A million take some minutes, 2 GB of
//! memory and 1 GB of disk. Times hold for a quiet machine only.

use bespoke::definitions::Definitions;
use bespoke::engine::{Durability, Engine, EngineBuilder};
use bespoke::model::{Duration, Instant, Message, Object};
use std::alloc::System;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant as Clock;

#[global_allocator]
static ALLOCATOR: cap::Cap<System> = cap::Cap::new(System, usize::MAX);

const EVENTS: usize = 20;
const GROUP: usize = 256;
/// Users who are forgotten at last.
const FORGOTTEN: usize = 2;
/// More than all users take.
const ALL: usize = 16 << 30;

/// Keeps all events with both properties, and is so rarely true that no membership is kept.
const DEFINITIONS: &str = r#"
    version = 1
    [events.view]
    sku = "string"
    category = "string"
    [segments]
    rare = 'count(any where category = "none" and sku = "none" in 90d) >= 1'
    [placements.hero]
    variant = [
        { name = "rare", when = 'segment("rare")', content = { title = "Welcome" } },
        { name = "common", content = { title = "Hello" } },
    ]
"#;

fn builder() -> EngineBuilder {
    Engine::builder(Definitions::from_toml(DEFINITIONS).expect("these definitions are right"))
}

fn stored(folder: &Path, memory: usize) -> Engine {
    builder().store(folder).memory(memory).open().expect("the store can be opened")
}

/// The messages of a seeded host, and its clock.
struct Host {
    dice: fastrand::Rng,
    now: Instant,
}

impl Host {
    fn new(now: Instant) -> Host {
        Host { dice: fastrand::Rng::with_seed(1), now }
    }

    fn view(&mut self, user: usize) -> Message {
        let category = ["shoes", "hats", "bags", "coats", "socks"][self.dice.usize(0..5)];
        Message::track(name(user), "view")
            .with("sku", format!("sku-{}", self.dice.u32(0..5_000)))
            .with("category", category)
    }

    /// Time goes on by as much as keeps a million users busy for some weeks.
    fn tick(&mut self) -> Instant {
        self.now = self.now + Duration::from_millis(25);
        self.now
    }
}

fn name(user: usize) -> String {
    format!("user-{user}")
}

fn take_in(engine: &Engine, messages: &[Message], now: Instant) {
    for answer in engine.ingest_all(messages, now) {
        answer.expect("these messages are sound");
    }
}

/// All events of all users, round by round.
fn fill(engines: &[&Engine], users: usize) -> Instant {
    let mut host = Host::new(Instant::from_millis(1_795_428_000_000));
    let mut group = Vec::with_capacity(GROUP);
    for _ in 0..EVENTS {
        for user in 0..users {
            group.push(host.view(user));
            if group.len() == GROUP || user + 1 == users {
                let now = host.tick();
                engines.iter().for_each(|engine| take_in(engine, &group, now));
                group.clear();
            }
        }
    }
    host.now
}

/// Users as often as their rank says: the first twice as often as the second, three times as often as the third …
struct Zipf {
    sums: Vec<f64>,
}

impl Zipf {
    fn new(users: usize) -> Zipf {
        let mut sum = 0.0;
        let weights = (1..=users).map(|rank| 1.0 / rank as f64);
        Zipf {
            sums: weights
                .map(|weight| {
                    sum += weight;
                    sum
                })
                .collect(),
        }
    }

    fn draw(&self, dice: &mut fastrand::Rng) -> usize {
        let all = self.sums.last().copied().unwrap_or(0.0);
        let at = dice.f64() * all;
        let rank = self.sums.partition_point(|sum| *sum <= at).min(self.sums.len() - 1);
        // Ranks are spread over the numbers, so that busy users are not neighbours. A prime shares no factor with them.
        (rank * 7_919 + 13) % self.sums.len()
    }
}

/// Seconds that work takes, and those of it on a processor: nearly the same on a quiet machine, unless it waits for the
/// disk. Where the system does not tell, the same.
fn seconds(work: impl FnOnce()) -> (f64, f64) {
    let processor = || {
        let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        told.split(' ').next()?.parse::<f64>().ok().map(|nanoseconds| nanoseconds / 1e9)
    };
    let (start, before) = (Clock::now(), processor());
    work();
    let all = start.elapsed().as_secs_f64();
    (all, processor().zip(before).map_or(all, |(after, before)| after - before))
}

fn millis(clock: Clock) -> f64 {
    clock.elapsed().as_secs_f64() * 1e3
}

/// Median, 99th percentile and maximum of times in microseconds.
fn spread(mut times: Vec<f64>) -> String {
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    format!("median {:.1} µs, p99 {:.1} µs, max {:.1} µs", at(0.5), at(0.99), at(1.0))
}

fn line(what: &str, figure: impl std::fmt::Display, bar: &str) {
    println!("{what:<58} {figure:<44} {bar}");
}

fn disk_bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("the store is there");
    entries.map(|entry| entry.and_then(|entry| entry.metadata()).expect("it can be read").len()).sum()
}

/// Fills a store and an engine in memory alike; then the same traffic for both, in turns.
fn fill_and_compare(folder: &Path, users: usize, resident: usize) {
    let before = ALLOCATOR.allocated();
    let memory = builder().open().expect("there is nothing to open");
    let now = fill(&[&memory], users);
    let each = (ALLOCATOR.allocated() - before) / users;
    line("bytes in memory each, no store", each, "");

    let before = ALLOCATOR.allocated();
    let start = Clock::now();
    let engine = stored(folder, resident * each);
    fill(&[&engine], users);
    let took = start.elapsed().as_secs_f64();
    let rate = (users * EVENTS) as f64 / took;
    line("filled in turn, who comes is always away", format!("{took:.1} s, {rate:.0} messages/s"), "");
    line(
        "  bytes in memory each, so many resident",
        (ALLOCATOR.allocated() - before) / users,
        "at most 600 with all away",
    );
    let start = Clock::now();
    engine.checkpoint().expect("the disk has room");
    line("checkpoint of what changed since the last", format!("{:.0} ms", millis(start)), "");

    let zipf = Zipf::new(users);
    let mut host = Host::new(now);
    let (mut in_memory, mut in_store) = ([0.0; 2], [0.0; 2]);
    const ROUNDS: usize = 40;
    // At first those are in memory who came last, not those who come often.
    const WARM: usize = 20;
    // One message for each user on average: with more, a few with histories of thousands of events take all the room.
    let slice = users.div_ceil(ROUNDS);
    for round in 0..ROUNDS {
        let users: Vec<usize> = (0..slice).map(|_| zipf.draw(&mut host.dice)).collect();
        let messages: Vec<Message> = users.into_iter().map(|user| host.view(user)).collect();
        let now = host.tick();
        for (engine, sums) in [(&memory, &mut in_memory), (&engine, &mut in_store)] {
            let (all, processor) =
                seconds(|| messages.chunks(GROUP).for_each(|group| take_in(engine, group, now)));
            if round >= WARM {
                sums[0] += all;
                sums[1] += processor;
            }
        }
    }
    let rate = |sums: [f64; 2], which: usize| (slice * (ROUNDS - WARM)) as f64 / sums[which];
    for (which, what) in
        ["zipf traffic, share of the rate in memory", "  the same by processor time"].into_iter().enumerate()
    {
        let (few, all) = (rate(in_store, which), rate(in_memory, which));
        line(what, format!("{:.2}: {few:.0} of {all:.0} messages/s", few / all), "at least 0.33");
    }
    engine.checkpoint().expect("the disk has room");
}

/// The first decision of a process that has just begun.
fn open(folder: &Path, users: usize, memory: usize) {
    let before = ALLOCATOR.allocated();
    let start = Clock::now();
    let engine = stored(folder, memory);
    let opened = millis(start);
    let decision = engine.decide(&name(users / 2), "hero", &Object::new(), engine.clock());
    let decided = millis(start);
    assert_eq!(decision.ok().and_then(|decision| decision.variant).as_deref(), Some("common"));
    assert!(engine.opened().users + FORGOTTEN >= users, "{:?}", engine.opened());
    line(
        "from `open` to the first decision",
        format!("{decided:.0} ms (open {opened:.0} ms)"),
        "at most 2,000 ms",
    );
    line("bytes in memory each, all away", (ALLOCATOR.allocated() - before) / users, "at most 600");
}

/// Checkpoints while others write, and users who are forgotten.
fn disturb(folder: &Path, users: usize, memory: usize) {
    let engine = stored(folder, memory);
    let mut host = Host::new(engine.clock());
    let each = |host: &mut Host, times: &mut Vec<f64>| {
        let user = host.dice.usize(0..users.min(10_000));
        let message = host.view(user);
        let now = host.tick();
        let start = Clock::now();
        engine.ingest(message, now).expect("these messages are sound");
        times.push(start.elapsed().as_secs_f64() * 1e6);
    };
    let mut quiet = Vec::new();
    (0..20_000).for_each(|_| each(&mut host, &mut Vec::new()));
    (0..20_000).for_each(|_| each(&mut host, &mut quiet));
    line("an `ingest` waits, no checkpoint", spread(quiet), "");

    // Every page has somebody who changed.
    let everybody: Vec<Message> = (0..users).step_by(64).map(|user| host.view(user)).collect();
    let now = host.tick();
    everybody.chunks(GROUP).for_each(|group| take_in(&engine, group, now));
    let (mut busy, is_done) = (Vec::new(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let (engine, is_done) = (&engine, &is_done);
        let checkpoint = scope.spawn(move || {
            let start = Clock::now();
            engine.checkpoint().expect("the disk has room");
            is_done.store(true, Ordering::Relaxed);
            millis(start)
        });
        while !is_done.load(Ordering::Relaxed) {
            each(&mut host, &mut busy);
        }
        let took = checkpoint.join().expect("it does not panic");
        line("checkpoint of all pages beside a writer", format!("{took:.0} ms"), "");
    });
    line("  an `ingest` waits meanwhile", spread(busy), "a few ms");

    let forgets: [&str; FORGOTTEN] = ["`forget`, much to write before", "`forget`, the next one"];
    for (number, what) in forgets.into_iter().enumerate() {
        let start = Clock::now();
        engine.ingest(Message::forget(name(number)), host.tick()).expect("it can be written");
        line(what, format!("{:.0} ms", millis(start)), "");
    }
    let dead = engine.health().store.map_or(0, |store| store.heap_dead);
    line("bytes on disk each", disk_bytes(folder) / users as u64, "");
    line("  without what a compaction leaves out", (disk_bytes(folder) - dead) / users as u64, "at most 500");
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (part, numbers) = match arguments.split_first() {
        Some((part, numbers)) if part.parse::<usize>().is_err() => (Some(part.as_str()), numbers),
        _ => (None, &arguments[..]),
    };
    let number =
        |place: usize, default: usize| numbers.get(place).and_then(|n| n.parse().ok()).unwrap_or(default);
    let (users, resident) = (number(0, 1_000_000), number(1, 50_000));
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/store-bars"));
    match part {
        Some("fill") => fill_and_compare(&folder, users, resident),
        Some("open") => open(&folder, users, ALL),
        Some("disturb") => disturb(&folder, users, ALL),
        Some(part) => println!("there is no part `{part}`; parts are fill, open and disturb"),
        None => {
            let _ = std::fs::remove_dir_all(&folder);
            println!("{users} users of {EVENTS} events, room for {resident}, {:?}", Durability::default());
            // Each in a process that knows nothing yet.
            for part in ["fill", "open", "disturb", "open"] {
                let program = std::env::current_exe().expect("a program has a name");
                let numbers = [users.to_string(), resident.to_string()];
                let status = Command::new(program).arg(part).args(numbers).status();
                assert!(status.is_ok_and(|status| status.success()), "{part} failed");
            }
            let _ = std::fs::remove_dir_all(&folder);
        }
    }
}
