//! # naive: the segment language, recomputed from nothing each time
//! The twin of the incremental engine for property tests: it evaluates every segment of every user
//! at every instant at which anything could change, and reports the differences. Shares no code
//! with the engine and knows only the text of the specification; `law` alone meets the engine.
//!
//! [`generate::scenario`] makes a [`Scenario`] from a seed, [`changes`] says what must happen in it,
//! [`law`] compares that with the engine and makes small what differs.
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
pub(crate) mod identity;
pub(crate) mod inputs;
pub(crate) mod law;
pub(crate) mod message;
pub(crate) mod render;
pub(crate) mod shrink;
pub(crate) mod toml;
pub(crate) mod value;

use ast::{Definitions, Millis, Segment};
use history::{History, Key};
use identity::ProfileId;
use render::Style;
use std::collections::{BTreeMap, BTreeSet};

/// Inputs to run the engine over, and the definitions under which it begins.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    /// In force from the beginning.
    pub(crate) definitions: Definitions,
    /// In order of arrival.
    pub(crate) inputs: Vec<Input>,
    /// How far to advance after the last of them.
    pub(crate) until: Millis,
    /// Truth changes only at its multiples and one millisecond after them.
    pub(crate) grid: i64,
    /// How definitions are written: any way, by a seed; or the shortest.
    pub(crate) style: Option<u64>,
}

/// What happens to an engine.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// A JSON line with a timestamp; the host's `now` is that, or the clock where it is late.
    Message(String),
    /// The host's clock.
    Advance(Millis),
    /// Other definitions from an instant on.
    Redefine(Millis, Definitions),
}

impl Scenario {
    /// All definitions, the first ones first.
    pub(crate) fn all_definitions(&self) -> Vec<&Definitions> {
        let later = self.inputs.iter().filter_map(|input| match input {
            Input::Redefine(_, definitions) => Some(definitions),
            _ => None,
        });
        [&self.definitions].into_iter().chain(later).collect()
    }

    /// One of [`Scenario::all_definitions`].
    pub(crate) fn definitions_mut(&mut self, which: usize) -> &mut Definitions {
        let later = self.inputs.iter_mut().filter_map(|input| match input {
            Input::Redefine(_, definitions) => Some(definitions),
            _ => None,
        });
        let mut all = [&mut self.definitions].into_iter().chain(later);
        all.nth(which).expect("there are so many")
    }

    /// Definitions of this scenario as TOML text.
    pub(crate) fn text(&self, definitions: &Definitions) -> String {
        toml::definitions(definitions, &mut self.style.map_or(Style::plain(), Style::varied))
    }
}

impl Input {
    /// Its own instant.
    pub(crate) fn at(&self) -> Millis {
        match self {
            Input::Message(line) => message::read(line).at,
            Input::Advance(at) | Input::Redefine(at, _) => *at,
        }
    }
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

/// A membership that goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stay {
    /// Whose.
    pub(crate) user: String,
    /// In which segment.
    pub(crate) segment: String,
    /// Since when; of a keyed segment, since when in its longest part.
    pub(crate) since: Millis,
}

/// Every change of a scenario, in the order in which they happen (§6).
pub(crate) fn changes(scenario: &Scenario) -> Vec<Change> {
    run(scenario, &|_| true).changes
}

/// Every change of a scenario; and who is in which segment in the end.
pub(crate) fn changes_and_stays(scenario: &Scenario) -> (Vec<Change>, Vec<Stay>) {
    let watch = run(scenario, &|_| true);
    let stays = watch.stays();
    (watch.changes, stays)
}

/// Whether a scenario has what an engine cannot know for want of what it kept; see [`History::is_unsure`].
pub(crate) fn is_unsure(scenario: &Scenario) -> bool {
    run(scenario, &|_| false).history.is_unsure
}

/// The twin after a scenario, with the changes of the chosen segments only.
fn run<'a>(scenario: &'a Scenario, chosen: &'a dyn Fn(&Segment) -> bool) -> Watch<'a> {
    let mut watch = Watch::new(&scenario.definitions, chosen);
    let mut clock: Option<Millis> = None;
    for input in &scenario.inputs {
        let message = match input {
            Input::Message(line) => Some(message::read(line)),
            Input::Advance(_) | Input::Redefine(..) => None,
        };
        let at = input.at();
        let now = clock.map_or(at, |clock| clock.max(at));
        if message.as_ref().is_some_and(|message| watch.history.refuses(message, now)) {
            continue;
        }
        for at in polls(clock.unwrap_or(now), now, scenario.grid).filter(|at| *at < now) {
            watch.evaluate(at);
        }
        match (input, message) {
            (Input::Redefine(_, definitions), _) => watch.redefine(definitions, now),
            (_, Some(message)) => watch.apply(&message, now),
            _ => {
                watch.history.settle(now, watch.definitions.gap());
                watch.evaluate(now);
            }
        }
        clock = Some(now);
    }
    if let Some(clock) = clock {
        polls(clock, scenario.until, scenario.grid).for_each(|at| watch.evaluate(at));
    }
    watch
}

/// Instants after `from` and up to `to` at which truth can change.
pub(crate) fn polls(from: Millis, to: Millis, grid: i64) -> impl Iterator<Item = Millis> {
    let first = from.div_euclid(grid);
    let lines = (first..=to.div_euclid(grid)).map(move |n| n * grid);
    lines.flat_map(|line| [line, line + 1]).filter(move |at| from < *at && *at <= to)
}

/// Memberships as they were when last looked at.
struct Watch<'a> {
    definitions: &'a Definitions,
    chosen: &'a dyn Fn(&Segment) -> bool,
    history: History,
    /// With the beginning of each stay.
    members: BTreeMap<(ProfileId, &'a str), BTreeMap<Option<Key>, Millis>>,
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

    /// Takes a message in. Whoever it ends leaves first, under the name they had.
    fn apply(&mut self, message: &message::Message, now: Millis) {
        let before = self.history.clone();
        let from = self.changes.len();
        for id in self.history.apply(self.definitions, message, now) {
            for segment in self.definitions.segments.iter().filter(|segment| (self.chosen)(segment)) {
                self.compare(now, (before.name(id), id), segment, BTreeSet::new());
            }
        }
        self.evaluate(now);
        self.changes[from..].sort_by(|a, b| a.user.cmp(&b.user));
    }

    /// Other definitions from now on. What is no longer defined is left; a keyed segment that parts
    /// events by another property is another one.
    fn redefine(&mut self, definitions: &'a Definitions, now: Millis) {
        self.history.settle(now - 1, self.definitions.gap());
        let old = std::mem::replace(&mut self.definitions, definitions);
        let goes_on =
            |gone: &Segment| definitions.segments.iter().any(|s| s.name == gone.name && s.by == gone.by);
        let from = self.changes.len();
        let history = self.history.clone();
        for (name, id, _) in history.in_order() {
            for gone in old.segments.iter().filter(|s| (self.chosen)(s) && !goes_on(s)) {
                self.compare(now, (name, id), gone, BTreeSet::new());
            }
        }
        self.evaluate(now);
        self.changes[from..].sort_by(|a, b| a.user.cmp(&b.user));
    }

    /// Compares all memberships at an instant with those before.
    fn evaluate(&mut self, at: Millis) {
        let history = std::mem::take(&mut self.history);
        for (name, id, user) in history.in_order() {
            for segment in self.definitions.segments.iter().filter(|segment| (self.chosen)(segment)) {
                let members = eval::members(self.definitions, user, segment, at);
                self.compare(at, (name, id), segment, members.into_iter().collect());
            }
        }
        self.history = history;
    }

    fn compare(
        &mut self,
        at: Millis,
        (user, id): (&str, ProfileId),
        segment: &'a Segment,
        members: BTreeSet<Option<Key>>,
    ) {
        let stays = self.members.entry((id, &segment.name)).or_default();
        let before: BTreeSet<Option<Key>> = stays.keys().cloned().collect();
        for key in before.symmetric_difference(&members) {
            let entered = members.contains(key);
            if entered {
                stays.insert(key.clone(), at);
            } else {
                stays.remove(key);
            }
            let (user, segment, key) = (user.to_owned(), segment.name.clone(), key.clone());
            self.changes.push(Change { at, user, segment, key, entered });
        }
    }

    /// Who is in which segment, as far as their names find them: users in order of their ids, segments in order of their names.
    fn stays(&self) -> Vec<Stay> {
        let mut stays = Vec::new();
        for (user, id, _) in
            self.history.in_order().into_iter().filter(|(user, id, _)| self.history.finds(user, *id))
        {
            let own = self.members.range((id, "")..(id + 1, ""));
            stays.extend(own.filter_map(|((_, segment), stays)| {
                let since = *stays.values().min()?;
                Some(Stay { user: user.to_owned(), segment: (*segment).to_owned(), since })
            }));
        }
        stays
    }
}
