//! Sections of a checkpoint in the heap: what is about no user may be long, so it is cut into records, and nobody waits
//! for all of it. What has not changed since the checkpoint before stays where it is.
//!
//! The last record of a section names those before it, and ends with what is left.

use crate::engine::catalogue_bytes::RowsToWrite;
use crate::engine::open::read_sealed;
use crate::model::{Bytes, Pieces, Record, Unchanged};
use crate::profile::Symbols;
use crate::storage::{self, Heap, Place, Slot, Vault};
use hashbrown::HashMap;

/// What the last records of sections are sealed for, and those before it.
pub(super) const SECTION: &[u8] = b"section";
pub(super) const PIECE: &[u8] = b"piece";
/// Bytes that are sealed at once: some hundredths of a millisecond.
const PIECE_BYTES: usize = 32 << 10;
/// Bytes of a piece that is a record of its own where it may stay as it is: fewer are not worth a record, and more are
/// too many at once.
const OWN_BYTES_MIN: usize = 512;
const OWN_BYTES_MAX: usize = 8 * PIECE_BYTES;

/// Where the records of a section are.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SectionPlace {
    pub(super) last: Place,
    before: Vec<Place>,
}

impl SectionPlace {
    /// All of them.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        self.before.iter().chain([&self.last]).copied()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.before.len() + 1
    }
}

/// Where the records are of which each is one piece, as long as that is unchanged: a checkpoint names those that the one
/// before has written.
pub(super) type Written = HashMap<Unchanged, Place, ahash::RandomState>;

/// A section as it was at the input of a checkpoint, as far as it is not in the heap.
#[derive(Debug, Default)]
pub(super) struct Unsealed {
    pieces: Pieces,
    /// What is behind them.
    rows: Option<RowsToWrite>,
    /// What was written of it, and how much of that is in the heap.
    plain: Vec<u8>,
    put: usize,
    /// Where in `plain` a piece begins that gets a record of its own.
    own: Option<(usize, Unchanged)>,
    places: Vec<Place>,
}

impl Unsealed {
    pub(super) fn new(pieces: Pieces) -> Unsealed {
        Unsealed { pieces, ..Unsealed::default() }
    }

    /// The same with rows of the catalogue behind the pieces.
    pub(super) fn with_rows(self, rows: Option<RowsToWrite>) -> Unsealed {
        Unsealed { rows, ..self }
    }

    /// About how many steps are left.
    pub(super) fn steps(&self) -> usize {
        1 + self.pieces_left() + (self.plain.len() - self.put) / PIECE_BYTES
    }

    fn pieces_left(&self) -> usize {
        self.pieces.len() + self.rows.as_ref().map_or(0, RowsToWrite::len)
    }

    /// Puts some of it into the heap, and once that is all gives where it is. What is `known` is not written again; what
    /// is a record of its own is in `written` then.
    pub(super) fn put_some(
        &mut self,
        (vault, heap): (&Vault, &Heap),
        symbols: &Symbols,
        known: &Written,
        written: &mut Written,
    ) -> Result<Option<SectionPlace>, storage::Error> {
        self.fill(symbols, known, written);
        let mut sealed = Vec::new();
        let end = match &self.own {
            Some((start, _)) if *start == self.put => self.plain.len(),
            Some((start, _)) => *start,
            None => self.plain.len().min(self.put + PIECE_BYTES),
        };
        let left = &self.plain[self.put..];
        if self.pieces_left() == 0 && self.own.is_none() && left.len() <= PIECE_BYTES {
            let mut plain = Vec::new();
            self.places.write(&mut plain);
            plain.extend_from_slice(left);
            vault.seal(Slot::STORE, SECTION, &plain, &mut sealed)?;
            let last = heap.put(&sealed)?;
            return Ok(Some(SectionPlace { last, before: std::mem::take(&mut self.places) }));
        }
        vault.seal(Slot::STORE, PIECE, &self.plain[self.put..end], &mut sealed)?;
        let place = heap.put(&sealed)?;
        self.places.push(place);
        if let Some((_, of)) = self.own.take_if(|(start, _)| *start == self.put) {
            written.insert(of, place);
        }
        self.put = end;
        Ok(None)
    }

    /// Writes pieces until there is enough for a record.
    fn fill(&mut self, symbols: &Symbols, known: &Written, written: &mut Written) {
        while self.own.is_none() && self.plain.len() - self.put < PIECE_BYTES {
            self.plain.drain(..self.put);
            self.put = 0;
            // Rows come behind the pieces.
            let rows = self.rows.as_mut().filter(|_| self.pieces.len() == 0);
            let of = match &rows {
                Some(rows) => rows.next_of(),
                None => self.pieces.next_of().cloned(),
            };
            let there = of.as_ref().and_then(|of| known.get(of)).copied();
            if there.is_some() && !self.plain.is_empty() {
                // It comes behind that.
                return;
            }
            let start = self.plain.len();
            let is_written = match (rows, there) {
                (Some(rows), Some(_)) => rows.skip_next(),
                (None, Some(_)) => self.pieces.skip_next(),
                (Some(rows), None) => rows.write_next(symbols, &mut self.plain),
                (None, None) => self.pieces.write_next(&mut self.plain),
            };
            if let (Some(place), Some(of)) = (there, of.clone()) {
                self.places.push(place);
                written.insert(of, place);
            }
            let is_own = (OWN_BYTES_MIN..=OWN_BYTES_MAX).contains(&(self.plain.len() - start));
            self.own = of.filter(|_| is_own).map(|of| (start, of));
            if !is_written {
                return;
            }
        }
    }

    /// What is in the heap of one that is given up.
    pub(super) fn given_up(self) -> Vec<Place> {
        self.places
    }
}

/// Reads a section by its last record, and gives where all of them are.
pub(super) fn read_section(
    heap: &Heap,
    vault: &Vault,
    last: Place,
) -> Result<(SectionPlace, Vec<u8>), storage::Error> {
    let end = read_sealed(heap, vault, last, Slot::STORE, SECTION)?;
    let mut from = Bytes::new(&end);
    let before: Vec<Place> = from.read().map_err(|error| heap.corrupt(last, error.to_string()))?;
    let mut plain = Vec::new();
    for piece in &before {
        plain.append(&mut read_sealed(heap, vault, *piece, Slot::STORE, PIECE)?);
    }
    plain.extend_from_slice(&end[end.len() - from.left()..]);
    Ok((SectionPlace { last, before }, plain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Shared;
    use crate::storage::MemoryDisk;
    use std::sync::Arc;

    #[test]
    fn a_section_of_any_length_is_read_back() {
        let disk: Arc<dyn crate::storage::Disk> = Arc::new(MemoryDisk::new());
        let vault = Vault::open_keys(&*disk).unwrap();
        let heap = Heap::open(disk, &[]).unwrap();
        let symbols = Symbols::default();
        let mut dice = fastrand::Rng::with_seed(5);
        for lens in
            [&[][..], &[0], &[1], &[PIECE_BYTES], &[PIECE_BYTES + 1], &[5 * PIECE_BYTES, 3], &[9_000; 30]]
        {
            let parts: Vec<Vec<u8>> =
                lens.iter().map(|len| (0..*len).map(|_| dice.u8(..)).collect()).collect();
            let mut pieces = Pieces::default();
            parts.iter().cloned().for_each(|part| pieces.push(move |out| out.extend(part)));
            let mut section = Unsealed::new(pieces);
            let (mut steps, mut put) = (section.steps(), heap.put_bytes());
            let (known, mut written) = (Written::default(), Written::default());
            let place = loop {
                let place = section.put_some((&vault, &heap), &symbols, &known, &mut written).unwrap();
                // Nobody waits for more, and there is an end to it.
                assert!(heap.put_bytes() - put < 2 * PIECE_BYTES as u64);
                put = heap.put_bytes();
                if let Some(place) = place {
                    break place;
                }
                assert!(section.steps() <= steps || parts.iter().any(|part| part.len() > PIECE_BYTES));
                steps = section.steps();
            };
            assert_eq!(read_section(&heap, &vault, place.last).unwrap(), (place.clone(), parts.concat()));
        }
    }

    /// Lists change between checkpoints, and while one is taken.
    #[test]
    fn what_has_not_changed_stays_where_it_is() {
        let disk: Arc<dyn crate::storage::Disk> = Arc::new(MemoryDisk::new());
        let vault = Vault::open_keys(&*disk).unwrap();
        let heap = Heap::open(disk, &[]).unwrap();
        let symbols = Symbols::default();
        let mut dice = fastrand::Rng::with_seed(6);
        let mut lists: [Shared<u128, 200>; 3] = Default::default();
        let (mut known, mut before) = (Written::default(), Vec::new());
        let (mut stayed, mut all) = (0, 0);
        for _ in 0..60 {
            let (mut pieces, mut expected) = (Pieces::default(), Vec::new());
            for list in &lists {
                pieces.push_now(|out| list.len().write(out));
                list.write_later(0, u128::write, &mut pieces);
                list.len().write(&mut expected);
                list.iter().for_each(|row| row.write(&mut expected));
            }
            let (mut section, mut written) = (Unsealed::new(pieces), Written::default());
            let place = loop {
                if let Some(place) =
                    section.put_some((&vault, &heap), &symbols, &known, &mut written).unwrap()
                {
                    break place;
                }
                let list = &mut lists[dice.usize(0..3)];
                match dice.u8(0..4) {
                    0 if !list.is_empty() => {
                        let row = dice.usize(0..list.len());
                        list[row] = dice.u128(..);
                    }
                    _ => {}
                }
            };
            assert!(read_section(&heap, &vault, place.last).unwrap() == (place.clone(), expected));
            all += place.len();
            stayed += place.places().filter(|place| before.contains(place)).count();
            (known, before) = (written, place.places().collect());
            for list in &mut lists {
                (0..dice.usize(0..300)).for_each(|_| list.push(dice.u128(..)));
            }
        }
        assert!(stayed * 2 > all, "{stayed} of {all}");
    }
}
