use crate::model::Instant;
use crate::profile::redefine::KindMove;
use crate::profile::{EventKind, Horizon, Keep, Packed, Session, Symbols};
use smallvec::SmallVec;

/// One kept event: 16 bytes, and eight for each property that is kept with it.
///
/// First word: 49 bits of instant (signed milliseconds, which hold every [`Instant`]) above 15 bits of kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    when_and_what: i64,
    /// Order of arrival, for events of one instant.
    arrival: u32,
    /// Where its properties begin.
    start: u32,
}

impl Row {
    fn new(at: Instant, kind: EventKind, arrival: u32, start: u32) -> Row {
        Row { when_and_what: at.as_millis() << 15 | i64::from(kind.0), arrival, start }
    }

    pub(crate) fn at(self) -> i64 {
        self.when_and_what >> 15
    }

    pub(crate) fn kind(self) -> EventKind {
        EventKind((self.when_and_what & 0x7FFF) as u16)
    }

    /// Whether no definition can see it any more. Such a row goes when there is need of room: when that is must not show.
    fn is_expired(self, now: Instant, session: &Session, keep: &Keep) -> bool {
        let kind = keep.kind(self.kind());
        let in_session = kind.session && self.at() >= session.first.as_millis();
        !in_session
            && match kind.horizon {
                Horizon::None => true,
                Horizon::For(age) => self.at() <= now.as_millis().saturating_sub(age.as_millis()),
                Horizon::Forever => false,
            }
    }

    /// Elements of a list have the order of their event: none of them is before or after another.
    pub(crate) fn order(self) -> (i64, u32) {
        (self.at(), self.arrival)
    }
}

/// What became of the places of rows that were there, as another came in.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    /// Where those were that went, in order.
    pub(crate) gone: Vec<usize>,
    /// Where it is, if others are behind it: they moved on.
    pub(crate) between: Option<usize>,
}

/// The kept events of one user as they are looked through, by instant, then by arrival.
///
/// Invariants: 1. rows are sorted by (instant, arrival). 2. the properties of a row are the `columns` of its kind,
/// from `start` on. 3. every packed value holds a share in `Symbols`.
#[derive(Debug, Clone)]
pub(crate) struct EventRows {
    rows: Vec<Row>,
    values: Vec<Packed>,
    /// With so many rows it is time to drop those that no definition can see any more. It is kept with them wherever they
    /// go: which rows are there would depend on who was in memory otherwise, and who is due with them.
    prune_at: u32,
}

impl EventRows {
    pub(super) const NONE: EventRows = EventRows { rows: Vec::new(), values: Vec::new(), prune_at: 0 };

    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Those that a definition can see.
    pub(crate) fn visible<'a>(
        &'a self,
        now: Instant,
        session: Session,
        keep: &'a Keep,
    ) -> impl Iterator<Item = Row> + 'a {
        self.rows.iter().copied().filter(move |row| !row.is_expired(now, &session, keep))
    }

    pub(crate) fn value(&self, row: Row, place: usize) -> Packed {
        self.values[row.start as usize + place]
    }

    /// The properties of a row, and what lies behind them.
    pub(crate) fn values_from(&self, row: Row) -> &[Packed] {
        &self.values[row.start as usize..]
    }

    /// Puts an event in its place. `values` are the columns of its kind; their shares pass to the history. Gives
    /// where it is, if other rows had to move.
    pub(crate) fn insert(
        &mut self,
        at: Instant,
        kind: EventKind,
        arrival: u32,
        values: &[Packed],
    ) -> Option<usize> {
        let row = Row::new(at, kind, arrival, self.values.len() as u32);
        self.make_room(1, values.len());
        self.values.extend_from_slice(values);
        match self.rows.last() {
            Some(last) if last.order() > row.order() => {
                let place = self.rows.partition_point(|r| r.order() <= row.order());
                self.rows.insert(place, row);
                Some(place)
            }
            _ => {
                self.rows.push(row);
                None
            }
        }
    }

    /// Puts an event behind all others. `values` as in [`insert`](EventRows::insert).
    pub(super) fn push(
        &mut self,
        at: Instant,
        kind: EventKind,
        arrival: u32,
        values: impl Iterator<Item = Packed>,
    ) {
        self.rows.push(Row::new(at, kind, arrival, self.values.len() as u32));
        self.values.extend(values);
    }

    /// Empties it, and keeps the room.
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.values.clear();
        self.prune_at = 0;
    }

    /// Those behind one in order and up to an instant, to be looked at: their values have no shares of their own. O(rows).
    pub(crate) fn within(&self, (after, arrival): (Instant, u32), until: Instant) -> EventRows {
        let start = self.rows.partition_point(|row| row.order() <= (after.as_millis(), arrival));
        let end = self.rows.partition_point(|row| row.at() <= until.as_millis());
        let rows = self.rows.get(start..end).unwrap_or_default().to_vec();
        EventRows { rows, values: self.values.clone(), prune_at: 0 }
    }

    /// How many rows there is room for.
    pub(super) fn capacity(&self) -> usize {
        self.rows.capacity()
    }

    /// Makes room for rows that are going to be inserted, and their values: no more than is needed, or an eighth of what is
    /// there. Most users have few events, and doubling would waste a third of all memory on them.
    pub(crate) fn make_room(&mut self, rows: usize, values: usize) {
        grow(&mut self.rows, rows);
        grow(&mut self.values, values);
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.rows.capacity() * size_of::<Row>() + self.values.capacity() * size_of::<Packed>()
    }

    /// Whether it is time to drop those that no definition can see any more.
    pub(super) fn is_full(&self) -> bool {
        self.rows.len() >= self.prune_at().max(1)
    }

    pub(super) fn prune_at(&self) -> usize {
        self.prune_at as usize
    }

    pub(super) fn set_prune_at(&mut self, rows: usize) {
        self.prune_at = rows as u32;
    }

    /// Looks again when it is an eighth longer. One without events has no memory of any.
    fn prune_later(&mut self) {
        self.set_prune_at(EventRows::prune_at_most(self.rows.len()));
    }

    /// The highest with so many rows.
    pub(super) fn prune_at_most(len: usize) -> usize {
        if len == 0 { 0 } else { len + room(len) }
    }

    /// Drops what no definition can see any more, and gives where it was, in order. O(rows).
    pub(crate) fn prune(
        &mut self,
        now: Instant,
        session: &Session,
        keep: &Keep,
        symbols: &mut Symbols,
    ) -> Vec<usize> {
        let release = |_, values: &[Packed]| values.iter().for_each(|value| symbols.release(*value));
        let gone = self.extract(keep, |row| row.is_expired(now, session, keep), release);
        if gone.is_empty() {
            self.prune_later();
        }
        gone
    }

    /// Takes out the events that `wanted` chooses and gives them away, with the shares of their properties; gives where they
    /// were, in order. O(rows).
    pub(crate) fn extract(
        &mut self,
        keep: &Keep,
        mut wanted: impl FnMut(&Row) -> bool,
        mut take: impl FnMut(Row, &[Packed]),
    ) -> Vec<usize> {
        let rows = self.rows.iter().enumerate();
        let gone: Vec<usize> = rows.filter(|(_, row)| wanted(row)).map(|(place, _)| place).collect();
        if gone.is_empty() {
            return gone;
        }
        let old = std::mem::take(&mut self.values);
        let mut values = Vec::with_capacity(old.len());
        let (mut going, mut place) = (gone.iter().peekable(), 0..);
        self.rows.retain_mut(|row| {
            let own = &old[row.start as usize..][..keep.width(row.kind())];
            let place = place.next();
            if going.next_if(|going| Some(**going) == place).is_some() {
                take(*row, own);
                return false;
            }
            row.start = values.len() as u32;
            values.extend_from_slice(own);
            true
        });
        self.values = values;
        self.give_room_back();
        gone
    }

    /// Takes out the values that `wanted` chooses, by the place among the columns of their event, and gives away each event
    /// with the values that it had, and with those that it has. Gives whether there were any. O(values).
    pub(crate) fn blank(
        &mut self,
        keep: &Keep,
        mut wanted: impl FnMut(Row, usize) -> bool,
        mut take: impl FnMut(Row, &[Packed], &[Packed]),
    ) -> bool {
        let mut is_changed = false;
        for row in &self.rows {
            let own = &mut self.values[row.start as usize..][..keep.width(row.kind())];
            let before: SmallVec<[Packed; 16]> = SmallVec::from_slice(own);
            for (place, value) in own.iter_mut().enumerate().filter(|(_, value)| !value.is_missing()) {
                if wanted(*row, place) {
                    *value = Packed::MISSING;
                }
            }
            if *before != *own {
                is_changed = true;
                take(*row, &before, own);
            }
        }
        is_changed
    }

    /// Gives events the numbers and columns that other definitions have for them; `moves` are by kind. O(rows), and
    /// one look at each where nothing moves. Gives whether anything does.
    pub(crate) fn relocate(&mut self, moves: &[KindMove], symbols: &mut Symbols) -> bool {
        let of = |row: Row| &moves[row.kind().0 as usize];
        if self.rows.iter().all(|row| of(*row).stays(row.kind())) {
            return false;
        }
        let old = std::mem::take(&mut self.values);
        let mut values = Vec::with_capacity(old.len());
        self.rows.retain_mut(|row| {
            let known = of(*row);
            let own = &old[row.start as usize..];
            known.dropped.iter().for_each(|place| symbols.release(own[*place]));
            let Some(to) = known.to else { return false };
            *row = Row::new(Instant::from_millis(row.at()), to, row.arrival, values.len() as u32);
            values.extend(known.columns.iter().map(|column| {
                let value = column.from.map_or(Packed::MISSING, |place| own[place]);
                column.declared.map_or(value, |declared| declared.pack_again(value, symbols))
            }));
            true
        });
        self.values = values;
        self.give_room_back();
        true
    }

    /// Leaves as much room as a growing history has. So a history has no memory of how long it once was.
    fn give_room_back(&mut self) {
        self.rows.shrink_to(self.rows.len() + room(self.rows.len()));
        self.values.shrink_to(self.values.len() + room(self.values.len()));
        self.prune_later();
    }

    /// Takes over the events of another history.
    pub(super) fn absorb(&mut self, other: &EventRows, keep: &Keep) {
        for row in &other.rows {
            let width = keep.width(row.kind());
            let values = &other.values[row.start as usize..][..width];
            self.insert(Instant::from_millis(row.at()), row.kind(), row.arrival, values);
        }
    }

    /// All values, in any order.
    pub(super) fn values(&self) -> &[Packed] {
        &self.values
    }
}

/// Makes room by two elements or an eighth.
pub(super) fn grow<T>(list: &mut Vec<T>, more: usize) {
    if list.capacity() - list.len() < more {
        list.reserve_exact(more.max(room(list.len())));
    }
}

/// How many elements more a list of so many has room for, once it was made larger or smaller.
fn room(len: usize) -> usize {
    (len / 8).max(2)
}
