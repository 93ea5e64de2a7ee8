use crate::storage::{Disk, DiskFile, DiskLock, Error};
use std::io;
use std::sync::Arc;

/// The files of one of several partitions, in the folder that they share: each name begins with the partition's number.
#[derive(Clone, Debug)]
pub(crate) struct PartDisk {
    whole: Arc<dyn Disk>,
    /// The folder is locked once for all of its partitions.
    lock: Arc<dyn DiskLock>,
    prefix: Box<str>,
}

impl PartDisk {
    /// Locks a folder for all of so many partitions.
    ///
    /// # Errors
    /// `InUse` where somebody else has it; what the disk says otherwise.
    pub(crate) fn all(whole: &Arc<dyn Disk>, count: u16) -> Result<Vec<PartDisk>, Error> {
        let folder = whole.describe("");
        let lock = whole.lock().map_err(|error| Error::io("lock", folder.clone(), error))?;
        let lock: Arc<dyn DiskLock> = lock.ok_or_else(|| Error::in_use(folder))?.into();
        let part = |number: u16| PartDisk {
            whole: whole.clone(),
            lock: lock.clone(),
            prefix: format!("p{number}-").into(),
        };
        Ok((0..count).map(part).collect())
    }

    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

impl Disk for PartDisk {
    fn names(&self) -> io::Result<Vec<String>> {
        let names = self.whole.names()?;
        Ok(names.iter().filter_map(|name| Some(name.strip_prefix(&*self.prefix)?.to_owned())).collect())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.whole.create(&self.name(name))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.whole.open(&self.name(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.whole.rename(&self.name(from), &self.name(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.whole.remove(&self.name(name))
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.whole.sync_folder()
    }

    fn lock(&self) -> io::Result<Option<Box<dyn DiskLock>>> {
        Ok(Some(Box::new(PartLock { _whole: self.lock.clone() })))
    }

    fn describe(&self, name: &str) -> String {
        self.whole.describe(&self.name(name))
    }

    fn boot(&self) -> Option<u64> {
        self.whole.boot()
    }
}

/// The folder is free once all partitions have given theirs back.
#[derive(Debug)]
struct PartLock {
    _whole: Arc<dyn DiskLock>,
}

impl DiskLock for PartLock {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::MemoryDisk;

    #[test]
    fn partitions_see_their_own_files_and_one_lock() {
        let whole: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
        let parts = PartDisk::all(&whole, 12).unwrap();
        parts[1].create("root").unwrap().write_at(0, b"one").unwrap();
        parts[11].create("root").unwrap().write_at(0, b"eleven").unwrap();
        parts[1].rename("root", "old").unwrap();
        assert_eq!(parts[1].names().unwrap(), ["old"]);
        assert_eq!(parts[11].names().unwrap(), ["root"]);
        assert!(parts[0].names().unwrap().is_empty());
        let held = parts[3].lock().unwrap();
        drop(parts);
        assert!(whole.lock().unwrap().is_none());
        drop(held);
        assert!(whole.lock().unwrap().is_some());
    }
}
