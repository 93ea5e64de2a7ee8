use crate::experiment::Error;
use crate::model::{stable_hash, winner};
use std::sync::Arc;

/// Most arms of an experiment.
pub const ARMS_MAX: usize = 100;
/// Heaviest weight of an arm.
pub const WEIGHT_MAX: f64 = 1e9;
/// What users must agree to, where an experiment says nothing else.
const CONSENT: &str = "experiment";

/// A test of several arms: which users are in which.
///
/// Assignment is a pure function of salt, arms and the id that is given, by the same draw as a `split` of a journey and
/// the variants of a placement: a split becomes an experiment of the same salt and arms, and nobody moves. Give it the
/// bucketing id of a profile where there is one ([`Engine::arm`](crate::engine::Engine::arm) does): the first id that it
/// ever had, which stays when a visitor turns out to be a user.
///
/// ```
/// use bespoke::experiment::Experiment;
/// let experiment = Experiment::params("subject_line")
///     .arm("control", 50.0)
///     .arm("treatment", 50.0)
///     .traffic(80.0)
///     .check()?;
/// let arms = |experiment: &Experiment| -> Vec<Option<String>> {
///     (0..1_000).map(|n| experiment.arm(&format!("u{n}")).map(str::to_owned)).collect()
/// };
/// let before = arms(&experiment);
/// let outside = before.iter().filter(|arm| arm.is_none()).count();
/// assert!((150..250).contains(&outside));
///
/// // Everybody takes part now. Whoever did before is in the same arm.
/// let everybody = arms(&Experiment::params("subject_line").arm("control", 50.0).arm("treatment", 50.0).check()?);
/// assert!(before.iter().zip(&everybody).all(|(before, now)| before.is_none() || before == now));
/// # Ok::<(), bespoke::experiment::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    params: ExperimentParams,
    /// Those that anybody is in.
    drawn: Box<[(Arc<str>, f64)]>,
}

impl Experiment {
    /// What makes an experiment of a name: it needs two arms at least, and everything else has a default.
    #[must_use]
    pub fn params(name: &str) -> ExperimentParams {
        ExperimentParams {
            name: name.into(),
            salt: None,
            arms: Vec::new(),
            traffic: 100.0,
            audience: None,
            consent: None,
        }
    }

    /// The arm of the user of a bucketing id; none for who is not in the traffic. Neither audience nor consent is looked
    /// at. A hash, and for each arm a hash and a logarithm.
    #[must_use]
    pub fn arm(&self, bucketing_id: &str) -> Option<&str> {
        self.drawn_arm(bucketing_id).map(|arm| &**arm)
    }

    pub(crate) fn drawn_arm(&self, bucketing_id: &str) -> Option<&Arc<str>> {
        if self.params.traffic < 100.0 && share(self.salt(), bucketing_id) >= self.params.traffic {
            return None;
        }
        let arms = self.drawn.iter().map(|(name, weight)| (&**name, *weight));
        winner(self.salt(), bucketing_id, arms).map(|place| &self.drawn[place].0)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.params.name
    }

    /// What goes into the hashes beside the id; the name unless given.
    #[must_use]
    pub fn salt(&self) -> &str {
        self.params.salt.as_deref().unwrap_or(&self.params.name)
    }

    /// The arms and their weights, in order.
    pub fn arms(&self) -> impl ExactSizeIterator<Item = (&str, f64)> {
        self.params.arms.iter().map(|(name, weight)| (&**name, *weight))
    }

    /// The percentage of users who take part, from 0 to 100.
    #[must_use]
    pub fn traffic(&self) -> f64 {
        self.params.traffic
    }

    /// Who may take part, as an expression of the segment language; none for everybody.
    #[must_use]
    pub fn audience(&self) -> Option<&str> {
        self.params.audience.as_deref()
    }

    /// What users must agree to, where it is declared; `experiment` unless given.
    #[must_use]
    pub fn consent(&self) -> &str {
        self.params.consent.as_deref().unwrap_or(CONSENT)
    }
}

/// Where in the traffic an id is, from 0 up to 100. Drawn apart from the arm.
fn share(salt: &str, bucketing_id: &str) -> f64 {
    let hash = stable_hash(&[b"traffic", salt.as_bytes(), bucketing_id.as_bytes()]);
    // 53 bits of it, as many as a float holds exactly.
    (hash as u64 >> 11) as f64 / (1_u64 << 53) as f64 * 100.0
}

/// What an [`Experiment`] is made of; [`check`](ExperimentParams::check) makes one.
///
/// ```
/// use bespoke::experiment::Experiment;
/// let error = Experiment::params("hero").arm("only", 1.0).check().unwrap_err();
/// assert_eq!(error.to_string(), "`arms` cannot be 1 in number; it is from 2 to 100");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ExperimentParams {
    name: Box<str>,
    salt: Option<Box<str>>,
    arms: Vec<(Box<str>, f64)>,
    traffic: f64,
    audience: Option<Box<str>>,
    consent: Option<Box<str>>,
}

impl ExperimentParams {
    /// Adds an arm. Its share of those who take part is its weight, from 0 to a milliard, in the sum of all; with 0 nobody
    /// is in it.
    #[must_use]
    pub fn arm(mut self, name: &str, weight: f64) -> ExperimentParams {
        self.arms.push((name.into(), weight));
        self
    }

    /// What goes into the hashes beside the id: another one draws all users anew. The name unless given.
    #[must_use]
    pub fn salt(mut self, salt: &str) -> ExperimentParams {
        self.salt = Some(salt.into());
        self
    }

    /// The percentage of users who take part at all, from 0 to 100; 100 unless given. The others are in no arm.
    #[must_use]
    pub fn traffic(mut self, percent: f64) -> ExperimentParams {
        self.traffic = percent;
        self
    }

    /// Who may take part: an expression of the segment language, which whoever knows users asks. Everybody unless given.
    #[must_use]
    pub fn audience(mut self, expression: &str) -> ExperimentParams {
        self.audience = Some(expression.into());
        self
    }

    /// The purpose that users must agree to, which whoever knows users asks; `experiment` unless given.
    #[must_use]
    pub fn consent(mut self, purpose: &str) -> ExperimentParams {
        self.consent = Some(purpose.into());
        self
    }

    /// Makes the experiment. Quadratic in the number of arms.
    ///
    /// # Errors
    /// Fewer than two arms or more than a hundred, two of one name, a weight or traffic out of range, or no arm with a
    /// weight above 0.
    pub fn check(self) -> Result<Experiment, Error> {
        let refused = |name, found: String, wanted| Err(Error::Parameter { name, found, wanted });
        if !(2..=ARMS_MAX).contains(&self.arms.len()) {
            return refused("arms", format!("{} in number", self.arms.len()), "from 2 to 100");
        }
        for (place, (name, weight)) in self.arms.iter().enumerate() {
            if self.arms[..place].iter().any(|(other, _)| other == name) {
                return Err(Error::Twice(name.clone()));
            }
            if !(0.0..=WEIGHT_MAX).contains(weight) {
                return refused("weight", weight.to_string(), "from 0 to 1000000000");
            }
        }
        let drawn: Box<[(Arc<str>, f64)]> = self
            .arms
            .iter()
            .filter(|(_, weight)| *weight > 0.0)
            .map(|(name, weight)| ((&**name).into(), *weight))
            .collect();
        if drawn.is_empty() {
            return refused("weight", "0 for all arms".into(), "above 0 for one of them");
        }
        if !(0.0..=100.0).contains(&self.traffic) {
            return refused("traffic", self.traffic.to_string(), "a percentage from 0 to 100");
        }
        Ok(Experiment { params: self, drawn })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: usize = 20_000;

    fn of(traffic: f64, arms: &[(&str, f64)]) -> Experiment {
        let params = Experiment::params("subject").traffic(traffic);
        arms.iter().fold(params, |params, (name, weight)| params.arm(name, *weight)).check().unwrap()
    }

    fn drawn(experiment: &Experiment) -> Vec<Option<&str>> {
        (0..USERS).map(|n| experiment.arm(&format!("u{n}"))).collect()
    }

    #[test]
    fn traffic_moves_nobody_between_arms_and_takes_from_all_alike() {
        let arms = [("a", 30.0), ("b", 70.0), ("off", 0.0)];
        let traffics = [0.0, 1.0, 20.0, 80.0, 100.0].map(|traffic| (traffic, of(traffic, &arms)));
        let drawn = traffics.each_ref().map(|(traffic, experiment)| (*traffic, drawn(experiment)));
        for pair in drawn.windows(2) {
            let (less, more) = (&pair[0].1, &pair[1].1);
            assert!(less.iter().zip(more).all(|(less, more)| less.is_none() || less == more));
        }
        for (traffic, drawn) in &drawn {
            let share =
                |arm| drawn.iter().filter(|of| **of == Some(arm)).count() as f64 / USERS as f64 * 100.0;
            // Four deviations of a share of so many users.
            let near = |arm, expected: f64| (share(arm) - expected).abs() < 1.5;
            assert!(
                near("a", traffic * 0.3) && near("b", traffic * 0.7),
                "{traffic}: {} {}",
                share("a"),
                share("b")
            );
            assert_eq!(share("off"), 0.0);
        }
    }

    #[test]
    fn a_split_of_the_same_salt_draws_alike_and_another_salt_anew() {
        let experiment = of(100.0, &[("a", 1.0), ("b", 2.0)]);
        for n in 0..100 {
            let id = format!("u{n}");
            let split = winner("subject", &id, [("a", 1.0), ("b", 2.0)]);
            assert_eq!(experiment.arm(&id), split.map(|place| ["a", "b"][place]));
        }
        let other = Experiment::params("subject").salt("x").arm("a", 1.0).arm("b", 2.0).check().unwrap();
        assert_ne!(drawn(&experiment), drawn(&other));
    }

    #[test]
    fn draws_never_change() {
        // Who is in which arm in stores that exist hangs on these: they may not move.
        let of = of(60.0, &[("a", 1.0), ("b", 1.0)]);
        let seen: String = drawn(&of)[..32].iter().map(|arm| arm.unwrap_or("-")).collect();
        assert_eq!(seen, "a-aa-babb-abb-abb-a---a-b--b-aba");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let two = || Experiment::params("e").arm("a", 1.0).arm("b", 1.0);
        for (params, expected) in [
            (Experiment::params("e"), "`arms` cannot be 0 in number; it is from 2 to 100"),
            (two().arm("a", 2.0), "two arms are called `a`; each needs a name of its own"),
            (two().arm("c", -1.0), "`weight` cannot be -1; it is from 0 to 1000000000"),
            (two().arm("c", f64::NAN), "`weight` cannot be NaN; it is from 0 to 1000000000"),
            (two().traffic(101.0), "`traffic` cannot be 101; it is a percentage from 0 to 100"),
            (two().traffic(f64::NAN), "`traffic` cannot be NaN; it is a percentage from 0 to 100"),
            (
                Experiment::params("e").arm("a", 0.0).arm("b", 0.0),
                "`weight` cannot be 0 for all arms; it is above 0 for one of them",
            ),
        ] {
            assert_eq!(params.check().unwrap_err().to_string(), expected);
        }
    }
}
