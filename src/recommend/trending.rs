use crate::model::{Bytes, Duration, Malformed, Pieces, Record, Shared};
use crate::recommend::board::Count;
use crate::recommend::crowd::{CROWD_MAX, Crowd, Size};
use crate::recommend::error::restored;
use crate::recommend::popularity::{Best, Place, Ranked};
use crate::recommend::{
    Basis, Error, Interaction, ItemId, Items, Popularity, Reason, Recommendation, Recommender, Request,
};
use serde::Serialize;
use std::sync::Arc;

/// What is on the rise: what happens more often now than it did on average of late.
///
/// Everything is counted twice, by [`Popularity`] with a short half-life and with a long one. An item that happens as often
/// as ever has counts in the proportion of the half-lives, so that its trend
/// `fast / (slow · half_life / half_life_slow + prior)` is about 1, and less where it is rare; what happens three times as
/// often as before is above that. The prior is how many interactions of late it takes until anything is said: without one
/// whatever was touched once is on the rise.
///
/// With [`context`](TrendingParams::context), a request with a value of it is answered from what happened there, drawn to
/// the trend everywhere: `(fast there + kappa · trend) / (slow there · half_life / half_life_slow + kappa)`.
///
/// Answers [`Basis::Trending`](crate::recommend::Basis) only: among the [1,000](crate::recommend::LIMIT_MAX) items that
/// happen most of late, here and everywhere, exactly the best. `learn` costs what it costs two of [`Popularity`], and so does
/// memory, with two bytes an item more where [`k_min`](TrendingParams::k_min) is asked for. `recommend`: O(limit) typically.
///
/// ```
/// use bespoke::model::{Duration, Instant};
/// use bespoke::recommend::{Interaction, Items, Query, Recommender, Trending};
/// let (mut items, start) = (Items::new(), Instant::from_millis(0));
/// let mut trending = Trending::params().half_life(Duration::days(1)).half_life_slow(Duration::days(14)).check()?;
/// let (classic, new) = (items.intern("classic")?, items.intern("new")?);
/// for hour in 0..24 * 60 {
///     let at = start + Duration::hours(hour);
///     trending.learn(&Interaction::new(1, classic, at));
///     if hour >= 24 * 59 {
///         trending.learn(&Interaction::new(2, new, at)); // since yesterday, as often
///     }
/// }
/// let now = start + Duration::days(60);
/// let answer = trending.recommend(&Query::trending().resolve(&items, None, now)?);
/// assert_eq!((answer[0].item, answer[1].item), (new, classic));
/// assert_eq!(answer[0].reason.display(&items).to_string(), "on the rise");
/// # Ok::<(), bespoke::recommend::Error>(())
/// ```
#[derive(Clone, Debug, Serialize)]
pub struct Trending {
    params: TrendingParams,
    fast: Popularity,
    slow: Popularity,
    /// How many users stand behind an item, by its number; empty where nobody asks.
    crowds: Shared<Crowd, 4_096>,
}

/// Parameters of [`Trending`], not yet checked.
///
/// ```
/// use bespoke::recommend::{Interaction, Items, Query, Recommender, Trending};
/// # let (mut items, now) = (Items::new(), bespoke::model::Instant::from_millis(0));
/// # let (boot, query) = (items.intern("boot-7")?, Query::trending());
/// # let request = query.resolve(&items, None, now)?;
/// let mut trending = Trending::params().k_min(2).check()?;
/// // One user who cannot decide is no trend, however often they look; a dozen are.
/// for (users, found) in [(7..8, 0), (8..20, 1)] {
///     users.cycle().take(50).for_each(|user| trending.learn(&Interaction::new(user, boot, now)));
///     assert_eq!(trending.recommend(&request).len(), found);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrendingParams {
    half_life: Duration,
    half_life_slow: Duration,
    prior: f64,
    kappa: f64,
    k_min: usize,
    #[serde(skip)]
    context: Option<Arc<str>>,
}

impl TrendingParams {
    /// After which time an interaction counts half when it comes to what happens now; 1 d by default, from a minute on.
    #[must_use]
    pub fn half_life(mut self, half_life: Duration) -> TrendingParams {
        self.half_life = half_life;
        self
    }

    /// The same when it comes to what is usual; 14 d by default, longer than the other and at most a hundred years.
    #[must_use]
    pub fn half_life_slow(mut self, half_life: Duration) -> TrendingParams {
        self.half_life_slow = half_life;
        self
    }

    /// How many interactions within the short half-life are taken for nothing new; 5 by default.
    #[must_use]
    pub fn prior(mut self, interactions: f64) -> TrendingParams {
        self.prior = interactions;
        self
    }

    /// Counts per value of this part of the context too; none by default.
    #[must_use]
    pub fn context(mut self, key: impl Into<Arc<str>>) -> TrendingParams {
        self.context = Some(key.into());
        self
    }

    /// How many usual interactions in a context it takes to count as much as everywhere else; 20 by default.
    #[must_use]
    pub fn kappa(mut self, kappa: f64) -> TrendingParams {
        self.kappa = kappa;
        self
    }

    /// How many different users an item must have before it is shown; 1 by default, at most 20.
    #[must_use]
    pub fn k_min(mut self, users: usize) -> TrendingParams {
        self.k_min = users;
        self
    }

    /// Makes the recommender.
    ///
    /// # Errors
    /// [`Error::Parameter`] names the first parameter that is out of range.
    pub fn check(self) -> Result<Trending, Error> {
        let refused = |name, found: String, wanted| Err(Error::Parameter { name, found, wanted });
        if self.half_life_slow <= self.half_life {
            return refused("half_life_slow", self.half_life_slow.to_string(), "longer than `half_life`");
        }
        for (name, weight) in [("prior", self.prior), ("kappa", self.kappa)] {
            if !(weight > 0.0 && weight <= 1e9) {
                return refused(name, weight.to_string(), "above 0 and at most 1e9");
            }
        }
        if !(1..=CROWD_MAX).contains(&self.k_min) {
            return refused("k_min", self.k_min.to_string(), "from 1 to 20");
        }
        let counts = |half_life| {
            let params = Popularity::params().half_life(half_life);
            match &self.context {
                Some(key) => params.context(Arc::clone(key)).check(),
                None => params.check(),
            }
        };
        let (fast, slow) = (counts(self.half_life)?, counts(self.half_life_slow)?);
        Ok(Trending { fast, slow, params: self, crowds: Shared::default() })
    }
}

impl Default for Trending {
    fn default() -> Trending {
        Trending::params().check().expect("the defaults are in range")
    }
}

impl Trending {
    /// The default parameters.
    #[must_use]
    pub fn params() -> TrendingParams {
        TrendingParams {
            half_life: Duration::days(1),
            half_life_slow: Duration::days(14),
            prior: 5.0,
            kappa: 20.0,
            k_min: 1,
            context: None,
        }
    }

    fn size(&self) -> Size {
        Size::new(self.params.k_min)
    }

    /// Takes back what interactions of a user taught: of what was learned in a context also there, where `in_context`. Exact
    /// but for the rounding of sums, as far as those interactions were learned. O(items).
    pub fn unlearn(&mut self, interactions: &[Interaction<'_>], in_context: bool) {
        self.fast.unlearn(interactions, in_context);
        self.slow.unlearn(interactions, in_context);
        let size = self.size();
        for interaction in interactions {
            if let Some(crowd) = self.crowds.get_mut(interaction.item().index()) {
                crowd.remove(interaction.user(), size);
            }
        }
    }

    /// What is to be written of what was learned; the parameters are not in it.
    pub(crate) fn write_later(&self, pieces: &mut Pieces) {
        self.fast.write_later(pieces);
        self.slow.write_later(pieces);
        pieces.push_now(|out| self.crowds.len().write(out));
        self.crowds.write_later(0, Crowd::write, pieces);
    }

    /// Takes over what one with the same parameters had learned about so many items that there are.
    ///
    /// # Errors
    /// Bytes that were not written so, or that are about items which there are not. Nothing is taken over then.
    pub(crate) fn read_state(&mut self, from: &mut Bytes<'_>, items: usize) -> Result<(), Malformed> {
        *self = self.read(from, items)?;
        Ok(())
    }

    /// What one with the same parameters wrote, about so many items.
    fn read(&self, from: &mut Bytes<'_>, items: usize) -> Result<Trending, Malformed> {
        let mut read = self.params.clone().check().expect("they were checked");
        read.fast.read_state(from, items)?;
        read.slow.read_state(from, items)?;
        let count = from.valid("how many users items have", |count: &usize| *count <= items)?;
        if self.size().is_any() && count > 0 {
            return Err(from.malformed("how many users items have"));
        }
        for _ in 0..count {
            read.crowds.push(from.read()?);
        }
        Ok(read)
    }

    fn rising(&self, request: &Request<'_>) -> Vec<Recommendation> {
        let now = Rates {
            fast: self.fast.worth(request.now()),
            slow: self.slow.worth(request.now()) * self.params.half_life.as_millis() as f64
                / self.params.half_life_slow.as_millis() as f64,
            usual: self.params.half_life.as_millis() as f64 / self.params.half_life_slow.as_millis() as f64,
            prior: self.params.prior,
            kappa: self.params.kappa,
        };
        let here = self.fast.place_of_request(request);
        let slow_here = self.slow.place_of_request(request).map(|(_, place)| place);
        let all = self.fast.everywhere().head();
        let head_here = here.map_or(&[][..], |(_, place)| place.board.head());
        let size = self.size();
        let is_enough = |item: ItemId| {
            size.is_any() || self.crowds.get(item.index()).is_some_and(|crowd| crowd.is_enough(size))
        };
        let weight = |count: Option<&Count>| count.map_or(0.0, |count| count.weight);
        let ranked = |count: &Count| {
            let slow = weight(self.slow.everywhere().count(count.item.index()));
            let trend = now.trend(count.weight, slow);
            let Some((_, place)) = here else { return Ranked { score: trend, here: false, count: *count } };
            let fast_here = weight(place.find(count.item));
            let slow_here = weight(slow_here.and_then(|place: &Place| place.find(count.item)));
            Ranked { score: now.trend_in(fast_here, slow_here, trend), here: fast_here > 0.0, count: *count }
        };
        let mut best = Best { ranked: Vec::new(), limit: request.limit() };
        // Both orders side by side, as `Popularity` does: what is further down in both has happened less in both, and has
        // no higher trend than if it had never happened before.
        for depth in 0..all.len() {
            let (at_here, at_all) = (head_here.get(depth), &all[depth]);
            let count_here = at_here.and_then(|count| self.fast.everywhere().count(count.item.index()));
            let from_here = count_here.filter(|count| !(depth > 0 && count.rank(&all[depth - 1]).is_le()));
            let inner =
                here.and_then(|(_, place)| place.find(at_all.item)).filter(|inner| inner.weight > 0.0);
            let offered = inner.is_some_and(|inner| at_here.is_none_or(|at| inner.rank(at).is_le()));
            let from_all = Some(at_all).filter(|_| !offered);
            for count in from_here.into_iter().chain(from_all) {
                if request.admits(count.item) && is_enough(count.item) {
                    best.offer(ranked(count));
                }
            }
            let most = now.most(at_all.weight);
            let bound = if here.is_some() { now.most_in(weight(at_here), most) } else { most };
            if best.is_above(bound) {
                break;
            }
        }
        let reason = |is_here: bool| match here {
            Some((key, place)) if is_here => {
                Reason::RisingFor { key: Arc::clone(key), value: Arc::clone(&place.value) }
            }
            _ => Reason::Rising,
        };
        let shown = best.ranked.into_iter();
        shown.map(|r| Recommendation::new(r.count.item, r.score, reason(r.here))).collect()
    }
}

/// How counts become trends at an instant.
#[derive(Clone, Copy)]
struct Rates {
    /// What fast counts are multiplied with.
    fast: f64,
    /// What slow counts are multiplied with to be what is usual within the short half-life.
    slow: f64,
    /// The same without decay.
    usual: f64,
    prior: f64,
    kappa: f64,
}

impl Rates {
    fn trend(self, fast: f64, slow: f64) -> f64 {
        fast * self.fast / (slow * self.slow + self.prior)
    }

    fn trend_in(self, fast: f64, slow: f64, everywhere: f64) -> f64 {
        (fast * self.fast + self.kappa * everywhere) / (slow * self.slow + self.kappa)
    }

    /// The highest trend that a fast count may have: what happened counts as much at least when it counts longer.
    fn most(self, fast: f64) -> f64 {
        fast * self.fast / (fast * self.fast * self.usual + self.prior)
    }

    fn most_in(self, fast: f64, everywhere: f64) -> f64 {
        (fast * self.fast + self.kappa * everywhere) / (fast * self.fast * self.usual + self.kappa)
    }
}

impl Recommender for Trending {
    fn name(&self) -> &str {
        "trending"
    }

    fn learn(&mut self, interaction: &Interaction<'_>) {
        self.fast.learn(interaction);
        self.slow.learn(interaction);
        let (size, place) = (self.size(), interaction.item().index());
        if !size.is_any() && interaction.weight() > 0.0 {
            self.crowds.fill_up(place + 1, &Crowd::default());
            self.crowds[place].add(interaction.user(), size);
        }
    }

    fn recommend(&self, request: &Request<'_>) -> Vec<Recommendation> {
        if request.basis() != Basis::Trending || request.limit() == 0 {
            return Vec::new();
        }
        self.rising(request)
    }

    /// Nothing is kept per user.
    fn forget(&mut self, _user: u32) {}

    fn bytes(&self) -> usize {
        self.fast.bytes() + self.slow.bytes() + self.crowds.bytes()
    }

    fn checkpoint(&self, out: &mut Vec<u8>) {
        Pieces::all(|pieces| self.write_later(pieces), out);
    }

    fn restore(&mut self, bytes: &[u8], items: &Items) -> Result<(), Error> {
        *self = restored(self.name(), bytes, |from| self.read(from, items.len()))?;
        Ok(())
    }

    fn merge(&mut self, bytes: &[u8], items: &[ItemId]) -> Result<(), Error> {
        let other = restored(self.name(), bytes, |from| self.read(from, items.len()))?;
        self.fast.take_in(&other.fast, items);
        self.slow.take_in(&other.slow, items);
        let size = self.size();
        for (item, crowd) in items.iter().zip(other.crowds.iter()) {
            self.crowds.fill_up(item.index() + 1, &Crowd::default());
            self.crowds[item.index()].merge(*crowd, size);
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "trending_test.rs"]
mod tests;
