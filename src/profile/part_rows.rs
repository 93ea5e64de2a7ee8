use crate::profile::different::Different;
use crate::profile::{Packed, PropertyId, Symbols};
use smallvec::SmallVec;

/// The rows of a history sorted out by the value of a property: its parts, in the order in which they were seen first.
///
/// It follows from the rows: no part of the state. Values that are no key, and missing ones, are of no part.
#[derive(Debug, Clone)]
pub(crate) struct PartRows {
    by: PropertyId,
    /// A part's number is that of its key.
    keys: Different,
    rows: Vec<PartRow>,
    parts: Vec<Part>,
}

/// A row among those of its part.
#[derive(Debug, Clone, Copy)]
struct PartRow {
    part: u32,
    /// The row of the part before it.
    before: u32,
}

#[derive(Debug, Clone, Copy)]
struct Part {
    newest: u32,
    rows: u32,
}

/// Stands for no part, and for no row.
const NONE: u32 = u32::MAX;

/// So many rows are few, however many there are.
const FEW: usize = 64;

impl PartRows {
    pub(crate) fn new(by: PropertyId) -> PartRows {
        PartRows { by, keys: Different::default(), rows: Vec::new(), parts: Vec::new() }
    }

    /// The same without rows, in the same room.
    pub(crate) fn begin(&mut self, by: PropertyId) {
        self.by = by;
        self.keys.clear();
        self.rows.clear();
        self.parts.clear();
    }

    /// The property that sorts them out.
    pub(crate) fn by(&self) -> PropertyId {
        self.by
    }

    /// How many rows are sorted out, from the first one on.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Sorts the next row out by its value. O(1).
    pub(crate) fn push(&mut self, value: Packed, symbols: &Symbols) {
        let row = self.rows.len() as u32;
        if !value.is_key(symbols) {
            return self.rows.push(PartRow { part: NONE, before: NONE });
        }
        let part = self.keys.number(value, symbols);
        if part == self.parts.len() {
            self.parts.push(Part { newest: NONE, rows: 0 });
        }
        let Part { newest, rows } = &mut self.parts[part];
        self.rows.push(PartRow { part: part as u32, before: std::mem::replace(newest, row) });
        *rows += 1;
    }

    /// How many parts there are, numbered from 0.
    pub(crate) fn parts(&self) -> u32 {
        self.parts.len() as u32
    }

    /// The part of a row.
    pub(crate) fn part_of(&self, row: usize) -> Option<u32> {
        Some(self.rows[row].part).filter(|part| *part != NONE)
    }

    /// The part of a key.
    pub(crate) fn find(&self, key: Packed, symbols: &Symbols) -> Option<u32> {
        self.keys.find(key, symbols).map(|part| part as u32)
    }

    /// The key of a part, in the form in which it was seen first.
    pub(crate) fn key(&self, part: u32) -> Packed {
        self.keys.value(part as usize)
    }

    /// How many rows a part has.
    pub(crate) fn count(&self, part: u32) -> usize {
        self.parts[part as usize].rows as usize
    }

    /// The places of a part's rows, where they are few beside all: of a part that has many, whoever goes through the newest
    /// ones of all finds enough of it soon.
    pub(crate) fn few_places(&self, part: u32) -> Option<SmallVec<[u32; 16]>> {
        let count = self.count(part);
        (count <= FEW || count <= self.len() / 8).then(|| self.places(part))
    }

    /// The places of a part's rows, in order. O(rows of the part).
    fn places(&self, part: u32) -> SmallVec<[u32; 16]> {
        let Part { mut newest, rows } = self.parts[part as usize];
        let mut places = SmallVec::from_elem(0, rows as usize);
        for place in places.iter_mut().rev() {
            *place = newest;
            newest = self.rows[newest as usize].before;
        }
        places
    }

    /// The same of whatever part a key is of.
    pub(crate) fn few_places_of(&self, key: Packed, symbols: &Symbols) -> Option<SmallVec<[u32; 16]>> {
        self.find(key, symbols).map_or_else(|| Some(SmallVec::new()), |part| self.few_places(part))
    }

    /// Forgets the rows from a place on.
    pub(crate) fn truncate(&mut self, rows: usize) {
        for PartRow { part, before } in self.rows.drain(rows.min(self.rows.len())..).rev() {
            if let Some(part) = self.parts.get_mut(part as usize) {
                part.newest = before;
                part.rows -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Value;

    #[test]
    fn each_row_is_of_the_part_of_its_value() {
        for seed in 0..100 {
            let dice = &mut fastrand::Rng::with_seed(seed);
            let mut symbols = Symbols::default();
            let mut sorted = PartRows::new(PropertyId(1));
            let mut naive: Vec<(Packed, Vec<u32>)> = Vec::new();
            let mut values = Vec::new();
            for row in 0..dice.u32(0..200) {
                let value = match dice.u32(0..6) {
                    0 => Value::Null,
                    1 => Value::Bool(true),
                    2 => Value::Float(dice.i64(0..20) as f64 / 2.0),
                    3 => Value::Int(dice.i64(0..20)),
                    _ => Value::from(format!("{}", dice.u32(0..20))),
                };
                let value = symbols.pack(&value);
                values.push(value);
                sorted.push(value, &symbols);
                let part = value.is_key(&symbols).then(|| {
                    let known = naive.iter().position(|(key, _)| symbols.same(*key, value));
                    known.unwrap_or_else(|| {
                        naive.push((value, Vec::new()));
                        naive.len() - 1
                    })
                });
                part.into_iter().for_each(|part| naive[part].1.push(row));
                assert_eq!(sorted.part_of(row as usize), part.map(|part| part as u32), "seed {seed}");
            }
            assert_eq!(sorted.parts() as usize, naive.len());
            // Cut off, and put in again.
            let rest = dice.usize(0..=values.len());
            sorted.truncate(rest);
            for ((_, places), part) in naive.iter().zip(0..) {
                let before = places.iter().copied().filter(|place| (*place as usize) < rest);
                assert_eq!(sorted.places(part).to_vec(), before.collect::<Vec<_>>(), "seed {seed}");
            }
            values[rest..].iter().for_each(|value| sorted.push(*value, &symbols));
            for ((key, places), part) in naive.iter().zip(0..) {
                assert_eq!(sorted.key(part), *key);
                assert_eq!(sorted.find(*key, &symbols), Some(part));
                assert_eq!(sorted.count(part), places.len());
                assert_eq!(sorted.places(part).as_slice(), places.as_slice(), "seed {seed}");
            }
        }
    }
}
