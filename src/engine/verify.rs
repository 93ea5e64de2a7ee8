//! A look at a store as a whole: whether all is there that its checkpoint names, and as it was written.

use crate::engine::among::Among;
use crate::engine::homes::Homes;
use crate::engine::open::{begin_under, read_all, read_sealed};
use crate::engine::page::{Entry, IDS, Names, read_page};
use crate::engine::residence::{Shelf, USER};
use crate::engine::root::Root;
use crate::engine::section::read_section;
use crate::engine::unit::{open_input, read_group};
use crate::engine::{Engine, Error};
use crate::model::Bytes;
use crate::storage::{
    self, Disk, ErrorKind, FileJournal, FolderDisk, Heap, PartDisk, Partitions, Place, Vault, load_root,
};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// What was found in a store that was looked through.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Engine, model::{Instant, Message}};
/// # let folder = std::env::temp_dir().join(format!("bespoke-verify-{}", std::process::id()));
/// # let definitions = Definitions::from_toml("version = 1\n[events.view]")?;
/// let engine = Engine::builder(definitions).store(&folder).open()?;
/// engine.ingest(Message::track("ada", "view"), Instant::from_millis(0))?;
/// drop(engine);
///
/// let found = Engine::verify(&folder)?;
/// for damage in &found.damages {
///     println!("{damage}"); // with file and byte
/// }
/// assert!(found.is_sound());
/// assert_eq!(found.inputs, 1); // not in a checkpoint yet
/// # std::fs::remove_dir_all(folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Verified {
    /// Users whom the checkpoint names.
    pub users: u64,
    /// Records of the checkpoint that are as they were written: of users, and of what is about nobody.
    pub records: u64,
    /// Inputs behind the checkpoint that can be read.
    pub inputs: u64,
    /// Inputs that were written and never synced, and that the machine lost as it stopped: no damage.
    pub lost: u64,
    /// All that is not as it was written, each with its file and place. Of what cannot be read to its end only the first
    /// is known.
    pub damages: Vec<storage::Error>,
}

impl Verified {
    /// Whether an engine that opens the store has all that was promised.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damages.is_empty()
    }

    /// Takes damage down; any other error ends it all.
    fn note<T>(&mut self, found: Result<T, storage::Error>) -> Result<Option<T>, storage::Error> {
        match found {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                let is_known = |known: &storage::Error| {
                    (known.file(), known.position()) == (error.file(), error.position())
                };
                if !self.damages.iter().any(is_known) {
                    self.damages.push(error);
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

impl Engine {
    /// Looks through the store in a folder and changes nothing: checkpoint, keys, journal, and every record of every
    /// user. What is not as it was written is no error, and is in the answer.
    ///
    /// Takes time by the size of the folder, and memory by the number of users, and a little more.
    ///
    /// # Errors
    /// [`Error::Storage`]: no store is there, an engine has it open, it may not be read and locked, or it is of a newer
    /// format. [`Error::Definitions`].
    pub fn verify(folder: impl AsRef<Path>) -> Result<Verified, Error> {
        let folder = folder.as_ref();
        if !folder.is_dir() {
            let name = folder.display().to_string();
            return Err(storage::Error::io("open", name, io::ErrorKind::NotFound.into()).into());
        }
        Engine::verify_disk(FolderDisk::new(folder)?)
    }

    /// The same of a store on another kind of disk.
    ///
    /// # Errors
    /// As for [`verify`](Engine::verify).
    pub fn verify_disk(disk: impl Disk + 'static) -> Result<Verified, Error> {
        let disk: Arc<dyn Disk> = Arc::new(disk);
        let folder = disk.describe("");
        let names = disk.names().map_err(|error| storage::Error::io("list", folder.clone(), error))?;
        let is_ours =
            |name: &String| ["root", "keys", "partitions"].contains(&&**name) || name.starts_with("journal-");
        if !names.iter().any(is_ours) {
            return Err(storage::Error::io("open", folder, io::ErrorKind::NotFound.into()).into());
        }
        let mut found = Verified::default();
        match found.note(Partitions::load(&*disk))? {
            Some(Some(Partitions { count, .. })) => {
                let homes = Arc::new(Homes::new(count));
                for (disk, number) in PartDisk::all(&disk, count)?.into_iter().zip(0..) {
                    found.look_at(Arc::new(disk), Some(Among::new(number, homes.clone())))?;
                }
            }
            Some(None) => {
                let lock = disk.lock().map_err(|error| storage::Error::io("lock", folder.clone(), error))?;
                let _lock = lock.ok_or_else(|| storage::Error::in_use(folder))?;
                found.look_at(disk, None)?;
            }
            // Without this nothing else can be read.
            None => {}
        }
        Ok(found)
    }
}

impl Verified {
    /// A partition, which may be one among several.
    fn look_at(&mut self, disk: Arc<dyn Disk>, among: Option<Among>) -> Result<(), Error> {
        let found = self;
        let damages = found.damages.len();
        let root = load_root(&*disk).and_then(|root| {
            let missing = || storage::Error::corrupt(disk.describe("root"), 0, "it is missing");
            let root = read_all::<Root>(&root.ok_or_else(missing)?);
            root.map_err(|error| storage::Error::corrupt(disk.describe("root"), 0, error.to_string()))
        });
        let root = found.note(root)?;
        let vault = Vault::look(&*disk).and_then(|vault| {
            vault.check_slots(root.as_ref().map_or(1, |root| root.slots))?;
            Ok(Arc::new(vault))
        });
        let vault = found.note(vault)?;
        // Without these two nothing else can be read.
        let (Some(root), Some(vault)) = (root, vault) else { return Ok(()) };
        let damaged = vault.verify(root.slots);
        let damaged = found.note(damaged)?.unwrap_or_default();
        found.damages.extend(damaged);
        let (heap, missing) = Heap::look(disk.clone(), &root.files)?;
        found.damages.extend(missing);
        let heap = Arc::new(heap);
        found.look_at_records(&root, &heap, &vault)?;
        for damage in heap.verify()? {
            found.note(Err::<(), _>(damage))?;
        }
        found.look_at_journal(&*disk, &root, &vault)?;
        if found.damages.len() == damages {
            found.look_at_state(&root, &*disk, heap, vault, among)?;
        }
        Ok(())
    }

    /// Everything that the checkpoint names, one by one.
    fn look_at_records(&mut self, root: &Root, heap: &Heap, vault: &Vault) -> Result<(), storage::Error> {
        let sections = root.sections.iter().chain(root.seen.iter().map(|(_, place)| place));
        for place in sections {
            let read = self.note(read_section(heap, vault, *place))?;
            self.records += read.map_or(0, |(section, _)| section.len() as u64);
        }
        let mut bytes = Vec::new();
        for place in &root.pages {
            bytes.clear();
            let page = heap
                .get(*place, &mut bytes)
                .and_then(|()| read_page(&bytes).map_err(|error| heap.corrupt(*place, error)));
            for entry in self.note(page)?.into_iter().flatten() {
                let entry = entry.map_err(|error| heap.corrupt(*place, error));
                let Some(entry) = self.note(entry)? else { continue };
                self.users += 1;
                let read = look_at_user(*place, &entry, heap, vault);
                self.records += u64::from(self.note(read)?.is_some());
            }
        }
        Ok(())
    }

    /// All inputs behind the checkpoint, unless they are in a journal of the host's.
    fn look_at_journal(&mut self, disk: &dyn Disk, root: &Root, vault: &Vault) -> Result<(), storage::Error> {
        if root.kept.is_of_host {
            return Ok(());
        }
        let readable = |group: &[u8]| {
            read_group(group).all(|record| record.is_ok_and(|(slot, _)| vault.key(slot).is_ok()))
        };
        let Some(mut back) = self.note(FileJournal::look(disk, root.next_input, &readable))? else {
            return Ok(());
        };
        self.lost += back.lost();
        while let Some(group) = self.note(back.next_group())?.flatten() {
            for (number, record) in (group.first..).zip(read_group(&group.payload)) {
                let input = record
                    .map_err(|error| vault.malformed(number, &error))
                    .and_then(|(slot, sealed)| open_input(vault, number, slot, sealed));
                let read = self.note(input)?;
                self.inputs += u64::from(number >= root.next_input && read.is_some());
            }
        }
        Ok(())
    }

    /// Whether what is whole makes a state: as an engine reads it, and everybody for once in memory.
    fn look_at_state(
        &mut self,
        root: &Root,
        disk: &dyn Disk,
        heap: Arc<Heap>,
        vault: Arc<Vault>,
        among: Option<Among>,
    ) -> Result<(), Error> {
        let (definitions, mut partition) = match begin_under(root, disk) {
            Err(Error::Storage(error)) => return Ok(self.note(Err::<(), _>(error)).map(drop)?),
            begun => begun?,
        };
        among.into_iter().for_each(|among| partition.place_among(among));
        partition.shelf = Some(Box::new(Shelf::new(heap, vault, &definitions, 0)));
        if self.note(partition.restore(root))?.is_none() {
            return Ok(());
        }
        let users: Vec<_> = partition.store.keys().collect();
        for user in users {
            let loaded = partition.load(user);
            self.note(loaded)?;
            partition.trim();
        }
        Ok(())
    }
}

/// The ids and the record of a user.
fn look_at_user(page: Place, entry: &Entry<'_>, heap: &Heap, vault: &Vault) -> Result<(), storage::Error> {
    let Some(slot) = entry.slots.first() else { return Err(heap.corrupt(page, "a user has no key")) };
    let mut plain = Vec::new();
    if !vault.open(*slot, IDS, entry.ids, &mut plain)? {
        return Err(heap.corrupt(page, "the key of a user was erased"));
    }
    Names::read(&mut Bytes::new(&plain)).map_err(|error| heap.corrupt(page, error))?;
    read_sealed(heap, vault, entry.record, *slot, USER).map(drop)
}
