//! Timers beside the usual queues: schedule, events that mostly move a timer later, and firing all of them.
//!
//! Ids come in random order, so that a row is as cold as it is in an engine; a row is one cache line. Every
//! queue is driven by the same events, and all must fire the same keys at the same instants before any is timed.
//! `cargo bench --bench timers`

use bespoke::model::{Duration, Instant};
use bespoke::trigger::TimingWheel;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::hint::black_box;
use std::time::Duration as WallTime;

const START: i64 = 1_795_428_000_000;
const HOUR: i64 = 3_600_000;
const EVENTS: usize = 100_000;

/// What an owner keeps of a user: the deadline, and the rest of a cache line.
#[derive(Clone)]
struct Row {
    deadline: Option<Instant>,
    _rest: [u64; 6],
}

/// A queue of timers that keeps the truth in the rows, or has to be told of every change.
trait Timers: Clone {
    const NAME: &'static str;
    fn new() -> Self;
    fn set(&mut self, key: u32, before: Option<Instant>, due: Option<Instant>);
    /// The keys of the earliest instant up to `until`.
    fn next_batch(&mut self, until: Instant, rows: &[Row], out: &mut Vec<u32>) -> Option<Instant>;
}

impl Timers for TimingWheel<u32> {
    const NAME: &'static str = "wheel";

    fn new() -> Self {
        TimingWheel::new(Instant::from_millis(START))
    }

    fn set(&mut self, key: u32, before: Option<Instant>, due: Option<Instant>) {
        if let Some(due) = due
            && before.is_none_or(|before| due < before)
        {
            self.schedule(due, key);
        }
    }

    fn next_batch(&mut self, until: Instant, rows: &[Row], out: &mut Vec<u32>) -> Option<Instant> {
        TimingWheel::next_batch(self, until, |key| rows[key as usize].deadline, out)
    }
}

/// The textbook way: each change is one more entry, and entries that no longer hold are skipped.
impl Timers for BinaryHeap<Reverse<(Instant, u32)>> {
    const NAME: &'static str = "binary_heap";

    fn new() -> Self {
        BinaryHeap::new()
    }

    fn set(&mut self, key: u32, _before: Option<Instant>, due: Option<Instant>) {
        if let Some(due) = due {
            self.push(Reverse((due, key)));
        }
    }

    fn next_batch(&mut self, until: Instant, rows: &[Row], out: &mut Vec<u32>) -> Option<Instant> {
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
    const NAME: &'static str = "btree_set";

    fn new() -> Self {
        BTreeSet::new()
    }

    fn set(&mut self, key: u32, before: Option<Instant>, due: Option<Instant>) {
        if let Some(before) = before {
            self.remove(&(before, key));
        }
        if let Some(due) = due {
            self.insert((due, key));
        }
    }

    fn next_batch(&mut self, until: Instant, _rows: &[Row], out: &mut Vec<u32>) -> Option<Instant> {
        out.clear();
        let at = self.first().map(|first| first.0).filter(|at| *at <= until)?;
        while let Some((_, key)) = self.first().copied().filter(|first| first.0 == at) {
            self.pop_first();
            out.push(key);
        }
        Some(at)
    }
}

#[derive(Clone)]
struct Host<T> {
    timers: T,
    rows: Vec<Row>,
    now: Instant,
    due: Vec<u32>,
    /// Of all instants and keys that fired, in order.
    digest: u64,
}

impl<T: Timers> Host<T> {
    fn empty(n: usize) -> Host<T> {
        let rows = vec![Row { deadline: None, _rest: [0; 6] }; n];
        Host { timers: T::new(), rows, now: Instant::from_millis(START), due: Vec::new(), digest: 0 }
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
        let before = black_box(std::mem::replace(&mut row.deadline, due));
        self.timers.set(key, before, due);
    }

    /// Fires what is due, one instant after the other, and starts each of these timers anew where asked to.
    fn advance(&mut self, now: Instant, again: Option<Duration>) {
        self.now = now;
        while let Some(at) = self.timers.next_batch(now, &self.rows, &mut self.due) {
            let due = std::mem::take(&mut self.due);
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
    fn events(&mut self, events: &[(u32, u32)], step: i64) {
        let start = self.now;
        for (i, (key, dice)) in events.iter().enumerate() {
            self.advance(start + Duration::from_millis(i as i64 * step / 1_000), Some(Duration::hours(1)));
            let jitter = Duration::from_millis(i64::from(dice >> 8));
            let due = match dice % 100 {
                0..85 => Some(self.now + Duration::hours(1) + jitter),
                85..95 => Some(self.now + Duration::minutes(5)),
                _ => None,
            };
            self.set(*key, due);
        }
    }
}

fn deadlines(n: usize, within: i64) -> Vec<(u32, Instant)> {
    let mut random = fastrand::Rng::with_seed(7);
    let mut keys: Vec<u32> = (0..n as u32).collect();
    random.shuffle(&mut keys);
    keys.into_iter().map(|key| (key, Instant::from_millis(START + random.i64(1..within)))).collect()
}

fn events(n: usize) -> Vec<(u32, u32)> {
    let mut random = fastrand::Rng::with_seed(11);
    (0..EVENTS).map(|_| (random.u32(0..n as u32), random.u32(..))).collect()
}

/// Microseconds from one event to the next: each user has one in two hours.
fn step(n: usize) -> i64 {
    2 * HOUR * 1_000 / n as i64
}

fn digest<T: Timers>(n: usize) -> u64 {
    let mut host = Host::<T>::full(&deadlines(n, HOUR));
    host.events(&events(n), step(n));
    host.advance(Instant::MAX, None);
    host.digest
}

fn measure<T: Timers>(c: &mut Criterion, n: usize) {
    let mut group = c.benchmark_group(format!("timers/{n}"));
    group.sample_size(10).warm_up_time(WallTime::from_millis(300)).measurement_time(WallTime::from_secs(2));

    let month = deadlines(n, 30 * 24 * HOUR);
    group.throughput(Throughput::Elements(n as u64));
    group.bench_function(BenchmarkId::new("schedule", T::NAME), |b| {
        b.iter_batched(
            || Host::<T>::empty(n),
            |mut host| {
                month.iter().for_each(|(key, due)| host.set(*key, Some(*due)));
                host
            },
            BatchSize::PerIteration,
        );
    });
    let full = Host::<T>::full(&month);
    group.bench_function(BenchmarkId::new("fire", T::NAME), |b| {
        b.iter_batched(
            || full.clone(),
            |mut host| {
                host.advance(Instant::MAX, None);
                host
            },
            BatchSize::PerIteration,
        );
    });

    // Two hours in, so that the queue is as a long run leaves it.
    let (events, step) = (events(n), step(n));
    let mut running = Host::<T>::full(&deadlines(n, HOUR));
    for _ in 0..n.div_ceil(EVENTS) {
        running.events(&events, step);
    }
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function(BenchmarkId::new("event", T::NAME), |b| {
        b.iter_batched(
            || running.clone(),
            |mut host| {
                host.events(&events, step);
                host
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn timers(c: &mut Criterion) {
    for n in [100_000, 1_000_000] {
        let wheel = digest::<TimingWheel<u32>>(n);
        assert_eq!(wheel, digest::<BinaryHeap<Reverse<(Instant, u32)>>>(n));
        assert_eq!(wheel, digest::<BTreeSet<(Instant, u32)>>(n));
        let full = Host::<TimingWheel<u32>>::full(&deadlines(n, 30 * 24 * HOUR));
        println!("timers/{n}: {:.1} bytes each in the wheel", full.timers.bytes() as f64 / n as f64);
        measure::<TimingWheel<u32>>(c, n);
        measure::<BinaryHeap<Reverse<(Instant, u32)>>>(c, n);
        measure::<BTreeSet<(Instant, u32)>>(c, n);
    }
}

/// A poll while nothing is due: what a host pays for every tick of its clock.
fn idle(c: &mut Criterion) {
    let mut host = Host::<TimingWheel<u32>>::full(&deadlines(100_000, HOUR));
    let now = Instant::from_millis(START);
    let mut out = Vec::new();
    c.bench_function("timers/idle poll", |b| {
        b.iter(|| host.timers.poll(black_box(now), |key| host.rows[key as usize].deadline, &mut out));
    });
}

criterion_group!(benches, idle, timers);
criterion_main!(benches);
