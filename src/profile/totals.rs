use crate::model::Value;
use crate::profile::history::grow;
use crate::profile::{Number, Packed, Symbols, Unpacked};
use std::cmp::Ordering;

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

/// A running value: 24 bytes, whatever the number of its events.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TotalRow {
    id: TotalId,
    /// Beside an instant: the arrival of the event.
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
                let has_order =
                    matches!(symbols.unpack(value), Unpacked::Int(_) | Unpacked::Float(_) | Unpacked::Instant(_));
                has_order.then(|| TotalRow { id, arrival, word: at, value: symbols.share(value) })?
            }
            TotalOp::First | TotalOp::Last => {
                TotalRow { id, arrival, word: at, value: symbols.share(value) }
            }
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
/// Invariants: 1. sorted by number, each once. 2. values hold shares in `Symbols`. 3. which events came in which
/// order, and in which profile before a merge, does not show, but for the rounding of floats.
#[derive(Debug, Default)]
pub(crate) struct Totals(Vec<TotalRow>);

impl Totals {
    /// O(log rows).
    pub(crate) fn get(&self, id: TotalId) -> Option<&TotalRow> {
        self.0.binary_search_by_key(&id, |row| row.id).ok().map(|place| &self.0[place])
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &TotalRow> {
        self.0.iter()
    }

    /// Takes an event in.
    pub(crate) fn note(&mut self, id: TotalId, op: TotalOp, event: Occurrence, symbols: &mut Symbols) {
        if let Some(row) = TotalRow::of_one(id, op, event, symbols) {
            self.add(row, op, symbols);
        }
    }

    /// Takes over a row with its share.
    fn add(&mut self, row: TotalRow, op: TotalOp, symbols: &mut Symbols) {
        match self.0.binary_search_by_key(&row.id, |known| known.id) {
            Ok(place) => self.0[place] = self.0[place].with(row, op, symbols),
            Err(place) => {
                grow(&mut self.0, 1);
                self.0.insert(place, row);
            }
        }
    }

    /// Takes over the totals of another profile of the same user. `ops` are those of all totals, by number.
    pub(crate) fn absorb(&mut self, other: Totals, ops: &[TotalOp], symbols: &mut Symbols) {
        for row in other.0 {
            self.add(row, ops[row.id.0 as usize], symbols);
        }
    }

    /// The same under other definitions: rows get the numbers that these have for them, and go where they have none.
    #[allow(dead_code)] // for redefinition
    pub(crate) fn renumber(
        &mut self,
        number: impl Fn(TotalId) -> Option<TotalId>,
        symbols: &mut Symbols,
    ) {
        self.0.retain_mut(|row| match number(row.id) {
            Some(id) => {
                row.id = id;
                true
            }
            None => {
                symbols.release(row.value);
                false
            }
        });
        self.0.sort_unstable_by_key(|row| row.id);
    }

    pub(crate) fn release(self, symbols: &mut Symbols) {
        self.0.into_iter().for_each(|row| symbols.release(row.value));
    }
}
