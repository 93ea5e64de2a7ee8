//! Every call of the disk fails once, one after the other: what failed changed nothing and works once the disk does.

use crate::stream::{Setting, Stream, digest, give, is_of_the_store, runs, twin};
use bespoke::engine::{Durability, Engine, Error};
use bespoke::storage::{Fault, FaultyDisk, MemoryDisk};
use std::io::ErrorKind;

/// Calls of the disk: those that change something, or those that only look.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Calls {
    Changes,
    Looks,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    seed: u64,
    setting: Setting,
    calls: Calls,
    fault: Option<(u64, Fault)>,
    /// The process ends after what failed, and the next one goes on.
    ends: bool,
}

impl Run {
    fn open(&self, disk: &FaultyDisk, more: bool) -> Engine {
        self.setting.open(disk.clone(), more).unwrap_or_else(|error| {
            self.expect_of_store(&error);
            disk.heal();
            self.setting.open(disk.clone(), more).unwrap_or_else(|error| panic!("{self:?}: {error}"))
        })
    }

    fn expect_of_store(&self, error: &Error) {
        let Error::Storage(error) = error else { panic!("{self:?}: {error}") };
        assert_eq!(error.kind(), bespoke::storage::ErrorKind::Io, "{self:?}: {error}");
    }

    fn check_state(&self, engine: &Engine, twin: &Engine) {
        assert!(digest(engine) == digest(twin), "{self:?}: another state after input {}", twin.sequence());
    }

    /// Runs the stream; gives how many calls there were.
    fn run(&self) -> u64 {
        let inner = MemoryDisk::new();
        let disk = FaultyDisk::new(inner.clone());
        match (self.fault, self.calls) {
            (Some((call, fault)), Calls::Changes) => disk.fail(call, fault),
            (Some((call, fault)), Calls::Looks) => disk.fail_look(call, fault),
            (None, _) => {}
        }
        let twin = twin();
        let mut stream = Stream::new(self.seed, 5);
        let mut engine = self.open(&disk, false);
        for number in 0..30 {
            let step = stream.step();
            let mut answer = give(&engine, &step, stream.now).map(|(words, _)| words);
            if let Err(error) = &answer
                && is_of_the_store(error)
            {
                self.expect_of_store(error);
                if std::env::var_os("STORE_SHOW").is_some() {
                    println!("{:?}: {step:?}: {error}", self.fault);
                }
                // The one thing that is not undone: only the bytes of a user who is forgotten may still be there.
                let is_forgotten = error.to_string().contains("is forgotten");
                assert!(!is_forgotten || step.is_forget(), "{self:?}: {step:?} was given `{error}`");
                disk.heal();
                if is_forgotten {
                    answer = stream.give(&twin, &step);
                }
                self.check_state(&engine, &twin);
                if self.ends {
                    drop(engine);
                    engine = self.open(&disk, stream.more);
                    self.check_state(&engine, &twin);
                }
                if !is_forgotten {
                    answer = give(&engine, &step, stream.now).map(|(words, _)| words);
                    assert_eq!(answer, stream.give(&twin, &step), "{self:?}");
                }
            } else {
                assert_eq!(answer, stream.give(&twin, &step), "{self:?}");
            }
            drop(answer);
            if number % 7 == 5
                && let Err(error) = engine.checkpoint()
            {
                self.expect_of_store(&error);
                self.check_after(&disk, &engine, &twin);
                engine.checkpoint().unwrap_or_else(|error| panic!("{self:?}: {error}"));
            }
            match engine.profile("user-1") {
                Ok(profile) => assert_eq!(profile, twin.profile("user-1").unwrap()),
                Err(error) => {
                    self.expect_of_store(&error);
                    self.check_after(&disk, &engine, &twin);
                }
            }
        }
        let calls = if self.calls == Calls::Changes { disk.calls() } else { disk.looks() };
        disk.heal();
        self.check_state(&engine, &twin);
        if self.setting.durability == Durability::Synced {
            let left = inner.crash(self.seed);
            self.check_state(&self.setting.open(left, stream.more).unwrap(), &twin);
        }
        drop(engine);
        self.check_state(&self.setting.open(inner, stream.more).unwrap(), &twin);
        calls
    }

    fn check_after(&self, disk: &FaultyDisk, engine: &Engine, twin: &Engine) {
        disk.heal();
        self.check_state(engine, twin);
    }
}

fn check(calls: Calls, level: Durability, ends: bool) {
    for seed in 0..runs(1) {
        let rng = &mut fastrand::Rng::with_seed(seed ^ level as u64);
        let setting =
            Setting { durability: level, memory: 0, checkpoint_bytes: [700, 3_000][rng.usize(0..2)] };
        let run = Run { seed, setting, calls, fault: None, ends };
        let count = run.run();
        assert!(count > 20, "{run:?}: {count} calls are few");
        let step = if std::env::var("STORE_RUNS").is_ok() { 1 } else { (count / 60).max(1) };
        for call in (rng.u64(0..step)..count).step_by(step as usize) {
            let kind =
                [ErrorKind::StorageFull, ErrorKind::PermissionDenied, ErrorKind::Other][rng.usize(0..3)];
            let fault = if rng.bool() { Fault::once(kind) } else { Fault::lasting(kind) };
            let fault = match rng.u32(0..3) {
                0 => fault,
                1 => fault.halfway(),
                _ => fault.when_done(),
            };
            Run { fault: Some((call, fault)), ..run }.run();
        }
    }
}

#[test]
fn a_call_that_fails_at_level_memory_changes_nothing() {
    check(Calls::Changes, Durability::Memory, false);
}

#[test]
fn a_call_that_fails_at_level_written_changes_nothing() {
    check(Calls::Changes, Durability::Written, false);
}

#[test]
fn a_call_that_fails_at_level_synced_changes_nothing() {
    check(Calls::Changes, Durability::Synced, false);
}

#[test]
fn what_was_refused_is_not_there_for_the_next_process() {
    check(Calls::Changes, Durability::Written, true);
    check(Calls::Changes, Durability::Synced, true);
}

#[test]
fn a_read_that_fails_changes_nothing() {
    check(Calls::Looks, Durability::Written, false);
}
