use crate::recommend::ItemId;
use crate::recommend::knn::arena::Arena;
use crate::recommend::knn::session::{SESSION_LEN, Session, Visit};

/// How many of the different items that a user visited last can be come back to: all of a session, but for one visit.
const BACK: usize = SESSION_LEN - 1;
/// As if nobody had come back in so many times, before anything is known.
const DOUBT: f64 = 20.0;

/// How often users go on with the item that they are at, with the different one before it, and so on.
///
/// Invariant: the sums over all visits of the sessions that are kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Returns {
    /// How often there was one to come back to, by how many different items lie behind it.
    asked: [u64; BACK],
    /// How often it was what came next.
    came: [u64; BACK],
}

impl Returns {
    /// Those of all sessions of an arena. O(visits).
    pub(super) fn of(arena: &Arena) -> Returns {
        let mut returns = Returns::default();
        arena.numbers().for_each(|number| returns.add(arena.get(number)));
        returns
    }

    /// Counts a session that is kept from now on.
    pub(super) fn add(&mut self, session: &Session) {
        let visits = session.visits();
        (1..visits.len()).for_each(|place| self.count(&visits[..place], visits[place].item(), |n| n + 1));
    }

    /// Counts the last visit of a session, which was added to it.
    pub(super) fn add_last(&mut self, session: &Session) {
        if let Some((last, before)) = session.visits().split_last() {
            self.count(before, last.item(), |n| n + 1);
        }
    }

    /// Counts a session no more.
    pub(super) fn remove(&mut self, session: &Session) {
        let visits = session.visits();
        (1..visits.len()).for_each(|place| self.count(&visits[..place], visits[place].item(), |n| n - 1));
    }

    fn count(&mut self, before: &[Visit], next: ItemId, change: impl Fn(u64) -> u64) {
        let mut back = 0;
        for (place, visit) in before.iter().enumerate().rev() {
            let is_seen = before[place + 1..].iter().any(|later| later.item() == visit.item());
            if !is_seen {
                self.asked[back] = change(self.asked[back]);
                if visit.item() == next {
                    self.came[back] = change(self.came[back]);
                }
                back += 1;
            }
        }
    }

    /// How probable it is that the next visit is of the item behind which so many different ones lie.
    pub(super) fn chance(&self, back: usize) -> f64 {
        match (self.came.get(back), self.asked.get(back)) {
            (Some(came), Some(asked)) => *came as f64 / (*asked as f64 + DOUBT),
            _ => 0.0,
        }
    }
}
