use crate::decision::{Decision, Feedback};
use crate::definitions::Definitions;
use crate::engine::redefine::Successor;
use crate::engine::{Acknowledgement, Error, Health, Outcome, Partition, Recommended};
use crate::journey::{Action, Delivery, OutboxStats};
use crate::model::{Duration, Instant, Message, Object, Value};
use crate::profile::UserProfile;
use crate::recommend::Query;
use crate::segment::SegmentStats;
use parking_lot::RwLock;
use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a host holds: a handle to clone and to use from every thread.
///
/// Writers go one at a time, in the order in which they come; readers read side by side and wait only for the
/// microseconds of a write. Everything is in memory: a store that survives the process is not built yet.
///
/// ```
/// use bespoke::definitions::Definitions;
/// use bespoke::engine::Engine;
/// use bespoke::model::{Duration, Instant, Message, Object};
///
/// let definitions = Definitions::from_toml(r#"
///     version = 1
///     [events.view]
///     sku = "string"
///     [segments]
///     curious = "count(view in 1d) >= 2"
///     [recommend]
///     interactions = { view = { item = "sku" } }
/// "#)?;
/// let engine = Engine::builder(definitions).open()?;
///
/// let now: Instant = "2026-11-23T10:00:00Z".parse()?;
/// engine.ingest(Message::track("ada", "view").with("sku", "boot-7"), now)?;
/// let outcome = engine.ingest(Message::track("ada", "view").with("sku", "sock-1"), now + Duration::minutes(1))?;
/// assert_eq!(outcome.changes[0].to_string(), "ada entered curious");
/// assert!(engine.is_member("ada", "curious"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Engine {
    partition: Arc<RwLock<Partition>>,
    lease: Duration,
}

/// Options of an [`Engine`].
#[derive(Debug)]
#[must_use]
pub struct EngineBuilder {
    definitions: Definitions,
    lease: Duration,
}

impl EngineBuilder {
    /// How long an action that was handed out is not handed out again; 1 minute unless set.
    pub fn lease(mut self, lease: Duration) -> EngineBuilder {
        self.lease = lease;
        self
    }

    /// The engine.
    ///
    /// # Errors
    /// None yet; opening a store will be able to fail.
    pub fn open(self) -> Result<Engine, Error> {
        Ok(Engine { partition: Arc::new(RwLock::new(Partition::new(&self.definitions))), lease: self.lease })
    }
}

impl Engine {
    /// Looks at the partition beside other readers.
    pub(super) fn read<T>(&self, look: impl FnOnce(&Partition) -> T) -> T {
        look(&self.partition.read())
    }

    /// Begins an engine under definitions.
    pub fn builder(definitions: Definitions) -> EngineBuilder {
        EngineBuilder { definitions, lease: Duration::minutes(1) }
    }

    /// Takes a message in. See [`Partition::ingest`].
    ///
    /// # Errors
    /// A message that is not sound, lies too far in the future, or would join two users. It changes nothing.
    pub fn ingest(&self, message: impl Borrow<Message>, now: Instant) -> Result<Outcome, Error> {
        self.partition.write().ingest(message.borrow(), now)
    }

    /// Moves the clock. See [`Partition::advance`].
    pub fn advance(&self, now: Instant) -> Outcome {
        self.partition.write().advance(now)
    }

    /// Goes on under other definitions. See [`Partition::redefine`]. Whatever needs no profiles is worked out beside
    /// the partition, while others read and write.
    ///
    /// ```
    /// use bespoke::definitions::Definitions;
    /// use bespoke::engine::Engine;
    /// use bespoke::model::{Instant, Message};
    ///
    /// let engine = Engine::builder(Definitions::from_toml("version = 1\n[attributes]\nage = \"number\"")?).open()?;
    /// let now: Instant = "2026-11-23T10:00:00Z".parse()?;
    /// engine.ingest(Message::identify("ada").with("age", 37), now)?;
    ///
    /// let more = r#"
    ///     version = 1
    ///     [attributes]
    ///     age = "number"
    ///     [segments]
    ///     adult = "age >= 18"
    /// "#;
    /// let outcome = engine.redefine(&Definitions::from_toml(more)?, now);
    /// assert_eq!(outcome.changes[0].to_string(), "ada entered adult");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn redefine(&self, definitions: &Definitions, now: Instant) -> Outcome {
        definitions.compiled().fingerprints();
        let before = self.partition.read().compiled.clone();
        before.fingerprints();
        let successor = Successor::new(definitions, &mut self.partition.write());
        let ready = successor.relocate();
        self.partition.write().put_into_force(ready, now)
    }

    /// How long the host may sleep. See [`Partition::next_due`].
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.partition.read().next_due()
    }

    /// A copy of what is known of a user.
    #[must_use]
    pub fn profile(&self, user: &str) -> Option<UserProfile> {
        self.partition.read().profile(user)
    }

    /// How many users there are.
    #[must_use]
    pub fn user_count(&self) -> usize {
        self.partition.read().user_count()
    }

    /// The segments that a user is in, each with the instant since which.
    #[must_use]
    pub fn segments(&self, user: &str) -> BTreeMap<Arc<str>, Instant> {
        self.partition.read().segments(user)
    }

    /// Whether a user is in a segment; false where either is unknown.
    #[must_use]
    pub fn is_member(&self, user: &str, segment: &str) -> bool {
        self.partition.read().is_member(user, segment)
    }

    /// Entries, exits and size of every segment, in order of definition.
    #[must_use]
    pub fn segment_stats(&self) -> Vec<(String, SegmentStats)> {
        self.partition.read().segment_stats().map(|(name, stats)| (name.to_owned(), stats)).collect()
    }

    /// What an operator should look at. See [`Partition::health`].
    #[must_use]
    pub fn health(&self) -> Health {
        self.partition.read().health()
    }

    /// What to show a user at a placement. See [`Partition::decide`].
    ///
    /// # Errors
    /// A placement that is not defined.
    pub fn decide(
        &self,
        user: &str,
        placement: &str,
        request: &Object,
        now: Instant,
    ) -> Result<Decision, Error> {
        self.partition.read().decide(user, placement, request, now)
    }

    /// Items for a user, best first. See [`Partition::recommend`].
    ///
    /// # Errors
    /// A query about items of which none is known, or one that passes a limit.
    pub fn recommend(&self, user: &str, query: &Query, now: Instant) -> Result<Vec<Recommended>, Error> {
        self.partition.read().recommend(user, query, now)
    }

    /// Hands out at most `limit` actions, leased for the time that the builder was given.
    #[must_use]
    pub fn outbox(&self, limit: usize, now: Instant) -> Vec<Action> {
        self.partition.write().outbox(limit, self.lease, now)
    }

    /// Reports what became of an action. See [`Partition::acknowledge`].
    pub fn acknowledge(&self, action: &str, delivery: Delivery, now: Instant) -> Acknowledgement {
        self.partition.write().acknowledge(action, delivery, now)
    }

    /// Reports that a user saw a variant of a placement, or clicked on it. See [`Partition::feedback`].
    ///
    /// # Errors
    /// A placement, variant or user that is not known. It changes nothing.
    pub fn feedback(
        &self,
        user: &str,
        placement: &str,
        variant: &str,
        feedback: Feedback,
        now: Instant,
    ) -> Result<Outcome, Error> {
        self.partition.write().feedback(user, placement, variant, feedback, now)
    }

    /// Sets what a model says of a user. See [`Partition::set_prediction`].
    ///
    /// # Errors
    /// A name that no expression reads, a number that is not finite, or an unknown user. It changes nothing.
    pub fn set_prediction(
        &self,
        user: &str,
        name: &str,
        value: Option<f64>,
        now: Instant,
    ) -> Result<Outcome, Error> {
        self.partition.write().set_prediction(user, name, value, now)
    }

    /// Sets a fact for everyone. See [`Partition::set_world`].
    ///
    /// # Errors
    /// A name that is not declared, or a value of another kind. It changes nothing.
    pub fn set_world(&self, name: &str, value: impl Into<Value>, now: Instant) -> Result<Outcome, Error> {
        self.partition.write().set_world(name, value, now)
    }

    /// How often each journey did what, by journey and reason.
    #[must_use]
    pub fn journey_counts(&self) -> BTreeMap<(String, String), u64> {
        self.partition.read().journey_counts()
    }

    /// How full the outbox is, and how often the host said something of an action in vain.
    #[must_use]
    pub fn outbox_stats(&self) -> OutboxStats {
        self.partition.read().outbox_stats()
    }
}
