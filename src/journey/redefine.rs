//! From journeys under some definitions to those under others: users go on where they stand.

use crate::journey::instance::{Instance, Stand};
use crate::journey::log::Log;
use crate::journey::outbox::Origin;
use crate::journey::plan::{CompiledAction, CompiledJourney, END, GONE, JourneyNo, JourneyPlan};
use crate::journey::runtime::Journeys;
use crate::journey::{Note, Reason, What};
use crate::model::Instant;
use crate::profile::{ProfileStore, UserKey};
use std::sync::Arc;

/// Where each journey goes. Journeys and steps are known by their names.
#[derive(Debug)]
pub(super) struct JourneyMoves<'p> {
    old: &'p JourneyPlan,
    new: &'p JourneyPlan,
    /// By old number.
    to: Vec<Option<JourneyNo>>,
}

/// Where an instance goes on.
struct Place {
    step: u16,
    stand: Stand,
    /// Whether a step comes again that it has behind it: what that sends is another action then.
    is_again: bool,
}

impl<'p> JourneyMoves<'p> {
    fn new(old: &'p JourneyPlan, new: &'p JourneyPlan) -> JourneyMoves<'p> {
        let number = |journey: &CompiledJourney| {
            let known = new.journeys.iter().position(|known| known.name == journey.name);
            known.map(|number| number as JourneyNo)
        };
        JourneyMoves { old, new, to: old.journeys.iter().map(number).collect() }
    }

    /// The new number of a journey; nothing where it is gone.
    pub(super) fn to(&self, journey: JourneyNo) -> Option<JourneyNo> {
        self.to.get(usize::from(journey)).copied().flatten()
    }

    /// The new number of a step of a journey; nothing where it is gone.
    fn step(&self, journey: JourneyNo, step: u16) -> Option<u16> {
        let old = &self.old.journeys[usize::from(journey)];
        self.new.journeys[usize::from(self.to(journey)?)].step_of(&old.steps.get(usize::from(step))?.id)
    }

    /// Where an action came from: its journey and step, or what there is of them.
    fn origin(&self, origin: &Origin) -> Origin {
        let Origin { journey, step, ref key, entry, round } = *origin;
        let Some(to) = self.to(journey) else {
            return Origin { journey: GONE, step: END, key: key.clone(), entry, round };
        };
        let step = self.step(journey, step).unwrap_or(END);
        Origin { journey: to, step, key: key.clone(), entry, round }
    }

    /// The journeys that go on, each as it was and as it is.
    pub(super) fn pairs(
        &self,
    ) -> impl Iterator<Item = (JourneyNo, &'p CompiledJourney, &'p CompiledJourney)> {
        let pairs = self.to.iter().zip(&self.old.journeys);
        pairs.filter_map(|(to, old)| Some(((*to)?, old, &self.new.journeys[usize::from((*to)?)])))
    }

    /// Whether a journey begins by the same trigger as before.
    pub(super) fn begins_alike(&self, journey: JourneyNo) -> bool {
        let trigger = |journey: &'p CompiledJourney| &journey.definition.enter.trigger;
        let old = self.old.journeys.get(usize::from(journey));
        let new = self.to(journey).map(|to| &self.new.journeys[usize::from(to)]);
        old.zip(new).is_some_and(|(old, new)| trigger(old) == trigger(new))
    }

    pub(super) fn journey_count(&self) -> usize {
        self.new.journeys.len()
    }

    /// Whether every journey keeps its number and steps.
    fn are_none(&self) -> bool {
        let ids = |journey: &CompiledJourney| -> Vec<Arc<str>> {
            journey.steps.iter().map(|step| step.id.clone()).collect()
        };
        self.to.iter().zip(0..).all(|(to, number)| *to == Some(number))
            && self.pairs().all(|(_, old, new)| {
                let rules =
                    |journey: &CompiledJourney| (journey.definition.enter.reentry, journey.definition.late);
                ids(old) == ids(new) && old.version == new.version && rules(old) == rules(new)
            })
    }

    /// Where an instance goes on. One that waits goes on waiting where its step still is a wait; else it does what its
    /// step is now once the wait is over.
    fn place(&self, instance: &Instance) -> Option<Place> {
        let to = self.to(instance.journey)?;
        let (old, new) =
            (&self.old.journeys[usize::from(instance.journey)], &self.new.journeys[usize::from(to)]);
        let standing = usize::from(instance.step);
        let step = self.step(instance.journey, instance.step)?;
        let waits = instance.stand == Stand::Waiting;
        let stand = match (instance.stand, &new.steps[usize::from(step)].action) {
            (Stand::Waiting, CompiledAction::Wait(_) | CompiledAction::WaitUntil(_)) => Stand::Waiting,
            (Stand::Deferred, CompiledAction::Send(_)) => Stand::Deferred,
            (Stand::WaitingFor | Stand::Met, CompiledAction::WaitFor(_)) => instance.stand,
            _ => Stand::Due,
        };
        let next = usize::from(step) + usize::from(stand == Stand::Waiting);
        let behind = &old.steps[..standing + usize::from(waits)];
        let is_again = new.steps[next..].iter().any(|step| behind.iter().any(|known| known.id == step.id));
        Some(Place { step, stand, is_again })
    }
}

impl Journeys {
    /// Goes on under other journeys: instances stand on the step of the same id, with their deadline, number and key.
    /// Where journey or step is gone they end, and what of theirs the host does not hold is taken back. Gives the
    /// users of whom something ended, in order of their ids. O(all that is known), O(journeys) where nothing moves.
    pub(crate) fn redefine(
        &mut self,
        plan: &Arc<JourneyPlan>,
        store: &ProfileStore,
        now: Instant,
        notes: &mut Vec<Note>,
    ) -> Vec<UserKey> {
        let old = std::mem::replace(&mut self.plan, plan.clone());
        let memory = std::mem::replace(&mut self.memory, plan.policy.memory());
        if memory != self.memory {
            // What the old caps count no longer goes, so that what the new ones count does not depend on when that
            // was looked at last.
            self.users.retain(|_, known| !known.prune(memory, now));
        }
        let moves = JourneyMoves::new(&old, plan);
        self.drop_other_dates(&moves);
        if moves.are_none() {
            return Vec::new();
        }
        let ended = self.end_where_gone(&moves, store, now, notes);
        for instance in self.users.values_mut().flat_map(|known| &mut known.instances) {
            if let (Some(to), Some(place)) = (moves.to(instance.journey), moves.place(instance)) {
                let from = instance.journey;
                (instance.journey, instance.step, instance.stand) = (to, place.step, place.stand);
                instance.round = instance.round.saturating_add(u16::from(place.is_again));
                if let Some(more) = &mut instance.more {
                    more.said
                        .retain_mut(|said| moves.step(from, said.step).map(|to| said.step = to).is_some());
                    // Its conditions may be others.
                    more.met = 0;
                }
            }
        }
        for known in self.users.values_mut() {
            known.dates.retain_mut(|date| moves.to(date.journey).map(|to| date.journey = to).is_some());
            known.dates.sort_unstable_by_key(|date| date.journey);
            known.goals.retain_mut(|goal| moves.to(goal.journey).map(|to| goal.journey = to).is_some());
        }
        self.past.relocate(&moves, now);
        self.outbox.relocate(|origin| moves.origin(origin));
        self.counts.relocate(|journey| moves.to(journey));
        ended
    }

    /// Ends instances that have no place under the new definitions; everything has its old number yet.
    fn end_where_gone(
        &mut self,
        moves: &JourneyMoves<'_>,
        store: &ProfileStore,
        now: Instant,
        notes: &mut Vec<Note>,
    ) -> Vec<UserKey> {
        let Journeys { users, past, outbox, counts, memory, .. } = self;
        let leaves = |instance: &Instance| moves.place(instance).is_none();
        let is_gone = |journey: JourneyNo| {
            usize::from(journey) < moves.old.journeys.len() && moves.to(journey).is_none()
        };
        let mut touched: Vec<UserKey> = outbox.users_of(is_gone);
        touched.extend(
            users.iter().filter(|(_, known)| known.instances.iter().any(leaves)).map(|(user, _)| *user),
        );
        touched.sort_unstable();
        touched.dedup();
        // A user and a visitor may have the same id.
        touched.sort_by(|a, b| {
            let (a, b) = (store.get(*a), store.get(*b));
            (&a.name, a.has_user_id).cmp(&(&b.name, b.has_user_id))
        });
        for user in &touched {
            let mut log = Log { plan: moves.old, counts, notes, user: store.name(*user), now };
            let mut known = users.get_mut(user);
            let mut ended: Vec<Instance> = match &mut known {
                Some(known) => known.instances.extract_if(.., |instance| leaves(instance)).collect(),
                None => Vec::new(),
            };
            ended.sort_by(|a, b| (a.journey, &a.key).cmp(&(b.journey, &b.key)));
            for instance in &ended {
                let what = What::Exited { reason: Reason::Redefined };
                log.note(instance.journey, &instance.key, None, what);
                past.exit(*user, instance.journey, &instance.key, (now, true), now, moves.old);
            }
            let lost = outbox.withdraw(*user, |origin, _| {
                let journey = origin.journey;
                let is_of = |instance: &Instance| instance.journey == journey && instance.key == origin.key;
                is_gone(journey) || ended.iter().any(is_of)
            });
            log.withdrawn(lost, known.as_deref_mut(), Reason::Redefined);
            if known.is_some_and(|known| known.prune(*memory, now)) {
                users.remove(user);
            }
        }
        touched
    }
}
