//! Rule 11: the channel takes it. What has to wait has a token from then on, at the instant until which it waits: so
//! those who wait come one by one, and not all together at the next token.

use crate::journey::Reason;
use crate::journey::gate::{Candidate, Verdict, View};
use crate::journey::instance::HAS_TOKEN;

pub(super) fn rule(candidate: &Candidate<'_>, view: &View<'_>) -> Option<Verdict> {
    let throttle = *view.plan.policy.throttles.get(candidate.kind.channel)?;
    if candidate.instance.flags & HAS_TOKEN != 0 {
        return None;
    }
    let (until, reason) =
        (view.throttles.next(candidate.kind.channel, throttle, view.now()), Reason::Throttled);
    if until <= view.now() {
        return None;
    }
    Some(match candidate.is_too_late_at(until) {
        true => Verdict::Skip(reason),
        false => Verdict::Defer { until, reason },
    })
}
