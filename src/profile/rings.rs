use hashbrown::HashMap;

/// Which rows of a history belong to which source of events, so that a long history is not gone through each time.
///
/// It follows from the rows and the definitions: no part of the state, and gone whenever rows move.
///
/// Invariant: each list is sorted, and all of them together say it of the first `rows` rows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rings {
    rows: usize,
    of: HashMap<u32, Vec<u32>, ahash::RandomState>,
}

impl Rings {
    /// Notes the sources of the next row.
    pub(crate) fn push(&mut self, sources: impl IntoIterator<Item = u32>) {
        let row = self.rows as u32;
        for source in sources {
            self.of.entry(source).or_default().push(row);
        }
        self.rows += 1;
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn of(&self, source: u32) -> &[u32] {
        self.of.get(&source).map_or(&[], Vec::as_slice)
    }
}
