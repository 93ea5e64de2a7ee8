//! Replay: the whole engine over a file, as `spec` and product people would like to see it.
//!
//! ```text
//! cargo run --release --example replay                      # a bundled shop
//! cargo run --release --example replay -- --definitions D.toml --messages M.jsonl[.gz] [--redefine INSTANT=E.toml]…
//!     [--until INSTANT] [--out DIR]
//! ```
//! `--messages -` reads standard input, `--user ID` tells the story of that user, `--explain USER` (as often as wanted)
//! tells at the end where that user is in each journey, what comes next and what would stop it, `--explain
//! USER:SEGMENT` why that user is or is not in that segment. `--draw JOURNEY` draws a journey for Mermaid with the
//! number of users on each step. `--simulate E.toml` runs the same messages under other definitions from the beginning,
//! and says what journeys would have done. `--redefine 2026-11-23T10:00:00Z=E.toml`
//! lets other definitions take over at an instant, before the first message at it or later; after the last message, at
//! their instants up to `--until`. It may be given several times, in order. The reader learns the loop of a
//! host: ingest, advance to what is due, deliver what the outbox holds.

mod asked;
mod files;
mod summary;

use bespoke::definitions::Definitions;
use bespoke::engine::{Outcome, Partition};
use bespoke::journey::Delivery;
use bespoke::model::{Duration, Instant, Message};
use files::{Lines, Outputs};
use std::collections::VecDeque;
use std::process::ExitCode;
use summary::Summary;

const DEFINITIONS: &str = include_str!("../data/shop.toml");
const MESSAGES: &str = include_str!("../data/shop.jsonl");
const USAGE: &str = "usage: replay [--definitions D.toml --messages M.jsonl[.gz]|-] [--redefine INSTANT=E.toml]... [--until INSTANT] [--out DIR] [--user ID] [--explain USER|USER:SEGMENT]... [--draw JOURNEY]... [--simulate E.toml]...";

#[derive(Default)]
struct Options {
    definitions: Option<String>,
    messages: Option<String>,
    /// In order of instant.
    redefine: Vec<(Instant, String)>,
    until: Option<Instant>,
    out: Option<String>,
    user: Option<String>,
    explain: Vec<String>,
    draw: Vec<String>,
    simulate: Vec<String>,
}

fn options() -> Result<Options, String> {
    use lexopt::Arg::Long;
    let mut options = Options::default();
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next().map_err(|e| e.to_string())? {
        let name = match argument {
            Long(
                name @ ("definitions" | "messages" | "redefine" | "until" | "out" | "user" | "explain"
                | "draw" | "simulate"),
            ) => name.to_owned(),
            Long("help") => return Err(USAGE.to_owned()),
            other => return Err(other.unexpected().to_string()),
        };
        let value =
            arguments.value().and_then(|v| v.into_string().map_err(Into::into)).map_err(|e| e.to_string())?;
        match &*name {
            "definitions" => options.definitions = Some(value),
            "messages" => options.messages = Some(value),
            "redefine" => options.redefine.push(redefinition(&value, options.redefine.last())?),
            "until" => options.until = Some(value.parse().map_err(|e| format!("--until: {e}"))?),
            "out" => options.out = Some(value),
            "explain" => options.explain.push(value),
            "draw" => options.draw.push(value),
            "simulate" => options.simulate.push(value),
            _ => options.user = Some(value),
        }
    }
    if options.messages.as_deref() == Some("-") && !options.simulate.is_empty() {
        return Err("--simulate reads the messages once more, so they have to be in a file".to_owned());
    }
    if options.definitions.is_some() != options.messages.is_some() {
        return Err("--definitions and --messages go together".to_owned());
    }
    Ok(options)
}

/// `INSTANT=FILE`, not before the one given last.
fn redefinition(value: &str, last: Option<&(Instant, String)>) -> Result<(Instant, String), String> {
    let (at, file) = value.split_once('=').ok_or("--redefine: write INSTANT=FILE")?;
    let at = at.parse().map_err(|e| format!("--redefine: {e}"))?;
    if last.is_some_and(|(last, _)| at < *last) {
        return Err(format!("--redefine: {at} comes after a later instant; give them in order"));
    }
    Ok((at, file.to_owned()))
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("replay: {problem}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    // All of them are read before anything runs.
    let first = read_definitions(options.definitions.as_deref());
    let later = options.redefine.iter().map(|(at, path)| (*at, read_definitions(Some(path))));
    let (mut redefinitions, mut refused) = (VecDeque::new(), Vec::new());
    for (at, read) in later {
        match read {
            Ok(definitions) => redefinitions.push_back((at, definitions)),
            Err(problem) => refused.push(problem),
        }
    }
    let mut simulated = Vec::new();
    for path in &options.simulate {
        match read_definitions(Some(path)) {
            Ok(definitions) => simulated.push((path.clone(), definitions)),
            Err(problem) => refused.push(problem),
        }
    }
    let definitions = match first {
        Ok(definitions) if refused.is_empty() => definitions,
        first => {
            let problems: Vec<(u8, String)> = first.err().into_iter().chain(refused).collect();
            problems.iter().for_each(|(_, problem)| eprintln!("{problem}"));
            return ExitCode::from(problems.iter().map(|(status, _)| *status).max().unwrap_or(1));
        }
    };
    match replay(&options, &definitions, redefinitions, &simulated) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("replay: {problem}");
            ExitCode::from(2)
        }
    }
}

/// Exit status 1 where definitions are refused, 2 where they cannot be read at all.
fn read_definitions(path: Option<&str>) -> Result<Definitions, (u8, String)> {
    let Some(path) = path else {
        return Definitions::from_toml_named("shop.toml", DEFINITIONS)
            .map_err(|errors| (1, format!("{errors:#}")));
    };
    let text = std::fs::read_to_string(path).map_err(|e| (2, format!("replay: {path}: {e}\n{USAGE}")))?;
    Definitions::from_toml_named(path, &text).map_err(|errors| (1, format!("{errors:#}")))
}

fn replay(
    options: &Options,
    definitions: &Definitions,
    mut redefinitions: VecDeque<(Instant, Definitions)>,
    simulated: &[(String, Definitions)],
) -> Result<(), String> {
    let mut lines = open_messages(options)?;
    let mut outputs = Outputs::create(options.out.as_deref()).map_err(|e| format!("--out: {e}"))?;
    let mut summary = Summary::new(options.user.clone());
    let mut partition = Partition::new(definitions);

    while let Some((number, line)) = lines.next().map_err(|e| format!("the messages end early: {e}"))? {
        let message = match read_message(&line) {
            Ok(message) => message,
            Err(problem) => {
                summary.reject(number, &problem);
                outputs.rejected(number, &problem).map_err(|e| e.to_string())?;
                continue;
            }
        };
        // A host lives through time; a file jumps. So what falls due on the way is delivered when it is due.
        let now = message.timestamp.unwrap_or(partition.clock()).max(partition.clock());
        redefine(&mut partition, &mut redefinitions, now, &mut summary, &mut outputs)?;
        catch_up(&mut partition, now - Duration::from_millis(1), &mut summary, &mut outputs)?;
        match partition.ingest(&message, now) {
            Ok(outcome) => {
                summary.message(&message, now, &outcome);
                deliver(&mut partition, &outcome, now, &mut summary, &mut outputs)?;
            }
            Err(error) => {
                summary.reject(number, &error.to_string());
                outputs.rejected(number, &error.to_string()).map_err(|e| e.to_string())?;
            }
        }
    }
    let until = options.until.unwrap_or(partition.clock());
    redefine(&mut partition, &mut redefinitions, until, &mut summary, &mut outputs)?;
    catch_up(&mut partition, until, &mut summary, &mut outputs)?;
    let outcome = partition.advance(until);
    deliver(&mut partition, &outcome, until, &mut summary, &mut outputs)?;
    outputs.profiles(&partition).map_err(|e| e.to_string())?;
    lines.finish();
    match summary.print(&partition, &mut std::io::stdout().lock()) {
        // Whoever reads the summary may have read enough, as `head` has.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => return Err(error.to_string()),
        _ => {}
    }
    for asked in &options.explain {
        asked::explain(&partition, asked).map_err(|error| format!("--explain: {error}"))?;
    }
    for journey in &options.draw {
        asked::draw(&partition, journey).map_err(|error| format!("--draw: {error}"))?;
    }
    if !simulated.is_empty() {
        let messages = read_again(options)?;
        for (name, definitions) in simulated {
            asked::what_if(&partition, name, definitions, &messages);
        }
    }

    // Every membership that began has ended or is there now, as the profiles say.
    for (segment, stats) in partition.segment_stats() {
        assert!(stats.entries >= stats.exits, "{segment} was left more often than it was entered");
    }
    Ok(())
}

/// The messages once more, those aside that cannot be read.
fn read_again(options: &Options) -> Result<Vec<Message>, String> {
    let mut lines = open_messages(options)?;
    let mut messages = Vec::new();
    while let Some((_, line)) = lines.next().map_err(|e| format!("the messages end early: {e}"))? {
        messages.extend(read_message(&line));
    }
    lines.finish();
    Ok(messages)
}

fn open_messages(options: &Options) -> Result<Lines, String> {
    match options.messages.as_deref() {
        Some(path) => Lines::open(path).map_err(|e| format!("{path}: {e}")),
        None => Ok(Lines::of_text(MESSAGES)),
    }
}

fn read_message(line: &[u8]) -> Result<Message, String> {
    let text = std::str::from_utf8(line).map_err(|e| format!("the line is not UTF-8: {e}"))?;
    let message = Message::from_json(text).map_err(|e| e.to_string())?;
    if message.timestamp.is_none() {
        return Err("`timestamp`: the field is missing; in a file there is no clock that could stand for it"
            .to_owned());
    }
    Ok(message)
}

/// Lets the definitions take over whose instants have come.
fn redefine(
    partition: &mut Partition,
    redefinitions: &mut VecDeque<(Instant, Definitions)>,
    until: Instant,
    summary: &mut Summary,
    outputs: &mut Outputs,
) -> Result<(), String> {
    while redefinitions.front().is_some_and(|(at, _)| *at <= until) {
        let Some((at, definitions)) = redefinitions.pop_front() else { break };
        let now = at.max(partition.clock());
        catch_up(partition, now - Duration::from_millis(1), summary, outputs)?;
        let outcome = partition.redefine(&definitions, now);
        deliver(partition, &outcome, now, summary, outputs)?;
    }
    Ok(())
}

/// Moves the clock from one due instant to the next, as a host's timer does.
fn catch_up(
    partition: &mut Partition,
    until: Instant,
    summary: &mut Summary,
    outputs: &mut Outputs,
) -> Result<(), String> {
    while let Some(due) = partition.next_due().filter(|due| *due <= until) {
        let outcome = partition.advance(due);
        deliver(partition, &outcome, due, summary, outputs)?;
    }
    Ok(())
}

/// Takes everything from the outbox and reports it as sent.
fn deliver(
    partition: &mut Partition,
    outcome: &Outcome,
    now: Instant,
    summary: &mut Summary,
    outputs: &mut Outputs,
) -> Result<(), String> {
    tell(outcome, summary, outputs)?;
    loop {
        let actions = partition.outbox(100, Duration::minutes(1), now);
        if actions.is_empty() {
            return Ok(());
        }
        for action in actions {
            outputs.action(&action).map_err(|e| e.to_string())?;
            summary.action(&action);
            tell(&partition.acknowledge(&action.id, Delivery::Sent, now).outcome, summary, outputs)?;
        }
    }
}

fn tell(outcome: &Outcome, summary: &mut Summary, outputs: &mut Outputs) -> Result<(), String> {
    summary.outcome(outcome);
    outputs.changes(&outcome.changes).map_err(|e| e.to_string())?;
    outputs.notes(&outcome.notes).map_err(|e| e.to_string())
}
