//! # ast: the segment language as a tree
//! What the generator builds, `render` writes and `eval` computes. Plain data: knows nothing of
//! parsing, of users or of time. Deliberately absent: `bucket`, `matches` and the facts of §11.

use std::collections::BTreeMap;

/// Milliseconds since 1970-01-01T00:00:00Z.
pub(crate) type Millis = i64;

/// Named values: properties of an event, or the fields of one object of a list.
pub(crate) type Record = BTreeMap<String, Value>;

/// A value of the language (§2).
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// Nothing is known.
    Missing,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number, finite.
    Float(f64),
    /// A string.
    Text(String),
    /// An instant.
    Instant(Millis),
    /// A duration in milliseconds.
    Duration(i64),
    /// A time of day, in milliseconds since local midnight by the clock on the wall.
    Time(i64),
    /// Latitude and longitude in degrees.
    Geo(f64, f64),
    /// A list of scalars.
    List(Vec<Value>),
    /// A list of objects (order lines).
    Rows(Vec<Record>),
}

/// Shorthand for a string value.
pub(crate) fn text(s: &str) -> Value {
    Value::Text(s.to_owned())
}

/// `=`, `!=` and the orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// The four operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) enum Operation {
    Add,
    Sub,
    Mul,
    Div,
}

/// The names under `session.`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) enum SessionField {
    Number,
    Started,
    Duration,
    Events,
}

/// Tests of a string or a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) enum TextTest {
    Contains,
    StartsWith,
    EndsWith,
}

/// Units of a distance literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) enum LengthUnit {
    Metre,
    Kilometre,
    Mile,
}

/// The functions of §5 that are not aggregates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) enum Function {
    Lower,
    Length,
    Abs,
    MinOf,
    MaxOf,
    Distance,
    Geo,
    Age,
    IsAnniversary,
    AnyIn,
    AllIn,
}

/// The aggregates of §5 that take `EVENTS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) enum Aggregate {
    Did,
    Count,
    Sum,
    Avg,
    Min,
    Max,
    Stddev,
    Median,
    /// With the percent, 0 to 100.
    Percentile(i64),
    Distinct,
    Mode,
    First,
    Last,
    ActiveDays,
    Streak,
}

/// Local calendar periods; weeks begin on Monday.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) enum Period {
    Day,
    Week,
    Month,
    Year,
}

/// Which events an aggregate or a step looks at.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    /// `any`: every track, page and screen.
    Any,
    /// One name, or several in brackets.
    Named(Vec<String>),
    /// `order.products`: each object of that list property of that event.
    Rows(String, String),
}

impl Source {
    /// Whether events of this name are read.
    pub(crate) fn reads(&self, name: &str) -> bool {
        match self {
            Source::Any => true,
            Source::Named(names) => names.iter().any(|n| n == name),
            Source::Rows(event, _) => event == name,
        }
    }
}

/// Which part of the history counts (§5, table of windows).
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Window {
    /// No window: up to now.
    All,
    /// `in 30d`.
    In(i64),
    /// `from 60d to 30d ago`.
    FromTo(i64, i64),
    /// `in today`, `in this week`, …
    This(Period),
    /// `in yesterday`, `in last week`, `in last 3 days`, …
    Last(Period, i64),
    /// `since last(EVENTS)`.
    SinceLast(Box<Events>),
    /// `since @…`.
    Since(Millis),
    /// `before @…`.
    Before(Millis),
    /// `between @… and @…`.
    Between(Millis, Millis),
    /// `in session`.
    Session,
}

/// `EVENTS` of §5.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Events {
    /// Which events.
    pub(crate) source: Source,
    /// Which of their properties is aggregated; may begin with `context.`.
    pub(crate) property: Option<String>,
    /// `where …`.
    pub(crate) condition: Option<Box<Expr>>,
    /// The window.
    pub(crate) window: Window,
}

/// All events of one name.
pub(crate) fn events(name: &str) -> Events {
    Events {
        source: Source::Named(vec![name.to_owned()]),
        property: None,
        condition: None,
        window: Window::All,
    }
}

impl Events {
    /// The same, of one property.
    pub(crate) fn of(mut self, property: &str) -> Self {
        self.property = Some(property.to_owned());
        self
    }

    /// The same, with a condition.
    pub(crate) fn filter(mut self, condition: Expr) -> Self {
        self.condition = Some(Box::new(condition));
        self
    }

    /// The same, in a window.
    pub(crate) fn during(mut self, window: Window) -> Self {
        self.window = window;
        self
    }
}

/// One step of a sequence.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    /// `not EVENT`.
    pub(crate) negative: bool,
    /// Which events.
    pub(crate) source: Source,
    /// `where …`.
    pub(crate) condition: Option<Box<Expr>>,
    /// `within D`, in milliseconds.
    pub(crate) within: Option<i64>,
}

/// An expression. Names mean what §4 says of the place where they stand.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expr {
    /// A literal; lists too.
    Literal(Value),
    /// `10%`.
    Percent(i64),
    /// `5 km`.
    Length(i64, LengthUnit),
    /// `country` at the top.
    Attribute(String),
    /// `user.country`, at the top or after `where`.
    UserAttribute(String),
    /// `budget[key]`.
    AttributeOfKey(String),
    /// `key`.
    Key,
    /// After `where`: a property of the event, `context.…`, or `event.…` of an object of a list.
    Property(String),
    /// `at`, after `where`.
    At,
    /// `at.hour`.
    AtHour,
    /// `at.weekday`.
    AtWeekday,
    /// `now`.
    Now,
    /// `local_time`.
    LocalTime,
    /// `local_hour`.
    LocalHour,
    /// `weekday`.
    Weekday,
    /// `session.…`.
    Session(SessionField),
    /// `segment("name")`.
    Segment(String),
    /// `not a`.
    Not(Box<Expr>),
    /// `a and b`.
    And(Box<Expr>, Box<Expr>),
    /// `a or b`.
    Or(Box<Expr>, Box<Expr>),
    /// `a < b` and its like.
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// `x in [..]`.
    In(Box<Expr>, Vec<Value>),
    /// `x not in [..]`.
    NotIn(Box<Expr>, Vec<Value>),
    /// `x between a and b`.
    Between(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `s contains "x"` and its like.
    Test(TextTest, Box<Expr>, Box<Expr>),
    /// `x is missing`.
    IsMissing(Box<Expr>),
    /// `x is present`.
    IsPresent(Box<Expr>),
    /// `a + b` and its like.
    Calculate(Operation, Box<Expr>, Box<Expr>),
    /// `-a`.
    Negate(Box<Expr>),
    /// `count(EVENTS)` and its like.
    Aggregate(Aggregate, Events),
    /// `affinity("p", "v")`.
    Affinity(String, String),
    /// `top("p")`.
    Top(String),
    /// `sequence(STEP, …)` with its window.
    Sequence(Vec<Step>, Window),
    /// `abs(x)` and its like.
    Call(Function, Vec<Expr>),
    /// `some city: ( … )`.
    Some(String, Box<Expr>),
}

impl Expr {
    /// `self op other`.
    pub(crate) fn compare(self, op: Comparison, other: Expr) -> Expr {
        Expr::Compare(op, Box::new(self), Box::new(other))
    }

    /// `self op other`.
    pub(crate) fn calculate(self, op: Operation, other: Expr) -> Expr {
        Expr::Calculate(op, Box::new(self), Box::new(other))
    }

    /// `self and other`.
    pub(crate) fn and(self, other: Expr) -> Expr {
        Expr::And(Box::new(self), Box::new(other))
    }

    /// `self or other`.
    pub(crate) fn or(self, other: Expr) -> Expr {
        Expr::Or(Box::new(self), Box::new(other))
    }

    /// `not self`.
    pub(crate) fn negated(self) -> Expr {
        Expr::Not(Box::new(self))
    }

    /// What `and`, `or` and `not` join.
    pub(crate) fn atoms(&self) -> Vec<&Expr> {
        match self {
            Expr::And(a, b) | Expr::Or(a, b) => [a.atoms(), b.atoms()].concat(),
            Expr::Not(a) => a.atoms(),
            atom => vec![atom],
        }
    }

    /// The segments that it asks for. References stand in conditions only as bools.
    pub(crate) fn references(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for atom in self.atoms() {
            if let Expr::Segment(name) = atom {
                names.push(name.as_str());
            }
        }
        names
    }

    /// Every event source that the expression reads, with the window over it. Conditions after
    /// `where` read nothing; a referred segment reads for itself.
    pub(crate) fn reads(&self) -> Vec<(&Source, &Window)> {
        let mut found = Vec::new();
        self.collect_reads(&mut found);
        found
    }

    fn collect_reads<'a>(&'a self, found: &mut Vec<(&'a Source, &'a Window)>) {
        match self {
            Expr::Aggregate(_, events) => {
                found.push((&events.source, &events.window));
                let mut window = &events.window;
                while let Window::SinceLast(inner) = window {
                    found.push((&inner.source, &inner.window));
                    window = &inner.window;
                }
            }
            Expr::Sequence(steps, window) => {
                found.extend(steps.iter().map(|step| (&step.source, window)));
            }
            Expr::And(a, b) | Expr::Or(a, b) | Expr::Compare(_, a, b) => {
                a.collect_reads(found);
                b.collect_reads(found);
            }
            Expr::Calculate(_, a, b) | Expr::Test(_, a, b) => {
                a.collect_reads(found);
                b.collect_reads(found);
            }
            Expr::Between(x, a, b) => {
                x.collect_reads(found);
                a.collect_reads(found);
                b.collect_reads(found);
            }
            Expr::Not(a) | Expr::IsMissing(a) | Expr::IsPresent(a) | Expr::Negate(a) => {
                a.collect_reads(found);
            }
            Expr::In(a, _) | Expr::NotIn(a, _) | Expr::Some(_, a) => a.collect_reads(found),
            Expr::Call(_, arguments) => arguments.iter().for_each(|a| a.collect_reads(found)),
            _ => {}
        }
    }
}

/// The declared kind of an attribute or a property.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub(crate) enum Kind {
    Bool,
    Number,
    Text,
    Instant,
    Geo,
    List,
    /// A list of objects with these fields.
    Rows(Vec<(String, Kind)>),
}

/// What feeds `affinity("p", …)`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AffinityRule {
    /// Milliseconds after which an interaction counts half; `None`: the default of 7 d.
    pub(crate) half_life: Option<i64>,
    /// Weight of each event that feeds it; `None`: every event that has the property, with 1.
    pub(crate) weights: Option<Vec<(String, f64)>>,
}

/// A named condition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Segment {
    /// Its name.
    pub(crate) name: String,
    /// The property that parts the events, if it is keyed (§10).
    pub(crate) by: Option<String>,
    /// Its condition.
    pub(crate) when: Expr,
}

/// Most parts of a keyed segment unless definitions say otherwise.
pub(crate) const PARTS_MAX: usize = 256;

/// Everything that a scenario defines.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Definitions {
    /// `settings.timezone`; `None`: UTC.
    pub(crate) zone: Option<String>,
    /// `settings.session_gap` in milliseconds; `None`: 30 min.
    pub(crate) session_gap: Option<i64>,
    /// `settings.parts_max`.
    pub(crate) parts_max: usize,
    /// `settings.schema`.
    pub(crate) strict: bool,
    /// Declared attributes.
    pub(crate) attributes: Vec<(String, Kind)>,
    /// Declared events with their properties.
    pub(crate) events: Vec<(String, Vec<(String, Kind)>)>,
    /// The `[affinity.…]` tables by property.
    pub(crate) affinities: BTreeMap<String, AffinityRule>,
    /// In order of definition.
    pub(crate) segments: Vec<Segment>,
}

impl Definitions {
    /// Milliseconds without an event after which a session is over.
    pub(crate) fn gap(&self) -> i64 {
        self.session_gap.unwrap_or(30 * 60_000)
    }

    /// The declared kind of an attribute.
    pub(crate) fn attribute_kind(&self, name: &str) -> Option<&Kind> {
        lookup(&self.attributes, name)
    }

    /// The declared kind of an event's property.
    pub(crate) fn property_kind(&self, event: &str, property: &str) -> Option<&Kind> {
        lookup(lookup(&self.events, event)?, property)
    }
}

/// The value beside a name in a list of pairs.
pub(crate) fn lookup<'a, T>(pairs: &'a [(String, T)], name: &str) -> Option<&'a T> {
    pairs.iter().find(|(n, _)| n == name).map(|(_, value)| value)
}
