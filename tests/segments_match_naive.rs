//! Every membership change of random definitions over random messages, to the millisecond, compared with an
//! evaluator that knows only the text of the specification and recomputes everything each time.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

mod naive;
/// The twin's own tests run here only, not in every file that asks it.
#[path = "naive/tests/mod.rs"]
mod twin;

use fastrand::Rng;
use naive::{generate, inputs, law};

/// `SEEDS` asks for more scenarios than the test runs by itself, `FROM` for others.
fn seeds(default: u64) -> std::ops::Range<u64> {
    let number =
        |name: &str, default: u64| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    let from = number("FROM", 0);
    from..from + number("SEEDS", default)
}

#[test]
fn every_change_at_its_own_instant() {
    let (seeds, mut reports) = (seeds(400), 0);
    for seed in seeds.clone() {
        reports += law::check(&format!("seed {seed}"), &generate::scenario(seed));
    }
    assert!(reports > 2 * seeds.count(), "the scenarios are too quiet to prove anything");
}

/// The same with other definitions while it runs.
#[test]
fn every_change_under_other_definitions() {
    let (seeds, mut reports) = (seeds(200), 0);
    for seed in seeds.clone() {
        reports += law::check(&format!("seed {seed}"), &generate::redefined(seed));
    }
    assert!(reports > 2 * seeds.count(), "the scenarios are too quiet to prove anything");
}

/// A host that wakes up more often sees the same; and two runs end in the same state, byte for byte.
#[test]
fn how_often_the_host_wakes_up_changes_nothing() {
    for seed in seeds(100) {
        let scenario = generate::redefined(seed);
        let run = |scenario| law::engine(scenario).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let once = run(&scenario);
        assert!(once == run(&scenario), "seed {seed}: two runs differ");
        let restless = run(&inputs::restless(&mut Rng::with_seed(seed), &scenario));
        assert_eq!(once.reports, restless.reports, "seed {seed}");
    }
}
