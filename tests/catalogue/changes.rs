//! What messages say of items holds at once, survives, and is the same in every partition.

use crate::{SHOP, definitions, now, shop};
use bespoke::engine::{Durability, Engine, Error};
use bespoke::model::{Duration, Geo, Message, Object, Value};
use bespoke::storage::MemoryDisk;

fn attribute(engine: &Engine, item: &str, name: &str) -> Option<Value> {
    engine.item(item).and_then(|item| item.attributes.get_path(name).cloned())
}

#[test]
fn what_was_said_last_holds_and_what_was_not_said_stays() {
    let engine = shop();
    let boot = Message::item("boot").with("price", 120).with("category", "boots").with("tags", vec!["red"]);
    engine.ingest(boot, now()).unwrap();
    // The order in which messages come counts, not their instants.
    let late =
        Message::item("boot").with("price", 99.5).with("tags", Value::Null).at(now() - Duration::days(3));
    engine.ingest(late, now()).unwrap();
    assert_eq!(attribute(&engine, "boot", "price"), Some(Value::Float(99.5)));
    assert_eq!(attribute(&engine, "boot", "category"), Some("boots".into()));
    assert_eq!(attribute(&engine, "boot", "tags"), None);
    assert_eq!((engine.item_count(), engine.item("sock")), (1, None));

    engine.ingest(Message::remove_item("boot"), now()).unwrap();
    assert_eq!((engine.item("boot"), engine.item_count()), (None, 0));
    // Of an item that comes back nothing is known but what is said then.
    engine.ingest(Message::item("boot").with("stock", 1), now()).unwrap();
    let boot = engine.item("boot").unwrap();
    assert_eq!(boot.attributes.iter().collect::<Vec<_>>(), [("stock", &Value::Int(1))]);
}

#[test]
fn values_are_kept_as_they_are_declared() {
    let engine = shop();
    let (mut size, mut place) = (Object::new(), Object::new());
    size.set("width", 30);
    place.set("lat", 48.85);
    place.set("lon", 2.35);
    let message = Message::item("boot")
        .with("size", size)
        .with("place", place)
        .with("expires", "2026-12-01T00:00:00Z")
        .with("vector", vec![0.5, 1.0, -2.0]);
    engine.ingest(message, now()).unwrap();
    let boot = engine.item("boot").unwrap();
    assert_eq!(boot.attributes.get("size.width"), Some(&Value::Int(30)));
    assert_eq!(boot.attributes.get("place"), Some(&Value::Geo(Geo { lat: 48.85, lon: 2.35 })));
    assert_eq!(
        boot.attributes.get("expires"),
        Some(&Value::Instant("2026-12-01T00:00:00Z".parse().unwrap()))
    );
    assert_eq!(boot.vector.as_deref(), Some(&[0.5, 1.0, -2.0][..]));
    engine.ingest(Message::item("boot").with("vector", Value::Null), now()).unwrap();
    assert_eq!(engine.item("boot").unwrap().vector, None);
}

#[test]
fn what_is_not_declared_so_is_refused_whole() {
    let engine = shop();
    let good = Message::item("boot").with("category", "boots");
    for (message, words) in [
        (good.clone().with("prize", 1), "unknown attribute of items `prize` (did you mean `price`?)"),
        (good.clone().with("price", "cheap"), "`item.price` is declared as a number, not a string"),
        (good.clone().with("expires", "soon"), "`item.expires` is declared as an instant, not a string"),
        (good.clone().with("vector", vec![1.0]), "the vector of an item is a list of 3 finite numbers"),
        (good.clone().with("vector", vec![1.0, 1e300, 0.0]), "a list of 3 finite numbers"),
        (good.clone().with("vector", 3), "a list of 3 finite numbers"),
        (Message::item(" "), "`itemId`: a name is not empty"),
        (Message::item("x".repeat(201)), "at most 200 bytes"),
        (good.clone().with("price", f64::NAN), "not finite"),
    ] {
        let error = engine.ingest(message, now()).unwrap_err().to_string();
        assert!(error.contains(words), "{error} lacks {words}");
        assert_eq!((engine.item("boot"), engine.sequence()), (None, 0));
    }
    let lenient = SHOP.replace("version = 1", "version = 1\n[settings]\nschema = \"lenient\"");
    let engine = Engine::builder(definitions(&lenient)).open().unwrap();
    engine.ingest(good.with("prize", 1), now()).unwrap();
    assert_eq!(engine.item("boot").unwrap().attributes.len(), 1, "only what is declared is kept");
}

#[test]
fn a_message_that_comes_twice_counts_once() {
    let engine = shop();
    engine.ingest(Message::item("boot").with("price", 1).id("m1"), now()).unwrap();
    engine.ingest(Message::item("boot").with("price", 2), now()).unwrap();
    assert!(engine.ingest(Message::item("boot").with("price", 1).id("m1"), now()).unwrap().duplicate);
    assert_eq!(attribute(&engine, "boot", "price"), Some(Value::Int(2)));
}

#[test]
fn definitions_that_declare_otherwise_keep_what_can_be_read_so() {
    let engine = shop();
    let message = Message::item("boot").with("price", 10).with("category", "boots").with("rating", 4);
    let message = message.with("expires", "2026-12-01T00:00:00Z").with("vector", vec![1.0, 2.0, 3.0]);
    engine.ingest(message, now()).unwrap();
    let other = SHOP
        .replace("rating = \"number\"\n    tags", "rating = \"string\"\n    tags")
        .replace("    category = \"string\"\n    rating", "    colour = \"string\"\n    rating")
        .replace("vector = 3", "vector = 2");
    engine.redefine(&definitions(&other), now()).unwrap();
    let boot = engine.item("boot").unwrap();
    let names: Vec<&str> = boot.attributes.iter().map(|(name, _)| name).collect();
    assert_eq!((names, boot.vector), (vec!["expires", "price"], None));
    engine.redefine(&definitions(SHOP), now()).unwrap();
    engine.ingest(Message::item("boot").with("category", "shoes"), now()).unwrap();
    assert_eq!(attribute(&engine, "boot", "category"), Some("shoes".into()));
    assert_eq!(attribute(&engine, "boot", "price"), Some(Value::Int(10)));
}

/// Items that come, change and go, the same for every seed.
fn changes(seed: u64) -> impl Iterator<Item = Message> {
    let mut rng = fastrand::Rng::with_seed(seed);
    (0..120).map(move |_| {
        let item = format!("item-{}", rng.u32(0..20));
        match rng.u32(0..8) {
            0 => Message::remove_item(item),
            1 => Message::track(format!("user-{}", rng.u32(0..5)), "view").with("sku", item),
            2 => Message::item(item).with("tags", vec!["red", "new"]).with("category", Value::Null),
            3 => Message::item(item).with("vector", vec![rng.f64(), 1.0, 2.0]),
            _ => Message::item(item)
                .with("price", rng.i64(1..200))
                .with("category", ["boots", "socks"][rng.usize(0..2)])
                .with("stock", rng.i64(0..3)),
        }
    })
}

#[test]
fn a_store_has_it_again_however_it_was_stopped() {
    for seed in 0..6 {
        let disk = MemoryDisk::new();
        let open = || {
            let builder = Engine::builder(definitions(SHOP)).disk(disk.clone());
            builder.durability(Durability::Written).open().unwrap()
        };
        let (mut engine, twin) = (open(), shop());
        for (number, message) in changes(seed).enumerate() {
            engine.ingest(&message, now()).unwrap();
            twin.ingest(&message, now()).unwrap();
            if number % 37 == 20 {
                engine.checkpoint().unwrap();
            }
            if number % 29 == 7 {
                drop(engine);
                engine = open();
            }
        }
        assert_eq!(engine.state().unwrap(), twin.state().unwrap(), "seed {seed}");
        for item in (0..20).map(|number| format!("item-{number}")) {
            assert_eq!(engine.item(&item), twin.item(&item));
        }
        assert!(engine.item_count() > 5 && Engine::verify_disk(disk.crash(1)).is_ok());
    }
}

#[test]
fn every_partition_knows_all_items() {
    let several = Engine::builder(definitions(SHOP)).partitions(3).open().unwrap();
    let one = shop();
    let messages: Vec<Message> = changes(1).collect();
    for message in &messages[..60] {
        several.ingest(message, now()).unwrap();
        one.ingest(message, now()).unwrap();
    }
    let refused = |answers: Vec<Result<_, Error>>| answers.iter().filter(|answer| answer.is_err()).count();
    assert_eq!(refused(several.ingest_all(&messages[60..], now())), 0);
    assert_eq!(refused(one.ingest_all(&messages[60..], now())), 0);
    for item in (0..20).map(|number| format!("item-{number}")) {
        assert_eq!(several.item(&item), one.item(&item));
    }
    assert_eq!(several.item_count(), one.item_count());
}
