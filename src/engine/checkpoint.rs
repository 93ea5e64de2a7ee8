//! The whole state in a canonical form.

use crate::engine::Partition;
use crate::model::{Instant, Value};
use crate::profile::{Past, Profile, UserProfile};
use crate::segment::Memberships;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a profile knows, or a part of one.
#[derive(Serialize)]
struct Known {
    profile: UserProfile,
    /// Name, instant and arrival of the last write of every attribute, of those that were unset too.
    written: BTreeMap<String, (Instant, u32)>,
    /// Order of arrival of every kept event.
    arrivals: Vec<u32>,
    /// Rule, value, weight as at the landmark of its rule, instant and arrival of the last sight.
    affinities: Vec<(u32, Value, f64, Instant, u32)>,
    /// Number, instant or count, arrival, value.
    totals: Vec<(u32, i64, u32, Value)>,
}

#[derive(Serialize)]
struct User {
    #[serde(flatten)]
    whole: Known,
    /// What can be taken out of it again, each with when it was absorbed.
    parts: Vec<(Option<Instant>, Known)>,
    /// The same by order of arrival.
    joined: Vec<u32>,
    /// The sessions before the latest one that are known of each, or of the profile once it was a part.
    sessions: Vec<Vec<Past>>,
    /// How many others it absorbed within a day.
    absorbed_lately: usize,
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
        // A user and a device may have the same id, and are two profiles then.
        let users: BTreeMap<(&str, bool), User> = self
            .store
            .keys()
            .map(|key| {
                let profile = self.store.get(key);
                let memberships: &Memberships = &self.users[key.0 as usize].memberships;
                let rows = memberships.rows(&self.compiled.plan, &self.store.symbols);
                let parts = profile.parts().iter();
                let user = User {
                    whole: self.known_of(profile),
                    joined: parts.clone().map(|part| part.arrival).collect(),
                    sessions: profile.known_sessions().map(<[Past]>::to_vec).collect(),
                    parts: parts.map(|part| (part.absorbed, self.known_of(&part.profile))).collect(),
                    absorbed_lately: profile.absorbed_lately(self.clock),
                    memberships: rows
                        .map(|(segment, key, stay, until)| (segment.number(), key, stay, until))
                        .collect(),
                };
                ((&*profile.name, profile.has_user_id), user)
            })
            .collect();
        let users: Vec<User> = users.into_values().collect();
        let seen: Vec<String> = self.seen.sorted().iter().map(|hash| format!("{hash:032x}")).collect();
        let journeys = self.journeys.state(&self.store, self.clock);
        let world: BTreeMap<&str, (Value, Instant)> = self
            .store
            .world
            .iter()
            .map(|fact| {
                (self.store.symbols.text(fact.name), (self.store.symbols.value(fact.value), fact.written))
            })
            .collect();
        let totals = (0..).zip(&self.compiled.plan.totals_since);
        let totals: Vec<(u32, Instant)> = totals.filter_map(|(id, since)| Some((id, (*since)?))).collect();
        let covered = (self.store.covered(), totals);
        let models = (self.models.state(), self.catalogue.state(self.models.items(), &self.store.symbols));
        let erased = (format!("{:032x}", self.salt.0), &self.receipts, self.suppressions.state());
        let identity = (self.store.devices_state(self.clock), self.store.identity_health());
        let refused = self.refused();
        let (clock, sequence) = (self.clock, self.sequence);
        serde_json::to_vec(&(
            clock,
            sequence,
            users,
            seen,
            journeys,
            models,
            world,
            covered,
            erased,
            (identity, refused),
        ))
    }

    fn known_of(&self, profile: &Profile) -> Known {
        let symbols = &self.store.symbols;
        let affinities =
            profile.affinities.iter().map(|w| (w.rule, symbols.value(w.value), w.weight, w.seen, w.arrival));
        let attributes = profile.attributes.iter();
        let totals = profile.totals.iter().map(|row| (row.id().0, row.order(), symbols.value(row.value())));
        Known {
            profile: self.store.shown(profile, self.clock),
            written: attributes.map(|a| (symbols.text(a.name).to_owned(), (a.written, a.arrival))).collect(),
            arrivals: profile
                .history
                .glance()
                .visible(self.clock, profile.kept_session(), &self.store.keep)
                .map(|row| row.order().1)
                .collect(),
            affinities: affinities.collect(),
            totals: totals.map(|(number, (word, arrival), value)| (number, word, arrival, value)).collect(),
        }
    }
}
