//! # history: what is known of each user
//! Keeps everything that messages said, in the order in which they arrived, and which part of a profile they
//! said it to. Nothing is summed up here but the latest session: `eval` starts from this each time.

use super::ast::{Definitions, Millis, Record, Value};
use super::identity::{Owners, ProfileId, WINDOW, When};
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
    /// The part of its profile that it belongs to.
    pub(crate) part: ProfileId,
}

/// One attribute set, or unset with `Value::Missing`, by one message.
#[derive(Clone, Debug)]
struct Assignment {
    at: Millis,
    arrival: usize,
    part: ProfileId,
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
    /// What it consists of while that can be told apart: nothing, or the own part and others, by number.
    parts: BTreeMap<ProfileId, Part>,
    /// Instant of the latest message.
    last: Option<Millis>,
    /// See [`History::is_unsure`].
    is_unsure: bool,
    /// All sessions before the latest one.
    past: Vec<Session>,
    /// Those since the user was a part, or became one of several.
    since: Vec<Session>,
}

/// A profile within another, as it would be on its own.
#[derive(Clone, Debug)]
struct Part {
    name: String,
    absorbed: Option<Millis>,
    session: Option<Session>,
    last: Option<Millis>,
    past: Vec<Session>,
    since: Vec<Session>,
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
        let own = self.assignments.iter().filter(|a| a.name == name);
        own.max_by_key(|a| (a.at, a.arrival)).map_or(Value::Missing, |a| a.value.clone())
    }

    fn assign(&mut self, (at, arrival, part): (Millis, usize, ProfileId), traits: Vec<(String, Value)>) {
        let assignment = |(name, value)| Assignment { at, arrival, part, name, value };
        self.assignments.extend(traits.into_iter().map(assignment));
    }

    fn note(&mut self, event: Event, gap: i64) {
        let (at, part) = (event.at, event.part);
        self.events.push(event);
        let noted = |session: &mut Option<Session>| {
            let now = Session::noted(*session, at, gap);
            let before = session.filter(|before| before.number < now.number);
            *session = Some(now);
            before
        };
        if let Some(part) = self.parts.get_mut(&part) {
            let before = noted(&mut part.session);
            part.past.extend(before);
            part.since.extend(before);
            self.settle_session(gap);
        } else {
            self.past.extend(noted(&mut self.session));
        }
    }

    fn settle_session(&mut self, gap: i64) {
        if !self.parts.is_empty() {
            let sessions = |past: fn(&Part) -> &[Session]| {
                Session::merged(self.parts.values().filter_map(|part| Some((part.session?, past(part)))), gap)
            };
            // Which ones there were before is known where all events of a part are kept.
            let (all, fewest) = (sessions(|part| &part.past), sessions(|part| &part.since));
            self.is_unsure |= all != fewest;
            self.session = all;
        }
        let Some(whole) = self.session else { return };
        let first = |part: &ProfileId| self.parts.get(part)?.session.map(|session| session.first);
        let is_older = |event: &Event| first(&event.part).is_some_and(|first| event.at < first);
        self.is_unsure |= self.events.iter().any(|event| event.at >= whole.first && is_older(event));
    }

    /// A message came at an instant, to a part where there are any.
    fn seen(&mut self, at: Millis, part: ProfileId) {
        let later = |last: Option<Millis>| Some(last.map_or(at, |last| last.max(at)));
        self.last = later(self.last);
        if let Some(part) = self.parts.get_mut(&part) {
            part.last = later(part.last);
        }
    }

    fn as_part(&self, name: &str, absorbed: Option<Millis>) -> Part {
        let (past, since) = (self.past.clone(), self.since.clone());
        Part { name: name.to_owned(), absorbed, session: self.session, last: self.last, past, since }
    }

    /// Takes over what is known of a visitor who turns out to be this user.
    fn absorb(
        &mut self,
        (id, own): (ProfileId, &str),
        (from, mut visitor): (ProfileId, User),
        name: &str,
        now: Millis,
        gap: i64,
    ) {
        if self.parts.is_empty() {
            self.parts.insert(id, self.as_part(own, None));
        }
        if visitor.parts.is_empty() {
            visitor.parts.insert(from, visitor.as_part(name, None));
        }
        visitor.parts.values_mut().for_each(|part| part.absorbed = Some(now));
        self.parts.append(&mut visitor.parts);
        self.events.extend(visitor.events);
        self.events.sort_by_key(|event| event.arrival);
        self.assignments.extend(visitor.assignments);
        self.assignments.sort_by_key(|assignment| assignment.arrival);
        self.last = self.last.max(visitor.last);
        self.settle_session(gap);
    }

    /// A part is the own one's from now on.
    fn fold(&mut self, id: ProfileId, part: ProfileId, gap: i64) {
        let Some(gone) = self.parts.remove(&part) else { return };
        if let Some(own) = self.parts.get_mut(&id) {
            let of = |part: &Part| part.session.map(|session| (session, part.past.clone()));
            let both = [of(own), of(&gone)];
            let both = both.iter().flatten().map(|(session, past)| (*session, &**past));
            (own.session, own.past) = Session::together(both, gap);
            own.since.extend(gone.since);
            own.last = own.last.max(gone.last);
        }
        self.events.iter_mut().filter(|event| event.part == part).for_each(|event| event.part = id);
        self.assignments.iter_mut().filter(|a| a.part == part).for_each(|a| a.part = id);
        if self.parts.len() == 1 {
            (self.past, self.since) = (self.parts[&id].past.clone(), Vec::new());
            self.parts.clear();
        }
    }

    /// Takes a part out, as a profile of another number.
    fn split(&mut self, part: ProfileId, new: ProfileId, gap: i64) -> User {
        let gone = self.parts.remove(&part).expect("a part that is named is there");
        let (events, rest) = self.events.drain(..).partition(|event| event.part == part);
        self.events = rest;
        let (assignments, rest) = self.assignments.drain(..).partition(|a| a.part == part);
        self.assignments = rest;
        self.last = self.parts.values().filter_map(|part| part.last).max();
        self.settle_session(gap);
        if self.parts.len() == 1
            && let Some((_, own)) = self.parts.pop_first()
        {
            (self.past, self.since) = (own.past, own.since);
        }
        let Part { session, last, past, since, .. } = gone;
        let is_unsure = self.is_unsure;
        let parts = BTreeMap::new();
        let mut user = User { events, assignments, session, parts, last, is_unsure, past, since };
        user.events.iter_mut().for_each(|event| event.part = new);
        user.assignments.iter_mut().for_each(|a| a.part = new);
        user
    }
}

impl Session {
    /// The session after one more event.
    fn noted(session: Option<Session>, at: Millis, gap: i64) -> Session {
        match session {
            None => Session { number: 1, first: at, last: at, events: 1 },
            Some(s) if at >= s.last + gap => Session { number: s.number + 1, first: at, last: at, events: 1 },
            Some(s) if at >= s.first => Session { last: s.last.max(at), events: s.events + 1, ..s },
            Some(s) => s,
        }
    }

    /// The latest session of profiles of one user, from all that are known of each. Any two that touch are one; others are
    /// counted, not compared.
    fn merged<'a>(of: impl Iterator<Item = (Session, &'a [Session])>, gap: i64) -> Option<Session> {
        Session::together(of, gap).0
    }

    /// The same, with those before it.
    fn together<'a>(
        of: impl Iterator<Item = (Session, &'a [Session])>,
        gap: i64,
    ) -> (Option<Session>, Vec<Session>) {
        let (mut all, mut number) = (Vec::new(), 0);
        for (session, past) in of {
            number += session.number;
            all.push(session);
            all.extend_from_slice(past);
        }
        let touch = |a: &Session, b: &Session| a.first < b.last + gap && b.first < a.last + gap;
        while let Some((a, b)) =
            (0..all.len()).flat_map(|b| (0..b).map(move |a| (a, b))).find(|(a, b)| touch(&all[*a], &all[*b]))
        {
            let (one, other) = (all.remove(b), all[a]);
            all[a] = Session {
                number: 0,
                first: one.first.min(other.first),
                last: one.last.max(other.last),
                events: one.events + other.events,
            };
            number -= 1;
        }
        all.sort_by_key(|session| session.last);
        let latest = all.pop().map(|latest| Session { number, ..latest });
        (latest, all)
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
    /// Whether sessions of two profiles turned out to be one that begins before the latest session of one of them did:
    /// of its older sessions an engine may have kept the events or not, as other definitions ask.
    pub(crate) is_unsure: bool,
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

    /// Whether a name finds a profile: that of a device may be a user's since.
    pub(crate) fn finds(&self, name: &str, id: ProfileId) -> bool {
        self.owners.user(name).is_none_or(|user| user == id)
    }

    /// Whether a message changes nothing, not even the clock: an alias that would join two users, a merge by a device
    /// of another user, a split of what was not absorbed. One that comes twice is no such message.
    pub(crate) fn refuses(&self, message: &Message, now: Millis) -> bool {
        if message.field("messageId").is_some_and(|id| self.seen.contains(id)) {
            return false;
        }
        let user = message.field("userId");
        match (message.string("type"), message.field("previousId"), user) {
            ("alias", Some(previous), _) => {
                user != Some(previous) && {
                    let (own, previous) =
                        (user.and_then(|user| self.owners.user(user)), self.owners.user(previous));
                    previous.is_some() && own != previous
                }
            }
            ("merge", Some(previous), Some(user)) => self.owners.is_device_of_another(previous, user),
            ("split", _, Some(user)) => self.parts_named(user, &message.texts("ids"), now).is_none(),
            _ => false,
        }
    }

    /// The parts of a user that are named by all of their ids; none where that is not so.
    fn parts_named(&self, user: &str, ids: &[&str], now: Millis) -> Option<Vec<ProfileId>> {
        let profile = self.owners.user(user)?;
        let known = &self.users[&profile];
        let own: Vec<(ProfileId, BTreeSet<&str>)> =
            known.parts.keys().map(|part| (*part, self.owners.ids(profile, *part))).collect();
        let mut named = Vec::new();
        for id in ids {
            let parts: Vec<_> = own.iter().filter(|(_, texts)| texts.contains(id)).collect();
            if parts.is_empty() {
                return None;
            }
            for (part, texts) in parts {
                let is_open = known.parts[part].absorbed.is_some_and(|absorbed| now - absorbed < WINDOW);
                if !is_open || texts.iter().any(|text| !ids.contains(text)) {
                    return None;
                }
                named.push(*part);
            }
        }
        named.sort_unstable();
        named.dedup();
        let goes = |part: &ProfileId| named.contains(part);
        let is_left = own.iter().any(|(part, texts)| !goes(part) && !texts.is_empty());
        is_left.then_some(named)
    }

    /// Lets go of what can be undone no longer at an instant.
    pub(crate) fn settle(&mut self, until: Millis, gap: i64) {
        for (id, user) in &mut self.users {
            let is_due = |part: &Part| part.absorbed.is_some_and(|absorbed| until - absorbed >= WINDOW);
            let due: Vec<ProfileId> =
                user.parts.iter().filter(|(_, part)| is_due(part)).map(|(part, _)| *part).collect();
            for part in due {
                user.fold(*id, part, gap);
                self.owners.fold(*id, part);
            }
        }
    }

    /// A part that has no id left can be named no more, and is its profile's own.
    fn settle_nameless(&mut self, gap: i64) {
        for (id, user) in &mut self.users {
            let parts: Vec<ProfileId> = user.parts.keys().copied().filter(|part| part != id).collect();
            for part in parts {
                if self.owners.ids(*id, part).is_empty() {
                    user.fold(*id, part, gap);
                }
            }
        }
    }

    /// Applies a message by its own instant; one whose `messageId` was seen changes nothing.
    /// Gives those who are no longer there: forgotten, or absorbed by another.
    pub(crate) fn apply(
        &mut self,
        definitions: &Definitions,
        message: &Message,
        now: Millis,
    ) -> Vec<ProfileId> {
        let gap = definitions.gap();
        self.settle(now - 1, gap);
        if let Some(id) = message.field("messageId")
            && !self.seen.insert(id.to_owned())
        {
            return Vec::new();
        }
        let (user, device) = (message.field("userId"), message.field("anonymousId"));
        match message.string("type") {
            "forget" => {
                let forgotten = self.owners.forget(user, device, now);
                return forgotten.into_iter().inspect(|id| drop(self.users.remove(id))).collect();
            }
            "split" => {
                let user = user.expect("a split has a user");
                let id = self.owners.user(user).expect("a split that is not refused");
                let parts = self.parts_named(user, &message.texts("ids"), now);
                for part in parts.expect("a split that is not refused") {
                    let known = self.users.get_mut(&id).expect("a profile of each number");
                    let name = known.parts[&part].name.clone();
                    let new = self.owners.split(id, part, &name);
                    let user = known.split(part, new, gap);
                    self.users.insert(new, user);
                }
                return Vec::new();
            }
            _ => {}
        }
        let previous = message.field("previousId");
        let before = self.owners.clone();
        let last = |id| self.users[&id].last.expect("a message made it");
        let when = When { at: message.at, now, gap, last: &last };
        let resolved = match (message.string("type"), previous) {
            ("merge", Some(previous)) => self.owners.merge(user.expect("a merge has a user"), previous),
            // A second name of the same user needs no link.
            ("alias", Some(previous)) if self.owners.is_user(previous) || user == Some(previous) => {
                self.owners.resolve(user, None, &when)
            }
            _ => self.owners.resolve(user, previous.or(device), &when),
        };
        let absorbed = resolved.absorbed.and_then(|id| Some((id, self.users.remove(&id)?)));
        let user = self.users.entry(resolved.id).or_default();
        if let Some(visitor) = absorbed {
            let name = before.name(visitor.0).to_owned();
            user.absorb((resolved.id, before.name(resolved.id)), visitor, &name, now, gap);
        }
        user.seen(message.at, resolved.part);
        self.arrivals += 1;
        let what = (message.at, self.arrivals, resolved.part);
        match message.string("type") {
            "track" | "page" | "screen" => {
                let event = message.event(definitions, self.arrivals);
                user.note(Event { part: resolved.part, ..event }, gap);
            }
            "identify" => user.assign(what, message.traits(definitions, "")),
            "group" => {
                let id = Value::Text(message.string("groupId").to_owned());
                user.assign(what, vec![("group.id".to_owned(), id)]);
                user.assign(what, message.traits(definitions, "group."));
            }
            "alias" | "merge" => {}
            other => panic!("the generator writes no `{other}`"),
        }
        self.settle_nameless(gap);
        self.is_unsure |= self.users.values().any(|user| user.is_unsure);
        resolved.absorbed.into_iter().collect()
    }
}
