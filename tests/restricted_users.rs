//! A user whose processing is restricted: kept, and nothing else until that is lifted.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

use bespoke::decision::Feedback;
use bespoke::definitions::Definitions;
use bespoke::engine::{Outcome, Partition, Refusal};
use bespoke::journey::Delivery;
use bespoke::model::{Duration, Ids, Instant, Message, Object};
use bespoke::recommend::Query;
use std::ops::ControlFlow;

const SHOP: &str = r#"
version = 1
[attributes]
plan = "string"
[events.view]
sku = "string"
[events.buy]
[world]
sale = "bool"
[affinity.sku]
half_life = "7d"
[segments]
active = "did(view in 1h)"
often = "count(view) >= 3"
pro = 'plan = "pro"'
quiet = "not did(buy)"
bargain = "world.sale"
fan = 'affinity("sku", "boot") > 0'
[templates.hello]
title = "Hello"
[placements.hero]
variant = [{ name = "own", when = "did(view)", priority = 1, content = {} }, { name = "any", content = {} }]
[recommend]
interactions = { view = { item = "sku" } }
[journeys.welcome]
enter = { event = "view", reentry = "after_exit" }
exit = [{ event = "buy" }]
step = [
    { id = "hi", send = { channel = "push", template = "hello" } },
    { id = "wait", wait = "2h" },
    { id = "again", send = { channel = "push", template = "hello", expires = "3h" } },
]
"#;

fn minute(n: i64) -> Instant {
    "2026-11-23T10:00:00Z".parse::<Instant>().unwrap() + Duration::minutes(n)
}

fn shop() -> Partition {
    Partition::new(&Definitions::from_toml(SHOP).unwrap_or_else(|e| panic!("{e:#}")))
}

/// Changes and notes as lines.
fn lines(outcome: &Outcome) -> Vec<String> {
    let changes = outcome.changes.iter().map(ToString::to_string);
    changes.chain(outcome.notes.iter().map(ToString::to_string)).collect()
}

fn ingest(partition: &mut Partition, at: i64, message: Message) -> Vec<String> {
    lines(&partition.ingest(&message, minute(at)).unwrap())
}

fn view() -> Message {
    Message::track("ada", "view").with("sku", "boot")
}

/// Ada has viewed once, and is restricted a minute later.
fn restricted() -> Partition {
    let mut partition = shop();
    ingest(&mut partition, 0, view());
    let told = ingest(&mut partition, 1, Message::restrict("ada", true));
    assert_eq!(told, ["welcome, step hi: not sent: restricted"]);
    assert!(partition.profile("ada").unwrap().restricted);
    partition
}

/// Whatever happens, nothing follows, and what was so stays so.
#[test]
fn nothing_happens_to_a_restricted_user() {
    type Step<'s> = (&'s str, &'s dyn Fn(&mut Partition) -> Vec<String>);
    let steps: [Step<'_>; 9] = [
        ("event", &|partition| ingest(partition, 2, view())),
        ("attribute", &|partition| ingest(partition, 2, Message::identify("ada").with("plan", "pro"))),
        ("time", &|partition| lines(&partition.advance(minute(10_000)))),
        ("world", &|partition| lines(&partition.set_world("sale", true, minute(2)).unwrap())),
        ("late event", &|partition| ingest(partition, 2, view().at(minute(-30)))),
        ("again", &|partition| ingest(partition, 2, Message::restrict("ada", true))),
        ("feedback", &|partition| {
            lines(&partition.feedback("ada", "hero", "own", Feedback::Shown, minute(2)).unwrap())
        }),
        ("redefinition", &|partition| {
            let text = SHOP.replace("count(view) >= 3", "count(view) >= 1");
            lines(&partition.redefine(&Definitions::from_toml(&text).unwrap(), minute(2)))
        }),
        // An older message than the one that restricts.
        ("lifted before", &|partition| ingest(partition, 2, Message::restrict("ada", false).at(minute(0)))),
    ];
    for (what, step) in steps {
        let mut partition = restricted();
        let (before, counts) = (partition.segments("ada"), partition.journey_counts());
        assert_eq!(step(&mut partition), Vec::<String>::new(), "{what}");
        assert_eq!(partition.segments("ada"), before, "{what}");
        assert_eq!(partition.journey_counts(), counts, "{what}");
        assert_eq!(partition.outbox_stats().pending, 0, "{what}");
    }
}

#[test]
fn it_is_kept_and_looked_at_when_that_is_lifted() {
    let mut partition = restricted();
    ingest(&mut partition, 2, view());
    ingest(&mut partition, 3, view());
    ingest(&mut partition, 4, Message::identify("ada").with("plan", "pro"));
    assert_eq!(partition.profile("ada").unwrap().attributes["plan"], "pro".into());
    // Three views in all, of which two came meanwhile: at the clock of lifting, and no journey begins with them.
    let told = ingest(&mut partition, 130, Message::restrict("ada", false));
    assert_eq!(
        told,
        [
            "ada left active",
            "ada entered often",
            "ada entered pro",
            "welcome, step again: sent by push",
            "welcome: completed"
        ]
    );
    assert!(!partition.profile("ada").unwrap().restricted);
    // From here on it is as ever.
    let told = ingest(&mut partition, 131, view());
    assert_eq!(told[..2], ["ada entered active", "welcome: entered"]);
    assert_eq!(lines(&partition.advance(minute(191)))[0], "ada left active");
}

#[test]
fn what_is_pointless_by_then_is_not_sent() {
    let mut partition = restricted();
    partition.advance(minute(1_000));
    let told = ingest(&mut partition, 1_000, Message::restrict("ada", false));
    assert_eq!(told, ["ada left active", "welcome, step again: not sent: expired", "welcome: completed"]);
}

#[test]
fn questions_are_answered_as_for_somebody_unknown() {
    let mut partition = restricted();
    for user in ["bob", "cyd"] {
        for sku in ["boot", "sock"] {
            ingest(&mut partition, 2, Message::track(user, "view").with("sku", sku));
        }
    }
    let decision = partition.decide("ada", "hero", &Object::new(), minute(2)).unwrap();
    assert_eq!(decision.variant.as_deref(), Some("any"));
    assert_eq!(serde_json::to_value(&decision.reasons[0]).unwrap(), "restricted");
    let items = partition.recommend("ada", &Query::for_user().limit(5), minute(2)).unwrap();
    let unknown = partition.recommend("nobody", &Query::for_user().limit(5), minute(2)).unwrap();
    assert_eq!(items.len(), 2);
    for (item, unknown) in items.iter().zip(&unknown) {
        assert_eq!((&item.item, item.score, &item.reason), (&unknown.item, unknown.score, &unknown.reason));
        assert_eq!((item.refused, unknown.refused), (Some(Refusal::Restricted), None));
    }
    let expression = partition.expression("did(view)").unwrap();
    let survey = partition.evaluate_all(&expression, 9, minute(2), |_| ControlFlow::Continue(())).unwrap();
    assert_eq!((survey.users, survey.done), (vec!["bob".into(), "cyd".into()], 3));
    // Who asks about this one user is answered: that is how a restriction is worked on.
    assert!(partition.evaluate(&expression, "ada", minute(2)).unwrap().holds);
}

#[test]
fn nothing_learns_from_a_restricted_user() {
    let mut partition = shop();
    ingest(&mut partition, 0, Message::restrict("ada", true));
    ingest(&mut partition, 1, view());
    assert_eq!(partition.recommend("nobody", &Query::for_user().limit(5), minute(1)).unwrap(), []);
    let told = ingest(&mut partition, 2, Message::restrict("ada", false));
    // The history is there, the affinity is not.
    assert_eq!(told, ["ada entered active"]);
}

/// A user whose first message restricts is as one of whom nothing is known.
#[test]
fn a_first_message_may_restrict() {
    let mut partition = shop();
    assert_eq!(ingest(&mut partition, 0, Message::restrict("ada", true)), ["ada entered quiet"]);
    assert_eq!(ingest(&mut partition, 1, Message::track("ada", "buy")), Vec::<String>::new());
    assert_eq!(partition.members("quiet").unwrap().collect::<Vec<_>>(), ["ada"]);
    assert_eq!(ingest(&mut partition, 2, Message::restrict("ada", false)), ["ada left quiet"]);
}

#[test]
fn a_restriction_goes_with_a_merge_and_ends_with_erasure() {
    for (who, then) in [("device", "user"), ("user", "device")] {
        let mut partition = shop();
        ingest(&mut partition, 0, Message::track("ada", "view").with("sku", "boot"));
        ingest(&mut partition, 0, Message::track(Ids::anonymous("d1"), "view").with("sku", "boot"));
        let ids = || if who == "user" { Ids::user("ada") } else { Ids::anonymous("d1") };
        ingest(&mut partition, 1, Message::restrict(ids(), true));
        let told = ingest(&mut partition, 2, Message::identify(Ids::both("ada", "d1")).with("plan", "pro"));
        let is_entry = |line: &String| line.contains("entered") && !line.contains("journey");
        assert!(!told.iter().any(is_entry), "{who} {then}: {told:?}");
        assert!(partition.profile("ada").unwrap().restricted);
        assert_eq!(partition.outbox_stats().pending, 0, "{who}");
        assert_eq!(ingest(&mut partition, 3, view()), Vec::<String>::new());
        ingest(&mut partition, 4, Message::forget("ada"));
        let told = ingest(&mut partition, 5, view());
        assert!(told.contains(&"ada entered active".to_owned()), "{told:?}");
    }
}

#[test]
fn what_the_host_holds_may_still_be_answered() {
    let mut partition = shop();
    ingest(&mut partition, 0, view());
    let id = partition.outbox(9, Duration::minutes(5), minute(0))[0].id.clone();
    assert_eq!(ingest(&mut partition, 1, Message::restrict("ada", true)), Vec::<String>::new());
    let answer = partition.acknowledge(&id, Delivery::Sent, minute(2));
    assert_eq!(lines(&answer.outcome), Vec::<String>::new());
    assert_eq!(partition.outbox_stats().leased, 0);
}

/// Whoever begins restricted, because they took a restricted visitor over, is in nothing until that is lifted.
#[test]
fn who_begins_restricted_is_in_nothing_yet() {
    let text = "version = 1\n[ids]\ncard = { strength = \"weak\" }\n[events.view]\n[events.buy]\n[segments]\nquiet = 'not did(buy)'";
    let mut partition = Partition::new(&Definitions::from_toml(text).unwrap());
    let card = |device: &str| Ids::anonymous(device).and("card", "c0");
    assert_eq!(ingest(&mut partition, 0, Message::track(card("d0"), "view")), ["d0 entered quiet"]);
    ingest(&mut partition, 1, Message::restrict(Ids::anonymous("d0"), true));
    assert_eq!(ingest(&mut partition, 700, Message::track(card("d2"), "view")), ["d0 left quiet"]);
    assert_eq!((partition.is_member("d2", "quiet"), partition.size("quiet").unwrap()), (false, 0));
    let lifted = ingest(&mut partition, 701, Message::restrict(Ids::anonymous("d2"), false));
    assert_eq!(lifted, ["d2 entered quiet"]);
    assert_eq!((partition.is_member("d2", "quiet"), partition.size("quiet").unwrap()), (true, 1));
}

/// What somebody else does ends nobody's profile.
#[test]
fn a_restricted_profile_stays_whoever_touches_it() {
    let text =
        "version = 1\n[events.view]\n[segments]\nactive = 'did(view in 1d)'\n[retention]\nidle = \"20h\"\n";
    let mut partition = Partition::new(&Definitions::from_toml(text).unwrap());
    let say = |partition: &mut Partition, at: i64, message: Message| {
        partition.ingest(&message, minute(at)).unwrap();
    };
    say(&mut partition, 0, Message::track(Ids::both("ada", "d"), "view"));
    say(&mut partition, 0, Message::track(Ids::both("eve", "e"), "view"));
    say(&mut partition, 1, Message::restrict("ada", true));
    say(&mut partition, 26 * 60, Message::track(Ids::both("bob", "d"), "view"));
    assert!(partition.profile("ada").is_some() && partition.profile("eve").is_none());
    say(&mut partition, 27 * 60, Message::restrict("ada", false));
    partition.advance(minute(47 * 60));
    assert!(partition.profile("ada").is_none(), "twenty hours after it was heard of last");
}
