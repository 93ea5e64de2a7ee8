use super::*;

const CONTEXTS: usize = 4;
const ACTIONS: usize = 3;
/// How often an action is rewarded in a context.
const TRUTH: [[f64; ACTIONS]; CONTEXTS] =
    [[0.1, 0.5, 0.3], [0.6, 0.2, 0.1], [0.05, 0.1, 0.4], [0.3, 0.3, 0.3]];
const RAN: [f64; ACTIONS] = [0.6, 0.3, 0.1];

/// Mostly what is best, which ran seldom in some contexts.
fn better(context: &usize, action: usize) -> f64 {
    let best = [1, 0, 2, 0][*context];
    if action == best { 0.8 } else { 0.1 }
}

/// What it earns, by summing up.
fn worth(policy: impl Fn(&usize, usize) -> f64) -> f64 {
    let of_context =
        |context: usize| (0..ACTIONS).map(|a| policy(&context, a) * TRUTH[context][a]).sum::<f64>();
    (0..CONTEXTS).map(of_context).sum::<f64>() / CONTEXTS as f64
}

fn simulate(rounds: usize, seed: u64) -> Vec<Logged<usize>> {
    let mut random = Random::nth(99, seed);
    let round = |_| {
        let context = random.below(CONTEXTS);
        let draw = random.share();
        let action = if draw < RAN[0] {
            0
        } else if draw < RAN[0] + RAN[1] {
            1
        } else {
            2
        };
        let reward = f64::from(u8::from(random.share() < TRUTH[context][action]));
        Logged { context, action, propensity: RAN[action], reward }
    };
    (0..rounds).map(round).collect()
}

/// Over two hundred logs the estimates are right on average, and their intervals hold the truth about as often as they say.
#[test]
fn estimates_find_what_is_true() {
    let truth = worth(better);
    let model = |context: &usize, action: usize| TRUTH[*context][action] + 0.02;
    let off_policy = OffPolicy::new().resamples(200);
    let (mut sums, mut held, mut widths) = ([0.0; 3], [0; 3], [0.0; 3]);
    for seed in 0..200 {
        let estimates = off_policy.estimate(&simulate(1_000, seed), ACTIONS, better, model).unwrap();
        for (place, found) in [estimates.ips, estimates.snips, estimates.doubly_robust].iter().enumerate() {
            sums[place] += found.value / 200.0;
            held[place] += u32::from(found.low <= truth && truth <= found.high);
            widths[place] += found.high - found.low;
        }
    }
    for (place, name) in ["ips", "snips", "doubly robust"].iter().enumerate() {
        // The standard deviation of one is about 0.04, that of the mean of 200 below 0.003.
        assert!((sums[place] - truth).abs() < 0.01, "{name}: {} against {truth}", sums[place]);
        // 95 % of 200 are 190; chance and few resamples cost a few.
        assert!((178..=199).contains(&held[place]), "{name}: {} of 200 hold the truth", held[place]);
    }
    assert!(widths[2] < widths[1] && widths[1] < widths[0], "a good model makes sure: {widths:?}");
}

/// With the policy that ran itself there is nothing to guess.
#[test]
fn the_policy_that_ran_is_worth_what_it_earned() {
    let log = simulate(500, 1);
    let found = OffPolicy::new().estimate(&log, ACTIONS, |_, action| RAN[action], |_, _| 0.0).unwrap();
    let mean = log.iter().map(|logged| logged.reward).sum::<f64>() / 500.0;
    for estimate in [found.logged, found.ips, found.snips, found.doubly_robust] {
        assert!((estimate.value - mean).abs() < 1e-12);
        assert!(estimate.low < mean && mean < estimate.high);
    }
    assert!((found.effective - 500.0).abs() < 1e-9);
}

/// Worked by hand: two actions, a policy that always takes the second.
#[test]
fn the_formulas_by_hand() {
    let logged = |action, propensity, reward| Logged { context: (), action, propensity, reward };
    let log = [logged(1, 0.5, 1.0), logged(0, 0.5, 1.0), logged(1, 0.25, 0.0), logged(1, 0.5, 2.0)];
    let off_policy = OffPolicy::new().rounds_min(2).effective_min(1.0);
    let model = |_: &(), action: usize| [0.3, 0.5][action];
    let found = off_policy.estimate(&log, 2, |_, action| action as f64, model).unwrap();
    // Weights 2, 0, 4, 2.
    assert_eq!(found.effective, 64.0 / 24.0);
    assert_eq!(found.logged.value, 1.0);
    assert_eq!(found.ips.value, (2.0 + 0.0 + 0.0 + 4.0) / 4.0);
    assert_eq!(found.snips.value, 6.0 / 8.0);
    let doubly_robust = [0.5 + 2.0 * 0.5, 0.5, 0.5 - 4.0 * 0.5, 0.5 + 2.0 * 1.5];
    assert_eq!(found.doubly_robust.value, doubly_robust.iter().sum::<f64>() / 4.0);
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    let log = simulate(400, 3);
    let run = |seed| OffPolicy::new().seed(seed).estimate(&log, ACTIONS, better, |_, _| 0.2).unwrap();
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
    let wide = OffPolicy::new().confidence(0.99).estimate(&log, ACTIONS, better, |_, _| 0.2).unwrap();
    assert!(wide.ips.low <= run(1).ips.low && wide.ips.high >= run(1).ips.high);
}

#[test]
fn what_says_too_little_is_refused() {
    let log = simulate(300, 1);
    let flat = |_: &usize, _: usize| 0.0;
    let run = |off_policy: OffPolicy, log: &[Logged<usize>]| {
        off_policy.estimate(log, ACTIONS, better, flat).unwrap_err()
    };
    assert_eq!(run(OffPolicy::new(), &log[..99]), Error::TooFewRounds { found: 99, wanted: 100 });
    let error = run(OffPolicy::new().effective_min(250.0), &log);
    let Error::EffectiveSampleTooSmall { rounds: 300, effective, wanted } = error else {
        unreachable!("{error}")
    };
    assert!(effective < wanted && effective > 50.0, "{effective}");
    // A policy that never does what was done.
    let fourth = |_: &usize, action: usize| f64::from(u8::from(action == 3));
    let error = OffPolicy::new().estimate(&log, 4, fourth, flat).unwrap_err();
    assert!(matches!(error, Error::EffectiveSampleTooSmall { effective: 0.0, .. }));

    for refused in [
        OffPolicy::new().resamples(99),
        OffPolicy::new().confidence(1.0),
        OffPolicy::new().confidence(f64::NAN),
        OffPolicy::new().rounds_min(1),
        OffPolicy::new().effective_min(0.0),
        OffPolicy::new().effective_min(f64::NAN),
    ] {
        assert!(matches!(run(refused, &log), Error::Setting { .. }), "{refused:?}");
    }
    for (name, bad) in [
        ("action", Logged { action: 3, ..log[0] }),
        ("propensity", Logged { propensity: 0.0, ..log[0] }),
        ("propensity", Logged { propensity: f64::NAN, ..log[0] }),
        ("reward", Logged { reward: f64::INFINITY, ..log[0] }),
    ] {
        let mut log = log.clone();
        log[7] = bad;
        let error = run(OffPolicy::new(), &log);
        assert!(matches!(error, Error::Round { round: 7, name: found, .. } if found == name), "{error}");
    }
    let halves = OffPolicy::new().estimate(&log, ACTIONS, |_, _| 0.5, flat).unwrap_err();
    assert_eq!(halves.to_string(), "round 0: the sum of the policy's probabilities is 1.5, but must be 1");
}
