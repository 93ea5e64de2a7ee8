//! # identities: whose a message is, and what becomes of a visitor

use super::*;

/// A segment of those who viewed so often, over messages given as `(minute, fields)`.
fn reports(views: i64, messages: &[(i64, Json)]) -> Vec<String> {
    let count = aggregate(Agg::Count, events("view"));
    let when = count.compare(Cmp::Ge, lit(views));
    let segments = vec![Segment { name: "viewer".to_owned(), by: None, when }];
    let definitions = Definitions { segments, ..definitions() };
    let inputs = messages.iter().map(|(minute, fields)| {
        let mut body = json!({ "type": "track", "event": "view", "timestamp": T0 + minute * MINUTE });
        let all = body.as_object_mut().expect("an object");
        all.extend(fields.as_object().expect("an object").clone());
        Input::Message(body.to_string())
    });
    let inputs = inputs.collect();
    let scenario = Scenario { definitions, inputs, until: T0 + DAY, grid: MINUTE, style: None };
    let told = |c: &Change| {
        let verb = if c.entered { "enters" } else { "leaves" };
        format!("{} {verb} at {}", c.user, (c.at - T0) / MINUTE)
    };
    changes(&scenario).iter().map(told).collect()
}

#[test]
fn ids_are_linked_by_few_rules() {
    let user = |user: &str| json!({ "userId": user });
    let device = |device: &str| json!({ "anonymousId": device });
    let both = |user: &str, device: &str| json!({ "userId": user, "anonymousId": device });
    let alias =
        |previous: &str, user: &str| json!({ "type": "alias", "previousId": previous, "userId": user });
    let forget = |user: &str| json!({ "type": "forget", "userId": user });
    type Row<'a> = (&'a str, i64, &'a [(i64, Json)], &'a [&'a str]);
    let rows: &[Row] = &[
        (
            "a new user takes the visitor's profile",
            2,
            &[(0, device("d")), (1, both("ada", "d"))],
            &["ada enters at 1"],
        ),
        (
            "who is a viewer stays one under the new name",
            1,
            &[(0, device("d")), (1, both("ada", "d"))],
            &["d enters at 0"],
        ),
        (
            "a known user absorbs the visitor, who leaves",
            1,
            &[(0, user("ada")), (1, device("d")), (2, both("ada", "d"))],
            &["ada enters at 0", "d enters at 1", "d leaves at 2"],
        ),
        (
            "what both did is added",
            2,
            &[(0, user("ada")), (1, device("d")), (2, alias("d", "ada"))],
            &["ada enters at 2"],
        ),
        (
            "an owned device belongs to its owner",
            2,
            &[(0, both("ada", "d")), (1, device("d"))],
            &["ada enters at 1"],
        ),
        (
            "a device that changes hands merges nobody",
            2,
            &[(0, both("ada", "d")), (1, both("bob", "d")), (2, device("d"))],
            &["bob enters at 2"],
        ),
        (
            "two users are not joined, and the clock stays",
            2,
            &[(0, user("ada")), (1, user("bob")), (9, alias("bob", "ada")), (5, user("ada"))],
            &["ada enters at 5"],
        ),
        ("a text that was no user is a device", 2, &[(0, alias("old", "ada")), (1, device("old"))], &[]),
        (
            "its events are the user's",
            1,
            &[(0, alias("old", "ada")), (1, device("old"))],
            &["ada enters at 1"],
        ),
        (
            "who is forgotten leaves, with all devices",
            1,
            &[(0, both("ada", "d")), (1, forget("ada")), (2, device("d"))],
            &["ada enters at 0", "ada leaves at 1", "d enters at 2"],
        ),
        (
            "who is not known is not forgotten",
            0,
            &[(0, forget("ada")), (1, user("bob"))],
            &["bob enters at 1"],
        ),
    ];
    for (what, views, messages, expected) in rows {
        assert_eq!(reports(*views, messages), *expected, "{what}");
    }
}

#[test]
fn what_a_merge_makes_of_two_profiles() {
    let by = |kind: &str, at: i64, rest: Json| {
        let mut body = json!({ "timestamp": T0 + at * MINUTE, "type": "identify" });
        let all = body.as_object_mut().expect("an object");
        all.insert(kind.to_owned(), "x".into());
        all.extend(rest.as_object().expect("an object").clone());
        body.to_string()
    };
    let event = || json!({ "type": "track", "event": "e" });
    let mut lines = vec![
        by("userId", 5, json!({ "traits": { "plan": "own", "country": "own", "score": 1 } })),
        by("anonymousId", 5, json!({ "traits": { "plan": "theirs", "tier": "theirs" } })),
        by("anonymousId", 6, json!({ "traits": { "country": "theirs" } })),
        by("anonymousId", 4, json!({ "traits": { "score": 2 } })),
        by("userId", 10, event()),
        by("userId", 100, event()),
        by("userId", 110, event()),
        by("anonymousId", 95, event()),
        by("anonymousId", 125, event()),
    ];
    lines.push(by("userId", 126, json!({ "anonymousId": "x", "traits": {} })));
    // A device of the same text as a user is another profile until they are linked.
    let user = user(&lines);
    let attribute = |name: &str| value(&user, &attribute(name), T0 + DAY);
    assert_eq!(attribute("plan"), text("theirs"), "of equal instants the later arrival");
    assert_eq!((attribute("country"), attribute("score")), (text("theirs"), Value::Int(1)));
    assert_eq!(attribute("tier"), text("theirs"));
    let session = user.session.expect("there were events");
    let minutes = [session.first, session.last].map(|at| (at - T0) / MINUTE);
    // Two of the user's and two of the visitor's, of which three are one.
    assert_eq!((session.number, session.events, minutes), (2, 4, [95, 125]));
}
