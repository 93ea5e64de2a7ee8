//! The machine loses its power at any instant: what opens again is the inputs up to one of them, and all of them that
//! were synced.

use crate::stream::{Setting, Step, Stream, digest, give, runs, twin};
use bespoke::engine::{Durability, Engine};
use bespoke::model::Instant;
use bespoke::storage::MemoryDisk;

/// What was taken in, and what the state was behind each.
#[derive(Default)]
struct Taken {
    inputs: Vec<(Step, Instant)>,
    /// The state after so many inputs, and which definitions held.
    states: Vec<(String, bool)>,
}

impl Taken {
    /// Gives both the same inputs, and takes down every state that there was.
    fn run(&mut self, stream: &mut Stream, engine: &Engine, twin: &Engine, inputs: u32) {
        for _ in 0..inputs {
            let step = stream.step();
            let answer = give(engine, &step, stream.now).map(|(words, _)| words);
            assert_eq!(answer, stream.give(twin, &step));
            if twin.sequence() as usize == self.states.len() {
                self.inputs.push((step, stream.now));
                self.states.push((digest(twin), stream.more));
            }
            assert_eq!(self.states.len(), twin.sequence() as usize + 1);
            if stream.rng.u32(0..25) == 0 {
                engine.checkpoint().unwrap();
            }
        }
    }

    /// An engine in memory that saw the first inputs only.
    fn prefix(&mut self, inputs: usize) -> Engine {
        self.inputs.truncate(inputs);
        self.states.truncate(inputs + 1);
        let twin = twin();
        for (step, now) in &self.inputs {
            give(&twin, step, *now).unwrap();
        }
        assert_eq!(twin.sequence() as usize, inputs);
        twin
    }
}

/// Opens what the power cut left, under the definitions that hold there.
fn open(setting: &Setting, left: impl Fn() -> MemoryDisk, what: &str) -> (MemoryDisk, Engine) {
    for more in [false, true] {
        let disk = left();
        let engine = setting.open(disk.clone(), more).unwrap_or_else(|error| panic!("{what}: {error}"));
        if engine.opened().redefined.is_none() {
            return (disk, engine);
        }
    }
    panic!("{what}: other definitions than any that were given");
}

fn check(seed: u64, levels: &[Durability]) {
    let rng = &mut fastrand::Rng::with_seed(seed);
    let setting = Setting::any(rng, levels);
    let mut stream = Stream::new(seed, 12);
    let mut disk = MemoryDisk::new();
    let mut engine = setting.open(disk.clone(), false).unwrap();
    let mut given = twin();
    let mut taken = Taken { states: vec![(digest(&given), false)], ..Taken::default() };
    for cut in 0..4 {
        let what = format!("seed {seed}, cut {cut}, {setting:?}");
        taken.run(&mut stream, &engine, &given, rng.u32(1..80));
        let acknowledged = given.sequence();
        let crash = rng.u64(..);
        let (left, opened) = open(&setting, || disk.crash(crash), &what);
        let (there, lost) = (opened.sequence(), opened.opened().lost);
        assert!(there <= acknowledged, "{what}: {there} of {acknowledged} inputs");
        if setting.durability == Durability::Synced {
            assert_eq!((there, lost), (acknowledged, 0), "{what}");
        }
        // It tells of no more than there were; of what no trace is left it cannot tell.
        assert!(lost <= acknowledged - there, "{what}: lost {lost}, and {there} of {acknowledged} are there");
        let (state, more) = &taken.states[there as usize];
        assert!(digest(&opened) == *state, "{what}: not the state after {there} of {acknowledged} inputs");
        stream.more = *more;
        given = taken.prefix(there as usize);
        (disk, engine) = (left, opened);
    }
}

#[test]
fn what_was_synced_is_there_after_a_power_cut() {
    (0..runs(40)).for_each(|seed| check(seed, &[Durability::Synced]));
}

#[test]
fn what_was_written_is_there_up_to_some_input_after_a_power_cut() {
    (1_000..1_000 + runs(60)).for_each(|seed| check(seed, &[Durability::Written, Durability::Memory]));
}
