use crate::model::{Bytes, Malformed, Record};
use crate::recommend::Error;
use crate::recommend::bandit::Candidates;
use crate::recommend::bandit::belief::{Belief, FULL_MAX, Moments, Observation};

/// Most arms that have models of their own.
pub const ARMS_MAX: usize = 10_000;
/// Most features of a context or of an arm.
pub const FEATURES_MAX: usize = 4_096;

/// No arm is counted further: all of them together are still far from where a sum would overflow.
const COUNT_MAX: u64 = u64::MAX >> 20;

/// How many beliefs there are and what they begin with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shape {
    pub(super) arms: usize,
    pub(super) context: usize,
    pub(super) features: usize,
    pub(super) diagonal: bool,
    pub(super) variance: f64,
    pub(super) drift: f64,
}

impl Shape {
    pub(super) const NOTHING: Shape =
        Shape { arms: 0, context: 0, features: 0, diagonal: false, variance: 1.0, drift: 1e-5 };

    fn check(&self) -> Result<(), Error> {
        let refused = |name, found: String, wanted| Err(Error::Parameter { name, found, wanted });
        let Shape { arms, context, features, diagonal, variance, drift } = *self;
        if arms > ARMS_MAX || (arms == 0) != (context == 0) {
            let wanted = "at most 10000 arms, with one feature of the context at least";
            return refused("arms", format!("{arms} arms and {context} features"), wanted);
        }
        if arms == 0 && features == 0 {
            return refused(
                "features",
                features.to_string(),
                "at least 1 where arms have no models of their own",
            );
        }
        for (name, len) in [("arms", context), ("features", features)] {
            if len > FEATURES_MAX {
                return refused(name, format!("{len} features"), "at most 4096 features");
            }
            if len > FULL_MAX && !diagonal {
                return refused(name, format!("{len} features"), "at most 256 features unless `diagonal`");
            }
        }
        if !(1e-6..=1e6).contains(&variance) {
            return refused("variance", variance.to_string(), "from 1e-6 to 1e6");
        }
        if !(0.0..=0.1).contains(&drift) {
            return refused("drift", drift.to_string(), "from 0 to 0.1");
        }
        Ok(())
    }
}

/// What a policy believes: of the features of arms, which all arms share, and of the context for each arm by itself. The
/// score of an arm is the sum of both.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Model {
    shape: Shape,
    shared: Option<Belief>,
    arms: Vec<Belief>,
    /// How often arms with beliefs of their own were learned of: each, and together.
    counts: Vec<u64>,
    count: u64,
}

impl Model {
    pub(super) fn new(shape: Shape) -> Result<Model, Error> {
        shape.check()?;
        let shared = Belief::new(shape.features, shape.variance, shape.diagonal);
        let arm = Belief::new(shape.context, shape.variance, shape.diagonal);
        let shared = (shape.features > 0).then_some(shared);
        Ok(Model { shape, shared, arms: vec![arm; shape.arms], counts: vec![0; shape.arms], count: 0 })
    }

    /// Says whether the candidates can be scored.
    pub(super) fn check(&self, candidates: &Candidates<'_>) -> Result<(), Error> {
        candidates.check(self.shape.context, self.shape.features)?;
        let is_unknown = |arm: &&u32| !self.arms.is_empty() && **arm as usize >= self.arms.len();
        match candidates.arms().iter().find(is_unknown) {
            Some(arm) => Err(Error::UnknownArm(*arm)),
            None => Ok(()),
        }
    }

    /// The same, and whether there is an arm at a place.
    pub(super) fn check_place(&self, candidates: &Candidates<'_>, place: usize) -> Result<(), Error> {
        self.check(candidates)?;
        if place < candidates.arms().len() { Ok(()) } else { Err(Error::NoSuchPlace(place)) }
    }

    fn parts(&self, candidates: &Candidates<'_>, place: usize) -> [Moments; 2] {
        let shared = self.shared.as_ref().map(|belief| belief.moments(candidates.features(place)));
        let own = self.arms.get(candidates.arms()[place] as usize);
        let own = own.map(|belief| belief.moments(candidates.context()));
        [shared.unwrap_or_default(), own.unwrap_or_default()]
    }

    /// Mean and variance of the score of the arm at a place of candidates that were checked.
    pub(super) fn moments(&self, candidates: &Candidates<'_>, place: usize) -> Moments {
        let [shared, own] = self.parts(candidates, place);
        Moments { mean: shared.mean + own.mean, variance: shared.variance + own.variance }
    }

    /// The same without the variance: O(features).
    pub(super) fn mean(&self, candidates: &Candidates<'_>, place: usize) -> f64 {
        let shared = self.shared.as_ref().map_or(0.0, |belief| belief.score(candidates.features(place)));
        let own = self.arms.get(candidates.arms()[place] as usize);
        shared + own.map_or(0.0, |belief| belief.score(candidates.context()))
    }

    /// By how much less than its share an arm was learned of: 1 or above.
    pub(super) fn rarity(&self, arm: u32) -> f64 {
        let Some(count) = self.counts.get(arm as usize) else { return 1.0 };
        let share = (self.count + 1) as f64 / self.counts.len() as f64;
        (share / (count + 1) as f64).max(1.0)
    }

    /// Takes in what the arm at a place of candidates that were checked brought: `told` says of its score by how much it
    /// moves, in units of its variance, and what was told of it.
    pub(super) fn observe(
        &mut self,
        candidates: &Candidates<'_>,
        place: usize,
        told: impl FnOnce(Moments) -> (f64, f64),
    ) {
        let [shared, own] = self.parts(candidates, place);
        let together = Moments { mean: shared.mean + own.mean, variance: shared.variance + own.variance };
        let (surprise, information) = told(together);
        let seen = |beside| Observation { surprise, information, beside };
        let drift = self.shape.drift;
        if let Some(belief) = &mut self.shared {
            belief.observe(candidates.features(place), seen(own.variance), drift);
        }
        if let Some(belief) = self.arms.get_mut(candidates.arms()[place] as usize) {
            belief.observe(candidates.context(), seen(shared.variance), drift);
        }
        if let Some(count) = self.counts.get_mut(candidates.arms()[place] as usize) {
            let more = u64::from(*count < COUNT_MAX);
            *count += more;
            self.count += more;
        }
    }

    fn beliefs(&self) -> impl Iterator<Item = &Belief> {
        self.shared.iter().chain(&self.arms)
    }

    fn beliefs_mut(&mut self) -> impl Iterator<Item = &mut Belief> {
        self.shared.iter_mut().chain(&mut self.arms)
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        self.beliefs().for_each(|belief| belief.write(out));
        self.counts.iter().for_each(|count| count.write(out));
    }

    /// Reads what one of the same shape wrote.
    pub(super) fn read(&self, from: &mut Bytes<'_>) -> Result<Model, Malformed> {
        let mut read = self.clone();
        for belief in read.beliefs_mut() {
            *belief = belief.read(from)?;
        }
        read.count = 0;
        for count in &mut read.counts {
            *count = from.valid("how often an arm was seen", |count: &u64| *count <= COUNT_MAX)?;
            read.count += *count;
        }
        Ok(read)
    }

    /// This one with what another one knows, which is read.
    pub(super) fn read_merged(&self, from: &mut Bytes<'_>) -> Result<Model, Malformed> {
        let other = self.read(from)?;
        let mut merged = self.clone();
        for (own, their) in merged.beliefs_mut().zip(other.beliefs()) {
            own.merge(their);
        }
        // What was never learned may be too far from it to have a sum.
        if !merged.beliefs().all(Belief::is_finite) {
            return Err(from.malformed("what can be added"));
        }
        for (own, their) in merged.counts.iter_mut().zip(&other.counts) {
            *own = (*own + their).min(COUNT_MAX);
        }
        merged.count = merged.counts.iter().sum();
        Ok(merged)
    }

    pub(super) fn bytes(&self) -> usize {
        let beliefs: usize = self.beliefs().map(Belief::bytes).sum();
        beliefs + self.arms.capacity() * (size_of::<Belief>() + size_of::<u64>())
    }

    /// Names the invariant that broke.
    #[cfg(test)]
    pub(super) fn validate(&self) -> Result<(), &'static str> {
        self.beliefs().try_for_each(Belief::validate)
    }
}
