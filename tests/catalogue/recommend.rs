//! What the catalogue does to recommendations.

use crate::{SHOP, definitions, now, shop};
use bespoke::engine::{Engine, Error};
use bespoke::model::{Duration, Instant, Message, Value};
use bespoke::recommend::Query;

fn viewed(engine: &Engine, user: &str, items: &[&str]) {
    for (second, item) in (0..).zip(items) {
        let at = now() + Duration::seconds(second);
        engine.ingest(Message::track(user, "view").with("sku", *item), at).unwrap();
    }
}

fn answer(engine: &Engine, query: &Query, now: Instant) -> Vec<String> {
    engine.recommend("ada", query, now).unwrap().into_iter().map(|recommended| recommended.item).collect()
}

#[test]
fn what_is_not_on_offer_is_recommended_to_nobody() {
    let engine = shop();
    for user in ["bob", "cy", "di"] {
        viewed(&engine, user, &["boot", "sock", "hat"]);
    }
    let (query, later) = (Query::popular(), now() + Duration::hours(1));
    let all = ["boot", "hat", "sock"];
    let sorted = |now| {
        let mut answer = answer(&engine, &query, now);
        answer.sort();
        answer
    };
    assert_eq!(sorted(later), all);
    let without_boot = ["hat", "sock"];
    for (out, back) in [
        (Message::item("boot").with("stock", 0), Message::item("boot").with("stock", 2.5)),
        (Message::item("boot").with("available", false), Message::item("boot").with("available", true)),
        (Message::remove_item("boot"), Message::item("boot")),
    ] {
        engine.ingest(&out, later).unwrap();
        assert_eq!(sorted(later), without_boot, "{out:?} holds at once");
        engine.ingest(back, later).unwrap();
        assert_eq!(sorted(later), all);
    }
    // It expires by time alone, to the millisecond.
    let expires = later + Duration::minutes(1);
    engine.ingest(Message::item("boot").with("expires", expires.to_string()), later).unwrap();
    assert_eq!(sorted(expires - Duration::from_millis(1)), all);
    assert_eq!(sorted(expires), without_boot);
    // Nor is it what goes with something.
    assert_eq!(answer(&engine, &Query::similar_to("sock"), expires), ["hat"]);
}

#[test]
fn reasons_call_items_by_their_titles() {
    let text = SHOP.replace("    price = \"number\"\n", "    price = \"number\"\n    title = \"string\"\n");
    let engine = Engine::builder(definitions(&text)).partitions(2).open().unwrap();
    for user in ["bob", "cy", "di", "eve"] {
        viewed(&engine, user, &["boot", "sock", "hat"]);
    }
    let reason = || {
        let query = Query::similar_to("boot").limit(1);
        let shown = engine.recommend("ada", &query, now() + Duration::hours(1)).unwrap().remove(0);
        (shown.item, shown.reason, shown.because_of)
    };
    // At once, for everybody; without one it is the id.
    let title = |title: Value| engine.ingest(Message::item("boot").with("title", title), now()).map(|_| ());
    for (said, words) in [
        (None, "similar to boot"),
        (Some(Value::from("Trail boot")), "similar to Trail boot"),
        (Some(Value::from("")), "similar to boot"),
        (Some(Value::from("Trail boot II")), "similar to Trail boot II"),
        (Some(Value::Null), "similar to boot"),
    ] {
        said.into_iter().for_each(|said| title(said).unwrap());
        assert_eq!(reason(), ("sock".to_owned(), words.to_owned(), Some("boot".to_owned())));
    }
    let popular = engine.recommend("ada", &Query::popular().limit(1), now() + Duration::hours(1)).unwrap();
    assert_eq!((&*popular[0].reason, &popular[0].because_of), ("popular now", &None));
    assert!(matches!(title(Value::Int(7)), Err(Error::WrongKind { name, .. }) if &*name == "title"));
}

#[test]
fn an_item_that_nobody_touched_is_known() {
    let engine = shop();
    viewed(&engine, "bob", &["boot", "sock"]);
    let query = Query::similar_to("new-boot");
    assert!(matches!(engine.recommend("ada", &query, now()), Err(Error::Recommend(_))));
    engine.ingest(Message::item("new-boot").with("price", 80), now()).unwrap();
    assert!(engine.recommend("ada", &query, now() + Duration::hours(1)).is_ok());
}

#[test]
fn filters_and_boosts_choose_and_order() {
    let engine = shop();
    for (number, user) in ["a", "b", "c", "d", "e"].into_iter().enumerate() {
        viewed(&engine, user, &["boot", "sock", "hat", "scarf"][..4 - number.min(3)]);
    }
    for (item, price) in [("boot", 120), ("sock", 9), ("hat", 30), ("scarf", 25)] {
        engine.ingest(Message::item(item).with("price", price), now()).unwrap();
    }
    engine.ingest(Message::identify("ada").with("budget", 28), now()).unwrap();
    let later = now() + Duration::hours(1);
    let ask = |query: &Query| answer(&engine, query, later);
    assert_eq!(ask(&Query::popular()), ["boot", "sock", "hat", "scarf"]);
    assert_eq!(ask(&Query::popular().only("price < 100")), ["sock", "hat", "scarf"]);
    assert_eq!(ask(&Query::popular().only("item.price <= user.budget")), ["sock", "scarf"]);
    assert_eq!(ask(&Query::popular().only("price > 10").only("price < 100")), ["hat", "scarf"]);
    assert_eq!(ask(&Query::popular().only("price > 10").limit(2)), ["boot", "hat"]);
    assert_eq!(ask(&Query::popular().boost("price = 25", 100.0)), ["scarf", "boot", "sock", "hat"]);
    assert_eq!(ask(&Query::popular().boost("price = 25", 100.0).limit(1)), ["scarf"]);
    assert_eq!(ask(&Query::popular().boost("price > 100", 0.001)), ["sock", "hat", "scarf", "boot"]);
    let both = Query::popular().boost("price < 31", 100.0).boost("price > 20", 10.0).limit(3);
    assert_eq!(ask(&both), ["hat", "scarf", "sock"]);
    // One place is kept, and what was done to an item is told.
    assert_eq!(ask(&Query::popular().slot(0, "price < 10").limit(2)), ["sock", "boot"]);
    let boosted =
        engine.recommend("ada", &Query::popular().boost("price = 25", 100.0).limit(1), later).unwrap();
    assert_eq!(boosted[0].effects, ["raised by price = 25 (× 100)"]);
    assert!(engine.recommend("ada", &Query::popular().boost("price = 25", f64::NAN), later).is_err());
    assert!(engine.recommend("ada", &Query::popular().slot(0, "prise < 10"), later).is_err());
    // The text means what the definitions say when it is asked.
    let cheap = Query::popular().only("cheap");
    assert!(engine.recommend("ada", &cheap, later).is_err());
    let other = SHOP.replace("tags = \"list\"", "tags = \"list\"\n    cheap = \"bool\"");
    engine.redefine(&definitions(&other), later).unwrap();
    engine.ingest(Message::item("hat").with("cheap", true), later).unwrap();
    assert_eq!(ask(&cheap), ["hat"]);
}

#[test]
fn whoever_does_not_agree_is_somebody_unknown_to_filters_too() {
    let text =
        SHOP.replace("[segments]", "[consent]\n    recommend = { default = \"denied\" }\n    [segments]");
    let engine = Engine::builder(definitions(&text)).open().unwrap();
    engine.ingest(Message::item("boot").with("price", 10), now()).unwrap();
    engine.ingest(Message::identify("ada").with("budget", 100), now()).unwrap();
    let agrees = bespoke::model::Consent::granted("recommend");
    engine.ingest(Message::consent("bob", agrees.clone()), now()).unwrap();
    viewed(&engine, "bob", &["boot"]);
    let query = Query::popular().only("item.price <= user.budget");
    let later = now() + Duration::hours(1);
    assert!(answer(&engine, &query, later).is_empty());
    engine.ingest(Message::consent("ada", agrees), later).unwrap();
    assert_eq!(answer(&engine, &query, later), ["boot"]);
}

/// Two of a brand at most, and what differs earlier.
#[test]
fn a_list_has_variety() {
    let engine = shop();
    let skus = ["a1", "a2", "a3", "b1", "c1"];
    for (place, sku) in skus.into_iter().enumerate() {
        let tags = Value::List(vec![Value::from(&sku[..1])]);
        engine.ingest(Message::item(sku).with("category", &sku[..1]).with("tags", tags), now()).unwrap();
        for user in 0..10 - place {
            viewed(&engine, &format!("u{user}"), &[sku]);
        }
    }
    let later = now() + Duration::hours(1);
    let ask = |query: &Query| answer(&engine, query, later);
    assert_eq!(ask(&Query::popular()), skus);
    assert_eq!(ask(&Query::popular().at_most(2, "category")), ["a1", "a2", "b1", "c1"]);
    assert_eq!(ask(&Query::popular().at_most(1, "tags").limit(2)), ["a1", "b1"]);
    assert_eq!(ask(&Query::popular().diverse(0.9).limit(3)), ["a1", "b1", "c1"]);
    assert_eq!(ask(&Query::popular().diverse(0.0)), skus);
    assert!(engine.recommend("ada", &Query::popular().at_most(0, "category"), later).is_err());
    assert!(engine.recommend("ada", &Query::popular().diverse(1.5), later).is_err());
}
