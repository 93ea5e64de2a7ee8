//! # law: what the engine reports is what the twin says
//! The only place that meets the engine. Runs both over one scenario and compares every change; of
//! one that differs it gives the smallest scenario that still does.

use super::history::Key;
use super::{Change, Input, Scenario, changes_and_stays, is_unsure, shrink};
use bespoke::definitions::Definitions;
use bespoke::engine::{self, Partition};
use bespoke::model::{Instant, Message};
use bespoke::segment;

/// What an engine did with a scenario.
#[derive(PartialEq, Eq)]
pub(crate) struct Run {
    /// Its changes, a line each; then who is in which segment since when.
    pub(crate) reports: Vec<String>,
    /// Its state at the end.
    pub(crate) checkpoint: Vec<u8>,
}

/// Runs the engine.
///
/// # Errors
/// Definitions or messages that it refuses, but for ids that may not be joined or taken apart.
pub(crate) fn engine(scenario: &Scenario) -> Result<Run, String> {
    let (partition, changes) = played(scenario)?;
    let mut reports: Vec<String> =
        changes.iter().map(|change| format!("{} {change}", change.at.as_millis())).collect();
    // A visitor's name may be a user's since.
    let is_found = |user: &str| partition.profile(user).is_some_and(|found| found.user == user);
    for user in partition.users().into_iter().filter(|user| is_found(user)) {
        let stays = partition.segments(&user);
        reports.extend(stays.iter().map(|(segment, since)| stay(&user, segment, since.as_millis())));
    }
    let checkpoint = partition.checkpoint().map_err(|error| error.to_string())?;
    Ok(Run { reports, checkpoint })
}

/// The partition at the end of a scenario, and all changes on the way.
///
/// # Errors
/// As [`engine`].
pub(crate) fn played(scenario: &Scenario) -> Result<(Partition, Vec<segment::Change>), String> {
    let definitions = |of| Definitions::from_toml(&scenario.text(of)).map_err(|errors| errors.to_string());
    let mut partition = Partition::new(&definitions(&scenario.definitions)?);
    let mut changes = Vec::new();
    for input in &scenario.inputs {
        let outcome = match input {
            Input::Message(line) => {
                let message = Message::from_json(line).map_err(|error| error.to_string())?;
                let now = message.timestamp.unwrap_or(partition.clock()).max(partition.clock());
                match partition.ingest(&message, now) {
                    Err(engine::Error::Identity(_)) => continue,
                    outcome => outcome.map_err(|error| format!("{line}: {error}"))?,
                }
            }
            Input::Advance(at) => partition.advance(Instant::from_millis(*at)),
            Input::Redefine(at, tree) => partition.redefine(&definitions(tree)?, Instant::from_millis(*at)),
        };
        changes.extend(outcome.changes);
    }
    changes.extend(partition.advance(Instant::from_millis(scenario.until)).changes);
    Ok((partition, changes))
}

/// What the twin says, in the engine's words.
pub(crate) fn expected(scenario: &Scenario) -> Vec<String> {
    let (changes, stays) = changes_and_stays(scenario);
    let stays = stays.iter().map(|s| stay(&s.user, &s.segment, s.since));
    changes.iter().map(told).chain(stays).collect()
}

fn stay(user: &str, segment: &str, since: i64) -> String {
    format!("{user} is in {segment} since {since}")
}

fn told(change: &Change) -> String {
    let verb = if change.entered { "entered" } else { "left" };
    let key = match &change.key {
        None => String::new(),
        Some(Key::Number(x)) => format!(" ({x})"),
        Some(Key::Text(text)) => format!(" ({text})"),
    };
    format!("{} {} {verb} {}{key}", change.at, change.user, change.segment)
}

/// How the engine differs from the twin, if it does; `Err` where it refuses the scenario.
pub(crate) fn difference(scenario: &Scenario) -> Result<Option<String>, String> {
    let (found, expected) = (engine(scenario)?.reports, expected(scenario));
    if found == expected || is_unsure(scenario) {
        return Ok(None);
    }
    let differs = found.iter().zip(&expected).position(|(a, b)| a != b);
    let first = differs.unwrap_or(found.len().min(expected.len()));
    let (found, expected) = (found.get(first), expected.get(first));
    Ok(Some(format!("report {first}: found {found:?}, expected {expected:?}")))
}

/// Holds the law for a scenario and gives how much there was to report.
///
/// # Panics
/// With the smallest scenario that still differs.
pub(crate) fn check(what: &str, scenario: &Scenario) -> usize {
    let differs = difference(scenario)
        .unwrap_or_else(|error| panic!("{what} was refused: {error}\n{}", shrink::shown(scenario)));
    if differs.is_some() {
        let small = shrink::smallest(scenario.clone(), &|s| matches!(difference(s), Ok(Some(_))));
        let difference = difference(&small).ok().flatten().unwrap_or_default();
        panic!("{what}, {difference}\n{}", shrink::shown(&small));
    }
    expected(scenario).len()
}
