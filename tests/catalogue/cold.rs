//! What nobody has touched yet shows where its likes do, and gives way to what users do.

use crate::{SHOP, definitions, now, shop};
use bespoke::engine::{Durability, Engine, Recommended};
use bespoke::model::{Duration, Instant, Message, Value};
use bespoke::recommend::Query;
use bespoke::storage::MemoryDisk;

fn later() -> Instant {
    now() + Duration::days(1)
}

fn item(id: &str, category: &str, tags: &[&str]) -> Message {
    Message::item(id).with("category", category).with("tags", tags.to_vec())
}

/// Forty people look at a sock, and then at a sneaker or a hat, of which there are three each.
fn taught(engine: &Engine) {
    for (id, category) in [("sneaker", "sneakers"), ("hat", "hats")] {
        for number in 0..3 {
            engine.ingest(item(&format!("{id}-{number}"), category, &["sport"]), now()).unwrap();
        }
    }
    engine.ingest(item("sock", "socks", &["sport"]), now()).unwrap();
    for user in 0..40_i64 {
        let second = ["sneaker", "sneaker", "sneaker", "hat"][user as usize % 4];
        for (step, sku) in [(0, "sock".to_owned()), (1, format!("{second}-{}", user % 3))] {
            let view = Message::track(format!("u{user}"), "view").with("sku", sku);
            engine.ingest(view, now() + Duration::minutes(user * 60 + step)).unwrap();
        }
    }
}

fn answer(engine: &Engine, query: &Query) -> Vec<Recommended> {
    engine.recommend("ada", query, later() + Duration::days(1)).unwrap()
}

fn place(answer: &[Recommended], id: &str) -> Option<usize> {
    answer.iter().position(|shown| shown.item == id)
}

#[test]
fn a_new_sneaker_shows_beside_its_like_at_once() {
    let engine = shop();
    taught(&engine);
    engine.ingest(Message::track("ada", "view").with("sku", "sock"), later()).unwrap();
    let queries = [Query::for_user(), Query::session(["sock"]), Query::similar_to("sock")];
    for query in &queries {
        assert_eq!(place(&answer(&engine, query), "sneaker-9"), None);
    }
    engine.ingest(item("sneaker-9", "sneakers", &["sport"]), later()).unwrap();
    for query in &queries {
        let answer = answer(&engine, query);
        let new = place(&answer, "sneaker-9").unwrap();
        let hats = (0..3).filter_map(|number| place(&answer, &format!("hat-{number}")));
        assert!(hats.min().is_none_or(|hat| new < hat), "{answer:?}");
        assert!(place(&answer, "sneaker-0").unwrap() < new, "what users chose comes first");
        assert!(
            answer[new].reason.starts_with("new to most, and similar to sneaker-"),
            "{}",
            answer[new].reason
        );
        assert!(answer[new].score <= answer[0].score);
    }
    // Nor is it shown where nothing is like it.
    let answer = answer(&engine, &Query::popular().limit(100));
    assert_eq!(place(&answer, "sneaker-9"), None);
}

#[test]
fn what_may_not_be_shown_is_not_shown_for_its_likeness() {
    let engine = shop();
    taught(&engine);
    let query = Query::session(["sock"]).limit(100);
    let is_shown = |query: &Query| place(&answer(&engine, query), "sneaker-9").is_some();
    engine.ingest(item("sneaker-9", "sneakers", &["sport"]).with("price", 90), later()).unwrap();
    assert!(is_shown(&query));
    assert!(!is_shown(&query.clone().excluding(["sneaker-9"])));
    let below = |price: u32| query.clone().only(format!("price is missing or price < {price}"));
    assert!(!is_shown(&below(50)) && is_shown(&below(100)));
    for (out, back) in [
        (Message::item("sneaker-9").with("stock", 0), Message::item("sneaker-9").with("stock", 3)),
        (Message::remove_item("sneaker-9"), item("sneaker-9", "sneakers", &["sport"])),
        (
            Message::item("sneaker-9").with("category", "hats"),
            Message::item("sneaker-9").with("category", "sneakers"),
        ),
    ] {
        engine.ingest(&out, later()).unwrap();
        let answer = answer(&engine, &query);
        match place(&answer, "sneaker-9") {
            None => {}
            // As a hat it is like hats.
            Some(place) => {
                assert!(answer[place].reason.contains("similar to hat-"), "{}", answer[place].reason)
            }
        }
        engine.ingest(back, later()).unwrap();
        assert!(is_shown(&query));
    }
    // It comes under another name of its kind, or none.
    engine
        .ingest(Message::item("sneaker-9").with("category", Value::Null).with("tags", Value::Null), later())
        .unwrap();
    assert!(!is_shown(&query));
}

/// It is liked less and less for what it is, and by and by for what users do.
#[test]
fn evidence_takes_over() {
    let engine = shop();
    taught(&engine);
    engine.ingest(item("sneaker-9", "sneakers", &["sport"]), later()).unwrap();
    let query = Query::session(["sock"]).limit(100);
    let score = || {
        let answer = answer(&engine, &query);
        place(&answer, "sneaker-9").map(|place| (answer[place].score, answer[place].reason.clone()))
    };
    let (mut before, _) = score().unwrap();
    // Others look at it and at nothing that goes with socks.
    for user in 0..61 {
        let view = Message::track(format!("v{user}"), "view").with("sku", "sneaker-9");
        engine.ingest(view, later() + Duration::minutes(1)).unwrap();
        if user % 20 == 19 {
            let (now, _) = score().unwrap();
            assert!(now < before, "{now} {before}");
            before = now;
        }
    }
    let answer = self::answer(&engine, &query);
    let reason = place(&answer, "sneaker-9").map(|place| answer[place].reason.clone());
    assert_eq!(reason.as_deref(), Some("popular now"));
}

/// Of an item that nobody touched it is told what is like it, touched or not.
#[test]
fn what_is_similar_to_something_new() {
    let engine = shop();
    taught(&engine);
    for id in ["sneaker-8", "sneaker-9"] {
        engine.ingest(item(id, "sneakers", &["sport"]), later()).unwrap();
    }
    for query in [Query::similar_to("sneaker-9"), Query::session(["sneaker-9"])] {
        let answer = answer(&engine, &query.limit(4));
        let mut shown: Vec<&str> = answer.iter().map(|shown| &*shown.item).collect();
        shown.sort_unstable();
        assert_eq!(shown, ["sneaker-0", "sneaker-1", "sneaker-2", "sneaker-8"]);
        assert_eq!(answer[0].reason, "similar to sneaker-9");
    }
    // The next click counts at once, also on what is new.
    engine.ingest(Message::track("ada", "view").with("sku", "sneaker-9"), later()).unwrap();
    let shown = answer(&engine, &Query::for_user().limit(3));
    assert!(
        shown.iter().all(|shown| shown.item.starts_with("sneaker-") && shown.item != "sneaker-9"),
        "{shown:?}"
    );
}

#[test]
fn vectors_say_what_is_alike() {
    let engine = shop();
    for (id, vector) in [("a", [1.0, 0.1, 0.0]), ("b", [0.0, 1.0, 0.1]), ("c", [0.9, 0.2, 0.0])] {
        engine.ingest(Message::item(id).with("vector", vector.to_vec()), now()).unwrap();
    }
    for user in 0..5 {
        for (second, sku) in [(0, "x"), (1, "a")] {
            let view = Message::track(format!("u{user}"), "view").with("sku", sku);
            engine.ingest(view, now() + Duration::seconds(second)).unwrap();
        }
    }
    let answer = answer(&engine, &Query::similar_to("x").limit(100));
    assert_eq!((place(&answer, "a"), place(&answer, "c")), (Some(0), Some(1)));
    assert!(
        place(&answer, "b").is_none_or(|place| answer[place].score < 0.2 * answer[1].score),
        "{answer:?}"
    );
}

#[test]
fn definitions_say_what_counts() {
    let text = |cold: &str| SHOP.replace("    k_min = 1", &format!("    k_min = 1\n    cold = {cold}"));
    let engine = Engine::builder(definitions(&text("{ attributes = [\"category\"] }"))).open().unwrap();
    taught(&engine);
    engine.ingest(item("cap", "caps", &["sport"]), later()).unwrap();
    engine.ingest(item("sneaker-9", "sneakers", &["sport"]), later()).unwrap();
    let query = Query::session(["sock"]).limit(100);
    let shown = |id: &str| place(&answer(&engine, &query), id).is_some();
    assert_eq!((shown("cap"), shown("sneaker-9")), (false, true));
    for (cold, cap, sneaker) in [
        ("{ attributes = [\"tags\"], twins = 5 }", true, true),
        ("{ kappa = 0 }", false, false),
        ("{}", true, true),
    ] {
        engine.redefine(&definitions(&text(cold)), later()).unwrap();
        assert_eq!((shown("cap"), shown("sneaker-9")), (cap, sneaker), "{cold}");
    }
    for (cold, words) in [
        ("{ attributes = [\"categry\"] }", "did you mean `category`?"),
        ("{ attributes = [\"price\"] }", "items are alike by strings and lists"),
        ("{ kappa = -1 }", "`kappa` is -1"),
        ("{ twins = 0 }", "`twins` is 0"),
        ("{ kapa = 1 }", "did you mean `kappa`?"),
    ] {
        let errors = bespoke::definitions::Definitions::from_toml(&text(cold)).unwrap_err();
        assert!(format!("{errors:#}").contains(words), "{cold}: {errors:#}");
    }
}

/// What is alike follows from the catalogue, whoever else reads it: a store that was opened again, another partition.
#[test]
fn stores_and_partitions_know_the_same() {
    let disk = MemoryDisk::new();
    let open = || {
        let builder = Engine::builder(definitions(SHOP)).disk(disk.clone());
        builder.durability(Durability::Written).open().unwrap()
    };
    let engine = open();
    taught(&engine);
    engine.checkpoint().unwrap();
    engine.ingest(item("sneaker-9", "sneakers", &["sport"]), later()).unwrap();
    engine.ingest(item("sneaker-8", "sneakers", &["sport", "new"]), later()).unwrap();
    engine.ingest(Message::remove_item("sneaker-1"), later()).unwrap();
    let queries = [Query::session(["sock"]), Query::similar_to("sneaker-9"), Query::similar_to("sneaker-8")];
    let before: Vec<_> = queries.iter().map(|query| answer(&engine, query)).collect();
    drop(engine);
    for is_written in [false, true] {
        let engine = open();
        let after: Vec<_> = queries.iter().map(|query| answer(&engine, query)).collect();
        assert_eq!(before, after, "{is_written}");
        engine.checkpoint().unwrap();
    }

    let several = Engine::builder(definitions(SHOP)).partitions(3).open().unwrap();
    taught(&several);
    several.ingest(item("sneaker-9", "sneakers", &["sport"]), later()).unwrap();
    // Whoever asks, of whatever partition.
    for user in 0..12 {
        let user = format!("u{user}");
        let query = Query::similar_to("sneaker-9").limit(3);
        let answer = several.recommend(&user, &query, later()).unwrap();
        assert!(answer.iter().all(|shown| shown.item.starts_with("sneaker-")), "{user}: {answer:?}");
    }
}
