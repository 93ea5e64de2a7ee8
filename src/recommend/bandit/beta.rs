use crate::model::{Bytes, Malformed, Record, SUM_MAX};
use crate::recommend::Error;
use crate::recommend::bandit::draw::{further, normal, of_arm, unit};
use crate::recommend::bandit::{ARMS_MAX, Candidates, Choice, Policy};
use crate::recommend::error::restored;

/// Chooses among a few arms of which nothing is known but what each brought, by Thompson sampling: rewards are from 0 to 1.
///
/// Of each arm there are two counts, of what it brought and of what it did not, and a choice draws a rate for each from
/// the beta distribution that they give. A reward of 0.3 counts as three tenths of a success.
///
/// A choice costs O(arms) and allocates nothing, learning O(1); memory is 16 bytes an arm. [`merge`](Policy::merge) adds
/// counts: exact, but for rounding, without [`drift`](BetaThompsonParams::drift). The propensity is counted over 100 draws.
///
/// Reference: Chapelle and Li, NIPS 2011; gamma draws by Marsaglia and Tsang, ACM TOMS 26, 2000.
///
/// ```
/// use bespoke::recommend::bandit::{BetaThompson, Candidates, Policy};
/// let mut buttons = BetaThompson::params(3).check()?;
/// let all = Candidates::new(&[0, 1, 2]);
/// for round in 0..1_000_u64 {
///     let choice = buttons.choose(&all, round)?;
///     let clicked = choice.arm == 2 && round % 4 > 0;
///     buttons.learn(&all, choice.place, if clicked { 1.0 } else { 0.0 })?;
/// }
/// assert_eq!(buttons.choose(&all, 1_000)?.arm, 2);
/// assert!((buttons.rate(2)? - 0.75).abs() < 0.05);
/// # Ok::<(), bespoke::recommend::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct BetaThompson {
    params: BetaThompsonParams,
    counts: Vec<Counts>,
}

/// What an arm brought, and what it did not, beside what was believed before.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counts {
    won: f64,
    lost: f64,
}

/// Parameters of [`BetaThompson`], not yet checked.
///
/// ```
/// use bespoke::recommend::bandit::{BetaThompson, Candidates, Policy};
/// let buttons = Candidates::new(&[0, 1]);
/// // What one click makes of a button of which nothing is known, and where one of twenty is usual.
/// for (won, lost, rate) in [(1.0, 1.0, 2.0 / 3.0), (1.0, 19.0, 2.0 / 21.0)] {
///     let mut policy = BetaThompson::params(2).before(won, lost).check()?;
///     policy.learn(&buttons, 0, 1.0)?;
///     assert!((policy.rate(0)? - rate).abs() < 1e-4);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BetaThompsonParams {
    arms: usize,
    won: f64,
    lost: f64,
    drift: f64,
}

impl BetaThompsonParams {
    /// What is believed of an arm before anything is known: so much won and so much lost; 1 and 1 by default, which is that
    /// every rate is as likely. From 0.01 to 1e6 each.
    #[must_use]
    pub fn before(mut self, won: f64, lost: f64) -> BetaThompsonParams {
        (self.won, self.lost) = (won, lost);
        self
    }

    /// Which share of its counts an arm loses with each reward; 1e-5 by default, from 0 to 0.1.
    #[must_use]
    pub fn drift(mut self, drift: f64) -> BetaThompsonParams {
        self.drift = drift;
        self
    }

    /// Makes the policy.
    ///
    /// # Errors
    /// [`Error::Parameter`] names the first parameter that is out of range.
    pub fn check(self) -> Result<BetaThompson, Error> {
        let refused = |name, found: String, wanted| Err(Error::Parameter { name, found, wanted });
        if !(1..=ARMS_MAX).contains(&self.arms) {
            return refused("arms", self.arms.to_string(), "from 1 to 10000");
        }
        for before in [self.won, self.lost] {
            if !(0.01..=1e6).contains(&before) {
                return refused("before", before.to_string(), "from 0.01 to 1e6");
            }
        }
        if !(0.0..=0.1).contains(&self.drift) {
            return refused("drift", self.drift.to_string(), "from 0 to 0.1");
        }
        Ok(BetaThompson { params: self, counts: vec![Counts::default(); self.arms] })
    }
}

impl BetaThompson {
    /// The default parameters for so many arms, numbered from 0.
    #[must_use]
    pub fn params(arms: usize) -> BetaThompsonParams {
        BetaThompsonParams { arms, won: 1.0, lost: 1.0, drift: 1e-5 }
    }

    /// What an arm brings on average, as far as is known: from 0 to 1.
    ///
    /// # Errors
    /// [`Error::UnknownArm`].
    pub fn rate(&self, arm: u32) -> Result<f64, Error> {
        let (won, lost) = self.beta(arm).ok_or(Error::UnknownArm(arm))?;
        Ok(won / (won + lost))
    }

    fn beta(&self, arm: u32) -> Option<(f64, f64)> {
        let Counts { won, lost } = self.counts.get(arm as usize)?;
        Some((self.params.won + won, self.params.lost + lost))
    }

    fn check(&self, candidates: &Candidates<'_>) -> Result<(), Error> {
        candidates.check(0, 0)?;
        match candidates.arms().iter().find(|arm| **arm as usize >= self.counts.len()) {
            Some(arm) => Err(Error::UnknownArm(*arm)),
            None => Ok(()),
        }
    }

    fn read(&self, from: &mut Bytes<'_>) -> Result<Vec<Counts>, Malformed> {
        let mut counts = Vec::with_capacity(self.counts.len());
        for _ in 0..self.counts.len() {
            counts.push(Counts { won: from.weight("a count")?, lost: from.weight("a count")? });
        }
        Ok(counts)
    }
}

impl Policy for BetaThompson {
    fn name(&self) -> &str {
        "beta-thompson"
    }

    fn choose(&self, candidates: &Candidates<'_>, draw: u64) -> Result<Choice, Error> {
        self.check(candidates)?;
        let score = |_, arm| {
            let (won, lost) = self.beta(arm).unwrap_or((self.params.won, self.params.lost));
            let bits = of_arm(draw, arm);
            let (won, lost) = (log_gamma_draw(won, further(bits, 0)), log_gamma_draw(lost, further(bits, 1)));
            // won / (won + lost), by logarithms: both can be too small for a number.
            1.0 / (1.0 + libm::exp(lost - won))
        };
        Choice::best(candidates.arms(), score).ok_or(Error::NoArms)
    }

    /// Rewards are from 0 to 1.
    fn learn(&mut self, candidates: &Candidates<'_>, place: usize, reward: f64) -> Result<(), Error> {
        self.check(candidates)?;
        let arm = *candidates.arms().get(place).ok_or(Error::NoSuchPlace(place))?;
        if !(0.0..=1.0).contains(&reward) {
            return Err(Error::Reward { found: reward, wanted: "from 0 to 1" });
        }
        let kept = 1.0 - self.params.drift;
        if let Some(Counts { won, lost }) = self.counts.get_mut(arm as usize) {
            *won = *won * kept + reward;
            *lost = *lost * kept + (1.0 - reward);
        }
        Ok(())
    }

    fn checkpoint(&self, out: &mut Vec<u8>) {
        self.counts.iter().for_each(|Counts { won, lost }| (*won, *lost).write(out));
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.counts = restored(self.name(), bytes, |from| self.read(from))?;
        Ok(())
    }

    fn merge(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let other = restored(self.name(), bytes, |from| self.read(from))?;
        for (own, their) in self.counts.iter_mut().zip(other) {
            let sum = |own: f64, their: f64| (own + their).min(SUM_MAX);
            *own = Counts { won: sum(own.won, their.won), lost: sum(own.lost, their.lost) };
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.counts.capacity() * size_of::<Counts>()
    }
}

/// The logarithm of a gamma draw of this shape, above 0.
fn log_gamma_draw(shape: f64, bits: u64) -> f64 {
    if shape < 1.0 {
        // A draw of one more, times u^(1/shape).
        return log_gamma_draw(shape + 1.0, further(bits, 0)) + libm::log(unit(further(bits, 1))) / shape;
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    // One in twenty is refused at most, so that so many tries never are.
    for attempt in 0..1_000 {
        let x = normal(further(bits, 2 * attempt));
        let cubed = 1.0 + c * x;
        if cubed <= 0.0 {
            continue;
        }
        let log_v = 3.0 * libm::log(cubed);
        let v = cubed * cubed * cubed;
        if libm::log(unit(further(bits, 2 * attempt + 1))) < 0.5 * x * x + d - d * v + d * log_v {
            return libm::log(d) + log_v;
        }
    }
    libm::log(d)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_the_moments_of_the_distribution() {
        for (a, b) in [(1.0, 1.0), (0.05, 0.1), (3.0, 1.0), (40.0, 160.0), (1.3, 900.0)] {
            let policy = BetaThompson::params(1).before(a, b).check().unwrap();
            let draws = 100_000;
            let (mut sum, mut squares) = (0.0, 0.0);
            for draw in 0..draws {
                let score = policy.choose(&Candidates::new(&[0]), draw).unwrap().score;
                sum += score;
                squares += score * score;
            }
            let mean = sum / draws as f64;
            let variance = squares / draws as f64 - mean * mean;
            let (true_mean, sum) = (a / (a + b), a + b);
            let true_variance = a * b / (sum * sum * (sum + 1.0));
            assert!(
                (mean - true_mean).abs() < 4.0 * (true_variance / draws as f64).sqrt(),
                "{a} {b}: {mean}"
            );
            assert!((variance / true_variance - 1.0).abs() < 0.05, "{a} {b}: {variance} {true_variance}");
        }
    }
}
