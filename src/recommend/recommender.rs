use crate::model::Instant;
use crate::recommend::{Action, ItemId, Reason, Request};
use serde::Serialize;
use std::fmt;

/// Heaviest [weight](Interaction::with_weight) of an interaction.
pub const WEIGHT_MAX: f32 = 1e6;

/// A user did something with an item: what recommenders learn from.
///
/// ```
/// use bespoke::model::Instant;
/// use bespoke::recommend::{Action, Interaction, Items};
/// let mut items = Items::new();
/// let place = [("place", "gym")];
/// let bought = Interaction::new(7, items.intern("boot-7")?, Instant::from_millis(0))
///     .with_action(Action::Bought)
///     .with_weight(5.0)
///     .with_context(&place);
/// # let _ = bought;
/// # Ok::<(), bespoke::recommend::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interaction<'a> {
    user: u32,
    item: ItemId,
    at: Instant,
    weight: f32,
    action: Action,
    context: &'a [(&'a str, &'a str)],
}

impl<'a> Interaction<'a> {
    /// `user` viewed `item` at `at`: weight 1, no context. Users have dense numbers, given by the engine.
    #[must_use]
    pub const fn new(user: u32, item: ItemId, at: Instant) -> Interaction<'a> {
        Interaction { user, item, at, weight: 1.0, action: Action::Viewed, context: &[] }
    }

    /// How much it counts; 1 by default, at most [`WEIGHT_MAX`]. What is not above 0 teaches nothing.
    #[must_use]
    pub const fn with_weight(self, weight: f32) -> Interaction<'a> {
        let weight = if weight > 0.0 { weight.min(WEIGHT_MAX) } else { 0.0 };
        Interaction { weight, ..self }
    }

    /// What the user did; [`Action::Viewed`] by default. Only reasons show it.
    #[must_use]
    pub const fn with_action(self, action: Action) -> Interaction<'a> {
        Interaction { action, ..self }
    }

    /// Where and how it happened, by name and value; of a name that is given twice the first counts.
    #[must_use]
    pub const fn with_context(self, context: &'a [(&'a str, &'a str)]) -> Interaction<'a> {
        Interaction { context, ..self }
    }

    /// The user's dense number.
    #[must_use]
    pub const fn user(&self) -> u32 {
        self.user
    }

    /// The item.
    #[must_use]
    pub const fn item(&self) -> ItemId {
        self.item
    }

    /// When it happened.
    #[must_use]
    pub const fn at(&self) -> Instant {
        self.at
    }

    /// How much it counts: from 0 to [`WEIGHT_MAX`].
    #[must_use]
    pub const fn weight(&self) -> f32 {
        self.weight
    }

    /// What the user did.
    #[must_use]
    pub const fn action(&self) -> Action {
        self.action
    }

    /// The value of a part of the context.
    #[must_use]
    pub fn context(&self, key: &str) -> Option<&'a str> {
        self.context.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
    }
}

/// An item to show.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Recommendation {
    /// Which item.
    pub item: ItemId,
    /// How well it fits: finite, ≥ 0, comparable within one answer only.
    pub score: f64,
    /// Why.
    pub reason: Reason,
}

impl Recommendation {
    /// An item to show, how well it fits, and why.
    #[must_use]
    pub const fn new(item: ItemId, score: f64, reason: Reason) -> Recommendation {
        Recommendation { item, score, reason }
    }
}

/// Learns from interactions one at a time and recommends items.
///
/// The contract, which [`conformance`](crate::recommend::conformance) checks:
/// - state and answers follow from the calls of `learn` and `forget` alone: no clock, no unrecorded
///   randomness, no visible order of a hash table;
/// - an answer has at most [`Request::limit`] items, none twice, each [admitted](Request::admits), scores
///   finite and ≥ 0, best first; equal scores rank the item with the newer interaction first, then the lower id;
/// - a model that has learned nothing gives an empty answer, and so does one that cannot answer a
///   [basis](crate::recommend::Basis): no answer is no error;
/// - no input panics. [`Interaction`]s come roughly, not strictly, in order of time.
///
/// ```
/// use bespoke::recommend::{Basis, Interaction, ItemId, Reason, Recommendation, Recommender, Request};
///
/// /// Recommends what anybody touched last.
/// #[derive(Debug, Default)]
/// struct JustIn(Vec<ItemId>);
///
/// impl Recommender for JustIn {
///     fn name(&self) -> &str { "just-in" }
///     fn learn(&mut self, interaction: &Interaction<'_>) {
///         self.0.retain(|item| *item != interaction.item());
///         self.0.push(interaction.item());
///     }
///     fn recommend(&self, request: &Request<'_>) -> Vec<Recommendation> {
///         let newest = self.0.iter().rev().filter(|item| request.admits(**item)).take(request.limit());
///         newest.map(|item| Recommendation::new(*item, 1.0, Reason::Other("just in".into()))).collect()
///     }
///     fn forget(&mut self, _user: u32) {}
///     fn bytes(&self) -> usize { self.0.capacity() * size_of::<ItemId>() }
/// }
///
/// bespoke::recommend::conformance(JustIn::default)?;
/// # Ok::<(), bespoke::recommend::Violation>(())
/// ```
pub trait Recommender: Send + Sync + fmt::Debug {
    /// A short name in lower case, for reports.
    fn name(&self) -> &str;

    /// Takes in one interaction. Meant for the hot path: O(1), no allocation once tables have grown.
    fn learn(&mut self, interaction: &Interaction<'_>);

    /// The best items for a request, best first; empty where there is nothing to say.
    fn recommend(&self, request: &Request<'_>) -> Vec<Recommendation>;

    /// Drops what is kept of a user by itself. Counts over all users stay. An unknown user is fine.
    fn forget(&mut self, user: u32);

    /// Bytes on the heap, roughly. For reports: may look at every item.
    fn bytes(&self) -> usize;
}

impl<R: Recommender + ?Sized> Recommender for Box<R> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn learn(&mut self, interaction: &Interaction<'_>) {
        (**self).learn(interaction);
    }

    fn recommend(&self, request: &Request<'_>) -> Vec<Recommendation> {
        (**self).recommend(request)
    }

    fn forget(&mut self, user: u32) {
        (**self).forget(user);
    }

    fn bytes(&self) -> usize {
        (**self).bytes()
    }
}
