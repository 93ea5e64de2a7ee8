//! What changes the state of a partition, as bytes: the journal is a list of these, and state is their fold.

use crate::decision::Feedback;
use crate::journey::Delivery;
use crate::model::{
    Bytes, Duration, Instant, Malformed, Message, Object, Record, Value, record, record_choice, write_text,
};

/// An input with the host's clock at which it was given.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TimedInput {
    pub(crate) now: Instant,
    pub(crate) input: Input,
}

/// What a host does that changes a [`Partition`](crate::engine::Partition): one for each of its methods that take
/// the clock and need it for themselves alone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Input {
    Message(Message),
    Advance,
    /// Actions were handed out, which nobody else gets before the lease is over.
    Outbox {
        limit: usize,
        lease: Duration,
    },
    Acknowledge {
        action: Box<str>,
        delivery: Delivery,
    },
    Feedback {
        user: Box<str>,
        placement: Box<str>,
        variant: Box<str>,
        feedback: Feedback,
    },
    Prediction {
        user: Box<str>,
        name: Box<str>,
        value: Option<f64>,
    },
    World {
        name: Box<str>,
        value: Value,
    },
    /// The host asks for a journey.
    Call {
        user: Box<str>,
        journey: Box<str>,
        properties: Object,
    },
    /// Definitions by their text, with the name of the file where they came from one.
    Redefine {
        file: Option<Box<str>>,
        text: Box<str>,
    },
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
            Input::Redefine { file, text } => {
                out.push(REDEFINE);
                file.write(out);
                write_text(text, out);
            }
        }
    }

    fn read(from: &mut Bytes<'_>) -> Result<Input, Malformed> {
        Ok(match u8::read(from)? {
            MESSAGE => Input::Message(from.read()?),
            ADVANCE => Input::Advance,
            OUTBOX => {
                // A machine of fewer bits has no room for so many: there, as many as there is room for are all.
                let limit = usize::try_from(from.read::<u64>()?).unwrap_or(usize::MAX);
                Input::Outbox { limit, lease: from.read()? }
            }
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
            REDEFINE => Input::Redefine { file: from.read()?, text: from.read()? },
            _ => return Err(from.malformed("an input")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
            Input::Outbox { limit: usize::MAX, lease: Duration::minutes(1) },
            feedback(Feedback::Shown),
            feedback(Feedback::Clicked),
            prediction(Some(0.25)),
            prediction(None),
            Input::World { name: "sale".into(), value: Value::Bool(true) },
            Input::Call { user: "ada".into(), journey: "login".into(), properties: properties() },
            Input::Redefine { file: Some("shop.toml".into()), text: "version = 1".into() },
            Input::Redefine { file: None, text: "".into() },
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
            which in 0..18_usize, place in any::<prop::sample::Index>(), byte in any::<u8>(),
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
