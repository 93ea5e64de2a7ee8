use crate::model::{Bytes, Duration, Instant, Malformed, Record};
use crate::recommend::bandit::Choice;
use crate::recommend::bandit::draw::{normal, of_arm};
use crate::recommend::bandit::win::{EXPLORE, PROPENSITY_MIN, Score, probability_of_best};
use crate::recommend::decay::ForwardDecay;
use crate::recommend::error::restored;
use crate::recommend::{Error, ItemId, Items};
use hashbrown::HashMap;
use smallvec::SmallVec;
use std::collections::VecDeque;

/// Impressions that wait for an answer at most; of more the oldest counts as not chosen.
const WAITING_MAX: usize = 1 << 16;
/// How many impressions at the rate of all items an item begins with.
const BEFORE: f64 = 20.0;
/// An item that is shown again is not believed to be worse than once in so many, nor better.
const RATE_MIN: f64 = 1e-4;

/// Tries items, and learns from what was shown and what was chosen: a bandit for a place that is kept for it.
///
/// Of each item it knows how often it was shown and how often it was chosen within a window; both fade. The log-odds of
/// being chosen are believed to be normally distributed, beginning with the rate of all items as if it had been seen
/// twenty times (empirical Bayes), so that a new item is as good as any and far less certain. A choice draws for each item
/// its mean and `0.35 · deviation · max(0, N(0, 1))` above it, as [`Thompson`](crate::recommend::bandit::Thompson) does, and
/// takes the highest; the probability that it had is calculated, to within 0.001, for estimates from logs.
///
/// An impression of an item that the same user was shown within the window counts once, however often it is told, so that
/// a flood says as little as a visitor.
///
/// A choice costs O(items), its probability O(items · 100); `shown` and `chosen` O(1). Memory: 24 bytes an item that was
/// ever shown, and at most 65,536 impressions of 60 bytes that wait to be chosen. References: Chapelle and Li, NIPS 2011;
/// May et al., JMLR 13, 2012.
///
/// ```
/// use bespoke::model::{Duration, Instant};
/// use bespoke::recommend::{Explorer, Items};
/// let mut items = Items::new();
/// let [boot, sock] = ["boot-7", "sock-1"].map(|name| items.intern(name).unwrap());
/// let mut explorer = Explorer::new(Duration::minutes(30), Duration::days(30))?;
/// let mut now = Instant::from_millis(0);
/// for user in 0..400 {
///     now = now + Duration::minutes(10);
///     explorer.shown(user, boot, now);
///     explorer.shown(user, sock, now);
///     if user % 4 == 0 {
///         explorer.chosen(user, sock, now + Duration::minutes(1));
///     }
/// }
/// let (place, probability) = explorer.choose(&[boot, sock], 7, now).unwrap();
/// assert!(place == 1 && probability > 0.95);
/// # Ok::<(), bespoke::recommend::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Explorer {
    window: Duration,
    decay: ForwardDecay,
    all: Counts,
    /// By number.
    items: HashMap<ItemId, Counts, ahash::RandomState>,
    /// In the order in which they came; the first has the number `first`.
    waiting: VecDeque<Impression>,
    first: u64,
    /// The number of the impression that waits, by user and item.
    open: HashMap<(u32, ItemId), u64, ahash::RandomState>,
}

/// Grown by forward decay. Of what was shown all that was chosen, or can be no more.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counts {
    shown: f64,
    chosen: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Impression {
    user: u32,
    item: ItemId,
    at: Instant,
    is_answered: bool,
}

impl Explorer {
    /// What is chosen within the window after it was shown counts as chosen because of it; what was counted fades by half in
    /// each half-life.
    ///
    /// # Errors
    /// [`Error::Parameter`]: a window that is not from a second to thirty days, or a half-life that is not from a minute to a
    /// hundred years.
    pub fn new(window: Duration, half_life: Duration) -> Result<Explorer, Error> {
        if !(Duration::seconds(1)..=Duration::days(30)).contains(&window) {
            let wanted = "from `1s` to `30d`";
            return Err(Error::Parameter { name: "window", found: window.to_string(), wanted });
        }
        Ok(Explorer {
            window,
            decay: ForwardDecay::new(half_life)?,
            all: Counts::default(),
            items: HashMap::default(),
            waiting: VecDeque::new(),
            first: 0,
            open: HashMap::default(),
        })
    }

    /// A user was shown an item.
    pub fn shown(&mut self, user: u32, item: ItemId, at: Instant) {
        self.pass(at);
        if self.open.contains_key(&(user, item)) {
            return;
        }
        if self.waiting.len() >= WAITING_MAX {
            self.close_first();
        }
        self.open.insert((user, item), self.first + self.waiting.len() as u64);
        self.waiting.push_back(Impression { user, item, at, is_answered: false });
    }

    /// A user chose an item: of what was shown to others, or too long ago, it says nothing.
    pub fn chosen(&mut self, user: u32, item: ItemId, at: Instant) {
        self.pass(at);
        let Some(number) = self.open.remove(&(user, item)) else { return };
        let Some(impression) = self.waiting.get_mut((number - self.first) as usize) else { return };
        impression.is_answered = true;
        let shown = impression.at;
        self.count(item, shown, 1.0);
    }

    /// What was shown longer ago than the window was not chosen.
    pub fn pass(&mut self, now: Instant) {
        while self.waiting.front().is_some_and(|first| first.is_answered || first.at + self.window < now) {
            self.close_first();
        }
    }

    /// The place of an item to show among those that may be, and how probable it was over all seeds; none where there is no
    /// item. The same seed gives the same choice.
    #[must_use]
    pub fn choose(&self, items: &[ItemId], seed: u64, now: Instant) -> Option<(usize, f64)> {
        let worth = self.decay.worth(now);
        let scores: SmallVec<[Score; 32]> = items.iter().map(|item| self.score(*item, worth)).collect();
        let arms: SmallVec<[u32; 32]> = scores.iter().map(|score| score.arm).collect();
        let drawn = |place: usize, arm| {
            let Score { mean, deviation, .. } = scores[place];
            mean + deviation * normal(of_arm(seed, arm)).max(0.0)
        };
        let Choice { place, .. } = Choice::best(&arms, drawn)?;
        Some((place, probability_of_best(&scores, place).clamp(PROPENSITY_MIN, 1.0)))
    }

    /// How often an item is chosen when it is shown, as far as is known: from 0 to 1.
    #[must_use]
    pub fn rate(&self, item: ItemId, now: Instant) -> f64 {
        let (won, lost) = self.believed(item, self.decay.worth(now));
        won / (won + lost)
    }

    /// Drops what waits for a user to choose. Counts stay.
    pub fn forget(&mut self, user: u32) {
        for impression in self.waiting.iter_mut().filter(|impression| impression.user == user) {
            // As if it had been: neither is counted.
            impression.is_answered = true;
            self.open.remove(&(user, impression.item));
        }
    }

    /// Bytes on the heap, roughly.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.items.capacity() * size_of::<(ItemId, Counts)>()
            + self.waiting.capacity() * size_of::<Impression>()
            + self.open.capacity() * size_of::<((u32, ItemId), u64)>()
    }

    /// Appends all that was learned. Parameters are not in it.
    pub fn checkpoint(&self, out: &mut Vec<u8>) {
        self.decay.write(out);
        (self.all.shown, self.all.chosen).write(out);
        let mut items: Vec<_> = self.items.iter().map(|(item, counts)| (*item, *counts)).collect();
        items.sort_unstable_by_key(|(item, _)| *item);
        items.len().write(out);
        for (item, Counts { shown, chosen }) in items {
            (item.number(), shown, chosen).write(out);
        }
        let waiting = self.waiting.iter().filter(|impression| !impression.is_answered);
        waiting.clone().count().write(out);
        waiting.for_each(|Impression { user, item, at, .. }| (*user, item.number(), *at).write(out));
    }

    /// Goes on with what one with the same parameters had learned about these items, in place of what is known.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] for bytes that were not written so. Nothing is changed then.
    pub fn restore(&mut self, bytes: &[u8], items: &Items) -> Result<(), Error> {
        *self = restored("explorer", bytes, |from| self.read(from, items.len()))?;
        Ok(())
    }

    fn read(&self, from: &mut Bytes<'_>, items: usize) -> Result<Explorer, Malformed> {
        let mut read = Explorer {
            decay: self.decay,
            all: Counts::default(),
            items: HashMap::default(),
            waiting: VecDeque::new(),
            first: 0,
            open: HashMap::default(),
            window: self.window,
        };
        read.decay.read(from)?;
        let counts = |from: &mut Bytes<'_>| {
            let shown = from.weight("impressions")?;
            let chosen =
                from.valid("what was chosen of them", |chosen: &f64| (0.0..=shown).contains(chosen))?;
            Ok(Counts { shown, chosen })
        };
        let item = |from: &mut Bytes<'_>| {
            from.valid("an item", |number: &u32| (*number as usize) < items).map(ItemId::new)
        };
        read.all = counts(from)?;
        for _ in 0..from.read::<usize>()? {
            let item = item(from)?;
            let counts = counts(from)?;
            read.items.insert(item, counts);
        }
        for number in 0..from.valid("impressions", |len: &usize| *len <= WAITING_MAX)? {
            let (user, item, at) = (from.read()?, item(from)?, from.read()?);
            read.open.insert((user, item), number as u64);
            read.waiting.push_back(Impression { user, item, at, is_answered: false });
        }
        Ok(read)
    }

    fn close_first(&mut self) {
        let Some(Impression { user, item, at, is_answered }) = self.waiting.pop_front() else { return };
        self.first += 1;
        if !is_answered {
            self.open.remove(&(user, item));
            self.count(item, at, 0.0);
        }
    }

    fn count(&mut self, item: ItemId, at: Instant, chosen: f64) {
        if let Some(factor) = self.decay.advance(at) {
            for counts in self.items.values_mut().chain([&mut self.all]) {
                (counts.shown, counts.chosen) = (counts.shown * factor, counts.chosen * factor);
            }
        }
        let weight = self.decay.weight(at);
        for counts in [self.items.entry(item).or_default(), &mut self.all] {
            counts.shown += weight;
            counts.chosen += weight * chosen;
        }
    }

    /// How often it was chosen and how often not, with what is believed of any.
    fn believed(&self, item: ItemId, worth: f64) -> (f64, f64) {
        let Counts { shown, chosen } = self.all;
        let rate = ((chosen * worth + 1.0) / (shown * worth + 2.0)).clamp(RATE_MIN, 1.0 - RATE_MIN);
        let Counts { shown, chosen } = self.items.get(&item).copied().unwrap_or_default();
        (BEFORE * rate + chosen * worth, BEFORE * (1.0 - rate) + (shown - chosen).max(0.0) * worth)
    }

    fn score(&self, item: ItemId, worth: f64) -> Score {
        let (won, lost) = self.believed(item, worth);
        // Of the logarithm of the odds; the delta method.
        let variance = 1.0 / won + 1.0 / lost;
        Score { arm: item.number(), mean: libm::log(won / lost), deviation: EXPLORE * variance.sqrt() }
    }
}

#[cfg(test)]
#[path = "explorer_test.rs"]
mod tests;
