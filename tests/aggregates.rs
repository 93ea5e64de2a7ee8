//! Aggregates at their edges: of nothing, and how long what they say is waited for.
#![allow(clippy::unwrap_used)] // a test may stop at what should not be

use bespoke::definitions::Definitions;
use bespoke::engine::Partition;
use bespoke::model::{Duration, Instant, Message};

fn now() -> Instant {
    Instant::from_millis(1_790_000_000_000)
}

fn partition(rule: &str) -> Partition {
    let text = format!(
        "version = 1
        [attributes]
        budget = \"number\"
        [events.view]
        amount = \"number\"
        [events.buy]
        amount = \"number\"
        [segments]
        s = '{rule}'"
    );
    Partition::new(&Definitions::from_toml(&text).unwrap())
}

#[test]
fn of_nothing_there_is_no_value_and_that_is_another_one() {
    let aggregates =
        ["median(view.amount in 1d)", "percentile(view.amount in 1d, 90)", "avg(view.amount in 1d)"];
    let more = ["min(view.amount in 1d)", "max(view.amount in 1d)", "last(view.amount in 1d)"];
    for aggregate in aggregates.into_iter().chain(more) {
        for number in ["3", "budget"] {
            for (comparison, holds) in
                [("!=", true), ("=", false), ("<", false), ("<=", false), (">", false), (">=", false)]
            {
                let rule = format!("did(view in 1d) and {aggregate} {comparison} {number}");
                let mut partition = partition(&rule);
                partition.ingest(&Message::identify("ada").with("budget", 3), now()).unwrap();
                // An event without the number.
                partition.ingest(&Message::track("ada", "view"), now()).unwrap();
                assert_eq!(partition.is_member("ada", "s"), holds, "{rule}");
            }
        }
    }
}

#[test]
fn nobody_is_looked_at_before_anything_can_change() {
    // Three events, an hour apart; hours after the first of them, until which it stays for sure, and at which it changes.
    let cases = [
        ("did(view in 30d) != did(buy in 30d)", Some(722), Some(722)),
        ("last(view.amount in 30d) = 2", Some(722), Some(722)),
        ("last(view.amount in 30d) != budget", Some(722), None),
        ("last(view.amount in 30d) < budget", Some(722), Some(722)),
        ("first(view.amount in 30d) = 1", Some(720), Some(720)),
        ("sum(view.amount in 30d) > budget", Some(721), Some(721)),
        ("budget < sum(view.amount in 30d)", Some(721), Some(721)),
        ("sum(view.amount in 30d) >= sum(view.amount in 40d)", Some(720), Some(720)),
        ("max(view.amount in 30d) >= 2", Some(722), Some(722)),
        ("max(view.amount in 30d) >= budget", Some(721), Some(721)),
        ("min(view.amount in 30d) < budget", Some(722), Some(722)),
        ("avg(view.amount in 30d) <= 2", Some(720), Some(720)),
        ("median(view.amount in 30d) = 2", Some(720), Some(722)),
        ("count(view in 30d) = 3", Some(720), Some(720)),
        ("active_days(view in 30d) < budget", None, None),
        ("distinct(view.amount in 30d) < 4", None, None),
        ("distinct(view.amount in 30d) >= budget", Some(720), Some(720)),
    ];
    for (rule, stays, changes) in cases {
        let mut partition = partition(rule);
        partition.ingest(&Message::identify("ada").with("budget", 3), now()).unwrap();
        for (hour, amount) in [(0, 1), (1, 3), (2, 2)] {
            let event = Message::track("ada", "view").with("amount", amount);
            partition.ingest(&event, now() + Duration::hours(hour)).unwrap();
        }
        assert!(partition.is_member("ada", "s"), "{rule}");
        let expression = partition.expression(rule).unwrap();
        let answer = partition.evaluate(&expression, "ada", now() + Duration::hours(2)).unwrap();
        let at = |hours: Option<i64>| hours.map(|hours| now() + Duration::hours(hours));
        assert_eq!((answer.holds, answer.until), (true, at(stays)), "{rule}");
        let mut leaves = Vec::new();
        for hour in 3..800 {
            let outcome = partition.advance(now() + Duration::hours(hour));
            leaves.extend(outcome.changes.into_iter().map(|change| change.at));
        }
        assert_eq!(leaves.first().copied(), at(changes), "{rule}");
    }
}

#[test]
fn events_may_have_many_properties() {
    let number = 0..254;
    let mut text = String::from("version = 1\n[events.view]\n");
    number.clone().for_each(|n| text.push_str(&format!("p{n} = \"number\"\n")));
    text.push_str("[segments]\n");
    number.clone().for_each(|n| text.push_str(&format!("s{n} = 'sum(view.p{n} in 1d) > 5'\n")));
    let mut partition = Partition::new(&Definitions::from_toml(&text).unwrap());
    for n in number {
        let event = Message::track("ada", "view").with(format!("p{n}"), 6);
        let changes = partition.ingest(&event, now()).unwrap().changes;
        assert_eq!(changes.len(), 1, "p{n}");
        assert_eq!(&*changes[0].segment, format!("s{n}"));
    }
}
