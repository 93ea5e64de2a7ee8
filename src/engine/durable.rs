//! The way of an input into a store: sealed, written, applied, answered, for many at a time.

use crate::engine::ahead::look_ahead;
use crate::engine::group::{Group, Work};
use crate::engine::input::{Input, TimedInput, write_message};
use crate::engine::kept::{JournalSize, Kept, Readers};
use crate::engine::residence::{bring, text_of};
use crate::engine::unit::{Unit, context};
use crate::engine::versions::{Redefinition, Versions};
use crate::engine::{Acknowledgement, Error, Outcome, Partition, StoreHealth};
use crate::journey::Action;
use crate::model::{Instant, Message, Record};
use crate::profile::{IdKind, UserKey, Whose};
use crate::storage::{self, Disk, DiskLock, Heap, Journal, Level, Slot, Vault};
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use parking_lot::{Mutex, RwLock};
use smallvec::{SmallVec, smallvec};
use std::borrow::Cow;
use std::sync::Arc;

/// Users who are due and in the store that are read ahead of a group of inputs.
const DUE_AT_ONCE: usize = 4_096;

/// When an input counts as taken.
///
/// ```
/// # fn open(definitions: bespoke::definitions::Definitions) -> Result<(), bespoke::engine::Error> {
/// use bespoke::engine::{Durability, Engine};
/// let engine = Engine::builder(definitions).store("data/").durability(Durability::Synced).open()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Durability {
    /// At once. It is written within the next 256 KiB of inputs, with a checkpoint, or as the engine is dropped: what
    /// was not is gone with the process.
    Memory,
    /// Once it is written to the journal: it survives the process, however that ends.
    #[default]
    Written,
    /// Once the journal is on the disk: it survives the machine. Threads that wait share one sync.
    Synced,
}

/// Sealed inputs that are kept in memory at most, at level [`Durability::Memory`].
const HELD_BYTES_MAX: usize = 256 * 1024;
/// Bytes of inputs that are written at once.
const GROUP_BYTES_MAX: usize = 1024 * 1024;

/// An input, or work on a checkpoint.
#[derive(Debug)]
pub(super) enum Job<'a> {
    /// Messages, each with the host's clock; answered in order.
    Messages(Cow<'a, [Message]>, Instant),
    /// The same of messages that are not side by side, up to the first one whose ids are not all in this partition.
    Picked(Vec<Cow<'a, Message>>, Instant),
    Input(Box<TimedInput>),
    Redefine(Box<Redefinition>, Instant),
    /// Goes on with the checkpoint that is being taken, or begins one.
    Checkpoint(Step),
}

/// A step of a checkpoint, or that what was written reaches the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Begin,
    Capture,
    /// Makes the root, which is to be saved before the end.
    Root,
    End,
    /// Removes a part of what is needed no more.
    Clean,
    Sync,
    /// Nothing: whoever has it done comes behind all who came before.
    Fence,
}

#[derive(Debug)]
pub(super) enum Answer {
    Messages(SmallVec<[Result<Outcome, Error>; 1]>),
    Outcome(Result<Outcome, Error>),
    Acknowledged(Acknowledgement),
    Actions(Vec<Action>),
    /// Whether nothing of that kind is left to do.
    Step(Result<bool, Error>),
}

impl Job<'_> {
    fn into_owned(self) -> Job<'static> {
        match self {
            Job::Messages(messages, now) => Job::Messages(Cow::Owned(messages.into_owned()), now),
            Job::Picked(messages, now) => {
                let own = |message: Cow<'_, Message>| Cow::Owned(message.into_owned());
                Job::Picked(messages.into_iter().map(own).collect(), now)
            }
            Job::Input(input) => Job::Input(input),
            Job::Redefine(definitions, now) => Job::Redefine(definitions, now),
            Job::Checkpoint(step) => Job::Checkpoint(step),
        }
    }

    /// One that lives longer is one that lives as long as those beside it.
    fn lent<'j, 'a>(job: &'j Job<'static>) -> &'j Job<'a> {
        job
    }
}

/// What the threads of an engine share beside its partition: the journal, and whose turn it is to write.
#[derive(Debug)]
pub(super) struct Durable {
    jobs: Group<Job<'static>, Answer>,
    /// Locked by whoever leads.
    pub(super) writer: Mutex<Writer>,
    journal_size: Arc<JournalSize>,
    disk: Arc<dyn Disk>,
    heap: Arc<Heap>,
    pub(super) vault: Arc<Vault>,
}

/// What leads to the disk.
#[derive(Debug)]
pub(super) struct Writer {
    /// Keeps other engines out.
    pub(super) _lock: Box<dyn DiskLock>,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) journal: Box<dyn Journal>,
    /// Inputs before it are still in it, and need not be.
    pub(super) may_go: Option<u64>,
    /// Number of the next input in it.
    pub(super) next: u64,
    pub(super) journal_size: Arc<JournalSize>,
    pub(super) kept: Kept,
    pub(super) readers: Readers,
    pub(super) heap: Arc<Heap>,
    pub(super) vault: Arc<Vault>,
    pub(super) durability: Durability,
    /// Bytes of inputs after which a checkpoint begins by itself.
    pub(super) checkpoint_bytes: u64,
    pub(super) sealing: Sealing,
    /// Whether the last checkpoint that was to end is on the disk.
    pub(super) ended_well: bool,
    /// Whether the one that is being taken is a thread's own work, so that others need not share in it.
    pub(super) is_taken_apart: bool,
    /// Whether one is to begin soon because files of the heap are mostly dead.
    pub(super) is_compaction_due: bool,
    /// Bytes of inputs since the last checkpoint began.
    pub(super) written_bytes: u64,
}

/// A group of sealed inputs that is being made.
#[derive(Debug, Default)]
pub(super) struct Sealing {
    payload: Vec<u8>,
    count: u32,
    /// Keys of users whom the group itself brings.
    fresh: HashMap<(IdKind, Box<str>), Slot, ahash::RandomState>,
    /// How much of it is applied already, and only held back.
    held: (usize, u32),
    /// Whom time changes until then is in memory.
    brought: Option<Instant>,
    plain: Vec<u8>,
    sealed: Vec<u8>,
}

/// An input that was written, and is to be applied.
struct Written<'a> {
    unit: Unit<'a>,
    slot: Slot,
    /// Job, and message of it.
    of: (usize, usize),
}

impl Durable {
    pub(super) fn new(writer: Writer) -> Durable {
        let work = if writer.durability == Durability::Synced { Work::Slow } else { Work::Brief };
        let (disk, heap, vault) = (writer.disk.clone(), writer.heap.clone(), writer.vault.clone());
        let journal_size = writer.journal_size.clone();
        Durable { jobs: Group::new(work), writer: Mutex::new(writer), journal_size, disk, heap, vault }
    }

    /// Has a job done.
    pub(super) fn submit(&self, partition: &RwLock<Partition>, job: Job<'_>) -> Answer {
        self.jobs.submit(job, Job::into_owned, Job::lent, |jobs| self.writer.lock().work(partition, jobs))
    }

    /// Writes what is held back, and removes what is needed no more.
    pub(super) fn close(&self) -> Result<(), storage::Error> {
        let mut writer = self.writer.lock();
        writer.flush()?;
        while !writer.clean_some()? {}
        Ok(())
    }

    /// Adds what the journal takes. Never waits for whoever writes to it.
    pub(super) fn note_health(&self, health: &mut StoreHealth) {
        let (first, bytes) = self.journal_size.get();
        (health.journal, health.journal_from) = (bytes, first + 1);
    }

    /// Makes sure of all that was acknowledged.
    pub(super) fn sync(&self, partition: &RwLock<Partition>) -> Result<(), Error> {
        match self.submit(partition, Job::Checkpoint(Step::Sync)) {
            Answer::Step(done) => done.map(drop),
            _ => unreachable!("a step is answered as one"),
        }
    }

    /// Takes a checkpoint step by step, so that others write between the steps.
    pub(super) fn checkpoint(&self, partition: &RwLock<Partition>) -> Result<(), Error> {
        let step = |step| match self.submit(partition, Job::Checkpoint(step)) {
            Answer::Step(done) => done,
            _ => unreachable!("a step is answered as one"),
        };
        // One that was begun before may lack what came since.
        loop {
            // It reaches the disk between the steps, while others write. Where it does not, a step says so.
            let _ = self.vault.sync();
            let is_begun = step(Step::Begin)?;
            while !step(Step::Capture)? {}
            let _ = self.heap.sync();
            step(Step::Root)?;
            let ending = partition.read().ending();
            if let Some(ending) = ending {
                let _ = ending.save(&*self.disk, &self.vault);
            }
            let is_ended = step(Step::End)?;
            self.heap.clean()?;
            while !step(Step::Clean)? {}
            if is_ended && is_begun {
                return Ok(());
            }
        }
    }
}

impl Writer {
    /// Does jobs in order, in groups as large as can be.
    fn work(&mut self, partition: &RwLock<Partition>, jobs: &[&Job<'_>]) -> Vec<Answer> {
        let mut answers: Vec<Answer> = Vec::with_capacity(jobs.len());
        let mut group: SmallVec<[Written<'_>; 1]> = SmallVec::new();
        for (number, job) in jobs.iter().enumerate() {
            let mut add = |unit, place, answers: &mut Vec<Answer>| {
                let written = Written { unit, slot: Slot::STORE, of: (number, place) };
                self.add(partition, written, &mut group, answers);
            };
            match job {
                Job::Messages(messages, now) => {
                    answers.push(Answer::Messages(smallvec![Ok(Outcome::default()); messages.len()]));
                    for (place, message) in messages.iter().enumerate() {
                        look_ahead(partition, messages, place);
                        add(Unit::Message(message, *now), place, &mut answers);
                    }
                }
                Job::Picked(messages, now) => {
                    answers.push(Answer::Messages(smallvec![Ok(Outcome::default()); messages.len()]));
                    let mut is_apart = false;
                    for (place, message) in messages.iter().enumerate() {
                        look_ahead(partition, messages, place);
                        if is_apart {
                            answer(&mut answers, (number, place), Err(Error::Apart));
                        } else {
                            add(Unit::Message(message, *now), place, &mut answers);
                            is_apart = is_apart_at(&answers, (number, place));
                        }
                    }
                }
                Job::Input(input) => {
                    answers.push(Answer::Outcome(Ok(Outcome::default())));
                    add(Unit::Input(input), 0, &mut answers);
                }
                Job::Redefine(definitions, now) => {
                    answers.push(Answer::Outcome(Ok(Outcome::default())));
                    add(Unit::Redefine(definitions, *now), 0, &mut answers);
                }
                Job::Checkpoint(step) => {
                    self.commit(partition, &mut group, &mut answers);
                    answers.push(Answer::Step(self.step(partition, *step)));
                }
            }
        }
        self.commit(partition, &mut group, &mut answers);
        answers
    }

    /// Takes an input into the group, or refuses it. The group is written and applied first where the input has to see
    /// what that did.
    fn add<'a>(
        &mut self,
        partition: &RwLock<Partition>,
        mut written: Written<'a>,
        group: &mut SmallVec<[Written<'a>; 1]>,
        answers: &mut [Answer],
    ) {
        let is_alone = matches!(written.unit, Unit::Redefine(..)) || written.unit.joins(&partition.read());
        if is_alone || self.sealing.payload.len() >= GROUP_BYTES_MAX {
            self.commit(partition, group, answers);
        }
        match self.prepare(partition, written.unit) {
            Ok(slot) => {
                written.slot = slot;
                group.push(written);
            }
            Err(error) => {
                answer(answers, written.of, Err(error));
                // Whoever was brought to find that out need not stay; those of the group have to.
                if group.is_empty() {
                    partition.write().trim();
                }
            }
        }
        if is_alone {
            self.commit(partition, group, answers);
        }
    }

    /// Checks an input, sees to it that whom it is about is in memory, and seals it into the group. Gives the key under
    /// which it is sealed.
    fn prepare(&mut self, partition: &RwLock<Partition>, unit: Unit<'_>) -> Result<Slot, Error> {
        self.bring_others(partition, unit)?;
        let held = loop {
            let held = partition.read();
            if let Some(error) = held.failure() {
                return Err(error.clone().into());
            }
            let away: SmallVec<[UserKey; 3]> =
                unit.users(&held).into_iter().filter(|user| held.away(*user).is_some()).collect();
            if away.is_empty() {
                break held;
            }
            drop(held);
            for user in away {
                bring(partition, user)?;
            }
        };
        let slot = match unit.check(&held)? {
            // The id of whoever is to be forgotten, and was not known, is in the input alone.
            Whose::Nobody if unit.forgets() => self.fresh_slot(unit)?,
            Whose::Nobody => Slot::STORE,
            Whose::Known(user) => match held.slot(user) {
                // Whoever came out of a split with others has no key yet.
                Slot::STORE => self.fresh_slot(unit)?,
                slot => slot,
            },
            Whose::New => self.fresh_slot(unit)?,
        };
        drop(held);
        let Sealing { plain, sealed, payload, count, .. } = &mut self.sealing;
        plain.clear();
        match unit {
            Unit::Message(message, now) => {
                let message = partition.read().minimise(message);
                write_message(&message, now, plain);
            }
            Unit::Input(input) => input.write(plain),
            Unit::Redefine(Redefinition { definitions, pinned }, now) => {
                let (file, text) = text_of(definitions);
                let versions = pinned.as_deref().map(Versions::of).map(Box::new);
                TimedInput { now, input: Input::Redefine { file, text, versions } }.write(plain);
            }
        }
        sealed.clear();
        let number = self.next + u64::from(*count);
        self.vault.seal(slot, &context(number), plain, sealed)?;
        slot.write(payload);
        sealed.len().write(payload);
        payload.extend_from_slice(sealed);
        *count += 1;
        Ok(slot)
    }

    /// Brings those whom an input changes without being about them, and those whom time changes before it, so that nobody
    /// waits for the disk while they are looked at: once it is written, it is too late to find that somebody cannot be read.
    /// Only where too many are due the last of them are met then.
    fn bring_others(&mut self, partition: &RwLock<Partition>, unit: Unit<'_>) -> Result<(), storage::Error> {
        let others = unit.others(&partition.read());
        others.into_iter().try_for_each(|user| bring(partition, user))?;
        let now = unit.now().max(partition.read().clock());
        let brought = &mut self.sealing.brought;
        if brought.is_some_and(|brought| brought >= now)
            || partition.read().next_due().is_none_or(|due| due > now)
        {
            return Ok(());
        }
        let due = partition.write().due_away(now, DUE_AT_ONCE);
        due.into_iter().try_for_each(|user| bring(partition, user))?;
        *brought = Some(now);
        Ok(())
    }

    /// The key of a user whom nobody has seen before this group.
    fn fresh_slot(&mut self, unit: Unit<'_>) -> Result<Slot, storage::Error> {
        let message = match unit {
            Unit::Message(message, _) => message,
            Unit::Input(TimedInput { input: Input::Arrive(_), .. }) => return self.vault.fresh(),
            Unit::Input(_) | Unit::Redefine(..) => return Ok(Slot::STORE),
        };
        let id = match (&message.ids.user, &message.ids.anonymous) {
            (Some(user), _) => (IdKind::User, user.clone()),
            (None, device) => (IdKind::Anonymous, device.clone().unwrap_or_default()),
        };
        match self.sealing.fresh.entry(id) {
            Entry::Occupied(known) => Ok(*known.get()),
            Entry::Vacant(new) => Ok(*new.insert(self.vault.fresh()?)),
        }
    }

    /// Writes the group, applies it, and answers. Where it cannot be written nothing of it is applied.
    fn commit(
        &mut self,
        partition: &RwLock<Partition>,
        group: &mut SmallVec<[Written<'_>; 1]>,
        answers: &mut [Answer],
    ) {
        if group.is_empty() {
            return;
        }
        self.note_kept(partition, group);
        if let Err(error) = self.write() {
            group.drain(..).for_each(|written| answer(answers, written.of, Err(error.clone().into())));
            return;
        }
        let mut held = partition.write();
        for written in group.iter() {
            written.unit.apply(&mut held, written.slot, written.of, answers);
        }
        if let Some(error) = held.failure().cloned() {
            group.iter().for_each(|written| answer(answers, written.of, Err(error.clone().into())));
        }
        held.trim();
        // Also where nobody was there to be forgotten: the journal has the id, sealed for the store itself. Keys of users
        // who go otherwise go with a checkpoint that is taken step by step.
        let forgets = group.iter().any(|written| written.unit.forgets());
        drop(held);
        let kept = if forgets { self.checkpoint_at_once(partition) } else { self.go_on(partition) };
        if let (true, Err(Error::Storage(error))) = (forgets, kept) {
            let error =
                error.but("the user is forgotten; what was written about it goes with the next checkpoint");
            group.iter().for_each(|written| answer(answers, written.of, Err(error.clone().into())));
        }
        group.clear();
    }

    /// Notes when inputs come, where they are kept for a time, and has those apart that go at another time.
    fn note_kept(&mut self, partition: &RwLock<Partition>, group: &[Written<'_>]) {
        let (age, clock) = {
            let held = partition.read();
            (held.settings.journal_max, held.clock())
        };
        let first = self.next + u64::from(self.sealing.count) - group.len() as u64;
        let now = group.iter().map(|written| written.unit.now()).fold(clock, Instant::max);
        if self.kept.note(age, first, clock, now) {
            // Groups that are sure to be there need keys that are. Where it fails, the group will say so, or more than
            // need be stays together.
            let _ = self.vault.sync().and_then(|()| self.journal.divide());
        }
    }

    /// Writes what was sealed, as the level asks.
    fn write(&mut self) -> Result<(), storage::Error> {
        let Sealing { payload, count, held, fresh, brought, .. } = &mut self.sealing;
        fresh.clear();
        *brought = None;
        if self.durability == Durability::Memory && payload.len() < HELD_BYTES_MAX {
            *held = (payload.len(), *count);
            return Ok(());
        }
        self.flush()
    }

    /// Writes what was sealed. Where that fails, what is applied already is held back for the next time, and the rest is
    /// as if it had never come.
    pub(super) fn flush(&mut self) -> Result<(), storage::Error> {
        if self.sealing.count == 0 {
            return Ok(());
        }
        let level = if self.durability == Durability::Synced { Level::Synced } else { Level::Written };
        let Sealing { payload, count, held, .. } = &mut self.sealing;
        let written = (|| {
            // A key is there before anything that is sealed with it.
            self.vault.save()?;
            if level == Level::Synced || self.journal.syncs_by_itself() {
                self.vault.sync()?;
            }
            self.journal.append(self.next, *count, payload, level)
        })();
        if written.is_ok() {
            self.next += u64::from(*count);
            self.written_bytes += payload.len() as u64;
            self.journal_size.add(payload.len() as u64);
            *held = (0, 0);
        }
        payload.truncate(held.0);
        *count = held.1;
        written
    }
}

/// Whether a message was refused because its ids are not all in this partition.
fn is_apart_at(answers: &[Answer], (job, place): (usize, usize)) -> bool {
    matches!(&answers[job], Answer::Messages(outcomes) if matches!(outcomes.get(place), Some(Err(Error::Apart))))
}

/// Puts an answer where it belongs; a later one takes the place of one that is there.
pub(super) fn answer(answers: &mut [Answer], (job, place): (usize, usize), outcome: Result<Outcome, Error>) {
    match &mut answers[job] {
        Answer::Messages(outcomes) => outcomes[place] = outcome,
        other => *other = Answer::Outcome(outcome),
    }
}
