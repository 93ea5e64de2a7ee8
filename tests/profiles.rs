//! What a host reads of its users: attributes, history, sessions, and who is who.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

use bespoke::definitions::Definitions;
use bespoke::engine::{Engine, Error, Partition};
use bespoke::model::{Duration, Ids, Instant, Message, MessageErrorKind, Object, Value};
use bespoke::profile::UserProfile;

const DEFINITIONS: &str = r#"
version = 1
[attributes]
country = "string"
born = "instant"
[events.view]
sku = "string"
[events.purchase]
sku = "string"
amount = "number"
[segments]
viewer = 'count(view in 30d) >= 2'
french = 'country = "FR"'
buyer = 'last(purchase.sku) is present'
half = 'bucket("spring") < 50'
"#;

fn start() -> Instant {
    "2026-11-23T10:00:00Z".parse().unwrap()
}

fn minute(n: i64) -> Instant {
    start() + Duration::minutes(n)
}

fn partition() -> Partition {
    Partition::new(&Definitions::from_toml(DEFINITIONS).unwrap())
}

/// Takes messages in, each at its own minute, and gives the changes as text.
fn ingest(partition: &mut Partition, messages: impl IntoIterator<Item = (i64, Message)>) -> Vec<String> {
    let mut changes = Vec::new();
    for (at, message) in messages {
        let now = minute(at).max(partition.clock());
        let outcome = partition.ingest(&message.at(minute(at)), now).unwrap();
        changes.extend(outcome.changes.iter().map(ToString::to_string));
    }
    changes
}

fn view(ids: impl Into<Ids>) -> Message {
    Message::track(ids, "view").with("sku", "boot-7")
}

fn profile(partition: &Partition, user: &str) -> UserProfile {
    partition.profile(user).unwrap_or_else(|| panic!("{user} is not known"))
}

#[test]
fn the_later_instant_wins_and_of_equals_the_later_arrival() {
    let mut partition = partition();
    let country = |name: &str| Message::identify("ada").with("country", name);
    ingest(&mut partition, [(10, country("FR")), (5, country("DE"))]);
    assert_eq!(profile(&partition, "ada").attributes["country"], "FR".into(), "a late message does not win");
    ingest(&mut partition, [(10, country("IT"))]);
    assert_eq!(profile(&partition, "ada").attributes["country"], "IT".into());
    ingest(
        &mut partition,
        [(20, Message::identify("ada").with("country", Value::Null)), (15, country("ES"))],
    );
    assert!(
        !profile(&partition, "ada").attributes.contains_key("country"),
        "what was unset later stays unset"
    );
}

#[test]
fn traits_are_flattened_and_read_as_the_schema_says() {
    let mut partition = partition();
    let mut address = Object::new();
    address.set("city", "Paris");
    let mut place = Object::new();
    place.set("lat", 48.8);
    place.set("lon", 2.3);
    let message = Message::identify("ada")
        .with("address", address)
        .with("place", place)
        .with("born", "2000-02-29T00:00:00Z");
    ingest(&mut partition, [(0, message), (1, Message::group("ada", "g7").with("plan", "pro"))]);
    let attributes = profile(&partition, "ada").attributes;
    assert_eq!(attributes["address.city"], "Paris".into());
    assert_eq!(attributes["place"].as_geo().unwrap().lat, 48.8);
    assert!(matches!(attributes["born"], Value::Instant(_)));
    assert_eq!((&attributes["group.id"], &attributes["group.plan"]), (&"g7".into(), &"pro".into()));
}

#[test]
fn history_is_by_event_time_and_duplicates_are_ignored() {
    let mut partition = partition();
    let numbered = |sku: &str, id: &str| Message::track("ada", "view").with("sku", sku).id(id);
    ingest(
        &mut partition,
        [
            (10, numbered("b", "m1")),
            (5, numbered("a", "m2")),
            (10, numbered("c", "m3")),
            (5, numbered("a", "m2")),
        ],
    );
    let events = profile(&partition, "ada").events;
    assert_eq!(events.iter().map(|event| event.at).collect::<Vec<_>>(), [minute(5), minute(10), minute(10)]);
    let duplicate = partition.ingest(&numbered("b", "m1"), minute(11)).unwrap();
    assert!(duplicate.duplicate && duplicate.changes.is_empty());
}

#[test]
fn sessions_end_after_the_gap() {
    let mut partition = partition();
    ingest(&mut partition, [(0, view("ada")), (20, view("ada")), (10, view("ada")), (50, view("ada"))]);
    let session = profile(&partition, "ada").session.unwrap();
    assert_eq!(
        (session.number, session.events, session.started),
        (2, 1, minute(50)),
        "50 is exactly 30 after 20"
    );
    assert_eq!(profile(&partition, "ada").first_seen, minute(0));
}

#[test]
fn what_one_affinity_learns_leaves_the_shares_of_another() {
    let definitions = r#"
        version = 1
        [events.purchase]
        city = "string"
        category = "string"
        [affinity.city]
        half_life = "1h"
        [affinity.category]
        half_life = "1d"
        [segments]
        reader = 'top("category") = "books"'
        away = 'did(purchase in 1d) and top("city") != "Rome"'
    "#;
    let mut partition = Partition::new(&Definitions::from_toml(definitions).unwrap());
    let purchase = |category: &str| Message::track("ada", "purchase").with("category", category);
    // More than sixty days later, so many half-lives of the one affinity and more than a thousand of the other.
    let purchases = [(0, purchase("shoes").with("city", "Rome")), (68 * 1_440, purchase("books"))];
    assert_eq!(ingest(&mut partition, purchases), ["ada entered reader"]);
}

#[test]
fn an_anonymous_visitor_who_signs_up_gets_the_name() {
    let mut partition = partition();
    let changes =
        ingest(&mut partition, [(0, view(Ids::anonymous("web-1"))), (1, view(Ids::anonymous("web-1")))]);
    assert!(changes.contains(&"web-1 entered viewer".to_owned()), "{changes:?}");
    let bucket = partition.is_member("web-1", "half");
    let changes =
        ingest(&mut partition, [(2, Message::identify(Ids::both("ada", "web-1")).with("country", "FR"))]);
    assert_eq!(changes, ["ada entered french"], "who is a viewer stays one, and buckets do not jump");
    assert_eq!(partition.is_member("ada", "half"), bucket);
    let profile = profile(&partition, "ada");
    assert_eq!(
        (&*profile.user, &*profile.bucketing_id, profile.anonymous_ids),
        ("ada", "web-1", vec!["web-1".to_owned()])
    );
    assert_eq!(partition.profile("web-1").unwrap().user, "ada", "the device is ada's from here on");
    assert_eq!(partition.user_count(), 1);
}

#[test]
fn a_known_user_absorbs_the_visitor() {
    let mut partition = partition();
    ingest(
        &mut partition,
        [
            (0, view("ada")),
            (1, Message::identify("ada").with("country", "FR")),
            (2, view(Ids::anonymous("web-1"))),
        ],
    );
    let changes = ingest(&mut partition, [(3, Message::page(Ids::both("ada", "web-1"), "home"))]);
    assert!(changes.contains(&"ada entered viewer".to_owned()), "one view each are two: {changes:?}");
    assert_eq!(partition.user_count(), 1);
    let events = profile(&partition, "ada").events;
    assert_eq!(events.iter().map(|event| event.at).collect::<Vec<_>>(), [minute(0), minute(2)]);
}

#[test]
fn a_device_that_changes_hands_merges_nobody() {
    let mut partition = partition();
    ingest(&mut partition, [(0, view(Ids::both("ada", "tablet"))), (1, view(Ids::both("bob", "tablet")))]);
    assert_eq!(partition.user_count(), 2);
    ingest(&mut partition, [(2, view(Ids::anonymous("tablet")))]);
    assert_eq!(profile(&partition, "bob").events.len(), 2, "it belongs to its latest owner");
    assert_eq!(profile(&partition, "ada").events.len(), 1);
}

#[test]
fn an_alias_joins_a_visitor_but_never_two_users() {
    let mut partition = partition();
    ingest(
        &mut partition,
        [(0, view(Ids::anonymous("lead-7"))), (1, view("ada")), (2, Message::alias("lead-7", "ada"))],
    );
    assert!(partition.is_member("ada", "viewer"));
    ingest(&mut partition, [(3, view("bob"))]);
    let before = partition.checkpoint().unwrap();
    let error = partition.ingest(&Message::alias("bob", "ada"), minute(4)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`bob` is itself a user, so it cannot become `ada`: a user keeps its id for ever; where they are one person, send `merge` with a reason"
    );
    assert!(matches!(error, Error::Identity(_)));
    assert!(
        partition.checkpoint().unwrap() == before,
        "a refused message changes nothing, not even the clock"
    );
}

#[test]
fn what_lies_too_far_ahead_is_refused_and_within_the_skew_it_counts_as_now() {
    let mut partition = partition();
    let error = partition.ingest(&view("ada").at(minute(6)), minute(0)).unwrap_err();
    let Error::Message(error) = error else { panic!("{error}") };
    assert!(matches!(error.kind(), MessageErrorKind::InFuture { .. }), "{error}");
    assert_eq!(partition.user_count(), 0);
    partition.ingest(&view("ada").at(minute(5)), minute(0)).unwrap();
    assert_eq!(profile(&partition, "ada").events[0].at, minute(0));
}

#[test]
fn forgetting_leaves_nothing() {
    let mut partition = partition();
    ingest(&mut partition, [(0, view("bob"))]);
    ingest(
        &mut partition,
        [
            (1, view(Ids::both("ada", "web-1"))),
            (2, view("ada")),
            (3, Message::identify("ada").with("secret", "rosebud")),
        ],
    );
    let changes = ingest(&mut partition, [(4, Message::forget("ada"))]);
    assert!(changes.contains(&"ada left viewer".to_owned()), "{changes:?}");
    assert!(partition.profile("ada").is_none() && partition.profile("web-1").is_none());
    let state = String::from_utf8(partition.checkpoint().unwrap()).unwrap();
    for word in ["ada", "web-1", "rosebud"] {
        assert!(!state.contains(word) && !format!("{partition:?}").contains(word), "`{word}` is still there");
    }
    // The place is free for another user, who inherits nothing.
    ingest(&mut partition, [(5, view("eve"))]);
    assert_eq!(profile(&partition, "eve").events.len(), 1);
    assert!(!partition.is_member("eve", "viewer"));
}

#[test]
fn forgetting_a_device_leaves_the_user_of_the_same_id() {
    let mut partition = partition();
    ingest(&mut partition, [(0, view("7")), (1, view(Ids::anonymous("7")))]);
    ingest(&mut partition, [(2, Message::forget(Ids::anonymous("7")))]);
    assert_eq!(profile(&partition, "7").events[0].at, minute(0), "the user is still there");
    assert_eq!(partition.user_count(), 1);
    // An earlier id of a user names the user.
    ingest(&mut partition, [(3, Message::alias("lead-7", "7")), (4, Message::forget("lead-7"))]);
    assert_eq!(partition.user_count(), 0);
}

#[test]
fn the_host_reads_while_others_write() {
    let engine = Engine::builder(Definitions::from_toml(DEFINITIONS).unwrap()).open().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let engine = engine.clone();
            scope.spawn(move || {
                for i in 0..2_000 {
                    let user = format!("user-{}", i % 50);
                    engine.ingest(view(&*user), minute(i * 2 + thread)).unwrap();
                }
            });
        }
        for _ in 0..500 {
            if let Some(profile) = engine.profile("user-7").unwrap() {
                assert!(profile.events.windows(2).all(|pair| pair[0].at <= pair[1].at));
            }
            let _ = engine.segments("user-7");
        }
    });
    assert_eq!(engine.user_count(), 50);
}
