//! Inputs as values: what the journal holds, checked before they are written, and applied after.

use crate::definitions::Definitions;
use crate::engine::arms::experiment_of;
use crate::engine::durable::Answer;
use crate::engine::input::{Input, TimedInput};
use crate::engine::{Error, Outcome, Partition};
use crate::model::{Instant, Message};
use crate::profile::{Fact, UserKey, Whose};
use crate::storage::Slot;

impl Partition {
    /// Whether an input may be applied, and whom it is about; changes nothing.
    pub(super) fn check_input(&self, input: &TimedInput) -> Result<Whose, Error> {
        match &input.input {
            Input::Message(message) => {
                self.check(message, input.now)?;
                Ok(self.whose(message, input.now))
            }
            Input::Feedback { user, placement, variant, .. } => {
                self.check_feedback(placement, variant)?;
                self.known(user).map(Whose::Known)
            }
            Input::Prediction { user, name, value } => {
                self.check_prediction(name, *value)?;
                self.known(user).map(Whose::Known)
            }
            Input::Call { user, journey, properties } => {
                self.check_call(journey, properties)?;
                self.known(user).map(Whose::Known)
            }
            Input::Expose { user, experiment } => {
                experiment_of(self, experiment)?;
                self.known(user).map(Whose::Known)
            }
            Input::World { name, value } => {
                self.check_fact(name, value)?;
                Ok(Whose::Nobody)
            }
            Input::Acknowledge { action, .. } => {
                Ok(self.journeys.owner(action).map_or(Whose::Nobody, Whose::Known))
            }
            Input::Extract { id, .. } | Input::LeaveBehind { id } => {
                let (kind, id) = id.get();
                Ok(self.store.owner_named(kind, id).map_or(Whose::Nobody, Whose::Known))
            }
            Input::Arrive(_) => Ok(Whose::New),
            Input::Advance
            | Input::AdvanceSome { .. }
            | Input::Outbox { .. }
            | Input::Redefine { .. }
            | Input::Absorb(_)
            | Input::Confirm { .. }
            | Input::Forgotten { .. }
            | Input::Seen { .. } => Ok(Whose::Nobody),
        }
    }

    /// Whom a message is about. Everybody whom it names has to be in memory.
    pub(super) fn whose(&self, message: &Message, now: Instant) -> Whose {
        let now = now.max(self.clock);
        self.store.whose(message, message.timestamp.map_or(now, |at| at.min(now)), now)
    }

    /// Whom an input that is no message looks at.
    pub(super) fn user_of(&self, input: &Input) -> Option<UserKey> {
        match input {
            Input::Feedback { user, .. }
            | Input::Prediction { user, .. }
            | Input::Call { user, .. }
            | Input::Expose { user, .. } => self.store.find(user),
            Input::Acknowledge { action, .. } => self.journeys.owner(action),
            _ => None,
        }
    }

    /// Everybody where a segment reads one of these facts about the world, and nobody otherwise.
    pub(super) fn readers_of_world<'n>(
        &self,
        mut names: impl Iterator<Item = &'n str>,
    ) -> impl Iterator<Item = UserKey> + '_ {
        let slots = &self.compiled.plan.slot_of;
        let symbol = |name| self.store.symbols.get(&Fact::World(name).name());
        let is_read = names.any(|name| symbol(name).is_some_and(|name| slots.contains_key(&name)));
        self.store.keys().filter(move |_| is_read)
    }

    /// Applies an input that was checked, with the key that it was sealed under.
    pub(super) fn take_input(&mut self, input: &TimedInput, slot: Slot) -> Answer {
        let now = input.now;
        match &input.input {
            Input::Message(message) => Answer::Outcome(Ok(self.take(message, now, slot))),
            Input::Advance => Answer::Outcome(Ok(self.advance(now))),
            Input::AdvanceSome { limit } => Answer::Outcome(Ok(self.advance_some(now, *limit))),
            Input::Outbox { limit, lease } => Answer::Actions(self.outbox(*limit, *lease, now)),
            Input::Acknowledge { action, delivery } => {
                Answer::Acknowledged(self.acknowledge(action, *delivery, now))
            }
            Input::Feedback { user, placement, variant, feedback } => {
                Answer::Outcome(self.feedback(user, placement, variant, *feedback, now))
            }
            Input::Prediction { user, name, value } => {
                Answer::Outcome(self.set_prediction(user, name, *value, now))
            }
            Input::Call { user, journey, properties } => {
                Answer::Outcome(self.call(user, journey, properties, now))
            }
            Input::Expose { user, experiment } => Answer::Outcome(self.expose(user, experiment, now)),
            Input::World { name, value } => Answer::Outcome(self.set_world(name, value.clone(), now)),
            Input::Redefine { file, text, versions } => Answer::Outcome({
                let pinned = versions.as_ref().map_or(Ok(None), |versions| versions.read_back());
                parse(file.as_deref(), text).and_then(|definitions| {
                    let pinned = pinned?;
                    Ok(self.redefine_keeping(&definitions, pinned, now))
                })
            }),
            Input::Extract { id, to, number } => {
                self.extract(id, *to, *number);
                self.nothing_to_tell()
            }
            Input::Arrive(arriving) => {
                self.arrive(arriving, slot);
                self.nothing_to_tell()
            }
            Input::Absorb(arrival) => {
                self.absorb(arrival);
                self.nothing_to_tell()
            }
            Input::Confirm { number } => {
                self.confirm(*number);
                self.nothing_to_tell()
            }
            Input::LeaveBehind { id } => {
                self.leave_behind(id);
                self.nothing_to_tell()
            }
            Input::Forgotten { of, hashes, suppress } => {
                self.note_forgotten(*of, hashes, *suppress);
                self.nothing_to_tell()
            }
            Input::Seen { message } => {
                self.note_seen(*message, now);
                self.nothing_to_tell()
            }
        }
    }

    /// The answer to what partitions have to do with one another: nothing happens to anybody.
    fn nothing_to_tell(&self) -> Answer {
        Answer::Outcome(Ok(Outcome { sequence: self.sequence, ..Outcome::default() }))
    }
}

/// Reads definitions that were read once before.
pub(super) fn parse(file: Option<&str>, text: &str) -> Result<Definitions, Error> {
    let read = match file {
        Some(file) => Definitions::from_toml_named(file, text),
        None => Definitions::from_toml(text),
    };
    read.map_err(Error::Definitions)
}
