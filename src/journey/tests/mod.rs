//! What a journey does, as stories: inputs by the clock, and the notes that they give.
//!
//! A line of a story is `CLOCK WHO WHAT key=value …`. The clock is `10:00`, or `24T08:00` on another day than Monday
//! the 23rd of November 2026, UTC. `WHO` is a user, `~device`, or `user~device`. `WHAT` is an event, or one of
//! `identify`, `forget`, `advance`, `lease`, `outbox`, `ack`; `@09:50` behind it is the instant of a late message.

mod compile;
mod delivery;
mod entry;
mod identity;
mod outbox;
mod shop;
mod steps;
