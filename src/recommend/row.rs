use crate::model::{Bytes, Malformed, Record};
use crate::recommend::ItemId;
use serde::Serialize;

/// The items that go with one item: at most so many, kept by space-saving (Metwally, Agrawal, El Abbadi, ICDT 2005).
///
/// A newcomer to a full row takes the place and the weight of the lightest item, so that the weights of a row
/// add up to all that was ever added, every item with more than `total / len` is there, and a weight is too
/// high by at most the lightest one.
///
/// Two lists side by side: finding an item and finding the lightest are loops that the compiler turns into
/// vector instructions.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Row {
    items: Vec<ItemId>,
    weights: Vec<f32>,
}

impl Row {
    /// Adds to the weight of an item. O(`len_max`).
    pub(super) fn add(&mut self, item: ItemId, amount: f32, len_max: usize) {
        let place = match position(&self.items, item) {
            Some(place) => place,
            None if self.items.len() < len_max => {
                if self.items.len() == self.items.capacity() {
                    // Doubled as usual, but never past `len_max`.
                    let more = self.items.len().max(4).min(len_max - self.items.len());
                    self.items.reserve_exact(more);
                    self.weights.reserve_exact(more);
                }
                self.items.push(item);
                self.weights.push(0.0);
                self.items.len() - 1
            }
            None => {
                let place = lightest(&self.weights);
                self.items[place] = item;
                place
            }
        };
        self.weights[place] = (self.weights[place] + amount).min(f32::MAX);
    }

    /// Multiplies all weights and drops what vanishes.
    pub(super) fn rescale(&mut self, factor: f32) {
        let mut kept = 0;
        for place in 0..self.items.len() {
            let weight = self.weights[place] * factor;
            if weight > 0.0 {
                (self.items[kept], self.weights[kept]) = (self.items[place], weight);
                kept += 1;
            }
        }
        self.items.truncate(kept);
        self.weights.truncate(kept);
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        self.items.len().write(out);
        for (item, weight) in self.iter() {
            (item.number(), weight).write(out);
        }
    }

    /// Reads a row of at most so many items, all of them below a number and there once.
    pub(super) fn read(from: &mut Bytes<'_>, len_max: usize, items: usize) -> Result<Row, Malformed> {
        let mut row = Row::default();
        for _ in 0..from.valid("the length of a row", |len: &usize| *len <= len_max)? {
            let number = from.valid("the number of an item", |number: &u32| (*number as usize) < items)?;
            row.items.push(ItemId::new(number));
            row.weights.push(from.valid("a weight", |weight: &f32| weight.is_finite() && *weight > 0.0)?);
        }
        let mut items = row.items.clone();
        items.sort_unstable();
        if items.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(from.malformed("a row of items"));
        }
        row.items.shrink_to_fit();
        row.weights.shrink_to_fit();
        Ok(row)
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (ItemId, f32)> {
        self.items.iter().copied().zip(self.weights.iter().copied())
    }

    pub(super) fn bytes(&self) -> usize {
        self.items.capacity() * size_of::<ItemId>() + self.weights.capacity() * size_of::<f32>()
    }
}

fn position(items: &[ItemId], wanted: ItemId) -> Option<usize> {
    let (blocks, rest) = items.as_chunks::<16>();
    for (number, block) in blocks.iter().enumerate() {
        // Without an early end, so that sixteen are compared at once.
        if block.iter().fold(false, |hit, item| hit | (*item == wanted)) {
            return block.iter().position(|item| *item == wanted).map(|place| number * 16 + place);
        }
    }
    rest.iter().position(|item| *item == wanted).map(|place| blocks.len() * 16 + place)
}

/// The place of the least weight, the first of several; 0 for an empty list.
fn lightest(weights: &[f32]) -> usize {
    let (blocks, rest) = weights.as_chunks::<8>();
    let mut least = [f32::INFINITY; 8];
    for block in blocks {
        for (least, weight) in least.iter_mut().zip(block) {
            *least = if *weight < *least { *weight } else { *least };
        }
    }
    let least = least.iter().chain(rest).fold(f32::INFINITY, |a, b| if *b < a { *b } else { a });
    weights.iter().position(|weight| *weight <= least).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_saving_keeps_what_is_heavy() {
        let mut random = fastrand::Rng::with_seed(3);
        let (mut row, mut exact, mut total) = (Row::default(), vec![0.0_f32; 1_000], 0.0);
        for _ in 0..20_000 {
            let item = (random.f64() * random.f64() * random.f64() * 1_000.0) as usize;
            row.add(ItemId::new(item as u32), 1.0, 50);
            exact[item] += 1.0;
            total += 1.0;
        }
        let kept: Vec<(ItemId, f32)> = row.iter().collect();
        let least = kept.iter().map(|(_, weight)| *weight).fold(f32::INFINITY, f32::min);
        assert_eq!((kept.len(), row.items.capacity()), (50, 50));
        assert_eq!(kept.iter().map(|(_, weight)| weight).sum::<f32>(), total);
        for (item, weight) in &kept {
            assert!(*weight >= exact[item.index()] && *weight <= exact[item.index()] + least);
        }
        for (item, weight) in exact.iter().enumerate().filter(|(_, weight)| **weight > total / 50.0) {
            assert!(kept.iter().any(|(kept, _)| kept.index() == item), "{item} with {weight}");
        }
    }

    #[test]
    fn the_first_of_the_lightest_goes() {
        for len in 1..40 {
            let mut row = Row::default();
            for item in 0..len {
                row.add(ItemId::new(item), if item % 7 == 3 { 1.0 } else { 2.0 }, len as usize);
            }
            let place = if len > 3 { 3 } else { 0 };
            row.add(ItemId::new(99), 1.0, len as usize);
            assert_eq!(position(&row.items, ItemId::new(99)), Some(place));
            assert_eq!(position(&row.items, ItemId::new(100)), None);
        }
    }

    #[test]
    fn rescaling_drops_what_vanishes() {
        let mut row = Row::default();
        for (item, weight) in [(1, 1.0), (2, 1e-30), (3, 4.0)] {
            row.add(ItemId::new(item), weight, 200);
        }
        row.rescale(1e-20);
        let left: Vec<_> = row.iter().map(|(item, _)| item.number()).collect();
        assert_eq!(left, [1, 3]);
    }
}
