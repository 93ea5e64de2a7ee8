//! What each of several recommenders counts, and how that is learned.

use crate::model::{Bytes, Malformed, Record};
use crate::recommend::ItemId;
use crate::recommend::Recommendation;
use crate::recommend::blend::candidates;
use serde::Serialize;

/// The heaviest.
pub(super) const WEIGHT_MAX: f64 = 1e3;
/// How strongly one interaction moves them.
const RATE: f64 = 0.05;

/// What each of several recommenders counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Weights {
    /// As they were to be before anything was learned.
    given: Vec<f64>,
    now: Vec<f64>,
    /// Interactions that could have been predicted.
    seen: u64,
}

impl Weights {
    pub(super) fn new(given: Vec<f64>) -> Weights {
        Weights { now: given.clone(), given, seen: 0 }
    }

    pub(crate) fn get(&self) -> &[f64] {
        &self.now
    }

    /// Begins anew where others were given before.
    pub(crate) fn begin(&mut self, given: Vec<f64>) {
        if given != self.given {
            *self = Weights::new(given);
        }
    }

    /// Goes on with what was learned, where it was learned of the same.
    pub(crate) fn go_on(&mut self, learned: Weights) {
        if learned.given == self.given {
            *self = learned;
        }
    }

    /// Whether the interaction that comes is one of so many of which one is predicted; none of 0.
    pub(crate) fn is_time(&mut self, every: u64) -> bool {
        if every == 0 {
            return false;
        }
        self.seen += 1;
        self.seen.is_multiple_of(every)
    }

    /// Moves them towards what would have predicted an item, by what each answered: along the gradient of the likelihood
    /// of a conditional logit over all candidates (McFadden 1974). Signs stay.
    pub(crate) fn learn(&mut self, answers: Vec<Vec<Recommendation>>, item: ItemId) {
        let candidates = candidates(answers);
        let Some(chosen) = candidates.iter().position(|candidate| candidate.item == item) else { return };
        let dot = |shares: &[f64]| shares.iter().zip(&self.now).map(|(x, w)| x * w).sum::<f64>();
        let scores: Vec<f64> = candidates.iter().map(|candidate| dot(&candidate.shares)).collect();
        let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let odds: Vec<f64> = scores.iter().map(|score| libm::exp(score - most)).collect();
        let all: f64 = odds.iter().sum();
        for (source, weight) in self.now.iter_mut().enumerate() {
            let expected = candidates.iter().zip(&odds).map(|(c, odds)| c.shares[source] * odds / all);
            let gradient = candidates[chosen].shares[source] - expected.sum::<f64>();
            let moved = (*weight + RATE * gradient).clamp(-WEIGHT_MAX, WEIGHT_MAX);
            // A source that adds items goes on adding them: what is worth nothing now may be worth something later.
            // The sign of a zero tells which it is.
            *weight =
                if moved.is_sign_negative() == weight.is_sign_negative() { moved } else { *weight * 0.0 };
        }
    }
}

impl Record for Weights {
    fn write(&self, out: &mut Vec<u8>) {
        self.seen.write(out);
        self.given.write(out);
        self.now.iter().for_each(|weight| weight.write(out));
    }

    fn read(from: &mut Bytes<'_>) -> Result<Weights, Malformed> {
        let seen = from.counter("interactions of a blend")?;
        let is_weight = |weight: &f64| (-WEIGHT_MAX..=WEIGHT_MAX).contains(weight);
        let given: Vec<f64> = from.valid("weights", |given: &Vec<f64>| given.iter().all(is_weight))?;
        let now: Result<Vec<f64>, Malformed> =
            given.iter().map(|_| from.valid("a weight", is_weight)).collect();
        Ok(Weights { given, now: now?, seen })
    }
}
