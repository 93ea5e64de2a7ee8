//! Threads that share work, in thousands of the orders in which they may come to their locks: `group.rs` once more, with
//! locks of which shuttle says who gets them next. An order in which nobody can go on is a failure, so no call is lost in
//! any that was tried. What fails prints the order, with which it can be tried again (`shuttle::replay`).

use group::{Group, Work};
use shuttle::thread;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[path = "group.rs"]
#[allow(clippy::duplicate_mod)] // that is the point: the same file with other locks
mod group;

/// What stands in the place of `engine::sync`: locks of shuttle while it runs, and those of the engine otherwise, so that
/// the tests in `group.rs` are what they are.
mod sync {
    use std::cell::Cell;
    use std::ops::{Deref, DerefMut};
    use std::sync::PoisonError;
    use std::time::Duration;

    thread_local! {
        /// Whether shuttle runs. All its threads are one for the system.
        pub(super) static IS_MODEL: Cell<bool> = const { Cell::new(false) };
    }

    #[derive(Debug)]
    pub(super) struct Mutex<T> {
        model: shuttle::sync::Mutex<()>,
        real: parking_lot::Mutex<T>,
    }

    #[derive(Debug)]
    pub(super) struct MutexGuard<'a, T> {
        mutex: &'a Mutex<T>,
        /// Nothing while it is let go of.
        real: Option<parking_lot::MutexGuard<'a, T>>,
        model: Option<shuttle::sync::MutexGuard<'a, ()>>,
    }

    impl<T> Mutex<T> {
        pub(super) fn new(value: T) -> Mutex<T> {
            Mutex { model: shuttle::sync::Mutex::new(()), real: parking_lot::Mutex::new(value) }
        }

        pub(super) fn lock(&self) -> MutexGuard<'_, T> {
            let model = IS_MODEL.get().then(|| self.model.lock().unwrap_or_else(PoisonError::into_inner));
            MutexGuard { mutex: self, real: Some(self.real.lock()), model }
        }
    }

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            self.real.as_ref().expect("whoever waits looks at nothing")
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.real.as_mut().expect("whoever waits looks at nothing")
        }
    }

    impl<T> MutexGuard<'_, T> {
        /// Lets go of it for as long as something runs.
        pub(super) fn unlocked<A>(guard: &mut Self, run: impl FnOnce() -> A) -> A {
            guard.real = None;
            let is_model = guard.model.take().is_some();
            let answer = run();
            guard.model = is_model.then(|| guard.mutex.model.lock().unwrap_or_else(PoisonError::into_inner));
            guard.real = Some(guard.mutex.real.lock());
            answer
        }
    }

    /// A thread of either kind.
    #[derive(Clone, Debug)]
    pub(super) enum Thread {
        Model(shuttle::thread::Thread),
        Real(std::thread::Thread),
    }

    impl Thread {
        pub(super) fn unpark(&self) {
            match self {
                Thread::Model(thread) => thread.unpark(),
                Thread::Real(thread) => thread.unpark(),
            }
        }
    }

    pub(super) fn current() -> Thread {
        match IS_MODEL.get() {
            true => Thread::Model(shuttle::thread::current()),
            false => Thread::Real(std::thread::current()),
        }
    }

    pub(super) fn park() {
        match IS_MODEL.get() {
            true => shuttle::thread::park(),
            false => std::thread::park(),
        }
    }

    /// In the model time passes whenever others run.
    pub(super) fn park_timeout(time: Duration) {
        match IS_MODEL.get() {
            true => shuttle::thread::yield_now(),
            false => std::thread::park_timeout(time),
        }
    }

    pub(super) fn yield_now() {
        match IS_MODEL.get() {
            true => shuttle::thread::yield_now(),
            false => std::thread::yield_now(),
        }
    }
}

/// So many orders are tried of each scenario, by chance; and as many by chance where few threads are interrupted, which
/// finds what needs two or three unlucky moments.
const ORDERS: usize = 2_000;
const INTERRUPTED_MAX: usize = 3;

fn try_orders(scenario: fn(Work)) {
    sync::IS_MODEL.set(true);
    for work in [Work::Brief, Work::Slow] {
        shuttle::check_random(move || scenario(work), ORDERS);
        shuttle::check_pct(move || scenario(work), ORDERS, INTERRUPTED_MAX);
    }
    sync::IS_MODEL.set(false);
}

/// A job over which whoever does it panics.
const POISON: u32 = 66;

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
        assert!(!jobs.contains(&&POISON), "on purpose");
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

#[test]
fn every_job_is_done_once_and_answered_to_whom_it_belongs() {
    try_orders(|work| {
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
    });
}

#[test]
fn a_leader_that_panics_wakes_all() {
    try_orders(|work| {
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
    });
}
