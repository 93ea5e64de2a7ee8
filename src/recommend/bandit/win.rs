//! How probable it is that one of several scores is the highest.

use crate::recommend::bandit::draw::normal_below;
use smallvec::SmallVec;

/// A choice that was made is never said to have been impossible.
pub(in crate::recommend) const PROPENSITY_MIN: f64 = 1e-6;
/// How many standard deviations of the score a draw goes, unless a policy is told otherwise.
pub(in crate::recommend) const EXPLORE: f64 = 0.35;

/// The score of an arm as it is drawn: its mean, or above it by a normal number of deviations where that is above 0.
#[derive(Clone, Copy, Debug)]
pub(in crate::recommend) struct Score {
    pub(in crate::recommend) arm: u32,
    pub(in crate::recommend) mean: f64,
    pub(in crate::recommend) deviation: f64,
}

/// Beyond so many deviations nothing is drawn that matters.
const REACH: f64 = 7.0;
const ERROR_MAX: f64 = 1e-4;
const DEPTH_MAX: u32 = 14;
/// Intervals that are looked at in any case, so that no step between two of them is missed.
const INTERVALS: u32 = 10;

impl Score {
    /// How likely it is below a number that another arm has drawn; `wins_ties` says whether that arm wins where both are
    /// equal, which is not rare: half of all draws are the mean.
    fn is_below(&self, number: f64, wins_ties: bool) -> f64 {
        if number > self.mean {
            if self.deviation > 0.0 { normal_below((number - self.mean) / self.deviation) } else { 1.0 }
        } else if number == self.mean && wins_ties {
            if self.deviation > 0.0 { 0.5 } else { 1.0 }
        } else {
            0.0
        }
    }
}

/// The probability that the score at a place is the highest of all when each is drawn by itself; of equal ones the lower
/// arm's is.
///
/// For half of the draws of this score, which are its mean, the product of the probabilities that each other is lower; for
/// the rest the integral of that product (adaptive Simpson): to within 0.001, for which counting would take a million draws.
pub(in crate::recommend) fn probability_of_best(scores: &[Score], place: usize) -> f64 {
    let own = scores[place];
    let others = scores.iter().enumerate().filter(|(other, _)| *other != place).map(|(_, score)| *score);
    // Others that never come near do not matter, and mostly those are most of them.
    let matters = |other: &Score| other.mean + REACH * other.deviation >= own.mean;
    let others: SmallVec<[Score; 16]> = others.filter(matters).collect();
    let all_below =
        |score: f64| others.iter().map(|other| other.is_below(score, own.arm < other.arm)).product::<f64>();
    if own.deviation == 0.0 {
        return all_below(own.mean);
    }
    let highest = others.iter().fold(own.mean, |highest, other| highest.max(other.mean));
    let from = (highest - own.mean) / own.deviation;
    if from >= REACH {
        return 0.0;
    }
    let density = |z: f64| {
        let height = libm::exp(-0.5 * z * z)
            * (0.5 * std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2);
        height * all_below(own.mean + own.deviation * z)
    };
    let width = (REACH - from) / f64::from(INTERVALS);
    let mut sum = 0.5 * all_below(own.mean);
    // At the beginning itself another score may be equal, and just behind it is not.
    let mut left = (from, density(from + width * 1e-9));
    for interval in 1..=INTERVALS {
        let z = from + width * f64::from(interval);
        let right = (z, density(z));
        let middle = 0.5 * (left.0 + right.0);
        let error_max = ERROR_MAX / f64::from(INTERVALS);
        sum += integral(&density, left, (middle, density(middle)), right, error_max, DEPTH_MAX);
        left = right;
    }
    sum
}

/// Simpson's rule, in halves as long as that makes a difference.
fn integral(
    f: &impl Fn(f64) -> f64,
    from: (f64, f64),
    middle: (f64, f64),
    to: (f64, f64),
    error_max: f64,
    depth: u32,
) -> f64 {
    let simpson = |from: (f64, f64), middle: f64, to: (f64, f64)| {
        (to.0 - from.0) / 6.0 * (from.1 + 4.0 * middle + to.1)
    };
    let at = |a: (f64, f64), b: (f64, f64)| {
        let z = 0.5 * (a.0 + b.0);
        (z, f(z))
    };
    let (left, right) = (at(from, middle), at(middle, to));
    let whole = simpson(from, middle.1, to);
    let halves = simpson(from, left.1, middle) + simpson(middle, right.1, to);
    if depth == 0 || (halves - whole).abs() <= 15.0 * error_max {
        return halves + (halves - whole) / 15.0;
    }
    integral(f, from, left, middle, error_max / 2.0, depth - 1)
        + integral(f, middle, right, to, error_max / 2.0, depth - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recommend::bandit::draw::{normal, of_arm};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn probabilities_are_shares_of_draws(
            parts in prop::collection::vec((prop_oneof![Just(0.5), -2.0_f64..2.0], 0_u8..5), 1..6),
        ) {
            let deviations = [0.0, 1e-6, 0.01, 0.3, 2.0];
            let score = |(arm, &(mean, kind)): (u32, &(f64, u8))| {
                Score { arm, mean, deviation: deviations[usize::from(kind)] }
            };
            let scores: Vec<Score> = (0..).zip(&parts).map(score).collect();
            let (mut wins, draws) = (vec![0_u32; scores.len()], 40_000);
            for draw in 0..draws {
                let drawn = scores.iter().map(|s| s.mean + s.deviation * normal(of_arm(draw, s.arm)).max(0.0));
                let best = drawn.enumerate().fold((0, f64::NEG_INFINITY), |a, b| if b.1 > a.1 { b } else { a });
                wins[best.0] += 1;
            }
            let found: Vec<f64> = (0..scores.len()).map(|place| probability_of_best(&scores, place)).collect();
            prop_assert!((found.iter().sum::<f64>() - 1.0).abs() < 0.002, "{found:?}");
            for (found, wins) in found.iter().zip(wins) {
                let share = f64::from(wins) / draws as f64;
                // Four standard errors of the share.
                let error = (found * (1.0 - found).max(0.0) / draws as f64).sqrt().max(1e-3);
                prop_assert!((found - share).abs() < 0.001 + 4.0 * error, "{found} {share}");
            }
        }
    }

    #[test]
    fn equal_scores_go_to_the_lower_arm() {
        let score = |arm, mean, deviation| Score { arm, mean, deviation };
        for (scores, expected) in [
            (vec![score(3, 1.0, 0.0)], vec![1.0]),
            (vec![score(3, 1.0, 0.0), score(2, 1.0, 0.0)], vec![0.0, 1.0]),
            (vec![score(3, 1.0, 0.0), score(2, 1.0, 0.0), score(9, 2.0, 0.0)], vec![0.0, 0.0, 1.0]),
            // Both draw their mean one time in four; the rest is even.
            (vec![score(3, 1.0, 1.0), score(2, 1.0, 1.0)], vec![0.375, 0.625]),
        ] {
            for (place, expected) in expected.into_iter().enumerate() {
                let found = probability_of_best(&scores, place);
                assert!((found - expected).abs() < 1e-4, "{found} {expected}");
            }
        }
    }
}
