//! Eligibility, then exclusions: what may not be shown at all.

use crate::recommend::ItemId;
use crate::recommend::rerank::{Because, Facts, RerankParams};
use std::sync::Arc;

/// Why an item may not be shown, if it may not: the first rule that does not hold, or the first list that it is on.
pub(super) fn refusal(params: &RerankParams, item: ItemId, facts: &dyn Facts) -> Option<Because> {
    let unmet = params.required.iter().find(|rule| !facts.holds(item, rule));
    let unmet = unmet.map(|rule| Because::NotEligible { rule: Arc::clone(rule) });
    unmet.or_else(|| {
        let listed = params.excluded.iter().find(|list| facts.holds(item, list));
        listed.map(|list| Because::Excluded { list: Arc::clone(list) })
    })
}
