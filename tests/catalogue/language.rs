//! Expressions about items: what they may name, and what is said of those that are wrong.

use crate::{SHOP, definitions, now, shop};
use bespoke::definitions::Definitions;
use bespoke::engine::{Engine, Error};
use bespoke::model::Message;
use bespoke::recommend::Query;

/// Whether a condition holds of an item for a user, as a query that filters by it says.
#[track_caller]
fn holds(engine: &Engine, user: &str, item: &str, condition: &str) -> bool {
    let query = Query::popular().only(condition).limit(1_000);
    let answer = engine.recommend(user, &query, now()).unwrap_or_else(|error| panic!("{condition}: {error}"));
    answer.iter().any(|recommended| recommended.item == item)
}

#[test]
fn names_of_items_and_of_users() {
    let engine = shop();
    let now = now();
    let boot = Message::item("boot").with("price", 99).with("category", "boots").with("rating", 4.5);
    engine
        .ingest(boot.with("tags", vec!["red", "new"]).with("expires", "2026-11-24T00:00:00Z"), now)
        .unwrap();
    let ada = Message::identify("ada").with("budget", 100).with("country", "FR").with("rating", 3);
    engine.ingest(ada, now).unwrap();
    for (user, event) in [("ada", "view"), ("bob", "view"), ("bob", "purchase")] {
        engine
            .ingest(Message::track(user, event).with("sku", "boot").with("category", "boots"), now)
            .unwrap();
    }
    for (condition, expected) in [
        ("price < 100", true),
        ("item.price < 99", false),
        ("price < 100 and category in [\"boots\", \"socks\"]", true),
        ("category in [\"socks\"]", false),
        ("category not in [\"socks\"]", true),
        ("tags contains \"red\"", true),
        ("any_in(tags, [\"blue\", \"new\"])", true),
        ("item.price <= user.budget", true),
        ("item.price * 2 <= user.budget", false),
        ("item.rating > user.rating", true),
        ("item.id = \"boot\"", true),
        ("item.id = \"sock\"", false),
        ("category starts with \"bo\" and not stock is present", true),
        ("stock is missing and stock != 3", true),
        ("expires - now <= 14h", true),
        ("expires - now < 14h", false),
        ("did(view where category = item.category in 1d)", true),
        ("did(view where category = item.category and sku != item.id in 1d)", false),
        ("count(view) >= 1 and not did(purchase)", true),
        ("segment(\"rich\")", false),
        ("user.country = \"FR\" and weekday = \"mon\"", true),
        ("min_of(price, user.budget) = 99", true),
    ] {
        assert_eq!(holds(&engine, "ada", "boot", condition), expected, "{condition}");
    }
    // Of somebody unknown nothing is known, and of an item that is not described neither.
    assert!(!holds(&engine, "zoe", "boot", "item.price <= user.budget"));
    assert!(holds(&engine, "zoe", "boot", "not did(view) and price = 99"));
    engine.ingest(Message::track("ada", "view").with("sku", "plain"), now).unwrap();
    assert!(!holds(&engine, "ada", "plain", "price < 1_000_000"));
    assert!(holds(&engine, "ada", "plain", "price is missing and item.id = \"plain\""));
}

#[test]
fn refused_conditions_say_what_is_wrong_and_where() {
    let engine = shop();
    // Text, the marked part, words of the message or of the help.
    for (text, marked, words) in [
        ("prize < 100", "prize", "did you mean `price`?"),
        ("item.prize < 100", "item.prize", "did you mean `price`?"),
        ("budget > 3", "budget", "the user's attribute is `user.budget` here"),
        ("user.budgt > 3", "user.budgt", "did you mean `budget`?"),
        ("rating > 3", "rating", "write `item.rating` or `user.rating`"),
        ("colour = \"red\"", "colour", "declare it under [catalogue]"),
        ("price", "price", "a condition is wanted, this is a number"),
        ("price < \"x\"", "price < \"x\"", "a number cannot be compared with a string"),
        ("category < 3", "category < 3", "a string cannot be compared with a number"),
        ("tags + 1 > 2", "tags + 1", "cannot be added"),
        ("vector is present", "vector", "no expression reads it"),
        ("old.price > price", "old.price", "unknown attribute `old.price`"),
        ("price < 100 &&", "&&", "write `and`"),
        ("did(view where price > 3)", "price", "unknown property `price`"),
        ("", "", "found the end"),
    ] {
        let error = engine.recommend("ada", &Query::popular().only(text), now()).unwrap_err();
        let Error::Expression(errors) = &error else { panic!("{text}: {error}") };
        let shown = format!("{:#}", errors[0]);
        assert!(shown.contains(words), "{text}: {shown}");
        assert_eq!(&text[errors[0].span().range()], marked, "{text}: {shown}");
    }
    let both = engine.recommend("ada", &Query::popular().only("prize > 1 and colour = 2"), now());
    let Err(Error::Expression(errors)) = both else { panic!("{both:?}") };
    assert_eq!(errors.len(), 2, "all that is wrong is told");
}

#[test]
fn segments_know_no_item() {
    let text = SHOP.replace("rich = \"budget > 1000\"", "rich = \"budget > item.price\"");
    let errors = Definitions::from_toml(&text).unwrap_err().to_string();
    assert!(errors.contains("`item.…` is known only where an item is looked at"), "{errors}");
}

#[test]
fn the_table_says_what_is_wrong_in_it() {
    for (line, words) in [
        ("price = \"string\"", "`price` of an item is a number for the engine itself"),
        ("available = \"number\"", "`available` of an item is a bool"),
        ("colour = \"text\"", "did you mean `string`?"),
        ("id = \"string\"", "`id` is the id of the item itself"),
        ("\"user.name\" = \"string\"", "no name for an attribute of items"),
        ("vector = \"vector\"", "write `vector = 64`"),
        ("vector = 0", "at least 1 and at most 2048"),
    ] {
        let errors = Definitions::from_toml(&format!("version = 1\n[catalogue]\n{line}")).unwrap_err();
        assert!(format!("{errors:#}").contains(words), "{line}: {errors:#}");
    }
    definitions("version = 1\n[catalogue]");
}
