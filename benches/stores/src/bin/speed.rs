//! Times of what bespoke does most, as ratios to a plain file with checksums (appending) or between the stores
//! (reading, writing again). Three rounds in turn; medians. Only to be believed on a quiet machine.
use bespoke_stores::{Level, Result, STORES, Store, group, heading, open, profile, size};
use std::{
    fs,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

const SEED: u64 = 20_260_401;
const ROUNDS: usize = 3;
const GROUPS: u64 = 1_000;
const RECORDS: usize = 1_000;
/// Groups at level synced, where the disk is what is measured.
const SYNCED: u64 = 200;
const PROFILES: u64 = 1_000_000;
const READS: u64 = 200_000;
const BATCH: usize = 1_000;
const UPSERTS: usize = 300;

/// What one round of one store took: nanoseconds a record (appending, reading, writing), bytes a profile.
#[derive(Clone, Copy, Default)]
struct Round {
    append: [f64; 2],
    load: f64,
    read: f64,
    upsert: f64,
    disk: [f64; 2],
}

fn main() -> Result<()> {
    println!("{}; {ROUNDS} rounds", heading(SEED));
    let mut plain = Vec::new();
    let mut rounds = vec![Vec::new(); STORES.len()];
    for _ in 0..ROUNDS {
        plain.push([Level::Written, Level::Synced].map(|level| file(level).unwrap_or(f64::NAN)));
        for (store, rounds) in STORES.iter().zip(&mut rounds) {
            rounds.push(round(store)?);
        }
    }
    let file = [0, 1].map(|level| median(plain.iter().map(|p| p[level])));
    println!(
        "\nappending groups of {RECORDS} records of 120 bytes, each acknowledged: times a plain file with checksums"
    );
    println!(
        "{:<12} {:>8} {:>8}   (plain file: {:.0} ns a record written, {:.0} synced)",
        "store", "written", "synced", file[0], file[1]
    );
    for (store, rounds) in STORES.iter().zip(&rounds) {
        let times = [0, 1].map(|level| median(rounds.iter().map(|r| r.append[level])) / file[level]);
        println!("{store:<12} {:>8.1} {:>8.1}", times[0], times[1]);
    }
    println!("\n{PROFILES} profiles of 350 bytes, level written: times fjall; bytes a profile in the folder");
    println!(
        "{:<12} {:>10} {:>12} {:>14} {:>12} {:>14}",
        "store", "load", "random read", "zipf upsert", "bytes loaded", "bytes upserted"
    );
    let of = |n: usize, get: fn(&Round) -> f64| median(rounds[n].iter().map(get));
    for (n, store) in STORES.iter().enumerate() {
        let times = |get: fn(&Round) -> f64| of(n, get) / of(0, get);
        println!(
            "{store:<12} {:>10.2} {:>12.2} {:>14.2} {:>12.0} {:>14.0}",
            times(|r| r.load),
            times(|r| r.read),
            times(|r| r.upsert),
            of(n, |r| r.disk[0]),
            of(n, |r| r.disk[1])
        );
    }
    println!(
        "(fjall: {:.0} ns a loaded, {:.0} a read, {:.0} an upserted profile)",
        of(0, |r| r.load),
        of(0, |r| r.read),
        of(0, |r| r.upsert)
    );
    Ok(())
}

/// Appends all groups to a plain file, each with length and checksum.
fn file(level: Level) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let mut file = fs::File::create(folder.path().join("journal"))?;
    appending(level, &mut |_, group| {
        let mut frame = Vec::with_capacity(group.len() + 8);
        frame.extend_from_slice(&(group.len() as u32).to_le_bytes());
        frame.extend_from_slice(&crc32fast::hash(group).to_le_bytes());
        frame.extend_from_slice(group);
        file.write_all(&frame)?;
        if level == Level::Synced {
            file.sync_data()?
        }
        Ok(())
    })
}

/// Nanoseconds a record of appending groups that are made before.
fn appending(level: Level, append: &mut dyn FnMut(u64, &[u8]) -> Result<()>) -> Result<f64> {
    let made: Vec<_> = (0..50).map(|position| group(SEED, position, RECORDS)).collect();
    let count = if level == Level::Synced { SYNCED } else { GROUPS };
    let start = Instant::now();
    for position in 0..count {
        append(position, &made[position as usize % made.len()])?;
    }
    Ok(start.elapsed().as_nanos() as f64 / (count * RECORDS as u64) as f64)
}

fn round(name: &str) -> Result<Round> {
    let mut round = Round::default();
    for (n, level) in [Level::Written, Level::Synced].into_iter().enumerate() {
        let folder = tempfile::tempdir()?;
        let mut store = open(name, folder.path())?;
        round.append[n] = appending(level, &mut |position, group| store.append(position, group, level))?;
    }
    let folder = tempfile::tempdir()?;
    let mut store = open(name, folder.path())?;
    let mut rng = fastrand::Rng::with_seed(SEED);
    let mut took = Duration::ZERO;
    for first in (0..PROFILES).step_by(BATCH) {
        took += put(store.as_mut(), (first..first + BATCH as u64).map(|key| (key, profile(SEED, key, 0))))?;
    }
    round.load = took.as_nanos() as f64 / PROFILES as f64;
    store = settled(store, name, folder.path())?;
    round.disk[0] = size(folder.path())?.0 as f64 / PROFILES as f64;
    let keys: Vec<u64> = (0..READS).map(|_| rng.u64(..PROFILES)).collect();
    let start = Instant::now();
    for key in keys {
        store.profile(key)?.ok_or("a profile is missing")?;
    }
    round.read = start.elapsed().as_nanos() as f64 / READS as f64;
    took = Duration::ZERO;
    for version in 1..=UPSERTS {
        // Zipf with exponent 1: the logarithm of the rank is even. Ranks are spread over the keys.
        let keys = (0..BATCH)
            .map(|_| (PROFILES as f64).powf(rng.f64()) as u64 * 7_919 % PROFILES)
            .collect::<Vec<_>>();
        took += put(store.as_mut(), keys.into_iter().map(|key| (key, profile(SEED, key, version as u64))))?;
    }
    round.upsert = took.as_nanos() as f64 / (UPSERTS * BATCH) as f64;
    drop(settled(store, name, folder.path())?);
    round.disk[1] = size(folder.path())?.0 as f64 / PROFILES as f64;
    Ok(round)
}

fn put(store: &mut dyn Store, batch: impl Iterator<Item = (u64, Vec<u8>)>) -> Result<Duration> {
    let batch: Vec<_> = batch.collect();
    let start = Instant::now();
    store.put(&batch, Level::Written)?;
    Ok(start.elapsed())
}

/// Flushes, closes (which syncs) and opens again.
fn settled(mut store: Box<dyn Store>, name: &str, folder: &Path) -> Result<Box<dyn Store>> {
    store.flush()?;
    drop(store);
    open(name, folder)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
