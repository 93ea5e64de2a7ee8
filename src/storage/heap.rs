use crate::storage::frame::{self, FRAME_HEAD};
use crate::storage::head::{Head, check_there, read_at};
use crate::storage::heap_buffer::{Contents, Found, Stored};
use crate::storage::place::{HeapBytes, HeapFile, Place};
use crate::storage::seal::STRIDE;
use crate::storage::unwanted::Unwanted;
use crate::storage::{Disk, DiskFile, Error, ErrorKind};
use parking_lot::{Mutex, RwLock};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// The records of a store, each where it was put until its file is removed: in files `heap-N` (eight hexadecimal
/// digits), which only grow.
///
/// What is put is in a buffer first, and written once that is full; its place is final at once, and it can be read from
/// there all the time. Who reads never waits for who writes to the disk, nor for who puts longer than a copy takes.
#[derive(Debug)]
pub(crate) struct Heap {
    disk: Arc<dyn Disk>,
    limits: Limits,
    /// Held by who writes to the disk, for as long as that takes. Taken before `contents`.
    writer: Mutex<Writer>,
    /// Never held over a call of the disk.
    contents: RwLock<Contents>,
}

#[derive(Debug, Default)]
struct Writer {
    /// Files were made that may not outlive the machine.
    folder_changed: bool,
}

/// Bytes of a file that are removed at once where others wait for it: a millisecond or two.
const CLEANED_AT_ONCE: u64 = 16 << 20;

/// How much may be where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes of a file, unless it is of one record.
    pub(super) file: u32,
    /// Bytes of a buffer that make it full.
    pub(super) buffer: usize,
    /// Bytes in buffers with which a record is refused where they cannot be written.
    pub(super) buffered: usize,
    /// Bytes of the last file that make it worth emptying.
    pub(super) compact: u32,
}

impl Limits {
    const DEFAULT: Limits =
        Limits { file: 256 << 20, buffer: 256 << 10, buffered: 64 << 20, compact: 16 << 20 };
}

impl Heap {
    /// Opens the files that the checkpoint names, and removes or cuts off what was written after it.
    ///
    /// # Errors
    /// Whatever the disk says; a file that is missing, shorter than it was, or another one. Nothing was removed then.
    pub(crate) fn open(disk: Arc<dyn Disk>, files: &[HeapFile]) -> Result<Heap, Error> {
        Heap::open_with(disk, files, Limits::DEFAULT)
    }

    /// The files that the checkpoint names, to be read only, and what is wrong with those that cannot be.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub(crate) fn look(disk: Arc<dyn Disk>, files: &[HeapFile]) -> Result<(Heap, Vec<Error>), Error> {
        let (mut stored, mut damages) = (BTreeMap::new(), Vec::new());
        for file in files {
            match open_file(&*disk, file) {
                Ok(found) => drop(stored.insert(file.number, found)),
                Err(error) if error.kind() == ErrorKind::Corrupt => damages.push(error),
                Err(error) => return Err(error),
            }
        }
        let contents = RwLock::new(Contents::new(stored));
        let heap = Heap { disk, limits: Limits::DEFAULT, writer: Mutex::new(Writer::default()), contents };
        Ok((heap, damages))
    }

    pub(super) fn open_with(disk: Arc<dyn Disk>, files: &[HeapFile], limits: Limits) -> Result<Heap, Error> {
        let mut stored = BTreeMap::new();
        for file in files {
            stored.insert(file.number, open_file(&*disk, file)?);
        }
        for (&number, stored) in &stored {
            if let Some(file) = &stored.file {
                cut_off(&**file, u64::from(stored.len))
                    .map_err(|error| Error::io("cut off", disk.describe(&file_name(number)), error))?;
            }
        }
        let names =
            disk.names().map_err(|error| Error::io("list the folder of", disk.describe("heap"), error))?;
        for name in names {
            if file_number(&name).is_some_and(|number| !stored.contains_key(&number)) {
                disk.remove(&name).map_err(|error| Error::io("remove", disk.describe(&name), error))?;
            }
        }
        Ok(Heap {
            disk,
            limits,
            // What was removed here may come back when the machine stops, and is removed again then.
            writer: Mutex::new(Writer::default()),
            contents: RwLock::new(Contents::new(stored)),
        })
    }

    /// Puts a record, and says where it is. It is read from there at once; only after [`sync`](Heap::sync) it is sure
    /// to be there later.
    ///
    /// # Errors
    /// So much could not be written that no more is taken, or the record is longer than 4 GiB. A write that fails here
    /// otherwise is tried again by the next [`flush`](Heap::flush).
    pub(crate) fn put(&self, record: &[u8]) -> Result<Place, Error> {
        if record.len() as u64 > u64::from(u32::MAX - FRAME_HEAD) - Head::BYTES as u64 {
            let error = io::Error::new(io::ErrorKind::InvalidInput, "a record has at most 4 GiB");
            return Err(Error::io("write a record of", self.disk.describe("heap"), error));
        }
        if self.contents.read().buffered >= self.limits.buffered {
            self.write_waiting(&mut self.writer.lock())?;
        }
        let (place, full) = {
            let mut contents = self.contents.write();
            let place = contents.append(record, self.limits.file, head);
            let full = contents.filling().is_some_and(|(_, bytes)| bytes >= self.limits.buffer);
            if full {
                contents.close_buffer();
            }
            (place, full)
        };
        // Where somebody is writing, what waits is left to him or to the next buffer. An error is for who asks whether
        // all is written: nothing is lost by it.
        if full && let Some(mut writer) = self.writer.try_lock() {
            let _ = self.write_waiting(&mut writer);
        }
        Ok(place)
    }

    /// Appends the record at a place to `out`, which is as it was after an error. Any thread may ask at any time.
    ///
    /// # Errors
    /// Whatever the disk says; what is there is not what was put there.
    pub(crate) fn get(&self, place: Place, out: &mut Vec<u8>) -> Result<(), Error> {
        let damage = || frame::damage(&self.name(place.file), place);
        let file = {
            let contents = self.contents.read();
            match contents.find(place) {
                Some(Found::File(file)) => Some(Arc::clone(file)),
                Some(Found::Buffer(frame)) => {
                    if let Some(record) = frame::record(place, frame) {
                        out.extend_from_slice(record);
                        return Ok(());
                    }
                    None
                }
                None => None,
            }
        };
        let file = file.ok_or_else(damage)?;
        let start = out.len();
        let frame = FRAME_HEAD as usize + place.len as usize;
        // Also for whoever opens it in place.
        out.reserve(frame.next_multiple_of(STRIDE));
        out.resize(start + frame, 0);
        let read = file.read_at(u64::from(place.offset), &mut out[start..]);
        let result = match read {
            Ok(()) => frame::record(place, &out[start..]).map(drop).ok_or_else(damage),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(damage()),
            Err(error) => Err(Error::io("read", self.name(place.file), error)),
        };
        match result {
            Ok(()) => drop(out.drain(start..start + FRAME_HEAD as usize)),
            Err(_) => out.truncate(start),
        }
        result
    }

    /// Writes all that was put.
    ///
    /// # Errors
    /// Whatever the disk says. All can still be read; what is not written is tried again the next time.
    #[cfg(test)]
    pub(crate) fn flush(&self) -> Result<(), Error> {
        let mut writer = self.writer.lock();
        self.contents.write().close_buffer();
        self.write_waiting(&mut writer)
    }

    /// Makes sure that no file was removed under it.
    ///
    /// # Errors
    /// One was, or the disk says something else.
    pub(crate) fn check_there(&self) -> Result<(), Error> {
        let files: Vec<(u32, Arc<dyn DiskFile>)> = {
            let contents = self.contents.read();
            let files = contents.files.iter();
            files.filter_map(|(&number, stored)| Some((number, Arc::clone(stored.file.as_ref()?)))).collect()
        };
        files.into_iter().try_for_each(|(number, file)| check_there(&*file, &self.name(number)))
    }

    /// Makes sure that all that was put so far outlives the machine.
    ///
    /// # Errors
    /// Whatever the disk says. All can still be read; what is not sure is tried again the next time.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        let mut writer = self.writer.lock();
        let put_bytes = {
            let mut contents = self.contents.write();
            contents.close_buffer();
            contents.put_bytes
        };
        self.write_waiting(&mut writer)?;
        if writer.folder_changed {
            self.disk
                .sync_folder()
                .map_err(|error| Error::io("sync the folder of", self.disk.describe("heap"), error))?;
            writer.folder_changed = false;
        }
        let unsynced: Vec<u32> = {
            let contents = self.contents.read();
            let unsynced = contents.files.iter().filter(|(_, stored)| stored.synced < stored.written);
            unsynced.map(|(&number, _)| number).collect()
        };
        unsynced.into_iter().try_for_each(|number| self.sync_file(number))?;
        self.contents.write().sure_bytes = put_bytes;
        Ok(())
    }

    /// Says that records are not wanted any more. They are there until their file is removed.
    pub(crate) fn free(&self, unwanted: &Unwanted) {
        let mut contents = self.contents.write();
        for (file, bytes) in unwanted.files() {
            if let Some(stored) = contents.files.get_mut(&file) {
                stored.live = u64::from(stored.live).saturating_sub(bytes) as u32;
            }
        }
    }

    /// How many bytes were put since it was opened.
    pub(crate) fn put_bytes(&self) -> u64 {
        self.contents.read().put_bytes
    }

    /// How many of them are sure to outlive the machine: all that were put before them are.
    pub(crate) fn sure_bytes(&self) -> u64 {
        self.contents.read().sure_bytes
    }

    /// What to say of a record that is as it was put, and not what it should be.
    pub(crate) fn corrupt(&self, place: Place, message: impl std::fmt::Display) -> Error {
        let name = self.disk.describe(&file_name(place.file));
        Error::corrupt(name, u64::from(place.offset), message.to_string())
    }

    /// The files as a checkpoint is to name them: with what of them is synced.
    pub(crate) fn files(&self) -> Vec<HeapFile> {
        let contents = self.contents.read();
        let synced = contents.files.iter().filter(|(_, stored)| stored.synced > 0);
        let named = synced.map(|(&number, stored)| {
            let live = stored.live.min(stored.synced - Head::BYTES as u32);
            HeapFile { number, len: stored.synced, live }
        });
        named.collect()
    }

    /// How much of the heap is wanted.
    pub(crate) fn waste(&self) -> HeapBytes {
        let mut bytes = HeapBytes::default();
        for stored in self.contents.read().files.values() {
            bytes.live += u64::from(stored.live);
            bytes.dead += u64::from(stored.dead());
        }
        bytes
    }

    /// The files of whose bytes more than this share is not wanted: whoever puts their records elsewhere may
    /// [remove](Heap::remove) them. Nothing that is put from now on goes into one of them.
    pub(crate) fn to_compact(&self, max_dead_share: f64) -> Vec<u32> {
        let mut contents = self.contents.write();
        let files: Vec<u32> = contents.mostly_dead(max_dead_share, self.limits.compact).collect();
        if contents.filling().is_some_and(|(last, _)| files.contains(&last)) {
            contents.close_file();
        }
        files
    }

    /// Whether there are such files.
    pub(crate) fn is_to_compact(&self, max_dead_share: f64) -> bool {
        self.contents.read().mostly_dead(max_dead_share, self.limits.compact).next().is_some()
    }

    /// Gives up a file with all that is in it. The checkpoint must not name it any more: a new one has to be in place.
    pub(crate) fn remove(&self, number: u32) {
        let _writer = self.writer.lock();
        self.contents.write().remove(number);
    }

    /// Removes the files that were given up. Takes the longer the larger they are, so it is not for whoever others wait
    /// for.
    ///
    /// # Errors
    /// Whatever the disk says. What is left goes when this is called again, or with the next opening.
    pub(crate) fn clean(&self) -> Result<(), Error> {
        let mut removed = std::mem::take(&mut self.contents.write().removed);
        while let Some(number) = removed.last() {
            match self.disk.remove(&file_name(*number)) {
                // It was never written, or an earlier attempt removed it before it failed.
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    let failed = Error::io("remove", self.name(*number), error);
                    self.contents.write().removed.append(&mut removed);
                    return Err(failed);
                }
                _ => drop(removed.pop()),
            }
        }
        Ok(())
    }

    /// Removes a part of a file that was given up; gives whether none is left.
    ///
    /// # Errors
    /// As [`clean`](Heap::clean).
    pub(crate) fn clean_some(&self) -> Result<bool, Error> {
        let Some(number) = self.contents.read().removed.last().copied() else { return Ok(true) };
        let name = file_name(number);
        // No checkpoint names it: it goes with the next opening, however much of it there is.
        let shortened = self.disk.open(&name).and_then(|file| {
            let left = file.len()?.saturating_sub(CLEANED_AT_ONCE);
            if left > 0 {
                file.truncate(left)?;
            }
            Ok(left > 0)
        });
        match shortened {
            Ok(true) => return Ok(false),
            Ok(false) => self.disk.remove(&name),
            Err(error) => Err(error),
        }
        .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
        .map_err(|error| Error::io("remove", self.name(number), error))?;
        let mut contents = self.contents.write();
        contents.removed.retain(|removed| *removed != number);
        Ok(contents.removed.is_empty())
    }

    /// Reads all that is written, and compares it with its checksums. Gives of each file the first thing that is not
    /// what was written there.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub(crate) fn verify(&self) -> Result<Vec<Error>, Error> {
        let mut damages = Vec::new();
        let files: Vec<(u32, Arc<dyn DiskFile>, u32)> = {
            let contents = self.contents.read();
            let files = contents.files.iter().filter(|(_, stored)| stored.written > 0);
            let files = files.filter_map(|(&number, stored)| {
                stored.file.as_ref().map(|file| (number, Arc::clone(file), stored.written))
            });
            files.collect()
        };
        for (number, file, written) in files {
            let name = self.name(number);
            let walked = head(number).check(&*file, &name).and_then(|()| {
                frame::walk(&*file, &name, number, Head::BYTES as u32, written, |_, _| Ok(()))
            });
            match walked {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Corrupt => damages.push(error),
                Err(error) => return Err(error),
            }
        }
        Ok(damages)
    }

    /// All records that are in the files, also those that nobody wants any more.
    #[cfg(test)]
    pub(crate) fn records(&self) -> Vec<Vec<u8>> {
        let mut records = Vec::new();
        for (&number, stored) in &self.contents.read().files {
            let Some(file) = &stored.file else { continue };
            let each = |_: Place, frame: &[u8]| {
                records.push(frame[FRAME_HEAD as usize..].to_vec());
                Ok(())
            };
            let name = self.name(number);
            frame::walk(&**file, &name, number, Head::BYTES as u32, stored.written, each).unwrap();
        }
        records
    }

    fn sync_file(&self, number: u32) -> Result<(), Error> {
        let name = self.name(number);
        let (file, synced, written, unsure) = {
            let contents = self.contents.read();
            let Some(stored) = contents.files.get(&number) else { return Ok(()) };
            let Some(file) = &stored.file else { return Ok(()) };
            (Arc::clone(file), stored.synced, stored.written, stored.unsure)
        };
        if unsure {
            rewrite(&*file, &name, number, synced, written)?;
        }
        let result = file.sync();
        if let Some(stored) = self.contents.write().files.get_mut(&number) {
            stored.unsure = result.is_err();
            if result.is_ok() {
                stored.synced = written;
            }
        }
        result.map_err(|error| Error::io("sync", name, error))
    }

    fn write_waiting(&self, writer: &mut Writer) -> Result<(), Error> {
        loop {
            let (buffer, file) = {
                let contents = self.contents.read();
                let Some(buffer) = contents.waiting.front() else { return Ok(()) };
                let stored = contents.files.get(&buffer.file);
                (Arc::clone(buffer), stored.and_then(|stored| stored.file.as_ref().map(Arc::clone)))
            };
            let file = match file {
                Some(file) => file,
                None => self.make_file(buffer.file, writer)?,
            };
            file.write_at(u64::from(buffer.offset), &buffer.bytes)
                .map_err(|error| Error::io("write", self.name(buffer.file), error))?;
            self.contents.write().was_written();
        }
    }

    fn make_file(&self, number: u32, writer: &mut Writer) -> Result<Arc<dyn DiskFile>, Error> {
        let name = file_name(number);
        writer.folder_changed = true;
        let file = match self.disk.create(&name) {
            // An attempt that failed may have made it. Nobody else has: no number is given twice.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.disk.open(&name),
            result => result,
        };
        let file: Arc<dyn DiskFile> =
            file.map_err(|error| Error::io("make", self.name(number), error))?.into();
        if let Some(stored) = self.contents.write().files.get_mut(&number) {
            stored.file = Some(Arc::clone(&file));
        }
        Ok(file)
    }

    fn name(&self, number: u32) -> String {
        self.disk.describe(&file_name(number))
    }
}

fn head(number: u32) -> Head {
    Head { magic: *b"bespokeH", format: 1, number }
}

fn file_name(number: u32) -> String {
    format!("heap-{number:08x}")
}

fn file_number(name: &str) -> Option<u32> {
    let number = u32::from_str_radix(name.strip_prefix("heap-")?, 16).ok()?;
    (file_name(number) == name).then_some(number)
}

fn open_file(disk: &dyn Disk, named: &HeapFile) -> Result<Stored, Error> {
    let file_name = file_name(named.number);
    let name = disk.describe(&file_name);
    let missing = |at, what: &str| {
        let message =
            format!("{what}, and the checkpoint needs {} bytes of it: restore it from a backup", named.len);
        Error::corrupt(&*name, at, message)
    };
    let file: Arc<dyn DiskFile> = match disk.open(&file_name) {
        Ok(file) => file.into(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(missing(0, "it is not there")),
        Err(error) => return Err(Error::io("open", name, error)),
    };
    let len = file.len().map_err(|error| Error::io("read", &*name, error))?;
    if len < u64::from(named.len) || named.len < Head::BYTES as u32 {
        return Err(missing(len, "it ends here"));
    }
    head(named.number).check(&*file, &name)?;
    Ok(Stored {
        file: Some(file),
        len: named.len,
        written: named.len,
        synced: named.len,
        live: named.live.min(named.len - Head::BYTES as u32),
        unsure: false,
    })
}

fn cut_off(file: &dyn DiskFile, len: u64) -> io::Result<()> {
    if file.len()? > len { file.truncate(len) } else { Ok(()) }
}

/// Reads part of a file and writes it again: a system that could not sync it may say the next time that all is well
/// without having written it.
fn rewrite(file: &dyn DiskFile, name: &str, number: u32, from: u32, to: u32) -> Result<(), Error> {
    let write = |at: u32, bytes: &[u8]| {
        file.write_at(u64::from(at), bytes).map_err(|error| Error::io("write", name, error))
    };
    let mut from = from;
    if from == 0 {
        let mut bytes = [0; Head::BYTES];
        read_at(file, name, 0, &mut bytes)?;
        write(0, &bytes)?;
        from = Head::BYTES as u32;
    }
    frame::walk(file, name, number, from, to, |place, frame| write(place.offset, frame))
}
