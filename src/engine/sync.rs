//! The locks of what is made by hand here, and how threads wait. The package `tests/orders` has others in their place, and
//! tries the orders in which threads may come to them.

pub(super) use parking_lot::{Mutex, MutexGuard};
pub(super) use std::thread::{Thread, current, park, park_timeout, yield_now};
