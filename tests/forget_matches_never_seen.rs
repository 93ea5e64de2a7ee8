//! After an erasure the state is that of a partition in which the user never was, but for what the receipt lists under
//! `remains`.
//!
//! Left out of the comparison, and no more: the numbers of inputs and their order of arrival (who was never there sent
//! none), the receipt itself, and what it lists: counts of journeys and of the outbox, hashes of message ids, names of
//! items. What recommenders count is compared by what they answer.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

use bespoke::definitions::Definitions;
use bespoke::engine::{Partition, Receipt, Remains};
use bespoke::journey::Delivery;
use bespoke::model::{Duration, Instant, Message, Object, Value};
use bespoke::recommend::Query;
use fastrand::Rng;
use serde_json::Value as Json;

const DEFINITIONS: &str = r#"
version = 1
[attributes]
country = "string"
timezone = "string"
[events.view]
sku = "string"
price = "number"
cart_id = "string"
[events.order]
products = [{ sku = "string", price = "number" }]
[affinity.sku]
half_life = "2d"
[lists]
vip = "who matters"
[segments]
viewed = "count(view where sku = \"a\" in 3h) >= 2"
ever = "count(view) >= 3"
spender = "sum(order.products.price in 2d) > 5"
known_items = "did(order where at.hour >= 0)"
seen_items = "count(view where sku is present and price is present and at.hour >= 0) >= 0"
sold_items = "count(order.products where sku is present and at.hour >= 0) >= 0"
french = 'country = "FR"'
evening = 'local_hour >= 20 and did(view)'
vip = 'list("vip")'
fond = 'affinity("sku", "a") > 0.5'
in_welcome = 'in_journey("welcome")'
opener = "did(message.opened)"
cart = { by = "cart_id", when = "count(view in 6h) >= 2" }
stayed = 'entered("ever") is present'
[templates.hello]
title = "Hello {{ user.country }}"
[delivery]
cap = [{ scope = "global", max = 2, per = "day" }]
[journeys.welcome]
enter = { segment_entered = "viewed", reentry = { after = "3h" } }
step = [
    { id = "wait", wait = "1h" },
    { id = "push", send = { channel = "push", template = "hello", expires = "2d" } },
    { id = "rest", wait = "5h" },
]
[recommend]
interactions = { view = { item = "sku", grade = { property = "price", full = 4 } }, order = { item = "products.sku", weight = 3.0 } }
k_min = 1
popularity = { half_life = "1d", context = ["shop"] }
covisitation = { half_life = "3d" }
"#;

/// Of this partition the item's events are kept for ever, and of the context nothing.
const START: i64 = 1_700_000_000_000;
const USERS: [&str; 4] = ["ada", "bob", "eve", "zoe"];

fn at(minutes: i64) -> Instant {
    Instant::from_millis(START) + Duration::minutes(minutes)
}

enum Input {
    Message(Message),
    Advance,
    /// Takes what is in the outbox, and says that it was opened.
    Deliver,
}

fn inputs(rng: &mut Rng) -> Vec<(Instant, Input)> {
    let mut minutes = 0;
    let mut inputs = Vec::new();
    for _ in 0..rng.usize(40..160) {
        minutes += [0, 1, 5, 40, 90, 700][rng.usize(..6)];
        let user = USERS[rng.usize(..USERS.len())];
        let sku = ["a", "b", "c", "d"][rng.usize(..4)];
        let message = match rng.u32(0..16) {
            0 => Message::identify(user).with("country", ["FR", "IT"][rng.usize(..2)]),
            1 => Message::identify(user).with("timezone", ["Europe/Paris", "Asia/Tokyo"][rng.usize(..2)]),
            2 => Message::list(user, "vip", rng.bool()),
            3 | 4 => {
                let line = |sku: &str| {
                    let mut line = Object::new();
                    line.set("sku", sku);
                    line.set("price", rng.clone().i64(1..9));
                    Value::Object(line)
                };
                Message::track(user, "order").with("products", vec![line(sku), line("e")])
            }
            5 => {
                inputs.push((at(minutes), Input::Advance));
                continue;
            }
            6 => {
                inputs.push((at(minutes), Input::Deliver));
                continue;
            }
            _ => Message::track(user, "view")
                .with("sku", sku)
                .with("cart_id", sku)
                .with("price", rng.i64(0..6)),
        };
        let late = if rng.u32(0..6) == 0 { rng.i64(0..200) } else { 0 };
        inputs.push((at(minutes), Input::Message(message.context("shop", "web").at(at(minutes - late)))));
    }
    inputs
}

fn is_of(message: &Message, user: &str) -> bool {
    message.ids.user.as_deref() == Some(user)
}

fn run(partition: &mut Partition, inputs: &[(Instant, Input)], without: Option<&str>) {
    for (now, input) in inputs {
        match input {
            Input::Message(message) if without.is_some_and(|user| is_of(message, user)) => {}
            Input::Message(message) => drop(partition.ingest(message, *now).unwrap()),
            Input::Advance => drop(partition.advance(*now)),
            Input::Deliver => {
                for action in partition.outbox(100, Duration::minutes(5), *now) {
                    partition.acknowledge(&action.id, Delivery::Opened, *now);
                }
            }
        }
        // Messages of the user moved the clock of the other partition, and let happen what was due.
        partition.advance(*now);
    }
}

/// The digest without what is named at the head of this file.
fn state(partition: &Partition) -> Json {
    let mut state: Json = serde_json::from_slice(&partition.checkpoint().unwrap()).unwrap();
    let parts = state.as_array_mut().unwrap();
    let [_clock, sequence, users, seen, journeys, models, _world, _covered, erased, _refused] =
        &mut parts[..]
    else {
        panic!("the digest has other parts than were known here");
    };
    for left_out in [sequence, seen, models, erased] {
        *left_out = Json::Null;
    }
    for user in users.as_array_mut().unwrap() {
        let user = user.as_object_mut().unwrap();
        let arrivals = user["arrivals"].as_array().unwrap();
        // What came first stays first.
        let mut order: Vec<u64> = arrivals.iter().map(|n| n.as_u64().unwrap()).collect();
        let known = order.clone();
        order.sort_unstable();
        order.dedup();
        let ranks: Vec<usize> = known.iter().map(|n| order.binary_search(n).unwrap()).collect();
        user.insert("arrivals".into(), ranks.into());
        for written in user["written"].as_object_mut().unwrap().values_mut() {
            written[1] = Json::Null;
        }
        for affinity in user["affinities"].as_array_mut().unwrap() {
            affinity[4] = Json::Null;
        }
        for total in user["totals"].as_array_mut().unwrap() {
            total[2] = Json::Null;
        }
    }
    // Users, past, outbox (waiting, answers, counts …), counts.
    let outbox = &mut journeys[2];
    outbox.as_array_mut().unwrap().truncate(2);
    for waiting in outbox[0].as_array_mut().unwrap() {
        waiting[0] = Json::Null;
    }
    journeys[3] = Json::Null;
    state
}

/// What recommenders answer that both know something of: the names of items that only the erased user has seen stay.
fn answers(partition: &Partition, other: &Partition, now: Instant) -> Vec<(String, f64)> {
    let mut answers = Vec::new();
    for query in [Query::popular(), Query::similar_to("a"), Query::similar_to("b"), Query::similar_to("e")] {
        if other.recommend("somebody", &query, now).is_err() {
            continue;
        }
        let answer = partition.recommend("somebody", &query.limit(10), now).unwrap_or_default();
        let mut answer: Vec<_> = answer.into_iter().map(|item| (item.item, item.score)).collect();
        // What is told of equal items is by their numbers, and those by who saw them first.
        answer.sort_by(|a, b| a.0.cmp(&b.0));
        answers.extend(answer);
    }
    answers
}

/// The first place at which two states differ.
fn difference(a: &Json, b: &Json, path: &str) -> Option<String> {
    match (a, b) {
        (Json::Array(a), Json::Array(b)) if a.len() == b.len() => {
            (0..).zip(a.iter().zip(b)).find_map(|(i, (a, b))| difference(a, b, &format!("{path}[{i}]")))
        }
        (Json::Object(a), Json::Object(b)) if a.keys().eq(b.keys()) => {
            a.iter().find_map(|(name, inner)| difference(inner, &b[name], &format!("{path}.{name}")))
        }
        _ => (a != b).then(|| format!("{path}: {a} and {b}")),
    }
}

fn counts_more(receipt: &Receipt) -> bool {
    receipt
        .remains
        .iter()
        .any(|remains| matches!(remains, Remains::Model { model, .. } if !model.contains(" by ")))
}

#[test]
fn forgotten_is_never_seen() {
    let definitions = Definitions::from_toml(DEFINITIONS).unwrap();
    let (mut erased, mut taken) = (0, 0);
    for seed in 0..60 {
        let rng = &mut Rng::with_seed(seed);
        let inputs = inputs(rng);
        let end = inputs.last().unwrap().0 + Duration::minutes(rng.i64(0..600));
        let (mut one, mut other) = (Partition::new(&definitions), Partition::new(&definitions));
        run(&mut one, &inputs, None);
        run(&mut other, &inputs, Some("zoe"));
        one.advance(end);
        let outcome = one.ingest(&Message::forget("zoe"), end).unwrap();
        other.advance(end);
        let receipt = outcome.receipt.unwrap();
        erased += receipt.erased.events + receipt.erased.instances + receipt.erased.actions;
        taken += receipt.erased.interactions;

        assert_eq!(difference(&state(&one), &state(&other), ""), None, "seed {seed}");
        assert!(!counts_more(&receipt), "seed {seed}: {:?}", receipt.remains);
        let (own, expected) = (answers(&one, &other, end), answers(&other, &one, end));
        let names =
            |answers: &[(String, f64)]| answers.iter().map(|(item, _)| item.clone()).collect::<Vec<_>>();
        assert_eq!(names(&own), names(&expected), "seed {seed}");
        for ((item, score), (_, expected)) in own.iter().zip(&expected) {
            assert!(
                (score - expected).abs() <= 1e-5 * expected.abs(),
                "seed {seed}: {item} {score} {expected}"
            );
        }
        // Nor does it come out later.
        for days in [1, 3, 40] {
            let (own, expected) =
                (one.advance(end + Duration::days(days)), other.advance(end + Duration::days(days)));
            assert_eq!((&own.changes, &own.notes), (&expected.changes, &expected.notes), "seed {seed}");
            let differs = difference(&state(&one), &state(&other), "");
            assert_eq!(differs, None, "seed {seed}, {days} days later");
        }
        let text = String::from_utf8(one.checkpoint().unwrap()).unwrap();
        assert!(!text.contains("zoe"), "seed {seed}");
    }
    assert!(erased > 400 && taken > 400, "{erased} and {taken} prove little");
}

/// What history does not prove stays, and is listed; what it does goes all the same.
#[test]
fn what_is_not_proven_is_listed() {
    let now = at(0);
    let view = |user: &str, sku: &str, at: Instant| Message::track(user, "view").with("sku", sku).at(at);
    let text = |segment: &str| {
        format!(
            "version = 1\n[events.view]\nsku = 'string'\n[segments]\na = '{segment}'\n\
             [recommend]\nk_min = 1\ninteractions = {{ view = {{ item = 'sku' }} }}"
        )
    };
    let models = |before: Option<Instant>| {
        ["co-visitation", "popularity", "trending"]
            .map(|model| Remains::Model { model: model.into(), before })
    };
    let kept = now - Duration::days(2) + Duration::from_millis(1);
    for (segment, days, interactions, remains) in [
        // Nothing is kept; without the item; for two days, of a user who came before and one who came later.
        ("true", 3, 0, Some(models(None))),
        ("did(view in 2d)", 3, 0, Some(models(None))),
        ("did(view where sku = \"x\" in 2d)", 3, 3, Some(models(Some(kept)))),
        ("did(view where sku = \"x\" in 2d)", 1, 4, None),
    ] {
        let mut partition = Partition::new(&Definitions::from_toml(&text(segment)).unwrap());
        let first = now - Duration::days(days);
        partition.ingest(&view("ada", "old", first), first).unwrap();
        for sku in ["x", "y", "z"] {
            partition.ingest(&view("ada", sku, now), now).unwrap();
        }
        let receipt = partition.ingest(&Message::forget("ada"), now).unwrap().receipt.unwrap();
        assert_eq!(receipt.erased.interactions, interactions, "{segment}");
        let listed: Vec<_> = receipt
            .remains
            .iter()
            .filter(|remains| matches!(remains, Remains::Model { .. }))
            .cloned()
            .collect();
        assert_eq!(listed, remains.map(Vec::from).unwrap_or_default(), "{segment}");
        let trending = partition.recommend("bob", &Query::popular(), now).unwrap();
        let old: Vec<_> = trending.iter().map(|item| &*item.item).collect();
        match interactions {
            0 => assert_eq!(old.len(), 4),
            3 => assert_eq!(old, ["old"]),
            _ => assert!(old.is_empty()),
        }
    }
}

/// Of two profiles that were merged nobody knows who saw what beside what.
#[test]
fn a_merged_history_proves_no_pairs() {
    let definitions = Definitions::from_toml(DEFINITIONS).unwrap();
    let mut partition = Partition::new(&definitions);
    let view = |ids: bespoke::model::Ids, sku: &str| Message::track(ids, "view").with("sku", sku);
    use bespoke::model::Ids;
    partition.ingest(&view(Ids::anonymous("phone"), "a"), at(0)).unwrap();
    partition.ingest(&view(Ids::user("ada"), "b"), at(1)).unwrap();
    partition.ingest(&view(Ids::anonymous("phone"), "c"), at(2)).unwrap();
    partition.ingest(&view(Ids::both("ada", "phone"), "d"), at(3)).unwrap();
    partition.ingest(&view(Ids::user("ada"), "e"), at(50)).unwrap();
    partition.ingest(&view(Ids::user("ada"), "a"), at(51)).unwrap();
    let receipt = partition.ingest(&Message::forget("ada"), at(52)).unwrap().receipt.unwrap();
    let pairs = Remains::Model { model: "co-visitation".into(), before: None };
    assert!(receipt.remains.contains(&pairs), "{:?}", receipt.remains);
    assert_eq!(receipt.erased.interactions, 6);
    let beside = |sku: &str| {
        let answer = partition.recommend("bob", &Query::similar_to(sku), at(52)).unwrap();
        answer.into_iter().map(|item| item.item).collect::<Vec<_>>()
    };
    // The last session is known to be one: its pair is gone. The others are still told.
    assert_eq!(beside("e"), Vec::<String>::new());
    assert_eq!((beside("a"), beside("b")), (vec!["c".to_owned()], vec!["d".to_owned()]));
    assert!(partition.recommend("bob", &Query::popular(), at(52)).unwrap().is_empty());
}
