//! Which of a user's kept events belong to a source.

use crate::profile::{Packed, Ring, Row, own_range};
use crate::segment::evaluate::{Evaluation, EventView};
use crate::segment::node::{Filter, Kinds, SourceId};
use crate::segment::scratch::Scratch;
use crate::segment::window::Span;
use std::borrow::Cow;
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
    /// Of the part, whatever the source.
    Part(&'e [u32]),
    Scan(Range<usize>),
}

impl Rest<'_> {
    fn next(&mut self) -> Option<usize> {
        match self {
            Rest::Mask(ones) => ones.next(),
            Rest::Ring(places) | Rest::Part(places) => places.split_off_first().map(|place| *place as usize),
            Rest::Scan(range) => range.next(),
        }
    }

    fn next_back(&mut self) -> Option<usize> {
        match self {
            Rest::Mask(ones) => ones.next_back(),
            Rest::Ring(places) | Rest::Part(places) => places.split_off_last().map(|place| *place as usize),
            Rest::Scan(range) => range.next_back(),
        }
    }
}

impl Places<'_, '_> {
    /// Whether what lies at a place is of the source and of the part, as far as the rest does not say so.
    fn is_own(&self, place: usize) -> bool {
        let Places { evaluation, source, rest } = self;
        let is_of_part = || evaluation.part.is_none() || evaluation.is_of_part(evaluation.view_at(place));
        match rest {
            Rest::Mask(_) | Rest::Ring(_) => is_of_part(),
            Rest::Part(_) => evaluation.belongs(*source, place),
            Rest::Scan(_) => evaluation.belongs(*source, place) && is_of_part(),
        }
    }
}

impl Iterator for Places<'_, '_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        loop {
            let place = self.rest.next()?;
            if self.is_own(place) {
                return Some(place);
            }
        }
    }
}

impl DoubleEndedIterator for Places<'_, '_> {
    fn next_back(&mut self) -> Option<usize> {
        loop {
            let place = self.rest.next_back()?;
            if self.is_own(place) {
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

/// The rows of a source from a place on, as bits; of those before nothing is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    pub(crate) from: usize,
    pub(crate) mask: Mask,
}

impl Known {
    /// Goes back to an instant, or until so many are known; `is_in` chooses.
    fn back(mut self, rows: &[Row], (after, most): (i64, usize), is_in: impl Fn(Row) -> bool) -> Known {
        let mut found = self.mask.count_ones() as usize;
        while found < most
            && let Some(place) = self.from.checked_sub(1)
            && rows[place].at() > after
        {
            self.from = place;
            if is_in(rows[place]) {
                self.mask |= 1 << place;
                found += 1;
            }
        }
        self
    }
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
        if let Some(places) = self.own {
            return Places { evaluation: self, source, rest: Rest::Part(&places[own_range(places, &range)]) };
        }
        let rest = match self.mask(source) {
            Some(mask) => Rest::Mask(Ones(mask & bits(&range))),
            None => match self.ring(source) {
                Some(ring) => Rest::Ring(ring.within(&range)),
                None => Rest::Scan(range),
            },
        };
        Places { evaluation: self, source, rest }
    }

    /// The rows of a source, whatever the part, where the history is long.
    pub(crate) fn ring(&self, source: SourceId) -> Option<&'a Ring> {
        self.rings.filter(|_| self.plan.index.is_fixed(source)).map(|rings| rings.of(source.0))
    }

    /// The same, where no part is looked at: the events themselves.
    pub(crate) fn own_ring(&self, source: SourceId) -> Option<&'a Ring> {
        self.ring(source).filter(|_| self.part.is_none())
    }

    /// The rows of a source, whatever the part, as bits; where there are not too many of them, and the part does not say
    /// which they are.
    fn mask(&self, source: SourceId) -> Option<Mask> {
        let scratch = self.few_rows()?;
        let is_of_all = self.part.is_none() || !self.plan.index.is_by_part(source);
        is_of_all.then(|| self.newest_of(scratch, source, i64::MIN, usize::MAX))
    }

    /// The scratch, where the rows are so few that they are bits.
    fn few_rows(&self) -> Option<&'a Scratch> {
        self.scratch.filter(|_| self.rows().len() <= MASK_ROWS)
    }

    /// The places of the events of a source, and of the part, that were after an instant, the newest first. Whoever needs
    /// no more than so many says so, and may get more.
    pub(crate) fn newest(&self, source: SourceId, after: i64, most: usize) -> Newest<'_, 'a> {
        match self.few_rows() {
            Some(scratch) if self.part.is_none() => {
                Newest::Few(Ones(self.newest_of(scratch, source, after, most)))
            }
            _ => {
                let start = self.rows().partition_point(|row| row.at() <= after);
                Newest::Many(self.places(source, start..self.rows().len()))
            }
        }
    }

    /// The same as bits, whatever the part. Most windows reach back to few rows, and many may look at one source: each goes
    /// on where the one before it ended.
    fn newest_of(&self, scratch: &Scratch, source: SourceId, after: i64, most: usize) -> Mask {
        let rows = self.rows();
        let mut known = scratch.known(source).unwrap_or(Known { from: rows.len(), mask: 0 });
        if known.from > 0 && rows[known.from - 1].at() > after {
            known = self.look_back(source, known, (after, most));
            scratch.set_known(source, known);
        }
        let first = known.mask.trailing_zeros() as usize;
        if rows.get(first).is_none_or(|row| row.at() > after) {
            return known.mask;
        }
        known.mask & !BELOW[first + rows[first..].partition_point(|row| row.at() <= after)]
    }

    fn look_back(&self, source: SourceId, known: Known, which: (i64, usize)) -> Known {
        let (history, keep) = (self.history, &self.plan.keep);
        let (rows, own) = (history.rows(), self.plan.source(source));
        let kind = match &own.kinds {
            Kinds::These(kinds) if kinds.len() == 1 => kinds[0],
            kinds => {
                let is_in =
                    |row: Row| kinds.contains(row.kind(), keep) && self.meets(own.filter, self.view(row));
                return known.back(rows, which, is_in);
            }
        };
        let value = |row: Row, column: Option<usize>| {
            column.map_or(Packed::MISSING, |column| history.value(row, column))
        };
        match own.filter {
            Filter::None => known.back(rows, which, |row| row.kind() == kind),
            Filter::Text(property, text) => {
                let (column, text) = (keep.place(kind, property), text.packed());
                known.back(rows, which, |row| row.kind() == kind && value(row, column) == text)
            }
            Filter::Number(property, comparison, number) => {
                let column = keep.place(kind, property);
                let is_so = |row: Row| self.test_number(comparison, value(row, column), number.0);
                known.back(rows, which, |row| row.kind() == kind && is_so(row))
            }
            filter @ Filter::Node(_) => {
                known.back(rows, which, |row| row.kind() == kind && self.meets(filter, self.view(row)))
            }
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

    /// The places of a source's events, and of the part, within a range of rows, as a list.
    pub(crate) fn listed(&self, source: SourceId, range: Range<usize>) -> Cow<'_, [u32]> {
        let places = self.places(source, range);
        match (&places.rest, self.part) {
            (Rest::Ring(ring), None) => Cow::Borrowed(ring),
            _ => places.map(|place| place as u32).collect(),
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
