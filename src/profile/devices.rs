use crate::model::Instant;
use crate::profile::UserKey;
use crate::profile::identity::SHARED_FOR;
use hashbrown::HashMap;
use smallvec::SmallVec;

/// What is known of devices that changed hands, by the numbers of their ids. A device that belongs to one user, or to a
/// visitor, has no entry.
#[derive(Debug, Clone, Default)]
pub(crate) struct Devices(HashMap<u32, Device, ahash::RandomState>);

/// A device that belonged to a user and then to somebody else.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Device {
    /// Users to whom it belonged, each with the last instant at which that was said; in the order in which they came.
    pub(crate) owners: SmallVec<[(UserKey, Instant); 2]>,
    /// Whose its events are while nobody is signed in, where the device belongs to a user now.
    pub(crate) visitor: Option<UserKey>,
    /// Whether it was shared while that visitor used it: then its sessions stay on their own for ever.
    pub(crate) is_kept_apart: bool,
}

impl Device {
    /// Notes that it belonged to a user at an instant, and drops whose it was too long ago.
    pub(crate) fn note(&mut self, owner: UserKey, at: Instant, now: Instant) {
        match self.owners.iter_mut().find(|(known, _)| *known == owner) {
            Some((_, known)) => *known = at.max(*known),
            None => self.owners.push((owner, at)),
        }
        self.owners.retain(|(_, at)| *at > now - SHARED_FOR);
    }

    /// To how many users besides one it belonged lately.
    pub(crate) fn others(&self, than: UserKey, now: Instant) -> usize {
        self.owners.iter().filter(|(user, at)| *user != than && *at > now - SHARED_FOR).count()
    }

    /// Whether it belonged to any user lately.
    pub(crate) fn is_owned(&self, now: Instant) -> bool {
        self.owners.iter().any(|(_, at)| *at > now - SHARED_FOR)
    }

    /// Whether it belonged to two users lately, or to more.
    pub(crate) fn is_shared(&self, now: Instant) -> bool {
        self.owners.iter().filter(|(_, at)| *at > now - SHARED_FOR).count() > 1
    }

    /// Whether a device of which nothing is known would do as well.
    fn is_plain(&self) -> bool {
        self.owners.len() < 2 && self.visitor.is_none() && !self.is_kept_apart
    }
}

impl Devices {
    pub(crate) fn get(&self, number: u32) -> Option<&Device> {
        self.0.get(&number)
    }

    pub(crate) fn entry(&mut self, number: u32) -> &mut Device {
        self.0.entry(number).or_default()
    }

    pub(crate) fn remove(&mut self, number: u32) -> Option<Device> {
        self.0.remove(&number)
    }

    /// Takes out a device whose user ends: its visitor, who gets it, and what is known of it besides.
    pub(crate) fn give_back(&mut self, number: u32) -> Option<(UserKey, Device)> {
        let mut device = self.remove(number)?;
        Some((device.visitor.take()?, device))
    }

    /// Drops what is known of a device that belongs to one user and has no visitor.
    pub(crate) fn tidy(&mut self, number: u32) {
        if self.get(number).is_some_and(Device::is_plain) {
            self.0.remove(&number);
        }
    }

    /// What was one profile's is another's. O(devices that changed hands).
    pub(crate) fn readdress(&mut self, from: UserKey, into: UserKey) {
        for device in self.0.values_mut() {
            if let Some((_, at)) = device.owners.iter().copied().find(|(owner, _)| *owner == from) {
                device.owners.retain(|(owner, _)| *owner != from);
                match device.owners.iter_mut().find(|(owner, _)| *owner == into) {
                    Some((_, own)) => *own = at.max(*own),
                    None => device.owners.push((into, at)),
                }
            }
            device.visitor = device.visitor.filter(|visitor| *visitor != from);
        }
    }

    /// Forgets a profile. O(devices that changed hands).
    pub(crate) fn forget(&mut self, user: UserKey) {
        self.0.retain(|_, device| {
            device.owners.retain(|(owner, _)| *owner != user);
            device.visitor = device.visitor.filter(|visitor| *visitor != user);
            !device.owners.is_empty() || device.visitor.is_some() || device.is_kept_apart
        });
    }

    /// Lets go of a profile to whom no device belonged lately, and that is no visitor. O(devices that changed hands).
    pub(crate) fn part_with(&mut self, user: UserKey) {
        self.0.values_mut().for_each(|device| device.owners.retain(|(owner, _)| *owner != user));
    }

    /// Everything, by number.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (u32, &Device)> {
        self.0.iter().map(|(number, device)| (*number, device))
    }
}
