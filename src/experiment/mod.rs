//! # experiment: who takes part in a test, and in which arm
//! In: the id that a user is bucketed by. Out: an arm, the same for ever ([`Experiment::arm`]).
//! Imports `model`; knows nothing of profiles, consent or journeys: whoever asks has seen to it that the user may take part
//! at all, and says so in an [`Assignment`]. What arms brought is compared as numbers ([`Sample`], [`Effect`]), whoever
//! counted them ([`Engine::analyse`](crate::engine::Engine::analyse) does). Keeps no state, reads no clock.
//!
//! | file | concept |
//! | --- | --- |
//! | `experiment` | [`Experiment`]: arms, their weights, and the share of users who take part |
//! | `assignment` | [`Assignment`]: the arm of a user, or why there is none |
//! | `analysis` | [`Metric`], [`Sample`], [`Effect`], [`sample_ratio`]: how far arms are apart, and how sure that is |
//!
//! Invariants
//! 1. An arm follows from salt, arms and id alone: the same on every machine and in every version of the crate.
//! 2. Who takes part and in which arm are drawn apart. More traffic brings users in, and moves nobody from one arm to
//!    another; less takes users out.
//! 3. An arm that comes or goes, or whose weight changes, moves users to or from that arm only.
//!
//! Deliberately absent: who was exposed when: journeys record that as the event `experiment.exposed`.

mod analysis;
mod assignment;
mod error;
#[allow(clippy::module_inception)] // the room is named after what it is about, and so is the type
mod experiment;

pub use analysis::{Effect, Metric, SAMPLE_LEAST, Sample, level_of_each, sample_ratio};
pub use assignment::{Assignment, Outside};
pub use error::Error;
pub use experiment::{ARMS_MAX, Experiment, ExperimentParams, WEIGHT_MAX};
