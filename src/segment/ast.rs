//! An expression as it is written, with the place of everything.

use crate::model::Period;
use crate::segment::Span;

/// Names joined by dots.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Path {
    pub(crate) names: Vec<Box<str>>,
    pub(crate) span: Span,
}

impl Path {
    pub(crate) fn dotted(&self) -> String {
        self.names.join(".")
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    pub(crate) span: Span,
}

#[derive(Clone, Debug)]
pub(crate) enum ExprKind {
    /// Stands where an error was reported.
    Invalid,
    Literal(Literal),
    List(Vec<(Literal, Span)>),
    Name(Path),
    /// `budget[key]`
    KeyedName(Path),
    Not(Box<Expr>),
    /// Two or more.
    And(Vec<Expr>),
    /// Two or more.
    Or(Vec<Expr>),
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// Negated?
    In(Box<Expr>, Box<Expr>, bool),
    Between(Box<Expr>, Box<Expr>, Box<Expr>),
    Text(TextTest, Box<Expr>, Box<Expr>),
    IsMissing(Box<Expr>, bool),
    /// A chain of `+ -` or of `* /`, from the left.
    Chain(Box<Expr>, Vec<(Operator, Expr)>),
    Negative(Box<Expr>),
    Call {
        name: Box<str>,
        name_span: Span,
        args: Vec<Expr>,
    },
    Aggregate {
        name: Box<str>,
        name_span: Span,
        events: Box<Events>,
        args: Vec<Expr>,
    },
    Sequence {
        steps: Vec<Step>,
        window: Option<(Window, Span)>,
    },
    Some {
        property: Path,
        condition: Box<Expr>,
    },
    /// `has(devices where …)`
    Has {
        list: Path,
        condition: Box<Expr>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Box<str>),
    Duration(i64),
    Instant(i64),
    Time(i32),
    Metres(f64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextTest {
    Contains,
    StartsWith,
    EndsWith,
    Matches,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// `event.property where condition window`
#[derive(Clone, Debug)]
pub(crate) struct Events {
    pub(crate) names: Vec<(EventName, Span)>,
    /// What stands behind the event's name: a property, or a list of objects and then perhaps a property.
    pub(crate) path: Option<Path>,
    pub(crate) condition: Option<Expr>,
    pub(crate) window: Option<(Window, Span)>,
    pub(crate) span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum EventName {
    Any,
    Named(Box<str>),
}

#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) negative: bool,
    pub(crate) events: Events,
    pub(crate) within: Option<i64>,
}

#[derive(Clone, Debug)]
pub(crate) enum Window {
    Sliding(i64),
    FromTo(i64, i64),
    /// The period that lies so many before the current one, for as many periods: `(Day, 0)` is today,
    /// `(Day, 3)` the three days before it.
    Calendar(Period, u32),
    SinceLast(Box<Events>),
    Since(i64),
    Before(i64),
    Between(i64, i64),
    Session,
}
