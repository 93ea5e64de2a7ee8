//! Who is forgotten is in no file any more, and does not come back, whatever happens then.

use crate::small::{Files, files};
use crate::stream::{Setting, Stream, digest, give, twin};
use bespoke::engine::{Durability, Engine};
use bespoke::model::{Ids, Message};
use bespoke::storage::MemoryDisk;

const USER: &str = "ada.lovelace@analytical.example";
const DEVICE: &str = "device-of-the-countess";
const CITY: &str = "Marylebone-Square-12";
const SKU: &str = "sku-difference-engine";
const PRICE: f64 = 918_273.645_546;
const AGE: i64 = 1_815_121_018_521_127;

/// The texts and numbers in every form in which they might be written.
fn traces() -> Vec<Vec<u8>> {
    let mut traces: Vec<Vec<u8>> = [USER, DEVICE, CITY, SKU].map(|text| text.as_bytes().to_vec()).into();
    for number in [PRICE, AGE as f64] {
        traces.push(number.to_le_bytes().into());
        traces.push(number.to_be_bytes().into());
        traces.push(number.to_string().into_bytes());
    }
    traces.push(AGE.to_le_bytes().into());
    traces.push(AGE.to_be_bytes().into());
    for number in [AGE as u64, (AGE as u64) << 1] {
        let mut seven = Vec::new();
        let mut rest = number;
        while rest >= 0x80 {
            seven.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        seven.push(rest as u8);
        traces.push(seven);
    }
    traces
}

fn find(files: &Files, trace: &[u8]) -> Option<String> {
    let mut found = files.iter().filter(|(_, bytes)| bytes.windows(trace.len()).any(|part| part == trace));
    found.next().map(|(name, _)| name.clone())
}

fn check_no_traces(files: &Files, what: &str) {
    for trace in traces() {
        let found = find(files, &trace);
        assert_eq!(found, None, "{what}: {:?}", String::from_utf8_lossy(&trace));
    }
}

/// The keys of 32 bytes in the file of keys, by their slots.
fn keys(files: &Files) -> Vec<&[u8]> {
    files["keys"][48..].chunks_exact(40).map(|slot| &slot[..32]).collect()
}

fn introduce(engine: &Engine, stream: &Stream) {
    let device = Message::track(Ids::anonymous(DEVICE), "view").with("sku", SKU).with("price", PRICE);
    let both = Message::identify(Ids::both(USER, DEVICE)).with("country", CITY).with("age", AGE);
    let view = Message::track(USER, "view").with("sku", SKU).with("price", PRICE);
    for message in [device, both, view.clone(), view] {
        engine.ingest(message, stream.now).unwrap();
    }
}

fn check(seed: u64, durability: Durability, memory: usize, is_captured: bool) {
    let what = format!("seed {seed}, {durability:?}, memory {memory}, captured {is_captured}");
    let setting = Setting { durability, memory, checkpoint_bytes: u64::MAX };
    let disk = MemoryDisk::new();
    let (engine, twin) = (setting.open(disk.clone(), false).unwrap(), twin());
    let mut stream = Stream::new(seed, 8);
    let others = |stream: &mut Stream, inputs| {
        for _ in 0..inputs {
            let step = stream.step();
            let answer = give(&engine, &step, stream.now).map(|(words, _)| words);
            assert_eq!(answer, stream.give(&twin, &step), "{what}");
        }
    };
    others(&mut stream, 20);
    introduce(&engine, &stream);
    introduce(&twin, &stream);
    if is_captured {
        engine.checkpoint().unwrap();
    }
    others(&mut stream, 20);
    check_no_traces(&files(&disk), &format!("{what}: before"));
    let before = files(&disk);

    let forget = |engine: &Engine| engine.ingest(Message::forget(USER), stream.now).unwrap();
    assert_eq!(forget(&engine), forget(&twin));
    let after = files(&disk);
    check_no_traces(&after, &format!("{what}: after"));
    let (old, new) = (keys(&before), keys(&after));
    let erased: Vec<_> = old.iter().zip(&new).filter(|(old, new)| old != new).collect();
    if durability != Durability::Memory || is_captured {
        assert!(!erased.is_empty(), "{what}: no key has gone");
    }
    for (key, erased) in erased {
        assert_eq!(**erased, [0; 32], "{what}");
        // Not even a piece of it.
        for piece in key.windows(12) {
            assert_eq!(find(&after, piece), None, "{what}: its key is still there");
        }
    }

    let reopened = |disk: MemoryDisk, how: &str| {
        let engine = setting.open(disk, stream.more).unwrap();
        assert!(digest(&engine) == digest(&twin), "{what}, {how}: another state");
        assert_eq!(engine.profile(USER).unwrap(), None, "{what}, {how}");
        assert_eq!(engine.profile(DEVICE).unwrap(), None, "{what}, {how}");
    };
    (0..4).for_each(|crash| reopened(disk.crash(crash), "after a power cut"));
    drop(engine);
    reopened(disk, "opened again");
}

#[test]
fn who_is_forgotten_is_in_no_file_and_does_not_come_back() {
    for (seed, durability) in
        [Durability::Memory, Durability::Written, Durability::Synced].into_iter().enumerate()
    {
        for memory in [0, usize::MAX] {
            check(seed as u64, durability, memory, true);
            check(seed as u64 + 10, durability, memory, false);
        }
    }
}
