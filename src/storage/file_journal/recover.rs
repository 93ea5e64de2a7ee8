use super::file::{self, JournalFile};
use super::kept::KeptFile;
use super::mark::{End, Mark};
use super::scan::{Found, Machine, Scan, machine, scan};
use super::{FileJournal, Part, ReadBack};
use crate::storage::{Disk, Error, Level};
use std::collections::VecDeque;
use std::sync::Arc;

impl FileJournal {
    /// Opens the journal of a folder, and gives the groups that have inputs from `from` on. Where there is none yet, and
    /// `from` is 0 or 1, it begins with that.
    ///
    /// It reads all frames from there on before it returns, so what is damaged is known before anything is applied.
    /// Groups that were written and not synced may be missing after the machine was started anew; with
    /// `accept_lost_tail` they may always. So may those that are there and that `readable` says nobody can read: what
    /// else they need was lost with them.
    ///
    /// # Errors
    /// `Corrupt`, with file, byte and the input up to which all can be read, where a file is missing, a frame is not what
    /// was written, or groups are missing that were promised; `TooNew`; what the disk says otherwise.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        from: u64,
        accept_lost_tail: bool,
        readable: &dyn Fn(&[u8]) -> bool,
    ) -> Result<(FileJournal, ReadBack), Error> {
        let numbers = file::numbers(&*disk)?;
        let boot = disk.boot();
        let Some(&number_last) = numbers.last() else {
            if from > 1 {
                let message = format!("it is missing, and inputs from {from} on are in it: {RESTORE}");
                return Err(Error::corrupt(disk.describe(&file::name(1)), 0, message));
            }
            let begun = JournalFile::create(&*disk, 1, from, 0, boot.unwrap_or(0))?;
            let journal = FileJournal::new(disk, boot, VecDeque::new(), Vec::new(), Part::new(begun));
            return Ok((journal, ReadBack::new(from, 0, Vec::new())));
        };

        let (files, scanned, machine) = needed(&*disk, &numbers, from, boot, readable)?;
        let may_lose = accept_lost_tail || machine == Machine::Restarted;
        let lost = check(&files, &scanned, from, may_lose)?;
        let kept = passed_over(&*disk, &numbers, files[0].file.number);
        let mut older: Vec<Part> = Vec::new();

        let Some(&end) = scanned.ends.last().filter(|end| end.next >= from) else {
            // All that is left is in the checkpoint already.
            older.extend(files.into_iter().zip(&scanned.ends).map(|(found, &end)| Part::found(found, end)));
            let chain = older.last().map_or(0, |part| part.end.chain);
            let begun =
                JournalFile::create(&*disk, file::following(number_last)?, from, chain, boot.unwrap_or(0))?;
            let journal = FileJournal::new(disk, boot, kept, older, Part::new(begun));
            return Ok((journal, ReadBack::new(from, lost, Vec::new())));
        };

        repair(&*disk, &numbers, &files, &scanned, boot.unwrap_or(0))?;
        let parts: Vec<_> =
            files.iter().zip(&scanned.ends).map(|(found, &end)| (found.file.clone(), end)).collect();
        let back = ReadBack::new(from, lost, parts);
        older.extend(files.into_iter().zip(&scanned.ends).map(|(found, &end)| Part::found(found, end)));
        let last = older.pop().expect("the file that ends at `end`");
        debug_assert_eq!(last.end, end);
        // As `repair` has marked them.
        older.iter_mut().for_each(|part| part.closed = true);
        let last = Part { closed: false, dirty: true, ..last };
        Ok((FileJournal::new(disk, boot, kept, older, last), back))
    }

    /// The groups that have inputs from `from` on, of a journal that is only looked at: nothing is changed.
    ///
    /// # Errors
    /// As [`open`](FileJournal::open), and where there is no file.
    pub(crate) fn look(
        disk: &dyn Disk,
        from: u64,
        readable: &dyn Fn(&[u8]) -> bool,
    ) -> Result<ReadBack, Error> {
        FileJournal::check_there(disk)?;
        let numbers = file::numbers(disk)?;
        let (files, scanned, machine) = needed(disk, &numbers, from, disk.boot(), readable)?;
        let lost = check(&files, &scanned, from, machine == Machine::Restarted)?;
        if scanned.ends.last().is_none_or(|end| end.next < from) {
            return Ok(ReadBack::new(from, lost, Vec::new()));
        }
        let parts = files.into_iter().zip(&scanned.ends).map(|(found, &end)| (found.file, end)).collect();
        Ok(ReadBack::new(from, lost, parts))
    }

    /// Makes sure that a store has a journal, which it has from its first checkpoint on.
    ///
    /// # Errors
    /// It has none.
    pub(crate) fn check_there(disk: &dyn Disk) -> Result<(), Error> {
        if file::numbers(disk)?.is_empty() {
            let message = format!("all files of the journal are missing: {RESTORE}");
            return Err(Error::corrupt(disk.describe(&file::name(1)), 0, message));
        }
        Ok(())
    }

    fn new(
        disk: Arc<dyn Disk>,
        boot: Option<u64>,
        kept: VecDeque<KeptFile>,
        older: Vec<Part>,
        last: Part,
    ) -> FileJournal {
        FileJournal { disk, boot: boot.unwrap_or(0), kept, older, last, in_doubt: false, frame: Vec::new() }
    }
}

const RESTORE: &str = "restore the folder from a backup";

impl Part {
    fn found(found: Found, end: End) -> Part {
        let closed = found.is_closed();
        let synced = found.synced.map(|mark| mark.end).filter(|synced| synced.len <= end.len);
        let synced = synced.unwrap_or(found.file.start);
        Part { dirty: synced != end, synced, end, closed, sync_failed: false, file: found.file }
    }
}

/// Opens and reads the files that have inputs from `from` on.
fn needed(
    disk: &dyn Disk,
    numbers: &[u32],
    from: u64,
    boot: Option<u64>,
    readable: &dyn Fn(&[u8]) -> bool,
) -> Result<(Vec<Found>, Scan, Machine), Error> {
    let mut files: Vec<Found> = Vec::new();
    for &number in numbers.iter().rev() {
        if let Some(next) = files.last()
            && next.file.number - 1 != number
        {
            let missing = disk.describe(&file::name(next.file.number - 1));
            let message =
                format!("it is missing, and inputs before {} are in it: {RESTORE}", next.file.start.next);
            return Err(Error::corrupt(missing, 0, message));
        }
        files.push(Found::open(disk, number)?);
        if files.last().is_some_and(|found| found.file.start.next <= from) {
            break;
        }
    }
    files.reverse();
    let first = &files[0].file;
    if first.start.next > from {
        let message = format!(
            "it is the oldest file and begins with input {}, and those from {from} on are needed: {RESTORE}",
            first.start.next
        );
        return Err(Error::corrupt(first.path.clone(), 0, message));
    }

    // A last file without a group may be one that was made, and never used: then the one before it went on, and has
    // inputs that are needed.
    if let [last] = &files[..]
        && last.len <= file::FRAMES
        && let Some(&before) = numbers.len().checked_sub(2).and_then(|index| numbers.get(index))
        && before + 1 == last.file.number
        && let Ok(before) = Found::open(disk, before)
        && !before.is_closed()
    {
        let mut both = vec![before];
        both.append(&mut files);
        let machine = machine(&both, boot);
        match scan(&both, machine, readable) {
            Ok(scanned) if scanned.is_last_unused => return Ok((both, scanned, machine)),
            _ => files.extend(both.pop()),
        }
    }
    let machine = machine(&files, boot);
    let scanned = scan(&files, machine, readable)?;
    Ok((files, scanned, machine))
}

/// Says how many inputs are lost, at least, if what is there may be all that is left.
fn check(files: &[Found], scanned: &Scan, from: u64, may_lose: bool) -> Result<u64, Error> {
    let broken = &files[scanned.ends.len() - 1];
    let end = scanned.ends.last().copied().unwrap_or(broken.file.start);
    let path = || broken.file.path.clone();
    if !scanned.is_broken && broken.is_closed() {
        let message = format!(
            "the file after it is missing: up to input {} all is there, for the rest {RESTORE}",
            end.next
        );
        return Err(Error::corrupt(path(), end.len, message));
    }
    if !scanned.is_broken && end.next >= from {
        return Ok(0);
    }
    let kept = end.next.max(from);
    if scanned.synced_next > kept {
        let message = format!(
            "this is not what was written: up to input {} all can be read, and it was synced up to {}: {RESTORE}",
            end.next, scanned.synced_next
        );
        return Err(Error::corrupt(path(), end.len, message));
    }
    if !may_lose {
        let known = scanned.written_next.max(from);
        let message = format!(
            "this is not what was written: up to input {} all can be read, and it went up to {known}: {RESTORE}, or \
             accept that the rest is lost",
            end.next
        );
        return Err(Error::corrupt(path(), end.len, message));
    }
    let lost = scanned.written_next.saturating_sub(kept);
    // Where the mark cannot be read either, nobody knows how many there were.
    let is_unknown = scanned.is_broken && broken.written.is_none();
    Ok(if is_unknown { lost.max(1) } else { lost })
}

/// Makes the files say what was read: whatever happens next, it is read so again.
fn repair(disk: &dyn Disk, numbers: &[u32], files: &[Found], scanned: &Scan, boot: u64) -> Result<(), Error> {
    // A file may be there whose name was never made sure of: that failed, or the process ended before.
    disk.sync_folder().map_err(|error| Error::io("sync", disk.describe(""), error))?;
    let last = scanned.ends.len() - 1;
    let mark = |found: &Found, mark: Mark| {
        let written = found.file.write_mark(Level::Written, &mark);
        written.map_err(|error| found.file.failed("write", error))
    };
    let (found, end) = (&files[last], scanned.ends[last]);
    let unused: Vec<u32> = numbers.iter().copied().filter(|&number| number > found.file.number).collect();
    if !unused.is_empty() {
        // Not closed any more, with the rest as it was: should this be stopped, even by a power cut, it begins anew.
        if let Some(written) = found.written.filter(|written| written.closed) {
            mark(found, Mark { closed: false, ..written })?;
            found.file.file.sync().map_err(|error| found.file.failed("sync", error))?;
        }
        for &number in unused.iter().rev() {
            let name = file::name(number);
            disk.remove(&name)
                .and_then(|()| disk.sync_folder())
                .map_err(|error| Error::io("remove", disk.describe(&name), error))?;
        }
    }
    for (found, &end) in files.iter().zip(&scanned.ends).take(last) {
        if found.written.is_none_or(|written| !written.closed || written.end != end) {
            let boot = found.written.map_or(0, |written| written.boot);
            mark(found, Mark { end, boot, closed: true })?;
        }
    }
    // Only with this, the last, the marks are of this start of the machine, and are taken at their word.
    mark(found, Mark { end, boot, closed: false })?;
    if found.len > end.len {
        found.file.file.truncate(end.len).map_err(|error| found.file.failed("cut", error))?;
    }
    if scanned.is_broken {
        // What is lost is so for good: it must not come back in the middle of what follows. It may be whole, too, where
        // it could not be read.
        found.file.file.sync().map_err(|error| found.file.failed("sync", error))?;
    }
    Ok(())
}

/// Files before those that are needed to open it.
fn passed_over(disk: &dyn Disk, numbers: &[u32], first: u32) -> VecDeque<KeptFile> {
    let before = numbers.iter().filter(|&&number| number < first);
    before.map(|&number| KeptFile::found(disk, number)).collect()
}
