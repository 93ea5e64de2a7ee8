use crate::storage::Level;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A place behind a group: where the next one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// Bytes of the file up to here.
    pub(super) len: u64,
    /// Number of the next input.
    pub(super) next: u64,
    /// Checksum of the frame before, on which that of the next one builds.
    pub(super) chain: u64,
}

/// How far a file goes, written in place at its beginning: a tail that was cut off at the end of a group is known by it.
///
/// It is written twice in one write, of which the second counts if it is whole. So a write that failed halfway leaves
/// what was there before, and a flipped bit is read over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) end: End,
    /// Which start of the machine it was written in; 0 where that is not known.
    pub(super) boot: u64,
    /// Whether another file follows.
    pub(super) closed: bool,
}

const COPY: usize = 48;

impl Mark {
    pub(super) const BYTES: usize = 2 * COPY;

    /// There are two in a file: how far groups were acknowledged, and how far they were synced.
    pub(super) fn bytes(&self, file: u32, level: Level) -> [u8; Mark::BYTES] {
        let Mark { end: End { len, next, chain }, boot, closed } = *self;
        let mut bytes = [0; Mark::BYTES];
        let numbers = [len, next, chain, boot, u64::from(closed)];
        for (slot, number) in bytes.chunks_exact_mut(8).zip(numbers) {
            slot.copy_from_slice(&number.to_le_bytes());
        }
        let check = xxh3_64_with_seed(&bytes[..COPY - 8], seed(file, level));
        bytes[COPY - 8..COPY].copy_from_slice(&check.to_le_bytes());
        bytes.copy_within(..COPY, COPY);
        bytes
    }

    /// Nothing where neither copy is what was written.
    pub(super) fn read(bytes: &[u8; Mark::BYTES], file: u32, level: Level) -> Option<Mark> {
        let (first, second) = bytes.split_at(COPY);
        Mark::read_copy(second, file, level).or_else(|| Mark::read_copy(first, file, level))
    }

    fn read_copy(copy: &[u8], file: u32, level: Level) -> Option<Mark> {
        let number = |index: usize| u64::from_le_bytes(std::array::from_fn(|byte| copy[index * 8 + byte]));
        let [len, next, chain, boot, closed, check] = std::array::from_fn(number);
        (check == xxh3_64_with_seed(&copy[..COPY - 8], seed(file, level))).then_some(Mark {
            end: End { len, next, chain },
            boot,
            closed: closed != 0,
        })
    }
}

/// A mark of another file or level is none.
fn seed(file: u32, level: Level) -> u64 {
    u64::from(file) << 1 | u64::from(level == Level::Synced)
}
