//! What users were sent, as far as caps count it.

use crate::journey::{Cap, CapPeriod, Class, DeliveryPolicy};
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
}

fn class_number<S: serde::Serializer>(class: &Class, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u8(*class as u8)
}

record! { Send { at, id, channel, class } }

record_choice! { Class { 0 => Marketing, 1 => Service, 2 => Transactional } }

impl Cap {
    fn covers(&self, channel: &str, class: Class) -> bool {
        self.channel.as_deref().is_none_or(|own| own == channel) && self.counts.contains(&class)
    }

    /// Whether it leaves no room for one more message at `now`.
    pub(crate) fn is_full(
        &self,
        channel: &str,
        class: Class,
        sends: &[Send],
        zone: &Zone,
        now: Instant,
    ) -> bool {
        if !self.covers(channel, class) {
            return false;
        }
        let since = match self.per {
            CapPeriod::Day => zone.period_start(Period::Day, now, 0),
            CapPeriod::Week => zone.period_start(Period::Week, now, 0),
            // What was sent exactly a window ago is out of it.
            CapPeriod::Window(window) => now - window + Duration::from_millis(1),
        };
        let counted = |send: &&Send| send.at >= since && self.covers(&send.channel, send.class);
        sends.iter().filter(counted).count() >= self.max as usize
    }
}

impl DeliveryPolicy {
    /// Whether any cap counts such a message.
    pub(crate) fn is_counted(&self, channel: &str, class: Class) -> bool {
        self.caps.iter().any(|cap| cap.covers(channel, class))
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
