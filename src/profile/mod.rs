//! # profile: what is known of each user
//! In: messages and what definitions want kept. Out: [`UserProfile`], and the compact profile that the rooms
//! above evaluate.
//! How ids find a profile is in [`guide`].
//! What is known of a user becomes bytes in `profile_bytes`, and values in `packed_bytes`.
//! Knows nothing of segments or journeys; imports only `model`.
//! Invariants: 1. an id has one owner, a profile at most one user id, but for those that the host merged. 2. a text is kept once, and no longer than
//! something holds it. 3. history is by (instant, arrival), attributes by last write; the engine's own facts lie among
//! them under names that no host can write (`facts`).

mod affinity;
mod attributes;
mod consent;
mod device_owners;
mod devices;
mod different;
mod event_rows;
mod facts;
mod folded;
pub mod guide;
mod hidden;
mod history;
mod identity;
mod keep;
mod lineage;
mod link;
mod link_bytes;
mod number;
mod numbers;
mod packed_bytes;
mod part_rows;
mod parting;
#[allow(clippy::module_inception)] // the room is named after what it is about, and so is the type
mod profile;
mod profile_bytes;
mod profiles;
mod record;
mod redefine;
mod retention;
mod rings;
mod sections;
mod session;
mod short_totals;
mod split;
mod store;
mod symbols;
mod totals;
mod user_profile;
mod whose;

pub use identity::{IdentityError, IdentityHealth};
pub use user_profile::{ConfirmedMerge, ConsentRecord, Event, Exposure, SessionSummary, UserProfile};

pub(crate) use affinity::{Affinities, AffinityRule, Weighed};
pub(crate) use attributes::{Attributes, Less};
pub(crate) use consent::Agreement;
pub(crate) use different::Different;
pub(crate) use event_rows::{EventRows, Row};
pub(crate) use facts::Fact;
pub(crate) use hidden::{Hidden, MASK};
pub(crate) use history::History;
pub(crate) use identity::{DeviceRule, IDS_MAX, IdKind, IdKindRule, IdentityRules};
pub(crate) use keep::{EventKind, Field, Horizon, Keep, PropertyId};
pub(crate) use link::Resolved;
pub(crate) use number::Number;
pub(crate) use numbers::Numbers;
pub(crate) use packed_bytes::{PackedReader, PackedWriter};
pub(crate) use part_rows::PartRows;
pub(crate) use parting::{KindName, NamedId, ids_named};
pub(crate) use profile::Profile;
pub(crate) use profile_bytes::Shape;
pub(crate) use redefine::{NewKeep, follow, kept_since};
pub(crate) use retention::{Retention, has_come};
pub(crate) use rings::{Ring, Rings, own_range};
pub(crate) use sections::{read_since, write_since};
pub(crate) use session::{Past, Session};
pub(crate) use store::{Applied, ProfileStore, UserKey};
pub(crate) use symbols::{Packed, Symbol, Symbols, Unpacked, compare_int_float};
pub(crate) use totals::{Occurrence, TotalId, TotalOp, TotalRow, Totals};
pub(crate) use whose::Whose;
