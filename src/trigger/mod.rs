//! # trigger: when something is due
//! In: deadlines and keys; rules about the clock on a user's wall, with the user's [`Zone`](crate::model::Zone). Out:
//! what is due up to an instant, in `(due, key)` order; the instants that the rules mean ([`LocalRule`], [`Cron`],
//! [`DateRule`], [`LocalWindow`], [`QuietHours`]).
//! Knows nothing of users, journeys or storage; imports only [`model`](crate::model). Reads no clock, starts
//! no thread, keeps no file: an index that its owner can build again from its own rows.
//!
//! Invariants
//! 1. The owner's deadline is the truth; an entry in the wheel is only a hint to look.
//! 2. For each deadline there is a hint at or before it. So moving later and cancelling need no call; setting
//!    a deadline where there was none, or an earlier one, is one [`schedule`](TimingWheel::schedule).
//! 3. What comes out depends on deadlines alone, never on how the time up to `until` was cut into calls.
//!
//! Absent on purpose: cancelling (see 2), callbacks, recurrence (the owner schedules again), limits per call
//! ([`TimingWheel::next_batch`] lets the owner stop between instants), persistence.

mod bucket;
mod cron;
mod date;
mod local;
mod quiet;
mod wheel;

pub(crate) use cron::Wall;
pub use cron::{Cron, CronError};
pub use date::DateRule;
pub use local::{LocalDay, LocalRule, LocalWindow};
pub use quiet::{LocalTime, ParseLocalTimeError, QuietHours, QuietHoursError};
pub use wheel::TimingWheel;
