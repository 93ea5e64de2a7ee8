//! Aggregates over the events of a window.

use crate::model::Instant;
use crate::profile::Packed;
use crate::segment::evaluate::{Evaluation, Truth};
use crate::segment::plan::{Aggregate, AggregateOp, Node, NodeId};
use crate::segment::value::{NEVER, Signal, Val, add};
use crate::segment::window::Motion;
use std::cmp::Ordering;

impl Evaluation<'_> {
    /// Whether there is an event at all. It stays until the newest one leaves.
    pub(crate) fn did(&self, aggregate: &Aggregate) -> Truth {
        let span = self.span(&aggregate.window);
        if let Motion::Leave(ms) = span.motion {
            let newest = self.events_in(&aggregate.source, &span).next_back();
            return newest
                .map_or(Truth::new(false, NEVER), |event| Truth::new(true, event.at.saturating_add(ms)));
        }
        let there = self.events_in(&aggregate.source, &span).next_back().is_some();
        Truth::new(there, self.until(&aggregate.source, &span))
    }

    /// Whether a count is at least `least`: it stops being so when the `least`-th newest event leaves.
    pub(crate) fn at_least(&self, node: NodeId, least: i64) -> Truth {
        let Node::Aggregate(aggregate) = self.plan.node(node) else {
            return Truth::new(false, NEVER);
        };
        let Ok(rank) = usize::try_from(least.saturating_sub(1)) else {
            return Truth::new(true, NEVER);
        };
        if least <= 0 {
            return Truth::new(true, NEVER);
        }
        let span = self.span(&aggregate.window);
        let decisive = self.events_in(&aggregate.source, &span).rev().nth(rank);
        match (decisive, span.motion) {
            (None, _) => Truth::new(false, NEVER),
            (Some(event), Motion::Leave(ms)) => Truth::new(true, event.at.saturating_add(ms)),
            (Some(_), _) => Truth::new(true, span.until),
        }
    }

    pub(crate) fn aggregate(&self, aggregate: &Aggregate) -> Signal<'_> {
        let Aggregate { op, source, property, window } = aggregate;
        if *op == AggregateOp::Did {
            let truth = self.did(aggregate);
            return Signal::still(Val::Bool(truth.holds), truth.until);
        }
        let span = self.span(window);
        let until = self.until(source, &span);
        let events = || self.events_in(source, &span);
        // The values that are there, oldest first.
        let values = || {
            events().filter_map(|event| {
                let value = event.value(&self.plan.keep, (*property)?);
                (!value.is_missing()).then_some(value)
            })
        };
        let numbers = || values().filter_map(|value| Val::unpack(value, self.symbols).number());
        let mut until = until;
        let value = match op {
            AggregateOp::Did => Val::Missing,
            AggregateOp::Count => Val::Int(events().count() as i64),
            AggregateOp::Sum => values()
                .map(|value| Val::unpack(value, self.symbols))
                .filter(|value| value.number().is_some())
                .fold(Val::Int(0), |sum, value| add(&sum, &value)),
            AggregateOp::Average => {
                let (n, sum) = numbers().fold((0_u64, 0.0), |(n, sum), x| (n + 1, sum + x));
                if n == 0 { Val::Missing } else { Val::float(sum / n as f64) }
            }
            AggregateOp::Least => self.extreme_of(values(), Ordering::Less),
            AggregateOp::Greatest => self.extreme_of(values(), Ordering::Greater),
            AggregateOp::Deviation => {
                let (n, sum) = numbers().fold((0_u64, 0.0), |(n, sum), x| (n + 1, sum + x));
                let mean = sum / n as f64;
                let squares: f64 = numbers().map(|x| (x - mean) * (x - mean)).sum();
                if n < 2 { Val::Missing } else { Val::float(libm::sqrt(squares / (n - 1) as f64)) }
            }
            AggregateOp::Percentile(percent) => {
                let mut sorted: Vec<Packed> =
                    values().filter(|v| Val::unpack(*v, self.symbols).number().is_some()).collect();
                sorted.sort_by(|a, b| self.number_order(*a, *b));
                // In this order the product is exact for whole percentages.
                let rank = (percent * sorted.len() as f64 / 100.0).ceil() as usize;
                sorted.get(rank.max(1) - 1).map_or(Val::Missing, |value| Val::unpack(*value, self.symbols))
            }
            AggregateOp::Distinct => Val::Int(self.tally(values()).len() as i64),
            AggregateOp::Mode => {
                // Of equals the one seen last: the tally keeps the place of the last sight.
                let most = self.tally(values()).into_iter().max_by_key(|(_, count, last)| (*count, *last));
                most.map_or(Val::Missing, |(value, _, _)| Val::unpack(value, self.symbols))
            }
            AggregateOp::First if property.is_none() => {
                events().next().map_or(Val::Missing, |e| Val::Instant(e.at))
            }
            AggregateOp::Last if property.is_none() => {
                events().next_back().map_or(Val::Missing, |e| Val::Instant(e.at))
            }
            AggregateOp::First => values().next().map_or(Val::Missing, |v| Val::unpack(v, self.symbols)),
            AggregateOp::Last => values().next_back().map_or(Val::Missing, |v| Val::unpack(v, self.symbols)),
            AggregateOp::ActiveDays => {
                let mut days: Vec<i32> = events().map(|event| self.day(event.at)).collect();
                days.sort_unstable();
                days.dedup();
                Val::Int(days.len() as i64)
            }
            AggregateOp::Streak => {
                let today = self.day(self.now);
                let mut streak = 0;
                let mut newest = None;
                for event in events().rev() {
                    let day = self.day(event.at);
                    let newest_day = *newest.get_or_insert(day);
                    if newest_day < today - 1 {
                        break;
                    }
                    if day == newest_day - streak {
                        streak += 1;
                    } else if day < newest_day - streak {
                        break;
                    }
                }
                if let Some(newest) = newest.filter(|_| streak > 0) {
                    // It ends when the day after the day behind its last one begins.
                    let end = self.zone.start_of_day(newest + 2).as_millis();
                    let end =
                        if end > self.now { end } else { self.zone.next_day(self.instant()).as_millis() };
                    until = until.min(end);
                }
                Val::Int(streak.into())
            }
        };
        Signal::still(value, until)
    }

    fn day(&self, at: i64) -> i32 {
        self.zone.civil(Instant::from_millis(at)).day
    }

    fn number_order(&self, a: Packed, b: Packed) -> Ordering {
        let (a, b) = (Val::unpack(a, self.symbols), Val::unpack(b, self.symbols));
        a.order(&b, self.symbols).unwrap_or(Ordering::Equal)
    }

    /// The least or greatest of the numbers, or where there are none, of the instants.
    fn extreme_of(&self, values: impl Iterator<Item = Packed>, wanted: Ordering) -> Val<'_> {
        let (mut number, mut instant) = (Val::Missing, Val::Missing);
        for value in values {
            let value = Val::unpack(value, self.symbols);
            let best = match value {
                Val::Int(_) | Val::Float(_) => &mut number,
                Val::Instant(_) => &mut instant,
                _ => continue,
            };
            if best.is_missing() || value.order(best, self.symbols) == Some(wanted) {
                *best = value;
            }
        }
        if number.is_missing() { instant } else { number }
    }

    /// Different values with how often each is there, and the place where it is last.
    fn tally(&self, values: impl Iterator<Item = Packed>) -> Vec<(Packed, usize, usize)> {
        let mut tally: Vec<(Packed, usize, usize)> = Vec::new();
        for (place, value) in values.enumerate() {
            match tally.iter_mut().find(|(known, _, _)| self.symbols.same(*known, value)) {
                Some((_, count, last)) => (*count, *last) = (*count + 1, place),
                None => tally.push((value, 1, place)),
            }
        }
        tally
    }
}
