//! What is known of ids beside their owners, as bytes. Users go by their numbers, and devices by whose they are: no id is
//! in it.

use crate::model::{Bytes, Instant, Malformed, Record, record};
use crate::profile::devices::Device;
use crate::profile::link::Kind;
use crate::profile::{IdKindRule, IdentityHealth, ProfileStore, UserKey};
use smallvec::SmallVec;
use std::collections::VecDeque;

record! {
    IdKindRule { name, is_strong, limit }
    Kind { rule, is_declared }
    IdentityHealth {
        absorbed, merged, split, switched, refused_ids, refused_absorptions, refused_owners, refused_strong, kept_apart,
    }
}

/// Whose a device is, its place among the ids of that profile, users to whom it belonged, its visitor, and whether that
/// one stays apart.
type Row = ((u32, usize), Vec<(u32, Instant)>, Option<u32>, bool);

impl ProfileStore {
    pub(super) fn write_linking(&self, out: &mut Vec<u8>) {
        let linking = &self.linking;
        linking.kinds.write(out);
        linking.health.write(out);
        let undo: Vec<(Instant, u32)> = linking.undo.iter().map(|(at, user)| (*at, user.0)).collect();
        undo.write(out);
        let mut devices: Vec<Row> = linking
            .devices
            .iter()
            .filter_map(|(number, device)| {
                let holder = self.ids.owner_of(number);
                let place = self.profiles.ids(holder).iter().position(|id| *id == number)?;
                let owners = device.owners.iter().map(|(user, at)| (user.0, *at)).collect();
                let visitor = device.visitor.map(|visitor| visitor.0);
                Some(((holder.0, place), owners, visitor, device.is_kept_apart))
            })
            .collect();
        devices.sort_unstable();
        devices.write(out);
    }

    /// Goes on with what was written, behind the users.
    ///
    /// # Errors
    /// Bytes that were not written so, or that are about users who are not there.
    pub(super) fn read_linking(&mut self, from: &mut Bytes<'_>) -> Result<(), Malformed> {
        let kinds: Vec<Kind> = from.read()?;
        let health = from.read()?;
        let undo: Vec<(Instant, u32)> = from.read()?;
        let devices: Vec<Row> = from.read()?;
        let is_there = |user: u32| self.profiles.is_there(UserKey(user));
        let mut known = Vec::new();
        for ((holder, place), owners, visitor, is_kept_apart) in devices {
            let users = owners.iter().map(|(user, _)| *user).chain(visitor).chain([holder]);
            let ids = is_there(holder).then(|| self.profiles.ids(UserKey(holder)));
            let number = ids.and_then(|ids| ids.get(place).copied());
            let Some(number) = number.filter(|_| users.into_iter().all(is_there)) else {
                return Err(from.malformed("a device"));
            };
            let owners: SmallVec<[(UserKey, Instant); 2]> =
                owners.into_iter().map(|(user, at)| (UserKey(user), at)).collect();
            known.push((number, Device { owners, visitor: visitor.map(UserKey), is_kept_apart }));
        }
        let linking = &mut self.linking;
        linking.kinds = kinds;
        linking.health = health;
        linking.undo = undo.into_iter().map(|(at, user)| (at, UserKey(user))).collect::<VecDeque<_>>();
        known.into_iter().for_each(|(number, device)| *linking.devices.entry(number) = device);
        Ok(())
    }
}
