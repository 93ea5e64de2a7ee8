use crate::model::{Instant, Value};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// One thing that a journey did for a user, or did not do, with the reason.
///
/// ```
/// # fn show(notes: &[bespoke::journey::Note]) {
/// for note in notes {
///     println!("{} {note}", note.at); // … cart, step push: sent by push
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
    /// What keys the instance, where something does.
    #[serde(skip_serializing_if = "is_null")]
    pub key: Value,
    /// What it did.
    pub what: What,
}

/// What a journey did, or why it did not.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum What {
    /// The user entered.
    Entered,
    /// The running instance starts over.
    Restarted,
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
    /// The user is left alone now; it is sent later.
    Deferred {
        /// When it is tried again.
        until: Instant,
    },
    /// It is not sent at all: the reason.
    Skipped(&'static str),
    /// The user did not enter: the reason.
    Refused(&'static str),
    /// The user left before the end: the reason.
    Exited(&'static str),
    /// The last step is done.
    Completed,
}

impl What {
    /// The word that counters use.
    pub(crate) fn reason(&self) -> String {
        match self {
            What::Entered => "entered".into(),
            What::Restarted => "restarted".into(),
            What::Waiting { .. } => "waited".into(),
            What::Branched { to } => format!("branched to {to}"),
            What::Sent { channel } => format!("sent by {channel}"),
            What::Deferred { .. } => "deferred: quiet hours".into(),
            What::Skipped(reason) => format!("not sent: {reason}"),
            What::Refused(reason) => format!("not entered: {reason}"),
            What::Exited(reason) => format!("exited: {reason}"),
            What::Completed => "completed".into(),
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
            Value::String(key) => write!(f, " ({key})")?,
            Value::Int(key) => write!(f, " ({key})")?,
            Value::Float(key) => write!(f, " ({key})")?,
            _ => {}
        }
        match &self.what {
            What::Waiting { until } => write!(f, ": waits until {until}"),
            What::Deferred { until } => write!(f, ": quiet hours, deferred until {until}"),
            what => write!(f, ": {}", what.reason()),
        }
    }
}

fn is_null(value: &Value) -> bool {
    *value == Value::Null
}
