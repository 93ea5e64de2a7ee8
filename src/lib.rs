//! Real-time personalization, in-process: what a user sees next follows from what the user did a moment ago.
//!
//! A backend calls *bespoke* as a library, without any network: it **collects** events into profiles, knows at every
//! millisecond which **segments** a user is in, **decides** what to show and recommend, and schedules what to
//! **send** and when.
//!
//! ```
//! use bespoke::definitions::Definitions;
//! use bespoke::engine::Engine;
//! use bespoke::model::{Duration, Instant, Message, Object};
//! use bespoke::recommend::Query;
//!
//! let definitions = Definitions::from_toml(r#"
//!     version = 1
//!     [events.view]
//!     sku = "string"
//!     category = "string"
//!     [events.purchase]
//!     sku = "string"
//!
//!     [segments]
//!     sneakerhead = 'count(view where category = "sneakers" in 7d) >= 3 and not did(purchase in 30d)'
//!
//!     [[placements.hero.variant]]
//!     name = "sneakers"
//!     when = 'segment("sneakerhead")'
//!     priority = 1
//!     content = { title = "Fresh pairs" }
//!     [[placements.hero.variant]]
//!     name = "everybody"
//!     content = { title = "New in" }
//!
//!     [recommend]
//!     k_min = 1   # two users are enough here; by default ten stand behind a pair that is served
//!     interactions = { view = { item = "sku" } }
//! "#)?;
//! let engine = Engine::builder(definitions).open()?;
//!
//! let mut now: Instant = "2026-11-23T10:00:00Z".parse()?;
//! for sku in ["trail-1", "trail-2", "street-9"] {
//!     now = now + Duration::minutes(1);
//!     let view = Message::track("ada", "view").with("sku", sku).with("category", "sneakers");
//!     for change in &engine.ingest(view, now)?.changes {
//!         println!("{change}"); // ada entered sneakerhead
//!     }
//! }
//! let hero = engine.decide("ada", "hero", &Object::new(), now)?;
//! assert_eq!(hero.variant.as_deref(), Some("sneakers"));
//!
//! let items = engine.recommend("bob", &Query::similar_to("trail-1").limit(2), now)?;
//! assert_eq!(items[0].item, "trail-2");
//!
//! // Time alone: seven days after the first of the three views the rule no longer holds, to the millisecond.
//! let outcome = engine.advance(now + Duration::days(10))?;
//! assert_eq!(outcome.changes[0].to_string(), "ada left sneakerhead");
//! assert_eq!(outcome.changes[0].at, now - Duration::minutes(2) + Duration::days(7));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The one idea
//! An engine is a **deterministic state machine**: state is the fold of its inputs in order, and nothing else. Time
//! is an input, so what time alone changes is reported with its own instant. The same inputs give the same outputs
//! and the same state, byte for byte, on every machine.
//!
//! # The rooms, from the ground up
//! | module | what it is for |
//! | --- | --- |
//! | [`model`] | instants, zones, values, messages |
//! | [`profile`] | what is known of each user; [`profile::guide`] says who is who |
//! | [`segment`] | the segment language and who is in which segment; [`segment::guide`] has all of its words |
//! | [`recommend`] | the `Recommender` trait and its models, re-ranking, bandits, evaluation |
//! | [`experiment`] | who takes part in a test, and in which arm |
//! | [`predict`] | what a user will probably do: the best time to send; skill and difficulty |
//! | [`trigger`] | the timing wheel, local times, quiet hours |
//! | [`journey`] | workflows, the delivery gate, the outbox; [`journey::guide`] teaches them |
//! | [`decision`] | placements, variants, content templates |
//! | [`definitions`] | all that a host defines, from TOML, as one checked whole |
//! | [`storage`] | what outlives the process: journal, heap, keys, checkpoint |
//! | [`engine`] | [`engine::Partition`] and [`engine::Engine`], the two doors; [`engine::guide`] runs one in a service |
//!
//! # What it is not
//! - No server and no network: your process calls it, it never calls out.
//! - No clock: `now` is an argument, and time stands still until you pass a later one.
//! - No threads of its own.
//! - No database server: a store is a folder of the process, with one writer.
//!
//! # Untrusted input
//! Messages are checked before anything else happens: sizes, depths, numbers, ids. Definitions are the host's own,
//! and still have limits of text, depth, nodes and compiled patterns. Neither makes the crate panic, recurse without
//! bound or run longer than its size explains.

#![forbid(unsafe_code)]

pub mod decision;
pub mod definitions;
pub mod engine;
pub mod experiment;
pub mod journey;
pub mod model;
pub mod predict;
pub mod profile;
pub mod recommend;
pub mod segment;
pub mod storage;
pub mod trigger;

/// The README's programs are compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
