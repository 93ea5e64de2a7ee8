//! Boosts and buries, then the impression discount: what multiplies scores.

use crate::model::Instant;
use crate::recommend::Recommendation;
use crate::recommend::rerank::{Effect, Facts, RerankParams};
use std::sync::Arc;

/// A rule that multiplies scores.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Weight {
    pub(super) rule: Arc<str>,
    pub(super) factor: f64,
}

pub(super) fn weigh(params: &RerankParams, shown: &mut Recommendation, facts: &dyn Facts) {
    for Weight { rule, factor } in &params.weights {
        // A factor of 1 is a rule that is switched off.
        if *factor != 1.0 && facts.holds(shown.item, rule) {
            shown.score = (shown.score * factor).min(f64::MAX);
            shown.note(Effect::Weighted { rule: Arc::clone(rule), factor: *factor });
        }
    }
}

/// What was shown again and again and never chosen is probably not wanted.
pub(super) fn discount(params: &RerankParams, shown: &mut Recommendation, facts: &dyn Facts, now: Instant) {
    if params.fatigue >= 1.0 {
        return;
    }
    let impressions = facts.impressions(shown.item, now - params.fatigue_window);
    if impressions > 0 {
        let factor = libm::pow(params.fatigue, f64::from(impressions));
        shown.score *= factor;
        shown.note(Effect::Discounted { impressions, factor });
    }
}
