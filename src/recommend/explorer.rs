use crate::model::{Bytes, Duration, Instant, Malformed, Pieces, Record, Shared};
use crate::recommend::bandit::Choice;
use crate::recommend::bandit::draw::{normal, of_arm, sigmoid};
use crate::recommend::bandit::win::{EXPLORE, PROPENSITY_MIN, Score, probability_of_best};
use crate::recommend::decay::ForwardDecay;
use crate::recommend::error::restored;
use crate::recommend::impressions::Impressions;
use crate::recommend::lift::Lift;
use crate::recommend::{Effect, Error, ItemId, Items, Recommendation};
use smallvec::SmallVec;
use std::sync::Arc;

/// How many impressions at the rate of all items an item begins with.
const BEFORE: f64 = 20.0;
/// An item that is shown again is not believed to be worse than once in so many, nor better.
const RATE_MIN: f64 = 1e-4;
/// What effects call how often an item was chosen, beside what features say.
const RECORD: &str = "its record";

/// Learns from what was shown and what was chosen: which items are chosen, and what of them has them chosen. Tries those
/// of which too little is known: a bandit for places that are kept for it.
///
/// Of each item it knows how often it was shown and how often it was chosen within a window; both fade. The log-odds of
/// being chosen are believed to be normally distributed, beginning with the rate of all items as if it had been seen
/// twenty times (empirical Bayes), so that a new item is as good as any and far less certain.
///
/// With [features](Explorer::feature), such as how well it fits the user, or whether it is cheap, it knows what each says
/// of any item: a logistic regression that is learned online, with the full covariance of its weights, as of
/// [`Thompson`](crate::recommend::bandit::Thompson). The log-odds of an item are its own ones and what the features say
/// here, less what they said where it was shown: so an item that was chosen often where it fitted well is no better than
/// others that fit so well.
///
/// [`rank`](Explorer::rank) orders items by that. A [choice](Explorer::choose) draws for each item its mean and
/// `0.35 · deviation · max(0, N(0, 1))` above it, as [`Thompson`](crate::recommend::bandit::Thompson) does, and takes the
/// highest; the probability that it had is calculated, to within 0.001, for estimates from logs.
///
/// An impression of an item that the same user was shown within the window counts once, however often it is told, so that
/// a flood says as little as a visitor.
///
/// A choice costs O(items · features²), its probability O(items · 100); `shown` and `chosen` O(features²). Memory: 24 bytes
/// an item up to the last that was ever shown, and at most 65,536 impressions of 76 bytes, and 4 a feature, that wait to be
/// chosen, with as many between them that were.
/// References: Chapelle and Li, NIPS 2011; May et al., JMLR 13, 2012.
///
/// ```
/// use bespoke::model::{Duration, Instant};
/// use bespoke::recommend::{Explorer, Items};
/// let mut items = Items::new();
/// let [boot, sock] = ["boot-7", "sock-1"].map(|name| items.intern(name).unwrap());
/// let mut explorer = Explorer::new(Duration::minutes(30), Duration::days(30))?.feature("is cheap", 0.0)?;
/// let mut now = Instant::from_millis(0);
/// for user in 0..400 {
///     now = now + Duration::minutes(10);
///     explorer.shown(user, boot, &[0.0], now);
///     explorer.shown(user, sock, &[1.0], now);
///     if user % 4 == 0 {
///         explorer.chosen(user, sock, now + Duration::minutes(1));
///     }
/// }
/// let (place, probability) = explorer.choose(&[(boot, &[0.0]), (sock, &[1.0])], 7, now).unwrap();
/// assert!(place == 1 && probability > 0.95);
/// let tent = items.intern("tent-3")?; // which nobody was shown yet
/// assert!(explorer.rate(tent, &[1.0], now) > 2.0 * explorer.rate(tent, &[0.0], now));
/// # Ok::<(), bespoke::recommend::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Explorer {
    decay: ForwardDecay,
    all: Counts,
    /// By number; those behind were never shown.
    items: Shared<Counts, 256>,
    waiting: Impressions,
    lift: Lift,
}

/// Grown by forward decay. Of what was shown all that was chosen, or can be no more.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counts {
    shown: f64,
    chosen: f64,
    /// What features said where it was shown, in log-odds; a sum.
    lift: f64,
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
            decay: ForwardDecay::new(half_life)?,
            all: Counts::default(),
            items: Shared::default(),
            waiting: Impressions::new(window),
            lift: Lift::default(),
        })
    }

    /// Adds a feature, with the weight in log-odds that it is believed to have before anything is learned of it. Scale
    /// features so that they are mostly between -1 and 1.
    ///
    /// # Errors
    /// [`Error::Parameter`]: more than [`EXPLORER_FEATURES_MAX`](crate::recommend::EXPLORER_FEATURES_MAX), one of a name that
    /// is there, or a weight that is not from -100 to 100.
    pub fn feature(mut self, name: impl Into<Box<str>>, weight: f64) -> Result<Explorer, Error> {
        self.lift.add(name.into(), weight)?;
        Ok(self)
    }

    /// The names of the features, in their order.
    pub fn features(&self) -> impl ExactSizeIterator<Item = &str> {
        self.lift.names()
    }

    /// A user was shown an item, of which this was known there, in the order of the features. What is missing is 0, and so
    /// is what is no number.
    pub fn shown(&mut self, user: u32, item: ItemId, features: &[f32], at: Instant) {
        self.pass(at);
        if self.waiting.is_open(user, item) {
            return;
        }
        let features = self.lift.kept(features);
        if let Some(missed) = self.waiting.wait(user, item, at, features) {
            self.count(missed.item, &missed.features, missed.at, 0.0);
        }
    }

    /// A user chose an item: of what was shown to others, or too long ago, it says nothing.
    pub fn chosen(&mut self, user: u32, item: ItemId, at: Instant) {
        self.pass(at);
        if let Some(chosen) = self.waiting.take_chosen(user, item) {
            self.count(item, &chosen.features, chosen.at, 1.0);
        }
    }

    /// What was shown longer ago than the window was not chosen.
    pub fn pass(&mut self, now: Instant) {
        while let Some(missed) = self.waiting.take_missed(now) {
            self.count(missed.item, &missed.features, missed.at, 0.0);
        }
    }

    /// The place of an item to show among those that may be, each with its features, and how probable it was over all
    /// seeds; none where there is no item. The same seed gives the same choice.
    #[must_use]
    pub fn choose(&self, items: &[(ItemId, &[f32])], seed: u64, now: Instant) -> Option<(usize, f64)> {
        let worth = self.decay.worth(now);
        let scores: SmallVec<[Score; 32]> =
            items.iter().map(|(item, features)| self.score(*item, features, worth)).collect();
        let arms: SmallVec<[u32; 32]> = scores.iter().map(|score| score.arm).collect();
        let drawn = |place: usize, arm| {
            let Score { mean, deviation, .. } = scores[place];
            mean + deviation * normal(of_arm(seed, arm)).max(0.0)
        };
        let Choice { place, .. } = Choice::best(&arms, drawn)?;
        Some((place, probability_of_best(&scores, place).clamp(PROPENSITY_MIN, 1.0)))
    }

    /// How often an item is chosen when it is shown with these features, as far as is known: from 0 to 1.
    #[must_use]
    pub fn rate(&self, item: ItemId, features: &[f32], now: Instant) -> f64 {
        let worth = self.decay.worth(now);
        sigmoid(self.own(item, worth) + self.lift.says(features))
    }

    /// Orders what fits by how often it is chosen when it is shown, each with its features: the score of an item is its
    /// [`rate`](Explorer::rate) now. One that moved says so in its [effects](Recommendation::effects), with what of it,
    /// compared with the others, had it move most. Equal ones stay in their order. O(items · (features² + log items)).
    ///
    /// ```
    /// use bespoke::model::{Duration, Instant};
    /// use bespoke::recommend::{Explorer, Items, Reason, Recommendation};
    /// let (mut items, now) = (Items::new(), Instant::from_millis(0));
    /// let [boot, sock] = ["boot-7", "sock-1"].map(|name| items.intern(name).unwrap());
    /// let mut explorer = Explorer::new(Duration::minutes(30), Duration::days(30))?.feature("fit", 1.0)?;
    /// for user in 0..50 {
    ///     explorer.shown(user, boot, &[1.0], now);
    ///     explorer.shown(user, sock, &[0.9], now);
    ///     explorer.chosen(user, sock, now);
    /// }
    /// let later = now + Duration::hours(1);
    /// explorer.pass(later); // what was not chosen by then was not chosen
    /// let [boot, sock] = [(boot, 1.0), (sock, 0.9)].map(|(item, fit)| Recommendation::new(item, fit, Reason::Popular));
    /// let list = explorer.rank(vec![(boot, &[1.0]), (sock, &[0.9])], later);
    /// assert_eq!(items.name(list[0].item), Some("sock-1"));
    /// assert_eq!(list[0].effects()[0].to_string(), "moved from 1 to 0 by what is chosen, most of all its record");
    /// # Ok::<(), bespoke::recommend::Error>(())
    /// ```
    #[must_use]
    pub fn rank(&self, list: Vec<(Recommendation, &[f32])>, now: Instant) -> Vec<Recommendation> {
        let worth = self.decay.worth(now);
        let owns: Vec<f64> = list.iter().map(|(shown, _)| self.own(shown.item, worth)).collect();
        let len = list.len().max(1) as f64;
        let usual = owns.iter().sum::<f64>() / len;
        let usual_features = self.lift.average(list.iter().map(|(_, features)| *features), len);
        let mut ranked: Vec<(usize, f64, Recommendation, &[f32])> = Vec::with_capacity(list.len());
        for (from, ((mut shown, features), own)) in list.into_iter().zip(owns).enumerate() {
            shown.score = sigmoid(own + self.lift.says(features));
            ranked.push((from, own - usual, shown, features));
        }
        ranked.sort_by(|a, b| b.2.score.total_cmp(&a.2.score));
        let moved =
            |(to, (from, own, mut shown, features)): (usize, (usize, f64, Recommendation, &[f32]))| {
                if from != to {
                    let sign = if to < from { 1.0 } else { -1.0 };
                    let record = (RECORD, sign * own);
                    let strongest = self.lift.strongest(features, &usual_features, sign);
                    let most = strongest.filter(|(_, says)| *says > record.1).unwrap_or(record);
                    let most = (most.1 > 0.0).then(|| Arc::from(most.0));
                    shown.note(Effect::Learned { from: from as u16, to: to as u16, most });
                }
                shown
            };
        ranked.into_iter().enumerate().map(moved).collect()
    }

    /// Drops what waits for a user to choose. Counts stay, and what features say.
    pub fn forget(&mut self, user: u32) {
        self.waiting.forget(user);
    }

    /// Bytes on the heap, roughly.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.items.bytes() + self.waiting.bytes() + self.lift.bytes()
    }

    /// Appends all that was learned. Parameters are not in it.
    pub fn checkpoint(&self, out: &mut Vec<u8>) {
        Pieces::all(|pieces| self.write_later(pieces), out);
    }

    /// The same, to be written while it goes on to learn.
    pub(crate) fn write_later(&self, pieces: &mut Pieces) {
        pieces.push_now(|out| {
            self.decay.write(out);
            self.all.write(out);
            self.lift.write(out);
            self.items.len().write(out);
        });
        self.items.write_later(0, Counts::write, pieces);
        self.waiting.write_later(pieces);
    }

    /// Goes on with what one with the same parameters had learned about these items, in place of what is known. Where it had
    /// other features, what is known of them begins anew, and the counts go on.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] for bytes that were not written so. Nothing is changed then.
    pub fn restore(&mut self, bytes: &[u8], items: &Items) -> Result<(), Error> {
        *self = restored("explorer", bytes, |from| {
            let mut read = self.clone();
            read.read_state(from, items.len())?;
            Ok(read)
        })?;
        Ok(())
    }

    /// Goes on with what was to be [written](Explorer::write_later).
    ///
    /// # Errors
    /// Bytes that were not written so. Nothing is changed then.
    pub(crate) fn read_state(&mut self, from: &mut Bytes<'_>, items: usize) -> Result<(), Malformed> {
        let mut decay = self.decay;
        decay.read(from)?;
        let all = from.read()?;
        let (lift, is_same) = self.lift.read(from)?;
        let len = from.valid("the number of items that were shown", |len: &usize| *len <= items)?;
        let rows = (0..len).map(|_| from.read()).collect::<Result<_, _>>()?;
        let waiting = self.waiting.read(from, items)?;
        *self = Explorer { decay, all, items: rows, waiting, lift };
        if !is_same {
            self.begin_lift();
        }
        Ok(())
    }

    /// Drops what features said, which are no more.
    fn begin_lift(&mut self) {
        self.waiting.drop_features();
        self.items.iter_mut().chain([&mut self.all]).for_each(|counts| counts.lift = 0.0);
    }

    /// The same counts, with other features, of which nothing is known yet; the same where they are the same.
    pub(crate) fn with_features_of(&self, other: Explorer) -> Explorer {
        if self.lift.is_of_same(&other.lift) {
            return self.clone();
        }
        let mut explorer = Explorer { lift: other.lift, ..self.clone() };
        explorer.begin_lift();
        explorer
    }

    fn count(&mut self, item: ItemId, features: &[f32], at: Instant, chosen: f64) {
        if let Some(factor) = self.decay.advance(at) {
            for counts in self.items.iter_mut().chain([&mut self.all]) {
                counts.shown *= factor;
                counts.chosen *= factor;
                counts.lift *= factor;
            }
        }
        let all = self.all_odds(self.decay.worth(at));
        let lift = self.lift.learn(features, all, chosen);
        let weight = self.decay.weight(at);
        self.items.fill_up(item.index() + 1, &Counts::default());
        for counts in [&mut self.items[item.index()], &mut self.all] {
            counts.shown += weight;
            counts.chosen += weight * chosen;
            counts.lift += weight * lift;
        }
    }

    /// How often any is chosen.
    fn all_rate(&self, worth: f64) -> f64 {
        let Counts { shown, chosen, .. } = self.all;
        ((chosen * worth + 1.0) / (shown * worth + 2.0)).clamp(RATE_MIN, 1.0 - RATE_MIN)
    }

    fn all_odds(&self, worth: f64) -> f64 {
        let rate = self.all_rate(worth);
        libm::log(rate / (1.0 - rate))
    }

    /// How often it was chosen and how often not, with what is believed of any.
    fn believed(&self, item: ItemId, worth: f64) -> (f64, f64) {
        let rate = self.all_rate(worth);
        let Counts { shown, chosen, .. } = self.items.get(item.index()).copied().unwrap_or_default();
        (BEFORE * rate + chosen * worth, BEFORE * (1.0 - rate) + (shown - chosen).max(0.0) * worth)
    }

    /// The log-odds that an item has by itself: those of being chosen, less what features said where it was shown.
    fn own(&self, item: ItemId, worth: f64) -> f64 {
        let (won, lost) = self.believed(item, worth);
        let Counts { shown, lift, .. } = self.items.get(item.index()).copied().unwrap_or_default();
        libm::log(won / lost) - lift * worth / (shown * worth + BEFORE)
    }

    fn score(&self, item: ItemId, features: &[f32], worth: f64) -> Score {
        let (won, lost) = self.believed(item, worth);
        // Of the logarithm of the odds; the delta method.
        let variance = 1.0 / won + 1.0 / lost + self.lift.variance(features);
        let mean = self.own(item, worth) + self.lift.says(features);
        Score { arm: item.number(), mean, deviation: EXPLORE * variance.sqrt() }
    }
}

impl Record for Counts {
    fn write(&self, out: &mut Vec<u8>) {
        (self.shown, self.chosen, self.lift).write(out);
    }

    fn read(from: &mut Bytes<'_>) -> Result<Counts, Malformed> {
        let shown = from.weight("impressions")?;
        let chosen = from.valid("what was chosen of them", |chosen: &f64| (0.0..=shown).contains(chosen))?;
        let lift = from.valid("what features said", |lift: &f64| lift.is_finite())?;
        Ok(Counts { shown, chosen, lift })
    }
}

#[cfg(test)]
#[path = "explorer_test.rs"]
mod tests;
