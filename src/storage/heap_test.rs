use crate::model::{Bytes, Record};
use crate::storage::heap::{Heap, Limits};
use crate::storage::place::{HeapBytes, HeapFile, Place};
use crate::storage::test_disk::TestDisk;
use crate::storage::unwanted::Unwanted;
use crate::storage::{Disk, Error, ErrorKind};
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const HEAD: usize = 24;
const FRAME: usize = 8;

/// Little of everything, so that a few records fill it.
const SMALL: Limits = Limits { file: 600, buffer: 100, buffered: 1_000, compact: 300 };

fn open(disk: &TestDisk, files: &[HeapFile]) -> Result<Heap, Error> {
    Heap::open_with(Arc::new(disk.clone()), files, SMALL)
}

fn record(heap: &Heap, place: Place) -> Result<Vec<u8>, Error> {
    let mut out = b"before".to_vec();
    let result = heap.get(place, &mut out);
    assert!(out.starts_with(b"before") && (result.is_ok() || out.len() == 6));
    result.map(|()| out.split_off(6))
}

fn free(heap: &Heap, place: Place) {
    let mut unwanted = Unwanted::default();
    unwanted.add(place);
    heap.free(&unwanted);
}

fn remove(heap: &Heap, file: u32) -> Result<(), Error> {
    heap.remove(file);
    heap.clean()
}

type Records = Vec<(Place, Vec<u8>)>;

/// A synced heap of two files with a few records.
fn small() -> (TestDisk, Vec<HeapFile>, Records) {
    let disk = TestDisk::default();
    let heap = open(&disk, &[]).unwrap();
    let records = (0..12_u8).map(|i| vec![i; usize::from(i) * 9]);
    let records = records.map(|bytes| (heap.put(&bytes).unwrap(), bytes)).collect();
    heap.sync().unwrap();
    let files = heap.files();
    assert_eq!(files.len(), 2);
    (disk, files, records)
}

#[test]
fn a_record_is_there_at_once_and_after_opening_again() {
    let (disk, files, records) = small();
    let heap = open(&disk, &files).unwrap();
    for (place, bytes) in &records {
        assert_eq!(record(&heap, *place).as_ref(), Ok(bytes));
    }
    let more = heap.put(b"more").unwrap();
    assert_eq!(record(&heap, more).unwrap(), b"more");
    assert_eq!(more.file(), files[1].number, "the last file goes on");
    assert_eq!(heap.verify(), Ok(Vec::new()));
    // Both files are as long as what is in them.
    for file in heap.files() {
        assert!(file.len <= SMALL.file);
        assert_eq!(disk.bytes(&format!("heap-{:08x}", file.number)).len(), file.len as usize);
    }
}

#[test]
fn a_place_is_short() {
    assert_eq!(size_of::<Place>(), 12);
    assert!(Place::NONE.is_none());
    let (_, _, records) = small();
    for (place, len) in
        [(Place::NONE, 3), (records[11].0, 3), (Place { file: 300, offset: 200 << 20, len: 400 }, 8)]
    {
        let mut bytes = Vec::new();
        place.write(&mut bytes);
        assert_eq!(bytes.len(), len, "{place:?}");
        assert_eq!(Bytes::new(&bytes).read(), Ok(place));
    }
    assert!(records.iter().all(|(place, _)| !place.is_none()));
}

#[test]
fn no_place_but_its_own_gives_a_record() {
    let (disk, files, records) = small();
    let heap = open(&disk, &files).unwrap();
    heap.put(b"in the buffer").unwrap();
    let Place { file, offset, len } = records[5].0;
    for place in [
        Place::NONE,
        Place { file: 77, offset, len },
        Place { file, offset: offset + 1, len },
        Place { file, offset, len: len - 1 },
        Place { file, offset, len: len + 1 },
        Place { file, offset: 0, len },
        Place { file, offset: u32::MAX, len: u32::MAX },
        Place { file: files[1].number, offset: files[1].len + 1, len: 3 },
        Place { file: files[1].number, offset: files[1].len, len: 3 },
    ] {
        assert_eq!(record(&heap, place).unwrap_err().kind(), ErrorKind::Corrupt, "{place:?}");
    }
}

#[test]
fn every_flipped_byte_is_found() {
    let (whole, files, records) = small();
    for file in &files {
        let name = format!("heap-{:08x}", file.number);
        let bytes = whole.bytes(&name);
        for position in 0..bytes.len() {
            let disk = whole.copy();
            let mut bytes = bytes.clone();
            bytes[position] ^= 0x04;
            disk.set_bytes(&name, bytes);
            let heap = match open(&disk, &files) {
                Ok(heap) if position >= HEAD => heap,
                result => {
                    let error = result.unwrap_err();
                    assert_eq!((error.kind(), error.position()), (ErrorKind::Corrupt, Some(0)));
                    assert_eq!((error.file(), position < HEAD), (Some(&*name), true));
                    continue;
                }
            };
            let mut found = 0;
            for (place, bytes) in &records {
                let start = place.offset as usize;
                let within = (start..start + FRAME + bytes.len()).contains(&position);
                if place.file() == file.number && within {
                    let error = record(&heap, *place).unwrap_err();
                    assert_eq!((error.kind(), error.file()), (ErrorKind::Corrupt, Some(&*name)));
                    assert_eq!(error.position(), Some(start as u64));
                    assert_eq!(heap.verify(), Ok(vec![error]));
                    found += 1;
                } else {
                    assert_eq!(record(&heap, *place).as_ref(), Ok(bytes));
                }
            }
            assert_eq!(found, 1, "byte {position} is of one record");
        }
    }
}

#[test]
fn a_file_that_is_cut_or_missing_or_another_is_an_error() {
    let (whole, files, _) = small();
    let names = files.iter().map(|file| format!("heap-{:08x}", file.number)).collect::<Vec<_>>();
    for name in &names {
        for len in 0..whole.bytes(name).len() {
            let disk = whole.copy();
            disk.set_bytes(name, whole.bytes(name)[..len].to_vec());
            disk.set_bytes("heap-0000abcd", vec![1]);
            let error = open(&disk, &files).unwrap_err();
            assert_eq!((error.kind(), error.file()), (ErrorKind::Corrupt, Some(&**name)));
            assert_eq!(error.position(), Some(len as u64));
            assert_eq!(disk.names().unwrap().len(), 3, "nothing was removed");
        }
        let disk = whole.copy();
        disk.remove(name).unwrap();
        let error = open(&disk, &files).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "cannot read `{name}` at byte 0: it is not there, and the checkpoint needs {} bytes of it: \
            restore it from a backup",
                files[names.iter().position(|other| other == name).unwrap()].len
            )
        );
    }
    let disk = whole.copy();
    disk.set_bytes(&names[0], whole.bytes(&names[1]));
    disk.set_bytes(&names[1], whole.bytes(&names[0]));
    assert_eq!(open(&disk, &files).unwrap_err().kind(), ErrorKind::Corrupt);
}

#[test]
fn what_came_after_the_checkpoint_is_removed() {
    let (disk, files, records) = small();
    let before = [0, 1].map(|i| disk.bytes(&format!("heap-{:08x}", files[i].number)));
    let heap = open(&disk, &files).unwrap();
    let lost: Vec<Place> = (0..20).map(|i| heap.put(&[i; 50]).unwrap()).collect();
    heap.flush().unwrap();
    assert!(disk.names().unwrap().len() > 3);
    disk.set_bytes("heap", vec![1]);
    disk.set_bytes("heap-0000000G", vec![1]);
    disk.set_bytes("heap-+0000001", vec![1]);
    let heap = open(&disk, &files).unwrap();
    let names = ["heap", "heap-+0000001", "heap-00000001", "heap-00000002", "heap-0000000G"];
    assert_eq!(disk.names().unwrap(), names, "only files of the heap are removed");
    for (file, before) in files.iter().zip(before) {
        assert_eq!(disk.bytes(&format!("heap-{:08x}", file.number)), before);
    }
    assert!(lost.iter().all(|&place| record(&heap, place).is_err()));
    assert!(records.iter().all(|(place, bytes)| record(&heap, *place).as_ref() == Ok(bytes)));
}

#[test]
fn a_long_record_has_a_file_of_its_own() {
    let disk = TestDisk::default();
    let heap = open(&disk, &[]).unwrap();
    // Longer than a file, longer than what is read at once.
    let long: Vec<u8> = (0..1_000_000).map(|i| (i % 251) as u8).collect();
    let places = [heap.put(b"before"), heap.put(&long), heap.put(b"behind")].map(Result::unwrap);
    heap.sync().unwrap();
    assert_eq!(heap.verify(), Ok(Vec::new()));
    let heap = open(&disk, &heap.files()).unwrap();
    assert_eq!(heap.verify(), Ok(Vec::new()));
    assert_eq!(places.map(Place::file), [1, 2, 3]);
    assert_eq!(record(&heap, places[1]).unwrap(), long);
    assert_eq!(record(&heap, places[2]).unwrap(), b"behind");
}

#[test]
fn what_is_freed_is_emptied_and_removed() {
    let (disk, files, records) = small();
    let heap = open(&disk, &files).unwrap();
    let all =
        HeapBytes { live: records.iter().map(|(_, bytes)| (FRAME + bytes.len()) as u64).sum(), dead: 0 };
    assert_eq!(heap.waste(), all);
    assert!(heap.to_compact(0.0).is_empty());
    let (first, second): (Vec<_>, Vec<_>) = records.iter().partition(|(place, _)| place.file() == 1);
    let (kept, freed) = first.split_first().unwrap();
    freed.iter().for_each(|(place, _)| free(&heap, *place));
    assert_eq!(heap.waste().live + heap.waste().dead, all.live);
    assert!(heap.to_compact(0.99).is_empty());
    assert_eq!(heap.to_compact(0.5), [1]);
    // What was counted is known to the next opening.
    let heap = open(&disk, &heap.files()).unwrap();
    assert_eq!(heap.to_compact(0.5), [1]);
    let moved = heap.put(&record(&heap, kept.0).unwrap()).unwrap();
    heap.sync().unwrap();
    remove(&heap, 1).unwrap();
    assert_eq!(record(&heap, kept.0).unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(record(&heap, moved).as_ref(), Ok(&kept.1));
    assert_eq!(disk.names().unwrap(), ["heap-00000002"]);
    // Freeing more than there is, or what is nowhere, does no harm.
    second.iter().chain(&second).for_each(|(place, _)| free(&heap, *place));
    free(&heap, kept.0);
    free(&heap, Place { file: 2, offset: 0, len: u32::MAX });
    assert_eq!(heap.waste().live, 0);
}

#[test]
fn nothing_is_put_into_a_file_that_is_being_emptied() {
    let (disk, files, records) = small();
    let heap = open(&disk, &files).unwrap();
    let unwritten = heap.put(&[b'.'; 70]).unwrap();
    records.iter().for_each(|(place, _)| free(&heap, *place));
    free(&heap, unwritten);
    assert_eq!(heap.to_compact(0.5), [1, 2]);
    let place = heap.put(b"new").unwrap();
    assert_eq!(place.file(), 3);
    remove(&heap, 1).unwrap();
    remove(&heap, 2).unwrap();
    heap.sync().unwrap();
    assert_eq!(disk.names().unwrap(), ["heap-00000003"]);
    assert_eq!(heap.files(), [HeapFile { number: 3, len: 35, live: 11 }]);
    // One that nobody has written yet.
    free(&heap, place);
    remove(&heap, 3).unwrap();
    let (place, disk) = (heap.put(b"anew").unwrap(), disk);
    remove(&heap, place.file()).unwrap();
    heap.sync().unwrap();
    assert_eq!((disk.names().unwrap().len(), heap.files().len()), (0, 0));
    assert_eq!(heap.put(b"again").unwrap().file(), 5, "no number is given twice");
}

/// Every change of the disk fails in turn; all can be read all the time, and afterwards it goes on.
#[test]
fn every_failing_change_leaves_all_in_order() {
    for failing in 0.. {
        let (disk, files, _) = small();
        disk.set_bytes("heap-000000aa", vec![1]);
        disk.set_bytes("heap-00000002", [disk.bytes("heap-00000002"), vec![7; 30]].concat());
        disk.fail(failing, 1);
        let asked = disk.changes();
        let mut failed = 0;
        let mut retry = |call: &dyn Fn() -> Result<(), Error>| {
            if let Err(error) = call() {
                assert_eq!(error.kind(), ErrorKind::Io, "{error}");
                failed += 1;
                call().unwrap();
            }
        };
        let heap = open(&disk, &files).or_else(|error| {
            assert_eq!(error.kind(), ErrorKind::Io);
            open(&disk, &files)
        });
        let heap = heap.unwrap();
        let mut places = Vec::new();
        for i in 0..16_u8 {
            let bytes = vec![i; 30 + usize::from(i)];
            places.push((heap.put(&bytes).unwrap(), bytes));
            if i % 5 == 4 {
                retry(&|| heap.flush());
            }
            if i % 7 == 6 {
                retry(&|| heap.sync());
            }
            assert!(places.iter().all(|(place, bytes)| record(&heap, *place).as_ref() == Ok(bytes)));
        }
        retry(&|| remove(&heap, 1));
        retry(&|| heap.sync());
        assert_eq!(heap.verify(), Ok(Vec::new()));
        let all_done = disk.changes() - asked <= failing;
        disk.fail(0, 0);
        let again = open(&disk, &heap.files()).unwrap();
        assert!(places.iter().all(|(place, bytes)| record(&again, *place).as_ref() == Ok(bytes)));
        assert_eq!(again.verify(), Ok(Vec::new()));
        if all_done {
            assert_eq!(failed, 0);
            assert!(failing > 15, "{failing} changes");
            break;
        }
    }
}

#[test]
fn a_full_disk_refuses_only_what_does_not_fit_in_memory() {
    let disk = TestDisk::default();
    let heap = open(&disk, &[]).unwrap();
    disk.fail(0, usize::MAX);
    let mut places = Vec::new();
    let error = loop {
        match heap.put(&[places.len() as u8; 40]) {
            Ok(place) => places.push(place),
            Err(error) => break error,
        }
    };
    assert_eq!(error.to_string(), "cannot make `heap-00000001`: no space left on the test disk");
    assert!((18..24).contains(&places.len()), "{}", places.len());
    assert_eq!(heap.flush().unwrap_err(), error);
    assert_eq!(heap.sync().unwrap_err(), error);
    assert_eq!(heap.files(), [], "nothing is promised");
    let whole =
        |heap: &Heap| places.iter().zip(0..).all(|(&place, i)| record(heap, place).unwrap() == [i; 40]);
    assert!(whole(&heap));
    disk.fail(0, 0);
    let more = heap.put(b"more").unwrap();
    heap.sync().unwrap();
    let again = open(&disk, &heap.files()).unwrap();
    assert!(whole(&heap) && whole(&again));
    assert_eq!(record(&again, more).unwrap(), b"more");
}

/// A system may forget what it could not sync and say the next time that all is well.
#[test]
fn what_could_not_be_synced_is_written_again() {
    let (disk, files, _) = small();
    let heap = open(&disk, &files).unwrap();
    let places: Vec<Place> = (0..15).map(|i| heap.put(&[i; 50]).unwrap()).collect();
    heap.flush().unwrap();
    let written = disk.writes();
    let lens = |files: &[HeapFile]| files.iter().map(|file| file.len).collect::<Vec<_>>();
    // The folder is synced, then the first file fails.
    disk.fail(1, 1);
    assert_eq!(heap.sync().unwrap_err().kind(), ErrorKind::Io);
    assert_eq!((lens(&heap.files()), disk.writes()), (lens(&files), written));
    heap.sync().unwrap();
    assert!(disk.writes() > written);
    let rewritten = disk.writes();
    heap.sync().unwrap();
    assert_eq!(disk.writes(), rewritten);
    let again = open(&disk, &heap.files()).unwrap();
    assert!(places.iter().zip(0..).all(|(&place, i)| record(&again, place).unwrap() == [i; 50]));
}

#[test]
fn a_reader_is_never_behind_a_write() {
    let disk = TestDisk::default();
    let heap = open(&disk, &[]).unwrap();
    let written = heap.put(b"written").unwrap();
    heap.flush().unwrap();
    std::thread::scope(|threads| {
        let held = disk.hold_writes();
        let waiting = heap.put(b"waiting").unwrap();
        let writer = threads.spawn(|| heap.flush());
        // The writer has reached the disk once its buffer is closed and it stays there.
        while !disk.is_writing() {
            std::thread::yield_now();
        }
        // Neither who reads nor who puts waits for it, though buffers fill up.
        let more: Vec<Place> = (0..10).map(|i| heap.put(&[i; 60]).unwrap()).collect();
        assert_eq!(record(&heap, written).unwrap(), b"written");
        assert_eq!(record(&heap, waiting).unwrap(), b"waiting");
        assert!(more.iter().zip(0..).all(|(&place, i)| record(&heap, place).unwrap() == [i; 60]));
        assert_eq!(heap.files(), []);
        assert!(!writer.is_finished());
        drop(held);
        writer.join().unwrap().unwrap();
        assert!(more.iter().zip(0..).all(|(&place, i)| record(&heap, place).unwrap() == [i; 60]));
    });
}

#[test]
fn readers_beside_writers() {
    let disk = TestDisk::default();
    let heap = open(&disk, &[]).unwrap();
    let places = parking_lot::Mutex::new(Vec::<(Place, u32)>::new());
    let done = AtomicBool::new(false);
    let bytes = |i: u32| i.to_le_bytes().repeat(1 + i as usize % 20);
    std::thread::scope(|threads| {
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                let (heap, places) = (&heap, &places);
                threads.spawn(move || {
                    for i in 0..2_000 {
                        let i = i * 2 + writer;
                        let place = heap.put(&bytes(i)).unwrap();
                        places.lock().push((place, i));
                        match i % 50 {
                            0 => heap.flush().unwrap(),
                            25 => heap.sync().unwrap(),
                            _ => {}
                        }
                    }
                })
            })
            .collect();
        for seed in 0..2 {
            let (heap, places, done) = (&heap, &places, &done);
            threads.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed);
                while !done.load(Ordering::Relaxed) {
                    let Some((place, i)) = random.choice(&*places.lock()).copied() else { continue };
                    assert_eq!(record(heap, place).unwrap(), bytes(i));
                }
            });
        }
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    heap.sync().unwrap();
    assert_eq!(heap.verify(), Ok(Vec::new()));
    let again = open(&disk, &heap.files()).unwrap();
    let places = places.into_inner();
    assert_eq!(places.len(), 4_000);
    assert!(places.iter().all(|&(place, i)| record(&again, place).unwrap() == bytes(i)));
}

#[derive(Clone, Debug)]
enum Op {
    Put(u8, usize),
    Get(usize),
    Free(usize),
    Flush,
    Checkpoint,
    Compact(f64),
    /// The process is killed: what came after the checkpoint is gone.
    Kill,
    /// So many changes fail after so many that succeed.
    Fail(usize, usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (any::<u8>(), 0..150_usize).prop_map(|(byte, len)| Op::Put(byte, len)),
        1 => (any::<u8>(), 150..800_usize).prop_map(|(byte, len)| Op::Put(byte, len)),
        4 => any::<usize>().prop_map(Op::Get),
        3 => any::<usize>().prop_map(Op::Free),
        1 => Just(Op::Flush),
        2 => Just(Op::Checkpoint),
        1 => (0.0..0.9).prop_map(Op::Compact),
        1 => Just(Op::Kill),
        1 => (0..6_usize, 1..4_usize).prop_map(|(after, many)| Op::Fail(after, many)),
    ]
}

/// What a heap holds, as a map says it.
#[derive(Clone, Debug, Default)]
struct Naive {
    files: Vec<HeapFile>,
    records: HashMap<u32, (Place, Vec<u8>)>,
}

impl Naive {
    fn pick(&self, i: usize) -> Option<u32> {
        let mut ids: Vec<u32> = self.records.keys().copied().collect();
        ids.sort_unstable();
        (!ids.is_empty()).then(|| ids[i % ids.len()])
    }

    fn agrees(&self, heap: &Heap) -> bool {
        self.records.values().all(|(place, bytes)| record(heap, *place).as_ref() == Ok(bytes))
    }
}

proptest! {
    #[test]
    fn as_a_map_through_failures_and_kills(ops in prop::collection::vec(op(), 1..120)) {
        let disk = TestDisk::default();
        let mut heap = open(&disk, &[]).unwrap();
        let mut checkpoint = Naive::default();
        let mut now = Naive::default();
        for (id, op) in (0..).zip(ops) {
            match op {
                Op::Put(byte, len) => {
                    if let Ok(place) = heap.put(&vec![byte; len]) {
                        now.records.insert(id, (place, vec![byte; len]));
                    }
                }
                Op::Get(i) => {
                    if let Some((place, bytes)) = now.pick(i).map(|id| &now.records[&id]) {
                        prop_assert!(record(&heap, *place).as_ref() == Ok(bytes));
                    }
                }
                Op::Free(i) => {
                    if let Some((place, _)) = now.pick(i).and_then(|id| now.records.remove(&id)) {
                        free(&heap, place);
                    }
                }
                Op::Flush => drop(heap.flush()),
                Op::Checkpoint => {
                    if heap.sync().is_ok() {
                        now.files = heap.files();
                        checkpoint = now.clone();
                    }
                }
                Op::Compact(share) => {
                    let files = heap.to_compact(share);
                    let mut refused = false;
                    for (place, bytes) in now.records.values_mut().filter(|(place, _)| files.contains(&place.file())) {
                        match heap.put(bytes) {
                            Ok(new) => {
                                prop_assert!(!files.contains(&new.file()));
                                free(&heap, *place);
                                *place = new;
                            }
                            Err(_) => refused = true,
                        }
                    }
                    if !refused && heap.sync().is_ok() {
                        now.files = heap.files();
                        now.files.retain(|file| !files.contains(&file.number));
                        checkpoint = now.clone();
                        for file in files {
                            drop(remove(&heap, file));
                        }
                    }
                }
                Op::Kill => {
                    heap = loop {
                        match open(&disk, &checkpoint.files) {
                            Ok(heap) => break heap,
                            Err(error) => prop_assert_eq!(error.kind(), ErrorKind::Io),
                        }
                    };
                    now = checkpoint.clone();
                    prop_assert_eq!(heap.files(), &*checkpoint.files);
                }
                Op::Fail(after, many) => disk.fail(after, many),
            }
            prop_assert!(now.agrees(&heap));
        }
        disk.fail(0, 0);
        heap.sync().unwrap();
        assert_eq!(heap.verify(), Ok(Vec::new()));
        prop_assert!(now.agrees(&open(&disk, &heap.files()).unwrap()));
    }
}
