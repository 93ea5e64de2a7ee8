//! How good recommenders are on recorded interactions, and what they cost: trains each on the past, asks it for what
//! came next, and prints a table.
//!
//! ```text
//! cargo run --release --example evaluate                    # a bundled shop
//! cargo run --release --example evaluate -- --interactions F.csv[.gz] --protocol next-item|last-out|random-split
//!     [--algorithms all|NAME,NAME] [--k 20] [--json]
//! cargo run --release --example evaluate -- --tune co-visitation --trials 30
//! cargo run --release --example evaluate -- --journal MESSAGES.jsonl[.gz] --definitions D.toml [--window-days 7]
//! ```
//! With `--journal` it is the whole engine that is asked, message by message: before each that is an interaction, as
//! `[recommend.interactions]` of the definitions say, what it would show that user now; then it takes the message in. Scores
//! are by windows of a week, and in all. `--journal bundled` is the shop of the example `replay`.
//!
//! The file has a header: `session_id,item_id,timestamp` or `user_id,item_id,timestamp[,rating]`. How a protocol splits
//! it is printed, and told in `bespoke::recommend::evaluate::Protocol`. Further options:
//!
//! | option | |
//! | --- | --- |
//! | `--test-days 1` | `next-item` with times: sessions that end in the last days are the test |
//! | `--test-share 0.1` | `next-item` without times: the last share of sessions is; `random-split` (0.2): of each user's items |
//! | `--allow-repeat` | what was touched before may be recommended |
//! | `--validation` | the test is set aside, and the last part of what remains is predicted: tune on this |
//! | `--min-rating 4` | lower ratings are left out; without it every rating counts as liked |
//! | `--ask session\|user` | what models are asked for: what follows on the last items, or what they keep of the user |
//! | `--set name=number,…` | parameters of the one algorithm that is named |
//! | `--seed 1` | of `random-split` and of `--tune` |
//! | `--tune NAME --trials 20 --objective mrr` | finds parameters on the validation part, and prints them for `--set` |
//! | `--plot FILE.svg` | draws quality (NDCG) against time |
//! | `--print-clicks` | prints the clicks of the bundled shop as they are made |
//!
//! The reader learns how to compare recommenders of their own: add a line to `algorithms.rs`.

mod algorithms;
mod arguments;
mod clicks;
#[path = "../shop/dice.rs"]
mod dice;
mod journal;
mod plot;
mod read;
mod table;
mod tune;
mod watch;

use algorithms::Algorithm;
use arguments::Arguments;
use bespoke::recommend::evaluate::{Dataset, Mode, Part, Split};
use std::error::Error;
use std::process::ExitCode;
use table::Row;
use watch::Terminal;

fn main() -> ExitCode {
    let arguments = match Arguments::read() {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            println!("{}", arguments::USAGE);
            return ExitCode::SUCCESS;
        }
        Err(e) => {
            eprintln!("error: {e}\n{}", arguments::USAGE);
            return ExitCode::from(2);
        }
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    if arguments.print_clicks {
        print!("{}", clicks::csv());
        return Ok(());
    }
    if arguments.journal.is_some() {
        return journal::evaluate(arguments);
    }
    let data = match &arguments.interactions {
        Some(path) => read::file(path, arguments.min_rating)?,
        None => clicks::bundled()?,
    };
    if let Some(algorithm) = arguments.tune {
        return tune::tune(algorithm, arguments, &data);
    }
    let part = if arguments.is_validation { Part::Validation } else { Part::Test };
    let split = data.split(arguments.protocol(data.is_timed()), part)?;
    let mut rows = Vec::new();
    for algorithm in &arguments.algorithms {
        rows.push(evaluate(algorithm, arguments, &data, &split)?);
    }
    if arguments.is_json {
        eprintln!("{}", table::text(&split, &rows, arguments.k));
        println!("{}", table::json(&split, &rows, arguments)?);
    } else {
        println!("{}", table::text(&split, &rows, arguments.k));
    }
    if let Some(path) = &arguments.plot {
        let name = format!("NDCG@{}", arguments.k);
        let drawing = plot::svg(&rows, &name, |row| row.report.results[0].scores.ndcg);
        std::fs::write(path, drawing).map_err(|e| format!("`{}` cannot be written: {e}", path.display()))?;
    }
    if arguments.interactions.is_none() && !arguments.is_validation {
        check(&rows);
    }
    Ok(())
}

fn evaluate(
    algorithm: &'static Algorithm,
    arguments: &Arguments,
    data: &Dataset,
    split: &Split,
) -> Result<Row, Box<dyn Error>> {
    let mut model = (algorithm.new)(&arguments.params)?;
    let mut terminal = Terminal::new(algorithm.name);
    let report = arguments.evaluation().run(&mut *model, data, split, &mut terminal)?;
    Ok(Row { algorithm: algorithm.name, report })
}

/// Visitors of the bundled shop go from one item to another that fits: who looks at that beats who counts.
fn check(rows: &[Row]) {
    let hit_rate = |name: &str| {
        let row = rows.iter().find(|row| row.algorithm == name)?;
        row.report
            .results
            .iter()
            .find(|result| result.mode == Mode::Frozen)
            .map(|result| result.scores.hit_rate)
    };
    if let (Some(popular), Some(together)) = (hit_rate("popularity"), hit_rate("co-visitation")) {
        assert!(together > 1.5 * popular, "co-visitation {together} against popularity {popular}");
    }
}
