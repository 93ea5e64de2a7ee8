//! # storage: what outlives the process
//! In: groups of inputs, records of users, checkpoints, all of them sealed. Out: the same after any stop, or an error
//! that names file and place.
//! Knows nothing of what the bytes mean; imports only `model`. Reads no clock, starts no thread. The only room that
//! touches files, all of them through a [`Disk`]. Inputs go to a [`Journal`]: the files of the store, or what a host has.
//!
//! Why a store of its own: `benches/stores` asks two that exist what is promised here, and shows where they keep it and
//! where not (silence about damage, going on after a disk was full, level written without a sync, erasure in place).
//!
//! | file of the folder | what it holds |
//! | --- | --- |
//! | `lock` | nothing: who has it locked is the one writer |
//! | `keys` | a key for each user, at its slot; an erased one is overwritten where it stands |
//! | `journal-N` | groups of inputs in order, each with a checksum |
//! | `heap-N` | sealed records, each at the place that the checkpoint names |
//! | `root` | the checkpoint: where everything is, and up to which input it goes |
//!
//! A store of several partitions has the files of each, whose names begin with its number, one lock, and the file
//! `partitions` that says how many they are.

mod disk;
mod error;
mod faulty;
mod file_journal;
#[cfg(any(unix, windows))]
mod folder;
mod frame;
mod head;
mod heap;
mod heap_buffer;
#[cfg(test)]
mod heap_test;
mod journal;
mod journal_conformance;
mod keys;
#[cfg(test)]
mod keys_test;
mod memory;
mod memory_journal;
mod part;
mod partitions;
mod place;
mod root;
mod seal;
#[cfg(test)]
mod test_disk;
mod unwanted;
mod vault;

pub use disk::{Disk, DiskFile, DiskLock};
pub use error::{Error, ErrorKind};
pub use faulty::{Fault, FaultyDisk};
#[cfg(any(unix, windows))]
pub use folder::FolderDisk;
pub use journal::{Group, Groups, Held, Journal, Level};
pub use journal_conformance::{JournalViolation, journal_conformance};
pub use memory::MemoryDisk;
pub use memory_journal::MemoryJournal;

pub(crate) use file_journal::FileJournal;
pub(crate) use heap::Heap;
pub(crate) use keys::{Keyring, Slot};
pub(crate) use part::PartDisk;
pub(crate) use partitions::Partitions;
pub(crate) use place::{HeapBytes, HeapFile, Place};
pub(crate) use root::{load_root, save_root};
pub(crate) use unwanted::Unwanted;
pub(crate) use vault::Vault;
