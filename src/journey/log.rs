//! What journeys say of what they do.

use crate::journey::counts::Counts;
use crate::journey::instance::UserJourneys;
use crate::journey::key::InstanceKey;
use crate::journey::outbox::Lost;
use crate::journey::plan::{JourneyNo, JourneyPlan};
use crate::journey::{Note, Reason, What};
use crate::model::Instant;

/// Where notes go: written down, and counted.
pub(super) struct Log<'a> {
    pub(super) plan: &'a JourneyPlan,
    pub(super) counts: &'a mut Counts,
    pub(super) notes: &'a mut Vec<Note>,
    pub(super) user: &'a str,
    pub(super) now: Instant,
}

impl Log<'_> {
    pub(super) fn note(&mut self, journey: JourneyNo, key: &InstanceKey, step: Option<u16>, what: What) {
        self.counts.add(journey, &what);
        let compiled = &self.plan.journeys[usize::from(journey)];
        let step = step.and_then(|step| compiled.steps.get(usize::from(step)));
        self.notes.push(Note {
            at: self.now,
            user: self.user.into(),
            journey: compiled.name.clone(),
            step: step.map(|step| step.id.clone()),
            key: key.value().cloned(),
            what,
        });
    }

    /// Notes actions that were taken back, and gives their slots back.
    pub(super) fn withdrawn(&mut self, lost: Vec<Lost>, user: Option<&mut UserJourneys>, reason: Reason) {
        if let Some(user) = user.filter(|_| !lost.is_empty()) {
            user.give_slots_back(|id| lost.iter().any(|lost| lost.id == id), self.now);
        }
        for (journey, action) in lost.into_iter().filter_map(|lost| Some((lost.journey, lost.action?))) {
            // What the host held when its journey went is nobody's.
            let Some(compiled) = self.plan.journeys.get(usize::from(journey)) else { continue };
            let steps = &compiled.steps;
            let step = steps.iter().position(|step| step.id == action.step).map(|step| step as u16);
            let key = action.key.as_ref().and_then(InstanceKey::of).unwrap_or_default();
            self.note(journey, &key, step, What::Withdrawn { reason });
        }
    }
}
