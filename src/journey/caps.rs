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
        self.counted(sends).filter(|send| send.at >= since).count() >= self.max as usize
    }

    fn counted<'s>(&self, sends: &'s [Send]) -> impl Iterator<Item = &'s Send> {
        sends.iter().filter(|send| self.covers(send.kind()))
    }

    /// The first instant after `now` at which it has room again, if nothing more is sent until then; for one that is full
    /// at `now`. Never where it allows nothing.
    fn has_room_at(&self, kind: Kind<'_>, sends: &[Send], zone: &Zone, now: Instant) -> Instant {
        let Some(last_but) = (self.max as usize).checked_sub(1) else { return Instant::MAX };
        if let CapPeriod::Window(window) = self.per {
            // There is room once all are out of the window but one less than may be in it.
            let mut instants: Vec<Instant> = self.counted(sends).map(|send| send.at).collect();
            instants.sort_unstable_by(|a, b| b.cmp(a));
            return instants.get(last_but).map_or(now, |at| *at + window);
        }
        // A day or a week begins with a local day, be it longer or shorter than another; a day that clocks go back into
        // counts once more what was sent in it.
        let mut at = now;
        for _ in 0..DAYS_MAX {
            at = zone.next_day(at);
            if !self.is_full(kind, sends, zone, at) {
                return at;
            }
        }
        Instant::MAX
    }
}

/// Most changes of the local day, or of its clocks, that a week has.
const DAYS_MAX: usize = 16;

impl DeliveryPolicy {
    /// Whether any cap counts such a message.
    pub(crate) fn is_counted(&self, kind: Kind<'_>) -> bool {
        self.caps.iter().any(|cap| cap.covers(kind))
    }

    /// The first instant from `now` on at which no cap is full for a message, if nothing more is sent until then; nothing
    /// where one allows none at all.
    pub(crate) fn frees_at(
        &self,
        kind: Kind<'_>,
        sends: &[Send],
        zone: &Zone,
        now: Instant,
    ) -> Option<Instant> {
        let mut at = now;
        // When one has room another may be full: one of the local day that begins then, for the sends of an hour that comes
        // twice. Each has room for good after a week and a day.
        while let Some(cap) = self.caps.iter().find(|cap| cap.is_full(kind, sends, zone, at)) {
            at = cap.has_room_at(kind, sends, zone, at);
            if at == Instant::MAX {
                return None;
            }
        }
        Some(at)
    }

    /// Whether any cap counts what has a tag.
    pub(crate) fn counts_tag(&self, tag: &str) -> bool {
        self.caps.iter().any(|cap| matches!(&cap.scope, CapScope::Tag(own) if **own == *tag))
    }

    /// How long sends must be remembered for caps, at most.
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

#[cfg(test)]
#[path = "caps_test.rs"]
mod test;
