use crate::recommend::ItemId;
use crate::recommend::knn::session::{SESSION_LEN, Session};
use std::hint::select_unpredictable;

/// An item that stands in a neighbour, and what speaks for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) score: f64,
    /// The largest term of the sum.
    largest: f64,
    pub(super) item: ItemId,
    /// Which item of the query gave it.
    pub(super) because: u32,
}

impl Candidate {
    const fn new(item: ItemId) -> Candidate {
        Candidate { score: 0.0, largest: 0.0, item, because: 0 }
    }

    /// Of one that no neighbour has: which item of the query led to what says most for it.
    pub(super) fn note_beyond(&mut self, term: f64, because: u32) {
        if self.score == 0.0 && term > self.largest {
            (self.largest, self.because) = (term, because);
        }
    }
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

    /// By place in a session, the first one first.
    pub(super) fn to(&self, shared: usize) -> &[f64] {
        &self.0[SESSION_LEN - shared..]
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
///
/// Which items are new, shared or the largest so far cannot be foreseen, so that all that is done without branches.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    /// Place in the list plus one, or 0.
    table: Vec<u32>,
    /// Those of the query come first, each at the place that it has there. What is beyond `len` is of no meaning.
    list: Vec<Candidate>,
    len: usize,
    bases: usize,
}

impl Candidates {
    /// Begins a query of different items, with at most so many candidates.
    pub(super) fn begin(&mut self, items: impl Iterator<Item = ItemId>, candidates_max: usize) {
        self.len = 0;
        self.make_room(candidates_max);
        items.for_each(|item| _ = self.place(item));
        self.bases = self.len;
    }

    /// Makes room for so many more.
    pub(super) fn make_room(&mut self, more: usize) {
        let candidates_max = self.len + more;
        self.table.clear();
        self.table.resize((2 * candidates_max).next_power_of_two(), 0);
        if self.list.len() <= candidates_max {
            self.list.resize(candidates_max + 1, Candidate::new(ItemId::new(0)));
        }
        let mask = self.table.len() - 1;
        for place in 0..self.len {
            let mut slot = (self.list[place].item.spread() >> 32) as usize & mask;
            while self.table[slot] != 0 {
                slot = (slot + 1) & mask;
            }
            self.table[slot] = place as u32 + 1;
        }
    }

    /// Where an item is in the list; it is added where it is not there.
    #[inline(always)]
    pub(super) fn place(&mut self, item: ItemId) -> u32 {
        let mask = self.table.len() - 1;
        let mut slot = (item.spread() >> 32) as usize & mask;
        loop {
            let known = self.table[slot];
            let is_new = known == 0;
            let place = select_unpredictable(is_new, self.len as u32, known.wrapping_sub(1));
            self.list[self.len] = Candidate::new(item);
            self.len += usize::from(is_new);
            self.table[slot] = place + 1;
            if self.list[place as usize].item == item {
                return place;
            }
            slot = (slot + 1) & mask;
        }
    }

    /// Adds what a neighbour says.
    pub(super) fn add(&mut self, session: &Session, likeness: f64, terms: Terms<'_>) {
        let visits = session.visits();
        let mut places = [0_u32; SESSION_LEN];
        let (mut shared, mut newest, mut before, mut in_row) = (0_u32, u32::MAX, u32::MAX, false);
        for (n, (slot, visit)) in places.iter_mut().zip(visits).enumerate() {
            let place = self.place(visit.item());
            *slot = place;
            shared |= u32::from((place as usize) < self.bases) << n;
            newest = newest.min(place);
            in_row |= (place == 0) & (before == 1);
            before = place;
        }
        let places = &places[..visits.len()];
        let likeness = if in_row && self.bases > 1 { likeness * (1.0 + terms.in_row) } else { likeness };
        while shared != 0 {
            let place = shared.trailing_zeros() as usize;
            shared &= shared - 1;
            let base = places[place];
            let share = select_unpredictable(base == newest, 1.0, terms.others);
            let weight = likeness * terms.weights[base as usize] * share;
            for (&candidate, near) in places.iter().zip(terms.nearness.to(place)) {
                let term = weight * near;
                let candidate = &mut self.list[candidate as usize];
                candidate.score += term;
                let is_largest = term > candidate.largest;
                candidate.largest = select_unpredictable(is_largest, term, candidate.largest);
                candidate.because = select_unpredictable(is_largest, base, candidate.because);
            }
        }
    }

    /// All that were found.
    pub(super) fn list(&mut self) -> &mut [Candidate] {
        &mut self.list[..self.len]
    }
}
