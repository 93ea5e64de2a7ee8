//! (b), (c) A store in which everything was acknowledged at level synced, half of it flushed to where it ends up; then
//! one byte flipped in one file, or one file's end cut. What does a reader get that opens it and reads all?
use crate::{SEED, command};
use bespoke_stores::{Level, Result, files, group, open, profile};
use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    os::unix::fs::FileExt,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

const GROUPS: u64 = 200;
const RECORDS: usize = 20;
const PROFILES: u64 = 500;
const CUTS: usize = 40;
/// What one reading can come to, from good to bad.
const CLASSES: [&str; 8] = ["right", "error", "panic", "abort", "hang", "fewer", "older", "other"];

pub(crate) fn table() -> Result<()> {
    println!(
        "\ndamage: {GROUPS} groups of {RECORDS} records, {PROFILES} profiles; one byte flipped or one end cut, then all is read"
    );
    let classes = CLASSES.map(|class| format!("{class:>6}")).join(" ");
    println!("store  closed  what  files        {classes} |   most  found");
    for store in ["fjall", "redb"] {
        for state in ["clean", "killed"] {
            rows(store, state)?;
        }
    }
    println!(
        "right: all as acknowledged; abort: ended by a signal. Without an error, that is silently: fewer: something"
    );
    println!(
        "acknowledged is not there; older: a record that was replaced; other: bytes never written (a seal would tell)."
    );
    println!(
        "most: records that are not right, the most in one reading; found: by the store's own check, if it has one"
    );
    Ok(())
}

#[derive(Default)]
struct Tally {
    classes: BTreeMap<String, u64>,
    most: u64,
    found: u64,
}

fn rows(store: &str, state: &str) -> Result<()> {
    let home = tempfile::tempdir()?;
    let (whole, folder) = (home.path().join("whole"), home.path().join("store"));
    fs::create_dir(&whole)?;
    let mut child = command(&["build", store, state, text(&whole)?])?.spawn()?;
    child.stdout.take().ok_or("no pipe")?.read_exact(&mut [0; 5])?;
    if state == "killed" {
        child.kill()?;
    }
    child.wait()?;
    restore(&whole, &folder)?;
    if read(store, &folder)?.trim() != "right" {
        return Err(format!("{store} {state}: what is not damaged reads wrong").into());
    }
    let files = files(&whole)?;
    let mut rng = fastrand::Rng::with_seed(SEED);
    let mut tallies: BTreeMap<(&str, String), Tally> = BTreeMap::new();
    for file in &files {
        let inner = file.strip_prefix(&whole)?;
        // fjall makes room ahead in its journal: what counts ends with the last byte that is not zero.
        let used = fs::read(file)?.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let places: Vec<usize> = if used <= 200 {
            (0..used).collect()
        } else {
            (0..100 + used / 500).map(|_| rng.usize(..used)).collect()
        };
        let cuts = (0..CUTS.min(used)).map(|n| if n < CUTS / 2 { n + 1 } else { rng.usize(1..=used) });
        let cuts: Vec<usize> = cuts.map(|cut| used - cut.min(used)).collect();
        let flips = places.into_iter().map(|place| ("flip", place));
        for (what, at) in flips.chain(cuts.into_iter().map(|end| ("cut", end))) {
            restore(&whole, &folder)?;
            let damaged = fs::OpenOptions::new().read(true).write(true).open(folder.join(inner))?;
            if what == "flip" {
                let mut byte = [0];
                damaged.read_exact_at(&mut byte, at as u64)?;
                damaged.write_all_at(&[byte[0] ^ rng.u8(1..)], at as u64)?;
            } else {
                damaged.set_len(at as u64)?;
            }
            count(&read(store, &folder)?, tallies.entry((what, kind(inner))).or_default())?;
        }
    }
    for ((what, kind), tally) in tallies {
        let counts =
            CLASSES.map(|class| format!("{:>6}", tally.classes.get(class).copied().unwrap_or(0))).join(" ");
        println!(
            "{store:<6} {state:<7} {what:<5} {kind:<12} {counts} | {:>6} {:>6}",
            tally.most, tally.found
        );
    }
    Ok(())
}

/// Makes the folder be as it was, with its empty folders and holes.
fn restore(whole: &Path, folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    let copied = Command::new("cp").args(["-a", text(whole)?, text(folder)?]).status()?;
    if copied.success() { Ok(()) } else { Err("the copy failed".into()) }
}

fn text(path: &Path) -> Result<&str> {
    Ok(path.to_str().ok_or("the folder's name is not text")?)
}

/// A file's kind: its extension, else its folder when that says what it is, else its name.
fn kind(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let parent = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    match path.extension() {
        Some(extension) => extension.to_string_lossy().into_owned(),
        None if parent == "tables" || parent == "blobs" => parent.into_owned(),
        None if name.starts_with('v') => "version".into(),
        None => name.into_owned(),
    }
}

/// Adds what a reading said, `class lost found`.
fn count(said: &str, tally: &mut Tally) -> Result<()> {
    let words: Vec<&str> = said.split_whitespace().collect();
    *tally.classes.entry(words[0].to_owned()).or_default() += 1;
    if let [_, lost, found] = words[..] {
        tally.most = tally.most.max(lost.parse()?);
        tally.found += u64::from(found == "true");
    }
    Ok(())
}

/// Reads a store in a child, which may panic, be ended by a signal, or not end.
fn read(store: &str, folder: &Path) -> Result<String> {
    let mut child = command(&["check", store, text(folder)?])?.spawn()?;
    let start = Instant::now();
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status,
            None if start.elapsed() > Duration::from_secs(10) => {
                child.kill()?;
                child.wait()?;
                return Ok("hang".into());
            }
            None => std::thread::sleep(Duration::from_micros(500)),
        }
    };
    let mut said = String::new();
    child.stdout.take().ok_or("no pipe")?.read_to_string(&mut said)?;
    Ok(match status.code() {
        Some(0) => said,
        Some(_) => "panic".into(),
        None => "abort".into(),
    })
}

pub(crate) fn build(args: &[&str]) -> Result<()> {
    let [name, state, folder] = args else { panic!("child build: store state folder") };
    let mut store = open(name, Path::new(folder))?;
    for position in 0..GROUPS {
        store.append(position, &group(SEED, position, RECORDS), Level::Synced)?;
        if position % 20 == 0 {
            let keys = (position / 20 % 5) * 100..;
            store.put(
                &keys.take(100).map(|key| (key, profile(SEED, key, position / 100))).collect::<Vec<_>>(),
                Level::Synced,
            )?;
        }
        if position == GROUPS / 2 - 1 {
            store.flush()?;
        }
    }
    if *state == "clean" {
        drop(store);
        println!("done");
        return Ok(());
    }
    println!("done");
    loop {
        std::thread::park();
    }
}

pub(crate) fn check(args: &[&str]) -> Result<()> {
    let [name, folder] = args else { panic!("child check: store folder") };
    match all(name, Path::new(folder)) {
        Ok((Silent { lost: 0, older: 0, other: 0 }, _)) => println!("right"),
        Ok((silent, found)) => {
            let class = if silent.other > 0 {
                "other"
            } else if silent.older > 0 {
                "older"
            } else {
                "fewer"
            };
            println!("{class} {} {found}", silent.lost + silent.older + silent.other);
        }
        Err(_) => println!("error"),
    }
    Ok(())
}

/// What was read without an error and is not as acknowledged.
#[derive(Default)]
struct Silent {
    lost: u64,
    older: u64,
    other: u64,
}

/// Reads all as a reader that stops at the first error; and whether the store's own check would have told.
fn all(name: &str, folder: &Path) -> Result<(Silent, bool)> {
    let mut store = open(name, folder)?;
    let mut silent = Silent::default();
    for (position, bytes) in store.groups()? {
        silent.other += u64::from(bytes != group(SEED, position, RECORDS));
    }
    for position in 0..GROUPS {
        match store.group(position)? {
            None => silent.lost += 1,
            Some(bytes) => silent.other += u64::from(bytes != group(SEED, position, RECORDS)),
        }
    }
    for key in 0..PROFILES {
        match store.profile(key)? {
            None => silent.lost += 1,
            Some(bytes) if bytes == profile(SEED, key, 1) => {}
            Some(bytes) if bytes == profile(SEED, key, 0) => silent.older += 1,
            Some(_) => silent.other += 1,
        }
    }
    let found = silent.lost + silent.older + silent.other > 0 && store.check() == Some(false);
    Ok((silent, found))
}
