use super::*;
use crate::model::Duration;
use proptest::prelude::*;

/// Zones whose clocks change by an hour, by half of one, at midnight, over the date line, or not at all.
pub(in crate::trigger) const ZONES: [&str; 10] = [
    "Europe/Paris",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/Sao_Paulo",
    "Asia/Tehran",
    "Asia/Beirut",
    "America/Nuuk",
    "America/St_Johns",
    "UTC",
];

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn after(day: LocalDay, time: &str, now: &str, zone: &str) -> String {
    let rule = LocalRule { day, at: time.parse().unwrap() };
    rule.after(at(now), &Zone::named(zone).unwrap()).to_string()
}

#[test]
fn days_of_the_week_and_days_ahead() {
    use LocalDay::{In, Next, Weekday};
    // 2026-11-23 is a Monday.
    for (day, time, now, due) in [
        (Next, "19:00", "2026-11-23T18:59:59.999Z", "2026-11-23T19:00:00Z"),
        (Next, "19:00", "2026-11-23T19:00:00Z", "2026-11-23T19:00:00Z"),
        (Next, "19:00", "2026-11-23T19:00:00.001Z", "2026-11-24T19:00:00Z"),
        (Next, "00:00", "2026-12-31T12:00:00Z", "2027-01-01T00:00:00Z"),
        (In(0), "19:00", "2026-11-23T08:00:00Z", "2026-11-23T19:00:00Z"),
        // Over already: it does not wait.
        (In(0), "19:00", "2026-11-23T20:00:00Z", "2026-11-23T20:00:00Z"),
        (In(1), "19:00", "2026-11-23T20:00:00Z", "2026-11-24T19:00:00Z"),
        (In(1), "19:00", "2026-02-28T20:00:00Z", "2026-03-01T19:00:00Z"),
        (In(-2), "19:00", "2026-11-23T08:00:00Z", "2026-11-23T08:00:00Z"),
        (Weekday(0), "09:00", "2026-11-23T08:00:00Z", "2026-11-23T09:00:00Z"),
        (Weekday(0), "09:00", "2026-11-23T09:00:00Z", "2026-11-23T09:00:00Z"),
        (Weekday(0), "09:00", "2026-11-23T09:00:00.001Z", "2026-11-30T09:00:00Z"),
        (Weekday(6), "09:00", "2026-11-23T10:00:00Z", "2026-11-29T09:00:00Z"),
        (Weekday(1), "23:59", "2026-11-23T00:00:00Z", "2026-11-24T23:59:00Z"),
    ] {
        assert_eq!(after(day, time, now, "UTC"), due, "{day:?} {time} after {now}");
    }
}

#[test]
fn both_changes_of_the_year_in_several_zones() {
    use LocalDay::{In, Next, Weekday};
    for (zone, day, time, now, due) in [
        // Paris skips 02:00 to 03:00 at 01:00Z …
        ("Europe/Paris", Next, "01:59", "2026-03-29T00:00:00Z", "2026-03-29T00:59:00Z"),
        ("Europe/Paris", Next, "02:00", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"),
        ("Europe/Paris", Next, "02:30", "2026-03-29T00:00:00Z", "2026-03-29T01:30:00Z"),
        ("Europe/Paris", Next, "02:30", "2026-03-29T01:15:00Z", "2026-03-29T01:30:00Z"),
        ("Europe/Paris", Next, "02:30", "2026-03-29T01:30:00.001Z", "2026-03-30T00:30:00Z"),
        ("Europe/Paris", Next, "03:00", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"),
        ("Europe/Paris", In(1), "09:00", "2026-03-28T12:00:00Z", "2026-03-29T07:00:00Z"),
        ("Europe/Paris", Weekday(6), "02:30", "2026-03-25T12:00:00Z", "2026-03-29T01:30:00Z"),
        // … and shows it twice, from 00:00Z and again from 01:00Z.
        ("Europe/Paris", Next, "02:30", "2026-10-24T23:00:00Z", "2026-10-25T00:30:00Z"),
        ("Europe/Paris", Next, "02:30", "2026-10-25T00:45:00Z", "2026-10-26T01:30:00Z"),
        ("Europe/Paris", Next, "02:30", "2026-10-25T01:15:00Z", "2026-10-26T01:30:00Z"),
        ("Europe/Paris", In(0), "02:30", "2026-10-25T01:15:00Z", "2026-10-25T01:15:00Z"),
        ("Europe/Paris", Next, "03:00", "2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z"),
        ("Europe/Paris", In(1), "09:00", "2026-10-24T12:00:00Z", "2026-10-25T08:00:00Z"),
        // New York skips 02:00 to 03:00 at 07:00Z and shows 01:00 to 02:00 twice, from 05:00Z and from 06:00Z.
        ("America/New_York", Next, "02:15", "2026-03-08T06:00:00Z", "2026-03-08T07:15:00Z"),
        ("America/New_York", In(1), "19:00", "2026-03-07T17:00:00Z", "2026-03-08T23:00:00Z"),
        ("America/New_York", Next, "01:30", "2026-11-01T05:00:00Z", "2026-11-01T05:30:00Z"),
        ("America/New_York", Next, "01:30", "2026-11-01T06:00:00Z", "2026-11-02T06:30:00Z"),
        ("America/New_York", In(1), "19:00", "2026-10-31T17:00:00Z", "2026-11-02T00:00:00Z"),
        // Lord Howe changes by half an hour: 02:00 to 02:30 skipped, 01:30 to 02:00 twice, both at 15:00Z.
        ("Australia/Lord_Howe", Next, "02:15", "2026-10-03T15:00:00Z", "2026-10-03T15:45:00Z"),
        ("Australia/Lord_Howe", Next, "02:45", "2026-10-03T15:00:00Z", "2026-10-03T15:45:00Z"),
        ("Australia/Lord_Howe", Next, "01:45", "2026-04-04T14:30:00Z", "2026-04-04T14:45:00Z"),
        ("Australia/Lord_Howe", Next, "01:45", "2026-04-04T15:00:00Z", "2026-04-05T15:15:00Z"),
        // Samoa left out the 30th of December 2011, a Friday: what is set for it comes a day later.
        ("Pacific/Apia", In(1), "19:00", "2011-12-29T20:00:00Z", "2011-12-31T05:00:00Z"),
        ("Pacific/Apia", Weekday(4), "19:00", "2011-12-29T20:00:00Z", "2011-12-31T05:00:00Z"),
        ("Pacific/Apia", Next, "09:00", "2011-12-30T09:00:00Z", "2011-12-30T19:00:00Z"),
        // Its clocks went forward at 14:00Z, from 03:00 to 04:00, and back at the same instant, from 04:00.
        ("Pacific/Apia", Next, "03:30", "2012-09-29T12:00:00Z", "2012-09-29T14:30:00Z"),
        ("Pacific/Apia", Next, "03:30", "2013-04-06T12:00:00Z", "2013-04-06T13:30:00Z"),
        // São Paulo skipped 00:00 to 01:00 at 03:00Z and showed 23:00 to 24:00 twice, from 01:00Z and from 02:00Z.
        ("America/Sao_Paulo", Next, "00:00", "2018-11-04T02:00:00Z", "2018-11-04T03:00:00Z"),
        ("America/Sao_Paulo", Next, "00:30", "2018-11-04T02:00:00Z", "2018-11-04T03:30:00Z"),
        ("America/Sao_Paulo", Next, "23:30", "2018-02-18T00:00:00Z", "2018-02-18T01:30:00Z"),
        ("America/Sao_Paulo", Next, "23:30", "2018-02-18T02:00:00Z", "2018-02-19T02:30:00Z"),
        ("America/Sao_Paulo", Next, "00:00", "2018-02-18T01:00:00Z", "2018-02-18T03:00:00Z"),
        // Tehran skipped 00:00 to 01:00 at 20:30Z and showed 23:00 to 24:00 twice, from 18:30Z and from 19:30Z.
        ("Asia/Tehran", Next, "00:30", "2022-03-21T19:00:00Z", "2022-03-21T21:00:00Z"),
        ("Asia/Tehran", Next, "09:00", "2022-03-21T19:00:00Z", "2022-03-22T04:30:00Z"),
        ("Asia/Tehran", Next, "23:15", "2022-09-21T18:00:00Z", "2022-09-21T18:45:00Z"),
        ("Asia/Tehran", Next, "23:15", "2022-09-21T19:30:00Z", "2022-09-22T19:45:00Z"),
        // Greenland skips 23:00 to 24:00 at 01:00Z: what is set for then comes on the next day.
        ("America/Nuuk", Next, "23:30", "2024-03-31T00:30:00Z", "2024-03-31T01:30:00Z"),
        ("America/Nuuk", Next, "23:30", "2024-03-31T01:00:00Z", "2024-03-31T01:30:00Z"),
        ("America/Nuuk", Next, "23:30", "2024-03-31T02:00:00Z", "2024-04-01T00:30:00Z"),
        ("America/Nuuk", Weekday(5), "23:30", "2024-03-31T01:00:00Z", "2024-03-31T01:30:00Z"),
    ] {
        assert_eq!(after(day, time, now, zone), due, "{zone}: {day:?} {time} after {now}");
    }
}

#[test]
fn windows_open_and_are_open() {
    for (zone, from, to, now, opens) in [
        ("UTC", "17:00", "21:30", "2026-11-23T16:59:59Z", "2026-11-23T17:00:00Z"),
        ("UTC", "17:00", "21:30", "2026-11-23T17:00:00Z", "2026-11-23T17:00:00Z"),
        ("UTC", "17:00", "21:30", "2026-11-23T21:29:59.999Z", "2026-11-23T21:29:59.999Z"),
        ("UTC", "17:00", "21:30", "2026-11-23T21:30:00Z", "2026-11-24T17:00:00Z"),
        ("UTC", "22:00", "02:00", "2026-11-23T01:00:00Z", "2026-11-23T01:00:00Z"),
        ("UTC", "22:00", "02:00", "2026-11-23T02:00:00Z", "2026-11-23T22:00:00Z"),
        ("Europe/Paris", "02:30", "04:00", "2026-03-28T22:00:00Z", "2026-03-29T01:00:00Z"),
        // Open for no longer than on other days.
        ("Europe/Paris", "02:30", "04:00", "2026-10-24T22:00:00Z", "2026-10-25T01:30:00Z"),
    ] {
        let window = LocalWindow::new(from.parse().unwrap(), to.parse().unwrap()).unwrap();
        assert_eq!((window.from().to_string(), window.to().to_string()), (from.into(), to.into()));
        let zone = Zone::named(zone).unwrap();
        assert_eq!(window.opens(at(now), &zone), at(opens), "{zone:?} {from}-{to} from {now}");
    }
    assert_eq!(LocalWindow::new(LocalTime::MIDNIGHT, LocalTime::MIDNIGHT), None);
}

#[test]
fn the_ends_of_time_do_not_panic() {
    for zone in ZONES.map(|name| Zone::named(name).unwrap()) {
        for now in [Instant::MIN, Instant::MAX] {
            for day in [LocalDay::Next, LocalDay::In(i32::MIN), LocalDay::In(i32::MAX), LocalDay::Weekday(3)]
            {
                let rule = LocalRule { day, at: LocalTime::MIDNIGHT };
                assert!(rule.after(now, &zone) >= now);
            }
        }
    }
}

/// An instant within a day of a change of the clocks of a zone, or any, to the quarter of an hour.
pub(in crate::trigger) fn moments() -> impl Strategy<Value = (Zone, Instant)> {
    let zone = prop::sample::select(ZONES.to_vec()).prop_map(|name| Zone::named(name).unwrap());
    (zone, 0_i64..600_000, -100_i64..100, any::<bool>()).prop_map(|(zone, hours, quarters, near)| {
        let any = at("1990-01-01T00:00:00Z") + Duration::hours(hours);
        let change = zone.next_transition(any);
        let base = if near && change < Instant::MAX { change } else { any };
        (zone, base + Duration::minutes(quarters * 15))
    })
}

proptest! {
    #[test]
    fn each_time_is_the_first_of_all_days((zone, now) in moments(), minute in 0_u32..1440, weekday in 0_u8..7) {
        let time = LocalTime::from_millis(minute * 60_000).unwrap();
        let today = zone.civil(now).day;
        let of_day = |day| zone.instant(day, time.as_millis() as i32);
        let naive = |days: &dyn Fn(i32) -> bool| {
            (today - 9..today + 18).filter(|day| days(*day)).map(of_day).filter(|at| *at >= now).min().unwrap()
        };
        let next = LocalRule { day: LocalDay::Next, at: time };
        prop_assert_eq!(next.after(now, &zone), naive(&|_| true));
        let named = LocalRule { day: LocalDay::Weekday(weekday), at: time };
        prop_assert_eq!(named.after(now, &zone), naive(&|day| (day + 3).rem_euclid(7) == i32::from(weekday)));
    }
}
