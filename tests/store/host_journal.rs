//! Inputs in a log of the host's: the same engine, whatever it is stopped by, and never with another log.

use crate::stream::{Setting, Stream, digest, give, runs, twin};
use bespoke::engine::{Durability, Engine, Error};
use bespoke::storage::{
    Error as StorageError, ErrorKind, Groups, Held, Journal, Level, MemoryDisk, MemoryJournal,
};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A log that refuses every few calls.
#[derive(Clone, Debug)]
struct Moody {
    journal: MemoryJournal,
    calls: Arc<AtomicU32>,
    every: u32,
}

impl Moody {
    fn refuse(&self) -> Result<(), StorageError> {
        let calls = self.calls.fetch_add(1, Ordering::Relaxed);
        if calls % self.every == self.every - 1 {
            return Err(StorageError::io("reach", "the log", io::ErrorKind::TimedOut.into()));
        }
        Ok(())
    }
}

impl Journal for Moody {
    fn held(&self) -> Result<Held, StorageError> {
        self.journal.held()
    }

    fn append(&mut self, first: u64, count: u32, payload: &[u8], level: Level) -> Result<(), StorageError> {
        self.refuse()?;
        self.journal.append(first, count, payload, level)
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        self.refuse()
    }

    fn read(&self, from: u64) -> Result<Groups, StorageError> {
        self.journal.read(from)
    }

    fn drop_before(&mut self, input: u64) -> Result<(), StorageError> {
        self.refuse()?;
        self.journal.drop_before(input)
    }
}

fn open(
    disk: &MemoryDisk,
    journal: impl Journal + 'static,
    setting: &Setting,
    more: bool,
) -> Result<Engine, Error> {
    let builder = Engine::builder(crate::stream::definitions(more)).disk(disk.clone()).journal(journal);
    let builder = builder.durability(setting.durability).memory(setting.memory);
    builder.checkpoint_bytes(setting.checkpoint_bytes).open()
}

#[test]
fn it_is_the_same_engine_however_it_is_stopped() {
    for seed in 0..runs(10) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let setting = Setting::any(&mut rng, &[Durability::Written, Durability::Synced]);
        let (mut disk, journal) = (MemoryDisk::new(), MemoryJournal::new());
        let (mut engine, twin) = (open(&disk, journal.clone(), &setting, false).unwrap(), twin());
        let mut stream = Stream::new(seed, 6);
        for _ in 0..200 {
            let step = stream.step();
            let answer = give(&engine, &step, stream.now).map(|(words, _)| words);
            assert_eq!(answer, stream.give(&twin, &step), "seed {seed}: {step:?}");
            if rng.u32(0..25) == 0 {
                drop(engine);
                // The log may be on another machine than the keys and the checkpoint, which lose their power here.
                if rng.bool() {
                    disk = disk.crash(seed);
                }
                engine = open(&disk, journal.clone(), &setting, stream.more).unwrap();
                assert!(digest(&engine) == digest(&twin), "seed {seed}");
            }
        }
        assert!(digest(&engine) == digest(&twin), "seed {seed}");
        assert!(
            !bespoke::storage::Disk::names(&disk).unwrap().iter().any(|name| name.starts_with("journal"))
        );
    }
}

#[test]
fn what_it_refuses_has_not_happened() {
    for seed in 0..runs(6) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let setting = Setting::any(&mut rng, &[Durability::Written, Durability::Synced]);
        let (disk, journal) = (MemoryDisk::new(), MemoryJournal::new());
        let moody = Moody { journal: journal.clone(), calls: Arc::default(), every: 5 };
        let (engine, twin) = (open(&disk, moody, &setting, false).unwrap(), twin());
        let mut stream = Stream::new(seed, 6);
        let mut refused = 0;
        for _ in 0..150 {
            let step = stream.step();
            if step.is_forget() {
                continue;
            }
            let mut answer = give(&engine, &step, stream.now).map(|(words, _)| words);
            if matches!(&answer, Err(Error::Storage(error)) if error.io_kind() == Some(io::ErrorKind::TimedOut))
            {
                refused += 1;
                answer = give(&engine, &step, stream.now).map(|(words, _)| words);
            }
            assert_eq!(answer, stream.give(&twin, &step), "seed {seed}: {step:?}");
        }
        assert!(refused > 5, "seed {seed}: {refused}");
        assert!(digest(&engine) == digest(&twin), "seed {seed}");
        drop(engine);
        assert!(
            digest(&open(&disk, journal, &setting, stream.more).unwrap()) == digest(&twin),
            "seed {seed}"
        );
    }
}

#[test]
fn a_log_that_is_not_the_one_of_the_store_is_refused() {
    let setting = Setting { durability: Durability::Written, memory: usize::MAX, checkpoint_bytes: u64::MAX };
    let (disk, journal) = (MemoryDisk::new(), MemoryJournal::new());
    let engine = open(&disk, journal.clone(), &setting, false).unwrap();
    let mut stream = Stream::new(3, 6);
    for _ in 0..20 {
        let step = stream.step();
        let _ = give(&engine, &step, stream.now);
    }
    engine.checkpoint().unwrap();
    let refused = |opened: Result<Engine, Error>| match opened {
        Err(Error::Storage(error)) => (error.kind(), error.to_string()),
        opened => panic!("{opened:?}"),
    };
    drop(engine);
    let (kind, words) = refused(open(&disk, MemoryJournal::new(), &setting, false));
    assert_eq!(kind, ErrorKind::Corrupt);
    assert!(
        words.starts_with("cannot read `the journal` at byte 0: the checkpoint goes up to input"),
        "{words}"
    );
    let (_, words) = refused(setting.open(disk.clone(), false));
    assert!(words.contains("its inputs are in a journal of the host's"), "{words}");
    let other = MemoryDisk::new();
    drop(setting.open(other.clone(), false).unwrap());
    let (_, words) = refused(open(&other, MemoryJournal::new(), &setting, false));
    assert!(words.contains("its inputs are in its own files"), "{words}");
    let alone = Engine::builder(crate::stream::definitions(false)).journal(MemoryJournal::new()).open();
    assert!(refused(alone).1.contains("keys and checkpoints need a store"));
    // What is lost is accepted by whoever says so, and it goes on behind the checkpoint.
    let journal = MemoryJournal::new();
    let builder = Engine::builder(crate::stream::definitions(stream.more)).disk(disk.clone());
    let engine = builder.journal(journal.clone()).accept_lost_tail().open().unwrap();
    let before = engine.sequence();
    engine.advance(stream.now).unwrap();
    drop(engine);
    let engine = open(&disk, journal, &setting, stream.more).unwrap();
    assert_eq!(engine.sequence(), before + 1);
}
