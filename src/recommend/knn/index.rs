use crate::recommend::ItemId;
use crate::recommend::knn::arena::Arena;
use crate::recommend::knn::session::Session;

/// Which sessions an item is in. Follows from the sessions that are kept, and from nothing else.
///
/// Invariants, over the sessions that tell something: 1. a ring holds the newest of those that the item is in, by
/// number, at most `ring_len`. 2. the count of an item is that of all of them.
#[derive(Clone, Debug)]
pub(super) struct Index {
    /// Numbers of sessions, newest last, by item.
    rings: Vec<Vec<u32>>,
    /// How many sessions an item is in. Asked for many items, and so kept close together.
    counts: Vec<u32>,
    ring_len: usize,
    /// How many sessions tell something.
    sessions: u32,
}

impl Index {
    pub(super) fn new(ring_len: usize) -> Index {
        Index { rings: Vec::new(), counts: Vec::new(), ring_len, sessions: 0 }
    }

    /// The index of all sessions of an arena. O(visits).
    pub(super) fn of(arena: &Arena, ring_len: usize) -> Index {
        let mut index = Index::new(ring_len);
        for number in arena.numbers() {
            index.enter_all(number, arena);
        }
        index
    }

    /// How many sessions tell something.
    pub(super) fn sessions(&self) -> u32 {
        self.sessions
    }

    /// How many of them an item is in.
    pub(super) fn sessions_with(&self, item: ItemId) -> u32 {
        self.counts.get(item.index()).copied().unwrap_or(0)
    }

    /// The newest of them, newest last.
    pub(super) fn ring(&self, item: ItemId) -> &[u32] {
        self.rings.get(item.index()).map_or(&[], |ring| ring)
    }

    /// Enters a session with all its items, if it tells something.
    pub(super) fn enter_all(&mut self, number: u32, arena: &Arena) {
        let session = arena.get(number);
        if session.is_telling() {
            self.sessions += 1;
            session.items().for_each(|item| self.enter(item, number, arena));
        }
    }

    /// Enters an item of a session that is entered. O(1) for a session that is among the newest.
    pub(super) fn enter(&mut self, item: ItemId, number: u32, arena: &Arena) {
        if item.index() >= self.rings.len() {
            self.rings.resize_with(item.index() + 1, Vec::new);
            self.counts.resize(item.index() + 1, 0);
        }
        self.counts[item.index()] += 1;
        insert(&mut self.rings[item.index()], number, self.ring_len, arena);
    }

    /// Takes a session out that is the oldest, so that it is the first in all its rings.
    pub(super) fn leave_oldest(&mut self, number: u32, session: &Session) {
        if session.is_telling() {
            self.sessions -= 1;
            for item in session.items() {
                self.counts[item.index()] -= 1;
                let ring = &mut self.rings[item.index()];
                if ring.first() == Some(&number) {
                    ring.remove(0);
                }
            }
        }
    }

    /// Takes a session out, whichever it is; gives the items whose rings now lack an older session.
    pub(super) fn leave(&mut self, number: u32, session: &Session, lacking: &mut Vec<ItemId>) {
        if !session.is_telling() {
            return;
        }
        self.sessions -= 1;
        for item in session.items() {
            let (ring, count) = (&mut self.rings[item.index()], &mut self.counts[item.index()]);
            *count -= 1;
            if let Some(place) = ring.iter().position(|kept| *kept == number) {
                ring.remove(place);
                if ring.len() < *count as usize {
                    lacking.push(item);
                }
            }
        }
    }

    /// Fills rings that lack older sessions. O(sessions) at worst, once for all items together; for an item that is in
    /// many sessions the next one is near.
    pub(super) fn refill(&mut self, mut lacking: Vec<ItemId>, arena: &Arena) {
        lacking.sort_unstable();
        lacking.dedup();
        for number in arena.numbers().rev() {
            if lacking.is_empty() {
                break;
            }
            let session = arena.get(number);
            if !session.is_telling() {
                continue;
            }
            lacking.retain(|item| {
                let (ring, count) = (&mut self.rings[item.index()], self.counts[item.index()]);
                let age = arena.age(number);
                if ring.first().is_none_or(|oldest| arena.age(*oldest) < age) && session.holds(*item) {
                    ring.insert(0, number);
                }
                ring.len() < self.ring_len.min(count as usize)
            });
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let rings: usize = self.rings.iter().map(|ring| ring.capacity() * size_of::<u32>()).sum();
        let of_items =
            self.rings.capacity() * size_of::<Vec<u32>>() + self.counts.capacity() * size_of::<u32>();
        of_items + rings
    }
}

/// Puts a number into a ring, where it belongs by age; the oldest goes where there are too many.
fn insert(ring: &mut Vec<u32>, number: u32, len_max: usize, arena: &Arena) {
    let age = arena.age(number);
    let place = match ring.last() {
        Some(newest) if arena.age(*newest) < age => ring.partition_point(|kept| arena.age(*kept) > age),
        _ => ring.len(),
    };
    if ring.len() < len_max {
        if ring.len() == ring.capacity() {
            // Doubled as usual, but never past `len_max`.
            ring.reserve_exact(ring.len().max(2).min(len_max - ring.len()));
        }
        ring.insert(place, number);
    } else if place > 0 {
        ring.copy_within(1..place, 0);
        ring[place - 1] = number;
    }
}
