//! # journey: what follows, and when
//! In: events, changes of segments and the clock. Out: actions for the host in an outbox, and a [`Note`] with its
//! reason for everything that a journey did or did not do.
//! Knows nothing of templates, stores or transports: the engine renders, the host delivers. Imports `model`,
//! `profile`, `segment`, `experiment`, `predict` and `trigger`. Reads no clock.
//!
//! `definition` → `plan` (`compile`, `flow`) → triggers (`follow`, `timed`, `enter`, `exit`) → instances (`runtime`, `run`, one file
//! for each `step`) → the delivery gate (one file for each rule in `gate`) → `outbox`
//!
//! Invariants: 1. an instance is one (user, journey, key). 2. every send that falls due ends as an action or as a
//! note with a reason, and every action that is not delivered is counted with one. 3. an action's id follows from
//! journey, user, key, entry, step and channel, and where a journey comes back to a step from how often, so it is the
//! same after any replay and no two actions share one. 4. order at one instant is by due instant, journey, key and
//! entry, not by how inputs are batched.
//!
//! Deliberately absent: notes of messages that reached their user: what comes back from the host is counted, and only what
//! did not come to pass has a note.

mod absorb;
mod action;
mod ages;
mod best_time;
mod by_item;
mod caps;
mod census;
mod compile;
mod compile_step;
mod context;
mod counts;
mod definition;
mod delivery;
mod draw;
mod enter;
mod exit;
mod experiments;
mod explain;
mod filling;
mod flow;
mod follow;
mod gate;
mod goal;
pub mod guide;
mod instance;
mod kept;
mod key;
mod log;
mod migration;
mod note;
mod outbox;
mod outbox_bytes;
mod packed;
mod parting;
mod past;
mod permit;
mod plan;
mod reason;
mod redefine;
mod run;
mod runtime;
mod sections;
mod send_times;
mod step;
#[cfg(test)]
mod tests;
mod throttle;
mod timed;
mod users;
mod version;

pub use action::{Acknowledged, Action, Delivery, OutboxStats};
pub use definition::{
    Awaited, Branch, Call, Cap, CapPeriod, CapScope, Capped, Class, DayRule, Dedup, DeliveryPolicy, Emit,
    Enter, ExperimentStep, Goal, ItemChange, Journey, Late, LocalAt, LocalWait, OnChange, OnQuiet, Quiet,
    Reentry, Send, SendTimePolicy, Split, Step, StepAction, Throttle, TooLate, Trigger, WaitFor,
};
pub use draw::Drawing;
pub use explain::{InstanceExplanation, JourneyExplanation, NextSend, Stands};
pub use kept::{JourneyStay, MessageKept};
pub use migration::{Fate, Migration, StepMigration};
pub use note::{Note, What};
pub use reason::Reason;

pub(crate) use by_item::{ItemChanges, ItemOccurrence};
pub(crate) use census::Census;
pub(crate) use context::{Context, EventOccurrence, RenderRequest};
pub(crate) use experiments::CompiledExperiment;
pub(crate) use filling::{template_name, value_templates};
pub(crate) use outbox::Answer;
pub(crate) use permit::Permits;
pub(crate) use plan::{JourneyNo, JourneyPlan};
pub(crate) use runtime::Journeys;
pub(crate) use sections::JourneysOfUser;
pub(crate) use step::Effect;
