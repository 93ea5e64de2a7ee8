//! Reads values out of a document, and collects what is wrong with them instead of stopping.

use crate::definitions::ERRORS_MAX;
use crate::definitions::source::span;
use crate::model::{Duration, Quoted, Value, nearest};
use crate::segment::Span;
use crate::trigger::LocalTime;
use std::cell::RefCell;
use toml::de::{DeTable, DeValue};

/// Longest time that definitions may name: a hundred years.
pub(super) const DURATION_MAX: Duration = Duration::days(36_500);
/// Longest name of anything that a host defines, in bytes.
pub(super) const NAME_BYTES_MAX: usize = 200;

/// Something wrong, before its place is a line and a column.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) span: Span,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

/// What was found wrong so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    findings: RefCell<Vec<Finding>>,
    count: RefCell<usize>,
}

impl Report {
    pub(super) fn add(&self, span: Span, message: impl Into<String>, help: Option<String>) {
        *self.count.borrow_mut() += 1;
        let mut findings = self.findings.borrow_mut();
        if findings.len() < ERRORS_MAX {
            findings.push(Finding { span, message: message.into(), help });
        }
    }

    /// `did you mean …?`, where a name is near. Of a flood of errors the rest is only counted, so not for those.
    pub(super) fn did_you_mean<'a>(
        &self,
        wanted: &str,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Option<String> {
        let near = if self.count() < ERRORS_MAX { nearest(wanted, names) } else { None };
        near.map(|name| format!("did you mean `{name}`?"))
    }

    /// How many there are: who compares it before and after reading a table knows whether the table is sound.
    pub(super) fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// The findings, and how many more there were.
    pub(super) fn into_findings(self) -> (Vec<Finding>, usize) {
        let findings = self.findings.into_inner();
        let left_out = self.count.into_inner() - findings.len();
        (findings, left_out)
    }
}

/// A value with its key.
#[derive(Clone, Copy)]
pub(super) struct Node<'d> {
    report: &'d Report,
    /// Empty in a list.
    pub(super) key: &'d str,
    pub(super) key_span: Span,
    value: &'d DeValue<'d>,
    value_span: Span,
}

impl<'d> Node<'d> {
    /// What to mark: of a table its name, of anything else the value.
    pub(super) fn place(&self) -> Span {
        let is_list_item = self.key_span == Span::default();
        if !is_list_item && matches!(self.value, DeValue::Table(_)) { self.key_span } else { self.value_span }
    }

    pub(super) fn error(&self, message: impl Into<String>) {
        self.report.add(self.place(), message, None);
    }

    pub(super) fn error_help(&self, message: impl Into<String>, help: impl Into<String>) {
        self.report.add(self.place(), message, Some(help.into()));
    }

    /// Reports a name that is not known, with the nearest one that is, or else with `help`.
    pub(super) fn unknown<'a>(
        &self,
        what: &str,
        name: &str,
        names: impl IntoIterator<Item = &'a str>,
        help: Option<String>,
    ) {
        let help = self.report.did_you_mean(name, names).or(help);
        self.report.add(self.place(), format!("unknown {what} {}", Quoted(name)), help);
    }

    fn kind(&self) -> &'static str {
        match self.value {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date without quotes",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        }
    }

    pub(super) fn is_table(&self) -> bool {
        matches!(self.value, DeValue::Table(_))
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.value, DeValue::Array(_))
    }

    pub(super) fn is_text(&self) -> bool {
        matches!(self.value, DeValue::String(_))
    }

    pub(super) fn wanted(&self, what: &str) {
        self.error(format!("{what} is wanted, this is {}", self.kind()));
    }

    pub(super) fn text(&self) -> Option<&'d str> {
        match self.value {
            DeValue::String(text) => Some(text),
            _ => {
                self.wanted("a string");
                None
            }
        }
    }

    /// A string that names something.
    pub(super) fn name(&self) -> Option<&'d str> {
        let text = self.text()?;
        check_name(text, |message| self.error(message)).then_some(text)
    }

    /// Whether the key names something that a host defines.
    pub(super) fn is_named(&self) -> bool {
        check_name(self.key, |message| self.report.add(self.key_span, message, None))
    }

    pub(super) fn integer(&self) -> Option<i64> {
        let DeValue::Integer(integer) = self.value else {
            self.wanted("an integer");
            return None;
        };
        let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
        if number.is_none() {
            self.error("the number is too large");
        }
        number
    }

    /// An integer between limits, both included.
    pub(super) fn integer_in(&self, least: i64, most: i64) -> Option<i64> {
        let number = self.integer()?;
        let fits = (least..=most).contains(&number);
        if !fits {
            self.error(format!("{number} is out of range: at least {least} and at most {most}"));
        }
        fits.then_some(number)
    }

    /// An integer or a float; may be infinite or not a number.
    pub(super) fn number(&self) -> Option<f64> {
        match self.value {
            DeValue::Integer(_) => self.integer().map(|number| number as f64),
            DeValue::Float(float) => {
                let number = float.as_str().parse().ok();
                if number.is_none() {
                    self.error("this is not a number");
                }
                number
            }
            _ => {
                self.wanted("a number");
                None
            }
        }
    }

    /// A number from 0 to `most`.
    pub(super) fn weight(&self, most: f64) -> Option<f64> {
        let weight = self.number()?;
        let fits = (0.0..=most).contains(&weight);
        if !fits {
            self.error(format!("a weight of {weight} is out of range: at least 0 and at most {most}"));
        }
        fits.then_some(weight)
    }

    /// A percentage, from 0 to 100.
    pub(super) fn percent(&self) -> Option<f64> {
        let percent = self.number()?;
        let fits = (0.0..=100.0).contains(&percent);
        if !fits {
            self.error(format!("{percent} is out of range: at least 0 and at most 100 percent"));
        }
        fits.then_some(percent)
    }

    /// A duration as in the segment language, from `least` to a hundred years.
    pub(super) fn duration_from(&self, least: Duration) -> Option<Duration> {
        let DeValue::String(text) = self.value else {
            let help = "write it as a string, such as \"30m\"";
            self.error_help(format!("a duration is wanted, this is {}", self.kind()), help);
            return None;
        };
        match text.parse::<Duration>() {
            Err(error) => self.error(error.to_string()),
            Ok(duration) if duration < least && duration <= Duration::ZERO => {
                self.error("the duration must be more than 0");
            }
            Ok(duration) if duration < least => {
                self.error(format!("the duration must be at least `{least}`"))
            }
            Ok(duration) if duration > DURATION_MAX => {
                self.error(format!("the duration must be at most `{DURATION_MAX}`"));
            }
            Ok(duration) => return Some(duration),
        }
        None
    }

    /// A duration of more than 0.
    pub(super) fn duration(&self) -> Option<Duration> {
        self.duration_from(Duration::from_millis(1))
    }

    pub(super) fn bool(&self) -> Option<bool> {
        match self.value {
            DeValue::Boolean(value) => Some(*value),
            _ => {
                self.wanted("`true` or `false`");
                None
            }
        }
    }

    /// A time of day.
    pub(super) fn time(&self) -> Option<LocalTime> {
        match self.text()?.parse::<LocalTime>() {
            Ok(time) => Some(time),
            Err(error) => {
                self.error(error.to_string());
                None
            }
        }
    }

    /// A text, a number that is finite, or a truth.
    pub(super) fn value(&self) -> Option<Value> {
        match self.value {
            DeValue::String(text) => Some((&**text).into()),
            DeValue::Boolean(value) => Some(Value::Bool(*value)),
            DeValue::Integer(_) => self.integer().map(Value::Int),
            DeValue::Float(_) => {
                let number = self.number()?;
                if !number.is_finite() {
                    self.error("the number is not finite");
                }
                number.is_finite().then_some(Value::Float(number))
            }
            _ => {
                self.wanted("a string, a number or a truth");
                None
            }
        }
    }

    pub(super) fn list(&self) -> Option<Vec<Node<'d>>> {
        let DeValue::Array(list) = self.value else {
            self.wanted("a list");
            return None;
        };
        let node = |value: &'d toml::Spanned<DeValue<'d>>| Node {
            report: self.report,
            key: "",
            key_span: Span::default(),
            value: value.get_ref(),
            value_span: span(&value.span()),
        };
        Some(list.iter().map(node).collect())
    }

    pub(super) fn table(&self) -> Option<Table<'d>> {
        match self.value {
            DeValue::Table(table) => Some(Table::new(self.report, self.place(), table)),
            _ => {
                self.wanted("a table");
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, what: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        if let Some((_, choice)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(*choice);
        }
        let words: Vec<String> = choices.iter().map(|(word, _)| format!("`{word}`")).collect();
        let help = format!("it is one of {}", words.join(", "));
        self.unknown(what, text, choices.iter().map(|(word, _)| *word), Some(help));
        None
    }

    pub(super) fn report(&self) -> &'d Report {
        self.report
    }
}

fn check_name(name: &str, report: impl FnOnce(String)) -> bool {
    if name.trim().is_empty() {
        report("the name is empty".into());
    } else if name.len() > NAME_BYTES_MAX {
        report(format!("the name has {} bytes, at most {NAME_BYTES_MAX} are allowed", name.len()));
    } else if name.chars().any(char::is_control) {
        report("the name has a control character".into());
    } else {
        return true;
    }
    false
}

/// A table of which some keys are known. [`finish`](Table::finish) reports the others.
pub(super) struct Table<'d> {
    report: &'d Report,
    place: Span,
    /// In the order of the file.
    nodes: Vec<Node<'d>>,
    known: Vec<&'static str>,
    refused: Vec<&'static str>,
}

impl<'d> Table<'d> {
    pub(super) fn new(report: &'d Report, place: Span, table: &'d DeTable<'d>) -> Table<'d> {
        let node =
            |(key, value): (&'d toml::Spanned<std::borrow::Cow<'d, str>>, &'d toml::Spanned<DeValue<'d>>)| {
                Node {
                    report,
                    key: key.get_ref(),
                    key_span: span(&key.span()),
                    value: value.get_ref(),
                    value_span: span(&value.span()),
                }
            };
        let mut nodes: Vec<Node<'d>> = table.iter().map(node).collect();
        // The table itself is sorted by name.
        nodes.sort_by_key(|node| node.key_span.start);
        Table { report, place, nodes, known: Vec::new(), refused: Vec::new() }
    }

    /// Everything in it, in the order of the file, where the keys are names that the host gives.
    pub(super) fn nodes(&self) -> &[Node<'d>] {
        &self.nodes
    }

    /// The value of a known key.
    pub(super) fn get(&mut self, key: &'static str) -> Option<Node<'d>> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.nodes.iter().find(|node| node.key == key).copied()
    }

    /// The value of a key that must be there.
    pub(super) fn require(&mut self, key: &'static str) -> Option<Node<'d>> {
        let node = self.get(key);
        if node.is_none() {
            self.error(format!("`{key}` is missing"));
        }
        node
    }

    /// Keys that are right but not built yet.
    pub(super) fn not_yet(&mut self, keys: &[&'static str]) {
        self.refused.extend(keys);
    }

    /// How many mistakes were found so far, in it or elsewhere.
    pub(super) fn count(&self) -> usize {
        self.report.count()
    }

    pub(super) fn error(&self, message: impl Into<String>) {
        self.report.add(self.place, message, None);
    }

    pub(super) fn error_help(&self, message: impl Into<String>, help: impl Into<String>) {
        self.report.add(self.place, message, Some(help.into()));
    }

    /// Reports the keys that nobody asked for.
    pub(super) fn finish(self) {
        for node in &self.nodes {
            if self.refused.contains(&node.key) {
                let message = format!("`{}` is not supported yet", node.key);
                self.report.add(node.key_span, message, None);
            } else if !self.known.contains(&node.key) {
                let words: Vec<String> = self.known.iter().map(|key| format!("`{key}`")).collect();
                let help = self
                    .report
                    .did_you_mean(node.key, self.known.iter().copied())
                    .unwrap_or_else(|| format!("it may have {}", words.join(", ")));
                let message = format!("unknown key {}", Quoted(node.key));
                self.report.add(node.key_span, message, Some(help));
            }
        }
    }
}
