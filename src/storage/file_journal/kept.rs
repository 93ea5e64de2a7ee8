use super::Part;
use super::file::{FRAMES, JournalFile};
use super::mark::End;
use super::scan::Found;
use crate::storage::{Disk, Error};

/// A file that is closed, whole and only read any more. Of those there may be many, so none is open.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeptFile {
    pub(super) number: u32,
    /// Its first input; nothing where that cannot be read.
    pub(super) first: Option<u64>,
    pub(super) bytes: u64,
}

impl KeptFile {
    pub(super) fn of(part: &Part) -> KeptFile {
        let JournalFile { number, start, .. } = part.file;
        KeptFile { number, first: Some(start.next), bytes: part.end.len }
    }

    /// A file before those that are needed. Whoever reads it is told what is amiss; to open the store it does not matter.
    pub(super) fn found(disk: &dyn Disk, number: u32) -> KeptFile {
        let file = JournalFile::open(disk, number).ok();
        let bytes = file.as_ref().and_then(|file| file.len().ok()).unwrap_or(FRAMES);
        KeptFile { number, first: file.map(|file| file.start.next), bytes }
    }

    /// Opens it to be read: the file, and its end.
    ///
    /// # Errors
    /// What the disk says; `Corrupt` where how far it goes cannot be read.
    pub(super) fn open(self, disk: &dyn Disk) -> Result<(JournalFile, End), Error> {
        let Found { file, written, .. } = Found::open(disk, self.number)?;
        let message = "how far it goes is not what was written: what follows may still be read";
        let written = written.ok_or_else(|| Error::corrupt(file.path.clone(), 512, message))?;
        Ok((file, written.end))
    }
}
