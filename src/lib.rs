//! bespoke
pub mod engine;
pub mod model;
pub mod profile;
pub mod recommend;
pub mod segment;
pub mod trigger;
