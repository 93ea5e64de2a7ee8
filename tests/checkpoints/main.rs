//! Whatever bytes a model is given for a checkpoint, it refuses them and is as before, or goes on from them like one that
//! learned.
//!
//! `CASES` asks for more of each kind than the tests run by themselves, `FROM` for others.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)] // a test may stop at what should not be

mod law;
mod mutation;
mod world;

use fastrand::Rng;
use law::KINDS;
use mutation::mutated;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|number| number.parse().ok()).unwrap_or(default)
}

/// Checkpoints of models that learned more or less, in all stages of their long work.
fn checkpoints(kind: usize) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for (seed, (count, steps)) in
        (1..).zip([(0, 0), (3, 2), (40, 0), (40, 3), (40, 9), (40, 14), (120, 1_000)])
    {
        let mut bytes = Vec::new();
        match kind.checked_sub(world::RECOMMENDERS.len()) {
            None => world::learned(world::RECOMMENDERS[kind], seed, count, steps).checkpoint(&mut bytes),
            Some(place) => {
                world::learned_policy(world::POLICIES[place], seed, count as u64).checkpoint(&mut bytes)
            }
        }
        all.push(bytes);
    }
    all
}

#[test]
fn what_was_written_is_read() {
    for kind in 0..KINDS {
        for bytes in checkpoints(kind) {
            assert!(law::check(kind, &bytes), "kind {kind}");
        }
    }
}

#[test]
fn what_was_not_written_harms_nobody() {
    let (from, cases) = (number("FROM", 0), number("CASES", 60));
    for kind in 0..KINDS {
        let written = checkpoints(kind);
        let mut read = 0;
        for seed in from..from + cases {
            let mut random = Rng::with_seed(seed.wrapping_mul(KINDS as u64) + kind as u64);
            let bytes = mutated(&written, &mut random);
            let outcome = std::panic::catch_unwind(|| law::check(kind, &bytes));
            let is_read = outcome.unwrap_or_else(|_| panic!("kind {kind}, seed {seed}"));
            read += u64::from(is_read);
        }
        // Else only what refuses is tested.
        assert!(cases < 50 || read > cases / 50, "{read} of {cases} were read by kind {kind}");
    }
}
