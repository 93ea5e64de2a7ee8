//! How little is kept of a value, and who may see it, as the schema says.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

use bespoke::definitions::Definitions;
use bespoke::engine::Partition;
use bespoke::model::{Duration, Instant, Message, Object};

const SCHEMA: &str = r#"
version = 1
[settings]
hash_key = "no key for real use"
[attributes]
age = "number"
name = { kind = "string", pii = "direct" }
email = { kind = "string", pii = "direct", store = "hash" }
other_email = { kind = "string", store = "hash" }
ssn = { kind = "string", pii = "direct", store = "drop" }
"contact.*" = { kind = "string", pii = "direct" }
[events.order]
to = { kind = "string", pii = "direct" }
card = { kind = "string", store = "hash" }
pin = { kind = "string", store = "drop" }
amount = "number"
[templates.hello]
title = "Hello {{ user.name }} {{ event.to }}"
[placements.hero]
variant = [{ name = "own", content = { title = "Hello {{ user.name }}" } }]
[journeys.thanks]
enter = { event = "order", reentry = "after_exit" }
step = [{ id = "hi", send = { channel = "push", template = "hello" } }, { id = "wait", wait = "1h" }]
"#;

fn now() -> Instant {
    Instant::from_millis(0)
}

fn lines(text: &str) -> Vec<String> {
    Definitions::from_toml(text).expect_err(text).iter().map(ToString::to_string).collect()
}

/// Ada, whose secrets begin with `secret`.
fn ada(segments: &str) -> Partition {
    let text = format!("{SCHEMA}[segments]\n{segments}");
    let mut partition = Partition::new(&Definitions::from_toml(&text).unwrap_or_else(|e| panic!("{e:#}")));
    let identify = Message::identify("ada").with("name", "secret name").with("email", "secret@email");
    let identify = identify.with("other_email", "secret@email").with("ssn", "secret ssn").with("age", 37);
    let order = Message::track("ada", "order").with("to", "secret to").with("card", "secret card");
    for message in
        [identify.with("contact.phone", "secret phone"), order.with("pin", "secret pin").with("amount", 9)]
    {
        partition.ingest(&message, now()).unwrap();
    }
    partition
}

/// What may be asked of what is kept as a hash, and what it gives.
#[test]
fn hashes_are_compared_with_the_hash_of_what_is_written() {
    for (text, holds) in [
        (r#"email = "secret@email""#, true),
        (r#""secret@email" = email"#, true),
        (r#"email = "Secret@email""#, false),
        (r#"email != "other""#, true),
        (r#"email in ["other", "secret@email"]"#, true),
        (r#"email in ["other"]"#, false),
        (r#"email not in ["secret@email"]"#, false),
        ("email = other_email", true),
        ("email is present", true),
        (r#"did(order where card = "secret card")"#, true),
        (r#"did(order where card = "secret")"#, false),
        (r#"did(order where card in ["secret card"])"#, true),
        (r#"last(order.card) = "secret card""#, true),
    ] {
        let partition = ada(&format!("a = '{text}'"));
        assert_eq!(partition.is_member("ada", "a"), holds, "{text}");
        let asked = partition.expression(text).unwrap();
        assert_eq!(partition.evaluate(&asked, "ada", now()).unwrap().holds, holds, "{text} asked");
    }
}

#[test]
fn what_cannot_be_asked() {
    for (text, error) in [
        (r#"email < "b""#, "a hash has no order"),
        (r#"email between "a" and "b""#, "a hash has no order"),
        (r#"email starts with "secret""#, "a string is wanted, this is a hash"),
        (r#"email matches "secret""#, "a string is wanted, this is a hash"),
        (r#"lower(email) = "x""#, "a hash"),
        ("email = name", "a hash can be compared with a text that is written out"),
        ("email = 3", "a hash cannot be compared with a number"),
        (r#"ssn = "1""#, "`ssn` is not kept, so nothing can be asked of it"),
        (r#"did(order where pin = "1")"#, "`pin` is not kept, so nothing can be asked of it"),
        ("last(order.pin) is present", "`pin` is not kept"),
        (r#"top("to") = "x""#, "`to` is direct personal data, and this would show it"),
        ("some to: (did(order))", "`to` is direct personal data, and this would show it"),
    ] {
        let found = lines(&format!("{SCHEMA}[segments]\na = '{text}'"));
        assert!(found.len() == 1 && found[0].contains(error), "{text}: {found:#?}");
    }
    for (text, error) in [
        ("[segments]\na = { by = 'to', when = 'did(order)' }", "`to` is direct personal data"),
        ("[recommend]\ninteractions = { order = { item = 'to' } }", "`to` is direct personal data"),
        ("[recommend]\ninteractions = { order = { item = 'pin' } }", "`pin` is not kept"),
        ("[recommend]\ninteractions = {}\npopularity = { context = ['to'] }", "`to` is direct personal data"),
        (
            "[journeys.x]\nenter = { event = 'order', key = 'to' }\nstep = [{ id = 'w', wait = '1h' }]",
            "`to` is direct personal data",
        ),
        ("[channels]\nmail = { address = 'ssn' }", "`ssn` is not kept, so nobody can be reached"),
    ] {
        let found = lines(&format!("{SCHEMA}{text}"));
        assert!(found.len() == 1 && found[0].contains(error), "{text}: {found:#?}");
    }
}

/// Whatever reads names, properties and journeys, nothing that is dropped or hashed is anywhere in the state.
#[test]
fn what_is_not_kept_is_nowhere() {
    let segments = r#"
a = 'email = "x" and name = "x" and contact.phone = "x"'
b = 'did(order where to = "x" and card = "x" and amount > 3 in 7d)'
c = 'did(attribute.changed where name = "name" and to = "x" and from = "x")'
"#;
    let partition = ada(segments);
    let state = String::from_utf8(partition.checkpoint().unwrap()).unwrap();
    for (secret, is_kept) in [
        ("secret name", true),
        ("secret phone", true),
        ("secret to", true),
        ("secret@email", false),
        ("secret ssn", false),
        ("secret card", false),
        ("secret pin", false),
    ] {
        assert_eq!(state.contains(secret), is_kept, "{secret}");
    }
    assert!(!partition.profile("ada").unwrap().attributes.contains_key("ssn"));
}

/// Direct personal data is in the profile, for whoever asks for it, and nowhere else.
#[test]
fn what_is_hidden_is_shown_to_nobody_who_did_not_ask() {
    let segments = r#"
named = 'name = "secret name" and age >= 18'
listed = 'name in ["secret name", "x"] and not (contact.phone starts with "secret")'
sent = 'did(order where to = "secret to") and last(order.to in 7d) = "secret to"'
long = 'length(name) > 3 and lower(name) != "x"'
total = 'last(order.to) = "secret to"'
changed = 'did(attribute.changed where name = "name")'
"#;
    let mut partition = ada(segments);
    for segment in ["named", "listed", "sent", "long", "total", "changed"] {
        let why = partition.explain("ada", segment, now()).unwrap();
        let why_not = partition.why_not("ada", segment, now()).unwrap();
        let json = serde_json::to_string(&(&why, &why_not)).unwrap();
        for text in [why.to_string(), format!("{why:?}"), why_not.to_string(), format!("{why_not:?}"), json] {
            assert!(!text.contains("secret"), "{segment}: {text}");
        }
    }
    let why = partition.explain("ada", "named", now()).unwrap().to_string();
    assert!(why.contains("name = ‹hidden› and age >= 18") && why.contains("name: ‹hidden›"), "{why}");
    assert!(why.contains("age: 37"), "{why}");
    let decision = partition.decide("ada", "hero", &Object::new(), now()).unwrap();
    let actions = partition.outbox(9, Duration::minutes(1), now());
    let (profile, export) = (partition.profile("ada").unwrap(), partition.export("ada").unwrap());
    for text in [
        format!("{profile:?} {:?}", profile.events),
        format!("{export:?} {:?} {:?} {:?}", export.attributes, export.messages, export.events),
        format!("{:?} {:?}", export.journeys, export.running_values),
        format!("{partition:?}"),
        format!("{actions:?}"),
        format!("{decision:?}"),
    ] {
        assert!(!text.contains("secret"), "{text}");
    }
    // Who asks for it has it.
    assert_eq!(profile.attributes["name"], "secret name".into());
    assert_eq!(actions[0].content.get("title"), Some(&"Hello secret name secret to".into()));
    assert_eq!(decision.content.get("title"), Some(&"Hello secret name".into()));
    assert!(serde_json::to_string(&export).unwrap().contains("secret phone"));
}

#[test]
fn a_key_is_in_no_debug_output() {
    let definitions = Definitions::from_toml(&format!("{SCHEMA}[segments]\na = 'email = \"x\"'")).unwrap();
    assert!(!format!("{definitions:?}").contains("real use"));
    assert!(!format!("{:?}", Partition::new(&definitions)).contains("real use"));
}

/// Attributes that are there already are kept as other definitions say, and segments see them so.
#[test]
fn other_definitions_may_keep_less() {
    let before = "version = 1\n[settings]\nhash_key = 'no key for real use'\n[attributes]\nname = 'string'\nplan = 'string'\nssn = 'string'\n";
    let after = before
        .replace("name = 'string'", "name = { kind = 'string', store = 'hash' }")
        .replace("ssn = 'string'", "ssn = { kind = 'string', store = 'drop' }");
    let segment = "[segments]\na = 'name = \"secret name\"'\nb = 'plan = \"pro\"'\n";
    let read =
        |text: &str| Definitions::from_toml(&format!("{text}{segment}")).unwrap_or_else(|e| panic!("{e:#}"));
    let mut partition = Partition::new(&read(before));
    let gone =
        Message::identify("ada").with("name", "secret name").with("ssn", "secret ssn").with("plan", "pro");
    partition.ingest(&gone, now()).unwrap();
    let outcome = partition.redefine(&read(&after), now());
    assert_eq!(outcome.changes, []);
    assert!(partition.is_member("ada", "a") && partition.is_member("ada", "b"));
    let profile = partition.profile("ada").unwrap();
    assert_eq!(profile.attributes.keys().collect::<Vec<_>>(), ["name", "plan"]);
    assert!(!String::from_utf8(partition.checkpoint().unwrap()).unwrap().contains("secret"));
    // As if it had been so from the beginning.
    let mut fresh = Partition::new(&read(&after));
    fresh.ingest(&gone, now()).unwrap();
    assert_eq!(fresh.profile("ada"), partition.profile("ada"));
}

#[test]
fn hashes_are_asked_for_by_their_texts_or_not_at_all() {
    let text = |rules: &str| {
        format!(
            "version = 1\n[settings]\nhash_key = \"no key for real use\"\n[attributes]\nh = {{ kind = \"string\", store = \"hash\" }}\ntags = \"list\"\n\
             [events.view]\nhe = {{ kind = \"string\", store = \"hash\" }}\n[affinity.he]\n[segments]\n{rules}"
        )
    };
    let rules = "share = 'affinity(\"he\", \"x\") > 0.4'\ntop = 'top(\"he\") = \"x\"'\n\
                 part = 'some he: (key = \"x\" and did(view in 1h))'\n\
                 list = 'some he: (key in [\"x\", \"y\"] and did(view in 1h))'\nlast = 'last(view.he) = \"x\"'\n";
    let mut partition = Partition::new(&Definitions::from_toml(&text(rules)).unwrap());
    let now = Instant::from_millis(1_790_000_000_000);
    partition.ingest(&Message::track("ada", "view").with("he", "x"), now).unwrap();
    assert_eq!(partition.segments("ada").len(), 5, "{:?}", partition.segments("ada"));
    partition.ingest(&Message::track("bob", "view").with("he", "z"), now).unwrap();
    assert!(partition.segments("bob").is_empty());
    for refused in ["h in user.tags", "tags contains h", "did(view where he in user.tags)"] {
        let errors = Definitions::from_toml(&text(&format!("s = '{refused}'"))).unwrap_err();
        assert!(errors.to_string().contains("hash"), "{refused}: {errors}");
    }
}
