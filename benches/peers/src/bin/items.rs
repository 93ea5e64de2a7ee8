//! What the recommenders of an engine take and cost beside up to a million items.
//!
//! `cargo run --release --manifest-path benches/peers/Cargo.toml --bin items` feeds 16 million interactions with a
//! million items to each model, and as many for each item beside fewer items; `-- 100000 2000000` is smaller. Prints the
//! figures and writes them with their plots into `target/growth/` of the crate.
//!
//! The interactions: sessions of 4.5 on average, 500 open at a time, an interaction every 20 ms. Half of a session stays
//! within twenty items of its theme, which is an item by popularity like a harmonic series; an eighth is any item at all,
//! and the rest is what is popular. In one session of five half of what is touched is bought.

#[path = "growth/plot.rs"]
mod plot;

use bespoke::model::{Duration, Instant};
use bespoke::recommend::{
    Action, Als, BoughtTogether, CoVisitation, Interaction, ItemId, Items, Popularity, Query, Recommender,
    SessionKnn, Trending, Twins,
};
use fastrand::Rng;
use plot::Line;
use std::alloc::System;
use std::error::Error;
use std::fmt::Write;
use std::path::Path;

#[global_allocator]
static ALLOCATOR: cap::Cap<System> = cap::Cap::new(System, usize::MAX);

const SIZES: [usize; 7] = [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000];
const INTERACTIONS_PER_ITEM: usize = 16;
const OPEN_SESSIONS: usize = 500;
/// Interactions whose learning is timed together.
const BATCH: usize = 1_000;
const QUERIES: usize = 5_000;

/// An endless stream of interactions.
struct Shop {
    random: Rng,
    items: Vec<ItemId>,
    sessions: Vec<Session>,
    users: u32,
    now: Instant,
}

struct Session {
    user: u32,
    theme: usize,
    buys: bool,
}

impl Shop {
    /// As many users as items, so that most come back: 3.6 sessions each at the end.
    fn new(items: &Items) -> Shop {
        let mut shop = Shop {
            random: Rng::with_seed(42),
            items: items.iter().map(|(item, _)| item).collect(),
            sessions: Vec::new(),
            users: items.len() as u32,
            now: Instant::from_millis(1_790_000_000_000),
        };
        shop.sessions = (0..OPEN_SESSIONS).map(|_| shop.session()).collect();
        shop
    }

    fn session(&mut self) -> Session {
        let user = self.random.u32(..self.users);
        Session { user, theme: self.popular(), buys: self.random.u8(..5) == 0 }
    }

    /// Place `n` with a probability of about `1 / n`.
    fn popular(&mut self) -> usize {
        (self.items.len() as f64).powf(self.random.f64()) as usize - 1
    }

    fn next(&mut self) -> Interaction<'static> {
        self.now = self.now + Duration::from_millis(20);
        let open = self.random.usize(..OPEN_SESSIONS);
        if self.random.u32(..9) < 2 {
            self.sessions[open] = self.session();
        }
        let Session { user, theme, buys } = self.sessions[open];
        let place = match self.random.u8(..8) {
            0..4 => (theme + self.random.usize(..20)) % self.items.len(),
            4 => self.random.usize(..self.items.len()),
            _ => self.popular(),
        };
        let action = if buys && self.random.bool() { Action::Bought } else { Action::Viewed };
        Interaction::new(user, self.items[place], self.now).with_action(action)
    }
}

/// What a model of an engine is asked.
#[derive(Clone, Copy)]
enum Asked {
    ForUser,
    Complementary,
    Popular,
    Trending,
    Similar,
}

type New = fn(&Items) -> Box<dyn Recommender>;

/// The models of an engine as it makes them where definitions say nothing else, one that keeps eight times as many
/// sessions, and what definitions have to ask for: iALS after one sweep over users and items, and likeness by content.
const MODELS: [(&str, New, Asked); 8] = [
    ("session kNN", |_| Box::new(of_sessions(1 << 17)), Asked::ForUser),
    (
        "co-visitation",
        |_| Box::new(in_range(CoVisitation::params().k_min(10).skip_bought(true).check())),
        Asked::ForUser,
    ),
    (
        "bought together",
        |_| Box::new(in_range(BoughtTogether::params().k_min(10).check())),
        Asked::Complementary,
    ),
    ("popularity", |_| Box::new(Popularity::default()), Asked::Popular),
    ("trending", |_| Box::new(in_range(Trending::params().k_min(10).check())), Asked::Trending),
    ("kNN, 2^20", |_| Box::new(of_sessions(1 << 20)), Asked::ForUser),
    ("iALS", |_| Box::new(in_range(Als::params().sweeps(1).k_min(10).check())), Asked::ForUser),
    ("content", |items| Box::new(described(items)), Asked::Similar),
];
/// What an engine has without asking; the others are not added up.
const BUILT_IN: usize = 5;

fn of_sessions(sessions: usize) -> SessionKnn {
    in_range(SessionKnn::params().sessions(sessions).k_min(10).check())
}

/// Each item has a category, of which there are a thousand, a brand and a price band.
fn described(items: &Items) -> Twins {
    let mut twins = Twins::default();
    for (item, _) in items.iter() {
        let number = item.number();
        let tags = [("category", number / 20 % 1_000), ("brand", number % 307), ("price", number % 11)];
        let tags = tags.map(|(name, value)| (name, value.to_string()));
        twins.describe(item, tags.iter().map(|(name, value)| (*name, value.as_str())), None);
    }
    twins
}

fn in_range<M>(made: Result<M, bespoke::recommend::Error>) -> M {
    made.expect("the parameters are in range")
}

/// How a model did beside so many items.
struct Measured {
    bytes: usize,
    /// Mean, and the 99th percentile of means of a thousand.
    learn_nanos: [f64; 2],
    slowest_batch_micros: f64,
    /// Of what is left to `tick`; 0 where nothing is.
    step_micros: f64,
    recommend_micros: [f64; 3],
    answered: usize,
    written_bytes: usize,
    write_seconds: f64,
    read_seconds: f64,
}

fn measured(new: New, asked: Asked, items: &Items, interactions: usize) -> Result<Measured, Box<dyn Error>> {
    let mut shop = Shop::new(items);
    let before = ALLOCATOR.allocated();
    let mut model = new(items);
    let mut batches = Vec::with_capacity(interactions / BATCH);
    let mut batch = Vec::with_capacity(BATCH);
    for _ in 0..interactions / BATCH {
        batch.clear();
        batch.extend((0..BATCH).map(|_| shop.next()));
        let start = std::time::Instant::now();
        batch.iter().for_each(|interaction| model.learn(interaction));
        batches.push(start.elapsed().as_secs_f64());
    }
    let (start, mut steps, now) = (std::time::Instant::now(), 0_u32, shop.now);
    while model.tick(now, 1) {
        steps += 1;
    }
    let step = if steps == 0 { 0.0 } else { start.elapsed().as_secs_f64() * 1e6 / f64::from(steps) };
    let lists = (batches.capacity() * size_of::<f64>()) + batch.capacity() * size_of::<Interaction<'_>>();
    let bytes = ALLOCATOR.allocated() - before - lists;
    let learn = batches.iter().sum::<f64>() * 1e9 / interactions as f64;
    let slowest = batches.iter().copied().fold(0.0, f64::max) * 1e6;
    let p99 = percentiles(&mut batches, [0.99])[0] * 1e9 / BATCH as f64;

    let mut times = Vec::with_capacity(QUERIES);
    let mut answered = 0;
    for _ in 0..QUERIES {
        // Whoever did something just now asks.
        let last = shop.next();
        model.learn(&last);
        let name = |item| items.name(item).unwrap_or_default();
        let query = match asked {
            Asked::ForUser => Query::for_user(),
            Asked::Complementary => Query::complementary_to([name(last.item()), name(shop.next().item())]),
            Asked::Popular => Query::popular(),
            Asked::Trending => Query::trending(),
            Asked::Similar => Query::similar_to(name(last.item())),
        };
        let query = query.limit(20);
        let request = query.resolve(items, Some(last.user()), last.at())?;
        let start = std::time::Instant::now();
        let answer = std::hint::black_box(model.recommend(&request));
        times.push(start.elapsed().as_secs_f64() * 1e6);
        answered += usize::from(!answer.is_empty());
    }

    let start = std::time::Instant::now();
    let mut written = Vec::new();
    model.checkpoint(&mut written);
    let write_seconds = start.elapsed().as_secs_f64();
    drop(model);
    let mut restored = new(items);
    let start = std::time::Instant::now();
    restored.restore(&written, items)?;
    Ok(Measured {
        bytes,
        learn_nanos: [learn, p99],
        slowest_batch_micros: slowest,
        step_micros: step,
        recommend_micros: percentiles(&mut times, [0.5, 0.9, 0.99]),
        answered,
        written_bytes: written.len(),
        write_seconds,
        read_seconds: start.elapsed().as_secs_f64(),
    })
}

fn percentiles<const N: usize>(times: &mut [f64], shares: [f64; N]) -> [f64; N] {
    times.sort_unstable_by(f64::total_cmp);
    shares.map(|share| times[((times.len() as f64 * share) as usize).min(times.len() - 1)])
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let items_max: usize = arguments.next().map_or(Ok(SIZES[SIZES.len() - 1]), |text| text.parse())?;
    let interactions_max: usize =
        arguments.next().map_or(Ok(items_max.saturating_mul(INTERACTIONS_PER_ITEM)), |text| text.parse())?;
    if items_max == 0 || interactions_max < 100 * BATCH {
        return Err("an item and 100,000 interactions are the least".into());
    }
    let mut sizes: Vec<usize> = SIZES.into_iter().filter(|size| *size < items_max).collect();
    sizes.push(items_max);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/growth");
    std::fs::create_dir_all(&folder)?;

    let mut table = "what,model,items,interactions,value,unit\n".to_owned();
    let (mut bytes, mut learn, mut recommend): (Vec<Line>, Vec<Line>, Vec<Line>) = Default::default();
    println!(
        "{:>9} items {:16} {:>9} {:>8} {:>9} {:>9} {:>11} {:>8} {:>8} {:>8} {:>8} {:>7} {:>9} {:>7} {:>7}",
        "",
        "",
        "MB",
        "B/item",
        "learn ns",
        "p99 ns",
        "slowest µs",
        "step µs",
        "p50 µs",
        "p90 µs",
        "p99 µs",
        "answer",
        "disk MB",
        "write s",
        "read s"
    );
    for size in sizes {
        let interactions = (interactions_max / items_max * size).max(100 * BATCH);
        let before = ALLOCATOR.allocated();
        let mut items = Items::new();
        for number in 0..size {
            items.intern(&format!("sku-{number}"))?;
        }
        let of_items = ALLOCATOR.allocated() - before;
        println!(
            "{size:>9} items {:16} {:>9.1} {:>8.0}",
            "(their ids)",
            of_items as f64 / 1e6,
            of_items as f64 / size as f64
        );
        let _ = writeln!(table, "bytes,ids,{size},0,{of_items},bytes");
        let mut all = of_items;
        for (place, (name, new, asked)) in MODELS.into_iter().enumerate() {
            let found = measured(new, asked, &items, interactions)?;
            all += if place < BUILT_IN { found.bytes } else { 0 };
            let [mean, p99] = found.learn_nanos;
            let [p50, p90, p99_asked] = found.recommend_micros;
            println!(
                "{size:>9} items {name:16} {:>9.1} {:>8.0} {mean:>9.0} {p99:>9.0} {:>11.0} {:>8.1} {p50:>8.1} {p90:>8.1} {p99_asked:>8.1} {:>6.0}% {:>9.1} {:>7.2} {:>7.2}",
                found.bytes as f64 / 1e6,
                found.bytes as f64 / size as f64,
                found.slowest_batch_micros,
                found.step_micros,
                100.0 * found.answered as f64 / QUERIES as f64,
                found.written_bytes as f64 / 1e6,
                found.write_seconds,
                found.read_seconds,
            );
            for (what, value, unit) in [
                ("bytes", found.bytes as f64, "bytes"),
                ("learn mean", mean, "ns"),
                ("learn p99 of a thousand", p99, "ns"),
                ("learn slowest thousand", found.slowest_batch_micros, "µs"),
                ("step mean", found.step_micros, "µs"),
                ("recommend p50", p50, "µs"),
                ("recommend p90", p90, "µs"),
                ("recommend p99", p99_asked, "µs"),
                ("checkpoint", found.written_bytes as f64, "bytes"),
                ("checkpoint written", found.write_seconds, "s"),
                ("checkpoint read", found.read_seconds, "s"),
            ] {
                let _ = writeln!(table, "{what},{name},{size},{interactions},{value:.3},{unit}");
            }
            add(&mut bytes, name, size, found.bytes as f64 / 1e6);
            add(&mut learn, name, size, mean);
            add(&mut recommend, name, size, p99_asked);
        }
        println!("{size:>9} items {:16} {:>9.1} {:>8.0}", "all", all as f64 / 1e6, all as f64 / size as f64);
        add(&mut bytes, "all, with ids", size, all as f64 / 1e6);
    }
    std::fs::write(folder.join("items.csv"), table)?;
    for (name, title, unit, lines) in [
        ("items-bytes", "Memory beside so many items", "MB", &bytes),
        ("items-learn", "Learning an interaction beside so many items", "ns", &learn),
        ("items-recommend", "Twenty recommendations beside so many items, 99th percentile", "µs", &recommend),
    ] {
        plot::draw(&folder.join(name).with_extension("svg"), title, ["items", unit], lines)?;
    }
    Ok(())
}

/// Adds a point to the line of that name.
fn add(lines: &mut Vec<Line>, name: &str, x: usize, y: f64) {
    match lines.iter_mut().find(|(line, _)| line == name) {
        Some((_, points)) => points.push((x as f64, y)),
        None => lines.push((name.to_owned(), vec![(x as f64, y)])),
    }
}
