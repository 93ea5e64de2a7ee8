//! # identity: which profile a message is about
//! The rules of identity.md for `userId`, `anonymousId` and `previousId`. Profiles are numbers here:
//! what is known of them is `history`'s. Deliberately absent: rule 4 beyond “an owned device alone
//! belongs to its owner”, limits, declared ids, `merge` and `split`.

use std::collections::BTreeMap;

/// Number of a profile, in order of first sight; never given twice.
pub(crate) type ProfileId = usize;

/// What an id names. A user and a device may have the same text and are two then.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Id {
    User(String),
    Device(String),
}

/// Which profile owns which id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Owners {
    owners: BTreeMap<Id, ProfileId>,
    names: BTreeMap<ProfileId, String>,
    /// How many profiles there ever were.
    profiles: usize,
}

/// Whom a message is about.
pub(crate) struct Resolved {
    /// The profile, which may be a new one.
    pub(crate) id: ProfileId,
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

    /// Rules 1, 2, 3 and 5; an alias names its `previousId` as the device.
    pub(crate) fn resolve(&mut self, user: Option<&str>, device: Option<&str>) -> Resolved {
        let known = |id: ProfileId| Resolved { id, absorbed: None };
        match (user.map(|u| Id::User(u.to_owned())), device.map(|d| Id::Device(d.to_owned()))) {
            (Some(user), Some(device)) => {
                let visitor = self.owners.get(&device).copied().filter(|id| !self.has_user(*id));
                match (self.owners.get(&user).copied(), visitor) {
                    (None, Some(visitor)) => {
                        self.give(user, visitor);
                        known(visitor)
                    }
                    (Some(id), Some(visitor)) => {
                        self.owners.values_mut().filter(|owner| **owner == visitor).for_each(|o| *o = id);
                        Resolved { id, absorbed: Some(visitor) }
                    }
                    (_, None) => {
                        let id = self.owner(user);
                        self.owners.insert(device, id);
                        known(id)
                    }
                }
            }
            (Some(only), None) | (None, Some(only)) => known(self.owner(only)),
            (None, None) => panic!("a generated message names somebody"),
        }
    }

    /// Erases a profile with all its ids: the user's, or that of whom an alias says that this was
    /// an earlier id of theirs; else the device's owner.
    pub(crate) fn forget(&mut self, user: Option<&str>, device: Option<&str>) -> Option<ProfileId> {
        let device = self.owners.get(&Id::Device(user.or(device)?.to_owned())).copied();
        let user = user.and_then(|user| self.owners.get(&Id::User(user.to_owned())).copied());
        let forgotten = user.or(device)?;
        self.owners.retain(|_, owner| *owner != forgotten);
        Some(forgotten)
    }

    fn has_user(&self, id: ProfileId) -> bool {
        self.owners.iter().any(|(text, owner)| matches!(text, Id::User(_)) && *owner == id)
    }

    /// The owner of an id; one that is seen for the first time makes a profile.
    fn owner(&mut self, id: Id) -> ProfileId {
        if let Some(owner) = self.owners.get(&id) {
            return *owner;
        }
        self.profiles += 1;
        self.give(id, self.profiles);
        self.profiles
    }

    /// Names a profile by an id of its own.
    fn give(&mut self, id: Id, profile: ProfileId) {
        let (Id::User(name) | Id::Device(name)) = &id;
        self.names.insert(profile, name.clone());
        self.owners.insert(id, profile);
    }
}
