//! When users answer best: learned from sessions, and from what the host says of messages.

use crate::journey::Delivery;
use crate::journey::context::Context;
use crate::journey::outbox::Answer;
use crate::journey::plan::JourneyPlan;
use crate::journey::runtime::Journeys;
use crate::model::{Duration, Instant};
use crate::predict::{Evidence, LocalHour, SendTimes};
use crate::profile::UserKey;

/// What comes so long behind a message is no answer to the hour in which it was sent.
const ANSWER_MAX: Duration = Duration::days(1);

/// A model as the policy wants it; nothing where nothing asks for the best hour.
pub(super) fn times_of(plan: &JourneyPlan) -> Option<SendTimes> {
    let policy = plan.policy.send_time.clone().unwrap_or_default();
    plan.learns_times.then(|| policy.params().check().expect("parameters are checked with the definitions"))
}

impl Journeys {
    /// Whether anything is learned of when users answer.
    pub(crate) fn learns_times(&self) -> bool {
        self.times.is_some()
    }

    /// By local hour how much more a user answers than in an average one; of nobody, what is known of everyone.
    pub(crate) fn answer_rates(&self, cx: &Context<'_>, user: Option<UserKey>) -> Vec<(LocalHour, f64)> {
        let group = user.and_then(|user| self.plan.time_group(cx, user));
        let rates = |times: &SendTimes| times.rates(user.map(|user| user.0), group, cx.now);
        self.times.as_ref().map(rates).unwrap_or_default()
    }

    /// Learns that a session of a user began at an instant.
    pub(crate) fn on_session(&mut self, cx: &Context<'_>, user: UserKey, at: Instant) {
        self.learn(cx, user, Evidence::Session, at);
    }

    /// Learns from what the host said of a message.
    pub(crate) fn learn_answer(&mut self, cx: &Context<'_>, answer: &Answer, delivery: Delivery) {
        let (Some((user, origin)), Some((reached, is_first))) = (&answer.about, answer.reached) else {
            return;
        };
        // Calls of the host are no messages.
        if self.plan.send(origin.journey, origin.step).is_none() {
            return;
        }
        if is_first {
            self.learn(cx, *user, Evidence::Exposed, reached);
        }
        let answered = match delivery {
            Delivery::Clicked => Evidence::Clicked,
            Delivery::Opened => Evidence::Opened,
            _ => return,
        };
        if cx.now - reached <= ANSWER_MAX {
            self.learn(cx, *user, answered, reached);
        }
    }

    fn learn(&mut self, cx: &Context<'_>, user: UserKey, evidence: Evidence, at: Instant) {
        let group = self.plan.time_group(cx, user);
        let hour = LocalHour::of(cx.store.zone(cx.store.get(user)).civil(at));
        if let Some(times) = &mut self.times {
            times.learn(user.0, group, evidence, hour, at);
        }
    }

    /// Goes on under another policy: what was learned of everyone and of each user stays.
    pub(super) fn redefine_times(&mut self, old: &JourneyPlan) {
        let groups = |plan: &JourneyPlan| {
            plan.policy.send_time.as_ref().map(|policy| policy.segments.clone()).unwrap_or_default()
        };
        let fresh = times_of(&self.plan);
        self.times = match (self.times.take(), fresh) {
            (Some(mut times), Some(fresh)) => {
                times.redefine(fresh, groups(old) == groups(&self.plan));
                Some(times)
            }
            (_, fresh) => fresh,
        };
    }
}
