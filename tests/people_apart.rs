//! Two people are two: ids, actions, answers, suppressions and consent of one are never another's, whatever came together and
//! apart again. Each case is a script; what it says once was otherwise.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

use bespoke::definitions::Definitions;
use bespoke::engine::{Audited, Engine, Outcome, Partition};
use bespoke::journey::Delivery;
use bespoke::model::{Consent, Duration, Ids, Instant, Message, Suppress};
use bespoke::recommend::Query;
use bespoke::storage::MemoryDisk;

const IDS: &str = r#"
[ids]
email_hash = { strength = "strong" }
member = { strength = "strong" }
card = { strength = "weak", limit = 2 }
[events.view]
sku = "string"
[segments]
ever = 'count(view) >= 1'
kept = 'count(view in 400d) >= 1'
"#;
const MAIL: &str = r#"
[events.go]
[events.stop]
[events.buy]
[templates.hello]
title = "Hello"
[templates.thanks]
title = "Thanks"
[consent]
marketing = { default = "granted" }
[delivery]
cap = [{ scope = "global", max = 2, per = "day" }]
[journeys.w]
class = "marketing"
enter = { event = "go", reentry = "after_exit" }
exit = [{ event = "stop" }]
goal = { event = "buy" }
step = [
  { id = "hi", send = { channel = "push", template = "hello" } },
  { id = "opens", wait_for = { any = [{ opened = "hi" }], timeout = "4h", then = "thanks", else = "end" } },
  { id = "thanks", send = { channel = "push", template = "thanks" } },
]
"#;

fn definitions(text: &str) -> Definitions {
    Definitions::from_toml(&format!("version = 1\n{text}")).unwrap_or_else(|errors| panic!("{errors}"))
}

fn minute(n: i64) -> Instant {
    "2026-11-23T10:00:00Z".parse::<Instant>().unwrap() + Duration::minutes(n)
}

/// `ada`, `~d` for a device, `ada~d` for both, `+card=c` for an id of another kind.
fn ids(text: &str) -> Ids {
    let mut parts = text.split('+');
    let first = parts.next().unwrap();
    let ids = match first.split_once('~') {
        Some(("", device)) => Ids::anonymous(device),
        Some((user, device)) => Ids::both(user, device),
        None if first.is_empty() => Ids::none(),
        None => Ids::user(first),
    };
    parts.fold(ids, |ids, part| {
        let (kind, id) = part.split_once('=').unwrap();
        ids.and(kind, id)
    })
}

/// A minute and what happens, as in `3 merge bob ada`; two words are a view, or another event.
fn message(line: &str) -> Message {
    let words: Vec<&str> = line.split_whitespace().collect();
    let message = match words[1..] {
        ["id", who] => Message::identify(ids(who)),
        ["alias", previous, user] => Message::alias(previous, user),
        ["merge", previous, user] => Message::merge(previous, user, "they said so"),
        ["split", user, ref ids @ ..] => Message::split(user, ids.iter().copied()),
        ["forget", who] => Message::forget(ids(who)),
        ["forever", who] => Message::forget(ids(who)).suppress(Suppress::Forever),
        ["restrict", who] => Message::restrict(ids(who), true),
        ["lift", who] => Message::restrict(ids(who), false),
        ["list", who, list] => Message::list(ids(who), list, true),
        ["unlist", who, list] => Message::list(ids(who), list, false),
        ["grant", who, purpose] => Message::consent(ids(who), Consent::granted(purpose)),
        ["deny", who, purpose] => Message::consent(ids(who), Consent::denied(purpose)),
        [who] => Message::track(ids(who), "view"),
        [who, "sku", sku] => Message::track(ids(who), "view").with("sku", sku),
        [who, event] => Message::track(ids(who), event),
        _ => panic!("{line}"),
    };
    message.at(minute(words[0].parse().unwrap()))
}

fn tell(partition: &mut Partition, script: &str) -> Vec<Outcome> {
    let lines = script.split(", ").map(message);
    lines.map(|line| partition.ingest(&line, line.timestamp.unwrap()).unwrap()).collect()
}

/// Each user with how many events are theirs.
fn views(partition: &Partition) -> String {
    let events = |user: &str| partition.profile(user).map_or(0, |profile| profile.events.len());
    let users = partition.users();
    users.iter().map(|user| format!("{user} {}", events(user))).collect::<Vec<_>>().join(", ")
}

#[test]
fn whose_events_are_whose() {
    for (script, expected) in [
        // A card has the id of somebody who was erased, and the erasure is asked for again.
        ("0 1001, 1 bob+card=1001, 2 forget 1001, 3 forget 1001", "bob 1"),
        // Strong ids say more than a device: two of a kind are two people, known or new.
        (
            "0 eve, 0 ~d+email_hash=e1, 1 eve~d+email_hash=e2, 2 +email_hash=e2, 3 +email_hash=e1",
            "d 2, eve 3",
        ),
        ("0 ~d+email_hash=e1, 1 eve~d+email_hash=e2, 2 +email_hash=e2, 3 +email_hash=e1", "d 2, eve 2"),
        // Of a shared device the visitor stays apart, by whatever id comes next, and whoever is erased.
        ("0 ada~d, 1 bob~d, 40 ~d, 41 ~d+card=c, 42 bob~d, 50 eve+card=c", "ada 1, bob 2, d 2, eve 1"),
        ("0 bob~d, 1 carl~d, 40 ~d, 41 ada~d, 42 forget ada, 43 bob~d", "bob 2, carl 1, d 1"),
        (
            "0 ada~d, 1 bob~d, 40 ~d, 41 ~d+card=c, 42 bob~d, 43 zed, 44 forget zed, 50 eve+card=c",
            "ada 1, bob 2, d 2, eve 1",
        ),
    ] {
        let mut partition = Partition::new(&definitions(IDS));
        tell(&mut partition, script);
        assert_eq!(views(&partition), expected, "{script}");
    }
}

/// What is left is as if somebody had never come, or had never been taken for another.
#[test]
fn whoever_never_was_leaves_devices_as_they_were() {
    for (with, without) in [
        // A device goes back to whom it belonged before.
        ("0 ada~d, 1 zoe~d, 2 forget zoe, 3 ~d", "0 ada~d, 3 ~d"),
        ("0 ada~d, 1 bob~d, 2 zoe~d, 3 forget zoe, 4 forget bob, 5 ~d", "0 ada~d, 5 ~d"),
        // Its visitor stays apart for those only who shared it.
        ("0 ada~d, 1 bob~d, 40 ~d, 41 forget ada, 42 bob~d", "1 bob~d, 40 ~d, 42 bob~d"),
        ("0 bob~d, 1 carl~d, 40 ~d, 41 ada~d, 42 forget ada, 43 bob~d", "0 bob~d, 1 carl~d, 40 ~d, 43 bob~d"),
        // It is no less shared without its visitor.
        ("0 ada~d, 1 bob~d, 40 ~d, 41 forget ~d, 301 ~d, 302 bob~d", "0 ada~d, 1 bob~d, 301 ~d, 302 bob~d"),
        // A device that came to a part of somebody is that part's.
        (
            "0 zed~d, 0 ada, 0 bob, 1 merge bob ada, 2 bob~d, 3 split ada bob d",
            "0 zed~d, 0 ada, 0 bob, 2 bob~d",
        ),
        // Whoever was another one's for a time has had their own devices.
        (
            "0 ada, 0 bob~x, 1 carl~x, 2 merge bob ada, 3 split ada bob, 4 forget bob, 50 ~x, 51 carl~x",
            "0 ada, 1 carl~x, 50 ~x, 51 carl~x",
        ),
    ] {
        let views = |script: &str, more: &str| {
            let mut partition = Partition::new(&definitions(&format!("{IDS}{more}")));
            tell(&mut partition, script);
            views(&partition)
        };
        assert_eq!(views(with, ""), views(without, ""), "{with}");
        // Visitors end by themselves too.
        let with = with.replace("41 forget ~d, ", "");
        if with.contains("301 ~d") {
            let ends = "[retention]\nanonymous = \"2h\"\n";
            assert_eq!(views(&with, ends), views(without, ends), "{with}");
        }
    }
}

/// Whose a device was is known for thirty days, in which all whom it was go where one of them goes.
#[test]
fn several_partitions_know_of_devices_what_one_knows() {
    let long_ago = "0 ada~d, 1 bob~d, 40 ~d, 45000 x, 45001 merge bob x";
    for script in [
        "0 ada~d, 1 bob~d, 45000 x, 45001 merge bob x, 45010 forget x, 45011 ~d".to_owned(),
        format!("{long_ago}, 45010 forget x, 45020 ada~d"),
        format!("{long_ago}, 45010 merge x ada, 45020 ada~d"),
        format!("{long_ago}, 45010 x~d, 45011 forget ada, 45060 ~d, 45100 x~d"),
        "0 ada~d, 1 bob~d, 40 ~d, 45 forget ada, 46 bob~d".to_owned(),
        "0 ada~d, 1 bob~d, 2 zoe~d, 3 forget zoe, 4 ~d, 5 forget bob, 6 ~d".to_owned(),
    ] {
        let run = |partitions: u16, of: &str| {
            let engine = Engine::builder(definitions(IDS)).partitions(partitions).open().unwrap();
            // Other names hash apart in another way.
            let named = script.replace("ada", &format!("ada{of}")).replace("bob", &format!("bob{of}"));
            for message in named.replace("~d", &format!("~d{of}")).split(", ").map(message) {
                let now = message.timestamp.unwrap();
                let _ = engine.ingest(message, now);
            }
            let known = ["ada", "bob", "x", "zoe", "~d"].map(|who| match who {
                "~d" => format!("d{of}"),
                "ada" | "bob" => format!("{who}{of}"),
                _ => who.to_owned(),
            });
            let known = known.map(|who| engine.profile(&who).unwrap());
            known.map(|known| known.map(|known| (known.events.len(), known.anonymous_ids)))
        };
        for of in 0..12 {
            assert_eq!(run(3, &of.to_string()), run(1, &of.to_string()), "{script}, {of}");
        }
    }
}

/// A gap is half an hour.
#[test]
fn sessions_go_on_after_a_link() {
    for (script, number, events) in [
        ("0 ada, 3 ~d, 10 ada~d", 1, 3),
        ("0 ada, 3 ~d, 60 alias d ada, 60 ada", 2, 1),
        ("0 ada, 3 ~d, 60 ada~d", 2, 1),
        ("0 ada, 3 ~d, 10 ada~d, 60 ada, 70 ~d, 180 ada", 3, 1),
        ("0 ada, 3 ~d, 4 ~e, 10 alias d ada, 11 alias e ada, 60 ada~e, 61 ~d, 62 ada", 2, 3),
        ("0 ada, 50 ~d, 60 alias d ada, 61 ada", 2, 2),
        // The day before, and around the visitor's.
        ("0 ada, 40 ada, 20 ~d, 60 ada~d", 1, 4),
        ("0 ada, 1500 ada, 1501 ~d, 1540 ada, 1530 ~d, 1541 ada~d", 2, 5),
        // What came by the device is its own again, and what is left is as if it had never been there.
        ("0 ada, 3 ~d, 10 ada~d, 15 ~d, 16 split ada d", 1, 2),
    ] {
        let mut partition = Partition::new(&definitions(IDS));
        tell(&mut partition, script);
        let session = partition.profile("ada").unwrap().session.unwrap();
        assert_eq!((session.number, session.events), (number, events), "{script}");
    }
}

#[test]
fn nobody_inherits_more_ids_than_a_profile_may_have() {
    let mut partition = Partition::new(&definitions(IDS));
    let say =
        |partition: &mut Partition, ids: Ids| drop(partition.ingest(&Message::identify(ids), minute(1)));
    (0..5).for_each(|n| say(&mut partition, Ids::both("bob", format!("x{n}"))));
    (0..5).for_each(|n| say(&mut partition, Ids::both("ada", format!("x{n}"))));
    (0..198).for_each(|n| say(&mut partition, Ids::both("bob", format!("own{n}"))));
    tell(&mut partition, "2 forget ada");
    let bob = partition.profile("bob").unwrap();
    assert_eq!(bob.anonymous_ids.len(), 199, "and his user id");
    tell(&mut partition, "3 ~x0, 4 ~x4");
    assert_eq!(views(&partition), "bob 1, x4 1", "who comes by another one is nobody yet");
}

#[test]
fn a_list_that_all_were_taken_off_stays_so() {
    let text = "[lists]\nvip = \"the best\"\n[events.view]\n[segments]\nvip = 'list(\"vip\")'\n";
    for (script, is_vip) in [
        (
            "0 list bob vip, 0 ada, 0 ~d, 1 merge bob ada, 2 alias d ada, 3 unlist ada vip, 4 split ada d",
            false,
        ),
        (
            "0 list bob vip, 0 ada, 0 ~d, 1 merge bob ada, 2 alias d ada, 3 unlist ~d vip, 4 split ada bob",
            false,
        ),
        // Said before they were one, it was said of one only.
        ("0 list bob vip, 0 unlist ada vip, 0 ~d, 1 merge bob ada, 2 alias d ada, 4 split ada d", true),
        ("0 list ada vip, 0 ~d, 1 unlist ~d vip, 2 alias d ada", true),
    ] {
        let mut partition = Partition::new(&definitions(text));
        tell(&mut partition, script);
        assert_eq!(partition.is_member("ada", "vip"), is_vip, "{script}");
    }
}

#[test]
fn absorptions_count_for_the_day_whatever_became_of_them() {
    let mut partition = Partition::new(&definitions(IDS));
    let hands = |n: usize| format!("{n} ~d{n}, {n} ada~d{n}, {n} bob~d{n}");
    tell(&mut partition, "0 ada, 0 bob");
    (0..20).for_each(|n| drop(tell(&mut partition, &hands(n))));
    assert_eq!(partition.health().identity.refused_absorptions, 0);
    tell(&mut partition, "21 ~late, 22 ada~late");
    assert_eq!(partition.health().identity.refused_absorptions, 1);
    tell(&mut partition, "1462 ada~late");
    assert_eq!(partition.health().identity.refused_absorptions, 1, "a day later");
}

#[test]
fn journeys_that_began_at_one_instant_do_not_depend_on_the_order_of_links() {
    let text = MAIL
        .replace("[events.go]", "[events.go]\nword = \"string\"")
        .replace("\"Hello\"", "\"{{ event.word }}\"")
        .replace("step = [", "step = [{ id = \"first\", wait = \"2h\" },");
    let hello = |links: &str| {
        let mut partition = Partition::new(&definitions(&text));
        tell(&mut partition, "0 id ada");
        for (device, word) in [("d1", "one"), ("d2", "two")] {
            let go = Message::track(Ids::anonymous(device), "go").with("word", word).at(minute(0));
            partition.ingest(&go, minute(0)).unwrap();
        }
        tell(&mut partition, links);
        partition.advance(minute(200));
        let actions = partition.outbox(9, Duration::minutes(1), minute(200));
        actions.iter().map(|action| format!("{:?}", action.content.get("title"))).collect::<Vec<_>>()
    };
    let (there, back) = ("1 alias d1 ada, 1 alias d2 ada", "1 alias d2 ada, 1 alias d1 ada");
    assert_eq!(hello(there), hello(back));
    assert_eq!(hello(there).len(), 1);
}

#[test]
fn suppressed_is_who_was_erased_and_nobody_else() {
    for (script, next) in [
        // Ids of two kinds may be spelled alike.
        ("0 ada+card=1001, 1 bob+member=1001, 2 forever ada", "3 bob+member=1001"),
        // The device goes back to the visitor who used it besides.
        ("0 ada~d, 1 bob~d, 40 ~d, 41 ada~d, 42 forever ada", "43 ~d"),
    ] {
        let mut partition = Partition::new(&definitions(IDS));
        tell(&mut partition, script);
        let next = message(next);
        assert!(partition.ingest(&next, next.timestamp.unwrap()).is_ok(), "{script}");
        let ada = message("44 ada");
        assert!(partition.ingest(&ada, ada.timestamp.unwrap()).is_err(), "{script}");
    }
}

/// A second erasure asks again of all ids that the person had, and of nobody else's.
#[test]
fn whoever_may_come_back_may_do_so_by_all_ids() {
    for (script, welcome, refused) in [
        ("0 ada~d+email_hash=m, 1 forever ada, 2 forget ada", "ada+email_hash=m, ~d, +email_hash=m", ""),
        ("0 ada~d+email_hash=m, 1 forever ada, 2 forget +email_hash=m", "ada, ~d", ""),
        // The device is bob's by now.
        ("0 ada~d, 1 forever ada, 2 bob~d, 3 forget bob", "bob, ~d", "ada"),
        ("0 ada~d, 1 forever ada, 2 bob~d, 3 forever bob, 4 forget bob", "bob, ~d", "ada"),
        ("0 ada~d, 1 forever ada, 2 forever ~d", "bob~d", "ada, ~d"),
    ] {
        let folder = MemoryDisk::new();
        let open = || Engine::builder(definitions(IDS)).partitions(4).disk(folder.clone()).open().unwrap();
        let engine = open();
        for message in script.split(", ").map(message) {
            let now = message.timestamp.unwrap();
            engine.ingest(message, now).unwrap();
        }
        drop(engine);
        let engine = open();
        for (ids_of, is_welcome) in [(welcome, true), (refused, false)] {
            for who in ids_of.split(", ").filter(|who| !who.is_empty()) {
                let message = Message::track(ids(who), "view").at(minute(9));
                assert_eq!(engine.ingest(message, minute(9)).is_ok(), is_welcome, "{script}: {who}");
            }
        }
    }
}

#[test]
fn several_partitions_suppress_nobody_else_either() {
    let folder = std::env::temp_dir().join(format!("bespoke-apart-{}", std::process::id()));
    let open = || Engine::builder(definitions(IDS)).partitions(4).store(&folder).open().unwrap();
    let engine = open();
    for line in ["0 ada~d", "1 bob~d", "40 ~d", "41 ada~d", "42 forever ada"] {
        let message = message(line);
        let now = message.timestamp.unwrap();
        engine.ingest(message, now).unwrap();
    }
    drop(engine);
    let engine = open();
    assert!(engine.ingest(message("43 ~d"), minute(43)).is_ok());
    assert!(engine.ingest(message("44 ada"), minute(44)).is_err());
    drop(engine);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_second_name_of_a_user_is_audited_as_that_users() {
    let mut partition = Partition::new(&definitions(IDS));
    tell(&mut partition, "0 ada, 0 bob, 0 eve, 1 merge eve bob");
    let bob = partition.hash_of("bob");
    let outcomes = tell(&mut partition, "2 merge eve ada");
    assert_eq!(outcomes[0].audit[0].action, Audited::Merge { absorbed: bob });
}

/// A visitor has the bucketing id of who signed in on the device before; a device may be called as a user is.
#[test]
fn no_two_profiles_have_actions_of_one_id() {
    for script in ["0 ~d, 1 ada~d, 2 ada go, 100 ~d go", "0 x go, 1 ~x go", "0 ~d go, 1 ada~d, 100 ~d go"] {
        let mut partition = Partition::new(&definitions(MAIL));
        let mut all = Vec::new();
        for line in script.split(", ") {
            tell(&mut partition, line);
            let now = partition.clock();
            for action in partition.outbox(9, Duration::minutes(1), now) {
                partition.acknowledge(&action.id, Delivery::Sent, now);
                all.push(action.id);
            }
        }
        assert_eq!(all.len(), 2, "{script}");
        assert_ne!(all[0], all[1], "{script}");
    }
    for partitions in [1, 4] {
        let engine = Engine::builder(definitions(MAIL)).partitions(partitions).open().unwrap();
        for line in ["0 x go", "1 ~x go"] {
            engine.ingest(message(line), minute(1)).unwrap();
        }
        assert_eq!(engine.outbox(9, minute(2)).unwrap().len(), 2, "{partitions} partitions");
    }
}

#[test]
fn a_merge_gives_no_more_messages_than_caps_allow() {
    let mut partition = Partition::new(&definitions(MAIL));
    for line in ["0 ~d, 1 ada~d, 2 ada go", "100 ~d go", "101 ada stop, 102 ada~d stop, 103 ada go"] {
        tell(&mut partition, line);
        let now = partition.clock();
        let actions = partition.outbox(9, Duration::minutes(1), now);
        assert_eq!(actions.len(), usize::from(now < minute(103)), "{line}");
        actions.iter().for_each(|action| {
            partition.acknowledge(&action.id, Delivery::Sent, now);
        });
    }
}

/// The instance of an absorbed profile gets another number where the other one was in the journey before.
#[test]
fn answers_and_goals_find_their_instance_after_a_merge() {
    for before in ["0 id ada", "0 ada go, 1 ada stop"] {
        let mut partition = Partition::new(&definitions(MAIL));
        tell(&mut partition, &format!("{before}, 10 ~d go, 11 alias d ada"));
        let actions = partition.outbox(9, Duration::hours(1), minute(12));
        let answer = partition.acknowledge(&actions[0].id, Delivery::Opened, minute(13));
        assert!(answer.outcome.notes.iter().any(|note| note.to_string().contains("thanks")), "{before}");

        let mut partition = Partition::new(&definitions(MAIL));
        tell(&mut partition, &format!("{before}, 10 ~d go, 11 alias d ada, 12 ada buy"));
        assert!(
            partition.outbox(9, Duration::hours(1), minute(13)).is_empty(),
            "{before}: the goal is reached"
        );
    }
}

#[test]
fn what_waits_follows_consent_and_restriction_when_people_come_apart() {
    for (default, script) in [
        ("denied", "0 id ada, 0 grant bob marketing, 1 merge bob ada, 2 ada go, 3 split ada bob"),
        ("granted", "0 restrict ada, 1 id bob, 2 lift bob, 3 merge bob ada, 4 ada go, 5 split ada bob"),
    ] {
        let text = MAIL.replace("default = \"granted\"", &format!("default = \"{default}\""));
        let mut partition = Partition::new(&definitions(&text));
        let (before, split) = script.rsplit_once(", ").unwrap();
        tell(&mut partition, before);
        assert_eq!(partition.outbox_stats().pending, 1, "{script}");
        tell(&mut partition, split);
        assert!(partition.outbox(9, Duration::minutes(1), minute(9)).is_empty(), "{script}");
    }
}

#[test]
fn what_was_never_learned_is_not_taken_back() {
    let shop = "[consent]\nrecommend = { default = \"granted\" }\n[events.view]\nsku = \"string\"\n[segments]\n\
                seen = 'count(view where sku = \"x\" in 400d) >= 1'\n[recommend]\n\
                interactions = { view = { item = \"sku\" } }\nk_min = 1\n";
    let others = "0 u1 sku x, 0 u2 sku x, 0 u3 sku x, 0 u1 sku y, 0 u2 sku y";
    let popular = |script: &str| {
        let mut partition = Partition::new(&definitions(shop));
        tell(&mut partition, &format!("{others}{script}"));
        partition.advance(minute(20));
        let all = partition.recommend("nobody", &Query::popular().limit(10), minute(20)).unwrap();
        all.into_iter().map(|item| (item.item, item.score.to_bits())).collect::<Vec<_>>()
    };
    let bob = ", 1 deny bob recommend, 2 bob sku x, 3 bob sku x, 4 id ada";
    assert_eq!(popular(&format!("{bob}, 5 merge bob ada, 6 split ada bob, 7 forget bob")), popular(""));
}

#[test]
fn of_nested_groups_the_longest_says_what_is_kept_and_shown() {
    let nested = |inner: &str| {
        let text = format!(
            "[attributes]\n\"contact.*\" = {{ kind = \"string\", pii = \"quasi\" }}\n\
             \"contact.home.*\" = {{ kind = \"string\", {inner} }}\n[segments]\na = 'contact.home.phone = \"secret\"'\n"
        );
        Definitions::from_toml(&format!("version = 1\n{text}"))
    };
    let said = Message::identify("ada").with("contact.home.phone", "secret").with("contact.x", "shown");
    assert!(nested("store = \"drop\"").is_err(), "what is dropped is asked for");
    let mut partition = Partition::new(&nested("pii = \"direct\"").unwrap());
    partition.ingest(&said, minute(0)).unwrap();
    assert!(!partition.explain("ada", "a", minute(1)).unwrap().to_string().contains(": \"secret"));
    assert!(!format!("{partition:?}").contains("secret"));
    let dropped = "[attributes]\n\"contact.*\" = \"string\"\n\
                   \"contact.home.*\" = { kind = \"string\", store = \"drop\" }\n[segments]\na = 'contact.x = \"x\"'\n";
    let mut partition = Partition::new(&definitions(dropped));
    partition.ingest(&said, minute(0)).unwrap();
    let attributes = partition.profile("ada").unwrap().attributes;
    assert_eq!(attributes.keys().collect::<Vec<_>>(), ["contact.x"]);
}

/// What came with somebody, or began by them since, is not left with whom they were taken for; nor is it sent.
#[test]
fn nothing_of_somebody_stays_with_another_after_a_split() {
    let text = MAIL
        .replace("[events.go]", "[attributes]\nname = \"string\"\n[events.go]\nword = \"string\"")
        .replace("title = \"Hello\"", "title = \"Hello {{ user.name }}, {{ event.word }}\"");
    for (bob_before, bob_after) in [(true, false), (false, true), (true, true)] {
        let mut partition = Partition::new(&definitions(&text));
        let go = |who: &str, word: &str| Message::track(who, "go").with("word", word);
        let bob = Message::identify("bob").with("name", "secretname");
        let own = [Message::identify("ada"), Message::track("ada", "stop"), bob];
        let before = bob_before.then(|| go("bob", "secretword"));
        let merge = Message::merge("bob", "ada", "they said so");
        let after = bob_after.then(|| go("bob", "secretword"));
        let split = Message::split("ada", ["bob"]);
        let all = own.into_iter().chain(before).chain([merge]).chain(after).chain([split]);
        for (message, n) in all.zip(0..) {
            partition.ingest(&message.at(minute(n)), minute(n)).unwrap();
        }
        assert_eq!(partition.outbox_stats().pending, 0, "{bob_before} {bob_after}");
        tell(&mut partition, "20 forget bob");
        let export = serde_json::to_string(&partition.export("ada").unwrap()).unwrap();
        assert!(!export.contains("secret"), "{export}");
        partition.advance(minute(600));
        assert!(partition.outbox(9, Duration::minutes(1), minute(600)).is_empty());
        let state = String::from_utf8_lossy(&partition.checkpoint().unwrap()).into_owned();
        assert!(!state.contains("secret"));
    }
    // The host may answer what it holds, and does not get it again.
    let mut partition = Partition::new(&definitions(&text));
    tell(&mut partition, "0 id ada, 0 id bob, 1 merge bob ada, 2 ada go");
    assert_eq!(partition.outbox(9, Duration::minutes(5), minute(3)).len(), 1);
    tell(&mut partition, "4 split ada bob, 5 forget bob");
    assert!(partition.outbox(9, Duration::minutes(5), minute(20)).is_empty());
    // What was one's own before goes on.
    let mut partition = Partition::new(&definitions(&text));
    tell(&mut partition, "0 ada go, 1 id bob, 2 merge bob ada, 3 split ada bob");
    let actions = partition.outbox(9, Duration::minutes(1), minute(4));
    assert_eq!(actions.len(), 1);
    partition.acknowledge(&actions[0].id, Delivery::Opened, minute(5));
    assert_eq!(&*partition.outbox(9, Duration::minutes(1), minute(6))[0].template, "thanks");
}
