//! What a message costs that is written before it is acknowledged: all that bespoke does with it, beside each store fed
//! as many bytes in the same groups, as one value or as a record for each message, and beside bespoke without a store.
//! Several rounds in turn; medians. Only to be believed on a quiet machine.
use bespoke::definitions::Definitions;
use bespoke::engine::{Durability, Engine};
use bespoke::model::Message;
use bespoke_stores::{Level, Result, STORES, Store, heading, open, size};
use std::time::Instant;

#[allow(dead_code)] // `run` is for a partition without a store
#[path = "../../../shop/mod.rs"]
mod shop;

const SEED: u64 = 20_261_127;
const ROUNDS: usize = 5;
const GROUP: usize = 256;
/// With twenty messages each.
const USERS: usize = 5_000;
/// What the events are for, and nothing more: the least that a host may want.
const LEAST: &str = r#"
version = 1
[events.view]
[events.search]
[events.add_to_cart]
[events.purchase]
[segments]
active = 'did(view in 1d)'
"#;

fn main() -> Result<()> {
    let messages = shop::messages(USERS);
    let least = Definitions::from_toml(LEAST)?;
    let rich = shop::definitions();
    let bytes = journal_bytes(&rich, &messages)?;
    println!("{}; {ROUNDS} rounds; groups of {GROUP} messages of {bytes} bytes", heading(SEED));
    let mut rows: Vec<(String, Vec<f64>)> = Vec::new();
    let mut note = |name: String, nanos: f64| match rows.iter_mut().find(|(own, _)| *own == name) {
        Some((_, rounds)) => rounds.push(nanos),
        None => rows.push((name, vec![nanos])),
    };
    for _ in 0..ROUNDS {
        for store in STORES {
            note(format!("{store}, a value a group"), values(store, bytes, messages.len())?);
            note(format!("{store}, a record a message"), records(store, bytes, messages.len())?);
        }
        for (name, definitions) in [("one segment", &least), ("ten segments, two journeys", &rich)] {
            note(format!("bespoke, {name}: no store"), ingest(definitions, &messages, false)?);
            note(format!("bespoke, {name}: written"), ingest(definitions, &messages, true)?);
        }
    }
    let median = |rounds: &[f64]| {
        let mut rounds = rounds.to_vec();
        rounds.sort_unstable_by(f64::total_cmp);
        rounds[rounds.len() / 2]
    };
    let records = median(&rows[1].1);
    println!("{:<46} {:>12} {:>14} {:>21}", "", "ns a message", "a second", "times fjall's records");
    for (name, rounds) in &rows {
        let nanos = median(rounds);
        println!("{name:<46} {nanos:>12.0} {:>14.0} {:>21.2}", 1e9 / nanos, nanos / records);
    }
    Ok(())
}

/// Bytes that a message takes in the journal.
fn journal_bytes(definitions: &Definitions, messages: &[Message]) -> Result<usize> {
    let folder = tempfile::tempdir()?;
    let engine = engine(definitions, Some(folder.path()))?;
    take_in(&engine, messages)?;
    drop(engine);
    Ok(size(folder.path())?.1 as usize / messages.len())
}

/// Appends the groups, of random bytes: what is in a journal is sealed, and looks like that.
fn values(name: &str, bytes: usize, messages: usize) -> Result<f64> {
    let mut group = vec![0; bytes * GROUP];
    fastrand::Rng::with_seed(SEED).fill(&mut group);
    groups(name, messages, |store, position| store.append(position, &group, Level::Written))
}

/// The same where each message is a record, in one batch a group.
fn records(name: &str, bytes: usize, messages: usize) -> Result<f64> {
    let mut group = vec![(0, vec![0; bytes]); GROUP];
    let mut rng = fastrand::Rng::with_seed(SEED);
    group.iter_mut().for_each(|(_, record)| rng.fill(record));
    groups(name, messages, |store, position| {
        (position * GROUP as u64..).zip(&mut group).for_each(|(number, (key, _))| *key = number);
        store.put(&group, Level::Written)
    })
}

/// Nanoseconds a message.
fn groups(
    name: &str,
    messages: usize,
    mut write: impl FnMut(&mut dyn Store, u64) -> Result<()>,
) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let mut store = open(name, folder.path())?;
    let start = Instant::now();
    for position in 0..messages.div_ceil(GROUP) as u64 {
        write(store.as_mut(), position)?;
    }
    Ok(start.elapsed().as_nanos() as f64 / messages as f64)
}

fn ingest(definitions: &Definitions, messages: &[Message], is_written: bool) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let engine = engine(definitions, is_written.then(|| folder.path()))?;
    let start = Instant::now();
    take_in(&engine, messages)?;
    Ok(start.elapsed().as_nanos() as f64 / messages.len() as f64)
}

/// One that takes no checkpoint: the stores only append, too.
fn engine(definitions: &Definitions, folder: Option<&std::path::Path>) -> Result<Engine> {
    let builder = Engine::builder(definitions.clone());
    Ok(match folder {
        Some(folder) => {
            builder.store(folder).durability(Durability::Written).checkpoint_bytes(u64::MAX).open()?
        }
        None => builder.open()?,
    })
}

fn take_in(engine: &Engine, messages: &[Message]) -> Result<()> {
    for group in messages.chunks(GROUP) {
        let now = group.last().and_then(|message| message.timestamp).unwrap_or_default();
        for answer in engine.ingest_all(group, now) {
            answer?;
        }
    }
    Ok(())
}
