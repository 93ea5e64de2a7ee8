//! What items of the catalogue have, by number: rows of items are as long as there are attributes.

use crate::segment::{Kind, Schema};
use std::sync::Arc;

/// Most attributes that items have.
pub(crate) const ITEM_ATTRIBUTES_MAX: usize = 1_000;
/// What the vector of an item is called in messages and definitions.
pub(crate) const ITEM_VECTOR: &str = "vector";
/// What a person calls an item.
pub(crate) const ITEM_TITLE: &str = "title";

/// Number of an attribute of items.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct ItemSlot(pub(crate) u16);

/// The attributes that items have, and how long their vectors are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ItemSchema {
    /// Sorted by name; the place is the number.
    attributes: Vec<(Box<str>, Kind)>,
    /// How many numbers the vector of an item has; 0 where items have none.
    pub(crate) vector: u16,
}

impl ItemSchema {
    pub(crate) fn len(&self) -> usize {
        self.attributes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.attributes.is_empty() && self.vector == 0
    }

    /// Attributes in order of their numbers, which is that of their names.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&str, Kind)> {
        self.attributes.iter().map(|(name, kind)| (&**name, *kind))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.attributes.iter().map(|(name, _)| &**name)
    }

    pub(crate) fn slot(&self, name: &str) -> Option<(ItemSlot, Kind)> {
        let place = self.attributes.binary_search_by(|(known, _)| (**known).cmp(name)).ok()?;
        Some((ItemSlot(place as u16), self.attributes[place].1))
    }

    fn declare(&mut self, name: &str, kind: Kind) {
        match self.attributes.binary_search_by(|(known, _)| (**known).cmp(name)) {
            Ok(place) => self.attributes[place].1 = kind,
            // What passes the limit is refused where definitions are read.
            Err(place) if self.attributes.len() < ITEM_ATTRIBUTES_MAX => {
                self.attributes.insert(place, (name.into(), kind));
            }
            Err(_) => {}
        }
    }
}

impl Schema {
    /// Declares an attribute of the items of the catalogue, known as `item.NAME`. At most 1,000 are.
    pub fn item(&mut self, name: &str, kind: Kind) -> &mut Schema {
        Arc::make_mut(&mut self.items).declare(name, kind);
        self
    }

    /// Declares how many numbers the vector of an item has; 0 for none.
    pub(crate) fn item_vector(&mut self, dimensions: u16) {
        Arc::make_mut(&mut self.items).vector = dimensions;
    }
}
