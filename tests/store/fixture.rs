//! Stores that earlier versions wrote are opened by this one, and those of later ones are refused.

use crate::small::{Files, folder, read, small};
use bespoke::engine::{Engine, Error};
use bespoke::storage::ErrorKind;
use std::fs;
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

const FORMATS: [u32; 1] = [1];

fn place(format: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/store-{format}"))
}

fn fixture(format: u32) -> (Files, String) {
    let mut files: Files = fs::read_dir(place(format))
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
        })
        .collect();
    let state = String::from_utf8(files.remove("state.json").unwrap()).unwrap();
    (files, state)
}

#[test]
fn a_store_of_every_format_is_opened() {
    for format in FORMATS {
        let (files, state) = fixture(format);
        assert_eq!(read(&files).unwrap(), state, "format {format}");
        let found = Engine::verify_disk(folder(&files)).unwrap();
        assert!(found.is_sound() && found.inputs > 0 && found.users > 0, "format {format}: {found:?}");
    }
}

#[test]
fn a_store_of_a_newer_format_is_refused() {
    let (files, _) = small(1);
    for name in files.keys() {
        let mut newer = files.clone();
        let bytes = newer.get_mut(name).unwrap();
        bytes[8..12].copy_from_slice(&9_u32.to_le_bytes());
        let check = xxh3_64(&bytes[..16]);
        bytes[16..24].copy_from_slice(&check.to_le_bytes());
        for answer in [read(&newer).map(drop), Engine::verify_disk(folder(&newer)).map(drop)] {
            let Err(Error::Storage(error)) = answer else { panic!("{name}: {answer:?}") };
            assert_eq!(error.kind(), ErrorKind::TooNew, "{error}");
            assert_eq!(error.file(), Some(name.as_str()));
        }
    }
}

/// Writes the fixture of the newest format. To be run once for each, before it is released:
/// `cargo test --test store write_the_fixture -- --ignored`.
#[test]
#[ignore = "it writes into the tests' own folder"]
fn write_the_fixture() {
    let (files, state) = small(11);
    let place = place(FORMATS[FORMATS.len() - 1]);
    let _ = fs::remove_dir_all(&place);
    fs::create_dir_all(&place).unwrap();
    for (name, bytes) in &files {
        fs::write(place.join(name), bytes).unwrap();
    }
    fs::write(place.join("state.json"), state).unwrap();
}
