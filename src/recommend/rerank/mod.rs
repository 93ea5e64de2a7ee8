//! Re-ranking: from what fits best to what is shown.

mod caps;
mod diversity;
mod effect;
mod facts;
mod filters;
mod pins;
#[cfg(test)]
mod rerank_test;
mod rotation;
mod weights;

pub use effect::{Because, Dropped, Effect};
pub use facts::{Facts, cosine, jaccard};

use crate::model::{Duration, Instant};
use crate::recommend::{Error, ItemId, LIMIT_MAX, Recommendation};
use caps::{Cap, Counts};
use diversity::Diversity;
use hashbrown::HashSet;
use pins::Kept;
use std::cmp::Ordering;
use std::sync::Arc;
use weights::Weight;

/// Most rules, lists, weights, caps, pins and slots, of each kind.
pub const STAGE_RULES_MAX: usize = 100;

const WINDOW_MAX: Duration = Duration::days(3_650);

/// Makes what is shown of what was recommended: rules first, then variety, then places that are kept.
///
/// Stages in their order, which never changes; one that was not asked for does nothing:
///
/// | stage | what it does |
/// | --- | --- |
/// | eligibility | drops what a rule does not [hold](RerankParams::require) for |
/// | exclusions | drops what is on a [list](RerankParams::exclude): seen, bought, your own |
/// | boosts and buries | multiply the score of what a rule [holds for](RerankParams::weigh) |
/// | impression discount | multiplies the score by [delta](RerankParams::fatigue) for each time that it was shown and not chosen |
/// | rotation | lets what is about equal [change places](RerankParams::rotate) from seed to seed |
/// | diversity | chooses what is [unlike](RerankParams::diversify) what stands before it |
/// | caps | drop what there are [enough](RerankParams::cap) of |
/// | pins, slots, trials | put items at [their places](RerankParams::pin); some may be [tried](RerankParams::explore) there |
///
/// Before all of them an engine may have [ordered](crate::recommend::Explorer::rank) what fits by what is chosen of it.
///
/// Pins have to be eligible and not excluded, but nothing else moves or drops them; what is pinned counts when it comes to
/// diversity and caps, so that the list as a whole is diverse and keeps its caps, unless pins alone exceed them. Where fewer
/// items are left than a slot needs before it, what belongs there comes behind them.
///
/// What a stage did to an item that is shown is in its [`effects`](Recommendation::effects), and why another one is not
/// shown, in [`Reranked::dropped`]. Scores are multiplied as the stages say; the order of the list is theirs, not that of the
/// scores. A pure function: the same candidates, facts, seed and `now` give the same list.
///
/// O(candidates · (rules + log candidates)), and with diversity O(limit · depth) similarities.
///
/// ```
/// use bespoke::model::Instant;
/// use bespoke::recommend::{Facts, ItemId, Items, Occasion, Reason, Recommendation, Rerank};
/// let mut items = Items::new();
/// let [boot, shoe, sock, tent] = ["boot-7", "shoe-2", "sock-1", "tent-3"].map(|name| items.intern(name).unwrap());
///
/// struct Shop<'a>(&'a Items);
/// impl Facts for Shop<'_> {
///     fn holds(&self, item: ItemId, rule: &str) -> bool {
///         matches!((rule, self.0.name(item)), ("bought", Some("boot-7")) | ("on sale", Some("tent-3")))
///     }
/// }
///
/// let rerank = Rerank::params().exclude("bought").weigh("on sale", 3.0).pin(0, sock).check()?;
/// let fits = [(boot, 0.9), (shoe, 0.8), (tent, 0.4), (sock, 0.1)];
/// let fits = fits.map(|(item, score)| Recommendation::new(item, score, Reason::Popular)).into();
/// let occasion = Occasion { limit: 2, seed: 7, now: Instant::from_millis(0) };
/// let list = rerank.apply(fits, &Shop(&items), occasion);
///
/// let shown: Vec<ItemId> = list.shown.iter().map(|r| r.item).collect();
/// assert_eq!(shown, [sock, tent]);
/// assert_eq!(list.shown[1].effects()[0].to_string(), "raised by on sale (× 3)");
/// assert_eq!(list.why_not(boot).unwrap().to_string(), "it is among bought");
/// assert_eq!(list.why_not(shoe).unwrap().to_string(), "others fit better");
/// # Ok::<(), bespoke::recommend::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rerank {
    params: RerankParams,
}

/// Stages of [`Rerank`], not yet checked. Without any, the best come first.
///
/// ```
/// use bespoke::recommend::Rerank;
/// let params = Rerank::params().cap("brand", 2).require("in stock");
/// // Stages have an order of their own; that of the calls makes no difference.
/// assert_eq!(params.clone().check()?, Rerank::params().require("in stock").cap("brand", 2).check()?);
/// let error = params.weigh("sold out", 0.0).check().unwrap_err();
/// assert_eq!(error.to_string(), "`weigh` is 0, but must be from 0.001 to 1000; exclude what is not to be shown");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RerankParams {
    required: Vec<Arc<str>>,
    excluded: Vec<Arc<str>>,
    weights: Vec<Weight>,
    fatigue: f64,
    fatigue_window: Duration,
    rotation: f64,
    theta: f64,
    depth: usize,
    caps: Vec<Cap>,
    kept: Vec<(usize, Kept)>,
}

impl Default for RerankParams {
    fn default() -> RerankParams {
        RerankParams {
            required: Vec::new(),
            excluded: Vec::new(),
            weights: Vec::new(),
            fatigue: 1.0,
            fatigue_window: Duration::ZERO,
            rotation: 0.0,
            theta: 0.0,
            depth: 0,
            caps: Vec::new(),
            kept: Vec::new(),
        }
    }
}

impl RerankParams {
    /// Shows only what this rule holds for; of several all have to hold.
    #[must_use]
    pub fn require(mut self, rule: impl Into<Arc<str>>) -> RerankParams {
        self.required.push(rule.into());
        self
    }

    /// Shows nothing that is on this list.
    #[must_use]
    pub fn exclude(mut self, list: impl Into<Arc<str>>) -> RerankParams {
        self.excluded.push(list.into());
        self
    }

    /// Multiplies the score of what this rule holds for: a boost above 1, a bury below. From 0.001 to 1000; the factors of
    /// several rules are multiplied.
    #[must_use]
    pub fn weigh(mut self, rule: impl Into<Arc<str>>, factor: f64) -> RerankParams {
        self.weights.push(Weight { rule: rule.into(), factor });
        self
    }

    /// Multiplies the score by `delta` for each time that an item was shown within the window before now without being
    /// chosen. From 0.1 to 1; 0.8 to 0.9 does well.
    #[must_use]
    pub fn fatigue(mut self, delta: f64, window: Duration) -> RerankParams {
        (self.fatigue, self.fatigue_window) = (delta, window);
        self
    }

    /// Whether [`fatigue`](RerankParams::fatigue) asks what was shown.
    pub(crate) fn heeds_impressions(&self) -> bool {
        self.fatigue < 1.0
    }

    /// Lets scores vary with the seed by about this share, from 0 to 1: at 0.1, what is a tenth apart changes places now and
    /// then. Take a new seed for each visit.
    #[must_use]
    pub fn rotate(mut self, strength: f64) -> RerankParams {
        self.rotation = strength;
        self
    }

    /// Chooses among the best `depth` by how unlike they are to what stands before them, as much as `theta` says: from 0,
    /// relevance alone, to 1. A theta of 0.2 to 0.3 over the best 50 to 100 does well. At most [`LIMIT_MAX`] deep.
    #[must_use]
    pub fn diversify(mut self, theta: f64, depth: usize) -> RerankParams {
        (self.theta, self.depth) = (theta, depth);
        self
    }

    /// Shows at most so many items, one at least, with the same value of an attribute. What has no value is not counted.
    #[must_use]
    pub fn cap(mut self, attribute: impl Into<Arc<str>>, max: usize) -> RerankParams {
        self.caps.push(Cap { attribute: attribute.into(), max });
        self
    }

    /// Shows an item at a place, 0 being the first, wherever it would have come and also where nobody recommended it.
    #[must_use]
    pub fn pin(mut self, slot: usize, item: ItemId) -> RerankParams {
        self.kept.push((slot, Kept::Item(item)));
        self
    }

    /// Keeps a place for the best item for which a rule holds: one that is new, sponsored, or for a bandit to try.
    #[must_use]
    pub fn slot(mut self, slot: usize, rule: impl Into<Arc<str>>) -> RerankParams {
        self.kept.push((slot, Kept::Rule(rule.into())));
        self
    }

    /// Keeps a place for one of the best `depth` that [`Facts::choose`] tries, so that what is little known is shown to some.
    /// At most [`LIMIT_MAX`] deep. Of several places each tries what is left, with a chance of its own.
    #[must_use]
    pub fn explore(mut self, slot: usize, depth: usize) -> RerankParams {
        self.kept.push((slot, Kept::Trial(depth)));
        self
    }

    /// The rules and lists that stages ask for, by their names.
    pub(crate) fn rules(&self) -> impl Iterator<Item = &Arc<str>> {
        let weighed = self.weights.iter().map(|weight| &weight.rule);
        let kept = self.kept.iter().filter_map(|(_, kept)| match kept {
            Kept::Rule(rule) => Some(rule),
            Kept::Item(_) | Kept::Trial(_) => None,
        });
        self.required.iter().chain(&self.excluded).chain(weighed).chain(kept)
    }

    /// Whether every list stays as it is.
    pub(crate) fn is_neutral(&self) -> bool {
        *self == RerankParams::default()
    }

    /// Checks the stages.
    ///
    /// # Errors
    /// [`Error::Parameter`] names the first parameter that is out of range.
    pub fn check(mut self) -> Result<Rerank, Error> {
        let refused = |name, found: String, wanted| Err(Error::Parameter { name, found, wanted });
        for (name, len) in [
            ("require", self.required.len()),
            ("exclude", self.excluded.len()),
            ("weigh", self.weights.len()),
            ("cap", self.caps.len()),
            ("pin", self.kept.len()),
        ] {
            if len > STAGE_RULES_MAX {
                return refused(name, format!("{len} times there"), "there at most 100 times");
            }
        }
        if let Some(weight) = self.weights.iter().find(|weight| !(1e-3..=1e3).contains(&weight.factor)) {
            return refused(
                "weigh",
                weight.factor.to_string(),
                "from 0.001 to 1000; exclude what is not to be shown",
            );
        }
        if !(0.1..=1.0).contains(&self.fatigue) {
            return refused("fatigue", self.fatigue.to_string(), "from 0.1 to 1");
        }
        if !(Duration::ZERO..=WINDOW_MAX).contains(&self.fatigue_window) {
            return refused("fatigue", self.fatigue_window.to_string(), "over `0s` to `3650d`");
        }
        for (name, share) in [("rotate", self.rotation), ("diversify", self.theta)] {
            if !(0.0..=1.0).contains(&share) {
                return refused(name, share.to_string(), "from 0 to 1");
            }
        }
        if self.depth > LIMIT_MAX {
            return refused("diversify", self.depth.to_string(), "at most 1000 deep");
        }
        if self.caps.iter().any(|cap| cap.max == 0) {
            return refused("cap", "0".into(), "at least 1; exclude what is not to be shown");
        }
        self.kept.sort_by_key(|(slot, _)| *slot);
        if let Some((slot, _)) = self.kept.iter().find(|(slot, _)| *slot >= LIMIT_MAX) {
            return refused("pin", slot.to_string(), "a place below 1000");
        }
        if let Some(pair) = self.kept.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return refused("pin", format!("twice at {}", pair[0].0), "once at each place");
        }
        let mut pinned = Vec::<ItemId>::new();
        for (slot, kept) in &self.kept {
            match kept {
                Kept::Item(item) if pinned.contains(item) => {
                    return refused("pin", format!("at {slot} again"), "at one place for each item");
                }
                Kept::Item(item) => pinned.push(*item),
                Kept::Trial(depth) if !(1..=LIMIT_MAX).contains(depth) => {
                    return refused("explore", format!("{depth} deep"), "from 1 to 1000 deep");
                }
                Kept::Trial(_) | Kept::Rule(_) => {}
            }
        }
        Ok(Rerank { params: self })
    }
}

/// When, for how many places and with which chance a list is made.
///
/// ```
/// use bespoke::recommend::{Occasion, Rerank};
/// # use bespoke::recommend::{Reason, Recommendation};
/// # let (mut items, now) = (bespoke::recommend::Items::new(), bespoke::model::Instant::from_millis(0));
/// # let (boot, sock) = (items.intern("boot-7")?, items.intern("sock-1")?);
/// # let fits = [(boot, 0.9), (sock, 0.8)].map(|(item, score)| Recommendation::new(item, score, Reason::Popular));
/// let rerank = Rerank::params().rotate(0.3).check()?;
/// let first = |seed| rerank.apply(fits.to_vec(), &(), Occasion { limit: 1, seed, now }).shown[0].item;
/// assert_eq!(first(7), first(7)); // a page that is loaded again stays the same
/// // The sock fits a little less than the boot, and comes first on some visits.
/// assert!((0..100).any(|visit| first(visit) == sock));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occasion {
    /// At most so many items.
    pub limit: usize,
    /// What rotation takes its chance from: the same seed gives the same list.
    pub seed: u64,
    /// When it is shown.
    pub now: Instant,
}

/// What is shown, and why the rest is not.
///
/// ```
/// use bespoke::recommend::{Occasion, Reason, Recommendation, Rerank};
/// # let (mut items, now) = (bespoke::recommend::Items::new(), bespoke::model::Instant::from_millis(0));
/// # let (boot, sock, tent) = (items.intern("boot-7")?, items.intern("sock-1")?, items.intern("tent-2")?);
/// let fits = [(boot, 0.9), (sock, 0.6)].map(|(item, score)| Recommendation::new(item, score, Reason::Popular)).into();
/// let list = Rerank::default().apply(fits, &(), Occasion { limit: 1, seed: 0, now });
/// let answer = |item| match list.why_not(item) {
///     Some(because) => because.to_string(),
///     None if list.shown.iter().any(|shown| shown.item == item) => "it is shown".to_owned(),
///     None => "nobody recommended it".to_owned(),
/// };
/// assert_eq!([boot, sock, tent].map(answer), ["it is shown", "others fit better", "nobody recommended it"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Reranked {
    /// In the order of places.
    pub shown: Vec<Recommendation>,
    /// The others, in the order in which stages dropped them.
    pub dropped: Vec<Dropped>,
}

impl Reranked {
    /// Why an item is not shown; none where it is shown, or was not among the candidates.
    #[must_use]
    pub fn why_not(&self, item: ItemId) -> Option<&Because> {
        let is_shown = self.shown.iter().any(|shown| shown.item == item);
        let dropped = self.dropped.iter().find(|dropped| dropped.item == item);
        dropped.filter(|_| !is_shown).map(|dropped| &dropped.because)
    }
}

impl Rerank {
    /// No stages.
    #[must_use]
    pub fn params() -> RerankParams {
        RerankParams::default()
    }

    /// Makes the list. Ask recommenders for more candidates than places: a few times as many where rules drop a lot, and as
    /// many as diversity looks at. Candidates come best first, which decides between equal scores; a score that is below 0
    /// or no number counts as 0.
    #[must_use]
    pub fn apply(&self, candidates: Vec<Recommendation>, facts: &dyn Facts, occasion: Occasion) -> Reranked {
        let params = &self.params;
        let mut dropped = Vec::new();
        let mut list = Vec::with_capacity(candidates.len());
        let mut known: HashSet<ItemId, ahash::RandomState> = HashSet::default();
        for mut candidate in candidates {
            let item = candidate.item;
            let because = match known.insert(item) {
                true => filters::refusal(params, item, facts),
                false => Some(Because::Repeated),
            };
            if let Some(because) = because {
                dropped.push(Dropped { item, because });
                continue;
            }
            candidate.score = if candidate.score > 0.0 { candidate.score.min(f64::MAX) } else { 0.0 };
            weights::weigh(params, &mut candidate, facts);
            weights::discount(params, &mut candidate, facts, occasion.now);
            list.push(candidate);
        }
        list.sort_by(by_score);
        rotation::rotate(&mut list, params.rotation, occasion.seed);

        let limit = occasion.limit.min(LIMIT_MAX);
        let kept = pins::take(params, &mut list, limit, occasion.seed, facts);
        let mut shown = self.choose(list, &kept, limit - kept.len(), facts, &mut dropped);
        pins::put(&mut shown, kept);
        Reranked { shown, dropped }
    }

    /// Diversity and caps, one place at a time: what a cap drops makes nothing else less welcome.
    fn choose(
        &self,
        list: Vec<Recommendation>,
        kept: &[(usize, Recommendation)],
        places: usize,
        facts: &dyn Facts,
        dropped: &mut Vec<Dropped>,
    ) -> Vec<Recommendation> {
        let mut diversity = Diversity::new(&list, self.params.theta, self.params.depth, facts);
        let mut counts = Counts::new(&self.params.caps);
        for (_, kept) in kept {
            diversity.show(kept.item);
            counts.count(kept.item, facts);
        }
        let mut list: Vec<Option<Recommendation>> = list.into_iter().map(Some).collect();
        let mut shown: Vec<Recommendation> = Vec::with_capacity(places.min(list.len()));
        // Where the next one would come if diversity had nothing to say.
        let mut refused = Vec::new();
        while shown.len() < places {
            let Some((from, item)) = diversity.next() else { break };
            if let Some(because) = counts.refusal(item, facts) {
                dropped.push(Dropped { item, because });
                refused.push(from);
                list[from] = None;
                continue;
            }
            diversity.show(item);
            counts.count(item, facts);
            let Some(mut chosen) = list[from].take() else { continue };
            let rank = from - refused.iter().filter(|place| **place < from).count();
            if rank != shown.len() {
                chosen.note(Effect::Diversified { from: rank as u16, to: shown.len() as u16 });
            }
            shown.push(chosen);
        }
        let rest = list.into_iter().flatten();
        dropped.extend(rest.map(|rest| Dropped { item: rest.item, because: Because::Outranked }));
        shown
    }
}

/// The higher score first.
fn by_score(one: &Recommendation, other: &Recommendation) -> Ordering {
    other.score.total_cmp(&one.score)
}
