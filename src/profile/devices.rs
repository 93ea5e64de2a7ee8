use crate::model::Instant;
use crate::profile::UserKey;
use crate::profile::identity::{IdTable, SHARED_FOR};
use hashbrown::HashMap;
use smallvec::SmallVec;

/// Stands for somebody, in the place of an id: whoever shared a device so long ago that they may be in another partition.
pub(crate) const SOMEBODY: u32 = u32::MAX;

/// An id by which something was somebody's, with the last instant at which that was said.
pub(crate) type Had = (u32, Instant);

/// What is known of devices that changed hands, by the numbers of their ids. A device that belongs to one user, or to a
/// visitor, has no entry.
///
/// Devices are found by whose they were, too: who is absorbed or ends is one of many, and most of these shared none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Devices {
    known: HashMap<u32, Device, ahash::RandomState>,
    /// The devices of which somebody is the visitor, and some of which they were.
    visited: HashMap<UserKey, Numbers, ahash::RandomState>,
    /// The devices that were somebody's by an id, and some of which that is known no more.
    noted: HashMap<u32, Numbers, ahash::RandomState>,
}

type Numbers = SmallVec<[u32; 2]>;

/// A device that belonged to a user and then to somebody else.
///
/// Whose it was is told by numbers of ids, each of which is there, or [`SOMEBODY`]: an id stays its person's while profiles
/// are merged and taken apart, so this follows from who they are now. Whoever is erased takes only their own ids along. It
/// counts for [`SHARED_FOR`], for which everybody is in one partition whom it is about.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Device {
    /// Users to whom it belonged; in the order in which that was said last.
    pub(crate) owners: SmallVec<[Had; 2]>,
    /// Whose its events are while nobody is signed in, where the device belongs to a user now.
    pub(crate) visitor: Option<UserKey>,
    /// Those who shared it while that visitor used it: while they are two people, its sessions stay on their own. Who did
    /// so long ago is somebody, whoever that is.
    pub(crate) sharers: SmallVec<[Had; 2]>,
}

/// Whether something was said lately enough to count.
pub(crate) fn is_late((_, at): &Had, now: Instant) -> bool {
    *at > now - SHARED_FOR
}

/// The people to whom some ids belong, without one of them.
fn people(numbers: impl Iterator<Item = u32>, ids: &IdTable, but: Option<UserKey>) -> usize {
    let mut known: SmallVec<[UserKey; 4]> = SmallVec::new();
    for user in numbers.map(|number| ids.owner_of(number)) {
        if Some(user) != but && !known.contains(&user) {
            known.push(user);
        }
    }
    known.len()
}

impl Device {
    fn note(&mut self, owner: u32, at: Instant, now: Instant) {
        let known = self.owners.iter().position(|(known, _)| *known == owner);
        let before = known.map(|place| self.owners.remove(place).1);
        self.owners.push((owner, before.map_or(at, |before| before.max(at))));
        self.owners.retain(|had| is_late(had, now));
    }

    /// The ids of the users to whom it belonged lately.
    pub(crate) fn lately(&self, now: Instant) -> impl Iterator<Item = u32> + '_ {
        self.owners.iter().filter(move |had| is_late(had, now)).map(|(owner, _)| *owner)
    }

    /// To how many users besides one it belonged lately.
    pub(crate) fn others(&self, than: UserKey, ids: &IdTable, now: Instant) -> usize {
        people(self.lately(now), ids, Some(than))
    }

    /// Whether it belonged to any user lately.
    pub(crate) fn is_owned(&self, now: Instant) -> bool {
        self.lately(now).next().is_some()
    }

    /// Whether it belonged to two users lately, or to more.
    pub(crate) fn is_shared(&self, ids: &IdTable, now: Instant) -> bool {
        people(self.lately(now), ids, None) > 1
    }

    fn share(&mut self, sharers: &[Had], now: Instant) {
        let old = self.sharers.iter_mut().filter(|had| !is_late(had, now));
        old.for_each(|had| *had = (SOMEBODY, Instant::MIN));
        for (sharer, at) in sharers {
            match self.sharers.iter_mut().find(|(known, _)| known == sharer) {
                Some((_, known)) => *known = *at.max(known),
                None => self.sharers.push((*sharer, *at)),
            }
        }
        // Of those who are only somebody two say all that there is to say.
        let mut old = 0;
        self.sharers.retain(|had| {
            is_late(had, now) || {
                old += 1;
                old <= 2
            }
        });
    }

    /// One alone shares nothing.
    fn tidy(&mut self) {
        if self.sharers.len() < 2 {
            self.sharers.clear();
        }
    }

    /// Whether its visitor's sessions stay on their own, whoever signs in.
    pub(crate) fn keeps_apart(&self, ids: &IdTable, now: Instant) -> bool {
        let old = self.sharers.iter().filter(|had| !is_late(had, now)).count();
        let late = self.sharers.iter().filter(|had| is_late(had, now));
        old + people(late.map(|(sharer, _)| *sharer), ids, None) > 1
    }

    /// The id of a user by whom is known that it was theirs, where that is.
    pub(crate) fn owner(&self, user: UserKey, ids: &IdTable) -> Option<u32> {
        self.owners.iter().rev().map(|(owner, _)| *owner).find(|owner| ids.owner_of(*owner) == user)
    }

    /// Whose it may be when the one ends to whom it belongs: its visitor's, else whose it was before, the latest first.
    pub(crate) fn heirs(&self, of: UserKey, ids: &IdTable, now: Instant) -> SmallVec<[UserKey; 4]> {
        let owners = self.owners.iter().rev().filter(|had| is_late(had, now));
        let before = owners.map(|(owner, _)| ids.owner_of(*owner));
        self.visitor.into_iter().chain(before).filter(|user| *user != of).collect()
    }
}

impl Devices {
    pub(crate) fn get(&self, number: u32) -> Option<&Device> {
        self.known.get(&number)
    }

    /// Everything, by number.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (u32, &Device)> {
        self.known.iter().map(|(number, device)| (*number, device))
    }

    pub(crate) fn insert(&mut self, number: u32, mut device: Device) {
        device.tidy();
        let ids = device.owners.iter().chain(&device.sharers).map(|(id, _)| *id).filter(|id| *id != SOMEBODY);
        ids.for_each(|id| add(self.noted.entry(id).or_default(), number));
        device.visitor.iter().for_each(|visitor| add(self.visited.entry(*visitor).or_default(), number));
        self.known.insert(number, device);
    }

    pub(crate) fn remove(&mut self, number: u32) {
        let Some(device) = self.known.remove(&number) else { return };
        device.owners.iter().chain(&device.sharers).for_each(|(id, _)| self.unnote(*id, number));
    }

    fn unnote(&mut self, id: u32, number: u32) {
        if let Some(devices) = self.noted.get_mut(&id) {
            devices.retain(|device| *device != number);
            if devices.is_empty() {
                self.noted.remove(&id);
            }
        }
    }

    /// Notes that a device belonged to a user at an instant.
    pub(crate) fn note(&mut self, number: u32, (owner, at): Had, now: Instant) {
        add(self.noted.entry(owner).or_default(), number);
        let device = self.known.entry(number).or_default();
        let before = device.owners.clone();
        device.note(owner, at, now);
        let is_known = |id: u32| device.owners.iter().chain(&device.sharers).any(|(known, _)| *known == id);
        let gone: Numbers = before.iter().map(|(id, _)| *id).filter(|id| !is_known(*id)).collect();
        gone.into_iter().for_each(|id| self.unnote(id, number));
    }

    /// Notes who shares a device while its visitor uses it.
    pub(crate) fn share(&mut self, number: u32, sharers: &[Had], now: Instant) {
        sharers.iter().for_each(|(sharer, _)| add(self.noted.entry(*sharer).or_default(), number));
        self.known.entry(number).or_default().share(sharers, now);
    }

    pub(crate) fn set_visitor(&mut self, number: u32, visitor: UserKey) {
        add(self.visited.entry(visitor).or_default(), number);
        self.known.entry(number).or_default().visitor = Some(visitor);
    }

    pub(crate) fn take_visitor(&mut self, number: u32) -> Option<UserKey> {
        self.known.get_mut(&number)?.visitor.take()
    }

    /// The devices that changed hands of which somebody with some ids may be the owner or the visitor, or may have been.
    pub(crate) fn of(&self, user: UserKey, ids: &[u32]) -> Numbers {
        let mut devices: Numbers = ids.iter().copied().filter(|id| self.known.contains_key(id)).collect();
        let noted = ids.iter().filter_map(|id| self.noted.get(id));
        let other = noted.chain(self.visited.get(&user)).flatten();
        other.for_each(|device| add(&mut devices, *device));
        devices
    }

    /// A visitor is so no longer: a part of another profile, or at an end. Gives the devices. O(devices of theirs).
    pub(crate) fn end_visits(&mut self, visitor: UserKey) -> Numbers {
        let devices = self.visited.remove(&visitor).unwrap_or_default();
        for number in &devices {
            if let Some(device) = self.known.get_mut(number) {
                device.visitor = device.visitor.filter(|known| *known != visitor);
            }
        }
        devices
    }

    /// Forgets somebody with their ids; gives the devices of which less may be known. O(devices of theirs).
    pub(crate) fn forget(&mut self, user: UserKey, numbers: &[u32], now: Instant) -> Numbers {
        let mut devices = self.end_visits(user);
        let noted = self.each_noted(numbers, |device| {
            device.owners.retain(|(owner, _)| !numbers.contains(owner));
            device.sharers.retain(|had| !numbers.contains(&had.0) || !is_late(had, now));
            let old = device.sharers.iter_mut().filter(|(sharer, _)| numbers.contains(sharer));
            old.for_each(|(sharer, _)| *sharer = SOMEBODY);
            device.tidy();
        });
        noted.into_iter().for_each(|number| add(&mut devices, number));
        devices
    }

    /// Lets go of somebody who goes elsewhere with everybody to whom their devices belonged lately. O(devices of theirs).
    pub(crate) fn part_with(&mut self, numbers: &[u32]) {
        self.each_noted(numbers, |device| {
            device.owners.retain(|(owner, _)| !numbers.contains(owner));
            let gone = device.sharers.iter_mut().filter(|(sharer, _)| numbers.contains(sharer));
            gone.for_each(|gone| *gone = (SOMEBODY, Instant::MIN));
        });
    }

    /// Lets something happen to the devices that were somebody's by ids which end.
    fn each_noted(&mut self, numbers: &[u32], happen: impl Fn(&mut Device)) -> Numbers {
        let mut devices = Numbers::new();
        let noted = numbers.iter().filter_map(|number| self.noted.remove(number)).flatten();
        noted.for_each(|device| add(&mut devices, device));
        for number in &devices {
            if let Some(device) = self.known.get_mut(number) {
                happen(device);
            }
        }
        devices
    }
}

fn add(numbers: &mut Numbers, number: u32) {
    if !numbers.contains(&number) {
        numbers.push(number);
    }
}
