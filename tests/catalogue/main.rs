//! The catalogue: items that messages describe, expressions about them, and what follows from both.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

mod changes;
mod cold;
mod filters;
mod language;
mod recommend;

use bespoke::definitions::Definitions;
use bespoke::engine::Engine;
use bespoke::model::Instant;

const SHOP: &str = r#"
    version = 1
    [attributes]
    budget = "number"
    country = "string"
    rating = "number"
    [catalogue]
    price = "number"
    stock = "number"
    available = "bool"
    expires = "instant"
    category = "string"
    rating = "number"
    tags = "list"
    place = "geo"
    "size.width" = "number"
    vector = 3
    [events.view]
    sku = "string"
    category = "string"
    [events.purchase]
    sku = "string"
    [segments]
    rich = "budget > 1000"
    looker = 'did(view where category = "hats" and sku = "top" in 7d)'
    [recommend]
    interactions = { view = { item = "sku" }, purchase = { item = "sku", weight = 5.0, action = "bought" } }
    k_min = 1
"#;

fn definitions(text: &str) -> Definitions {
    Definitions::from_toml(text).unwrap_or_else(|errors| panic!("{errors:#}"))
}

fn shop() -> Engine {
    Engine::builder(definitions(SHOP)).open().unwrap()
}

fn now() -> Instant {
    "2026-11-23T10:00:00Z".parse().unwrap()
}
