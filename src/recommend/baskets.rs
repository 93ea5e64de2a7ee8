use crate::model::{Bytes, Duration, Instant, Malformed, Record};
use crate::recommend::ItemId;
use hashbrown::HashMap;
use serde::{Serialize, Serializer};
use std::collections::VecDeque;

/// Most items of a basket; further ones are not counted.
pub(super) const BASKET_MAX: usize = 50;
/// Most baskets that are open at once; the one that was begun first is closed before its time.
const OPEN_MAX: usize = 8_192;

/// What a user bought, one item after another, without a pause.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Basket {
    /// Each once.
    items: Vec<ItemId>,
    newest: Instant,
}

impl Default for Basket {
    fn default() -> Basket {
        Basket { items: Vec::new(), newest: Instant::MIN }
    }
}

impl Basket {
    /// Adds an item and gives those that were there before; none where it teaches nothing: it is there already, comes too
    /// late for this basket, or is one too many.
    pub(super) fn add(&mut self, item: ItemId, at: Instant, gap: Duration) -> Option<&[ItemId]> {
        if !self.items.is_empty() && self.newest - at > gap {
            return None;
        }
        if at - self.newest > gap {
            self.items.clear();
        }
        self.newest = self.newest.max(at);
        if self.items.contains(&item) || self.items.len() >= BASKET_MAX {
            return None;
        }
        self.items.push(item);
        self.items.split_last().map(|(_, before)| before)
    }
}

/// The baskets that users may still add to.
///
/// Invariant: every user of `order` has a basket and no other user has; baskets are in the order in which they began.
#[derive(Clone, Debug, Default)]
pub(super) struct Baskets {
    by_user: HashMap<u32, Basket, ahash::RandomState>,
    order: VecDeque<u32>,
}

impl Baskets {
    /// Adds to a user's basket, as [`Basket::add`] says.
    pub(super) fn add(&mut self, user: u32, item: ItemId, at: Instant, gap: Duration) -> Option<Vec<ItemId>> {
        // Those that began first are closed as time passes, two for each one that may come.
        for _ in 0..2 {
            let Some(first) = self.order.front().copied() else { break };
            let is_open = self.by_user.get(&first).is_some_and(|basket| at - basket.newest <= gap);
            if first == user || is_open && self.order.len() < OPEN_MAX {
                break;
            }
            self.order.pop_front();
            self.by_user.remove(&first);
        }
        if !self.by_user.contains_key(&user) {
            self.order.push_back(user);
        }
        let basket = self.by_user.entry(user).or_default();
        basket.add(item, at, gap).map(|before| before.to_vec())
    }

    pub(super) fn forget(&mut self, user: u32) {
        if self.by_user.remove(&user).is_some() {
            self.order.retain(|other| *other != user);
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.by_user.allocation_size() + self.order.capacity() * size_of::<u32>()
    }

    /// In the order in which they began.
    fn iter(&self) -> impl ExactSizeIterator<Item = (u32, &Basket)> {
        self.order.iter().map(|user| (*user, &self.by_user[user]))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        self.order.len().write(out);
        for (user, Basket { items, newest }) in self.iter() {
            (user, *newest, items.len()).write(out);
            items.iter().for_each(|item| item.number().write(out));
        }
    }

    /// Reads baskets of items below a number.
    pub(super) fn read(from: &mut Bytes<'_>, items: usize) -> Result<Baskets, Malformed> {
        let mut baskets = Baskets::default();
        for _ in 0..from.valid("open baskets", |len: &usize| *len <= OPEN_MAX)? {
            let (user, newest) = from.read()?;
            let mut basket = Basket { items: Vec::new(), newest };
            for _ in 0..from.valid("the length of a basket", |len: &usize| *len <= BASKET_MAX)? {
                let number =
                    from.valid("the number of an item", |number: &u32| (*number as usize) < items)?;
                basket.items.push(ItemId::new(number));
            }
            if baskets.by_user.insert(user, basket).is_some() {
                return Err(from.malformed("open baskets"));
            }
            baskets.order.push_back(user);
        }
        Ok(baskets)
    }
}

impl Serialize for Baskets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}
