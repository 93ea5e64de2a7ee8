//! Checkpoints that nobody wrote, made of some that were.

use bespoke::model::Instant;
use fastrand::Rng;

/// One of them, changed in a few places.
pub(crate) fn mutated(written: &[Vec<u8>], random: &mut Rng) -> Vec<u8> {
    let mut bytes = written[random.usize(..written.len())].clone();
    for _ in 0..=random.usize(..3) {
        let place = random.usize(..=bytes.len());
        let rest = bytes.len() - place;
        match random.u8(..10) {
            0 if rest > 0 => bytes[place] ^= 1 << random.u8(..8),
            1 if rest > 0 => bytes[place] = random.u8(..),
            2 if rest > 0 => bytes[place] = [0, 1, 2, 0x7F, 0x80, 0xFF][random.usize(..6)],
            3 => bytes.truncate(place),
            4 => drop(bytes.drain(place..place + random.usize(..=rest.min(12)))),
            5 => insert(&mut bytes, place, &number(random)),
            6 | 7 => overwrite(&mut bytes, place, &number(random)),
            8 => {
                let other = &written[random.usize(..written.len())];
                let from = random.usize(..=other.len());
                let len = random.usize(..=(other.len() - from).min(64));
                insert(&mut bytes, place, &other[from..from + len]);
            }
            _ => {
                let len = random.usize(..=rest.min(32));
                let again = bytes[place..place + len].to_vec();
                insert(&mut bytes, place, &again);
            }
        }
    }
    bytes
}

/// A number as records have them, that is at the end of a range or no number.
fn number(random: &mut Rng) -> Vec<u8> {
    let wide = [f64::NAN, f64::INFINITY, f64::MAX, -1.0, 0.0, f64::MIN_POSITIVE, 5e-324, 1e-6, 1e200];
    let narrow = [f32::NAN, f32::INFINITY, f32::MAX, f32::MIN, -1.0, 0.0, f32::MIN_POSITIVE, 1e-45, 1e30];
    let whole = [0, 11, 12, 127, 1_023, u64::from(u32::MAX), u64::MAX, u64::MAX / 2, 1 << 44];
    let instants = [Instant::MIN, Instant::MAX];
    match random.u8(..4) {
        0 => wide[random.usize(..wide.len())].to_le_bytes().to_vec(),
        1 => narrow[random.usize(..narrow.len())].to_le_bytes().to_vec(),
        2 => variable(whole[random.usize(..whole.len())]),
        _ => {
            let millis = instants[random.usize(..2)].as_millis();
            variable((millis << 1 ^ millis >> 63) as u64)
        }
    }
}

/// Seven bits a byte, the low ones first.
fn variable(mut rest: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

fn insert(bytes: &mut Vec<u8>, place: usize, what: &[u8]) {
    bytes.splice(place..place, what.iter().copied());
}

fn overwrite(bytes: &mut Vec<u8>, place: usize, what: &[u8]) {
    let end = (place + what.len()).min(bytes.len());
    bytes.splice(place..end, what.iter().copied());
}
