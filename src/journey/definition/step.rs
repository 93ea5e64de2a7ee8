use crate::journey::{Capped, Delivery, Trigger};
use crate::model::{Duration, Value};
use crate::trigger::LocalTime;
use std::collections::BTreeMap;

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
    /// Waits until a local time.
    WaitUntil(LocalWait),
    /// Waits for something to happen.
    WaitFor(WaitFor),
    /// Goes to the step of the first condition that holds, or on to the next step.
    Branch(Vec<Branch>),
    /// Goes one of several ways, the same user always the same.
    Split(Split),
    /// Goes the way of the arm of an experiment in which the user is, and records that the user saw it.
    Experiment(ExperimentStep),
    /// Puts an action into the outbox, if the delivery gate lets it.
    Send(Send),
    /// Sets attributes of the user, in order.
    Set(Vec<(Box<str>, Value)>),
    /// Records an event of the user.
    Emit(Emit),
    /// Puts an action into the outbox that is no message: neither caps nor quiet hours hold.
    Call(Call),
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

/// A local time to wait for, in the user's zone.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalWait {
    /// Of which day; none for the next day that has the time still before it.
    pub day: Option<DayRule>,
    /// At which time of it.
    pub at: LocalAt,
    /// Only from the first time on, and before the second.
    pub between: Option<(LocalTime, LocalTime)>,
    /// The time where there is no evidence for a best one.
    pub fallback: Option<LocalTime>,
}

/// A day, seen from the one at which a wait begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayRule {
    /// That day; if the time has passed the wait is over at once.
    Today,
    /// The day after it.
    Tomorrow,
    /// The day of the entry.
    Entry,
    /// The next day of the week of this number, 0 for Monday: that day itself where the time is still before it.
    Weekday(u8),
}

/// A time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalAt {
    /// This one.
    Time(LocalTime),
    /// The hour at which the user answers best: of its day, where one is named, else of the next 24 hours. Where no hour
    /// of its day is left the wait is over at once. Who comes round again has had that day's.
    Best,
}

/// What a wait waits for.
#[derive(Clone, Debug, PartialEq)]
pub struct WaitFor {
    /// Whether all conditions must be met, or any one.
    pub all: bool,
    /// From 1 to 16.
    pub conditions: Vec<Awaited>,
    /// How long it waits at most.
    pub timeout: Duration,
    /// The step to go to once they are met; none for the next one.
    pub then: Option<Box<str>>,
    /// The step to go to where they are not met in time; none for the next one.
    pub otherwise: Option<Box<str>>,
}

/// A condition of a wait.
#[derive(Clone, Debug, PartialEq)]
pub enum Awaited {
    /// An event, or a segment that is entered or left.
    Trigger(Trigger),
    /// What becomes of the message that an earlier step of the same instance sent.
    Answer {
        /// What the host must say of it.
        delivery: Delivery,
        /// The step that sends it.
        step: Box<str>,
    },
}

/// Several ways, by weight.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// Splits of the same salt and arms part users alike.
    pub salt: Box<str>,
    /// The arms and their weights, in order.
    pub arms: Vec<(Box<str>, f64)>,
    /// The steps that arms lead to; an arm that is missing goes on to the next one.
    pub to: BTreeMap<Box<str>, Box<str>>,
}

/// A test: who takes part in it goes the way of an arm.
#[derive(Clone, Debug, PartialEq)]
pub struct ExperimentStep {
    /// The name of the experiment.
    pub experiment: Box<str>,
    /// The steps that arms lead to; an arm that is missing goes on to the next one, and so does who takes no part.
    pub to: BTreeMap<Box<str>, Box<str>>,
}

/// A message.
#[derive(Clone, Debug, PartialEq)]
pub struct Send {
    /// `push`, `email`, or any name that the host gives.
    pub channel: Box<str>,
    /// The name of a template.
    pub template: Box<str>,
    /// Pointless so long after it was due.
    pub expires: Option<Duration>,
    /// The step to go to where the user has no address in the channel.
    pub unreachable: Option<Box<str>>,
    /// Waits for the hour at which the user answers best.
    pub at_best: bool,
    /// Only from the first local time on, and before the second, where it waits for the best hour.
    pub between: Option<(LocalTime, LocalTime)>,
    /// The local time where there is no evidence for a best one.
    pub fallback: Option<LocalTime>,
    /// What happens where a cap is full; none for what the cap says.
    pub capped: Option<Capped>,
    /// What the user must agree to; none for what the journey says.
    pub purpose: Option<Box<str>>,
    /// What caps of these tags count, besides those of the journey.
    pub tags: Vec<Box<str>>,
    /// Not again what the user was sent already.
    pub dedup: Option<Dedup>,
}

/// When a message is one that was sent already.
#[derive(Clone, Debug, PartialEq)]
pub struct Dedup {
    /// What tells that two are the same; none for channel, template and content.
    pub key: Option<Box<str>>,
    /// How long that is remembered.
    pub window: Duration,
}

/// An event that a journey records.
#[derive(Clone, Debug, PartialEq)]
pub struct Emit {
    /// Its name.
    pub event: Box<str>,
    /// Its properties, in order.
    pub properties: Vec<(Box<str>, Value)>,
}

/// Something that the host is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The channel by which it is handed out.
    pub channel: Box<str>,
    /// What it is told, in order.
    pub properties: Vec<(Box<str>, Value)>,
}
