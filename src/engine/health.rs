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
    /// What the store takes; nothing without one.
    pub store: Option<StoreHealth>,
}

/// What a store takes on the disk and in memory.
///
/// ```
/// # fn show(engine: &bespoke::engine::Engine) {
/// if let Some(store) = engine.health().store {
///     println!("{} of {} bytes of the heap are wanted", store.heap_live, store.heap_live + store.heap_dead);
///     println!("the journal has {} bytes, from input {} on", store.journal, store.journal_from);
/// }
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StoreHealth {
    /// Bytes of records that are wanted.
    pub heap_live: u64,
    /// Bytes of records that are not: files in which they are more than a quarter are emptied by the next checkpoint.
    pub heap_dead: u64,
    /// Bytes of users in memory.
    pub resident: u64,
    /// Bytes of the journal: what no checkpoint has yet, and what `journal` under `[retention]` says is to stay. Of what was
    /// written since the last checkpoint only the inputs are counted.
    pub journal: u64,
    /// The sequence number of the oldest input in the journal: from there on [`Engine::journal`] gives them. That of the
    /// next input where there is none. Of several partitions, the lowest.
    ///
    /// [`Engine::journal`]: crate::engine::Engine::journal
    pub journal_from: u64,
}
