//! Threads that share work, in thousands of the orders in which they may come to their locks: the engine's `group.rs` once
//! more, with locks of which shuttle says who gets them next. An order in which nobody can go on is a failure, so no call is
//! lost in any that was tried. What fails prints the order, with which it can be tried again (`shuttle::replay`).
//!
//! `cargo run --manifest-path tests/orders/Cargo.toml`

use group::{Group, Work};
use shuttle::thread;
use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};

#[path = "../../../src/engine/group.rs"]
mod group;

/// What stands in the place of `engine::sync`.
mod sync {
    pub(crate) use shuttle::thread::{Thread, current, park, yield_now};
    use std::ops::{Deref, DerefMut};
    use std::sync::PoisonError;
    use std::time::Duration;

    #[derive(Debug)]
    pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

    #[derive(Debug)]
    pub(crate) struct MutexGuard<'a, T> {
        mutex: &'a Mutex<T>,
        /// Nothing while it is let go of.
        held: Option<shuttle::sync::MutexGuard<'a, T>>,
    }

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Mutex<T> {
            Mutex(shuttle::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            MutexGuard { mutex: self, held: Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)) }
        }
    }

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            self.held.as_ref().expect("whoever waits looks at nothing")
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.held.as_mut().expect("whoever waits looks at nothing")
        }
    }

    impl<T> MutexGuard<'_, T> {
        /// Lets go of it for as long as something runs.
        pub(crate) fn unlocked<A>(guard: &mut Self, run: impl FnOnce() -> A) -> A {
            guard.held = None;
            let answer = run();
            guard.held = guard.mutex.lock().held;
            answer
        }
    }

    /// Time passes whenever others run.
    pub(crate) fn park_timeout(_: Duration) {
        yield_now();
    }
}

/// So many orders are tried of each scenario, by chance; and as many by chance where few threads are interrupted, which
/// finds what needs two or three unlucky moments.
const ORDERS: usize = 2_000;
const INTERRUPTED_MAX: usize = 3;

fn main() {
    for (what, scenario) in [
        ("every job is done once and answered to whom it belongs", each_once as fn(Work)),
        ("a leader that panics wakes all", panicking),
    ] {
        for work in [Work::Brief, Work::Slow] {
            shuttle::check_random(move || scenario(work), ORDERS);
            shuttle::check_pct(move || scenario(work), ORDERS, INTERRUPTED_MAX);
            println!("{what}, {work:?} work: {} orders", 2 * ORDERS);
        }
    }
}

/// A job over which whoever does it panics.
const POISON: u32 = 66;

/// Has shuttle, which tells of each panic in whose order it came, not tell of those that are meant to be.
fn expect_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let tell = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if info.payload_as_str() != Some("another thread panicked over this job") {
                tell(info);
            }
        }));
    });
}

/// Threads that share a group, and what was done in it.
struct Shop {
    group: Group<u32, u32>,
    busy: AtomicBool,
    /// How often each job was begun.
    begun: std::sync::Mutex<BTreeMap<u32, u32>>,
}

impl Shop {
    fn open(work: Work) -> Arc<Shop> {
        Arc::new(Shop { group: Group::new(work), busy: AtomicBool::new(false), begun: Default::default() })
    }

    fn work(&self, jobs: &[&u32]) -> Vec<u32> {
        assert!(!self.busy.swap(true, Ordering::SeqCst), "two leaders");
        // Others come meanwhile.
        thread::yield_now();
        self.busy.store(false, Ordering::SeqCst);
        let mut begun = self.begun.lock().unwrap();
        jobs.iter().for_each(|job| *begun.entry(**job).or_default() += 1);
        drop(begun);
        if jobs.contains(&&POISON) {
            resume_unwind(Box::new("on purpose"));
        }
        jobs.iter().map(|job| *job * 2).collect()
    }

    fn submit(&self, job: u32) -> u32 {
        self.group.submit(job, |job| job, |job| job, |jobs| self.work(jobs))
    }

    /// Nothing is left of what was, and there is no turn that nobody has.
    fn close(&self, jobs: &[u32]) {
        assert_eq!(self.submit(1_000), 2_000);
        let mut begun = self.begun.lock().unwrap();
        assert_eq!(begun.remove(&1_000), Some(1));
        assert_eq!(*begun, jobs.iter().map(|job| (*job, 1)).collect(), "each once");
    }
}

fn each_once(work: Work) {
    let shop = Shop::open(work);
    let threads: Vec<_> = (0..3)
        .map(|number| {
            let shop = shop.clone();
            thread::spawn(move || {
                for job in [number, 10 + number] {
                    assert_eq!(shop.submit(job), job * 2);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    shop.close(&[0, 1, 2, 10, 11, 12]);
}

fn panicking(work: Work) {
    expect_panics();
    let shop = Shop::open(work);
    let threads: Vec<_> = [1, POISON, 3, 4]
        .map(|job| {
            let shop = shop.clone();
            thread::spawn(move || {
                // Each may be done together with the one that is not.
                for job in [job, 100 + job] {
                    let answer = catch_unwind(AssertUnwindSafe(|| shop.submit(job)));
                    assert!(job != POISON || answer.is_err());
                    assert!(answer.is_err() || answer.is_ok_and(|answer| answer == job * 2));
                }
            })
        })
        .into();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    shop.close(&[1, 3, 4, POISON, 101, 103, 104, 100 + POISON]);
}
