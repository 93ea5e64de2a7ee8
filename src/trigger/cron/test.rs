use super::*;
use crate::trigger::local::test::{ZONES, moments};
use proptest::prelude::*;

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn cron(text: &str) -> Cron {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

/// The next times after an instant, as many as are expected.
fn check(zone: &str, text: &str, now: &str, expected: &[&str]) {
    let (zone, cron) = (Zone::named(zone).unwrap(), cron(text));
    let mut now = at(now);
    for expected in expected {
        now = cron.after(now, &zone).unwrap();
        assert_eq!(now.to_string(), *expected, "{zone:?} {text}");
    }
}

#[test]
fn what_fields_say() {
    for (text, now, expected) in [
        ("0 18 * * *", "2026-11-23T17:59:59.999Z", "2026-11-23T18:00:00Z"),
        ("0 18 * * *", "2026-11-23T18:00:00Z", "2026-11-24T18:00:00Z"),
        ("0 18 * * *", "2026-11-23T18:00:00.500Z", "2026-11-24T18:00:00Z"),
        ("* * * * *", "2026-11-23T18:00:30Z", "2026-11-23T18:01:00Z"),
        ("*/20 8-9 * * *", "2026-11-23T08:20:00Z", "2026-11-23T08:40:00Z"),
        ("*/20 8-9 * * *", "2026-11-23T09:40:00Z", "2026-11-24T08:00:00Z"),
        ("0 18 * * 1-5", "2026-11-27T18:00:00Z", "2026-11-30T18:00:00Z"),
        ("0 18 * * mon-fri", "2026-11-27T18:00:00Z", "2026-11-30T18:00:00Z"),
        ("0 18 * * 7", "2026-11-23T18:00:00Z", "2026-11-29T18:00:00Z"),
        ("0 18 * * 0", "2026-11-23T18:00:00Z", "2026-11-29T18:00:00Z"),
        ("0 9 1,15 * *", "2026-11-23T18:00:00Z", "2026-12-01T09:00:00Z"),
        ("0 9 L * *", "2026-02-01T00:00:00Z", "2026-02-28T09:00:00Z"),
        ("0 9 31 * *", "2026-11-23T18:00:00Z", "2026-12-31T09:00:00Z"),
        ("0 9 29 2 *", "2026-11-23T18:00:00Z", "2028-02-29T09:00:00Z"),
        ("0 9 * * 5#2", "2026-11-23T18:00:00Z", "2026-12-11T09:00:00Z"),
        // Either day is enough where both are named.
        ("0 9 13 * FRI", "2026-11-23T18:00:00Z", "2026-11-27T09:00:00Z"),
        ("0 0 1 JAN *", "2026-11-23T18:00:00Z", "2027-01-01T00:00:00Z"),
    ] {
        check("UTC", text, now, &[expected]);
    }
}

#[test]
fn both_changes_of_the_year_in_several_zones() {
    for (zone, text, now, expected) in [
        // Paris skips 02:00 to 03:00 at 01:00Z, and shows it twice, from 00:00Z and again from 01:00Z.
        (
            "Europe/Paris",
            "30 2 * * *",
            "2026-03-28T00:30:00Z",
            ["2026-03-28T01:30:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"],
        ),
        (
            "Europe/Paris",
            "0 2 * * *",
            "2026-03-28T00:30:00Z",
            ["2026-03-28T01:00:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"],
        ),
        (
            "Europe/Paris",
            "0 * * * *",
            "2026-03-29T00:00:00Z",
            ["2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z", "2026-03-29T03:00:00Z"],
        ),
        (
            "Europe/Paris",
            "*/30 * * * *",
            "2026-03-29T00:30:00Z",
            ["2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z", "2026-03-29T02:00:00Z"],
        ),
        (
            "Europe/Paris",
            "0 18 * * *",
            "2026-03-28T12:00:00Z",
            ["2026-03-28T17:00:00Z", "2026-03-29T16:00:00Z", "2026-03-30T16:00:00Z"],
        ),
        (
            "Europe/Paris",
            "30 2 * * *",
            "2026-10-24T00:00:00Z",
            ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
        ),
        (
            "Europe/Paris",
            "0 * * * *",
            "2026-10-24T23:30:00Z",
            ["2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z", "2026-10-25T03:00:00Z"],
        ),
        (
            "Europe/Paris",
            "30 2 * * 0",
            "2026-10-25T00:45:00Z",
            ["2026-11-01T01:30:00Z", "2026-11-08T01:30:00Z", "2026-11-15T01:30:00Z"],
        ),
        // New York skips 02:00 to 03:00 at 07:00Z; 01:00 to 02:00 twice, from 05:00Z and from 06:00Z.
        (
            "America/New_York",
            "15 2 * * *",
            "2026-03-07T12:00:00Z",
            ["2026-03-08T07:15:00Z", "2026-03-09T06:15:00Z", "2026-03-10T06:15:00Z"],
        ),
        (
            "America/New_York",
            "30 1 * * *",
            "2026-11-01T05:00:00Z",
            ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z", "2026-11-03T06:30:00Z"],
        ),
        // Lord Howe skips 02:00 to 02:30: what is set for 02:15 comes at 02:45, behind what is set for 02:40.
        (
            "Australia/Lord_Howe",
            "15,40 2 * * *",
            "2026-10-03T14:00:00Z",
            ["2026-10-03T15:40:00Z", "2026-10-03T15:45:00Z", "2026-10-04T15:15:00Z"],
        ),
        (
            "Australia/Lord_Howe",
            "45 1 * * *",
            "2026-04-04T14:00:00Z",
            ["2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z", "2026-04-06T15:15:00Z"],
        ),
        // Samoa left out the 30th of December 2011: it and the 31st come as one.
        (
            "Pacific/Apia",
            "0 9 * * *",
            "2011-12-29T00:00:00Z",
            ["2011-12-29T19:00:00Z", "2011-12-30T19:00:00Z", "2011-12-31T19:00:00Z"],
        ),
        (
            "Pacific/Apia",
            "0 9 30 * *",
            "2011-12-29T00:00:00Z",
            ["2011-12-30T19:00:00Z", "2012-01-29T19:00:00Z", "2012-03-29T19:00:00Z"],
        ),
        // São Paulo skipped 00:00 to 01:00 at 03:00Z and showed 23:00 to 24:00 twice, from 01:00Z and from 02:00Z.
        (
            "America/Sao_Paulo",
            "0 0 * * *",
            "2018-11-03T12:00:00Z",
            ["2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z", "2018-11-06T02:00:00Z"],
        ),
        (
            "America/Sao_Paulo",
            "30 23 * * *",
            "2018-02-17T12:00:00Z",
            ["2018-02-18T01:30:00Z", "2018-02-19T02:30:00Z", "2018-02-20T02:30:00Z"],
        ),
        // Tehran skipped 00:00 to 01:00 at 20:30Z and showed 23:00 to 24:00 twice, from 18:30Z and from 19:30Z.
        (
            "Asia/Tehran",
            "30 0 * * *",
            "2022-03-21T12:00:00Z",
            ["2022-03-21T21:00:00Z", "2022-03-22T20:00:00Z", "2022-03-23T20:00:00Z"],
        ),
        (
            "Asia/Tehran",
            "15 23 * * *",
            "2022-09-21T12:00:00Z",
            ["2022-09-21T18:45:00Z", "2022-09-22T19:45:00Z", "2022-09-23T19:45:00Z"],
        ),
        // Greenland skips 23:00 to 24:00 at 01:00Z: what is set for Saturday then comes on Sunday, before Sunday's own.
        (
            "America/Nuuk",
            "30 23 * * *",
            "2024-03-30T12:00:00Z",
            ["2024-03-31T01:30:00Z", "2024-04-01T00:30:00Z", "2024-04-02T00:30:00Z"],
        ),
    ] {
        check(zone, text, now, &expected);
    }
}

#[test]
fn from_a_local_time_on() {
    let zone = Zone::named("Pacific/Honolulu").unwrap();
    let auckland = Zone::named("Pacific/Auckland").unwrap();
    // Monday's 18:00 was in Auckland; back in Honolulu, it is Sunday evening.
    let now = at("2026-11-23T05:30:00Z");
    let daily = cron("0 18 * * *");
    let due = daily.after(now, &auckland).unwrap();
    assert_eq!(due, at("2026-11-24T05:00:00Z"));
    let least = Wall::at(due, &auckland);
    assert_eq!(daily.after(now, &zone), Some(at("2026-11-24T04:00:00Z")), "Monday's once more");
    assert_eq!(daily.after_from(now, least, &zone), Some(at("2026-11-25T04:00:00Z")), "Tuesday's");
}

#[test]
fn errors_say_what_is_wrong() {
    for (text, message) in [
        ("", "`` has 0 fields where a cron expression has five"),
        ("0 18 * *", "`0 18 * *` has 4 fields where a cron expression has five"),
        ("0 0 18 * * *", "`0 0 18 * * *` has 6 fields where a cron expression has five"),
        ("@daily", "`@daily` has 1 fields where a cron expression has five"),
        ("60 18 * * *", "the minute of a cron expression cannot be `60`"),
        ("0 24 * * *", "the hour of a cron expression cannot be `24`"),
        ("0 18 0 * *", "the day of the month of a cron expression cannot be `0`"),
        ("0 18 * 13 *", "the month of a cron expression cannot be `13`"),
        ("0 18 * * 8", "the day of the week of a cron expression cannot be `8`"),
        ("0 18 * * someday", "the day of the week of a cron expression cannot be `someday`"),
        ("*/0 * * * *", "the minute of a cron expression cannot be `*/0`"),
        ("0 0 30 2 *", "`0 0 30 2 *` never comes"),
        ("0 0 31 4,6 *", "`0 0 31 4,6 *` never comes"),
    ] {
        let error = text.parse::<Cron>().unwrap_err();
        assert_eq!(error.to_string(), message);
        assert!(!error.help().is_empty());
    }
    assert_eq!(cron(" 0  18 * * 1-5 ").to_string(), "0 18 * * 1-5");
}

#[test]
fn the_ends_of_time_do_not_panic() {
    for zone in ZONES.map(|name| Zone::named(name).unwrap()) {
        for now in
            [Instant::MIN, Instant::MIN + Duration::days(400), Instant::MAX - Duration::days(1), Instant::MAX]
        {
            assert!(cron("0 9 * * *").after(now, &zone).is_none_or(|next| next > now));
        }
    }
}

proptest! {
    #[test]
    fn a_daily_rule_comes_once_for_each_local_date((zone, now) in moments(), minute in 0..1440_i32) {
        let daily = cron(&format!("{} {} * * *", minute % 60, minute / 60));
        let (mut found, mut next) = (Vec::new(), now);
        for _ in 0..20 {
            next = daily.after(next, &zone).unwrap();
            found.push(next);
        }
        let today = zone.civil(now).day;
        let mut naive: Vec<Instant> =
            (today - 2..today + 30).map(|day| zone.instant(day, minute * 60_000)).filter(|at| *at > now).collect();
        naive.sort_unstable();
        naive.dedup();
        naive.truncate(20);
        prop_assert_eq!(found, naive);
    }

    #[test]
    fn any_rule_comes_at_each_of_its_local_times((zone, now) in moments(), step in 1..60_i32, hours in 0..24_i32) {
        let cron = cron(&format!("*/{step} {hours}-23/3 * * *"));
        let (mut found, mut next) = (Vec::new(), now);
        while found.len() < 40 {
            next = cron.after(next, &zone).unwrap();
            found.push(next);
        }
        let today = zone.civil(now).day;
        let times = (today - 2..today + 60).flat_map(|day| {
            (hours..24).step_by(3).flat_map(move |h| (0..60).step_by(step as usize).map(move |m| (day, h * 60 + m)))
        });
        let mut naive: Vec<Instant> =
            times.map(|(day, minute)| zone.instant(day, minute * 60_000)).filter(|at| *at > now).collect();
        naive.sort_unstable();
        naive.dedup();
        naive.truncate(40);
        prop_assert_eq!(found, naive);
    }
}
