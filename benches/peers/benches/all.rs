//! All of so many segments against one user: which of them hold?
//!
//! Sixteen people in turn, so that no peer learns one of them by heart; what a peer wants to know of a person is made
//! ready before. That all peers find the same segments is checked on many more.
#![allow(missing_docs)]

use bespoke_peers::check::{Peers, Ready, same_matches};
use bespoke_peers::peers::{a_tree, bespoke, closures, wirefilter};
use bespoke_peers::{Person, Rule};
use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use std::hint::black_box;
use std::time::Duration;

const SEED: u64 = 1;
const PEOPLE_CHECKED: usize = 300;
const PEOPLE_TIMED: usize = 16;

fn time<'a>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, mut ready: Vec<Box<dyn Ready + 'a>>) {
    let mut next = 0;
    group.bench_function(name, |b| {
        b.iter(|| {
            next = (next + 1) % ready.len();
            black_box(ready[next].search())
        });
    });
}

fn all(c: &mut Criterion) {
    for count in [100, 1_000, 10_000, 100_000] {
        let rules = Rule::draw(count, SEED);
        let people = Person::draw(PEOPLE_CHECKED, SEED + 1);

        let plan = bespoke::Numbered::new(bespoke::compile(&bespoke::texts(&rules)));
        let tree = a_tree::compile(&rules.iter().map(a_tree::text).collect::<Vec<_>>());
        let scheme = wirefilter::scheme();
        let filter = |rule| wirefilter::compile(&scheme, &wirefilter::text(rule));
        let filters: Vec<_> = rules.iter().map(filter).collect();
        let mut texts = closures::Texts::default();
        let segments: Vec<_> = rules.iter().map(|rule| closures::compile(&mut texts, rule)).collect();

        for person in &people {
            let mut peers: Peers<'_> = vec![
                ("wirefilter", wirefilter::ready(&scheme, &filters, person)),
                ("bespoke", plan.ready(person)),
                ("a-tree", a_tree::ready(&tree, person)),
                ("closures", closures::ready(&texts, &segments, person)),
            ];
            same_matches(person, &mut peers);
        }

        let people = &people[..PEOPLE_TIMED];
        let mut group = c.benchmark_group(format!("all of {count}"));
        group.throughput(Throughput::Elements(count as u64)).sample_size(30);
        group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
        time(&mut group, "bespoke", people.iter().map(|person| plan.ready(person)).collect());
        time(&mut group, "a-tree", people.iter().map(|person| a_tree::ready(&tree, person)).collect());
        let ready = people.iter().map(|person| wirefilter::ready(&scheme, &filters, person)).collect();
        time(&mut group, "wirefilter, a loop", ready);
        let ready = people.iter().map(|person| closures::ready(&texts, &segments, person)).collect();
        time(&mut group, "closures, a loop", ready);
        group.finish();
    }
}

criterion_group!(benches, all);
criterion_main!(benches);
