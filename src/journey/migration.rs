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
