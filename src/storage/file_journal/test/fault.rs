//! Every call fails in turn: what was asked for has not happened, and it goes on.

use super::{Group, append, copy, group, open};
use crate::storage::{Disk, ErrorKind, Fault, FaultyDisk, FolderDisk, Journal, Level, MemoryDisk};
use std::io;

/// What is done to a journal; each step either works, or changes nothing.
#[derive(Clone, Copy, Debug)]
enum Step {
    Append,
    AppendSynced,
    Sync,
    Roll,
    Drop,
}

const STEPS: [Step; 16] = {
    use Step::{Append, AppendSynced, Drop, Roll, Sync};
    [
        Append,
        Append,
        Sync,
        Append,
        Roll,
        Append,
        Append,
        Sync,
        AppendSynced,
        Roll,
        AppendSynced,
        Append,
        Roll,
        Drop,
        AppendSynced,
        Append,
    ]
};

/// The oldest input that is needed once `Drop` was done.
const DROPPED: usize = 3;

fn run(
    journal: &mut super::FileJournal,
    step: Step,
    groups: &mut Vec<Group>,
) -> Result<(), crate::storage::Error> {
    let group = group(journal.next());
    match step {
        Step::Append => {
            journal.append_at(Level::Written, group.count, &group.payload).map(|_| groups.push(group))
        }
        Step::AppendSynced => {
            journal.append_at(Level::Synced, group.count, &group.payload).map(|_| groups.push(group))
        }
        Step::Sync => journal.sync(),
        Step::Roll => journal.roll(),
        Step::Drop => journal.drop_before(groups[DROPPED].first),
    }
}

fn faults() -> Vec<Fault> {
    let kinds =
        [io::ErrorKind::StorageFull, io::ErrorKind::ReadOnlyFilesystem, io::ErrorKind::PermissionDenied];
    let ways = [|fault| fault, Fault::halfway, Fault::when_done];
    let both = kinds.into_iter().zip(ways);
    both.flat_map(|(kind, way)| [way(Fault::once(kind)), way(Fault::lasting(kind))]).collect()
}

/// Lets one call fail; then heals the disk and does the step again, or opens it anew as after the end of the process.
fn fail_at(call: u64, fault: Fault, ends: bool) -> bool {
    let what = format!("call {call}, {fault:?}, ends: {ends}");
    let memory = MemoryDisk::new();
    let disk = FaultyDisk::new(memory.clone());
    let (mut journal, ..) = open(&disk, 0).unwrap();
    let mut groups = Vec::<Group>::new();
    let mut failed = false;
    let mut from = 0;
    disk.fail(disk.calls() + call, fault);
    for step in STEPS {
        let next = journal.next();
        if matches!(step, Step::Drop) {
            from = groups[DROPPED].first;
        }
        if let Err(error) = run(&mut journal, step, &mut groups) {
            failed = true;
            assert_eq!(error.kind(), ErrorKind::Io, "{what}: {error}");
            assert_eq!(journal.next(), next, "{what}: {error}");
            if ends {
                disk.heal();
                drop(journal);
                let (again, read, lost) = open(&disk, from).unwrap_or_else(|error| panic!("{what}: {error}"));
                let wanted: Vec<_> = groups.iter().filter(|group| group.first >= from).cloned().collect();
                // What was done although it failed, and could not be taken back, may be there.
                let in_doubt = fault.is_lasting() && (fault.is_done() || matches!(step, Step::AppendSynced));
                let is_there =
                    in_doubt && read.len() == wanted.len() + 1 && read.last() == Some(&group(next));
                assert!(read == wanted || is_there && read.starts_with(&wanted), "{what}, {step:?}: {error}");
                assert_eq!(lost, 0, "{what}");
                groups.extend(read.last().filter(|_| is_there).cloned());
                journal = again;
                continue;
            }
            // Still the same error, and still nothing has happened.
            if fault.is_lasting() {
                run(&mut journal, step, &mut groups).unwrap_err();
                assert_eq!(journal.next(), next, "{what}");
            }
            disk.heal();
            run(&mut journal, step, &mut groups).unwrap_or_else(|error| panic!("{what}: again {error}"));
        }
    }
    disk.heal();
    journal.sync().unwrap_or_else(|error| panic!("{what}: sync {error}"));
    for disk in [copy(&memory), memory.crash(call)] {
        let (_, read, lost) = open(&disk, from).unwrap_or_else(|error| panic!("{what}: at the end {error}"));
        assert_eq!((&read[..], lost), (&groups[DROPPED..], 0), "{what}: at the end");
    }
    failed
}

#[test]
fn every_call_may_fail_and_it_goes_on() {
    let mut failed = 0;
    for fault in faults() {
        for call in 0..70 {
            for ends in [false, true] {
                failed += usize::from(fail_at(call, fault, ends));
            }
        }
    }
    assert!(failed > 500, "{failed}");
}

/// After a sync that failed the system takes for written what never reached the disk.
#[test]
fn what_a_failed_sync_forgot_is_written_again() {
    for seed in 0..100 {
        let memory = MemoryDisk::new();
        let disk = FaultyDisk::new(memory.clone());
        let (mut journal, ..) = open(&disk, 0).unwrap();
        let mut groups = Vec::new();
        append(&mut journal, &mut groups);
        journal.sync().unwrap();
        append(&mut journal, &mut groups);
        journal.roll().unwrap();
        (0..3).for_each(|_| append(&mut journal, &mut groups));

        disk.fail(disk.calls() + seed % 3, Fault::once(io::ErrorKind::Other));
        let failed = journal.sync().is_err();
        memory.forget_unsynced(if seed % 3 == 0 { "journal-00000001" } else { "journal-00000002" });
        if seed % 2 == 0 && failed {
            // A group that is refused on the way does not hinder it.
            disk.fail(disk.calls() + 1, Fault::once(io::ErrorKind::Other));
            let _ = journal.append_at(Level::Synced, 1, b"refused");
        }
        if failed {
            journal.sync().unwrap();
            let (_, read, lost) = open(&memory.crash(seed), 0).unwrap();
            assert_eq!((read, lost), (groups, 0), "seed {seed}");
        }
    }
}

#[test]
fn a_file_that_was_removed_is_an_error_until_another_is_begun() {
    let (disk, mut groups) = (MemoryDisk::new(), Vec::new());
    let (mut journal, ..) = open(&disk, 0).unwrap();
    append(&mut journal, &mut groups);
    disk.remove("journal-00000001").unwrap();
    for _ in 0..2 {
        let error = journal.append_at(Level::Written, 1, b"nowhere").unwrap_err();
        assert_eq!(error.io_kind(), Some(io::ErrorKind::NotFound), "{error}");
        let error = journal.sync().unwrap_err();
        assert_eq!(error.io_kind(), Some(io::ErrorKind::NotFound), "{error}");
    }
    let from = journal.next();
    assert_eq!(from, groups[0].first + u64::from(groups[0].count));
    journal.roll().unwrap();
    append(&mut journal, &mut groups);
    let (_, read, lost) = open(&disk, from).unwrap();
    assert_eq!((&read[..], lost), (&groups[1..], 0));
}

#[test]
fn a_folder_that_vanished_is_an_error_until_it_is_back() {
    let base = std::env::temp_dir().join(format!("bespoke-journal-{}", std::process::id()));
    let (path, away) = (base.join("store"), base.join("away"));
    let (disk, mut groups) = (FolderDisk::new(&path).unwrap(), Vec::new());
    let (mut journal, ..) = open(&disk, 0).unwrap();
    append(&mut journal, &mut groups);

    // Moved: the file is still the same one, another cannot be begun.
    std::fs::rename(&path, &away).unwrap();
    append(&mut journal, &mut groups);
    let error = journal.roll().unwrap_err();
    assert_eq!(error.io_kind(), Some(io::ErrorKind::NotFound), "{error}");
    append(&mut journal, &mut groups);
    std::fs::rename(&away, &path).unwrap();
    journal.roll().unwrap();
    append(&mut journal, &mut groups);
    journal.sync().unwrap();
    assert_eq!(open(&disk, 0).unwrap().1, groups);

    // Removed: it takes nothing, and goes on once there is a folder again and a checkpoint has begun another file.
    std::fs::remove_dir_all(&path).unwrap();
    for _ in 0..2 {
        let error = journal.append_at(Level::Written, 1, b"nowhere").unwrap_err();
        assert_eq!(error.io_kind(), Some(io::ErrorKind::NotFound), "{error}");
        assert!(error.to_string().contains("journal-00000002"), "{error}");
    }
    assert_eq!(journal.roll().unwrap_err().io_kind(), Some(io::ErrorKind::NotFound));
    std::fs::create_dir_all(&path).unwrap();
    journal.roll().unwrap();
    let from = journal.next();
    append(&mut journal, &mut groups);
    assert_eq!(open(&disk, from).unwrap().1[..], groups[4..]);
    std::fs::remove_dir_all(&base).unwrap();
}
