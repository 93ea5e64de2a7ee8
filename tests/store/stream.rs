//! Streams of inputs that follow from a seed, and what an engine in memory makes of them.

use bespoke::decision::Feedback;
use bespoke::definitions::Definitions;
use bespoke::engine::{Durability, Engine, Error};
use bespoke::journey::Delivery;
use bespoke::model::{Body, Consent, Duration, Ids, Instant, Message, Suppress};
use bespoke::storage::Disk;

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
    timezone = "string"
    born = "instant"
    [world]
    sale = "bool"
    [catalogue]
    price = "number"
    stock = "number"
    category = "string"
    tags = "list"
    vector = 2
    [events.view]
    sku = "string"
    price = { kind = "number", ttl = "3h" }
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
    dear = "did(view where price > 5 in 2h)"
    spender = "sum(purchase.amount) >= 50"
    waverer = { by = "sku", when = "count(view in 1d) >= 2 and not did(purchase in 1d)" }
    bargain = "world.sale and did(view)"
    risky = 'predict.churn > 0.5'
    [templates.hello]
    title = "Hello {{ user.country | default('there') }}"
    [templates.cheaper]
    title = "{{ item.category }} {{ item.id }}: {{ event.new.price }} instead of {{ event.old.price }}"
    [journeys.cheaper]
    enter = { item = "price_drop", key = "sku", where = "price <= 0.9 * old.price", reentry = { after = "20m" } }
    audience = 'did(view in 1d) and not did(purchase in 1h)'
    step = [
        { id = "patience", wait = "5m" },
        { id = "cheaper", send = { channel = "push", template = "cheaper" } },
    ]
    [journeys.back]
    enter = { item = "back_in_stock", where = "price < user.age" }
    audience = 'segment("french") and country = "FR"'
    step = [{ id = "hello", send = { channel = "push", template = "hello" } }]
    [journeys.welcome]
    class = "marketing"
    enter = { event = "view", reentry = { after = "1h" } }
    step = [
        { id = "patience", wait = "10m" },
        { id = "hello", send = { channel = "push", template = "hello", expires = "2h" } },
    ]
    [journeys.hourly]
    enter = { cron = "5 * * * *" }
    audience = 'segment("french")'
    step = [
        { id = "later", wait_until = { at = "12:10" } },
        { id = "hello", send = { channel = "email", template = "hello" } },
    ]
    [journeys.birthday]
    enter = { date = "born", yearly = true, offset = "-30m" }
    late = { catch_up = "10m", else = "next_window" }
    step = [{ id = "hello", send = { channel = "email", template = "hello" } }]
    [delivery]
    cap = [{ scope = "global", max = 3, per = "day", counts = ["marketing"] }]
    [[placements.hero.variant]]
    name = "boots"
    [[placements.hero.variant]]
    name = "socks"
    when = "country = 'FR'"
    priority = 10
    [experiments.offer]
    arms = { control = 50, cheaper = 50 }
    consent = "personalize"
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

/// What definitions may become in the middle of a stream.
const MORE: &str = "    [segments.buyer]\n    when = 'did(purchase)'\n";

/// The definitions that a stream begins with, or what it may change them to.
pub(crate) fn definitions(more: bool) -> Definitions {
    Definitions::from_toml(&text(more)).unwrap_or_else(|errors| panic!("{errors:#}"))
}

/// Their text.
pub(crate) fn text(more: bool) -> String {
    if more { format!("{DEFINITIONS}{MORE}") } else { DEFINITIONS.to_owned() }
}

/// One input.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Message(Message),
    Advance,
    AdvanceSome(usize),
    Outbox,
    Acknowledge(String, Delivery),
    World(bool),
    Prediction(String, f64),
    Expose(String),
    Shown(String),
    Redefine(bool),
}

impl Step {
    pub(crate) fn is_forget(&self) -> bool {
        matches!(self, Step::Message(message) if matches!(message.body, Body::Forget { .. }))
    }
}

/// Inputs one after the other, all of them from a seed and from which actions were handed out.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) rng: fastrand::Rng,
    pub(crate) now: Instant,
    /// Which definitions hold.
    pub(crate) more: bool,
    actions: Vec<String>,
    users: u32,
    /// Changes of items come between other inputs, which are the same without them.
    items: fastrand::Rng,
}

impl Stream {
    pub(crate) fn new(seed: u64, users: u32) -> Stream {
        let now = Instant::from_millis(1_795_428_000_000);
        let (rng, items) = (fastrand::Rng::with_seed(seed), fastrand::Rng::with_seed(!seed));
        Stream { rng, now, more: false, actions: Vec::new(), users, items }
    }

    pub(crate) fn step(&mut self) -> Step {
        if self.items.u32(0..12) == 0 {
            return Step::Message(item(&mut self.items));
        }
        let rng = &mut self.rng;
        self.now = self.now + Duration::seconds([0, 1, 60, 600, 4_000][rng.usize(0..5)]);
        let user = format!("user-{}", rng.u32(0..self.users));
        match rng.u32(0..40) {
            0 if rng.bool() => Step::AdvanceSome(rng.usize(0..9)),
            0 => Step::Advance,
            1..4 => Step::Outbox,
            4..7 => {
                let action = self.actions.pop().unwrap_or_else(|| format!("{:032x}", rng.u128(..)));
                Step::Acknowledge(action, [Delivery::Sent, Delivery::Failed][rng.usize(0..2)])
            }
            7 => Step::World(rng.bool()),
            8 if rng.bool() => Step::Expose(user),
            8 => Step::Prediction(user, rng.f64()),
            9 => Step::Shown(user),
            10 if rng.u32(0..4) == 0 => Step::Redefine(rng.bool()),
            _ => Step::Message(message(rng, user, self.users)),
        }
    }

    /// Gives an engine the input, and the answer in words.
    pub(crate) fn give(&mut self, engine: &Engine, step: &Step) -> Result<String, Error> {
        let (words, actions) = give(engine, step, self.now)?;
        self.actions.extend(actions);
        if let Step::Redefine(more) = step {
            self.more = *more;
        }
        Ok(words)
    }
}

/// Gives an engine an input: the answer in words, and which actions it handed out.
pub(crate) fn give(engine: &Engine, step: &Step, now: Instant) -> Result<(String, Vec<String>), Error> {
    let mut handed_out = Vec::new();
    let words = match step {
        Step::Message(message) => format!("{:?}", engine.ingest(message, now)?),
        Step::Advance => format!("{:?}", engine.advance(now)?),
        Step::AdvanceSome(limit) => format!("{:?}", engine.advance_some(now, *limit)?),
        Step::Outbox => {
            let actions = engine.outbox(3, now)?;
            handed_out.extend(actions.iter().map(|action| action.id.clone()));
            format!("{actions:?}")
        }
        Step::Acknowledge(action, delivery) => format!("{:?}", engine.acknowledge(action, *delivery, now)?),
        Step::World(sale) => format!("{:?}", engine.set_world("sale", *sale, now)?),
        Step::Prediction(user, churn) => {
            format!("{:?}", engine.set_prediction(user, "churn", Some(*churn), now)?)
        }
        Step::Expose(user) => format!("{:?}", engine.expose(user, "offer", now)?),
        Step::Shown(user) => format!("{:?}", engine.feedback(user, "hero", "boots", Feedback::Shown, now)?),
        Step::Redefine(more) => format!("{:?}", engine.redefine(&definitions(*more), now)?),
    };
    Ok((words, handed_out))
}

fn message(rng: &mut fastrand::Rng, user: String, users: u32) -> Message {
    let device = format!("device-{}", rng.u32(0..users));
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
        24 => Message::merge(format!("user-{}", rng.u32(0..users)), &*user, "they said so"),
        25 => Message::split(&*user, [&*device]),
        26 => Message::split(&*user, [format!("user-{}", rng.u32(0..users))]),
        1..4 => {
            let email = ["one@example.org", "two@example.org"][rng.usize(0..2)];
            let country = ["FR", "DE"][rng.usize(0..2)];
            let zone = ["Europe/Paris", "Asia/Tokyo", "America/New_York"][rng.usize(0..3)];
            let born = Instant::from_millis(1_795_428_000_000 + rng.i64(0..300_000_000)).to_string();
            let message = Message::identify(ids).with("country", country).with("age", rng.i64(1..90));
            message.with("email", email).with("timezone", zone).with("born", born)
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

fn item(rng: &mut fastrand::Rng) -> Message {
    let sku = format!("sku-{}", rng.u32(0..9));
    let message = Message::item(&*sku).with("price", rng.i64(1..80)).with("stock", rng.i64(0..3));
    match rng.u32(0..10) {
        0 => Message::remove_item(sku),
        1..4 => message.with("category", ["boots", "socks"][rng.usize(0..2)]).with("tags", vec!["red"]),
        4 | 5 => message.with("vector", vec![rng.f64(), 1.0]),
        _ => message,
    }
}

/// What only the store refused, and no twin in memory would.
pub(crate) fn is_of_the_store(error: &Error) -> bool {
    matches!(error, Error::Storage(_))
}

pub(crate) fn twin() -> Engine {
    Engine::builder(definitions(false)).open().unwrap()
}

/// How a store of the tests is opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) durability: Durability,
    pub(crate) memory: usize,
    pub(crate) checkpoint_bytes: u64,
}

impl Setting {
    pub(crate) fn any(rng: &mut fastrand::Rng, levels: &[Durability]) -> Setting {
        Setting {
            durability: levels[rng.usize(0..levels.len())],
            memory: [0, 4_000, usize::MAX][rng.usize(0..3)],
            checkpoint_bytes: [600, 6_000, u64::MAX][rng.usize(0..3)],
        }
    }

    pub(crate) fn open(&self, disk: impl Disk + 'static, more: bool) -> Result<Engine, Error> {
        let builder = Engine::builder(definitions(more)).disk(disk).durability(self.durability);
        builder.memory(self.memory).checkpoint_bytes(self.checkpoint_bytes).open()
    }
}

/// All of the state. What is counted of segments that are not keyed is who is in them.
pub(crate) fn digest(engine: &Engine) -> String {
    for (segment, stats) in engine.segment_stats().into_iter().filter(|(segment, _)| segment != "waverer") {
        assert!(stats.exits <= stats.entries, "{segment}: {stats:?}");
        assert_eq!(stats.size(), engine.size(&segment).unwrap(), "{segment}: {stats:?}");
    }
    String::from_utf8(engine.state().unwrap()).unwrap()
}

/// How often to try, by default so that a test takes seconds.
pub(crate) fn runs(default: u64) -> u64 {
    let times = std::env::var("STORE_RUNS").ok().and_then(|times| times.parse().ok()).unwrap_or(1_u64);
    default * times
}
