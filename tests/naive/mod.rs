//! # naive: the segment language, recomputed from nothing each time
//! The twin of the incremental engine for property tests: it evaluates every segment of every user
//! at every instant at which anything could change, and reports the differences. Shares no code
//! with the engine and knows only the text of the specification.
//!
//! [`generate::scenario`] makes a [`Scenario`] from a seed, [`changes`] says what must happen in it.
//!
//! Invariant of scenarios: all instants, durations and offsets of zones are multiples of
//! `Scenario::grid`, so truth changes only at a multiple of it or one millisecond after.

#![allow(clippy::panic)] // a twin that meets what it does not know must stop the test

pub(crate) mod aggregate;
pub(crate) mod ast;
pub(crate) mod clock;
pub(crate) mod conditions;
pub(crate) mod eval;
pub(crate) mod events;
pub(crate) mod frame;
pub(crate) mod generate;
pub(crate) mod history;
pub(crate) mod render;
pub(crate) mod toml;
pub(crate) mod value;

#[cfg(test)]
mod tests;

use ast::{Definitions, Millis, Segment};
use history::{History, Key};
use std::collections::{BTreeMap, BTreeSet};

/// Definitions and messages to run the engine over.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    /// The definitions as TOML text.
    pub(crate) definitions: String,
    /// JSON lines in order of arrival, each with a timestamp.
    pub(crate) messages: Vec<String>,
    /// How far to advance after the last message.
    pub(crate) until: Millis,
    /// Truth changes only at its multiples and one millisecond after them.
    pub(crate) grid: i64,
    /// What `definitions` says.
    pub(crate) tree: Definitions,
}

/// A membership that began or ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// When, by the engine's clock.
    pub(crate) at: Millis,
    /// Whose.
    pub(crate) user: String,
    /// Of which segment.
    pub(crate) segment: String,
    /// For which key, where the segment is keyed.
    pub(crate) key: Option<Key>,
    /// `false`: left.
    pub(crate) entered: bool,
}

/// Every change of a scenario, in the order in which they happen (§6).
pub(crate) fn changes(scenario: &Scenario) -> Vec<Change> {
    changes_of(scenario, &|_| true)
}

/// The changes of the chosen segments only.
fn changes_of(scenario: &Scenario, chosen: &dyn Fn(&Segment) -> bool) -> Vec<Change> {
    let mut watch = Watch::new(&scenario.tree, chosen);
    let mut clock: Option<Millis> = None;
    for line in &scenario.messages {
        let message = history::read(line);
        let now = clock.map_or(message.at, |clock| clock.max(message.at));
        for at in polls(clock.unwrap_or(now), now, scenario.grid).filter(|at| *at < now) {
            watch.evaluate(at);
        }
        watch.history.apply(&scenario.tree, &message);
        watch.evaluate(now);
        clock = Some(now);
    }
    if let Some(clock) = clock {
        polls(clock, scenario.until, scenario.grid).for_each(|at| watch.evaluate(at));
    }
    watch.changes
}

/// Instants after `from` and up to `to` at which truth can change.
fn polls(from: Millis, to: Millis, grid: i64) -> impl Iterator<Item = Millis> {
    let first = from.div_euclid(grid);
    let lines = (first..=to.div_euclid(grid)).map(move |n| n * grid);
    lines.flat_map(|line| [line, line + 1]).filter(move |at| from < *at && *at <= to)
}

/// Memberships as they were when last looked at.
struct Watch<'a> {
    definitions: &'a Definitions,
    chosen: &'a dyn Fn(&Segment) -> bool,
    history: History,
    members: BTreeMap<(String, usize), BTreeSet<Option<Key>>>,
    changes: Vec<Change>,
}

impl<'a> Watch<'a> {
    fn new(definitions: &'a Definitions, chosen: &'a dyn Fn(&Segment) -> bool) -> Self {
        Watch {
            definitions,
            chosen,
            history: History::default(),
            members: BTreeMap::new(),
            changes: Vec::new(),
        }
    }

    /// Compares all memberships at an instant with those before.
    fn evaluate(&mut self, at: Millis) {
        for (id, user) in &self.history.users {
            let segments = self.definitions.segments.iter().enumerate();
            for (number, segment) in segments.filter(|(_, segment)| (self.chosen)(segment)) {
                let members = eval::members(self.definitions, user, segment, at);
                let members: BTreeSet<Option<Key>> = members.into_iter().collect();
                let before = self.members.entry((id.clone(), number)).or_default();
                for key in before.symmetric_difference(&members) {
                    self.changes.push(Change {
                        at,
                        user: id.clone(),
                        segment: segment.name.clone(),
                        key: key.clone(),
                        entered: members.contains(key),
                    });
                }
                *before = members;
            }
        }
    }
}
