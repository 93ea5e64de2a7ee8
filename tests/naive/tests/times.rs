//! # times: windows, sessions, zones and dates

use super::*;

#[test]
fn windows_let_go_at_the_exact_millisecond() {
    let user = did(&[(0, "view")]);
    let rows: &[(Window, i64, bool)] = &[
        (Window::In(30 * DAY), 0, true),
        (Window::In(30 * DAY), 30 * DAY - 1, true),
        (Window::In(30 * DAY), 30 * DAY, false),
        (Window::FromTo(60 * DAY, 30 * DAY), 30 * DAY - 1, false),
        (Window::FromTo(60 * DAY, 30 * DAY), 30 * DAY, true),
        (Window::FromTo(60 * DAY, 30 * DAY), 60 * DAY, false),
        (Window::This(Period::Day), DAY - 1, true),
        (Window::This(Period::Day), DAY, false),
        (Window::This(Period::Week), 7 * DAY - 1, true),
        (Window::This(Period::Week), 7 * DAY, false),
        (Window::This(Period::Month), 30 * DAY, false),
        (Window::Last(Period::Day, 1), DAY - 1, false),
        (Window::Last(Period::Day, 1), DAY, true),
        (Window::Last(Period::Day, 1), 2 * DAY, false),
        (Window::Last(Period::Day, 3), 4 * DAY - 1, true),
        (Window::Last(Period::Day, 3), 4 * DAY, false),
        (Window::Last(Period::Year, 1), 220 * DAY, true),
        (Window::Since(T0), 0, true),
        (Window::Since(T0 + 1), 0, false),
        (Window::Before(T0), 0, false),
        (Window::Before(T0 + 1), 9 * DAY, true),
        (Window::Between(T0, T0 + 1), 9 * DAY, true),
        (Window::Between(T0 - 1, T0), 9 * DAY, false),
        (Window::Session, 30 * MINUTE - 1, true),
        (Window::Session, 30 * MINUTE, false),
    ];
    for (window, after, expected) in rows {
        let expr = aggregate(Agg::Did, events("view").during(window.clone()));
        assert_eq!(holds(&user, &expr, T0 + after), *expected, "{window:?} at {after}");
    }
}

#[test]
fn time_since_flips_a_millisecond_after_the_limit() {
    let user = did(&[(0, "open")]);
    let since = Expr::Now.calculate(Op::Sub, aggregate(Agg::Last, events("open")));
    let more = since.clone().compare(Cmp::Gt, span(14 * DAY));
    assert!(!holds(&user, &more, T0 + 14 * DAY));
    assert!(holds(&user, &more, T0 + 14 * DAY + 1));
    let days = since.calculate(Op::Div, span(DAY)).compare(Cmp::Gt, lit(3));
    assert!(!holds(&user, &days, T0 + 3 * DAY));
    assert!(holds(&user, &days, T0 + 3 * DAY + 1));
}

#[test]
fn since_last_is_by_order_and_empty_without_one() {
    let since = Window::SinceLast(Box::new(events("buy")));
    let count = aggregate(Agg::Count, events("view").during(since));
    let user = did(&[(0, "view"), (5, "view"), (5, "buy"), (5, "view"), (9, "view")]);
    assert_eq!(value(&user, &count, T0 + 9), Value::Int(2));
    assert_eq!(value(&did(&[(0, "view")]), &count, T0 + 9), Value::Int(0));
}

#[test]
fn sessions_end_at_the_gap_and_late_events_join_them() {
    let field = |user: &User, field, at| value(user, &Expr::Session(field), T0 + at);
    let first = did(&[(0, "e"), (10 * MINUTE, "e")]);
    assert_eq!(field(&first, SessionField::Duration, 40 * MINUTE - 1), Value::Duration(10 * MINUTE));
    assert_eq!(field(&first, SessionField::Duration, 40 * MINUTE), Value::Missing);
    assert_eq!(field(&first, SessionField::Number, 9 * DAY), Value::Int(1));
    // The second begins exactly one gap later; late events join it only from its first event on.
    let history = [(0, "e"), (30 * MINUTE, "e"), (35 * MINUTE, "e"), (32 * MINUTE, "e"), (29 * MINUTE, "e")];
    let second = did(&history);
    let at = 40 * MINUTE;
    assert_eq!(field(&second, SessionField::Number, at), Value::Int(2));
    assert_eq!(field(&second, SessionField::Started, at), Value::Instant(T0 + 30 * MINUTE));
    assert_eq!(field(&second, SessionField::Events, at), Value::Int(3));
    let count = aggregate(Agg::Count, events("e").during(Window::Session));
    assert_eq!(value(&second, &count, T0 + at), Value::Int(3));
    assert_eq!(value(&second, &count, T0 + 65 * MINUTE), Value::Int(0));
}

#[test]
fn the_zone_is_the_users_as_it_is_now() {
    let lines = [traits(T0, json!({ "timezone": "America/New_York" })), line(T0, "e", json!({}))];
    let user = user(&lines);
    // 20:00 on Sunday, 31 May.
    assert_eq!(value(&user, &Expr::LocalHour, T0), Value::Int(20));
    assert_eq!(value(&user, &Expr::Weekday, T0), text("sun"));
    let today = aggregate(Agg::Did, events("e").during(Window::This(Period::Day)));
    assert!(holds(&user, &today, T0 + 4 * HOUR - 1));
    assert!(!holds(&user, &today, T0 + 4 * HOUR));
    let hour = events("e").filter(Expr::AtHour.compare(Cmp::Eq, lit(20)));
    assert!(holds(&user, &aggregate(Agg::Did, hour), T0 + DAY));
}

#[test]
fn days_of_23_and_25_hours_are_days() {
    for (noon, hours) in [("2026-03-29T10:00:00Z", 23), ("2026-10-25T11:00:00Z", 25)] {
        let noon = instant(noon);
        let midnight = noon - if hours == 23 { 11 * HOUR } else { 13 * HOUR };
        let user =
            user(&[traits(midnight, json!({ "timezone": "Europe/Paris" })), line(midnight, "e", json!({}))]);
        let today = aggregate(Agg::Did, events("e").during(Window::This(Period::Day)));
        assert!(holds(&user, &today, midnight + hours * HOUR - 1), "{hours}");
        assert!(!holds(&user, &today, midnight + hours * HOUR), "{hours}");
    }
}

#[test]
fn ages_and_anniversaries_are_by_local_date() {
    let born = |text: &str| user(&[traits(T0, json!({ "birthday": text }))]);
    let birthday = || vec![attribute("birthday")];
    let leap = born("2008-02-29T00:00:00Z");
    let is_anniversary = Expr::Call(Function::IsAnniversary, birthday());
    for (day, expected) in
        [("2027-02-28", true), ("2027-03-01", false), ("2028-02-28", false), ("2028-02-29", true)]
    {
        let at = instant(&format!("{day}T12:00:00Z"));
        assert_eq!(holds(&leap, &is_anniversary, at), expected, "{day}");
    }
    let age = Expr::Call(Function::Age, birthday());
    let user = born("2008-06-02T00:00:00Z");
    assert_eq!(value(&user, &age, T0 + DAY - 1), Value::Int(17));
    assert_eq!(value(&user, &age, T0 + DAY), Value::Int(18));
}
