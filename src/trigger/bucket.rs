//! What a slot of the wheel holds: an append-only heap of keys in no order.

use std::mem::size_of;

/// Keys per chunk: 512 bytes with a key of four. A bucket wastes less than one chunk, where a plain `Vec`
/// wastes up to half of itself and has both copies in memory while it grows.
const CHUNK: usize = 128;

/// Keys in the order they came, and the earliest tick that one of them came with. The ticks of the others are not
/// kept: whoever opens the bucket asks the owner.
#[derive(Clone)]
pub(super) struct Bucket<K> {
    // Invariant: every chunk but the last holds exactly `CHUNK` keys, the last at least one.
    chunks: Vec<Vec<K>>,
    min: u64,
}

impl<K: Copy> Bucket<K> {
    pub(super) const EMPTY: Bucket<K> = Bucket { chunks: Vec::new(), min: u64::MAX };

    /// O(1): no key is ever moved within a bucket.
    #[inline]
    pub(super) fn push(&mut self, tick: u64, key: K) {
        self.min = self.min.min(tick);
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(key),
            _ => self.open_chunk(key),
        }
    }

    #[cold]
    fn open_chunk(&mut self, key: K) {
        let mut chunk = Vec::with_capacity(CHUNK);
        chunk.push(key);
        self.chunks.push(chunk);
    }

    /// The smallest tick; `u64::MAX` where there is no key.
    #[inline]
    pub(super) fn min(&self) -> u64 {
        self.min
    }

    pub(super) fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let keys: usize = self.chunks.iter().map(|chunk| chunk.capacity() * size_of::<K>()).sum();
        keys + self.chunks.capacity() * size_of::<Vec<K>>()
    }

    /// Moves up to `max` keys, and at least a chunk of them, into `out`; frees the chunks that they were in.
    pub(super) fn take_into(&mut self, max: usize, out: &mut Vec<K>) {
        while let Some(chunk) = self.chunks.pop_if(|chunk| out.is_empty() || out.len() + chunk.len() <= max) {
            out.extend_from_slice(&chunk);
        }
    }
}
