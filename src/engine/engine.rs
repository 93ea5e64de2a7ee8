use crate::decision::{Decision, Feedback};
use crate::definitions::Definitions;
use crate::engine::durable::Durability;
use crate::engine::hosts::Maker;
use crate::engine::input::Input;
use crate::engine::open::{Opened, Options};
use crate::engine::shard::Shard;
use crate::engine::shards::{PARTITIONS_MAX, Shards};
use crate::engine::{
    Acknowledgement, Error, Health, JournalReader, Outcome, Partition, Receipt, Recommended, Refusal,
};
use crate::journey::{Action, Delivery, OutboxStats};
use crate::model::{Duration, Instant, Message, Object, Value};
use crate::profile::UserProfile;
use crate::recommend::{Query, Recommender};
use crate::segment::SegmentStats;
use crate::storage::{self, Disk, FolderDisk, Journal};
use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// What a host holds: a handle to clone and to use from every thread.
///
/// Writers go one at a time, in the order in which they come; readers read side by side, and wait only for the
/// microseconds in which an input is applied, never for the disk. With a [store](EngineBuilder::store) what was
/// acknowledged survives the process, or the machine, and users who are not used leave memory.
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
    shared: Arc<Shared>,
    lease: Duration,
}

#[derive(Debug)]
struct Shared {
    shards: Shards,
    opened: Opened,
}

/// Options of an [`Engine`].
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::{Durability, Engine}, model::Duration, storage::MemoryDisk};
/// # let definitions = Definitions::from_toml("version = 1")?;
/// let engine = Engine::builder(definitions.clone())
///     .disk(MemoryDisk::new()) // in production `.store("data/")`
///     .durability(Durability::Synced)
///     .memory(64 << 20)
///     .lease(Duration::minutes(5))
///     .open()?; // the one step that can fail
/// let error = Engine::builder(definitions).partitions(100).open().unwrap_err();
/// assert_eq!(error.to_string(), "an engine has from 1 to 64 partitions, not 100");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use]
pub struct EngineBuilder {
    definitions: Definitions,
    lease: Duration,
    store: Option<Store>,
    journals: Vec<Box<dyn Journal>>,
    partitions: Option<u16>,
    options: Options,
}

#[derive(Debug)]
enum Store {
    Folder(PathBuf),
    Disk(Arc<dyn Disk>),
}

impl EngineBuilder {
    /// How long an action that was handed out is not handed out again; 1 minute unless set.
    pub fn lease(mut self, lease: Duration) -> EngineBuilder {
        self.lease = lease;
        self
    }

    /// Keeps everything in a folder, which is made if need be: what was acknowledged is there again when the folder is
    /// opened the next time, whatever stopped the process. Without a store all is in memory.
    pub fn store(mut self, folder: impl Into<PathBuf>) -> EngineBuilder {
        self.store = Some(Store::Folder(folder.into()));
        self
    }

    /// The same on another kind of disk, such as [`MemoryDisk`](crate::storage::MemoryDisk).
    pub fn disk(mut self, disk: impl Disk + 'static) -> EngineBuilder {
        self.store = Some(Store::Disk(Arc::new(disk)));
        self
    }

    /// Puts the inputs into a log of the host's instead of files of the store, in which keys and checkpoints stay: a store
    /// is needed beside it. The same journal has to be given whenever that store is opened; with several partitions one for
    /// each of them, in order. See [`Journal`] for what it has to promise.
    ///
    /// New keys are synced before each group then, also at level [`Durability::Written`], because the log may outlive the
    /// machine when they do not.
    pub fn journal(mut self, journal: impl Journal + 'static) -> EngineBuilder {
        self.journals.push(Box::new(journal));
        self
    }

    /// When an input counts as taken; [`Durability::Written`] unless set. Without a store it says nothing.
    pub fn durability(mut self, durability: Durability) -> EngineBuilder {
        self.options.durability = durability;
        self
    }

    /// How many bytes of users are in memory at most, 512 MiB unless set; those who were used least of late are only
    /// in the store. Of each user some 200 bytes stay, which are not counted, and neither are models and definitions.
    /// Nothing but time depends on it. Without a store everybody is in memory.
    pub fn memory(mut self, bytes: usize) -> EngineBuilder {
        self.options.memory = bytes;
        self
    }

    /// After how many bytes of inputs a checkpoint begins by itself; 256 MiB unless set. It bounds what is replayed when
    /// the store is opened. One that begins by itself syncs its files while writers wait, each time for as long as the disk
    /// takes for 4 MiB; a thread of the host that calls [`Engine::checkpoint`] before spares them that.
    pub fn checkpoint_bytes(mut self, bytes: u64) -> EngineBuilder {
        self.options.checkpoint_bytes = bytes;
        self
    }

    /// Opens a store also where inputs are missing at its end that were acknowledged as written, and not as synced.
    ///
    /// When a machine loses power that is what level [`Durability::Written`] allows, and where the system tells that the
    /// machine was started anew nobody has to ask for it. Otherwise it is an error, because something cut them off.
    pub fn accept_lost_tail(mut self) -> EngineBuilder {
        self.options.accept_lost_tail = true;
        self
    }

    /// Has a recommender of the host's answer beside those of the engine, of which sessions count 1: it learns from the same
    /// interactions, does its longer work when the host moves the clock, and is kept in the store by its name. Each partition
    /// has one of its own, which `make` makes untrained; `weight` is what it counts, from -1000 to 1000.
    ///
    /// Answers for a user, for a session, similar and complementary items have something of it. Where it was not there when
    /// the store was opened the last time it learns from now on, and what one that is not given any more had learned is
    /// dropped.
    ///
    /// ```
    /// # use bespoke::{definitions::Definitions, engine::Engine, model::{Instant, Message}};
    /// use bespoke::recommend::{Popularity, Query};
    /// # let text = "version = 1\n[events.view]\nsku = \"string\"\n[recommend]\ninteractions = { view = { item = \"sku\" } }\nk_min = 1";
    /// # let definitions = Definitions::from_toml(text)?;
    /// let engine = Engine::builder(definitions)
    ///     .recommender(0.5, || Popularity::default()) // any type that implements `Recommender`
    ///     .open()?;
    /// let now = Instant::from_millis(0);
    /// for (user, sku) in [("ada", "boot-7"), ("bob", "boot-7"), ("cyd", "sock-1")] {
    ///     engine.ingest(Message::track(user, "view").with("sku", sku), now)?;
    /// }
    /// let answer = engine.recommend("cyd", &Query::for_user(), now)?;
    /// assert_eq!((&*answer[0].item, &*answer[0].reason), ("boot-7", "popular now"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recommender<R: Recommender + 'static>(
        mut self,
        weight: f64,
        make: impl Fn() -> R + Send + Sync + 'static,
    ) -> EngineBuilder {
        self.options.recommenders.push(Maker::new(weight, make));
        self
    }

    /// Of how many partitions the engine is, from 1 to 64; 1 unless set, or what the store is of. Writers to one partition
    /// go one at a time, so several of them use several cores.
    ///
    /// What is known of people does not depend on it: each user is in one partition, and those whose ids turn out to belong
    /// together are brought together. What does:
    /// - models learn in each partition from those who are in it; a question is answered by what all of them know, at the cost of
    ///   one in each;
    /// - inputs are numbered in each partition by itself, and receipts are chained in each;
    /// - actions are handed out by when they were put into the outbox, but those of a user who was brought to another
    ///   partition after those who were there;
    /// - where two profiles have an attribute, or events, of the same instant and become one, what comes last of them is what
    ///   came last to either, and of equals what is in the partition to which the other is brought;
    /// - what a `throttle` lets a channel take is shared out: each partition sends at its part of the rate, and of what may go
    ///   at once its part, which is at least one message;
    /// - what is due happens with the next input to its partition, so a host moves the clock of all of them by
    ///   [`advance`](Engine::advance) before it asks for actions, and often enough for journeys that look at how late it is.
    ///
    /// A message whose ids are in several partitions costs three inputs or more instead of one, and such messages go one at
    /// a time. They are few: mostly the first one in which a device names its user.
    ///
    /// ```
    /// # use bespoke::{definitions::Definitions, engine::Engine, model::{Ids, Instant, Message}};
    /// # let definitions = Definitions::from_toml("version = 1\n[events.view]\n[segments]\nkeen = 'count(view) >= 2'")?;
    /// let engine = Engine::builder(definitions).partitions(4).open()?;
    /// let now = Instant::from_millis(0);
    /// engine.ingest(Message::track(Ids::anonymous("device-1"), "view"), now)?;
    /// engine.ingest(Message::track("ada", "view"), now)?; // most likely in another partition
    /// let outcome = engine.ingest(Message::track(Ids::both("ada", "device-1"), "view"), now)?;
    /// assert_eq!(outcome.changes[0].to_string(), "ada entered keen");
    /// assert_eq!(engine.user_count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn partitions(mut self, partitions: u16) -> EngineBuilder {
        self.partitions = Some(partitions);
        self
    }

    /// The engine. A store that was opened before under other definitions goes on under these: what that changes is in
    /// [`Engine::opened`].
    ///
    /// Takes time by the inputs since the last checkpoint and, a little, by the number of users; where definitions are
    /// other ones, by what is known of all users.
    ///
    /// # Errors
    /// [`Error::Storage`]: a folder that cannot be used, that another engine has open, or in which something is not as it
    /// was written. [`Error::PartitionsOutOfRange`]; [`Error::OtherPartitions`]: the store is of another number of them.
    pub fn open(self) -> Result<Engine, Error> {
        let EngineBuilder { definitions, lease, store, journals, partitions, options } = self;
        Maker::check(&options.recommenders)?;
        if let Some(asked) = partitions.filter(|asked| !(1..=PARTITIONS_MAX).contains(asked)) {
            return Err(Error::PartitionsOutOfRange { asked });
        }
        let disk: Arc<dyn Disk> = match store {
            None if !journals.is_empty() => {
                let message = "keys and checkpoints need a store beside it";
                let error = io::Error::new(io::ErrorKind::InvalidInput, message);
                return Err(storage::Error::io("open", "the journal", error).into());
            }
            None => {
                let shards = Shards::in_memory(&definitions, partitions.unwrap_or(1), &options.recommenders);
                return Ok(Engine { shared: Arc::new(Shared { shards, opened: Opened::default() }), lease });
            }
            Some(Store::Folder(folder)) => Arc::new(FolderDisk::new(folder)?),
            Some(Store::Disk(disk)) => disk,
        };
        let (shards, mut opened) = Shards::open(&definitions, disk, journals, partitions, options)?;
        for shard in shards.shards.iter().filter(|shard| shard.read(Partition::erases)) {
            // A user was being forgotten as the store was stopped. If it fails it is tried again with the next input.
            let _ = shard.checkpoint();
        }
        if shards.shards.iter().any(|shard| shard.is_other(&definitions)) {
            opened.redefined = Some(shards.redefine(&definitions, shards.clock())?);
        }
        Ok(Engine { shared: Arc::new(Shared { shards, opened }), lease })
    }
}

impl Engine {
    /// The partitions.
    pub(super) fn shards(&self) -> &Shards {
        &self.shared.shards
    }

    /// Looks at a partition: what is the same in all of them.
    pub(super) fn read<T>(&self, look: impl FnOnce(&Partition) -> T) -> T {
        self.shards().first().read(look)
    }

    /// Looks at a user, who is brought into memory first where need be. Nobody else waits for the disk then.
    pub(super) fn read_user<T>(&self, id: &str, look: impl Fn(&Partition) -> T) -> Result<T, Error> {
        self.shards().read_user(id, look)
    }

    /// Begins an engine under definitions.
    pub fn builder(definitions: Definitions) -> EngineBuilder {
        let options = Options {
            durability: Durability::default(),
            memory: 512 << 20,
            checkpoint_bytes: 256 << 20,
            accept_lost_tail: false,
            recommenders: Vec::new(),
        };
        let (journals, lease) = (Vec::new(), Duration::minutes(1));
        EngineBuilder { definitions, lease, store: None, journals, partitions: None, options }
    }

    /// What was found in the store as the engine was opened.
    #[must_use]
    pub fn opened(&self) -> &Opened {
        &self.shared.opened
    }

    /// Makes what is known now the state from which the store is opened the next time, so that no input before has to be
    /// replayed. Others read and write meanwhile; it takes time by what changed since the last one.
    ///
    /// An engine takes one by itself from time to time; a host that wants that to cost its writers nothing calls this
    /// from a thread of its own. Without a store it does nothing.
    ///
    /// # Errors
    /// [`Error::Storage`]: the one before is still there, and nothing is lost.
    pub fn checkpoint(&self) -> Result<(), Error> {
        let shards = self.shards();
        shards.confirm_moves()?;
        shards.shards.iter().try_for_each(Shard::checkpoint)
    }

    /// Makes sure that all that was acknowledged so far outlives the machine, whatever the level. Without a store it does
    /// nothing.
    ///
    /// # Errors
    /// [`Error::Storage`]; it can be asked again.
    pub fn sync(&self) -> Result<(), Error> {
        self.shards().shards.iter().try_for_each(Shard::sync)
    }

    /// The inputs that the journal of a partition still has, from a sequence number on, up to the last that was taken in now:
    /// each with its number and the host's clock. Where there is one partition, it is number 0. With [`Partition::replay`] they can be given to a partition once more,
    /// under the same definitions or others.
    ///
    /// How long inputs stay is said by `journal` under `[retention]`; without it they go with the next checkpoint. The
    /// oldest that is there is in [`health`](Engine::health). Others write meanwhile, and nothing that is still to be read
    /// goes. Of a user who was erased there is nothing: the input says that it was one, and is counted.
    ///
    /// ```
    /// # use bespoke::{definitions::Definitions, engine::{Engine, Input}, model::{Instant, Message}, storage::MemoryDisk};
    /// # let definitions = Definitions::from_toml("version = 1\n[events.view]\n[retention]\njournal = '30d'")?;
    /// let engine = Engine::builder(definitions).disk(MemoryDisk::new()).open()?;
    /// let now = Instant::from_millis(0);
    /// engine.ingest(Message::track("ada", "view"), now)?;
    /// engine.ingest(Message::track("bob", "view"), now)?;
    /// engine.ingest(Message::forget("ada"), now)?;
    ///
    /// let mut users = Vec::new();
    /// let mut journal = engine.journal(0, 1)?;
    /// for entry in &mut journal {
    ///     if let Some(Input::Message(message)) = entry?.input.map(|input| input.input) {
    ///         users.extend(message.ids.user);
    ///     }
    /// }
    /// assert_eq!(users, ["bob".into()]);
    /// assert_eq!(journal.erased(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NoJournal`] without a store, or of a partition that is not there. [`Error::Storage`]: of kind
    /// [`Dropped`](crate::storage::ErrorKind::Dropped) where inputs were asked for that are not there any more, or it
    /// cannot be read. What is found amiss only on the way is an error in its place.
    pub fn journal(&self, partition: u16, from: u64) -> Result<JournalReader, Error> {
        let shard = self.shards().shards.get(usize::from(partition));
        let durable = shard.and_then(|shard| shard.durable.as_ref()).ok_or(Error::NoJournal)?;
        durable.recorded(from)
    }

    /// The state as bytes, in the canonical form of [`Partition::checkpoint`]. For tests and audits: brings everybody
    /// into memory.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn state(&self) -> Result<Vec<u8>, Error> {
        self.shards().state()
    }

    /// Takes a message in. See [`Partition::ingest`]. With a store it is written, as the level asks, before it is
    /// applied; threads that ingest at once share the write.
    ///
    /// # Errors
    /// A message that is not sound, lies too far in the future, would join two users, is about an erased user who is not
    /// to come back, or cannot be written. It changes nothing.
    pub fn ingest(&self, message: impl Borrow<Message>, now: Instant) -> Result<Outcome, Error> {
        self.shards().ingest(message.borrow(), now)
    }

    /// Takes messages in, in order, each with the same clock: all of them are written at once, and what is known of the
    /// users behind is fetched from memory while those before are looked at, so that among very many users each costs
    /// less than by a call of its own. The answers are in the same order; a message that is refused changes nothing, and
    /// those behind it are taken in all the same.
    ///
    /// ```
    /// # use bespoke::{definitions::Definitions, engine::Engine, model::{Instant, Message}};
    /// # let definitions = Definitions::from_toml("version = 1\n[events.view]\n[segments]\nkeen = 'count(view) >= 2'")?;
    /// let engine = Engine::builder(definitions).open()?;
    /// let now = Instant::from_millis(0);
    /// let answers = engine.ingest_all(&[Message::track("ada", "view"), Message::track("ada", "view")], now);
    /// assert_eq!(answers[1].as_ref().unwrap().changes[0].to_string(), "ada entered keen");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn ingest_all(&self, messages: &[Message], now: Instant) -> Vec<Result<Outcome, Error>> {
        self.shards().ingest_all(messages, now)
    }

    /// Moves the clock. See [`Partition::advance`].
    ///
    /// # Errors
    /// It cannot be written; then it changed nothing.
    pub fn advance(&self, now: Instant) -> Result<Outcome, Error> {
        self.shards().advance(now)
    }

    /// Moves the clock in pieces, so that others write and read between them. See [`Partition::advance_some`].
    ///
    /// ```
    /// # fn catch_up(engine: &bespoke::engine::Engine, now: bespoke::model::Instant) -> Result<(), bespoke::engine::Error> {
    /// while engine.advance_some(now, 1_000)?.more_due {}
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// It cannot be written; then it changed nothing.
    pub fn advance_some(&self, now: Instant, limit: usize) -> Result<Outcome, Error> {
        self.shards().advance_some(now, limit)
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
    /// let outcome = engine.redefine(&Definitions::from_toml(more)?, now)?;
    /// assert_eq!(outcome.changes[0].to_string(), "ada entered adult");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// It cannot be written; then it changed nothing.
    pub fn redefine(&self, definitions: &Definitions, now: Instant) -> Result<Outcome, Error> {
        self.shards().redefine(definitions, now)
    }

    /// The number of the latest input: what a host that feeds the engine from a log of its own goes on behind. With several
    /// partitions it is how many inputs all of them had; such a host gives its messages ids, and goes on some way before.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.shards().sum(Partition::sequence)
    }

    /// The number of the latest input of each partition.
    #[must_use]
    pub fn sequences(&self) -> Vec<u64> {
        self.shards().shards.iter().map(|shard| shard.read(Partition::sequence)).collect()
    }

    /// The latest `now` that was given.
    #[must_use]
    pub fn clock(&self) -> Instant {
        self.shards().clock()
    }

    /// How long the host may sleep. See [`Partition::next_due`].
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.shards().next_due()
    }

    /// A copy of what is known of a user.
    ///
    /// # Errors
    /// [`Error::Storage`]: the user is not in memory, and cannot be read.
    pub fn profile(&self, user: &str) -> Result<Option<UserProfile>, Error> {
        self.read_user(user, |partition| partition.profile(user))
    }

    /// How many bytes the users take who are in memory, as they count against [`EngineBuilder::memory`]; 0 without a
    /// store.
    #[must_use]
    pub fn memory_used(&self) -> usize {
        self.shards().sum(|partition| partition.shelf.as_ref().map_or(0, |shelf| shelf.bytes()))
    }

    /// How many users there are.
    #[must_use]
    pub fn user_count(&self) -> usize {
        self.shards().sum(Partition::user_count)
    }

    /// The segments that a user is in, each with the instant since which.
    ///
    /// # Errors
    /// [`Error::Storage`]: the user is not in memory, and cannot be read.
    pub fn segments(&self, user: &str) -> Result<BTreeMap<Arc<str>, Instant>, Error> {
        self.read_user(user, |partition| partition.segments(user))
    }

    /// Whether a user is in a segment; false where either is unknown. Never reads the disk.
    #[must_use]
    pub fn is_member(&self, user: &str, segment: &str) -> bool {
        self.shards().is_member(user, segment)
    }

    /// Entries, exits and size of every segment, in order of definition.
    #[must_use]
    pub fn segment_stats(&self) -> Vec<(String, SegmentStats)> {
        self.shards().segment_stats()
    }

    /// What an operator should look at. See [`Partition::health`].
    #[must_use]
    pub fn health(&self) -> Health {
        self.shards().health()
    }

    /// What to show a user at a placement. See [`Partition::decide`].
    ///
    /// # Errors
    /// A placement that is not defined, or a user who cannot be read.
    pub fn decide(
        &self,
        user: &str,
        placement: &str,
        request: &Object,
        now: Instant,
    ) -> Result<Decision, Error> {
        self.read_user(user, |partition| partition.decide(user, placement, request, now))?
    }

    /// Items for a user, best first. See [`Partition::recommend`]. Of several partitions each says what its models know of what
    /// the user did last, so that it costs as much in each of them.
    ///
    /// # Errors
    /// A query about items of which none is known, or one that passes a limit, or a user who cannot be read.
    pub fn recommend(&self, user: &str, query: &Query, now: Instant) -> Result<Vec<Recommended>, Error> {
        self.shards().recommend(user, query, now)
    }

    /// Hands out at most `limit` actions, leased for the time that the builder was given. Where there are none it is no
    /// input, and is not written.
    ///
    /// # Errors
    /// It cannot be written; then it changed nothing.
    pub fn outbox(&self, limit: usize, now: Instant) -> Result<Vec<Action>, Error> {
        self.shards().outbox(limit, self.lease, now)
    }

    /// Reports what became of an action. See [`Partition::acknowledge`].
    ///
    /// # Errors
    /// It cannot be written; then it changed nothing.
    pub fn acknowledge(
        &self,
        action: &str,
        delivery: Delivery,
        now: Instant,
    ) -> Result<Acknowledgement, Error> {
        self.shards().acknowledge(action, delivery, now)
    }

    /// Reports that a user saw a variant of a placement, or clicked on it. See [`Partition::feedback`].
    ///
    /// # Errors
    /// A placement, variant or user that is not known, or it cannot be written. It changes nothing.
    pub fn feedback(
        &self,
        user: &str,
        placement: &str,
        variant: &str,
        feedback: Feedback,
        now: Instant,
    ) -> Result<Outcome, Error> {
        self.shards().submit_of_user(user, now, || {
            let (user, placement, variant) = (user.into(), placement.into(), variant.into());
            Input::Feedback { user, placement, variant, feedback }
        })
    }

    /// Begins a journey for a user that is entered by `call`. See [`Partition::call`].
    ///
    /// # Errors
    /// A journey or user that is not known, properties that no message could have, or it cannot be written. It changes
    /// nothing.
    pub fn call(
        &self,
        user: &str,
        journey: &str,
        properties: Object,
        now: Instant,
    ) -> Result<Outcome, Error> {
        let input =
            || Input::Call { user: user.into(), journey: journey.into(), properties: properties.clone() };
        self.shards().submit_of_user(user, now, input)
    }

    /// Sets what a model says of a user. See [`Partition::set_prediction`].
    ///
    /// # Errors
    /// A name that no expression reads, a number that is not finite, an unknown user, or it cannot be written. It changes
    /// nothing.
    pub fn set_prediction(
        &self,
        user: &str,
        name: &str,
        value: Option<f64>,
        now: Instant,
    ) -> Result<Outcome, Error> {
        let input = || Input::Prediction { user: user.into(), name: name.into(), value };
        self.shards().submit_of_user(user, now, input)
    }

    /// Sets a fact for everyone. See [`Partition::set_world`].
    ///
    /// # Errors
    /// A name that is not declared, a value of another kind, or it cannot be written. It changes nothing.
    pub fn set_world(&self, name: &str, value: impl Into<Value>, now: Instant) -> Result<Outcome, Error> {
        self.shards().set_world(now, &Input::World { name: name.into(), value: value.into() })
    }

    /// How often each journey did what, by journey and reason.
    #[must_use]
    pub fn journey_counts(&self) -> BTreeMap<(String, String), u64> {
        self.shards().journey_counts()
    }

    /// All receipts of erasures, in order. See [`Receipt`].
    #[must_use]
    pub fn receipts(&self) -> Vec<Receipt> {
        self.shards().receipts(|partition| partition.receipts().into_iter().cloned().collect())
    }

    /// The receipt of that id.
    #[must_use]
    pub fn receipt(&self, id: &str) -> Option<Receipt> {
        self.shards().shards.iter().find_map(|shard| shard.read(|partition| partition.receipt(id).cloned()))
    }

    /// The receipts of whoever had an id, as a user or as a device, in order.
    #[must_use]
    pub fn receipts_of(&self, id: &str) -> Vec<Receipt> {
        self.shards().receipts(|partition| partition.receipts_of(id).into_iter().cloned().collect())
    }

    /// The salted hash under which a user id stands in receipts and in the audit log. See [`Partition::hash_of`].
    #[must_use]
    pub fn hash_of(&self, user_id: &str) -> String {
        self.read(|partition| partition.hash_of(user_id))
    }

    /// How many messages were refused because their user was erased and is not to come back. See
    /// [`Partition::suppressed`].
    #[must_use]
    pub fn suppressed(&self) -> u64 {
        self.shards().sum(Partition::suppressed)
    }

    /// How many events were not kept, by why. See [`Partition::refused`].
    #[must_use]
    pub fn refused(&self) -> Vec<(Refusal, u64)> {
        self.shards().refused()
    }

    /// How full the outbox is, and how often the host said something of an action in vain.
    #[must_use]
    pub fn outbox_stats(&self) -> OutboxStats {
        self.shards().outbox_stats()
    }
}
