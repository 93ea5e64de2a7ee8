//! The rest of rule 4: it is not later than the journey catches up.

use crate::journey::gate::{Candidate, Verdict, View};
use crate::journey::{Reason, TooLate};
use crate::trigger::{LocalDay, LocalRule, LocalTime};

pub(super) fn rule(candidate: &Candidate<'_>, view: &View<'_>) -> Option<Verdict> {
    if view.clock - candidate.due <= candidate.late.catch_up {
        return None;
    }
    let reason = Reason::TooLate;
    Some(match candidate.late.otherwise {
        TooLate::Skip => Verdict::Skip(reason),
        TooLate::Exit => Verdict::Exit(reason),
        TooLate::NextWindow => {
            let time = LocalTime::from_millis(view.zone.civil(candidate.wanted).millis as u32);
            let rule = LocalRule { day: LocalDay::Next, at: time.unwrap_or_default() };
            Verdict::Defer { until: rule.after(view.clock, view.zone), reason }
        }
    })
}
