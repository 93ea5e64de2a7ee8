//! Whom a message will be about, before it is applied.

use crate::model::{Body, Instant, Message};
use crate::profile::{DeviceRule, IdKind, KindName, ProfileStore, UserKey};
use smallvec::SmallVec;

/// Whom a message will be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// A user who is there.
    Known(UserKey),
    /// One who will be made.
    New,
    /// Nobody, or nobody who is there.
    Nobody,
}

impl ProfileStore {
    /// Whether ids may belong to somebody else after a message, so that what follows has to see what it did. Looks at
    /// nobody's profile.
    pub(crate) fn joins(&self, message: &Message) -> bool {
        if !message.ids.declared.is_empty() {
            return true;
        }
        match &message.body {
            Body::Alias { .. }
            | Body::Merge { .. }
            | Body::Split { .. }
            | Body::Forget { .. }
            | Body::World { .. } => true,
            Body::Item { .. } | Body::RemoveItem { .. } => false,
            _ => {
                let Some(device) = message.ids.anonymous.as_deref() else { return false };
                let number = self.ids.number(IdKind::Anonymous, device);
                let holder = number.map(|number| self.ids.owner_of(number));
                let is_plain = number.is_none_or(|number| self.linking.devices.get(number).is_none());
                match message.ids.user.as_deref() {
                    Some(user) => {
                        let user = self.ids.owner(IdKind::User, user);
                        user.is_none() || user != holder || !is_plain
                    }
                    // Whether the user is still signed in is in the profile.
                    None => holder.is_some_and(|holder| self.has_user_id(holder)) || !is_plain,
                }
            }
        }
    }

    /// The profile for which `resolve` will take a message. Everybody whom it [names](ProfileStore::named) has to be in
    /// memory.
    pub(crate) fn whose(&self, message: &Message, at: Instant, now: Instant) -> Whose {
        let known = |user: Option<UserKey>| user.map_or(Whose::Nobody, Whose::Known);
        let or_new = |user: Option<UserKey>| user.map_or(Whose::New, Whose::Known);
        let user = message.ids.user.as_deref();
        match (&message.body, user) {
            (body, _) if body.is_for_everyone() => return Whose::Nobody,
            (Body::Forget { .. }, _) => return known(self.to_forget(message)),
            // Whoever is taken out gets a key of their own.
            (Body::Split { .. }, _) => return Whose::New,
            (_, Some(user)) => {
                return or_new(self.ids.owner(IdKind::User, user).or_else(|| self.namesake(message, now)));
            }
            (_, None) => {}
        }
        let strong = self.declared(message, true);
        if let Some(user) = strong.iter().find_map(|(kind, id)| self.ids.owner(*kind, id)) {
            return Whose::Known(user);
        }
        let Some(device) = message.ids.anonymous.as_deref() else {
            let weak = self.declared(message, false);
            return or_new(weak.iter().find_map(|(kind, id)| self.ids.owner(*kind, id)));
        };
        let Some(number) = self.ids.number(IdKind::Anonymous, device) else { return Whose::New };
        let holder = self.ids.owner_of(number);
        if strong.iter().any(|(kind, _)| !self.has_room(holder, *kind)) {
            return Whose::New;
        }
        let profile = self.get(holder);
        let is_signed_in =
            self.linking.device == DeviceRule::Owner && at < profile.last_seen + self.session_gap;
        if !profile.has_user_id || is_signed_in {
            return Whose::Known(holder);
        }
        or_new(self.linking.devices.get(number).and_then(|device| device.visitor))
    }

    /// Whose the device and the declared ids of a message are.
    pub(super) fn holders<'m>(&'m self, message: &'m Message) -> impl Iterator<Item = UserKey> + 'm {
        let device = message.ids.anonymous.as_deref().and_then(|id| self.ids.owner(IdKind::Anonymous, id));
        let declared = message
            .ids
            .declared
            .iter()
            .filter_map(|(kind, id)| self.ids.owner(IdKind::Declared(self.linking.number(kind)?), id));
        device.into_iter().chain(declared)
    }

    /// All who may get a device of a user when this one is erased.
    pub(crate) fn heirs(&self, user: UserKey) -> SmallVec<[UserKey; 3]> {
        let devices = self.profiles.ids(user).iter().filter_map(|id| self.linking.devices.get(*id));
        devices.flat_map(|device| device.heirs(user, &self.ids, Instant::MIN)).collect()
    }

    /// The ids of a user that are another's when this one is erased.
    pub(crate) fn inherited(
        &self,
        user: UserKey,
        now: Instant,
    ) -> impl Iterator<Item = (KindName<'_>, &str)> {
        let ids = self.profiles.ids(user);
        let heirs = self.inheritance(user, ids, now);
        let named = self.named_ids(user).zip(ids);
        named.filter(move |(_, number)| heirs.iter().any(|(id, _)| id == *number)).map(|(id, _)| id)
    }

    /// Whom an erasure is about.
    pub(crate) fn to_forget(&self, message: &Message) -> Option<UserKey> {
        // A device may have the id of a user who has nothing to do with it, and so may a card. An earlier id, which an
        // `alias` has linked, is one of theirs.
        match (&message.ids.user, &message.ids.anonymous) {
            (Some(user), _) => {
                let of_kind = |kind| self.ids.owner(kind, user);
                of_kind(IdKind::User).or_else(|| of_kind(IdKind::Anonymous))
            }
            (None, Some(device)) => self.find_device(device),
            (None, None) => {
                let mut declared = message.ids.declared.iter();
                declared
                    .find_map(|(kind, id)| self.ids.owner(IdKind::Declared(self.linking.number(kind)?), id))
            }
        }
    }

    /// Everybody whose profile a message may look at or change, visitors of its devices among them. Looks at nobody's
    /// profile.
    pub(crate) fn named(&self, message: &Message) -> SmallVec<[UserKey; 3]> {
        let mut named = SmallVec::new();
        let mut note = |user: Option<UserKey>| {
            named.extend(user.filter(|user| !named.contains(user)));
        };
        let mut add = |kind: IdKind, id: &str| {
            let Some(number) = self.ids.number(kind, id) else { return };
            note(Some(self.ids.owner_of(number)));
            note(self.linking.devices.get(number).and_then(|device| device.visitor));
        };
        if let Some(user) = &message.ids.user {
            add(IdKind::User, user);
        }
        if let Some(device) = &message.ids.anonymous {
            add(IdKind::Anonymous, device);
        }
        if let Body::Alias { previous_id } | Body::Merge { previous_id, .. } = &message.body {
            add(IdKind::User, previous_id);
            add(IdKind::Anonymous, previous_id);
        }
        for (kind, id) in &message.ids.declared {
            if let Some(number) = self.linking.number(kind) {
                add(IdKind::Declared(number), id);
            }
        }
        if matches!(message.body, Body::Forget { .. })
            && let Some(user) = self.to_forget(message)
        {
            note(Some(user));
            self.heirs(user).into_iter().for_each(|heir| note(Some(heir)));
        }
        named
    }

    /// Whether a profile is a user's, also while it is away.
    pub(super) fn has_user_id(&self, user: UserKey) -> bool {
        self.ids(user).any(|(kind, _)| kind == IdKind::User)
    }
}
