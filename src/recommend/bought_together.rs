use crate::model::{Bytes, Duration, Instant, Malformed, Pieces, Record, SUM_MAX, Shared};
use crate::recommend::baskets::{Basket, Baskets};
use crate::recommend::crowd::{CROWD_MAX, Size};
use crate::recommend::decay::ForwardDecay;
use crate::recommend::error::restored;
use crate::recommend::row::Row;
use crate::recommend::{
    Action, Basis, Error, Interaction, ItemId, Items, Reason, Recommendation, Recommender, Request,
};
use hashbrown::HashMap;
use serde::Serialize;
use std::cmp::Ordering;

/// `z` of the Wilson bound: nine of ten such bounds hold.
const WILSON_Z: f64 = 1.2816;

/// Items that are bought together: what goes with a basket.
///
/// What one user bought within [`basket_gap`](BoughtTogetherParams::basket_gap) is a basket: the lines of an order, or
/// orders shortly after one another. Of every two of its items it counts, decayed, that they were bought together, `n_ij`,
/// beside the baskets of each item, `n_i`, and of all, `N`. An item `j` goes with `i` where
/// - the pair was seen often enough: `n_ij ≥` [`pairs_min`](BoughtTogetherParams::pairs_min),
/// - and more often than chance would have it for certain: the lower Wilson bound (90 %) of `n_ij / n_i` is above
///   `n_j / N`.
///
/// A pair scores `lift^a · n_ij / n_i`, `lift = n_ij N / (n_i n_j)`, and an item the sum over the items of the basket; the
/// reason is the largest term. The [power](BoughtTogetherParams::lift) `a` says how much what goes with everything is
/// held back.
///
/// Answers [`Basis::Complementary`] only. Learns from [`Action::Bought`] only, and each item of a basket once.
///
/// `learn`: O(items of the basket · [`neighbours`](BoughtTogetherParams::neighbours)). `recommend`: O(items ·
/// neighbours). Memory: 56 bytes an item, 8 or with [`k_min`](BoughtTogetherParams::k_min) 10 for each neighbour; open
/// baskets at most 2 MB.
///
/// References: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927; the lift is from
/// Brin et al., "Dynamic itemset counting and implication rules for market basket data", SIGMOD 1997.
///
/// ```
/// use bespoke::model::{Duration, Instant};
/// use bespoke::recommend::{Action, BoughtTogether, Interaction, Items, Query, Recommender};
/// let (mut items, mut now) = (Items::new(), Instant::from_millis(0));
/// let mut baskets = BoughtTogether::default();
/// for user in 0..40 {
///     now = now + Duration::hours(1);
///     let basket = if user % 2 == 0 { ["boot-7", "wax-1"] } else { ["tent-2", "rope-3"] };
///     for sku in basket {
///         baskets.learn(&Interaction::new(user, items.intern(sku)?, now).with_action(Action::Bought));
///     }
/// }
/// let answer = baskets.recommend(&Query::complementary_to(["boot-7"]).resolve(&items, None, now)?);
/// assert_eq!(answer.len(), 1);
/// assert_eq!(items.name(answer[0].item), Some("wax-1"));
/// assert_eq!(answer[0].reason.display(&items).to_string(), "often bought with boot-7");
/// # Ok::<(), bespoke::recommend::Error>(())
/// ```
#[derive(Clone, Debug, Serialize)]
pub struct BoughtTogether {
    params: BoughtTogetherParams,
    decay: ForwardDecay,
    /// By number of the item.
    rows: Rows,
    /// `N`
    baskets: f64,
    open: Baskets,
}

/// A chunk takes some 25 KB where rows are full.
type Rows = Shared<ItemRow, 16>;

/// What is known of an item `i`.
#[derive(Clone, Debug, Serialize)]
struct ItemRow {
    /// `n_ij` for the heaviest `j`.
    neighbours: Row,
    /// `n_i`
    baskets: f64,
    newest: Instant,
}

const UNSEEN: Instant = Instant::MIN;

/// Parameters of [`BoughtTogether`], not yet checked.
///
/// ```
/// use bespoke::recommend::{Action, BoughtTogether, Interaction, Items, Query, Recommender};
/// # let (mut items, now) = (Items::new(), bespoke::model::Instant::from_millis(0));
/// # let mut lines = Vec::new();
/// # let (boot, tent) = (["boot-7", "wax-1"], ["tent-2", "rope-3"]);
/// # for (user, basket) in (0..).zip([boot, boot, tent, tent]) {
/// #     for sku in basket { lines.push(Interaction::new(user, items.intern(sku)?, now).with_action(Action::Bought)) }
/// # }
/// // The boot and the wax were in two baskets, of four in all: enough for a small shop, too few by default.
/// for (pairs_min, found) in [(2.0, 1), (3.0, 0)] {
///     let mut shop = BoughtTogether::params().pairs_min(pairs_min).check()?;
///     lines.iter().for_each(|line| shop.learn(line));
///     let basket = Query::complementary_to(["boot-7"]);
///     assert_eq!(shop.recommend(&basket.resolve(&items, None, now)?).len(), found);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BoughtTogetherParams {
    half_life: Duration,
    basket_gap: Duration,
    neighbours: usize,
    pairs_min: f64,
    lift: f64,
    k_min: usize,
}

impl BoughtTogetherParams {
    /// After which time a basket counts half; 180 d by default, from a minute to a hundred years.
    #[must_use]
    pub fn half_life(mut self, half_life: Duration) -> BoughtTogetherParams {
        self.half_life = half_life;
        self
    }

    /// A pause longer than this ends a basket; 30 min by default, at most 31 d.
    #[must_use]
    pub fn basket_gap(mut self, gap: Duration) -> BoughtTogetherParams {
        self.basket_gap = gap;
        self
    }

    /// At most so many items are kept beside each item, the heaviest; 200 by default.
    #[must_use]
    pub fn neighbours(mut self, neighbours: usize) -> BoughtTogetherParams {
        self.neighbours = neighbours;
        self
    }

    /// In how many baskets two items have to have been together, decayed; 3 by default.
    #[must_use]
    pub fn pairs_min(mut self, baskets: f64) -> BoughtTogetherParams {
        self.pairs_min = baskets;
        self
    }

    /// `a`, the power of the lift; .3 by default, from 0 (what is bought most beside it) to 2 (what is bought beside
    /// little else).
    #[must_use]
    pub fn lift(mut self, power: f64) -> BoughtTogetherParams {
        self.lift = power;
        self
    }

    /// An item is recommended beside another only where at least so many users bought both; 1 by default, to 20.
    #[must_use]
    pub fn k_min(mut self, users: usize) -> BoughtTogetherParams {
        self.k_min = users;
        self
    }

    /// Makes the recommender.
    ///
    /// # Errors
    /// [`Error::Parameter`] names the first parameter that is out of range.
    pub fn check(self) -> Result<BoughtTogether, Error> {
        let decay = ForwardDecay::new(self.half_life)?;
        let refuse = |name, found, wanted| Err(Error::Parameter { name, found, wanted });
        if !(Duration::ZERO..=Duration::days(31)).contains(&self.basket_gap) {
            return refuse("basket_gap", self.basket_gap.to_string(), "from 0 to `31d`");
        }
        if !(1..=10_000).contains(&self.neighbours) {
            return refuse("neighbours", self.neighbours.to_string(), "from 1 to 10000");
        }
        if !(0.0..=1e6).contains(&self.pairs_min) {
            return refuse("pairs_min", self.pairs_min.to_string(), "from 0 to 1e6");
        }
        if !(0.0..=2.0).contains(&self.lift) {
            return refuse("lift", self.lift.to_string(), "from 0 to 2");
        }
        if !(1..=CROWD_MAX).contains(&self.k_min) {
            return refuse("k_min", self.k_min.to_string(), "from 1 to 20");
        }
        Ok(BoughtTogether {
            params: self,
            decay,
            rows: Rows::default(),
            baskets: 0.0,
            open: Baskets::default(),
        })
    }
}

impl Default for BoughtTogether {
    fn default() -> BoughtTogether {
        BoughtTogether::params().check().expect("the defaults are in range")
    }
}

/// The larger of a share's terms.
struct Candidate {
    sum: f64,
    largest: f64,
    because: ItemId,
}

impl BoughtTogether {
    /// The default parameters.
    #[must_use]
    pub fn params() -> BoughtTogetherParams {
        BoughtTogetherParams {
            half_life: Duration::days(180),
            basket_gap: Duration::minutes(30),
            neighbours: 200,
            pairs_min: 3.0,
            lift: 0.3,
            k_min: 1,
        }
    }

    fn crowd(&self) -> Size {
        Size::new(self.params.k_min)
    }

    fn make_room(&mut self, item: ItemId) {
        let unseen = ItemRow { neighbours: Row::default(), baskets: 0.0, newest: UNSEEN };
        self.rows.fill_up(item.index() + 1, &unseen);
    }

    fn rescale(&mut self, factor: f64) {
        self.baskets *= factor;
        for row in self.rows.iter_mut() {
            row.neighbours.rescale(factor as f32);
            row.baskets *= factor;
        }
    }

    /// Makes an interaction countable, and notes that the item was bought.
    fn note(&mut self, item: ItemId, at: Instant) {
        if let Some(factor) = self.decay.advance(at) {
            self.rescale(factor);
        }
        self.make_room(item);
        let newest = &mut self.rows[item.index()].newest;
        *newest = at.max(*newest);
    }

    /// Counts an item of a basket beside those that were in it before.
    fn count(&mut self, before: &[ItemId], interaction: &Interaction<'_>) {
        let (item, user) = (interaction.item(), interaction.user());
        let amount = self.decay.weight(interaction.at());
        let (kept, size, len_max) = (amount as f32, self.crowd(), self.params.neighbours);
        if kept <= 0.0 {
            return; // from a past so distant that it counts nothing
        }
        if before.is_empty() {
            self.baskets += amount;
        }
        self.rows[item.index()].baskets += amount;
        for &other in before {
            self.rows[item.index()].neighbours.add(other, kept, len_max, (user, size));
            self.rows[other.index()].neighbours.add(item, kept, len_max, (user, size));
        }
    }

    /// The opposite of [`count`](BoughtTogether::count).
    fn discount(&mut self, before: &[ItemId], interaction: &Interaction<'_>) {
        let (item, behind) = (interaction.item(), (interaction.user(), self.crowd()));
        let amount = self.decay.weight(interaction.at());
        let kept = amount as f32;
        if kept <= 0.0 || item.index() >= self.rows.len() {
            return;
        }
        if before.is_empty() {
            self.baskets = (self.baskets - amount).max(0.0);
        }
        let baskets = &mut self.rows[item.index()].baskets;
        *baskets = (*baskets - amount).max(0.0);
        for &other in before {
            for (of, with) in [(item, other), (other, item)] {
                if let Some(row) = self.rows.get_mut(of.index()) {
                    row.neighbours.subtract(with, kept, behind);
                }
            }
        }
    }

    /// The user's interactions as they fell into baskets: each with what was in the basket before. Of a basket that may
    /// have begun before `known_from` nothing is told.
    fn walk<'i>(
        &self,
        interactions: &[Interaction<'i>],
        known_from: Instant,
        mut each: impl FnMut(&[ItemId], &Interaction<'i>),
    ) {
        let gap = self.params.basket_gap;
        let mut basket = (known_from == Instant::MIN).then(Basket::default);
        let mut newest = known_from;
        for interaction in interactions.iter().filter(|interaction| is_bought(interaction)) {
            if basket.is_none() && interaction.at() - newest > gap {
                basket = Some(Basket::default());
            }
            newest = newest.max(interaction.at());
            let Some(basket) = &mut basket else { continue };
            if let Some(before) = basket.add(interaction.item(), interaction.at(), gap) {
                each(before, interaction);
            }
        }
    }

    /// Takes back what a user's interactions taught: those at `known_from` or later, all of them, in the order in which
    /// they were learned. Exact but for the rounding of sums, as long as no row has been full.
    pub(crate) fn unlearn(&mut self, interactions: &[Interaction<'_>], known_from: Instant) {
        let mut steps: Vec<(Vec<ItemId>, Interaction<'_>)> = Vec::new();
        self.walk(interactions, known_from, |before, interaction| {
            steps.push((before.to_vec(), *interaction));
        });
        steps.iter().for_each(|(before, interaction)| self.discount(before, interaction));
    }

    /// Learns what was [taken back](BoughtTogether::unlearn) elsewhere. What is open of it is not known.
    pub(crate) fn relearn(&mut self, interactions: &[Interaction<'_>], known_from: Instant) {
        let mut steps: Vec<(Vec<ItemId>, Interaction<'_>)> = Vec::new();
        self.walk(interactions, known_from, |before, interaction| {
            steps.push((before.to_vec(), *interaction));
        });
        for (before, interaction) in &steps {
            before.iter().for_each(|item| self.make_room(*item));
            self.note(interaction.item(), interaction.at());
            self.count(before, interaction);
        }
    }

    /// How much `j` goes with `i`, or nothing where that is not certain.
    fn score(&self, together: f64, of_i: f64, of_j: f64, baskets: f64) -> Option<f64> {
        if together < self.params.pairs_min || of_i <= 0.0 || of_j <= 0.0 {
            return None;
        }
        // Space-saving gives a pair too much rather than too little, and rounding may as well.
        let share = (together / of_i).min(1.0);
        let by_chance = of_j / baskets;
        // False also where there is nothing to divide by.
        let is_certain = wilson(share, of_i) > by_chance && by_chance > 0.0;
        let score = || libm::pow(share / by_chance, self.params.lift) * share;
        is_certain.then(score).filter(|score| score.is_finite())
    }

    /// What is to be written of what was learned; the parameters are not in it.
    pub(crate) fn write_later(&self, pieces: &mut Pieces) {
        pieces.push_now(|out| {
            self.decay.write(out);
            self.baskets.write(out);
            self.rows.len().write(out);
        });
        let write = |ItemRow { neighbours, baskets, newest }: &ItemRow, out: &mut Vec<u8>| {
            neighbours.write(out);
            (*baskets, *newest).write(out);
        };
        self.rows.write_later(0, write, pieces);
        pieces.push_now(|out| self.open.write(out));
    }

    /// Takes over what one with the same parameters had learned about items, of which there are so many.
    ///
    /// # Errors
    /// Bytes that were not written so, or that are about items which there are not. Nothing is taken over then.
    pub(crate) fn read_state(&mut self, from: &mut Bytes<'_>, items: usize) -> Result<(), Malformed> {
        let mut decay = self.decay;
        decay.read(from)?;
        let baskets = from.weight("a number of baskets")?;
        let len = from.valid("rows of items", |len: &usize| *len <= items)?;
        let mut rows = Rows::default();
        for _ in 0..len {
            let neighbours = Row::read(from, self.params.neighbours, len, self.crowd())?;
            rows.push(ItemRow {
                neighbours,
                baskets: from.weight("a number of baskets")?,
                newest: from.read()?,
            });
        }
        let open = Baskets::read(from, len)?;
        (self.decay, self.baskets, self.rows, self.open) = (decay, baskets, rows, open);
        Ok(())
    }

    fn read(&self, bytes: &[u8], items: usize) -> Result<BoughtTogether, Error> {
        let mut read = self.params.clone().check().expect("they were checked");
        restored(self.name(), bytes, |from| read.read_state(from, items))?;
        Ok(read)
    }
}

fn is_bought(interaction: &Interaction<'_>) -> bool {
    interaction.action() == Action::Bought && interaction.weight() > 0.0
}

/// The lower end of the interval in which a share lies that was seen in `n` cases.
fn wilson(share: f64, n: f64) -> f64 {
    let z = WILSON_Z * WILSON_Z / n;
    let spread = (share * (1.0 - share) / n + z / (4.0 * n)).max(0.0).sqrt();
    (share + z / 2.0 - WILSON_Z * spread) / (1.0 + z)
}

impl Recommender for BoughtTogether {
    fn name(&self) -> &str {
        "bought-together"
    }

    fn learn(&mut self, interaction: &Interaction<'_>) {
        if !is_bought(interaction) {
            return;
        }
        let (item, at) = (interaction.item(), interaction.at());
        self.note(item, at);
        let before = self.open.add(interaction.user(), item, at, self.params.basket_gap);
        if let Some(before) = before {
            self.count(&before, interaction);
        }
    }

    fn recommend(&self, request: &Request<'_>) -> Vec<Recommendation> {
        let Basis::Complementary(named) = request.basis() else { return Vec::new() };
        let (worth, crowd) = (self.decay.worth(request.now()), self.crowd());
        let mut candidates: HashMap<ItemId, Candidate, ahash::RandomState> = HashMap::default();
        for &because in named {
            let Some(row) = self.rows.get(because.index()) else { continue };
            for (item, together) in row.neighbours.iter_enough(crowd) {
                let of_j = self.rows[item.index()].baskets;
                let together = f64::from(together) * worth;
                let score = self.score(together, row.baskets * worth, of_j * worth, self.baskets * worth);
                let Some(score) = score else { continue };
                let empty = || Candidate { sum: 0.0, largest: 0.0, because };
                let candidate = candidates.entry(item).or_insert_with(empty);
                candidate.sum += score;
                if score > candidate.largest {
                    (candidate.largest, candidate.because) = (score, because);
                }
            }
        }
        let mut ranked: Vec<(ItemId, Candidate)> = candidates.into_iter().collect();
        let newest = |item: ItemId| self.rows[item.index()].newest;
        let order = |(a, one): &(ItemId, Candidate), (b, other): &(ItemId, Candidate)| -> Ordering {
            let scores = other.sum.total_cmp(&one.sum);
            scores.then_with(|| newest(*b).cmp(&newest(*a))).then_with(|| a.cmp(b))
        };
        ranked.sort_unstable_by(order);
        let admitted = ranked.into_iter().filter(|(item, _)| request.admits(*item)).take(request.limit());
        let shown = admitted.map(|(item, Candidate { sum, because, .. })| {
            Recommendation::new(item, sum, Reason::BoughtWith { item: because })
        });
        shown.collect()
    }

    fn forget(&mut self, user: u32) {
        self.open.forget(user);
    }

    fn bytes(&self) -> usize {
        let neighbours: usize = self.rows.iter().map(|row| row.neighbours.bytes()).sum();
        self.rows.bytes() + neighbours + self.open.bytes()
    }

    fn checkpoint(&self, out: &mut Vec<u8>) {
        Pieces::all(|pieces| self.write_later(pieces), out);
    }

    fn restore(&mut self, bytes: &[u8], items: &Items) -> Result<(), Error> {
        *self = self.read(bytes, items.len())?;
        Ok(())
    }

    fn merge(&mut self, bytes: &[u8], items: &[ItemId]) -> Result<(), Error> {
        let other = self.read(bytes, items.len())?;
        let (rescaled, factor) = self.decay.take_in(&other.decay);
        if let Some(factor) = rescaled {
            self.rescale(factor);
        }
        self.baskets = (self.baskets + other.baskets * factor).min(SUM_MAX);
        let (len_max, size) = (self.params.neighbours, self.crowd());
        for (row, &item) in other.rows.iter().zip(items).filter(|(row, _)| row.newest != UNSEEN) {
            self.make_room(item);
            let own = &mut self.rows[item.index()];
            own.baskets = (own.baskets + row.baskets * factor).min(SUM_MAX);
            own.newest = own.newest.max(row.newest);
            for (neighbour, weight, behind) in row.neighbours.entries() {
                let (neighbour, weight) = (items[neighbour.index()], (f64::from(weight) * factor) as f32);
                if weight > 0.0 {
                    self.make_room(neighbour);
                    self.rows[item.index()].neighbours.merge(neighbour, weight, behind, len_max, size);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "bought_together_test.rs"]
mod tests;
