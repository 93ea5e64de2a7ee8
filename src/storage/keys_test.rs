use crate::storage::ErrorKind;
use crate::storage::keys::{Keyring, Slot};
use crate::storage::seal::{self, Key, Sealer};
use crate::storage::test_disk::TestDisk;
use std::collections::{BTreeMap, BTreeSet};

const HEAD: usize = 48;
const SLOT: usize = 40;

fn open(disk: &TestDisk) -> (Keyring, Sealer) {
    Keyring::open(disk).unwrap()
}

fn key(keys: &Keyring, slot: Slot) -> Option<[u8; 32]> {
    keys.key(slot).unwrap().map(|key| key.0)
}

/// A disk with the store's key and four users', of which the third is erased.
fn small() -> (TestDisk, BTreeMap<Slot, [u8; 32]>) {
    let disk = TestDisk::default();
    let (keys, _) = open(&disk);
    let slots: Vec<Slot> = (0..4).map(|_| keys.fresh().unwrap()).collect();
    keys.sync().unwrap();
    keys.erase(&[slots[2]]).unwrap();
    let left = (0..5).map(Slot).filter(|&slot| slot != slots[2]);
    let left = left.map(|slot| (slot, key(&keys, slot).unwrap())).collect();
    (disk, left)
}

/// The epoch that a sealer has, as anybody can read it from what it seals.
fn epoch(sealer: &Sealer) -> u32 {
    let mut sealed = Vec::new();
    sealer.seal(&Key([1; 32]), b"", b"", &mut sealed);
    crate::model::Bytes::new(&sealed).read().unwrap()
}

#[test]
fn keys_are_there_after_opening_again() {
    let (disk, left) = small();
    let (keys, _) = open(&disk);
    assert_eq!(keys.slots(), 5);
    assert_eq!(left.values().collect::<BTreeSet<_>>().len(), 4, "no two keys are the same");
    for slot in (0..5).map(Slot) {
        assert_eq!(key(&keys, slot), left.get(&slot).copied(), "{slot:?}");
    }
    // An erased slot is not given again.
    assert_eq!(keys.fresh(), Ok(Slot(5)));
    assert!(keys.damaged().is_empty());
    assert_eq!(keys.verify(keys.slots()), Ok(Vec::new()));
}

#[test]
fn many_keys_are_read_in_pieces() {
    let disk = TestDisk::default();
    let (keys, _) = open(&disk);
    for slot in 1..70_000 {
        assert_eq!(keys.fresh(), Ok(Slot(slot)));
    }
    keys.save().unwrap();
    let (again, _) = open(&disk);
    assert_eq!(again.slots(), 70_000);
    assert!((0..70_000).all(|slot| key(&again, Slot(slot)) == key(&keys, Slot(slot))));
    assert_eq!(again.verify(again.slots()), Ok(Vec::new()));
}

#[test]
fn what_was_not_saved_is_not_there() {
    let disk = TestDisk::default();
    let (keys, _) = open(&disk);
    let saved = keys.fresh().unwrap();
    keys.save().unwrap();
    let lost = keys.fresh().unwrap();
    assert!(key(&keys, lost).is_some());
    let (again, _) = open(&disk);
    assert_eq!(key(&again, saved), key(&keys, saved));
    assert_eq!(again.key(lost).unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(again.check_slots(2), Ok(()));
    assert_eq!(again.check_slots(3).unwrap_err().position(), Some((HEAD + 2 * SLOT) as u64));
}

#[test]
fn an_erased_key_is_nowhere() {
    let (disk, left) = small();
    let (keys, _) = open(&disk);
    let mut sealer_bytes = Vec::new();
    let new = keys.fresh().unwrap();
    let new_key = keys.key(new).unwrap().unwrap();
    // Erased before it was ever written.
    keys.erase(&[Slot(1), new]).unwrap();
    for gone in [left[&Slot(1)], new_key.0] {
        for part in gone.windows(8) {
            assert!(!disk.bytes("keys").windows(8).any(|bytes| bytes == part));
            assert!(!format!("{keys:?}").contains(&format!("{part:?}")));
        }
    }
    for keys in [keys, open(&disk).0] {
        assert_eq!((key(&keys, Slot(1)), key(&keys, new)), (None, None));
        assert_eq!(key(&keys, Slot(2)), Some(left[&Slot(2)]));
        assert_eq!(keys.verify(keys.slots()), Ok(Vec::new()));
    }
    let sealer = Sealer::new(9);
    sealer.seal(&new_key, b"", b"ada", &mut sealer_bytes);
    let other = open(&disk).0.key(Slot(2)).unwrap().unwrap();
    assert!(seal::open(&other, b"", &sealer_bytes, &mut Vec::new()).is_err());
}

#[test]
fn every_flipped_byte_is_found_or_does_no_harm() {
    let (disk, left) = small();
    let whole = disk.bytes("keys");
    assert_eq!(whole.len(), HEAD + 5 * SLOT);
    let last = epoch(&open(&disk.copy()).1);
    for position in 0..whole.len() {
        let disk = disk.copy();
        let mut bytes = whole.clone();
        bytes[position] ^= 0x20;
        disk.set_bytes("keys", bytes);
        if position < 24 {
            let error = Keyring::open(&disk).unwrap_err();
            assert_eq!((error.kind(), error.file()), (ErrorKind::Corrupt, Some("keys")), "byte {position}");
            assert_eq!(error.position(), Some(0));
            continue;
        }
        let (keys, sealer) = open(&disk);
        assert!(epoch(&sealer) >= last, "byte {position}");
        for slot in (0..5).map(Slot) {
            let at = HEAD + slot.0 as usize * SLOT;
            if (at..at + SLOT).contains(&position) {
                let error = keys.key(slot).unwrap_err();
                assert_eq!((error.kind(), error.position()), (ErrorKind::Corrupt, Some(at as u64)));
                assert_eq!(keys.damaged(), [slot]);
                assert_eq!(keys.verify(5), Ok(vec![error]));
            } else {
                assert_eq!(key(&keys, slot), left.get(&slot).copied());
            }
        }
        if position < HEAD {
            // The cell of the epoch was written again.
            assert_eq!(keys.verify(keys.slots()), Ok(Vec::new()));
        }
        assert_eq!(keys.fresh(), Ok(Slot(5)));
    }
}

#[test]
fn a_file_cut_anywhere_gives_no_wrong_key() {
    let (disk, left) = small();
    let whole = disk.bytes("keys");
    for len in 0..whole.len() {
        let disk = disk.copy();
        disk.set_bytes("keys", whole[..len].to_vec());
        if len < HEAD {
            let error = Keyring::open(&disk).unwrap_err();
            assert_eq!((error.kind(), error.position()), (ErrorKind::Corrupt, Some(len as u64)));
            continue;
        }
        let (keys, _) = open(&disk);
        let slots = (len - HEAD) / SLOT;
        for slot in 0..5 {
            let found = keys.key(Slot(slot));
            if (slot as usize) < slots {
                assert_eq!(found.unwrap().map(|key| key.0), left.get(&Slot(slot)).copied());
            } else {
                assert_eq!(found.unwrap_err().kind(), ErrorKind::Corrupt, "cut to {len}, slot {slot}");
            }
        }
        if len + SLOT <= whole.len() {
            assert_eq!(keys.check_slots(5).unwrap_err().kind(), ErrorKind::Corrupt);
        }
        // What is left of a slot is not written over, and is in order once it is erased.
        let fresh = keys.fresh().unwrap();
        assert_eq!(fresh, Slot((len - HEAD).div_ceil(SLOT) as u32));
        keys.erase(&keys.damaged()).unwrap();
        assert_eq!(keys.verify(keys.slots()), Ok(Vec::new()));
        let (again, _) = open(&disk);
        assert_eq!(key(&again, fresh), key(&keys, fresh));
        assert!(again.damaged().is_empty());
    }
}

#[test]
fn keys_that_changed_places_are_found() {
    let (disk, _) = small();
    let mut bytes = disk.bytes("keys");
    let (first, second) = bytes[HEAD + SLOT..].split_at_mut(SLOT);
    first.swap_with_slice(&mut second[..SLOT]);
    disk.set_bytes("keys", bytes);
    assert_eq!(open(&disk).0.damaged(), [Slot(1), Slot(2)]);
}

#[test]
fn a_hole_is_not_taken_for_an_erased_key() {
    let (disk, _) = small();
    let mut bytes = disk.bytes("keys");
    bytes.extend([0; SLOT]);
    disk.set_bytes("keys", bytes);
    let (keys, _) = open(&disk);
    assert_eq!(key(&keys, Slot(3)), None);
    assert_eq!(keys.key(Slot(5)).unwrap_err().position(), Some((HEAD + 5 * SLOT) as u64));
    assert_eq!(keys.fresh(), Ok(Slot(6)));
}

#[test]
fn a_newer_format_is_refused() {
    let (disk, _) = small();
    let mut bytes = disk.bytes("keys");
    bytes[8] = 2;
    let check = xxhash_rust::xxh3::xxh3_64(&bytes[..16]);
    bytes[16..24].copy_from_slice(&check.to_le_bytes());
    disk.set_bytes("keys", bytes);
    let error = Keyring::open(&disk).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooNew);
    assert_eq!(
        error.to_string(),
        "cannot open `keys`: it has format 2, and this version of the crate knows 1 at most: use a newer one"
    );
}

/// Every change of the disk fails in turn while a keyring is made, filled and erased from; afterwards it goes on.
#[test]
fn every_failing_change_leaves_all_in_order() {
    let mut run_whole = false;
    for failing in 0.. {
        let disk = TestDisk::default();
        disk.fail(failing, 1);
        let mut failed = 0;
        let keys = loop {
            match Keyring::open(&disk) {
                Ok((keys, _)) => break keys,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Io);
                    failed += 1;
                }
            }
        };
        let mut again = |result: Result<(), crate::storage::Error>, retry: &dyn Fn() -> Result<(), _>| {
            if let Err(error) = result {
                assert_eq!(error.kind(), ErrorKind::Io, "{error}");
                failed += 1;
                retry().unwrap();
            }
        };
        let [ada, bob, cyd] = [(); 3].map(|()| keys.fresh().unwrap());
        again(keys.save(), &|| keys.save());
        let dan = keys.fresh().unwrap();
        again(keys.sync(), &|| keys.sync());
        let ada_key = key(&keys, ada).unwrap();
        // A failed erasure is done again by the next sync.
        again(keys.erase(&[ada, dan]), &|| {
            assert_eq!((key(&keys, ada), key(&keys, dan)), (None, None));
            keys.sync()
        });
        let eve = keys.fresh().unwrap();
        again(keys.sync(), &|| keys.sync());
        assert_eq!(keys.verify(keys.slots()), Ok(Vec::new()));
        disk.fail(0, 0);
        let (reopened, _) = open(&disk);
        for slot in [Slot::STORE, ada, bob, cyd, dan, eve] {
            assert_eq!(key(&reopened, slot), key(&keys, slot), "change {failing}, {slot:?}");
        }
        assert!(!disk.bytes("keys").windows(32).any(|bytes| bytes == ada_key));
        assert!(disk.changes() > 10);
        if failed == 0 {
            run_whole = true;
            assert!(failing > 12, "{failing} changes");
            break;
        }
    }
    assert!(run_whole);
}

#[test]
fn no_epoch_is_given_twice() {
    let (whole, _) = small();
    let mut highest = 0;
    for seed in 0..300 {
        let mut random = fastrand::Rng::with_seed(seed);
        let disk = whole.copy();
        let mut given = BTreeSet::new();
        for opening in 0..30 {
            disk.fail(random.usize(0..6), usize::from(random.bool()));
            if let Ok((_, sealer)) = Keyring::open(&disk) {
                let epoch = epoch(&sealer);
                assert!(given.last().is_none_or(|&last| last < epoch), "seed {seed}, opening {opening}");
                given.insert(epoch);
                // A cell is damaged, but never both: an opening that fails may leave the other one half written.
                if random.u8(..4) == 0 {
                    let mut bytes = disk.bytes("keys");
                    bytes[random.usize(24..HEAD)] ^= 1 << random.u8(..8);
                    disk.set_bytes("keys", bytes);
                }
            }
        }
        assert!(given.len() > 5, "seed {seed}");
        highest = highest.max(*given.last().unwrap());
    }
    assert!(highest > 40, "no damaged cell was jumped over");
}

#[test]
fn both_cells_damaged_is_an_error() {
    let (disk, _) = small();
    let mut bytes = disk.bytes("keys");
    bytes[25] ^= 1;
    bytes[37] ^= 1;
    disk.set_bytes("keys", bytes.clone());
    let error = Keyring::open(&disk).unwrap_err();
    assert_eq!((error.kind(), error.position()), (ErrorKind::Corrupt, Some(24)));
    assert_eq!(disk.bytes("keys"), bytes, "nothing was changed");
}
