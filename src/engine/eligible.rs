//! Which items may be recommended, and how much one is preferred: what the catalogue and the expressions of a query say.

use crate::engine::catalogue::Catalogue;
use crate::engine::{Error, Partition};
use crate::model::Instant;
use crate::profile::{Profile, ProfileStore, UserKey};
use crate::recommend::{Facts, ItemId, Items, Query, cosine};
use crate::segment::{Aside, Evaluation, ItemView, NodeId, Plan};
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::sync::Arc;

/// Most texts whose compiled expressions are kept.
const TEXTS_MAX: usize = 256;

/// Expressions about items that were compiled under the definitions that run, by their texts. No state: nothing but time
/// depends on it.
#[derive(Debug, Default)]
pub(crate) struct ItemRules(Mutex<HashMap<Box<str>, Arc<Aside>, ahash::RandomState>>);

impl ItemRules {
    fn get(&self, text: &str) -> Option<Arc<Aside>> {
        self.0.lock().get(text).cloned()
    }

    fn put(&self, text: &str, rule: Arc<Aside>) {
        let mut known = self.0.lock();
        if known.len() >= TEXTS_MAX {
            known.clear();
        }
        known.insert(text.into(), rule);
    }
}

/// A condition about items, which speaks the numbers of the store.
struct Rule {
    plan: Plan,
    root: NodeId,
}

/// What a query says of items, for whom it is asked.
pub(super) struct Eligible<'a> {
    store: &'a ProfileStore,
    catalogue: &'a Catalogue,
    items: &'a Items,
    visitor: Visitor<'a>,
    now: Instant,
    /// What was shown and not chosen, and when, by item; where the query asks.
    shown: Vec<(ItemId, Instant)>,
    only: Vec<Rule>,
    /// What is learned of, in the order of the definition.
    features: Vec<Rule>,
    /// What stages of re-ranking ask for, by the text of it.
    named: Vec<(Arc<str>, Rule)>,
}

/// Whoever asks, known or not.
enum Visitor<'a> {
    Known(&'a Profile),
    Unknown(Box<Profile>),
}

impl Partition {
    /// What a query says of items for a user; for somebody unknown where there is none.
    ///
    /// # Errors
    /// [`Error::Expression`] with all that is wrong in an expression.
    pub(super) fn eligible(
        &self,
        id: &str,
        user: Option<UserKey>,
        query: &Query,
        now: Instant,
    ) -> Result<Eligible<'_>, Error> {
        let only = query.rules().iter().map(|text| self.item_rule(text)).collect::<Result<_, _>>()?;
        let features = self.models.definition.rerank.iter().flatten();
        let features = features.map(|text| self.item_rule(text)).collect::<Result<_, _>>()?;
        let named = query.stages().rules().map(|text| Ok((text.clone(), self.item_rule(text)?)));
        let shown = match user.filter(|_| query.stages().heeds_impressions()) {
            Some(user) => self.models.shown(user, &self.store, now),
            None => Vec::new(),
        };
        let visitor = match user {
            Some(user) => Visitor::Known(self.store.unfolded(user)),
            None => Visitor::Unknown(Box::new(Profile::new(id.into(), false, Instant::MIN))),
        };
        Ok(Eligible {
            store: &self.store,
            catalogue: &self.catalogue,
            items: self.models.items(),
            visitor,
            now,
            shown,
            only,
            features,
            named: named.collect::<Result<_, Error>>()?,
        })
    }

    fn item_rule(&self, text: &str) -> Result<Rule, Error> {
        let known = match self.item_rules.get(text) {
            Some(known) => known,
            None => {
                let compiled =
                    Aside::about_items(&self.compiled.ground(), text).map_err(Error::Expression)?;
                let compiled = Arc::new(compiled);
                self.item_rules.put(text, compiled.clone());
                compiled
            }
        };
        let plan = known.plan.beside(&self.compiled.plan, &self.store.symbols);
        Ok(Rule { plan, root: known.root.node })
    }
}

impl Eligible<'_> {
    /// Whether an item may be shown. O(1) and the filter; allocates nothing, but for what it computes of texts.
    pub(super) fn admits(&self, item: ItemId) -> bool {
        self.catalogue.is_on_offer(item, self.now, &self.store.symbols)
            && self.only.iter().all(|rule| self.meets(rule, item))
    }

    /// Which of what is learned of holds for an item: 1 where it does.
    pub(super) fn features(&self, item: ItemId) -> impl Iterator<Item = f32> + '_ {
        self.features.iter().map(move |rule| f32::from(u8::from(self.meets(rule, item))))
    }

    fn meets(&self, rule: &Rule, item: ItemId) -> bool {
        let profile = match &self.visitor {
            Visitor::Known(profile) => profile,
            Visitor::Unknown(profile) => &**profile,
        };
        let row = self.catalogue.row(item).unwrap_or_default();
        let view = ItemView { id: self.items.name(item).unwrap_or_default(), now: row, before: row };
        let evaluation = Evaluation::of_profile(&rule.plan, self.store, profile, self.now);
        evaluation.of_item(view).truth(rule.root).holds
    }
}

/// What the catalogue says of items when they are re-ranked. Rules are expressions about them.
impl Facts for Eligible<'_> {
    fn holds(&self, item: ItemId, rule: &str) -> bool {
        self.named.iter().find(|(text, _)| **text == *rule).is_some_and(|(_, rule)| self.meets(rule, item))
    }

    fn attribute(&self, item: ItemId, name: &str, each: &mut dyn FnMut(&str)) {
        self.catalogue.texts(item, name, &self.store.symbols, each);
    }

    fn impressions(&self, item: ItemId, since: Instant) -> u32 {
        let from = self.shown.partition_point(|shown| *shown < (item, since));
        let to = self.shown.partition_point(|(shown, _)| *shown <= item);
        (to - from.min(to)) as u32
    }

    fn similarity(&self, one: ItemId, other: ItemId) -> f64 {
        match (self.catalogue.vector(one), self.catalogue.vector(other)) {
            (Some(one), Some(other)) => cosine(one, other),
            _ => self.catalogue.likeness(one, other, &self.store.symbols),
        }
    }
}
