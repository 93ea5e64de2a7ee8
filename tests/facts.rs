//! What the engine writes down itself, and what segments make of it: its own events, and facts that are state.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

use bespoke::decision::{Feedback, Reason};
use bespoke::definitions::Definitions;
use bespoke::engine::{Outcome, Partition};
use bespoke::journey::{Acknowledged, Delivery};
use bespoke::model::{Consent, Duration, Ids, Instant, Message, Object, Value};

fn start() -> Instant {
    "2026-11-23T10:00:00Z".parse().unwrap()
}

fn minute(n: i64) -> Instant {
    start() + Duration::minutes(n)
}

const SCHEMA: &str = r#"
version = 1
[attributes]
plan = "string"
age = "number"
email = "string"
push_token = "string"
[events.view]
sku = "string"
[events.buy]
sku = "string"
[lists]
"vip-2026" = "the best customers of the year"
[consent]
marketing = { default = "denied" }
personalize = { default = "granted" }
[channels]
email = {}
push = { address = "push_token" }
[world]
sale = "bool"
rate = "number"
[templates.hello]
title = "Hello"
[placements.hero]
variant = [{ name = "a", content = { title = "A" } }, { name = "b", content = { title = "B" } }]
[journeys.welcome]
class = "service"
enter = { event = "view", reentry = "after_exit" }
exit = [{ event = "buy" }]
step = [{ id = "hi", send = { channel = "push", template = "hello" } }, { id = "wait", wait = "1h" }]
"#;

/// Definitions with a schema, and segments below it.
fn partition(segments: &str) -> Partition {
    Partition::new(
        &Definitions::from_toml(&format!("{SCHEMA}\n[segments]\n{segments}"))
            .unwrap_or_else(|e| panic!("{e:#}")),
    )
}

/// The changes as lines: minute, user, what.
fn lines(outcome: &Outcome) -> Vec<String> {
    let minutes = |at: Instant| (at - start()).as_millis() as f64 / 60_000.0;
    outcome.changes.iter().map(|change| format!("{} {change}", minutes(change.at))).collect()
}

fn ingest(partition: &mut Partition, at: i64, message: Message) -> Vec<String> {
    lines(&partition.ingest(&message.at(minute(at)), minute(at).max(partition.clock())).unwrap())
}

fn view() -> Message {
    Message::track("ada", "view").with("sku", "boot-7")
}

/// Something that happens, and gives the changes that follow.
type Step<'s> = &'s dyn Fn(&mut Partition) -> Vec<String>;

/// What a user relies on, step by step: what happens, and the changes that follow.
fn check(segments: &str, steps: &[(Step<'_>, &[&str])]) {
    let mut partition = partition(segments);
    for (number, (step, expected)) in steps.iter().enumerate() {
        assert_eq!(step(&mut partition), *expected, "step {number} of\n{segments}");
    }
}

/// Takes a message in, in a table.
macro_rules! at {
    ($minute:expr, $message:expr) => {
        &|partition: &mut Partition| ingest(partition, $minute, $message)
    };
}

macro_rules! advance {
    ($minute:expr) => {
        &|partition: &mut Partition| lines(&partition.advance(minute($minute)))
    };
}

#[test]
fn an_attribute_that_changes_is_an_event() {
    let plan = |name: &str| Message::identify("ada").with("plan", name);
    check(
        r#"
upgraded = 'did(attribute.changed where name = "plan" and to = "pro" in 1h)'
fickle = 'count(attribute.changed where name = "plan" in 1h) >= 3'
was_free = 'last(attribute.changed.from where name = "plan") = "free"'
seen = 'did(any)'
"#,
        &[
            (at!(0, plan("free")), &[]),
            (at!(1, plan("free")), &[]),
            (at!(2, plan("pro")), &["2 ada entered upgraded", "2 ada entered was_free"]),
            (at!(3, plan("free").with("age", 7)), &["3 ada entered fickle", "3 ada left was_free"]),
            // Late, and older than what is known: it changes nothing.
            (at!(1, plan("team")), &[]),
            (advance!(62), &["60 ada left fickle", "62 ada left upgraded"]),
        ],
    );
}

#[test]
fn own_events_make_no_session_and_feed_nothing() {
    let mut partition = partition(
        r#"
changed = 'did(attribute.changed in 1d)'
session = 'session.number >= 1'
liked = 'affinity("name", "plan") > 0'
any = 'did(any)'
"#,
    );
    let lines = ingest(&mut partition, 0, Message::identify("ada").with("plan", "pro"));
    assert_eq!(lines, ["0 ada entered changed"]);
    let profile = partition.profile("ada").unwrap();
    assert_eq!(profile.session, None);
    assert_eq!(profile.events.len(), 1);
    assert_eq!(profile.events[0].name, "attribute.changed");
}

#[test]
fn what_is_not_read_is_not_recorded() {
    let mut partition = partition("viewer = 'did(view in 1d)'");
    ingest(&mut partition, 0, Message::identify("ada").with("plan", "pro"));
    ingest(&mut partition, 0, view());
    let profile = partition.profile("ada").unwrap();
    assert_eq!(profile.events.iter().map(|event| &*event.name).collect::<Vec<_>>(), ["view"]);
}

#[test]
fn hosts_cannot_use_the_engines_names() {
    let mut partition = partition("viewer = 'did(view in 1d)'");
    for (message, words) in [
        (Message::track("ada", "message.opened"), "is an event that the engine records itself"),
        (Message::identify("ada").with("\u{1}list\u{1}vip-2026", true), "no control characters"),
        (Message::list("ada", "vip-2027", true), "unknown list `vip-2027` (did you mean `vip-2026`?)"),
        (Message::consent("ada", Consent::granted("marketin")), "did you mean `marketing`?"),
        (Message::consent("ada", Consent::granted("marketing").channel("emial")), "did you mean `email`?"),
        (Message::world().with("sal", true), "did you mean `sale`?"),
        (Message::world().with("sale", 1), "`world.sale` is declared as a bool, not a number"),
    ] {
        let error = partition.ingest(&message, minute(0)).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    assert_eq!(partition.user_count(), 0);
}

#[test]
fn entering_and_leaving_a_segment_are_events() {
    check(
        r#"
# Defined before what it asks for, and looked at behind it.
returned = 'count(segment.entered where name = "viewer" in 10h) >= 2'
lost = 'did(segment.left where name in ["viewer", "buyer"] in 10m)'
viewer = 'did(view in 30m)'
buyer = 'did(buy in 30m)'
restless = 'count(segment.entered in 10h) >= 3'
"#,
        &[
            (at!(0, view()), &["0 ada entered viewer"]),
            (advance!(30), &["30 ada entered lost", "30 ada left viewer"]),
            (
                at!(35, view()),
                &["35 ada entered returned", "35 ada entered viewer", "35 ada entered restless"],
            ),
            (advance!(45), &["40 ada left lost"]),
        ],
    );
}

#[test]
fn own_events_of_keyed_segments_have_the_key() {
    check(
        r#"
interested = { by = "sku", when = 'count(view in 1h) >= 2' }
in_boots = 'did(segment.entered where name = "interested" and key = "boot-7")'
long = 'now - entered("interested") >= 30m'
long_by_sku = { by = "sku", when = 'did(view) and now - entered("interested") >= 30m' }
"#,
        &[
            (at!(0, view()), &[]),
            (at!(1, view()), &["1 ada entered interested (boot-7)", "1 ada entered in_boots"]),
            (at!(20, view().with("sku", "sock")), &[]),
            (at!(21, view().with("sku", "sock")), &["21 ada entered interested (sock)"]),
            (
                advance!(55),
                &[
                    "31 ada entered long",
                    "31 ada entered long_by_sku (boot-7)",
                    "51 ada entered long_by_sku (sock)",
                ],
            ),
            // Of the parts that are left the longest stay counts.
            (advance!(62), &["60 ada left interested (boot-7)", "60 ada left long_by_sku (boot-7)"]),
        ],
    );
}

#[test]
fn the_stay_in_a_segment_has_a_beginning() {
    check(
        r#"
patient = 'now - entered("viewer") >= 20m'
outside = 'entered("viewer") is missing'
viewer = 'did(view in 30m)'
"#,
        &[
            (at!(0, view()), &["0 ada entered viewer"]),
            (at!(10, view()), &[]),
            (advance!(39), &["20 ada entered patient"]),
            (advance!(40), &["40 ada left patient", "40 ada entered outside", "40 ada left viewer"]),
        ],
    );
}

#[test]
fn a_list_is_changed_by_messages() {
    let on = |list: bool| Message::list("ada", "vip-2026", list);
    check(
        r#"vip = 'list("vip-2026")'"#,
        &[
            (at!(5, on(true)), &["5 ada entered vip"]),
            (at!(3, on(false)), &[]),
            (at!(6, on(false)), &["6 ada left vip"]),
            (at!(4, on(true)), &[]),
        ],
    );
}

#[test]
fn consent_by_the_latest_record_and_until_it_expires() {
    let say = |consent: Consent| Message::consent("ada", consent);
    let (granted, denied) = (|| Consent::granted("marketing"), || Consent::denied("marketing"));
    check(
        r#"
asked = 'consent("marketing")'
mail = 'subscribed("email")'
push = 'subscribed("push")'
personal = 'consent("personalize")'
"#,
        &[
            (
                at!(0, say(granted().until(minute(30)))),
                &[
                    "0 ada entered asked",
                    "0 ada entered mail",
                    "0 ada entered push",
                    "0 ada entered personal",
                ],
            ),
            (at!(5, say(denied().channel("email"))), &["5 ada left mail"]),
            // Of one instant the denial holds, in whichever order.
            (at!(5, say(granted().channel("email"))), &[]),
            // Late, and older.
            (at!(4, say(granted().channel("email"))), &[]),
            (at!(6, say(granted().channel("email").until(minute(20)))), &["6 ada entered mail"]),
            (at!(7, say(Consent::withdrawn("personalize").until(minute(40)))), &["7 ada left personal"]),
            (
                advance!(50),
                &["30 ada left asked", "30 ada left mail", "30 ada left push", "40 ada entered personal"],
            ),
        ],
    );
}

#[test]
fn reachable_is_who_has_an_address() {
    let set = |name: &str, value: Value| Message::identify("ada").with(name, value);
    check(
        r#"
by_mail = 'reachable("email")'
by_push = 'reachable("push")'
"#,
        &[
            (at!(0, set("email", "ada@example.com".into())), &["0 ada entered by_mail"]),
            (at!(1, set("push_token", "t".into())), &["1 ada entered by_push"]),
            (at!(2, set("email", Value::Null)), &["2 ada left by_mail"]),
        ],
    );
}

#[test]
fn the_world_is_the_same_for_everyone() {
    let sale = |is_on: bool| Message::world().with("sale", is_on);
    check(
        r#"
bargain = 'world.sale and did(view)'
on_sale = 'world.sale'
dear = 'world.rate > 1.5'
"#,
        &[
            (at!(0, view()), &[]),
            (at!(1, Message::track("bob", "buy")), &[]),
            (
                at!(2, sale(true)),
                &["2 ada entered bargain", "2 ada entered on_sale", "2 bob entered on_sale"],
            ),
            // Who comes later comes into the same world.
            (at!(3, Message::track("cyd", "buy")), &["3 cyd entered on_sale"]),
            (
                &|p| lines(&p.set_world("rate", 2, minute(4)).unwrap()),
                &["4 ada entered dear", "4 bob entered dear", "4 cyd entered dear"],
            ),
            (
                at!(5, sale(false)),
                &["5 ada left bargain", "5 ada left on_sale", "5 bob left on_sale", "5 cyd left on_sale"],
            ),
        ],
    );
}

#[test]
fn what_becomes_of_a_message_is_an_event() {
    let mut partition = partition(
        r#"
told = 'did(message.sent where channel = "push" and journey = "welcome" and step = "hi" and template = "hello")'
opener = 'did(message.opened in 1h)'
cold = 'did(message.sent) and not did(message.opened)'
failed = 'did(message.failed)'
"#,
    );
    ingest(&mut partition, 0, Message::identify("ada").with("push_token", "t1"));
    ingest(&mut partition, 0, view());
    let actions = partition.outbox(10, Duration::minutes(1), minute(1));
    let id = &*actions[0].id;
    for (at, delivery, acknowledged, expected) in [
        (1, Delivery::Sent, Acknowledged::Accepted, &["1 ada entered told", "1 ada entered cold"][..]),
        (2, Delivery::Sent, Acknowledged::Repeated, &[]),
        (3, Delivery::Opened, Acknowledged::Accepted, &["3 ada entered opener", "3 ada left cold"]),
        // What is due before happens first.
        (70, Delivery::Unreachable, Acknowledged::Accepted, &["63 ada left opener", "70 ada entered failed"]),
    ] {
        let answer = partition.acknowledge(id, delivery, minute(at));
        assert_eq!(
            (answer.acknowledged, &*lines(&answer.outcome)),
            (acknowledged, &expected.iter().map(ToString::to_string).collect::<Vec<_>>()[..]),
            "{at}"
        );
    }
}

#[test]
fn own_events_have_parts_as_others_have() {
    let mut partition = partition(
        r#"
ignored = { by = "journey", when = 'did(message.sent) and not did(message.opened)' }
cold = 'some channel: (count([message.sent, message.delivered] in 1h) >= 2)'
since = 'count(view since last(message.sent)) >= 1'
in_order = 'sequence(message.sent, not message.clicked within 10m)'
"#,
    );
    ingest(&mut partition, 0, Message::identify("ada").with("push_token", "t1"));
    ingest(&mut partition, 0, view());
    let id = partition.outbox(10, Duration::minutes(1), minute(1))[0].id.clone();
    let mut acknowledge = |delivery, at| lines(&partition.acknowledge(&id, delivery, minute(at)).outcome);
    assert_eq!(acknowledge(Delivery::Sent, 1), ["1 ada entered ignored (welcome)"]);
    assert_eq!(acknowledge(Delivery::Delivered, 2), ["2 ada entered cold"]);
    assert_eq!(acknowledge(Delivery::Opened, 3), ["3 ada left ignored (welcome)"]);
    assert_eq!(lines(&partition.advance(minute(20))), ["11 ada entered in_order"]);
    assert_eq!(ingest(&mut partition, 21, view()), ["21 ada entered since"]);
}

#[test]
fn journeys_begin_and_end_by_own_events() {
    let mut partition = partition(
        r#"
viewer = 'did(view in 30m)'
[journeys.upgrade]
enter = { event = "attribute.changed", where = 'name = "plan" and to = "pro"' }
exit = [{ event = "segment.left", where = 'name = "viewer"' }]
step = [{ id = "wait", wait = "10h" }]
"#,
    );
    ingest(&mut partition, 0, view());
    let mut notes = Vec::new();
    let plan = Message::identify("ada").with("plan", "pro").at(minute(1));
    notes.extend(partition.ingest(&plan, minute(1)).unwrap().notes);
    notes.extend(partition.advance(minute(40)).notes);
    let notes = notes.iter().filter(|note| &*note.journey == "upgrade").map(ToString::to_string);
    assert_eq!(
        notes.collect::<Vec<_>>(),
        [
            "upgrade: entered",
            "upgrade, step wait: waits until 2026-11-23T20:01:00Z",
            "upgrade: exited: event"
        ]
    );
}

#[test]
fn who_is_in_a_journey() {
    check(
        r#"
new = 'did(view in 2h) and not in_journey("welcome")'
welcomed = 'in_journey("welcome")'
"#,
        &[
            // Who is in a journey is known before anything is said that follows from it.
            (at!(0, view()), &["0 ada entered welcomed"]),
            (advance!(61), &["60 ada entered new", "60 ada left welcomed"]),
            (at!(62, view()), &["62 ada left new", "62 ada entered welcomed"]),
            (at!(63, Message::track("ada", "buy")), &["63 ada entered new", "63 ada left welcomed"]),
        ],
    );
}

#[test]
fn a_loop_of_segments_and_journeys_is_cut_off() {
    let segments = r#"
outside = 'did(view) and not in_journey("turn")'
[journeys.turn]
enter = { segment_entered = "outside" }
exit = [{ segment_left = "outside" }]
step = [{ id = "wait", wait = "1h" }]
"#;
    let mut partition = partition(segments);
    let lines = ingest(&mut partition, 0, view());
    assert_eq!(partition.loops_cut(), 1);
    // Even so, what is said last is what holds.
    assert_eq!(lines.last().unwrap().contains("entered"), partition.is_member("ada", "outside"));
    let is_outside = partition.is_member("ada", "outside");
    let notes = partition.advance(minute(60)).notes;
    let is_in = notes.iter().any(|note| &*note.journey == "turn");
    assert_ne!(is_in, is_outside, "in the journey, or outside");
}

#[test]
fn predictions_decisions_and_variants() {
    let shown = |variant: &'static str, feedback, at| {
        move |p: &mut Partition| lines(&p.feedback("ada", "hero", variant, feedback, minute(at)).unwrap())
    };
    let churn =
        |x, at| move |p: &mut Partition| lines(&p.set_prediction("ada", "churn", x, minute(at)).unwrap());
    check(
        r#"
risky = 'predict.churn > 0.5'
saw_a = 'variant("hero") = "a"'
tired = 'count(decision.shown where placement = "hero" in 1h) >= 2 and not did(decision.clicked)'
"#,
        &[
            (at!(0, view()), &[]),
            (&churn(Some(0.7), 1), &["1 ada entered risky"]),
            (&churn(Some(0.5), 2), &["2 ada left risky"]),
            (&churn(Some(0.6), 3), &["3 ada entered risky"]),
            (&churn(None, 4), &["4 ada left risky"]),
            (&shown("a", Feedback::Shown, 5), &["5 ada entered saw_a"]),
            (&shown("b", Feedback::Shown, 6), &["6 ada left saw_a", "6 ada entered tired"]),
            (&shown("b", Feedback::Clicked, 7), &["7 ada left tired"]),
        ],
    );
    let mut partition = partition("risky = 'predict.churn > 0.5'");
    ingest(&mut partition, 0, view());
    let mut refused = |user: &str, placement: &str, variant: &str| {
        partition.feedback(user, placement, variant, Feedback::Shown, minute(1)).unwrap_err().to_string()
    };
    assert_eq!(refused("ada", "hera", "a"), "unknown placement `hera` (did you mean `hero`?)");
    assert_eq!(
        refused("ada", "hero", "c"),
        "unknown variant `c` of the placement `hero` (did you mean `a`?)"
    );
    assert_eq!(refused("eve", "hero", "a"), "unknown user `eve`");
    let error = partition.set_prediction("ada", "chrun", Some(1.0), minute(1)).unwrap_err();
    assert_eq!(error.to_string(), "unknown prediction `chrun` (did you mean `churn`?)");
    assert!(partition.set_prediction("ada", "churn", Some(f64::NAN), minute(1)).is_err());
}

#[test]
fn a_device_that_goes_to_another_user_is_seen_by_both() {
    let on = |user: &str| Message::track(Ids::both(user, "tablet"), "view");
    check(
        r#"shared = 'did(identity.switched in 1h)'"#,
        &[
            (at!(0, on("ada")), &[]),
            (at!(1, on("ada")), &[]),
            (at!(2, on("bob")), &["2 ada entered shared", "2 bob entered shared"]),
        ],
    );
}

#[test]
fn a_merge_keeps_what_both_say() {
    let mut partition = partition(
        r#"
vip = 'list("vip-2026")'
asked = 'consent("marketing")'
patient = 'now - entered("viewer") >= 20m'
viewer = 'did(view in 30m)'
"#,
    );
    let device = || Ids::anonymous("phone");
    for (at, message) in [
        (0, Message::track(device(), "view")),
        (1, Message::list(device(), "vip-2026", true)),
        (2, Message::consent(device(), Consent::granted("marketing"))),
        (2, Message::consent("ada", Consent::denied("marketing"))),
        (3, Message::list("ada", "vip-2026", false)),
    ] {
        ingest(&mut partition, at, message);
    }
    let lines = ingest(&mut partition, 5, Message::identify(Ids::both("ada", "phone")));
    let left = ["5 phone left vip", "5 phone left asked", "5 phone left viewer"];
    assert_eq!(lines, [&["5 ada entered vip", "5 ada entered viewer"][..], &left].concat());
    // The stay of the profile that goes on began with the merge.
    assert_eq!(self::lines(&partition.advance(minute(29))), ["25 ada entered patient"]);
    let profile = partition.profile("ada").unwrap();
    assert_eq!(profile.lists, ["vip-2026"]);
    assert_eq!(profile.consents.len(), 1);
    assert!(profile.attributes.is_empty());
    // Nothing is left of a user who is erased.
    ingest(&mut partition, 30, Message::forget("ada"));
    assert_eq!(partition.user_count(), 0);
}

#[test]
fn the_same_inputs_give_the_same_state() {
    let run = || {
        let mut partition = partition(
            r#"
vip = 'list("vip-2026")'
patient = 'now - entered("vip") >= 20m and world.sale'
left = 'did(segment.left where name = "patient")'
"#,
        );
        ingest(&mut partition, 0, Message::list("ada", "vip-2026", true));
        ingest(&mut partition, 1, Message::world().with("sale", true));
        ingest(&mut partition, 2, Message::consent("ada", Consent::granted("marketing").until(minute(9))));
        partition.feedback("ada", "hero", "a", Feedback::Shown, minute(3)).unwrap();
        partition.advance(minute(30));
        ingest(&mut partition, 31, Message::world().with("sale", Value::Null));
        partition.checkpoint().unwrap()
    };
    let state = run();
    assert_eq!(state, run());
    let text = String::from_utf8(state).unwrap();
    for words in ["vip-2026", "marketing", r#""hero":"a""#, "sale"] {
        assert!(text.contains(words), "{words} is missing from {text}");
    }
}

#[test]
fn templates_see_no_facts() {
    let definitions = r#"
version = 1
[lists]
vip = "the best"
[segments]
vip = 'list("vip")'
[[placements.hero.variant]]
name = "a"
content = { title = "{{ user }}" }
"#;
    let mut partition = Partition::new(&Definitions::from_toml(definitions).unwrap());
    ingest(&mut partition, 0, Message::list("ada", "vip", true));
    let decision = partition.decide("ada", "hero", &Object::new(), minute(1)).unwrap();
    assert_eq!(decision.content.get("title"), Some(&Value::from("{}")));
}

#[test]
fn misspelt_facts_are_refused_with_advice() {
    for (text, words) in [
        ("did(message.openned in 60d)", "unknown event `message.openned` (did you mean `message.opened`?)"),
        ("did(message.openned.channel in 60d)", "`message.openned` (did you mean `message.opened`?)"),
        ("did(message.opened where chanel = \"email\")", "(did you mean `channel`?)"),
        ("did(message.opened where channel = 7)", "a string cannot be compared with a number"),
        ("did([message.opened, message.clickd])", "(did you mean `message.clicked`?)"),
        ("last(message.opened.chanel) = \"push\"", "(did you mean `channel`?)"),
        ("list(\"vip-2025\")", "unknown list `vip-2025` (did you mean `vip-2026`?)"),
        ("lists(\"vip-2026\")", "unknown function `lists` (did you mean `list`?)"),
        ("list(vip)", "`list` takes a name in quotes"),
        ("consent(\"tracking\")", "unknown purpose `tracking` (declare it under [consent])"),
        ("subscribed(\"emial\")", "unknown channel `emial` (did you mean `email`?)"),
        ("reachable(\"sms\")", "unknown channel `sms`"),
        ("entered(\"x\", \"y\") is present", "`entered` takes one argument, not 2"),
        ("entered(\"nobody\") is present", "unknown segment `nobody`"),
        ("did(segment.entered where name = \"nobody\")", "unknown segment `nobody`"),
        ("in_journey(\"welcom\")", "unknown journey `welcom` (did you mean `welcome`?)"),
        ("variant(\"hera\") = \"a\"", "unknown placement `hera` (did you mean `hero`?)"),
        ("world.sal", "unknown fact about the world `sal` (did you mean `sale`?)"),
        ("world.sale > 3", "a bool cannot be compared with a number"),
        ("predict.churn = \"high\"", "a number cannot be compared with a string"),
        ("did(view where consent(\"marketing\"))", "is not known inside `where`"),
        ("entered(\"x\") is present", "segments in a circle: x → x"),
        ("did(segment.left where name = \"x\")", "segments in a circle: x → x"),
    ] {
        let definitions = format!("{SCHEMA}\n[segments]\nx = '''{text}'''");
        let error = Definitions::from_toml(&definitions).expect_err(text).to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
    for (table, words) in [
        (
            "[affinity.sku]\nweights = { \"message.opened\" = 2 }",
            "`message.opened` is an event of the engine",
        ),
        (
            "[recommend]\ninteractions = { \"decision.clicked\" = { item = \"variant\" } }",
            "`decision.clicked` is an event",
        ),
        ("[events.\"message.opened\"]", "is an event that the engine records itself"),
        ("[channels.sms]", "unknown attribute `sms`"),
    ] {
        let text = SCHEMA.replace("[channels]\nemail = {}\npush = { address = \"push_token\" }", "");
        let error = Definitions::from_toml(&format!("{text}\n{table}")).expect_err(table).to_string();
        assert!(error.contains(words), "{table}: {error}");
    }
    let circle = "loud = 'did(segment.entered)'\nx = '''did(segment.entered where name = \"loud\")'''";
    let error = Definitions::from_toml(&format!("{SCHEMA}\n[segments]\n{circle}")).unwrap_err().to_string();
    assert!(error.contains("what `loud` does is no event"), "{error}");
}

/// Somebody's first page view is decided for before anything is known of them: by what asks for nothing of them.
#[test]
fn conditions_on_the_request_and_the_world_hold_for_whoever_is_unknown() {
    let definitions = Definitions::from_toml(
        r#"
version = 1
[settings]
timezone = "Europe/Paris"
[attributes]
plan = "string"
[events.view]
[world]
sale = "bool"
[segments]
newcomer = "not did(view)"
[[placements.hero.variant]]
name = "rain"
when = 'request.weather = "rain" and length(request.city) > 2'
priority = 3
[[placements.hero.variant]]
name = "new"
when = 'segment("newcomer") or plan is missing or bucket("x") >= 0'
priority = 2
[[placements.hero.variant]]
name = "sale"
when = 'world.sale and now > @2026-01-01'
priority = 1
[[placements.hero.variant]]
name = "all"
content = { title = '{{ request.at | local("%H:%M") }}' }
"#,
    )
    .unwrap();
    let mut partition = Partition::new(&definitions);
    let now: Instant = "2026-11-23T10:00:00Z".parse().unwrap();
    let at = Object::new().with("at", now);
    let decision = partition.decide("new", "hero", &at, now).unwrap();
    assert_eq!(decision.content.get("title").unwrap().as_str(), Some("11:00"), "the clock of the settings");
    assert!(matches!(&decision.reasons[0], Reason::NotEligible { variant, .. } if **variant == *"rain"));
    assert!(matches!(&decision.reasons[1], Reason::UserUnknown { variant, .. } if **variant == *"new"));
    let rain = Object::new().with("weather", "rain").with("city", "Lyon");
    let shown = |partition: &Partition, user: &str, request: &Object| {
        partition.decide(user, "hero", request, now).unwrap().variant.unwrap().to_string()
    };
    assert_eq!(shown(&partition, "new", &Object::new()), "all");
    assert_eq!(shown(&partition, "new", &rain), "rain");
    partition.set_world("sale", true, now).unwrap();
    assert_eq!(shown(&partition, "new", &Object::new()), "sale");
    partition.ingest(&Message::identify("ada"), now).unwrap();
    assert_eq!(shown(&partition, "ada", &Object::new()), "new");
    assert_eq!(shown(&partition, "ada", &rain), "rain");
}
