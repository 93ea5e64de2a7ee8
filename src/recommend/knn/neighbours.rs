use crate::recommend::ItemId;
use crate::recommend::knn::arena::Arena;
use crate::recommend::knn::index::Index;
use smallvec::SmallVec;
use std::cmp::Reverse;

/// Most items of a query that count.
pub(super) const BASES_MAX: usize = 32;
/// At least so many sessions of an item are looked at together.
const STEP_MIN: usize = 32;
/// So many rounds go through all sessions there are, if they are that far apart.
const ROUNDS: usize = 16;
const SPAN_MIN: usize = 4_096;

/// A session that shares items with the query.
#[derive(Clone, Copy, Debug)]
pub(super) struct Neighbour {
    pub(super) number: u32,
    /// How much it is like the query: above 0.
    pub(super) likeness: f32,
}

/// The sessions of an item that were not looked at yet, and what sharing the item counts.
struct Lane<'a> {
    ring: &'a [u32],
    weight: f32,
}

/// Which sessions may be neighbours, and how many of them are looked at and kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach<'a> {
    pub(super) looked_at_max: usize,
    pub(super) kept_max: usize,
    /// Sessions that are none: those that the query itself comes from.
    pub(super) own: &'a [u32],
}

/// Lists that the search fills, kept for the next one.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// What the sessions of a round share with the query, by age: all 0 between rounds.
    shared: Vec<f32>,
    /// The sessions of a round.
    numbers: Vec<u32>,
    /// Likeness, then age, of those that were looked at.
    ranks: Vec<u64>,
}

/// Finds the sessions most like a query, newest first: of the newest that share an item with it, those with the highest
/// likeness, which is what the shared items count times the `prior` of the session. Of equal ones the newer.
pub(super) fn nearest(
    items: &[(ItemId, f32)],
    (index, arena, priors): (&Index, &Arena, &[f32]),
    reach: Reach<'_>,
    search: &mut Search,
    found: &mut Vec<Neighbour>,
) {
    let Search { shared, numbers, ranks } = search;
    let newest = arena.next().wrapping_sub(1);
    let span = (priors.len() / ROUNDS).max(SPAN_MIN);
    shared.resize(span, 0.0);
    ranks.clear();
    let mut lanes: SmallVec<[Lane<'_>; 16]> = SmallVec::new();
    for &(item, weight) in items.iter().take(BASES_MAX) {
        let ring = index.ring(item);
        if weight > 0.0 && !ring.is_empty() {
            lanes.push(Lane { ring, weight });
        }
    }
    while ranks.len() < reach.looked_at_max && !lanes.is_empty() {
        // Up to which age all lanes together have at most as many as are wanted.
        let wanted = reach.looked_at_max - ranks.len();
        let step = wanted.div_ceil(lanes.len()).max(STEP_MIN);
        let (mut first, mut end) = (u32::MAX, u32::MAX);
        for Lane { ring, .. } in &lanes {
            first = first.min(arena.age(ring[ring.len() - 1]));
            if ring.len() > step {
                end = end.min(arena.age(ring[ring.len() - 1 - step]));
            }
        }
        end = end.min(first.saturating_add(span as u32));
        numbers.clear();
        numbers.resize(step.min(1 + (end - first) as usize) * lanes.len() + 1, 0);
        let mut len = 0;
        for Lane { ring, weight } in &mut lanes {
            let mut left = ring.len();
            for &number in ring.iter().rev() {
                let age = newest.wrapping_sub(number);
                if age >= end {
                    break;
                }
                left -= 1;
                let shared = &mut shared[(age - first) as usize];
                // Without a branch: which sessions hold several of the items cannot be foreseen.
                numbers[len] = number;
                len += usize::from(*shared == 0.0);
                *shared += *weight;
            }
            *ring = &ring[..left];
        }
        lanes.retain(|lane| !lane.ring.is_empty());
        let before = ranks.len();
        for &number in &numbers[..len] {
            let age = newest.wrapping_sub(number);
            let shared = std::mem::take(&mut shared[(age - first) as usize]);
            let likeness = shared * priors[arena.place(number)];
            if likeness > 0.0 && !reach.own.contains(&number) {
                // Numbers above 0 are ordered as their bits are. No two ranks are equal.
                ranks.push(u64::from(likeness.to_bits()) << 32 | u64::from(!age));
            }
        }
        if ranks.len() > reach.looked_at_max {
            ranks[before..].select_nth_unstable_by_key(wanted, |rank| Reverse(*rank as u32));
            ranks.truncate(reach.looked_at_max);
        }
    }
    if ranks.len() > reach.kept_max {
        ranks.select_nth_unstable_by(reach.kept_max, |a, b| b.cmp(a));
        ranks.truncate(reach.kept_max);
    }
    ranks.sort_unstable_by_key(|rank| Reverse(*rank as u32));
    found.clear();
    found.extend(ranks.iter().map(|&rank| Neighbour {
        number: newest.wrapping_sub(!(rank as u32)),
        likeness: f32::from_bits((rank >> 32) as u32),
    }));
}
