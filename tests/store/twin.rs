//! A store that is stopped and opened again, with few users in memory, is as an engine that has all in memory.

use crate::stream::{Setting, Stream, digest, is_of_the_store, runs, twin};
use bespoke::engine::Durability;
use bespoke::storage::MemoryDisk;

#[test]
fn a_store_that_is_stopped_and_opened_again_is_as_one_in_memory() {
    for seed in 0..runs(20) {
        let rng = &mut fastrand::Rng::with_seed(seed);
        let (disk, twin) = (MemoryDisk::new(), twin());
        let setting = Setting::any(rng, &[Durability::Memory, Durability::Written, Durability::Synced]);
        let mut stream = Stream::new(seed, 12);
        let mut engine = setting.open(disk.clone(), stream.more).unwrap();
        for _ in 0..150 {
            let step = stream.step();
            let expected = stream.give(&twin, &step);
            let answer = crate::stream::give(&engine, &step, stream.now).map(|(words, _)| words);
            assert_eq!(answer, expected, "seed {seed}, {setting:?}");
            assert!(!expected.as_ref().is_err_and(is_of_the_store));
            match rng.u32(0..20) {
                0 => engine.checkpoint().unwrap(),
                1 => {
                    drop(engine);
                    engine = setting.open(disk.clone(), stream.more).unwrap();
                    assert!(engine.opened().was_there && engine.opened().redefined.is_none());
                }
                2 => assert_eq!(digest(&engine), digest(&twin), "seed {seed}, {setting:?}"),
                _ => {}
            }
        }
        assert_eq!(digest(&engine), digest(&twin), "seed {seed}, {setting:?}");
    }
}
