use crate::model::Instant;

/// A hierarchical timing wheel of hints (Varghese and Lauck, SOSP 1987, scheme 7).
///
/// Level 0 has a slot for each of 64 milliseconds, level 1 for each of 64 times as long, and so on to the end of
/// time. An entry lies at the level of the highest digit (base 64) in which its instant differs from the clock, so
/// all entries of a level come before those of the next one, and the earliest slot is two bit scans away.
///
/// The owner's deadline is the truth: moving a timer later, or cancelling it, is a store in the owner's row and no
/// call here. When its hint comes up the owner is asked, and the hint is put where the deadline is now, or dropped.
/// Moving earlier is one more [`schedule`](TimingWheel::schedule).
///
/// `schedule` is O(1); a hint is moved at most once a level until it comes up; an empty poll is one comparison.
///
/// ```
/// use bespoke::model::{Duration, Instant};
/// use bespoke::trigger::TimingWheel;
///
/// let start: Instant = "2026-11-23T10:00:00Z".parse().unwrap();
/// let mut deadlines = [start + Duration::hours(1), start + Duration::minutes(1)];
/// let mut wheel = TimingWheel::new(start);
/// for (key, due) in deadlines.iter().enumerate() {
///     wheel.schedule(*due, key);
/// }
/// deadlines[1] = start + Duration::hours(2); // moved: no call
///
/// let mut due = Vec::new();
/// let at = wheel.next_batch(start + Duration::days(1), |key| Some(deadlines[key]), &mut due);
/// assert_eq!((at, due), (Some(deadlines[0]), vec![0]));
/// ```
// Invariants: 1. no entry lies before `now`, which is not before the clock; the clock moves only to the beginning of
// a slot that is emptied, or where no slot begins on the way. 2. an entry lies at the level of the highest digit in which it
// differs from the clock, in the slot of that digit. 3. a bit of `occupied` is set if and only if its slot holds
// something. 4. `earliest` is not later than any entry.
#[derive(Debug)]
pub struct TimingWheel<K> {
    clock: u64,
    now: u64,
    earliest: u64,
    occupied: [u64; LEVELS],
    slots: Vec<Vec<(u64, K)>>,
    len: usize,
}

const DIGIT_BITS: u32 = 6;
const SLOTS: usize = 1 << DIGIT_BITS;
/// Milliseconds from `Instant::MIN` to `Instant::MAX` have 49 bits.
const LEVELS: usize = 9;
const NEVER: u64 = u64::MAX;

fn ticks(at: Instant) -> u64 {
    (at.as_millis() - Instant::MIN.as_millis()).unsigned_abs()
}

fn instant(ticks: u64) -> Instant {
    Instant::from_millis(i64::try_from(ticks).unwrap_or(i64::MAX).saturating_add(Instant::MIN.as_millis()))
}

impl<K: Copy + Ord> TimingWheel<K> {
    /// A wheel whose clock begins at an instant.
    #[must_use]
    pub fn new(clock: Instant) -> TimingWheel<K> {
        TimingWheel {
            clock: ticks(clock),
            now: ticks(clock),
            earliest: NEVER,
            occupied: [0; LEVELS],
            slots: std::iter::repeat_with(Vec::new).take(LEVELS * SLOTS).collect(),
            len: 0,
        }
    }

    /// Puts a hint to look at `key` when `due` has come; what is due already comes up at once.
    pub fn schedule(&mut self, due: Instant, key: K) {
        self.put(ticks(due), key);
    }

    fn put(&mut self, due: u64, key: K) {
        let due = due.max(self.now);
        let level = ((due ^ self.clock) | 1).ilog2() / DIGIT_BITS;
        let slot = (due >> (level * DIGIT_BITS)) as usize % SLOTS;
        self.slots[level as usize * SLOTS + slot].push((due, key));
        self.occupied[level as usize] |= 1 << slot;
        self.earliest = self.earliest.min(due);
        self.len += 1;
    }

    /// How many hints there are; of a key that was moved earlier, more than one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no hints.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// An instant up to which nothing is due: the host may sleep until then. Not later than the earliest hint.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        (self.earliest != NEVER).then(|| instant(self.earliest))
    }

    /// The first instant of the earliest slot that holds something, with its level and place.
    fn first_slot(&self) -> Option<(u64, usize, usize)> {
        let level = self.occupied.iter().position(|bits| *bits != 0)?;
        let slot = self.occupied[level].trailing_zeros() as usize;
        let shift = level as u32 * DIGIT_BITS;
        let above = self.clock >> (shift + DIGIT_BITS) << (shift + DIGIT_BITS);
        Some((above | (slot as u64) << shift, level, slot))
    }

    /// Takes all keys that are due at the earliest instant up to `until` at which any is, in order, each once, and
    /// gives that instant. `deadline` tells when the owner of a key wants to be looked at, if at all: a hint that
    /// comes up too early moves there.
    ///
    /// Moves the clock to that instant, or to `until` where nothing is due.
    pub fn next_batch(
        &mut self,
        until: Instant,
        mut deadline: impl FnMut(K) -> Option<Instant>,
        out: &mut Vec<K>,
    ) -> Option<Instant> {
        let until = ticks(until);
        if self.earliest > until {
            self.now = self.now.max(until);
            return None;
        }
        let from = out.len();
        loop {
            let first = self.first_slot();
            let Some((start, level, slot)) = first.filter(|(start, ..)| *start <= until) else {
                self.earliest = first.map_or(NEVER, |(start, ..)| start);
                self.now = self.now.max(until);
                self.clock = self.now;
                return None;
            };
            self.clock = start.max(self.clock);
            self.now = self.now.max(self.clock);
            self.earliest = self.now;
            self.occupied[level] &= !(1 << slot);
            let mut entries = std::mem::take(&mut self.slots[level * SLOTS + slot]);
            self.len -= entries.len();
            for (_, key) in entries.drain(..) {
                match deadline(key).map(ticks) {
                    Some(due) if due <= self.now => out.push(key),
                    Some(due) => self.put(due, key),
                    None => {}
                }
            }
            // Low slots come round again and again: they keep a little room.
            if entries.capacity() <= SLOTS {
                self.slots[level * SLOTS + slot] = entries;
            }
            out[from..].sort_unstable();
            if out.len() > from {
                let mut kept = from + 1;
                for i in from + 1..out.len() {
                    if out[i] != out[kept - 1] {
                        out[kept] = out[i];
                        kept += 1;
                    }
                }
                out.truncate(kept);
                return Some(instant(self.now));
            }
        }
    }

    /// Names the invariant that is broken, if one is.
    #[cfg(test)]
    fn validate(&self) -> Result<(), &'static str> {
        for level in 0..LEVELS {
            for slot in 0..SLOTS {
                let entries = &self.slots[level * SLOTS + slot];
                if entries.is_empty() == (self.occupied[level] >> slot & 1 == 1) {
                    return Err("3: a bit does not tell whether its slot holds something");
                }
                for (due, _) in entries {
                    let digit = (due >> (level as u32 * DIGIT_BITS)) as usize % SLOTS;
                    if *due < self.clock {
                        return Err("1: an entry lies before the clock");
                    }
                    if ((due ^ self.clock) | 1).ilog2() / DIGIT_BITS != level as u32 || digit != slot {
                        return Err("2: an entry lies in the wrong slot");
                    }
                    if *due < self.earliest {
                        return Err("4: an entry lies before `earliest`");
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Set(u32, i64),
        Cancel(u32),
        Advance(i64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let after = prop_oneof![0_i64..5, 0_i64..5_000, 0_i64..100_000_000, Just(i64::MAX / 4)];
        let step = prop_oneof![
            4 => (0_u32..20, after.clone()).prop_map(|(key, after)| Step::Set(key, after)),
            1 => (0_u32..20).prop_map(Step::Cancel),
            3 => prop_oneof![0_i64..5, 0_i64..200, 0_i64..10_000_000].prop_map(Step::Advance),
        ];
        proptest::collection::vec(step, 1..120)
    }

    proptest! {
        #[test]
        fn wheel_equals_sorted_list(steps in steps()) {
            let mut clock = Instant::from_millis(1_790_000_000_123);
            let mut wheel = TimingWheel::new(clock);
            let mut deadlines: std::collections::BTreeMap<u32, Instant> = Default::default();
            let mut hints: std::collections::BTreeMap<u32, Instant> = Default::default();
            for step in steps {
                match step {
                    Step::Set(key, after) => {
                        let due = Instant::from_millis(clock.as_millis().saturating_add(after));
                        deadlines.insert(key, due);
                        // As an owner does: a hint is put only where none comes up in time.
                        if hints.get(&key).is_none_or(|hint| due < *hint) {
                            hints.insert(key, due);
                            wheel.schedule(due, key);
                        }
                    }
                    Step::Cancel(key) => { deadlines.remove(&key); }
                    Step::Advance(by) => {
                        let until = Instant::from_millis(clock.as_millis() + by);
                        let mut got = Vec::new();
                        let mut batch = Vec::new();
                        loop {
                            let ask = |key: u32| {
                                let deadline = deadlines.get(&key).copied();
                                match deadline { Some(due) => hints.insert(key, due), None => hints.remove(&key) };
                                deadline
                            };
                            let Some(at) = wheel.next_batch(until, ask, &mut batch) else { break };
                            for key in batch.drain(..) {
                                got.push((at.max(deadlines[&key]), key));
                                deadlines.remove(&key);
                                hints.remove(&key);
                            }
                            prop_assert_eq!(wheel.validate(), Ok(()));
                        }
                        let mut due: Vec<(Instant, u32)> = deadlines.iter().filter(|(_, d)| **d <= until).map(|(k, d)| (*d, *k)).collect();
                        due.sort_unstable();
                        prop_assert!(due.is_empty(), "left behind: {:?}", due);
                        let mut sorted = got.clone();
                        sorted.sort_unstable();
                        prop_assert_eq!(&got, &sorted);
                        prop_assert!(got.iter().all(|(at, _)| *at >= clock && *at <= until));
                        clock = until;
                        if let Some(next) = wheel.next_due() {
                            prop_assert!(deadlines.values().all(|d| *d >= next));
                        }
                    }
                }
                prop_assert_eq!(wheel.validate(), Ok(()));
            }
        }
    }

    #[test]
    fn each_comes_up_at_its_own_instant() {
        let start = Instant::from_millis(1_000);
        let dues: Vec<Instant> = (0..500).map(|i: i64| Instant::from_millis(1_000 + i * i * 37)).collect();
        let mut wheel = TimingWheel::new(start);
        dues.iter().enumerate().rev().for_each(|(i, due)| wheel.schedule(*due, i));
        let mut seen = Vec::new();
        let mut batch = Vec::new();
        while let Some(at) = wheel.next_batch(Instant::MAX, |i| Some(dues[i]), &mut batch) {
            batch.drain(..).for_each(|i| seen.push((at, i)));
        }
        let expected: Vec<_> = dues.iter().copied().zip(0..).collect();
        assert_eq!(seen, expected);
        assert!(wheel.is_empty());
    }
}
