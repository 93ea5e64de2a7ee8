use crate::storage::Error;
use std::fmt;
use std::ops::Range;

/// The log of inputs that an engine writes before it applies them: groups in order, each with the number of its first
/// input.
///
/// What a host may put in place of the files of a store: a log that it has already, such as a partition of a distributed
/// one ([`EngineBuilder::journal`](crate::engine::EngineBuilder::journal)). Keys and checkpoints stay where they are, in
/// the folder of the store, for which there is [`Disk`](crate::storage::Disk): a host that wants the files elsewhere
/// gives another disk, one that wants the inputs elsewhere gives another journal. What is in a group is sealed, and says
/// something only to whoever has the keys.
///
/// What an implementation promises:
/// 1. A group that was [appended](Journal::append) is read back whole, as it was, behind those before it: at
///    [`Level::Written`] whatever ends the process, at [`Level::Synced`], or once a later [`sync`](Journal::sync) has
///    returned, whatever ends the machine. What was written and not synced may be missing after the machine stopped, from
///    some group on to the end, never one out of the middle.
/// 2. A group of which `append` said an error is not there, for this process or the next one. So is no part of one that
///    was cut short: it is read back whole or not at all.
/// 3. After any error everything is as it was, and the same can be asked again. What cannot be read back as it was written
///    is an error, never left out and never made up.
/// 4. Whoever [reads](Journal::read) does not keep anybody from appending, and gets what was there as it asked.
/// 5. Nothing is dropped but what [`drop_before`](Journal::drop_before) names. (It may stay longer: users who are erased
///    are unreadable at once, because their keys are.)
/// 6. There is one writer at a time. The engine makes sure of that by the lock of its folder; where a log can be reached
///    by other engines, that is for the implementation to see to.
///
/// [`journal_conformance`](crate::storage::journal_conformance) checks 1 to 5 as far as that can be done without a power
/// cut; [`MemoryJournal`](crate::storage::MemoryJournal) is the shortest implementation.
///
/// ```
/// use bespoke::storage::{Journal, Level, MemoryJournal};
///
/// let mut journal = MemoryJournal::new();
/// journal.append(0, 2, b"two inputs", Level::Written)?;
/// journal.append(2, 1, b"one more", Level::Synced)?;
/// assert_eq!(journal.held()?.inputs, 0..3);
///
/// let groups: Vec<_> = journal.read(1)?.collect::<Result<_, _>>()?;
/// assert_eq!(groups[0].payload, b"two inputs"); // input 1 is in it
/// assert_eq!(groups[1].first, 2);
/// # Ok::<(), bespoke::storage::Error>(())
/// ```
pub trait Journal: Send + Sync + fmt::Debug {
    /// What errors call it.
    fn name(&self) -> String {
        "the journal".to_owned()
    }

    /// What is there. Asked when a store is opened and when something was dropped.
    ///
    /// # Errors
    /// Whatever keeps it from knowing.
    fn held(&self) -> Result<Held, Error>;

    /// Adds a group of `count` inputs, of which the first has the number `first`: the end of [`held`](Journal::held), or
    /// where that was lost with the machine, more. Nobody asks for numbers in between then, and it may end with that
    /// number even where the group is refused.
    ///
    /// # Errors
    /// It cannot be written, or not synced where that was asked for; `count` is 0; a number that is there already. The
    /// group is not there then.
    fn append(&mut self, first: u64, count: u32, payload: &[u8], level: Level) -> Result<(), Error>;

    /// Makes sure that all groups outlive the machine.
    ///
    /// # Errors
    /// It is not sure; all groups are still there for this process.
    fn sync(&mut self) -> Result<(), Error>;

    /// The groups that have inputs from one on, in order, up to the last that is there now. The first may begin before.
    ///
    /// # Errors
    /// [`ErrorKind::Dropped`](crate::storage::ErrorKind::Dropped) where it is not there any more. Of what cannot be read
    /// as it was written it is an error here, or one in its place among the groups, behind which there are no more.
    fn read(&self, from: u64) -> Result<Groups, Error>;

    /// Says that inputs before one are not needed any more. Groups that have others too stay.
    ///
    /// # Errors
    /// They are still there, or some of them.
    fn drop_before(&mut self, input: u64) -> Result<(), Error>;

    /// Drops a part of what [`drop_before`](Journal::drop_before) would, where all of it would take more than some
    /// milliseconds, and gives whether nothing of it is left. An engine asks for it once with each input that follows.
    /// By default it is all at once.
    ///
    /// # Errors
    /// As for [`drop_before`](Journal::drop_before).
    fn drop_some_before(&mut self, input: u64) -> Result<bool, Error> {
        self.drop_before(input).map(|()| true)
    }

    /// Says that what follows will be needed for longer than what is there: a checkpoint begins. Whoever can only drop
    /// whole files begins a new one.
    ///
    /// # Errors
    /// All goes on as before; no checkpoint is taken.
    fn divide(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// Whether the next group may outlive the machine though nobody asks for that, with all before it: keys are synced
    /// before it then. A group without its keys would be damage.
    fn syncs_by_itself(&self) -> bool {
        true
    }
}

/// Groups of a [`Journal`], in order.
pub type Groups = Box<dyn Iterator<Item = Result<Group, Error>> + Send>;

/// Inputs that were written together.
///
/// ```
/// use bespoke::storage::{Group, Journal, Level, MemoryJournal};
/// let mut journal = MemoryJournal::new();
/// journal.append(0, 3, b"inputs 0 to 2", Level::Written)?;
/// let group = journal.read(1)?.next().ok_or("it is not there any more")??;
/// assert_eq!(group, Group::new(0, 3, b"inputs 0 to 2".to_vec())); // whole, though input 1 was asked for
/// assert_eq!(group.end(), 3); // what follows begins there
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Group {
    /// Number of the first input.
    pub first: u64,
    /// How many there are.
    pub count: u32,
    /// What was appended.
    pub payload: Vec<u8>,
}

impl Group {
    /// A group as it was appended.
    #[must_use]
    pub fn new(first: u64, count: u32, payload: Vec<u8>) -> Group {
        Group { first, count, payload }
    }

    /// Number of the input behind it.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.first.saturating_add(self.count.into())
    }
}

/// What a [`Journal`] has.
///
/// ```
/// use bespoke::storage::{Journal, Level, MemoryJournal};
/// let mut journal = MemoryJournal::new();
/// journal.append(0, 2, b"0 and 1", Level::Written)?;
/// journal.append(2, 1, b"2", Level::Written)?;
/// journal.drop_before(1)?;
/// assert_eq!(journal.held()?.inputs, 0..3); // the first group has input 1, too
/// journal.drop_before(3)?;
/// assert_eq!(journal.held()?.inputs, 3..3); // nothing is left, and the next input is number 3
/// # Ok::<(), bespoke::storage::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Held {
    /// From the first input to that which comes next; empty at 0 before anything was appended.
    pub inputs: Range<u64>,
    /// How many bytes that takes.
    pub bytes: u64,
}

impl Held {
    /// So many inputs in so many bytes.
    #[must_use]
    pub fn new(inputs: Range<u64>, bytes: u64) -> Held {
        Held { inputs, bytes }
    }
}

/// What a group outlives once it is appended.
///
/// ```
/// use bespoke::storage::{DiskFile, Level};
/// /// How a log adds a group to its file.
/// fn add(file: &dyn DiskFile, group: &[u8], level: Level) -> std::io::Result<()> {
///     file.write_at(file.len()?, group)?; // the system has it, whatever becomes of the process
///     if level == Level::Synced { file.sync() } else { Ok(()) }
/// }
/// # use bespoke::storage::{Disk, MemoryDisk};
/// # let disk = MemoryDisk::new();
/// # let file = disk.create("log")?;
/// # disk.sync_folder()?;
/// add(&*file, b"boots", Level::Synced)?;
/// assert_eq!(disk.crash(7).open("log")?.len()?, 5);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The process.
    Written,
    /// The machine.
    Synced,
}
