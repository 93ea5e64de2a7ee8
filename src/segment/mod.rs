//! # segment: who is in which segment, at which millisecond
//! In: texts in the segment language, a schema, profiles and the clock. Out: a [`Plan`], what profiles must keep
//! for it, and for each user which memberships changed and at which instant the next can change by time alone.
//! Knows nothing of journeys, storage or the host; imports `model` and `profile`. Reads no clock.
//!
//! text → tokens (`lex`) → tree (`parse`) → nodes (`check`, `build`) → values (`evaluate`) → changes (`maintain`) → what
//! segments ask of one another (`strata`, `echo`)
//!
//! What is asked once (`expression`) is compiled beside the plan that runs and looked at in an `inquiry`: for a value, for
//! a tree that says why (`explain`), or for the nearest missing conditions (`why_not`, over a `formula`).
//!
//! The language itself is in [`guide`].
//!
//! Invariants: 1. a value that evaluation gives holds from `now` until the instant given with it, exclusive, unless
//! a message comes; so time alone never has to be polled. 2. the same rule gives the same answer wherever it is
//! asked, because all of them are nodes of one plan.

mod aggregate;
mod arena;
mod ast;
mod bounds;
mod build;
mod candidates;
mod change;
mod changed;
mod check;
mod check_calls;
mod check_facts;
mod check_names;
mod consent;
mod coverage;
mod crossing;
mod days;
mod echo;
mod error;
#[cfg(test)]
mod error_test;
mod evaluate;
mod explain;
mod expression;
mod fact_names;
mod fingerprint;
mod flip;
mod formula;
mod gates;
pub mod guide;
mod hashed;
mod index;
mod inquiry;
mod item;
mod item_schema;
mod lex;
mod lifecycle;
mod maintain;
mod member_bytes;
mod members;
mod membership_bytes;
mod metric;
mod minimise;
mod names;
mod needs;
mod node;
mod objects;
mod parse;
mod parse_events;
mod parse_operand;
mod parts;
mod places;
mod plan;
mod redefine;
mod relocate;
mod request;
mod rows;
mod schema;
mod score;
mod scratch;
mod sequence;
mod share_totals;
mod strata;
mod subject;
mod summed;
mod tags;
mod totals;
mod value;
mod version;
mod why_not;
mod window;
mod words;

pub use change::{Cause, Change, SegmentStats, Transition};
pub use error::{Error, ErrorKind, Span};
pub use expression::Expression;
pub use inquiry::Answer;
pub use parse::{DEPTH_MAX, NODES_MAX, TEXT_BYTES_MAX};
pub use plan::{ConditionId, Plan, PlanBuilder, SegmentId};
pub use schema::{Kind, Schema};
pub use score::Score;
pub use subject::Subject;
pub use tags::{Pii, Stored, Tags};
pub use why_not::{Missing, WhyNot};

pub(crate) use candidates::Touch;
#[cfg(test)]
pub(crate) use echo::part_name;
pub(crate) use error::show_place;
pub(crate) use evaluate::{Evaluation, EventView};
pub(crate) use expression::{Aside, Ground};
pub(crate) use fact_names::FactNames;
pub(crate) use fingerprint::{Fingerprints, fingerprints};
pub(crate) use inquiry::{Inquiry, key_is};
pub(crate) use item::ItemView;
pub(crate) use item_schema::{ITEM_ATTRIBUTES_MAX, ITEM_TITLE, ITEM_VECTOR, ItemSchema, ItemSlot};
pub(crate) use maintain::{Look, Memberships};
pub(crate) use members::Members;
pub(crate) use metric::Metric;
pub(crate) use minimise::Minimiser;
pub(crate) use node::NodeId;
pub(crate) use plan::{EventFilterId, Remembered, SegmentText};
pub(crate) use redefine::{Move, SegmentMoves};
pub(crate) use scratch::Scratch;
pub(crate) use words::in_part;
