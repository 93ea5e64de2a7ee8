//! What the store costs: messages taken in by level, group and threads, beside the same bytes appended to a plain file in
//! the same run; recovery by profiles and by the length of the journal; checkpoints. Read the median of `elem/s`, and
//! the ratios within one run.
//!
//! Everything is in a folder below `target/`, which must not be on a file system in memory: there a sync costs nothing,
//! and whatever needs one looks free.
#![allow(missing_docs)] // criterion's macros make public items

#[allow(dead_code)] // `run` is for a partition without a store
mod shop;

use bespoke::engine::{Durability, Engine, EngineBuilder};
use bespoke::model::{Instant, Message};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::fs::{self, File};
use std::hint::black_box;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant as Clock};

/// Users of the streams that are taken in, with twenty messages each.
const USERS: usize = 1_000;
/// Messages of a stream of which each is synced by itself.
const SYNCED: usize = 500;
const GROUP: usize = 256;
const NOW: Instant = Instant::from_millis(1_795_428_000_000);

/// A folder of its own, which goes with the value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/bench-store");
        // One that was stopped left it.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("target can be written to");
        Folder(folder)
    }

    fn builder(&self) -> EngineBuilder {
        Engine::builder(shop::definitions()).store(&self.0)
    }

    fn engine(&self, level: Option<Durability>) -> Engine {
        let builder = match level {
            Some(level) => self.builder().durability(level),
            None => Engine::builder(shop::definitions()),
        };
        builder.open().expect("the folder can be written to")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn name(level: Option<Durability>) -> String {
    level.map_or("no store".into(), |level| format!("{level:?}").to_lowercase())
}

const LEVELS: [Option<Durability>; 4] =
    [None, Some(Durability::Memory), Some(Durability::Written), Some(Durability::Synced)];

fn ingest_each(engine: &Engine, messages: &[Message]) {
    for message in messages {
        let now = message.timestamp.unwrap_or(NOW);
        black_box(engine.ingest(message, now)).expect("these messages are sound");
    }
}

fn ingest_groups(engine: &Engine, messages: &[Message]) {
    for group in messages.chunks(GROUP) {
        let now = group.last().and_then(|message| message.timestamp).unwrap_or(NOW);
        for answer in engine.ingest_all(group, now) {
            black_box(answer).expect("these messages are sound");
        }
    }
}

/// Times what is done to a new engine, which is opened and dropped apart.
fn time(rounds: u64, level: Option<Durability>, work: impl Fn(&Engine)) -> Duration {
    let mut spent = Duration::ZERO;
    for _ in 0..rounds {
        let folder = Folder::new();
        let engine = folder.engine(level);
        let start = Clock::now();
        work(&engine);
        spent += start.elapsed();
        drop(engine);
    }
    spent
}

fn short<'a>(c: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = c.benchmark_group(name);
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    group
}

fn ingest(c: &mut Criterion) {
    let messages = shop::messages(USERS);
    let journal = journal_bytes(&messages);

    let mut group = short(c, "ingest, one a call");
    for level in LEVELS {
        let is_synced = level == Some(Durability::Synced);
        let messages = if is_synced { &messages[..SYNCED] } else { &messages };
        group.throughput(Throughput::Elements(messages.len() as u64));
        group.bench_function(name(level), |b| {
            b.iter_custom(|rounds| time(rounds, level, |engine| ingest_each(engine, messages)));
        });
    }
    plain_file(&mut group, &journal, messages.len(), 1);
    group.finish();

    let mut group = short(c, "ingest, 256 a call");
    for level in LEVELS {
        group.throughput(Throughput::Elements(messages.len() as u64));
        group.bench_function(name(level), |b| {
            b.iter_custom(|rounds| time(rounds, level, |engine| ingest_groups(engine, &messages)));
        });
    }
    plain_file(&mut group, &journal, messages.len(), GROUP);
    group.finish();
}

/// What the journal holds once these messages are in it.
fn journal_bytes(messages: &[Message]) -> Vec<u8> {
    let folder = Folder::new();
    let engine = folder.builder().checkpoint_bytes(u64::MAX).open().expect("the folder can be written to");
    ingest_groups(&engine, messages);
    drop(engine);
    let names =
        fs::read_dir(&folder.0).expect("it was made").map(|entry| entry.expect("it can be read").path());
    let mut files: Vec<PathBuf> = names
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("journal-")))
        .collect();
    files.sort();
    files.iter().flat_map(|path| fs::read(path).expect("it can be read")).collect()
}

/// The limit: as many bytes as the journal has, in as many writes, by nobody who knows what they are; and the same
/// bytes sealed before.
fn plain_file(group: &mut BenchmarkGroup<'_, WallTime>, journal: &[u8], messages: usize, at_once: usize) {
    let share = journal.len().div_ceil(messages);
    for (name, seals, syncs) in [
        ("plain file, write", false, false),
        ("plain file, seal and write", true, false),
        ("plain file, write and sync", false, true),
    ] {
        let count = if syncs && at_once == 1 { SYNCED } else { messages };
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(name, |b| {
            b.iter_custom(|rounds| {
                let mut spent = Duration::ZERO;
                let mut sealed = Vec::new();
                for _ in 0..rounds {
                    let folder = Folder::new();
                    let mut file =
                        File::create(folder.0.join("plain")).expect("the folder can be written to");
                    let start = Clock::now();
                    for (number, bytes) in journal[..share * count.min(journal.len() / share)]
                        .chunks(share * at_once)
                        .enumerate()
                    {
                        sealed.clear();
                        let bytes = if seals { seal(bytes, share, number, &mut sealed) } else { bytes };
                        file.write_all(bytes).expect("the disk has room");
                        if syncs {
                            file.sync_data().expect("the disk syncs");
                        }
                    }
                    spent += start.elapsed();
                }
                spent
            });
        });
    }
}

/// Each message's share under a key of its own, as the engine does it.
fn seal<'a>(bytes: &[u8], share: usize, number: usize, sealed: &'a mut Vec<u8>) -> &'a [u8] {
    use chacha20::cipher::{KeyIvInit, StreamCipher};
    sealed.extend_from_slice(bytes);
    for (place, share) in sealed.chunks_mut(share).enumerate() {
        let key = [number as u8 ^ place as u8; 32];
        chacha20::ChaCha20::new((&key).into(), (&[7; 12]).into()).apply_keystream(share);
    }
    sealed
}

fn threads(c: &mut Criterion) {
    let mut messages = shop::messages(USERS);
    messages.iter_mut().for_each(|message| message.timestamp = None);
    for level in [Durability::Written, Durability::Synced] {
        let messages = if level == Durability::Synced { &messages[..8 * SYNCED] } else { &messages[..] };
        let mut group = short(c, &format!("ingest by threads, {}", name(Some(level))));
        for threads in [1, 8] {
            // As many for each thread however many there are.
            let share = messages.len() / 8;
            group.throughput(Throughput::Elements((threads * share) as u64));
            group.bench_function(BenchmarkId::from_parameter(threads), |b| {
                b.iter_custom(|rounds| {
                    time(rounds, Some(level), |engine| {
                        std::thread::scope(|scope| {
                            for share in messages.chunks(share).take(threads) {
                                scope.spawn(move || ingest_each(engine, share));
                            }
                        });
                    })
                });
            });
        }
        group.finish();
    }
}

fn time_open(rounds: u64, folder: &Folder) -> Duration {
    let mut spent = Duration::ZERO;
    for _ in 0..rounds {
        let start = Clock::now();
        let engine = folder.builder().open().expect("it was written");
        spent += start.elapsed();
        drop(black_box(engine));
    }
    spent
}

fn open(c: &mut Criterion) {
    let mut group = short(c, "open, by profiles in the checkpoint");
    for users in [1_000, 10_000, 100_000] {
        let folder = Folder::new();
        let engine = folder.engine(Some(Durability::Memory));
        ingest_groups(&engine, &shop::messages(users));
        engine.checkpoint().expect("the disk has room");
        drop(engine);
        group.throughput(Throughput::Elements(users as u64));
        group.bench_function(BenchmarkId::from_parameter(users), |b| {
            b.iter_custom(|rounds| time_open(rounds, &folder));
        });
    }
    group.finish();

    let mut group = short(c, "open, by inputs in the journal");
    for users in [500, 5_000] {
        let folder = Folder::new();
        let messages = shop::messages(users);
        let engine =
            folder.builder().checkpoint_bytes(u64::MAX).open().expect("the folder can be written to");
        ingest_groups(&engine, &messages);
        drop(engine);
        group.throughput(Throughput::Elements(messages.len() as u64));
        group.bench_function(BenchmarkId::from_parameter(messages.len()), |b| {
            b.iter_custom(|rounds| time_open(rounds, &folder));
        });
    }
    group.finish();
}

/// An engine of so many users with a checkpoint, and a message for each of them.
fn checkpointed(folder: &Folder, users: usize) -> (Engine, Vec<Message>) {
    let engine = folder.engine(Some(Durability::Memory));
    ingest_groups(&engine, &shop::messages(users));
    engine.checkpoint().expect("the disk has room");
    let touch = (0..users).map(|user| Message::track(format!("user-{user}"), "search"));
    (engine, touch.collect())
}

fn checkpoint(c: &mut Criterion) {
    let mut group = short(c, "checkpoint, by profiles that changed");
    for users in [1_000, 10_000, 100_000] {
        let folder = Folder::new();
        let (engine, touch) = checkpointed(&folder, users);
        group.throughput(Throughput::Elements(users as u64));
        group.bench_function(BenchmarkId::from_parameter(users), |b| {
            b.iter_custom(|rounds| {
                let mut spent = Duration::ZERO;
                for _ in 0..rounds {
                    ingest_groups(&engine, &touch);
                    let start = Clock::now();
                    engine.checkpoint().expect("the disk has room");
                    spent += start.elapsed();
                }
                spent
            });
        });
    }
    group.finish();

    let mut group = short(c, "worst wait of a writer beside a checkpoint, by profiles that changed");
    for users in [1_000, 10_000] {
        let folder = Folder::new();
        let (engine, touch) = checkpointed(&folder, users);
        group.bench_function(BenchmarkId::from_parameter(users), |b| {
            b.iter_custom(|rounds| (0..rounds).map(|_| worst_wait(&engine, &touch)).sum());
        });
    }
    group.finish();
}

/// The longest that one message waits while another thread takes a checkpoint of everybody.
fn worst_wait(engine: &Engine, touch: &[Message]) -> Duration {
    ingest_groups(engine, touch);
    let mut worst = Duration::ZERO;
    std::thread::scope(|scope| {
        let checkpoint = scope.spawn(|| engine.checkpoint().expect("the disk has room"));
        for message in touch.iter().cycle() {
            if checkpoint.is_finished() {
                break;
            }
            let start = Clock::now();
            black_box(engine.ingest(message, NOW)).expect("these messages are sound");
            worst = worst.max(start.elapsed());
        }
    });
    worst
}

criterion_group!(benches, ingest, threads, open, checkpoint);
criterion_main!(benches);
