//! The machine loses its power at any instant: what opens again is the inputs up to one of them, and all of them that
//! were synced.

use crate::stream::{Setting, Step, Stream, digest, give, runs, twin};
use bespoke::engine::{Durability, Engine};
use bespoke::model::Instant;
use bespoke::storage::MemoryDisk;

/// Gives both the same inputs, and takes down those that were taken in.
fn run(
    stream: &mut Stream,
    engines: [&Engine; 2],
    inputs: u32,
    taken: &mut Vec<(Step, Instant)>,
    what: &str,
) {
    let [engine, twin] = engines;
    for _ in 0..inputs {
        let step = stream.step();
        let answer = give(engine, &step, stream.now).map(|(words, _)| words);
        assert_eq!(answer, stream.give(twin, &step), "{what}, input {}", taken.len());
        if twin.sequence() as usize > taken.len() {
            taken.push((step, stream.now));
        }
        assert_eq!(taken.len() as u64, twin.sequence());
        if stream.rng.u32(0..25) == 0 {
            engine.checkpoint().unwrap();
        }
    }
}

/// An engine in memory that saw these inputs only, and whether they changed the definitions.
fn twin_of(taken: &[(Step, Instant)]) -> (Engine, bool) {
    let twin = twin();
    let mut more = false;
    for (step, now) in taken {
        give(&twin, step, *now).unwrap();
        if let Step::Redefine(to) = step {
            more = *to;
        }
    }
    assert_eq!(twin.sequence(), taken.len() as u64);
    (twin, more)
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
    let (mut given, mut taken) = (twin(), Vec::new());
    for cut in 0..4 {
        let what = format!("seed {seed}, cut {cut}, {setting:?}");
        run(&mut stream, [&engine, &given], rng.u32(1..80), &mut taken, &what);
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
        taken.truncate(there as usize);
        (given, stream.more) = twin_of(&taken);
        let is_prefix = digest(&opened) == digest(&given);
        assert!(is_prefix, "{what}: not the state after {there} of {acknowledged} inputs");
        (disk, engine) = (left, opened);
    }
}

#[test]
fn what_was_synced_is_there_after_a_power_cut() {
    (0..runs(20)).for_each(|seed| check(seed, &[Durability::Synced]));
}

#[test]
fn what_was_written_is_there_up_to_some_input_after_a_power_cut() {
    (1_000..1_000 + runs(30)).for_each(|seed| check(seed, &[Durability::Written, Durability::Memory]));
}
