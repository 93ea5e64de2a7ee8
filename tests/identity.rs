//! Who is who: what links ids, what keeps people apart, and what can be undone.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

use bespoke::definitions::Definitions;
use bespoke::engine::{Audited, Error, Partition};
use bespoke::model::{Duration, Ids, Instant, Message};
use bespoke::profile::{IdentityError, IdentityHealth, UserProfile};
use bespoke::segment::Cause;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

const DEFINITIONS: &str = r#"
version = 1
[settings]
session_gap = "30m"
[ids]
email_hash = { strength = "strong" }
phone_hash = { strength = "strong", limit = 3 }
card = { strength = "weak", limit = 2 }
[attributes]
country = "string"
[events.view]
sku = "string"
amount = "number"
[affinity.sku]
[segments]
viewer = 'count(view in 365d) >= 2'
french = 'country = "FR"'
spender = 'sum(view.amount) >= 10'
busy = 'count(view in session) >= 3'
keen = 'top("sku") = "a"'
restless = 'count(view in session) >= 4'
latest = 'last(view.sku) = "b" and first(view.sku) = "a"'
"#;

fn partition() -> Partition {
    Partition::new(&Definitions::from_toml(DEFINITIONS).unwrap())
}

fn with_settings(settings: &str) -> Partition {
    let text = DEFINITIONS.replace("session_gap = \"30m\"", settings);
    Partition::new(&Definitions::from_toml(&text).unwrap())
}

fn minute(n: i64) -> Instant {
    let start: Instant = "2026-11-23T10:00:00Z".parse().unwrap();
    start + Duration::minutes(n)
}

const DAY: i64 = 24 * 60;

/// Ids as text: `ada`, `~d` for a device, `+card=c1` for a declared kind.
fn ids(text: &str) -> Ids {
    let mut parts = text.split('+');
    let first = parts.next().unwrap();
    let mut ids = match first.split_once('~') {
        Some(("", device)) => Ids::anonymous(device),
        Some((user, device)) => Ids::both(user, device),
        None if first.is_empty() => Ids::none(),
        None => Ids::user(first),
    };
    for part in parts {
        let (kind, id) = part.split_once('=').unwrap();
        ids = ids.and(kind, id);
    }
    ids
}

/// One input as text: `MINUTE IDS` is a view; `MINUTE alias|merge|split|forget …` what it says.
fn message(line: &str) -> Message {
    let words: Vec<&str> = line.split_whitespace().collect();
    let message = match words[1..] {
        ["alias", previous, user] => Message::alias(previous, user),
        ["merge", previous, user] => Message::merge(previous, user, "they said so"),
        ["split", user, ref ids @ ..] => Message::split(user, ids.iter().copied()),
        ["forget", who] => Message::forget(ids(who)),
        [who] => Message::track(ids(who), "view"),
        _ => panic!("{line}"),
    };
    message.at(minute(words[0].parse().unwrap()))
}

fn tell(partition: &mut Partition, script: &str) {
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let message = message(line);
        let now = message.timestamp.unwrap().max(partition.clock());
        partition.ingest(&message, now).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

/// Who there is, with how many events each has.
fn views(partition: &Partition) -> Vec<String> {
    let of = |user: &str| partition.profile(user).map_or(0, |profile| profile.events.len());
    partition.users().iter().map(|user| format!("{user} {}", of(user))).collect()
}

#[test]
fn whose_an_event_is() {
    let rows: &[(&str, &str, &[&str])] = &[
        ("after logout, within the gap, the owner's", "0 ada~d\n 29 ~d", &["ada 2"]),
        ("after the gap, a fresh visitor's", "0 ada~d\n 30 ~d", &["ada 1", "d 1"]),
        ("the gap begins anew with each event", "0 ada~d\n 29 ~d\n 58 ~d", &["ada 3"]),
        ("whatever the owner does begins it anew", "0 ada~d\n 20 ada\n 49 ~d", &["ada 3"]),
        ("the visitor goes on", "0 ada~d\n 30 ~d\n 31 ~d\n 300 ~d", &["ada 1", "d 3"]),
        ("and is the owner's once they sign in", "0 ada~d\n 30 ~d\n 31 ada~d", &["ada 3"]),
        ("and a fresh one begins after that", "0 ada~d\n 30 ~d\n 31 ada~d\n 90 ~d", &["ada 3", "d 1"]),
        ("a late event is the owner's", "0 ada~d\n 90 bob\n 5 ~d", &["ada 2", "bob 1"]),
        (
            "with two owners in thirty days the visitor is nobody's",
            "0 ada~d\n 30 ~d\n 31 bob~d",
            &["ada 1", "bob 1", "d 1"],
        ),
        (
            "also where one of them comes back",
            "0 ada~d\n 1 bob~d\n 40 ~d\n 41 ada~d\n 42 ~d",
            &["ada 3", "bob 1", "d 1"],
        ),
        (
            "its sessions stay together, whoever signs in between",
            "0 ada~d\n 1 bob~d\n 40 ~d\n 41 ada~d\n 90 ~d\n 91 bob~d",
            &["ada 2", "bob 2", "d 2"],
        ),
        (
            "also for a user who is new",
            "0 ada~d\n 1 bob~d\n 40 ~d\n 41 eve~d",
            &["ada 1", "bob 1", "d 1", "eve 1"],
        ),
        (
            "after thirty days the device is the new owner's alone",
            &format!("0 ada~d\n {} ~d\n {} bob~d", 30 * DAY, 30 * DAY + 1),
            &["ada 1", "bob 2"],
        ),
        (
            "but what was done while it was shared stays apart for ever",
            &format!("0 ada~d\n 1 bob~d\n 40 ~d\n {} bob~d", 99 * DAY),
            &["ada 1", "bob 2", "d 1"],
        ),
        ("who is forgotten makes no device shared", "0 ada~d\n 30 ~d\n 31 forget ada\n 32 bob~d", &["bob 2"]),
        (
            "and leaves the device to its visitor",
            "0 ada~d\n 1 bob~d\n 40 ~d\n 41 ada~d\n 42 forget ada\n 43 ~d",
            &["bob 1", "d 2"],
        ),
    ];
    for (what, script, expected) in rows {
        let mut partition = partition();
        tell(&mut partition, script);
        assert_eq!(views(&partition), *expected, "{what}");
    }
    let mut kiosk = with_settings("device = \"separate\"");
    tell(&mut kiosk, "0 ada~d\n 1 ~d\n 2 ~d");
    assert_eq!(views(&kiosk), ["ada 1", "d 2"]);
}

#[test]
fn declared_ids_link_by_the_same_rules() {
    let rows: &[(&str, &str, &[&str])] = &[
        ("an id that is new makes a profile", "0 +email_hash=e", &["e 1"]),
        ("a user's id leads to the user", "0 ada+email_hash=e\n 1 +email_hash=e", &["ada 2"]),
        ("also beside a device", "0 ada+email_hash=e\n 1 ~d\n 2 ~d+email_hash=e", &["ada 3"]),
        ("a new user takes the profile", "0 +email_hash=e\n 1 ada+email_hash=e", &["ada 2"]),
        ("a known one absorbs it", "0 +card=c\n 1 ada\n 2 ada+card=c", &["ada 3"]),
        ("two visitors are one by it", "0 ~d1+email_hash=e\n 1 ~d2\n 2 ~d2+email_hash=e", &["d1 3"]),
        (
            "a strong id stays with its person",
            "0 ada+email_hash=e\n 1 bob+email_hash=e\n 2 +email_hash=e",
            &["ada 2", "bob 1"],
        ),
        ("a weak one changes hands", "0 ada+card=c\n 1 bob+card=c\n 2 +card=c", &["ada 1", "bob 2"]),
        (
            "two strong ids of one kind are two people",
            "0 ~d1+email_hash=e1\n 1 ~d2+email_hash=e2\n 2 ada~d1\n 3 ada~d2",
            &["ada 3", "d2 1"],
        ),
        (
            "also on one device",
            "0 ~d+email_hash=e1\n 1 ~d+email_hash=e2\n 2 +email_hash=e2",
            &["d 1", "e2 2"],
        ),
        ("a weak id is no proof of who a visitor is", "0 ada+card=c\n 1 ~d+card=c\n 2 ~d", &["ada 1", "d 2"]),
        ("the limit holds", "0 ada+card=c1\n 1 ada+card=c2\n 2 ada+card=c3\n 3 +card=c3", &["ada 3", "c3 1"]),
    ];
    for (what, script, expected) in rows {
        let mut partition = partition();
        tell(&mut partition, script);
        assert_eq!(views(&partition), *expected, "{what}");
    }
    let error = partition().ingest(&Message::track("ada", "view").known_by("emailhash", "e"), minute(0));
    assert_eq!(error.unwrap_err().to_string(), "unknown kind of id `emailhash` (did you mean `email_hash`?)");
}

#[test]
fn users_are_merged_with_a_reason_only() {
    let mut partition = partition();
    tell(&mut partition, "0 ada~d1\n 1 bob~d2");
    let error = partition.ingest(&Message::alias("bob", "ada"), minute(2)).unwrap_err();
    assert!(error.to_string().contains("send `merge` with a reason"), "{error}");
    let outcome = partition.ingest(&message("2 merge bob ada"), minute(2)).unwrap();
    assert_eq!(outcome.changes[0].to_string(), "ada entered viewer");
    assert_eq!(outcome.changes[0].cause, Cause::Merge);
    let json = serde_json::to_value(&outcome.changes[0]).unwrap();
    assert_eq!(json["cause"], "merge");
    tell(&mut partition, "3 bob\n 4 ~d2");
    let ada = partition.profile("bob").unwrap();
    assert_eq!((&*ada.user, ada.user_id.as_deref(), ada.events.len()), ("ada", Some("ada"), 4));
    assert_eq!((ada.former_ids, ada.anonymous_ids), (vec!["bob".into()], vec!["d1".into(), "d2".into()]));
    assert_eq!((&*ada.merges[0].previous, &*ada.merges[0].reason), ("bob", "they said so"));
    assert_eq!(ada.merges.len(), 1);
    let export = serde_json::to_value(partition.export("ada").unwrap()).unwrap();
    assert_eq!(export["former_ids"], json!(["bob"]));
    assert_eq!((&export["merges"][0]["previous"], export["ids"].is_object()), (&json!("bob"), true));
    tell(&mut partition, "5 merge bob ada\n 6 merge eve ada\n 7 eve");
    assert_eq!(views(&partition), ["ada 5"], "who is not known yet is the user by that id too");
    // A device is no way to say which user is meant.
    tell(&mut partition, "8 zoe~d9");
    let error = partition.ingest(&Message::merge("d9", "ada", "why not"), minute(9)).unwrap_err();
    assert!(matches!(error, Error::Identity(IdentityError::TwoUsers { .. })));
    let ordinary = partition.ingest(&message("10 zoe"), minute(10)).unwrap();
    assert!(serde_json::to_value(&ordinary.changes[0]).unwrap().get("cause").is_none());
}

#[test]
fn a_split_gives_back_what_came_by_the_ids() {
    let mut partition = partition();
    tell(&mut partition, "0 ada\n 1 ~d\n 2 ada~d\n 3 ada\n 4 ~d");
    assert_eq!(views(&partition), ["ada 5"]);
    let outcome = partition.ingest(&message("5 split ada d"), minute(5)).unwrap();
    assert_eq!(views(&partition), ["ada 3", "d 2"], "what names the user is the user's, also on the device");
    let [entry] = &outcome.audit[..] else { panic!("{:?}", outcome.audit) };
    assert!(matches!(&entry.action, Audited::Split { parts } if parts.len() == 1), "{entry:?}");
    let changes: Vec<String> = outcome.changes.iter().map(ToString::to_string).collect();
    assert_eq!(changes, ["ada left restless", "d entered viewer"]);
    assert!(outcome.changes.iter().all(|change| change.cause == Cause::Split));
    tell(&mut partition, "6 ~d\n 7 ada");
    assert_eq!(views(&partition), ["ada 4", "d 3"], "and they go on by themselves");

    // A user who was merged is a user again.
    tell(&mut partition, "8 bob\n 9 merge bob ada\n 10 bob\n 11 split ada bob\n 12 bob");
    assert_eq!(views(&partition), ["ada 4", "bob 3", "d 3"]);
    assert_eq!(partition.profile("bob").unwrap().user_id.as_deref(), Some("bob"));
    assert!(partition.profile("ada").unwrap().merges.is_empty());
}

#[test]
fn what_cannot_be_told_apart_is_not_split() {
    let mut partition = partition();
    tell(&mut partition, "0 ada~mine\n 1 ~d\n 2 ada~d\n 3 ~e1+phone_hash=p\n 4 ada~e1");
    let refused = |partition: &mut Partition, line: &str| {
        let (before, message) = (partition.checkpoint().unwrap(), message(line));
        let error = partition.ingest(&message, message.timestamp.unwrap()).unwrap_err();
        assert_eq!(partition.checkpoint().unwrap(), before, "{line} changed something");
        error.to_string()
    };
    for (line, words) in [
        ("5 split ada mine", "`mine` was not absorbed by `ada` within the last 30d"),
        ("5 split ada ada", "`ada` was not absorbed"),
        ("5 split ada nobody", "`nobody` was not absorbed"),
        ("5 split eve d", "`d` was not absorbed by `eve`"),
        ("5 split ada e1", "`p` came together with `e1`"),
    ] {
        let error = refused(&mut partition, line);
        assert!(error.contains(words), "{error}");
    }
    let last = 30 * DAY + 1;
    partition.advance(minute(last));
    let error = refused(&mut partition, &format!("{} split ada d", 30 * DAY + 2));
    assert!(error.contains("`undo_window` in the settings"), "{error}");
    // The later one can be undone for two minutes more; and once it cannot, nothing is kept apart.
    tell(&mut partition, &format!("{} split ada e1 p", 30 * DAY + 3));
    assert_eq!(views(&partition), ["ada 4", "e1 1"]);
    let users: Json = serde_json::from_slice(&partition.checkpoint().unwrap()).unwrap();
    assert_eq!(users[2][0]["parts"], json!([]));
}

/// A queue that says everything twice gets no error for it.
#[test]
fn a_split_that_comes_twice_is_a_duplicate() {
    let mut partition = partition();
    tell(&mut partition, "0 ada\n 1 ~d\n 2 ada~d");
    let split = message("3 split ada d").id("m1");
    assert!(!partition.ingest(&split, minute(3)).unwrap().duplicate);
    assert!(partition.ingest(&split, minute(4)).unwrap().duplicate);
}

#[test]
fn links_beyond_the_limits_are_refused_and_counted() {
    let health = |script: String| -> (IdentityHealth, Vec<String>) {
        let mut partition = partition();
        tell(&mut partition, &script);
        (partition.health().identity, views(&partition))
    };
    let lines = |count: usize, line: &dyn Fn(usize) -> String| -> String {
        (0..count).map(|n| line(n) + "\n").collect()
    };
    let (counted, _) = health(lines(205, &|n| format!("{n} ada~d{n}")));
    assert_eq!(counted.refused_ids, 6, "ada, and 199 devices");
    let (counted, users) = health(lines(25, &|n| format!("{n} ~d{n}\n {n} ada~d{n}")));
    assert_eq!((counted.absorbed, counted.refused_absorptions), (20, 4), "the first one got the name");
    assert_eq!(users.len(), 5);
    assert_eq!(users[0], "ada 46", "the events count for the id that they name");
    let (counted, users) = health(lines(7, &|n| format!("{n} u{n}~d")) + "8 ~d");
    assert_eq!((counted.switched, counted.refused_owners), (4, 2));
    assert_eq!(users[4], "u4 2", "the device stays with the fifth");
    let (counted, _) = health("0 ada+email_hash=e\n 1 bob+email_hash=e".into());
    assert_eq!(counted.refused_strong, 1);
    let (counted, _) = health("0 ada~d\n 30 ~d\n 31 bob~d".into());
    assert_eq!(counted.kept_apart, 1);
}

#[test]
fn the_survivor_keeps_its_own_bucketing_id() {
    let mut partition = partition();
    tell(&mut partition, "0 ~d1\n 1 ada~d1\n 2 ~d2\n 3 ada~d2\n 4 bob\n 5 merge bob ada");
    assert_eq!(partition.profile("ada").unwrap().bucketing_id, "d1");
    tell(&mut partition, "6 split ada bob d2");
    let of = |user: &str| partition.profile(user).unwrap().bucketing_id;
    assert_eq!([of("ada"), of("bob"), of("d2")], ["d1", "bob", "d2"]);
}

#[test]
fn a_profile_that_is_taken_apart_keeps_nothing_for_the_forgotten() {
    let mut partition = partition();
    tell(&mut partition, "0 ~secret\n 1 ada\n 2 ada~secret\n 3 forget ada");
    let state = String::from_utf8(partition.checkpoint().unwrap()).unwrap();
    assert!(!state.contains("secret") && !state.contains("ada"), "{state}");
}

/// Something that is said of one of a few: who, minute, what.
#[derive(Clone, Debug)]
struct Said {
    who: usize,
    minute: i64,
    sku: Option<usize>,
    value: i64,
}

const WHO: [&str; 4] = ["ada", "~d1", "~d2", "~d3"];

impl Said {
    fn message(&self) -> Message {
        let ids = ids(WHO[self.who]);
        let message = match self.sku {
            Some(sku) => Message::track(ids, "view")
                .with("sku", ["a", "b", "c"][sku])
                .with("amount", self.value as f64 / 2.0),
            None => Message::identify(ids).with("country", ["FR", "DE", "IT"][self.value as usize % 3]),
        };
        message.at(minute(self.minute))
    }
}

fn said() -> impl Strategy<Value = Said> {
    (0_usize..4, 0_i64..200, prop::option::weighted(0.7, 0_usize..3), 0_i64..6)
        .prop_map(|(who, minute, sku, value)| Said { who, minute, sku, value })
}

fn run(partition: &mut Partition, message: &Message) {
    let now = minute(200).max(partition.clock());
    partition.ingest(message, now).unwrap();
}

/// What is known of a user and of each part, without what depends on the order of names or on when it was looked at.
fn known(partition: &Partition, user: &str) -> Json {
    let state: Json = serde_json::from_slice(&partition.checkpoint().unwrap()).unwrap();
    let is_users = |known: &&Json| known["profile"]["user"] == user;
    let mut known = state[2].as_array().unwrap().iter().find(is_users).unwrap_or(&Json::Null).clone();
    let parts = known["parts"].as_array_mut().unwrap();
    parts.iter_mut().for_each(|part| part[0] = Json::Null);
    parts.sort_by_key(ToString::to_string);
    let mut segments: Vec<String> =
        partition.segments(user).into_keys().map(|name| name.to_string()).collect();
    segments.sort_unstable();
    let parts = known["parts"].take();
    (known["memberships"], known["joined"]) = (Json::Null, Json::Null);
    known["sessions"].as_array_mut().unwrap().sort_by_key(ToString::to_string);
    json!([known, parts, segments])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// In whichever order devices are linked, and whichever of them are one first: it ends the same.
    #[test]
    fn links_in_any_order_end_the_same(
        all in prop::collection::vec(said(), 0..24),
        order in Just([1_usize, 2, 3]).prop_shuffle(),
        through_each_other in any::<bool>(),
    ) {
        let ends = |order: [usize; 3], through_each_other: bool| {
            let mut partition = partition();
            run(&mut partition, &Message::identify("ada").at(minute(0)));
            for device in [1, 2, 3] {
                run(&mut partition, &Message::identify(ids(WHO[device])).at(minute(0)));
            }
            all.iter().for_each(|said| run(&mut partition, &said.message()));
            let [a, b, c] = order.map(|n| &WHO[n][1..]);
            if through_each_other {
                // Two of them are one first, by a strong id.
                run(&mut partition, &Message::identify(Ids::anonymous(a).and("phone_hash", "p")).at(minute(200)));
                run(&mut partition, &Message::identify(Ids::anonymous(b).and("phone_hash", "p")).at(minute(200)));
                run(&mut partition, &Message::alias(c, "ada").at(minute(200)));
                run(&mut partition, &Message::alias(b, "ada").at(minute(200)));
            } else {
                for device in [a, b, c] {
                    run(&mut partition, &Message::alias(device, "ada").at(minute(200)));
                }
                run(&mut partition, &Message::identify(Ids::user("ada").and("phone_hash", "p")).at(minute(200)));
            }
            let [whole, _, segments] = known(&partition, "ada").as_array().unwrap().clone().try_into().unwrap();
            (whole, segments)
        };
        prop_assert_eq!(ends(order, through_each_other), ends([1, 2, 3], false));
    }

    /// What is split is as if it had never been merged; and merged again, as if it had never been split.
    #[test]
    fn merge_then_split_then_merge_is_the_identity(
        before in prop::collection::vec(said(), 0..16),
        after in prop::collection::vec(said(), 0..16),
    ) {
        // Devices are told apart by their messages: none of them is signed in.
        let definitions = DEFINITIONS.replace("session_gap = \"30m\"", "session_gap = \"10h\"");
        let definitions = Definitions::from_toml(&definitions).unwrap();
        let play = |merges: bool| {
            let mut partition = Partition::new(&definitions);
            for who in WHO {
                run(&mut partition, &Message::identify(ids(who)).at(minute(0)));
            }
            before.iter().for_each(|said| run(&mut partition, &said.message()));
            let link = |device: &str, links: bool| match links {
                true => Message::alias(device, "ada").at(minute(200)),
                // As many inputs in either case.
                false => Message::alias("elsewhere", "eve").at(minute(200)),
            };
            run(&mut partition, &link("d1", merges));
            run(&mut partition, &link("d2", true));
            after.iter().for_each(|said| run(&mut partition, &said.message()));
            partition
        };
        let (mut merged, mut apart) = (play(true), play(false));
        let whole = known(&merged, "ada");
        run(&mut merged, &Message::split("ada", ["d1"]).at(minute(200)));
        for who in ["ada", "d1", "d3"] {
            prop_assert_eq!(known(&merged, who), known(&apart, who), "{}", who);
        }
        for partition in [&mut merged, &mut apart] {
            run(partition, &Message::alias("d1", "ada").at(minute(200)));
            prop_assert_eq!(&known(partition, "ada"), &whole);
        }
    }
}

#[test]
fn profiles_are_shown_with_all_ids() {
    let mut partition = partition();
    tell(&mut partition, "0 ada~d2+email_hash=e+card=c\n 1 ada~d1+card=b");
    let UserProfile { ids, anonymous_ids, former_ids, .. } = partition.profile("ada").unwrap();
    assert_eq!(anonymous_ids, ["d1", "d2"]);
    assert_eq!(ids["card"], ["b", "c"]);
    assert_eq!(ids["email_hash"], ["e"]);
    assert!(former_ids.is_empty());
}
