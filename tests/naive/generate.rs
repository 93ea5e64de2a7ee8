//! # generate: a scenario from a seed
//! Definitions and messages that meet: the same few names, values, instants and durations in both,
//! so that boundaries are hit exactly and often.

use super::Scenario;
use super::ast::{AffinityRule, Definitions, Millis, Segment};
use super::clock::{self, DAY, HOUR, MINUTE};
use super::conditions::Maker;
use super::frame::{self, Frame, one_in, pick};
use super::render::Style;
use super::toml;
use fastrand::Rng;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// The scenario of a seed: always the same one.
pub(crate) fn scenario(seed: u64) -> Scenario {
    let rng = &mut Rng::with_seed(seed);
    let frame = Frame::random(rng);
    let tree = schema(rng, &frame);
    let (messages, last) = messages(rng, &frame);
    let tail = frame.duration(rng).max(frame.duration(rng));
    let until = last + tail.min(150 * frame.grid);
    let mut scenario = Scenario { definitions: String::new(), messages, until, grid: frame.grid, tree };
    add_segments(rng, &frame, &mut scenario);
    let plain = one_in(rng, 3);
    let mut style = if plain { Style::plain() } else { Style::varied(rng.u64(..)) };
    scenario.definitions = toml::definitions(&scenario.tree, &mut style);
    scenario
}

/// Definitions without segments.
fn schema(rng: &mut Rng, frame: &Frame) -> Definitions {
    // The default of 30 minutes is on the finer grids only.
    let default_gap_fits = 30 * MINUTE % frame.grid == 0;
    let session_gap = if default_gap_fits && rng.bool() { None } else { Some(frame.duration(rng)) };
    Definitions {
        zone: (!one_in(rng, 4)).then(|| pick(rng, frame.zones).to_owned()),
        session_gap,
        strict: frame.strict,
        attributes: frame::attributes(),
        events: frame::events(),
        affinities: affinities(rng),
        segments: Vec::new(),
    }
}

/// Later segments refer to earlier ones; then they are shuffled, for definition order is free.
fn add_segments(rng: &mut Rng, frame: &Frame, scenario: &mut Scenario) {
    for number in 0..rng.usize(2..6) {
        let name = format!("s{number}");
        // A few tries for one that somebody enters and leaves; the last is taken as it is.
        for tries_left in (0..5).rev() {
            let segment = segment(rng, frame, &name, &scenario.tree.segments);
            scenario.tree.segments.push(segment);
            let changes = super::changes_of(scenario, &|segment| segment.name == name);
            if changes.len() > 1 || tries_left == 0 {
                break;
            }
            scenario.tree.segments.pop();
        }
    }
    rng.shuffle(&mut scenario.tree.segments);
}

fn segment(rng: &mut Rng, frame: &Frame, name: &str, known: &[Segment]) -> Segment {
    let by = one_in(rng, 3).then(|| pick(rng, &["sku", "city", "category"]));
    let depth = rng.u32(1..4);
    let mut maker = Maker { rng, frame, known, by };
    let when = maker.condition(depth);
    Segment { name: name.to_owned(), by: by.map(str::to_owned), when }
}

fn affinities(rng: &mut Rng) -> BTreeMap<String, AffinityRule> {
    let mut affinities = BTreeMap::new();
    for property in ["category", "city"] {
        if rng.bool() {
            let weights = [("view", 1.0), ("search", 2.0), ("purchase", 5.0)];
            let weights = weights.map(|(name, weight)| (name.to_owned(), weight)).to_vec();
            let rule = AffinityRule {
                half_life: rng.bool().then(|| pick(rng, &[HOUR, DAY, 7 * DAY])),
                weights: rng.bool().then_some(weights),
            };
            affinities.insert(property.to_owned(), rule);
        }
    }
    affinities
}

/// The messages in order of arrival, and the latest of their instants.
fn messages(rng: &mut Rng, frame: &Frame) -> (Vec<String>, Millis) {
    let users = ["u1", "U2", "é3"];
    let users = &users[..rng.usize(2..4)];
    let count = rng.usize(5..41);
    let pace = (frame.end - frame.start) / frame.grid * 2 / count as i64;
    let mut lines: Vec<String> = Vec::new();
    let mut instants = vec![frame.start];
    let mut clock = frame.start;
    for number in 0..count {
        let at = instant(rng, frame, pace, clock, &instants);
        instants.push(at);
        clock = clock.max(at);
        let mut body = body(rng, frame);
        body.insert("userId".to_owned(), pick(rng, users).into());
        body.insert("timestamp".to_owned(), timestamp(rng, at));
        let doubled = one_in(rng, 20);
        if doubled || one_in(rng, 10) {
            body.insert("messageId".to_owned(), format!("m{number}").into());
        }
        let line = Json::Object(body).to_string();
        lines.extend(doubled.then(|| line.clone()));
        lines.push(line);
    }
    (lines, clock)
}

/// At once, soon, exactly one of the usual durations after something, or late.
fn instant(rng: &mut Rng, frame: &Frame, pace: i64, clock: Millis, past: &[Millis]) -> Millis {
    let at = match rng.u32(0..20) {
        0..4 => clock,
        4..8 => pick(rng, past) + frame.duration(rng),
        8..10 => clock - frame.grid * rng.i64(1..10),
        10 => clock - frame.duration(rng),
        11 => frame.turn + frame.grid * rng.i64(-3..4),
        _ => clock + frame.grid * rng.i64(0..=pace.max(1)),
    };
    at.min(frame.end)
}

fn timestamp(rng: &mut Rng, at: Millis) -> Json {
    match rng.u32(0..5) {
        0 => at.into(),
        1 => clock::written(at, -3).into(),
        _ => clock::written(at, 0).into(),
    }
}

fn body(rng: &mut Rng, frame: &Frame) -> Map<String, Json> {
    let message = match rng.u32(0..40) {
        0..8 => json!({ "type": "identify", "traits": traits(rng, frame) }),
        8 => json!({
            "type": "group",
            "groupId": pick(rng, &["g1", "g2"]),
            "traits": { "plan": pick(rng, &frame::PLANS) },
        }),
        9..11 => json!({
            "type": pick(rng, &["page", "screen"]),
            "name": pick(rng, &["Home", "Cart"]),
            "properties": properties(rng, frame),
        }),
        11..17 => order(rng, frame),
        17 => json!({ "type": "track", "event": "unlisted", "properties": { "city": "Rome" } }),
        _ => json!({
            "type": "track",
            "event": pick(rng, &frame::EVENTS[..4]),
            "properties": properties(rng, frame),
        }),
    };
    let Json::Object(mut body) = message else { unreachable!("all of them are objects") };
    if rng.bool() {
        let device = pick(rng, &frame::DEVICES);
        let context = match rng.u32(0..3) {
            0 => json!({ "device": { "type": device } }),
            1 => json!({ "campaign": { "source": pick(rng, &frame::CAMPAIGNS) } }),
            _ => json!({
                "device": { "type": device, "model": "x" },
                "campaign": { "source": null },
            }),
        };
        body.insert("context".to_owned(), context);
    }
    body
}

fn order(rng: &mut Rng, frame: &Frame) -> Json {
    let mut properties = properties(rng, frame);
    let mut products = Vec::new();
    for _ in 0..rng.usize(0..4) {
        let mut product = Map::new();
        for name in ["sku", "category"] {
            if !one_in(rng, 5) {
                product.insert(name.to_owned(), word(rng, name));
            }
        }
        if !one_in(rng, 5) {
            product.insert("price".to_owned(), number(rng));
        }
        product.insert("quantity".to_owned(), rng.i64(1..4).into());
        products.push(Json::Object(product));
    }
    properties.insert("products".to_owned(), products.into());
    properties.insert("channel".to_owned(), pick(rng, &["app", "web"]).into());
    json!({ "type": "track", "event": "order", "properties": properties })
}

fn properties(rng: &mut Rng, frame: &Frame) -> Map<String, Json> {
    let mut properties = Map::new();
    for name in ["sku", "city", "category", "utm source"] {
        if !one_in(rng, 4) {
            properties.insert(name.to_owned(), word(rng, name));
        }
    }
    if !one_in(rng, 4) {
        properties.insert("amount".to_owned(), number(rng));
    }
    if one_in(rng, 3) {
        properties.insert("gift".to_owned(), rng.bool().into());
    }
    if one_in(rng, 3) {
        properties.insert("due".to_owned(), instant_text(frame.instant(rng)));
    }
    if one_in(rng, 3) {
        properties.insert("place".to_owned(), place(rng));
    }
    if one_in(rng, 4) {
        properties.insert("tags".to_owned(), tags(rng, &frame::TAGS));
    }
    if one_in(rng, 10) {
        properties.insert("extra".to_owned(), json!({ "deep": [1, { "x": null }] }));
    }
    properties
}

/// Mostly a string of the property; at times what does not fit it.
fn word(rng: &mut Rng, property: &str) -> Json {
    match rng.u32(0..30) {
        0 => Json::Null,
        1 => rng.i64(1..3).into(),
        2 => true.into(),
        _ => super::events::word(rng, property).into(),
    }
}

fn number(rng: &mut Rng) -> Json {
    match rng.u32(0..20) {
        0 => Json::Null,
        1 => "12".into(),
        2..8 => pick(rng, &[5, 10, 20]).into(),
        _ => pick(rng, &frame::AMOUNTS).into(),
    }
}

fn place(rng: &mut Rng) -> Json {
    let places = [(48.8566, 2.3522), (48.8606, 2.3376), (41.9028, 12.4964), (51.5072, -0.1276)];
    let (lat, lon) = pick(rng, &places);
    json!({ "lat": lat, "lon": lon })
}

fn tags(rng: &mut Rng, from: &[&str]) -> Json {
    (0..rng.usize(0..4)).map(|_| pick(rng, from)).collect()
}

fn instant_text(at: Millis) -> Json {
    clock::written(at, 0).into()
}

fn traits(rng: &mut Rng, frame: &Frame) -> Map<String, Json> {
    let mut traits = Map::new();
    for _ in 0..rng.usize(1..5) {
        let (name, value) = one_trait(rng, frame);
        let value = if one_in(rng, 10) { Json::Null } else { value };
        traits.insert(name.to_owned(), value);
    }
    traits
}

fn one_trait(rng: &mut Rng, frame: &Frame) -> (&'static str, Json) {
    match rng.u32(0..16) {
        0..3 => {
            let zone = if one_in(rng, 5) { "Mars/Olympus" } else { pick(rng, frame.zones) };
            ("timezone", zone.into())
        }
        3 => ("country", pick(rng, &frame::COUNTRIES).into()),
        4 => ("plan", pick(rng, &frame::PLANS).into()),
        5 => ("vip", rng.bool().into()),
        6 => ("score", number(rng)),
        7 => ("signup", instant_text(frame.instant(rng))),
        8 => ("due", instant_text(frame.instant(rng))),
        9 => ("birthday", instant_text(birthday(rng, frame))),
        10 => ("location", place(rng)),
        11 => ("interests", tags(rng, &frame::CATEGORIES)),
        12 | 13 => (
            "budget",
            json!({
                "dining": number(rng),
                "shoes": pick(rng, &[5.0, 20.0, 30.5]),
            }),
        ),
        14 => ("tier", pick(rng, &[json!(1), json!(2.5), json!("gold"), json!(true)])),
        _ => ("interest", pick(rng, &frame::CATEGORIES).into()),
    }
}

/// Eighteen years before a day near the turn, or a leap day: anniversaries and ages flip in the
/// span. On a leap day the age of 17 or 18 is long past, so no choice of its birthday shows.
fn birthday(rng: &mut Rng, frame: &Frame) -> Millis {
    if one_in(rng, 4) {
        return clock::midnight_utc(Date::constant(1992, 2, 29)) + 12 * HOUR;
    }
    let turn = clock::local(frame.turn, &TimeZone::UTC).date();
    let born = Date::new(turn.year() - 18, turn.month(), turn.day().min(28)).expect("a day");
    clock::midnight_utc(born) + DAY * rng.i64(-1..2)
}
