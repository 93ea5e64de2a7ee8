//! How long what is known of a user may be kept.

use crate::model::{Duration, Instant};
use crate::profile::event_rows::Row;
use crate::profile::{Applied, EventKind, Keep, Packed, Profile, ProfileStore, Symbol, Symbols, UserKey};
use std::collections::BTreeMap;

/// How long things may be kept, as definitions say. What is not named stays as long as definitions look back at it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Retention {
    /// By name of the event.
    pub(crate) events: BTreeMap<Box<str>, Duration>,
    /// Of all other events.
    pub(crate) other_events: Option<Duration>,
    /// By name of the event and of the property.
    pub(crate) properties: BTreeMap<Box<str>, BTreeMap<Box<str>, Duration>>,
    /// By name of the attribute; `budget.*` is every name under `budget.`.
    pub(crate) attributes: BTreeMap<Box<str>, Duration>,
    /// A visitor of whom nothing is heard.
    pub(crate) anonymous: Option<Duration>,
    /// A user of whom nothing is heard.
    pub(crate) idle: Option<Duration>,
}

impl Retention {
    /// Of the events of a name.
    pub(crate) fn event(&self, name: &str) -> Option<Duration> {
        self.events.get(name).copied().or(self.other_events)
    }

    /// Of whatever event the shortest, with its name where it has one.
    pub(crate) fn shortest_event(&self) -> Option<(Option<&str>, Duration)> {
        let named = self.events.iter().map(|(name, age)| (Some(&**name), *age));
        named.chain(self.other_events.map(|age| (None, age))).min_by_key(|(_, age)| *age)
    }

    /// Of the values of a property, where that is not as long as of its event.
    pub(crate) fn property(&self, event: &str, name: &str) -> Option<Duration> {
        self.properties.get(event)?.get(name).copied()
    }

    /// The paths of an event's properties that are not kept as long as it, with how long they are.
    pub(crate) fn values(&self, event: &str) -> impl Iterator<Item = (&str, Duration)> {
        self.properties.get(event).into_iter().flatten().map(|(path, age)| (&**path, *age))
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<Duration> {
        let ancestors = name.rmatch_indices('.').map(|(dot, _)| format!("{}.*", &name[..dot]));
        let known = |name: &str| self.attributes.get(name).copied();
        known(name).or_else(|| ancestors.filter_map(|name| known(&name)).next())
    }

    /// Of whatever attribute the shortest.
    pub(crate) fn shortest_attribute(&self) -> Option<Duration> {
        self.attributes.values().min().copied()
    }

    /// Whether any event may be kept for a time only, or a value of one.
    pub(crate) fn is_of_events(&self) -> bool {
        !self.events.is_empty() || self.other_events.is_some() || !self.properties.is_empty()
    }

    /// Whether events and attributes may be kept for ever.
    pub(crate) fn is_for_ever(&self) -> bool {
        !self.is_of_events() && self.attributes.is_empty()
    }

    fn profile(&self, has_user_id: bool) -> Option<Duration> {
        if has_user_id { self.idle } else { self.anonymous }
    }
}

impl ProfileStore {
    /// When the first of what was noted may be kept no longer.
    pub(crate) fn expiry(&self, applied: &Applied) -> Instant {
        if self.keep.retention.is_for_ever() {
            return Instant::MAX;
        }
        let at = Instant::from_millis(applied.at);
        let events = applied.events.iter().flat_map(|(kind, start)| {
            let kind = self.keep.kind(*kind);
            let columns = kind.columns.iter().zip(&applied.values[*start..]);
            let values = columns.filter_map(|(column, value)| column.ttl.filter(|_| !value.is_missing()));
            values.chain(kind.retention)
        });
        let retention = &self.keep.retention;
        let names = applied.attributes.iter().filter(|_| !retention.attributes.is_empty());
        let attributes = names.filter_map(|(name, _)| retention.attribute(self.symbols.text(*name)));
        events.chain(attributes).min().map_or(Instant::MAX, |age| at + age)
    }

    /// When a user who is not heard of any more may be kept no longer.
    pub(crate) fn idle_end(&self, user: UserKey) -> Instant {
        let profile = self.get(user);
        let age = self.keep.retention.profile(profile.has_user_id);
        age.map_or(Instant::MAX, |age| profile.last_seen + age)
    }

    /// When the first of what is kept of a user may be kept no longer. O(what is kept).
    pub(crate) fn next_expiry(&self, user: UserKey) -> Instant {
        let profile = self.get(user);
        let parts = profile.parts().iter().map(|part| &part.profile);
        let ends = parts.chain([profile]).filter_map(|profile| self.first_end(profile, |_| true, |_| true));
        ends.min().unwrap_or(Instant::MAX)
    }

    /// A user as known at an instant up to which nothing but time passes: without what may be kept no longer by then. Nothing
    /// where that is all there is. Its values have no shares of their own, so it is to be looked at only. O(what is kept).
    pub(crate) fn kept_at(&self, user: UserKey, now: Instant) -> Option<Profile> {
        let ProfileStore { keep, symbols, .. } = self;
        if !has_come(self.end_of(self.get(user), |_| true, |_| true), now) {
            return None;
        }
        let mut profile = self.unfolded(user).clone();
        let is_over = |at: Instant, age: Option<Duration>| age.is_some_and(|age| has_come(at + age, now));
        let at = |row: Row| Instant::from_millis(row.at());
        let history = &mut profile.history;
        history.extract(keep, |row| is_over(at(*row), keep.kind(row.kind()).retention), |_, _| {});
        history.blank(keep, |row, place| is_over(at(row), keep.kind(row.kind()).ttl(place)), |_, _, _| {});
        let age = |name: Symbol| keep.retention.attribute(symbols.text(name));
        let mut has_zone = true;
        profile.attributes.extract(
            |attribute| is_over(attribute.written, age(attribute.name)),
            |attribute| has_zone &= attribute.name != self.timezone,
        );
        if !has_zone {
            profile.zone = 0;
        }
        Some(profile)
    }

    /// When the first of what a profile has may be kept no longer, of some kinds of events and attributes. O(what is kept).
    pub(crate) fn end_of(
        &self,
        profile: &Profile,
        is_event: impl Fn(EventKind) -> bool,
        is_attribute: impl Fn(Symbol) -> bool,
    ) -> Instant {
        if self.keep.retention.is_for_ever() {
            return Instant::MAX;
        }
        self.first_end(profile, is_event, is_attribute).unwrap_or(Instant::MAX)
    }

    fn first_end(
        &self,
        profile: &Profile,
        is_event: impl Fn(EventKind) -> bool,
        is_attribute: impl Fn(Symbol) -> bool,
    ) -> Option<Instant> {
        let end = |at: Instant, age: Option<Duration>| Some(at + age?);
        let history = profile.history.glance();
        let rows = history.rows().iter().filter(|row| is_event(row.kind()));
        let events = rows.flat_map(|row| {
            let kind = self.keep.kind(row.kind());
            let at = Instant::from_millis(row.at());
            let columns = kind.columns.iter().zip(history.values_from(*row));
            let values = columns.filter(|(_, value)| !value.is_missing());
            values.filter_map(move |(column, _)| end(at, column.ttl)).chain(end(at, kind.retention))
        });
        let retention = &self.keep.retention;
        let named = profile.attributes.iter().filter(|_| !retention.attributes.is_empty());
        let named = named.filter(|attribute| is_attribute(attribute.name));
        let attributes = named.filter_map(|a| end(a.written, retention.attribute(self.symbols.text(a.name))));
        events.chain(attributes).min()
    }

    /// Drops the events, values and attributes of a user that may be kept no longer, and notes them as things that happened,
    /// those of one instant together. Gives when the next ones may not. O(what is kept of the user).
    pub(crate) fn expire(&mut self, user: UserKey, now: Instant, out: &mut Vec<Applied>) -> Instant {
        let ProfileStore { keep, symbols, profiles, rings, .. } = self;
        let profile = profiles.get_mut(user);
        let mut next = Instant::MAX;
        let mut is_over = |at: Instant, age: Option<Duration>| {
            let end = age.map_or(Instant::MAX, |age| at + age);
            next = if end > now { next.min(end) } else { next };
            has_come(end, now)
        };
        let mut is_less = profile.history.extract(
            keep,
            |row| is_over(Instant::from_millis(row.at()), keep.kind(row.kind()).retention),
            |row, values| note_over(out, row, values),
        );
        is_less |= profile.history.blank(
            keep,
            |row, place| is_over(Instant::from_millis(row.at()), keep.kind(row.kind()).ttl(place)),
            |row, before, after| {
                // Of what stays both have shares of their own.
                let stays = after.iter().filter(|value| !value.is_missing());
                stays.for_each(|value| {
                    symbols.share(*value);
                    symbols.share(*value);
                });
                note_over(out, row, before);
                note_over(out, row, after);
            },
        );
        if is_less {
            rings.remove(&user);
        }
        if !keep.retention.attributes.is_empty() {
            let mut over = Applied::over(now.as_millis());
            let mut names = Vec::new();
            profile.attributes.extract(
                |attribute| {
                    is_over(attribute.written, keep.retention.attribute(symbols.text(attribute.name)))
                },
                |attribute| {
                    names.push(attribute.name);
                    // One that was unset is no change, but it goes too.
                    if !attribute.value.is_missing() {
                        over.attributes.push((attribute.name, attribute.value));
                    }
                },
            );
            if !names.is_empty() {
                // Their shares are given back with the values, once nobody asks for the names.
                over.values.extend(names.iter().map(|name| name.packed()));
                out.push(over);
            }
            if names.contains(&self.timezone) {
                self.refresh_zone(user);
            }
        }
        let ProfileStore { keep, symbols, profiles, .. } = self;
        let parts = profiles.get_mut(user).lineage.iter_mut().flat_map(|lineage| lineage.parts_mut());
        parts.fold(next, |next, part| next.min(expire_part(&mut part.profile, now, keep, symbols)))
    }
}

/// Whether an end has come. [`Instant::MAX`] stands for none, and so it does not come where a clock says that.
pub(crate) fn has_come(end: Instant, now: Instant) -> bool {
    end <= now && end != Instant::MAX
}

/// Notes an event that is no more, or not as it was. The shares of its values pass on.
fn note_over(out: &mut Vec<Applied>, row: Row, values: &[Packed]) {
    if out.last().is_none_or(|over| over.at != row.at()) {
        out.push(Applied::over(row.at()));
    }
    if let Some(over) = out.last_mut() {
        over.events.push((row.kind(), over.values.len()));
        over.values.extend_from_slice(values);
    }
}

/// Drops what may be kept no longer from a part of a profile: what that changes is told of the whole. Gives when the next
/// may not.
fn expire_part(part: &mut Profile, now: Instant, keep: &Keep, symbols: &mut Symbols) -> Instant {
    let mut next = Instant::MAX;
    let mut is_over = |at: Instant, age: Option<Duration>| {
        let end = age.map_or(Instant::MAX, |age| at + age);
        next = if end > now { next.min(end) } else { next };
        has_come(end, now)
    };
    let mut values: Vec<Packed> = Vec::new();
    part.history.extract(
        keep,
        |row| is_over(Instant::from_millis(row.at()), keep.kind(row.kind()).retention),
        |_, own| values.extend_from_slice(own),
    );
    part.history.blank(
        keep,
        |row, place| is_over(Instant::from_millis(row.at()), keep.kind(row.kind()).ttl(place)),
        |_, before, after| {
            let gone = before.iter().zip(after).filter(|(_, after)| after.is_missing());
            values.extend(gone.map(|(before, _)| *before));
        },
    );
    part.attributes.extract(
        |attribute| is_over(attribute.written, keep.retention.attribute(symbols.text(attribute.name))),
        |attribute| values.extend([attribute.name.packed(), attribute.value]),
    );
    values.into_iter().for_each(|value| symbols.release(value));
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_counts() {
        let days = |n| Some(Duration::days(n));
        let names = [("email", 1), ("budget.*", 2), ("budget.home.*", 3), ("budget.home.tv", 4)];
        let attributes = names.into_iter().map(|(name, n)| (name.into(), Duration::days(n))).collect();
        let retention = Retention { attributes, ..Retention::default() };
        for (name, expected) in [
            ("email", days(1)),
            ("emails", None),
            ("budget", None),
            ("budget.car", days(2)),
            ("budget.home", days(2)),
            ("budget.home.sofa", days(3)),
            ("budget.home.tv", days(4)),
            ("budget.home.tv.size", days(3)),
        ] {
            assert_eq!(retention.attribute(name), expected, "{name}");
        }
    }
}
