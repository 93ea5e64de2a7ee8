//! What one segment of each kind costs a user whose window holds many events.

use crate::{Figures, rules};
use bespoke::definitions::Definitions;
use bespoke::engine::Partition;
use bespoke::model::{Duration, Message};
use fastrand::Rng;
use std::error::Error;

/// In the window, and as many before it.
const EVENTS: [usize; 3] = [100, 1_000, 10_000];
const MESSAGES: usize = 300;
const RULES: [&str; 27] = [
    "count(view in 60d) = 700",
    "sum(view.price in 60d) > 1000",
    "sum(view.price in 60d) < budget",
    "sum(view.price in this month) > budget",
    "avg(view.price in 60d) > 100",
    "max(view.price in 60d) >= 1000",
    "max(view.price in 60d) < 1000",
    "distinct(view.category in 60d) >= 20",
    "distinct(view.sku in 60d) >= 1000000",
    "active_days(view in 60d) >= 10",
    "streak(view in 60d) >= 20",
    "last(view.category in 60d) = \"c1\"",
    "median(view.price in 60d) > 100",
    "stddev(view.price in 60d) > 10",
    "mode(view.category in 60d) = \"c1\"",
    "count(view in 60d) > count(buy in 60d)",
    "sum(view.price in 60d) / count(view in 60d) > 100",
    "avg(view.price in 7d) > 1.2 * avg(view.price in 60d)",
    "max(view.price in 60d) - min(view.price in 60d) > 100",
    "sequence(view, not buy) in 60d",
    "sequence(view, buy) in 60d",
    "sequence(view where price > 50, buy within 3h, view where price < 30 within 1d) in 60d",
    "affinity(\"category\", \"c1\") > 0.5",
    "some sku: (count(view in 60d) >= 3)",
    "some sku: (did(view in 60d) and not did(buy in 60d))",
    "{ by = \"sku\", when = \"count(view in 60d) >= 3\" }",
    "{ by = \"category\", when = \"count(view in 60d) >= 3\" }",
];

fn event(rng: &mut Rng) -> Message {
    Message::track("ada", if rng.u32(0..10) == 0 { "buy" } else { "view" })
        .with("sku", format!("s{}", rng.u32(0..100_000)))
        .with("category", format!("c{}", rng.u32(0..30)))
        .with("price", f64::from(rng.u32(100..20_000)) / 100.0)
}

/// The median of messages of a user, in microseconds, with what their coming makes due.
fn median(rule: &str, events: usize) -> Result<f64, Box<dyn Error>> {
    let one = if rule.starts_with('{') { rule.to_owned() } else { format!("'{rule}'") };
    let text = format!(
        "version = 1
        [attributes]
        budget = \"number\"
        [events.view]
        sku = \"string\"
        category = \"string\"
        price = \"number\"
        [events.buy]
        sku = \"string\"
        [segments]
        all = 'did(view in 60d) and did(buy in 60d)'
        one = {one}"
    );
    let mut partition = Partition::new(&Definitions::from_toml(&text)?);
    let (rng, mut now) = (&mut Rng::with_seed(7), rules::now());
    partition.ingest(&Message::identify("ada").with("budget", 120), now)?;
    let between = Duration::from_millis(Duration::days(60).as_millis() / events as i64);
    let mut times = Vec::with_capacity(MESSAGES);
    for number in 0..2 * events + MESSAGES {
        now = now + between;
        let message = event(rng);
        let start = std::time::Instant::now();
        let outcome = partition.ingest(&message, now)?;
        if number >= 2 * events {
            times.push(start.elapsed().as_secs_f64() * 1e6);
        }
        drop(outcome);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[MESSAGES / 2])
}

pub(crate) fn by_aggregate() -> Result<Figures, Box<dyn Error>> {
    let title = "A message of a user with so many events in the window of one segment";
    let mut figures = Figures::new(title, ["events", "µs"]);
    for rule in RULES {
        for events in EVENTS {
            let median = median(rule, events)?;
            figures.note(rule, 1, events, median);
            figures.add(rule, events, median);
        }
    }
    Ok(figures)
}
