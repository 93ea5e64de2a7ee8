//! Entries: who may begin a journey, and how an instance begins.

use crate::journey::context::Context;
use crate::journey::gate::is_held_out;
use crate::journey::instance::{HELD_OUT, Instance, More};
use crate::journey::key::InstanceKey;
use crate::journey::log::Log;
use crate::journey::outbox::Origin;
use crate::journey::plan::JourneyNo;
use crate::journey::runtime::Journeys;
use crate::journey::{Note, Reason, Reentry, What};
use crate::model::{Instant, Object};
use crate::profile::{Packed, PropertyId, UserKey};

/// Most instances of one user at a time: keys come from messages, and memory is the host's.
const INSTANCES_MAX: usize = 256;

/// What may begin an instance.
pub(super) struct Entry<'a> {
    pub(super) journey: JourneyNo,
    pub(super) key: InstanceKey,
    pub(super) at: Instant,
    pub(super) event: Option<&'a Object>,
    /// The part of the user's events that the audience looks at.
    pub(super) part: Option<(PropertyId, Packed)>,
}

impl Journeys {
    /// Why a user may not enter, if so. What costs most comes last.
    fn refuses(&self, cx: &Context<'_>, user: UserKey, entry: &Entry<'_>) -> Option<Reason> {
        let compiled = &self.plan.journeys[usize::from(entry.journey)];
        if cx.now - entry.at > compiled.definition.late.tolerance {
            return Some(Reason::Late);
        }
        let known = self.users.get(&user);
        if let Some(known) = known {
            let is_same =
                |of: &&Instance| self.plan.current(of.journey) == entry.journey && of.key == entry.key;
            let mut running = known.instances.iter().filter(is_same);
            match (compiled.definition.enter.reentry, running.next()) {
                (Reentry::Restart, Some(running)) => {
                    if entry.at < running.entered {
                        return Some(Reason::OlderThanExit);
                    }
                }
                (Reentry::Parallel(most), Some(_)) if running.count() as u32 + 1 < most => {}
                (_, Some(_)) => return Some(Reason::InIt),
                (_, None) => {}
            }
            let replaces = matches!(compiled.definition.enter.reentry, Reentry::Restart)
                && known.find(&self.plan, entry.journey, &entry.key).is_some();
            if known.instances.len() >= INSTANCES_MAX && !replaces {
                return Some(Reason::TooMany);
            }
        }
        self.past
            .refuses(user, entry.journey, &entry.key, entry.at, compiled.definition.enter.reentry)
            .or_else(|| {
                let is_outside = |audience| !cx.evaluation(user).in_part(entry.part).condition(audience);
                compiled.audience.is_some_and(is_outside).then_some(Reason::NotInAudience)
            })
    }

    pub(super) fn enter(&mut self, cx: &Context<'_>, user: UserKey, entry: Entry<'_>, notes: &mut Vec<Note>) {
        let refused = self.refuses(cx, user, &entry);
        let Journeys { plan, users, past, outbox, counts, .. } = self;
        let mut log = Log { plan, counts, notes, user: cx.store.name(user), now: cx.now };
        let Entry { journey, key, at, event, part: _ } = entry;
        if let Some(reason) = refused {
            return log.note(journey, &key, None, What::Refused { reason });
        }
        let known = users.of(user);
        let number = past.next_entry(user, journey).max(known.last_entry(plan, journey).saturating_add(1));
        let mut instance = Instance::new(journey, key, number, at);
        if plan.journeys[usize::from(journey)].keeps_event {
            let more = |event: &Object| Box::new(More { event: Some(event.clone()), ..More::default() });
            instance.more = event.map(more);
        }
        let definition = &plan.journeys[usize::from(journey)].definition;
        if is_held_out(definition, cx.store.get(user).bucketing_id()) {
            instance.flags |= HELD_OUT;
        }
        let running = known.find(plan, journey, &instance.key);
        match running.filter(|_| !plan.journeys[usize::from(journey)].is_parallel()) {
            Some(place) => {
                let is_own =
                    |origin: &Origin| plan.current(origin.journey) == journey && origin.key == instance.key;
                log.withdrawn(
                    outbox.withdraw(user, cx.now, |origin, _| is_own(origin)),
                    Some(known),
                    Reason::StartedOver,
                );
                log.note(journey, &instance.key, None, What::Restarted);
                known.instances[place] = instance;
            }
            None => {
                log.note(journey, &instance.key, None, What::Entered);
                known.add(instance);
            }
        }
    }
}
