//! A million users in a journey of five steps: what an input costs, and what an instance takes that waits. Read the
//! median of `elem/s`, and the lines before it.
#![allow(missing_docs)] // criterion's macros make public items

use bespoke::definitions::Definitions;
use bespoke::engine::Partition;
use bespoke::journey::Delivery;
use bespoke::model::{Duration, Instant, Message};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fastrand::Rng;
use std::alloc::System;
use std::hint::black_box;

#[global_allocator]
static ALLOCATOR: cap::Cap<System> = cap::Cap::new(System, usize::MAX);

const USERS: usize = 1_000_000;
const INPUTS: usize = 20_000;

const PROFILES: &str = r#"
    version = 1
    [events.cart_updated]
    [events.view]
    [events.purchase]
    [events.scroll]
    [templates.hello]
    title = "Still thinking about it?"
"#;

/// Five steps, an exit, and a restart with every change of the cart.
const JOURNEY: &str = r#"
    [journeys.cart]
    enter = { event = "cart_updated", reentry = "restart" }
    exit = [{ event = "purchase" }]
    [[journeys.cart.step]]
    id = "idle"
    wait = "1h"
    [[journeys.cart.step]]
    id = "push"
    send = { channel = "push", template = "hello", expires = "12h" }
    [[journeys.cart.step]]
    id = "react"
    wait_for = { any = [{ opened = "push" }, { event = "view" }], timeout = "4h", then = "end" }
    [[journeys.cart.step]]
    id = "pause"
    wait = "1d"
    [[journeys.cart.step]]
    id = "mail"
    send = { channel = "email", template = "hello", expires = "24h" }
"#;

fn at(millis: i64) -> Instant {
    Instant::from_millis(1_700_000_000_000 + millis)
}

fn user(number: usize) -> String {
    format!("user-{number}")
}

/// Everybody has put something into the cart, one after the other.
fn filled(text: &str) -> (Partition, usize) {
    let definitions = Definitions::from_toml(text).expect("the definitions are right");
    let before = ALLOCATOR.allocated();
    let mut partition = Partition::new(&definitions);
    for number in 0..USERS {
        let message = Message::track(user(number), "cart_updated");
        partition.ingest(&message, at(number as i64)).expect("the message is right");
    }
    let bytes = ALLOCATOR.allocated() - before;
    (partition, bytes)
}

fn journeys(c: &mut Criterion) {
    let without = filled(PROFILES).1;
    let (mut partition, with) = filled(&format!("{PROFILES}{JOURNEY}"));
    println!("{:.1} bytes an instance that waits, all included", (with - without) as f64 / USERS as f64);

    let mut group = c.benchmark_group("journeys");
    group.sample_size(20);
    group.throughput(Throughput::Elements(INPUTS as u64));
    let rng = &mut Rng::with_seed(7);
    let mut now = USERS as i64;
    for (name, event, every) in [
        ("an event that no journey names", "scroll", 0),
        ("a change of the cart, which starts over", "cart_updated", 0),
        ("all kinds, with what is due and the outbox", "", 1_000),
    ] {
        let mix = ["cart_updated", "cart_updated", "view", "scroll", "scroll", "purchase"];
        group.bench_function(name, |b| {
            b.iter_batched(
                || {
                    let event =
                        |rng: &mut Rng| if event.is_empty() { mix[rng.usize(..mix.len())] } else { event };
                    let message = |rng: &mut Rng| Message::track(user(rng.usize(..USERS)), event(rng));
                    (0..INPUTS).map(|_| message(rng)).collect::<Vec<_>>()
                },
                |messages| {
                    for (number, message) in messages.iter().enumerate() {
                        // Two thousand inputs a second: a million users change their carts in the wait of an hour.
                        now += i64::from(number % 2 == 0);
                        black_box(partition.ingest(message, at(now)).expect("the message is right"));
                        if every > 0 && number % every == 0 {
                            for action in partition.outbox(1_000, Duration::minutes(1), at(now)) {
                                partition.acknowledge(&action.id, Delivery::Sent, at(now));
                            }
                        }
                    }
                },
                criterion::BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, journeys);
criterion_main!(benches);
