use crate::storage::DiskFile;
use crate::storage::frame::{self, FRAME_HEAD};
use crate::storage::head::Head;
use crate::storage::place::Place;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// A heap as its readers see it: which files there are, and what is not in them yet.
///
/// Invariants: 1. of each file every byte below `len` is in the file (below `written`) or in exactly one buffer.
/// 2. buffers are in the order of their places, and a frame is in one buffer whole. 3. a place that was given stays
/// good: bytes leave a buffer only once they are in the file.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) files: BTreeMap<u32, Stored>,
    /// Buffers to be written, in order.
    pub(super) waiting: VecDeque<Arc<Buffer>>,
    /// Where the next record goes; nothing where that is a new file.
    filling: Option<Buffer>,
    /// Bytes in all buffers.
    pub(super) buffered: usize,
    /// The number of the next file: none is given twice.
    next: u32,
    /// Files that are still there, and that nobody wants any more.
    pub(super) removed: Vec<u32>,
    /// Bytes of all records that were put, and of those of them that are sure to outlive the machine.
    pub(super) put_bytes: u64,
    pub(super) sure_bytes: u64,
}

/// A file of the heap.
#[derive(Debug)]
pub(super) struct Stored {
    /// Nothing before its first write.
    pub(super) file: Option<Arc<dyn DiskFile>>,
    /// Bytes, with those in buffers.
    pub(super) len: u32,
    /// Bytes in the file.
    pub(super) written: u32,
    /// Bytes that outlive the machine.
    pub(super) synced: u32,
    /// Bytes of frames that are still wanted.
    pub(super) live: u32,
    /// The system could not sync what is between `synced` and `written`, and may have forgotten it.
    pub(super) unsure: bool,
}

impl Stored {
    /// Bytes of frames that are not wanted any more.
    pub(super) fn dead(&self) -> u32 {
        (self.len - Head::BYTES as u32).saturating_sub(self.live)
    }
}

/// Bytes of one file that follow each other.
#[derive(Debug)]
pub(super) struct Buffer {
    pub(super) file: u32,
    pub(super) offset: u32,
    pub(super) bytes: Vec<u8>,
}

impl Buffer {
    pub(super) fn end(&self) -> u32 {
        self.offset + self.bytes.len() as u32
    }

    /// The frame at a place that ends before `end`.
    fn frame(&self, place: Place, end: u32) -> Option<&[u8]> {
        let offset = place.offset.checked_sub(self.offset).filter(|_| place.file == self.file)?;
        self.bytes.get(offset as usize..(end - self.offset) as usize)
    }
}

/// Where a record is to be read.
#[derive(Debug)]
pub(super) enum Found<'a> {
    File(&'a Arc<dyn DiskFile>),
    /// The frame around it.
    Buffer(&'a [u8]),
}

impl Contents {
    /// What is in these files, of which the last one goes on.
    pub(super) fn new(files: BTreeMap<u32, Stored>) -> Contents {
        let last = files.last_key_value();
        let filling = last.map(|(&file, stored)| Buffer { file, offset: stored.len, bytes: Vec::new() });
        let next = last.map_or(1, |(&file, _)| file + 1);
        let waiting = VecDeque::new();
        Contents {
            files,
            waiting,
            filling,
            buffered: 0,
            next,
            removed: Vec::new(),
            put_bytes: 0,
            sure_bytes: 0,
        }
    }

    /// Which file records are put into, and how many bytes wait for that in its buffer.
    pub(super) fn filling(&self) -> Option<(u32, usize)> {
        self.filling.as_ref().map(|buffer| (buffer.file, buffer.bytes.len()))
    }

    /// The files of whose bytes more than this share is dead; the last one only where it has so many bytes.
    pub(super) fn mostly_dead(&self, max_dead_share: f64, last_min: u32) -> impl Iterator<Item = u32> {
        let last = self.filling().map(|(file, _)| file);
        let files = self.files.iter().filter(move |&(&number, stored)| {
            let worth = last != Some(number) || stored.len >= last_min;
            worth && f64::from(stored.dead()) > max_dead_share * f64::from(stored.len)
        });
        files.map(|(&number, _)| number)
    }

    /// Puts a record behind all others: into a new file, made by its head, where the last one would grow longer than
    /// `file_max`. A single record may be longer than that.
    pub(super) fn append(&mut self, record: &[u8], file_max: u32, head: impl FnOnce(u32) -> Head) -> Place {
        let frame = FRAME_HEAD + record.len() as u32;
        let fits = self.filling.as_ref().is_some_and(|buffer| buffer.end().saturating_add(frame) <= file_max);
        if !fits {
            self.close_file();
        }
        let buffer = self.filling.get_or_insert_with(|| {
            let file = self.next;
            self.next += 1;
            let bytes = head(file).bytes().to_vec();
            let len = bytes.len() as u32;
            self.buffered += bytes.len();
            let stored = Stored { file: None, len, written: 0, synced: 0, live: 0, unsure: false };
            self.files.insert(file, stored);
            Buffer { file, offset: 0, bytes }
        });
        let place = Place { file: buffer.file, offset: buffer.end(), len: record.len() as u32 };
        frame::write(place, record, &mut buffer.bytes);
        self.buffered += frame as usize;
        self.put_bytes += u64::from(frame);
        let stored = self.files.get_mut(&place.file).expect("the file that is filled is there");
        stored.len += frame;
        stored.live += frame;
        place
    }

    /// Lets what was put so far wait for its write.
    pub(super) fn close_buffer(&mut self) {
        if let Some(buffer) = self.filling.as_mut().filter(|buffer| !buffer.bytes.is_empty()) {
            let next = Buffer { file: buffer.file, offset: buffer.end(), bytes: Vec::new() };
            self.waiting.push_back(Arc::new(std::mem::replace(buffer, next)));
        }
    }

    /// Lets the next record go into a new file.
    pub(super) fn close_file(&mut self) {
        self.close_buffer();
        self.filling = None;
    }

    /// Says that the first of the waiting buffers is in its file.
    pub(super) fn was_written(&mut self) {
        if let Some(buffer) = self.waiting.pop_front() {
            self.buffered -= buffer.bytes.len();
            if let Some(stored) = self.files.get_mut(&buffer.file) {
                stored.written = buffer.end();
            }
        }
    }

    /// Where to read what is at a place, if anything is.
    pub(super) fn find(&self, place: Place) -> Option<Found<'_>> {
        let stored = self.files.get(&place.file)?;
        let end = place.offset.checked_add(FRAME_HEAD)?.checked_add(place.len)?;
        if end <= stored.written {
            return stored.file.as_ref().map(Found::File);
        }
        let mut buffers = self.waiting.iter().map(|buffer| &**buffer).chain(&self.filling);
        buffers.find_map(|buffer| buffer.frame(place, end)).map(Found::Buffer)
    }

    /// Drops a file and what waits for it.
    pub(super) fn remove(&mut self, file: u32) {
        self.filling
            .take_if(|buffer| buffer.file == file)
            .inspect(|buffer| self.buffered -= buffer.bytes.len());
        self.waiting.retain(|buffer| {
            let kept = buffer.file != file;
            if !kept {
                self.buffered -= buffer.bytes.len();
            }
            kept
        });
        self.files.remove(&file);
        self.removed.push(file);
    }
}
