use crate::model::{Duration, Quoted};
use jiff::Timestamp;
use jiff::fmt::temporal::Pieces;
use serde::{Deserialize, Deserializer, Serialize, de};
use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970-01-01T00:00:00Z. The only kind of instant in the crate.
///
/// Arithmetic saturates at [`Instant::MIN`] and [`Instant::MAX`]: an instant beyond them cannot be written
/// as a date, so it is as good as never.
///
/// ```
/// use bespoke::model::{Duration, Instant};
/// let noon: Instant = "2026-11-23T12:00:00+01:00".parse()?;
/// assert_eq!(noon + Duration::hours(1), "2026-11-23T12:00:00Z".parse()?);
/// assert_eq!(noon.to_string(), "2026-11-23T11:00:00Z");
/// # Ok::<(), bespoke::model::ParseInstantError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(transparent)]
pub struct Instant(i64);

/// From milliseconds; beyond the limits they are refused, as no date can be written of them.
impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Instant, D::Error> {
        let millis = i64::deserialize(from)?;
        let error =
            || format!("{millis} ms lie outside of the years 1 to 9999: are they milliseconds since 1970?");
        Instant::checked_from_millis(millis).ok_or_else(|| de::Error::custom(error()))
    }
}

impl Instant {
    /// 0001-01-01T00:00:00Z, the first instant that RFC 3339 can write.
    pub const MIN: Instant = Instant(-62_135_596_800_000);
    /// 9999-12-30T00:00:00Z: the last day is left out, so that every zone can write every instant.
    pub const MAX: Instant = Instant(253_402_128_000_000);

    /// The instant so many milliseconds after 1970-01-01T00:00:00Z; beyond the limits, the limit.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Instant {
        if millis < Self::MIN.0 {
            Self::MIN
        } else if millis > Self::MAX.0 {
            Self::MAX
        } else {
            Instant(millis)
        }
    }

    /// The same, or nothing where the number lies beyond [`Instant::MIN`] and [`Instant::MAX`].
    #[must_use]
    pub const fn checked_from_millis(millis: i64) -> Option<Instant> {
        if millis < Self::MIN.0 || millis > Self::MAX.0 { None } else { Some(Instant(millis)) }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    pub(crate) fn to_jiff(self) -> Timestamp {
        Timestamp::from_millisecond(self.0).expect("`MIN` and `MAX` lie within what jiff can write")
    }

    /// Rounds down to the millisecond, also before 1970.
    pub(crate) fn from_jiff(timestamp: Timestamp) -> Instant {
        let millis = timestamp.as_nanosecond().div_euclid(1_000_000);
        Instant::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
    }
}

/// What the host's clock says, down to the millisecond: `Instant::from(SystemTime::now())`.
impl From<SystemTime> for Instant {
    fn from(time: SystemTime) -> Instant {
        match time.duration_since(UNIX_EPOCH) {
            Ok(since) => Instant::default() + since.into(),
            Err(before) => {
                // The millisecond in which it lies began before it.
                let before = before.duration();
                let part = i64::from(before.subsec_nanos() % 1_000_000 != 0);
                Instant::default() - Duration::from(before) - Duration::from_millis(part)
            }
        }
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;
    fn add(self, duration: Duration) -> Instant {
        Instant::from_millis(self.0.saturating_add(duration.as_millis()))
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;
    fn sub(self, duration: Duration) -> Instant {
        Instant::from_millis(self.0.saturating_sub(duration.as_millis()))
    }
}

impl Sub for Instant {
    type Output = Duration;
    fn sub(self, earlier: Instant) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_jiff())
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A text is not an RFC 3339 instant.
///
/// ```
/// use bespoke::model::Instant;
/// let error = "2026-11-23".parse::<Instant>().unwrap_err(); // a day is no instant: where does it begin?
/// assert_eq!(error.to_string(), "`2026-11-23` is not an instant; write it as `2026-11-23T10:00:00Z`");
/// assert!("2026-11-23T00:00:00+01:00".parse::<Instant>().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is not an instant; write it as `2026-11-23T10:00:00Z`", Quoted(.0))]
pub struct ParseInstantError(String);

/// An instant of the years 1 to 9999 that lies beyond the limits is the limit: `9999-12-31T23:59:59Z` stands for never in
/// many systems.
impl FromStr for Instant {
    type Err = ParseInstantError;

    fn from_str(text: &str) -> Result<Instant, ParseInstantError> {
        let known = text.parse::<Timestamp>().ok().map(Instant::from_jiff);
        // Years before the first one lie beyond the limit too, and are none that RFC 3339 can write.
        let is_written = |at: &Instant| *at != Instant::MIN || text.starts_with("0001-");
        known.filter(is_written).or_else(|| never(text)).ok_or_else(|| ParseInstantError(text.to_owned()))
    }
}

/// The last limit, for an instant of the year 9999 that no timestamp can hold.
fn never(text: &str) -> Option<Instant> {
    let pieces = Pieces::parse(text).ok()?;
    let is_whole =
        pieces.time().is_some() && pieces.offset().is_some() && pieces.time_zone_annotation().is_none();
    (is_whole && pieces.date().year() == 9999).then_some(Instant::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_and_show() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-11-23T10:00:00.123Z", 1_795_428_000_123),
            ("2026-11-23T10:00:00.1239Z", 1_795_428_000_123),
            ("1969-12-31T23:59:59.9995Z", -1),
            ("2026-11-23T10:00:00+01:00", 1_795_424_400_000),
        ] {
            let instant: Instant = text.parse().unwrap();
            assert_eq!(instant.as_millis(), millis, "{text}");
            assert_eq!(instant.to_string().parse::<Instant>().unwrap(), instant);
        }
        for text in ["", "yesterday", "2026-13-01T00:00:00Z", "2026-11-23", "-5000-01-01T00:00:00Z"] {
            assert!(text.parse::<Instant>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_lies_beyond_the_limits_is_as_good_as_never() {
        for (text, limit) in [
            ("9999-12-31T23:59:59Z", Instant::MAX),
            ("9999-12-31T23:59:59.999999999-12:00", Instant::MAX),
            ("9999-12-30T00:00:00Z", Instant::MAX),
            ("0001-01-01T00:00:00Z", Instant::MIN),
            ("0001-01-01T00:00:00+14:00", Instant::MIN),
        ] {
            assert_eq!(text.parse::<Instant>().unwrap(), limit, "{text}");
        }
        for text in ["9999-12-31", "9999-12-31T23:59:59", "9999-12-32T00:00:00Z", "9999-12-31T23:59:59Z[UTC]"]
        {
            assert!(text.parse::<Instant>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_the_clock_of_the_host_says() {
        let nanos = std::time::Duration::from_nanos;
        for (time, millis) in [
            (UNIX_EPOCH, 0),
            (UNIX_EPOCH + nanos(1_795_428_000_123_999_999), 1_795_428_000_123),
            (UNIX_EPOCH - nanos(1), -1),
            (UNIX_EPOCH - nanos(1_000_000), -1),
            (UNIX_EPOCH - nanos(1_000_001), -2),
        ] {
            assert_eq!(Instant::from(time).as_millis(), millis, "{time:?}");
        }
        let far = std::time::Duration::from_secs(i64::MAX as u64 / 2);
        assert_eq!(UNIX_EPOCH.checked_add(far).map(Instant::from), Some(Instant::MAX));
        assert_eq!(UNIX_EPOCH.checked_sub(far).map(Instant::from), Some(Instant::MIN));
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Instant::MAX + Duration::days(1), Instant::MAX);
        assert_eq!(Instant::from_millis(i64::MIN), Instant::MIN);
        assert_eq!((Instant::MIN - Duration::from_millis(i64::MAX)).as_millis(), Instant::MIN.as_millis());
    }
}
