//! Messages and values as bytes.
//!
//! A value is a byte that says what it is, and its content; a message is its ids, instant, id and context, then a byte
//! for its type and what that type says.

use crate::model::{
    Body, Bytes, Consent, ConsentStatus, Geo, Ids, Malformed, Message, Object, Record, Value, record,
    record_choice, write_all, write_text,
};

/// How deep lists and objects may lie in one another when they are read. Messages may have them a quarter as deep.
const DEPTH_MAX: usize = 64;

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const INT: u8 = 3;
const FLOAT: u8 = 4;
const STRING: u8 = 5;
const INSTANT: u8 = 6;
const GEO: u8 = 7;
const LIST: u8 = 8;
const OBJECT: u8 = 9;

const TRACK: u8 = 0;
const PAGE: u8 = 1;
const SCREEN: u8 = 2;
const IDENTIFY: u8 = 3;
const GROUP: u8 = 4;
const ALIAS: u8 = 5;
const LIST_MEMBER: u8 = 6;
const CONSENT: u8 = 7;
const WORLD: u8 = 8;
const FORGET: u8 = 9;
const RESTRICT: u8 = 10;
const MERGE: u8 = 11;
const SPLIT: u8 = 12;
const ITEM: u8 = 13;
const REMOVE_ITEM: u8 = 14;

record! {
    Geo { lat, lon }
    Ids { user, anonymous, declared }
    Consent { purpose, channel, status, expires, source, policy_version }
    Message { ids, timestamp, message_id, context, body }
}

record_choice! {
    ConsentStatus { 0 => Granted, 1 => Denied, 2 => Withdrawn }
}

impl Record for Value {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Value::Null => out.push(NULL),
            Value::Bool(false) => out.push(FALSE),
            Value::Bool(true) => out.push(TRUE),
            Value::Int(n) => {
                out.push(INT);
                n.write(out);
            }
            Value::Float(x) => {
                out.push(FLOAT);
                x.write(out);
            }
            Value::String(text) => {
                out.push(STRING);
                write_text(text, out);
            }
            Value::Instant(at) => {
                out.push(INSTANT);
                at.write(out);
            }
            Value::Geo(geo) => {
                out.push(GEO);
                geo.write(out);
            }
            Value::List(list) => {
                out.push(LIST);
                write_all(list.iter(), out);
            }
            Value::Object(object) => {
                out.push(OBJECT);
                object.write(out);
            }
        }
    }

    fn read(from: &mut Bytes<'_>) -> Result<Value, Malformed> {
        read_value(from, 0)
    }
}

impl Record for Object {
    fn write(&self, out: &mut Vec<u8>) {
        self.len().write(out);
        for (name, value) in self.iter() {
            write_text(name, out);
            value.write(out);
        }
    }

    fn read(from: &mut Bytes<'_>) -> Result<Object, Malformed> {
        read_object(from, 0)
    }
}

/// Reads a value that lies in so many others.
fn read_value(from: &mut Bytes<'_>, depth: usize) -> Result<Value, Malformed> {
    if depth > DEPTH_MAX {
        return Err(from.malformed("a value in so many others"));
    }
    Ok(match u8::read(from)? {
        NULL => Value::Null,
        FALSE => Value::Bool(false),
        TRUE => Value::Bool(true),
        INT => Value::Int(from.read()?),
        FLOAT => Value::Float(from.read()?),
        STRING => Value::String(from.text()?.into()),
        INSTANT => Value::Instant(from.read()?),
        GEO => Value::Geo(from.read()?),
        LIST => Value::List(read_list(from, |from| read_value(from, depth + 1))?),
        OBJECT => Value::Object(read_object(from, depth)?),
        _ => return Err(from.malformed("a value")),
    })
}

fn read_object(from: &mut Bytes<'_>, depth: usize) -> Result<Object, Malformed> {
    let entry = |from: &mut Bytes<'_>| Ok((from.text()?.into(), read_value(from, depth + 1)?));
    Ok(Object::last_of_each(read_list(from, entry)?))
}

fn read_list<T>(
    from: &mut Bytes<'_>,
    one: impl Fn(&mut Bytes<'_>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let len = from.len("a list")?;
    // The length is not believed before the elements are there.
    let mut list = Vec::with_capacity(len.min(16));
    for _ in 0..len {
        list.push(one(from)?);
    }
    Ok(list)
}

impl Record for Body {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Body::Track { event, properties } => {
                out.push(TRACK);
                write_text(event, out);
                properties.write(out);
            }
            Body::Page { name, properties } => {
                out.push(PAGE);
                name.write(out);
                properties.write(out);
            }
            Body::Screen { name, properties } => {
                out.push(SCREEN);
                name.write(out);
                properties.write(out);
            }
            Body::Identify { traits } => {
                out.push(IDENTIFY);
                traits.write(out);
            }
            Body::Group { group_id, traits } => {
                out.push(GROUP);
                write_text(group_id, out);
                traits.write(out);
            }
            Body::Alias { previous_id } => {
                out.push(ALIAS);
                write_text(previous_id, out);
            }
            Body::List { list, member } => {
                out.push(LIST_MEMBER);
                write_text(list, out);
                member.write(out);
            }
            Body::Consent(consent) => {
                out.push(CONSENT);
                consent.write(out);
            }
            Body::World { values } => {
                out.push(WORLD);
                values.write(out);
            }
            Body::Forget { suppress } => {
                out.push(FORGET);
                suppress.write(out);
            }
            Body::Restrict { restricted } => {
                out.push(RESTRICT);
                restricted.write(out);
            }
            Body::Merge { previous_id, reason } => {
                out.push(MERGE);
                write_text(previous_id, out);
                write_text(reason, out);
            }
            Body::Split { ids } => {
                out.push(SPLIT);
                ids.write(out);
            }
            Body::Item { item, attributes } => {
                out.push(ITEM);
                write_text(item, out);
                attributes.write(out);
            }
            Body::RemoveItem { item } => {
                out.push(REMOVE_ITEM);
                write_text(item, out);
            }
        }
    }

    fn read(from: &mut Bytes<'_>) -> Result<Body, Malformed> {
        Ok(match u8::read(from)? {
            TRACK => Body::Track { event: from.read()?, properties: from.read()? },
            PAGE => Body::Page { name: from.read()?, properties: from.read()? },
            SCREEN => Body::Screen { name: from.read()?, properties: from.read()? },
            IDENTIFY => Body::Identify { traits: from.read()? },
            GROUP => Body::Group { group_id: from.read()?, traits: from.read()? },
            ALIAS => Body::Alias { previous_id: from.read()? },
            LIST_MEMBER => Body::List { list: from.read()?, member: from.read()? },
            CONSENT => Body::Consent(from.read()?),
            WORLD => Body::World { values: from.read()? },
            FORGET => Body::Forget { suppress: from.read()? },
            MERGE => Body::Merge { previous_id: from.read()?, reason: from.read()? },
            SPLIT => Body::Split { ids: from.read()? },
            ITEM => Body::Item { item: from.read()?, attributes: from.read()? },
            REMOVE_ITEM => Body::RemoveItem { item: from.read()? },
            RESTRICT => Body::Restrict { restricted: from.read()? },
            _ => return Err(from.malformed("a message")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Instant;
    use proptest::prelude::*;

    fn bytes(of: &impl Record) -> Vec<u8> {
        let mut bytes = Vec::new();
        of.write(&mut bytes);
        bytes
    }

    /// Reads all of what was written; what is written again says whether it is the same to the last bit.
    fn again<T: Record>(of: &T) -> T {
        let written = bytes(of);
        let mut from = Bytes::new(&written);
        let read = T::read(&mut from).expect("what was written can be read");
        assert_eq!(from.end(), Ok(()));
        assert_eq!(bytes(&read), written);
        for cut in 0..written.len() {
            assert!(T::read(&mut Bytes::new(&written[..cut])).is_err(), "cut at {cut}");
        }
        read
    }

    fn value() -> impl Strategy<Value = Value> {
        let instant = any::<i64>().prop_map(|ms| Value::Instant(Instant::from_millis(ms)));
        let geo = any::<(f64, f64)>().prop_map(|(lat, lon)| Value::Geo(Geo { lat, lon }));
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            any::<f64>().prop_map(Value::Float),
            ".{0,9}".prop_map(Value::from),
            instant,
            geo,
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
                prop::collection::vec(("[a-d]", inner), 0..4).prop_map(|entries| {
                    let mut object = Object::new();
                    entries.into_iter().for_each(|(name, value)| object.set(name, value));
                    Value::Object(object)
                }),
            ]
        })
    }

    fn messages(value: &Value, at: Instant) -> Vec<Message> {
        let with = |message: Message| message.with("a", value.clone()).with("b", "text").at(at);
        let no_name = Body::Page { name: None, properties: Object::new() };
        vec![
            with(Message::track("u", "view")).id("m1").context("device", value.clone()),
            with(Message::page(Ids::anonymous("d"), "home")),
            Message { body: no_name, ..Message::page("u", "") },
            with(Message::screen(Ids::both("u", "d"), "cart")),
            with(Message::identify("u")),
            with(Message::group("u", "g")),
            Message::alias("old", "u"),
            Message::list("u", "vip", true),
            Message::list("u", "vip", false),
            Message::consent("u", Consent::granted("marketing").channel("email").until(at)),
            Message::consent("u", Consent::denied("marketing").source("form").policy_version("3")),
            Message::consent("u", Consent::withdrawn("marketing")).at(at),
            with(Message::world()),
            with(Message::item("boot-7")),
            Message::remove_item("boot-7"),
            Message::forget("u"),
            Message::restrict("u", true),
            Message::merge("v", "u", "they said so"),
            Message::split("u", ["v", "d"]),
            Message::identify(Ids::none().and("card", "c").and("email_hash", "e")),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value in value(), ms in any::<i64>()) {
            let equal_to_itself = value == value.clone();
            prop_assert_eq!(again(&value) == value, equal_to_itself);
            for message in messages(&value, Instant::from_millis(ms)) {
                prop_assert_eq!(again(&message) == message, message == message.clone());
            }
        }

        #[test]
        fn any_bytes_give_a_message_or_an_error(
            bytes in prop::collection::vec(prop_oneof![0..15_u8, any::<u8>()], 0..60),
        ) {
            if let Ok(message) = Message::read(&mut Bytes::new(&bytes)) {
                again(&message);
            }
        }

        #[test]
        fn a_damaged_message_is_a_message_or_an_error(
            value in value(), which in 0..18_usize, place in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            let mut written = bytes(&messages(&value, Instant::from_millis(7))[which]);
            *place.get_mut(&mut written) = byte;
            if let Ok(message) = Message::read(&mut Bytes::new(&written)) {
                again(&message);
            }
        }
    }

    #[test]
    fn floats_are_the_same_to_the_last_bit() {
        for bits in [f64::NAN.to_bits() | 5, (-0.0_f64).to_bits(), 1, f64::INFINITY.to_bits()] {
            let Value::Float(read) = again(&Value::Float(f64::from_bits(bits))) else { panic!("a float") };
            assert_eq!(read.to_bits(), bits);
        }
    }

    #[test]
    fn nesting_has_an_end() {
        for (depth, is_read) in [(64, true), (65, false), (100_000, false)] {
            for (opening, end) in [(&[LIST, 1][..], NULL), (&[OBJECT, 1, 0][..], TRUE)] {
                let mut bytes = opening.repeat(depth);
                bytes.push(end);
                assert_eq!(Value::read(&mut Bytes::new(&bytes)).is_ok(), is_read, "{depth}");
            }
        }
    }

    #[test]
    fn of_two_equal_names_the_last_counts() {
        let twice = [2, 1, b'a', TRUE, 1, b'a', FALSE];
        let object = Object::read(&mut Bytes::new(&twice)).unwrap();
        assert_eq!((object.len(), object.get("a")), (1, Some(&Value::Bool(false))));
    }

    #[test]
    fn a_message_is_short() {
        let message = Message::track("user-1234", "view")
            .with("sku", "sku-1234")
            .with("price", 59.5)
            .context("country", "FR")
            .at(Instant::from_millis(1_795_428_000_123));
        assert_eq!(bytes(&message).len(), 70);
    }
}
