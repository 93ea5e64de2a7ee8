//! Bytes are flipped, files cut off and removed: what opens has the right state, or it is an error that says where.

use crate::small::{Files, files, folder, read, small};
use crate::stream::runs;
use bespoke::engine::{Engine, Error};
use bespoke::storage::ErrorKind;

/// Opens and reads a damaged folder, and looks through it.
fn check(files: &Files, state: &str, what: &str) {
    let found = verify(files, what);
    match read(files) {
        Ok(read) => assert!(read == *state, "{what}: another state"),
        Err(Error::Storage(error)) => {
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}");
            assert!(error.file().is_some() && error.position().is_some(), "{what}: {error}");
            let is_found = found.as_ref().is_none_or(|found| !found.is_sound());
            assert!(is_found, "{what}: `{error}`, and all is said to be sound");
        }
        Err(error) => panic!("{what}: {error}"),
    }
}

/// What is found in a folder; nothing where there is no store in it at all.
fn verify(damaged: &Files, what: &str) -> Option<bespoke::engine::Verified> {
    let disk = folder(damaged);
    let found = Engine::verify_disk(disk.clone());
    assert!(files(&disk) == *damaged, "{what}: looking has changed something");
    match found {
        Ok(found) => Some(found),
        Err(Error::Storage(error)) if error.io_kind() == Some(std::io::ErrorKind::NotFound) => None,
        Err(error) => panic!("{what}: {error}"),
    }
}

#[test]
fn a_flipped_byte_is_an_error_or_does_no_harm() {
    for seed in 0..runs(1) {
        let (whole, state) = small(seed);
        let rng = &mut fastrand::Rng::with_seed(seed);
        for (name, bytes) in &whole {
            let step = (bytes.len() / 60).max(1);
            for at in (0..bytes.len()).step_by(step) {
                let at = (at + rng.usize(0..step)).min(bytes.len() - 1);
                let bit = 1 << rng.u32(0..8);
                let mut damaged = whole.clone();
                damaged.get_mut(name).unwrap()[at] ^= bit;
                check(&damaged, &state, &format!("seed {seed}, bit {bit} of byte {at} of {name}"));
            }
        }
    }
}

#[test]
fn a_file_that_is_cut_off_is_an_error_or_does_no_harm() {
    for seed in 0..runs(1) {
        let (whole, state) = small(seed);
        let rng = &mut fastrand::Rng::with_seed(seed);
        for (name, bytes) in &whole {
            let step = (bytes.len() / 40).max(1);
            for len in (0..bytes.len()).step_by(step) {
                let len = (len + rng.usize(0..step)).min(bytes.len() - 1);
                let mut damaged = whole.clone();
                damaged.get_mut(name).unwrap().truncate(len);
                check(&damaged, &state, &format!("seed {seed}, {name} cut to {len}"));
            }
        }
    }
}

#[test]
fn a_file_that_is_missing_is_an_error() {
    for seed in 0..runs(4) {
        let (whole, _) = small(seed);
        for name in whole.keys() {
            let mut damaged = whole.clone();
            damaged.remove(name);
            let what = format!("seed {seed}, without {name}");
            let Err(Error::Storage(error)) = read(&damaged) else { panic!("{what}: it opens") };
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}");
            assert!(!verify(&damaged, &what).unwrap().is_sound(), "{what}");
        }
    }
}

#[test]
fn what_is_damaged_is_named_with_its_place() {
    let (whole, _) = small(3);
    let sound = verify(&whole, "whole").unwrap();
    assert!(sound.is_sound(), "{:?}", sound.damages);
    assert!(sound.users > 2 && sound.records > sound.users && sound.inputs > 0, "{sound:?}");
    let heap = whole.keys().find(|name| name.starts_with("heap-")).unwrap();
    let journal = whole.keys().rfind(|name| name.starts_with("journal-")).unwrap();
    // The last byte of each is of its last record, the key of somebody is in the middle of the keys.
    for (name, at) in [(heap, whole[heap].len() - 1), (journal, whole[journal].len() - 1)] {
        let mut damaged = whole.clone();
        damaged.get_mut(name).unwrap()[at] ^= 1;
        let found = verify(&damaged, name).unwrap();
        let [damage] = &found.damages[..] else { panic!("{name}: {:?}", found.damages) };
        assert_eq!(damage.file(), Some(name.as_str()));
        assert!(damage.position().unwrap() <= at as u64, "{damage}");
    }
}

#[test]
fn only_a_store_that_nobody_has_open_can_be_looked_through() {
    let disk = bespoke::storage::MemoryDisk::new();
    let Err(Error::Storage(error)) = Engine::verify_disk(disk.clone()) else { panic!("nothing is there") };
    assert_eq!(error.io_kind(), Some(std::io::ErrorKind::NotFound));
    assert!(files(&disk).is_empty());
    let engine = crate::small::SETTING.open(disk.clone(), false).unwrap();
    let Err(Error::Storage(error)) = Engine::verify_disk(disk.clone()) else { panic!("it is open") };
    assert_eq!(error.kind(), ErrorKind::InUse);
    drop(engine);
    assert!(Engine::verify_disk(disk).unwrap().is_sound());
}
