//! # inputs: random messages, and what a host does in between
//! Who is meant, when, and what they did; the clock that is moved, and the places at which other
//! definitions begin.

use super::ast::{Definitions, Millis};
use super::clock::{self, DAY, HOUR};
use super::frame::{self, Frame, one_in, pick};
use super::{Input, Scenario};
use fastrand::Rng;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json, json};

/// The inputs of a scenario as they come about.
pub(crate) struct Inputs<'a> {
    frame: &'a Frame,
    /// Steps of the grid between two messages.
    pace: i64,
    users: usize,
    /// How many devices there are; none where everybody is known.
    devices: usize,
    /// Definitions without segments, if others begin now and then.
    redefines: Option<&'a Definitions>,
    past: Vec<Millis>,
    /// The latest instant.
    pub(crate) clock: Millis,
    /// So far.
    pub(crate) inputs: Vec<Input>,
}

/// Users and devices; the bytes of one lie between those of others.
const USERS: [&str; 3] = ["u1", "U2", "é3"];
const DEVICES: [&str; 6] = ["a1", "web-2", "V3", "b4", "é-5", "z6"];

impl<'a> Inputs<'a> {
    /// None yet.
    pub(crate) fn new(
        rng: &mut Rng,
        frame: &'a Frame,
        pace: i64,
        redefines: Option<&'a Definitions>,
    ) -> Inputs<'a> {
        Inputs {
            frame,
            pace,
            users: rng.usize(2..4),
            devices: if rng.bool() { rng.usize(1..7) } else { 0 },
            redefines,
            past: vec![frame.start],
            clock: frame.start,
            inputs: Vec::new(),
        }
    }

    /// One more input, or a message that comes twice.
    pub(crate) fn add(&mut self, rng: &mut Rng) {
        let at = instant(rng, self.frame, self.pace, self.clock, &self.past);
        self.past.push(at);
        self.clock = self.clock.max(at);
        if one_in(rng, 12) {
            return self.inputs.push(Input::Advance(at));
        }
        if let Some(definitions) = self.redefines
            && one_in(rng, 8)
        {
            return self.inputs.push(Input::Redefine(at, definitions.clone()));
        }
        let mut body = if self.devices > 0 { self.by_anybody(rng) } else { self.by_a_user(rng) };
        body.insert("timestamp".to_owned(), timestamp(rng, at));
        let doubled = one_in(rng, 20);
        if doubled || one_in(rng, 10) {
            body.insert("messageId".to_owned(), format!("m{}", self.inputs.len()).into());
        }
        let line = Json::Object(body).to_string();
        self.inputs.extend(doubled.then(|| Input::Message(line.clone())));
        self.inputs.push(Input::Message(line));
    }

    fn by_a_user(&self, rng: &mut Rng) -> Map<String, Json> {
        let mut body = body(rng, self.frame);
        body.insert("userId".to_owned(), self.user(rng).into());
        body
    }

    /// By a user, a visitor, or a visitor who turns out to be a user; now and then about ids alone.
    fn by_anybody(&self, rng: &mut Rng) -> Map<String, Json> {
        let message = match rng.u32(0..18) {
            2 | 3 => {
                let previous = if one_in(rng, 3) { self.device(rng) } else { self.user(rng) };
                json!({ "type": "merge", "previousId": previous, "userId": self.user(rng), "reason": "one person" })
            }
            4 | 5 => {
                // Mostly one device or user, which is often all that somebody brought.
                let count = if one_in(rng, 3) { 2 } else { 1 };
                let id = |rng: &mut Rng| if one_in(rng, 3) { self.user(rng) } else { self.device(rng) };
                let ids: Vec<&str> = (0..count).map(|_| id(rng)).collect();
                json!({ "type": "split", "userId": self.user(rng), "ids": ids })
            }
            0 => {
                // A device, or what may be a user: then it is refused, or the id of nobody yet.
                let previous = if one_in(rng, 4) { self.user(rng) } else { self.device(rng) };
                json!({ "type": "alias", "previousId": previous, "userId": self.user(rng) })
            }
            1 if rng.bool() => json!({ "type": "forget", "userId": self.user(rng) }),
            1 => json!({ "type": "forget", "anonymousId": self.device(rng) }),
            _ => {
                let mut body = body(rng, self.frame);
                let who = rng.u32(0..5);
                if who > 1 {
                    body.insert("userId".to_owned(), self.user(rng).into());
                }
                if who < 3 {
                    body.insert("anonymousId".to_owned(), self.device(rng).into());
                }
                return body;
            }
        };
        let Json::Object(body) = message else { unreachable!("both are objects") };
        body
    }

    fn user(&self, rng: &mut Rng) -> &'static str {
        pick(rng, &USERS[..self.users])
    }

    fn device(&self, rng: &mut Rng) -> &'static str {
        pick(rng, &DEVICES[..self.devices])
    }
}

/// The same inputs, with the host's clock moved any number of times in between.
pub(crate) fn restless(rng: &mut Rng, scenario: &Scenario) -> Scenario {
    let mut inputs = Vec::new();
    let mut clock = None;
    for input in &scenario.inputs {
        // An alias, a merge and a split may be refused, and then they do not move the clock.
        let may_be_refused = |line: &str| line.contains("previousId") || line.contains("\"split\"");
        let moves = !matches!(input, Input::Message(line) if may_be_refused(line));
        if moves {
            let at = input.at();
            wake_up(rng, clock.unwrap_or(at), at, &mut inputs);
            clock = Some(clock.map_or(at, |clock: Millis| clock.max(at)));
        }
        inputs.push(input.clone());
    }
    wake_up(rng, clock.unwrap_or(scenario.until), scenario.until, &mut inputs);
    Scenario { inputs, ..scenario.clone() }
}

/// Strictly between two instants: what is due at that of an input is looked at after the input.
fn wake_up(rng: &mut Rng, mut from: Millis, to: Millis, inputs: &mut Vec<Input>) {
    for _ in 0..rng.usize(0..4) {
        if from + 1 < to {
            from = rng.i64(from + 1..to);
            inputs.push(Input::Advance(from));
        }
    }
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
