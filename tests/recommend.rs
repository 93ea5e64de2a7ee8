//! What a shop relies on when it asks what to show: what was done a moment ago counts, a no is a no, and what goes with
//! a basket is not what is looked at instead.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

use bespoke::definitions::Definitions;
use bespoke::engine::{Outcome, Partition, Recommended};
use bespoke::model::{Duration, Instant, Message, Object, Value};
use bespoke::recommend::{Action, Query};

const SHOP: &str = r#"
version = 1
[events.view]
sku = "string"
[events.dismiss]
sku = "string"
[events.order]
products = [{ sku = "string", price = "number" }]
[recommend]
remember = "90d"
k_min = 1
daily_max = 50
[recommend.interactions]
view = { item = "sku" }
dismiss = { item = "sku", weight = -1.0, action = "dismissed" }
order = { item = "products.sku", weight = 5.0, action = "bought" }
[recommend.baskets]
pairs_min = 2.0
"#;

fn at(hours: i64) -> Instant {
    "2026-03-02T08:00:00Z".parse::<Instant>().unwrap() + Duration::hours(hours)
}

/// A message, and when it happened.
type Sent = (Message, Instant);

fn event(user: &str, name: &str, sku: &str, hours: i64) -> Sent {
    (Message::track(user, name).with("sku", sku), at(hours))
}

fn send(partition: &mut Partition, (message, at): Sent) -> Outcome {
    partition.ingest(&message.at(at), at).unwrap()
}

fn order(user: &str, skus: &[&str], hours: i64) -> Sent {
    let line = |sku: &&str| {
        let mut line = Object::new();
        line.set("sku", Value::from(*sku));
        Value::Object(line)
    };
    let lines: Vec<Value> = skus.iter().map(line).collect();
    (Message::track(user, "order").with("products", Value::List(lines)), at(hours))
}

fn shop(messages: impl IntoIterator<Item = Sent>) -> Partition {
    let mut partition = Partition::new(&Definitions::from_toml(SHOP).unwrap());
    for message in messages {
        send(&mut partition, message);
    }
    partition
}

fn shown(partition: &Partition, user: &str, query: &Query, hours: i64) -> Vec<Recommended> {
    partition.recommend(user, query, at(hours)).unwrap()
}

fn items(answer: &[Recommended]) -> Vec<&str> {
    answer.iter().map(|shown| &*shown.item).collect()
}

/// Forty people look at two kinds of boots, one after the other, buy one pair, and wax with it.
fn boots() -> Vec<Sent> {
    let mut messages = Vec::new();
    for user in 0..40 {
        let (name, hours) = (format!("u{user}"), user);
        messages.push(event(&name, "view", "boot-7", hours));
        messages.push(event(&name, "view", "boot-8", hours));
        messages.push(order(&name, &[["boot-7", "boot-8"][user as usize % 2], "wax-1"], hours));
        messages.push(order(&format!("v{user}"), &["tent-2", "rope-3"], hours));
    }
    messages
}

#[test]
fn what_goes_with_a_basket() {
    let partition = shop(boots());
    let answer = shown(&partition, "new", &Query::complementary_to(["boot-7"]).limit(2), 50);
    assert_eq!(answer[0].item, "wax-1");
    assert_eq!(answer[0].reason, "often bought with boot-7");
    // There is no more that goes with it: the rest is what is popular, and says so.
    assert_eq!(answer[1].reason, "popular now");
    let similar = shown(&partition, "new", &Query::similar_to("boot-7").limit(1), 50);
    assert_eq!(items(&similar), ["boot-8"]);
}

#[test]
fn a_click_counts_at_once_and_a_no_is_a_no() {
    let mut partition = shop(boots());
    let query = Query::for_user().limit(2);
    assert_eq!(shown(&partition, "ada", &query, 50)[0].reason, "popular now");
    send(&mut partition, event("ada", "view", "boot-7", 50));
    let answer = shown(&partition, "ada", &query, 50);
    assert_eq!((&*answer[0].item, &*answer[0].reason), ("boot-8", "because you viewed boot-7"));

    send(&mut partition, event("ada", "dismiss", "boot-8", 51));
    for query in [Query::for_user(), Query::popular(), Query::similar_to("boot-7")] {
        let answer = shown(&partition, "ada", &query.limit(20), 51);
        assert!(!items(&answer).contains(&"boot-8"));
    }
    let others = shown(&partition, "grace", &Query::similar_to("boot-7").limit(20), 51);
    assert!(items(&others).contains(&"boot-8"));
    // The last word counts, and words are forgotten.
    send(&mut partition, event("ada", "view", "boot-8", 52));
    send(&mut partition, event("ada", "view", "boot-7", 52));
    assert!(items(&shown(&partition, "ada", &query, 52)).contains(&"boot-8"));
    send(&mut partition, event("ada", "dismiss", "boot-8", 53));
    let later = 53 + 24 * 91;
    partition.advance(at(later));
    assert!(items(&shown(&partition, "ada", &Query::popular().limit(20), later)).contains(&"boot-8"));
}

#[test]
fn what_was_bought_is_not_shown_unless_it_is_wanted_again() {
    let coffee = (0..4).map(|n| order("ada", &["coffee", ["mug", "tea", "tea", "tea"][n as usize]], n * 240));
    let partition = shop(boots().into_iter().take(20).chain(coffee));
    let query = Query::popular().limit(20);
    assert!(items(&shown(&partition, "ada", &query, 960)).contains(&"coffee"));
    let answer = shown(&partition, "ada", &query.excluding_done([Action::Bought]), 960);
    assert!(!items(&answer).iter().any(|item| ["coffee", "tea", "mug"].contains(item)));
    assert!(!answer.is_empty());

    let answer = shown(&partition, "ada", &Query::again(), 960);
    assert_eq!(items(&answer), ["coffee", "tea", "mug"]);
    assert_eq!(answer[0].reason, "you may want it again");
    // For whom nothing is known, or nothing was had, there is nothing to have again.
    assert!(shown(&partition, "u3", &Query::again().excluding_done([Action::Bought]), 960).is_empty());
}

/// Who sends more on a day than people do teaches nothing beyond that.
#[test]
fn a_flood_does_not_own_the_models() {
    let mut partition = shop(boots());
    for _ in 0..5_000 {
        send(&mut partition, event("bot", "view", "scam-1", 60));
    }
    let flooded = shown(&partition, "ada", &Query::popular().limit(20), 60);
    let scam = flooded.iter().find(|shown| shown.item == "scam-1").unwrap().score;
    // 50 of the bot beside 80 views and 160 items bought, each worth 5, of two days.
    assert!(scam < 50.0 / 600.0, "{scam}");
    // What was left out is not taken back either.
    send(&mut partition, (Message::forget("bot"), at(61)));
    let after = shown(&partition, "ada", &Query::popular().limit(20), 61);
    let share = |answer: &[Recommended], item: &str| {
        answer.iter().find(|shown| shown.item == item).map_or(0.0, |shown| shown.score)
    };
    assert!(share(&after, "boot-7") >= share(&flooded, "boot-7"));
    // The next day counts anew.
    let mut partition = shop(boots());
    for hour in [60, 84, 108] {
        for _ in 0..100 {
            send(&mut partition, event("fan", "view", "boot-7", hour));
        }
    }
    assert!(share(&shown(&partition, "ada", &Query::popular(), 108), "boot-7") > 0.1);
}

/// Erasure takes back what somebody taught of baskets.
#[test]
fn baskets_forget() {
    let with = |more: Vec<Sent>| {
        let mut messages = boots();
        messages.extend(more);
        shop(messages)
    };
    let mut partition = with((0..3).map(|n| order("eve", &["rope-3", "knife-9"], 60 + 24 * n)).collect());
    let query = Query::complementary_to(["knife-9"]).limit(5);
    let answer = shown(&partition, "ada", &query, 140);
    assert_eq!((&*answer[0].item, &*answer[0].reason), ("rope-3", "often bought with knife-9"));
    send(&mut partition, (Message::forget("eve"), at(140)));
    let answer = shown(&partition, "ada", &query, 140);
    assert!(answer.iter().all(|shown| shown.reason == "popular now"));
}

#[test]
fn a_no_has_to_be_remembered() {
    let text = SHOP.replace("remember = \"90d\"\n", "");
    let errors = Definitions::from_toml(&text).unwrap_err().to_string();
    assert!(errors.contains("what speaks against an item has to be remembered"), "{errors}");
    assert!(errors.contains("remember = \"90d\""), "{errors}");
    let text = SHOP.replace("weight = -1.0", "weight = -1e9");
    assert!(Definitions::from_toml(&text).unwrap_err().to_string().contains("out of range"));
}

/// What everybody looks at since yesterday is on the rise; what everybody always looks at is popular.
#[test]
fn what_rises_is_not_what_is_popular() {
    let mut messages = Vec::new();
    for hour in 0..24 * 40 {
        messages.push(event(&format!("u{}", hour % 60), "view", "classic", hour));
        if hour >= 24 * 39 {
            messages.push(event(&format!("u{}", hour % 60), "view", "new", hour));
        }
    }
    let partition = shop(messages);
    let now = 24 * 40;
    assert_eq!(items(&shown(&partition, "ada", &Query::popular(), now)), ["classic", "new"]);
    let rising = shown(&partition, "ada", &Query::trending(), now);
    assert_eq!(items(&rising), ["new", "classic"]);
    assert_eq!(rising[0].reason, "on the rise");
}
