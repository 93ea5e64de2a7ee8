//! What users were sent, as far as caps count it.

use crate::journey::{Cap, CapPeriod, CapScope, Class, DeliveryPolicy};
use crate::model::{Duration, Instant, Period, Zone, record, record_choice};
use serde::Serialize;
use std::sync::Arc;

/// One message that took a slot of some cap.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Send {
    pub(crate) at: Instant,
    /// Of its action: with it the slot is given back.
    pub(crate) id: u128,
    pub(crate) channel: Arc<str>,
    #[serde(serialize_with = "class_number")]
    pub(crate) class: Class,
    /// Those of its tags that caps count.
    pub(crate) tags: Vec<Arc<str>>,
    /// A hash of what it says, where it is not to be said twice; else 0.
    pub(crate) content: u64,
}

fn class_number<S: serde::Serializer>(class: &Class, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u8(*class as u8)
}

record! { Send { at, id, channel, class, tags, content } }

record_choice! { Class { 0 => Marketing, 1 => Service, 2 => Transactional } }

/// What caps ask of a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind<'a> {
    pub(crate) class: Class,
    pub(crate) channel: &'a str,
    pub(crate) tags: &'a [Arc<str>],
}

impl Send {
    fn kind(&self) -> Kind<'_> {
        Kind { class: self.class, channel: &self.channel, tags: &self.tags }
    }
}

impl Cap {
    pub(crate) fn covers(&self, kind: Kind<'_>) -> bool {
        let is_in_scope = match &self.scope {
            CapScope::Global => true,
            CapScope::Channel(channel) => **channel == *kind.channel,
            CapScope::Tag(tag) => kind.tags.iter().any(|own| **own == **tag),
        };
        is_in_scope && self.counts.contains(&kind.class)
    }

    /// Whether it leaves no room for one more message at `now`.
    pub(crate) fn is_full(&self, kind: Kind<'_>, sends: &[Send], zone: &Zone, now: Instant) -> bool {
        if !self.covers(kind) {
            return false;
        }
        let since = match self.per {
            CapPeriod::Day => zone.period_start(Period::Day, now, 0),
            CapPeriod::Week => zone.period_start(Period::Week, now, 0),
            // What was sent exactly a window ago is out of it.
            CapPeriod::Window(window) => now - window + Duration::from_millis(1),
        };
        let counted = |send: &&Send| send.at >= since && self.covers(send.kind());
        sends.iter().filter(counted).count() >= self.max as usize
    }
}

impl DeliveryPolicy {
    /// Whether any cap counts such a message.
    pub(crate) fn is_counted(&self, kind: Kind<'_>) -> bool {
        self.caps.iter().any(|cap| cap.covers(kind))
    }

    /// Whether any cap counts what has a tag.
    pub(crate) fn counts_tag(&self, tag: &str) -> bool {
        self.caps.iter().any(|cap| matches!(&cap.scope, CapScope::Tag(own) if **own == *tag))
    }

    /// How long sends must be remembered for the caps, at most.
    pub(crate) fn memory(&self) -> Duration {
        let span = |cap: &Cap| match cap.per {
            // A day more, for days that are longer and users who travel.
            CapPeriod::Day => Duration::days(2),
            CapPeriod::Week => Duration::days(8),
            CapPeriod::Window(window) => window,
        };
        self.caps.iter().map(span).max().unwrap_or(Duration::ZERO)
    }
}
