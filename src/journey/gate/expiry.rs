//! Rule 4: it is not pointless yet.

use crate::journey::Reason;
use crate::journey::gate::{Candidate, Verdict, View};

pub(super) fn rule(candidate: &Candidate<'_>, view: &View<'_>) -> Option<Verdict> {
    let expires = candidate.send.definition.expires?;
    (view.now - candidate.wanted >= expires).then_some(Verdict::Skip(Reason::Expired))
}
