//! Definitions that take the place of others while users are there: what is reported, what is kept, what is known.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

use bespoke::definitions::Definitions;
use bespoke::engine::{Outcome, Partition};
use bespoke::journey::Delivery;
use bespoke::model::{Duration, Instant, Message};
use serde_json::Value as Json;

/// What all definitions here declare.
const SCHEMA: &str = r#"
[attributes]
country = "string"
born = "instant"
[events.view]
sku = "string"
city = "string"
price = "number"
[events.purchase]
sku = "string"
[events.open]
"#;

fn minute(n: i64) -> Instant {
    "2026-11-23T10:00:00Z".parse::<Instant>().unwrap() + Duration::minutes(n)
}

fn read(text: &str) -> Definitions {
    Definitions::from_toml(text).unwrap_or_else(|errors| panic!("{errors:#}"))
}

fn segments(lines: &str) -> Definitions {
    read(&format!("version = 1\n{SCHEMA}\n[segments]\n{lines}"))
}

/// Each change with the minute at which it happened.
fn changes(outcome: &Outcome) -> Vec<String> {
    let minute_of = |at: Instant| (at - minute(0)).as_millis() / 60_000;
    outcome.changes.iter().map(|change| format!("{} {change}", minute_of(change.at))).collect()
}

/// Two users: `ada` in the first minutes, `bob` with less.
fn visits() -> Vec<(i64, Message)> {
    let view = |user: &str, sku: &str, city: &str| {
        Message::track(user, "view").with("sku", sku).with("city", city).with("price", 10)
    };
    vec![
        (0, view("ada", "boot", "Paris")),
        (1, view("ada", "sock", "Rome")),
        (2, view("bob", "boot", "Rome")),
        (3, Message::track("ada", "purchase").with("sku", "boot")),
        (4, Message::identify("bob").with("country", "FR").with("born", "1990-05-01T00:00:00Z")),
        (5, Message::track("bob", "open")),
    ]
}

fn partition(definitions: &Definitions) -> Partition {
    let mut partition = Partition::new(definitions);
    for (at, message) in visits() {
        partition.ingest(&message.at(minute(at)), minute(at)).unwrap();
    }
    partition
}

/// Name, segments before and after, what is reported at minute 10, and what comes until minute 100,000.
type Row<'a> = (&'a str, &'a str, &'a str, &'a [&'a str], &'a [&'a str]);

#[test]
fn what_changes_is_reported_at_once_and_what_stays_goes_on() {
    let table: &[Row<'_>] = &[
        (
            "nothing",
            "a = 'did(view in 1h)'",
            "a = 'did(view in 1h)'",
            &[],
            &["61 ada left a", "62 bob left a"],
        ),
        (
            "the same in another order and beside others",
            "a = 'did(view in 1h)'\nb = 'country = \"FR\"'",
            "z = 'did(view in 30m)'\nb = 'country = \"FR\"'\na = 'did(view in 1h)'",
            &["10 ada entered z", "10 bob entered z"],
            &["31 ada left z", "32 bob left z", "61 ada left a", "62 bob left a"],
        ),
        (
            "another name is another segment",
            "a = 'did(view in 1h)'",
            "b = 'did(view in 1h)'",
            &["10 ada left a", "10 ada entered b", "10 bob left a", "10 bob entered b"],
            &["61 ada left b", "62 bob left b"],
        ),
        (
            "changed",
            "a = 'count(view in 1h) >= 2'",
            "a = 'count(view in 2h) >= 1'",
            &["10 bob entered a"],
            &["121 ada left a", "122 bob left a"],
        ),
        (
            "removed ones first, in their old order",
            "y = 'did(view)'\nx = 'did(purchase)'\nk = { by = \"sku\", when = 'did(view)' }",
            "n = 'did(view)'",
            &[
                "10 ada left y",
                "10 ada left x",
                "10 ada left k (boot)",
                "10 ada left k (sock)",
                "10 ada entered n",
                "10 bob left y",
                "10 bob left k (boot)",
                "10 bob entered n",
            ],
            &[],
        ),
        (
            "what a nobody is in: new",
            "buyer = 'did(purchase)'",
            "idle = 'not did(purchase)'\nbuyer = 'did(purchase)'",
            &["10 bob entered idle"],
            &[],
        ),
        (
            "what a nobody is in: changed to be so",
            "idle = 'country = \"FR\"'\nbuyer = 'did(purchase)'",
            "idle = 'not did(purchase)'\nbuyer = 'did(purchase)'",
            &[],
            &[],
        ),
        (
            "what a nobody is in: changed from it",
            "idle = 'not did(purchase)'",
            "idle = 'did(purchase)'",
            &["10 ada entered idle", "10 bob left idle"],
            &[],
        ),
        (
            "what a nobody is in: another one, whose property was not kept",
            "rest = 'not did(view)'\nidle = 'not did(purchase)'",
            "idle = 'not did(purchase where sku = \"boot\")'\nrest = 'not did(view)'",
            &["10 ada entered idle"],
            &[],
        ),
        (
            "what a nobody is in: removed",
            "idle = 'not did(purchase)'\na = 'did(view)'",
            "a = 'did(view)'",
            &["10 bob left idle"],
            &[],
        ),
        (
            "keyed, changed",
            "k = { by = \"city\", when = 'count(view in 1h) >= 2' }",
            "k = { by = \"city\", when = 'count(view in 1h) >= 1' }",
            &["10 ada entered k (Paris)", "10 ada entered k (Rome)", "10 bob entered k (Rome)"],
            &["60 ada left k (Paris)", "61 ada left k (Rome)", "62 bob left k (Rome)"],
        ),
        (
            "keyed, another number",
            "k = { by = \"city\", when = 'did(view in 1h)' }",
            "n = 'did(view in 1h)'\nk = { by = \"city\", when = 'did(view in 1h)' }",
            &["10 ada entered n", "10 bob entered n"],
            &[
                "60 ada left k (Paris)",
                "61 ada left n",
                "61 ada left k (Rome)",
                "62 bob left n",
                "62 bob left k (Rome)",
            ],
        ),
        (
            "keyed by something else",
            "c = 'last(view.city) is present'\nk = { by = \"sku\", when = 'did(view in 1h)' }",
            "k = { by = \"city\", when = 'did(view in 1h)' }",
            &[
                "10 ada left c",
                "10 ada left k (boot)",
                "10 ada left k (sock)",
                "10 ada entered k (Paris)",
                "10 ada entered k (Rome)",
                "10 bob left c",
                "10 bob left k (boot)",
                "10 bob entered k (Rome)",
            ],
            &["60 ada left k (Paris)", "61 ada left k (Rome)", "62 bob left k (Rome)"],
        ),
        (
            "keyed no longer",
            "k = { by = \"sku\", when = 'did(view in 1h)' }",
            "k = 'did(view in 1h)'",
            &[
                "10 ada left k (boot)",
                "10 ada left k (sock)",
                "10 ada entered k",
                "10 bob left k (boot)",
                "10 bob entered k",
            ],
            &["61 ada left k", "62 bob left k"],
        ),
        (
            "a segment that is referred to",
            "inner = 'did(purchase)'\nouter = 'not segment(\"inner\")'\no = 'did(open)'",
            "inner = 'did(open)'\nouter = 'not segment(\"inner\")'\no = 'did(open)'",
            &["10 ada left inner", "10 ada entered outer", "10 bob entered inner", "10 bob left outer"],
            &[],
        ),
        (
            "a longer window over what was kept",
            "a = 'count(view in 5m) >= 1'",
            "a = 'count(view in 1h) >= 2'",
            &["6 ada left a", "7 bob left a"],
            &[],
        ),
        (
            "a longer window over what something else kept",
            "a = 'count(view in 5m) >= 1'\nb = 'did(view in 1d)'",
            "a = 'count(view in 1h) >= 2'\nb = 'did(view in 1d)'",
            &["6 ada left a", "7 bob left a", "10 ada entered a"],
            &["60 ada left a", "1441 ada left b", "1442 bob left b"],
        ),
        (
            "properties: what was not kept is missing",
            "a = 'count(view) >= 2'",
            "a = 'count(view) >= 2'\nb = 'sum(view.price) >= 10'",
            &[],
            &[],
        ),
        (
            "properties: one goes, the other one stays",
            "a = 'sum(view.price) >= 20'\nb = 'last(view.sku since @2026-01-01) = \"boot\"'",
            "b = 'last(view.sku since @2026-01-01) = \"boot\"'\nc = 'first(view.sku) = \"boot\"'",
            &["10 ada left a", "10 ada entered c", "10 bob entered c"],
            &[],
        ),
        (
            "a total goes on, though no event is kept for it",
            "a = 'count(view) >= 2'",
            "n = 'count(purchase) >= 1'\na = 'count(view) >= 1'\ns = 'sum(view.price) > 0'",
            &["10 bob entered a"],
            &[],
        ),
        (
            "a total is worked out of what was kept",
            "a = 'count(view where sku != \"x\" in 9m) >= 2'",
            "a = 'count(view where sku = \"boot\") >= 1'\nb = 'first(view.sku) = \"sock\"'",
            // What lies nine minutes back or more is not known any more.
            &["9 ada left a", "10 bob entered a"],
            &[],
        ),
        (
            "what is named no longer is still one of any",
            "a = 'count(any) >= 3'\nb = 'did(purchase where sku = \"boot\")'",
            "a = 'count(any) >= 3'\nc = 'count(any) >= 2'",
            &["10 ada left b", "10 ada entered c", "10 bob entered c"],
            &[],
        ),
    ];
    for (name, before, after, at_once, later) in table {
        let mut partition = partition(&segments(before));
        let outcome = partition.redefine(&segments(after), minute(10));
        assert_eq!(outcome.sequence, 7, "{name}");
        assert_eq!(changes(&outcome), *at_once, "{name}");
        let names: Vec<String> = partition.segment_stats().map(|(segment, _)| segment.to_owned()).collect();
        for segment in names {
            let found: Vec<&str> = partition.members(&segment).unwrap().collect();
            let expected: Vec<&str> =
                ["ada", "bob"].into_iter().filter(|user| partition.is_member(user, &segment)).collect();
            assert_eq!(found, expected, "{name}: who is in {segment}");
        }
        assert_eq!(changes(&partition.advance(minute(100_000))), *later, "{name}: later");
    }
}

/// What the engine recorded itself is no event of the host's, whether or not definitions still name it.
#[test]
fn own_events_that_are_named_no_more_are_none_of_any() {
    let active = "active = 'did(any in 1d)'\ntwice = 'count(any in 1d) >= 2'";
    let mut partition =
        Partition::new(&segments(&format!("{active}\nchanged = 'did(attribute.changed in 1d)'")));
    for (at, message) in
        [(0, Message::track("eve", "view")), (600, Message::identify("eve").with("country", "FR"))]
    {
        partition.ingest(&message, minute(at)).unwrap();
    }
    let outcome = partition.redefine(&segments(active), minute(720));
    assert_eq!(changes(&outcome), ["720 eve left changed"]);
    partition.ingest(&Message::track("eve", "view"), minute(24 * 60 + 300)).unwrap();
    let told = partition.advance(minute(10 * 24 * 60));
    assert_eq!(changes(&told), ["3180 eve left active"], "a day after the second view, and never twice");
    assert!(!partition.is_member("eve", "twice"));
}

#[test]
fn a_stay_goes_on_since_it_began() {
    let mut partition =
        partition(&segments("a = 'count(view) >= 2'\nb = 'did(view)'\nidle = 'not did(purchase)'"));
    let after = segments(
        "new = 'count(view) = 1'\nidle = 'not did(return)'\na = 'count(view) >= 1'\nb = 'did(view)'\n[events.return]",
    );
    let outcome = partition.redefine(&after, minute(10));
    assert_eq!(changes(&outcome), ["10 ada entered idle", "10 bob entered new", "10 bob entered a"]);
    let since = |user: &str, segment: &str| partition.segments(user).get(segment).copied();
    for (user, segment, expected) in [
        ("ada", "a", Some(minute(1))),
        ("ada", "b", Some(minute(0))),
        ("ada", "idle", Some(minute(10))),
        ("ada", "new", None),
        ("bob", "a", Some(minute(10))),
        ("bob", "b", Some(minute(2))),
        ("bob", "idle", Some(minute(2))),
        ("bob", "new", Some(minute(10))),
    ] {
        assert_eq!(since(user, segment), expected, "{user} in {segment}");
    }
    let stats: Vec<_> =
        partition.segment_stats().map(|(name, stats)| format!("{name} {}", stats.size())).collect();
    assert_eq!(stats, ["new 1", "idle 2", "a 2", "b 2"]);
}

#[test]
fn before_and_at_the_instant() {
    let before = segments("hour = 'did(open in 1h)'\nday = 'did(open in 1d)'");
    // bob opened at minute 5: the hour ends at 65.
    for (at, expected) in [
        (64, vec!["64 bob left day"]),
        (65, vec!["65 bob left day", "65 bob left hour"]),
        (66, vec!["65 bob left hour", "66 bob left day"]),
    ] {
        let mut partition = partition(&before);
        let outcome = partition
            .redefine(&segments("new = 'did(purchase in 1d)'\nhour = 'did(open in 1h)'"), minute(at));
        assert_eq!(changes(&outcome), expected, "at {at}");
        assert_eq!(partition.clock(), minute(at));
    }
    let mut partition = partition(&before);
    partition.advance(minute(70));
    let outcome = partition.redefine(&segments("day = 'did(open in 1d)'"), minute(30));
    assert!(changes(&outcome).is_empty(), "an earlier instant counts as the clock");
    assert_eq!(partition.clock(), minute(70));
}

#[test]
fn what_comes_after_meets_the_new_definitions() {
    let mut partition = partition(&segments("a = 'count(view in 1h) >= 2'"));
    let after = "k = { by = \"sku\", when = 'did(purchase in 1h)' }\nfr = 'country = \"FR\"'\na = 'count(view in 1h) >= 2'\n\
                 idle = 'not did(purchase)'";
    partition.redefine(&segments(after), minute(10));
    let mut found = Vec::new();
    for (at, message) in [
        (11, Message::track("bob", "view")),
        (12, Message::track("cyd", "view").with("sku", "x")),
        (13, Message::track("ada", "purchase").with("sku", "hat")),
        (14, Message::identify("cyd").with("country", "FR")),
    ] {
        found.extend(changes(&partition.ingest(&message.at(minute(at)), minute(at)).unwrap()));
    }
    found.extend(changes(&partition.advance(minute(100))));
    assert_eq!(
        found,
        [
            "11 bob entered a",
            "12 cyd entered idle",
            "13 ada entered k (hat)",
            "13 ada left idle",
            "14 cyd entered fr",
            "60 ada left a",
            "62 bob left a",
            "73 ada left k (hat)",
        ]
    );
}

#[test]
fn declared_kinds_are_read_the_new_way() {
    let with = |kind: &str, when: &str| {
        let lines = format!("past = '{when}'\nkept = 'last(view.due since @1970-01-01) is present'");
        read(&format!(
            "version = 1\n[attributes]\nborn = \"{kind}\"\n[events.view]\ndue = \"{kind}\"\n[segments]\n{lines}"
        ))
    };
    let texts = with(
        "string",
        "born = \"2020-01-01T00:00:00Z\" and last(view.due since @1970-01-01) = \"2020-01-01T00:00:00Z\"",
    );
    let instants = with("instant", "born < @2021-01-01 and last(view.due since @1970-01-01) < @2021-01-01");
    let mut partition = Partition::new(&texts);
    for (user, text) in [("ada", "2020-01-01T00:00:00Z"), ("bob", "soon")] {
        partition.ingest(&Message::identify(user).with("born", text), minute(0)).unwrap();
        partition.ingest(&Message::track(user, "view").with("due", text), minute(0)).unwrap();
    }
    assert!(partition.is_member("ada", "past"));
    let began = partition.segments("ada")["past"];
    assert!(changes(&partition.redefine(&instants, minute(10))).is_empty(), "it holds as before");
    assert_eq!(partition.segments("ada")["past"], began);
    assert_eq!(
        partition.profile("bob").unwrap().attributes["born"],
        "soon".into(),
        "what is no instant stays"
    );
    assert!(changes(&partition.redefine(&texts, minute(20))).is_empty());
    assert!(partition.is_member("ada", "past"));
    assert_eq!(partition.profile("ada").unwrap().attributes["born"], "2020-01-01T00:00:00Z".into());
}

#[test]
fn affinities_keep_their_shares_and_go_on_by_the_new_rule() {
    let with = |rule: &str| {
        let segments = "sporty = 'affinity(\"sku\", \"boot\") >= 0.5'\nleading = 'top(\"sku\") = \"boot\"'";
        read(&format!("version = 1\n{SCHEMA}\n{rule}\n[segments]\n{segments}"))
    };
    let view = |sku: &str| Message::track("ada", "view").with("sku", sku);
    // Half-lives before and after, minutes of three boots and of a sock, whether another sock comes a day after the
    // change, and whether boots lead then.
    for (before, after, boots, sock, again, lead) in [
        // A half-life each hour: what came ten hours later outweighs the rest.
        ("1h", "7d", 0, 600, false, false),
        ("1h", "7d", 600, 0, false, true),
        ("7d", "7d", 0, 600, true, true),
        // By the fast rule a single sock outweighs what boots are worth a day later.
        ("7d", "1h", 0, 600, true, false),
        ("7d", "1h", 0, 600, false, true),
        // A year of silence: the shares are still there, and weigh nothing beside what comes.
        ("1h", "1m", 600, 0, false, true),
        ("1m", "1h", 600, 599, false, true),
        ("1h", "7d", 600, 0, true, false),
    ] {
        let rule = |life: &str| with(&format!("[affinity.sku]\nhalf_life = \"{life}\""));
        let told = format!("{before} to {after}, boots at {boots}");
        let mut partition = Partition::new(&rule(before));
        let mut touches = [(boots, "boot"), (boots, "boot"), (boots, "boot"), (sock, "sock")];
        touches.sort_by_key(|(at, _)| *at);
        for (at, sku) in touches {
            partition.ingest(&view(sku), minute(at)).unwrap();
        }
        let lead_of = |partition: &Partition| {
            let [sporty, leading] = ["sporty", "leading"].map(|name| partition.is_member("ada", name));
            assert_eq!(sporty, leading, "{told}");
            leading
        };
        let known = lead_of(&partition);
        let far = minute(if before == "7d" { 1_200 } else { 525_600 });
        let outcome = partition.redefine(&rule(after), far);
        assert!(outcome.changes.is_empty(), "{told}: a rule alone changes no share");
        assert_eq!(lead_of(&partition), known, "{told}");
        if again {
            partition.ingest(&view("sock"), far + Duration::days(1)).unwrap();
        }
        assert_eq!(lead_of(&partition), lead, "{told}");
    }
    let mut partition = Partition::new(&with("[affinity.sku]\nweights = { view = 1.0 }"));
    partition.ingest(&view("boot"), minute(0)).unwrap();
    let outcome = partition.redefine(&segments("a = 'did(view)'"), minute(1));
    assert_eq!(changes(&outcome), ["1 ada left sporty", "1 ada left leading"]);
    let outcome = partition.redefine(&with("[affinity.sku]\nweights = { view = 1.0 }"), minute(2));
    assert_eq!(changes(&outcome), Vec::<String>::new(), "a rule that comes back begins empty");
}

const JOURNEYS: &str = r#"
[templates.hello]
title = "Hello"
[journeys.other]
enter = { event = "never" }
[[journeys.other.step]]
id = "wait"
wait = "1h"
[journeys.cart]
enter = { event = "view", key = "sku" }
[[journeys.cart.step]]
id = "idle"
wait = "1h"
[[journeys.cart.step]]
id = "push"
send = { channel = "push", template = "hello" }
[[journeys.cart.step]]
id = "again"
wait = "1h"
[[journeys.cart.step]]
id = "mail"
send = { channel = "email", template = "hello" }
"#;

fn journeys(text: &str) -> Definitions {
    read(&format!("version = 1\n{SCHEMA}\n[events.never]\n{text}"))
}

fn notes(outcome: &Outcome) -> Vec<String> {
    let minute_of = |at: Instant| (at - minute(0)).as_millis() / 60_000;
    outcome.notes.iter().map(|note| format!("{} {} {note}", minute_of(note.at), note.user)).collect()
}

/// The same journeys, whose users go on at the step of the same id when they change.
fn migrating() -> String {
    JOURNEYS.replace("[journeys.cart]\n", "[journeys.cart]\non_change = \"migrate\"\n")
}

#[test]
fn journeys_that_migrate_go_on_where_they_stand() {
    let text = &migrating();
    let other = text.find("[journeys.other]").unwrap()..text.find("[journeys.cart]").unwrap();
    let without_other = text.replace(&text[other.clone()], "");
    let step = |text: &str, id: &str| {
        let start = text.find(&format!("[[journeys.cart.step]]\nid = \"{id}\"")).unwrap();
        let end = text[start + 1..].find("[[").map_or(text.len(), |end| start + 1 + end);
        text.replace(&text[start..end], "")
    };
    let first =
        "[[journeys.cart.step]]\nid = \"first\"\nwait = \"5m\"\n[[journeys.cart.step]]\nid = \"idle\"";
    for (name, text, at_once, later) in [
        (
            "another number",
            without_other.clone(),
            vec![],
            vec![
                "60 ada cart, step push (boot): sent by push",
                "60 ada cart, step again (boot): waits until 2026-11-23T12:00:00Z",
            ],
        ),
        (
            "a step in front",
            text.replace("[[journeys.cart.step]]\nid = \"idle\"", first),
            vec![],
            vec![
                "60 ada cart, step push (boot): sent by push",
                "60 ada cart, step again (boot): waits until 2026-11-23T12:00:00Z",
            ],
        ),
        (
            "the next step is gone",
            step(text, "push"),
            vec![],
            vec!["60 ada cart, step again (boot): waits until 2026-11-23T12:00:00Z"],
        ),
        (
            "a longer wait: who waits keeps the deadline",
            text.replace("id = \"idle\"\nwait = \"1h\"", "id = \"idle\"\nwait = \"3h\""),
            vec![],
            vec![
                "60 ada cart, step push (boot): sent by push",
                "60 ada cart, step again (boot): waits until 2026-11-23T12:00:00Z",
            ],
        ),
        (
            "its own step is gone",
            step(text, "idle"),
            vec!["10 ada cart (boot): exited: step removed"],
            vec![],
        ),
        (
            "the journey is gone",
            text[..other.end].to_owned(),
            vec!["10 ada cart (boot): exited: redefined"],
            vec![],
        ),
    ] {
        let mut partition = Partition::new(&journeys(&migrating()));
        partition.ingest(&Message::track("ada", "view").with("sku", "boot"), minute(0)).unwrap();
        let outcome = partition.redefine(&journeys(&text), minute(10));
        assert_eq!(notes(&outcome), at_once, "{name}");
        assert_eq!(notes(&partition.advance(minute(61))), later, "{name}: later");
        let waits = partition.journey_counts().get(&("cart".into(), "entered".into())).copied();
        assert_eq!(waits, text.contains("[journeys.cart]").then_some(1), "{name}: counts stay with the name");
    }
}

#[test]
fn actions_of_a_journey_that_is_gone_are_taken_back_unless_the_host_has_them() {
    let text = JOURNEYS.replace("id = \"idle\"\nwait = \"1h\"", "id = \"idle\"\nwait = \"1m\"");
    let gone = text[..text.find("[journeys.cart]").unwrap()].to_owned();
    let mut partition = Partition::new(&journeys(&text));
    partition.ingest(&Message::track("ada", "view").with("sku", "boot"), minute(0)).unwrap();
    partition.ingest(&Message::track("bob", "view").with("sku", "boot"), minute(1)).unwrap();
    let held = partition.outbox(10, Duration::minutes(30), minute(1));
    assert_eq!(held.len(), 1);
    partition.advance(minute(2));
    let outcome = partition.redefine(&journeys(&gone), minute(10));
    assert_eq!(
        notes(&outcome),
        [
            "10 ada cart (boot): exited: redefined",
            "10 bob cart (boot): exited: redefined",
            "10 bob cart, step push (boot): not sent: redefined",
        ]
    );
    assert!(partition.outbox(10, Duration::minutes(30), minute(11)).is_empty());
    partition.acknowledge(&held[0].id, Delivery::Failed, minute(12));
    let again = partition.redefine(&journeys(&text), minute(20));
    assert!(again.notes.is_empty());
    assert!(partition.journey_counts().is_empty(), "nothing is known of a journey that comes back");
    let outcome = partition.ingest(&Message::track("ada", "view").with("sku", "boot"), minute(21)).unwrap();
    assert_eq!(notes(&outcome)[0], "21 ada cart (boot): entered");
}

#[test]
fn a_step_that_comes_again_sends_another_action() {
    let text = migrating().replace("id = \"idle\"\nwait = \"1h\"", "id = \"idle\"\nwait = \"1m\"");
    // Who waits behind the push finds it ahead once more.
    let push = "[[journeys.cart.step]]\nid = \"push\"\nsend = { channel = \"push\", template = \"hello\" }\n";
    let turned = text.replace(push, "") + push;
    let mut partition = Partition::new(&journeys(&text));
    partition.ingest(&Message::track("ada", "view").with("sku", "boot"), minute(0)).unwrap();
    partition.advance(minute(1));
    let first = partition.outbox(10, Duration::minutes(30), minute(1));
    partition.redefine(&journeys(&turned), minute(10));
    partition.advance(minute(120));
    let later = partition.outbox(10, Duration::minutes(30), minute(121));
    let steps: Vec<&str> = later.iter().map(|action| &*action.step).collect();
    assert_eq!(steps, ["push", "mail", "push"], "the first one once more, because its lease ran out");
    assert_eq!(later[0].id, first[0].id);
    assert_ne!(later[2].id, first[0].id);
}

fn rich() -> &'static str {
    include_str!("../examples/data/shop.toml")
}

fn shop(count: usize) -> Partition {
    let mut partition = Partition::new(&read(rich()));
    for line in include_str!("../examples/data/shop.jsonl").lines().take(count) {
        let message = Message::from_json(line).unwrap();
        let now = message.timestamp.unwrap().max(partition.clock());
        partition.ingest(&message, now).unwrap();
    }
    partition
}

/// The state without the number of the last input.
fn state(partition: &Partition) -> Json {
    let mut state: Json = serde_json::from_slice(&partition.checkpoint().unwrap()).unwrap();
    state[1] = Json::Null;
    state
}

#[test]
fn the_same_definitions_change_nothing() {
    let mut partition = shop(1_200);
    let before = state(&partition);
    let outcome = partition.redefine(&read(rich()), partition.clock());
    assert_eq!((outcome.changes.len(), outcome.notes.len()), (0, 0));
    assert!(state(&partition) == before, "the state is another one");
    // And it goes on as if nothing had been.
    let mut other = shop(1_200);
    let until = partition.clock() + Duration::days(60);
    assert_eq!(partition.advance(until).changes, other.advance(until).changes);
}

#[test]
fn there_and_back_again_where_everything_is_kept() {
    let mut partition = shop(1_200);
    let (before, clock) = (state(&partition), partition.clock());
    // Other numbers for everything: a new segment in front, over another event.
    let there = rich().replace(
        "[segments]\n",
        "[segments]\nnew = { by = \"category\", when = 'count(view in 2d) >= 2' }\nseen = 'did(wishlist) or did(view in 3d)'\n",
    );
    let added = partition.redefine(&read(&there), clock);
    let back = partition.redefine(&read(rich()), clock);
    assert!(!added.changes.is_empty());
    assert!(added.changes.iter().all(|change| ["new", "seen"].contains(&&*change.segment)));
    assert_eq!(added.changes.len(), back.changes.len(), "who entered leaves");
    let after = state(&partition);
    let users = |state: &Json| state[2].as_array().unwrap().clone();
    for (after, before) in users(&after).iter().zip(users(&before)) {
        for part in ["memberships", "affinities", "written"] {
            assert_eq!(after[part], before[part]);
        }
        // What nobody sees any longer may have gone.
        let events = |user: &Json| user["profile"]["events"].as_array().unwrap().clone();
        let known = events(&before);
        assert!(events(after).iter().all(|event| known.contains(event)));
    }
    for (part, name) in [(0, "clock"), (4, "journeys"), (5, "models"), (6, "covered since")] {
        assert!(after[part] == before[part], "{name}");
    }
}

#[test]
fn what_comes_to_ask_for_a_stay_knows_when_it_began() {
    let active = "version = 1\n[events.view]\ncity = \"string\"\n[segments]\nactive = 'did(view in 1d)'\n\
                  there = { by = \"city\", when = 'did(view in 1d)' }\n";
    let asking = format!(
        "{active}long = 'now - entered(\"active\") >= 2h'\n\
         long_there = {{ by = \"city\", when = 'did(view in 1d) and now - entered(\"there\") >= 3h' }}\n"
    );
    let [active, asking] = [active, &asking].map(|text| Definitions::from_toml(text).unwrap());
    let mut partition = Partition::new(&active);
    let start = Instant::from_millis(0);
    partition.ingest(&Message::track("ada", "view").with("city", "Rome"), start).unwrap();
    let outcome = partition.redefine(&asking, start + Duration::hours(1));
    assert_eq!(outcome.changes, []);
    let outcome = partition.advance(start + Duration::hours(10));
    let lines: Vec<String> = outcome
        .changes
        .iter()
        .map(|change| format!("{} {change}", (change.at - start).as_millis() / 3_600_000))
        .collect();
    assert_eq!(lines, ["2 ada entered long", "3 ada entered long_there (Rome)"]);
}

/// A running value that definitions come to ask for has seen what was kept, and says since when that is all.
#[test]
fn a_new_running_value_says_since_when_it_runs() {
    let text = |segments: &str| {
        format!("version = 1\n[events.view]\nsku = \"string\"\n[events.buy]\n[segments]\n{segments}")
    };
    let [before, after] = [
        text("lately = 'did(view in 1d)'\nall = 'count(view where sku = \"a\") >= 1'\n"),
        text("lately = 'did(view in 1d)'\nall = 'count(view where sku = \"a\") >= 1'\nevery = 'count(view) >= 1'\nbought = 'count(buy) >= 1'\n"),
    ]
    .map(|text| Definitions::from_toml(&text).unwrap());
    let mut partition = Partition::new(&before);
    let start = Instant::from_millis(0);
    let now = start + Duration::days(9);
    for at in [start, now - Duration::hours(1)] {
        partition.ingest(&Message::track("ada", "view").with("sku", "a"), at).unwrap();
    }
    partition.redefine(&after, now);
    let since = |segment: &str| {
        let explanation = partition.explain("ada", segment, now).unwrap();
        explanation.covered_since.or(explanation.because.iter().filter_map(|inner| inner.covered_since).max())
    };
    for (segment, expected) in [
        ("lately", None),
        ("all", None), // the same as before, so it ran on
        ("every", Some(now - Duration::days(1))),
        ("bought", Some(now)),
    ] {
        assert_eq!(since(segment), expected, "{segment}");
    }
}

/// What is known of instants over all time goes on, where definitions name another event or do not name one any more.
#[test]
fn instants_of_any_event_go_on_whatever_else_is_named() {
    let text = |more: &str| {
        format!(
            "version = 1\n[events.page]\ndue = 'instant'\n[events.search]\ndue = 'instant'\n[segments]\n\
             soon = 'now - min(any.due) > 0s'\nnamed = 'now - min(page.due) > 0s'\n{more}"
        )
    };
    let all = ["", "s = 'did(search in 7d)'", "s = 'max(search.due) < now'"].map(text);
    let all = all.map(|text| Definitions::from_toml(&text).unwrap());
    let at: Instant = "2026-11-23T10:00:00Z".parse().unwrap();
    for from in &all {
        for to in &all {
            let mut partition = Partition::new(from);
            let due = at - Duration::days(1);
            partition.ingest(&Message::track("ada", "page").with("due", due), at).unwrap();
            assert!(partition.is_member("ada", "soon") && partition.is_member("ada", "named"));
            let outcome = partition.redefine(to, at + Duration::hours(1));
            assert!(outcome.changes.iter().all(|change| &*change.segment == "s"), "{:?}", outcome.changes);
        }
    }
}
