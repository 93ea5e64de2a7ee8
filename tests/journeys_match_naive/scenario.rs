//! Random journeys and messages, all of them from a seed.

use crate::rules::{Journey, Occurrence, Reentry, Step};
use crate::twin::{Happening, Millis, What};
use fastrand::Rng;

#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) journeys: Vec<Journey>,
    pub(crate) happenings: Vec<Happening>,
    pub(crate) until: Millis,
}

const MINUTE: Millis = 60_000;
/// 2026-11-23T10:00:00Z
const START: Millis = 1_795_428_000_000;
const WAITS: [i64; 5] = [10, 20, 60, 150, 400];

/// What begins a journey, what a wait waits for, and what ends one.
const BEGINS: [&str; 2] = ["add", "view"];
const AWAITED: [&str; 2] = ["click", "read"];
const ENDS: [&str; 2] = ["buy", "leave"];
/// Any of them, where one event may do several things.
const ALL: [&str; 6] = ["add", "view", "click", "read", "buy", "leave"];

/// What happens in a scenario.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Each event does one thing, and comes at its instant.
    Plain,
    /// Some of what begins and ends journeys comes late. What waits wait for does not: the specification does not say what
    /// that would do.
    Late,
    /// One event ends instances, is waited for and begins journeys, in this order.
    Mixed,
}

impl Scenario {
    pub(crate) fn new(seed: u64, kind: Kind) -> Scenario {
        let rng = &mut Rng::with_seed(seed);
        let journeys = (0..rng.usize(1..4)).map(|_| journey(rng, kind)).collect();
        let mut now = START;
        let mut happenings = Vec::new();
        for _ in 0..rng.usize(4..60) {
            // Most gaps are on the grid of the waits, so that much falls together.
            now += [0, 5, 10, 10, 20, 40, 60, 200][rng.usize(..8)] * MINUTE + one(rng, &[0, 0, 0, 1, 777]);
            let user = one(rng, &["ada", "bob", "cy"]);
            let what = match rng.u32(0..12) {
                0 => What::Tier(one(rng, &["gold", "none"])),
                of => What::Event {
                    event: match of {
                        1..6 => one(rng, &BEGINS),
                        6..10 => one(rng, &AWAITED),
                        _ => one(rng, &ENDS),
                    },
                    cart: one(rng, &["c1", "c2"]),
                    value: rng.i64(0..40),
                },
            };
            let may_be_late = matches!(what, What::Event { event, .. } if !AWAITED.contains(&event));
            let late = if kind == Kind::Late && may_be_late && rng.u32(0..4) == 0 {
                rng.i64(0..80) * MINUTE
            } else {
                0
            };
            happenings.push(Happening { at: now - late, user, what });
        }
        Scenario { journeys, happenings, until: now + 3_000 * MINUTE }
    }
}

fn one<T: Copy>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.usize(..of.len())]
}

fn journey(rng: &mut Rng, kind: Kind) -> Journey {
    let events = |of: &'static [&'static str; 2]| if kind == Kind::Mixed { &ALL[..] } else { &of[..] };
    let (begins, awaited, ends) = (events(&BEGINS), events(&AWAITED), events(&ENDS));
    let is_keyed = rng.bool();
    let reentry = match rng.u32(0..6) {
        0 => Reentry::AfterExit,
        1 => Reentry::Once,
        2 => Reentry::After(one(rng, &[10, 60, 300])),
        3 | 4 => Reentry::Restart,
        _ => Reentry::Parallel(rng.usize(1..4)),
    };
    let enter = Occurrence { is_keyed, ..occurrence(rng, begins, is_keyed) };
    let exit = (0..rng.usize(0..3)).map(|_| occurrence(rng, ends, is_keyed)).collect();
    let goal = (rng.u32(0..3) == 0)
        .then(|| (occurrence(rng, ends, is_keyed), one(rng, &[None, Some(30), Some(240)])));
    let count = rng.usize(1..8);
    let mut steps = Vec::new();
    while steps.len() < count {
        let next = step(rng, (steps.len(), count), awaited, is_keyed);
        steps.push(next);
    }
    Journey { enter, reentry, exit, goal, steps }
}

fn occurrence(rng: &mut Rng, of: &[&'static str], is_keyed: bool) -> Occurrence {
    Occurrence {
        event: one(rng, of),
        least_value: one(rng, &[None, None, Some(20)]),
        is_keyed: is_keyed && rng.bool(),
    }
}

fn step(rng: &mut Rng, (place, count): (usize, usize), awaited: &[&'static str], is_keyed: bool) -> Step {
    let later = rng.usize(place + 1..count + 1);
    let way = |rng: &mut Rng| rng.bool().then(|| rng.usize(place + 1..count + 1));
    match rng.u32(0..12) {
        0..3 => Step::Wait(one(rng, &WAITS)),
        3..6 => Step::WaitFor {
            is_all: rng.u32(0..3) == 0,
            conditions: (0..rng.usize(1..4)).map(|_| occurrence(rng, awaited, is_keyed)).collect(),
            timeout: one(rng, &WAITS),
            then: way(rng),
            otherwise: way(rng),
        },
        6 => {
            let other = way(rng).map(|to| ("none", to));
            Step::Branch([("gold", later)].into_iter().chain(other).collect())
        }
        7 => Step::SetTier(one(rng, &["gold", "none"])),
        8 if place + 1 < count => Step::Goto(later),
        _ => Step::Send(one(rng, &["push", "email"])),
    }
}
