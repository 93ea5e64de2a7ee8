use super::*;
use crate::model::Duration;
use proptest::prelude::*;

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn quiet(from: &str, to: &str) -> QuietHours {
    QuietHours::new(from.parse().unwrap(), to.parse().unwrap()).unwrap()
}

#[test]
fn parse_and_show() {
    for (text, millis) in
        [("00:00", 0), ("22:00", 79_200_000), ("07:30:15", 27_015_000), ("23:59:59.999", 86_399_999)]
    {
        let time: LocalTime = text.parse().unwrap();
        assert_eq!((time.as_millis(), time.to_string()), (millis, text.to_owned()));
        assert_eq!(LocalTime::from_millis(millis), Some(time));
        assert_eq!(serde_json::from_str::<LocalTime>(&format!("\"{text}\"")).unwrap(), time);
    }
    assert_eq!("07:30:00".parse::<LocalTime>().unwrap().to_string(), "07:30");
    assert_eq!("07:30:00.000".parse::<LocalTime>().unwrap().to_string(), "07:30");
    for text in [
        "",
        "7:30",
        "24:00",
        "12:60",
        "12:00:60",
        "12:00:",
        "12:00:5",
        "12:00:00.",
        "12:00:00.5",
        "+1:00",
        "12.00",
        "12:00 ",
        "１2:00",
        "12:0é",
        "12:00:00.1234",
        "12:00.500",
    ] {
        assert!(text.parse::<LocalTime>().is_err(), "{text}");
    }
    let error = "25:00".parse::<LocalTime>().unwrap_err().to_string();
    assert!(error.starts_with("`25:00` is not a time of day; write it as `22:00`"), "{error}");
    assert_eq!(
        (LocalTime::from_millis(86_400_000), LocalTime::at(24, 0), LocalTime::at(0, 60)),
        (None, None, None)
    );
}

#[test]
fn never_quiet_is_refused() {
    let noon: LocalTime = "12:00".parse().unwrap();
    let error = QuietHours::new(noon, noon).unwrap_err();
    assert_eq!(error, QuietHoursError::Empty(noon));
    assert_eq!(
        error.to_string(),
        "quiet hours begin and end at `12:00`; leave them out for never, or give two different times"
    );
}

#[test]
fn quiet_hours_in_ordinary_nights_and_when_the_clocks_change() {
    const NOT: &str = "not quiet";
    for (zone, from, to, now, end) in [
        ("UTC", "22:00", "08:00", "2026-11-23T21:59:59.999Z", NOT),
        ("UTC", "22:00", "08:00", "2026-11-23T22:00:00Z", "2026-11-24T08:00:00Z"),
        ("UTC", "22:00", "08:00", "2026-11-24T07:59:59.999Z", "2026-11-24T08:00:00Z"),
        ("UTC", "22:00", "08:00", "2026-11-24T08:00:00Z", NOT),
        ("UTC", "12:30", "13:30:15", "2026-11-24T12:30:00Z", "2026-11-24T13:30:15Z"),
        ("UTC", "12:30", "13:30:15", "2026-11-24T13:30:15Z", NOT),
        ("UTC", "22:00", "00:00", "2026-11-23T23:00:00Z", "2026-11-24T00:00:00Z"),
        ("UTC", "00:00", "06:00", "2026-11-23T00:00:00Z", "2026-11-23T06:00:00Z"),
        ("UTC", "06:00", "05:59", "2026-11-23T05:59:00Z", NOT),
        // Paris skips 02:00 to 03:00 at 01:00Z …
        ("Europe/Paris", "22:00", "08:00", "2026-03-28T22:00:00Z", "2026-03-29T06:00:00Z"),
        ("Europe/Paris", "22:00", "02:15", "2026-03-28T22:00:00Z", "2026-03-29T01:00:00Z"),
        ("Europe/Paris", "22:00", "03:00", "2026-03-28T22:00:00Z", "2026-03-29T01:00:00Z"),
        ("Europe/Paris", "22:00", "02:00", "2026-03-28T22:00:00Z", "2026-03-29T01:00:00Z"),
        ("Europe/Paris", "02:15", "05:00", "2026-03-29T00:59:59Z", NOT),
        ("Europe/Paris", "02:15", "05:00", "2026-03-29T01:00:00Z", "2026-03-29T03:00:00Z"),
        ("Europe/Paris", "02:15", "02:45", "2026-03-29T01:00:00Z", NOT),
        ("Europe/Paris", "02:45", "02:15", "2026-03-28T22:00:00Z", "2026-03-30T00:15:00Z"),
        // … and shows it twice, from 00:00Z and again from 01:00Z.
        ("Europe/Paris", "22:00", "02:15", "2026-10-24T22:00:00Z", "2026-10-25T01:15:00Z"),
        ("Europe/Paris", "22:00", "02:00", "2026-10-24T22:00:00Z", "2026-10-25T01:00:00Z"),
        ("Europe/Paris", "22:00", "03:00", "2026-10-24T22:00:00Z", "2026-10-25T02:00:00Z"),
        ("Europe/Paris", "02:15", "05:00", "2026-10-25T00:14:59Z", NOT),
        ("Europe/Paris", "02:15", "05:00", "2026-10-25T00:15:00Z", "2026-10-25T04:00:00Z"),
        ("Europe/Paris", "02:15", "02:45", "2026-10-25T00:50:00Z", "2026-10-25T01:45:00Z"),
        ("Europe/Paris", "02:45", "02:15", "2026-10-24T22:00:00Z", "2026-10-26T01:15:00Z"),
        // New York: 02:00 skipped at 07:00Z; 01:00 to 02:00 twice, from 05:00Z and from 06:00Z.
        ("America/New_York", "21:00", "02:30", "2026-03-08T04:00:00Z", "2026-03-08T07:00:00Z"),
        ("America/New_York", "02:30", "09:00", "2026-03-08T07:00:00Z", "2026-03-08T13:00:00Z"),
        ("America/New_York", "21:00", "01:30", "2026-11-01T04:00:00Z", "2026-11-01T06:30:00Z"),
        ("America/New_York", "01:30", "09:00", "2026-11-01T05:29:59Z", NOT),
        ("America/New_York", "01:30", "09:00", "2026-11-01T05:30:00Z", "2026-11-01T14:00:00Z"),
        // Lord Howe changes by half an hour: 02:00 to 02:30 skipped, 01:30 to 02:00 twice, both at 15:00Z.
        ("Australia/Lord_Howe", "22:00", "02:15", "2026-10-03T14:00:00Z", "2026-10-03T15:30:00Z"),
        ("Australia/Lord_Howe", "02:15", "07:00", "2026-10-03T15:30:00Z", "2026-10-03T20:00:00Z"),
        ("Australia/Lord_Howe", "22:00", "01:45", "2026-04-04T14:00:00Z", "2026-04-04T15:15:00Z"),
        ("Australia/Lord_Howe", "01:45", "07:00", "2026-04-04T14:45:00Z", "2026-04-04T20:30:00Z"),
        // Beirut skips 00:00 to 01:00 at 22:00Z, and shows 23:00 to 24:00 twice, from 20:00Z and from 21:00Z.
        ("Asia/Beirut", "21:00", "00:00", "2026-03-28T20:00:00Z", "2026-03-28T22:00:00Z"),
        ("Asia/Beirut", "21:00", "00:30", "2026-03-28T20:00:00Z", "2026-03-28T22:00:00Z"),
        ("Asia/Beirut", "00:30", "06:00", "2026-03-28T21:59:59Z", NOT),
        ("Asia/Beirut", "00:30", "06:00", "2026-03-28T22:00:00Z", "2026-03-29T03:00:00Z"),
        ("Asia/Beirut", "23:30", "07:00", "2026-10-24T20:29:59Z", NOT),
        ("Asia/Beirut", "23:30", "07:00", "2026-10-24T21:10:00Z", "2026-10-25T05:00:00Z"),
        ("Asia/Beirut", "20:00", "23:30", "2026-10-24T20:45:00Z", "2026-10-24T21:30:00Z"),
        ("Asia/Beirut", "20:00", "00:00", "2026-10-24T20:45:00Z", "2026-10-24T22:00:00Z"),
        // St. John's went back from 00:01 to 23:01: midnight came twice, and the day before came again.
        ("America/St_Johns", "00:00", "06:00", "2006-10-29T02:45:00Z", "2006-10-29T09:30:00Z"),
        // Samoa left out 30 December 2011: the night of the 29th and that of the 30th are one.
        ("Pacific/Apia", "22:00", "08:00", "2011-12-30T09:00:00Z", "2011-12-30T18:00:00Z"),
    ] {
        let zone = Zone::named(zone).unwrap();
        let end = (end != NOT).then(|| at(end));
        assert_eq!(quiet(from, to).ends(at(now), &zone), end, "{zone:?} {from}-{to} {now}");
    }
}

/// Whether the clock on the wall is within the quiet hours.
fn on_the_wall(hours: QuietHours, now: Instant, zone: &Zone) -> bool {
    let (from, to, millis) = (hours.from.0, hours.to.0, zone.civil(now).millis as u32);
    if from < to { from <= millis && millis < to } else { from <= millis || millis < to }
}

/// Whether a local time near `now` is shown twice: within the overlap, or within its length of either side.
fn clocks_go_back_near(now: Instant, zone: &Zone) -> bool {
    (-150..150).any(|minutes| {
        let (a, b) = (now + Duration::minutes(minutes), now + Duration::minutes(minutes + 1));
        (zone.civil(b).day, zone.civil(b).millis) < (zone.civil(a).day, zone.civil(a).millis)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn quiet_hours_equal_a_look_at_the_wall(
        (zone, changes) in prop::sample::select(vec![
            ("Europe/Paris", ["2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"]),
            ("America/New_York", ["2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z"]),
            ("Australia/Lord_Howe", ["2026-10-03T15:30:00Z", "2026-04-04T15:00:00Z"]),
            ("Asia/Beirut", ["2026-03-28T22:00:00Z", "2026-10-24T21:00:00Z"]),
            ("America/St_Johns", ["2006-10-29T02:31:00Z", "2006-04-02T03:31:00Z"]),
            ("Pacific/Apia", ["2011-12-30T10:00:00Z", "2012-03-31T14:00:00Z"]),
        ]),
        change in 0_usize..2,
        from in 0_u32..24 * 60,
        // Half of the ends lie near the hours in which clocks change.
        to in prop_oneof![0_u32..24 * 60, 0_u32..200],
    ) {
        prop_assume!(from != to);
        let hours = QuietHours { from: LocalTime(from * MINUTE), to: LocalTime(to * MINUTE) };
        let zone = Zone::named(zone).unwrap();
        let mut now = at(changes[change]) - Duration::hours(40);
        let mut end: Option<Instant> = None;
        for _ in 0..80 * 60 {
            let found = hours.ends(now, &zone);
            if on_the_wall(hours, now, &zone) {
                prop_assert!(found.is_some(), "{now} should be quiet");
            } else if found.is_some() {
                prop_assert!(clocks_go_back_near(now, &zone), "{now} should not be quiet");
            }
            // One end for the whole of a quiet time, and that is where it stops being quiet.
            if let (Some(found), Some(end)) = (found, end) {
                prop_assert_eq!(found, end);
            }
            if let (None, Some(end)) = (found, end) {
                prop_assert_eq!(end, now);
            }
            end = found;
            now = now + Duration::minutes(1);
        }
    }

    #[test]
    fn no_instant_panics(millis in any::<i64>(), from in 0_u32..DAY, to in 0_u32..DAY) {
        prop_assume!(from != to);
        let hours = QuietHours { from: LocalTime(from), to: LocalTime(to) };
        for zone in ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Paris"] {
            for now in [Instant::MIN, Instant::MAX, Instant::from_millis(millis), Instant::from_millis(millis >> 17)] {
                let end = hours.ends(now, &Zone::named(zone).unwrap());
                prop_assert!(end.is_none_or(|end| end > now));
            }
        }
    }
}
