use super::sync::{Condvar, Mutex};
use std::mem::take;

/// Most jobs that one leader does at a time, so that nobody waits long for an answer that is there.
const GROUP_MAX: usize = 1_024;

/// Lets threads share the work that costs as much for many as for one, such as a write that must reach the disk.
///
/// Whoever comes while nobody works does its own job, and whatever others have handed in meanwhile, in the order in
/// which they came; those only wait. There is never more than one leader, and no lock is held while it works.
#[derive(Debug)]
pub(crate) struct Group<J, A> {
    state: Mutex<State<J, A>>,
    turn: Condvar,
}

#[derive(Debug)]
struct State<J, A> {
    is_led: bool,
    /// Number of the next job.
    next: u64,
    waiting: Vec<(u64, J)>,
    /// Nothing where the leader panicked.
    answers: Vec<(u64, Option<A>)>,
}

impl<J, A> Default for Group<J, A> {
    fn default() -> Group<J, A> {
        let state = State { is_led: false, next: 0, waiting: Vec::new(), answers: Vec::new() };
        Group { state: Mutex::new(state), turn: Condvar::new() }
    }
}

impl<J, A> Group<J, A> {
    /// Has a job done, here or by another thread. `lead` does jobs in order, and gives an answer to each. Should it panic,
    /// so do all whose jobs it had: nobody waits for ever.
    ///
    /// A job that nobody has to wait for is done as it is; `hand_in` makes of it one that another thread can do.
    pub(crate) fn submit<B>(
        &self,
        job: B,
        hand_in: impl FnOnce(B) -> J,
        alone: impl FnOnce(B) -> A,
        lead: impl Fn(Vec<J>) -> Vec<A>,
    ) -> A {
        let mut state = self.state.lock();
        if !state.is_led && state.waiting.is_empty() {
            state.is_led = true;
            drop(state);
            let _turn = Turn { group: self, tickets: Vec::new() };
            return alone(job);
        }
        drop(state);
        let job = hand_in(job);
        let mut state = self.state.lock();
        let ticket = state.next;
        state.next += 1;
        state.waiting.push((ticket, job));
        loop {
            if let Some(place) = state.answers.iter().position(|(of, _)| *of == ticket) {
                return state.answers.swap_remove(place).1.expect("another thread panicked over this job");
            }
            if state.is_led {
                self.turn.wait(&mut state);
                continue;
            }
            state.is_led = true;
            let mut jobs = take(&mut state.waiting);
            if jobs.len() > GROUP_MAX {
                state.waiting = jobs.split_off(GROUP_MAX);
            }
            drop(state);
            let (tickets, jobs): (Vec<u64>, Vec<J>) = jobs.into_iter().unzip();
            let mut turn = Turn { group: self, tickets };
            let answers = lead(jobs);
            debug_assert_eq!(answers.len(), turn.tickets.len());
            let answers = take(&mut turn.tickets).into_iter().zip(answers.into_iter().map(Some));
            self.state.lock().answers.extend(answers);
            drop(turn);
            state = self.state.lock();
        }
    }
}

/// The turn of a leader, which ends however its work does.
struct Turn<'a, J, A> {
    group: &'a Group<J, A>,
    /// Jobs that have no answer yet.
    tickets: Vec<u64>,
}

impl<J, A> Drop for Turn<'_, J, A> {
    fn drop(&mut self) {
        let mut state = self.group.state.lock();
        state.is_led = false;
        state.answers.extend(self.tickets.drain(..).map(|ticket| (ticket, None)));
        drop(state);
        self.group.turn.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::thread;

    #[test]
    fn every_job_is_done_once_and_answered_to_whom_it_belongs() {
        let group: Group<usize, usize> = Group::default();
        let (busy, done, groups) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
        let work = |jobs: Vec<usize>| {
            assert!(!busy.swap(true, Ordering::SeqCst), "two leaders");
            groups.fetch_add(1, Ordering::SeqCst);
            done.fetch_add(jobs.len(), Ordering::SeqCst);
            thread::yield_now();
            busy.store(false, Ordering::SeqCst);
            jobs.into_iter().map(|job| job * 2).collect::<Vec<_>>()
        };
        thread::scope(|scope| {
            for thread in 0..8 {
                let (group, work) = (&group, &work);
                scope.spawn(move || {
                    for i in 0..500 {
                        let job = thread * 1_000 + i;
                        let answer = group.submit(job, |job| job, |job| work(vec![job])[0], work);
                        assert_eq!(answer, job * 2);
                    }
                });
            }
        });
        assert_eq!(done.load(Ordering::SeqCst), 4_000);
        assert!(groups.load(Ordering::SeqCst) <= 4_000);
        let state = group.state.lock();
        assert!(!state.is_led && state.waiting.is_empty() && state.answers.is_empty());
    }

    #[test]
    fn a_leader_that_panics_gives_up_its_turn() {
        let group: Group<u32, u32> = Group::default();
        let panics = || group.submit(1, |job| job, |_| panic!("on purpose"), |jobs| jobs);
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).is_err());
        assert_eq!(group.submit(2, |job| job, |job| job, |jobs| jobs), 2);
    }
}
