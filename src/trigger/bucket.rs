//! What a slot of the wheel holds: an append-only heap of hints in no order.

use std::mem::size_of;

/// Hints per chunk: 384 bytes with a key of four. A bucket wastes less than one chunk, where a plain `Vec`
/// wastes up to half of itself and has both copies in memory while it grows.
const CHUNK: usize = 32;

/// A tick in halves, so that a hint with a key of four bytes takes twelve and not sixteen.
#[derive(Clone, Copy)]
struct Hint<K> {
    high: u32,
    low: u32,
    key: K,
}

/// Hints in the order they came, and the smallest of their ticks.
#[derive(Clone)]
pub(super) struct Bucket<K> {
    // Invariant: every chunk but the last holds exactly `CHUNK` hints, the last at least one.
    chunks: Vec<Vec<Hint<K>>>,
    min: u64,
}

impl<K: Copy> Bucket<K> {
    pub(super) const EMPTY: Bucket<K> = Bucket { chunks: Vec::new(), min: u64::MAX };

    /// O(1), and not amortised: no hint is ever moved within a bucket.
    #[inline]
    pub(super) fn push(&mut self, tick: u64, key: K) {
        self.min = self.min.min(tick);
        let hint = Hint { high: (tick >> 32) as u32, low: tick as u32, key };
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(hint),
            _ => self.open_chunk(hint),
        }
    }

    #[cold]
    fn open_chunk(&mut self, hint: Hint<K>) {
        let mut chunk = Vec::with_capacity(CHUNK);
        chunk.push(hint);
        self.chunks.push(chunk);
    }

    /// The smallest tick; `u64::MAX` where there is no hint.
    #[inline]
    pub(super) fn min(&self) -> u64 {
        self.min
    }

    pub(super) fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let hints: usize = self.chunks.iter().map(|chunk| chunk.capacity() * size_of::<Hint<K>>()).sum();
        hints + self.chunks.capacity() * size_of::<Vec<Hint<K>>>()
    }

    /// Hints in the order they came; each chunk is freed when it has been read.
    pub(super) fn into_hints(self) -> impl Iterator<Item = (u64, K)> {
        self.chunks.into_iter().flatten().map(Hint::unpack)
    }

    #[cfg(test)]
    pub(super) fn hints(&self) -> impl Iterator<Item = (u64, K)> + '_ {
        self.chunks.iter().flatten().copied().map(Hint::unpack)
    }
}

impl<K> Hint<K> {
    fn unpack(self) -> (u64, K) {
        (u64::from(self.high) << 32 | u64::from(self.low), self.key)
    }
}
