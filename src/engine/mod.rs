//! # engine: the two public doors
//! In: inputs (messages, the host's clock, answers to deliveries) and questions. Out: changes, notes, actions,
//! decisions, recommendations, explanations (`ask`), for whom an expression holds (`survey`), and what experiments brought
//! (`analysis`).
//! [`Partition`] is the deterministic state machine, [`Engine`] the handle that hosts share between threads.
//! Reads no clock, starts no thread. Imports every room below, and nothing imports it. How a service runs one is in [`guide`].
//!
//! With a store an input goes `durable` (checked, sealed, written) → `take` (applied) → answer, for many threads at a time
//! (`group`). Who is not in memory is on the shelf (`residence`); a checkpoint is taken page by page (`capture`), what is
//! about no user in pieces (`section`), and `open` makes of it and the journal behind it what was there before; `verify`
//! looks through all of it. Inputs that a checkpoint has passed may stay in the journal (`kept`), and are read from there
//! (`recorded`).
//!
//! An engine has one partition or several (`shards`), each with what leads to its disk (`shard`). A message goes where its
//! ids are (`homes`, `route`); where they are in several, everybody whom it names is brought to one first (`moving`, by what
//! `transfer` takes out of one partition and puts into another; what these remember of it is in `among`). What is about
//! all partitions is in `everywhere`, and what their models say together in `elsewhere`.
//!
//! What is known of items is in the `catalogue`; `items` says what messages do to it and what follows, and `eligible` which
//! items a query may give. What recommenders learned `answer`s, together with what is `alike` by what the catalogue says;
//! `reorder` puts first what is chosen of what is shown, and `levels` what the user can do.
//! What a message does is in `apply`.
//! Invariants: 1. state is the fold of the inputs in order. 2. an input that is refused changes nothing. 3. the
//! deadline in a user's row is the truth; the wheel only hints.

mod advance;
#[cfg(test)]
mod advance_test;
mod ahead;
mod alike;
mod among;
mod analysis;
mod answer;
mod apply;
mod arms;
mod ask;
mod audit;
mod call;
mod capture;
mod catalogue;
mod catalogue_bytes;
mod checkpoint;
mod consent;
mod contents;
mod done;
mod durable;
mod eligible;
mod elsewhere;
#[allow(clippy::module_inception)] // the room is named after its main type
mod engine;
mod error;
mod everywhere;
mod export;
mod facts;
#[cfg(test)]
mod fixed_point_test;
mod forget;
#[cfg(test)]
mod forgotten_test;
mod group;
pub mod guide;
mod health;
mod homes;
mod hosts;
mod input;
mod item_rows;
mod items;
mod journeys;
mod kept;
mod levels;
mod look;
mod members;
mod migration;
mod models;
mod models_bytes;
mod moving;
mod open;
mod outcome;
mod page;
mod partition;
mod preview;
mod receipt;
mod recorded;
#[cfg(test)]
mod records_test;
mod redefine;
mod reorder;
mod residence;
mod retention;
mod root;
mod route;
mod section;
mod sections;
#[cfg(test)]
mod sections_test;
mod seen;
mod send_times;
mod shard;
mod shards;
mod simulate;
mod steps;
mod suppressions;
mod survey;
mod sync;
mod take;
mod touched;
mod transfer;
mod unit;
mod unlearn;
mod verify;
mod versions;

pub use analysis::{Analysis, ArmAnalysis};
pub use answer::Recommended;
pub use audit::{AuditEntry, Audited};
pub use durable::Durability;
pub use engine::{Engine, EngineBuilder};
pub use error::{Error, Unknown};
pub use export::{Affinity, Export, ProfilePart, RecentItem, RunningValue, SegmentStay, Written};
pub use health::{Health, StoreHealth};
pub use input::{Input, TimedInput};
pub use members::Members;
pub use open::Opened;
pub use outcome::{Acknowledgement, Outcome, Refusal};
pub use partition::Partition;
pub use receipt::{Erased, Receipt, Remains};
pub use recorded::{JournalEntry, JournalReader, Replayed};
pub use simulate::{Simulation, simulate};
pub use survey::{Progress, Survey};
pub use touched::Touched;
pub use verify::Verified;

pub(crate) use shards::PARTITIONS_MAX;
