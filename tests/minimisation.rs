//! How little is kept of a value, and who may see it, as the schema says.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

use bespoke::definitions::Definitions;
use bespoke::engine::{Engine, Partition};
use bespoke::journey::Delivery;
use bespoke::model::{Duration, Ids, Instant, Message, Object};
use bespoke::storage::MemoryDisk;

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

/// What a journey knows of the event that began it goes as the event's values and the event do, to the millisecond, whether
/// users are in memory or not, and after a login and a restart too.
#[test]
fn a_journey_forgets_the_event_as_it_may_be_kept() {
    let text = r#"
version = 1
[events.quote]
id = "string"
town = { kind = "string", ttl = "2h" }
"visit.reason" = { kind = "string", ttl = "3h" }
price = "number"
[retention]
events = { quote = "5h" }
[templates.told]
title = "{{ event.town }}/{{ event.visit.reason }}/{{ event.price }}"
[journeys.remind]
enter = { event = "quote", key = "id" }
step = [
    { id = "soon", wait = "2h" }, { id = "a", send = { channel = "push", template = "told" } },
    { id = "later", wait = "1h" }, { id = "b", send = { channel = "push", template = "told" } },
    { id = "late", wait = "2h" }, { id = "c", send = { channel = "push", template = "told" } },
    { id = "end_of_it", wait = "10h" },
]
"#;
    let definitions = Definitions::from_toml(text).unwrap_or_else(|e| panic!("{e:#}"));
    let hours = |n: i64| now() + Duration::hours(n);
    let just_before = |at: Instant| at - Duration::from_millis(1);
    for memory in [0, usize::MAX] {
        let disk = MemoryDisk::new();
        let open = || Engine::builder(definitions.clone()).disk(disk.clone()).memory(memory).open().unwrap();
        let known = |engine: &Engine, user: &str| -> Vec<String> {
            let stays = engine.export(user).unwrap().journeys;
            stays.iter().map(|stay| serde_json::to_string(&stay.event).unwrap()).collect()
        };
        let titles = |engine: &Engine, at: Instant| -> Vec<String> {
            engine.advance(at).unwrap();
            let actions = engine.outbox(9, at).unwrap();
            actions
                .iter()
                .for_each(|action| drop(engine.acknowledge(&action.id, Delivery::Sent, at).unwrap()));
            actions
                .iter()
                .map(|action| action.content.get("title").unwrap().as_str().unwrap().to_owned())
                .collect()
        };
        let phone = || Ids::anonymous("phone");
        let engine = open();
        let visit = Object::new().with("reason", "a secret");
        let quote =
            Message::track(phone(), "quote").with("id", "early").with("town", "Lyon").with("price", 9);
        // A quarter of an hour late: it goes by its own instant.
        engine.ingest(quote.with("visit", visit).at(now()), now() + Duration::minutes(15)).unwrap();
        let whole = r#"{"id":"early","town":"Lyon","price":9,"visit":{"reason":"a secret"}}"#;
        assert!(titles(&engine, just_before(hours(2))).is_empty());
        assert_eq!(known(&engine, "phone"), [whole]);
        assert_eq!(engine.next_due(), Some(hours(2)));
        assert_eq!(titles(&engine, hours(2)), ["/a secret/9"]);
        let login = Message::track(Ids::both("ada", "phone"), "quote").with("id", "late");
        engine.ingest(login, hours(2)).unwrap();
        drop(engine);

        let engine = open();
        let late = r#"{"id":"late"}"#;
        let left = r#"{"id":"early","price":9,"visit":{"reason":"a secret"}}"#;
        assert_eq!(known(&engine, "ada"), [left, late]);
        assert_eq!(engine.next_due(), Some(hours(3)));
        assert_eq!(titles(&engine, hours(3)), ["//9"]);
        let left = r#"{"id":"early","price":9,"visit":{}}"#;
        assert_eq!(known(&engine, "ada"), [left, late]);
        engine.advance(just_before(hours(5))).unwrap();
        assert_eq!(known(&engine, "ada"), [left, late]);
        assert!(titles(&engine, hours(5)).contains(&"//".to_owned()));
        assert_eq!(known(&engine, "ada"), ["{}", late]);
        engine.advance(hours(7)).unwrap();
        assert_eq!(known(&engine, "ada"), ["{}", "{}"]);
    }
}

/// Whoever goes on in a journey that begins with something else now is not known the event with which it began.
#[test]
fn a_journey_that_begins_otherwise_forgets_what_began_it() {
    let text = r#"
version = 1
[events.quote]
town = "string"
[events.visit]
[retention]
events = { quote = "1d" }
[templates.told]
title = "{{ event.town }}"
[journeys.remind]
on_change = "migrate"
enter = { event = "quote" }
step = [{ id = "wait", wait = "9d" }, { id = "a", send = { channel = "push", template = "told" } }]
"#;
    let mut partition = Partition::new(&Definitions::from_toml(text).unwrap());
    partition.ingest(&Message::track("ada", "quote").with("town", "a secret"), now()).unwrap();
    let other = text.replace("enter = { event = \"quote\" }", "enter = { event = \"visit\" }");
    partition.redefine(&Definitions::from_toml(&other).unwrap(), now() + Duration::hours(1));
    assert_eq!(partition.export("ada").unwrap().journeys[0].event, None);
    assert!(!String::from_utf8(partition.checkpoint().unwrap()).unwrap().contains("a secret"));
}

/// An event that the engine records does not keep what an attribute was for longer than the attribute, and says of a hash
/// what the attribute says.
#[test]
fn changes_of_attributes_say_no_more_than_the_attributes() {
    let text = r#"
version = 1
[settings]
hash_key = "no key for real use"
[attributes]
plan = "string"
seats = "number"
email = { kind = "string", store = "hash" }
mood = { kind = "string", ttl = "1h" }
[scores.moves]
points = [{ event = "attribute.changed", where = 'name = "email" and to = "b@x"', points = 5 }]
[segments]
upgraded = 'did(attribute.changed where name = "plan" and from = "free" and to = "pro")'
grew = 'did(attribute.changed where to > 5 and "seats" = name)'
moved = 'did(attribute.changed where name = "email" and from = "a@x" and to in ["b@x", "c@x"])'
was = 'last(attribute.changed.from where name = "email") = "a@x"'
moody = 'did(attribute.changed where name = "mood")'
sad = 'did(attribute.changed where name = "mood" and to = "sad")'
any = 'did(attribute.changed where to = "b@x")'
scored = 'score("moves") >= 5'
"#;
    let mut partition = Partition::new(&Definitions::from_toml(text).unwrap_or_else(|e| panic!("{e:#}")));
    let who = |plan: &str, seats: i64, email: &str, mood: &str| {
        let who = Message::identify("ada").with("plan", plan).with("seats", seats);
        who.with("email", email).with("mood", mood)
    };
    partition.ingest(&who("free", 1, "a@x", "glad"), now()).unwrap();
    partition.ingest(&who("pro", 9, "b@x", "sad"), now() + Duration::minutes(1)).unwrap();
    let mut inside: Vec<_> =
        partition.segments("ada").into_keys().map(|segment| segment.to_string()).collect();
    inside.sort_unstable();
    assert_eq!(inside, ["grew", "moody", "moved", "scored", "upgraded", "was"]);
    partition.advance(now() + Duration::hours(2));
    let state = String::from_utf8(partition.checkpoint().unwrap()).unwrap();
    assert!(!state.contains("\"sad\"") && !state.contains("glad"), "{state}");

    // The kinds are those of the attribute, where a condition names one that is declared.
    for (rule, error) in [
        (
            r#"did(attribute.changed where name = "seats" and to = "many")"#,
            "a number cannot be compared with a string",
        ),
        (
            r#"last(attribute.changed.to where name = "plan") > 3"#,
            "a string cannot be compared with a number",
        ),
        (r#"did(attribute.changed where name = "email" and to starts with "a")"#, "a hash"),
    ] {
        let found = lines(&format!("{text}wrong = '{rule}'"));
        assert!(found.len() == 1 && found[0].contains(error), "{rule}: {found:#?}");
    }
}

/// Where the schema is closed, what is not declared is nowhere: not in profiles, journeys and the journal, nor in what was kept
/// before the schema was closed.
#[test]
fn a_closed_schema_keeps_what_is_declared() {
    let text = r#"
version = 1
[settings]
schema = "closed"
[attributes]
plan = "string"
home = "geo"
"budget.*" = "number"
"profile.name" = "string"
devices = [{ os = "string" }]
[events.order]
amount = "number"
"shipping.city" = "string"
lines = [{ sku = "string" }]
[lists]
vip = "invited"
[templates.thanks]
title = "{{ user.nick }}/{{ user.plan }}/{{ event.note }}/{{ event.amount }}/{{ event.shipping.city }}"
[journeys.thanks]
enter = { event = "order", reentry = "after_exit" }
step = [{ id = "hi", send = { channel = "push", template = "thanks" } }]
[segments]
rich = "budget.food > 10 and did(order.lines where sku = \"boot\")"
invited = 'list("vip")'
"#;
    let strict = Definitions::from_toml(&text.replace("\"closed\"", "\"strict\"")).unwrap();
    let closed = Definitions::from_toml(text).unwrap_or_else(|e| panic!("{e:#}"));
    let who: Message = serde_json::from_str(
        r#"{"type":"identify","userId":"ada","traits":{"plan":"pro","nick":"secret","home":{"lat":1.5,"lon":2.5},
            "budget":{"food":40},"profile":{"name":"Ada","iban":"secret"},"contact":{"phone":"secret"},"timezone":"Europe/Paris",
            "devices":[{"os":"ios"}]}}"#,
    )
    .unwrap();
    let order: Message = serde_json::from_str(
        r#"{"type":"track","userId":"ada","event":"order","properties":{"amount":9,"note":"secret",
            "shipping":{"city":"Lyon","door":"secret"},"lines":[{"sku":"boot"}]},"context":{"ip":"1.2.3.4"}}"#,
    )
    .unwrap();
    let vip = Message::list("ada", "vip", true);
    for is_closed_later in [false, true] {
        let disk = MemoryDisk::new();
        let first = if is_closed_later { &strict } else { &closed };
        let engine = Engine::builder(first.clone()).disk(disk.clone()).open().unwrap();
        engine
            .ingest_all(&[vip.clone(), who.clone()], now())
            .into_iter()
            .for_each(|taken| drop(taken.unwrap()));
        let outcome = engine.redefine(&closed, now()).unwrap();
        assert_eq!(outcome.changes, []);
        engine.ingest(&order, now()).unwrap();
        engine.ingest(Message::track("ada", "unheard").with("note", "secret"), now()).unwrap();
        let action = &engine.outbox(9, now()).unwrap()[0];
        assert_eq!(action.content.get("title").unwrap().as_str(), Some("/pro//9/Lyon"));
        let profile = engine.profile("ada").unwrap().unwrap();
        let names: Vec<&str> = profile.attributes.keys().map(|name| &**name).collect();
        assert_eq!(names, ["budget.food", "devices", "home", "plan", "profile.name", "timezone"]);
        assert!(engine.is_member("ada", "rich") && engine.is_member("ada", "invited"));
        let state = String::from_utf8(engine.state().unwrap()).unwrap();
        assert!(!state.contains("secret"), "{state}");
    }
}
