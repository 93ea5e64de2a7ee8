//! Messages without what is not to be kept: before anything else sees them.

use crate::model::{Body, HashKey, Message, Object, Value};
use crate::segment::Schema;
use crate::segment::tags::Stored;
use hashbrown::HashSet;
use std::borrow::Cow;
use std::sync::Arc;

/// Takes out of messages what the schema says is dropped, or does not declare where it is closed, and puts hashes where it
/// says so.
#[derive(Debug)]
pub(crate) struct Minimiser {
    schema: Arc<Schema>,
    key: HashKey,
    /// Whether any attribute is not kept as it is.
    by_attribute: bool,
    /// Events with properties that are not kept as they are; where the schema is closed it may be any.
    by_event: HashSet<Box<str>, ahash::RandomState>,
}

impl Minimiser {
    pub(crate) fn new(schema: Arc<Schema>) -> Minimiser {
        let mut tags = schema.attribute_tags.values().chain(schema.prefix_tags.values());
        let by_attribute = schema.closed || tags.any(|tags| tags.stored != Stored::Plain);
        let by_event = schema.events.iter().filter(|(_, event)| {
            let mut tags = event.tags.values();
            tags.any(|tags| tags.stored != Stored::Plain)
        });
        let by_event = by_event.map(|(name, _)| name.clone()).collect();
        Minimiser { key: schema.hash_key.clone().unwrap_or_default(), by_attribute, by_event, schema }
    }

    /// The message as it may be kept. One look into a table where nothing of it is to be changed; else linear in its
    /// size.
    pub(crate) fn minimise<'m>(&self, message: &'m Message) -> Cow<'m, Message> {
        if let Some((event, _)) = message.event() {
            if !self.schema.closed && !self.by_event.contains(event) {
                return Cow::Borrowed(message);
            }
            let stored = |name: &str| self.schema.property_stored_of(event, name);
            let mut message = message.clone();
            message.context = self.object("context.", &message.context, &stored);
            match &mut message.body {
                Body::Track { properties, .. } => *properties = self.object("", properties, &stored),
                Body::Page { name, properties } | Body::Screen { name, properties } => {
                    *properties = self.object("", properties, &stored);
                    *name = match (stored("name"), name.take()) {
                        (Some(Stored::Plain), name) => name,
                        (Some(Stored::Hash), Some(name)) => Some(self.key.hash(&name).into()),
                        _ => None,
                    };
                }
                _ => {}
            }
            return Cow::Owned(message);
        }
        if !self.by_attribute || !matches!(message.body, Body::Identify { .. } | Body::Group { .. }) {
            return Cow::Borrowed(message);
        }
        let stored = |name: &str| self.schema.attribute_stored(name);
        let mut message = message.clone();
        match &mut message.body {
            Body::Identify { traits } => *traits = self.object("", traits, &stored),
            Body::Group { traits, .. } => *traits = self.object("group.", traits, &stored),
            _ => {}
        }
        Cow::Owned(message)
    }

    /// An object of which each value is as its dotted name says; of what is not declared only what is below may be.
    fn object(&self, prefix: &str, object: &Object, stored: &dyn Fn(&str) -> Option<Stored>) -> Object {
        let mut kept = Object::new();
        for (name, value) in object.iter() {
            let dotted = format!("{prefix}{name}");
            let below = |inner| self.object(&format!("{dotted}."), inner, stored);
            let value = match (stored(&dotted), value) {
                (Some(Stored::Hash), value) => self.hash(value),
                (Some(Stored::Plain), Value::Object(inner)) => Value::Object(below(inner)),
                (Some(Stored::Plain), value) => value.clone(),
                (None, Value::Object(inner)) => match below(inner) {
                    inner if inner.is_empty() => continue,
                    inner => Value::Object(inner),
                },
                (Some(Stored::Drop) | None, _) => continue,
            };
            kept.set(name, value);
        }
        kept
    }

    /// The hash of a value, and of each within it; null unsets, so it stays.
    pub(crate) fn hash(&self, value: &Value) -> Value {
        let text = match value {
            Value::Null => return Value::Null,
            Value::String(text) => text.to_string(),
            Value::Bool(value) => value.to_string(),
            Value::Int(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            Value::Instant(at) => at.to_string(),
            Value::Geo(geo) => format!("{},{}", geo.lat, geo.lon),
            Value::List(list) => return Value::List(list.iter().map(|value| self.hash(value)).collect()),
            Value::Object(object) => {
                let mut hashed = Object::new();
                object.iter().for_each(|(name, value)| hashed.set(name, self.hash(value)));
                return Value::Object(hashed);
            }
        };
        Value::from(self.key.hash(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::{Kind, Tags};

    /// What is written, as JSON, and what is left of it.
    #[test]
    fn what_is_left_of_a_message() {
        let mut schema = Schema::lenient();
        let tags = |stored| Tags { stored, ..Tags::default() };
        schema.hash_key("no key for real use");
        for (name, stored) in [
            ("email", Stored::Hash),
            ("ssn", Stored::Drop),
            ("contact.*", Stored::Drop),
            ("contact.country", Stored::Plain),
            ("group.vat", Stored::Hash),
        ] {
            schema.attribute(name, Kind::String).tag_attribute(name, tags(stored));
        }
        for (event, name, stored) in [
            ("order", "card", Stored::Drop),
            ("order", "to.phone", Stored::Hash),
            ("order", "context.ip", Stored::Drop),
            ("page", "name", Stored::Hash),
            ("screen", "name", Stored::Drop),
        ] {
            schema.property(event, name, Kind::String).tag_property(event, name, tags(stored));
        }
        let hash = |text: &str| HashKey::new("no key for real use").hash(text);
        let minimiser = Minimiser::new(Arc::new(schema));
        let (a, b, seven) = (hash("a@b.c"), hash("12"), hash("7"));
        for (given, kept) in [
            (
                r#"{"type":"identify","userId":"u","traits":{"email":"a@b.c","ssn":"1","plan":"pro"}}"#,
                format!(r#"{{"type":"identify","userId":"u","traits":{{"email":"{a}","plan":"pro"}}}}"#),
            ),
            (
                r#"{"type":"identify","userId":"u","traits":{"email":null,"contact":{"phone":"1","country":"FR"}}}"#,
                r#"{"type":"identify","userId":"u","traits":{"email":null,"contact":{"country":"FR"}}}"#
                    .into(),
            ),
            (
                r#"{"type":"identify","userId":"u","traits":{"email":["a@b.c",7,null],"contact.phone":"1"}}"#,
                format!(r#"{{"type":"identify","userId":"u","traits":{{"email":["{a}","{seven}",null]}}}}"#),
            ),
            (
                r#"{"type":"group","userId":"u","groupId":"g","traits":{"vat":"12","email":"x"}}"#,
                format!(
                    r#"{{"type":"group","userId":"u","groupId":"g","traits":{{"vat":"{b}","email":"x"}}}}"#
                ),
            ),
            (
                r#"{"type":"track","userId":"u","event":"order","properties":{"card":{"no":1},"to":{"phone":"12"},"n":1},"context":{"ip":"::1","os":"x"}}"#,
                format!(
                    r#"{{"type":"track","userId":"u","event":"order","properties":{{"to":{{"phone":"{b}"}},"n":1}},"context":{{"os":"x"}}}}"#
                ),
            ),
            (
                r#"{"type":"track","userId":"u","event":"order","properties":{"to.phone":"12"}}"#,
                format!(
                    r#"{{"type":"track","userId":"u","event":"order","properties":{{"to.phone":"{b}"}}}}"#
                ),
            ),
            (
                r#"{"type":"page","userId":"u","name":"12","properties":{}}"#,
                format!(r#"{{"type":"page","userId":"u","name":"{b}","properties":{{}}}}"#),
            ),
            (
                r#"{"type":"screen","userId":"u","name":"12","properties":{}}"#,
                r#"{"type":"screen","userId":"u","properties":{}}"#.into(),
            ),
            (
                r#"{"type":"track","userId":"u","event":"view","properties":{"card":"1"}}"#,
                r#"{"type":"track","userId":"u","event":"view","properties":{"card":"1"}}"#.into(),
            ),
        ] {
            let given = Message::from_json(given).unwrap();
            assert_eq!(serde_json::to_string(&*minimiser.minimise(&given)).unwrap(), kept);
        }
    }
}
