use crate::model::{Body, Duration, Ids, Instant, Message, Object, Value, Zone};
use crate::profile::affinity::Touch;
use crate::profile::facts::{Fact, consent_value};
use crate::profile::identity::{IdKind, IdTable, IdentityError};
use crate::profile::keep::Source;
use crate::profile::profile::{Profile, Zones};
use crate::profile::profiles::{Away, Profiles};
use crate::profile::redefine::{Moves, NewKeep};
use crate::profile::{
    AffinityRule, Attributes, EventKind, Keep, Occurrence, Packed, Rings, Symbol, Symbols, TotalId,
};
use hashbrown::HashMap;
use serde::Serialize;
use smallvec::SmallVec;
use std::sync::Arc;

/// Number of a resident profile. Given again once its user is forgotten.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct UserKey(pub(crate) u32);

/// The profiles of a partition, in memory, and the one owner of their ids, texts and zones.
#[derive(Debug)]
pub(crate) struct ProfileStore {
    pub(crate) keep: Arc<Keep>,
    pub(crate) rules: Arc<[AffinityRule]>,
    pub(crate) symbols: Symbols,
    pub(crate) zones: Zones,
    session_gap: Duration,
    timezone: Symbol,
    pub(crate) profiles: Profiles,
    ids: IdTable,
    /// Of users with long histories.
    pub(super) rings: HashMap<UserKey, Rings, ahash::RandomState>,
    /// Facts for everyone.
    pub(crate) world: Attributes,
    /// Counts what happens; its low half orders events of one instant.
    pub(super) arrivals: u64,
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
        }
    }

    /// Forgets the last message and gives back the shares it held.
    pub(crate) fn clear(&mut self, symbols: &mut Symbols) {
        self.values.drain(..).for_each(|value| symbols.release(value));
        self.attributes.drain(..).for_each(|(_, before)| symbols.release(before));
        self.events.clear();
        self.own.clear();
    }
}

/// Whom a message is about.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) user: UserKey,
    /// Whether the profile was made for it.
    pub(crate) is_new: bool,
    /// The profile that this one took over, and the name it had.
    pub(crate) absorbed: Option<(UserKey, Arc<str>)>,
    /// The profile that the device belonged to until now.
    pub(crate) switched: Option<UserKey>,
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

    /// The profile that an id belongs to, as a user id or else as an anonymous one.
    pub(crate) fn find(&self, id: &str) -> Option<UserKey> {
        self.ids.owner(IdKind::User, id).or_else(|| self.ids.owner(IdKind::Anonymous, id))
    }

    /// The profile that an id of a kind belongs to.
    pub(crate) fn owner(&self, kind: IdKind, id: &str) -> Option<UserKey> {
        self.ids.owner(kind, id)
    }

    /// The profile of a device: a visitor's, or that of the user who owns it.
    pub(crate) fn find_device(&self, id: &str) -> Option<UserKey> {
        self.ids.owner(IdKind::Anonymous, id)
    }

    /// The id that outputs show.
    pub(crate) fn name(&self, user: UserKey) -> &Arc<str> {
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
    pub(crate) fn ids(&self, user: UserKey) -> impl Iterator<Item = (IdKind, &str)> {
        self.profiles.ids(user).iter().map(|number| self.ids.entry(*number))
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

    /// Makes those users that a checkpoint names, all of them away, each with its name and ids. Gives whether `free` are
    /// exactly the numbers that nobody has, and each id is one user's.
    pub(crate) fn restore(
        &mut self,
        users: impl Iterator<Item = Option<(Arc<str>, Vec<(IdKind, Box<str>)>)>>,
        free: Vec<u32>,
    ) -> bool {
        let mut number = 0;
        let mut is_sound = true;
        let ids = &mut self.ids;
        ids.reserve(users.size_hint().0);
        let users = users.map(|user| {
            let owner = UserKey(number);
            number += 1;
            let (name, own) = user?;
            // A name and the id that it comes from are one text.
            let text = |id: Box<str>| if *id == *name { name.clone() } else { id.into() };
            let mut numbers = SmallVec::new();
            for (kind, id) in own {
                is_sound &= ids.owner(kind, &id).is_none();
                numbers.push(ids.insert(kind, text(id), owner));
            }
            Some(Away { name, ids: numbers })
        });
        let profiles = Profiles::restore(users, free);
        is_sound &= profiles.is_some();
        self.profiles = profiles.unwrap_or_default();
        is_sound
    }

    /// Whether a message may have the ids it has; changes nothing.
    pub(crate) fn check(&self, message: &Message) -> Result<(), IdentityError> {
        let (Body::Alias { previous_id }, Some(user)) = (&message.body, message.ids.user.as_deref()) else {
            return Ok(());
        };
        match self.ids.owner(IdKind::User, previous_id) {
            Some(owner) if self.ids.owner(IdKind::User, user) != Some(owner) => {
                Err(IdentityError::TwoUsers { previous: previous_id.clone(), user: user.into() })
            }
            _ => Ok(()),
        }
    }

    /// Finds or makes the profile that a message is about, and links ids (`spec/identity.md` rules 1, 2, 3, 5).
    pub(crate) fn resolve(&mut self, message: &Message, now: Instant) -> Resolved {
        match (&message.ids, &message.body) {
            (Ids { user: Some(user), .. }, Body::Alias { previous_id }) => {
                // A second name of the same user needs no link.
                if self.ids.owner(IdKind::User, previous_id).is_some() {
                    return self.of_one_id(IdKind::User, user, now);
                }
                self.link(user, previous_id, now)
            }
            (Ids { user: Some(user), anonymous: Some(anonymous) }, _) => self.link(user, anonymous, now),
            (Ids { user: Some(user), anonymous: None }, _) => self.of_one_id(IdKind::User, user, now),
            (Ids { user: None, anonymous }, _) => {
                self.of_one_id(IdKind::Anonymous, anonymous.as_deref().unwrap_or_default(), now)
            }
        }
    }

    /// A user of whom nothing is known.
    pub(crate) fn nobody(&mut self) -> UserKey {
        self.of_one_id(IdKind::Anonymous, "", Instant::MIN).user
    }

    fn of_one_id(&mut self, kind: IdKind, id: &str, now: Instant) -> Resolved {
        if let Some(user) = self.ids.owner(kind, id) {
            return Resolved { user, is_new: false, absorbed: None, switched: None };
        }
        let name: Arc<str> = id.into();
        let profile = Profile::new(name.clone(), kind == IdKind::User, now);
        let user = self.profiles.add(profile);
        self.own(user, kind, name);
        Resolved { user, is_new: true, absorbed: None, switched: None }
    }

    fn own(&mut self, user: UserKey, kind: IdKind, id: Arc<str>) {
        let number = self.ids.insert(kind, id, user);
        self.get_mut(user).ids.push(number);
    }

    fn link(&mut self, user_id: &str, weak_id: &str, now: Instant) -> Resolved {
        let weak = self.ids.owner(IdKind::Anonymous, weak_id);
        let Some(user) = self.ids.owner(IdKind::User, user_id) else {
            // Rule 2, the user is new: an unowned anonymous profile simply gets the name.
            if let Some(weak) = weak.filter(|weak| !self.get(*weak).has_user_id) {
                let name: Arc<str> = user_id.into();
                let profile = self.get_mut(weak);
                profile.first_name.get_or_insert(std::mem::replace(&mut profile.name, name.clone()));
                profile.has_user_id = true;
                self.own(weak, IdKind::User, name);
                return Resolved { user: weak, is_new: false, absorbed: None, switched: None };
            }
            let resolved = self.of_one_id(IdKind::User, user_id, now);
            let switched = self.own_or_move(resolved.user, weak_id);
            return Resolved { switched, ..resolved };
        };
        match weak {
            // Rule 2: absorbed by the user's.
            Some(weak) if weak != user && !self.get(weak).has_user_id => {
                let absorbed = self.profiles.remove(weak);
                let name = absorbed.name.clone();
                let numbers = absorbed.ids.clone();
                let (keep, rules, gap) = (self.keep.clone(), self.rules.clone(), self.session_gap);
                let profile = self.profiles.get_mut(user);
                self.rings.remove(&weak);
                self.rings.remove(&user);
                profile.absorb(absorbed, &keep, &rules, gap, &mut self.symbols);
                profile.ids.extend_from_slice(&numbers);
                numbers.iter().for_each(|number| self.ids.set_owner(*number, user));
                self.refresh_zone(user);
                Resolved { user, is_new: false, absorbed: Some((weak, name)), switched: None }
            }
            _ => {
                let switched = self.own_or_move(user, weak_id);
                Resolved { user, is_new: false, absorbed: None, switched }
            }
        }
    }

    /// Rule 3: a device that belonged to another user has a new owner from here on; nothing merges. Gives the
    /// owner before.
    fn own_or_move(&mut self, user: UserKey, weak_id: &str) -> Option<UserKey> {
        let Some(number) = self.ids.number(IdKind::Anonymous, weak_id) else {
            self.own(user, IdKind::Anonymous, weak_id.into());
            return None;
        };
        let before = self.ids.owner_of(number);
        if before == user {
            return None;
        }
        self.get_mut(before).ids.retain(|id| *id != number);
        self.get_mut(user).ids.push(number);
        self.ids.set_owner(number, user);
        Some(before)
    }

    /// Applies what a message says to its user's profile. Aliases and erasure say nothing of the profile itself.
    pub(crate) fn apply(
        &mut self,
        user: UserKey,
        message: &Message,
        at: Instant,
        now: Instant,
        out: &mut Applied,
    ) {
        self.begin(at, out);
        let Self { keep, rules, symbols, profiles, session_gap, .. } = self;
        let profile = profiles.get_mut(user);
        profile.first_seen = profile.first_seen.min(at);
        profile.last_seen = profile.last_seen.max(at);
        if let Some((event, properties)) = message.event() {
            profile.session.note(at, *session_gap);
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
            for (kind, start) in &out.events {
                let values = &out.values[*start..][..keep.kind(*kind).columns.len()];
                feed_affinities(profile, rules, keep, *kind, values, at, symbols);
            }
            self.keep_events(user, 0, now, out);
            return;
        }
        match &message.body {
            Body::Identify { traits } => {
                profile.attributes.write("", traits, at, keep, symbols, &mut out.attributes);
            }
            Body::Group { group_id, traits } => {
                profile.attributes.write("group", traits, at, keep, symbols, &mut out.attributes);
                let id = Value::String(group_id.clone());
                profile.attributes.set("group.id", &id, at, keep, symbols, &mut out.attributes);
            }
            Body::List { list, member } => {
                let member = if *member { Value::Bool(true) } else { Value::Null };
                let fact = Fact::List(list).name();
                profile.attributes.set(&fact, &member, at, keep, symbols, &mut out.attributes);
            }
            Body::Consent(consent) => {
                let fact = Fact::Consent(&consent.purpose, consent.channel.as_deref()).name();
                let value = consent_value(consent);
                profile.attributes.set(&fact, &value, at, keep, symbols, &mut out.attributes);
            }
            _ => {}
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
        let Self { keep, symbols, profiles, .. } = self;
        let profile = profiles.get_mut(user);
        for (id, event) in notes {
            profile.totals.note(*id, keep.totals[id.0 as usize], *event, symbols);
        }
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
        profile.attributes.set(name, value, profile.last_seen, keep, symbols, &mut changed);
        let (name, before) = changed.pop()?;
        symbols.release(before);
        if name == self.timezone {
            self.refresh_zone(user);
        }
        Some((name, self.get(user).attributes.get(name)))
    }

    fn refresh_zone(&mut self, user: UserKey) {
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
            if prunes {
                // What the old definitions see no longer goes, so that what stays does not depend on when that was
                // looked at last.
                profile.history.prune(now, &profile.session, keep, symbols);
            }
            if !moves.is_same_shape {
                profile.history.relocate(&moves.kinds, symbols);
            }
            for (name, declared) in &attributes {
                profile.attributes.redeclare(*name, *declared, symbols);
            }
            profile.totals.renumber(|id| new.totals[id.0 as usize], symbols);
            if !moves.are_rules_same {
                profile.affinities.relocate(&moves.rules, now, symbols);
            }
        }
        self.rings.clear();
        self.zones.set_default(new.zone);
        (self.keep, self.rules, self.session_gap) = (new.keep, new.rules, new.session_gap);
        moves.drops
    }

    /// Drops all events that no definition can see any more. O(all that is kept).
    pub(crate) fn prune(&mut self, now: Instant) {
        let Self { keep, symbols, profiles, .. } = self;
        for profile in profiles.iter_mut() {
            profile.history.prune(now, &profile.session, keep, symbols);
        }
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

    /// Erases a user: profile, ids, texts that only it held. Gives the name it had.
    pub(crate) fn forget(&mut self, user: UserKey) -> Arc<str> {
        let profile = self.profiles.remove(user);
        self.rings.remove(&user);
        profile.ids.iter().for_each(|number| self.ids.remove(*number));
        let name = profile.name.clone();
        profile.release(&mut self.symbols);
        name
    }
}

/// Feeds the affinities that an event's kept values belong to.
fn feed_affinities(
    profile: &mut Profile,
    rules: &[AffinityRule],
    keep: &Keep,
    kind: EventKind,
    values: &[Packed],
    at: Instant,
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
        profile.affinities.add(Touch { rule: number as u32, value, weight, at }, rules, symbols);
    }
}
