//! What an input is going to look at, asked for at once.

use crate::engine::Partition;
use crate::model::Message;
use crate::profile::UserKey;
use parking_lot::RwLock;
use smallvec::SmallVec;
use std::borrow::Borrow;
use std::hint::black_box;

/// Messages that are looked ahead of at once: more than memory answers at a time, and few enough for what they need to
/// still be in the cache when their turn comes.
const AHEAD: usize = 32;

/// Before a message of several that come one behind the other: looks ahead of it and those behind it, where no earlier
/// one did.
pub(super) fn look_ahead(partition: &RwLock<Partition>, messages: &[impl Borrow<Message>], place: usize) {
    if messages.len() > 1 && place.is_multiple_of(AHEAD) {
        partition.read().look_ahead_all(&messages[place..messages.len().min(place + AHEAD)]);
    }
}

impl Partition {
    /// Reads a word of what is known of a user in each table. With a million users none of it is in a cache, and what comes
    /// behind would wait for one table after the other; so the processor waits for all of them together.
    pub(super) fn look_ahead(&self, user: UserKey) {
        black_box(self.users[user.0 as usize].expires);
        self.store.profiles.look_ahead(user);
        self.journeys.look_ahead(user);
    }

    /// The same for several messages: finding one user does not wait for finding another.
    fn look_ahead_all(&self, messages: &[impl Borrow<Message>]) {
        let user = |message: &_| self.store.likely(Borrow::borrow(message));
        let users: SmallVec<[UserKey; AHEAD]> = messages.iter().filter_map(user).collect();
        users.iter().for_each(|user| self.look_ahead(*user));
    }
}
