//! How to write journeys: five examples, what may stop a message, and how to see what goes on. This module is prose.
//!
//! A journey is a workflow for one user. Something begins it (`enter`); steps wait, branch and send, one behind the
//! other; something ends it early (`exit`), or reaches what it is for (`goal`). The engine decides and puts *actions* into
//! an outbox; the host takes them, delivers them and says what became of them. All keys are in the table of
//! [`definitions`](crate::definitions); here is how they play together.
//!
//! Each example is run as a [simulation](crate::engine::simulate): the same engine on messages of a day or two, with a host
//! that delivers everything at once. That is also the way to try a journey before anybody is sent anything.
//!
//! # An abandoned cart
//! An hour after the last change of a cart a push; if that brings nobody back within four hours, a mail.
//!
//! ```
//! use bespoke::definitions::Definitions;
//! use bespoke::engine::simulate;
//! use bespoke::model::{Instant, Message};
//!
//! let definitions = Definitions::from_toml(r#"
//!     version = 1
//!     [events.cart_updated]
//!     cart_id = "string"
//!     cart_value = "number"
//!     [events.purchase]
//!     cart_id = "string"
//!     [events.view]
//!     [templates.cart]
//!     title = "Your cart of {{ event.cart_value }} is waiting"
//!
//!     [journeys.cart_abandon]
//!     enter = { event = "cart_updated", where = "cart_value >= 20", key = "cart_id", reentry = "restart" }
//!     exit = [{ event = "purchase", key = "cart_id" }]
//!     goal = { event = "purchase", within = "3d" }
//!
//!     [[journeys.cart_abandon.step]]
//!     id = "idle"
//!     wait = "1h"
//!     [[journeys.cart_abandon.step]]
//!     id = "push1"
//!     send = { channel = "push", template = "cart", expires = "12h" }
//!     [[journeys.cart_abandon.step]]
//!     id = "react"
//!     wait_for = { any = [{ opened = "push1" }, { event = "view" }], timeout = "4h", then = "end", else = "mail1" }
//!     [[journeys.cart_abandon.step]]
//!     id = "mail1"
//!     send = { channel = "email", template = "cart", expires = "24h" }
//! "#)?;
//!
//! let at = |clock: &str| format!("2026-11-23T{clock}:00Z").parse::<Instant>();
//! let cart = |user: &str, event: &str| Message::track(user, event).with("cart_id", format!("cart of {user}"));
//! let messages = [
//!     cart("ada", "cart_updated").with("cart_value", 30).at(at("10:00")?),
//!     cart("bob", "cart_updated").with("cart_value", 45).at(at("10:00")?),
//!     cart("cy", "cart_updated").with("cart_value", 50).at(at("10:00")?),
//!     cart("ada", "cart_updated").with("cart_value", 60).at(at("10:20")?), // begins the hour anew
//!     cart("bob", "purchase").at(at("10:40")?),                            // leaves
//!     Message::track("cy", "view").at(at("11:30")?),                       // comes back
//! ];
//! let simulation = simulate(&definitions, &messages, at("23:00")?);
//! let sent: Vec<String> =
//!     simulation.actions.iter().map(|action| format!("{} {} {}", action.at, action.user, action.step)).collect();
//! assert_eq!(sent, [
//!     "2026-11-23T11:00:00Z cy push1",
//!     "2026-11-23T11:20:00Z ada push1",
//!     "2026-11-23T15:20:00Z ada mail1",
//! ]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - `key` makes one instance for each cart, and `reentry = "restart"` begins the wait anew with each change of that cart.
//! - Both the `exit` and the `goal` name the purchase: an exit ends the instance of that cart, a goal ends it too and is
//!   counted, up to three days after the entry also once all steps are done.
//! - What an exit finds in the outbox is withdrawn, unless the host holds it: until its lease ends.
//!
//! # An overspend nudge
//! Once somebody has spent nine tenths of what they set aside for a category this month, they hear of it; not at night,
//! and of each category once a week at most.
//!
//! ```
//! # use bespoke::{definitions::Definitions, engine::simulate, journey::Reason, model::{Instant, Message}};
//! let definitions = Definitions::from_toml(r#"
//!     version = 1
//!     [attributes]
//!     "budget.*" = "number"
//!     [events.payment]
//!     category = "string"
//!     amount = "number"
//!     [segments]
//!     overspent = { by = "category", when = "sum(payment.amount in this month) > 0.9 * budget[key]" }
//!     [templates.nudge]
//!     text = "Most of your budget for {{ key }} is spent"
//!     [delivery.quiet.push]
//!     from = "22:00"
//!     to = "08:00"
//!
//!     [journeys.overspend]
//!     class = "service"
//!     enter = { segment_entered = "overspent", reentry = { after = "7d" } }
//!     exit = [{ segment_left = "overspent" }]
//!     step = [{ id = "nudge", send = { channel = "push", template = "nudge", expires = "1d" } }]
//! "#)?;
//!
//! let at = |clock: &str| format!("2026-11-10T{clock}:00Z").parse::<Instant>();
//! let pay = |amount: i64| Message::track("ada", "payment").with("category", "food").with("amount", amount);
//! let messages = [
//!     Message::identify("ada").with("budget.food", 100).at(at("09:00")?),
//!     pay(60).at(at("10:00")?),
//!     pay(35).at(at("22:30")?),
//! ];
//! let simulation = simulate(&definitions, &messages, "2026-11-12T00:00:00Z".parse()?);
//! let [nudge] = &simulation.actions[..] else { panic!("one nudge") };
//! assert_eq!(nudge.at.to_string(), "2026-11-11T08:00:00Z");
//! assert_eq!(nudge.content.get("text"), Some(&"Most of your budget for food is spent".into()));
//! let why: Vec<_> = simulation.held_back().filter_map(|note| note.what.reason()).collect();
//! assert_eq!(why, [Reason::QuietHours]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - The segment is keyed, so each category has a part of it; the key of the change that begins the journey is the key of
//!   the instance, and templates know it as `key`.
//! - Time alone leaves the segment when the month is over, and that ends the journey: nobody hears on the first of December
//!   what held in November.
//!
//! # A last-minute deal
//! On Friday at five, wherever they are, whoever has looked for a trip and has not booked one hears of what is left for the
//! weekend: half of them by push, the others by mail. By nine it is pointless.
//!
//! ```
//! # use bespoke::{definitions::Definitions, engine::simulate, model::{Instant, Message}};
//! let definitions = Definitions::from_toml(r#"
//!     version = 1
//!     [attributes]
//!     timezone = "string"
//!     [events.search]
//!     [events.booking]
//!     [segments]
//!     undecided = "count(search in 7d) >= 2 and not did(booking in 7d)"
//!     [templates.deal]
//!     title = "Away this weekend?"
//!
//!     [journeys.deal]
//!     priority = 80
//!     enter = { cron = "0 17 * * 5" }
//!     audience = 'segment("undecided")'
//!     exit = [{ event = "booking" }]
//!
//!     [[journeys.deal.step]]
//!     id = "half"
//!     split = { salt = "deal", arms = { push = 50, mail = 50 }, to = { mail = "mail" } }
//!     [[journeys.deal.step]]
//!     id = "push"
//!     send = { channel = "push", template = "deal", expires = "4h" }
//!     [[journeys.deal.step]]
//!     id = "done"
//!     goto = "end"
//!     [[journeys.deal.step]]
//!     id = "mail"
//!     send = { channel = "email", template = "deal", expires = "4h" }
//! "#)?;
//!
//! let monday: Instant = "2026-11-23T10:00:00Z".parse()?;
//! let zones = [("ada", "Europe/Paris"), ("bob", "America/New_York"), ("cy", "Europe/Paris")];
//! let mut messages = Vec::new();
//! for (user, zone) in zones {
//!     messages.push(Message::identify(user).with("timezone", zone).at(monday));
//!     messages.extend([Message::track(user, "search").at(monday), Message::track(user, "search").at(monday)]);
//! }
//! messages.push(Message::track("cy", "booking").at(monday));
//!
//! let simulation = simulate(&definitions, &messages, "2026-11-29T00:00:00Z".parse()?);
//! let sent: Vec<String> =
//!     simulation.actions.iter().map(|action| format!("{} {}", action.at, action.user)).collect();
//! assert_eq!(sent, ["2026-11-27T16:00:00Z ada", "2026-11-27T22:00:00Z bob"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - `cron` is in the zone of each user, once on each local date, also where clocks change.
//! - A `split` leads the same user always the same way. `priority` says who goes first where several journeys want to send
//!   at one instant, which matters where a cap leaves room for one.
//!
//! # A workout, the evening before
//! At seven on the evening before a workout a reminder; if there was none by the evening after it, an offer to move it.
//!
//! ```
//! # use bespoke::{definitions::Definitions, engine::simulate, model::{Instant, Message}};
//! let definitions = Definitions::from_toml(r#"
//!     version = 1
//!     [attributes]
//!     timezone = "string"
//!     next_workout = "instant"
//!     [events.workout]
//!     [templates.remind]
//!     title = "Tomorrow is training day"
//!     [templates.move_it]
//!     title = "Another day?"
//!
//!     [journeys.workout]
//!     class = "service"
//!     enter = { date = "next_workout", offset = "-1d", at = "19:00" }
//!     exit = [{ event = "workout" }]
//!
//!     [[journeys.workout.step]]
//!     id = "remind"
//!     send = { channel = "push", template = "remind", expires = "5h" }
//!     [[journeys.workout.step]]
//!     id = "patience"
//!     wait_until = { day = "tomorrow", at = "20:00" }
//!     [[journeys.workout.step]]
//!     id = "move"
//!     send = { channel = "push", template = "move_it" }
//! "#)?;
//!
//! let monday: Instant = "2026-11-23T10:00:00Z".parse()?;
//! let wednesday: Instant = "2026-11-25T06:30:00Z".parse()?; // half past seven in Paris
//! let plan = |user: &str| Message::identify(user).with("timezone", "Europe/Paris").with("next_workout", wednesday);
//! let messages = [plan("ada").at(monday), plan("bob").at(monday), Message::track("ada", "workout").at(wednesday)];
//!
//! let simulation = simulate(&definitions, &messages, "2026-11-27T00:00:00Z".parse()?);
//! let sent: Vec<String> =
//!     simulation.actions.iter().map(|action| format!("{} {} {}", action.at, action.user, action.step)).collect();
//! assert_eq!(sent, [
//!     "2026-11-24T18:00:00Z ada remind",
//!     "2026-11-24T18:00:00Z bob remind",
//!     "2026-11-25T19:00:00Z bob move",
//! ]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - A date begins a journey once, whatever becomes of the attribute then; another date begins another.
//! - Local times shift forward by as much as the clocks do where they are skipped, and are the first of two where they come
//!   twice. A user who moves to another zone waits for that zone's evening.
//!
//! # A test of two subjects
//! Of the gold users nine in ten take part; half of those get the new subject. What a message says can be set as an attribute
//! too, here for a segment that asks which cart was written about last.
//!
//! ```
//! # use bespoke::{definitions::Definitions, engine::Engine, model::{Instant, Message}};
//! let definitions = Definitions::from_toml(r#"
//!     version = 1
//!     [attributes]
//!     tier = "string"
//!     last_cart = "string"
//!     [events.add_to_cart]
//!     cart_id = "string"
//!     [segments]
//!     saw_new_subject = 'did(experiment.exposed where experiment = "subject" and arm = "new")'
//!     [templates.old]
//!     subject = "Your cart"
//!     [templates.new]
//!     subject = "Still thinking about it?"
//!
//!     [experiments.subject]
//!     arms = { old = 50, new = 50 }
//!     traffic = 90
//!     audience = 'tier = "gold"'
//!
//!     [journeys.cart]
//!     enter = { event = "add_to_cart", key = "cart_id" }
//!     [[journeys.cart.step]]
//!     id = "remember"
//!     set = { last_cart = "{{ event.cart_id }}" }
//!     [[journeys.cart.step]]
//!     id = "subject"
//!     experiment = "subject"
//!     to = { new = "new" }
//!     [[journeys.cart.step]]
//!     id = "old"
//!     send = { channel = "email", template = "old" }
//!     [[journeys.cart.step]]
//!     id = "done"
//!     goto = "end"
//!     [[journeys.cart.step]]
//!     id = "new"
//!     send = { channel = "email", template = "new" }
//! "#)?;
//!
//! let now: Instant = "2026-11-23T10:00:00Z".parse()?;
//! let engine = Engine::builder(definitions).open()?;
//! for n in 0..100 {
//!     let user = format!("u{n}");
//!     engine.ingest(&Message::identify(user.as_str()).with("tier", if n < 80 { "gold" } else { "none" }), now)?;
//!     let notes = engine.ingest(&Message::track(user.as_str(), "add_to_cart").with("cart_id", "c1"), now)?.notes;
//!     let sent = if engine.arm(&user, "subject", now)?.arm() == Some("new") { "new" } else { "old" };
//!     assert!(notes.iter().any(|note| note.step.as_deref() == Some(sent)));
//! }
//! let counts = engine.journey_counts();
//! assert_eq!(counts[&("cart".into(), "outside the experiment: not in the audience".into())], 20);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - Who takes no part goes on to the step behind the experiment, and is counted apart.
//! - More traffic brings users in, and moves nobody from one arm to the other.
//!
//! # What may stop a message
//! A send that is due goes through the rules of the delivery gate in one order, and the first that says something gives the
//! [`Reason`](crate::journey::Reason): 1 the journey is over, 2 consent, 3 address, 4 too late, 5 held out, 6 said already,
//! 7 quiet hours, 8 best time, 9 caps, 10 who goes first, 11 the channel's throttle. Nothing is lost in silence: each send
//! ends as an action or as a [`Note`](crate::journey::Note) with its reason, in the
//! [`Outcome`](crate::engine::Outcome) of the input that brought it about.
//!
//! Every reason of every journey is counted, since the beginning, in
//! [`journey_counts`](crate::engine::Engine::journey_counts): by journey and by words such as `entered`, `sent by push`,
//! `deferred: quiet hours`, `not sent: cap`, `not entered: late`, `exited: goal`; and what is not delivered after all
//! (`not sent: expired in the outbox`, `not delivered: failed`) is counted too. A slot of a cap that is given back so is there
//! at once for what waits for one.
//!
//! An action takes answers for a week after its first one: `answers = "30d"` in `[delivery]` makes that longer, for waits
//! and segments that ask so late whether it was opened.
//!
//! # Seeing what goes on
//! | question | answer |
//! | --- | --- |
//! | Where is this user, what comes next and when, what would stop it now? | [`explain_journey`](crate::engine::Engine::explain_journey), or `replay --explain USER` |
//! | How many users are where? | [`users_on_steps`](crate::engine::Engine::users_on_steps), and [`draw_journey`](crate::engine::Engine::draw_journey) for a picture in Mermaid or Graphviz, or `replay --draw JOURNEY` |
//! | Who would get what when, and why not? | [`simulate`](crate::engine::simulate) from nothing, [`Engine::simulate`](crate::engine::Engine::simulate) from here on, `replay --simulate E.toml` for the same messages under other definitions |
//! | What was sent, and what was not? | the notes of each outcome; `notes.jsonl` of a replay |
//!
//! # What a journey costs
//! An event that no journey names costs one look-up. A user in a journey costs one timer, whatever it waits for: time
//! looks at users who are due, and at nobody else. Asking costs whoever asks: explaining runs what comes next on a copy,
//! counting looks at everybody in a journey, and a simulation from here on copies the whole state.
