//! When users answer best: what is learned of it, and what is known.

use crate::engine::Partition;
use crate::engine::consent::PERSONALIZE;
use crate::engine::partition::no_content;
use crate::journey::{Answer, Context, Delivery};
use crate::model::Instant;
use crate::predict::LocalHour;
use crate::profile::UserKey;

impl Partition {
    /// By local hour how much more a user answers than in an average one, as far as is known: 1 is average. Of a user who
    /// is not known, what is known of everyone. Empty where nothing asks for the best hour (`at = "best"`).
    ///
    /// ```
    /// # use bespoke::{definitions::Definitions, engine::Partition, model::{Duration, Instant, Message}};
    /// let definitions = Definitions::from_toml(r#"
    ///     version = 1
    ///     [events.open]
    ///     [delivery]
    ///     send_time = { explore = 0.05 }
    /// "#)?;
    /// let mut partition = Partition::new(&definitions);
    /// let monday: Instant = "2026-11-23T07:00:00Z".parse()?;
    /// for day in 0..5 {
    ///     let now = monday + Duration::days(day);
    ///     partition.ingest(&Message::track("ada", "open"), now)?;
    /// }
    /// let best = partition.answer_rates("ada").into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
    /// let (hour, rate) = best.unwrap();
    /// assert_eq!((hour.hour(), hour.is_weekend()), (7, false));
    /// assert!(rate > 1.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn answer_rates(&self, user: &str) -> Vec<(LocalHour, f64)> {
        let (plan, store, now, clock) = (&self.compiled.plan, &self.store, self.clock, self.host_clock);
        let context = Context { plan, store, memberships: None, now, clock, render: &no_content };
        self.journeys.answer_rates(&context, self.store.find(user))
    }

    pub(super) fn learn_session(&mut self, user: UserKey, at: Instant, now: Instant) {
        let (plan, store, clock) = (&self.compiled.plan, &self.store, self.host_clock);
        let context = Context { plan, store, memberships: None, now, clock, render: &no_content };
        self.journeys.on_session(&context, user, at);
    }

    pub(super) fn learn_answer(&mut self, answer: &Answer, delivery: Delivery, now: Instant) {
        let Some((user, _)) = &answer.about else { return };
        if !self.learns(*user, PERSONALIZE, now) {
            return;
        }
        let (plan, store, clock) = (&self.compiled.plan, &self.store, self.host_clock);
        let context = Context { plan, store, memberships: None, now, clock, render: &no_content };
        self.journeys.learn_answer(&context, answer, delivery);
    }
}
