use crate::model::Value;
use crate::profile::short_totals::ShortTotals;
use crate::profile::{Number, Packed, Symbols, Unpacked};
use std::cmp::Ordering;
use thin_vec::ThinVec;

/// Number of a total, dense, in the order in which definitions first ask for it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct TotalId(pub(crate) u32);

/// What a total says of its events. Order among them is by instant, then by arrival.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum TotalOp {
    /// How many there were.
    Count,
    /// Of the values that are numbers: a whole number while it fits, else a float.
    Sum,
    /// How many values are numbers, and their sum as a float.
    Average,
    /// Of the values that are numbers, and where there are none, of the instants; of equals the first.
    Least,
    Greatest,
    /// The first or last event, with its value.
    First,
    Last,
}

/// An event as a total takes it in. Where a total is about a property, only events that have it are its events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Occurrence {
    pub(crate) at: i64,
    pub(crate) arrival: u32,
    /// The property that the total is about.
    pub(crate) value: Packed,
}

/// A running value: 24 bytes, whatever the number of its events; four where it is a single number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TotalRow {
    id: TotalId,
    /// Beside an instant: the arrival of the event. Zero where there is no value besides: events of one instant are then
    /// the same.
    arrival: u32,
    /// How many events, of a count and an average; else the instant of the event that the value is of.
    word: i64,
    /// Missing for a count, and for a sum in which infinities cancelled out.
    value: Packed,
}

impl TotalRow {
    /// The value over one event; nothing where it adds nothing. Takes a share of what it keeps.
    fn of_one(id: TotalId, op: TotalOp, event: Occurrence, symbols: &mut Symbols) -> Option<TotalRow> {
        let Occurrence { at, arrival, value } = event;
        let counted = |value| TotalRow { id, arrival: 0, word: 1, value };
        Some(match op {
            TotalOp::Count => counted(Packed::MISSING),
            TotalOp::Sum => {
                Number::of(value, symbols)?;
                TotalRow { word: 0, ..counted(symbols.share(value)) }
            }
            TotalOp::Average => {
                let number = Number::of(value, symbols)?;
                counted(symbols.pack(&Value::Float(number.float())))
            }
            TotalOp::Least | TotalOp::Greatest => {
                let has_order = matches!(
                    symbols.unpack(value),
                    Unpacked::Int(_) | Unpacked::Float(_) | Unpacked::Instant(_)
                );
                has_order.then(|| TotalRow { id, arrival, word: at, value: symbols.share(value) })?
            }
            TotalOp::First | TotalOp::Last => TotalRow::new(id, (at, arrival), symbols.share(value)),
        })
    }

    /// The value over the events of both. Commutative and associative, floats up to rounding; of two events of one
    /// instant and arrival, which are elements of one list, `self` has the first.
    fn with(self, other: TotalRow, op: TotalOp, symbols: &mut Symbols) -> TotalRow {
        match op {
            TotalOp::Count | TotalOp::Sum | TotalOp::Average => {
                let numbers = (Number::of(self.value, symbols), Number::of(other.value, symbols));
                let sum = match numbers {
                    (Some(a), Some(b)) => a.plus(b),
                    _ => None,
                };
                symbols.release(self.value);
                symbols.release(other.value);
                let value = sum.map_or(Packed::MISSING, |sum| symbols.pack(&sum.into()));
                TotalRow { word: self.word.saturating_add(other.word), value, ..self }
            }
            TotalOp::Least | TotalOp::Greatest | TotalOp::First | TotalOp::Last => {
                let takes_other = match op {
                    TotalOp::Least => self.beside(other, Ordering::Greater, symbols),
                    TotalOp::Greatest => self.beside(other, Ordering::Less, symbols),
                    TotalOp::First => other.order() < self.order(),
                    _ => other.order() >= self.order(),
                };
                let (stays, goes) = if takes_other { (other, self) } else { (self, other) };
                symbols.release(goes.value);
                stays
            }
        }
    }

    /// Whether another value stands in this order beside this one; of equals, whether its event is the earlier one.
    fn beside(self, other: TotalRow, worse: Ordering, symbols: &Symbols) -> bool {
        let order = match (Number::of(self.value, symbols), Number::of(other.value, symbols)) {
            (Some(own), Some(other)) => own.order(other),
            // Numbers go before instants.
            (Some(_), None) => return false,
            (None, Some(_)) => return true,
            (None, None) => match (symbols.unpack(self.value), symbols.unpack(other.value)) {
                (Unpacked::Instant(own), Unpacked::Instant(other)) => own.cmp(&other),
                _ => Ordering::Equal,
            },
        };
        order == worse || order.is_eq() && other.order() < self.order()
    }

    /// A row with the parts that [`id`](TotalRow::id), [`order`](TotalRow::order) and [`value`](TotalRow::value) give.
    pub(crate) fn new(id: TotalId, (word, arrival): (i64, u32), value: Packed) -> TotalRow {
        TotalRow { id, arrival: if value.is_missing() { 0 } else { arrival }, word, value }
    }

    /// Whether it is a single number.
    fn is_short(&self) -> bool {
        self.value.is_missing()
    }

    pub(crate) fn id(&self) -> TotalId {
        self.id
    }

    /// How many events, of a count, or numbers, of an average.
    pub(crate) fn count(&self) -> i64 {
        self.word
    }

    /// The instant of the event that the value is of.
    pub(crate) fn at(&self) -> i64 {
        self.word
    }

    pub(crate) fn order(&self) -> (i64, u32) {
        (self.word, self.arrival)
    }

    pub(crate) fn value(&self) -> Packed {
        self.value
    }
}

/// The running values of a user, of those totals that have seen an event.
///
/// Invariants: 1. rows are sorted by number, each once, and in one of the two lists; the first one has what is a single
/// number, as far as it has room. 2. values hold shares in `Symbols`. 3. which events came in which order, and in which
/// profile before a merge, does not show, but for the rounding of floats.
#[derive(Debug, Clone, Default)]
pub(crate) struct Totals {
    short: ShortTotals,
    rows: ThinVec<TotalRow>,
}

impl Totals {
    /// Rows in order of their numbers, each once.
    pub(crate) fn from_sorted(rows: Vec<TotalRow>) -> Totals {
        let mut totals = Totals::default();
        let short = rows.iter().filter(|row| row.is_short()).count();
        totals.short.reserve(short);
        totals.rows.reserve_exact(rows.len() - short);
        let mut hint = 0;
        rows.into_iter().for_each(|row| totals.put(row, &mut hint));
        totals
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.short.heap_bytes() + self.rows.capacity() * size_of::<TotalRow>()
    }

    fn find(&self, id: TotalId) -> Result<usize, usize> {
        self.rows.binary_search_by_key(&id, |row| row.id)
    }

    /// O(log rows).
    pub(crate) fn get(&self, id: TotalId) -> Option<TotalRow> {
        match self.short.get(id) {
            Some(word) => Some(TotalRow::new(id, (word, 0), Packed::MISSING)),
            None => self.find(id).ok().map(|place| self.rows[place]),
        }
    }

    /// In order of their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = TotalRow> {
        let mut short = self.short.iter().peekable();
        let mut rows = self.rows.iter().peekable();
        std::iter::from_fn(move || match (short.peek(), rows.peek()) {
            (Some((id, _)), Some(row)) if *id > row.id => rows.next().copied(),
            (None, _) => rows.next().copied(),
            _ => short.next().map(|(id, word)| TotalRow::new(id, (word, 0), Packed::MISSING)),
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.short.iter().len() + self.rows.len()
    }

    /// Takes events in, in order of their totals; `ops` are those of all totals, by number.
    pub(crate) fn note(&mut self, events: &[(TotalId, Occurrence)], ops: &[TotalOp], symbols: &mut Symbols) {
        if self.len() == 0 {
            // Most users come once, so there is no more room than for that.
            let of_each = events.chunk_by(|(a, _), (b, _)| a == b);
            let short = of_each.clone().filter(|events| events[0].1.value.is_missing()).count();
            self.short.reserve(short);
            self.rows.reserve_exact(of_each.count() - short);
        }
        let mut hint = 0;
        for (id, event) in events {
            let op = ops[id.0 as usize];
            if let Some(row) = TotalRow::of_one(*id, op, *event, symbols) {
                self.add(row, op, &mut hint, symbols);
            }
        }
    }

    /// Takes over a row with its share.
    fn add(&mut self, row: TotalRow, op: TotalOp, hint: &mut usize, symbols: &mut Symbols) {
        if row.is_short() {
            let with = |word| {
                let sum = TotalRow::new(row.id, (word, 0), Packed::MISSING).with(row, op, symbols);
                sum.is_short().then_some(sum.word)
            };
            if self.short.update(row.id, hint, with).is_some() {
                return;
            }
        }
        let row = match self.get(row.id) {
            Some(known) => known.with(row, op, symbols),
            None => row,
        };
        self.put(row, hint);
    }

    /// Puts a row in its place, where there may have been another one of its number.
    fn put(&mut self, row: TotalRow, hint: &mut usize) {
        let is_short = row.is_short() && self.short.set(row.id, row.word, hint);
        match self.find(row.id) {
            Ok(place) if is_short => drop(self.rows.remove(place)),
            Ok(place) => self.rows[place] = row,
            Err(_) if is_short => {}
            Err(place) => {
                self.short.remove(row.id);
                if self.rows.len() == self.rows.capacity() {
                    self.rows.reserve_exact((self.rows.len() / 8).max(2));
                }
                self.rows.insert(place, row);
            }
        }
    }

    /// Takes over the totals of another profile of the same user. `ops` are those of all totals, by number.
    pub(crate) fn absorb(&mut self, other: Totals, ops: &[TotalOp], symbols: &mut Symbols) {
        let mut hint = 0;
        for row in other.iter() {
            self.add(row, ops[row.id.0 as usize], &mut hint, symbols);
        }
    }

    /// The same under other definitions: rows get the numbers that these have for them, and go where they have none.
    pub(crate) fn renumber(&mut self, number: impl Fn(TotalId) -> Option<TotalId>, symbols: &mut Symbols) {
        if self.iter().all(|row| number(row.id) == Some(row.id)) {
            return;
        }
        let mut rows = Vec::with_capacity(self.len());
        for row in self.iter() {
            match number(row.id) {
                Some(id) => rows.push(TotalRow { id, ..row }),
                None => symbols.release(row.value),
            }
        }
        rows.sort_unstable_by_key(|row| row.id);
        *self = Totals::from_sorted(rows);
    }

    /// A copy with shares of its own.
    pub(crate) fn copy(&self, symbols: &mut Symbols) -> Totals {
        self.rows.iter().for_each(|row| {
            symbols.share(row.value);
        });
        self.clone()
    }

    pub(crate) fn release(self, symbols: &mut Symbols) {
        self.rows.iter().for_each(|row| symbols.release(row.value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Instant;
    use proptest::prelude::*;

    const OPS: [TotalOp; 7] = [
        TotalOp::Count,
        TotalOp::Sum,
        TotalOp::Average,
        TotalOp::Least,
        TotalOp::Greatest,
        TotalOp::First,
        TotalOp::Last,
    ];

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            (-3_i64..4).prop_map(Value::Int),
            // These need an entry of their own.
            (1_i64 << 48..(1 << 48) + 3).prop_map(Value::Int),
            (-4_i64..5).prop_map(|halves| Value::Float(halves as f64 / 2.0)),
            (0_i64..3).prop_map(|at| Value::Instant(Instant::from_millis(at))),
            prop_oneof![Just("a"), Just("b")].prop_map(Value::from),
        ]
    }

    /// Values with the minute at which each was, and the profile that it came to at first.
    fn events() -> impl Strategy<Value = Vec<(i64, Value, usize)>> {
        prop::collection::vec((0_i64..6, value(), 0_usize..3), 0..12)
    }

    fn note(totals: &mut Totals, arrival: usize, at: i64, value: &Value, symbols: &mut Symbols) {
        let value = symbols.pack(value);
        let event = Occurrence { at, arrival: arrival as u32, value };
        let events: Vec<_> = (0..OPS.len() as u32).map(|id| (TotalId(id), event)).collect();
        totals.note(&events, &OPS, symbols);
        symbols.release(value);
    }

    /// Row by row: number, order, value.
    fn shown(totals: &Totals, symbols: &Symbols) -> Vec<(u32, (i64, u32), Value)> {
        totals.iter().map(|row| (row.id().0, row.order(), symbols.value(row.value()))).collect()
    }

    /// The same, from the list of all events.
    fn expected(events: &[(i64, Value, usize)]) -> Vec<(u32, (i64, u32), Value)> {
        let mut ordered: Vec<_> =
            events.iter().zip(0_u32..).map(|((at, value, _), arrival)| ((*at, arrival), value)).collect();
        ordered.sort_by_key(|(order, _)| *order);
        let number = |value: &Value| match value {
            Value::Int(n) => Some(*n as f64),
            Value::Float(x) => Some(*x),
            _ => None,
        };
        let numbers: Vec<_> = ordered.iter().filter_map(|(o, v)| Some((*o, *v, number(v)?))).collect();
        let instants = ordered.iter().filter_map(|(order, value)| match value {
            Value::Instant(at) => Some((*order, *value, at.as_millis() as f64)),
            _ => None,
        });
        let comparable = if numbers.is_empty() { instants.collect() } else { numbers.clone() };
        let sum: f64 = numbers.iter().map(|(_, _, x)| x).sum();
        let is_whole = numbers.iter().all(|(_, value, _)| matches!(value, Value::Int(_)));
        let mut rows = Vec::new();
        if !ordered.is_empty() {
            rows.push((0, (ordered.len() as i64, 0), Value::Null));
        }
        if !numbers.is_empty() {
            rows.push((1, (0, 0), if is_whole { Value::Int(sum as i64) } else { Value::Float(sum) }));
            rows.push((2, (numbers.len() as i64, 0), Value::Float(sum)));
        }
        // Of equals both give the first one.
        let least = comparable.iter().reduce(|best, next| if next.2 < best.2 { next } else { best });
        let greatest = comparable.iter().reduce(|best, next| if next.2 > best.2 { next } else { best });
        rows.extend(least.map(|(order, value, _)| (3, *order, (*value).clone())));
        rows.extend(greatest.map(|(order, value, _)| (4, *order, (*value).clone())));
        rows.extend(ordered.first().map(|(order, value)| (5, *order, (*value).clone())));
        rows.extend(ordered.last().map(|(order, value)| (6, *order, (*value).clone())));
        rows
    }

    proptest! {
        /// However events are spread over profiles, in whichever order they come and profiles are merged: the
        /// values are those of all events, and no share is lost.
        #[test]
        fn any_order_of_events_and_merges_is_the_same(
            events in events(),
            shuffle in any::<u64>(),
            into_first in any::<[bool; 2]>(),
        ) {
            let mut symbols = Symbols::default();
            let mut profiles = [Totals::default(), Totals::default(), Totals::default()];
            let mut arrivals: Vec<usize> = (0..events.len()).collect();
            fastrand::Rng::with_seed(shuffle).shuffle(&mut arrivals);
            for arrival in arrivals {
                let (at, value, profile) = &events[arrival];
                note(&mut profiles[*profile], arrival, *at, value, &mut symbols);
            }
            let [a, b, c] = profiles;
            let mut merge = |a: Totals, b: Totals, into_first: bool| {
                let (mut into, from) = if into_first { (a, b) } else { (b, a) };
                into.absorb(from, &OPS, &mut symbols);
                into
            };
            let whole = match shuffle % 3 {
                0 => { let ab = merge(a, b, into_first[0]); merge(ab, c, into_first[1]) }
                1 => { let bc = merge(b, c, into_first[0]); merge(a, bc, into_first[1]) }
                _ => { let ac = merge(a, c, into_first[0]); merge(ac, b, into_first[1]) }
            };
            prop_assert_eq!(shown(&whole, &symbols), expected(&events));
            whole.release(&mut symbols);
            prop_assert!(symbols.is_empty(), "a share is left");
        }
    }

    #[test]
    fn elements_of_one_list_keep_their_order() {
        let (mut totals, mut symbols) = (Totals::default(), Symbols::default());
        for value in ["a", "b", "c"] {
            note(&mut totals, 1, 5, &value.into(), &mut symbols);
        }
        let value = |id| symbols.value(totals.get(TotalId(id)).unwrap().value());
        assert_eq!((value(5), value(6)), ("a".into(), "c".into()));
    }

    #[test]
    fn sums_leave_the_whole_numbers_as_folds_do() {
        let cases: [(&[Value], Value); 4] = [
            (&[Value::Int(i64::MAX), Value::Int(0)], Value::Int(i64::MAX)),
            (&[Value::Int(i64::MAX), Value::Int(1)], Value::Float(9_223_372_036_854_775_808.0)),
            (&[Value::Int(2), Value::Float(0.5), Value::Int(1)], Value::Float(3.5)),
            (&[Value::Float(f64::INFINITY), Value::Float(f64::NEG_INFINITY), Value::Int(1)], Value::Null),
        ];
        for (values, sum) in cases {
            let (mut totals, mut symbols) = (Totals::default(), Symbols::default());
            for (arrival, value) in values.iter().enumerate() {
                note(&mut totals, arrival, 0, value, &mut symbols);
            }
            assert_eq!(symbols.value(totals.get(TotalId(1)).unwrap().value()), sum, "{values:?}");
        }
    }

    #[test]
    fn renumbering_drops_what_has_no_number() {
        let (mut totals, mut symbols) = (Totals::default(), Symbols::default());
        note(&mut totals, 0, 7, &"text".into(), &mut symbols);
        // Of a text there are a count, a first and a last: 0, 5 and 6.
        totals.renumber(|id| (id.0 != 5).then_some(TotalId(10 - id.0)), &mut symbols);
        assert_eq!(shown(&totals, &symbols), [(4, (7, 0), "text".into()), (10, (1, 0), Value::Null)]);
        totals.renumber(|_| None, &mut symbols);
        assert_eq!(totals.len(), 0);
        assert!(symbols.is_empty(), "a share is left");
    }

    #[test]
    fn a_row_takes_24_bytes() {
        assert_eq!(size_of::<TotalRow>(), 24);
    }
}
