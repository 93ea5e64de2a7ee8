//! # history: what is known of each user
//! Keeps everything that messages said, in the order in which they arrived. Nothing is summed up
//! here but the latest session: `eval` starts from this each time.

use super::ast::{Definitions, Millis, Record, Value};
use super::identity::{Owners, ProfileId};
use super::message::Message;
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

/// All that is known of one user or visitor.
#[derive(Clone, Debug, Default)]
pub(crate) struct User {
    /// In order of arrival.
    pub(crate) events: Vec<Event>,
    /// In order of arrival.
    assignments: Vec<Assignment>,
    /// The latest session. It cannot be told from the events alone: profiles that turn out to be one
    /// user had sessions of their own, and the gap may have been another one.
    pub(crate) session: Option<Session>,
}

/// The latest session, over or not.
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
        self.assignment(name).map_or(Value::Missing, |a| a.value.clone())
    }

    fn assignment(&self, name: &str) -> Option<&Assignment> {
        self.assignments.iter().filter(|a| a.name == name).max_by_key(|a| a.at)
    }

    fn assign(&mut self, at: Millis, traits: Vec<(String, Value)>) {
        let assignments = traits.into_iter().map(|(name, value)| Assignment { at, name, value });
        self.assignments.extend(assignments);
    }

    fn note(&mut self, event: Event, gap: i64) {
        let at = event.at;
        self.events.push(event);
        self.session = Some(match self.session {
            None => Session { number: 1, first: at, last: at, events: 1 },
            Some(s) if at >= s.last + gap => Session { number: s.number + 1, first: at, last: at, events: 1 },
            Some(s) if at >= s.first => Session { last: s.last.max(at), events: s.events + 1, ..s },
            Some(s) => s,
        });
    }

    /// Takes over what is known of a visitor who turns out to be this user. Of attributes written at
    /// the same instant the own one stays.
    fn absorb(&mut self, visitor: User, gap: i64) {
        let names: BTreeSet<&String> = visitor.assignments.iter().map(|a| &a.name).collect();
        for theirs in names.into_iter().filter_map(|name| visitor.assignment(name)) {
            if self.assignment(&theirs.name).is_none_or(|own| own.at != theirs.at) {
                self.assignments.push(theirs.clone());
            }
        }
        self.events.extend(visitor.events);
        self.events.sort_by_key(|event| event.arrival);
        self.session = match (self.session, visitor.session) {
            (Some(own), Some(theirs)) => Some(own.merged(theirs, gap)),
            (own, theirs) => own.or(theirs),
        };
    }
}

impl Session {
    /// The latest session of two profiles of one user. Where the latest ones touch they are one;
    /// older ones are counted, not compared.
    fn merged(self, other: Session, gap: i64) -> Session {
        let (early, late) =
            if (self.last, self.first) <= (other.last, other.first) { (self, other) } else { (other, self) };
        let number = early.number + late.number;
        if late.first >= early.last + gap {
            return Session { number, ..late };
        }
        Session {
            number: number - 1,
            first: early.first.min(late.first),
            last: late.last,
            events: early.events + late.events,
        }
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

/// Everyone of whom there was a message.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// By number; see [`History::in_order`].
    users: BTreeMap<ProfileId, User>,
    owners: Owners,
    seen: BTreeSet<String>,
    arrivals: usize,
}

impl History {
    /// Everyone with their name, in the order in which §6 reports them: ids by bytes.
    pub(crate) fn in_order(&self) -> Vec<(&str, ProfileId, &User)> {
        let mut all: Vec<(&str, ProfileId, &User)> =
            self.users.iter().map(|(id, user)| (self.name(*id), *id, user)).collect();
        all.sort_by_key(|(name, id, _)| (*name, *id));
        all
    }

    /// The user's id; of a visitor, the device's.
    pub(crate) fn name(&self, id: ProfileId) -> &str {
        self.owners.name(id)
    }

    /// Whether a message changes nothing, not even the clock: an alias that would join two users.
    pub(crate) fn refuses(&self, message: &Message) -> bool {
        let previous =
            message.field("previousId").filter(|previous| message.field("userId") != Some(previous));
        previous.is_some_and(|previous| self.owners.is_user(previous))
    }

    /// Applies a message by its own instant; one whose `messageId` was seen changes nothing.
    /// Gives those who are no longer there: forgotten, or absorbed by another.
    pub(crate) fn apply(&mut self, definitions: &Definitions, message: &Message) -> Vec<ProfileId> {
        if let Some(id) = message.field("messageId")
            && !self.seen.insert(id.to_owned())
        {
            return Vec::new();
        }
        let (user, device) = (message.field("userId"), message.field("anonymousId"));
        if message.string("type") == "forget" {
            return self
                .owners
                .forget(user, device)
                .into_iter()
                .inspect(|id| drop(self.users.remove(id)))
                .collect();
        }
        let resolved = self.owners.resolve(user, message.field("previousId").or(device));
        let absorbed = resolved.absorbed.and_then(|id| self.users.remove(&id));
        let user = self.users.entry(resolved.id).or_default();
        if let Some(visitor) = absorbed {
            user.absorb(visitor, definitions.gap());
        }
        self.arrivals += 1;
        match message.string("type") {
            "track" | "page" | "screen" => {
                user.note(message.event(definitions, self.arrivals), definitions.gap());
            }
            "identify" => user.assign(message.at, message.traits(definitions, "")),
            "group" => {
                let id = Value::Text(message.string("groupId").to_owned());
                user.assign(message.at, vec![("group.id".to_owned(), id)]);
                user.assign(message.at, message.traits(definitions, "group."));
            }
            "alias" => {}
            other => panic!("the generator writes no `{other}`"),
        }
        resolved.absorbed.into_iter().collect()
    }
}
