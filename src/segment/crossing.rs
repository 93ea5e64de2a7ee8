//! Which numbers an aggregate passed with the events of one message: who compares it with none of them is not looked at.

use crate::profile::{Packed, PropertyId, TotalId};
use crate::segment::evaluate::Evaluation;
use crate::segment::index::{self, Measure, Thresholds};
use crate::segment::node::{Aggregate, AggregateOp, Node, SourceId};
use crate::segment::places::{MASK_ROWS, Newest};
use crate::segment::totals::Before;
use smallvec::SmallVec;

/// The numbers from the first to the second one; both infinite, the wrong way round, for none.
pub(crate) type Crossed = (f64, f64);

pub(crate) const EVERYTHING: Crossed = (f64::NEG_INFINITY, f64::INFINITY);
const NOTHING: Crossed = (f64::INFINITY, f64::NEG_INFINITY);

/// Whole numbers below it are exact as floats, and so are their sums while they stay below it.
const EXACT: f64 = (1_u64 << 53) as f64;

impl Evaluation<'_> {
    /// The numbers between what a total was before a message and what it is.
    pub(crate) fn moved(&self, total: TotalId, measure: Measure, before: &Before) -> Crossed {
        let Some(before) = before.level(total) else { return NOTHING };
        let now = self.level(total);
        match measure {
            Measure::Age => {
                let age = |at: Option<f64>| at.map(|at| self.now as f64 - at);
                age(now).zip(age(before)).unwrap_or(EVERYTHING)
            }
            // Reached with these events, and not without them.
            Measure::Count => match (before, now) {
                (Some(before), Some(now)) => (before + 0.5, now),
                _ => EVERYTHING,
            },
            _ => between(measure, before, now),
        }
    }

    /// The numbers between what an aggregate was without the rows that came in, from `added` on, and what it is.
    pub(crate) fn crossed(&self, source: SourceId, thresholds: &Thresholds, added: usize) -> Crossed {
        let Node::Aggregate(aggregate) = self.plan.node(thresholds.aggregate) else { return NOTHING };
        let rows = self.rows();
        let after = match thresholds.reach {
            Some(ms) => self.now.saturating_sub(ms),
            None => {
                let start = self.span(&aggregate.window).rows.start;
                start.checked_sub(1).map_or(i64::MIN, |last| rows[last].at())
            }
        };
        if thresholds.measure == Measure::Count && rows.len() > MASK_ROWS {
            // Their number is known without going through them.
            let start = rows.partition_point(|row| row.at() <= after);
            let new = self.count(source, added.max(start)..rows.len());
            return if new == 0 {
                NOTHING
            } else {
                reached(self.count(source, start..added.max(start)), new)
            };
        }
        match self.newest(source, after, usize::MAX) {
            Newest::Few(ones) => {
                let [old, new] = ones.split_at(added);
                self.crossed_by(aggregate, thresholds.measure, (old.len(), old), (new.len(), new))
            }
            Newest::Many(places) => {
                let places: SmallVec<[usize; 16]> = places.collect();
                let (old, new) = places.split_at(places.partition_point(|place| *place < added));
                let (had, came) = (old.len(), new.len());
                let (old, new) = (old.iter().copied(), new.iter().copied());
                self.crossed_by(aggregate, thresholds.measure, (had, old), (came, new))
            }
        }
    }

    /// The same, by the number and the places of the events that were there and of those that came in, oldest first.
    fn crossed_by<P>(
        &self,
        aggregate: &Aggregate,
        measure: Measure,
        (had, mut old): (usize, P),
        (came, mut new): (usize, P),
    ) -> Crossed
    where
        P: DoubleEndedIterator<Item = usize> + Clone,
    {
        if came == 0 {
            return NOTHING;
        }
        match (measure, aggregate.op) {
            (Measure::Count, _) => return reached(had, came),
            (Measure::Age, _) => {
                let age = |place: usize| (self.now - self.rows()[place].at()) as f64;
                return old.next_back().zip(new.next()).map_or(EVERYTHING, |(old, new)| (age(new), age(old)));
            }
            (_, AggregateOp::Count) => return between(measure, Some(had as f64), Some((had + came) as f64)),
            _ => {}
        }
        let values = |places: &P| self.values_at(aggregate.property, places.clone());
        match aggregate.op {
            AggregateOp::Distinct => {
                let mut known: SmallVec<[Packed; 16]> = SmallVec::new();
                let mut level = |places: &P| {
                    for value in values(places).filter(|value| !value.is_missing()) {
                        if !known.iter().any(|known| self.symbols.same(*known, value)) {
                            known.push(value);
                        }
                    }
                    Some(known.len() as f64)
                };
                let before = level(&old);
                between(measure, before, level(&new))
            }
            AggregateOp::ActiveDays => {
                let before = index::measure(&self.fold(aggregate, old.clone()));
                let now = index::measure(&self.fold(aggregate, old.chain(new)));
                between(measure, before, now)
            }
            op => {
                let mut numbers = Numbers::default();
                values(&old).for_each(|value| numbers.add(value));
                let before = numbers.level(op);
                values(&new).for_each(|value| numbers.add(value));
                let falls = |value: Packed| value.small_number().is_some_and(|x| x < 0.0);
                if !numbers.is_plain || measure == Measure::Sum && values(&new).any(falls) {
                    return EVERYTHING;
                }
                between(measure, before, numbers.level(op))
            }
        }
    }

    /// What the events at places have in a property.
    fn values_at(
        &self,
        property: Option<PropertyId>,
        places: impl Iterator<Item = usize>,
    ) -> impl Iterator<Item = Packed> {
        let history = self.history;
        places.map(move |place| {
            let row = history.rows()[place];
            let column = property.and_then(|property| self.plan.keep.place(row.kind(), property));
            column.map_or(Packed::MISSING, |column| history.value(row, column))
        })
    }
}

/// The counts that are reached with so many new events, and not without them.
fn reached(before: usize, new: usize) -> Crossed {
    (before as f64 + 0.5, (before + new) as f64)
}

/// The numbers between two levels, either of which may be none: beside which every comparison is false.
fn between(measure: Measure, before: Option<f64>, now: Option<f64>) -> Crossed {
    match (before, now) {
        (None, None) => NOTHING,
        (Some(_), None) => EVERYTHING,
        (None, Some(now)) => match measure {
            Measure::Falling => (now, EVERYTHING.1),
            Measure::Average => EVERYTHING,
            _ => (EVERYTHING.0, now),
        },
        (Some(before), Some(now)) => (now.min(before), now.max(before)),
    }
}

/// What numbers come to, taken one by one, in the order and so to the bit of what [`Evaluation::fold`] makes of them.
struct Numbers {
    count: u32,
    sum: f64,
    least: f64,
    greatest: f64,
    /// Whether all that came were numbers that a float holds, or nothing that has a place among numbers.
    is_plain: bool,
}

impl Default for Numbers {
    fn default() -> Numbers {
        Numbers { count: 0, sum: 0.0, least: f64::INFINITY, greatest: f64::NEG_INFINITY, is_plain: true }
    }
}

impl Numbers {
    fn add(&mut self, value: Packed) {
        let Some(x) = value.small_number() else {
            self.is_plain &= !value.is_boxed() && !value.is_instant();
            return;
        };
        self.count += 1;
        self.sum += x;
        (self.least, self.greatest) = (self.least.min(x), self.greatest.max(x));
        // A sum of whole numbers is exact, however large.
        self.is_plain &= self.sum.abs() < EXACT;
    }

    fn level(&self, op: AggregateOp) -> Option<f64> {
        let some = (self.count > 0).then_some(());
        match op {
            AggregateOp::Sum => Some(self.sum),
            AggregateOp::Average => some.map(|()| self.sum / f64::from(self.count)),
            AggregateOp::Least => some.map(|()| self.least),
            _ => some.map(|()| self.greatest),
        }
    }
}
