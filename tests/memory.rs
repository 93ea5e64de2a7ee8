//! What a profile costs: counted at the allocator, everything included.

#[path = "../benches/shop/mod.rs"]
mod shop;

use bespoke::engine::Partition;
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: cap::Cap<System> = cap::Cap::new(System, usize::MAX);

#[test]
fn a_profile_with_twenty_events_takes_less_than_a_kibibyte() {
    let users = 20_000;
    let definitions = shop::definitions();
    let messages = shop::messages(users);
    let before = ALLOCATOR.allocated();
    let mut partition = Partition::new(&definitions);
    for message in &messages {
        partition.ingest(message, message.timestamp.unwrap_or_default()).unwrap();
    }
    let bytes = (ALLOCATOR.allocated() - before) / users;
    let events: usize = (0..users).filter_map(|i| partition.profile(&format!("user-{i}"))).map(|p| p.events.len()).sum();
    println!("{bytes} bytes a user with {:.1} events, journeys and timers included", events as f64 / users as f64);
    assert!(events >= 19 * users, "{events} events are kept of {users} users");
    assert!(bytes < 1_024, "{bytes} bytes a user");
}
