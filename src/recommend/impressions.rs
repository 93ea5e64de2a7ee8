use crate::model::{Bytes, Duration, Instant, Malformed, Record};
use crate::recommend::ItemId;
use hashbrown::HashMap;
use std::collections::VecDeque;

/// Impressions that wait for an answer at most; of more the oldest counts as not chosen.
pub(super) const WAITING_MAX: usize = 1 << 16;

/// What users were shown and may yet choose, within a window after it.
///
/// Invariant: `open` has the impressions that are not answered, and no other.
#[derive(Clone, Debug)]
pub(super) struct Impressions {
    window: Duration,
    /// In the order in which they came; the first has the number `first`.
    waiting: VecDeque<Impression>,
    first: u64,
    /// The number of the impression that waits, by user and item.
    open: HashMap<(u32, ItemId), u64, ahash::RandomState>,
}

/// A user was shown an item.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Impression {
    user: u32,
    pub(super) item: ItemId,
    pub(super) at: Instant,
    /// What was known of the item there.
    pub(super) features: Box<[f32]>,
    is_answered: bool,
}

impl Impressions {
    pub(super) fn new(window: Duration) -> Impressions {
        Impressions { window, waiting: VecDeque::new(), first: 0, open: HashMap::default() }
    }

    /// The oldest impression that can be chosen no more, and was not; none where all that are left still can be.
    pub(super) fn take_missed(&mut self, now: Instant) -> Option<Impression> {
        while self.waiting.front().is_some_and(|first| first.is_answered || first.at + self.window < now) {
            if let Some(missed) = self.close_first() {
                return Some(missed);
            }
        }
        None
    }

    /// Whether the user was shown the item and may yet choose it, which counts once however often it is told.
    pub(super) fn is_open(&self, user: u32, item: ItemId) -> bool {
        self.open.contains_key(&(user, item))
    }

    /// Has an impression wait that does not wait yet. Gives the one that had to make room, where it was not chosen.
    pub(super) fn wait(
        &mut self,
        user: u32,
        item: ItemId,
        at: Instant,
        features: Box<[f32]>,
    ) -> Option<Impression> {
        let missed = if self.waiting.len() >= WAITING_MAX { self.close_first() } else { None };
        self.open.insert((user, item), self.first + self.waiting.len() as u64);
        self.waiting.push_back(Impression { user, item, at, features, is_answered: false });
        missed
    }

    /// The impression of what a user chose; none where it was not shown, or too long ago.
    pub(super) fn take_chosen(&mut self, user: u32, item: ItemId) -> Option<Impression> {
        let number = self.open.remove(&(user, item))?;
        let impression = self.waiting.get_mut((number - self.first) as usize)?;
        impression.is_answered = true;
        let (at, features) = (impression.at, std::mem::take(&mut impression.features));
        Some(Impression { user, item, at, features, is_answered: true })
    }

    /// Drops what waits for a user to choose, as if it had not been shown.
    pub(super) fn forget(&mut self, user: u32) {
        for impression in self.waiting.iter_mut().filter(|impression| impression.user == user) {
            impression.is_answered = true;
            impression.features = Box::default();
            self.open.remove(&(user, impression.item));
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let features: usize = self.waiting.iter().map(|impression| size_of_val(&*impression.features)).sum();
        self.waiting.capacity() * size_of::<Impression>()
            + self.open.capacity() * size_of::<((u32, ItemId), u64)>()
            + features
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let waiting = self.waiting.iter().filter(|impression| !impression.is_answered);
        waiting.clone().count().write(out);
        for Impression { user, item, at, features, .. } in waiting {
            (*user, item.number(), *at).write(out);
            features.len().write(out);
            features.iter().for_each(|feature| feature.write(out));
        }
    }

    /// Reads what was written with the same window and about so many items.
    pub(super) fn read(&self, from: &mut Bytes<'_>, items: usize) -> Result<Impressions, Malformed> {
        let mut read = Impressions::new(self.window);
        for _ in 0..from.valid("impressions", |len: &usize| *len <= WAITING_MAX)? {
            let user = from.read()?;
            let item = from.valid("an item", |number: &u32| (*number as usize) < items).map(ItemId::new)?;
            let at = from.read()?;
            let features: Vec<f32> = from.valid("what was known of an item", |features: &Vec<f32>| {
                features.iter().all(|feature| feature.is_finite())
            })?;
            read.wait(user, item, at, features.into());
        }
        Ok(read)
    }

    fn close_first(&mut self) -> Option<Impression> {
        let first = self.waiting.pop_front()?;
        self.first += 1;
        if first.is_answered {
            return None;
        }
        self.open.remove(&(first.user, first.item));
        Some(first)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> (usize, usize) {
        (self.waiting.len(), self.open.len())
    }

    /// Drops what was known of items where it was another thing.
    pub(super) fn drop_features(&mut self) {
        self.waiting.iter_mut().for_each(|impression| impression.features = Box::default());
    }
}
