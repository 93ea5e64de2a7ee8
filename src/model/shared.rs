use crate::model::{Pieces, Unchanged};
use serde::{Serialize, Serializer};
use std::ops::{Index, IndexMut};
use std::sync::Arc;

/// A growing list whose copies are cheap: they share its chunks, and whoever changes a chunk that is shared copies it
/// first.
///
/// For what a checkpoint writes while it goes on to change. The number of rows in a chunk is for whoever makes the list:
/// so many are copied with the first change of one of them.
#[derive(Debug, Clone)]
pub(crate) struct Shared<T, const CHUNK: usize> {
    /// All but the last one are full.
    chunks: Vec<Arc<Vec<T>>>,
}

impl<T, const CHUNK: usize> Default for Shared<T, CHUNK> {
    fn default() -> Shared<T, CHUNK> {
        Shared { chunks: Vec::new() }
    }
}

impl<T, const CHUNK: usize> Shared<T, CHUNK> {
    pub(crate) fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    pub(crate) fn get(&self, i: usize) -> Option<&T> {
        self.chunks.get(i / CHUNK)?.get(i % CHUNK)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// Bytes on the heap, without what the rows have there.
    pub(crate) fn bytes(&self) -> usize {
        let rows: usize = self.chunks.iter().map(|chunk| chunk.capacity()).sum();
        rows * size_of::<T>() + self.chunks.capacity() * size_of::<Arc<Vec<T>>>()
    }
}

impl<T: Clone, const CHUNK: usize> Shared<T, CHUNK> {
    pub(crate) fn pop(&mut self) -> Option<T> {
        let last = Arc::make_mut(self.chunks.last_mut()?).pop();
        if self.chunks.last().is_some_and(|chunk| chunk.is_empty()) {
            self.chunks.pop();
        }
        last
    }

    pub(crate) fn push(&mut self, row: T) {
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => {
                // A copy has room for what is in it only.
                let chunk = Arc::make_mut(chunk);
                if chunk.len() == chunk.capacity() {
                    chunk.reserve_exact(chunk.len().max(4).min(CHUNK - chunk.len()));
                }
                chunk.push(row);
            }
            _ => self.chunks.push(Arc::new(vec![row])),
        }
    }

    /// Makes it so long at least, with such rows.
    pub(crate) fn fill_up(&mut self, len: usize, row: &T) {
        (self.len()..len).for_each(|_| self.push(row.clone()));
    }

    pub(crate) fn get_mut(&mut self, i: usize) -> Option<&mut T> {
        // Whoever asks in vain copies nothing.
        self.get(i)?;
        Some(&mut self[i])
    }

    /// All rows, to be changed: copies every chunk that is shared.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.chunks.iter_mut().flat_map(|chunk| Arc::make_mut(chunk).iter_mut())
    }
}

impl<T: Send + Sync + 'static, const CHUNK: usize> Shared<T, CHUNK> {
    /// Adds the rows from a number on to what is to be written, without their count: a chunk is a piece. A list is written
    /// in one way only: whoever has what a chunk wrote takes it for what it would write.
    pub(crate) fn write_later(&self, first: usize, write: fn(&T, &mut Vec<u8>), pieces: &mut Pieces) {
        for (number, chunk) in self.chunks.iter().enumerate().skip(first / CHUNK) {
            let skipped = first.saturating_sub(number * CHUNK);
            let chunk = Arc::clone(chunk);
            let of = Unchanged::of(&chunk);
            let write = move |out: &mut Vec<u8>| chunk.iter().skip(skipped).for_each(|row| write(row, out));
            if skipped == 0 { pieces.push_of(of, write) } else { pieces.push(write) }
        }
    }
}

impl<T, const CHUNK: usize> Index<usize> for Shared<T, CHUNK> {
    type Output = T;

    fn index(&self, i: usize) -> &T {
        &self.chunks[i / CHUNK][i % CHUNK]
    }
}

impl<T: Clone, const CHUNK: usize> IndexMut<usize> for Shared<T, CHUNK> {
    fn index_mut(&mut self, i: usize) -> &mut T {
        &mut Arc::make_mut(&mut self.chunks[i / CHUNK])[i % CHUNK]
    }
}

impl<T: Clone, const CHUNK: usize> FromIterator<T> for Shared<T, CHUNK> {
    fn from_iter<I: IntoIterator<Item = T>>(rows: I) -> Shared<T, CHUNK> {
        let mut shared = Shared::default();
        rows.into_iter().for_each(|row| shared.push(row));
        shared
    }
}

/// As a list.
impl<T: Serialize, const CHUNK: usize> Serialize for Shared<T, CHUNK> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_list_and_a_copy_stays_as_it_was() {
        let mut dice = fastrand::Rng::with_seed(3);
        let (mut shared, mut list) = (Shared::<u32, 4>::default(), Vec::new());
        let mut copies = Vec::new();
        for step in 0..2_000 {
            match dice.usize(0..10) {
                0..4 => {
                    shared.push(step);
                    list.push(step);
                }
                4 => copies.push((shared.clone(), list.clone())),
                9 if step % 3 == 0 => assert_eq!(shared.pop(), list.pop()),
                5 if copies.len() > 3 => drop(copies.swap_remove(dice.usize(0..copies.len()))),
                6 if step % 97 == 0 => {
                    shared.iter_mut().for_each(|row| *row += 1);
                    list.iter_mut().for_each(|row| *row += 1);
                }
                _ if !list.is_empty() => {
                    let i = dice.usize(0..list.len());
                    shared[i] = step;
                    list[i] = step;
                    assert_eq!(shared.get_mut(i).copied(), Some(step));
                }
                _ => assert_eq!(shared.get_mut(0), None),
            }
            assert_eq!((shared.len(), shared.is_empty()), (list.len(), list.is_empty()));
        }
        copies.push((shared, list));
        for (shared, list) in &copies {
            assert!(shared.iter().eq(list) && shared.get(list.len()).is_none());
            let first = dice.usize(0..=list.len());
            let mut out = Vec::new();
            let write = |row: &u32, out: &mut Vec<u8>| out.push(*row as u8);
            Pieces::all(|pieces| shared.write_later(first, write, pieces), &mut out);
            assert_eq!(out, list[first..].iter().map(|row| *row as u8).collect::<Vec<u8>>());
        }
        let (shared, list) = copies.swap_remove(0);
        assert_eq!(serde_json::to_string(&shared).unwrap(), serde_json::to_string(&list).unwrap());
        let mut filled: Shared<u32, 4> = list.iter().copied().collect();
        filled.fill_up(list.len() + 9, &7);
        assert_eq!((filled.len(), filled[list.len() + 8]), (list.len() + 9, 7));
        assert!(filled.bytes() >= 4 * filled.len());
    }
}
