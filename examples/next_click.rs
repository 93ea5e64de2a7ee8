//! What you learn: a click changes what its user sees next at once, and what others see as far as it says something of
//! them; every item says why it is there.
//!
//! A made-up outdoor shop of forty things. Four hundred visitors look at a few that go together, and some buy. Then Ada
//! comes, of whom nothing is known.

use bespoke::definitions::Definitions;
use bespoke::engine::{Engine, Recommended};
use bespoke::model::{Duration, Instant, Message, Object};
use bespoke::recommend::Query;
use std::error::Error;

const SHOP: &str = r#"
version = 1
[catalogue]
title = "string"                                  # what reasons call it
kind = "string"
price = "number"
[events.view]
sku = "string"
[events.purchase]
order_id = "string"
products = [{ sku = "string" }]

[recommend]
remember = "90d"                                  # what users did, so that nobody is shown what they just bought
[recommend.interactions]
view = { item = "sku", action = "viewed" }
purchase = { item = "products.sku", weight = 5, action = "bought" }
"#;
/// Whoever looks at one of a kind looks at others of it.
const KINDS: [&str; 4] = ["boot", "tent", "lamp", "rope"];
const MAKES: [&str; 10] =
    ["red", "light", "winter", "Alpine", "family", "old", "small", "long", "foldable", "silent"];

fn print(title: &str, list: &[Recommended]) {
    println!("\n{title}");
    list.iter().for_each(|shown| println!("  {:<8} {}", shown.item, shown.reason));
}

fn main() -> Result<(), Box<dyn Error>> {
    let engine = Engine::builder(Definitions::from_toml(SHOP)?).open()?;
    let mut dice = fastrand::Rng::with_seed(5);
    let mut now: Instant = "2026-11-23T10:00:00Z".parse()?;
    let view = |user: &str, sku: &str, now: Instant| {
        engine.ingest(Message::track(user, "view").with("sku", sku), now).map(|_| ())
    };

    for (number, kind) in (0..40).map(|number| (number / 4, KINDS[number % 4])) {
        let item = Message::item(format!("{kind}-{number}")).with("kind", kind);
        let item = item.with("title", format!("the {} {kind}", MAKES[number]));
        engine.ingest(item.with("price", 20 + 15 * number as i64), now)?;
    }
    for visitor in 0..400 {
        let (user, kind) = (format!("visitor-{visitor}"), KINDS[visitor % 4]);
        for _ in 0..4 {
            now = now + Duration::seconds(30);
            view(&user, &format!("{kind}-{}", dice.u32(0..10)), now)?;
        }
        if visitor % 3 == 0 {
            // Who buys a boot takes a lamp along.
            let with = if kind == "boot" { "lamp-0" } else { "rope-0" };
            let products = [format!("{kind}-{}", dice.u32(0..3)), with.to_owned()];
            let products = products.map(|sku| Object::new().with("sku", sku)).to_vec();
            let order = Message::track(&*user, "purchase").with("order_id", user.as_str());
            engine.ingest(order.with("products", products), now)?;
        }
    }

    // Of Ada nothing is known: what most choose.
    let next = Query::for_user().limit(5);
    let before = engine.recommend("ada", &next, now)?;
    print("Ada comes", &before);

    // One click, and what she is shown is about tents.
    view("ada", "tent-3", now)?;
    let after = engine.recommend("ada", &next, now)?;
    print("Ada has looked at tent-3", &after);
    let tents = |list: &[Recommended]| list.iter().filter(|shown| shown.item.starts_with("tent")).count();
    assert!(tents(&after) >= 4 && tents(&before) < 4);

    // What it says of others: thirty people go from tent-3 to lamp-9, which nobody had looked at together.
    let similar = Query::similar_to("tent-3").limit(5);
    print("Beside tent-3", &engine.recommend("zoe", &similar, now)?);
    for other in 0..30 {
        let user = format!("camper-{other}");
        view(&user, "tent-3", now)?;
        view(&user, "lamp-9", now + Duration::seconds(20))?;
    }
    now = now + Duration::minutes(1);
    let beside = engine.recommend("zoe", &similar, now)?;
    print("Beside tent-3, after thirty people went on to lamp-9", &beside);
    assert_eq!(beside[0].item, "lamp-9");
    let for_ada = engine.recommend("ada", &next, now)?;
    print("And for Ada", &for_ada);
    assert!(for_ada.iter().any(|shown| shown.item == "lamp-9"));

    // Rules of the shop: under 80, no more than two of a kind, nothing that she has bought.
    let basket = Query::complementary_to(["boot-1"]).limit(3);
    print("What goes with boot-1", &engine.recommend("ada", &basket, now)?);
    let ruled = Query::for_user().limit(5).only("price < 80").at_most(2, "kind");
    let ruled = engine.recommend("ada", &ruled, now)?;
    print("For Ada, under 80, at most two of a kind", &ruled);
    assert!(tents(&ruled) <= 2);
    Ok(())
}
