use crate::model::cut;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A byte range of a text.
///
/// ```
/// use bespoke::segment::{Plan, Schema};
/// let text = "not did(purchas in 30d)";
/// # let mut schema = Schema::strict();
/// # schema.event("purchase");
/// let errors = Plan::builder(schema).segment("lapsed", None, text).build().unwrap_err();
/// let span = errors[0].span(); // where an editor draws a line below
/// assert_eq!(&text[span.range()], "purchas");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    pub(crate) fn to(self, end: Span) -> Span {
        Span { start: self.start, end: end.end.max(self.start) }
    }

    /// The range of bytes.
    #[must_use]
    pub fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// What is wrong with an expression.
///
/// ```
/// use bespoke::segment::{ErrorKind, Kind, Plan, Schema};
/// let mut schema = Schema::strict();
/// schema.attribute("age", Kind::Number);
/// let plan = Plan::builder(schema).segment("teen", None, "12 < age < 20").segment("adult", None, "agee >= 18");
/// let errors = plan.build().unwrap_err();
/// assert_eq!(errors[0].kind(), ErrorKind::ChainedComparison);
/// assert_eq!(errors[1].kind(), ErrorKind::UnknownName);
/// assert_eq!(errors[1].advice(), Some("did you mean `age`?"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A character, number, string or date that cannot be read.
    Lexical,
    /// Something else was expected at this place.
    Syntax,
    /// `1 < x < 5`.
    ChainedComparison,
    /// The text, its depth, its nodes or a regex pass a limit.
    Limit,
    /// A window reaches further back than events may be kept.
    Retention,
    /// An attribute, event, property, function or segment of that name is not declared.
    UnknownName,
    /// A name that may stand for several things.
    Ambiguous,
    /// Segments that refer to one another in a circle.
    Circle,
    /// Kinds that do not fit together.
    Kind,
    /// A function was given too few or too many arguments, or not the ones it takes.
    Arguments,
    /// A regular expression that cannot be read.
    Regex,
    /// `now`, or what depends on it, inside `where`.
    NotInWhere,
    /// Something that is known only inside `where`, or only in a keyed segment.
    OutOfPlace,
    /// The instant at which time alone changes it cannot be told.
    TimeNotTold,
    /// A window that can hold nothing.
    EmptyWindow,
}

/// Why an expression was refused. `{e}` is one line; `{e:#}` shows the text with the place marked.
///
/// ```
/// use bespoke::segment::{Plan, Schema};
/// let mut schema = Schema::strict();
/// schema.event("purchase");
/// let errors = Plan::builder(schema).segment("lapsed", None, "not did(purchas in 30d)").build().unwrap_err();
/// assert_eq!(
///     format!("{:#}", errors[0]),
///     "unknown event `purchas`\n  1 | not did(purchas in 30d)\n    |         ^^^^^^^\n  help: did you mean `purchase`?"
/// );
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    span: Span,
    help: Option<String>,
    text: Arc<str>,
    name: Option<Arc<str>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>, span: Span) -> Error {
        Error { kind, message: cut(message.into()), span, help: None, text: "".into(), name: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Error {
        self.help = Some(cut(help.into()));
        self
    }

    pub(crate) fn suggest(self, name: Option<&str>) -> Error {
        match name {
            Some(name) => self.help(format!("did you mean `{name}`?")),
            None => self,
        }
    }

    pub(crate) fn in_text(mut self, name: Option<&Arc<str>>, text: &Arc<str>) -> Error {
        self.text = text.clone();
        self.name = name.cloned();
        self
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Byte range into the text that was given.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// What is wrong, in words.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it, where that can be said.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// The name of the segment or condition whose text it is, where it has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Line and column of the place, from 1, in characters.
    #[must_use]
    pub fn line_column(&self) -> (usize, usize) {
        line_column(&self.text, self.span.start)
    }
}

/// Line and column of a byte of a text, from 1, in characters.
pub(crate) fn line_column(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// Writes the line that holds a span, with carets below it. Tabs and wide lines are made fit for a terminal. Looks only
/// at what is near: a long text may have many errors.
pub(crate) fn show_place(f: &mut fmt::Formatter<'_>, text: &str, line: usize, span: Span) -> fmt::Result {
    let before = text.get(..span.start).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    // Of a very long line, just what is around the place.
    let near = before[line_start..].char_indices().rev().nth(58).map_or(0, |(at, _)| at);
    let dots = if near > 0 { "…" } else { "" };
    let near = line_start + near;
    let indent = before[near..].chars().count();
    let shown = text[near..].lines().next().unwrap_or_default().chars().take(100);
    let shown: String = shown.map(|c| if c.is_control() { ' ' } else { c }).collect();
    let marked = text
        .get(span.range())
        .map_or(1, |marked| marked.lines().next().unwrap_or_default().chars().take(100).count());
    let marked = marked.clamp(1, shown.chars().count().saturating_sub(indent).max(1));
    let gutter = line.to_string().len();
    let indent = " ".repeat(indent + dots.chars().count());
    write!(f, "\n  {line} | {dots}{shown}\n  {:gutter$} | {indent}{}", "", "^".repeat(marked))
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if f.alternate() {
            show_place(f, &self.text, self.line_column().0, self.span)?;
            if let Some(help) = &self.help {
                write!(f, "\n  help: {help}")?;
            }
        } else if let Some(help) = &self.help {
            write!(f, " ({help})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}..{}: {self}", self.kind, self.span.start, self.span.end)
    }
}

impl std::error::Error for Error {}
