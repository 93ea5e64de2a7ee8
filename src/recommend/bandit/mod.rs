//! # bandit: choosing so that one learns from it
//! In: [`Candidates`], the arms that may be shown with what is known of them, and rewards. Out: [`Choice`]s, with the
//! probability that each had. Knows nothing of users, items or variants: an arm is a number. Draws no random number:
//! chance comes in as the caller's bits.
//!
//! | for | use |
//! | --- | --- |
//! | clicks and other rewards from 0 to 1, with features | [`Thompson`] |
//! | amounts, with features | [`LinUcb`] |
//! | clicks, few arms, nothing known of the situation | [`BetaThompson`] |
//! | anything else | your own [`Policy`] |
//!
//! | file | concept |
//! | --- | --- |
//! | `policy` | the [`Policy`] trait, what goes into it and what comes out |
//! | `thompson`, `lin_ucb`, `beta` | those that are there |
//! | `conformance` | [`conformance`]: what every policy must keep, to be run on your own |
//! | `model` | the beliefs of a policy: one that all arms share, and one for each arm |
//! | `belief`, `logistic`, `win`, `draw` | their parts: a normal distribution that is updated in place, what a click says of a score, which score is the highest, and chance |
//!
//! Invariants
//! 1. A choice follows from what was learned, the candidates and the caller's bits, whatever the order of candidates.
//! 2. Learning costs the same however much was learned, and makes no belief impossible: variances stay above 0.
//! 3. What is refused changes nothing.

#[cfg(test)]
mod bandit_test;
pub(super) mod belief;
mod beta;
mod conformance;
pub(super) mod draw;
mod lin_ucb;
pub(crate) mod logistic;
mod model;
mod policy;
mod thompson;
pub(super) mod win;

pub use beta::{BetaThompson, BetaThompsonParams};
pub use conformance::conformance;
pub use lin_ucb::{LinUcb, LinUcbParams};
pub use model::{ARMS_MAX, FEATURES_MAX};
pub use policy::{CANDIDATES_MAX, Candidates, Choice, FEATURE_MAX, Policy};
pub use thompson::{Thompson, ThompsonParams};
