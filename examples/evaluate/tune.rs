//! Finds parameters of an algorithm by random search on the validation part.

use crate::algorithms::Algorithm;
use crate::arguments::Arguments;
use crate::watch::Terminal;
use bespoke::recommend::evaluate::{Dataset, Scores, Trial, Tuner};
use std::error::Error;

/// Prints each trial that is better than all before, and how to run the best.
pub(crate) fn tune(
    algorithm: &'static Algorithm,
    arguments: &Arguments,
    data: &Dataset,
) -> Result<(), Box<dyn Error>> {
    let (name, of) = arguments.objective;
    let tuner = Tuner::new(arguments.protocol(data.is_timed()), arguments.evaluation());
    let tuner = tuner.trials(arguments.trials).seed(arguments.seed);
    let mut terminal = Terminal::new(algorithm.name);
    let mut best = f64::NEG_INFINITY;
    let show = |number: usize, trial: &Trial| {
        if trial.objective > best {
            best = trial.objective;
            println!("trial {number}: {name} {best:.4}, {:.1} µs   {}", trial.predict_micros, trial.params);
        }
    };
    let ranges = (algorithm.ranges)();
    let tuned = tuner.run(data, &ranges, algorithm.new, of, &mut terminal, show)?;
    println!("\nbest of {} trials on the validation part: {name} {best:.4}", tuned.trials.len());
    println!("--algorithms {} --set {}", algorithm.name, tuned.best().params);
    if arguments.is_json {
        println!("{}", serde_json::to_string_pretty(&tuned)?);
    }
    assert!(tuned.best().objective >= tuned.trials[0].objective, "the first trial has the defaults");
    Ok(())
}

/// What may be asked to be large.
pub(crate) type Objective = (&'static str, fn(&Scores) -> f64);

pub(crate) static OBJECTIVES: [Objective; 5] = [
    ("hr", |scores| scores.hit_rate),
    ("mrr", |scores| scores.mrr),
    ("ndcg", |scores| scores.ndcg),
    ("recall", |scores| scores.recall),
    ("precision", |scores| scores.precision),
];
