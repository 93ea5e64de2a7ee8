//! Ten realistic segments, two journeys, and a stream of messages for them: shared by the bench of `ingest` and the
//! test that counts the bytes of a profile.

use bespoke::definitions::Definitions;
use bespoke::engine::Partition;
use bespoke::journey::Delivery;
use bespoke::model::{Duration, Instant, Message};

const DEFINITIONS: &str = r#"
version = 1
[attributes]
country = "string"
[events.view]
sku = "string"
category = "string"
[events.search]
category = "string"
[events.add_to_cart]
sku = "string"
category = "string"
cart_id = "string"
[events.purchase]
sku = "string"
category = "string"
cart_id = "string"
amount = "number"

[segments]
sneakerhead = 'count(view where category = "sneakers" in 7d) >= 3 and not did(purchase in 30d)'
abandoned_cart = 'sequence(add_to_cart, not purchase) in 7d and now - last(add_to_cart in 7d) >= 1h'
undecided = 'did(search where category = "boots" in 24h) and not did(purchase where category = "boots" in 24h)'
big_month = 'sum(purchase.amount in this month) > 500'
lapsing = 'count(purchase in 90d) >= 4 and now - last(purchase in 90d) > 5d'
french_browser = 'country = "FR" and count(view in 1d) > 10'
first_visit = 'session.number = 1 and count(view in session) >= 3'
good_customer = 'avg(purchase.amount in 90d) > 80'
regular = 'active_days(view in 30d) >= 5'
sneaker_fan = 'affinity("category", "sneakers") > 0.5'

[templates.note]
title = "Still there?"

[journeys.cart]
enter = { event = "add_to_cart", key = "cart_id", reentry = "restart" }
exit = [{ event = "purchase", key = "cart_id" }]
[[journeys.cart.step]]
id = "idle"
wait = "1h"
[[journeys.cart.step]]
id = "push"
send = { channel = "push", template = "note" }

[journeys.come_back]
enter = { segment_entered = "lapsing", reentry = { after = "30d" } }
[[journeys.come_back.step]]
id = "patience"
wait = "2d"
[[journeys.come_back.step]]
id = "mail"
send = { channel = "email", template = "note" }
"#;

pub(crate) fn definitions() -> Definitions {
    Definitions::from_toml(DEFINITIONS).expect("the bundled definitions are right")
}

/// Takes the messages in, and delivers now and then as a host does. Gives how many actions there were.
pub(crate) fn run(partition: &mut Partition, messages: &[Message]) -> usize {
    let mut actions = 0;
    for (i, message) in messages.iter().enumerate() {
        let now = message.timestamp.unwrap_or_default();
        std::hint::black_box(partition.ingest(message, now)).expect("these messages are sound");
        if i % 256 == 0 {
            for action in partition.outbox(usize::MAX, Duration::minutes(1), now) {
                partition.acknowledge(&action.id, Delivery::Sent, now);
                actions += 1;
            }
        }
    }
    actions
}

/// Twenty messages for each user on average, over thirty days, in order.
pub(crate) fn messages(users: usize) -> Vec<Message> {
    let mut dice = fastrand::Rng::with_seed(1);
    let names: Vec<String> = (0..users).map(|i| format!("user-{i}")).collect();
    let categories = ["sneakers", "boots", "coats", "socks", "shirts"];
    let count = users * 20;
    let pause = 2 * 30 * 86_400_000 / count as i64;
    let mut at = 1_790_000_000_000;
    (0..count)
        .map(|_| {
            at += dice.i64(0..pause.max(2));
            let user = dice.usize(0..users);
            let event = match dice.u32(0..100) {
                0..=69 => "view",
                70..=84 => "search",
                85..=94 => "add_to_cart",
                _ => "purchase",
            };
            let mut message = Message::track(&*names[user], event)
                .with("category", categories[dice.usize(0..5)])
                .with("sku", format!("sku-{}", dice.u32(0..5_000)))
                .at(Instant::from_millis(at));
            if event == "add_to_cart" || event == "purchase" {
                message = message.with("cart_id", format!("c{user}")).with("amount", dice.i64(5..200));
            }
            message
        })
        .collect()
}
