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

/// What counters count by: a word, and what it is about. Ordered as it reads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub(crate) struct Reason {
    pub(crate) word: &'static str,
    about: Option<About>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(untagged)]
enum About {
    Reason(&'static str),
    Name(Arc<str>),
}

impl Reason {
    /// A message that was not sent, and why.
    pub(crate) fn not_sent(why: &'static str) -> Reason {
        Reason { word: "not sent:", about: Some(About::Reason(why)) }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.about {
            None => f.write_str(self.word),
            Some(About::Reason(why)) => write!(f, "{} {why}", self.word),
            Some(About::Name(name)) => write!(f, "{} {name}", self.word),
        }
    }
}

impl What {
    /// What counters count it by. Allocates nothing.
    pub(crate) fn reason(&self) -> Reason {
        let (word, about) = match self {
            What::Entered => ("entered", None),
            What::Restarted => ("restarted", None),
            What::Waiting { .. } => ("waited", None),
            What::Branched { to } => ("branched to", Some(About::Name(to.clone()))),
            What::Sent { channel } => ("sent by", Some(About::Name(channel.clone()))),
            What::Deferred { .. } => ("deferred:", Some(About::Reason("quiet hours"))),
            What::Skipped(why) => return Reason::not_sent(why),
            What::Refused(why) => ("not entered:", Some(About::Reason(why))),
            What::Exited(why) => ("exited:", Some(About::Reason(why))),
            What::Completed => ("completed", None),
        };
        Reason { word, about }
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
