//! # Session kNN: what followed in sessions like this one
//! In: interactions. Out: the items of the nearest of the sessions that are kept.
//!
//! | file | concept |
//! | --- | --- |
//! | `session`, `arena` | what a user did without a long pause; the newest sessions in a ring |
//! | `index` | which sessions an item is in |
//! | `neighbours` | the sessions that are most like a query |
//! | `candidates` | their items, and what speaks for each |
//! | `beyond` | where these are few, what stands beside them |
//! | `returns` | how often users come back to what they visited before |
//! | `params` | [`SessionKnnParams`] |
//! | `state` | checkpoint, restore and merge |
//!
//! Invariant: everything follows from the arena, so that only the arena is written.

mod arena;
mod beyond;
mod candidates;
mod index;
mod neighbours;
mod params;
mod returns;
mod session;
mod state;

pub use params::SessionKnnParams;

use crate::model::{Instant, Pieces};
use crate::recommend::decay::ForwardDecay;
use crate::recommend::{
    Action, Basis, Error, Interaction, ItemId, Items, Reason, Recommendation, Recommender, Request,
};
use arena::Arena;
use beyond::{Beyond, FEW};
use candidates::{Candidate, Candidates, Terms};
use hashbrown::HashTable;
use index::Index;
use neighbours::{Reach, Search, nearest};
use params::Tables;
use parking_lot::Mutex;
use returns::Returns;
use session::{Session, Visit};
use smallvec::SmallVec;
use std::cmp::Ordering;

/// What comes next in a session: the items of the sessions most like it, learned click by click.
///
/// A query's items count `w_i = e^(-p / recency) / (N_i + 5)^commonness`, `p` being 0 for the newest visit, 1 for the one
/// before; `N` is the number of sessions, `N_i` of those with item `i`. Of the sessions that share an item with it the
/// newest `m` are looked at: `likeness(n) = Σ_i w_i · 2^(-age / half_life) / len(n)^length` over the shared items. The
/// most alike, `k` of them, give their items, by distance `d` from each place of a shared one:
/// `score(j) = Σ_n likeness(n) Σ_i w_i s_i near(d) · (1 + rarity ln(N / N_j))`, with `near(d) = d^-after` for those after
/// it and `back d^-before` for those before; `s_i` is 1 for the newest shared item and `others` for the rest, and all is
/// `1 + in_row` times as much where the two newest items of the query follow on one another in `n`. Likenesses are taken
/// as shares of their sum. The reason is the item of the largest term.
///
/// Users come back to what they visited before: `score(j) += returns · r(b) Σ score` for an item `j` of the query with `b`
/// different ones behind it, where `r(b)` is how often the next visit was of such an item, in the sessions that are kept.
/// The sum is without the newest item where that may not be shown.
///
/// Where fewer than 100 items are found, what stands beside the 12 best of them that are not of the query counts, in the 20
/// newest sessions of each, but for items of the query: `beside(j) = (N_j + 5)^-0.1 Σ_i score(i) v_i(j) / (Σ v_i + 5)` with
/// `v_i(j) = Σ near(d) / len(n)^length`, and `score(j) += hop · beside(j) · max score / max beside`.
///
/// HR@20 and MRR@20, trained before, of the last tenth of the retailrocket sessions and of the last day of RSC15: .387 and
/// .190, .415 and .182; without `hop` .377 and .189, .405 and .182; without `returns` too .361 and .165, .400 and .183.
/// VMIS-kNN with the parameters that are best for it in the time before has .358 and .165, .395 and .179.
///
/// Every click counts at once, also in the sessions that are still open, but for what the asking user does now. A session
/// counts from its second click on. One of more than 11 clicks goes on in a new one, which begins with its last two. An
/// interaction that comes late by more than the session gap teaches nothing, and so does one whose weight is not above 0;
/// other weights make no difference.
///
/// Similar items are what sessions with the named ones hold, each of them as the newest.
///
/// `learn`: O(1), at most 11 entries into lists of `m`. `recommend`: O(m · items + 11 k), and 240 sessions more for a second hop; tens of
/// microseconds.
/// Memory: 68 bytes a session, 16 a user who has one, 28 an item, 4 for each item of each session; at most
/// [`sessions`](SessionKnnParams::sessions) of them. Forgetting a user takes all of the user's sessions out: answers are
/// what they would be had they never been, as long as no session had to go for others.
///
/// Answers nothing for other bases, and for a user of whom no session is kept.
///
/// References: V-SKNN in Ludewig and Jannach, "Evaluation of session-based recommendation algorithms", UMUAI 2018;
/// VMIS-kNN in Kersbergen, Sprangers and Schelter, "Serenade", SIGMOD 2022.
///
/// ```
/// use bespoke::model::Instant;
/// use bespoke::recommend::{Interaction, Items, Query, Recommender, SessionKnn};
/// let (mut items, now) = (Items::new(), Instant::from_millis(0));
/// let mut model = SessionKnn::default();
/// for (user, sku) in [(1, "boot-7"), (1, "sock-1"), (2, "tent-2"), (2, "boot-7")] {
///     model.learn(&Interaction::new(user, items.intern(sku)?, now));
/// }
/// let answer = model.recommend(&Query::session(["boot-7"]).resolve(&items, None, now)?);
/// let shown: Vec<_> = answer.iter().filter_map(|r| items.name(r.item)).collect();
/// assert_eq!(shown, ["sock-1", "tent-2"]); // after it, and before it
/// # Ok::<(), bespoke::recommend::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SessionKnn {
    params: SessionKnnParams,
    tables: Tables,
    decay: ForwardDecay,
    arena: Arena,
    index: Index,
    returns: Returns,
    /// What a session counts by age and length, under forward decay; by its place in the arena.
    priors: Vec<f32>,
    /// Users of whom sessions are kept, and the number of the newest.
    users: HashTable<(u32, u32)>,
    /// Number of the first session at whose age was not yet looked. Follows from the arena, save how often it was looked.
    unexpired: u32,
    scratch: Pool,
}

/// Lists that a query fills, kept for the next one. What is in them makes no difference.
#[derive(Debug, Default)]
struct Scratch {
    search: Search,
    sessions: Vec<Session>,
    candidates: Candidates,
    beyond: Beyond,
    /// Score and place of the candidates.
    scores: Vec<(f64, u32)>,
}

/// As many as there were queries at a time.
#[derive(Debug, Default)]
struct Pool(Mutex<Vec<Scratch>>);

impl Clone for Pool {
    fn clone(&self) -> Pool {
        Pool::default()
    }
}

/// An item that the query rests on.
struct Base {
    item: ItemId,
    weight: f64,
    reason: Reason,
}

type Bases = SmallVec<[Base; 16]>;

impl SessionKnn {
    /// The default parameters.
    #[must_use]
    pub fn params() -> SessionKnnParams {
        SessionKnnParams::new()
    }

    fn from_checked(params: SessionKnnParams, decay: ForwardDecay) -> SessionKnn {
        SessionKnn {
            tables: Tables::new(&params),
            arena: Arena::new(params.sessions.next_power_of_two()),
            index: Index::new(params.sessions_per_item),
            returns: Returns::default(),
            params,
            decay,
            priors: Vec::new(),
            users: HashTable::new(),
            unexpired: 0,
            scratch: Pool::default(),
        }
    }

    /// Has the sessions of one user be another one's, who was found to be the same.
    pub(crate) fn rename(&mut self, old: u32, new: u32) {
        if old == new {
            return;
        }
        let mut numbers: Vec<u32> = self.numbers_of(old).chain(self.numbers_of(new)).collect();
        numbers.sort_unstable_by_key(|number| self.arena.age(*number));
        self.set_newest(old, None);
        self.set_newest(new, numbers.first().copied());
        for (place, &number) in numbers.iter().enumerate() {
            let before = numbers.get(place + 1).copied();
            let session = self.arena.get_mut(number);
            session.user = new;
            // One that lies between them ends what went on.
            session.goes_on &= before.is_none_or(|before| before == session.earlier);
            session.earlier = before.unwrap_or(number);
        }
    }

    /// Lets go of sessions that are over before an instant, oldest first: as far as the first that is not. O(1) where
    /// there is none.
    pub(crate) fn expire(&mut self, before: Instant) {
        let oldest = self.arena.numbers().next().unwrap_or(self.unexpired);
        if self.arena.age(oldest) < self.arena.age(self.unexpired) {
            self.unexpired = oldest; // what was looked at has been overwritten
        }
        let mut lacking = Vec::new();
        while self.unexpired != self.arena.next() && self.arena.get(self.unexpired).at < before {
            let number = self.unexpired;
            let session = std::mem::replace(self.arena.get_mut(number), Session::EMPTY);
            self.unexpired = number.wrapping_add(1);
            if session.is_empty() {
                continue;
            }
            self.index.leave(number, &session, &mut lacking);
            self.returns.remove(&session);
            self.weigh(number);
            if !session.is_foreign && self.newest_of(session.user) == Some(number) {
                self.set_newest(session.user, None);
            }
        }
        self.index.refill(lacking, &self.arena);
    }

    /// The sessions that are kept of a user, newest first.
    fn numbers_of(&self, user: u32) -> impl Iterator<Item = u32> + '_ {
        std::iter::successors(self.newest_of(user), |number| self.before(*number))
    }

    /// The session of the same user before one, if it is kept.
    fn before(&self, number: u32) -> Option<u32> {
        let earlier = self.arena.get(number).earlier;
        (earlier != number && self.arena.is_kept(earlier)).then_some(earlier)
    }

    fn newest_of(&self, user: u32) -> Option<u32> {
        self.users.find(spread(user), |(known, _)| *known == user).map(|(_, number)| *number)
    }

    fn set_newest(&mut self, user: u32, number: Option<u32>) {
        let is_user = |(known, _): &(u32, u32)| *known == user;
        match (self.users.find_entry(spread(user), is_user), number) {
            (Ok(mut entry), Some(number)) => entry.get_mut().1 = number,
            (Ok(entry), None) => drop(entry.remove()),
            (Err(_), None) => {}
            (Err(_), Some(number)) => {
                self.users.insert_unique(spread(user), (user, number), |(user, _)| spread(*user));
            }
        }
    }

    /// Adds a session of a user; the oldest one goes where there is no more room.
    fn begin(&mut self, mut session: Session) -> u32 {
        if let Some(outgoing) = self.arena.outgoing() {
            let session = self.arena.get(outgoing);
            self.index.leave_oldest(outgoing, session);
            self.returns.remove(session);
            let is_ours = !session.is_empty() && !session.is_foreign;
            let user = session.user;
            if is_ours && self.newest_of(user) == Some(outgoing) {
                self.set_newest(user, None);
            }
        }
        let (number, user) = (self.arena.next(), session.user);
        session.earlier = self.newest_of(user).unwrap_or(number);
        self.returns.add(&session);
        self.arena.push(session);
        self.set_newest(user, Some(number));
        self.index.enter_all(number, &self.arena);
        self.weigh(number);
        number
    }

    /// Works out what a session counts.
    fn weigh(&mut self, number: u32) {
        let place = self.arena.place(number);
        if place >= self.priors.len() {
            self.priors.resize(place + 1, 0.0);
        }
        let session = self.arena.get(number);
        let prior = self.decay.weight(session.at) * self.tables.lengths[session.visits().len()];
        self.priors[place] = prior as f32;
    }

    /// The visits of what a user did last, newest first, and the numbers of the sessions that they are in.
    fn last_visits(&self, user: u32) -> (SmallVec<[Visit; 32]>, SmallVec<[u32; 4]>) {
        let (mut visits, mut own) = (SmallVec::new(), SmallVec::new());
        let mut next = self.newest_of(user);
        while let Some(number) = next.filter(|_| visits.len() < self.params.items) {
            let session = self.arena.get(number);
            next = self.before(number).filter(|_| session.goes_on);
            let its = if next.is_some() { session.own_visits() } else { session.visits() };
            visits.extend(its.iter().rev().copied());
            own.push(number);
        }
        visits.truncate(self.params.items);
        (visits, own)
    }

    /// The items of a session, each once, with what they count by place; newest first.
    fn bases(&self, visits: impl Iterator<Item = (ItemId, Reason)>) -> Bases {
        let mut bases = Bases::new();
        for ((item, reason), weight) in visits.zip(&self.tables.recency) {
            if !bases.iter().any(|base| base.item == item) {
                bases.push(Base { item, weight: *weight, reason });
            }
        }
        bases
    }

    /// The best items for what a query rests on: a session, or items that others are to be like.
    fn rank(
        &self,
        (bases, is_session): (&[Base], bool),
        own: &[u32],
        limit: usize,
        admits: impl Fn(ItemId) -> bool,
        scratch: &mut Scratch,
    ) -> Vec<Recommendation> {
        let Scratch { search, sessions, candidates, beyond, scores } = scratch;
        let params = &self.params;
        let weights: SmallVec<[f64; 16]> = bases
            .iter()
            .map(|base| base.weight * self.tables.share(self.index.sessions_with(base.item)))
            .collect();
        let shared: SmallVec<[(ItemId, f32); 16]> =
            bases.iter().zip(&weights).map(|(base, weight)| (base.item, *weight as f32)).collect();
        let reach = Reach { looked_at_max: params.sessions_per_item, kept_max: params.neighbours, own };
        let neighbours = nearest(&shared, (&self.index, &self.arena, &self.priors), reach, search);

        let terms = Terms {
            weights: &weights,
            nearness: &self.tables.nearness,
            others: params.others,
            in_row: params.in_row,
        };
        // They lie far apart in memory: copied first, they are waited for all at once and not one after the other.
        sessions.clear();
        sessions.extend(neighbours.iter().map(|neighbour| *self.arena.get(neighbour.number)));
        let total = neighbours.iter().fold(0.0, |sum, neighbour| sum + f64::from(neighbour.likeness));
        let visits: usize = sessions.iter().map(|session| session.visits().len()).sum();
        candidates.begin(bases.iter().map(|base| base.item), bases.len() + visits);
        for (neighbour, session) in neighbours.iter().zip(sessions) {
            candidates.add(session, f64::from(neighbour.likeness) / total, terms);
        }
        let table = candidates;
        let candidates = table.list();
        let all = self.tables.logarithm(self.index.sessions());
        let mut sum = 0.0;
        for candidate in &mut *candidates {
            let logarithm = self.tables.logarithm(self.index.sessions_with(candidate.item));
            candidate.score *= 1.0 + params.rarity * (all - logarithm);
            sum += candidate.score;
        }
        let mut returned = SmallVec::new();
        if is_session && let Some(newest) = bases.first() {
            let with_newest = admits(newest.item);
            returned = self.come_back((bases.len(), with_newest), candidates, sum);
            if params.hop > 0.0 && candidates.len() < FEW {
                self.look_beyond((bases.len(), with_newest), own, table, beyond);
            }
        }
        let candidates = table.list();
        scores.clear();
        scores.extend(
            (0..)
                .zip(&*candidates)
                .filter_map(|(place, candidate)| (candidate.score > 0.0).then_some((candidate.score, place))),
        );

        let order = |a: &(f64, u32), b: &(f64, u32)| {
            let tie = || self.order(candidates[a.1 as usize].item, candidates[b.1 as usize].item);
            b.0.total_cmp(&a.0).then_with(tie)
        };
        let mut answer = Vec::with_capacity(limit.min(scores.len()));
        let mut rest = &mut scores[..];
        while answer.len() < limit && !rest.is_empty() {
            let next = (limit - answer.len()).min(rest.len());
            if next < rest.len() {
                rest.select_nth_unstable_by(next, order);
            }
            let (best, others) = rest.split_at_mut(next);
            best.sort_unstable_by(order);
            for (score, place) in best {
                let candidate = &candidates[*place as usize];
                if admits(candidate.item) {
                    let is_returned = returned.contains(place);
                    let because = if is_returned { *place } else { candidate.because };
                    let reason = match &bases[because as usize].reason {
                        Reason::Because { action, .. } if is_returned => Reason::Before { action: *action },
                        reason => reason.clone(),
                    };
                    answer.push(Recommendation::new(candidate.item, *score, reason));
                }
            }
            rest = others;
        }
        answer
    }

    /// Adds to the items of a session, which come first among the candidates, that users come back to them: by their chance,
    /// of what speaks for all together. Gives the places of those for which that speaks most.
    fn come_back(
        &self,
        (query, with_newest): (usize, bool),
        candidates: &mut [Candidate],
        sum: f64,
    ) -> SmallVec<[u32; 16]> {
        // Where the newest may not be shown, the others have its share.
        let newest = candidates.first().filter(|_| !with_newest).map_or(0.0, |newest| newest.score);
        let sum = (sum - newest) * self.params.returns;
        let mut returned = SmallVec::new();
        for (back, candidate) in candidates.iter_mut().take(query).enumerate() {
            let more = self.returns.chance(back) * sum;
            if more > candidate.score {
                returned.push(back as u32);
            }
            candidate.score += more;
        }
        returned
    }

    /// Of equal scores: newest session, then id.
    fn order(&self, a: ItemId, b: ItemId) -> Ordering {
        let age = |item| self.index.ring(item).last().map(|number| self.arena.age(*number));
        age(a).cmp(&age(b)).then(a.cmp(&b))
    }

    /// Whether enough users visited an item, in the sessions that are known of it.
    fn is_common(&self, item: ItemId) -> bool {
        if self.params.k_min == 1 {
            return true;
        }
        let mut users: SmallVec<[(u32, bool); 32]> = SmallVec::new();
        for number in self.index.ring(item).iter().rev() {
            let session = self.arena.get(*number);
            let user = (session.user, session.is_foreign);
            if !users.contains(&user) {
                users.push(user);
            }
            if users.len() >= self.params.k_min {
                return true;
            }
        }
        false
    }
}

/// A hash of the dense number of a user.
fn spread(user: u32) -> u64 {
    u64::from(user).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl Default for SessionKnn {
    fn default() -> SessionKnn {
        SessionKnn::params().check().expect("the defaults are in range")
    }
}

impl Recommender for SessionKnn {
    fn name(&self) -> &str {
        "session-knn"
    }

    fn learn(&mut self, interaction: &Interaction<'_>) {
        if interaction.weight() <= 0.0 {
            return;
        }
        let (user, at) = (interaction.user(), interaction.at());
        let newest = self.newest_of(user);
        let newest_at = newest.map(|number| self.arena.get(number).at);
        let gap = self.params.session_gap;
        // Late by more than the gap: it belongs to a session that is over.
        if newest_at.is_some_and(|newest_at| newest_at - at > gap) {
            return;
        }
        if self.decay.advance(at).is_some() {
            self.arena.numbers().for_each(|number| self.weigh(number));
        }
        let number = match newest.filter(|_| newest_at.is_some_and(|newest_at| at - newest_at <= gap)) {
            Some(number) if self.arena.get(number).is_full() => {
                let next = self.arena.get(number).continued();
                self.begin(next)
            }
            Some(number) => number,
            None => self.begin(Session::new(user, at)),
        };
        let session = self.arena.get_mut(number);
        let (told, is_new) = (session.is_telling(), !session.holds(interaction.item()));
        session.push(Visit::new(interaction.item(), interaction.action()));
        session.at = session.at.max(at);
        self.returns.add_last(session);
        if !told {
            self.index.enter_all(number, &self.arena);
        } else if is_new {
            self.index.enter(interaction.item(), number, &self.arena);
        }
        self.weigh(number);
    }

    fn recommend(&self, request: &Request<'_>) -> Vec<Recommendation> {
        if request.limit() == 0 {
            return Vec::new();
        }
        let mut own = SmallVec::new();
        let mut current = None;
        let bases = match request.basis() {
            Basis::User(user) => {
                let visits;
                (visits, own) = self.last_visits(user);
                current = visits.first().map(|visit| visit.item()).filter(|_| !request.allow_repeat());
                self.bases(visits.iter().map(|visit| {
                    let (item, action) = (visit.item(), visit.action());
                    (item, Reason::Because { action, item })
                }))
            }
            Basis::Session(items) => self.bases(items.iter().rev().map(|&item| {
                let action = Action::Viewed;
                (item, Reason::Because { action, item })
            })),
            Basis::Similar(items) => {
                let mut bases = self.bases(items.iter().map(|&item| (item, Reason::Similar { item })));
                bases.iter_mut().for_each(|base| base.weight = 1.0);
                bases
            }
            _ => return Vec::new(),
        };
        let mut scratch = self.scratch.0.lock().pop().unwrap_or_default();
        let admits = |item| Some(item) != current && request.admits(item) && self.is_common(item);
        let is_session = !matches!(request.basis(), Basis::Similar(_));
        let answer = self.rank((&bases, is_session), &own, request.limit(), admits, &mut scratch);
        self.scratch.0.lock().push(scratch);
        answer
    }

    fn forget(&mut self, user: u32) {
        let numbers: SmallVec<[u32; 16]> = self.numbers_of(user).collect();
        let mut lacking = Vec::new();
        for &number in &numbers {
            let session = std::mem::replace(self.arena.get_mut(number), Session::EMPTY);
            self.index.leave(number, &session, &mut lacking);
            self.returns.remove(&session);
            self.weigh(number);
        }
        self.set_newest(user, None);
        self.index.refill(lacking, &self.arena);
    }

    fn checkpoint(&self, out: &mut Vec<u8>) {
        Pieces::all(|pieces| self.write_later(pieces), out);
    }

    fn restore(&mut self, bytes: &[u8], items: &Items) -> Result<(), Error> {
        let snapshot = self.read(bytes, items.len())?;
        self.take_over(snapshot);
        Ok(())
    }

    /// Their sessions come among these with users that have no number here, whom to forget is not possible: a merged
    /// model is made anew when one of them is forgotten.
    fn merge(&mut self, bytes: &[u8], items: &[ItemId]) -> Result<(), Error> {
        let other = self.read(bytes, items.len())?;
        self.take_in(&other, items);
        Ok(())
    }

    fn bytes(&self) -> usize {
        let beside =
            self.priors.capacity() * size_of::<f32>() + self.users.capacity() * size_of::<(u32, u32)>();
        self.arena.bytes() + self.index.bytes() + beside
    }
}

#[cfg(test)]
mod tests;
