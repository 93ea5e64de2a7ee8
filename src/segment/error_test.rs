//! Every refused text says what is wrong, where, and what to do.

use crate::model::Duration;
use crate::segment::{Error, ErrorKind, Kind, Plan, Schema, Score};

fn schema() -> Schema {
    let mut schema = Schema::strict();
    schema
        .attribute("country", Kind::String)
        .attribute("age_years", Kind::Number)
        .attribute("vip", Kind::Bool);
    schema
        .attribute("location", Kind::Geo)
        .attribute("birthday", Kind::Instant)
        .attribute("tags", Kind::List);
    schema.attribute("budget.*", Kind::Number);
    for event in ["view", "purchase", "add_to_cart"] {
        schema.property(event, "sku", Kind::String).property(event, "category", Kind::String);
        schema.property(event, "amount", Kind::Number);
    }
    schema.object("devices", "os", Kind::String).object("devices", "last_seen", Kind::Instant);
    schema.line("order", "products", "price", Kind::Number).line(
        "order",
        "products",
        "category",
        Kind::String,
    );
    schema
}

fn errors(text: &str) -> Vec<Error> {
    match Plan::builder(schema()).segment("s", None, text).build() {
        Ok(_) => Vec::new(),
        Err(errors) => errors,
    }
}

#[test]
fn refused_texts() {
    use ErrorKind::*;
    // Text, kind, the marked part, words of the message or of the help.
    for (text, kind, marked, words) in [
        ("", Syntax, "", "found the end"),
        ("   # nothing", Syntax, "", "found the end"),
        ("country = ", Syntax, "", "found the end"),
        ("did(view", Syntax, "", "expected an operator or `)`, found the end"),
        ("did(view))", Syntax, ")", "a `)` too many"),
        ("did(purchas in 30d)", UnknownName, "purchas", "did you mean `purchase`?"),
        ("did(view where categry = \"x\")", UnknownName, "categry", "did you mean `category`?"),
        ("did(view where country = \"FR\")", UnknownName, "country", "`user.country`"),
        ("did(order where length(products) = 3 in 1d)", Kind, "products", "count(order.products)"),
        ("count(any.sku) > 1", Arguments, "any.sku", "`count(any where sku is present)`"),
        ("did([view, purchase].sku)", Arguments, "[view, purchase].sku", "`did([view, purchase] where sku"),
        (
            "did(order.products.price)",
            Arguments,
            "order.products.price",
            "`did(order.products where price is present)`",
        ),
        ("has(devices where os = ios)", UnknownName, "ios", "put quotes around a text: `\"ios\"`"),
        ("contry = \"FR\"", UnknownName, "contry", "did you mean `country`?"),
        ("purchase", UnknownName, "purchase", "did(purchase)"),
        ("cont(view) > 1", UnknownName, "cont", "did you mean `count`?"),
        ("cuont(view in 7d) > 3", UnknownName, "cuont", "did you mean `count`?"),
        ("didd(view where category = \"x\")", UnknownName, "didd", "did you mean `did`?"),
        ("summ(purchase.amount in 30d) > 5", UnknownName, "summ", "did you mean `sum`?"),
        ("did(view and did(purchase)", Syntax, "and", "close every `(`"),
        ("count(view in 7d > 3", Syntax, ">", "close every `(`"),
        ("now - last(view > 3d", Syntax, ">", "close every `(`"),
        ("segment(\"t\")", UnknownName, "\"t\"", "unknown segment `t`"),
        ("country = FR", UnknownName, "FR", "put quotes around a text: `\"FR\"`"),
        ("1 < age_years < 5", ChainedComparison, "1 < age_years <", "between"),
        ("vip && country = \"FR\"", Lexical, "&&", "write `and`"),
        ("vip || vip", Lexical, "||", "write `or`"),
        ("!vip", Lexical, "!", "write `not`"),
        ("did(view in 7 days)", Lexical, "7", "write `7d`"),
        ("did(view in 7)", Lexical, "7", "write `7d`"),
        ("did(view in 3 months)", Lexical, "3", "in last 3 months"),
        ("now - last(view) > 7 days", Lexical, "7 days", "write `7d`"),
        ("did(view in 1.5h)", Lexical, "1.5h", "1h30m"),
        ("did(view in 0d)", EmptyWindow, "in 0d", "no event"),
        ("did(view from 1d to 2d ago)", EmptyWindow, "from 1d to 2d ago", "the longer time comes first"),
        (
            "did(view between @2026-02-01 and @2026-01-01)",
            EmptyWindow,
            "between @2026-02-01 and @2026-01-01",
            "earlier",
        ),
        ("did(view in this fortnight)", Syntax, "fortnight", "day, week, month and year"),
        ("did(view in last 7d)", Syntax, "7d", "in last 7 days"),
        ("weekday = \"saturday\"", UnknownName, "\"saturday\"", "did you mean `sat`?"),
        ("did(view where at.weekday not in [\"mon\", \"So\"])", UnknownName, "\"So\"", "days are `mon`"),
        ("age_years > \"x\"", Kind, "age_years > \"x\"", "a number cannot be compared with a string"),
        ("country + 1 = 2", Kind, "country + 1", "cannot be added"),
        ("count(view) and vip", Kind, "count(view)", "did(…)"),
        ("vip > true", Kind, "vip > true", "no order"),
        ("now - last(view) > 14", Kind, "now - last(view) > 14", "as in `7d`"),
        ("last(view) > 14d", Kind, "last(view) > 14d", "now - last(view) > 14d"),
        (
            "distance(location, geo(1, 2)) < 300m",
            Kind,
            "distance(location, geo(1, 2)) < 300m",
            "`300 m` are metres",
        ),
        ("age_years < 5 km", Kind, "age_years < 5 km", "a number cannot be compared with a distance"),
        ("country in [1, 2]", Kind, "1", "cannot be compared"),
        ("country contains 5", Kind, "5", "a string is wanted"),
        ("sum(view.category) > 1", Kind, "view.category", "a property that is a number"),
        ("sum(view) > 1", Arguments, "view", "view.amount"),
        ("did(view.sku)", Arguments, "view.sku", "where sku is present"),
        ("percentile(view.amount, 101) > 1", Arguments, "101", "from 0 to 100"),
        ("percentile(view.amount) > 1", Arguments, "view.amount", "and a percentage"),
        ("length(tags, tags) > 1", Arguments, "length(tags, tags)", "takes one argument, not 2"),
        ("country matches \"(\"", Regex, "\"(\"", "not a regular expression"),
        ("country matches \"(a{1000}){1000}\"", Limit, "\"(a{1000}){1000}\"", "1 MiB"),
        ("did(view where now > @2026-01-01)", NotInWhere, "now", "by a window"),
        ("did(view where session.number = 1)", NotInWhere, "session.number", "by a window"),
        ("did(view where did(purchase))", NotInWhere, "did", "not known inside `where`"),
        ("sequence(not view, purchase)", Syntax, "not view", "the first step"),
        ("sequence(view within 1h)", Syntax, "view within 1h", "the first step"),
        ("sequence(view in 7d, purchase)", Syntax, "in", "stands behind it"),
        ("did(view) in 7d", Syntax, "in", "put it into the parentheses, behind the event: `did(view in 7d)`"),
        ("count(view) in this month > 3", Syntax, "in", "put it into the parentheses, behind the event"),
        ("budget[key] > 1", OutOfPlace, "budget[key]", "keyed segment"),
        ("some sku: (some category: (did(view)))", OutOfPlace, "some category: (did(view))", "do not nest"),
        (
            "(now - birthday) * (now - birthday) > 1d",
            Kind,
            "(now - birthday) * (now - birthday)",
            "multiplied",
        ),
        ("1d / (now - birthday) > 2", TimeNotTold, "1d / (now - birthday)", "cannot be told"),
        (
            "((now - birthday) / 1d) * ((now - birthday) / 1d) > 1",
            TimeNotTold,
            "((now - birthday) / 1d) * ((now - birthday) / 1d)",
            "cannot be told",
        ),
        ("age(now) > 1", TimeNotTold, "now", "stands still"),
        ("country = \"x", Lexical, "\"x", "does not end"),
        ("country = \"\\q\"", Lexical, "\\q", "unknown escape"),
        ("local_time > 25:00", Lexical, "25:00", "not a time of day"),
        ("birthday > @2026-13-01", Lexical, "@2026-13-01", "not an instant"),
        ("country = “x”", Lexical, "“", "straight quotes"),
        ("did(where sku = \"x\")", Syntax, "where", "the name of an event"),
        ("and vip", Syntax, "and", "in backquotes"),
        ("country in \"FR\"", Syntax, "\"FR\"", "a list such as"),
        ("country is", Syntax, "", "`missing` or `present`"),
        ("has(devices)", Syntax, ")", "`where` and what one object must meet"),
        ("has(device where os = \"ios\")", UnknownName, "device", "did you mean `devices`?"),
        ("has(phones where os = \"ios\")", UnknownName, "phones", "declare what its objects have"),
        ("has(tags where os = \"ios\")", Kind, "tags", "a list of objects is wanted, `tags` is a list"),
        ("has(country where os = \"ios\")", Kind, "country", "`country` is a string"),
        ("has(devices where oss = \"ios\")", UnknownName, "oss", "did you mean `os`?"),
        ("has(devices where country = \"FR\")", UnknownName, "country", "`user.country` here"),
        ("has(devices where os > 5)", Kind, "os > 5", "a string cannot be compared with a number"),
        ("has(devices where now - last_seen < 30)", Kind, "now - last_seen < 30", "as in `7d`"),
        ("has(devices where os)", Kind, "os", "a condition is wanted"),
        (
            "did(view where has(devices where os = \"ios\"))",
            NotInWhere,
            "has(devices where os = \"ios\")",
            "user",
        ),
        ("country >= version(\"4.x\")", Lexical, "\"4.x\"", "`4.x` is not a version"),
        ("version(country) < \"v4.10\"", Lexical, "\"v4.10\"", "without the letter: `\"4.10\"`"),
        ("version(country) in [\"4\", \"4,1\"]", Lexical, "\"4,1\"", "numbers joined by dots"),
        ("version(country) >= 4.10", Kind, "version(country) >= 4.10", "in quotes: `version(\"4.10\")`"),
        ("version(age_years) >= \"4\"", Kind, "age_years", "a string is wanted"),
        ("version(country) contains \"4\"", Kind, "version(country)", "this is a version"),
        ("version() = \"4\"", Arguments, "version()", "takes one argument"),
        ("versoin(country) = \"4\"", UnknownName, "versoin", "did you mean `version`?"),
        ("lifecycle = \"new\"", UnknownName, "lifecycle", "no lifecycle is defined"),
        ("did(view where lifecycle = \"new\")", NotInWhere, "lifecycle", "not known inside `where`"),
        (
            "request.page = \"home\"",
            OutOfPlace,
            "request.page",
            "an attribute of that name is `user.request.page`",
        ),
        ("vip vip", Syntax, "vip", "expected an operator or the end"),
    ] {
        let errors = errors(text);
        let Some(first) = errors.first() else { panic!("`{text}` was accepted") };
        let shown = format!("{first:#}");
        assert_eq!(first.kind(), kind, "`{text}`: {shown}");
        assert_eq!(&text[first.span().range()], marked, "`{text}`: {shown}");
        assert!(shown.contains(words), "`{text}`: {shown}");
        assert!(shown.lines().all(|line| line.len() < 300), "{shown}");
    }
}

#[test]
fn all_errors_of_a_text_are_reported_together() {
    let errors = errors("did(purchas) and (country = ) or cont(view) > 1 and vip && contry = \"x\"");
    let kinds: Vec<_> = errors.iter().map(Error::kind).collect();
    assert!(errors.len() >= 2, "{errors:?}");
    assert!(kinds.contains(&ErrorKind::Syntax) && kinds.contains(&ErrorKind::Lexical), "{errors:?}");
    let errors =
        super::error_test::errors("did(purchas) and contry = \"x\" and age_years > \"x\" and sum(view) > 1");
    assert_eq!(errors.len(), 4, "{errors:?}");
}

#[test]
fn accepted_texts() {
    for text in [
        "count(view where category = \"sneakers\" in 7d) >= 3 and not did(purchase in 30d)",
        "sequence(add_to_cart, not purchase) and now - last(add_to_cart) >= 1h",
        "sum(purchase.amount where category = \"dining\" in this month) > 0.9 * budget.dining",
        "COUNT = 1 or true".trim_start_matches("COUNT = 1 or "),
        "distance(location, geo(48.8566, 2.3522)) < 5 km",
        "distance(location, geo(48.8566, 2.3522)) < 300 m or distance(location, location) < 2mi",
        "session.number = 1 and last(view.context.device.type) = \"mobile\"",
        "count(view where at.hour between 5 and 10 in 30d) > 10%",
        "country NOT IN ['FR', 'DE'] AND NOT vip",
        "sum(order.products.price where category = \"shoes\" in 90d) > 1_000",
        "did(order.products where event.context.x is missing)"
            .trim_start_matches("did(order.products where event.context.x is missing)")
            .trim(),
        "is_anniversary(birthday) or age(birthday) between 18 and 25",
        "abs(now - birthday) < 3d",
        "some category: (did(view in 24h) and not did(purchase in 24h))",
        "bucket(\"spring\") < 50 and top(\"category\") = \"boots\" and affinity('category', 'boots') > 0.5",
        "count(any in session) > 2 and local_time between 08:00 and 20:00 and weekday in [\"sat\", \"sun\"]",
        "did([view, purchase] since last(add_to_cart in 3d)) # comment",
        "lower(country) starts with \"f\" and country ends with \"r\" and country matches \"^f.$\"",
        "max(purchase.amount in last 6 months) - min(purchase.amount in last week) > -5",
        "country = \"\\u{1F600}\\n\" or `country` = 'x'",
        "has(devices where os = \"ios\" and NOW - last_seen < 30d and user.country = \"FR\") or length(devices) > 1",
        "has(user.devices where did(view where sku = \"x\") and session.number = 1 and weekday = \"mon\")",
        "version(country) between \"1\" and \"2\" or country > version('4.10.2-rc.1+7') or version(country) is missing",
        "did(view where version(sku) >= \"4.10\") and max_of(version(country), version(\"1\")) in ['2', '3']",
        "version(lower(country)) != version(last(view.context.app.version))",
        "some category: (has(devices where os = key))",
        "(now - last(view)) / 1d > 3 and min_of(now, birthday) = now",
    ] {
        if text.is_empty() {
            continue;
        }
        let found = errors(text);
        assert!(found.is_empty(), "`{text}`: {:#}", found[0]);
    }
}

#[test]
fn circles_and_unknown_segments() {
    let build = |segments: &[(&str, &str)]| {
        let builder = Plan::builder(schema());
        segments.iter().fold(builder, |builder, (name, text)| builder.segment(name, None, text)).build()
    };
    let circle = build(&[("a", "segment(\"b\")"), ("b", "vip and segment(\"a\")")]).unwrap_err();
    assert_eq!(circle[0].kind(), ErrorKind::Circle);
    assert!(circle[0].message().contains("a → b → a"), "{}", circle[0]);
    let own = build(&[("a", "segment(\"a\")")]).unwrap_err();
    assert_eq!(own[0].kind(), ErrorKind::Circle);
    let twice = build(&[("a", "vip"), ("a", "vip")]).unwrap_err();
    assert!(twice[0].message().contains("defined twice"));
    let chain: Vec<(String, String)> = (0..300)
        .map(|i| (format!("s{i}"), if i == 0 { "vip".into() } else { format!("segment(\"s{}\")", i - 1) }))
        .collect();
    let chain: Vec<(&str, &str)> = chain.iter().map(|(a, b)| (&**a, &**b)).collect();
    assert_eq!(build(&chain).unwrap_err()[0].kind(), ErrorKind::Limit);
    // What is referred to twice is evaluated once; this text would otherwise take 2^60 steps.
    let doubled: Vec<(String, String)> = (0..60)
        .map(|i| {
            (
                format!("s{i}"),
                if i == 0 { "vip".into() } else { format!("segment(\"s{0}\") or segment(\"s{0}\")", i - 1) },
            )
        })
        .collect();
    let doubled: Vec<(&str, &str)> = doubled.iter().map(|(a, b)| (&**a, &**b)).collect();
    build(&doubled).unwrap();
}

#[test]
fn deep_long_and_wide_texts_end_at_a_limit() {
    for text in [
        "(".repeat(60_000),
        format!("{}vip{}", "(".repeat(30_000), ")".repeat(30_000)),
        "not ".repeat(15_000),
        format!("age_years > {}1", "-".repeat(30_000)),
        "abs(".repeat(15_000),
        "did(view where ".repeat(3_000),
        "some sku: (".repeat(5_000),
        "has(devices where ".repeat(3_000),
        "did(view since last(".repeat(3_000),
        "[".repeat(60_000),
        "x".repeat(70_000),
        vec!["vip"; 8_000].join(" or "),
        vec!["1"; 8_000].join(" + "),
        "`".repeat(60_000),
        "@".repeat(60_000),
        "\"".repeat(60_001),
        "&&".repeat(30_000),
        format!("sequence({}view)", "view, ".repeat(5_000)),
        format!("sequence(view, {}view)", "not view, ".repeat(4_500)),
        format!("did([{}view])", "view, ".repeat(5_000)),
    ] {
        assert!(!errors(&text).is_empty());
    }
    for fine in [format!("{}vip{}", "(".repeat(100), ")".repeat(100)), vec!["vip"; 2_000].join(" and ")] {
        assert!(errors(&fine).is_empty());
    }
}

#[test]
fn lifecycles_and_requests() {
    let build = |order: &[&str], segments: &[(&str, &str)]| {
        let builder = Plan::builder(schema()).lifecycle(order.iter().copied());
        segments.iter().fold(builder, |builder, (name, text)| builder.segment(name, None, text)).build()
    };
    let stages = [("churned", "vip"), ("active", "not vip")];
    let with = |text| [stages[0], stages[1], ("s", text)];
    for fine in [
        "lifecycle = \"active\"",
        "lifecycle not in [\"active\", \"churned\"]",
        "lower(lifecycle) is missing",
    ] {
        build(&["churned", "active"], &with(fine)).unwrap();
    }
    // Order, text, where it is told, the marked part, words.
    for (order, text, name, marked, words) in [
        (
            ["churned", "actve"],
            "lifecycle = \"active\"",
            "lifecycle.order.1",
            "actve",
            "did you mean `active`?",
        ),
        (["churned", "churned"], "vip", "lifecycle.order.1", "churned", "in the order twice"),
        (["churned", "xyzzy"], "vip", "lifecycle.order.1", "xyzzy", "under [segments]"),
        (["churned", "active"], "lifecycle = \"actve\"", "s", "\"actve\"", "did you mean `active`?"),
        (["churned", "active"], "\"xyzzy\" != lifecycle", "s", "\"xyzzy\"", "stages are `churned`, `active`"),
        (["churned", "active"], "lifecycle in [\"active\", \"lapsd\"]", "s", "\"lapsd\"", "no stage `lapsd`"),
        (["churned", "active"], "lifecycle = active", "s", "active", "put quotes around a text"),
        (
            ["churned", "active"],
            "lifecycle > 5",
            "s",
            "lifecycle > 5",
            "a string cannot be compared with a number",
        ),
        (["churned", "s"], "lifecycle = \"churned\"", "s", "lifecycle = \"churned\"", "in a circle: s → s"),
    ] {
        let errors = build(&order, &with(text)).unwrap_err();
        let shown = format!("{errors:#?}");
        assert_eq!(errors.len(), 1, "{shown}");
        let whole = if name == "s" { text } else { order[1] };
        assert_eq!((errors[0].name(), &whole[errors[0].span().range()]), (Some(name), marked), "{shown}");
        assert!(shown.contains(words), "{shown}");
    }
    // The condition of a placement knows the request; nothing else does.
    let mut builder = Plan::builder(schema());
    builder.placement_condition("p", "request.page = \"home\" and did(view where sku = request.sku in 7d)");
    builder.placement_condition("q", "has(devices where os = request.os) and request.count + 1 > 2");
    builder.build().unwrap();
    let mut builder = Plan::builder(schema());
    builder.condition("c", "request.page = \"home\"");
    builder.condition("d", "did(view where sku = request.sku)");
    let errors = builder.build().unwrap_err();
    assert_eq!(
        errors.iter().map(Error::kind).collect::<Vec<_>>(),
        [ErrorKind::OutOfPlace, ErrorKind::UnknownName]
    );
}

#[test]
fn scores() {
    use ErrorKind::*;
    let build = |text: &str| {
        let fading = Score::new("fading").half_life(Duration::days(1)).event("view", None, 1.0);
        let steady = Score::new("steady").within(Duration::days(1));
        let steady = steady.event("view", None, 1.0).event("purchase", Some("amount > 5"), -1.0);
        let held = Score::new("held").half_life(Duration::days(1)).condition("vip", -1.0);
        let builder = Plan::builder(schema()).score(fading).score(steady).score(held);
        builder.segment("s", None, text).build().map_err(|mut errors| errors.remove(0))
    };
    for fine in [
        "score(\"fading\") * 2 - 1 > 5 and 5 - score('fading') / 3 between 1 and 4",
        "score(\"steady\") + score(\"held\") + score(\"fading\") > 3",
        "abs(score(\"fading\") - 3) < 1 or max_of(score(\"fading\"), 3, score(\"steady\")) in [3, 4]",
        "(now - birthday) / 1d * score(\"steady\") > 1 and 1d * score(\"fading\") > 3h",
        "some category: (did(view) and score(\"fading\") > age_years)",
        "score(\"steady\") = score(\"held\") or score(\"fading\") = score(\"held\")",
    ] {
        if let Err(error) = build(fine) {
            panic!("`{fine}`: {error:#}");
        }
    }
    for (text, kind, marked, words) in [
        ("score(\"fadin\") > 1", UnknownName, "\"fadin\"", "did you mean `fading`?"),
        ("score(\"xyzzy\") > 1", UnknownName, "\"xyzzy\"", "[scores.xyzzy]"),
        ("score(fading) > 1", Arguments, "fading", "in quotes"),
        ("score(\"fading\")", Kind, "score(\"fading\")", "a condition is wanted"),
        (
            "score(\"fading\") = \"x\"",
            Kind,
            "score(\"fading\") = \"x\"",
            "a number cannot be compared with a string",
        ),
        ("did(view where score(\"fading\") > 1)", NotInWhere, "score(\"fading\")", "inside `where`"),
        (
            "score(\"fading\") > score(\"fading\") / 2",
            TimeNotTold,
            "score(\"fading\") > score(\"fading\") / 2",
            "join the two",
        ),
        (
            "score(\"fading\") - (now - birthday) / 1d > 1",
            TimeNotTold,
            "score(\"fading\") - (now - birthday) / 1d",
            "cannot be told",
        ),
        (
            "score(\"fading\") * score(\"fading\") > 1",
            TimeNotTold,
            "score(\"fading\") * score(\"fading\")",
            "cannot be told",
        ),
        ("10 / score(\"fading\") > 1", TimeNotTold, "10 / score(\"fading\")", "cannot be told"),
        (
            "min_of(score(\"fading\"), abs(score(\"fading\")))= 1",
            TimeNotTold,
            "min_of(score(\"fading\"), abs(score(\"fading\")))",
            "cannot be told",
        ),
        ("tags contains score(\"fading\")", TimeNotTold, "score(\"fading\")", "what stands still"),
        (
            "(now - birthday) / 1d < score(\"fading\")",
            TimeNotTold,
            "(now - birthday) / 1d < score(\"fading\")",
            "cannot be told",
        ),
    ] {
        let Err(error) = build(text) else { panic!("`{text}` was accepted") };
        let shown = format!("{error:#}");
        assert_eq!((error.kind(), &text[error.span().range()]), (kind, marked), "{shown}");
        assert!(shown.contains(words), "{shown}");
    }
    // What is wrong with a score itself.
    let view = |points| Score::new("x").event("view", None, points);
    let day = Duration::days(1);
    for (score, place, kind, words) in [
        (Score::new("x"), "scores.x.points", Arguments, "gives no points"),
        (view(f64::NAN), "scores.x.points.0.points", Limit, "out of range"),
        (view(1.0).half_life(Duration::ZERO), "scores.x.half_life", EmptyWindow, "more than 0"),
        (view(1.0).half_life(Duration::days(36_501)), "scores.x.half_life", Limit, "at most `36500d`"),
        (view(1.0).half_life(day).within(day), "scores.x.in", Arguments, "60 half-lives"),
        (
            view(1.0).half_life(day).event("purchase", None, -1.0),
            "scores.x.points.1.points",
            TimeNotTold,
            "cannot be told",
        ),
    ] {
        let errors = Plan::builder(schema()).score(score).build().unwrap_err();
        let shown = format!("{:#}", errors[0]);
        assert_eq!((errors.len(), errors[0].name(), errors[0].kind()), (1, Some(place), kind), "{shown}");
        assert!(shown.contains(words), "{shown}");
    }
    let twice = Plan::builder(schema()).score(view(1.0)).score(view(2.0)).build().unwrap_err();
    assert!(twice[0].message().contains("defined twice"));
    let mixed = view(1.0).within(day).event("purchase", None, -1.0);
    assert!(Plan::builder(schema()).score(mixed).build().is_ok());
}
