use crate::model::{Instant, Quoted, Zone};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

#[cfg(test)]
mod test;

const SECOND: u32 = 1_000;
const MINUTE: u32 = 60 * SECOND;
const HOUR: u32 = 60 * MINUTE;
const DAY: u32 = 24 * HOUR;

/// A time of day by the clock on the wall, to the millisecond. Written `22:00`, `07:30:15` or `07:30:15.250`.
///
/// ```
/// use bespoke::trigger::LocalTime;
/// let time: LocalTime = "07:30:15".parse()?;
/// assert_eq!((time.as_millis(), time.to_string()), (27_015_000, "07:30:15".to_owned()));
/// assert_eq!(LocalTime::at(22, 0), "22:00".parse().ok());
/// assert!("24:00".parse::<LocalTime>().is_err());
/// # Ok::<(), bespoke::trigger::ParseLocalTimeError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LocalTime(u32);

impl LocalTime {
    /// 00:00.
    pub const MIDNIGHT: LocalTime = LocalTime(0);

    /// So many milliseconds after 00:00; nothing from 24 h on.
    #[must_use]
    pub const fn from_millis(millis: u32) -> Option<LocalTime> {
        if millis < DAY { Some(LocalTime(millis)) } else { None }
    }

    /// A full minute of the day; nothing where the hour is past 23 or the minute past 59.
    #[must_use]
    pub const fn at(hour: u32, minute: u32) -> Option<LocalTime> {
        if hour < 24 && minute < 60 { Some(LocalTime(hour * HOUR + minute * MINUTE)) } else { None }
    }

    /// Milliseconds after 00:00 by the clock on the wall: less than 86 400 000.
    #[must_use]
    pub const fn as_millis(self) -> u32 {
        self.0
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / HOUR, self.0 / MINUTE % 60)?;
        match (self.0 / SECOND % 60, self.0 % SECOND) {
            (0, 0) => Ok(()),
            (seconds, 0) => write!(f, ":{seconds:02}"),
            (seconds, millis) => write!(f, ":{seconds:02}.{millis:03}"),
        }
    }
}

impl fmt::Debug for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A text is not a time of day.
///
/// ```
/// use bespoke::trigger::LocalTime;
/// let error = "7:30".parse::<LocalTime>().unwrap_err(); // hours have two digits
/// assert!(error.to_string().starts_with("`7:30` is not a time of day; write it as `22:00` or `07:30:15`"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is not a time of day; write it as `22:00` or `07:30:15`, from `00:00` to `23:59:59`", Quoted(.0))]
pub struct ParseLocalTimeError(String);

impl FromStr for LocalTime {
    type Err = ParseLocalTimeError;

    fn from_str(text: &str) -> Result<LocalTime, ParseLocalTimeError> {
        parse(text).ok_or_else(|| ParseLocalTimeError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<LocalTime> {
    let (minutes, rest) = text.split_at_checked(5)?;
    let (hour, minute) = minutes.split_once(':')?;
    let time = LocalTime::at(digits(hour, 2)?, digits(minute, 2)?)?;
    if rest.is_empty() {
        return Some(time);
    }
    let (second, millis) = match rest.strip_prefix(':')?.split_once('.') {
        Some((second, millis)) => (second, digits(millis, 3)?),
        None => (rest.strip_prefix(':')?, 0),
    };
    let second = digits(second, 2).filter(|second| *second < 60)?;
    Some(LocalTime(time.0 + second * SECOND + millis))
}

/// The number that exactly `count` ASCII digits write.
fn digits(text: &str, count: usize) -> Option<u32> {
    if text.len() == count && text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

impl Serialize for LocalTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LocalTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<LocalTime, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The hours in which a user is left in peace: from one local time up to another, past midnight where the first
/// is the later one. The begin is quiet, the end is not.
///
/// When the clocks change, the longer reading counts: a time that they skip is where they skip it, to the end of
/// the gap; of a time that they show twice, quiet begins at the first and ends at the second.
///
/// ```
/// use bespoke::model::{Instant, Zone};
/// use bespoke::trigger::QuietHours;
/// let night = QuietHours::new("22:00".parse()?, "02:30".parse()?)?;
/// let paris = Zone::named("Europe/Paris").unwrap();
/// let ends = |now: &str| night.ends(now.parse().unwrap(), &paris).map(|end| end.to_string());
/// assert_eq!(ends("2026-11-23T20:59:59Z"), None);                                  // 21:59:59 in Paris
/// assert_eq!(ends("2026-11-23T21:00:00Z"), Some("2026-11-24T01:30:00Z".into()));
/// assert_eq!(ends("2026-03-28T21:00:00Z"), Some("2026-03-29T01:00:00Z".into()));   // 02:00–03:00 is skipped
/// assert_eq!(ends("2026-10-24T21:00:00Z"), Some("2026-10-25T01:30:00Z".into()));   // the second 02:30
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QuietHours {
    from: LocalTime,
    to: LocalTime,
}

/// Why quiet hours were refused.
///
/// ```
/// use bespoke::trigger::{QuietHours, QuietHoursError};
/// let same = QuietHours::new("08:00".parse()?, "08:00".parse()?);
/// assert_eq!(same, Err(QuietHoursError::Empty("08:00".parse()?)));
/// let text = same.unwrap_err().to_string();
/// assert_eq!(text, "quiet hours begin and end at `08:00`; leave them out for never, or give two different times");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuietHoursError {
    /// Both ends are the same time, which could mean never as well as always.
    #[error("quiet hours begin and end at `{0}`; leave them out for never, or give two different times")]
    Empty(LocalTime),
}

impl QuietHours {
    /// Quiet at `from` and after, up to `to`.
    ///
    /// # Errors
    /// [`QuietHoursError::Empty`] where both are the same time.
    pub const fn new(from: LocalTime, to: LocalTime) -> Result<QuietHours, QuietHoursError> {
        if from.0 == to.0 { Err(QuietHoursError::Empty(from)) } else { Ok(QuietHours { from, to }) }
    }

    /// The local time at which quiet begins.
    #[must_use]
    pub const fn from(self) -> LocalTime {
        self.from
    }

    /// The local time at which it ends, the next day where that is the earlier one.
    #[must_use]
    pub const fn to(self) -> LocalTime {
        self.to
    }

    /// The instant at which the quiet time that `now` lies in ends; nothing where `now` is not quiet.
    ///
    /// At that instant it is not quiet: where a change of the clocks lets one night run into the next, it is the
    /// end of both. A few local times are looked up in the zone: about a microsecond.
    #[must_use]
    pub fn ends(&self, now: Instant, zone: &Zone) -> Option<Instant> {
        let today = zone.civil(now).day;
        let mut end = now;
        // Yesterday's night may last until now. Tomorrow's may have begun, where the clocks went back over
        // midnight, or begins in the gap that swallows the end of today's.
        for day in today - 1..=today + 1 {
            let (begins, ends) = self.on(day, zone);
            if begins <= end && end < ends {
                end = ends;
            }
        }
        (end > now).then_some(end)
    }

    /// The quiet time that begins on a local day.
    fn on(self, day: i32, zone: &Zone) -> (Instant, Instant) {
        let last_day = if self.to < self.from { day + 1 } else { day };
        (zone.reaches_first(day, self.from.0 as i32), zone.reaches_last(last_day, self.to.0 as i32))
    }
}
