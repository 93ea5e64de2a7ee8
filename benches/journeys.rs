//! A million users in a journey of five steps: what an input costs, and what an instance takes that waits. Read the
//! median of `elem/s`, and the lines before it.
#![allow(missing_docs)] // criterion's macros make public items

use bespoke::definitions::Definitions;
use bespoke::engine::Engine;
use bespoke::journey::Delivery;
use bespoke::model::{Instant, Message};
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
fn filled(text: &str) -> (Engine, usize) {
    let definitions = Definitions::from_toml(text).expect("the definitions are right");
    let before = ALLOCATOR.allocated();
    let engine = Engine::builder(definitions).open().expect("it needs no folder");
    for number in 0..USERS {
        let message = Message::track(user(number), "cart_updated");
        engine.ingest(message, at(number as i64)).expect("the message is right");
    }
    let bytes = ALLOCATOR.allocated() - before;
    (engine, bytes)
}

/// What comes in: one kind of event, or all of them and what is due.
struct Kind {
    name: &'static str,
    /// None for all.
    event: Option<&'static str>,
    /// Messages in a call.
    batch: usize,
    /// Inputs in a millisecond of the engine's time: few enough for carts to be left alone for an hour where that is
    /// wanted, and else so many that nobody's is.
    inputs_per_milli: usize,
}

impl Kind {
    fn messages(&self, rng: &mut Rng) -> Vec<Message> {
        let mix = ["cart_updated", "cart_updated", "view", "scroll", "scroll", "purchase"];
        let message = |rng: &mut Rng| {
            let number = rng.usize(..USERS);
            Message::track(user(number), self.event.unwrap_or_else(|| mix[rng.usize(..mix.len())]))
        };
        (0..INPUTS).map(|_| message(rng)).collect()
    }

    /// Takes in so many inputs; what the host says of an action is one too.
    fn run(&self, engine: &Engine, messages: &[Message], now: &mut i64) {
        let (mut left, mut taken) = (INPUTS, 0);
        while left > 0 {
            let batch = &messages[taken..taken + self.batch.min(left)];
            (taken, left) = (taken + batch.len(), left - batch.len());
            *now += (taken / self.inputs_per_milli - (taken - batch.len()) / self.inputs_per_milli) as i64;
            match batch {
                [message] => drop(black_box(engine.ingest(message, at(*now)).expect("it is right"))),
                _ => drop(black_box(engine.ingest_all(batch, at(*now)))),
            }
            if self.event.is_none() && taken % 1_024 == 0 {
                let leased = engine.outbox(left.min(1_024), at(*now));
                for action in leased.expect("nothing is written") {
                    engine.acknowledge(&action.id, Delivery::Sent, at(*now)).expect("nothing is written");
                    left -= 1;
                }
            }
        }
    }
}

const fn kind(name: &'static str, event: Option<&'static str>, batch: usize) -> Kind {
    Kind { name, event, batch, inputs_per_milli: if event.is_none() { 2 } else { 20 } }
}

const KINDS: [Kind; 6] = [
    kind("an event that no journey names", Some("scroll"), 1),
    kind("the same, 256 a call", Some("scroll"), 256),
    kind("a change of the cart, which starts over", Some("cart_updated"), 1),
    kind("a change, 256 a call", Some("cart_updated"), 256),
    kind("all kinds, with what is due and the outbox", None, 1),
    kind("all kinds, 256 a call", None, 256),
];

fn journeys(c: &mut Criterion) {
    let without = filled(PROFILES).1;
    let (engine, with) = filled(&format!("{PROFILES}{JOURNEY}"));
    println!("{:.1} bytes an instance that waits, all included", (with - without) as f64 / USERS as f64);

    let mut group = c.benchmark_group("journeys");
    group.sample_size(20);
    group.throughput(Throughput::Elements(INPUTS as u64));
    let rng = &mut Rng::with_seed(7);
    let mut now = USERS as i64;
    for kind in &KINDS {
        if kind.event.is_none() {
            // An hour and more goes before: from then on as many carts are left alone as always will be.
            let end = now + 4_000_000;
            while now < end {
                let messages = kind.messages(rng);
                kind.run(&engine, &messages, &mut now);
            }
        }
        group.bench_function(kind.name, |b| {
            b.iter_batched(
                || kind.messages(rng),
                |messages| {
                    kind.run(&engine, &messages, &mut now);
                    messages // to drop them is the host's
                },
                criterion::BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, journeys);
criterion_main!(benches);
