//! A chance that is the sigmoid of a score, of which more or less is known.

use crate::recommend::bandit::draw::sigmoid;

/// Two steps suffice mostly, and halving the interval needs half as many at the most extreme.
const STEPS_MAX: usize = 120;
/// A step of this size leaves an error that no number shows: each cubes it.
const CLOSE: f64 = 1e-6;

/// What an observation `y` from 0 to 1 says of a score that is normally distributed with a mean and a variance: the most
/// probable score is now `mean + surprise · variance`, and the inverse of the variance grows by `information`. Gives both.
///
/// The surprise is `y - sigmoid(mean + surprise · variance)`: an equation in one number whatever the number of features,
/// because all that moves is the score; solved by Halley's method, within the interval where the root must be, which is
/// halved wherever a step is not half the one before: between the flat ends of the sigmoid steps can go back and forth for
/// ever. The usual single step, `(y - q) / (1 + h · variance)` with `q` and `h = q (1 - q)` at the old mean, overshoots
/// where the variance is large, and tells of no information where `q` is 0 or 1 but wrong.
pub(crate) fn most_probable(mean: f64, variance: f64, y: f64) -> (f64, f64) {
    let (mut low, mut high) = (y - 1.0, y);
    let chance = sigmoid(mean);
    let mut surprise = (y - chance) / (1.0 + variance * chance * (1.0 - chance));
    let mut before = high - low;
    for _ in 0..STEPS_MAX {
        let chance = sigmoid(mean + surprise * variance);
        let above = surprise - y + chance;
        if above > 0.0 {
            high = surprise;
        } else {
            low = surprise;
        }
        let bent = variance * chance * (1.0 - chance);
        let (slope, curve) = (1.0 + bent, bent * variance * (1.0 - 2.0 * chance));
        let newton = above / slope;
        let next = surprise - newton / (1.0 - 0.5 * newton * curve / slope);
        let step = (next - surprise).abs();
        // At the root itself it stays where it is, which is one end of the interval.
        if next == surprise || low < next && next < high && step <= 0.5 * before {
            (surprise, before) = (next, step);
            if step <= CLOSE {
                break;
            }
        } else {
            (surprise, before) = (0.5 * (low + high), 0.5 * (high - low));
        }
    }
    // By the equation, which holds now.
    let chance = y - surprise;
    (surprise, (chance * (1.0 - chance)).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_near_is_more_probable(
            mean in -30.0_f64..30.0, scale in -6.0_f64..6.0, y in prop_oneof![Just(0.0), Just(1.0), 0.0_f64..1.0],
        ) {
            let variance = libm::exp(scale);
            let (surprise, information) = most_probable(mean, variance, y);
            prop_assert!((0.0..=0.25).contains(&information));
            let softplus = |x: f64| if x > 0.0 { x + libm::log1p(libm::exp(-x)) } else { libm::log1p(libm::exp(x)) };
            let surprisal = |surprise: f64| {
                let score = mean + surprise * variance;
                surprise * surprise * variance / 2.0 + softplus(score) - y * score
            };
            let found = surprisal(surprise);
            for off in [-1e-3, 1e-3, -1e-2, 0.1, -0.1] {
                prop_assert!(surprisal(surprise + off) > found - 1e-12 * found.abs());
            }
        }
    }

    /// Found by chance: here Halley's steps alone go back and forth between 0 and -0.07.
    #[test]
    fn steps_do_not_go_back_and_forth() {
        let (mean, variance) = (8.229928344263913, libm::exp(5.7565272603755275));
        let (surprise, _) = most_probable(mean, variance, 0.0);
        assert!((surprise + sigmoid(mean + surprise * variance)).abs() < 1e-12, "{surprise}");
    }

    #[test]
    fn extremes_have_answers() {
        for mean in [-1e15, -800.0, 0.0, 800.0, 1e15] {
            for variance in [0.0, 1e-300, 1.0, 1e15] {
                for y in [0.0, 0.5, 1.0] {
                    let (surprise, information) = most_probable(mean, variance, y);
                    assert!((y - 1.0..=y).contains(&surprise) && (0.0..=0.25).contains(&information));
                }
            }
        }
    }
}
