//! # trigger: when something is due
//! In: deadlines and keys, local times and zones. Out: what is due up to an instant, in `(due, key)` order; when
//! quiet hours end.
//! Knows nothing of users, journeys or storage; imports only `model`. Reads no clock.
//! Invariant: the owner's deadline is the truth; an entry in the wheel is only a hint to look.

mod quiet;
mod wheel;

pub use quiet::{LocalTime, ParseLocalTimeError, QuietHours, QuietHoursError};
pub use wheel::TimingWheel;
