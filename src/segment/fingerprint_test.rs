//! What fingerprints tell apart, and what they do not.

use super::*;
use crate::model::{Duration, Zone};
use crate::segment::{Kind, PlanBuilder, Schema};

fn schema() -> Schema {
    let mut schema = Schema::lenient();
    schema.property("view", "due", Kind::Instant).affinity("sku", Duration::days(7), Some(&[("view", 1.0)]));
    schema
}

fn print_of(builder: PlanBuilder, text: &str) -> u128 {
    let plan = builder.segment("s", None, text).build().unwrap();
    fingerprints(&plan).segments[plan.segment("s").unwrap().0 as usize]
}

const TEXTS: [&str; 24] = [
    "country = \"FR\"",
    "country in [\"FR\", \"DE\"]",
    "age >= 18",
    "budget.dining > 3 and country != \"FR\"",
    "did(view where sku = \"boot\" in 7d)",
    "count(any in today) >= 3",
    "sum(view.price since last(purchase)) > 10.5",
    "percentile(view.price in 7d, 90) > 2",
    "last(view.due) is present",
    "sequence(view, not purchase within 1h, view within 2h) in 7d",
    "affinity(\"sku\", \"boot\") > 0.5",
    "top(\"city\") = \"Paris\"",
    "session.number = 1 and did(view in session)",
    "local_hour >= 10 or weekday = \"mon\"",
    "some city: (did(view in 1d) and not did(purchase in 1d))",
    "segment(\"inner\") and bucket(\"salt\") < 50",
    "streak(view) >= 3",
    "last(view.sku) matches \"b.*t\"",
    "now - last(view) > 3d + 2 * 1h",
    "min_of(age, length(country)) > 1",
    "count(view where at.hour >= 10 and user.city = city) > 0",
    "any_in(tags, [\"a\", \"b\"])",
    "is_anniversary(born) and age(born) > 3",
    "distance(location, geo(1, 2)) < 3 km",
];

/// What stands beside a segment numbers everything anew, and changes nothing.
#[test]
fn equal_beside_others() {
    for text in TEXTS {
        let inner = "did(view where price > 3 in 3d)";
        let alone = print_of(Plan::builder(schema()).segment("inner", None, inner), text);
        let mut beside = Plan::builder(schema());
        for (number, other) in TEXTS.iter().rev().enumerate() {
            let text = other.replace("7d", "5d").replace("inner", "another").replace("boot", "DE");
            beside = beside.segment(&format!("other{number}"), None, &text);
        }
        beside = beside.segment("another", None, "did(order in 3d)").segment("inner", None, inner);
        assert_eq!(print_of(beside, text), alone, "{text}");
    }
}

/// Its name, what it does, and the texts that mean something else then.
type SchemaChange<'a> = (&'a str, &'a dyn Fn(&mut Schema), &'a [usize]);

#[test]
fn different_where_anything_is() {
    let with = |change: &dyn Fn(&mut Schema)| {
        let mut schema = schema();
        change(&mut schema);
        Plan::builder(schema).segment("inner", None, "did(view where price > 3 in 3d)")
    };
    let plain = || with(&|_| {});
    let prints: Vec<u128> = TEXTS.iter().map(|text| print_of(plain(), text)).collect();
    let all: std::collections::BTreeSet<u128> = prints.iter().copied().collect();
    assert_eq!(all.len(), TEXTS.len());
    // One part of each is another one.
    for (text, from, to) in [
        (0, "FR", "DE"),
        (1, "DE", "IT"),
        (2, "18", "19"),
        (2, ">=", ">"),
        (3, "and", "or"),
        (4, "boot", "sock"),
        (4, "7d", "8d"),
        (5, "today", "this week"),
        (6, "since last(purchase)", "since last(order)"),
        (6, "sum", "max"),
        (7, "90", "91"),
        (8, "last", "first"),
        (9, "1h", "3h"),
        (9, "not purchase", "not order"),
        (10, "boot", "sock"),
        (12, "= 1", "= 2"),
        (14, "city", "sku"),
        (15, "salt", "pepper"),
        (17, "b.*t", "b.t"),
        (18, "2 *", "3 *"),
        (20, "city = city", "town = city"),
        (21, "[\"a\", \"b\"]", "[\"a\", \"c\"]"),
    ] {
        let changed = TEXTS[text].replace(from, to);
        assert_ne!(changed, TEXTS[text]);
        assert_ne!(print_of(plain(), &changed), prints[text], "{changed}");
    }
    // What they read or depend on is another one: those, and no others, are.
    let check = |name: &str, builder: &dyn Fn() -> PlanBuilder, expected: &[usize]| {
        let changed = TEXTS.iter().enumerate().filter(|(i, text)| print_of(builder(), text) != prints[*i]);
        assert_eq!(changed.map(|(i, _)| i).collect::<Vec<_>>(), expected, "{name}");
    };
    check("zone", &|| plain().default_zone(Zone::named("Asia/Tokyo").unwrap()), &[5, 13, 16, 20, 22]);
    check("gap", &|| plain().session_gap(Duration::minutes(5)), &[12]);
    let parts = || {
        let mut builder = plain();
        builder.parts_max = 3;
        builder
    };
    check("parts", &parts, &[14]);
    let schema_changes: [SchemaChange<'_>; 5] = [
        ("property", &|s| _ = s.property("view", "due", Kind::String), &[8]),
        ("attribute", &|s| _ = s.attribute("born", Kind::Instant), &[22]),
        ("half-life", &|s| _ = s.affinity("sku", Duration::days(8), Some(&[("view", 1.0)])), &[10]),
        ("weight", &|s| _ = s.affinity("sku", Duration::days(7), Some(&[("view", 2.0)])), &[10]),
        ("rule", &|s| _ = s.affinity("city", Duration::days(9), None), &[11]),
    ];
    for (name, change, expected) in schema_changes {
        check(name, &|| with(change), expected);
    }
    let inner = || Plan::builder(schema()).segment("inner", None, "did(view where price > 4 in 3d)");
    check("reference", &inner, &[15]);
}
