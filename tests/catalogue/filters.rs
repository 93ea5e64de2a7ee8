//! Filters against what a few lines of Rust say of the same items.

use crate::{now, shop};
use bespoke::model::{Duration, Message, Value};
use bespoke::recommend::Query;
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default)]
struct Known {
    price: Option<f64>,
    stock: Option<i64>,
    category: Option<&'static str>,
    tags: Vec<&'static str>,
    is_removed: bool,
}

/// A condition as text and as Rust.
type Condition = (&'static str, fn(&Known, f64) -> bool);

const CONDITIONS: [Condition; 8] = [
    ("price < 100", |item, _| item.price.is_some_and(|price| price < 100.0)),
    ("item.price <= user.budget", |item, budget| item.price.is_some_and(|price| price <= budget)),
    ("category = \"boots\" or tags contains \"red\"", |item, _| {
        item.category == Some("boots") || item.tags.contains(&"red")
    }),
    ("category not in [\"boots\", \"hats\"]", |item, _| {
        !item.category.is_some_and(|category| ["boots", "hats"].contains(&category))
    }),
    ("price is missing or not (price between 20 and 60)", |item, _| {
        !item.price.is_some_and(|price| (20.0..=60.0).contains(&price))
    }),
    ("category != \"socks\" and stock >= 2", |item, _| {
        item.category != Some("socks") && item.stock.is_some_and(|stock| stock >= 2)
    }),
    ("all_in(tags, [\"red\", \"new\"])", |item, _| item.tags.contains(&"red") && item.tags.contains(&"new")),
    ("price / 2 + stock > user.budget - 40", |item, budget| {
        item.price.zip(item.stock).is_some_and(|(price, stock)| price / 2.0 + stock as f64 > budget - 40.0)
    }),
];

#[test]
fn filters_say_what_a_few_lines_of_rust_say() {
    let engine = shop();
    let mut rng = fastrand::Rng::with_seed(3);
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    let mut now = now();
    for item in (0..30).map(|number| format!("item-{number}")) {
        engine.ingest(Message::track("bob", "view").with("sku", item.as_str()), now).unwrap();
        known.insert(item, Known::default());
    }
    let mut budget = 50.0;
    let mut found = 0;
    for round in 0..300 {
        now = now + Duration::seconds(1);
        let item = format!("item-{}", rng.u32(0..30));
        let row = known.get_mut(&item).unwrap();
        let message = match rng.u32(0..12) {
            0 => {
                *row = Known { is_removed: true, ..Known::default() };
                Message::remove_item(item)
            }
            1 => {
                budget = f64::from(rng.u32(0..120));
                Message::identify("ada").with("budget", budget)
            }
            2 => {
                (row.price, row.is_removed) = (None, false);
                Message::item(item).with("price", Value::Null)
            }
            _ => {
                row.is_removed = false;
                let mut message = Message::item(item);
                if rng.bool() {
                    // Whole numbers and others are compared by value.
                    let price = rng.i64(0..150);
                    row.price = Some(price as f64);
                    message = match rng.bool() {
                        true => message.with("price", price),
                        false => message.with("price", price as f64),
                    };
                }
                if rng.bool() {
                    row.stock = Some(rng.i64(0..4));
                    message = message.with("stock", row.stock);
                }
                if rng.bool() {
                    row.category = Some(["boots", "socks", "hats"][rng.usize(0..3)]);
                    message = message.with("category", row.category);
                }
                if rng.bool() {
                    row.tags = [&["red", "new"][..], &["red"], &[], &["blue"]][rng.usize(0..4)].to_vec();
                    message = message.with("tags", row.tags.clone());
                }
                message
            }
        };
        engine.ingest(message, now).unwrap();
        if round == 0 {
            engine.ingest(Message::identify("ada").with("budget", budget), now).unwrap();
        }
        let (text, condition) = CONDITIONS[rng.usize(0..CONDITIONS.len())];
        let query = Query::popular().only(text).limit(100);
        let answer = engine.recommend("ada", &query, now + Duration::seconds(1)).unwrap();
        let mut answer: Vec<&str> = answer.iter().map(|recommended| &*recommended.item).collect();
        answer.sort_unstable();
        let is_on_offer = |item: &Known| !item.is_removed && item.stock != Some(0);
        let expected = known.iter().filter(|(_, item)| is_on_offer(item) && condition(item, budget));
        let mut expected: Vec<&str> = expected.map(|(id, _)| &**id).collect();
        expected.sort_unstable();
        assert_eq!(answer, expected, "round {round}: {text}, budget {budget}");
        found += answer.len();
    }
    assert!(found > 1_000, "{found}");
}
