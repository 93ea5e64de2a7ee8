//! The folder goes away under an engine, and comes back, or does not.

use crate::one_writer::Folder;
use crate::small::SETTING;
use crate::stream::{Stream, digest, give, twin};
use bespoke::engine::{Engine, Error};
use bespoke::storage::{ErrorKind, FolderDisk};
use std::fs;
use std::io;

fn run(stream: &mut Stream, engine: &Engine, twin: &Engine) {
    for _ in 0..30 {
        let mut step = stream.step();
        while step.is_forget() {
            step = stream.step();
        }
        let answer = give(engine, &step, stream.now).map(|(words, _)| words);
        assert_eq!(answer, stream.give(twin, &step));
    }
}

fn expect_not_there<T: std::fmt::Debug>(answer: Result<T, Error>) {
    let Err(Error::Storage(error)) = answer else { panic!("{answer:?}") };
    assert_eq!((error.kind(), error.io_kind()), (ErrorKind::Io, Some(io::ErrorKind::NotFound)), "{error}");
}

#[test]
fn a_folder_that_is_moved_away_and_back_costs_nothing() {
    let (folder, away) = (Folder::new("moved"), Folder::new("moved-away"));
    let twin = twin();
    let engine = SETTING.open(FolderDisk::new(&folder.0).unwrap(), false).unwrap();
    let mut stream = Stream::new(1, 8);
    run(&mut stream, &engine, &twin);
    engine.checkpoint().unwrap();
    fs::rename(&folder.0, &away.0).unwrap();
    // Files that are open go on wherever they are.
    run(&mut stream, &engine, &twin);
    expect_not_there(engine.checkpoint());
    assert_eq!(digest(&engine), digest(&twin));
    run(&mut stream, &engine, &twin);
    fs::rename(&away.0, &folder.0).unwrap();
    engine.checkpoint().unwrap();
    run(&mut stream, &engine, &twin);
    drop(engine);
    let engine = SETTING.open(FolderDisk::new(&folder.0).unwrap(), stream.more).unwrap();
    assert_eq!(digest(&engine), digest(&twin));
}

#[test]
fn an_engine_whose_files_were_removed_refuses_what_it_could_not_keep() {
    let folder = Folder::new("removed");
    let twin = twin();
    let engine = SETTING.open(FolderDisk::new(&folder.0).unwrap(), false).unwrap();
    let mut stream = Stream::new(2, 8);
    run(&mut stream, &engine, &twin);
    engine.checkpoint().unwrap();
    run(&mut stream, &engine, &twin);
    let refuse = || {
        expect_not_there(engine.advance(stream.now));
        expect_not_there(engine.checkpoint());
        assert_eq!(digest(&engine), digest(&twin));
    };
    fs::remove_dir_all(&folder.0).unwrap();
    refuse();
    // An empty folder of the same name does not help: the keys are gone.
    fs::create_dir(&folder.0).unwrap();
    refuse();
}

#[test]
fn a_folder_that_may_not_be_written_is_an_error() {
    let folder = Folder::new("read-only");
    drop(SETTING.open(FolderDisk::new(&folder.0).unwrap(), false).unwrap());
    let mut permissions = fs::metadata(&folder.0).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&folder.0, permissions.clone()).unwrap();
    // Some users may write everywhere.
    let is_refused = fs::write(folder.0.join("probe"), "").is_err();
    let opened = SETTING.open(FolderDisk::new(&folder.0).unwrap(), false);
    #[allow(clippy::permissions_set_readonly_false)] // it is removed next
    permissions.set_readonly(false);
    fs::set_permissions(&folder.0, permissions).unwrap();
    if is_refused {
        let Err(Error::Storage(error)) = opened else { panic!("{opened:?}") };
        assert_eq!(error.io_kind(), Some(io::ErrorKind::PermissionDenied), "{error}");
    }
    let file = Folder::new("a-file");
    fs::write(&file.0, "no folder").unwrap();
    let error = FolderDisk::new(&file.0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    fs::remove_file(&file.0).unwrap();
}
