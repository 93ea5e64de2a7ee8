use super::file::{FRAMES, JournalFile};
use super::frame::Frames;
use super::mark::{End, Mark};
use crate::storage::{Disk, Error, Level};

/// Whether unsynced bytes may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Machine {
    /// It runs since the journal was written to.
    Same,
    /// It was started anew since.
    Restarted,
    Unknown,
}

/// A file as it was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) file: JournalFile,
    pub(super) len: u64,
    pub(super) written: Option<Mark>,
    pub(super) synced: Option<Mark>,
}

impl Found {
    pub(super) fn open(disk: &dyn Disk, number: u32) -> Result<Found, Error> {
        let file = JournalFile::open(disk, number)?;
        let (written, synced) = (file.mark(Level::Written)?, file.mark(Level::Synced)?);
        if written.is_none() && synced.is_none() {
            let message = "how far it goes cannot be read: restore the folder from a backup";
            return Err(Error::corrupt(file.path, 512, message));
        }
        Ok(Found { len: file.len()?, file, written, synced })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.written.is_some_and(|written| written.closed)
    }

    /// Input up to which it is known to have been synced; 0 where it never was.
    fn synced_next(&self) -> u64 {
        // Where that cannot be read, all that was written may have been.
        let mark = self.synced.or(self.written);
        mark.filter(|mark| mark.end.len > FRAMES).map_or(0, |mark| mark.end.next)
    }

    /// Input up to which it is known to have gone.
    fn written_next(&self) -> u64 {
        self.written.iter().chain(&self.synced).map(|mark| mark.end.next).max().unwrap_or(0)
    }

    /// How far it goes, and whether that is as far as it should. `next` is the file that follows; a group from `synced`
    /// on that is not `readable` is none.
    fn scan(
        &self,
        next: Option<&Found>,
        machine: Machine,
        synced: u64,
        readable: &dyn Fn(&[u8]) -> bool,
    ) -> Result<(End, bool), Error> {
        let failed = |error| self.file.failed("read", error);
        // What is behind the mark was refused, or never acknowledged; unless the mark did not reach the disk.
        let exact = self.written.filter(|written| machine == Machine::Same || written.closed);
        let limit = exact.map_or(self.len, |written| written.end.len);
        // Where a file that was used begins, the one before ended.
        let next = next.filter(|next| next.len > FRAMES).map(|next| next.file.start);
        let is_next = |end: End| next.is_some_and(|next| (next.next, next.chain) == (end.next, end.chain));
        let mut frames = Frames::new(self.file.file.clone(), self.file.start, limit).map_err(failed)?;
        let mut end = frames.at();
        while !is_next(end)
            && let Some(frame) = frames.next().map_err(failed)?
        {
            if exact.is_none() && frame.first >= synced && !readable(frame.payload()) {
                return Ok((end, false));
            }
            end = frames.at();
        }
        let is_whole = match exact {
            Some(written) => end == written.end,
            // A mark is one sector: where it cannot be read it is damaged, and what follows the frames may be too.
            None if self.written.is_none() => end.next >= self.written_next() && end.len == self.len,
            None => end.next >= self.written_next(),
        };
        Ok((end, is_whole))
    }
}

/// How far a row of files goes.
#[derive(Debug)]
pub(super) struct Scan {
    /// The end of each, up to the last that can be read.
    pub(super) ends: Vec<End>,
    /// Something is missing behind that.
    pub(super) is_broken: bool,
    /// The last file was made, and never used: the one before went on.
    pub(super) is_last_unused: bool,
    /// Input up to which groups were acknowledged, and up to which they were synced, as far as is known.
    pub(super) written_next: u64,
    pub(super) synced_next: u64,
}

/// Which start of the machine this is, seen from these files.
pub(super) fn machine(files: &[Found], boot: Option<u64>) -> Machine {
    let mut boots = files.iter().map(|found| found.written.map_or(0, |written| written.boot));
    match boot {
        None => Machine::Unknown,
        Some(_) if files.last().is_none_or(|last| last.written.is_none_or(|mark| mark.boot == 0)) => {
            Machine::Unknown
        }
        Some(boot) if boots.any(|written| written == boot) => Machine::Same,
        Some(_) => Machine::Restarted,
    }
}

/// Reads all frames of files that follow on each other. Whoever reads them may need more than the journal, which the power
/// cut took: a group that is not `readable` is as one that is missing.
pub(super) fn scan(
    files: &[Found],
    machine: Machine,
    readable: &dyn Fn(&[u8]) -> bool,
) -> Result<Scan, Error> {
    let mut scan = Scan {
        ends: Vec::new(),
        is_broken: false,
        is_last_unused: false,
        written_next: files.iter().map(Found::written_next).max().unwrap_or(0),
        synced_next: files.iter().map(Found::synced_next).max().unwrap_or(0),
    };
    for (index, found) in files.iter().enumerate() {
        if let (Some(before), Some(end)) =
            (index.checked_sub(1).map(|before| &files[before]), scan.ends.last())
        {
            let start = found.file.start;
            if !before.is_closed() && found.len <= FRAMES && start.next < end.next && index + 1 == files.len()
            {
                scan.is_last_unused = true;
                break;
            }
            if (start.next, start.chain) != (end.next, end.chain) {
                scan.is_broken = true;
                break;
            }
        }
        let (end, is_whole) = found.scan(files.get(index + 1), machine, scan.synced_next, readable)?;
        scan.ends.push(end);
        if !is_whole {
            scan.is_broken = true;
            break;
        }
    }
    Ok(scan)
}
