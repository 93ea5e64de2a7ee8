//! What is known of one user as bytes: short, because there is one such record for everybody.
//!
//! Instants are differences to the last sight of the user, or to the row before; arrivals too. A kind of event comes with
//! the number of its columns where it comes first, so that a record can be gone through by itself. The numbers of kinds,
//! rules and totals are those of the definitions under which it was written.

use crate::model::{Bytes, Instant, Malformed, Record, record, write_text};
use crate::profile::attributes::Attribute;
use crate::profile::lineage::{Confirmed, Lineage, Merged, Part};
use crate::profile::{
    Affinities, AffinityRule, Attributes, EventKind, EventRows, History, Keep, Packed, PackedReader,
    PackedWriter, Past, Profile, Session, TotalId, TotalOp, TotalRow, Totals, Weighed,
};
use smallvec::SmallVec;
use smol_str::SmolStr;

/// What a profile is kept by: the definitions under which it is written, and the same again when it is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape<'a> {
    pub(crate) keep: &'a Keep,
    pub(crate) rules: &'a [AffinityRule],
}

record! {
    Confirmed { previous, at, reason }
    Past { first, last, events }
}

const HAS_USER_ID: u8 = 1;
const HAS_FIRST_NAME: u8 = 2;
const HAS_MERGED: u8 = 4;

/// More sessions than there can be, and more events in one: so that counting on has room.
const COUNT_MAX: u32 = 1 << 30;

fn write_since(at: Instant, base: Instant, out: &mut Vec<u8>) {
    (at.as_millis() - base.as_millis()).write(out);
}

fn read_since(from: &mut Bytes<'_>, base: Instant) -> Result<Instant, Malformed> {
    let millis = i64::read(from)?.checked_add(base.as_millis());
    millis.and_then(Instant::checked_from_millis).ok_or_else(|| from.malformed("an instant"))
}

impl Profile {
    /// Writes everything but the numbers of its ids and its zone, which follow from the tables of its store.
    pub(crate) fn write(&self, shape: Shape<'_>, values: &mut PackedWriter<'_>, out: &mut Vec<u8>) {
        let (first_name, merged) = match &self.lineage {
            Some(lineage) => (&lineage.first_name, lineage.merged.as_deref()),
            None => (&None, None),
        };
        let flag = |is_there: bool, flag: u8| if is_there { flag } else { 0 };
        out.push(
            flag(self.has_user_id, HAS_USER_ID)
                | flag(first_name.is_some(), HAS_FIRST_NAME)
                | flag(merged.is_some(), HAS_MERGED),
        );
        write_text(&self.name, out);
        if let Some(first_name) = first_name {
            write_text(first_name, out);
        }
        let base = self.last_seen;
        base.write(out);
        write_since(self.first_seen, base, out);
        self.session.write(base, out);
        self.attributes.write_rows(base, values, out);
        self.history.glance().write(shape.keep, base, values, out);
        self.affinities.write(base, values, out);
        self.totals.write(&shape.keep.totals, base, values, out);
        if let Some(merged) = merged {
            merged.confirmed.write(out);
            merged.folded.write(out);
            merged.past.write(out);
            merged.parts.len().write(out);
            for part in &merged.parts {
                part.absorbed.write(out);
                part.arrival.write(out);
                part.past.write(out);
                // Numbers of ids are other ones in every process; their places among those of the whole are not.
                let place = |id: &u32| self.ids.iter().position(|own| own == id);
                part.profile.ids.iter().filter_map(place).collect::<Vec<usize>>().write(out);
                part.profile.write(shape, values, out);
            }
        }
    }

    /// Reads what was [written](Profile::write) under the same definitions. Its shares are the reader's until that is
    /// told to keep them. Ids and zone are missing yet. `name` is what it is called in memory.
    ///
    /// # Errors
    /// Bytes that no profile was written as, under these definitions: whatever is read can be worked with.
    pub(crate) fn read(
        from: &mut Bytes<'_>,
        shape: Shape<'_>,
        values: &mut PackedReader<'_>,
        name: &SmolStr,
    ) -> Result<Profile, Malformed> {
        Profile::read_part(from, shape, values, name, false)
    }

    fn read_part(
        from: &mut Bytes<'_>,
        shape: Shape<'_>,
        values: &mut PackedReader<'_>,
        name: &SmolStr,
        is_part: bool,
    ) -> Result<Profile, Malformed> {
        let flags = u8::read(from)?;
        if flags > HAS_USER_ID | HAS_FIRST_NAME | HAS_MERGED {
            return Err(from.malformed("a profile"));
        }
        let text = from.text()?;
        let name: SmolStr = if *text == **name { name.clone() } else { text.into() };
        let first_name = if flags & HAS_FIRST_NAME != 0 { Some(from.read()?) } else { None };
        let base: Instant = from.read()?;
        let mut profile = Profile {
            name,
            lineage: None,
            ids: SmallVec::new(),
            has_user_id: flags & HAS_USER_ID != 0,
            zone: 0,
            first_seen: read_since(from, base)?,
            last_seen: base,
            session: Session::read(from, base)?,
            attributes: Attributes::read(from, base, values)?,
            history: History::of_rows(EventRows::read(from, shape.keep, base, values)?),
            affinities: Affinities::read(from, shape.rules.len(), base, values)?,
            totals: Totals::read(from, &shape.keep.totals, base, values)?,
        };
        let mut merged = None;
        if flags & HAS_MERGED != 0 {
            let mut read = Merged {
                confirmed: from.read()?,
                folded: from.read()?,
                past: from.read()?,
                parts: Vec::new(),
            };
            let len = from.valid("parts of a profile", |len: &usize| *len != 1 && !(is_part && *len > 0))?;
            for _ in 0..len {
                let (absorbed, arrival, past) = (from.read()?, from.read()?, from.read()?);
                let ids: Vec<u32> = from.read()?;
                let mut profile = Profile::read_part(from, shape, values, &profile.name, true)?;
                profile.ids = ids.into();
                profile.history.rest(shape.keep);
                read.parts.push(Part { profile, absorbed, arrival, past });
            }
            merged = Some(Box::new(read));
        }
        if first_name.is_some() || merged.is_some() {
            profile.lineage = Some(Box::new(Lineage { first_name, merged }));
        }
        Ok(profile)
    }

    /// How much memory it takes beside itself: without texts, which it shares with others. O(parts).
    pub(crate) fn heap_bytes(&self) -> usize {
        let ids = if self.ids.spilled() { self.ids.capacity() * size_of::<u32>() } else { 0 };
        let lineage = self.lineage.as_ref().map_or(0, |_| size_of::<Lineage>() + size_of::<Merged>());
        let parts = self.parts().iter().map(|part| size_of::<Part>() + part.profile.heap_bytes());
        ids + lineage
            + parts.sum::<usize>()
            + self.attributes.heap_bytes()
            + self.history.heap_bytes()
            + self.affinities.heap_bytes()
            + self.totals.heap_bytes()
    }
}

impl Session {
    fn write(&self, base: Instant, out: &mut Vec<u8>) {
        self.number.write(out);
        if self.number > 0 {
            self.events.write(out);
            write_since(self.last, base, out);
            write_since(self.first, self.last, out);
        }
    }

    fn read(from: &mut Bytes<'_>, base: Instant) -> Result<Session, Malformed> {
        let number = u32::read(from)?;
        if number == 0 {
            return Ok(Session::default());
        }
        let events = u32::read(from)?;
        if number > COUNT_MAX || events > COUNT_MAX {
            return Err(from.malformed("a session"));
        }
        let last = read_since(from, base)?;
        Ok(Session { number, events, first: read_since(from, last)?, last })
    }
}

impl Attributes {
    fn write_rows(&self, base: Instant, values: &mut PackedWriter<'_>, out: &mut Vec<u8>) {
        self.iter().len().write(out);
        for attribute in self.iter() {
            values.text(attribute.name, out);
            write_since(attribute.written, base, out);
            attribute.arrival.write(out);
            values.value(attribute.value, out);
        }
    }

    fn read(
        from: &mut Bytes<'_>,
        base: Instant,
        values: &mut PackedReader<'_>,
    ) -> Result<Attributes, Malformed> {
        let len = from.len("attributes")?;
        let mut rows = Vec::with_capacity(len);
        for _ in 0..len {
            let name = values.text(from)?;
            let (written, arrival) = (read_since(from, base)?, from.read()?);
            rows.push(Attribute { name, arrival, written, value: values.value(from)? });
        }
        // They lie by the numbers of their names, which are other ones in every process.
        Attributes::from_rows(rows).ok_or_else(|| from.malformed("attributes"))
    }
}

/// Tells whether a kind of event is met for the first time in a record.
#[derive(Default)]
struct KindsMet(SmallVec<[EventKind; 16]>);

impl KindsMet {
    fn is_first(&mut self, kind: EventKind) -> bool {
        let found = self.0.binary_search(&kind);
        found.map_err(|place| self.0.insert(place, kind)).is_err()
    }
}

impl EventRows {
    /// How many rows there are, and with how many it is time to prune: so what is dropped by when follows from what
    /// happened, not from who was in memory.
    ///
    /// A row is the difference of its arrival, with a bit that says whether its kind is another one than before; then,
    /// where it is, the kind, and where that comes first, the number of its columns; then its instant and its values.
    fn write(&self, keep: &Keep, base: Instant, values: &mut PackedWriter<'_>, out: &mut Vec<u8>) {
        self.rows().len().write(out);
        self.prune_at().write(out);
        let mut met = KindsMet::default();
        let (mut arrival, mut kind, mut at) = (0_u32, None, None::<i64>);
        for row in self.rows() {
            let width = keep.width(row.kind());
            // Arrivals go round.
            let later = row.order().1.wrapping_sub(arrival).cast_signed();
            let is_other = kind != Some(row.kind());
            (i64::from(later) << 1 | i64::from(is_other)).write(out);
            if is_other {
                row.kind().0.write(out);
                if met.is_first(row.kind()) {
                    width.write(out);
                }
            }
            match at {
                Some(at) => (row.at() - at).cast_unsigned().write(out),
                None => (row.at() - base.as_millis()).write(out),
            }
            self.values_from(*row)[..width].iter().for_each(|value| values.value(*value, out));
            (arrival, kind, at) = (row.order().1, Some(row.kind()), Some(row.at()));
        }
    }

    fn read(
        from: &mut Bytes<'_>,
        keep: &Keep,
        base: Instant,
        values: &mut PackedReader<'_>,
    ) -> Result<EventRows, Malformed> {
        let len = from.len("a history")?;
        let prune_at =
            from.valid("when to prune a history", |at: &usize| *at <= EventRows::prune_at_most(len))?;
        let mut history = EventRows::NONE;
        let mut met = KindsMet::default();
        let (mut arrival, mut kind, mut at) = (0_u32, None, None);
        let mut of_row: SmallVec<[Packed; 16]> = SmallVec::new();
        for _ in 0..len {
            let head = i64::read(from)?;
            let later = i32::try_from(head >> 1).map_err(|_| from.malformed("an arrival"))?;
            arrival = arrival.wrapping_add_signed(later);
            if head & 1 == 1 {
                kind = Some(read_kind(from, keep, &mut met)?);
            }
            let (kind, width) = kind.ok_or_else(|| from.malformed("a kind of event"))?;
            if history.rows().is_empty() {
                // A guess, which holds where all are of one kind. Each value takes a byte at least.
                history.make_room(len + 1, ((len + 1) * width).min(from.left()));
            }
            let instant = match at {
                None => read_since(from, base)?,
                Some(at) => read_later(from, at)?,
            };
            of_row.clear();
            for _ in 0..width {
                of_row.push(values.value(from)?);
            }
            if history.insert(instant, kind, arrival, &of_row).is_some() {
                return Err(from.malformed("a history in order"));
            }
            at = Some(instant);
        }
        history.set_prune_at(prune_at);
        Ok(history)
    }
}

/// Reads a kind with the number of its columns.
fn read_kind(from: &mut Bytes<'_>, keep: &Keep, met: &mut KindsMet) -> Result<(EventKind, usize), Malformed> {
    let kind = EventKind(u16::read(from)?);
    if usize::from(kind.0) >= keep.kinds().len() {
        return Err(from.malformed("a kind of event"));
    }
    let width = keep.width(kind);
    if met.is_first(kind) && usize::read(from)? != width {
        return Err(from.malformed("the columns of an event"));
    }
    Ok((kind, width))
}

fn read_later(from: &mut Bytes<'_>, at: Instant) -> Result<Instant, Malformed> {
    let millis = i64::try_from(u64::read(from)?).ok().and_then(|later| later.checked_add(at.as_millis()));
    millis.and_then(Instant::checked_from_millis).ok_or_else(|| from.malformed("an instant"))
}

impl Affinities {
    fn write(&self, base: Instant, values: &mut PackedWriter<'_>, out: &mut Vec<u8>) {
        self.iter().len().write(out);
        let mut last = 0_u32;
        for Weighed { rule, value, weight, seen, arrival } in self.iter() {
            rule.write(out);
            write_since(*seen, base, out);
            i64::from(arrival.wrapping_sub(last).cast_signed()).write(out);
            weight.write(out);
            values.value(*value, out);
            last = *arrival;
        }
    }

    fn read(
        from: &mut Bytes<'_>,
        rules: usize,
        base: Instant,
        values: &mut PackedReader<'_>,
    ) -> Result<Affinities, Malformed> {
        let len = from.len("affinities")?;
        let mut rows = Vec::with_capacity(len);
        let mut arrival = 0_u32;
        for _ in 0..len {
            let rule = u32::read(from)?;
            if rule as usize >= rules {
                return Err(from.malformed("an affinity"));
            }
            let seen = read_since(from, base)?;
            let later = i32::try_from(i64::read(from)?).map_err(|_| from.malformed("an arrival"))?;
            arrival = arrival.wrapping_add_signed(later);
            let weight = f64::read(from)?;
            rows.push(Weighed { rule, value: values.value(from)?, weight, seen, arrival });
        }
        Affinities::from_rows(rows).ok_or_else(|| from.malformed("affinities"))
    }
}

/// Whether a total counts, so that its word is no instant.
fn counts(op: TotalOp) -> bool {
    matches!(op, TotalOp::Count | TotalOp::Sum | TotalOp::Average)
}

impl Totals {
    fn write(&self, ops: &[TotalOp], base: Instant, values: &mut PackedWriter<'_>, out: &mut Vec<u8>) {
        self.len().write(out);
        let mut next = 0;
        for row in self.iter() {
            (row.id().0 - next).write(out);
            next = row.id().0 + 1;
            let (word, arrival) = row.order();
            let zero = if counts(ops[row.id().0 as usize]) { 0 } else { base.as_millis() };
            (word - zero).write(out);
            arrival.write(out);
            values.value(row.value(), out);
        }
    }

    fn read(
        from: &mut Bytes<'_>,
        ops: &[TotalOp],
        base: Instant,
        values: &mut PackedReader<'_>,
    ) -> Result<Totals, Malformed> {
        let len = from.len("totals")?;
        let mut rows = Vec::with_capacity(len);
        let mut next = 0_u32;
        for _ in 0..len {
            let id = next.checked_add(u32::read(from)?);
            let known = id.and_then(|id| Some((id, *ops.get(id as usize)?)));
            let (id, op) = known.ok_or_else(|| from.malformed("a total"))?;
            next = id + 1;
            let word = if counts(op) { i64::read(from)? } else { read_since(from, base)?.as_millis() };
            if counts(op) && word < 0 {
                return Err(from.malformed("a total"));
            }
            let arrival = u32::read(from)?;
            rows.push(TotalRow::new(TotalId(id), (word, arrival), values.value(from)?));
        }
        Ok(Totals::from_sorted(rows))
    }
}
