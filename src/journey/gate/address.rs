//! Rule 3: the user has an address in the channel, or the journey goes on where it says so.

use crate::journey::Reason;
use crate::journey::gate::{Candidate, Verdict, View};

pub(super) fn rule(candidate: &Candidate<'_>, view: &View<'_>) -> Option<Verdict> {
    let reason = Reason::Unreachable;
    if view.plan.permits.is_reachable(view.cx.store, candidate.user, candidate.kind.channel) {
        return None;
    }
    Some(match candidate.send.unreachable {
        Some(to) => Verdict::Jump { to, reason },
        None => Verdict::Skip(reason),
    })
}
