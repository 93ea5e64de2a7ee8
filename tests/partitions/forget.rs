//! Who is forgotten is in no file of any partition, whichever of them they were in, and a late message finds them refused
//! in all of them.

use crate::known::give;
use crate::reopened::open;
use crate::stream::{Setting, Stream};
use bespoke::engine::{Durability, Engine, Error};
use bespoke::model::{Ids, Instant, Message, Suppress};
use bespoke::storage::{Disk, MemoryDisk};
use std::collections::BTreeMap;

const USER: &str = "ada.lovelace@analytical.example";
const DEVICE: &str = "device-of-the-countess";
const CARD: &str = "card-of-the-countess";
const CITY: &str = "Marylebone-Square-12";
const SKU: &str = "sku-difference-engine";

fn files(disk: &MemoryDisk) -> BTreeMap<String, Vec<u8>> {
    let read = |name: String| {
        let file = disk.open(&name).unwrap();
        let mut bytes = vec![0; file.len().unwrap() as usize];
        file.read_at(0, &mut bytes).unwrap();
        (name, bytes)
    };
    disk.names().unwrap().into_iter().filter(|name| name != "lock").map(read).collect()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn check_no_traces(files: &BTreeMap<String, Vec<u8>>, what: &str) {
    for trace in [USER, DEVICE, CARD, CITY, SKU] {
        for (name, bytes) in files {
            assert!(!contains(bytes, trace.as_bytes()), "{what}: `{trace}` is in {name}");
        }
    }
}

/// The keys of all partitions, by file and slot.
fn keys(files: &BTreeMap<String, Vec<u8>>) -> BTreeMap<(String, usize), Vec<u8>> {
    let of_file = |(name, bytes): (&String, &Vec<u8>)| {
        let name = name.clone();
        let slots: Vec<Vec<u8>> = bytes[48..].chunks_exact(40).map(|slot| slot[..32].to_vec()).collect();
        slots.into_iter().enumerate().map(move |(slot, key)| ((name.clone(), slot), key))
    };
    files.iter().filter(|(name, _)| name.ends_with("-keys")).flat_map(of_file).collect()
}

/// Ids that come one by one, most of them to a partition of their own, and turn out to be one user's.
fn introduce_alone(engine: &Engine, now: Instant) {
    let view = |ids: Ids| Message::track(ids, "view").with("sku", SKU);
    for message in [
        view(Ids::anonymous(DEVICE)),
        view(Ids::none().and("card", CARD)),
        Message::identify(USER).with("country", CITY),
        view(Ids::both(USER, DEVICE)),
        view(Ids::user(USER).and("card", CARD)),
    ] {
        engine.ingest(message, now).unwrap();
    }
}

fn introduce(engine: &Engine, now: Instant) {
    introduce_alone(engine, now);
    let view = |ids: Ids| Message::track(ids, "view").with("sku", SKU);
    for message in [
        // With somebody else's device, so that others are moved with them.
        view(Ids::both("user-1", "device-1")),
        view(Ids::both(USER, "device-1")),
        view(Ids::both("user-2", "device-1")),
        view(Ids::user(USER)),
    ] {
        engine.ingest(message, now).unwrap();
    }
}

fn check(seed: u64, durability: Durability, memory: usize) {
    let what = format!("seed {seed}, {durability:?}, memory {memory}");
    let setting = Setting { durability, memory, checkpoint_bytes: u64::MAX };
    let disk = MemoryDisk::new();
    let engine = open(&setting, disk.clone(), false, Some(5)).unwrap();
    let mut stream = Stream::new(seed, 8);
    let mut others = |engine: &Engine, inputs| {
        for _ in 0..inputs {
            let step = stream.step();
            let _ = give(engine, &step, stream.now, &mut Default::default());
        }
        (stream.now, stream.more)
    };
    let (now, _) = others(&engine, 20);
    introduce(&engine, now);
    if seed.is_multiple_of(2) {
        engine.checkpoint().unwrap();
    }
    let before = files(&disk);
    let (now, more) = others(&engine, 5);
    check_no_traces(&files(&disk), &format!("{what}, before"));
    assert!(engine.profile(USER).unwrap().is_some(), "{what}");

    let receipt =
        engine.ingest(Message::forget(USER).suppress(Suppress::Forever), now).unwrap().receipt.unwrap();
    assert_eq!(receipt.done, now);
    let after = files(&disk);
    check_no_traces(&after, &what);
    let (old, new) = (keys(&before), keys(&after));
    let erased: Vec<_> = old.iter().filter(|(slot, key)| new.get(*slot) != Some(*key)).collect();
    for (slot, key) in erased {
        assert_eq!(new[slot], [0; 32], "{what}: {slot:?}");
        for (name, bytes) in &after {
            assert!(!key.windows(12).any(|piece| contains(bytes, piece)), "{what}: a key is still in {name}");
        }
    }

    let refused = |engine: &Engine| {
        for ids in [Ids::user(USER), Ids::both(USER, "device-7"), Ids::user(USER).and("card", "card-9")] {
            let late = engine.ingest(Message::track(ids, "view"), now);
            assert_eq!(late, Err(Error::Suppressed { until: None }), "{what}");
        }
        for id in [USER, DEVICE] {
            assert_eq!(engine.profile(id).unwrap(), None, "{what}");
        }
        assert_eq!(engine.receipts_of(USER), std::slice::from_ref(&receipt), "{what}");
    };
    refused(&engine);
    assert_eq!(engine.suppressed(), 3, "{what}");
    for crash in 0..3 {
        refused(&open(&setting, disk.crash(crash), more, None).unwrap());
    }
    drop(engine);
    refused(&open(&setting, disk, more, None).unwrap());
}

#[test]
fn who_is_forgotten_is_in_no_file_of_any_partition() {
    let levels = [Durability::Memory, Durability::Written, Durability::Synced];
    for (seed, durability) in (0..).zip(levels.into_iter().cycle().take(12)) {
        check(seed, durability, [0, usize::MAX][seed as usize % 2]);
    }
}

/// Whatever was sealed where the user was before, nothing can read it.
#[test]
fn all_keys_are_gone_of_who_was_in_several_partitions() {
    for seed in 0..12 {
        let rng = &mut fastrand::Rng::with_seed(seed);
        let setting = Setting::any(rng, &[Durability::Memory, Durability::Written, Durability::Synced]);
        let disk = MemoryDisk::new();
        let engine = open(&setting, disk.clone(), false, Some(7)).unwrap();
        let now = Instant::from_millis(1_795_428_000_000);
        introduce_alone(&engine, now);
        if rng.bool() {
            engine.checkpoint().unwrap();
        }
        assert_eq!(engine.user_count(), 1);
        let is_key =
            |((_, slot), key): &(&(String, usize), &Vec<u8>)| *slot > 0 && key.iter().any(|byte| *byte != 0);
        let before = files(&disk);
        engine.ingest(Message::forget(USER), now).unwrap();
        let after = keys(&files(&disk));
        let left: Vec<_> = after.iter().filter(is_key).collect();
        assert!(left.is_empty(), "seed {seed}, {setting:?}: {left:?}");
        if setting.durability != Durability::Memory {
            assert!(
                keys(&before).iter().filter(is_key).count() > 2,
                "seed {seed}: there were keys in several"
            );
        }
    }
}

#[test]
fn a_store_of_several_partitions_can_be_looked_through() {
    let setting = Setting { durability: Durability::Written, memory: 0, checkpoint_bytes: u64::MAX };
    let disk = MemoryDisk::new();
    let engine = open(&setting, disk.clone(), false, Some(3)).unwrap();
    let now = Instant::from_millis(1_795_428_000_000);
    introduce(&engine, now);
    engine.checkpoint().unwrap();
    introduce(&engine, now);
    let users = engine.user_count();
    assert!(Engine::verify_disk(disk.clone()).is_err(), "it is open");
    drop(engine);
    let found = Engine::verify_disk(disk.clone()).unwrap();
    assert!(found.is_sound() && found.inputs > 0, "{found:?}");
    assert_eq!(found.users, users as u64);
    let file = disk.open("p1-root").unwrap();
    let mut byte = [0];
    file.read_at(60, &mut byte).unwrap();
    file.write_at(60, &[!byte[0]]).unwrap();
    let found = Engine::verify_disk(disk).unwrap();
    assert_eq!(found.damages.iter().map(|damage| damage.file()).collect::<Vec<_>>(), [Some("p1-root")]);
}
