//! Which numbers an aggregate passed with the events of one message: who compares it with none of them is not looked at.

use crate::profile::{Applied, Different, EventKind, Numbers, Packed, Row, TotalId};
use crate::segment::days::Days;
use crate::segment::evaluate::Evaluation;
use crate::segment::index::{Measure, OneKind, Thresholds};
use crate::segment::node::{AggregateOp, Filter, Node, NodeId};
use crate::segment::places::MASK_ROWS;
use crate::segment::totals::Before;
use smallvec::SmallVec;
use std::ops::Range;

/// The numbers from the first to the second one; both infinite, the wrong way round, for none.
pub(crate) type Crossed = (f64, f64);

pub(crate) const EVERYTHING: Crossed = (f64::NEG_INFINITY, f64::INFINITY);
const NOTHING: Crossed = (f64::INFINITY, f64::NEG_INFINITY);

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
            if thresholds.measure == Measure::Count {
                let came = match new {
                    // It belongs to the source, or nobody would ask.
                    [only] => usize::from(only.at() > after),
                    _ => self.each_own(one, (new, after, usize::MAX), |_| {}),
                };
                // Of more than enough nobody asks how many they are.
                let before = || self.each_own(one, (old, after, thresholds.enough), |_| {});
                return if came == 0 { NOTHING } else { reached(before(), came) };
            }
            let mut own = OwnRows::new();
            let came = match new {
                [only] => {
                    own.push(*only);
                    usize::from(only.at() > after)
                }
                _ => self.each_own(one, (new, after, usize::MAX), |row| own.push(row)),
            };
            if came == 0 {
                return NOTHING;
            }
            self.each_own(one, (old, after, usize::MAX), |row| own.push(row));
            let (new, old) = own.split_at(came);
            let numbers = || old.iter().rev().map(self.aggregated(thresholds)).collect();
            return self.crossed_by(thresholds, (old.iter().copied(), new), || old.len(), numbers);
        }
        let start = rows.partition_point(|row| row.at() <= after).min(added);
        let newest = |range| self.places(thresholds.source, range).rev().map(|place| rows[place]);
        let (old, new) = (start..added, added.max(start)..rows.len());
        let new: OwnRows = newest(new).collect();
        let count = || self.count(thresholds.source, old.clone());
        let numbers = || self.numbers(thresholds, &old);
        self.crossed_by(thresholds, (newest(old.clone()), &new), count, numbers)
    }

    /// What the numbers of an aggregate come to within a range of rows.
    fn numbers(&self, thresholds: &Thresholds, range: &Range<usize>) -> Numbers {
        let value = self.aggregated(thresholds);
        let value = |place: usize| value(&self.rows()[place]);
        match (self.own_ring(thresholds.source), thresholds.property) {
            (Some(ring), Some(property)) => ring.numbers(property, range, value),
            _ => self.places(thresholds.source, range.clone()).map(value).collect(),
        }
    }

    /// Calls `f` with the rows that belong to a source, and were after an instant, the newest first, but with no more than so
    /// many; gives how many they are. The rows are of its kind, oldest first.
    fn each_own(
        &self,
        source: &OneKind,
        (rows, after, most): (&[Row], i64, usize),
        mut f: impl FnMut(Row),
    ) -> usize {
        let value = |row| self.value_in(row, source.filtered);
        let mut count = 0;
        for row in rows.iter().rev().copied() {
            if row.at() <= after || count >= most {
                break;
            }
            let is_own = match source.filter {
                Filter::None => true,
                Filter::Text(_, text) => value(row) == text.packed(),
                Filter::Number(_, comparison, number) => self.test_number(comparison, value(row), number.0),
                Filter::Node(_) => self.meets(source.filter, self.view(row)),
            };
            if is_own {
                count += 1;
                f(row);
            }
        }
        count
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

    /// The value of a row that an aggregate is about.
    fn aggregated(&self, thresholds: &Thresholds) -> impl Fn(&Row) -> Packed {
        let known = thresholds.one_kind.map(|one| one.aggregated);
        let property = thresholds.property;
        let place = move |row: &Row| {
            let place = property.and_then(|property| self.plan.keep.place(row.kind(), property));
            place.and_then(|place| u8::try_from(place).ok())
        };
        move |row| self.value_in(*row, known.unwrap_or_else(|| place(row)))
    }

    /// The same, by the events that were there and those that came in, the newest first. Of those that were there it looks
    /// at no more than it needs; how many they are, and what their numbers come to, may be known in another way.
    fn crossed_by(
        &self,
        thresholds: &Thresholds,
        (mut old, new): (impl Iterator<Item = Row>, &[Row]),
        count: impl Fn() -> usize,
        numbers: impl FnOnce() -> Numbers,
    ) -> Crossed {
        let Thresholds { measure, op, .. } = *thresholds;
        let Some(first) = new.last() else { return NOTHING };
        let value = self.aggregated(thresholds);
        let is_counted = || self.rings.is_none() || self.own_ring(thresholds.source).is_some();
        match (measure, op) {
            (Measure::Count, _) => reached(count(), new.len()),
            (Measure::Age, _) => {
                let age = |row: &Row| (self.now - row.at()) as f64;
                old.next().map_or(EVERYTHING, |old| (age(first), age(&old)))
            }
            (_, AggregateOp::Count) => {
                let before = count();
                between(measure, Some(before as f64), Some((before + new.len()) as f64))
            }
            (_, AggregateOp::Distinct | AggregateOp::ActiveDays)
                if thresholds.fewest > new.len()
                    && is_counted()
                    && thresholds.fewest > count() + new.len() =>
            {
                NOTHING
            }
            (_, AggregateOp::Distinct) => {
                let known = |row: &Row| Some(value(row)).filter(|value| !value.is_missing());
                self.more_values(thresholds, old.filter_map(|row| known(&row)), new.iter().filter_map(known))
            }
            (_, AggregateOp::ActiveDays) => {
                let day = |row: &Row| self.day(row.at());
                let mut new: SmallVec<[i32; 4]> = new.iter().map(day).collect();
                new.sort_unstable();
                new.dedup();
                let mut days = Days::default();
                for row in old {
                    let day = day(&row);
                    if days.is_new(day) {
                        new.retain(|new| *new != day);
                    }
                    if new.is_empty() || days.len() > thresholds.enough {
                        return NOTHING;
                    }
                }
                let before = days.len();
                between(measure, Some(before as f64), Some((before + new.len()) as f64))
            }
            (_, op) => {
                let before = numbers();
                let (mut now, mut falls) = (before, false);
                for value in new.iter().rev().map(value) {
                    falls |= value.small_number().is_some_and(|x| x < 0.0);
                    now.add(value);
                }
                if !now.is_plain() || measure == Measure::Sum && falls {
                    return EVERYTHING;
                }
                let level = |numbers: &Numbers| match op {
                    AggregateOp::Sum => Some(numbers.sum()),
                    AggregateOp::Average => numbers.mean(),
                    AggregateOp::Least => numbers.least(),
                    _ => numbers.greatest(),
                };
                let slack = match op {
                    AggregateOp::Sum => now.slack(),
                    AggregateOp::Average => now.mean_slack(),
                    _ => 0.0,
                };
                let (from, to) = between(measure, level(&before), level(&now));
                (from - slack, to + slack)
            }
        }
    }

    /// The numbers between how many different values there were, the newest first, and how many there are with new ones.
    fn more_values(
        &self,
        thresholds: &Thresholds,
        old: impl Iterator<Item = Packed>,
        new: impl Iterator<Item = Packed>,
    ) -> Crossed {
        let mut known = Different::default();
        new.for_each(|value| {
            known.number(value, self.symbols);
        });
        // The new ones have the first numbers: those that were there already are taken off.
        let mut fresh: SmallVec<[bool; 16]> = SmallVec::from_elem(true, known.len());
        let mut more = known.len();
        for value in old {
            if more == 0 {
                break;
            }
            let number = known.number(value, self.symbols);
            if let Some(fresh) = fresh.get_mut(number) {
                more -= usize::from(std::mem::take(fresh));
            }
            if known.len() - more > thresholds.enough {
                return NOTHING;
            }
        }
        match more {
            0 => NOTHING,
            more => between(thresholds.measure, Some((known.len() - more) as f64), Some(known.len() as f64)),
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
