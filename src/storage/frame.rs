//! What is around a record of the heap: its length and a checksum over the record and its place, so that one that is
//! somewhere else is not taken for it.
//!
//! | part | bytes |
//! | --- | --- |
//! | length of the record | 4, little-endian |
//! | low half of XXH3 of the record, seeded with file and offset | 4, little-endian |
//! | the record | its length |

use crate::storage::head::read_at;
use crate::storage::place::Place;
use crate::storage::{DiskFile, Error};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Bytes of a frame before the record.
pub(super) const FRAME_HEAD: u32 = 8;

/// How much of a file is read at once when all of it is.
const WINDOW: u32 = 1 << 18;

/// Appends the frame of the record that is to stand at this place.
pub(super) fn write(place: Place, record: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&place.len.to_le_bytes());
    out.extend_from_slice(&check(place, record).to_le_bytes());
    out.extend_from_slice(record);
}

/// The record in a frame, if it is whole and of this place.
pub(super) fn record(place: Place, frame: &[u8]) -> Option<&[u8]> {
    let (len, rest) = frame.split_first_chunk()?;
    let (found, record) = rest.split_first_chunk()?;
    let whole = record.len() == place.len as usize
        && u32::from_le_bytes(*len) == place.len
        && u32::from_le_bytes(*found) == check(place, record);
    whole.then_some(record)
}

fn check(place: Place, record: &[u8]) -> u32 {
    xxh3_64_with_seed(record, u64::from(place.file) << 32 | u64::from(place.offset)) as u32
}

/// No record, or not that one, is at a place.
pub(super) fn damage(name: &str, place: Place) -> Error {
    let message = "the record here is not what was written: restore it from a backup";
    Error::corrupt(name, u64::from(place.offset), message)
}

/// Goes through the frames from one byte of a file to another, each checked.
pub(super) fn walk(
    file: &dyn DiskFile,
    name: &str,
    number: u32,
    from: u32,
    to: u32,
    mut each: impl FnMut(Place, &[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut at = from;
    let mut bytes = Vec::new();
    let mut window = WINDOW;
    while at < to {
        if to - at < FRAME_HEAD {
            return Err(damage(name, Place { file: number, offset: at, len: 0 }));
        }
        bytes.resize(window.min(to - at) as usize, 0);
        read_at(file, name, u64::from(at), &mut bytes)?;
        let mut rest = &bytes[..];
        window = WINDOW;
        while !rest.is_empty() {
            let Some(len) = rest.first_chunk().map(|len| u32::from_le_bytes(*len)) else { break };
            let place = Place { file: number, offset: at, len };
            let frame = FRAME_HEAD.checked_add(len).filter(|&frame| frame <= to - at);
            let frame = frame.ok_or_else(|| damage(name, place))?;
            let Some((whole, behind)) = rest.split_at_checked(frame as usize) else {
                window = window.max(frame);
                break;
            };
            record(place, whole).ok_or_else(|| damage(name, place))?;
            each(place, whole)?;
            rest = behind;
            at += frame;
        }
    }
    Ok(())
}
