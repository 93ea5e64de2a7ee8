//! Checkpoints: the state as it was at one input, written while others come.

use crate::engine::Partition;
use crate::engine::kept::Kept;
use crate::engine::page::{Entry, IDS, PAGE_USERS, write_names};
use crate::engine::root::{Ending, Root};
use crate::engine::section::{SectionPlace, Unsealed, Written};
use crate::engine::seen;
use crate::engine::versions::Versions;
use crate::model::{Instant, Pieces, Record};
use crate::profile::UserKey;
use crate::storage::{self, Place, Slot, Unwanted};
use hashbrown::{HashMap, HashSet};
use roaring::RoaringBitmap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Share of dead bytes from which on a file of the heap is emptied.
pub(super) const DEAD_SHARE_MAX: f64 = 0.25;

/// What a checkpoint has to write, and what one that is being taken has still to write.
///
/// Invariant: while one is taken, every user of a page that is not captured yet is as at its input, or was captured alone.
#[derive(Debug, Default)]
pub(super) struct Capture {
    /// The latest record of each index page.
    pages: Vec<Place>,
    /// Pages that are not as their record says.
    changed: RoaringBitmap,
    /// The checkpoint that is being taken.
    taken: Option<Taken>,
    /// Records that neither the root nor the next one names.
    dead: Unwanted,
    /// Records that the root which is being made names, and the one after it does not.
    dead_after: Unwanted,
    sections: Vec<SectionPlace>,
    /// Records of these that stay where they are as long as what they say is unchanged.
    written: Written,
    /// Chunks of ids of messages, each with its generation.
    seen: Vec<(u64, SectionPlace)>,
}

#[derive(Debug)]
struct Taken {
    /// The first input that is not in it.
    next_input: u64,
    todo: RoaringBitmap,
    /// What pages of `todo` are to say of users who have changed since: nothing of those who were not there.
    alone: HashMap<UserKey, Vec<u8>, ahash::RandomState>,
    /// All pages that it was to write, for the case that it fails.
    pages: RoaringBitmap,
    /// Files of the heap that are being emptied.
    emptied: Vec<u32>,
    /// What is about no user, and is not in the heap yet, the first one last.
    unsealed: Vec<Unsealed>,
    /// What is: the last one is a chunk of ids of messages.
    sections: Vec<SectionPlace>,
    written: Written,
    /// How many steps there were at first.
    steps: usize,
    /// Where the clock was as it began.
    clock: Instant,
    /// How far that chunk goes, and whether it takes the place of all others.
    seen: (seen::Written, bool),
    numbers: u32,
    free: Vec<u32>,
    definitions: (Option<Box<str>>, Box<str>),
    versions: Versions,
    erased: Vec<Slot>,
    failed: Option<storage::Error>,
    /// Records of sections that could not be written whole.
    given_up: Vec<Place>,
    /// What is in it is among so many first bytes that were put into the heap.
    end: u64,
    /// Once everything is captured.
    ending: Option<Arc<Ending>>,
}

impl Taken {
    /// Whether all of it is in the heap.
    fn is_whole(&self) -> bool {
        self.todo.is_empty() && self.unsealed.is_empty()
    }

    /// About how many sections, pieces of them and pages are left.
    fn steps(&self) -> usize {
        self.unsealed.iter().map(Unsealed::steps).sum::<usize>() + self.todo.len() as usize
    }

    /// Whether a user is still to be captured.
    fn wants(&self, user: UserKey) -> bool {
        self.todo.contains(user.0 / PAGE_USERS) && !self.alone.contains_key(&user)
    }
}

impl Capture {
    pub(super) fn restored(
        pages: Vec<Place>,
        sections: Vec<SectionPlace>,
        seen: Vec<(u64, SectionPlace)>,
    ) -> Capture {
        Capture { pages, sections, seen, ..Capture::default() }
    }

    /// Gives up records of sections, but for those that the last checkpoint names too.
    fn give_up_places(&mut self, places: impl IntoIterator<Item = Place>) {
        let named: HashSet<Place, ahash::RandomState> =
            self.sections.iter().flat_map(SectionPlace::places).collect();
        self.dead.extend(places.into_iter().filter(|place| !named.contains(place)));
    }

    /// Gives up a record of a user for a newer one.
    pub(super) fn give_up(&mut self, user: UserKey, place: Place) {
        match &self.taken {
            // The root that is being made does not name it any more.
            Some(taken) if taken.wants(user) => return self.dead.add(place),
            Some(_) => self.dead_after.add(place),
            None => self.dead.add(place),
        }
        self.note(user);
    }

    /// Notes that something of a user is about to change.
    pub(super) fn note(&mut self, user: UserKey) {
        self.changed.insert(user.0 / PAGE_USERS);
    }

    pub(super) fn is_on(&self) -> bool {
        self.taken.is_some()
    }
}

impl Partition {
    /// Begins a checkpoint of the state as it is now: what is about no user is noted at once, and written step by step as
    /// users are. Where it `compacts`, users are moved out of files that are mostly dead, and all pages are written.
    ///
    /// # Errors
    /// Something could not be sealed; then none is being taken.
    pub(super) fn begin_checkpoint(&mut self, next_input: u64, compacts: bool) -> Result<(), storage::Error> {
        let Some(shelf) = &self.shelf else { return Ok(()) };
        let emptied = if compacts { shelf.heap.to_compact(DEAD_SHARE_MAX) } else { Vec::new() };
        let mut sections = self.write_sections()?;
        let Some(shelf) = &mut self.shelf else { return Ok(()) };
        shelf.erased.append(&mut shelf.parted);
        let is_all = !emptied.is_empty();
        let mut chunk = Pieces::default();
        let written = self.seen.write_later(is_all, &mut chunk);
        // Chunks of it go one by one, whatever else names their records.
        sections.push(Unsealed::new(chunk.anew()));
        sections.reverse();
        let numbers = self.store.profiles.numbers();
        let page_count = numbers.div_ceil(PAGE_USERS);
        let capture = &mut shelf.capture;
        capture.pages.resize(page_count as usize, Place::NONE);
        let mut todo = std::mem::take(&mut capture.changed);
        if !emptied.is_empty() {
            todo.insert_range(0..page_count);
            capture.written.retain(|_, place| !emptied.contains(&place.file()));
        }
        let mut taken = Taken {
            next_input,
            pages: todo.clone(),
            todo,
            alone: HashMap::default(),
            emptied,
            unsealed: sections,
            sections: Vec::new(),
            written: Written::default(),
            steps: 0,
            clock: self.clock,
            seen: (written, is_all),
            numbers,
            free: self.store.profiles.free().to_vec(),
            definitions: shelf.definitions.clone(),
            versions: Versions::of(&self.compiled.pinned),
            erased: shelf.erased.iter().chain(&shelf.unused).copied().collect(),
            failed: None,
            given_up: Vec::new(),
            end: shelf.heap.put_bytes(),
            ending: None,
        };
        taken.steps = taken.steps();
        capture.taken = Some(taken);
        Ok(())
    }

    pub(super) fn is_taking_checkpoint(&self) -> bool {
        self.shelf.as_ref().is_some_and(|shelf| shelf.capture.is_on())
    }

    /// Captures a user who is about to change, where that is not done yet.
    #[inline]
    pub(super) fn capture_before(&mut self, user: UserKey) {
        let Some(shelf) = &self.shelf else { return };
        if shelf.capture.taken.as_ref().is_some_and(|taken| taken.wants(user)) {
            self.capture_alone(user);
        }
    }

    #[cold]
    fn capture_alone(&mut self, user: UserKey) {
        let mut entry = Vec::new();
        let written = self.write_entry(user, &mut entry);
        let Some(taken) = self.shelf.as_mut().and_then(|shelf| shelf.capture.taken.as_mut()) else { return };
        if let Err(error) = written {
            taken.failed.get_or_insert(error);
        }
        taken.alone.insert(user, entry);
    }

    /// Captures pages until about so many bytes were written for them; gives whether that was all.
    pub(super) fn capture_some(&mut self, bytes: u64) -> bool {
        let mut end = None;
        loop {
            let Some(shelf) = &self.shelf else { return true };
            if shelf.capture.taken.as_ref().is_none_or(Taken::is_whole) {
                return true;
            }
            let put = shelf.heap.put_bytes();
            if put >= *end.get_or_insert(put.saturating_add(bytes)) {
                return false;
            }
            self.capture_next();
        }
    }

    /// Captures a section, a piece of one or a page, and more where less than this share of all is captured; gives whether
    /// that was all.
    pub(super) fn capture_share(&mut self, share: f64) -> bool {
        loop {
            self.capture_next();
            let taken = self.shelf.as_ref().and_then(|shelf| shelf.capture.taken.as_ref());
            let Some(taken) = taken.filter(|taken| !taken.is_whole()) else { return true };
            if taken.steps() as f64 <= taken.steps as f64 * (1.0 - share) {
                return false;
            }
        }
    }

    /// Captures a piece of a section or a page, if any is left.
    fn capture_next(&mut self) {
        let Some(shelf) = &mut self.shelf else { return };
        let capture = &mut shelf.capture;
        let Some(taken) = &mut capture.taken else { return };
        if let Some(section) = taken.unsealed.last_mut() {
            let heap = (&*shelf.vault, &*shelf.heap);
            match section.put_some(heap, &self.store.symbols, &capture.written, &mut taken.written) {
                Ok(None) => {}
                Ok(Some(place)) => {
                    taken.sections.push(place);
                    taken.unsealed.pop();
                }
                Err(error) => {
                    taken.failed.get_or_insert(error);
                    taken.given_up.extend(taken.unsealed.pop().map(Unsealed::given_up).into_iter().flatten());
                }
            }
            taken.end = shelf.heap.put_bytes();
        } else if let Some(page) = taken.todo.min() {
            self.capture_page(page);
        }
    }

    fn capture_page(&mut self, page: u32) {
        let captured = self.write_page(page);
        let Some(shelf) = &mut self.shelf else { return };
        let capture = &mut shelf.capture;
        let Some(taken) = &mut capture.taken else { return };
        taken.todo.remove(page);
        match captured {
            Ok(place) => capture.dead.add(std::mem::replace(&mut capture.pages[page as usize], place)),
            Err(error) => drop(taken.failed.get_or_insert(error)),
        }
        taken.end = shelf.heap.put_bytes();
    }

    fn write_page(&mut self, page: u32) -> Result<Place, storage::Error> {
        let (mut entries, mut count) = (Vec::new(), 0_usize);
        for user in (page * PAGE_USERS..(page + 1) * PAGE_USERS).map(UserKey) {
            let before = entries.len();
            let taken = self.shelf.as_mut().and_then(|shelf| shelf.capture.taken.as_mut());
            match taken.and_then(|taken| taken.alone.remove(&user)) {
                Some(entry) => entries.extend_from_slice(&entry),
                None => self.write_entry(user, &mut entries)?,
            }
            count += usize::from(entries.len() > before);
        }
        let Some(shelf) = &self.shelf else { return Ok(Place::NONE) };
        let mut bytes = Vec::with_capacity(entries.len() + 2);
        count.write(&mut bytes);
        bytes.extend_from_slice(&entries);
        shelf.heap.put(&bytes)
    }

    /// Writes what a page says of a user, and before it the user's record where that is not as the user is; nothing of
    /// one who is not there, or came since.
    fn write_entry(&mut self, user: UserKey, out: &mut Vec<u8>) -> Result<(), storage::Error> {
        let taken = self.shelf.as_ref().and_then(|shelf| shelf.capture.taken.as_ref());
        if taken.is_none_or(|taken| user.0 >= taken.numbers) || !self.store.profiles.is_there(user) {
            return Ok(());
        }
        if self.store.profiles.is_here(user) {
            self.save(user)?;
        }
        let Some(shelf) = &mut self.shelf else { return Ok(()) };
        let row = *shelf.row(user);
        let is_moved = |taken: &Taken| taken.emptied.contains(&row.place.file());
        if shelf.capture.taken.as_ref().is_some_and(is_moved) {
            let mut sealed = Vec::new();
            shelf.heap.get(row.place, &mut sealed)?;
            let moved = shelf.heap.put(&sealed)?;
            shelf.row(user).place = moved;
            shelf.capture.dead.add(row.place);
        }
        let (mut names, mut ids) = (Vec::new(), Vec::new());
        write_names(self.store.name(user), self.store.ids(user), &mut names);
        self.journeys.write_actions(user, &mut names);
        shelf.vault.seal(row.slot, IDS, &names, &mut ids)?;
        let entry = Entry {
            place_in_page: (user.0 % PAGE_USERS) as u8,
            slots: shelf.slots(user).collect(),
            record: shelf.rows[user.0 as usize].place,
            deadline: self.users[user.0 as usize].deadline(),
            ids: &ids,
        };
        entry.write(out);
        Ok(())
    }

    /// Where the clock was as the checkpoint began that is being taken.
    pub(super) fn captured_at(&self) -> Option<Instant> {
        Some(self.shelf.as_ref()?.capture.taken.as_ref()?.clock)
    }

    /// How many first bytes of those that were put into the heap have to be sure before the root is made.
    pub(super) fn captured_to(&self) -> Option<u64> {
        self.shelf.as_ref()?.capture.taken.as_ref().map(|taken| taken.end)
    }

    /// The root of the checkpoint, once everything was captured and is sure to outlive the machine.
    pub(super) fn ending(&self) -> Option<Arc<Ending>> {
        self.shelf.as_ref()?.capture.taken.as_ref()?.ending.clone()
    }

    /// Makes the root of the checkpoint, once everything was captured and is sure to outlive the machine.
    ///
    /// # Errors
    /// Something of it could not be written. The checkpoint is given up; the one before still holds.
    pub(super) fn make_ending(&mut self, keep: impl FnOnce(u64) -> Kept) -> Result<(), storage::Error> {
        let Some(shelf) = &mut self.shelf else { return Ok(()) };
        let capture = &mut shelf.capture;
        let Some(taken) = &mut capture.taken else { return Ok(()) };
        if let Some(error) = taken.failed.clone() {
            self.give_up_checkpoint();
            return Err(error);
        }
        let mut sections = std::mem::take(&mut taken.sections);
        let chunk = sections.pop();
        let before = std::mem::replace(&mut capture.sections, sections);
        capture.give_up_places(before.iter().flat_map(SectionPlace::places));
        let Some(taken) = &mut capture.taken else { return Ok(()) };
        capture.written = std::mem::take(&mut taken.written);
        let (written, is_all) = taken.seen;
        // As it was at its input: what was forgotten since is asked for when inputs behind it are replayed.
        let passed = capture.seen.extract_if(.., |(generation, _)| is_all || *generation < written.oldest);
        capture.dead.extend(passed.flat_map(|(_, chunk)| chunk.places().collect::<Vec<_>>()));
        capture.seen.extend(chunk.map(|chunk| (written.generation, chunk)));
        self.seen.set_written(written);
        shelf.heap.free(&std::mem::take(&mut capture.dead));
        let kept = keep(taken.next_input);
        taken.ending = Some(Arc::new(Ending::new(Root {
            next_input: taken.next_input,
            file: taken.definitions.0.clone(),
            definitions: taken.definitions.1.clone(),
            versions: taken.versions.clone(),
            erased: taken.erased.clone(),
            slots: shelf.vault.slots(),
            numbers: taken.numbers,
            free: taken.free.clone(),
            pages: capture.pages[..taken.numbers.div_ceil(PAGE_USERS) as usize].to_vec(),
            sections: capture.sections.iter().map(|section| section.last).collect(),
            seen: capture.seen.iter().map(|(generation, chunk)| (*generation, chunk.last)).collect(),
            files: shelf.heap.files().into_iter().filter(|file| file.live > 0).collect(),
            kept,
        })));
        Ok(())
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
            capture.give_up_places(taken.sections.iter().flat_map(SectionPlace::places));
            capture.give_up_places(taken.unsealed.into_iter().flat_map(Unsealed::given_up));
            capture.give_up_places(taken.given_up);
        }
    }
}
