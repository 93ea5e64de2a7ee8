//! How what a message costs grows with the number of segments and with the length of a history, and what a user takes.
//!
//! `cargo run --release --manifest-path benches/peers/Cargo.toml --bin growth` prints the figures and writes them with
//! their plots into `target/growth/` of the crate. Segments and messages are those of the crate's own benches: half
//! of the segments look at attributes alone, half at behaviour too, in windows from an hour to ninety days.

#[path = "../../../../rules/mod.rs"]
mod rules;

mod plot;

use bespoke::definitions::Definitions;
use bespoke::engine::Partition;
use bespoke::model::{Duration, Instant, Message};
use fastrand::Rng;
use plot::Line;
use std::alloc::System;
use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};

#[global_allocator]
static ALLOCATOR: cap::Cap<System> = cap::Cap::new(System, usize::MAX);

const SEGMENTS: [usize; 7] = [100, 300, 1_000, 3_000, 10_000, 30_000, 100_000];
const EVENTS: [usize; 4] = [10, 100, 1_000, 10_000];
const MESSAGES: usize = 4_000;

/// What a message costs, in microseconds.
struct Cost {
    median: f64,
    p99: f64,
    /// Mean of what comes due by time alone between two messages of any users, a minute apart.
    time_alone: f64,
}

/// Users with a history, then a message a minute, each timed alone: what was due before it happened apart.
fn message(definitions: &Definitions, users: usize, events: usize) -> Result<Cost, Box<dyn Error>> {
    let mut partition = Partition::new(definitions);
    for (at, message) in rules::history(users, events, 2) {
        partition.ingest(&message, at)?;
    }
    let mut now = rules::now();
    partition.advance(now);
    let rng = &mut Rng::with_seed(3);
    let mut times = Vec::with_capacity(MESSAGES);
    let mut time_alone = 0.0;
    for number in 0..MESSAGES {
        now = now + Duration::seconds(60);
        let message = rules::event(&format!("user-{}", number % users), rng);
        let start = std::time::Instant::now();
        let due = partition.advance(now - Duration::from_millis(1));
        time_alone += start.elapsed().as_secs_f64();
        drop(due);
        let start = std::time::Instant::now();
        let outcome = partition.ingest(&message, now)?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
        drop(outcome);
    }
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[(times.len() as f64 * share) as usize];
    Ok(Cost { median: at(0.5), p99: at(0.99), time_alone: time_alone * 1e6 / MESSAGES as f64 })
}

/// Bytes for each of many users who sent such messages, once all are in.
fn bytes(
    definitions: &Definitions,
    messages: &[(Instant, Message)],
    users: usize,
) -> Result<f64, Box<dyn Error>> {
    let mut partition = Partition::new(definitions);
    let before = ALLOCATOR.allocated();
    for (at, message) in messages {
        partition.ingest(message, *at)?;
    }
    Ok((ALLOCATOR.allocated() - before) as f64 / users as f64)
}

/// Users of whom nothing is known but one event.
fn quiet(users: usize) -> Vec<(Instant, Message)> {
    let rng = &mut Rng::with_seed(4);
    let message = |user: usize| (rules::now() + Duration::seconds(user as i64), user);
    let messages = (0..users).map(message);
    messages.map(|(at, user)| (at, rules::event(&format!("user-{user}"), rng))).collect()
}

/// Figures on their way to a file, a line each.
struct Table(String);

impl Table {
    fn add(&mut self, what: &str, segments: usize, events: usize, value: f64, unit: &str) {
        println!("{what:<40}{segments:>8} segments {events:>6} events {value:>12.2} {unit}");
        let _ = writeln!(self.0, "{what},{segments},{events},{value:.3},{unit}");
    }

    fn add_cost(&mut self, segments: usize, events: usize, cost: &Cost) {
        self.add("a message: median", segments, events, cost.median, "us");
        self.add("a message: 99th percentile", segments, events, cost.p99, "us");
        self.add("time alone: mean of a minute", segments, events, cost.time_alone, "us");
    }
}

fn by_segments(table: &mut Table, folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut lines: [Line; 3] = ["median", "99th percentile", "time alone, mean of a minute"]
        .map(|name| (name.to_owned(), Vec::new()));
    for segments in SEGMENTS {
        let cost = message(&rules::definitions(segments, 1), 1_000, 60)?;
        table.add_cost(segments, 60, &cost);
        for (line, value) in lines.iter_mut().zip([cost.median, cost.p99, cost.time_alone]) {
            line.1.push((segments as f64, value));
        }
    }
    let title = "A message beside so many segments (60 events of history)";
    plot::draw(&folder.join("messages-by-segments.svg"), title, ["segments", "µs"], &lines)
}

fn by_history(table: &mut Table, folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut lines = Vec::new();
    for segments in [1_000, 10_000] {
        let definitions = rules::definitions(segments, 1);
        let mut both: [Line; 2] =
            ["median", "99th percentile"].map(|name| (format!("{segments} segments, {name}"), Vec::new()));
        for events in EVENTS {
            let users = (100_000 / events).clamp(20, 1_000);
            let cost = message(&definitions, users, events)?;
            table.add_cost(segments, events, &cost);
            for (line, value) in both.iter_mut().zip([cost.median, cost.p99]) {
                line.1.push((events as f64, value));
            }
        }
        lines.extend(both);
    }
    let title = "A message of a user with so many events in ninety days";
    plot::draw(&folder.join("messages-by-history.svg"), title, ["events in ninety days", "µs"], &lines)
}

fn state(table: &mut Table, folder: &Path) -> Result<(), Box<dyn Error>> {
    const USERS: usize = 2_000;
    let (quiet, known) = (quiet(USERS), rules::history(USERS, 3, 5));
    let kinds =
        [("one event, nothing else known", &quiet, 1), ("six attributes and three events", &known, 3)];
    let mut lines = kinds.map(|(name, ..)| (name.to_owned(), Vec::new()));
    let without = rules::definitions(0, 1);
    let base = [bytes(&without, &quiet, USERS)?, bytes(&without, &known, USERS)?];
    for (base, (name, _, events)) in base.iter().zip(kinds) {
        table.add(&format!("a user: {name}"), 0, events, *base, "bytes");
    }
    for segments in SEGMENTS {
        let definitions = rules::definitions(segments, 1);
        for ((line, base), (name, messages, events)) in lines.iter_mut().zip(base).zip(kinds) {
            let all = bytes(&definitions, messages, USERS)?;
            table.add(&format!("a user: {name}"), segments, events, all, "bytes");
            line.1.push((segments as f64, all - base));
        }
    }
    let title = "What segments add to a user, history and memberships included";
    plot::draw(&folder.join("bytes-by-segments.svg"), title, ["segments", "bytes"], &lines)
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/growth");
    std::fs::create_dir_all(&folder)?;
    let mut table = Table("what,segments,events,value,unit\n".to_owned());
    by_segments(&mut table, &folder)?;
    by_history(&mut table, &folder)?;
    state(&mut table, &folder)?;
    std::fs::write(folder.join("growth.csv"), table.0)?;
    println!("plots and figures: {}", folder.canonicalize()?.display());
    Ok(())
}
