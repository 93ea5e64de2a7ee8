//! What it takes to compile segments, from texts that are there.
//!
//! At 100,000 a-tree is left out, whose time grows with the square of the number (`bytes` prints one run of it), and
//! so are the interpreters, whose time per rule is the same as at 10,000.
#![allow(missing_docs)]

use bespoke_peers::peers::{a_tree, bespoke, cel, evalexpr, rhai, wirefilter};
use bespoke_peers::rule::Rule;
use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use std::time::Duration;

const SEED: u64 = 1;

fn compile(c: &mut Criterion) {
    for count in [10_000, 100_000] {
        let rules = Rule::draw(count, SEED);
        let mut group = c.benchmark_group(format!("compile {count}"));
        group.sampling_mode(SamplingMode::Flat).sample_size(10);
        group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));

        let texts = bespoke::texts(&rules);
        group.bench_function("bespoke", |b| b.iter_with_large_drop(|| bespoke::compile(&texts)));

        let scheme = wirefilter::scheme();
        let texts: Vec<String> = rules.iter().map(wirefilter::text).collect();
        group.bench_function("wirefilter", |b| {
            b.iter_with_large_drop(|| -> Vec<_> {
                texts.iter().map(|text| wirefilter::compile(&scheme, text)).collect()
            });
        });
        if count > 10_000 {
            continue;
        }

        let texts: Vec<String> = rules.iter().map(a_tree::text).collect();
        group.bench_function("a-tree", |b| b.iter_with_large_drop(|| a_tree::compile(&texts)));

        let environment = cel::environment();
        let texts: Vec<String> = rules.iter().map(cel::text).collect();
        group.bench_function("cel", |b| {
            b.iter_with_large_drop(|| -> Vec<_> {
                texts.iter().map(|text| cel::compile(&environment, text)).collect()
            });
        });

        let texts: Vec<String> = rules.iter().map(evalexpr::text).collect();
        group.bench_function("evalexpr", |b| {
            b.iter_with_large_drop(|| -> Vec<_> {
                texts.iter().map(|text| evalexpr::compile(text)).collect()
            });
        });

        let engine = ::rhai::Engine::new();
        let texts: Vec<String> = rules.iter().map(rhai::text).collect();
        group.bench_function("rhai", |b| {
            b.iter_with_large_drop(|| -> Vec<_> {
                texts.iter().map(|text| rhai::compile(&engine, text)).collect()
            });
        });
    }
}

criterion_group!(benches, compile);
criterion_main!(benches);
