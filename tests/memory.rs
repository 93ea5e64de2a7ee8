//! What a user costs: counted at the allocator, everything included.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

#[path = "../benches/shop/mod.rs"]
mod shop;

use bespoke::definitions::Definitions;
use bespoke::engine::Partition;
use bespoke::model::{Instant, Message};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: cap::Cap<System> = cap::Cap::new(System, usize::MAX);

const USERS: usize = 20_000;

/// Bytes and kept events for each user, once all messages are in.
fn cost(definitions: &Definitions) -> (usize, f64) {
    let messages = shop::messages(USERS);
    let before = ALLOCATOR.allocated();
    let mut partition = Partition::new(definitions);
    shop::run(&mut partition, &messages);
    let bytes = (ALLOCATOR.allocated() - before) / USERS;
    let profiles = (0..USERS).filter_map(|i| partition.profile(&format!("user-{i}")));
    (bytes, profiles.map(|profile| profile.events.len()).sum::<usize>() as f64 / USERS as f64)
}

/// Bytes that a journey of five steps takes for each user on top of a profile, where an event is all that they do.
fn cost_of_journey(event: &str) -> f64 {
    let profiles = "version = 1\n[events.add]\n[events.view]\n[events.scroll]\n[templates.t]\na = 'x'\n";
    let journey = r#"
        [journeys.cart]
        enter = { event = "add", reentry = "restart" }
        exit = [{ event = "view" }]
        step = [
            { id = "idle", wait = "1h" },
            { id = "push", send = { channel = "push", template = "t", expires = "12h" } },
            { id = "react", wait_for = { any = [{ opened = "push" }], timeout = "4h", then = "end" } },
            { id = "pause", wait = "1d" },
            { id = "mail", send = { channel = "email", template = "t" } },
        ]
    "#;
    let bytes = |text: &str| {
        let definitions = Definitions::from_toml(text).unwrap();
        let before = ALLOCATOR.allocated();
        let mut partition = Partition::new(&definitions);
        for user in 0..USERS {
            let message = Message::track(format!("user-{user}"), event);
            partition.ingest(&message, Instant::from_millis(user as i64)).unwrap();
        }
        // The last one is in it in any case.
        let message = Message::track(format!("user-{}", USERS - 1), "add");
        partition.ingest(&message, Instant::from_millis(USERS as i64)).unwrap();
        ALLOCATOR.allocated() - before
    };
    let without = bytes(profiles);
    (bytes(&format!("{profiles}{journey}")) - without) as f64 / USERS as f64
}

/// One test, because the allocator counts for the whole process.
#[test]
fn users_take_what_they_may() {
    // Keeps all events with two properties each, and is so rarely true that no membership is kept.
    let keeps_all = r#"
        version = 1
        [events.view]
        sku = "string"
        category = "string"
        [segments]
        rare = 'count(any where category = "none" and sku = "none" in 90d) >= 1'
    "#;
    let (bytes, events) = cost(&Definitions::from_toml(keeps_all).unwrap());
    println!("{bytes} bytes a profile with {events:.1} events of two properties");
    assert!(events > 19.9, "{events} events are kept");
    assert!(bytes <= 600, "{bytes} bytes a profile");

    let waiting = cost_of_journey("add");
    println!("{waiting:.1} bytes an instance that waits, with its timer");
    assert!(waiting < 64.0, "{waiting:.1} bytes an instance that waits");

    let outside = cost_of_journey("scroll");
    println!("{outside:.1} bytes a user who is in no journey");
    assert!(outside < 6.0, "{outside:.1} bytes a user who is in no journey");

    let (bytes, events) = cost(&shop::definitions());
    println!(
        "{bytes} bytes a user with {events:.1} events, ten segments, affinities, two journeys, outbox and timers"
    );
    assert!(bytes < 1_024, "{bytes} bytes a user");
}
