//! What you learn: offers by place and time. What leaves soon from near the traveller, until the minute it is gone; what is
//! on the rise at a place; a message when a trip that was looked at gets cheaper, at an hour at which nobody is asleep.

use bespoke::definitions::Definitions;
use bespoke::engine::Engine;
use bespoke::journey::Delivery;
use bespoke::model::{Duration, Geo, Instant, Message, Value};
use bespoke::recommend::Query;
use std::error::Error;

const TRAVEL: &str = r#"
version = 1
[attributes]
location = "geo"
timezone = "string"
push = "string"
[channels]
push = { address = "push" }
[catalogue]
city = "string"
airport = "geo"                                   # where it leaves
departs = "instant"
expires = "instant"                               # boarding: from then on nobody is shown it
price = "number"
stock = "number"                                  # seats: at 0 nobody is shown it
[events.look]
trip = "string"
near = "string"
[events.book]
trip = "string"

[recommend.interactions]
look = { item = "trip", action = "viewed" }
book = { item = "trip", weight = 5, action = "bought" }
[recommend.popularity]
context = ["near"]

[templates.cheaper]
title = "{{ item.city }} for {{ item.price }}"
body = "You looked at it for {{ event.old.price }}. {{ item.stock }} seats are left."
[delivery]
quiet = { push = { from = "22:00", to = "08:00", on = "defer" } }
[journeys.cheaper]
enter = { item = "price_drop", key = "trip", where = "price <= 0.8 * old.price and departs > now" }
audience = "did(look in 7d) and not did(book)"
step = [{ id = "tell", send = { channel = "push", template = "cheaper", expires = "12h" } }]
"#;

/// What leaves within three days from where the traveller can be in two hours.
const LAST_MINUTE: &str = "distance(airport, user.location) < 150 km and departs - now < 3d";

fn main() -> Result<(), Box<dyn Error>> {
    let engine = Engine::builder(Definitions::from_toml(TRAVEL)?).open()?;
    let mut now: Instant = "2026-07-03T18:00:00Z".parse()?;
    let (paris, lyon) = (Geo { lat: 49.01, lon: 2.55 }, Geo { lat: 45.72, lon: 5.08 });

    // Trips from two airports: tomorrow, on the day after, and in three weeks.
    for (trip, city, airport, hours, price) in [
        ("rome-4", "Rome", paris, 20, 120),
        ("oslo-5", "Oslo", paris, 40, 180),
        ("fes-24", "Fès", paris, 500, 90),
        ("rome-5", "Rome", lyon, 30, 110),
        ("bari-5", "Bari", lyon, 44, 95),
    ] {
        let departs = now + Duration::hours(hours);
        let item = Message::item(trip).with("city", city).with("airport", airport);
        let item = item.with("departs", departs).with("expires", departs - Duration::minutes(40));
        engine.ingest(item.with("price", price).with("stock", 9), now)?;
    }
    for (traveller, at) in [("ada", paris), ("lin", lyon)] {
        let who = Message::identify(traveller).with("location", at).with("push", traveller);
        engine.ingest(who.with("timezone", "Europe/Paris"), now)?;
    }
    let look = |user: &str, trip: &str, near: &str, now: Instant| {
        let look = Message::track(user, "look").with("trip", trip).with("near", near);
        engine.ingest(look, now).map(|_| ())
    };
    for visitor in 0..60 {
        let (near, trips) = if visitor % 2 == 0 {
            ("paris", ["rome-4", "oslo-5", "fes-24"])
        } else {
            ("lyon", ["rome-5", "bari-5", "bari-5"])
        };
        look(&format!("visitor-{visitor}"), trips[visitor / 2 % 3], near, now)?;
    }

    // By place and time.
    let offers = |user: &str, now: Instant| -> Result<Vec<String>, Box<dyn Error>> {
        let query = Query::popular().only(LAST_MINUTE).limit(5);
        let shown = engine.recommend(user, &query, now)?;
        println!("\n{user} at {now}");
        shown.iter().for_each(|shown| println!("  {:<7} {}", shown.item, shown.reason));
        let mut trips: Vec<String> = shown.into_iter().map(|shown| shown.item).collect();
        trips.sort();
        Ok(trips)
    };
    assert_eq!(offers("ada", now)?, ["oslo-5", "rome-4"]);
    assert_eq!(offers("lin", now)?, ["bari-5", "rome-5"]);
    // Ada goes south; and a plane leaves whether or not anybody says so.
    engine.ingest(Message::identify("ada").with("location", lyon), now)?;
    assert_eq!(offers("ada", now)?, ["bari-5", "rome-5"]);
    assert_eq!(offers("ada", now + Duration::minutes(30 * 60 - 40))?, ["bari-5"]);
    // The last seat is gone at once, for everybody.
    engine.ingest(Message::item("bari-5").with("stock", 0), now)?;
    assert_eq!(offers("lin", now)?, ["rome-5"]);

    // What is looked at near here rises above what is looked at everywhere.
    let near_lyon = engine.recommend("lin", &Query::popular().context("near", "lyon").limit(1), now)?;
    println!("\nnear Lyon: {}, {}", near_lyon[0].item, near_lyon[0].reason);
    assert_eq!(near_lyon[0].item, "rome-5");

    // Late in the evening a trip that Lin has looked at gets cheaper: the message waits for the morning.
    look("lin", "rome-5", "lyon", now)?;
    now = now + Duration::hours(3);
    engine.ingest(Message::item("rome-5").with("price", 79), now)?;
    assert!(engine.outbox(10, now)?.is_empty(), "it is 23:00 in Lyon");
    let morning = engine.next_due().ok_or("something is due")?;
    engine.advance(morning)?;
    for action in engine.outbox(10, morning)? {
        let text = |field| action.content.get(field).and_then(Value::as_str).unwrap_or_default();
        println!("\n{morning}, to {}: {}. {}", action.user, text("title"), text("body"));
        engine.acknowledge(&action.id, Delivery::Sent, morning)?;
        assert_eq!((&*action.user, text("title")), ("lin", "Rome for 79"));
    }
    assert_eq!(morning, "2026-07-04T06:00:00Z".parse()?);
    Ok(())
}
