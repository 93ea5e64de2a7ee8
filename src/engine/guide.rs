//! Running an engine in a service: who calls what, on which threads, and what an operator should know. This module is
//! prose.
//!
//! An engine has no threads and no clock. A service gives it both: request handlers that ingest and ask, and one loop
//! that moves time and delivers what is due. All of it goes by one handle, which is cheap to clone and used from every
//! thread.
//!
//! ```
//! use bespoke::definitions::Definitions;
//! use bespoke::engine::{Engine, Error, Outcome};
//! use bespoke::journey::Delivery;
//! use bespoke::model::{Duration, Instant, Message, Object};
//!
//! /// The one place where what changed is passed on: to a queue, a warehouse, a log.
//! fn pass_on(outcome: &Outcome, log: &mut Vec<String>) {
//!     log.extend(outcome.changes.iter().map(|change| format!("{} {change}", change.at)));
//! }
//!
//! /// A request: what the user did, and what to show.
//! fn handle(engine: &Engine, message: Message, now: Instant, log: &mut Vec<String>) -> Result<Option<String>, Error> {
//!     let user = message.ids.user.clone().or(message.ids.anonymous.clone()).unwrap_or_default();
//!     match engine.ingest(message, now) {
//!         Ok(outcome) => pass_on(&outcome, log),
//!         // What is wrong with a message is its sender's to mend: it changed nothing.
//!         Err(error @ (Error::Message(_) | Error::Identity(_) | Error::Suppressed { .. })) => log.push(error.to_string()),
//!         Err(error) => return Err(error),
//!     }
//!     Ok(engine.decide(&user, "hero", &Object::new(), now)?.variant.map(|variant| variant.to_string()))
//! }
//!
//! /// The loop: everything that is due, then what is to be sent. Gives how long there is nothing to do.
//! fn tick(engine: &Engine, now: Instant, log: &mut Vec<String>) -> Result<Duration, Error> {
//!     loop {
//!         let outcome = engine.advance_some(now, 1_000)?; // in pieces, so that requests come between
//!         pass_on(&outcome, log);
//!         if !outcome.more_due {
//!             break;
//!         }
//!     }
//!     loop {
//!         let actions = engine.outbox(100, now)?;
//!         if actions.is_empty() {
//!             break;
//!         }
//!         for action in actions {
//!             log.push(format!("{now} to {} by {}", action.user, action.channel)); // deliver; `action.id` tells repetitions
//!             engine.acknowledge(&action.id, Delivery::Sent, now)?;
//!         }
//!     }
//!     let longest = Duration::seconds(1);
//!     Ok(engine.next_due().map_or(longest, |due| (due - now).clamp(Duration::ZERO, longest)))
//! }
//!
//! let definitions = Definitions::from_toml(r#"
//!     version = 1
//!     [events.view]
//!     [segments]
//!     curious = "count(view in 1h) >= 2"
//!     [[placements.hero.variant]]
//!     name = "welcome"
//!     [[placements.hero.variant]]
//!     name = "picks"
//!     when = 'segment("curious")'
//!     priority = 1
//!     [templates.hello]
//!     title = "Still looking?"
//!     [journeys.look]
//!     enter = { segment_entered = "curious" }
//!     step = [{ id = "wait", wait = "10m" }, { id = "hello", send = { channel = "push", template = "hello" } }]
//! "#)?;
//! let engine = Engine::builder(definitions).open()?; // with `.store(folder)` in earnest
//!
//! let mut log = Vec::new();
//! let at = |minute: i64| Instant::from_millis(minute * 60_000); // in earnest `Instant::from(SystemTime::now())`
//! let view = || Message::track("ada", "view");
//! assert_eq!(handle(&engine, view(), at(0), &mut log)?.as_deref(), Some("welcome"));
//! assert_eq!(handle(&engine, view(), at(1), &mut log)?.as_deref(), Some("picks"));
//! for minute in 2..70 {
//!     tick(&engine, at(minute), &mut log)?;
//! }
//! assert_eq!(log, [
//!     "1970-01-01T00:01:00Z ada entered curious",
//!     "1970-01-01T00:11:00Z to ada by push",
//!     "1970-01-01T01:00:00Z ada left curious",
//! ]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Time
//! - Every call takes the host's `now`. It never runs backwards: an earlier one, from a thread that was slower or a
//!   machine whose clock was set back, counts as the latest that was given. A message has its own instant besides, and
//!   may be late.
//! - Whatever is due happens with the next input, each thing at its own instant, so outcomes of *any* call may tell of
//!   users whom it does not name: pass on those of all calls, by one function.
//! - Make `now` in one place. One in microseconds, taken for milliseconds, is the end of time: everything falls due,
//!   and the clock does not come back from there.
//! - How often the loop runs is how late messages go out and changes are told, and nothing else: changes have the same
//!   instants. It may sleep until [`next_due`](super::Engine::next_due), but no longer than it should take until
//!   somebody hears of what a request began.
//! - After a long night everything that fell due comes at once: [`advance_some`](super::Engine::advance_some) does it
//!   in pieces, and `late` of a journey says what still goes out.
//!
//! # Threads
//! - Asking ([`decide`](super::Engine::decide), [`recommend`](super::Engine::recommend),
//!   [`is_member`](super::Engine::is_member), [`explain`](super::Engine::explain)) goes side by side with everything.
//!   Inputs to one partition go one at a time; [`partitions`](super::EngineBuilder::partitions) are for hosts that have
//!   more to take in than one core can.
//! - A call takes microseconds, and is no reason to leave an async task, with two exceptions: at level
//!   [`Synced`](super::Durability::Synced) an input waits for the disk, and so does whoever looks at a user who is not
//!   in memory.
//! - [`ingest_all`](super::Engine::ingest_all) costs less for each message than [`ingest`](super::Engine::ingest): for
//!   streams and imports.
//! - A [`checkpoint`](super::Engine::checkpoint) from a thread of its own, every few minutes, spares writers the ones
//!   that begin by themselves.
//!
//! # Delivery
//! Actions are handed out at least once: one that is not acknowledged within the [`lease`](super::EngineBuilder::lease)
//! is handed out again, with the same id. So delivery is repeated by id, and what came of it is reported as it becomes
//! known: sent, delivered, opened, clicked, failed. Caps, goals, the best hour to send and `message.opened` in segments
//! follow from that.
//!
//! # Restarts
//! - What was acknowledged is there again: at level [`Written`](super::Durability::Written) whatever becomes of the
//!   process, at `Synced` whatever becomes of the machine. There is nothing to shut down; dropping the last handle is
//!   enough.
//! - Inputs without an answer may or may not be there. A host that gives its messages ids sends them again: a second
//!   copy is told from the first for `dedup_window`.
//! - A folder has one engine at a time. A snapshot that the file system takes at one instant is like a power cut, so it
//!   can be opened; files that are copied one by one while an engine writes are not.
//!   [`Engine::verify`](super::Engine::verify) looks through a store.
//! - Opening under other definitions, and [`redefine`](super::Engine::redefine) while it runs, go on under these; what
//!   they change is told. [`migration`](super::Engine::migration) says before what would become of whoever is in a
//!   journey.
//!
//! # What can go wrong
//! | error | what to do |
//! | --- | --- |
//! | [`Message`](super::Error::Message), [`Identity`](super::Error::Identity), [`Suppressed`](super::Error::Suppressed) | the message is wrong or unwanted: count it, tell its sender, go on |
//! | [`Unknown`](super::Error::Unknown), [`Expression`](super::Error::Expression), [`Decision`](super::Error::Decision), [`Recommend`](super::Error::Recommend) | the call is wrong: the text says what would be right |
//! | [`Storage`](super::Error::Storage) | nothing changed, unless the text says otherwise (a user who was forgotten is forgotten). A full disk or a missing permission is over once its cause is: the same call works then. Where every call fails from then on, open the engine again: the input may be there. What says that files are not as they were written is for a person |
//!
//! # What to watch
//! - [`health`](super::Engine::health): links that were refused (clients that share an id), the size of the store;
//!   [`outbox_stats`](super::Engine::outbox_stats): what waits and is handed out;
//!   [`segment_stats`](super::Engine::segment_stats), [`journey_counts`](super::Engine::journey_counts): what was
//!   entered, sent, and held back for which reason.
//! - [`memory_used`](super::Engine::memory_used) is of the users who are in memory;
//!   [`memory`](super::EngineBuilder::memory) bounds it. Of everybody else some 200 bytes stay.
