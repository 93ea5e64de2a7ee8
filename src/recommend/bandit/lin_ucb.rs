use crate::recommend::Error;
use crate::recommend::bandit::belief::Moments;
use crate::recommend::bandit::model::{Model, Shape};
use crate::recommend::bandit::{Candidates, Choice, FEATURE_MAX, Policy};
use crate::recommend::error::restored;

/// Chooses among arms with features by the upper end of what they may bring, where rewards are amounts.
///
/// The expected reward is `m'x`, learned by ridge regression one observation at a time; the arm with the highest
/// `m'x + alpha · sqrt(x'Sx)` is chosen. Scale rewards so that they vary by about 1. It leaves nothing to chance: the
/// [`propensity`](Policy::propensity) of what it chooses is 1, and of anything else 0, so that other policies cannot be
/// judged by what it logged; [`Thompson`](crate::recommend::bandit::Thompson) is for that.
///
/// Arms, features, cost and memory are as there. [`merge`](Policy::merge) is exact without drift: it is what one policy would
/// have learned from the observations of both.
///
/// Reference: Li, Chu, Langford and Schapire, "A Contextual-Bandit Approach to Personalized News Article Recommendation",
/// WWW 2010.
///
/// ```
/// use bespoke::recommend::bandit::{Candidates, LinUcb, Policy};
/// // What three offers earn, in tens of euros.
/// let mut offers = LinUcb::params().arms(3, 1).check()?;
/// let all = Candidates::new(&[0, 1, 2]).with_context(&[1.0]);
/// for round in 0..100 {
///     let choice = offers.choose(&all, round)?;
///     offers.learn(&all, choice.place, [0.4, 0.9, 0.7][choice.place])?;
/// }
/// assert_eq!(offers.choose(&all, 100)?.arm, 1);
/// # Ok::<(), bespoke::recommend::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LinUcb {
    alpha: f64,
    model: Model,
}

/// Parameters of [`LinUcb`], not yet checked.
///
/// ```
/// use bespoke::recommend::bandit::{Candidates, LinUcb, Policy};
/// let both = Candidates::new(&[0, 1]).with_context(&[1.0]);
/// // The first offer earned something once; the second has never been shown.
/// for (alpha, chosen) in [(0.0, 0), (1.0, 1)] {
///     let mut offers = LinUcb::params().arms(2, 1).alpha(alpha).check()?;
///     offers.learn(&both, 0, 0.5)?;
///     assert_eq!(offers.choose(&both, 0)?.arm, chosen); // without alpha what is not known is never tried
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinUcbParams {
    alpha: f64,
    shape: Shape,
}

impl LinUcbParams {
    /// So many arms, numbered from 0, have beliefs of their own over so many features of the context; none by default.
    #[must_use]
    pub fn arms(mut self, arms: usize, context: usize) -> LinUcbParams {
        (self.shape.arms, self.shape.context) = (arms, context);
        self
    }

    /// All arms share a belief over so many features that each of them has; none by default.
    #[must_use]
    pub fn features(mut self, features: usize) -> LinUcbParams {
        self.shape.features = features;
        self
    }

    /// How many standard deviations above the mean the upper end is: 1 by default, from 0 to 10.
    #[must_use]
    pub fn alpha(mut self, deviations: f64) -> LinUcbParams {
        self.alpha = deviations;
        self
    }

    /// The variance of weights of which nothing is known, against that of rewards; 1 by default, from 1e-6 to 1e6.
    #[must_use]
    pub fn variance(mut self, variance: f64) -> LinUcbParams {
        self.shape.variance = variance;
        self
    }

    /// By what share the covariance of a belief grows with each observation, up to where it began; 1e-5 by default, from 0
    /// to 0.1.
    #[must_use]
    pub fn drift(mut self, drift: f64) -> LinUcbParams {
        self.shape.drift = drift;
        self
    }

    /// Takes weights as independent. Needed above 256 features; `false` by default.
    #[must_use]
    pub fn diagonal(mut self, diagonal: bool) -> LinUcbParams {
        self.shape.diagonal = diagonal;
        self
    }

    /// Makes the policy.
    ///
    /// # Errors
    /// [`Error::Parameter`] names the first parameter that is out of range.
    pub fn check(self) -> Result<LinUcb, Error> {
        if !(0.0..=10.0).contains(&self.alpha) {
            let wanted = "from 0 to 10";
            return Err(Error::Parameter { name: "alpha", found: self.alpha.to_string(), wanted });
        }
        Ok(LinUcb { alpha: self.alpha, model: Model::new(self.shape)? })
    }
}

impl LinUcb {
    /// The default parameters. They say nothing of arms or features: one of both has to be set.
    #[must_use]
    pub fn params() -> LinUcbParams {
        LinUcbParams { alpha: 1.0, shape: Shape::NOTHING }
    }

    /// The reward that the arm at a place brings on average, as far as is known.
    ///
    /// # Errors
    /// As [`Policy::propensity`].
    pub fn predict(&self, candidates: &Candidates<'_>, place: usize) -> Result<f64, Error> {
        self.model.check_place(candidates, place)?;
        Ok(self.model.mean(candidates, place))
    }
}

impl Policy for LinUcb {
    fn name(&self) -> &str {
        "lin-ucb"
    }

    fn choose(&self, candidates: &Candidates<'_>, _draw: u64) -> Result<Choice, Error> {
        self.model.check(candidates)?;
        let score = |place, _| {
            let Moments { mean, variance } = self.model.moments(candidates, place);
            mean + self.alpha * variance.sqrt()
        };
        Choice::best(candidates.arms(), score).ok_or(Error::NoArms)
    }

    /// 1 for the arm that is chosen, 0 for the others.
    fn propensity(&self, candidates: &Candidates<'_>, place: usize) -> Result<f64, Error> {
        self.model.check_place(candidates, place)?;
        Ok(if self.choose(candidates, 0)?.place == place { 1.0 } else { 0.0 })
    }

    /// Rewards are from -1e6 to 1e6.
    fn learn(&mut self, candidates: &Candidates<'_>, place: usize, reward: f64) -> Result<(), Error> {
        self.model.check_place(candidates, place)?;
        if !(-FEATURE_MAX..=FEATURE_MAX).contains(&reward) {
            return Err(Error::Reward { found: reward, wanted: "from -1000000 to 1000000" });
        }
        self.model.observe(candidates, place, |Moments { mean, variance }| {
            ((reward - mean) / (1.0 + variance), 1.0)
        });
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
