//! What aggregates over numbers come to in long histories, as far as the blocks and lists of a ring know it.

use crate::profile::{Numbers, PropertyId, Ring, compare_int_float};
use crate::segment::aggregate::{deviation, rank_order};
use crate::segment::ast::Comparison;
use crate::segment::evaluate::Evaluation;
use crate::segment::node::{Aggregate, AggregateOp};
use crate::segment::value::Val;
use std::cmp::Ordering;
use std::ops::Range;

/// A sum, a mean, a least or a greatest value over events of a long history, all of which have numbers or nothing
/// that has a place among numbers.
#[derive(Debug)]
pub(crate) struct Summed<'e, 'a> {
    evaluation: &'e Evaluation<'a>,
    op: AggregateOp,
    property: PropertyId,
    ring: &'a Ring,
    rows: Range<usize>,
    /// Of all events.
    pub(crate) numbers: Numbers,
}

impl<'e, 'a> Summed<'e, 'a> {
    pub(crate) fn new(
        evaluation: &'e Evaluation<'a>,
        aggregate: &Aggregate,
        rows: Range<usize>,
    ) -> Option<Summed<'e, 'a>> {
        let Aggregate { op, property, source, total, .. } = *aggregate;
        // Of what a running value knows, events need not be there.
        let property = property.filter(|_| op.is_of_numbers() && total.is_none())?;
        let ring = evaluation.own_ring(source)?;
        let numbers = ring.numbers(property, &rows, |place| evaluation.value_at(place, property));
        let summed = Summed { evaluation, op, property, ring, rows, numbers };
        numbers.is_plain().then_some(summed)
    }

    /// What it is over all events, where that is known to the bit.
    pub(crate) fn value(&self) -> Option<Val<'static>> {
        let numbers = &self.numbers;
        let whole = |x: f64| Val::Int(x as i64);
        // Of a whole number it is not known whether an event has it as a float.
        let is_broken = |x: f64| x.fract() != 0.0;
        match self.op {
            AggregateOp::Average if numbers.is_exact() => {
                Some(numbers.mean().map_or(Val::Missing, Val::float))
            }
            AggregateOp::Least if numbers.least().is_some_and(is_broken) => numbers.least().map(Val::float),
            AggregateOp::Greatest if numbers.greatest().is_some_and(is_broken) => {
                numbers.greatest().map(Val::float)
            }
            _ if !numbers.is_integer() => None,
            AggregateOp::Sum if numbers.is_exact() => Some(whole(numbers.sum())),
            AggregateOp::Least => Some(numbers.least().map_or(Val::Missing, whole)),
            AggregateOp::Greatest => Some(numbers.greatest().map_or(Val::Missing, whole)),
            _ => None,
        }
    }

    /// Whether it compares over the events from a row on, where that follows from what is known: it lies between two numbers,
    /// and both are on one side.
    pub(crate) fn compares(&self, from: usize, comparison: Comparison, constant: &Val<'_>) -> Option<bool> {
        let value = |place| self.evaluation.value_at(place, self.property);
        let numbers = match from == self.rows.start {
            true => self.numbers,
            false => self.ring.numbers(self.property, &(from..self.rows.end), value),
        };
        let (level, slack) = self.level(&numbers);
        let symbols = self.evaluation.symbols;
        let Some(level) = level else { return Some(Val::Missing.compare(comparison, constant, symbols)) };
        if slack == 0.0 {
            return Some(Val::float(level).compare(comparison, constant, symbols));
        }
        let [low, high] = [level - slack, level + slack].map(|x| Val::float(x).order(constant, symbols));
        let side = low.filter(|low| *low != Ordering::Equal && high == Some(*low))?;
        Some(comparison.holds(side))
    }

    /// What some numbers come to, and how far that may be off.
    fn level(&self, numbers: &Numbers) -> (Option<f64>, f64) {
        match self.op {
            AggregateOp::Sum => (Some(numbers.sum()), numbers.slack()),
            AggregateOp::Average => (numbers.mean(), numbers.mean_slack()),
            AggregateOp::Least => (numbers.least(), 0.0),
            _ => (numbers.greatest(), 0.0),
        }
    }

    /// Between which numbers it lies over all events; of nothing there may be none.
    pub(super) fn nearly(&self) -> Option<(f64, f64)> {
        let (level, slack) = self.level(&self.numbers);
        level.map(|level| (level - slack, level + slack))
    }

    /// Without the first and the last places whose events have no number.
    pub(crate) fn trim(&self, places: &'a [u32]) -> &'a [u32] {
        let is_number =
            |place: &u32| self.evaluation.value_at(*place as usize, self.property).small_number().is_some();
        let start = places.iter().position(is_number).unwrap_or(places.len());
        let end = places.iter().rposition(is_number).map_or(start, |last| last + 1);
        &places[start..end]
    }
}

impl Evaluation<'_> {
    /// Whether a percentile or a deviation compares over a range of rows, where the numbers of a long history are listed.
    pub(super) fn compare_of_each(
        &self,
        aggregate: &Aggregate,
        rows: &Range<usize>,
        comparison: Comparison,
        constant: &Val<'_>,
    ) -> Option<bool> {
        let Aggregate { op, source, property, .. } = *aggregate;
        if !op.is_of_each() {
            return None;
        }
        let property = property?;
        let (listed, rest) = self.own_ring(source)?.listed(property, rows)?;
        let value = |place: &u32| self.value_at(*place as usize, property);
        if rest.iter().any(|place| value(place).is_boxed()) {
            return None;
        }
        let rest = || rest.iter().filter_map(|place| value(place).small_number());
        match op {
            AggregateOp::Percentile(percent) => {
                let number = match constant {
                    Val::Int(n) => Some(*n as f64).filter(|x| compare_int_float(*n, *x).is_eq()),
                    other => other.number(),
                }?;
                let below = count(listed, rest(), |x| x < number);
                let equal = count(listed, rest(), |x| x == number);
                let all = count(listed, rest(), |x| !x.is_nan());
                Some(match rank_order(percent.0, [below, equal, all]) {
                    Some(order) => comparison.holds(order),
                    None => Val::Missing.compare(comparison, constant, self.symbols),
                })
            }
            _ => {
                let numbers = || listed.iter().copied().filter(|x| !x.is_nan()).chain(rest());
                Some(deviation(numbers).compare(comparison, constant, self.symbols))
            }
        }
    }
}

/// How many of some numbers are so. Without a branch, because nobody can foretell it.
fn count(listed: &[f64], rest: impl Iterator<Item = f64>, is_so: impl Fn(f64) -> bool) -> usize {
    let one = |x: f64| u64::from(is_so(x));
    (listed.iter().map(|x| one(*x)).sum::<u64>() + rest.map(one).sum::<u64>()) as usize
}
