use crate::model::{Bytes, Instant, Malformed, Pieces};
use crate::recommend::decay::ForwardDecay;
use crate::recommend::error::restored;
use crate::recommend::knn::SessionKnn;
use crate::recommend::knn::arena::Arena;
use crate::recommend::knn::index::Index;
use crate::recommend::knn::returns::Returns;
use crate::recommend::knn::session::Session;
use crate::recommend::{Error, ItemId, Recommender, SessionKnnParams};

/// What was written, read again.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    decay: ForwardDecay,
    arena: Arena,
}

impl Snapshot {
    /// Reads what was written under these parameters, about so many items.
    fn read(from: &mut Bytes<'_>, params: &SessionKnnParams, items: usize) -> Result<Snapshot, Malformed> {
        let mut decay = ForwardDecay::new(params.half_life).expect("it was checked with the parameters");
        decay.read(from)?;
        let arena = Arena::read(from, params.sessions.next_power_of_two())?;
        let mut visits = arena.numbers().flat_map(|number| arena.get(number).visits());
        if visits.any(|visit| visit.item().index() >= items) {
            return Err(from.malformed("sessions"));
        }
        // Nothing changes here, but where the bytes are not ours.
        if let Some(newest) = newest(&arena) {
            decay.advance(newest);
        }
        Ok(Snapshot { decay, arena })
    }
}

fn newest(arena: &Arena) -> Option<Instant> {
    arena
        .numbers()
        .map(|number| arena.get(number))
        .filter(|session| !session.is_empty())
        .map(|session| session.at)
        .max()
}

impl SessionKnn {
    /// What is to be written of it.
    pub(crate) fn write_later(&self, pieces: &mut Pieces) {
        pieces.push_now(|out| self.decay.write(out));
        self.arena.clone().write_later(pieces);
    }

    /// Takes over what one with the same parameters had learned about so many items that there are. O(visits).
    ///
    /// # Errors
    /// Bytes that were not written so, or that are about items which there are not. Nothing is taken over then.
    pub(crate) fn read_state(&mut self, from: &mut Bytes<'_>, items: usize) -> Result<(), Malformed> {
        let snapshot = Snapshot::read(from, &self.params, items)?;
        self.take_over(snapshot);
        Ok(())
    }

    /// What one with the same parameters had learned about so many items.
    pub(super) fn read(&self, bytes: &[u8], items: usize) -> Result<Snapshot, Error> {
        restored(self.name(), bytes, |from| Snapshot::read(from, &self.params, items))
    }

    /// Goes on from what was written, in place of what is known. O(visits).
    pub(super) fn take_over(&mut self, Snapshot { decay, arena }: Snapshot) {
        self.index = Index::of(&arena, self.params.sessions_per_item);
        self.returns = Returns::of(&arena);
        (self.decay, self.arena) = (decay, arena);
        self.priors.clear();
        self.users.clear();
        self.unexpired = self.arena.numbers().next().unwrap_or(self.arena.next());
        for number in self.arena.numbers() {
            let session = self.arena.get(number);
            if !session.is_empty() && !session.is_foreign {
                let user = session.user;
                self.arena.get_mut(number).earlier = self.newest_of(user).unwrap_or(number);
                self.set_newest(user, Some(number));
            }
            self.weigh(number);
        }
    }

    /// Puts the sessions of another one among these, in order of their newest visits; the oldest go where there is no
    /// room. `items[n]` is the number here of its item `n`. O(visits).
    pub(super) fn take_in(&mut self, other: &Snapshot, items: &[ItemId]) {
        let own = self.arena.numbers().map(|number| *self.arena.get(number));
        let mut sessions: Vec<Session> = own.filter(|session| !session.is_empty()).collect();
        // Their users have numbers that mean somebody else here, and those of several others may not be mixed up.
        let users = sessions
            .iter()
            .filter(|session| session.is_foreign)
            .map(|session| session.user.saturating_add(1))
            .max();
        let first_user = users.unwrap_or(0);
        let mut numbers = std::collections::BTreeMap::new();
        for number in other.arena.numbers() {
            let session = other.arena.get(number);
            if session.is_empty() {
                continue;
            }
            let next = first_user.saturating_add(numbers.len() as u32);
            let user = *numbers.entry((session.user, session.is_foreign)).or_insert(next);
            let mut session = session.renamed(|item| items[item.index()]);
            (session.user, session.is_foreign) = (user, true);
            sessions.push(session);
        }
        // Stable: of sessions that end at once ours come first, each kind in order of its numbers.
        sessions.sort_by_key(|session| session.at);
        let mut arena = Arena::new(self.params.sessions.next_power_of_two());
        sessions.into_iter().for_each(|session| arena.push(session));
        let mut decay = self.decay;
        decay.take_in(&other.decay);
        if let Some(newest) = newest(&arena) {
            decay.advance(newest);
        }
        self.take_over(Snapshot { decay, arena });
    }
}
