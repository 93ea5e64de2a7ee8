//! Who is in a segment, how many, and how many are in several: beside asking user by user.
#![allow(clippy::unwrap_used)] // a test may stop at what should not be

use bespoke::definitions::Definitions;
use bespoke::engine::{Engine, Partition};
use bespoke::model::{Duration, Ids, Instant, Message};

const DEFINITIONS: &str = r#"
    version = 1
    [attributes]
    country = "string"
    [events.view]
    city = "string"
    [events.purchase]
    [segments]
    french = 'country = "FR"'
    active = 'did(view in 1h)'
    idle = 'not did(view in 1h)'
    never_bought = 'not did(purchase)'
    curious = { by = "city", when = 'count(view in 2h) >= 2' }
    half = 'bucket("a") < 50'
"#;
const SEGMENTS: [&str; 6] = ["french", "active", "idle", "never_bought", "curious", "half"];

fn message(rng: &mut fastrand::Rng) -> Message {
    let user = format!("u{}", rng.u32(0..30));
    match rng.u32(0..12) {
        0 => Message::forget(user),
        1 => Message::alias(format!("a{}", rng.u32(0..20)), user),
        2 | 3 => Message::identify(user).with("country", ["FR", "DE"][rng.usize(0..2)]),
        4 => Message::track(user, "purchase"),
        5 => Message::track(Ids::anonymous(format!("a{}", rng.u32(0..20))), "view").with("city", "Rome"),
        _ => Message::track(user, "view").with("city", ["Rome", "Oslo"][rng.usize(0..2)]),
    }
}

#[test]
fn sets_are_what_user_by_user_says() {
    let definitions = Definitions::from_toml(DEFINITIONS).unwrap();
    for seed in 0..20 {
        let rng = &mut fastrand::Rng::with_seed(seed);
        let mut partition = Partition::new(&definitions);
        let mut now = Instant::from_millis(0);
        for _ in 0..150 {
            now = now + Duration::minutes(rng.i64(0..20));
            let message = message(rng);
            // An alias between two known users is refused, and changes nothing.
            let _ = partition.ingest(&message, now);
            let users = partition.users();
            let is_member = |user: &str, segment: &str| partition.segments(user).contains_key(segment);
            for segment in SEGMENTS {
                let mut members: Vec<&str> = partition.members(segment).unwrap().collect();
                members.sort_unstable();
                let expected: Vec<&str> =
                    users.iter().map(|user| &**user).filter(|user| is_member(user, segment)).collect();
                assert_eq!(members, expected, "{segment}, seed {seed}");
                assert_eq!(partition.size(segment).unwrap(), expected.len() as u64);
            }
            let some: Vec<&str> = SEGMENTS.into_iter().filter(|_| rng.bool()).collect();
            let in_all = users.iter().filter(|user| some.iter().all(|segment| is_member(user, segment)));
            assert_eq!(partition.size_of_all(&some).unwrap(), in_all.count() as u64, "{some:?}, seed {seed}");
        }
    }
}

#[test]
fn writers_go_on_while_members_are_listed() {
    let engine = Engine::builder(Definitions::from_toml(DEFINITIONS).unwrap()).open().unwrap();
    let now = Instant::from_millis(0);
    for number in 0..3_000 {
        engine.ingest(Message::identify(format!("u{number:04}")).with("country", "FR"), now).unwrap();
    }
    let mut members = engine.members("french").unwrap();
    let first: Vec<_> = members.by_ref().take(10).collect();
    assert_eq!(&*first[9], "u0009");
    // One who comes up leaves, one who was given leaves, one is erased: the others are given once.
    engine.ingest(Message::identify("u2500").with("country", "DE"), now).unwrap();
    engine.ingest(Message::identify("u0005").with("country", "DE"), now).unwrap();
    engine.ingest(Message::forget("u2000"), now).unwrap();
    let rest: Vec<_> = members.collect();
    assert_eq!(rest.len(), 2_988);
    assert!(rest.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(!rest.iter().any(|user| ["u2500", "u2000"].contains(&&**user)));
}

#[test]
fn a_segment_that_is_not_defined_is_named_with_the_nearest_one() {
    let partition = Partition::new(&Definitions::from_toml(DEFINITIONS).unwrap());
    let error = partition.size("activ").unwrap_err();
    assert_eq!(error.to_string(), "unknown segment `activ` (did you mean `active`?)");
    assert!(partition.members("x").is_err() && partition.size_of_all(&["french", "x"]).is_err());
    assert_eq!(partition.size_of_all(&[]).unwrap(), 0);
}
