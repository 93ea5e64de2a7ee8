//! A store has one writer: whoever comes second is refused, in this process and in another.

use crate::small::SETTING;
use crate::stream::definitions;
use bespoke::engine::{Engine, Error};
use bespoke::storage::{ErrorKind, FolderDisk, MemoryDisk};
use std::path::PathBuf;
use std::process::Command;

/// A folder that goes with the test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("bespoke-store-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        Folder(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const CHILD: &str = "BESPOKE_STORE_CHILD";

fn is_in_use(opened: Result<Engine, Error>) -> bool {
    match opened {
        Err(Error::Storage(error)) => error.kind() == ErrorKind::InUse,
        Err(error) => panic!("{error}"),
        Ok(_) => false,
    }
}

#[test]
fn a_second_engine_is_refused_in_one_process() {
    let disk = MemoryDisk::new();
    let engine = SETTING.open(disk.clone(), false).unwrap();
    assert!(is_in_use(SETTING.open(disk.clone(), false)));
    let clone = engine.clone();
    drop(engine);
    assert!(is_in_use(SETTING.open(disk.clone(), false)));
    drop(clone);
    assert!(!is_in_use(SETTING.open(disk, false)));
}

#[test]
fn a_second_engine_is_refused_in_another_process() {
    let folder = Folder::new("one-writer");
    let open = || Engine::builder(definitions(false)).store(&folder.0).open();
    let child = || {
        let program = std::env::current_exe().unwrap();
        let mut child = Command::new(program);
        child.args(["--exact", "one_writer::the_other_process", "--nocapture"]).env(CHILD, &folder.0);
        let output = child.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let engine = open().unwrap();
    assert!(is_in_use(open()));
    assert!(child().contains("it is in use"));
    drop(engine);
    assert!(child().contains("it opens"));
    assert!(!is_in_use(open()));
}

/// What the test above starts; by itself it has nothing to do.
#[test]
fn the_other_process() {
    if let Some(folder) = std::env::var_os(CHILD) {
        let disk = FolderDisk::new(PathBuf::from(folder)).unwrap();
        let opened = SETTING.open(disk, false);
        println!("{}", if is_in_use(opened) { "it is in use" } else { "it opens" });
    }
}
