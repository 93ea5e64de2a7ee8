//! Rule 2: the user agrees to the purpose, by this channel.

use crate::journey::gate::{Candidate, Verdict, View};

pub(super) fn rule(candidate: &Candidate<'_>, view: &View<'_>) -> Option<Verdict> {
    let Candidate { user, kind, .. } = *candidate;
    view.permits.agreed(view.store, user, kind.class, kind.channel, view.now).err().map(Verdict::Skip)
}
