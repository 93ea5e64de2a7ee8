//! How a host lives through a world, and all that it sees.

use crate::world::{Input, World};
use bespoke::engine::{Engine, Outcome};
use bespoke::journey::{Acknowledged, Action, Delivery, Note};
use bespoke::model::Instant;
use bespoke::segment::Change;
use fastrand::Rng;
use std::collections::BTreeSet;

/// What a host sees, in order.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Life {
    pub(crate) changes: Vec<Change>,
    pub(crate) told: Vec<Told>,
    /// Who is in which segment at the end.
    pub(crate) members: BTreeSet<(String, String)>,
    /// The state at the end, apart from the number of inputs.
    pub(crate) state: String,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Told {
    Note(Note),
    /// Handed out at an instant.
    Handed(Instant, Action),
    /// What the host said of an action, by its id.
    Answered(Instant, String, Delivery, Acknowledged),
}

impl Life {
    /// Gives an engine everything that happens. `between` is called before each input with the instant at which it
    /// comes, and may put another engine in the place of this one.
    pub(crate) fn of(
        world: &World,
        mut engine: Engine,
        mut between: impl FnMut(&mut Engine, Instant, &mut Life),
    ) -> Life {
        let mut life = Life::default();
        let mut handed: Vec<String> = Vec::new();
        for (now, input) in &world.inputs {
            between(&mut engine, *now, &mut life);
            match input {
                Input::Message(message) => {
                    let outcome = engine.ingest(message, *now).expect("a sound message");
                    life.note(outcome);
                }
                Input::Advance => life.note(engine.advance(*now).expect("it is written")),
                Input::Deliver(seed) => life.deliver(&engine, *now, *seed, &mut handed),
            }
        }
        // What the last answers led to is handed out too, and nobody answers any more.
        let end = engine.clock();
        while let Some(last) =
            Some(engine.outbox(100, end).expect("it is written")).filter(|last| !last.is_empty())
        {
            life.told.extend(last.into_iter().map(|action| Told::Handed(end, action)));
        }
        for user in life.changes.iter().map(|change| &*change.user).collect::<BTreeSet<_>>() {
            let segments = engine.segments(user).expect("it is a user's name").into_keys();
            life.members.extend(segments.map(|segment| (user.to_owned(), segment.to_string())));
        }
        let state: serde_json::Value =
            serde_json::from_slice(&engine.state().expect("a state")).expect("a state is JSON");
        let state: Vec<_> = state.as_array().expect("a list").iter().enumerate().collect();
        // The second is the number of inputs.
        let state = state.into_iter().filter(|(place, _)| *place != 1).map(|(_, part)| part.to_string());
        life.state = state.collect::<Vec<_>>().join("\n");
        life
    }

    pub(crate) fn note(&mut self, outcome: Outcome) {
        self.changes.extend(outcome.changes);
        self.told.extend(outcome.notes.into_iter().map(Told::Note));
    }

    fn deliver(&mut self, engine: &Engine, now: Instant, seed: u64, handed: &mut Vec<String>) {
        self.note(engine.advance(now).expect("it is written"));
        for action in engine.outbox(100, now).expect("it is written") {
            let number = u128::from_str_radix(&action.id, 16).expect("an id is a number") as u64;
            let rng = &mut Rng::with_seed(seed ^ number);
            let said = [
                None,
                Some(Delivery::Sent),
                Some(Delivery::Sent),
                Some(Delivery::Sent),
                Some(Delivery::Delivered),
                Some(Delivery::Failed),
                Some(Delivery::Unreachable),
                Some(Delivery::Suppressed),
            ][rng.usize(..8)];
            let id = action.id.clone();
            self.told.push(Told::Handed(now, action));
            if let Some(said) = said {
                self.answer(engine, now, id.clone(), said);
            }
            handed.push(id);
        }
        // Of one that was handed out before there is more to say, or the same once more.
        let rng = &mut Rng::with_seed(seed);
        if let Some(id) = (!handed.is_empty()).then(|| handed[rng.usize(..handed.len())].clone()) {
            let said = [Delivery::Opened, Delivery::Clicked, Delivery::Failed][rng.usize(..3)];
            self.answer(engine, now, id, said);
        }
    }

    fn answer(&mut self, engine: &Engine, now: Instant, id: String, said: Delivery) {
        let answer = engine.acknowledge(&id, said, now).expect("it is written");
        self.told.push(Told::Answered(now, id, said, answer.acknowledged));
        self.note(answer.outcome);
    }

    pub(crate) fn notes(&self) -> impl Iterator<Item = &Note> {
        self.told.iter().filter_map(|told| if let Told::Note(note) = told { Some(note) } else { None })
    }

    /// Where two lives part, to be read.
    pub(crate) fn difference(&self, other: &Life) -> Option<String> {
        let part = |name: &str, a: Vec<String>, b: Vec<String>| {
            let place = (0..a.len().max(b.len())).find(|i| a.get(*i) != b.get(*i))?;
            Some(format!("{name} {place}:\n  {:?}\n  {:?}", a.get(place), b.get(place)))
        };
        let texts = |life: &Life| {
            let told = life.told.iter().map(|told| format!("{told:?}")).collect::<Vec<_>>();
            let changes = life.changes.iter().map(|change| format!("{change:?}")).collect::<Vec<_>>();
            (changes, told, life.state.lines().map(str::to_owned).collect::<Vec<_>>())
        };
        let (own, others) = (texts(self), texts(other));
        part("change", own.0, others.0).or(part("told", own.1, others.1)).or(part("state", own.2, others.2))
    }
}
