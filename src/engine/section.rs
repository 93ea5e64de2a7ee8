//! Sections of a checkpoint in the heap: what is about no user may be long, so it is cut into records, and nobody waits
//! for all of it.
//!
//! The last record of a section names those before it, and ends with what is left.

use crate::engine::open::read_sealed;
use crate::model::{Bytes, Pieces, Record};
use crate::storage::{self, Heap, Place, Slot, Vault};

/// What the last records of sections are sealed for, and those before it.
pub(super) const SECTION: &[u8] = b"section";
pub(super) const PIECE: &[u8] = b"piece";
/// Bytes that are sealed at once: some hundredths of a millisecond.
const PIECE_BYTES: usize = 32 << 10;

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

/// A section as it was at the input of a checkpoint, as far as it is not in the heap.
#[derive(Debug)]
pub(super) enum Unsealed {
    Section(Rest),
    /// One that is in the heap as it is.
    There(SectionPlace),
}

/// What is left of a section.
#[derive(Debug, Default)]
pub(super) struct Rest {
    pieces: Pieces,
    /// What was written of it, and how much of that is in the heap.
    plain: Vec<u8>,
    put: usize,
    places: Vec<Place>,
}

impl Unsealed {
    pub(super) fn new(pieces: Pieces) -> Unsealed {
        Unsealed::Section(Rest { pieces, ..Rest::default() })
    }

    /// About how many steps are left.
    pub(super) fn steps(&self) -> usize {
        match self {
            Unsealed::Section(rest) => 1 + rest.pieces.len() + (rest.plain.len() - rest.put) / PIECE_BYTES,
            Unsealed::There(_) => 1,
        }
    }

    /// Puts some of it into the heap, and once that is all gives where it is.
    pub(super) fn put_some(
        &mut self,
        vault: &Vault,
        heap: &Heap,
    ) -> Result<Option<SectionPlace>, storage::Error> {
        let rest = match self {
            Unsealed::Section(rest) => rest,
            Unsealed::There(place) => return Ok(Some(place.clone())),
        };
        if rest.plain.len() - rest.put < PIECE_BYTES {
            rest.plain.drain(..rest.put);
            rest.put = 0;
            rest.pieces.write_some(PIECE_BYTES, &mut rest.plain);
        }
        let left = &rest.plain[rest.put..];
        let mut sealed = Vec::new();
        if rest.pieces.len() == 0 && left.len() <= PIECE_BYTES {
            let mut plain = Vec::new();
            rest.places.write(&mut plain);
            plain.extend_from_slice(left);
            vault.seal(Slot::STORE, SECTION, &plain, &mut sealed)?;
            let last = heap.put(&sealed)?;
            return Ok(Some(SectionPlace { last, before: std::mem::take(&mut rest.places) }));
        }
        let piece = &left[..left.len().min(PIECE_BYTES)];
        vault.seal(Slot::STORE, PIECE, piece, &mut sealed)?;
        rest.places.push(heap.put(&sealed)?);
        rest.put += piece.len();
        Ok(None)
    }

    /// What is in the heap of one that is given up.
    pub(super) fn given_up(self) -> Vec<Place> {
        match self {
            Unsealed::Section(rest) => rest.places,
            Unsealed::There(_) => Vec::new(),
        }
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
    use crate::storage::MemoryDisk;
    use std::sync::Arc;

    #[test]
    fn a_section_of_any_length_is_read_back() {
        let disk: Arc<dyn crate::storage::Disk> = Arc::new(MemoryDisk::new());
        let vault = Vault::open_keys(&*disk).unwrap();
        let heap = Heap::open(disk, &[]).unwrap();
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
            let place = loop {
                let place = section.put_some(&vault, &heap).unwrap();
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
            let mut there = Unsealed::There(place.clone());
            assert_eq!(there.put_some(&vault, &heap).unwrap(), Some(place));
        }
    }
}
