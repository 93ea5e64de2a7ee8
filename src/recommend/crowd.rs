use crate::model::{Bytes, Malformed, Record};
use serde::Serialize;

/// Most users that a [`Crowd`] can be asked for.
pub(super) const CROWD_MAX: usize = 20;

/// How many different users stand behind something, counted in two bytes: never too many.
///
/// Users fall into groups by a hash, and within their group into bins. One group is counted at a time: bins that were
/// hit are as many different users at least. Once a group has its share of the wanted number the next one is counted,
/// whose users are others. Whoever falls into a bin that was hit already is not counted, so it takes some 15 users
/// until 10 are known for certain.
///
/// The bits: the number of the group that is counted above the bits of its bins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(super) struct Crowd(u16);

/// How many users a [`Crowd`] has to have, and how it counts to that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    users: u32,
    /// A power of two; with bins it fills the two bytes.
    groups: u32,
    bins: u32,
}

impl Size {
    /// From 1 to [`CROWD_MAX`].
    pub(super) fn new(users: usize) -> Size {
        let users = users as u32;
        // What takes the fewest users on average.
        let (groups, bins) = if users <= 15 { (1, 16) } else { (2, 15) };
        Size { users, groups, bins }
    }

    /// Whether every crowd is large enough, so that none need be counted.
    pub(super) fn is_any(self) -> bool {
        self.users <= 1
    }

    /// How many bins of a group have to be hit.
    fn share(self, group: u32) -> u32 {
        self.users / self.groups + u32::from(group < self.users % self.groups)
    }

    /// Group and bin of a user.
    fn place(self, user: u32) -> (u32, u32) {
        // Fibonacci hashing of a dense number, mixed once more so that group and bin are independent.
        let mixed = u64::from(user).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = (mixed ^ mixed >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 32;
        (mixed as u32 % self.groups, (mixed as u32 >> 4) % self.bins)
    }
}

impl Crowd {
    fn parts(self, size: Size) -> (u32, u32) {
        (u32::from(self.0) >> size.bins, u32::from(self.0) & ((1 << size.bins) - 1))
    }

    fn of(group: u32, hit: u32, size: Size) -> Crowd {
        Crowd((group << size.bins | hit) as u16)
    }

    /// Counts a user, once.
    pub(super) fn add(&mut self, user: u32, size: Size) {
        let (group, hit) = self.parts(size);
        let (own, bin) = size.place(user);
        if own != group {
            return;
        }
        let hit = hit | 1 << bin;
        let is_full = hit.count_ones() >= size.share(group) && group + 1 < size.groups;
        *self = if is_full { Crowd::of(group + 1, 0, size) } else { Crowd::of(group, hit, size) };
    }

    /// Counts those whom another one counted, as far as that shows who was not counted here.
    pub(super) fn merge(&mut self, other: Crowd, size: Size) {
        let ((group, hit), (others, others_hit)) = (self.parts(size), other.parts(size));
        if others != group {
            *self = Crowd(self.0.max(other.0)); // whose group comes later has counted more
            return;
        }
        let hit = hit | others_hit;
        let is_full = hit.count_ones() >= size.share(group) && group + 1 < size.groups;
        *self = if is_full { Crowd::of(group + 1, 0, size) } else { Crowd::of(group, hit, size) };
    }

    /// Counts a user no more. Which users made a group full is not known, so it is counted again from the beginning.
    pub(super) fn remove(&mut self, user: u32, size: Size) {
        let (group, hit) = self.parts(size);
        let (own, bin) = size.place(user);
        if own < group {
            *self = Crowd::of(own, 0, size);
        } else if own == group {
            *self = Crowd::of(group, hit & !(1 << bin), size);
        }
    }

    /// Whether there are enough for certain.
    pub(super) fn is_enough(self, size: Size) -> bool {
        let (group, hit) = self.parts(size);
        size.is_any() || group + 1 == size.groups && hit.count_ones() >= size.share(group)
    }
}

/// Any two bytes are a crowd.
impl Record for Crowd {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }

    fn read(from: &mut Bytes<'_>) -> Result<Crowd, Malformed> {
        Ok(Crowd(from.read()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn never_too_many() {
        let mut random = fastrand::Rng::with_seed(5);
        for wanted in 1..=CROWD_MAX {
            let size = Size::new(wanted);
            for _ in 0..300 {
                let (mut crowd, mut users) = (Crowd::default(), BTreeSet::new());
                while !crowd.is_enough(size) || users.is_empty() {
                    let user = random.u32(..);
                    // Whoever comes again counts once; and who has gone, not at all.
                    for _ in 0..random.usize(1..4) {
                        users.insert(user);
                        crowd.add(user, size);
                    }
                    if random.u8(..) < 20 && !crowd.is_enough(size) {
                        crowd.remove(user, size);
                        users.remove(&user);
                    }
                }
                assert!(users.len() >= wanted, "{} users for {wanted}", users.len());
            }
        }
    }

    #[test]
    fn enough_in_the_end() {
        for (wanted, on_average) in [(1, 1..=1), (5, 5..=6), (10, 14..=16), (20, 55..=70)] {
            let size = Size::new(wanted);
            let needed = |seed| {
                let mut random = fastrand::Rng::with_seed(seed);
                let mut crowd = Crowd::default();
                (1_u64..).find(|_| {
                    crowd.add(random.u32(..), size);
                    crowd.is_enough(size)
                })
            };
            let average = (0..500).filter_map(needed).sum::<u64>() / 500;
            assert!(on_average.contains(&average), "{average} for {wanted}");
        }
    }

    #[test]
    fn two_crowds_are_never_too_many() {
        let mut random = fastrand::Rng::with_seed(6);
        for wanted in 1..=CROWD_MAX {
            let size = Size::new(wanted);
            for _ in 0..300 {
                let mut users = BTreeSet::new();
                let mut crowd = || {
                    let mut crowd = Crowd::default();
                    for _ in 0..random.usize(..2 * wanted) {
                        let user = random.u32(..30);
                        users.insert(user);
                        crowd.add(user, size);
                    }
                    crowd
                };
                let (mut one, other) = (crowd(), crowd());
                let was_enough = one.is_enough(size) || other.is_enough(size);
                one.merge(other, size);
                assert!(one.is_enough(size) || !was_enough);
                assert!(size.is_any() || !one.is_enough(size) || users.len() >= wanted);
            }
        }
    }

    /// With nobody more than wanted, each of them is needed.
    #[test]
    fn one_less_is_not_enough() {
        let size = Size::new(10);
        let mut crowd = Crowd::default();
        let mut counted = Vec::new();
        for user in 0..10_000 {
            let before = crowd;
            crowd.add(user, size);
            if crowd != before {
                counted.push(user);
            }
            if crowd.is_enough(size) {
                break;
            }
        }
        assert_eq!(counted.len(), 10);
        for user in counted {
            let mut less = crowd;
            less.remove(user, size);
            assert!(!less.is_enough(size), "{user}");
        }
    }
}
