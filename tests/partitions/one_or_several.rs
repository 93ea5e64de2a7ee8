//! Random streams through engines of one, two, three and seven partitions.

use crate::known::{Inputs, Told, assert_same, give, known};
use crate::stream::{Step, definitions, runs};
use bespoke::engine::{Engine, Simulation};
use bespoke::model::{Duration, Message};

const USERS: u32 = 8;

#[test]
fn several_partitions_know_what_one_knows() {
    for seed in 0..runs(20) {
        for partitions in [2, 3, 7] {
            let one = Engine::builder(definitions(false)).open().unwrap();
            let several = Engine::builder(definitions(false)).partitions(partitions).open().unwrap();
            check(seed, &one, &several, &format!("seed {seed}, {partitions} partitions"));
        }
    }
}

fn check(seed: u64, one: &Engine, several: &Engine, what: &str) {
    let mut inputs = Inputs::new(seed, USERS);
    let (mut expected, mut told) = (Told::default(), Told::default());
    for number in 0..150 {
        let step = inputs.step();
        let now = inputs.stream.now;
        let answer = give(one, &step, now, &mut expected);
        let handed_out = expected.handed_out.clone();
        assert_eq!(give(several, &step, now, &mut told), answer, "{what}, input {number}: {step:?}");
        inputs.note(&step, &handed_out);
        expected.handed_out.clear();
        told.handed_out.clear();
        if number % 15 == 14 {
            for (engine, told) in [(one, &mut expected), (several, &mut told)] {
                give(engine, &Step::Advance, now, told).unwrap();
            }
            assert_same(&told.take().lines, &expected.take().lines, &format!("{what}, input {number}"));
            assert_same(&known(several, USERS), &known(one, USERS), &format!("{what}, input {number}"));
        }
    }
}

#[test]
fn several_partitions_foresee_what_one_foresees() {
    let mut actions = 0;
    for seed in 0..runs(20) {
        let engines =
            [1, 3].map(|count| Engine::builder(definitions(false)).partitions(count).open().unwrap());
        let mut inputs = Inputs::new(seed, USERS);
        for _ in 0..100 {
            let step = inputs.step();
            let now = inputs.stream.now;
            let mut told = Told::default();
            engines.iter().for_each(|engine| drop(give(engine, &step, now, &mut told)));
            inputs.note(&step, &[]);
        }
        let now = inputs.stream.now;
        engines.iter().for_each(|engine| drop(engine.advance(now).unwrap()));
        let before = engines.each_ref().map(|engine| known(engine, USERS));

        let mut messages: Vec<Message> = Vec::new();
        while messages.len() < 40 {
            if let Step::Message(message) = inputs.step() {
                messages.push(Message { timestamp: Some(inputs.stream.now), ..message });
            }
        }
        let until = inputs.stream.now + Duration::days(3);
        for other in [None, Some(definitions(true))] {
            let [one, several] =
                engines.each_ref().map(|engine| engine.simulate(other.as_ref(), &messages, until).unwrap());
            actions += one.actions.len();
            assert_eq!(several.counts, one.counts, "seed {seed}");
            assert_same(&lines(&several), &lines(&one), &format!("seed {seed}"));
        }
        // It was a copy.
        for (engine, before) in engines.iter().zip(before) {
            assert_same(&known(engine, USERS), &before, &format!("seed {seed}, afterwards"));
        }
    }
    assert!(actions > 100, "{actions} actions prove little");
}

/// What would happen, line by line.
fn lines(simulation: &Simulation) -> Vec<String> {
    let Simulation { actions, notes, changes, rejected, .. } = simulation;
    let actions = actions.iter().map(|action| format!("{action:?} {:?}", action.content));
    let notes = notes.iter().map(|note| format!("{note:?}"));
    let changes = changes.iter().map(|change| format!("{change:?}"));
    let rejected = rejected.iter().map(|(place, error)| format!("{place} {error}"));
    actions.chain(notes).chain(changes).chain(rejected).collect()
}
