//! Profiles that become one, and come apart again.

use crate::journey::context::Context;
use crate::journey::instance::{CAME_WITH, Instance, UserJourneys};
use crate::journey::log::Log;
use crate::journey::runtime::Journeys;
use crate::journey::{Action, Note, Reason, What};
use crate::model::Instant;
use crate::profile::UserKey;

impl Journeys {
    /// Takes over the journeys of an absorbed profile: both go on, the same one with the same key once, the earlier.
    /// What was sent counts together, and pending actions keep their ids.
    pub(crate) fn absorb(&mut self, cx: &Context<'_>, from: UserKey, into: UserKey, notes: &mut Vec<Note>) {
        let Journeys { plan, users, past, outbox, counts, times, .. } = self;
        times.iter_mut().for_each(|times| times.absorb(from.0, into.0));
        let zone = cx.store.zone(cx.store.get(into));
        let own = users.get_mut(&into);
        let running = |journey| own.as_ref().map_or(0, |own| own.last_entry(plan, journey));
        let moved = past.absorb(from, into, cx.now, plan, running);
        // The instances that they are of have other numbers now.
        let moved_by = |journey| moved.get(usize::from(plan.current(journey))).copied().unwrap_or(0);
        outbox.readdress(from, into, moved_by);
        outbox.rezone(into, |origin| plan.quiet_zone(origin, zone));
        let Some(mut other) = users.remove(&from) else { return };
        let goals = other.goals.iter_mut().map(|goal| (goal.journey, &mut goal.entry));
        let instances = other.instances.iter_mut().map(|instance| (instance.journey, &mut instance.entry));
        for (journey, entry) in instances.chain(goals) {
            // Else two entries of one user could have one number, and their actions one id.
            let by = moved.get(usize::from(plan.current(journey))).copied().unwrap_or(0);
            *entry = entry.saturating_add(by);
        }
        let mut log = Log { plan, counts, notes, user: cx.store.name(into), now: cx.now };
        for ended in users.of(into).absorb(other, plan) {
            log.note(ended.journey, &ended.key, None, What::Exited { reason: Reason::Merged });
            past.note_entry(into, plan.current(ended.journey), ended.entry);
        }
    }

    /// Somebody comes out of a profile who was absorbed at an instant: what came with it, or began since by an event, may be
    /// theirs, and what has waited since may tell of them. It ends, so that nothing of it stays when either is erased; what
    /// the host holds it can answer as long as it holds it.
    pub(crate) fn come_apart(
        &mut self,
        cx: &Context<'_>,
        user: UserKey,
        since: Instant,
        notes: &mut Vec<Note>,
    ) {
        let Journeys { plan, users, past, outbox, counts, .. } = self;
        let name = cx.store.name(user);
        let mut log = Log { plan, counts, notes, user: name, now: cx.now };
        let mut known = users.get_mut(&user);
        if let Some(known) = &mut known {
            let is_mixed = |instance: &mut Instance| {
                let journey = &plan.journeys[usize::from(instance.journey)];
                instance.flags & CAME_WITH != 0 || instance.entered >= since && journey.by_event
            };
            let mut ended: Vec<Instance> = known.instances.extract_if(.., is_mixed).collect();
            ended.sort_by(|a, b| (a.journey, &a.key, a.entry).cmp(&(b.journey, &b.key, b.entry)));
            for instance in ended {
                log.note(instance.journey, &instance.key, None, What::Exited { reason: Reason::Split });
                past.note_entry(user, plan.current(instance.journey), instance.entry);
            }
        }
        let is_mixed = |action: &Action| action.at >= since || *action.user != **name;
        outbox.end_with_lease(user, cx.now, is_mixed);
        let lost = outbox.withdraw(user, cx.now, |_, action| is_mixed(action));
        log.withdrawn(lost, known, Reason::Split);
    }

    /// A profile is on its own again that another had absorbed: both remember what either has sent and entered, so that
    /// nobody gets more for it.
    pub(crate) fn split(&mut self, from: UserKey, part: UserKey, now: Instant) {
        self.past.split(from, part, now, &self.plan);
        let Some(known) = self.users.get_mut(&from) else { return };
        for instance in &known.instances {
            self.past.note_entry(part, self.plan.current(instance.journey), instance.entry);
        }
        let sends = known.sends.clone();
        if !sends.is_empty() {
            self.users.insert(part, UserJourneys { sends, ..UserJourneys::default() });
        }
    }
}
