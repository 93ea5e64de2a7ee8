//! Which profile a message is about, and which ids belong together: the rules are in the `guide`.

use crate::model::{Body, Duration, Instant, Message, nearest};
use crate::profile::devices::{Device, Devices, Had, is_late};
use crate::profile::identity::{ABSORPTIONS_MAX, OWNERS_MAX};
use crate::profile::lineage::{Confirmed, MergeRules};
use crate::profile::{
    DeviceRule, IDS_MAX, IdKind, IdKindRule, IdentityError, IdentityHealth, IdentityRules, KindName, Profile,
    ProfileStore, UserKey,
};
use smallvec::SmallVec;
use smol_str::SmolStr;
use std::collections::BTreeSet;

/// What is known of ids beside the table of their owners.
#[derive(Debug, Clone)]
pub(crate) struct Linking {
    pub(super) device: DeviceRule,
    pub(super) undo_window: Duration,
    /// By number. A kind that is declared no more keeps its number, and its ids their owners.
    pub(super) kinds: Vec<Kind>,
    pub(super) devices: Devices,
    pub(super) health: IdentityHealth,
    /// Absorptions that can be undone, with who absorbed, in order of the clock.
    pub(super) undo: BTreeSet<(Instant, UserKey)>,
    /// Whom the input at hand is about, with the number of the id that it came by.
    pub(super) told: Option<(UserKey, u32)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kind {
    pub(super) rule: IdKindRule,
    pub(super) is_declared: bool,
}

impl Default for Linking {
    fn default() -> Linking {
        let IdentityRules { device, undo_window, .. } = IdentityRules::default();
        Linking {
            device,
            undo_window,
            kinds: Vec::new(),
            devices: Devices::default(),
            health: IdentityHealth::default(),
            undo: BTreeSet::new(),
            told: None,
        }
    }
}

impl Linking {
    fn rule(&self, kind: IdKind) -> Option<&IdKindRule> {
        match kind {
            IdKind::Declared(number) => self.kinds.get(usize::from(number)).map(|kind| &kind.rule),
            IdKind::User | IdKind::Anonymous => None,
        }
    }

    /// All kinds that are or were declared.
    pub(super) fn numbers(&self) -> impl Iterator<Item = IdKind> + use<> {
        (0..self.kinds.len() as u16).map(IdKind::Declared)
    }

    /// The number of a kind that is declared.
    pub(super) fn number(&self, name: &str) -> Option<u16> {
        self.kinds.iter().position(|kind| kind.is_declared && *kind.rule.name == *name).map(|n| n as u16)
    }
}

/// Whom a message is about.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) user: UserKey,
    /// Whether the profile was made for it.
    pub(crate) is_new: bool,
    /// The profiles that this one took over, with the names they had and whether these were users'.
    pub(crate) absorbed: Vec<(UserKey, SmolStr, bool)>,
    /// The users to whom ids belonged until now.
    pub(crate) switched: Vec<UserKey>,
}

/// Why two profiles stay apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Ids,
    Absorptions,
    Strong,
    Shared,
}

impl ProfileStore {
    /// Goes on under other rules. Kinds are known by their names.
    pub(crate) fn set_identity_rules(&mut self, rules: &IdentityRules) {
        let linking = &mut self.linking;
        (linking.device, linking.undo_window) = (rules.device, rules.undo_window);
        linking.kinds.iter_mut().for_each(|kind| kind.is_declared = false);
        for rule in &rules.kinds {
            let kind = Kind { rule: rule.clone(), is_declared: true };
            match linking.kinds.iter_mut().find(|known| known.rule.name == rule.name) {
                Some(known) => *known = kind,
                None => linking.kinds.push(kind),
            }
        }
    }

    /// The name of a declared kind.
    pub(crate) fn kind_name(&self, number: u16) -> &str {
        &self.linking.kinds[usize::from(number)].rule.name
    }

    /// The kind of ids in a message that is not declared, with a name that is near.
    pub(crate) fn unknown_kind<'m>(&self, message: &'m Message) -> Option<(&'m str, Option<Box<str>>)> {
        let linking = &self.linking;
        let (kind, _) = message.ids.declared.iter().find(|(kind, _)| linking.number(kind).is_none())?;
        let names = linking.kinds.iter().filter(|kind| kind.is_declared).map(|kind| &*kind.rule.name);
        Some((kind, nearest(kind, names).map(Into::into)))
    }

    /// Begins an input that is about nobody yet.
    pub(crate) fn begin_input(&mut self) {
        self.linking.told = None;
    }

    /// Notes that the input at hand is about a user, by an id that the host named.
    pub(crate) fn tell(&mut self, user: UserKey, id: &str) {
        let mut kinds = [IdKind::User, IdKind::Anonymous].into_iter().chain(self.linking.numbers());
        let number = kinds.find_map(|kind| self.ids.number(kind, id));
        self.linking.told = number.map(|number| (user, number));
    }

    /// The part of a profile that the input at hand belongs to.
    pub(super) fn part_told(&self, user: UserKey) -> usize {
        let told = self.linking.told.filter(|(told, _)| *told == user);
        told.map_or(0, |(_, id)| self.get(user).part_of(id))
    }

    /// Whether a message may have the ids it has; changes nothing.
    pub(crate) fn check(&self, message: &Message, now: Instant) -> Result<(), IdentityError> {
        let Some(user) = message.ids.user.as_deref().filter(|_| message.body.is_about_ids()) else {
            return Ok(());
        };
        let own = self.ids.owner(IdKind::User, user);
        match &message.body {
            Body::Alias { previous_id } => match self.ids.owner(IdKind::User, previous_id) {
                Some(owner) if own != Some(owner) => {
                    Err(IdentityError::TwoUsers { previous: previous_id.clone(), user: user.into() })
                }
                _ => Ok(()),
            },
            Body::Merge { previous_id, .. } => {
                let previous = self.ids.owner(IdKind::User, previous_id);
                let device = self.find_device(previous_id).filter(|_| previous.is_none());
                // A device is no way to say which user is meant.
                if let Some(owner) =
                    device.filter(|owner| self.get(*owner).has_user_id && own != Some(*owner))
                {
                    let previous = self.name(owner).as_str().into();
                    return Err(IdentityError::TwoUsers { previous, user: user.into() });
                }
                let too_many =
                    || IdentityError::TooManyIds { previous: previous_id.clone(), user: user.into() };
                match (own, previous.or(device)) {
                    (Some(own), Some(previous)) if own != previous => {
                        self.may_absorb(own, previous, now, true).map_err(|refusal| match refusal {
                            Refusal::Absorptions => IdentityError::TooManyMerges { user: user.into() },
                            Refusal::Ids | Refusal::Strong | Refusal::Shared => too_many(),
                        })
                    }
                    (Some(own), None) if self.get(own).ids.len() >= IDS_MAX => Err(too_many()),
                    (None, Some(previous)) if self.get(previous).ids.len() >= IDS_MAX => Err(too_many()),
                    _ => Ok(()),
                }
            }
            Body::Split { ids } => self.parts_named(user, ids, now).map(drop),
            _ => Ok(()),
        }
    }

    /// Finds or makes the profile that a message is about, and links ids. `at` is its instant, `now` the clock.
    pub(crate) fn resolve(&mut self, message: &Message, at: Instant, now: Instant) -> Resolved {
        let is_known = message.body.is_about_ids()
            && message.ids.user.as_deref().is_some_and(|id| self.ids.owner(IdKind::User, id).is_some());
        let mut resolved = self.principal(message, at, now);
        let device = message.ids.anonymous.as_deref().filter(|_| message.ids.user.is_some());
        match &message.body {
            // A second name of the same user needs no link.
            Body::Alias { previous_id } => {
                if self.ids.owner(IdKind::User, previous_id).is_none() {
                    self.link_device(previous_id, now, &mut resolved);
                }
                self.link_all_declared(message, true, now, &mut resolved);
            }
            Body::Merge { previous_id, reason } => {
                self.merge((previous_id, reason), !is_known && !resolved.is_new, now, &mut resolved);
                self.link_all_declared(message, true, now, &mut resolved);
            }
            _ => {
                // Where a strong id names the user, a device alone is one more id of theirs.
                let is_named = |store: &ProfileStore| {
                    store.linking.told.is_some_and(|(_, id)| store.ids.entry(id).0 != IdKind::Anonymous)
                };
                let device = device.or_else(|| message.ids.anonymous.as_deref().filter(|_| is_named(self)));
                // A strong id says more of who somebody is, so it goes first: two strong ids are two people.
                self.link_all_declared(message, true, now, &mut resolved);
                if let Some(device) = device {
                    self.link_device(device, now, &mut resolved);
                }
            }
        }
        self.link_all_declared(message, false, now, &mut resolved);
        resolved
    }

    /// Links the strong or the other ids of declared kinds. Most messages have none.
    fn link_all_declared(&mut self, message: &Message, strong: bool, now: Instant, resolved: &mut Resolved) {
        if message.ids.declared.is_empty() {
            return;
        }
        for (kind, id) in self.declared(message, strong) {
            self.link_declared(kind, id, now, resolved);
        }
    }

    /// The profile of the strongest id that a message has: its user's; else whom a strong id names; else its device's;
    /// else whom any other id names.
    fn principal(&mut self, message: &Message, at: Instant, now: Instant) -> Resolved {
        if let Some(user) = message.ids.user.as_deref() {
            if let Some(number) = self.ids.number(IdKind::User, user) {
                return self.known(number);
            }
            // The user is new: a visitor's profile simply gets the name.
            return match self.namesake(message, now) {
                Some(visitor) => {
                    self.give_name(visitor, user);
                    Resolved { user: visitor, is_new: false, absorbed: Vec::new(), switched: Vec::new() }
                }
                None => self.make(IdKind::User, user, at),
            };
        }
        let strong = self.declared(message, true);
        if let Some(number) = strong.iter().find_map(|(kind, id)| self.ids.number(*kind, id)) {
            return self.known(number);
        }
        if let Some(device) = message.ids.anonymous.as_deref() {
            let is_anothers = |store: &ProfileStore, user: UserKey| {
                strong.iter().any(|(kind, _)| !store.has_room(user, *kind))
            };
            let holder = self.ids.owner(IdKind::Anonymous, device);
            if let Some((kind, id)) = strong.first()
                && holder.is_some_and(|holder| is_anothers(self, holder))
            {
                // Somebody else than the one whom the device names.
                return self.make(*kind, id, at);
            }
            return self.of_device(device, at, now);
        }
        let weak = self.declared(message, false);
        if let Some(number) = weak.iter().find_map(|(kind, id)| self.ids.number(*kind, id)) {
            return self.known(number);
        }
        match strong.first().or(weak.first()) {
            Some((kind, id)) => self.make(*kind, id, at),
            // Messages that name nobody are refused before this.
            None => self.make(IdKind::Anonymous, "", at),
        }
    }

    /// The strong or the other ids of declared kinds in a message.
    pub(super) fn declared<'m>(
        &self,
        message: &'m Message,
        strong: bool,
    ) -> SmallVec<[(IdKind, &'m str); 2]> {
        let of_kind = |(kind, id): &'m (Box<str>, Box<str>)| {
            let kind = IdKind::Declared(self.linking.number(kind)?);
            (self.linking.rule(kind)?.is_strong == strong).then_some((kind, &**id))
        };
        message.ids.declared.iter().filter_map(of_kind).collect()
    }

    fn known(&mut self, number: u32) -> Resolved {
        let user = self.ids.owner_of(number);
        self.linking.told = Some((user, number));
        Resolved { user, is_new: false, absorbed: Vec::new(), switched: Vec::new() }
    }

    fn make(&mut self, kind: IdKind, id: &str, at: Instant) -> Resolved {
        let name = SmolStr::from(id);
        let user = self.profiles.add(Profile::new(name.clone(), kind == IdKind::User, at));
        let number = self.ids.insert(kind, name, user);
        self.get_mut(user).ids.push(number);
        self.linking.told = Some((user, number));
        Resolved { user, is_new: true, absorbed: Vec::new(), switched: Vec::new() }
    }

    /// The id by which somebody was known who is merged into a user whom nobody knew: only the name is another one then.
    pub(crate) fn renamed<'m>(&self, message: &'m Message) -> Option<(KindName<'m>, &'m str)> {
        let Body::Merge { previous_id, .. } = &message.body else { return None };
        if self.ids.owner(IdKind::User, message.ids.user.as_deref()?).is_some() {
            return None;
        }
        let is_user = self.ids.owner(IdKind::User, previous_id).is_some();
        let kind = if is_user { KindName::User } else { KindName::Anonymous };
        (is_user || self.find_device(previous_id).is_some()).then_some((kind, &**previous_id))
    }

    /// The profile without a user id that a message says is its new user.
    pub(super) fn namesake(&self, message: &Message, now: Instant) -> Option<UserKey> {
        let device = match &message.body {
            Body::Merge { previous_id, .. } => {
                let user = self.ids.owner(IdKind::User, previous_id);
                return user.or_else(|| self.find_device(previous_id));
            }
            Body::Alias { previous_id } => {
                Some(&**previous_id).filter(|id| self.ids.owner(IdKind::User, id).is_none())
            }
            _ => message.ids.anonymous.as_deref(),
        };
        // A new user is another one than all to whom a device belonged, and than whoever has another strong id.
        let strong = self.declared(message, true);
        let may_have = |user: UserKey, (kind, id): &(IdKind, &str)| {
            self.ids.owner(*kind, id) == Some(user) || self.has_room(user, *kind)
        };
        let is_visitor = |user: &UserKey| {
            let profile = self.get(*user);
            !profile.has_user_id
                && profile.ids.len() < IDS_MAX
                && strong.iter().all(|id| may_have(*user, id))
                && !self.is_kept_apart(*user, now, |_, device| device.is_owned(now))
        };
        let by_device = device.and_then(|id| self.ids.owner(IdKind::Anonymous, id)).filter(is_visitor);
        by_device.or_else(|| {
            let mut declared =
                message.ids.declared.iter().filter_map(|(kind, id)| {
                    self.ids.owner(IdKind::Declared(self.linking.number(kind)?), id)
                });
            declared.find(is_visitor)
        })
    }

    /// Names a profile by a user id.
    fn give_name(&mut self, user: UserKey, id: &str) {
        let name = SmolStr::from(id);
        let number = self.ids.insert(IdKind::User, name.clone(), user);
        self.get_mut(user).each(0, |profile, _| {
            let first = profile.bucketing_id().into();
            profile.name = name.clone();
            profile.set_first_name(Some(first));
            profile.has_user_id = true;
            profile.ids.push(number);
        });
        self.linking.told = Some((user, number));
    }

    /// Rule 4: whose the events of a device are that names nobody.
    fn of_device(&mut self, id: &str, at: Instant, now: Instant) -> Resolved {
        let Some(number) = self.ids.number(IdKind::Anonymous, id) else {
            return self.make(IdKind::Anonymous, id, at);
        };
        let holder = self.ids.owner_of(number);
        let (is_owned, last) = (self.get(holder).has_user_id, self.get(holder).last_seen);
        let is_owners = self.linking.device == DeviceRule::Owner && at < last + self.session_gap;
        if is_owned && is_owners {
            return self.known(number);
        }
        if !is_owned && self.linking.devices.get(number).is_none() {
            return self.known(number);
        }
        if is_owned {
            self.note_owner(number, holder, last.min(now), now);
        }
        if let Some(device) = self.linking.devices.get(number)
            && device.is_shared(&self.ids, now)
        {
            let sharers: SmallVec<[Had; 4]> =
                device.owners.iter().copied().filter(|had| is_late(had, now)).collect();
            self.linking.devices.share(number, &sharers, now);
        }
        if !is_owned {
            return self.known(number);
        }
        match self.linking.devices.take_visitor(number) {
            Some(visitor) => {
                self.move_id(number, holder, visitor, now);
                self.known(number)
            }
            None => {
                let user = self.profiles.add(Profile::new(id.into(), false, at));
                self.move_id(number, holder, user, now);
                Resolved { is_new: true, ..self.known(number) }
            }
        }
    }

    /// Links a device to whom a message is about (rules 2 and 3).
    fn link_device(&mut self, id: &str, now: Instant, resolved: &mut Resolved) {
        let user = resolved.user;
        let Some(number) = self.ids.number(IdKind::Anonymous, id) else {
            self.own(user, IdKind::Anonymous, id);
            return;
        };
        let holder = self.ids.owner_of(number);
        let has_user_id = self.get(user).has_user_id;
        if holder == user {
            if has_user_id && self.linking.devices.get(number).is_some() {
                self.note_owner(number, user, now, now);
                self.tidy_device(number);
            }
            return;
        }
        let (is_owned, last) = (self.get(holder).has_user_id, self.get(holder).last_seen);
        if is_owned && !has_user_id {
            // The device of a user names nobody else.
            return;
        }
        let others = self.linking.devices.get(number).map_or(0, |device| device.others(user, &self.ids, now));
        if others >= OWNERS_MAX {
            self.linking.health.refused_owners += 1;
            return;
        }
        let is_shared = |id: u32, device: &Device| {
            if id == number {
                device.others(user, &self.ids, now) > 0
            } else {
                device.is_shared(&self.ids, now)
            }
        };
        if !is_owned && !self.is_kept_apart(holder, now, is_shared) {
            match self.may_absorb(user, holder, now, false) {
                Ok(()) => {
                    if has_user_id && self.linking.devices.get(number).is_some() {
                        self.note_owner(number, user, now, now);
                    }
                    self.absorb(user, holder, now, resolved);
                    self.tidy_device(number);
                }
                Err(refusal) => self.refused(refusal),
            }
            return;
        }
        if self.get(user).ids.len() >= IDS_MAX {
            self.linking.health.refused_ids += 1;
            return;
        }
        if is_owned {
            self.note_owner(number, holder, last.min(now), now);
        }
        if has_user_id {
            self.note_owner(number, user, now, now);
        }
        if is_owned {
            self.linking.health.switched += 1;
            resolved.switched.push(holder);
        } else {
            let owners = self.linking.devices.get(number).into_iter().flat_map(|device| &device.owners);
            let own = self.id_of_owner(number, user).map(|id| (id, now));
            // Whoever signed in is not known to be who was there before, by whatever other ids that one may have.
            let sharers: SmallVec<[Had; 4]> =
                owners.copied().filter(|had| is_late(had, now)).chain(own).collect();
            self.linking.devices.set_visitor(number, holder);
            for id in self.profiles.ids(holder) {
                self.linking.devices.share(*id, &sharers, now);
            }
            self.linking.health.kept_apart += 1;
        }
        self.move_id(number, holder, user, now);
        self.tidy_device(number);
    }

    /// Links an id of a declared kind to whom a message is about.
    fn link_declared(&mut self, kind: IdKind, id: &str, now: Instant, resolved: &mut Resolved) {
        let user = resolved.user;
        let Some(number) = self.ids.number(kind, id) else {
            if self.has_room(user, kind) {
                self.own(user, kind, id);
            } else {
                self.linking.health.refused_ids += 1;
            }
            return;
        };
        let holder = self.ids.owner_of(number);
        if holder == user {
            return;
        }
        let is_strong = self.linking.rule(kind).is_some_and(|rule| rule.is_strong);
        match (self.get(user).has_user_id, self.get(holder).has_user_id) {
            (true, true) if is_strong => self.linking.health.refused_strong += 1,
            // What may change hands did.
            (true, true) => {
                if self.has_room(user, kind) {
                    self.move_id(number, holder, user, now);
                    self.linking.health.switched += 1;
                    resolved.switched.push(holder);
                } else {
                    self.linking.health.refused_ids += 1;
                }
            }
            // What may change hands does not say who a visitor is.
            (false, true) if !is_strong => {}
            (user_is_known, holder_is_known) => {
                let (into, from) =
                    if holder_is_known && !user_is_known { (holder, user) } else { (user, holder) };
                let allowed = if self.is_kept_apart(from, now, |_, device| device.is_shared(&self.ids, now)) {
                    Err(Refusal::Shared)
                } else {
                    self.may_absorb(into, from, now, false)
                };
                match allowed {
                    Ok(()) => self.absorb(into, from, now, resolved),
                    Err(refusal) => self.refused(refusal),
                }
            }
        }
    }

    /// A merge that the host confirmed, and that was found allowed; `is_named` says that the user was new and got the
    /// profile with its name.
    fn merge(
        &mut self,
        (previous, reason): (&str, &str),
        is_named: bool,
        now: Instant,
        resolved: &mut Resolved,
    ) {
        let user = resolved.user;
        match self.ids.owner(IdKind::User, previous).or_else(|| self.find_device(previous)) {
            // Nobody yet: whoever comes by that id is this user.
            None => self.own(user, IdKind::User, previous),
            Some(from) if from != user => self.absorb(user, from, now, resolved),
            Some(_) if is_named => {}
            Some(_) => return,
        }
        self.linking.health.merged += 1;
        let confirmed = Confirmed { previous: previous.into(), at: now, reason: reason.into() };
        self.get_mut(user).confirm(confirmed);
    }

    /// Whether a profile may have one more id of a kind.
    pub(super) fn has_room(&self, user: UserKey, kind: IdKind) -> bool {
        let ids = &self.get(user).ids;
        let limit = self.linking.rule(kind).map_or(IDS_MAX, |rule| rule.limit);
        ids.len() < IDS_MAX && ids.iter().filter(|id| self.ids.entry(**id).0 == kind).count() < limit
    }

    /// Gives a new id to a profile, and to the part of it that the input at hand belongs to.
    fn own(&mut self, user: UserKey, kind: IdKind, id: &str) {
        if self.get(user).ids.len() >= IDS_MAX {
            self.linking.health.refused_ids += 1;
            return;
        }
        let part = self.part_told(user);
        let number = self.ids.insert(kind, id.into(), user);
        self.get_mut(user).each(part, |profile, _| profile.ids.push(number));
    }

    /// An id belongs to another profile from here on. A part that has none left can be named no more, and is the
    /// profile's own from then on.
    fn move_id(&mut self, number: u32, from: UserKey, to: UserKey, now: Instant) {
        let (keep, rules, gap) = (self.keep.clone(), self.rules.clone(), self.session_gap);
        let rules = MergeRules { keep: &keep, rules: &rules, gap };
        let profile = self.profiles.get_mut(from);
        profile.each_part(|part| part.ids.retain(|id| *id != number));
        profile.fold(rules, now, &mut self.symbols, |part| part.profile.ids.is_empty());
        let part = self.part_told(to);
        self.get_mut(to).each(part, |profile, _| profile.ids.push(number));
        self.ids.set_owner(number, to);
    }

    /// Whether one profile may take over another. What the host confirms need only keep the limits.
    fn may_absorb(&self, into: UserKey, from: UserKey, now: Instant, confirmed: bool) -> Result<(), Refusal> {
        let (own, theirs) = (self.get(into), self.get(from));
        if own.ids.len() + theirs.ids.len() > IDS_MAX {
            return Err(Refusal::Ids);
        }
        if own.absorbed_lately(now) >= ABSORPTIONS_MAX {
            return Err(Refusal::Absorptions);
        }
        if confirmed {
            return Ok(());
        }
        let of_kind = |profile: &Profile, wanted: u16| {
            profile.ids.iter().filter(|id| self.ids.entry(**id).0 == IdKind::Declared(wanted)).count()
        };
        for (Kind { rule, .. }, number) in self.linking.kinds.iter().zip(0..) {
            let (own, theirs) = (of_kind(own, number), of_kind(theirs, number));
            if theirs > 0 && own + theirs > rule.limit {
                return Err(if rule.is_strong { Refusal::Strong } else { Refusal::Ids });
            }
        }
        Ok(())
    }

    fn refused(&mut self, refusal: Refusal) {
        let health = &mut self.linking.health;
        *match refusal {
            Refusal::Ids => &mut health.refused_ids,
            Refusal::Absorptions => &mut health.refused_absorptions,
            Refusal::Strong => &mut health.refused_strong,
            Refusal::Shared => &mut health.kept_apart,
        } += 1;
    }

    fn absorb(&mut self, into: UserKey, from: UserKey, now: Instant, resolved: &mut Resolved) {
        let other = self.profiles.remove(from);
        let (name, has_user_id, numbers) = (other.name.clone(), other.has_user_id, other.ids.clone());
        let (keep, rules, gap) = (self.keep.clone(), self.rules.clone(), self.session_gap);
        self.rings.remove(&from);
        self.rings.remove(&into);
        let rules = MergeRules { keep: &keep, rules: &rules, gap };
        let arrived = self.arrivals as u32;
        self.profiles.get_mut(into).absorb(other, rules, (now, arrived), &mut self.symbols);
        numbers.iter().for_each(|number| self.ids.set_owner(*number, into));
        // Whoever brought no id cannot be named any more.
        self.profiles.get_mut(into).fold(rules, now, &mut self.symbols, |part| part.profile.ids.is_empty());
        self.refresh_zone(into);
        let linking = &mut self.linking;
        linking.undo.insert((now, into));
        linking.health.absorbed += 1;
        if let Some((told, _)) = &mut linking.told
            && *told == from
        {
            *told = into;
        }
        let visited = linking.devices.end_visits(from);
        visited.into_iter().for_each(|number| self.tidy_device(number));
        if resolved.user == from {
            resolved.user = into;
        }
        resolved.absorbed.push((from, name, has_user_id));
    }
}
