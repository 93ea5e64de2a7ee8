use super::sync::{Mutex, MutexGuard, Thread, current, park, park_timeout, yield_now};
use std::mem::{replace, take};
use std::slice::from_ref;
use std::sync::Arc;
use std::time::Duration;

/// Most jobs that one leader does at a time, so that nobody waits long for an answer that is there.
const GROUP_MAX: usize = 1_024;
/// Most groups of brief work that a leader does one after the other: where leaders change with each, so does the processor
/// that has in its cache what they work on.
const GROUPS_MAX: usize = 4;
/// How often whoever waits for brief work gives way to others before it sleeps: about as long as a group takes. To sleep
/// and to be woken costs more than the work itself.
const YIELDS_MAX: u32 = 256;
/// How long whoever gathers others for slow work sleeps until it looks who has come meanwhile, and how often it does at
/// most: two times for nobody, because the first may end at once. About as long as that work takes: the last one to come
/// leads at once, and to be woken for nothing takes time from those who come.
const GATHERING: Duration = Duration::from_micros(200);
const GATHERINGS_MAX: u32 = 4;
/// Most groups that begin without waiting for others, once that was in vain.
const HASTE_MAX: u32 = 63;

/// How long the work of a group takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Microseconds: who waits does not sleep at once.
    Brief,
    /// A wait for the disk, as long for many jobs as for one: a group begins only a moment later, or with the last of
    /// those whom the groups before were for, because they come back with their next job. Otherwise half of the threads
    /// would always just miss the group of the other half.
    Slow,
}

/// Lets threads share the work that costs as much for many as for one, such as a write that must reach the disk.
///
/// Whoever comes while nobody works does its own job, behind those that others have handed in meanwhile, in the order in
/// which they came; those only wait. There is never more than one leader, and no lock is held while it works.
#[derive(Debug)]
pub(crate) struct Group<J, A> {
    work: Work,
    state: Mutex<State<J, A>>,
}

// Invariant: where jobs wait and nobody leads, the first of them was called, or one of them gathers others: it leads, or
// whoever comes before it.
#[derive(Debug)]
struct State<J, A> {
    is_led: bool,
    waiting: Vec<(Arc<Seat<J, A>>, J)>,
    /// Jobs that were ever handed in.
    came: u64,
    /// Jobs that were done last, and those that had come before these were answered: as many come again while threads are
    /// as busy.
    expected: usize,
    /// Whether one of those who wait looks for others to come before it leads.
    is_gathering: bool,
    /// How many groups begin without that, and how many did after it was in vain the last time.
    haste: (u32, u32),
}

impl<J, A> State<J, A> {
    /// Hands in a job, and gives its number.
    fn hand_in(&mut self, seat: Arc<Seat<J, A>>, job: J) -> u64 {
        self.waiting.push((seat, job));
        self.came += 1;
        self.came - 1
    }

    /// Whether nobody leads, and the job of that number is not done nor in the hands of whoever led last.
    fn is_free(&self, number: u64) -> bool {
        !self.is_led && number >= self.came - self.waiting.len() as u64
    }

    /// Whether a group of so many jobs need not wait for more.
    fn is_enough(&self, work: Work, jobs: usize) -> bool {
        work == Work::Brief || self.haste.0 > 0 || jobs >= self.expected.min(GROUP_MAX)
    }

    /// Notes that a group of so many jobs begins.
    fn begin(&mut self, jobs: usize) {
        (self.is_led, self.is_gathering) = (true, false);
        if jobs < self.expected {
            self.haste.0 = self.haste.0.saturating_sub(1);
        }
    }
}

/// Where a thread waits that has handed in a job.
#[derive(Debug)]
struct Seat<J, A> {
    thread: Thread,
    said: Mutex<Said<J, A>>,
}

/// What a thread that waits is told.
#[derive(Debug)]
enum Said<J, A> {
    Nothing,
    /// Nobody leads.
    Lead,
    /// With the job, because whoever made it drops it fastest. Nothing where the leader panicked.
    Answer(Option<(A, J)>),
}

impl<J, A> Seat<J, A> {
    fn answer(&self, answer: Option<(A, J)>) {
        *self.said.lock() = Said::Answer(answer);
        self.thread.unpark();
    }

    /// Says that nobody leads; somebody who came meanwhile may, and may have given the answer.
    fn call(&self) {
        let mut said = self.said.lock();
        if let Said::Nothing = *said {
            *said = Said::Lead;
            self.thread.unpark();
        }
    }

    /// Waits until there is something to hear.
    fn hear(&self, work: Work) -> Said<J, A> {
        let mut yields = 0;
        loop {
            match replace(&mut *self.said.lock(), Said::Nothing) {
                Said::Nothing => {}
                said => return said,
            }
            if work == Work::Brief && yields < YIELDS_MAX {
                yields += 1;
                yield_now();
            } else {
                park();
            }
        }
    }
}

impl<J, A> Group<J, A> {
    pub(crate) fn new(work: Work) -> Group<J, A> {
        let state = State {
            is_led: false,
            waiting: Vec::new(),
            came: 0,
            expected: 0,
            is_gathering: false,
            haste: (0, 0),
        };
        Group { work, state: Mutex::new(state) }
    }

    /// Has a job done, here or by another thread. `lead` does jobs in order, and gives an answer to each. Should it panic,
    /// so do all whose jobs it had: nobody waits for ever.
    ///
    /// A job that nobody has to wait for is done as it is; `hand_in` makes of it one that another thread can do, which
    /// takes it by `adopt`.
    pub(crate) fn submit<B>(
        &self,
        job: B,
        hand_in: impl FnOnce(B) -> J,
        adopt: impl Fn(&J) -> &B,
        lead: impl Fn(&[&B]) -> Vec<A>,
    ) -> A {
        let state = self.state.lock();
        let jobs = state.waiting.len() + 1;
        if !state.is_led && jobs <= GROUP_MAX && state.is_enough(self.work, jobs) {
            return self.lead(state, Some(job), &adopt, &lead).expect("the own job is answered last");
        }
        drop(state);
        let job = hand_in(job);
        let seat = Arc::new(Seat { thread: current(), said: Mutex::new(Said::Nothing) });
        let mut state = self.state.lock();
        let number = state.hand_in(seat.clone(), job);
        loop {
            let is_enough = |state: &State<J, A>| state.is_enough(self.work, state.waiting.len());
            if state.is_free(number) && !state.is_gathering && !is_enough(&state) {
                self.gather(&mut state, number);
            }
            match state.is_free(number) && is_enough(&state) {
                true => drop(self.lead(state, None, &adopt, &lead)),
                false => drop(state),
            }
            match seat.hear(self.work) {
                Said::Answer(answer) => return answer.expect("another thread panicked over this job").0,
                Said::Nothing | Said::Lead => state = self.state.lock(),
            }
        }
    }

    /// Does the jobs that wait, and one that nobody waits for behind them, and gives the answer to that.
    fn lead<'g, B>(
        &'g self,
        mut state: MutexGuard<'g, State<J, A>>,
        own: Option<B>,
        adopt: &impl Fn(&J) -> &B,
        lead: &impl Fn(&[&B]) -> Vec<A>,
    ) -> Option<A> {
        let jobs = state.waiting.len() + usize::from(own.is_some());
        state.begin(jobs);
        let mut turn = Turn { group: self, jobs: 0, seats: Vec::new() };
        let mut own_answer = None;
        for group in 1.. {
            let mut waiting = take(&mut state.waiting);
            if waiting.len() > GROUP_MAX {
                state.waiting = waiting.split_off(GROUP_MAX);
            }
            drop(state);
            let own = own.as_ref().filter(|_| group == 1);
            turn.jobs = waiting.len() + usize::from(own.is_some());
            if let (Some(own), true) = (own, waiting.is_empty()) {
                return lead(from_ref(&own)).pop();
            }
            let (seats, jobs): (Vec<_>, Vec<J>) = waiting.into_iter().unzip();
            turn.seats = seats;
            let lent: Vec<&B> = jobs.iter().map(adopt).chain(own).collect();
            let mut answers = lead(&lent);
            debug_assert_eq!(answers.len(), turn.jobs);
            if own.is_some() {
                own_answer = answers.pop();
            }
            let answered = take(&mut turn.seats).into_iter().zip(answers.into_iter().zip(jobs));
            let say = |(seat, answer): (Arc<Seat<J, A>>, (A, J))| seat.answer(Some(answer));
            if self.work == Work::Slow {
                // Whoever hears first may come with its next job before the last one has heard.
                drop(turn);
                answered.for_each(say);
                return own_answer;
            }
            answered.for_each(say);
            state = self.state.lock();
            if group == GROUPS_MAX || state.waiting.is_empty() {
                break;
            }
        }
        drop(state);
        own_answer
    }

    /// Waits a moment for as many jobs as there were the last time, with the one of that number among them. The last one to
    /// come need not be waited for to wake anybody: it leads.
    fn gather(&self, state: &mut MutexGuard<'_, State<J, A>>, number: u64) {
        state.is_gathering = true;
        let came_before = state.waiting.len();
        let mut for_nobody = 0;
        for _ in 0..GATHERINGS_MAX {
            let came = state.waiting.len();
            MutexGuard::unlocked(state, || park_timeout(GATHERING));
            if !state.is_free(number) {
                return;
            }
            for_nobody = if state.waiting.len() == came { for_nobody + 1 } else { 0 };
            if for_nobody == 2 {
                break;
            }
        }
        let is_in_vain = state.waiting.len() == came_before;
        let next = if is_in_vain { (2 * state.haste.1 + 1).min(HASTE_MAX) } else { 0 };
        state.haste = (next, next);
        // No more than these.
        state.expected = state.waiting.len();
    }
}

/// The turn of a leader, which ends however its work does.
struct Turn<'a, J, A> {
    group: &'a Group<J, A>,
    jobs: usize,
    /// Whose jobs have no answer yet.
    seats: Vec<Arc<Seat<J, A>>>,
}

impl<J, A> Drop for Turn<'_, J, A> {
    fn drop(&mut self) {
        let mut state = self.group.state.lock();
        state.is_led = false;
        state.expected = self.jobs + state.waiting.len();
        let next = state.waiting.first().map(|(seat, _)| seat.clone());
        drop(state);
        if let Some(next) = next {
            next.call();
        }
        self.seats.drain(..).for_each(|seat| seat.answer(None));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::thread;

    fn same<T>(job: &T) -> &T {
        job
    }

    fn taken(jobs: &[&u32]) -> Vec<u32> {
        jobs.iter().map(|job| **job).collect()
    }

    #[test]
    fn every_job_is_done_once_and_answered_to_whom_it_belongs() {
        for work in [Work::Brief, Work::Slow] {
            let group: Group<usize, usize> = Group::new(work);
            let (busy, done) = (AtomicBool::new(false), AtomicUsize::new(0));
            let lead = |jobs: &[&usize]| {
                assert!(!busy.swap(true, Ordering::SeqCst), "two leaders");
                done.fetch_add(jobs.len(), Ordering::SeqCst);
                thread::yield_now();
                busy.store(false, Ordering::SeqCst);
                jobs.iter().map(|job| *job * 2).collect::<Vec<_>>()
            };
            thread::scope(|scope| {
                for thread in 0..8 {
                    let (group, lead) = (&group, &lead);
                    scope.spawn(move || {
                        for i in 0..500 {
                            let job = thread * 1_000 + i;
                            assert_eq!(group.submit(job, |job| job, same, lead), job * 2);
                        }
                    });
                }
            });
            assert_eq!(done.load(Ordering::SeqCst), 4_000);
            let state = group.state.lock();
            assert!(!state.is_led && state.waiting.is_empty() && !state.is_gathering);
        }
    }

    #[test]
    fn jobs_of_a_thread_are_done_in_order_and_nobody_is_passed_by() {
        let group: Group<(usize, usize), ()> = Group::new(Work::Brief);
        let seen = Mutex::new(Vec::new());
        let lead = |jobs: &[&(usize, usize)]| {
            seen.lock().extend(jobs.iter().map(|job| **job));
            vec![(); jobs.len()]
        };
        thread::scope(|scope| {
            for thread in 0..4 {
                let (group, lead) = (&group, &lead);
                scope.spawn(move || (0..300).for_each(|i| group.submit((thread, i), |job| job, same, lead)));
            }
        });
        let seen = take(&mut *seen.lock());
        for thread in 0..4 {
            let own: Vec<usize> = seen.iter().filter(|job| job.0 == thread).map(|job| job.1).collect();
            assert_eq!(own, (0..300).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_leader_that_panics_gives_up_its_turn() {
        for work in [Work::Brief, Work::Slow] {
            let group: Group<u32, u32> = Group::new(work);
            let panics = || group.submit(1, |job| job, same, |_| panic!("on purpose"));
            assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).is_err());
            assert_eq!(group.submit(2, |job| job, same, taken), 2);
        }
    }

    #[test]
    fn who_waits_for_a_leader_that_panics_panics_too() {
        let group: Group<u32, u32> = Group::new(Work::Brief);
        let waits = || group.state.lock().waiting.len();
        let ended = thread::scope(|scope| {
            let (group, waits) = (&group, &waits);
            let leader = scope.spawn(move || {
                // The first one, for which two wait, and then these.
                group.submit(
                    0,
                    |job| job,
                    same,
                    |jobs| {
                        while jobs == [&0] && waits() < 2 {
                            thread::yield_now();
                        }
                        assert_eq!(jobs, [&0], "on purpose");
                        taken(jobs)
                    },
                )
            });
            while !group.state.lock().is_led {
                thread::yield_now();
            }
            let panic = |_: &[&u32]| -> Vec<u32> { panic!("on purpose") };
            let others = [1, 2].map(|job| scope.spawn(move || group.submit(job, |job| job, same, panic)));
            drop(leader.join());
            others.map(|other| other.join().is_err())
        });
        assert_eq!(ended, [true, true]);
        assert_eq!(group.submit(3, |job| job, same, taken), 3);
    }
}
