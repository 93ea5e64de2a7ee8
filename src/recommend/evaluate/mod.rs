//! # evaluate: how good a recommender is, and at what cost
//! In: a [`Dataset`] of interactions and [`Recommender`](crate::recommend::Recommender)s. Out: [`Scores`], times and
//! sizes. Imports the room around it and `model`. Reads no clock: times come from the caller's [`Watch`].
//!
//! | file | concept |
//! | --- | --- |
//! | `dataset` | [`Dataset`]: who touched which item when |
//! | `protocol` | [`Protocol`] and [`Split`]: what is learned and what is predicted |
//! | `run` | [`Evaluation`]: trains, asks, counts; [`Report`] |
//! | `metrics` | [`Scores`] and the definitions behind them |
//! | `latency` | [`Watch`] and [`Latency`] |
//! | `params` | [`Params`]: a recommender's numbers by name |
//!
//! Invariants
//! 1. The same data, protocol and recommender give the same scores, bit for bit.
//! 2. No interaction is both learned and predicted, and what validation sees no part of is the test.
//!
//! Deliberately absent: files (a host pushes rows), threads (times would tell about the neighbours), significance
//! of differences between recommenders.

mod dataset;
mod error;
mod latency;
mod metrics;
mod params;
mod protocol;
mod run;

pub use dataset::{Dataset, Owner};
pub use error::Error;
pub use latency::{Latency, Stage, Watch};
pub use metrics::{Scores, coverage, gini, hit, ndcg, precision, recall, reciprocal_rank};
pub use params::Params;
pub use protocol::{Holdout, Part, Protocol, Split};
pub use run::{Ask, Evaluation, Mode, ModeResult, Report};
