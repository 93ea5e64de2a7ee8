//! The root of a checkpoint, and how it gets to the disk.

use crate::engine::kept::Kept;
use crate::engine::versions::Versions;
use crate::model::Record;
use crate::storage::{self, Disk, Heap, HeapFile, Place, Slot, Vault, save_root};
use parking_lot::Mutex;

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
    /// Which inputs before it stay in the journal.
    pub(super) kept: Kept,
    /// What of earlier definitions users go on under.
    pub(super) versions: Versions,
}

crate::model::record! {
    Root {
        next_input, file, definitions, erased, slots, numbers, free, pages, sections, seen, files, kept, versions,
    }
}

impl Root {
    /// Files of the heap in which nothing lives that it names.
    pub(super) fn unnamed(&self, heap: &Heap) -> Vec<u32> {
        let files = heap.files().into_iter().filter(|file| file.live == 0).map(|file| file.number);
        files.filter(|number| self.files.iter().all(|named| named.number != *number)).collect()
    }
}

/// A root that is put on the disk by whoever comes first, while others may write; who comes later waits for that.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) root: Root,
    /// Nothing before anybody has tried.
    saved: Mutex<Option<Result<(), storage::Error>>>,
}

impl Ending {
    pub(super) fn new(root: Root) -> Ending {
        Ending { root, saved: Mutex::new(None) }
    }

    /// Puts it in the place of the root before, and the keys before it that it speaks of. What it names has to be sure
    /// to outlive the machine.
    ///
    /// # Errors
    /// What the disk said when it was tried: one of the two is there.
    pub(super) fn save(&self, disk: &dyn Disk, vault: &Vault) -> Result<(), storage::Error> {
        let mut saved = self.saved.lock();
        let save = || {
            vault.save()?;
            vault.sync()?;
            let mut bytes = Vec::new();
            self.root.write(&mut bytes);
            save_root(disk, &bytes)
        };
        saved.get_or_insert_with(save).clone()
    }
}
