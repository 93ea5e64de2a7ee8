//! # render: the tree as text of the language
//! Writes parentheses where §3 needs them, and with a random [`Style`] now and then where it does
//! not, other spellings of the same operator, other quotes and other cases of keywords.

use super::ast::{Aggregate, Comparison, Events, Expr, Function, LengthUnit, Operation, Period};
use super::ast::{SessionField, Source, Step, TextTest, Value, Window};
use super::clock::{self, DAY, HOUR, MINUTE, SECOND};

/// How freely to write. [`Style::plain`] writes one text for one tree.
#[derive(Default)]
pub(crate) struct Style {
    rng: Option<fastrand::Rng>,
}

impl Style {
    /// The shortest way.
    pub(crate) fn plain() -> Style {
        Style::default()
    }

    /// Any way, by a seed.
    pub(crate) fn varied(seed: u64) -> Style {
        Style { rng: Some(fastrand::Rng::with_seed(seed)) }
    }

    /// True once in `n` times; never when plain.
    pub(crate) fn one_in(&mut self, n: u32) -> bool {
        self.rng.as_mut().is_some_and(|rng| rng.u32(0..n) == 0)
    }

    fn keyword(&mut self, word: &str) -> String {
        if self.one_in(25) { word.to_uppercase() } else { word.to_owned() }
    }

    fn string(&mut self, s: &str) -> String {
        let quote = if self.one_in(12) { '\'' } else { '"' };
        let mut out = String::from(quote);
        for c in s.chars() {
            match c {
                '\\' | '"' | '\'' => out.extend(['\\', c]),
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                c if !c.is_ascii() && self.one_in(3) => {
                    out.push_str(&format!("\\u{{{:X}}}", c as u32));
                }
                c => out.push(c),
            }
        }
        out.push(quote);
        out
    }
}

/// Levels of §3, loosest first.
const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const COMPARISON: u8 = 4;
const SUM: u8 = 5;
const PRODUCT: u8 = 6;
const SIGN: u8 = 7;
const PRIMARY: u8 = 8;

/// An expression as text.
pub(crate) fn expression(expr: &Expr, style: &mut Style) -> String {
    write(expr, OR, style)
}

/// An expression where at least `level` is wanted.
fn write(expr: &Expr, level: u8, style: &mut Style) -> String {
    let (own, text) = written(expr, style);
    if own < level || style.one_in(30) { format!("({text})") } else { text }
}

fn binary(a: &Expr, op: &str, b: &Expr, levels: [u8; 3], style: &mut Style) -> (u8, String) {
    let [own, left, right] = levels;
    let (a, op, b) = (write(a, left, style), style.keyword(op), write(b, right, style));
    (own, format!("{a} {op} {b}"))
}

fn written(expr: &Expr, style: &mut Style) -> (u8, String) {
    match expr {
        Expr::Literal(value) => literal(value, style),
        Expr::Percent(n) => (PRIMARY, format!("{n}%")),
        Expr::Length(n, LengthUnit::Metre) => (PRIMARY, format!("{n} m")),
        Expr::Length(n, LengthUnit::Kilometre) => (PRIMARY, format!("{n} km")),
        Expr::Length(n, LengthUnit::Mile) => (PRIMARY, format!("{n} mi")),
        Expr::Attribute(name) if style.one_in(8) => (PRIMARY, format!("user.{}", path(name))),
        Expr::Attribute(name) | Expr::Property(name) => (PRIMARY, path(name)),
        Expr::UserAttribute(name) => (PRIMARY, format!("user.{}", path(name))),
        Expr::AttributeOfKey(name) => (PRIMARY, format!("{}[key]", path(name))),
        Expr::Key => word("key"),
        Expr::At => word("at"),
        Expr::AtHour => word("at.hour"),
        Expr::AtWeekday => word("at.weekday"),
        Expr::Now => (PRIMARY, style.keyword("now")),
        Expr::LocalTime => word("local_time"),
        Expr::LocalHour => word("local_hour"),
        Expr::Weekday => word("weekday"),
        Expr::Session(SessionField::Number) => word("session.number"),
        Expr::Session(SessionField::Started) => word("session.started"),
        Expr::Session(SessionField::Duration) => word("session.duration"),
        Expr::Session(SessionField::Events) => word("session.events"),
        Expr::Segment(name) => (PRIMARY, format!("segment({})", style.string(name))),
        Expr::Not(a) => (NOT, format!("{} {}", style.keyword("not"), write(a, NOT, style))),
        Expr::And(a, b) => binary(a, "and", b, [AND, AND, NOT], style),
        Expr::Or(a, b) => binary(a, "or", b, [OR, OR, AND], style),
        Expr::Compare(op, a, b) => {
            let op = comparison(*op, style);
            binary(a, op, b, [COMPARISON, SUM, SUM], style)
        }
        Expr::In(x, list) => membership(x, "in", list, style),
        Expr::NotIn(x, list) => membership(x, "not in", list, style),
        Expr::Between(x, low, high) => {
            let (x, between) = (write(x, SUM, style), style.keyword("between"));
            let (low, and, high) = (write(low, SUM, style), style.keyword("and"), write(high, SUM, style));
            (COMPARISON, format!("{x} {between} {low} {and} {high}"))
        }
        Expr::Test(TextTest::Contains, a, b) => binary(a, "contains", b, [COMPARISON, SUM, SUM], style),
        Expr::Test(TextTest::StartsWith, a, b) => binary(a, "starts with", b, [COMPARISON, SUM, SUM], style),
        Expr::Test(TextTest::EndsWith, a, b) => binary(a, "ends with", b, [COMPARISON, SUM, SUM], style),
        Expr::IsMissing(a) => (COMPARISON, format!("{} is missing", write(a, SUM, style))),
        Expr::IsPresent(a) => (COMPARISON, format!("{} is present", write(a, SUM, style))),
        Expr::Calculate(op, a, b) => match op {
            Operation::Add => binary(a, "+", b, [SUM, SUM, PRODUCT], style),
            Operation::Sub => binary(a, "-", b, [SUM, SUM, PRODUCT], style),
            Operation::Mul => binary(a, "*", b, [PRODUCT, PRODUCT, SIGN], style),
            Operation::Div => binary(a, "/", b, [PRODUCT, PRODUCT, SIGN], style),
        },
        Expr::Negate(a) => (SIGN, format!("-{}", write(a, PRIMARY, style))),
        Expr::Aggregate(which, events) => (PRIMARY, aggregate(*which, events, style)),
        Expr::Affinity(property, value) => {
            let (property, value) = (style.string(property), style.string(value));
            (PRIMARY, format!("affinity({property}, {value})"))
        }
        Expr::Top(property) => (PRIMARY, format!("top({})", style.string(property))),
        Expr::Sequence(steps, window) => {
            let steps: Vec<String> = steps.iter().map(|s| step(s, style)).collect();
            (PRIMARY, format!("sequence({}){}", steps.join(", "), windowed(window, style)))
        }
        Expr::Call(function, arguments) => {
            let arguments: Vec<String> = arguments.iter().map(|a| write(a, OR, style)).collect();
            (PRIMARY, format!("{}({})", function_name(*function), arguments.join(", ")))
        }
        Expr::Some(by, when) => (PRIMARY, format!("some {}: ({})", path(by), write(when, OR, style))),
    }
}

fn word(word: &str) -> (u8, String) {
    (PRIMARY, word.to_owned())
}

fn membership(x: &Expr, op: &str, list: &[Value], style: &mut Style) -> (u8, String) {
    let (x, op) = (write(x, SUM, style), style.keyword(op));
    (COMPARISON, format!("{x} {op} {}", brackets(list, style)))
}

fn brackets(list: &[Value], style: &mut Style) -> String {
    let items: Vec<String> = list.iter().map(|v| literal(v, style).1).collect();
    format!("[{}]", items.join(", "))
}

fn comparison(op: Comparison, style: &mut Style) -> &'static str {
    match op {
        Comparison::Eq if style.one_in(6) => "==",
        Comparison::Eq => "=",
        Comparison::Ne => "!=",
        Comparison::Lt => "<",
        Comparison::Le => "<=",
        Comparison::Gt => ">",
        Comparison::Ge => ">=",
    }
}

fn literal(value: &Value, style: &mut Style) -> (u8, String) {
    let text = match value {
        Value::Bool(b) => style.keyword(if *b { "true" } else { "false" }),
        Value::Int(n) => n.to_string(),
        Value::Float(x) => format!("{x:?}"),
        Value::Text(s) => style.string(s),
        Value::Instant(at) => format!("@{}", instant(*at, style)),
        Value::Duration(ms) => duration(*ms, style),
        Value::Time(ms) => format!("{:02}:{:02}", ms / HOUR, ms / MINUTE % 60),
        Value::List(items) => brackets(items, style),
        Value::Missing | Value::Geo(..) | Value::Rows(_) => panic!("{value:?} has no literal"),
    };
    let level = if text.starts_with('-') { SIGN } else { PRIMARY };
    (level, text)
}

fn instant(at: i64, style: &mut Style) -> String {
    if style.one_in(5) {
        return clock::written(at, 2);
    }
    let text = clock::written(at, 0);
    let date = text.strip_suffix("T00:00:00Z").map(str::to_owned);
    date.unwrap_or(text)
}

/// A duration, its largest units first: `1d12h`; sometimes in one unit: `36h`.
pub(crate) fn duration(ms: i64, style: &mut Style) -> String {
    let units = [(7 * DAY, "w"), (DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (SECOND, "s"), (1, "ms")];
    let weeks = style.one_in(3);
    let in_one = style.one_in(3);
    let units = if weeks { &units[..] } else { &units[1..] };
    if in_one
        && let Some((unit, name)) =
            units.iter().rev().find(|(unit, _)| ms > 0 && ms % unit == 0 && *unit >= MINUTE)
    {
        return format!("{}{name}", ms / unit);
    }
    let mut rest = ms;
    let mut text = String::new();
    for (unit, name) in units {
        if rest >= *unit {
            text.push_str(&format!("{}{name}", rest / unit));
            rest %= unit;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

fn function_name(function: Function) -> &'static str {
    match function {
        Function::Lower => "lower",
        Function::Length => "length",
        Function::Abs => "abs",
        Function::MinOf => "min_of",
        Function::MaxOf => "max_of",
        Function::Distance => "distance",
        Function::Geo => "geo",
        Function::Age => "age",
        Function::IsAnniversary => "is_anniversary",
        Function::AnyIn => "any_in",
        Function::AllIn => "all_in",
    }
}

fn aggregate(which: Aggregate, of: &Events, style: &mut Style) -> String {
    let name = match which {
        Aggregate::Did => "did",
        Aggregate::Count => "count",
        Aggregate::Sum => "sum",
        Aggregate::Avg => "avg",
        Aggregate::Min => "min",
        Aggregate::Max => "max",
        Aggregate::Stddev => "stddev",
        Aggregate::Median => "median",
        Aggregate::Percentile(p) => return format!("percentile({}, {p})", events(of, style)),
        Aggregate::Distinct => "distinct",
        Aggregate::Mode => "mode",
        Aggregate::First => "first",
        Aggregate::Last => "last",
        Aggregate::ActiveDays => "active_days",
        Aggregate::Streak => "streak",
    };
    format!("{name}({})", events(of, style))
}

fn events(of: &Events, style: &mut Style) -> String {
    let property = of.property.as_ref().map_or(String::new(), |p| format!(".{}", path(p)));
    let source = source(&of.source, style);
    let condition = condition(of.condition.as_deref(), style);
    format!("{source}{property}{condition}{}", windowed(&of.window, style))
}

fn source(source: &Source, style: &mut Style) -> String {
    match source {
        Source::Any => "any".to_owned(),
        Source::Named(names) if names.len() == 1 => event_name(&names[0], style),
        Source::Named(names) => {
            let names: Vec<String> = names.iter().map(|n| event_name(n, style)).collect();
            format!("[{}]", names.join(", "))
        }
        Source::Rows(event, list) => format!("{}.{}", event_name(event, style), path(list)),
    }
}

fn condition(condition: Option<&Expr>, style: &mut Style) -> String {
    condition.map_or(String::new(), |c| format!(" {} {}", style.keyword("where"), write(c, OR, style)))
}

fn step(step: &Step, style: &mut Style) -> String {
    let negative = if step.negative { style.keyword("not") + " " } else { String::new() };
    let source = source(&step.source, style);
    let condition = condition(step.condition.as_deref(), style);
    let within = step.within.map_or(String::new(), |d| format!(" within {}", duration(d, style)));
    format!("{negative}{source}{condition}{within}")
}

/// A window with the space before it.
fn windowed(window: &Window, style: &mut Style) -> String {
    match window {
        Window::All => String::new(),
        Window::In(length) => format!(" {} {}", style.keyword("in"), duration(*length, style)),
        Window::FromTo(far, near) => {
            format!(" from {} to {} ago", duration(*far, style), duration(*near, style))
        }
        Window::This(Period::Day) => " in today".to_owned(),
        Window::This(of) => format!(" in this {}", period(*of)),
        Window::Last(Period::Day, 1) => " in yesterday".to_owned(),
        Window::Last(of, 1) => format!(" in last {}", period(*of)),
        Window::Last(of, n) => format!(" in last {n} {}s", period(*of)),
        Window::SinceLast(of) => format!(" since last({})", events(of, style)),
        Window::Since(at) => format!(" since @{}", instant(*at, style)),
        Window::Before(at) => format!(" before @{}", instant(*at, style)),
        Window::Between(from, to) => {
            format!(" between @{} and @{}", instant(*from, style), instant(*to, style))
        }
        Window::Session => " in session".to_owned(),
    }
}

fn period(period: Period) -> &'static str {
    match period {
        Period::Day => "day",
        Period::Week => "week",
        Period::Month => "month",
        Period::Year => "year",
    }
}

/// Words of the language that would be misread as the name of an event.
const TAKEN: [&str; 24] = [
    "and", "or", "not", "in", "is", "where", "between", "contains", "true", "false", "now", "of", "any",
    "some", "key", "at", "since", "before", "from", "to", "ago", "within", "last", "first",
];

fn event_name(name: &str, style: &mut Style) -> String {
    let plain = name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    if plain && !TAKEN.contains(&name) { name.to_owned() } else { style.string(name) }
}

/// A dotted name; backquotes around each piece that needs them.
fn path(dotted: &str) -> String {
    let piece = |piece: &str| {
        let starts = piece.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let plain = starts && piece.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if plain { piece.to_owned() } else { format!("`{piece}`") }
    };
    dotted.split('.').map(piece).collect::<Vec<_>>().join(".")
}
