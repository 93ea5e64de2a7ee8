//! The outbox as bytes: the actions of each user apart, because a store seals them under the key of the user and writes
//! them where they changed, and what is about no user together.

use crate::journey::Action;
use crate::journey::outbox::{Entry, Origin, Outbox, State, Waiting, id_text};
use crate::journey::plan::{GONE, JourneyPlan};
use crate::model::{Bytes, Malformed, Record, Zone, write_text};
use crate::profile::UserKey;
use std::sync::Arc;

impl Outbox {
    /// What is about no user: counters.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        (self.arrivals, self.repeated, self.unknown).write(out);
    }

    /// An outbox without actions yet.
    pub(super) fn read(from: &mut Bytes<'_>) -> Result<Outbox, Malformed> {
        let arrivals = from.counter("the number of actions")?;
        let repeated = from.counter("a count of answers")?;
        let unknown = from.counter("a count of answers")?;
        Ok(Outbox { arrivals, repeated, unknown, ..Outbox::default() })
    }

    /// Every action of a user, and every answer that is remembered.
    pub(super) fn write_user(&self, user: UserKey, out: &mut Vec<u8>) {
        let ids = self.by_user.get(&user).map_or(&[][..], |ids| ids);
        ids.len().write(out);
        ids.iter().for_each(|id| write_entry(*id, &self.actions[id], out));
    }

    /// Puts in what was written of a user.
    pub(super) fn read_user(
        &mut self,
        user: UserKey,
        from: &mut Bytes<'_>,
        plan: &JourneyPlan,
    ) -> Result<(), Malformed> {
        (0..from.len("actions")?).try_for_each(|_| self.read_action(user, from, plan))
    }

    /// Says that everybody was read.
    pub(super) fn end_read(&mut self) {
        self.answered.make_contiguous().sort_unstable();
    }

    /// Puts in an action of a user that was written.
    pub(super) fn read_action(
        &mut self,
        user: UserKey,
        from: &mut Bytes<'_>,
        plan: &JourneyPlan,
    ) -> Result<(), Malformed> {
        let before = from.clone();
        let id = u128::read(from)?;
        let origin = read_origin(from, plan)?;
        let (state, place) = if bool::read(from)? {
            let arrivals = self.arrivals;
            let number = from.valid("the number of an action", |number: &u64| *number < arrivals)?;
            let (leased, expires) = from.read()?;
            let zone = read_zone(from)?;
            let (quiet, overdue) = from.read()?;
            let action = read_action(id, &origin, from, plan)?;
            let is_taken = match (leased, quiet) {
                (None, None) => self.pending.contains_key(&number),
                (Some(until), _) => self.leases.contains_key(&(until, number)),
                (None, Some(until)) => self.quiet.contains_key(&(until, number)),
            };
            if is_taken {
                return Err(before.malformed("an action"));
            }
            let waiting = Waiting { action, expires, number, leased, zone, quiet, overdue };
            (State::Waiting(Box::new(waiting)), Some((number, leased, quiet)))
        } else {
            let said = from.valid("answers", |said: &u8| *said != 0 && *said < 1 << 7)?;
            (State::Answered(said, from.read()?), None)
        };
        if self.actions.contains_key(&id) {
            return Err(before.malformed("an action"));
        }
        if let State::Answered(_, first) = state {
            self.answered.push_back((first, id));
        }
        match place {
            Some((number, None, None)) => drop(self.pending.insert(number, id)),
            Some((number, Some(until), _)) => drop(self.leases.insert((until, number), id)),
            Some((number, None, Some(until))) => drop(self.quiet.insert((until, number), id)),
            None => {}
        }
        if let State::Waiting(waiting) = &state {
            if waiting.ends().is_some_and(|end| self.ends.contains_key(&(user, end, waiting.number))) {
                return Err(before.malformed("an action"));
            }
            self.list_end((id, user), waiting);
        }
        self.by_user.entry(user).or_default().push(id);
        self.actions.insert(id, Entry { user, origin, state });
        Ok(())
    }
}

pub(super) fn write_entry(id: u128, entry: &Entry, out: &mut Vec<u8>) {
    let Entry { user: _, origin, state } = entry;
    id.write(out);
    (origin.journey, origin.step, origin.entry, origin.round).write(out);
    origin.key.write(out);
    match state {
        State::Waiting(waiting) => {
            let Waiting { action, expires, number, leased, zone, quiet, overdue } = &**waiting;
            true.write(out);
            number.write(out);
            (*leased, *expires).write(out);
            zone.is_some().write(out);
            zone.iter().for_each(|zone| write_text(zone.name(), out));
            (*quiet, *overdue).write(out);
            // Its id is the one above.
            let Action { at, id: _, user, journey, step, channel, content, key, .. } = action;
            let Action { template, attempt, probability, .. } = action;
            (*at, *attempt).write(out);
            for text in [user, journey, step, channel] {
                text.write(out);
            }
            template.write(out);
            content.write(out);
            key.write(out);
            probability.write(out);
        }
        State::Answered(said, first) => {
            false.write(out);
            (*said, *first).write(out);
        }
    }
}

fn read_origin(from: &mut Bytes<'_>, plan: &JourneyPlan) -> Result<Origin, Malformed> {
    let is_known = |number: &u16| *number == GONE || usize::from(*number) < plan.journeys.len();
    let journey = from.valid("the number of a journey", is_known)?;
    let (step, entry, round) = from.read()?;
    Ok(Origin { journey, step, entry, round, key: from.read()? })
}

/// An action takes its texts from the plan, where they are there: most are, and a text is kept once.
fn read_action(
    id: u128,
    origin: &Origin,
    from: &mut Bytes<'_>,
    plan: &JourneyPlan,
) -> Result<Action, Malformed> {
    let (at, attempt) = from.read()?;
    let user = from.read()?;
    let journey = plan.journeys.get(usize::from(origin.journey));
    let step = journey.and_then(|journey| journey.steps.get(usize::from(origin.step)));
    let channel = step.and_then(|step| step.channel());
    Ok(Action {
        at,
        id: id_text(id),
        user,
        journey: known_text(journey.map(|journey| &journey.name), from)?,
        step: known_text(step.map(|step| &step.id), from)?,
        channel: known_text(channel, from)?,
        template: from.read()?,
        content: from.read()?,
        key: from.read()?,
        probability: from.read()?,
        attempt,
    })
}

/// A zone is written by its name.
fn read_zone(from: &mut Bytes<'_>) -> Result<Option<Zone>, Malformed> {
    if !bool::read(from)? {
        return Ok(None);
    }
    let before = from.clone();
    Zone::named(from.text()?).map(Some).ok_or(before.malformed("a time zone"))
}

/// Reads a text that is most often one that is kept already.
fn known_text(known: Option<&Arc<str>>, from: &mut Bytes<'_>) -> Result<Arc<str>, Malformed> {
    let text = from.text()?;
    Ok(known.filter(|known| ***known == *text).map_or_else(|| text.into(), Arc::clone))
}
