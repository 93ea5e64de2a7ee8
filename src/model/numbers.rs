use hashbrown::HashTable;
use hashbrown::hash_table::{AbsentEntry, Entry, OccupiedEntry};

/// Numbers that are found by the hash of what they stand for, in no order.
///
/// In many tables, because a table grows at once: to enter a million numbers anew would take longer than anybody who
/// waits for one message should.
#[derive(Debug, Clone)]
pub(crate) struct Numbers {
    tables: Box<[HashTable<u32>]>,
}

const TABLES: usize = 256;

/// Bits of a hash that a table itself does not go by, unless it has a thousand million numbers.
fn place(hash: u64) -> usize {
    (hash >> 40) as usize % TABLES
}

impl Default for Numbers {
    fn default() -> Numbers {
        Numbers { tables: vec![HashTable::new(); TABLES].into() }
    }
}

impl Numbers {
    pub(crate) fn find(&self, hash: u64, is_same: impl FnMut(&u32) -> bool) -> Option<u32> {
        self.tables[place(hash)].find(hash, is_same).copied()
    }

    /// A number that is there, to be taken out.
    pub(crate) fn find_entry(
        &mut self,
        hash: u64,
        is_same: impl FnMut(&u32) -> bool,
    ) -> Result<OccupiedEntry<'_, u32>, AbsentEntry<'_, u32>> {
        self.tables[place(hash)].find_entry(hash, is_same)
    }

    /// The place of a number, which is there or can be put there. `hash_of` gives the hash of any number that is there.
    pub(crate) fn entry(
        &mut self,
        hash: u64,
        is_same: impl FnMut(&u32) -> bool,
        hash_of: impl Fn(&u32) -> u64,
    ) -> Entry<'_, u32> {
        self.tables[place(hash)].entry(hash, is_same, hash_of)
    }

    /// Enters a number that is not there.
    pub(crate) fn insert(&mut self, hash: u64, number: u32, hash_of: impl Fn(&u32) -> u64) {
        self.tables[place(hash)].insert_unique(hash, number, hash_of);
    }

    /// Makes room for so many more numbers.
    pub(crate) fn reserve(&mut self, more: usize, hash_of: impl Fn(&u32) -> u64) {
        // Some get a few more than others.
        let each = more / TABLES;
        let each = each + 4 * each.isqrt();
        self.tables.iter_mut().for_each(|table| table.reserve(each, &hash_of));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_their_hash_until_they_go() {
        let hash = |n: &u32| u64::from(*n).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut numbers = Numbers::default();
        numbers.reserve(500, hash);
        for n in 0..1_000 {
            assert_eq!(numbers.find(hash(&n), |known| *known == n), None);
            match n % 2 {
                0 => numbers.insert(hash(&n), n, hash),
                _ => match numbers.entry(hash(&n), |known| *known == n, hash) {
                    Entry::Vacant(place) => drop(place.insert(n)),
                    Entry::Occupied(_) => panic!("{n} is there"),
                },
            }
        }
        for n in (0..1_000).step_by(3) {
            numbers.find_entry(hash(&n), |known| *known == n).unwrap().remove();
        }
        for n in 0..1_000 {
            assert_eq!(numbers.find(hash(&n), |known| *known == n).is_some(), n % 3 != 0);
        }
    }
}
