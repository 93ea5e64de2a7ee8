//! # journey: what follows, and when
//! In: events, changes of segments and the clock. Out: actions for the host in an outbox, and a [`Note`] with its
//! reason for everything that a journey did or did not do.
//! Knows nothing of templates, stores or transports: the engine renders, the host delivers. Imports `model`,
//! `profile`, `segment` and `trigger`. Reads no clock.
//!
//! definition → plan (`compile`) → instances (`runtime`) → the delivery gate (`gate`) → `outbox`
//!
//! Invariants: 1. an instance is one (user, journey, key). 2. every send that falls due ends as an action or as a
//! note with a reason. 3. an action's id follows from journey, user, key, entry, step and channel, so it is the same
//! after any replay. 4. order at one instant is by due instant, journey, key and entry, not by how inputs are batched.

mod compile;
mod definition;
mod gate;
mod instance;
mod note;
mod outbox;
mod runtime;
#[cfg(test)]
mod runtime_test;

pub use definition::{
    Branch, Cap, CapPeriod, Class, DeliveryPolicy, Enter, Journey, Reentry, Step, StepAction, Trigger,
};
pub use note::{Note, What};
pub use outbox::{Acknowledged, Action, Delivery};

pub(crate) use compile::JourneyPlan;
pub(crate) use note::Reason;
pub(crate) use runtime::{Context, EventOccurrence, Journeys, RenderRequest};
