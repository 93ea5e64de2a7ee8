use crate::experiment::Outside;
use crate::journey::Reason;
use crate::model::{Instant, Value};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// One thing that a journey did for a user, or did not do, with the reason.
///
/// ```
/// # fn show(notes: &[bespoke::journey::Note]) {
/// for note in notes {
///     println!("{} {note}", note.at); // … cart, step push (c7): sent by push
/// }
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Note {
    /// When.
    pub at: Instant,
    /// Whose journey.
    pub user: Arc<str>,
    /// Which journey.
    pub journey: Arc<str>,
    /// At which step, where it stands on one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<Arc<str>>,
    /// What keys the instance, where something does: a text or a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Value>,
    /// What it did.
    pub what: What,
}

/// What a journey did, or why it did not.
///
/// ```
/// use bespoke::journey::What;
/// # use bespoke::{definitions::Definitions, engine::simulate, model::Message};
/// # let definitions = Definitions::from_toml(r#"
/// #     version = 1
/// #     [events.signup]
/// #     [templates.hello]
/// #     title = "Hello"
/// #     [delivery]
/// #     quiet = { push = { from = "22:00", to = "08:00" } }
/// #     [journeys.welcome]
/// #     enter = { event = "signup" }
/// #     step = [{ id = "greet", send = { channel = "push", template = "hello" } }]
/// # "#)?;
/// # let signup = Message::track("ada", "signup").at("2026-11-23T23:00:00Z".parse()?);
/// # let simulation = simulate(&definitions, [&signup], "2026-11-24T12:00:00Z".parse()?);
/// let told = simulation.notes.iter().map(|note| match &note.what {
///     What::Sent { channel } => format!("a {channel} is in the outbox"),
///     What::Deferred { until, .. } => format!("it is tried again at {until}"),
///     what => what.reason().map_or(what.to_string(), |reason| format!("no more, because of {reason}")),
/// });
/// assert_eq!(told.collect::<Vec<_>>(), [
///     "entered", "it is tried again at 2026-11-24T08:00:00Z", "a push is in the outbox", "completed",
/// ]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum What {
    /// The user entered.
    Entered,
    /// The running instance starts over.
    Restarted,
    /// The user did not enter.
    Refused {
        /// Why not.
        reason: Reason,
    },
    /// Goes on at that instant.
    Waiting {
        /// When it goes on.
        until: Instant,
    },
    /// A branch led to a step, or to the end.
    Branched {
        /// The step's label, or `end`.
        to: Arc<str>,
    },
    /// An action was put into the outbox.
    Sent {
        /// By which channel.
        channel: Arc<str>,
    },
    /// Not sent now but later.
    Deferred {
        /// When it is tried again.
        until: Instant,
        /// Why not now.
        reason: Reason,
    },
    /// Not sent at all; the journey goes on.
    Skipped {
        /// Why not.
        reason: Reason,
    },
    /// Taken back from the outbox before the host had it.
    Withdrawn {
        /// Why.
        reason: Reason,
    },
    /// The user left before the end.
    Exited {
        /// Why.
        reason: Reason,
    },
    /// The last step is done.
    Completed,
    /// Goes on when something happens, and at that instant at the latest.
    WaitingFor {
        /// When it goes on at the latest.
        until: Instant,
    },
    /// What it waited for has happened.
    Met {
        /// The step that comes next, or `end`.
        to: Arc<str>,
    },
    /// What it waited for has not happened in time.
    TimedOut {
        /// The step that comes next, or `end`.
        to: Arc<str>,
    },
    /// A split led to an arm.
    Chose {
        /// Its name.
        arm: Arc<str>,
    },
    /// An attribute of the user was set.
    Set {
        /// Its name.
        name: Arc<str>,
    },
    /// An event of the user was recorded.
    Emitted {
        /// Its name.
        event: Arc<str>,
    },
    /// A call was put into the outbox.
    Called {
        /// By which channel.
        channel: Arc<str>,
    },
    /// A message of a held-out user that would have been sent.
    Ghost {
        /// By which channel.
        channel: Arc<str>,
    },
    /// The user did what the journey is for.
    Converted {
        /// Whether the user is held out, so that it is no work of the journey's.
        ghost: bool,
    },
    /// Goes on at another step because of new definitions.
    Moved {
        /// The step.
        to: Arc<str>,
    },
    /// Not sent; goes on at the step that is for this.
    FellBack {
        /// The step, or `end`.
        to: Arc<str>,
        /// Why not sent.
        reason: Reason,
    },
    /// Recurring instants that passed unseen, of which a later one counts: so many, or 10,000 and more.
    Missed {
        /// How many.
        count: u64,
    },
    /// Handed out, but the host says that it did not arrive.
    NotDelivered {
        /// Why.
        reason: Reason,
    },
    /// A `set`, `emit` or `call` could not be made for this user; the journey goes on.
    NotDone {
        /// Why.
        reason: Reason,
    },
    /// The user takes no part in an experiment.
    Outside {
        /// Why not.
        why: Outside,
    },
}

impl What {
    /// Why it did not do something, where there is a reason.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        match self {
            What::Refused { reason }
            | What::Deferred { reason, .. }
            | What::Skipped { reason }
            | What::Withdrawn { reason }
            | What::Exited { reason }
            | What::FellBack { reason, .. }
            | What::NotDelivered { reason }
            | What::NotDone { reason } => Some(*reason),
            What::Ghost { .. } => Some(Reason::HeldOut),
            _ => None,
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Entered => f.write_str("entered"),
            What::Restarted => f.write_str("restarted"),
            What::Refused { reason } => write!(f, "not entered: {reason}"),
            What::Waiting { until } => write!(f, "waits until {until}"),
            What::Branched { to } => write!(f, "branched to {to}"),
            What::Sent { channel } => write!(f, "sent by {channel}"),
            What::Deferred { until, reason } => write!(f, "{reason}, deferred until {until}"),
            What::Skipped { reason } | What::Withdrawn { reason } => write!(f, "not sent: {reason}"),
            What::Exited { reason } => write!(f, "exited: {reason}"),
            What::Completed => f.write_str("completed"),
            What::WaitingFor { until } => write!(f, "waits for something until {until}"),
            What::Met { to } => write!(f, "came, on to {to}"),
            What::TimedOut { to } => write!(f, "did not come, on to {to}"),
            What::Chose { arm } => write!(f, "split to {arm}"),
            What::Set { name } => write!(f, "set {name}"),
            What::Emitted { event } => write!(f, "emitted {event}"),
            What::Called { channel } => write!(f, "called {channel}"),
            What::Ghost { channel } => write!(f, "held out, not sent by {channel}"),
            What::Converted { ghost: false } => f.write_str("goal reached"),
            What::Converted { ghost: true } => f.write_str("goal reached, held out"),
            What::Moved { to } => write!(f, "moved to {to}"),
            What::FellBack { to, reason } => write!(f, "not sent: {reason}, on to {to}"),
            What::Missed { count } => write!(f, "missed {count}"),
            What::NotDelivered { reason } => write!(f, "not delivered: {reason}"),
            What::NotDone { reason } => write!(f, "not done: {reason}"),
            What::Outside { why } => write!(f, "outside the experiment: {why}"),
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.journey)?;
        if let Some(step) = &self.step {
            write!(f, ", step {step}")?;
        }
        match &self.key {
            Some(Value::String(key)) => write!(f, " ({key})")?,
            Some(Value::Int(key)) => write!(f, " ({key})")?,
            Some(Value::Float(key)) => write!(f, " ({key})")?,
            _ => {}
        }
        write!(f, ": {}", self.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_reads_as_a_sentence_and_as_json() {
        let mut note = Note {
            at: Instant::from_millis(0),
            user: "ada".into(),
            journey: "cart".into(),
            step: Some("push".into()),
            key: Some("c7".into()),
            what: What::Deferred { until: Instant::from_millis(3_600_000), reason: Reason::QuietHours },
        };
        assert_eq!(
            note.to_string(),
            "cart, step push (c7): quiet hours, deferred until 1970-01-01T01:00:00Z"
        );
        (note.step, note.key, note.what) = (None, None, What::Exited { reason: Reason::Event });
        assert_eq!(note.to_string(), "cart: exited: event");
        let json = r#"{"at":0,"user":"ada","journey":"cart","what":{"exited":{"reason":"event"}}}"#;
        assert_eq!(serde_json::to_string(&note).unwrap(), json);
    }
}
