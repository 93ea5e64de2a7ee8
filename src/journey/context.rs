//! What goes into this room with each call.

use crate::model::{Instant, Object, Value};
use crate::profile::{ProfileStore, UserKey};
use crate::segment::{Evaluation, EventView, Plan};

/// What a journey may look at.
pub(crate) struct Context<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) store: &'a ProfileStore,
    /// The instant at which this happens, be it over when the host says what time it is.
    pub(crate) now: Instant,
    /// What time it is, as the host says with the input.
    pub(crate) clock: Instant,
    /// Makes content from a template; the room that can lies above this one.
    pub(crate) render: &'a dyn Fn(&RenderRequest<'_>) -> Result<Object, String>,
}

impl<'a> Context<'a> {
    pub(crate) fn evaluation(&self, user: UserKey) -> Evaluation<'a> {
        Evaluation::new(self.plan, self.store, user, self.now)
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
