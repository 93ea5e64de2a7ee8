//! Actions of a user who goes to another partition, and comes from one; and which of several partitions hands out first.

use crate::journey::Journeys;
use crate::journey::outbox::{Entry, Outbox, State};
use crate::journey::outbox_bytes::write_entry;
use crate::journey::plan::JourneyPlan;
use crate::model::{Bytes, Instant, Malformed, Record};
use crate::profile::UserKey;

/// More than actions can ever have come: whatever number one had elsewhere, it is below.
const ARRIVALS_MAX: u64 = u64::MAX / 2;

impl Outbox {
    /// Everything of a user, in order of the ids.
    fn actions_of(&self, user: UserKey) -> Vec<Vec<u8>> {
        let mut ids: Vec<u128> = self.by_user.get(&user).into_iter().flatten().copied().collect();
        ids.sort_unstable();
        let bytes = |id: u128| {
            let mut bytes = Vec::new();
            write_entry(id, &self.actions[&id], &mut bytes);
            bytes
        };
        ids.into_iter().map(bytes).collect()
    }

    /// Takes in what another outbox had of a user. What waits goes behind what waits here, in its order; leases stay as
    /// they are.
    fn take_in(&mut self, user: UserKey, actions: &[Vec<u8>], plan: &JourneyPlan) -> Result<(), Malformed> {
        let mut other = Outbox { arrivals: ARRIVALS_MAX, ..Outbox::default() };
        for action in actions {
            let mut from = Bytes::new(action);
            other.read_action(user, &mut from, plan)?;
            from.end()?;
        }
        let mut entries: Vec<(u128, Entry)> = other.actions.into_iter().collect();
        let number = |entry: &Entry| match &entry.state {
            State::Waiting(waiting) => Some(waiting.number),
            State::Answered(..) => None,
        };
        entries.sort_by_key(|(id, entry)| (number(entry), *id));
        for (id, mut entry) in entries {
            self.remove(id);
            match &mut entry.state {
                State::Waiting(waiting) => {
                    waiting.number = self.arrivals;
                    self.arrivals += 1;
                    match (waiting.leased, waiting.quiet) {
                        (None, None) => drop(self.pending.insert(waiting.number, id)),
                        (Some(until), _) => drop(self.leases.insert((until, waiting.number), id)),
                        (None, Some(until)) => drop(self.quiet.insert((until, waiting.number), id)),
                    }
                    self.list_end((id, user), waiting);
                }
                State::Answered(_, first) => {
                    let place = self.answered.partition_point(|(at, _)| *at <= *first);
                    self.answered.insert(place, (*first, id));
                }
            }
            self.by_user.entry(user).or_default().push(id);
            self.actions.insert(id, entry);
        }
        Ok(())
    }

    /// When those were put in that would be handed out first, at most so many, in their order.
    fn first_ready(&self, limit: usize, now: Instant) -> Vec<Instant> {
        let ended = self.leases.range(..=(now, u64::MAX)).map(|((_, number), id)| (*number, *id));
        let mut ready: Vec<(u64, u128)> = ended.collect();
        ready.extend(self.pending.iter().take(limit).map(|(number, id)| (*number, *id)));
        ready.sort_unstable();
        let waiting = ready.into_iter().filter_map(|(_, id)| match &self.actions.get(&id)?.state {
            State::Waiting(waiting) => Some(&**waiting),
            State::Answered(..) => None,
        });
        let alive = waiting.filter(|waiting| waiting.expires.is_none_or(|expires| expires > now));
        alive.map(|waiting| waiting.action.at).take(limit).collect()
    }
}

impl Journeys {
    /// Writes the actions of a user.
    pub(crate) fn write_actions_of(&self, user: UserKey, out: &mut Vec<u8>) {
        self.outbox.actions_of(user).write(out);
    }

    /// Takes in the actions of a user who comes from another partition. See
    /// [`write_actions_of`](Journeys::write_actions_of).
    ///
    /// # Errors
    /// Bytes that were not written so, or under other definitions.
    pub(crate) fn take_in_actions(&mut self, user: UserKey, from: &mut Bytes<'_>) -> Result<(), Malformed> {
        let actions: Vec<Vec<u8>> = from.read()?;
        self.outbox.take_in(user, &actions, &self.plan)
    }

    /// When those actions were put into the outbox that would be handed out first, at most so many, in their order.
    /// O(limit and leases that have ended).
    pub(crate) fn first_ready(&self, limit: usize, now: Instant) -> Vec<Instant> {
        self.outbox.first_ready(limit, now)
    }
}
