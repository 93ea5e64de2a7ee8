//! The whole state in a canonical form.

use crate::engine::Partition;
use crate::model::{Instant, Value};
use crate::profile::UserProfile;
use crate::segment::Memberships;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Serialize)]
struct User {
    profile: UserProfile,
    /// Rule, value, weight as at the landmark, last sight.
    affinities: Vec<(u32, Value, f64, Instant)>,
    landmark: Instant,
    /// Segment, key, beginning of the stay, next look.
    memberships: Vec<(u32, Value, Option<Instant>, i64)>,
}

impl Partition {
    /// The state as bytes: two partitions under the same definitions are in the same state if and only if these are
    /// equal. Users in order of their ids; nothing depends on memory layout or hash order. O(state).
    ///
    /// # Errors
    /// None that state can bring about; the type is that of the encoder.
    pub fn checkpoint(&self) -> Result<Vec<u8>, serde_json::Error> {
        let users: BTreeMap<Arc<str>, User> = self
            .store
            .iter()
            .map(|(key, profile)| {
                let memberships: &Memberships = &self.users[key.0 as usize].memberships;
                let rows = memberships.rows(&self.store.symbols);
                let affinities = profile.affinities.iter();
                let user = User {
                    profile: self.store.user_profile(key),
                    affinities: affinities
                        .map(|(rule, v, w, at)| (rule, self.store.symbols.value(v), w, at))
                        .collect(),
                    landmark: profile.affinities.landmark(),
                    memberships: rows
                        .map(|(segment, key, stay, until)| (segment.number(), key, stay, until))
                        .collect(),
                };
                (profile.name.clone(), user)
            })
            .collect();
        let seen: Vec<String> = self.seen.sorted().iter().map(|hash| format!("{hash:032x}")).collect();
        let journeys = self.journeys.state(&self.store);
        serde_json::to_vec(&(self.clock, self.sequence, users, seen, journeys, self.models.state()))
    }
}
