//! What an input is going to look at, asked for at once.

use crate::engine::Partition;
use crate::profile::UserKey;
use std::hint::black_box;

impl Partition {
    /// Reads a word of what is known of a user in each table. With a million users none of it is in a cache, and what comes
    /// behind would wait for one table after the other; so the processor waits for all of them together.
    pub(super) fn look_ahead(&self, user: UserKey) {
        black_box(self.users[user.0 as usize].expires);
        self.store.profiles.look_ahead(user);
        self.journeys.look_ahead(user);
    }
}
