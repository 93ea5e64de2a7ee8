//! Journeys as bytes: what belongs to one user, which can leave memory and come back, and what belongs to none.

use crate::journey::counts::Counts;
use crate::journey::instance::{Instance, UserJourneys};
use crate::journey::outbox::Outbox;
use crate::journey::past::UserPast;
use crate::journey::plan::{JourneyNo, JourneyPlan};
use crate::journey::runtime::Journeys;
use crate::model::{Bytes, Instant, Malformed, Record};
use crate::predict::UserHours;
use crate::profile::UserKey;

/// What journeys know of one user, apart from actions in the outbox.
#[derive(Debug, Default)]
pub(crate) struct JourneysOfUser {
    known: Option<UserJourneys>,
    past: UserPast,
    hours: Option<Box<UserHours>>,
}

impl Journeys {
    /// Takes out everything of a user but what is in the outbox: as long as it is away, nothing may look at the user.
    pub(crate) fn take_user(&mut self, user: UserKey) -> JourneysOfUser {
        let hours = self.times.as_mut().and_then(|times| times.take_user(user.0));
        JourneysOfUser { known: self.users.remove(&user), past: self.past.take(user), hours }
    }

    /// Puts in what was taken out or read, in place of what is there.
    pub(crate) fn put_user(&mut self, user: UserKey, state: JourneysOfUser, now: Instant) {
        match state.known {
            Some(known) => self.users.insert(user, known),
            None => drop(self.users.remove(&user)),
        }
        self.past.put(user, state.past, now, &self.plan);
        if let Some(times) = &mut self.times {
            times.put_user(user.0, state.hours);
        }
    }

    /// Writes what [`take_user`](Journeys::take_user) takes out.
    pub(crate) fn write_user(&self, user: UserKey, out: &mut Vec<u8>) {
        match self.users.get(&user) {
            Some(known) => known.write(out),
            None => UserJourneys::default().write(out),
        }
        match self.past.of(user) {
            Some(past) => past.write(out),
            None => UserPast::default().write(out),
        }
        match &self.times {
            Some(times) => times.write_user(user.0, out),
            None => None::<Box<UserHours>>.write(out),
        }
    }

    /// Reads what was written of a user under the definitions that hold.
    ///
    /// # Errors
    /// Bytes that were not written so, or that are about journeys and steps which there are not.
    pub(crate) fn read_user(&self, from: &mut Bytes<'_>) -> Result<JourneysOfUser, Malformed> {
        let plan = &*self.plan;
        let mut known =
            from.valid("what journeys know of a user", |known: &UserJourneys| is_of(plan, known))?;
        let sends = &mut known.sends;
        // Most are by one channel, whose name is kept once.
        for place in 1..sends.len() {
            if sends[place].channel == sends[place - 1].channel {
                sends[place].channel = sends[place - 1].channel.clone();
            }
        }
        let known = Some(known).filter(|known| !known.is_empty());
        Ok(JourneysOfUser { known, past: UserPast::read(from, plan)?, hours: from.read()? })
    }

    /// About how many bytes leave memory with a user.
    pub(crate) fn heap_bytes(&self, user: UserKey) -> usize {
        let known = self.users.heap_bytes(user);
        let past = self.past.of(user).map_or(0, |past| size_of::<UserPast>() + past.heap_bytes());
        known + past + self.times.as_ref().map_or(0, |times| times.heap_bytes(user.0))
    }

    /// Writes what is about no user: counts, the outbox without its actions, throttles, and when everyone answers best.
    pub(crate) fn write_section(&self, out: &mut Vec<u8>) {
        self.counts.write(out);
        self.outbox.write(out);
        self.throttles.write(out);
        self.times.iter().for_each(|times| times.write_state(out));
    }

    /// Goes on with what was written under the definitions that hold; actions come after.
    ///
    /// # Errors
    /// Bytes that were not written so, or that are about journeys which there are not. Everything stays as it was then.
    pub(crate) fn read_section(&mut self, from: &mut Bytes<'_>) -> Result<(), Malformed> {
        let counts = Counts::read(from, &self.plan)?;
        let outbox = Outbox::read(from)?;
        let mut throttles = self.throttles.clone();
        throttles.read(from)?;
        self.times.iter_mut().try_for_each(|times| times.read_state(from))?;
        (self.counts, self.outbox, self.throttles) = (counts, outbox, throttles);
        Ok(())
    }

    /// Names the invariant that broke.
    #[cfg(test)]
    pub(crate) fn validate(&self) -> Result<(), &'static str> {
        self.past.validate()
    }

    /// How many users and places of users are kept.
    #[cfg(test)]
    pub(crate) fn remembered(&self) -> usize {
        self.users.keys().len() + self.past.remembered()
    }

    /// Writes what a user has in the outbox, and every answer that is remembered.
    pub(crate) fn write_actions(&self, user: UserKey, out: &mut Vec<u8>) {
        self.outbox.write_user(user, out);
    }

    /// Puts in what was written of what a user has in the outbox; the user has to be there. To be called behind
    /// [`read_section`](Journeys::read_section).
    ///
    /// # Errors
    /// Bytes that were not written so, or an action that is there already. What was read before it stays.
    pub(crate) fn read_actions(&mut self, user: UserKey, from: &mut Bytes<'_>) -> Result<(), Malformed> {
        self.outbox.read_user(user, from, &self.plan)
    }

    /// Says that everybody's actions were read.
    pub(crate) fn end_read(&mut self) {
        self.outbox.end_read();
    }
}

/// Whether instances stand where instances can stand, each journey, key and entry once, and all is of journeys that
/// there are.
fn is_of(plan: &JourneyPlan, known: &UserJourneys) -> bool {
    let is_there = |journey: JourneyNo| usize::from(journey) < plan.journeys.len();
    let stands = |instance: &Instance| {
        let journey = plan.journeys.get(usize::from(instance.journey));
        journey.is_some_and(|journey| usize::from(instance.step) < journey.steps.len())
    };
    let entry =
        |instance: &'_ Instance| (plan.current(instance.journey), instance.key.clone(), instance.entry);
    let mut entries: Vec<_> = known.instances.iter().map(entry).collect();
    entries.sort_unstable();
    known.instances.iter().all(stands)
        && entries.windows(2).all(|pair| pair[0] != pair[1])
        && known.dates.iter().all(|date| is_there(date.journey))
        && known.dates.is_sorted_by(|a, b| a.journey < b.journey)
        && known.goals.iter().all(|goal| is_there(goal.journey))
}
