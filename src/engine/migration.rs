//! What other definitions would do to those who are in journeys.

use crate::definitions::{Compiled, Definitions, Pinned};
use crate::engine::shard::Shard;
use crate::engine::shards::Shards;
use crate::engine::{Engine, Error, Partition};
use crate::journey::{Census, Migration};
use crate::model::Instant;
use crate::profile::UserKey;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Users who are counted at once where some may be in the store only.
const PAGE_USERS: usize = 64;

impl Partition {
    /// What would become of those who are in journeys if other definitions took the place of those that hold now: how
    /// many users stand on which step, and where each goes. Changes nothing, and does nothing that is due.
    ///
    /// Costs the instances of all users, and compiling the definitions once more where somebody goes on under an earlier
    /// version.
    ///
    /// ```
    /// use bespoke::definitions::Definitions;
    /// use bespoke::engine::Partition;
    /// use bespoke::model::{Instant, Message};
    ///
    /// let text = r#"
    ///     version = 1
    ///     [events.signup]
    ///     [templates.hello]
    ///     title = "Hello"
    ///     [journeys.welcome]
    ///     enter = { event = "signup" }
    ///     step = [{ id = "pause", wait = "1h" }, { id = "mail", send = { channel = "email", template = "hello" } }]
    /// "#;
    /// let mut partition = Partition::new(&Definitions::from_toml(text)?);
    /// let now: Instant = "2026-11-23T10:00:00Z".parse()?;
    /// partition.ingest(&Message::track("ada", "signup"), now)?;
    ///
    /// let longer = text.replace("1h", "2h");
    /// let migration = partition.migration(&Definitions::from_toml(&longer)?);
    /// assert_eq!(migration.steps[0].to_string(), "welcome, step pause: 1 user, go on under their version");
    ///
    /// let moved = longer.replace("pause", "rest").replace("step =", "on_change = 'migrate'\nmoved_to = { pause = 'rest' }\nstep =");
    /// let migration = partition.migration(&Definitions::from_toml(&moved)?);
    /// assert_eq!(migration.steps[0].to_string(), "welcome, step pause: 1 user, move to rest");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn migration(&self, definitions: &Definitions) -> Migration {
        let mut census = Census::default();
        self.store.keys().for_each(|user| self.journeys.count_in(&mut census, user, self.clock));
        self.migration_of(&census, definitions)
    }

    fn migration_of(&self, census: &Census, definitions: &Definitions) -> Migration {
        let compiled = self.with_versions(census, definitions, self.clock);
        self.journeys.migration(census, &compiled.journeys)
    }
}

impl Shard {
    /// Counts who stands where, and says under which definitions.
    fn census(&self) -> Result<(Census, Arc<Compiled>), Error> {
        loop {
            let compiled = self.read(|partition| partition.compiled.clone());
            let mut census = Census::default();
            let mut next = Some(UserKey(0));
            while let Some(from) = next {
                let page = |partition: &Partition| partition.store.keys_from(from).take(PAGE_USERS).collect();
                next = self.read_users(page, |partition, users| {
                    let count =
                        |user: &UserKey| partition.journeys.count_in(&mut census, *user, partition.clock);
                    users.iter().for_each(count);
                    users.last().map(|last| UserKey(last.0 + 1))
                })?;
            }
            // Else what was counted stands under definitions that are no more.
            if self.read(|partition| Arc::ptr_eq(&partition.compiled, &compiled)) {
                return Ok((census, compiled));
            }
        }
    }
}

impl Shards {
    /// The journeys of the definitions that hold, and of earlier ones, that some partition keeps under others.
    pub(super) fn versions_kept(
        &self,
        definitions: &Definitions,
        now: Instant,
    ) -> Result<Vec<Pinned>, Error> {
        let mut used = BTreeSet::new();
        for shard in &self.shards {
            let census = shard.census()?.0;
            used.append(&mut shard.read(|partition| partition.versions_used(&census, now)));
        }
        let mut kept: Vec<(Arc<str>, u64, Pinned)> = Vec::new();
        for shard in &self.shards {
            for (name, version, pinned) in shard.read(|partition| partition.versions_kept(definitions, &used))
            {
                if kept.iter().all(|known| (&known.0, known.1) != (&name, version)) {
                    kept.push((name, version, pinned));
                }
            }
        }
        Ok(kept.into_iter().map(|(_, _, pinned)| pinned).collect())
    }
}

impl Engine {
    /// What would become of those who are in journeys under other definitions. See [`Partition::migration`]. Others read
    /// and write meanwhile, so who moves while it counts is counted where it was or where it is.
    ///
    /// # Errors
    /// [`Error::Storage`]: a user is not in memory, and cannot be read.
    pub fn migration(&self, definitions: &Definitions) -> Result<Migration, Error> {
        let mut census = Census::default();
        for shard in &self.shards().shards {
            census.add(shard.census()?.0);
        }
        Ok(self.shards().first().read(|partition| partition.migration_of(&census, definitions)))
    }
}
