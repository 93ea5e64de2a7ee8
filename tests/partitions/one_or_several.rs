//! Random streams through engines of one, two, three and seven partitions.

use crate::known::{Inputs, Told, assert_same, give, known};
use crate::stream::{Step, definitions, runs};
use bespoke::engine::Engine;

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
