//! A store of several partitions: stopped at any time, with few users in memory, and in the middle of moves.

use crate::known::{Inputs, Told, assert_same, give, known};
use crate::stream::{Setting, definitions, runs};
use bespoke::engine::{Durability, Engine, Error};
use bespoke::storage::{Disk, MemoryDisk};

const USERS: u32 = 8;

pub(crate) fn open(
    setting: &Setting,
    disk: impl Disk + 'static,
    more: bool,
    partitions: Option<u16>,
) -> Result<Engine, Error> {
    let builder = Engine::builder(definitions(more)).disk(disk).durability(setting.durability);
    let builder = builder.memory(setting.memory).checkpoint_bytes(setting.checkpoint_bytes);
    match partitions {
        Some(partitions) => builder.partitions(partitions).open(),
        None => builder.open(),
    }
}

#[test]
fn a_store_that_is_stopped_and_opened_again_is_as_one_partition_in_memory() {
    for seed in 0..runs(12) {
        let rng = &mut fastrand::Rng::with_seed(seed);
        let levels = [Durability::Memory, Durability::Written, Durability::Synced];
        let setting = Setting::any(rng, &levels);
        let partitions = [2, 3, 7][rng.usize(0..3)];
        let disk = MemoryDisk::new();
        let one = Engine::builder(definitions(false)).open().unwrap();
        let mut several = open(&setting, disk.clone(), false, Some(partitions)).unwrap();
        let mut inputs = Inputs::new(seed, USERS);
        let (mut expected, mut told) = (Told::default(), Told::default());
        for number in 0..120 {
            let what = format!("seed {seed}, {partitions} partitions, {setting:?}, input {number}");
            let step = inputs.step();
            let now = inputs.stream.now;
            let answer = give(&one, &step, now, &mut expected);
            let handed_out = expected.handed_out.clone();
            assert_eq!(give(&several, &step, now, &mut told), answer, "{what}: {step:?}");
            inputs.note(&step, &handed_out);
            expected.handed_out.clear();
            told.handed_out.clear();
            match rng.u32(0..16) {
                0 => several.checkpoint().unwrap(),
                1 => {
                    let state = several.state().unwrap();
                    drop(several);
                    several = open(&setting, disk.clone(), inputs.stream.more, None).unwrap();
                    let opened = several.opened();
                    assert!(opened.was_there && opened.redefined.is_none() && opened.lost == 0, "{what}");
                    assert!(several.state().unwrap() == state, "{what}: another state");
                }
                _ => {}
            }
            if number % 20 == 19 {
                for (engine, told) in [(&one, &mut expected), (&several, &mut told)] {
                    give(engine, &crate::stream::Step::Advance, now, told).unwrap();
                }
                assert_same(&told.take().lines, &expected.take().lines, &what);
                assert_same(&known(&several, USERS), &known(&one, USERS), &what);
            }
        }
    }
}

#[test]
fn the_number_of_partitions_is_a_part_of_a_store() {
    let setting = Setting { durability: Durability::Written, memory: 0, checkpoint_bytes: u64::MAX };
    let several = MemoryDisk::new();
    drop(open(&setting, several.clone(), false, Some(3)).unwrap());
    let one = MemoryDisk::new();
    drop(open(&setting, one.clone(), false, None).unwrap());
    for (disk, asked, expected) in [
        (&several, None, Ok(())),
        (&several, Some(3), Ok(())),
        (&several, Some(4), Err(Error::OtherPartitions { there: 3, asked: 4 })),
        (&several, Some(1), Err(Error::OtherPartitions { there: 3, asked: 1 })),
        (&one, None, Ok(())),
        (&one, Some(1), Ok(())),
        (&one, Some(2), Err(Error::OtherPartitions { there: 1, asked: 2 })),
        (&one, Some(0), Err(Error::PartitionsOutOfRange { asked: 0 })),
        (&one, Some(65), Err(Error::PartitionsOutOfRange { asked: 65 })),
    ] {
        assert_eq!(open(&setting, disk.clone(), false, asked).map(drop), expected, "{asked:?}");
    }
    let error = Error::OtherPartitions { there: 3, asked: 4 };
    assert_eq!(
        error.to_string(),
        "the store is of 3 partitions, not of 4; leave `partitions` out, or begin a new store"
    );
}
