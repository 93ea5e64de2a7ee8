use std::fmt;
use std::io;

/// A folder of files: all that a store asks of the system below it.
///
/// What a host may put in its place: another file system, a folder in memory ([`MemoryDisk`]), or one that fails where a
/// test wants it to. Names are plain file names, without folders.
///
/// The contract:
/// - what was written is read back, until the machine stops; after that only what was synced is sure to be there;
/// - a file that was made, renamed or removed is sure to be so after the machine stopped once
///   [`sync_folder`](Disk::sync_folder) has returned;
/// - [`rename`](Disk::rename) replaces a file of that name at once: there is never a time without one.
///
/// ```
/// use bespoke::storage::{Disk, MemoryDisk};
/// let disk = MemoryDisk::new();
/// let file = disk.create("root.new")?;
/// file.write_at(0, b"checkpoint 2")?;
/// file.sync()?; // first the bytes,
/// disk.rename("root.new", "root")?; // then the name, in place of an older one,
/// disk.sync_folder()?; // and the folder: from now on it outlives the machine
/// assert_eq!(disk.crash(7).names()?, ["root"]);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// [`MemoryDisk`]: crate::storage::MemoryDisk
pub trait Disk: Send + Sync + fmt::Debug {
    /// The names of all files, in any order.
    ///
    /// # Errors
    /// Whatever the system says.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Makes a file, which must not be there yet.
    ///
    /// # Errors
    /// Whatever the system says; [`io::ErrorKind::AlreadyExists`] where there is one.
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file to read and write.
    ///
    /// # Errors
    /// Whatever the system says; [`io::ErrorKind::NotFound`] where there is none.
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Gives a file another name, and takes the place of one that has it.
    ///
    /// # Errors
    /// Whatever the system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// Whatever the system says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes sure of what files there are.
    ///
    /// # Errors
    /// Whatever the system says.
    fn sync_folder(&self) -> io::Result<()>;

    /// Keeps everybody else from writing here, until what it gives is dropped or the process ends. Nothing where
    /// somebody has it.
    ///
    /// # Errors
    /// Whatever the system says.
    fn lock(&self) -> io::Result<Option<Box<dyn DiskLock>>>;

    /// What errors call a file of this folder, such as its whole path.
    fn describe(&self, name: &str) -> String {
        name.to_owned()
    }

    /// A number that is another one once the machine was started anew, and the same until then. Nothing where that
    /// cannot be known.
    ///
    /// Bytes that were written and not synced may only be missing after such a start.
    fn boot(&self) -> Option<u64> {
        None
    }
}

/// A file of a [`Disk`]. May be read and written from several threads at once.
///
/// ```
/// # use bespoke::storage::{Disk, DiskFile, MemoryDisk};
/// let file: Box<dyn DiskFile> = MemoryDisk::new().create("notes")?;
/// file.write_at(0, b"boots and sandals")?;
/// file.truncate(5)?;
/// let mut bytes = [0; 9];
/// let error = file.read_at(0, &mut bytes).unwrap_err(); // all of them, or an error
/// assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
/// file.read_at(0, &mut bytes[..5])?;
/// assert_eq!(&bytes[..5], b"boots");
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait DiskFile: Send + Sync + fmt::Debug {
    /// How long it is, in bytes.
    ///
    /// # Errors
    /// Whatever the system says.
    fn len(&self) -> io::Result<u64>;

    /// Whether it is empty.
    ///
    /// # Errors
    /// Whatever the system says.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Fills `bytes` from `offset` on.
    ///
    /// # Errors
    /// Whatever the system says; [`io::ErrorKind::UnexpectedEof`] where the file ends before.
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()>;

    /// Writes all of `bytes` from `offset` on; a file that ends there grows. After an error any part of them may be
    /// written.
    ///
    /// # Errors
    /// Whatever the system says.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes sure that what was written outlives the machine.
    ///
    /// # Errors
    /// Whatever the system says. What was written since the last success may be there or not.
    fn sync(&self) -> io::Result<()>;

    /// Cuts it off behind `len` bytes.
    ///
    /// # Errors
    /// Whatever the system says.
    fn truncate(&self, len: u64) -> io::Result<()>;

    /// Whether its name was taken from it, so that what is written to it is lost with the process. Costs a look at the
    /// file, not at the folder.
    ///
    /// # Errors
    /// Whatever the system says.
    fn is_gone(&self) -> io::Result<bool> {
        Ok(false)
    }
}

/// Keeps everybody else from writing to a [`Disk`] as long as it lives.
///
/// ```
/// use bespoke::storage::{Disk, MemoryDisk};
/// let disk = MemoryDisk::new();
/// let lock = disk.lock()?; // what an engine holds while it has the store open
/// assert!(lock.is_some());
/// assert!(disk.clone().lock()?.is_none()); // somebody has it
/// drop(lock);
/// assert!(disk.lock()?.is_some());
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait DiskLock: Send + Sync + fmt::Debug {}
