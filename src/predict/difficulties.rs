use crate::model::{Bytes, Malformed, Record};
use crate::predict::Rating;
use hashbrown::HashMap;
use std::collections::BTreeSet;

/// How difficult items are, and which are about as difficult as is wanted.
///
/// Invariant: `order` has each item once, at the mean of its rating.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Difficulties {
    ratings: HashMap<u32, Rating, ahash::RandomState>,
    /// From easy to hard.
    order: BTreeSet<(Key, u32)>,
}

/// A number that is none of the odd ones, as one that can be put in order.
type Key = i64;

fn key(mean: f64) -> Key {
    // Of numbers below 0 the bits run the other way. Adding 0 makes one zero of two.
    let bits = (mean + 0.0).to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

impl Difficulties {
    pub(super) fn get(&self, item: u32) -> Option<Rating> {
        self.ratings.get(&item).copied()
    }

    pub(super) fn set(&mut self, item: u32, rating: Rating) {
        if let Some(before) = self.ratings.insert(item, rating) {
            self.order.remove(&(key(before.mean), item));
        }
        self.order.insert((key(rating.mean), item));
    }

    /// Items from that which is nearest to a difficulty outwards; of two that are as near the easier one, then the lower
    /// number.
    pub(super) fn near(&self, mean: f64) -> impl Iterator<Item = u32> + '_ {
        let middle = (key(mean), 0);
        let mut easier = self.order.range(..middle).rev().map(|(_, item)| *item).peekable();
        let mut harder = self.order.range(middle..).map(|(_, item)| *item).peekable();
        let away = move |item: u32| self.get(item).map_or(f64::INFINITY, |rating| (rating.mean - mean).abs());
        std::iter::from_fn(move || match (easier.peek(), harder.peek()) {
            (Some(one), Some(other)) if away(*one) <= away(*other) => easier.next(),
            (Some(_), None) => easier.next(),
            _ => harder.next(),
        })
    }

    /// The highest number of an item.
    pub(super) fn last(&self) -> Option<u32> {
        self.ratings.keys().copied().max()
    }

    pub(super) fn bytes(&self) -> usize {
        self.ratings.allocation_size() + self.order.len() * size_of::<(Key, u32)>()
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut items: Vec<_> = self.ratings.iter().map(|(item, rating)| (*item, *rating)).collect();
        items.sort_unstable_by_key(|(item, _)| *item);
        items.write(out);
    }

    pub(super) fn read(from: &mut Bytes<'_>) -> Result<Difficulties, Malformed> {
        let items: Vec<(u32, Rating)> =
            from.valid("items in order", |items: &Vec<(u32, Rating)>| items.is_sorted_by(|a, b| a.0 < b.0))?;
        let mut read = Difficulties::default();
        items.into_iter().for_each(|(item, rating)| read.set(item, rating));
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_nearest_come_first(
            sets in prop::collection::vec((0_u32..12, prop_oneof![Just(0.0), Just(-0.0), -3.0_f64..3.0]), 0..40),
            mean in prop_oneof![Just(0.0), -4.0_f64..4.0],
        ) {
            let mut difficulties = Difficulties::default();
            let mut naive = std::collections::BTreeMap::new();
            for (item, mean) in sets {
                difficulties.set(item, Rating { mean, variance: 1.0 });
                naive.insert(item, mean);
            }
            let mut expected: Vec<(f64, u32)> = naive.iter().map(|(item, of)| ((of - mean).abs(), *item)).collect();
            expected.sort_by(|a, b| a.0.total_cmp(&b.0));
            let found: Vec<u32> = difficulties.near(mean).collect();
            prop_assert_eq!(found.len(), naive.len());
            let away: Vec<f64> = found.iter().map(|item| (naive[item] - mean).abs()).collect();
            prop_assert_eq!(away, expected.iter().map(|(away, _)| *away).collect::<Vec<_>>());
        }
    }
}
