use crate::model::{Bytes, Malformed, Pieces, Record, Unchanged};
use crate::predict::Rating;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Numbers of items whose ratings are copied together when one of them changes while a copy is held.
const CHUNK: u32 = 256;

/// How difficult items are, and which are about as difficult as is wanted.
///
/// What is to be written of it shares the ratings.
///
/// Invariants: 1. a chunk has the ratings of items whose numbers are the same by `CHUNK`, in order, and one at least.
/// 2. `order` has each item once, at the mean of its rating.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Difficulties {
    ratings: BTreeMap<u32, Arc<Vec<(u32, Rating)>>>,
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
        let chunk = self.ratings.get(&(item / CHUNK))?;
        let place = chunk.binary_search_by_key(&item, |(own, _)| *own).ok()?;
        Some(chunk[place].1)
    }

    pub(super) fn set(&mut self, item: u32, rating: Rating) {
        let chunk = Arc::make_mut(self.ratings.entry(item / CHUNK).or_default());
        match chunk.binary_search_by_key(&item, |(own, _)| *own) {
            Ok(place) => {
                let before = std::mem::replace(&mut chunk[place].1, rating);
                self.order.remove(&(key(before.mean), item));
            }
            Err(place) => chunk.insert(place, (item, rating)),
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
        let (_, chunk) = self.ratings.last_key_value()?;
        chunk.last().map(|(item, _)| *item)
    }

    pub(super) fn bytes(&self) -> usize {
        let ratings: usize = self.ratings.values().map(|chunk| chunk.capacity()).sum();
        ratings * size_of::<(u32, Rating)>() + self.order.len() * size_of::<(Key, u32)>()
    }

    /// What is to be written of it: a chunk is a piece.
    pub(super) fn write_later(&self, pieces: &mut Pieces) {
        pieces.push_now(|out| self.order.len().write(out));
        for chunk in self.ratings.values() {
            let (of, chunk) = (Unchanged::of(chunk), Arc::clone(chunk));
            pieces.push_of(of, move |out| chunk.iter().for_each(|row| row.write(out)));
        }
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
