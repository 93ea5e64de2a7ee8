//! Rule 7: quiet hours, which leave out what the user expects.

use crate::journey::gate::{Candidate, Verdict, View};
use crate::journey::{Class, Reason};

pub(super) fn rule(candidate: &Candidate<'_>, view: &View<'_>) -> Option<Verdict> {
    if candidate.kind.class == Class::Transactional {
        return None;
    }
    let until = view.policy.quiet.get(candidate.kind.channel)?.hours.ends(view.now, view.zone)?;
    // It is said at once, and not at the end of a night that it does not outlast.
    let expires = candidate.send.definition.expires;
    let is_too_late = expires.is_some_and(|expires| until - candidate.wanted >= expires);
    Some(match is_too_late {
        true => Verdict::Skip(Reason::ExpiresInQuietHours),
        false => Verdict::Defer { until, reason: Reason::QuietHours },
    })
}
