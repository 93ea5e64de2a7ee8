//! The hour at which a user answers best, among those that may be.

use crate::journey::context::Context;
use crate::journey::plan::JourneyPlan;
use crate::model::{Duration, Instant, Zone, stable_hash};
use crate::predict::{Choice, LocalHour, SendTimes, Source};
use crate::profile::UserKey;
use crate::trigger::{LocalTime, QuietHours};

/// How far ahead hours are looked at: each comes once.
const AHEAD: Duration = Duration::hours(24);

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish {
    /// Not earlier.
    pub(crate) from: Instant,
    /// Only before this instant.
    pub(crate) before: Option<Instant>,
    /// Only from the first local time on, and before the second; past midnight where that is the earlier one.
    pub(crate) between: Option<(LocalTime, LocalTime)>,
    /// The local time where nothing is known; the first that may be where there is none, or it may not be.
    pub(crate) fallback: Option<LocalTime>,
    pub(crate) quiet: Option<QuietHours>,
    /// Stands for chance: the same for one message, and for no two.
    pub(crate) draw: u128,
}

/// A time that was chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct BestTime {
    pub(crate) at: Instant,
    /// How probable the choice of this hour was.
    pub(crate) probability: f64,
}

impl Wish {
    /// The best time for a user; nothing where no time is left that may be.
    pub(crate) fn best(
        &self,
        cx: &Context<'_>,
        plan: &JourneyPlan,
        times: Option<&SendTimes>,
        user: UserKey,
    ) -> Option<BestTime> {
        let zone = cx.store.zone(cx.store.get(user));
        let (hours, starts): (Vec<LocalHour>, Vec<Instant>) = self.allowed(zone).into_iter().unzip();
        let is_fallback = |hour: &LocalHour| self.fallback.is_some_and(|time| hour.hour() == hour_of(time));
        let fallback = hours.iter().position(is_fallback).unwrap_or(0);
        let draw = stable_hash(&[b"send time", &self.draw.to_le_bytes()]);
        let choose = |times: &SendTimes| {
            times.choose(user.0, plan.time_group(cx, user), &hours, fallback, draw, cx.now)
        };
        let Choice { place, source, probability, .. } = times.and_then(choose)?;
        let mut at = *starts.get(place)?;
        if let (Source::Fallback, Some(time)) = (source, self.fallback.filter(|_| place == fallback)) {
            let behind = i64::from(time.as_millis()) - i64::from(zone.civil(at).millis);
            let exact = at + Duration::from_millis(behind.max(0));
            if is_fallback(&LocalHour::of(zone.civil(exact))) && self.may_be(exact, zone) {
                at = exact;
            }
        }
        Some(BestTime { at, probability })
    }

    /// The local hours of the next day that may be, in order, each with the first instant of it that may be.
    fn allowed(&self, zone: &Zone) -> Vec<(LocalHour, Instant)> {
        let mut allowed: Vec<(LocalHour, Instant)> = Vec::new();
        let mut at = self.from;
        while at < self.from + AHEAD {
            let next = zone.next_hour(at);
            if let Some(first) = self.first_in(at, next, zone) {
                let hour = LocalHour::of(zone.civil(first));
                if allowed.iter().all(|(known, _)| *known != hour) {
                    allowed.push((hour, first));
                }
            }
            if next <= at {
                break;
            }
            at = next;
        }
        allowed
    }

    /// The first instant of a part of a local hour that may be.
    fn first_in(&self, from: Instant, until: Instant, zone: &Zone) -> Option<Instant> {
        // It begins to be allowed where the hour begins, the window, or what is not quiet.
        let opens = self.between.map(|(opens, _)| {
            let ahead = i64::from(opens.as_millis()) - i64::from(zone.civil(from).millis);
            from + Duration::from_millis(ahead.max(0))
        });
        let mut starts = [Some(from), opens, None, None];
        starts[2] = self.quiet.and_then(|quiet| quiet.ends(from, zone));
        starts[3] = opens.and_then(|opens| self.quiet?.ends(opens, zone));
        let may_be = |at: &Instant| *at < until && self.may_be(*at, zone);
        starts.into_iter().flatten().filter(may_be).min()
    }

    /// Whether an instant may be.
    fn may_be(&self, at: Instant, zone: &Zone) -> bool {
        let is_in_window = self.between.is_none_or(|(opens, closes)| {
            let time = zone.civil(at).millis as u32;
            let (opens, closes) = (opens.as_millis(), closes.as_millis());
            if opens < closes { opens <= time && time < closes } else { opens <= time || time < closes }
        });
        let is_loud = self.quiet.is_none_or(|quiet| quiet.ends(at, zone).is_none());
        is_in_window && is_loud && self.before.is_none_or(|before| at < before)
    }
}

fn hour_of(time: LocalTime) -> u8 {
    (time.as_millis() / 3_600_000) as u8
}

impl JourneyPlan {
    /// The first of the groups that a user is in who lend one another evidence.
    pub(crate) fn time_group(&self, cx: &Context<'_>, user: UserKey) -> Option<u8> {
        if self.time_groups.is_empty() {
            return None;
        }
        let evaluation = cx.evaluation(user);
        let place = self.time_groups.iter().position(|group| evaluation.condition(*group));
        place.map(|place| place as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    #[test]
    fn hours_that_may_be() {
        let time = |text: &str| -> LocalTime { text.parse().unwrap() };
        for (zone, from, between, quiet, before, first, last, count) in [
            // A whole day, from now on: the hour that has begun counts once.
            ("UTC", "2026-11-23T10:30:00Z", None, None, None, "23T10:30", "24T09:00", 24),
            ("UTC", "2026-11-23T10:30:00Z", Some(("17:00", "21:30")), None, None, "23T17:00", "23T21:00", 5),
            ("UTC", "2026-11-23T18:20:00Z", Some(("17:15", "18:00")), None, None, "24T17:15", "24T17:15", 1),
            ("UTC", "2026-11-23T10:00:00Z", Some(("22:30", "01:00")), None, None, "23T22:30", "24T00:00", 3),
            // Quiet from nine, and not before half past seven.
            (
                "UTC",
                "2026-11-23T10:00:00Z",
                Some(("20:00", "08:00")),
                Some(("21:00", "07:30")),
                None,
                "23T20:00",
                "24T07:30",
                2,
            ),
            // Before it is pointless.
            (
                "UTC",
                "2026-11-23T10:00:00Z",
                None,
                None,
                Some("2026-11-23T12:00:00Z"),
                "23T10:00",
                "23T11:00",
                2,
            ),
            // Two in the morning is left out in Paris that night; the next one is of a working day.
            (
                "Europe/Paris",
                "2026-03-29T00:00:00Z",
                Some(("01:00", "05:00")),
                None,
                None,
                "29T00:00",
                "29T23:00",
                4,
            ),
        ] {
            let zone = Zone::named(zone).unwrap();
            let pair = |(a, b): (&str, &str)| (time(a), time(b));
            let wish = Wish {
                from: at(from),
                before: before.map(at),
                between: between.map(pair),
                fallback: None,
                quiet: quiet.map(|(a, b)| QuietHours::new(time(a), time(b)).unwrap()),
                draw: 0,
            };
            let allowed = wish.allowed(&zone);
            let shown =
                |at: Option<&(LocalHour, Instant)>| at.map(|(_, at)| at.to_string()[8..16].to_owned());
            assert_eq!(
                (shown(allowed.first()).as_deref(), shown(allowed.last()).as_deref(), allowed.len()),
                (Some(first), Some(last), count),
                "{zone:?} {from} {between:?} {allowed:?}"
            );
        }
    }

    #[test]
    fn no_hour_may_be_where_all_that_may_is_quiet() {
        let time = |text: &str| -> LocalTime { text.parse().unwrap() };
        let wish = Wish {
            from: at("2026-11-23T10:00:00Z"),
            before: None,
            between: Some((time("22:00"), time("23:00"))),
            fallback: None,
            quiet: QuietHours::new(time("21:00"), time("08:00")).ok(),
            draw: 0,
        };
        assert_eq!(wish.allowed(&Zone::UTC), []);
    }
}
