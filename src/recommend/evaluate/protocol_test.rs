use super::*;
use crate::recommend::evaluate::Owner;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn hours(hours: i64) -> Instant {
    Instant::from_millis(1_700_000_000_000) + Duration::hours(hours)
}

/// Owner, item and hour, in the order in which they are pushed.
fn dataset(rows: &[(u32, u32, i64)]) -> Dataset {
    let mut data = Dataset::new(Owner::User);
    for (owner, item, hour) in rows {
        data.push(&format!("o{owner}"), &format!("i{item}"), Some(hours(*hour))).unwrap();
    }
    data
}

fn last_day() -> Protocol {
    Protocol::NextItem(Holdout::Last(Duration::days(1)))
}

fn names(data: &Dataset, touches: &[Touch]) -> String {
    let name = |touch: &Touch| format!("{}{}", data.owner_name(touch.owner), data.item_name(touch.item));
    touches.iter().map(name).collect::<Vec<_>>().join(" ")
}

#[test]
fn sessions_of_the_last_day_are_the_test() {
    let data = dataset(&[
        (1, 1, 0), // long before
        (1, 2, 1),
        (2, 1, 70), // begins before the last day and ends in it, exactly a day before the last of all
        (2, 2, 76),
        (3, 2, 99), // ends last but comes before 4 in the file
        (3, 9, 99), // nobody knows 9
        (3, 1, 100),
        (4, 1, 98),
        (4, 2, 98),
        (5, 1, 80), // a single click
        (6, 9, 80), // one that is left once 9 is out
        (6, 1, 81),
        (7, 2, 75), // just too early
    ]);
    let split = data.split(last_day(), Part::Test).unwrap();
    assert_eq!(names(&data, &split.train), "o1i1 o1i2 o7i2");
    let Cases::Sessions(sessions) = &split.cases else { unreachable!("next item tests sessions") };
    let sessions: Vec<String> = sessions.iter().map(|session| names(&data, session)).collect();
    assert_eq!(sessions, ["o2i1 o2i2", "o4i1 o4i2", "o3i2 o3i1"]);
    assert_eq!(split.left_out, (2, 2));
    assert_eq!(
        split.to_string(),
        "test: 3 sessions with 6 clicks, whose last click is in the last 1d; 2 clicks on items unseen in training are \
         left out, and 2 sessions too short then; from 2023-11-17T20:13:20Z to 2023-11-19T02:13:20Z. training: 3 \
         interactions with 2 items from 2023-11-14T22:13:20Z to 2023-11-18T01:13:20Z"
    );
}

#[test]
fn the_last_share_of_sessions_without_times() {
    let mut data = Dataset::new(Owner::Session);
    for session in 0..10 {
        for item in ["a", "b"] {
            data.push(&session.to_string(), item, None).unwrap();
        }
    }
    let split = data.split(Protocol::NextItem(Holdout::Share(0.2)), Part::Test).unwrap();
    let Cases::Sessions(sessions) = &split.cases else { unreachable!("next item tests sessions") };
    let owners: Vec<u32> = sessions.iter().map(|session| session[0].owner).collect();
    assert_eq!((owners, split.train_len()), (vec![8, 9], 16));
    let split = data.split(Protocol::NextItem(Holdout::Share(0.2)), Part::Validation).unwrap();
    assert_eq!((split.cases(), split.train_len()), (2, 12), "1.6 of 8 sessions, rounded");
}

#[test]
fn the_last_of_each_user() {
    // In one instant the order of the file decides. User 3 has one interaction, and is learned.
    let data = dataset(&[(1, 1, 5), (1, 2, 3), (2, 1, 1), (2, 2, 1), (3, 3, 9), (2, 1, 0)]);
    let split = data.split(Protocol::LastOut, Part::Test).unwrap();
    assert_eq!(names(&data, &split.train), "o2i1 o2i1 o1i2 o3i3");
    let Cases::Users(users) = &split.cases else { unreachable!("last out tests users") };
    let item = |name: &str| data.items().get(name).unwrap();
    let first = UserCase { user: 0, had: vec![item("i2")], targets: vec![item("i1")] };
    let second = UserCase { user: 1, had: vec![item("i1"), item("i1")], targets: vec![item("i2")] };
    assert_eq!(*users, [first, second]);
}

#[test]
fn a_random_split_follows_ids_and_nothing_else() {
    let rows: Vec<_> =
        (0..40).flat_map(|user| (0..10).map(move |item| (user, item, i64::from(item)))).collect();
    let mut reversed = rows.clone();
    reversed.reverse();
    let test_of = |rows: &[(u32, u32, i64)], seed| -> BTreeSet<String> {
        let data = dataset(rows);
        let split = data.split(Protocol::RandomSplit { share: 0.2, seed }, Part::Test).unwrap();
        let Cases::Users(users) = &split.cases else { unreachable!("a random split tests users") };
        let name = |user: &UserCase, item: &ItemId| {
            format!("{} {}", data.owner_name(user.user), data.item_name(*item))
        };
        users.iter().flat_map(|user| user.targets.iter().map(move |item| name(user, item))).collect()
    };
    let test = test_of(&rows, 1);
    assert_eq!((test.len(), &test), (80, &test_of(&reversed, 1)));
    let other = test_of(&rows, 2);
    assert!(test.intersection(&other).count() < 40, "another seed draws others");
    // Each item is drawn by about a fifth of the users.
    for item in 0..10 {
        let users = test.iter().filter(|name| name.ends_with(&format!(" i{item}"))).count();
        assert!((1..=18).contains(&users), "{item} by {users}");
    }
}

#[test]
fn what_cannot_be_split_is_told() {
    let rows = [(1, 1, 0), (1, 2, 0)];
    let data = dataset(&rows);
    let mut untimed = Dataset::new(Owner::Session);
    untimed.push("s", "a", None).unwrap();
    let share = |share| Protocol::NextItem(Holdout::Share(share));
    let setting = |name, found: &str, wanted| Error::Setting { name, found: found.into(), wanted };
    for (data, protocol, part, error) in [
        (&data, last_day(), Part::Test, Error::NothingToLearn(2)),
        (&data, share(0.4), Part::Test, Error::NothingToTest(share(0.4).needs())),
        (&data, Protocol::LastOut, Part::Validation, Error::NothingToTest(Protocol::LastOut.needs())),
        (&untimed, Protocol::LastOut, Part::Test, Error::NothingToTest(Protocol::LastOut.needs())),
        (&untimed, last_day(), Part::Test, Error::NoTimes),
        (&Dataset::new(Owner::User), Protocol::LastOut, Part::Test, Error::NothingToLearn(0)),
        (&data, share(1.0), Part::Test, setting("share", "1", "above 0 and below 1")),
        (&data, share(f64::NAN), Part::Test, setting("share", "NaN", "above 0 and below 1")),
        (
            &data,
            Protocol::NextItem(Holdout::Last(Duration::ZERO)),
            Part::Test,
            setting("last", "0s", "more than 0"),
        ),
    ] {
        assert_eq!(data.split(protocol, part).unwrap_err(), error, "{protocol:?}");
    }
}

fn histories() -> impl Strategy<Value = Vec<(u32, u32, i64)>> {
    prop::collection::vec((0_u32..8, 0_u32..6, 0_i64..100), 1..60)
}

/// Owners that are held out by the words of the protocol.
fn naive_last_day(rows: &[(u32, u32, i64)]) -> BTreeSet<u32> {
    let end = rows.iter().map(|row| row.2).max().unwrap();
    let is_last = |owner: u32| rows.iter().any(|row| row.0 == owner && row.2 >= end - 24);
    rows.iter().map(|row| row.0).filter(|owner| is_last(*owner)).collect()
}

proptest! {
    #[test]
    fn next_item_is_as_told(rows in histories()) {
        let data = dataset(&rows);
        let held_out = naive_last_day(&rows);
        let mut by_time = rows.clone();
        by_time.sort_by_key(|row| row.2);
        let train: Vec<_> = by_time.iter().filter(|row| !held_out.contains(&row.0)).collect();
        let known: BTreeSet<u32> = train.iter().map(|row| row.1).collect();
        let mut sessions: Vec<(i64, u32, String)> = Vec::new();
        for owner in &held_out {
            let clicks: Vec<_> = by_time.iter().filter(|row| row.0 == *owner && known.contains(&row.1)).collect();
            if clicks.len() >= 2 {
                let name = |row: &&(u32, u32, i64)| format!("o{}i{}", row.0, row.1);
                let first_seen = rows.iter().position(|row| row.0 == *owner).unwrap() as u32;
                let end = clicks.last().unwrap().2;
                sessions.push((end, first_seen, clicks.iter().map(name).collect::<Vec<_>>().join(" ")));
            }
        }
        sessions.sort();
        match data.split(last_day(), Part::Test) {
            Err(Error::NothingToLearn(_)) => prop_assert!(train.is_empty()),
            Err(_) => prop_assert!(sessions.is_empty()),
            Ok(split) => {
                let expected: Vec<String> = train.iter().map(|row| format!("o{}i{}", row.0, row.1)).collect();
                prop_assert_eq!(names(&data, &split.train), expected.join(" "));
                let Cases::Sessions(found) = &split.cases else { unreachable!("next item tests sessions") };
                let found: Vec<String> = found.iter().map(|session| names(&data, session)).collect();
                let expected: Vec<String> = sessions.into_iter().map(|session| session.2).collect();
                prop_assert_eq!(found, expected);
            }
        }
    }

    /// What validation learns and predicts is what the test learns; of the test it sees nothing.
    #[test]
    fn validation_never_sees_the_test(rows in histories(), which in 0_usize..3) {
        let data = dataset(&rows);
        let protocol = [last_day(), Protocol::LastOut, Protocol::RandomSplit { share: 0.3, seed: 5 }][which];
        let (Ok(test), Ok(validation)) = (data.split(protocol, Part::Test), data.split(protocol, Part::Validation)) else {
            return Ok(());
        };
        let mut rest = test.train.clone();
        for touch in &validation.train {
            let place = rest.iter().position(|other| other == touch);
            prop_assert!(place.is_some(), "learned by validation, and not by the test");
            rest.remove(place.unwrap());
        }
        match &validation.cases {
            Cases::Sessions(sessions) => {
                prop_assert!(sessions.iter().flatten().all(|touch| rest.contains(touch)));
            }
            Cases::Users(users) => for user in users {
                let has = |item: &ItemId| rest.iter().any(|touch| touch.owner == user.user && touch.item == *item);
                prop_assert!(user.targets.iter().all(has));
            },
        }
    }

    /// Every interaction is learned or held out; pairs that are held out by chance are not learned as well.
    #[test]
    fn a_random_split_takes_its_share(rows in histories(), seed in 0_u64..9) {
        let data = dataset(&rows);
        let Ok(split) = data.split(Protocol::RandomSplit { share: 0.4, seed }, Part::Test) else { return Ok(()) };
        let Cases::Users(users) = &split.cases else { unreachable!("a random split tests users") };
        for owner in 0..data.owners() as u32 {
            let distinct = |touches: &[Touch]| -> BTreeSet<ItemId> {
                touches.iter().filter(|touch| touch.owner == owner).map(|touch| touch.item).collect()
            };
            let (all, learned) = (distinct(&data.by_time()), distinct(&split.train));
            let case = users.iter().find(|case| case.user == owner);
            let targets: BTreeSet<ItemId> = case.map(|case| case.targets.iter().copied().collect()).unwrap_or_default();
            prop_assert_eq!(targets.len(), (all.len() as f64 * 0.4).round() as usize);
            prop_assert!(targets.is_disjoint(&learned));
            prop_assert_eq!(targets.union(&learned).copied().collect::<BTreeSet<_>>(), all);
        }
    }
}
