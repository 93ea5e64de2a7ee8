//! What a hostile caller would send: texts, names, numbers and definitions made to break the engine. Each is taken, or
//! refused in a few words, soon, and on a small stack.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

use bespoke::decision::Feedback;
use bespoke::definitions::Definitions;
use bespoke::engine::{Engine, Partition};
use bespoke::model::{Civil, Consent, Duration, Ids, Instant, Message, Object, Value};
use bespoke::recommend::bandit::Candidates;
use bespoke::recommend::evaluate::{Dataset, Evaluation, Holdout, Owner, Part, Protocol};
use bespoke::recommend::{Popularity, Query};
use bespoke::segment::{Error, ErrorKind, Kind, Plan, Schema};
use std::ops::ControlFlow;
use std::time::Instant as Clock;

const STACK: usize = 2 << 20;
/// Longest text of an error.
const ERROR_BYTES_MAX: usize = 2 << 10;
/// Far more than anything takes in a debug build; what grows with the square takes minutes.
const SECONDS_MAX: u64 = 60;

/// Runs on a thread with the usual stack, and not for long.
fn small(what: &str, run: impl FnOnce() + Send) {
    let began = Clock::now();
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, run).unwrap();
        assert!(thread.join().is_ok(), "{what}");
    });
    assert!(began.elapsed().as_secs() < SECONDS_MAX, "{what} took {:?}", began.elapsed());
}

fn short(errors: &[Error], what: &str) {
    for error in errors {
        let (line, shown) = (error.to_string(), format!("{error:#}"));
        assert!(line.len() <= ERROR_BYTES_MAX, "{what}: {} bytes: {line:.300}", line.len());
        assert!(shown.len() <= ERROR_BYTES_MAX, "{what}: {} bytes: {shown:.300}", shown.len());
    }
}

fn schema(mut schema: Schema) -> Schema {
    schema.attribute("country", Kind::String).attribute("age", Kind::Number).attribute("vip", Kind::Bool);
    schema.attribute("born", Kind::Instant).attribute("tags", Kind::List).attribute("place", Kind::Geo);
    schema.property("view", "sku", Kind::String).property("view", "price", Kind::Number);
    schema.object("devices", "os", Kind::String).line("order", "products", "price", Kind::Number);
    schema
}

const RUNNING: &str = r#"
version = 1
[attributes]
country = "string"
age = "number"
vip = "bool"
born = "instant"
tags = "list"
place = "geo"
devices = [{ os = "string" }]
[events.view]
sku = "string"
price = "number"
[events.order]
products = [{ price = "number" }]
[lists]
gold = "the best"
[consent]
marketing = { default = "denied" }
[channels]
email = { address = "country" }
[world]
sale = "bool"
rate = "number"
[segments]
a = 'vip'
b = 'did(view in 7d)'
[lifecycle]
order = ["a", "b"]
[scores.warm]
points = [{ event = "view", points = 2 }]
"#;

/// What a text is refused with, or nothing: as a segment, as a keyed one, and asked once of what runs.
fn refused(text: &str) -> Vec<Error> {
    let mut all = Vec::new();
    for (schema_of, by) in [(Schema::strict(), None), (Schema::lenient(), Some("sku"))] {
        let plan = Plan::builder(schema(schema_of)).segment("a", None, "vip").segment("s", by, text);
        all.extend(plan.build().err().into_iter().flatten());
    }
    let partition = Partition::new(&Definitions::from_toml(RUNNING).unwrap());
    if let Err(bespoke::engine::Error::Expression(errors)) = partition.expression(text) {
        all.extend(errors);
    }
    all
}

#[test]
fn texts_that_are_long_deep_or_odd() {
    let long = "x".repeat(60_000);
    let many = |part: &str, times: usize| part.repeat(times);
    let fill = |part: &str| part.repeat(65_000 / part.len());
    for (what, text) in [
        ("parentheses", many("(", 100_000)),
        ("parentheses that fit", many("(", 65_000)),
        ("closed parentheses", format!("{}vip{}", many("(", 32_000), many(")", 32_000))),
        ("closing ones", many(")", 65_000)),
        ("pairs", many("()", 32_000)),
        ("not", fill("not ")),
        ("and", many("and ", 260_000)),
        ("and that fits", fill("and ")),
        ("vip and", fill("vip and ")),
        ("minus", fill("-")),
        ("minus and parentheses", fill("-(")),
        ("brackets", fill("[")),
        ("strings", format!("country in [{}]", fill("\"a\", "))),
        ("a list", format!("country in [{}\"a\"]", fill("\"a\","))),
        ("other strings", {
            let list: Vec<String> = (0..8_000).map(|i| format!("\"{i}\"")).collect();
            format!("country in [{}]", list.join(","))
        }),
        ("100,000 strings", format!("country in [{}\"a\"]", many("\"a\",", 100_000))),
        ("a string without end", format!("country = \"{long}")),
        ("quotes", fill("\"")),
        ("backquotes", fill("`")),
        ("escapes", format!("country = \"{}\"", fill("\\q"))),
        ("wide escapes", format!("country = \"{}\"", fill("\\u{110000}"))),
        ("letters of elsewhere", fill("é")),
        ("wide letters", fill("😀")),
        ("signs", fill("<>=!&&||")),
        ("at", fill("@")),
        ("an instant", format!("born > @{long}")),
        ("digits", format!("age > {}", fill("9"))),
        ("digits behind the point", format!("age > 0.{}", fill("9"))),
        ("an exponent", format!("age > 1e{}", fill("9"))),
        ("underscores", format!("age > 1{}", fill("_"))),
        ("a duration", format!("did(view in {}d)", fill("9"))),
        ("a long duration", format!("did(view in {})", fill("1d"))),
        ("days", format!("age > 5 day{}", fill("s"))),
        ("only s", format!("age > 5 {}", fill("s"))),
        ("a time", format!("local_time > 7:{}", fill("3"))),
        ("dots", format!("a{}", fill(".a"))),
        ("keyed dots", format!("a{}[key] > 1", fill(".a"))),
        ("calls", fill("abs(")),
        ("did", fill("did(")),
        ("where", fill("did(view where ")),
        ("has", fill("has(devices where ")),
        ("since", fill("did(view since last(")),
        ("some", fill("some sku: (")),
        ("sequence", format!("sequence({}view)", fill("view, "))),
        ("negative steps", format!("sequence(view, {}view)", fill("not view, "))),
        ("events", format!("did([{}view])", fill("view,"))),
        ("arguments", format!("min_of({}1) > 1", fill("1,"))),
        ("sums", format!("1{} > 1", fill(" + 1"))),
        ("products", format!("1{} > 1", fill(" * age"))),
        ("comparisons", format!("1{}", fill(" < 1"))),
        ("betweens", format!("1{}", fill(" between 1 and 1"))),
        ("lines", fill("\n")),
        ("comments", fill("#\n")),
        ("unknown names", fill("xyz or ")),
        ("unknown functions", fill("xyz() or ")),
        ("unknown events", fill("did(xyz) or ")),
        ("not scores", fill("score(score(\"warm\")) or ")),
        ("not versions", fill("version(\"x\") > version(\"1\") or ")),
        ("a long version", format!("version(country) > version(\"{}1\")", fill("1."))),
        ("a version of digits", format!("version(country) > version(\"{}\")", fill("9"))),
        ("a long pattern", format!("country matches \"{}\"", many("a?", 2_000))),
        ("deep pattern", format!("country matches \"{}\"", fill("("))),
        ("deep closed pattern", format!("country matches \"{}{}\"", many("(", 30_000), many(")", 30_000))),
        ("classes", format!("country matches \"{}\"", many("\\\\w", 1_000))),
        ("alternatives", format!("country matches \"{}\"", fill("|"))),
        ("repetitions", format!("country matches \"a{}\"", fill("{9}"))),
        ("stars", format!("country matches \"a{}\"", fill("*"))),
        ("open sets", format!("country matches \"{}\"", fill("["))),
        ("unknown class", format!("country matches \"\\\\p{{{long}}}\"")),
        ("large patterns", many("country matches \"\\w{20}\" or ", 40) + "vip"),
        ("a group name", format!("country matches \"(?P<{long}\"")),
    ] {
        small(what, || short(&refused(&text), what));
    }
}

/// Where a name may stand in an expression.
const PLACES: [&str; 43] = [
    "N",
    "N = \"x\"",
    "country = N",
    "user.N > 1",
    "a.N > 1",
    "budget.N[key] > 1",
    "N[key] > 1",
    "N()",
    "N(1, 2)",
    "did(N)",
    "did(\"N\")",
    "did([view, N])",
    "did(view.N)",
    "did(N.sku)",
    "count(N.N) > 1",
    "sum(N) > 1",
    "sum(view.N) > 1",
    "did(view where N = 1)",
    "did(view where session.N = 1)",
    "did(view where user.N = 1)",
    "did([view, order] where N = 1)",
    "sum(order.products.N) > 1",
    "did(message.N)",
    "did(segment.entered where name = \"N\")",
    "segment(\"N\")",
    "entered(\"N\") is present",
    "score(\"N\") > 1",
    "lifecycle = \"N\"",
    "list(\"N\")",
    "consent(\"N\")",
    "subscribed(\"N\")",
    "reachable(\"N\")",
    "variant(\"N\") = \"N\"",
    "in_journey(\"N\")",
    "predict.N > 1",
    "world.N = 1",
    "request.N = 1",
    "has(N where os = 1)",
    "has(devices where N = 1)",
    "affinity(\"N\", \"N\") > 1",
    "top(\"N\") = \"N\"",
    "some N: (did(view))",
    "version(\"N\") > version(\"1\")",
];
const MORE_PLACES: [&str; 10] = [
    "bucket(\"N\") > 1",
    "country in [N]",
    "did(view in N)",
    "did(view in 5 N)",
    "did(view in last N)",
    "did(view in last 3 N)",
    "age > 5 N",
    "vip N vip",
    "country is N",
    "sequence(N, not N within 5 N)",
];

#[test]
fn names_that_are_huge() {
    for name in ["x".repeat(30_000), format!("day{}", "s".repeat(30_000))] {
        for place in PLACES.iter().chain(&MORE_PLACES) {
            let texts = [place.replace('N', &name), place.replace('N', &format!("`{name} é`"))];
            for text in texts {
                small(place, || short(&refused(&text), place));
            }
        }
    }
    // Where the schema has such names too.
    let name = |end: &str| "y".repeat(20_000) + end;
    for place in PLACES {
        let mut schema = schema(Schema::strict());
        schema.attribute(&name("a"), Kind::String).event(&name("e")).attribute(&name(".*"), Kind::Number);
        schema.property("view", &name("p"), Kind::String).object("devices", &name("f"), Kind::String);
        schema.property(&name("e"), "sku", Kind::String);
        let text = place.replace('N', &name("?").replace('?', "b"));
        small(place, || {
            let plan =
                Plan::builder(schema).segment(&name("s"), None, "vip").segment(&name("t"), None, &text);
            short(&plan.lifecycle([&*name("s")]).build().err().unwrap_or_default(), place);
        });
    }
}

#[test]
fn many_slips_over_many_names() {
    let mut schema = Schema::strict();
    for i in 0..1_000 {
        schema.attribute(&format!("attribute_{i}"), Kind::Bool).event(&format!("event_{i}"));
    }
    let slips: Vec<String> = (0..2_000).map(|i| format!("atribute_{i}")).collect();
    small("slips", || {
        let plan = Plan::builder(schema.clone()).segment("s", None, &slips.join(" or "));
        short(&plan.build().unwrap_err(), "slips");
    });
    let events: Vec<String> = (0..1_000).map(|i| format!("event_{i}")).collect();
    small("a property of many events", || {
        let plan = Plan::builder(schema.clone()).segment(
            "s",
            None,
            &format!("did([{}] where x = 1)", events.join(",")),
        );
        let errors = plan.build().unwrap_err();
        assert!(!errors.is_empty());
        short(&errors, "events");
    });
    // A circle of thousands of segments.
    small("circle", || {
        let mut plan = Plan::builder(schema.clone());
        for i in 0..3_000 {
            plan = plan.segment(&format!("s{i}"), None, &format!("segment(\"s{}\")", (i + 1) % 3_000));
        }
        short(&plan.build().unwrap_err(), "circle");
    });
    // Segments with a slip each, and one that is longer than any chain may be.
    let text = RUNNING.to_owned();
    let mut segments = String::new();
    for i in 0..1_000 {
        segments.push_str(&format!("segment_{i} = 'segment(\"segmnt_{i}\") or contry = \"x\"'\n"));
    }
    let text = text.replace("[lifecycle]", &format!("{segments}[lifecycle]"));
    small("definitions", || {
        let errors = Definitions::from_toml_named("shop.toml", &text).unwrap_err();
        for error in &errors {
            assert!(
                error.to_string().len() <= ERROR_BYTES_MAX && format!("{error:#}").len() <= ERROR_BYTES_MAX
            );
        }
    });
}

#[test]
fn definitions_with_huge_names() {
    let name = "x".repeat(60_000);
    for text in [
        "[N]\na = 1",
        "N = 1",
        "[attributes]\nN = \"string\"",
        "[attributes]\na = \"N\"",
        "[attributes]\na = [{ N = \"string\" }]",
        "[attributes]\na = [{ b = \"N\" }]",
        "[events.N]\nsku = \"string\"",
        "[events.view]\nN = \"string\"",
        "[events.view]\nsku = \"N\"",
        "[lists]\nN = \"x\"",
        "[lists]\na = 1\n[consent]\nN = 2",
        "[consent]\na = { default = \"N\" }",
        "[consent]\na = { N = \"granted\" }",
        "[channels]\na = { address = \"N\" }",
        "[world]\nN = \"bool\"",
        "[world]\na = \"N\"",
        "[segments]\nN = 'vip'",
        "[segments]\na = 'N'",
        "[segments]\na = { by = \"N\", when = 'now > now' }",
        "[segments]\na = { N = \"sku\" }",
        "[lifecycle]\norder = [\"N\", \"N\"]",
        "[lifecycle]\nN = []",
        "[scores.N]\npoints = []",
        "[scores.a]\npoints = [{ event = \"N\", points = 1 }]",
        "[scores.a]\npoints = [{ when = 'N', points = 1 }]",
        "[scores.a]\nhalf_life = \"N\"",
        "[scores.a]\nhalf_life = \"9999999999999d\"\npoints = [{ event = \"view\", points = nan }]",
        "[affinity.N]\nhalf_life = \"1d\"",
        "[affinity.a]\nweights = { N = 1 }",
        "[settings]\ntimezone = \"N\"",
        "[settings]\nsession_gap = \"N\"",
        "[settings]\nN = 1",
        "[templates.a]\ntitle = \"{{ N }}\"",
        "[templates.a]\ntitle = \"{{ user.N }}\"",
        "[templates.a]\ntitle = \"{{ N\"",
        "[journeys.N]\nenter = { event = \"view\" }",
        "[journeys.a]\nenter = { event = \"N\" }\nstep = [{ id = \"N\", wait = \"1h\" }]",
        "[journeys.a]\nenter = { segment = \"N\" }\nstep = [{ id = \"a\", wait = \"N\" }]",
        "[journeys.a]\nenter = { event = \"view\", where = 'N' }\nstep = [{ id = \"a\", N = \"1h\" }]",
        "[journeys.a]\nenter = { event = \"view\" }\nstep = [{ id = \"a\", send = { channel = \"N\", template = \"N\" } }]",
        "[journeys.a]\nenter = { event = \"view\" }\nexit = [{ event = \"N\" }, { segment = \"N\" }]",
        "[journeys.a]\nenter = { event = \"view\", key = \"N\", reentry = \"N\" }",
        "[placements.a]\nvariant = [{ name = \"N\", when = 'N', content = { N = \"{{ N }}\" } }]",
        "[delivery]\nN = 1",
        "[[delivery.cap]]\nchannel = \"N\"",
        "[recommend]\nitem = \"N\"",
        "[recommend]\nN = { N = \"N\" }",
    ] {
        for name in [&*name, &*format!("\"{name}\"")] {
            let text = format!("version = 1\n{}", text.replace('N', name));
            small(&text[..text.len().min(60)], || {
                let Err(errors) = Definitions::from_toml_named("shop.toml", &text) else { return };
                for error in &errors {
                    let (line, shown) = (error.to_string(), format!("{error:#}"));
                    assert!(line.len() <= ERROR_BYTES_MAX, "{} bytes: {line:.300}", line.len());
                    assert!(shown.len() <= ERROR_BYTES_MAX, "{} bytes: {shown:.300}", shown.len());
                }
            });
        }
    }
}

#[test]
fn the_patterns_of_a_text_have_a_size_together() {
    let text = |count: usize| vec!["country matches \"\\\\w{20}\""; count].join(" or ");
    let build = |text: &str| Plan::builder(schema(Schema::strict())).segment("s", None, text).build();
    assert!(build(&text(16)).is_ok());
    let errors = build(&text(17)).unwrap_err();
    assert_eq!((errors.len(), errors[0].kind()), (1, ErrorKind::Limit));
    assert!(errors[0].to_string().contains("16 MiB together"), "{}", errors[0]);
    let parted = format!("some sku: ({}) or country matches \"\\\\w\"", text(16));
    assert_eq!(build(&parted).unwrap_err()[0].kind(), ErrorKind::Limit);
}

#[test]
fn the_usual_mistakes_are_shown_with_what_to_do() {
    // Text, line and column, the line with its mark, and the advice.
    for (text, place, mark, help) in [
        (
            "vip\n and contry = \"FR\"",
            (2, 6),
            "2 |  and contry = \"FR\"\n    |      ^^^^^^\n",
            "did you mean `country`?",
        ),
        ("vip and age > \"5\"", (1, 9), "age > \"5\"\n    |         ^^^^^^^^^\n", "a number has no quotes"),
        ("vip and (age > 5", (1, 17), "    |                 ^\n", "close every `(` with a `)`"),
        (
            "vip and\n\n  did(view",
            (3, 11),
            "3 |   did(view\n    |           ^\n",
            "close every `(` with a `)`",
        ),
        ("country = \"FR", (1, 11), "    |           ^^^\n", "close it with \""),
        ("vip and vip)", (1, 12), "    |            ^\n", "take it away"),
        ("cuont(view) > 3", (1, 1), "    | ^^^^^\n", "did you mean `count`?"),
        ("1 < age < 5", (1, 1), "    | ^^^^^^^^^\n", "between"),
    ] {
        let plan = Plan::builder(schema(Schema::strict())).segment("s", None, text);
        let errors = plan.build().unwrap_err();
        let shown = format!("{:#}", errors[0]);
        assert_eq!((errors.len(), errors[0].line_column()), (1, place), "{shown}");
        assert!(shown.contains(mark), "{shown}");
        let (_, advice) = shown.split_once("help: ").unwrap_or_default();
        assert!(advice.contains(help), "{shown}");
    }
}

const NOW: Instant = Instant::from_millis(1_790_000_000_000);

/// A partition in which somebody is known.
fn running(text: &str) -> Partition {
    let mut partition = Partition::new(&Definitions::from_toml(text).unwrap_or_else(|e| panic!("{e:#}")));
    let identify =
        Message::identify("ada").with("age", 5).with("vip", true).with("country", "x".repeat(8_000));
    partition.ingest(&identify.with("born", "0001-01-02T00:00:00Z"), NOW).unwrap();
    for price in [1.0e308, -1.0e308, 5.0e-324, 0.0, 1e300] {
        let view = Message::track("ada", "view").with("sku", "y".repeat(8_000)).with("price", price);
        partition.ingest(&view, NOW).unwrap();
    }
    partition.ingest(&Message::track("ada", "view").with("price", i64::MIN), NOW).unwrap();
    partition.ingest(&Message::track("ada", "view").with("price", i64::MAX), NOW).unwrap();
    partition
}

/// Asks everything that can be asked of a condition.
fn ask(text: &str) {
    let mut partition = running(&RUNNING.replace("[lifecycle]", &format!("it = '''{text}'''\n[lifecycle]")));
    let expression = partition.expression(text).unwrap_or_else(|e| panic!("{e:.500}"));
    let answer = partition.evaluate(&expression, "ada", NOW).unwrap();
    let is_member = partition.is_member("ada", "it");
    assert_eq!(answer.value, Value::Bool(is_member), "{text:.200}");
    let survey = partition.evaluate_all(&expression, usize::MAX, NOW, |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(survey.matching, usize::from(is_member));
    partition.evaluate_all(&expression, 0, Instant::MAX, |_| ControlFlow::Break(())).unwrap();
    for at in [Instant::MIN, NOW, Instant::MAX] {
        assert!(!partition.explain_expression(&expression, "ada", at).unwrap().to_string().is_empty());
        assert!(!partition.explain("ada", "it", at).unwrap().to_string().is_empty());
        assert!(!partition.why_not("ada", "it", at).unwrap().to_string().is_empty());
        assert!(partition.evaluate(&expression, "bob", at).is_err());
    }
    partition.advance(NOW + Duration::days(36_500));
}

#[test]
fn wide_deep_and_odd_expressions_are_answered() {
    let many = |part: &str, times: usize| part.repeat(times);
    let deep = |open: &str, inner: &str, close: &str, times| many(open, times) + inner + &many(close, times);
    for (what, text) in [
        ("wide or", many("age = 4 or ", 1_300) + "age = 5"),
        ("wide and", many("count(view) > 2 and ", 1_000) + "vip"),
        ("wide list", format!("country not in [{}\"a\"]", many("\"a\",", 4_000))),
        ("wide sum", format!("age{} > 1", many(" + age", 2_000))),
        ("steps", format!("sequence({}view)", many("view, ", 500))),
        ("negative steps", format!("sequence(view, {}not view)", many("not view, ", 1_000))),
        ("min_of", format!("min_of({}1) > 0", many("age,", 3_000))),
        ("deep not", deep("not (", "vip", ")", 60)),
        ("deep abs", deep("abs(", "age", ")", 60) + " > 1"),
        ("deep has", format!("has(devices where {})", deep("not (", "os = \"x\"", ")", 50))),
        ("deep where", format!("did(view where {} in 7d)", deep("not (", "price > 1", ")", 50))),
        ("deep some", format!("some sku: ({})", deep("not (", "did(view in 1h)", ")", 50))),
        ("integers", "age + 9223372036854775807 > 9223372036854775807 * age".into()),
        ("a negative", "-age * 9223372036854775807 - 9223372036854775807 < 0".into()),
        ("signs", format!("{}9223372036854775807 < age", "-".repeat(61))),
        ("beyond integers", "9223372036854775808 - age > -9223372036854775808 - age".into()),
        ("infinity", "age * 1e308 * 1e308 > 1 or age * 1e999 - age * 1e999 = 0".into()),
        ("nothing", "age / 0 = age / 0 or 0 / 0 != 0 / (age - age)".into()),
        ("not a number", "not (1e999 - 1e999 > age) and 1e999 * 0 is missing".into()),
        ("durations", "now - born > 106751991167d or now - born < 15250284452w".into()),
        ("times", "born + 106751991167d > now and born - 106751991167d < now".into()),
        (
            "times of a number",
            "(born - @9999-12-29) * 1e308 < 1d or (born - @9999-12-29) / 1e-308 > 1d".into(),
        ),
        ("windows", "did(view in 106751991167d) and not did(view from 106751991167d to 1ms ago)".into()),
        ("periods", "did(view in last 100000 years) or count(view in last 100000 weeks) > 3".into()),
        ("within", "sequence(view, not view within 106751991167d) in 106751991167d".into()),
        ("the edge of time", "did(view since @0001-01-02) and not did(view before @0001-01-02)".into()),
        (
            "numbers",
            "sum(view.price) > 1 or avg(view.price in 7d) > 1 or stddev(view.price in 7d) > 1".into(),
        ),
        ("ranks", "percentile(view.price, 0) < 0 and percentile(view.price, 1e-300) < 0".into()),
        ("places", "distance(geo(91, 1e308), geo(-1e308, 999)) < 5 km or age(born) > 2000".into()),
        ("distances", "distance(place, geo(1, 2)) < 9223372036854775807 mi".into()),
        ("versions", "version(country) > version(\"99999999999999999999.0\") or vip".into()),
        ("facts", "score(\"warm\") > 1e308 or lifecycle = \"a\" or world.rate > 1 or predict.x > 1".into()),
        ("names", "entered(\"a\") is present and not list(\"gold\") and not subscribed(\"email\")".into()),
    ] {
        small(what, || ask(&text));
    }
}

#[test]
fn long_chains_of_what_refers_to_one_another() {
    // What the first of a chain is, what the others are of the one before, and tables beside the segments.
    for (what, link, beside, is_long_fine) in [
        ("segments", "not segment(\"sP\")", "", false),
        (
            "scores",
            "score(\"cP\") > 0",
            "[scores.cN]\npoints = [{ when = 'segment(\"sN\")', points = 1 }]\n",
            false,
        ),
        ("points", "vip", "[scores.cN]\npoints = [{ when = 'score(\"cP\") > 0', points = 1 }]\n", false),
        ("stays", "now - entered(\"sP\") > 1h", "", true),
        ("stays at once", "entered(\"sP\") is present", "", true),
        ("events", "did(segment.entered where name = \"sP\" in 1d)", "", true),
        ("names", "did(segment.entered where name in [\"sP\", \"s0\"])", "", true),
        ("lifecycle", "lifecycle = \"sP\"", "", false),
    ] {
        for links in [20, 1_500] {
            let numbered = |text: &str, i: usize| {
                text.replace('P', &i.saturating_sub(1).to_string()).replace('N', &i.to_string())
            };
            let mut text =
                "version = 1\n[attributes]\nvip = \"bool\"\n[events.view]\n[segments]\ns0 = 'vip'\n"
                    .to_owned();
            (1..links).for_each(|i| text += &format!("s{i} = '{}'\n", numbered(link, i)));
            (0..links).filter(|_| !beside.is_empty()).for_each(|i| {
                text += &numbered(
                    &if i == 0 { beside.replace("score(\"cP\") > 0", "vip") } else { beside.into() },
                    i,
                );
            });
            if what == "lifecycle" {
                text += "[lifecycle]\norder = [\"s0\", \"s1\"]\n";
            }
            small(what, || match Definitions::from_toml(&text) {
                Err(errors) => {
                    assert!(
                        !is_long_fine && (links > 20 || ["lifecycle", "points"].contains(&what)),
                        "{what}: {errors:.300}"
                    );
                    errors.iter().for_each(|error| assert!(format!("{error:#}").len() <= ERROR_BYTES_MAX));
                }
                Ok(definitions) => {
                    assert!(is_long_fine || links == 20, "{what}: {links} links");
                    let mut partition = Partition::new(&definitions);
                    partition.ingest(&Message::identify("ada").with("vip", true), NOW).unwrap();
                    partition.advance(NOW + Duration::days(1));
                    let last = format!("s{}", links - 1);
                    partition.explain("ada", &last, NOW).unwrap();
                    partition.why_not("ada", &last, NOW).unwrap();
                    partition.redefine(&definitions, Instant::MIN);
                }
            });
        }
    }
}

#[test]
fn odd_values_are_taken_or_refused() {
    let text = RUNNING
        .replace("[lifecycle]", "it = 'predict.x > 1 or world.rate > 1 or world.sale'\n[lifecycle]")
        + "[placements.hero]\nvariant = [{ name = \"x\", content = { title = \"x\" } }]\n";
    let mut partition = running(&text);
    let long = "z".repeat(60_000);
    let fine = |error: bespoke::engine::Error, what: &str| {
        let error = error.to_string();
        assert!(error.len() <= ERROR_BYTES_MAX, "{what}: {error:.300}");
    };
    for value in [Some(f64::MAX), Some(f64::MIN_POSITIVE), Some(-0.0), None] {
        for at in [Instant::MIN, NOW] {
            partition.set_prediction("ada", "x", value, at).unwrap();
        }
    }
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        fine(partition.set_prediction("ada", "x", Some(value), NOW).unwrap_err(), "prediction");
        fine(partition.set_world("rate", value, NOW).unwrap_err(), "world");
    }
    for (user, name) in [("bob", "x"), ("ada", &*long), (&*long, "x"), ("", ""), ("ada", "X")] {
        fine(partition.set_prediction(user, name, Some(1.0), NOW).unwrap_err(), "prediction");
        fine(
            partition
                .feedback(user, "hero", name, Feedback::Shown, NOW)
                .err()
                .unwrap_or(bespoke::engine::Error::NotFinite),
            "feedback",
        );
        fine(partition.feedback("ada", name, "x", Feedback::Clicked, NOW).unwrap_err(), "placement");
    }
    let deep = (0..50).fold(Value::Int(1), |inner, _| Value::List(vec![inner]));
    for value in [Value::from("x"), Value::from(&*long), deep, Object::new().into(), i64::MIN.into()] {
        for name in ["sale", "", &long, "sail", "\u{1}list"] {
            fine(partition.set_world(name, value.clone(), NOW).unwrap_err(), name);
        }
    }
    partition.set_world("rate", i64::MIN, NOW).unwrap();
    partition.set_world("rate", Value::Null, Instant::MIN).unwrap();
    let messages = [
        Message::list("ada", &*long, true),
        Message::list("ada", "", true),
        Message::list("ada", "gould", false),
        Message::list(Ids::anonymous(&*long), "gold", false),
        Message::consent("ada", Consent::granted(&*long)),
        Message::consent("ada", Consent::granted("marketing").channel(&*long)),
        Message::consent("ada", Consent::granted("marketing").channel("emial")),
        Message::consent("ada", Consent::denied("\u{7}")),
        Message::world().with("rate", f64::NAN),
        Message::world().with(&*long, 1),
        Message::world().with("rate", "x"),
        Message::track("ada", "message.sent"),
        Message::track("ada", &*long),
        Message::identify("ada").with(&*long, &*long),
    ];
    for (number, message) in messages.iter().enumerate() {
        fine(partition.ingest(message, NOW).unwrap_err(), &number.to_string());
    }
    for json in [
        r#"{"type":"list","userId":"u","list":["gold"],"member":true}"#,
        r#"{"type":"list","userId":"u","list":"gold","member":"true"}"#,
        r#"{"type":"list","list":"gold","member":true}"#,
        r#"{"type":"consent","userId":"u","purpose":"N","status":"N"}"#,
        r#"{"type":"consent","userId":"u","purpose":1,"status":"granted"}"#,
        r#"{"type":"consent","userId":"u","purpose":"p","status":"granted","expires":1e300}"#,
        r#"{"type":"consent","userId":"u","purpose":"p","status":"granted","expires":"N"}"#,
        r#"{"type":"consent","userId":"u","purpose":"p","status":"granted","channel":{}}"#,
        r#"{"type":"world","values":[1]}"#,
        r#"{"type":"world","values":{"N":1}}"#,
        r#"{"type":"N","userId":"u"}"#,
        r#"{"type":{"N":1},"userId":"u"}"#,
        r#"{"N"}"#,
    ] {
        let error = Message::from_json(&json.replace('N', &long)).unwrap_err().to_string();
        assert!(error.len() <= ERROR_BYTES_MAX, "{error:.300}");
    }
    for at in [i64::MIN, i64::MAX] {
        let until = Consent::granted("marketing").until(Instant::from_millis(at));
        partition.ingest(&Message::consent("ada", until), NOW).ok();
    }
    for name in ["", &long, "itt"] {
        fine(partition.explain("ada", name, NOW).unwrap_err(), "explain");
        fine(partition.explain_key("ada", name, &Value::from(&*long), NOW).unwrap_err(), "explain_key");
        fine(partition.why_not(name, "it", NOW).unwrap_err(), "why_not");
        fine(partition.size(name).unwrap_err(), "size");
    }
}

/// A host that puts values together by itself may nest them deeper than any JSON: they are refused before they are copied.
#[test]
fn values_that_nest_too_deep_for_a_copy() {
    let keyed = "liked = { by = 'sku', when = 'did(view in 1d)' }\n[lifecycle]";
    let called = "\n[journeys.j]\nenter = { call = true }\nstep = [{ id = 'w', wait = '1h' }]\n";
    let text = RUNNING.replace("[lifecycle]", keyed) + called;
    let list: fn(Value) -> Value = |inner| Value::List(vec![inner]);
    let object: fn(Value) -> Value = |inner| Object::new().with("x", inner).into();
    for (levels, nest) in [33, 4_000].into_iter().flat_map(|levels| [(levels, list), (levels, object)]) {
        small(&format!("{levels} levels"), || {
            let mut partition = running(&text);
            let deep = || (0..levels).fold(Value::Int(1), |inner, _| nest(inner));
            let error = partition.set_world("rate", deep(), NOW).unwrap_err().to_string();
            assert!(error.contains("16 deep"), "{error}");
            let error =
                partition.call("ada", "j", &Object::new().with("x", deep()), NOW).unwrap_err().to_string();
            assert!(error.contains("16 deep"), "{error}");
            partition.why_not_key("ada", "liked", &deep(), NOW).unwrap_err();
            partition.explain_key("ada", "liked", &deep(), NOW).unwrap();
            partition.ingest(&Message::identify("ada").with("x", deep()), NOW).unwrap_err();
        });
    }
}

/// Numbers and data at the ends of what they can be.
#[test]
fn what_is_at_the_ends() {
    let json = |millis: i64| serde_json::from_str::<Instant>(&millis.to_string());
    assert_eq!(json(NOW.as_millis()).unwrap(), NOW);
    assert!(json(i64::MAX).unwrap_err().to_string().contains("milliseconds since 1970"));
    assert!(json(i64::MIN).is_err());
    for day in [i32::MIN, -1, 0, i32::MAX] {
        assert!(Civil { day, millis: 0 }.weekday() < 7);
    }
    let definitions = Definitions::from_toml("version = 1").unwrap();
    for partitions in [1, 2] {
        let engine = Engine::builder(definitions.clone()).partitions(partitions).open().unwrap();
        let error = engine.recommend("ada", &Query::for_user().limit(usize::MAX), NOW).unwrap_err();
        assert!(error.to_string().contains("1000"), "{error}");
    }
    assert!(Candidates::new(&[1, 2]).check(usize::MAX, usize::MAX).is_err());
    assert!(Candidates::new(&[1, 2]).only(usize::MAX).features(usize::MAX).is_empty());

    let affinities = |count: usize| {
        let segments = (0..count).map(|n| format!("s{n} = 'affinity(\"p{n}\", \"x\") > 0.5'\n"));
        let text = format!(
            "version = 1\n[settings]\nschema = 'lenient'\n[segments]\n{}",
            segments.collect::<String>()
        );
        Definitions::from_toml(&text).map(drop).map_err(|errors| errors.to_string())
    };
    assert_eq!(affinities(4_096), Ok(()));
    assert!(affinities(4_097).unwrap_err().contains("more than 4096 properties have affinities"));

    let data = |items: usize| {
        let mut data = Dataset::new(Owner::Session);
        for (session, item) in (0..10).flat_map(|session| (0..items).map(move |item| (session, item))) {
            data.push(&session.to_string(), &item.to_string(), None).unwrap();
        }
        data
    };
    let split = data(9).split(Protocol::NextItem(Holdout::Share(0.3)), Part::Test).unwrap();
    let run = |data: &Dataset| Evaluation::new().run(&mut Popularity::default(), data, &split, &mut ());
    run(&data(9)).unwrap();
    let error = run(&data(3)).unwrap_err().to_string();
    assert!(error.contains("90 interactions, and not of the 30"), "{error}");
}

/// Late events make parts of a keyed segment that go at once, because there are too many: what they waited for goes as well,
/// and the clock moves on.
#[test]
fn parts_that_come_late_and_go_at_once() {
    for (most, late, condition) in [
        (256, 1, "count(view in 24h) >= 3"),
        (3, 1, "count(view in 24h) >= 3"),
        (3, 5, "did(view in 24h)"),
        (1, 2, "not did(view in 1h)"),
        (2, 3, "did(view in 1h) and now - last(view in 24h) >= 10m"),
    ] {
        let text = format!(
            "version = 1\n[settings]\nparts_max = {most}\n[events.view]\nsku = 'string'\n[segments]\nkeyed = {{ by = 'sku', when = '{condition}' }}\nday = 'did(view in 24h)'"
        );
        let mut partition = Partition::new(&Definitions::from_toml(&text).unwrap());
        let view = |sku: &str, at: Instant| Message::track("ada", "view").with("sku", sku).at(at);
        for number in 0..most {
            let at = NOW + Duration::seconds(number);
            partition.ingest(&view(&number.to_string(), at), at).unwrap();
        }
        let now = NOW + Duration::seconds(most + 100);
        for number in 1..=late {
            partition.ingest(&view(&format!("late {number}"), NOW - Duration::seconds(number)), now).unwrap();
        }
        partition.advance(NOW + Duration::days(4));
        assert!(!partition.is_member("ada", "day"));
        assert_eq!(partition.next_due(), None, "{text}");
    }
}

#[test]
fn definitions_change_under_those_who_wait() {
    let journey = "\n[templates.t]\ntitle = \"x\"\n[journeys.j]\nenter = { event = \"view\", reentry = \"restart\" }\nstep = [{ id = \"w\", wait = \"1h\" }, { id = \"s\", send = { channel = \"email\", template = \"t\" } }]\n";
    let huge = (0..2_000).map(|i| format!("s{i} = 'count(view where price > {i} in {}d) > 1'\n", i + 1));
    let huge = RUNNING.replace("[lifecycle]", &(huge.collect::<String>() + "[lifecycle]")) + journey;
    let texts = [
        RUNNING.to_owned() + journey,
        "version = 1".into(),
        huge.clone(),
        huge.replace("price", "sku").replace("sku = \"string\"\nsku = \"number\"", "sku = \"number\""),
        RUNNING.into(),
    ];
    let all: Vec<Definitions> = texts
        .iter()
        .map(|text| Definitions::from_toml(text).unwrap_or_else(|e| panic!("{e:.500}")))
        .collect();
    small("redefine", || {
        let mut partition = running(&texts[0]);
        for round in 0..all.len() * all.len() {
            // Each comes behind each, also at instants that are long past.
            let next = if round % 2 == 0 { round / 2 % all.len() } else { round % all.len() };
            let at = [Instant::MIN, partition.clock(), partition.clock() + Duration::hours(1)][round % 3];
            partition.redefine(&all[next], at);
            let view = Message::track("ada", "view").with("sku", "a").with("price", 7);
            partition.ingest(&view, partition.clock()).ok();
            partition.outbox(10, Duration::minutes(1), partition.clock());
        }
        partition.advance(Instant::MAX);
        assert!(partition.checkpoint().is_ok());
    });
}
