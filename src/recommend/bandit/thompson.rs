use crate::recommend::Error;
use crate::recommend::bandit::belief::Moments;
use crate::recommend::bandit::draw::{is_above_mean, normal, of_arm, sigmoid};
use crate::recommend::bandit::logistic::most_probable;
use crate::recommend::bandit::model::{Model, Shape};
use crate::recommend::bandit::win::{EXPLORE, PROPENSITY_MIN, Score, probability_of_best};
use crate::recommend::bandit::{Candidates, Choice, Policy};
use crate::recommend::error::restored;
use smallvec::SmallVec;

/// Chooses among arms with features by Thompson sampling, where rewards are from 0 to 1: clicked or not, how much of it
/// was seen.
///
/// The chance of a reward is `sigmoid(m'x)`, of which the weights are believed to be normally distributed with full
/// covariance. A choice draws a score for each arm, `m'x + explore · rarity · sqrt(x'Sx) · max(0, N(0, 1))`, and takes the
/// highest: what is little known is tried, and what is known to be worse is not. Draws below the mean are left out, because
/// nothing is learned from not showing an arm; and an arm that was tried less than its share is tried a little more (the
/// rarity is the eighth root of by how much less, and 1 otherwise), so that none is given up by bad luck. Against plain
/// draws both together take off a seventh of the regret, and more where luck is bad.
///
/// There can be a belief over the [`features`](ThompsonParams::features) of arms, which is shared by all of them and so
/// knows something of arms that were never shown; beliefs over the context for each of a few
/// [`arms`](ThompsonParams::arms); or both, added up.
///
/// Learning takes the most probable weights after each observation (a Newton step in one dimension, repeated until it
/// stands) and the curvature there; with both kinds of beliefs their covariance with each other is dropped. Beliefs slowly
/// become less certain again ([`drift`](ThompsonParams::drift)), so that what changes is noticed.
///
/// A choice costs O(arms · features²) and allocates nothing, learning O(features²); memory is 8 · (features² + 2 · features)
/// bytes for each belief, with features rounded up to 4 in the square. The [`propensity`](Policy::propensity) of a choice is
/// calculated, to within 0.001, and never below a millionth. [`merge`](Policy::merge) adds the inverses of covariances: exact
/// for what the observations of each side said of the weights as that side knew them, without drift.
///
/// References: Chapelle and Li, "An Empirical Evaluation of Thompson Sampling", NIPS 2011; May, Korda, Lee and Leslie,
/// "Optimistic Bayesian Sampling in Contextual-Bandit Problems", JMLR 13, 2012; Bierman 1977 for the form of the covariance.
///
/// ```
/// use bespoke::recommend::bandit::{Candidates, Policy, Thompson};
/// // Two banners; the context is a constant and whether it is evening. Only in the evening the second one is clicked.
/// let mut banners = Thompson::params().arms(2, 2).check()?;
/// for round in 0..2_000_u64 {
///     let context = [1.0, (round % 2) as f64];
///     let both = Candidates::new(&[0, 1]).with_context(&context);
///     let choice = banners.choose(&both, round)?;
///     let clicked = choice.arm == (round % 2) as u32;
///     banners.learn(&both, choice.place, if clicked { 1.0 } else { 0.0 })?;
/// }
/// let evening = Candidates::new(&[0, 1]).with_context(&[1.0, 1.0]);
/// assert_eq!(banners.choose(&evening, 7)?.arm, 1);
/// assert!(banners.propensity(&evening, 1)? > 0.9);
/// # Ok::<(), bespoke::recommend::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Thompson {
    explore: f64,
    model: Model,
}

/// Parameters of [`Thompson`], not yet checked.
///
/// ```
/// use bespoke::recommend::bandit::{Candidates, Policy, Thompson};
/// // Two features of each arm: a constant, and whether it is on sale. What is on sale is clicked.
/// let mut teasers = Thompson::params().features(2).check()?;
/// let rows = [1.0, 0.0, 1.0, 1.0];
/// let old = Candidates::new(&[1, 2]).with_features(&rows);
/// for round in 0..200 { teasers.learn(&old, round % 2, (round % 2) as f64)? }
/// // Nobody has seen these two, but all arms share what is known of features.
/// let new = Candidates::new(&[8, 9]).with_features(&rows);
/// assert_eq!(teasers.choose(&new, 0x5eed)?.arm, 9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ThompsonParams {
    explore: f64,
    shape: Shape,
}

impl ThompsonParams {
    /// So many arms, numbered from 0, have beliefs of their own over so many features of the context; none by default.
    #[must_use]
    pub fn arms(mut self, arms: usize, context: usize) -> ThompsonParams {
        (self.shape.arms, self.shape.context) = (arms, context);
        self
    }

    /// All arms share a belief over so many features that each of them has; none by default.
    #[must_use]
    pub fn features(mut self, features: usize) -> ThompsonParams {
        self.shape.features = features;
        self
    }

    /// How many standard deviations of the score a draw goes: 0.35 by default, from 0 to 10. What is exact on paper, 1, tries
    /// more than pays.
    #[must_use]
    pub fn explore(mut self, deviations: f64) -> ThompsonParams {
        self.explore = deviations;
        self
    }

    /// The variance of weights of which nothing is known; 1 by default, from 1e-6 to 1e6.
    #[must_use]
    pub fn variance(mut self, variance: f64) -> ThompsonParams {
        self.shape.variance = variance;
        self
    }

    /// By what share the covariance of a belief grows with each observation, up to where it began; 1e-5 by default, from 0
    /// to 0.1. With it a belief rests on its newest `1 / drift` observations, roughly.
    #[must_use]
    pub fn drift(mut self, drift: f64) -> ThompsonParams {
        self.shape.drift = drift;
        self
    }

    /// Takes weights as independent: O(features) in time and memory, learns slower. Needed above 256 features; `false` by
    /// default.
    #[must_use]
    pub fn diagonal(mut self, diagonal: bool) -> ThompsonParams {
        self.shape.diagonal = diagonal;
        self
    }

    /// Makes the policy.
    ///
    /// # Errors
    /// [`Error::Parameter`] names the first parameter that is out of range.
    pub fn check(self) -> Result<Thompson, Error> {
        if !(0.0..=10.0).contains(&self.explore) {
            let wanted = "from 0 to 10";
            return Err(Error::Parameter { name: "explore", found: self.explore.to_string(), wanted });
        }
        Ok(Thompson { explore: self.explore, model: Model::new(self.shape)? })
    }
}

impl Thompson {
    /// The default parameters. They say nothing of arms or features: one of both has to be set.
    #[must_use]
    pub fn params() -> ThompsonParams {
        ThompsonParams { explore: EXPLORE, shape: Shape::NOTHING }
    }

    /// What is drawn from for the arm at a place of candidates that were checked.
    fn score(&self, candidates: &Candidates<'_>, place: usize) -> Score {
        let arm = candidates.arms()[place];
        let Moments { mean, variance } = self.model.moments(candidates, place);
        // Square roots are the same on every machine, and quicker than a power.
        let rarity = self.model.rarity(arm).sqrt().sqrt().sqrt();
        Score { arm, mean, deviation: self.explore * rarity * variance.sqrt() }
    }

    /// Names the invariant that broke.
    #[cfg(test)]
    pub(super) fn model_is_valid(&self) -> Result<(), &'static str> {
        self.model.validate()
    }

    /// The chance of a reward for the arm at a place, as far as is known: without exploring. From 0 to 1.
    ///
    /// # Errors
    /// As [`Policy::propensity`].
    pub fn predict(&self, candidates: &Candidates<'_>, place: usize) -> Result<f64, Error> {
        self.model.check_place(candidates, place)?;
        Ok(sigmoid(self.model.mean(candidates, place)))
    }
}

impl Policy for Thompson {
    fn name(&self) -> &str {
        "thompson"
    }

    fn choose(&self, candidates: &Candidates<'_>, draw: u64) -> Result<Choice, Error> {
        self.model.check(candidates)?;
        let score = |place, arm| {
            let bits = of_arm(draw, arm);
            if !is_above_mean(bits) {
                return self.model.mean(candidates, place); // which is half of the work, for half of the arms
            }
            let Score { mean, deviation, .. } = self.score(candidates, place);
            mean + deviation * normal(bits)
        };
        Choice::best(candidates.arms(), score).ok_or(Error::NoArms)
    }

    fn propensity(&self, candidates: &Candidates<'_>, place: usize) -> Result<f64, Error> {
        self.model.check_place(candidates, place)?;
        let scores = (0..candidates.arms().len()).map(|place| self.score(candidates, place));
        Ok(probability_of_best(&scores.collect::<SmallVec<[Score; 16]>>(), place).clamp(PROPENSITY_MIN, 1.0))
    }

    /// Rewards are from 0 to 1.
    fn learn(&mut self, candidates: &Candidates<'_>, place: usize, reward: f64) -> Result<(), Error> {
        self.model.check_place(candidates, place)?;
        if !(0.0..=1.0).contains(&reward) {
            return Err(Error::Reward { found: reward, wanted: "from 0 to 1" });
        }
        self.model.observe(candidates, place, |score| most_probable(score.mean, score.variance, reward));
        Ok(())
    }

    fn checkpoint(&self, out: &mut Vec<u8>) {
        self.model.write(out);
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.model = restored(self.name(), bytes, |from| self.model.read(from))?;
        Ok(())
    }

    fn merge(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.model = restored(self.name(), bytes, |from| self.model.read_merged(from))?;
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.model.bytes()
    }
}
