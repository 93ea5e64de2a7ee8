//! # clock: instants on the wall
//! Local days, hours and periods by jiff with its bundled database. Knows nothing of users.

use super::ast::{Millis, Period};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{TimeZone, offset};

/// One second, minute, hour and day in milliseconds.
pub(crate) const SECOND: i64 = 1_000;
#[allow(missing_docs)]
pub(crate) const MINUTE: i64 = 60 * SECOND;
#[allow(missing_docs)]
pub(crate) const HOUR: i64 = 60 * MINUTE;
/// A day of durations: always 24 h.
pub(crate) const DAY: i64 = 24 * HOUR;

/// Date and time of day at an instant.
pub(crate) fn local(at: Millis, zone: &TimeZone) -> DateTime {
    let timestamp = Timestamp::from_millisecond(at).expect("instants of a scenario are in range");
    zone.to_datetime(timestamp)
}

/// An instant in RFC 3339, with an offset of so many whole hours from UTC.
pub(crate) fn written(at: Millis, hours: i8) -> String {
    let local = local(at, &TimeZone::fixed(offset(hours)));
    match hours {
        0 => format!("{local}Z"),
        1.. => format!("{local}+{hours:02}:00"),
        _ => format!("{local}-{:02}:00", -hours),
    }
}

/// Midnight of a date in UTC.
pub(crate) fn midnight_utc(date: Date) -> Millis {
    day_number(date) * DAY
}

/// Milliseconds since local midnight, as the clock on the wall shows them.
pub(crate) fn time_of_day(at: Millis, zone: &TimeZone) -> i64 {
    let time = local(at, zone).time();
    i64::from(time.hour()) * HOUR
        + i64::from(time.minute()) * MINUTE
        + i64::from(time.second()) * SECOND
        + i64::from(time.millisecond())
}

/// `mon` … `sun`.
pub(crate) fn weekday(at: Millis, zone: &TimeZone) -> &'static str {
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    days[local(at, zone).date().weekday().to_monday_zero_offset() as usize]
}

/// Running number of the local period that an instant is in.
pub(crate) fn period(of: Period, at: Millis, zone: &TimeZone) -> i64 {
    let date = local(at, zone).date();
    let (year, month) = (i64::from(date.year()), i64::from(date.month()));
    match of {
        Period::Day => day_number(date),
        // 1970-01-01 was a Thursday: three days into its week.
        Period::Week => (day_number(date) + 3).div_euclid(7),
        Period::Month => year * 12 + month,
        Period::Year => year,
    }
}

/// Full years from the local date of one instant to that of another.
pub(crate) fn full_years(from: Millis, to: Millis, zone: &TimeZone) -> i64 {
    let (from, to) = (local(from, zone).date(), local(to, zone).date());
    let years = i64::from(to.year()) - i64::from(from.year());
    let before_the_day = (to.month(), to.day()) < (from.month(), from.day());
    years - i64::from(before_the_day)
}

/// Whether today has the day and month of an instant; 29 February counts on the 28th in years
/// that have none.
pub(crate) fn is_anniversary(of: Millis, today: Millis, zone: &TimeZone) -> bool {
    let (of, today) = (local(of, zone).date(), local(today, zone).date());
    let leap_day = (of.month(), of.day()) == (2, 29) && !today.in_leap_year();
    let day = if leap_day { 28 } else { of.day() };
    (today.month(), today.day()) == (of.month(), day)
}

fn day_number(date: Date) -> i64 {
    let since_epoch = date.duration_since(Date::constant(1970, 1, 1));
    since_epoch.as_hours() / 24
}
