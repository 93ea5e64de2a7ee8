//! From journeys under some definitions to those under others: users go on under the version by which they entered, or
//! where they stand.

use crate::journey::instance::{Instance, Stand};
use crate::journey::log::Log;
use crate::journey::outbox::Origin;
use crate::journey::plan::{CompiledAction, CompiledJourney, END, GONE, JourneyNo, JourneyPlan};
use crate::journey::runtime::Journeys;
use crate::journey::{Note, OnChange, Reason, Trigger, What};
use crate::model::Instant;
use crate::profile::{ProfileStore, UserKey};
use hashbrown::HashMap;
use std::sync::Arc;

/// Where each journey goes. Journeys and steps are known by their names.
#[derive(Debug)]
pub(super) struct JourneyMoves<'p> {
    old: &'p JourneyPlan,
    new: &'p JourneyPlan,
    /// By old number.
    to: Vec<Option<To>>,
}

/// Where a journey goes.
#[derive(Debug, Clone, Copy)]
struct To {
    /// The journey that has its name now.
    current: JourneyNo,
    /// The journey that its instances go on in: that of the same version, or else the current one.
    running: JourneyNo,
}

/// Where an instance goes on.
struct Place {
    step: u16,
    stand: Stand,
    /// Whether a step comes again that it has behind it: what that sends is another action then.
    is_again: bool,
}

impl<'p> JourneyMoves<'p> {
    pub(super) fn new(old: &'p JourneyPlan, new: &'p JourneyPlan) -> JourneyMoves<'p> {
        let by_name: HashMap<&str, JourneyNo, ahash::RandomState> =
            new.journeys.iter().map(|journey| (&*journey.name, journey.current)).collect();
        let by_version: HashMap<(JourneyNo, u64), JourneyNo, ahash::RandomState> = new
            .journeys
            .iter()
            .zip(0..)
            .map(|(journey, number)| ((journey.current, journey.version), number))
            .collect();
        let to = |journey: &CompiledJourney| {
            let current = *by_name.get(&*journey.name)?;
            let running = by_version.get(&(current, journey.version)).copied().unwrap_or(current);
            Some(To { current, running })
        };
        JourneyMoves { old, new, to: old.journeys.iter().map(to).collect() }
    }

    /// The new number of the journey that instances of a journey go on in; nothing where it is gone.
    pub(super) fn to(&self, journey: JourneyNo) -> Option<JourneyNo> {
        Some(self.to.get(usize::from(journey))?.as_ref()?.running)
    }

    /// The new number of the journey of the same name; nothing where it is gone.
    pub(super) fn named(&self, journey: JourneyNo) -> Option<JourneyNo> {
        Some(self.to.get(usize::from(journey))?.as_ref()?.current)
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

    /// The journeys that go on, each as it was when users entered it last and as they enter it now.
    pub(super) fn pairs(
        &self,
    ) -> impl Iterator<Item = (JourneyNo, &'p CompiledJourney, &'p CompiledJourney)> {
        let defined = self.to.iter().zip(&self.old.journeys).take(self.old.defined());
        defined.filter_map(|(to, old)| {
            let current = to.as_ref()?.current;
            Some((current, old, &self.new.journeys[usize::from(current)]))
        })
    }

    /// Whether a journey begins by the same trigger as before.
    pub(super) fn begins_alike(&self, journey: JourneyNo) -> bool {
        let trigger = |journey: &'p CompiledJourney| &journey.definition.enter.trigger;
        let old = self.old.journeys.get(usize::from(journey));
        let new = self.named(journey).map(|to| &self.new.journeys[usize::from(to)]);
        old.zip(new).is_some_and(|(old, new)| trigger(old) == trigger(new))
    }

    pub(super) fn journey_count(&self) -> usize {
        self.new.journeys.len()
    }

    /// Whether every journey keeps its number and version.
    fn are_none(&self) -> bool {
        let keeps = |number: JourneyNo| {
            self.to(number) == Some(number) && self.keeps_version(number) && self.keeps_event(number)
        };
        (0..self.to.len()).all(|number| keeps(number as JourneyNo))
            && self.pairs().all(|(_, old, new)| {
                let rules =
                    |journey: &CompiledJourney| (journey.definition.enter.reentry, journey.definition.late);
                rules(old) == rules(new)
            })
    }

    /// Whether instances of a journey go on under the version by which they entered.
    pub(super) fn keeps_version(&self, journey: JourneyNo) -> bool {
        let version = self.to(journey).map(|to| self.new.journeys[usize::from(to)].version);
        version == Some(self.old.journeys[usize::from(journey)].version)
    }

    /// Whether the journey in which instances of a journey go on begins with the same event, by whose name is known for how
    /// long they may know that with which they began.
    fn keeps_event(&self, journey: JourneyNo) -> bool {
        let event = |journey: &'p CompiledJourney| match &journey.definition.enter.trigger {
            Trigger::Event { event, .. } => Some(event),
            _ => None,
        };
        let to = self.to(journey).map(|to| &self.new.journeys[usize::from(to)]);
        to.is_some_and(|to| event(&self.old.journeys[usize::from(journey)]) == event(to))
    }

    /// The step on which who stands on a step goes on: that of the same id, or the one that is named for it.
    pub(super) fn place(&self, journey: JourneyNo, step: u16) -> Result<u16, Reason> {
        let to = self.to(journey).ok_or(Reason::Redefined)?;
        if self.keeps_version(journey) {
            return Ok(step);
        }
        let new = &self.new.journeys[usize::from(to)];
        let moved = |id: &str| new.step_of(new.definition.moved_to.get(id)?);
        let old = self.old.journeys[usize::from(journey)].steps.get(usize::from(step));
        let to = old.and_then(|step| new.step_of(&step.id).or_else(|| moved(&step.id)));
        let is_forced = new.definition.on_change == OnChange::Pin;
        to.ok_or(if is_forced { Reason::Version } else { Reason::StepRemoved })
    }

    /// How an instance goes on there. One that waits goes on waiting where its step is a wait; else it does what its step
    /// is now once the wait is over.
    fn stand(&self, instance: &Instance) -> Option<Place> {
        let step = self.place(instance.journey, instance.step).ok()?;
        let (old, new) = (
            &self.old.journeys[usize::from(instance.journey)],
            &self.new.journeys[usize::from(self.to(instance.journey)?)],
        );
        let waits = instance.stand == Stand::Waiting;
        let stand = match (instance.stand, &new.steps[usize::from(step)].action) {
            (Stand::Waiting, CompiledAction::Wait(_) | CompiledAction::WaitUntil(_)) => Stand::Waiting,
            (Stand::Deferred, CompiledAction::Send(_)) => Stand::Deferred,
            (Stand::WaitingFor | Stand::Met, CompiledAction::WaitFor(_)) => instance.stand,
            _ => Stand::Due,
        };
        let next = usize::from(step) + usize::from(stand == Stand::Waiting);
        let behind = &old.steps[..usize::from(instance.step) + usize::from(waits)];
        let is_again = new.steps[next..].iter().any(|step| behind.iter().any(|known| known.id == step.id));
        Some(Place { step, stand, is_again })
    }

    /// Gives an instance its new place. One that has none stays as it is.
    fn apply(&self, instance: &mut Instance) {
        let from = instance.journey;
        let Some(to) = self.to(from) else { return };
        let moved = if self.keeps_version(from) { None } else { self.stand(instance) };
        instance.journey = to;
        if !self.keeps_event(from)
            && let Some(more) = &mut instance.more
        {
            more.event = None;
        }
        if let Some(place) = moved {
            (instance.step, instance.stand) = (place.step, place.stand);
            instance.round = instance.round.saturating_add(u16::from(place.is_again));
            if let Some(more) = &mut instance.more {
                more.said.retain_mut(|said| self.step(from, said.step).map(|to| said.step = to).is_some());
                // Its conditions may be others.
                more.met = 0;
            }
        }
    }

    /// The label of the step on which an instance goes on, where the host has to be told: it has another one, or the
    /// instance should have gone on under its own version.
    fn news(&self, instance: &Instance) -> Option<Arc<str>> {
        let to = &self.new.journeys[usize::from(self.to(instance.journey)?)];
        let id = to.label(self.place(instance.journey, instance.step).ok()?);
        let known = self.old.journeys[usize::from(instance.journey)].label(instance.step);
        let is_forced = !self.keeps_version(instance.journey) && to.definition.on_change == OnChange::Pin;
        (is_forced || id != known).then_some(id)
    }
}

impl Journeys {
    /// Goes on under other journeys: instances under the version by which they entered, where that is one of the plan,
    /// else on the step of the same id, with their deadline, number and key. Where journey or step is gone they end, and
    /// what of theirs the host does not hold is taken back. Gives the users of whom something moved or ended, in order of
    /// their ids. O(all that is known), O(journeys) where nothing moves.
    pub(crate) fn redefine(
        &mut self,
        plan: &Arc<JourneyPlan>,
        store: &ProfileStore,
        now: Instant,
        notes: &mut Vec<Note>,
    ) -> Vec<UserKey> {
        let old = std::mem::replace(&mut self.plan, plan.clone());
        self.throttles.retain(|channel| plan.policy.throttles.contains_key(channel));
        self.redefine_times(&old);
        let memory = std::mem::replace(&mut self.memory, plan.memory());
        if memory != self.memory {
            // What the old caps count no longer goes, so that what the new ones count does not depend on when that
            // was looked at last.
            self.users.change_rest(|known| known.prune(memory, now));
        }
        let moves = JourneyMoves::new(&old, plan);
        self.drop_other_dates(&moves);
        if moves.are_none() {
            if old.policy.quiet != plan.policy.quiet {
                self.rezone_all(store);
            }
            return Vec::new();
        }
        let ended = self.end_where_gone(&moves, store, now, notes);
        self.users.change_all(|known| {
            known.instances.iter_mut().for_each(|instance| moves.apply(instance));
            known.dates.retain_mut(|date| moves.named(date.journey).map(|to| date.journey = to).is_some());
            known.dates.sort_unstable_by_key(|date| date.journey);
            known.goals.retain_mut(|goal| moves.to(goal.journey).map(|to| goal.journey = to).is_some());
        });
        self.past.relocate(&moves, now);
        self.outbox.relocate(|origin| moves.origin(origin));
        self.counts.relocate(|journey| moves.named(journey));
        self.rezone_all(store);
        ended
    }

    /// Looks anew at what waits in the outbox and may be quiet.
    fn rezone_all(&mut self, store: &ProfileStore) {
        for user in self.users_with_actions() {
            let zone = store.zone(store.get(user));
            let plan = &self.plan;
            self.outbox.rezone(user, |origin| plan.quiet_zone(origin, zone));
        }
    }

    /// Ends instances that have no place under the new definitions, and says of the others who goes on elsewhere;
    /// everything has its old number yet.
    fn end_where_gone(
        &mut self,
        moves: &JourneyMoves<'_>,
        store: &ProfileStore,
        now: Instant,
        notes: &mut Vec<Note>,
    ) -> Vec<UserKey> {
        let Journeys { users, past, outbox, counts, memory, .. } = self;
        let ends = |instance: &Instance| moves.place(instance.journey, instance.step).err();
        let stays = |instance: &Instance| ends(instance).is_none() && moves.news(instance).is_none();
        let is_gone = |journey: JourneyNo| {
            usize::from(journey) < moves.old.journeys.len() && moves.to(journey).is_none()
        };
        let mut touched: Vec<UserKey> = outbox.users_of(is_gone);
        touched.extend(
            users.iter().filter(|(_, known)| !known.instances.iter().all(stays)).map(|(user, _)| user),
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
                Some(known) => known.instances.extract_if(.., |instance| ends(instance).is_some()).collect(),
                None => Vec::new(),
            };
            ended.sort_by(|a, b| (a.journey, &a.key).cmp(&(b.journey, &b.key)));
            for instance in &ended {
                let reason = ends(instance).unwrap_or(Reason::Redefined);
                log.note(instance.journey, &instance.key, None, What::Exited { reason });
                if let Some(known) = &mut known {
                    known.leave_goal_open(instance, moves.old, now);
                }
                past.exit(
                    *user,
                    instance.journey,
                    &instance.key,
                    (now, Some(instance.entry)),
                    now,
                    moves.old,
                );
            }
            let mut moved: Vec<&Instance> = known.iter().flat_map(|known| &known.instances).collect();
            moved.sort_by(|a, b| (a.journey, &a.key).cmp(&(b.journey, &b.key)));
            for instance in moved {
                if let Some(to) = moves.news(instance) {
                    log.note(instance.journey, &instance.key, Some(instance.step), What::Moved { to });
                }
            }
            let lost = outbox.withdraw(*user, now, |origin, _| {
                let journey = origin.journey;
                let is_of = |instance: &Instance| instance.journey == journey && instance.key == origin.key;
                is_gone(journey) || ended.iter().any(is_of)
            });
            log.withdrawn(lost, known.as_deref_mut(), Reason::Redefined);
            known.into_iter().for_each(|known| known.prune(*memory, now));
        }
        touched
    }
}
