//! Aggregates over all time keep running values and no events, and say what the events would.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

use bespoke::definitions::Definitions;
use bespoke::engine::Partition;
use bespoke::model::{Duration, Ids, Instant, Message, Object, Value};

fn start() -> Instant {
    "2026-11-23T10:00:00Z".parse().unwrap()
}

fn minute(n: i64) -> Instant {
    start() + Duration::minutes(n)
}

fn partition(segments: &[(&str, &str)]) -> Partition {
    let mut text =
        "version = 1\n[events.purchase]\namount = \"number\"\nsku = \"string\"\ndue = \"instant\"\n\
                    [events.view]\nsku = \"string\"\n[attributes]\nlimit = \"number\"\n[segments]\n"
            .to_owned();
    for (name, rule) in segments {
        text += &format!("{name} = '{rule}'\n");
    }
    Partition::new(&Definitions::from_toml(&text).unwrap())
}

fn purchase(ids: impl Into<Ids>, amount: impl Into<Value>) -> Message {
    Message::track(ids, "purchase").with("amount", amount)
}

#[test]
fn a_thousand_purchases_leave_no_event() {
    let mut partition = partition(&[
        ("regular", "count(purchase) >= 3"),
        ("spender", "sum(purchase.amount) > 100"),
        ("average", "avg(purchase.amount) between 0.9 and 1.1"),
        ("buyer", "did(purchase where amount > 0)"),
        ("lately", "now - last(purchase) < 1h"),
        ("boots", "last(purchase.sku) = \"boot\" and first(purchase.sku) = \"sandal\""),
        ("looker", "count(view in 7d) >= 2"),
    ]);
    let mut entered = Vec::new();
    for n in 0..1_000 {
        let sku = if n == 0 { "sandal" } else { "boot" };
        let outcome = partition.ingest(&purchase("ada", 1).with("sku", sku), minute(n)).unwrap();
        entered.extend(outcome.changes.iter().map(|change| format!("{} {change}", n + 1)));
    }
    let expected = [
        "1 ada entered average",
        "1 ada entered buyer",
        "1 ada entered lately",
        "2 ada entered boots",
        "3 ada entered regular",
        "101 ada entered spender",
    ];
    assert_eq!(entered, expected);
    let profile = partition.profile("ada").unwrap();
    assert!(profile.events.is_empty(), "{} events are kept", profile.events.len());
    assert_eq!(profile.session.unwrap().events, 1_000);
    // What time alone changes is known all the same.
    let left = partition.advance(minute(2_000)).changes;
    assert_eq!(left.len(), 1);
    assert_eq!((left[0].to_string().as_str(), left[0].at), ("ada left lately", minute(999 + 60)));
}

/// What depends on the user, on a part of the events or on more than one number cannot be told beforehand.
#[test]
fn what_no_running_value_can_tell_keeps_events() {
    for (rule, kept) in [
        ("did(purchase)", 0),
        ("did(purchase where amount > 5 and at > @2026-01-01)", 0),
        ("did(purchase where lower(sku) in [\"a\"] or sku is missing)", 0),
        ("count(any) >= 2", 0),
        ("did(purchase where amount > user.limit)", 3),
        ("did(purchase where at.hour = 12)", 3),
        ("did(purchase where bucket(\"x\") < 50)", 3),
        ("did(purchase since @2020-01-01)", 3),
        ("count(purchase in 30d) > 1", 3),
        ("median(purchase.amount) > 2", 3),
        ("distinct(purchase.sku) > 2", 3),
        ("sequence(purchase, purchase)", 3),
        ("some sku: (count(purchase) > 2)", 3),
        ("did(view since last(purchase))", 3),
        // The events of the view are of no use, those that it is measured by are.
        ("did(purchase) and did(purchase in 1h)", 3),
    ] {
        let mut partition = partition(&[("s", rule)]);
        for n in 0..3 {
            partition.ingest(&purchase("ada", n), minute(n)).unwrap();
        }
        assert_eq!(partition.profile("ada").unwrap().events.len(), kept, "{rule}");
    }
}

/// No segment reads these events: a placement and a journey alone.
#[test]
fn placements_and_journeys_read_running_values_too() {
    let definitions = Definitions::from_toml(
        r#"
        version = 1
        [events.purchase]
        amount = "number"
        [events.leave]
        [placements.hero]
        [[placements.hero.variant]]
        name = "thanks"
        when = "count(purchase where amount > 5) >= 2"
        priority = 1
        content = {}
        [[placements.hero.variant]]
        name = "hello"
        content = {}
        [templates.letter]
        text = "Thank you"
        [journeys.goodbye]
        enter = { event = "leave" }
        [[journeys.goodbye.step]]
        id = "choose"
        branch = [{ when = "sum(purchase.amount) > 32", to = "end" }]
        [[journeys.goodbye.step]]
        id = "write"
        send = { channel = "email", template = "letter" }
        "#,
    );
    let mut partition = Partition::new(&definitions.unwrap());
    for (n, amount, shown) in [(0, 10, "hello"), (1, 3, "hello"), (2, 20, "thanks")] {
        partition.ingest(&purchase("ada", amount), minute(n)).unwrap();
        let decision = partition.decide("ada", "hero", &Object::new(), minute(n)).unwrap();
        assert_eq!(&*decision.variant.unwrap(), shown);
        partition.ingest(&Message::track("ada", "leave"), minute(n)).unwrap();
        // Ten and thirteen are not enough.
        assert_eq!(partition.outbox(10, Duration::days(1), minute(n)).len(), usize::from(n < 2));
    }
    assert!(partition.profile("ada").unwrap().events.is_empty());
}

#[test]
fn duplicates_and_refused_messages_add_nothing() {
    let mut partition =
        partition(&[("twice", "count(purchase) >= 2"), ("rich", "sum(purchase.amount) >= 2")]);
    partition.ingest(&purchase("ada", 1).id("m1"), minute(0)).unwrap();
    let duplicate = partition.ingest(&purchase("ada", 1).id("m1"), minute(1)).unwrap();
    assert!(duplicate.duplicate && duplicate.changes.is_empty());
    partition.ingest(&purchase("ada", 1).at(minute(60)), minute(2)).unwrap_err();
    assert!(partition.segments("ada").is_empty());
    let changes = partition.ingest(&purchase("ada", 1).id("m2"), minute(3)).unwrap().changes;
    assert_eq!(changes.len(), 2);
}

#[test]
fn a_property_that_is_a_bool_is_a_condition() {
    let text = "version = 1\n[events.view]\ngift = \"bool\"\n[segments]\nlatest = 'last(view.gift)'\nlately = 'last(view.gift in 1h)'\n";
    let mut partition = Partition::new(&Definitions::from_toml(text).unwrap());
    for (n, gift) in [(0, false), (1, true), (2, false), (3, true)] {
        partition.ingest(&Message::track("ada", "view").with("gift", gift), minute(n)).unwrap();
        assert_eq!([partition.is_member("ada", "latest"), partition.is_member("ada", "lately")], [gift; 2]);
    }
    partition.advance(minute(63));
    assert_eq!([partition.is_member("ada", "latest"), partition.is_member("ada", "lately")], [true, false]);
}

#[test]
fn late_messages_take_their_place() {
    let mut partition = partition(&[
        ("first_boot", "first(purchase.sku) = \"boot\""),
        ("last_boot", "last(purchase.sku) = \"boot\""),
        ("early", "first(purchase) < @2026-11-23T10:00:00Z"),
        ("cheap", "min(purchase.amount) < 0"),
    ]);
    let bought = |sku: &str, at: i64| purchase("ada", at).with("sku", sku).at(minute(at));
    let mut told = Vec::new();
    for (sku, at) in [("boot", 5), ("shoe", 9), ("boot", 7), ("shoe", 2), ("boot", 9), ("boot", -1)] {
        let changes = partition.ingest(&bought(sku, at), minute(10)).unwrap().changes;
        told.push(changes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
    }
    let expected = [
        "ada entered first_boot, ada entered last_boot",
        "ada left last_boot",
        "",
        "ada left first_boot",
        "ada entered last_boot",
        "ada entered first_boot, ada entered early, ada entered cheap",
    ];
    assert_eq!(told, expected);
}

#[test]
fn forgetting_takes_totals_and_their_texts() {
    let mut partition = partition(&[("s", "last(purchase.sku) = \"x\""), ("t", "count(purchase) > 1")]);
    partition.ingest(&purchase("ada", 1).with("sku", "rosebud"), minute(0)).unwrap();
    let shows = |partition: &Partition| {
        String::from_utf8(partition.checkpoint().unwrap()).unwrap().contains("rosebud")
    };
    assert!(shows(&partition), "a checkpoint has the running values");
    partition.ingest(&Message::forget("ada"), minute(1)).unwrap();
    assert!(!shows(&partition) && !format!("{partition:?}").contains("rosebud"));
    partition.ingest(&purchase("ada", 1), minute(2)).unwrap();
    assert!(partition.segments("ada").is_empty());
}

/// Each rule beside the same one over a window that holds everything, for which events are kept.
#[test]
fn running_values_say_what_events_would() {
    let rules = [
        "did(purchase E)",
        "did(purchase where sku = \"b\" E)",
        "count(purchase where amount >= 2 E) >= 3",
        "count(purchase E) < 4.5",
        "count(purchase E) = 5",
        "count([purchase, view] where lower(sku) = \"a\" E) > 2",
        "count(any E) > 6",
        "sum(purchase.amount E) > 10",
        "sum(purchase.amount E) <= 3.5",
        "sum(purchase.amount where sku is present E) = 4",
        "avg(purchase.amount E) >= 2",
        "min(purchase.amount E) < 0",
        "min(purchase.amount E) >= 1.5",
        "max(purchase.amount E) > 7",
        "max(purchase.amount E) < 7",
        "min(purchase.due E) < @2026-11-23T11:00:00Z",
        "max(purchase.due E) > @2026-11-23T11:00:00Z",
        "max(purchase.due E) - min(purchase.due E) > 1h",
        "first(purchase E) < @2026-11-23T10:20:00Z",
        "now - last(purchase E) > 20m",
        "now - last(purchase where sku = \"a\" E) <= 20m",
        "now - first(purchase where sku = \"a\" E) > 1h",
        "last(purchase E) - first(purchase E) > 30m",
        "first(purchase.sku E) = \"a\"",
        "last(purchase.sku E) != first(purchase.sku E)",
        "last(purchase.sku E) > first(view.sku E) or last(view.sku E) is missing",
    ];
    let named: Vec<(String, String)> = (rules.iter().enumerate())
        .flat_map(|(i, rule)| {
            let with = |window: &str| rule.replace(" E", window);
            [(format!("t{i}"), with("")), (format!("e{i}"), with(" since @1990-01-01"))]
        })
        .collect();
    let segments: Vec<(&str, &str)> = named.iter().map(|(name, rule)| (&**name, &**rule)).collect();
    let mut changes = vec![0; rules.len()];
    for seed in 0..100 {
        let rng = &mut fastrand::Rng::with_seed(seed);
        let mut partition = partition(&segments);
        let mut clock = 0;
        for step in 0..40 {
            clock += rng.i64(0..12);
            let at = if rng.u32(0..4) == 0 { clock - rng.i64(0..60) } else { clock };
            let user = *rng.choice(&["ada", "bob"]).unwrap();
            let device = *rng.choice(&["web", "app", "tv"]).unwrap();
            let ids = match rng.u32(0..8) {
                0 => Ids::both(user, device),
                1..5 => Ids::from(user),
                _ => Ids::anonymous(device),
            };
            let mut message =
                Message::track(ids, *rng.choice(&["purchase", "purchase", "view", "other"]).unwrap());
            if rng.u32(0..4) > 0 {
                message = message.with("sku", *rng.choice(&["a", "b", "A"]).unwrap());
            }
            match rng.u32(0..8) {
                0 => {}
                1 => message = message.with("amount", "12"),
                2 => message = message.with("amount", *rng.choice(&[2.5, -1.5, 0.5]).unwrap()),
                _ => message = message.with("amount", rng.i64(-1..9)),
            }
            match rng.u32(0..6) {
                0..3 => {}
                // What the schema declares an instant may be a number all the same.
                3 => message = message.with("due", rng.i64(0..5)),
                _ => message = message.with("due", minute(rng.i64(0..120)).to_string()),
            }
            partition.ingest(&message.at(minute(at)), minute(clock)).unwrap();
            let states = partition.users().into_iter().map(|user| (partition.segments(&user), user));
            for (state, user) in states {
                for (i, rule) in rules.iter().enumerate() {
                    let (total, events) = (state.get(&*format!("t{i}")), state.get(&*format!("e{i}")));
                    assert_eq!(total, events, "seed {seed}, step {step}, {user}: {rule}");
                }
            }
        }
        for (i, pair) in
            partition.segment_stats().map(|(_, stats)| stats).collect::<Vec<_>>().chunks(2).enumerate()
        {
            assert_eq!(pair[0], pair[1], "seed {seed}: {}", rules[i]);
            changes[i] += pair[0].entries + pair[0].exits;
        }
    }
    for (rule, changes) in rules.iter().zip(changes) {
        assert!(changes > 25, "{changes} changes of `{rule}` prove little");
    }
}
