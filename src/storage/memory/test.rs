use super::MemoryDisk;
use crate::storage::Disk;
use std::collections::BTreeSet;
use std::io;

fn read(disk: &MemoryDisk, name: &str) -> Option<Vec<u8>> {
    let file = disk.open(name).ok()?;
    let mut bytes = vec![0; file.len().unwrap() as usize];
    file.read_at(0, &mut bytes).unwrap();
    Some(bytes)
}

/// All that is left of a file over many seeds.
fn left(disk: &MemoryDisk, name: &str) -> BTreeSet<Option<Vec<u8>>> {
    (0..300).map(|seed| read(&disk.crash(seed), name)).collect()
}

#[test]
fn what_was_synced_is_left() {
    let disk = MemoryDisk::new();
    let file = disk.create("a").unwrap();
    file.write_at(0, &[1; 1000]).unwrap();
    file.sync().unwrap();
    disk.sync_folder().unwrap();
    disk.rename("a", "b").unwrap();
    disk.sync_folder().unwrap();
    assert_eq!(left(&disk, "b"), BTreeSet::from([Some(vec![1; 1000])]));
    assert_eq!(left(&disk, "a"), BTreeSet::from([None]));
    // The first folder is as it was.
    assert_eq!(read(&disk, "b"), Some(vec![1; 1000]));
}

#[test]
fn sectors_are_left_whole_in_any_version_since_the_sync() {
    let disk = MemoryDisk::new();
    let file = disk.create("a").unwrap();
    file.write_at(0, &[1; 1024]).unwrap();
    file.sync().unwrap();
    disk.sync_folder().unwrap();
    file.write_at(0, &[2; 1024]).unwrap();
    file.write_at(0, &[3; 512]).unwrap();
    let mut versions = BTreeSet::new();
    for bytes in left(&disk, "a") {
        let bytes = bytes.unwrap();
        assert!(bytes.chunks(512).all(|sector| sector.iter().all(|byte| *byte == sector[0])));
        versions.insert((bytes[0], bytes[512]));
    }
    let wanted = [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2)];
    assert_eq!(versions, BTreeSet::from(wanted));
}

#[test]
fn lengths_are_left_between_what_they_were() {
    let disk = MemoryDisk::new();
    let file = disk.create("a").unwrap();
    file.write_at(0, &[1; 600]).unwrap();
    file.sync().unwrap();
    disk.sync_folder().unwrap();
    file.write_at(600, &[2; 1000]).unwrap();
    let lens: BTreeSet<usize> = left(&disk, "a").into_iter().map(|bytes| bytes.unwrap().len()).collect();
    assert!(lens.first() == Some(&600) && lens.last() == Some(&1600) && lens.len() > 50);
    file.sync().unwrap();
    file.truncate(10).unwrap();
    let lens: BTreeSet<usize> = left(&disk, "a").into_iter().map(|bytes| bytes.unwrap().len()).collect();
    assert!(lens.first() == Some(&10) && lens.last() == Some(&1600) && lens.len() > 50);
}

#[test]
fn names_change_in_order() {
    let disk = MemoryDisk::new();
    disk.create("root").unwrap().write_at(0, b"old").unwrap();
    disk.open("root").unwrap().sync().unwrap();
    disk.sync_folder().unwrap();
    let new = disk.create("new").unwrap();
    new.write_at(0, b"new").unwrap();
    new.sync().unwrap();
    disk.rename("new", "root").unwrap();
    disk.create("later").unwrap();
    let found: BTreeSet<_> = (0..100)
        .map(|seed| disk.crash(seed))
        .map(|disk| (read(&disk, "root").unwrap(), disk.names().unwrap()))
        .collect();
    let wanted = [
        (b"old", vec!["root"]),
        (b"old", vec!["new", "root"]),
        (b"new", vec!["root"]),
        (b"new", vec!["later", "root"]),
    ];
    let wanted = wanted.map(|(root, names)| (root.to_vec(), names.into_iter().map(str::to_owned).collect()));
    assert_eq!(found, BTreeSet::from(wanted));
}

#[test]
fn what_a_sync_forgot_is_left_only_if_it_is_written_again() {
    let disk = MemoryDisk::new();
    let file = disk.create("a").unwrap();
    file.write_at(0, &[1; 512]).unwrap();
    file.sync().unwrap();
    disk.sync_folder().unwrap();
    file.write_at(0, &[2; 512]).unwrap();
    disk.forget_unsynced("a");
    file.sync().unwrap();
    assert_eq!(read(&disk, "a"), Some(vec![2; 512]));
    assert_eq!(left(&disk, "a"), BTreeSet::from([Some(vec![1; 512])]));
    file.write_at(0, &[2; 512]).unwrap();
    file.sync().unwrap();
    assert_eq!(left(&disk, "a"), BTreeSet::from([Some(vec![2; 512])]));
}

#[test]
fn the_same_seed_leaves_the_same() {
    let disk = MemoryDisk::new();
    let file = disk.create("a").unwrap();
    for round in 0..20_u8 {
        file.write_at(u64::from(round) * 300, &[round; 700]).unwrap();
    }
    for seed in 0..50 {
        assert_eq!(read(&disk.crash(seed), "a"), read(&disk.crash(seed), "a"));
    }
}

#[test]
fn clones_share_files_and_the_lock_and_a_crash_gives_it_back() {
    let (disk, other) = {
        let disk = MemoryDisk::new();
        (disk.clone(), disk)
    };
    let lock = disk.lock().unwrap().unwrap();
    assert!(other.lock().unwrap().is_none());
    let after = disk.crash(0);
    assert!(after.lock().unwrap().is_some());
    assert_ne!(after.boot(), disk.boot());
    drop(lock);
    assert!(other.lock().unwrap().is_some());

    let file = disk.create("a").unwrap();
    assert_eq!(other.create("a").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    assert!(!file.is_gone().unwrap());
    other.remove("a").unwrap();
    assert!(file.is_gone().unwrap());
    assert_eq!(disk.open("a").unwrap_err().kind(), io::ErrorKind::NotFound);
    assert_eq!(disk.rename("a", "b").unwrap_err().kind(), io::ErrorKind::NotFound);
}
