//! What a host defines: journeys and the policy of delivery, as data. Texts are in the segment language.

mod delivery;
mod journey;
mod step;
mod trigger;

pub use delivery::{
    Cap, CapPeriod, CapScope, Capped, DeliveryPolicy, OnQuiet, Quiet, SendTimePolicy, Throttle,
};
pub use journey::{Class, Enter, Goal, Journey, Late, OnChange, Reentry, TooLate};
pub use step::{
    Awaited, Branch, Call, DayRule, Dedup, Emit, ExperimentStep, LocalAt, LocalWait, Send, Split, Step,
    StepAction, WaitFor,
};
pub use trigger::{ItemChange, Trigger};
