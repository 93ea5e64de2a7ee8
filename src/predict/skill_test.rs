use super::*;
use proptest::prelude::*;

const START: Instant = Instant::from_millis(1_700_000_000_000);

fn normal(random: &mut fastrand::Rng) -> f64 {
    let root = (-2.0 * libm::log(1.0 - random.f64())).sqrt();
    root * libm::cos(std::f64::consts::TAU * random.f64())
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

/// Root of the mean squared difference after both are moved to a mean of 0, and the correlation.
fn agreement(found: &[f64], truth: &[f64]) -> (f64, f64) {
    let count = truth.len() as f64;
    let centred = |of: &[f64]| -> Vec<f64> {
        let mean = of.iter().sum::<f64>() / count;
        of.iter().map(|x| x - mean).collect()
    };
    let (found, truth) = (centred(found), centred(truth));
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let error = found.iter().zip(&truth).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
    ((error / count).sqrt(), dot(&found, &truth) / (dot(&found, &found) * dot(&truth, &truth)).sqrt())
}

/// Everybody tries everything; what is believed comes to be what is true, and as near as it is said to be.
#[test]
fn ratings_are_recovered() {
    let mut random = fastrand::Rng::with_seed(4);
    let mut skills = Skills::params().drift(0.0).check().unwrap();
    let able: Vec<f64> = (0..300).map(|_| normal(&mut random)).collect();
    let hard: Vec<f64> = (0..100).map(|_| normal(&mut random)).collect();
    for _ in 0..300 * 60 {
        let (user, item) = (random.u32(..300), random.u32(..100));
        let chance = sigmoid(able[user as usize] - hard[item as usize]);
        // One in three is a part of the way, as far as the chance says on average.
        let outcome = match random.u8(..3) {
            0 => (chance + 0.3 * (random.f64() - 0.5)).clamp(0.0, 1.0),
            _ => f64::from(u8::from(random.f64() < chance)),
        };
        skills.learn(user, item, outcome, START).unwrap();
    }
    let found: Vec<f64> = (0..300).map(|user| skills.skill(user, START).mean).collect();
    let (error, correlation) = agreement(&found, &able);
    assert!(error < 0.4 && correlation > 0.93, "skills: {error} {correlation}");
    let found: Vec<f64> = (0..100).map(|item| skills.difficulty(item).mean).collect();
    let (error, correlation) = agreement(&found, &hard);
    assert!(error < 0.25 && correlation > 0.97, "difficulties: {error} {correlation}");
    let within = (0..300).filter(|user| {
        let Rating { mean, variance } = skills.skill(*user, START);
        (mean - able[*user as usize]).abs() < 2.0 * variance.sqrt()
    });
    assert!(within.count() > 255, "two standard deviations hold for nineteen in twenty, or nearly");
}

/// Users do what comes first: they succeed about as often as was aimed at, from the first weeks on, whatever they can.
#[test]
fn what_is_chosen_succeeds_as_often_as_was_aimed_at() {
    for target in [0.75, 0.8, 0.85] {
        let mut random = fastrand::Rng::with_seed(9);
        let mut skills = Skills::params().check().unwrap();
        let hard: Vec<f64> = (0..120).map(|n| -4.0 + f64::from(n) / 15.0).collect();
        for (item, hard) in (0..).zip(&hard) {
            skills.set_difficulty(item, hard + 0.5 * normal(&mut random), 0.5).unwrap();
        }
        let able: Vec<f64> = (0..150).map(|_| normal(&mut random)).collect();
        let (mut done, mut tried, mut kinds) = (0.0, 0.0, 0);
        let mut thirds = [(0.0, 0.0); 3];
        let mut last: Vec<Option<f64>> = vec![None; 150];
        for day in 0..60 {
            for user in 0..150_u32 {
                let items: Vec<(u32, f64)> = (0..40).map(|_| (random.u32(..120), 1.0)).collect();
                let now = START + Duration::days(day) + Duration::minutes(i64::from(user));
                let best = skills.rank(user, &items, target, now)[0];
                let difficulty = skills.difficulty(best.item).mean;
                // The ratchet: each session has one item here.
                if let Some(last) = last[user as usize] {
                    assert!(!best.is_within_step || (difficulty - last).abs() <= 0.5);
                    kinds += u32::from(best.is_within_step);
                }
                last[user as usize] = Some(difficulty);
                let able = able[user as usize];
                let outcome = f64::from(u8::from(random.f64() < sigmoid(able - hard[best.item as usize])));
                skills.learn(user, best.item, outcome, now).unwrap();
                if day >= 20 {
                    done += outcome;
                    tried += 1.0;
                    let third = if able < -0.43 { 0 } else { usize::from(able > 0.43) + 1 };
                    thirds[third].0 += outcome;
                    thirds[third].1 += 1.0;
                }
            }
        }
        assert!((done / tried - target).abs() < 0.025, "{target}: {}", done / tried);
        for (done, tried) in thirds {
            assert!((done / tried - target).abs() < 0.06, "{target}: {:?}", thirds);
        }
        assert!(kinds > 59 * 150 * 9 / 10, "nearly always something is within a step");
    }
}

/// Whoever tries what is far too hard, and fails, is not kept there; whoever takes it easy once does not leap.
#[test]
fn a_failure_is_no_level_to_stay_at() {
    let mut skills = Skills::params().check().unwrap();
    let items: Vec<(u32, f64)> = (0..10).map(|level| (level, 1.0)).collect();
    for (level, _) in &items {
        skills.set_difficulty(*level, -2.0 + f64::from(*level) * 4.0 / 9.0, 0.5).unwrap();
    }
    let (ada, bob) = (1, 2);
    for day in 0..6 {
        let at = START + Duration::days(day);
        for level in [0, 1, 2] {
            skills.learn(ada, level, [1.0, 1.0, 0.5][level as usize], at).unwrap();
        }
        for level in [6, 7] {
            skills.learn(bob, level, 1.0, at).unwrap();
        }
    }
    let (at, now) = (START + Duration::days(6), START + Duration::days(7));
    let usual = skills.rank(ada, &items, 0.8, at)[0].item;
    skills.learn(ada, 9, 0.0, at).unwrap();
    let fits = skills.rank(ada, &items, 0.8, now);
    assert!(fits[0].item <= usual && (fits[0].chance - 0.8).abs() < 0.1, "{fits:?}");
    assert!(!fits[0].is_within_step && fits[0].is_in_reach, "a jump down, and said to be one");
    assert!(fits.iter().position(|fit| fit.item == 9) > Some(5), "{fits:?}");
    assert!(skills.near(ada, 0.8, now).next().is_some_and(|nearest| nearest <= usual + 1));

    skills.learn(bob, 0, 1.0, at).unwrap();
    let fits = skills.rank(bob, &items, 0.8, now);
    assert!(fits[0].is_within_step && fits[0].item == 1, "a step up, however able: {fits:?}");
}

#[test]
fn what_was_done_lately_comes_later() {
    let mut skills = Skills::params().check().unwrap();
    let items: Vec<(u32, f64)> = (0..6).map(|item| (item, 1.0)).collect();
    items.iter().for_each(|(item, _)| skills.set_difficulty(*item, -1.5, 0.2).unwrap());
    let mut done = Vec::new();
    for session in 0..12 {
        let now = START + Duration::days(session);
        let best = skills.rank(1, &items, 0.8, now)[0].item;
        skills.learn(1, best, 0.8, now).unwrap();
        done.push(best);
    }
    assert!(done.windows(3).all(|three| three[0] != three[1] && three[0] != three[2]), "{done:?}");
}

#[test]
fn what_is_not_seen_for_long_is_less_certain() {
    let mut skills = Skills::params().check().unwrap();
    for _ in 0..50 {
        skills.learn(1, 1, 1.0, START).unwrap();
    }
    let variance = |days| skills.skill(1, START + Duration::days(days)).variance;
    assert!(variance(0) < 0.3 && (variance(10) - variance(0) - 0.05).abs() < 1e-9);
    assert_eq!(variance(100_000), 1.0);
    assert_eq!(variance(-5), variance(0));
    skills.forget(1);
    assert_eq!(skills.skill(1, START), Rating { mean: 0.0, variance: 1.0 });
}

proptest! {
    /// Against the formula in two dimensions, by the inverse of a matrix.
    #[test]
    fn an_outcome_is_an_update_in_two_dimensions(
        means in (-2.0_f64..2.0, -2.0_f64..2.0), deviations in (0.1_f64..2.0, 0.1_f64..2.0), y in 0.0_f64..=1.0,
    ) {
        let mut skills = Skills::params().spread(deviations.0).check().unwrap();
        skills.users.insert(7, Box::new(UserSkill::new(Rating { mean: means.0, variance: deviations.0 * deviations.0 }, START)));
        skills.set_difficulty(9, means.1, deviations.1).unwrap();
        skills.learn(7, 9, y, START).unwrap();
        let (skill, difficulty) = (skills.skill(7, START), skills.difficulty(9));
        let (p, q) = (deviations.0.powi(-2), deviations.1.powi(-2));
        // The gradient of the logarithm of the posterior is 0 at the new means.
        let chance = sigmoid(skill.mean - difficulty.mean);
        prop_assert!((p * (skill.mean - means.0) - (y - chance)).abs() < 1e-6 * p);
        prop_assert!((q * (difficulty.mean - means.1) + (y - chance)).abs() < 1e-6 * q);
        // The inverse of [[p + h, -h], [-h, q + h]].
        let h = chance * (1.0 - chance);
        let determinant = (p + h) * (q + h) - h * h;
        prop_assert!((skill.variance - (q + h) / determinant).abs() < 1e-6);
        prop_assert!((difficulty.variance - (p + h) / determinant).abs() < 1e-6);
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else(
        outcomes in prop::collection::vec((0_u32..5, 0_u32..12, 0.0_f64..=1.0, 0_i64..100), 0..60),
        bytes in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let learned = || {
            let mut skills = Skills::params().check().unwrap();
            for &(user, item, outcome, hours) in &outcomes {
                skills.learn(user, item, outcome, START + Duration::hours(hours)).unwrap();
            }
            skills
        };
        let bytes_of = |skills: &Skills| {
            let mut bytes = Vec::new();
            skills.checkpoint(&mut bytes);
            bytes
        };
        let written = bytes_of(&learned());
        prop_assert_eq!(&written, &bytes_of(&learned()));
        let mut restored = Skills::params().check().unwrap();
        restored.restore(&written).unwrap();
        prop_assert_eq!(&bytes_of(&restored), &written);
        for end in 0..written.len() {
            prop_assert!(restored.restore(&written[..end]).is_err());
        }
        let _ = restored.restore(&bytes);
    }
}

#[test]
fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let mut skills = Skills::params().check().unwrap();
    skills.learn(1, 1, 0.5, START).unwrap();
    let before = skills.clone();
    for outcome in [f64::NAN, -0.1, 1.1, f64::INFINITY] {
        assert!(skills.learn(1, 1, outcome, START).is_err());
    }
    assert!(skills.set_difficulty(1, f64::NAN, 1.0).is_err() && skills.set_difficulty(1, 0.0, 0.0).is_err());
    assert_eq!((skills.users, skills.items), (before.users, before.items));
    for (params, message) in [
        (Skills::params().width(f64::NAN), "`width` cannot be NaN; it is from 0.01 to 1"),
        (Skills::params().session(Duration::ZERO), "`session` cannot be 0s; it is from `1m` to `366d`"),
    ] {
        assert_eq!(params.check().unwrap_err().to_string(), message);
    }
    let extremes = [(1, f64::NAN), (2, f64::INFINITY), (3, -1.0)];
    for target in [f64::NAN, f64::NEG_INFINITY, 0.5, 2.0] {
        let skills = Skills::params().check().unwrap();
        let fits = skills.rank(1, &extremes, target, Instant::MAX);
        assert!(fits.iter().all(|fit| fit.score.is_finite() && fit.score >= 0.0), "{fits:?}");
        assert_eq!(skills.near(1, target, Instant::MIN).count(), 0);
    }
}

#[test]
fn users_and_items_take_little_room() {
    assert!(size_of::<UserSkill>() <= 104 && size_of::<Rating>() == 16, "{}", size_of::<UserSkill>());
}

#[test]
fn two_profiles_of_a_user_know_what_both_knew() {
    let mut random = fastrand::Rng::with_seed(6);
    let params = Skills::params().drift(0.0);
    let (mut apart, mut whole) = (params.check().unwrap(), params.check().unwrap());
    for item in 0..40 {
        for skills in [&mut apart, &mut whole] {
            skills.set_difficulty(item, f64::from(item) / 10.0 - 2.0, 0.01).unwrap();
        }
    }
    for round in 0..60 {
        let (item, at) = (random.u32(..40), START + Duration::hours(round));
        let outcome = f64::from(u8::from(random.f64() < sigmoid(0.7 - (f64::from(item) / 10.0 - 2.0))));
        apart.learn(1 + (round % 2) as u32, item, outcome, at).unwrap();
        whole.learn(3, item, outcome, at).unwrap();
    }
    let now = START + Duration::days(9);
    apart.absorb(2, 1);
    assert_eq!((apart.skill(2, now).mean, apart.users.len()), (0.0, 1));
    let (found, expected) = (apart.skill(1, now), whole.skill(3, now));
    // Each step is taken where the belief stands, so order matters a little.
    assert!((found.mean - expected.mean).abs() < 0.1, "{found:?} {expected:?}");
    assert!((found.variance / expected.variance - 1.0).abs() < 0.1, "{found:?} {expected:?}");
    // Nobody is no reason to change.
    apart.absorb(9, 1);
    assert_eq!(apart.skill(1, now), found);
    apart.absorb(1, 9);
    assert_eq!((apart.skill(9, now), apart.users.len()), (found, 1));
}

#[test]
fn near_is_what_ranks_first() {
    let mut random = fastrand::Rng::with_seed(7);
    let mut skills = Skills::params().step(100.0).repeat(1.0).check().unwrap();
    for item in 0..300 {
        skills.set_difficulty(item, 3.0 * normal(&mut random).clamp(-3.0, 3.0), 0.3).unwrap();
    }
    for round in 0..200 {
        let item = random.u32(..300);
        skills.learn(1, item, 1.0, START + Duration::hours(round)).unwrap();
    }
    let now = START + Duration::days(30);
    let all: Vec<(u32, f64)> = (0..300).map(|item| (item, 1.0)).collect();
    for target in [0.3, 0.5, 0.8] {
        let best = skills.rank(1, &all, target, now)[0].item;
        let place = skills.near(1, target, now).position(|item| item == best).unwrap();
        assert!(place < 20, "{target}: {place}");
    }
}
