use crate::model::record;

/// Where in the heap a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(super) file: u32,
    /// Of the frame around the record, in bytes.
    pub(super) offset: u32,
    /// Of the record alone, in bytes.
    pub(super) len: u32,
}

impl Place {
    /// Nowhere. No record is there, since a file begins with its head.
    pub(crate) const NONE: Place = Place { file: 0, offset: 0, len: 0 };

    /// Whether it is nowhere.
    pub(crate) fn is_none(self) -> bool {
        self == Place::NONE
    }

    /// Which file it is in.
    pub(crate) fn file(self) -> u32 {
        self.file
    }
}

/// A file of the heap, as the checkpoint names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeapFile {
    pub(crate) number: u32,
    /// How many bytes of it are sure to be there.
    pub(crate) len: u32,
    /// How many of them are of records that are still wanted.
    pub(crate) live: u32,
}

record! {
    Place { file, offset, len }
    HeapFile { number, len, live }
}

/// How many bytes of the heap are of records that are still wanted, and how many are of others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HeapBytes {
    pub(crate) live: u64,
    pub(crate) dead: u64,
}
