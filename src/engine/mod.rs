//! engine
mod partition;
mod seen;
pub use partition::*;
