//! Which of a user's kept events belong to a source.

use crate::profile::{EventKind, Packed, Row};
use crate::segment::evaluate::{Evaluation, EventView};
use crate::segment::node::{Filter, Kinds, SourceId};
use crate::segment::scratch::Scratch;
use crate::segment::window::Span;
use std::ops::Range;

/// Up to so many rows, those of a source are the bits of one word, worked out once for all that ask.
pub(crate) const MASK_ROWS: usize = Mask::BITS as usize;

/// Rows of a history, a bit for each.
pub(crate) type Mask = u128;

/// The places of bits that are set, in order.
#[derive(Debug, Clone)]
pub(crate) struct Ones(Mask);

impl Iterator for Ones {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let place = (self.0 != 0).then(|| self.0.trailing_zeros() as usize)?;
        self.0 &= self.0 - 1;
        Some(place)
    }
}

impl DoubleEndedIterator for Ones {
    fn next_back(&mut self) -> Option<usize> {
        let place = self.0.checked_ilog2()?;
        self.0 &= !(1 << place);
        Some(place as usize)
    }
}

/// The places of a source's events within a range of rows, oldest first.
#[derive(Debug, Clone)]
pub(crate) struct Places<'e, 'a> {
    evaluation: &'e Evaluation<'a>,
    source: SourceId,
    rest: Rest<'e>,
}

#[derive(Debug, Clone)]
enum Rest<'e> {
    Mask(Ones),
    Ring(&'e [u32]),
    Scan(Range<usize>),
}

impl Iterator for Places<'_, '_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        loop {
            let place = match &mut self.rest {
                Rest::Mask(ones) => ones.next()?,
                Rest::Ring(ring) => {
                    let (first, rest) = ring.split_first()?;
                    *ring = rest;
                    *first as usize
                }
                Rest::Scan(range) => {
                    let place = range.next()?;
                    if !self.evaluation.belongs(self.source, place) {
                        continue;
                    }
                    place
                }
            };
            let all = self.evaluation.part.is_none();
            if all || self.evaluation.is_of_part(self.evaluation.view_at(place)) {
                return Some(place);
            }
        }
    }
}

impl DoubleEndedIterator for Places<'_, '_> {
    fn next_back(&mut self) -> Option<usize> {
        loop {
            let place = match &mut self.rest {
                Rest::Mask(ones) => ones.next_back()?,
                Rest::Ring(ring) => {
                    let (last, rest) = ring.split_last()?;
                    *ring = rest;
                    *last as usize
                }
                Rest::Scan(range) => {
                    let place = range.next_back()?;
                    if !self.evaluation.belongs(self.source, place) {
                        continue;
                    }
                    place
                }
            };
            let all = self.evaluation.part.is_none();
            if all || self.evaluation.is_of_part(self.evaluation.view_at(place)) {
                return Some(place);
            }
        }
    }
}

/// The places of a source's events, the newest first.
#[derive(Debug)]
pub(crate) enum Newest<'e, 'a> {
    Few(Ones),
    Many(Places<'e, 'a>),
}

impl Iterator for Newest<'_, '_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        match self {
            Newest::Few(ones) => ones.next_back(),
            Newest::Many(places) => places.next_back(),
        }
    }
}

/// The newest of few rows that are of a kind, after an instant and asked for, but no more than so many.
fn find(rows: &[Row], kind: EventKind, (after, most): (i64, usize), is_in: impl Fn(Row) -> bool) -> Mask {
    let (mut mask, mut found) = (0, 0);
    for (place, row) in rows.iter().enumerate().rev() {
        if row.at() <= after {
            break;
        }
        if row.kind() == kind && is_in(*row) {
            mask |= 1 << place;
            found += 1;
            if found >= most {
                break;
            }
        }
    }
    mask
}

impl<'a> Evaluation<'a> {
    /// Whether the row at a place belongs to a source, whatever the part.
    fn belongs(&self, source: SourceId, place: usize) -> bool {
        let (source, event) = (self.plan.source(source), self.view_at(place));
        source.kinds.contains(event.kind, &self.plan.keep) && self.meets(source.filter, event)
    }

    pub(crate) fn view_at(&self, place: usize) -> EventView<'a> {
        self.view(self.rows()[place])
    }

    /// The places of the events of a source, and of the part, within a range of rows.
    pub(crate) fn places(&self, source: SourceId, range: Range<usize>) -> Places<'_, 'a> {
        let rest = match self.mask(source) {
            Some(mask) => Rest::Mask(Ones(mask & bits(&range))),
            None => match self.rings {
                Some(rings) if self.plan.index.is_fixed(source) => {
                    Rest::Ring(within(rings.of(source.0), &range))
                }
                _ => Rest::Scan(range),
            },
        };
        Places { evaluation: self, source, rest }
    }

    /// The rows of a source, whatever the part, as bits; where there are not too many of them.
    fn mask(&self, source: SourceId) -> Option<Mask> {
        let scratch = self.few_rows()?;
        let work_out = || match &self.plan.source(source).kinds {
            Kinds::These(kinds) => {
                let of_kind = |kind| self.newest_of(source, kind, (i64::MIN, usize::MAX));
                kinds.iter().fold(0, |mask, kind| mask | of_kind(*kind))
            }
            Kinds::Any => {
                let all = (0..self.rows().len()).filter(|place| self.belongs(source, *place));
                all.fold(0, |mask, place| mask | 1 << place)
            }
        };
        Some(scratch.mask(source, work_out))
    }

    /// The scratch, where the rows are so few that they are bits.
    fn few_rows(&self) -> Option<&'a Scratch> {
        self.scratch.filter(|_| self.rows().len() <= MASK_ROWS)
    }

    /// The places of the events of a source, and of the part, that were after an instant, the newest first. Whoever needs
    /// no more than so many says so, and may get more. Most windows reach back to few rows.
    pub(crate) fn newest(&self, source: SourceId, after: i64, most: usize) -> Newest<'_, 'a> {
        match (&self.plan.source(source).kinds, self.few_rows()) {
            (Kinds::These(kinds), Some(_)) if kinds.len() == 1 && self.part.is_none() => {
                Newest::Few(Ones(self.newest_of(source, kinds[0], (after, most))))
            }
            _ => {
                let start = self.rows().partition_point(|row| row.at() <= after);
                Newest::Many(self.places(source, start..self.rows().len()))
            }
        }
    }

    /// The same of those of one kind, whatever the part, where rows are few; `which` are the instant and the number.
    fn newest_of(&self, source: SourceId, kind: EventKind, which: (i64, usize)) -> Mask {
        let history = self.history;
        let rows = history.rows();
        let value = |row: Row, column: Option<usize>| {
            column.map_or(Packed::MISSING, |column| history.value(row, column))
        };
        match self.plan.source(source).filter {
            Filter::None => find(rows, kind, which, |_| true),
            Filter::Text(property, text) => {
                let (column, text) = (self.plan.keep.place(kind, property), text.packed());
                find(rows, kind, which, |row| value(row, column) == text)
            }
            Filter::Number(property, comparison, number) => {
                let column = self.plan.keep.place(kind, property);
                find(rows, kind, which, |row| self.test_number(comparison, value(row, column), number.0))
            }
            filter @ Filter::Node(_) => find(rows, kind, which, |row| self.meets(filter, self.view(row))),
        }
    }

    /// How many events of a source lie within a range of rows.
    pub(crate) fn count(&self, source: SourceId, range: Range<usize>) -> usize {
        let places = self.places(source, range);
        match (&places.rest, self.part) {
            (Rest::Mask(Ones(mask)), None) => mask.count_ones() as usize,
            (Rest::Ring(ring), None) => ring.len(),
            _ => places.count(),
        }
    }

    /// The events of a source within a span, oldest first.
    pub(crate) fn events_in(
        &self,
        source: SourceId,
        span: &Span,
    ) -> impl DoubleEndedIterator<Item = EventView<'a>> + Clone {
        self.places(source, span.rows.clone()).map(|place| self.view_at(place))
    }
}

/// The bits of a range.
fn bits(range: &Range<usize>) -> Mask {
    BELOW[range.end.min(MASK_ROWS)] & !BELOW[range.start.min(MASK_ROWS)]
}

/// The bits below each place: shifts of so many bits cost more.
static BELOW: [Mask; MASK_ROWS + 1] = {
    let mut below = [Mask::MAX; MASK_ROWS + 1];
    let mut place = 0;
    while place < MASK_ROWS {
        below[place] = (1 << place) - 1;
        place += 1;
    }
    below
};

/// The part of a ring that lies in a range.
fn within<'r>(ring: &'r [u32], range: &Range<usize>) -> &'r [u32] {
    let start = ring.partition_point(|place| (*place as usize) < range.start);
    let end = ring.partition_point(|place| (*place as usize) < range.end);
    &ring[start..end]
}
