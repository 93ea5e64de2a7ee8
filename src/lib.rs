//! bespoke
pub mod model;
pub mod profile;
pub mod segment;
pub mod recommend;
pub mod engine;
