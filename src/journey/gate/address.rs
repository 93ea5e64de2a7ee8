//! Rule 3: the user has an address in the channel.

use crate::journey::Reason;
use crate::journey::gate::{Candidate, Verdict, View};

pub(super) fn rule(candidate: &Candidate<'_>, view: &View<'_>) -> Option<Verdict> {
    let is_reachable = view.permits.is_reachable(view.store, candidate.user, candidate.kind.channel);
    (!is_reachable).then_some(Verdict::Skip(Reason::Unreachable))
}
