//! What events and changes of segments do to the journeys of a user: exits first, then entries.

use crate::journey::context::{Context, EventOccurrence};
use crate::journey::enter::Entry;
use crate::journey::exit::Exit;
use crate::journey::key::InstanceKey;
use crate::journey::plan::{EventUse, Use};
use crate::journey::runtime::Journeys;
use crate::journey::{Note, Reason, What};
use crate::profile::UserKey;
use crate::segment::Change;

impl Journeys {
    /// Ends instances, then begins them, as an event says, and tells whether any journey names the event. One look
    /// into a table where none does.
    ///
    /// Nothing runs yet: what is due is for [`on_time`](Journeys::on_time).
    pub(crate) fn on_event(
        &mut self,
        cx: &Context<'_>,
        user: UserKey,
        event: &EventOccurrence<'_>,
        notes: &mut Vec<Note>,
    ) -> bool {
        if !self.plan.by_event.contains_key(event.name) {
            return false;
        }
        let plan = self.plan.clone();
        let evaluation = cx.evaluation(user);
        for EventUse { journey, what, filter, key: property } in
            plan.by_event.get(event.name).into_iter().flatten()
        {
            let (journey, is_exit) = (*journey, *what == Use::Exit);
            // Where the user is in nothing and no entry can come late, an exit has nothing to say.
            let is_idle = || {
                let is_known = self.users.contains_key(&user) || self.outbox.has(user);
                !is_known && !plan.journeys[usize::from(journey)].by_event
            };
            if is_exit && is_idle() || !evaluation.filter(*filter, event.view) {
                continue;
            }
            let key = match property {
                None => Some(InstanceKey::default()),
                Some(property) => event.properties.get_path(property).and_then(InstanceKey::of),
            };
            let at = event.at;
            match key {
                Some(key) if is_exit => {
                    let key = property.as_ref().map(|_| &key);
                    self.exit(cx, user, Exit { journey, key, at, reason: Reason::Event }, notes);
                }
                Some(key) => {
                    self.enter(cx, user, Entry { journey, key, at, event: Some(event.properties) }, notes)
                }
                // Without its key an event ends nothing.
                None if is_exit => {}
                None => {
                    let what = What::Refused { reason: Reason::NoKey };
                    self.log(cx, user, notes).note(journey, &InstanceKey::default(), None, what);
                }
            }
        }
        true
    }

    /// Ends instances, then begins them, as changes of segments say, and tells whether any journey names one of them.
    pub(crate) fn on_changes(
        &mut self,
        cx: &Context<'_>,
        user: UserKey,
        changes: &[Change],
        notes: &mut Vec<Note>,
    ) -> bool {
        let is_named = |change: &Change| self.plan.by_segment.contains_key(&(change.id, change.transition));
        if self.plan.by_segment.is_empty() || !changes.iter().any(is_named) {
            return false;
        }
        let plan = self.plan.clone();
        for what in [Use::Exit, Use::Enter] {
            for change in changes {
                let uses = plan.by_segment.get(&(change.id, change.transition)).into_iter().flatten();
                for used in uses.filter(|used| used.what == what) {
                    let (journey, at) = (used.journey, change.at);
                    let key = change.key.as_ref().and_then(InstanceKey::of);
                    if what == Use::Exit {
                        let (key, reason) = (key.as_ref(), Reason::Segment);
                        self.exit(cx, user, Exit { journey, key, at, reason }, notes);
                    } else {
                        let key = key.unwrap_or_default();
                        self.enter(cx, user, Entry { journey, key, at, event: None }, notes);
                    }
                }
            }
        }
        true
    }
}
