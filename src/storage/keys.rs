use crate::model::{Bytes, Malformed, Pages, Record};
use crate::storage::head::{Head, check_there, read_at};
use crate::storage::seal::{Key, Sealer};
use crate::storage::{Disk, DiskFile, Error};
use parking_lot::{Mutex, RwLock};
use std::collections::BTreeSet;
use std::io;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Where a key is: the pseudonym of a user in everything that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Slot(pub(crate) u32);

impl Slot {
    /// The slot of the store's own key, for what is about nobody.
    pub(crate) const STORE: Slot = Slot(0);

    pub(super) fn position(self) -> u64 {
        SLOTS_AT + u64::from(self.0) * SLOT as u64
    }
}

impl Record for Slot {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }

    fn read(from: &mut Bytes<'_>) -> Result<Slot, Malformed> {
        from.read().map(Slot)
    }
}

/// The keys of a store: the file `keys`, and all of it in memory.
///
/// | part of the file | bytes |
/// | --- | --- |
/// | [`Head`] | 24 |
/// | two cells of the epoch | 12 each: the number, little-endian, and XXH3 of it seeded with the cell |
/// | slots | 40 each: the key, and XXH3 of it seeded with the slot |
///
/// An erased slot has 32 zero bytes for a key, with their XXH3; one that was never written is all zeros, and so is not
/// taken for an erased one: of a user who was forgotten the store has nothing, of one whose key is lost it has damage.
///
/// Each opening has an *epoch*, a number that no other opening had: nonces are made of it. The newest is written over
/// the older of the two cells, so that one is always whole.
///
/// Any thread may ask for keys; nobody who does waits for the disk. Of key and memory a slot takes 32 bytes.
#[derive(Debug)]
pub(crate) struct Keyring {
    file: Box<dyn DiskFile>,
    /// What errors call the file.
    name: String,
    held: RwLock<Held>,
    /// Held by who writes to the file, for as long as that takes. Taken before `held`.
    written: Mutex<Written>,
    /// Held by who syncs, for as long as that takes: others may write meanwhile. Taken before `written`.
    syncing: Mutex<()>,
}

#[derive(Debug, Default)]
struct Held {
    /// Erased and damaged ones are zeros.
    keys: Pages<Key>,
    /// Slots that were not what is written there when the file was opened.
    damaged: BTreeSet<u32>,
    /// Random keys that no slot has yet: to ask the system for each costs more than the key of a user otherwise does.
    drawn: Vec<Key>,
}

/// Which slots are in the file.
#[derive(Debug)]
struct Written {
    /// The slots below were written.
    saved: u32,
    /// The slots below outlive the machine.
    synced: u32,
    /// Erased ones below `saved` of which that is not sure.
    erased: BTreeSet<u32>,
}

const FILE: &str = "keys";
const FILE_NEW: &str = "keys.new";
const HEAD: Head = Head { magic: *b"bespokeK", format: 1, number: 0 };
const CELL: usize = 12;
const CELLS_AT: [u64; 2] = [Head::BYTES as u64, (Head::BYTES + CELL) as u64];
const SLOTS_AT: u64 = (Head::BYTES + 2 * CELL) as u64;
const SLOT: usize = Key::BYTES + 8;
/// Keys that are drawn from the system at once.
const DRAWN: usize = 64;
/// Slots that are read at once: 1.3 MB.
const SLOTS_READ: u32 = 1 << 15;
/// How far the epoch goes where a cell is damaged: further than what it may have held.
const EPOCH_JUMP: u32 = 16;

impl Keyring {
    /// Opens the keys of a store, or makes them, and begins a new epoch; gives its only sealer.
    ///
    /// Reads the whole file. Damaged slots are no error before they are asked for.
    ///
    /// # Errors
    /// Whatever the disk says; a file that is not one of keys, or of a newer format. No epoch is given twice even where
    /// an opening fails midway.
    pub(crate) fn open(disk: &dyn Disk) -> Result<(Keyring, Sealer), Error> {
        let name = disk.describe(FILE);
        let file = match disk.open(FILE) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(disk, &name)?,
            Err(error) => return Err(Error::io("open", name, error)),
        };
        // Whoever made the file may have been stopped before this.
        disk.sync_folder().map_err(|error| Error::io("sync the folder of", name.clone(), error))?;
        HEAD.check(&*file, &name)?;
        let held = load(&*file, &name)?;
        let slots = held.keys.len() as u32;
        // Syncs the whole file: slots that an earlier process wrote and did not sync are safe from here on.
        let epoch = begin_epoch(&*file, &name)?;
        let written = Mutex::new(Written { saved: slots, synced: slots, erased: BTreeSet::new() });
        Ok((
            Keyring { file, name, held: RwLock::new(held), written, syncing: Mutex::new(()) },
            Sealer::new(epoch),
        ))
    }

    /// The keys of a store, to be looked at. Nothing is written.
    ///
    /// # Errors
    /// As [`open`](Keyring::open), and where there are none.
    pub(crate) fn look(disk: &dyn Disk) -> Result<Keyring, Error> {
        let name = disk.describe(FILE);
        let file = disk.open(FILE).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::corrupt(&*name, 0, "it is missing: restore it from a backup"),
            _ => Error::io("open", &*name, error),
        })?;
        HEAD.check(&*file, &name)?;
        let held = load(&*file, &name)?;
        let slots = held.keys.len() as u32;
        let written = Mutex::new(Written { saved: slots, synced: slots, erased: BTreeSet::new() });
        Ok(Keyring { file, name, held: RwLock::new(held), written, syncing: Mutex::new(()) })
    }

    /// Makes sure that the file was not removed.
    ///
    /// # Errors
    /// It was, or the disk says something else.
    pub(crate) fn check_there(&self) -> Result<(), Error> {
        check_there(&*self.file, &self.name)
    }

    /// A new key, in memory. It must be [saved](Keyring::save) before anything is written that is sealed with it. Its
    /// slot is never given again, used or not.
    ///
    /// # Errors
    /// The system has no randomness to give, or all 2^32 slots are taken.
    pub(crate) fn fresh(&self) -> Result<Slot, Error> {
        let refused = |error: io::Error| Error::io("draw a key for", self.name.clone(), error);
        let mut held = self.held.write();
        let slot = u32::try_from(held.keys.len()).ok().filter(|&slot| slot < u32::MAX);
        let slot = slot.ok_or_else(|| refused(io::Error::other("all slots are taken")))?;
        if held.drawn.is_empty() {
            let mut random = [0; DRAWN * Key::BYTES];
            getrandom::fill(&mut random).map_err(|error| refused(error.into()))?;
            held.drawn.extend(random.as_chunks().0.iter().map(|key| Key(*key)));
        }
        let key = held.drawn.pop().expect("keys were drawn");
        held.keys.push(key);
        Ok(Slot(slot))
    }

    /// Writes the keys that are new since the last time, all at once.
    ///
    /// # Errors
    /// Whatever the disk says; they are written the next time then.
    pub(crate) fn save(&self) -> Result<(), Error> {
        self.save_new(&mut self.written.lock())
    }

    /// Makes sure that all keys and erasures outlive the machine; nothing to do where nothing is new.
    ///
    /// # Errors
    /// Whatever the disk says; all that was not sure is written again the next time.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        self.settle(&[])
    }

    /// The key of a slot; nothing where it was erased. Never waits for the disk.
    ///
    /// # Errors
    /// What is at the slot is not what was written there, or nothing ever was.
    pub(crate) fn key(&self, slot: Slot) -> Result<Option<Key>, Error> {
        let held = self.held.read();
        if slot.0 as usize >= held.keys.len() || held.damaged.contains(&slot.0) {
            return Err(damage(&self.name, slot));
        }
        let key = &held.keys[slot.0 as usize];
        Ok((!is_erased(key)).then(|| key.clone()))
    }

    /// Overwrites keys where they stand, and syncs: what was sealed with them is gone for ever. In memory they are gone
    /// at once, whatever the disk says. Damaged slots are in order afterwards.
    ///
    /// # Errors
    /// Whatever the disk says: the keys may still be in the file. They are overwritten by the next
    /// [`sync`](Keyring::sync) or [`erase`](Keyring::erase).
    pub(crate) fn erase(&self, slots: &[Slot]) -> Result<(), Error> {
        {
            let mut held = self.held.write();
            if let Some(&slot) = slots.iter().find(|slot| slot.0 as usize >= held.keys.len()) {
                return Err(damage(&self.name, slot));
            }
            for slot in slots {
                held.keys[slot.0 as usize] = Key([0; Key::BYTES]);
                held.damaged.remove(&slot.0);
            }
        }
        self.settle(slots)
    }

    /// How many slots were given, erased ones too.
    pub(crate) fn slots(&self) -> u32 {
        self.held.read().keys.len() as u32
    }

    /// Makes sure that the file had as many slots as the checkpoint knows of: from one that was cut short, slots would
    /// be given again.
    ///
    /// # Errors
    /// It has fewer.
    pub(crate) fn check_slots(&self, slots: u32) -> Result<(), Error> {
        if self.slots() < slots { Err(damage(&self.name, Slot(self.slots()))) } else { Ok(()) }
    }

    /// Slots whose key was not there, or not whole, when the file was opened.
    ///
    /// A stop in the middle of [`save`](Keyring::save) leaves some that nothing was sealed with. Once it is known which
    /// slots are in use, the others of these are to be [erased](Keyring::erase).
    pub(crate) fn damaged(&self) -> Vec<Slot> {
        self.held.read().damaged.iter().map(|&slot| Slot(slot)).collect()
    }

    /// Reads the whole file again, and compares it with its checksums. Gives all that is not what was written there, in
    /// the first `slots`.
    ///
    /// # Errors
    /// Whatever the disk says; a file that is shorter.
    pub(crate) fn verify(&self, slots: u32) -> Result<Vec<Error>, Error> {
        let written = self.written.lock();
        let mut damages = Vec::new();
        HEAD.check(&*self.file, &self.name)?;
        for (cell, at) in CELLS_AT.into_iter().enumerate() {
            if read_epoch(&*self.file, &self.name, cell)?.is_none() {
                let message = "the number of an opening is not what was written: the next opening repairs it";
                damages.push(Error::corrupt(&*self.name, at, message));
            }
        }
        read_slots(&*self.file, &self.name, slots.min(written.saved), |slot, key| {
            if key.is_none() {
                damages.push(damage(&self.name, slot));
            }
            Ok(())
        })?;
        Ok(damages)
    }

    fn save_new(&self, written: &mut Written) -> Result<(), Error> {
        let mut bytes = Vec::new();
        let slots = {
            let held = self.held.read();
            for slot in written.saved..held.keys.len() as u32 {
                bytes.extend_from_slice(&slot_bytes(Slot(slot), &held.keys[slot as usize]));
            }
            held.keys.len() as u32
        };
        if !bytes.is_empty() {
            self.write_at(Slot(written.saved).position(), &bytes)?;
            written.saved = slots;
        }
        Ok(())
    }

    /// Writes and syncs what is new, and what was erased.
    fn settle(&self, erased: &[Slot]) -> Result<(), Error> {
        let _syncing = self.syncing.lock();
        let mut written = self.written.lock();
        written.erased.extend(erased.iter().map(|slot| slot.0));
        self.save_new(&mut written)?;
        if written.synced == written.saved && written.erased.is_empty() {
            return Ok(());
        }
        // Those that follow on one another at once.
        let erased: Vec<u32> = written.erased.iter().copied().collect();
        for run in erased.chunk_by(|slot, next| slot + 1 == *next) {
            let bytes: Vec<u8> =
                run.iter().flat_map(|slot| slot_bytes(Slot(*slot), &Key([0; Key::BYTES]))).collect();
            self.write_at(Slot(run[0]).position(), &bytes)?;
        }
        // Only who syncs takes anything out of `erased`, or puts anything in.
        let saved = written.saved;
        drop(written);
        let synced = self.file.sync();
        let mut written = self.written.lock();
        match synced {
            Ok(()) => {
                written.synced = saved;
                written.erased.clear();
                Ok(())
            }
            Err(error) => {
                // A system may forget what it could not sync and then say that all is well: it is written again.
                written.saved = written.synced;
                Err(Error::io("sync", self.name.clone(), error))
            }
        }
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_at(at, bytes).map_err(|error| Error::io("write", self.name.clone(), error))
    }
}

/// A file of keys with the store's own; under its name only once it is whole.
fn make(disk: &dyn Disk, name: &str) -> Result<Box<dyn DiskFile>, Error> {
    let refused = |error| Error::io("make", name, error);
    let mut key = Key([0; Key::BYTES]);
    getrandom::fill(&mut key.0).map_err(|error| refused(error.into()))?;
    let mut bytes = HEAD.bytes().to_vec();
    for cell in 0..2 {
        bytes.extend_from_slice(&epoch_bytes(0, cell));
    }
    bytes.extend_from_slice(&slot_bytes(Slot::STORE, &key));
    // An earlier attempt was stopped.
    if let Err(error) = disk.remove(FILE_NEW)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(refused(error));
    }
    let file = disk.create(FILE_NEW).map_err(refused)?;
    file.write_at(0, &bytes).and_then(|()| file.sync()).map_err(refused)?;
    drop(file);
    disk.rename(FILE_NEW, FILE).and_then(|()| disk.open(FILE)).map_err(refused)
}

fn load(file: &dyn DiskFile, name: &str) -> Result<Held, Error> {
    let len = file.len().map_err(|error| Error::io("read", name, error))?;
    let slots = len.saturating_sub(SLOTS_AT).div_ceil(SLOT as u64);
    let slots = u32::try_from(slots).map_err(|_| {
        Error::corrupt(name, Slot(u32::MAX).position(), "it is longer than a file of keys can be")
    })?;
    let mut held = Held::default();
    // What is left of a slot at the end, where a write was cut off, is damaged like any other.
    let whole = (len.saturating_sub(SLOTS_AT) / SLOT as u64) as u32;
    read_slots(file, name, whole, |slot, key| {
        if key.is_none() {
            held.damaged.insert(slot.0);
        }
        held.keys.push(key.unwrap_or(Key([0; Key::BYTES])));
        Ok(())
    })?;
    if whole < slots {
        held.damaged.insert(whole);
        held.keys.push(Key([0; Key::BYTES]));
    }
    Ok(held)
}

/// Gives the key of each slot in order, and nothing for a damaged one.
fn read_slots(
    file: &dyn DiskFile,
    name: &str,
    slots: u32,
    mut each: impl FnMut(Slot, Option<Key>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut bytes = vec![0; SLOT * slots.min(SLOTS_READ) as usize];
    for first in (0..slots).step_by(SLOTS_READ as usize) {
        let bytes = &mut bytes[..SLOT * (slots - first).min(SLOTS_READ) as usize];
        read_at(file, name, Slot(first).position(), bytes)?;
        for (slot, bytes) in (first..).zip(bytes.as_chunks::<SLOT>().0) {
            let mut key = Key([0; Key::BYTES]);
            key.0.copy_from_slice(&bytes[..Key::BYTES]);
            let slot = Slot(slot);
            let whole = slot_bytes(slot, &key) == *bytes;
            each(slot, whole.then_some(key))?;
        }
    }
    Ok(())
}

fn slot_bytes(slot: Slot, key: &Key) -> [u8; SLOT] {
    let mut bytes = [0; SLOT];
    bytes[..Key::BYTES].copy_from_slice(&key.0);
    bytes[Key::BYTES..].copy_from_slice(&xxh3_64_with_seed(&key.0, u64::from(slot.0)).to_le_bytes());
    bytes
}

fn is_erased(key: &Key) -> bool {
    key.0 == [0; Key::BYTES]
}

fn damage(name: &str, slot: Slot) -> Error {
    let message =
        format!("the key of slot {} is not there, or not what was written: restore it from a backup", slot.0);
    Error::corrupt(name, slot.position(), message)
}

/// Writes the next epoch and syncs.
///
/// Invariant: of two cells that were written by openings that came to their end neither is more than one ahead of the
/// other. So one that is damaged, by a stop in the middle of a write or later, has held at most one more than the other.
fn begin_epoch(file: &dyn DiskFile, name: &str) -> Result<u32, Error> {
    let (last, step, cells) = match [read_epoch(file, name, 0)?, read_epoch(file, name, 1)?] {
        [Some(first), Some(second)] if first <= second => (second, 1, &[0][..]),
        [Some(first), Some(_)] => (first, 1, &[1][..]),
        // Both are written: the invariant again.
        [None, Some(second)] => (second, EPOCH_JUMP, &[0, 1][..]),
        [Some(first), None] => (first, EPOCH_JUMP, &[1, 0][..]),
        [None, None] => {
            let message = "how often the store was opened is not what was written: restore it from a backup";
            return Err(Error::corrupt(name, CELLS_AT[0], message));
        }
    };
    let epoch = last.checked_add(step).ok_or_else(|| {
        Error::corrupt(name, CELLS_AT[0], "it was opened more often than its format can count")
    })?;
    for &cell in cells {
        file.write_at(CELLS_AT[cell], &epoch_bytes(epoch, cell))
            .map_err(|error| Error::io("write", name, error))?;
        file.sync().map_err(|error| Error::io("sync", name, error))?;
    }
    Ok(epoch)
}

fn read_epoch(file: &dyn DiskFile, name: &str, cell: usize) -> Result<Option<u32>, Error> {
    let mut bytes = [0; CELL];
    read_at(file, name, CELLS_AT[cell], &mut bytes)?;
    let epoch = u32::from_le_bytes(bytes[..4].try_into().expect("four bytes"));
    Ok((bytes == epoch_bytes(epoch, cell)).then_some(epoch))
}

fn epoch_bytes(epoch: u32, cell: usize) -> [u8; CELL] {
    let mut bytes = [0; CELL];
    bytes[..4].copy_from_slice(&epoch.to_le_bytes());
    let check = xxh3_64_with_seed(&epoch.to_le_bytes(), cell as u64);
    bytes[4..].copy_from_slice(&check.to_le_bytes());
    bytes
}
