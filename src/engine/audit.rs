use crate::model::{Body, ConsentStatus, Instant, Message};
use serde::Serialize;

/// One line for the host's audit log: what an input did to what is known of people, and who asked for it. It holds no
/// values of theirs and no ids, so it can be kept as long as the log is. An export is no input and changes nothing: who
/// asked for one is for the host to log.
///
/// ```
/// # fn keep(outcome: &bespoke::engine::Outcome) {
/// for entry in &outcome.audit {
///     println!("{}", serde_json::to_string(entry).unwrap());
/// }
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AuditEntry {
    /// Number of the input.
    pub position: u64,
    /// When it was done.
    pub at: Instant,
    /// Who did it in the host: the text `actor` in the context of the message, where it has one.
    pub actor: Option<Box<str>>,
    /// About whom: the [salted hash](crate::engine::Partition::hash_of) of the id that the user is known by; none where
    /// it is about nobody.
    pub user: Option<String>,
    /// What was done.
    #[serde(flatten)]
    pub action: Audited,
}

/// What was done to what is known of somebody.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::{Audited, Engine}, model::{Instant, Message}};
/// # let engine = Engine::builder(Definitions::from_toml("version = 1\n[events.view]")?).open()?;
/// # let now = Instant::from_millis(0);
/// engine.ingest(Message::track("ada", "view"), now)?;
/// let outcome = engine.ingest(Message::forget("ada").context("actor", "support-3"), now)?;
/// let Audited::Erasure { receipt } = &outcome.audit[0].action else { return Err("no erasure".into()) };
/// assert!(engine.receipt(receipt).is_some()); // what is left to show of it
/// assert_eq!(serde_json::to_value(&outcome.audit[0])?["action"], "erasure");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Audited {
    /// The user said something to a purpose.
    Consent {
        /// Which.
        purpose: Box<str>,
        /// By which channel, where one was named.
        channel: Option<Box<str>>,
        /// What.
        status: ConsentStatus,
    },
    /// The user was erased because somebody asked for it.
    Erasure {
        /// The id of the receipt.
        receipt: String,
    },
    /// The user was erased because nothing was heard of them for as long as a profile may be kept.
    Expiry,
    /// A visitor, or somebody whom a `merge` named, turned out to be the user.
    Merge {
        /// The salted hash of the id that the visitor, or that somebody, was known by.
        absorbed: String,
    },
    /// What had turned out to be the user's was taken out again.
    Split {
        /// The salted hashes of the ids that those who came out are known by.
        parts: Vec<String>,
    },
    /// Other definitions hold.
    Definitions,
}

/// Who did it, by what a message says.
pub(super) fn actor(message: &Message) -> Option<Box<str>> {
    message.context.get("actor").and_then(|actor| actor.as_str()).map(Into::into)
}

/// What a message says to a purpose.
pub(super) fn consent(message: &Message) -> Option<Audited> {
    let Body::Consent(consent) = &message.body else { return None };
    let (purpose, channel) = (consent.purpose.clone(), consent.channel.clone());
    Some(Audited::Consent { purpose, channel, status: consent.status })
}
