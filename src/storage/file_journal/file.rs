use super::mark::{End, Mark};
use crate::storage::head::{Head, read_at};
use crate::storage::root::FORMAT;
use crate::storage::{Disk, DiskFile, Error, Level};
use std::io;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// The file that is being made.
const NEW: &str = "journal.new";
/// The marks have a sector each, so that one that is torn by a power cut takes nothing else with it.
const WRITTEN: u64 = 512;
const SYNCED: u64 = 1024;
/// Where the frames begin.
pub(super) const FRAMES: u64 = 1536;

/// Head, first input, chain, and the checksum of these.
const START: usize = Head::BYTES + 24;

/// One file of the journal.
#[derive(Clone, Debug)]
pub(super) struct JournalFile {
    pub(super) file: Arc<dyn DiskFile>,
    /// What errors call it.
    pub(super) path: Box<str>,
    pub(super) number: u32,
    /// Where the first frame is.
    pub(super) start: End,
}

pub(super) fn name(number: u32) -> String {
    format!("journal-{number:08x}")
}

/// The number of the file after this one.
pub(super) fn following(number: u32) -> Result<u32, Error> {
    let message = "there is no number for a file after it: restore the folder from a backup";
    number.checked_add(1).ok_or_else(|| Error::corrupt(name(number), 0, message))
}

/// The numbers of the files that are there, in order.
pub(super) fn numbers(disk: &dyn Disk) -> Result<Vec<u32>, Error> {
    let names = disk.names().map_err(|error| Error::io("list", disk.describe(""), error))?;
    let parse = |found: &String| {
        let number = u32::from_str_radix(found.strip_prefix("journal-")?, 16).ok()?;
        (*found == name(number)).then_some(number)
    };
    let mut numbers: Vec<u32> = names.iter().filter_map(parse).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

fn head(number: u32) -> Head {
    Head { magic: *b"bspkjrnl", format: FORMAT, number }
}

impl JournalFile {
    /// Makes a file without groups. Once it has its name it is whole, and both outlive the machine: so a file that is
    /// missing, or does not begin as it should, was damaged, whenever that is seen. (This costs a sync for each file.)
    pub(super) fn create(
        disk: &dyn Disk,
        number: u32,
        next: u64,
        chain: u64,
        boot: u64,
    ) -> Result<JournalFile, Error> {
        let start = End { len: FRAMES, next, chain };
        let mut bytes = vec![0; FRAMES as usize];
        bytes[..Head::BYTES].copy_from_slice(&head(number).bytes());
        bytes[Head::BYTES..Head::BYTES + 8].copy_from_slice(&next.to_le_bytes());
        bytes[Head::BYTES + 8..Head::BYTES + 16].copy_from_slice(&chain.to_le_bytes());
        let check = xxh3_64(&bytes[..START - 8]);
        bytes[START - 8..START].copy_from_slice(&check.to_le_bytes());
        let mark = Mark { end: start, boot, closed: false };
        for (at, level) in [(WRITTEN, Level::Written), (SYNCED, Level::Synced)] {
            let at = at as usize;
            bytes[at..at + Mark::BYTES].copy_from_slice(&mark.bytes(number, level));
        }

        let name = name(number);
        let path = disk.describe(&name);
        let file = make(disk, &bytes, &name).map_err(|error| Error::io("make", path.as_str(), error))?;
        Ok(JournalFile { file: file.into(), path: path.into(), number, start })
    }

    pub(super) fn open(disk: &dyn Disk, number: u32) -> Result<JournalFile, Error> {
        let name = name(number);
        let path = disk.describe(&name);
        let file = disk.open(&name).map_err(|error| Error::io("open", path.as_str(), error))?;
        head(number).check(&*file, &path)?;
        let mut bytes = [0; START];
        read_at(&*file, &path, 0, &mut bytes)?;
        let eight = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| bytes[at + byte]));
        if eight(START - 8) != xxh3_64(&bytes[..START - 8]) {
            let message = "what its first input is cannot be read: restore it from a backup";
            return Err(Error::corrupt(path, Head::BYTES as u64, message));
        }
        let start = End { len: FRAMES, next: eight(Head::BYTES), chain: eight(Head::BYTES + 8) };
        Ok(JournalFile { file: file.into(), path: path.into(), number, start })
    }

    pub(super) fn len(&self) -> Result<u64, Error> {
        self.file.len().map_err(|error| self.failed("read", error))
    }

    /// Nothing where it is not what was written.
    pub(super) fn mark(&self, level: Level) -> Result<Option<Mark>, Error> {
        let mut bytes = [0; Mark::BYTES];
        read_at(&*self.file, &self.path, place(level), &mut bytes)?;
        Ok(Mark::read(&bytes, self.number, level))
    }

    pub(super) fn write_mark(&self, level: Level, mark: &Mark) -> io::Result<()> {
        self.file.write_at(place(level), &mark.bytes(self.number, level))
    }

    pub(super) fn failed(&self, doing: &'static str, error: io::Error) -> Error {
        Error::io(doing, self.path.clone(), error)
    }
}

fn place(level: Level) -> u64 {
    match level {
        Level::Written => WRITTEN,
        Level::Synced => SYNCED,
    }
}

fn make(disk: &dyn Disk, bytes: &[u8], name: &str) -> io::Result<Box<dyn DiskFile>> {
    let file = match disk.create(NEW) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // A process was stopped in here, or a call failed.
            disk.remove(NEW)?;
            disk.create(NEW)?
        }
        other => other?,
    };
    file.write_at(0, bytes)?;
    file.sync()?;
    disk.rename(NEW, name)?;
    disk.sync_folder()?;
    Ok(file)
}
