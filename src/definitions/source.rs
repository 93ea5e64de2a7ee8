//! The text of definitions: where in it a key, a value, or a part of a string is.

use crate::definitions::Error;
use crate::model::cut;
use crate::segment::Span;
use std::fmt;
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

#[derive(Clone)]
pub(super) struct Source {
    file: Option<Arc<str>>,
    text: Arc<str>,
    /// The byte with which each line begins.
    lines: Vec<usize>,
}

/// Shows how long the text is: there may be a key in it.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Source");
        shown.field("file", &self.file).field("bytes", &self.text.len()).finish_non_exhaustive()
    }
}

impl Source {
    pub(super) fn new(file: Option<&str>, text: &str) -> Source {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Source { file: file.map(Into::into), text: text.into(), lines }
    }

    pub(super) fn text(&self) -> &Arc<str> {
        &self.text
    }

    pub(super) fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }

    pub(super) fn error(&self, span: Span, message: String, help: Option<String>) -> Error {
        let floor =
            |at: usize| (0..=at.min(self.text.len())).rev().find(|at| self.text.is_char_boundary(*at));
        let start = floor(span.start).unwrap_or(0);
        let span = Span { start, end: floor(span.end).unwrap_or(0).max(start) };
        let line = self.lines.partition_point(|begins| *begins <= start).max(1);
        let begins = self.lines.get(line - 1).copied().unwrap_or(0);
        let column = self.text.get(begins..start).map_or(0, |before| before.chars().count()) + 1;
        let (message, help) = (cut(message), help.map(cut));
        Error { message, help, file: self.file.clone(), text: self.text.clone(), span, line, column }
    }

    /// The place of a part of a string value: `whole` is where the string stands, with its quotes, `inner` a byte
    /// range of what the string means.
    pub(super) fn inside(&self, whole: Span, inner: Span) -> Span {
        let Some(literal) = self.text.get(whole.range()).and_then(Literal::new) else { return whole };
        let start = whole.start + literal.place_of(inner.start);
        let last = inner.end.max(inner.start + 1) - 1;
        // Behind the last byte, so that an escape at the end is in.
        let end = whole.start + literal.place_of(last + 1).min(literal.ends);
        Span { start, end: if inner.end > inner.start { end } else { start } }
    }
}

/// A string as it is written, with its quotes.
struct Literal<'a> {
    raw: &'a str,
    /// Where the content begins and ends.
    begins: usize,
    ends: usize,
    has_escapes: bool,
}

impl Literal<'_> {
    fn new(raw: &str) -> Option<Literal<'_>> {
        let quote = raw.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let is_multiline = raw.len() >= 6 && raw.bytes().take(3).all(|b| b == quote as u8);
        let quotes = if is_multiline { 3 } else { 1 };
        let ends = raw.len().checked_sub(quotes).filter(|ends| *ends >= quotes)?;
        let body = raw.get(quotes..ends)?;
        // A newline right behind the opening quotes is not part of the string.
        let skipped = match is_multiline {
            true if body.starts_with("\r\n") => 2,
            true if body.starts_with('\n') => 1,
            _ => 0,
        };
        Some(Literal { raw, begins: quotes + skipped, ends, has_escapes: quote == '"' })
    }

    /// Where the byte `wanted` of the meaning is written, as an offset into `raw`.
    fn place_of(&self, wanted: usize) -> usize {
        let (mut at, mut meant) = (self.begins, 0);
        while let Some(rest) = self.raw.get(at..self.ends) {
            let Some(c) = rest.chars().next() else { break };
            let (written, means) = match rest.as_bytes() {
                [b'\\', escape, ..] if self.has_escapes => escaped(rest, *escape),
                _ => (c.len_utf8(), c.len_utf8()),
            };
            if meant + means > wanted {
                return at;
            }
            (at, meant) = (at + written, meant + means);
        }
        self.ends
    }
}

/// How many bytes an escape takes, and how many it means.
fn escaped(rest: &str, escape: u8) -> (usize, usize) {
    let digits = match escape {
        b'x' => 2,
        b'u' => 4,
        b'U' => 8,
        // A line that goes on in the next: everything up to its first character.
        b' ' | b'\t' | b'\r' | b'\n' => {
            let gone = rest.get(1..).map_or(0, |after| after.len() - after.trim_ascii_start().len());
            return (1 + gone, 0);
        }
        _ => return (2, 1),
    };
    let code = rest.get(2..2 + digits).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    (2 + digits, code.and_then(char::from_u32).map_or(1, char::len_utf8))
}

/// Where each key and value stands: the shape of the document without its values.
#[derive(Clone, Debug)]
pub(super) struct Place {
    key: Span,
    value: Span,
    inner: Inner,
}

#[derive(Clone, Debug)]
enum Inner {
    Scalar,
    String,
    /// By name.
    Table(Vec<(Box<str>, Place)>),
    List(Vec<Place>),
}

impl Place {
    pub(super) fn root(document: &DeTable<'_>) -> Place {
        Place { key: Span::default(), value: Span::default(), inner: Inner::of_table(document) }
    }

    fn child(&self, name: &str) -> Option<&Place> {
        match &self.inner {
            Inner::Table(children) => {
                let at = children.binary_search_by(|(known, _)| (**known).cmp(name)).ok()?;
                children.get(at).map(|(_, place)| place)
            }
            Inner::List(children) => children.get(name.parse::<usize>().ok()?),
            Inner::Scalar | Inner::String => None,
        }
    }

    /// The place of a key path, or of the longest part of it that is there.
    pub(super) fn nearest(&self, path: impl IntoIterator<Item = impl AsRef<str>>) -> &Place {
        let mut place = self;
        for name in path {
            let Some(child) = place.child(name.as_ref()) else { break };
            place = child;
        }
        place
    }

    /// The place of a key path.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Place> {
        path.iter().try_fold(self, |place, name| place.child(name))
    }

    /// The place of a key path written with dots; names may have dots themselves.
    pub(super) fn dotted(&self, path: &str) -> Option<&Place> {
        if let Some(place) = self.child(path) {
            return Some(place);
        }
        path.match_indices('.').find_map(|(dot, _)| self.child(&path[..dot])?.dotted(&path[dot + 1..]))
    }

    /// What to mark: of a table its name, of anything else the value.
    pub(super) fn mark(&self) -> Span {
        match self.inner {
            Inner::Table(_) | Inner::List(_) if self.key != Span::default() => self.key,
            _ => self.value,
        }
    }

    pub(super) fn is_string(&self) -> bool {
        matches!(self.inner, Inner::String)
    }
}

impl Inner {
    fn of_table(table: &DeTable<'_>) -> Inner {
        let mut children: Vec<_> = table
            .iter()
            .map(|(key, value)| {
                let inner = Inner::of(value.get_ref());
                (
                    key.get_ref().as_ref().into(),
                    Place { key: span(&key.span()), value: span(&value.span()), inner },
                )
            })
            .collect();
        children.sort_by(|a: &(Box<str>, Place), b| a.0.cmp(&b.0));
        Inner::Table(children)
    }

    fn of(value: &DeValue<'_>) -> Inner {
        match value {
            DeValue::String(_) => Inner::String,
            DeValue::Table(table) => Inner::of_table(table),
            DeValue::Array(list) => {
                let place = |value: &toml::Spanned<DeValue<'_>>| Place {
                    key: Span::default(),
                    value: span(&value.span()),
                    inner: Inner::of(value.get_ref()),
                };
                Inner::List(list.iter().map(place).collect())
            }
            _ => Inner::Scalar,
        }
    }
}

pub(super) fn span(range: &std::ops::Range<usize>) -> Span {
    Span { start: range.start, end: range.end }
}
