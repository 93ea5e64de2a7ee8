//! (a) A child writes groups and, each eighth time, 64 profiles, and says what was acknowledged; it is killed with
//! SIGKILL at a random instant, ten times in one folder. Is all that was acknowledged there when it is opened?
use crate::{SEED, command};
use bespoke_stores::{Level, Result, STORES, group, open, profile};
use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    time::{Duration, Instant},
};

const KILLS: usize = 100;
const RECORDS: usize = 20;

pub(crate) fn table() -> Result<()> {
    println!(
        "\nkill: {KILLS} kills each; groups of {RECORDS} records of 120 bytes, each eighth time 64 profiles of 350"
    );
    println!(
        "{:<12} {:<8} {:>9} {:>8} {:>8} {:>8} {:>8} {:>8} {:>12}",
        "store", "level", "acked", "missing", "wrong", "profiles", "lossy", "unopened", "ns a record"
    );
    for store in STORES {
        for level in [Level::Written, Level::Synced] {
            row(store, level)?;
        }
    }
    println!(
        "acked: groups; missing, wrong: of them; profiles: older than acknowledged; lossy, unopened: kills after"
    );
    println!(
        "which something was missing or opening failed; ns a record: median of all appends, acknowledged one by one"
    );
    Ok(())
}

#[derive(Default)]
struct Count {
    acked: u64,
    missing: u64,
    wrong: u64,
    profiles: u64,
    lossy: u64,
    unopened: u64,
}

fn row(store: &str, level: Level) -> Result<()> {
    let mut rng = fastrand::Rng::with_seed(SEED);
    let mut count = Count::default();
    let mut nanos = Vec::new();
    for _ in 0..KILLS / 10 {
        let folder = tempfile::tempdir()?;
        let mut from = 0;
        for _ in 0..10 {
            let wait = Duration::from_micros(rng.u64(500..40_000));
            let acked = killed(store, level, folder.path(), from, wait, &mut nanos)?;
            let end = acked.map_or(from, |a| a + 1);
            count.acked += end - from;
            match after(store, folder.path(), end, &mut count) {
                Ok(next) => from = next,
                Err(error) => {
                    eprintln!("{store} {level:?}: {error}");
                    count.unopened += 1;
                    break;
                }
            }
        }
    }
    nanos.sort_unstable();
    println!(
        "{store:<12} {:<8} {:>9} {:>8} {:>8} {:>8} {:>8} {:>8} {:>12}",
        format!("{level:?}"),
        count.acked,
        count.missing,
        count.wrong,
        count.profiles,
        count.lossy,
        count.unopened,
        nanos[nanos.len() / 2] / RECORDS as u64
    );
    Ok(())
}

/// Starts a child that goes on at a position, kills it, and gives the last position that it acknowledged.
fn killed(
    store: &str,
    level: Level,
    folder: &Path,
    from: u64,
    wait: Duration,
    nanos: &mut Vec<u64>,
) -> Result<Option<u64>> {
    let folder = folder.to_str().ok_or("the folder's name is not text")?;
    let level = format!("{level:?}");
    let mut child = command(&["kill", store, &level, folder, &from.to_string()])?.spawn()?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("no pipe")?);
    lines.read_line(&mut String::new())?;
    let reader = std::thread::spawn(move || {
        let mut all = Vec::new();
        let mut line = String::new();
        while lines.read_line(&mut line).is_ok_and(|n| n > 0) && line.ends_with('\n') {
            all.push(std::mem::take(&mut line));
        }
        all
    });
    std::thread::sleep(wait);
    child.kill()?;
    child.wait()?;
    let mut last = None;
    for line in reader.join().map_err(|_| "the reader panicked")? {
        let (position, took) = line.trim().split_once(' ').ok_or("not a line of ours")?;
        last = Some(position.parse()?);
        nanos.push(took.parse()?);
    }
    Ok(last)
}

/// Opens what was killed, counts what is missing below `end`, and gives the position to go on at.
fn after(store: &str, folder: &Path, end: u64, count: &mut Count) -> Result<u64> {
    let store = open(store, folder)?;
    let missing = count.missing;
    for position in 0..end {
        match store.group(position)? {
            None => count.missing += 1,
            Some(bytes) if bytes != group(SEED, position, RECORDS) => count.wrong += 1,
            Some(_) => {}
        }
    }
    if let Some(newest) = end.checked_sub(1).map(|last| last / 8 * 8) {
        for key in 0..64 {
            let found = store.profile(key)?;
            // The next one may have been written without its acknowledgement having been said.
            let good = [newest, newest + 8].iter().any(|v| found.as_ref() == Some(&profile(SEED, key, *v)));
            count.profiles += u64::from(!good);
        }
    }
    count.lossy += u64::from(count.missing > missing);
    Ok(store.groups()?.last().map_or(0, |(position, _)| position + 1))
}

pub(crate) fn child(args: &[&str]) -> Result<()> {
    let [store, level, folder, from] = args else { panic!("child kill: store level folder from") };
    let level = if *level == "Synced" { Level::Synced } else { Level::Written };
    let mut store = open(store, Path::new(folder))?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "open")?;
    for position in from.parse::<u64>()?.. {
        let bytes = group(SEED, position, RECORDS);
        if position % 8 == 0 {
            let profiles: Vec<_> = (0..64).map(|key| (key, profile(SEED, key, position))).collect();
            store.put(&profiles, level)?;
        }
        let start = Instant::now();
        store.append(position, &bytes, level)?;
        writeln!(out, "{position} {}", start.elapsed().as_nanos())?;
    }
    Ok(())
}
