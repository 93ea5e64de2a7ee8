//! Comparisons of what is calculated with aggregates over long histories, as far as it is enough to know nearly what they
//! come to.

use crate::segment::ast::{Comparison, Operator};
use crate::segment::evaluate::{Evaluation, Truth};
use crate::segment::node::{Aggregate, AggregateOp, Node, NodeId};
use crate::segment::summed::Summed;
use crate::segment::value::{NEVER, Val};
use std::cmp::Ordering;

/// A number that lies between two others, until an instant. What is calculated with it as the language does lies between what
/// the same makes of its ends: rounding keeps the order.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    low: f64,
    high: f64,
    until: i64,
}

impl Bounds {
    fn exact(x: f64) -> Bounds {
        Bounds { low: x, high: x, until: NEVER }
    }

    /// Widened by a rounding: integers are not rounded, these are.
    fn around(ends: [f64; 4], until: i64) -> Option<Bounds> {
        let low = ends.into_iter().fold(f64::INFINITY, f64::min).next_down();
        let high = ends.into_iter().fold(f64::NEG_INFINITY, f64::max).next_up();
        let is_sure = ends.iter().all(|end| end.is_finite()) && low.is_finite() && high.is_finite();
        is_sure.then_some(Bounds { low, high, until })
    }

    fn operate(self, operator: Operator, other: Bounds) -> Option<Bounds> {
        let of = |f: fn(f64, f64) -> f64| {
            [
                f(self.low, other.low),
                f(self.low, other.high),
                f(self.high, other.low),
                f(self.high, other.high),
            ]
        };
        let ends = match operator {
            Operator::Add => of(|a, b| a + b),
            Operator::Subtract => of(|a, b| a - b),
            Operator::Multiply => of(|a, b| a * b),
            Operator::Divide if other.low > 0.0 || other.high < 0.0 => of(|a, b| a / b),
            Operator::Divide => return None,
        };
        Bounds::around(ends, self.until.min(other.until))
    }

    fn order(self, other: Bounds) -> Option<Ordering> {
        match (self.high < other.low, self.low > other.high) {
            (true, _) => Some(Ordering::Less),
            (_, true) => Some(Ordering::Greater),
            _ => None,
        }
    }
}

impl Evaluation<'_> {
    /// A comparison whose sides are too far apart for it to matter what they are to the last bit: nothing else than sums in
    /// the order of the events would tell that. Nothing where they are not, or where an aggregate beside what stays as it is
    /// knows longer how it compares.
    pub(super) fn compare_nearly(
        &self,
        comparison: Comparison,
        left: NodeId,
        right: NodeId,
    ) -> Option<Truth> {
        self.rings?;
        let right = self.bounds(right)?;
        if right.until == NEVER && matches!(self.plan.node(left), Node::Aggregate(_)) {
            return None;
        }
        let left = self.bounds(left)?;
        let order = left.order(right)?;
        Some(Truth::new(comparison.holds(order), left.until.min(right.until)))
    }

    fn bounds(&self, node: NodeId) -> Option<Bounds> {
        let number = |value: Val<'_>| match value {
            Val::Int(n) if n.unsigned_abs() <= 1 << 53 => Some(Bounds::exact(n as f64)),
            Val::Float(x) if x.is_finite() => Some(Bounds::exact(x)),
            _ => None,
        };
        match self.plan.node(node) {
            Node::Constant(constant) => number(Val::constant(constant)),
            Node::Attribute(slot) => number(Val::unpack(self.attribute(*slot), self.symbols)),
            Node::Aggregate(aggregate) if aggregate.total.is_some() => {
                number(self.aggregate(aggregate).value)
            }
            Node::Aggregate(aggregate) => self.bounds_of(aggregate),
            Node::Negative(inner) => {
                let Bounds { low, high, until } = self.bounds(*inner)?;
                Some(Bounds { low: -high, high: -low, until })
            }
            Node::Chain(first, rest) => {
                let mut all = rest.iter();
                all.try_fold(self.bounds(*first)?, |left, (operator, right)| {
                    left.operate(*operator, self.bounds(*right)?)
                })
            }
            _ => None,
        }
    }

    fn bounds_of(&self, aggregate: &Aggregate) -> Option<Bounds> {
        let Aggregate { op, source, ref window, .. } = *aggregate;
        let ring = self.own_ring(source)?;
        let span = self.span(window);
        let (low, high) = match op {
            AggregateOp::Count => {
                let count = ring.within(&span.rows).len() as f64;
                (count, count)
            }
            _ => Summed::new(self, aggregate, span.rows.clone())?.nearly()?,
        };
        Some(Bounds { low, high, until: self.until(source, &span) })
    }
}
