//! Segments and messages in numbers: half of the segments look at attributes, half at behaviour.
#![allow(dead_code)] // each bench uses a part

use bespoke::definitions::Definitions;
use bespoke::model::{Duration, Instant, Message};
use fastrand::Rng;
use std::fmt::Write;

pub(crate) const KINDS: [&str; 10] =
    ["view", "search", "like", "add_to_cart", "remove", "checkout", "purchase", "share", "review", "open"];
const CATEGORIES: usize = 40;
const WINDOWS: [&str; 8] = ["1h", "6h", "1d", "3d", "7d", "14d", "30d", "90d"];
const COUNTRIES: [&str; 12] = ["FR", "DE", "IT", "ES", "PT", "NL", "BE", "AT", "CH", "PL", "SE", "DK"];

pub(crate) fn now() -> Instant {
    Instant::from_millis(1_767_225_600_000)
}

pub(crate) fn attribute_rule(rng: &mut Rng) -> String {
    match rng.u32(0..8) {
        0 => format!("country = \"{}\"", rng.choice(COUNTRIES).unwrap_or("FR")),
        1 => format!("country in [\"{}\", \"{}\"]", COUNTRIES[rng.usize(0..6)], COUNTRIES[rng.usize(6..12)]),
        2 => format!("age >= {}", rng.u32(18..70)),
        3 => format!("age between {} and {}", rng.u32(18..40), rng.u32(40..70)),
        4 => format!("plan = \"{}\"", ["free", "plus", "pro"][rng.usize(0..3)]),
        5 => format!("score > {:.1}", rng.f64() * 100.0),
        6 => format!("city = \"city-{}\"", rng.u32(0..200)),
        _ => format!("balance < {}", rng.u32(0..5_000)),
    }
}

fn behaviour_rule(rng: &mut Rng) -> String {
    let kind = KINDS[rng.usize(0..KINDS.len())];
    let window = WINDOWS[rng.usize(0..WINDOWS.len())];
    let filter = match rng.u32(0..4) {
        0 => String::new(),
        1 => format!(" where amount > {}", rng.u32(1..200)),
        _ => format!(" where category = \"c{}\"", rng.usize(0..CATEGORIES)),
    };
    match rng.u32(0..10) {
        0 | 1 => format!("did({kind}{filter} in {window})"),
        2 | 3 => format!("count({kind}{filter} in {window}) >= {}", rng.u32(2..8)),
        4 => format!("sum({kind}.amount{filter} in {window}) > {}", rng.u32(50..2_000)),
        5 => format!("not did({kind}{filter} in {window})"),
        6 => format!("now - last({kind}{filter}) > {window}"),
        7 => format!("max({kind}.amount{filter} in {window}) >= {}", rng.u32(50..200)),
        8 => format!("distinct({kind}.category in {window}) >= {}", rng.u32(2..6)),
        _ => format!("avg({kind}.amount{filter} in {window}) > {}", rng.u32(20..150)),
    }
}

/// Definitions with so many segments.
pub(crate) fn definitions(segments: usize, seed: u64) -> Definitions {
    let rng = &mut Rng::with_seed(seed);
    let mut text = String::from(
        "version = 1\n[attributes]\ncountry = \"string\"\nage = \"number\"\nplan = \"string\"\nscore = \"number\"\ncity = \"string\"\nbalance = \"number\"\n",
    );
    for kind in KINDS {
        let _ = writeln!(text, "[events.{kind}]\ncategory = \"string\"\namount = \"number\"");
    }
    text.push_str("[segments]\n");
    for number in 0..segments {
        let mut rules: Vec<String> = (0..rng.usize(1..4)).map(|_| attribute_rule(rng)).collect();
        if number % 2 == 1 {
            rules.push(behaviour_rule(rng));
            if rng.bool() {
                rules.push(behaviour_rule(rng));
            }
        }
        let _ = writeln!(text, "s{number} = '{}'", rules.join(" and "));
    }
    Definitions::from_toml(&text).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Who a user is.
pub(crate) fn identify(user: &str, rng: &mut Rng) -> Message {
    Message::identify(user)
        .with("country", COUNTRIES[rng.usize(0..COUNTRIES.len())])
        .with("age", rng.i64(18..80))
        .with("plan", ["free", "plus", "pro"][rng.usize(0..3)])
        .with("score", rng.f64() * 100.0)
        .with("city", format!("city-{}", rng.u32(0..200)))
        .with("balance", rng.i64(0..5_000))
}

/// Something a user does.
pub(crate) fn event(user: &str, rng: &mut Rng) -> Message {
    Message::track(user, KINDS[rng.usize(0..KINDS.len())])
        .with("category", format!("c{}", rng.usize(0..CATEGORIES)))
        .with("amount", rng.i64(1..200))
}

/// The messages of users who have so many events in the ninety days up to the present, in order of time.
pub(crate) fn history(users: usize, events: usize, seed: u64) -> Vec<(Instant, Message)> {
    let rng = &mut Rng::with_seed(seed);
    let start = now() - Duration::days(90);
    let mut messages = Vec::new();
    for user in 0..users {
        let user = format!("user-{user}");
        messages.push((start - Duration::days(1), identify(&user, rng)));
        for _ in 0..events {
            let at = start + Duration::from_millis(rng.i64(0..Duration::days(90).as_millis()));
            messages.push((at, event(&user, rng)));
        }
    }
    messages.sort_by_key(|(at, _)| *at);
    messages
}
