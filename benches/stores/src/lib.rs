//! # stores: why bespoke has a store of its own
//! The crate was to be built on fjall 3 or redb 4. This package asks both, configured as an embedder would for a
//! journal of groups (key = position, value = a group of sealed records) and records of profiles, what bespoke
//! promises of its store. It is kept as the reason for the decision; `beside` measures what came of it.
//!
//! What it showed with fjall 3.1.13 and redb 4.6.0:
//! - *Killed without a sync*: fjall keeps all that was acknowledged, at the least cost of those asked. redb's commits
//!   without durability are gone with the process; over a backend without syncs they stay, at many times the cost.
//! - *Damaged*: fjall finds nearly every flipped byte of data, but a journal that was cut, or damaged where an entry is
//!   framed, ends there without an error, and a few flips in its version files leave out hundreds of records. redb
//!   does not look at checksums when it reads, only when asked to check all; opened after a kill, it goes back one
//!   synced commit without a word when that one is damaged. A cut file it always refused.
//! - *Disk full*: both refuse the write and keep what was durable, and neither writes again until it is reopened.
//! - *Removed*: fjall keeps the bytes through compaction until it is reopened, and a compaction writes all again.
//!   redb gets rid of nearly all at once and of the rest by a cheap compaction, better than was expected of it.
//! - *Idle*: fjall has a thread of its own; redb has none, and takes next to no memory until something is read.
//!
//! ```text
//! cargo run --release --bin promises           # all tables; some minutes. `promises kill` prints one:
//!                                              # kill, damage, full (needs the right to mount), residue, idle
//! cargo run --release --bin speed              # on a quiet machine
//! cargo run --release --bin beside             # bespoke beside them, the same
//! ```
//! Every folder is temporary and removed; every seed is printed. What is not asked here: power cuts (needs a
//! simulated disk), many threads, years of use.
mod fjall_store;
mod redb_store;

use std::path::Path;

/// What any call of a store gives; the error is only printed.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// When a write is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// It survives the death of the process (that is what bespoke promises by it).
    Written,
    /// It survives the loss of power.
    Synced,
}

/// A journal of groups and records of profiles, as bespoke would ask a store for them.
pub trait Store {
    /// Appends a group at its position.
    fn append(&mut self, position: u64, group: &[u8], level: Level) -> Result<()>;
    /// Writes records of profiles in one atomic batch.
    fn put(&mut self, profiles: &[(u64, Vec<u8>)], level: Level) -> Result<()>;
    /// Removes a profile's record and syncs.
    fn remove(&mut self, profile: u64) -> Result<()>;
    /// The group at a position.
    fn group(&self, position: u64) -> Result<Option<Vec<u8>>>;
    /// All groups in order.
    fn groups(&self) -> Result<Vec<(u64, Vec<u8>)>>;
    /// The record of a profile.
    fn profile(&self, profile: u64) -> Result<Option<Vec<u8>>>;
    /// Moves what is buffered to the files where it ends up, where the store has such a step.
    fn flush(&mut self) -> Result<()>;
    /// The store's own means to get rid of what is deleted.
    fn compact(&mut self) -> Result<()>;
    /// The store's own check of everything: `None` where it has none.
    fn check(&mut self) -> Option<bool>;
}

/// The stores by name. `redb-nosync` is redb over a backend of ours that syncs only at level synced: redb's own way
/// to commit without a sync keeps the commit in the process.
pub const STORES: [&str; 3] = ["fjall", "redb", "redb-nosync"];

/// Opens or makes the store `name` in a folder.
///
/// # Panics
/// If there is no such store.
pub fn open(name: &str, folder: &Path) -> Result<Box<dyn Store>> {
    Ok(match name {
        "fjall" => Box::new(fjall_store::Fjall::open(folder)?),
        "redb" => Box::new(redb_store::Redb::open(folder)?),
        "redb-nosync" => Box::new(redb_store::Redb::open_unsynced(folder)?),
        _ => panic!("no store `{name}`"),
    })
}

/// Bytes of the cache that both are given.
pub const CACHE: u64 = 64 << 20;

/// A group of `records` sealed records of 120 bytes: to look at, random bytes.
pub fn group(seed: u64, position: u64, records: usize) -> Vec<u8> {
    bytes(seed ^ (position + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15), records * 120)
}

/// Version `version` of a profile's sealed record of 350 bytes.
pub fn profile(seed: u64, key: u64, version: u64) -> Vec<u8> {
    bytes(
        !seed ^ (key + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ version.wrapping_mul(0xff51_afd7_ed55_8ccd),
        350,
    )
}

fn bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut bytes = vec![0; len];
    rng.fill(&mut bytes);
    bytes
}

/// Versions of the stores and the machine's load, to head a table.
pub fn heading(seed: u64) -> String {
    let versions: Vec<String> = include_str!("../Cargo.lock")
        .split("[[package]]")
        .filter(|p| ["fjall", "redb", "lsm-tree"].iter().any(|n| p.contains(&format!("name = \"{n}\"\n"))))
        .map(|p| p.split('"').skip(1).step_by(2).take(2).collect::<Vec<_>>().join(" "))
        .collect();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!("{}; seed {seed}; load {}", versions.join(", "), load.split(' ').next().unwrap_or("unknown"))
}

/// Bytes that a folder takes on the disk, and their sum as lengths of files.
pub fn size(folder: &Path) -> Result<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let mut sum = (0, 0);
    for file in files(folder)? {
        let meta = std::fs::metadata(file)?;
        sum = (sum.0 + meta.blocks() * 512, sum.1 + meta.len());
    }
    Ok(sum)
}

/// All files in a folder and the folders in it, in order of their paths.
pub fn files(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
