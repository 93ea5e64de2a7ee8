use crate::model::Instant;
use crate::profile::event_rows::{EventRows, Moved};
use crate::profile::redefine::KindMove;
use crate::profile::{EventKind, Keep, Packed, Row, Session, Symbols, folded};
use std::borrow::Cow;
use std::sync::OnceLock;

/// The kept events of one user, by instant, then by arrival: folded to bytes while the user rests, and unfolded as rows
/// from when somebody looks until the user [rests](History::rest) again.
///
/// Which of both it is never shows in what it says. What changes the events of one that rests leaves it resting.
///
/// Invariants: 1. where there are rows, they are what holds; the first `same` of them are in `folded`, as they are. 2. where
/// there are none, `folded` is what holds, and no bytes are no events.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    folded: Box<[u8]>,
    rows: OnceLock<Box<Unfolded>>,
}

/// Rows that somebody looks at.
#[derive(Debug, Clone)]
pub(crate) struct Unfolded {
    rows: EventRows,
    same: usize,
}

/// Longer ones do not rest: to unfold them would take longer than all else that a message does.
const RESTING_ROWS_MAX: usize = 256;

static NONE: EventRows = EventRows::NONE;

impl History {
    /// One that is looked at, if there is anything.
    pub(crate) fn of_rows(rows: EventRows) -> History {
        if rows.rows().is_empty() {
            return History::default();
        }
        History { rows: Box::new(Unfolded { rows, same: 0 }).into(), ..History::default() }
    }

    /// The rows, for which it is unfolded unless it is. O(events), and O(1) from then on.
    #[inline]
    pub(crate) fn rows(&self) -> &EventRows {
        match self.rows.get() {
            Some(unfolded) => &unfolded.rows,
            None if self.folded.is_empty() => &NONE,
            None => {
                self.unfold(Box::default);
                self.rows()
            }
        }
    }

    /// Sees to it that there are rows, in a place that `room` gives; gives whether there were none.
    pub(super) fn unfold(&self, room: impl FnOnce() -> Box<Unfolded>) -> bool {
        let mut is_new = false;
        self.rows.get_or_init(|| {
            is_new = true;
            room().of(&self.folded)
        });
        is_new
    }

    /// The rows for one look: a history that rests goes on resting. O(events) where it does.
    pub(crate) fn glance(&self) -> Cow<'_, EventRows> {
        match self.rows.get() {
            Some(unfolded) => Cow::Borrowed(&unfolded.rows),
            None => Cow::Owned(Box::<Unfolded>::default().of(&self.folded).rows),
        }
    }

    /// How many events there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.get().map_or_else(|| folded::len(&self.folded), |unfolded| unfolded.rows.rows().len())
    }

    pub(super) fn is_unfolded(&self) -> bool {
        self.rows.get().is_some()
    }

    /// Whether there is nothing, and nothing is looked at.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.get().is_none() && self.folded.is_empty()
    }

    /// Reads a word of each line of memory that one that rests is in.
    pub(super) fn look_ahead(&self) -> u8 {
        const LINE: usize = 64;
        self.folded.iter().step_by(LINE).fold(0, |sum, byte| sum ^ byte)
    }

    /// Has it rest, unless it is long, and gives the room that its rows were in. O(what is new), and O(events) where it is
    /// not just longer.
    pub(crate) fn rest(&mut self, keep: &Keep) -> Option<Box<Unfolded>> {
        if self.rows.get()?.rows.rows().len() > RESTING_ROWS_MAX {
            return None;
        }
        let unfolded = self.rows.take()?;
        self.fold(&unfolded, keep);
        Some(unfolded)
    }

    fn fold(&mut self, Unfolded { rows, same }: &Unfolded, keep: &Keep) {
        let is_told = *same == rows.rows().len() && folded::heads(&self.folded, rows);
        if !is_told {
            self.folded = folded::fold(rows, std::mem::take(&mut self.folded), *same, keep);
        }
    }

    /// Changes the rows, and takes in whether others are there than before besides those at the end. `keep` says how many
    /// values each has afterwards.
    fn change(&mut self, keep: &Keep, change: impl FnOnce(&mut EventRows) -> bool) -> bool {
        let change = |unfolded: &mut Unfolded| {
            let moved = change(&mut unfolded.rows);
            if moved {
                unfolded.same = 0;
            }
            moved
        };
        if let Some(unfolded) = self.rows.get_mut() {
            return change(unfolded);
        }
        let mut unfolded = Box::<Unfolded>::default().of(&self.folded);
        let moved = change(&mut unfolded);
        self.fold(&unfolded, keep);
        moved
    }

    /// Puts an event in its place. `values` are the columns of its kind; their shares pass to the history. Where there is
    /// need of room it drops first what no definition can see any more.
    pub(crate) fn insert(
        &mut self,
        (at, kind, arrival): (Instant, EventKind, u32),
        values: &[Packed],
        (now, session): (Instant, &Session),
        keep: &Keep,
        symbols: &mut Symbols,
    ) -> Moved {
        let mut moved = Moved::default();
        self.change(keep, |rows| {
            if rows.is_full() {
                moved.gone = rows.prune(now, session, keep, symbols);
            }
            moved.between = rows.insert(at, kind, arrival, values);
            moved != Moved::default()
        });
        moved
    }

    /// Drops what no definition can see any more, and gives where it was, in order. O(events).
    pub(crate) fn prune(
        &mut self,
        now: Instant,
        session: &Session,
        keep: &Keep,
        symbols: &mut Symbols,
    ) -> Vec<usize> {
        let mut gone = Vec::new();
        self.change(keep, |rows| {
            gone = rows.prune(now, session, keep, symbols);
            !gone.is_empty()
        });
        gone
    }

    /// Takes out the events that `wanted` chooses and gives them away, with the shares of their properties; gives whether
    /// there were any. O(events).
    pub(crate) fn extract(
        &mut self,
        keep: &Keep,
        wanted: impl FnMut(&Row) -> bool,
        take: impl FnMut(Row, &[Packed]),
    ) -> bool {
        self.change(keep, |rows| !rows.extract(keep, wanted, take).is_empty())
    }

    /// Takes out the values that `wanted` chooses, by the place among the columns of their event, and gives away each event
    /// with the values that it had, and with those that it has. Gives whether there were any. O(values).
    pub(crate) fn blank(
        &mut self,
        keep: &Keep,
        wanted: impl FnMut(Row, usize) -> bool,
        take: impl FnMut(Row, &[Packed], &[Packed]),
    ) -> bool {
        self.change(keep, |rows| rows.blank(keep, wanted, take))
    }

    /// Gives events the numbers and columns that other definitions have for them; `moves` are by kind, and `keep` is what
    /// they move to. O(events), and one look at each where nothing moves.
    pub(crate) fn relocate(&mut self, moves: &[KindMove], keep: &Keep, symbols: &mut Symbols) {
        self.change(keep, |rows| rows.relocate(moves, symbols));
    }

    /// Takes over the events of another history.
    pub(crate) fn absorb(&mut self, other: History, keep: &Keep) {
        self.change(keep, |rows| {
            rows.absorb(&other.glance(), keep);
            true
        });
    }

    /// A copy with shares of its own.
    pub(crate) fn copy(&self, symbols: &mut Symbols) -> History {
        self.glance().values().iter().for_each(|value| {
            symbols.share(*value);
        });
        self.clone()
    }

    pub(crate) fn release(self, symbols: &mut Symbols) {
        self.glance().values().iter().for_each(|value| symbols.release(*value));
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let rows = self.rows.get();
        let rows = rows.map_or(0, |unfolded| size_of::<Unfolded>() + unfolded.rows.heap_bytes());
        self.folded.len() + rows
    }
}

impl Default for Unfolded {
    fn default() -> Unfolded {
        Unfolded { rows: EventRows::NONE, same: 0 }
    }
}

impl Unfolded {
    fn of(mut self: Box<Unfolded>, folded: &[u8]) -> Box<Unfolded> {
        folded::unfold(folded, &mut self.rows);
        self.same = folded::len(folded);
        self
    }

    /// How many rows there is room for.
    pub(super) fn capacity(&self) -> usize {
        self.rows.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Duration, Geo, Value};
    use crate::profile::Horizon;
    use proptest::prelude::*;

    /// Kinds of events with none, one and three properties. Those of the last one are kept for a day.
    fn keep() -> Keep {
        let mut keep = Keep::default();
        for (name, horizon, width) in [
            ("open", Horizon::Forever, 0),
            ("view", Horizon::Forever, 1),
            ("buy", Horizon::For(Duration::days(1)), 3),
        ] {
            let kind = keep.add_kind(name).unwrap();
            keep.extend_horizon(kind, horizon);
            for property in ["sku", "price", "where"].iter().take(width) {
                let property = keep.add_property(property).unwrap();
                assert!(keep.add_column(kind, property, false));
            }
        }
        keep
    }

    #[derive(Debug, Clone)]
    enum Step {
        /// So long after the last one, or before.
        Event(i64, u16, Vec<Value>),
        /// Arrivals go on from there.
        Arrivals(u32),
        Prune,
        /// Events whose instant has this remainder go, or lose the first of their values.
        Extract(i64),
        Blank(i64),
        Absorb,
        Rest,
        Look,
    }

    fn values() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            (-300_i64..300).prop_map(Value::Int),
            any::<f64>().prop_map(Value::Float),
            (-100_000_i32..100_000).prop_map(|cents| Value::Float(f64::from(cents) / 100.0)),
            "[a-c]{0,2}".prop_map(Value::from),
            (-(1_i64 << 48)..1 << 48).prop_map(|ms| Value::Instant(Instant::from_millis(ms))),
            Just(Value::Geo(Geo { lat: 1.5, lon: -2.0 })),
            Just(Value::from(vec!["x", "y"])),
        ]
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let later =
            prop_oneof![4 => 0_i64..100_000_000, 1 => -200_000_000_i64..0, 1 => -(1_i64 << 40)..1 << 40];
        let event = (later, 1_u16..=3, prop::collection::vec(values(), 3));
        let step = prop_oneof![
            12 => event.prop_map(|(later, kind, values)| Step::Event(later, kind, values)),
            1 => any::<u32>().prop_map(Step::Arrivals),
            1 => Just(Step::Prune),
            1 => (0_i64..7).prop_map(Step::Extract),
            1 => (0_i64..7).prop_map(Step::Blank),
            1 => Just(Step::Absorb),
            6 => Just(Step::Rest),
            3 => Just(Step::Look),
        ];
        prop::collection::vec(step, 0..60)
    }

    /// What rows say, whatever lies where.
    fn told(rows: &EventRows, keep: &Keep) -> Vec<(i64, u32, u16, Vec<Packed>)> {
        let of_row = |row: &Row| {
            let width = keep.width(row.kind());
            let values = (0..width).map(|place| rows.value(*row, place)).collect();
            (row.order().0, row.order().1, row.kind().0, values)
        };
        rows.rows().iter().map(of_row).collect()
    }

    proptest! {
        #[test]
        fn who_rests_has_the_same_events(steps in steps()) {
            let (keep, session) = (keep(), Session::default());
            // Shares are counted by the one that rests alone: the other one has the same.
            let (mut symbols, mut theirs) = (Symbols::default(), Symbols::default());
            let (mut history, mut rows) = (History::default(), EventRows::NONE);
            let (mut at, mut arrival) = (Instant::from_millis(1_700_000_000_000), 0_u32);
            for step in steps {
                match step {
                    Step::Event(later, kind, values) => {
                        at = Instant::from_millis(at.as_millis() + later);
                        arrival = arrival.wrapping_add(1);
                        let kind = EventKind(kind);
                        let width = keep.width(kind);
                        let own: Vec<Packed> = values[..width].iter().map(|v| symbols.pack(v)).collect();
                        let same: Vec<Packed> = values[..width].iter().map(|v| theirs.pack(v)).collect();
                        let moved = history.insert((at, kind, arrival), &own, (at, &session), &keep, &mut symbols);
                        let gone = if rows.is_full() { rows.prune(at, &session, &keep, &mut theirs) } else { vec![] };
                        let between = rows.insert(at, kind, arrival, &same);
                        prop_assert_eq!(moved, Moved { gone, between });
                    }
                    Step::Arrivals(from) => arrival = from,
                    Step::Prune => {
                        let was_there = history.prune(at, &session, &keep, &mut symbols);
                        prop_assert_eq!(was_there, rows.prune(at, &session, &keep, &mut theirs));
                    }
                    Step::Extract(rest) => {
                        let wanted = |row: &Row| row.at().rem_euclid(7) == rest;
                        history.extract(&keep, wanted, |_, values| {
                            values.iter().for_each(|value| symbols.release(*value));
                        });
                        rows.extract(&keep, wanted, |_, values| {
                            values.iter().for_each(|value| theirs.release(*value));
                        });
                    }
                    Step::Blank(rest) => {
                        let wanted = |row: Row, place| place == 0 && row.at().rem_euclid(7) == rest;
                        history.blank(&keep, wanted, |_, before, _| symbols.release(before[0]));
                        rows.blank(&keep, wanted, |_, before, _| theirs.release(before[0]));
                    }
                    Step::Absorb => {
                        let copies = (history.copy(&mut symbols), rows.clone());
                        rows.values().iter().for_each(|value| {
                            theirs.share(*value);
                        });
                        history.absorb(copies.0, &keep);
                        rows.absorb(&copies.1, &keep);
                    }
                    Step::Rest => drop(history.rest(&keep)),
                    Step::Look => prop_assert_eq!(history.rows().rows().len(), rows.rows().len()),
                }
                prop_assert_eq!(history.len(), rows.rows().len());
                prop_assert_eq!(told(&history.glance(), &keep), told(&rows, &keep));
                prop_assert_eq!(symbols.shares(), theirs.shares());
            }
            history.release(&mut symbols);
            prop_assert!(symbols.is_empty());
        }
    }

    #[test]
    fn an_event_that_rests_takes_few_bytes() {
        let (keep, session, mut symbols) = (keep(), Session::default(), Symbols::default());
        let mut history = History::default();
        for n in 0..20 {
            let at = Instant::from_millis(1_700_000_000_000 + n * 300_000_000);
            let values = [Value::from(format!("sku-{n}"))].map(|value| symbols.pack(&value));
            // As many others came between two.
            let event = (at, EventKind(2), n as u32 * 1_000_000);
            history.insert(event, &values, (at, &session), &keep, &mut symbols);
        }
        history.rest(&keep);
        let bytes = history.heap_bytes();
        assert!(bytes <= 20 * 11 + 32, "{bytes} bytes");
    }
}
