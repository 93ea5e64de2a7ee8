//! Memberships as bytes. Segments are differences to the one before, instants too; the numbers of segments are those
//! of the plan under which they were written.

use crate::model::{Bytes, Malformed, Record};
use crate::profile::{PackedReader, PackedWriter, Symbols};
use crate::segment::maintain::{Memberships, OUT, Part, key_order};
use crate::segment::plan::{Plan, SegmentId};
use crate::segment::rows::{Rows, Tag};
use crate::segment::value::NEVER;

/// An instant as the difference to the one before it. Differences go round, so that any word comes back.
struct Chain(i64);

impl Chain {
    fn write(&mut self, at: i64, out: &mut Vec<u8>) {
        at.wrapping_sub(std::mem::replace(&mut self.0, at)).write(out);
    }

    fn read(&mut self, from: &mut Bytes<'_>) -> Result<i64, Malformed> {
        self.0 = self.0.wrapping_add(i64::read(from)?);
        Ok(self.0)
    }
}

/// Writes the number of a segment behind another one, with a bit of something else.
fn write_segment(segment: SegmentId, next: &mut u32, bit: bool, out: &mut Vec<u8>) {
    (u64::from(segment.0 - *next) << 1 | u64::from(bit)).write(out);
    *next = segment.0;
}

/// Reads the number of a segment that is keyed, or is not: one that is has no rows, and nothing would ever take them away.
fn read_segment(
    from: &mut Bytes<'_>,
    next: &mut u32,
    plan: &Plan,
    is_keyed: bool,
) -> Result<(SegmentId, bool), Malformed> {
    let head = u64::read(from)?;
    let number = u32::try_from(head >> 1).ok().and_then(|more| next.checked_add(more));
    let is_such = |number: &u32| {
        plan.segments.get(*number as usize).is_some_and(|segment| segment.parts.is_some() == is_keyed)
    };
    let number = number.filter(is_such);
    *next = number.ok_or_else(|| from.malformed("a segment"))?;
    Ok((SegmentId(*next), head & 1 == 1))
}

impl Memberships {
    pub(crate) fn write(&self, values: &mut PackedWriter<'_>, out: &mut Vec<u8>) {
        let mut chain = Chain(0);
        let began = self.rows.began();
        began.is_some().write(out);
        began.into_iter().for_each(|at| chain.write(at, out));

        self.rows.stays().count().write(out);
        let mut next = 0;
        for (segment, since) in self.rows.stays() {
            write_segment(segment, &mut next, since == OUT, out);
            if since != OUT {
                chain.write(since, out);
            }
            next += 1;
        }
        self.rows.dues().count().write(out);
        let mut next = 0;
        for (segment, until) in self.rows.dues() {
            write_segment(segment, &mut next, false, out);
            chain.write(until, out);
            next += 1;
        }
        self.parts().len().write(out);
        let mut next = 0;
        for part in self.parts() {
            write_segment(part.segment, &mut next, part.since == OUT, out);
            values.value(part.key, out);
            if part.since != OUT {
                chain.write(part.since, out);
            }
            (part.until == NEVER).write(out);
            if part.until != NEVER {
                chain.write(part.until, out);
            }
            chain.write(part.latest, out);
        }
    }

    /// Reads what was [written](Memberships::write) under the same plan. The shares of keys are the reader's until that
    /// is told to keep them.
    ///
    /// # Errors
    /// Bytes that no memberships were written as, under this plan: whatever is read can be worked with.
    pub(crate) fn read(
        from: &mut Bytes<'_>,
        plan: &Plan,
        values: &mut PackedReader<'_>,
    ) -> Result<Memberships, Malformed> {
        let mut chain = Chain(0);
        let mut rows = Vec::new();
        if bool::read(from)? {
            rows.push((Tag::BEGAN, chain.read(from)?));
        }
        let mut next = 0;
        for _ in 0..from.len("memberships")? {
            let (segment, is_out) = read_segment(from, &mut next, plan, false)?;
            rows.push((Tag::stay(segment), if is_out { OUT } else { chain.read(from)? }));
            next += 1;
        }
        let mut next = 0;
        for _ in 0..from.len("memberships")? {
            let (segment, _) = read_segment(from, &mut next, plan, false)?;
            rows.push((Tag::due(segment), chain.read(from)?));
            next += 1;
        }
        // Two runs, which this merges.
        rows.sort();
        let mut parts: Vec<Part> = Vec::new();
        let mut next = 0;
        for _ in 0..from.len("memberships")? {
            let (segment, is_out) = read_segment(from, &mut next, plan, true)?;
            let key = values.value(from)?;
            let since = if is_out { OUT } else { chain.read(from)? };
            let until = if bool::read(from)? { NEVER } else { chain.read(from)? };
            let part = Part { segment, key, since, until, latest: chain.read(from)? };
            let symbols = values.symbols();
            let is_behind = parts
                .last()
                .is_none_or(|last| last.segment < segment || key_order(last.key, key, symbols).is_lt());
            if !(is_behind && key.is_key(symbols)) {
                return Err(from.malformed("a part of a segment"));
            }
            parts.push(part);
        }
        parts.shrink_to_fit();
        let mut memberships = Memberships {
            rows: Rows::from_sorted(&rows),
            keyed: (!parts.is_empty()).then(|| Box::new(parts)),
            ..Memberships::default()
        };
        memberships.least = memberships.find_least();
        Ok(memberships)
    }

    /// Gives the shares of keys back, of memberships that are away from now on.
    pub(crate) fn release(self, symbols: &mut Symbols) {
        self.keyed.into_iter().flat_map(|parts| *parts).for_each(|part| symbols.release(part.key));
    }

    /// How much memory they take beside themselves, without the texts of keys. O(1).
    pub(crate) fn heap_bytes(&self) -> usize {
        let parts = |parts: &Vec<Part>| size_of_val(parts) + parts.capacity() * size_of::<Part>();
        self.rows.heap_bytes() + self.keyed.as_deref().map_or(0, parts)
    }
}
