//! The peers, a file each: how a rule is written, compiled and evaluated, and what a person becomes for it.

pub mod a_tree;
pub mod bespoke;
pub mod cel;
pub mod closures;
pub mod evalexpr;
pub mod rhai;
pub mod wirefilter;
