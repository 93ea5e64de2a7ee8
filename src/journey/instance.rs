use crate::journey::caps::Send;
use crate::journey::key::InstanceKey;
use crate::journey::packed::Packed;
use crate::journey::plan::{JourneyNo, JourneyPlan};
use crate::model::{Duration, Instant, Object, record, record_choice};
use serde::Serialize;

/// One run of a journey for a user, and for a key where it has one. At most 64 bytes; a key and what few have are apart.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Instance {
    pub(crate) key: InstanceKey,
    /// What most have nothing of.
    pub(crate) more: Option<Box<More>>,
    /// The instant of what began it.
    pub(crate) entered: Instant,
    /// When it goes on.
    pub(crate) due: Instant,
    /// When the step began on which it waits; of a send, when it was due at first.
    pub(crate) wanted: Instant,
    /// How often the user has entered the journey, this time included.
    pub(crate) entry: u32,
    /// How often it has gone back to an earlier step: with it, a step that sends again sends another action.
    pub(crate) round: u16,
    pub(crate) journey: JourneyNo,
    /// The step on which it stands.
    pub(crate) step: u16,
    pub(crate) stand: Stand,
    /// A bit for each thing that holds of it.
    pub(crate) flags: u8,
    /// How many steps it has done at this instant; 0 while it waits.
    pub(crate) burst: u8,
}

/// The user goes through it and is sent nothing.
pub(crate) const HELD_OUT: u8 = 1;
/// The send on which it stands has a token of its channel, at the instant at which it is due.
pub(crate) const HAS_TOKEN: u8 = 2;
/// The send on which it stands waits for a slot of a cap.
pub(crate) const WAITS_FOR_SLOT: u8 = 4;

/// It came with another profile that was absorbed.
pub(crate) const CAME_WITH: u8 = 8;

/// How an instance stands on its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Stand {
    /// The step runs when it is due.
    Due,
    /// The step is a wait for an instant: what comes behind it runs when that is due.
    Waiting,
    /// The step is a wait for something to happen, until it is due at the latest.
    WaitingFor,
    /// The step is a send that waits for its turn.
    Deferred,
    /// The step is a wait for something that has happened.
    Met,
}

/// What few instances have.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct More {
    /// The event that began it, for templates.
    pub(crate) event: Option<Object>,
    /// Which conditions of the wait on which it stands are met, a bit for each.
    pub(crate) met: u16,
    /// What the host said of the messages that its steps sent.
    pub(crate) said: Vec<Said>,
    /// Of a send whose hour was chosen, how probable the choice was.
    pub(crate) probability: Option<f64>,
}

/// What the host said of a message: a bit for each kind of delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Said {
    pub(crate) step: u16,
    /// The round in which it was sent: an answer to an earlier one is none to this.
    pub(crate) round: u16,
    pub(crate) bits: u8,
}

record! {
    Instance { key, more, entered, due, wanted, entry, round, journey, step, stand, flags, burst }
    More { event, met, said, probability }
    Said { step, round, bits }
    DateDue { journey, of, due }
    GoalOpen { journey, key, entry, entered, until, ghost }
}
record_choice! { Stand { 0 => Due, 1 => Waiting, 2 => WaitingFor, 3 => Deferred, 4 => Met } }

impl More {
    pub(crate) fn heap_bytes(&self) -> usize {
        let event = self.event.as_ref().map_or(0, Object::heap_bytes);
        size_of::<More>() + event + self.said.capacity() * size_of::<Said>()
    }
}

impl Instance {
    /// One that begins at an instant.
    pub(crate) fn new(journey: JourneyNo, key: InstanceKey, entry: u32, at: Instant) -> Instance {
        Instance {
            key,
            more: None,
            entered: at,
            due: at,
            wanted: at,
            entry,
            round: 0,
            journey,
            step: 0,
            stand: Stand::Due,
            flags: 0,
            burst: 0,
        }
    }

    /// Goes on to a step.
    pub(crate) fn go_to(&mut self, step: u16) {
        self.round = self.round.saturating_add(u16::from(step <= self.step));
        self.step = step;
    }

    /// Waits on its step until an instant.
    pub(crate) fn wait_until(&mut self, due: Instant, stand: Stand) {
        (self.due, self.stand, self.burst) = (due, stand, 0);
    }

    /// How probable the choice was of the hour until which its send waits.
    pub(crate) fn probability(&self) -> Option<f64> {
        self.more.as_ref()?.probability
    }

    /// Notes how probable the choice was of the hour until which it waits, where one was chosen.
    pub(crate) fn choose(&mut self, probability: Option<f64>) {
        self.drop_choice();
        if probability.is_some() {
            self.more().probability = probability;
        }
    }

    /// Drops what was noted of the send on which it stands.
    pub(crate) fn drop_choice(&mut self) {
        self.flags &= !(HAS_TOKEN | WAITS_FOR_SLOT);
        if let Some(more) = &mut self.more {
            more.probability = None;
            if **more == More::default() {
                self.more = None;
            }
        }
    }

    /// When it goes on, or has lasted as long as its journey may.
    pub(crate) fn deadline(&self, plan: &JourneyPlan) -> Instant {
        plan.deadline(self.journey, self.due, self.entered)
    }

    /// What most have nothing of, to be added to.
    pub(crate) fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    /// The event that began it, where a template reads it.
    pub(crate) fn event(&self) -> Option<&Object> {
        self.more.as_ref()?.event.as_ref()
    }

    /// The order in which instances of one user run at one instant.
    pub(crate) fn order(&self) -> (Instant, JourneyNo, &InstanceKey, u32) {
        (self.due, self.journey, &self.key, self.entry)
    }
}

/// When a date or a recurring instant begins a journey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct DateDue {
    pub(crate) journey: JourneyNo,
    /// The date that the attribute holds; of what recurs the first local time that the user has not had, as if it were in
    /// UTC; [`Instant::MIN`] where it was never due.
    pub(crate) of: Instant,
    /// [`Instant::MAX`] where it is over.
    pub(crate) due: Instant,
}

impl DateDue {
    /// Whether it begins something at an instant or before. What is over never does, however late it is.
    pub(crate) fn is_due(&self, at: Instant) -> bool {
        self.due <= at && self.due < Instant::MAX
    }
}

/// A goal that may still be reached by an instance that is over.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct GoalOpen {
    pub(crate) journey: JourneyNo,
    pub(crate) key: InstanceKey,
    pub(crate) entry: u32,
    pub(crate) entered: Instant,
    pub(crate) until: Instant,
    /// Whether the instance was held out.
    pub(crate) ghost: bool,
}

/// What journeys know of one user at this time. A user who is in none and whom no cap counts has none of this.
///
/// Invariant: there is at most one instance of a journey, key and entry, whatever its version.
#[derive(Debug, Default, Clone, Serialize)]
pub(crate) struct UserJourneys {
    pub(crate) instances: Vec<Instance>,
    /// What caps count, by instant.
    pub(crate) sends: Vec<Send>,
    /// In order of journey, each once.
    pub(crate) dates: Vec<DateDue>,
    pub(crate) goals: Vec<GoalOpen>,
}

record! { UserJourneys { instances, sends, dates, goals } }

impl UserJourneys {
    /// The instance of a journey and key, whatever the version by which it was entered; of those that run side by side,
    /// any.
    pub(crate) fn find(&self, plan: &JourneyPlan, journey: JourneyNo, key: &InstanceKey) -> Option<usize> {
        let journey = plan.current(journey);
        let is_it = |instance: &Instance| plan.current(instance.journey) == journey && instance.key == *key;
        self.instances.iter().position(is_it)
    }

    /// The highest number of an entry into a journey that is running; 0 where none is.
    pub(crate) fn last_entry(&self, plan: &JourneyPlan, journey: JourneyNo) -> u32 {
        let is_of = |instance: &&Instance| plan.current(instance.journey) == journey;
        self.instances.iter().filter(is_of).map(|instance| instance.entry).max().unwrap_or(0)
    }

    pub(crate) fn add(&mut self, instance: Instance) {
        self.instances.push(instance);
    }

    /// When a journey begins at a date or a recurring instant, where that is known.
    pub(crate) fn date(&self, journey: JourneyNo) -> Option<DateDue> {
        let place = self.dates.binary_search_by_key(&journey, |date| date.journey).ok()?;
        Some(self.dates[place])
    }

    pub(crate) fn set_date(&mut self, date: DateDue) {
        match self.dates.binary_search_by_key(&date.journey, |date| date.journey) {
            Ok(place) => self.dates[place] = date,
            Err(place) => {
                self.dates.reserve_exact(1);
                self.dates.insert(place, date);
            }
        }
    }

    pub(crate) fn drop_date(&mut self, journey: JourneyNo) {
        self.dates.retain(|date| date.journey != journey);
    }

    /// The earliest instant at which an instance goes on, ends or begins, or a goal counts no more.
    pub(crate) fn deadline(&self, plan: &JourneyPlan) -> Option<Instant> {
        let instances = self.instances.iter().map(|instance| instance.deadline(plan));
        let dates = self.dates.iter().map(|date| date.due);
        instances.chain(dates).chain(self.goals.iter().map(|goal| goal.until)).min()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.instances.is_empty() && self.sends.is_empty() && self.dates.is_empty() && self.goals.is_empty()
    }

    /// Drops what counts no more.
    pub(crate) fn prune(&mut self, memory: Duration, now: Instant) {
        self.sends.retain(|send| now - send.at <= memory);
        self.goals.retain(|goal| goal.until > now);
    }

    pub(crate) fn shrink_to_fit(&mut self) {
        self.sends.shrink_to_fit();
        self.dates.shrink_to_fit();
        self.goals.shrink_to_fit();
    }

    /// About how many bytes it takes at rest.
    pub(crate) fn packed_bytes(&self) -> usize {
        let of_instance = |instance: &Instance| {
            let more = instance.more.as_ref().map_or(0, |more| more.heap_bytes());
            size_of::<Packed>() + instance.key.heap_bytes() + more
        };
        let of_goal = |goal: &GoalOpen| size_of::<GoalOpen>() + goal.key.heap_bytes();
        self.instances.iter().map(of_instance).sum::<usize>()
            + self.sends.capacity() * size_of::<Send>()
            + self.dates.capacity() * size_of::<DateDue>()
            + self.goals.iter().map(of_goal).sum::<usize>()
    }

    /// Gives back the slots of caps that messages took which will not reach the user. What waits for one is tried again
    /// now: there may be room long before there would have been.
    pub(crate) fn give_slots_back(&mut self, is_lost: impl Fn(u128) -> bool, now: Instant) {
        let before = self.sends.len();
        self.sends.retain(|send| !is_lost(send.id));
        if self.sends.len() < before {
            let waits = |instance: &&mut Instance| instance.flags & WAITS_FOR_SLOT != 0 && instance.due > now;
            self.instances.iter_mut().filter(waits).for_each(|instance| instance.due = now);
        }
    }

    /// Takes over what is known of the same user under another name. Gives the instances that this ends: of two of
    /// one journey and key the earlier goes on.
    pub(crate) fn absorb(&mut self, other: UserJourneys, plan: &JourneyPlan) -> Vec<Instance> {
        let mut ended = Vec::new();
        for mut theirs in other.instances {
            theirs.flags |= CAME_WITH;
            let own = self.find(plan, theirs.journey, &theirs.key);
            let current = usize::from(plan.current(theirs.journey));
            // Of those that began at one instant their events tell, so that the order of links does not.
            let is_earlier = |a: &Instance, b: &Instance| {
                let event =
                    |of: &Instance| serde_json::to_string(&of.more.as_ref().map(|more| &more.event)).ok();
                a.entered.cmp(&b.entered).then_with(|| event(a).cmp(&event(b))).is_lt()
            };
            // Of those that run side by side all go on, though they may be more than begin so.
            match own.filter(|_| !plan.journeys[current].is_parallel()) {
                Some(own) if is_earlier(&theirs, &self.instances[own]) => {
                    ended.push(std::mem::replace(&mut self.instances[own], theirs));
                }
                Some(_) => ended.push(theirs),
                None => self.instances.push(theirs),
            }
        }
        for theirs in other.dates {
            // What either has had does not come again. Which date holds is found out when the attributes are one.
            let own = self.date(theirs.journey);
            if own.is_none_or(|own| (own.of, own.due) < (theirs.of, theirs.due)) {
                self.set_date(theirs);
            }
        }
        self.goals.extend(other.goals);
        self.goals.sort_by(|a, b| (a.journey, &a.key, a.entered).cmp(&(b.journey, &b.key, b.entered)));
        self.sends.extend(other.sends);
        self.sends.sort_by_key(|send| (send.at, send.id));
        // Profiles that were one before remember the same.
        self.sends.dedup_by_key(|send| send.id);
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiting_instance_takes_at_most_64_bytes() {
        assert!(size_of::<Instance>() <= 64, "{}", size_of::<Instance>());
    }
}
