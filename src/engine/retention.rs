//! What may be kept no longer goes at its instant.

use crate::engine::{Audited, Outcome, Partition};
use crate::model::{Body, Instant, Message};
use crate::profile::{Applied, UserKey, has_come};
use crate::segment::Cause;

impl Partition {
    /// Drops of a user what may be kept no longer. What that was waits until the user is looked at, so that nothing that
    /// drops events for other reasons can come between.
    pub(super) fn expire(&mut self, user: UserKey, now: Instant) {
        if self.users[user.0 as usize].expires > now {
            return;
        }
        self.drop_expired(user, now);
    }

    fn drop_expired(&mut self, user: UserKey, now: Instant) {
        let mut expired = Vec::new();
        let next = self.store.expire(user, now, &mut expired);
        let next = next.min(self.journeys.forget_events(user, &self.store.keep.retention, now));
        self.users[user.0 as usize].expires = next.min(self.store.idle_end(user).max(now));
        self.expired.extend(expired.into_iter().map(|expired| (user, expired)));
    }

    /// Works out when something of a user who came back may be kept no longer.
    pub(super) fn find_expiry(&mut self, user: UserKey) {
        let next = self.store.next_expiry(user).min(self.store.idle_end(user));
        let next = next.min(self.journeys.events_end(user, &self.store.keep.retention));
        self.users[user.0 as usize].expires = next;
    }

    /// The same for everybody, under what definitions say from now on.
    pub(super) fn expire_all(&mut self, now: Instant) {
        for user in self.store.keys().collect::<Vec<_>>() {
            self.drop_expired(user, now);
            self.schedule(user, now);
        }
    }

    /// Notes until when what was noted may be kept.
    pub(super) fn note_expiry(&mut self, user: UserKey, applied: &Applied) {
        let expiry = self.store.expiry(applied);
        let row = &mut self.users[user.0 as usize];
        row.expires = row.expires.min(expiry);
    }

    /// Notes until when what journeys know of the events that began them may be kept.
    pub(super) fn note_begun(&mut self, user: UserKey) {
        let end = self.journeys.events_end(user, &self.store.keep.retention);
        let row = &mut self.users[user.0 as usize];
        row.expires = row.expires.min(end);
    }

    /// Notes when a profile may be kept no longer of which a message was heard, and what it may have written.
    pub(super) fn note_heard(&mut self, user: UserKey, message: &Message, at: Instant) {
        let mut end = self.store.idle_end(user);
        if matches!(message.body, Body::Identify { .. } | Body::Group { .. }) {
            // Also what was unset, or written again: it is looked at then, and its own end found.
            let least = self.store.keep.retention.shortest_attribute();
            end = least.map_or(end, |least| end.min(at + least));
        }
        let row = &mut self.users[user.0 as usize];
        if end < row.expires {
            row.expires = end;
            // The wheel may ask before the user is looked at, and would take the earlier end for hinted.
            self.schedule(user, self.clock);
        }
    }

    /// Takes what expired of a user since the last look.
    pub(super) fn take_expired(&mut self, user: UserKey) -> Vec<Applied> {
        if self.expired.is_empty() {
            return Vec::new();
        }
        self.expired.extract_if(.., |(own, _)| *own == user).map(|(_, expired)| expired).collect()
    }

    /// Whether nothing was heard of a user for as long as the profile may be kept. That of whoever is restricted stays, though
    /// not all that is in it.
    pub(super) fn is_over(&self, user: UserKey, now: Instant) -> bool {
        !self.restricted.contains(&user) && has_come(self.store.idle_end(user), now)
    }

    /// Erases a user whose profile is over.
    pub(super) fn retire(&mut self, user: UserKey, now: Instant, outcome: &mut Outcome) {
        for mut expired in self.take_expired(user) {
            expired.clear(&mut self.store.symbols);
        }
        self.audit(Some(user), None, now, Audited::Expiry, outcome);
        self.erase(user, Cause::Retention, now, outcome);
    }
}
