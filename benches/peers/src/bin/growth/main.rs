//! How what a message costs grows with the number of segments and with the length of a history, and what a user takes.
//!
//! `cargo run --release --manifest-path benches/peers/Cargo.toml --bin growth` prints the figures and writes them with
//! their plots into `target/growth/` of the crate; names of parts behind `--` run those alone. Segments and messages
//! are those of the crate's own benches: half of the segments look at attributes alone, half at behaviour too, in
//! windows from an hour to ninety days.

#[path = "../../../../rules/mod.rs"]
mod rules;

mod aggregates;
mod plot;

use bespoke::definitions::Definitions;
use bespoke::engine::Partition;
use bespoke::model::{Duration, Instant, Message};
use fastrand::Rng;
use plot::Line;
use std::alloc::System;
use std::error::Error;
use std::fmt::Write;
use std::path::Path;

#[global_allocator]
static ALLOCATOR: cap::Cap<System> = cap::Cap::new(System, usize::MAX);

const SEGMENTS: [usize; 7] = [100, 300, 1_000, 3_000, 10_000, 30_000, 100_000];
const EVENTS: [usize; 4] = [10, 100, 1_000, 10_000];
/// Most users of one run: fewer than in the crate's bench, so that 100,000 segments are warm in seconds.
const USERS: usize = 300;
const MESSAGES: usize = 4_000;

/// What a message costs, in microseconds.
struct Cost {
    median: f64,
    p99: f64,
    /// Mean of what comes due by time alone between two messages of any users, a minute apart.
    time_alone: f64,
}

impl Cost {
    fn named(&self) -> [(&'static str, f64); 3] {
        [
            ("a message: median", self.median),
            ("a message: 99th percentile", self.p99),
            ("time alone: mean of a minute", self.time_alone),
        ]
    }
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

/// Figures, a line of a file each, and the plot of them.
struct Figures {
    table: String,
    title: &'static str,
    axes: [&'static str; 2],
    lines: Vec<Line>,
}

impl Figures {
    fn new(title: &'static str, axes: [&'static str; 2]) -> Figures {
        Figures { table: "what,segments,events,value,unit\n".to_owned(), title, axes, lines: Vec::new() }
    }

    fn note(&mut self, what: &str, segments: usize, events: usize, value: f64) {
        let unit = self.axes[1];
        println!("{what:<40}{segments:>8} segments {events:>6} events {value:>12.2} {unit}");
        let _ = writeln!(self.table, "{what},{segments},{events},{value:.3},{unit}");
    }

    /// Adds a point to the line of that name, and to the table.
    fn add(&mut self, line: &str, x: usize, y: f64) {
        match self.lines.iter_mut().find(|(name, _)| name == line) {
            Some((_, points)) => points.push((x as f64, y)),
            None => self.lines.push((line.to_owned(), vec![(x as f64, y)])),
        }
    }

    fn write(&self, folder: &Path, name: &str) -> Result<(), Box<dyn Error>> {
        std::fs::write(folder.join(name).with_extension("csv"), &self.table)?;
        plot::draw(&folder.join(name).with_extension("svg"), self.title, self.axes, &self.lines)
    }
}

fn by_segments() -> Result<Figures, Box<dyn Error>> {
    let title = "A message beside so many segments (60 events of history)";
    let mut figures = Figures::new(title, ["segments", "µs"]);
    for segments in SEGMENTS {
        for (name, value) in message(&rules::definitions(segments, 1), USERS, 60)?.named() {
            figures.note(name, segments, 60, value);
            figures.add(name, segments, value);
        }
    }
    Ok(figures)
}

fn by_history() -> Result<Figures, Box<dyn Error>> {
    let title = "A message of a user with so many events in ninety days";
    let mut figures = Figures::new(title, ["events in ninety days", "µs"]);
    for segments in [1_000, 10_000] {
        let definitions = rules::definitions(segments, 1);
        for events in EVENTS {
            let users = (50_000 / events).clamp(10, USERS);
            let cost = message(&definitions, users, events)?;
            for (name, value) in cost.named() {
                figures.note(name, segments, events, value);
            }
            figures.add(&format!("{segments} segments, median"), events, cost.median);
            figures.add(&format!("{segments} segments, 99th percentile"), events, cost.p99);
        }
    }
    Ok(figures)
}

fn user_bytes() -> Result<Figures, Box<dyn Error>> {
    const USERS: usize = 1_000;
    let (quiet, known) = (quiet(USERS), rules::history(USERS, 3, 5));
    let title = "What segments add to a user, history and memberships included";
    let mut figures = Figures::new(title, ["segments", "bytes"]);
    let without = rules::definitions(0, 1);
    for (name, messages, events) in
        [("one event, nothing else known", &quiet, 1), ("six attributes and three events", &known, 3)]
    {
        let base = bytes(&without, messages, USERS)?;
        figures.note(name, 0, events, base);
        for segments in SEGMENTS {
            let all = bytes(&rules::definitions(segments, 1), messages, USERS)?;
            figures.note(name, segments, events, all);
            figures.add(name, segments, all - base);
        }
    }
    Ok(figures)
}

/// A part of the run.
type Part = fn() -> Result<Figures, Box<dyn Error>>;

const PARTS: [(&str, Part); 4] = [
    ("messages-by-segments", by_segments),
    ("messages-by-history", by_history),
    ("bytes-by-segments", user_bytes),
    ("aggregates-by-history", aggregates::by_aggregate),
];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/growth");
    std::fs::create_dir_all(&folder)?;
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = wanted.iter().find(|name| PARTS.iter().all(|(part, _)| part != name)) {
        return Err(
            format!("no part `{unknown}`; there are {}", PARTS.map(|(name, _)| name).join(", ")).into()
        );
    }
    for (name, part) in PARTS {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            println!("{name}");
            part()?.write(&folder, name)?;
        }
    }
    Ok(())
}
