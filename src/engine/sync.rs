//! The locks of what is made by hand here. `orders_test` has others in their place, and tries the orders in which threads
//! may come to them.

pub(super) use parking_lot::{Condvar, Mutex};
