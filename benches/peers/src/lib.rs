//! What the benches of this package share: rules, people, and each peer in the form that is fastest for it.
//!
//! A peer gets the same rules over the same six attributes. Where it lacks a kind of value or has a slow one, it gets
//! the fastest that gives the same answers: `score` has one decimal, so wirefilter and a-tree, which have no floats
//! or only decimal ones, get it as an integer in tenths. [`check`] compares the answers before anything is timed.

pub mod check;
pub mod peers;
pub mod person;
pub mod rule;
#[path = "../../rules/mod.rs"]
mod rules;

pub use person::Person;
pub use rule::Rule;
