//! From a store's files to an engine: the checkpoint, then the inputs behind it.

use crate::definitions::Definitions;
use crate::engine::capture::{ACTION, Capture, Entry, IDS, Names, Root, SECTION};
use crate::engine::durable::{Durability, Durable, Sealing, Writer};
use crate::engine::partition::{NEVER, UserRow};
use crate::engine::residence::{PAGE_USERS, Row, Shelf};
use crate::engine::sections::Section;
use crate::engine::take::parse;
use crate::engine::unit::{open_input, read_group};
use crate::engine::{Error, Outcome, Partition};
use crate::model::{Bytes, Instant, Malformed, Record};
use crate::profile::UserKey;
use crate::storage::{self, Disk, Heap, Journal, Place, Slot, Vault, load_root};
use crate::trigger::TimingWheel;
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
    /// Inputs that were written and never synced, and that the machine lost as it stopped.
    pub lost: u64,
    /// What the definitions changed, where others were in force before.
    pub redefined: Option<Outcome>,
}

/// How a store is opened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Options {
    pub(super) durability: Durability,
    /// Bytes of users in memory.
    pub(super) memory: usize,
    pub(super) checkpoint_bytes: u64,
    pub(super) accept_lost_tail: bool,
}

/// Opens a store, or makes one.
pub(super) fn open(
    definitions: &Definitions,
    disk: Arc<dyn Disk>,
    options: Options,
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
    if root.is_some() {
        Journal::check_there(&*disk)?;
    }
    let next_input = root.as_ref().map_or(0, |root| root.next_input);
    // A key that was written and not synced may be gone, where what was sealed with it is not.
    let readable =
        |group: &[u8]| read_group(group).all(|record| record.is_ok_and(|(slot, _)| vault.key(slot).is_ok()));
    let (journal, mut read_back) =
        Journal::open(disk.clone(), next_input, options.accept_lost_tail, &readable)?;
    if root.is_none() && journal.next() > 0 {
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
            let shelf = Shelf::new(heap.clone(), vault.clone(), definitions, options.memory);
            partition.shelf = Some(Box::new(shelf));
        }
        Some(root) => {
            vault.check_slots(root.slots)?;
            let stored = parse(root.file.as_deref(), &root.definitions)?;
            let compiled = root.versions.compile(&stored)?;
            let compiled = compiled.ok_or_else(|| {
                let message = "it names versions of journeys that cannot be run";
                storage::Error::corrupt(disk.describe("root"), 0, message)
            })?;
            partition = Partition::under(&stored, compiled);
            let shelf = Shelf::new(heap.clone(), vault.clone(), &stored, options.memory);
            partition.shelf = Some(Box::new(shelf));
            partition.restore(root)?;
            vault.erase(&root.erased)?;
        }
    }
    opened.was_there = root.is_some();
    opened.users = partition.user_count();
    while let Some(group) = read_back.next_group()? {
        let mut number = group.first;
        for record in read_group(&group.payload) {
            let (slot, sealed) = record.map_err(|error| vault.malformed(number, &error))?;
            if number >= next_input {
                if let Some(input) = open_input(&vault, number, slot, sealed)? {
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
    opened.lost = read_back.lost();
    // Keys that were being written as the process stopped: nothing is sealed under them.
    let unused = vault.damaged().into_iter().filter(|slot| !partition.uses(*slot)).collect::<Vec<_>>();
    vault.erase(&unused)?;
    let writer = Writer {
        _lock: lock,
        ended_well: true,
        written_bytes: journal.bytes_since(next_input),
        disk,
        journal,
        heap,
        vault,
        durability: options.durability,
        checkpoint_bytes: options.checkpoint_bytes,
        sealing: Sealing::default(),
    };
    Ok((partition, Durable::new(writer), opened))
}

/// Reads a record that is all of some bytes.
pub(super) fn read_all<T: Record>(bytes: &[u8]) -> Result<T, Malformed> {
    let mut from = Bytes::new(bytes);
    let value = from.read()?;
    from.end()?;
    Ok(value)
}

/// Where the sections of a checkpoint are among its records: those of [`Section`], and behind them these.
const MEMBERS: usize = Section::ALL.len();
const ACTIONS: usize = MEMBERS + 1;
const SECTIONS: usize = ACTIONS + 1;

impl Partition {
    /// What is about no user, section by section, and the sets of members and the actions.
    pub(super) fn write_sections(&self) -> Result<Vec<Vec<u8>>, storage::Error> {
        let mut sections: Vec<Vec<u8>> = Vec::with_capacity(SECTIONS);
        for section in Section::ALL {
            let mut bytes = Vec::new();
            self.write_section(section, &mut bytes);
            sections.push(bytes);
        }
        let mut members = Vec::new();
        self.members.write(&mut members);
        sections.push(members);
        sections.push(self.write_actions()?);
        Ok(sections)
    }

    /// The actions in the outbox, each sealed under the key of its user.
    fn write_actions(&self) -> Result<Vec<u8>, storage::Error> {
        let mut bytes = Vec::new();
        let Some(shelf) = &self.shelf else { return Ok(bytes) };
        let actions = self.journeys.actions();
        actions.len().write(&mut bytes);
        for (user, plain) in actions {
            let mut sealed = Vec::new();
            shelf.vault.seal(self.slot(user), ACTION, &plain, &mut sealed)?;
            (user.0, sealed).write(&mut bytes);
        }
        Ok(bytes)
    }

    /// Reads a checkpoint into a fresh partition under the same definitions. Users stay away; their deadlines, ids and
    /// places are in memory.
    pub(super) fn restore(&mut self, root: &Root) -> Result<(), storage::Error> {
        let Some(shelf) = &self.shelf else { return Ok(()) };
        let (heap, vault) = (shelf.heap.clone(), shelf.vault.clone());
        let is_sound = self.restore_users(root, &heap, &vault)?;
        let broken = || {
            heap.corrupt(
                root.sections.first().copied().unwrap_or(Place::NONE),
                "what it says of users is not of one piece",
            )
        };
        if !is_sound || root.sections.len() != SECTIONS {
            return Err(broken());
        }
        for (number, place) in root.sections.iter().enumerate() {
            let plain = read_sealed(&heap, &vault, *place, Slot::STORE, SECTION)?;
            let mut from = Bytes::new(&plain);
            let read = match number {
                MEMBERS => {
                    let profiles = &self.store.profiles;
                    self.members.read(&mut from, |user| profiles.is_there(UserKey(user)))
                }
                ACTIONS => self.read_actions(&mut from, &vault),
                _ => self.read_section(Section::ALL[number], &mut from),
            };
            read.and_then(|()| from.end()).map_err(|error| heap.corrupt(*place, error.to_string()))?;
        }
        for (_, place) in &root.seen {
            let plain = read_sealed(&heap, &vault, *place, Slot::STORE, SECTION)?;
            let mut from = Bytes::new(&plain);
            let read = self.seen.read_chunk(&mut from).and_then(|()| from.end());
            read.map_err(|error| heap.corrupt(*place, error.to_string()))?;
        }
        if let Some(shelf) = &mut self.shelf {
            let sections = root.sections.clone();
            shelf.capture = Capture::restored(root.pages.clone(), sections, root.seen.clone());
        }
        Ok(())
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
            let entries: Vec<Entry> = read_all(&bytes).map_err(|error| corrupt(&error))?;
            let first = page as u32 * PAGE_USERS;
            for Entry { place_in_page, slots, record, deadline, ids } in entries {
                let user = UserKey(first + u32::from(place_in_page));
                let [slot, more @ ..] = &slots[..] else { return Err(corrupt(&"a user has no key")) };
                if u32::from(place_in_page) >= PAGE_USERS
                    || user.0 >= root.numbers
                    || self.store.profiles.numbers() > user.0
                {
                    return Err(corrupt(&"a user is out of its place"));
                }
                plain.clear();
                if !vault.open(*slot, IDS, &ids, &mut plain)? {
                    return Err(corrupt(&"the key of a user was erased"));
                }
                let names: Names = read_all(&plain).map_err(|error| corrupt(&error))?;
                is_sound &= self.store.restore(user, names.name, names.ids.into_iter());
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

    fn read_actions(&mut self, from: &mut Bytes<'_>, vault: &Vault) -> Result<(), Malformed> {
        for _ in 0..from.len("actions")? {
            let (user, sealed): (u32, Vec<u8>) = from.read()?;
            let user = UserKey(user);
            let mut plain = Vec::new();
            let is_open = self.store.profiles.is_there(user)
                && vault.open(self.slot(user), ACTION, &sealed, &mut plain).is_ok_and(|open| open);
            if !is_open {
                return Err(from.malformed("an action"));
            }
            let mut action = Bytes::new(&plain);
            self.journeys.read_action(user, &mut action)?;
            action.end()?;
        }
        Ok(())
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
