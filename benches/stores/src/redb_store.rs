//! redb: two tables in one file. Either redb's own levels, or a backend that leaves out the syncs of level written,
//! so that each commit is in the system's hands but not waited for. Nothing orders the writes then: a power cut may
//! take what was synced before, which is not asked here and would have to be before anyone relied on it.
use crate::{CACHE, Level, Result, Store};
use redb::{
    Database, Durability, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition,
    backends::FileBackend,
};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

const JOURNAL: TableDefinition<u64, &[u8]> = TableDefinition::new("journal");
const PROFILES: TableDefinition<u64, &[u8]> = TableDefinition::new("profiles");

pub(crate) struct Redb {
    database: Database,
    /// Whether the backend syncs; `None` with redb's own backend.
    syncs: Option<Arc<AtomicBool>>,
}

#[derive(Debug)]
struct Backend {
    file: FileBackend,
    syncs: Arc<AtomicBool>,
}

impl StorageBackend for Backend {
    fn len(&self) -> std::io::Result<u64> {
        self.file.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.file.read(offset, out)
    }
    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.file.set_len(len)
    }
    fn sync_data(&self) -> std::io::Result<()> {
        if self.syncs.load(Ordering::Relaxed) { self.file.sync_data() } else { Ok(()) }
    }
    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        self.file.write(offset, data)
    }
    fn close(&self) -> std::io::Result<()> {
        self.file.close()
    }
}

impl Redb {
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let database =
            redb::Builder::new().set_cache_size(CACHE as usize).create(folder.join("store.redb"))?;
        Self::with_tables(Self { database, syncs: None })
    }

    pub(crate) fn open_unsynced(folder: &Path) -> Result<Self> {
        let path = folder.join("store.redb");
        let file =
            std::fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let syncs = Arc::new(AtomicBool::new(true));
        let backend = Backend { file: FileBackend::new(file)?, syncs: syncs.clone() };
        let database = redb::Builder::new().set_cache_size(CACHE as usize).create_with_backend(backend)?;
        Self::with_tables(Self { database, syncs: Some(syncs) })
    }

    fn with_tables(self) -> Result<Self> {
        let write = self.database.begin_write()?;
        write.open_table(JOURNAL)?;
        write.open_table(PROFILES)?;
        write.commit()?;
        Ok(self)
    }

    fn write(
        &self,
        table: TableDefinition<'static, u64, &'static [u8]>,
        records: &mut dyn Iterator<Item = (u64, &[u8])>,
        level: Level,
    ) -> Result<()> {
        let mut write = self.database.begin_write()?;
        match &self.syncs {
            None if level == Level::Written => write.set_durability(Durability::None)?,
            None => {}
            Some(syncs) => syncs.store(level == Level::Synced, Ordering::Relaxed),
        }
        let mut open = write.open_table(table)?;
        for (key, record) in records {
            open.insert(key, record)?;
        }
        drop(open);
        Ok(write.commit()?)
    }

    fn read(&self, table: TableDefinition<u64, &[u8]>, key: u64) -> Result<Option<Vec<u8>>> {
        let read = self.database.begin_read()?.open_table(table)?;
        Ok(read.get(key)?.map(|value| value.value().to_vec()))
    }
}

impl Store for Redb {
    fn append(&mut self, position: u64, group: &[u8], level: Level) -> Result<()> {
        self.write(JOURNAL, &mut std::iter::once((position, group)), level)
    }

    fn put(&mut self, profiles: &[(u64, Vec<u8>)], level: Level) -> Result<()> {
        self.write(PROFILES, &mut profiles.iter().map(|(key, record)| (*key, record.as_slice())), level)
    }

    fn remove(&mut self, profile: u64) -> Result<()> {
        if let Some(syncs) = &self.syncs {
            syncs.store(true, Ordering::Relaxed);
        }
        let write = self.database.begin_write()?;
        write.open_table(PROFILES)?.remove(profile)?;
        Ok(write.commit()?)
    }

    fn group(&self, position: u64) -> Result<Option<Vec<u8>>> {
        self.read(JOURNAL, position)
    }

    fn groups(&self) -> Result<Vec<(u64, Vec<u8>)>> {
        let read = self.database.begin_read()?.open_table(JOURNAL)?;
        let mut groups = Vec::new();
        for entry in read.iter()? {
            let (key, value) = entry?;
            groups.push((key.value(), value.value().to_vec()));
        }
        Ok(groups)
    }

    fn profile(&self, profile: u64) -> Result<Option<Vec<u8>>> {
        self.read(PROFILES, profile)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    fn compact(&mut self) -> Result<()> {
        self.database.compact()?;
        Ok(())
    }

    fn check(&mut self) -> Option<bool> {
        Some(self.database.check_integrity().unwrap_or(false))
    }
}
