use crate::model::{Bytes, Malformed, Record};
use crate::recommend::decay::GROWN_MAX;
use crate::recommend::{Action, ItemId};

/// What a user did last, of so many interactions at most.
///
/// Lists side by side: nine bytes an interaction. The same item may come several times.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct History {
    /// Oldest first, as the others.
    items: Vec<ItemId>,
    actions: Vec<Action>,
    /// Grown by forward decay; below 0 for what speaks against the item.
    weights: Vec<f32>,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Past {
    pub(super) item: ItemId,
    pub(super) action: Action,
    pub(super) weight: f32,
}

impl History {
    /// Adds what comes after all others. Of more than `len_max` the oldest goes.
    pub(super) fn push(&mut self, Past { item, action, weight }: Past, len_max: usize) {
        if self.items.len() >= len_max {
            self.items.remove(0);
            self.actions.remove(0);
            self.weights.remove(0);
        } else if self.items.len() == self.items.capacity() {
            // Doubled as usual, but never past `len_max`.
            let more = self.items.len().max(4).min(len_max - self.items.len());
            self.items.reserve_exact(more);
            self.actions.reserve_exact(more);
            self.weights.reserve_exact(more);
        }
        self.items.push(item);
        self.actions.push(action);
        self.weights.push(weight);
    }

    /// Newest first.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = Past> {
        let places = (0..self.items.len()).rev();
        places.map(|place| Past {
            item: self.items[place],
            action: self.actions[place],
            weight: self.weights[place],
        })
    }

    /// Whether it is about items below a number only, and of at most so many interactions.
    pub(super) fn is_about(&self, items: usize, len_max: usize) -> bool {
        self.items.len() <= len_max && self.items.iter().all(|item| item.index() < items)
    }

    pub(super) fn rescale(&mut self, factor: f32) {
        self.weights.iter_mut().for_each(|weight| *weight *= factor);
    }

    pub(super) fn bytes(&self) -> usize {
        self.items.capacity() * (size_of::<ItemId>() + size_of::<Action>() + size_of::<f32>())
    }
}

impl Record for History {
    fn write(&self, out: &mut Vec<u8>) {
        self.items.len().write(out);
        for Past { item, action, weight } in self.iter() {
            (item.number(), action, weight).write(out);
        }
    }

    /// Items may have any numbers.
    fn read(from: &mut Bytes<'_>) -> Result<History, Malformed> {
        let mut history = History::default();
        for _ in 0..from.len("what a user did")? {
            let number: u32 = from.read()?;
            history.items.push(ItemId::new(number));
            history.actions.push(from.read()?);
            history.weights.push(from.valid("a weight", |weight: &f32| weight.abs() <= GROWN_MAX)?);
        }
        history.items.reverse();
        history.actions.reverse();
        history.weights.reverse();
        history.items.shrink_to_fit();
        history.actions.shrink_to_fit();
        history.weights.shrink_to_fit();
        Ok(history)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_stay() {
        let mut history = History::default();
        let past = |n: u32| Past { item: ItemId::new(n), action: Action::Liked, weight: n as f32 };
        for n in 0..10 {
            history.push(past(n), 7);
        }
        assert!(history.iter().eq((3..10).rev().map(past)));
        assert_eq!(history.bytes(), 7 * 9);
        let mut bytes = Vec::new();
        history.write(&mut bytes);
        assert_eq!(History::read(&mut Bytes::new(&bytes)).unwrap(), history);
    }
}
