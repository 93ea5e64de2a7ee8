//! What items are, as the catalogue says, and what that adds to an answer.

use crate::engine::Partition;
use crate::engine::catalogue::Catalogue;
use crate::engine::models::Models;
use crate::profile::Symbols;
use crate::recommend::{Basis, ItemId, Recommendation, Recommender, Request, blended};
use crate::segment::{ITEM_TITLE, Kind};
use smallvec::SmallVec;

/// From which share on it counts what an item of the query is like, beside what users did.
const LITTLE_KNOWN: f64 = 0.5;

impl Partition {
    /// Lets recommenders know of all items what the catalogue says. O(items).
    pub(super) fn describe_items(&mut self) {
        self.models.twins.withdraw_all();
        let described = |(item, _): (ItemId, &str)| self.catalogue.row(item).map(|_| item);
        let items: Vec<ItemId> = self.models.items().iter().filter_map(described).collect();
        for item in items {
            self.models.describe(item, &self.catalogue, &self.store.symbols);
        }
    }
}

impl Models {
    /// Whether it is known of any item what it is.
    pub(super) fn has_descriptions(&self) -> bool {
        self.twins.described() > 0
    }

    /// Takes over what the catalogue says of an item: by what it is like others. O(attributes).
    pub(super) fn describe(&mut self, item: ItemId, catalogue: &Catalogue, symbols: &Symbols) {
        if !self.twins.is_in_use() {
            return;
        }
        let mut tags: SmallVec<[(&str, Box<str>); 8]> = SmallVec::new();
        let mut collect = |name| {
            catalogue.texts(item, name, symbols, &mut |text| tags.push((name, text.into())));
        };
        match &self.definition.alike_by {
            Some(names) => names.iter().for_each(|name| collect(name)),
            None => catalogue
                .attributes()
                .filter(|(name, kind)| matches!(kind, Kind::String | Kind::List) && *name != ITEM_TITLE)
                .for_each(|(name, _)| collect(name)),
        }
        let tags = tags.iter().map(|(name, text)| (*name, &**text));
        self.twins.describe(item, tags, catalogue.vector(item));
    }

    /// Adds what is alike: items that hardly anybody touched beside those of the answer that they are like, and what is
    /// like an item of the query of which little else is known. The answer may be deeper than what is asked for, which is
    /// what is given back.
    pub(super) fn with_alike(
        &self,
        mut answer: Vec<Recommendation>,
        request: &Request<'_>,
    ) -> Vec<Recommendation> {
        if !self.has_descriptions() {
            answer.truncate(request.limit());
            return answer;
        }
        let request = match request.basis() {
            Basis::User(user) => {
                let mut items: SmallVec<[ItemId; 16]> =
                    self.covisitation.recent_items(user).map(|(item, _)| item).collect();
                items.reverse();
                request.as_session(items)
            }
            _ => request.clone(),
        };
        let little_known = match request.basis() {
            Basis::Session(items) => items.last().map_or(0.0, |item| self.twins.coldness(*item)),
            Basis::Similar(items) => items.iter().map(|item| self.twins.coldness(*item)).fold(0.0, f64::max),
            _ => 0.0,
        };
        if little_known >= LITTLE_KNOWN {
            let depth = answer.len().max(request.limit());
            let alike = self.twins.recommend(&request.clone().with_limit(depth));
            answer = blended(vec![answer, alike], &[1.0, little_known], depth);
        }
        self.twins.with_cold(answer, &request)
    }
}
