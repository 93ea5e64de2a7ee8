//! Damage: an error, or every group; never fewer, never others.

use super::{Group, append, bytes, copy, open, open_with, put, three_files};
use crate::storage::{Disk, Error, ErrorKind, Journal, MemoryDisk};
use proptest::prelude::*;

/// Opens damaged files: from the first input on, and from one of the last file.
fn check(disk: &MemoryDisk, groups: &[Group], what: &str) {
    let late = groups[11].first;
    for (from, wanted) in [(0, groups), (late, &groups[11..])] {
        match open(disk, from) {
            Ok((_, read, lost)) => assert!(read == wanted && lost == 0, "{what}, from {from}: other groups"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}");
                assert!(error.file().is_some_and(|file| file.contains("journal-")), "{what}: {error}");
            }
        }
    }
}

#[test]
fn every_flipped_bit_is_an_error_or_read_over() {
    let (disk, groups) = three_files();
    for name in disk.names().unwrap() {
        let whole = bytes(&disk, &name);
        for at in 0..whole.len() {
            let damaged = copy(&disk);
            let mut file = whole.clone();
            file[at] ^= 1 << (at % 8);
            put(&damaged, &name, &file);
            check(&damaged, &groups, &format!("{name}, byte {at}"));
        }
    }
}

#[test]
fn every_cut_is_an_error() {
    let (disk, groups) = three_files();
    for name in disk.names().unwrap() {
        let whole = bytes(&disk, &name);
        for len in 0..whole.len() {
            let damaged = copy(&disk);
            put(&damaged, &name, &whole[..len]);
            let error = open(&damaged, 0).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{name}, cut to {len}: {error}");
            check(&damaged, &groups, &format!("{name}, cut to {len}"));
        }
    }
}

#[test]
fn every_lost_sector_is_an_error_or_read_over() {
    let (disk, groups) = three_files();
    for name in disk.names().unwrap() {
        let whole = bytes(&disk, &name);
        for at in (0..whole.len()).step_by(512) {
            for other in [0, 0xFF] {
                let damaged = copy(&disk);
                let mut file = whole.clone();
                file[at..whole.len().min(at + 512)].fill(other);
                put(&damaged, &name, &file);
                check(&damaged, &groups, &format!("{name}, sector at {at} all {other}"));
            }
        }
    }
}

#[test]
fn files_that_are_missing_or_in_the_place_of_others_are_errors() {
    let (disk, _) = three_files();
    let names = disk.names().unwrap();
    for name in &names {
        let damaged = copy(&disk);
        damaged.remove(name).unwrap();
        let error = open(&damaged, 0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "without {name}: {error}");
        for other in names.iter().filter(|other| *other != name) {
            let damaged = copy(&disk);
            put(&damaged, name, &bytes(&disk, other));
            let error = open(&damaged, 0).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{other} for {name}: {error}");
        }
    }
    let damaged = MemoryDisk::new();
    let error = open(&damaged, 7).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read `journal-00000001` at byte 0: it is missing, and inputs from 7 on are in it: restore the folder \
         from a backup"
    );
}

#[test]
fn what_lies_behind_the_last_group_is_cut_off() {
    let (disk, groups) = three_files();
    let name = "journal-00000003";
    let whole = bytes(&disk, name);
    // Among it a frame that once followed: it was refused, so its mark was taken back.
    let (longer, mut more) = (copy(&disk), groups.clone());
    append(&mut open(&longer, 0).unwrap().0, &mut more);
    let refused = bytes(&longer, name)[whole.len()..].to_vec();
    for behind in [&[0; 3000][..], &[0xFF; 10], &refused] {
        let damaged = copy(&disk);
        put(&damaged, name, &[&whole, behind].concat());
        let (mut journal, read, lost) = open(&damaged, 0).unwrap();
        assert!(read == groups && lost == 0);
        assert_eq!(bytes(&damaged, name).len(), whole.len());
        let mut more = groups.clone();
        append(&mut journal, &mut more);
        assert_eq!(open(&damaged, 0).unwrap().1, more);
    }
}

#[test]
fn an_error_names_the_place_and_what_can_be_read() {
    let (disk, groups) = three_files();
    let mut file = bytes(&disk, "journal-00000002");
    let last = file.len() - 1;
    file[last] ^= 1;
    put(&disk, "journal-00000002", &file);
    let error = open(&disk, 0).unwrap_err();
    let (at, kept, known) =
        (error.position().unwrap(), groups[9].first, groups[14].first + u64::from(groups[14].count));
    assert_eq!(
        error.to_string(),
        format!(
            "cannot read `journal-00000002` at byte {at}: this is not what was written: up to input {kept} all can be \
             read, and it went up to {known}: restore the folder from a backup, or accept that the rest is lost"
        )
    );
    assert_eq!(at as usize, file.len() - 24 - groups[9].payload.len());

    // Whoever accepts it has what is left, and no more comes back.
    let (mut journal, read, lost) = open_with(&disk, 0, true).unwrap();
    assert!(read == groups[..9] && lost == known - kept);
    let mut left = read;
    append(&mut journal, &mut left);
    assert_eq!(open(&disk, 0).unwrap().1, left);
    assert_eq!(disk.names().unwrap(), ["journal-00000001", "journal-00000002"]);
}

#[test]
fn what_was_synced_is_not_given_up() {
    let (disk, groups) = three_files();
    open(&disk, 0).unwrap().0.sync().unwrap();
    let file = disk.open("journal-00000003").unwrap();
    file.truncate(file.len().unwrap() - 1).unwrap();
    for disk in [disk.clone(), copy(&disk).crash(1), copy(&disk).crash(2)] {
        let file = disk.open("journal-00000003").map_or(0, |file| file.len().unwrap());
        if file == 0 {
            continue;
        }
        let error: Error = open_with(&disk, 0, true).unwrap_err();
        assert!(error.to_string().contains("it was synced up to"), "{error}");
        assert!(error.to_string().contains(&groups[14].first.to_string()), "{error}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_an_error_and_no_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..3000),
        file in 0..4_u32,
        from in 0..40_u64,
        accept in any::<bool>(),
    ) {
        let (disk, _) = three_files();
        put(&disk, &format!("journal-{file:08x}"), &bytes);
        if let Ok((journal, ..)) = open_with(&disk, from, accept) {
            prop_assert!(journal.next() >= from);
        }
    }

    /// Random places of files that are as they should be elsewhere: deeper than bytes that are random throughout.
    #[test]
    fn changed_places_are_an_error_or_read_over(
        places in prop::collection::vec((0..3_usize, any::<prop::sample::Index>(), any::<[u8; 8]>()), 1..4),
        accept in any::<bool>(),
    ) {
        let (disk, groups) = three_files();
        let names = disk.names().unwrap();
        for (file, index, change) in places {
            let mut all = bytes(&disk, &names[file]);
            let at = index.index(all.len());
            let len = change.len().min(all.len() - at);
            all[at..at + len].copy_from_slice(&change[..len]);
            put(&disk, &names[file], &all);
        }
        if let Ok((_, read, lost)) = open_with(&disk, 0, accept) {
            prop_assert!(groups.starts_with(&read));
            prop_assert!(read == groups || accept && lost > 0);
        }
    }
}

/// Found by the test above: both copies of a mark, where they meet, and a frame.
#[test]
fn a_mark_and_a_frame_that_are_damaged_are_an_error() {
    let (disk, _) = three_files();
    let name = "journal-00000003";
    let mut all = bytes(&disk, name);
    let frame = all.len() - 30;
    for at in [512 + 44, frame] {
        all[at..at + 8].fill(0);
    }
    put(&disk, name, &all);
    assert!(open_with(&disk, 0, false).is_err());
    // How many groups there were cannot be known; that there were some can.
    let (_, _, lost) = open_with(&disk, 0, true).unwrap();
    assert!(lost > 0);
}
