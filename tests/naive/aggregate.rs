//! # aggregate: one value of many events
//! The table of calls in §5, over events that are already selected and in order.

use super::ast::{Aggregate, Operation, Period, Source, Value};
use super::clock::{self, DAY};
use super::eval::{Evaluation, Item};
use super::value::{calculate, equal, float, number, order};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// The value of an aggregate over `items`, or over their `property` where it has one.
pub(super) fn value(
    evaluation: &Evaluation,
    which: Aggregate,
    items: &[Item],
    property: Option<&str>,
) -> Value {
    let values: Vec<Value> = match property {
        Some(path) => items.iter().map(|i| i.property(path)).collect(),
        None => items.iter().map(|i| Value::Instant(i.at())).collect(),
    };
    // From here on, only events that have the property; `did(e.p)` and `count(e.p)` ask for it too.
    let present: Vec<Value> = values.into_iter().filter(|v| *v != Value::Missing).collect();
    let mut numbers: Vec<Value> = present.clone();
    numbers.retain(|v| number(v).is_some());
    let days = || local_days(evaluation, items, property);
    match which {
        Aggregate::Did => Value::Bool(!present.is_empty()),
        Aggregate::Count => Value::Int(present.len() as i64),
        Aggregate::Sum => sum(&numbers),
        Aggregate::Avg => calculate(Operation::Div, &sum(&numbers), &Value::Int(numbers.len() as i64)),
        Aggregate::Min => extreme(&numbers, &present, Ordering::Less),
        Aggregate::Max => extreme(&numbers, &present, Ordering::Greater),
        Aggregate::Stddev => stddev(&numbers),
        Aggregate::Median => percentile(numbers, 50),
        Aggregate::Percentile(p) => percentile(numbers, p),
        Aggregate::Distinct => Value::Int(tally(&present).len() as i64),
        Aggregate::Mode => mode(&present),
        Aggregate::First => present.first().cloned().unwrap_or(Value::Missing),
        Aggregate::Last => present.last().cloned().unwrap_or(Value::Missing),
        Aggregate::ActiveDays => Value::Int(days().len() as i64),
        Aggregate::Streak => {
            let today = clock::period(Period::Day, evaluation.now, evaluation.zone());
            Value::Int(streak(&days(), today))
        }
    }
}

fn local_days(evaluation: &Evaluation, items: &[Item], property: Option<&str>) -> BTreeSet<i64> {
    let has = |i: &&Item| property.is_none_or(|path| i.property(path) != Value::Missing);
    let zone = evaluation.zone();
    items.iter().filter(has).map(|i| clock::period(Period::Day, i.at(), zone)).collect()
}

/// Consecutive days back from today, or from yesterday when there is none today.
fn streak(days: &BTreeSet<i64>, today: i64) -> i64 {
    let last = if days.contains(&today) { today } else { today - 1 };
    (0..).take_while(|back| days.contains(&(last - back))).count() as i64
}

/// Folded left, an integer while it fits.
fn sum(numbers: &[Value]) -> Value {
    numbers.iter().fold(Value::Int(0), |sum, n| calculate(Operation::Add, &sum, n))
}

/// Of the numbers if there are any, else of the instants.
fn extreme(numbers: &[Value], present: &[Value], wanted: Ordering) -> Value {
    let instants: Vec<Value> = present.iter().filter(|v| matches!(v, Value::Instant(_))).cloned().collect();
    let candidates = if numbers.is_empty() { &instants } else { numbers };
    let best = candidates.iter().reduce(|best, v| match order(v, best) {
        Some(standing) if standing == wanted => v,
        _ => best,
    });
    best.cloned().unwrap_or(Value::Missing)
}

/// Sample standard deviation.
fn stddev(numbers: &[Value]) -> Value {
    if numbers.len() < 2 {
        return Value::Missing;
    }
    let xs: Vec<f64> = numbers.iter().filter_map(number).collect();
    let mean = xs.iter().sum::<f64>() / xs.len() as f64;
    let squares: f64 = xs.iter().map(|x| (x - mean).powi(2)).sum();
    float((squares / (xs.len() - 1) as f64).sqrt())
}

/// The value at rank ⌈p/100 · n⌉, at least 1.
fn percentile(mut numbers: Vec<Value>, p: i64) -> Value {
    numbers.sort_by(|a, b| order(a, b).expect("numbers are finite"));
    let rank = (p * numbers.len() as i64 + 99) / 100;
    numbers.get(rank.max(1) as usize - 1).cloned().unwrap_or(Value::Missing)
}

/// Different values, each with its frequency and the place where it is seen last.
fn tally(values: &[Value]) -> Vec<(&Value, usize, usize)> {
    let mut tally: Vec<(&Value, usize, usize)> = Vec::new();
    for (place, value) in values.iter().enumerate() {
        match tally.iter_mut().find(|(seen, ..)| equal(seen, value)) {
            Some(entry) => *entry = (entry.0, entry.1 + 1, place),
            None => tally.push((value, 1, place)),
        }
    }
    tally
}

/// The most frequent; of equals, the one seen last.
fn mode(values: &[Value]) -> Value {
    let most = tally(values).into_iter().max_by_key(|(_, times, last)| (*times, *last));
    most.map_or(Value::Missing, |(value, ..)| value.clone())
}

/// Share of the interactions whose property has the value; 0 when there are none.
pub(super) fn affinity(evaluation: &Evaluation, property: &str, wanted: &str) -> Value {
    let shares = shares(evaluation, property);
    let wanted = Value::Text(wanted.to_owned());
    let share = shares.iter().find(|(value, ..)| equal(value, &wanted));
    Value::Float(share.map_or(0.0, |(_, share, _)| *share))
}

/// The value with the largest share; of equals, the one seen last.
pub(super) fn top(evaluation: &Evaluation, property: &str) -> Value {
    let shares = shares(evaluation, property);
    let largest = shares.iter().max_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.2.cmp(&b.2)));
    largest.map_or(Value::Missing, |(value, ..)| value.clone())
}

/// When a value was seen last: instant, order of arrival, place.
type Seen = (i64, usize, usize);

/// Values of a property with their share and when each was seen last.
fn shares(evaluation: &Evaluation, property: &str) -> Vec<(Value, f64, Seen)> {
    let rule = evaluation.definitions.affinities.get(property);
    let half_life = rule.and_then(|r| r.half_life).unwrap_or(7 * DAY) as f64;
    let weights = rule.and_then(|r| r.weights.as_ref());
    let weight = |event: &str| match weights {
        None => Some(1.0),
        Some(weights) => weights.iter().find(|(name, _)| name == event).map(|(_, w)| *w),
    };
    let items = evaluation.matching(&Source::Any, None);
    let counts =
        |item: &&Item| item.property(property) != Value::Missing && weight(&item.event.name).is_some();
    let latest = items.iter().rfind(counts).map_or(0, Item::at);
    let mut shares: Vec<(Value, f64, Seen)> = Vec::new();
    for (place, item) in items.iter().enumerate() {
        let (value, Some(weight)) = (item.property(property), weight(&item.event.name)) else {
            continue;
        };
        if value == Value::Missing {
            continue;
        }
        // By the latest of them and not by now: the ratio is the same, and not all of them fade to zero.
        let weight = weight * ((item.at() - latest) as f64 / half_life).exp2();
        let seen = (item.at(), item.event.arrival, place);
        match shares.iter_mut().find(|(seen, ..)| equal(seen, &value)) {
            Some(entry) => *entry = (value, entry.1 + weight, seen),
            None => shares.push((value, weight, seen)),
        }
    }
    let total: f64 = shares.iter().map(|(_, weight, _)| weight).sum();
    for (_, share, _) in &mut shares {
        *share = if total > 0.0 { *share / total } else { 0.0 };
    }
    shares
}
