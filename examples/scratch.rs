//! x
use bespoke::engine::Partition;
use bespoke::model::*;
use bespoke::segment::{Kind, Plan, Schema};
#[global_allocator]
static G: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, usize::MAX);
fn plan() -> Plan {
    let mut s = Schema::strict();
    s.attribute("country", Kind::String).attribute("vip", Kind::Bool).attribute("budget.*", Kind::Number);
    for e in ["view", "add_to_cart", "purchase", "search"] {
        s.property(e, "sku", Kind::String).property(e, "category", Kind::String).property(
            e,
            "amount",
            Kind::Number,
        );
    }
    s.property("page", "name", Kind::String);
    let mut b = Plan::builder(s);
    for (i,t) in [
     "count(view where category = \"sneakers\" in 7d) >= 3 and not did(purchase in 30d)",
     "sequence(add_to_cart, not purchase) in 7d and now - last(add_to_cart in 7d) >= 1h",
     "did(search where category = \"boots\" in 24h) and not did(purchase where category = \"boots\" in 24h)",
     "sum(purchase.amount in this month) > 500",
     "count(purchase in 90d) >= 4 and now - last(purchase in 90d) > 5d",
     "country = \"FR\" and count(view in 1d) > 10",
     "session.number = 1 and count(view in session) >= 3",
     "avg(purchase.amount in 90d) > 80",
     "active_days(view in 30d) >= 5",
     "affinity(\"category\", \"sneakers\") > 0.5",
    ].iter().enumerate() { b = b.segment(&format!("s{i}"), None, t); }
    b.build().unwrap()
}
fn main() {
    let mut rng = fastrand::Rng::with_seed(1);
    let users: usize = std::env::args().nth(1).map_or(10_000, |s| s.parse().unwrap());
    let n = users * 20;
    let names: Vec<String> = (0..users).map(|i| format!("user-{i}")).collect();
    let cats = ["sneakers", "boots", "coats", "socks", "shirts"];
    let mut at = 1_790_000_000_000i64;
    let msgs: Vec<Message> = (0..n)
        .map(|_| {
            at += rng.i64(0..(30 * 86_400_000 / n as i64 * 2).max(2));
            let e = match rng.u32(0..100) {
                0..=69 => "view",
                70..=84 => "search",
                85..=94 => "add_to_cart",
                _ => "purchase",
            };
            Message::track(names[rng.usize(0..users)].as_str(), e)
                .with("sku", format!("sku-{}", rng.u32(0..5000)))
                .with("category", cats[rng.usize(0..5)])
                .with("amount", rng.i64(5..200))
                .at(Instant::from_millis(at))
        })
        .collect();
    for round in 0..3 {
        let b0 = G.allocated();
        let mut p = Partition::from_plan(plan());
        let t = std::time::Instant::now();
        let mut ch = 0;
        for m in &msgs {
            ch += p.ingest(m, m.timestamp.unwrap()).unwrap().changes.len();
        }
        let d = t.elapsed();
        println!(
            "round {round}: {:.0} msg/s, {} changes, {} bytes/user",
            n as f64 / d.as_secs_f64(),
            ch,
            (G.allocated() - b0) / users
        );
    }
}
