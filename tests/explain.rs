//! What a person who asks "why?" gets: explanations, the nearest missing conditions, and expressions that no
//! definition has.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

use bespoke::definitions::Definitions;
use bespoke::engine::{Engine, Error, Partition};
use bespoke::model::{Duration, Instant, Message, Value};
use std::ops::ControlFlow;

const SHOP: &str = r#"
version = 1
[settings]
timezone = "Europe/Paris"
[attributes]
country = "string"
plan = "string"
vip = "bool"
age = "number"
"budget.*" = "number"
[events.view]
category = "string"
sku = "string"
[events.purchase]
cart_id = "string"
[events.add_to_cart]
cart_id = "string"
[events.payment]
amount = "number"
category = "string"
[events.search]
city = "string"

[segments]
sneakerhead = 'count(view where category = "sneakers" in 7d) >= 3 and not did(purchase in 30d)'
vip = "vip or age >= 65"
valued = 'segment("vip") and sum(payment.amount in 30d) > 100'
lapsing = "now - last(view) > 2d   # as agreed\n  or country != \"FR\""
cart_left = { by = "cart_id", when = 'sequence(add_to_cart, not purchase) and now - last(add_to_cart) >= 1h' }
overspent = { by = "category", when = 'sum(payment.amount in this month) > 0.9 * budget[key]' }
undecided = 'some city: (did(search in 24h))'
young = "age between 18 and 30 and plan in [\"pro\", \"team\"]"
"#;

const START: &str = "2026-11-23T10:00:00Z";

fn start() -> Instant {
    START.parse().unwrap()
}

/// The shop, with messages at minutes after the start.
fn shop(messages: &[(i64, Message)]) -> Partition {
    let mut partition = Partition::new(&Definitions::from_toml(SHOP).unwrap());
    for (minute, message) in messages {
        partition.ingest(message, start() + Duration::minutes(*minute)).unwrap();
    }
    partition
}

fn view(category: &str) -> Message {
    Message::track("ada", "view").with("category", category)
}

fn pay(category: &str, amount: f64) -> Message {
    Message::track("ada", "payment").with("category", category).with("amount", amount)
}

fn cart(event: &str, id: &str) -> Message {
    Message::track("ada", event).with("cart_id", id)
}

#[test]
fn the_tree_of_a_segment_follows_its_text() {
    for (messages, segment, minute, expected) in [
        (
            vec![(0, view("sneakers")), (1, view("hats")), (2, view("sneakers"))],
            "sneakerhead",
            5,
            "\
✗ ada in sneakerhead
  ✗ count(view where category = \"sneakers\" in 7d) >= 3 and not did(purchase in 30d)
    ✗ count(view where category = \"sneakers\" in 7d) >= 3
      · count(view where category = \"sneakers\" in 7d): 2 (2026-11-23T10:00:00Z, 2026-11-23T10:02:00Z), 1 from 2026-11-30T10:00:00Z
    ✓ not did(purchase in 30d)
      ✗ did(purchase in 30d)",
        ),
        (
            vec![
                (0, Message::identify("ada").with("age", 70)),
                (1, pay("dining", 60.0)),
                (2, pay("dining", 41.5)),
            ],
            "valued",
            2,
            "\
✓ ada in valued, until 2026-12-23T10:01:00Z
  ✓ segment(\"vip\") and sum(payment.amount in 30d) > 100, until 2026-12-23T10:01:00Z
    ✓ segment(\"vip\")
      ✓ vip or age >= 65
        ✗ vip
        ✓ age >= 65
          · age: 70
    ✓ sum(payment.amount in 30d) > 100, until 2026-12-23T10:01:00Z
      · sum(payment.amount in 30d): 101.5 (2026-11-23T10:01:00Z 60, 2026-11-23T10:02:00Z 41.5), 41.5 from 2026-12-23T10:01:00Z",
        ),
        (
            vec![(0, Message::identify("ada").with("country", "FR")), (0, view("hats"))],
            "lapsing",
            60,
            "\
✗ ada in lapsing, until 2026-11-25T10:00:00.001Z
  ✗ now - last(view) > 2d or country != \"FR\", until 2026-11-25T10:00:00.001Z
    ✗ now - last(view) > 2d, until 2026-11-25T10:00:00.001Z
      · now - last(view): 1h
        · now: @2026-11-23T11:00:00Z
        · last(view): @2026-11-23T10:00:00Z
    ✗ country != \"FR\"
      · country: \"FR\"",
        ),
        (
            vec![(0, cart("add_to_cart", "c1")), (1, cart("add_to_cart", "c2")), (2, cart("purchase", "c2"))],
            "cart_left",
            70,
            "\
✓ ada in cart_left
  ✓ cart_id = \"c1\"
    ✓ sequence(add_to_cart, not purchase) and now - last(add_to_cart) >= 1h
      ✓ sequence(add_to_cart, not purchase)
        · add_to_cart: 1 event (2026-11-23T10:00:00Z)
        · not purchase: 0 events
      ✓ now - last(add_to_cart) >= 1h
        · now - last(add_to_cart): 1h10m
          · now: @2026-11-23T11:10:00Z
          · last(add_to_cart): @2026-11-23T10:00:00Z (2026-11-23T10:00:00Z)
  ✗ cart_id = \"c2\"
    ✗ sequence(add_to_cart, not purchase) and now - last(add_to_cart) >= 1h
      ✗ sequence(add_to_cart, not purchase)
        · add_to_cart: 1 event (2026-11-23T10:01:00Z)
        · not purchase: 1 event (2026-11-23T10:02:00Z)
      ✓ now - last(add_to_cart) >= 1h
        · now - last(add_to_cart): 1h9m
          · now: @2026-11-23T11:10:00Z
          · last(add_to_cart): @2026-11-23T10:01:00Z (2026-11-23T10:01:00Z)",
        ),
        (
            vec![(0, view("hats"))],
            "cart_left",
            70,
            "\
✗ ada in cart_left
  · values of cart_id: 0",
        ),
        (
            vec![(0, Message::track("ada", "search").with("city", "Rome")), (0, view("hats"))],
            "undecided",
            0,
            "\
✓ ada in undecided, until 2026-11-24T10:00:00Z
  ✓ some city: (did(search in 24h)), until 2026-11-24T10:00:00Z
    ✓ city = \"Rome\", until 2026-11-24T10:00:00Z
      ✓ did(search in 24h) (2026-11-23T10:00:00Z), until 2026-11-24T10:00:00Z",
        ),
    ] {
        let partition = shop(&messages);
        let at = start() + Duration::minutes(minute);
        let explanation = partition.explain("ada", segment, at).unwrap();
        assert_eq!(explanation.to_string(), expected, "{segment}");
    }
}

#[test]
fn one_part_of_a_keyed_segment() {
    let partition = shop(&[
        (0, Message::identify("ada").with("budget.dining", 50).with("budget.shoes", 10)),
        (1, pay("dining", 44.0)),
        (2, pay("shoes", 12.0)),
    ]);
    let now = start() + Duration::minutes(3);
    assert_eq!(
        partition.explain_key("ada", "overspent", &"dining".into(), now).unwrap().to_string(),
        "\
✗ ada in overspent (dining)
  ✗ sum(payment.amount in this month) > 0.9 * budget[key]
    · sum(payment.amount in this month): 44 (2026-11-23T10:01:00Z 44), 0 from 2026-11-30T23:00:00Z
    · 0.9 * budget[key]: 45
      · budget[key]: 50"
    );
    assert_eq!(
        partition.why_not_key("ada", "overspent", &"dining".into(), now).unwrap().to_string(),
        "ada is not in overspent (dining): sum(payment.amount in this month) is 44, needs over 1 more"
    );
    assert_eq!(
        partition.why_not("ada", "overspent", now).unwrap().to_string(),
        "ada is in overspent (shoes): sum(payment.amount in this month) is 12, needs 3 less, until 2026-11-30T23:00:00Z by time alone"
    );
    assert_eq!(
        partition.explain_key("ada", "overspent", &"travel".into(), now).unwrap().to_string(),
        "✗ ada in overspent (travel)\n  · events with this category: 0"
    );
    let never = partition.why_not_key("ada", "overspent", &"travel".into(), now).unwrap();
    assert_eq!(
        never.to_string(),
        "ada is not in overspent (travel): category is missing, needs an event that has it"
    );
    let refused = partition.explain_key("ada", "vip", &"x".into(), now).unwrap_err();
    assert_eq!(refused.to_string(), "the segment `vip` is not keyed; ask without a key");
}

#[test]
fn what_is_missing_in_words() {
    let bought = [(0, view("sneakers")), (1, Message::track("ada", "purchase"))];
    let known = |age: i64, country: &str| {
        vec![(0, Message::identify("ada").with("age", age).with("country", country)), (0, view("hats"))]
    };
    for (messages, segment, minute, expected) in [
        (
            vec![(0, view("sneakers")), (2, view("sneakers"))],
            "sneakerhead",
            5,
            "ada is not in sneakerhead: count(view where category = \"sneakers\" in 7d) is 2, needs 1 more",
        ),
        (
            bought.to_vec(),
            "sneakerhead",
            5,
            "ada is not in sneakerhead: count(view where category = \"sneakers\" in 7d) is 1, needs 2 more; \
             and did(purchase in 30d) holds, until 2026-12-23T10:01:00Z by time alone",
        ),
        (
            known(60, "FR"),
            "valued",
            0,
            "ada is not in valued: vip does not hold (of vip); and sum(payment.amount in 30d) is 0, needs 101 more\n  \
             or: age is 60, needs 5 more (of vip); and sum(payment.amount in 30d) is 0, needs 101 more",
        ),
        (
            known(60, "FR"),
            "lapsing",
            0,
            "ada is not in lapsing: now - last(view) is 0s, needs 2d1ms more, until 2026-11-25T10:00:00.001Z by time alone\n  \
             or: country is \"FR\", needs another value",
        ),
        (known(60, "DE"), "lapsing", 0, "ada is in lapsing: country is \"DE\", needs \"FR\""),
        (
            known(17, "FR"),
            "young",
            0,
            "ada is not in young: age is 17, needs between 18 and 30; and plan is missing, needs in [\"pro\", \"team\"]",
        ),
        (
            known(17, "FR"),
            "cart_left",
            0,
            "ada is not in cart_left: cart_id is missing, needs an event that has it",
        ),
        (
            vec![(0, cart("add_to_cart", "c1")), (1, cart("add_to_cart", "c2")), (2, cart("purchase", "c1"))],
            "cart_left",
            30,
            "ada is not in cart_left (c2): now - last(add_to_cart) is 29m, needs 31m more, \
             until 2026-11-23T11:01:00Z by time alone",
        ),
    ] {
        let partition = shop(&messages);
        let at = start() + Duration::minutes(minute);
        assert_eq!(partition.why_not("ada", segment, at).unwrap().to_string(), expected, "{segment}");
    }
}

#[test]
fn explanations_are_data() {
    let partition = shop(&[(0, view("sneakers"))]);
    let why = partition.why_not("ada", "sneakerhead", start()).unwrap();
    assert_eq!(
        serde_json::to_string(&why).unwrap(),
        r#"{"user":"ada","segment":"sneakerhead","holds":false,"alternatives":[[{"condition":"count(view where category = \"sneakers\" in 7d) >= 3","holds":false,"subject":"count(view where category = \"sneakers\" in 7d)","value":"1","needs":"2 more"}]]}"#
    );
    let explanation = partition.explain("ada", "sneakerhead", start()).unwrap();
    let count = &explanation.because[0].because[0].because[0];
    let evidence = count.evidence.as_ref().unwrap();
    assert_eq!((evidence.count, evidence.first, evidence.last), (1, Some(start()), Some(start())));
    assert_eq!(evidence.latest[0].event, "view");
    assert_eq!((count.value.as_deref(), count.then.as_deref()), (Some("1"), Some("0")));
    assert_eq!(count.until, Some(start() + Duration::days(7)));
}

#[test]
fn what_is_not_known_is_an_error_with_advice() {
    let partition = shop(&[(0, view("sneakers"))]);
    for (error, words) in [
        (partition.explain("bob", "vip", start()).unwrap_err(), "unknown user `bob`"),
        (
            partition.explain("ada", "sneakerhed", start()).unwrap_err(),
            "unknown segment `sneakerhed` (did you mean `sneakerhead`?)",
        ),
        (partition.why_not("ada", "zzz", start()).unwrap_err(), "unknown segment `zzz`"),
    ] {
        assert_eq!(error.to_string(), words);
    }
    for (text, message, help) in [
        ("did(veiw)", "unknown event `veiw`", Some("did you mean `view`?")),
        ("segment(\"sneakerhed\")", "unknown segment `sneakerhed`", Some("did you mean `sneakerhead`?")),
        ("age > \"x\"", "a number cannot be compared with a string", Some("a number has no quotes")),
        ("age >", "expected a value, a name or a call, found the end", None),
    ] {
        let Err(Error::Expression(errors)) = partition.expression(text) else { panic!("{text}") };
        assert_eq!((errors[0].message(), errors[0].advice()), (message, help), "{text}");
        assert!(format!("{:#}", errors[0]).contains(text), "the place is shown");
    }
    let number = partition.expression("count(view)").unwrap();
    assert!(!number.is_condition());
    let refused = partition.evaluate_all(&number, 1, start(), |_| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(refused, Error::Expression(_)), "{refused}");
}

#[test]
fn an_expression_that_no_definition_has() {
    let partition = shop(&[
        (0, Message::identify("ada").with("country", "FR").with("age", 40)),
        (1, view("sneakers")),
        (2, pay("dining", 20.0)),
        (3, Message::track("ada", "search").with("city", "Rome")),
    ]);
    let now = start() + Duration::minutes(10);
    let day = Duration::days(1);
    for (text, value, until, covered_since) in [
        ("country = \"FR\"", true.into(), None, None),
        // Texts that nobody holds, in every way of looking at one.
        ("country = \"Nowhere\"", false.into(), None, None),
        ("country != \"Nowhere\"", true.into(), None, None),
        ("country in [\"Nowhere\", \"FR\"]", true.into(), None, None),
        ("country starts with \"F\" and \"Nowhere\" starts with \"No\"", true.into(), None, None),
        ("country < \"Nowhere\"", true.into(), None, None),
        ("plan is missing", true.into(), None, None),
        ("count(view where category = \"Nowhere\" in 1d)", 0.into(), None, None),
        // What definitions keep.
        ("count(view in 1d)", 1.into(), Some(start() + Duration::minutes(1) + day), None),
        ("segment(\"vip\") or age < 65", true.into(), None, None),
        (
            "sum(payment.amount in 7d)",
            20.0.into(),
            Some(start() + Duration::minutes(2) + Duration::days(7)),
            None,
        ),
        ("now - last(view)", (9 * 60_000).into(), Some(now + Duration::from_millis(1)), None),
        ("some city: (did(search in 1h))", true.into(), Some(start() + Duration::minutes(63)), None),
        // What they do not: a property, and the parts by another one.
        ("did(view where sku = \"x\")", false.into(), None, Some(now)),
        ("some sku: (did(view))", false.into(), None, Some(now)),
        ("affinity(\"category\", \"sneakers\")", 0.0.into(), None, Some(now)),
    ] {
        let expression = partition.expression(text).unwrap();
        let answer = partition.evaluate(&expression, "ada", now).unwrap();
        assert_eq!(answer.value, value, "{text}");
        assert_eq!(answer.holds, value == Value::Bool(true), "{text}");
        assert_eq!((answer.until, answer.covered_since), (until, covered_since), "{text}");
    }
}

/// Texts come and go in a store, and their numbers are given again: a compiled expression holds none of them.
#[test]
fn an_expression_outlives_the_texts_of_a_store() {
    let mut partition = shop(&[(0, Message::identify("ada").with("country", "FR"))]);
    let expression = partition.expression("country = \"Erewhon\"").unwrap();
    let holds =
        |partition: &Partition, user: &str| partition.evaluate(&expression, user, start()).unwrap().holds;
    assert!(!holds(&partition, "ada"));
    partition.ingest(&Message::identify("bob").with("country", "Erewhon"), start()).unwrap();
    assert!(holds(&partition, "bob") && !holds(&partition, "ada"));
    partition.ingest(&Message::identify("bob").with("country", "Utopia"), start()).unwrap();
    assert!(!holds(&partition, "bob"));
}

#[test]
fn history_that_does_not_reach_back_is_said() {
    let text = "version = 1\n[events.view]\ncategory = \"string\"\n[events.open]\n[segments]\n\
                week = 'count(view where category = \"a\" in 7d) >= 1'\nday = 'did(view in today)'";
    let mut partition = Partition::new(&Definitions::from_toml(text).unwrap());
    partition.ingest(&Message::track("ada", "view").with("category", "a"), start()).unwrap();
    let now = start() + Duration::days(30);
    partition.advance(now);
    let kept = now - Duration::days(7) + Duration::from_millis(1);
    for (text, covered_since) in [
        ("count(view in 7d) > 0", None),
        ("count(view in 8d) > 0", Some(kept)),
        ("count(view) > 0", Some(kept)),
        ("did(open in 1d)", Some(now)),
        ("did(any in 1d)", Some(now)),
        ("did(view since @2026-12-20)", None),
    ] {
        let expression = partition.expression(text).unwrap();
        assert_eq!(
            partition.evaluate(&expression, "ada", now).unwrap().covered_since,
            covered_since,
            "{text}"
        );
    }
    // Of a user who came later nothing is missing.
    partition.ingest(&Message::track("bob", "view"), now).unwrap();
    let expression = partition.expression("count(view) > 0").unwrap();
    assert_eq!(partition.evaluate(&expression, "bob", now).unwrap().covered_since, None);
    let explained = partition.explain_expression(&expression, "ada", now).unwrap();
    assert_eq!(
        explained.to_string(),
        "✓ count(view) > 0; the history is whole since 2026-12-16T10:00:00.001Z only\n  \
         · count(view): 1 (2026-11-23T10:00:00Z); the history is whole since 2026-12-16T10:00:00.001Z only"
    );
}

#[test]
fn everyone_is_asked_in_pages() {
    let engine = Engine::builder(Definitions::from_toml(SHOP).unwrap()).open().unwrap();
    for number in 0..2_500 {
        let message = Message::identify(format!("u{number:04}")).with("age", number % 100);
        engine.ingest(message, start()).unwrap();
    }
    let expression = engine.expression("age < 10").unwrap();
    let mut steps = Vec::new();
    let survey = engine
        .evaluate_all(&expression, 3, start(), |progress| {
            // Writers are not kept waiting while the host looks.
            engine.ingest(Message::identify("u0000").with("plan", "pro"), start()).unwrap();
            steps.push((progress.done, progress.total, progress.matching));
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(steps, [(1_000, 2_500, 100), (2_000, 2_500, 200), (2_500, 2_500, 250)]);
    assert_eq!((survey.matching, survey.done, survey.complete), (250, 2_500, true));
    assert_eq!(survey.users, ["u0000".into(), "u0001".into(), "u0002".into()]);

    let one_by_one = (0..2_500)
        .filter(|number| engine.evaluate(&expression, &format!("u{number:04}"), start()).unwrap().holds);
    assert_eq!(one_by_one.count(), survey.matching);

    let stopped = engine.evaluate_all(&expression, 3, start(), |_| ControlFlow::Break(())).unwrap();
    assert_eq!((stopped.matching, stopped.done, stopped.complete), (100, 1_000, false));
}

/// A random formula over the attributes `a0` … `a5`.
fn formula(rng: &mut fastrand::Rng, depth: u32) -> String {
    let inner = |rng: &mut fastrand::Rng| formula(rng, depth - 1);
    match rng.u32(0..if depth == 0 { 2 } else { 8 }) {
        // An attribute is always asked for in the same way, for conditions count as independent.
        0 => format!("a{}", rng.u32(0..3)),
        1 => format!("a{} = true", rng.u32(3..6)),
        2 | 3 => format!("not ({})", inner(rng)),
        4 | 5 => format!("({} and {} and {})", inner(rng), inner(rng), inner(rng)),
        _ => format!("({} or {})", inner(rng), inner(rng)),
    }
}

/// The conditions of each alternative are brought about by messages, and the membership follows.
#[test]
fn flipping_what_is_missing_changes_the_membership() {
    let rng = &mut fastrand::Rng::with_seed(11);
    let (mut entered, mut left) = (0, 0);
    for _ in 0..150 {
        let (first, second) = (formula(rng, 3), formula(rng, 2));
        let attributes: String = (0..6).map(|i| format!("a{i} = \"bool\"\n")).collect();
        let text = format!(
            "version = 1\n[attributes]\n{attributes}[segments]\nother = '{second}'\n\
             asked = '{first} and segment(\"other\") or not segment(\"other\") and a0'"
        );
        let mut partition = Partition::new(&Definitions::from_toml(&text).unwrap());
        let values: Vec<bool> = (0..6).map(|_| rng.bool()).collect();
        let identify = |values: &[bool]| {
            let named = |message: Message, (i, value): (usize, &bool)| message.with(format!("a{i}"), *value);
            values.iter().enumerate().fold(Message::identify("ada"), named)
        };
        partition.ingest(&identify(&values), start()).unwrap();
        let why = partition.why_not("ada", "asked", start()).unwrap();
        assert_eq!(why.holds, partition.is_member("ada", "asked"));
        for alternative in &why.alternatives {
            let mut flipped = values.clone();
            for missing in alternative {
                assert!(missing.condition.starts_with("a"), "{missing:?} {text}");
                let attribute = missing.condition.as_bytes()[1] - b'0';
                flipped[attribute as usize] = !values[attribute as usize];
            }
            partition.ingest(&identify(&flipped), start()).unwrap();
            assert_ne!(partition.is_member("ada", "asked"), why.holds, "{text}\n{values:?}\n{why}");
            if why.holds { left += 1 } else { entered += 1 }
        }
    }
    assert!(entered > 50 && left > 50, "{entered} {left}");
}

/// On a thread with the usual stack, also in a debug build.
#[test]
fn deep_expressions_are_explained() {
    let links = |inner: &dyn Fn(usize) -> String| -> String {
        let link = |i: usize| if i == 0 { "n = 5".to_owned() } else { inner(i - 1) };
        (0..60).map(|i| format!("s{i} = '{}'\n", link(i))).collect()
    };
    let nested = |open: &str, inner: &str, close: &str, levels: usize| {
        format!("s59 = '{}{inner}{}'", open.repeat(levels), close.repeat(levels))
    };
    for segments in [
        nested("not (", "n = 5", ")", 60),
        nested("not ", "n = 5", "", 110),
        nested("(n = 1 or n = 2 and ", "n = 5", ")", 120),
        nested("(1 + ", "n", ")", 120).replace(")'", ") > 1'"),
        nested("some sku: (did(view) and (", "n = 5", "))", 1),
        links(&|i| format!("not segment(\"s{i}\")")),
        links(&|i| format!("segment(\"s{i}\") or segment(\"s{i}\") and segment(\"s{i}\")")),
    ] {
        let text = format!(
            "version = 1\n[attributes]\nn = \"number\"\n[events.view]\nsku = \"string\"\n[segments]\n{segments}"
        );
        let mut partition = Partition::new(&Definitions::from_toml(&text).unwrap());
        partition.ingest(&Message::identify("ada").with("n", 5), start()).unwrap();
        partition.ingest(&Message::track("ada", "view").with("sku", "a"), start()).unwrap();
        let is_member = partition.is_member("ada", "s59");
        let explanation = partition.explain("ada", "s59", start()).unwrap();
        assert_eq!(explanation.holds, is_member);
        assert!(explanation.to_string().lines().count() < 200, "references are told once");
        assert!(serde_json::to_string(&explanation).is_ok());
        let why = partition.why_not("ada", "s59", start()).unwrap();
        assert_eq!(why.holds, is_member);
        assert!(!why.alternatives.is_empty(), "{segments}");
        let expression = partition.expression("not segment(\"s59\")").unwrap();
        assert_eq!(partition.evaluate(&expression, "ada", start()).unwrap().holds, !is_member);
    }
}

/// Of a long history a store knows which events belong to which source of the running plan; an expression has others.
#[test]
fn long_histories() {
    let mut partition = shop(&[]);
    for number in 0..300_i64 {
        let category = ["sneakers", "hats", "bags"][number as usize % 3];
        let at = start() + Duration::minutes(number);
        partition.ingest(&view(category), at).unwrap();
        partition.ingest(&pay("dining", 1.0), at).unwrap();
    }
    let now = partition.clock();
    for (text, value) in [
        ("count(payment in 7d)", 300),
        ("count(view where category = \"hats\" in 1h)", 20),
        ("count(view where category = \"sneakers\" in 7d)", 100),
        ("count([view, payment] in 10m)", 20),
    ] {
        let expression = partition.expression(text).unwrap();
        assert_eq!(partition.evaluate(&expression, "ada", now).unwrap().value, value.into(), "{text}");
    }
    let explanation = partition.explain("ada", "sneakerhead", now).unwrap();
    assert!(explanation.holds && partition.is_member("ada", "sneakerhead"));
    assert_eq!(explanation.because[0].because[0].because[0].evidence.as_ref().unwrap().count, 100);
}

/// Aggregates over all time are running values and keep no events: an equal aggregate that is asked reads the same.
#[test]
fn running_values_are_read() {
    let text = "version = 1\n[events.view]\ncategory = \"string\"\namount = \"number\"\n[segments]\n\
                a = 'count(view where category = \"a\" or amount > 3) >= 2'\nb = 'sum(view.amount) > 5'\n\
                c = 'did(view where category = \"b\") and did(view where amount < 2)'";
    let mut partition = Partition::new(&Definitions::from_toml(text).unwrap());
    for (minute, category, amount) in [(0, "a", 1), (1, "b", 4), (2, "c", 2)] {
        let message = view(category).with("amount", amount);
        partition.ingest(&message, start() + Duration::minutes(minute)).unwrap();
    }
    let now = start() + Duration::days(400);
    for (text, value, is_covered) in [
        ("count(view where category = \"a\" or amount > 3)", 2.into(), true),
        ("sum(view.amount)", 7.into(), true),
        ("count(view where category = \"b\")", 1.into(), true),
        ("did(view where amount < 2)", true.into(), true),
        // None of the definitions counts these.
        ("count(view where category = \"c\")", 0.into(), false),
        ("count(view where amount > 3 or category = \"c\")", 0.into(), false),
        ("max(view.amount)", Value::Null, false),
    ] {
        let answer = partition.evaluate(&partition.expression(text).unwrap(), "ada", now).unwrap();
        assert_eq!((answer.value, answer.covered_since.is_none()), (value, is_covered), "{text}");
    }
    for segment in ["a", "b", "c"] {
        let explanation = partition.explain("ada", segment, now).unwrap();
        assert!(explanation.holds && partition.is_member("ada", segment), "{explanation}");
        assert_eq!(explanation.covered_since, None);
    }
}

#[test]
fn expressions_that_are_asked_once_know_lifecycle_scores_and_facts() {
    let definitions = Definitions::from_toml(
        r#"
        version = 1
        [attributes]
        plan = "string"
        devices = [{ os = "string" }]
        [events.view]
        [segments]
        active = 'did(view in 30d)'
        paying = 'plan = "pro"'
        engaged = 'score("engagement") >= 3'
        [lifecycle]
        order = ["paying", "active"]
        [scores.engagement]
        in = "30d"
        points = [{ event = "view", points = 2 }, { when = 'segment("active")', points = 1 }]
        "#,
    )
    .unwrap();
    let mut partition = Partition::new(&definitions);
    let now = Instant::from_millis(0);
    partition.ingest(&Message::track("ada", "view"), now).unwrap();
    let holds = |text: &str| {
        let expression = partition.expression(text).unwrap();
        partition.evaluate(&expression, "ada", now).unwrap().holds
    };
    assert!(holds(r#"lifecycle = "active""#));
    assert!(!holds(r#"lifecycle = "paying""#));
    assert!(holds(r#"score("engagement") = 3"#));
    assert!(!holds(r#"has(devices where os = "ios")"#));
    // What no definition asks for is not written down, and cannot be asked afterwards.
    let error = partition.expression(r#"entered("active") is present"#).unwrap_err().to_string();
    assert!(error.contains("no definition asks when users entered `active`"), "{error}");
}

/// What a score asks for that nobody asks for here is not missing.
#[test]
fn the_history_is_whole_where_nothing_asks_for_it() {
    let text = "version = 1\n[attributes]\na = \"number\"\n[events.purchase]\n[segments]\nhigh = \"a >= 3\"\n[scores.q]\npoints = [{ event = \"purchase\", points = 0.5 }]\nin = \"50m\"";
    let mut partition = Partition::new(&Definitions::from_toml(text).unwrap());
    let now: Instant = "2026-11-23T10:00:00Z".parse().unwrap();
    partition.ingest(&Message::track("ada", "purchase"), now).unwrap();
    let explanation = partition.explain("ada", "high", now + Duration::minutes(1)).unwrap();
    assert!(!explanation.to_string().contains("history"), "{explanation}");
    // Who asks for the score is told.
    let expression = partition.expression("score(\"q\") > 0").unwrap();
    let answer = partition.evaluate(&expression, "ada", now + Duration::minutes(1)).unwrap();
    assert!(answer.covered_since.is_some());
}

#[test]
fn each_part_is_told_by_the_keyed_segment_that_it_asks() {
    let definitions = Definitions::from_toml(
        r#"
version = 1
[events.search]
city = "string"
[segments]
keen = { by = "city", when = 'count(search in 7d) >= 2' }
torn = 'some city: (segment("keen") and did(search in 1h))'
"#,
    );
    let mut partition = Partition::new(&definitions.unwrap());
    for city in ["Rome", "Rome", "Oslo"] {
        partition.ingest(&Message::track("ada", "search").with("city", city), start()).unwrap();
    }
    let told = partition.explain("ada", "torn", start()).unwrap().to_string();
    let counts: Vec<&str> = told.lines().filter(|line| line.contains("count(search in 7d):")).collect();
    assert_eq!(counts.len(), 2, "{told}");
    assert!(counts[0].contains(": 2 (") && counts[1].contains(": 1 ("), "{told}");
}

/// What may be kept no longer is foreseen where it is read, and the zone goes with its attribute.
#[test]
fn what_is_asked_ahead_knows_what_may_be_kept() {
    let definitions = Definitions::from_toml(
        r#"
version = 1
[attributes]
timezone = { kind = "string", ttl = "30d" }
country = "string"
[events.view]
[events.order]
[retention]
events = { view = "90d", order = "7d" }
[segments]
buyer = 'country = "FR" and did(order) and not did(view in 1h)'
"#,
    )
    .unwrap();
    let mut partition = Partition::new(&definitions);
    let start: Instant = "2026-06-01T10:00:00Z".parse().unwrap();
    let ada = Message::identify("ada").with("timezone", "Europe/Paris").with("country", "FR");
    partition.ingest(&ada, start).unwrap();
    // More views than an explanation looks at instants.
    partition.ingest(&Message::track("ada", "order"), start).unwrap();
    for second in 0..1_500 {
        partition.ingest(&Message::track("ada", "view"), start + Duration::seconds(second)).unwrap();
    }
    let now = start + Duration::days(1);
    partition.advance(now);
    let gone = start + Duration::days(7);
    let why = partition.explain("ada", "buyer", now).unwrap();
    assert_eq!((why.holds, why.until), (true, Some(gone)));
    let until: Vec<_> = why.because[0].because.iter().map(|part| part.until).collect();
    assert_eq!(until[..2], [None, Some(gone)], "{why}");
    let ask = |text: &str, at: Instant| {
        let answer = partition.evaluate(&partition.expression(text).unwrap(), "ada", at).unwrap();
        (answer.value, answer.until)
    };
    assert_eq!(ask("did(order)", gone).0, Value::Bool(false));
    assert_eq!(ask("local_hour", start + Duration::days(29)).0, Value::Int(12));
    assert_eq!(ask("local_hour", start + Duration::days(30)).0, Value::Int(10));
}
