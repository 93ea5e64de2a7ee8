//! Rule 6: the user was not sent the same lately.

use crate::journey::Reason;
use crate::journey::gate::{Candidate, Verdict, View};

pub(super) fn rule(candidate: &Candidate<'_>, view: &View<'_>) -> Option<Verdict> {
    let (content, window) = (candidate.content?, candidate.send.dedup?);
    // What was sent exactly so long ago is out of it.
    let is_same = |at, known| known == content && view.now() - at < window;
    let is_known = view.sends.iter().any(|send| is_same(send.at, send.content));
    is_known.then_some(Verdict::Skip(Reason::SameContent))
}
