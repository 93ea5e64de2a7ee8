use crate::storage::{Disk, DiskFile, DiskLock};
use parking_lot::{Mutex, RwLock};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A folder in memory, for tests: bytes can be looked at and changed, and the n-th change can be made to fail.
#[derive(Clone, Debug, Default)]
pub(super) struct TestDisk(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    files: Mutex<BTreeMap<String, Arc<RwLock<Vec<u8>>>>>,
    changes: Mutex<Changes>,
    /// How many writes were begun and ended.
    writes: [AtomicUsize; 2],
    /// Every write waits for it.
    gate: Mutex<()>,
}

#[derive(Debug, Default)]
struct Changes {
    /// How many were asked for.
    asked: usize,
    /// Which ones fail: from and to.
    failing: std::ops::Range<usize>,
}

impl TestDisk {
    /// How many changes were asked for so far.
    pub(super) fn changes(&self) -> usize {
        self.0.changes.lock().asked
    }

    /// So many changes fail after so many that succeed from now on.
    pub(super) fn fail(&self, after: usize, many: usize) {
        let mut changes = self.0.changes.lock();
        let from = changes.asked + after;
        changes.failing = from..from.saturating_add(many);
    }

    /// Writes wait from now on until what is given is dropped.
    pub(super) fn hold_writes(&self) -> parking_lot::MutexGuard<'_, ()> {
        self.0.gate.lock()
    }

    /// Whether a write has begun that has not ended.
    pub(super) fn is_writing(&self) -> bool {
        self.0.writes[0].load(Ordering::SeqCst) > self.writes()
    }

    /// How many writes have ended.
    pub(super) fn writes(&self) -> usize {
        self.0.writes[1].load(Ordering::SeqCst)
    }

    pub(super) fn bytes(&self, name: &str) -> Vec<u8> {
        self.0.files.lock()[name].read().clone()
    }

    pub(super) fn set_bytes(&self, name: &str, bytes: Vec<u8>) {
        *self.0.files.lock().entry(name.to_owned()).or_default().write() = bytes;
    }

    /// Another folder with the same files.
    pub(super) fn copy(&self) -> TestDisk {
        let copy = TestDisk::default();
        for (name, file) in &*self.0.files.lock() {
            copy.set_bytes(name, file.read().clone());
        }
        copy
    }

    fn change(&self) -> io::Result<()> {
        let mut changes = self.0.changes.lock();
        let number = changes.asked;
        changes.asked += 1;
        if changes.failing.contains(&number) {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "no space left on the test disk"));
        }
        Ok(())
    }

    fn file(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let bytes = self.0.files.lock().get(name).cloned().ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(TestFile { disk: self.clone(), bytes }))
    }
}

impl Disk for TestDisk {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.0.files.lock().keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.change()?;
        if self.0.files.lock().contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.set_bytes(name, Vec::new());
        self.file(name)
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.file(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.change()?;
        let mut files = self.0.files.lock();
        let file = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.change()?;
        self.0.files.lock().remove(name).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.change()
    }

    fn lock(&self) -> io::Result<Option<Box<dyn DiskLock>>> {
        Ok(None)
    }
}

#[derive(Debug)]
struct TestFile {
    disk: TestDisk,
    bytes: Arc<RwLock<Vec<u8>>>,
}

impl DiskFile for TestFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.read().len() as u64)
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        let file = self.bytes.read();
        let found = file.get(offset as usize..).and_then(|rest| rest.get(..bytes.len()));
        bytes.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    /// One that fails writes the first half.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.0.writes[0].fetch_add(1, Ordering::SeqCst);
        let _gate = self.disk.0.gate.lock();
        let result = self.disk.change();
        let bytes = if result.is_ok() { bytes } else { &bytes[..bytes.len() / 2] };
        let mut file = self.bytes.write();
        let end = offset as usize + bytes.len();
        if file.len() < end {
            file.resize(end, 0);
        }
        file[offset as usize..end].copy_from_slice(bytes);
        self.disk.0.writes[1].fetch_add(1, Ordering::SeqCst);
        result
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.change()
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.disk.change()?;
        self.bytes.write().truncate(len as usize);
        Ok(())
    }
}
