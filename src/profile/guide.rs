//! Who is who: how ids find a profile, when two become one, and how they come apart again. This module is prose.
//!
//! Linking ids is where data and trust are lost: one id such as `undefined` that thousands of clients send, a tablet in
//! a family that makes one person of four, an outcome that depends on which message came first. So there are few rules,
//! they hold in the order of the inputs, and nothing else makes one profile of two.
//!
//! ```
//! use bespoke::definitions::Definitions;
//! use bespoke::engine::Engine;
//! use bespoke::model::{Duration, Ids, Instant, Message};
//!
//! let definitions = Definitions::from_toml(r#"
//!     version = 1
//!     [events.view]
//!     [segments]
//!     curious = "count(view in 1d) >= 2"
//!     returned = "did(identity.switched)"
//! "#)?;
//! let engine = Engine::builder(definitions).open()?;
//! let start: Instant = "2026-11-23T10:00:00Z".parse()?;
//! let views = |user: &str| {
//!     let events = engine.profile(user)?.map(|profile| profile.events).unwrap_or_default();
//!     Ok::<_, bespoke::engine::Error>(events.iter().filter(|event| event.name == "view").count())
//! };
//! let view = |ids: Ids, minute: i64| {
//!     let at = start + Duration::minutes(minute);
//!     engine.ingest(Message::track(ids, "view"), at).map(|outcome| outcome.changes)
//! };
//!
//! view(Ids::anonymous("phone"), 0)?;                        // a visitor
//! let changes = view(Ids::both("ada", "phone"), 1)?;        // signs in: what the visitor did is ada's
//! assert_eq!(changes.last().unwrap().to_string(), "ada entered curious");
//! view(Ids::anonymous("phone"), 2)?;                        // within the session: still ada
//! assert_eq!(views("ada")?, 3);
//!
//! view(Ids::both("bob", "phone"), 10)?;                     // lent to bob: nothing of ada's becomes his
//! view(Ids::anonymous("phone"), 90)?;                       // later somebody, and two have used it: nobody's but a visitor's
//! view(Ids::both("ada", "phone"), 91)?;                     // who is not taken for ada when she signs in again
//! assert_eq!((views("ada")?, views("bob")?), (4, 1));
//!
//! // The host finds that two accounts are one person, and that it was wrong.
//! let at = start + Duration::hours(3);
//! engine.ingest(Message::merge("bob", "ada", "ticket 812"), at)?;
//! assert_eq!(views("ada")?, 5);
//! engine.ingest(Message::split("ada", ["bob"]), at + Duration::hours(1))?;
//! assert_eq!(views("bob")?, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Ids
//! A message names whom it is about by [`Ids`](crate::model::Ids): `user`, the host's own id of a person; `anonymous`,
//! that of a browser or device; and kinds that definitions declare under `[ids]`, which are strong (of one person, such
//! as the hash of an address) or weak (of a thing that may change hands). A profile has one `user` id, for ever. An id
//! that is empty, all zeros, over 200 bytes or a word that broken clients send (`undefined`, `null`, `guest`, …) is
//! [refused](crate::model::IdError).
//!
//! # The rules
//! | what comes | what follows |
//! | --- | --- |
//! | an id that nobody has | a profile of its own |
//! | a user with a device that nobody has signed in on | the visitor of the device is *absorbed*: what it did is the user's |
//! | a user with a device of another user | nothing is absorbed. The device is the new user's from here on, and both get the event `identity.switched` |
//! | a device alone, whose user is known | it is that user until the session is over, and a fresh visitor afterwards. With `device = "separate"` under `[settings]` always a visitor: for tills and kiosks |
//! | a device that two or more have signed in on within 30 days | it is *shared*: what its visitors do stays on its own and is never absorbed |
//! | `alias` of a device, a visitor or an id that never was a user | absorbed. Two users are [refused](crate::profile::IdentityError), both named |
//! | `merge`, with a reason | absorbed, also where both are users; the reason is kept with the profile |
//! | `split`, of ids that came together | they are a profile of their own again, as if they had never been absorbed; until `undo_window` after the absorption, and as long as one of these ids is still theirs: a device that has gone on, to a fresh visitor or another user, names them no more |
//!
//! Beyond its limits a link is refused and the event counts for the id that it names: 200 ids of a profile, 20
//! absorptions within a day, five owners of a device, and what `[ids]` says. [`health`](crate::engine::Engine::health)
//! counts what was refused.
//!
//! # What becomes of two profiles
//! The same, in whatever order links come:
//!
//! - **Attributes**: by name the later one. **Events**: all of them, in order. **Running values**: together.
//!   **Affinities**: added. **Lists**: on all that either was on. **Consent**: by purpose the latest record, of one
//!   instant the denial.
//! - **Sessions** are counted from all events where these are kept, else from their numbers.
//! - **Segments** follow from that; changes have the cause [`Merge`](crate::segment::Cause::Merge). What was absorbed
//!   begins no journey.
//! - **Journeys**: both go on; of the same one for the same key the one that began first. What either did before ends
//!   no journey of the other by an event, but by a segment that it changes: `exit = [{ segment_left = "cart_open" }]`.
//!   What waits goes to whom it is now for, and caps count what either was sent: nobody gets more for having been two.
//! - **Experiments**: the profile that stays keeps its arm. Whoever was exposed in two of them has [crossed
//!   over](crate::profile::Exposure), and is left out of the analysis.
//!
//! # Partitions
//! A visitor and its user often are in two partitions. Whom a message ties together is brought to one first, and stays
//! there; what is known of people does not depend on how many partitions there are.
