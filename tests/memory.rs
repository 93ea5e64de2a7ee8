//! What a user costs: counted at the allocator, everything included.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

#[path = "../benches/shop/mod.rs"]
mod shop;

use bespoke::definitions::Definitions;
use bespoke::engine::Partition;
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

/// One test, because the allocator counts for the whole process.
#[test]
fn a_profile_with_twenty_events_takes_less_than_a_kibibyte() {
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
    assert!(bytes < 1_024, "{bytes} bytes a profile");

    let (bytes, events) = cost(&shop::definitions());
    println!(
        "{bytes} bytes a user with {events:.1} events, ten segments, affinities, two journeys, outbox and timers"
    );
    assert!(bytes < 1_280, "{bytes} bytes a user");
}
