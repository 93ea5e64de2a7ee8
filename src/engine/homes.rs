use crate::profile::{KindName, ProfileStore};
use ahash::RandomState;
use hashbrown::HashMap;
use parking_lot::RwLock;
use smallvec::SmallVec;
use std::sync::atomic::{AtomicU64, Ordering};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Where each id is, in an engine of several partitions.
///
/// An id has a *home*, which follows from its text. It is there, unless it is said here to be elsewhere. That follows from
/// what the partitions hold, so it is worked out when an engine is opened, and is in no file.
///
/// Invariant: of an id that nobody has, the one partition that may make somebody of it is its [place](Homes::place);
/// of an id that somebody has, its place is that partition, or `Moving`.
#[derive(Debug)]
pub(super) struct Homes {
    /// By home, those who are elsewhere. The last lock of all: who has it waits for nothing.
    tables: Box<[RwLock<HashMap<u128, Place, RandomState>>]>,
    hashers: [RandomState; 2],
    /// Moves that began or ended.
    moves: AtomicU64,
    /// Messages of which it is known that no other partition has seen them.
    unseen: RwLock<SmallVec<[u128; 2]>>,
}

/// Ids that are not at home, by their hashes, with where they are.
pub(super) type Living = HashMap<u128, u16, RandomState>;

/// Where an id is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    At(u16),
    /// On its way: to be looked for again once no move is made.
    Moving,
}

impl Homes {
    pub(super) fn new(partitions: u16) -> Homes {
        Homes {
            tables: (0..partitions).map(|_| RwLock::default()).collect(),
            hashers: [RandomState::new(), RandomState::new()],
            moves: AtomicU64::new(0),
            unseen: RwLock::default(),
        }
    }

    /// How many partitions there are.
    pub(super) fn count(&self) -> u16 {
        self.tables.len() as u16
    }

    /// The partition in which a profile is made that an id begins, and where it is looked for at first. The same in every
    /// process.
    pub(super) fn home(&self, kind: KindName<'_>, id: &str) -> u16 {
        let seed = match kind {
            KindName::User => 0,
            KindName::Anonymous => 1,
            KindName::Declared(name) => xxh3_64_with_seed(name.as_bytes(), 2),
        };
        (xxh3_64_with_seed(id.as_bytes(), seed) % self.tables.len() as u64) as u16
    }

    pub(super) fn place(&self, kind: KindName<'_>, id: &str) -> Place {
        let home = self.home(kind, id);
        let table = self.tables[usize::from(home)].read();
        if table.is_empty() {
            return Place::At(home);
        }
        table.get(&self.key(kind, id)).copied().unwrap_or(Place::At(home))
    }

    /// Says where an id is from now on.
    pub(super) fn put(&self, kind: KindName<'_>, id: &str, place: Place) {
        let home = self.home(kind, id);
        let key = self.key(kind, id);
        let mut table = self.tables[usize::from(home)].write();
        if place == Place::At(home) {
            table.remove(&key)
        } else {
            table.insert(key, place)
        };
    }

    /// Hashed by numbers of this process, so that nobody can choose ids that pass for one another.
    fn key(&self, kind: KindName<'_>, id: &str) -> u128 {
        let hash = |state: &RandomState| u128::from(state.hash_one((kind, id)));
        hash(&self.hashers[0]) << 64 | hash(&self.hashers[1])
    }

    /// Another number once anybody was moved.
    pub(super) fn moves(&self) -> u64 {
        self.moves.load(Ordering::SeqCst)
    }

    pub(super) fn note_move(&self) {
        self.moves.fetch_add(1, Ordering::SeqCst);
    }

    /// Forgets all places.
    pub(super) fn clear(&self) {
        self.tables.iter().for_each(|table| table.write().clear());
    }

    /// Adds those ids of a partition that are not at home. O(ids).
    pub(super) fn note_living(&self, partition: u16, store: &ProfileStore, living: &mut Living) {
        for user in store.keys() {
            for (kind, id) in store.named_ids(user) {
                if self.home(kind, id) != partition {
                    living.insert(self.key(kind, id), partition);
                }
            }
        }
    }

    /// Says of all ids that are not among the living that they are on their way, and gives them.
    pub(super) fn suspend(&self, living: &Living) -> Vec<(usize, u128)> {
        let mut suspended = Vec::new();
        for (home, table) in self.tables.iter().enumerate() {
            for (key, place) in table.write().iter_mut().filter(|(key, _)| !living.contains_key(*key)) {
                *place = Place::Moving;
                suspended.push((home, *key));
            }
        }
        suspended
    }

    /// Says where those are now who were suspended; of whom nobody knows they are at home.
    pub(super) fn settle(&self, suspended: Vec<(usize, u128)>, living: &Living) {
        for (home, key) in suspended {
            let mut table = self.tables[home].write();
            match living.get(&key) {
                Some(place) => table.insert(key, Place::At(*place)),
                None => table.remove(&key),
            };
        }
    }

    /// How many ids are said to be elsewhere.
    pub(super) fn away(&self) -> usize {
        self.tables.iter().map(|table| table.read().len()).sum()
    }

    /// Notes that a message was seen nowhere, until `f` has run.
    pub(super) fn with_unseen<T>(&self, message: Option<u128>, f: impl FnOnce() -> T) -> T {
        let Some(message) = message else { return f() };
        self.unseen.write().push(message);
        let answer = f();
        self.unseen.write().retain(|unseen| *unseen != message);
        answer
    }

    pub(super) fn is_unseen(&self, message: u128) -> bool {
        self.unseen.read().contains(&message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_never_change() {
        // Stores that exist have profiles where these say.
        let homes = Homes::new(7);
        let found = [
            homes.home(KindName::User, "ada"),
            homes.home(KindName::Anonymous, "ada"),
            homes.home(KindName::Declared("card"), "ada"),
            homes.home(KindName::User, "bob"),
        ];
        assert_eq!(found, [6, 2, 1, 4]);
    }

    #[test]
    fn an_id_is_at_home_unless_it_is_said_to_be_elsewhere() {
        let homes = Homes::new(4);
        for number in 0..100_u16 {
            let id = number.to_string();
            let home = homes.home(KindName::User, &id);
            assert_eq!(homes.place(KindName::User, &id), Place::At(home));
            for place in [Place::Moving, Place::At((home + 1) % 4), Place::At(home)] {
                homes.put(KindName::User, &id, place);
                assert_eq!(homes.place(KindName::User, &id), place);
            }
        }
        assert_eq!(homes.away(), 0);
    }
}
