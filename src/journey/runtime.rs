use crate::journey::context::Context;
use crate::journey::counts::Counts;
use crate::journey::instance::{Instance, UserJourneys};
use crate::journey::log::Log;
use crate::journey::outbox::Outbox;
use crate::journey::past::Past;
use crate::journey::plan::{JourneyNo, JourneyPlan};
use crate::journey::run::{Ready, Run, Stop};
use crate::journey::{Note, OutboxStats};
use crate::model::{Duration, Instant};
use crate::profile::{ProfileStore, UserKey};
use hashbrown::HashMap;
use serde::Serialize;
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
    pub(super) users: HashMap<UserKey, UserJourneys, ahash::RandomState>,
    pub(super) past: Past,
    pub(super) outbox: Outbox,
    pub(super) counts: Counts,
    /// How long caps look back.
    pub(super) memory: Duration,
}

impl Journeys {
    pub(crate) fn new(plan: Arc<JourneyPlan>) -> Journeys {
        let memory = plan.policy.memory();
        Journeys {
            plan,
            users: HashMap::default(),
            past: Past::default(),
            outbox: Outbox::default(),
            counts: Counts::default(),
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
        known.is_some_and(|known| known.instances.iter().any(|instance| instance.journey == journey))
    }

    /// The earliest instant at which an instance of a user goes on. O(instances of the user).
    pub(crate) fn deadline(&self, user: UserKey) -> Option<Instant> {
        self.users.get(&user)?.deadline(&self.plan)
    }

    /// Begins what dates and recurring instants begin, then runs what is due, in order of due instant, journey, key and entry: each instance up to its next send. Then the
    /// sends, in order of class, priority, earliest expiry, due instant, journey, key and entry, because each may use up what a cap leaves for the
    /// next.
    pub(crate) fn on_time(&mut self, cx: &Context<'_>, user: UserKey, notes: &mut Vec<Note>) {
        if self.begins_by_time() {
            self.begin_by_time(cx, user, notes);
        }
        let Journeys { plan, users, past, outbox, counts, memory } = self;
        let Some(known) = users.get_mut(&user) else { return };
        let plan: &JourneyPlan = plan;
        let log = Log { plan, counts, notes, user: cx.store.name(user), now: cx.now };
        let mut due: Vec<Instance> =
            known.instances.extract_if(.., |instance| instance.deadline(plan) <= cx.now).collect();
        due.sort_by(|a, b| a.order().cmp(&b.order()));
        let mut run = Run { cx, plan, user, known, past, outbox, log };
        let mut ready: BinaryHeap<Ready> = BinaryHeap::new();
        for instance in due {
            if let Stop::AtSend(at_send) = run.wake(instance) {
                ready.push(at_send);
            }
        }
        while let Some(next) = ready.pop() {
            if let Stop::AtSend(at_send) = run.go_on(next) {
                ready.push(at_send);
            }
        }
        if known.prune(*memory, cx.now) {
            users.remove(&user);
        }
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
    }

    pub(super) fn drop_empty(&mut self, user: UserKey) {
        if self.users.get(&user).is_some_and(UserJourneys::is_empty) {
            self.users.remove(&user);
        }
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
            (profile.name.clone(), profile.has_user_id)
        };
        let mut users: Vec<_> = self.users.iter().map(|(user, known)| (name(*user), known)).collect();
        users.sort_by(|a, b| a.0.cmp(&b.0));
        let past = self.past.state(name, now, &self.plan);
        (users, past, self.outbox.state(now), self.counts().into_iter().collect::<Vec<_>>())
    }
}
