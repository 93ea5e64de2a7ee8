use crate::engine::{AuditEntry, Receipt};
use crate::journey::{Acknowledged, Note};
use crate::segment::Change;
use serde::Serialize;
use std::fmt;

/// What an input brought about, in the order in which it happened.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Engine, model::{Duration, Instant, Message}};
/// # let text = "version = 1\n[events.view]\n[segments]\nfresh = 'did(view in 1d)'";
/// # let engine = Engine::builder(Definitions::from_toml(text)?).open()?;
/// # let now = Instant::from_millis(0);
/// let view = Message::track("ada", "view").id("m-1");
/// engine.ingest(&view, now)?;
/// let again = engine.ingest(&view, now)?;
/// assert!(again.duplicate && again.changes.is_empty());
///
/// let outcome = engine.ingest(Message::track("bob", "view"), now + Duration::days(2))?;
/// assert_eq!(outcome.changes[0].to_string(), "ada left fresh"); // what was due before bob's message
/// assert_eq!(outcome.changes[0].at, now + Duration::days(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Outcome {
    /// Number of the input, from 1.
    pub sequence: u64,
    /// Whether a message with this id was taken before; then it changed nothing.
    pub duplicate: bool,
    /// Why the event was not kept, where the user does not want that; then it changed nothing.
    pub refused: Option<Refusal>,
    /// Memberships that began or ended, by time alone too, of any user.
    pub changes: Vec<Change>,
    /// What journeys did, and for each message that they did not send, why.
    pub notes: Vec<Note>,
    /// The receipt, where a user was to be erased.
    pub receipt: Option<Receipt>,
    /// What the host's audit log should have.
    pub audit: Vec<AuditEntry>,
    /// Whether more is due than an advance was to look at at once; see
    /// [`Partition::advance_some`](crate::engine::Partition::advance_some).
    pub more_due: bool,
}

/// Why something that is right in itself is not done, for the user's sake.
///
/// ```
/// use bespoke::engine::Refusal;
/// assert_eq!(Refusal::NoConsent.to_string(), "no_consent");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Refusal {
    /// The user does not agree to its purpose.
    NoConsent,
    /// What is known of the user is not to be processed.
    Restricted,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::NoConsent => "no_consent",
            Refusal::Restricted => "restricted",
        })
    }
}

/// What an answer to an action did, and what followed from it.
///
/// ```
/// # fn tell(engine: &bespoke::engine::Engine, action: &str, now: bespoke::model::Instant) -> Result<(), bespoke::engine::Error> {
/// use bespoke::journey::{Acknowledged, Delivery};
/// let answer = engine.acknowledge(action, Delivery::Opened, now)?;
/// if answer.acknowledged == Acknowledged::Accepted {
///     answer.outcome.changes.iter().for_each(|change| println!("{change}")); // u42 left cold
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Acknowledgement {
    /// Whether it was news.
    pub acknowledged: Acknowledged,
    /// What it brought about, where definitions read what becomes of messages.
    pub outcome: Outcome,
}
