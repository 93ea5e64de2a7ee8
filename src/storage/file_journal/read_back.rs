use super::file::JournalFile;
use super::frame::Frames;
use super::kept::KeptFile;
use super::mark::End;
use crate::storage::{Disk, Error, Group};
use std::collections::VecDeque;
use std::sync::Arc;

/// The groups of a journal, from an input on, one after the other.
#[derive(Debug)]
pub(crate) struct ReadBack {
    /// Groups whose inputs are all before it are passed over.
    from: u64,
    lost: u64,
    /// Files that are not open yet, and are read first.
    kept: Option<(Arc<dyn Disk>, VecDeque<KeptFile>)>,
    /// What is still to be read, the next one last.
    files: Vec<(JournalFile, End)>,
    reading: Option<(Frames, JournalFile, End)>,
    is_broken: bool,
}

impl ReadBack {
    /// Of files, each with its end.
    pub(super) fn new(from: u64, lost: u64, mut files: Vec<(JournalFile, End)>) -> ReadBack {
        files.reverse();
        ReadBack { from, lost, kept: None, files, reading: None, is_broken: false }
    }

    /// Of files that are not open, and behind them others.
    pub(super) fn with_kept(
        from: u64,
        disk: Arc<dyn Disk>,
        kept: &VecDeque<KeptFile>,
        open: Vec<(JournalFile, End)>,
    ) -> ReadBack {
        // A file is passed over if one behind it begins at or before the input.
        let begins = |first: Option<u64>| first.is_some_and(|first| first <= from);
        let is_open = open.iter().rposition(|(file, _)| begins(Some(file.start.next)));
        let start = kept.iter().rposition(|file| begins(file.first)).unwrap_or(0);
        let kept = kept.iter().skip(if is_open.is_some() { kept.len() } else { start }).copied().collect();
        let files = open.into_iter().skip(is_open.unwrap_or(0)).collect();
        ReadBack { kept: Some((disk, kept)), ..ReadBack::new(from, 0, files) }
    }

    /// How many inputs were written, not synced, and gone with the power of the machine: as many as are known of.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    /// The next group. The first one may begin before the input that was asked for.
    ///
    /// # Errors
    /// What the disk says; `Corrupt` where the file has changed since it was opened.
    pub(crate) fn next_group(&mut self) -> Result<Option<Group>, Error> {
        loop {
            let Some((frames, file, end)) = &mut self.reading else {
                let Some((file, end)) = self.next_file()? else { return Ok(None) };
                let frames = Frames::new(file.file.clone(), file.start, end.len);
                let frames = frames.map_err(|error| file.failed("read", error))?;
                self.reading = Some((frames, file, end));
                continue;
            };
            let at = frames.at();
            if at == *end {
                self.reading = None;
                continue;
            }
            let Some(frame) = frames.next().map_err(|error| file.failed("read", error))? else {
                let message =
                    format!("this is not what was written: from input {} on it cannot be read", at.next);
                return Err(Error::corrupt(file.path.clone(), at.len, message));
            };
            if frame.first + u64::from(frame.count) > self.from {
                return Ok(Some(Group::new(frame.first, frame.count, frame.payload().to_vec())));
            }
        }
    }

    fn next_file(&mut self) -> Result<Option<(JournalFile, End)>, Error> {
        if let Some((disk, kept)) = &mut self.kept
            && let Some(file) = kept.pop_front()
        {
            return file.open(&**disk).map(Some);
        }
        Ok(self.files.pop())
    }
}

impl Iterator for ReadBack {
    type Item = Result<Group, Error>;

    fn next(&mut self) -> Option<Result<Group, Error>> {
        if self.is_broken {
            return None;
        }
        let group = self.next_group();
        self.is_broken = group.is_err();
        group.transpose()
    }
}
