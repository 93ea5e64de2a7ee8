use crate::model::Value;
use crate::profile::{Packed, Symbols, Unpacked, compare_int_float};
use std::cmp::Ordering;

/// A whole number or a float; the two compare by value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    /// The number that a packed value is, if it is one.
    pub(crate) fn of(packed: Packed, symbols: &Symbols) -> Option<Number> {
        match symbols.unpack(packed) {
            Unpacked::Int(n) => Some(Number::Int(n)),
            Unpacked::Float(x) => Some(Number::Float(x)),
            _ => None,
        }
    }

    pub(crate) fn float(self) -> f64 {
        match self {
            Number::Int(n) => n as f64,
            Number::Float(x) => x,
        }
    }

    /// A whole number while it fits, else a float; nothing where infinities cancel out.
    pub(crate) fn plus(self, other: Number) -> Option<Number> {
        if let (Number::Int(a), Number::Int(b)) = (self, other)
            && let Some(sum) = a.checked_add(b)
        {
            return Some(Number::Int(sum));
        }
        let sum = self.float() + other.float();
        (!sum.is_nan()).then_some(Number::Float(sum))
    }

    /// Neither is rounded to the kind of the other.
    pub(crate) fn order(self, other: Number) -> Ordering {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => a.cmp(&b),
            (Number::Float(a), Number::Float(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
            (Number::Int(n), Number::Float(x)) => compare_int_float(n, x),
            (Number::Float(x), Number::Int(n)) => compare_int_float(n, x).reverse(),
        }
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Value {
        match number {
            Number::Int(n) => Value::Int(n),
            Number::Float(x) => Value::Float(x),
        }
    }
}
