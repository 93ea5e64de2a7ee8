use crate::model::{Instant, Record};
use crate::recommend::error::restored;
use crate::recommend::weights::{WEIGHT_MAX, Weights};
use crate::recommend::{Error, Interaction, ItemId, Items, Reason, Recommendation, Recommender, Request};
use hashbrown::HashMap;

/// How many items each source is asked for at least: one that two sources rank in the middle may win.
const DEPTH: usize = 100;
/// Most sources of a blend.
pub const SOURCES_MAX: usize = 16;

/// Several recommenders as one: each has a weight, and the weights can learn.
///
/// Scores of different recommenders are of different sizes, so each answer is divided by its best score. An item scores
/// the sum of its shares times the weights, and its reason is that of the source which gave most. A source with a weight
/// below 0 holds its items back instead and adds none: co-visitation below 0 beside [`BoughtTogether`] takes away what
/// is looked at *instead* of an item.
///
/// With [`learn_every`](BlendBuilder::learn_every) the weights follow what users do. Of every so many interactions one is
/// first predicted: each source is asked what it would have shown the user. Had the item that was chosen been drawn from
/// the candidates with probabilities `softmax(weights · shares)`, the weights would move along the gradient of its
/// likelihood (a conditional logit: McFadden 1974), and so they do, by a rate of .05. Signs stay.
///
/// `recommend`: what the sources cost, and O(candidates · log). `learn`: what the sources cost; where an interaction is
/// predicted, what `recommend` costs too.
///
/// [`BoughtTogether`]: crate::recommend::BoughtTogether
///
/// ```
/// use bespoke::model::Instant;
/// use bespoke::recommend::{Blend, CoVisitation, Interaction, Items, Popularity, Query, Recommender};
/// let (mut items, now) = (Items::new(), Instant::from_millis(0));
/// let mut shop = Blend::builder()
///     .source(CoVisitation::default(), 1.0)
///     .source(Popularity::default(), 0.05)
///     .check()?;
/// for (user, sku) in [(1, "boot-7"), (1, "sock-1"), (2, "tent-2"), (3, "tent-2")] {
///     shop.learn(&Interaction::new(user, items.intern(sku)?, now));
/// }
/// let answer = shop.recommend(&Query::similar_to("boot-7").resolve(&items, None, now)?);
/// let shown: Vec<_> = answer.iter().filter_map(|r| items.name(r.item)).collect();
/// assert_eq!(shown, ["sock-1", "tent-2"]); // seen together, and what is popular
/// # Ok::<(), bespoke::recommend::Error>(())
/// ```
#[derive(Debug)]
pub struct Blend {
    sources: Vec<Box<dyn Recommender>>,
    weights: Weights,
    learn_every: u64,
    /// All items that any source knows have numbers below it.
    items: u32,
}

/// Makes a [`Blend`].
///
/// ```
/// use bespoke::recommend::{Blend, CoVisitation, Popularity, Recommender};
/// # use bespoke::{model::Instant, recommend::{Interaction, Items}};
/// # let (mut items, now) = (Items::new(), Instant::from_millis(0));
/// let mut shop = Blend::builder()
///     .source(CoVisitation::default(), 1.0)
///     .source(Popularity::default(), 1.0)
///     .learn_every(1) // without it weights stay as they were given
///     .check()?;
/// # for (user, kind) in (0..200).flat_map(|user| [(user, "boot"), (user, "sock")]) {
/// #     shop.learn(&Interaction::new(user, items.intern(&format!("{kind}-{}", user % 9))?, now));
/// # }
/// // After 200 users, each of whom took the sock that belongs to a boot:
/// let weights: Vec<f64> = shop.weights().map(|(_, weight)| weight).collect();
/// assert!(weights[0] > weights[1], "what is seen together foretold more than what is popular");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct BlendBuilder {
    sources: Vec<Box<dyn Recommender>>,
    weights: Vec<f64>,
    learn_every: u64,
}

impl BlendBuilder {
    /// Adds a recommender with a weight, from -1,000 to 1,000.
    #[must_use]
    pub fn source(mut self, recommender: impl Recommender + 'static, weight: f64) -> BlendBuilder {
        self.sources.push(Box::new(recommender));
        self.weights.push(weight);
        self
    }

    /// Predicts one of so many interactions, and lets the weights learn from it; 0, never, by default.
    #[must_use]
    pub fn learn_every(mut self, interactions: u64) -> BlendBuilder {
        self.learn_every = interactions;
        self
    }

    /// Makes the recommender.
    ///
    /// # Errors
    /// [`Error::Parameter`] without a source, with more than [`SOURCES_MAX`], or with a weight out of range.
    pub fn check(self) -> Result<Blend, Error> {
        let BlendBuilder { sources, weights, learn_every } = self;
        if !(1..=SOURCES_MAX).contains(&sources.len()) {
            let found = format!("{} recommenders", sources.len());
            return Err(Error::Parameter { name: "source", found, wanted: "from 1 to 16 recommenders" });
        }
        if let Some(weight) = weights.iter().find(|weight| !(-WEIGHT_MAX..=WEIGHT_MAX).contains(*weight)) {
            let found = weight.to_string();
            return Err(Error::Parameter { name: "source", found, wanted: "weights from -1000 to 1000" });
        }
        Ok(Blend { sources, weights: Weights::new(weights), learn_every, items: 0 })
    }
}

impl Blend {
    /// A blend of nothing yet.
    #[must_use]
    pub fn builder() -> BlendBuilder {
        BlendBuilder::default()
    }

    /// What each source is called, and its weight now.
    pub fn weights(&self) -> impl Iterator<Item = (&str, f64)> {
        self.sources.iter().map(|source| source.name()).zip(self.weights.get().iter().copied())
    }

    fn answers(&self, request: &Request<'_>) -> Vec<Vec<Recommendation>> {
        let deeper = request.clone().with_limit(request.limit().max(DEPTH));
        self.sources.iter().map(|source| source.recommend(&deeper)).collect()
    }
}

/// So many items. A state that is gone back to may know more of them than are there for the one that was refused.
fn numbered(items: u32) -> Result<Items, Error> {
    let mut numbered = Items::new();
    for number in 0..items {
        numbered.intern(&number.to_string())?;
    }
    Ok(numbered)
}

fn checkpoint(source: &dyn Recommender) -> Vec<u8> {
    let mut bytes = Vec::new();
    source.checkpoint(&mut bytes);
    bytes
}

/// An item that a source answered, with its share of the best score by source.
pub(super) struct Candidate {
    pub(super) item: ItemId,
    pub(super) shares: Vec<f64>,
    /// By source, where it answered the item.
    reasons: Vec<Option<Reason>>,
    /// The best rank that it had anywhere: of equal scores the one that a source ranks higher goes first.
    rank: usize,
}

/// The items of all answers, in order of first sight.
pub(super) fn candidates(answers: Vec<Vec<Recommendation>>) -> Vec<Candidate> {
    let sources = answers.len();
    let mut candidates: Vec<Candidate> = Vec::new();
    let mut places: HashMap<ItemId, usize, ahash::RandomState> = HashMap::default();
    for (source, answer) in answers.into_iter().enumerate() {
        let Some(most) = answer.first().map(|first| first.score).filter(|most| *most > 0.0) else { continue };
        for (rank, Recommendation { item, score, reason, .. }) in answer.into_iter().enumerate() {
            let place = *places.entry(item).or_insert_with(|| {
                let (shares, reasons) = (vec![0.0; sources], vec![None; sources]);
                candidates.push(Candidate { item, shares, reasons, rank });
                candidates.len() - 1
            });
            let candidate = &mut candidates[place];
            candidate.shares[source] = score / most;
            candidate.reasons[source] = Some(reason);
            candidate.rank = candidate.rank.min(rank);
        }
    }
    candidates
}

/// Puts answers together: each divided by its best score, times its weight.
///
/// Order: score, then the best rank in any answer, then the order of the answers. A weight below 0 takes away from
/// items that others give.
pub(crate) fn blended(
    answers: Vec<Vec<Recommendation>>,
    weights: &[f64],
    limit: usize,
) -> Vec<Recommendation> {
    let mut ranked: Vec<(f64, usize, Recommendation)> = Vec::new();
    for Candidate { item, shares, reasons, rank } in candidates(answers) {
        let terms = || shares.iter().zip(weights).map(|(share, weight)| share * weight);
        let score: f64 = terms().sum();
        let given = terms().zip(reasons).filter(|(term, reason)| *term > 0.0 && reason.is_some());
        // Of equal terms that of the first source counts.
        let largest = given.reduce(|best, next| if next.0 > best.0 { next } else { best });
        if let Some((_, Some(reason))) = largest.filter(|_| score > 0.0) {
            ranked.push((score, rank, Recommendation::new(item, score, reason)));
        }
    }
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    ranked.truncate(limit);
    ranked.into_iter().map(|(_, _, recommendation)| recommendation).collect()
}

impl Recommender for Blend {
    fn name(&self) -> &str {
        "blend"
    }

    fn learn(&mut self, interaction: &Interaction<'_>) {
        if interaction.weight() > 0.0 && self.weights.is_time(self.learn_every) {
            let request = Request::of_user(interaction.user(), interaction.at()).with_limit(DEPTH);
            self.weights.learn(self.answers(&request), interaction.item());
        }
        self.items = self.items.max(interaction.item().number() + 1);
        self.sources.iter_mut().for_each(|source| source.learn(interaction));
    }

    fn recommend(&self, request: &Request<'_>) -> Vec<Recommendation> {
        blended(self.answers(request), self.weights.get(), request.limit())
    }

    fn forget(&mut self, user: u32) {
        self.sources.iter_mut().for_each(|source| source.forget(user));
    }

    fn absorb(&mut self, absorbed: u32, user: u32) {
        self.sources.iter_mut().for_each(|source| source.absorb(absorbed, user));
    }

    fn bytes(&self) -> usize {
        self.sources.iter().map(|source| source.bytes()).sum()
    }

    /// Every source may do so many steps.
    fn tick(&mut self, now: Instant, budget: usize) -> bool {
        self.sources.iter_mut().fold(false, |more, source| source.tick(now, budget) | more)
    }

    fn checkpoint(&self, out: &mut Vec<u8>) {
        self.weights.write(out);
        self.sources.iter().for_each(|source| checkpoint(source).write(out));
    }

    fn restore(&mut self, bytes: &[u8], items: &Items) -> Result<(), Error> {
        let sources = self.sources.len();
        let (weights, read) = restored(self.name(), bytes, |from| {
            let is_of_these = |weights: &Weights| weights.get().len() == sources;
            let weights = from.valid("the recommenders of a blend", is_of_these)?;
            let read: Result<Vec<Vec<u8>>, _> = (0..sources).map(|_| from.read()).collect();
            Ok((weights, read?))
        })?;
        // All or none: the state before is there to go back to.
        let before: Vec<Vec<u8>> = self.sources.iter().map(|source| checkpoint(source)).collect();
        for (place, bytes) in read.iter().enumerate() {
            if let Err(error) = self.sources[place].restore(bytes, items) {
                let known = numbered(self.items)?;
                for (source, before) in self.sources[..place].iter_mut().zip(&before) {
                    source.restore(before, &known)?;
                }
                return Err(error);
            }
        }
        (self.weights, self.items) = (weights, items.len() as u32);
        Ok(())
    }
}

#[cfg(test)]
#[path = "blend_test.rs"]
mod tests;
