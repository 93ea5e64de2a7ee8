//! # journey: what follows, and when
//! In: events, changes of segments and the clock. Out: actions for the host in an outbox, and a [`Note`] with its
//! reason for everything that a journey did or did not do.
//! Knows nothing of templates, stores or transports: the engine renders, the host delivers. Imports `model`,
//! `profile`, `segment` and `trigger`. Reads no clock.
//!
//! definition → plan (`compile`, `flow`) → instances (`runtime`, `run`) → the delivery gate (`gate`, `permit`, `caps`) → `outbox`
//!
//! Invariants: 1. an instance is one (user, journey, key). 2. every send that falls due ends as an action or as a
//! note with a reason, and every action that is not delivered is counted with one. 3. an action's id follows from
//! journey, user, key, entry, step and channel, and where a journey comes back to a step from how often, so it is the
//! same after any replay and no two actions share one. 4. order at one instant is by due instant, journey, key and
//! entry, not by how inputs are batched.
//!
//! Deliberately absent: `wait_until`, `wait_for`, splits, goals, holdouts, best send times, and whatever else
//! `spec/journeys.md` has beyond the first steps. Notes of what expires in the outbox, or comes back from the host:
//! those are only counted.

mod action;
mod caps;
mod compile;
mod context;
mod counts;
mod definition;
mod flow;
mod gate;
mod instance;
mod kept;
mod key;
mod note;
mod outbox;
mod outbox_bytes;
mod parting;
mod past;
mod permit;
mod reason;
mod redefine;
mod run;
mod runtime;
mod sections;
#[cfg(test)]
mod tests;

pub use action::{Acknowledged, Action, Delivery, OutboxStats};
pub use definition::{
    Branch, Cap, CapPeriod, Class, DeliveryPolicy, Enter, Journey, Reentry, Step, StepAction, Trigger,
};
pub use kept::{JourneyStay, MessageKept};
pub use note::{Note, What};
pub use reason::Reason;

pub(crate) use compile::{JourneyNo, JourneyPlan};
pub(crate) use context::{Context, EventOccurrence, RenderRequest};
pub(crate) use permit::Permits;
pub(crate) use runtime::Journeys;
pub(crate) use sections::JourneysOfUser;

/// How late an event may be and still begin a journey.
const LATE_MAX: crate::model::Duration = crate::model::Duration::hours(1);
