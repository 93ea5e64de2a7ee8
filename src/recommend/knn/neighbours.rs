use crate::recommend::ItemId;
use crate::recommend::knn::arena::Arena;
use crate::recommend::knn::index::Index;

/// Most items of a query that count.
pub(super) const BASES_MAX: usize = 32;

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

/// Finds the sessions most like a query, newest first: of the newest that share an item with it, those with the highest
/// likeness, which is what the shared items count times the `prior` of the session. Of equal ones the newer.
///
/// Goes through the rings side by side from their newest ends, so that each session comes up once, with all that it
/// shares, and the walk can end early. O(looked at · items of the query).
pub(super) fn nearest(
    items: &[(ItemId, f32)],
    (index, arena, priors): (&Index, &Arena, &[f32]),
    reach: Reach<'_>,
    found: &mut Vec<Neighbour>,
    ranks: &mut Vec<u64>,
) {
    found.clear();
    let mut lanes: [Lane<'_>; BASES_MAX] = std::array::from_fn(|_| Lane { ring: &[], weight: 0.0 });
    let mut ages = [u32::MAX; BASES_MAX];
    let mut len = 0;
    for (item, weight) in items.iter().take(BASES_MAX) {
        let ring = index.ring(*item);
        if let Some((newest, rest)) = ring.split_last() {
            (ages[len], lanes[len]) = (arena.age(*newest), Lane { ring: rest, weight: *weight });
            len += 1;
        }
    }
    let (lanes, ages) = (&mut lanes[..len], &mut ages[..len]);
    let newest = arena.next().wrapping_sub(1);
    while found.len() < reach.looked_at_max {
        let age = ages.iter().fold(u32::MAX, |least, age| least.min(*age));
        if age == u32::MAX {
            break;
        }
        let mut shared = 0.0;
        for (lane, next) in lanes.iter_mut().zip(&mut *ages) {
            if *next == age {
                shared += lane.weight;
                *next = match lane.ring.split_last() {
                    Some((number, rest)) => {
                        lane.ring = rest;
                        arena.age(*number)
                    }
                    None => u32::MAX,
                };
            }
        }
        let number = newest.wrapping_sub(age);
        let likeness = shared * priors[arena.place(number)];
        if likeness > 0.0 && !reach.own.contains(&number) {
            found.push(Neighbour { number, likeness });
        }
    }
    keep_best(found, reach.kept_max, ranks);
}

/// Keeps the most alike, of equal ones the first, in their order.
fn keep_best(found: &mut Vec<Neighbour>, kept_max: usize, ranks: &mut Vec<u64>) {
    if found.len() <= kept_max {
        return;
    }
    // Numbers above 0 are ordered as their bits are. No two ranks are equal.
    let rank =
        |place: u32, neighbour: &Neighbour| u64::from(neighbour.likeness.to_bits()) << 32 | u64::from(!place);
    ranks.clear();
    ranks.extend((0..).zip(found.iter()).map(|(place, neighbour)| rank(place, neighbour)));
    let (_, last, _) = ranks.select_nth_unstable_by(kept_max - 1, |a, b| b.cmp(a));
    let last = *last;
    let mut place = 0;
    found.retain(|neighbour| {
        place += 1;
        rank(place - 1, neighbour) >= last
    });
}
