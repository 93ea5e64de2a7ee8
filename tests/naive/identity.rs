//! # identity: which profile a message is about
//! The rules of identity.md for `userId`, `anonymousId` and `previousId`. Profiles are numbers here: what is known of
//! them is `history`'s. Each id belongs to a profile and, in it, to the part that it came with; a part has the number
//! that its profile had. Deliberately absent: limits and declared ids.

use super::ast::Millis;
use super::clock::DAY;
use std::collections::{BTreeMap, BTreeSet};

/// Number of a profile, in order of first sight; never given twice.
pub(crate) type ProfileId = usize;

/// How long a merge can be undone, and how long a device that belonged to two users is shared.
pub(crate) const WINDOW: i64 = 30 * DAY;

/// What an id names. A user and a device may have the same text and are two then.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Id {
    User(String),
    Device(String),
}

impl Id {
    fn text(&self) -> &str {
        let (Id::User(text) | Id::Device(text)) = self;
        text
    }
}

/// Whose an id is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Owner {
    profile: ProfileId,
    part: ProfileId,
}

/// A device that changed hands.
#[derive(Clone, Debug, Default)]
struct Device {
    /// The ids of users to whom it belonged, with when that was last said; the latest stands last.
    owners: Vec<(Id, Millis)>,
    /// Whoever uses it while nobody is signed in, while it belongs to a user.
    visitor: Option<ProfileId>,
    /// Who shared it with that visitor, with when that was last said. While these are several people, the visitor is none
    /// of them; whoever did so too long ago is somebody else than all others.
    sharers: BTreeMap<Id, Millis>,
    /// How many did so too long ago of whom no more is known.
    somebody: usize,
}

/// Which profile owns which id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Owners {
    owners: BTreeMap<Id, Owner>,
    devices: BTreeMap<String, Device>,
    names: BTreeMap<ProfileId, String>,
    /// How many profiles there ever were.
    profiles: usize,
}

/// When a message is, and what else decides whose it is.
pub(crate) struct When<'a> {
    /// By its own clock.
    pub(crate) at: Millis,
    /// By the engine's.
    pub(crate) now: Millis,
    /// The session gap.
    pub(crate) gap: i64,
    /// Instant of the latest message about a profile.
    pub(crate) last: &'a dyn Fn(ProfileId) -> Millis,
}

/// Whom a message is about.
pub(crate) struct Resolved {
    /// The profile, which may be a new one.
    pub(crate) id: ProfileId,
    /// The part of it that the message names.
    pub(crate) part: ProfileId,
    /// The visitor who turned out to be this user.
    pub(crate) absorbed: Option<ProfileId>,
}

impl Owners {
    /// The user's id; of a visitor, the device's.
    pub(crate) fn name(&self, id: ProfileId) -> &str {
        &self.names[&id]
    }

    /// Whether a text is the id of a known user.
    pub(crate) fn is_user(&self, text: &str) -> bool {
        self.owners.contains_key(&Id::User(text.to_owned()))
    }

    /// The profile of a user.
    pub(crate) fn user(&self, text: &str) -> Option<ProfileId> {
        self.owners.get(&Id::User(text.to_owned())).map(|owner| owner.profile)
    }

    /// The visitor of a device, or the user to whom it belongs.
    fn device(&self, text: &str) -> Option<ProfileId> {
        let visitor = self.devices.get(text).and_then(|device| device.visitor);
        visitor.or_else(|| Some(self.owners.get(&Id::Device(text.to_owned()))?.profile))
    }

    /// Whether a text is no user, and is the device of a user other than this one.
    pub(crate) fn is_device_of_another(&self, text: &str, user: &str) -> bool {
        self.device(text).is_some_and(|owner| {
            !self.is_user(text) && self.has_user(owner) && self.user(user) != Some(owner)
        })
    }

    /// The texts of the ids of a part of a profile.
    pub(crate) fn ids(&self, profile: ProfileId, part: ProfileId) -> BTreeSet<&str> {
        let own = self.owners.iter().filter(|(_, owner)| **owner == Owner { profile, part });
        own.map(|(id, _)| id.text()).collect()
    }

    /// Rules 1 to 5; an alias names its `previousId` as the device.
    pub(crate) fn resolve(&mut self, user: Option<&str>, device: Option<&str>, when: &When<'_>) -> Resolved {
        match (user, device) {
            (Some(user), None) => {
                let owner = self.known_or_new(Id::User(user.to_owned()));
                self.about(owner)
            }
            (None, Some(device)) => self.of_device(device, when),
            (Some(user), Some(device)) => self.of_both(Id::User(user.to_owned()), device, when),
            (None, None) => panic!("a generated message names somebody"),
        }
    }

    fn known_or_new(&mut self, id: Id) -> Owner {
        if let Some(owner) = self.owners.get(&id) {
            return *owner;
        }
        let profile = self.new_profile(id.text().to_owned());
        let owner = Owner { profile, part: profile };
        self.owners.insert(id, owner);
        owner
    }

    fn about(&self, owner: Owner) -> Resolved {
        Resolved { id: owner.profile, part: owner.part, absorbed: None }
    }

    /// Rule 4.
    fn of_device(&mut self, text: &str, when: &When<'_>) -> Resolved {
        let id = Id::Device(text.to_owned());
        let Some(owner) = self.owners.get(&id).copied() else {
            let owner = self.known_or_new(id);
            return self.about(owner);
        };
        let last = (when.last)(owner.profile);
        let is_owned = self.has_user(owner.profile);
        if is_owned && when.at < last + when.gap {
            return self.about(owner);
        }
        if is_owned {
            self.note(text, self.user_id(owner.profile, text), last.min(when.now));
        }
        if self.people(&self.lately(text, when.now)).len() > 1 {
            self.share(text, self.had_lately(text, when.now), when.now);
        }
        if !is_owned {
            return self.about(owner);
        }
        let visitor = self.devices.get_mut(text).and_then(|device| device.visitor.take());
        let visitor = visitor.unwrap_or_else(|| self.new_profile(text.to_owned()));
        let owner = Owner { profile: visitor, part: visitor };
        self.owners.insert(id, owner);
        self.about(owner)
    }

    fn of_both(&mut self, user: Id, device: &str, when: &When<'_>) -> Resolved {
        let id = Id::Device(device.to_owned());
        let holder = self.owners.get(&id).copied();
        let visitor = holder.filter(|owner| !self.has_user(owner.profile)).map(|owner| owner.profile);
        let known = self.owners.get(&user).copied();
        if let (None, Some(visitor)) = (known, visitor)
            && !self.is_apart(visitor, device, None, when.now)
        {
            self.give_name(&user, visitor);
            return self.about(Owner { profile: visitor, part: visitor });
        }
        let own = self.known_or_new(user.clone());
        let Resolved { id: profile, part, .. } = self.about(own);
        let Some(holder) = holder else {
            self.owners.insert(id, own);
            return self.about(own);
        };
        if holder.profile == profile {
            if self.devices.contains_key(device) {
                self.note(device, user, when.now);
                self.tidy(device);
            }
            return self.about(own);
        }
        if let Some(visitor) = visitor
            && !self.is_apart(visitor, device, Some(profile), when.now)
        {
            if self.devices.contains_key(device) {
                self.note(device, user, when.now);
            }
            self.absorb(visitor, profile);
            self.tidy(device);
            return Resolved { id: profile, part, absorbed: Some(visitor) };
        }
        match visitor {
            Some(visitor) => {
                let mut sharers = self.had_lately(device, when.now);
                sharers.push((user.clone(), when.now));
                let own = self.owners.iter().filter(|(_, owner)| owner.profile == visitor);
                let own: Vec<String> = own.map(|(id, _)| id.text().to_owned()).collect();
                for text in own {
                    self.share(&text, sharers.clone(), when.now);
                }
                self.devices.entry(device.to_owned()).or_default().visitor = Some(visitor);
            }
            None => {
                let last = (when.last)(holder.profile).min(when.now);
                self.note(device, self.user_id(holder.profile, device), last);
            }
        }
        self.note(device, user, when.now);
        self.owners.insert(id, Owner { profile, part });
        self.tidy(device);
        self.about(own)
    }

    /// What a merge does to the ids; it was found allowed. A text that is nobody yet becomes one more id of the user.
    pub(crate) fn merge(&mut self, user: &str, previous: &str) -> Resolved {
        let user = Id::User(user.to_owned());
        let known = self.owners.get(&user).copied();
        let from = self.user(previous).or_else(|| self.device(previous));
        match (known, from) {
            (None, Some(from)) => {
                self.give_name(&user, from);
                self.about(Owner { profile: from, part: from })
            }
            (Some(own), Some(from)) if own.profile != from => {
                self.absorb(from, own.profile);
                Resolved { absorbed: Some(from), ..self.about(own) }
            }
            (Some(own), Some(_)) => self.about(own),
            (_, None) => {
                let own = self.known_or_new(user);
                self.owners.insert(Id::User(previous.to_owned()), own);
                self.about(own)
            }
        }
    }

    /// Makes a part a profile again. `name` is what it was called.
    pub(crate) fn split(&mut self, profile: ProfileId, part: ProfileId, name: &str) -> ProfileId {
        let ids = self.ids(profile, part);
        let is_own = ids.contains(name);
        let name = if is_own { name } else { ids.first().expect("it was named by its ids") };
        let new = self.new_profile(name.to_owned());
        for owner in self.owners.values_mut().filter(|owner| **owner == Owner { profile, part }) {
            *owner = Owner { profile: new, part: new };
        }
        new
    }

    /// The ids of a part are the profile's own from now on.
    pub(crate) fn fold(&mut self, profile: ProfileId, part: ProfileId) {
        for owner in self.owners.values_mut().filter(|owner| **owner == Owner { profile, part }) {
            owner.part = profile;
        }
    }

    /// Erases a profile with all its ids: the user's, or that of whom an alias says that this was
    /// an earlier id of theirs; else the device's owner. A device goes back to the visitor who used it besides, or to whom it
    /// belonged before.
    pub(crate) fn forget(
        &mut self,
        user: Option<&str>,
        device: Option<&str>,
        now: Millis,
    ) -> Option<ProfileId> {
        let device = self.device(user.or(device)?);
        let forgotten = user.and_then(|user| self.user(user)).or(device)?;
        let ids: Vec<Id> =
            self.owners.iter().filter(|(_, o)| o.profile == forgotten).map(|(id, _)| id.clone()).collect();
        let mut heirs = Vec::new();
        for id in &ids {
            let Id::Device(text) = id else { continue };
            let Some(device) = self.devices.get_mut(text) else { continue };
            let visitor = device.visitor.take().map(|visitor| Owner { profile: visitor, part: visitor });
            let lately = device.owners.iter().rev().filter(|(_, at)| *at > now - WINDOW);
            let before = lately.map(|(owner, _)| self.owners[owner]);
            match visitor.or_else(|| before.into_iter().find(|owner| owner.profile != forgotten)) {
                Some(heir) => heirs.push((id.clone(), heir)),
                None => drop(self.devices.remove(text)),
            }
        }
        self.owners.retain(|id, _| !ids.contains(id));
        self.owners.extend(heirs);
        for device in self.devices.values_mut() {
            device.owners.retain(|(owner, _)| !ids.contains(owner));
            device.somebody +=
                device.sharers.iter().filter(|(id, at)| ids.contains(id) && **at <= now - WINDOW).count();
            device.sharers.retain(|sharer, _| !ids.contains(sharer));
            device.visitor = device.visitor.filter(|visitor| *visitor != forgotten);
        }
        Some(forgotten)
    }

    fn absorb(&mut self, from: ProfileId, into: ProfileId) {
        self.owners.values_mut().filter(|owner| owner.profile == from).for_each(|owner| owner.profile = into);
        for device in self.devices.values_mut() {
            device.visitor = device.visitor.filter(|visitor| *visitor != from);
        }
    }

    /// Whether a visitor stays on their own when a user signs in on a device; none is a new one.
    fn is_apart(&self, visitor: ProfileId, on: &str, user: Option<ProfileId>, now: Millis) -> bool {
        let own = self.owners.iter().filter(|(_, owner)| owner.profile == visitor);
        own.filter_map(|(id, _)| {
            self.devices.get_key_value(id.text()).filter(|_| matches!(id, Id::Device(_)))
        })
        .any(|(text, device)| {
            let lately = self.people(&self.lately(text, now));
            let is_shared = match user {
                None => !lately.is_empty(),
                Some(user) if text == on => lately.iter().any(|owner| *owner != user),
                Some(_) => lately.len() > 1,
            };
            let (late, old): (Vec<_>, Vec<_>) =
                device.sharers.iter().partition(|(_, at)| **at > now - WINDOW);
            let late: BTreeSet<Id> = late.into_iter().map(|(id, _)| id.clone()).collect();
            self.people(&late).len() + old.len() + device.somebody > 1 || is_shared
        })
    }

    /// The users to whom a device belonged lately, each with when that was last said.
    fn had_lately(&self, device: &str, now: Millis) -> Vec<(Id, Millis)> {
        let owners = self.devices.get(device).into_iter().flat_map(|device| &device.owners);
        owners.filter(|(_, at)| *at > now - WINDOW).cloned().collect()
    }

    fn share(&mut self, device: &str, sharers: Vec<(Id, Millis)>, now: Millis) {
        let device = self.devices.entry(device.to_owned()).or_default();
        let before = device.sharers.len();
        device.sharers.retain(|_, at| *at > now - WINDOW);
        device.somebody += before - device.sharers.len();
        let known = &mut device.sharers;
        for (id, at) in sharers {
            let before = known.entry(id).or_insert(at);
            *before = at.max(*before);
        }
    }

    /// The ids of the users to whom a device belonged lately.
    fn lately(&self, device: &str, now: Millis) -> BTreeSet<Id> {
        let owners = self.devices.get(device).into_iter().flat_map(|device| &device.owners);
        owners.filter(|(_, at)| *at > now - WINDOW).map(|(id, _)| id.clone()).collect()
    }

    /// Whose some ids are.
    fn people(&self, ids: &BTreeSet<Id>) -> BTreeSet<ProfileId> {
        ids.iter().map(|id| self.owners[id].profile).collect()
    }

    /// The id of a user by which is noted that a device was theirs: the one that was noted last, or one of the part that
    /// has the device, or any.
    fn user_id(&self, profile: ProfileId, device: &str) -> Id {
        let noted = self.devices.get(device).into_iter().flat_map(|device| device.owners.iter().rev());
        let noted = noted.map(|(id, _)| id).find(|id| self.owners[id].profile == profile);
        let part = self.owners.get(&Id::Device(device.to_owned())).map(|owner| owner.part);
        let of = |wanted: Option<ProfileId>| {
            self.owners.iter().find(|(id, owner)| {
                matches!(id, Id::User(_))
                    && owner.profile == profile
                    && wanted.is_none_or(|part| owner.part == part)
            })
        };
        let id = noted.or_else(|| Some(of(part).or_else(|| of(None))?.0));
        id.expect("an owner has a user id").clone()
    }

    fn note(&mut self, device: &str, owner: Id, at: Millis) {
        let device = self.devices.entry(device.to_owned()).or_default();
        let before = device.owners.iter().position(|(known, _)| *known == owner);
        let before = before.map_or(at, |place| device.owners.remove(place).1);
        device.owners.push((owner, at.max(before)));
    }

    /// A device that belongs to one user and has no visitor is like any other.
    fn tidy(&mut self, device: &str) {
        let is_plain = |known: &Device| {
            known.owners.len() < 2
                && known.visitor.is_none()
                && known.sharers.is_empty()
                && known.somebody == 0
        };
        if self.devices.get(device).is_some_and(is_plain) {
            self.devices.remove(device);
        }
    }

    fn has_user(&self, id: ProfileId) -> bool {
        self.owners.iter().any(|(text, owner)| matches!(text, Id::User(_)) && owner.profile == id)
    }

    fn new_profile(&mut self, name: String) -> ProfileId {
        self.profiles += 1;
        self.names.insert(self.profiles, name);
        self.profiles
    }

    /// Names a profile by an id of its own.
    fn give_name(&mut self, id: &Id, profile: ProfileId) {
        self.names.insert(profile, id.text().to_owned());
        self.owners.insert(id.clone(), Owner { profile, part: profile });
    }
}
