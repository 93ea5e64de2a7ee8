use crate::segment::{Span, show_place};
use std::fmt;
use std::sync::Arc;

/// Most errors that are listed of one text; [`Errors`] counts the rest.
pub const ERRORS_MAX: usize = 1_000;

/// One mistake in definitions. `{e}` is one line; `{e:#}` shows the text with the place marked.
///
/// ```
/// use bespoke::definitions::Definitions;
/// let text = "version = 1\n\n[events.purchase]\n\n[segments]\nlapsed = 'not did(purchas in 30d)'\n";
/// let errors = Definitions::from_toml_named("shop.toml", text).unwrap_err();
/// let error = errors.iter().next().unwrap();
/// assert_eq!((error.line(), error.column()), (6, 19));
/// assert_eq!(error.to_string(), "shop.toml:6:19: unknown event `purchas` (did you mean `purchase`?)");
/// assert_eq!(
///     format!("{error:#}"),
///     "\
/// error: unknown event `purchas`
///   --> shop.toml:6:19
///   6 | lapsed = 'not did(purchas in 30d)'
///     |                   ^^^^^^^
///   help: did you mean `purchase`?"
/// );
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    pub(super) message: String,
    pub(super) help: Option<String>,
    pub(super) file: Option<Arc<str>>,
    pub(super) text: Arc<str>,
    pub(super) span: Span,
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Error {
    /// What is wrong, in words.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it, where that can be said.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// The name of the file, as it was given to
    /// [`from_toml_named`](crate::definitions::Definitions::from_toml_named).
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }

    /// The line, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column, from 1, in characters.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column
    }

    /// The place as a range of bytes of the text that was given.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// `shop.toml:17:26`
    fn write_place(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}:")?;
        }
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            write!(f, "error: {}\n  --> ", self.message)?;
            self.write_place(f)?;
            show_place(f, &self.text, self.line, self.span)?;
            return self.help.iter().try_for_each(|help| write!(f, "\n  help: {help}"));
        }
        self.write_place(f)?;
        write!(f, ": {}", self.message)?;
        self.help.iter().try_for_each(|help| write!(f, " ({help})"))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl std::error::Error for Error {}

/// Why definitions were refused: every mistake in them, in the order of the text. Never empty.
///
/// `{}` has a line for each, `{:#}` and `{:?}` show the places.
///
/// ```
/// use bespoke::definitions::Definitions;
/// let errors = Definitions::from_toml("version = 1\n[settings]\nsession_gap = 30\nzone = 'UTC'\n").unwrap_err();
/// let lines: Vec<String> = errors.iter().map(|error| error.to_string()).collect();
/// assert_eq!(lines[0], "3:15: a duration is wanted, this is an integer (write it as a string, such as \"30m\")");
/// assert!(lines[1].starts_with("4:1: unknown key `zone`"));
/// assert_eq!(errors.to_string(), lines.join("\n"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Errors {
    list: Vec<Error>,
    left_out: usize,
}

impl Errors {
    /// Sorts by place.
    pub(super) fn new(mut list: Vec<Error>, left_out: usize) -> Errors {
        list.sort_by_key(|error| error.span.start);
        let left_out = left_out + list.len().saturating_sub(ERRORS_MAX);
        list.truncate(ERRORS_MAX);
        Errors { list, left_out }
    }

    /// The errors that are listed, at most [`ERRORS_MAX`].
    pub fn iter(&self) -> std::slice::Iter<'_, Error> {
        self.list.iter()
    }

    /// How many errors there are, with those that are not listed.
    #[must_use]
    pub fn count(&self) -> usize {
        self.list.len() + self.left_out
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let between = if f.alternate() { "\n\n" } else { "\n" };
        for (i, error) in self.list.iter().enumerate() {
            f.write_str(if i > 0 { between } else { "" })?;
            fmt::Display::fmt(error, f)?;
        }
        match self.left_out {
            0 => Ok(()),
            n => write!(f, "{between}and {n} more"),
        }
    }
}

/// As an error that ends `main` is seen: with the places.
impl fmt::Debug for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "definitions refused\n{self:#}")
    }
}

impl std::error::Error for Errors {}

impl IntoIterator for Errors {
    type Item = Error;
    type IntoIter = std::vec::IntoIter<Error>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}

impl<'a> IntoIterator for &'a Errors {
    type Item = &'a Error;
    type IntoIter = std::slice::Iter<'a, Error>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}
