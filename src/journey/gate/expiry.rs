//! Rule 4: it is not pointless yet.

use crate::journey::Reason;
use crate::journey::gate::{Candidate, Verdict, View};

pub(super) fn rule(candidate: &Candidate<'_>, view: &View<'_>) -> Option<Verdict> {
    candidate.is_too_late_at(view.now()).then_some(Verdict::Skip(Reason::Expired))
}
