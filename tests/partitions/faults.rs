//! Every call of the disk fails once, one after the other, also in the middle of moves: nobody is lost and nobody is there
//! twice, whether the process goes on or ends.

use crate::known::{Inputs, Told, assert_same, give, known};
use crate::reopened::open;
use crate::stream::{Setting, Step, definitions, is_of_the_store, runs};
use bespoke::engine::{Durability, Engine};
use bespoke::storage::{Fault, FaultyDisk, MemoryDisk};
use std::io::ErrorKind;

const USERS: u32 = 6;

#[derive(Clone, Copy, Debug)]
struct Run {
    seed: u64,
    setting: Setting,
    fault: Option<(u64, Fault)>,
    /// The process ends after what failed, and the next one goes on.
    ends: bool,
}

impl Run {
    /// Runs a stream; gives how many calls there were.
    fn run(&self) -> u64 {
        let inner = MemoryDisk::new();
        let disk = FaultyDisk::new(inner.clone());
        let one = Engine::builder(definitions(false)).open().unwrap();
        let mut several = open(&self.setting, disk.clone(), false, Some(3)).unwrap();
        let begun = disk.calls();
        if let Some((call, fault)) = self.fault {
            disk.fail(begun + call, fault);
        }
        let mut inputs = Inputs::new(self.seed, USERS);
        let (mut expected, mut told) = (Told::default(), Told::default());
        let mut is_told = true;
        for _ in 0..40 {
            let step = inputs.step();
            let now = inputs.stream.now;
            let answer = give(&one, &step, now, &mut expected);
            let handed_out = expected.handed_out.clone();
            if matches!(step, Step::Outbox) {
                // What some partitions handed out is told, also where another one could not write that it did.
                disk.heal();
            }
            let mut found = give(&several, &step, now, &mut told);
            if found.as_ref().is_err_and(is_of_the_store) {
                // What a process that ended was about to tell is told to nobody.
                is_told &= !self.ends && !step.is_forget();
                disk.heal();
                if self.ends {
                    drop(several);
                    several = open(&self.setting, disk.clone(), inputs.stream.more, None)
                        .unwrap_or_else(|error| panic!("{self:?}: {error}"));
                }
                found = give(&several, &step, now, &mut told);
            }
            assert_eq!(found, answer, "{self:?}: {step:?}");
            inputs.note(&step, &handed_out);
            expected.handed_out.clear();
            told.handed_out.clear();
        }
        let calls = disk.calls() - begun;
        disk.heal();
        let now = inputs.stream.now;
        for (engine, told) in [(&one, &mut expected), (&several, &mut told)] {
            give(engine, &Step::Advance, now, told).unwrap();
        }
        if is_told {
            assert_same(&told.take().lines, &expected.take().lines, &format!("{self:?}"));
        }
        let expected = known(&one, USERS);
        assert_same(&known(&several, USERS), &expected, &format!("{self:?}"));
        drop(several);
        let several = open(&self.setting, inner, inputs.stream.more, None).unwrap();
        assert_same(&known(&several, USERS), &expected, &format!("{self:?}, opened again"));
        calls
    }
}

fn check(level: Durability, ends: bool) {
    for seed in 0..runs(2) {
        let rng = &mut fastrand::Rng::with_seed(seed ^ level as u64);
        let setting =
            Setting { durability: level, memory: 0, checkpoint_bytes: [700, u64::MAX][seed as usize % 2] };
        let run = Run { seed, setting, fault: None, ends };
        let count = run.run();
        let step = (count / 30).max(1);
        for call in (rng.u64(0..step)..count).step_by(step as usize) {
            let kind = [ErrorKind::StorageFull, ErrorKind::PermissionDenied][rng.usize(0..2)];
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
fn a_call_that_fails_loses_nobody() {
    for level in [Durability::Memory, Durability::Written, Durability::Synced] {
        check(level, false);
    }
}

#[test]
fn a_call_that_fails_loses_nobody_for_the_next_process() {
    for level in [Durability::Written, Durability::Synced] {
        check(level, true);
    }
}
