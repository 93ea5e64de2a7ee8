//! Messages from memory into one partition: ten segments, two journeys, the outbox emptied now and then. Read the
//! median of `elem/s`. Then visitors who sign in, beside devices that two users share each.
#![allow(missing_docs)] // criterion's macros make public items

mod shop;

use bespoke::definitions::Definitions;
use bespoke::engine::{Engine, Partition};
use bespoke::model::{Duration, Ids, Instant, Message};
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

/// A visitor who turns out to be a known user is absorbed; where the two hash apart, one of them moves first.
fn logins(c: &mut Criterion) {
    let definitions =
        Definitions::from_toml("version = 1\n[events.view]\n[segments]\nactive = 'did(view in 1d)'\n")
            .expect("one segment");
    let start: Instant = "2026-11-23T10:00:00Z".parse().expect("an instant");
    let mut group = c.benchmark_group("logins");
    group.sample_size(10);
    const LOGINS: u64 = 2_000;
    group.throughput(Throughput::Elements(LOGINS));
    for (partitions, shared) in [(1, 1_000), (1, 100_000), (4, 1_000), (4, 100_000)] {
        let known = || {
            let engine =
                Engine::builder(definitions.clone()).partitions(partitions).open().expect("an engine");
            let say = |message: Message| drop(engine.ingest(message, start).expect("a message"));
            for n in 0..shared {
                for user in ["one", "other"] {
                    say(Message::track(Ids::both(format!("{user}{n}"), format!("shared{n}")), "view"));
                }
            }
            for n in 0..LOGINS {
                say(Message::identify(format!("user{n}")));
                say(Message::track(Ids::anonymous(format!("device{n}")), "view"));
            }
            engine
        };
        group.bench_function(format!("{partitions} partitions, {shared} shared devices"), |b| {
            b.iter_batched(
                known,
                |engine| {
                    for n in 0..LOGINS {
                        let ids = Ids::both(format!("user{n}"), format!("device{n}"));
                        let now = start + Duration::minutes(1);
                        black_box(engine.ingest(Message::track(ids, "view"), now).expect("a message"));
                    }
                    engine
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, ingest, logins);
criterion_main!(benches);
