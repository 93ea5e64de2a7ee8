use crate::model::{Body, Duration, Instant, Message, Object, Value, Zone};
use crate::profile::affinity::Touch;
use crate::profile::facts::{Fact, consent_value};
use crate::profile::identity::{IdKind, IdTable, IdentityHealth};
use crate::profile::keep::Source;
use crate::profile::link::Linking;
use crate::profile::profile::{Profile, Zones};
use crate::profile::profiles::{Away, Profiles};
use crate::profile::redefine::{Moves, NewKeep};
use crate::profile::{
    AffinityRule, Attributes, EventKind, Keep, Occurrence, Packed, Rings, Symbol, Symbols, TotalId,
};
use hashbrown::HashMap;
use serde::Serialize;
use smallvec::SmallVec;
use smol_str::SmolStr;
use std::sync::Arc;

/// Number of a resident profile. Given again once its user is forgotten.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct UserKey(pub(crate) u32);

/// The profiles of a partition, in memory, and the one owner of their ids, texts and zones.
#[derive(Debug, Clone)]
pub(crate) struct ProfileStore {
    pub(crate) keep: Arc<Keep>,
    pub(crate) rules: Arc<[AffinityRule]>,
    pub(crate) symbols: Symbols,
    pub(crate) zones: Zones,
    pub(super) session_gap: Duration,
    pub(super) timezone: Symbol,
    pub(crate) profiles: Profiles,
    pub(super) ids: IdTable,
    pub(super) linking: Linking,
    /// Of users with long histories.
    pub(super) rings: HashMap<UserKey, Rings, ahash::RandomState>,
    /// Facts for everyone.
    pub(crate) world: Attributes,
    /// Counts what happens; its low half orders events of one instant.
    pub(crate) arrivals: u64,
}

/// What a message did to a profile.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    /// Kinds of the events it reports, with the values that are kept of each, one after the other.
    pub(crate) events: Vec<(EventKind, usize)>,
    pub(crate) values: Vec<Packed>,
    /// What the events are about that the engine records itself: of the last of `events`, as many.
    pub(crate) own: Vec<Object>,
    /// Attributes that have another value now, each with the one before and its share.
    pub(crate) attributes: Vec<(Symbol, Packed)>,
    /// The instant of the events.
    pub(crate) at: i64,
    /// Order of arrival of what was kept.
    pub(crate) arrival: u32,
    /// Whether it is no more, instead of being new: events as they were, and those of which something stays as they are.
    pub(crate) is_over: bool,
}

impl Applied {
    pub(crate) const fn new() -> Applied {
        Applied {
            events: Vec::new(),
            values: Vec::new(),
            own: Vec::new(),
            attributes: Vec::new(),
            at: 0,
            arrival: 0,
            is_over: false,
        }
    }

    /// What was there at an instant and is no more.
    pub(crate) fn over(at: i64) -> Applied {
        Applied { at, is_over: true, ..Applied::new() }
    }

    /// Forgets the last message and gives back the shares it held.
    pub(crate) fn clear(&mut self, symbols: &mut Symbols) {
        self.values.drain(..).for_each(|value| symbols.release(value));
        self.attributes.drain(..).for_each(|(_, before)| symbols.release(before));
        self.events.clear();
        self.own.clear();
    }
}

impl ProfileStore {
    pub(crate) fn new(
        keep: Arc<Keep>,
        rules: Arc<[AffinityRule]>,
        mut symbols: Symbols,
        zone: Zone,
        session_gap: Duration,
    ) -> ProfileStore {
        let timezone = symbols.intern("timezone");
        ProfileStore {
            keep,
            rules,
            symbols,
            zones: Zones::new(zone),
            session_gap,
            timezone,
            profiles: Profiles::default(),
            ids: IdTable::default(),
            linking: Linking::default(),
            rings: HashMap::default(),
            world: Attributes::default(),
            arrivals: 0,
        }
    }

    pub(crate) fn session_gap(&self) -> Duration {
        self.session_gap
    }

    pub(crate) fn len(&self) -> usize {
        self.profiles.len()
    }

    pub(crate) fn get(&self, user: UserKey) -> &Profile {
        self.profiles.get(user)
    }

    /// A profile whose history is going to be looked at.
    pub(crate) fn unfolded(&self, user: UserKey) -> &Profile {
        self.profiles.unfolded(user)
    }

    pub(crate) fn get_mut(&mut self, user: UserKey) -> &mut Profile {
        self.profiles.get_mut(user)
    }

    /// Which rows of a user's history belong to which source, where that is worked out.
    pub(crate) fn rings(&self, user: UserKey) -> Option<&Rings> {
        self.rings.get(&user)
    }

    pub(crate) fn take_rings(&mut self, user: UserKey) -> Option<Rings> {
        self.rings.remove(&user)
    }

    pub(crate) fn put_rings(&mut self, user: UserKey, rings: Rings) {
        self.rings.insert(user, rings);
    }

    pub(crate) fn zone(&self, profile: &Profile) -> &Zone {
        self.zones.get(profile.zone)
    }

    /// The zone of users who have none.
    pub(crate) fn zone_of_settings(&self) -> &Zone {
        self.zones.get(0)
    }

    /// The profile that an id belongs to: as a user id, else as an anonymous one, else as one of a declared kind.
    pub(crate) fn find(&self, id: &str) -> Option<UserKey> {
        let user = self.ids.owner(IdKind::User, id).or_else(|| self.find_device(id));
        user.or_else(|| self.linking.numbers().find_map(|kind| self.ids.owner(kind, id)))
    }

    /// Whom a message is about in all likelihood, by its first id.
    pub(crate) fn likely(&self, message: &Message) -> Option<UserKey> {
        let user = message.ids.user.as_deref().map(|id| (IdKind::User, id));
        let (kind, id) = user.or_else(|| Some((IdKind::Anonymous, message.ids.anonymous.as_deref()?)))?;
        self.ids.owner(kind, id)
    }

    /// The profile of a device: its visitor's, or that of the user who owns it.
    pub(crate) fn find_device(&self, id: &str) -> Option<UserKey> {
        let number = self.ids.number(IdKind::Anonymous, id)?;
        let visitor = self.linking.devices.get(number).and_then(|device| device.visitor);
        Some(visitor.unwrap_or_else(|| self.ids.owner_of(number)))
    }

    /// The id that outputs show.
    pub(crate) fn name(&self, user: UserKey) -> &SmolStr {
        self.profiles.name(user)
    }

    /// The profiles from a key on, in the order of their keys.
    pub(crate) fn keys_from(&self, first: UserKey) -> impl Iterator<Item = UserKey> + '_ {
        self.profiles.keys_from(first)
    }

    /// All profiles, in the order of their keys.
    pub(crate) fn keys(&self) -> impl Iterator<Item = UserKey> + '_ {
        self.profiles.keys_from(UserKey(0))
    }

    /// The ids of a profile, with what they are, also while it is away.
    pub(crate) fn ids(&self, user: UserKey) -> impl ExactSizeIterator<Item = (IdKind, &str)> {
        self.profiles.ids(user).iter().map(|number| self.ids.entry(*number))
    }

    /// The ids of a profile that is here, or of a part of one, with what they are.
    pub(crate) fn ids_of<'a>(&'a self, profile: &'a Profile) -> impl Iterator<Item = (IdKind, &'a str)> {
        profile.ids.iter().map(|number| self.ids.entry(*number))
    }

    /// Takes a profile out of memory for a time; its name and ids stay.
    pub(crate) fn send_away(&mut self, user: UserKey) {
        self.rings.remove(&user);
        self.profiles.send_away(user).release(&mut self.symbols);
    }

    /// Puts a profile back as it was.
    pub(crate) fn bring_back(&mut self, user: UserKey, profile: Profile) {
        self.profiles.bring_back(user, profile);
        self.refresh_zone(user);
    }

    /// Puts a profile of which nothing is known in the place of one that cannot be read.
    pub(crate) fn bring_back_empty(&mut self, user: UserKey) {
        let name = self.name(user).clone();
        self.bring_back(user, Profile::new(name, false, Instant::MIN));
    }

    /// Makes a user whom a checkpoint names, who is away. Users come in order of their numbers. Gives whether each id is
    /// this one user's.
    pub(crate) fn restore(
        &mut self,
        user: UserKey,
        name: SmolStr,
        own: impl Iterator<Item = (IdKind, SmolStr)>,
    ) -> bool {
        let mut is_sound = true;
        let mut numbers = SmallVec::new();
        for (kind, id) in own {
            match self.ids.insert_new(kind, id, user) {
                Some(number) => numbers.push(number),
                None => is_sound = false,
            }
        }
        self.profiles.restore(user, Away { name, ids: numbers });
        is_sound
    }

    /// Makes room for so many users.
    pub(crate) fn reserve(&mut self, users: usize) {
        self.ids.reserve(users);
    }

    /// A user of whom nothing is known.
    pub(crate) fn nobody(&mut self) -> UserKey {
        self.profiles.add(Profile::new("".into(), false, Instant::MIN))
    }

    /// Applies what a message says to its user's profile; affinities learn of it where `learns`. Aliases and erasure
    /// say nothing of the profile itself.
    pub(crate) fn apply(
        &mut self,
        user: UserKey,
        message: &Message,
        (at, now): (Instant, Instant),
        learns: bool,
        out: &mut Applied,
    ) {
        self.begin(at, out);
        let part = self.part_told(user);
        let Self { keep, rules, symbols, profiles, session_gap, .. } = self;
        if let Some((event, properties)) = message.event() {
            let kind = keep.kind_of(event);
            let mut note = |kind: EventKind, own: &Object, outer: Option<&Object>| {
                let start = out.values.len();
                let source = Source { own, outer, context: &message.context, name: message.page_name() };
                keep.kind(kind).pack(&source, symbols, &mut out.values);
                out.events.push((kind, start));
            };
            note(kind, properties, None);
            for (path, lines) in &keep.kind(kind).lines {
                if let Some(Value::List(list)) = properties.get_path(path) {
                    for line in list {
                        if let Value::Object(line) = line {
                            note(*lines, line, Some(properties));
                        }
                    }
                }
            }
        }
        let when = (at, out.arrival);
        let mut of_part = Vec::new();
        profiles.get_mut(user).each(part, |profile, is_whole| {
            profile.first_seen = profile.first_seen.min(at);
            profile.last_seen = profile.last_seen.max(at);
            for (kind, start) in out.events.iter().filter(|_| learns) {
                let values = &out.values[*start..][..keep.width(*kind)];
                feed_affinities(profile, rules, keep, *kind, values, when, symbols);
            }
            let changed = if is_whole { &mut out.attributes } else { &mut of_part };
            write_traits(&mut profile.attributes, &message.body, when, keep, symbols, changed);
        });
        of_part.into_iter().for_each(|(_, before)| symbols.release(before));
        if !out.events.is_empty() {
            profiles.get_mut(user).note_session(part, at, *session_gap);
            self.keep_events(user, 0, now, out);
            return;
        }
        if matches!(message.body, Body::Identify { .. } | Body::Group { .. }) {
            self.record_changes(user, now, out);
        }
        if out.attributes.iter().any(|(name, _)| *name == self.timezone) {
            self.refresh_zone(user);
        }
    }

    /// Adds events to a user's totals, in order.
    pub(crate) fn note_totals(&mut self, user: UserKey, notes: &[(TotalId, Occurrence)]) {
        let part = self.part_told(user);
        let Self { keep, symbols, profiles, .. } = self;
        profiles.get_mut(user).each(part, |profile, _| {
            profile.totals.note(notes, &keep.totals, symbols);
        });
    }

    /// The same for the profile alone, whatever its parts: what is worked out anew is worked out for each.
    pub(crate) fn note_totals_of_whole(&mut self, user: UserKey, notes: &[(TotalId, Occurrence)]) {
        let Self { keep, symbols, profiles, .. } = self;
        profiles.get_mut(user).totals.note(notes, &keep.totals, symbols);
    }

    /// Writes one attribute of a user, and gives its name and value where that is another one now.
    pub(crate) fn set_attribute(
        &mut self,
        user: UserKey,
        name: &str,
        value: &Value,
    ) -> Option<(Symbol, Packed)> {
        let mut changed = Vec::new();
        let Self { keep, symbols, profiles, .. } = self;
        let profile = profiles.get_mut(user);
        profile.attributes.set(name, value, (profile.last_seen, 0), keep, symbols, &mut changed);
        let (name, before) = changed.pop()?;
        symbols.release(before);
        if name == self.timezone {
            self.refresh_zone(user);
        }
        Some((name, self.get(user).attributes.get(name)))
    }

    pub(super) fn refresh_zone(&mut self, user: UserKey) {
        let packed = self.get(user).attributes.get(self.timezone);
        let number = match self.symbols.value(packed) {
            Value::String(name) => self.zones.number(&name),
            _ => 0,
        };
        self.get_mut(user).zone = number;
    }

    /// Goes on under other definitions. O(all that is kept) where kinds or columns change, else O(users) at most.
    /// Gives whether events are there now that are kept no longer, for [`prune`](ProfileStore::prune).
    pub(crate) fn redefine(&mut self, new: NewKeep, now: Instant) -> bool {
        let moves = Moves::new((&self.keep, &self.rules), (&new.keep, &new.rules));
        let has_new_totals = new.totals.iter().flatten().count() < new.keep.totals.len();
        let prunes = !moves.is_same_shape || moves.asks_for_more || has_new_totals;
        let Self { keep, symbols, profiles, .. } = self;
        let attributes: Vec<_> = moves
            .attributes
            .iter()
            .filter_map(|(name, declared)| Some((symbols.get(name)?, *declared)))
            .collect();
        for profile in profiles.iter_mut() {
            profile.each_part(|profile| {
                if prunes {
                    // What the old definitions see no longer goes, so that what stays does not depend on when that was
                    // looked at last.
                    profile.history.prune(now, &profile.kept_session(), keep, symbols);
                }
                if !moves.is_same_shape {
                    profile.history.relocate(&moves.kinds, &new.keep, symbols);
                }
                for (name, declared) in &attributes {
                    profile.attributes.redeclare(*name, *declared, symbols);
                }
                profile.totals.renumber(|id| new.totals[id.0 as usize], symbols);
                if !moves.are_rules_same {
                    profile.affinities.relocate(&moves.rules, now, symbols);
                }
            });
        }
        self.rings.clear();
        self.zones.set_default(new.zone);
        (self.keep, self.rules, self.session_gap) = (new.keep, new.rules, new.session_gap);
        moves.drops
    }

    /// Drops all events that no definition can see any more. O(all that is kept).
    pub(crate) fn prune(&mut self, now: Instant) {
        let Self { keep, symbols, profiles, rings, .. } = self;
        rings.clear();
        for profile in profiles.iter_mut() {
            profile.each_part(|profile| {
                profile.history.prune(now, &profile.kept_session(), keep, symbols);
            });
        }
    }

    /// Drops the events of a user that no definition can see any more.
    pub(crate) fn prune_user(&mut self, user: UserKey, now: Instant) {
        let Self { keep, symbols, profiles, rings, .. } = self;
        let profile = profiles.get_mut(user);
        let gone = profile.history.prune(now, &profile.kept_session(), keep, symbols);
        if let Some(rings) = rings.get_mut(&user) {
            rings.drop_rows(&gone);
        }
    }

    /// Whether an attribute follows from other state.
    pub(crate) fn is_derived(&self, name: Symbol) -> bool {
        Fact::of(self.symbols.text(name)).is_some_and(Fact::is_derived)
    }

    /// Since when what is not there from the beginning is kept, by kind, property or rule: for a digest of the state.
    pub(crate) fn covered(&self) -> impl Serialize {
        let property = |property| self.keep.property_name(property).to_owned();
        let mut covered: Vec<(String, Option<String>, Instant)> = Vec::new();
        for (_, kind) in self.keep.kinds() {
            covered.extend(kind.since.map(|since| (kind.name.to_string(), None, since)));
            for column in &kind.columns {
                let name = || Some(property(column.property));
                covered.extend(column.since.map(|since| (kind.name.to_string(), name(), since)));
            }
        }
        let rules = self.rules.iter().filter_map(|rule| Some((property(rule.property), rule.since?)));
        (covered, rules.collect::<Vec<_>>())
    }

    /// What became of ids since the beginning.
    pub(crate) fn identity_health(&self) -> IdentityHealth {
        self.linking.health
    }

    /// Exchanges what a user's profile knows for what one of its parts knows. Twice, and all is as it was.
    pub(crate) fn exchange(&mut self, user: UserKey, part: usize) {
        self.rings.remove(&user);
        self.profiles.get_mut(user).exchange(part);
    }

    /// Erases a user: profile, ids, texts that only it held. Gives the name it had.
    pub(crate) fn forget(&mut self, user: UserKey, now: Instant) -> SmolStr {
        let profile = self.profiles.remove(user);
        self.rings.remove(&user);
        self.drop_ids(user, &profile.ids, now);
        let name = profile.name.clone();
        profile.release(&mut self.symbols);
        name
    }
}

/// Writes what a message says of the user itself.
fn write_traits(
    attributes: &mut Attributes,
    body: &Body,
    when: (Instant, u32),
    keep: &Keep,
    symbols: &mut Symbols,
    changed: &mut Vec<(Symbol, Packed)>,
) {
    match body {
        Body::Identify { traits } => attributes.write("", traits, when, keep, symbols, changed),
        Body::Group { group_id, traits } => {
            attributes.write("group", traits, when, keep, symbols, changed);
            let id = Value::String(group_id.clone());
            attributes.set("group.id", &id, when, keep, symbols, changed);
        }
        Body::List { list, member } => {
            let member = if *member { Value::Bool(true) } else { Value::Null };
            attributes.set(&Fact::List(list).name(), &member, when, keep, symbols, changed);
        }
        Body::Consent(consent) => {
            let fact = Fact::Consent(&consent.purpose, consent.channel.as_deref()).name();
            attributes.set(&fact, &consent_value(consent), when, keep, symbols, changed);
        }
        Body::Restrict { restricted } => {
            let value = Value::from(restricted.then_some(true));
            attributes.set(&Fact::Restricted.name(), &value, when, keep, symbols, changed);
        }
        _ => {}
    }
}

/// Feeds the affinities that an event's kept values belong to.
fn feed_affinities(
    profile: &mut Profile,
    rules: &[AffinityRule],
    keep: &Keep,
    kind: EventKind,
    values: &[Packed],
    when: (Instant, u32),
    symbols: &mut Symbols,
) {
    for (number, rule) in rules.iter().enumerate() {
        let weight = rule.weight(kind);
        let Some(place) = keep.place(kind, rule.property) else { continue };
        let value = values[place];
        if weight <= 0.0 || value.is_missing() || !keep.kind(kind).is_of_host() {
            continue;
        }
        symbols.share(value);
        profile.affinities.add(Touch { rule: number as u32, value, weight, when }, rules, symbols);
    }
}
