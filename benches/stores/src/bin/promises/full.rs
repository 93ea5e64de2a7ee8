//! (d) A small disk in memory is filled, then room is made. Does a failed write leave the store as it was, and does
//! it go on without being opened again?
use crate::{SEED, command};
use bespoke_stores::{Level, Result, STORES, Store, group, open};
use std::{io::Read, path::Path, process::Command};

const RECORDS: usize = 100;

pub(crate) fn table() -> Result<()> {
    println!(
        "\nfull: a disk of 16 MB, 4 MB of it ballast; groups of {RECORDS} records until one fails; ballast removed"
    );
    for store in STORES {
        for level in ["Written", "Synced"] {
            let home = tempfile::tempdir()?;
            let disk = home.path().join("disk");
            std::fs::create_dir(&disk)?;
            let name = disk.to_str().ok_or("the folder's name is not text")?;
            if !Command::new("mount")
                .args(["-t", "tmpfs", "-o", "size=16m", "tmpfs", name])
                .status()?
                .success()
            {
                println!("not asked: mounting is not allowed here");
                return Ok(());
            }
            let mut said = String::new();
            let mut child = command(&["full", store, level, name])?.spawn()?;
            child.stdout.take().ok_or("no pipe")?.read_to_string(&mut said)?;
            let status = child.wait()?;
            print!(
                "{store} {level}: {}",
                if status.success() { said } else { format!("{said} child: {status}\n") }
            );
            Command::new("umount").arg(name).status()?;
        }
    }
    Ok(())
}

pub(crate) fn child(args: &[&str]) -> Result<()> {
    let [name, level, disk] = args else { panic!("child full: store level disk") };
    let level = if *level == "Synced" { Level::Synced } else { Level::Written };
    let disk = Path::new(disk);
    let ballast = disk.join("ballast");
    std::fs::write(&ballast, vec![1; 4 << 20])?;
    let folder = disk.join("store");
    std::fs::create_dir(&folder)?;
    let mut store = open(name, &folder)?;
    let mut position = 0;
    let failed = loop {
        if let Err(error) = store.append(position, &group(SEED, position, RECORDS), level) {
            break error;
        }
        position += 1;
    };
    println!("group {position} failed: {failed}");
    println!("    before room: {}", state(store.as_ref(), position));
    std::fs::remove_file(&ballast)?;
    let again = store.append(position, &group(SEED, position, RECORDS), level);
    println!(
        "    append again with room: {}",
        again.as_ref().map_or_else(ToString::to_string, |()| "done".into())
    );
    println!("    after it: {}", state(store.as_ref(), position));
    drop(store);
    let mut store = open(name, &folder)?;
    println!("    opened again: {}", state(store.as_ref(), position));
    let again = store.append(position + 1, &group(SEED, position + 1, RECORDS), level);
    println!("    append then: {}", again.map_or_else(|e| e.to_string(), |()| "done".into()));
    Ok(())
}

/// What a reader sees of the groups that were acknowledged and of the one that was refused.
fn state(store: &dyn Store, refused: u64) -> String {
    let (mut right, mut missing, mut wrong, mut errors) = (0, 0, 0, 0);
    for position in 0..refused {
        match store.group(position) {
            Ok(None) => missing += 1,
            Ok(Some(bytes)) if bytes == group(SEED, position, RECORDS) => right += 1,
            Ok(Some(_)) => wrong += 1,
            Err(_) => errors += 1,
        }
    }
    let seen = match store.group(refused) {
        Ok(None) => "not there",
        Ok(Some(_)) => "there",
        Err(_) => "an error",
    };
    format!("{right} right, {missing} missing, {wrong} wrong, {errors} errors; the refused group is {seen}")
}
