//! `wait_until = { day = "tomorrow", at = "19:00" }`

use crate::journey::instance::Instance;
use crate::journey::run::Run;
use crate::journey::step::Next;
use crate::journey::{DayRule, LocalAt, LocalWait};
use crate::model::{Duration, Instant, Zone};
use crate::trigger::{LocalDay, LocalRule};

impl Run<'_, '_> {
    pub(in crate::journey) fn wait_until_local(&mut self, instance: &mut Instance, wait: &LocalWait) -> Next {
        let zone = self.cx.store.zone(self.cx.store.get(self.user));
        let until = local_until(wait, instance, instance.due, zone);
        self.wait_until(instance, until)
    }
}

/// Until when a wait lasts that an instance begins at an instant, in a zone: that very instant where it is over at once.
pub(in crate::journey) fn local_until(
    wait: &LocalWait,
    instance: &Instance,
    begun: Instant,
    zone: &Zone,
) -> Instant {
    let LocalAt::Time(at) = wait.at else { return begun };
    // Whoever comes round again has had this day's.
    let next = if instance.round > 0 { begun + Duration::from_millis(1) } else { begun };
    let until = |day, from| LocalRule { day, at }.after(from, zone);
    match wait.day {
        None => until(LocalDay::Next, next),
        Some(DayRule::Weekday(day)) => until(LocalDay::Weekday(day), next),
        Some(DayRule::Today) => until(LocalDay::In(0), begun),
        Some(DayRule::Tomorrow) => until(LocalDay::In(1), begun),
        Some(DayRule::Entry) => until(LocalDay::In(0), instance.entered).max(begun),
    }
}
