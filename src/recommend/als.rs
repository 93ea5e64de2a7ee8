use crate::model::{Bytes, Instant, Malformed, Pieces, Record, Shared};
use crate::recommend::cholesky::dot;
use crate::recommend::decay::GROWN_MAX;
use crate::recommend::error::restored;
use crate::recommend::factors::{FoldIn, Gram, Penalty, beginning, read_vector};
use crate::recommend::history::{History, Past};
use crate::recommend::shortlist::Shortlist;
use crate::recommend::tally::Tally;
use crate::recommend::users::Users;
use crate::recommend::vectors::Vectors;
use crate::recommend::{
    Action, Basis, Error, Interaction, ItemId, Items, QUERY_ITEMS_MAX, Reason, Recommendation, Recommender,
    Request, WEIGHT_MAX,
};
use std::collections::BTreeMap;

mod params;

pub use params::AlsParams;

/// So many users of an item that has no vector yet are kept in mind until it gets one from all.
const COLD_USERS_MAX: usize = 16;

/// What a user likes at all: vectors of users and items, by implicit alternating least squares (iALS).
///
/// It looks for vectors that make `Σ w (1 - x'h)²` over what users chose, `+ a0 Σ (x'h)²` over all users and items,
/// `+ λ |x|²` over users and the like over items smallest, with `λ = reg (Σ w + a0 N)^nu`. What speaks against an item
/// counts as a choice of 0: `|w| (x'h)²`.
///
/// The vector of a user is solved when it is asked for, from all that is kept of the user and exactly (*fold-in*): an
/// event counts at once. The vectors of items follow in [`tick`](Recommender::tick), a user's or item's row a step, in
/// order of number: a sweep over all users, then over all items; as many sweeps as the news are worth, from one to
/// [`sweeps`](AlsParams::sweeps). An item that comes between sweeps gets a vector from its first users at once. Until
/// the first sweep is complete, users are shown what most chose.
///
/// The score of an item `j` is `x'h_j = Σ_i w_i h_i' A^-1 h_j` over the items that the user chose, so that every one has
/// its exact share; the reason is the largest. Items are like one another by the cosine of their vectors.
///
/// `learn`: O(1), and two fold-ins for an item without a vector. `recommend`: O(f² (history + limit) + f³ + items) for `f`
/// factors, and O(f) for each item whose vector is so long that it could be among the best, which are few of many (all,
/// where a filter admits hardly any of them); for similar items O(items · f). A step is a fold-in: O(f² · interactions
/// that are kept of the row + f³). Memory: an item `4 f` and 36 bytes, a user `4 f`, 112 and 9 for each interaction that
/// is kept; during a sweep 8 more for each of those.
///
/// Answers nothing for a [`Basis`] that names neither user nor items like which others are wanted, nor for a user whom
/// it does not know. Two of them cannot be merged: their vectors lie in different spaces.
///
/// References: Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008 (§5 for the
/// reasons); Rendle, Krichene, Zhang and Koren, "Revisiting the performance of iALS on item recommendation benchmarks",
/// RecSys 2022 (the penalty and how to tune it).
///
/// ```
/// use bespoke::model::Instant;
/// use bespoke::recommend::{Als, Interaction, Items, Query, Recommender};
/// let (mut items, now) = (Items::new(), Instant::from_millis(0));
/// let mut als = Als::params().factors(8).check()?;
/// for user in 0..20 {
///     let films = if user % 2 == 0 { ["alien", "aliens", "brazil"] } else { ["heat", "ronin", "thief"] };
///     for film in films {
///         als.learn(&Interaction::new(user, items.intern(film)?, now));
///     }
/// }
/// while als.tick(now, 100) {}
///
/// // Somebody new watches two films.
/// for film in ["heat", "ronin"] {
///     als.learn(&Interaction::new(99, items.intern(film)?, now));
/// }
/// let answer = als.recommend(&Query::for_user().excluding(["heat"]).resolve(&items, Some(99), now)?);
/// assert_eq!(items.name(answer[0].item), Some("thief"));
/// assert!(answer[0].reason.display(&items).to_string().starts_with("because you viewed"));
/// # Ok::<(), bespoke::recommend::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Als {
    params: AlsParams,
    /// `(d + 1)^-recency` by distance.
    recency: Box<[f32]>,
    tally: Tally,
    users: Users<Member>,
    /// How many there are.
    user_count: usize,
    /// `Σ x x'` over users.
    user_gram: Gram,
    /// The vectors of items by number, without those that came last.
    vectors: Vectors,
    /// How long they are.
    lengths: Vec<f32>,
    /// `Σ h h'` over items.
    item_gram: Gram,
    /// Users of items that no sweep has seen yet.
    cold: BTreeMap<u32, Vec<(u32, f32)>>,
    sweep: Sweep,
    /// Sweeps that remain, with the one that has begun.
    sweeps_left: usize,
    /// Whether a sweep has been completed.
    is_trained: bool,
    /// Interactions that were learned or forgotten since the last sweep began, and all that are kept.
    news: usize,
    kept: usize,
}

/// What is kept of a user.
#[derive(Clone, Debug, Default, PartialEq)]
struct Member {
    history: History,
    /// As the last sweep found it; empty before.
    vector: Vec<f32>,
}

/// Where a sweep is.
#[derive(Clone, Debug, Default)]
enum Sweep {
    #[default]
    Idle,
    /// Users from this number on are next.
    Users(u32, Rows),
    /// Items from this number on.
    Items(usize, Rows),
}

/// What was chosen, by item: gathered while the users are gone through.
#[derive(Clone, Debug, Default)]
struct Rows {
    /// What a weight is worth, at the time when the sweep began.
    worth: f32,
    users: Shared<Vec<(u32, f32)>, 64>,
}

impl Default for Als {
    fn default() -> Als {
        Als::params().check().expect("the defaults are in range")
    }
}

/// An item that a query rests on.
struct Base {
    item: ItemId,
    weight: f32,
    reason: Reason,
}

impl Als {
    /// One that knows nothing yet, with parameters that were checked.
    fn new(params: AlsParams) -> Result<Als, Error> {
        let fading = |distance: usize| libm::pow((distance + 1) as f64, -params.recency) as f32;
        let recency = (0..params.history.max(QUERY_ITEMS_MAX)).map(fading).collect();
        let gram = Gram::new(params.factors);
        Ok(Als {
            tally: Tally::new(params.half_life, params.k_min)?,
            vectors: Vectors::new(params.factors),
            params,
            recency,
            users: Users::default(),
            user_count: 0,
            user_gram: gram.clone(),
            lengths: Vec::new(),
            item_gram: gram,
            cold: BTreeMap::new(),
            sweep: Sweep::Idle,
            sweeps_left: 0,
            is_trained: false,
            news: 0,
            kept: 0,
        })
    }

    /// The default parameters.
    #[must_use]
    pub fn params() -> AlsParams {
        AlsParams {
            half_life: None,
            factors: 64,
            history: 1_000,
            unobserved: 0.2,
            regularisation: 0.02,
            frequency: 1.0,
            recency: 0.0,
            sweeps: 8,
            k_min: 1,
        }
    }

    fn penalty(&self) -> Penalty {
        let AlsParams { unobserved, regularisation, frequency, .. } = self.params;
        Penalty { unobserved, regularisation, frequency }
    }

    /// The vector of an item, if it has one.
    fn vector(&self, item: ItemId) -> Option<&[f32]> {
        self.vectors.get(item.index())
    }

    /// Solves for a user's vector from items and their weights.
    fn fold_in(&self, chosen: impl Iterator<Item = (ItemId, f32)>) -> FoldIn {
        let chosen = chosen.filter_map(|(item, weight)| Some((limited(weight), self.vector(item)?)));
        let count = self.vectors.len();
        FoldIn::new(&self.item_gram, count, self.penalty(), chosen, self.params.factors)
    }

    /// Solves for an item's vector from users and their weights.
    fn fold_in_item(&self, chosen: &[(u32, f32)], worth: f32) -> FoldIn {
        let chosen = chosen.iter().filter_map(|(user, weight)| {
            let vector = &*self.users.get(*user)?.vector;
            (!vector.is_empty()).then_some((limited(weight * worth), vector))
        });
        FoldIn::new(&self.user_gram, self.user_count, self.penalty(), chosen, self.params.factors)
    }

    /// Solves for the vector that is kept of a user.
    fn solve_user(&mut self, user: u32, worth: f32) {
        let Some(member) = self.users.get(user) else { return };
        let vector = self.fold_in(member.history.iter().map(|past| (past.item, past.weight * worth))).vector;
        self.user_gram.replace(&member.vector, &vector);
        if let Some(member) = self.users.get_mut(user) {
            member.vector = vector;
        }
    }

    fn set_vector(&mut self, item: ItemId, vector: &[f32]) {
        let old = self.vectors.get_or_zeros(item.index());
        if self.lengths.len() <= item.index() {
            self.lengths.resize(item.index() + 1, f32::MIN_POSITIVE);
        }
        self.lengths[item.index()] = length(vector);
        self.item_gram.replace(old, vector);
        old.copy_from_slice(vector);
    }

    /// Gives an item that no sweep has seen a vector from its first users.
    fn warm_up(&mut self, item: ItemId, user: u32, weight: f32, now: Instant) {
        let worth = self.tally.worth(now);
        let mut chosen = self.cold.remove(&item.number()).unwrap_or_default();
        if chosen.len() < COLD_USERS_MAX {
            chosen.push((user, weight));
            self.solve_user(user, worth);
            let vector = self.fold_in_item(&chosen, worth).vector;
            self.set_vector(item, &vector);
        }
        self.cold.insert(item.number(), chosen);
    }

    /// Does a step of the work. False where there is none.
    fn step(&mut self, now: Instant) -> bool {
        match std::mem::take(&mut self.sweep) {
            Sweep::Idle if self.news == 0 && self.sweeps_left == 0 => return false,
            Sweep::Idle => self.begin(now),
            Sweep::Users(from, mut rows) => match self.users.next_from(from) {
                Some(user) => {
                    self.solve_user(user, rows.worth);
                    if let Some(member) = self.users.get(user) {
                        for past in member.history.iter() {
                            if let Some(row) = rows.users.get_mut(past.item.index()) {
                                row.push((user, past.weight));
                            }
                        }
                    }
                    self.sweep = match user.checked_add(1) {
                        Some(next) => Sweep::Users(next, rows),
                        None => Sweep::Items(0, rows),
                    };
                }
                None => self.sweep = Sweep::Items(0, rows),
            },
            Sweep::Items(item, mut rows) => match rows.users.get_mut(item).map(std::mem::take) {
                Some(chosen) => {
                    let id = ItemId::new(item as u32);
                    self.cold.remove(&id.number());
                    let vector = self.fold_in_item(&chosen, rows.worth).vector;
                    self.set_vector(id, &vector);
                    self.sweep = Sweep::Items(item + 1, rows);
                }
                None => (self.sweeps_left, self.is_trained) = (self.sweeps_left - 1, true),
            },
        }
        true
    }

    fn begin(&mut self, now: Instant) {
        if self.news > 0 {
            let share = self.news as f64 / self.kept.max(1) as f64;
            let sweeps = libm::ceil(self.params.sweeps as f64 * share.min(1.0)) as usize;
            self.sweeps_left = self.sweeps_left.max(sweeps);
            self.news = 0;
        }
        if !self.is_trained {
            for item in (self.vectors.len()..self.tally.len()).map(|n| ItemId::new(n as u32)) {
                self.set_vector(item, &beginning(item, self.params.factors));
            }
        }
        let users = (0..self.tally.len()).map(|_| Vec::new()).collect();
        let rows = Rows { worth: self.tally.worth(now), users };
        self.sweep = Sweep::Users(0, rows);
    }

    /// Items with their vectors, and how long those are.
    fn vectors(&self) -> impl Iterator<Item = (ItemId, &[f32], f32)> {
        let vectors = self.vectors.iter().zip(&self.lengths);
        (0..).map(ItemId::new).zip(vectors).map(|(item, (vector, length))| (item, vector, *length))
    }

    /// The best items for the vector of a user. No score is above the product of both lengths, by which most of many items
    /// are none of the best; all are looked at only where too few of those may be shown.
    fn best(&self, user: &[f32], request: &Request<'_>, current: Option<ItemId>) -> Vec<(f64, ItemId)> {
        let score = |vector: &[f32]| f64::from(dot(user, vector));
        let mut shortlist = Shortlist::new(4 * (request.limit() + 16));
        let user_length = at_most(length(user));
        for (item, vector, length) in self.vectors() {
            if !shortlist.may_enter(user_length * at_most(length)) || !self.tally.may_be(item, current) {
                continue;
            }
            let score = score(vector);
            if score > 0.0 && shortlist.may_enter(score) {
                shortlist.add(score, item);
            }
        }
        let is_whole = shortlist.is_whole();
        let best = self.tally.best(shortlist.into_scored(), request, current);
        if best.len() == request.limit() || is_whole {
            return best;
        }
        let all = self.vectors().map(|(item, vector, _)| (score(vector), item)).collect();
        self.tally.best(all, request, current)
    }

    /// The best items for the `bases`, newest first.
    fn rank(&self, bases: &[Base], request: &Request<'_>, current: Option<ItemId>) -> Vec<Recommendation> {
        let fold = self.fold_in(bases.iter().map(|base| (base.item, base.weight)));
        let answer = self.best(&fold.vector, request, current).into_iter().map(|(score, item)| {
            let influence = self.vector(item).map(|vector| fold.influence(vector)).unwrap_or_default();
            let share = |base: &Base| match self.vector(base.item) {
                Some(vector) => base.weight.max(0.0) * dot(&influence, vector),
                None => 0.0,
            };
            Recommendation::new(item, score, reason(bases, share))
        });
        answer.collect()
    }

    /// Items whose vectors point where those of the `bases` point.
    fn similar(&self, bases: &[Base], request: &Request<'_>) -> Vec<Recommendation> {
        let cosine = |base: &Base, vector: &[f32], length: f32| match self.vector(base.item) {
            Some(other) => dot(other, vector) / (self.lengths[base.item.index()] * length),
            None => 0.0,
        };
        let scored = self.vectors().map(|(item, vector, length)| {
            let score: f32 = bases.iter().map(|base| cosine(base, vector, length)).sum();
            (f64::from(score), item)
        });
        let answer = self.tally.best(scored.collect(), request, None).into_iter().map(|(score, item)| {
            let long = self.lengths[item.index()];
            let share = |base: &Base| self.vector(item).map_or(0.0, |vector| cosine(base, vector, long));
            Recommendation::new(item, score, reason(bases, share))
        });
        answer.collect()
    }

    /// What is to be written of it. The parameters are not in it.
    pub(crate) fn write_later(&self, pieces: &mut Pieces) {
        pieces.push_now(|out| self.tally.write(out));
        self.users.write_later(pieces);
        pieces.push_now(|out| self.vectors.len().write(out));
        self.vectors.write_later(pieces);
        pieces.push_now(|out| {
            self.user_gram.write(out);
            self.item_gram.write(out);
            self.cold.len().write(out);
            for (item, chosen) in &self.cold {
                item.write(out);
                chosen.write(out);
            }
            (self.is_trained, self.sweeps_left, self.news).write(out);
        });
        let (stage, next, rows): (u8, u32, _) = match &self.sweep {
            Sweep::Idle => return pieces.push_now(|out| 0_u8.write(out)),
            Sweep::Users(next, rows) => (1, *next, rows),
            Sweep::Items(next, rows) => (2, *next as u32, rows),
        };
        pieces.push_now(|out| {
            (stage, next, rows.worth).write(out);
            rows.users.len().write(out);
        });
        rows.users.write_later(0, Vec::write, pieces);
    }

    /// One with the same parameters that had learned what a checkpoint says of so many items.
    fn read(&self, bytes: &[u8], items: usize) -> Result<Als, Error> {
        let mut read = self.params.clone().check().expect("they were checked");
        restored(self.name(), bytes, |from| read.read_state(from, items))?;
        Ok(read)
    }

    /// Goes on with what one with the same parameters had learned of so many items, where it has learned nothing yet.
    ///
    /// # Errors
    /// Bytes that were not written so. It is of no use then.
    pub(crate) fn read_state(&mut self, from: &mut Bytes<'_>, items: usize) -> Result<(), Malformed> {
        let factors = self.params.factors;
        self.tally.read(items, from)?;
        let items = self.tally.len();
        self.users = Users::read(from)?;
        for (_, Member { history, vector }) in self.users.iter() {
            let is_known = history.is_about(items, self.params.history);
            if !is_known || !(vector.is_empty() || vector.len() == factors) {
                return Err(from.malformed("what is kept of a user"));
            }
            self.user_count += 1;
            self.kept += history.iter().len();
        }
        let len = from.valid("vectors of items", |len: &usize| *len <= items)?;
        self.vectors = Vectors::read(factors, len, from)?;
        self.lengths = self.vectors.iter().map(length).collect();
        self.user_gram = Gram::read(factors, from)?;
        self.item_gram = Gram::read(factors, from)?;
        for _ in 0..from.len("new items")? {
            let item = from.valid("the number of an item", |item: &u32| (*item as usize) < items)?;
            self.cold.insert(item, read_chosen(from)?);
        }
        self.is_trained = from.read()?;
        self.sweeps_left = from.valid("sweeps", |sweeps: &usize| *sweeps <= self.params.sweeps)?;
        self.news = from.counter("interactions since a sweep")? as usize;
        let stage = u8::read(from)?;
        if stage == 0 {
            return Ok(());
        }
        let (next, worth): (u32, f32) = from.read()?;
        let mut rows = Rows { worth, users: Shared::default() };
        for _ in 0..from.valid("rows of items", |rows: &usize| *rows <= items)? {
            rows.users.push(read_chosen(from)?);
        }
        let is_valid = (0.0..=1.0).contains(&worth) && self.sweeps_left > 0;
        self.sweep = match stage {
            1 if is_valid => Sweep::Users(next, rows),
            2 if is_valid => Sweep::Items(next as usize, rows),
            _ => return Err(from.malformed("a sweep")),
        };
        Ok(())
    }
}

/// Never 0, so that it can be divided by.
fn length(vector: &[f32]) -> f32 {
    dot(vector, vector).sqrt().max(f32::MIN_POSITIVE)
}

/// A length that is not below the true one: more than what rounding takes from a vector of 256 numbers and its products,
/// and squares that are too small for a number.
fn at_most(length: f32) -> f64 {
    1.001 * f64::from(length) + 1e-20
}

/// The reason with the largest share; of equal ones that of the newest item. What was not wanted is no reason.
fn reason(bases: &[Base], share: impl Fn(&Base) -> f32) -> Reason {
    let shares = bases.iter().rev().filter(|base| base.weight > 0.0).map(|base| (share(base), base));
    let largest = shares.max_by(|(a, _), (b, _)| a.total_cmp(b));
    largest.map_or(Reason::Popular, |(_, base)| base.reason.clone())
}

/// What was learned after `now` may be worth more than it ever will be.
fn limited(weight: f32) -> f32 {
    weight.clamp(-WEIGHT_MAX, WEIGHT_MAX)
}

fn read_chosen(from: &mut Bytes<'_>) -> Result<Vec<(u32, f32)>, Malformed> {
    let chosen: Vec<(u32, f32)> = from.read()?;
    let are_weights = chosen.iter().all(|(_, weight)| weight.abs() <= GROWN_MAX);
    if are_weights { Ok(chosen) } else { Err(from.malformed("a weight")) }
}

impl Recommender for Als {
    fn name(&self) -> &str {
        "als"
    }

    fn learn(&mut self, interaction: &Interaction<'_>) {
        if interaction.weight() == 0.0 {
            return;
        }
        let (weight, factor) = self.tally.note(interaction);
        if let Some(factor) = factor {
            self.users.values_mut().for_each(|member| member.history.rescale(factor));
            self.cold.values_mut().flatten().for_each(|(_, weight)| *weight *= factor);
            if let Sweep::Users(_, rows) | Sweep::Items(_, rows) = &mut self.sweep {
                rows.users.iter_mut().flatten().for_each(|(_, weight)| *weight *= factor);
            }
        }
        if weight == 0.0 {
            return;
        }
        let (user, item) = (interaction.user(), interaction.item());
        let is_new = self.users.get(user).is_none();
        let history = &mut self.users.get_or_default(user).history;
        let before = history.iter().len();
        history.push(Past { item, action: interaction.action(), weight }, self.params.history);
        self.kept += history.iter().len() - before;
        self.user_count += usize::from(is_new);
        self.news += 1;
        if self.is_trained && (self.vector(item).is_none() || self.cold.contains_key(&item.number())) {
            self.warm_up(item, user, weight, interaction.at());
        }
    }

    fn recommend(&self, request: &Request<'_>) -> Vec<Recommendation> {
        let (mut bases, current): (Vec<Base>, _) = match request.basis() {
            Basis::User(user) => {
                let Some(Member { history, .. }) = self.users.get(user) else { return Vec::new() };
                let worth = self.tally.worth(request.now());
                let bases = history.iter().map(|Past { item, action, weight }| Base {
                    item,
                    weight: weight * worth,
                    reason: Reason::Because { action, item },
                });
                let current = history.iter().next().map(|past| past.item);
                (bases.collect(), current.filter(|_| !request.allow_repeat()))
            }
            Basis::Session(items) => {
                let bases = items.iter().rev().map(|&item| {
                    let reason = Reason::Because { action: Action::Viewed, item };
                    Base { item, weight: 1.0, reason }
                });
                (bases.collect(), None)
            }
            Basis::Similar(items) => {
                let bases =
                    items.iter().map(|&item| Base { item, weight: 1.0, reason: Reason::Similar { item } });
                return self.similar(&bases.collect::<Vec<_>>(), request);
            }
            Basis::Complementary(_) | Basis::Again(_) | Basis::Popular | Basis::Trending => {
                return Vec::new();
            }
        };
        if bases.is_empty() {
            return Vec::new();
        }
        if !self.is_trained {
            return self.tally.popular(request, current);
        }
        bases.iter_mut().zip(&self.recency).for_each(|(base, recency)| base.weight *= recency);
        self.rank(&bases, request, current)
    }

    fn forget(&mut self, user: u32) {
        if let Some(member) = self.users.take(user) {
            self.user_gram.replace(&member.vector, &[]);
            self.user_count -= 1;
            self.kept -= member.history.iter().len();
            self.news += member.history.iter().len();
        }
        self.cold.values_mut().for_each(|chosen| chosen.retain(|(other, _)| *other != user));
        if let Sweep::Users(_, rows) | Sweep::Items(_, rows) = &mut self.sweep {
            for item in 0..rows.users.len() {
                // What nothing is taken out of is not copied.
                if rows.users[item].iter().any(|(other, _)| *other == user) {
                    rows.users[item].retain(|(other, _)| *other != user);
                }
            }
        }
    }

    /// What the other one did counts as the newest.
    fn absorb(&mut self, absorbed: u32, user: u32) {
        if absorbed == user {
            return;
        }
        let Some(theirs) = self.users.get(absorbed) else { return };
        let oldest_first: Vec<Past> = theirs.history.iter().collect();
        self.forget(absorbed);
        let is_new = self.users.get(user).is_none();
        let history = &mut self.users.get_or_default(user).history;
        let before = history.iter().len();
        oldest_first.into_iter().rev().for_each(|past| history.push(past, self.params.history));
        self.kept += history.iter().len() - before;
        self.user_count += usize::from(is_new);
        self.news += 1;
    }

    fn bytes(&self) -> usize {
        let of_member =
            |member: &Member| member.history.bytes() + member.vector.capacity() * size_of::<f32>();
        let members: usize = self.users.iter().map(|(_, member)| of_member(member)).sum();
        let of_rows = |rows: &Rows| -> usize {
            let of_row = |row: &Vec<(u32, f32)>| size_of_val(row) + row.capacity() * size_of::<(u32, f32)>();
            rows.users.iter().map(of_row).sum()
        };
        let sweep = match &self.sweep {
            Sweep::Idle => 0,
            Sweep::Users(_, rows) | Sweep::Items(_, rows) => of_rows(rows),
        };
        let vectors = self.vectors.bytes() + self.lengths.capacity() * size_of::<f32>();
        let grams = self.user_gram.bytes() + self.item_gram.bytes();
        let cold: usize = self.cold.values().map(|chosen| chosen.capacity() * size_of::<(u32, f32)>()).sum();
        self.tally.bytes() + self.users.bytes() + members + sweep + vectors + grams + cold
    }

    fn tick(&mut self, now: Instant, budget: usize) -> bool {
        (0..budget).all(|_| self.step(now))
            && (!matches!(self.sweep, Sweep::Idle) || self.sweeps_left > 0 || self.news > 0)
    }

    fn checkpoint(&self, out: &mut Vec<u8>) {
        Pieces::all(|pieces| self.write_later(pieces), out);
    }

    fn restore(&mut self, bytes: &[u8], items: &Items) -> Result<(), Error> {
        *self = self.read(bytes, items.len())?;
        Ok(())
    }
}

impl Record for Member {
    fn write(&self, out: &mut Vec<u8>) {
        self.history.write(out);
        self.vector.len().write(out);
        self.vector.iter().for_each(|value| value.write(out));
    }

    fn read(from: &mut Bytes<'_>) -> Result<Member, Malformed> {
        let history = from.read()?;
        let len = from.len("a vector")?;
        Ok(Member { history, vector: read_vector(len, from)? })
    }
}

#[cfg(test)]
#[path = "als_test.rs"]
mod tests;
