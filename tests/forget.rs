//! What a host sees of an erasure: the receipt, who may come back, and the audit log.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

use bespoke::definitions::Definitions;
use bespoke::engine::{Audited, Engine, Error, Partition, Remains};
use bespoke::model::{Consent, Duration, Ids, Instant, Message, Suppress};
use bespoke::recommend::Query;
use bespoke::segment::Cause;

const SHOP: &str = r#"
version = 1
[settings]
seed = 7
[attributes]
country = "string"
[consent]
newsletter = { default = "denied" }
[events.view]
sku = "string"
[affinity.sku]
[segments]
french = 'country = "FR"'
booted = 'did(view where sku = "boot" in 30d)'
ever = 'count(view) >= 1'
liking = 'affinity("sku", "boot") > 0.5'
[templates.hello]
title = "Hello"
[journeys.welcome]
enter = { segment_entered = "french" }
step = [{ id = "push", send = { channel = "push", template = "hello" } }, { id = "rest", wait = "1d" }]
[recommend]
interactions = { view = { item = "sku" } }
k_min = 1
"#;

fn now() -> Instant {
    "2026-11-23T10:00:00Z".parse().unwrap()
}

fn partition(text: &str) -> Partition {
    Partition::new(&Definitions::from_toml(text).unwrap())
}

fn fill(partition: &mut Partition, user: &str) {
    for message in [
        Message::identify(Ids::both(user, format!("{user}-phone"))).with("country", "FR"),
        Message::track(user, "view").with("sku", "boot"),
        Message::track(user, "view").with("sku", "sock"),
        Message::track(user, "view").with("sku", "boot"),
    ] {
        partition.ingest(&message, now()).unwrap();
    }
}

/// An id that is of one person for ever brings nobody back beside whatever other ids.
#[test]
fn strong_ids_are_suppressed_beside_others() {
    let ids = "version = 1\n[ids]\nmail = { strength = \"strong\" }\ncard = { strength = \"weak\" }\n[events.view]\n";
    let with = |mut ids: Ids, declared: &[(&str, &str)]| {
        ids.declared.extend(declared.iter().map(|(kind, id)| ((*kind).into(), (*id).into())));
        ids
    };
    let ada = [("card", "c1"), ("mail", "m1")];
    for (ids_after, is_refused) in [
        (with(Ids::none(), &[("mail", "m1")]), true),
        (with(Ids::none(), &[("card", "c1")]), true),
        (with(Ids::none(), &[("card", "c2"), ("mail", "m1")]), true),
        (with(Ids::anonymous("phone"), &[("mail", "m1")]), true),
        (with(Ids::user("eve"), &[("mail", "m1")]), true),
        // A card may be somebody else's by now.
        (with(Ids::user("eve"), &[("card", "c1")]), false),
        (with(Ids::user("eve"), &[("mail", "m2")]), false),
    ] {
        let mut partition = partition(ids);
        partition.ingest(&Message::track(with(Ids::user("ada"), &ada), "view"), now()).unwrap();
        partition.ingest(&Message::forget("ada").suppress(Suppress::Forever), now()).unwrap();
        let answer = partition.ingest(&Message::track(ids_after.clone(), "view"), now());
        assert_eq!(matches!(answer, Err(Error::Suppressed { .. })), is_refused, "{ids_after:?}: {answer:?}");
    }
}

#[test]
fn a_receipt_says_what_is_gone_and_not_whose() {
    let mut partition = partition(SHOP);
    fill(&mut partition, "ada");
    let asked = now() - Duration::hours(1);
    let outcome = partition.ingest(&Message::forget("ada").at(asked), now()).unwrap();
    let receipt = outcome.receipt.unwrap();
    let erased = receipt.erased;
    assert_eq!((erased.ids, erased.attributes, erased.events, erased.affinities), (2, 1, 3, 2));
    assert_eq!((erased.totals, erased.memberships, erased.instances, erased.actions), (1, 4, 1, 1));
    assert_eq!(erased.interactions, 3);
    assert_eq!((receipt.asked, receipt.done, receipt.position), (asked, now(), outcome.sequence));
    assert_eq!(receipt.remains, [Remains::SegmentCounts, Remains::JourneyCounts, Remains::Items]);
    assert_eq!(receipt.user, partition.hash_of("ada"));
    let text = format!("{receipt:?} {} {:?}", serde_json::to_string(&receipt).unwrap(), outcome.audit);
    assert!(!text.contains("ada") && !text.contains("FR") && !text.contains("boot"), "{text}");

    for id in ["ada", "ada-phone"] {
        assert_eq!(partition.receipts_of(id), [&receipt], "{id}");
    }
    assert_eq!(partition.receipt(&receipt.id), Some(&receipt));
    assert!(partition.receipts_of("bob").is_empty() && partition.receipt("bob").is_none());

    // Whoever asks gets an answer, also for nobody; and each receipt follows from the one before.
    let nobody = partition.ingest(&Message::forget("bob"), now()).unwrap().receipt.unwrap();
    assert_eq!((nobody.erased, nobody.remains.len()), (Default::default(), 0));
    assert!(receipt.follows(None) && nobody.follows(Some(&receipt)));
    assert_eq!(partition.receipts().len(), 2);
    assert_eq!(partition.receipts_of("bob"), [&nobody]);

    // Another seed, other hashes.
    let other = Partition::new(&Definitions::from_toml(&SHOP.replace("seed = 7", "seed = 8")).unwrap());
    assert_ne!(other.hash_of("ada"), receipt.user);
}

#[test]
fn a_late_message_does_not_bring_the_user_back() {
    let mut partition = partition(SHOP);
    let until = now() + Duration::days(1);
    let ingest =
        |partition: &mut Partition, message: Message, at: Instant| match partition.ingest(&message, at) {
            Ok(_) => Ok(()),
            Err(Error::Suppressed { until }) => Err(until),
            Err(other) => panic!("{other}"),
        };
    for (suppress, before, after) in [
        (Suppress::No, Ok(()), Ok(())),
        (Suppress::Until(until), Err(Some(until)), Ok(())),
        (Suppress::Forever, Err(None), Err(None)),
    ] {
        let mut partition = Partition::new(&Definitions::from_toml(SHOP).unwrap());
        fill(&mut partition, "ada");
        partition.ingest(&Message::forget("ada").suppress(suppress), now()).unwrap();
        let view = |ids: Ids| Message::track(ids, "view");
        for ids in [Ids::user("ada"), Ids::anonymous("ada-phone"), Ids::both("ada", "tablet")] {
            let was = partition.checkpoint().unwrap();
            assert_eq!(ingest(&mut partition, view(ids.clone()), until - Duration::from_millis(1)), before);
            // What was refused changed nothing.
            assert_eq!(was == partition.checkpoint().unwrap(), before.is_err());
        }
        if before.is_err() {
            assert_eq!(ingest(&mut partition, Message::alias("ada", "carl"), now()), before);
            assert_eq!(ingest(&mut partition, Message::merge("ada", "carl", "asked"), now()), before);
        }
        // The phone may have another user by now.
        assert_eq!(ingest(&mut partition, view(Ids::both("bob", "ada-phone")), now()), Ok(()));
        assert_eq!(partition.suppressed(), if before.is_err() { 5 } else { 0 });
        assert_eq!(ingest(&mut partition, view(Ids::user("ada")), until), after);
        assert_eq!(partition.profile("ada").is_some(), after.is_ok());
        // It is lifted by another word.
        partition.ingest(&Message::forget("ada"), until).unwrap();
        assert_eq!(ingest(&mut partition, view(Ids::user("ada")), until), Ok(()));
    }
    let error = partition.ingest(&Message::forget("x").suppress(Suppress::Forever), now()).unwrap();
    assert_eq!(error.receipt.unwrap().erased.ids, 0);
    let error = partition.ingest(&Message::track("x", "view"), now()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the user was erased and is suppressed; drop the message, or lift it by a `forget` with `suppress` = `no`"
    );
}

#[test]
fn the_audit_log_says_what_was_done_and_by_whom() {
    let definitions = Definitions::from_toml(SHOP).unwrap();
    let engine = Engine::builder(definitions.clone()).open().unwrap();
    let ada = engine.hash_of("ada");
    let done = |message: Message| {
        let outcome = engine.ingest(message.context("actor", "support-3"), now()).unwrap();
        for entry in &outcome.audit {
            assert_eq!((entry.position, entry.at), (outcome.sequence, now()));
            assert_eq!((entry.actor.as_deref(), entry.user.as_ref()), (Some("support-3"), Some(&ada)));
        }
        outcome.audit.into_iter().map(|entry| entry.action).collect::<Vec<_>>()
    };
    assert_eq!(done(Message::track("ada", "view")), []);
    engine.ingest(Message::track(Ids::anonymous("phone"), "view"), now()).unwrap();
    let merged = done(Message::track(Ids::both("ada", "phone"), "view"));
    assert!(matches!(&merged[..], [Audited::Merge { absorbed }] if *absorbed != ada), "{merged:?}");
    // Also where nobody had the id: what was bob's is ada's from now on.
    let merge = || Message::merge("bob", "ada", "they said so");
    let bob = engine.hash_of("bob");
    engine.ingest(Message::forget("ada"), now()).unwrap();
    engine.ingest(Message::track("bob", "view"), now()).unwrap();
    assert_eq!(done(merge()), [Audited::Merge { absorbed: bob }]);
    assert_eq!(done(merge()), []);
    let said = done(Message::consent("ada", Consent::granted("newsletter").channel("push")));
    let json = serde_json::to_string(&said[0]).unwrap();
    assert_eq!(json, r#"{"action":"consent","purpose":"newsletter","channel":"push","status":"granted"}"#);
    let erased = done(Message::forget("ada"));
    assert_eq!(erased, [Audited::Erasure { receipt: engine.receipts()[1].id.clone() }]);
    let redefined = engine.redefine(&definitions, now()).unwrap();
    assert_eq!(redefined.audit.len(), 1);
    assert_eq!((&redefined.audit[0].action, &redefined.audit[0].user), (&Audited::Definitions, &None));
}

#[test]
fn who_is_not_heard_of_goes() {
    let mut partition = partition(&format!("{SHOP}\n[retention]\nanonymous = '30d'\nidle = '90d'"));
    let day = |n: i64| now() + Duration::days(n);
    fill(&mut partition, "ada");
    partition.ingest(&Message::track(Ids::anonymous("visitor"), "view").with("sku", "x"), now()).unwrap();
    // Heard of at the last instant.
    partition.advance(day(30) - Duration::from_millis(1));
    assert_eq!(partition.user_count(), 2);
    partition.ingest(&Message::track(Ids::anonymous("visitor"), "view"), day(30)).unwrap();
    let outcome = partition.advance(day(61));
    assert_eq!(partition.users(), ["ada".into()]);
    let left: Vec<_> = outcome.changes.iter().filter(|change| change.at == day(60)).collect();
    assert_eq!(left.iter().map(|c| c.to_string()).collect::<Vec<_>>(), ["visitor left ever"]);
    assert_eq!(left[0].cause, Cause::Retention);
    assert_eq!(
        outcome.audit.iter().map(|e| (e.at, &e.action)).collect::<Vec<_>>(),
        [(day(60), &Audited::Expiry)]
    );
    // What came late, and is of somebody who is over at once.
    let outcome =
        partition.ingest(&Message::track("carl", "view").at(now() - Duration::days(40)), day(61)).unwrap();
    assert_eq!(outcome.audit.len(), 1);
    assert_eq!(partition.user_count(), 1);
    partition.advance(day(90));
    assert_eq!((partition.user_count(), partition.receipts().len()), (0, 0));
    assert!(partition.outbox(10, Duration::minutes(1), day(90)).is_empty());
    let sizes: Vec<u64> = partition.segment_stats().map(|(_, stats)| stats.size()).collect();
    assert_eq!(sizes, [0; 4]);
    assert_eq!(partition.next_due(), None);
}

#[test]
fn actions_wait_no_longer_than_they_may() {
    for (retention, waits) in [("", true), ("[retention]\noutbox = '2d'", false)] {
        let mut partition = partition(&format!("{SHOP}\n{retention}"));
        partition.ingest(&Message::identify("ada").with("country", "FR"), now()).unwrap();
        let later = now() + Duration::days(2);
        assert_eq!(!partition.outbox(10, Duration::minutes(1), later).is_empty(), waits);
    }
}

#[test]
fn windows_reach_no_further_than_what_is_kept() {
    let with = |segment: &str, retention: &str| {
        let text = format!(
            "version = 1\n[events.view]\n[events.order]\n[segments]\na = '{segment}'\n[retention]\n{retention}"
        );
        Definitions::from_toml(&text).err().map(|errors| errors.to_string())
    };
    for (segment, retention, wanted) in [
        (
            "did(view in 90d)",
            "events.view = '30d'",
            Some("this asks for 90d, but retention keeps 30d of `view`"),
        ),
        (
            "did(view in 90d)",
            "events.default = '30d'",
            Some("asks for 90d, but retention keeps 30d of `view`"),
        ),
        ("did(order in 90d)", "events.view = '30d'", None),
        ("did(view in 30d)", "events.view = '30d'", None),
        ("did(view from 60d to 1d ago)", "events.view = '30d'", Some("asks for 60d")),
        ("count(any in 60d) > 3", "events.view = '30d'", Some("keeps 30d of `view`")),
        ("did(view in this month)", "events.view = '30d'", Some("asks for 31d")),
        ("did(view in this month)", "events.view = '31d'", None),
        ("sequence(view, order) in 60d", "events.order = '30d'", Some("keeps 30d of `order`")),
        ("did(order since last(view in 60d))", "events.view = '30d'", Some("asks for 60d")),
        ("did(view)", "events.view = '30d'", None),
        ("true", "events.veiw = '30d'", Some("did you mean `view`")),
        ("true", "attributes.email = '30d'", Some("unknown attribute `email`")),
        ("true", "idle = '5m'", Some("at least `1h`")),
        ("true", "outbox = '1d'\njournal = '7d'", None),
        ("true", "users = '1d'", Some("users")),
    ] {
        let found = with(segment, retention);
        match wanted {
            Some(words) => assert!(found.as_ref().is_some_and(|f| f.contains(words)), "{segment}: {found:?}"),
            None => assert_eq!(found, None, "{segment}"),
        }
    }
    let definitions = Definitions::from_toml("version = 1\n[retention]\njournal = '7d'").unwrap();
    assert_eq!(definitions.journal_retention(), Some(Duration::days(7)));
}

#[test]
fn pairs_of_few_users_are_not_told() {
    let definitions = SHOP.replace("k_min = 1", "k_min = 3");
    let mut partition = partition(&definitions);
    let similar = |partition: &Partition| {
        let answer = partition.recommend("zoe", &Query::similar_to("boot").limit(5), now()).unwrap();
        answer.into_iter().map(|item| item.reason).collect::<Vec<_>>()
    };
    fill(&mut partition, "u0");
    fill(&mut partition, "u1");
    assert_eq!(similar(&partition), ["popular now"]);
    (2..20).for_each(|n| fill(&mut partition, &format!("u{n}")));
    assert_eq!(similar(&partition), ["similar to boot"]);
    // Without all but two of them it is as it was with two.
    (2..20).for_each(|n| drop(partition.ingest(&Message::forget(format!("u{n}")), now()).unwrap()));
    assert_eq!(similar(&partition), ["popular now"]);
}
