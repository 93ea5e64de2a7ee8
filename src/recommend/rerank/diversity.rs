//! Diversity: neighbours that are not all alike (maximal marginal relevance, Carbonell and Goldstein, SIGIR 1998).

use crate::recommend::rerank::Facts;
use crate::recommend::{ItemId, Recommendation};

/// Chooses from the best of a list, one at a time, what is relevant and unlike what was chosen:
/// `argmax (1 - theta) rel - theta max sim`, `rel` from 0 for the worst of them to 1 for the best. Equal ones keep their
/// order. What comes behind the best so many keeps its order.
pub(super) struct Diversity<'a> {
    facts: &'a dyn Facts,
    theta: f64,
    open: Vec<Open>,
}

/// What was not chosen yet.
#[derive(Clone, Copy, Debug)]
struct Open {
    place: usize,
    item: ItemId,
    relevance: f64,
    /// To what it is most like among those that were chosen.
    similarity: f64,
}

impl<'a> Diversity<'a> {
    pub(super) fn new(
        list: &[Recommendation],
        theta: f64,
        depth: usize,
        facts: &'a dyn Facts,
    ) -> Diversity<'a> {
        let depth = if theta > 0.0 { depth } else { 0 };
        let best = &list[..depth.min(list.len())];
        let high = best.first().map_or(0.0, |shown| shown.score);
        let low = best.last().map_or(0.0, |shown| shown.score);
        let relevance = |score: f64| if high > low { (score - low) / (high - low) } else { 1.0 };
        let open = list.iter().enumerate().map(|(place, shown)| Open {
            place,
            item: shown.item,
            relevance: if place < best.len() { relevance(shown.score) } else { f64::NEG_INFINITY },
            similarity: 0.0,
        });
        Diversity { facts, theta, open: open.collect() }
    }

    /// The place in the list of the one that comes next.
    pub(super) fn next(&mut self) -> Option<(usize, ItemId)> {
        let merit = |open: &Open| (1.0 - self.theta) * open.relevance - self.theta * open.similarity;
        let mut best = 0;
        for (number, open) in self.open.iter().enumerate() {
            if open.relevance == f64::NEG_INFINITY {
                break; // all that follow are behind the best as well, in their order
            }
            if merit(open) > merit(&self.open[best]) {
                best = number;
            }
        }
        if self.open.is_empty() {
            return None;
        }
        let Open { place, item, .. } = self.open.remove(best);
        Some((place, item))
    }

    /// Says that an item is shown, so that what follows had better be unlike it.
    pub(super) fn show(&mut self, item: ItemId) {
        for open in self.open.iter_mut().take_while(|open| open.relevance > f64::NEG_INFINITY) {
            let similarity = self.facts.similarity(item, open.item);
            open.similarity = open.similarity.max(similarity.clamp(0.0, 1.0));
        }
    }
}
