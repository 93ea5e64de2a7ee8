use crate::model::{Instant, Record};
use crate::recommend::error::restored;
use crate::recommend::{Error, Interaction, ItemId, Items, Reason, Recommendation, Recommender, Request};
use hashbrown::HashMap;

/// How many items each source is asked for at least: one that two sources rank in the middle may win.
const DEPTH: usize = 100;
/// Most sources of a blend.
pub const SOURCES_MAX: usize = 16;
/// How strongly one interaction moves the weights.
const RATE: f64 = 0.05;

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
    weights: Vec<f64>,
    learn_every: u64,
    /// Interactions that could have been predicted.
    seen: u64,
    /// All items that any source knows have numbers below it.
    items: u32,
}

/// Makes a [`Blend`].
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
        if let Some(weight) = weights.iter().find(|weight| !(-1e3..=1e3).contains(*weight)) {
            let found = weight.to_string();
            return Err(Error::Parameter { name: "source", found, wanted: "weights from -1000 to 1000" });
        }
        Ok(Blend { sources, weights, learn_every, seen: 0, items: 0 })
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
        self.sources.iter().map(|source| source.name()).zip(self.weights.iter().copied())
    }

    fn answers(&self, request: &Request<'_>) -> Vec<Vec<Recommendation>> {
        let deeper = request.clone().with_limit(request.limit().max(DEPTH));
        self.sources.iter().map(|source| source.recommend(&deeper)).collect()
    }

    /// Moves the weights towards what would have predicted an item.
    fn teach_weights(&mut self, interaction: &Interaction<'_>) {
        let request = Request::of_user(interaction.user(), interaction.at());
        let candidates = candidates(self.answers(&request.with_limit(DEPTH)));
        let Some(chosen) = candidates.iter().position(|candidate| candidate.item == interaction.item())
        else {
            return;
        };
        let dot = |shares: &[f64]| shares.iter().zip(&self.weights).map(|(x, w)| x * w).sum::<f64>();
        let scores: Vec<f64> = candidates.iter().map(|candidate| dot(&candidate.shares)).collect();
        let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let odds: Vec<f64> = scores.iter().map(|score| libm::exp(score - most)).collect();
        let all: f64 = odds.iter().sum();
        for (source, weight) in self.weights.iter_mut().enumerate() {
            let expected = candidates.iter().zip(&odds).map(|(c, odds)| c.shares[source] * odds / all);
            let gradient = candidates[chosen].shares[source] - expected.sum::<f64>();
            let moved = (*weight + RATE * gradient).clamp(-1e3, 1e3);
            // A source that adds items goes on adding them: what is worth nothing now may be worth something later.
            // The sign of a zero tells which it is.
            *weight =
                if moved.is_sign_negative() == weight.is_sign_negative() { moved } else { *weight * 0.0 };
        }
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
struct Candidate {
    item: ItemId,
    shares: Vec<f64>,
    /// By source, where it answered the item.
    reasons: Vec<Option<Reason>>,
    /// The best rank that it had anywhere: of equal scores the one that a source ranks higher goes first.
    rank: usize,
}

/// The items of all answers, in order of first sight.
fn candidates(answers: Vec<Vec<Recommendation>>) -> Vec<Candidate> {
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
        if self.learn_every > 0 && interaction.weight() > 0.0 {
            self.seen += 1;
            if self.seen.is_multiple_of(self.learn_every) {
                self.teach_weights(interaction);
            }
        }
        self.items = self.items.max(interaction.item().number() + 1);
        self.sources.iter_mut().for_each(|source| source.learn(interaction));
    }

    fn recommend(&self, request: &Request<'_>) -> Vec<Recommendation> {
        blended(self.answers(request), &self.weights, request.limit())
    }

    fn forget(&mut self, user: u32) {
        self.sources.iter_mut().for_each(|source| source.forget(user));
    }

    fn bytes(&self) -> usize {
        self.sources.iter().map(|source| source.bytes()).sum()
    }

    /// Every source may do so many steps.
    fn tick(&mut self, now: Instant, budget: usize) -> bool {
        self.sources.iter_mut().fold(false, |more, source| source.tick(now, budget) | more)
    }

    fn checkpoint(&self, out: &mut Vec<u8>) {
        (self.seen, self.weights.len()).write(out);
        for (source, weight) in self.sources.iter().zip(&self.weights) {
            weight.write(out);
            checkpoint(source).write(out);
        }
    }

    fn restore(&mut self, bytes: &[u8], items: &Items) -> Result<(), Error> {
        let sources = self.sources.len();
        let (seen, read) = restored(self.name(), bytes, |from| {
            let seen = from.counter("interactions of a blend")?;
            from.valid("the recommenders of a blend", |len: &usize| *len == sources)?;
            let read: Result<Vec<(f64, Vec<u8>)>, _> = (0..sources)
                .map(|_| {
                    let weight = from.valid("a weight", |weight: &f64| (-1e3..=1e3).contains(weight))?;
                    Ok((weight, from.read()?))
                })
                .collect();
            Ok((seen, read?))
        })?;
        // All or none: the state before is there to go back to.
        let before: Vec<Vec<u8>> = self.sources.iter().map(|source| checkpoint(source)).collect();
        for (place, (_, bytes)) in read.iter().enumerate() {
            if let Err(error) = self.sources[place].restore(bytes, items) {
                let known = numbered(self.items)?;
                for (source, before) in self.sources[..place].iter_mut().zip(&before) {
                    source.restore(before, &known)?;
                }
                return Err(error);
            }
        }
        (self.seen, self.items) = (seen, items.len() as u32);
        self.weights = read.into_iter().map(|(weight, _)| weight).collect();
        Ok(())
    }
}

#[cfg(test)]
#[path = "blend_test.rs"]
mod tests;
