use super::file::JournalFile;
use super::frame::Frames;
use super::mark::End;
use crate::storage::Error;

/// Inputs that were written together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// Number of the first input.
    pub(crate) first: u64,
    pub(crate) count: u32,
    pub(crate) payload: Vec<u8>,
}

/// The groups of a journal that was opened, from an input on, one after the other.
#[derive(Debug)]
pub(crate) struct ReadBack {
    /// Groups whose inputs are all before it are passed over.
    from: u64,
    lost: u64,
    /// What is still to be read, the next one last.
    files: Vec<(JournalFile, End)>,
    reading: Option<(Frames, JournalFile, End)>,
}

impl ReadBack {
    /// Of files, each with its end.
    pub(super) fn new(from: u64, lost: u64, mut files: Vec<(JournalFile, End)>) -> ReadBack {
        files.reverse();
        ReadBack { from, lost, files, reading: None }
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
                let Some((file, end)) = self.files.pop() else { return Ok(None) };
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
                    format!("it was changed while it was read: up to input {} all is there", at.next);
                return Err(Error::corrupt(file.path.clone(), at.len, message));
            };
            if frame.first + u64::from(frame.count) > self.from {
                let payload = frame.payload().to_vec();
                return Ok(Some(Group { first: frame.first, count: frame.count, payload }));
            }
        }
    }
}
