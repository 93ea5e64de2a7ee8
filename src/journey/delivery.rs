//! What waits in the outbox: handed out, answered, taken back.

use crate::journey::context::Context;
use crate::journey::log::Log;
use crate::journey::outbox::{Answer, Origin};
use crate::journey::plan::{CompiledAction, GONE};
use crate::journey::runtime::Journeys;
use crate::journey::{Action, Delivery, Note, Reason, What};
use crate::model::{Instant, Object};
use crate::profile::{ProfileStore, UserKey};

impl Journeys {
    /// Takes back what waits in the outbox and may not go out any more, now that the user agrees to something else.
    pub(crate) fn withdraw_refused(&mut self, cx: &Context<'_>, user: UserKey, notes: &mut Vec<Note>) {
        let Journeys { plan, outbox, .. } = self;
        // A call of the host's own has no purpose.
        let refused = |origin: &Origin, action: &Action| {
            let purpose = plan.send(origin.journey, origin.step)?.purpose.as_deref();
            let agreed = plan.permits.agreed(cx.store, user, purpose, &action.channel, cx.now);
            let is_reachable = plan.permits.is_reachable(cx.store, user, &action.channel);
            agreed.err().or((!is_reachable).then_some(Reason::Unreachable))
        };
        for reason in [Reason::NoConsent, Reason::Unsubscribed, Reason::Unreachable] {
            let lost =
                outbox.withdraw(user, cx.now, |origin, action| refused(origin, action) == Some(reason));
            let mut log =
                Log { plan, counts: &mut self.counts, notes, user: cx.store.name(user), now: cx.now };
            log.withdrawn(lost, self.users.get_mut(&user), reason);
        }
    }

    /// Whose actions wait or were answered lately; some more than once, in no order.
    pub(crate) fn users_with_actions(&self) -> Vec<UserKey> {
        self.outbox.users_of(|_| true)
    }

    /// Takes back all of a user that waits in the outbox.
    pub(crate) fn withdraw_all(
        &mut self,
        cx: &Context<'_>,
        user: UserKey,
        reason: Reason,
        notes: &mut Vec<Note>,
    ) {
        let lost = self.outbox.withdraw(user, cx.now, |_, _| true);
        let Journeys { plan, users, counts, .. } = self;
        let mut log = Log { plan, counts, notes, user: cx.store.name(user), now: cx.now };
        log.withdrawn(lost, users.get_mut(&user), reason);
    }

    /// Hands out at most `limit` actions, leased until an instant: neither what has expired, nor what is quiet for its
    /// user at `now`.
    pub(crate) fn lease(
        &mut self,
        limit: usize,
        until: Instant,
        now: Instant,
        store: &ProfileStore,
    ) -> Vec<Action> {
        self.outbox.lease(limit, until, now, store, &self.plan.policy)
    }

    /// Whose actions [`lease`](Journeys::lease) may change: all whom it changes are among them.
    pub(crate) fn leasing(&self, limit: usize, now: Instant) -> Vec<UserKey> {
        self.outbox.leasing(limit, now, &self.plan.policy)
    }

    /// Whose answers [`acknowledge`](Journeys::acknowledge) will forget.
    pub(crate) fn forgetting(&self, now: Instant) -> Vec<UserKey> {
        self.outbox.forgetting(now, self.plan.policy.answers_kept()).collect()
    }

    /// Takes out what has expired of a user, and gives its slots back.
    pub(super) fn expire(&mut self, cx: &Context<'_>, user: UserKey, notes: &mut Vec<Note>) {
        let lost = self.outbox.expire(user, cx.now);
        if lost.is_empty() {
            return;
        }
        let Journeys { plan, users, counts, .. } = self;
        let mut log = Log { plan, counts, notes, user: cx.store.name(user), now: cx.now };
        log.withdrawn(lost, users.get_mut(&user), Reason::ExpiredInOutbox);
    }

    /// Whether an action would be handed out now.
    pub(crate) fn has_ready(&self, now: Instant) -> bool {
        self.outbox.has_ready(now)
    }

    /// Whose an action is.
    pub(crate) fn owner(&self, action: &str) -> Option<UserKey> {
        self.outbox.owner(action)
    }

    /// Takes what the host says of an action. Twice, or of an unknown one, it is counted and changes nothing.
    pub(crate) fn acknowledge(
        &mut self,
        (id, delivery): (&str, Delivery),
        store: &ProfileStore,
        now: Instant,
        notes: &mut Vec<Note>,
    ) -> Answer {
        let answer = self.outbox.acknowledge(id, delivery, now, self.plan.policy.answers_kept());
        if let (Some(lost), Some((user, origin))) = (&answer.lost, &answer.about) {
            let reason = match delivery {
                Delivery::Unreachable => Reason::Unreachable,
                Delivery::Suppressed => Reason::Suppressed,
                _ => Reason::Failed,
            };
            // What the host held when its journey went is nobody's.
            if origin.journey != GONE {
                let Journeys { plan, counts, .. } = self;
                let mut log = Log { plan, counts, notes, user: store.name(*user), now };
                log.note(origin.journey, &origin.key, Some(origin.step), What::NotDelivered { reason });
            }
            if let Some(known) = self.users.get_mut(user) {
                known.give_slots_back(|id| id == lost.id, now);
            }
        }
        answer
    }

    /// Whether an action is a message, and no call.
    pub(crate) fn is_message(&self, origin: &Origin) -> bool {
        !matches!(self.plan.action(origin.journey, origin.step), Some(CompiledAction::Call(_)))
    }

    /// What an action was about, for the event that records what became of it.
    pub(crate) fn about(&self, origin: &Origin) -> Object {
        let mut about = Object::new();
        // It may be gone, or the step, since the action went out.
        let Some(journey) = self.plan.journeys.get(usize::from(origin.journey)) else { return about };
        about.set("journey", &*journey.name);
        if let Some(step) = journey.steps.get(usize::from(origin.step)) {
            about.set("step", &*step.id);
            if let CompiledAction::Send(send) = &step.action {
                about.set("channel", &*send.channel);
                about.set("template", &*send.definition.template);
            }
        }
        about
    }
}
