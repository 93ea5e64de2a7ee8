//! Stores of what is rare and right: they are opened again, are sound, and hold what an engine in memory does.

use bespoke::definitions::Definitions;
use bespoke::engine::Engine;
use bespoke::model::{Duration, Ids, Instant, Message};
use bespoke::storage::MemoryDisk;

fn minute(n: i64) -> Instant {
    "2026-11-23T10:00:00Z".parse::<Instant>().unwrap() + Duration::minutes(n)
}

fn definitions(text: &str) -> Definitions {
    Definitions::from_toml(&format!("version = 1\n{text}")).unwrap_or_else(|errors| panic!("{errors:#}"))
}

fn opened(text: &str, disk: &MemoryDisk, memory: usize) -> Engine {
    Engine::builder(definitions(text)).disk(disk.clone()).memory(memory).open().unwrap()
}

/// Whoever begins by taking somebody over enters what both are in, and leaves nothing that was never entered.
#[test]
fn a_newcomer_who_takes_another_over_is_told_once() {
    let text = "[ids]\ncard = { strength = \"weak\" }\n[events.view]\n[segments]\nsilent = 'not did(view in 2h)'\nknown = 'did(view)'";
    let disk = MemoryDisk::new();
    let engine = opened(text, &disk, 1 << 20);
    let card = |device: &str| {
        let mut ids = Ids::anonymous(device);
        ids.declared.push(("card".into(), "c0".into()));
        ids
    };
    engine.ingest(Message::track(card("d0"), "view"), minute(0)).unwrap();
    let outcome = engine.ingest(Message::track(card("d2"), "view"), minute(11 * 60)).unwrap();
    let told: Vec<String> = outcome.changes.iter().map(ToString::to_string).collect();
    let silent: Vec<&str> = told.iter().map(String::as_str).filter(|told| told.contains("d2")).collect();
    assert_eq!(silent, ["d2 entered known"], "{told:?}");
    for stats in engine.segment_stats() {
        assert!(stats.1.exits <= stats.1.entries, "{stats:?}");
    }
    engine.checkpoint().unwrap();
    drop(engine);
    assert!(Engine::verify_disk(disk.clone()).unwrap().is_sound());
    assert_eq!(opened(text, &disk, 1 << 20).size("known").unwrap(), 1);
}

/// Users who wait under an earlier version of a journey are part of a sound store.
#[test]
fn a_store_is_sound_after_a_journey_has_changed() {
    let with = |wait: &str| {
        format!(
            "[events.add]\n[journeys.cart]\nenter = {{ event = 'add' }}\nstep = [{{ id = 'w', wait = '{wait}' }}]"
        )
    };
    let disk = MemoryDisk::new();
    let engine = opened(&with("5h"), &disk, 1 << 20);
    engine.ingest(Message::track("ada", "add"), minute(0)).unwrap();
    engine.redefine(&definitions(&with("6h")), minute(1)).unwrap();
    engine.ingest(Message::track("bob", "add"), minute(2)).unwrap();
    engine.checkpoint().unwrap();
    drop(engine);
    let found = Engine::verify_disk(disk).unwrap();
    assert!(found.is_sound(), "{:?}", found.damages);
}

/// What of a restricted user may be kept no longer goes, whether or not the user is in memory.
#[test]
fn restriction_keeps_nothing_longer_than_it_may_be_kept() {
    let text = "[events.view]\nnote = { kind = \"string\", ttl = \"3h\" }\n[segments]\nnoted = 'did(view where note = \"x\" in 2h)'\nseen = 'did(view in 30d)'";
    let state = |memory: Option<usize>| {
        let engine = match memory {
            None => Engine::builder(definitions(text)).open().unwrap(),
            Some(memory) => opened(text, &MemoryDisk::new(), memory),
        };
        engine.ingest(Message::track("ada", "view"), minute(0)).unwrap();
        engine.ingest(Message::restrict("ada", true), minute(1)).unwrap();
        engine.ingest(Message::track("ada", "view").with("note", "x"), minute(2)).unwrap();
        engine.ingest(Message::track("bob", "view"), minute(3)).unwrap();
        engine.ingest(Message::track("ada", "view"), minute(240)).unwrap();
        let state = String::from_utf8(engine.state().unwrap()).unwrap();
        assert!(!state.contains("\"x\""), "{memory:?}: {state}");
        state
    };
    assert_eq!(state(None), state(Some(0)));
    assert_eq!(state(None), state(Some(1 << 20)));
}

/// Whoever is brought for a message that is refused leaves memory again.
#[test]
fn a_refused_message_keeps_nobody_in_memory() {
    let text =
        "[events.view]\nsku = \"string\"\n[segments]\nseen = 'count(view where sku = \"a\" in 30d) >= 1'";
    let engine = opened(text, &MemoryDisk::new(), 0);
    for user in ["ada", "bob"] {
        engine.ingest(Message::track(user, "view").with("sku", "a"), minute(0)).unwrap();
    }
    assert_eq!(engine.memory_used(), 0);
    // Both are users, so neither becomes the other.
    assert!(engine.ingest(Message::alias("bob", "ada"), minute(1)).is_err());
    assert_eq!(engine.memory_used(), 0);
}
