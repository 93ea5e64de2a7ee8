//! The forms of the language, each beside what happens at which millisecond.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

use bespoke::definitions::Definitions;
use bespoke::engine::{Outcome, Partition};
use bespoke::model::{Duration, Instant, Message, Object, Value};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

fn start() -> Instant {
    "2026-11-23T10:00:00Z".parse().unwrap()
}

fn at(millis: i64) -> Instant {
    start() + Duration::from_millis(millis)
}

fn partition(definitions: &str) -> Partition {
    match Definitions::from_toml(definitions) {
        Ok(definitions) => Partition::new(&definitions),
        Err(errors) => panic!("{errors:#}"),
    }
}

/// The changes, each as `+MILLIS segment entered`, where only one user is.
fn shown(outcome: &Outcome) -> Vec<String> {
    let changes = outcome.changes.iter();
    changes.map(|change| format!("{:+} {change}", (change.at - start()).as_millis())).collect()
}

/// Feeds messages, each at its milliseconds behind the start, then moves the clock to `end`: all changes.
fn run(definitions: &str, messages: Vec<(i64, Message)>, end: i64) -> Vec<String> {
    let mut partition = partition(definitions);
    let mut changes = Vec::new();
    for (millis, message) in messages {
        changes.extend(shown(&partition.ingest(&message.at(at(millis)), at(millis)).unwrap()));
    }
    changes.extend(shown(&partition.advance(at(end))));
    changes
}

fn object(fields: &[(&str, Value)]) -> Value {
    let mut object = Object::new();
    fields.iter().for_each(|(name, value)| object.set(*name, value.clone()));
    object.into()
}

fn device(os: &str, seen: i64) -> Value {
    object(&[("os", os.into()), ("last_seen", at(seen).to_string().into()), ("secret", "x".into())])
}

#[test]
fn one_object_of_a_list_meets_all() {
    const DEFINITIONS: &str = r#"
version = 1
[attributes]
platform = "string"
devices = [{ os = "string", last_seen = "instant", version = "string" }]
[segments]
recent_ios = 'has(devices where os = "ios" and now - last_seen < 2d)'
own = 'has(devices where os = user.platform)'
nameless = 'has(devices where os is missing)'
none_recent = 'devices is present and not has(devices where now - last_seen <= 1d)'
"#;
    let devices = |list: Vec<Value>| Message::identify("ada").with("devices", list);
    // What meets the condition in two objects together meets it in none.
    let changes = run(
        DEFINITIONS,
        vec![
            (0, devices(vec![device("ios", -5 * DAY), device("android", 0)])),
            (HOUR, devices(vec![device("ios", -DAY), device("ios", 0), object(&[("secret", 1.into())])])),
            (2 * HOUR, Message::identify("ada").with("platform", "ios")),
            (3 * HOUR, Message::identify("ada").with("devices", Value::Null)),
            (4 * HOUR, devices(vec!["ios".into(), Value::Null])),
        ],
        10 * DAY,
    );
    let hours = |n: i64| n * HOUR;
    assert_eq!(
        changes,
        [
            format!("+{} ada entered recent_ios", hours(1)),
            format!("+{} ada entered nameless", hours(1)),
            format!("+{} ada entered own", hours(2)),
            format!("+{} ada left recent_ios", hours(3)),
            format!("+{} ada left own", hours(3)),
            format!("+{} ada left nameless", hours(3)),
            format!("+{} ada entered none_recent", hours(4)),
        ]
    );
    // By time alone: the object that stays longest decides.
    let changes =
        run(DEFINITIONS, vec![(0, devices(vec![device("ios", -DAY), device("ios", -HOUR)]))], 10 * DAY);
    assert_eq!(
        changes,
        [
            "+0 ada entered recent_ios".to_owned(),
            format!("+{} ada entered none_recent", DAY - HOUR + 1),
            format!("+{} ada left recent_ios", 2 * DAY - HOUR),
        ]
    );
    let mut partition = partition(DEFINITIONS);
    partition.ingest(&devices(vec![device("ios", 0)]).at(start()), start()).unwrap();
    let kept = object(&[("last_seen", start().into()), ("os", "ios".into())]);
    assert_eq!(partition.profile("ada").unwrap().attributes["devices"], Value::List(vec![kept]));
}
