//! Rotation: who sees the same list twice sees some variety.

use crate::recommend::Recommendation;
use crate::recommend::bandit::draw;
use crate::recommend::rerank::{Effect, by_score};

/// Multiplies each score with `e^(strength · z)`, `z` a normal number that follows from the seed and the item, and sorts
/// anew. What is clearly better stays in front; what is about equal changes places from seed to seed. The scores that go on
/// are the drawn ones.
pub(super) fn rotate(list: &mut Vec<Recommendation>, strength: f64, seed: u64) {
    if strength <= 0.0 {
        return;
    }
    let mut drawn: Vec<(usize, Recommendation)> = std::mem::take(list).into_iter().enumerate().collect();
    for (_, shown) in &mut drawn {
        let z = draw::normal(draw::of_arm(seed, shown.item.number()));
        shown.score = (shown.score * libm::exp(strength * z)).min(f64::MAX);
    }
    drawn.sort_by(|(_, a), (_, b)| by_score(a, b));
    for (to, (from, mut shown)) in drawn.into_iter().enumerate() {
        if from != to {
            shown.note(Effect::Rotated { from: from as u16, to: to as u16 });
        }
        list.push(shown);
    }
}
