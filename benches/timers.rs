//! Timers beside the usual queues of the standard library: nanoseconds for setting, moving, cancelling and firing each, and
//! for an event of an engine's day, which mostly moves a timer later; bytes for each. Beside other crates' queues, and at
//! ten million timers: `cargo bench --manifest-path benches/peers/Cargo.toml --bench timers`.
//!
//! `cargo bench --bench timers`, or with other sizes: `-- 10000000`

#[path = "timers/mod.rs"]
mod queues;

use bespoke::model::Instant;
use bespoke::trigger::TimingWheel;
use queues::{Table, sizes};
use std::alloc::System;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

#[global_allocator]
static ALLOCATOR: cap::Cap<System> = cap::Cap::new(System, usize::MAX);

fn main() {
    for n in sizes(&[100_000, 1_000_000]) {
        let mut table = Table::new(n, || ALLOCATOR.allocated());
        table.row::<TimingWheel<u32>>();
        table.row::<BinaryHeap<Reverse<(Instant, u32)>>>();
        table.row::<BTreeSet<(Instant, u32)>>();
    }
}
