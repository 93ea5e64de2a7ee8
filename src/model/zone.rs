use crate::model::{Duration, Instant};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, AmbiguousTimestamp, TimeZone, TimeZoneDatabase};
use jiff::{Span, ToSpan, ZonedDateTime};
use std::fmt;

/// A time zone with its calendar: what day, hour and week it is for a user.
///
/// Zones come from the database that is bundled with the crate, so every machine has the same.
///
/// ```
/// use bespoke::model::{Instant, Period, Zone};
/// let paris = Zone::named("Europe/Paris").unwrap();
/// let at: Instant = "2026-03-29T10:00:00Z".parse().unwrap();
/// // The clocks went forward that night: the day began an hour earlier, in UTC, than it will end.
/// assert_eq!(paris.period_start(Period::Day, at, 0).to_string(), "2026-03-28T23:00:00Z");
/// assert_eq!(paris.period_start(Period::Day, at, 1).to_string(), "2026-03-29T22:00:00Z");
/// ```
#[derive(Clone, PartialEq)]
pub struct Zone(TimeZone);

/// A local calendar period.
///
/// ```
/// use bespoke::model::{Instant, Period, Zone};
/// let paris = Zone::named("Europe/Paris").ok_or("no such zone")?;
/// let at: Instant = "2026-03-15T12:00:00Z".parse()?; // a Sunday
/// assert_eq!(paris.period_start(Period::Week, at, 0), "2026-03-08T23:00:00Z".parse()?); // Monday, 00:00 in Paris
/// let (begins, ends) = (paris.period_start(Period::Month, at, 0), paris.period_start(Period::Month, at, 1));
/// assert_eq!((ends - begins).to_string(), "30d23h"); // an hour is skipped in March
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Period {
    /// From midnight to midnight.
    Day,
    /// From Monday to Sunday.
    Week,
    /// A calendar month.
    Month,
    /// A calendar year.
    Year,
}

/// What the clock on the wall shows at an instant.
///
/// ```
/// use bespoke::model::{Instant, Zone};
/// let kolkata = Zone::named("Asia/Kolkata").ok_or("no such zone")?;
/// let at: Instant = "2026-11-22T20:00:00Z".parse()?; // a Sunday in UTC
/// let civil = kolkata.civil(at); // Monday, 01:30
/// assert_eq!((civil.weekday(), civil.hour()), (0, 1));
/// assert_eq!(kolkata.instant(civil.day, civil.millis), at);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// Days since 1970-01-01 in the local calendar.
    pub day: i32,
    /// Milliseconds since 00:00, by the clock on the wall.
    pub millis: i32,
}

const DAY_MILLIS: i64 = 86_400_000;
const HOUR_MILLIS: i64 = 3_600_000;

impl Civil {
    /// 0 for Monday to 6 for Sunday.
    #[must_use]
    pub const fn weekday(self) -> usize {
        ((self.day.rem_euclid(7) + 3) % 7) as usize
    }

    /// 0 to 23.
    #[must_use]
    pub const fn hour(self) -> i32 {
        self.millis / HOUR_MILLIS as i32
    }
}

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Zone = Zone(TimeZone::UTC);

    /// The zone of an IANA name such as `Europe/Paris`; nothing where there is none of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Zone> {
        TimeZoneDatabase::bundled().get(name).ok().map(Zone)
    }

    /// All names that [`named`](Zone::named) knows, for suggestions.
    pub(crate) fn names() -> Vec<String> {
        TimeZoneDatabase::bundled().available().map(|name| name.as_str().to_owned()).collect()
    }

    /// Its IANA name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    fn offset_millis(&self, at: Instant) -> i64 {
        i64::from(self.0.to_offset(at.to_jiff()).seconds()) * 1_000
    }

    /// What the clock on the wall shows.
    #[must_use]
    pub fn civil(&self, at: Instant) -> Civil {
        let local = at.as_millis() + self.offset_millis(at);
        Civil { day: local.div_euclid(DAY_MILLIS) as i32, millis: local.rem_euclid(DAY_MILLIS) as i32 }
    }

    /// What the clock and the calendar on the wall show, in a format of `strftime`: `%d.%m. %H:%M`. Nothing of a format that
    /// cannot be read.
    ///
    /// ```
    /// use bespoke::model::Zone;
    /// let paris = Zone::named("Europe/Paris").ok_or("no such zone")?;
    /// assert_eq!(paris.format("2026-07-04T18:00:00Z".parse()?, "%A, %-d %B, %H:%M").as_deref(), Some("Saturday, 4 July, 20:00"));
    /// assert_eq!(paris.format("2026-07-04T18:00:00Z".parse()?, "%"), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn format(&self, at: Instant, format: &str) -> Option<String> {
        jiff::fmt::strtime::format(format, &ZonedDateTime::new(at.to_jiff(), self.0.clone())).ok()
    }

    /// The instant at which a day's clock shows `millis` after 00:00. A time that the clocks skip moves forward
    /// by as much as they do; of a time that they show twice, the first.
    #[must_use]
    pub fn instant(&self, day: i32, millis: i32) -> Instant {
        let local = self.0.to_ambiguous_timestamp(local(day, millis));
        local.compatible().map_or(Instant::MAX, Instant::from_jiff)
    }

    /// The instant at which a day's clock reaches `millis` after 00:00. Of a time that it shows twice, the first;
    /// for a time that it skips, the end of the gap, where [`instant`](Zone::instant) would move on into the hour.
    #[must_use]
    pub fn reaches_first(&self, day: i32, millis: i32) -> Instant {
        let local = self.0.to_ambiguous_timestamp(local(day, millis));
        self.gap_end(&local).or_else(|| local.earlier().ok().map(Instant::from_jiff)).unwrap_or(Instant::MAX)
    }

    /// The same, but of a time that the clock shows twice, the second.
    #[must_use]
    pub fn reaches_last(&self, day: i32, millis: i32) -> Instant {
        let local = self.0.to_ambiguous_timestamp(local(day, millis));
        self.gap_end(&local).or_else(|| local.later().ok().map(Instant::from_jiff)).unwrap_or(Instant::MAX)
    }

    /// Where the clocks skip a local time, the instant at which they do.
    fn gap_end(&self, local: &AmbiguousTimestamp) -> Option<Instant> {
        let AmbiguousOffset::Gap { after, .. } = local.offset() else { return None };
        // By the offset after the gap the time lies before it, by less than the gap is long.
        let before = local.earlier().ok()?;
        // A transition may change no more than the zone's abbreviation, so a few are looked at.
        let mut transitions = self.0.following(before).take(4);
        transitions.find(|next| next.offset() == after).map(|next| Instant::from_jiff(next.timestamp()))
    }

    /// The first instant of a local day.
    #[must_use]
    pub fn start_of_day(&self, day: i32) -> Instant {
        self.instant(day, 0)
    }

    /// The first instant of the period that `at` lies in, moved by `shift` whole periods.
    #[must_use]
    pub fn period_start(&self, period: Period, at: Instant, shift: i32) -> Instant {
        let day = self.civil(at).day;
        self.start_of_day(match period {
            Period::Day => day.saturating_add(shift),
            Period::Week => {
                let monday = day - self.civil(at).weekday() as i32;
                monday.saturating_add(shift.saturating_mul(7))
            }
            Period::Month => day_number(date(day).first_of_month().saturating_add(months(shift))),
            Period::Year => day_number(date(day).first_of_year().saturating_add(years(shift))),
        })
    }

    /// The next instant after `at` at which the zone's offset changes; [`Instant::MAX`] where none is known.
    #[must_use]
    pub fn next_transition(&self, at: Instant) -> Instant {
        let next = self.0.following(at.to_jiff()).next();
        next.map_or(Instant::MAX, |transition| Instant::from_jiff(transition.timestamp()))
    }

    /// An instant after `at`, at or before the one at which the local hour changes.
    #[must_use]
    pub fn next_hour(&self, at: Instant) -> Instant {
        let passed = i64::from(self.civil(at).millis) % HOUR_MILLIS;
        (at + Duration::from_millis(HOUR_MILLIS - passed)).min(self.next_transition(at))
    }

    /// An instant after `at`, at or before the one at which the local day changes.
    #[must_use]
    pub fn next_day(&self, at: Instant) -> Instant {
        let tomorrow = self.civil(at).day + 1;
        // Where clocks go back over midnight a day is entered twice.
        let first = self.start_of_day(tomorrow);
        let start = if first > at { first } else { self.reaches_last(tomorrow, 0) };
        let transition = self.next_transition(at);
        if start > at { start.min(transition) } else { transition }
    }

    /// Full years from the day of `birth` to the day of `now`, with the next instant at which that may change.
    /// Who is born on 29 February is a year older on the 28th where there is no 29th.
    #[must_use]
    pub fn age(&self, birth: Instant, now: Instant) -> (i64, Instant) {
        let (born, today) = (date(self.civil(birth).day), date(self.civil(now).day));
        let mut full = i32::from(today.year()) - i32::from(born.year());
        if full > 0 && born.saturating_add(years(full)) > today {
            full -= 1;
        }
        if born > today {
            // Not born yet: full years until then, as a negative number.
            full = -self.age(now, birth).0 as i32;
            return (full.into(), self.next_day(now));
        }
        let birthday = self.start_of_day(day_number(born.saturating_add(years(full + 1))));
        (full.into(), if birthday > now { birthday } else { self.next_day(now) })
    }

    /// Whether the day of `now` has the day and month of `date`'s day (29 February counts on the 28th in other
    /// years), with the next instant at which that may change.
    #[must_use]
    pub fn is_anniversary(&self, instant: Instant, now: Instant) -> (bool, Instant) {
        let (first, today) = (self.civil(instant).day, self.civil(now).day);
        let this_year = in_year(first, year_of(today));
        if this_year == today {
            return (true, self.next_day(now));
        }
        let next = if this_year > today { this_year } else { in_year(first, year_of(today) + 1) };
        let start = self.start_of_day(next);
        (false, if start > now { start } else { self.next_day(now) })
    }
}

/// The calendar's year of a day number.
pub(crate) fn year_of(day: i32) -> i32 {
    date(day).year().into()
}

/// The same day and month of another year; 29 February is the 28th where there is no 29th.
pub(crate) fn in_year(day: i32, year: i32) -> i32 {
    let first = date(day);
    let year = year.clamp(Date::MIN.year().into(), Date::MAX.year().into()) as i16;
    let last = Date::new(year, first.month(), 1).map_or(28, |month| month.days_in_month());
    day_number(Date::new(year, first.month(), first.day().min(last)).unwrap_or(Date::MAX))
}

/// The local calendar's date of a day number; beyond what a calendar can write, its first or last day.
pub(crate) fn date(day: i32) -> Date {
    Date::constant(1970, 1, 1).saturating_add(Span::new().days(day.clamp(-4_371_587, 2_932_896)))
}

fn local(day: i32, millis: i32) -> DateTime {
    date(day).to_datetime(Time::midnight()).saturating_add(Span::new().milliseconds(millis))
}

/// Days since 1970-01-01.
pub(crate) fn day_number(date: Date) -> i32 {
    date.since(Date::constant(1970, 1, 1)).map_or(i32::MAX, |span| span.get_days())
}

fn months(n: i32) -> Span {
    n.clamp(-100_000, 100_000).months()
}

fn years(n: i32) -> Span {
    n.clamp(-10_000, 10_000).years()
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_that_is_entered_twice_begins_twice() {
        for (name, around) in [
            ("America/St_Johns", "2010-11-07T02:30:00Z"),
            ("America/Sao_Paulo", "2017-02-19T02:00:00Z"),
            ("Asia/Beirut", "2024-10-26T21:00:00Z"),
            ("Atlantic/Azores", "2024-10-27T01:00:00Z"),
            ("Europe/Paris", "2024-10-27T01:00:00Z"),
        ] {
            let zone = Zone::named(name).unwrap();
            let around: Instant = around.parse().unwrap();
            let minutes = || (-200..200).map(|minute| around + Duration::minutes(minute));
            for at in minutes() {
                let day = zone.civil(at).day;
                let change = minutes().find(|later| *later > at && zone.civil(*later).day != day);
                let next = zone.next_day(at);
                assert!(next > at && change.is_none_or(|change| next <= change), "{name} {at}: {next}");
            }
        }
    }

    #[test]
    fn periods_start_at_local_midnight() {
        for (zone, now, period, shift, start) in [
            ("UTC", "2026-11-23T10:00:00Z", Period::Day, 0, "2026-11-23T00:00:00Z"),
            ("Europe/Paris", "2026-03-29T10:00:00Z", Period::Day, 1, "2026-03-29T22:00:00Z"),
            ("Europe/Paris", "2026-10-25T10:00:00Z", Period::Day, 1, "2026-10-25T23:00:00Z"),
            ("America/New_York", "2026-11-01T04:30:00Z", Period::Day, 0, "2026-11-01T04:00:00Z"),
            ("UTC", "2026-11-22T10:00:00Z", Period::Week, 0, "2026-11-16T00:00:00Z"),
            ("UTC", "2026-11-23T10:00:00Z", Period::Week, -2, "2026-11-09T00:00:00Z"),
            ("UTC", "2026-01-31T10:00:00Z", Period::Month, 1, "2026-02-01T00:00:00Z"),
            ("UTC", "2026-01-31T10:00:00Z", Period::Month, -11, "2025-02-01T00:00:00Z"),
            ("UTC", "2026-11-23T10:00:00Z", Period::Year, -1, "2025-01-01T00:00:00Z"),
            // Midnight does not exist in Beirut that day: the day begins at 01:00.
            ("Asia/Beirut", "2026-03-29T10:00:00Z", Period::Day, 0, "2026-03-28T22:00:00Z"),
        ] {
            let zone = Zone::named(zone).unwrap();
            assert_eq!(
                zone.period_start(period, at(now), shift),
                at(start),
                "{zone:?} {now} {period:?} {shift}"
            );
        }
    }

    #[test]
    fn local_times_in_gaps_and_overlaps() {
        let paris = Zone::named("Europe/Paris").unwrap();
        let spring = paris.civil(at("2026-03-29T12:00:00Z")).day;
        let autumn = paris.civil(at("2026-10-25T12:00:00Z")).day;
        let half_past_two = 2 * 3_600_000 + 1_800_000;
        assert_eq!(paris.instant(spring, half_past_two), at("2026-03-29T01:30:00Z"));
        assert_eq!(paris.instant(autumn, half_past_two), at("2026-10-25T00:30:00Z"));
        assert_eq!(paris.reaches_first(spring, half_past_two), at("2026-03-29T01:00:00Z"));
        assert_eq!(paris.reaches_last(spring, half_past_two), at("2026-03-29T01:00:00Z"));
        assert_eq!(paris.reaches_first(autumn, half_past_two), at("2026-10-25T00:30:00Z"));
        assert_eq!(paris.reaches_last(autumn, half_past_two), at("2026-10-25T01:30:00Z"));
    }

    #[test]
    fn ages_and_anniversaries() {
        let utc = Zone::UTC;
        for (birth, now, age) in [
            ("2000-02-29T10:00:00Z", "2001-02-27T23:00:00Z", 0),
            ("2000-02-29T10:00:00Z", "2001-02-28T00:00:00Z", 1),
            ("2000-05-05T10:00:00Z", "2026-05-05T00:00:00Z", 26),
            ("2000-05-05T10:00:00Z", "2026-05-04T23:59:59Z", 25),
            ("2030-05-05T10:00:00Z", "2026-05-04T00:00:00Z", -4),
        ] {
            let (years, until) = utc.age(at(birth), at(now));
            assert_eq!(years, age, "{birth} {now}");
            assert!(until > at(now));
        }
        assert!(utc.is_anniversary(at("2000-02-29T10:00:00Z"), at("2001-02-28T12:00:00Z")).0);
        assert!(!utc.is_anniversary(at("2000-02-29T10:00:00Z"), at("2004-02-28T12:00:00Z")).0);
        let (today, until) = utc.is_anniversary(at("2000-02-29T10:00:00Z"), at("2001-03-01T00:00:00Z"));
        assert!(!today);
        assert_eq!(until, at("2002-02-28T00:00:00Z"));
    }

    #[test]
    fn the_ends_of_time_do_not_panic() {
        for zone in ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"] {
            let zone = Zone::named(zone).unwrap();
            for now in [Instant::MIN, Instant::MAX] {
                for period in [Period::Day, Period::Week, Period::Month, Period::Year] {
                    for shift in [i32::MIN, -1, 0, 1, i32::MAX] {
                        let _ = zone.period_start(period, now, shift);
                    }
                }
                let _ = (zone.next_hour(now), zone.next_day(now), zone.age(now, Instant::MAX));
                let _ = (zone.age(Instant::MAX, now), zone.is_anniversary(Instant::MIN, now));
            }
        }
        assert!(Zone::named("Mars/Olympus").is_none());
    }
}
