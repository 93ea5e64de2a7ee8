//! probe: a million profiles in a store
use bespoke::definitions::Definitions;
use bespoke::engine::{Durability, Engine};
use bespoke::model::{Instant, Message, Object};
use std::time::Instant as Clock;
#[global_allocator]
static ALLOCATOR: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, usize::MAX);
fn definitions() -> Definitions {
    Definitions::from_toml(r#"
        version = 1
        [events.view]
        sku = "string"
        category = "string"
        price = "number"
        [attributes]
        country = "string"
        [segments]
        rare = 'count(any where category = "none" and sku = "none" in 90d) >= 1'
        active = 'did(view in 7d)'
        fr = 'country = "FR"'
        [placements.hero]
        variant = [{ name = "a", when = 'segment("active")', content = { title = "A" } }, { name = "b", content = { title = "B" } }]
    "#).unwrap_or_else(|e| panic!("{e:#}"))
}
fn message(rng: &mut fastrand::Rng, user: usize) -> Message {
    Message::track(format!("user-{user}"), "view")
        .with("sku", format!("sku-{}", rng.u32(0..5000)))
        .with("category", ["shoes", "hats", "bags"][rng.usize(0..3)])
}
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let users: usize = args[1].parse().unwrap();
    let dir = &args[2];
    let mem: usize = args.get(3).map_or(512 << 20, |m| m.parse().unwrap());
    let rng = &mut fastrand::Rng::with_seed(1);
    let mut now = Instant::from_millis(1_795_428_000_000);
    if !std::path::Path::new(dir).exists() {
        let t = Clock::now();
        let base = ALLOCATOR.allocated();
        let engine = Engine::builder(definitions()).store(dir.clone()).memory(mem).open().unwrap();
        let mut batch = Vec::new();
        for round in 0..20 {
            for user in 0..users {
                batch.push(message(rng, user));
                if batch.len() == 256 {
                    now = now + bespoke::model::Duration::from_millis(37);
                    for r in engine.ingest_all(&batch, now) {
                        r.unwrap();
                    }
                    batch.clear();
                }
            }
            eprintln!(
                "round {round}: {:.1} s, {} k msg/s, {} B/profile",
                t.elapsed().as_secs_f64(),
                ((round + 1) * users) as u64 / t.elapsed().as_millis().max(1) as u64,
                (ALLOCATOR.allocated() - base) / users
            );
        }
        let t = Clock::now();
        engine.checkpoint().unwrap();
        println!("checkpoint {:.2} s", t.elapsed().as_secs_f64());
    }
    let size: u64 = std::fs::read_dir(dir)
        .unwrap()
        .map(|f| {
            let m = f.unwrap();
            eprintln!("{:?} {}", m.file_name(), m.metadata().unwrap().len());
            m.metadata().unwrap().len()
        })
        .sum();
    println!("disk {} bytes a profile", size / users as u64);
    let base = ALLOCATOR.allocated();
    let t = Clock::now();
    let engine = Engine::builder(definitions())
        .store(dir.clone())
        .memory(mem)
        .durability(Durability::Written)
        .open()
        .unwrap();
    let open = t.elapsed();
    let decision = engine.decide("user-77", "hero", &Object::new(), engine.clock()).unwrap();
    println!(
        "open {:.2} s, first decision after {:.2} s: {:?}",
        open.as_secs_f64(),
        t.elapsed().as_secs_f64(),
        decision.variant
    );
    println!("{} bytes a profile away", (ALLOCATOR.allocated() - base) / users);
}
