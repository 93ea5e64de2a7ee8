use crate::model::{Bytes, Malformed, Record};
use crate::recommend::ItemId;
use crate::recommend::crowd::{Crowd, Size};
use serde::Serialize;

/// The items that go with one item: at most so many, kept by space-saving (Metwally, Agrawal, El Abbadi, ICDT 2005).
///
/// A newcomer to a full row takes the place and the weight of the lightest item, so that the weights of a row
/// add up to all that was ever added, every item with more than `total / len` is there, and a weight is too
/// high by at most the lightest one.
///
/// Lists side by side: finding an item and finding the lightest are loops that the compiler turns into
/// vector instructions.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Row {
    items: Vec<ItemId>,
    weights: Vec<f32>,
    /// How many users stand behind each; empty where nobody asks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    crowds: Vec<Crowd>,
}

/// A share of what remains below which a weight is what rounding left of nothing.
const ROUNDING: f32 = 1e-5;

impl Row {
    /// Adds to the weight of an item, on behalf of a user. O(`len_max`).
    pub(super) fn add(&mut self, item: ItemId, amount: f32, len_max: usize, (user, size): (u32, Size)) {
        let place = self.place_for(item, len_max, size);
        if let Some(crowd) = self.crowds.get_mut(place) {
            crowd.add(user, size);
        }
        self.weights[place] = (self.weights[place] + amount).min(f32::MAX);
    }

    /// Adds what another row has of an item, and who stands behind it there. O(`len_max`).
    pub(super) fn merge(&mut self, item: ItemId, amount: f32, crowd: Crowd, len_max: usize, size: Size) {
        let place = self.place_for(item, len_max, size);
        if let Some(own) = self.crowds.get_mut(place) {
            own.merge(crowd, size);
        }
        self.weights[place] = (self.weights[place] + amount).min(f32::MAX);
    }

    /// The place of an item; a newcomer gets the last one, or that of the lightest.
    fn place_for(&mut self, item: ItemId, len_max: usize, size: Size) -> usize {
        match position(&self.items, item) {
            Some(place) => place,
            None if self.items.len() < len_max => {
                if self.items.len() == self.items.capacity() {
                    // Doubled as usual, but never past `len_max`.
                    let more = self.items.len().max(4).min(len_max - self.items.len());
                    self.items.reserve_exact(more);
                    self.weights.reserve_exact(more);
                    self.crowds.reserve_exact(if size.is_any() { 0 } else { more });
                }
                self.items.push(item);
                self.weights.push(0.0);
                if !size.is_any() {
                    self.crowds.push(Crowd::default());
                }
                self.items.len() - 1
            }
            None => {
                let place = lightest(&self.weights);
                self.items[place] = item;
                // Who stood behind the one that goes does not stand behind this one.
                if let Some(crowd) = self.crowds.get_mut(place) {
                    *crowd = Crowd::default();
                }
                place
            }
        }
    }

    /// Takes back what was added on behalf of a user, as far as the item is still there.
    pub(super) fn subtract(&mut self, item: ItemId, amount: f32, (user, size): (u32, Size)) {
        let Some(place) = position(&self.items, item) else { return };
        if let Some(crowd) = self.crowds.get_mut(place) {
            crowd.remove(user, size);
        }
        let left = self.weights[place] - amount;
        if left > amount * ROUNDING {
            self.weights[place] = left;
            return;
        }
        self.items.remove(place);
        self.weights.remove(place);
        if !self.crowds.is_empty() {
            self.crowds.remove(place);
        }
    }

    /// Multiplies all weights and drops what vanishes.
    pub(super) fn rescale(&mut self, factor: f32) {
        let mut kept = 0;
        for place in 0..self.items.len() {
            let weight = self.weights[place] * factor;
            if weight > 0.0 {
                (self.items[kept], self.weights[kept]) = (self.items[place], weight);
                if !self.crowds.is_empty() {
                    self.crowds[kept] = self.crowds[place];
                }
                kept += 1;
            }
        }
        self.items.truncate(kept);
        self.weights.truncate(kept);
        self.crowds.truncate(kept);
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        self.items.len().write(out);
        for (item, weight, crowd) in self.entries() {
            (item.number(), weight).write(out);
            if !self.crowds.is_empty() {
                crowd.write(out);
            }
        }
    }

    /// Reads a row of at most so many items, all of them below a number and there once, with the users behind them where
    /// those are counted.
    pub(super) fn read(
        from: &mut Bytes<'_>,
        len_max: usize,
        items: usize,
        size: Size,
    ) -> Result<Row, Malformed> {
        let mut row = Row::default();
        for _ in 0..from.valid("the length of a row", |len: &usize| *len <= len_max)? {
            let number = from.valid("the number of an item", |number: &u32| (*number as usize) < items)?;
            row.items.push(ItemId::new(number));
            row.weights.push(from.valid("a weight", |weight: &f32| weight.is_finite() && *weight > 0.0)?);
            if !size.is_any() {
                row.crowds.push(from.read()?);
            }
        }
        let mut items = row.items.clone();
        items.sort_unstable();
        if items.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(from.malformed("a row of items"));
        }
        row.items.shrink_to_fit();
        row.weights.shrink_to_fit();
        row.crowds.shrink_to_fit();
        Ok(row)
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (ItemId, f32)> {
        self.items.iter().copied().zip(self.weights.iter().copied())
    }

    /// The same with who stands behind each, where that is counted.
    pub(super) fn entries(&self) -> impl ExactSizeIterator<Item = (ItemId, f32, Crowd)> {
        let crowd = |place: usize| self.crowds.get(place).copied().unwrap_or_default();
        self.iter().enumerate().map(move |(place, (item, weight))| (item, weight, crowd(place)))
    }

    /// The same of items that enough users stand behind.
    pub(super) fn iter_enough(&self, size: Size) -> impl Iterator<Item = (ItemId, f32)> {
        let is_enough = move |place: usize| self.crowds.get(place).is_none_or(|crowd| crowd.is_enough(size));
        self.iter().enumerate().filter(move |(place, _)| is_enough(*place)).map(|(_, item)| item)
    }

    pub(super) fn bytes(&self) -> usize {
        self.items.capacity() * size_of::<ItemId>()
            + self.weights.capacity() * size_of::<f32>()
            + self.crowds.capacity() * size_of::<Crowd>()
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

    fn anybody() -> (u32, Size) {
        (7, Size::new(1))
    }

    /// What a newcomer takes over is a weight, not the users behind it.
    #[test]
    fn a_newcomer_begins_without_users() {
        let (mut row, size) = (Row::default(), Size::new(3));
        let enough = |row: &Row| row.iter_enough(size).map(|(item, _)| item.number()).collect::<Vec<_>>();
        for user in 0..40 {
            row.add(ItemId::new(1), 1.0, 2, (user, size));
            row.add(ItemId::new(2), 2.0, 2, (user % 2, size));
        }
        assert_eq!(enough(&row), [1]);
        row.add(ItemId::new(3), 1.0, 2, (0, size));
        assert_eq!((row.len(), enough(&row)), (2, vec![]));
    }

    #[test]
    fn what_is_taken_back_was_never_there() {
        let (mut row, size) = (Row::default(), Size::new(2));
        let (own, other) = ((0, size), (1, size));
        row.add(ItemId::new(1), 0.1, 9, own);
        row.add(ItemId::new(1), 0.7, 9, other);
        row.add(ItemId::new(2), 0.3, 9, own);
        row.subtract(ItemId::new(1), 0.1, own);
        row.subtract(ItemId::new(2), 0.3, own);
        row.subtract(ItemId::new(3), 0.3, own);
        let left: Vec<_> =
            row.iter().map(|(item, weight)| (item.number(), (weight - 0.7).abs() < 1e-6)).collect();
        assert_eq!((left, row.iter_enough(size).count()), (vec![(1, true)], 0));
    }

    #[test]
    fn space_saving_keeps_what_is_heavy() {
        let mut random = fastrand::Rng::with_seed(3);
        let (mut row, mut exact, mut total) = (Row::default(), vec![0.0_f32; 1_000], 0.0);
        for _ in 0..20_000 {
            let item = (random.f64() * random.f64() * random.f64() * 1_000.0) as usize;
            row.add(ItemId::new(item as u32), 1.0, 50, anybody());
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
                row.add(ItemId::new(item), if item % 7 == 3 { 1.0 } else { 2.0 }, len as usize, anybody());
            }
            let place = if len > 3 { 3 } else { 0 };
            row.add(ItemId::new(99), 1.0, len as usize, anybody());
            assert_eq!(position(&row.items, ItemId::new(99)), Some(place));
            assert_eq!(position(&row.items, ItemId::new(100)), None);
        }
    }

    #[test]
    fn rescaling_drops_what_vanishes() {
        let mut row = Row::default();
        for (item, weight) in [(1, 1.0), (2, 1e-30), (3, 4.0)] {
            row.add(ItemId::new(item), weight, 200, anybody());
        }
        row.rescale(1e-20);
        let left: Vec<_> = row.iter().map(|(item, _)| item.number()).collect();
        assert_eq!(left, [1, 3]);
    }
}
