use crate::model::Instant;
use serde::Serialize;

/// What a user says to the use of what is known of them for a purpose, as in `{"type":"consent", …}`.
///
/// Of several records of one purpose and channel the one with the latest instant holds; on a tie, the stricter one.
/// One that has expired holds no longer.
///
/// ```
/// use bespoke::model::{Consent, Instant, Message};
/// let until: Instant = "2027-01-01T00:00:00Z".parse().unwrap();
/// let message = Message::consent("u42", Consent::granted("marketing").channel("email").until(until));
/// let json = serde_json::to_string(&message).unwrap();
/// assert_eq!(
///     json,
///     r#"{"type":"consent","userId":"u42","purpose":"marketing","channel":"email","status":"granted","expires":"2027-01-01T00:00:00Z"}"#
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Consent {
    /// For what.
    pub purpose: Box<str>,
    /// By which channel; for all of which there is no record of their own where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<Box<str>>,
    /// What the user says.
    pub status: ConsentStatus,
    /// From which instant on the record is none any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Instant>,
}

/// What a user says to a purpose. The order is from the laxest to the strictest.
///
/// ```
/// use bespoke::model::ConsentStatus;
/// assert!(ConsentStatus::Granted < ConsentStatus::Denied);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ConsentStatus {
    /// Yes.
    Granted,
    /// No.
    Denied,
    /// No longer.
    Withdrawn,
}

impl ConsentStatus {
    const ALL: [(&str, ConsentStatus); 3] = [
        ("granted", ConsentStatus::Granted),
        ("denied", ConsentStatus::Denied),
        ("withdrawn", ConsentStatus::Withdrawn),
    ];

    /// The status by its word.
    pub(crate) fn named(word: &str) -> Option<ConsentStatus> {
        ConsentStatus::ALL.iter().find(|(own, _)| *own == word).map(|(_, status)| *status)
    }

    /// Its word.
    pub(crate) fn word(self) -> &'static str {
        ConsentStatus::ALL[self as usize].0
    }
}

impl Consent {
    fn new(purpose: impl Into<Box<str>>, status: ConsentStatus) -> Consent {
        Consent { purpose: purpose.into(), channel: None, status, expires: None }
    }

    /// The user agrees.
    #[must_use]
    pub fn granted(purpose: impl Into<Box<str>>) -> Consent {
        Consent::new(purpose, ConsentStatus::Granted)
    }

    /// The user does not agree.
    #[must_use]
    pub fn denied(purpose: impl Into<Box<str>>) -> Consent {
        Consent::new(purpose, ConsentStatus::Denied)
    }

    /// The user agrees no longer.
    #[must_use]
    pub fn withdrawn(purpose: impl Into<Box<str>>) -> Consent {
        Consent::new(purpose, ConsentStatus::Withdrawn)
    }

    /// For one channel only.
    #[must_use]
    pub fn channel(mut self, channel: impl Into<Box<str>>) -> Consent {
        self.channel = Some(channel.into());
        self
    }

    /// Until an instant, exclusive.
    #[must_use]
    pub fn until(mut self, expires: Instant) -> Consent {
        self.expires = Some(expires);
        self
    }
}
