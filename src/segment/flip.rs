//! When values that move with time change their order.

use crate::model::Instant;
use crate::segment::ast::Comparison;
use crate::segment::evaluate::Evaluation;
use crate::segment::value::{NEVER, Signal, Slope, Val};
use std::cmp::Ordering;

impl Evaluation<'_> {
    /// The first instant at which the order of two moving values is another one, or with it what a comparison
    /// says. `order_at` evaluates them at another instant; where both move exactly it is not needed.
    pub(super) fn flip(
        &self,
        a: &Signal<'_>,
        b: &Signal<'_>,
        until: i64,
        comparison: Option<Comparison>,
        order_at: impl Fn(i64) -> Option<Ordering>,
    ) -> i64 {
        let slope = a.slope.minus(b.slope);
        let order = match (slope, a.value.order(&b.value, self.symbols)) {
            (Slope::Still, _) | (_, None) => return until,
            _ if self.is_probe => return until,
            (_, Some(order)) => order,
        };
        if let (Slope::Exact(slope), Some(difference)) = (slope, exact_difference(&a.value, &b.value)) {
            let mut steps = first_step(difference, slope);
            // Leaving equality needs one step more; a comparison may not care about the first of two changes.
            if let (Some(n), Some(comparison)) = (steps, comparison) {
                let then = (difference + i128::from(slope) * n).cmp(&0);
                if comparison.holds(then) == comparison.holds(order) {
                    steps = if then.is_eq() { Some(n + 1) } else { None };
                }
            }
            let instant = steps.and_then(|n| i64::try_from(i128::from(self.now) + n).ok());
            return until.min(instant.unwrap_or(NEVER));
        }
        // The order changes at most twice, and in one direction: look for the first change by halving.
        let last = until.min(Instant::MAX.as_millis()) - 1;
        if last <= self.now || order_at(last) == Some(order) {
            return until;
        }
        let (mut same, mut other) = (self.now, last);
        while other - same > 1 {
            let middle = same + (other - same) / 2;
            if order_at(middle) == Some(order) { same = middle } else { other = middle }
        }
        other
    }
}

fn exact_difference(a: &Val<'_>, b: &Val<'_>) -> Option<i128> {
    match (a, b) {
        (Val::Instant(a), Val::Instant(b))
        | (Val::Duration(a), Val::Duration(b))
        | (Val::Time(a), Val::Time(b)) => Some(i128::from(*a) - i128::from(*b)),
        _ => None,
    }
}

/// After how many milliseconds a difference that grows by `slope` each has another sign.
fn first_step(difference: i128, slope: i64) -> Option<i128> {
    let slope = i128::from(slope);
    if difference == 0 {
        return Some(1);
    }
    // It moves away from zero, and never comes back.
    if (difference > 0) == (slope > 0) {
        return None;
    }
    let (far, step) = (difference.abs(), slope.abs());
    Some((far + step - 1) / step)
}
