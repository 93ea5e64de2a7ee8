use super::{LocalTime, QuietHours};
use crate::model::{Instant, Zone};

#[cfg(test)]
pub(super) mod test;

/// Which local day a [`LocalRule`] means.
///
/// ```
/// # use bespoke::{model::{Instant, Zone}, trigger::{LocalDay, LocalRule, LocalTime}};
/// let monday: Instant = "2026-11-23T12:00:00Z".parse()?;
/// let nine: LocalTime = "09:00".parse()?;
/// let meant = |day| LocalRule { day, at: nine }.after(monday, &Zone::UTC).to_string();
/// assert_eq!(meant(LocalDay::Next), "2026-11-24T09:00:00Z");
/// assert_eq!(meant(LocalDay::Weekday(0)), "2026-11-30T09:00:00Z"); // nine o'clock of this Monday is over
/// assert_eq!(meant(LocalDay::In(0)), "2026-11-23T12:00:00Z"); // today all the same: at once
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LocalDay {
    /// The first on which its time has not passed.
    Next,
    /// So many days after the one that it is: 0 for today.
    In(i32),
    /// The first of this weekday, 0 for Monday to 6 for Sunday, on which its time has not passed.
    Weekday(u8),
}

/// A time of day on a local day, to be found in a user's zone.
///
/// A time that the clocks skip moves forward by as much as they do; of a time that they show twice, the first counts.
/// So each rule has exactly one instant on each local date.
///
/// ```
/// use bespoke::model::{Instant, Zone};
/// use bespoke::trigger::{LocalDay, LocalRule};
/// let evening = LocalRule { day: LocalDay::Next, at: "19:00".parse()? };
/// let paris = Zone::named("Europe/Paris").unwrap();
/// let after = |now: &str| evening.after(now.parse().unwrap(), &paris).to_string();
/// assert_eq!(after("2026-11-23T17:00:00Z"), "2026-11-23T18:00:00Z");
/// assert_eq!(after("2026-11-23T18:00:01Z"), "2026-11-24T18:00:00Z");
///
/// let night = LocalRule { day: LocalDay::In(1), at: "02:30".parse()? };
/// let after = |now: &str| night.after(now.parse().unwrap(), &paris).to_string();
/// assert_eq!(after("2026-03-28T12:00:00Z"), "2026-03-29T01:30:00Z"); // 02:00–03:00 is skipped: 03:30
/// assert_eq!(after("2026-10-24T12:00:00Z"), "2026-10-25T00:30:00Z"); // the first 02:30
/// # Ok::<(), bespoke::trigger::ParseLocalTimeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LocalRule {
    /// On which day.
    pub day: LocalDay,
    /// When, by the clock on the wall.
    pub at: LocalTime,
}

impl LocalRule {
    /// The instant that the rule means as seen from `now`; `now` where that one has passed, as the time of a day that is
    /// fixed may have. A few local times are looked up in the zone: about a microsecond.
    #[must_use]
    pub fn after(self, now: Instant, zone: &Zone) -> Instant {
        let today = zone.civil(now).day;
        let on = |day: i32| zone.instant(day, self.at.as_millis() as i32);
        // A time of yesterday may be still to come, where the clocks skip the midnight after it.
        let mut days = today.saturating_sub(1)..=today.saturating_add(7);
        let found = match self.day {
            LocalDay::In(days) => Some(on(today.saturating_add(days))),
            LocalDay::Next => days.map(on).find(|at| *at >= now),
            LocalDay::Weekday(weekday) => {
                let is_named = |day: &i32| (*day + 3).rem_euclid(7) == i32::from(weekday);
                days.by_ref().filter(is_named).map(on).find(|at| *at >= now)
            }
        };
        found.unwrap_or(Instant::MAX).max(now)
    }
}

/// The part of each local day in which something may happen: from one local time up to another, past midnight where the
/// first is the later one. The rest of the day is as [`QuietHours`] are, so what the clocks skip or show twice is left
/// out rather than counted in.
///
/// ```
/// use bespoke::model::{Instant, Zone};
/// use bespoke::trigger::LocalWindow;
/// let evening = LocalWindow::new("17:00".parse()?, "21:30".parse()?).unwrap();
/// let opens = |now: &str| evening.opens(now.parse().unwrap(), &Zone::UTC).to_string();
/// assert_eq!(opens("2026-11-23T12:00:00Z"), "2026-11-23T17:00:00Z");
/// assert_eq!(opens("2026-11-23T18:20:00Z"), "2026-11-23T18:20:00Z"); // it is open
/// assert_eq!(opens("2026-11-23T21:30:00Z"), "2026-11-24T17:00:00Z");
/// # Ok::<(), bespoke::trigger::ParseLocalTimeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LocalWindow {
    rest: QuietHours,
}

impl LocalWindow {
    /// From one local time up to another; nothing where both are the same.
    #[must_use]
    pub fn new(from: LocalTime, to: LocalTime) -> Option<LocalWindow> {
        QuietHours::new(to, from).ok().map(|rest| LocalWindow { rest })
    }

    /// When it opens.
    #[must_use]
    pub const fn from(self) -> LocalTime {
        self.rest.to()
    }

    /// When it closes; at that time it is closed.
    #[must_use]
    pub const fn to(self) -> LocalTime {
        self.rest.from()
    }

    /// The first instant from `now` on at which it is open: `now` where it is.
    #[must_use]
    pub fn opens(self, now: Instant, zone: &Zone) -> Instant {
        self.rest.ends(now, zone).unwrap_or(now)
    }
}
