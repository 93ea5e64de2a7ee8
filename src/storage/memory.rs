use crate::storage::{Disk, DiskFile, DiskLock};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

mod content;

use content::Content;

/// A folder in memory, with which a test can take the power from a machine. Clones are the same folder.
///
/// It remembers what was not synced yet, so it takes several times the bytes that it holds until they are.
///
/// ```
/// use bespoke::storage::{Disk, DiskFile, MemoryDisk};
///
/// let disk = MemoryDisk::new();
/// let file = disk.create("notes")?;
/// file.write_at(0, b"boots")?;
/// file.sync()?;
/// disk.sync_folder()?;
/// file.write_at(5, b" and sandals")?;
///
/// let after = disk.crash(7); // whatever the seed is, what was synced is there
/// let mut read = [0; 5];
/// after.open("notes")?.read_at(0, &mut read)?;
/// assert_eq!(&read, b"boots");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk {
    folder: Arc<Mutex<Folder>>,
    locked: Arc<AtomicBool>,
    /// How often the power went.
    crashes: u64,
}

type Shared = Arc<Mutex<Content>>;

#[derive(Debug, Default)]
struct Folder {
    files: BTreeMap<String, Shared>,
    /// As of the last [`sync_folder`](Disk::sync_folder).
    synced: BTreeMap<String, Shared>,
    /// Since then.
    changes: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Put(String, Shared),
    Rename(String, String),
    Remove(String),
}

impl Change {
    fn apply(self, files: &mut BTreeMap<String, Shared>) {
        match self {
            Change::Put(name, file) => drop(files.insert(name, file)),
            Change::Rename(from, to) => {
                if let Some(file) = files.remove(&from) {
                    files.insert(to, file);
                }
            }
            Change::Remove(name) => drop(files.remove(&name)),
        }
    }
}

impl Folder {
    fn change(&mut self, change: Change) {
        self.changes.push(change.clone());
        change.apply(&mut self.files);
    }

    fn find(&self, name: &str) -> io::Result<&Shared> {
        self.files.get(name).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl MemoryDisk {
    /// An empty folder.
    #[must_use]
    pub fn new() -> MemoryDisk {
        MemoryDisk::default()
    }

    /// What is left after the machine lost its power now: another folder, that nobody has locked.
    ///
    /// What was synced is there. Of every piece of 512 bytes that was written since, `seed` decides whether it is as it
    /// was synced, as it is now, or as it was in between; of the length likewise; of the names, how many of the changes
    /// since the last [`sync_folder`](Disk::sync_folder) took place, in their order.
    #[must_use]
    pub fn crash(&self, seed: u64) -> MemoryDisk {
        let mut dice = Dice(seed);
        let folder = self.folder.lock();
        let mut left = folder.synced.clone();
        let changes = dice.below(folder.changes.len() + 1);
        folder.changes[..changes].iter().for_each(|change| change.clone().apply(&mut left));
        let files: BTreeMap<String, Shared> = left
            .into_iter()
            .map(|(name, file)| (name, Arc::new(Mutex::new(file.lock().crash(&mut dice)))))
            .collect();
        let folder = Folder { synced: files.clone(), files, changes: Vec::new() };
        MemoryDisk { folder: Arc::new(Mutex::new(folder)), locked: Arc::default(), crashes: self.crashes + 1 }
    }

    /// What was written to a file and not synced can still be read, and does not outlive the machine unless it is
    /// written again: what systems do after a sync that failed. Nothing for a file that is not there.
    pub fn forget_unsynced(&self, name: &str) {
        if let Ok(file) = self.folder.lock().find(name) {
            file.lock().forget_unsynced();
        }
    }
}

impl Disk for MemoryDisk {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.folder.lock().files.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut folder = self.folder.lock();
        if folder.files.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let content = Shared::default();
        folder.change(Change::Put(name.to_owned(), content.clone()));
        Ok(Box::new(MemoryFile { content, folder: self.folder.clone() }))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let content = self.folder.lock().find(name)?.clone();
        Ok(Box::new(MemoryFile { content, folder: self.folder.clone() }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut folder = self.folder.lock();
        folder.find(from)?;
        folder.change(Change::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut folder = self.folder.lock();
        folder.find(name)?;
        folder.change(Change::Remove(name.to_owned()));
        Ok(())
    }

    fn sync_folder(&self) -> io::Result<()> {
        let mut folder = self.folder.lock();
        folder.synced = folder.files.clone();
        folder.changes.clear();
        Ok(())
    }

    fn lock(&self) -> io::Result<Option<Box<dyn DiskLock>>> {
        let was_locked = self.locked.swap(true, Ordering::AcqRel);
        Ok((!was_locked).then(|| Box::new(MemoryLock(self.locked.clone())) as _))
    }

    fn boot(&self) -> Option<u64> {
        Some(self.crashes + 1)
    }
}

#[derive(Debug)]
struct MemoryFile {
    content: Shared,
    folder: Arc<Mutex<Folder>>,
}

impl DiskFile for MemoryFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.content.lock().bytes().len() as u64)
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        let content = self.content.lock();
        let from = usize::try_from(offset).ok().and_then(|offset| content.bytes().get(offset..));
        let from = from.and_then(|from| from.get(..bytes.len())).ok_or(io::ErrorKind::UnexpectedEof)?;
        bytes.copy_from_slice(from);
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.content.lock().write(offset, bytes);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.content.lock().sync();
        Ok(())
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.content.lock().truncate(len);
        Ok(())
    }

    fn is_gone(&self) -> io::Result<bool> {
        Ok(!self.folder.lock().files.values().any(|file| Arc::ptr_eq(file, &self.content)))
    }
}

#[derive(Debug)]
struct MemoryLock(Arc<AtomicBool>);

impl DiskLock for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Numbers from a seed (splitmix64).
struct Dice(u64);

impl Dice {
    /// One of `0..many`; `many` is not 0.
    fn below(&mut self, many: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ mixed >> 31) % many as u64) as usize
    }
}

#[cfg(test)]
mod test;
