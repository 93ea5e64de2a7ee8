use super::bucket::Bucket;
use crate::model::Instant;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::mem::{replace, size_of, take};

#[cfg(test)]
mod test;

/// Bits of a tick that one level decides, and so 64 slots per level: one word tells which are occupied.
const BITS: usize = 6;
const SLOTS: usize = 1 << BITS;
/// From `Instant::MIN` to `Instant::MAX` are less than 2^49 ms; the last level is what others call overflow.
const LEVELS: usize = 49_usize.div_ceil(BITS);
/// A bucket with at most so many hints is sorted as it is; a fuller one is first dealt out to lower levels.
const RUN_MAX: usize = if cfg!(test) { 6 } else { 4_096 };
/// Keys of a bucket that are sorted at once.
const PIECE: usize = if cfg!(test) { 200 } else { 1 << 16 };
/// Deadlines that are asked for before the first of them is looked at.
const ASKED: usize = 32;

/// A hierarchical timing wheel of hints; the deadlines themselves are kept by the owner.
///
/// The owner has a row per key with its deadline, or none. The wheel only knows when to look, and until that comes
/// near only the slot, not the instant: when a slot is opened, the owner is asked for the deadlines, and each hint is
/// put in order (due soon), queued again (moved later) or dropped (cancelled). When it is due it is asked once more.
/// Hence what the owner must do:
///
/// - sets a deadline where there was none, or an earlier one: [`schedule`](Self::schedule);
/// - moves one later, or cancels it: nothing but to change its row;
/// - was given a key: clear or move its deadline before the next call.
///
/// ```
/// use bespoke::model::{Duration, Instant};
/// use bespoke::trigger::TimingWheel;
///
/// let start: Instant = "2026-11-23T10:00:00Z".parse()?;
/// let minute = |n| start + Duration::minutes(n);
/// let mut deadlines = vec![Some(minute(30)), Some(minute(30)), Some(minute(45))];
/// let mut wheel = TimingWheel::new(start);
/// for (key, deadline) in (0_u32..).zip(&deadlines) {
///     wheel.schedule(deadline.unwrap(), key);
/// }
///
/// deadlines[0] = Some(minute(60));                              // moved later: a store, no call
/// deadlines[2] = None;                                          // cancelled: the same
/// let mut due = Vec::new();
/// let at = wheel.next_batch(minute(90), |key: u32| deadlines[key as usize], &mut due);
/// assert_eq!((at, &due[..]), (Some(minute(30)), &[1][..]));
/// deadlines[1] = None;
/// let at = wheel.next_batch(minute(90), |key: u32| deadlines[key as usize], &mut due);
/// assert_eq!((at, &due[..]), (Some(minute(60)), &[0][..]));
/// # Ok::<(), bespoke::model::ParseInstantError>(())
/// ```
///
/// # Cost
/// `schedule` is O(1): it writes the key into a slot. A hint is asked for once in a slot of minutes, once in one of
/// seconds and when it is due (deadlines of days, once more); what was moved later in between goes straight to its new
/// slot. A slot's keys are asked for in their order, many at once, so that the processor has many rows in flight.
/// Then what is due soon is sorted, among at most 4 096; a clock that jumps over years without timers skips them by
/// one word per level. About 5 bytes per hint with keys of four bytes, and 18 KB for the slots. The one slow call
/// is the one that opens a full slot of a high level: for each of its hints half of what it takes to read a cold
/// row and schedule.
///
/// # Source
/// G. Varghese, T. Lauck, *Hashed and hierarchical timing wheels*, SOSP 1987 (scheme 7), anchored like a radix
/// heap (R. Ahuja et al., J. ACM 37, 1990): a hint's level is the highest digit in which it differs from an
/// anchor that jumps to the earliest hint, so that empty slots are never walked over.
///
/// | level | a slot is | the level reaches |
/// |---|---|---|
/// | 0 | 1 ms | 64 ms |
/// | 1 | 64 ms | 4 s |
/// | 2 | 4 s | 4 min 22 s |
/// | 3 | 4 min 22 s | 4 h 40 min |
/// | 4 | 4 h 40 min | 12 d 10 h |
/// | 5 | 12 d 10 h | 2 years 2 months |
/// | 6–8 | 2, 139, 8 900 years | to [`Instant::MAX`] |
#[derive(Clone)]
pub struct TimingWheel<K> {
    // Ticks are milliseconds since `Instant::MIN`.
    //
    // Invariants:
    // 1. `anchor` < `front_end`, and `anchor` ≤ `clock`.
    // 2. hints before `front_end` are in the front (`run` and `inbox`), the others in a bucket.
    // 3. a bucket's hints have the level and slot of their tick against `anchor`; levels below that of the
    //    front are empty unless the front is a single tick.
    // 4. a bit of `occupied` is set exactly where the bucket has hints.
    // 5. `run` descends strictly, so the earliest hint is popped from its end and none is there twice.
    // 6. `next` is the earliest tick of all, and `len` counts them.
    // 7. `piece` is empty between calls.
    clock: u64,
    anchor: u64,
    front_end: u64,
    next: u64,
    len: usize,
    run: Vec<(u64, K)>,
    /// What was scheduled before `front_end` after the front had been sorted.
    inbox: BinaryHeap<Reverse<(u64, K)>>,
    /// Keys of the bucket that is being opened.
    piece: Vec<K>,
    occupied: [u64; LEVELS],
    buckets: Vec<Bucket<K>>,
}

impl<K: Copy + Ord> TimingWheel<K> {
    /// An empty wheel. Deadlines are expected after `clock`; earlier ones are just as right, only slower.
    #[must_use]
    pub fn new(clock: Instant) -> TimingWheel<K> {
        let clock = to_tick(clock);
        TimingWheel {
            clock,
            anchor: clock,
            front_end: clock + 1,
            next: u64::MAX,
            len: 0,
            run: Vec::new(),
            inbox: BinaryHeap::new(),
            piece: Vec::new(),
            occupied: [0; LEVELS],
            buckets: vec![Bucket::EMPTY; LEVELS * SLOTS],
        }
    }

    /// Adds a hint to look at `key` at `due`. O(1). What is due already surfaces at the next call.
    ///
    /// Needed where the owner sets a deadline and there was none, or a later one. More hints than needed do no
    /// harm: those of one key in one slot become one when it is opened.
    #[inline]
    pub fn schedule(&mut self, due: Instant, key: K) {
        let tick = to_tick(due);
        self.next = self.next.min(tick);
        self.place(tick, key);
        if self.inbox.len() > RUN_MAX {
            self.narrow();
        }
    }

    /// The instant of the earliest hint: no deadline is earlier, and a call before it does nothing. O(1).
    ///
    /// The deadline may have moved later or be gone, so a host that sleeps until then may wake in vain.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        (self.next != u64::MAX).then(|| to_instant(self.next))
    }

    /// Puts into `out`, which is cleared first, every key whose deadline is at or before `until`, once, in
    /// order of `(deadline, key)`. Where nothing is due, one comparison.
    ///
    /// ```
    /// use bespoke::model::Instant;
    /// use bespoke::trigger::TimingWheel;
    /// let at = Instant::from_millis;
    /// let mut wheel = TimingWheel::new(at(0));
    /// for (due, key) in [(20, 'b'), (10, 'c'), (20, 'a'), (30, 'd')] {
    ///     wheel.schedule(at(due), key);
    /// }
    /// let deadline = |key| match key { 'a' | 'b' => Some(at(20)), 'c' => Some(at(10)), _ => Some(at(99)) };
    /// let mut due = Vec::new();
    /// wheel.poll(at(50), deadline, &mut due);
    /// assert_eq!(due, [(at(10), 'c'), (at(20), 'a'), (at(20), 'b')]);
    /// assert_eq!(wheel.next_due(), Some(at(99)));
    /// ```
    #[inline]
    pub fn poll(
        &mut self,
        until: Instant,
        deadline: impl FnMut(K) -> Option<Instant>,
        out: &mut Vec<(Instant, K)>,
    ) {
        out.clear();
        let until = to_tick(until);
        if until >= self.next {
            self.poll_due(until, deadline, out);
        }
        self.clock = self.clock.max(until);
    }

    /// Puts into `out`, which is cleared first, the keys of the earliest deadline at or before `until`, in
    /// order, and gives that deadline; nothing where there is none. Where nothing is due, one comparison.
    ///
    /// Deadlines that the owner sets while it handles one batch, also for the same instant, come in the next.
    /// A deadline that became earlier without a [`schedule`](Self::schedule) is found with its old hint or when the
    /// slot of that is opened, and counts as due at that instant.
    #[inline]
    pub fn next_batch(
        &mut self,
        until: Instant,
        deadline: impl FnMut(K) -> Option<Instant>,
        out: &mut Vec<K>,
    ) -> Option<Instant> {
        out.clear();
        let until = to_tick(until);
        let due = if until < self.next { None } else { self.earliest_batch(until, deadline, out) };
        self.clock = self.clock.max(due.unwrap_or(until));
        due.map(to_instant)
    }

    /// Hints in the wheel: one per deadline, and those that deadlines moved earlier or gone have left behind.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no hint.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes in use, unused room included. O(hints / 32): for a report, not for every tick.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let front = self.run.capacity() + self.inbox.capacity();
        size_of::<Self>()
            + front * size_of::<(u64, K)>()
            + self.piece.capacity() * size_of::<K>()
            + self.buckets.capacity() * size_of::<Bucket<K>>()
            + self.buckets.iter().map(Bucket::heap_bytes).sum::<usize>()
    }

    fn poll_due(
        &mut self,
        until: u64,
        mut deadline: impl FnMut(K) -> Option<Instant>,
        out: &mut Vec<(Instant, K)>,
    ) {
        let mut ascending = true;
        while let Some((_, due, key)) = self.surface(until, &mut deadline) {
            ascending &= out.last().is_none_or(|last| *last < (due, key));
            out.push((due, key));
        }
        if !ascending {
            // A key had two hints up to `until`, and its owner cannot have cleared the deadline in between.
            out.sort_unstable();
            out.dedup();
        }
        self.next = self.earliest();
    }

    fn earliest_batch(
        &mut self,
        until: u64,
        mut deadline: impl FnMut(K) -> Option<Instant>,
        out: &mut Vec<K>,
    ) -> Option<u64> {
        let first = self.surface(until, &mut deadline);
        if let Some((tick, _, key)) = first {
            out.push(key);
            while let Some((_, _, key)) = self.surface(tick, &mut deadline) {
                if out.last() != Some(&key) {
                    out.push(key);
                }
            }
        }
        self.next = self.earliest();
        first.map(|(tick, ..)| tick)
    }

    /// Removes the earliest hint that is at or before `until` and whose deadline has come; gives its tick, the
    /// deadline and the key. A hint only ever moves later, so this ends whatever the owner answers.
    fn surface(
        &mut self,
        until: u64,
        deadline: &mut impl FnMut(K) -> Option<Instant>,
    ) -> Option<(u64, Instant, K)> {
        loop {
            match self.front() {
                Some(tick) if tick > until => return None,
                Some(_) => {}
                None if self.open(until, deadline) => continue,
                None => return None,
            }
            let (tick, key) = self.pop().expect("the front is not empty");
            if let Some(due) = deadline(key) {
                if to_tick(due) <= tick {
                    return Some((tick, due, key));
                }
                self.place(to_tick(due), key);
            }
        }
    }

    /// Makes the earliest bucket the new front, or deals it out where it is too full to sort. False where no
    /// bucket has a hint up to `until`. The front must be empty.
    ///
    /// Either way the owner is asked, and each hint goes straight to where its deadline is now.
    fn open(&mut self, until: u64, deadline: &mut impl FnMut(K) -> Option<Instant>) -> bool {
        let Some((level, slot)) = self.first_bucket().filter(|at| self.bucket(*at).min() <= until) else {
            return false;
        };
        let mut bucket = replace(&mut self.buckets[level * SLOTS + slot], Bucket::EMPTY);
        self.occupied[level] &= !(1 << slot);
        self.anchor = bucket.min();
        self.len -= bucket.len();
        // A front of one tick is not dealt out, however many are due in it.
        let level = if bucket.len() > RUN_MAX { 0 } else { level };
        self.front_end = ((self.anchor >> (level * BITS)) + 1) << (level * BITS);
        let (mut run, mut piece) = (take(&mut self.run), take(&mut self.piece));
        while bucket.len() > 0 {
            bucket.take_into(PIECE, &mut piece);
            // In order of keys the rows are read in the order of memory, and who is there twice is asked once.
            piece.sort_unstable();
            piece.dedup();
            for keys in piece.chunks(ASKED) {
                // Loads that nothing waits for: the processor has all of these rows in flight at once.
                let mut ticks = [u64::MAX; ASKED];
                for (tick, key) in ticks.iter_mut().zip(keys) {
                    *tick = deadline(*key).map_or(u64::MAX, to_tick);
                }
                for (&tick, &key) in ticks.iter().zip(keys).filter(|(tick, _)| **tick != u64::MAX) {
                    let tick = tick.max(self.anchor);
                    if tick < self.front_end { run.push((tick, key)) } else { self.append(tick, key) }
                }
            }
            piece.clear();
        }
        run.sort_unstable_by(|a, b| b.cmp(a));
        run.dedup();
        // One instant with a million hints shall not keep its memory for ever.
        run.shrink_to(RUN_MAX.max(2 * run.len()));
        piece.shrink_to(RUN_MAX);
        self.len += run.len();
        (self.run, self.piece) = (run, piece);
        true
    }

    /// Ends the front at the clock and gives the rest of it to the buckets, because more was scheduled into it
    /// than a heap takes cheaply. Amortised O(1), for it is done once per front.
    #[cold]
    fn narrow(&mut self) {
        let anchor = self.anchor.max(self.clock);
        if anchor + 1 >= self.front_end {
            return;
        }
        (self.anchor, self.front_end) = (anchor, anchor + 1);
        let mut run = take(&mut self.run);
        let inbox = take(&mut self.inbox);
        self.len -= run.len() + inbox.len();
        let kept = run.partition_point(|(tick, _)| *tick > anchor);
        run.drain(..kept).for_each(|(tick, key)| self.append(tick, key));
        self.len += run.len();
        self.run = run;
        inbox.into_iter().for_each(|Reverse((tick, key))| self.place(tick, key));
    }

    #[inline]
    fn place(&mut self, tick: u64, key: K) {
        if tick < self.front_end {
            self.len += 1;
            self.inbox.push(Reverse((tick, key)));
        } else {
            self.append(tick, key);
        }
    }

    #[inline]
    fn append(&mut self, tick: u64, key: K) {
        self.len += 1;
        let (level, slot) = place_of(tick, self.anchor);
        self.occupied[level] |= 1 << slot;
        self.buckets[level * SLOTS + slot].push(tick, key);
    }

    /// The tick of the earliest hint in the front.
    #[inline]
    fn front(&self) -> Option<u64> {
        let run = self.run.last().map(|(tick, _)| *tick);
        let inbox = self.inbox.peek().map(|Reverse((tick, _))| *tick);
        run.into_iter().chain(inbox).min()
    }

    #[inline]
    fn pop(&mut self) -> Option<(u64, K)> {
        let from_inbox = match (self.run.last(), self.inbox.peek()) {
            (Some(run), Some(Reverse(inbox))) => inbox < run,
            (run, _) => run.is_none(),
        };
        let hint = if from_inbox { self.inbox.pop().map(|hint| hint.0) } else { self.run.pop() };
        self.len -= usize::from(hint.is_some());
        hint
    }

    /// All hints of a level are before those of the next, and slots ascend within it.
    fn first_bucket(&self) -> Option<(usize, usize)> {
        let level = self.occupied.iter().position(|slots| *slots != 0)?;
        Some((level, self.occupied[level].trailing_zeros() as usize))
    }

    fn bucket(&self, (level, slot): (usize, usize)) -> &Bucket<K> {
        &self.buckets[level * SLOTS + slot]
    }

    fn earliest(&self) -> u64 {
        let bucket = || self.first_bucket().map(|at| self.bucket(at).min());
        self.front().or_else(bucket).unwrap_or(u64::MAX)
    }
}

impl<K: Copy + Ord> fmt::Debug for TimingWheel<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("TimingWheel");
        shown.field("len", &self.len).field("next_due", &self.next_due()).finish_non_exhaustive()
    }
}

/// Level: the highest digit in which `tick` differs from the anchor. Slot: that digit.
#[inline]
fn place_of(tick: u64, anchor: u64) -> (usize, usize) {
    let level = ((tick ^ anchor) | 1).ilog2() as usize / BITS;
    (level, (tick >> (level * BITS)) as usize % SLOTS)
}

#[inline]
fn to_tick(instant: Instant) -> u64 {
    (instant.as_millis() - Instant::MIN.as_millis()) as u64
}

#[inline]
fn to_instant(tick: u64) -> Instant {
    Instant::from_millis(Instant::MIN.as_millis().saturating_add_unsigned(tick))
}
