//! Values while an expression is evaluated, and how they compare and add up.

use crate::model::{Geo, Value};
use crate::profile::{Number, Packed, Symbol, Symbols, Unpacked, compare_int_float};
use crate::segment::ast::{Comparison, Operator};
use crate::segment::node::Constant;
use crate::segment::version;
use std::cmp::Ordering;
use std::rc::Rc;

/// No instant: a value that time alone does not change.
pub(crate) const NEVER: i64 = i64::MAX;

#[derive(Clone, Debug)]
pub(crate) enum Val<'a> {
    Missing,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// A text that is interned, as those of profiles and plans are.
    Symbol(Symbol),
    /// A text within a list.
    Text(&'a str),
    /// A text that was computed.
    Owned(Rc<str>),
    /// The text of a version.
    Version(&'a str),
    OwnedVersion(Rc<str>),
    Instant(i64),
    Duration(i64),
    /// Milliseconds since midnight.
    Time(i64),
    Geo(Geo),
    List(List<'a>),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum List<'a> {
    Values(&'a [Value]),
    Constants(&'a [Constant]),
}

/// A value with how time alone changes it.
#[derive(Clone, Debug)]
pub(crate) struct Signal<'a> {
    pub(crate) value: Val<'a>,
    pub(crate) slope: Slope,
    /// Until then, exclusive, the value stays or moves by its slope.
    pub(crate) until: i64,
}

/// How a value moves with time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Slope {
    Still,
    /// By so many units each millisecond, exactly; of instants, durations and times of day.
    Exact(i64),
    /// In this direction; how fast is known only up to rounding.
    Smooth(f64),
}

impl<'a> Signal<'a> {
    pub(crate) fn still(value: Val<'a>, until: i64) -> Signal<'a> {
        Signal { value, slope: Slope::Still, until }
    }
}

impl Slope {
    fn rate(self) -> f64 {
        match self {
            Slope::Still => 0.0,
            Slope::Exact(n) => n as f64,
            Slope::Smooth(x) => x,
        }
    }

    pub(crate) fn negative(self) -> Slope {
        match self {
            Slope::Still => Slope::Still,
            Slope::Exact(n) => Slope::Exact(-n),
            Slope::Smooth(x) => Slope::Smooth(-x),
        }
    }

    /// The slope of the difference of two values.
    pub(crate) fn minus(self, other: Slope) -> Slope {
        match (self, other.negative()) {
            (Slope::Still, x) | (x, Slope::Still) => x,
            (Slope::Exact(a), Slope::Exact(b)) if a + b == 0 => Slope::Still,
            (Slope::Exact(a), Slope::Exact(b)) => Slope::Exact(a + b),
            (a, b) => Slope::Smooth(a.rate() + b.rate()),
        }
    }
}

impl<'a> Val<'a> {
    pub(crate) fn unpack(packed: Packed, symbols: &'a Symbols) -> Val<'a> {
        match symbols.unpack(packed) {
            Unpacked::Missing => Val::Missing,
            Unpacked::Bool(b) => Val::Bool(b),
            Unpacked::Int(n) => Val::Int(n),
            Unpacked::Float(x) => Val::Float(x),
            Unpacked::Text(symbol) => Val::Symbol(symbol),
            Unpacked::Instant(at) => Val::Instant(at.as_millis()),
            Unpacked::Geo(geo) => Val::Geo(geo),
            Unpacked::List(list) => Val::List(List::Values(list)),
        }
    }

    pub(crate) fn constant(constant: &'a Constant) -> Val<'a> {
        match constant {
            Constant::Bool(b) => Val::Bool(*b),
            Constant::Int(n) => Val::Int(*n),
            Constant::Float(x) => Val::float(x.0),
            Constant::Text(symbol) => Val::Symbol(*symbol),
            Constant::Written(text) => Val::Text(text),
            Constant::Instant(at) => Val::Instant(*at),
            Constant::Duration(ms) => Val::Duration(*ms),
            Constant::Time(ms) => Val::Time((*ms).into()),
            Constant::List(list) => Val::List(List::Constants(list)),
        }
    }

    fn element(value: &'a Value) -> Val<'a> {
        match value {
            Value::Bool(b) => Val::Bool(*b),
            Value::Int(n) => Val::Int(*n),
            Value::Float(x) => Val::float(*x),
            Value::String(text) => Val::Text(text),
            Value::Instant(at) => Val::Instant(at.as_millis()),
            Value::Geo(geo) => Val::Geo(*geo),
            Value::Null | Value::List(_) | Value::Object(_) => Val::Missing,
        }
    }

    /// A value as it stands in an object.
    pub(crate) fn of(value: &'a Value) -> Val<'a> {
        match value {
            Value::List(list) => Val::List(List::Values(list)),
            Value::Object(_) => value.as_geo().map_or(Val::Missing, Val::Geo),
            _ => Val::element(value),
        }
    }

    /// A float; one that is no number is missing.
    pub(crate) fn float(x: f64) -> Val<'a> {
        if x.is_nan() { Val::Missing } else { Val::Float(x) }
    }

    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Val::Missing)
    }

    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Val::Int(n) => Some(*n as f64),
            Val::Float(x) => Some(*x),
            _ => None,
        }
    }

    pub(crate) fn text<'b>(&'b self, symbols: &'b Symbols) -> Option<&'b str> {
        match self {
            Val::Symbol(symbol) => Some(symbols.text(*symbol)),
            Val::Text(text) => Some(text),
            Val::Owned(text) => Some(text),
            _ => None,
        }
    }

    /// The text of a version that was read as one.
    pub(crate) fn version(&self) -> Option<&str> {
        match self {
            Val::Version(text) => Some(text),
            Val::OwnedVersion(text) => Some(text),
            _ => None,
        }
    }

    /// How two values order; beside a version a text is one too. Nothing where one is missing or their kinds differ or have no order.
    pub(crate) fn order(&self, other: &Val<'_>, symbols: &Symbols) -> Option<Ordering> {
        match (self, other) {
            (Val::Int(a), Val::Int(b)) => Some(a.cmp(b)),
            (Val::Float(a), Val::Float(b)) => a.partial_cmp(b),
            (Val::Int(n), Val::Float(x)) => Some(compare_int_float(*n, *x)),
            (Val::Float(x), Val::Int(n)) => Some(compare_int_float(*n, *x).reverse()),
            (Val::Symbol(a), Val::Symbol(b)) if a == b => Some(Ordering::Equal),
            (Val::Instant(a), Val::Instant(b))
            | (Val::Duration(a), Val::Duration(b))
            | (Val::Time(a), Val::Time(b)) => Some(a.cmp(b)),
            (Val::Version(_) | Val::OwnedVersion(_), _) | (_, Val::Version(_) | Val::OwnedVersion(_)) => {
                let a = self.version().or_else(|| self.text(symbols))?;
                version::order(a, other.version().or_else(|| other.text(symbols))?)
            }
            _ => Some(self.text(symbols)?.as_bytes().cmp(other.text(symbols)?.as_bytes())),
        }
    }

    /// Whether two values are the same; false where one is missing or their kinds differ.
    pub(crate) fn same(&self, other: &Val<'_>, symbols: &Symbols) -> bool {
        match (self, other) {
            (Val::Symbol(a), Val::Symbol(b)) => a == b,
            (Val::Bool(a), Val::Bool(b)) => a == b,
            (Val::Geo(a), Val::Geo(b)) => a == b,
            (Val::List(a), Val::List(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.same(&b, symbols))
            }
            _ => self.order(other, symbols) == Some(Ordering::Equal),
        }
    }

    pub(crate) fn compare(&self, comparison: Comparison, other: &Val<'_>, symbols: &Symbols) -> bool {
        match comparison {
            Comparison::Equal => self.same(other, symbols),
            Comparison::NotEqual => !self.same(other, symbols),
            _ => self.order(other, symbols).is_some_and(|order| comparison.holds(order)),
        }
    }
}

impl Comparison {
    /// The comparison that says the same of its sides exchanged.
    pub(crate) fn mirrored(self) -> Comparison {
        match self {
            Comparison::Equal | Comparison::NotEqual => self,
            Comparison::Less => Comparison::Greater,
            Comparison::LessOrEqual => Comparison::GreaterOrEqual,
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        }
    }

    /// What it says of two floats.
    pub(crate) fn of(self, a: f64, b: f64) -> bool {
        match self {
            Comparison::Equal => a == b,
            Comparison::NotEqual => a != b,
            Comparison::Less => a < b,
            Comparison::LessOrEqual => a <= b,
            Comparison::Greater => a > b,
            Comparison::GreaterOrEqual => a >= b,
        }
    }

    pub(crate) fn holds(self, order: Ordering) -> bool {
        match self {
            Comparison::Equal => order.is_eq(),
            Comparison::NotEqual => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterOrEqual => order.is_ge(),
        }
    }
}

impl<'a> List<'a> {
    pub(crate) fn len(self) -> usize {
        match self {
            List::Values(list) => list.len(),
            List::Constants(list) => list.len(),
        }
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Val<'a>> {
        (0..self.len()).map(move |i| match self {
            List::Values(list) => Val::element(&list[i]),
            List::Constants(list) => Val::constant(&list[i]),
        })
    }
}

/// Adds numbers: integers while they fit, else floats.
pub(crate) fn add<'a>(a: &Val<'_>, b: &Val<'_>) -> Val<'a> {
    let number = |value: &Val<'_>| match value {
        Val::Int(n) => Some(Number::Int(*n)),
        Val::Float(x) => Some(Number::Float(*x)),
        _ => None,
    };
    match number(a).zip(number(b)).and_then(|(a, b)| a.plus(b)) {
        Some(Number::Int(n)) => Val::Int(n),
        Some(Number::Float(x)) => Val::Float(x),
        None => Val::Missing,
    }
}

fn numbers<'a>(a: &Val<'_>, b: &Val<'_>, f: impl Fn(f64, f64) -> f64) -> Val<'a> {
    match (a.number(), b.number()) {
        (Some(a), Some(b)) => Val::float(f(a, b)),
        _ => Val::Missing,
    }
}

/// Nothing of what is no number; what no duration is long enough for is the longest one.
fn nearest_millis(x: f64) -> Option<i64> {
    (!x.is_nan()).then_some(x.round() as i64)
}

fn combine<'a>(operator: Operator, a: &Val<'_>, b: &Val<'_>) -> Val<'a> {
    use Operator::{Add, Divide, Multiply, Subtract};
    let duration = |ms: Option<i64>| ms.map_or(Val::Missing, Val::Duration);
    // Instants and durations end where no more milliseconds can be counted: what moves with time does not come to nothing
    // on its way.
    match (operator, a, b) {
        (Add, Val::Instant(a), Val::Duration(b)) | (Add, Val::Duration(b), Val::Instant(a)) => {
            Val::Instant(a.saturating_add(*b))
        }
        (Subtract, Val::Instant(a), Val::Duration(b)) => Val::Instant(a.saturating_sub(*b)),
        (Subtract, Val::Instant(a), Val::Instant(b)) => Val::Duration(a.saturating_sub(*b)),
        (Add, Val::Duration(a), Val::Duration(b)) => Val::Duration(a.saturating_add(*b)),
        (Subtract, Val::Duration(a), Val::Duration(b)) => Val::Duration(a.saturating_sub(*b)),
        (Multiply, Val::Duration(a), Val::Int(b)) | (Multiply, Val::Int(b), Val::Duration(a)) => {
            Val::Duration(a.saturating_mul(*b))
        }
        (Multiply, Val::Duration(a), Val::Float(b)) | (Multiply, Val::Float(b), Val::Duration(a)) => {
            duration(nearest_millis(*a as f64 * b))
        }
        (Divide, Val::Duration(a), Val::Duration(b)) if *b != 0 => Val::float(*a as f64 / *b as f64),
        (Divide, Val::Duration(a), Val::Int(_) | Val::Float(_)) => match b.number() {
            Some(b) if b != 0.0 => duration(nearest_millis(*a as f64 / b)),
            _ => Val::Missing,
        },
        (Add, _, _) => add(a, b),
        (Subtract, Val::Int(a), Val::Int(b)) => {
            a.checked_sub(*b).map_or(Val::Float(*a as f64 - *b as f64), Val::Int)
        }
        (Subtract, _, _) => numbers(a, b, |a, b| a - b),
        (Multiply, Val::Int(a), Val::Int(b)) => {
            a.checked_mul(*b).map_or(Val::Float(*a as f64 * *b as f64), Val::Int)
        }
        (Multiply, _, _) => numbers(a, b, |a, b| a * b),
        (Divide, _, _) => numbers(a, b, |a, b| if b == 0.0 { f64::NAN } else { a / b }),
    }
}

/// Combines two signals; the checker has seen to it that not both factors move, and no divisor.
pub(crate) fn operate<'a>(operator: Operator, a: &Signal<'_>, b: &Signal<'_>) -> Signal<'a> {
    let value = combine(operator, &a.value, &b.value);
    let until = a.until.min(b.until);
    if a.slope == Slope::Still && b.slope == Slope::Still || value.is_missing() {
        return Signal::still(value, until);
    }
    let slope = match operator {
        Operator::Add => a.slope.minus(b.slope.negative()),
        Operator::Subtract => a.slope.minus(b.slope),
        Operator::Multiply => match (a.slope, &b.value, b.slope, &a.value) {
            (Slope::Exact(s), Val::Int(n), _, _) | (_, _, Slope::Exact(s), Val::Int(n)) => {
                Slope::Exact(s.saturating_mul(*n))
            }
            _ => {
                let factor = if a.slope == Slope::Still { &a.value } else { &b.value };
                let factor = match factor {
                    Val::Duration(ms) => *ms as f64,
                    other => other.number().unwrap_or(0.0),
                };
                Slope::Smooth((a.slope.rate() + b.slope.rate()) * factor)
            }
        },
        Operator::Divide => {
            let divisor = match &b.value {
                Val::Duration(ms) => *ms as f64,
                other => other.number().unwrap_or(1.0),
            };
            Slope::Smooth(a.slope.rate() / divisor)
        }
    };
    // Where it is as large as can be nobody knows what it would be without that, only on which side it is.
    let slope = match value {
        Val::Instant(i64::MIN | i64::MAX) | Val::Duration(i64::MIN | i64::MAX) => Slope::Smooth(slope.rate()),
        _ => slope,
    };
    // A product with zero stands still.
    let slope = if slope.rate() == 0.0 { Slope::Still } else { slope };
    Signal { value, slope, until }
}
