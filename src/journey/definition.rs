//! What a host defines: journeys and the policy of delivery, as data. Texts are in the segment language.

use crate::model::Duration;
use crate::trigger::QuietHours;
use std::collections::BTreeMap;

/// A workflow for one user: it starts on a trigger, waits, branches, and sends.
#[derive(Clone, Debug, PartialEq)]
pub struct Journey {
    /// Its name.
    pub name: Box<str>,
    /// What kind of message it sends.
    pub class: Class,
    /// The higher one goes first where several want to send at one instant.
    pub priority: i64,
    /// What starts it.
    pub enter: Enter,
    /// Only for users for whom this expression holds on entry.
    pub audience: Option<Box<str>>,
    /// What ends it early.
    pub exit: Vec<Trigger>,
    /// What it does, in order.
    pub steps: Vec<Step>,
}

/// What kind of message a journey sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, PartialOrd, Ord)]
pub enum Class {
    /// Advertising: caps and quiet hours hold.
    #[default]
    Marketing,
    /// About something the user uses: caps and quiet hours hold.
    Service,
    /// Expected by the user: bypasses caps and quiet hours.
    Transactional,
}

/// What starts a journey, and how often.
#[derive(Clone, Debug, PartialEq)]
pub struct Enter {
    /// What starts it.
    pub trigger: Trigger,
    /// What happens to a user who was in it before, or is in it.
    pub reentry: Reentry,
}

/// Something that happens to a user.
#[derive(Clone, Debug, PartialEq)]
pub enum Trigger {
    /// An event.
    Event {
        /// Its name.
        event: Box<str>,
        /// What must hold of it, as behind `where`; empty for nothing.
        condition: Box<str>,
        /// The property whose value keys the instance; without it there is one instance a user.
        key: Option<Box<str>>,
    },
    /// The user entered a segment; the key of a keyed one keys the instance.
    SegmentEntered(Box<str>),
    /// The user left a segment.
    SegmentLeft(Box<str>),
}

/// What happens to a user who was in a journey before, or is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Reentry {
    /// Enters again once the last instance has ended (the default).
    #[default]
    AfterExit,
    /// Enters once in a life.
    Once,
    /// Enters again so long after the last exit.
    After(Duration),
    /// The running instance starts over.
    Restart,
}

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its label.
    pub id: Box<str>,
    /// What it does.
    pub action: StepAction,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum StepAction {
    /// Waits so long.
    Wait(Duration),
    /// Goes to the step of the first condition that holds, or on to the next step.
    Branch(Vec<Branch>),
    /// Puts an action into the outbox, if the delivery gate lets it.
    Send {
        /// `push`, `email`, or any name that the host gives.
        channel: Box<str>,
        /// The name of a template.
        template: Box<str>,
        /// Pointless so long after it was due.
        expires: Option<Duration>,
    },
    /// Goes to a step, or to `end`.
    Goto(Box<str>),
}

/// One arm of a branch.
#[derive(Clone, Debug, PartialEq)]
pub struct Branch {
    /// An expression.
    pub when: Box<str>,
    /// A step's label, or `end`.
    pub to: Box<str>,
}

/// The policy of delivery for all journeys.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct DeliveryPolicy {
    /// Quiet hours by channel, in the user's zone; what falls into them waits for their end.
    pub quiet: BTreeMap<Box<str>, QuietHours>,
    /// Caps, in order.
    pub caps: Vec<Cap>,
}

/// At most so many actions to one user.
#[derive(Clone, Debug, PartialEq)]
pub struct Cap {
    /// Which channel it counts; none for all.
    pub channel: Option<Box<str>>,
    /// How many.
    pub max: u32,
    /// In which time.
    pub per: CapPeriod,
    /// The classes that it counts and limits.
    pub counts: Vec<Class>,
}

/// The time that a cap counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CapPeriod {
    /// The local calendar day.
    Day,
    /// The local calendar week, from Monday.
    Week,
    /// A sliding window.
    Window(Duration),
}
