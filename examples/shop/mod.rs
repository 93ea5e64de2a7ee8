//! A shop of sneakers and fashion whose customers behave like customers: they come at their own hours, look at
//! things that go together, leave carts behind, sign up, buy, send back, stay away.
//!
//! In: a seed, a number of shoppers and of days. Out: messages as JSON lines in the order in which they arrive.
//! The same numbers give the same bytes on every machine. Each shopper has dice of their own, so a larger shop
//! contains the smaller one's people unchanged.

mod catalogue;
mod dice;
mod people;

use catalogue::Item;
use dice::Dice;
use jiff::civil::{Date, date};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Span, Timestamp};
use people::{BY_HOUR, BY_WEEKDAY, FIRST_NAMES, INTERESTS, PERSONAS, PLACES, Persona, Place};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::Range;

/// A Monday; the clocks go back in Europe on day 20 and in the United States on day 27.
const FIRST_DAY: Date = date(2026, 10, 5);
/// Friday to Sunday: mail goes out to everyone who wants it, some of the lapsed come back.
const SALE: Range<u32> = 25..28;
const HOUR: i64 = 3_600;

/// How much of it there is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shop {
    pub(crate) seed: u64,
    pub(crate) users: u32,
    pub(crate) days: u32,
}

/// What `data/shop.jsonl` was made with.
impl Default for Shop {
    fn default() -> Shop {
        Shop { seed: 7, users: 250, days: 30 }
    }
}

type Fields = BTreeMap<&'static str, Value>;

/// One line of the file. A struct and not a JSON map, so that the order of its fields is ours.
#[derive(Clone, Default, Serialize)]
struct Message {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "messageId")]
    id: String,
    timestamp: String,
    #[serde(rename = "userId", skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(rename = "anonymousId", skip_serializing_if = "Option::is_none")]
    anonymous: Option<String>,
    #[serde(rename = "previousId", skip_serializing_if = "Option::is_none")]
    previous: Option<String>,
    #[serde(rename = "groupId", skip_serializing_if = "Option::is_none")]
    group: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'static str>,
    #[serde(skip_serializing_if = "Fields::is_empty")]
    properties: Fields,
    #[serde(skip_serializing_if = "Fields::is_empty")]
    traits: Fields,
    #[serde(skip_serializing_if = "Fields::is_empty")]
    context: Fields,
}

impl Shop {
    /// The whole file, a JSON object a line, in order of arrival: late ones and duplicates stand where they arrive.
    pub(crate) fn messages(&self) -> Vec<String> {
        let items = catalogue::items();
        let mut sent: Vec<(i64, Message)> =
            (0..self.users).flat_map(|number| Shopper::new(self, number, &items).live()).collect();
        // A stable sort: messages of one second stay in the order of their shoppers.
        sent.sort_by_key(|(arrives, _)| *arrives);
        sent.iter().map(|(_, m)| serde_json::to_string(m).expect("a message is plain JSON")).collect()
    }
}

struct Shopper<'a> {
    number: u32,
    days: u32,
    items: &'a [Item],
    dice: Dice,
    persona: &'static Persona,
    place: &'static Place,
    zone: TimeZone,
    interest: &'static str,
    /// The local hour in which half of all visits begin: what "best send time" has to find.
    hour: i64,
    email_opt_in: bool,
    member: bool,
    /// Logged in on the web, in the app.
    known: [bool; 2],
    app: bool,
    campaign: Option<&'static str>,
    now: i64,
    cart: Vec<(Item, i64)>,
    carts: u32,
    messages: u32,
    /// With the second at which each arrives.
    sent: Vec<(i64, Message)>,
}

impl<'a> Shopper<'a> {
    fn new(shop: &Shop, number: u32, items: &'a [Item]) -> Shopper<'a> {
        let mut dice = Dice::new(shop.seed.wrapping_mul(1_000_003).wrapping_add(u64::from(number)));
        // The first of every 250 are loyal, so that their stories (club, earlier id, erasure) always happen.
        let persona = if number % 250 < 5 { 0 } else { dice.weighted(&PERSONAS.each_ref().map(|p| p.share)) };
        let persona = &PERSONAS[persona];
        let place = &PLACES[dice.weighted(&PLACES.map(|p| p.0))];
        Shopper {
            number,
            days: shop.days,
            items,
            persona,
            place,
            zone: TimeZoneDatabase::bundled().get(place.2).expect("the zones of the table are known"),
            interest: INTERESTS[dice.weighted(&INTERESTS.map(|i| i.0))].1,
            hour: dice.weighted(&BY_HOUR) as i64,
            email_opt_in: dice.chance(0.65),
            member: dice.chance(persona.member),
            known: [false; 2],
            app: false,
            campaign: None,
            now: 0,
            cart: Vec::new(),
            carts: 0,
            messages: 0,
            sent: Vec::new(),
            dice,
        }
    }

    fn live(mut self) -> Vec<(i64, Message)> {
        let days = f64::from(self.days);
        let first = self.dice.between(0, (self.persona.arrives * days) as i64) as u32;
        let last = (self.persona.leaves * days) as u32;
        let mut awake_from = self.second(0, &TimeZone::UTC, 0);
        let end = self.second(self.days, &TimeZone::UTC, 0);
        for day in first..self.days {
            let weekly = match SALE.contains(&day) && self.email_opt_in && self.member {
                true => self.persona.visits_per_week + 1.0, // the mail about the sale
                false if day > last => 0.0,
                false => self.persona.visits_per_week,
            };
            let newcomer = day == first && self.persona.arrives > 0.0;
            if !newcomer && !self.dice.chance(weekly / 7.0 * BY_WEEKDAY[day as usize % 7]) {
                continue;
            }
            let hour = if self.dice.chance(0.5) { self.hour } else { self.dice.weighted(&BY_HOUR) as i64 };
            let start = self.second(day, &self.zone, hour) + self.dice.between(0, HOUR - 1);
            // Local days begin before and end after those of UTC, and nobody is in the shop twice at once.
            if start < awake_from || start > end - 2 * HOUR {
                continue;
            }
            self.now = start;
            self.visit(day);
            awake_from = self.now + HOUR;
        }
        if self.number % 250 == 4 && !self.sent.is_empty() {
            self.now = (self.now + 20 * HOUR).min(end - HOUR);
            self.leave_for_good();
        }
        self.sent.retain(|(arrives, _)| *arrives < end);
        self.sent
    }

    /// The second at which a local hour begins; in the hour that spring skips, the one after it.
    fn second(&self, day: u32, zone: &TimeZone, hour: i64) -> i64 {
        let date = FIRST_DAY.saturating_add(Span::new().days(i64::from(day)));
        let local = date.at(hour as i8, 0, 0, 0);
        zone.to_ambiguous_timestamp(local).compatible().expect("a few years from now").as_second()
    }

    fn visit(&mut self, day: u32) {
        self.app = self.dice.chance(self.persona.uses_app);
        self.campaign = match SALE.contains(&day) && self.email_opt_in && self.member {
            true => Some("newsletter"),
            false if self.dice.chance(0.25) => Some(*self.dice.pick(&["instagram", "google", "tiktok"])),
            false => None,
        };
        self.page(if self.campaign == Some("newsletter") { "sale" } else { "home" });
        self.campaign = None; // it belongs to the landing page only
        if self.member && !self.known[usize::from(self.app)] && self.dice.chance(0.8) {
            self.identify();
        }
        let main: Vec<Item> = self.items.iter().filter(|i| i.category == self.interest).copied().collect();
        if self.dice.chance(0.3) {
            let results = main.len() as i64 - self.dice.between(0, 2);
            self.track(
                "search",
                [
                    ("category", json!(self.interest)),
                    ("query", json!(main[0].series)),
                    ("results", json!(results)),
                ],
            );
        }
        let mut item = self.popular(&main);
        for _ in 0..self.dice.between(1, self.persona.views_max) {
            self.view(item);
            item = match self.dice.weighted(&[0.35, 0.5, 0.15]) {
                0 => item.companion(self.items),
                1 => self.popular(&main),
                _ => self.popular(self.items),
            };
        }
        if !self.cart.is_empty() {
            self.page("cart");
            if self.dice.chance(self.persona.buys) {
                self.purchase();
            }
        } else if !self.member && self.dice.chance(self.persona.signs_up) {
            self.identify();
        }
    }

    /// The n-th item of a list is wanted 1/n as much as the first.
    fn popular(&mut self, items: &[Item]) -> Item {
        let weights: Vec<f64> = (0..items.len()).map(|rank| 1.0 / (rank + 1) as f64).collect();
        items[self.dice.weighted(&weights)]
    }

    fn view(&mut self, item: Item) {
        let seconds = self.dice.between(5, 120);
        self.track("view", about(item, [("seconds", json!(seconds))]));
        self.now += seconds;
        if self.dice.chance(self.persona.carts) {
            self.add_to_cart(item);
            if self.dice.chance(0.4) {
                self.add_to_cart(item.companion(self.items)); // socks with the boots
            }
        } else if self.dice.chance(0.07) {
            self.track("wishlist", about(item, []));
        }
    }

    fn add_to_cart(&mut self, item: Item) {
        if self.cart.is_empty() {
            self.carts += 1;
        }
        let quantity = if item.cents < 2_000 { self.dice.between(1, 3) } else { 1 };
        self.cart.push((item, quantity));
        let more = [
            ("cart_id", json!(self.cart_id())),
            ("cart_value", json!(value(&self.cart))),
            ("quantity", json!(quantity)),
        ];
        self.track("add_to_cart", about(item, more));
    }

    fn cart_id(&self) -> String {
        format!("c{:03}-{}", self.number, self.carts)
    }

    fn purchase(&mut self) {
        if !self.known[usize::from(self.app)] {
            self.identify(); // no order without an account
        }
        let cart = std::mem::take(&mut self.cart);
        // Keys of nested objects in order of the alphabet, so that no setting of serde_json changes the file.
        let line = |(item, quantity): &(Item, i64)| json!({ "category": item.category, "price": item.price(), "quantity": quantity, "sku": item.sku() });
        let order = format!("o{:03}-{}", self.number, self.carts);
        let fields = [
            ("amount", json!(value(&cart))),
            ("cart_id", json!(self.cart_id())),
            ("channel", json!(if self.app { "app" } else { "web" })),
            ("order_id", json!(order)),
            ("products", cart.iter().map(line).collect()),
        ];
        self.track("purchase", fields);
        if self.dice.chance(0.12) {
            let (item, quantity) = cart[0];
            let today = self.now;
            let amount = value(&[(item, quantity)]);
            let reason = *self.dice.pick(&["size", "colour", "late", "damaged"]);
            self.now += self.dice.between(3 * 24 * HOUR, 9 * 24 * HOUR);
            let fields = [("amount", json!(amount)), ("order_id", json!(order)), ("reason", json!(reason))];
            self.track("return", about(item, fields));
            self.now = today;
        }
    }

    /// Signing up and logging in look alike: the message carries both ids, and all that the shop knows.
    fn identify(&mut self) {
        let from_app = self.app;
        self.member = true;
        if (2..4).contains(&(self.number % 250)) && !self.known.contains(&true) {
            // A host that renames what it knew, instead of sending both ids.
            let previous = Some(self.device());
            self.known[usize::from(from_app)] = true;
            self.send(Message { kind: "alias", previous, ..Message::default() });
        }
        let (_, country, timezone, lat, lon) = *self.place;
        // Choices that must not change from one login to the next come from the number, not from the dice.
        let n = i64::from(self.number);
        let born = date(1962, 1, 1).saturating_add(Span::new().days(n * 7_919 % 16_000));
        let mut traits = Fields::from([
            ("birthday", json!(format!("{born}T12:00:00Z"))), // at noon it is the same day in all our zones
            ("country", json!(country)),
            ("email", json!(format!("u{n:03}@example.com"))),
            ("email_opt_in", json!(self.email_opt_in)),
            ("favourite_size", json!(36 + n * 5 % 12)),
            ("first_name", json!(FIRST_NAMES[self.number as usize % FIRST_NAMES.len()])),
            ("timezone", json!(timezone)),
        ]);
        if self.persona.name == "loyal" {
            traits.insert("loyalty_tier", json!(["silver", "gold"][self.number as usize % 2]));
        }
        if n % 3 == 0 {
            traits.insert("budget", json!({ self.interest: 80 + n % 7 * 20, "socks": 15 }));
        }
        if from_app {
            traits.insert("location", json!({ "lat": lat, "lon": lon }));
            if n % 4 != 0 {
                traits.insert("push_token", json!(format!("token-{n:03}")));
            }
        }
        let anonymous = (!self.known[usize::from(from_app)]).then(|| self.device());
        self.known[usize::from(from_app)] = true;
        self.send(Message { kind: "identify", anonymous, traits, ..Message::default() });
        if self.number % 250 < 2 {
            let traits = Fields::from([("members", json!(40)), ("name", json!("Sunday Runners"))]);
            self.send(Message { kind: "group", group: Some("club-7"), traits, ..Message::default() });
        }
    }

    /// Asks to be forgotten: nothing of theirs may arrive after that, or it would begin a new profile.
    fn leave_for_good(&mut self) {
        if !self.known[usize::from(self.app)] {
            self.identify();
        }
        let now = self.now;
        self.sent.retain(|(arrives, _)| *arrives <= now);
        self.send(Message { kind: "forget", ..Message::default() });
    }

    fn page(&mut self, name: &'static str) {
        let kind = if self.app { "screen" } else { "page" };
        self.send(Message { kind, name: Some(name), ..Message::default() });
    }

    fn track(&mut self, event: &'static str, fields: impl Into<Fields>) {
        self.send(Message {
            kind: "track",
            event: Some(event),
            properties: fields.into(),
            ..Message::default()
        });
    }

    fn device(&self) -> String {
        format!("{}-{:03}", if self.app { "app" } else { "web" }, self.number)
    }

    /// Fills in who, when and where, and decides how the message travels.
    fn send(&mut self, mut message: Message) {
        self.now += self.dice.between(3, 40);
        let known = self.known[usize::from(self.app)];
        self.messages += 1;
        message.id = format!("m{:03}-{}", self.number, self.messages);
        message.timestamp = Timestamp::from_second(self.now).expect("a few years from now").to_string();
        message.user = known.then(|| format!("u{:03}", self.number));
        if !known {
            message.anonymous = Some(self.device());
        }
        if message.event != Some("return") {
            // A parcel comes back to the warehouse, which knows no device.
            let web = ["desktop", "desktop", "mobile", "desktop", "tablet"][self.number as usize % 5];
            message.context.insert("device", json!({ "type": if self.app { "mobile" } else { web } }));
        }
        if self.app && message.kind == "screen" {
            let os = if self.number.is_multiple_of(3) { "android" } else { "ios" };
            message.context.insert("os", json!({ "name": os }));
        }
        if let Some(source) = self.campaign {
            message.context.insert("campaign", json!({ "source": source }));
        }
        let mut arrives = self.now;
        if message.kind == "track" && known {
            // A phone without a network sends later; a client that got no answer sends again.
            if self.dice.chance(0.018) {
                arrives += self.dice.between(2 * 60, 6 * HOUR);
            }
            if self.dice.chance(0.009) {
                self.sent.push((arrives + self.dice.between(1, 600), message.clone()));
            }
        }
        self.sent.push((arrives, message));
    }
}

/// The properties of an event about an item, and what else there is to say.
fn about<const N: usize>(item: Item, more: [(&'static str, Value); N]) -> Fields {
    let mut fields = Fields::from(more);
    fields.insert("brand", json!(item.brand));
    fields.insert("category", json!(item.category));
    fields.insert("price", json!(item.price()));
    fields.insert("sku", json!(item.sku()));
    fields
}

/// What a cart costs.
fn value(cart: &[(Item, i64)]) -> f64 {
    cart.iter().map(|(item, quantity)| i64::from(item.cents) * quantity).sum::<i64>() as f64 / 100.0
}
