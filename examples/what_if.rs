//! What would have happened under other definitions: a shop keeps its journal, and before it changes whom it calls a
//! sneakerhead it asks the last months how many that would have been.
//!
//! ```text
//! cargo run --release --example what_if
//! ```

use bespoke::definitions::Definitions;
use bespoke::engine::{Engine, Input, Partition};
use bespoke::model::Message;
use bespoke::segment::{Change, Transition};
use bespoke::storage::MemoryDisk;
use std::error::Error;

const DEFINITIONS: &str = include_str!("data/shop.toml");
const MESSAGES: &str = include_str!("data/shop.jsonl");

/// The shop's definitions, by how many views make a sneakerhead, with a journal that is kept for a year.
fn definitions(views: u32) -> Result<Definitions, Box<dyn Error>> {
    let rule = |views| format!("count(view where category = \"sneakers\" in 7d) >= {views}");
    let text = DEFINITIONS.replace(&rule(3), &rule(views));
    Ok(Definitions::from_toml(&format!("{text}\n[retention]\njournal = \"365d\"\n"))?)
}

fn is_entry(change: &Change) -> bool {
    &*change.segment == "sneakerhead" && change.transition == Transition::Entered
}

fn main() -> Result<(), Box<dyn Error>> {
    // What happened. A host has a folder here: `store("data/")`.
    let engine = Engine::builder(definitions(3)?).disk(MemoryDisk::new()).open()?;
    let mut entered = Vec::new();
    for line in MESSAGES.lines() {
        let message: Message = serde_json::from_str(line)?;
        let now = message.timestamp.unwrap_or_default().max(engine.clock());
        // What is refused here is not in the journal either.
        if let Ok(outcome) = engine.ingest(&message, now) {
            let changes = outcome.changes.iter().filter(|change| is_entry(change));
            entered.extend(changes.map(|change| change.user.clone()));
        }
    }
    // Who was forgotten meanwhile is in no journal.
    entered.retain(|user| engine.profile(user).is_ok_and(|profile| profile.is_some()));
    engine.checkpoint()?; // the journal stays all the same
    let health = engine.health().store.ok_or("a store tells of its health")?;
    println!(
        "{} inputs in {} KiB, from {} on",
        engine.sequence(),
        health.journal / 1024,
        health.journal_from
    );

    // What would have: the same inputs, given to a partition under other definitions.
    let mut found = Vec::new();
    for views in 2..=5 {
        let mut partition = Partition::new(&definitions(views)?);
        let mut would_enter = 0;
        for entry in engine.journal(0, health.journal_from)? {
            // Of whom was erased there is nothing, and definitions of that time would end the experiment.
            let Some(input) = entry?.input.filter(|input| !matches!(input.input, Input::Redefine { .. }))
            else {
                continue;
            };
            let replayed = partition.replay(&input)?;
            let changes = replayed.outcome().map_or(&[][..], |outcome| &outcome.changes);
            would_enter += changes.iter().filter(|change| is_entry(change)).count();
        }
        println!("{views} views a week: {would_enter} times somebody becomes a sneakerhead");
        found.push(would_enter);
    }
    assert_eq!(found[1], entered.len(), "under the same definitions it is what happened");
    assert!(found.is_sorted_by(|fewer, more| fewer > more), "who asks for more finds fewer");
    Ok(())
}
