//! What an engine keeps in a store is what it would keep in memory: however it is stopped, whatever the disk does, and
//! whoever is away. Each module is a behaviour; `STORE_RUNS=100 cargo test --release --test store` tries each of them a
//! hundred times as long.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

mod attacked;
mod damage;
mod faults;
mod fixture;
mod forget;
mod host_journal;
mod kept_journal;
mod one_writer;
mod power;
mod small;
mod soak;
mod sound;
mod stream;
mod threads;
mod twin;
mod vanished;
