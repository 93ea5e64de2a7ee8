//! Checkpoints: the state as it was at one input, written while others come.

use crate::engine::Partition;
use crate::engine::kept::Kept;
use crate::engine::residence::PAGE_USERS;
use crate::engine::seen::Written;
use crate::model::{Bytes, Instant, Malformed, Record};
use crate::profile::{IdKind, UserKey};
use crate::storage::{self, Heap, HeapFile, Place, Slot};
use roaring::RoaringBitmap;
use smallvec::SmallVec;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What sections are sealed for.
pub(super) const SECTION: &[u8] = b"section";
/// What an action of a user is sealed for.
pub(super) const ACTION: &[u8] = b"action";
/// What the ids of a user in an index page are sealed for.
pub(super) const IDS: &[u8] = b"ids";
/// In how many groups of inputs a checkpoint is written that begins by itself.
const GROUPS_OF_CHECKPOINT: usize = 1_024;
/// Share of dead bytes from which on a file of the heap is emptied.
const DEAD_SHARE_MAX: f64 = 0.5;

/// What a checkpoint has to write, and what one that is being taken has still to write.
///
/// Invariant: while one is taken, every page is as it was at its input, until it is captured.
#[derive(Debug, Default)]
pub(super) struct Capture {
    /// The latest record of each index page.
    pages: Vec<Place>,
    /// Pages that are not as their record says.
    changed: RoaringBitmap,
    /// The checkpoint that is being taken.
    taken: Option<Taken>,
    /// Records that neither the root nor the next one names.
    dead: Vec<Place>,
    /// Records that the root which is being made names, and the one after it does not.
    dead_after: Vec<Place>,
    sections: Vec<Place>,
    /// Chunks of ids of messages, each with its generation.
    seen: Vec<(u64, Place)>,
}

#[derive(Debug)]
struct Taken {
    /// The first input that is not in it.
    next_input: u64,
    todo: RoaringBitmap,
    /// All pages that it was to write, for the case that it fails.
    pages: RoaringBitmap,
    /// Files of the heap that are being emptied.
    emptied: Vec<u32>,
    sections: Vec<Place>,
    /// A chunk of ids of messages, and whether it takes the place of all others.
    seen: (Written, Place, bool),
    numbers: u32,
    free: Vec<u32>,
    definitions: (Option<Box<str>>, Box<str>),
    erased: Vec<Slot>,
    failed: Option<storage::Error>,
}

impl Capture {
    pub(super) fn restored(pages: Vec<Place>, sections: Vec<Place>, seen: Vec<(u64, Place)>) -> Capture {
        Capture { pages, sections, seen, ..Capture::default() }
    }

    /// Gives up a record of a user for a newer one.
    pub(super) fn give_up(&mut self, user: UserKey, place: Place) {
        let page = user.0 / PAGE_USERS;
        if !place.is_none() {
            let is_named = self.taken.as_ref().is_some_and(|taken| !taken.todo.contains(page));
            if is_named { self.dead_after.push(place) } else { self.dead.push(place) }
        }
        if !self.taken.as_ref().is_some_and(|taken| taken.todo.contains(page)) {
            self.changed.insert(page);
        }
    }

    /// Notes that something of a user is about to change.
    pub(super) fn note(&mut self, user: UserKey) {
        self.changed.insert(user.0 / PAGE_USERS);
    }

    pub(super) fn is_on(&self) -> bool {
        self.taken.is_some()
    }
}

/// Where everything of a checkpoint is.
#[derive(Debug)]
pub(super) struct Root {
    /// The first input that is not in it.
    pub(super) next_input: u64,
    /// The definitions that held, and the file that they came from.
    pub(super) file: Option<Box<str>>,
    pub(super) definitions: Box<str>,
    /// Keys that must be gone once it holds.
    pub(super) erased: Vec<Slot>,
    /// How many keys there were.
    pub(super) slots: u32,
    /// How many numbers of users were given, and which are free, the next one last.
    pub(super) numbers: u32,
    pub(super) free: Vec<u32>,
    pub(super) pages: Vec<Place>,
    pub(super) sections: Vec<Place>,
    pub(super) seen: Vec<(u64, Place)>,
    pub(super) files: Vec<HeapFile>,
    pub(super) kept: Kept,
}

crate::model::record! {
    Root { next_input, file, definitions, erased, slots, numbers, free, pages, sections, seen, files, kept }
}

impl Root {
    /// Files of the heap in which nothing lives that it names.
    pub(super) fn unnamed(&self, heap: &Heap) -> Vec<u32> {
        let files = heap.files().into_iter().filter(|file| file.live == 0).map(|file| file.number);
        files.filter(|number| self.files.iter().all(|named| named.number != *number)).collect()
    }
}

/// What an index page says of a user.
#[derive(Debug)]
pub(super) struct Entry {
    /// Place in the page.
    pub(super) place_in_page: u8,
    pub(super) slots: SmallVec<[Slot; 2]>,
    pub(super) record: Place,
    pub(super) deadline: Instant,
    /// Its name and ids, sealed.
    pub(super) ids: Vec<u8>,
}

crate::model::record! {
    Entry { place_in_page, slots, record, deadline, ids }
}

/// The name of a user, and its ids.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) name: Arc<str>,
    /// A name and the id that it comes from are one text in memory.
    pub(super) ids: SmallVec<[(IdKind, Arc<str>); 2]>,
}

impl Record for Names {
    fn write(&self, out: &mut Vec<u8>) {
        self.name.write(out);
        self.ids.write(out);
    }

    fn read(from: &mut Bytes<'_>) -> Result<Names, Malformed> {
        let name: Arc<str> = from.read()?;
        let mut ids = SmallVec::new();
        for _ in 0..from.len("ids")? {
            let (kind, id) = (from.read()?, from.text()?);
            ids.push((kind, if *id == *name { name.clone() } else { id.into() }));
        }
        Ok(Names { name, ids })
    }
}

impl Partition {
    /// Begins a checkpoint of the state as it is now: what is about no user is written at once, users step by step.
    ///
    /// # Errors
    /// The disk refused; then none is being taken.
    pub(super) fn begin_checkpoint(&mut self, next_input: u64) -> Result<(), storage::Error> {
        let mut sections = self.write_sections()?;
        let Some(shelf) = &mut self.shelf else { return Ok(()) };
        shelf.erased.append(&mut shelf.parted);
        let emptied = shelf.heap.to_compact(DEAD_SHARE_MAX);
        let mut chunk = Vec::new();
        let is_all = !emptied.is_empty();
        let written = if is_all { self.seen.write_all(&mut chunk) } else { self.seen.write_new(&mut chunk) };
        sections.push(chunk);
        let mut places = Vec::with_capacity(sections.len());
        for plain in sections {
            let mut sealed = Vec::new();
            shelf.vault.seal(Slot::STORE, SECTION, &plain, &mut sealed)?;
            places.push(shelf.heap.put(&sealed)?);
        }
        let seen = (written, places.pop().unwrap_or(Place::NONE), is_all);
        let numbers = self.store.profiles.numbers();
        let page_count = numbers.div_ceil(PAGE_USERS);
        let capture = &mut shelf.capture;
        capture.pages.resize(page_count as usize, Place::NONE);
        let mut todo = std::mem::take(&mut capture.changed);
        if !emptied.is_empty() {
            todo.insert_range(0..page_count);
        }
        capture.taken = Some(Taken {
            next_input,
            pages: todo.clone(),
            todo,
            emptied,
            sections: places,
            seen,
            numbers,
            free: self.store.profiles.free().to_vec(),
            definitions: shelf.definitions.clone(),
            erased: shelf.erased.iter().chain(&shelf.unused).copied().collect(),
            failed: None,
        });
        Ok(())
    }

    pub(super) fn is_taking_checkpoint(&self) -> bool {
        self.shelf.as_ref().is_some_and(|shelf| shelf.capture.is_on())
    }

    /// Captures the page of a user who is about to change, where that is not done yet.
    #[inline]
    pub(super) fn capture_before(&mut self, user: UserKey) {
        let Some(shelf) = &mut self.shelf else { return };
        let page = user.0 / PAGE_USERS;
        if shelf.capture.taken.as_mut().is_some_and(|taken| taken.todo.contains(page)) {
            self.capture_page(page);
        }
    }

    /// Captures so many pages more; gives whether that was all.
    pub(super) fn capture_some(&mut self, pages: usize) -> bool {
        for _ in 0..pages {
            let todo = |shelf: &super::residence::Shelf| shelf.capture.taken.as_ref()?.todo.min();
            match self.shelf.as_deref().and_then(todo) {
                Some(page) => self.capture_page(page),
                None => return true,
            }
        }
        false
    }

    /// Captures as many pages as one group of inputs has to, so that a checkpoint ends in time; gives whether that was all.
    pub(super) fn capture_share(&mut self) -> bool {
        let pages = self.shelf.as_ref().map_or(0, |shelf| shelf.capture.pages.len());
        self.capture_some(1 + pages / GROUPS_OF_CHECKPOINT)
    }

    fn capture_page(&mut self, page: u32) {
        let captured = self.write_page(page);
        let Some(shelf) = &mut self.shelf else { return };
        let capture = &mut shelf.capture;
        let Some(taken) = &mut capture.taken else { return };
        taken.todo.remove(page);
        match captured {
            Ok(place) => {
                let before = std::mem::replace(&mut capture.pages[page as usize], place);
                if !before.is_none() {
                    capture.dead.push(before);
                }
            }
            Err(error) => drop(taken.failed.get_or_insert(error)),
        }
    }

    fn write_page(&mut self, page: u32) -> Result<Place, storage::Error> {
        let Some(shelf) = &self.shelf else { return Ok(Place::NONE) };
        let Some(taken) = &shelf.capture.taken else { return Ok(Place::NONE) };
        let emptied = taken.emptied.clone();
        // Whoever came since is not in it.
        let numbers = page * PAGE_USERS..((page + 1) * PAGE_USERS).min(taken.numbers);
        let users: Vec<UserKey> =
            numbers.map(UserKey).filter(|user| self.store.profiles.is_there(*user)).collect();
        let mut entries = Vec::with_capacity(users.len());
        for user in users {
            if self.store.profiles.is_here(user) {
                self.save(user)?;
            }
            let Some(shelf) = &mut self.shelf else { continue };
            let row = *shelf.row(user);
            if emptied.contains(&row.place.file()) {
                let mut sealed = Vec::new();
                shelf.heap.get(row.place, &mut sealed)?;
                let moved = shelf.heap.put(&sealed)?;
                shelf.row(user).place = moved;
                shelf.capture.dead.push(row.place);
            }
            let names = Names {
                name: self.store.name(user).clone(),
                ids: self.store.ids(user).map(|(kind, id)| (kind, id.into())).collect(),
            };
            let (mut plain, mut ids) = (Vec::new(), Vec::new());
            names.write(&mut plain);
            shelf.vault.seal(row.slot, IDS, &plain, &mut ids)?;
            entries.push(Entry {
                place_in_page: (user.0 % PAGE_USERS) as u8,
                slots: shelf.slots(user).collect(),
                record: shelf.rows[user.0 as usize].place,
                deadline: self.users[user.0 as usize].deadline(),
                ids,
            });
        }
        let Some(shelf) = &self.shelf else { return Ok(Place::NONE) };
        let mut bytes = Vec::new();
        entries.write(&mut bytes);
        shelf.heap.put(&bytes)
    }

    /// The root of the checkpoint, once everything was captured.
    ///
    /// # Errors
    /// Something of it could not be written. The checkpoint is given up; the one before still holds.
    pub(super) fn root(&mut self) -> Result<Root, storage::Error> {
        let Some(shelf) = &mut self.shelf else {
            unreachable!("only a partition on a shelf takes checkpoints")
        };
        let capture = &mut shelf.capture;
        let Some(taken) = &mut capture.taken else { unreachable!("asked once all pages are captured") };
        if let Some(error) = taken.failed.clone() {
            self.give_up_checkpoint();
            return Err(error);
        }
        capture.dead.append(&mut capture.sections);
        capture.sections.clone_from(&taken.sections);
        let (written, place, is_all) = taken.seen;
        let oldest = self.seen.oldest_generation();
        let passed = capture.seen.extract_if(.., |(generation, _)| is_all || *generation < oldest);
        capture.dead.extend(passed.map(|(_, place)| place));
        capture.seen.push((written.generation, place));
        self.seen.set_written(written);
        let dead = capture.dead.drain(..).filter(|place| !place.is_none());
        dead.for_each(|place| shelf.heap.free(place));
        let sections = std::mem::take(&mut taken.sections);
        taken.seen.1 = Place::NONE;
        Ok(Root {
            next_input: taken.next_input,
            file: taken.definitions.0.clone(),
            definitions: taken.definitions.1.clone(),
            erased: taken.erased.clone(),
            slots: shelf.vault.slots(),
            numbers: taken.numbers,
            free: taken.free.clone(),
            pages: capture.pages[..taken.numbers.div_ceil(PAGE_USERS) as usize].to_vec(),
            sections,
            seen: capture.seen.clone(),
            files: shelf.heap.files().into_iter().filter(|file| file.live > 0).collect(),
            kept: Kept::default(),
        })
    }

    /// Says that the root is on disk: what it does not name can go, and the keys that it says are gone will be.
    pub(super) fn end_checkpoint(&mut self, erased: &[Slot]) {
        if let Some(shelf) = &mut self.shelf {
            let erased: BTreeSet<Slot> = erased.iter().copied().collect();
            shelf.erased.retain(|slot| !erased.contains(slot));
            shelf.unused.retain(|slot| !erased.contains(slot));
            shelf.capture.taken = None;
            shelf.capture.dead = std::mem::take(&mut shelf.capture.dead_after);
        }
    }

    /// Gives the checkpoint up that is being taken. The next one has all to write that this one had.
    pub(super) fn give_up_checkpoint(&mut self) {
        let Some(shelf) = &mut self.shelf else { return };
        let capture = &mut shelf.capture;
        if let Some(taken) = capture.taken.take() {
            capture.changed |= taken.pages;
            capture.dead.append(&mut capture.dead_after);
            capture.dead.extend(taken.sections);
            capture.dead.push(taken.seen.1);
        }
    }
}
