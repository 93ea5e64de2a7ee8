//! What each kind of step does, one file for each.

mod branch;
mod call;
mod effect;
mod experiment;
mod send;
mod split;
mod wait;
mod wait_for;
mod wait_until;

pub(crate) use effect::{Effect, Wanted};
pub(super) use wait_for::Occurrence;
pub(super) use wait_until::{LocalUntil, Waiting};

use crate::journey::Reason;

/// How an instance goes on behind a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// At this instant: the instance stands on the step that comes next.
    Step,
    /// The instance waits on its step.
    Wait,
    /// Not at all: the instance is over.
    Exit(Reason),
}
