//! What a compiled segment takes: bytes at the allocator, and the time of one run.
//!
//! `cargo run --release --manifest-path benches/peers/Cargo.toml --bin bytes`. Texts are gone before the bytes are
//! counted; the crate's own figure has the names of the segments in it, which no peer keeps. What the allocator itself
//! adds to each block is not counted, so many small blocks are dearer than they look. The interpreters are counted at
//! 10,000 only.

use bespoke_peers::peers::{a_tree, bespoke, cel, closures, evalexpr, rhai, wirefilter};
use bespoke_peers::rule::Rule;
use std::alloc::System;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: cap::Cap<System> = cap::Cap::new(System, usize::MAX);

const SEED: u64 = 1;

/// Bytes of what a function makes of texts that are dropped before they are counted, and its time.
fn cost<T, C>(texts: T, compile: impl FnOnce(&T) -> C) -> (usize, Duration) {
    let before = ALLOCATOR.allocated();
    let start = Instant::now();
    let compiled = compile(&texts);
    let time = start.elapsed();
    let bytes = ALLOCATOR.allocated() - before;
    drop(compiled);
    (bytes, time)
}

fn print(name: &str, count: usize, (bytes, time): (usize, Duration)) {
    println!("{count:>7}  {name:<12}{:>10.1}{:>14.1}", bytes as f64 / count as f64, time.as_secs_f64() * 1e3);
}

fn main() {
    println!("{:>7}  {:<12}{:>10}{:>14}", "of", "peer", "bytes each", "compiled, ms");
    for count in [1_000, 10_000, 100_000] {
        let rules = Rule::draw(count, SEED);
        print("bespoke", count, cost(bespoke::texts(&rules), |texts| bespoke::compile(texts)));
        print("closures", count, {
            cost((), |()| {
                let mut texts = closures::Texts::default();
                let segments: Vec<_> = rules.iter().map(|rule| closures::compile(&mut texts, rule)).collect();
                (texts, segments)
            })
        });
        let words = |write: fn(&Rule) -> String| -> Vec<String> { rules.iter().map(write).collect() };
        let scheme = wirefilter::scheme();
        print("wirefilter", count, {
            cost(words(wirefilter::text), |texts| -> Vec<_> {
                texts.iter().map(|text| wirefilter::compile(&scheme, text)).collect()
            })
        });
        print("a-tree", count, cost(words(a_tree::text), |texts| a_tree::compile(texts)));
        if count > 10_000 {
            continue;
        }
        let environment = cel::environment();
        print("cel", count, {
            cost(words(cel::text), |texts| -> Vec<_> {
                texts.iter().map(|text| cel::compile(&environment, text)).collect()
            })
        });
        print("evalexpr", count, {
            cost(words(evalexpr::text), |texts| -> Vec<_> {
                texts.iter().map(|text| evalexpr::compile(text)).collect()
            })
        });
        let engine = ::rhai::Engine::new();
        print("rhai", count, {
            cost(words(rhai::text), |texts| -> Vec<_> {
                texts.iter().map(|text| rhai::compile(&engine, text)).collect()
            })
        });
    }
}
