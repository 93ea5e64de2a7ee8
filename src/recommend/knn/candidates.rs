use crate::recommend::ItemId;
use crate::recommend::knn::session::{SESSION_LEN, Session};

/// No item of the query.
const NONE: u8 = u8::MAX;

/// An item that stands in a neighbour, and what speaks for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) item: ItemId,
    pub(super) score: f64,
    /// The largest term of the sum.
    largest: f64,
    /// Which item of the query gave it.
    pub(super) because: u8,
    /// Which item of the query it is itself.
    base: u8,
}

/// What a place of a session beside that of a shared item counts, by distance.
#[derive(Clone, Debug)]
pub(super) struct Nearness([f64; 2 * SESSION_LEN]);

impl Nearness {
    /// Of places after the shared one, and of places before it, by distance from 1.
    pub(super) fn new(after: impl Fn(usize) -> f64, before: impl Fn(usize) -> f64) -> Nearness {
        Nearness(std::array::from_fn(|place| match place.checked_sub(SESSION_LEN) {
            None => before(SESSION_LEN - place),
            Some(0) => 0.0,
            Some(distance) => after(distance),
        }))
    }

    fn of(&self, place: usize, shared: usize) -> f64 {
        self.0[SESSION_LEN + place - shared]
    }
}

/// How the items of a query count in a neighbour.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms<'a> {
    /// What each item of the query counts, the newest first.
    pub(super) weights: &'a [f64],
    pub(super) nearness: &'a Nearness,
    /// What items beside the newest shared one count.
    pub(super) others: f64,
    /// What a neighbour counts more in which the two newest items follow on one another.
    pub(super) in_row: f64,
}

/// The items of the neighbours, each once: found by open addressing in a table of their places.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    /// Place in the list plus one, or 0.
    table: Vec<u32>,
    list: Vec<Candidate>,
}

impl Candidates {
    /// Begins a query, with at most so many candidates.
    pub(super) fn begin(&mut self, items: impl Iterator<Item = ItemId>, candidates_max: usize) {
        self.list.clear();
        self.table.clear();
        self.table.resize((2 * candidates_max).next_power_of_two(), 0);
        for (base, item) in items.enumerate() {
            let place = self.place(item);
            self.list[place].base = base as u8;
        }
    }

    /// Where an item is in the list; it is added where it is not there.
    fn place(&mut self, item: ItemId) -> usize {
        let mask = self.table.len() - 1;
        let mut slot = (item.spread() >> 32) as usize & mask;
        loop {
            match self.table[slot] as usize {
                0 => {
                    self.list.push(Candidate { item, score: 0.0, largest: 0.0, because: NONE, base: NONE });
                    self.table[slot] = self.list.len() as u32;
                    return self.list.len() - 1;
                }
                place if self.list[place - 1].item == item => return place - 1,
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    /// Adds what a neighbour says.
    pub(super) fn add(&mut self, session: &Session, likeness: f64, terms: Terms<'_>) {
        let visits = session.visits();
        let mut places = [(0_u32, NONE); SESSION_LEN];
        let (mut newest, mut before, mut in_row) = (NONE, NONE, false);
        for (slot, visit) in places.iter_mut().zip(visits) {
            let place = self.place(visit.item());
            let base = self.list[place].base;
            *slot = (place as u32, base);
            newest = newest.min(base);
            in_row |= base == 0 && before == 1;
            before = base;
        }
        let places = &places[..visits.len()];
        let likeness = if in_row { likeness * (1.0 + terms.in_row) } else { likeness };
        for (shared, &(_, base)) in places.iter().enumerate() {
            if base == NONE {
                continue;
            }
            let share = if base == newest { 1.0 } else { terms.others };
            let weight = likeness * terms.weights[usize::from(base)] * share;
            if weight <= 0.0 {
                continue;
            }
            for (place, &(candidate, _)) in places.iter().enumerate() {
                let term = weight * terms.nearness.of(place, shared);
                let candidate = &mut self.list[candidate as usize];
                candidate.score += term;
                if term > candidate.largest {
                    (candidate.largest, candidate.because) = (term, base);
                }
            }
        }
    }

    /// All that were found, to be changed and put in order before the next query.
    pub(super) fn list(&mut self) -> &mut Vec<Candidate> {
        &mut self.list
    }
}
