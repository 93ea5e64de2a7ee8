//! (f) Of 100 000 profiles, each written five times, 100 spread over the keys are removed. Of how many are bytes still
//! found in the files, and what does it cost to get rid of them by the store's own means?
use crate::SEED;
use bespoke_stores::{Level, Result, Store, files, open, profile, size};
use std::{
    collections::{HashMap, HashSet},
    fs,
    path::Path,
    time::Instant,
};

const PROFILES: u64 = 100_000;
/// Each thousandth one is removed.
const STRIDE: u64 = 1_000;
const VERSIONS: u64 = 5;

pub(crate) fn table() -> Result<()> {
    println!(
        "\nresidue: {PROFILES} profiles, written {VERSIONS} times, each {STRIDE}th removed and synced; those still found in the files"
    );
    println!("{:<6} {:<52} {:>9} {:>9} {:>10}", "store", "after", "found", "ms", "MB written");
    for name in ["fjall", "redb"] {
        let folder = tempfile::tempdir()?;
        let folder = folder.path();
        let mut store = open(name, folder)?;
        for version in 0..VERSIONS {
            fill(store.as_mut(), version)?;
        }
        store.flush()?;
        let step = |what: &str, run: &mut dyn FnMut() -> Result<()>| -> Result<()> {
            let (start, before) = (Instant::now(), written()?);
            run()?;
            let (ms, mb) = (start.elapsed().as_millis(), (written()? - before) as f64 / 1e6);
            println!("{name:<6} {what:<52} {:>9} {ms:>9} {mb:>10.2}", found(folder)?);
            Ok(())
        };
        step("removing and syncing", &mut || remove(store.as_mut()))?;
        step("compacting", &mut || store.compact())?;
        step("compacting again", &mut || store.compact())?;
        drop(store);
        let mut store = open(name, folder)?;
        step("closing, opening", &mut || Ok(()))?;
        step("writing all others again", &mut || {
            fill(store.as_mut(), VERSIONS)?;
            remove(store.as_mut())
        })?;
        step("compacting", &mut || store.compact())?;
        drop(store);
        println!(
            "{name:<6} size of the folder then: {:.1} MB, of the records: {:.1} MB",
            size(folder)?.0 as f64 / 1e6,
            PROFILES as f64 * 358e-6
        );
    }
    println!("MB written: bytes handed to the system by this process");
    Ok(())
}

fn remove(store: &mut dyn Store) -> Result<()> {
    (0..PROFILES).step_by(STRIDE as usize).try_for_each(|key| store.remove(key))
}

/// Writes a version of all profiles; those to be removed only up to the version that they are removed in.
fn fill(store: &mut dyn Store, version: u64) -> Result<()> {
    for first in (0..PROFILES).step_by(1000) {
        let keys = (first..first + 1000).filter(|key| version < VERSIONS || key % STRIDE != 0);
        store.put(&keys.map(|key| (key, profile(SEED, key, version))).collect::<Vec<_>>(), Level::Synced)?;
    }
    Ok(())
}

/// Of how many removed profiles some bytes of some version are in the files (any 16 in a row).
fn found(folder: &Path) -> Result<usize> {
    let mut pieces = HashMap::new();
    let mut starts = vec![false; 1 << 16];
    let start = |piece: &[u8]| usize::from(piece[0]) << 8 | usize::from(piece[1]);
    for key in (0..PROFILES).step_by(STRIDE as usize) {
        for version in 0..VERSIONS {
            for piece in profile(SEED, key, version).windows(16).step_by(16) {
                starts[start(piece)] = true;
                pieces.insert(piece.to_vec(), key);
            }
        }
    }
    let mut keys = HashSet::new();
    for file in files(folder)? {
        // A file that is gone by now holds nothing.
        for window in fs::read(file).unwrap_or_default().windows(16) {
            if starts[start(window)] {
                keys.extend(pieces.get(window).copied());
            }
        }
    }
    Ok(keys.len())
}

/// Bytes that this process has handed to the system.
fn written() -> Result<u64> {
    let io = fs::read_to_string("/proc/self/io")?;
    Ok(io.lines().find_map(|line| line.strip_prefix("wchar: ")).ok_or("no wchar")?.parse()?)
}
