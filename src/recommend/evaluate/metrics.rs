//! How good a ranking is, in numbers. `ranked` is what was recommended, best first and cut at `k`, no item twice;
//! `relevant` is what the user really went for.

use crate::recommend::ItemId;
use ahash::RandomState;
use hashbrown::HashMap;
use serde::Serialize;
use smallvec::SmallVec;

/// 1 where any of the relevant items is ranked, else 0. Its mean is the hit rate, HR@k.
///
/// ```
/// use bespoke::recommend::{Items, evaluate::{hit, ndcg, precision, recall, reciprocal_rank}};
/// let mut items = Items::new();
/// let [a, b, c, d, e] = ["a", "b", "c", "d", "e"].map(|name| items.intern(name).unwrap());
/// let (ranked, relevant) = ([a, b, c, d], [b, d, e]);
/// assert_eq!(hit(&ranked, &relevant), 1.0);
/// assert_eq!(reciprocal_rank(&ranked, &relevant), 1.0 / 2.0);       // b is the second
/// assert_eq!(precision(&ranked, &relevant, 4), 2.0 / 4.0);          // b and d
/// assert_eq!(recall(&ranked, &relevant), 2.0 / 3.0);                // e is missing
/// let (found, ideal) = (0.6309 + 0.4307, 1.0 + 0.6309 + 0.5);       // 1/log2(3) + 1/log2(5)
/// assert!((ndcg(&ranked, &relevant, 4) - found / ideal).abs() < 1e-4);
/// ```
#[must_use]
pub fn hit(ranked: &[ItemId], relevant: &[ItemId]) -> f64 {
    f64::from(u8::from(ranked.iter().any(|item| relevant.contains(item))))
}

/// `1 / (rank + 1)` of the best ranked relevant item, ranks from 0; 0 where none is ranked. Its mean is MRR@k.
#[must_use]
pub fn reciprocal_rank(ranked: &[ItemId], relevant: &[ItemId]) -> f64 {
    let rank = ranked.iter().position(|item| relevant.contains(item));
    rank.map_or(0.0, |rank| 1.0 / (rank + 1) as f64)
}

/// The share of relevant items among `k` places; places left empty count as misses. 0 for `k = 0`.
#[must_use]
pub fn precision(ranked: &[ItemId], relevant: &[ItemId], k: usize) -> f64 {
    share(found(ranked, relevant), k)
}

/// Which share of `relevant` is ranked. One that is in `relevant` twice is found once and counts twice in what could
/// have been found (the protocol of Serenade). 0 where nothing is relevant.
#[must_use]
pub fn recall(ranked: &[ItemId], relevant: &[ItemId]) -> f64 {
    share(found(ranked, relevant), relevant.len())
}

/// The same of at most `k` of them, since no list of `k` items holds more: hits divided by `min(k, relevant items)`, so
/// that a perfect list scores 1 (Liang et al., "Variational autoencoders for collaborative filtering", WWW 2018).
#[must_use]
pub fn recall_capped(ranked: &[ItemId], relevant: &[ItemId], k: usize) -> f64 {
    share(found(ranked, relevant), distinct(relevant, k))
}

/// Normalized discounted cumulative gain: `Σ 1 / log2(rank + 2)` over the ranked items that are relevant, ranks from 0,
/// divided by what it would be if the first `min(k, relevant items)` places were all relevant. 0 where nothing is
/// relevant or `k` is 0.
///
/// Reference: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002, with gains 0 and 1
/// and the discount that is usual today.
#[must_use]
pub fn ndcg(ranked: &[ItemId], relevant: &[ItemId], k: usize) -> f64 {
    let gain = |rank: usize| 1.0 / libm::log2((rank + 2) as f64);
    let ranks = ranked.iter().enumerate().filter(|(_, item)| relevant.contains(item));
    let found: f64 = ranks.map(|(rank, _)| gain(rank)).sum();
    let ideal: f64 = (0..distinct(relevant, k)).map(gain).sum();
    if ideal > 0.0 { found / ideal } else { 0.0 }
}

fn found(ranked: &[ItemId], relevant: &[ItemId]) -> usize {
    ranked.iter().filter(|item| relevant.contains(item)).count()
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// How many different items there are, counted up to `k`.
fn distinct(items: &[ItemId], k: usize) -> usize {
    let mut seen: SmallVec<[ItemId; 32]> = SmallVec::new();
    for item in items {
        if seen.len() >= k {
            break;
        }
        if !seen.contains(item) {
            seen.push(*item);
        }
    }
    seen.len()
}

/// Which share of the catalogue was ever recommended, of how often each of its items was. 0 for an empty one.
#[must_use]
pub fn coverage(counts: &[u64]) -> f64 {
    share(counts.iter().filter(|count| **count > 0).count(), counts.len())
}

/// How unevenly recommendations are spread over the catalogue: 0 where each item is recommended as often as any other,
/// near 1 where one has them all. The Gini coefficient `Σ (2i - n - 1) c_i / (n Σ c)` of ascending counts `c_1 … c_n`;
/// 0 where nothing was recommended. O(n log n).
///
/// ```
/// use bespoke::recommend::evaluate::{coverage, gini};
/// assert_eq!((gini(&[5, 5, 5, 5]), gini(&[0, 0, 0, 8])), (0.0, 0.75));
/// assert_eq!(coverage(&[3, 0, 1, 0]), 0.5);
/// ```
#[must_use]
pub fn gini(counts: &[u64]) -> f64 {
    let mut counts = counts.to_vec();
    counts.sort_unstable();
    let total: f64 = counts.iter().map(|count| *count as f64).sum();
    let n = counts.len() as f64;
    let weighted: f64 =
        (1..).zip(&counts).map(|(i, count)| (2.0 * f64::from(i) - n - 1.0) * *count as f64).sum();
    if total > 0.0 { weighted / (n * total) } else { 0.0 }
}

/// Means over all predictions, and how the recommendations are spread. The same inputs give the same bits.
///
/// ```
/// use bespoke::recommend::{ItemId, evaluate::{Error, Prequential, Scores}};
/// # let (mut items, at) = (bespoke::recommend::Items::new(), bespoke::model::Instant::from_millis(0));
/// # let (boot, sock) = (items.intern("boot")?, items.intern("sock")?);
/// # let (tent, rope) = (items.intern("tent")?, items.intern("rope")?);
/// let score = |shown: [ItemId; 4]| {
///     let mut scorer = Prequential::new().begin()?;
///     shown.iter().zip([boot, boot, sock, tent]).for_each(|(shown, chosen)| scorer.add(&[*shown], chosen, at));
///     Ok::<Scores, Error>(scorer.finish(&items)?.scores)
/// };
/// let (one_for_all, own) = (score([boot, boot, boot, boot])?, score([boot, sock, sock, rope])?);
/// assert_eq!((one_for_all.hit_rate, own.hit_rate), (0.5, 0.5));
/// assert_eq!((one_for_all.coverage, own.coverage), (0.25, 0.75)); // as good, and of the catalogue a quarter is seen
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Scores {
    /// How many predictions were made.
    pub predictions: usize,
    /// The mean of [`hit`].
    pub hit_rate: f64,
    /// The mean of [`reciprocal_rank`].
    pub mrr: f64,
    /// The mean of [`precision`].
    pub precision: f64,
    /// The mean of [`recall`] over what is left of a session, or of [`recall_capped`] over what is held out of a user.
    pub recall: f64,
    /// The mean of [`ndcg`].
    pub ndcg: f64,
    /// [`coverage`] of the items that training knows.
    pub coverage: f64,
    /// [`gini`] over the same.
    pub gini: f64,
}

/// Adds up predictions to [`Scores`].
#[derive(Clone, Debug)]
pub(super) struct Tally {
    k: usize,
    sums: Scores,
    /// How often items were recommended. Its order is never seen.
    shown: HashMap<ItemId, u64, RandomState>,
}

impl Tally {
    pub(super) fn new(k: usize) -> Tally {
        Tally { k, sums: Scores::default(), shown: HashMap::default() }
    }

    /// Adds a prediction of a set of items.
    pub(super) fn add(&mut self, ranked: &[ItemId], relevant: &[ItemId]) {
        let capped = recall_capped(&ranked[..ranked.len().min(self.k)], relevant, self.k);
        self.add_all(ranked, relevant, relevant, capped);
    }

    /// Adds a prediction of a sequence: hits and ranks are those of its first item.
    pub(super) fn add_sequence(&mut self, ranked: &[ItemId], sequence: &[ItemId]) {
        let recall = recall(&ranked[..ranked.len().min(self.k)], sequence);
        self.add_all(ranked, &sequence[..sequence.len().min(1)], sequence, recall);
    }

    fn add_all(&mut self, ranked: &[ItemId], next: &[ItemId], relevant: &[ItemId], recall: f64) {
        let ranked = &ranked[..ranked.len().min(self.k)];
        let sums = &mut self.sums;
        sums.predictions += 1;
        sums.hit_rate += hit(ranked, next);
        sums.mrr += reciprocal_rank(ranked, next);
        sums.precision += precision(ranked, relevant, self.k);
        sums.recall += recall;
        sums.ndcg += ndcg(ranked, relevant, self.k);
        for item in ranked {
            *self.shown.entry(*item).or_default() += 1;
        }
    }

    /// The means, and the spread over the items of a `catalogue`.
    pub(super) fn scores(&self, catalogue: &[ItemId]) -> Scores {
        let n = self.sums.predictions.max(1) as f64;
        let shown = |item: &ItemId| self.shown.get(item).copied().unwrap_or(0);
        let counts: Vec<u64> = catalogue.iter().map(shown).collect();
        Scores {
            predictions: self.sums.predictions,
            hit_rate: self.sums.hit_rate / n,
            mrr: self.sums.mrr / n,
            precision: self.sums.precision / n,
            recall: self.sums.recall / n,
            ndcg: self.sums.ndcg / n,
            coverage: coverage(&counts),
            gini: gini(&counts),
        }
    }
}

#[cfg(test)]
#[path = "metrics_test.rs"]
mod tests;
