//! Exits: what ends instances early.

use crate::journey::context::Context;
use crate::journey::instance::Instance;
use crate::journey::key::InstanceKey;
use crate::journey::log::Log;
use crate::journey::plan::JourneyNo;
use crate::journey::runtime::Journeys;
use crate::journey::{Note, Reason, What};
use crate::model::Instant;
use crate::profile::UserKey;

/// What may end instances.
pub(super) struct Exit<'a> {
    pub(super) journey: JourneyNo,
    /// None for instances of any key.
    pub(super) key: Option<&'a InstanceKey>,
    pub(super) at: Instant,
    pub(super) reason: Reason,
}

impl Exit<'_> {
    /// Whether it ends an instance of a key. One without a key it ends whatever its own.
    fn ends(&self, journey: JourneyNo, key: &InstanceKey) -> bool {
        journey == self.journey && key.matches(self.key)
    }
}

impl Journeys {
    /// Ends what an exit ends, and takes back what waits in the outbox, also of instances that are over.
    pub(super) fn exit(&mut self, cx: &Context<'_>, user: UserKey, exit: Exit<'_>, notes: &mut Vec<Note>) {
        let Journeys { plan, users, past, outbox, counts, memory, .. } = self;
        let Exit { journey, key, at, reason } = exit;
        let compiled = &plan.journeys[usize::from(journey)];
        if compiled.by_event && cx.now - at <= compiled.definition.late.tolerance {
            let key = key.cloned().unwrap_or_default();
            past.exit(user, journey, &key, (at, None), cx.now, plan);
        }
        let mut log = Log { plan, counts, notes, user: cx.store.name(user), now: cx.now };
        let mut known = users.get_mut(&user);
        if let Some(known) = &mut known {
            let leaves = |instance: &mut Instance| exit.ends(instance.journey, &instance.key);
            let mut ended: Vec<Instance> = known.instances.extract_if(.., leaves).collect();
            ended.sort_by(|a, b| (&a.key, a.entry).cmp(&(&b.key, b.entry)));
            for instance in &ended {
                log.note(journey, &instance.key, None, What::Exited { reason });
                known.leave_goal_open(instance, plan, cx.now);
                let ended = (at.max(instance.entered), Some(instance.entry));
                past.exit(user, journey, &instance.key, ended, cx.now, plan);
            }
        }
        let lost = outbox.withdraw(user, cx.now, |origin, _| exit.ends(origin.journey, &origin.key));
        log.withdrawn(lost, known.as_deref_mut(), Reason::Left);
        known.into_iter().for_each(|known| known.prune(*memory, cx.now));
    }
}
