//! Time that passes in pieces: so many users at once, with room for other inputs between.

use crate::engine::partition::{NEVER, no_content};
use crate::engine::{Outcome, Partition};
use crate::journey::Context;
use crate::model::Instant;
use crate::profile::UserKey;

/// Those who are due at an instant and whose turn has not come, because a piece ended before them.
///
/// No state: what is due follows from everybody's deadline, here as in the wheel. Whoever is in it has no hint in the
/// wheel, and need not be due any more.
///
/// Invariant: the instant is at or before the clock.
#[derive(Debug, Clone, Default)]
pub(super) struct Unfinished {
    at: Instant,
    /// In order of their ids, the last one first.
    users: Vec<UserKey>,
}

impl Unfinished {
    /// The instant, where somebody is left.
    pub(super) fn at(&self) -> Option<Instant> {
        (!self.users.is_empty()).then_some(self.at)
    }

    pub(super) fn users(&self) -> &[UserKey] {
        &self.users
    }
}

impl Partition {
    /// Moves the clock as [`advance`](Partition::advance) does, and stops once it has looked at `limit` users, each
    /// counted at each instant at which it is due. Where more may be due up to `now` the outcome says so
    /// ([`Outcome::more_due`]), and the clock stands at the last instant that was reached; calls with the same `now` until
    /// no more is due leave the same state as one [`advance`](Partition::advance), and tell the same. With a limit of 0 it
    /// only says whether anything may be due.
    ///
    /// For a host that has been away for long, or of which very many users are due at once, as each evening at 18:00:
    /// between two calls it can take in messages and hand out actions. A message that comes between is taken in at its
    /// own time as ever, and whatever is due before it is looked at first, however many that are.
    ///
    /// ```
    /// use bespoke::definitions::Definitions;
    /// use bespoke::engine::Partition;
    /// use bespoke::model::{Duration, Instant, Message};
    ///
    /// let definitions = Definitions::from_toml("version = 1\n[events.open]\n[segments]\nactive = 'did(open in 7d)'")?;
    /// let mut partition = Partition::new(&definitions);
    /// let now: Instant = "2026-11-23T10:00:00Z".parse()?;
    /// for user in ["ada", "bob", "cyd"] {
    ///     partition.ingest(&Message::track(user, "open"), now)?;
    /// }
    /// let later = now + Duration::days(30);
    /// let first = partition.advance_some(later, 2);
    /// assert_eq!((first.changes.len(), first.more_due), (2, true));
    /// assert_eq!(partition.clock(), now + Duration::days(7));
    /// let rest = partition.advance_some(later, 2);
    /// assert_eq!((rest.changes.len(), rest.more_due), (1, false));
    /// assert_eq!(partition.clock(), later);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn advance_some(&mut self, now: Instant, limit: usize) -> Outcome {
        let now = now.max(self.clock);
        let mut outcome = self.begin(self.clock);
        self.host_clock = now;
        let mut left = limit;
        while left > 0
            && let Some(due) = self.next_some(now, left)
        {
            left -= self.due.len();
            self.settle(&[], due, &mut outcome);
            self.clock = self.clock.max(due);
        }
        outcome.more_due = self.is_due(now);
        if !outcome.more_due {
            self.clock = now;
            self.models.tick(now);
        }
        self.suppressions.end(self.clock);
        self.settle_absorptions(self.clock);
        outcome
    }

    /// Whether anybody is due up to an instant.
    fn is_due(&mut self, until: Instant) -> bool {
        if let Some(at) = self.unfinished.at().filter(|at| *at <= until) {
            let users = self.unfinished.users.clone();
            if users.into_iter().any(|user| self.is_due_at(user, at)) {
                return true;
            }
        }
        let Some(at) = self.next_exact(until) else { return false };
        // They were taken out of the wheel to be looked at.
        for user in std::mem::take(&mut self.due) {
            self.timers.schedule(at, user);
        }
        true
    }

    /// Whether a user is due at an instant. What rows say may be too early, and by how much depends on when the user was
    /// last brought into memory, which must not show where users are counted.
    fn is_due_at(&mut self, user: UserKey, at: Instant) -> bool {
        if self.restricted.contains(&user) {
            return false;
        }
        self.bring(user);
        if self.users[user.0 as usize].expires <= at {
            self.find_expiry(user);
        }
        self.users[user.0 as usize].deadline() <= at
    }

    /// Takes the users who are due at the earliest instant up to `until` at which any is, and passes over hints that are
    /// too early.
    fn next_exact(&mut self, until: Instant) -> Option<Instant> {
        loop {
            let at = self.next_hinted(until)?;
            for user in std::mem::take(&mut self.due) {
                self.take_if_due(user, at);
            }
            if !self.due.is_empty() {
                return Some(at);
            }
        }
    }

    /// The user may be in another time zone now.
    pub(super) fn follow_zone(&mut self, user: UserKey, now: Instant, outcome: &mut Outcome) {
        let (plan, store, clock) = (&self.compiled.plan, &self.store, self.host_clock);
        let context = Context { plan, store, memberships: None, now, clock, render: &no_content };
        self.journeys.on_zone(&context, user, &mut outcome.notes);
        self.users[user.0 as usize].journey_due = self.journeys.deadline(user).unwrap_or(NEVER);
    }

    /// Under other definitions dates and recurring instants may begin other journeys, for everybody, and local times may be
    /// others where no zone is known of a user.
    pub(super) fn follow_dates(&mut self, is_other_zone: bool, now: Instant, outcome: &mut Outcome) {
        if !is_other_zone && !self.journeys.begins_by_time() {
            return;
        }
        let mut users: Vec<UserKey> = self.store.keys().collect();
        users.sort_by(|a, b| self.store.name(*a).cmp(self.store.name(*b)).then(a.cmp(b)));
        for user in users {
            if is_other_zone && self.store.get(user).zone == 0 {
                self.follow_zone(user, now, outcome);
            }
            let (plan, store, clock) = (&self.compiled.plan, &self.store, self.host_clock);
            let context = Context { plan, store, memberships: None, now, clock, render: &no_content };
            self.journeys.expect(&context, user, now);
            self.users[user.0 as usize].journey_due = self.journeys.deadline(user).unwrap_or(NEVER);
            self.schedule(user, now);
        }
    }

    /// Takes so many of the users who are due at the earliest instant up to `until` at which any is, and at least one: the
    /// first in order of their ids, and the others wait.
    fn next_some(&mut self, until: Instant, limit: usize) -> Option<Instant> {
        if let Some(at) = self.unfinished.at().filter(|at| *at <= until) {
            self.due.clear();
            while self.due.len() < limit
                && let Some(user) = self.unfinished.users.pop()
            {
                self.take_if_due(user, at);
            }
            if !self.due.is_empty() {
                return Some(at);
            }
        }
        let at = self.next_exact(until)?;
        if self.due.len() > limit {
            self.due.sort_by(|a, b| self.store.name(*b).cmp(self.store.name(*a)));
            let first = self.due.split_off(self.due.len() - limit);
            self.unfinished = Unfinished { at, users: std::mem::replace(&mut self.due, first) };
        }
        Some(at)
    }

    /// Adds those who are left of an instant to who is due at it.
    pub(super) fn take_unfinished(&mut self) {
        let Unfinished { at, users } = std::mem::take(&mut self.unfinished);
        users.into_iter().for_each(|user| self.take_if_due(user, at));
        self.due.sort_unstable();
        self.due.dedup();
    }

    /// Adds a user whose hint is gone, or gives it another where it is due later now.
    fn take_if_due(&mut self, user: UserKey, at: Instant) {
        let is_due = self.is_due_at(user, at);
        let row = &mut self.users[user.0 as usize];
        row.hinted = if self.restricted.contains(&user) { NEVER } else { row.deadline() };
        if is_due {
            self.due.push(user);
        } else if row.hinted != NEVER {
            self.timers.schedule(row.hinted, user);
        }
    }
}
