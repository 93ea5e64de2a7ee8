use crate::decision::{Decision, Feedback};
use crate::definitions::Definitions;
use crate::engine::durable::{Answer, Durability, Durable, Job};
use crate::engine::input::{Input, TimedInput};
use crate::engine::open::{Opened, Options, open};
use crate::engine::redefine::Successor;
use crate::engine::residence::bring;
use crate::engine::survey::Surveyor;
use crate::engine::{Acknowledgement, Error, Health, Outcome, Partition, Receipt, Recommended, Refusal};
use crate::journey::{Action, Delivery, OutboxStats};
use crate::model::{Duration, Instant, Message, Object, Value};
use crate::profile::UserProfile;
use crate::recommend::Query;
use crate::segment::{Expression, SegmentStats};
use crate::storage::{Disk, FolderDisk, Slot};
use parking_lot::RwLock;
use smallvec::SmallVec;
use std::borrow::{Borrow, Cow};
use std::collections::BTreeMap;
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
    partition: RwLock<Partition>,
    /// Nothing where all is in memory.
    durable: Option<Durable>,
    opened: Opened,
}

/// Options of an [`Engine`].
#[derive(Debug)]
#[must_use]
pub struct EngineBuilder {
    definitions: Definitions,
    lease: Duration,
    store: Option<Store>,
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

    /// When an input counts as taken; [`Durability::Written`] unless set. Without a store it says nothing.
    pub fn durability(mut self, durability: Durability) -> EngineBuilder {
        self.options.durability = durability;
        self
    }

    /// How many bytes of users are in memory at most, 512 MiB unless set; those who were not used for longest are only
    /// in the store. Of each user some 200 bytes stay, which are not counted, and neither are models and definitions.
    /// Nothing but time depends on it. Without a store everybody is in memory.
    pub fn memory(mut self, bytes: usize) -> EngineBuilder {
        self.options.memory = bytes;
        self
    }

    /// After how many bytes of inputs a checkpoint begins by itself; 256 MiB unless set. It bounds what is replayed when
    /// the store is opened.
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

    /// The engine. A store that was opened before under other definitions goes on under these: what that changes is in
    /// [`Engine::opened`].
    ///
    /// Takes time by the inputs since the last checkpoint and, a little, by the number of users; where definitions are
    /// other ones, by what is known of all users.
    ///
    /// # Errors
    /// [`Error::Storage`]: a folder that cannot be used, that another engine has open, or in which something is not as it
    /// was written.
    pub fn open(self) -> Result<Engine, Error> {
        let EngineBuilder { definitions, lease, store, options } = self;
        let disk: Arc<dyn Disk> = match store {
            None => {
                let partition = RwLock::new(Partition::new(&definitions));
                let shared = Shared { partition, durable: None, opened: Opened::default() };
                return Ok(Engine { shared: Arc::new(shared), lease });
            }
            Some(Store::Folder(folder)) => Arc::new(FolderDisk::new(folder)?),
            Some(Store::Disk(disk)) => disk,
        };
        let (partition, durable, opened) = open(&definitions, disk, options)?;
        let partition = RwLock::new(partition);
        let is_new = !opened.was_there;
        let shared = Arc::new(Shared { partition, durable: Some(durable), opened });
        let engine = Engine { shared, lease };
        if is_new {
            engine.checkpoint()?;
        }
        if engine.read(Partition::erases) {
            // A user was being forgotten as the store was stopped. If it fails it is tried again with the next input.
            let _ = engine.checkpoint();
        }
        let is_other = {
            let partition = engine.shared.partition.read();
            partition.shelf.as_ref().is_some_and(|shelf| *shelf.definitions.1 != *definitions.text())
        };
        if !is_other {
            return Ok(engine);
        }
        let clock = engine.shared.partition.read().clock();
        let outcome = engine.redefine(&definitions, clock)?;
        let Engine { shared, lease } = engine;
        let mut shared = Arc::into_inner(shared).expect("nobody else has it yet");
        shared.opened.redefined = Some(outcome);
        Ok(Engine { shared: Arc::new(shared), lease })
    }
}

impl Engine {
    /// Looks at the partition beside other readers.
    pub(super) fn read<T>(&self, look: impl FnOnce(&Partition) -> T) -> T {
        look(&self.shared.partition.read())
    }

    /// Looks at a user, who is brought into memory first where need be. Nobody else waits for the disk then.
    pub(super) fn read_user<T>(&self, id: &str, look: impl Fn(&Partition) -> T) -> Result<T, Error> {
        let partition = &self.shared.partition;
        loop {
            let held = partition.read();
            let user = held.store.find(id);
            match user.filter(|user| held.away(*user).is_some()) {
                None => return Ok(look(&held)),
                Some(user) => {
                    drop(held);
                    bring(partition, user)?;
                    let mut held = partition.write();
                    // Somebody may have needed the room already.
                    if held.away(user).is_none() {
                        let answer = look(&held);
                        held.trim();
                        return Ok(answer);
                    }
                }
            }
        }
    }

    /// Looks at a page of users, who are brought into memory first where need be, as long as others may write.
    pub(super) fn read_page(
        &self,
        surveyor: &mut Surveyor,
        expression: &Expression,
        now: Instant,
    ) -> Result<(), Error> {
        let partition = &self.shared.partition;
        if self.shared.durable.is_none() {
            return surveyor.page(&partition.read(), expression, now);
        }
        // Not in the head of the loop: the lock would be held as long as it runs.
        let users = surveyor.users(&partition.read());
        users.into_iter().try_for_each(|user| bring(partition, user))?;
        let mut held = partition.write();
        // Somebody may have needed the room already.
        surveyor.users(&held).into_iter().try_for_each(|user| held.load(user))?;
        let looked = surveyor.page(&held, expression, now);
        held.trim();
        looked
    }

    /// Has an input written, as the level asks, and applied.
    fn submit(&self, now: Instant, input: Input) -> Result<Answer, Error> {
        let input = TimedInput { now, input };
        let partition = &self.shared.partition;
        let answer = match &self.shared.durable {
            None => {
                let mut held = partition.write();
                held.check_input(&input)?;
                held.take_input(&input, Slot::STORE)
            }
            Some(durable) => durable.submit(partition, Job::Input(Box::new(input))),
        };
        match answer {
            Answer::Outcome(Err(error)) => Err(error),
            answer => Ok(answer),
        }
    }

    /// The same for an input whose answer is an outcome.
    fn outcome(&self, now: Instant, input: Input) -> Result<Outcome, Error> {
        match self.submit(now, input)? {
            Answer::Outcome(outcome) => outcome,
            _ => unreachable!("every input has an answer of its own kind"),
        }
    }

    /// Begins an engine under definitions.
    pub fn builder(definitions: Definitions) -> EngineBuilder {
        let options = Options {
            durability: Durability::default(),
            memory: 512 << 20,
            checkpoint_bytes: 256 << 20,
            accept_lost_tail: false,
        };
        EngineBuilder { definitions, lease: Duration::minutes(1), store: None, options }
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
        match &self.shared.durable {
            Some(durable) => durable.checkpoint(&self.shared.partition),
            None => Ok(()),
        }
    }

    /// Makes sure that all that was acknowledged so far outlives the machine, whatever the level. Without a store it does
    /// nothing.
    ///
    /// # Errors
    /// [`Error::Storage`]; it can be asked again.
    pub fn sync(&self) -> Result<(), Error> {
        match &self.shared.durable {
            Some(durable) => durable.sync(&self.shared.partition),
            None => Ok(()),
        }
    }

    /// The state as bytes, in the canonical form of [`Partition::checkpoint`]. For tests and audits: brings everybody
    /// into memory.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn state(&self) -> Result<Vec<u8>, Error> {
        let mut held = self.shared.partition.write();
        held.bring_everybody()?;
        let state = held.checkpoint().expect("state is numbers and texts");
        held.trim();
        Ok(state)
    }

    /// Takes a message in. See [`Partition::ingest`]. With a store it is written, as the level asks, before it is
    /// applied; threads that ingest at once share the write.
    ///
    /// # Errors
    /// A message that is not sound, lies too far in the future, would join two users, is about an erased user who is not
    /// to come back, or cannot be written. It changes nothing.
    pub fn ingest(&self, message: impl Borrow<Message>, now: Instant) -> Result<Outcome, Error> {
        let message = message.borrow();
        match &self.shared.durable {
            None => self.shared.partition.write().ingest(message, now),
            Some(_) => self.ingest_written(std::slice::from_ref(message), now).pop().expect("one of one"),
        }
    }

    /// Takes messages in, in order, each with the same clock: all of them are written at once. The answers are in the
    /// same order; a message that is refused changes nothing, and those behind it are taken in all the same.
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
        match &self.shared.durable {
            None => {
                messages.iter().map(|message| self.shared.partition.write().ingest(message, now)).collect()
            }
            Some(_) => self.ingest_written(messages, now).into_vec(),
        }
    }

    fn ingest_written(&self, messages: &[Message], now: Instant) -> SmallVec<[Result<Outcome, Error>; 1]> {
        let Some(durable) = &self.shared.durable else { return SmallVec::new() };
        match durable.submit(&self.shared.partition, Job::Messages(Cow::Borrowed(messages), now)) {
            Answer::Messages(answers) => answers,
            _ => unreachable!("every input has an answer of its own kind"),
        }
    }

    /// Moves the clock. See [`Partition::advance`].
    ///
    /// # Errors
    /// It cannot be written; then it changed nothing.
    pub fn advance(&self, now: Instant) -> Result<Outcome, Error> {
        self.outcome(now, Input::Advance)
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
        definitions.compiled().fingerprints();
        let before = self.read(|partition| partition.compiled.clone());
        before.fingerprints();
        let partition = &self.shared.partition;
        let Some(durable) = &self.shared.durable else {
            let successor = Successor::new(definitions, &mut partition.write());
            let ready = successor.relocate();
            return Ok(partition.write().put_into_force(ready, now));
        };
        match durable.submit(partition, Job::Redefine(Box::new(definitions.clone()), now)) {
            Answer::Outcome(outcome) => outcome,
            _ => unreachable!("every input has an answer of its own kind"),
        }
    }

    /// The number of the latest input: what a host that feeds the engine from a log of its own goes on behind.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.read(Partition::sequence)
    }

    /// The latest `now` that was given.
    #[must_use]
    pub fn clock(&self) -> Instant {
        self.read(Partition::clock)
    }

    /// How long the host may sleep. See [`Partition::next_due`].
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.read(Partition::next_due)
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
        self.read(|partition| partition.shelf.as_ref().map_or(0, |shelf| shelf.bytes()))
    }

    /// How many users there are.
    #[must_use]
    pub fn user_count(&self) -> usize {
        self.read(Partition::user_count)
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
        self.read(|partition| partition.is_member(user, segment))
    }

    /// Entries, exits and size of every segment, in order of definition.
    #[must_use]
    pub fn segment_stats(&self) -> Vec<(String, SegmentStats)> {
        self.read(|partition| {
            partition.segment_stats().map(|(name, stats)| (name.to_owned(), stats)).collect()
        })
    }

    /// What an operator should look at. See [`Partition::health`].
    #[must_use]
    pub fn health(&self) -> Health {
        self.read(Partition::health)
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

    /// Items for a user, best first. See [`Partition::recommend`].
    ///
    /// # Errors
    /// A query about items of which none is known, or one that passes a limit, or a user who cannot be read.
    pub fn recommend(&self, user: &str, query: &Query, now: Instant) -> Result<Vec<Recommended>, Error> {
        self.read_user(user, |partition| partition.recommend(user, query, now))?
    }

    /// Hands out at most `limit` actions, leased for the time that the builder was given. Where there are none it is no
    /// input, and is not written.
    ///
    /// # Errors
    /// It cannot be written; then it changed nothing.
    pub fn outbox(&self, limit: usize, now: Instant) -> Result<Vec<Action>, Error> {
        if !self.read(|partition| partition.journeys.has_ready(now.max(partition.clock()))) {
            return Ok(Vec::new());
        }
        match self.submit(now, Input::Outbox { limit, lease: self.lease })? {
            Answer::Actions(actions) => Ok(actions),
            _ => unreachable!("every input has an answer of its own kind"),
        }
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
        match self.submit(now, Input::Acknowledge { action: action.into(), delivery })? {
            Answer::Acknowledged(answer) => Ok(answer),
            _ => unreachable!("every input has an answer of its own kind"),
        }
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
        let (user, placement, variant) = (user.into(), placement.into(), variant.into());
        self.outcome(now, Input::Feedback { user, placement, variant, feedback })
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
        self.outcome(now, Input::Call { user: user.into(), journey: journey.into(), properties })
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
        self.outcome(now, Input::Prediction { user: user.into(), name: name.into(), value })
    }

    /// Sets a fact for everyone. See [`Partition::set_world`].
    ///
    /// # Errors
    /// A name that is not declared, a value of another kind, or it cannot be written. It changes nothing.
    pub fn set_world(&self, name: &str, value: impl Into<Value>, now: Instant) -> Result<Outcome, Error> {
        self.outcome(now, Input::World { name: name.into(), value: value.into() })
    }

    /// How often each journey did what, by journey and reason.
    #[must_use]
    pub fn journey_counts(&self) -> BTreeMap<(String, String), u64> {
        self.read(Partition::journey_counts)
    }

    /// All receipts of erasures, in order. See [`Receipt`].
    #[must_use]
    pub fn receipts(&self) -> Vec<Receipt> {
        self.read(|partition| partition.receipts().to_vec())
    }

    /// The receipt of that id.
    #[must_use]
    pub fn receipt(&self, id: &str) -> Option<Receipt> {
        self.read(|partition| partition.receipt(id).cloned())
    }

    /// The receipts of whoever had an id, as a user or as a device, in order.
    #[must_use]
    pub fn receipts_of(&self, id: &str) -> Vec<Receipt> {
        self.read(|partition| partition.receipts_of(id).into_iter().cloned().collect())
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
        self.read(Partition::suppressed)
    }

    /// How many events were not kept, by why. See [`Partition::refused`].
    #[must_use]
    pub fn refused(&self) -> Vec<(Refusal, u64)> {
        self.read(Partition::refused)
    }

    /// How full the outbox is, and how often the host said something of an action in vain.
    #[must_use]
    pub fn outbox_stats(&self) -> OutboxStats {
        self.read(Partition::outbox_stats)
    }
}

impl Drop for Shared {
    /// Writes what level [`Durability::Memory`] held back. Whoever wants to know whether that went well takes a
    /// checkpoint before.
    fn drop(&mut self) {
        if let Some(durable) = &self.durable {
            let _ = durable.close();
        }
    }
}
