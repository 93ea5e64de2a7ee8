//! What learning an event and answering a query cost, on a seeded shop of the size of diginetica: a million clicks on
//! 43,097 items whose popularity is skewed like a harmonic series, sessions of 4.5 events on average, a new event every
//! 100 ms. `single calls` prints percentiles of calls that are timed alone: a click, and what is recommended after it.
//!
//! `bandit` is the policy alone: ten arms, ten features, one of them constant; visitors and what they would click on are
//! made before. Read `elem/s`: decisions, rewards, or both a second.
#![allow(missing_docs)]

use bespoke::model::{Duration, Instant};
use bespoke::recommend::bandit::{Candidates, LinUcb, Policy, Thompson};
use bespoke::recommend::{
    CoVisitation, Interaction, ItemId, Items, Popularity, Query, Recommender, SessionKnn,
};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use fastrand::Rng;
use std::hint::black_box;

const ITEMS: usize = 43_097;
const USERS: u32 = 100_000;
const OPEN_SESSIONS: usize = 500;
/// Events before the clock starts: enough that the rows of popular items are full.
const WARM: usize = 1_000_000;
const BATCH: usize = 10_000;
/// Clicks and predictions that are timed alone.
const SINGLE_CALLS: usize = 20_000;

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

/// Prints how long a click takes to learn and the next recommendations to make, each timed alone, in microseconds.
fn single_calls(_: &mut Criterion) {
    for (name, mut model) in models() {
        let (mut shop, items) = Shop::new();
        shop.take(WARM).iter().for_each(|interaction| model.learn(interaction));
        let (mut learned, mut asked) = (Vec::new(), Vec::new());
        let query = Query::for_user().limit(20);
        for click in shop.take(SINGLE_CALLS) {
            let start = std::time::Instant::now();
            model.learn(&click);
            learned.push(start.elapsed());
            let request = query.resolve(&items, Some(click.user()), click.at());
            let request = request.expect("a user may be asked for");
            let start = std::time::Instant::now();
            black_box(model.recommend(&request));
            asked.push(start.elapsed());
        }
        let [learned, asked] = [&mut learned, &mut asked].map(|times| {
            times.sort_unstable();
            [50, 90, 99].map(|percent| times[SINGLE_CALLS * percent / 100].as_secs_f64() * 1e6)
        });
        println!(
            "single calls: {name}: learn p50 {:.2} p90 {:.2} p99 {:.2} µs, recommend p50 {:.1} p90 {:.1} p99 {:.1} µs",
            learned[0], learned[1], learned[2], asked[0], asked[1], asked[2]
        );
    }
}

const ARMS: [u32; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const FEATURES: usize = 10;

/// Visitors, and whether each would click on each arm. One in three does, more or less as the features say.
fn visitors(count: usize) -> Vec<([f64; FEATURES], [f64; ARMS.len()])> {
    let mut random = Rng::with_seed(1);
    let mut even = || 2.0 * random.f64() - 1.0;
    let weights = ARMS.map(|_| [(); FEATURES].map(|()| even()));
    let visitor = |_| {
        let mut features = [(); FEATURES].map(|()| even());
        features[0] = 1.0;
        let clicks = weights.map(|weights| {
            let score: f64 = weights.iter().zip(features).map(|(weight, feature)| weight * feature).sum();
            f64::from(u8::from(score + even() > 1.0))
        });
        (features, clicks)
    };
    (0..count).map(visitor).collect()
}

fn bandit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("bandit");
    group.throughput(Throughput::Elements(1));
    let visitors = visitors(8_192);
    let thompson = Thompson::params().arms(ARMS.len(), FEATURES).check().expect("in range");
    let lin_ucb = LinUcb::params().arms(ARMS.len(), FEATURES).check().expect("in range");
    let policies: [Box<dyn Policy>; 2] = [Box::new(thompson), Box::new(lin_ucb)];
    for mut policy in policies {
        let name = policy.name().to_owned();
        let round = |policy: &mut dyn Policy, number: usize| {
            let (features, clicks) = &visitors[number % visitors.len()];
            let candidates = Candidates::new(&ARMS).with_context(features);
            let place = policy.choose(&candidates, number as u64).map_or(0, |choice| choice.place);
            policy.learn(&candidates, place, clicks[place])
        };
        (0..100_000).for_each(|number| round(&mut *policy, number).expect("the shape is right"));
        let mut turn = 0;
        let mut next = || {
            turn += 1;
            (turn, &visitors[turn % visitors.len()])
        };
        group.bench_function(format!("{name}, decide"), |bencher| {
            bencher.iter(|| {
                let (number, (features, _)) = next();
                policy.choose(black_box(&Candidates::new(&ARMS).with_context(features)), number as u64)
            });
        });
        group.bench_function(format!("{name}, propensity"), |bencher| {
            bencher.iter(|| {
                let (number, (features, _)) = next();
                policy.propensity(
                    black_box(&Candidates::new(&ARMS).with_context(features)),
                    number % ARMS.len(),
                )
            });
        });
        group.bench_function(format!("{name}, decide and learn"), |bencher| {
            let mut number = 0;
            bencher.iter(|| {
                number += 1;
                round(&mut *policy, black_box(number))
            });
        });
        group.bench_function(format!("{name}, learn"), |bencher| {
            let mut number = 0;
            bencher.iter(|| {
                number += 1;
                let (features, clicks) = &visitors[number % visitors.len()];
                let place = number % ARMS.len();
                policy.learn(black_box(&Candidates::new(&ARMS).with_context(features)), place, clicks[place])
            });
        });
    }
    group.finish();
}

criterion_group!(benches, learn, recommend, single_calls, bandit);
criterion_main!(benches);
