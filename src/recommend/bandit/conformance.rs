use crate::recommend::bandit::draw::{further, unit};
use crate::recommend::bandit::{Candidates, Choice, FEATURE_MAX, Policy};
use crate::recommend::conformance::damaged;
use crate::recommend::{Error, Violation};

/// Rounds that a policy is taught.
const ROUNDS: u64 = 200;
/// Draws over which choices are counted.
const DRAWS: u64 = 1_000;
/// How far a propensity may be from a share of draws: that is counted, and so may the propensity be, over a hundred.
const SHARE_ERROR: f64 = 0.2;

/// Runs a policy through some hundred rounds, and checks the contract of [`Policy`].
///
/// `new` makes a policy that has learned nothing; it is called several times. `like` are candidates such as it takes:
/// it is asked for these arms, two at least, each there once, and for as many features of the situation and of each arm.
/// Rewards are 0 and 1; others are tried, and may be refused. Takes milliseconds for a policy that chooses in
/// microseconds. Meant for a host's tests:
///
/// ```
/// use bespoke::recommend::bandit::{BetaThompson, Candidates, Thompson, conformance};
/// let arms = [0, 1, 2];
/// conformance(|| BetaThompson::params(3).check().unwrap(), &Candidates::new(&arms))?;
/// let like = Candidates::new(&arms).with_context(&[1.0, 0.5]);
/// conformance(|| Thompson::params().arms(3, 2).check().unwrap(), &like)?;
/// # Ok::<(), bespoke::recommend::Violation>(())
/// ```
///
/// # Errors
/// The first [`Violation`] that was seen.
pub fn conformance<P: Policy>(new: impl Fn() -> P, like: &Candidates<'_>) -> Result<(), Violation> {
    ensure(like.arms().len() > 1, "the suite is given two arms at least", || like)?;
    ensure(!new().name().is_empty(), "it has a name", || "the name is empty")?;
    chooses(&new(), like)?;

    let (policy, twin) = (learned(&new, like, false)?, learned(&new, like, false)?);
    let is_same = checkpoint(&policy) == checkpoint(&twin);
    ensure(is_same, "the same lessons give the same checkpoint", || &twin)?;
    same_choices(&policy, &twin, like, "the same lessons and draw give the same choice")?;
    let alone = learned(&new, like, true)?;
    let is_same = checkpoint(&policy) == checkpoint(&alone);
    ensure(is_same, "the arm that was chosen is enough to learn from", || &alone)?;
    chooses(&policy, like)?;

    survives(&new, &policy, like)?;
    refuses(policy, like)
}

/// Checks what a policy chooses, and how probable it says that was.
fn chooses(policy: &impl Policy, like: &Candidates<'_>) -> Result<(), Violation> {
    let before = checkpoint(policy);
    let round = Round::new(like, 77);
    let candidates = round.candidates();
    let propensity = |candidates: &Candidates<'_>, place| {
        let found = policy.propensity(candidates, place);
        found.map_err(|error| seen("what can be chosen has a propensity", &error))
    };
    let mut times = vec![0_u32; like.arms().len()];
    for number in 0..DRAWS {
        times[choose(policy, &candidates, further(7, number))?.place] += 1;
    }
    let shares: Vec<f64> =
        (0..times.len()).map(|place| propensity(&candidates, place)).collect::<Result<_, _>>()?;
    let are_shares = shares.iter().all(|share| (0.0..=1.0).contains(share));
    ensure(are_shares, "propensities are from 0 to 1", || &shares)?;
    let is_possible = |(times, share): (&u32, &f64)| *times == 0 || *share > 0.0;
    let are_possible = times.iter().zip(&shares).all(is_possible);
    ensure(are_possible, "what is chosen has a propensity above 0", || (&times, &shares))?;
    // Counted as the trait does, each is one in a hundred and two at least.
    let (sum, error) = (shares.iter().sum::<f64>(), 0.02 + shares.len() as f64 / 100.0);
    ensure((sum - 1.0).abs() <= error, "propensities add up to 1", || &shares)?;
    let is_near =
        |(times, share): (&u32, &f64)| (f64::from(*times) / DRAWS as f64 - share).abs() <= SHARE_ERROR;
    let are_near = times.iter().zip(&shares).all(is_near);
    ensure(are_near, "a propensity is how often an arm is chosen", || (&times, &shares))?;

    let turned = round.turned();
    let places = turned.candidates();
    for number in 0..50 {
        let draw = further(8, number);
        let (choice, other) = (choose(policy, &candidates, draw)?, choose(policy, &places, draw)?);
        let is_same = choice.arm == other.arm;
        ensure(is_same, "the order of candidates makes no difference", || (&candidates, choice, other))?;
    }
    let last = shares.len() - 1;
    let is_same = (propensity(&places, 0)? - shares[last]).abs() < 1e-6;
    ensure(is_same, "the order of candidates makes no difference", || (&candidates, &shares))?;
    ensure(checkpoint(policy) == before, "asking changes nothing", || policy)
}

/// Checks that a checkpoint is all of a policy, and that nothing else is taken for one.
fn survives<P: Policy>(new: &impl Fn() -> P, policy: &P, like: &Candidates<'_>) -> Result<(), Violation> {
    let bytes = checkpoint(policy);
    let (mut restored, mut original) = (new(), learned(new, like, false)?);
    if let Err(error) = restored.restore(&bytes) {
        return Err(seen("a policy restores what another one checkpointed", &error));
    }
    let is_same = checkpoint(&restored) == bytes;
    ensure(is_same, "a restored policy has the checkpoint that it came from", || &restored)?;
    for number in ROUNDS..ROUNDS + 50 {
        teach(&mut restored, like, number, false)?;
        teach(&mut original, like, number, false)?;
    }
    same_choices(&restored, &original, like, "a restored policy goes on like the one it came from")?;

    let before = checkpoint(&restored);
    for bad in damaged(&bytes) {
        if restored.restore(&bad).is_ok() {
            // Bytes of another state; it may not make choices insane.
            choose(&restored, &Round::new(like, 3).candidates(), 3)?;
            if let Err(error) = restored.restore(&before) {
                return Err(seen("a policy restores its own checkpoint", &error));
            }
        }
        let is_same = checkpoint(&restored) == before;
        ensure(is_same, "a refused checkpoint changes nothing", || bad.len())?;
        if restored.merge(&bad).is_ok() {
            choose(&restored, &Round::new(like, 3).candidates(), 3)?;
            if let Err(error) = restored.restore(&before) {
                return Err(seen("a policy restores its own checkpoint", &error));
            }
        }
        let is_same = checkpoint(&restored) == before;
        ensure(is_same, "a refused checkpoint changes nothing", || bad.len())?;
    }
    match restored.merge(&bytes) {
        Ok(()) | Err(Error::Unmergeable(_)) => chooses(&restored, like),
        Err(error) => Err(seen("a policy that can merge merges what another one learned", &error)),
    }
}

/// Checks that what makes no sense is refused and changes nothing, or makes no choice insane.
fn refuses<P: Policy>(mut policy: P, like: &Candidates<'_>) -> Result<(), Violation> {
    let round = Round::new(like, 5);
    let candidates = round.candidates();
    let end = like.arms().len();
    for place in [end, usize::MAX] {
        let before = checkpoint(&policy);
        let is_refused =
            policy.learn(&candidates, place, 1.0).is_err() && policy.propensity(&candidates, place).is_err();
        ensure(is_refused, "a place that there is not is refused", || place)?;
        ensure(checkpoint(&policy) == before, "what is refused changes nothing", || place)?;
    }
    for reward in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let before = checkpoint(&policy);
        let is_refused = policy.learn(&candidates, 0, reward).is_err();
        ensure(is_refused, "a reward that is no number is refused", || reward)?;
        ensure(checkpoint(&policy) == before, "what is refused changes nothing", || reward)?;
    }
    for wrong in round.wrong() {
        let before = checkpoint(&policy);
        let candidates = wrong.candidates();
        let is_refused = policy.choose(&candidates, 1).is_err()
            && policy.propensity(&candidates, 0).is_err()
            && policy.learn(&candidates, 0, 1.0).is_err();
        ensure(is_refused, "candidates that it was not made for are refused", || candidates)?;
        ensure(checkpoint(&policy) == before, "what is refused changes nothing", || candidates)?;
    }

    let extremes = round.extremes();
    let rewards = [1e6, -1e6, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 0.5, -0.0, 1.0];
    for (round, reward) in extremes.iter().flat_map(|round| rewards.map(|reward| (round, reward))) {
        let (before, candidates) = (checkpoint(&policy), round.candidates());
        if policy.learn(&candidates, 0, reward).is_err() {
            ensure(checkpoint(&policy) == before, "what is refused changes nothing", || {
                (candidates, reward)
            })?;
        }
        for candidates in [candidates, Round::new(like, 9).candidates()] {
            if policy.choose(&candidates, 4).is_ok() {
                choose(&policy, &candidates, 4)?;
            }
        }
    }
    Ok(())
}

/// A choice that was looked over.
fn choose(policy: &impl Policy, candidates: &Candidates<'_>, draw: u64) -> Result<Choice, Violation> {
    let choice = match policy.choose(candidates, draw) {
        Ok(choice) => choice,
        Err(error) => return Err(seen("it chooses among what it was made for", &error)),
    };
    let is_there = candidates.arms().get(choice.place) == Some(&choice.arm);
    ensure(is_there, "a choice is one of the candidates", || choice)?;
    ensure(!choice.score.is_nan(), "a score is a number", || choice)?;
    let again = policy.choose(candidates, draw);
    ensure(again.as_ref() == Ok(&choice), "the same draw gives the same choice", || (choice, &again))?;
    Ok(choice)
}

fn same_choices<P: Policy>(
    policy: &P,
    other: &P,
    like: &Candidates<'_>,
    rule: &'static str,
) -> Result<(), Violation> {
    for number in 0..100 {
        let round = Round::new(like, 1_000 + number);
        let (choice, same) =
            (choose(policy, &round.candidates(), number)?, choose(other, &round.candidates(), number)?);
        ensure(choice == same, rule, || (choice, same))?;
    }
    Ok(())
}

fn learned<P: Policy>(new: &impl Fn() -> P, like: &Candidates<'_>, alone: bool) -> Result<P, Violation> {
    let mut policy = new();
    (0..ROUNDS).try_for_each(|number| teach(&mut policy, like, number, alone))?;
    Ok(policy)
}

/// A choice and what it brought: the first arm pays in half of the rounds, the others more rarely.
fn teach(policy: &mut impl Policy, like: &Candidates<'_>, number: u64, alone: bool) -> Result<(), Violation> {
    let round = Round::new(like, number);
    let candidates = round.candidates();
    let choice = choose(policy, &candidates, further(6, number))?;
    let pays = if choice.arm == like.arms()[0] { 0.5 } else { 0.2 };
    let reward = if unit(further(5, number)) < pays { 1.0 } else { 0.0 };
    let learned = match alone {
        true => policy.learn(&candidates.only(choice.place), 0, reward),
        false => policy.learn(&candidates, choice.place, reward),
    };
    learned.map_err(|error| seen("it learns what a choice brought", &error))
}

fn checkpoint(policy: &impl Policy) -> Vec<u8> {
    let mut bytes = Vec::new();
    policy.checkpoint(&mut bytes);
    bytes
}

fn seen(rule: &'static str, error: &Error) -> Violation {
    Violation::new(rule, error.to_string())
}

fn ensure<T: std::fmt::Debug>(
    holds: bool,
    rule: &'static str,
    seen: impl FnOnce() -> T,
) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation::new(rule, format!("{:?}", seen()))) }
}

/// Candidates with features of their own.
#[derive(Clone)]
struct Round {
    arms: Vec<u32>,
    context: Vec<f64>,
    features: Vec<f64>,
}

impl Round {
    /// Features from -1 to 1, the first of each kind 1.
    fn new(like: &Candidates<'_>, number: u64) -> Round {
        let mut drawn = 0;
        let mut features = |len: usize| -> Vec<f64> {
            let one = |place| {
                drawn += 1;
                if place == 0 { 1.0 } else { 2.0 * unit(further(number, drawn)) - 1.0 }
            };
            (0..len).map(one).collect()
        };
        let context = features(like.context().len());
        let rows = like.arms().iter().flat_map(|_| features(like.features(0).len())).collect();
        Round { arms: like.arms().to_vec(), context, features: rows }
    }

    fn candidates(&self) -> Candidates<'_> {
        Candidates::new(&self.arms).with_context(&self.context).with_features(&self.features)
    }

    /// The same in the opposite order.
    fn turned(&self) -> Round {
        let candidates = self.candidates();
        let places = (0..self.arms.len()).rev();
        let features = places.flat_map(|place| candidates.features(place).to_vec()).collect();
        Round { arms: self.arms.iter().rev().copied().collect(), context: self.context.clone(), features }
    }

    /// None of them can be chosen from.
    fn wrong(&self) -> Vec<Round> {
        let mut wrong = vec![Round { arms: Vec::new(), features: Vec::new(), ..self.clone() }];
        let mut with = |change: &dyn Fn(&mut Round)| {
            let mut round = self.clone();
            change(&mut round);
            wrong.push(round);
        };
        with(&|round| round.context.push(0.0));
        with(&|round| round.features.extend(vec![0.0; round.arms.len()]));
        for bad in [f64::NAN, f64::INFINITY, -2.0 * FEATURE_MAX] {
            if !self.context.is_empty() {
                with(&|round| round.context[0] = bad);
            }
            if !self.features.is_empty() {
                with(&|round| round.features[0] = bad);
            }
        }
        wrong
    }

    /// What is odd but no fault: the largest features, none that is not 0, and an arm that nobody has heard of.
    fn extremes(&self) -> [Round; 4] {
        let all = |feature: f64| Round {
            arms: self.arms.clone(),
            context: vec![feature; self.context.len()],
            features: vec![feature; self.features.len()],
        };
        let mut unknown = self.clone();
        unknown.arms[0] = u32::MAX;
        [all(FEATURE_MAX), all(-FEATURE_MAX), all(0.0), unknown]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recommend::bandit::{BetaThompson, LinUcb, Thompson};

    #[test]
    fn ours_conform() {
        let arms = [3, 0, 2, 1];
        let (context, rows) = ([1.0, 0.3, -0.5], [0.5; 8]);
        let plain = Candidates::new(&arms);
        let (known, rated) = (plain.with_context(&context), plain.with_features(&rows));
        let both = known.with_features(&rows);
        conformance(|| BetaThompson::params(4).check().unwrap(), &plain).unwrap();
        conformance(|| BetaThompson::params(4).before(0.1, 0.9).drift(0.05).check().unwrap(), &plain)
            .unwrap();
        conformance(|| Thompson::params().arms(4, 3).check().unwrap(), &known).unwrap();
        conformance(|| Thompson::params().features(2).check().unwrap(), &rated).unwrap();
        conformance(|| Thompson::params().arms(4, 3).features(2).drift(0.01).check().unwrap(), &both)
            .unwrap();
        conformance(|| Thompson::params().arms(4, 3).diagonal(true).check().unwrap(), &known).unwrap();
        conformance(|| Thompson::params().arms(4, 3).explore(0.0).check().unwrap(), &known).unwrap();
        conformance(|| LinUcb::params().arms(4, 3).features(2).check().unwrap(), &both).unwrap();
        conformance(|| LinUcb::params().features(2).variance(1e6).check().unwrap(), &rated).unwrap();
        let boxed = || -> Box<dyn Policy> { Box::new(LinUcb::params().arms(4, 3).check().unwrap()) };
        conformance(boxed, &known).unwrap();
    }

    /// Chooses by lot, counts what pays, and has one fault.
    #[derive(Clone, Debug)]
    struct Faulty(&'static str, Vec<f64>);

    impl Faulty {
        fn check(&self, candidates: &Candidates<'_>, place: usize) -> Result<(), Error> {
            if self.0 != "careless" {
                candidates.check(0, 0)?;
            }
            if candidates.arms().is_empty() {
                return Err(Error::NoArms);
            }
            if place < candidates.arms().len() { Ok(()) } else { Err(Error::NoSuchPlace(place)) }
        }
    }

    impl Policy for Faulty {
        fn name(&self) -> &str {
            "faulty"
        }

        fn choose(&self, candidates: &Candidates<'_>, draw: u64) -> Result<Choice, Error> {
            self.check(candidates, 0)?;
            let arms = candidates.arms();
            let by_arm = |place: &usize| further(draw, u64::from(arms[*place]));
            let place = match self.0 {
                "place" => (draw % arms.len() as u64) as usize,
                _ => (0..arms.len()).min_by_key(by_arm).unwrap_or(0),
            };
            let arm = if self.0 == "stranger" { 99 } else { arms[place] };
            Ok(Choice::new(place, arm, if self.0 == "nan" { f64::NAN } else { 1.0 }))
        }

        fn propensity(&self, candidates: &Candidates<'_>, place: usize) -> Result<f64, Error> {
            self.check(candidates, place)?;
            let even = 1.0 / candidates.arms().len() as f64;
            Ok(match self.0 {
                "sure" => f64::from(u8::from(place == 0)),
                "sum" => 0.5 * even,
                "lop-sided" if place == 0 => even + 0.4,
                "lop-sided" if place == 1 => even - 0.2,
                "lop-sided" => (even - 0.2_f64).max(0.01),
                _ => even,
            })
        }

        fn learn(&mut self, candidates: &Candidates<'_>, place: usize, reward: f64) -> Result<(), Error> {
            self.check(candidates, place)?;
            if self.0 == "half" {
                self.1.push(reward);
            }
            if !reward.is_finite() && self.0 != "any reward" {
                return Err(Error::Reward { found: reward, wanted: "a number" });
            }
            match self.0 {
                "whole" => self.1.push(candidates.arms().len() as f64),
                _ => self.1.push(reward),
            }
            Ok(())
        }

        fn checkpoint(&self, out: &mut Vec<u8>) {
            let kept = if self.0 == "lost" { 1 } else { 0 };
            out.extend(self.1.iter().skip(kept).flat_map(|reward| reward.to_le_bytes()));
        }

        fn restore(&mut self, bytes: &[u8]) -> Result<(), Error> {
            let (rewards, rest) = bytes.as_chunks();
            if self.0 == "half read" {
                self.1.clear();
            }
            if !rest.is_empty() {
                return Err(Error::Checkpoint { model: "faulty".into(), found: "half a number".into() });
            }
            self.1 = rewards.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
            Ok(())
        }

        fn bytes(&self) -> usize {
            0
        }
    }

    #[test]
    fn faults_are_named() {
        let like = Candidates::new(&[4, 9, 2]);
        for (fault, rule) in [
            ("stranger", "a choice is one of the candidates"),
            ("nan", "a score is a number"),
            ("place", "the order of candidates makes no difference"),
            ("sure", "what is chosen has a propensity above 0"),
            ("sum", "propensities add up to 1"),
            ("lop-sided", "a propensity is how often an arm is chosen"),
            ("whole", "the arm that was chosen is enough to learn from"),
            ("lost", "a restored policy has the checkpoint that it came from"),
            ("half read", "a refused checkpoint changes nothing"),
            ("any reward", "a reward that is no number is refused"),
            ("half", "what is refused changes nothing"),
            ("careless", "candidates that it was not made for are refused"),
        ] {
            let violation = conformance(|| Faulty(fault, Vec::new()), &like).unwrap_err();
            assert_eq!(violation.rule(), rule, "{fault}");
        }
        conformance(|| Faulty("none", Vec::new()), &like).unwrap();
        let one = conformance(|| Faulty("none", Vec::new()), &Candidates::new(&[1])).unwrap_err();
        assert_eq!(one.rule(), "the suite is given two arms at least");
    }
}
