use crate::model::{Instant, Object, Value};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// Something for the host to deliver.
///
/// The `id` is the same after any replay: give it to a provider as the idempotency key. As JSON it is a line of
/// `actions.jsonl`, with `key` where the instance has one.
///
/// ```
/// # fn deliver(engine: &bespoke::engine::Engine, now: bespoke::model::Instant) -> Result<(), bespoke::engine::Error> {
/// use bespoke::journey::Delivery;
/// for action in engine.outbox(100, now)? {
///     println!("{} for {} by {}", action.template, action.user, action.channel);
///     engine.acknowledge(&action.id, Delivery::Sent, now)?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Action {
    /// When it was put into the outbox.
    pub at: Instant,
    /// A stable id, as 32 hexadecimal digits.
    pub id: String,
    /// For whom.
    pub user: Arc<str>,
    /// From which journey.
    pub journey: Arc<str>,
    /// From which step.
    pub step: Arc<str>,
    /// By which channel.
    pub channel: Arc<str>,
    /// The rendered content by field.
    pub content: Object,
    /// What keys the journey's instance, where something does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Value>,
    /// The template that its content was made from.
    #[serde(skip)]
    pub template: Box<str>,
    /// How often it has been handed out, this time included.
    #[serde(skip)]
    pub attempt: u32,
}

/// Of the content only the names of the fields: it may say who the user is.
impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<&str> = self.content.iter().map(|(name, _)| name).collect();
        f.debug_struct("Action")
            .field("at", &self.at)
            .field("id", &self.id)
            .field("user", &self.user)
            .field("journey", &self.journey)
            .field("step", &self.step)
            .field("channel", &self.channel)
            .field("content", &fields)
            .field("key", &self.key)
            .field("template", &self.template)
            .field("attempt", &self.attempt)
            .finish()
    }
}

/// What became of an action. A host handles every case, so more cases would be a new version.
///
/// ```
/// use bespoke::journey::Delivery;
/// fn of_status(status: u16) -> Delivery {
///     match status {
///         200..300 => Delivery::Sent,
///         410 => Delivery::Unreachable,
///         _ => Delivery::Failed,
///     }
/// }
/// # assert_eq!(of_status(410), Delivery::Unreachable);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    /// The provider took it.
    Sent,
    /// It reached the user.
    Delivered,
    /// The user opened it.
    Opened,
    /// The user clicked on it.
    Clicked,
    /// It could not be sent. After `Sent`: it bounced.
    Failed,
    /// The user cannot be reached by this channel.
    Unreachable,
    /// The host chose not to send it.
    Suppressed,
}

impl Delivery {
    /// All of them, in order.
    pub(crate) const ALL: [Delivery; 7] = [
        Delivery::Sent,
        Delivery::Delivered,
        Delivery::Opened,
        Delivery::Clicked,
        Delivery::Failed,
        Delivery::Unreachable,
        Delivery::Suppressed,
    ];
}

/// The word that JSON and definitions use.
impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Delivery::Sent => "sent",
            Delivery::Delivered => "delivered",
            Delivery::Opened => "opened",
            Delivery::Clicked => "clicked",
            Delivery::Failed => "failed",
            Delivery::Unreachable => "unreachable",
            Delivery::Suppressed => "suppressed",
        })
    }
}

/// What an acknowledgement did.
///
/// ```
/// use bespoke::definitions::Definitions;
/// use bespoke::engine::Engine;
/// use bespoke::journey::{Acknowledged, Delivery};
/// let engine = Engine::builder(Definitions::from_toml("version = 1")?).open()?;
/// let now = "2026-11-23T10:00:00Z".parse()?;
/// let answer = engine.acknowledge("no such action", Delivery::Sent, now)?;
/// assert_eq!(answer.acknowledged, Acknowledged::Unknown);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Acknowledged {
    /// The action is done, or is known to have come further.
    Accepted,
    /// The same was said before; nothing changed.
    Repeated,
    /// No action of that id is known, or no longer; nothing changed.
    Unknown,
}

/// How full the outbox is, and what was said to it in vain.
///
/// ```
/// # fn show(stats: bespoke::journey::OutboxStats) {
/// println!("{} pending, {} with the host", stats.pending, stats.leased);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OutboxStats {
    /// Actions that wait to be handed out.
    pub pending: usize,
    /// Actions that were handed out, and whose lease was not yet found to have run out.
    pub leased: usize,
    /// Acknowledgements that said once more what had been said.
    pub repeated: u64,
    /// Acknowledgements of no known action.
    pub unknown: u64,
}
