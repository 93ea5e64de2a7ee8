//! The file that says of how many partitions a store is. One of a single partition has none.

use crate::storage::Error;
use crate::storage::head::Head;
use crate::storage::root::{Single, load, save};
use crate::storage::{Disk, root};

/// The one file of a store that is about all of its partitions.
const FILE: Single = Single {
    name: "partitions",
    new: "partitions.new",
    head: Head { magic: *b"bspkpart", format: root::FORMAT, number: 0 },
};

/// What partitions have in common from their beginning on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Partitions {
    pub(crate) count: u16,
    /// By which ids are hashed in all of them.
    pub(crate) salt: u128,
}

impl Partitions {
    /// Says it for good, before there is any of them.
    ///
    /// # Errors
    /// What the disk says. The file is there, whole, or it is not.
    pub(crate) fn save(self, disk: &dyn Disk) -> Result<(), Error> {
        let mut bytes = self.count.to_le_bytes().to_vec();
        bytes.extend_from_slice(&self.salt.to_le_bytes());
        save(disk, &FILE, &bytes)
    }

    /// What a store has; nothing where it is of one partition, or there is none.
    ///
    /// # Errors
    /// `Corrupt` where the file is not what was saved, `TooNew` where a newer version saved it, what the disk says otherwise.
    pub(crate) fn load(disk: &dyn Disk) -> Result<Option<Partitions>, Error> {
        let Some(bytes) = load(disk, &FILE)? else { return Ok(None) };
        let content = bytes.split_first_chunk::<2>().and_then(|(count, salt)| {
            let count = u16::from_le_bytes(*count);
            Some(Partitions { count, salt: u128::from_le_bytes(salt.try_into().ok()?) })
        });
        let broken =
            || Error::corrupt(disk.describe(FILE.name), 0, "it says no number: restore it from a backup");
        content.filter(|content| content.count > 1).ok_or_else(broken).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{ErrorKind, MemoryDisk};

    #[test]
    fn every_flipped_bit_is_an_error() {
        let disk = MemoryDisk::new();
        assert_eq!(Partitions::load(&disk).unwrap(), None);
        let written = Partitions { count: 7, salt: 1 << 100 | 5 };
        written.save(&disk).unwrap();
        assert_eq!(Partitions::load(&disk).unwrap(), Some(written));
        let file = disk.open(FILE.name).unwrap();
        for place in 0..file.len().unwrap() {
            let mut byte = [0];
            file.read_at(place, &mut byte).unwrap();
            for bit in 0..8 {
                file.write_at(place, &[byte[0] ^ 1 << bit]).unwrap();
                let error = Partitions::load(&disk).unwrap_err();
                assert!(
                    matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::TooNew),
                    "{place} {bit}: {error}"
                );
            }
            file.write_at(place, &byte).unwrap();
        }
    }
}
