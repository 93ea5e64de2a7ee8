//! What learning an event and answering a query cost, on a seeded shop: 50,000 items whose popularity is
//! skewed like a harmonic series, sessions of 4.5 events on average, a new event every 100 ms.
#![allow(missing_docs)]

use bespoke::model::{Duration, Instant};
use bespoke::recommend::{
    CoVisitation, Interaction, ItemId, Items, Popularity, Query, Recommender, SessionKnn,
};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use fastrand::Rng;
use std::hint::black_box;

const ITEMS: usize = 50_000;
const USERS: u32 = 100_000;
const OPEN_SESSIONS: usize = 500;
/// Events before the clock starts: enough that the rows of popular items are full.
const WARM: usize = 1_000_000;
const BATCH: usize = 10_000;

/// An endless stream of interactions: at any time 500 sessions are open, each around a theme.
struct Shop {
    random: Rng,
    items: Vec<ItemId>,
    sessions: Vec<(u32, usize)>,
    now: Instant,
}

impl Shop {
    fn new() -> (Shop, Items) {
        let (mut items, mut random) = (Items::new(), Rng::with_seed(42));
        let ids = (0..ITEMS).map(|n| items.intern(&format!("sku-{n}")).expect("short, and few")).collect();
        let sessions = (0..OPEN_SESSIONS).map(|_| (random.u32(..USERS), skewed(&mut random))).collect();
        (Shop { random, items: ids, sessions, now: Instant::from_millis(1_700_000_000_000) }, items)
    }

    fn next(&mut self) -> Interaction<'static> {
        self.now = self.now + Duration::from_millis(100);
        let place = self.random.usize(..OPEN_SESSIONS);
        if self.random.u32(..9) < 2 {
            self.sessions[place] = (self.random.u32(..USERS), skewed(&mut self.random));
        }
        let (user, theme) = self.sessions[place];
        // Half of a session stays near its theme, the other half follows the crowd.
        let item = if self.random.bool() {
            (theme + self.random.usize(..20)) % ITEMS
        } else {
            skewed(&mut self.random)
        };
        Interaction::new(user, self.items[item], self.now)
            .with_context([&[("place", "web")], &[("place", "app")]][self.random.usize(..2)])
    }

    fn take(&mut self, n: usize) -> Vec<Interaction<'static>> {
        (0..n).map(|_| self.next()).collect()
    }
}

/// Item `n` with a probability of about `1 / n`.
fn skewed(random: &mut Rng) -> usize {
    (ITEMS as f64).powf(random.f64()) as usize - 1
}

fn models() -> [(&'static str, Box<dyn Recommender>); 4] {
    let by_place = Popularity::params().context("place").check().expect("in range");
    [
        ("popularity", Box::new(Popularity::default())),
        ("popularity by place", Box::new(by_place)),
        ("co-visitation", Box::new(CoVisitation::default())),
        ("session kNN", Box::new(SessionKnn::default())),
    ]
}

fn learn(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("learn");
    group.throughput(Throughput::Elements(BATCH as u64));
    for (name, mut model) in models() {
        let (mut shop, _) = Shop::new();
        shop.take(WARM).iter().for_each(|interaction| model.learn(interaction));
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || shop.take(BATCH),
                |batch| batch.iter().for_each(|interaction| model.learn(interaction)),
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

fn recommend(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("recommend");
    for (name, mut model) in models() {
        let (mut shop, items) = Shop::new();
        shop.take(WARM).iter().for_each(|interaction| model.learn(interaction));
        println!("{name}: {:.1} MB", model.bytes() as f64 / 1e6);
        let mut skus = Rng::with_seed(1);
        let mut sku = || format!("sku-{}", skewed(&mut skus));
        let now = shop.now;
        for (kind, queries) in [
            (
                "for a session of 4",
                (0..1_000).map(|_| Query::session([sku(), sku(), sku(), sku()])).collect(),
            ),
            ("similar", (0..1_000).map(|_| Query::similar_to(sku())).collect()),
            ("trending", vec![Query::popular().context("place", "app")]),
        ] {
            let queries: Vec<Query> = queries;
            let queries: Vec<Query> = queries.into_iter().map(|query| query.limit(20)).collect();
            let mut turn = (0..queries.len()).cycle();
            group.bench_function(format!("{name}, {kind}"), |bencher| {
                bencher.iter(|| {
                    let query = &queries[turn.next().expect("a cycle")];
                    // A query may name an item that nobody has seen.
                    query.resolve(&items, None, now).map(|request| black_box(model.recommend(&request)))
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, learn, recommend);
criterion_main!(benches);
