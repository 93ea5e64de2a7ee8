use crate::model::{Instant, Value};
use crate::segment::SegmentId;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// A membership that began or ended.
///
/// ```
/// # fn show(changes: &[bespoke::segment::Change]) {
/// for change in changes {
///     println!("{change}"); // u42 entered sneakerhead
/// }
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Change {
    /// The segment's number.
    #[serde(skip)]
    pub(crate) id: SegmentId,
    /// The instant at which it happened, to the millisecond.
    pub at: Instant,
    /// The user's id.
    pub user: Arc<str>,
    /// The segment's name.
    pub segment: Arc<str>,
    /// Which way.
    #[serde(rename = "change")]
    pub transition: Transition,
    /// The part, where the segment is keyed: a string or a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Value>,
    /// What brought it about, where that is not what users do, or time.
    #[serde(skip_serializing_if = "Cause::is_ordinary")]
    pub cause: Cause,
}

/// What brought a change about.
///
/// ```
/// # fn show(outcome: &bespoke::engine::Outcome) {
/// use bespoke::segment::Cause;
/// for change in outcome.changes.iter().filter(|change| change.cause == Cause::Retention) {
///     println!("{change}, because something may be kept no longer");
/// }
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Cause {
    /// What the user did, what was said of them, or time.
    #[default]
    Ordinary,
    /// An input that made one profile of two: what changed for both of them.
    Merge,
    /// Something was kept for as long as it may be, and is no more. Of what time alone changes at one instant, all is
    /// put down to that.
    Retention,
    /// An input that took profiles apart again.
    Split,
}

impl Cause {
    fn is_ordinary(&self) -> bool {
        *self == Cause::Ordinary
    }
}

/// Which way a membership changed.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Engine, model::{Instant, Message}, segment::Transition};
/// # use std::collections::BTreeSet;
/// # let text = "version = 1\n[attributes]\nplan = \"string\"\n[segments]\npro = 'plan = \"pro\"'";
/// # let engine = Engine::builder(Definitions::from_toml(text)?).open()?;
/// # let now = Instant::from_millis(0);
/// # engine.ingest(Message::identify("ada").with("plan", "pro"), now)?;
/// let mut audience = BTreeSet::from(["ada".into(), "bob".into()]); // as another system knows it
/// for change in engine.ingest(Message::identify("ada").with("plan", "free"), now)?.changes {
///     match change.transition {
///         Transition::Entered => audience.insert(change.user),
///         Transition::Left => audience.remove(&change.user),
///     };
/// }
/// assert_eq!(audience, BTreeSet::from(["bob".into()]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Transition {
    /// It began.
    Entered,
    /// It ended.
    Left,
}

impl Transition {
    pub(crate) fn of(was_member: bool, is_member: bool) -> Option<Transition> {
        match (was_member, is_member) {
            (false, true) => Some(Transition::Entered),
            (true, false) => Some(Transition::Left),
            _ => None,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.transition {
            Transition::Entered => "entered",
            Transition::Left => "left",
        };
        write!(f, "{} {verb} {}", self.user, self.segment)?;
        match &self.key {
            Some(Value::String(key)) => write!(f, " ({key})"),
            Some(Value::Int(key)) => write!(f, " ({key})"),
            Some(Value::Float(key)) => write!(f, " ({key})"),
            _ => Ok(()),
        }
    }
}

/// How often a segment was entered and left.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Engine, model::{Duration, Instant, Message}};
/// # let text = "version = 1\n[events.view]\n[segments]\nfresh = 'did(view in 1d)'";
/// # let engine = Engine::builder(Definitions::from_toml(text)?).open()?;
/// # let now = Instant::from_millis(0);
/// for (user, day) in [("ada", 0), ("bob", 0), ("ada", 3)] {
///     engine.ingest(Message::track(user, "view"), now + Duration::days(day))?; // fresh for a day
/// }
/// let (name, stats) = &engine.segment_stats()[0];
/// assert_eq!((&**name, stats.entries, stats.exits), ("fresh", 3, 2)); // ada came twice
/// assert_eq!(stats.size(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SegmentStats {
    /// Memberships that began.
    pub entries: u64,
    /// Memberships that ended.
    pub exits: u64,
}

impl SegmentStats {
    /// Memberships now; in a keyed segment each part of a user is one.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.entries - self.exits
    }

    pub(crate) fn note(&mut self, transition: Transition) {
        match transition {
            Transition::Entered => self.entries += 1,
            Transition::Left => self.exits += 1,
        }
    }
}

/// The name of a user for one more change: that of the last one, where it is the same user's, so that all of them share it.
pub(crate) fn shared_name(changes: &[Change], name: &str) -> Arc<str> {
    let last = changes.last().filter(|change| *change.user == *name);
    last.map_or_else(|| name.into(), |change| change.user.clone())
}
