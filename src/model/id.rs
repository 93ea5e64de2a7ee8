//! Which texts are ids at all. Merging on junk ids is how peers lose data, so junk is refused at the door.

use crate::model::Quoted;

/// Longest id, in bytes.
const ID_BYTES_MAX: usize = 200;

/// What broken clients send instead of an id, in lower case and without quotes.
const JUNK: [&str; 11] =
    ["undefined", "null", "none", "nan", "anonymous", "guest", "id", "0", "true", "false", "[object object]"];

/// A text is no id of a user or device.
///
/// ```
/// use bespoke::model::{IdError, check_id};
/// let error = check_id("0000-0000").unwrap_err(); // what a phone says that hides its advertising id
/// assert_eq!(error.to_string(), "`0000-0000` is all zeros: the device hides its id; leave the field out");
/// let how_long = match check_id(&"x".repeat(201)) {
///     Err(IdError::TooLong(bytes)) => Some(bytes),
///     _ => None,
/// };
/// assert_eq!(how_long, Some(201));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// The id is empty, or white space only.
    #[error("the id is empty; leave the field out where there is none")]
    Empty,
    /// The id is longer than 200 bytes.
    #[error("the id has {0} bytes, at most 200 are allowed; send a hash of it")]
    TooLong(usize),
    /// The id consists of zeros, as in an advertising id that was switched off.
    #[error("{} is all zeros: the device hides its id; leave the field out", Quoted(.0))]
    Zeros(String),
    /// The id is a word that clients send by mistake, such as `undefined`.
    #[error("{} is no id but a word that broken clients send; leave the field out where there is none", Quoted(.0))]
    Junk(String),
}

/// Whether `id` may name a user or a device (see [`profile::guide`](crate::profile::guide)).
///
/// # Errors
/// [`IdError`] for an id that is empty, longer than 200 bytes, all zeros, or junk such as `undefined`
/// (also in quotes, in any case).
///
/// ```
/// use bespoke::model::{check_id, IdError};
/// assert!(check_id("u42").is_ok());
/// assert_eq!(check_id("'Undefined'"), Err(IdError::Junk("'Undefined'".into())));
/// ```
pub fn check_id(id: &str) -> Result<(), IdError> {
    if id.len() > ID_BYTES_MAX {
        return Err(IdError::TooLong(id.len()));
    }
    let is_dressing = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '“' | '”' | '‘' | '’');
    // Most ids begin and end with a letter or a digit, and nothing has to be taken off.
    let is_bare = match id.as_bytes() {
        [first, .., last] => first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric(),
        _ => false,
    };
    let bare = if is_bare { id } else { id.trim_matches(is_dressing) };
    if bare.is_empty() {
        return Err(if id.trim().is_empty() { IdError::Empty } else { IdError::Junk(id.to_owned()) });
    }
    // No word in `JUNK` is longer, and folding case is not free on the hot path.
    if bare.len() <= 15 && JUNK.iter().any(|junk| junk.eq_ignore_ascii_case(bare)) {
        return Err(IdError::Junk(id.to_owned()));
    }
    // `00000000-0000-0000-0000-000000000000`
    if bare.contains('0') && bare.bytes().all(|b| matches!(b, b'0' | b'-' | b'.')) {
        return Err(IdError::Zeros(id.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn junk_is_refused() {
        for id in [
            "",
            " ",
            "\"\"",
            "undefined",
            "NULL",
            "None",
            "nan",
            "Anonymous",
            "guest",
            "ID",
            "0",
            "true",
            "False",
            "[object Object]",
            "'undefined'",
            "\"null\"",
            "0000",
            "00000000-0000-0000-0000-000000000000",
        ] {
            assert!(check_id(id).is_err(), "{id:?}");
        }
        assert!(check_id(&"x".repeat(201)).is_err());
    }

    #[test]
    fn ids_are_accepted() {
        for id in ["u42", "01", "a", "00a", "ada@example.org", "guest-17", "用户", "truely", "-"] {
            assert!(check_id(id).is_ok(), "{id:?}");
        }
        assert!(check_id(&"x".repeat(200)).is_ok());
    }
}
