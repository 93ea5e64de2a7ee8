use crate::storage::head::{Head, read_at};
use crate::storage::{Disk, Error};
use std::io;
use xxhash_rust::xxh3::xxh3_64;

/// The newest format that this version of the crate writes and reads.
pub(crate) const FORMAT: u32 = 1;

const ROOT: Single =
    Single { name: "root", new: "root.new", head: Head { magic: *b"bspkroot", format: FORMAT, number: 0 } };

/// A file of which there is one, and which is replaced as a whole.
pub(super) struct Single {
    pub(super) name: &'static str,
    /// What it is called while it is written.
    pub(super) new: &'static str,
    pub(super) head: Head,
}

/// Head, length and checksum of the content.
const PREFIX: usize = Head::BYTES + 16;

/// Takes the place of the root, at once and for good.
///
/// # Errors
/// What the disk says. The old root is there then, whole, or the new one is: what either names must be kept until a later
/// call has worked.
pub(crate) fn save_root(disk: &dyn Disk, content: &[u8]) -> Result<(), Error> {
    save(disk, &ROOT, content)
}

pub(super) fn save(disk: &dyn Disk, single: &Single, content: &[u8]) -> Result<(), Error> {
    let mut bytes = Vec::with_capacity(PREFIX + content.len());
    bytes.extend_from_slice(&single.head.bytes());
    bytes.extend_from_slice(&(content.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&xxh3_64(content).to_le_bytes());
    bytes.extend_from_slice(content);

    let Single { name, new, .. } = single;
    write_new(disk, new, &bytes).map_err(|error| Error::io("write", disk.describe(new), error))?;
    disk.rename(new, name)
        .and_then(|()| disk.sync_folder())
        .map_err(|error| Error::io("replace", disk.describe(name), error))
}

fn write_new(disk: &dyn Disk, new: &str, bytes: &[u8]) -> io::Result<()> {
    let file = match disk.create(new) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // A process was stopped in here, or a call failed.
            disk.remove(new)?;
            disk.create(new)?
        }
        other => other?,
    };
    file.write_at(0, bytes)?;
    file.sync()
}

/// The root as it was saved last; nothing where there is none.
///
/// # Errors
/// `Corrupt` where the file is not what was saved, `TooNew` where a newer version saved it, what the disk says otherwise.
pub(crate) fn load_root(disk: &dyn Disk) -> Result<Option<Vec<u8>>, Error> {
    load(disk, &ROOT)
}

pub(super) fn load(disk: &dyn Disk, single: &Single) -> Result<Option<Vec<u8>>, Error> {
    let name = disk.describe(single.name);
    let failed = |error| Error::io("read", name.as_str(), error);
    let file = match disk.open(single.name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(failed)?,
    };
    single.head.check(&*file, &name)?;
    let mut prefix = [0; PREFIX];
    read_at(&*file, &name, 0, &mut prefix)?;
    let number = |at| u64::from_le_bytes(std::array::from_fn(|byte| prefix[at + byte]));
    let (len, check) = (number(Head::BYTES), number(Head::BYTES + 8));

    let held = file.len().map_err(failed)? - PREFIX as u64;
    if len != held {
        let message = format!(
            "it should hold {len} bytes from here on, and there are {held}: restore it from a backup"
        );
        return Err(Error::corrupt(name.as_str(), PREFIX as u64, message));
    }
    // So many are in the file.
    let mut content = vec![0; held as usize];
    read_at(&*file, &name, PREFIX as u64, &mut content)?;
    if xxh3_64(&content) != check {
        let message = "what follows is not what was written: restore it from a backup";
        return Err(Error::corrupt(name.as_str(), PREFIX as u64, message));
    }
    Ok(Some(content))
}

#[cfg(test)]
mod test;
