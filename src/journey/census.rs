//! Who stands where: which versions of journeys have to be kept, and what other definitions would do.

use crate::journey::instance::Instance;
use crate::journey::plan::{JourneyNo, JourneyPlan};
use crate::journey::redefine::JourneyMoves;
use crate::journey::runtime::Journeys;
use crate::journey::{Fate, Migration, OnChange, StepMigration};
use crate::model::Instant;
use crate::profile::UserKey;
use std::collections::{BTreeMap, BTreeSet};

/// How many users stand on each step, as far as they were counted.
#[derive(Debug, Default)]
pub(crate) struct Census {
    users: BTreeMap<(JourneyNo, u16), u64>,
    /// Journeys of which a goal may still be reached.
    goals: BTreeSet<JourneyNo>,
}

impl Census {
    /// Adds what was counted elsewhere, of journeys of the same numbers.
    pub(crate) fn add(&mut self, other: Census) {
        for (place, users) in other.users {
            *self.users.entry(place).or_default() += users;
        }
        self.goals.extend(other.goals);
    }
}

impl Journeys {
    /// Counts a user. O(instances of the user).
    pub(crate) fn count_in(&self, census: &mut Census, user: UserKey, now: Instant) {
        let Some(known) = self.users.get(&user) else { return };
        let place = |instance: &Instance| (instance.journey, instance.step);
        let places: BTreeSet<_> = known.instances.iter().map(place).collect();
        places.into_iter().for_each(|place| *census.users.entry(place).or_default() += 1);
        census.goals.extend(known.goals.iter().filter(|goal| goal.until >= now).map(|goal| goal.journey));
    }

    /// Those of the journeys that keep whoever is in them under other definitions, where users enter by another version:
    /// oldest first.
    pub(crate) fn other_versions(&self, new: &JourneyPlan) -> Vec<JourneyNo> {
        let moves = JourneyMoves::new(&self.plan, new);
        let defined = self.plan.defined();
        let numbers = (defined..self.plan.journeys.len()).chain(0..defined);
        let keeps = |number: &JourneyNo| {
            let to = moves.to(*number).map(|to| &new.journeys[usize::from(to)]);
            to.is_some_and(|to| to.definition.on_change == OnChange::Pin) && !moves.keeps_version(*number)
        };
        numbers.map(|number| number as JourneyNo).filter(keeps).collect()
    }

    /// Those of [`other_versions`](Journeys::other_versions) that somebody goes on in: there is an instance, a goal that
    /// may still be reached, or a message that is not forgotten yet.
    pub(crate) fn to_pin(&self, census: &Census, new: &JourneyPlan, now: Instant) -> Vec<JourneyNo> {
        let mut wanted = self.other_versions(new);
        if !wanted.is_empty() {
            let used = self.used(census, now);
            wanted.retain(|number| used.contains(number));
        }
        wanted
    }

    /// The journeys that somebody goes on in of those who were counted, or of which a message is not forgotten yet.
    pub(crate) fn used(&self, census: &Census, now: Instant) -> BTreeSet<JourneyNo> {
        let places = census.users.keys().map(|(journey, _)| *journey);
        places
            .chain(census.goals.iter().copied())
            .chain(self.outbox.journeys(now, self.plan.policy.answers_kept()))
            .collect()
    }

    /// Where those who were counted would go, by journey, version and step.
    pub(crate) fn migration(&self, census: &Census, new: &JourneyPlan) -> Migration {
        let moves = JourneyMoves::new(&self.plan, new);
        let step = |((journey, step), users): (&(JourneyNo, u16), &u64)| {
            let (journey, step) = (*journey, *step);
            let old = &self.plan.journeys[usize::from(journey)];
            let fate = match (moves.place(journey, step), moves.to(journey)) {
                (Err(reason), _) => Fate::Ends { reason },
                (Ok(to), Some(number)) if !moves.keeps_version(journey) => {
                    Fate::Moves { to: new.journeys[usize::from(number)].label(to) }
                }
                (Ok(_), Some(number)) if new.current(number) != number => Fate::Pinned,
                (Ok(_), _) => Fate::Stays,
            };
            let (name, step) = (old.name.clone(), old.label(step));
            StepMigration { journey: name, version: old.version, step, users: *users, fate }
        };
        Migration { steps: census.users.iter().map(step).collect() }
    }
}
