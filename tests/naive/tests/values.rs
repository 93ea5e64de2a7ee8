//! # values: what aggregates, functions and comparisons are worth

use super::*;

#[test]
fn percentiles_are_by_nearest_rank() {
    let user = values(&[json!(40), json!(15), json!(50), json!(20), json!(35)]);
    let rows = [(30, 20), (40, 20), (50, 35), (100, 50), (0, 15), (5, 15)];
    for (p, expected) in rows {
        let expr = aggregate(Agg::Percentile(p), events("e").of("p"));
        assert_eq!(value(&user, &expr, T0 + HOUR), Value::Int(expected), "{p}");
    }
    let median = aggregate(Agg::Median, events("e").of("p"));
    assert_eq!(value(&values(&[json!(4), json!(1)]), &median, T0 + HOUR), Value::Int(1));
    assert_eq!(value(&did(&[]), &median, T0 + HOUR), Value::Missing);
}

#[test]
fn aggregates_pass_over_what_does_not_fit() {
    let mixed = values(&[json!(2), json!("x"), json!(null), json!(4.5), json!(true), json!(2.0)]);
    let none = did(&[]);
    let rows: &[(Agg, Value, Value)] = &[
        (Agg::Sum, Value::Float(8.5), Value::Int(0)),
        (Agg::Avg, Value::Float(8.5 / 3.0), Value::Missing),
        (Agg::Min, Value::Int(2), Value::Missing),
        (Agg::Max, Value::Float(4.5), Value::Missing),
        (Agg::Distinct, Value::Int(4), Value::Int(0)),
        (Agg::First, Value::Int(2), Value::Missing),
        (Agg::Last, Value::Float(2.0), Value::Missing),
        (Agg::Mode, Value::Int(2), Value::Missing),
    ];
    for (which, expected, empty) in rows {
        let expr = aggregate(*which, events("e").of("p"));
        assert_eq!(value(&mixed, &expr, T0 + HOUR), *expected, "{which:?}");
        assert_eq!(value(&none, &expr, T0 + HOUR), *empty, "{which:?} of nothing");
    }
    let stddev = aggregate(Agg::Stddev, events("e").of("p"));
    assert_eq!(value(&values(&[json!(1), json!(3)]), &stddev, T0 + HOUR), Value::Float(2f64.sqrt()));
    assert_eq!(value(&values(&[json!(1)]), &stddev, T0 + HOUR), Value::Missing);
}

#[test]
fn mode_prefers_the_value_seen_last() {
    let mode = aggregate(Agg::Mode, events("e").of("p"));
    let user = values(&[json!("b"), json!("a"), json!("a"), json!("b"), json!("c")]);
    assert_eq!(value(&user, &mode, T0 + HOUR), text("b"));
}

#[test]
fn streak_ends_today_or_yesterday() {
    let user = did(&[(0, "w"), (DAY, "w"), (DAY + HOUR, "w"), (2 * DAY, "w"), (5 * DAY, "w")]);
    let streak = aggregate(Agg::Streak, events("w"));
    for (day, expected) in [(0, 1), (1, 2), (2, 3), (3, 3), (4, 0), (5, 1), (6, 1), (7, 0)] {
        assert_eq!(value(&user, &streak, T0 + day * DAY), Value::Int(expected), "day {day}");
    }
    let days = aggregate(Agg::ActiveDays, events("w"));
    assert_eq!(value(&user, &days, T0 + 9 * DAY), Value::Int(4));
}

#[test]
fn comparisons_with_missing_are_false() {
    let user = did(&[(0, "e")]);
    let country = || attribute("country");
    let count = |name: &str| aggregate(Agg::Count, events(name));
    let rows = [
        (country().compare(Cmp::Eq, lit("FR")), false),
        (country().compare(Cmp::Ne, lit("FR")), true),
        (country().compare(Cmp::Lt, lit("FR")), false),
        (Expr::NotIn(Box::new(country()), vec![text("FR")]), true),
        (Expr::IsMissing(Box::new(country())), true),
        (Expr::IsPresent(Box::new(country())), false),
        (country().negated(), true),
        (count("e").calculate(Op::Div, count("x")).compare(Cmp::Gt, lit(0)), false),
        (count("x").calculate(Op::Div, count("x")).compare(Cmp::Eq, lit(0)), false),
        (lit(1).compare(Cmp::Eq, lit(1.0)), true),
        (lit(1).compare(Cmp::Eq, lit("1")), false),
        (lit(1).compare(Cmp::Ne, lit("1")), true),
    ];
    for (expr, expected) in rows {
        assert_eq!(holds(&user, &expr, T0), expected, "{expr:?}");
    }
}

#[test]
fn integers_are_integers_while_they_fit() {
    let user = did(&[]);
    let sum = lit(i64::MAX).calculate(Op::Add, lit(1));
    assert_eq!(value(&user, &sum, T0), Value::Float(9_223_372_036_854_775_808.0));
    assert_eq!(value(&user, &lit(6).calculate(Op::Div, lit(3)), T0), Value::Float(2.0));
    let scaled = span(3).calculate(Op::Mul, lit(0.5));
    assert_eq!(value(&user, &scaled, T0), Value::Duration(2));
}

#[test]
fn the_later_instant_sets_an_attribute() {
    let lines = [
        traits(T0 + 5, json!({ "plan": "pro", "budget": { "dining": 3 } })),
        traits(T0, json!({ "plan": "free" })),
        traits(T0 + 5, json!({ "budget": { "dining": null } })),
    ];
    let user = user(&lines);
    assert_eq!(value(&user, &attribute("plan"), T0 + 9), text("pro"));
    assert_eq!(value(&user, &attribute("budget.dining"), T0 + 9), Value::Missing);
}

#[test]
fn objects_of_a_list_count_as_events() {
    let products = json!([
        { "category": "shoes", "price": 10 }, { "category": "books", "price": 4.5 },
        { "category": "shoes" }, "not an object",
    ]);
    let order = json!({ "channel": "app", "products": products });
    let user = user(&[line(T0, "order", order)]);
    let rows =
        || Events { source: Source::Rows("order".to_owned(), "products".to_owned()), ..events("order") };
    let is = |name: &str, value: &str| Expr::Property(name.to_owned()).compare(Cmp::Eq, lit(value));
    assert_eq!(value(&user, &aggregate(Agg::Count, rows()), T0), Value::Int(3));
    let shoes = rows().of("price").filter(is("category", "shoes"));
    assert_eq!(value(&user, &aggregate(Agg::Sum, shoes), T0), Value::Int(10));
    assert!(holds(&user, &aggregate(Agg::Did, rows().filter(is("event.channel", "app"))), T0));
}

#[test]
fn affinity_halves_by_half_life_and_does_not_move_with_time() {
    let of = |at, category: &str| line(T0 + at, "view", json!({ "category": category }));
    let user = user(&[of(0, "shoes"), of(7 * DAY, "books"), of(7 * DAY, "dining")]);
    let share = Expr::Affinity("category".to_owned(), "shoes".to_owned());
    for at in [7 * DAY, 90 * DAY] {
        assert_eq!(value(&user, &share, T0 + at), Value::Float(0.2));
    }
    assert_eq!(value(&user, &Expr::Top("category".to_owned()), T0 + 8 * DAY), text("dining"));
    assert_eq!(value(&did(&[]), &share, T0), Value::Float(0.0));
    assert_eq!(value(&did(&[]), &Expr::Top("category".to_owned()), T0), Value::Missing);
}

#[test]
fn distance_is_by_haversine() {
    let user = user(&[traits(T0, json!({ "location": { "lat": 41.9028, "lon": 12.4964 } }))]);
    let paris = Expr::Call(Function::Geo, vec![lit(48.8566), lit(2.3522)]);
    let distance = Expr::Call(Function::Distance, vec![attribute("location"), paris]);
    let Value::Float(metres) = value(&user, &distance, T0) else { panic!("not a number") };
    assert!((metres - 1_105_700.0).abs() < 1_000.0, "{metres}");
}
