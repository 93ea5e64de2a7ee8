use crate::storage::seal::{Sealer, open, open_in_place};
use crate::storage::{Disk, Error, Keyring, Slot};
use std::io;

/// Seals what is written, each user's under its own key.
///
/// Any thread may seal and open; nobody waits for the disk who does.
#[derive(Debug)]
pub(crate) struct Vault {
    keys: Keyring,
    /// Nothing where the store is only looked at.
    sealer: Option<Sealer>,
    /// What errors call the file of keys.
    name: String,
}

impl Vault {
    /// Opens the keys of a store, or makes them.
    ///
    /// # Errors
    /// As [`Keyring::open`].
    pub(crate) fn open_keys(disk: &dyn Disk) -> Result<Vault, Error> {
        let (keys, sealer) = Keyring::open(disk)?;
        Ok(Vault { keys, sealer: Some(sealer), name: disk.describe("keys") })
    }

    /// The keys of a store that is only looked at: nothing can be sealed.
    ///
    /// # Errors
    /// As [`Keyring::look`].
    pub(crate) fn look(disk: &dyn Disk) -> Result<Vault, Error> {
        Ok(Vault { keys: Keyring::look(disk)?, sealer: None, name: disk.describe("keys") })
    }

    /// Appends bytes to `out`, sealed; they open with the same key and context only.
    ///
    /// # Errors
    /// The key was erased, or is not what was written.
    pub(crate) fn seal(
        &self,
        slot: Slot,
        context: &[u8],
        plain: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let key = self.keys.key(slot)?;
        let key = key
            .ok_or_else(|| Error::corrupt(&*self.name, slot.position(), "a key was erased that is in use"))?;
        let Some(sealer) = &self.sealer else {
            return Err(Error::io("seal with", &*self.name, io::ErrorKind::PermissionDenied.into()));
        };
        sealer.seal(&key, context, plain, out);
        Ok(())
    }

    /// Appends to `out` what was sealed; false where the key was erased.
    ///
    /// # Errors
    /// The key is not what was written, or does not open it.
    pub(crate) fn open(
        &self,
        slot: Slot,
        context: &[u8],
        sealed: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<bool, Error> {
        let Some(key) = self.keys.key(slot)? else { return Ok(false) };
        let broken =
            |_| Error::corrupt(&*self.name, slot.position(), "what was sealed under this key does not open");
        open(&key, context, sealed, out).map(|()| true).map_err(broken)
    }

    /// Opens what was sealed where it is; false where the key was erased.
    ///
    /// # Errors
    /// As for [`open`](Vault::open). The bytes are of no use then.
    pub(crate) fn open_in_place(
        &self,
        slot: Slot,
        context: &[u8],
        bytes: &mut Vec<u8>,
    ) -> Result<bool, Error> {
        let Some(key) = self.keys.key(slot)? else { return Ok(false) };
        let broken =
            |_| Error::corrupt(&*self.name, slot.position(), "what was sealed under this key does not open");
        open_in_place(&key, context, bytes).map(|()| true).map_err(broken)
    }

    /// What is wrong with an input that was opened.
    pub(crate) fn malformed(&self, input: u64, error: &dyn std::fmt::Display) -> Error {
        Error::corrupt(&*self.name, 0, format!("input {input}: {error}"))
    }
}

/// The keys.
impl std::ops::Deref for Vault {
    type Target = Keyring;

    fn deref(&self) -> &Keyring {
        &self.keys
    }
}
