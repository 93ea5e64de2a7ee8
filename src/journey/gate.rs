//! The delivery gate: whether a send that is due may go out now. The first rule that fails gives the reason.

use crate::journey::instance::UserJourneys;
use crate::journey::{Cap, CapPeriod, Class, DeliveryPolicy};
use crate::model::{Duration, Instant, Period, Zone};

/// What the gate says.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) enum Verdict {
    Pass,
    /// Quiet hours: try again then.
    Defer(Instant),
    Skip(&'static str),
}

/// A send that is due.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate<'a> {
    pub(crate) class: Class,
    pub(crate) channel: &'a str,
    /// When it was due at first.
    pub(crate) wanted: Instant,
    pub(crate) expires: Option<Duration>,
}

pub(crate) fn judge(
    candidate: Candidate<'_>,
    user: &UserJourneys,
    policy: &DeliveryPolicy,
    zone: &Zone,
    now: Instant,
) -> Verdict {
    if candidate.expires.is_some_and(|expires| now - candidate.wanted >= expires) {
        return Verdict::Skip("expired");
    }
    if candidate.class == Class::Transactional {
        return Verdict::Pass;
    }
    if let Some(end) = policy.quiet.get(candidate.channel).and_then(|quiet| quiet.ends(now, zone)) {
        let too_late = candidate.expires.is_some_and(|expires| end - candidate.wanted >= expires);
        return if too_late { Verdict::Skip("expires in quiet hours") } else { Verdict::Defer(end) };
    }
    if policy.caps.iter().any(|cap| is_full(cap, candidate, user, zone, now)) {
        return Verdict::Skip("cap");
    }
    Verdict::Pass
}

fn is_full(cap: &Cap, candidate: Candidate<'_>, user: &UserJourneys, zone: &Zone, now: Instant) -> bool {
    let of_channel = |channel: &str| cap.channel.as_deref().is_none_or(|own| own == channel);
    if !of_channel(candidate.channel) || !cap.counts.contains(&candidate.class) {
        return false;
    }
    let since = match cap.per {
        CapPeriod::Day => zone.period_start(Period::Day, now, 0),
        CapPeriod::Week => zone.period_start(Period::Week, now, 0),
        // What was sent exactly a window ago is out of it.
        CapPeriod::Window(window) => now - window + Duration::from_millis(1),
    };
    let sent = user
        .sends
        .iter()
        .filter(|send| send.at >= since && of_channel(&send.channel) && cap.counts.contains(&send.class));
    sent.count() >= cap.max as usize
}

/// How long sends must be remembered for the caps, at most.
pub(crate) fn memory(policy: &DeliveryPolicy) -> Duration {
    let span = |cap: &Cap| match cap.per {
        CapPeriod::Day => Duration::days(2),
        CapPeriod::Week => Duration::days(8),
        CapPeriod::Window(window) => window,
    };
    policy.caps.iter().map(span).max().unwrap_or(Duration::ZERO)
}
