use crate::profile::IdentityHealth;
use serde::Serialize;

/// What an operator should look at: counted since the beginning.
///
/// ```
/// use bespoke::definitions::Definitions;
/// use bespoke::engine::Engine;
/// use bespoke::model::{Ids, Instant, Message};
///
/// let engine = Engine::builder(Definitions::from_toml("version = 1\n[events.view]")?).open()?;
/// let now: Instant = "2026-11-23T10:00:00Z".parse()?;
/// engine.ingest(Message::track(Ids::anonymous("device-1"), "view"), now)?;
/// engine.ingest(Message::track("ada", "view"), now)?;
/// engine.ingest(Message::track(Ids::both("ada", "device-1"), "view"), now)?;
/// assert_eq!(engine.health().identity.absorbed, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Health {
    /// What became of ids.
    pub identity: IdentityHealth,
}
