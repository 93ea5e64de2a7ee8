//! Writes what the customers of a small shop do in a month, as messages in the shape of the Segment spec: a stream to
//! try definitions on. The same seed gives the same bytes on every machine; `examples/data/shop.jsonl` is what comes
//! out without options.
//!
//! ```text
//! cargo run --example simulate > shop.jsonl
//! cargo run --example simulate -- --seed 42 --users 10000 --days 90 --out large.jsonl
//! ```

mod shop;

use serde_json::Value;
use shop::Shop;
use std::collections::{BTreeMap, HashSet};
use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

const USAGE: &str = "usage: simulate [--seed N] [--users N] [--days N] [--out FILE]";

fn main() -> ExitCode {
    let (shop, out) = match arguments() {
        Ok(given) => given,
        Err(e) => {
            eprintln!("error: {e}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(shop, out.as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run(shop: Shop, out: Option<&str>) -> Result<(), Box<dyn Error>> {
    let lines = shop.messages();
    let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
    match out {
        Some(path) => std::fs::write(path, &text).map_err(|e| format!("`{path}` cannot be written: {e}"))?,
        None => std::io::stdout().write_all(text.as_bytes())?,
    }

    // The file as a reader sees it: what is in it, how much comes late, how much comes twice.
    let (mut kinds, mut ids, mut late, mut clock) = (BTreeMap::new(), HashSet::new(), 0, String::new());
    for line in &lines {
        let message: Value = serde_json::from_str(line)?;
        let field = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
        let kind = if field("event").is_empty() { field("type") } else { field("event") };
        *kinds.entry(kind).or_insert(0) += 1;
        ids.insert(field("messageId"));
        // RFC 3339 in UTC and in whole seconds: the order of the text is the order of time.
        late += usize::from(field("timestamp") < clock);
        clock = clock.max(field("timestamp"));
    }
    let twice = lines.len() - ids.len();
    eprintln!("{} messages, {} bytes, {late} late, {twice} twice", lines.len(), text.len());
    eprintln!("{kinds:?}");
    assert!(
        late * 20 <= lines.len() + 100 && twice * 20 <= lines.len() + 100,
        "few are late, few come twice"
    );
    Ok(())
}

fn arguments() -> Result<(Shop, Option<String>), lexopt::Error> {
    use lexopt::prelude::*;
    let (mut shop, mut out) = (Shop::default(), None);
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("seed") => shop.seed = parser.value()?.parse()?,
            Long("users") => shop.users = parser.value()?.parse_with(|s| limited(s, 1_000_000))?,
            Long("days") => shop.days = parser.value()?.parse_with(|s| limited(s, 3_650))?,
            Long("out") => out = Some(parser.value()?.string()?),
            Long("help") | Short('h') => {
                println!("{USAGE}");
                std::process::exit(0);
            }
            other => return Err(other.unexpected()),
        }
    }
    Ok((shop, out))
}

fn limited(text: &str, most: u32) -> Result<u32, String> {
    match text.parse() {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        _ => Err(format!("a whole number from 1 to {most} is wanted")),
    }
}
