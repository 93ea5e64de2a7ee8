use crate::journey::Reason;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// What would become of those who are in journeys if other definitions took the place of those that hold.
///
/// ```
/// # fn show(migration: &bespoke::journey::Migration) {
/// for step in &migration.steps {
///     println!("{step}"); // cart, step idle: 120 users, go on under their version
/// }
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Migration {
    /// By journey in order of definition, with those of earlier versions at the end, and by step; none on which nobody
    /// stands.
    pub steps: Vec<StepMigration>,
}

/// A step on which users stand, and where they would go from there.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Partition, model::{Instant, Message}};
/// # let text = r#"
/// #     version = 1
/// #     [events.add_to_cart]
/// #     cart_id = "string"
/// #     [templates.cart]
/// #     title = "Still interested?"
/// #     [journeys.cart]
/// #     on_change = "migrate"
/// #     enter = { event = "add_to_cart", key = "cart_id" }
/// #     step = [
/// #         { id = "idle", wait = "1h" },
/// #         { id = "remind", send = { channel = "push", template = "cart" } },
/// #     ]
/// # "#;
/// # let mut partition = Partition::new(&Definitions::from_toml(text)?);
/// # let now: Instant = "2026-11-23T10:00:00Z".parse()?;
/// // Ada waits on one step with two carts, and counts once.
/// for cart in ["c1", "c2"] {
///     partition.ingest(&Message::track("ada", "add_to_cart").with("cart_id", cart), now)?;
/// }
/// let migration = partition.migration(&Definitions::from_toml(&text.replace("push", "email"))?);
/// let [step] = &migration.steps[..] else { panic!("everybody stands on one step") };
/// assert_eq!((&*step.journey, &*step.step, step.users), ("cart", "idle", 1));
/// assert_eq!(step.to_string(), "cart, step idle: 1 user, move to idle"); // by the journey as it would be
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StepMigration {
    /// The journey's name.
    pub journey: Arc<str>,
    /// The version of the journey by which they entered: a fingerprint of what they follow.
    pub version: u64,
    /// The step's label.
    pub step: Arc<str>,
    /// How many users stand on it. One who stands on it for several keys counts once.
    pub users: u64,
    /// What would become of them.
    pub fate: Fate,
}

/// What becomes of who is in a journey.
///
/// ```
/// use bespoke::journey::Fate;
/// # use bespoke::{definitions::Definitions, engine::Partition, model::{Instant, Message}};
/// # let text = r#"
/// #     version = 1
/// #     [events.add_to_cart]
/// #     cart_id = "string"
/// #     [templates.cart]
/// #     title = "Still interested?"
/// #     [journeys.cart]
/// #     on_change = "migrate"
/// #     enter = { event = "add_to_cart", key = "cart_id" }
/// #     step = [
/// #         { id = "idle", wait = "1h" },
/// #         { id = "remind", send = { channel = "push", template = "cart" } },
/// #     ]
/// # "#;
/// # let mut partition = Partition::new(&Definitions::from_toml(text)?);
/// # let now: Instant = "2026-11-23T10:00:00Z".parse()?;
/// # partition.ingest(&Message::track("ada", "add_to_cart").with("cart_id", "c1"), now)?;
/// // The journey migrates, and the new text calls the step `idle` otherwise: whom would that throw out?
/// let renamed = Definitions::from_toml(&text.replace("idle", "patience"))?;
/// let migration = partition.migration(&renamed);
/// let thrown_out = migration.steps.iter().filter(|step| matches!(step.fate, Fate::Ends { .. }));
/// assert_eq!(thrown_out.map(|step| step.users).sum::<u64>(), 1); // `moved_to = { idle = "patience" }` saves them
/// assert_eq!(migration.steps[0].fate.to_string(), "end: step removed");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fate {
    /// The journey is the one by which they entered.
    Stays,
    /// The journey is another one, and they go on under the version by which they entered.
    Pinned,
    /// They go on by the journey as it would be.
    Moves {
        /// The step on which they stand then.
        to: Arc<str>,
    },
    /// It is over.
    Ends {
        /// Why.
        reason: Reason,
    },
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fate::Stays => f.write_str("stay"),
            Fate::Pinned => f.write_str("go on under their version"),
            Fate::Moves { to } => write!(f, "move to {to}"),
            Fate::Ends { reason } => write!(f, "end: {reason}"),
        }
    }
}

impl fmt::Display for StepMigration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StepMigration { journey, version: _, step, users, fate } = self;
        write!(f, "{journey}, step {step}: {users} {}, {fate}", if *users == 1 { "user" } else { "users" })
    }
}
