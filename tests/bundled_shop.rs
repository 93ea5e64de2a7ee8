//! The bundled messages are what the simulator writes: whoever changes one has to write the other again.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

#[path = "../examples/shop/mod.rs"]
mod shop;

use shop::Shop;

#[test]
fn bundled_messages_are_what_the_simulator_writes() {
    let bundled = include_str!("../examples/data/shop.jsonl");
    let written = Shop::default().messages();
    // Compared by line: a difference is shown as one message, not as the whole file.
    for (number, (bundled, written)) in bundled.lines().zip(&written).enumerate() {
        assert_eq!(bundled, written, "line {}", number + 1);
    }
    assert_eq!(bundled.lines().count(), written.len());
}

#[test]
fn a_larger_shop_keeps_the_people_of_the_smaller() {
    let small = Shop { seed: 1, users: 5, days: 9 };
    let large = Shop { users: 20, ..small };
    let large = large.messages();
    assert!(small.messages().iter().all(|message| large.contains(message)));
}
