use crate::model::Civil;
use serde::{Serialize, Serializer};
use std::fmt;

/// How many there are: 24 of working days, 24 of weekends.
pub(super) const HOURS: usize = 48;

const OF_DAY: u8 = 24;

/// An hour by the clock on the wall, of a working day (Monday to Friday) or of the weekend.
///
/// ```
/// use bespoke::model::{Instant, Zone};
/// use bespoke::predict::LocalHour;
/// let paris = Zone::named("Europe/Paris").unwrap();
/// let saturday: Instant = "2026-11-28T18:30:00Z".parse()?;
/// let hour = LocalHour::of(paris.civil(saturday));
/// assert_eq!((hour.hour(), hour.is_weekend()), (19, true));
/// assert_eq!(hour.to_string(), "19h at weekends");
/// assert_eq!(LocalHour::new(19, true), Some(hour));
/// # Ok::<(), bespoke::model::ParseInstantError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalHour(u8);

impl LocalHour {
    /// The hour from 0 to 23, of the weekend or of a working day; nothing from 24 on.
    #[must_use]
    pub const fn new(hour: u8, is_weekend: bool) -> Option<LocalHour> {
        match (hour < OF_DAY, is_weekend) {
            (true, false) => Some(LocalHour(hour)),
            (true, true) => Some(LocalHour(OF_DAY + hour)),
            (false, _) => None,
        }
    }

    /// The hour that a clock on the wall shows.
    #[must_use]
    pub const fn of(civil: Civil) -> LocalHour {
        let hour = civil.hour().rem_euclid(OF_DAY as i32) as u8;
        LocalHour(if civil.weekday() >= 5 { OF_DAY + hour } else { hour })
    }

    /// 0 to 23.
    #[must_use]
    pub const fn hour(self) -> u8 {
        self.0 % OF_DAY
    }

    /// Whether it is of a Saturday or Sunday.
    #[must_use]
    pub const fn is_weekend(self) -> bool {
        self.0 >= OF_DAY
    }

    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }

    /// All of them, in order.
    pub(super) fn all() -> impl ExactSizeIterator<Item = LocalHour> {
        (0..HOURS as u8).map(LocalHour)
    }

    /// The hour so many later on a day of the same kind, round the clock.
    pub(super) fn later(self, by: i8) -> LocalHour {
        let hour = (self.hour() as i8 + by).rem_euclid(OF_DAY as i8) as u8;
        LocalHour(self.0 - self.hour() + hour)
    }

    /// The share of all hours of a week that are such an hour.
    pub(super) const fn share(self) -> f64 {
        (if self.is_weekend() { 2.0 } else { 5.0 }) / 168.0
    }
}

impl fmt::Display for LocalHour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = if self.is_weekend() { "at weekends" } else { "on working days" };
        write!(f, "{}h {days}", self.hour())
    }
}

impl fmt::Debug for LocalHour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for LocalHour {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Instant, Zone};

    #[test]
    fn hours_are_those_of_the_wall() {
        let paris = Zone::named("Europe/Paris").unwrap();
        for (at, shown) in [
            ("2026-11-27T22:59:59Z", "23h on working days"), // Friday
            ("2026-11-27T23:00:00Z", "0h at weekends"),
            ("2026-11-29T22:30:00Z", "23h at weekends"),
            ("2026-11-29T23:00:00Z", "0h on working days"),
        ] {
            let at: Instant = at.parse().unwrap();
            assert_eq!(LocalHour::of(paris.civil(at)).to_string(), shown, "{at}");
        }
        assert_eq!(LocalHour::new(24, true), None);
        let shares: f64 = LocalHour::all().map(LocalHour::share).sum();
        assert!((shares - 1.0).abs() < 1e-12);
    }

    #[test]
    fn neighbours_are_of_the_same_kind_of_day() {
        let midnight = LocalHour::new(0, true).unwrap();
        assert_eq!(midnight.later(-1), LocalHour::new(23, true).unwrap());
        assert_eq!(midnight.later(-1).later(2), LocalHour::new(1, true).unwrap());
        assert_eq!(LocalHour::new(23, false).unwrap().later(1), LocalHour::new(0, false).unwrap());
    }
}
