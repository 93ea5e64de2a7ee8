//! What a user is given who asks for all that is kept.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

use bespoke::decision::Feedback;
use bespoke::definitions::Definitions;
use bespoke::engine::{Error, Partition};
use bespoke::journey::Delivery;
use bespoke::model::{Consent, Duration, Ids, Instant, Message};
use serde_json::{Value, json};

const SHOP: &str = r#"
version = 1
[settings]
hash_key = "no key for real use"
[attributes]
plan = "string"
name = { kind = "string", pii = "direct" }
email = { kind = "string", pii = "direct", store = "hash" }
[events.view]
sku = "string"
[events.buy]
amount = "number"
[lists]
vip = "the best"
[consent]
marketing = { default = "granted" }
[affinity.sku]
half_life = "7d"
[segments]
active = "did(view in 7d)"
spender = "sum(buy.amount) >= 10"
named = 'name = "Ada L."'
liked = { by = "sku", when = "count(view in 7d) >= 2" }
drawn = 'affinity("sku", "boot") > 0.5'
risky = "predict.churn > 0.5"
[templates.hello]
title = "Hello {{ user.name }}"
[placements.hero]
variant = [{ name = "boots", content = { title = "Boots" } }]
[recommend]
interactions = { view = { item = "sku" } }
[journeys.welcome]
enter = { event = "view", reentry = "after_exit" }
step = [{ id = "hi", send = { channel = "push", template = "hello" } }, { id = "wait", wait = "2h" }]
"#;

fn minute(n: i64) -> Instant {
    Instant::from_millis(60_000 * n)
}

/// A partition in which Ada has done all that can be kept.
fn lived() -> Partition {
    let definitions = Definitions::from_toml(SHOP).unwrap_or_else(|e| panic!("{e:#}"));
    let mut partition = Partition::new(&definitions);
    let identify = Message::identify(Ids::both("ada", "d1"));
    for (at, message) in [
        (1, identify.with("name", "Ada L.").with("email", "ada@example.org").with("plan", "pro")),
        (2, Message::list("ada", "vip", true)),
        (3, Message::consent("ada", Consent::granted("marketing").channel("push").until(minute(9_000)))),
        (4, Message::track("ada", "view").with("sku", "boot")),
        (5, Message::track("ada", "view").with("sku", "boot")),
        (6, Message::track("ada", "view").with("sku", "sock")),
        (7, Message::track("ada", "buy").with("amount", 12)),
    ] {
        partition.ingest(&message, minute(at)).unwrap();
    }
    partition.set_prediction("ada", "churn", Some(0.7), minute(8)).unwrap();
    partition.feedback("ada", "hero", "boots", Feedback::Shown, minute(9)).unwrap();
    partition
}

#[test]
fn everything_that_is_kept_is_there_with_its_instant() {
    let mut partition = lived();
    let export = serde_json::to_value(partition.export("d1").unwrap()).unwrap();
    let written = |value: Value, at: i64| json!({ "value": value, "written": 60_000 * at });
    let email = export["attributes"]["email"]["value"].as_str().unwrap();
    assert!(email.len() == 32 && !email.contains('@'), "{email}");
    for (path, expected) in [
        ("/user", json!("ada")),
        ("/anonymous_ids", json!(["d1"])),
        ("/at", json!(540_000)),
        ("/restricted", json!(false)),
        ("/session/events", json!(4)),
        ("/attributes/plan", written("pro".into(), 1)),
        ("/attributes/name", json!({ "value": "Ada L.", "written": 60_000, "pii": "direct" })),
        ("/lists/vip", written(true.into(), 2)),
        ("/consents/0/consent/status", json!("granted")),
        ("/consents/0/at", json!(180_000)),
        ("/predictions/churn", written(0.7.into(), 8)),
        ("/variants/hero", written("boots".into(), 9)),
        ("/events/2", json!({ "name": "view", "at": 360_000, "properties": { "sku": "sock" } })),
        ("/running_values/0/aggregate", json!("sum")),
        ("/running_values/0/events", json!(["buy"])),
        ("/running_values/0/value", json!(12)),
        ("/affinities/0/property", json!("sku")),
        ("/affinities/1/value", json!("sock")),
        ("/recent_items/0", json!({ "item": "sock", "action": "viewed" })),
        ("/segments/0/segment", json!("active")),
        ("/segments/0/since", json!(240_000)),
        ("/segments/0/why/holds", json!(true)),
        ("/segments/3", Value::Null),
        ("/journeys/0/journey", json!("welcome")),
        ("/journeys/0/due", json!(60_000 * 124)),
        ("/journeys_entered/welcome", json!(1)),
        ("/messages/0/content/title", json!("Hello Ada L.")),
        ("/messages/0/answers", json!([])),
    ] {
        if path == "/segments/3" {
            let names: Vec<_> =
                export["segments"].as_array().unwrap().iter().map(|s| &s["segment"]).collect();
            assert_eq!(names, ["active", "spender", "named", "liked", "drawn", "risky"]);
            assert_eq!(export["segments"][3]["keys"], json!(["boot"]));
            continue;
        }
        assert_eq!(export.pointer(path), Some(&expected), "{path}\n{export:#}");
    }
    // What became of a message stays for a while, and not what it said.
    let id = partition.outbox(9, Duration::minutes(1), minute(10))[0].id.clone();
    partition.acknowledge(&id, Delivery::Sent, minute(11));
    partition.acknowledge(&id, Delivery::Opened, minute(12));
    let export = serde_json::to_value(partition.export("ada").unwrap()).unwrap();
    assert_eq!(export["messages"][0]["answers"], json!(["sent", "opened"]));
    assert_eq!(export["messages"][0].get("content"), None);
}

#[test]
fn of_nobody_there_is_nothing() {
    assert!(matches!(lived().export("bob"), Err(Error::Unknown(_))));
}

#[test]
fn two_exports_are_the_same_bytes() {
    let (a, b) = (lived().export("ada").unwrap(), lived().export("ada").unwrap());
    assert_eq!(serde_json::to_vec(&a).unwrap(), serde_json::to_vec(&b).unwrap());
}

#[test]
fn what_was_merged_is_given_as_it_was_while_that_can_be_undone() {
    let mut partition = lived();
    let told = |ids: Ids, name: &str| Message::identify(ids).with("name", name).at(minute(20));
    for message in [told(Ids::anonymous("tablet"), "Ada from work"), told(Ids::user("ada"), "Ada L.")] {
        partition.ingest(&message, minute(20)).unwrap();
    }
    assert!(partition.export("ada").unwrap().parts.is_empty());
    let consent = Consent::denied("marketing").source("footer form").policy_version("2026-04");
    partition.ingest(&Message::consent("ada", consent).at(minute(20)), minute(20)).unwrap();
    partition.ingest(&Message::alias("tablet", "ada").at(minute(21)), minute(21)).unwrap();
    let json = serde_json::to_value(partition.export("ada").unwrap()).unwrap();
    assert_eq!(json["attributes"]["name"]["value"], "Ada L.");
    let (own, tablet) = (&json["parts"][0], &json["parts"][1]);
    assert_eq!((&own["profile"]["user"], &own["absorbed"]), (&json!("ada"), &Value::Null));
    assert_eq!(tablet["profile"]["attributes"]["name"], "Ada from work");
    assert_eq!(tablet["absorbed"], json!(minute(21)));
    assert_eq!(
        json["consents"][0]["consent"],
        json!({ "purpose": "marketing", "status": "denied", "source": "footer form", "policyVersion": "2026-04" })
    );
    partition.advance(minute(40 * 24 * 60));
    assert!(partition.export("ada").unwrap().parts.is_empty(), "kept no longer than it can be undone");
}
