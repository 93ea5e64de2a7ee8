//! Cold items: what nobody has touched shows where its likes do, and gives way to evidence.

mod index;
mod nearest;
#[cfg(test)]
mod tests;
mod vector;

use crate::model::{Bytes, Malformed, Pieces, Record, Shared};
use crate::recommend::error::restored;
use crate::recommend::{
    Basis, Error, Interaction, ItemId, Items, Reason, Recommendation, Recommender, Request,
};
use ahash::RandomState;
use hashbrown::HashMap;
use index::{Index, Like, Pool, Pools};
use nearest::Nearest;
use smallvec::SmallVec;
use std::cmp::Ordering;

/// An item is cold as long as at least this share of what is believed of it comes from its twins.
const COLD_SHARE: f64 = 0.25;
/// How many of the best items of an answer bring the cold items that are like them.
const BRING: usize = 20;
/// How many cold items each of them brings, of which some may be sold out.
const BROUGHT: usize = 30;
/// Of how many of those the twins are looked up.
const COLD_MAX: usize = 32;
/// How many items of a session count, and how much each beside the one after it.
const SESSION_MAX: usize = 10;
const POSITION_DECAY: f64 = 0.7;

/// Content twins: which items are alike by what they are, so that an item which nobody has touched shows where its likes
/// do.
///
/// Items are [described](Twins::describe) by tags (values of attributes) and by a vector of the host's. Two of them are as
/// alike as the cosine of their vectors, where both have one, or else of their tags, each weighted by how rare it is:
/// `ln(2 N / n)` where `n` of `N` described items have it; what one item alone has counts nothing.
///
/// [`with_cold`](Twins::with_cold) adds cold items to an answer that rests on what users did. The twins of an item are the
/// ten most alike ones that anybody touched, and what it is worth is what they are on average, each as much as it is alike:
/// `κ / (κ + n) · Σ likeness (likeness · score) / Σ likeness`, where `n` counts how often it was touched, and a twin that is
/// not in the answer scores 0. So an item that has a little in common with everything comes nowhere in particular, and κ
/// touches halve what twins say. An item that was touched 3 κ times is cold no more.
///
/// As a [`Recommender`] it answers [`Basis::Similar`] and [`Basis::Session`] by content alone, and what little is known of
/// an item of the query weighs most: each counts `κ / (κ + n)`. It answers nothing else, and keeps nothing of users.
///
/// What is described is no part of a checkpoint: whoever knows the items describes them again, in whatever order. Only
/// how often each was touched is.
///
/// Costs: `learn` O(1), and O(tags · log) where an item ceases to be cold. [`describe`](Twins::describe) O(tags · log), and
/// 64 times the length of a vector. [`twins`](Twins::twins) looks at 256 entries of lists of the rarest features in each of
/// both pools, tens of microseconds. `with_cold` does so for at most 52 items, and remembers it until items are described
/// or cease to be cold; then it costs microseconds. Memory: 4 bytes an item that was touched; for each that is described
/// about 70, and 8 for each tag, with a vector its length and 130; 150 for each tag that anything has.
///
/// References: the prior is a regression on the nearest neighbours (Nadaraya and Watson, 1964), and its weight that of a
/// Bayesian average.
///
/// ```
/// use bespoke::model::Instant;
/// use bespoke::recommend::{CoVisitation, Interaction, Items, Query, Recommender, Twins};
/// let (mut items, now) = (Items::new(), Instant::from_millis(0));
/// let (mut together, mut twins) = (CoVisitation::default(), Twins::default());
/// for (user, sku) in [(1, "sock-1"), (1, "boot-7"), (2, "sock-1"), (2, "hat-2")] {
///     let seen = Interaction::new(user, items.intern(sku)?, now);
///     together.learn(&seen);
///     twins.learn(&seen);
/// }
/// for (sku, category) in [("boot-7", "boots"), ("hat-2", "hats"), ("boot-8", "boots")] {
///     twins.describe(items.intern(sku)?, [("category", category)], None);
/// }
/// let query = Query::similar_to("sock-1");
/// let request = query.resolve(&items, None, now)?;
/// let answer = twins.with_cold(together.recommend(&request), &request);
/// let shown: Vec<_> = answer.iter().filter_map(|r| items.name(r.item)).collect();
/// assert_eq!(shown, ["boot-7", "hat-2", "boot-8"]); // as good as its twin
/// assert_eq!(answer[2].reason.display(&items).to_string(), "new to most, and similar to boot-7");
/// # Ok::<(), bespoke::recommend::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Twins {
    params: TwinsParams,
    index: Index,
    /// How often each item was touched, by its number, up to the last one that was.
    touches: Shared<u32, 4_096>,
    nearest: Nearest,
}

/// Parameters of [`Twins`], not yet checked.
///
/// ```
/// use bespoke::recommend::{Interaction, Recommender, Twins};
/// # let (mut items, now) = (bespoke::recommend::Items::new(), bespoke::model::Instant::from_millis(0));
/// # let boot = items.intern("boot-7")?;
/// let (mut cautious, mut quick) = (Twins::default(), Twins::params().kappa(4.0).check()?);
/// for user in 0..20 {
///     cautious.learn(&Interaction::new(user, boot, now));
///     quick.learn(&Interaction::new(user, boot, now));
/// }
/// // What is believed of an item that twenty have touched: half from its twins, or a sixth.
/// assert_eq!((cautious.coldness(boot), quick.coldness(boot)), (20.0 / 40.0, 4.0 / 24.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TwinsParams {
    kappa: f64,
    twins: usize,
}

impl TwinsParams {
    /// After how many touches an item's own evidence counts as much as its twins; 20 by default, from 0, by which no item
    /// is cold, to a million.
    #[must_use]
    pub fn kappa(mut self, kappa: f64) -> TwinsParams {
        self.kappa = kappa;
        self
    }

    /// Of how many twins the scores are averaged; 10 by default, from 1 to 100.
    #[must_use]
    pub fn twins(mut self, twins: usize) -> TwinsParams {
        self.twins = twins;
        self
    }

    /// Makes the recommender.
    ///
    /// # Errors
    /// [`Error::Parameter`] names the first parameter that is out of range.
    pub fn check(self) -> Result<Twins, Error> {
        let refuse = |name, found, wanted| Err(Error::Parameter { name, found, wanted });
        if !(0.0..=1e6).contains(&self.kappa) {
            return refuse("kappa", self.kappa.to_string(), "from 0 to 1000000");
        }
        if !(1..=100).contains(&self.twins) {
            return refuse("twins", self.twins.to_string(), "from 1 to 100");
        }
        Ok(Twins {
            params: self,
            index: Index::default(),
            touches: Shared::default(),
            nearest: Nearest::default(),
        })
    }
}

impl Default for Twins {
    fn default() -> Twins {
        Twins::params().check().expect("the defaults are in range")
    }
}

impl Twins {
    /// The default parameters.
    #[must_use]
    pub fn params() -> TwinsParams {
        TwinsParams { kappa: 20.0, twins: 10 }
    }

    /// Says what an item is, in place of what was said before: values of attributes, of which the first 64 count, and a
    /// vector. One that has neither is described no more, and so is a vector of which nothing can be said: without
    /// direction, or with what is no number.
    pub fn describe<'t>(
        &mut self,
        item: ItemId,
        tags: impl IntoIterator<Item = (&'t str, &'t str)>,
        vector: Option<&[f32]>,
    ) {
        let pools = self.pools(self.touches(item));
        self.index.describe(item, tags, vector, pools);
    }

    /// Takes away what was said of an item; of an unknown one nothing was. How often it was touched stays.
    pub fn withdraw(&mut self, item: ItemId) {
        self.index.withdraw(item);
    }

    /// Whether any item can be cold.
    pub(crate) fn is_in_use(&self) -> bool {
        self.params.kappa > 0.0
    }

    /// One with other parameters that knows how often items were touched, but not what they are.
    ///
    /// # Errors
    /// [`Error::Parameter`] as [`TwinsParams::check`].
    pub(crate) fn undescribed(&self, params: &TwinsParams) -> Result<Twins, Error> {
        Ok(Twins { touches: self.touches.clone(), ..params.clone().check()? })
    }

    /// Takes away what was said of every item.
    pub fn withdraw_all(&mut self) {
        self.index = Index::default();
        self.nearest = Nearest::default();
    }

    /// How many items are described.
    #[must_use]
    pub fn described(&self) -> usize {
        self.index.len()
    }

    /// How often an item was touched.
    #[must_use]
    pub fn touches(&self, item: ItemId) -> u32 {
        self.touches.get(item.index()).copied().unwrap_or(0)
    }

    /// How much of what is believed of an item comes from its twins: 1 where nobody touched it, towards 0.
    #[must_use]
    pub fn coldness(&self, item: ItemId) -> f64 {
        self.share(self.touches(item))
    }

    fn share(&self, touches: u32) -> f64 {
        let kappa = self.params.kappa;
        if kappa > 0.0 { kappa / (kappa + f64::from(touches)) } else { 0.0 }
    }

    fn pools(&self, touches: u32) -> Pools {
        Pools { touched: touches > 0, cold: self.share(touches) >= COLD_SHARE }
    }

    /// The items most like one, and how alike they are: above 0, at most 1. Best first, then the lower number.
    ///
    /// Where more than 256 touched items, or as many cold ones, share anything with it, those are looked at that share
    /// most or what is rarest.
    #[must_use]
    pub fn twins(&self, item: ItemId, limit: usize) -> Vec<(ItemId, f64)> {
        let mut twins = self.alike(item);
        twins.truncate(limit);
        twins.into_iter().map(|like| (like.item, like.likeness)).collect()
    }

    /// All that were found in both pools.
    fn alike(&self, item: ItemId) -> Vec<Like> {
        let mut all = self.index.nearest(item, Pool::Touched, usize::MAX);
        all.extend(self.index.nearest(item, Pool::Cold, usize::MAX));
        all.sort_unstable_by(|a, b| b.likeness.total_cmp(&a.likeness).then_with(|| a.item.cmp(&b.item)));
        all.dedup_by_key(|like| like.item);
        all
    }

    /// Counts an interaction less. What speaks against an item was not counted.
    pub(crate) fn unlearn(&mut self, interactions: &[Interaction<'_>]) {
        for interaction in interactions.iter().filter(|interaction| interaction.weight() > 0.0) {
            let item = interaction.item();
            self.set_touches(item, self.touches(item).saturating_sub(1));
        }
    }

    fn set_touches(&mut self, item: ItemId, touches: u32) {
        let before = self.touches(item);
        if before == touches {
            return;
        }
        self.touches.fill_up(item.index() + 1, &0);
        self.touches[item.index()] = touches;
        while self.touches.len().checked_sub(1).is_some_and(|last| self.touches[last] == 0) {
            self.touches.pop();
        }
        let pools = self.pools(touches);
        if pools != self.pools(before) {
            self.index.put_into(item, pools);
        }
    }

    /// Adds the cold items to an answer that are like the best of it, as the request admits them: at most 32, and of them
    /// at most as many as the request has room for. An item that is in it already keeps its score where that is better.
    ///
    /// Ask for an answer that is deeper than what is to be shown: what is not in it scores 0, so what may not be shown brings
    /// nothing either. See [`Twins`] for the score and the cost.
    #[must_use]
    pub fn with_cold(&self, mut answer: Vec<Recommendation>, request: &Request<'_>) -> Vec<Recommendation> {
        if self.index.len() == 0 {
            answer.truncate(request.limit());
            return answer;
        }
        let places: HashMap<ItemId, usize, RandomState> =
            answer.iter().enumerate().map(|(place, shown)| (shown.item, place)).collect();
        let brought = self.brought(&answer[..answer.len().min(BRING)], request);
        let twins = self.nearest.of(&self.index, &brought, Pool::Touched, self.params.twins);
        let priors = brought.into_iter().zip(twins).filter_map(|(item, twins)| {
            let (score, twin) = self.prior(item, &twins, &answer, &places)?;
            Some(Recommendation::new(item, score, Reason::NewLike { item: twin }))
        });
        // All of them are worth what the answer says, and not what becomes of it.
        let priors: Vec<Recommendation> = priors.collect();
        let is_same = priors.is_empty();
        for prior in priors {
            match places.get(&prior.item).map(|place| &mut answer[*place]) {
                Some(known) if known.score < prior.score => *known = prior,
                Some(_) => {}
                None => answer.push(prior),
            }
        }
        if !is_same {
            // Of equal ones those that users chose come first, in their order, and then those that are most alike.
            answer.sort_by(|a, b| b.score.total_cmp(&a.score));
        }
        answer.truncate(request.limit());
        answer
    }

    /// The cold items that are most like those that are shown, by `Σ likeness · score`.
    fn brought(&self, shown: &[Recommendation], request: &Request<'_>) -> Vec<ItemId> {
        let mut heat: HashMap<ItemId, f64, RandomState> = HashMap::default();
        let described = || shown.iter().filter(|shown| self.index.is_described(shown.item));
        let items: SmallVec<[ItemId; BRING]> = described().map(|shown| shown.item).collect();
        for (shown, likes) in described().zip(self.nearest.of(&self.index, &items, Pool::Cold, BROUGHT)) {
            for like in likes.iter() {
                *heat.entry(like.item).or_default() += like.likeness * shown.score;
            }
        }
        let mut brought: Vec<(ItemId, f64)> = heat.into_iter().collect();
        brought.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let admitted = brought.into_iter().map(|(item, _)| item).filter(|item| request.admits(*item));
        admitted.take(COLD_MAX).collect()
    }

    /// What a cold item is worth by its twins, and which of them gives most; nothing where none is in the answer.
    fn prior(
        &self,
        item: ItemId,
        twins: &[Like],
        answer: &[Recommendation],
        places: &HashMap<ItemId, usize, RandomState>,
    ) -> Option<(f64, ItemId)> {
        let mut sum = 0.0;
        let mut best: Option<(f64, ItemId)> = None;
        for twin in twins {
            let Some(place) = places.get(&twin.item) else { continue };
            let term = twin.likeness * twin.likeness * answer[*place].score;
            sum += term;
            if best.is_none_or(|(most, _)| term > most) {
                best = Some((term, twin.item));
            }
        }
        let (_, twin) = best?;
        let all: f64 = twins.iter().map(|twin| twin.likeness).sum();
        Some((self.coldness(item) * sum / all, twin))
    }
}

impl Recommender for Twins {
    fn name(&self) -> &str {
        "twins"
    }

    fn learn(&mut self, interaction: &Interaction<'_>) {
        if interaction.weight() > 0.0 {
            let item = interaction.item();
            self.set_touches(item, self.touches(item).saturating_add(1));
        }
    }

    fn recommend(&self, request: &Request<'_>) -> Vec<Recommendation> {
        if request.limit() == 0 {
            return Vec::new();
        }
        let fading = std::iter::successors(Some(1.0), |weight| Some(weight * POSITION_DECAY));
        let bases: SmallVec<[(ItemId, f64); 16]> = match request.basis() {
            Basis::Similar(items) => items.iter().map(|item| (*item, 1.0)).collect(),
            Basis::Session(items) => items.iter().rev().copied().zip(fading).take(SESSION_MAX).collect(),
            _ => return Vec::new(),
        };
        // The sum, and which item of the query gave most.
        let mut sums: HashMap<ItemId, (f64, f64, ItemId), RandomState> = HashMap::default();
        for (base, weight) in bases {
            let weight = weight * self.coldness(base);
            for like in self.alike(base).into_iter().filter(|_| weight > 0.0) {
                let term = weight * like.likeness;
                let (sum, most, of) = sums.entry(like.item).or_insert((0.0, 0.0, base));
                *sum += term;
                if term > *most {
                    (*most, *of) = (term, base);
                }
            }
        }
        let mut ranked: Vec<(f64, ItemId, ItemId)> =
            sums.into_iter().map(|(item, (sum, _, of))| (sum, item, of)).collect();
        let order = |a: &(f64, ItemId, ItemId), b: &(f64, ItemId, ItemId)| -> Ordering {
            b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1))
        };
        ranked.sort_unstable_by(order);
        let admitted = ranked.into_iter().filter(|(_, item, _)| request.admits(*item)).take(request.limit());
        admitted
            .map(|(score, item, of)| Recommendation::new(item, score, Reason::Similar { item: of }))
            .collect()
    }

    fn forget(&mut self, _user: u32) {}

    fn bytes(&self) -> usize {
        self.touches.bytes() + self.index.bytes() + self.nearest.bytes()
    }

    fn checkpoint(&self, out: &mut Vec<u8>) {
        Pieces::all(|pieces| self.write_later(pieces), out);
    }

    fn restore(&mut self, bytes: &[u8], items: &Items) -> Result<(), Error> {
        self.go_on(self.read(bytes, items.len())?);
        Ok(())
    }

    fn merge(&mut self, bytes: &[u8], items: &[ItemId]) -> Result<(), Error> {
        for (touches, item) in self.read(bytes, items.len())?.into_iter().zip(items) {
            if touches > 0 {
                self.set_touches(*item, self.touches(*item).saturating_add(touches));
            }
        }
        Ok(())
    }
}

impl Twins {
    /// What is to be written of what was learned.
    pub(crate) fn write_later(&self, pieces: &mut Pieces) {
        pieces.push_now(|out| self.touches.len().write(out));
        self.touches.write_later(0, u32::write, pieces);
    }

    /// Goes on with what was to be [written](Twins::write_later) about so many items.
    ///
    /// # Errors
    /// Bytes that were not written so. Nothing is changed then.
    pub(crate) fn read_state(&mut self, from: &mut Bytes<'_>, items: usize) -> Result<(), Malformed> {
        self.go_on(read_touches(from, items)?);
        Ok(())
    }

    fn read(&self, bytes: &[u8], items: usize) -> Result<Vec<u32>, Error> {
        restored(self.name(), bytes, |from| read_touches(from, items))
    }

    /// Goes on with so many touches of each item in place of those that are known.
    fn go_on(&mut self, touches: Vec<u32>) {
        for number in 0..touches.len().max(self.touches.len()) {
            let touched = touches.get(number).copied().unwrap_or(0);
            self.set_touches(ItemId::new(number as u32), touched);
        }
    }
}

fn read_touches(from: &mut Bytes<'_>, items: usize) -> Result<Vec<u32>, Malformed> {
    let len = from.valid("touches of items", |len: &usize| *len <= items)?;
    (0..len).map(|_| from.read()).collect()
}
