//! Every change of random definitions over random messages, compared with a naive evaluator.
mod naive;
use bespoke::engine::Partition;
use bespoke::model::*;
use bespoke::segment::{Kind, Plan, Schema};

fn kind(k: &naive::ast::Kind) -> Option<Kind> {
    use naive::ast::Kind as K;
    Some(match k {
        K::Bool => Kind::Bool,
        K::Number => Kind::Number,
        K::Text => Kind::String,
        K::Instant => Kind::Instant,
        K::Geo => Kind::Geo,
        K::List => Kind::List,
        _ => return None,
    })
}

fn plan(s: &naive::Scenario) -> Result<Plan, Vec<bespoke::segment::Error>> {
    let t = &s.tree;
    let mut schema = if t.strict { Schema::strict() } else { Schema::lenient() };
    for (n, k) in &t.attributes {
        if let Some(k) = kind(k) {
            schema.attribute(n, k);
        }
    }
    for (e, ps) in &t.events {
        schema.event(e);
        for (n, k) in ps {
            match (kind(k), k) {
                (Some(k), _) => {
                    schema.property(e, n, k);
                }
                (None, naive::ast::Kind::Rows(fields)) => {
                    for (f, k) in fields {
                        if let Some(k) = kind(k) {
                            schema.line(e, n, f, k);
                        }
                    }
                }
                _ => {}
            }
        }
    }
    for (p, rule) in &t.affinities {
        let w: Option<Vec<(&str, f64)>> =
            rule.weights.as_ref().map(|w| w.iter().map(|(e, w)| (e.as_str(), *w)).collect());
        schema.affinity(p, Duration::from_millis(rule.half_life.unwrap_or(7 * 86_400_000)), w.as_deref());
    }
    let mut b = Plan::builder(schema).session_gap(Duration::from_millis(t.gap()));
    if let Some(z) = &t.zone {
        b = b.default_zone(Zone::named(z).unwrap());
    }
    let doc: toml::Table = s.definitions.parse().unwrap();
    let texts = doc["segments"].as_table().unwrap();
    for seg in &t.segments {
        let (by, text) = match &texts[&seg.name] {
            toml::Value::String(x) => (None, x.clone()),
            toml::Value::Table(x) => {
                (Some(x["by"].as_str().unwrap().to_owned()), x["when"].as_str().unwrap().to_owned())
            }
            _ => panic!(),
        };
        b = b.segment(&seg.name, by.as_deref(), &text);
    }
    b.build()
}

#[test]
fn all() {
    let n: u64 = std::env::var("SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(300);
    let from: u64 = std::env::var("FROM").ok().and_then(|s| s.parse().ok()).unwrap_or(0);
    let mut bad = 0;
    for seed in from..from + n {
        let s = naive::generate::scenario(seed);
        let plan = match plan(&s) {
            Ok(p) => p,
            Err(e) => {
                bad += 1;
                println!("seed {seed} refused:");
                for e in e {
                    println!("  {} {e:#}", e.name().unwrap_or(""));
                }
                continue;
            }
        };
        let mut p = Partition::from_plan(plan);
        let mut got = Vec::new();
        let mut clock = Instant::MIN;
        for line in &s.messages {
            let m = Message::from_json(line).unwrap();
            clock = clock.max(m.timestamp.unwrap());
            got.extend(p.ingest(&m, clock).unwrap().changes);
        }
        got.extend(p.advance(Instant::from_millis(s.until)));
        let got: Vec<String> = got.iter().map(|c| format!("{} {}", c.at.as_millis(), c)).collect();
        let want: Vec<String> = naive::changes(&s)
            .iter()
            .map(|c| {
                let key = match &c.key {
                    None => String::new(),
                    Some(naive::history::Key::Number(x)) => format!(" ({x})"),
                    Some(naive::history::Key::Text(t)) => format!(" ({t})"),
                };
                format!(
                    "{} {} {} {}{}",
                    c.at,
                    c.user,
                    if c.entered { "entered" } else { "left" },
                    c.segment,
                    key
                )
            })
            .collect();
        if got != want {
            bad += 1;
            if bad < 6 {
                println!("seed {seed} differs");
                let i = got.iter().zip(&want).position(|(a, b)| a != b).unwrap_or(got.len().min(want.len()));
                for l in s.definitions.lines() {
                    println!("   {l}");
                }
                if std::env::var("SHOW").is_ok() {
                    for m in &s.messages {
                        println!("   M {m}");
                    }
                    for (k, (a, b)) in got.iter().zip(&want).enumerate() {
                        println!("   {k} {a:60} {b}");
                    }
                }
                println!(
                    "   first difference at {i}: got {:?} want {:?}",
                    &got[i.saturating_sub(1)..(i + 3).min(got.len())],
                    &want[i.saturating_sub(1)..(i + 3).min(want.len())]
                );
            }
        }
    }
    println!("{bad} bad of {n}");
    assert_eq!(bad, 0);
}
