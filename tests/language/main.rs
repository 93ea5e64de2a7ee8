//! The forms of the language, each beside what happens at which millisecond.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

use bespoke::definitions::Definitions;
use bespoke::engine::{Outcome, Partition};
use bespoke::model::{Duration, Instant, Message, Object, Value};

mod lists;
mod scores;
mod whatever;

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

#[test]
fn versions_are_ordered_by_their_numbers() {
    const DEFINITIONS: &str = r#"
version = 1
[attributes]
app_version = "string"
[events.open]
build = "string"
[segments]
current = 'app_version >= version("4.10.2")'
beta = 'version(app_version) between "5-alpha" and "5"'
not_current = 'not app_version >= version("4.10.2")'
known = 'version(app_version) is present'
exact = 'version("4.10.2") = app_version'
opened_new = 'count(open where version(build) >= "4.10" in 1d) >= 2'
context_new = 'did(open where version(context.app.version) > "4.9.9")'
"#;
    let set = |version: &str| Message::identify("ada").with("app_version", version);
    let open = |build: &str| Message::track("ada", "open").with("build", build);
    let app = |version: &str| {
        let mut message = open("0");
        message.context.set("app", object(&[("version", version.into())]));
        message
    };
    let changes = run(
        DEFINITIONS,
        vec![
            (0, set("4.9.12")),
            (1, set("4.10.2+77")),
            (2, set("5.0.0-rc.1")),
            (3, set("four")),
            (4, open("4.9")),
            (5, open("4.10.0")),
            (6, open("4.10-rc")),
            (7, open("11")),
            (8, app("4.9.9-x")),
            (9, app("4.9.10")),
        ],
        2 * DAY,
    );
    let expected = [
        "+0 ada entered not_current",
        "+0 ada entered known",
        "+1 ada entered current",
        "+1 ada left not_current",
        "+1 ada entered exact",
        "+2 ada entered beta",
        "+2 ada left exact",
        "+3 ada left current",
        "+3 ada left beta",
        "+3 ada entered not_current",
        "+3 ada left known",
        "+7 ada entered opened_new",
        "+9 ada entered context_new",
        &format!("+{} ada left opened_new", DAY + 5),
    ];
    assert_eq!(changes, expected);
}

#[test]
fn the_lifecycle_is_the_first_segment_that_holds() {
    const DEFINITIONS: &str = r#"
version = 1
[attributes]
vip = "bool"
[events.buy]
sku = "string"
[lifecycle]
order = ["lost", "lapsing", "hoarding", "active"]
[segments]
lost = 'now - last(buy) > 10d'
lapsing = 'now - last(buy) > 3d'
hoarding = { by = "sku", when = 'count(buy in 1d) >= 2' }
active = 'did(buy)'
is_active = 'lifecycle = "active"'
is_hoarding = 'lifecycle = "hoarding"'
is_lapsing = 'lifecycle = "lapsing"'
is_lost = 'lifecycle in ["lost"]'
none = 'lifecycle is missing'
vip_lapsing = 'vip and lifecycle = "lapsing"'
"#;
    let buy = |sku: &str| Message::track("ada", "buy").with("sku", sku);
    let changes = run(
        DEFINITIONS,
        vec![(0, Message::identify("ada").with("vip", true)), (1, buy("a")), (2, buy("b")), (3, buy("a"))],
        20 * DAY,
    );
    let derived =
        changes.iter().filter(|change| ["is_", "none", "vip_"].iter().any(|name| change.contains(name)));
    let (lapsing, lost) = (3 + 3 * DAY + 1, 3 + 10 * DAY + 1);
    let expected = [
        "+0 ada entered none".to_owned(),
        "+1 ada entered is_active".into(),
        "+1 ada left none".into(),
        "+3 ada left is_active".into(),
        "+3 ada entered is_hoarding".into(),
        // The first of the two leaves the window of the part.
        format!("+{} ada entered is_active", DAY + 1),
        format!("+{} ada left is_hoarding", DAY + 1),
        format!("+{lapsing} ada left is_active"),
        format!("+{lapsing} ada entered is_lapsing"),
        format!("+{lapsing} ada entered vip_lapsing"),
        format!("+{lost} ada left is_lapsing"),
        format!("+{lost} ada entered is_lost"),
        format!("+{lost} ada left vip_lapsing"),
    ];
    assert_eq!(derived.cloned().collect::<Vec<_>>(), expected);
}

#[test]
fn placements_know_what_the_host_asks_with() {
    let mut partition = partition(
        r#"
version = 1
[attributes]
country = "string"
devices = [{ os = "string" }]
[events.view]
sku = "string"
[placements.hero]
variant = [
    { name = "seen", when = 'did(view where sku = request.sku)', priority = 4 },
    { name = "mobile", when = 'request.device.type in ["phone", "tablet"] and request.visits + 1 > 3', priority = 3 },
    { name = "known_device", when = 'has(devices where os = request.os)', priority = 2 },
    { name = "home", when = 'request.country = user.country and request.tags contains "a"', priority = 1 },
    { name = "other" },
]
"#,
    );
    let devices = Value::List(vec![object(&[("os", "ios".into())])]);
    let ada = Message::identify("ada").with("country", "FR").with("devices", devices);
    partition.ingest(&ada.at(start()), start()).unwrap();
    partition.ingest(&Message::track("ada", "view").with("sku", "boot").at(start()), start()).unwrap();
    let phone =
        |kind: &str, visits: i64| [("device", object(&[("type", kind.into())])), ("visits", visits.into())];
    for (fields, wanted) in [
        (vec![("sku", "boot".into())], "seen"),
        (vec![("sku", "shoe".into())], "other"),
        (phone("phone", 3).to_vec(), "mobile"),
        (phone("phone", 2).to_vec(), "other"),
        (phone("desktop", 3).to_vec(), "other"),
        (vec![("os", "ios".into())], "known_device"),
        (vec![("os", "android".into())], "other"),
        (vec![("country", "FR".into()), ("tags", vec!["b", "a"].into())], "home"),
        (vec![("country", "FR".into())], "other"),
        (vec![], "other"),
    ] {
        let Value::Object(request) = object(&fields) else { panic!() };
        let decision = partition.decide("ada", "hero", &request, start()).unwrap();
        assert_eq!(decision.variant.as_deref(), Some(wanted), "{fields:?}");
    }
}
