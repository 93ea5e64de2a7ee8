use crate::model::{Instant, Quoted, Zone};
use std::fmt;
use std::str::FromStr;

/// A time of day by the clock on the wall, as milliseconds since 00:00.
///
/// ```
/// use bespoke::trigger::LocalTime;
/// let evening: LocalTime = "22:00".parse()?;
/// assert_eq!(evening.to_string(), "22:00");
/// # Ok::<(), bespoke::trigger::ParseLocalTimeError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalTime(i32);

impl LocalTime {
    /// Milliseconds since 00:00, by the clock on the wall.
    #[must_use]
    pub const fn as_millis(self) -> i32 {
        self.0
    }
}

/// A text is not a time of day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is not a time of day; write it as `22:00` or `07:30:15`", Quoted(.0))]
pub struct ParseLocalTimeError(String);

impl FromStr for LocalTime {
    type Err = ParseLocalTimeError;

    fn from_str(text: &str) -> Result<LocalTime, ParseLocalTimeError> {
        let refused = || ParseLocalTimeError(text.to_owned());
        let number = |part: &str, limit: i32| {
            let digits = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
            part.parse::<i32>().ok().filter(|n| digits && *n < limit).ok_or_else(refused)
        };
        let parts: Vec<&str> = text.split(':').collect();
        let (hour, minute, second) = match parts[..] {
            [hour, minute] => (hour, minute, "0"),
            [hour, minute, second] => (hour, minute, second),
            _ => return Err(refused()),
        };
        Ok(LocalTime(((number(hour, 24)? * 60 + number(minute, 60)?) * 60 + number(second, 60)?) * 1_000))
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1_000;
        write!(f, "{:02}:{:02}", seconds / 3_600, seconds / 60 % 60)?;
        if seconds % 60 == 0 { Ok(()) } else { write!(f, ":{:02}", seconds % 60) }
    }
}

impl fmt::Debug for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A local time of day in which users are left alone; it may pass midnight.
///
/// Where clocks go forward over a boundary, the boundary is the end of the gap; where they go back over it, the
/// quiet time is the longer one.
///
/// ```
/// use bespoke::model::Zone;
/// use bespoke::trigger::QuietHours;
/// let night = QuietHours::new("22:00".parse()?, "08:00".parse()?)?;
/// let paris = Zone::named("Europe/Paris").unwrap();
/// let ends = night.ends("2026-11-23T23:30:00Z".parse()?, &paris);
/// assert_eq!(ends, Some("2026-11-24T07:00:00Z".parse()?));
/// assert_eq!(night.ends("2026-11-23T12:00:00Z".parse()?, &paris), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    from: LocalTime,
    to: LocalTime,
}

/// Quiet hours that begin when they end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("quiet hours from {0} to {0} would be no time, or all day; write two different times")]
pub struct QuietHoursError(LocalTime);

impl QuietHours {
    /// From a time, included, to a time, excluded.
    ///
    /// # Errors
    /// Where both are the same.
    pub fn new(from: LocalTime, to: LocalTime) -> Result<QuietHours, QuietHoursError> {
        if from == to { Err(QuietHoursError(from)) } else { Ok(QuietHours { from, to }) }
    }

    /// The instant at which the quiet time that `now` lies in ends; nothing where `now` is not quiet.
    #[must_use]
    pub fn ends(&self, now: Instant, zone: &Zone) -> Option<Instant> {
        let today = zone.civil(now).day;
        let over_midnight = i32::from(self.to < self.from);
        // Quiet times that began yesterday or today; one of tomorrow may begin today where a day is skipped.
        (today - 1..=today + 1)
            .map(|day| {
                let start = zone.boundary(day, self.from.as_millis(), false);
                (start, zone.boundary(day + over_midnight, self.to.as_millis(), true))
            })
            .filter(|(start, end)| *start <= now && now < *end)
            .map(|(_, end)| end)
            .max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    #[test]
    fn quiet_hours_end_at_the_local_time() {
        for (zone, from, to, now, ends) in [
            ("UTC", "22:00", "08:00", "2026-11-23T21:59:59.999Z", None),
            ("UTC", "22:00", "08:00", "2026-11-23T22:00:00Z", Some("2026-11-24T08:00:00Z")),
            ("UTC", "22:00", "08:00", "2026-11-24T07:59:59.999Z", Some("2026-11-24T08:00:00Z")),
            ("UTC", "22:00", "08:00", "2026-11-24T08:00:00Z", None),
            ("UTC", "12:00", "14:00", "2026-11-24T13:00:00Z", Some("2026-11-24T14:00:00Z")),
            // Clocks go forward from 02:00 to 03:00: the night is an hour shorter.
            ("Europe/Paris", "22:00", "08:00", "2026-03-28T22:00:00Z", Some("2026-03-29T06:00:00Z")),
            // The end lies in the gap: it is the end of the gap.
            ("Europe/Paris", "22:00", "02:30", "2026-03-29T00:30:00Z", Some("2026-03-29T01:00:00Z")),
            // The beginning lies in the gap: quiet from the end of the gap.
            ("Europe/Paris", "02:30", "06:00", "2026-03-29T00:59:59Z", None),
            ("Europe/Paris", "02:30", "06:00", "2026-03-29T01:00:00Z", Some("2026-03-29T04:00:00Z")),
            // Clocks go back from 03:00 to 02:00: from the first 02:30, until the second one.
            ("Europe/Paris", "02:30", "06:00", "2026-10-25T00:30:00Z", Some("2026-10-25T05:00:00Z")),
            ("Europe/Paris", "02:30", "06:00", "2026-10-25T01:10:00Z", Some("2026-10-25T05:00:00Z")),
            ("Europe/Paris", "22:00", "02:30", "2026-10-25T00:45:00Z", Some("2026-10-25T01:30:00Z")),
            ("America/New_York", "22:00", "02:30", "2026-03-08T06:30:00Z", Some("2026-03-08T07:00:00Z")),
            ("America/New_York", "22:00", "01:30", "2026-11-01T05:45:00Z", Some("2026-11-01T06:30:00Z")),
            // Half an hour.
            ("Australia/Lord_Howe", "22:00", "02:15", "2026-10-03T15:00:00Z", Some("2026-10-03T15:30:00Z")),
            // Midnight itself is skipped.
            ("Asia/Beirut", "00:00", "07:00", "2026-03-28T22:00:00Z", Some("2026-03-29T04:00:00Z")),
            ("Asia/Beirut", "22:00", "00:30", "2026-03-28T21:00:00Z", Some("2026-03-28T22:00:00Z")),
        ] {
            let quiet = QuietHours::new(from.parse().unwrap(), to.parse().unwrap()).unwrap();
            let zone = Zone::named(zone).unwrap();
            assert_eq!(quiet.ends(at(now), &zone), ends.map(at), "{zone:?} {from} {to} {now}");
        }
    }

    #[test]
    fn quiet_is_what_the_clock_on_the_wall_says() {
        // Minute by minute around both changes of the year: outside of overlaps the wall clock alone decides.
        let zone = Zone::named("Europe/Paris").unwrap();
        for (from, to) in [("22:00", "08:00"), ("01:00", "05:00"), ("02:15", "02:45"), ("23:30", "02:15")] {
            let quiet = QuietHours::new(from.parse().unwrap(), to.parse().unwrap()).unwrap();
            for start in ["2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z"] {
                for minute in 0..2 * 24 * 60 {
                    let now = Instant::from_millis(at(start).as_millis() + minute * 60_000);
                    let wall = zone.civil(now).millis;
                    let (from, to) = (quiet.from.as_millis(), quiet.to.as_millis());
                    let inside =
                        if from < to { from <= wall && wall < to } else { wall >= from || wall < to };
                    let is_quiet = quiet.ends(now, &zone).is_some();
                    assert!(!inside || is_quiet, "{from} {to} {now}");
                    // In the overlap the quiet time may be longer than the wall clock says.
                    let overlap = at("2026-10-25T00:00:00Z") <= now && now < at("2026-10-25T02:00:00Z");
                    assert!(inside || !is_quiet || overlap, "{from} {to} {now}");
                }
            }
        }
    }

    #[test]
    fn bad_times_are_refused() {
        for text in ["", "7", "24:00", "12:60", "12:00:60", "+1:00", "1:2:3:4", "noon", "007:00"] {
            assert!(text.parse::<LocalTime>().is_err(), "{text}");
        }
        assert_eq!("07:30:15".parse::<LocalTime>().unwrap().to_string(), "07:30:15");
        assert!(QuietHours::new("07:00".parse().unwrap(), "07:00".parse().unwrap()).is_err());
    }
}
