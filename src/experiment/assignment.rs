use crate::model::record_choice;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// The arm of a user in an experiment, or why there is none.
///
/// ```
/// use bespoke::experiment::{Assignment, Outside};
/// let subject = |assignment: &Assignment| match assignment.arm() {
///     Some("treatment") => "Your cart misses you",
///     _ => "You left something behind",
/// };
/// assert_eq!(subject(&Assignment::Arm("treatment".into())), "Your cart misses you");
/// assert_eq!(subject(&Assignment::Outside(Outside::Traffic)), "You left something behind");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Assignment {
    /// The user takes part, in the arm of this name.
    Arm(Arc<str>),
    /// The user takes no part, and is counted in no arm.
    Outside(Outside),
}

impl Assignment {
    /// The name of the arm; none for who takes no part.
    #[must_use]
    pub fn arm(&self) -> Option<&str> {
        match self {
            Assignment::Arm(arm) => Some(arm),
            Assignment::Outside(_) => None,
        }
    }
}

/// As `arm treatment`, or why there is none.
impl fmt::Display for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Assignment::Arm(arm) => write!(f, "arm {arm}"),
            Assignment::Outside(why) => why.fmt(f),
        }
    }
}

/// Why a user takes no part in an experiment. Of several reasons the first counts, in this order.
///
/// ```
/// use bespoke::experiment::Outside;
/// assert_eq!(Outside::Audience.to_string(), "not in the audience");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outside {
    /// What is known of the user is not to be processed.
    Restricted,
    /// The user does not agree to experiments.
    NoConsent,
    /// The audience does not hold for the user.
    Audience,
    /// The user is not in the share that takes part.
    Traffic,
}

record_choice! { Outside { 0 => Restricted, 1 => NoConsent, 2 => Audience, 3 => Traffic } }

impl fmt::Display for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Outside::Restricted => "restricted",
            Outside::NoConsent => "no consent",
            Outside::Audience => "not in the audience",
            Outside::Traffic => "not in the traffic",
        })
    }
}
