//! How often each journey did what.

use crate::journey::compile::{GONE, JourneyNo, JourneyPlan};
use crate::journey::{Reason, What};
use crate::model::Instant;
use std::collections::BTreeMap;

/// Counters by journey and by what it did, instants left aside. Counting allocates only what is new.
#[derive(Debug, Default)]
pub(crate) struct Counts(BTreeMap<(JourneyNo, What), u64>);

impl Counts {
    pub(crate) fn add(&mut self, journey: JourneyNo, what: &What) {
        let what = match what {
            What::Waiting { .. } => What::Waiting { until: Instant::MIN },
            What::Deferred { reason, .. } => What::Deferred { until: Instant::MIN, reason: *reason },
            // Both are messages that were not sent.
            What::Withdrawn { reason } => What::Skipped { reason: *reason },
            what => what.clone(),
        };
        *self.0.entry((journey, what)).or_default() += 1;
    }

    pub(crate) fn not_sent(&mut self, journey: JourneyNo, reason: Reason) {
        if journey != GONE {
            self.add(journey, &What::Skipped { reason });
        }
    }

    /// Gives journeys their new numbers; what was counted of those that have none goes.
    pub(crate) fn relocate(&mut self, to: impl Fn(JourneyNo) -> Option<JourneyNo>) {
        let counts = std::mem::take(&mut self.0).into_iter();
        self.0 = counts.filter_map(|((journey, what), n)| Some(((to(journey)?, what), n))).collect();
    }

    /// By the names of the journeys and words such as `not sent: cap`.
    pub(crate) fn named(&self, plan: &JourneyPlan) -> BTreeMap<(String, String), u64> {
        let name = |journey: JourneyNo| plan.journeys[usize::from(journey)].name.to_string();
        let word = |what: &What| match what {
            What::Waiting { .. } => "waited".to_owned(),
            What::Deferred { reason, .. } => format!("deferred: {reason}"),
            what => what.to_string(),
        };
        self.0.iter().map(|((journey, what), n)| ((name(*journey), word(what)), *n)).collect()
    }
}
