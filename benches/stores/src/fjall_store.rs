//! fjall: two keyspaces. Records are sealed, so nothing is compressed; groups are big, so they are kept apart from
//! their keys, as fjall advises. One worker, the fewest it allows.
use crate::{CACHE, Level, Result, Store};
use fjall::{
    CompressionType, Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, PersistMode,
    config::CompressionPolicy,
};
use std::path::Path;

pub(crate) struct Fjall {
    database: Database,
    journal: Keyspace,
    profiles: Keyspace,
}

impl Fjall {
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let database = Database::builder(folder)
            .worker_threads(1)
            .cache_size(CACHE)
            .journal_compression(CompressionType::None)
            .open()?;
        let plain = || {
            KeyspaceCreateOptions::default()
                .data_block_compression_policy(CompressionPolicy::all(CompressionType::None))
                .expect_point_read_hits(true)
        };
        let apart = KvSeparationOptions::default().compression(CompressionType::None);
        let journal = database.keyspace("journal", || plain().with_kv_separation(Some(apart)))?;
        let profiles = database.keyspace("profiles", plain)?;
        Ok(Self { database, journal, profiles })
    }
}

fn mode(level: Level) -> Option<PersistMode> {
    Some(match level {
        Level::Written => PersistMode::Buffer,
        Level::Synced => PersistMode::SyncData,
    })
}

impl Store for Fjall {
    fn append(&mut self, position: u64, group: &[u8], level: Level) -> Result<()> {
        let mut batch = self.database.batch().durability(mode(level));
        batch.insert(&self.journal, position.to_be_bytes(), group);
        Ok(batch.commit()?)
    }

    fn put(&mut self, profiles: &[(u64, Vec<u8>)], level: Level) -> Result<()> {
        let mut batch = self.database.batch().durability(mode(level));
        for (key, record) in profiles {
            batch.insert(&self.profiles, key.to_be_bytes(), record.as_slice());
        }
        Ok(batch.commit()?)
    }

    fn remove(&mut self, profile: u64) -> Result<()> {
        self.profiles.remove(profile.to_be_bytes())?;
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }

    fn group(&self, position: u64) -> Result<Option<Vec<u8>>> {
        Ok(self.journal.get(position.to_be_bytes())?.map(|value| value.to_vec()))
    }

    fn groups(&self) -> Result<Vec<(u64, Vec<u8>)>> {
        let mut groups = Vec::new();
        for entry in self.journal.iter() {
            let (key, value) = entry.into_inner()?;
            groups.push((u64::from_be_bytes(key.as_ref().try_into()?), value.to_vec()));
        }
        Ok(groups)
    }

    fn profile(&self, profile: u64) -> Result<Option<Vec<u8>>> {
        Ok(self.profiles.get(profile.to_be_bytes())?.map(|value| value.to_vec()))
    }

    fn flush(&mut self) -> Result<()> {
        self.journal.rotate_memtable_and_wait()?;
        Ok(self.profiles.rotate_memtable_and_wait()?)
    }

    /// By functions that fjall hides from its documentation; it has no public ones for this.
    fn compact(&mut self) -> Result<()> {
        self.flush()?;
        self.journal.major_compact()?;
        Ok(self.profiles.major_compact()?)
    }

    fn check(&mut self) -> Option<bool> {
        None
    }
}
