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
/// let consent = Consent::granted("marketing").channel("email").until(until);
/// let message = Message::consent("u42", consent.source("footer form").policy_version("2026-04"));
/// let json = serde_json::to_value(&message).unwrap();
/// assert_eq!(json["expires"], "2027-01-01T00:00:00Z");
/// assert_eq!(json["policyVersion"], "2026-04");
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
    /// Where the user said it, as the host names its forms and settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Box<str>>,
    /// Which version of the host's policy the user was shown.
    #[serde(rename = "policyVersion", skip_serializing_if = "Option::is_none")]
    pub policy_version: Option<Box<str>>,
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
        let purpose = purpose.into();
        Consent { purpose, channel: None, status, expires: None, source: None, policy_version: None }
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

    /// Where the user said it: a form, a page of settings, a call.
    #[must_use]
    pub fn source(mut self, source: impl Into<Box<str>>) -> Consent {
        self.source = Some(source.into());
        self
    }

    /// Which version of the policy the user was shown.
    #[must_use]
    pub fn policy_version(mut self, version: impl Into<Box<str>>) -> Consent {
        self.policy_version = Some(version.into());
        self
    }
}
