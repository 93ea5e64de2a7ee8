//! `wait_until = { day = "tomorrow", at = "19:00" }`, or `at = "best"`

use crate::journey::best_time::{BestTime, Wish};
use crate::journey::context::Context;
use crate::journey::instance::Instance;
use crate::journey::plan::JourneyPlan;
use crate::journey::run::Run;
use crate::journey::step::Next;
use crate::journey::{DayRule, LocalAt, LocalWait};
use crate::model::{Duration, Instant, Zone};
use crate::predict::SendTimes;
use crate::profile::UserKey;
use crate::trigger::{LocalDay, LocalRule, LocalTime};

impl Run<'_, '_> {
    pub(in crate::journey) fn wait_until_local(&mut self, instance: &mut Instance, wait: &LocalWait) -> Next {
        let Run { cx, plan, user, times, .. } = *self;
        let LocalUntil { until, probability } =
            Waiting { cx, plan, times, user }.until(wait, instance, instance.due);
        let next = self.wait_until(instance, until);
        instance.choose(probability);
        next
    }
}

/// Who waits for a local time, and what is known of when they answer.
#[derive(Clone, Copy)]
pub(in crate::journey) struct Waiting<'w, 'a> {
    pub(in crate::journey) cx: &'w Context<'a>,
    pub(in crate::journey) plan: &'w JourneyPlan,
    pub(in crate::journey) times: Option<&'w SendTimes>,
    pub(in crate::journey) user: UserKey,
}

/// How long such a wait lasts.
#[derive(Debug, Clone, Copy)]
pub(in crate::journey) struct LocalUntil {
    pub(in crate::journey) until: Instant,
    /// Where the hour was chosen, how probable the choice was: the send behind the wait says so.
    pub(in crate::journey) probability: Option<f64>,
}

impl Waiting<'_, '_> {
    /// Until when a wait lasts that an instance begins at an instant: that very instant where it is over at once.
    pub(in crate::journey) fn until(
        &self,
        wait: &LocalWait,
        instance: &Instance,
        begun: Instant,
    ) -> LocalUntil {
        let zone = self.cx.store.zone(self.cx.store.get(self.user));
        match wait.at {
            LocalAt::Time(at) => {
                LocalUntil { until: at_time(at, wait.day, instance, begun, zone), probability: None }
            }
            // Where no hour of its day is left that may be.
            LocalAt::Best => match self.best(wait, instance, begun, zone) {
                None => LocalUntil { until: begun, probability: None },
                Some(BestTime { at, probability }) => {
                    LocalUntil { until: at, probability: Some(probability) }
                }
            },
        }
    }

    /// The best hour of the wait's day, or of the next 24 hours where it has none; never one that is over.
    fn best(&self, wait: &LocalWait, instance: &Instance, begun: Instant, zone: &Zone) -> Option<BestTime> {
        let Waiting { cx, plan, times, user } = *self;
        let of_policy = || plan.policy.send_time.as_ref().and_then(|policy| policy.fallback);
        let within = |from: Instant, before: Option<Instant>| {
            let wish = Wish {
                from: from.max(begun).max(cx.now),
                before,
                between: wait.between,
                fallback: wait.fallback.or_else(of_policy),
                quiet: None,
                // It sends nothing, so no action has this id.
                draw: plan.action_id(cx.store.get(user), instance, ""),
            };
            wish.best(cx, plan, times, user)
        };
        let midnight = |day: i32| zone.instant(day, 0);
        let on = |day: i32| within(midnight(day), Some(midnight(day.saturating_add(1))));
        let today = zone.civil(begun).day;
        // Whoever comes round again has had this day's.
        let next = today.saturating_add(i32::from(instance.round > 0));
        match wait.day {
            None if instance.round > 0 => within(midnight(next), None),
            None => within(begun, None),
            Some(DayRule::Weekday(weekday)) => {
                let is_named = |day: &i32| (*day + 3).rem_euclid(7) == i32::from(weekday);
                (next..=today.saturating_add(7)).filter(is_named).find_map(on)
            }
            Some(DayRule::Today) => on(today),
            Some(DayRule::Tomorrow) => on(today.saturating_add(1)),
            Some(DayRule::Entry) => on(zone.civil(instance.entered).day),
        }
    }
}

fn at_time(at: LocalTime, day: Option<DayRule>, instance: &Instance, begun: Instant, zone: &Zone) -> Instant {
    // Whoever comes round again has had this day's.
    let next = if instance.round > 0 { begun + Duration::from_millis(1) } else { begun };
    let until = |day, from| LocalRule { day, at }.after(from, zone);
    match day {
        None => until(LocalDay::Next, next),
        Some(DayRule::Weekday(day)) => until(LocalDay::Weekday(day), next),
        Some(DayRule::Today) => until(LocalDay::In(0), begun),
        Some(DayRule::Tomorrow) => until(LocalDay::In(1), begun),
        Some(DayRule::Entry) => until(LocalDay::In(0), instance.entered).max(begun),
    }
}
