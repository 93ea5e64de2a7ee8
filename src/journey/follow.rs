//! What events and changes of segments do to the journeys of a user: goals and exits first, then what they wait for, then
//! what begins them.

use crate::journey::context::{Context, EventOccurrence};
use crate::journey::enter::Entry;
use crate::journey::exit::Exit;
use crate::journey::goal::Reached;
use crate::journey::key::InstanceKey;
use crate::journey::plan::{EventUse, JourneyNo, Use};
use crate::journey::runtime::Journeys;
use crate::journey::step::Occurrence;
use crate::journey::{Note, Reason, Trigger, What};
use crate::model::Object;
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
        self.users.wake(user);
        let plan = self.plan.clone();
        let evaluation = cx.evaluation(user);
        for EventUse { journey, what, filter, key: property } in
            plan.by_event.get(event.name).into_iter().flatten()
        {
            let (journey, what) = (*journey, *what);
            if !self.concerns(user, journey, what) || !evaluation.filter(*filter, event.view) {
                continue;
            }
            let key = match property {
                None => Some(InstanceKey::default()),
                Some(property) => event.properties.get_path(property).and_then(InstanceKey::of),
            };
            let at = event.at;
            match (what, key) {
                (Use::Goal, Some(key)) => {
                    self.reach(cx, user, &Reached { journey, key: Some(&key), at }, notes);
                }
                (Use::Exit, Some(key)) => {
                    let key = property.as_ref().map(|_| &key);
                    self.exit(cx, user, Exit { journey, key, at, reason: Reason::Event }, notes);
                }
                (Use::Await { step, condition }, Some(key)) => {
                    self.meet(user, &Occurrence { journey, step, condition, key: Some(&key), at });
                }
                (Use::Enter, Some(key)) => self.enter(
                    cx,
                    user,
                    Entry { journey, key, at, event: Some(event.properties), part: None },
                    notes,
                ),
                (Use::Enter, None) => {
                    let what = What::Refused { reason: Reason::NoKey };
                    self.log(cx, user, notes).note(journey, &InstanceKey::default(), None, what);
                }
                // Without its key an event says nothing of any instance.
                (Use::Goal | Use::Exit | Use::Await { .. }, None) => {}
            }
        }
        true
    }

    /// Begins an instance that the host asks for, if it may begin. To be followed by [`on_time`](Journeys::on_time).
    pub(crate) fn on_call(
        &mut self,
        cx: &Context<'_>,
        user: UserKey,
        journey: JourneyNo,
        properties: &Object,
        notes: &mut Vec<Note>,
    ) {
        let key = match &self.plan.journeys[usize::from(journey)].definition.enter.trigger {
            Trigger::Call { key: Some(property) } => properties.get_path(property).and_then(InstanceKey::of),
            _ => Some(InstanceKey::default()),
        };
        match key {
            Some(key) => {
                self.enter(
                    cx,
                    user,
                    Entry { journey, key, at: cx.now, event: Some(properties), part: None },
                    notes,
                );
            }
            None => {
                let what = What::Refused { reason: Reason::NoKey };
                self.log(cx, user, notes).note(journey, &InstanceKey::default(), None, what);
            }
        }
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
        self.users.wake(user);
        let plan = self.plan.clone();
        let is_await = |what: Use| matches!(what, Use::Await { .. });
        let kinds: [fn(Use) -> bool; 4] =
            [|what| what == Use::Goal, |what| what == Use::Exit, is_await, |what| what == Use::Enter];
        for is_kind in kinds {
            for change in changes {
                let uses = plan.by_segment.get(&(change.id, change.transition)).into_iter().flatten();
                for used in uses.filter(|used| is_kind(used.what)) {
                    let (journey, at) = (used.journey, change.at);
                    let key = change.key.as_ref().and_then(InstanceKey::of);
                    match used.what {
                        Use::Goal => {
                            let key = key.as_ref();
                            self.reach(cx, user, &Reached { journey, key, at }, notes);
                        }
                        Use::Exit => {
                            let (key, reason) = (key.as_ref(), Reason::Segment);
                            self.exit(cx, user, Exit { journey, key, at, reason }, notes);
                        }
                        Use::Await { step, condition } => {
                            let key = key.as_ref();
                            self.meet(user, &Occurrence { journey, step, condition, key, at });
                        }
                        Use::Enter => {
                            let key = key.unwrap_or_default();
                            self.enter(cx, user, Entry { journey, key, at, event: None, part: None }, notes);
                        }
                    }
                }
            }
        }
        true
    }

    /// Whether something can come of a trigger for a user: where nothing can, its condition need not be asked.
    fn concerns(&self, user: UserKey, journey: JourneyNo, what: Use) -> bool {
        match what {
            // Where the user is in nothing and no entry can come late, an exit has nothing to say.
            Use::Exit => {
                let is_known = self.users.contains_key(&user) || self.outbox.has(user);
                is_known || self.plan.journeys[usize::from(journey)].by_event
            }
            Use::Goal => self.users.contains_key(&user),
            Use::Await { step, .. } => self.awaits(user, journey, step),
            Use::Enter => true,
        }
    }
}
