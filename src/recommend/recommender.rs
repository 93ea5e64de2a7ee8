use crate::model::Instant;
use crate::recommend::{Action, Effect, Error, ItemId, Items, Reason, Request};
use serde::Serialize;
use std::fmt;
use thin_vec::ThinVec;

/// Heaviest [weight](Interaction::with_weight) of an interaction, for or against an item.
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

    /// How much it counts; 1 by default. A weight below 0 speaks against the item: dismissed, returned, skipped. Beyond
    /// [`WEIGHT_MAX`] it counts as that, and what is no number as 0, which teaches nothing.
    #[must_use]
    pub const fn with_weight(self, weight: f32) -> Interaction<'a> {
        let weight = if weight.is_nan() { 0.0 } else { weight.clamp(-WEIGHT_MAX, WEIGHT_MAX) };
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

    /// How much it counts: from -[`WEIGHT_MAX`] to [`WEIGHT_MAX`]. A recommender that has no use for what speaks against
    /// an item learns nothing from weights below 0.
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
///
/// ```
/// use bespoke::recommend::{Occasion, Reason, Recommendation, Rerank};
/// # let mut items = bespoke::recommend::Items::new();
/// # let (boot, now) = (items.intern("boot-7")?, bespoke::model::Instant::from_millis(0));
/// let pick = Recommendation::new(boot, 0.9, Reason::Other("our editor likes it".into()));
/// assert!(pick.effects().is_empty()); // nothing has moved it yet
/// let rerank = Rerank::params().pin(0, boot).check()?;
/// let list = rerank.apply(vec![pick], &(), Occasion { limit: 10, seed: 0, now });
/// let shown = &list.shown[0];
/// assert_eq!(shown.reason.display(&items).to_string(), "our editor likes it");
/// assert_eq!(shown.effects()[0].to_string(), "pinned to 0");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Recommendation {
    /// Which item.
    pub item: ItemId,
    /// How well it fits: finite, ≥ 0, comparable within one answer only.
    pub score: f64,
    /// Why.
    pub reason: Reason,
    /// Eight bytes and no allocation where nothing happened.
    #[serde(skip_serializing_if = "ThinVec::is_empty", serialize_with = "as_list")]
    effects: ThinVec<Effect>,
}

fn as_list<S: serde::Serializer>(effects: &ThinVec<Effect>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(effects)
}

impl Recommendation {
    /// An item to show, how well it fits, and why.
    #[must_use]
    pub const fn new(item: ItemId, score: f64, reason: Reason) -> Recommendation {
        Recommendation { item, score, reason, effects: ThinVec::new() }
    }

    /// What re-ranking did to it, stage by stage; nothing where it was not re-ranked, or left as it was.
    #[must_use]
    pub fn effects(&self) -> &[Effect] {
        &self.effects
    }

    pub(crate) fn note(&mut self, effect: Effect) {
        self.effects.push(effect);
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
/// use bespoke::recommend::{
///     Error, Interaction, ItemId, Items, Reason, Recommendation, Recommender, Request,
/// };
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
///     fn checkpoint(&self, out: &mut Vec<u8>) {
///         out.extend(self.0.iter().flat_map(|item| item.number().to_le_bytes()));
///     }
///     fn restore(&mut self, bytes: &[u8], items: &Items) -> Result<(), Error> {
///         let refused = |found: &str| Error::Checkpoint { model: "just-in".into(), found: found.into() };
///         let (numbers, []) = bytes.as_chunks() else { return Err(refused("half a number")) };
///         let item = |number: &[u8; 4]| items.at(u32::from_le_bytes(*number));
///         let read: Option<Vec<ItemId>> = numbers.iter().map(item).collect();
///         self.0 = read.ok_or_else(|| refused("an item that there is not"))?;
///         Ok(())
///     }
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

    /// Two users turned out to be one, `user`: what is kept of `absorbed` by itself is the other's from now on, or dropped,
    /// as by default.
    fn absorb(&mut self, absorbed: u32, user: u32) {
        let _ = user;
        self.forget(absorbed);
    }

    /// Bytes on the heap, roughly. For reports: may look at every item.
    fn bytes(&self) -> usize;

    /// Does work that is too long for `learn`, such as solving for the vectors of items, in at most `budget` steps of
    /// about equal cost, and says whether there is more to do. Called when the host's clock moves. How the work is cut
    /// into pieces makes no difference in the end.
    fn tick(&mut self, now: Instant, budget: usize) -> bool {
        let _ = (now, budget);
        false
    }

    /// Appends all that was learned. Parameters are not in it: whoever restores it has them. Where an engine with a store
    /// has this recommender beside its own, writers wait for it with every checkpoint.
    fn checkpoint(&self, out: &mut Vec<u8>);

    /// Goes on with what one with the same parameters had learned about these items, in place of what is known.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] for bytes that were not written so, whatever they are, or that are about items which there
    /// are not. Nothing is changed then.
    fn restore(&mut self, bytes: &[u8], items: &Items) -> Result<(), Error>;

    /// Adds what another one with the same parameters learned about items, by its checkpoint: `items[n]` is the number
    /// here of the item that has the number `n` there. What is kept of users stays where it is.
    ///
    /// # Errors
    /// [`Error::Unmergeable`] where the model knows no such thing, as by default; [`Error::Checkpoint`] as in
    /// [`restore`](Recommender::restore). Nothing is changed then.
    fn merge(&mut self, bytes: &[u8], items: &[ItemId]) -> Result<(), Error> {
        let _ = (bytes, items);
        Err(Error::Unmergeable(self.name().into()))
    }
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

    fn absorb(&mut self, absorbed: u32, user: u32) {
        (**self).absorb(absorbed, user);
    }

    fn bytes(&self) -> usize {
        (**self).bytes()
    }

    fn tick(&mut self, now: Instant, budget: usize) -> bool {
        (**self).tick(now, budget)
    }

    fn checkpoint(&self, out: &mut Vec<u8>) {
        (**self).checkpoint(out);
    }

    fn restore(&mut self, bytes: &[u8], items: &Items) -> Result<(), Error> {
        (**self).restore(bytes, items)
    }

    fn merge(&mut self, bytes: &[u8], items: &[ItemId]) -> Result<(), Error> {
        (**self).merge(bytes, items)
    }
}
