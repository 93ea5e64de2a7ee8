//! What you learn: nudges about money. Who is about to spend more than was planned is told so once, in the evening, in
//! their own time zone; a new month ends it to the millisecond; every figure can be explained, and is erased on request.

use bespoke::definitions::Definitions;
use bespoke::engine::Engine;
use bespoke::journey::Delivery;
use bespoke::model::{Duration, Instant, Message, Object, Value};
use std::error::Error;

const BANK: &str = r#"
version = 1
[settings]
hash_key = "a key of the host's, from its secrets"
[attributes]
first_name = { kind = "string", pii = "direct" }
timezone = "string"
iban = { kind = "string", pii = "direct", store = "hash" }
app = "string"
"plan.*" = "number"                               # what the user wants to spend in a month
[channels]
app = { address = "app" }
[events.payment]
amount = { kind = "number", pii = "sensitive" }
category = "string"

[segments]
eats_out = 'count(payment where category = "eating" in 30d) >= 5'
nearly = 'sum(payment.amount where category = "eating" in this month) >= 0.8 * plan.eating'
over = 'sum(payment.amount where category = "eating" in this month) > plan.eating'
unusual = 'max(payment.amount in 1h) > 5 * avg(payment.amount in 90d) and count(payment in 90d) >= 10'

[templates.nearly]
title = "Most of your eating budget is spent"
body = "{{ user.first_name }}, you planned {{ user.plan.eating }} this month."
[delivery]
cap = [{ scope = "global", max = 1, per = "week" }]
quiet = { app = { from = "21:00", to = "08:00", on = "defer" } }
[journeys.nearly]
class = "service"
enter = { segment_entered = "nearly", reentry = { after = "25d" } }
exit = [{ segment_left = "nearly" }]
step = [
    { id = "evening", wait_until = { at = "18:30" } },
    { id = "tell", send = { channel = "app", template = "nearly", expires = "1d" } },
]
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let engine = Engine::builder(Definitions::from_toml(BANK)?).open()?;
    let start: Instant = "2026-11-02T11:00:00Z".parse()?;
    let ada = Message::identify("ada").with("first_name", "Ada").with("timezone", "Europe/Lisbon");
    engine.ingest(ada.with("plan.eating", 200).with("iban", "PT50 0002").with("app", "a1"), start)?;
    // Before anybody is sent anything: how it would look.
    let shown = engine.preview("ada", "nearly", &Value::Null, &Object::new())?;
    println!("{}", shown.get("body").and_then(Value::as_str).unwrap_or_default());

    // Every other day a meal.
    let mut told = Vec::new();
    let mut act = |now: Instant| -> Result<(), Box<dyn Error>> {
        while let Some(due) = engine.next_due().filter(|due| *due <= now) {
            engine.advance(due)?.changes.iter().for_each(|change| println!("{due}  {change}"));
            for action in engine.outbox(10, due)? {
                println!("{due}  to {} by {}: {}", action.user, action.channel, action.template);
                engine.acknowledge(&action.id, Delivery::Sent, due)?;
                told.push(due);
            }
        }
        Ok(())
    };
    for day in (0..28).step_by(2) {
        let now = start + Duration::days(day);
        act(now)?;
        let meal = Message::track("ada", "payment").with("amount", 19.5).with("category", "eating");
        let outcome = engine.ingest(meal, now)?;
        outcome.changes.iter().for_each(|change| println!("{now}  {change}"));
    }
    // The ninth meal is above 160; she is told in the evening of that day, and once.
    assert!(engine.is_member("ada", "nearly") && engine.is_member("ada", "over"));
    let now = start + Duration::days(27);
    println!("\n{}", engine.explain("ada", "over", now)?);

    // A new month begins at midnight in Lisbon: nobody has to ask.
    let midnight: Instant = "2026-12-01T00:00:00Z".parse()?;
    act(midnight + Duration::hours(1))?;
    assert_eq!(told, ["2026-11-18T18:30:00Z".parse()?]);
    assert!(!engine.is_member("ada", "nearly") && engine.is_member("ada", "eats_out"));
    println!("\n{}", engine.why_not("ada", "over", midnight)?);

    // Something is not as usual, at the very payment.
    let outcome = engine.ingest(
        Message::track("ada", "payment").with("amount", 900).with("category", "other"),
        midnight + Duration::hours(9),
    )?;
    assert!(outcome.changes.iter().any(|change| change.to_string() == "ada entered unusual"));

    // She leaves the bank: what is kept of her is gone, and a receipt says what it was.
    engine.ingest(Message::forget("ada"), midnight + Duration::days(1))?;
    assert_eq!(engine.profile("ada")?, None);
    println!("\nerased: {:?}", engine.receipts()[0].erased.events);
    Ok(())
}
