//! The journal as a host reads it, and a partition that is given what is in it once more.

use crate::engine::durable::{Answer, Durable};
use crate::engine::input::TimedInput;
use crate::engine::kept::Reader;
use crate::engine::unit::{open_input, read_group};
use crate::engine::{Acknowledgement, Error, Outcome, Partition};
use crate::journey::Action;
use crate::storage::{self, Groups, Slot, Vault};
use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// An input as it was taken in.
///
/// See [`Engine::journal`](crate::engine::Engine::journal).
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Engine, model::{Instant, Message}, storage::MemoryDisk};
/// # let definitions = Definitions::from_toml("version = 1\n[events.view]\n[retention]\njournal = \"30d\"")?;
/// # let engine = Engine::builder(definitions).disk(MemoryDisk::new()).open()?;
/// # let now: Instant = "2026-11-23T10:00:00Z".parse()?;
/// let outcome = engine.ingest(Message::track("ada", "view"), now)?;
/// let entry = engine.journal(0, outcome.sequence)?.next().ok_or("it is not there any more")??;
/// assert_eq!(entry.sequence, outcome.sequence);
/// assert_eq!(entry.input.map(|input| input.now), Some(now));
///
/// engine.ingest(Message::forget("ada"), now)?;
/// let entry = engine.journal(0, outcome.sequence)?.next().ok_or("it is not there any more")??;
/// assert_eq!(entry.input, None); // its number stays
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct JournalEntry {
    /// Its number, as in [`Outcome::sequence`].
    pub sequence: u64,
    /// What it was and when; nothing where the user whom it was about was erased.
    pub input: Option<TimedInput>,
}

/// The inputs of a journal, in order, up to the last that was acknowledged when it was asked for.
///
/// See [`Engine::journal`](crate::engine::Engine::journal). What it still has to give stays in the journal, whatever
/// retention says, until it has given it or is dropped; who is erased meanwhile is erased here too, at once.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Engine, model::{Instant, Message}, storage::MemoryDisk};
/// # let definitions = Definitions::from_toml("version = 1\n[events.view]\n[retention]\njournal = \"30d\"")?;
/// # let engine = Engine::builder(definitions).disk(MemoryDisk::new()).open()?;
/// # let now = Instant::from_millis(0);
/// let mut copied = Vec::new();
/// for user in ["ada", "bob", "cyd"] {
///     engine.ingest(Message::track(user, "view"), now)?;
///     let next = copied.last().map_or(1, |last| last + 1); // goes on where the reader before ended
///     let entries = engine.journal(0, next)?.collect::<Result<Vec<_>, _>>()?;
///     copied.extend(entries.iter().map(|entry| entry.sequence));
/// }
/// assert_eq!(copied, [1, 2, 3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct JournalReader {
    groups: Groups,
    vault: Arc<Vault>,
    /// What errors call the journal.
    name: String,
    /// Numbers of what is still to be given.
    numbers: Range<u64>,
    /// What was read of the group that is being given, sealed.
    records: VecDeque<(Slot, Vec<u8>)>,
    erased: u64,
    place: Reader,
}

/// Shows how far it has come, and nothing of what it reads.
impl fmt::Debug for JournalReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("JournalReader");
        shown.field("numbers", &self.numbers).field("erased", &self.erased).finish_non_exhaustive()
    }
}

impl JournalReader {
    /// How many of the inputs that it gave are of users who were erased.
    #[must_use]
    pub fn erased(&self) -> u64 {
        self.erased
    }

    /// Reads the next group.
    fn next_group(&mut self) -> Result<(), storage::Error> {
        let Range { start, end } = self.numbers;
        let corrupt = |message: String| storage::Error::corrupt(&*self.name, 0, message);
        let Some(group) = self.groups.next().transpose()? else {
            return Err(corrupt(format!("inputs {} to {end} are missing", start + 1)));
        };
        if group.first > start {
            return Err(corrupt(format!("inputs {} to {} are missing", start + 1, group.first)));
        }
        self.place.move_to(start);
        self.records.clear();
        for record in read_group(&group.payload) {
            let (slot, sealed) =
                record.map_err(|error| corrupt(format!("in the group of input {}: {error}", start + 1)))?;
            self.records.push_back((slot, sealed.to_vec()));
        }
        if self.records.len() != group.count as usize {
            return Err(corrupt(format!("the group of input {} has not as many as it says", start + 1)));
        }
        let given = (start - group.first).min(group.count.into());
        drop(self.records.drain(..given as usize));
        Ok(())
    }
}

impl Iterator for JournalReader {
    type Item = Result<JournalEntry, Error>;

    /// An error about one input is in its place; behind one about the journal itself there is nothing.
    fn next(&mut self) -> Option<Result<JournalEntry, Error>> {
        while !self.numbers.is_empty() {
            let Some((slot, sealed)) = self.records.pop_front() else {
                if let Err(error) = self.next_group() {
                    self.numbers = 0..0;
                    return Some(Err(error.into()));
                }
                continue;
            };
            let number = self.numbers.next()?;
            let input = match open_input(&self.vault, number, slot, &sealed) {
                Ok(input) => input,
                Err(error) => return Some(Err(error.into())),
            };
            self.erased += u64::from(input.is_none());
            return Some(Ok(JournalEntry { sequence: number + 1, input }));
        }
        None
    }
}

impl Durable {
    /// The inputs from one on that are in the journal now. Waits until nobody writes.
    pub(super) fn recorded(&self, from: u64) -> Result<JournalReader, Error> {
        let mut writer = self.writer.lock();
        writer.flush()?;
        let first = from.saturating_sub(1);
        let numbers = first.min(writer.next)..writer.next;
        let groups = writer.journal.read(numbers.start)?;
        Ok(JournalReader {
            groups,
            vault: writer.vault.clone(),
            name: writer.journal.name(),
            place: writer.readers.begin(numbers.start),
            numbers,
            records: VecDeque::new(),
            erased: 0,
        })
    }
}

/// What an input of a journal brought about in a partition that it was given to once more.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::{Input, Partition, Replayed, TimedInput}};
/// # use bespoke::model::{Duration, Instant, Message};
/// # let text = "version = 1\n[events.signup]\n[templates.hello]\ntitle = \"Hello\"\n[journeys.welcome]\n\
/// #     enter = { event = \"signup\" }\n\
/// #     step = [{ id = \"hello\", send = { channel = \"push\", template = \"hello\" } }]";
/// # let mut partition = Partition::new(&Definitions::from_toml(text)?);
/// # let now = Instant::from_millis(0);
/// let mut replay = |input| partition.replay(&TimedInput { now, input });
/// let signup = replay(Input::Message(Message::track("ada", "signup")))?;
/// assert_eq!(signup.outcome().map(|outcome| outcome.sequence), Some(1));
/// match replay(Input::Outbox { limit: 10, lease: Duration::minutes(1) })? {
///     Replayed::Actions(actions) => assert_eq!(&*actions[0].user, "ada"), // handed out once: send none again
///     other => println!("{:?}", other.outcome()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Replayed {
    /// Of everything but the following.
    Outcome(Outcome),
    /// Actions that were handed out.
    Actions(Vec<Action>),
    /// Of an answer to an action.
    Acknowledged(Acknowledgement),
}

impl Replayed {
    /// What followed; nothing where actions were handed out, from which nothing follows.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        match self {
            Replayed::Outcome(outcome) => Some(outcome),
            Replayed::Acknowledged(answer) => Some(&answer.outcome),
            Replayed::Actions(_) => None,
        }
    }
}

impl Partition {
    /// Gives it an input of a [journal](crate::engine::Engine::journal) once more: what would have happened under other
    /// definitions, or what did happen, with the reasons.
    ///
    /// All inputs from the first on bring about the state that the engine had, byte for byte, where they are given under
    /// the definitions that it began with and nobody was erased. For a what-if, leave out [`Input::Redefine`](crate::engine::Input::Redefine), which
    /// would bring the old definitions back, and answer the actions of the new ones yourself: those that the journal has
    /// answers to were others. Values are as they were kept: what was dropped or hashed stays so.
    ///
    /// ```
    /// use bespoke::definitions::Definitions;
    /// use bespoke::engine::{Engine, Input, Partition};
    /// use bespoke::model::{Duration, Instant, Message};
    /// use bespoke::storage::MemoryDisk;
    ///
    /// let rule = |times| format!("version = 1\n[events.view]\n[segments]\nkeen = 'count(view) >= {times}'");
    /// let engine = Engine::builder(Definitions::from_toml(&rule(3))?).disk(MemoryDisk::new()).open()?;
    /// let start: Instant = "2026-11-23T10:00:00Z".parse()?;
    /// for minute in 0..2 {
    ///     engine.ingest(Message::track("ada", "view"), start + Duration::minutes(minute))?;
    /// }
    /// assert!(!engine.is_member("ada", "keen"));
    ///
    /// let mut what_if = Partition::new(&Definitions::from_toml(&rule(2))?);
    /// let mut changes = Vec::new();
    /// for entry in engine.journal(0, 1)? {
    ///     let Some(input) = entry?.input else { continue }; // of somebody who was erased
    ///     if !matches!(input.input, Input::Redefine { .. }) {
    ///         let replayed = what_if.replay(&input)?;
    ///         changes.extend(replayed.outcome().into_iter().flat_map(|outcome| outcome.changes.clone()));
    ///     }
    /// }
    /// assert_eq!(changes[0].to_string(), "ada entered keen");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// What the method of that input says, such as a name that these definitions do not have. It changes nothing.
    pub fn replay(&mut self, input: &TimedInput) -> Result<Replayed, Error> {
        self.check_input(input)?;
        match self.take_input(input, Slot::STORE) {
            Answer::Outcome(outcome) => outcome.map(Replayed::Outcome),
            Answer::Actions(actions) => Ok(Replayed::Actions(actions)),
            Answer::Acknowledged(answer) => Ok(Replayed::Acknowledged(answer)),
            Answer::Messages(_) | Answer::Step(_) => unreachable!("no input is answered so"),
        }
    }
}
