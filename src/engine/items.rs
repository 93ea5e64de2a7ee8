//! Items of the catalogue: what messages say of them, and questions.

use crate::engine::{Engine, Error, Outcome, Partition};
use crate::model::{CatalogueItem, Instant, Object};
use crate::recommend::{self, ITEMS_MAX};

impl Partition {
    /// What the catalogue knows of an item; nothing where no message describes it, or it was removed. O(attributes).
    #[must_use]
    pub fn item(&self, id: &str) -> Option<CatalogueItem> {
        self.catalogue.item(self.models.items().get(id)?, id, &self.store.symbols)
    }

    /// How many items the catalogue has.
    #[must_use]
    pub fn item_count(&self) -> usize {
        self.catalogue.len()
    }

    /// Whether a message may describe an item so.
    pub(super) fn check_item(&self, item: &str, attributes: &Object) -> Result<(), Error> {
        self.catalogue.check(attributes, self.settings.strict)?;
        let items = self.models.items();
        let is_full = items.len() >= ITEMS_MAX && items.get(item).is_none();
        if is_full { Err(recommend::Error::ItemsFull.into()) } else { Ok(()) }
    }

    /// Describes an item, as was checked. It has a number from now on, so that it can be recommended and asked for.
    pub(super) fn set_item(&mut self, item: &str, attributes: &Object, now: Instant, outcome: &mut Outcome) {
        if let Ok(item) = self.models.items_mut().intern(item) {
            self.catalogue.set(item, attributes, &mut self.store.symbols);
        }
        self.run_due(now, outcome);
    }

    /// Takes an item out of the catalogue; one that was never in it is known as removed too.
    pub(super) fn remove_item(&mut self, item: &str, now: Instant, outcome: &mut Outcome) {
        if let Ok(item) = self.models.items_mut().intern(item) {
            self.catalogue.remove(item, &mut self.store.symbols);
        }
        self.run_due(now, outcome);
    }
}

impl Engine {
    /// What the catalogue knows of an item. See [`Partition::item`].
    #[must_use]
    pub fn item(&self, id: &str) -> Option<CatalogueItem> {
        self.read(|partition| partition.item(id))
    }

    /// How many items the catalogue has.
    #[must_use]
    pub fn item_count(&self) -> usize {
        self.read(Partition::item_count)
    }
}
