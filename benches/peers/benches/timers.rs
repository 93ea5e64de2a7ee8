//! Timers beside other crates' queues, and those of the standard library.
//!
//! `cargo bench --manifest-path benches/peers/Cargo.toml --bench timers`, or with other sizes: `-- 1000000`

#[path = "../../timers/mod.rs"]
mod queues;

use bespoke::model::Instant;
use bespoke::trigger::TimingWheel;
use hierarchical_hash_wheel_timer::IdOnlyTimerEntry;
use hierarchical_hash_wheel_timer::wheels::Skip;
use hierarchical_hash_wheel_timer::wheels::cancellable::QuadWheelWithOverflow;
use queues::{Row, START, Table, Timers, sizes};
use std::alloc::System;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::task::unconstrained;
use tokio::time::{Instant as Moment, advance};
use tokio_util::time::DelayQueue;
use tokio_util::time::delay_queue::Key;

#[global_allocator]
static ALLOCATOR: cap::Cap<System> = cap::Cap::new(System, usize::MAX);

/// A queue that waits on a runtime, whose clock stands still until it is told the time.
struct Delays {
    queue: DelayQueue<u32>,
    runtime: Runtime,
    start: Moment,
    now: Instant,
    /// What has come out, with the instant that it was due at.
    out: VecDeque<(Instant, u32)>,
}

fn since_start(at: Instant) -> Duration {
    Duration::from_millis((at.as_millis() - START) as u64)
}

impl Timers for Delays {
    const NAME: &'static str = "DelayQueue";
    type Handle = Option<Key>;

    fn new() -> Delays {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.expect("a runtime of one thread");
        let (queue, start) = runtime.block_on(async { (DelayQueue::new(), Moment::now()) });
        Delays { queue, runtime, start, now: Instant::from_millis(START), out: VecDeque::new() }
    }

    fn set(&mut self, key: u32, due: Option<Instant>, row: &mut Row<Option<Key>>) {
        let _entered = self.runtime.enter();
        let at = due.map(|due| self.start + since_start(due));
        // Of what has fired the handle is good no more.
        let handle = row.handle.filter(|_| row.deadline.is_some());
        row.handle = match (handle, at) {
            (Some(handle), Some(at)) => {
                self.queue.reset_at(&handle, at);
                Some(handle)
            }
            (Some(handle), None) => {
                self.queue.remove(&handle);
                None
            }
            (None, Some(at)) => Some(self.queue.insert_at(key, at)),
            (None, None) => None,
        };
    }

    fn next_batch(
        &mut self,
        until: Instant,
        _rows: &[Row<Option<Key>>],
        out: &mut Vec<u32>,
    ) -> Option<Instant> {
        out.clear();
        if self.out.is_empty() {
            let Delays { queue, runtime, start, now, out } = self;
            let passed = since_start(until) - since_start(*now);
            *now = until;
            runtime.block_on(async {
                if !passed.is_zero() {
                    advance(passed).await;
                }
                // Else it stops in the middle, so that other tasks have their turn.
                let all = poll_fn(|context| {
                    while let Poll::Ready(Some(expired)) = queue.poll_expired(context) {
                        let due = (expired.deadline() - *start).as_millis() as i64;
                        out.push_back((Instant::from_millis(START + due), expired.into_inner()));
                    }
                    Poll::Ready(())
                });
                unconstrained(all).await;
            });
            // Within an instant it knows no order.
            out.make_contiguous().sort_unstable();
        }
        let (at, _) = *self.out.front()?;
        while let Some((_, key)) = self.out.pop_front_if(|(due, _)| *due == at) {
            out.push(key);
        }
        Some(at)
    }
}

/// A wheel that ticks each millisecond, and can skip those in which nothing is due.
struct Ticks {
    wheel: QuadWheelWithOverflow<IdOnlyTimerEntry<u32>>,
    now: Instant,
}

impl Timers for Ticks {
    const NAME: &'static str = "hash wheel";
    type Handle = ();

    fn new() -> Ticks {
        Ticks { wheel: QuadWheelWithOverflow::new(), now: Instant::from_millis(START) }
    }

    fn set(&mut self, key: u32, due: Option<Instant>, row: &mut Row<()>) {
        if row.deadline.is_some() {
            self.wheel.cancel(&key).expect("it is there");
        }
        if let Some(due) = due {
            let delay = Duration::from_millis((due - self.now).as_millis() as u64);
            let entry = Rc::new(IdOnlyTimerEntry { id: key, delay });
            assert!(self.wheel.insert_ref_with_delay(entry, delay).is_ok(), "it is due later");
        }
    }

    fn next_batch(&mut self, until: Instant, _rows: &[Row<()>], out: &mut Vec<u32>) -> Option<Instant> {
        out.clear();
        while self.now < until {
            let left = (until - self.now).as_millis().min(i64::from(u32::MAX)) as u32;
            let skipped = match self.wheel.can_skip() {
                Skip::Empty => left,
                Skip::Millis(can) => can.min(left),
                Skip::None => 0,
            };
            if skipped > 0 {
                self.wheel.skip(skipped);
                self.now = self.now + bespoke::model::Duration::from_millis(skipped.into());
                continue;
            }
            self.now = self.now + bespoke::model::Duration::from_millis(1);
            out.extend(self.wheel.tick().iter().map(|entry| entry.id));
            if !out.is_empty() {
                out.sort_unstable();
                return Some(self.now);
            }
        }
        None
    }
}

fn main() {
    for n in sizes(&[100_000, 1_000_000, 10_000_000]) {
        let mut table = Table::new(n, || ALLOCATOR.allocated());
        table.row::<TimingWheel<u32>>();
        table.row::<Delays>();
        table.row::<Ticks>();
        table.row::<BinaryHeap<Reverse<(Instant, u32)>>>();
        table.row::<BTreeSet<(Instant, u32)>>();
    }
}
