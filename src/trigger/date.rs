use super::LocalTime;
use crate::model::{Civil, Duration, Instant, Zone, in_year, year_of};

#[cfg(test)]
mod test;

const DAY_MILLIS: i64 = 86_400_000;

/// When a date that is known of a user is due: the date itself, or its anniversaries, so much before or after, or at a
/// time of that day.
///
/// A rule with neither `yearly` nor `at` is about an instant, so its offset is exact. Otherwise it is about the clock on
/// the user's wall: a day before is the same local time of the day before, whatever the clocks do in between. Who is born
/// on 29 February has an anniversary on the 28th where there is no 29th.
///
/// ```
/// use bespoke::model::{Duration, Instant, Zone};
/// use bespoke::trigger::DateRule;
/// let eve = DateRule { offset: Duration::days(-1), yearly: true, at: "09:00".parse().ok() };
/// let born: Instant = "2000-02-29T10:00:00Z".parse()?;
/// let now: Instant = "2026-11-23T10:00:00Z".parse()?;
/// let next = eve.after(born, now, &Zone::UTC).unwrap();
/// assert_eq!(next.to_string(), "2027-02-27T09:00:00Z");
/// # Ok::<(), bespoke::model::ParseInstantError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DateRule {
    /// So much after; before, where it is negative.
    pub offset: Duration,
    /// Every year from that of the date on.
    pub yearly: bool,
    /// At this time of the local day rather than at that of the date.
    pub at: Option<LocalTime>,
}

impl DateRule {
    /// The first instant after `now` at which `date` is due; nothing where none is to come. About a microsecond.
    #[must_use]
    pub fn after(&self, date: Instant, now: Instant, zone: &Zone) -> Option<Instant> {
        let Civil { day, millis } = zone.civil(date);
        let time = self.at.map_or(i64::from(millis), |at| i64::from(at.as_millis()));
        let on = |day: i32| {
            let millis = time.saturating_add(self.offset.as_millis());
            let days = millis.div_euclid(DAY_MILLIS).clamp(i32::MIN.into(), i32::MAX.into()) as i32;
            zone.instant(day.saturating_add(days), millis.rem_euclid(DAY_MILLIS) as i32)
        };
        if self.yearly {
            let (first, this) = (year_of(day), year_of(zone.civil(now - self.offset).day));
            // An offset may lead over the year's end, and so may the zone.
            let years = first.max(this.saturating_sub(1))..=first.max(this.saturating_add(2));
            return years.map(|year| on(in_year(day, year))).find(|at| *at > now);
        }
        let due = if self.at.is_some() { on(day) } else { date + self.offset };
        Some(due).filter(|due| *due > now)
    }
}
