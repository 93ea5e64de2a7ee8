//! What is known of ids beside their owners, as bytes. Users go by their numbers, and devices by whose they are: no id is
//! in it.

use crate::model::{Bytes, Instant, Malformed, Record, record};
use crate::profile::devices::{Device, Had, SOMEBODY};
use crate::profile::link::Kind;
use crate::profile::{IdKindRule, IdentityHealth, ProfileStore, UserKey};

record! {
    IdKindRule { name, is_strong, limit }
    Kind { rule, is_declared }
    IdentityHealth {
        absorbed, merged, split, switched, refused_ids, refused_absorptions, refused_owners, refused_strong, kept_apart,
    }
}

/// An id: the number of its user, and its place among the ids of that one.
type Place = (u32, usize);

/// A device, users to whom it belonged, its visitor, and who shared it with that one; nothing for somebody.
type Row = (Place, Vec<(Place, Instant)>, Option<u32>, Vec<Option<(Place, Instant)>>);

impl ProfileStore {
    pub(super) fn write_linking(&self, out: &mut Vec<u8>) {
        let linking = &self.linking;
        linking.kinds.write(out);
        linking.health.write(out);
        let undo: Vec<(Instant, u32)> = linking.undo.iter().map(|(at, user)| (*at, user.0)).collect();
        undo.write(out);
        let place = |number: u32| {
            let holder = (number != SOMEBODY).then(|| self.ids.owner_of(number))?;
            let place = self.profiles.ids(holder).iter().position(|id| *id == number)?;
            Some((holder.0, place))
        };
        let had = |(id, at): &Had| Some((place(*id)?, *at));
        let mut devices: Vec<Row> = linking
            .devices
            .iter()
            .filter_map(|(number, device)| {
                let owners = device.owners.iter().filter_map(had);
                let visitor = device.visitor.map(|visitor| visitor.0);
                let sharers = device.sharers.iter().map(had);
                Some((place(number)?, owners.collect(), visitor, sharers.collect()))
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
        let number = |(holder, place): Place| {
            let ids = is_there(holder).then(|| self.profiles.ids(UserKey(holder)));
            ids.and_then(|ids| ids.get(place).copied())
        };
        for (device, owners, visitor, sharers) in devices {
            let read = || {
                let had = |(id, at): (Place, Instant)| Some((number(id)?, at));
                let owners = owners.into_iter().map(had);
                let somebody = Some((SOMEBODY, Instant::MIN));
                let sharers = sharers.into_iter().map(|sharer| sharer.map_or(somebody, had));
                let (owners, sharers) = (owners.collect::<Option<_>>()?, sharers.collect::<Option<_>>()?);
                Some((number(device)?, Device { owners, visitor: visitor.map(UserKey), sharers }))
            };
            let read = if visitor.is_none_or(is_there) { read() } else { None };
            known.push(read.ok_or_else(|| from.malformed("a device"))?);
        }
        let linking = &mut self.linking;
        linking.kinds = kinds;
        linking.health = health;
        linking.undo = undo.into_iter().map(|(at, user)| (at, UserKey(user))).collect();
        known.into_iter().for_each(|(number, device)| linking.devices.insert(number, device));
        Ok(())
    }
}
