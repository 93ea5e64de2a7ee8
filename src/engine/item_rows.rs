use crate::profile::{Packed, Symbols};
use crate::recommend::ItemId;
use std::ops::Range;
use std::sync::Arc;

/// Rows that are copied together when one of them changes while a copy is held, and written as one.
pub(super) const CHUNK: usize = 128;

/// Rows of values, one for each item that is described, whose copies are cheap: they share their chunks.
///
/// Invariant: all chunks but the last one are full; a row that is nobody's is missing throughout.
#[derive(Debug, Clone, Default)]
pub(super) struct ItemRows {
    /// Values that a row has.
    width: usize,
    chunks: Vec<Arc<Chunk>>,
}

/// Some rows one after the other.
#[derive(Debug, Clone, Default)]
pub(super) struct Chunk {
    width: usize,
    /// By row, whose it is, where it is somebody's.
    items: Vec<Option<ItemId>>,
    values: Vec<Packed>,
    /// By row, where the item has one.
    vectors: Vec<Option<Box<[f32]>>>,
}

impl Chunk {
    fn range(&self, row: usize) -> Range<usize> {
        row % CHUNK * self.width..(row % CHUNK + 1) * self.width
    }

    /// By row, whose it is, its values and its vector.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Option<ItemId>, &[Packed], Option<&[f32]>)> {
        let rows = self.items.iter().zip(&self.vectors).enumerate();
        rows.map(|(row, (item, vector))| (*item, &self.values[self.range(row)], vector.as_deref()))
    }
}

impl ItemRows {
    /// None yet, of so many values each.
    pub(super) fn new(width: usize) -> ItemRows {
        ItemRows { width, chunks: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.items.len())
    }

    pub(super) fn chunks(&self) -> &[Arc<Chunk>] {
        &self.chunks
    }

    #[inline]
    pub(super) fn values(&self, row: usize) -> &[Packed] {
        let chunk = &self.chunks[row / CHUNK];
        &chunk.values[chunk.range(row)]
    }

    pub(super) fn vector(&self, row: usize) -> Option<&[f32]> {
        self.chunks[row / CHUNK].vectors[row % CHUNK].as_deref()
    }

    /// Values of a row, to be changed, and its vector.
    pub(super) fn get_mut(&mut self, row: usize) -> (&mut [Packed], &mut Option<Box<[f32]>>) {
        let chunk = Arc::make_mut(&mut self.chunks[row / CHUNK]);
        let range = chunk.range(row);
        (&mut chunk.values[range], &mut chunk.vectors[row % CHUNK])
    }

    /// Says whose a row is.
    pub(super) fn set_item(&mut self, row: usize, item: Option<ItemId>) {
        Arc::make_mut(&mut self.chunks[row / CHUNK]).items[row % CHUNK] = item;
    }

    /// Adds a row, which is nobody's yet.
    pub(super) fn push(&mut self) {
        if self.len().is_multiple_of(CHUNK) {
            self.chunks.push(Arc::new(Chunk { width: self.width, ..Chunk::default() }));
        }
        if let Some(chunk) = self.chunks.last_mut() {
            let chunk = Arc::make_mut(chunk);
            chunk.items.push(None);
            chunk.values.resize(chunk.items.len() * self.width, Packed::MISSING);
            chunk.vectors.push(None);
        }
    }
}

/// Gives shares of values back, once no copy of the rows is left that may look at them.
#[derive(Debug, Default)]
pub(super) struct Releases {
    copies: Copied,
    later: Vec<Packed>,
}

/// Held by a copy as long as it looks at values.
pub(super) type Copied = Arc<()>;

impl Releases {
    /// Says that there is a copy, as long as that is held.
    pub(super) fn copied(&self) -> Copied {
        self.copies.clone()
    }

    pub(super) fn release(&mut self, value: Packed, symbols: &mut Symbols) {
        self.later.push(value);
        if Arc::strong_count(&self.copies) == 1 {
            self.later.drain(..).for_each(|value| symbols.release(value));
        }
    }
}

impl Clone for Releases {
    /// A copy goes with symbols of its own, and nobody looks at those yet.
    fn clone(&self) -> Releases {
        Releases { copies: Copied::default(), later: self.later.clone() }
    }
}
