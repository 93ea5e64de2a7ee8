use crate::model::Pages;
use crate::profile::Keep;
use crate::profile::history::Unfolded;
use crate::profile::{Profile, UserKey};
use hashbrown::HashSet;
use parking_lot::Mutex;
use smallvec::SmallVec;
use smol_str::SmolStr;
use std::collections::VecDeque;
use std::hint::black_box;

/// Profiles by number: in memory, or away with only name and ids left.
///
/// Whoever is away has to come back before anything else is asked for; the engine sees to that.
///
/// Invariants: 1. a number is in `free` exactly where its slot is. 2. who is away or not never shows in a result.
#[derive(Debug, Default)]
pub(crate) struct Profiles {
    slots: Pages<Slot>,
    free: Vec<u32>,
    awake: Mutex<Awake>,
}

/// Whose histories are unfolded. Behind a lock, because readers look at histories too, side by side.
#[derive(Debug, Default, Clone)]
struct Awake {
    /// Who was looked at first comes first; some may have gone since.
    users: VecDeque<UserKey>,
    /// Room in which histories were unfolded that rest again.
    #[allow(clippy::vec_box)] // they go to a history and come back, and only the pointer moves
    rooms: Vec<Box<Unfolded>>,
}

/// Rooms of so few rows are used again, and no more than so many of them.
const ROOM_ROWS_MAX: usize = 128;
const ROOMS_MAX: usize = 16;

/// So few users may all be awake: that is some megabytes. Tests have next to nobody awake, so that each of them is one of
/// users who rest and of users who do not.
const FEW: usize = if cfg!(debug_assertions) { 3 } else { 4_096 };
/// Of more than that so many are, those who were looked at last: who comes again at once finds all as it was left, and the
/// processor has them in its cache when they are to rest.
const AWAKE_MAX: usize = if cfg!(debug_assertions) { 1 } else { 128 };

#[derive(Debug, Clone)]
enum Slot {
    Free,
    Here(Box<Profile>),
    Away(Box<Away>),
}

/// What is left in memory of a profile that is away.
#[derive(Debug, Clone)]
pub(crate) struct Away {
    /// The name that outputs show and users are ordered by.
    pub(crate) name: SmolStr,
    /// Numbers of its ids in the store's table.
    pub(crate) ids: SmallVec<[u32; 2]>,
}

const DROPPED: &str = "a user key is dropped with its profile";
const AWAY: &str = "a user comes back before anybody looks";

impl Clone for Profiles {
    fn clone(&self) -> Profiles {
        let Profiles { slots, free, awake } = self;
        Profiles { slots: slots.clone(), free: free.clone(), awake: Mutex::new(awake.lock().clone()) }
    }
}

/// Notes a profile that comes, where its history is unfolded.
fn note_awake(awake: &mut Mutex<Awake>, user: UserKey, profile: &Profile) {
    if profile.history.is_unfolded() {
        awake.get_mut().users.push_back(user);
    }
}

impl Profiles {
    /// How many profiles there are, here or away.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// One more than the highest number that was ever given.
    pub(crate) fn numbers(&self) -> u32 {
        self.slots.len() as u32
    }

    pub(crate) fn get(&self, user: UserKey) -> &Profile {
        match &self.slots[user.0 as usize] {
            Slot::Here(profile) => profile,
            _ => unreachable!("{AWAY}"),
        }
    }

    /// A profile whose history is going to be looked at.
    pub(crate) fn unfolded(&self, user: UserKey) -> &Profile {
        let profile = self.get(user);
        if !profile.history.is_empty() {
            self.unfold(user);
        }
        profile
    }

    /// Unfolds the history of a profile, also one that has no event yet.
    pub(crate) fn unfold(&self, user: UserKey) {
        let history = &self.get(user).history;
        if !history.is_unfolded() {
            let room = self.awake.lock().rooms.pop().unwrap_or_default();
            if history.unfold(|| room) {
                self.awake.lock().users.push_back(user);
            }
        }
    }

    /// Has one rest whose history was unfolded before those of many others; gives who that is, until they are few.
    pub(crate) fn rest_one(&mut self, keep: &Keep) -> Option<UserKey> {
        let Profiles { slots, awake, .. } = self;
        let Awake { users, rooms } = awake.get_mut();
        let awake_max = if slots.len() <= FEW { FEW } else { AWAKE_MAX };
        while users.len() > awake_max {
            let user = users.pop_front()?;
            if let Some(Slot::Here(profile)) = slots.get_mut(user.0 as usize) {
                let room = profile.history.rest(keep);
                rooms.extend(room.filter(|room| room.capacity() <= ROOM_ROWS_MAX));
                rooms.truncate(ROOMS_MAX);
                return Some(user);
            }
        }
        None
    }

    /// Whether more histories are unfolded than may be: readers do not have them rest.
    pub(crate) fn has_many_awake(&self) -> bool {
        self.awake.lock().users.len() > FEW
    }

    pub(crate) fn get_mut(&mut self, user: UserKey) -> &mut Profile {
        match self.slots.get_mut(user.0 as usize) {
            Some(Slot::Here(profile)) => profile,
            _ => unreachable!("{AWAY}"),
        }
    }

    /// Reads a word of each part of a profile that inputs look at, where it is here.
    pub(crate) fn look_ahead(&self, user: UserKey) {
        if let Slot::Here(profile) = &self.slots[user.0 as usize] {
            let Profile { zone, last_seen, attributes, lineage, session, history, .. } = &**profile;
            black_box((*zone, *last_seen, attributes.iter().len(), lineage.is_some(), session.last));
            black_box(history.look_ahead());
        }
    }

    /// The id that outputs show.
    pub(crate) fn name(&self, user: UserKey) -> &SmolStr {
        match &self.slots[user.0 as usize] {
            Slot::Here(profile) => &profile.name,
            Slot::Away(away) => &away.name,
            Slot::Free => unreachable!("{DROPPED}"),
        }
    }

    /// The numbers of its ids in the store's table.
    pub(crate) fn ids(&self, user: UserKey) -> &[u32] {
        match &self.slots[user.0 as usize] {
            Slot::Here(profile) => &profile.ids,
            Slot::Away(away) => &away.ids,
            Slot::Free => unreachable!("{DROPPED}"),
        }
    }

    /// Whether there is a profile of that number, here or away.
    pub(crate) fn is_there(&self, user: UserKey) -> bool {
        (user.0 as usize) < self.slots.len() && !matches!(self.slots[user.0 as usize], Slot::Free)
    }

    pub(crate) fn is_here(&self, user: UserKey) -> bool {
        (user.0 as usize) < self.slots.len() && matches!(self.slots[user.0 as usize], Slot::Here(_))
    }

    /// The numbers of all profiles from one on, in order.
    pub(crate) fn keys_from(&self, first: UserKey) -> impl Iterator<Item = UserKey> + '_ {
        (first.0..self.numbers()).map(UserKey).filter(|user| self.is_there(*user))
    }

    /// All profiles that are here, to be changed.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Profile> {
        self.slots.iter_mut().filter_map(|slot| match slot {
            Slot::Here(profile) => Some(&mut **profile),
            _ => None,
        })
    }

    /// Gives a new profile a number: that of the last one that went, or the next.
    pub(crate) fn add(&mut self, profile: Profile) -> UserKey {
        let number = self.free.pop().unwrap_or_else(|| {
            let number = u32::try_from(self.slots.len()).expect("profiles exceed any memory before this");
            self.slots.push(Slot::Free);
            number
        });
        note_awake(&mut self.awake, UserKey(number), &profile);
        self.slots[number as usize] = Slot::Here(Box::new(profile));
        UserKey(number)
    }

    /// Gives one a number that comes from another partition, and is away yet.
    pub(crate) fn admit(&mut self, away: Away) -> UserKey {
        let user = self.add(Profile::new(away.name.clone(), false, crate::model::Instant::MIN));
        self.slots[user.0 as usize] = Slot::Away(Box::new(away));
        user
    }

    /// Says which ids one has who is away.
    pub(crate) fn set_ids(&mut self, user: UserKey, ids: SmallVec<[u32; 2]>) {
        if let Some(Slot::Away(away)) = self.slots.get_mut(user.0 as usize) {
            away.ids = ids;
        }
    }

    /// Takes a profile out for good. Its number is given again.
    pub(crate) fn remove(&mut self, user: UserKey) -> Profile {
        match std::mem::replace(&mut self.slots[user.0 as usize], Slot::Free) {
            Slot::Here(profile) => {
                self.free.push(user.0);
                *profile
            }
            _ => unreachable!("{AWAY}"),
        }
    }

    /// Takes a profile out of memory for a time.
    pub(crate) fn send_away(&mut self, user: UserKey) -> Profile {
        let profile = self.get(user);
        let away = Away { name: profile.name.clone(), ids: profile.ids.clone() };
        match std::mem::replace(&mut self.slots[user.0 as usize], Slot::Away(Box::new(away))) {
            Slot::Here(profile) => *profile,
            _ => unreachable!("{AWAY}"),
        }
    }

    /// Puts a profile back that was away. It gets its name and ids back.
    pub(crate) fn bring_back(&mut self, user: UserKey, mut profile: Profile) {
        let slot = &mut self.slots[user.0 as usize];
        if let Slot::Away(away) = slot {
            (profile.name, profile.ids) = (away.name.clone(), std::mem::take(&mut away.ids));
            profile.number_parts();
            note_awake(&mut self.awake, user, &profile);
            *slot = Slot::Here(Box::new(profile));
        }
    }

    /// Makes one that a checkpoint names, behind those that were made before.
    pub(crate) fn restore(&mut self, user: UserKey, away: Away) {
        self.restore_up_to(user.0);
        self.slots.push(Slot::Away(Box::new(away)));
    }

    fn restore_up_to(&mut self, numbers: u32) {
        while self.numbers() < numbers {
            self.slots.push(Slot::Free);
        }
    }

    /// Ends that: `numbers` were given, and `free` came free in this order. Gives whether those are exactly the numbers
    /// that nobody has.
    pub(crate) fn end_restore(&mut self, numbers: u32, free: Vec<u32>) -> bool {
        self.restore_up_to(numbers);
        let is_free = |number: &u32| {
            (*number as usize) < self.slots.len() && matches!(self.slots[*number as usize], Slot::Free)
        };
        let distinct: HashSet<u32, ahash::RandomState> = free.iter().copied().filter(is_free).collect();
        let nobody = self.slots.iter().filter(|slot| matches!(slot, Slot::Free)).count();
        let is_sound = distinct.len() == free.len() && free.len() == nobody;
        self.free = free;
        is_sound
    }

    /// The numbers that the next new profiles get.
    pub(crate) fn coming(&self, count: usize) -> impl Iterator<Item = UserKey> + '_ {
        let free = self.free.iter().rev().copied();
        free.chain(self.numbers()..).take(count).map(UserKey)
    }

    /// Numbers that come next, the last one first.
    pub(crate) fn free(&self) -> &[u32] {
        &self.free
    }
}
