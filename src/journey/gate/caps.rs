//! Rule 9: caps, which leave out what the user expects. They come behind quiet hours, because what waits for the
//! morning takes no slot yet.

use crate::journey::gate::{Candidate, Verdict, View};
use crate::journey::{Class, Reason};

pub(super) fn rule(candidate: &Candidate<'_>, view: &View<'_>) -> Option<Verdict> {
    let View { policy, sends, zone, now, .. } = *view;
    let is_full = candidate.kind.class != Class::Transactional
        && policy.caps.iter().any(|cap| cap.is_full(candidate.kind, sends, zone, now));
    is_full.then_some(Verdict::Skip(Reason::Cap))
}
