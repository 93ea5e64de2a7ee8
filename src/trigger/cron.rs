use crate::model::{Civil, Duration, Instant, Quoted, Zone, date, day_number};
use croner::errors::CronError as LibraryError;
use croner::parser::{CronParser, Seconds, Year};
use croner::{CivilDate, CivilDateTime, CivilTime, CronDateTime, Resolution, Weekday};
use jiff::civil::Date;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

#[cfg(test)]
mod test;

/// Local times that come again and again, as five fields say: minute, hour, day of the month, month, day of the week.
///
/// A field is `*`, a number, a range `1-5`, a list `1,15`, with a step `*/10`, or a name as in `MON-FRI` and `JAN`;
/// days of the week are 0 to 7, Sunday being both. Where the days of the month and those of the week are both named,
/// either is enough, as in any cron. `L` is the last day of a month, `5#2` the second Friday, `15W` the working day
/// nearest to the 15th.
///
/// The fields speak of the clock on the wall: each local time that they name comes once. One that the clocks skip moves
/// forward by as much as they do; of one that they show twice, the first counts.
///
/// ```
/// use bespoke::model::{Instant, Zone};
/// use bespoke::trigger::Cron;
/// let workdays: Cron = "0 18 * * MON-FRI".parse()?;
/// let paris = Zone::named("Europe/Paris").unwrap();
/// let friday: Instant = "2026-11-27T17:00:00Z".parse().unwrap(); // 18:00 in Paris
/// let monday = workdays.after(friday, &paris).unwrap();
/// assert_eq!(monday.to_string(), "2026-11-30T17:00:00Z");
///
/// let nightly: Cron = "30 2 * * *".parse()?;
/// let spring: Instant = "2026-03-28T12:00:00Z".parse().unwrap();
/// assert_eq!(nightly.after(spring, &paris).unwrap().to_string(), "2026-03-29T01:30:00Z"); // 03:30
///
/// let error = "0 25 * * *".parse::<Cron>().unwrap_err();
/// assert_eq!(error.to_string(), "the hour of a cron expression cannot be `25`");
/// # Ok::<(), bespoke::trigger::CronError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Cron(croner::Cron);

/// A text is not a cron expression.
///
/// ```
/// use bespoke::trigger::{Cron, CronError};
/// let error = "0 9 30 2 *".parse::<Cron>().unwrap_err(); // every field is right, and together they name no day
/// assert_eq!(error, CronError::Never("0 9 30 2 *".into()));
/// assert_eq!(format!("{error}; {}", error.help()), "`0 9 30 2 *` never comes; say a day that the months have");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CronError {
    /// It has not five fields.
    #[error("{} has {fields} fields where a cron expression has five", Quoted(text))]
    Fields {
        /// The text.
        text: String,
        /// How many it has.
        fields: usize,
    },
    /// A field says something that it cannot.
    #[error("the {field} of a cron expression cannot be {}", Quoted(text))]
    Field {
        /// Which one, in words.
        field: &'static str,
        /// What it says.
        text: String,
    },
    /// There is no such day in any year.
    #[error("{} never comes", Quoted(.0))]
    Never(String),
}

impl CronError {
    /// What to write instead.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            CronError::Never(_) => "say a day that the months have",
            _ => {
                "say minute, hour, day of the month, month, and day of the week, as in `0 18 * * MON-FRI` for workdays \
                 at 18:00"
            }
        }
    }
}

const FIELDS: [&str; 5] = ["minute", "hour", "day of the month", "month", "day of the week"];

impl FromStr for Cron {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Cron, CronError> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        if fields.len() != FIELDS.len() {
            return Err(CronError::Fields { text: text.to_owned(), fields: fields.len() });
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        // Each field alone, so that the error says which.
        for (place, field) in fields.iter().enumerate() {
            let mut alone = ["*"; 5];
            alone[place] = field;
            if parser.parse(&alone.join(" ")).is_err() {
                return Err(CronError::Field { field: FIELDS[place], text: (*field).to_owned() });
            }
        }
        let never = || CronError::Never(text.to_owned());
        let cron = Cron(parser.parse(&fields.join(" ")).map_err(|_| never())?);
        // Every day that there is comes within the 400 years after which the calendar is the same again.
        let start = Wall { day: 0, second: 0 };
        cron.following(start, true).filter(|found| found.day < 146_097).ok_or_else(never)?;
        Ok(cron)
    }
}

impl Cron {
    /// The first instant after `now` at which one of the local times comes, in a zone; nothing where calendars end.
    ///
    /// Some microseconds; where the clocks have changed within a day, a little more for each local time that this
    /// concerns.
    #[must_use]
    pub fn after(&self, now: Instant, zone: &Zone) -> Option<Instant> {
        self.after_from(now, Wall { day: i32::MIN, second: 0 }, zone)
    }

    /// The same, of the local times from one on.
    pub(crate) fn after_from(&self, now: Instant, least: Wall, zone: &Zone) -> Option<Instant> {
        // Where the clocks have gone forward within a day, local times that they skipped may be still to come: by the
        // clock as it was they lie ahead.
        let mut wall = Wall::at(now, zone).min(Wall::at(now - Duration::days(1), zone).next_day());
        let mut is_own = false;
        if wall < least {
            (wall, is_own) = (least, true);
        }
        let mut first: Option<Instant> = None;
        loop {
            let Some(next) = self.following(wall, is_own) else { return first };
            (wall, is_own) = (next, false);
            let at = zone.instant(wall.day, wall.second * 1_000);
            if at <= now {
                continue;
            }
            first = Some(first.map_or(at, |first| first.min(at)));
            // Of those that the clocks skip, later ones may come before: all but those are in order.
            if Wall::at(at, zone) == wall {
                return first;
            }
        }
    }

    /// The last of the local times up to what a clock in a zone shows, and when it came; nothing where calendars begin.
    pub(crate) fn before(&self, now: Instant, zone: &Zone) -> Option<(Wall, Instant)> {
        let wall = self.0.find_previous_occurrence(&Wall::at(now, zone), true).ok()?;
        Some((wall, zone.instant(wall.day, wall.second * 1_000)))
    }

    fn following(&self, wall: Wall, inclusive: bool) -> Option<Wall> {
        self.0.find_next_occurrence(&wall, inclusive).ok()
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What a clock on a wall shows, to the second, wherever it hangs: the library that looks for what comes next knows of no
/// zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Wall {
    day: i32,
    second: i32,
}

const DAY_SECONDS: i64 = 86_400;

impl Wall {
    /// What it shows in a zone.
    pub(crate) fn at(now: Instant, zone: &Zone) -> Wall {
        let Civil { day, millis } = zone.civil(now);
        Wall { day, second: millis / 1_000 }
    }

    /// The instant at which a wall in UTC shows it.
    pub(crate) fn to_instant(self) -> Instant {
        Instant::from_millis((i64::from(self.day) * DAY_SECONDS + i64::from(self.second)) * 1_000)
    }

    /// What a wall in UTC shows.
    pub(crate) fn from_instant(at: Instant) -> Wall {
        Wall::at(at, &Zone::UTC)
    }

    fn next_day(self) -> Wall {
        Wall { day: self.day.saturating_add(1), ..self }
    }
}

impl CronDateTime for Wall {
    fn to_civil(&self) -> CivilDateTime {
        let date = date(self.day);
        let (year, month, day) = (date.year().into(), date.month() as u32, date.day() as u32);
        let (hour, minute, second) = (self.second / 3_600, self.second / 60 % 60, self.second % 60);
        CivilDateTime::new(
            CivilDate::from_parts_unchecked(year, month, day),
            CivilTime::from_parts_unchecked(hour as u32, minute as u32, second as u32),
        )
    }

    fn civil_weekday(&self) -> Weekday {
        Weekday::from_days_from_sunday((self.day + 4).rem_euclid(7) as u32)
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Wall>, LibraryError> {
        let year = i16::try_from(civil.year()).map_err(|_| LibraryError::InvalidDate)?;
        let date = Date::new(year, civil.month() as i8, civil.day() as i8);
        let day = day_number(date.map_err(|_| LibraryError::InvalidDate)?);
        let second = (civil.hour() * 3_600 + civil.minute() * 60 + civil.second()) as i32;
        Ok(Resolution::Single(Wall { day, second }))
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Wall> {
        let all = (i64::from(self.day) * DAY_SECONDS + i64::from(self.second)).checked_add(seconds)?;
        let day = i32::try_from(all.div_euclid(DAY_SECONDS)).ok()?;
        Some(Wall { day, second: all.rem_euclid(DAY_SECONDS) as i32 })
    }

    fn cmp_instant(&self, other: &Wall) -> Ordering {
        self.cmp(other)
    }
}
