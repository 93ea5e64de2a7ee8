//! # decision: what a user is shown
//! In: placements with their variants, content templates, a profile and the host's request. Out: a [`Decision`]:
//! variant, content, and for every variant the reason why it was or was not chosen.
//! Knows nothing of journeys or storage; imports `model`, `profile` and `segment`. Reads no clock, draws no lot:
//! the same user, definitions and instant give the same decision on every machine.
//!
//! placement → eligible variants (`decide`) → highest priority → split by weight (`split`) → content (`template`)
//!
//! Invariants: 1. a user who stays eligible for the same variants sees the same one. 2. a variant that comes or goes
//! moves only the users whom it gains or loses. 3. no template, however written, panics, runs on or fills the
//! memory: it ends at a limit that has a name.
//!
//! Absent on purpose: what was seen and clicked. The engine takes that as [`Feedback`], as facts and events of the
//! user.

mod context;
mod decide;
#[allow(clippy::module_inception)] // the room is named after what comes out of it, and so is the type
mod decision;
mod definition;
mod error;
#[cfg(test)]
mod fixture;
mod plan;
mod reason;
mod template;
mod typed;

pub use decision::{Decision, DecisionId, Feedback};
pub use definition::{Placement, Template, Variant};
pub use error::Error;
pub use plan::WEIGHT_MAX;
pub use reason::Reason;
pub use template::{FUEL_MAX, OUTPUT_BYTES_MAX, TEMPLATE_BYTES_MAX};

pub(crate) use context::RenderContext;
pub(crate) use decide::Visitor;
pub(crate) use plan::DecisionPlan;
pub(crate) use template::Templates;
