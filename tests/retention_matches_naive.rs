//! What may be kept no longer, beside a partition that was never told of it: at every minute the memberships are those
//! of a fresh partition without retention, which takes only the messages that may still be kept, each without the values
//! that may not.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

use bespoke::definitions::Definitions;
use bespoke::engine::{Engine, Partition};
use bespoke::model::{Body, Duration, Ids, Instant, Message, Object};
use bespoke::profile::Event;
use bespoke::segment::{Cause, Transition};
use bespoke::storage::MemoryDisk;
use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet};

const DEFINITIONS: &str = r#"
version = 1
[attributes]
country = "string"
"budget.car" = "number"
[events.view]
sku = "string"
price = "number"
[events.order]
channel = "string"
products = [{ sku = "string", price = "number" }]
[events.open]
[affinity.sku]
[segments]
viewed = "did(view)"
curious = "count(view) >= 3"
steady = "count(view where sku = \"a\") >= 2 and not did(order)"
spender = "sum(order.products.price) > 10"
dear = "max(view.price) >= 3"
first_view = "first(view.sku) = \"a\""
last_view = "last(view.sku) = \"b\""
recent = "count(view in 2h) >= 2"
old_order = "did(order from 3h to 1h ago)"
by_hour = "count(view where at.hour >= 3) >= 2"
two_skus = "distinct(view.sku) >= 2"
other_sku = 'count(view where not (sku = "a")) >= 2'
any_sku = 'count(any where sku = "a") >= 2'
by_app = 'did(order where channel = "app")'
app_products = 'sum(order.products.price where event.channel = "app") > 5'
a_order = 'sequence(view where sku = "a", order)'
late_sku = 'count(view where sku = "b" and at.hour >= 3) >= 1'
after_order = "did(view since last(order))"
never = "not did(view) and not did(order)"
both = "sequence(view, order)"
opened = "count(open) >= 2"
anything = "count(any) >= 4"
french = 'country = "FR"'
driver = "budget.car > 2"
french_viewer = 'country = "FR" and did(view)'
sku_twice = { by = "sku", when = "count(view) >= 2" }
some_dear = "some sku: (max(view.price) >= 3)"
viewed_viewed = 'segment("viewed") or segment("opened")'
entered_late = 'entered("viewed") is present'
"#;

/// Events of a name, and what `order` and the rest may be kept.
const RETENTION: &str = r#"
[retention]
events = { view = "4h", default = "6h" }
attributes = { country = "5h", "budget.*" = "3h" }
"#;

/// How long values of `view.sku` and `order.channel` may be kept.
const TTLS: [(&str, &str, i64); 2] = [("view", "sku", 2), ("order", "channel", 3)];

/// Which rules hold.
#[derive(Clone, Copy, Debug)]
struct Rules {
    events: bool,
    values: bool,
}

impl Rules {
    fn definitions(self) -> Definitions {
        let mut text = DEFINITIONS.to_owned();
        if self.values {
            for (event, property, hours) in TTLS {
                let declared = format!("[events.{event}]\n{property} = \"string\"");
                assert!(text.contains(&declared));
                let tagged =
                    format!("[events.{event}]\n{property} = {{ kind = \"string\", ttl = \"{hours}h\" }}");
                text = text.replace(&declared, &tagged);
            }
        }
        if self.events {
            text.push_str(RETENTION);
        }
        Definitions::from_toml(&text).unwrap()
    }

    /// What may be kept of a message at an instant; nothing where nothing may.
    fn rest(self, message: &Message, at: Instant) -> Option<Message> {
        let end = |age: Option<Duration>| age.map_or(Instant::MAX, |age| message.timestamp.unwrap() + age);
        if self.events && end(age(message)) <= at {
            return None;
        }
        let mut message = message.clone();
        if let (true, Body::Track { event, properties }) = (self.values, &mut message.body) {
            for (name, property, hours) in TTLS {
                if **event == *name && message.timestamp.unwrap() + Duration::hours(hours) <= at {
                    let mut others = Object::new();
                    for (name, value) in properties.iter().filter(|(name, _)| *name != property) {
                        others.set(name, value.clone());
                    }
                    *properties = others;
                }
            }
        }
        Some(message)
    }
}

fn age(message: &Message) -> Option<Duration> {
    match &message.body {
        Body::Identify { traits } if traits.get("country").is_some() => Some(Duration::hours(5)),
        Body::Identify { .. } => Some(Duration::hours(3)),
        _ => message.event().map(|(name, _)| Duration::hours(if name == "view" { 4 } else { 6 })),
    }
}

const USERS: [&str; 2] = ["ada", "bob"];
const START: i64 = 1_700_000_040_000; // a whole minute

fn minute(n: i64) -> Instant {
    Instant::from_millis(START) + Duration::minutes(n)
}

/// A message, and the minute in which it comes.
fn messages(rng: &mut Rng, minutes: i64) -> Vec<(i64, Message)> {
    let mut messages = Vec::new();
    let mut now = 0;
    while now < minutes {
        let user = USERS[rng.usize(..USERS.len())];
        let message = match rng.u32(0..12) {
            0..6 => Message::track(user, "view")
                .with("sku", ["a", "b"][rng.usize(..2)])
                .with("price", rng.i64(1..5)),
            6..8 => {
                let mut line = Object::new();
                line.set("sku", "a");
                line.set("price", rng.i64(1..9));
                let channel = ["app", "web"][rng.usize(..2)];
                let products = vec![bespoke::model::Value::Object(line)];
                Message::track(user, "order").with("channel", channel).with("products", products)
            }
            8 => Message::track(user, "open"),
            9 => Message::identify(user).with("budget.car", rng.i64(1..5)),
            10 => Message::identify(user).with("country", bespoke::model::Value::Null),
            _ => Message::identify(user).with("country", ["FR", "IT"][rng.usize(..2)]),
        };
        // Some come late, some so late that they may not be kept.
        let late = if rng.u32(0..5) == 0 { rng.i64(0..420) } else { 0 };
        messages.push((now, message.at(minute(now - late))));
        now += [0, 0, 1, 5, 20, 60, 200][rng.usize(..7)];
    }
    messages
}

/// Who is in which segment. Since when is another matter: that is known only to those who were there.
fn memberships(partition: &Partition) -> BTreeSet<(String, String)> {
    let of = |user: &str| partition.segments(user).into_keys().map(|segment| segment.to_string()).collect();
    let users = partition.users();
    let all = users.iter().flat_map(|user| {
        let segments: Vec<String> = of(user);
        segments.into_iter().map(|segment| (user.to_string(), segment))
    });
    all.collect()
}

/// A partition without retention that takes what may still be kept at an instant, and of the rest that there was somebody.
fn fresh(definitions: &Definitions, rules: Rules, messages: &[(i64, Message)], at: Instant) -> Partition {
    let mut fresh = Partition::new(definitions);
    for (_, message) in messages {
        let rest = rules.rest(message, at);
        fresh.ingest(&rest.unwrap_or_else(|| Message::identify(message.ids.clone())), at).unwrap();
    }
    fresh.advance(at);
    fresh
}

#[test]
fn as_if_it_was_never_kept() {
    for (events, values) in [(true, false), (false, true), (true, true)] {
        check(Rules { events, values });
    }
}

fn check(rules: Rules) {
    let with = rules.definitions();
    let without = Definitions::from_toml(DEFINITIONS).unwrap();
    let (mut by_retention, mut seen) = (0, 0);
    for seed in 0..4 {
        let what = format!("{rules:?}, seed {seed}");
        let minutes = 900;
        let messages = messages(&mut Rng::with_seed(seed), minutes);
        let mut partition = Partition::new(&with);
        // What the changes say.
        let mut told = BTreeSet::new();
        let (mut foreseen, mut was) = (BTreeMap::new(), BTreeSet::new());
        let mut next = 0;
        for now in 0..minutes + 420 {
            let at = minute(now);
            let mut outcomes = Vec::new();
            while let Some((_, message)) = messages.get(next).filter(|(minute, _)| *minute <= now) {
                outcomes.push(partition.ingest(message, at).unwrap());
                next += 1;
            }
            let is_quiet = outcomes.is_empty();
            outcomes.push(partition.advance(at));
            for change in outcomes.iter().flat_map(|outcome| &outcome.changes) {
                assert_eq!(change.at, at, "{what}, minute {now}: {change}");
                by_retention += usize::from(change.cause == Cause::Retention);
                // All but two of the windows reach as far back as retention.
                let is_windowed = ["recent", "old_order"].contains(&&*change.segment);
                let is_by_time = is_quiet && !is_windowed;
                assert!(!is_by_time || change.cause == Cause::Retention, "{what}: {change}");
                let stay = (change.user.to_string(), change.segment.to_string());
                match change.transition {
                    _ if change.key.is_some() => {}
                    Transition::Entered => assert!(told.insert(stay), "{what}, minute {now}: {change}"),
                    Transition::Left => assert!(told.remove(&stay), "{what}, minute {now}: {change}"),
                }
            }
            let mut is = memberships(&partition);
            let expected = memberships(&fresh(&without, rules, &messages[..next], at));
            let differs: Vec<_> = is.symmetric_difference(&expected).collect();
            assert!(differs.is_empty(), "{what}, minute {now}: {differs:?}");
            if is_quiet {
                for (stay, (holds, until)) in &foreseen {
                    assert_eq!(is.contains(stay), *holds, "{what}, minute {now}: {stay:?} was foreseen");
                    let is_other = was.contains(stay) != *holds;
                    assert!(
                        !is_other || *until == Some(at),
                        "{what}, minute {now}: {stay:?} until {until:?}"
                    );
                }
                seen += foreseen.len();
            }
            is.retain(|(_, segment)| segment != "sku_twice");
            assert_eq!(is, told, "{what}, minute {now}");
            // Asked now about the next minute, and until when it stays as it is.
            foreseen.clear();
            was = memberships(&partition);
            if now % 30 == 0 {
                for user in partition.users() {
                    // What `entered()` asks for is not foreseen.
                    let segments = partition.segment_stats().filter(|(name, _)| *name != "entered_late");
                    for (segment, _) in segments {
                        let ask = |at: Instant| partition.explain(&user, segment, at).unwrap();
                        let (now, then) = (ask(at), ask(minute(now + 1)));
                        foreseen.insert((user.to_string(), segment.to_string()), (then.holds, now.until));
                    }
                }
            }
        }
        // All that may be kept no longer is gone from memory.
        for user in partition.users() {
            let profile = partition.profile(&user).unwrap();
            let has_value = |event: &Event| {
                let mut names = event.properties.keys();
                names.any(|name| event.name == "view" && name == "sku" || name == "event.channel")
            };
            let is_gone = match rules.events {
                true => profile.events.is_empty(),
                false => !profile.events.iter().any(has_value),
            };
            assert!(is_gone, "{profile:?}");
            assert!(!rules.events || profile.attributes.is_empty(), "{profile:?}");
        }
    }
    assert!(by_retention > 70, "{by_retention} changes prove little");
    assert!(seen > 2_000, "{seen} answers prove little");
}

/// A value that was kept for a time is not asked for over a longer one, and under other definitions none comes back.
#[test]
fn what_a_value_was_is_not_known_for_longer_than_it_is_kept() {
    let text = |ttl: &str, rule: &str| {
        format!("version = 1\n[events.view]\nsku = {{ kind = 'string'{ttl} }}\n[segments]\nboots = '{rule}'")
    };
    let errors =
        Definitions::from_toml(&text(", ttl = '2h'", "did(view where sku = \"boot\" in 3h)")).unwrap_err();
    let words = "this asks for 3h, but values of `sku` are kept for 2h (ask for at most `2h`, or give the property a \
                 longer `ttl`)";
    assert_eq!(errors.to_string(), format!("5:38: {words}"));
    let over_all = "did(view where sku = \"boot\")";
    let [short, long] = [", ttl = '2h'", ""].map(|ttl| Definitions::from_toml(&text(ttl, over_all)).unwrap());
    let mut partition = Partition::new(&long);
    partition.ingest(&Message::track("ada", "view").with("sku", "boot"), minute(0)).unwrap();
    partition.ingest(&Message::track("ada", "view").with("sku", "sock"), minute(130)).unwrap();
    let outcome = partition.redefine(&short, minute(150));
    // What only a running value has seen is not kept at all.
    assert_eq!(outcome.changes.iter().map(ToString::to_string).collect::<Vec<_>>(), ["ada left boots"]);
    partition.ingest(&Message::track("ada", "view").with("sku", "boot"), minute(160)).unwrap();
    assert_eq!(partition.next_due(), Some(minute(280)));
    assert_eq!(partition.redefine(&long, minute(200)).changes, []);
    assert!(partition.is_member("ada", "boots"));
    assert_eq!(partition.advance(minute(999)).changes, []);
}

/// Definitions that keep less drop at once what is too old, and say so; those that keep more bring nothing back.
#[test]
fn other_definitions_keep_less() {
    let text = "version = 1\n[events.view]\n[attributes]\nname = 'string'\n[segments]\nviewed = 'did(view)'\n\
                named = 'name is present'\n";
    let shorter = format!("{text}[retention]\nevents.view = '2h'\nattributes.name = '2h'");
    let [long, short] = [text, &shorter].map(|text| Definitions::from_toml(text).unwrap());
    let mut partition = Partition::new(&short);
    partition.ingest(&Message::track("ada", "view"), minute(0)).unwrap();
    partition.ingest(&Message::identify("ada").with("name", "Ada"), minute(0)).unwrap();
    // A running value begins with the events that are there.
    assert!(partition.redefine(&long, minute(60)).changes.is_empty());
    partition.ingest(&Message::track("bob", "view"), minute(100)).unwrap();
    assert!(partition.advance(minute(170)).changes.is_empty());
    let outcome = partition.redefine(&short, minute(180));
    let lines: Vec<_> = outcome.changes.iter().map(|change| format!("{change} {:?}", change.cause)).collect();
    // Of events that only a running value has seen nothing was kept.
    assert_eq!(lines[..2], ["ada left viewed Ordinary", "ada left named Ordinary"]);
    assert!(partition.profile("ada").unwrap().attributes.is_empty());
}

/// A clock that stands at its end, where some hosts' clocks do that know no time: what has an end before it goes, what has
/// none stays, and a store that is opened again is as it was.
#[test]
fn nothing_ends_at_the_end_of_time_that_has_no_end() {
    let text = "version = 1\n[settings]\nallowed_skew = '36500d'\n[events.view]\n[events.order]\n\
                [attributes]\nname = 'string'\n[segments]\nviewed = 'did(view)'\n\
                ordered = 'did(order in 90d)'\n\
                [retention]\nidle = '30d'\nanonymous = '1h'\nevents.view = '2h'\nattributes.name = '30d'";
    let definitions = Definitions::from_toml(text).unwrap();
    for partitions in [1, 2] {
        let disk = MemoryDisk::new();
        let open = || {
            let builder = Engine::builder(definitions.clone()).disk(disk.clone());
            builder.partitions(partitions).open().unwrap()
        };
        let engine = open();
        let before = Instant::MAX - Duration::hours(20);
        for message in [
            Message::identify("ada").with("name", "Ada"),
            Message::track("ada", "view"),
            Message::track("ada", "order"),
            Message::track(Ids::anonymous("visitor"), "view"),
        ] {
            engine.ingest(&message, before).unwrap();
        }
        // Once as time goes on, and once as it stands still.
        for _ in 0..2 {
            engine.advance(Instant::MAX).unwrap();
            engine.ingest(Message::track("bob", "view"), Instant::MAX).unwrap();
            let late = Message::track(Ids::anonymous("late"), "view").at(before);
            engine.ingest(&late, Instant::MAX).unwrap();
        }
        assert!(engine.profile("visitor").unwrap().is_none());
        assert!(engine.profile("late").unwrap().is_none());
        let ada = engine.profile("ada").unwrap().unwrap();
        assert!(ada.attributes.contains_key("name"));
        assert_eq!(engine.segments("ada").unwrap().into_keys().collect::<Vec<_>>(), ["ordered".into()]);
        assert_eq!(engine.segments("bob").unwrap().into_keys().collect::<Vec<_>>(), ["viewed".into()]);
        let state = engine.state().unwrap();
        drop(engine);
        assert!(open().state().unwrap() == state, "{partitions} partitions");
    }
}
