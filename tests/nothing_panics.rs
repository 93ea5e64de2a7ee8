//! Whatever a caller gives is taken or refused with words: token soup for expressions, broken bytes for messages and
//! definitions. The fuzz targets in `fuzz/` look further; this runs with every build. `SEEDS` asks for more.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

use bespoke::definitions::Definitions;
use bespoke::engine::Partition;
use bespoke::model::{Duration, Instant, Message, Object};
use bespoke::segment::{Kind, Plan, Schema};

const WORDS: [&str; 106] = [
    "message.opened",
    "segment.entered",
    "attribute.changed.from",
    "consent(",
    "list(",
    "entered(",
    "in_journey(",
    "variant(",
    "world.sale",
    "predict.churn",
    "and",
    "or",
    "not",
    "(",
    ")",
    "[",
    "]",
    ",",
    ".",
    ":",
    "+",
    "-",
    "*",
    "/",
    "=",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "in",
    "is",
    "missing",
    "present",
    "between",
    "contains",
    "starts",
    "ends",
    "with",
    "matches",
    "where",
    "now",
    "true",
    "false",
    "view",
    "purchase",
    "order",
    "products",
    "price",
    "amount",
    "sku",
    "category",
    "country",
    "vip",
    "born",
    "place",
    "tags",
    "budget",
    "key",
    "any",
    "some",
    "session",
    "number",
    "started",
    "local_time",
    "weekday",
    "at",
    "hour",
    "user",
    "context",
    "did(",
    "count(",
    "sum(",
    "avg(",
    "min(",
    "max(",
    "median(",
    "percentile(",
    "distinct(",
    "mode(",
    "first(",
    "last(",
    "streak(",
    "sequence(",
    "affinity(",
    "top(",
    "distance(",
    "geo(",
    "age(",
    "abs(",
    "min_of(",
    "segment(\"a\")",
    "bucket(\"b\")",
    "within",
    "since",
    "before",
    "from",
    "to",
    "ago",
    "today",
    "this",
    "month",
    "3 days",
    "\"FR\"",
    "7d",
    "@2026-11-23",
];
const MORE: [&str; 14] = [
    "5",
    "0",
    "-1",
    "1e308",
    "9223372036854775807",
    "10%",
    "5 km",
    "07:30",
    "\"(\"",
    "'",
    "`x y`",
    "1h30m",
    "99999999w",
    "#",
];

fn seeds(default: u64) -> u64 {
    std::env::var("SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

fn schema() -> Schema {
    let mut schema = Schema::lenient();
    schema.attribute("country", Kind::String).attribute("vip", Kind::Bool).attribute("born", Kind::Instant);
    schema.attribute("place", Kind::Geo).attribute("tags", Kind::List).attribute("budget.*", Kind::Number);
    schema.property("view", "sku", Kind::String).property("purchase", "amount", Kind::Number);
    schema.property("view", "category", Kind::String).line("order", "products", "price", Kind::Number);
    schema
}

#[test]
fn token_soup_is_compiled_or_refused() {
    let mut accepted = 0;
    for seed in 0..seeds(20_000) {
        let mut dice = fastrand::Rng::with_seed(seed);
        let length = dice.usize(1..18);
        let word = |dice: &mut fastrand::Rng| {
            if dice.u32(0..8) == 0 { *dice.choice(&MORE).unwrap() } else { *dice.choice(&WORDS).unwrap() }
        };
        let text = (0..length).map(|_| word(&mut dice)).collect::<Vec<_>>().join(" ");
        for by in [None, Some("sku")] {
            let plan = Plan::builder(schema()).segment("a", None, "vip").segment("s", by, &text);
            match plan.build() {
                Ok(_) => accepted += 1,
                Err(errors) => errors.iter().for_each(|error| {
                    assert!(format!("{error} {error:#}").len() > 10, "{text}");
                    assert!(text.get(error.span().range()).is_some(), "{text}: {error:?}");
                }),
            }
        }
    }
    assert!(accepted > 0, "soup that is never eaten proves little");
}

/// Takes, doubles and changes bytes.
fn broken(text: &str, dice: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..dice.usize(1..6) {
        let at = dice.usize(0..bytes.len().max(1)).min(bytes.len().saturating_sub(1));
        match dice.u32(0..4) {
            0 if bytes.len() > 1 => drop(bytes.remove(at)),
            1 => bytes.insert(at, dice.u8(..)),
            2 => bytes.insert(at, *dice.choice(b"\"'{}[],:.0-9eE\\n=").unwrap()),
            _ => bytes[at] = *dice.choice(b"\"'{}[]0(<=e").unwrap(),
        }
    }
    bytes
}

#[test]
fn broken_messages_are_taken_or_refused() {
    let definitions = Definitions::from_toml(include_str!("../examples/data/shop.toml")).unwrap();
    let lines: Vec<&str> = include_str!("../examples/data/shop.jsonl").lines().take(800).collect();
    let mut partition = Partition::new(&definitions);
    let (mut taken, mut now) = (0, Instant::MIN);
    let mut dice = fastrand::Rng::with_seed(7);
    for _ in 0..seeds(6_000) {
        let line = broken(dice.choice(&lines).unwrap(), &mut dice);
        let Ok(text) = std::str::from_utf8(&line) else { continue };
        match Message::from_json(text) {
            Err(error) => assert!(error.to_string().len() < 400, "{error}"),
            Ok(message) => {
                // Years before and behind, but never so far that a clock would not come back.
                let at = message.timestamp.unwrap_or(now);
                now = now.max(at.min(Instant::from_millis(1_800_000_000_000)));
                taken += usize::from(partition.ingest(&message, now).is_ok());
            }
        }
    }
    assert!(taken > 100, "{taken} were taken");
    partition.advance(now + Duration::days(90));
    for user in partition.users() {
        partition.decide(&user, "home-hero", &Object::new(), now).unwrap();
    }
    partition.checkpoint().unwrap();
}

#[test]
fn broken_definitions_are_refused_or_run() {
    let whole = include_str!("../examples/data/shop.toml");
    for seed in 0..seeds(150) {
        let mut dice = fastrand::Rng::with_seed(seed);
        let Ok(text) = String::from_utf8(broken(whole, &mut dice)) else { continue };
        match Definitions::from_toml(&text) {
            Err(errors) => assert!(format!("{errors} {errors:#}").len() > 10),
            Ok(definitions) => {
                let mut partition = Partition::new(&definitions);
                let now = Instant::from_millis(1_790_000_000_000);
                let message =
                    Message::track("ada", "add_to_cart").with("cart_id", "c1").with("cart_value", 99);
                partition.ingest(&message, now).unwrap();
                partition.advance(now + Duration::days(60));
            }
        }
    }
}
