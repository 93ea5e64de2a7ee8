use crate::model::Instant;
use crate::profile::UserKey;
use crate::profile::identity::{IdTable, SHARED_FOR};
use hashbrown::HashMap;
use smallvec::SmallVec;

/// Most users of whom is known that a device was theirs: more than may have it within [`SHARED_FOR`].
const KNOWN_MAX: usize = 8;

/// Stands for a person who is in another partition by now, in the place of their id.
pub(crate) const ELSEWHERE: u32 = u32::MAX;

/// What is known of devices that changed hands, by the numbers of their ids. A device that belongs to one user, or to a
/// visitor, has no entry.
#[derive(Debug, Clone, Default)]
pub(crate) struct Devices(HashMap<u32, Device, ahash::RandomState>);

/// A device that belonged to a user and then to somebody else.
///
/// Whose it was is told by numbers of ids, each of which is there or [`ELSEWHERE`]: an id stays its person's while profiles
/// are merged and taken apart, so this follows from who they are now. Whoever is erased takes only their own ids along.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Device {
    /// Users to whom it belonged, each with the last instant at which that was said; in the order in which it was.
    pub(crate) owners: SmallVec<[(u32, Instant); 2]>,
    /// Whose its events are while nobody is signed in, where the device belongs to a user now.
    pub(crate) visitor: Option<UserKey>,
    /// Those who shared it while that visitor used it: while they are two people, its sessions stay on their own.
    pub(crate) sharers: SmallVec<[u32; 2]>,
}

/// How many people some ids are of, without one of them.
fn people(numbers: impl Iterator<Item = u32>, ids: &IdTable, but: Option<UserKey>) -> usize {
    let mut known: SmallVec<[UserKey; 4]> = SmallVec::new();
    let mut elsewhere = 0;
    for number in numbers {
        if number == ELSEWHERE {
            elsewhere += 1;
        } else {
            let user = ids.owner_of(number);
            if Some(user) != but && !known.contains(&user) {
                known.push(user);
            }
        }
    }
    known.len() + elsewhere
}

impl Device {
    /// Notes that it belonged to a user at an instant.
    pub(crate) fn note(&mut self, owner: u32, at: Instant) {
        let known = self.owners.iter().position(|(known, _)| *known == owner);
        let before = known.map(|place| self.owners.remove(place).1);
        self.owners.push((owner, before.map_or(at, |before| before.max(at))));
        if self.owners.len() > KNOWN_MAX {
            self.owners.remove(0);
        }
    }

    /// The ids of the users to whom it belonged lately.
    pub(crate) fn lately(&self, now: Instant) -> impl Iterator<Item = u32> + '_ {
        self.owners.iter().filter(move |(_, at)| *at > now - SHARED_FOR).map(|(owner, _)| *owner)
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

    /// Notes who shares it while its visitor uses it.
    pub(crate) fn share(&mut self, sharers: impl IntoIterator<Item = u32>) {
        for sharer in sharers {
            if !self.sharers.contains(&sharer) {
                self.sharers.push(sharer);
            }
        }
        let more = self.sharers.len().saturating_sub(KNOWN_MAX);
        self.sharers.drain(..more);
    }

    /// Whether its visitor's sessions stay on their own, whoever signs in.
    pub(crate) fn keeps_apart(&self, ids: &IdTable) -> bool {
        people(self.sharers.iter().copied(), ids, None) > 1
    }

    /// The id of a user by whom is known that it was theirs, where that is.
    pub(crate) fn owner(&self, user: UserKey, ids: &IdTable) -> Option<u32> {
        self.owners.iter().rev().map(|(owner, _)| *owner).find(|owner| ids.owner_of(*owner) == user)
    }

    /// Whose it is when the one ends to whom it belongs: its visitor's, else whose it was before.
    pub(crate) fn heir(&self, of: UserKey, ids: &IdTable) -> Option<UserKey> {
        let before =
            || self.owners.iter().rev().map(|(owner, _)| ids.owner_of(*owner)).find(|user| *user != of);
        self.visitor.filter(|visitor| *visitor != of).or_else(before)
    }
}

impl Devices {
    pub(crate) fn get(&self, number: u32) -> Option<&Device> {
        self.0.get(&number)
    }

    pub(crate) fn entry(&mut self, number: u32) -> &mut Device {
        self.0.entry(number).or_default()
    }

    pub(crate) fn remove(&mut self, number: u32) {
        self.0.remove(&number);
    }

    /// A profile is another one's part. O(devices that changed hands).
    pub(crate) fn absorbed(&mut self, visitor: UserKey) {
        self.0
            .values_mut()
            .for_each(|device| device.visitor = device.visitor.filter(|known| *known != visitor));
    }

    /// Forgets a profile with its ids. O(devices that changed hands).
    pub(crate) fn forget(&mut self, user: UserKey, numbers: &[u32]) {
        self.absorbed(user);
        for device in self.0.values_mut() {
            device.owners.retain(|(owner, _)| !numbers.contains(owner));
            device.sharers.retain(|sharer| !numbers.contains(sharer));
            if device.sharers.len() < 2 {
                device.sharers.clear();
            }
        }
    }

    /// Lets go of a profile that goes elsewhere with everybody to whom its devices belonged lately. O(devices that changed
    /// hands).
    pub(crate) fn part_with(&mut self, numbers: &[u32]) {
        for device in self.0.values_mut() {
            device.owners.retain(|(owner, _)| !numbers.contains(owner));
            let gone = device.sharers.iter_mut().filter(|sharer| numbers.contains(*sharer));
            gone.for_each(|sharer| *sharer = ELSEWHERE);
        }
    }

    /// Everything, by number.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (u32, &Device)> {
        self.0.iter().map(|(number, device)| (*number, device))
    }
}
