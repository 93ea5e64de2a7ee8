//! What an attack on checkpoints found: late messages of nobody, values that are gone, ids and impressions that are forgotten.

use bespoke::definitions::Definitions;
use bespoke::engine::Engine;
use bespoke::model::{Consent, Duration, Ids, Instant, Message};
use bespoke::recommend::{Explorer, Items};
use bespoke::storage::MemoryDisk;

fn at(minutes: i64) -> Instant {
    "2026-11-23T10:00:00Z".parse::<Instant>().unwrap() + Duration::minutes(minutes)
}

fn opened(text: &str, disk: Option<&MemoryDisk>, checkpoint_bytes: u64) -> Engine {
    let definitions =
        Definitions::from_toml(&format!("version = 1\n{text}")).unwrap_or_else(|errors| panic!("{errors:#}"));
    let builder = Engine::builder(definitions);
    match disk {
        Some(disk) => builder.disk(disk.clone()).checkpoint_bytes(checkpoint_bytes).open().unwrap(),
        None => builder.open().unwrap(),
    }
}

/// A message that comes too late for what is kept of anybody: whom it is about is over at once.
#[test]
fn who_is_over_at_once_may_still_say_yes_or_no() {
    let text = "[consent]\nmarketing = { default = 'granted' }\n[events.view]\n[retention]\nanonymous = '1h'";
    let late = [
        Message::consent(Ids::anonymous("phone"), Consent::withdrawn("marketing")).at(at(-300)),
        Message::restrict(Ids::anonymous("phone"), true).at(at(-300)),
    ];
    for message in late {
        let disk = MemoryDisk::new();
        let engine = opened(text, Some(&disk), u64::MAX);
        engine.ingest(&message, at(0)).unwrap();
        assert_eq!(engine.user_count(), 0);
        // Nobody who gets its number has said it.
        engine.ingest(Message::track("ada", "view"), at(1)).unwrap();
        drop(engine);
        assert_eq!(opened(text, Some(&disk), u64::MAX).user_count(), 1);
    }
}

/// What made an interaction weigh nothing is kept for an hour: what was not learned is not taken back.
#[test]
fn what_was_weighed_by_a_value_that_is_gone_is_not_taken_back() {
    let text = "[events.view]\nsku = 'string'\nseconds = { kind = 'number', ttl = '1h' }\n[recommend]\nk_min = 1\n\
                remember = '90d'\n[recommend.interactions]\n\
                view = { item = 'sku', grade = { property = 'seconds', from = 3, full = 60 } }";
    let engine = opened(text, None, 0);
    for (user, sku, seconds) in [("bob", "a", 60), ("bob", "b", 60), ("ada", "c", 1), ("ada", "d", 1)] {
        engine.ingest(Message::track(user, "view").with("sku", sku).with("seconds", seconds), at(0)).unwrap();
    }
    engine.advance(at(120)).unwrap();
    engine.ingest(Message::forget("ada"), at(121)).unwrap();
}

/// More impressions than may wait, all but one of them answered: whoever was stopped and opened between has the same state.
#[test]
fn what_was_answered_takes_no_place_among_what_waits() {
    let mut items = Items::new();
    let skus: Vec<_> = (0..200).map(|n| items.intern(&format!("sku-{n}")).unwrap()).collect();
    let explorer = || Explorer::new(Duration::minutes(30), Duration::days(30)).unwrap();
    let show = |explorer: &mut Explorer, users: std::ops::Range<u32>| {
        for (user, sku) in users.flat_map(|user| skus.iter().map(move |sku| (user, *sku))) {
            explorer.shown(user, sku, &[], at(0));
            explorer.chosen(user, sku, at(0));
        }
    };
    let bytes = |explorer: &Explorer| {
        let mut bytes = Vec::new();
        explorer.checkpoint(&mut bytes);
        bytes
    };
    let (mut own, mut read) = (explorer(), explorer());
    own.shown(1_000_000, skus[0], &[], at(0));
    show(&mut own, 0..200);
    read.restore(&bytes(&own), &items).unwrap();
    show(&mut own, 200..400);
    show(&mut read, 200..400);
    assert!(bytes(&own) == bytes(&read));
}

/// The same by an engine that is stopped and opened again.
#[test]
fn an_engine_that_was_opened_again_explores_as_before() {
    let text = "[events.view]\nskus = 'list'\n[events.teaser]\nskus = 'list'\n[recommend]\nk_min = 1\nremember = '90d'\n\
                [recommend.interactions]\nview = { item = 'skus' }\nteaser = { item = 'skus', action = 'shown' }";
    let skus: Vec<String> = (0..200).map(|n| format!("sku-{n}")).collect();
    let show = |engine: &Engine, users: std::ops::Range<u32>| {
        for user in users {
            for event in ["teaser", "view"] {
                engine
                    .ingest(Message::track(format!("u{user}"), event).with("skus", skus.clone()), at(0))
                    .unwrap();
            }
        }
    };
    let (disk, twin) = (MemoryDisk::new(), opened(text, None, 0));
    let engine = opened(text, Some(&disk), u64::MAX);
    for engine in [&engine, &twin] {
        engine.ingest(Message::track("first", "teaser").with("skus", vec!["sku-0"]), at(0)).unwrap();
        show(engine, 0..200);
    }
    engine.checkpoint().unwrap();
    drop(engine);
    let engine = opened(text, Some(&disk), u64::MAX);
    [&engine, &twin].into_iter().for_each(|engine| show(engine, 200..400));
    assert!(engine.state().unwrap() == twin.state().unwrap());
}

/// A checkpoint that begins before ids of messages are forgotten, and ends after: a message that came twice between is not
/// taken twice when inputs are replayed.
#[test]
fn what_came_twice_while_a_checkpoint_was_taken_is_not_taken_twice() {
    let text = "[settings]\ndedup_window = '1d'\n[events.view]\n[segments]\nkeen = 'count(view) >= 3'";
    const HOUR: i64 = 60;
    let run = |engine: &Engine, before: usize, after: usize| {
        let view = |id: Option<&str>, hours: i64| {
            let message = Message::track("ada", "view");
            let message = match id {
                Some(id) => message.id(id),
                None => message,
            };
            engine.ingest(message, at(hours * HOUR)).unwrap().duplicate
        };
        assert!(!view(Some("x"), 0));
        engine.checkpoint().unwrap();
        assert!(!view(Some("y"), 25));
        (0..before).for_each(|_| assert!(!view(None, 26)));
        assert!(view(Some("x"), 27), "it came twice");
        assert!(!view(Some("z"), 50), "what came at first is forgotten");
        (0..after).for_each(|_| assert!(!view(None, 51)));
    };
    // It begins by itself after so many bytes, and ends some inputs later.
    for (before, after) in (0..40).flat_map(|before| (0..12).map(move |after| (before, after))) {
        let (disk, twin) = (MemoryDisk::new(), opened(text, None, 0));
        let engine = opened(text, Some(&disk), 1_000);
        [&engine, &twin].into_iter().for_each(|engine| run(engine, before, after));
        drop(engine);
        let engine = opened(text, Some(&disk), 1_000);
        let (own, expected) =
            (engine.profile("ada").unwrap().unwrap(), twin.profile("ada").unwrap().unwrap());
        assert_eq!(own.events.len(), expected.events.len(), "{before} before, {after} after");
        assert!(engine.state().unwrap() == twin.state().unwrap(), "{before} before, {after} after");
    }
}

/// What no definition can see any more is dropped sooner or later. When that is follows from what happened, not from who was
/// in memory, or from a restart: who is due where it may be kept no longer, and is counted, would depend on it.
#[test]
fn who_is_counted_follows_from_what_happened() {
    let text = "[events.view]\n[retention]\nevents = { view = '3h' }\n[segments]\nseen = 'did(view in 1h)'";
    let definitions = Definitions::from_toml(&format!("version = 1\n{text}")).unwrap();
    let bounded = |disk: &MemoryDisk| {
        Engine::builder(definitions.clone())
            .disk(disk.clone())
            .memory(0)
            .checkpoint_bytes(300)
            .open()
            .unwrap()
    };
    let tell = |engine: &Engine, first: usize, second: usize| {
        let view = |user: &str, minutes: i64, times: usize| {
            for _ in 0..times {
                engine.ingest(Message::track(user, "view"), at(minutes)).unwrap();
            }
        };
        view("ada", 0, first);
        view("ada", 120, second);
        view("bob", 120, 1);
        view("ada", 150, 1);
    };
    for (first, second) in (1..12).flat_map(|first| (0..6).map(move |second| (first, second))) {
        let (disk, twin) = (MemoryDisk::new(), opened(text, None, 0));
        let engine = bounded(&disk);
        [&engine, &twin].into_iter().for_each(|engine| tell(engine, first, second));
        let expected = twin.advance_some(at(180), 1).unwrap();
        drop(engine);
        let engine = bounded(&disk);
        assert_eq!(engine.advance_some(at(180), 1).unwrap(), expected, "{first}, {second}");
    }
}
