use crate::journey::context::Context;
use crate::journey::counts::Counts;
use crate::journey::instance::Instance;
use crate::journey::log::Log;
use crate::journey::outbox::Outbox;
use crate::journey::past::Past;
use crate::journey::plan::{JourneyNo, JourneyPlan};
use crate::journey::run::{Ready, Run, Stop};
use crate::journey::send_times::times_of;
use crate::journey::step::Wanted;
use crate::journey::throttle::Throttles;
use crate::journey::users::Users;
use crate::journey::{Note, OutboxStats, Reason, What};
use crate::model::{Duration, Instant};
use crate::predict::SendTimes;
use crate::profile::{ProfileStore, UserKey};
use serde::Serialize;
use smallvec::SmallVec;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

/// The journeys of all users of a partition, and their outbox.
///
/// Invariants: 1. a user is in `users` while in a journey, counted by a cap, or awaited at a date. 2. a slot of a cap is taken exactly
/// while its action is in the outbox or was answered as not lost; of a profile that was split from another also what that
/// one was sent.
#[derive(Debug, Clone)]
pub(crate) struct Journeys {
    pub(super) plan: Arc<JourneyPlan>,
    pub(super) users: Users,
    pub(super) past: Past,
    pub(super) outbox: Outbox,
    pub(super) counts: Counts,
    /// How fast channels take messages of all users together.
    pub(super) throttles: Throttles,
    /// When users answer best, where anything asks.
    pub(super) times: Option<SendTimes>,
    /// What the engine is to do to the user whom it looks at; empty between inputs.
    pub(super) effects: Vec<Wanted>,
    /// How long what was sent is remembered.
    pub(super) memory: Duration,
}

impl Journeys {
    pub(crate) fn new(plan: Arc<JourneyPlan>) -> Journeys {
        let memory = plan.memory();
        Journeys {
            throttles: Throttles::default(),
            times: times_of(&plan),
            plan,
            users: Users::default(),
            past: Past::default(),
            outbox: Outbox::default(),
            counts: Counts::default(),
            effects: Vec::new(),
            memory,
        }
    }

    pub(super) fn log<'a>(
        &'a mut self,
        cx: &'a Context<'_>,
        user: UserKey,
        notes: &'a mut Vec<Note>,
    ) -> Log<'a> {
        let Journeys { plan, counts, .. } = self;
        Log { plan, counts, notes, user: cx.store.name(user), now: cx.now }
    }

    /// Whether a user is in a journey, for any key.
    pub(crate) fn is_in(&self, user: UserKey, journey: JourneyNo) -> bool {
        let known = self.users.get(&user);
        let journey = self.plan.current(journey);
        let is_it = |instance: &Instance| self.plan.current(instance.journey) == journey;
        known.is_some_and(|known| known.instances.iter().any(is_it))
    }

    /// Reads a word of what is known of a user, before it is asked for.
    pub(crate) fn look_ahead(&self, user: UserKey) {
        self.users.look_ahead(user);
        self.past.look_ahead(user);
    }

    /// The earliest instant at which an instance of a user goes on or an action expires. O(instances and actions of the
    /// user).
    pub(crate) fn deadline(&self, user: UserKey) -> Option<Instant> {
        let known = self.users.deadline(user, &self.plan);
        known.into_iter().chain(self.outbox.next_expiry(user)).min()
    }

    /// Lets expire what waits too long in the outbox and begins what dates and recurring instants begin, then runs what is
    /// due, in order of due instant, journey, key and entry: each instance up to its next send. Then the sends, in order of
    /// class, priority, earliest expiry, due instant, journey, key and entry, because each may use up what a cap leaves for
    /// the next.
    pub(crate) fn on_time(&mut self, cx: &Context<'_>, user: UserKey, notes: &mut Vec<Note>) {
        // Slots that are given back are there for what is due at this instant.
        self.expire(cx, user, notes);
        if self.begins_by_time() {
            self.begin_by_time(cx, user, notes);
        }
        let Journeys { plan, users, past, outbox, counts, throttles, times, effects, memory } = self;
        let Some(known) = users.get_mut(&user) else { return };
        let (plan, times): (&JourneyPlan, _) = (plan, times.as_ref());
        let log = Log { plan, counts, notes, user: cx.store.name(user), now: cx.now };
        let mut due: SmallVec<[Instance; 1]> =
            known.instances.extract_if(.., |instance| instance.deadline(plan) <= cx.now).collect();
        due.sort_by(|a, b| a.order().cmp(&b.order()));
        let mut run = Run { cx, plan, user, known, past, outbox, throttles, times, effects, log };
        let mut ready: BinaryHeap<Ready> = BinaryHeap::new();
        for instance in due {
            if !run.effects.is_empty() {
                run.known.add(instance);
            } else if let Stop::AtSend(at_send) = run.wake(instance) {
                ready.push(at_send);
            }
        }
        while let Some(next) = ready.pop() {
            if !run.effects.is_empty() {
                run.put_back(next);
            } else if let Stop::AtSend(at_send) = run.go_on(next) {
                ready.push(at_send);
            }
        }
        known.prune(*memory, cx.now);
    }

    /// Shares out what channels take among so many partitions.
    pub(crate) fn share_throttles(&mut self, partitions: u16) {
        self.throttles.share(partitions);
    }

    /// Whether steps wait for something to be done to their user.
    pub(crate) fn has_effects(&self) -> bool {
        !self.effects.is_empty()
    }

    /// What steps want done to the user, in order; [`on_time`](Journeys::on_time) has to follow.
    pub(crate) fn take_effects(&mut self) -> Vec<Wanted> {
        std::mem::take(&mut self.effects)
    }

    /// Ends the instances of a user that would go on at this instant without an end, and leaves undone what steps want done.
    pub(crate) fn cut(&mut self, cx: &Context<'_>, user: UserKey, notes: &mut Vec<Note>) {
        let Journeys { plan, users, past, counts, effects, memory, .. } = self;
        let mut log = Log { plan, counts, notes, user: cx.store.name(user), now: cx.now };
        for Wanted { journey, key, step, .. } in effects.drain(..) {
            log.note(journey, &key, Some(step), What::NotDone { reason: Reason::LoopGuard });
        }
        let Some(known) = users.get_mut(&user) else { return };
        let is_due = |instance: &mut Instance| instance.due <= cx.now;
        let mut ended: Vec<Instance> = known.instances.extract_if(.., is_due).collect();
        ended.sort_by(|a, b| a.order().cmp(&b.order()));
        for instance in &ended {
            let what = What::Exited { reason: Reason::LoopGuard };
            log.note(instance.journey, &instance.key, Some(instance.step), what);
            known.leave_goal_open(instance, plan, cx.now);
            past.exit(
                user,
                instance.journey,
                &instance.key,
                (instance.due, Some(instance.entry)),
                cx.now,
                plan,
            );
        }
        known.prune(*memory, cx.now);
    }

    /// How many instances a user has, and how many actions that wait or were answered lately.
    pub(crate) fn held(&self, user: UserKey) -> (usize, usize) {
        let instances = self.users.get(&user).map_or(0, |known| known.instances.len());
        (instances, self.outbox.held(user))
    }

    /// Drops everything of a user, also what the host holds: to be called before the profile goes.
    pub(crate) fn forget(&mut self, user: UserKey) {
        self.users.remove(&user);
        self.past.take(user);
        self.outbox.forget(user);
        self.times.iter_mut().for_each(|times| times.forget(user.0));
    }

    /// How often each journey did what, and how often not and why: by journey and reason.
    pub(crate) fn counts(&self) -> BTreeMap<(String, String), u64> {
        self.counts.named(&self.plan)
    }

    pub(crate) fn outbox_stats(&self) -> OutboxStats {
        self.outbox.stats()
    }

    /// Everything that counts at `now`, users in order of their ids, for a digest of the state. O(state).
    pub(crate) fn state<'a>(&'a self, store: &'a ProfileStore, now: Instant) -> impl Serialize + 'a {
        // A user and a visitor may have the same id.
        let name = |user: UserKey| {
            let profile = store.get(user);
            (Arc::<str>::from(&*profile.name), profile.has_user_id)
        };
        let mut users: Vec<_> = self.users.iter().map(|(user, known)| (name(user), known)).collect();
        users.sort_by(|a, b| a.0.cmp(&b.0));
        let past = self.past.state(name, now, &self.plan);
        let counts = self.counts().into_iter().collect::<Vec<_>>();
        let times = self.times.as_ref().map(SendTimes::state);
        (
            users,
            past,
            self.outbox.state(now, self.plan.policy.answers_kept()),
            counts,
            self.throttles.state(now),
            times,
        )
    }
}
