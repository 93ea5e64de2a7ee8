use super::FolderDisk;
use crate::storage::{Disk, ErrorKind};
use std::fs;
use std::io;
use std::path::PathBuf;

/// A place of its own for a test, removed behind it.
struct Place(PathBuf);

impl Place {
    fn new(test: &str) -> Place {
        Place(std::env::temp_dir().join(format!("bespoke-{test}-{}", std::process::id())))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_folder_keeps_files() {
    let place = Place::new("keeps");
    let disk = FolderDisk::new(place.0.join("one/two")).unwrap();
    let file = disk.create("a").unwrap();
    assert_eq!(disk.create("a").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    assert!(file.is_empty().unwrap());
    file.write_at(3, b"boots").unwrap();
    file.write_at(0, b"red").unwrap();
    file.sync().unwrap();
    disk.sync_folder().unwrap();

    let mut read = [0; 8];
    disk.open("a").unwrap().read_at(0, &mut read).unwrap();
    assert_eq!(&read, b"redboots");
    assert_eq!(file.read_at(1, &mut read).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    file.truncate(3).unwrap();
    assert_eq!(file.len().unwrap(), 3);

    disk.create("b").unwrap();
    disk.rename("a", "b").unwrap();
    assert_eq!(disk.names().unwrap(), ["b"]);
    assert_eq!(disk.open("b").unwrap().len().unwrap(), 3);
    disk.remove("b").unwrap();
    assert_eq!(disk.open("b").unwrap_err().kind(), io::ErrorKind::NotFound);
    assert_eq!(disk.remove("b").unwrap_err().kind(), io::ErrorKind::NotFound);
    assert_eq!(disk.describe("b"), place.0.join("one/two/b").display().to_string());
    assert_eq!(disk.boot(), disk.boot());
}

#[test]
fn a_folder_has_one_lock() {
    let place = Place::new("lock");
    let disk = FolderDisk::new(&place.0).unwrap();
    let lock = disk.lock().unwrap().unwrap();
    assert!(disk.lock().unwrap().is_none());
    assert!(FolderDisk::new(&place.0).unwrap().lock().unwrap().is_none());
    drop(lock);
    assert!(disk.lock().unwrap().is_some());
}

#[test]
fn a_folder_that_cannot_be_is_an_error() {
    let place = Place::new("error");
    fs::create_dir_all(&place.0).unwrap();
    let file = place.0.join("file");
    fs::write(&file, b"").unwrap();
    for path in [file.clone(), file.join("below")] {
        let error = FolderDisk::new(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{error}");
        assert_eq!(error.file(), Some(&*path.display().to_string()));
    }
}

#[cfg(unix)]
#[test]
fn a_file_knows_that_its_name_was_taken() {
    let place = Place::new("gone");
    let disk = FolderDisk::new(&place.0).unwrap();
    let file = disk.create("a").unwrap();
    disk.rename("a", "b").unwrap();
    assert!(!file.is_gone().unwrap());
    fs::remove_dir_all(&place.0).unwrap();
    assert!(file.is_gone().unwrap());
    file.write_at(0, b"to nowhere").unwrap();
    assert_eq!(disk.create("c").unwrap_err().kind(), io::ErrorKind::NotFound);
}
