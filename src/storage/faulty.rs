use crate::storage::{Disk, DiskFile, DiskLock};
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;

/// A disk that fails where it is told to, for tests of hosts and of this crate. Clones steer the same disk.
///
/// Calls that change something are counted from 0: to create, rename, remove, write, truncate, sync, sync the folder.
/// Those that only look are counted for themselves: to lock, list, open, read, ask for a length.
///
/// ```
/// use bespoke::storage::{Disk, DiskFile, Fault, FaultyDisk, MemoryDisk};
/// use std::io::ErrorKind;
///
/// let disk = FaultyDisk::new(MemoryDisk::new());
/// let file = disk.create("notes")?;
/// disk.fail(disk.calls(), Fault::once(ErrorKind::StorageFull).halfway());
/// let error = file.write_at(0, b"boots").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::StorageFull);
/// assert_eq!(file.len()?, 2); // some of it was written
/// file.write_at(0, b"boots")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FaultyDisk {
    inner: Arc<dyn Disk>,
    steering: Arc<Mutex<Steering>>,
    /// Of calls that only look.
    looks: Arc<Mutex<Steering>>,
}

/// How a call of a [`FaultyDisk`] fails.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Engine, model::{Instant, Message}};
/// # use bespoke::storage::{Fault, FaultyDisk, MemoryDisk};
/// # use std::io::ErrorKind;
/// # let definitions = Definitions::from_toml("version = 1\n[events.view]")?;
/// # let (view, now) = (Message::track("ada", "view"), Instant::from_millis(0));
/// let disk = FaultyDisk::new(MemoryDisk::new());
/// let engine = Engine::builder(definitions).disk(disk.clone()).open()?;
/// disk.fail(disk.calls(), Fault::lasting(ErrorKind::StorageFull)); // `once` would let the next call work
/// assert!(engine.ingest(&view, now).is_err());
/// disk.heal();
/// engine.ingest(&view, now)?;
/// assert_eq!(engine.sequence(), 1); // the first time nothing was taken
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    kind: io::ErrorKind,
    lasting: bool,
    after: After,
}

/// How much of the call is done before it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Nothing,
    Half,
    All,
}

impl Fault {
    /// One call fails with this error and does nothing; the next one works.
    #[must_use]
    pub fn once(kind: io::ErrorKind) -> Fault {
        Fault { kind, lasting: false, after: After::Nothing }
    }

    /// One call fails with this error, and all after it, until [`heal`](FaultyDisk::heal).
    #[must_use]
    pub fn lasting(kind: io::ErrorKind) -> Fault {
        Fault { lasting: true, ..Fault::once(kind) }
    }

    /// The first call that fails writes half of its bytes, if it is one that writes.
    #[must_use]
    pub fn halfway(self) -> Fault {
        Fault { after: After::Half, ..self }
    }

    /// The first call that fails does all that it was asked.
    #[must_use]
    pub fn when_done(self) -> Fault {
        Fault { after: After::All, ..self }
    }

    /// Whether all calls after it fail too.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        self.lasting
    }

    /// Whether the first call that fails does all that it was asked.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.after == After::All
    }
}

#[derive(Debug, Default)]
struct Steering {
    calls: u64,
    next: Option<(u64, Fault)>,
}

impl FaultyDisk {
    /// A disk that does what `inner` does until it is told to [`fail`](FaultyDisk::fail).
    pub fn new(inner: impl Disk + 'static) -> FaultyDisk {
        FaultyDisk { inner: Arc::new(inner), steering: Arc::default(), looks: Arc::default() }
    }

    /// How many calls there were that change something, with those that failed.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.steering.lock().calls
    }

    /// Lets a call fail, by its number: that of the next one is [`calls`](FaultyDisk::calls). It takes the place of
    /// what was to fail before.
    pub fn fail(&self, call: u64, fault: Fault) {
        self.steering.lock().next = Some((call, fault));
    }

    /// How many calls there were that only look, with those that failed.
    #[must_use]
    pub fn looks(&self) -> u64 {
        self.looks.lock().calls
    }

    /// Lets a call fail that only looks, by its number among these.
    pub fn fail_look(&self, look: u64, fault: Fault) {
        self.looks.lock().next = Some((look, fault));
    }

    /// Lets all calls work again.
    pub fn heal(&self) {
        self.steering.lock().next = None;
        self.looks.lock().next = None;
    }

    fn file(&self, inner: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        Box::new(FaultyFile { inner, steering: self.steering.clone(), looks: self.looks.clone() })
    }
}

impl Steering {
    /// How the next call fails, if it does.
    fn step(&mut self) -> Option<Fault> {
        let call = self.calls;
        self.calls += 1;
        let (from, fault) = self.next?;
        if call < from {
            return None;
        }
        let is_first = call == from;
        self.next = fault.lasting.then_some((from, fault));
        (is_first || fault.lasting)
            .then_some(Fault { after: if is_first { fault.after } else { After::Nothing }, ..fault })
    }
}

/// Does a call, unless it is to fail.
fn call<T>(steering: &Mutex<Steering>, run: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let fault = steering.lock().step();
    match fault {
        None => run(),
        Some(Fault { kind, after, .. }) => {
            if after == After::All {
                run()?;
            }
            Err(kind.into())
        }
    }
}

impl Disk for FaultyDisk {
    fn names(&self) -> io::Result<Vec<String>> {
        call(&self.looks, || self.inner.names())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        call(&self.steering, || self.inner.create(name)).map(|inner| self.file(inner))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        call(&self.looks, || self.inner.open(name)).map(|inner| self.file(inner))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        call(&self.steering, || self.inner.rename(from, to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        call(&self.steering, || self.inner.remove(name))
    }

    fn sync_folder(&self) -> io::Result<()> {
        call(&self.steering, || self.inner.sync_folder())
    }

    fn lock(&self) -> io::Result<Option<Box<dyn DiskLock>>> {
        call(&self.looks, || self.inner.lock())
    }

    fn describe(&self, name: &str) -> String {
        self.inner.describe(name)
    }

    fn boot(&self) -> Option<u64> {
        self.inner.boot()
    }
}

#[derive(Debug)]
struct FaultyFile {
    inner: Box<dyn DiskFile>,
    steering: Arc<Mutex<Steering>>,
    looks: Arc<Mutex<Steering>>,
}

impl DiskFile for FaultyFile {
    fn len(&self) -> io::Result<u64> {
        call(&self.looks, || self.inner.len())
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        call(&self.looks, || self.inner.read_at(offset, bytes))
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let fault = self.steering.lock().step();
        let Some(Fault { kind, after, .. }) = fault else { return self.inner.write_at(offset, bytes) };
        let written = match after {
            After::Nothing => 0,
            After::Half => bytes.len() / 2,
            After::All => bytes.len(),
        };
        self.inner.write_at(offset, &bytes[..written])?;
        Err(kind.into())
    }

    fn sync(&self) -> io::Result<()> {
        call(&self.steering, || self.inner.sync())
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        call(&self.steering, || self.inner.truncate(len))
    }

    fn is_gone(&self) -> io::Result<bool> {
        self.inner.is_gone()
    }
}
