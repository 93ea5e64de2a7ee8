//! What is read back after anything that can happen to a journal.

use super::FileJournal;
use crate::storage::{Disk, Error, ErrorKind, Group, Journal, Level, MemoryDisk};
use std::sync::Arc;

mod crash;
mod damage;
mod fault;

/// Groups of different sizes, of which some are long.
fn group(first: u64) -> Group {
    let count = 1 + (first % 3) as u32;
    let len = [0, 7, 100, 300, 800][(first % 5) as usize];
    Group::new(first, count, (0..len).map(|byte| (byte as u64 * 31 + first) as u8).collect())
}

fn append(journal: &mut FileJournal, groups: &mut Vec<Group>) {
    let group = group(journal.next());
    assert_eq!(journal.append_at(Level::Written, group.count, &group.payload).unwrap(), group.first);
    groups.push(group);
}

fn open(disk: &impl AsDisk, from: u64) -> Result<(FileJournal, Vec<Group>, u64), Error> {
    open_with(disk, from, false)
}

fn open_with(disk: &impl AsDisk, from: u64, accept: bool) -> Result<(FileJournal, Vec<Group>, u64), Error> {
    let (journal, mut back) = FileJournal::open(disk.shared(), from, accept, &|_| true)?;
    let mut groups = Vec::new();
    while let Some(group) = back.next_group()? {
        groups.push(group);
    }
    Ok((journal, groups, back.lost()))
}

trait AsDisk {
    fn shared(&self) -> Arc<dyn Disk>;
}

impl<T: Disk + Clone + 'static> AsDisk for T {
    fn shared(&self) -> Arc<dyn Disk> {
        Arc::new(self.clone())
    }
}

/// The same files on another disk.
fn copy(disk: &MemoryDisk) -> MemoryDisk {
    let copy = MemoryDisk::new();
    for name in disk.names().unwrap() {
        put(&copy, &name, &bytes(disk, &name));
    }
    copy
}

fn bytes(disk: &MemoryDisk, name: &str) -> Vec<u8> {
    let file = disk.open(name).unwrap();
    let mut bytes = vec![0; file.len().unwrap() as usize];
    file.read_at(0, &mut bytes).unwrap();
    bytes
}

fn put(disk: &MemoryDisk, name: &str, bytes: &[u8]) {
    let file = disk.create(name).or_else(|_| disk.open(name)).unwrap();
    file.truncate(0).unwrap();
    file.write_at(0, bytes).unwrap();
}

/// Three files: two that are closed, and one with the last groups.
fn three_files() -> (MemoryDisk, Vec<Group>) {
    let (disk, mut groups) = (MemoryDisk::new(), Vec::new());
    let (mut journal, ..) = open(&disk, 0).unwrap();
    for _ in 0..3 {
        journal.roll().unwrap();
        (0..5).for_each(|_| append(&mut journal, &mut groups));
    }
    (disk, groups)
}

#[test]
fn groups_are_read_back_from_any_input_on() {
    let (disk, groups) = three_files();
    let end = groups.last().map(|group| group.first + u64::from(group.count)).unwrap();
    for from in 0..=end {
        let (journal, read, lost) = open(&disk, from).unwrap();
        let wanted: Vec<_> =
            groups.iter().filter(|group| group.first + u64::from(group.count) > from).cloned().collect();
        assert_eq!((read, lost, journal.next()), (wanted, 0, end), "from {from}");
    }
    let error = open(&disk, end + 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
}

#[test]
fn a_journal_goes_on_where_it_was_left() {
    let (disk, mut groups) = (MemoryDisk::new(), Vec::new());
    for round in 0..6 {
        let (mut journal, read, _) = open(&disk, 1).unwrap();
        assert_eq!(read, groups);
        if round % 2 == 1 {
            journal.roll().unwrap();
        }
        append(&mut journal, &mut groups);
        append(&mut journal, &mut groups);
    }
    assert_eq!(groups[0].first, 1);
    assert_eq!(
        disk.names().unwrap(),
        ["journal-00000001", "journal-00000002", "journal-00000003", "journal-00000004"]
    );
}

#[test]
fn files_whose_inputs_are_all_before_are_dropped() {
    let (disk, groups) = three_files();
    let (mut journal, ..) = open(&disk, 0).unwrap();
    let all = journal.held().unwrap();
    journal.drop_before(groups[9].first).unwrap();
    assert_eq!(disk.names().unwrap(), ["journal-00000002", "journal-00000003"]);
    let held = journal.held().unwrap();
    assert!(held.bytes < all.bytes);
    assert_eq!(held.inputs, groups[5].first..all.inputs.end);
    journal.drop_before(u64::MAX).unwrap();
    assert_eq!(disk.names().unwrap(), ["journal-00000003"]);
    assert_eq!(journal.held().unwrap().inputs, groups[10].first..all.inputs.end);

    let (mut journal, read, _) = open(&disk, groups[12].first).unwrap();
    assert_eq!(read, groups[12..]);
    journal.roll().unwrap();
    let next = journal.next();
    journal.drop_before(next).unwrap();
    assert_eq!(disk.names().unwrap(), ["journal-00000004"]);
    assert_eq!(open(&disk, next).unwrap().0.next(), next);
    // What was dropped is not there to be read.
    let error = open(&disk, next - 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
}

#[test]
fn a_file_that_is_long_is_followed_by_another() {
    let disk = MemoryDisk::new();
    let (mut journal, ..) = open(&disk, 0).unwrap();
    let payload = vec![7; 9 << 20];
    for _ in 0..9 {
        journal.append_at(Level::Written, 1, &payload).unwrap();
    }
    journal.sync().unwrap();
    assert_eq!(disk.names().unwrap().len(), 5);
    let (mut journal, read, _) = open(&disk, 0).unwrap();
    assert_eq!((journal.next(), read.len()), (9, 9));
    assert!(read.iter().all(|group| group.payload == payload));
    // One at a time, where others wait.
    let is_done = [(); 4].map(|()| journal.drop_some_before(8).unwrap());
    assert_eq!((is_done, disk.names().unwrap().len()), ([false, false, false, true], 1));
    assert!(journal.drop_some_before(8).unwrap());
}

#[test]
fn files_that_are_short_go_together() {
    let (disk, _) = three_files();
    let (mut journal, ..) = open(&disk, 0).unwrap();
    let next = journal.next();
    assert!(disk.names().unwrap().len() > 2);
    assert!(journal.drop_some_before(next).unwrap());
    // The last one is being written to.
    assert_eq!(disk.names().unwrap(), ["journal-00000003"]);
}

#[test]
fn a_group_has_inputs_that_can_be_numbered() {
    let disk = MemoryDisk::new();
    let (mut journal, ..) = open(&disk, 1).unwrap();
    let error = journal.append_at(Level::Written, 0, b"none").unwrap_err();
    assert_eq!(error.io_kind(), Some(std::io::ErrorKind::InvalidInput), "{error}");
    assert_eq!(journal.append_at(Level::Written, 1, b"one").unwrap(), 1);
}

#[test]
fn a_newer_format_is_refused() {
    let (disk, _) = three_files();
    let mut file = bytes(&disk, "journal-00000003");
    let format = crate::storage::root::FORMAT + 1;
    let head = crate::storage::head::Head { magic: *b"bspkjrnl", format, number: 3 };
    file[..24].copy_from_slice(&head.bytes());
    put(&disk, "journal-00000003", &file);
    let error = open(&disk, 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooNew);
    assert_eq!(
        error.to_string(),
        "cannot open `journal-00000003`: it has format 2, and this version of the crate knows 1 at most: use a newer one"
    );
}
