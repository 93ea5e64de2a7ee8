//! What a message costs beside thousands of segments.
//!
//! `cargo bench --bench segments`: users with sixty events in ninety days; half of the segments look at behaviour in
//! windows from an hour to ninety days. Compiling, and evaluating everything for one user, stand beside it.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)] // a bench may stop at what should not be

mod rules;

use bespoke::engine::Partition;
use bespoke::model::Duration;
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;

const USERS: usize = 1_000;

fn message(c: &mut Criterion) {
    let mut group = c.benchmark_group("message");
    for segments in [0, 100, 1_000, 10_000] {
        let mut partition = Partition::new(&rules::definitions(segments, 1));
        for (at, message) in rules::history(USERS, 60, 2) {
            partition.ingest(&message, at).unwrap();
        }
        let rng = &mut fastrand::Rng::with_seed(3);
        let mut now = rules::now();
        partition.advance(now);
        group.bench_function(format!("{segments} segments"), |b| {
            b.iter_batched(
                || {
                    now = now + Duration::seconds(60);
                    (rules::event(&format!("user-{}", rng.usize(0..USERS)), rng), now)
                },
                |(message, now)| black_box(partition.ingest(&message, now).unwrap()),
                criterion::BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn compile(c: &mut Criterion) {
    let mut group = c.benchmark_group("compile");
    group.sample_size(10);
    group.bench_function("10000 segments", |b| b.iter(|| black_box(rules::definitions(10_000, 1))));
    group.finish();
}

criterion_group!(benches, message, compile);
criterion_main!(benches);
