use crate::profile::TotalId;
use thin_vec::ThinVec;

/// Words of a shared instant: its upper half, its lower half, and how many rows have it.
const SHARED_WORDS: usize = 3;
/// A row that has these numbers or higher ones is no short one.
const NUMBER_MAX: u32 = 1 << 20;
/// Most of what a row holds besides its number.
const CONTENT_MAX: u32 = (1 << 11) - 1;
/// Says that the content is the place of a shared instant.
const IS_SHARED: u32 = 1 << 11;

/// Running values that are a single number, in four bytes each: counts, and instants of first and last events.
///
/// A small number stands in its row. All others are kept once for all rows that have them: one event is the last one
/// of each filter that it meets, so most instants are those of many rows.
///
/// Invariants: 1. the first word says how many shared instants there are; then come the rows in order of their numbers,
/// each once: 20 bits of number, a bit that says what the others are, and 11 bits; then the shared instants. 2. a shared
/// instant that no row has is there to be used again. 3. nothing is there where there are no rows.
#[derive(Debug, Clone, Default)]
pub(super) struct ShortTotals(ThinVec<u32>);

impl ShortTotals {
    fn shared_len(&self) -> usize {
        self.0.first().map_or(0, |shared| *shared as usize)
    }

    /// Where the shared instants begin.
    fn shared_start(&self) -> usize {
        self.0.len() - SHARED_WORDS * self.shared_len()
    }

    fn rows(&self) -> &[u32] {
        self.0.get(1..self.shared_start()).unwrap_or_default()
    }

    fn shared(&self) -> &[[u32; SHARED_WORDS]] {
        self.0[self.shared_start()..].as_chunks().0
    }

    fn number(&self, row: u32) -> i64 {
        let content = row & CONTENT_MAX;
        if row & IS_SHARED == 0 {
            return content.into();
        }
        let [upper, lower, _] = self.shared()[content as usize];
        (u64::from(upper) << 32 | u64::from(lower)) as i64
    }

    fn find(&self, id: TotalId) -> Result<usize, usize> {
        self.rows().binary_search_by_key(&id.0, |row| row >> 12)
    }

    /// O(log rows).
    pub(super) fn get(&self, id: TotalId) -> Option<i64> {
        self.find(id).ok().map(|place| self.number(self.rows()[place]))
    }

    /// Puts another number into the place of one, which `next` makes of it; nothing where there is none, or no room.
    /// O(log rows) for an instant that is the last one.
    pub(super) fn update(
        &mut self,
        id: TotalId,
        hint: &mut usize,
        next: impl FnOnce(i64) -> Option<i64>,
    ) -> Option<i64> {
        let place = self.find(id).ok()?;
        let row = self.rows()[place];
        let number = next(self.number(row))?;
        let content = self.content(number, hint)?;
        self.0[1 + place] = id.0 << 12 | content;
        self.release(row);
        Some(number)
    }

    /// In order of their numbers.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (TotalId, i64)> {
        self.rows().iter().map(|row| (TotalId(row >> 12), self.number(*row)))
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<u32>()
    }

    /// Makes room for rows of one instant.
    pub(super) fn reserve(&mut self, rows: usize) {
        if rows == 0 {
            return;
        }
        let needed = rows + if self.0.is_empty() { 1 + SHARED_WORDS } else { 0 };
        if self.0.capacity() - self.0.len() < needed {
            self.0.reserve_exact(needed.max(self.0.len() / 8));
        }
    }

    /// Gives a row a number; false where it has no room, and then it is not there. `hint` is where the last shared
    /// instant was found: most often the next one is the same. O(rows + shared instants), and O(log rows) for a row that
    /// is there and an instant that is the last one.
    pub(super) fn set(&mut self, id: TotalId, number: i64, hint: &mut usize) -> bool {
        if id.0 >= NUMBER_MAX {
            return false;
        }
        let Some(content) = self.content(number, hint) else {
            self.remove(id);
            return false;
        };
        let row = id.0 << 12 | content;
        match self.find(id) {
            Ok(place) => {
                let before = std::mem::replace(&mut self.0[1 + place], row);
                self.release(before);
            }
            Err(place) => {
                if self.0.is_empty() {
                    self.0.push(0);
                }
                self.reserve(1);
                self.0.insert(1 + place, row);
            }
        }
        true
    }

    pub(super) fn remove(&mut self, id: TotalId) {
        if let Ok(place) = self.find(id) {
            let before = self.0.remove(1 + place);
            self.release(before);
            if self.rows().is_empty() {
                self.0.clear();
            }
        }
    }

    /// What a row has that has this number; nothing where there is no room for it.
    fn content(&mut self, number: i64, hint: &mut usize) -> Option<u32> {
        match u32::try_from(number) {
            Ok(small) if small <= CONTENT_MAX => Some(small),
            _ => self.share(number, hint),
        }
    }

    /// The content of a row that has this instant as well; nothing where there are too many.
    fn share(&mut self, instant: i64, hint: &mut usize) -> Option<u32> {
        let halves = [(instant as u64 >> 32) as u32, instant as u32];
        let is_it = |known: &[u32; SHARED_WORDS]| known[..2] == halves && known[2] > 0;
        let shared = self.shared();
        let known =
            if shared.get(*hint).is_some_and(is_it) { Some(*hint) } else { shared.iter().position(is_it) };
        let place = match known.or_else(|| shared.iter().position(|known| known[2] == 0)) {
            Some(place) => place,
            None if shared.len() > CONTENT_MAX as usize => return None,
            None => {
                let place = shared.len();
                if self.0.is_empty() {
                    self.0.push(0);
                }
                self.reserve(SHARED_WORDS);
                self.0.extend([halves[0], halves[1], 0]);
                self.0[0] += 1;
                place
            }
        };
        let start = self.shared_start() + SHARED_WORDS * place;
        let users = self.0[start + 2] + 1;
        self.0[start..start + SHARED_WORDS].copy_from_slice(&[halves[0], halves[1], users]);
        *hint = place;
        Some(IS_SHARED | place as u32)
    }

    fn release(&mut self, row: u32) {
        if row & IS_SHARED != 0 {
            let start = self.shared_start() + SHARED_WORDS * (row & CONTENT_MAX) as usize;
            self.0[start + 2] -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// What is there is what a sorted map holds, as long as there are few enough different instants.
    #[test]
    fn short_totals_are_a_sorted_map() {
        for seed in 0..200 {
            let rng = &mut fastrand::Rng::with_seed(seed);
            let (mut short, mut expected) = (ShortTotals::default(), BTreeMap::new());
            let (ids, most) = (rng.u32(1..60), if rng.bool() { 8 } else { 4_000 });
            let mut hint = 0;
            for _ in 0..rng.usize(0..800) {
                let id = TotalId(rng.u32(0..ids) + if rng.u32(0..50) == 0 { NUMBER_MAX - 20 } else { 0 });
                if rng.u32(0..4) == 0 {
                    short.remove(id);
                    expected.remove(&id);
                    continue;
                }
                let number = match rng.u32(0..3) {
                    0 => rng.i64(0..most),
                    1 => 1_790_000_000_000 + rng.i64(0..most),
                    _ => -rng.i64(0..3),
                };
                assert_eq!(short.set(id, number, &mut hint), id.0 < NUMBER_MAX);
                if id.0 < NUMBER_MAX {
                    expected.insert(id, number);
                }
                check(&short, &expected);
            }
        }
    }

    fn check(short: &ShortTotals, expected: &BTreeMap<TotalId, i64>) {
        assert!(short.iter().eq(expected.iter().map(|(id, number)| (*id, *number))));
        let absent = TotalId(61);
        for id in expected.keys().chain([&absent]) {
            assert_eq!(short.get(*id), expected.get(id).copied());
        }
        // No more instants are kept than there ever were different ones at a time, and each knows who has it.
        let users: usize = short.shared().iter().map(|shared| shared[2] as usize).sum();
        assert_eq!(users, short.rows().iter().filter(|row| **row & IS_SHARED != 0).count());
        assert!(short.shared_len() <= 61);
        assert_eq!(short.0.is_empty(), expected.is_empty());
    }

    /// Where there are too many different instants, a row that has another one is not there.
    #[test]
    fn instants_are_limited() {
        let (mut short, mut hint) = (ShortTotals::default(), 0);
        let room = CONTENT_MAX + 1;
        for number in 0..room {
            assert!(short.set(TotalId(number), i64::from(number) << 20 | 1 << 40, &mut hint));
        }
        assert!(!short.set(TotalId(5), 7 << 50, &mut hint));
        assert_eq!((short.get(TotalId(5)), short.get(TotalId(6))), (None, Some(6 << 20 | 1 << 40)));
        // One place is free now.
        assert!(short.set(TotalId(room), 7 << 50, &mut hint));
        assert_eq!(short.get(TotalId(room)), Some(7 << 50));
    }

    #[test]
    fn what_one_event_leaves_takes_four_bytes_each() {
        let (mut short, mut hint) = (ShortTotals::default(), 0);
        short.reserve(11);
        (0..11).for_each(|id| assert!(short.set(TotalId(id), 1_790_000_000_000, &mut hint)));
        assert_eq!(short.heap_bytes(), 4 * 11 + 4 + 12);
    }
}
