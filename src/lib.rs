//! bespoke
pub mod model;
