use hashbrown::HashMap;

/// Which rows of a history belong to which source of events, so that a long history is not gone through each time.
///
/// It follows from the rows and the definitions: no part of the state, and gone whenever rows come in between others.
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

    /// Rows went; `gone` are their places, in order. O(rows + what the lists hold).
    pub(crate) fn drop_rows(&mut self, gone: &[usize]) {
        const GONE: u32 = u32::MAX;
        let mut places = Vec::with_capacity(self.rows);
        let mut gone = gone.iter().peekable();
        let mut next = 0;
        for place in 0..self.rows {
            let stays = gone.next_if(|gone| **gone == place).is_none();
            places.push(if stays { next } else { GONE });
            next += u32::from(stays);
        }
        for list in self.of.values_mut() {
            list.retain_mut(|row| {
                *row = places[*row as usize];
                *row != GONE
            });
        }
        self.of.retain(|_, list| !list.is_empty());
        self.rows = next as usize;
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn of(&self, source: u32) -> &[u32] {
        self.of.get(&source).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_is_as_if_it_had_never_been() {
        for seed in 0..200 {
            let dice = &mut fastrand::Rng::with_seed(seed);
            let mut rows: Vec<Vec<u32>> = Vec::new();
            let mut rings = Rings::default();
            for _ in 0..dice.usize(1..6) {
                for _ in 0..dice.usize(0..60) {
                    let own: Vec<u32> = (0..9).filter(|_| dice.u32(0..4) == 0).collect();
                    rings.push(own.iter().copied());
                    rows.push(own);
                }
                // Some that the rings do not know yet may go as well.
                let gone: Vec<usize> = (0..rows.len() + 3).filter(|_| dice.u32(0..3) == 0).collect();
                rings.drop_rows(&gone);
                let mut place = 0..;
                rows.retain(|_| !gone.contains(&place.next().unwrap_or_default()));
                assert_eq!(rings.rows(), rows.len(), "seed {seed}");
                for source in 0..9 {
                    let places = rows.iter().zip(0..).filter(|(own, _)| own.contains(&source));
                    let expected: Vec<u32> = places.map(|(_, place)| place).collect();
                    assert_eq!(rings.of(source), expected, "seed {seed}, source {source}");
                }
            }
        }
    }
}
