//! The power goes: what was synced is there, and what else is there is a beginning of what was written.

use super::{append, copy, group, open, three_files};
use crate::storage::{FaultyDisk, Journal, Level, MemoryDisk};

const SEEDS: u64 = 400;

/// After a crash: as many groups as were synced at least, the right ones, and it goes on.
fn check(disk: &MemoryDisk, groups: &mut Vec<super::Group>, synced: usize, what: &str) -> u64 {
    let (mut journal, read, lost) = open(disk, 0).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(groups.starts_with(&read), "{what}: other groups");
    assert!(read.len() >= synced, "{what}: {} groups of {synced} that were synced", read.len());
    groups.truncate(read.len());
    append(&mut journal, groups);
    drop(journal);
    assert_eq!(&open(disk, 0).unwrap().1, groups, "{what}: opened again");
    lost
}

#[test]
fn what_was_written_is_lost_from_its_end() {
    let (mut with_loss, mut told) = (0, 0);
    for seed in 0..SEEDS {
        let (mut disk, mut groups, mut dice) =
            (MemoryDisk::new(), Vec::new(), fastrand::Rng::with_seed(seed));
        for crash in 0..4 {
            let what = format!("seed {seed}, crash {crash}");
            let (mut journal, read, _) = open(&disk, 0).unwrap();
            assert_eq!(read, groups, "{what}");
            for _ in 0..dice.usize(..12) {
                if dice.u8(..5) == 0 {
                    journal.roll().unwrap();
                }
                append(&mut journal, &mut groups);
            }
            let all = groups.len();
            disk = disk.crash(dice.u64(..));
            let lost = check(&disk, &mut groups, 0, &what);
            with_loss += usize::from(groups.len() <= all);
            told += usize::from(lost > 0);
        }
    }
    // The crashes do take something away, and mostly it is known how much.
    assert!(with_loss > 500 && told > 100, "{with_loss} losses, {told} told");
}

#[test]
fn what_was_synced_is_there() {
    for seed in 0..SEEDS {
        let (mut disk, mut groups, mut dice) =
            (MemoryDisk::new(), Vec::new(), fastrand::Rng::with_seed(seed));
        let mut synced = 0;
        for crash in 0..4 {
            let what = format!("seed {seed}, crash {crash}");
            let (mut journal, read, _) = open(&disk, 0).unwrap();
            assert_eq!(read, groups, "{what}");
            for _ in 0..dice.usize(..12) {
                match dice.u8(..8) {
                    0 => journal.roll().unwrap(),
                    1 => {
                        journal.sync().unwrap();
                        synced = groups.len();
                    }
                    2..5 => {
                        let group = group(journal.next());
                        journal.append_at(Level::Synced, group.count, &group.payload).unwrap();
                        groups.push(group);
                        synced = groups.len();
                    }
                    _ => append(&mut journal, &mut groups),
                }
            }
            disk = disk.crash(dice.u64(..));
            let lost = check(&disk, &mut groups, synced, &what);
            assert!(groups.len() > synced || lost == 0, "{what}");
        }
    }
}

/// The disk has all that happened before some call, and nothing after it: the process is killed at every call.
#[test]
fn a_process_may_end_at_every_call() {
    let mut call = 0;
    loop {
        let (memory, mut groups) = (MemoryDisk::new(), Vec::new());
        let disk = FaultyDisk::new(memory.clone());
        disk.fail(call, crate::storage::Fault::lasting(std::io::ErrorKind::Other).halfway());
        let mut asked = None;
        if let Ok((mut journal, ..)) = open(&disk, 0) {
            for step in 0..12 {
                if step % 4 == 3 && journal.roll().is_err() {
                    break;
                }
                let group = group(journal.next());
                if journal.append_at(Level::Written, group.count, &group.payload).is_err() {
                    asked = Some(group);
                    break;
                }
                groups.push(group);
            }
        }
        let (mut journal, read, lost) =
            open(&copy(&memory), 0).unwrap_or_else(|error| panic!("call {call}: {error}"));
        assert_eq!((&read, lost), (&groups, 0), "call {call}");
        append(&mut journal, &mut groups);
        if asked.is_none() && disk.calls() < call {
            break;
        }
        call += 1;
    }
    assert!(call > 30);
}

#[test]
fn a_checkpoint_may_be_newer_than_the_journal() {
    let mut newer = 0;
    for seed in 0..SEEDS {
        let (disk, mut groups) = three_files();
        let (mut journal, ..) = open(&disk, 0).unwrap();
        let from = journal.next();
        append(&mut journal, &mut groups);
        // All before `from` is in a checkpoint that was synced.
        let disk = disk.crash(seed);
        let (mut journal, read, _) = open(&disk, from).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert!(groups[15..].starts_with(&read), "seed {seed}");
        newer += usize::from(read.is_empty());
        groups.truncate(15 + read.len());
        assert_eq!(
            journal.next(),
            from + read.iter().map(|group| u64::from(group.count)).sum::<u64>(),
            "seed {seed}"
        );
        append(&mut journal, &mut groups);
        let (_, read, lost) = open(&disk, from).unwrap();
        assert_eq!((&read[..], lost), (&groups[15..], 0), "seed {seed}");
    }
    assert!(newer > 100, "{newer}");
}

/// What a repair has removed and cut stays so, wherever the power goes during it.
#[test]
fn the_power_may_go_while_it_is_repaired() {
    for seed in 0..SEEDS {
        let (disk, groups) = three_files();
        let disk = disk.crash(seed);
        let Ok((_, read, _)) = open(&copy_with_boot(&disk), 0) else { panic!("seed {seed}") };
        let mut call = 0;
        loop {
            let memory = copy_with_boot(&disk);
            let faulty = FaultyDisk::new(memory.clone());
            faulty.fail(call, crate::storage::Fault::lasting(std::io::ErrorKind::Other));
            let is_done = open(&faulty, 0).is_ok();
            for disk in [memory.crash(seed + call), memory] {
                let what = format!("seed {seed}, call {call}");
                let (_, again, _) = open(&disk, 0).unwrap_or_else(|error| panic!("{what}: {error}"));
                assert!(groups.starts_with(&again), "{what}");
                assert_eq!(again, read, "{what}");
            }
            if is_done {
                break;
            }
            call += 1;
        }
    }
}

/// The same files after another start, all of them synced.
fn copy_with_boot(disk: &MemoryDisk) -> MemoryDisk {
    disk.crash(0)
}
