//! The journal of a store: groups of inputs, in order, in files that only grow at their end.
//!
//! | part of a file | at byte |
//! | --- | --- |
//! | head: magic, format, number of the file | 0 |
//! | number of the first input, checksum of the frame before, checksum of these | 24 |
//! | how far it is written: a [`Mark`], put there after every group | 512 |
//! | how far it is synced: the same, put there after every sync | 1024 |
//! | frames, each of a group ([`frame`]) | 1536 |
//!
//! **What is read back.** A group was taken once the mark of what is written says so: that one small write is the commit.
//! What lies behind the mark was never acknowledged, or was refused, and is cut off. After the machine was started anew
//! (or where that cannot be known) the mark may be older than the frames, so then all frames are taken that are whole and
//! follow on each other. Fewer than a mark says are damage, and an error, with one exception: groups that were written and
//! not synced are gone with the power, and it is told how many.
//!
//! **What an error leaves.** A group that was refused is not there: not for this process, and not for the next one. Where
//! even taking back its mark failed, that is done before anything else is written. Only if the process ends before, after a
//! sync failed, or the power goes, before a later call has worked, a refused group may be there: its bytes may have reached
//! the disk, and nothing that could be written tells.

use crate::storage::memory_journal::out_of_order;
use crate::storage::{Disk, Error, Groups, Held, Journal, Level};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

mod file;
mod frame;
mod kept;
mod mark;
mod read_back;
mod recover;
mod scan;

use file::{FRAMES, JournalFile};
use frame::Frames;
use kept::KeptFile;
use mark::{End, Mark};
pub(crate) use read_back::ReadBack;

/// A file that is as long as this gets no further group: to remove it takes a millisecond or two.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// A buffer that is longer is not kept for the next group.
const BUFFER_BYTES_MAX: usize = 4 << 20;

/// The journal, open to append to.
#[derive(Debug)]
pub(crate) struct FileJournal {
    disk: Arc<dyn Disk>,
    /// This start of the machine; 0 where that is not known.
    boot: u64,
    /// The oldest files, in order: nothing is left to do for them, and they are only opened to be read.
    kept: VecDeque<KeptFile>,
    /// Files before the last one, in order, of which it is not sure that they outlive the machine.
    older: Vec<Part>,
    last: Part,
    /// The mark of what is written may say something else than `last.end`, and something may lie behind it.
    in_doubt: bool,
    /// The frame that is written.
    frame: Vec<u8>,
}

/// A file and how far it goes.
#[derive(Debug)]
struct Part {
    file: JournalFile,
    end: End,
    synced: End,
    /// Whether something was written to it that was not synced, be it a mark.
    dirty: bool,
    /// Whether another file follows.
    closed: bool,
    /// A sync failed since `synced`: what was written since may be nowhere but in the system's memory, which takes it
    /// for saved. It must be written again before another sync counts.
    sync_failed: bool,
}

impl Journal for FileJournal {
    fn name(&self) -> String {
        self.disk.describe("journal")
    }

    fn held(&self) -> Result<Held, Error> {
        let firsts = self.kept.iter().filter_map(|file| file.first);
        let firsts = firsts.chain(self.older.iter().chain([&self.last]).map(|part| part.file.start.next));
        let kept: u64 = self.kept.iter().map(|file| file.bytes).sum();
        let open: u64 = self.older.iter().chain([&self.last]).map(|part| part.end.len).sum();
        let first = { firsts }.next().unwrap_or(self.next());
        Ok(Held::new(first..self.next(), kept + open))
    }

    fn append(&mut self, first: u64, count: u32, payload: &[u8], level: Level) -> Result<(), Error> {
        let has_room = first.checked_add(count.into()).is_some_and(|end| end > first);
        if first < self.next() || !has_room {
            return Err(out_of_order(self.name(), first, count, self.next()));
        }
        if first > self.next() {
            self.begin_file(first)?;
        }
        self.append_at(level, count, payload).map(drop)
    }

    fn sync(&mut self) -> Result<(), Error> {
        self.settle()?;
        self.sync_older()?;
        let synced = self.last.sync(self.boot);
        if synced.is_err() {
            // The mark may be in the system's memory only, like the rest.
            self.in_doubt = true;
            let _ = self.settle();
        }
        synced
    }

    fn read(&self, from: u64) -> Result<Groups, Error> {
        let oldest = self.held()?.inputs.start;
        if from < oldest {
            return Err(Error::dropped(self.name(), from, oldest));
        }
        let open = self.older.iter().chain([&self.last]).map(|part| (part.file.clone(), part.end));
        Ok(Box::new(ReadBack::with_kept(from, self.disk.clone(), &self.kept, open.collect())))
    }

    fn drop_before(&mut self, input: u64) -> Result<(), Error> {
        while !self.drop_some_before(input)? {}
        Ok(())
    }

    /// A file at a time, or as many as are no longer together than one may be.
    fn drop_some_before(&mut self, input: u64) -> Result<bool, Error> {
        let mut dropped = 0;
        while let Some((number, bytes)) = self.oldest_before(input) {
            if dropped > 0 && dropped + bytes > FILE_BYTES_MAX {
                return Ok(false);
            }
            match self.disk.remove(&file::name(number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::io("remove", self.disk.describe(&file::name(number)), error));
                }
                _ if self.kept.pop_front().is_none() => drop(self.older.remove(0)),
                _ => {}
            }
            dropped += bytes;
        }
        Ok(true)
    }

    /// Begins a new file.
    fn divide(&mut self) -> Result<(), Error> {
        self.roll()
    }

    /// The next group may begin a new file, which makes sure of those before.
    fn syncs_by_itself(&self) -> bool {
        self.is_full()
    }
}

impl FileJournal {
    /// Number of the next input.
    pub(crate) fn next(&self) -> u64 {
        self.last.end.next
    }

    fn is_full(&self) -> bool {
        self.last.end.len >= FILE_BYTES_MAX
    }

    /// Number and length of the oldest file, if all its inputs are before this one, and others follow.
    fn oldest_before(&self, input: u64) -> Option<(u32, u64)> {
        let kept = self.kept.iter().map(|file| (file.number, file.bytes, file.first));
        let open = self.older.iter().chain([&self.last]);
        let open = open.map(|part| (part.file.number, part.end.len, Some(part.file.start.next)));
        let mut files = kept.chain(open);
        let (oldest, bytes, _) = files.next()?;
        // What the first input is of a file that is damaged is not known: then it begins where the next one does at most.
        let end = files.find_map(|(.., first)| first)?;
        (end <= input).then_some((oldest, bytes))
    }

    /// Adds a group of `count` inputs, and gives the number of the first. When it returns it outlives the process, or, at
    /// level synced, the machine, with all before it.
    ///
    /// # Errors
    /// What the disk says; a group that could not be synced is refused. Nothing has changed then, and it can be asked again
    /// once the cause is gone. If the file itself was removed this fails until [`roll`](FileJournal::roll) has begun a new
    /// one.
    fn append_at(&mut self, level: Level, count: u32, payload: &[u8]) -> Result<u64, Error> {
        if self.is_full() {
            // Whoever begins a file because this one is gone has to take a checkpoint too.
            self.last.check_there().map_err(|error| self.last.file.failed("append to", error))?;
            self.roll()?;
        }
        self.settle()?;
        if level == Level::Synced {
            self.sync_older()?;
            self.last.write_again(self.boot)?;
        }
        let first = self.last.end.next;
        let Some(end) = frame::write(self.last.end, count, payload, &mut self.frame) else {
            let message = "a group has at least one input and at most 4 GiB";
            let error = io::Error::new(io::ErrorKind::InvalidInput, message);
            return Err(self.last.file.failed("append to", error));
        };
        let written = self.write_frame(level, end);
        if self.frame.capacity() > BUFFER_BYTES_MAX {
            self.frame = Vec::new();
        }
        if let Err(error) = written {
            self.in_doubt = true;
            // If that fails too, the next call does it first.
            let _ = self.settle();
            return Err(self.last.file.failed("append to", error));
        }
        self.last.end = end;
        if level == Level::Synced {
            self.last.mark_synced(self.boot);
        }
        Ok(first)
    }

    /// Writes the frame, and then that it is there.
    fn write_frame(&mut self, level: Level, end: End) -> io::Result<()> {
        self.last.dirty = true;
        let file = &self.last.file;
        file.file.write_at(self.last.end.len, &self.frame)?;
        if level == Level::Synced {
            file.file.sync().inspect_err(|_| self.last.sync_failed = true)?;
        }
        file.write_mark(Level::Written, &Mark { end, boot: self.boot, closed: false })?;
        self.last.check_there()
    }

    /// Takes back what a call that failed may have left.
    ///
    /// # Errors
    /// What the disk says; the next call does it first.
    pub(crate) fn settle(&mut self) -> Result<(), Error> {
        if self.in_doubt {
            let file = &self.last.file;
            file.write_mark(Level::Written, &self.last.mark(self.boot))
                .and_then(|()| file.file.truncate(self.last.end.len))
                .map_err(|error| file.failed("append to", error))?;
            self.in_doubt = false;
        }
        Ok(())
    }

    /// Makes sure of all files but the last, and closes them: there may be many, for as long as they are kept. After an
    /// error what was not synced is read, checked, and written again by the next call, since no system promises more of
    /// it; `Corrupt` where it is not there any more.
    fn sync_older(&mut self) -> Result<(), Error> {
        while let Some(part) = self.older.first_mut() {
            part.sync(self.boot)?;
            self.kept.push_back(KeptFile::of(&self.older.remove(0)));
        }
        Ok(())
    }

    /// Begins a new file, unless the last one has no group yet.
    ///
    /// # Errors
    /// What the disk says; the last file goes on then.
    pub(crate) fn roll(&mut self) -> Result<(), Error> {
        let is_gone = self.last.file.file.is_gone().unwrap_or(false);
        if self.last.end.len == FRAMES && !is_gone {
            return Ok(());
        }
        self.begin_file(self.next())
    }

    /// Begins a file with an input, which is the next one, or lies behind some that are lost.
    fn begin_file(&mut self, next: u64) -> Result<(), Error> {
        let is_gone = self.last.file.file.is_gone().unwrap_or(false);
        if !is_gone {
            self.settle()?;
        }
        let chain = self.last.end.chain;
        let number = file::following(self.last.file.number)?;
        let begun = JournalFile::create(&*self.disk, number, next, chain, self.boot).and_then(|file| {
            let closed = Mark { closed: true, ..self.last.mark(self.boot) };
            match self.last.file.write_mark(Level::Written, &closed) {
                Err(error) if !is_gone => {
                    self.in_doubt = true;
                    Err(self.last.file.failed("close", error))
                }
                _ => Ok(file),
            }
        });
        match begun {
            Ok(file) => {
                let closed = std::mem::replace(&mut self.last, Part::new(file));
                self.older.push(Part { closed: true, dirty: true, ..closed });
                self.in_doubt = false;
                Ok(())
            }
            Err(error) => {
                // An empty file behind one that is not closed says nothing, should it stay.
                let _ = self.disk.remove(&file::name(number));
                let _ = self.settle();
                Err(error)
            }
        }
    }
}

impl Drop for FileJournal {
    /// Takes back what was refused, where that was not possible yet.
    fn drop(&mut self) {
        let _ = self.settle();
    }
}

impl Part {
    /// A file without groups.
    fn new(file: JournalFile) -> Part {
        Part { end: file.start, synced: file.start, dirty: false, closed: false, sync_failed: false, file }
    }

    fn mark(&self, boot: u64) -> Mark {
        Mark { end: self.end, boot, closed: self.closed }
    }

    fn sync(&mut self, boot: u64) -> Result<(), Error> {
        if !self.dirty {
            return Ok(());
        }
        self.write_again(boot)?;
        self.check_there().and_then(|()| self.file.file.sync()).map_err(|error| {
            self.sync_failed = true;
            self.file.failed("sync", error)
        })?;
        self.dirty = false;
        self.mark_synced(boot);
        Ok(())
    }

    fn mark_synced(&mut self, boot: u64) {
        self.synced = self.end;
        self.sync_failed = false;
        // It only helps to find damage, so what was promised does not hang on it.
        let _ = self.file.write_mark(Level::Synced, &self.mark(boot));
    }

    /// After a sync that failed: puts what was not synced into the file again, so that the next sync writes it.
    fn write_again(&self, boot: u64) -> Result<(), Error> {
        if !self.sync_failed {
            return Ok(());
        }
        let JournalFile { file, path, .. } = &self.file;
        let failed = |error| Error::io("sync", path.clone(), error);
        let mut frames = Frames::new(file.clone(), self.synced, self.end.len).map_err(failed)?;
        loop {
            let at = frames.at().len;
            match frames.next().map_err(failed)? {
                Some(frame) => file.write_at(at, frame.bytes).map_err(failed)?,
                None => break,
            }
        }
        if frames.at() == self.end {
            return self.file.write_mark(Level::Written, &self.mark(boot)).map_err(failed);
        }
        let End { len, next, .. } = frames.at();
        let message = format!(
            "a sync failed, and inputs {next} to {} are lost since; up to {next} all is there: take a checkpoint",
            self.end.next - 1
        );
        Err(Error::corrupt(path.clone(), len, message))
    }

    /// Makes sure that what is written here is not lost with the process.
    fn check_there(&self) -> io::Result<()> {
        if self.file.file.is_gone()? {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the file was removed: take a checkpoint into a folder that is there",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod test;
