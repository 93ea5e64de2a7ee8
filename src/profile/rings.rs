use crate::profile::numbers::Numbers;
use crate::profile::{Packed, PartRows, PropertyId, Symbols};
use hashbrown::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// Which rows of a history belong to which source of events, so that a long history is not gone through each time.
///
/// It follows from the rows and the definitions: no part of the state.
///
/// Invariant: each ring is sorted, and all of them together say it of the first `rows` rows but those that are `open`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rings {
    rows: usize,
    of: HashMap<u32, Ring, ahash::RandomState>,
    /// The places of rows that came in between others, and whose sources nobody noted yet.
    open: Vec<u32>,
    /// Sources of which some rows are summed up no more, each once.
    stale: Vec<u32>,
    /// The rows sorted out by properties, as far as they were: down to where one came in between, and anew once rows
    /// went.
    parted: Vec<Arc<PartRows>>,
}

/// The rows of one source.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ring {
    places: Vec<u32>,
    /// By property: what its numbers come to in each block of places, as far as they were summed up. Those behind are gone
    /// through.
    blocks: Vec<(PropertyId, Vec<Numbers>)>,
    /// By property: its numbers one behind the other, as far as they were listed.
    lists: Vec<(PropertyId, List)>,
    is_stale: bool,
}

/// The numbers of the first places of a ring; NaN where there is none.
#[derive(Debug, Clone, Default)]
struct List {
    numbers: Vec<f64>,
    /// Some may be numbers that no float holds: then the list says nothing.
    is_broken: bool,
}

/// The numbers of some rows: those of the first ones, NaN where there is none, and the places of the others.
pub(crate) type Listed<'a> = (&'a [f64], &'a [u32]);

/// So many places of a ring are summed up as one.
const BLOCK: usize = 16;

static NONE: Ring = Ring { places: Vec::new(), blocks: Vec::new(), lists: Vec::new(), is_stale: false };

impl Rings {
    /// Notes the sources of the next row, and calls `full` for each whose rows are worth to be [summed up](Rings::sum_up) now.
    pub(crate) fn push(&mut self, sources: impl IntoIterator<Item = u32>, mut full: impl FnMut(u32)) {
        let row = self.rows as u32;
        for source in sources {
            let places = &mut self.of.entry(source).or_default().places;
            places.push(row);
            if places.len().is_multiple_of(BLOCK) {
                full(source);
            }
        }
        self.rows += 1;
    }

    /// A row came in before others. O(rings · log rows), and the places behind it.
    pub(crate) fn part(&mut self, place: usize) {
        if place >= self.rows {
            return;
        }
        let place = place as u32;
        let shift = |places: &mut [u32]| places.iter_mut().for_each(|own| *own += 1);
        for ring in self.of.values_mut() {
            let behind = ring.places.partition_point(|own| *own < place);
            shift(&mut ring.places[behind..]);
        }
        self.open.iter_mut().filter(|own| **own >= place).for_each(|own| *own += 1);
        self.open.push(place);
        self.parted.iter_mut().for_each(|parted| Arc::make_mut(parted).truncate(place as usize));
        self.rows += 1;
    }

    /// A row whose sources have to be [noted](Rings::note), if there is one.
    pub(crate) fn next_open(&mut self) -> Option<usize> {
        self.open.pop().map(|place| place as usize)
    }

    /// Notes the sources of a row that was open.
    pub(crate) fn note(&mut self, place: usize, sources: impl IntoIterator<Item = u32>) {
        let place = place as u32;
        for source in sources {
            let ring = self.of.entry(source).or_default();
            let at = ring.places.partition_point(|own| *own < place);
            ring.places.insert(at, place);
            if ring.forget_blocks(at) {
                self.stale.push(source);
            }
        }
    }

    /// Rows went; `gone` are their places, in order. O(rows + what the rings hold).
    pub(crate) fn drop_rows(&mut self, gone: &[usize]) {
        if gone.is_empty() {
            return;
        }
        let (first, known) = (gone[0] as u32, gone.partition_point(|place| *place < self.rows));
        if known == 0 {
            return;
        }
        // Mostly the oldest ones go.
        let oldest = (gone[..known].last() == Some(&(known.wrapping_sub(1)))).then_some(known as u32);
        let mut table = Vec::new();
        if oldest.is_none() {
            table = moves(self.rows, gone);
        }
        let move_on = |own: &mut Vec<u32>| {
            let before = own.len();
            if let Some(oldest) = oldest {
                own.drain(..own.partition_point(|place| *place < oldest));
                own.iter_mut().for_each(|place| *place -= oldest);
            } else {
                own.iter_mut().for_each(|place| *place = table[*place as usize]);
                own.retain(|place| *place != GONE);
            }
            own.len() < before
        };
        for (source, ring) in &mut self.of {
            let before = ring.places.partition_point(|row| *row < first);
            if move_on(&mut ring.places) && ring.forget_blocks(before) {
                self.stale.push(*source);
            }
        }
        self.of.retain(|_, ring| !ring.places.is_empty());
        self.stale.retain(|source| self.of.contains_key(source));
        self.open.sort_unstable();
        move_on(&mut self.open);
        self.parted.clear();
        self.rows -= known;
    }

    /// A source whose rows are worth to be [summed up](Rings::sum_up) again, if there is one.
    pub(crate) fn next_stale(&mut self) -> Option<u32> {
        let source = self.stale.pop()?;
        if let Some(ring) = self.of.get_mut(&source) {
            ring.is_stale = false;
        }
        Some(source)
    }

    /// How many rows it knows, from the first one on, and those that are open among them.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// Whether it knows the sources of so many rows, and of no others.
    pub(crate) fn are_of(&self, rows: usize) -> bool {
        self.rows == rows && self.open.is_empty()
    }

    /// Sorts the rows out by a property. O(rows that came since it was done last).
    pub(crate) fn sort_out(&mut self, by: PropertyId, value: impl Fn(usize) -> Packed, symbols: &Symbols) {
        let known = self.parted.iter().position(|parted| parted.by() == by).unwrap_or_else(|| {
            self.parted.push(Arc::new(PartRows::new(by)));
            self.parted.len() - 1
        });
        let parted = Arc::make_mut(&mut self.parted[known]);
        (parted.len()..self.rows).for_each(|place| parted.push(value(place), symbols));
    }

    /// All rows sorted out by a property, where that was done.
    pub(crate) fn part_rows(&self, by: PropertyId) -> Option<&Arc<PartRows>> {
        self.parted.iter().find(|parted| parted.by() == by && parted.len() == self.rows)
    }

    pub(crate) fn of(&self, source: u32) -> &Ring {
        self.of.get(&source).unwrap_or(&NONE)
    }

    /// Sums up the numbers of a property in the rows of a source. O(rows that came since it was done last).
    pub(crate) fn sum_up(&mut self, source: u32, property: PropertyId, value: impl Fn(usize) -> Packed) {
        let Some(ring) = self.of.get_mut(&source) else { return };
        let blocks = by_property(&mut ring.blocks, property);
        let rest = &ring.places[blocks.len() * BLOCK..];
        for block in rest.chunks_exact(BLOCK) {
            blocks.push(block.iter().map(|place| value(*place as usize)).collect());
        }
    }

    /// Lists the numbers of a property in the rows of a source. O(rows that came since it was done last).
    pub(crate) fn list(&mut self, source: u32, property: PropertyId, value: impl Fn(usize) -> Packed) {
        let Some(ring) = self.of.get_mut(&source) else { return };
        let List { numbers, is_broken } = by_property(&mut ring.lists, property);
        for place in &ring.places[numbers.len()..] {
            let value = value(*place as usize);
            *is_broken |= value.is_boxed();
            numbers.push(value.small_number().unwrap_or(f64::NAN));
        }
    }
}

/// What is known of a property, begun where nothing is.
fn by_property<T: Default>(known: &mut Vec<(PropertyId, T)>, property: PropertyId) -> &mut T {
    let place = known.iter().position(|(own, _)| *own == property).unwrap_or(known.len());
    if place == known.len() {
        known.push((property, T::default()));
    }
    &mut known[place].1
}

impl Ring {
    /// The places of its rows within a range of rows.
    pub(crate) fn within(&self, rows: &Range<usize>) -> &[u32] {
        &self.places[own_range(&self.places, rows)]
    }

    /// What the numbers of a property come to in its rows within a range of rows. O(rows / 16) where they were summed up. To
    /// the bit the same where they were not: nobody may see what somebody else asked.
    pub(crate) fn numbers(
        &self,
        property: PropertyId,
        rows: &Range<usize>,
        value: impl Fn(usize) -> Packed,
    ) -> Numbers {
        let own = own_range(&self.places, rows);
        let blocks = self.blocks.iter().find(|(known, _)| *known == property);
        let blocks = blocks.map_or(&[][..], |(_, blocks)| blocks);
        let sum = |places: &[u32]| -> Numbers { places.iter().map(|place| value(*place as usize)).collect() };
        let (first, last) = (own.start.div_ceil(BLOCK), own.end / BLOCK);
        if first >= last {
            return sum(&self.places[own]);
        }
        let mut numbers = sum(&self.places[own.start..first * BLOCK]);
        for block in first..last {
            let places = || &self.places[block * BLOCK..][..BLOCK];
            numbers.merge(&blocks.get(block).copied().unwrap_or_else(|| sum(places())));
        }
        numbers.merge(&sum(&self.places[last * BLOCK..own.end]));
        numbers
    }

    /// The numbers of a property in its rows within a range, where they were listed.
    pub(crate) fn listed(&self, property: PropertyId, rows: &Range<usize>) -> Option<Listed<'_>> {
        let (_, list) = self.lists.iter().find(|(own, list)| *own == property && !list.is_broken)?;
        let Range { start, end } = own_range(&self.places, rows);
        let known = list.numbers.len().clamp(start, end);
        Some((list.numbers.get(start..known).unwrap_or(&[]), &self.places[known..end]))
    }

    /// Others came in at one of its places, or went. Gives whether it is stale now and was not before.
    fn forget_blocks(&mut self, from: usize) -> bool {
        let mut some = false;
        for (_, blocks) in &mut self.blocks {
            some |= blocks.len() > from / BLOCK;
            blocks.truncate(from / BLOCK);
        }
        for (_, list) in &mut self.lists {
            some |= list.numbers.len() > from;
            list.numbers.truncate(from);
            list.is_broken &= from > 0;
        }
        some && !std::mem::replace(&mut self.is_stale, true)
    }
}

/// Stands for the place of a row that went.
const GONE: u32 = u32::MAX;

/// Where each of so many rows is, once those at some places, which are in order, went.
fn moves(rows: usize, gone: &[usize]) -> Vec<u32> {
    let (mut gone, mut next) = (gone.iter().peekable(), 0);
    let place = |place| match gone.next_if(|gone| **gone == place) {
        Some(_) => GONE,
        None => {
            next += 1;
            next - 1
        }
    };
    (0..rows).map(place).collect()
}

/// Which of some places, which are sorted, lie within a range of rows.
pub(crate) fn own_range(places: &[u32], rows: &Range<usize>) -> Range<usize> {
    let start = places.partition_point(|place| (*place as usize) < rows.start);
    let end = places.partition_point(|place| (*place as usize) < rows.end);
    start..end.max(start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Value;
    use crate::profile::Symbols;

    /// A row: its sources, and a value.
    type Row = (Vec<u32>, Packed);

    const PROPERTY: PropertyId = PropertyId(3);

    fn row(dice: &mut fastrand::Rng, symbols: &mut Symbols) -> Row {
        let value = match dice.u32(0..8) {
            0 => Value::Null,
            1 => Value::from("text"),
            2 => Value::Float(dice.i64(-900..900) as f64 / 100.0),
            _ => Value::Int(dice.i64(-9..99)),
        };
        ((0..9).filter(|_| dice.u32(0..2) == 0).collect(), symbols.pack(&value))
    }

    fn check(rings: &Rings, rows: &[Row], dice: &mut fastrand::Rng) {
        assert!(rings.are_of(rows.len()));
        for source in 0..9 {
            let start = dice.usize(0..=rows.len());
            let range = start..dice.usize(start..=rows.len());
            let places = (range.clone()).filter(|place| rows[*place].0.contains(&source));
            let expected: Vec<u32> = places.clone().map(|place| place as u32).collect();
            assert_eq!(rings.of(source).within(&range), expected, "source {source}");
            let numbers = rings.of(source).numbers(PROPERTY, &range, |place| rows[place].1);
            if let Some((listed, rest)) = rings.of(source).listed(PROPERTY, &range) {
                let number = |place: usize| rows[place].1.small_number().unwrap_or(f64::NAN).to_bits();
                let rest = rest.iter().map(|place| number(*place as usize));
                let all: Vec<u64> = listed.iter().map(|x| x.to_bits()).chain(rest).collect();
                assert_eq!(all, places.clone().map(number).collect::<Vec<_>>(), "source {source}");
            }
            let one_by_one: Numbers = places.map(|place| rows[place].1).collect();
            assert_eq!(numbers.least(), one_by_one.least());
            assert_eq!(numbers.greatest(), one_by_one.greatest());
            let off = (numbers.sum() - one_by_one.sum()).abs();
            assert!(off <= numbers.slack(), "{off} is more than {}", numbers.slack());
            assert_eq!(numbers.mean().is_some(), one_by_one.mean().is_some());
            let off = (numbers.mean().unwrap_or(0.0) - one_by_one.mean().unwrap_or(0.0)).abs();
            assert!(off <= numbers.mean_slack(), "{off} is more than {}", numbers.mean_slack());
        }
    }

    #[test]
    fn what_came_between_and_what_went_is_as_if_it_had_always_been_so() {
        for seed in 0..300 {
            let dice = &mut fastrand::Rng::with_seed(seed);
            let mut symbols = Symbols::default();
            let mut rows: Vec<Row> = Vec::new();
            let mut rings = Rings::default();
            for _ in 0..dice.usize(1..8) {
                for _ in 0..dice.usize(0..200) {
                    let new = row(dice, &mut symbols);
                    rings.push(new.0.iter().copied(), |_| {});
                    rows.push(new);
                }
                for _ in 0..dice.usize(0..4) {
                    let (place, new) = (dice.usize(0..=rows.len()), row(dice, &mut symbols));
                    rings.part(place);
                    if place == rows.len() {
                        rings.push(new.0.iter().copied(), |_| {});
                    }
                    rows.insert(place, new);
                }
                // Some that the rings do not know yet may go as well.
                let gone: Vec<usize> = match dice.u32(0..3) {
                    0 => (0..dice.usize(0..rows.len() + 3)).collect(),
                    1 => (0..rows.len() + 3).filter(|_| dice.u32(0..9) == 0).collect(),
                    _ => Vec::new(),
                };
                if !gone.is_empty() {
                    rings.drop_rows(&gone);
                    let mut place = 0..;
                    rows.retain(|_| !gone.contains(&place.next().unwrap_or_default()));
                }
                while let Some(place) = rings.next_open() {
                    rings.note(place, rows[place].0.iter().copied());
                }
                check(&rings, &rows, dice);
                let all = |rings: &Rings| {
                    let value = |place: usize| rows[place].1;
                    (0..9)
                        .map(|source| rings.of(source).numbers(PROPERTY, &(7..rows.len()), value))
                        .collect::<Vec<_>>()
                };
                let before = all(&rings);
                (0..9).filter(|_| dice.bool()).collect::<Vec<_>>().into_iter().for_each(|source| {
                    rings.sum_up(source, PROPERTY, |place| rows[place].1);
                    rings.list(source, PROPERTY, |place| rows[place].1);
                });
                assert_eq!(all(&rings), before, "seed {seed}: to the bit");
                let mut stale = rings.stale.clone();
                stale.sort_unstable();
                assert!(stale.is_sorted_by(|a, b| a < b), "seed {seed}: {stale:?}, each once");
                if dice.bool() {
                    rings.next_stale();
                }
                check(&rings, &rows, dice);
            }
        }
    }
}
