use crate::journey::{Step, Trigger};
use crate::model::Duration;
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
    /// What it is for: reaching it ends the journey, and counts.
    pub goal: Option<Goal>,
    /// The percentage of users, from 0 to 100, who go through it and are sent nothing.
    pub holdout: f64,
    /// What may come late, and what then.
    pub late: Late,
    /// Longest time that an instance lasts.
    pub expires: Option<Duration>,
    /// What caps of these tags count, for all its sends.
    pub tags: Vec<Box<str>>,
    /// What a user must agree to for any of its sends; none for that of its class.
    pub purpose: Option<Box<str>>,
    /// What becomes of who is in it when it is defined anew.
    pub on_change: OnChange,
    /// Where an instance goes on whose step is gone: the id of the old step, and of the new one.
    pub moved_to: BTreeMap<Box<str>, Box<str>>,
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
    /// Up to so many instances of one key run side by side.
    Parallel(u32),
}

/// What a journey is for.
#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    /// What reaches it: an event, or a segment that is entered or left.
    pub trigger: Trigger,
    /// How long after the entry it counts, also behind the last step; none for as long as the instance runs.
    pub within: Option<Duration>,
}

/// How late things may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Late {
    /// How long before the clock an event may lie and still begin the journey.
    pub tolerance: Duration,
    /// How long behind its due instant a send may go out.
    pub catch_up: Duration,
    /// What becomes of a send that is later than that.
    pub otherwise: TooLate,
}

impl Default for Late {
    /// An hour for entries, six for sends, which are skipped then.
    fn default() -> Late {
        Late { tolerance: Duration::hours(1), catch_up: Duration::hours(6), otherwise: TooLate::default() }
    }
}

/// What becomes of a send that comes too late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TooLate {
    /// It is not sent, and the journey goes on (the default).
    #[default]
    Skip,
    /// The journey ends.
    Exit,
    /// It is sent at the next local time of day at which it was due.
    NextWindow,
}

/// What becomes of who is in a journey when it is defined anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnChange {
    /// They go on under the version by which they entered (the default).
    #[default]
    Pin,
    /// They go on at the step of the same id.
    Migrate,
}
