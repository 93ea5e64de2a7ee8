//! A small store, whose bytes can be taken out and put into another folder.

use crate::stream::{Setting, Stream, digest, give, twin};
use bespoke::engine::{Durability, Engine};
use bespoke::storage::{Disk, MemoryDisk};
use std::collections::BTreeMap;

/// The files of a folder.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

pub(crate) const SETTING: Setting =
    Setting { durability: Durability::Written, memory: 0, checkpoint_bytes: u64::MAX };

/// All files of a folder but the lock.
pub(crate) fn files(disk: &impl Disk) -> Files {
    let names = disk.names().unwrap().into_iter().filter(|name| name != "lock");
    let read = |name: String| {
        let file = disk.open(&name).unwrap();
        let mut bytes = vec![0; file.len().unwrap() as usize];
        file.read_at(0, &mut bytes).unwrap();
        (name, bytes)
    };
    names.map(read).collect()
}

pub(crate) fn folder(files: &Files) -> MemoryDisk {
    let disk = MemoryDisk::new();
    for (name, bytes) in files {
        let file = disk.create(name).unwrap();
        file.write_at(0, bytes).unwrap();
        file.sync().unwrap();
    }
    disk.sync_folder().unwrap();
    disk
}

/// A store with a checkpoint and inputs behind it, and its state.
pub(crate) fn small(seed: u64) -> (Files, String) {
    let disk = MemoryDisk::new();
    let (engine, twin) = (SETTING.open(disk.clone(), false).unwrap(), twin());
    let mut stream = Stream::new(seed, 5);
    for number in 0..70 {
        let mut step = stream.step();
        while matches!(step, crate::stream::Step::Redefine(_)) {
            step = stream.step();
        }
        let answer = give(&engine, &step, stream.now).map(|(words, _)| words);
        assert_eq!(answer, stream.give(&twin, &step));
        if number == 25 || number == 50 {
            engine.checkpoint().unwrap();
        }
    }
    let state = digest(&twin);
    drop(engine);
    (files(&disk), state)
}

/// Opens a folder and reads all that is in it: the state, or what is wrong.
pub(crate) fn read(files: &Files) -> Result<String, bespoke::engine::Error> {
    let engine: Engine = SETTING.open(folder(files), false)?;
    assert!(engine.opened().redefined.is_none() && engine.opened().lost == 0);
    Ok(String::from_utf8(engine.state()?).unwrap())
}
