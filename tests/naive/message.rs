//! # message: lines of the Segment spec
//! What formats.md §1 says of their fields: names with dots, kinds by the schema, points and lists.

use super::ast::{Definitions, Kind, Millis, Record, Value};
use super::history::Event;
use jiff::Timestamp;
use serde_json::{Map, Value as Json};

/// A message, read but not yet applied.
pub(crate) struct Message {
    /// Its own instant, which may lie before the clock.
    pub(crate) at: Millis,
    body: Map<String, Json>,
}

/// Reads one line.
///
/// # Panics
/// When it is not a message that this module knows: the generator writes no other.
pub(crate) fn read(line: &str) -> Message {
    let Ok(Json::Object(body)) = serde_json::from_str(line) else {
        panic!("a generated message is a JSON object: {line}")
    };
    let at = match &body["timestamp"] {
        Json::Number(n) => n.as_i64().expect("whole milliseconds"),
        Json::String(s) => parse_instant(s).expect("an RFC 3339 timestamp"),
        other => panic!("not a timestamp: {other}"),
    };
    Message { at, body }
}

impl Message {
    /// A field that may be absent.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.body.get(name).and_then(Json::as_str)
    }

    /// A field that is a list of texts.
    pub(super) fn texts(&self, name: &str) -> Vec<&str> {
        let list = self.body.get(name).and_then(Json::as_array);
        list.into_iter().flatten().filter_map(Json::as_str).collect()
    }

    /// A field that must be there.
    pub(super) fn string(&self, name: &str) -> &str {
        self.field(name).unwrap_or_else(|| panic!("a generated message has `{name}`"))
    }

    /// What a track, page or screen says was done.
    pub(super) fn event(&self, definitions: &Definitions, arrival: usize) -> Event {
        let name = match self.string("type") {
            "track" => self.string("event"),
            page => page,
        };
        let mut properties = Record::new();
        flatten("", self.body.get("properties"), &mut |property, json| {
            let value = convert(json, definitions.property_kind(name, property));
            properties.insert(property.to_owned(), value);
        });
        if let Some(name) = self.field("name") {
            properties.insert("name".to_owned(), Value::Text(name.to_owned()));
        }
        let mut context = Record::new();
        flatten("", self.body.get("context"), &mut |path, json| {
            context.insert(path.to_owned(), convert(json, None));
        });
        Event { at: self.at, arrival, name: name.to_owned(), properties, context, part: 0 }
    }

    /// The attributes that an identify or a group sets, below a prefix; unset ones are missing.
    pub(super) fn traits(&self, definitions: &Definitions, prefix: &str) -> Vec<(String, Value)> {
        let mut traits = Vec::new();
        flatten(prefix, self.body.get("traits"), &mut |name, json| {
            traits.push((name.to_owned(), convert(json, definitions.attribute_kind(name))));
        });
        traits
    }
}

/// Nested objects become dotted names; geo points stay whole.
fn flatten(prefix: &str, json: Option<&Json>, visit: &mut impl FnMut(&str, &Json)) {
    let Some(Json::Object(object)) = json else {
        return;
    };
    for (name, inner) in object {
        let path = format!("{prefix}{name}");
        if inner.is_object() && geo(inner).is_none() {
            flatten(&format!("{path}."), Some(inner), visit);
        } else {
            visit(&path, inner);
        }
    }
}

/// What a value of a message is in the language. One that does not fit its kind stays as it is.
fn convert(json: &Json, kind: Option<&Kind>) -> Value {
    match json {
        Json::Null => Value::Missing,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => match n.as_i64() {
            Some(int) => Value::Int(int),
            None => n.as_f64().map_or(Value::Missing, Value::Float),
        },
        Json::String(s) if kind == Some(&Kind::Instant) => {
            parse_instant(s).map_or_else(|| Value::Text(s.clone()), Value::Instant)
        }
        Json::String(s) => Value::Text(s.clone()),
        Json::Object(_) => geo(json).unwrap_or(Value::Missing),
        Json::Array(items) => match kind {
            Some(Kind::Rows(fields)) => Value::Rows(items.iter().filter_map(|i| row(i, fields)).collect()),
            _ => Value::List(
                items
                    .iter()
                    .filter(|i| !i.is_null() && !i.is_object() && !i.is_array())
                    .map(|i| convert(i, None))
                    .collect(),
            ),
        },
    }
}

fn row(json: &Json, fields: &[(String, Kind)]) -> Option<Record> {
    let object = json.as_object()?;
    let declared =
        fields.iter().filter_map(|(name, kind)| Some((name.clone(), convert(object.get(name)?, Some(kind)))));
    Some(declared.collect())
}

fn geo(json: &Json) -> Option<Value> {
    Some(Value::Geo(json.get("lat")?.as_f64()?, json.get("lon")?.as_f64()?))
}

fn parse_instant(s: &str) -> Option<Millis> {
    s.parse::<Timestamp>().ok().map(|t| t.as_millisecond())
}
