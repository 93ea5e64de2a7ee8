use crate::model::{Bytes, Duration, Instant, Malformed, Record};
use crate::recommend::{Error, WEIGHT_MAX};
use serde::Serialize;

/// The exponent at which the landmark moves: 2^60 times a count still fits well into 32-bit floats.
const HALVINGS_MAX: i64 = 60;
/// Below it the landmark would move, and every count with it, more than once an hour.
const HALF_LIFE_MIN: Duration = Duration::minutes(1);
const HALF_LIFE_MAX: Duration = Duration::days(36_500);
/// No interaction counts more than this, whenever it happens.
pub(super) const GROWN_MAX: f32 = WEIGHT_MAX * (1_u64 << (HALVINGS_MAX + 1)) as f32;

/// Exponential decay without touching what decays (Cormode, Shkapenyuk, Srivastava, Xu: "Forward Decay", ICDE 2009).
///
/// What happens at `t` is counted as `2^((t - landmark) / half_life)`, and a sum of such counts is worth
/// `sum · 2^-((now - landmark) / half_life)` at `now`. So the order of sums never changes as time passes.
///
/// Invariants: 1. the landmark only moves forward, by whole half-lives, so that rescaling multiplies by a
/// power of two and rounds nothing. 2. no weight given out exceeds `2^(HALVINGS_MAX + 1)`.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct ForwardDecay {
    half_life: Duration,
    /// None until the first event.
    landmark: Option<Instant>,
}

impl ForwardDecay {
    pub(super) fn new(half_life: Duration) -> Result<ForwardDecay, Error> {
        if (HALF_LIFE_MIN..=HALF_LIFE_MAX).contains(&half_life) {
            Ok(ForwardDecay { half_life, landmark: None })
        } else {
            let wanted = "from `1m` to `36500d`";
            Err(Error::Parameter { name: "half_life", found: half_life.to_string(), wanted })
        }
    }

    /// Makes `at` countable. Where the landmark had to move, gives the factor for everything counted so far.
    pub(super) fn advance(&mut self, at: Instant) -> Option<f64> {
        let landmark = *self.landmark.get_or_insert(at);
        let halvings = (at - landmark).as_millis() / self.half_life.as_millis();
        if halvings <= HALVINGS_MAX {
            return None;
        }
        self.landmark = Some(landmark + Duration::from_millis(halvings * self.half_life.as_millis()));
        Some(libm::exp2(-(halvings as f64)))
    }

    /// What an event of weight 1 counts, after [`advance`](ForwardDecay::advance) to it. 0 for one from the
    /// distant past.
    pub(super) fn weight(&self, at: Instant) -> f64 {
        libm::exp2(self.exponent(at))
    }

    /// Factor from a sum to its worth at `now`, from 0 to 1; a `now` before the landmark counts as the landmark.
    pub(super) fn worth(&self, now: Instant) -> f64 {
        libm::exp2(-self.exponent(now).max(0.0))
    }

    /// Makes what another one with the same half-life counted countable here: the factor for everything counted so far,
    /// where the landmark had to move, and the one for what the other counted.
    pub(super) fn take_in(&mut self, other: &ForwardDecay) -> (Option<f64>, f64) {
        let Some(landmark) = other.landmark else { return (None, 0.0) };
        (self.advance(landmark), self.weight(landmark))
    }

    /// The half-life is a parameter, and not written.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        self.landmark.write(out);
    }

    pub(super) fn read(&mut self, from: &mut Bytes<'_>) -> Result<(), Malformed> {
        self.landmark = from.read()?;
        Ok(())
    }

    fn exponent(&self, at: Instant) -> f64 {
        (at - self.landmark.unwrap_or(at)).as_millis() as f64 / self.half_life.as_millis() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn landmark_moves_by_whole_half_lives() {
        let day = |n: i64| Instant::from_millis(0) + Duration::days(n);
        let mut decay = ForwardDecay::new(Duration::days(1)).unwrap();
        assert_eq!(decay.advance(day(3)), None);
        assert_eq!((decay.weight(day(3)), decay.weight(day(5)), decay.weight(day(2))), (1.0, 4.0, 0.5));
        assert_eq!((decay.worth(day(5)), decay.worth(day(0))), (0.25, 1.0));
        assert_eq!(decay.advance(day(63)), None);
        assert_eq!(decay.advance(day(64) + Duration::hours(12)), Some(libm::exp2(-61.0)));
        assert_eq!(decay.landmark, Some(day(64)));
        assert_eq!(decay.advance(Instant::MAX), Some(0.0));
        assert_eq!(decay.advance(Instant::MIN), None);
        assert_eq!(decay.weight(Instant::MIN), 0.0);
    }

    #[test]
    fn what_another_counted() {
        let day = |n: i64| Instant::from_millis(0) + Duration::days(n);
        let since = |landmark| ForwardDecay { half_life: Duration::days(1), landmark };
        for (own, theirs, factors) in [
            (None, None, (None, 0.0)),
            (None, Some(day(4)), (None, 1.0)),
            (Some(day(4)), None, (None, 0.0)),
            (Some(day(4)), Some(day(7)), (None, 8.0)),
            (Some(day(4)), Some(day(2)), (None, 0.25)),
            (Some(day(4)), Some(day(104)), (Some(libm::exp2(-100.0)), 1.0)),
        ] {
            assert_eq!(since(own).take_in(&since(theirs)), factors);
        }
    }

    #[test]
    fn half_lives_out_of_range_are_refused() {
        for half_life in [Duration::ZERO, Duration::seconds(59), Duration::days(-1), Duration::days(40_000)] {
            assert!(ForwardDecay::new(half_life).is_err(), "{half_life}");
        }
    }
}
