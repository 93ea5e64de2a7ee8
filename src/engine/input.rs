//! What changes the state of a partition, as bytes: the journal is a list of these, and state is their fold.

use crate::decision::Feedback;
use crate::engine::transfer::{Arrival, Arriving};
use crate::engine::versions::Versions;
use crate::journey::Delivery;
use crate::model::{
    Bytes, Duration, Instant, Malformed, Message, Object, Record, Suppress, Value, record, record_choice,
    write_text,
};
use crate::profile::NamedId;

/// An input with the host's clock at which it was given.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::{Input, Partition, TimedInput}, model::{Instant, Message}};
/// # let definitions = Definitions::from_toml("version = 1\n[events.view]\n[segments]\nkeen = 'did(view)'")?;
/// let mut partition = Partition::new(&definitions);
/// let input = TimedInput { now: Instant::from_millis(0), input: Input::Message(Message::track("ada", "view")) };
/// let replayed = partition.replay(&input)?;
/// assert_eq!(replayed.outcome().unwrap().changes[0].to_string(), "ada entered keen");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TimedInput {
    /// The host's clock. It may lie before that of the input before; then that one's counts.
    pub now: Instant,
    /// What was given.
    pub input: Input,
}

/// What a host does that changes a [`Partition`](crate::engine::Partition): one for each of its methods that take
/// the clock and need it for themselves alone. The journal of a store is a list of these.
///
/// It is the host's own data, and is debugged as it is, personal data included.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::{Input, Partition, TimedInput}};
/// # use bespoke::model::{Duration, Instant, Message};
/// # let text = "version = 1\n[events.view]\n[world]\nsale = \"bool\"\n\
/// #     [segments]\nkeen = 'did(view in 1d) and world.sale'";
/// # let definitions = Definitions::from_toml(text)?;
/// # let now = Instant::from_millis(0);
/// # let later = now + Duration::days(2);
/// # let (mut live, mut replayed) = (Partition::new(&definitions), Partition::new(&definitions));
/// # let view = Message::track("ada", "view");
/// live.ingest(&view, now)?;
/// live.set_world("sale", true, now)?;
/// live.advance(later);
/// let sale = Input::World { name: "sale".into(), value: true.into() };
/// for (now, input) in [(now, Input::Message(view)), (now, sale), (later, Input::Advance)] {
///     replayed.replay(&TimedInput { now, input })?; // another partition, under the same definitions
/// }
/// assert_eq!(replayed.checkpoint()?, live.checkpoint()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Input {
    /// A message, without what definitions say is not to be kept.
    Message(Message),
    /// The clock was moved.
    Advance,
    /// The clock moves as far as so many looks at users bring it.
    AdvanceSome {
        /// How many at most.
        limit: usize,
    },
    /// Actions were handed out, which nobody else gets before the lease is over.
    Outbox {
        /// How many at most.
        limit: usize,
        /// For how long.
        lease: Duration,
    },
    /// What became of an action.
    Acknowledge {
        /// Its id.
        action: Box<str>,
        /// What.
        delivery: Delivery,
    },
    /// A user saw a variant of a placement, or clicked on it.
    Feedback {
        /// The user's id.
        user: Box<str>,
        /// The name of the placement.
        placement: Box<str>,
        /// The name of the variant.
        variant: Box<str>,
        /// Which of both.
        feedback: Feedback,
    },
    /// What a model says of a user.
    Prediction {
        /// The user's id.
        user: Box<str>,
        /// The name of the prediction.
        name: Box<str>,
        /// What it says; nothing where it says nothing any more.
        value: Option<f64>,
    },
    /// A fact for everyone.
    World {
        /// Its name.
        name: Box<str>,
        /// Its value; null unsets it.
        value: Value,
    },
    /// The host asks for a journey.
    Call {
        /// The user's id.
        user: Box<str>,
        /// The name of the journey.
        journey: Box<str>,
        /// What is said with it.
        properties: Object,
    },
    /// A user saw the arm of an experiment that it is in.
    Expose {
        /// The user's id.
        user: Box<str>,
        /// The name of the experiment.
        experiment: Box<str>,
    },
    /// Definitions that came into force.
    Redefine {
        /// The name of their file, where they came from one.
        file: Option<Box<str>>,
        /// Their text.
        text: Box<str>,
        /// Where an engine has several partitions, what all of them keep of earlier definitions.
        #[doc(hidden)]
        versions: Option<Box<Versions>>,
    },
    /// Whoever has an id goes to another partition, with everybody who goes where they go.
    #[doc(hidden)]
    Extract { id: NamedId, to: u16, number: u64 },
    /// One of those who come from another partition together.
    #[doc(hidden)]
    Arrive(Box<Arriving>),
    /// All of them are there.
    #[doc(hidden)]
    Absorb(Box<Arrival>),
    /// Who went has arrived for good.
    #[doc(hidden)]
    Confirm { number: u64 },
    /// Whoever has an id went before, which a power cut took back.
    #[doc(hidden)]
    LeaveBehind { id: NamedId },
    /// A user was forgotten in another partition.
    #[doc(hidden)]
    Forgotten { of: u128, hashes: Vec<u128>, suppress: Suppress },
    /// A message was seen in another partition.
    #[doc(hidden)]
    Seen { message: u128 },
}

impl Input {
    /// Whether it changes to whom ids belong, so that what follows has to see what it did.
    pub(crate) fn joins(&self) -> bool {
        matches!(self, Input::Extract { .. } | Input::Absorb(_) | Input::LeaveBehind { .. })
    }
}

// Other inputs get other bytes: these are in journals that exist.
const MESSAGE: u8 = 0;
const ADVANCE: u8 = 1;
const OUTBOX: u8 = 2;
const ACKNOWLEDGE: u8 = 3;
const FEEDBACK: u8 = 4;
const PREDICTION: u8 = 5;
const WORLD: u8 = 6;
const REDEFINE: u8 = 7;
const CALL: u8 = 8;
const EXPOSE: u8 = 9;
const ADVANCE_SOME: u8 = 10;
const EXTRACT: u8 = 16;
const ABSORB: u8 = 17;
const CONFIRM: u8 = 18;
const LEAVE_BEHIND: u8 = 19;
const FORGOTTEN: u8 = 20;
const SEEN: u8 = 21;
const ARRIVE: u8 = 22;

record! {
    TimedInput { now, input }
}

record_choice! {
    Delivery {
        0 => Sent,
        1 => Delivered,
        2 => Opened,
        3 => Clicked,
        4 => Failed,
        5 => Unreachable,
        6 => Suppressed,
    }
    Feedback { 0 => Shown, 1 => Clicked }
}

/// Writes a message that was given at an instant, as a [`TimedInput`] is written, without having one.
pub(crate) fn write_message(message: &Message, now: Instant, out: &mut Vec<u8>) {
    now.write(out);
    out.push(MESSAGE);
    message.write(out);
}

impl Record for Input {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Input::Message(message) => {
                out.push(MESSAGE);
                message.write(out);
            }
            Input::Advance => out.push(ADVANCE),
            Input::AdvanceSome { limit } => {
                out.push(ADVANCE_SOME);
                limit.write(out);
            }
            Input::Outbox { limit, lease } => {
                out.push(OUTBOX);
                limit.write(out);
                lease.write(out);
            }
            Input::Acknowledge { action, delivery } => {
                out.push(ACKNOWLEDGE);
                write_text(action, out);
                delivery.write(out);
            }
            Input::Feedback { user, placement, variant, feedback } => {
                out.push(FEEDBACK);
                write_text(user, out);
                write_text(placement, out);
                write_text(variant, out);
                feedback.write(out);
            }
            Input::Prediction { user, name, value } => {
                out.push(PREDICTION);
                write_text(user, out);
                write_text(name, out);
                value.write(out);
            }
            Input::World { name, value } => {
                out.push(WORLD);
                write_text(name, out);
                value.write(out);
            }
            Input::Call { user, journey, properties } => {
                out.push(CALL);
                write_text(user, out);
                write_text(journey, out);
                properties.write(out);
            }
            Input::Expose { user, experiment } => {
                out.push(EXPOSE);
                write_text(user, out);
                write_text(experiment, out);
            }
            Input::Redefine { file, text, versions } => {
                out.push(REDEFINE);
                file.write(out);
                write_text(text, out);
                versions.write(out);
            }
            Input::Extract { id, to, number } => {
                out.push(EXTRACT);
                id.write(out);
                (*to, *number).write(out);
            }
            Input::Arrive(arriving) => {
                out.push(ARRIVE);
                arriving.write(out);
            }
            Input::Absorb(arrival) => {
                out.push(ABSORB);
                arrival.write(out);
            }
            Input::Confirm { number } => {
                out.push(CONFIRM);
                number.write(out);
            }
            Input::LeaveBehind { id } => {
                out.push(LEAVE_BEHIND);
                id.write(out);
            }
            Input::Forgotten { of, hashes, suppress } => {
                out.push(FORGOTTEN);
                of.write(out);
                hashes.write(out);
                suppress.write(out);
            }
            Input::Seen { message } => {
                out.push(SEEN);
                message.write(out);
            }
        }
    }

    fn read(from: &mut Bytes<'_>) -> Result<Input, Malformed> {
        Ok(match u8::read(from)? {
            MESSAGE => Input::Message(from.read()?),
            ADVANCE => Input::Advance,
            ADVANCE_SOME => Input::AdvanceSome { limit: read_limit(from)? },
            OUTBOX => Input::Outbox { limit: read_limit(from)?, lease: from.read()? },
            ACKNOWLEDGE => Input::Acknowledge { action: from.read()?, delivery: from.read()? },
            FEEDBACK => Input::Feedback {
                user: from.read()?,
                placement: from.read()?,
                variant: from.read()?,
                feedback: from.read()?,
            },
            PREDICTION => Input::Prediction { user: from.read()?, name: from.read()?, value: from.read()? },
            WORLD => Input::World { name: from.read()?, value: from.read()? },
            CALL => Input::Call { user: from.read()?, journey: from.read()?, properties: from.read()? },
            EXPOSE => Input::Expose { user: from.read()?, experiment: from.read()? },
            REDEFINE => Input::Redefine {
                file: from.read()?,
                text: from.read()?,
                versions: if from.read()? { Some(Box::new(Versions::read_whole(from)?)) } else { None },
            },
            EXTRACT => Input::Extract { id: from.read()?, to: from.read()?, number: from.read()? },
            ARRIVE => Input::Arrive(from.read()?),
            ABSORB => Input::Absorb(from.read()?),
            CONFIRM => Input::Confirm { number: from.read()? },
            LEAVE_BEHIND => Input::LeaveBehind { id: from.read()? },
            FORGOTTEN => Input::Forgotten { of: from.read()?, hashes: from.read()?, suppress: from.read()? },
            SEEN => Input::Seen { message: from.read()? },
            _ => return Err(from.malformed("an input")),
        })
    }
}

/// A machine of fewer bits has no room for so many: there, as many as there is room for are all.
fn read_limit(from: &mut Bytes<'_>) -> Result<usize, Malformed> {
    Ok(usize::try_from(from.read::<u64>()?).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::KindName;
    use proptest::prelude::*;

    const DELIVERIES: [Delivery; 7] = [
        Delivery::Sent,
        Delivery::Delivered,
        Delivery::Opened,
        Delivery::Clicked,
        Delivery::Failed,
        Delivery::Unreachable,
        Delivery::Suppressed,
    ];

    fn properties() -> Object {
        let mut properties = Object::new();
        properties.set("code", 1234);
        properties
    }

    fn inputs() -> Vec<Input> {
        let message = Message::track("ada", "view").with("sku", "boot-7").with("price", 12.5);
        let feedback = |feedback| Input::Feedback {
            user: "ada".into(),
            placement: "hero".into(),
            variant: "boots".into(),
            feedback,
        };
        let prediction = |value| Input::Prediction { user: "ada".into(), name: "churn".into(), value };
        let mut inputs = vec![
            Input::Message(message),
            Input::Advance,
            Input::AdvanceSome { limit: 1_000 },
            Input::Outbox { limit: usize::MAX, lease: Duration::minutes(1) },
            feedback(Feedback::Shown),
            feedback(Feedback::Clicked),
            prediction(Some(0.25)),
            prediction(None),
            Input::World { name: "sale".into(), value: Value::Bool(true) },
            Input::Call { user: "ada".into(), journey: "login".into(), properties: properties() },
            Input::Expose { user: "ada".into(), experiment: "price".into() },
            Input::Redefine { file: Some("shop.toml".into()), text: "version = 1".into(), versions: None },
            Input::Redefine { file: None, text: "".into(), versions: Some(Box::default()) },
            Input::Extract { id: NamedId::new(KindName::Declared("card"), "c-1"), to: 3, number: 7 },
            Input::Absorb(Box::new(Arrival {
                from: 2,
                number: 9,
                clock: Instant::from_millis(5),
                arrivals: 77,
                users: 1,
                ties: vec![0],
            })),
            Input::Arrive(Box::new(Arriving { from: 2, number: 9, place: 0, bytes: vec![1, 2, 3] })),
            Input::Confirm { number: 7 },
            Input::LeaveBehind { id: NamedId::new(KindName::User, "ada") },
            Input::Forgotten { of: 1, hashes: vec![1, 2], suppress: Suppress::Forever },
            Input::Seen { message: 1 << 99 },
        ];
        inputs.extend(DELIVERIES.map(|delivery| Input::Acknowledge { action: "a1".into(), delivery }));
        inputs
    }

    fn written(input: &Input) -> Vec<u8> {
        let mut bytes = Vec::new();
        TimedInput { now: Instant::from_millis(1_795_428_000_123), input: input.clone() }.write(&mut bytes);
        bytes
    }

    #[test]
    fn what_is_written_is_read() {
        for input in inputs() {
            let bytes = written(&input);
            let mut from = Bytes::new(&bytes);
            let read = TimedInput::read(&mut from).unwrap();
            assert_eq!((read.input, read.now.as_millis(), from.left()), (input, 1_795_428_000_123, 0));
            for cut in 0..bytes.len() {
                assert!(TimedInput::read(&mut Bytes::new(&bytes[..cut])).is_err());
            }
        }
    }

    #[test]
    fn a_message_is_written_the_same_without_a_copy_of_it() {
        for input in inputs() {
            if let Input::Message(message) = &input {
                let mut bytes = Vec::new();
                write_message(message, Instant::from_millis(1_795_428_000_123), &mut bytes);
                assert_eq!(bytes, written(&input));
            }
        }
    }

    proptest! {
        #[test]
        fn damaged_bytes_give_an_input_or_an_error(
            which in 0..26_usize, place in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            let mut bytes = written(&inputs()[which]);
            *place.get_mut(&mut bytes) = byte;
            let mut from = Bytes::new(&bytes);
            if let Ok(read) = TimedInput::read(&mut from) {
                let mut again = Vec::new();
                read.write(&mut again);
                prop_assert_eq!(TimedInput::read(&mut Bytes::new(&again)).map(|read| read.now), Ok(read.now));
            }
        }
    }
}
