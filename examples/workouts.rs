//! What you learn: workouts that are neither boring nor discouraging, from what users finished.
//!
//! A hundred made-up users do one workout a day out of sixty, a little too hard or too easy as trainers guessed. Nobody
//! tells how able anybody is: it shows in how far they come. The engine learns it from the events that are ingested anyway,
//! and is asked for what is finished four times in five.

use bespoke::definitions::Definitions;
use bespoke::engine::Engine;
use bespoke::model::{Duration, Instant, Message};
use bespoke::recommend::Query;
use std::error::Error;

const GYM: &str = r#"
version = 1
[catalogue]
level = "number"                                # what trainers say, from 0 to 100
[events.trained]
workout = "string"
share = "number"                                # how much of it was done, from 0 to 1

[recommend]
skill = { step = 0.5, difficulty = { attribute = "level", from = 0, full = 100 } }
[recommend.interactions]
trained = { item = "workout", action = "finished", outcome = "share" }
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let mut random = fastrand::Rng::with_seed(1);
    let start: Instant = "2026-11-02T07:00:00Z".parse()?;
    let engine = Engine::builder(Definitions::from_toml(GYM)?).open()?;

    // From easy to hard in log-odds, and what trainers guess of it.
    let hard: Vec<f64> = (0..60).map(|workout| -3.0 + 0.08 * f64::from(workout)).collect();
    for (workout, hard) in hard.iter().enumerate() {
        let guessed = (hard + random.f64() - 0.5 + 2.0) * 25.0;
        engine.ingest(Message::item(workout.to_string()).with("level", guessed), start)?;
    }
    // Users get a bit better as the weeks go by.
    let mut able: Vec<f64> = (0..100).map(|_| 3.0 * random.f64() - 1.5).collect();

    println!("week  finished");
    let query = Query::for_user().at_chance(0.8).limit(3);
    let mut rates = Vec::new();
    for week in 0..6 {
        let mut finished = 0.0;
        for day in 0..7 {
            let now = start + Duration::days(7 * week + day);
            for (user, able) in able.iter_mut().enumerate() {
                // Whatever comes first is done, as far as it goes.
                let user = format!("user-{user}");
                let today = &engine.recommend(&user, &query, now)?[0];
                let workout: usize = today.item.parse()?;
                let chance = 1.0 / (1.0 + (hard[workout] - *able).exp());
                let share = if random.f64() < chance { 1.0 } else { 0.0 };
                let trained = Message::track(user, "trained").with("workout", today.item.as_str());
                engine.ingest(trained.with("share", share), now)?;
                finished += share;
                *able += 0.005;
            }
        }
        rates.push(finished / (7.0 * 100.0));
        println!("{week:4}  {:7.1}%", 100.0 * rates[week as usize]);
    }

    // What was aimed at, for the able and the less able.
    let last = rates[2..].iter().sum::<f64>() / 4.0;
    assert!((last - 0.8).abs() < 0.04, "{last}");
    let now = start + Duration::days(42);
    let mut error = 0.0;
    for (user, able) in able.iter().enumerate() {
        let known = engine.skill(&format!("user-{user}"), now)?.ok_or("skill is learned here")?;
        error += (known.mean - able).abs() / 100.0;
    }
    println!("finished {:.1} %, skills known to within {error:.2}\n", 100.0 * last);
    assert!(error < 0.6);

    // And why, for one of them.
    for shown in engine.recommend("user-7", &query, now)? {
        println!("workout {:>2}: {}; {}", shown.item, shown.reason, shown.effects.join("; "));
    }
    Ok(())
}
