use serde::Serialize;

/// What happens while an evaluation runs. The room has no clock: a host that wants times lends its own.
///
/// `()` measures nothing and shows nothing.
///
/// ```
/// use bespoke::recommend::evaluate::{Stage, Watch};
/// struct Stopwatch(std::time::Instant);
/// impl Watch for Stopwatch {
///     fn nanoseconds(&mut self) -> u64 { self.0.elapsed().as_nanos() as u64 }
///     fn progress(&mut self, stage: Stage, done: usize, total: usize) {
///         if done == total { println!("{stage:?}: {total}") }
///     }
/// }
/// ```
pub trait Watch {
    /// The time on any clock that does not run backwards.
    fn nanoseconds(&mut self) -> u64 {
        0
    }

    /// So much of a stage is done; called every few hundred steps, and at the end of the stage.
    fn progress(&mut self, stage: Stage, done: usize, total: usize) {
        let _ = (stage, done, total);
    }
}

impl Watch for () {}

/// What an evaluation is doing.
///
/// ```
/// use bespoke::recommend::{Popularity, evaluate::{Evaluation, Stage, Watch}};
/// # use bespoke::recommend::evaluate::{Dataset, Holdout, Owner, Part, Protocol};
/// struct Stages(Vec<(Stage, usize)>);
/// impl Watch for Stages {
///     fn progress(&mut self, stage: Stage, done: usize, total: usize) {
///         if done == total { self.0.push((stage, total)) }
///     }
/// }
/// # let mut clicks = Dataset::new(Owner::Session);
/// # for session in 0..10 {
/// #     ["boot", "sock", "lace"].iter().try_for_each(|item| clicks.push(&format!("s{session}"), item, None))?;
/// # }
/// # let split = clicks.split(Protocol::NextItem(Holdout::Share(0.2)), Part::Test)?;
/// # let mut stages = Stages(Vec::new());
/// Evaluation::new().run(&mut Popularity::default(), &clicks, &split, &mut stages)?;
/// assert_eq!(stages.0, [(Stage::Training, 24), (Stage::Frozen, 2), (Stage::Learning, 2)]); // clicks, then sessions
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Learning the training part; counted in interactions.
    Training,
    /// Predicting with a model that learns nothing more; counted in sessions or users.
    Frozen,
    /// Predicting with a model that learns each session once it is over; counted in sessions.
    Learning,
}

/// How often progress is told.
pub(super) const PROGRESS_STEP: usize = 256;

/// How long single calls took, in microseconds: the median, and what nine of ten and ninety-nine of a hundred stay below.
///
/// ```
/// use bespoke::recommend::evaluate::Latency;
/// let mut nanoseconds = vec![20_000; 98];
/// nanoseconds.extend([5_000_000, 9_000_000]); // two of a hundred had to wait
/// let latency = Latency::of(nanoseconds);
/// assert_eq!((latency.p50, latency.p90, latency.p99), (20.0, 20.0, 5_000.0)); // microseconds
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Latency {
    /// Half of the calls took at most so long.
    pub p50: f64,
    /// Nine of ten took at most so long.
    pub p90: f64,
    /// Ninety-nine of a hundred took at most so long.
    pub p99: f64,
}

impl Latency {
    /// Of calls that took so many nanoseconds, by nearest rank; all 0 where there are none. O(n).
    #[must_use]
    pub fn of(mut nanoseconds: Vec<u64>) -> Latency {
        if nanoseconds.is_empty() {
            return Latency::default();
        }
        let len = nanoseconds.len();
        let mut below = |percent: usize| {
            let rank = (len * percent).div_ceil(100).max(1) - 1;
            *nanoseconds.select_nth_unstable(rank).1 as f64 / 1_000.0
        };
        Latency { p50: below(50), p90: below(90), p99: below(99) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_by_nearest_rank() {
        for (nanoseconds, p50, p90, p99) in [
            (vec![], 0.0, 0.0, 0.0),
            (vec![7_000], 7.0, 7.0, 7.0),
            (vec![2_000, 1_000], 1.0, 2.0, 2.0),
            ((1..=100).rev().map(|n| n * 1_000).collect(), 50.0, 90.0, 99.0),
            ((1..=1_000).map(|n| n * 1_000).collect(), 500.0, 900.0, 990.0),
        ] {
            assert_eq!(Latency::of(nanoseconds), Latency { p50, p90, p99 });
        }
    }
}
