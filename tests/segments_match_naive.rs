//! Every membership change of random definitions over random messages, to the millisecond, compared with an
//! evaluator that knows only the text of the specification and recomputes everything each time.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

mod naive;

use bespoke::definitions::Definitions;
use bespoke::engine::Partition;
use bespoke::model::{Instant, Message};
use naive::history::Key;

/// The engine's changes, a line each.
fn engine_changes(scenario: &naive::Scenario) -> Result<Vec<String>, String> {
    let definitions = Definitions::from_toml(&scenario.definitions).map_err(|errors| errors.to_string())?;
    let mut partition = Partition::new(&definitions);
    let mut changes = Vec::new();
    for line in &scenario.messages {
        let message = Message::from_json(line).map_err(|error| error.to_string())?;
        let now = message.timestamp.unwrap_or(partition.clock()).max(partition.clock());
        changes.extend(partition.ingest(&message, now).map_err(|error| error.to_string())?.changes);
    }
    changes.extend(partition.advance(Instant::from_millis(scenario.until)).changes);
    Ok(changes.iter().map(|change| format!("{} {change}", change.at.as_millis())).collect())
}

fn naive_changes(scenario: &naive::Scenario) -> Vec<String> {
    let shown = |change: &naive::Change| {
        let verb = if change.entered { "entered" } else { "left" };
        let key = match &change.key {
            None => String::new(),
            Some(Key::Number(x)) => format!(" ({x})"),
            Some(Key::Text(text)) => format!(" ({text})"),
        };
        format!("{} {} {verb} {}{key}", change.at, change.user, change.segment)
    };
    naive::changes(scenario).iter().map(shown).collect()
}

/// `SEEDS` asks for more scenarios than the test runs by itself, `FROM` for others.
#[test]
fn every_change_at_its_own_instant() {
    let number =
        |name: &str, default: u64| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    let (from, seeds) = (number("FROM", 0), number("SEEDS", 400));
    let mut changes = 0;
    for seed in from..from + seeds {
        let scenario = naive::generate::scenario(seed);
        let expected = naive_changes(&scenario);
        let found = engine_changes(&scenario)
            .unwrap_or_else(|error| panic!("seed {seed} was refused: {error}\n{}", scenario.definitions));
        let first =
            found.iter().zip(&expected).position(|(a, b)| a != b).unwrap_or(found.len().min(expected.len()));
        assert!(
            found == expected,
            "seed {seed}, change {first}: found {:?}, expected {:?}\n{}\n{}",
            found.get(first),
            expected.get(first),
            scenario.definitions,
            scenario.messages.join("\n")
        );
        changes += expected.len();
    }
    assert!(changes as u64 > seeds, "the scenarios are too quiet to prove anything");
}
