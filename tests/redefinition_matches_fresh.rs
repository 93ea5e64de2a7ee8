//! A partition that kept everything and was redefined on the way is, from then on, the one that had the last
//! definitions from the start: the same memberships at once, and the same changes ever after.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

#[allow(dead_code)] // the twin itself is not asked here
mod naive;

use bespoke::definitions::Definitions;
use bespoke::engine::{Outcome, Partition};
use bespoke::model::{Instant, Message};
use fastrand::Rng;
use naive::Input;
use naive::ast::{self, Kind};
use naive::render::Style;
use std::collections::BTreeSet;

/// Segments that look at everything for ever, so that all of it is kept.
fn keepers(of: &ast::Definitions) -> String {
    let mut conditions = BTreeSet::from(["session.number > 0 and did(any in session)".to_owned()]);
    conditions.extend(
        ["page", "screen"].map(|event| format!("did({event} where name is present since @1970-01-01)")),
    );
    conditions.extend(["category", "city"].map(|name| format!("affinity(\"{name}\", \"none\") > 2")));
    if !of.strict {
        conditions.insert("last(unlisted.city since @1970-01-01) is present".to_owned());
    }
    let mut all = vec!["any".to_owned()];
    for (event, properties) in &of.events {
        all.push(format!("`{event}`"));
        for (property, kind) in properties {
            let Kind::Rows(fields) = kind else {
                conditions.insert(format!("last(`{event}`.`{property}` since @1970-01-01) is present"));
                conditions.insert(format!("last(any.`{property}` since @1970-01-01) is present"));
                continue;
            };
            let lines = format!("`{event}`.`{property}`");
            let scalars = properties.iter().filter(|(_, kind)| !matches!(kind, Kind::Rows(_)));
            conditions.extend(
                fields
                    .iter()
                    .map(|(field, _)| format!("last({lines}.`{field}` since @1970-01-01) is present")),
            );
            conditions.extend(
                scalars.map(|(name, _)| {
                    format!("did({lines} where event.`{name}` is present since @1970-01-01)")
                }),
            );
            all.push(lines);
        }
    }
    for path in ["context.device.type", "context.campaign.source"] {
        conditions.extend(
            all.iter().map(|event| format!("did({event} where {path} is present since @1970-01-01)")),
        );
    }
    let line = |(number, condition): (usize, String)| format!("keep{number} = '{condition}'\n");
    conditions.into_iter().enumerate().map(line).collect()
}

fn shown(outcome: Outcome) -> Vec<String> {
    let changes = outcome.changes.iter().filter(|change| !change.segment.starts_with("keep"));
    changes.map(|change| format!("{} {change}", change.at.as_millis())).collect()
}

/// A change as text, without its instant.
fn what(line: &str) -> &str {
    line.split_once(' ').map_or("", |(_, what)| what)
}

/// Who is in what, as the changes say.
fn replay(members: &mut BTreeSet<String>, changes: &[String]) {
    for change in changes {
        match what(change).replacen(" entered ", " in ", 1) {
            entered if entered != what(change) => assert!(members.insert(entered), "{change} again"),
            left => assert!(members.remove(&left.replacen(" left ", " in ", 1)), "{change} from outside"),
        }
    }
}

fn read(text: &str, seed: u64) -> Definitions {
    Definitions::from_toml(text).unwrap_or_else(|errors| panic!("seed {seed}: {errors:#}\n{text}"))
}

fn ingest(partition: &mut Partition, line: &str) -> Vec<String> {
    let message = Message::from_json(line).unwrap();
    let now = message.timestamp.unwrap_or(partition.clock()).max(partition.clock());
    shown(partition.ingest(&message, now).unwrap())
}

/// `SEEDS` asks for more scenarios than the test runs by itself, `FROM` for others.
#[test]
fn redefined_is_as_if_it_had_always_been_so() {
    let number =
        |name: &str, default: u64| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    let (from, seeds) = (number("FROM", 0), number("SEEDS", 150));
    let (mut carried, mut later) = (0, 0);
    for seed in from..from + seeds {
        let rng = &mut Rng::with_seed(seed);
        let mut scenario = naive::generate::scenario(seed);
        let last = naive::toml::definitions(&scenario.definitions, &mut Style::plain());
        // Later segments refer to earlier ones, by their numbers; before, some are there, in another order.
        let known = rng.usize(0..=scenario.definitions.segments.len());
        let is_known = |segment: &ast::Segment| segment.name[1..].parse::<usize>().unwrap() < known;
        scenario.definitions.segments.retain(is_known);
        rng.shuffle(&mut scenario.definitions.segments);
        let keep = keepers(&scenario.definitions);
        let first = naive::toml::definitions(&scenario.definitions, &mut Style::plain()) + &keep;

        let mut redefined = Partition::new(&read(&first, seed));
        let last = read(&last, seed);
        let mut fresh = Partition::new(&last);
        let lines = scenario.inputs.iter().filter_map(|input| match input {
            Input::Message(line) => Some(line.as_str()),
            _ => None,
        });
        // Without visitors, who go on under another name when they are known; so nobody can be split either.
        let is_known =
            |line: &&str| !["anonymousId", "previousId", "\"split\""].iter().any(|word| line.contains(word));
        let messages: Vec<&str> = lines.filter(is_known).collect();
        let turn = rng.usize(0..=messages.len());
        let (mut members, mut expected) = (BTreeSet::new(), BTreeSet::new());
        for line in &messages[..turn] {
            replay(&mut members, &ingest(&mut redefined, line));
            replay(&mut expected, &ingest(&mut fresh, line));
        }
        let now = redefined.clock();
        replay(&mut expected, &shown(fresh.advance(now)));
        let before = members.clone();
        replay(&mut members, &shown(redefined.redefine(&last, now)));
        let context = || format!("seed {seed}\n{first}\n{}\n{}", last.text(), messages.join("\n"));
        assert_eq!(members, expected, "{}", context());
        carried += before.intersection(&members).count();
        for line in &messages[turn..] {
            let (found, wanted) = (ingest(&mut redefined, line), ingest(&mut fresh, line));
            assert!(found == wanted, "{found:?}, expected {wanted:?} at {line}\n{}", context());
            later += wanted.len();
        }
        let until = Instant::from_millis(scenario.until);
        let (found, wanted) = (shown(redefined.advance(until)), shown(fresh.advance(until)));
        assert!(found == wanted, "{found:?}, expected {wanted:?} at the end\n{}", context());
    }
    assert!(
        carried as u64 > seeds / 4 && later as u64 > seeds,
        "{carried} carried and {later} later prove little"
    );
}
