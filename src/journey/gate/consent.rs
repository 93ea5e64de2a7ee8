//! Rule 2: the user agrees to the purpose, by this channel.

use crate::journey::gate::{Candidate, Verdict, View};

pub(super) fn rule(candidate: &Candidate<'_>, view: &View<'_>) -> Option<Verdict> {
    let (store, purpose) = (view.cx.store, candidate.send.purpose.as_deref());
    let agreed = view.plan.permits.agreed(store, candidate.user, purpose, candidate.kind.channel, view.now());
    agreed.err().map(Verdict::Skip)
}
