//! An engine of several partitions knows of everybody what an engine of one knows, whatever ids turn out to belong together.
//! `STORE_RUNS=100 cargo test --release --test partitions` tries each behaviour a hundred times as long.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

#[allow(dead_code)] // the tests of the store use the rest of it
#[path = "../store/stream.rs"]
mod stream;

mod batches;
mod faults;
mod forget;
mod known;
mod one_or_several;
mod power;
mod recommend;
mod reopened;
mod threads;
