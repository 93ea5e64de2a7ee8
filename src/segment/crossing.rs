//! Which numbers an aggregate passed with the events of one message: who compares it with none of them is not looked at.

use crate::profile::{Applied, EventKind, Packed, Row, TotalId};
use crate::segment::evaluate::Evaluation;
use crate::segment::index::{Measure, OneKind, Thresholds};
use crate::segment::node::{AggregateOp, Filter, Node, NodeId};
use crate::segment::places::MASK_ROWS;
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

    /// The rows that came in with a message, and those of their kinds that were there; nothing where it was late, or there
    /// are so many that looking through them all is no way.
    pub(crate) fn gather(&self, applied: &Applied, added: usize) -> Gathered {
        let mut gathered = Gathered::default();
        if self.rows().len() > MASK_ROWS {
            return gathered;
        }
        let (old, new) = self.rows().split_at(added);
        for (kind, _) in &applied.events {
            if gathered.of(*kind).is_some() {
                continue;
            }
            let is_of_kind = |row: &&Row| row.kind() == *kind;
            let start = gathered.rows.len();
            gathered.rows.extend(old.iter().filter(is_of_kind).copied());
            let split = gathered.rows.len();
            gathered.rows.extend(new.iter().filter(is_of_kind).copied());
            gathered.kinds.push((*kind, [start, split, gathered.rows.len()]));
        }
        gathered
    }

    /// The numbers between what an aggregate was without the rows that came in, from `added` on, and what it is.
    pub(crate) fn crossed(&self, thresholds: &Thresholds, added: usize, gathered: &Gathered) -> Crossed {
        let rows = self.rows();
        let after = match thresholds.reach {
            Some(ms) => self.now.saturating_sub(ms),
            None => self.calendar_start(thresholds.aggregate),
        };
        if let Some(one) = &thresholds.one_kind
            && let Some([old, new]) = gathered.of(one.kind)
        {
            let mut own = OwnRows::new();
            match new {
                // It belongs to the source, or nobody would ask.
                [only] => own.extend((only.at() > after).then_some(*only)),
                _ => self.newest_own(one, (new, after, usize::MAX), &mut own),
            }
            let came = own.len();
            if came > 0 {
                // Of more than enough nobody asks how many they are.
                let is_count = thresholds.measure == Measure::Count;
                let most = if is_count { thresholds.enough } else { usize::MAX };
                self.newest_own(one, (old, after, most), &mut own);
            }
            let (new, old) = own.split_at(came);
            return self.crossed_by(thresholds, old, new);
        }
        let start = rows.partition_point(|row| row.at() <= after).min(added);
        let new = added.max(start)..rows.len();
        if thresholds.measure == Measure::Count {
            // In long histories their number is known without going through them.
            let came = self.count(thresholds.source, new);
            return if came == 0 {
                NOTHING
            } else {
                reached(self.count(thresholds.source, start..added), came)
            };
        }
        let own = |range| self.places(thresholds.source, range).rev().map(|place| rows[place]).collect();
        let [old, new]: [OwnRows; 2] = [start..added, new].map(own);
        self.crossed_by(thresholds, &old, &new)
    }

    /// Puts the rows that belong to a source, and were after an instant, into a list, the newest first, but no more than so
    /// many. They are of its kind, oldest first.
    fn newest_own(&self, source: &OneKind, (rows, after, most): (&[Row], i64, usize), own: &mut OwnRows) {
        let value = |row| self.value_in(row, source.filtered);
        let before = own.len();
        for row in rows.iter().rev().copied() {
            if row.at() <= after || own.len() - before >= most {
                break;
            }
            let is_own = match source.filter {
                Filter::None => true,
                Filter::Text(_, text) => value(row) == text.packed(),
                Filter::Number(_, comparison, number) => self.test_number(comparison, value(row), number.0),
                Filter::Node(_) => self.meets(source.filter, self.view(row)),
            };
            if is_own {
                own.push(row);
            }
        }
    }

    /// The instant after which the events of an aggregate's window are that does not slide.
    fn calendar_start(&self, aggregate: NodeId) -> i64 {
        let Node::Aggregate(aggregate) = self.plan.node(aggregate) else { return i64::MIN };
        let start = self.span(&aggregate.window).rows.start;
        start.checked_sub(1).map_or(i64::MIN, |last| self.rows()[last].at())
    }

    fn value_in(&self, row: Row, column: Option<u8>) -> Packed {
        column.map_or(Packed::MISSING, |column| self.history.value(row, column.into()))
    }

    /// The same, by the events that were there and those that came in, the newest first.
    fn crossed_by(&self, thresholds: &Thresholds, old: &[Row], new: &[Row]) -> Crossed {
        let Thresholds { measure, op, property, .. } = *thresholds;
        let Some(first) = new.last() else { return NOTHING };
        let place = |row: &Row| {
            let place = property.and_then(|property| self.plan.keep.place(row.kind(), property));
            place.and_then(|place| u8::try_from(place).ok())
        };
        let known = thresholds.one_kind.map(|one| one.aggregated);
        let value = |row: &Row| self.value_in(*row, known.unwrap_or_else(|| place(row)));
        match (measure, op) {
            (Measure::Count, _) => reached(old.len(), new.len()),
            (Measure::Age, _) => {
                let age = |row: &Row| (self.now - row.at()) as f64;
                old.first().map_or(EVERYTHING, |old| (age(first), age(old)))
            }
            (_, AggregateOp::Count) => {
                between(measure, Some(old.len() as f64), Some((old.len() + new.len()) as f64))
            }
            (_, AggregateOp::Distinct) => {
                let mut known: SmallVec<[Packed; 16]> = SmallVec::new();
                let mut level = |rows: &[Row]| {
                    for value in rows.iter().map(value).filter(|value| !value.is_missing()) {
                        if !known.iter().any(|known| self.symbols.same(*known, value)) {
                            known.push(value);
                        }
                    }
                    Some(known.len() as f64)
                };
                let before = level(old);
                between(measure, before, level(new))
            }
            (_, AggregateOp::ActiveDays) => {
                let before = self.days(old.iter().copied()) as f64;
                let now = self.days(old.iter().chain(new).copied()) as f64;
                between(measure, Some(before), Some(now))
            }
            (_, op) => {
                let mut numbers = Numbers::default();
                old.iter().rev().for_each(|row| numbers.add(value(row)));
                let before = numbers.level(op);
                let mut falls = false;
                for value in new.iter().rev().map(value) {
                    falls |= value.small_number().is_some_and(|x| x < 0.0);
                    numbers.add(value);
                }
                if !numbers.is_plain || measure == Measure::Sum && falls {
                    return EVERYTHING;
                }
                between(measure, before, numbers.level(op))
            }
        }
    }
}

/// Rows of a source.
type OwnRows = SmallVec<[Row; 16]>;

/// Rows of some kinds, by kind, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// Where those of each kind begin, where those that came in do, and where they end.
    kinds: SmallVec<[(EventKind, [usize; 3]); 2]>,
    rows: SmallVec<[Row; 32]>,
}

impl Gathered {
    /// Those that were there, and those that came in.
    fn of(&self, kind: EventKind) -> Option<[&[Row]; 2]> {
        let (_, [start, split, end]) = self.kinds.iter().find(|(own, _)| *own == kind)?;
        Some([&self.rows[*start..*split], &self.rows[*split..*end]])
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
