//! Rule 8: it is the hour at which the user answers best, as far as the send allows that hour and it is not quiet.
//!
//! The hour is chosen once, when the send comes here for the first time that it may go out; what else defers it then does
//! not choose anew, because the logged probability is that of one choice.

use crate::journey::best_time::{BestTime, Wish};
use crate::journey::gate::{Candidate, Verdict, View};
use crate::journey::{Reason, SendTimePolicy};

pub(super) fn rule(candidate: &Candidate<'_>, view: &View<'_>) -> Option<Verdict> {
    if !candidate.send.definition.at_best || candidate.instance.probability().is_some() {
        return None;
    }
    let reason = Reason::BestTime;
    match best_time(candidate, view) {
        None => Some(Verdict::Skip(reason)),
        Some(best) => (best.at > view.now()).then_some(Verdict::Defer { until: best.at, reason }),
    }
}

/// The best time for a send from now on; nothing where it asks for none, or no hour is left to it.
pub(super) fn best_time(candidate: &Candidate<'_>, view: &View<'_>) -> Option<BestTime> {
    let send = &candidate.send.definition;
    if !send.at_best {
        return None;
    }
    let quiet = view.plan.policy.quiet_hours(candidate.kind.channel).filter(|_| !candidate.is_expected());
    let of_policy =
        || view.plan.policy.send_time.as_ref().and_then(|policy: &SendTimePolicy| policy.fallback);
    let wish = Wish {
        from: view.now(),
        before: candidate.expires_at(),
        between: send.between,
        fallback: send.fallback.or_else(of_policy),
        quiet,
        draw: candidate.id,
    };
    wish.best(view.cx, view.plan, view.times, candidate.user)
}
