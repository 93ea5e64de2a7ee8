//! What the arms of an experiment brought, as numbers: how far apart two are, how sure that is, and whether users came to
//! the arms as the weights say.

use crate::model::Duration;
use libm::{erfc, exp, log, sqrt};
use serde::Serialize;
use std::f64::consts::{PI, SQRT_2};

/// What an experiment is judged by: a number or a condition of the segment language about what a user does from the exposure
/// on, and for how long that is watched.
///
/// Its aggregates and sequences have no windows: the window is the time that is watched, for everybody as long. A condition
/// is the share of those for whom it holds; what is missing is 0. Attributes are what they are as it is analysed.
///
/// ```
/// use bespoke::experiment::Metric;
/// use bespoke::model::Duration;
/// let bought = Metric::new("did(purchase)", Duration::days(7));
/// let spent = Metric::new("sum(purchase.amount)", Duration::days(30)).confidence(0.99);
/// assert_eq!((bought.level(), spent.level()), (0.95, 0.99));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    text: Box<str>,
    within: Duration,
    level: f64,
}

impl Metric {
    /// What the expression says, for so long; a time that is negative counts as none.
    #[must_use]
    pub fn new(expression: &str, within: Duration) -> Metric {
        Metric { text: expression.into(), within: within.max(Duration::from_millis(0)), level: 0.95 }
    }

    /// How sure intervals are to be, all comparisons with the control together; 0.95 unless given.
    #[must_use]
    pub fn confidence(mut self, level: f64) -> Metric {
        self.level = level;
        self
    }

    /// The expression.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How long a user is watched.
    #[must_use]
    pub const fn within(&self) -> Duration {
        self.within
    }

    /// How sure intervals are to be.
    #[must_use]
    pub const fn level(&self) -> f64 {
        self.level
    }
}

/// Fewest users of an arm about whose mean anything is said: below, a mean is not normal enough.
pub const SAMPLE_LEAST: u64 = 30;
/// With so many users of both arms the interval that holds at all times is tightest.
const TIGHTEST_USERS: f64 = 10_000.0;

/// A number of each user of an arm: how many there are, their mean and their variance.
///
/// ```
/// use bespoke::experiment::Sample;
/// let orders = Sample::of([0.0, 1.0, 1.0, 2.0]);
/// assert_eq!((orders.count(), orders.mean(), orders.total()), (4, 1.0, 4.0));
/// assert_eq!(orders.variance(), 2.0 / 3.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Sample {
    count: u64,
    mean: f64,
    variance: f64,
}

impl Sample {
    /// Those of some numbers, in whatever order they come: the same bits. What is not finite counts as 0. O(n log n).
    #[must_use]
    pub fn of(numbers: impl IntoIterator<Item = f64>) -> Sample {
        let finite = |x: f64| if x.is_finite() { x } else { 0.0 };
        let mut numbers: Vec<f64> = numbers.into_iter().map(finite).collect();
        numbers.sort_unstable_by(f64::total_cmp);
        let count = numbers.len() as f64;
        let bounds = numbers.first().zip(numbers.last());
        // Each divided first: a sum of large numbers is beyond what a float holds.
        let mean = numbers.iter().map(|x| x / count).sum();
        // Of numbers that are all the same it is that one.
        let mean = bounds.map_or(0.0, |(least, most)| f64::clamp(mean, *least, *most));
        let squares: f64 = numbers.iter().map(|x| (x - mean) * (x - mean)).sum();
        let variance = if numbers.len() > 1 { squares / (count - 1.0) } else { 0.0 };
        Sample { count: numbers.len() as u64, mean, variance }
    }

    /// How many numbers there are.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Their mean; 0 of none.
    #[must_use]
    pub const fn mean(&self) -> f64 {
        self.mean
    }

    /// Their variance, without bias; 0 of fewer than two.
    #[must_use]
    pub const fn variance(&self) -> f64 {
        self.variance
    }

    /// What they add up to.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.mean * self.count as f64
    }
}

/// How far the mean of one arm is from that of the control, and how sure that is.
///
/// ```
/// use bespoke::experiment::{Effect, Sample};
/// let arm = |buyers: usize| Sample::of((0..1_000).map(|user| f64::from(u8::from(user < buyers))));
/// let effect = Effect::between(&arm(100), &arm(150), 0.95).expect("there are enough users");
/// assert!((effect.difference - 0.05).abs() < 1e-12 && (effect.lift.unwrap() - 0.5).abs() < 1e-12);
/// assert!(effect.interval.0 > 0.0 && effect.p_value < 0.001);
/// // Whoever looks every day and stops at the first good one has this to go by, which is wider.
/// assert!(effect.interval_at_all_times.0 < effect.interval.0 && effect.is_decided());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Effect {
    /// The mean of the arm without that of the control.
    pub difference: f64,
    /// The same as a share of the control's mean; none where that is not above 0.
    pub lift: Option<f64>,
    /// Where the difference lies at the level of confidence (normal approximation, variances of the arms apart), for one
    /// look at a time that was set before the experiment began.
    pub interval: (f64, f64),
    /// How likely a difference as large as this or larger is where there is none, for one such look.
    pub p_value: f64,
    /// Where it lies however often somebody looks and whenever the experiment is stopped: an asymptotic confidence sequence
    /// (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, *Time-uniform central limit theory*, 2021).
    pub interval_at_all_times: (f64, f64),
}

impl Effect {
    /// Compares an arm with the control, at a level of confidence such as 0.95; of several arms beside one control, give each
    /// a level that is higher ([`level_of_each`]). None where one of the two has fewer than [`SAMPLE_LEAST`] users, where
    /// nothing varies, or for a level that is not between 0 and 1.
    #[must_use]
    pub fn between(control: &Sample, arm: &Sample, level: f64) -> Option<Effect> {
        let is_enough = control.count.min(arm.count) >= SAMPLE_LEAST;
        let (control_users, arm_users) = (control.count as f64, arm.count as f64);
        let error = sqrt(control.variance / control_users + arm.variance / arm_users);
        let difference = arm.mean - control.mean;
        if !(is_enough && level > 0.0 && level < 1.0 && error > 0.0 && (error + difference).is_finite()) {
            return None;
        }
        let around = |reach: f64| (difference - reach * error, difference + reach * error);
        Some(Effect {
            difference,
            lift: (control.mean > 0.0).then(|| difference / control.mean),
            interval: around(normal_reach(1.0 - level)),
            p_value: erfc(difference.abs() / error / SQRT_2),
            interval_at_all_times: around(reach_at_all_times(1.0 - level, control_users + arm_users)),
        })
    }

    /// Whether the arm is better or worse than the control however often somebody has looked.
    #[must_use]
    pub fn is_decided(&self) -> bool {
        let (least, most) = self.interval_at_all_times;
        least > 0.0 || most < 0.0
    }
}

/// The level of each of several comparisons, so that all of them hold together at the level that is asked (Bonferroni).
///
/// ```
/// assert_eq!(bespoke::experiment::level_of_each(0.95, 1), 0.95);
/// assert_eq!(bespoke::experiment::level_of_each(0.9, 4), 0.975);
/// ```
#[must_use]
pub fn level_of_each(level: f64, comparisons: usize) -> f64 {
    if comparisons <= 1 { level } else { 1.0 - (1.0 - level) / comparisons as f64 }
}

/// How likely it is that users spread over the arms as unevenly as these or more so, were they sent there as the weights say
/// (chi-squared test of Pearson). Below 0.001 something is wrong with the experiment, and nothing that it says holds: weights
/// were changed, users of one arm are lost, or more of them are seen. None where fewer than two arms have a weight, or nobody
/// came.
///
/// ```
/// use bespoke::experiment::sample_ratio;
/// assert!(sample_ratio(&[(5_010, 50.0), (4_990, 50.0)]).unwrap() > 0.5);
/// assert!(sample_ratio(&[(5_200, 50.0), (4_800, 50.0)]).unwrap() < 0.001);
/// ```
#[must_use]
pub fn sample_ratio(arms: &[(u64, f64)]) -> Option<f64> {
    let weighed = || arms.iter().filter(|(_, weight)| weight.is_finite() && *weight > 0.0);
    let weights: f64 = weighed().map(|(_, weight)| weight).sum();
    let users = weighed().map(|(users, _)| *users as f64).sum::<f64>();
    let free = weighed().count().checked_sub(1).filter(|free| *free > 0)?;
    if users == 0.0 {
        return None;
    }
    let far = weighed().map(|(found, weight)| {
        let expected = users * (weight / weights);
        let far = *found as f64 - expected;
        far * far / expected
    });
    Some(chi_squared_above(far.sum(), free))
}

/// How many standard errors an interval reaches that misses with a probability, for one look.
fn normal_reach(misses: f64) -> f64 {
    // What reaches further is more probable than not to hold, and floats end before 40. Halving is exact everywhere.
    let (mut low, mut high) = (0.0, 40.0);
    for _ in 0..80 {
        let middle = (low + high) / 2.0;
        if erfc(middle / SQRT_2) > misses { low = middle } else { high = middle }
    }
    high
}

/// The same for looks at all times, after so many users.
fn reach_at_all_times(misses: f64, users: f64) -> f64 {
    let squared = (-2.0 * log(misses) + log(1.0 - 2.0 * log(misses))) / TIGHTEST_USERS;
    let grown = users * squared + 1.0;
    sqrt(2.0 * grown / (grown - 1.0) * log(sqrt(grown) / misses))
}

/// How likely a sum of so many squares of normal numbers is above `x`: in closed form, as their number is whole.
fn chi_squared_above(x: f64, free: usize) -> f64 {
    if x.is_nan() || x > 2_000.0 {
        return 0.0;
    }
    let half = x / 2.0;
    // Each term is the one before it by half / (i + start).
    let (mut sum, mut term, start) = match free % 2 {
        0 => (0.0, exp(-half), 1.0),
        _ => (erfc(sqrt(half)), exp(-half) * sqrt(half) * 2.0 / sqrt(PI), 1.5),
    };
    for i in 0..free / 2 {
        sum += term;
        term *= half / (start + i as f64);
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, wanted: f64) {
        assert!((found - wanted).abs() < 1e-4 * wanted.abs().max(1e-3), "{found} is not {wanted}");
    }

    /// Values of printed tables.
    #[test]
    fn distributions_are_those_of_the_tables() {
        for (misses, reach) in [(0.05, 1.959_964), (0.01, 2.575_829), (0.1, 1.644_854), (1e-9, 6.109_410)] {
            near(normal_reach(misses), reach);
        }
        for (x, free, above) in [
            (3.841_459, 1, 0.05),
            (5.991_465, 2, 0.05),
            (7.814_728, 3, 0.05),
            (13.276_704, 4, 0.01),
            (29.588_30, 10, 0.001),
            (123.225_2, 99, 0.05),
            (0.0, 3, 1.0),
        ] {
            near(chi_squared_above(x, free), above);
        }
        assert_eq!(chi_squared_above(f64::INFINITY, 99), 0.0);
    }

    #[test]
    fn a_difference_is_that_of_the_textbook() {
        // Two proportions, 100 and 130 of 1,000.
        let arm = |hits: u32| Sample::of((0..1_000).map(|user| f64::from(u8::from(user < hits))));
        let effect = Effect::between(&arm(100), &arm(130), 0.95).unwrap();
        let error = (0.1_f64 * 0.9 / 999.0 + 0.13 * 0.87 / 999.0).sqrt();
        near(effect.interval.0, 0.03 - 1.959_964 * error);
        near(effect.interval.1, 0.03 + 1.959_964 * error);
        near(effect.p_value, 0.035_377);
        assert!(!effect.is_decided(), "one look would say so, all of them do not");
    }

    #[test]
    fn too_few_and_odd_numbers_say_nothing() {
        let sample = |count: u32| Sample::of((0..count).map(f64::from));
        assert!(Effect::between(&sample(29), &sample(100), 0.95).is_none());
        assert!(Effect::between(&sample(30), &sample(30), 0.95).is_some());
        let same = Sample::of([1.0; 100]);
        assert!(Effect::between(&same, &same, 0.95).is_none());
        for level in [0.0, 1.0, -1.0, f64::NAN] {
            assert!(Effect::between(&sample(50), &sample(50), level).is_none());
        }
        let huge = Sample::of([f64::MAX, f64::MIN].into_iter().cycle().take(100));
        assert!(huge.mean().is_finite());
        assert!(Effect::between(&huge, &sample(50), 0.95).is_none());
        assert_eq!(Sample::of([f64::NAN, f64::INFINITY, 3.0]).total(), 3.0);
        assert_eq!(Sample::of([]), Sample::default());
        for (arms, is_some) in [
            (&[][..], false),
            (&[(5, 1.0)], false),
            (&[(5, 1.0), (7, 0.0)], false),
            (&[(0, 1.0), (0, 1.0)], false),
            (&[(5, 1.0), (7, f64::NAN), (9, 1.0)], true),
        ] {
            assert_eq!(sample_ratio(arms).is_some(), is_some, "{arms:?}");
        }
    }

    /// Two arms that are the same, looked at after every hundred users: whoever goes by the one-look interval finds a winner
    /// in a good part of them, whoever goes by the other one in fewer than the level allows.
    #[test]
    fn who_looks_all_the_time_is_not_misled() {
        let (mut misled_by_one, mut misled_at_all_times, runs) = (0, 0, 300);
        for seed in 0..runs {
            let mut dice = fastrand::Rng::with_seed(seed);
            let mut arms = [Vec::new(), Vec::new()];
            let (mut one, mut all) = (false, false);
            for _ in 0..40 {
                for _ in 0..50 {
                    arms.iter_mut().for_each(|arm| arm.push(f64::from(u8::from(dice.f64() < 0.2))));
                }
                let [control, arm] = [0, 1].map(|arm| Sample::of(arms[arm].iter().copied()));
                let effect = Effect::between(&control, &arm, 0.95).unwrap();
                one |= effect.interval.0 > 0.0 || effect.interval.1 < 0.0;
                all |= effect.is_decided();
            }
            misled_by_one += u32::from(one);
            misled_at_all_times += u32::from(all);
        }
        assert!(misled_by_one > 60, "{misled_by_one} of {runs}");
        assert!(misled_at_all_times <= 15, "{misled_at_all_times} of {runs}");
    }

    /// And finds what is there.
    #[test]
    fn a_real_difference_is_found() {
        let mut dice = fastrand::Rng::with_seed(1);
        let mut arm = |rate: f64| Sample::of((0..20_000).map(|_| f64::from(u8::from(dice.f64() < rate))));
        let effect = Effect::between(&arm(0.10), &arm(0.12), 0.95).unwrap();
        assert!(effect.is_decided() && effect.difference > 0.0, "{effect:?}");
    }
}
