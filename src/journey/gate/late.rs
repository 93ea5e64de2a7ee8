//! The rest of rule 4: it is not later than the journey catches up.

use crate::journey::gate::{Candidate, Verdict, View};
use crate::journey::{Reason, TooLate};
use crate::trigger::{LocalDay, LocalRule, LocalTime};

pub(super) fn rule(candidate: &Candidate<'_>, view: &View<'_>) -> Option<Verdict> {
    let late = view.plan.journeys.get(usize::from(candidate.instance.journey))?.definition.late;
    let clock = view.cx.clock;
    if clock - candidate.instance.due <= late.catch_up {
        return None;
    }
    let reason = Reason::TooLate;
    Some(match late.otherwise {
        TooLate::Skip => Verdict::Skip(reason),
        TooLate::Exit => Verdict::Exit(reason),
        TooLate::NextWindow => {
            let time = LocalTime::from_millis(view.zone.civil(candidate.wanted()).millis as u32);
            let rule = LocalRule { day: LocalDay::Next, at: time.unwrap_or_default() };
            Verdict::Defer { until: rule.after(clock, view.zone), reason }
        }
    })
}
