//! What is wrong with a message, and in which field.

use crate::model::message::{DEPTH_MAX, IDS_MAX, NAME_BYTES_MAX};
use crate::model::{BYTES_MAX, Duration, IdError, PROPERTIES_MAX, Quoted, STRING_BYTES_MAX};
use std::fmt;

/// Why a message was refused. It changed nothing.
///
/// ```
/// use bespoke::model::Message;
/// let error = Message::from_json(r#"{"type":"track","userId":"undefined","event":"view"}"#).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "`userId`: `undefined` is no id but a word that broken clients send; leave the field out where there is none"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct MessageError {
    kind: MessageErrorKind,
    field: Box<str>,
}

/// What is wrong with a message.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::{Engine, Error}};
/// use bespoke::model::{Duration, Instant, Message, MessageErrorKind};
/// # let engine = Engine::builder(Definitions::from_toml("version = 1\n[events.view]")?).open()?;
/// # let now = Instant::from_millis(0);
/// let view = Message::track("ada", "view").at(now + Duration::hours(2));
/// let Err(Error::Message(error)) = engine.ingest(view, now) else { return Err("it was taken".into()) };
/// let what_to_do = match error.kind() {
///     MessageErrorKind::InFuture { ahead, .. } => format!("give it again in {ahead}"),
///     kind => format!("drop it: {kind}"),
/// };
/// assert_eq!(what_to_do, "give it again in 2h");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageErrorKind {
    /// The text is not JSON, or not an object.
    #[error("the line is not a JSON object: {0}")]
    NotJson(String),
    /// A field that is needed is not there.
    #[error("the field is missing")]
    Missing,
    /// A field has a value of the wrong kind.
    #[error("{wanted} is wanted, not {found}")]
    WrongKind {
        /// What would be right.
        wanted: &'static str,
        /// What was there.
        found: &'static str,
    },
    /// The `type` is none that is known.
    #[error("{} is no type of message; known are track, page, screen, identify, group, alias, merge, split, list, consent, restrict, world, item, remove_item and forget{}",
        Quoted(.found), .nearest.map(|n| format!(" (did you mean `{n}`?)")).unwrap_or_default())]
    UnknownType {
        /// What was there.
        found: String,
        /// A known type that is near.
        nearest: Option<&'static str>,
    },
    /// Neither `userId` nor `anonymousId` is there, nor an id of a declared kind in `ids`.
    #[error("the message names nobody; set `userId` or `anonymousId`")]
    NoId,
    /// An id is not one.
    #[error(transparent)]
    Id(IdError),
    /// A track message without the name of its event.
    #[error("a track message needs the name of its event")]
    NoEventName,
    /// A track message with the name of an event that the engine records itself.
    #[error("{} is an event that the engine records itself; give the event another name", Quoted(.0))]
    OwnEvent(Box<str>),
    /// The name of a list, purpose, channel or trait, or the reason of a merge, that cannot be one.
    #[error("a name is not empty, has at most {NAME_BYTES_MAX} bytes and no control characters")]
    BadName,
    /// The status of a consent is not one.
    #[error("{} is no status of a consent; known are granted, denied and withdrawn", Quoted(.0))]
    UnknownStatus(Box<str>),
    /// What a `forget` says to later messages is not one of what it can say.
    #[error("{} is no way to suppress; known are `no`, `forever` and an instant", Quoted(.0))]
    UnknownSuppress(Box<str>),
    /// An `alias` without a `userId` has nobody to give the earlier id to.
    #[error("an alias needs the `userId` that `previousId` is known by from now on")]
    AliasWithoutUser,
    /// A `split` without the `userId` of the profile that is to be split.
    #[error("a split needs the `userId` of the profile that took the ids over")]
    SplitWithoutUser,
    /// More than 200 ids.
    #[error("more than {IDS_MAX} ids; a profile has no more")]
    TooManyIds,
    /// The timestamp is neither RFC 3339 nor integer milliseconds within the years 1 to 9999.
    #[error("{} is not a timestamp; write `2026-11-23T10:00:00Z` or integer milliseconds since 1970", Quoted(.0))]
    Timestamp(String),
    /// A number is infinite, or no number.
    #[error("the number is not finite; leave the field out where there is no value")]
    NotFinite,
    /// More than 255 properties, traits or context fields.
    #[error("more than {PROPERTIES_MAX} fields; send what definitions read")]
    TooManyProperties,
    /// A string of more than 8 KiB.
    #[error("the string has {0} bytes, at most {STRING_BYTES_MAX} are allowed")]
    StringTooLong(usize),
    /// A message of more than 64 KiB.
    #[error("{0} bytes, at most {BYTES_MAX} are allowed")]
    TooLarge(usize),
    /// Objects or lists within one another, more than 16 deep.
    #[error("objects and lists lie more than {DEPTH_MAX} deep")]
    TooDeep,
    /// The timestamp lies further ahead of the host's clock than is allowed.
    #[error(
        "it lies {ahead} ahead of the clock, at most {allowed} is allowed (`allowed_skew` in the settings)"
    )]
    InFuture {
        /// How far ahead.
        ahead: Duration,
        /// How far is allowed.
        allowed: Duration,
    },
}

impl MessageErrorKind {
    pub(crate) fn at(self, field: &str) -> MessageError {
        MessageError { kind: self, field: field.into() }
    }
}

impl MessageError {
    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> &MessageErrorKind {
        &self.kind
    }

    /// The field that it is about, such as `userId` or `properties.price`.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", Quoted(&self.field), self.kind)
    }
}
