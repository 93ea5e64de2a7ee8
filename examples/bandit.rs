//! What you learn: a bandit that finds out which of ten banners to show to whom, while it shows them.
//!
//! A made-up world: each banner has a chance of a click, `sigmoid(weights · features)`, that depends on nine features of the
//! visitor; a banner without any of them is clicked by three in ten. Regret is what always showing the best banner would
//! have brought more, in clicks. `--rounds 100000` runs longer.

use bespoke::recommend::bandit::{Candidates, Policy, Thompson};
use std::error::Error;
use std::time::Instant;

const ARMS: [u32; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const FEATURES: usize = 10;

/// A visitor: what is known, and what nobody knows.
struct Visitor {
    features: [f64; FEATURES],
    chances: [f64; ARMS.len()],
    /// Clicks on whatever has a chance above it.
    threshold: f64,
}

fn normal(random: &mut fastrand::Rng) -> f64 {
    (-2.0 * (1.0 - random.f64()).ln()).sqrt() * (std::f64::consts::TAU * random.f64()).cos()
}

fn visitors(seed: u64, count: usize) -> Vec<Visitor> {
    let mut random = fastrand::Rng::with_seed(seed);
    let base_rate = (0.3_f64 / 0.7).ln();
    let weights = ARMS.map(|_| {
        let mut weights = [0.0; FEATURES].map(|_: f64| 0.5 * normal(&mut random));
        weights[0] = base_rate;
        weights
    });
    let visitor = |_| {
        let mut features = [0.0; FEATURES].map(|_: f64| normal(&mut random));
        features[0] = 1.0;
        let score = |weights: &[f64; FEATURES]| weights.iter().zip(features).map(|(w, x)| w * x).sum::<f64>();
        let chances = [0; ARMS.len()];
        let mut arm = 0;
        let chances = chances.map(|_: i32| {
            arm += 1;
            1.0 / (1.0 + (-score(&weights[arm - 1])).exp())
        });
        Visitor { features, chances, threshold: random.f64() }
    };
    (0..count).map(visitor).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let rounds = match std::env::args().skip_while(|arg| arg != "--rounds").nth(1) {
        Some(rounds) => rounds.parse()?,
        None => 10_000,
    };
    let (mut total, mut at_10_000, mut by_chance) = (0.0, 0.0, 0.0);
    for seed in 1..=3 {
        let visitors = visitors(seed, rounds);
        let mut policy = Thompson::params().arms(ARMS.len(), FEATURES).check()?;
        let (mut regret, began) = (0.0, Instant::now());
        for (round, visitor) in (0_u64..).zip(&visitors) {
            let banners = Candidates::new(&ARMS).with_context(&visitor.features);
            let choice = policy.choose(&banners, seed << 32 | round)?;
            let chance = visitor.chances[choice.place];
            let clicked = if visitor.threshold < chance { 1.0 } else { 0.0 };
            policy.learn(&banners, choice.place, clicked)?;
            regret += visitor.chances.iter().fold(0.0, |best: f64, c| best.max(*c)) - chance;
            if round + 1 == 10_000 {
                at_10_000 += regret / 3.0;
            }
        }
        // All of the loop: a choice among ten arms with ten features each, and what it brought learned at once.
        let per_second = rounds as f64 / began.elapsed().as_secs_f64();
        println!(
            "seed {seed}: regret {regret:.0} after {rounds} rounds, {per_second:.0} decisions and rewards a second"
        );
        total += regret / 3.0;
        by_chance += visitors
            .iter()
            .map(|v| {
                let best = v.chances.iter().fold(0.0, |best: f64, c| best.max(*c));
                best - v.chances.iter().sum::<f64>() / ARMS.len() as f64
            })
            .sum::<f64>()
            / 3.0;

        // What a decision logs: with it, other policies can be judged by what this one did.
        let last = Candidates::new(&ARMS).with_context(&visitors[rounds - 1].features);
        let shares: Result<Vec<f64>, _> =
            (0..ARMS.len()).map(|place| policy.propensity(&last, place)).collect();
        assert!((shares?.iter().sum::<f64>() - 1.0).abs() < 0.01);
    }
    println!("mean regret {total:.0}, by chance {by_chance:.0}");
    assert!(total < 0.25 * by_chance);
    if rounds >= 10_000 {
        println!("after 10000 rounds {at_10_000:.0}");
        assert!(at_10_000 <= 330.0, "regret after 10000 rounds");
    }
    if rounds == 100_000 {
        assert!(total <= 560.0, "regret after 100000 rounds");
    }
    Ok(())
}
