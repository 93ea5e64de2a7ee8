//! # predict: what a user will probably do
//! In: what users did, each with a dense number and the local hour. Out: [`SendTimes`], the hour at which a message is
//! most likely answered, and how sure that is; [`Skills`], how able users are, how difficult items, and which fit whom.
//! Imports `model`, and of `recommend` how a click moves a belief; knows nothing of profiles, segments, journeys or
//! storage: the engine gives users numbers and says in which group they are. Reads no clock, draws no random number:
//! chance comes in as the caller's hash.
//!
//! | file | concept |
//! | --- | --- |
//! | `send_time` | [`SendTimes`]: learns, and chooses among the hours that a caller allows |
//! | `skill` | [`Skills`]: who can do what, and what is neither too easy nor too hard |
//! | `user_skill`, `difficulties` | what it knows of a user, and of items in their order |
//! | `local_hour` | [`LocalHour`]: an hour by the clock on the wall, of a working day or of the weekend |
//! | `curve` | what many did by local hour, and rates with what is not known of them |
//! | `user_hours` | the same of one user, with room only for the hours in which something happened |
//!
//! Invariants
//! 1. State is the fold of `learn` and `forget` in order: the same calls give the same bytes and choices, on every
//!    machine. Equal rates: the earlier of the caller's hours.
//! 2. What happened is divided by how often it could have: an hour does not win because more was sent in it.
//! 3. With little evidence a user is as the group is, a group as everyone is, and everyone as if all hours were alike.
//! 4. What a choice says of its probability is how often it is made over all draws.
//!
//! Deliberately absent: lifetime value, churn, the next purchase; which hours are quiet or allowed, and when they come
//! (the delivery gate says).

mod curve;
mod difficulties;
mod error;
mod local_hour;
mod send_time;
#[cfg(test)]
mod send_time_test;
mod skill;
mod user_hours;
mod user_skill;

pub use error::Error;
pub use local_hour::LocalHour;
pub use send_time::{Choice, Evidence, GROUPS_MAX, SendTimes, SendTimesParams, Source};
pub use skill::{Fit, Rating, Skills, SkillsParams};

pub(crate) use user_hours::UserHours;
pub(crate) use user_skill::UserSkill;
