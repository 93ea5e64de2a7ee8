//! Rule 9: caps, which leave out what the user expects. They come behind quiet hours, because what waits for the
//! morning takes no slot yet.

use crate::journey::gate::{Candidate, Verdict, View};
use crate::journey::plan::CompiledCapped;
use crate::journey::{Capped, Reason};

pub(super) fn rule(candidate: &Candidate<'_>, view: &View<'_>) -> Option<Verdict> {
    if candidate.is_expected() {
        return None;
    }
    let (policy, kind, now) = (&view.plan.policy, candidate.kind, view.now());
    let mut full = policy.caps.iter().filter(|cap| cap.is_full(kind, view.sends, view.zone, now)).peekable();
    full.peek()?;
    let reason = Reason::Cap;
    let defers = match candidate.send.capped {
        Some(CompiledCapped::To(to)) => return Some(Verdict::Jump { to, reason }),
        Some(CompiledCapped::Defer) => true,
        Some(CompiledCapped::Skip) => false,
        // It waits only where every cap in its way lets it.
        None => full.all(|cap| cap.capped == Capped::Defer),
    };
    let freed = policy.frees_at(kind, view.sends, view.zone, now).filter(|_| defers);
    Some(match freed.filter(|until| !candidate.is_too_late_at(*until)) {
        Some(until) => Verdict::Defer { until, reason },
        None => Verdict::Skip(reason),
    })
}
