use super::*;

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn after(rule: DateRule, date: &str, now: &str, zone: &str) -> Option<String> {
    let due = rule.after(at(date), at(now), &Zone::named(zone).unwrap());
    due.map(|due| due.to_string())
}

fn rule(offset: &str, yearly: bool, at: &str) -> DateRule {
    let (sign, offset) = offset.strip_prefix('-').map_or((1, offset), |offset| (-1, offset));
    let offset = offset.parse::<Duration>().unwrap().as_millis() * sign;
    DateRule { offset: Duration::from_millis(offset), yearly, at: at.parse().ok() }
}

#[test]
fn dates_and_anniversaries() {
    const ONCE: bool = false;
    const YEARLY: bool = true;
    for (zone, offset, yearly, time, date, now, due) in [
        // Without a local time the offset is exact, also when the clocks change.
        (
            "Europe/Paris",
            "-1d",
            ONCE,
            "",
            "2026-03-29T10:00:00Z",
            "2026-03-01T00:00:00Z",
            "2026-03-28T10:00:00Z",
        ),
        (
            "Europe/Paris",
            "2h",
            ONCE,
            "",
            "2026-03-29T10:00:00Z",
            "2026-03-01T00:00:00Z",
            "2026-03-29T12:00:00Z",
        ),
        ("Europe/Paris", "0s", ONCE, "", "2026-03-29T10:00:00Z", "2026-03-29T10:00:00Z", ""),
        (
            "Europe/Paris",
            "0s",
            ONCE,
            "",
            "2026-03-29T10:00:00Z",
            "2026-03-29T09:59:59.999Z",
            "2026-03-29T10:00:00Z",
        ),
        // With one it is that time of the local day: of the 30th in Paris, of the 29th in UTC.
        (
            "Europe/Paris",
            "0s",
            ONCE,
            "09:00",
            "2026-03-29T22:30:00Z",
            "2026-03-01T00:00:00Z",
            "2026-03-30T07:00:00Z",
        ),
        ("UTC", "0s", ONCE, "09:00", "2026-03-29T22:30:00Z", "2026-03-01T00:00:00Z", "2026-03-29T09:00:00Z"),
        (
            "Europe/Paris",
            "-1d",
            ONCE,
            "09:00",
            "2026-03-29T10:00:00Z",
            "2026-03-01T00:00:00Z",
            "2026-03-28T08:00:00Z",
        ),
        (
            "Europe/Paris",
            "-12h",
            ONCE,
            "09:00",
            "2026-03-29T10:00:00Z",
            "2026-03-01T00:00:00Z",
            "2026-03-28T20:00:00Z",
        ),
        (
            "Europe/Paris",
            "0s",
            ONCE,
            "02:30",
            "2026-03-29T10:00:00Z",
            "2026-03-01T00:00:00Z",
            "2026-03-29T01:30:00Z",
        ),
        (
            "Europe/Paris",
            "0s",
            ONCE,
            "02:30",
            "2026-10-25T10:00:00Z",
            "2026-03-01T00:00:00Z",
            "2026-10-25T00:30:00Z",
        ),
        // Every year, at the local time of the date or at another.
        ("UTC", "0s", YEARLY, "", "1990-05-05T08:00:00Z", "2026-05-05T07:59:00Z", "2026-05-05T08:00:00Z"),
        ("UTC", "0s", YEARLY, "", "1990-05-05T08:00:00Z", "2026-05-05T08:00:00Z", "2027-05-05T08:00:00Z"),
        (
            "Europe/Paris",
            "0s",
            YEARLY,
            "",
            "1990-12-05T08:00:00Z",
            "2026-05-05T08:00:00Z",
            "2026-12-05T08:00:00Z",
        ),
        (
            "Europe/Paris",
            "0s",
            YEARLY,
            "",
            "1990-01-05T08:00:00Z",
            "2026-05-05T08:00:00Z",
            "2027-01-05T08:00:00Z",
        ),
        (
            "Europe/Paris",
            "0s",
            YEARLY,
            "09:00",
            "1990-07-05T08:00:00Z",
            "2026-05-05T08:00:00Z",
            "2026-07-05T07:00:00Z",
        ),
        (
            "UTC",
            "-7d",
            YEARLY,
            "09:00",
            "1990-01-03T08:00:00Z",
            "2026-12-20T00:00:00Z",
            "2026-12-27T09:00:00Z",
        ),
        (
            "UTC",
            "-7d",
            YEARLY,
            "09:00",
            "1990-01-03T08:00:00Z",
            "2026-12-27T09:00:00Z",
            "2027-12-27T09:00:00Z",
        ),
        (
            "UTC",
            "10d",
            YEARLY,
            "09:00",
            "1990-12-28T08:00:00Z",
            "2026-01-06T00:00:00Z",
            "2026-01-07T09:00:00Z",
        ),
        (
            "UTC",
            "400d",
            YEARLY,
            "09:00",
            "1990-12-28T08:00:00Z",
            "2026-01-06T00:00:00Z",
            "2026-02-01T09:00:00Z",
        ),
        // The last of February where there is no 29th.
        ("UTC", "0s", YEARLY, "", "2000-02-29T08:00:00Z", "2026-01-01T00:00:00Z", "2026-02-28T08:00:00Z"),
        ("UTC", "0s", YEARLY, "", "2000-02-29T08:00:00Z", "2028-01-01T00:00:00Z", "2028-02-29T08:00:00Z"),
        ("UTC", "1d", YEARLY, "", "2000-02-29T08:00:00Z", "2026-01-01T00:00:00Z", "2026-03-01T08:00:00Z"),
        // From the year of the date on.
        ("UTC", "0s", YEARLY, "", "2030-05-05T08:00:00Z", "2026-05-05T08:00:00Z", "2030-05-05T08:00:00Z"),
        (
            "America/Sao_Paulo",
            "0s",
            YEARLY,
            "00:30",
            "2000-11-04T15:00:00Z",
            "2018-11-01T00:00:00Z",
            "2018-11-04T03:30:00Z",
        ),
        (
            "Pacific/Apia",
            "0s",
            YEARLY,
            "09:00",
            "2000-12-30T20:00:00Z",
            "2011-12-01T00:00:00Z",
            "2011-12-30T19:00:00Z",
        ),
    ] {
        let expected = Some(due.to_owned()).filter(|due| !due.is_empty());
        assert_eq!(
            after(rule(offset, yearly, time), date, now, zone),
            expected,
            "{offset} {time} {date} {now}"
        );
    }
}

#[test]
fn an_anniversary_a_year_for_a_hundred_years() {
    for zone in ["UTC", "Europe/Paris", "Pacific/Apia", "Asia/Tehran"].map(|name| Zone::named(name).unwrap())
    {
        for born in ["1980-02-29T12:00:00Z", "1980-12-31T23:59:00Z", "1980-03-30T01:30:00Z"].map(at) {
            let eve = rule("-1d", true, "02:30");
            let (mut now, day) = (born, zone.civil(born).day);
            for year in 1..=100 {
                now = eve.after(born, now, &zone).unwrap();
                let anniversary = in_year(day, year_of(day) + year);
                assert!((0..=1).contains(&(anniversary - zone.civil(now).day)), "{zone:?} {now}");
            }
        }
    }
}

#[test]
fn the_ends_of_time_do_not_panic() {
    for offset in [i64::MIN, 0, i64::MAX].map(Duration::from_millis) {
        for (date, now) in
            [(Instant::MIN, Instant::MAX), (Instant::MAX, Instant::MIN), (Instant::MIN, Instant::MIN)]
        {
            for at in [None, LocalTime::at(9, 0)] {
                for yearly in [false, true] {
                    let rule = DateRule { offset, yearly, at };
                    assert!(rule.after(date, now, &Zone::UTC).is_none_or(|due| due > now));
                }
            }
        }
    }
}
