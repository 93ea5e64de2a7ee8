//! Dates and recurring instants: when they begin a journey for a user.

use crate::journey::context::Context;
use crate::journey::enter::Entry;
use crate::journey::instance::{DateDue, HAS_TOKEN, Stand};
use crate::journey::key::InstanceKey;
use crate::journey::log::Log;
use crate::journey::plan::{CompiledAction, JourneyNo, JourneyPlan};
use crate::journey::redefine::JourneyMoves;
use crate::journey::runtime::Journeys;
use crate::journey::step::{LocalUntil, Waiting};
use crate::journey::{Journey, Note, Reason, TooLate, Trigger, What};
use crate::model::{Duration, Instant, Value, Zone};
use crate::profile::UserKey;
use crate::trigger::{Cron, DateRule, Wall};

/// What begins a journey when its time has come.
#[allow(clippy::large_enum_variant)] // there is one for each such journey
#[derive(Debug)]
pub(crate) enum Timed {
    Date {
        attribute: Box<str>,
        rule: DateRule,
    },
    Cron {
        cron: Cron,
        /// Whether the audience is a segment, so that nobody outside has to be looked at when the time has come: who
        /// enters it is looked at then.
        by_segment: bool,
    },
}

/// Most recurring instants that one look goes through to say how many passed unseen. A week of minutes is as many.
const MISSED_MAX: u64 = 10_000;

/// No zone is further from another.
const ZONES_APART: Duration = Duration::hours(36);

impl Timed {
    pub(super) fn of(journey: &Journey) -> Option<Timed> {
        match &journey.enter.trigger {
            Trigger::Date { attribute, offset, yearly, at } => {
                let rule = DateRule { offset: *offset, yearly: *yearly, at: *at };
                Some(Timed::Date { attribute: attribute.clone(), rule })
            }
            Trigger::Cron(text) => {
                let by_segment = journey.audience.as_deref().is_some_and(is_segment);
                // What is no cron text was refused where it was read.
                text.parse().ok().map(|cron| Timed::Cron { cron, by_segment })
            }
            _ => None,
        }
    }

    fn is_recurring(&self) -> bool {
        matches!(self, Timed::Cron { .. } | Timed::Date { rule: DateRule { yearly: true, .. }, .. })
    }

    /// What comes behind one that is due: its next instant, or that there is none.
    fn behind(&self, date: &DateDue, zone: &Zone) -> DateDue {
        match self {
            Timed::Date { rule, .. } => {
                let due = if rule.yearly { rule.after(date.of, date.due, zone) } else { None };
                DateDue { due: due.unwrap_or(Instant::MAX), ..*date }
            }
            Timed::Cron { cron, .. } => {
                let from = Wall::at(date.due, zone).to_instant() + Duration::seconds(1);
                recurring(date.journey, from, cron.after(date.due, zone))
            }
        }
    }

    /// One that is due, or a later one some days before an instant: so that whoever was away for years, or whose clock went
    /// wrong, does not go through every minute of them.
    fn leap(&self, due: &DateDue, until: Instant, zone: &Zone) -> DateDue {
        let Timed::Cron { cron, .. } = self else { return *due };
        let latest = cron.before(until - ZONES_APART, zone).filter(|(_, at)| *at > due.due);
        latest.map_or(*due, |(wall, at)| recurring(due.journey, wall.to_instant(), Some(at)))
    }
}

/// Whether an expression asks for one segment and nothing else.
fn is_segment(audience: &str) -> bool {
    let inner = audience.trim().strip_prefix("segment(").and_then(|rest| rest.strip_suffix(')'));
    let name = inner.map(str::trim).and_then(|inner| inner.strip_prefix('"')?.strip_suffix('"'));
    name.is_some_and(|name| !name.contains(['"', '\\']))
}

/// What is due next, of the local times from one on.
fn recurring(journey: JourneyNo, from: Instant, due: Option<Instant>) -> DateDue {
    DateDue { journey, of: from, due: due.unwrap_or(Instant::MAX) }
}

impl JourneyPlan {
    fn timed(&self, journey: JourneyNo) -> Option<&Timed> {
        let place = self.by_time.binary_search_by_key(&journey, |(number, _)| *number).ok()?;
        Some(&self.by_time[place].1)
    }
}

impl Journeys {
    /// Works out when dates and recurring instants begin journeys for a user who was looked at, where that is not known:
    /// from the date that there is now, which was written at an instant. Tells whether anything is new.
    pub(crate) fn expect(&mut self, cx: &Context<'_>, user: UserKey, written: Instant) -> bool {
        let mut is_news = false;
        self.users.wake(user);
        let plan = self.plan.clone();
        let zone = cx.store.zone(cx.store.get(user));
        for (journey, timed) in &plan.by_time {
            let known = self.users.get(&user).and_then(|known| known.date(*journey));
            let next = match timed {
                Timed::Date { attribute, rule } => {
                    let date = date_of(cx, user, attribute);
                    if date == known.map(|known| known.of) {
                        continue;
                    }
                    date.and_then(|of| {
                        let due = rule.after(of, written, zone);
                        // What is over may have begun the journey, and must not again in another zone.
                        let due = due.or(known.map(|_| Instant::MAX))?;
                        Some(DateDue { journey: *journey, of, due })
                    })
                }
                Timed::Cron { cron, by_segment } => {
                    if known.is_some() || *by_segment && !self.is_in_audience(cx, user, *journey) {
                        continue;
                    }
                    // Whoever enters the audience at the very instant is in it when the others are looked at.
                    let from = if *by_segment { cx.now - Duration::from_millis(1) } else { cx.now };
                    Some(recurring(*journey, Instant::MIN, cron.after(from, zone)))
                }
            };
            is_news |= next != known;
            match next {
                Some(next) => self.users.of(user).set_date(next),
                None => {
                    if let Some(known) = self.users.get_mut(&user) {
                        known.drop_date(*journey);
                    }
                }
            }
        }
        is_news
    }

    fn is_in_audience(&self, cx: &Context<'_>, user: UserKey, journey: JourneyNo) -> bool {
        let audience = self.plan.journeys[usize::from(journey)].audience;
        audience.is_none_or(|audience| cx.evaluation(user).condition(audience))
    }

    /// Begins what dates and recurring instants begin up to now, in order of instant and journey. Of recurring ones that
    /// passed while nobody moved the clock the latest counts, and the others are noted as missed.
    pub(super) fn begin_by_time(&mut self, cx: &Context<'_>, user: UserKey, notes: &mut Vec<Note>) {
        let plan = self.plan.clone();
        let zone = cx.store.zone(cx.store.get(user));
        while let Some(mut date) = self.earliest_date(user, cx.now) {
            let Some(timed) = plan.timed(date.journey) else { return };
            let (begun, mut next, mut missed) = (date.due, timed.behind(&date, zone), 0);
            while timed.is_recurring() && next.is_due(cx.clock) {
                if missed == MISSED_MAX {
                    next = timed.leap(&next, cx.clock, zone);
                }
                (date, next, missed) = (next, timed.behind(&next, zone), missed + 1);
            }
            // Recurring instants are for the members of the audience, and nobody else misses one.
            let (is_for_user, is_forgotten) = match timed {
                Timed::Date { .. } => (true, false),
                Timed::Cron { by_segment, .. } => {
                    let is_member = self.is_in_audience(cx, user, date.journey);
                    (is_member, *by_segment && !is_member)
                }
            };
            if let Some(known) = self.users.get_mut(&user) {
                match is_forgotten {
                    true => known.drop_date(date.journey),
                    false => known.set_date(if missed > 0 { date } else { next }),
                }
            }
            let (journey, key) = (date.journey, InstanceKey::default());
            match missed {
                _ if !is_for_user => {}
                0 => self.enter(cx, user, Entry { journey, key, at: begun, event: None, part: None }, notes),
                missed => {
                    let count = missed.min(MISSED_MAX);
                    self.log(cx, user, notes).note(journey, &key, None, What::Missed { count });
                }
            }
        }
    }

    /// What begins a journey for a user up to an instant, first of all.
    fn earliest_date(&self, user: UserKey, until: Instant) -> Option<DateDue> {
        let known = self.users.get(&user)?;
        let due = known.dates.iter().filter(|date| date.is_due(until));
        due.min_by_key(|date| (date.due, date.journey)).copied()
    }

    /// The user may be in another time zone now: local times that are not due yet are worked out anew, and the gate is
    /// asked again until when what it deferred waits. Exact waits stay. To be followed by [`on_time`](Journeys::on_time).
    pub(crate) fn on_zone(&mut self, cx: &Context<'_>, user: UserKey, notes: &mut Vec<Note>) {
        let Journeys { plan, users, counts, outbox, times, .. } = self;
        let (plan, times): (&JourneyPlan, _) = (plan, times.as_ref());
        let waiting = Waiting { cx, plan, times, user };
        let (now, zone) = (cx.now, cx.store.zone(cx.store.get(user)));
        outbox.rezone(user, |origin| plan.quiet_zone(origin, zone));
        let Some(known) = users.get_mut(&user) else { return };
        let mut log = Log { plan, counts, notes, user: cx.store.name(user), now };
        for instance in known.instances.iter_mut().filter(|instance| instance.due > now) {
            let journey = &plan.journeys[usize::from(instance.journey)];
            let step = journey.steps.get(usize::from(instance.step)).map(|step| &step.action);
            match (instance.stand, step) {
                (Stand::Waiting, Some(CompiledAction::WaitUntil(wait))) => {
                    let LocalUntil { until, probability } = waiting.until(wait, instance, instance.wanted);
                    let until = until.max(now);
                    instance.choose(probability);
                    if until != instance.due {
                        instance.due = until;
                        let what = What::Deferred { until, reason: Reason::ZoneChanged };
                        log.note(instance.journey, &instance.key, Some(instance.step), what);
                    }
                }
                // What came too late waits for another time of day, and the gate would not say so again.
                // And a token of its channel is there at its instant, wherever the user is.
                (Stand::Deferred, _)
                    if journey.definition.late.otherwise != TooLate::NextWindow
                        && instance.flags & HAS_TOKEN == 0 =>
                {
                    instance.due = now;
                    instance.drop_choice();
                }
                _ => {}
            }
        }
        for date in known.dates.iter_mut().filter(|date| date.due > now && date.due < Instant::MAX) {
            match plan.timed(date.journey) {
                Some(Timed::Date { rule, .. }) => {
                    let due = rule.after(date.of, date.due - ZONES_APART, zone);
                    date.due = due.unwrap_or(Instant::MAX).max(now);
                }
                // Not a local time that the user has had in the zone before.
                Some(Timed::Cron { cron, .. }) => {
                    let next = cron.after_from(now, Wall::from_instant(date.of), zone);
                    date.due = next.unwrap_or(Instant::MAX);
                }
                None => {}
            }
        }
    }

    /// Drops what was worked out by rules that are other ones now; everything has its old number yet.
    pub(super) fn drop_other_dates(&mut self, moves: &JourneyMoves<'_>) {
        self.users.change_rest(|known| known.dates.retain(|date| moves.begins_alike(date.journey)));
    }

    /// Whether anything begins at dates or recurring instants.
    pub(crate) fn begins_by_time(&self) -> bool {
        !self.plan.by_time.is_empty()
    }
}

/// The instant that an attribute of a user holds.
fn date_of(cx: &Context<'_>, user: UserKey, attribute: &str) -> Option<Instant> {
    let name = cx.store.symbols.get(attribute)?;
    match cx.store.symbols.value(cx.store.fact(user, name)) {
        Value::Instant(at) => Some(at),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audiences_that_are_segments() {
        for (audience, expected) in [
            ("segment(\"vip\")", true),
            (" segment( \"vip\" ) ", true),
            ("not segment(\"vip\")", false),
            ("segment(\"vip\") or segment(\"b\")", false),
            ("segment(\"a\\\"b\")", false),
            ("did(view)", false),
        ] {
            assert_eq!(is_segment(audience), expected, "{audience}");
        }
    }

    /// Whoever goes through all that recurs comes to the same instant as whoever leaps.
    #[test]
    fn a_leap_comes_to_what_going_through_all_comes_to() {
        let crons =
            ["* * * * *", "*/7 1-3 * * *", "30 2 * * *", "0 18 * * MON-FRI", "0 0 1 * *", "0 0 29 2 *"];
        let start: Instant = "2026-03-27T22:10:00Z".parse().unwrap();
        for (cron, zone) in
            crons.iter().flat_map(|cron| ["UTC", "Europe/Paris", "Asia/Kolkata"].map(|zone| (cron, zone)))
        {
            let zone = Zone::named(zone).unwrap();
            let timed = Timed::Cron { cron: cron.parse().unwrap(), by_segment: false };
            let Timed::Cron { cron: own, .. } = &timed else { unreachable!() };
            let first = recurring(0, Instant::MIN, own.after(start, &zone));
            for minutes in [0, 1, 59, 180, 1_500, 2_900, 40_000] {
                let until = start + Duration::minutes(minutes) + Duration::seconds(30);
                if !first.is_due(until) {
                    continue;
                }
                let walk = |mut date: DateDue| loop {
                    let next = timed.behind(&date, &zone);
                    if !next.is_due(until) {
                        return date;
                    }
                    date = next;
                };
                let (all, leapt) = (walk(first), walk(timed.leap(&first, until, &zone)));
                assert_eq!(
                    (all.due, timed.behind(&all, &zone)),
                    (leapt.due, timed.behind(&leapt, &zone)),
                    "{cron} {until}"
                );
            }
        }
    }
}
