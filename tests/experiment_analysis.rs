//! What an experiment brought, beside a tally kept by hand; the same whatever the partitions and the memory; and what it
//! refuses.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

use bespoke::definitions::Definitions;
use bespoke::engine::{Analysis, Engine};
use bespoke::experiment::{Effect, Metric, Sample, level_of_each};
use bespoke::model::{Consent, Duration, Instant, Message};
use bespoke::storage::MemoryDisk;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

const SHOP: &str = r#"
version = 1
[attributes]
plan = "string"
[events.signup]
[events.order]
amount = "number"
[consent]
experiment = { default = "granted" }
[segments]
buyer = "sum(order.amount in 60d) > 0"
[experiments.welcome]
arms = { control = 50, mail = 30, push = 20 }
[journeys.welcome]
enter = { event = "signup", reentry = "after_exit" }
step = [{ id = "arm", experiment = "welcome", to = { control = "end", mail = "end", push = "end" } }]
"#;

fn definitions() -> Definitions {
    Definitions::from_toml(SHOP).unwrap_or_else(|errors| panic!("{errors:#}"))
}

fn start() -> Instant {
    "2026-11-23T10:00:00Z".parse().unwrap()
}

fn analyse(engine: &Engine, metric: &str, now: Instant) -> Analysis {
    let metric = Metric::new(metric, Duration::days(7));
    engine.analyse("welcome", &metric, now, |_| ControlFlow::Continue(())).unwrap()
}

/// What is known of a user, by hand.
#[derive(Clone, Default)]
struct User {
    exposed: BTreeMap<String, Instant>,
    orders: Vec<(Instant, i64)>,
    is_out: bool,
}

/// Users who sign up, order, turn out to be one another, withdraw, are restricted and forgotten.
fn run(engines: &[Engine], seed: u64) -> (BTreeMap<String, User>, Instant) {
    let dice = &mut fastrand::Rng::with_seed(seed);
    let mut users: BTreeMap<String, User> = BTreeMap::new();
    // Whom ids belong to that were somebody else's before.
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    let mut now = start();
    for _ in 0..700 {
        now = now + Duration::from_millis(dice.i64(0..6_000_000));
        let name = format!("user-{}", dice.u32(0..120));
        let name = taken.get(&name).cloned().unwrap_or(name);
        let known = users.entry(name.clone()).or_default();
        let message = match dice.u32(0..100) {
            0..30 => {
                if !known.is_out {
                    // All engines agree about the arm, and a profile that is made of two keeps that of the first.
                    let arm = engines[0].arm(&name, "welcome", now).unwrap();
                    known.exposed.entry(arm.arm().unwrap().to_owned()).or_insert(now);
                }
                Message::track(&*name, "signup")
            }
            30..92 => {
                let late = Duration::from_millis(dice.i64(0..2) * dice.i64(0..400_000_000));
                let (at, amount) = (now - late, dice.i64(-5..60));
                known.orders.push((at, amount));
                Message::track(&*name, "order").with("amount", amount).at(at)
            }
            92 => {
                users.remove(&name);
                taken.retain(|_, owner| *owner != name);
                Message::forget(&*name)
            }
            93 if !known.is_out => {
                known.is_out = true;
                Message::consent(&*name, Consent::withdrawn("experiment"))
            }
            94 if !known.is_out && !known.exposed.is_empty() => {
                known.is_out = true;
                Message::restrict(&*name, true)
            }
            _ => {
                let other = format!("user-{}", dice.u32(0..120));
                let other = taken.get(&other).cloned().unwrap_or(other);
                let both = [&name, &other].map(|name| users.get(name).cloned().unwrap_or_default());
                if name == other || both.iter().any(|user| user.is_out) || !users.contains_key(&other) {
                    continue;
                }
                let [own, theirs] = both;
                let known = users.entry(name.clone()).or_default();
                *known = own;
                for (arm, at) in theirs.exposed {
                    let earliest = known.exposed.get(&arm).map_or(at, |own| at.max(*own));
                    known.exposed.insert(arm, earliest);
                }
                known.orders.extend(theirs.orders);
                users.remove(&other);
                taken.values_mut().filter(|owner| **owner == other).for_each(|owner| owner.clone_from(&name));
                taken.insert(other.clone(), name.clone());
                Message::merge(&*other, &*name, "they said so")
            }
        };
        for engine in engines {
            engine.ingest(&message, now).unwrap_or_else(|error| panic!("seed {seed}, {now}: {error}"));
        }
    }
    (users, now)
}

#[test]
fn an_analysis_is_what_a_tally_by_hand_comes_to() {
    let (mut counted, mut crossed, mut effects) = (0, 0, 0);
    for seed in 0..16 {
        let engines = [
            Engine::builder(definitions()).open().unwrap(),
            Engine::builder(definitions()).partitions(3).open().unwrap(),
            Engine::builder(definitions()).disk(MemoryDisk::new()).memory(0).open().unwrap(),
        ];
        let (users, now) = run(&engines, seed);
        type Of = fn(&[i64]) -> f64;
        let metrics: [(&str, Of); 4] = [
            ("did(order)", |orders| f64::from(u8::from(!orders.is_empty()))),
            ("sum(order.amount)", |orders| orders.iter().sum::<i64>() as f64),
            ("count(order where amount > 20)", |orders| orders.iter().filter(|n| **n > 20).count() as f64),
            ("max(order.amount) >= 40 and count(order) < 3", |orders| {
                f64::from(u8::from(orders.iter().any(|n| *n >= 40) && orders.len() < 3))
            }),
        ];
        for (text, of) in metrics {
            let found = analyse(&engines[0], text, now);
            for engine in &engines[1..] {
                assert_eq!(analyse(engine, text, now), found, "seed {seed}, {text}");
            }
            let exposed = |user: &&User| !user.is_out && !user.exposed.is_empty();
            let several = users.values().filter(exposed).filter(|user| user.exposed.len() > 1).count();
            assert_eq!(found.crossed, several as u64, "seed {seed}");
            let mut control = None;
            for (place, arm) in ["control", "mail", "push"].into_iter().enumerate() {
                let own: Vec<(&User, Instant)> = users
                    .values()
                    .filter(exposed)
                    .filter(|user| user.exposed.len() == 1)
                    .filter_map(|user| Some((user, *user.exposed.get(arm)?)))
                    .collect();
                let watched = own.iter().filter(|(_, at)| *at + Duration::days(7) <= now);
                let sample = Sample::of(watched.map(|(user, at)| {
                    let is_in = |when: &Instant| *when > *at && *when <= *at + Duration::days(7);
                    let orders = user.orders.iter().filter(|(when, _)| is_in(when));
                    of(&orders.map(|(_, amount)| *amount).collect::<Vec<_>>())
                }));
                let of_arm = &found.arms[place];
                assert_eq!((&*of_arm.arm, of_arm.exposed), (arm, own.len() as u64), "seed {seed}, {text}");
                assert_eq!(of_arm.sample, sample, "seed {seed}, {text}, {arm}");
                let level = level_of_each(0.95, 2);
                let effect = control.and_then(|control| Effect::between(&control, &sample, level));
                assert_eq!(of_arm.effect, effect, "seed {seed}, {text}, {arm}");
                control.get_or_insert(sample);
                counted += sample.count();
                effects += u32::from(effect.is_some());
            }
            assert_eq!((found.covered_since, found.complete), (None, true));
            crossed += found.crossed;
        }
    }
    assert!(counted > 1_500 && crossed > 15, "{counted} users counted, {crossed} crossed, {effects} effects");
}

/// Orders behind an exposure count, at its very instant those that came after it; those before it do not, nor those after the time that is watched.
#[test]
fn the_time_that_is_watched_is_exact() {
    let engine = Engine::builder(definitions()).open().unwrap();
    let week = Duration::days(7);
    let order = |at: Instant| Message::track("ada", "order").with("amount", 1).at(at);
    engine.ingest(order(start()), start()).unwrap();
    engine.ingest(Message::track("ada", "signup"), start()).unwrap();
    let millisecond = Duration::from_millis(1);
    for at in [start(), start() + millisecond, start() + week, start() + week + millisecond] {
        engine.ingest(order(at), at).unwrap();
    }
    let total = |now: Instant| {
        analyse(&engine, "sum(order.amount)", now).arms.iter().map(|arm| arm.sample.total()).sum::<f64>()
    };
    assert_eq!(total(start() + week + millisecond), 3.0);
}

#[test]
fn what_is_not_kept_is_said() {
    let text = SHOP.replace("in 60d) > 0", "in 5d) > 0");
    let engine = Engine::builder(Definitions::from_toml(&text).unwrap()).open().unwrap();
    engine.ingest(Message::track("ada", "signup"), start()).unwrap();
    let now = start() + Duration::days(8);
    engine.ingest(Message::track("ada", "order").with("amount", 1), now).unwrap();
    let analysis = analyse(&engine, "did(order)", now);
    assert!(analysis.covered_since.is_some_and(|since| since > start()), "{analysis}");
    assert!(analysis.to_string().contains("is not in it"), "{analysis}");
    // Who has nobody older than what is kept lacks nothing.
    engine.ingest(Message::forget("ada"), now).unwrap();
    assert_eq!(analyse(&engine, "did(order)", now).covered_since, None);
}

#[test]
fn what_is_no_metric_is_refused() {
    let engine = Engine::builder(definitions()).open().unwrap();
    let go_on = |_: &bespoke::engine::Progress| ControlFlow::Continue(());
    for (text, said) in [
        ("plan", "a metric is a number or a condition, this is a string"),
        ("sum(order.amount in 7d)", "from their exposure on"),
        ("segment(\"buyer\")", "from their exposure on"),
        ("did(order) and session.number > 1", "from their exposure on"),
        ("sequence(signup, order) in 7d", "from their exposure on"),
        ("did(ordr)", "`ordr`"),
        ("did(order", "`)`"),
        ("", "expected a value"),
    ] {
        let error =
            engine.analyse("welcome", &Metric::new(text, Duration::days(7)), start(), go_on).unwrap_err();
        assert!(error.to_string().contains(said), "{text}: {error}");
    }
    let metric = Metric::new("did(order)", Duration::days(7));
    let error = engine.analyse("welcom", &metric, start(), go_on).unwrap_err();
    assert!(error.to_string().contains("welcome"), "{error}");
    for (within, now) in [
        (Duration::from_millis(i64::MIN), Instant::MAX),
        (Duration::from_millis(i64::MAX), Instant::MIN),
        (Duration::days(1), Instant::MAX),
    ] {
        engine.ingest(Message::track("ada", "signup"), start()).unwrap();
        let analysis = engine.analyse("welcome", &Metric::new("did(order)", within), now, go_on).unwrap();
        assert_eq!(analysis.arms.iter().map(|arm| arm.exposed).sum::<u64>(), 1);
    }
    let odd = metric.confidence(f64::NAN);
    assert!(
        engine.analyse("welcome", &odd, start(), go_on).unwrap().arms.iter().all(|arm| arm.effect.is_none())
    );
}

#[test]
fn a_host_may_stop_it() {
    let engine = Engine::builder(definitions()).open().unwrap();
    for number in 0..2_500 {
        engine.ingest(Message::track(&*format!("user-{number}"), "signup"), start()).unwrap();
    }
    let metric = Metric::new("did(order)", Duration::days(0));
    let mut told = Vec::new();
    let stopped = engine.analyse("welcome", &metric, start(), |progress| {
        told.push((progress.done, progress.total, progress.matching));
        ControlFlow::Break(())
    });
    let stopped = stopped.unwrap();
    assert_eq!(told, [(1_000, 2_500, 1_000)]);
    assert!(!stopped.complete);
    assert_eq!(stopped.arms.iter().map(|arm| arm.sample.count()).sum::<u64>(), 1_000);
    let whole = engine.analyse("welcome", &metric, start(), |_| ControlFlow::Continue(())).unwrap();
    assert!(whole.complete && whole.sample_ratio.is_some_and(|ratio| ratio > 0.001), "{whole}");
}

/// An experiment that a host runs itself, in a store: what it notes is there after a restart, and in no arm twice.
#[test]
fn hosts_expose_users_themselves() {
    for partitions in [1, 3] {
        let disk = MemoryDisk::new();
        let open = || {
            let builder = Engine::builder(definitions()).disk(disk.clone()).partitions(partitions);
            builder.checkpoint_bytes(5_000).open().unwrap()
        };
        let twin = Engine::builder(definitions()).open().unwrap();
        let mut engine = open();
        for number in 0..300 {
            let (user, now) = (format!("user-{number}"), start() + Duration::minutes(number));
            for engine in [&engine, &twin] {
                engine.ingest(Message::track(&*user, "order").with("amount", 1), now).unwrap();
                for _ in 0..1 + number % 2 {
                    engine.expose(&user, "welcome", now).unwrap();
                }
                let later = now + Duration::seconds(1);
                engine.ingest(Message::track(&*user, "order").with("amount", number), later).unwrap();
            }
            let arm = engine.arm(&user, "welcome", now).unwrap();
            let exposures = engine.profile(&user).unwrap().unwrap().exposures;
            assert_eq!((exposures.len(), Some(&*exposures[0].arm), exposures[0].at), (1, arm.arm(), now));
            if number % 70 == 0 {
                drop(engine);
                engine = open();
            }
        }
        let now = start() + Duration::days(8);
        let found = analyse(&engine, "sum(order.amount)", now);
        assert_eq!(found, analyse(&twin, "sum(order.amount)", now));
        assert_eq!(
            found.arms.iter().map(|arm| arm.sample.total()).sum::<f64>().round(),
            f64::from(300 * 299 / 2)
        );

        let before = engine.state().unwrap();
        for (user, experiment) in [("nobody", "welcome"), ("user-1", "welcom"), ("", ""), ("user-1", "")] {
            engine.expose(user, experiment, now).unwrap_err();
        }
        assert!(engine.state().unwrap() == before, "what is refused changes nothing");
        engine.ingest(Message::consent("user-1", Consent::withdrawn("experiment")), now).unwrap();
        engine.ingest(Message::track("new", "order"), now).unwrap();
        engine.ingest(Message::consent("new", Consent::withdrawn("experiment")), now).unwrap();
        assert_eq!(engine.expose("new", "welcome", now).unwrap().changes, []);
        assert!(engine.profile("new").unwrap().unwrap().exposures.is_empty());
        assert_eq!(analyse(&engine, "did(order)", now).left_out, 1);
    }
}
