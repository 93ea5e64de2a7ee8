use crate::storage::{DiskFile, Error};
use std::io;
use xxhash_rust::xxh3::xxh3_64;

/// What a file of the store begins with: what it is, in which format, and which of its kind. It stays so in all formats.
///
/// | part | bytes |
/// | --- | --- |
/// | magic | 8 |
/// | format | 4, little-endian |
/// | number | 4, little-endian |
/// | XXH3 of these | 8, little-endian |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) magic: [u8; 8],
    pub(super) format: u32,
    /// Which file of its kind: one that was put in the place of another is known by it.
    pub(super) number: u32,
}

impl Head {
    pub(super) const BYTES: usize = 24;

    pub(super) fn bytes(&self) -> [u8; Head::BYTES] {
        let mut bytes = [0; Head::BYTES];
        bytes[..8].copy_from_slice(&self.magic);
        bytes[8..12].copy_from_slice(&self.format.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.number.to_le_bytes());
        let check = xxh3_64(&bytes[..16]);
        bytes[16..].copy_from_slice(&check.to_le_bytes());
        bytes
    }

    /// Makes sure that a file begins with this head.
    pub(super) fn check(&self, file: &dyn DiskFile, name: &str) -> Result<(), Error> {
        let mut found = [0; Head::BYTES];
        read_at(file, name, 0, &mut found)?;
        if found == self.bytes() {
            return Ok(());
        }
        let format = u32::from_le_bytes(found[8..12].try_into().expect("four bytes"));
        if format > self.format && found == (Head { format, ..*self }).bytes() {
            return Err(Error::too_new(name, format, self.format));
        }
        Err(Error::corrupt(
            name,
            0,
            "it does not begin as this file of a store does: restore it from a backup",
        ))
    }
}

/// Fills `bytes` from a place in the file that must be there.
pub(super) fn read_at(file: &dyn DiskFile, name: &str, at: u64, bytes: &mut [u8]) -> Result<(), Error> {
    file.read_at(at, bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            let end = file.len().unwrap_or(at);
            Error::corrupt(name, end, "it ends here, and should go on: restore it from a backup")
        }
        _ => Error::io("read", name, error),
    })
}

/// Makes sure that what is written to a file is not lost with the process.
pub(super) fn check_there(file: &dyn DiskFile, name: &str) -> Result<(), Error> {
    match file.is_gone() {
        Ok(false) => Ok(()),
        Ok(true) => {
            let message =
                "it was removed while the store was open: stop, and restore the folder from a backup";
            Err(Error::io("write", name, io::Error::new(io::ErrorKind::NotFound, message)))
        }
        Err(error) => Err(Error::io("look at", name, error)),
    }
}
