use crate::model::record_choice;
use serde::{Serialize, Serializer};
use std::fmt;

/// Why a journey did not do something: the word that notes and counters show.
///
/// ```
/// use bespoke::journey::Reason;
/// assert_eq!(Reason::Cap.to_string(), "cap");
/// assert_eq!(serde_json::to_string(&Reason::ExpiresInQuietHours)?, r#""expires in quiet hours""#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Not entered: the event lies too far before the clock.
    Late,
    /// Not entered: the event is older than what ended the journey last, or than the entry that is running.
    OlderThanExit,
    /// Not entered: the user is in the journey.
    InIt,
    /// Not entered: the user was in the journey, and it is entered once.
    OnceOnly,
    /// Not entered: the last exit is too recent.
    TooSoon,
    /// Not entered: the audience does not hold for the user.
    NotInAudience,
    /// Not entered: the event lacks the property that keys the journey, or it is neither text nor number.
    NoKey,
    /// Not entered: the user is in too many journeys at once.
    TooMany,
    /// Not sent: it would come later than it makes sense.
    Expired,
    /// Not sent: quiet hours last longer than it makes sense.
    ExpiresInQuietHours,
    /// Not sent: the user has had as many messages as a cap allows.
    Cap,
    /// Not sent: the user does not agree to its purpose.
    NoConsent,
    /// Not sent: the user does not want it by this channel.
    Unsubscribed,
    /// Not sent: what is known of the user is not to be processed.
    Restricted,
    /// Not sent: its template cannot be rendered for this user.
    Template,
    /// Not sent: the journey was left while the action waited in the outbox.
    Left,
    /// Not sent: the journey started over while the action waited in the outbox.
    StartedOver,
    /// Not sent: it expired while it waited in the outbox.
    ExpiredInOutbox,
    /// Not sent: the host reports that it failed.
    Failed,
    /// Not sent: the user has no address in the channel, or the host reports that the user cannot be reached.
    Unreachable,
    /// Not sent: the host chose not to.
    Suppressed,
    /// Sent later: quiet hours.
    QuietHours,
    /// Left by an event.
    Event,
    /// Left because a segment was entered or left.
    Segment,
    /// Left because too many steps came at one instant.
    LoopGuard,
    /// Left, or not sent, because the journey or the step is defined no longer.
    Redefined,
    /// Left because two profiles turned out to be one user's, and both were in it.
    Merged,
    /// Not sent: the user is one of those who go through the journey and are sent nothing.
    HeldOut,
    /// Not sent: the user was sent the same lately.
    SameContent,
    /// Not sent: it fell into quiet hours of a channel that drops what does.
    QuietDrop,
    /// Sent later: at the hour at which the user answers best.
    BestTime,
    /// Not sent, or left: it would come later behind its due instant than the journey catches up.
    TooLate,
    /// Left because the goal is reached.
    Goal,
    /// Sent later: the channel takes no more at once.
    Throttled,
    /// Not entered: the instant passed while nobody moved the clock, and a later one counts.
    Missed,
    /// Left because it lasted as long as it may.
    Expires,
    /// Left because the step is no more and leads nowhere else.
    StepRemoved,
    /// Left because the version by which it was entered cannot be run any more, and the step is no more.
    Version,
    /// Waits anew because the user is in another time zone.
    ZoneChanged,
    /// Left, or not sent, because two people who were one came apart: it may be the other's, or tell of them.
    Split,
}

impl Reason {
    /// The rule of the delivery gate that gives this reason, from 1 to 11 in the order in which they are asked; none for
    /// what is no rule of the gate.
    ///
    /// ```
    /// use bespoke::journey::Reason;
    /// assert_eq!(Reason::NoConsent.gate_rule(), Some(2));
    /// assert_eq!(Reason::Late.gate_rule(), None);
    /// ```
    #[must_use]
    pub fn gate_rule(self) -> Option<u8> {
        Some(match self {
            Reason::Left | Reason::Goal => 1,
            Reason::NoConsent | Reason::Unsubscribed | Reason::Restricted => 2,
            Reason::Unreachable => 3,
            Reason::Expired | Reason::TooLate => 4,
            Reason::HeldOut => 5,
            Reason::SameContent => 6,
            Reason::QuietHours | Reason::QuietDrop | Reason::ExpiresInQuietHours => 7,
            Reason::BestTime => 8,
            Reason::Cap => 9,
            Reason::Throttled => 11,
            _ => return None,
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Late => "late",
            Reason::OlderThanExit => "older than what is known",
            Reason::InIt => "in it already",
            Reason::OnceOnly => "once only",
            Reason::TooSoon => "too soon",
            Reason::NotInAudience => "not in the audience",
            Reason::NoKey => "no key",
            Reason::TooMany => "in too many at once",
            Reason::Expired => "expired",
            Reason::ExpiresInQuietHours => "expires in quiet hours",
            Reason::Cap => "cap",
            Reason::NoConsent => "no_consent",
            Reason::Unsubscribed => "unsubscribed",
            Reason::Restricted => "restricted",
            Reason::Template => "its template cannot be rendered",
            Reason::Left => "left before",
            Reason::StartedOver => "started over before",
            Reason::ExpiredInOutbox => "expired in the outbox",
            Reason::Failed => "failed",
            Reason::Unreachable => "unreachable",
            Reason::Suppressed => "suppressed",
            Reason::QuietHours => "quiet hours",
            Reason::Event => "event",
            Reason::Segment => "segment",
            Reason::LoopGuard => "loop_guard",
            Reason::Redefined => "redefined",
            Reason::Merged => "merged",
            Reason::HeldOut => "held out",
            Reason::SameContent => "sent already",
            Reason::QuietDrop => "dropped in quiet hours",
            Reason::BestTime => "best time",
            Reason::TooLate => "too late",
            Reason::Goal => "goal",
            Reason::Throttled => "throttle",
            Reason::Missed => "missed",
            Reason::Expires => "over its time",
            Reason::StepRemoved => "step removed",
            Reason::Version => "version gone",
            Reason::ZoneChanged => "zone changed",
            Reason::Split => "split",
        })
    }
}

record_choice! {
    Reason {
        0 => Late,
        1 => OlderThanExit,
        2 => InIt,
        3 => OnceOnly,
        4 => TooSoon,
        5 => NotInAudience,
        6 => NoKey,
        7 => TooMany,
        8 => Expired,
        9 => ExpiresInQuietHours,
        10 => Cap,
        11 => Template,
        12 => Left,
        13 => StartedOver,
        14 => ExpiredInOutbox,
        15 => Failed,
        16 => Unreachable,
        17 => Suppressed,
        18 => QuietHours,
        19 => Event,
        20 => Segment,
        21 => LoopGuard,
        22 => Redefined,
        23 => Merged,
        24 => NoConsent,
        25 => Unsubscribed,
        26 => Restricted,
        27 => HeldOut,
        28 => SameContent,
        29 => QuietDrop,
        30 => BestTime,
        31 => TooLate,
        32 => Goal,
        33 => Throttled,
        34 => Missed,
        35 => Expires,
        36 => StepRemoved,
        37 => Version,
        38 => ZoneChanged,
        39 => Split,
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
