//! Aggregates over numbers that floats hold badly or not at all, beside many thresholds and few: after each message a
//! user is in a segment exactly if its rule holds, asked anew.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

use bespoke::definitions::Definitions;
use bespoke::engine::Partition;
use bespoke::model::{Duration, Instant, Message, Value};
use fastrand::Rng;
use std::fmt::Write;

/// From here on floats leave whole numbers out.
const EXACT: i64 = 1 << 53;

fn amount(rng: &mut Rng) -> Option<Value> {
    const INTS: [i64; 12] =
        [0, 1, 2, -1, 7, 1 << 47, 1 << 48, EXACT, EXACT + 1, -EXACT - 1, i64::MAX, i64::MIN];
    // Two of the greatest are infinite together, and with their opposites no number.
    const FLOATS: [f64; 11] =
        [0.1, 0.2, 0.3, -0.5, -0.0, 5e-324, 1e300, -1e300, 9.007_199_254_740_993e15, f64::MAX, f64::MIN];
    match rng.u32(0..8) {
        0 => None,
        // Most are small, or sums would always be far away from what they are compared with.
        1..=3 => Some(Value::Float(FLOATS[rng.usize(0..3)])),
        4 => Some(Value::Float(FLOATS[rng.usize(0..FLOATS.len())])),
        5 => Some(Value::Int(INTS[rng.usize(0..INTS.len())])),
        _ => Some(Value::Int(INTS[rng.usize(0..5)])),
    }
}

fn rules() -> Vec<String> {
    let thresholds = ["-1", "0", "0.1", "0.30000000000000004", "0.6", "1", "9007199254740992", "1e300"];
    let mut rules = Vec::new();
    for window in ["", " in 10m", " in 1h", " where amount > 0 in 1h", " where amount < 1 in 2h"] {
        for op in ["sum", "avg", "min", "max"] {
            for comparison in [">", "<="] {
                // All of them are many for one aggregate, and those of one comparison few.
                let some = if op == "sum" || op == "avg" { &thresholds[..] } else { &thresholds[2..5] };
                rules.extend(
                    some.iter().map(|number| format!("{op}(pay.amount{window}) {comparison} {number}")),
                );
            }
        }
        rules.extend((1..4).map(|count| format!("distinct(pay.amount{window}) >= {count}")));
        rules.push(format!("max(pay.amount{window}) >= 9007199254740993"));
        rules.push(format!("distinct(pay.due{window}) > 1 and min(pay.due{window}) < @2030-01-01"));
    }
    rules
}

#[test]
fn memberships_are_what_rules_say_of_odd_numbers() {
    let rules = rules();
    let mut text =
        String::from("version = 1\n[events.pay]\namount = \"number\"\ndue = \"instant\"\n[segments]\n");
    for (number, rule) in rules.iter().enumerate() {
        writeln!(text, "s{number} = '{rule}'").unwrap();
    }
    let definitions = Definitions::from_toml(&text).unwrap();
    let mut changes = 0;
    for seed in 0..12 {
        let rng = &mut Rng::with_seed(seed);
        let mut partition = Partition::new(&definitions);
        let asked: Vec<_> = rules.iter().map(|rule| partition.expression(rule).unwrap()).collect();
        let mut now = Instant::from_millis(1_790_000_000_000);
        for input in 0..60 {
            now = now + Duration::minutes(rng.i64(0..20));
            let mut message = Message::track("ada", "pay");
            if let Some(amount) = amount(rng) {
                message = message.with("amount", amount);
            }
            if rng.bool() {
                message = message.with("due", Value::Instant(now + Duration::hours(rng.i64(0..3))));
            }
            // Some come late.
            if rng.u32(0..10) == 0 {
                message = message.at(now - Duration::minutes(rng.i64(0..90)));
            }
            changes += partition.ingest(&message, now).unwrap().changes.len();
            for ((number, rule), asked) in rules.iter().enumerate().zip(&asked) {
                let holds = partition.evaluate(asked, "ada", now).unwrap().holds;
                let is_member = partition.is_member("ada", &format!("s{number}"));
                assert_eq!(is_member, holds, "seed {seed}, input {input}: {rule}, {message:?}");
            }
        }
    }
    assert!(changes > 5_000, "{changes} changes prove little");
}

/// Floats leave out every second whole number here, and a sum of them would stand still where one is added.
#[test]
fn a_sum_of_whole_numbers_is_exact_however_large() {
    let large = (1_i64 << 47) - 1;
    let sum = 66 * large;
    assert!(sum > EXACT);
    let rule = format!("sum(pay.amount in 1h) > {}", sum + 5);
    let text = format!("version = 1\n[events.pay]\namount = \"number\"\n[segments]\nrich = '{rule}'\n");
    let mut partition = Partition::new(&Definitions::from_toml(&text).unwrap());
    let start = Instant::from_millis(1_790_000_000_000);
    for (number, amount) in (0..).zip(std::iter::repeat_n(large, 66).chain([1; 10])) {
        let now = start + Duration::seconds(number);
        partition.ingest(&Message::track("ada", "pay").with("amount", amount), now).unwrap();
        assert_eq!(partition.is_member("ada", "rich"), number >= 66 + 5, "after {number}");
    }
}

/// Events without the number are waited for by nobody: a comparison with the least or greatest flips when those with one
/// leave, and again when none is left.
#[test]
fn least_and_greatest_wait_for_events_with_the_number_alone() {
    let at = |minutes: i64| Instant::from_millis(1_790_000_000_000) + Duration::minutes(minutes);
    for (condition, first, second, expected) in [
        ("max(view.amount in 2h) < 2.5", 5.0, 1.0, &["120 entered s", "130 left s"][..]),
        ("max(view.amount in 2h) <= 1", 5.0, 1.0, &["120 entered s", "130 left s"]),
        ("min(view.amount in 2h) > 2.5", 1.0, 5.0, &["120 entered s", "130 left s"]),
        ("not (min(view.amount in 2h) > 2.5)", 1.0, 5.0, &["120 left s", "130 entered s"]),
        ("max(view.amount in 2h) > 2.5", 5.0, 1.0, &["120 left s"]),
    ] {
        for others in [0, 1, 3] {
            let text =
                format!("version = 1\n[events.view]\namount = 'number'\n[segments]\ns = '{condition}'");
            let mut partition = Partition::new(&Definitions::from_toml(&text).unwrap());
            for (minute, amount) in [(0, first), (10, second)] {
                let message = Message::track("ada", "view").with("amount", amount);
                partition.ingest(&message, at(minute)).unwrap();
            }
            for minute in 0..others {
                partition.ingest(&Message::track("ada", "view"), at(20 + minute)).unwrap();
            }
            let told: Vec<String> = partition
                .advance(at(1_000))
                .changes
                .iter()
                .map(|change| {
                    let words = change.to_string().replace("ada ", "");
                    format!("{} {words}", (change.at - at(0)).as_millis() / 60_000)
                })
                .collect();
            assert_eq!(told, expected, "{condition}, {others} without a number");
        }
    }
}

fn start() -> Instant {
    Instant::from_millis(1_790_000_000_000)
}

fn partition(rules: &[&str]) -> Partition {
    let mut text = String::from(
        "version = 1\n[attributes]\ndue = \"instant\"\n[events.view]\nany = \"list\"\n[segments]\n",
    );
    for (number, rule) in rules.iter().enumerate() {
        let _ = writeln!(text, "s{number} = '{rule}'");
    }
    Partition::new(&Definitions::from_toml(&text).unwrap_or_else(|errors| panic!("{errors}")))
}

#[test]
fn the_last_day_of_all_stands_for_never() {
    let mut partition =
        partition(&["due > now", "due is present and due < now", "due > @2999-01-01", "now < @9999-12-31"]);
    for (due, expected) in [
        ("9999-12-31T23:59:59Z", &["s0", "s2", "s3"][..]),
        ("0001-01-01T00:00:00Z", &["s1", "s3"]),
        ("9999-12-29T00:00:00Z", &["s0", "s2", "s3"]),
    ] {
        partition.ingest(&Message::identify("ada").with("due", due), start()).unwrap();
        let segments = partition.segments("ada");
        assert_eq!(segments.keys().map(|name| &**name).collect::<Vec<_>>(), expected, "{due}");
    }
}

/// They stay the longest there is, so that what holds goes on to hold, and what does not is told at its instant.
#[test]
fn durations_that_no_number_holds_flip_nothing() {
    let rules = [
        "(now - last(view)) * 9000000000000 > 1h",
        "(now - due) * 4611686018427387904 < 1h",
        "now + (now - last(view)) * 1000000000000 > due",
        "(due - now) * 1e18 > 1h",
        "-((due - now) * 1000000000000000) > 1h",
        "(due - now) * 1000000000000 < 2h",
    ];
    let mut partition = partition(&rules);
    let due = start() + Duration::hours(3);
    partition.ingest(&Message::identify("ada").with("due", due), start()).unwrap();
    partition.ingest(&Message::track("ada", "view"), start()).unwrap();
    let mut changes = 0;
    for minutes in [0, 1, 59, 60, 61, 179, 180, 181, 400, 100_000] {
        for before in [-1, 0, 1] {
            let now =
                (start() + Duration::minutes(minutes) + Duration::from_millis(before)).max(partition.clock());
            changes += partition.advance(now).changes.len();
            for (number, rule) in rules.iter().enumerate() {
                let asked = partition.expression(rule).unwrap();
                let holds = partition.evaluate(&asked, "ada", now).unwrap().holds;
                assert_eq!(partition.is_member("ada", &format!("s{number}")), holds, "{now}: {rule}");
            }
        }
    }
    assert!((4..20).contains(&changes), "{changes}");
}

#[test]
fn lists_are_the_same_where_their_numbers_are() {
    let rules = [
        "distinct(view.any in 1d) = 2",
        "mode(view.any in 1d) = [1, 2]",
        "count(view where any = [1, 2] in 1d) = 2",
    ];
    let mut partition = partition(&rules);
    let list = |numbers: &[f64], is_whole: bool| {
        let number = |x: &f64| if is_whole { Value::Int(*x as i64) } else { Value::Float(*x) };
        Value::List(numbers.iter().map(number).collect())
    };
    for any in [list(&[1.0, 2.0], true), list(&[2.0, 1.0], true), list(&[1.0, 2.0], false)] {
        partition.ingest(&Message::track("ada", "view").with("any", any), start()).unwrap();
    }
    for (number, rule) in rules.iter().enumerate() {
        assert!(partition.is_member("ada", &format!("s{number}")), "{rule}");
    }
}

/// A number of events beside one that no number of events is, alone and with others that it is compared with.
#[test]
fn counts_beside_fractions() {
    for (segments, expected) in [
        ("x = 'count(a) between 1 and 2.25'", [true, true, false]),
        ("y = 'count(a) >= 2'\nx = 'count(a) <= 2.25'", [true, true, false]),
        ("x = 'count(a) <= 2.25'\ny = 'count(a) >= 2'", [true, true, false]),
        ("y = 'count(a) >= 3'\nx = 'count(a) > 0.4'", [true, true, true]),
        ("y = 'count(a in 10m) >= 2'\nx = 'count(a in 10m) > 1.4'", [false, true, true]),
        ("y = 'count(a) >= 2'\nx = 'count(a) > 2.0'", [false, false, true]),
        ("y = 'count(a) >= 2'\nx = 'not (count(a) < 1.5)'", [false, true, true]),
        ("y = 'did(a)'\nx = 'count(a) >= -0.5'", [true, true, true]),
        ("y = 'count(a) > 1'\nx = 'count(a) > 9223372036854775807'", [false, false, false]),
        ("y = 'count(a) > 1'\nx = 'count(a) <= 1e300'", [true, true, true]),
        ("y = 'distinct(a.k) >= 2'\nx = 'distinct(a.k) > 1.4'", [false, true, true]),
        ("y = 'count(a in this month) >= 2'\nx = 'count(a in this month) < 2.5'", [true, true, false]),
    ] {
        let text = format!("version = 1\n[events.a]\nk = \"number\"\n[segments]\n{segments}\n");
        let mut partition = Partition::new(&Definitions::from_toml(&text).unwrap());
        let start: Instant = "2026-11-23T10:00:00Z".parse().unwrap();
        let held = [0, 1, 2].map(|n| {
            let now = start + Duration::minutes(n);
            partition.ingest(&Message::track("ada", "a").with("k", n), now).unwrap();
            partition.is_member("ada", "x")
        });
        assert_eq!(held, expected, "{segments}");
    }
}
