//! What another policy would have earned, from the log of the one that ran, before anybody sees it.
//!
//! ```text
//! cargo run --release --example off_policy                                      # a simulated banner, with known truth
//! cargo run --release --example off_policy -- --log RAN.csv[.gz] --policy OTHER.csv[.gz]
//! ```
//! The files have the columns of the Open Bandit data set: `item_id`, `position`, `click`, `propensity_score`. The policy
//! to be valued is what OTHER shows: how often it showed each item in each position. Since OTHER also says what it earned,
//! the estimates can be held against that. The reader learns to fill in [`Logged`] and to read [`Estimates`].

use bespoke::recommend::evaluate::{Estimates, Logged, OffPolicy};
use lexopt::ValueExt;
use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::Read;

fn main() -> Result<(), Box<dyn Error>> {
    let mut files = BTreeMap::new();
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            lexopt::Arg::Long(name @ ("log" | "policy")) => {
                let name = name.to_owned();
                files.insert(name, arguments.value()?.string()?);
            }
            other => return Err(other.unexpected().into()),
        }
    }
    match (files.get("log"), files.get("policy")) {
        (Some(log), Some(policy)) => compare(&read(log)?, &read(policy)?),
        (None, None) => simulate(),
        _ => Err("--log and --policy go together".into()),
    }
}

/// Three banners were shown by chance; what if everybody had seen the third?
fn simulate() -> Result<(), Box<dyn Error>> {
    let (shown, clicked) = ([0.5, 0.3, 0.2], [0.02, 0.03, 0.05]);
    let mut random = fastrand::Rng::with_seed(7);
    let mut round = || {
        let draw = random.f64();
        let action = usize::from(draw >= 0.5) + usize::from(draw >= 0.8);
        let reward = f64::from(u8::from(random.f64() < clicked[action]));
        Logged { context: (), action, propensity: shown[action], reward }
    };
    let log: Vec<Logged<()>> = (0..20_000).map(|_| round()).collect();
    let third = |_: &(), action: usize| f64::from(u8::from(action == 2));
    let estimates = OffPolicy::new().estimate(&log, 3, third, |_, _| 0.03)?;
    print(&estimates);
    // Some 4,000 rounds of the third: by chance alone the rate is off by a third of a percent.
    assert!((estimates.doubly_robust.value - clicked[2]).abs() < 0.01);
    assert!(
        estimates.logged.high < estimates.doubly_robust.low,
        "the third is better than what ran, for sure"
    );
    Ok(())
}

fn compare(ran: &[Logged<usize>], other: &[Logged<usize>]) -> Result<(), Box<dyn Error>> {
    let most = |of: fn(&Logged<usize>) -> usize| ran.iter().chain(other).map(of).max().unwrap_or(0) + 1;
    let (positions, items) = (most(|logged| logged.context), most(|logged| logged.action));
    let (mut shown, mut totals) = (vec![vec![0.0; items]; positions], vec![0.0; positions]);
    for logged in other {
        shown[logged.context][logged.action] += 1.0;
        totals[logged.context] += 1.0;
    }
    let policy = |position: &usize, item: usize| shown[*position][item] / totals[*position];
    // All that the model of the reward knows is how often anything is clicked.
    let rate = ran.iter().map(|logged| logged.reward).sum::<f64>() / ran.len().max(1) as f64;
    let estimates = OffPolicy::new().estimate(ran, items, policy, |_, _| rate)?;
    print(&estimates);
    let earned = other.iter().map(|logged| logged.reward).sum::<f64>() / other.len().max(1) as f64;
    println!("in truth, by its own log    {earned:.5}");
    Ok(())
}

fn print(estimates: &Estimates) {
    println!("{} rounds, worth {:.0} of the other policy", estimates.rounds, estimates.effective);
    for (name, estimate) in [
        ("what ran earned", estimates.logged),
        ("IPS", estimates.ips),
        ("SNIPS", estimates.snips),
        ("doubly robust", estimates.doubly_robust),
    ] {
        println!("{name:27} {:.5} [{:.5}, {:.5}]", estimate.value, estimate.low, estimate.high);
    }
}

fn read(path: &str) -> Result<Vec<Logged<usize>>, Box<dyn Error>> {
    let source = File::open(path).map_err(|e| format!("`{path}` cannot be read: {e}"))?;
    let source: Box<dyn Read> = match path.ends_with(".gz") {
        true => Box::new(flate2::read::MultiGzDecoder::new(source)),
        false => Box::new(source),
    };
    let mut reader = csv::Reader::from_reader(source);
    let header = reader.headers()?.clone();
    let place = |name: &str| {
        let place = header.iter().position(|column| column == name);
        place.ok_or_else(|| format!("`{path}` has no column `{name}`"))
    };
    let (item, position) = (place("item_id")?, place("position")?);
    let (click, propensity) = (place("click")?, place("propensity_score")?);
    let mut log = Vec::new();
    for (number, record) in reader.records().enumerate() {
        let record = record?;
        let wrong = |e: &dyn std::fmt::Display| format!("`{path}`, round {number}: {e}");
        // Both become places in tables.
        let small = |field: &str| match field.parse() {
            Ok(number @ 0..10_000) => Ok(number),
            _ => Err(wrong(&format!("`{field}` is not a number below 10000"))),
        };
        log.push(Logged {
            context: small(&record[position])?,
            action: small(&record[item])?,
            propensity: record[propensity].parse().map_err(|e| wrong(&e))?,
            reward: record[click].parse().map_err(|e| wrong(&e))?,
        });
    }
    Ok(log)
}
