//! Whose a device is and was, of people who share it: who is noted, who stays apart, and who inherits it.

use crate::model::Instant;
use crate::profile::devices::{Device, Had, is_late};
use crate::profile::{IDS_MAX, IdKind, ProfileStore, UserKey};
use serde::Serialize;

impl ProfileStore {
    /// The id by which is noted that a device is a user's: the one that the input at hand names, or by which that was
    /// noted before, or one of the part that the device is of. So it stays that part's when the profile is taken apart.
    pub(super) fn id_of_owner(&self, number: u32, user: UserKey) -> Option<u32> {
        let is_users = |id: &u32| self.ids.entry(*id).0 == IdKind::User;
        let told = self.linking.told.filter(|(told, _)| *told == user).map(|(_, id)| id).filter(is_users);
        let known = || self.linking.devices.get(number)?.owner(user, &self.ids);
        let profile = self.get(user);
        let of_part =
            || profile.parts().get(profile.part_of(number))?.profile.ids.iter().copied().find(is_users);
        let any = || profile.ids.iter().copied().find(is_users).or_else(|| profile.ids.first().copied());
        told.or_else(known).or_else(of_part).or_else(any)
    }

    /// Notes that a device belonged to a user at an instant.
    pub(super) fn note_owner(&mut self, number: u32, user: UserKey, at: Instant, now: Instant) {
        if let Some(own) = self.id_of_owner(number, user) {
            self.linking.devices.note(number, (own, at), now);
        }
    }

    /// Drops what is known of a device of which the same is true without it.
    pub(super) fn tidy_device(&mut self, number: u32) {
        let Some(device) = self.linking.devices.get(number) else { return };
        let holder = self.ids.owner_of(number);
        let is_holders = match *device.owners {
            [] => true,
            [(owner, _)] => self.has_user_id(holder) && self.ids.owner_of(owner) == holder,
            _ => false,
        };
        if is_holders && device.visitor.is_none() && device.sharers.is_empty() {
            self.linking.devices.remove(number);
        }
    }

    /// Whether the sessions of a visitor stay on their own, because a device of theirs is shared, or was.
    pub(super) fn is_kept_apart(
        &self,
        visitor: UserKey,
        now: Instant,
        is_shared: impl Fn(u32, &Device) -> bool,
    ) -> bool {
        let devices =
            self.get(visitor).ids.iter().filter_map(|id| Some((*id, self.linking.devices.get(*id)?)));
        devices.into_iter().any(|(id, device)| device.keeps_apart(&self.ids, now) || is_shared(id, device))
    }

    /// Removes the ids of a profile that ends, as if it had never been: a device goes back to the visitor who used it
    /// besides, or else to whom it belonged before, and what is known of the others stays.
    pub(super) fn drop_ids(&mut self, user: UserKey, numbers: &[u32], now: Instant) {
        for (number, heir) in self.inheritance(user, numbers, now) {
            let device = self.linking.devices.get(number);
            let id = device.and_then(|device| device.owner(heir, &self.ids));
            if device.is_some_and(|device| device.visitor == Some(heir)) {
                self.linking.devices.take_visitor(number);
            }
            let part = id.map_or(0, |id| self.get(heir).part_of(id));
            self.get_mut(heir).each(part, |profile, _| profile.ids.push(number));
            self.ids.set_owner(number, heir);
        }
        for number in numbers.iter().filter(|number| self.ids.owner_of(**number) == user) {
            self.linking.devices.remove(*number);
        }
        let changed = self.linking.devices.forget(user, numbers, now);
        changed.iter().chain(numbers).for_each(|number| self.tidy_device(*number));
        for number in numbers {
            if self.ids.owner_of(*number) == user {
                self.ids.remove(*number);
            }
        }
    }

    /// Whose the devices of a user are when that one ends: of each somebody with room for one more id.
    pub(super) fn inheritance(&self, of: UserKey, numbers: &[u32], now: Instant) -> Vec<(u32, UserKey)> {
        let mut all: Vec<(u32, UserKey)> = Vec::new();
        for number in numbers {
            let Some(device) = self.linking.devices.get(*number) else { continue };
            let has_room = |heir: &UserKey| {
                let more = all.iter().filter(|(_, own)| own == heir).count();
                self.profiles.ids(*heir).len() + more < IDS_MAX
            };
            let heir = device.heirs(of, &self.ids, now).into_iter().find(has_room);
            all.extend(heir.map(|heir| (*number, heir)));
        }
        all
    }

    /// What is known of devices that changed hands, in order of their ids, for a digest of the state.
    pub(crate) fn devices_state(&self, now: Instant) -> impl Serialize {
        let name = |user: UserKey| self.name(user).to_string();
        let mut devices: Vec<_> = self
            .linking
            .devices
            .iter()
            .map(|(number, device)| {
                let id = |number: u32| self.ids.entry(number).1.to_owned();
                let owners: Vec<_> = device.owners.iter().map(|(owner, at)| (id(*owner), *at)).collect();
                let sharer = |had: &Had| is_late(had, now).then(|| (id(had.0), had.1));
                let mut sharers: Vec<_> = device.sharers.iter().map(sharer).collect();
                sharers.sort_unstable();
                (id(number), owners, device.visitor.map(name), sharers)
            })
            .collect();
        devices.sort_unstable();
        devices
    }
}
