//! What you learn: a growth team's month. Who is in which segment and in several at once; a campaign that is tried on a copy,
//! and whose messages are looked at, before it is brought into the running engine; two offers in an experiment over push and
//! e-mail, and what came of each arm.

use bespoke::definitions::Definitions;
use bespoke::engine::Engine;
use bespoke::experiment::Metric;
use bespoke::journey::{Delivery, Drawing};
use bespoke::model::{Duration, Instant, Message, Object, Value};
use std::collections::BTreeMap;
use std::error::Error;
use std::ops::ControlFlow;

const APP: &str = r#"
version = 1
[attributes]
first_name = "string"
plan = "string"
push = "string"
email = "string"
[channels]
push = { address = "push" }
email = { address = "email" }
[events.open]
[events.lesson]
[events.subscribe]

[segments]
trial = 'plan = "trial"'
active = 'count(lesson in 7d) >= 3'
fading = 'did(lesson in 30d) and not did(open in 3d)'
new = 'did(subscribe in 14d)'
"#;

/// What comes to it.
const CAMPAIGN: &str = r#"
[templates.offer_discount]
title = "{{ user.first_name | default('Hello') }}, a third off until Sunday"
[templates.offer_month]
title = "{{ user.first_name | default('Hello') }}, a month more to try it"

[experiments.offer]
arms = { discount = 50, month = 50 }

[delivery]
quiet = { push = { from = "21:00", to = "08:00", on = "defer" } }
cap = [{ scope = "global", max = 2, per = "week" }]
[journeys.win_back]
class = "marketing"
enter = { segment_entered = "fading", reentry = { after = "30d" } }
audience = 'segment("trial")'
exit = [{ event = "subscribe" }]
goal = { event = "subscribe", within = "7d" }
holdout = 10
step = [
    { id = "which", experiment = "offer", to = { month = "month" } },
    { id = "discount", send = { channel = "push", template = "offer_discount", expires = "2d", unreachable = "mail" } },
    { id = "told", goto = "end" },
    { id = "mail", send = { channel = "email", template = "offer_discount", expires = "3d" } },
    { id = "mailed", goto = "end" },
    { id = "month", send = { channel = "push", template = "offer_month", expires = "2d", unreachable = "end" } },
]
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let engine = Engine::builder(Definitions::from_toml(APP)?).open()?;
    let mut dice = fastrand::Rng::with_seed(3);
    let start: Instant = "2026-11-02T09:00:00Z".parse()?;

    // Two thousand people: most are on trial, some have no push, and a good part stop coming after a few days.
    for number in 0..2_000 {
        let user = format!("user-{number}");
        let mut who = Message::identify(&*user).with("email", format!("{user}@example.org"));
        who = who.with("plan", if dice.f64() < 0.8 { "trial" } else { "paid" });
        if dice.f64() < 0.9 {
            who = who.with("push", format!("token-{number}"));
        }
        if number % 3 == 0 {
            who = who.with("first_name", "Sam");
        }
        engine.ingest(who, start)?;
    }
    let mut stops: Vec<i64> = (0..2_000).map(|_| dice.i64(2..30)).collect();
    for day in 0..7 {
        let now = start + Duration::days(day);
        for (number, _) in stops.iter().enumerate().filter(|(_, stops)| **stops > day) {
            let user = format!("user-{number}");
            engine.ingest(Message::track(&*user, "open"), now)?;
            engine.ingest(Message::track(&*user, "lesson"), now)?;
        }
    }

    // Who is who.
    let mut now = start + Duration::days(7);
    engine.advance(now)?;
    for segment in ["trial", "active", "fading"] {
        println!("{segment:<8} {:>5}", engine.size(segment)?);
    }
    let to_win = engine.size_of_all(&["trial", "fading"])?;
    println!("on trial and fading {to_win}");
    let learners = engine.expression("count(lesson) >= 5 and segment(\"trial\")")?;
    let learners = engine.evaluate_all(&learners, 0, now, |_| ControlFlow::Continue(()))?;
    println!("five lessons, and still on trial: {}", learners.matching);

    // What the next three days would bring with the campaign, on a copy, if nobody did anything.
    let campaign = Definitions::from_toml(&format!("{APP}{CAMPAIGN}"))?;
    let foreseen = engine.simulate(Some(&campaign), &[], now + Duration::days(3))?;
    let mut by_channel: BTreeMap<&str, usize> = BTreeMap::new();
    foreseen.actions.iter().for_each(|action| *by_channel.entry(&*action.channel).or_default() += 1);
    println!("in three days it would send {by_channel:?}, and {} later or not", foreseen.held_back().count());
    assert!(engine.journey_counts().is_empty(), "nothing has begun");

    // It begins; and how its messages look, with and without a name.
    engine.redefine(&campaign, now)?;
    for template in ["offer_discount", "offer_month"] {
        for user in ["user-0", "user-1"] {
            let content = engine.preview(user, template, &Value::Null, &Object::new())?;
            let title = content.get("title").and_then(Value::as_str).unwrap_or_default();
            println!("{user} would get: {title}");
            assert!(title.starts_with(if user == "user-0" { "Sam, a " } else { "Hello, a " }));
        }
    }

    // The days as they come. The month wins over one in four, the discount one in ten.
    let mut told: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    for _ in 0..14 * 24 {
        now = now + Duration::hours(1);
        engine.advance(now)?;
        let mut won = Vec::new();
        for action in engine.outbox(1_000, now)? {
            engine.acknowledge(&action.id, Delivery::Sent, now)?;
            let of_template = told.entry(action.template.to_string()).or_default();
            of_template.0 += 1;
            let chance = if &*action.template == "offer_month" { 0.25 } else { 0.1 };
            if dice.f64() < chance {
                of_template.1 += 1;
                won.push(action.user);
            }
        }
        for user in won {
            engine.ingest(Message::track(&*user, "subscribe"), now + Duration::minutes(20))?;
        }
        if now.as_millis() % Duration::days(1).as_millis()
            == start.as_millis() % Duration::days(1).as_millis()
        {
            for (number, stops) in stops.iter_mut().enumerate().filter(|(_, stops)| **stops > 7) {
                engine.ingest(Message::track(format!("user-{number}"), "open"), now)?;
                *stops -= 1;
            }
        }
    }
    for (template, (sent, won)) in &told {
        println!(
            "{template:<15} sent {sent:>4}, subscribed {won:>3}: {:.0} %",
            f64::from(100 * won) / f64::from(*sent)
        );
    }
    for ((journey, what), count) in engine.journey_counts() {
        println!("  {journey}: {what:<28} {count:>5}");
    }
    println!("\n{}", engine.draw_journey("win_back", Drawing::Mermaid)?);

    // What each arm brought within three days of its offer, as sure as somebody can be who looks every day.
    let subscribed = Metric::new("did(subscribe)", Duration::days(3));
    let analysis = engine.analyse("offer", &subscribed, now, |_| ControlFlow::Continue(()))?;
    println!("{analysis}");
    let [_discount, month] = &analysis.arms[..] else { return Err("there are two arms".into()) };
    assert!(month.effect.is_some_and(|effect| effect.is_decided() && effect.difference > 0.05));
    Ok(())
}
