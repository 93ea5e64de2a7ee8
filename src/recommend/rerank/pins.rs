//! Pins and slots: places that are kept.

use crate::recommend::bandit::draw::further;
use crate::recommend::rerank::{Effect, Facts, RerankParams, filters};
use crate::recommend::{ItemId, Reason, Recommendation};
use smallvec::SmallVec;
use std::sync::Arc;

/// What a place is kept for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kept {
    Item(ItemId),
    Rule(Arc<str>),
    /// What is to be tried of so many of the best.
    Trial(usize),
}

/// Takes what has a place of its own out of a list that is in order, with the places in ascending order. A pin that is not
/// in the list comes in with a score of 0, unless it may not be shown; of the rest the best one for which a rule holds
/// takes the place that is kept for it, unless there is none, and so does the one that is tried.
pub(super) fn take(
    params: &RerankParams,
    list: &mut Vec<Recommendation>,
    limit: usize,
    seed: u64,
    facts: &dyn Facts,
) -> Vec<(usize, Recommendation)> {
    let mut taken: Vec<(usize, Recommendation)> = Vec::new();
    let within = || params.kept.iter().filter(|(slot, _)| *slot < limit);
    // All pins before any rule, so that no rule takes what is pinned elsewhere.
    for (slot, kept) in within() {
        let Kept::Item(item) = kept else { continue };
        let mut shown = match list.iter().position(|shown| shown.item == *item) {
            Some(place) => list.remove(place),
            None if filters::refusal(params, *item, facts).is_some() => continue,
            None => Recommendation::new(*item, 0.0, Reason::Other("picked by hand".into())),
        };
        shown.note(Effect::Pinned { slot: *slot as u16 });
        taken.push((*slot, shown));
    }
    for (slot, kept) in within() {
        let Kept::Rule(rule) = kept else { continue };
        if let Some(place) = list.iter().position(|shown| facts.holds(shown.item, rule)) {
            let mut shown = list.remove(place);
            shown.note(Effect::Slotted { rule: Arc::clone(rule), slot: *slot as u16 });
            taken.push((*slot, shown));
        }
    }
    let trials = within().filter_map(|(slot, kept)| match kept {
        Kept::Trial(depth) => Some((slot, depth)),
        Kept::Item(_) | Kept::Rule(_) => None,
    });
    for (number, (slot, depth)) in trials.enumerate() {
        let best: SmallVec<[ItemId; 32]> = list.iter().take(*depth).map(|shown| shown.item).collect();
        // Each by chances of its own: so the probability of a list is the product of theirs.
        let seed = if number == 0 { seed } else { further(seed, number as u64) };
        let chosen = facts.choose(&best, seed).filter(|(place, _)| *place < best.len());
        if let Some((place, probability)) = chosen {
            let mut shown = list.remove(place);
            shown.note(Effect::Tried { slot: *slot as u16, probability });
            taken.push((*slot, shown));
        }
    }
    taken.sort_by_key(|(slot, _)| *slot);
    taken
}

/// Puts them back at their places, as far as the list is long enough; behind it where it is not.
pub(super) fn put(list: &mut Vec<Recommendation>, taken: Vec<(usize, Recommendation)>) {
    for (slot, shown) in taken {
        list.insert(slot.min(list.len()), shown);
    }
}
