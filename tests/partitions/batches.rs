//! Messages that are given at once are taken in in their order, wherever they belong.

use crate::known::{Inputs, Told, assert_same, give, known};
use crate::reopened::open;
use crate::stream::{Setting, Step, definitions, runs};
use bespoke::engine::{Durability, Engine};
use bespoke::model::{Ids, Message};
use bespoke::storage::MemoryDisk;

const USERS: u32 = 8;

#[test]
fn messages_given_at_once_end_as_those_given_one_by_one() {
    for seed in 0..runs(8) {
        for partitions in [1, 2, 7] {
            let rng = &mut fastrand::Rng::with_seed(seed);
            let setting = Setting::any(rng, &[Durability::Memory, Durability::Written]);
            let one = Engine::builder(definitions(false)).open().unwrap();
            let in_memory = Engine::builder(definitions(false)).partitions(partitions).open().unwrap();
            let stored = open(&setting, MemoryDisk::new(), false, Some(partitions)).unwrap();
            let mut inputs = Inputs::new(seed, USERS);
            let mut told = [Told::default(), Told::default(), Told::default()];
            for _ in 0..12 {
                let mut group: Vec<Message> = Vec::new();
                while group.len() < rng.usize(1..20) {
                    // Each at an instant of its own, as they happened.
                    if let Step::Message(message) = inputs.step() {
                        group.push(message.at(inputs.stream.now));
                    }
                }
                if rng.bool() {
                    group.insert(rng.usize(0..group.len()), Message::track(Ids::user("null"), "view"));
                }
                let now = inputs.stream.now;
                let expected: Vec<bool> =
                    group.iter().map(|message| one.ingest(message, now).is_ok()).collect();
                for engine in [&in_memory, &stored] {
                    let answers = engine.ingest_all(&group, now);
                    let found: Vec<bool> = answers.iter().map(Result::is_ok).collect();
                    assert_eq!(
                        found, expected,
                        "seed {seed}, {partitions} partitions, {setting:?}: {answers:?}"
                    );
                }
                for (engine, told) in [&one, &in_memory, &stored].into_iter().zip(&mut told) {
                    give(engine, &Step::Advance, now, told).unwrap();
                }
            }
            for engine in [&in_memory, &stored] {
                let what = format!("seed {seed}, {partitions} partitions, {setting:?}");
                assert_same(&known(engine, USERS), &known(&one, USERS), &what);
            }
        }
    }
}
