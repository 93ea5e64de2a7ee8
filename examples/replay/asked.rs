//! What is asked once the messages have ended: why, how it looks, and what if.

use bespoke::definitions::Definitions;
use bespoke::engine::{Error, Partition, simulate};
use bespoke::journey::Drawing;
use bespoke::model::Message;
use std::collections::BTreeSet;

/// `USER`: where the user is in each journey, what comes next and what would stop it. `USER:SEGMENT`: why the user is
/// or is not in a segment, and what would change that. A user's id may have colons, the name of a segment has none.
pub(crate) fn explain(partition: &Partition, asked: &str) -> Result<(), Error> {
    let now = partition.clock();
    match asked.rsplit_once(':') {
        Some((user, segment)) if partition.profile(asked).is_none() => {
            println!("\n{}", partition.explain(user, segment, now)?);
            println!("{}", partition.why_not(user, segment, now)?);
        }
        _ => {
            println!("\nThe journeys of {asked} at {now}");
            for journey in partition.explain_journeys(asked, now)? {
                println!("{journey}");
            }
        }
    }
    Ok(())
}

/// A journey as a flowchart, with the number of users on each step.
pub(crate) fn draw(partition: &Partition, journey: &str) -> Result<(), Error> {
    print!("\n{}", partition.draw_journey(journey, Drawing::Mermaid)?);
    Ok(())
}

/// The same messages under other definitions from the beginning, beside what has happened.
pub(crate) fn what_if(partition: &Partition, name: &str, definitions: &Definitions, messages: &[Message]) {
    let simulation = simulate(definitions, messages, partition.clock());
    let counts = partition.journey_counts();
    let of = |counts: &std::collections::BTreeMap<(String, String), u64>, key: &(String, String)| {
        counts.get(key).copied().unwrap_or(0)
    };
    println!("\nJourneys, by what happened, and under {name}    as it was        then");
    let keys: BTreeSet<&(String, String)> = counts.keys().chain(simulation.counts.keys()).collect();
    for key in keys {
        let (journey, reason) = key;
        println!("  {journey:<27} {reason:<38} {:>7} {:>11}", of(&counts, key), of(&simulation.counts, key));
    }
    println!("  {} actions; {} messages refused", simulation.actions.len(), simulation.rejected.len());
}
