use super::Dice;
use std::collections::BTreeMap;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;
/// How many versions of a sector are kept at most, with the synced one.
const VERSIONS_MAX: usize = 8;

/// What is in a file, and what would be in it if the power went.
#[derive(Debug, Default)]
pub(super) struct Content {
    bytes: Vec<u8>,
    /// Length when it was synced.
    synced_len: usize,
    /// Shortest and longest it was since.
    len_min: usize,
    len_max: usize,
    /// For each sector that was written since: what was in it before, the synced version first, as far as the file
    /// went.
    before: BTreeMap<usize, Vec<Vec<u8>>>,
    /// What is in memory only, and no sync writes it: see [`Content::forget_unsynced`].
    forgotten: BTreeMap<usize, Vec<u8>>,
}

impl Content {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let end = offset + bytes.len();
        // A gap between the end and the offset is written with zeros.
        self.remember(offset.min(self.bytes.len()), end);
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        self.bytes[offset..end].copy_from_slice(bytes);
        self.len_max = self.len_max.max(end);
    }

    pub(super) fn truncate(&mut self, len: usize) {
        let (from, to) = (len.min(self.bytes.len()), len.max(self.bytes.len()));
        self.remember(from, to);
        self.bytes.resize(len, 0);
        self.len_min = self.len_min.min(len);
        self.len_max = self.len_max.max(len);
    }

    pub(super) fn sync(&mut self) {
        self.before.clear();
        // What the system takes for written already stays as it is on the disk.
        for (&sector, on_disk) in &self.forgotten {
            self.before.insert(sector, vec![on_disk.clone()]);
        }
        self.synced_len = self.bytes.len();
        (self.len_min, self.len_max) = (self.synced_len, self.synced_len);
    }

    pub(super) fn forget_unsynced(&mut self) {
        for (&sector, versions) in &self.before {
            self.forgotten.entry(sector).or_insert_with(|| versions[0].clone());
        }
    }

    /// What the power left.
    pub(super) fn crash(&self, dice: &mut Dice) -> Content {
        let len = match dice.below(4) {
            0 => self.synced_len,
            1 => self.bytes.len(),
            _ => self.len_min + dice.below(self.len_max - self.len_min + 1),
        };
        let mut bytes = self.bytes.clone();
        bytes.resize(len, 0);
        for (sector, versions) in &self.before {
            let is_forgotten = self.forgotten.contains_key(sector);
            let version = if is_forgotten { 0 } else { dice.below(versions.len() + 1) };
            // The one behind the last is what is there now.
            if let Some(version) = versions.get(version) {
                let at = sector * SECTOR;
                for (offset, byte) in bytes.iter_mut().skip(at).take(SECTOR).enumerate() {
                    *byte = version.get(offset).copied().unwrap_or(0);
                }
            }
        }
        let mut content = Content { bytes, ..Content::default() };
        content.sync();
        content
    }

    /// Keeps what is in the sectors of these bytes before it changes.
    fn remember(&mut self, from: usize, to: usize) {
        for sector in from / SECTOR..to.div_ceil(SECTOR) {
            self.forgotten.remove(&sector);
            let at = (sector * SECTOR).min(self.bytes.len());
            let version = self.bytes[at..self.bytes.len().min(at + SECTOR)].to_vec();
            let versions = self.before.entry(sector).or_default();
            versions.push(version);
            if versions.len() > VERSIONS_MAX {
                versions.remove(1);
            }
        }
    }
}
