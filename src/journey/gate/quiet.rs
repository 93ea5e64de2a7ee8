//! Rule 7: quiet hours, which leave out what the user expects.

use crate::journey::gate::{Candidate, Verdict, View};
use crate::journey::{OnQuiet, Reason};

pub(super) fn rule(candidate: &Candidate<'_>, view: &View<'_>) -> Option<Verdict> {
    let quiet = view.plan.policy.quiet.get(candidate.kind.channel)?;
    if candidate.is_expected() || quiet.on == OnQuiet::Bypass {
        return None;
    }
    let until = quiet.hours.ends(view.now(), view.zone)?;
    Some(match quiet.on {
        OnQuiet::Drop => Verdict::Skip(Reason::QuietDrop),
        // It is said at once, and not at the end of a night that it does not outlast.
        _ if candidate.is_too_late_at(until) => Verdict::Skip(Reason::ExpiresInQuietHours),
        _ => Verdict::Defer { until, reason: Reason::QuietHours },
    })
}
