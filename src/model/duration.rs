use crate::model::Quoted;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A length of time in milliseconds. A day is exactly 24 h; calendars are for [`Zone`](crate::model::Zone).
///
/// Written as in the segment language: `90s`, `1h30m`, `30d`.
///
/// ```
/// use bespoke::model::Duration;
/// assert_eq!("1h30m".parse::<Duration>()?, Duration::minutes(90));
/// assert_eq!(Duration::minutes(90).to_string(), "1h30m");
///
/// let pause = std::time::Duration::from_secs(90);
/// assert_eq!((Duration::from(pause).to_string(), Duration::minutes(-5).to_std()), ("1m30s".into(), Default::default()));
/// # Ok::<(), bespoke::model::ParseDurationError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Duration(i64);

/// Units from the largest to the smallest, with their length in milliseconds.
const UNITS: [(&str, i64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl Duration {
    /// No time at all.
    pub const ZERO: Duration = Duration(0);

    /// So many milliseconds.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Duration {
        Duration(millis)
    }

    /// So many seconds; saturates.
    #[must_use]
    pub const fn seconds(n: i64) -> Duration {
        Duration(n.saturating_mul(1_000))
    }

    /// So many minutes; saturates.
    #[must_use]
    pub const fn minutes(n: i64) -> Duration {
        Duration(n.saturating_mul(60_000))
    }

    /// So many hours; saturates.
    #[must_use]
    pub const fn hours(n: i64) -> Duration {
        Duration(n.saturating_mul(3_600_000))
    }

    /// So many days of 24 h; saturates.
    #[must_use]
    pub const fn days(n: i64) -> Duration {
        Duration(n.saturating_mul(86_400_000))
    }

    /// Milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// As the standard library has it, for a host that sleeps so long; none at all where it is negative.
    #[must_use]
    pub const fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_millis(if self.0 < 0 { 0 } else { self.0 as u64 })
    }

    /// Milliseconds of one unit (`ms s m h d w`), or nothing.
    pub(crate) fn unit(name: &str) -> Option<i64> {
        UNITS.iter().find(|(unit, _)| *unit == name).map(|(_, millis)| *millis)
    }
}

/// Down to the millisecond; saturates.
impl From<std::time::Duration> for Duration {
    fn from(time: std::time::Duration) -> Duration {
        Duration(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
    }
}

impl std::ops::Add for Duration {
    type Output = Duration;
    fn add(self, other: Duration) -> Duration {
        Duration(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.unsigned_abs();
        if rest == 0 {
            return f.write_str("0s");
        }
        if self.0 < 0 {
            f.write_str("-")?;
        }
        // Weeks are read but not written: `30d` says more than `4w2d`.
        for (unit, millis) in &UNITS[1..] {
            let n = rest / millis.unsigned_abs();
            rest %= millis.unsigned_abs();
            if n > 0 {
                write!(f, "{n}{unit}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A text is not a duration.
///
/// ```
/// use bespoke::model::Duration;
/// let error = "90".parse::<Duration>().unwrap_err(); // 90 of what?
/// assert_eq!(error.to_string(), "`90` is not a duration; write it as `90s`, `1h30m` or `30d`");
/// assert_eq!("90m".parse(), Ok(Duration::minutes(90)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is not a duration; write it as `90s`, `1h30m` or `30d`", Quoted(.0))]
pub struct ParseDurationError(String);

impl FromStr for Duration {
    type Err = ParseDurationError;

    fn from_str(text: &str) -> Result<Duration, ParseDurationError> {
        let refused = || ParseDurationError(text.to_owned());
        let mut rest = text;
        let mut total = 0_i64;
        if rest.is_empty() {
            return Err(refused());
        }
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let number: i64 = rest[..digits].parse().map_err(|_| refused())?;
            rest = &rest[digits..];
            let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
            let millis = Duration::unit(&rest[..letters]).ok_or_else(refused)?;
            rest = &rest[letters..];
            total = number.checked_mul(millis).and_then(|ms| total.checked_add(ms)).ok_or_else(refused)?;
        }
        Ok(Duration(total))
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_and_show() {
        for (text, millis, shown) in [
            ("90s", 90_000, "1m30s"),
            ("1h30m", 5_400_000, "1h30m"),
            ("30d", 2_592_000_000, "30d"),
            ("1w", 604_800_000, "7d"),
            ("1500ms", 1_500, "1s500ms"),
            ("0s", 0, "0s"),
        ] {
            let duration: Duration = text.parse().unwrap();
            assert_eq!(duration.as_millis(), millis, "{text}");
            assert_eq!(duration.to_string(), shown);
            assert_eq!(shown.parse::<Duration>().unwrap(), duration);
        }
        for text in
            ["", "7", "d", "7 d", "-1d", "1.5h", "7x", "99999999999999999999d", "9223372036854775807w"]
        {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
    }
}
