//! What holds for all policies, against dense linear algebra and against each other.

use super::belief::{Belief, Observation};
use super::logistic::most_probable;
use super::*;
use crate::recommend::Error;
use proptest::prelude::*;

type Matrix = Vec<Vec<f64>>;

/// The inverse by elimination with the largest pivot.
fn inverse(matrix: &Matrix) -> Matrix {
    let len = matrix.len();
    let mut rows: Matrix = (0..len)
        .map(|r| {
            (0..2 * len)
                .map(|c| if c < len { matrix[r][c] } else { f64::from(u8::from(c - len == r)) })
                .collect()
        })
        .collect();
    for step in 0..len {
        let pivot = (step..len).max_by(|a, b| rows[*a][step].abs().total_cmp(&rows[*b][step].abs())).unwrap();
        rows.swap(step, pivot);
        let by = rows[step][step];
        rows[step].iter_mut().for_each(|cell| *cell /= by);
        for row in (0..len).filter(|row| *row != step) {
            let by = rows[row][step];
            let subtracted = rows[step].clone();
            rows[row].iter_mut().zip(subtracted).for_each(|(cell, other)| *cell -= by * other);
        }
    }
    rows.into_iter().map(|row| row[len..].to_vec()).collect()
}

fn times(matrix: &Matrix, x: &[f64]) -> Vec<f64> {
    matrix.iter().map(|row| row.iter().zip(x).map(|(a, b)| a * b).sum()).collect()
}

/// The same belief kept as the inverse of its covariance, updated and inverted as it stands on paper.
struct Naive {
    mean: Vec<f64>,
    precision: Matrix,
}

impl Naive {
    fn new(len: usize, first: f64) -> Naive {
        let cell = |r, c| if r == c { 1.0 / first } else { 0.0 };
        Naive {
            mean: vec![0.0; len],
            precision: (0..len).map(|r| (0..len).map(|c| cell(r, c)).collect()).collect(),
        }
    }

    /// The most probable weights by Newton's method in all dimensions; then the curvature there.
    fn observe(&mut self, x: &[f64], y: f64) {
        let before = self.mean.clone();
        let mut mean = before.clone();
        let chance = |mean: &[f64]| {
            let score: f64 = mean.iter().zip(x).map(|(m, x)| m * x).sum();
            1.0 / (1.0 + (-score).exp())
        };
        let curved = |precision: &Matrix, q: f64| -> Matrix {
            let cell = |r: usize, c: usize| precision[r][c] + q * (1.0 - q) * x[r] * x[c];
            (0..x.len()).map(|r| (0..x.len()).map(|c| cell(r, c)).collect()).collect()
        };
        for _ in 0..200 {
            let q = chance(&mean);
            let off: Vec<f64> = mean.iter().zip(&before).map(|(m, b)| m - b).collect();
            let pull = times(&self.precision, &off);
            let slope: Vec<f64> = pull.iter().zip(x).map(|(pull, x)| pull - (y - q) * x).collect();
            let step = times(&inverse(&curved(&self.precision, q)), &slope);
            mean.iter_mut().zip(step).for_each(|(mean, step)| *mean -= 0.3 * step);
        }
        self.precision = curved(&self.precision, chance(&mean));
        self.mean = mean;
    }
}

fn learn(belief: &mut Belief, x: &[f64], y: f64) {
    let before = belief.moments(x);
    let (surprise, information) = most_probable(before.mean, before.variance, y);
    belief.observe(x, Observation { surprise, information, beside: 0.0 }, 0.0);
}

fn near(found: f64, expected: f64, scale: f64) -> bool {
    (found - expected).abs() <= 1e-7 * scale.max(1.0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// In every width: within one lane, in several, and with a rest.
    #[test]
    fn updates_equal_the_dense_ones(
        len in 1_usize..11,
        seen in prop::collection::vec((prop::collection::vec(-2.0_f64..2.0, 11), any::<bool>()), 1..12),
    ) {
        let (mut belief, mut naive) = (Belief::new(len, 2.0, false), Naive::new(len, 2.0));
        for (x, y) in &seen {
            let (x, y) = (&x[..len], f64::from(u8::from(*y)));
            learn(&mut belief, x, y);
            naive.observe(x, y);
        }
        belief.validate().unwrap();
        let (found, expected) = (belief.covariance(), inverse(&naive.precision));
        for row in 0..len {
            prop_assert!(near(belief.mean()[row], naive.mean[row], 1.0));
            for column in 0..len {
                prop_assert!(near(found[row][column], expected[row][column], 1.0));
            }
        }
        let x = &seen[0].0[..len];
        let variance: f64 = times(&expected, x).iter().zip(x).map(|(a, b)| a * b).sum();
        prop_assert!(near(belief.moments(x).variance, variance, 1.0));
    }

    #[test]
    fn regressions_that_are_merged_equal_one_of_all(
        len in 1_usize..7,
        seen in prop::collection::vec((prop::collection::vec(-3.0_f64..3.0, 7), -5.0_f64..5.0, any::<bool>()), 0..30),
    ) {
        let new = || LinUcb::params().features(len).drift(0.0).check().unwrap();
        let (mut all, mut parts) = (new(), [new(), new()]);
        for (x, y, left) in &seen {
            let candidates = Candidates::new(&[9]).with_features(&x[..len]);
            all.learn(&candidates, 0, *y).unwrap();
            parts[usize::from(*left)].learn(&candidates, 0, *y).unwrap();
        }
        let mut bytes = Vec::new();
        parts[1].checkpoint(&mut bytes);
        parts[0].merge(&bytes).unwrap();
        for (x, ..) in &seen {
            let candidates = Candidates::new(&[9]).with_features(&x[..len]);
            prop_assert!(near(parts[0].predict(&candidates, 0).unwrap(), all.predict(&candidates, 0).unwrap(), 1.0));
            let scores = [&parts[0], &all].map(|policy| policy.choose(&candidates, 0).unwrap().score);
            prop_assert!(near(scores[0], scores[1], 1.0));
        }
    }

    #[test]
    fn the_order_of_candidates_means_nothing(draw in any::<u64>(), turn in 0_usize..5) {
        let policy = learned(Thompson::params().arms(5, 2).features(1).check().unwrap());
        let (context, rows, mut order) = ([1.0, 0.3], [0.5, -0.5, 1.0, 0.0, 0.2], [0_u32, 1, 2, 3, 4]);
        let row = |order: &[u32]| -> Vec<f64> { order.iter().map(|arm| rows[*arm as usize]).collect() };
        let choose = |order: &[u32]| {
            let features = row(order);
            let candidates = Candidates::new(order).with_context(&context).with_features(&features);
            let choice = policy.choose(&candidates, draw).unwrap();
            (choice.arm, choice.score, policy.propensity(&candidates, choice.place).unwrap())
        };
        let first = choose(&order);
        order.rotate_left(turn);
        let turned = choose(&order);
        prop_assert_eq!((first.0, first.1), (turned.0, turned.1));
        prop_assert!((first.2 - turned.2).abs() < 1e-9);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut policy = Thompson::params().arms(2, 1).check().unwrap();
        if policy.restore(&bytes).is_ok() {
            policy.model_is_valid().unwrap();
        }
        let _ = policy.merge(&bytes);
        policy.model_is_valid().unwrap();
    }
}

/// Where drift has taken more than the half of what both began with, that cannot be taken off once.
#[test]
fn what_has_drifted_far_can_be_merged() {
    let new = || Thompson::params().features(60).drift(0.05).check().unwrap();
    let (mut policy, mut random) = (new(), fastrand::Rng::with_seed(8));
    for _ in 0..300 {
        let row: Vec<f64> = (0..60).map(|_| random.f64() - 0.5).collect();
        let candidates = Candidates::new(&[0]).with_features(&row);
        policy.learn(&candidates, 0, f64::from(random.u8(..2))).unwrap();
    }
    let bytes = bytes_of(&policy);
    for _ in 0..3 {
        policy.merge(&bytes).unwrap();
        policy.model_is_valid().unwrap();
        new().restore(&bytes_of(&policy)).unwrap();
    }
}

/// Some rounds of five arms with two features of the context and one of the arm.
fn learned(mut policy: Thompson) -> Thompson {
    let mut random = fastrand::Rng::with_seed(3);
    let arms = [0, 1, 2, 3, 4];
    for round in 0..300 {
        let context = [1.0, random.f64()];
        let rows: Vec<f64> = (0..5).map(|_| random.f64()).collect();
        let candidates = Candidates::new(&arms).with_context(&context).with_features(&rows);
        let choice = policy.choose(&candidates, round).unwrap();
        let reward = f64::from(u8::from(random.f64() < 0.1 + 0.15 * choice.arm as f64));
        policy.learn(&candidates, choice.place, reward).unwrap();
    }
    policy
}

fn bytes_of(policy: &dyn Policy) -> Vec<u8> {
    let mut bytes = Vec::new();
    policy.checkpoint(&mut bytes);
    bytes
}

#[test]
fn the_same_calls_give_the_same_bytes_on_every_machine() {
    let new = || Thompson::params().arms(5, 2).features(1).check().unwrap();
    let policy = learned(new());
    assert_eq!(bytes_of(&policy), bytes_of(&learned(new())));
    let hash = crate::model::stable_hash(&[&bytes_of(&policy)]) as u64;
    assert_eq!(hash, 0x430b_b4a0_a43a_b732);
    let mut restored = new();
    restored.restore(&bytes_of(&policy)).unwrap();
    assert_eq!(bytes_of(&restored), bytes_of(&policy));
    let before = bytes_of(&restored);
    for end in [0, 1, before.len() / 2, before.len() - 1] {
        assert!(matches!(restored.restore(&before[..end]), Err(Error::Checkpoint { .. })));
    }
    assert!(restored.restore(&[&before[..], &[0]].concat()).is_err());
    assert_eq!(bytes_of(&restored), before);
}

/// A million observations with features that are huge, tiny, equal and opposite, with answers that make no sense.
#[test]
fn beliefs_stay_possible_whatever_is_learned() {
    for (diagonal, drift, rounds) in [(false, 1e-5, 1_000_000), (false, 0.1, 50_000), (true, 1e-5, 100_000)] {
        let mut random = fastrand::Rng::with_seed(11);
        let params = Thompson::params().arms(1, 3).features(2);
        let mut policy = params.diagonal(diagonal).drift(drift).check().unwrap();
        let sizes = [1e6, -1e6, 1.0, -1.0, 1e-3, 1e-300, 0.0, 999_999.0];
        for round in 0..rounds {
            let mut feature = || if random.u8(..) < 100 { sizes[random.usize(..8)] } else { random.f64() };
            let (context, row) = ([feature(), feature(), feature()], [feature(), feature()]);
            let candidates = Candidates::new(&[0]).with_context(&context).with_features(&row);
            policy.learn(&candidates, 0, [0.0, 1.0, 0.5][random.usize(..3)]).unwrap();
            if round % 10_000 == 0 {
                policy.model_is_valid().unwrap();
                assert!(policy.choose(&candidates, round).unwrap().score.is_finite());
            }
        }
        policy.model_is_valid().unwrap();
        let bytes = bytes_of(&policy);
        policy.restore(&bytes).unwrap();
        policy.merge(&bytes).unwrap();
        policy.model_is_valid().unwrap();
    }
}

#[test]
fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let context = [1.0, 0.5];
    let good = Candidates::new(&[0, 1, 2]).with_context(&context);
    let policies: [(Box<dyn Policy>, Candidates<'_>); 3] = [
        (Box::new(Thompson::params().arms(3, 2).check().unwrap()), good),
        (Box::new(LinUcb::params().arms(3, 2).check().unwrap()), good),
        (Box::new(BetaThompson::params(3).check().unwrap()), Candidates::new(&[0, 1, 2])),
    ];
    for (mut policy, good) in policies {
        policy.learn(&good, 1, 1.0).unwrap();
        let before = bytes_of(&policy);
        let unknown = Candidates::new(&[0, 3]).with_context(good.context());
        let none = Candidates::new(&[]).with_context(good.context());
        let (nan, large) = ([f64::NAN, 1.0], [1.0, -1e7]);
        for bad in
            [unknown, none, good.with_context(&nan), good.with_context(&large), good.with_context(&[1.0])]
        {
            let message = policy.choose(&bad, 1).unwrap_err().to_string();
            assert_eq!(policy.learn(&bad, 0, 1.0).unwrap_err().to_string(), message);
            assert!(policy.propensity(&bad, 0).is_err());
        }
        for reward in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -2e6] {
            assert!(matches!(policy.learn(&good, 0, reward), Err(Error::Reward { .. })), "{reward}");
        }
        assert_eq!(policy.learn(&good, 3, 1.0), Err(Error::NoSuchPlace(3)));
        assert_eq!(policy.propensity(&good, 3), Err(Error::NoSuchPlace(3)));
        assert_eq!(bytes_of(&policy), before);
    }
    for (found, wanted) in [
        (
            Thompson::params().check().unwrap_err(),
            "`features` is 0, but must be at least 1 where arms have no models of their own",
        ),
        (
            Thompson::params().features(257).check().unwrap_err(),
            "`features` is 257 features, but must be at most 256 features unless `diagonal`",
        ),
        (
            Thompson::params().features(1).explore(f64::NAN).check().unwrap_err(),
            "`explore` is NaN, but must be from 0 to 10",
        ),
        (
            LinUcb::params().arms(1, 1).drift(1.0).check().unwrap_err(),
            "`drift` is 1, but must be from 0 to 0.1",
        ),
        (BetaThompson::params(0).check().unwrap_err(), "`arms` is 0, but must be from 1 to 10000"),
        (
            policy_error(&[f64::NAN, 0.0]),
            "a feature is NaN, but must be from -1000000 to 1000000; scale features to about 1",
        ),
        (
            policy_error(&[1.0]),
            "there are 1 features, but the policy was made for 2; give 0 for one that is not known",
        ),
    ] {
        assert_eq!(found.to_string(), wanted);
    }
}

fn policy_error(context: &[f64]) -> Error {
    let policy = Thompson::params().arms(1, 2).check().unwrap();
    policy.choose(&Candidates::new(&[0]).with_context(context), 0).unwrap_err()
}

#[test]
fn propensities_are_shares_of_choices() {
    let policy = learned(Thompson::params().arms(5, 2).features(1).check().unwrap());
    let (context, rows) = ([1.0, 0.3], [0.5, -0.5, 1.0, 0.0, 0.2]);
    let mut beta = BetaThompson::params(5).check().unwrap();
    for (arm, reward) in [(0, 1.0), (1, 0.0), (1, 1.0), (2, 0.5)] {
        beta.learn(&Candidates::new(&[arm]), 0, reward).unwrap();
    }
    for (arms, policy, close) in
        [(5, &policy as &dyn Policy, 0.005), (2, &policy, 0.005), (5, &beta, 0.15), (2, &beta, 0.15)]
    {
        let numbers = &[0, 1, 2, 3, 4][..arms];
        let mut candidates = Candidates::new(numbers);
        if policy.name() == "thompson" {
            candidates = candidates.with_context(&context).with_features(&rows[..arms]);
        }
        let mut shares = vec![0.0; arms];
        for draw in 0..100_000 {
            shares[policy.choose(&candidates, draw).unwrap().place] += 1e-5;
        }
        for (place, share) in shares.into_iter().enumerate() {
            let propensity = policy.propensity(&candidates, place).unwrap();
            assert!((propensity - share).abs() < close, "{} {place}: {propensity} {share}", policy.name());
        }
    }
}

/// Arms whose merits change places half-way: with drift the policy finds out.
#[test]
fn what_changes_is_noticed() {
    let mut policy = Thompson::params().arms(2, 1).drift(0.01).check().unwrap();
    let both = Candidates::new(&[0, 1]).with_context(&[1.0]);
    let mut random = fastrand::Rng::with_seed(1);
    let mut second_half = 0;
    for round in 0..8_000_u64 {
        let choice = policy.choose(&both, round).unwrap();
        let good = u32::from(round >= 4_000);
        let rate = if choice.arm == good { 0.6 } else { 0.2 };
        policy.learn(&both, choice.place, f64::from(u8::from(random.f64() < rate))).unwrap();
        second_half += u32::from(round >= 6_000 && choice.arm == 1);
    }
    assert!(second_half > 1_800, "{second_half}");
}
