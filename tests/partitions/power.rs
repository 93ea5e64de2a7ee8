//! The machine loses its power at any instant: what was synced is there, and nobody is there twice, whatever each partition
//! lost of what was not.

use crate::known::{Inputs, Told, assert_same, give, known};
use crate::reopened::open;
use crate::stream::{Setting, Step, definitions, runs};
use bespoke::engine::{Durability, Engine, Error};
use bespoke::model::{Ids, Message};
use bespoke::storage::MemoryDisk;

const USERS: u32 = 6;

#[test]
fn what_was_synced_is_there_after_a_power_cut() {
    for seed in 0..runs(8) {
        let rng = &mut fastrand::Rng::with_seed(seed);
        let setting = Setting::any(rng, &[Durability::Synced]);
        let mut disk = MemoryDisk::new();
        let one = Engine::builder(definitions(false)).open().unwrap();
        let mut several = open(&setting, disk.clone(), false, Some(3)).unwrap();
        let mut inputs = Inputs::new(seed, USERS);
        let (mut expected, mut told) = (Told::default(), Told::default());
        for number in 0..100 {
            let what = format!("seed {seed}, {setting:?}, input {number}");
            let step = inputs.step();
            let now = inputs.stream.now;
            let answer = give(&one, &step, now, &mut expected);
            let handed_out = expected.handed_out.clone();
            assert_eq!(give(&several, &step, now, &mut told), answer, "{what}");
            inputs.note(&step, &handed_out);
            expected.handed_out.clear();
            told.handed_out.clear();
            if rng.u32(0..10) == 0 {
                let left = disk.crash(rng.u64(..));
                several = open(&setting, left.clone(), inputs.stream.more, None).unwrap();
                assert_eq!(several.opened().lost, 0, "{what}");
                disk = left;
                for (engine, told) in [(&one, &mut expected), (&several, &mut told)] {
                    give(engine, &Step::Advance, now, told).unwrap();
                }
                assert_same(&told.take().lines, &expected.take().lines, &what);
                assert_same(&known(&several, USERS), &known(&one, USERS), &what);
            }
        }
    }
}

/// Of what was not synced each partition may lose another part, so that somebody who was moved may be missing where they
/// went, or be left where they came from.
#[test]
fn nobody_is_there_twice_after_a_power_cut() {
    for seed in 100..100 + runs(10) {
        let rng = &mut fastrand::Rng::with_seed(seed);
        let setting = Setting::any(rng, &[Durability::Written, Durability::Memory]);
        let mut disk = MemoryDisk::new();
        let mut several = open(&setting, disk.clone(), false, Some(3)).unwrap();
        let mut inputs = Inputs::new(seed, USERS);
        let (mut told, mut synced) = (Told::default(), (inputs.stream.now, Vec::new()));
        for number in 0..100 {
            let what = format!("seed {seed}, {setting:?}, input {number}");
            let step = inputs.step();
            let now = inputs.stream.now;
            let _ = give(&several, &step, now, &mut told);
            let handed_out = std::mem::take(&mut told.handed_out);
            inputs.note(&step, &handed_out);
            // Whoever was erased may come back as another one.
            let there = ids(&several, &what);
            synced.1.retain(|(known, _)| there.iter().any(|(id, _)| id == known));
            if rng.u32(0..8) == 0 {
                several.sync().unwrap();
                synced = (now, there);
            }
            if rng.u32(0..12) == 0 {
                let mut before = ids(&several, &what);
                // Whoever came since may be gone.
                before.retain(|(id, first_seen)| {
                    *first_seen <= synced.0.as_millis() && synced.1.iter().any(|(known, _)| known == id)
                });
                let left = disk.crash(rng.u64(..));
                several = open(&setting, left.clone(), inputs.stream.more, None)
                    .unwrap_or_else(|error| panic!("{what}: {error}"));
                disk = left;
                let after = ids(&several, &what);
                for (id, _) in before {
                    assert!(after.iter().any(|(after, _)| *after == id), "{what}: {id} is gone");
                }
            }
        }
        // It goes on as any other.
        for user in 0..USERS {
            let ids = Ids::both(format!("user-{user}"), format!("device-{user}"));
            let answer = several.ingest(Message::track(ids, "view"), inputs.stream.now);
            assert!(matches!(answer, Ok(_) | Err(Error::Suppressed { .. })), "seed {seed}: {answer:?}");
        }
        ids(&several, &format!("seed {seed}"));
        let known = known(&several, USERS);
        drop(several);
        let several = open(&setting, disk, inputs.stream.more, None).unwrap();
        assert_same(&crate::known::known(&several, USERS), &known, &format!("seed {seed}, opened again"));
    }
}

/// All ids, each with when its profile was first seen. Fails where one is in two profiles.
fn ids(engine: &Engine, what: &str) -> Vec<(String, i64)> {
    let state = engine.state().unwrap();
    let mut rest = &state[..];
    let mut ids = Vec::new();
    while let Some((len, more)) = rest.split_first_chunk::<8>() {
        let (state, more) = more.split_at(u64::from_le_bytes(*len) as usize);
        let state: serde_json::Value = serde_json::from_slice(state).unwrap();
        for user in state[2].as_array().unwrap() {
            let profile = &user["profile"];
            let own = profile["user_id"].as_str().map(|id| format!("user {id}"));
            let devices = profile["anonymous_ids"].as_array().unwrap().iter();
            let devices = devices.map(|id| format!("device {}", id.as_str().unwrap()));
            let first_seen = profile["first_seen"].as_i64().unwrap();
            ids.extend(own.into_iter().chain(devices).map(|id| (id, first_seen)));
        }
        rest = more;
    }
    ids.sort_unstable();
    assert!(ids.windows(2).all(|pair| pair[0].0 != pair[1].0), "{what}: {ids:?}");
    ids
}
