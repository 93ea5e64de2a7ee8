//! What you learn: workouts that are neither boring nor discouraging, from what users finished.
//!
//! Two hundred made-up users do one workout a day out of sixty, a little too hard or too easy as trainers guessed. Nobody
//! tells how able anybody is: it shows in how far they come.

use bespoke::model::{Duration, Instant};
use bespoke::predict::Skills;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut random = fastrand::Rng::with_seed(1);
    let start: Instant = "2026-11-02T07:00:00Z".parse()?;
    let mut skills = Skills::params().target(0.8).step(0.5).check()?;

    // From easy to hard, and what trainers say of it.
    let hard: Vec<f64> = (0..60).map(|workout| -4.0 + 0.12 * f64::from(workout)).collect();
    for (workout, hard) in (0..).zip(&hard) {
        skills.set_difficulty(workout, hard + random.f64() - 0.5, 0.5)?;
    }
    // Users get a bit better as the weeks go by.
    let mut able: Vec<f64> = (0..200).map(|_| 3.0 * random.f64() - 1.5).collect();

    println!("week  finished  workouts known");
    let mut rates = Vec::new();
    for week in 0..8 {
        let mut finished = 0.0;
        for day in 0..7 {
            let now = start + Duration::days(7 * week + day);
            for (user, able) in (0..).zip(&mut able) {
                // A recommender says what is liked, and this what is right; whatever comes first is done.
                let liked: Vec<(u32, f64)> = (0..60).map(|workout| (workout, 0.5 + random.f64())).collect();
                let today = skills.rank(user, &liked, now)[0];
                let chance = 1.0 / (1.0 + (hard[today.item as usize] - *able).exp());
                let outcome = if random.f64() < chance { 1.0 } else { 0.0 };
                skills.learn(user, today.item, outcome, now)?;
                finished += outcome;
                *able += 0.005;
            }
        }
        let known = (0..60).filter(|workout| skills.difficulty(*workout).variance < 0.02).count();
        rates.push(finished / (7.0 * 200.0));
        println!("{week:4}  {:7.1}%  {known:14}", 100.0 * rates[week as usize]);
    }

    // What was aimed at, for the able and the less able.
    let last = rates[4..].iter().sum::<f64>() / 4.0;
    assert!((last - 0.8).abs() < 0.03, "{last}");
    let now = start + Duration::days(56);
    let error = |user: u32| (skills.skill(user, now).mean - able[user as usize]).abs();
    let mean_error = (0..200).map(error).sum::<f64>() / 200.0;
    println!(
        "finished {:.1} %, skills known to within {mean_error:.2}, {} bytes",
        100.0 * last,
        skills.bytes()
    );
    assert!(mean_error < 0.6);
    Ok(())
}
