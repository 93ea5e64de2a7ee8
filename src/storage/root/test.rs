use super::{FORMAT, Head, ROOT, load_root as load, save_root as save};
use crate::storage::{Disk, ErrorKind, Fault, FaultyDisk, MemoryDisk};
use std::io;

fn root(content: &[u8]) -> MemoryDisk {
    let disk = MemoryDisk::new();
    save(&disk, content).unwrap();
    disk
}

fn bytes(disk: &MemoryDisk) -> Vec<u8> {
    let file = disk.open(ROOT.name).unwrap();
    let mut bytes = vec![0; file.len().unwrap() as usize];
    file.read_at(0, &mut bytes).unwrap();
    bytes
}

fn of(bytes: &[u8]) -> MemoryDisk {
    let disk = MemoryDisk::new();
    disk.create(ROOT.name).unwrap().write_at(0, bytes).unwrap();
    disk
}

#[test]
fn the_last_one_is_loaded() {
    let disk = MemoryDisk::new();
    assert_eq!(load(&disk).unwrap(), None);
    for content in [&b"first"[..], b"", b"a longer one"] {
        save(&disk, content).unwrap();
        assert_eq!(load(&disk).unwrap().as_deref(), Some(content));
        assert_eq!(disk.names().unwrap(), [ROOT.name]);
    }
}

#[test]
fn damage_is_an_error() {
    let whole = bytes(&root(b"the places of all"));
    let mut damaged: Vec<Vec<u8>> = (0..whole.len()).map(|len| whole[..len].to_vec()).collect();
    damaged.push([&whole[..], b"x"].concat());
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        damaged.push(flipped);
    }
    for bytes in damaged {
        let error = load(&of(&bytes)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(error.position().is_some() && error.file() == Some(ROOT.name), "{error}");
    }
}

#[test]
fn a_newer_format_is_refused() {
    let mut bytes = bytes(&root(b"from the future"));
    bytes[..Head::BYTES].copy_from_slice(&Head { format: FORMAT + 1, ..ROOT.head }.bytes());
    assert_eq!(load(&of(&bytes)).unwrap_err().kind(), ErrorKind::TooNew);
}

#[test]
fn whatever_fails_one_of_both_is_there() {
    for fault in [Fault::once, Fault::lasting].map(|way| way(io::ErrorKind::StorageFull)) {
        for fault in [fault, fault.halfway(), fault.when_done()] {
            for call in 0..6 {
                let memory = root(b"old");
                let disk = FaultyDisk::new(memory.clone());
                disk.fail(call, fault);
                let saved = save(&disk, b"new");
                assert_eq!(saved.is_ok(), call > 4, "{fault:?} at {call}");
                for disk in (0..50).map(|seed| memory.crash(seed)).chain([memory.clone()]) {
                    let found = load(&disk).unwrap().unwrap();
                    assert!(found == b"new" || found == b"old" && saved.is_err(), "{fault:?} at {call}");
                }
                disk.heal();
                save(&disk, b"new").unwrap();
                assert_eq!(load(&memory.crash(0)).unwrap().unwrap(), b"new");
            }
        }
    }
}
