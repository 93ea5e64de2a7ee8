use crate::recommend::Error;
use crate::recommend::bandit::draw;
use std::fmt;

/// Largest feature of an arm or a context, of either sign.
pub const FEATURE_MAX: f64 = 1e6;
/// Most arms that one choice is among.
pub const CANDIDATES_MAX: usize = 10_000;
/// How many choices the probability of one is counted over, where it is not calculated.
const CHOICES: u64 = 100;

/// The arms that may be chosen now, and what is known of them and of the situation.
///
/// Arms have numbers that the caller gives: places in a list of variants, or the numbers of items. Their order means
/// nothing. Features say what is known: a `context` is the same for all arms (the user, the hour), `features` are an own
/// row for each arm (its price, the score a recommender gives it). Scale them so that they are mostly between -1 and 1, and
/// let one of them be always 1.
///
/// ```
/// use bespoke::recommend::bandit::Candidates;
/// let evening = [1.0, 0.8];
/// let banners = Candidates::new(&[0, 1, 2]).with_context(&evening);
/// let rows = [1.0, 0.3, 1.0, 0.9]; // two features for each of two items
/// let items = Candidates::new(&[4711, 42]).with_features(&rows);
/// # let _ = (banners, items);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidates<'a> {
    arms: &'a [u32],
    context: &'a [f64],
    features: &'a [f64],
}

impl<'a> Candidates<'a> {
    /// Arms of which nothing is known.
    #[must_use]
    pub const fn new(arms: &'a [u32]) -> Candidates<'a> {
        Candidates { arms, context: &[], features: &[] }
    }

    /// The features of the situation.
    #[must_use]
    pub const fn with_context(self, context: &'a [f64]) -> Candidates<'a> {
        Candidates { context, ..self }
    }

    /// The features of the arms: those of the first, then those of the second …
    #[must_use]
    pub const fn with_features(self, features: &'a [f64]) -> Candidates<'a> {
        Candidates { features, ..self }
    }

    /// The numbers of the arms.
    #[must_use]
    pub const fn arms(&self) -> &'a [u32] {
        self.arms
    }

    /// The features of the situation.
    #[must_use]
    pub const fn context(&self) -> &'a [f64] {
        self.context
    }

    /// The features of the arm at a place; none where there is no such place.
    #[must_use]
    pub fn features(&self, place: usize) -> &'a [f64] {
        let len = self.features.len() / self.arms.len().max(1);
        self.features.chunks_exact(len.max(1)).nth(place).unwrap_or(&[])
    }

    /// The same with one arm only: what a caller keeps until the reward comes.
    #[must_use]
    pub fn only(&self, place: usize) -> Candidates<'a> {
        let arms = self.arms.get(place..=place).unwrap_or(&[]);
        Candidates { arms, context: self.context, features: self.features(place) }
    }

    /// Says whether a policy can work with them that takes so many features.
    ///
    /// # Errors
    /// [`Error::NoArms`], [`Error::TooManyArms`], [`Error::FeatureCount`] and [`Error::Feature`].
    pub fn check(&self, context: usize, features: usize) -> Result<(), Error> {
        if self.arms.is_empty() {
            return Err(Error::NoArms);
        }
        if self.arms.len() > CANDIDATES_MAX {
            return Err(Error::TooManyArms(self.arms.len()));
        }
        for (found, wanted) in
            [(self.context, context), (self.features, features.saturating_mul(self.arms.len()))]
        {
            if found.len() != wanted {
                return Err(Error::FeatureCount { found: found.len(), wanted });
            }
            if let Some(feature) =
                found.iter().find(|feature| !(-FEATURE_MAX..=FEATURE_MAX).contains(*feature))
            {
                return Err(Error::Feature(*feature));
            }
        }
        Ok(())
    }
}

/// The arm that a [`Policy`] chose.
///
/// ```
/// use bespoke::recommend::bandit::{BetaThompson, Candidates, Policy};
/// let mut banners = BetaThompson::params(50).check()?;
/// let tonight = Candidates::new(&[40, 7, 23]);
/// let choice = banners.choose(&tonight, 0x5eed)?;
/// assert_eq!(tonight.arms()[choice.place], choice.arm);
/// // The arm is what to show, the place what to learn of.
/// banners.learn(&tonight, choice.place, 1.0)?;
/// assert!(banners.rate(choice.arm)? > 0.6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Choice {
    /// Its place among the candidates.
    pub place: usize,
    /// Its number.
    pub arm: u32,
    /// The score that it won with: comparable within one choice only.
    pub score: f64,
}

impl Choice {
    /// The arm at a place among the candidates, and the score that it won with.
    #[must_use]
    pub const fn new(place: usize, arm: u32, score: f64) -> Choice {
        Choice { place, arm, score }
    }

    /// The best of scored arms; of equal ones the one with the lower number. A score that is no number never wins.
    pub(in crate::recommend) fn best(
        arms: &[u32],
        mut score: impl FnMut(usize, u32) -> f64,
    ) -> Option<Choice> {
        let mut best: Option<Choice> = None;
        for (place, arm) in arms.iter().copied().enumerate() {
            let score = score(place, arm);
            let wins = best.is_none_or(|best| score > best.score || score == best.score && arm < best.arm);
            if wins && !score.is_nan() {
                best = Some(Choice { place, arm, score });
            }
        }
        best
    }
}

/// Chooses one of several arms, learns what came of it, and so comes to choose the best: a bandit.
///
/// The contract, which [`conformance`](crate::recommend::bandit::conformance) checks:
/// - a choice follows from what was learned, from the candidates and from `draw` alone, whatever the order of candidates;
/// - state follows from the calls of `learn`, `restore` and `merge` in order: the same calls give the same checkpoint;
/// - propensities are from 0 to 1, above 0 for what can be chosen, and add up to 1 over the candidates;
/// - what is refused changes nothing, and no input panics.
///
/// `draw` stands for chance: bits that are even and never drawn again, such as a stable hash of a seed and the number of
/// the round. The same draw gives the same choice.
///
/// ```
/// use bespoke::recommend::Error;
/// use bespoke::recommend::bandit::{Candidates, Choice, Policy, conformance};
///
/// /// Shows all arms alike.
/// #[derive(Debug)]
/// struct Even;
///
/// impl Policy for Even {
///     fn name(&self) -> &str { "even" }
///     fn choose(&self, candidates: &Candidates<'_>, draw: u64) -> Result<Choice, Error> {
///         candidates.check(0, 0)?;
///         // By the numbers of the arms, whose places mean nothing.
///         let lot = |arm: &u32| (draw ^ u64::from(*arm)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
///         let lots = candidates.arms().iter().enumerate().min_by_key(|(_, arm)| lot(arm));
///         let (place, arm) = lots.ok_or(Error::NoArms)?;
///         Ok(Choice::new(place, *arm, 0.0))
///     }
///     fn learn(&mut self, candidates: &Candidates<'_>, place: usize, reward: f64) -> Result<(), Error> {
///         candidates.check(0, 0)?;
///         match place < candidates.arms().len() {
///             false => Err(Error::NoSuchPlace(place)),
///             true if reward.is_nan() || reward.is_infinite() => {
///                 Err(Error::Reward { found: reward, wanted: "a number" })
///             }
///             true => Ok(()),
///         }
///     }
///     fn checkpoint(&self, _out: &mut Vec<u8>) {}
///     fn restore(&mut self, bytes: &[u8]) -> Result<(), Error> {
///         let found = || format!("{} bytes", bytes.len());
///         if bytes.is_empty() { Ok(()) } else { Err(Error::Checkpoint { model: "even".into(), found: found() }) }
///     }
///     fn bytes(&self) -> usize { 0 }
/// }
///
/// let candidates = Candidates::new(&[7, 8]);
/// let mut policy: Box<dyn Policy> = Box::new(Even);
/// let choice = policy.choose(&candidates, 0x5eed)?;
/// let probability = policy.propensity(&candidates, choice.place)?;     // to be logged beside the choice
/// assert!((0.3..0.7).contains(&probability));
/// policy.learn(&candidates, choice.place, 1.0)?;
/// conformance(|| Even, &candidates).expect("it keeps the contract");
/// # Ok::<(), Error>(())
/// ```
pub trait Policy: Send + Sync + fmt::Debug {
    /// A short name in lower case, for reports.
    fn name(&self) -> &str;

    /// The arm to show.
    ///
    /// # Errors
    /// Candidates that the policy cannot work with: none, or features that are too many, too few, too large or no numbers.
    fn choose(&self, candidates: &Candidates<'_>, draw: u64) -> Result<Choice, Error>;

    /// How probable it is, over all draws, that the arm at a place is chosen among the candidates as the policy stands: to be
    /// asked before anything more is learned, and to be logged beside the choice. What a choice brought, divided by it, is
    /// what always choosing so would bring, without bias.
    ///
    /// Unless a policy calculates it, it is counted over 100 draws that are always the same, as `(times + 1) / 102`: off by
    /// 0.05 at most mostly, and never 0. Costs that many choices.
    ///
    /// # Errors
    /// The same, and [`Error::NoSuchPlace`].
    fn propensity(&self, candidates: &Candidates<'_>, place: usize) -> Result<f64, Error> {
        if place >= candidates.arms().len() {
            return Err(Error::NoSuchPlace(place));
        }
        let mut times = 0_u32;
        for number in 0..CHOICES {
            times += u32::from(self.choose(candidates, draw::further(0, number))?.place == place);
        }
        Ok(f64::from(times + 1) / (CHOICES + 2) as f64)
    }

    /// Takes in what the arm at a place among the candidates brought; [`Candidates::only`] that arm will do.
    ///
    /// # Errors
    /// The same, and [`Error::Reward`] for one that is out of range or no number.
    fn learn(&mut self, candidates: &Candidates<'_>, place: usize, reward: f64) -> Result<(), Error>;

    /// Writes what was learned; parameters are not in it.
    fn checkpoint(&self, out: &mut Vec<u8>);

    /// Takes over what one with the same parameters had learned.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] for bytes that were not written so. Nothing changes then.
    fn restore(&mut self, bytes: &[u8]) -> Result<(), Error>;

    /// Adds what another one with the same parameters learned that began anew, elsewhere.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] as above; [`Error::Unmergeable`] where a policy cannot.
    fn merge(&mut self, _bytes: &[u8]) -> Result<(), Error> {
        Err(Error::Unmergeable(self.name().into()))
    }

    /// Bytes on the heap, roughly.
    fn bytes(&self) -> usize;
}

impl<P: Policy + ?Sized> Policy for Box<P> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn choose(&self, candidates: &Candidates<'_>, draw: u64) -> Result<Choice, Error> {
        (**self).choose(candidates, draw)
    }

    fn propensity(&self, candidates: &Candidates<'_>, place: usize) -> Result<f64, Error> {
        (**self).propensity(candidates, place)
    }

    fn learn(&mut self, candidates: &Candidates<'_>, place: usize, reward: f64) -> Result<(), Error> {
        (**self).learn(candidates, place, reward)
    }

    fn checkpoint(&self, out: &mut Vec<u8>) {
        (**self).checkpoint(out);
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), Error> {
        (**self).restore(bytes)
    }

    fn merge(&mut self, bytes: &[u8]) -> Result<(), Error> {
        (**self).merge(bytes)
    }

    fn bytes(&self) -> usize {
        (**self).bytes()
    }
}
