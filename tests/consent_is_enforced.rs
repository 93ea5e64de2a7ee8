//! Consent is enforced by the engine and not by the host: what is kept, what learns, what is shown, what is sent.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

use bespoke::definitions::Definitions;
use bespoke::engine::{Outcome, Partition, Refusal};
use bespoke::model::{Consent, Duration, Ids, Instant, Message, Object};
use bespoke::recommend::Query;

fn minute(n: i64) -> Instant {
    "2026-11-23T10:00:00Z".parse::<Instant>().unwrap() + Duration::minutes(n)
}

/// What a shop defines beside purposes and channels.
const SHOP: &str = r#"
version = 1
[attributes]
plan = "string"
email = "string"
[events.view]
sku = "string"
[events.buy]
[affinity.sku]
half_life = "7d"
[segments]
seen = "did(view)"
fan = 'affinity("sku", "boot") > 0'
[templates.hello]
title = "Hello"
[placements.hero]
variant = [
    { name = "own", when = "did(view)", priority = 1, content = { title = "For you" } },
    { name = "any", content = { title = "For all" } },
]
[recommend]
interactions = { view = { item = "sku" } }
"#;

fn partition(more: &str) -> Partition {
    defined(&format!("{SHOP}{more}"))
}

fn defined(text: &str) -> Partition {
    Partition::new(&Definitions::from_toml(text).unwrap_or_else(|e| panic!("{e:#}")))
}

fn ingest(partition: &mut Partition, at: i64, message: Message) -> Outcome {
    partition.ingest(&message, minute(at)).unwrap()
}

fn view(ids: impl Into<Ids>) -> Message {
    Message::track(ids, "view").with("sku", "boot")
}

fn say(consent: Consent) -> Message {
    Message::consent("ada", consent)
}

fn changes(outcome: &Outcome) -> Vec<String> {
    outcome.changes.iter().map(ToString::to_string).collect()
}

fn notes(outcome: &Outcome) -> Vec<String> {
    outcome.notes.iter().map(ToString::to_string).collect()
}

/// By the default, what the user says before, and what the user is: whether an event is kept.
#[test]
fn events_are_kept_of_who_agrees_to_collect() {
    let granted = || say(Consent::granted("collect"));
    let denied = || say(Consent::denied("collect"));
    let device = || Ids::anonymous("d1");
    let on_device = |consent| Message::consent(device(), consent);
    let both = || view(Ids::both("ada", "d1"));
    for (default, before, event, is_kept) in [
        ("granted", vec![], view("ada"), true),
        ("granted", vec![denied()], view("ada"), false),
        ("granted", vec![say(Consent::withdrawn("collect"))], view("ada"), false),
        ("granted", vec![denied(), granted()], view("ada"), true),
        ("granted", vec![say(Consent::denied("collect").until(minute(5)))], view("ada"), true),
        ("granted", vec![say(Consent::denied("collect").until(minute(11)))], view("ada"), false),
        ("granted", vec![say(Consent::denied("collect").channel("email"))], view("ada"), true),
        ("granted", vec![denied()], view("bob"), true),
        ("granted", vec![denied()], Message::page("ada", "home"), false),
        ("granted", vec![denied()], Message::screen("ada", "home"), false),
        ("denied", vec![], view("ada"), false),
        ("denied", vec![granted()], view("ada"), true),
        ("denied", vec![say(Consent::granted("collect").until(minute(10)))], view("ada"), false),
        ("denied", vec![Message::identify("ada").with("plan", "pro")], view("ada"), false),
        // The device's word counts for the user whom it turns out to be.
        ("denied", vec![on_device(Consent::granted("collect"))], both(), true),
        ("denied", vec![on_device(Consent::granted("collect"))], view("ada"), false),
        ("granted", vec![on_device(Consent::denied("collect")), granted()], both(), true),
        ("granted", vec![granted(), on_device(Consent::denied("collect"))], both(), false),
        // A device of another user has no say.
        ("granted", vec![view(Ids::both("bob", "d1")), on_device(Consent::denied("collect"))], both(), true),
    ] {
        let mut partition = partition(&format!("[consent]\ncollect = {{ default = '{default}' }}"));
        for (message, at) in before.clone().into_iter().zip(0..) {
            ingest(&mut partition, at, message);
        }
        let (state, users) = (partition.profile("ada"), partition.user_count());
        let outcome = ingest(&mut partition, 10, event.clone());
        let told = format!("{default} {before:?} {event:?}");
        assert_eq!(outcome.refused, (!is_kept).then_some(Refusal::NoConsent), "{told}");
        let refused = partition.refused();
        if is_kept {
            assert_eq!(refused, [], "{told}");
        } else {
            assert_eq!(refused, [(Refusal::NoConsent, 1)], "{told}");
            assert_eq!((changes(&outcome), notes(&outcome)), (vec![], vec![]), "{told}");
            assert_eq!((partition.profile("ada"), partition.user_count()), (state, users), "{told}");
        }
    }
}

#[test]
fn what_is_no_event_passes_without_consent() {
    let mut partition = partition("[consent]\ncollect = { default = 'denied' }\n[lists]\nvip = 'the best'");
    for message in [
        Message::identify(Ids::both("ada", "d1")).with("plan", "pro"),
        Message::group("ada", "g1"),
        Message::alias("old", "ada"),
        Message::list("ada", "vip", true),
        say(Consent::denied("collect")),
        Message::restrict("ada", false),
    ] {
        assert_eq!(ingest(&mut partition, 0, message.clone()).refused, None, "{message:?}");
    }
    let profile = partition.profile("d1").unwrap();
    assert_eq!((profile.user.as_str(), profile.lists.as_slice()), ("ada", &["vip".to_owned()][..]));
    assert_eq!(ingest(&mut partition, 1, view("ada").id("m1")).refused, Some(Refusal::NoConsent));
    // A second one is known as such, also of what was not kept.
    assert!(ingest(&mut partition, 2, view("ada").id("m1")).duplicate);
    assert_eq!(ingest(&mut partition, 3, Message::forget("ada")).refused, None);
    assert_eq!(partition.user_count(), 0);
}

/// A purpose that is not declared is not asked for.
#[test]
fn who_does_not_agree_is_as_unknown_where_that_is_declared() {
    for (declared, own, learned, recommended) in [
        ("", true, true, None),
        ("[consent]\ncollect = { default = 'granted' }", true, true, None),
        (
            "[consent]\npersonalize = { default = 'granted' }\nrecommend = { default = 'granted' }",
            true,
            true,
            None,
        ),
        ("[consent]\npersonalize = { default = 'denied' }", false, false, None),
        ("[consent]\nrecommend = { default = 'denied' }", true, true, Some(Refusal::NoConsent)),
    ] {
        let mut partition = partition(declared);
        for user in ["bob", "cyd"] {
            ingest(&mut partition, 0, view(user));
            ingest(&mut partition, 0, Message::track(user, "view").with("sku", "sock"));
        }
        ingest(&mut partition, 1, view("ada"));
        let decision = partition.decide("ada", "hero", &Object::new(), minute(1)).unwrap();
        assert_eq!(decision.variant.as_deref(), Some(if own { "own" } else { "any" }), "{declared}");
        let reason = serde_json::to_value(&decision.reasons[0]).unwrap();
        assert_eq!(reason == "no_consent", !own, "{declared}: {reason}");
        assert_eq!(partition.is_member("ada", "fan"), learned, "{declared}");
        for item in partition.recommend("ada", &Query::for_user().limit(5), minute(1)).unwrap() {
            assert_eq!(item.refused, recommended, "{declared}");
        }
    }
}

#[test]
fn the_answer_without_consent_is_that_for_somebody_unknown() {
    let mut partition =
        partition("[consent]\npersonalize = { default = 'granted' }\nrecommend = { default = 'granted' }");
    for (user, skus) in [("bob", ["boot", "sock"]), ("cyd", ["sock", "hat"]), ("ada", ["boot", "hat"])] {
        for (sku, at) in skus.into_iter().zip(0..) {
            ingest(&mut partition, at, Message::track(user, "view").with("sku", sku));
        }
    }
    let now = minute(5);
    ingest(&mut partition, 5, say(Consent::withdrawn("personalize")));
    ingest(&mut partition, 5, say(Consent::withdrawn("recommend")));
    let decide = |user: &str| partition.decide(user, "hero", &Object::new(), now).unwrap();
    let (known, unknown) = (decide("ada"), decide("nobody"));
    assert_eq!((known.variant, known.content), (unknown.variant, unknown.content));
    assert_eq!(known.reasons[1..], unknown.reasons);
    let items = |user: &str| -> Vec<(String, String)> {
        let answer = partition.recommend(user, &Query::for_user().limit(5), now).unwrap();
        answer.into_iter().map(|item| (item.item, item.reason)).collect()
    };
    assert_eq!(items("ada"), items("nobody"));
    assert!(!items("ada").is_empty());
}

/// Whoever says nothing has taught the models nothing either.
#[test]
fn models_learn_nothing_without_consent() {
    let granted = "[consent]\nrecommend = { default = 'granted' }";
    let popular = |partition: &Partition| {
        partition.recommend("nobody", &Query::for_user().limit(5), minute(9)).unwrap()
    };
    let mut with = partition(granted);
    let mut without = partition(
        &granted.replace("recommend = { default = 'granted' }", "recommend = { default = 'denied' }"),
    );
    ingest(&mut with, 0, view("ada"));
    ingest(&mut without, 0, view("ada"));
    assert_eq!(popular(&with).len(), 1);
    assert_eq!(popular(&without), []);
    ingest(&mut without, 1, say(Consent::granted("recommend")));
    ingest(&mut without, 2, view("ada"));
    assert_eq!(popular(&without).len(), 1);
}

const JOURNEY: &str = r#"
[journeys.welcome]
class = "CLASS"
enter = { event = "view" }
step = [{ id = "hi", send = { channel = "email", template = "hello" } }]
"#;

/// By class, what is declared, and what the user says: what the gate says.
#[test]
fn the_gate_asks_for_consent_and_an_address() {
    let marketing = |default: &str| format!("[consent]\nmarketing = {{ default = '{default}' }}\n");
    let email = Message::identify("ada").with("email", "ada@example.org");
    let by_email = |consent: Consent| say(consent.channel("email"));
    let channels = "[channels]\nemail = {}\n";
    for (class, declared, before, expected) in [
        ("marketing", marketing("granted"), vec![], "sent by email"),
        ("marketing", marketing("denied"), vec![], "not sent: no_consent"),
        ("service", marketing("denied"), vec![], "sent by email"),
        ("transactional", marketing("denied"), vec![], "sent by email"),
        ("marketing", marketing("denied"), vec![say(Consent::granted("marketing"))], "sent by email"),
        ("marketing", marketing("denied"), vec![by_email(Consent::granted("marketing"))], "sent by email"),
        (
            "marketing",
            marketing("denied"),
            vec![say(Consent::granted("marketing").channel("push"))],
            "not sent: no_consent",
        ),
        (
            "marketing",
            marketing("granted"),
            vec![by_email(Consent::denied("marketing"))],
            "not sent: unsubscribed",
        ),
        (
            "transactional",
            marketing("granted"),
            vec![by_email(Consent::denied("marketing"))],
            "sent by email",
        ),
        (
            "marketing",
            marketing("granted"),
            vec![by_email(Consent::denied("marketing")), say(Consent::granted("marketing"))],
            "not sent: unsubscribed",
        ),
        ("marketing", marketing("granted") + channels, vec![], "not sent: unreachable"),
        ("transactional", marketing("granted") + channels, vec![], "not sent: unreachable"),
        ("marketing", marketing("granted") + channels, vec![email.clone()], "sent by email"),
        ("marketing", marketing("denied") + channels, vec![email.clone()], "not sent: no_consent"),
        (
            "marketing",
            marketing("granted") + channels,
            vec![email.clone(), Message::identify("ada").with("email", bespoke::model::Value::Null)],
            "not sent: unreachable",
        ),
    ] {
        let mut partition = partition(&format!("{declared}{}", JOURNEY.replace("CLASS", class)));
        ingest(&mut partition, 0, Message::identify("ada").with("plan", "pro"));
        for message in before.clone() {
            ingest(&mut partition, 0, message);
        }
        let notes = notes(&ingest(&mut partition, 1, view("ada")));
        assert_eq!(notes[1], format!("welcome, step hi: {expected}"), "{class} {declared} {before:?}");
    }
}

#[test]
fn a_withdrawal_takes_pending_actions_back_in_the_same_call() {
    let declared = "[consent]\nmarketing = { default = 'granted' }\n[channels]\nemail = {}\n";
    let journeys = JOURNEY.replace("CLASS", "marketing")
        + &JOURNEY.replace("CLASS", "transactional").replace("welcome", "receipt");
    let shop = SHOP.replace("[segments]", "[segments]\nfine = 'consent(\"marketing\")'");
    let mut partition = defined(&format!("{shop}{declared}{journeys}"));
    ingest(&mut partition, 0, Message::identify("ada").with("email", "ada@example.org"));
    ingest(&mut partition, 0, view("ada"));
    assert_eq!(partition.outbox_stats().pending, 2);
    let outcome = ingest(&mut partition, 1, say(Consent::withdrawn("marketing")));
    assert_eq!(changes(&outcome), ["ada left fine"]);
    assert_eq!(notes(&outcome), ["welcome, step hi: not sent: no_consent"]);
    let actions = partition.outbox(9, Duration::minutes(1), minute(1));
    assert_eq!(actions.iter().map(|action| &*action.journey).collect::<Vec<_>>(), ["receipt"]);

    // The channel's own record, and what comes with a merge.
    ingest(&mut partition, 2, say(Consent::granted("marketing")));
    ingest(&mut partition, 3, view("ada"));
    assert_eq!(partition.outbox_stats().pending, 2);
    let outcome = ingest(&mut partition, 4, say(Consent::denied("marketing").channel("email")));
    assert_eq!(notes(&outcome), ["welcome, step hi: not sent: unsubscribed"]);
    ingest(&mut partition, 5, say(Consent::granted("marketing").channel("email")));
    ingest(&mut partition, 6, view("ada"));
    let device = || Ids::anonymous("d1");
    let outcome =
        ingest(&mut partition, 7, Message::consent(device(), Consent::denied("marketing").channel("email")));
    assert_eq!(notes(&outcome), Vec::<String>::new());
    let outcome = ingest(&mut partition, 8, Message::identify(Ids::both("ada", "d1")));
    assert_eq!(notes(&outcome), ["welcome, step hi: not sent: unsubscribed"]);
    let counts = partition.journey_counts();
    assert_eq!(counts[&("welcome".to_owned(), "not sent: unsubscribed".to_owned())], 2);
}

#[test]
fn a_grant_that_ends_ends_what_waits() {
    let declared = "[consent]\nmarketing = { default = 'denied' }\n";
    for (asked, handed_out) in [(9, 1), (10, 0)] {
        let mut partition = partition(&format!("{declared}{}", JOURNEY.replace("CLASS", "marketing")));
        ingest(&mut partition, 0, say(Consent::granted("marketing").until(minute(10))));
        ingest(&mut partition, 1, view("ada"));
        partition.advance(minute(asked));
        assert_eq!(partition.outbox(9, Duration::minutes(1), minute(asked)).len(), handed_out);
        let expired = ("welcome".to_owned(), "not sent: expired in the outbox".to_owned());
        assert_eq!(partition.journey_counts().contains_key(&expired), handed_out == 0);
    }
}

#[test]
fn other_definitions_take_back_what_they_do_not_allow() {
    let text = |default: &str| {
        format!(
            "{SHOP}[consent]\nmarketing = {{ default = '{default}' }}\n{}",
            JOURNEY.replace("CLASS", "marketing")
        )
    };
    let mut partition = defined(&text("granted"));
    ingest(&mut partition, 0, view("ada"));
    ingest(&mut partition, 0, Message::consent("bob", Consent::granted("marketing")));
    ingest(&mut partition, 0, view("bob"));
    let outcome = partition.redefine(&Definitions::from_toml(&text("denied")).unwrap(), minute(1));
    assert_eq!(notes(&outcome), ["welcome, step hi: not sent: no_consent"]);
    let actions = partition.outbox(9, Duration::minutes(1), minute(1));
    assert_eq!(actions.iter().map(|action| &*action.user).collect::<Vec<_>>(), ["bob"]);
}

/// A message that is a duplicate, or is not kept, brings time all the same: what is due at its instant happens.
#[test]
fn what_is_ignored_brings_time() {
    let text = "version = 1\n[events.view]\n[consent]\ncollect = { default = 'granted' }\n[segments]\nfresh = 'did(view in 2m)'";
    let definitions = Definitions::from_toml(text).unwrap();
    let start: Instant = "2026-11-23T10:00:00Z".parse().unwrap();
    let due = start + Duration::minutes(2);
    for ignored in [Message::track("bob", "view"), Message::track("cyd", "view").id("seen")] {
        let mut partition = Partition::new(&definitions);
        partition.ingest(&Message::consent("bob", Consent::denied("collect")), start).unwrap();
        partition.ingest(&Message::consent("cyd", Consent::granted("collect")).id("seen"), start).unwrap();
        partition.ingest(&Message::track("ada", "view"), start).unwrap();
        let outcome = partition.ingest(&ignored, due).unwrap();
        assert!(outcome.duplicate || outcome.refused.is_some());
        assert_eq!(outcome.changes.iter().map(ToString::to_string).collect::<Vec<_>>(), ["ada left fresh"]);
        assert_eq!(partition.advance(due).changes, []);
    }
}
