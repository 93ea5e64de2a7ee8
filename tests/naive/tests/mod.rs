//! # tests: what the text of the language says, case by case
//! The users of these tests are told as `(minutes, name, properties)`; `eval` is asked directly.

mod identities;
mod redefinitions;
mod scenarios;
mod sequences;
mod text;
mod times;
mod values;

use crate::naive::ast::{Aggregate as Agg, Comparison as Cmp, Function, Operation as Op, *};
use crate::naive::clock::{DAY, HOUR, MINUTE};
use crate::naive::history::{History, Key, User};
use crate::naive::message::read;
use crate::naive::{Change, Input, Scenario, changes, eval, frame, generate, polls, render};
use serde_json::{Value as Json, json};

/// 2026-06-01T00:00:00Z, a Monday.
const T0: Millis = 1_780_272_000_000;

fn definitions() -> Definitions {
    Definitions {
        zone: None,
        session_gap: None,
        parts_max: PARTS_MAX,
        strict: false,
        attributes: frame::attributes(),
        events: frame::events(),
        affinities: Default::default(),
        segments: Vec::new(),
    }
}

fn line(at: Millis, name: &str, properties: Json) -> String {
    let body = json!({
        "type": "track", "event": name, "userId": "u", "timestamp": at, "properties": properties,
    });
    body.to_string()
}

fn traits(at: Millis, traits: Json) -> String {
    json!({ "type": "identify", "userId": "u", "timestamp": at, "traits": traits }).to_string()
}

fn user(lines: &[String]) -> User {
    let mut history = History::default();
    let mut now = Millis::MIN;
    for line in lines {
        let message = read(line);
        now = now.max(message.at);
        history.apply(&definitions(), &message, now);
    }
    let known = history.in_order().first().map(|(_, _, user)| (*user).clone());
    known.unwrap_or_default()
}

/// A user who did the named things so long after `T0`.
fn did(events: &[(i64, &str)]) -> User {
    let lines: Vec<String> = events.iter().map(|(after, name)| line(T0 + after, name, json!({}))).collect();
    user(&lines)
}

/// A user with an event `e` at each minute after `T0`, with these values of `p`.
fn values(values: &[Json]) -> User {
    let each = values.iter().enumerate();
    let lines: Vec<String> =
        each.map(|(n, p)| line(T0 + n as i64 * MINUTE, "e", json!({ "p": p }))).collect();
    user(&lines)
}

fn value(user: &User, expr: &Expr, now: Millis) -> Value {
    eval::value(&definitions(), user, expr, now)
}

fn holds(user: &User, expr: &Expr, now: Millis) -> bool {
    value(user, expr, now) == Value::Bool(true)
}

fn aggregate(which: Agg, events: Events) -> Expr {
    Expr::Aggregate(which, events)
}

fn lit(value: impl Into<Literal>) -> Expr {
    Expr::Literal(value.into().0)
}

struct Literal(Value);

impl From<i64> for Literal {
    fn from(n: i64) -> Self {
        Literal(Value::Int(n))
    }
}

impl From<f64> for Literal {
    fn from(x: f64) -> Self {
        Literal(Value::Float(x))
    }
}

impl From<&str> for Literal {
    fn from(s: &str) -> Self {
        Literal(text(s))
    }
}

fn span(ms: i64) -> Expr {
    Expr::Literal(Value::Duration(ms))
}

fn attribute(name: &str) -> Expr {
    Expr::Attribute(name.to_owned())
}

fn step(name: &str, negative: bool, within: Option<i64>) -> Step {
    Step { negative, source: Source::Named(vec![name.to_owned()]), condition: None, within }
}

fn instant(text: &str) -> Millis {
    text.parse::<jiff::Timestamp>().expect("an instant").as_millisecond()
}
