//! How long journeys know the event that began them: as long as it may be kept, and each of its values.

use crate::journey::definition::Trigger;
use crate::journey::instance::Instance;
use crate::journey::plan::JourneyPlan;
use crate::journey::runtime::Journeys;
use crate::model::{Duration, Instant};
use crate::profile::{Retention, UserKey, has_come};

impl Journeys {
    /// When the first of what a user's journeys know of their events may be kept no longer. O(instances of the user).
    pub(crate) fn events_end(&self, user: UserKey, retention: &Retention) -> Instant {
        if !retention.is_of_events() {
            return Instant::MAX;
        }
        let Some(known) = self.users.get(&user) else { return Instant::MAX };
        let ends = known.instances.iter().filter_map(|instance| instance.event_end(&self.plan, retention));
        ends.min().unwrap_or(Instant::MAX)
    }

    /// Drops what may be kept no longer of the events that began a user's journeys: templates find it missing from then on.
    /// Gives when the next may not. O(instances of the user).
    pub(crate) fn forget_events(&mut self, user: UserKey, retention: &Retention, now: Instant) -> Instant {
        if has_come(self.events_end(user, retention), now) {
            let Journeys { plan, users, .. } = self;
            let known = users.get_mut(&user).into_iter();
            known.flat_map(|known| &mut known.instances).for_each(|one| one.forget(plan, retention, now));
        }
        self.events_end(user, retention)
    }
}

impl Instance {
    /// The name of the event that began it, where it knows that event.
    fn began_with<'a>(&self, plan: &'a JourneyPlan) -> Option<&'a str> {
        self.event()?;
        match &plan.journeys.get(usize::from(self.journey))?.definition.enter.trigger {
            Trigger::Event { event, .. } => Some(event),
            _ => None,
        }
    }

    fn event_end(&self, plan: &JourneyPlan, retention: &Retention) -> Option<Instant> {
        let (name, event) = (self.began_with(plan)?, self.event()?);
        let whole = retention.event(name).filter(|_| !event.is_empty());
        let values = retention.values(name).filter(|(path, _)| event.get_path(path).is_some());
        values.map(|(_, age)| age).chain(whole).min().map(|age| self.entered + age)
    }

    fn forget(&mut self, plan: &JourneyPlan, retention: &Retention, now: Instant) {
        let Some(name) = self.began_with(plan) else { return };
        let is_over = |age: Duration, entered: Instant| has_come(entered + age, now);
        let entered = self.entered;
        let Some(event) = self.more.as_mut().and_then(|more| more.event.as_mut()) else { return };
        if retention.event(name).is_some_and(|age| is_over(age, entered)) {
            *event = Default::default();
        }
        for (path, _) in retention.values(name).filter(|(_, age)| is_over(*age, entered)) {
            event.take_path(path);
        }
    }
}
