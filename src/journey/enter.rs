//! Entries: who may begin a journey, and how an instance begins.

use crate::journey::context::Context;
use crate::journey::instance::{Instance, More};
use crate::journey::key::InstanceKey;
use crate::journey::log::Log;
use crate::journey::plan::JourneyNo;
use crate::journey::runtime::Journeys;
use crate::journey::{Action, Note, Reason, Reentry, What};
use crate::model::{Instant, Object};
use crate::profile::UserKey;

/// Most instances of one user at a time: keys come from messages, and memory is the host's.
const INSTANCES_MAX: usize = 256;

/// What may begin an instance.
pub(super) struct Entry<'a> {
    pub(super) journey: JourneyNo,
    pub(super) key: InstanceKey,
    pub(super) at: Instant,
    pub(super) event: Option<&'a Object>,
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
            match known.find(&self.plan, entry.journey, &entry.key).map(|place| &known.instances[place]) {
                Some(_) if compiled.definition.enter.reentry != Reentry::Restart => {
                    return Some(Reason::InIt);
                }
                Some(running) if entry.at < running.entered => return Some(Reason::OlderThanExit),
                Some(_) => {}
                None if known.instances.len() >= INSTANCES_MAX => return Some(Reason::TooMany),
                None => {}
            }
        }
        self.past
            .refuses(user, entry.journey, &entry.key, entry.at, compiled.definition.enter.reentry)
            .or_else(|| {
                let is_outside = |audience| !cx.evaluation(user).condition(audience);
                compiled.audience.is_some_and(is_outside).then_some(Reason::NotInAudience)
            })
    }

    pub(super) fn enter(&mut self, cx: &Context<'_>, user: UserKey, entry: Entry<'_>, notes: &mut Vec<Note>) {
        let refused = self.refuses(cx, user, &entry);
        let Journeys { plan, users, past, outbox, counts, .. } = self;
        let mut log = Log { plan, counts, notes, user: cx.store.name(user), now: cx.now };
        let Entry { journey, key, at, event } = entry;
        if let Some(reason) = refused {
            return log.note(journey, &key, None, What::Refused { reason });
        }
        let mut instance = Instance::new(journey, key, past.enter(user, journey), at);
        if plan.journeys[usize::from(journey)].keeps_event {
            let more = |event: &Object| Box::new(More { event: Some(event.clone()), ..More::default() });
            instance.more = event.map(more);
        }
        let known = users.entry(user).or_default();
        match known.find(plan, journey, &instance.key) {
            Some(place) => {
                let key = instance.key.value();
                let is_own = |of: JourneyNo, action: &Action| {
                    plan.current(of) == journey && action.key.as_ref() == key
                };
                log.withdrawn(outbox.withdraw(user, is_own), Some(known), Reason::StartedOver);
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
