use super::mark::End;
use crate::storage::DiskFile;
use std::io;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Bytes of a frame before its payload.
pub(super) const PREFIX: usize = 24;

/// Bytes that are read at once, if a frame does not need more.
const CHUNK: u64 = 256 << 10;

/// A group as it is in a file.
///
/// | part | bytes |
/// | --- | --- |
/// | checksum | 8: XXH3 of all that follows, seeded by that of the frame before |
/// | length of the payload | 4 |
/// | count of the inputs | 4 |
/// | number of the first input | 8 |
/// | payload | |
///
/// All numbers are little-endian.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    pub(super) first: u64,
    pub(super) count: u32,
    /// The whole of it.
    pub(super) bytes: &'a [u8],
}

impl<'a> Frame<'a> {
    pub(super) fn payload(&self) -> &'a [u8] {
        &self.bytes[PREFIX..]
    }
}

/// Writes a frame for a place into `out`, and gives the place behind it. Nothing where the payload is too long or the
/// inputs too many to be numbered.
pub(super) fn write(at: End, count: u32, payload: &[u8], out: &mut Vec<u8>) -> Option<End> {
    let len = u32::try_from(payload.len()).ok()?;
    let next = at.next.checked_add(u64::from(count)).filter(|&next| next > at.next)?;
    out.clear();
    out.reserve(PREFIX + payload.len());
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&at.next.to_le_bytes());
    out.extend_from_slice(payload);
    let chain = xxh3_64_with_seed(&out[8..], at.chain);
    out[..8].copy_from_slice(&chain.to_le_bytes());
    Some(End { len: at.len + out.len() as u64, next, chain })
}

/// Reads the frames of a file one after the other, without the whole file in memory.
#[derive(Debug)]
pub(super) struct Frames {
    file: Arc<dyn DiskFile>,
    /// Behind what was read.
    at: End,
    /// Nothing is read from here on. At most the length of the file, so that no more is allocated than it holds.
    limit: u64,
    /// Bytes of the file from `buffer_at` on.
    buffer: Vec<u8>,
    buffer_at: u64,
}

impl Frames {
    /// Those from `at` on that end at `limit` at last.
    pub(super) fn new(file: Arc<dyn DiskFile>, at: End, limit: u64) -> io::Result<Frames> {
        let limit = limit.min(file.len()?);
        Ok(Frames { file, at, limit, buffer: Vec::new(), buffer_at: at.len })
    }

    /// Behind the last frame that was read.
    pub(super) fn at(&self) -> End {
        self.at
    }

    /// The next one; nothing where the next bytes are not the frame that was written there.
    pub(super) fn next(&mut self) -> io::Result<Option<Frame<'_>>> {
        if !self.fill(PREFIX as u64)? {
            return Ok(None);
        }
        let prefix = self.buffered(PREFIX);
        let four = |at: usize| u32::from_le_bytes(std::array::from_fn(|byte| prefix[at + byte]));
        let eight = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| prefix[at + byte]));
        let (chain, payload_len, count, first) = (eight(0), four(8), four(12), eight(16));

        let len = PREFIX as u64 + u64::from(payload_len);
        let Some(next) = first.checked_add(u64::from(count)) else { return Ok(None) };
        if first != self.at.next || count == 0 || !self.fill(len)? {
            return Ok(None);
        }
        let bytes = self.buffered(len as usize);
        if xxh3_64_with_seed(&bytes[8..], self.at.chain) != chain {
            return Ok(None);
        }
        let from = (self.at.len - self.buffer_at) as usize;
        self.at = End { len: self.at.len + len, next, chain };
        Ok(Some(Frame { first, count, bytes: &self.buffer[from..from + len as usize] }))
    }

    /// The next bytes, which are in the buffer.
    fn buffered(&self, len: usize) -> &[u8] {
        let from = (self.at.len - self.buffer_at) as usize;
        &self.buffer[from..from + len]
    }

    /// Brings the next bytes into the buffer, if there are as many.
    fn fill(&mut self, len: u64) -> io::Result<bool> {
        let left = self.limit.saturating_sub(self.at.len);
        if len > left {
            return Ok(false);
        }
        if self.at.len + len > self.buffer_at + self.buffer.len() as u64 {
            let Ok(wanted) = usize::try_from(len.max(CHUNK).min(left)) else { return Ok(false) };
            self.buffer.resize(wanted, 0);
            self.buffer_at = self.at.len;
            if let Err(error) = self.file.read_at(self.at.len, &mut self.buffer) {
                self.buffer.clear();
                return Err(error);
            }
        }
        Ok(true)
    }
}
