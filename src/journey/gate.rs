//! The delivery gate: whether a send that is due may go out now. The first rule that fails gives the reason.

use crate::journey::caps::Send;
use crate::journey::{Class, DeliveryPolicy, Reason};
use crate::model::{Duration, Instant, Zone};

/// What the gate says.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) enum Verdict {
    Pass,
    /// Quiet hours: try again then.
    Defer(Instant),
    Skip(Reason),
}

/// A send that is due.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate<'a> {
    pub(crate) class: Class,
    pub(crate) channel: &'a str,
    /// When it was due at first.
    pub(crate) wanted: Instant,
    pub(crate) expires: Option<Duration>,
    /// Why the user may not be sent it, if so.
    pub(crate) refused: Option<Reason>,
}

/// Expiry, address and consent, quiet hours, caps: in this order, because what waits for the end of quiet hours takes no
/// slot yet.
pub(crate) fn judge(
    candidate: Candidate<'_>,
    sends: &[Send],
    policy: &DeliveryPolicy,
    zone: &Zone,
    now: Instant,
) -> Verdict {
    let Candidate { class, channel, wanted, expires, refused } = candidate;
    if expires.is_some_and(|expires| now - wanted >= expires) {
        return Verdict::Skip(Reason::Expired);
    }
    if let Some(reason) = refused {
        return Verdict::Skip(reason);
    }
    if class == Class::Transactional {
        return Verdict::Pass;
    }
    if let Some(end) = policy.quiet.get(channel).and_then(|quiet| quiet.ends(now, zone)) {
        let too_late = expires.is_some_and(|expires| end - wanted >= expires);
        return if too_late { Verdict::Skip(Reason::ExpiresInQuietHours) } else { Verdict::Defer(end) };
    }
    if policy.caps.iter().any(|cap| cap.is_full(channel, class, sends, zone, now)) {
        return Verdict::Skip(Reason::Cap);
    }
    Verdict::Pass
}
