//! Goals: what ends a journey because it did its work, and counts also for a while after it.

use crate::journey::context::Context;
use crate::journey::instance::{GoalOpen, HELD_OUT, Instance, UserJourneys};
use crate::journey::key::InstanceKey;
use crate::journey::log::Log;
use crate::journey::outbox::Origin;
use crate::journey::plan::{JourneyNo, JourneyPlan};
use crate::journey::runtime::Journeys;
use crate::journey::{Note, Reason, What};
use crate::model::Instant;
use crate::profile::UserKey;

/// That a goal was reached.
pub(super) struct Reached<'a> {
    pub(super) journey: JourneyNo,
    /// None for instances of any key.
    pub(super) key: Option<&'a InstanceKey>,
    pub(super) at: Instant,
}

impl Journeys {
    /// Counts for each instance that it reached its goal, once: whichever runs ends, and what of it waits in the outbox
    /// is taken back. At any lateness, as long as the goal lies behind the entry.
    pub(super) fn reach(
        &mut self,
        cx: &Context<'_>,
        user: UserKey,
        reached: &Reached<'_>,
        notes: &mut Vec<Note>,
    ) {
        let Journeys { plan, users, past, outbox, counts, memory, .. } = self;
        let Reached { journey, key, at } = *reached;
        let Some(goal) = &plan.journeys[usize::from(journey)].definition.goal else { return };
        let Some(known) = users.get_mut(&user) else { return };
        let counts_for = |instance: &mut Instance| {
            let is_in_time = goal.within.is_none_or(|within| at < instance.entered + within);
            instance.journey == journey && instance.key.matches(key) && at >= instance.entered && is_in_time
        };
        let mut ended: Vec<Instance> = known.instances.extract_if(.., counts_for).collect();
        ended.sort_by(|a, b| (&a.key, a.entry).cmp(&(&b.key, b.entry)));
        let is_open = |open: &mut GoalOpen| {
            let is_in_time = open.entered <= at && at < open.until;
            open.journey == journey && open.key.matches(key) && is_in_time
        };
        let open: Vec<GoalOpen> = known.goals.extract_if(.., is_open).collect();
        let mut log = Log { plan, counts, notes, user: cx.store.name(user), now: cx.now };
        for instance in &ended {
            let ghost = instance.flags & HELD_OUT != 0;
            log.note(journey, &instance.key, None, What::Converted { ghost });
            log.note(journey, &instance.key, None, What::Exited { reason: Reason::Goal });
            past.exit(user, journey, &instance.key, (at, Some(instance.entry)), cx.now, plan);
        }
        for GoalOpen { key, ghost, .. } in &open {
            log.note(journey, key, None, What::Converted { ghost: *ghost });
        }
        let is_of = |origin: &Origin| {
            let instances = ended.iter().map(|instance| (&instance.key, instance.entry));
            let mut entries = instances.chain(open.iter().map(|open| (&open.key, open.entry)));
            origin.journey == journey && entries.any(|entry| entry == (&origin.key, origin.entry))
        };
        log.withdrawn(outbox.withdraw(user, cx.now, |origin, _| is_of(origin)), Some(known), Reason::Goal);
        known.prune(*memory, cx.now);
    }
}

impl UserJourneys {
    /// Keeps in mind that the goal of an instance that ends may be reached yet.
    pub(super) fn leave_goal_open(&mut self, instance: &Instance, plan: &JourneyPlan, now: Instant) {
        let Instance { journey, ref key, entry, entered, flags, .. } = *instance;
        let goal = plan.journeys[usize::from(journey)].definition.goal.as_ref();
        let Some(until) = goal.and_then(|goal| goal.within).map(|within| entered + within) else { return };
        if until > now {
            let ghost = flags & HELD_OUT != 0;
            self.goals.reserve_exact(1);
            self.goals.push(GoalOpen { journey, key: key.clone(), entry, entered, until, ghost });
        }
    }
}
