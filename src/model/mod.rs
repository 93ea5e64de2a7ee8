//! # model: the words all rooms speak
//! In: nothing; out: [`Instant`], [`Duration`], [`Zone`], [`Value`], [`Message`], ids.
//! Besides, how state becomes bytes and is read back (`bytes`).
//! Knows nothing of profiles, segments or storage, and imports no other room. Reads no clock.
//! Invariants: a [`Float`](Value::Float) that passed [`Message::check`] is finite; an [`Instant`] is
//! milliseconds in UTC; calendars exist only in [`Zone`].

mod bytes;
mod catalogue_item;
mod consent;
mod duration;
mod explanation;
mod hash_key;
mod id;
mod instant;
mod message;
mod message_bytes;
mod message_error;
mod message_json;
mod numbers;
mod own;
mod pages;
mod pieces;
mod problem;
mod shared;
mod split;
mod suppress;
mod text;
mod unchanged;
mod value;
mod zone;

pub use catalogue_item::CatalogueItem;
pub use consent::{Consent, ConsentStatus};
pub use duration::{Duration, ParseDurationError};
pub use explanation::{Evidence, Explanation, Witness};
pub use id::{IdError, check_id};
pub use instant::{Instant, ParseInstantError};
pub use message::{Body, Ids, Message};
pub use message_error::{MessageError, MessageErrorKind};
pub use suppress::Suppress;
pub use value::{Geo, Object, Value};
pub use zone::{Civil, Period, Zone};

pub(crate) use bytes::{
    Bytes, Malformed, Record, SUM_MAX, folded, record, record_choice, unfolded, write_all, write_text,
};
pub(crate) use hash_key::HashKey;
pub(crate) use message::check_alone;
pub use message::{BYTES_MAX, PROPERTIES_MAX, STRING_BYTES_MAX};
pub(crate) use numbers::Numbers;
pub(crate) use own::{OWN_EVENTS, OWN_MARK, own_event};
pub(crate) use pages::Pages;
pub(crate) use pieces::Pieces;
pub(crate) use problem::Problem;
pub(crate) use shared::Shared;
pub(crate) use split::winner;
pub(crate) use text::{Quoted, cut, is_template, nearest, stable_hash};
pub(crate) use unchanged::{Mark, Unchanged};
pub(crate) use zone::{date, day_number, in_year, year_of};
