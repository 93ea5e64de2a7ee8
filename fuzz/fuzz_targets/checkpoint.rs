//! Whatever bytes a recommender or a policy is given for a checkpoint, it refuses them and is as before, or goes on from
//! them like one that learned. The first byte says which model; the rest is for it.
#![no_main]
use libfuzzer_sys::fuzz_target;

#[path = "../../tests/checkpoints/law.rs"]
mod law;
#[allow(dead_code)] // its tests use the rest
#[path = "../../tests/checkpoints/world.rs"]
mod world;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else { return };
    law::check(usize::from(*kind), rest);
});
