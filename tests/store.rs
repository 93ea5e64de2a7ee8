//! What an engine keeps in a store is what it would keep in memory, however often it is stopped and whoever is away.

use bespoke::definitions::Definitions;
use bespoke::engine::{Durability, Engine};
use bespoke::journey::Delivery;
use bespoke::model::{Consent, Duration, Ids, Instant, Message, Suppress};
use bespoke::storage::MemoryDisk;

const DEFINITIONS: &str = r#"
    version = 1
    [settings]
    schema = "lenient"
    hash_key = "no key for real use"
    [ids]
    email_hash = { strength = "strong" }
    card = { strength = "weak", limit = 2 }
    [consent]
    collect = { default = "granted" }
    personalize = { default = "granted" }
    recommend = { default = "granted" }
    marketing = { default = "granted" }
    [attributes]
    email = { kind = "string", store = "hash" }
    country = "string"
    age = "number"
    [events.view]
    sku = "string"
    price = "number"
    [events.purchase]
    sku = "string"
    amount = "number"
    [affinity.sku]
    half_life = "7d"
    weights = { view = 1.0, purchase = 5.0 }
    [segments]
    curious = "count(view in 1h) >= 2"
    french = 'country = "FR"'
    written = 'email = "one@example.org"'
    silent = "not did(view in 2h)"
    spender = "sum(purchase.amount) >= 50"
    waverer = { by = "sku", when = "count(view in 1d) >= 2 and not did(purchase in 1d)" }
    [templates.hello]
    title = "Hello {{ user.country | default('there') }}"
    [journeys.welcome]
    class = "marketing"
    enter = { event = "view", reentry = { after = "1h" } }
    step = [
        { id = "patience", wait = "10m" },
        { id = "hello", send = { channel = "push", template = "hello", expires = "2h" } },
    ]
    [delivery]
    cap = [{ scope = "global", max = 3, per = "day", counts = ["marketing"] }]
    [recommend]
    interactions = { view = { item = "sku" }, purchase = { item = "sku", weight = 5.0 } }
    k_min = 2
    [retention]
    events = { view = "1d", default = "30h" }
    attributes = { country = "5h" }
    anonymous = "8h"
    idle = "20h"
    outbox = "6h"
"#;

fn definitions() -> Definitions {
    Definitions::from_toml(DEFINITIONS).unwrap_or_else(|errors| panic!("{errors:#}"))
}

fn message(rng: &mut fastrand::Rng) -> Message {
    let user = format!("user-{}", rng.u32(0..12));
    let device = format!("device-{}", rng.u32(0..8));
    let ids = match rng.u32(0..6) {
        0 => Ids::anonymous(&*device),
        1 => Ids::both(&*user, &*device),
        _ => Ids::user(&*user),
    };
    let ids = match rng.u32(0..12) {
        0 => ids.and("card", format!("card-{}", rng.u32(0..6))),
        1 => ids.and("email_hash", format!("hash-{}", rng.u32(0..9))),
        2 => Ids::none().and("email_hash", format!("hash-{}", rng.u32(0..9))),
        _ => ids,
    };
    let sku = format!("sku-{}", rng.u32(0..9));
    match rng.u32(0..28) {
        0 => Message::forget(&*user).suppress(match rng.u32(0..3) {
            0 => Suppress::Until(Instant::from_millis(1_795_428_000_000 + rng.i64(0..300_000_000))),
            _ => Suppress::No,
        }),
        23 => Message::alias(&*device, &*user),
        24 => Message::merge(format!("user-{}", rng.u32(0..12)), &*user, "they said so"),
        25 => Message::split(&*user, [&*device]),
        26 => Message::split(&*user, [format!("user-{}", rng.u32(0..12))]),
        1..4 => {
            let email = ["one@example.org", "two@example.org"][rng.usize(0..2)];
            let country = ["FR", "DE"][rng.usize(0..2)];
            Message::identify(ids).with("country", country).with("age", rng.i64(1..90)).with("email", email)
        }
        20..22 => {
            let purpose = ["collect", "personalize", "recommend", "marketing"][rng.usize(0..4)];
            let consent = if rng.bool() { Consent::granted(purpose) } else { Consent::withdrawn(purpose) };
            Message::consent(ids, consent)
        }
        22 => Message::restrict(ids, rng.bool()),
        4..7 => Message::track(ids, "purchase").with("sku", sku).with("amount", rng.i64(1..40)),
        _ => Message::track(ids, "view").with("sku", sku).with("price", f64::from(rng.u32(1..900)) / 100.0),
    }
}

/// One input, a random one; what it gave, in words.
fn step(engine: &Engine, rng: &mut fastrand::Rng, now: Instant) -> String {
    match rng.u32(0..12) {
        0 => format!("{:?}", engine.advance(now)),
        1 => {
            let actions = engine.outbox(3, now).unwrap();
            let answers = actions.iter().map(|a| engine.acknowledge(&a.id, Delivery::Sent, now).unwrap());
            let answers: Vec<_> = answers.collect();
            format!("{actions:?} {answers:?}")
        }
        _ => format!("{:?}", engine.ingest(message(rng), now)),
    }
}

fn open(disk: &MemoryDisk, durability: Durability, memory: usize) -> Engine {
    let builder = Engine::builder(definitions()).disk(disk.clone()).durability(durability).memory(memory);
    builder.open().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_store_that_is_stopped_and_opened_again_is_as_one_in_memory() {
    for seed in 0..40 {
        let rng = &mut fastrand::Rng::with_seed(seed);
        let disk = MemoryDisk::new();
        let twin = Engine::builder(definitions()).open().unwrap();
        let memory = [0, 4_000, usize::MAX][rng.usize(0..3)];
        let durability = [Durability::Memory, Durability::Written, Durability::Synced][rng.usize(0..3)];
        let mut engine = open(&disk, durability, memory);
        let mut now = Instant::from_millis(1_795_428_000_000);
        for _ in 0..150 {
            let input = rng.u64(..);
            let seeded = || fastrand::Rng::with_seed(input);
            assert_eq!(step(&engine, &mut seeded(), now), step(&twin, &mut seeded(), now), "seed {seed}");
            match rng.u32(0..20) {
                0 => engine.checkpoint().unwrap(),
                1 => {
                    drop(engine);
                    engine = open(&disk, durability, memory);
                    assert!(engine.opened().was_there);
                }
                2 => assert_eq!(digest(&engine), digest(&twin), "seed {seed}"),
                _ => {}
            }
            now = now + Duration::seconds([0, 1, 60, 600, 4_000][rng.usize(0..5)]);
        }
        assert_eq!(digest(&engine), digest(&twin), "seed {seed}");
    }
}

fn digest(engine: &Engine) -> String {
    String::from_utf8(engine.state().unwrap()).unwrap()
}
