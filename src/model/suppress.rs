use crate::model::{Bytes, Instant, Malformed, Record};

/// Whether an erased user may come back by a message that names them.
///
/// As JSON of a `forget` message: `"suppress": "forever"`, or the instant up to which; without it, or with `"no"`, the
/// next message that names the user begins a new profile.
///
/// ```
/// use bespoke::model::{Message, Suppress};
/// let message = Message::forget("u42").suppress(Suppress::Forever);
/// let json = serde_json::to_string(&message).unwrap();
/// assert_eq!(json, r#"{"type":"forget","userId":"u42","suppress":"forever"}"#);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Suppress {
    /// A message begins a new profile. Of a user who was suppressed, that ends.
    #[default]
    No,
    /// Messages are refused before this instant.
    Until(Instant),
    /// Messages are refused.
    Forever,
}

impl Record for Suppress {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Suppress::No => None,
            Suppress::Until(at) => Some(Some(*at)),
            Suppress::Forever => Some(None),
        }
        .write(out);
    }

    fn read(from: &mut Bytes<'_>) -> Result<Suppress, Malformed> {
        Ok(match from.read::<Option<Option<Instant>>>()? {
            None => Suppress::No,
            Some(Some(at)) => Suppress::Until(at),
            Some(None) => Suppress::Forever,
        })
    }
}
