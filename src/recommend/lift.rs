use crate::model::{Bytes, Malformed, Record};
use crate::recommend::Error;
use crate::recommend::bandit::belief::{Belief, Moments, Observation};
use crate::recommend::bandit::logistic::most_probable;
use smallvec::SmallVec;

/// Most features that an [`Explorer`](crate::recommend::Explorer) learns from.
pub const EXPLORER_FEATURES_MAX: usize = 64;

/// The strongest that a feature can be believed to be before anything is learned.
const WEIGHT_MAX: f64 = 100.0;
/// Larger features count as that.
const FEATURE_MAX: f32 = 1e3;
/// The variance of weights of which nothing is known: in log-odds, for features from -1 to 1.
const VARIANCE: f64 = 1.0;
/// As of a policy: a belief rests on its newest hundred thousand observations.
const DRIFT: f64 = 1e-5;

type Row = SmallVec<[f64; 32]>;

/// What features say of the odds that an item is chosen: by how much they raise their logarithm, or lower it.
///
/// Each feature has a weight that was given, and what was learned beside it; a constant beside them takes up what all of
/// them say on average, so that what is learned is what tells items apart. Without features it says nothing, and learns
/// nothing.
#[derive(Clone, Debug)]
pub(super) struct Lift {
    names: Vec<Box<str>>,
    given: Vec<f64>,
    /// Of the constant, and then of each feature; of nothing where there are no features.
    belief: Belief,
}

impl Default for Lift {
    fn default() -> Lift {
        Lift { names: Vec::new(), given: Vec::new(), belief: Belief::new(0, VARIANCE, false) }
    }
}

impl Lift {
    pub(super) fn add(&mut self, name: Box<str>, weight: f64) -> Result<(), Error> {
        let refused = |found, wanted| Err(Error::Parameter { name: "feature", found, wanted });
        if self.names.len() >= EXPLORER_FEATURES_MAX {
            return refused(format!("{} and {name}", self.names.len()), "at most 64 features");
        }
        if self.names.contains(&name) {
            return refused(format!("{name} twice"), "each feature once");
        }
        if !(-WEIGHT_MAX..=WEIGHT_MAX).contains(&weight) {
            return refused(weight.to_string(), "a weight from -100 to 100");
        }
        self.names.push(name);
        self.given.push(weight);
        self.belief = Belief::new(self.names.len() + 1, VARIANCE, false);
        Ok(())
    }

    pub(super) fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    /// Whether the features are the same ones, whatever is known of them.
    pub(super) fn is_of_same(&self, other: &Lift) -> bool {
        self.names == other.names && self.given == other.given
    }

    /// As many as there are features, each a number within limits.
    pub(super) fn kept(&self, features: &[f32]) -> Box<[f32]> {
        let feature = |place| features.get(place).copied().map_or(0.0, within);
        (0..self.names.len()).map(feature).collect()
    }

    /// What features say.
    pub(super) fn says(&self, features: &[f32]) -> f64 {
        let row = self.row(features);
        self.given(&row) + self.belief.score(&row)
    }

    /// How uncertain that is.
    pub(super) fn variance(&self, features: &[f32]) -> f64 {
        self.belief.moments(&self.row(features)).variance
    }

    /// Learns whether something with these features was chosen, where others are by these log-odds. Gives what the features
    /// say of it now.
    pub(super) fn learn(&mut self, features: &[f32], all: f64, chosen: f64) -> f64 {
        // What waited when the features were others says nothing of these.
        if features.len() != self.names.len() || self.names.is_empty() {
            return 0.0;
        }
        let row = self.row(features);
        let given = self.given(&row);
        let Moments { mean, variance } = self.belief.moments(&row);
        let (surprise, information) = most_probable(all + given + mean, variance, chosen);
        self.belief.observe(&row, Observation { surprise, information, beside: 0.0 }, DRIFT);
        given + self.belief.score(&row)
    }

    /// The mean of each feature over so many rows.
    pub(super) fn average<'a>(&self, rows: impl Iterator<Item = &'a [f32]>, len: f64) -> Vec<f64> {
        let mut sums = vec![0.0; self.names.len()];
        for row in rows {
            let features = self.row(row);
            sums.iter_mut().zip(features.iter().skip(1)).for_each(|(sum, feature)| *sum += feature);
        }
        sums.iter_mut().for_each(|sum| *sum /= len);
        sums
    }

    /// Which feature says most for something rather than for what is usual, or against it where the sign is below 0, and how
    /// much; of equal ones the first.
    pub(super) fn strongest(&self, features: &[f32], usual: &[f64], sign: f64) -> Option<(&str, f64)> {
        let row = self.row(features);
        let weights = self.given.iter().zip(self.belief.mean().iter().skip(1)).map(|(a, b)| a + b);
        let differences = row.iter().skip(1).zip(usual).map(|(feature, usual)| feature - usual);
        let says = weights.zip(differences).map(|(weight, difference)| sign * weight * difference);
        self.names().zip(says).reduce(|best, next| if next.1 > best.1 { next } else { best })
    }

    pub(super) fn bytes(&self) -> usize {
        self.belief.bytes()
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        self.names.len().write(out);
        self.names.iter().for_each(|name| name.to_string().write(out));
        self.given.write(out);
        let mut belief = Vec::new();
        self.belief.write(&mut belief);
        belief.write(out);
    }

    /// Reads what was written, and whether it was about the same features; else nothing is known of these.
    pub(super) fn read(&self, from: &mut Bytes<'_>) -> Result<(Lift, bool), Malformed> {
        let names: Vec<String> = from.read()?;
        let count = names.len();
        let given: Vec<f64> = from.valid("weights of features", |given: &Vec<f64>| given.len() == count)?;
        let belief: Vec<u8> = from.read()?;
        let fresh = Belief::new(self.belief.len(), VARIANCE, false);
        let is_same = names.iter().map(|name| &**name).eq(self.names()) && given == self.given;
        let belief = if is_same {
            let mut from = Bytes::new(&belief);
            let read = fresh.read(&mut from)?;
            from.end()?;
            read
        } else {
            fresh
        };
        Ok((Lift { names: self.names.clone(), given: self.given.clone(), belief }, is_same))
    }

    /// The constant and the features; nothing where there are no features.
    fn row(&self, features: &[f32]) -> Row {
        if self.names.is_empty() {
            return Row::new();
        }
        let feature = |place| f64::from(features.get(place).copied().map_or(0.0, within));
        std::iter::once(1.0).chain((0..self.names.len()).map(feature)).collect()
    }

    fn given(&self, row: &[f64]) -> f64 {
        self.given.iter().zip(row.iter().skip(1)).map(|(weight, feature)| weight * feature).sum()
    }
}

fn within(feature: f32) -> f32 {
    if feature.is_nan() { 0.0 } else { feature.clamp(-FEATURE_MAX, FEATURE_MAX) }
}
