use crate::model::{Bytes, Instant, Malformed, Pieces, Record, SUM_MAX, Shared};
use crate::recommend::{ItemId, LIMIT_MAX};
use serde::Serialize;
use std::cmp::Ordering;

/// How many of the best items a board shows in order: every limit is served without a look at the rest.
pub(super) const HEAD_LEN: usize = LIMIT_MAX;
/// How many it keeps in order besides: so many have to fall before the rest is looked at.
const SPARE: usize = HEAD_LEN / 4;
/// A share of what is taken back below which a count is what rounding left of nothing.
const ROUNDING: f64 = 1e-9;

/// The decayed count of an item.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Count {
    pub(super) weight: f64,
    pub(super) newest: Instant,
    pub(super) item: ItemId,
}

impl Count {
    /// Less is better: weight, then newest, then id. No two items are equal.
    pub(super) fn rank(&self, other: &Count) -> Ordering {
        let weights = other.weight.total_cmp(&self.weight);
        weights.then_with(|| other.newest.cmp(&self.newest)).then_with(|| self.item.cmp(&other.item))
    }
}

/// Decayed counts whose best [`HEAD_LEN`] are always in order.
///
/// Under forward decay a count changes only when its item is counted, and then it only grows; time changes
/// no order. So a growing item needs one move within the head, or a place in it, and what is not in the head
/// stays behind it. Of what was counted and is taken back an item may fall behind it: then there is one less
/// in the head, until there are too few. No other item needs a look.
///
/// Invariants: 1. the head is sorted by [`Count::rank`]. 2. it holds the best counts above 0, of these
/// `HEAD_LEN` at least, and at most `SPARE` more, or all there are. 3. each count in it equals the one in
/// `counts`. 4. no count is above the total.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Board {
    counts: Shared<Count, 512>,
    total: f64,
    /// Follows from `counts`, but for its length, which nobody sees.
    #[serde(skip)]
    head: Vec<Count>,
    /// Whether there may be counts above 0 besides those in the head.
    #[serde(skip)]
    has_rest: bool,
}

impl Board {
    /// A place for another item; it has no count yet.
    pub(super) fn push(&mut self, item: ItemId) {
        self.counts.push(Count { weight: 0.0, newest: Instant::MIN, item });
    }

    /// Counts the item at `place`. O(log head), and a move within the head of as many counts as it passes.
    pub(super) fn add(&mut self, place: usize, amount: f64, at: Instant) {
        let old = self.counts[place];
        let weight = (old.weight + amount).min(SUM_MAX);
        let new = Count { weight, newest: old.newest.max(at), item: old.item };
        self.counts[place] = new;
        self.total = (self.total + amount).min(SUM_MAX);
        match self.head.binary_search_by(|count| count.rank(&old)) {
            Ok(from) => {
                let to = self.head[..from].partition_point(|count| count.rank(&new).is_lt());
                self.head.copy_within(to..from, to + 1);
                self.head[to] = new;
            }
            Err(_) => self.put(new),
        }
    }

    /// Gives a count its place in the head, where it has one.
    fn put(&mut self, new: Count) {
        let to = self.head.partition_point(|count| count.rank(&new).is_lt());
        if to == self.head.len() && self.has_rest {
            return;
        }
        if self.head.len() == HEAD_LEN + SPARE {
            self.has_rest = true;
            if to == self.head.len() {
                return;
            }
            self.head.pop();
        }
        self.head.insert(to, new);
    }

    /// Takes back what was counted, by place. O(log head) for each, and a move within the head; O(items) once more than
    /// `SPARE` have fallen out of it.
    pub(super) fn subtract(&mut self, amounts: impl IntoIterator<Item = (usize, f64)>) {
        for (place, amount) in amounts {
            let Some(count) = self.counts.get_mut(place) else { continue };
            let old = *count;
            let left = old.weight - amount;
            count.weight = if left > amount * ROUNDING { left } else { 0.0 };
            let new = *count;
            self.total -= old.weight - new.weight;
            if let Ok(from) = self.head.binary_search_by(|count| count.rank(&old)) {
                let passes = self.head[from + 1..].partition_point(|count| count.rank(&new).is_lt());
                let to = from + passes;
                if new.weight > 0.0 && (to + 1 < self.head.len() || !self.has_rest) {
                    self.head.copy_within(from + 1..=to, from);
                    self.head[to] = new;
                } else {
                    self.head.remove(from);
                }
            }
        }
        if self.has_rest && self.head.len() < HEAD_LEN {
            self.find_head();
        }
        // What rounding left of what is no more is no share of anything, and no share is above 1.
        self.total = self.head.first().map_or(0.0, |largest| self.total.max(largest.weight));
    }

    /// Multiplies all counts. O(items): counts that vanish may change places, so the head is made anew.
    pub(super) fn rescale(&mut self, factor: f64) {
        for count in self.counts.iter_mut() {
            count.weight *= factor;
        }
        self.total *= factor;
        self.find_head();
    }

    /// Makes the head of the counts. O(items).
    fn find_head(&mut self) {
        let mut head: Vec<Count> = self.counts.iter().copied().filter(|count| count.weight > 0.0).collect();
        self.has_rest = head.len() > HEAD_LEN + SPARE;
        if self.has_rest {
            head.select_nth_unstable_by(HEAD_LEN + SPARE - 1, Count::rank);
            head.truncate(HEAD_LEN + SPARE);
            head.shrink_to_fit();
        }
        head.sort_unstable_by(Count::rank);
        self.head = head;
    }

    /// What is to be written of it: counts by place, each with its item where that is not the place.
    pub(super) fn write_later(&self, with_items: bool, pieces: &mut Pieces) {
        pieces.push_now(|out| {
            self.total.write(out);
            self.counts.len().write(out);
        });
        let write: fn(&Count, &mut Vec<u8>) = match with_items {
            true => |count, out| (count.item.number(), count.weight, count.newest).write(out),
            false => |count, out| (count.weight, count.newest).write(out),
        };
        self.counts.write_later(0, write, pieces);
    }

    /// Reads what was written, of so many items that there are.
    pub(super) fn read(with_items: bool, items: usize, from: &mut Bytes<'_>) -> Result<Board, Malformed> {
        let mut board = Board { total: from.weight("a sum of counts")?, ..Board::default() };
        for place in 0..from.len("counts of items")? {
            let is_known = |number: &u32| (*number as usize) < items;
            let number = match with_items {
                true => from.valid("the number of an item", is_known)?,
                false if place < items => place as u32,
                false => return Err(from.malformed("counts of items")),
            };
            // A share of the sum is at most 1.
            let total = board.total;
            let weight = from.valid("the count of an item", |weight: &f64| (0.0..=total).contains(weight))?;
            let newest = from.read()?;
            board.counts.push(Count { weight, newest, item: ItemId::new(number) });
        }
        board.find_head();
        Ok(board)
    }

    /// The best counts in order, all above 0.
    pub(super) fn head(&self) -> &[Count] {
        &self.head[..self.head.len().min(HEAD_LEN)]
    }

    pub(super) fn count(&self, place: usize) -> Option<&Count> {
        self.counts.get(place)
    }

    /// All counts above 0, by place.
    pub(super) fn counts(&self) -> impl Iterator<Item = &Count> {
        self.counts.iter().filter(|count| count.weight > 0.0)
    }

    /// The sum of all counts.
    pub(super) fn total(&self) -> f64 {
        self.total
    }

    pub(super) fn len(&self) -> usize {
        self.counts.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.counts.bytes() + self.head.capacity() * size_of::<Count>()
    }

    /// Names the invariant that broke.
    #[cfg(test)]
    pub(super) fn validate(&self) -> Result<(), &'static str> {
        let mut all: Vec<Count> = self.counts.iter().copied().filter(|count| count.weight > 0.0).collect();
        all.sort_unstable_by(Count::rank);
        if self.head.len() < all.len() && !self.has_rest {
            return Err("where there are others that is said");
        }
        if self.has_rest && !(HEAD_LEN..=HEAD_LEN + SPARE).contains(&self.head.len()) {
            return Err("the head is neither too short nor too long");
        }
        if all.iter().any(|count| count.weight > self.total) {
            return Err("no count is above the total");
        }
        all.truncate(self.head.len());
        if all == self.head { Ok(()) } else { Err("the head is the best counts in order") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Duration;

    /// Skewed enough that items enter the head, leave it and move within it, with many ties.
    #[test]
    fn the_head_is_exact() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut board = Board::default();
        for number in 0..3_000 {
            board.push(ItemId::new(number));
        }
        for step in 0..40_000_i64 {
            let place = (random.f64() * random.f64() * 3_000.0) as usize;
            let at = Instant::from_millis(0) + Duration::seconds(step / 50 - random.i64(0..10));
            let amount = f64::from(random.u8(1..4));
            board.add(place, amount, at);
            // Taken back is what was counted, or half of it, of the same item or of another one.
            match random.u8(0..8) {
                0 => board.subtract([(place, amount / 2.0)]),
                1 => {
                    let other = random.usize(0..3_100);
                    let amount = board.count(other).map_or(1.0, |count| count.weight);
                    board.subtract([(other, amount), (place, 0.5)]);
                }
                _ => {}
            }
            if step % 500 == 0 {
                board.validate().unwrap();
                let sum: f64 = board.counts().map(|count| count.weight).sum();
                assert!((board.total() - sum).abs() <= 1e-9 * sum, "{} and {sum}", board.total());
            }
            if step % 15_000 == 14_999 {
                board.rescale(libm::exp2(-600.0)); // twice of it is nothing
                board.validate().unwrap();
            }
        }
        assert_eq!(board.head().len(), HEAD_LEN);
    }
}
