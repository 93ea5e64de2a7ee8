//! What goes into this room with each call.

use crate::journey::key::InstanceKey;
use crate::model::{Instant, Object, Value};
use crate::profile::{ProfileStore, UserKey};
use crate::segment::{Evaluation, EventView, Memberships, Plan, SegmentId};

/// What a journey may look at.
pub(crate) struct Context<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) store: &'a ProfileStore,
    /// The instant at which this happens, be it over when the host says what time it is.
    pub(crate) now: Instant,
    /// The memberships of the user whom a look is about, where there is a look.
    pub(crate) memberships: Option<&'a Memberships>,
    /// What time it is, as the host says with the input.
    pub(crate) clock: Instant,
    /// Makes content from a template; the room that can lies above this one.
    pub(crate) render: &'a dyn Fn(&RenderRequest<'_>) -> Result<Object, String>,
}

impl<'a> Context<'a> {
    pub(crate) fn evaluation(&self, user: UserKey) -> Evaluation<'a> {
        Evaluation::new(self.plan, self.store, user, self.now)
    }

    /// Whether the user is in a segment now: in one that is keyed, with the key of an instance that has one.
    pub(crate) fn is_member(&self, segment: SegmentId, key: &InstanceKey) -> bool {
        let Some(memberships) = self.memberships else { return false };
        if self.plan.segments[segment.0 as usize].parts.is_none() || key.is_none() {
            return memberships.contains(self.plan, segment);
        }
        let keys = memberships.stays_by_key(segment).map(|(part, _)| self.store.symbols.value(part));
        keys.filter_map(|part| InstanceKey::of(&part)).any(|part| part == *key)
    }
}

/// What content is made for.
#[derive(Debug)]
pub(crate) struct RenderRequest<'a> {
    pub(crate) user: UserKey,
    pub(crate) template: &'a str,
    pub(crate) key: Option<&'a Value>,
    /// The properties of the event that began the instance, where one did.
    pub(crate) event: Option<&'a Object>,
}

/// An event that has just happened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventOccurrence<'a> {
    pub(crate) name: &'a str,
    pub(crate) view: EventView<'a>,
    pub(crate) properties: &'a Object,
    pub(crate) at: Instant,
}
