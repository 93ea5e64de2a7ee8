//! From a store's files to an engine: the checkpoint, then the inputs behind it.

use crate::definitions::Definitions;
use crate::engine::among::Among;
use crate::engine::capture::Capture;
use crate::engine::durable::{Durability, Durable, Sealing, Writer};
use crate::engine::hosts::{Hosts, Maker};
use crate::engine::kept::{JournalSize, Kept, Readers};
use crate::engine::page::{Entry, IDS, Names, PAGE_USERS, read_page};
use crate::engine::partition::{NEVER, UserRow};
use crate::engine::residence::{Row, Shelf};
use crate::engine::root::Root;
use crate::engine::section::{Unsealed, read_section};
use crate::engine::sections::Section;
use crate::engine::suppressions::Salt;
use crate::engine::take::parse;
use crate::engine::unit::{open_input, read_group};
use crate::engine::{Error, Outcome, Partition};
use crate::model::{Bytes, Instant, Malformed, Pieces, Record};
use crate::profile::UserKey;
use crate::storage::{self, Disk, FileJournal, Groups, Heap, Journal, Place, Slot, Vault, load_root};
use crate::trigger::TimingWheel;
use std::io;
use std::sync::Arc;

/// What an engine found in its store as it was opened.
///
/// ```
/// # fn open(definitions: bespoke::definitions::Definitions) -> Result<(), bespoke::engine::Error> {
/// let engine = bespoke::engine::Engine::builder(definitions).store("data/").open()?;
/// let opened = engine.opened();
/// println!("{} users, {} inputs since the last checkpoint", opened.users, opened.replayed);
/// for change in opened.redefined.iter().flat_map(|outcome| &outcome.changes) {
///     println!("{change}"); // what other definitions than last time changed
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Opened {
    /// Whether there was a store; a new one is made where there was none.
    pub was_there: bool,
    /// Users whom the checkpoint names.
    pub users: usize,
    /// Inputs behind the checkpoint, which were applied again.
    pub replayed: u64,
    /// Inputs that were written and never synced, and that the machine lost as it stopped: so many at least, where what
    /// says how many there were is damaged too.
    pub lost: u64,
    /// What the definitions changed, where others were in force before.
    pub redefined: Option<Outcome>,
}

/// How a store is opened.
#[derive(Debug, Clone)]
pub(super) struct Options {
    pub(super) durability: Durability,
    /// Bytes of users in memory.
    pub(super) memory: usize,
    pub(super) checkpoint_bytes: u64,
    pub(super) accept_lost_tail: bool,
    pub(super) recommenders: Vec<Maker>,
}

/// A partition under the definitions that a root names, with the versions of journeys that users are in. Of the state
/// nothing is in it yet.
pub(super) fn begin_under(root: &Root, disk: &dyn Disk) -> Result<(Definitions, Partition), Error> {
    let stored = parse(root.file.as_deref(), &root.definitions)?;
    let compiled = root.versions.compile(&stored)?;
    let compiled = compiled.ok_or_else(|| {
        let message = "it names versions of journeys that cannot be run";
        storage::Error::corrupt(disk.describe("root"), 0, message)
    })?;
    let partition = Partition::under(&stored, compiled);
    Ok((stored, partition))
}

/// Opens a store, or makes one; or the one of a partition that is among several, with the salt that all of them have. Its
/// inputs are in a journal of the host's, or else in its folder.
pub(super) fn open(
    definitions: &Definitions,
    disk: Arc<dyn Disk>,
    journal: Option<Box<dyn Journal>>,
    options: &Options,
    among: Option<(Among, Salt)>,
) -> Result<(Partition, Durable, Opened), Error> {
    let folder = disk.describe("");
    let lock = disk.lock().map_err(|error| storage::Error::io("lock", folder.clone(), error))?;
    let lock = lock.ok_or_else(|| storage::Error::in_use(folder))?;
    let vault = Arc::new(Vault::open_keys(&*disk)?);
    let root = match load_root(&*disk)? {
        Some(bytes) => Some(
            read_all::<Root>(&bytes)
                .map_err(|error| storage::Error::corrupt(disk.describe("root"), 0, error.to_string()))?,
        ),
        None => None,
    };
    let is_of_host = journal.is_some();
    check_whose(&*disk, root.as_ref(), is_of_host)?;
    let next_input = root.as_ref().map_or(0, |root| root.next_input);
    let (journal, groups, lost) = match journal {
        Some(journal) => from_host(journal, next_input, options)?,
        None => from_files(disk.clone(), &vault, next_input, options)?,
    };
    let next = journal.held()?.inputs.end.max(next_input);
    if root.is_none() && next > 0 {
        // The first checkpoint is taken before the first input.
        let message = "it is missing, and there are inputs: restore it from a backup";
        return Err(storage::Error::corrupt(disk.describe("root"), 0, message).into());
    }
    // What the checkpoint does not name is removed from it: only now, when nothing else is amiss.
    let files = root.as_ref().map(|root| root.files.clone()).unwrap_or_default();
    let heap = Arc::new(Heap::open(disk.clone(), &files)?);

    let mut partition;
    let mut opened = Opened::default();
    match &root {
        None => {
            partition = Partition::new(definitions);
            partition.models.bring(Hosts::new(&options.recommenders));
            let shelf = Shelf::new(heap.clone(), vault.clone(), definitions, options.memory);
            partition.shelf = Some(Box::new(shelf));
            if let Some((among, salt)) = among {
                partition.place_among(among);
                partition.salt = salt;
            }
        }
        Some(root) => {
            vault.check_slots(root.slots)?;
            let stored;
            (stored, partition) = begin_under(root, &*disk)?;
            partition.models.bring(Hosts::new(&options.recommenders));
            let shelf = Shelf::new(heap.clone(), vault.clone(), &stored, options.memory);
            partition.shelf = Some(Box::new(shelf));
            among.into_iter().for_each(|(among, _)| partition.place_among(among));
            partition.restore(root)?;
            vault.erase(&root.erased)?;
        }
    }
    opened.was_there = root.is_some();
    opened.users = partition.user_count();
    let mut kept = root.as_ref().map_or_else(|| Kept::new(is_of_host), |root| root.kept.clone());
    let (mut written_bytes, mut replayed_to) = (0, next_input);
    for group in groups {
        let group = group?;
        if group.first > replayed_to {
            let message = format!("inputs {replayed_to} to {} are missing", group.first - 1);
            return Err(storage::Error::corrupt(journal.name(), 0, message).into());
        }
        replayed_to = group.end();
        written_bytes += group.payload.len() as u64;
        let mut number = group.first;
        for record in read_group(&group.payload) {
            let (slot, sealed) = record.map_err(|error| vault.malformed(number, &error))?;
            if number >= next_input {
                if let Some(input) = open_input(&vault, number, slot, sealed)? {
                    let clock = partition.clock();
                    kept.note(partition.settings.journal_max, number, clock, input.now.max(clock));
                    drop(partition.take_input(&input, slot));
                    partition.trim();
                    if let Some(error) = partition.failure() {
                        return Err(error.clone().into());
                    }
                }
                opened.replayed += 1;
            }
            number += 1;
        }
        if number != group.first + u64::from(group.count) {
            return Err(vault.malformed(number, &"a group has more or fewer inputs than it says").into());
        }
    }
    if replayed_to < next {
        let message = format!("inputs {replayed_to} to {} are missing", next - 1);
        return Err(storage::Error::corrupt(journal.name(), 0, message).into());
    }
    opened.lost = lost;
    // Keys that were being written as the process stopped: nothing is sealed under them.
    let unused = vault.damaged().into_iter().filter(|slot| !partition.uses(*slot)).collect::<Vec<_>>();
    vault.erase(&unused)?;
    let journal_size = Arc::new(JournalSize::default());
    journal_size.set(&*journal)?;
    let writer = Writer {
        _lock: lock,
        ended_well: true,
        is_taken_apart: false,
        is_compaction_due: false,
        written_bytes,
        disk,
        journal,
        may_go: None,
        next,
        journal_size,
        kept,
        readers: Readers::default(),
        heap,
        vault,
        durability: options.durability,
        checkpoint_bytes: options.checkpoint_bytes,
        sealing: Sealing::default(),
    };
    Ok((partition, Durable::new(writer), opened))
}

/// Makes sure that the inputs of a store are where they are looked for.
fn check_whose(disk: &dyn Disk, root: Option<&Root>, is_of_host: bool) -> Result<(), storage::Error> {
    let refused = |message| {
        let error = io::Error::new(io::ErrorKind::InvalidInput, message);
        Err(storage::Error::io("open", disk.describe(""), error))
    };
    match root {
        Some(root) if root.kept.is_of_host && !is_of_host => {
            refused("its inputs are in a journal of the host's: give that to the builder")
        }
        Some(root) if !root.kept.is_of_host && is_of_host => {
            refused("its inputs are in its own files: open it without another journal")
        }
        None if is_of_host && FileJournal::check_there(disk).is_ok() => {
            refused("there are inputs in its own files already: open it without another journal")
        }
        Some(_) if !is_of_host => FileJournal::check_there(disk),
        _ => Ok(()),
    }
}

/// A journal, what is to be replayed of it, and how many inputs are lost.
type Found = (Box<dyn Journal>, Groups, u64);

fn from_files(
    disk: Arc<dyn Disk>,
    vault: &Vault,
    next_input: u64,
    options: &Options,
) -> Result<Found, storage::Error> {
    // A key that was written and not synced may be gone, where what was sealed with it is not.
    let readable =
        |group: &[u8]| read_group(group).all(|record| record.is_ok_and(|(slot, _)| vault.key(slot).is_ok()));
    let (journal, back) = FileJournal::open(disk, next_input, options.accept_lost_tail, &readable)?;
    let lost = back.lost();
    Ok((Box::new(journal), Box::new(back), lost))
}

/// A journal of the host's. All that a checkpoint has was synced before.
fn from_host(journal: Box<dyn Journal>, next_input: u64, options: &Options) -> Result<Found, storage::Error> {
    let held = journal.held()?.inputs;
    if held.start > next_input && !held.is_empty() {
        let message = format!("inputs from {next_input} on are needed, and it begins with {}", held.start);
        return Err(storage::Error::corrupt(journal.name(), 0, message));
    }
    if held.end < next_input && !options.accept_lost_tail {
        let message = format!(
            "the checkpoint goes up to input {next_input}, and it ends with {}: give the journal of this store, or \
             accept that the rest is lost",
            held.end
        );
        return Err(storage::Error::corrupt(journal.name(), 0, message));
    }
    let groups: Groups = match held.end > next_input {
        true => journal.read(next_input)?,
        false => Box::new(std::iter::empty()),
    };
    Ok((journal, groups, 0))
}

/// Reads a record that is all of some bytes.
pub(super) fn read_all<T: Record>(bytes: &[u8]) -> Result<T, Malformed> {
    let mut from = Bytes::new(bytes);
    let value = from.read()?;
    from.end()?;
    Ok(value)
}

/// Where the sections of a checkpoint are: those of [`Section`], and behind them these.
const JOURNEYS: usize = 1;
const MEMBERS: usize = Section::ALL.len();
const SECTIONS: usize = MEMBERS + 1;
/// Where a partition has one more that is among several.
const AMONG: usize = SECTIONS;

impl Partition {
    /// What is about no user, section by section, and the sets of members.
    pub(super) fn write_sections(&self) -> Result<Vec<Unsealed>, storage::Error> {
        let mut sections = Vec::with_capacity(AMONG + 1);
        for section in Section::ALL {
            let (mut pieces, mut rows) = (Pieces::default(), None);
            match section {
                Section::Catalogue => pieces.push_now(|out| rows = Some(self.catalogue.write(out))),
                _ => self.write_section_later(section, &mut pieces),
            }
            sections.push(Unsealed::new(pieces).with_rows(rows));
        }
        let mut members = Pieces::default();
        self.members.write_later(&mut members);
        sections.push(Unsealed::new(members));
        if let (Some(among), Some(shelf)) = (&self.among, &self.shelf) {
            let mut bytes = Vec::new();
            among.write(&shelf.vault, &mut bytes)?;
            let mut pieces = Pieces::default();
            pieces.push(move |out| out.extend_from_slice(&bytes));
            sections.push(Unsealed::new(pieces));
        }
        Ok(sections)
    }

    /// Reads a checkpoint into a fresh partition under the same definitions. Users stay away; their deadlines, ids, places
    /// and what they have in the outbox are in memory.
    pub(super) fn restore(&mut self, root: &Root) -> Result<(), storage::Error> {
        let Some(shelf) = &self.shelf else { return Ok(()) };
        let (heap, vault) = (shelf.heap.clone(), shelf.vault.clone());
        let broken = || {
            heap.corrupt(
                root.sections.first().copied().unwrap_or(Place::NONE),
                "what it says of users is not of one piece",
            )
        };
        let count = if self.among.is_some() { AMONG + 1 } else { SECTIONS };
        if root.sections.len() != count {
            return Err(broken());
        }
        let mut sections = Vec::with_capacity(count);
        let mut plains = Vec::with_capacity(count);
        for place in &root.sections {
            let (section, plain) = read_section(&heap, &vault, *place)?;
            sections.push(section);
            plains.push(plain);
        }
        // What users have in the outbox goes by what the journeys' section says of it; the others go by users.
        self.restore_section(JOURNEYS, (sections[JOURNEYS].last, &plains[JOURNEYS]), &heap, &vault)?;
        if !self.restore_users(root, &heap, &vault)? {
            return Err(broken());
        }
        self.journeys.end_read();
        for number in (0..count).filter(|number| *number != JOURNEYS) {
            self.restore_section(number, (sections[number].last, &plains[number]), &heap, &vault)?;
        }
        let mut seen = Vec::with_capacity(root.seen.len());
        for (generation, place) in &root.seen {
            let (chunk, plain) = read_section(&heap, &vault, *place)?;
            let mut from = Bytes::new(&plain);
            let read = self.seen.read_chunk(&mut from).and_then(|()| from.end());
            read.map_err(|error| heap.corrupt(*place, error.to_string()))?;
            seen.push((*generation, chunk));
        }
        if let Some(shelf) = &mut self.shelf {
            shelf.capture = Capture::restored(root.pages.clone(), sections, seen);
        }
        Ok(())
    }

    fn restore_section(
        &mut self,
        number: usize,
        (place, plain): (Place, &[u8]),
        heap: &Heap,
        vault: &Vault,
    ) -> Result<(), storage::Error> {
        let mut from = Bytes::new(plain);
        let read = match number {
            MEMBERS => {
                let profiles = &self.store.profiles;
                self.members.read(&mut from, |user| profiles.is_there(UserKey(user)))
            }
            AMONG => self.among.as_mut().map_or(Ok(()), |among| among.read(vault, &mut from)),
            _ => self.read_section(Section::ALL[number], &mut from),
        };
        read.and_then(|()| from.end()).map_err(|error| heap.corrupt(place, error.to_string()))
    }

    /// Reads the index pages: who there is. Gives whether they agree with one another.
    fn restore_users(&mut self, root: &Root, heap: &Heap, vault: &Vault) -> Result<bool, storage::Error> {
        let mut is_sound = true;
        self.store.reserve(root.numbers.min(1 << 24) as usize);
        let (mut bytes, mut plain) = (Vec::new(), Vec::new());
        let Some(shelf) = &mut self.shelf else { return Ok(true) };
        self.timers = TimingWheel::new(Instant::MIN);
        for (page, place) in root.pages.iter().enumerate() {
            bytes.clear();
            heap.get(*place, &mut bytes)?;
            let corrupt = |error: &dyn std::fmt::Display| heap.corrupt(*place, error.to_string());
            let first = page as u32 * PAGE_USERS;
            for entry in read_page(&bytes).map_err(|error| corrupt(&error))? {
                let entry = entry.map_err(|error| corrupt(&error))?;
                let Entry { place_in_page, slots, record, deadline, ids } = entry;
                let user = UserKey(first + u32::from(place_in_page));
                let [slot, more @ ..] = &slots[..] else { return Err(corrupt(&"a user has no key")) };
                if u32::from(place_in_page) >= PAGE_USERS
                    || user.0 >= root.numbers
                    || self.store.profiles.numbers() > user.0
                {
                    return Err(corrupt(&"a user is out of its place"));
                }
                plain.clear();
                if !vault.open(*slot, IDS, ids, &mut plain)? {
                    return Err(corrupt(&"the key of a user was erased"));
                }
                let mut from = Bytes::new(&plain);
                let names = Names::read(&mut from).map_err(|error| corrupt(&error))?;
                is_sound &= self.store.restore(user, names.name, names.ids.into_iter());
                let read = self.journeys.read_actions(user, &mut from).and_then(|()| from.end());
                read.map_err(|error| corrupt(&error))?;
                *shelf.row(user) = Row::away(record, *slot);
                if !more.is_empty() {
                    shelf.more_slots.insert(user, more.to_vec());
                }
                while self.users.len() <= user.0 as usize {
                    self.users.push(UserRow::default());
                }
                let row = &mut self.users[user.0 as usize];
                row.journey_due = deadline;
                row.hinted = deadline;
                if deadline != NEVER {
                    self.timers.schedule(deadline, user);
                }
            }
        }
        while self.users.len() < root.numbers as usize {
            self.users.push(UserRow::default());
        }
        Ok(self.store.profiles.end_restore(root.numbers, root.free.clone()) && is_sound)
    }
}

/// Reads a sealed record of the heap.
pub(super) fn read_sealed(
    heap: &Heap,
    vault: &Vault,
    place: Place,
    slot: Slot,
    context: &[u8],
) -> Result<Vec<u8>, storage::Error> {
    let (mut sealed, mut plain) = (Vec::new(), Vec::new());
    heap.get(place, &mut sealed)?;
    match vault.open(slot, context, &sealed, &mut plain)? {
        true => Ok(plain),
        false => Err(heap.corrupt(place, "the key that it is sealed under was erased")),
    }
}
