//! # value: comparing and calculating
//! The rules of §2 and §3 for values: missing, kinds that do not fit, integers while they fit.

use super::ast::{Comparison, Operation, Value};
use std::cmp::Ordering;

/// A number as a float; `None` for every other kind.
pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(n) => Some(*n as f64),
        Value::Float(x) => Some(*x),
        _ => None,
    }
}

/// A float result: what is not finite is missing.
pub(crate) fn float(x: f64) -> Value {
    if x.is_finite() { Value::Float(x) } else { Value::Missing }
}

/// How two values of one ordered kind stand; `None` for missing and for kinds that do not fit.
pub(crate) fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Int(a), Value::Int(b))
        | (Value::Instant(a), Value::Instant(b))
        | (Value::Duration(a), Value::Duration(b))
        | (Value::Time(a), Value::Time(b)) => Some(a.cmp(b)),
        (Value::Text(a), Value::Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        _ => number(a)?.partial_cmp(&number(b)?),
    }
}

/// `a = b`.
pub(crate) fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Missing, _) | (_, Value::Missing) => false,
        (Value::Bool(_), _) | (Value::Geo(..), _) | (Value::List(_), _) => a == b,
        _ => order(a, b) == Some(Ordering::Equal),
    }
}

/// `a op b`. `!=` is exactly `not (a = b)`.
pub(crate) fn compare(op: Comparison, a: &Value, b: &Value) -> bool {
    match op {
        Comparison::Eq => equal(a, b),
        Comparison::Ne => !equal(a, b),
        Comparison::Lt => order(a, b).is_some_and(Ordering::is_lt),
        Comparison::Le => order(a, b).is_some_and(Ordering::is_le),
        Comparison::Gt => order(a, b).is_some_and(Ordering::is_gt),
        Comparison::Ge => order(a, b).is_some_and(Ordering::is_ge),
    }
}

/// `a op b` for numbers, instants and durations; everything else is missing.
pub(crate) fn calculate(op: Operation, a: &Value, b: &Value) -> Value {
    use Operation::{Add, Div, Mul, Sub};
    use Value::{Duration, Instant, Int};
    match (op, a, b) {
        (Add, Instant(a), Duration(b)) => Instant(a.saturating_add(*b)),
        (Sub, Instant(a), Duration(b)) => Instant(a.saturating_sub(*b)),
        (Sub, Instant(a), Instant(b)) => Duration(a.saturating_sub(*b)),
        (Add, Duration(a), Duration(b)) => Duration(a.saturating_add(*b)),
        (Sub, Duration(a), Duration(b)) => Duration(a.saturating_sub(*b)),
        (Div, Duration(_), Duration(0)) => Value::Missing,
        (Div, Duration(a), Duration(b)) => float(*a as f64 / *b as f64),
        (Mul, Duration(a), Int(b)) => Duration(a.saturating_mul(*b)),
        (Mul, Duration(a), Value::Float(b)) => scaled(*a as f64 * b),
        (Div, Duration(a), _) => match number(b) {
            Some(b) if b != 0.0 => scaled(*a as f64 / b),
            _ => Value::Missing,
        },
        (Add, Int(a), Int(b)) if a.checked_add(*b).is_some() => Int(a + b),
        (Sub, Int(a), Int(b)) if a.checked_sub(*b).is_some() => Int(a - b),
        (Mul, Int(a), Int(b)) if a.checked_mul(*b).is_some() => Int(a * b),
        _ => match (number(a), number(b)) {
            (Some(a), Some(b)) => float(match op {
                Add => a + b,
                Sub => a - b,
                Mul => a * b,
                // Zero by zero is NaN and anything else by zero infinite: both missing.
                Div => a / b,
            }),
            _ => Value::Missing,
        },
    }
}

/// `-a`.
pub(crate) fn negate(a: &Value) -> Value {
    match a {
        Value::Int(n) => n.checked_neg().map_or(Value::Float(-(*n as f64)), Value::Int),
        Value::Float(x) => Value::Float(-x),
        Value::Duration(d) => Value::Duration(d.saturating_neg()),
        _ => Value::Missing,
    }
}

/// A duration from a product or quotient, to the nearest millisecond.
fn scaled(ms: f64) -> Value {
    if ms.is_nan() { Value::Missing } else { Value::Duration(ms.round() as i64) }
}
