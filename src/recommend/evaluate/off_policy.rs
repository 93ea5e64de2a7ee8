use crate::recommend::evaluate::Error;
use crate::recommend::evaluate::random::Random;
use serde::Serialize;

/// How far the probabilities of a policy may add up to something else than 1.
const ROUNDING: f64 = 1e-6;

/// A choice that was made and logged.
///
/// ```
/// use bespoke::recommend::{bandit::{BetaThompson, Candidates, Policy}, evaluate::Logged};
/// let (mut buttons, both) = (BetaThompson::params(2).check()?, Candidates::new(&[0, 1]));
/// let choice = buttons.choose(&both, 0x5eed)?;
/// let propensity = buttons.propensity(&both, choice.place)?; // before anything is learned from it
/// let round = Logged { context: "evening", action: choice.place, propensity, reward: 1.0 };
/// buttons.learn(&both, round.action, round.reward)?;
/// // Afterwards the policy is another one, and nobody can tell how probable the choice was.
/// assert_ne!(buttons.propensity(&both, round.action)?, round.propensity);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Logged<C> {
    /// What was known when it was made.
    pub context: C,
    /// What was chosen, by number.
    pub action: usize,
    /// How probable that choice was; above 0 and at most 1.
    pub propensity: f64,
    /// What came of it.
    pub reward: f64,
}

/// What another policy would have earned, from the log of the one that ran: without trying it on anybody.
///
/// With `w = π(a|x) / p`, how much more often the other policy would have made the logged choice, over `n` rounds:
/// - IPS, inverse propensity scoring: `Σ w r / n`. Unbiased, and wild where `w` is large.
/// - SNIPS, self-normalized: `Σ w r / Σ w`. A little biased, much calmer, and never beyond the rewards that were seen.
/// - DR, doubly robust: `Σ [Σ_a π(a|x) q(x,a) + w (r - q(x,a))] / n`, with a model `q` of the reward. Unbiased where the
///   propensities are right or the model is, and calmer the better the model. One that was fitted to the same rounds
///   flatters itself: fit it to others.
///
/// Intervals are those of the percentile bootstrap over rounds, seeded. They know nothing of rewards that are too rare
/// to be in the log.
///
/// Refuses where the log says too little: fewer rounds than [`rounds_min`](OffPolicy::rounds_min), or an effective sample
/// size `(Σ w)² / Σ w²` (Kish, "Survey Sampling", 1965) below [`effective_min`](OffPolicy::effective_min).
///
/// References: Dudík, Langford and Li, "Doubly robust policy evaluation and learning", ICML 2011; Swaminathan and
/// Joachims, "The self-normalized estimator for counterfactual learning", NIPS 2015.
///
/// ```
/// use bespoke::recommend::evaluate::{Logged, OffPolicy};
/// // A coin chose between two banners, of which the second is clicked by 60 % and the first by 20 %.
/// let log: Vec<Logged<()>> = (0..1_000)
///     .map(|n| {
///         let (action, fifth) = (n % 2, n / 2 % 5);
///         let reward = f64::from(u8::from(fifth < [1, 3][action]));
///         Logged { context: (), action, propensity: 0.5, reward }
///     })
///     .collect();
/// let always_second = |_: &(), action: usize| [0.0, 1.0][action];
/// let estimates = OffPolicy::new().estimate(&log, 2, always_second, |_, _| 0.5)?;
/// assert_eq!((estimates.logged.value, estimates.snips.value, estimates.effective), (0.4, 0.6, 500.0));
/// assert!(estimates.snips.low < 0.6 && 0.6 < estimates.snips.high);
/// # Ok::<(), bespoke::recommend::evaluate::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OffPolicy {
    resamples: usize,
    confidence: f64,
    seed: u64,
    rounds_min: usize,
    effective_min: f64,
}

/// What a policy would have earned a round.
///
/// ```
/// use bespoke::recommend::evaluate::{Estimate, OffPolicy};
/// # use bespoke::recommend::evaluate::Logged;
/// # let log: Vec<Logged<()>> = (0..1_000)
/// #     .map(|n| {
/// #         let action = usize::from(n % 5 == 0);
/// #         let reward = f64::from(u8::from(n / 5 % 10 < [2, 6][action]));
/// #         Logged { context: (), action, propensity: [0.8, 0.2][action], reward }
/// #     })
/// #     .collect();
/// // 1,000 rounds, of which a fifth showed the second banner. What if all did?
/// let always_second = |_: &(), action: usize| [0.0, 1.0][action];
/// let model = |_: &(), action: usize| [0.2, 0.6][action]; // fitted to other rounds
/// let estimates = OffPolicy::new().estimate(&log, 2, always_second, model)?;
/// assert_eq!((estimates.rounds, estimates.effective), (1_000, 200.0));
/// let width = |estimate: Estimate| estimate.high - estimate.low;
/// assert!(width(estimates.doubly_robust) < width(estimates.ips)); // a good model leaves less to chance
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Estimates {
    /// How many rounds were logged.
    pub rounds: usize,
    /// How many rounds of the policy itself they are worth.
    pub effective: f64,
    /// What the policy that ran earned.
    pub logged: Estimate,
    /// By inverse propensity scoring.
    pub ips: Estimate,
    /// The same, self-normalized.
    pub snips: Estimate,
    /// Doubly robust.
    pub doubly_robust: Estimate,
}

/// A mean reward and its confidence interval.
///
/// ```
/// use bespoke::recommend::evaluate::{Estimate, OffPolicy};
/// # use bespoke::recommend::evaluate::Logged;
/// # let log: Vec<Logged<()>> = (0..400)
/// #     .map(|n| {
/// #         let action = n % 2;
/// #         let reward = f64::from(u8::from(n / 2 % 10 < [2, 3][action]));
/// #         Logged { context: (), action, propensity: 0.5, reward }
/// #     })
/// #     .collect();
/// /// A gain that chance alone may have made is none.
/// fn is_better(other: Estimate, logged: Estimate) -> bool {
///     other.low > logged.high
/// }
/// let second = |_: &(), action: usize| [0.0, 1.0][action]; // 30 % of 200 clicked, where 25 % of all 400 did
/// let estimates = OffPolicy::new().estimate(&log, 2, second, |_, _| 0.0)?;
/// assert!(estimates.snips.value > estimates.logged.value);
/// assert!(!is_better(estimates.snips, estimates.logged)); // log for longer
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Where the interval begins.
    pub low: f64,
    /// Where it ends.
    pub high: f64,
}

/// What a round adds to sums: 1, weight, reward, weighted reward, and the term of the doubly robust estimate.
#[derive(Clone, Copy, Debug, Default)]
struct Term {
    weight: f64,
    reward: f64,
    weighted: f64,
    doubly_robust: f64,
}

impl Default for OffPolicy {
    fn default() -> OffPolicy {
        OffPolicy::new()
    }
}

impl OffPolicy {
    /// 1,000 resamples, 95 % confidence, at least 100 rounds that are worth 50.
    #[must_use]
    pub fn new() -> OffPolicy {
        OffPolicy { resamples: 1_000, confidence: 0.95, seed: 1, rounds_min: 100, effective_min: 50.0 }
    }

    /// How many resamples the intervals rest on; from 100 to 100,000.
    #[must_use]
    pub fn resamples(mut self, resamples: usize) -> OffPolicy {
        self.resamples = resamples;
        self
    }

    /// How often an interval is to hold the truth; above 0 and below 1.
    #[must_use]
    pub fn confidence(mut self, confidence: f64) -> OffPolicy {
        self.confidence = confidence;
        self
    }

    /// Another number draws other resamples.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> OffPolicy {
        self.seed = seed;
        self
    }

    /// Refuse with fewer rounds; at least 2.
    #[must_use]
    pub fn rounds_min(mut self, rounds: usize) -> OffPolicy {
        self.rounds_min = rounds;
        self
    }

    /// Refuse where the rounds are worth fewer of the policy itself; at least 1.
    #[must_use]
    pub fn effective_min(mut self, rounds: f64) -> OffPolicy {
        self.effective_min = rounds;
        self
    }

    /// Values a policy, given by the probability of each of so many actions in a context, with a model of the reward of an
    /// action in a context; `|_, _| 0.0` where there is none, and DR is IPS then.
    ///
    /// O(rounds · (actions + resamples)).
    ///
    /// # Errors
    /// [`Error::Setting`], [`Error::TooFewRounds`], [`Error::Round`] for the first round that cannot be, and
    /// [`Error::EffectiveSampleTooSmall`].
    pub fn estimate<C>(
        &self,
        log: &[Logged<C>],
        actions: usize,
        policy: impl Fn(&C, usize) -> f64,
        reward: impl Fn(&C, usize) -> f64,
    ) -> Result<Estimates, Error> {
        self.check()?;
        let (found, wanted) = (log.len(), self.rounds_min);
        if found < wanted {
            return Err(Error::TooFewRounds { found, wanted });
        }
        let mut terms = Vec::with_capacity(log.len());
        for (round, logged) in log.iter().enumerate() {
            terms.push(term(round, logged, actions, &policy, &reward)?);
        }
        let weights: f64 = terms.iter().map(|term| term.weight).sum();
        let squares: f64 = terms.iter().map(|term| term.weight * term.weight).sum();
        let effective = if squares > 0.0 { weights * weights / squares } else { 0.0 };
        if effective < self.effective_min {
            let (rounds, wanted) = (log.len(), self.effective_min);
            return Err(Error::EffectiveSampleTooSmall { rounds, effective, wanted });
        }
        let [logged, ips, snips, doubly_robust] = self.intervals(&terms);
        Ok(Estimates { rounds: log.len(), effective, logged, ips, snips, doubly_robust })
    }

    fn check(&self) -> Result<(), Error> {
        let refuse = |name, found: String, wanted| Err(Error::Setting { name, found, wanted });
        if !(100..=100_000).contains(&self.resamples) {
            return refuse("resamples", self.resamples.to_string(), "from 100 to 100000");
        }
        if !(self.confidence > 0.0 && self.confidence < 1.0) {
            return refuse("confidence", self.confidence.to_string(), "above 0 and below 1");
        }
        if self.rounds_min < 2 {
            return refuse("rounds_min", self.rounds_min.to_string(), "at least 2");
        }
        if self.effective_min.is_nan() || self.effective_min < 1.0 {
            return refuse("effective_min", self.effective_min.to_string(), "at least 1");
        }
        Ok(())
    }

    /// The estimates with their intervals: the same resamples of rounds for all of them.
    fn intervals(&self, terms: &[Term]) -> [Estimate; 4] {
        let values = means(terms.iter());
        let mut resampled: [Vec<f64>; 4] = Default::default();
        for number in 0..self.resamples {
            let mut random = Random::nth(self.seed, number as u64);
            let drawn = means((0..terms.len()).map(|_| &terms[random.below(terms.len())]));
            resampled.iter_mut().zip(drawn).for_each(|(values, value)| values.push(value));
        }
        let tail = (1.0 - self.confidence) / 2.0;
        let last = self.resamples - 1;
        let place = |share: f64| libm::round(share * last as f64) as usize;
        let mut places = values.into_iter().zip(&mut resampled).map(|(value, resampled)| {
            resampled.sort_unstable_by(f64::total_cmp);
            Estimate { value, low: resampled[place(tail)], high: resampled[place(1.0 - tail)] }
        });
        std::array::from_fn(|_| places.next().expect("four of them"))
    }
}

/// The mean reward, IPS, SNIPS and DR.
fn means<'a>(terms: impl Iterator<Item = &'a Term>) -> [f64; 4] {
    let (mut sums, mut n) = (Term::default(), 0.0);
    for term in terms {
        n += 1.0;
        sums.weight += term.weight;
        sums.reward += term.reward;
        sums.weighted += term.weighted;
        sums.doubly_robust += term.doubly_robust;
    }
    let snips = if sums.weight > 0.0 { sums.weighted / sums.weight } else { 0.0 };
    [sums.reward / n, sums.weighted / n, snips, sums.doubly_robust / n]
}

fn term<C>(
    round: usize,
    logged: &Logged<C>,
    actions: usize,
    policy: impl Fn(&C, usize) -> f64,
    reward: impl Fn(&C, usize) -> f64,
) -> Result<Term, Error> {
    let refuse = |name, found, wanted| Err(Error::Round { round, name, found, wanted });
    let Logged { context, action, propensity, reward: seen } = logged;
    if *action >= actions {
        return refuse("action", *action as f64, "below the number of actions");
    }
    if !(*propensity > 0.0 && *propensity <= 1.0) {
        return refuse("propensity", *propensity, "above 0 and at most 1");
    }
    if !seen.is_finite() {
        return refuse("reward", *seen, "a finite number");
    }
    let (mut total, mut expected) = (0.0, 0.0);
    for action in 0..actions {
        let (probability, modelled) = (policy(context, action), reward(context, action));
        if !(0.0..=1.0 + ROUNDING).contains(&probability) {
            return refuse("probability of an action under the policy", probability, "from 0 to 1");
        }
        if !modelled.is_finite() {
            return refuse("modelled reward of an action", modelled, "a finite number");
        }
        total += probability;
        expected += probability * modelled;
    }
    if (total - 1.0).abs() > ROUNDING {
        return refuse("sum of the policy's probabilities", total, "1");
    }
    let weight = policy(context, *action) / propensity;
    let doubly_robust = expected + weight * (seen - reward(context, *action));
    Ok(Term { weight, reward: *seen, weighted: weight * seen, doubly_robust })
}

#[cfg(test)]
#[path = "off_policy_test.rs"]
mod tests;
