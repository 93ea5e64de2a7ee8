//! The whole engine along a journal of messages: before each interaction it is asked what it would have shown that user.

use crate::arguments::Arguments;
use bespoke::definitions::Definitions;
use bespoke::engine::Partition;
use bespoke::journey::Delivery;
use bespoke::model::{Duration, Message};
use bespoke::recommend::evaluate::{Latency, Prequential, Scores, Stream};
use bespoke::recommend::{ItemId, Items, Query};
use flate2::read::MultiGzDecoder;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::time::Instant;

/// The shop of the example `replay`.
const MESSAGES: &str = include_str!("../data/shop.jsonl");
const DEFINITIONS: &str = include_str!("../data/shop.toml");

/// How the engine did.
struct Result {
    stream: Stream,
    /// Of each prediction.
    took: Latency,
    messages: u64,
    refused: u64,
    /// Interactions of users of whom nothing was known that could be recommended by.
    strangers: usize,
}

/// Prints how the engine would have done along the journal of the arguments.
pub(crate) fn evaluate(arguments: &Arguments) -> std::result::Result<(), Box<dyn Error>> {
    let path = arguments.journal.as_deref().filter(|path| *path != Path::new("bundled"));
    let definitions = match (&arguments.definitions, path) {
        (Some(path), _) => {
            let text = std::fs::read_to_string(path).map_err(|e| format!("`{}`: {e}", path.display()))?;
            Definitions::from_toml_named(&path.display().to_string(), &text)
        }
        (None, None) => Definitions::from_toml_named("shop.toml", DEFINITIONS),
        (None, Some(_)) => {
            return Err("--journal needs --definitions, which say what is an interaction".into());
        }
    };
    let definitions = definitions.map_err(|errors| format!("{errors:#}"))?;
    let (reader, bar) = match path {
        Some(path) => open(path).map_err(|e| format!("`{}`: {e}", path.display()))?,
        None => (Box::new(MESSAGES.as_bytes()) as Box<dyn BufRead>, ProgressBar::hidden()),
    };
    let result = run(arguments, &definitions, reader)?;
    bar.finish_and_clear();
    if arguments.is_json {
        println!(
            "{}",
            serde_json::to_string_pretty(&json!({
                "k": arguments.k,
                "allow_repeat": arguments.allow_repeat,
                "messages": result.messages,
                "refused": result.refused,
                "strangers": result.strangers,
                "stream": result.stream,
                "predict_micros": result.took,
            }))?
        );
    } else {
        print(&result, arguments.k);
    }
    if path.is_none() {
        check(&result);
    }
    Ok(())
}

fn open(path: &Path) -> std::io::Result<(Box<dyn BufRead>, ProgressBar)> {
    let file = File::open(path)?;
    let bar = ProgressBar::new(file.metadata()?.len());
    let style = ProgressStyle::with_template("{elapsed_precise} {wide_bar} {bytes}/{total_bytes} {eta}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let file = bar.wrap_read(file);
    let is_gzip = path.extension().is_some_and(|extension| extension == "gz");
    let reader: Box<dyn Read> = if is_gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    Ok((Box::new(BufReader::with_capacity(1 << 16, reader)), bar))
}

fn run(
    arguments: &Arguments,
    definitions: &Definitions,
    mut reader: Box<dyn BufRead>,
) -> std::result::Result<Result, Box<dyn Error>> {
    let mut partition = Partition::new(definitions);
    let window = Duration::from_millis((arguments.window_days * 86_400_000.0) as i64);
    let mut scorer = Prequential::new().k(arguments.k).window_span(window).begin()?;
    let query = Query::for_user().limit(arguments.k).allow_repeat(arguments.allow_repeat);
    let (mut items, mut times) = (Items::new(), Vec::new());
    let (mut messages, mut refused, mut strangers) = (0, 0, 0);
    let mut line = String::new();
    while {
        line.clear();
        reader.read_line(&mut line)? > 0
    } {
        let Ok(message) = Message::from_json(line.trim()) else {
            refused += u64::from(!line.trim().is_empty());
            continue;
        };
        // A host lives through time; a file jumps. So what falls due on the way happens when it is due.
        let now = message.timestamp.unwrap_or(partition.clock()).max(partition.clock());
        partition.advance(now - Duration::from_millis(1));
        deliver(&mut partition, now);

        let touched = partition.touched(&message);
        let asked = message.ids.user.as_deref().or(message.ids.anonymous.as_deref());
        let answer = match asked.filter(|_| touched.iter().any(|touched| touched.weight > 0.0)) {
            None => None,
            Some(user) => {
                let start = Instant::now();
                let answer = partition.recommend(user, &query, now)?;
                times.push(start.elapsed().as_nanos() as u64);
                strangers += usize::from(partition.profile(user).is_none());
                Some(answer)
            }
        };
        messages += 1;
        if partition.ingest(&message, now).is_err() {
            refused += 1;
            continue;
        }
        let Some(answer) = answer else { continue };
        let ranked: Vec<ItemId> =
            answer.iter().map(|shown| items.intern(&shown.item)).collect::<std::result::Result<_, _>>()?;
        for touched in touched.iter().filter(|touched| touched.weight > 0.0) {
            // What is no id was not learned either.
            if let Ok(item) = items.intern(&touched.item) {
                scorer.add(&ranked, item, now);
            }
        }
    }
    let stream = scorer.finish(&items)?;
    Ok(Result { stream, took: Latency::of(times), messages, refused, strangers })
}

/// Takes everything from the outbox, so that it does not grow, and reports it as sent.
fn deliver(partition: &mut Partition, now: bespoke::model::Instant) {
    loop {
        let actions = partition.outbox(1_000, Duration::minutes(1), now);
        if actions.is_empty() {
            return;
        }
        for action in actions {
            partition.acknowledge(&action.id, Delivery::Sent, now);
        }
    }
}

fn print(result: &Result, k: usize) {
    let Result { stream, took, messages, refused, strangers } = result;
    let [hr, mrr, ndcg] = ["HR", "MRR", "NDCG"].map(|name| format!("{name}@{k}"));
    println!("{messages} messages, {refused} refused; {strangers} predictions for users who were new\n");
    println!("{:42} {:>11} {hr:>7} {mrr:>7} {ndcg:>8} {:>6} {:>6}", "window", "predictions", "cover", "gini");
    let row = |name: &str, scores: &Scores| {
        println!(
            "{name:42} {:>11} {:7.4} {:7.4} {:8.4} {:6.3} {:6.3}",
            scores.predictions, scores.hit_rate, scores.mrr, scores.ndcg, scores.coverage, scores.gini
        );
    };
    for window in &stream.windows {
        row(&format!("{} – {}", window.from, window.until), &window.scores);
    }
    row("all", &stream.scores);
    println!("\na prediction: p50 {:.1} µs, p90 {:.1} µs, p99 {:.1} µs", took.p50, took.p90, took.p99);
}

/// The engine learns: what it shows in the last window fits better than by chance, and nobody is asked twice about one
/// message.
fn check(result: &Result) {
    let Stream { scores, windows, .. } = &result.stream;
    let predictions: usize = windows.iter().map(|window| window.scores.predictions).sum();
    assert_eq!(predictions, scores.predictions, "windows hold every prediction once");
    assert!(scores.hit_rate > 0.0 && scores.mrr <= scores.hit_rate && scores.hit_rate <= 1.0);
}
