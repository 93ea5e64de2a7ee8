//! Who is in memory: users come back before anybody looks at them, and go when there are too many.

use crate::definitions::Definitions;
use crate::engine::capture::Capture;
use crate::engine::{Partition, StoreHealth};
use crate::model::{Body, Bytes, Instant, Malformed, Message, Pages};
use crate::profile::{PackedReader, PackedWriter, Profile, Shape, UserKey};
use crate::segment::Memberships;
use crate::storage::{self, Heap, HeapBytes, Place, Slot, Vault};
use hashbrown::HashMap;
use parking_lot::RwLock;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// What sealed records of users are sealed for, so that none passes for one of another kind.
pub(super) const USER: &[u8] = b"user";

/// Where the users of a partition are who are not in memory, and what the next checkpoint has to write.
///
/// Invariants: 1. whoever is away has a record at its place, and that is its state. 2. whoever is here and not `changed`
/// has one too. 3. `bytes` is the sum of all sizes. 4. whoever has a size is in `turns` once, and nobody is there twice.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) heap: Arc<Heap>,
    pub(super) vault: Arc<Vault>,
    pub(super) rows: Pages<Row>,
    /// Keys of profiles that were absorbed: what is written about those is about the user.
    pub(super) more_slots: HashMap<UserKey, Vec<Slot>, ahash::RandomState>,
    /// The definitions that hold, and the file that they came from.
    pub(super) definitions: (Option<Box<str>>, Box<str>),
    /// Keys of users who were erased; they go with the next checkpoint.
    pub(super) erased: Vec<Slot>,
    /// Keys of inputs from which nobody came; they go with the next checkpoint too, which is not taken for their sake.
    pub(super) unused: BTreeSet<Slot>,
    /// Keys of users who went to another partition; nobody waits for them to go with the next checkpoint.
    pub(super) parted: Vec<Slot>,
    /// Bytes of those who are in memory, and how many there may be.
    bytes: usize,
    limit: usize,
    /// Those who are in memory, in the order in which they are asked whether they were used since they were asked last; and
    /// some who went meanwhile. So asking costs nothing for the many who are away.
    turns: VecDeque<UserKey>,
    pub(super) capture: Capture,
    /// Why a user could not come back. What was done since then counts for nothing.
    failed: Option<storage::Error>,
    plain: Vec<u8>,
    sealed: Vec<u8>,
}

/// What is known of a user wherever it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// Its latest record.
    pub(super) place: Place,
    /// What is written about it is sealed under this key.
    pub(super) slot: Slot,
    /// Bytes that it takes in memory; 0 while it is away.
    size: u32,
    /// Whether its state is another one than its record.
    pub(super) changed: bool,
    /// Whether it is in `turns`.
    has_turn: bool,
    /// How many inputs looked at it since it was asked last, up to [`USES_MAX`]; [`CAME`] before the first one did.
    uses: u8,
    /// Low bits of the number of the last of these inputs: an input looks more than once.
    last: u8,
}

/// How many turns pass by whoever is used often. With that, and because the use that somebody came for does
/// not count, those stay who come again and again, and not those who came last.
const USES_MAX: u8 = 3;
const CAME: u8 = u8::MAX;

impl Row {
    /// That of a user who is away.
    pub(super) fn away(place: Place, slot: Slot) -> Row {
        Row { place, slot, ..Row::default() }
    }

    /// Notes that an input looks at it.
    fn note_use(&mut self, input: u64) {
        if std::mem::replace(&mut self.last, input as u8) != input as u8 {
            self.uses = if self.uses == CAME { 0 } else { USES_MAX.min(self.uses + 1) };
        }
    }

    /// Notes that its turn passes by; gives whether it was used.
    fn pass(&mut self) -> bool {
        let uses = self.uses;
        self.uses = if uses == CAME { 0 } else { uses.saturating_sub(1) };
        uses > 0
    }
}

impl Default for Row {
    fn default() -> Row {
        Row {
            place: Place::NONE,
            slot: Slot::STORE,
            size: 0,
            changed: false,
            has_turn: false,
            uses: 0,
            last: 0,
        }
    }
}

impl Shelf {
    pub(super) fn new(heap: Arc<Heap>, vault: Arc<Vault>, definitions: &Definitions, limit: usize) -> Shelf {
        Shelf {
            heap,
            vault,
            rows: Pages::default(),
            more_slots: HashMap::default(),
            definitions: text_of(definitions),
            erased: Vec::new(),
            unused: BTreeSet::new(),
            parted: Vec::new(),
            bytes: 0,
            limit,
            turns: VecDeque::new(),
            capture: Capture::default(),
            failed: None,
            plain: Vec::new(),
            sealed: Vec::new(),
        }
    }

    /// Bytes of those who are in memory.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn row(&mut self, user: UserKey) -> &mut Row {
        while self.rows.len() <= user.0 as usize {
            self.rows.push(Row::default());
        }
        &mut self.rows[user.0 as usize]
    }

    /// Has a user asked behind all others who are in memory, unless it is among them.
    fn give_turn(&mut self, user: UserKey) {
        if !std::mem::replace(&mut self.row(user).has_turn, true) {
            self.turns.push_back(user);
        }
    }

    /// Notes that something about a user was sealed under a key.
    pub(super) fn note_slot(&mut self, user: UserKey, slot: Slot) {
        // Whose profile was over when a message came that was sealed before has the key that it had.
        self.erased.retain(|erased| *erased != slot);
        self.unused.remove(&slot);
        self.add_slot(user, slot);
    }

    fn add_slot(&mut self, user: UserKey, slot: Slot) {
        let row = self.row(user);
        if row.slot == Slot::STORE {
            row.slot = slot;
        } else if row.slot != slot && slot != Slot::STORE {
            let more = self.more_slots.entry(user).or_default();
            if !more.contains(&slot) {
                more.push(slot);
            }
        }
    }

    /// Notes that an input was sealed under a key, and is about nobody who has it.
    pub(super) fn note_unused(&mut self, users: &[UserKey], slot: Slot) {
        let is_used = |user: &UserKey| self.slots(*user).any(|own| own == slot);
        if slot != Slot::STORE && !users.iter().any(is_used) {
            self.unused.insert(slot);
        }
    }

    /// Gives keys of their own to a user and to those who were taken out of it. What is sealed under those that it had, and
    /// under that of the input which says so, is about all of them, and goes with whoever is erased first.
    pub(super) fn split(&mut self, user: UserKey, parts: &[UserKey], slot: Slot) {
        let joint: Vec<Slot> = self.slots(user).chain([slot]).collect();
        for own in parts.iter().copied().chain([user]) {
            // Without randomness it keeps what it has.
            let Ok(fresh) = self.vault.fresh() else { continue };
            self.row(own).slot = fresh;
            joint.iter().for_each(|slot| self.add_slot(own, *slot));
        }
    }

    /// A user is no more: its number may be another's from now on. What was sealed about it goes with the next
    /// checkpoint, or belongs to the user who took it over.
    pub(super) fn drop_user(&mut self, user: UserKey, heir: Option<UserKey>) {
        let slots: Vec<Slot> = self.slots(user).collect();
        match heir {
            Some(heir) => slots.into_iter().for_each(|slot| self.add_slot(heir, slot)),
            None => self.erased.extend(slots),
        }
        self.more_slots.remove(&user);
        let row = self.row(user);
        // Its turn is in its place still, for whoever gets its number.
        let gone = Row { has_turn: row.has_turn, ..Row::default() };
        let row = std::mem::replace(row, gone);
        self.bytes -= row.size as usize;
        self.capture.give_up(user, row.place);
    }

    /// Everything under which records about a user are sealed.
    pub(super) fn slots(&self, user: UserKey) -> impl Iterator<Item = Slot> + '_ {
        let own = (self.rows.len() > user.0 as usize).then(|| self.rows[user.0 as usize].slot);
        let more = self.more_slots.get(&user).into_iter().flatten().copied();
        own.into_iter().filter(|slot| *slot != Slot::STORE).chain(more)
    }

    /// Writes a record for a user into the heap, and gives up the one before.
    fn put(&mut self, user: UserKey, plain: &[u8]) -> Result<(), storage::Error> {
        let slot = self.row(user).slot;
        self.sealed.clear();
        self.vault.seal(slot, USER, plain, &mut self.sealed)?;
        let place = self.heap.put(&self.sealed)?;
        let row = self.row(user);
        row.changed = false;
        let before = std::mem::replace(&mut row.place, place);
        self.capture.give_up(user, before);
        Ok(())
    }
}

impl Partition {
    /// Says that a user is about to change. It is in memory afterwards, and a checkpoint that is being taken has what it
    /// was before.
    #[inline]
    pub(super) fn touch(&mut self, user: UserKey) {
        if self.shelf.is_some() {
            self.bring(user);
            self.capture_before(user);
            if let Some(shelf) = &mut self.shelf
                && !std::mem::replace(&mut shelf.row(user).changed, true)
            {
                shelf.capture.note(user);
            }
        }
    }

    /// Says that what a user has in the outbox is about to change. It need not be in memory for that.
    pub(super) fn touch_actions(&mut self, user: UserKey) {
        self.capture_before(user);
        if let Some(shelf) = &mut self.shelf {
            shelf.capture.note(user);
        }
    }

    /// Touches everybody whom a message may change, and whom the number will belong to of anybody it makes.
    pub(super) fn touch_named(&mut self, message: &Message) {
        if self.shelf.is_some() {
            self.store.named(message).into_iter().for_each(|user| self.touch(user));
        }
        if self.is_taking_checkpoint() {
            let next: Vec<UserKey> = self.store.profiles.coming(makes_max(message)).collect();
            next.into_iter().for_each(|user| self.capture_before(user));
        }
    }

    /// Notes that a message may have been sealed under a key that nobody has: what it says is for nobody to keep.
    pub(super) fn note_unused(&mut self, message: &Message, slot: Slot) {
        if let Some(shelf) = &mut self.shelf {
            shelf.note_unused(&self.store.named(message), slot);
        }
    }

    /// A user is no more; another one may have taken over what was known of it.
    pub(super) fn drop_from_shelf(&mut self, user: UserKey, heir: Option<UserKey>) {
        if let Some(shelf) = &mut self.shelf {
            shelf.drop_user(user, heir);
        }
    }

    /// Sees to it that a user is in memory.
    pub(super) fn bring(&mut self, user: UserKey) {
        let Some(shelf) = &mut self.shelf else { return };
        shelf.row(user).note_use(self.sequence);
        if self.store.profiles.is_here(user) {
            return;
        }
        if let Err(error) = self.load(user) {
            // Nothing that follows counts: the engine refuses everything from here on.
            self.store.bring_back_empty(user);
            if let Some(shelf) = &mut self.shelf {
                shelf.failed.get_or_insert(error);
            }
        }
    }

    /// Why the state in memory counts for nothing, if so.
    pub(super) fn failure(&self) -> Option<&storage::Error> {
        self.shelf.as_ref()?.failed.as_ref()
    }

    /// Says that the state in memory counts for nothing.
    pub(super) fn fail(&mut self, error: storage::Error) {
        match &mut self.shelf {
            Some(shelf) => drop(shelf.failed.get_or_insert(error)),
            // Nothing was written and read: it is as it was made.
            None => debug_assert!(false, "{error}"),
        }
    }

    /// Reads a user's record, and puts what it says where it belongs. After an error the user is away as before.
    pub(super) fn load(&mut self, user: UserKey) -> Result<(), storage::Error> {
        match self.away(user) {
            Some(away) => self.install(&away, &away.read()?),
            None => Ok(()),
        }
    }

    pub(super) fn read_user(&mut self, user: UserKey, plain: &[u8]) -> Result<(), Malformed> {
        let mut from = Bytes::new(plain);
        let from = &mut from;
        let name = self.store.name(user).clone();
        let store = &mut self.store;
        let shape = Shape { keep: &store.keep, rules: &store.rules };
        let mut values = PackedReader::new(&mut store.symbols);
        let profile = Profile::read(from, shape, &mut values, &name)?;
        let memberships = Memberships::read(from, &self.compiled.plan, &mut values)?;
        values.keep();
        let beside = match self.read_beside(from).and_then(|beside| from.end().map(|()| beside)) {
            Ok(beside) => beside,
            Err(error) => {
                profile.release(&mut self.store.symbols);
                memberships.release(&mut self.store.symbols);
                return Err(error);
            }
        };
        self.store.bring_back(user, profile);
        self.users[user.0 as usize].memberships = memberships;
        self.put_beside(user, beside);
        self.find_expiry(user);
        Ok(())
    }

    /// All of a user that leaves memory with it.
    pub(super) fn write_user(&self, user: UserKey, out: &mut Vec<u8>) {
        let store = &self.store;
        let shape = Shape { keep: &store.keep, rules: &store.rules };
        let mut values = PackedWriter::new(&store.symbols);
        store.get(user).write(shape, &mut values, out);
        self.users[user.0 as usize].memberships.write(&mut values, out);
        self.write_beside(user, out);
    }

    /// Writes the record of a user who is in memory, where its state is another one.
    pub(super) fn save(&mut self, user: UserKey) -> Result<(), storage::Error> {
        let Some(shelf) = &mut self.shelf else { return Ok(()) };
        if !shelf.row(user).changed {
            return Ok(());
        }
        let mut plain = std::mem::take(&mut shelf.plain);
        plain.clear();
        self.write_user(user, &mut plain);
        let Some(shelf) = &mut self.shelf else { return Ok(()) };
        let saved = shelf.put(user, &plain);
        shelf.plain = plain;
        saved
    }

    /// Sends a user away. After an error it is in memory as before.
    fn send_away(&mut self, user: UserKey) -> Result<(), storage::Error> {
        self.save(user)?;
        self.store.send_away(user);
        let row = &mut self.users[user.0 as usize];
        let deadline = row.deadline();
        let memberships = std::mem::take(&mut row.memberships);
        memberships.release(&mut self.store.symbols);
        // The wheel asks for the deadline of those who are away too.
        row.journey_due = deadline;
        self.take_beside(user);
        if let Some(shelf) = &mut self.shelf {
            let size = std::mem::take(&mut shelf.row(user).size);
            shelf.bytes -= size as usize;
        }
        Ok(())
    }

    /// Has the histories of those rest who were looked at longest ago, while too many are awake, but of no more than so many.
    pub(super) fn rest(&mut self, most: usize) {
        for _ in 0..most {
            let Some(user) = self.store.profiles.rest_one(&self.store.keep) else { return };
            self.weigh(user);
        }
    }

    /// Notes what a user takes in memory now.
    pub(super) fn weigh(&mut self, user: UserKey) {
        if self.shelf.is_none() {
            return;
        }
        let size = self.store.get(user).heap_bytes()
            + size_of::<Profile>()
            + self.users[user.0 as usize].memberships.heap_bytes()
            + self.beside_bytes(user);
        let Some(shelf) = &mut self.shelf else { return };
        let row = shelf.row(user);
        let before = std::mem::replace(&mut row.size, u32::try_from(size).unwrap_or(u32::MAX));
        shelf.bytes = shelf.bytes + row_size(size) - before as usize;
        shelf.give_turn(user);
    }

    /// Sends those away who were used least of late, until the others fit. Where the disk refuses, more stay than fit: nothing is lost, and it is tried again after the next input.
    pub(super) fn trim(&mut self) {
        // There is an end to it: every turn forgets a use, or is the last one of its user.
        while let Some(shelf) = &mut self.shelf
            && shelf.bytes > shelf.limit
            && shelf.failed.is_none()
            && let Some(user) = shelf.turns.pop_front()
        {
            let row = shelf.row(user);
            row.has_turn = false;
            if row.size == 0 {
                continue;
            }
            if row.pass() {
                shelf.give_turn(user);
            } else if self.send_away(user).is_err() {
                self.shelf.iter_mut().for_each(|shelf| shelf.give_turn(user));
                return;
            }
        }
    }

    /// The key that records of a user are sealed under.
    pub(super) fn slot(&self, user: UserKey) -> Slot {
        let rows = self.shelf.as_ref().map(|shelf| &shelf.rows);
        let row = rows.filter(|rows| rows.len() > user.0 as usize).map(|rows| rows[user.0 as usize].slot);
        row.unwrap_or(Slot::STORE)
    }

    /// Whether records of a user are sealed under a key. O(users).
    pub(super) fn uses(&self, slot: Slot) -> bool {
        self.store
            .keys()
            .any(|user| self.shelf.as_ref().is_some_and(|shelf| shelf.slots(user).any(|own| own == slot)))
    }

    /// What the store takes.
    pub(super) fn store_health(&self) -> Option<StoreHealth> {
        let shelf = self.shelf.as_ref()?;
        let HeapBytes { live, dead } = shelf.heap.waste();
        Some(StoreHealth {
            heap_live: live,
            heap_dead: dead,
            resident: shelf.bytes as u64,
            ..StoreHealth::default()
        })
    }

    /// Whether users were erased whose keys are still there.
    pub(super) fn erases(&self) -> bool {
        self.shelf.as_ref().is_some_and(|shelf| !shelf.erased.is_empty())
    }

    /// Whether keys are there of users who went to another partition.
    pub(super) fn has_parted(&self) -> bool {
        self.shelf.as_ref().is_some_and(|shelf| !shelf.parted.is_empty())
    }

    /// Users who are due up to an instant and away, about so many of them; nothing changes.
    pub(super) fn due_away(&mut self, until: Instant, limit: usize) -> Vec<UserKey> {
        let (mut due, mut away) = (Vec::new(), Vec::new());
        if self.shelf.is_none() || self.next_due().is_none_or(|next| next > until) {
            return away;
        }
        let is_away = |user: &UserKey| !self.store.profiles.is_here(*user);
        if self.unfinished.at().is_some_and(|at| at <= until) {
            return self.unfinished.users().iter().rev().take(limit).copied().filter(is_away).collect();
        }
        while away.len() < limit && self.next_hinted(until).is_some() {
            away.extend(self.due.iter().filter(|user| !self.store.profiles.is_here(**user)));
            due.append(&mut self.due);
        }
        // Their hints are gone, and they are still due.
        for user in due {
            let row = &mut self.users[user.0 as usize];
            row.hinted = row.deadline();
            self.timers.schedule(row.hinted, user);
        }
        away
    }

    /// What has to be read for a user who is away.
    pub(super) fn away(&self, user: UserKey) -> Option<Away> {
        let shelf = self.shelf.as_ref()?;
        if self.store.profiles.is_here(user) || !self.store.profiles.is_there(user) {
            return None;
        }
        let Row { place, slot, .. } = shelf.rows[user.0 as usize];
        Some(Away { user, place, slot, heap: shelf.heap.clone(), vault: shelf.vault.clone() })
    }

    /// Brings a user back whose record was read, unless it has come back or changed meanwhile.
    fn install(&mut self, away: &Away, plain: &[u8]) -> Result<(), storage::Error> {
        if self.away(away.user).is_none_or(|now| now.place != away.place) {
            return Ok(());
        }
        self.read_user(away.user, plain).map_err(|error| away.heap.corrupt(away.place, error.to_string()))?;
        if let Some(shelf) = &mut self.shelf {
            shelf.row(away.user).uses = CAME;
        }
        self.weigh(away.user);
        Ok(())
    }

    /// Brings everybody back, to be looked at.
    pub(super) fn bring_everybody(&mut self) -> Result<(), storage::Error> {
        self.store.keys().collect::<Vec<_>>().into_iter().try_for_each(|user| self.load(user))
    }

    /// Brings everybody back: something is to change for all of them. Memory for all of them is needed then.
    pub(super) fn bring_all(&mut self) {
        if self.shelf.is_some() {
            for user in self.store.keys().collect::<Vec<_>>() {
                self.touch(user);
            }
        }
    }
}

/// A user who is away, and how to read what it is.
#[derive(Debug)]
pub(super) struct Away {
    user: UserKey,
    place: Place,
    slot: Slot,
    heap: Arc<Heap>,
    vault: Arc<Vault>,
}

impl Away {
    fn read(&self) -> Result<Vec<u8>, storage::Error> {
        let mut bytes = Vec::new();
        self.heap.get(self.place, &mut bytes)?;
        match self.vault.open_in_place(self.slot, USER, &mut bytes)? {
            true => Ok(bytes),
            false => Err(self.heap.corrupt(self.place, "the key that it is sealed under was erased")),
        }
    }
}

/// Brings a user back, and reads the disk while nothing is locked.
pub(super) fn bring(partition: &RwLock<Partition>, user: UserKey) -> Result<(), storage::Error> {
    loop {
        let Some(away) = partition.read().away(user) else { return Ok(()) };
        match away.read() {
            Ok(plain) => partition.write().install(&away, &plain)?,
            // Its file may have gone because it was moved to another one, or came back and has another one since.
            Err(_) if partition.read().away(user).is_none_or(|now| now.place != away.place) => {}
            Err(error) => return Err(error),
        }
    }
}

/// The text of definitions, and the file that it came from.
pub(super) fn text_of(definitions: &Definitions) -> (Option<Box<str>>, Box<str>) {
    (definitions.file().map(Into::into), definitions.text().into())
}

/// Most profiles that a message makes.
fn makes_max(message: &Message) -> usize {
    match &message.body {
        Body::Split { ids } => ids.len(),
        _ => 1,
    }
}

fn row_size(size: usize) -> usize {
    u32::try_from(size).unwrap_or(u32::MAX) as usize
}
