use crate::model::{Bytes, Malformed, Pieces, Record, Unchanged};
use crate::recommend::factors::read_vector;
use std::sync::Arc;

/// About how many numbers are copied together when one of them changes while a copy is held.
const CHUNK: usize = 16_384;

/// Vectors of equal length, by dense numbers, whose copies are cheap: they share chunks.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Vectors {
    factors: usize,
    /// Numbers of so many vectors, one after the other. All but the last one are full.
    chunks: Vec<Arc<Vec<f32>>>,
    per_chunk: usize,
}

impl Vectors {
    /// None yet, of so many numbers each.
    pub(super) fn new(factors: usize) -> Vectors {
        Vectors { factors, chunks: Vec::new(), per_chunk: (CHUNK / factors.max(1)).max(1) }
    }

    pub(super) fn len(&self) -> usize {
        self.chunks
            .last()
            .map_or(0, |last| (self.chunks.len() - 1) * self.per_chunk + last.len() / self.factors)
    }

    #[inline]
    pub(super) fn get(&self, number: usize) -> Option<&[f32]> {
        let at = number % self.per_chunk * self.factors;
        self.chunks.get(number / self.per_chunk)?.get(at..at + self.factors)
    }

    /// A vector to be changed; those up to it that are missing are made, of zeros.
    pub(super) fn get_or_zeros(&mut self, number: usize) -> &mut [f32] {
        let factors = self.factors;
        while self.len() <= number {
            if self.len().is_multiple_of(self.per_chunk) {
                self.chunks.push(Arc::default());
            }
            if let Some(last) = self.chunks.last_mut() {
                let last = Arc::make_mut(last);
                last.resize(last.len() + factors, 0.0);
            }
        }
        let at = number % self.per_chunk * factors;
        &mut Arc::make_mut(&mut self.chunks[number / self.per_chunk])[at..at + factors]
    }

    /// In order of number.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[f32]> {
        self.chunks.iter().flat_map(|chunk| chunk.chunks_exact(self.factors))
    }

    /// Bytes on the heap.
    pub(super) fn bytes(&self) -> usize {
        let numbers: usize = self.chunks.iter().map(|chunk| chunk.capacity()).sum();
        numbers * size_of::<f32>() + self.chunks.capacity() * size_of::<Arc<Vec<f32>>>()
    }

    /// What is to be written of them, without their count: a chunk is a piece.
    pub(super) fn write_later(&self, pieces: &mut Pieces) {
        for chunk in &self.chunks {
            let (of, chunk) = (Unchanged::of(chunk), Arc::clone(chunk));
            pieces.push_of(of, move |out| chunk.iter().for_each(|number| number.write(out)));
        }
    }

    /// Reads what was written of `count` vectors of so many numbers each.
    pub(super) fn read(factors: usize, count: usize, from: &mut Bytes<'_>) -> Result<Vectors, Malformed> {
        let mut vectors = Vectors::new(factors);
        for number in 0..count {
            let vector = read_vector(factors, from)?;
            vectors.get_or_zeros(number).copy_from_slice(&vector);
        }
        Ok(vectors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_stays_as_it_was_and_is_read_back() {
        const FACTORS: usize = 3_000;
        let mut dice = fastrand::Rng::with_seed(4);
        let (mut vectors, mut list) = (Vectors::new(FACTORS), Vec::<[f32; FACTORS]>::new());
        let mut copies = Vec::new();
        for round in 0..40 {
            let number = dice.usize(0..list.len() + 3);
            list.resize(list.len().max(number + 1), [0.0; FACTORS]);
            list[number] = std::array::from_fn(|_| dice.f32());
            vectors.get_or_zeros(number).copy_from_slice(&list[number]);
            if round % 8 == 0 {
                copies.push((vectors.clone(), list.clone()));
            }
        }
        assert!(list.len() > 2 * vectors.per_chunk);
        for (vectors, list) in copies {
            assert_eq!((vectors.len(), vectors.get(list.len())), (list.len(), None));
            assert!(vectors.iter().eq(&list) && (0..list.len()).all(|i| vectors.get(i) == Some(&list[i])));
            let mut bytes = Vec::new();
            Pieces::all(|pieces| vectors.write_later(pieces), &mut bytes);
            let read = |count| Vectors::read(FACTORS, count, &mut Bytes::new(&bytes));
            assert!(read(list.len()).unwrap() == vectors && read(list.len() + 1).is_err());
        }
    }
}
