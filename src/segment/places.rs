//! Which of a user's kept events belong to a source.

use crate::profile::{EventKind, Packed, PropertyId};
use crate::segment::evaluate::{Evaluation, EventView};
use crate::segment::node::{Filter, Kinds, SourceId};
use crate::segment::scratch::Scratch;
use crate::segment::window::Span;
use std::ops::Range;

/// Up to so many rows, those of a source are the bits of one word, worked out once for all that ask.
pub(crate) const MASK_ROWS: usize = Mask::BITS as usize;

/// Rows of a history, a bit for each.
pub(crate) type Mask = u128;

/// The places of a source's events within a range of rows, oldest first.
#[derive(Debug, Clone)]
pub(crate) struct Places<'e, 'a> {
    evaluation: &'e Evaluation<'a>,
    source: SourceId,
    rest: Rest<'e>,
}

#[derive(Debug, Clone)]
enum Rest<'e> {
    Mask(Mask),
    Ring(&'e [u32]),
    Scan(Range<usize>),
}

impl Iterator for Places<'_, '_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        loop {
            let place = match &mut self.rest {
                Rest::Mask(0) => return None,
                Rest::Mask(mask) => {
                    let place = mask.trailing_zeros();
                    *mask &= *mask - 1;
                    place as usize
                }
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
                Rest::Mask(0) => return None,
                Rest::Mask(mask) => {
                    let place = Mask::BITS - 1 - mask.leading_zeros();
                    *mask &= !(1 << place);
                    place as usize
                }
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
            Some(mask) => Rest::Mask(mask & bits(&range)),
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
    pub(crate) fn mask(&self, source: SourceId) -> Option<Mask> {
        let scratch = self.scratch.filter(|_| self.rows().len() <= MASK_ROWS)?;
        Some(scratch.mask(source, || self.work_out(source, scratch)))
    }

    fn work_out(&self, source: SourceId, scratch: &Scratch) -> Mask {
        let rows = self.rows();
        let own = self.plan.source(source);
        match (&own.kinds, own.filter) {
            (Kinds::These(kinds), Filter::None) => {
                kinds.iter().fold(0, |mask, kind| mask | scratch.kind(*kind, rows))
            }
            // One kind, and a property beside a constant: where the property lies is the same in all rows.
            (Kinds::These(kinds), Filter::Text(property, text)) if kinds.len() == 1 => {
                let wanted = text.packed();
                self.keep_those(scratch.kind(kinds[0], rows), kinds[0], property, |value| value == wanted)
            }
            (Kinds::These(kinds), Filter::Number(property, comparison, number)) if kinds.len() == 1 => {
                let holds = |value| self.test_number(comparison, value, number.0);
                self.keep_those(scratch.kind(kinds[0], rows), kinds[0], property, holds)
            }
            (Kinds::These(kinds), _) => {
                let all = kinds.iter().fold(0, |mask, kind| mask | scratch.kind(*kind, rows));
                keep_bits(all, |place| self.belongs(source, place))
            }
            (Kinds::Any, _) => keep_bits(bits(&(0..rows.len())), |place| self.belongs(source, place)),
        }
    }

    /// Those of some rows of one kind whose property has a value of a sort.
    fn keep_those(
        &self,
        all: Mask,
        kind: EventKind,
        property: PropertyId,
        holds: impl Fn(Packed) -> bool,
    ) -> Mask {
        let history = &self.profile.history;
        match self.plan.keep.place(kind, property) {
            Some(place) => keep_bits(all, |row| holds(history.value(history.rows()[row], place))),
            None if holds(Packed::MISSING) => all,
            None => 0,
        }
    }

    /// How many events of a source lie within a range of rows.
    pub(crate) fn count(&self, source: SourceId, range: Range<usize>) -> usize {
        let places = self.places(source, range);
        match (&places.rest, self.part) {
            (Rest::Mask(mask), None) => mask.count_ones() as usize,
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

fn keep_bits(mut rest: Mask, keeps: impl Fn(usize) -> bool) -> Mask {
    let mut mask = 0;
    while rest != 0 {
        let place = rest.trailing_zeros();
        rest &= rest - 1;
        mask |= Mask::from(keeps(place as usize)) << place;
    }
    mask
}

/// The bits of a range.
pub(crate) fn bits(range: &Range<usize>) -> Mask {
    let below = |end: usize| if end >= MASK_ROWS { Mask::MAX } else { (1 << end) - 1 };
    below(range.end) & !below(range.start)
}

/// The part of a ring that lies in a range.
fn within<'r>(ring: &'r [u32], range: &Range<usize>) -> &'r [u32] {
    let start = ring.partition_point(|place| (*place as usize) < range.start);
    let end = ring.partition_point(|place| (*place as usize) < range.end);
    &ring[start..end]
}
