//! Messages from memory into one partition: ten segments, two journeys, the outbox emptied now and then. Read the
//! median of `elem/s`.
#![allow(missing_docs)] // criterion's macros make public items

mod shop;

use bespoke::engine::Partition;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

fn ingest(c: &mut Criterion) {
    let definitions = shop::definitions();
    let mut group = c.benchmark_group("ingest");
    group.sample_size(10);
    for users in [1_000, 10_000, 100_000] {
        let messages = shop::messages(users);
        group.throughput(Throughput::Elements(messages.len() as u64));
        group.bench_function(format!("{users} users, 20 messages each"), |b| {
            b.iter_batched(
                || Partition::new(&definitions),
                |mut partition| {
                    black_box(shop::run(&mut partition, &messages));
                    partition
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, ingest);
criterion_main!(benches);
