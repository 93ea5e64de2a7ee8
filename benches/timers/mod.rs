//! What queues of timers cost, each driven by the same host with the same events, for `cargo bench --bench timers` here
//! and in `benches/peers`.
//!
//! Ids come in random order, so that a row is as cold as it is in an engine; a row is one cache line. All queues must fire
//! the same keys at the same instants before any is timed. A queue is asked for what is due only where something is:
//! how long it takes to say that nothing is has a column of its own.

use bespoke::model::{Duration, Instant};
use bespoke::trigger::TimingWheel;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::hint::black_box;
use std::time::Instant as WallClock;

pub(crate) const START: i64 = 1_795_428_000_000;
const HOUR: i64 = 3_600_000;
/// From one event of a user to the next, on average.
const PAUSE: i64 = 2 * HOUR / 3;
const MONTH: i64 = 30 * 24 * HOUR;

/// What an owner keeps of a user: the deadline, what the queue needs to find its entry, and the rest of a cache line.
#[derive(Clone)]
pub(crate) struct Row<H> {
    pub(crate) deadline: Option<Instant>,
    #[allow(dead_code)] // the queues of the standard library need none
    pub(crate) handle: H,
    _rest: [u64; 4],
}

/// A queue of timers that keeps the truth in the rows, or has to be told of every change.
pub(crate) trait Timers: Sized {
    const NAME: &'static str;
    type Handle: Default + Clone;
    fn new() -> Self;
    /// A deadline is set, moved or cancelled. The row has the one before.
    fn set(&mut self, key: u32, due: Option<Instant>, row: &mut Row<Self::Handle>);
    /// The keys of the earliest instant up to `until`, in order.
    fn next_batch(
        &mut self,
        until: Instant,
        rows: &[Row<Self::Handle>],
        out: &mut Vec<u32>,
    ) -> Option<Instant>;
}

impl Timers for TimingWheel<u32> {
    const NAME: &'static str = "wheel";
    type Handle = ();

    fn new() -> Self {
        TimingWheel::new(Instant::from_millis(START))
    }

    fn set(&mut self, key: u32, due: Option<Instant>, row: &mut Row<()>) {
        if let Some(due) = due
            && row.deadline.is_none_or(|before| due < before)
        {
            self.schedule(due, key);
        }
    }

    fn next_batch(&mut self, until: Instant, rows: &[Row<()>], out: &mut Vec<u32>) -> Option<Instant> {
        TimingWheel::next_batch(self, until, |key| rows[key as usize].deadline, out)
    }
}

/// The textbook way: each change is one more entry, and entries that no longer hold are skipped.
impl Timers for BinaryHeap<Reverse<(Instant, u32)>> {
    const NAME: &'static str = "BinaryHeap";
    type Handle = ();

    fn new() -> Self {
        BinaryHeap::new()
    }

    fn set(&mut self, key: u32, due: Option<Instant>, _row: &mut Row<()>) {
        if let Some(due) = due {
            self.push(Reverse((due, key)));
        }
    }

    fn next_batch(&mut self, until: Instant, rows: &[Row<()>], out: &mut Vec<u32>) -> Option<Instant> {
        out.clear();
        let mut at = None;
        while let Some(Reverse((due, key))) = self.peek().copied() {
            if due > at.unwrap_or(until) {
                break;
            }
            self.pop();
            if rows[key as usize].deadline == Some(due) && out.last() != Some(&key) {
                at = Some(due);
                out.push(key);
            }
        }
        at
    }
}

impl Timers for BTreeSet<(Instant, u32)> {
    const NAME: &'static str = "BTreeSet";
    type Handle = ();

    fn new() -> Self {
        BTreeSet::new()
    }

    fn set(&mut self, key: u32, due: Option<Instant>, row: &mut Row<()>) {
        if let Some(before) = row.deadline {
            self.remove(&(before, key));
        }
        if let Some(due) = due {
            self.insert((due, key));
        }
    }

    fn next_batch(&mut self, until: Instant, _rows: &[Row<()>], out: &mut Vec<u32>) -> Option<Instant> {
        out.clear();
        let at = self.first().map(|first| first.0).filter(|at| *at <= until)?;
        while let Some((_, key)) = self.first().copied().filter(|first| first.0 == at) {
            self.pop_first();
            out.push(key);
        }
        Some(at)
    }
}

struct Host<T: Timers> {
    timers: T,
    rows: Vec<Row<T::Handle>>,
    now: Instant,
    due: Vec<u32>,
    /// How many fired, and a digest of all instants and keys, in order.
    fired: u64,
    digest: u64,
}

/// An event of a user, and what it does.
#[derive(Clone, Copy)]
struct Event {
    key: u32,
    dice: u32,
}

/// Events at the rate of one per user in 40 minutes, and before which of them something is due.
struct Day {
    events: Vec<Event>,
    fires: Vec<bool>,
}

impl<T: Timers> Host<T> {
    fn empty(n: usize) -> Host<T> {
        let rows = vec![Row { deadline: None, handle: T::Handle::default(), _rest: [0; 4] }; n];
        let now = Instant::from_millis(START);
        Host { timers: T::new(), rows, now, due: Vec::new(), fired: 0, digest: 0 }
    }

    fn full(deadlines: &[(u32, Instant)]) -> Host<T> {
        let mut host = Host::empty(deadlines.len());
        deadlines.iter().for_each(|(key, due)| host.set(*key, Some(*due)));
        host
    }

    #[inline]
    fn set(&mut self, key: u32, due: Option<Instant>) {
        let row = &mut self.rows[key as usize];
        // An engine reads the user's row at each event: without this, a queue that does not ask for the old
        // deadline would be spared the cache miss, and the others would seem to cause it.
        black_box(row.deadline);
        self.timers.set(key, due, row);
        row.deadline = due;
    }

    /// Fires what is due, one instant after the other, and starts each of these timers anew where asked to.
    fn advance(&mut self, now: Instant, again: Option<Duration>) {
        while let Some(at) = self.timers.next_batch(now, &self.rows, &mut self.due) {
            let due = std::mem::take(&mut self.due);
            self.fired += due.len() as u64;
            for &key in &due {
                self.digest =
                    self.digest.wrapping_mul(31).wrapping_add(at.as_millis() as u64 ^ u64::from(key));
                self.rows[key as usize].deadline = None;
                if let Some(again) = again {
                    self.set(key, Some(at + again));
                }
            }
            self.due = due;
        }
    }

    /// An engine's day: a user's event moves the deadline later (85 %), earlier (10 %) or cancels it (5 %).
    fn event(&mut self, event: Event, now: Instant, is_due: bool) {
        self.now = now;
        if is_due {
            self.advance(now, Some(Duration::hours(1)));
        }
        let due = match event.dice % 100 {
            0..85 => Some(now + Duration::hours(1) + Duration::from_millis(i64::from(event.dice >> 8))),
            85..95 => Some(now + Duration::minutes(5)),
            _ => None,
        };
        self.set(event.key, due);
    }

    fn events(&mut self, day: &Day, from: usize, to: usize) {
        let n = self.rows.len() as i64;
        for i in from..to {
            let now = Instant::from_millis(START + i as i64 * PAUSE / n);
            self.event(day.events[i], now, day.fires[i]);
        }
    }
}

fn deadlines(n: usize, within: i64) -> Vec<(u32, Instant)> {
    let mut random = fastrand::Rng::with_seed(7);
    keys(n, 5).into_iter().map(|key| (key, Instant::from_millis(START + random.i64(1..within)))).collect()
}

fn keys(n: usize, seed: u64) -> Vec<u32> {
    let mut keys: Vec<u32> = (0..n as u32).collect();
    fastrand::Rng::with_seed(seed).shuffle(&mut keys);
    keys
}

/// Eighty minutes of events, so that no deadline is left that was set before them.
fn warm(n: usize) -> usize {
    2 * n
}

/// Behind them four hours and forty minutes: as long as the wheel's slots of hours, so that one of them is opened; and
/// with those before, longer than any deadline is away, so that what is gone has come up in queues that keep it.
fn timed(n: usize) -> usize {
    7 * n
}

impl Day {
    /// With what the wheel says of when to ask: asked before each event, as an engine does.
    fn new(n: usize) -> (Day, f64) {
        let mut random = fastrand::Rng::with_seed(11);
        let count = warm(n) + timed(n);
        let events =
            (0..count).map(|_| Event { key: random.u32(0..n as u32), dice: random.u32(..) }).collect();
        let mut day = Day { events, fires: vec![false; count] };
        let mut host = Host::<TimingWheel<u32>>::full(&deadlines(n, HOUR));
        let mut fired = 0;
        for i in 0..count {
            if i == warm(n) {
                fired = host.fired;
            }
            let before = host.fired;
            let now = Instant::from_millis(START + i as i64 * PAUSE / n as i64);
            host.event(day.events[i], now, true);
            day.fires[i] = host.fired > before;
        }
        // Each event sets a timer or ends one; what fired was neither moved nor cancelled.
        let share = 1.0 - (host.fired - fired) as f64 / (timed(n) as f64 + (host.fired - fired) as f64);
        (day, share)
    }
}

/// The events and a month's timers, all of it in one number.
fn digest<T: Timers>(n: usize, day: &Day) -> u64 {
    let mut host = Host::<T>::full(&deadlines(n, HOUR));
    host.events(day, 0, day.events.len());
    host.advance(Instant::from_millis(START + MONTH), None);
    host.digest
}

/// Nanoseconds per item.
fn time(items: u64, work: impl FnOnce()) -> f64 {
    let start = WallClock::now();
    work();
    start.elapsed().as_nanos() as f64 / items.max(1) as f64
}

/// Figures of a queue: nanoseconds each, but for the bytes and the seconds.
#[derive(Clone, Copy, Default)]
struct Cost {
    schedule: f64,
    move_later: f64,
    cancel: f64,
    fire: f64,
    event: f64,
    empty_poll: f64,
    rebuild_seconds: f64,
    bytes: f64,
    bytes_in_a_run: f64,
}

fn cost<T: Timers>(n: usize, day: &Day, allocated: fn() -> usize) -> Cost {
    let mut cost = Cost::default();
    let month = deadlines(n, MONTH);
    let end = Instant::from_millis(START + 2 * MONTH);
    let (moved, cancelled) = (keys(n, 17), keys(n, 19));

    let mut host = Host::<T>::empty(n);
    let before = allocated();
    cost.schedule = time(n as u64, || month.iter().for_each(|(key, due)| host.set(*key, Some(*due))));
    cost.bytes = (allocated() - before) as f64 / n as f64;
    let (now, polls) = (host.now, 1_000_000);
    cost.empty_poll = time(polls, || {
        for _ in 0..polls {
            black_box(host.timers.next_batch(black_box(now), &host.rows, &mut host.due));
        }
    });
    cost.fire = time(n as u64, || host.advance(end, None));
    assert_eq!(host.fired, n as u64);
    drop(host);

    let mut host = Host::<T>::full(&month);
    cost.move_later = time(n as u64, || {
        for &key in &moved {
            let before = host.rows[key as usize].deadline;
            host.set(key, before.map(|before| before + Duration::hours(1 + i64::from(key % 24))));
        }
    });
    cost.cancel = time(n as u64, || cancelled.iter().for_each(|key| host.set(*key, None)));
    drop(host);

    // As at a start: the rows are there, in their own order, and the queue is not.
    let mut host = Host::<T>::empty(n);
    let mut rows = month.clone();
    rows.sort_unstable();
    cost.rebuild_seconds = time(1, || rows.iter().for_each(|(key, due)| host.set(*key, Some(*due)))) / 1e9;
    drop((host, month, rows));

    let before = allocated();
    let mut host = Host::<T>::full(&deadlines(n, HOUR));
    host.events(day, 0, warm(n));
    cost.event = time(timed(n) as u64, || host.events(day, warm(n), day.events.len()));
    let rows = host.rows.capacity() * size_of::<Row<T::Handle>>();
    cost.bytes_in_a_run = (allocated() - before - rows) as f64 / n as f64;
    cost
}

/// The figures of several queues, beside one another.
pub(crate) struct Table {
    n: usize,
    day: Day,
    digest: Option<u64>,
    allocated: fn() -> usize,
    first: Option<Cost>,
}

impl Table {
    pub(crate) fn new(n: usize, allocated: fn() -> usize) -> Table {
        let (day, share) = Day::new(n);
        println!("\n{n} timers; {:.0} % are moved or cancelled before they fire", share * 100.0);
        println!(
            "{:<12}{:>9}{:>8}{:>8}{:>8}{:>8}{:>8}{:>9}{:>12}{:>8}{:>9}",
            "",
            "schedule",
            "move",
            "cancel",
            "fire",
            "event",
            "of it",
            "no poll",
            "rebuild, s",
            "bytes",
            "in a run"
        );
        Table { n, day, digest: None, allocated, first: None }
    }

    /// Measures a queue, which must do what those before it did.
    pub(crate) fn row<T: Timers>(&mut self) {
        let n = self.n.min(100_000);
        let known = match n == self.n {
            true => digest::<T>(n, &self.day),
            false => digest::<T>(n, &Day::new(n).0),
        };
        assert_eq!(*self.digest.get_or_insert(known), known, "{} fires something else", T::NAME);
        let cost = cost::<T>(self.n, &self.day, self.allocated);
        let first = *self.first.get_or_insert(cost);
        println!(
            "{:<12}{:>9.0}{:>8.0}{:>8.0}{:>8.0}{:>8.0}{:>7.1}x{:>9.1}{:>12.2}{:>8.1}{:>9.1}",
            T::NAME,
            cost.schedule,
            cost.move_later,
            cost.cancel,
            cost.fire,
            cost.event,
            cost.event / first.event,
            cost.empty_poll,
            cost.rebuild_seconds,
            cost.bytes,
            cost.bytes_in_a_run,
        );
    }
}

/// How many timers: what the command line says, or these.
pub(crate) fn sizes(default: &[usize]) -> Vec<usize> {
    let asked: Vec<usize> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    if asked.is_empty() { default.to_vec() } else { asked }
}
