use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

impl<K: Copy + Ord> TimingWheel<K> {
    /// Names the invariant that broke.
    pub(crate) fn validate(&self) -> Result<(), &'static str> {
        let ensure = |holds: bool, name| if holds { Ok(()) } else { Err(name) };
        ensure(self.anchor < self.front_end && self.anchor <= self.clock, "1. anchor")?;
        let front = || self.run.iter().chain(self.inbox.iter().map(|hint| &hint.0)).copied();
        ensure(front().all(|(tick, _)| tick < self.front_end), "2. the front's end")?;
        let (mut len, mut next) = (front().count(), front().map(|hint| hint.0).min().unwrap_or(u64::MAX));
        for (index, bucket) in self.buckets.iter().enumerate() {
            let at = (index / SLOTS, index % SLOTS);
            if bucket.len() > 0 {
                ensure(bucket.min() >= self.front_end, "2. the buckets' begin")?;
                ensure(place_of(bucket.min(), self.anchor) == at, "3. a bucket's place")?;
            }
            next = next.min(bucket.min());
            ensure((self.occupied[at.0] >> at.1 & 1 == 1) == (bucket.len() > 0), "4. occupied")?;
            len += bucket.len();
        }
        ensure(self.run.is_sorted_by(|a, b| a > b), "5. the run's order")?;
        ensure(self.next == next && self.len == len, "6. next and len")?;
        ensure(self.piece.is_empty(), "7. the piece")
    }
}

/// A wheel and its owner, beside a reference that keeps every deadline in order.
struct Pair {
    wheel: TimingWheel<u32>,
    deadlines: BTreeMap<u32, Instant>,
    queue: BTreeSet<(Instant, u32)>,
    clock: Instant,
}

#[derive(Clone, Debug)]
enum Op {
    Set(u32, i64),
    Nudge(u32, i64),
    Cancel(u32),
    ScheduleInVain(u32, i64),
    Poll(i64),
    Batches(i64, usize, Option<(u32, i64)>),
}

/// Milliseconds of every magnitude, from one to ten thousand years.
fn span() -> impl Strategy<Value = i64> {
    (0_u32..49, 0_i64..1 << 49).prop_map(|(bits, random)| (random & ((1 << bits) - 1)) + (1 << bits) / 2)
}

fn due() -> impl Strategy<Value = i64> {
    prop_oneof![8 => span(), 4 => 0_i64..200, 1 => -100_i64..1, 1 => span().prop_map(|ms| -ms), 1 => Just(i64::MAX)]
}

fn op() -> impl Strategy<Value = Op> {
    let key = || 0_u32..60;
    let moment = || prop_oneof![4 => 0_i64..100, 3 => span(), 1 => -50_i64..0];
    prop_oneof![
        8 => (key(), due()).prop_map(|(key, ms)| Op::Set(key, ms)),
        4 => (key(), -300_i64..3_000).prop_map(|(key, ms)| Op::Nudge(key, ms)),
        1 => key().prop_map(Op::Cancel),
        1 => (key(), due()).prop_map(|(key, ms)| Op::ScheduleInVain(key, ms)),
        2 => moment().prop_map(Op::Poll),
        3 => (moment(), 1_usize..9, prop::option::of((key(), -5_i64..99)))
            .prop_map(|(ms, n, set)| Op::Batches(ms, n, set)),
    ]
}

fn after(instant: Instant, ms: i64) -> Instant {
    Instant::from_millis(instant.as_millis().saturating_add(ms))
}

impl Pair {
    fn new(clock: Instant) -> Pair {
        let (deadlines, queue) = (BTreeMap::new(), BTreeSet::new());
        Pair { wheel: TimingWheel::new(clock), deadlines, queue, clock }
    }

    fn set(&mut self, key: u32, due: Instant) {
        let before = self.deadlines.insert(key, due);
        if before.is_none_or(|before| due < before) {
            self.wheel.schedule(due, key);
        }
        before.map(|before| self.queue.remove(&(before, key)));
        self.queue.insert((due, key));
    }

    fn clear(&mut self, key: u32) {
        let before = self.deadlines.remove(&key);
        before.map(|before| self.queue.remove(&(before, key)));
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Set(key, ms) => self.set(key, after(self.clock, ms)),
            Op::Nudge(key, ms) => {
                if let Some(due) = self.deadlines.get(&key) {
                    self.set(key, after(*due, ms));
                }
            }
            Op::Cancel(key) => self.clear(key),
            Op::ScheduleInVain(key, ms) => self.wheel.schedule(after(self.clock, ms), key),
            Op::Poll(ms) => {
                let until = after(self.clock, ms);
                self.clock = self.clock.max(until);
                let mut out = Vec::new();
                self.wheel.poll(until, |key| self.deadlines.get(&key).copied(), &mut out);
                let due: Vec<_> = self.queue.range(..=(until, u32::MAX)).copied().collect();
                assert_eq!(out, due);
                due.into_iter().for_each(|(_, key)| self.clear(key));
            }
            Op::Batches(ms, n, set) => {
                let until = after(self.clock, ms);
                for _ in 0..n {
                    let mut out = vec![7];
                    let at = self.wheel.next_batch(until, |key| self.deadlines.get(&key).copied(), &mut out);
                    let first = self.queue.first().map(|first| first.0).filter(|first| *first <= until);
                    let of_first = |first| self.queue.range((first, 0)..=(first, u32::MAX));
                    let due: Vec<u32> = first.into_iter().flat_map(of_first).map(|hint| hint.1).collect();
                    assert_eq!((at, &out), (first, &due));
                    due.into_iter().for_each(|key| self.clear(key));
                    self.clock = self.clock.max(at.unwrap_or(until));
                    if let Some((key, ms)) = set {
                        self.set(key, after(self.clock, ms));
                    }
                }
            }
        }
        let next = self.wheel.next_due();
        assert!(self.queue.first().is_none_or(|first| next.is_some_and(|next| next <= first.0)));
        self.wheel.validate().unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn wheel_equals_ordered_map(
        clock in prop_oneof![Just(Instant::MIN), Just(Instant::default()), Just(Instant::MAX),
            (0_i64..2_000_000_000_000).prop_map(Instant::from_millis)],
        ops in prop::collection::vec(op(), 1..250),
    ) {
        let mut pair = Pair::new(clock);
        ops.iter().for_each(|op| pair.apply(op));
        pair.apply(&Op::Poll(i64::MAX));
        prop_assert!(pair.deadlines.is_empty());
    }

    #[test]
    fn an_owner_that_lies_does_no_harm(
        hints in prop::collection::vec((due(), 0_u32..20), 1..60),
        answers in prop::collection::vec(prop::option::of(due()), 1..40),
    ) {
        let mut wheel = TimingWheel::new(Instant::default());
        let mut asked = 0;
        let mut answer = |_| {
            asked += 1;
            answers[asked % answers.len()].map(Instant::from_millis)
        };
        for (index, (ms, key)) in hints.iter().enumerate() {
            wheel.schedule(Instant::from_millis(*ms), *key);
            let until = Instant::from_millis(hints[index / 2].0);
            if index % 2 == 0 {
                wheel.poll(until, &mut answer, &mut Vec::new());
            } else {
                wheel.next_batch(until, &mut answer, &mut Vec::new());
            }
            prop_assert_eq!(wheel.validate(), Ok(()));
        }
    }
}

#[test]
fn hints_of_one_key_become_one() {
    let mut pair = Pair::new(Instant::default());
    for round in 0..1_000 {
        pair.set(1, after(pair.clock, 10_000));
        pair.set(1, after(pair.clock, 5_000 - round));
        pair.set(1, after(pair.clock, 90_000));
        pair.apply(&Op::Poll(if round % 8 == 0 { 9_000 } else { 1 }));
    }
    assert!(pair.wheel.len() < 64, "{}", pair.wheel.len());
}

#[test]
fn what_was_moved_is_asked_for_once_on_its_way() {
    let start: Instant = "2026-11-23T00:00:00Z".parse().unwrap();
    let mut wheel = TimingWheel::new(start);
    for key in 0..100_u32 {
        wheel.schedule(after(start, 600_000 + i64::from(key)), key);
        wheel.schedule(after(start, 600_000 + i64::from(key)), key);
    }
    let (mut asked, moved) = (0, after(start, 3 * 3_600_000));
    let mut deadline = |_| {
        asked += 1;
        Some(moved)
    };
    wheel.poll(after(start, 601_000), &mut deadline, &mut Vec::new());
    assert_eq!((asked, wheel.len(), wheel.next_due()), (100, 100, Some(moved)));
}

#[test]
fn a_million_at_one_instant_and_their_memory() {
    let start: Instant = "2026-11-23T00:00:00Z".parse().unwrap();
    let nine = after(start, 9 * 3_600_000);
    let mut wheel = TimingWheel::new(start);
    for key in 0..200_000_u32 {
        wheel.schedule(nine, key.wrapping_mul(2_654_435_761) % 200_000);
        wheel.schedule(after(start, i64::from(key) * 13_007), 200_000 + key);
    }
    assert!(wheel.bytes() < 400_000 * 6, "{} bytes each", wheel.bytes() as f64 / 400_000.0);
    let mut out = Vec::new();
    let before = after(nine, -1);
    let deadline = |key| if key < 200_000 { nine } else { after(start, i64::from(key - 200_000) * 13_007) };
    wheel.poll(before, |key| Some(deadline(key)), &mut out);
    assert!(out.is_sorted() && out.len() == 2_491);
    let mut keys = Vec::new();
    let at = wheel.next_batch(nine, |key| (key < 200_000).then_some(nine), &mut keys);
    assert_eq!((at, wheel.validate()), (Some(nine), Ok(())));
    assert!(keys.is_sorted_by(|a, b| a < b) && keys.last() < Some(&200_000));
}

#[test]
fn a_century_without_timers_is_one_step() {
    let mut wheel = TimingWheel::new(Instant::MIN);
    wheel.schedule(Instant::MAX, 1);
    let mut asked = 0;
    let mut deadline = |_| {
        asked += 1;
        Some(Instant::MAX)
    };
    let mut out = Vec::new();
    for year in 1..9_999 {
        let until = after(Instant::MIN, year * 31_556_952_000);
        assert_eq!(wheel.next_batch(until, &mut deadline, &mut out), None);
    }
    assert_eq!(wheel.next_batch(Instant::MAX, &mut deadline, &mut out), Some(Instant::MAX));
    assert_eq!((out, asked, wheel.is_empty()), (vec![1], 2, true));
}
