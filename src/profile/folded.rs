//! The kept events of a user who rests, in some 13 bytes each where rows take 32.
//!
//! | part | bytes |
//! | --- | --- |
//! | how many rows there are, and with how many it is time to prune | four each |
//! | each row: the lengths of what follows, and whether its kind is another one than before | one |
//! | what its arrival is beyond the one before, folded | up to five |
//! | what its instant is beyond the one before, folded | up to seven |
//! | where it is another one: its kind, and how many values it has, of 255 at most | two and one |
//! | each value: what it is and the length of what follows | one |
//! | its content | up to eight |
//! | nothing, so that every number can be read as eight bytes | seven |
//!
//! Numbers are little-endian. Lengths stand before numbers, and not bits in each of their bytes, because a history is read
//! whenever its user comes back from resting.

use crate::model::{Instant, folded, unfolded};
use crate::profile::event_rows::EventRows;
use crate::profile::{EventKind, Keep, Packed, Row};
use smallvec::SmallVec;

const HEAD: usize = 8;
/// A number of up to eight bytes is read at once, wherever it stands.
const TAIL: usize = 7;

/// Where a row stands that others are told from.
#[derive(Clone, Copy, Default)]
struct Last {
    arrival: u32,
    at: i64,
    kind: Option<EventKind>,
}

impl Last {
    fn of(row: Row) -> Last {
        Last { arrival: row.order().1, at: row.at(), kind: Some(row.kind()) }
    }
}

/// Rows as bytes, of which the first `same` are in `before` already, as they are.
pub(super) fn fold(rows: &EventRows, before: Box<[u8]>, same: usize, keep: &Keep) -> Box<[u8]> {
    if rows.rows().is_empty() {
        return Box::default();
    }
    let mut out = before.into_vec();
    let mut last = match same {
        0 => {
            out.clear();
            out.resize(HEAD, 0);
            Last::default()
        }
        same => {
            out.truncate(out.len() - TAIL);
            Last::of(rows.rows()[same - 1])
        }
    };
    // What is new is put together first: mostly a row, and so there is room for it and no more.
    let mut new: SmallVec<[u8; 64]> = SmallVec::new();
    for row in &rows.rows()[same..] {
        write_row(*row, &rows.values_from(*row)[..keep.width(row.kind())], last, &mut new);
        last = Last::of(*row);
    }
    new.extend_from_slice(&[0; TAIL]);
    out.reserve_exact(new.len());
    out.extend_from_slice(&new);
    out[..4].copy_from_slice(&(rows.rows().len() as u32).to_le_bytes());
    out[4..HEAD].copy_from_slice(&(rows.prune_at() as u32).to_le_bytes());
    out.into_boxed_slice()
}

fn write_row(row: Row, values: &[Packed], last: Last, out: &mut SmallVec<[u8; 64]>) {
    // Arrivals go round.
    let (at, arrival) = row.order();
    let arrival = folded(arrival.wrapping_sub(last.arrival).cast_signed().into());
    let at = folded(at.wrapping_sub(last.at));
    let is_other = last.kind != Some(row.kind());
    out.push(length(arrival) | length(at) << 3 | u8::from(is_other) << 6);
    write(arrival, out);
    write(at, out);
    if is_other {
        out.extend_from_slice(&row.kind().0.to_le_bytes());
        out.push(values.len() as u8);
    }
    for value in values {
        let (form, content) = value.form();
        out.push(form | length(content) << 4);
        write(content, out);
    }
}

/// Whether bytes say how many rows there are, and when it is time to prune them.
pub(super) fn heads(bytes: &[u8], rows: &EventRows) -> bool {
    (len(bytes), prune_at(bytes)) == (rows.rows().len(), rows.prune_at())
}

fn prune_at(bytes: &[u8]) -> usize {
    Reader { bytes, at: 4 }.number(4) as usize
}

/// How many rows bytes hold.
pub(super) fn len(bytes: &[u8]) -> usize {
    bytes.first_chunk().map_or(0, |len| u32::from_le_bytes(*len) as usize)
}

/// Makes rows of what was [folded](fold).
pub(super) fn unfold(bytes: &[u8], rows: &mut EventRows) {
    rows.clear();
    let len = len(bytes);
    let mut from = Reader { bytes, at: HEAD };
    let (mut last, mut width) = (Last::default(), 0);
    for place in 0..len {
        let head = from.number(1) as u8;
        let arrival = unfolded(from.number(head & 7));
        last.arrival = last.arrival.wrapping_add_signed(arrival as i32);
        last.at = last.at.wrapping_add(unfolded(from.number(head >> 3 & 7)));
        if head >> 6 & 1 == 1 {
            last.kind = Some(EventKind(from.number(2) as u16));
            width = from.number(1) as usize;
            if place == 0 {
                // A guess, which holds where all are of one kind.
                rows.make_room(len + 1, (len + 1) * width);
            }
        }
        let kind = last.kind.unwrap_or(EventKind::OTHER);
        let values = (0..width).map(|_| {
            let head = from.number(1) as u8;
            Packed::of_form(head & 0xF, from.number(head >> 4))
        });
        rows.push(Instant::from_millis(last.at), kind, last.arrival, values);
    }
    rows.set_prune_at(prune_at(bytes));
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Reader<'_> {
    /// The number in the next so many bytes, at most eight.
    #[inline]
    fn number(&mut self, length: u8) -> u64 {
        let word = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk());
        self.at += usize::from(length);
        let word = u64::from_le_bytes(word.copied().unwrap_or_default());
        if length < 8 { word & ((1 << (8 * length)) - 1) } else { word }
    }
}

/// How many bytes a number takes.
fn length(n: u64) -> u8 {
    8 - (n.leading_zeros() / 8) as u8
}

fn write(n: u64, out: &mut SmallVec<[u8; 64]>) {
    out.extend_from_slice(&n.to_le_bytes()[..length(n).into()]);
}
