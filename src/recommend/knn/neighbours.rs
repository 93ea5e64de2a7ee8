use crate::recommend::ItemId;
use crate::recommend::knn::arena::Arena;
use crate::recommend::knn::index::Index;
use smallvec::SmallVec;
use std::cmp::Reverse;

/// Most items of a query that count.
pub(super) const BASES_MAX: usize = 32;
/// At least so many sessions of each item are gone through in a round, where it has them: fewer are not worth one.
const STEP_MIN: usize = 32;
/// Rounds that go through all sessions there are at most, and how many sessions a round spans at least.
const ROUNDS_MAX: usize = 16;
const SPAN_MIN: usize = 4_096;

/// A session that shares items with the query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Neighbour {
    pub(super) number: u32,
    /// How much it is like the query: above 0.
    pub(super) likeness: f32,
}

/// Which sessions may be neighbours, and how many of them are looked at and kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach<'a> {
    pub(super) looked_at_max: usize,
    pub(super) kept_max: usize,
    /// Sessions that are none: those that the query itself comes from.
    pub(super) own: &'a [u32],
}

/// Lists that a search fills, kept for the next one.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// All 0 between rounds.
    shared: Vec<f32>,
    numbers: Vec<u32>,
    /// Of the sessions that were looked at: likeness, then how new.
    ranks: Vec<u64>,
    neighbours: Vec<Neighbour>,
}

/// The sessions of an item that were not looked at yet, and what sharing the item counts.
struct Lane<'a> {
    ring: &'a [u32],
    weight: f32,
}

/// What the sessions of some ages share with the query, the newest first.
struct Window<'a> {
    /// Number of the newest of them.
    newest: u32,
    shared: &'a mut [f32],
}

impl Window<'_> {
    fn shared(&mut self, number: u32) -> Option<&mut f32> {
        self.shared.get_mut(self.newest.wrapping_sub(number) as usize)
    }

    /// Adds what the sessions of a lane share that are in the window; writes down those that shared nothing before, and
    /// gives how many they are.
    fn add(&mut self, lane: &mut Lane<'_>, numbers: &mut [u32]) -> usize {
        let (mut left, mut len) = (lane.ring.len(), 0);
        for &number in lane.ring.iter().rev() {
            let Some(shared) = self.shared(number) else { break };
            // Without a branch: which sessions hold several of the items cannot be foreseen.
            numbers[len] = number;
            len += usize::from(*shared == 0.0);
            *shared += lane.weight;
            left -= 1;
        }
        lane.ring = &lane.ring[..left];
        len
    }
}

/// Finds the sessions most like a query, newest first: of the newest that share an item with it, those with the highest
/// likeness, which is what the shared items count times the `prior` of the session. Of equal ones the newer.
///
/// Goes back in time in rounds, each as far as all items together have no more sessions than are wanted; in a round it
/// adds up what they share, item by item. O(looked at + rounds · items of the query), and rounds are few: each leaves a
/// part of what is wanted, that of the item which has the most sessions there.
pub(super) fn nearest<'s>(
    items: &[(ItemId, f32)],
    (index, arena, priors): (&Index, &Arena, &[f32]),
    reach: Reach<'_>,
    Search { shared, numbers, ranks, neighbours }: &'s mut Search,
) -> &'s [Neighbour] {
    let newest = arena.next().wrapping_sub(1);
    shared.resize((priors.len() / ROUNDS_MAX).max(SPAN_MIN), 0.0);
    ranks.clear();
    let lanes = items.iter().take(BASES_MAX).map(|&(item, weight)| Lane { ring: index.ring(item), weight });
    let mut lanes: SmallVec<[Lane<'_>; 16]> = lanes.filter(|lane| lane.weight > 0.0).collect();
    loop {
        lanes.retain(|lane| !lane.ring.is_empty());
        let wanted = reach.looked_at_max - ranks.len();
        if wanted == 0 || lanes.is_empty() {
            break;
        }
        let step = wanted.div_ceil(lanes.len()).max(STEP_MIN);
        let (mut first, mut end) = (u32::MAX, u32::MAX);
        for Lane { ring, .. } in &lanes {
            first = first.min(arena.age(ring[ring.len() - 1]));
            end = end.min(ring.len().checked_sub(step + 1).map_or(u32::MAX, |next| arena.age(ring[next])));
        }
        let span = shared.len().min((end - first) as usize);
        let mut window = Window { newest: newest.wrapping_sub(first), shared: &mut shared[..span] };
        // One more, which is written but not counted.
        let numbers_max = step.min(span) * lanes.len() + 1;
        if numbers.len() < numbers_max {
            numbers.resize(numbers_max, 0);
        }
        let mut len = 0;
        for lane in &mut lanes {
            len += window.add(lane, &mut numbers[len..]);
        }
        for own in reach.own {
            window.shared(*own).into_iter().for_each(|shared| *shared = 0.0);
        }
        rank(&numbers[..len], window, (arena, priors), ranks);
        if ranks.len() > reach.looked_at_max {
            // It went a little too far: the oldest of the round go.
            ranks[reach.looked_at_max - wanted..]
                .select_nth_unstable_by_key(wanted, |rank| Reverse(*rank as u32));
            ranks.truncate(reach.looked_at_max);
        }
    }
    if ranks.len() > reach.kept_max {
        ranks.select_nth_unstable_by_key(reach.kept_max, |rank| Reverse(*rank));
        ranks.truncate(reach.kept_max);
    }
    ranks.sort_unstable_by_key(|rank| Reverse(*rank as u32));
    neighbours.clear();
    neighbours.extend(ranks.iter().map(|&rank| Neighbour {
        number: newest.wrapping_sub(!(rank as u32)),
        likeness: f32::from_bits((rank >> 32) as u32),
    }));
    neighbours
}

/// Ranks the sessions of a window by how much they are like the query, if they are at all; leaves it empty.
fn rank(numbers: &[u32], mut window: Window<'_>, (arena, priors): (&Arena, &[f32]), ranks: &mut Vec<u64>) {
    ranks.reserve(numbers.len());
    for &number in numbers {
        let shared = window.shared(number).map_or(0.0, std::mem::take);
        let likeness = shared * priors[arena.place(number)];
        if likeness > 0.0 {
            // Numbers above 0 are ordered as their bits are. No two ranks are equal.
            ranks.push(u64::from(likeness.to_bits()) << 32 | u64::from(!arena.age(number)));
        }
    }
}
