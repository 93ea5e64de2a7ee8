//! Values and parts of a text as a person reads them.

use crate::model::{Duration, Instant, Value};
use crate::profile::Symbols;
use crate::segment::Span;
use crate::segment::lex::lex;
use crate::segment::value::{List, Val};

/// Most characters of a part of a text, and of a text that is a value.
const WORDS_MAX: usize = 200;
/// Stands for what is shown to nobody.
pub(crate) const HIDDEN: &str = "‹hidden›";
/// Most elements of a list that are written.
const ELEMENTS_MAX: usize = 10;

/// Where the tokens of a text are: what lies between them is space and comments.
#[derive(Debug)]
pub(crate) struct TokenSpans(Vec<Span>);

impl TokenSpans {
    pub(crate) fn of(text: &str) -> TokenSpans {
        // The last one is the end.
        TokenSpans(
            lex(text).0.into_iter().map(|(_, span)| span).filter(|span| span.start < text.len()).collect(),
        )
    }

    /// The part of a text that lies in a span, with one space where there was any, without comments and without
    /// parentheses around the whole. What is masked is not shown.
    pub(crate) fn words(&self, text: &str, span: Span, masked: &[Span]) -> String {
        let first = self.0.partition_point(|token| token.start < span.start);
        let end = self.0.partition_point(|token| token.end <= span.end).max(first);
        let tokens = without_parentheses(text, &self.0[first..end]);
        let mut words = String::new();
        let (mut end, mut count) = (span.start, 0);
        for token in tokens {
            if token.start > end && !words.is_empty() {
                words.push(' ');
            }
            let mask = masked.iter().find(|mask| mask.start <= token.start && token.end <= mask.end);
            let shown = match mask {
                None => &text[token.range()],
                Some(mask) if mask.start == token.start => HIDDEN,
                Some(_) => "",
            };
            for c in shown.chars() {
                words.push(if c.is_control() { ' ' } else { c });
                count += 1;
                if count >= WORDS_MAX {
                    words.push('…');
                    return words;
                }
            }
            end = token.end;
        }
        words
    }
}

/// Tokens without the parentheses that all others stand in.
fn without_parentheses<'t>(text: &str, mut tokens: &'t [Span]) -> &'t [Span] {
    let is = |token: &Span, sign: &str| text.get(token.range()) == Some(sign);
    while let [first, inner @ .., last] = tokens
        && is(first, "(")
        && is(last, ")")
    {
        let mut depth = 0_usize;
        for token in inner {
            depth += usize::from(is(token, "("));
            if is(token, ")") {
                // The first one ends before the last one.
                let Some(outer) = depth.checked_sub(1) else { return tokens };
                depth = outer;
            }
        }
        tokens = inner;
    }
    tokens
}

/// A value as the segment language writes it.
pub(crate) fn written(value: &Val<'_>, symbols: &Symbols) -> String {
    match value {
        Val::Missing => "missing".to_owned(),
        Val::Bool(b) => b.to_string(),
        Val::Int(n) => n.to_string(),
        Val::Float(x) => number(*x),
        Val::Instant(at) => format!("@{}", Instant::from_millis(*at)),
        Val::Duration(ms) => Duration::from_millis(*ms).to_string(),
        Val::Time(ms) => time_of_day(*ms),
        Val::Geo(geo) => format!("geo({}, {})", geo.lat, geo.lon),
        Val::List(list) => written_list(*list, symbols),
        Val::Symbol(_) | Val::Text(_) | Val::Owned(_) => quoted(value.text(symbols).unwrap_or_default()),
        Val::Version(text) => format!("version({})", quoted(text)),
        Val::OwnedVersion(text) => format!("version({})", quoted(text)),
    }
}

fn written_list(list: List<'_>, symbols: &Symbols) -> String {
    let elements: Vec<String> =
        list.iter().take(ELEMENTS_MAX).map(|element| written(&element, symbols)).collect();
    let more = if list.len() > ELEMENTS_MAX { ", …" } else { "" };
    format!("[{}{more}]", elements.join(", "))
}

fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(WORDS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}

/// A float without the digits that arithmetic in binary leaves behind.
pub(crate) fn number(x: f64) -> String {
    let rounded = (x * 1e6).round() / 1e6;
    if rounded.is_finite() && x.abs() >= 1e-3 && x.abs() < 1e15 { rounded.to_string() } else { x.to_string() }
}

fn time_of_day(ms: i64) -> String {
    let (hours, minutes) = (ms / 3_600_000, ms / 60_000 % 60);
    let (seconds, millis) = (ms / 1_000 % 60, ms % 1_000);
    match (seconds, millis) {
        (0, 0) => format!("{hours:02}:{minutes:02}"),
        (_, 0) => format!("{hours:02}:{minutes:02}:{seconds:02}"),
        _ => format!("{hours:02}:{minutes:02}:{seconds:02}.{millis:03}"),
    }
}

/// The key of a part behind the name of its segment, as a change shows it.
pub(crate) fn in_part(key: Option<&Value>) -> String {
    match key {
        Some(Value::String(key)) => format!(" ({key})"),
        Some(Value::Int(key)) => format!(" ({key})"),
        Some(Value::Float(key)) => format!(" ({key})"),
        _ => String::new(),
    }
}

/// A value as hosts see it; durations and times of day are integers of milliseconds.
pub(crate) fn public(value: &Val<'_>, symbols: &Symbols) -> Value {
    match value {
        Val::Missing => Value::Null,
        Val::Bool(b) => Value::Bool(*b),
        Val::Int(n) | Val::Duration(n) | Val::Time(n) => Value::Int(*n),
        Val::Float(x) => Value::Float(*x),
        Val::Instant(at) => Value::Instant(Instant::from_millis(*at)),
        Val::Geo(geo) => Value::Geo(*geo),
        Val::List(list) => Value::List(list.iter().map(|element| public(&element, symbols)).collect()),
        Val::Symbol(_) | Val::Text(_) | Val::Owned(_) => {
            Value::String(value.text(symbols).unwrap_or_default().into())
        }
        Val::Version(text) => Value::String((*text).into()),
        Val::OwnedVersion(text) => Value::String((&**text).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_text_on_one_line() {
        for (text, words) in [
            ("a  =\n\t1", "a = 1"),
            ("a = 1 # as agreed\n and b", "a = 1 and b"),
            ("x = \"a # b\"", "x = \"a # b\""),
            ("count( view )>=3", "count( view )>=3"),
            ("((a or b))", "a or b"),
            ("(a) or (b)", "(a) or (b)"),
        ] {
            let whole = Span { start: 0, end: text.len() };
            assert_eq!(TokenSpans::of(text).words(text, whole, &[]), words);
        }
        let long = "abc and ".repeat(100) + "abc";
        let whole = Span { start: 0, end: long.len() };
        assert!(TokenSpans::of(&long).words(&long, whole, &[]).chars().count() < 300);
    }

    #[test]
    fn values_as_the_language_writes_them() {
        let symbols = Symbols::default();
        for (value, words) in [
            (Val::Missing, "missing"),
            (Val::Float(0.1 + 0.2), "0.3"),
            (Val::Float(2.0), "2"),
            (Val::Float(1e-9), "0.000000001"),
            (Val::Text("a\"b"), "\"a\\\"b\""),
            (Val::Instant(0), "@1970-01-01T00:00:00Z"),
            (Val::Duration(5_400_000), "1h30m"),
            (Val::Time(27_000_000), "07:30"),
            (Val::Time(27_001_005), "07:30:01.005"),
        ] {
            assert_eq!(written(&value, &symbols), words);
        }
    }
}
