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
//! | `prequential` | [`Prequential`]: test, then learn, along a stream |
//! | `off_policy` | [`OffPolicy`]: what another policy would have earned, from logged propensities |
//! | `tune` | [`Tuner`]: random search on the validation part |
//! | `latency` | [`Watch`] and [`Latency`] |
//! | `params` | [`Params`]: a recommender's numbers by name |
//! | `random` | chance from a seed |
//!
//! Invariants
//! 1. The same data, protocol and recommender give the same scores, bit for bit.
//! 2. What is predicted was not learned before, and validation sees no part of the test.
//!
//! Deliberately absent: files (a host pushes rows), threads (times would tell about the neighbours), significance
//! of differences between recommenders.

mod dataset;
mod error;
mod latency;
mod metrics;
mod off_policy;
mod params;
mod prequential;
mod protocol;
mod random;
mod run;
mod tune;

pub use dataset::{Dataset, Owner};
pub use error::Error;
pub use latency::{Latency, Stage, Watch};
pub use metrics::{Scores, coverage, gini, hit, ndcg, precision, recall, recall_capped, reciprocal_rank};
pub use off_policy::{Estimate, Estimates, Logged, OffPolicy};
pub use params::Params;
pub use prequential::{Prequential, Scorer, Stream, WindowScores};
pub use protocol::{Holdout, Part, Protocol, Split};
pub use run::{Ask, Evaluation, Mode, ModeResult, Report};
pub use tune::{Range, Trial, Tuned, Tuner};
