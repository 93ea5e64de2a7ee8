//! What journeys know of all users: packed while nobody looks, because most of them wait.

use crate::journey::instance::{Instance, UserJourneys};
use crate::journey::packed::{Own, Packed};
use crate::journey::plan::JourneyPlan;
use crate::model::{Instant, Pages};
use crate::profile::UserKey;
use hashbrown::HashMap;
use serde::{Serialize, Serializer};
use std::hint::black_box;
use std::ops::Deref;

/// What journeys know of each user.
///
/// Invariants: 1. a user is awake, or packed, or not known. 2. every place of an instance is in the row of one user, or
/// in that of the free ones. 3. who is awake shows in no answer.
#[derive(Debug, Clone)]
pub(crate) struct Users {
    /// Who was looked at last.
    awake: Option<(UserKey, UserJourneys)>,
    /// Of each user the first of its instances.
    heads: Pages<Head>,
    instances: Pages<Packed>,
    /// The first of the places in which no instance is.
    free: u32,
    /// What few instances have, by their place.
    own: HashMap<u32, Own, ahash::RandomState>,
    /// What few users have, without instances.
    rest: HashMap<UserKey, UserJourneys, ahash::RandomState>,
    /// Room that is used again for the instances of whoever wakes up.
    room: Vec<Instance>,
}

/// The end of a row of instances.
const NONE: u32 = u32::MAX >> 1;

/// Where the instances of a user begin, and whether there is more of it than instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head(u32);

impl Head {
    const EMPTY: Head = Head(NONE);

    fn new(first: u32, has_rest: bool) -> Head {
        Head(first | u32::from(has_rest) << 31)
    }

    fn first(self) -> u32 {
        self.0 & NONE
    }

    fn has_rest(self) -> bool {
        self.0 >> 31 == 1
    }
}

/// What is known of a user, to be looked at.
#[derive(Debug)]
pub(crate) enum Known<'a> {
    Awake(&'a UserJourneys),
    Copied(UserJourneys),
}

impl Deref for Known<'_> {
    type Target = UserJourneys;
    fn deref(&self) -> &UserJourneys {
        match self {
            Known::Awake(known) => known,
            Known::Copied(known) => known,
        }
    }
}

impl Serialize for Known<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl Default for Users {
    fn default() -> Users {
        Users {
            awake: None,
            heads: Pages::default(),
            instances: Pages::default(),
            free: NONE,
            own: HashMap::default(),
            rest: HashMap::default(),
            room: Vec::new(),
        }
    }
}

impl Users {
    fn head(&self, user: UserKey) -> Head {
        let place = user.0 as usize;
        if place < self.heads.len() { self.heads[place] } else { Head::EMPTY }
    }

    /// Reads a word of the first instance of a user.
    pub(crate) fn look_ahead(&self, user: UserKey) {
        let first = self.head(user).first();
        if first != NONE {
            black_box(self.instances[first as usize].next);
        }
    }

    fn awake(&self, user: UserKey) -> Option<&UserJourneys> {
        self.awake.as_ref().filter(|(awake, _)| *awake == user).map(|(_, known)| known)
    }

    /// Whether anything is known of a user.
    pub(crate) fn contains_key(&self, user: &UserKey) -> bool {
        match self.awake(*user) {
            Some(known) => !known.is_empty(),
            None => self.head(*user) != Head::EMPTY,
        }
    }

    /// What is known of a user, for one look: a copy where another one was looked at last.
    /// [`get_mut`](Users::get_mut) costs less where more looks follow.
    pub(crate) fn get(&self, user: &UserKey) -> Option<Known<'_>> {
        if let Some(known) = self.awake(*user) {
            return Some(Known::Awake(known)).filter(|known| !known.is_empty());
        }
        let head = self.head(*user);
        (head != Head::EMPTY).then(|| {
            let rest = self.rest.get(user).filter(|_| head.has_rest());
            let mut known = rest.cloned().unwrap_or_default();
            let whole =
                |(place, packed): (u32, &Packed)| packed.clone().unpack(self.own.get(&place).cloned());
            known.instances = self.row(head).map(whole).collect();
            Known::Copied(known)
        })
    }

    /// The earliest instant at which time does something to a user, as far as journeys know: without a copy of what is
    /// packed.
    pub(crate) fn deadline(&self, user: UserKey, plan: &JourneyPlan) -> Option<Instant> {
        if let Some(known) = self.awake(user) {
            return known.deadline(plan);
        }
        let head = self.head(user);
        let rest = if head.has_rest() { self.rest.get(&user) } else { None };
        let of_place = |(place, packed): (u32, &Packed)| {
            let own = if packed.has_own() { self.own.get(&place) } else { None };
            packed.deadline(own, plan)
        };
        let rest = rest.and_then(|known| known.deadline(plan));
        self.row(head).map(of_place).chain(rest).min()
    }

    /// The instances of a row with their places.
    fn row(&self, head: Head) -> impl Iterator<Item = (u32, &Packed)> {
        let mut place = head.first();
        std::iter::from_fn(move || {
            let packed = (place != NONE).then(|| &self.instances[place as usize])?;
            Some((std::mem::replace(&mut place, packed.next), packed))
        })
    }

    /// What is known of a user, to be changed; nothing where nothing is.
    pub(crate) fn get_mut(&mut self, user: &UserKey) -> Option<&mut UserJourneys> {
        if self.contains_key(user) { Some(self.of(*user)) } else { None }
    }

    /// What is known of a user, to be changed or added to. Where nothing is left of it, the user is known no more.
    pub(crate) fn of(&mut self, user: UserKey) -> &mut UserJourneys {
        if self.awake(user).is_none()
            && let Some((other, known)) = self.awake.take()
        {
            self.pack(other, known);
        }
        if self.awake.is_none() {
            self.awake = Some((user, self.unpack(user)));
        }
        let (_, known) = self.awake.as_mut().expect("the user was woken if need be");
        known
    }

    /// Lets whoever is known be looked at more than once without a copy.
    pub(crate) fn wake(&mut self, user: UserKey) {
        self.get_mut(&user);
    }

    /// Takes out what is packed of a user.
    fn unpack(&mut self, user: UserKey) -> UserJourneys {
        let head = self.head(user);
        let rest = if head.has_rest() { self.rest.remove(&user) } else { None };
        let mut known = rest.unwrap_or_default();
        known.instances = std::mem::take(&mut self.room);
        let mut place = head.first();
        while place != NONE {
            let packed = std::mem::replace(&mut self.instances[place as usize], Packed::free(self.free));
            let own = if packed.has_own() { self.own.remove(&place) } else { None };
            self.free = std::mem::replace(&mut place, packed.next);
            known.instances.push(packed.unpack(own));
        }
        if head != Head::EMPTY {
            self.heads[user.0 as usize] = Head::EMPTY;
        }
        known
    }

    /// Puts in what is known of a user of whom nothing is packed.
    fn pack(&mut self, user: UserKey, mut known: UserJourneys) {
        let mut instances = std::mem::take(&mut known.instances);
        let mut first = NONE;
        while let Some(instance) = instances.pop() {
            let (packed, own) = Packed::new(instance, first);
            first = self.place(packed);
            if let Some(own) = own {
                self.own.insert(first, own);
            }
        }
        self.room = instances;
        let has_rest = !known.is_empty();
        if has_rest {
            known.shrink_to_fit();
            self.rest.insert(user, known);
        }
        let head = Head::new(first, has_rest);
        if head != Head::EMPTY {
            while self.heads.len() <= user.0 as usize {
                self.heads.push(Head::EMPTY);
            }
            self.heads[user.0 as usize] = head;
        }
    }

    /// Puts an instance where none is.
    fn place(&mut self, packed: Packed) -> u32 {
        if self.free == NONE {
            self.instances.push(packed);
            return self.instances.len() as u32 - 1;
        }
        let place = self.free;
        self.free = std::mem::replace(&mut self.instances[place as usize], packed).next;
        place
    }

    /// Takes out what is known of a user.
    pub(crate) fn remove(&mut self, user: &UserKey) -> Option<UserJourneys> {
        let known = match self.awake.take_if(|(awake, _)| awake == user) {
            Some((_, known)) => known,
            None => self.unpack(*user),
        };
        Some(known).filter(|known| !known.is_empty())
    }

    /// Puts in what is known of a user, in place of what is there.
    pub(crate) fn insert(&mut self, user: UserKey, known: UserJourneys) {
        self.remove(&user);
        self.pack(user, known);
    }

    /// Everybody of whom anything is known, in order of their keys. O(users).
    pub(crate) fn keys(&self) -> Vec<UserKey> {
        let awake = self.awake.iter().filter(|(_, known)| !known.is_empty()).map(|(user, _)| *user);
        let packed = (0..).map(UserKey).zip(self.heads.iter());
        let packed = packed.filter(|(_, head)| **head != Head::EMPTY).map(|(user, _)| user);
        let mut keys: Vec<UserKey> = packed.chain(awake).collect();
        keys.sort_unstable();
        keys
    }

    /// What is known of everybody, in order of their keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (UserKey, Known<'_>)> {
        self.keys().into_iter().filter_map(|user| Some((user, self.get(&user)?)))
    }

    /// Changes what is known of everybody, in order of their keys.
    pub(crate) fn change_all(&mut self, mut change: impl FnMut(&mut UserJourneys)) {
        for user in self.keys() {
            change(self.of(user));
        }
    }

    /// Changes what is known of those of whom more than instances may be known, in order of their keys. O(those users).
    pub(crate) fn change_rest(&mut self, mut change: impl FnMut(&mut UserJourneys)) {
        let awake = self.awake.iter().map(|(user, _)| user);
        let mut users: Vec<UserKey> = self.rest.keys().chain(awake).copied().collect();
        users.sort_unstable();
        for user in users {
            change(self.of(user));
        }
    }

    /// About how many bytes leave memory with a user.
    pub(crate) fn heap_bytes(&self, user: UserKey) -> usize {
        self.get(&user).map_or(0, |known| known.packed_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journey::instance::{DateDue, More};
    use crate::journey::key::InstanceKey;
    use crate::model::{Duration, Instant, Value};
    use fastrand::Rng;
    use std::collections::BTreeMap;

    fn instance(rng: &mut Rng, entry: u32) -> Instance {
        let key = match rng.u32(0..3) {
            0 => InstanceKey::of(&Value::from(i64::from(rng.u32(..)))).unwrap(),
            _ => InstanceKey::default(),
        };
        let mut instance = Instance::new(rng.u16(..9), key, entry, Instant::from_millis(rng.i64(..1_000)));
        instance.due = instance.entered + Duration::from_millis(rng.i64(0..1_000));
        if rng.u32(0..4) == 0 {
            instance.more = Some(Box::new(More { met: rng.u16(..), ..More::default() }));
        }
        instance
    }

    /// Against a table in which all lies open.
    #[test]
    fn what_is_known_of_users_stays_however_they_come_and_go() {
        let rng = &mut Rng::with_seed(7);
        let mut users = Users::default();
        let mut expected: BTreeMap<UserKey, UserJourneys> = BTreeMap::new();
        let text = |known: Option<&UserJourneys>| known.map(|known| format!("{known:?}"));
        for step in 0..5_000_u32 {
            let user = UserKey(rng.u32(0..40));
            match rng.u32(0..8) {
                0 => assert_eq!(text(users.remove(&user).as_ref()), text(expected.remove(&user).as_ref())),
                1 => {
                    let known = expected.get(&user).cloned().unwrap_or_default();
                    users.insert(user, known);
                }
                2 => {
                    let date = DateDue { journey: 1, of: Instant::MIN, due: Instant::MAX };
                    users.of(user).set_date(date);
                    expected.entry(user).or_default().set_date(date);
                }
                3 if step % 50 == 0 => {
                    users.change_rest(|known| known.dates.clear());
                    expected.values_mut().for_each(|known| known.dates.clear());
                }
                4 => {
                    let clear = |known: &mut UserJourneys| *known = UserJourneys::default();
                    users.get_mut(&user).map(clear);
                    expected.get_mut(&user).map(clear);
                }
                _ => {
                    let instance = instance(rng, step);
                    for known in [users.of(user), expected.entry(user).or_default()] {
                        known.add(instance.clone());
                        known.instances.truncate(3);
                    }
                }
            }
            expected.retain(|_, known| !known.is_empty());
            let user = UserKey(rng.u32(0..40));
            assert_eq!(users.contains_key(&user), expected.contains_key(&user));
            assert_eq!(text(users.get(&user).as_deref()), text(expected.get(&user)), "step {step}");
            let plan = JourneyPlan::default();
            let deadline = expected.get(&user).and_then(|known| known.deadline(&plan));
            assert_eq!(users.deadline(user, &plan), deadline, "step {step}");
        }
        let keys: Vec<UserKey> = expected.keys().copied().collect();
        assert_eq!(users.keys(), keys);
        // Places are used again, and nothing is left of what is gone.
        let places = users.instances.len();
        assert!(places <= 3 * 40, "{places} places for at most 120 instances");
        keys.iter().for_each(|user| drop(users.remove(user)));
        assert_eq!((users.own.len(), users.rest.len(), users.keys()), (0, 0, vec![]));
    }
}
