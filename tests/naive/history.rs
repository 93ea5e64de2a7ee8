//! # history: what is known of each user
//! Reads messages of the Segment spec (formats.md §1) and keeps all of them, in the order in which
//! they arrived. Nothing is summed up here: `eval` starts from this each time.
//! Deliberately absent: alias, forget, anonymous profiles, rejected messages.

use super::ast::{Definitions, Kind, Millis, Record, Value};
use jiff::Timestamp;
use serde_json::{Map, Value as Json};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// A track, page or screen.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// Its own instant.
    pub(crate) at: Millis,
    /// Its place in the order of arrival, over all users.
    pub(crate) arrival: usize,
    /// `page` and `screen` for those.
    pub(crate) name: String,
    /// By dotted name.
    pub(crate) properties: Record,
    /// By dotted name.
    pub(crate) context: Record,
}

/// One attribute set, or unset with `Value::Missing`, by one message.
#[derive(Clone, Debug)]
struct Assignment {
    at: Millis,
    name: String,
    value: Value,
}

/// All that is known of one user.
#[derive(Clone, Debug, Default)]
pub(crate) struct User {
    /// In order of arrival.
    pub(crate) events: Vec<Event>,
    /// In order of arrival.
    assignments: Vec<Assignment>,
}

/// The session that the user's events make, over or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    /// 1 for the first.
    pub(crate) number: i64,
    /// Instant of the event that began it.
    pub(crate) first: Millis,
    /// Instant of the latest event.
    pub(crate) last: Millis,
    /// Number of its events, late ones included.
    pub(crate) events: i64,
}

impl User {
    /// The value set by the latest message that names it; of equals, the later arrival.
    pub(crate) fn attribute(&self, name: &str) -> Value {
        let named = self.assignments.iter().filter(|a| a.name == name);
        named.max_by_key(|a| a.at).map_or(Value::Missing, |a| a.value.clone())
    }

    /// The current or most recent session.
    pub(crate) fn session(&self, gap: i64) -> Option<Session> {
        let mut current: Option<Session> = None;
        for event in &self.events {
            let at = event.at;
            current = Some(match current {
                None => Session { number: 1, first: at, last: at, events: 1 },
                Some(s) if at >= s.last + gap => {
                    Session { number: s.number + 1, first: at, last: at, events: 1 }
                }
                Some(s) if at >= s.first => Session { last: s.last.max(at), events: s.events + 1, ..s },
                Some(s) => s,
            });
        }
        current
    }
}

/// The value of a property by which events are parted (§10).
#[derive(Clone, Debug)]
pub(crate) enum Key {
    /// Numbers come first.
    Number(f64),
    /// Then strings, by bytes.
    Text(String),
}

impl Key {
    /// The key for a value, if it is a string or a number.
    pub(crate) fn of(value: &Value) -> Option<Key> {
        match value {
            Value::Int(n) => Some(Key::Number(*n as f64)),
            Value::Float(x) => Some(Key::Number(*x)),
            Value::Text(s) => Some(Key::Text(s.clone())),
            _ => None,
        }
    }

    /// The value again; whole numbers as integers.
    pub(crate) fn value(&self) -> Value {
        match self {
            Key::Number(x) if x.fract() == 0.0 && x.abs() < 9e15 => Value::Int(*x as i64),
            Key::Number(x) => Value::Float(*x),
            Key::Text(s) => Value::Text(s.clone()),
        }
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Key) -> Ordering {
        match (self, other) {
            (Key::Number(a), Key::Number(b)) => a.total_cmp(b),
            (Key::Number(_), Key::Text(_)) => Ordering::Less,
            (Key::Text(_), Key::Number(_)) => Ordering::Greater,
            (Key::Text(a), Key::Text(b)) => a.cmp(b),
        }
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Key) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Key {}

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

/// All users by id. `BTreeMap` orders strings by bytes, as §6 orders users.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// Everyone of whom there was a message.
    pub(crate) users: BTreeMap<String, User>,
    seen: BTreeSet<String>,
    arrivals: usize,
}

impl History {
    /// Applies a message by its own instant; one whose `messageId` was seen changes nothing.
    pub(crate) fn apply(&mut self, definitions: &Definitions, message: &Message) {
        let Message { at, body } = message;
        if let Some(id) = body.get("messageId").and_then(Json::as_str)
            && !self.seen.insert(id.to_owned())
        {
            return;
        }
        self.arrivals += 1;
        let user = self.users.entry(string(body, "userId")).or_default();
        match string(body, "type").as_str() {
            "track" => {
                let name = string(body, "event");
                user.events.push(event(definitions, *at, self.arrivals, name, body));
            }
            page @ ("page" | "screen") => {
                let mut event = event(definitions, *at, self.arrivals, page.to_owned(), body);
                event.properties.insert("name".to_owned(), Value::Text(string(body, "name")));
                user.events.push(event);
            }
            "identify" => user.assign(definitions, *at, "", body.get("traits")),
            "group" => {
                let id = Value::Text(string(body, "groupId"));
                user.assignments.push(Assignment { at: *at, name: "group.id".to_owned(), value: id });
                user.assign(definitions, *at, "group.", body.get("traits"));
            }
            other => panic!("the generator writes no `{other}`"),
        }
    }
}

impl User {
    fn assign(&mut self, definitions: &Definitions, at: Millis, prefix: &str, traits: Option<&Json>) {
        flatten(prefix, traits, &mut |name, json| {
            let value = convert(json, definitions.attribute_kind(name));
            self.assignments.push(Assignment { at, name: name.to_owned(), value });
        });
    }
}

fn event(
    definitions: &Definitions,
    at: Millis,
    arrival: usize,
    name: String,
    body: &Map<String, Json>,
) -> Event {
    let mut properties = Record::new();
    flatten("", body.get("properties"), &mut |property, json| {
        let value = convert(json, definitions.property_kind(&name, property));
        properties.insert(property.to_owned(), value);
    });
    let mut context = Record::new();
    flatten("", body.get("context"), &mut |path, json| {
        context.insert(path.to_owned(), convert(json, None));
    });
    Event { at, arrival, name, properties, context }
}

fn string(body: &Map<String, Json>, name: &str) -> String {
    let value = body.get(name).and_then(Json::as_str);
    value.unwrap_or_else(|| panic!("a generated message has `{name}`")).to_owned()
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
