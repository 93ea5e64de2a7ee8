use crate::storage::{Disk, DiskFile, DiskLock, Error};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// A folder of the file system.
///
/// ```
/// use bespoke::storage::{Disk, DiskFile, FolderDisk};
///
/// let path = std::env::temp_dir().join(format!("bespoke-folder-{}", std::process::id()));
/// let disk = FolderDisk::new(&path)?;
/// disk.create("notes")?.write_at(0, b"boots")?;
///
/// let mut read = [0; 5];
/// disk.open("notes")?.read_at(0, &mut read)?;
/// assert_eq!(&read, b"boots");
/// # std::fs::remove_dir_all(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FolderDisk {
    path: PathBuf,
}

impl FolderDisk {
    /// The folder at `path`, which is made if it is missing, with those above it.
    ///
    /// # Errors
    /// [`Io`](crate::storage::ErrorKind::Io) where it cannot be made, or is not a folder.
    pub fn new(path: impl Into<PathBuf>) -> Result<FolderDisk, Error> {
        let path = path.into();
        let missing: Vec<&Path> = path.ancestors().take_while(|folder| !folder.exists()).collect();
        // The name of a folder is kept by the one above it.
        fs::create_dir_all(&path)
            .and_then(|()| missing.iter().filter_map(|folder| folder.parent()).try_for_each(sync_names))
            .map_err(|error| Error::io("make", path.display().to_string(), error))?;
        Ok(FolderDisk { path })
    }
}

impl Disk for FolderDisk {
    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            // A name that is no text is none that a store gives.
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(self.path.join(name))?;
        Ok(Box::new(FolderFile { file }))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).open(self.path.join(name))?;
        Ok(Box::new(FolderFile { file }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync_folder(&self) -> io::Result<()> {
        sync_names(&self.path)
    }

    fn lock(&self) -> io::Result<Option<Box<dyn DiskLock>>> {
        let path = self.path.join("lock");
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(FolderLock { _file: file }))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn describe(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }

    fn boot(&self) -> Option<u64> {
        #[cfg(target_os = "linux")]
        return fs::read("/proc/sys/kernel/random/boot_id").ok().map(|id| xxhash_rust::xxh3::xxh3_64(&id));
        #[cfg(not(target_os = "linux"))]
        None
    }
}

/// Makes sure of the names in a folder.
#[cfg(unix)]
fn sync_names(folder: &Path) -> io::Result<()> {
    // The parent of a relative path of one part has no name.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder)?.sync_all()
}

/// Elsewhere a folder cannot be opened as a file, and the file system keeps its names in order itself.
#[cfg(not(unix))]
fn sync_names(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[derive(Debug)]
struct FolderFile {
    file: File,
}

impl DiskFile for FolderFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    #[cfg(unix)]
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, bytes, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        let mut done = 0;
        while done < bytes.len() {
            let at = offset + done as u64;
            match std::os::windows::fs::FileExt::seek_read(&self.file, &mut bytes[done..], at) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    #[cfg(unix)]
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(&self.file, bytes, offset)
    }

    #[cfg(windows)]
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut done = 0;
        while done < bytes.len() {
            let at = offset + done as u64;
            match std::os::windows::fs::FileExt::seek_write(&self.file, &bytes[done..], at) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => done += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    #[cfg(unix)]
    fn is_gone(&self) -> io::Result<bool> {
        Ok(std::os::unix::fs::MetadataExt::nlink(&self.file.metadata()?) == 0)
    }
}

/// The system gives the lock back when the file is closed, however the process ends.
#[derive(Debug)]
struct FolderLock {
    _file: File,
}

impl DiskLock for FolderLock {}

#[cfg(test)]
mod test;
