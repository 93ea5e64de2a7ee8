//! Whatever journeys there are and whatever happens to their users, a host that wakes up at everything that is due sees
//! the same as one that sleeps, and no rule of delivery is broken. Bytes are a seed for the definitions and one for each
//! input, so that what is changed by chance is one input.
#![no_main]
use bespoke::engine::Engine;
use bespoke::model::Duration;
use libfuzzer_sys::fuzz_target;

#[path = "../../tests/journeys_random/law.rs"]
mod law;
#[path = "../../tests/journeys_random/life.rs"]
mod life;
#[path = "../../tests/journeys_random/world.rs"]
mod world;

/// As many as take some milliseconds.
const INPUTS_MAX: usize = 100;

fuzz_target!(|bytes: &[u8]| {
    let Some((seed, rest)) = bytes.split_first_chunk::<8>() else { return };
    let inputs: Vec<u32> =
        rest.as_chunks::<4>().0.iter().take(INPUTS_MAX).map(|bytes| u32::from_le_bytes(*bytes)).collect();
    let world = world::World::composed(u64::from_le_bytes(*seed), &inputs);
    let engine = || {
        let builder = Engine::builder(world.definitions.clone()).lease(Duration::hours(4));
        builder.open().expect("nothing is on a disk")
    };
    let asleep = life::Life::of(&world, engine(), |_, _, _| {});
    law::check("what these bytes stand for", &world, &asleep);
    let awake = life::Life::of(&world, engine(), |engine, now, life| {
        while let Some(due) = engine.next_due().filter(|due| *due < now) {
            life.note(engine.advance(due.max(engine.clock())).expect("nothing is on a disk"));
        }
    });
    assert!(asleep == awake, "{}\n{}", asleep.difference(&awake).unwrap_or_default(), world.text);
});
