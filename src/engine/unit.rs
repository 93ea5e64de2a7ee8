//! One input of a group, before it is applied and as it is; and how groups are written.

use crate::engine::durable::{Answer, answer};
use crate::engine::input::{Input, TimedInput};
use crate::engine::versions::Redefinition;
use crate::engine::{Error, Partition};
use crate::model::{Body, Bytes, Instant, Malformed, Message};
use crate::profile::{UserKey, Whose};
use crate::storage::{self, Slot, Vault};
use smallvec::SmallVec;

/// One input of a group, by reference.
#[derive(Clone, Copy)]
pub(super) enum Unit<'a> {
    Message(&'a Message, Instant),
    Input(&'a TimedInput),
    Redefine(&'a Redefinition, Instant),
}

impl Unit<'_> {
    pub(super) fn now(self) -> Instant {
        match self {
            Unit::Message(_, now) | Unit::Redefine(_, now) => now,
            Unit::Input(input) => input.now,
        }
    }

    /// Whether it may change to whom ids belong, so that what follows has to see what it did.
    pub(super) fn joins(self, partition: &Partition) -> bool {
        match self {
            Unit::Message(message, _) => partition.store.joins(message) || partition.follows_item(message),
            Unit::Input(input) => input.input.joins(),
            Unit::Redefine(..) => false,
        }
    }

    /// Whether it may be applied, and whom it is about.
    pub(super) fn check(self, partition: &Partition) -> Result<Whose, Error> {
        match self {
            Unit::Message(message, now) => {
                partition.check(message, now)?;
                Ok(partition.whose(message, now))
            }
            Unit::Input(input) => partition.check_input(input),
            Unit::Redefine(..) => Ok(Whose::Nobody),
        }
    }

    /// Everybody who has to be in memory for it, as far as can be told before.
    pub(super) fn users(self, partition: &Partition) -> SmallVec<[UserKey; 3]> {
        match self {
            Unit::Message(message, _) => partition.store.named(message),
            Unit::Input(TimedInput {
                input: Input::Extract { id, .. } | Input::LeaveBehind { id }, ..
            }) => partition.company(id).into(),
            Unit::Input(TimedInput { input, .. }) => partition.user_of(input).into_iter().collect(),
            Unit::Redefine(..) => SmallVec::new(),
        }
    }

    /// Those whom it changes without being about them.
    pub(super) fn others(self, partition: &Partition) -> Vec<UserKey> {
        match self {
            Unit::Message(Message { body: Body::World { values }, .. }, _) => {
                partition.readers_of_world(values.iter().map(|(name, _)| name)).collect()
            }
            Unit::Message(message @ Message { body: Body::Item { item, attributes }, .. }, _)
                if partition.follows_item(message) =>
            {
                partition.readers_of_item(item, attributes)
            }
            Unit::Input(TimedInput { input: Input::World { name, .. }, .. }) => {
                partition.readers_of_world([&**name].into_iter()).collect()
            }
            // Memory for all of them is needed, as it is when they change.
            Unit::Redefine(..) => partition.store.keys().collect(),
            _ => Vec::new(),
        }
    }

    pub(super) fn forgets(self) -> bool {
        matches!(self, Unit::Message(message, _) if matches!(message.body, Body::Forget { .. }))
    }

    pub(super) fn apply(
        self,
        partition: &mut Partition,
        slot: Slot,
        of: (usize, usize),
        answers: &mut [Answer],
    ) {
        match self {
            Unit::Message(message, now) => {
                let message = partition.minimise(message);
                answer(answers, of, Ok(partition.take(&message, now, slot)));
            }
            Unit::Input(input) => answers[of.0] = partition.take_input(input, slot),
            Unit::Redefine(Redefinition { definitions, pinned }, now) => {
                answer(answers, of, Ok(partition.redefine_keeping(definitions, pinned.clone(), now)));
            }
        }
    }
}

/// What the record of an input is sealed for: its number, so that none passes for another.
pub(super) fn context(number: u64) -> [u8; 13] {
    let mut context = [0; 13];
    context[..5].copy_from_slice(b"input");
    context[5..].copy_from_slice(&number.to_le_bytes());
    context
}

/// Reads the records of a group: of each input its key, and what was sealed under it.
pub(super) fn read_group(payload: &[u8]) -> impl Iterator<Item = Result<(Slot, &[u8]), Malformed>> {
    let mut from = Bytes::new(payload);
    std::iter::from_fn(move || {
        (from.left() > 0).then(|| {
            let slot = from.read()?;
            let len = from.len("an input")?;
            Ok((slot, from.take(len, "an input")?))
        })
    })
}

/// Opens an input of a group; nothing where its user was erased.
pub(super) fn open_input(
    vault: &Vault,
    number: u64,
    slot: Slot,
    sealed: &[u8],
) -> Result<Option<TimedInput>, storage::Error> {
    let mut plain = Vec::new();
    if !vault.open(slot, &context(number), sealed, &mut plain)? {
        return Ok(None);
    }
    let mut from = Bytes::new(&plain);
    let input = from.read().and_then(|input| from.end().map(|()| input));
    input.map(Some).map_err(|error| vault.malformed(number, &error))
}
