//! # segment: who is in which segment, at which millisecond
//! In: texts in the segment language, a schema, profiles and the clock. Out: a [`Plan`], what profiles must keep
//! for it, and for each user which memberships changed and at which instant the next can change by time alone.
//! Knows nothing of journeys, storage or the host; imports `model` and `profile`. Reads no clock.
//!
//! text → tokens (`lex`) → tree (`parse`) → nodes (`check`, `build`) → values (`evaluate`) → changes (`maintain`)
//!
//! Invariants: 1. a value that evaluation gives holds from `now` until the instant given with it, exclusive, unless
//! a message comes; so time alone never has to be polled. 2. the same rule gives the same answer wherever it is
//! asked, because all of them are nodes of one plan.

mod aggregate;
mod ast;
mod build;
mod check;
mod check_calls;
mod check_names;
mod error;
#[cfg(test)]
mod error_test;
mod evaluate;
mod lex;
mod maintain;
mod parse;
mod parse_events;
mod parse_operand;
mod plan;
mod schema;
mod sequence;
mod value;
mod window;

pub use error::{Error, ErrorKind, Span};
pub use maintain::{Change, SegmentStats, Transition};
pub use parse::{DEPTH_MAX, NODES_MAX, TEXT_BYTES_MAX};
pub use plan::{ConditionId, Plan, PlanBuilder, SegmentId};
pub use schema::{Kind, Schema};

pub(crate) use error::show_place;
pub(crate) use evaluate::{Evaluation, EventView};
pub(crate) use maintain::{Memberships, Touch};
pub(crate) use plan::EventFilterId;
