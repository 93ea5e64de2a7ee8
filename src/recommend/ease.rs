use crate::model::{Bytes, Duration, Instant, Malformed, Pieces, Record};
use crate::recommend::crowd::CROWD_MAX;
use crate::recommend::error::restored;
use crate::recommend::history::{History, Past};
use crate::recommend::inverse::{Inverse, Tiles};
use crate::recommend::tally::Tally;
use crate::recommend::users::Users;
use crate::recommend::vectors::Vectors;
use crate::recommend::{
    Action, Basis, Error, Interaction, ItemId, Items, QUERY_ITEMS_MAX, Reason, Recommendation, Recommender,
    Request,
};

/// What users who like these items like too, from all that they did: exact, for the best of a catalogue.
///
/// A linear model of the items in a user's history, solved in closed form. `G` says how much items are chosen by the
/// same users: for two interactions of a user of weights `v` and `w` with `d - 1` others of the head between them,
/// `G[i,j] += sqrt(v w) k(d)`. Then `P = (G + λ I)^-1` and `B[i,j] = -P[i,j] / P[j,j]`, which is the best prediction of
/// the choice of `j` from the choices of all other items. The score of `j` is `Σ x_i B[i,j]` over the user's last items,
/// `x_i = sqrt(w) (d + 1)^-recency` at distance `d` from the newest: what was just clicked counts at once. What speaks
/// against an item counts below 0 there, and nowhere else. The reason is the largest term.
///
/// The kernel `k(d) = 1 / (1 + d / reach)`, lowered so that it ends at the window, makes it a model of sequences: what
/// was chosen together in an evening says more than what the same user chose a year apart. (Where every pair counts the
/// same, which is the model of the paper, NDCG@10 of the next item is .083 on the validation part of MovieLens-100k; with
/// recency .125, and with the kernel as well .141.) It falls ever more slowly, so `G` has no eigenvalue below 0 and the
/// inverse exists (Pólya).
///
/// It is solved in [`tick`](Recommender::tick), from what is kept of users at that time, of whom a forgotten one is none.
/// A step is a user counted or a tile of 32 × 32 entries made; beside `users` steps it takes `3/2048 n²`, each of at
/// most `32² n` multiplications, but the first one orders all items and the last one writes `n²` entries. Until it was
/// solved for the first time, users are shown what most chose.
///
/// `learn`: O(1). `recommend`: O(items in the history · n), for `n` items of the head: the best by decayed count.
/// Memory: `4 n²` bytes, while it is being solved half of it more (`n = 4000`: 64 MB and 32 MB); an item 32 bytes, a
/// user 96 and 9 for each interaction that is kept.
///
/// Answers nothing for a [`Basis`] that names neither user nor items like which others are wanted, for a user whom it
/// does not know, and for items beyond the head. What two have learned cannot be merged: all that is known of items
/// follows from the histories of users, who stay where they are.
///
/// References: Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019; closed forms over sequences:
/// Choi, Kim, Lee, Shim and Lee, "Session-aware linear item-item models", WWW 2021.
///
/// ```
/// use bespoke::model::Instant;
/// use bespoke::recommend::{Ease, Interaction, Items, Query, Recommender};
/// let (mut items, now) = (Items::new(), Instant::from_millis(0));
/// let mut ease = Ease::params().ridge(1.0).check()?;
/// for (user, films) in [["alien", "aliens"], ["alien", "aliens"], ["heat", "ronin"], ["heat", "ronin"]].iter().enumerate() {
///     for film in films {
///         ease.learn(&Interaction::new(user as u32, items.intern(film)?, now));
///     }
/// }
/// while ease.tick(now, 100) {}
///
/// // Somebody new watches one film.
/// ease.learn(&Interaction::new(9, items.intern("heat")?, now));
/// let answer = ease.recommend(&Query::for_user().resolve(&items, Some(9), now)?);
/// assert_eq!(answer.len(), 1);
/// assert_eq!(items.name(answer[0].item), Some("ronin"));
/// assert_eq!(answer[0].reason.display(&items).to_string(), "because you viewed heat");
/// # Ok::<(), bespoke::recommend::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Ease {
    params: EaseParams,
    /// `k(d)` by distance.
    kernel: Box<[f32]>,
    /// `(d + 1)^-recency` by distance.
    recency: Box<[f32]>,
    tally: Tally,
    users: Users<History>,
    likeness: Likeness,
    solving: Option<Solving>,
    /// Whether anything was learned or forgotten since what was solved last began to be solved.
    has_news: bool,
    began: Option<Instant>,
}

/// `B`, as it was solved last.
#[derive(Clone, Debug)]
struct Likeness {
    head: Head,
    rows: Vectors,
}

/// The items that a matrix is about.
#[derive(Clone, Debug, Default)]
struct Head {
    items: Vec<ItemId>,
    /// By number of the item, its row; `NONE` where it has none.
    rows: Vec<u32>,
}

const NONE: u32 = u32::MAX;

/// `B`, as it is being solved.
#[derive(Clone, Debug)]
struct Solving {
    head: Head,
    /// What a weight is worth, at the time when it began.
    worth: f32,
    stage: Stage,
}

#[derive(Clone, Debug)]
enum Stage {
    /// The pairs of users from this number on are not yet in `G`.
    Counting(u32, Tiles),
    Inverting(Inverse),
}

/// Parameters of [`Ease`], not yet checked.
///
/// ```
/// use bespoke::recommend::{Ease, Interaction, Items, Query, Recommender};
/// # let (mut items, now) = (Items::new(), bespoke::model::Instant::from_millis(0));
/// let mut ease = Ease::params().items(2).ridge(1.0).check()?; // the two that most chose, and no other
/// for (user, film) in [(1, "heat"), (1, "ronin"), (2, "heat"), (2, "ronin"), (2, "thief")] {
///     ease.learn(&Interaction::new(user, items.intern(film)?, now));
/// }
/// while ease.tick(now, 100) {}
/// for (film, found) in [("heat", 1), ("thief", 0)] {
///     assert_eq!(ease.recommend(&Query::similar_to(film).resolve(&items, None, now)?).len(), found);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct EaseParams {
    half_life: Option<Duration>,
    items: usize,
    history: usize,
    window: usize,
    reach: f64,
    ridge: f64,
    recency: f64,
    every: Duration,
    k_min: usize,
}

impl EaseParams {
    /// After which time an interaction counts half, from a minute to a hundred years. By default nothing fades: what is
    /// kept of a user is short and new enough.
    #[must_use]
    pub fn half_life(mut self, half_life: Duration) -> EaseParams {
        self.half_life = Some(half_life);
        self
    }

    /// At most so many items are in the model, those that most chose; 4,000 by default, to 10,000. Work grows with the
    /// third power, memory with the second.
    #[must_use]
    pub fn items(mut self, items: usize) -> EaseParams {
        self.items = items;
        self
    }

    /// So many of a user's last interactions are kept; 1,000 by default, to 10,000.
    #[must_use]
    pub fn history(mut self, history: usize) -> EaseParams {
        self.history = history;
        self
    }

    /// Interactions of a user that are so far apart, or further, are no pair; 400 by default, to 10,000.
    #[must_use]
    pub fn window(mut self, window: usize) -> EaseParams {
        self.window = window;
        self
    }

    /// At which distance a pair counts about half; 10 by default. A large one makes a model without order.
    #[must_use]
    pub fn reach(mut self, reach: f64) -> EaseParams {
        self.reach = reach;
        self
    }

    /// `λ`, what holds the weights of rare items back; 100 by default. Grows with the number of users.
    #[must_use]
    pub fn ridge(mut self, ridge: f64) -> EaseParams {
        self.ridge = ridge;
        self
    }

    /// How fast a user's earlier items count less, as the power of the distance; 0.75 by default, from 0 to 10. With 0 all
    /// count the same: what the user likes at all, instead of next.
    #[must_use]
    pub fn recency(mut self, recency: f64) -> EaseParams {
        self.recency = recency;
        self
    }

    /// It is solved anew at most so often; an hour by default.
    #[must_use]
    pub fn every(mut self, every: Duration) -> EaseParams {
        self.every = every;
        self
    }

    /// An item is recommended only once so many users have chosen it; 1 by default, to 20. Counted in two bytes and never
    /// too high.
    #[must_use]
    pub fn k_min(mut self, users: usize) -> EaseParams {
        self.k_min = users;
        self
    }

    /// Makes the recommender.
    ///
    /// # Errors
    /// [`Error::Parameter`] names the first parameter that is out of range.
    pub fn check(self) -> Result<Ease, Error> {
        let refuse = |name, found, wanted| Err(Error::Parameter { name, found, wanted });
        for (name, number) in [("items", self.items), ("history", self.history), ("window", self.window)] {
            if !(1..=10_000).contains(&number) {
                return refuse(name, number.to_string(), "from 1 to 10000");
            }
        }
        for (name, number) in [("reach", self.reach), ("ridge", self.ridge)] {
            if !(1e-3..=1e9).contains(&number) {
                return refuse(name, number.to_string(), "from 0.001 to 1000000000");
            }
        }
        if !(0.0..=10.0).contains(&self.recency) {
            return refuse("recency", self.recency.to_string(), "from 0 to 10");
        }
        if self.every < Duration::ZERO {
            return refuse("every", self.every.to_string(), "0 or more");
        }
        if !(1..=CROWD_MAX).contains(&self.k_min) {
            return refuse("k_min", self.k_min.to_string(), "from 1 to 20");
        }
        let end = 1.0 / (1.0 + self.window as f64 / self.reach);
        let near = |distance: usize| 1.0 / (1.0 + distance as f64 / self.reach);
        let kernel = (0..self.window).map(|distance| ((near(distance) - end) / (1.0 - end)) as f32).collect();
        let fading = |distance: usize| libm::pow((distance + 1) as f64, -self.recency) as f32;
        let recency = (0..self.history.max(QUERY_ITEMS_MAX)).map(fading).collect();
        Ok(Ease {
            tally: Tally::new(self.half_life, self.k_min)?,
            params: self,
            kernel,
            recency,
            users: Users::default(),
            likeness: Likeness::none(),
            solving: None,
            has_news: false,
            began: None,
        })
    }
}

impl Default for Ease {
    fn default() -> Ease {
        Ease::params().check().expect("the defaults are in range")
    }
}

impl Head {
    fn new(items: Vec<ItemId>) -> Head {
        let len = items.iter().map(|item| item.index() + 1).max().unwrap_or(0);
        let mut rows = vec![NONE; len];
        (0..).zip(&items).for_each(|(row, item)| rows[item.index()] = row);
        Head { items, rows }
    }

    fn row(&self, item: ItemId) -> Option<usize> {
        self.rows.get(item.index()).filter(|row| **row != NONE).map(|row| *row as usize)
    }

    fn bytes(&self) -> usize {
        self.items.capacity() * size_of::<ItemId>() + self.rows.capacity() * size_of::<u32>()
    }

    /// Reads at most `len_max` items, of so many that there are.
    fn read(from: &mut Bytes<'_>, items: usize, len_max: usize) -> Result<Head, Malformed> {
        let mut head = Vec::new();
        let mut is_there = vec![false; items];
        for _ in 0..from.valid("items of a matrix", |len: &usize| *len <= len_max)? {
            let number = from.valid("the number of an item", |number: &u32| {
                is_there.get(*number as usize).is_some_and(|is_there| !is_there)
            })?;
            is_there[number as usize] = true;
            head.push(ItemId::new(number));
        }
        Ok(Head::new(head))
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.items.len().write(out);
        self.items.iter().for_each(|item| item.number().write(out));
    }
}

impl Likeness {
    /// `B` from `P`.
    fn new(head: Head, inverse: &Tiles) -> Likeness {
        let n = head.items.len();
        let mut rows = Vectors::new(n);
        let diagonal: Vec<f32> = (0..n).map(|row| inverse.get(row, row)).collect();
        // Where the matrix was no sum of ours there may be nothing to divide by, and nothing to say.
        let share = |value: f32, of: f32| Some(value / of).filter(|share| share.is_finite()).unwrap_or(0.0);
        for row in 0..n {
            let values = rows.get_or_zeros(row).iter_mut().zip(&diagonal).enumerate();
            for (column, (value, of)) in values.filter(|(column, _)| *column != row) {
                *value = share(-inverse.get(row.max(column), row.min(column)), *of);
            }
        }
        Likeness { head, rows }
    }

    /// Nothing is like anything.
    fn none() -> Likeness {
        Likeness { head: Head::default(), rows: Vectors::new(0) }
    }

    fn row(&self, item: ItemId) -> Option<&[f32]> {
        self.rows.get(self.head.row(item)?)
    }
}

/// An item that a query rests on.
struct Base {
    item: ItemId,
    weight: f32,
    reason: Reason,
}

impl Ease {
    /// The default parameters.
    #[must_use]
    pub fn params() -> EaseParams {
        EaseParams {
            half_life: None,
            items: 4_000,
            history: 1_000,
            window: 400,
            reach: 10.0,
            ridge: 100.0,
            recency: 0.75,
            every: Duration::hours(1),
            k_min: 1,
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        self.has_news && self.began.is_none_or(|began| now - began >= self.params.every)
    }

    /// Does a step of the work. False where there is none.
    fn step(&mut self, now: Instant) -> bool {
        let Some(Solving { head, worth, stage }) = &mut self.solving else {
            if self.is_due(now) {
                self.begin(now);
            }
            return self.solving.is_some();
        };
        match stage {
            Stage::Counting(from, sums) => match self.users.next_from(*from) {
                Some(user) => {
                    let history = self.users.get(user).expect("one was found at this number");
                    count(history, head, *worth, &self.kernel, sums);
                    match user.checked_add(1) {
                        Some(next) => *from = next,
                        None => self.invert(),
                    }
                }
                None => self.invert(),
            },
            Stage::Inverting(inverse) => {
                if !inverse.step()
                    && let Some(Solving { head, stage: Stage::Inverting(inverse), .. }) = self.solving.take()
                {
                    // The old one goes first: it is as large.
                    self.likeness = Likeness::none();
                    self.likeness = Likeness::new(head, &inverse.into_tiles());
                }
            }
        }
        true
    }

    fn begin(&mut self, now: Instant) {
        let mut items = self.tally.ranking();
        items.truncate(self.params.items);
        // In order of number, so that what is near in one list is near in the other.
        items.sort_unstable();
        let sums = Tiles::zero(items.len());
        let worth = self.tally.worth(now);
        self.solving = Some(Solving { head: Head::new(items), worth, stage: Stage::Counting(0, sums) });
        (self.has_news, self.began) = (false, Some(now));
    }

    fn invert(&mut self) {
        let Some(Solving { stage, .. }) = &mut self.solving else { return };
        let Stage::Counting(_, sums) = stage else { return };
        let (mut sums, ridge) = (std::mem::replace(sums, Tiles::zero(0)), self.params.ridge as f32);
        (0..sums.rows()).for_each(|row| sums.add(row, row, ridge));
        *stage = Stage::Inverting(Inverse::new(sums, ridge / 2.0));
    }

    /// What a user did, newest first.
    fn of_user(&self, history: &History) -> Vec<Base> {
        let largest = history.iter().map(|past| past.weight.abs()).fold(f32::MIN_POSITIVE, f32::max);
        let bases = history.iter().map(|Past { item, action, weight }| Base {
            item,
            weight: (weight.abs() / largest).sqrt().copysign(weight),
            reason: Reason::Because { action, item },
        });
        bases.collect()
    }

    /// `Σ x_i B[i,·]` over the `bases`.
    fn rank(&self, bases: &[Base], request: &Request<'_>, current: Option<ItemId>) -> Vec<Recommendation> {
        let items = &self.likeness.head.items;
        let mut scores = vec![0.0_f32; items.len()];
        for Base { item, weight, .. } in bases {
            if let Some(row) = self.likeness.row(*item) {
                scores.iter_mut().zip(row).for_each(|(score, value)| *score += weight * value);
            }
        }
        let scored = scores.iter().zip(items).map(|(score, item)| (f64::from(*score), *item)).collect();
        let best = self.tally.best(scored, request, current);
        let answer = best.into_iter().map(|(score, item)| {
            let column = self.likeness.head.row(item).expect("only items of the head have scores");
            let term =
                |base: &Base| self.likeness.row(base.item).map_or(0.0, |row| base.weight * row[column]);
            // Of equal terms the first counts: that of the newest item.
            let terms = bases.iter().rev().map(|base| (term(base), base));
            let largest = terms.max_by(|(a, _), (b, _)| a.total_cmp(b));
            let reason = largest.map_or(Reason::Popular, |(_, base)| base.reason.clone());
            Recommendation::new(item, score, reason)
        });
        answer.collect()
    }

    /// What is to be written of it. The parameters are not in it.
    pub(crate) fn write_later(&self, pieces: &mut Pieces) {
        pieces.push_now(|out| self.tally.write(out));
        self.users.write_later(pieces);
        pieces.push_now(|out| {
            (self.has_news, self.began).write(out);
            self.likeness.head.write(out);
        });
        self.likeness.rows.write_later(pieces);
        pieces.push_now(|out| self.solving.is_some().write(out));
        self.solving.iter().for_each(|solving| solving.write_later(pieces));
    }

    /// One with the same parameters that had learned what a checkpoint says of so many items.
    fn read(&self, bytes: &[u8], items: usize) -> Result<Ease, Error> {
        let mut read = self.params.clone().check().expect("they were checked");
        restored(self.name(), bytes, |from| read.read_state(from, items))?;
        Ok(read)
    }

    /// Goes on with what one with the same parameters had learned of so many items, where it has learned nothing yet.
    ///
    /// # Errors
    /// Bytes that were not written so. It is of no use then.
    pub(crate) fn read_state(&mut self, from: &mut Bytes<'_>, items: usize) -> Result<(), Malformed> {
        self.tally.read(items, from)?;
        let items = self.tally.len();
        self.users = Users::read(from)?;
        if !self.users.iter().all(|(_, history)| history.is_about(items, self.params.history)) {
            return Err(from.malformed("what users did"));
        }
        (self.has_news, self.began) = from.read()?;
        let head = Head::read(from, items, self.params.items)?;
        let rows = Vectors::read(head.items.len(), head.items.len(), from)?;
        self.likeness = Likeness { head, rows };
        if from.read()? {
            self.solving = Some(Solving::read(from, items, self.params.items)?);
        }
        Ok(())
    }
}

/// Adds the pairs of a user.
fn count(history: &History, head: &Head, worth: f32, kernel: &[f32], sums: &mut Tiles) {
    let of_head = history.iter().filter(|past| past.weight > 0.0);
    let rows = of_head.filter_map(|past| Some((head.row(past.item)?, (past.weight * worth).sqrt())));
    let mut chosen: Vec<(usize, f32)> = rows.collect();
    // What is asked for again at once, as by a reload, tells nothing new.
    chosen.dedup_by_key(|(row, _)| *row);
    for (place, &(row, weight)) in chosen.iter().enumerate() {
        let earlier = chosen[place..].iter().zip(kernel);
        for (distance, (&(other, other_weight), near)) in earlier.enumerate() {
            // A pair of one item is in both halves of the sum.
            let twice = if row == other && distance > 0 { 2.0 } else { 1.0 };
            sums.add(row, other, twice * near * weight * other_weight);
        }
    }
}

impl Recommender for Ease {
    fn name(&self) -> &str {
        "ease"
    }

    fn learn(&mut self, interaction: &Interaction<'_>) {
        if interaction.weight() == 0.0 {
            return;
        }
        let (weight, factor) = self.tally.note(interaction);
        if let Some(factor) = factor {
            self.users.values_mut().for_each(|history| history.rescale(factor));
        }
        if weight != 0.0 {
            let past = Past { item: interaction.item(), action: interaction.action(), weight };
            self.users.get_or_default(interaction.user()).push(past, self.params.history);
            self.has_news = true;
        }
    }

    fn recommend(&self, request: &Request<'_>) -> Vec<Recommendation> {
        let (mut bases, current) = match request.basis() {
            Basis::User(user) => {
                let Some(history) = self.users.get(user) else { return Vec::new() };
                let current = history.iter().next().map(|past| past.item);
                (self.of_user(history), current.filter(|_| !request.allow_repeat()))
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
                return self.rank(&bases.collect::<Vec<_>>(), request, None);
            }
            Basis::Complementary(_) | Basis::Again(_) | Basis::Popular | Basis::Trending => {
                return Vec::new();
            }
        };
        if bases.is_empty() {
            return Vec::new();
        }
        if self.likeness.head.items.is_empty() {
            return self.tally.popular(request, current);
        }
        bases.retain(|base| self.likeness.head.row(base.item).is_some());
        bases.dedup_by_key(|base| base.item);
        bases.iter_mut().zip(&self.recency).for_each(|(base, recency)| base.weight *= recency);
        self.rank(&bases, request, current)
    }

    fn forget(&mut self, user: u32) {
        self.has_news |= self.users.take(user).is_some();
    }

    /// What the other one did counts as the newest.
    fn absorb(&mut self, absorbed: u32, user: u32) {
        let Some(theirs) = self.users.take(absorbed).filter(|_| absorbed != user) else { return };
        let own = self.users.get_or_default(user);
        let oldest_first: Vec<Past> = theirs.iter().collect();
        oldest_first.into_iter().rev().for_each(|past| own.push(past, self.params.history));
        self.has_news = true;
    }

    fn bytes(&self) -> usize {
        let solving = self.solving.as_ref().map_or(0, Solving::bytes);
        let histories: usize = self.users.iter().map(|(_, history)| history.bytes()).sum();
        let likeness = self.likeness.head.bytes() + self.likeness.rows.bytes();
        self.tally.bytes() + self.users.bytes() + histories + likeness + solving
    }

    fn tick(&mut self, now: Instant, budget: usize) -> bool {
        (0..budget).all(|_| self.step(now)) && (self.solving.is_some() || self.is_due(now))
    }

    fn checkpoint(&self, out: &mut Vec<u8>) {
        Pieces::all(|pieces| self.write_later(pieces), out);
    }

    fn restore(&mut self, bytes: &[u8], items: &Items) -> Result<(), Error> {
        *self = self.read(bytes, items.len())?;
        Ok(())
    }
}

impl Solving {
    fn bytes(&self) -> usize {
        let stage = match &self.stage {
            Stage::Counting(_, sums) => sums.bytes(),
            Stage::Inverting(inverse) => inverse.bytes(),
        };
        self.head.bytes() + stage
    }

    /// What is to be written of it.
    fn write_later(&self, pieces: &mut Pieces) {
        pieces.push_now(|out| {
            self.head.write(out);
            self.worth.write(out);
            match &self.stage {
                Stage::Counting(user, _) => (true, *user).write(out),
                Stage::Inverting(_) => false.write(out),
            }
        });
        match &self.stage {
            Stage::Counting(_, sums) => sums.write_later(pieces),
            Stage::Inverting(inverse) => inverse.write_later(pieces),
        }
    }

    fn read(from: &mut Bytes<'_>, items: usize, head_max: usize) -> Result<Solving, Malformed> {
        let head = Head::read(from, items, head_max)?;
        let worth = from.valid("what a weight is worth", |worth: &f32| (0.0..=1.0).contains(worth))?;
        let stage = if from.read()? {
            Stage::Counting(from.read()?, Tiles::read(from)?)
        } else {
            Stage::Inverting(Inverse::read(from)?)
        };
        let rows = match &stage {
            Stage::Counting(_, sums) => sums.rows(),
            Stage::Inverting(inverse) => inverse.tiles().rows(),
        };
        if rows != Tiles::rows_for(head.items.len()) {
            return Err(from.malformed("tiles of a matrix"));
        }
        Ok(Solving { head, worth, stage })
    }
}

#[cfg(test)]
#[path = "ease_test.rs"]
mod tests;
