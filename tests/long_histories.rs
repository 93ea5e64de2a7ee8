//! Users with thousands of events, kept for different times: what is maintained is what an expression says that is asked
//! once, which knows nothing of what was worked out before.

use bespoke::definitions::Definitions;
use bespoke::engine::Partition;
use bespoke::model::{Duration, Instant, Message};
use std::fmt::Write;

const KINDS: [&str; 4] = ["view", "search", "buy", "share"];
/// Each kind is looked back at for another time, so that rows go from everywhere in a history.
const WINDOWS: [&[&str]; 4] = [&["1d", "40d"], &["6h", "1d"], &["5d", "80d"], &["2d", "9d"]];

/// Segments that are kept by cart.
const KEYED: &str = r#"
[segments]
k0 = { by = "cart", when = 'count(view in 40d) >= 2' }
k1 = { by = "cart", when = 'did(buy in 80d) and not did(share in 9d)' }
k2 = { by = "cart", when = 'now - last(view in 1d) > 3h' }
k3 = { by = "cart", when = 'sum(buy.amount in 5d) > budget' }
"#;

fn rules(dice: &mut fastrand::Rng) -> Vec<String> {
    (0..120)
        .map(|_| {
            let kind = dice.usize(0..KINDS.len());
            let (event, window) = (KINDS[kind], WINDOWS[kind][dice.usize(0..2)]);
            let filter = match dice.u32(0..4) {
                0 => String::new(),
                1 => format!(" where amount > {}", dice.u32(1..60)),
                2 => format!(" where sku = \"s{}\" and amount < {}", dice.u32(0..5), dice.u32(1..60)),
                _ => format!(" where sku = \"s{}\"", dice.u32(0..5)),
            };
            let events = format!("{event}{filter} in {window}");
            let events_of_amount = format!("{event}.amount{filter} in {window}");
            let other = KINDS[(kind + 1) % KINDS.len()];
            match dice.u32(0..39) {
                0 => format!("did({events})"),
                1 => format!("count({events}) >= {}", dice.u32(2..30)),
                2 => format!("sum({event}.amount{filter} in {window}) > {}", dice.u32(50..900)),
                3 => format!("avg({event}.amount{filter} in {window}) > 30"),
                4 => format!("max({event}.amount{filter} in {window}) >= {}", dice.u32(40..60)),
                5 => format!("distinct({event}.sku{filter} in {window}) >= {}", dice.u32(2..6)),
                6 => format!("now - last({events}) > 3h"),
                7 => format!("sum({event}.amount{filter} in {window}) < {}", dice.u32(500..5_000)),
                8 => format!("avg({event}.amount{filter} in {window}) < 29.5"),
                9 => format!("min({event}.amount{filter} in {window}) > {}", dice.u32(1..6)),
                10 => format!("max({event}.amount{filter} in {window}) < {}", dice.u32(50..60)),
                11 => format!("active_days({events}) > {}", dice.u32(1..40)),
                13 => format!("sum({events_of_amount}) {} budget", ["<", ">="][dice.usize(0..2)]),
                14 => format!("budget < avg({events_of_amount})"),
                15 => format!("count({events}) > count({other} in {window})"),
                16 => format!("sum({events_of_amount}) >= sum({other}.amount in {window})"),
                17 => format!("last({event}.sku{filter} in {window}) = \"s1\""),
                18 => format!("first({event}.amount{filter} in {window}) > 30"),
                23 => format!("median({events_of_amount}) >= {}", dice.u32(20..40)),
                31 => format!("percentile({events_of_amount}, 75) < budget / 40"),
                24 => format!("percentile({events_of_amount}, {}) = {}", dice.u32(1..99), dice.u32(1..60)),
                19 => format!("streak({events}) >= {}", dice.u32(1..9)),
                20 => format!("sequence({event}{filter}, not {other}) in {window}"),
                21 => {
                    format!("sequence({event}{filter}, {other} within 2h, not {event} within 1h) in {window}")
                }
                22 => format!("sequence({other}, not {event}{filter}, {other}) in {window}"),
                32 => format!("sequence({event}{filter}, {other}, {event}, {other}{filter}) in {window}"),
                33 => format!(
                    "sequence({other}, {event}{filter} within 3h, {other} within 4h, not {event}) in {window}"
                ),
                34 => format!(
                    "sequence({event}, not {other} within 1h, {event}{filter}, not {other} within 2h)"
                ),
                35 => format!("avg({events_of_amount}) > 1.1 * avg({event}.amount{filter} in 40d)"),
                36 => format!("sum({events_of_amount}) / count({events}) > {}", dice.u32(20..40)),
                37 => {
                    format!("sum({events_of_amount}) - 2 * sum({other}.amount in {window}) < -0.5 * budget")
                }
                38 => format!(
                    "max({events_of_amount}) - min({events_of_amount}) * 3 >= avg({events_of_amount})"
                ),
                30 => format!(
                    "stddev({events_of_amount}) {} {}",
                    [">", "<="][dice.usize(0..2)],
                    dice.u32(10..20)
                ),
                25 => format!("max({events_of_amount}) - min({events_of_amount}) > {}", dice.u32(50..59)),
                26 => format!("some cart: (count({events}) >= {})", dice.u32(2..5)),
                27 => format!("some cart: (did({events}) and not did({other} in {window}))"),
                28 => format!(
                    "some cart: (sum({events_of_amount}) > {} or active_days({events}) > 3)",
                    dice.u32(90..190)
                ),
                29 => format!("segment(\"k{}\") and did({events})", dice.u32(0..4)),
                12 => format!("distinct({event}.amount{filter} in {window}) >= {}", dice.u32(20..200)),
                _ => format!("count({events}) = {}", dice.u32(1..9)),
            }
        })
        .collect()
}

#[test]
fn what_is_kept_up_is_what_is_asked_once() {
    let mut changes = 0;
    for seed in 0..4 {
        let dice = &mut fastrand::Rng::with_seed(seed);
        let mut text = String::from("version = 1\n[attributes]\nbudget = \"number\"\n");
        for kind in KINDS {
            let _ =
                writeln!(text, "[events.{kind}]\nsku = \"string\"\ncart = \"number\"\namount = \"number\"");
        }
        text.push_str(KEYED);
        let mut rules = rules(dice);
        rules.extend((0..4).map(|number| format!("segment(\"k{number}\")")));
        for (number, rule) in rules.iter().enumerate() {
            let _ = writeln!(text, "s{number} = '{rule}'");
        }
        let definitions = Definitions::from_toml(&text).unwrap_or_else(|errors| panic!("{errors}"));
        let mut partition = Partition::new(&definitions);
        let mut now = Instant::from_millis(1_790_000_000_000);
        for n in 0..3_000 {
            now = now + Duration::from_millis(dice.i64(0..3_600_000));
            let late = if dice.u32(0..100) == 0 { Duration::hours(dice.i64(0..50)) } else { Duration::ZERO };
            let event = Message::track("ada", KINDS[dice.usize(0..KINDS.len())])
                .with("sku", format!("s{}", dice.u32(0..5)))
                .at(now - late);
            // Most carts have one event or two; there are more than live parts may be.
            let cart = dice.i64(n / 3..n / 3 + 4);
            let event = match dice.u32(0..9) {
                0 => event,
                1 => event.with("cart", cart as f64),
                _ => event.with("cart", cart),
            };
            // Sums of whole numbers are the same in any order, those of others are not.
            let amount = if dice.u32(0..20) == 0 { dice.i64(-900..900) } else { dice.i64(100..6_000) };
            let event = match seed % 2 {
                _ if dice.u32(0..12) == 0 => event,
                0 => event.with("amount", amount / 100),
                _ => event.with("amount", amount as f64 / 100.0),
            };
            changes += partition.ingest(&event, now).unwrap().changes.len();
            if dice.u32(0..50) == 0 {
                let budget = Message::identify("ada").with("budget", dice.i64(1..3_000));
                changes += partition.ingest(&budget, now).unwrap().changes.len();
            }
            if n % 7 == 0 {
                // What time alone changes is there before anything else comes.
                now = now + Duration::from_millis(dice.i64(0..7_200_000));
                changes += partition.advance(now).changes.len();
            }
            if n % 63 == 0 || n > 2_980 {
                for (number, rule) in rules.iter().enumerate() {
                    let asked = partition.expression(rule).unwrap();
                    let answer = partition.evaluate(&asked, "ada", now).unwrap();
                    let own = partition.is_member("ada", &format!("s{number}"));
                    assert_eq!(own, answer.holds, "seed {seed}, event {n}: {rule}");
                }
            }
        }
    }
    assert!(changes > 2_000, "{changes}");
}
