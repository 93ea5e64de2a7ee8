//! What other definitions would do to those who are in journeys.

use crate::definitions::Definitions;
use crate::engine::{Engine, Error, Partition};
use crate::journey::{Census, Migration};
use crate::profile::UserKey;
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

impl Engine {
    /// What would become of those who are in journeys under other definitions. See [`Partition::migration`]. Others read
    /// and write meanwhile, so who moves while it counts is counted where it was or where it is.
    ///
    /// # Errors
    /// [`Error::Storage`]: a user is not in memory, and cannot be read.
    pub fn migration(&self, definitions: &Definitions) -> Result<Migration, Error> {
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
            let migration = self.read(|partition| {
                let is_same = Arc::ptr_eq(&partition.compiled, &compiled);
                is_same.then(|| partition.migration_of(&census, definitions))
            });
            // Else what was counted stands under definitions that are no more.
            if let Some(migration) = migration {
                return Ok(migration);
            }
        }
    }
}
