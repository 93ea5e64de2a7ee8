use crate::journey::compile::{CompiledAction, EventUse, JourneyNo, JourneyPlan};
use crate::journey::context::{Context, EventOccurrence};
use crate::journey::counts::Counts;
use crate::journey::instance::{Instance, UserJourneys};
use crate::journey::key::InstanceKey;
use crate::journey::outbox::{Answer, Lost, Origin, Outbox};
use crate::journey::past::Past;
use crate::journey::run::{Ready, Run, Stop};
use crate::journey::{Action, Delivery, LATE_MAX, Note, OutboxStats, Reason, Reentry, What};
use crate::model::{Duration, Instant, Object, Value};
use crate::profile::{ProfileStore, UserKey};
use crate::segment::Change;
use hashbrown::HashMap;
use serde::Serialize;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

/// Most instances of one user at a time: keys come from messages, and memory is the host's.
const INSTANCES_MAX: usize = 256;

/// The journeys of all users of a partition, and their outbox.
///
/// Invariants: 1. a user is in `users` while in a journey, or counted by a cap. 2. a slot of a cap is taken exactly
/// while its action is in the outbox or was answered as not lost; of a profile that was split from another also what that
/// one was sent.
#[derive(Debug)]
pub(crate) struct Journeys {
    pub(super) plan: Arc<JourneyPlan>,
    pub(super) users: HashMap<UserKey, UserJourneys, ahash::RandomState>,
    pub(super) past: Past,
    pub(super) outbox: Outbox,
    pub(super) counts: Counts,
    /// How long caps look back.
    pub(super) memory: Duration,
}

/// Where notes go: written down, and counted.
pub(super) struct Log<'a> {
    pub(super) plan: &'a JourneyPlan,
    pub(super) counts: &'a mut Counts,
    pub(super) notes: &'a mut Vec<Note>,
    pub(super) user: &'a Arc<str>,
    pub(super) now: Instant,
}

impl Log<'_> {
    pub(super) fn note(&mut self, journey: JourneyNo, key: &InstanceKey, step: Option<u16>, what: What) {
        self.counts.add(journey, &what);
        let compiled = &self.plan.journeys[usize::from(journey)];
        let step = step.and_then(|step| compiled.steps.get(usize::from(step)));
        self.notes.push(Note {
            at: self.now,
            user: self.user.clone(),
            journey: compiled.name.clone(),
            step: step.map(|step| step.id.clone()),
            key: key.value().cloned(),
            what,
        });
    }

    /// Notes actions that were taken back, and gives their slots back.
    pub(super) fn withdrawn(&mut self, lost: Vec<Lost>, user: Option<&mut UserJourneys>, reason: Reason) {
        if let Some(user) = user.filter(|_| !lost.is_empty()) {
            user.sends.retain(|send| lost.iter().all(|lost| lost.id != send.id));
        }
        for (journey, action) in lost.into_iter().filter_map(|lost| Some((lost.journey, lost.action?))) {
            let steps = &self.plan.journeys[usize::from(journey)].steps;
            let step = steps.iter().position(|step| step.id == action.step).map(|step| step as u16);
            let key = action.key.as_ref().and_then(InstanceKey::of).unwrap_or_default();
            self.note(journey, &key, step, What::Withdrawn { reason });
        }
    }
}

/// What may begin an instance.
struct Entry<'a> {
    journey: JourneyNo,
    key: InstanceKey,
    at: Instant,
    event: Option<&'a Object>,
}

/// What may end instances.
struct Exit<'a> {
    journey: JourneyNo,
    /// None for instances of any key.
    key: Option<&'a InstanceKey>,
    at: Instant,
    reason: Reason,
}

impl Exit<'_> {
    /// Whether it ends an instance of a key. One without a key it ends whatever its own.
    fn ends(&self, journey: JourneyNo, key: Option<&Value>) -> bool {
        let own = self.key.and_then(InstanceKey::value);
        journey == self.journey && (own.is_none() || key.is_none() || own == key)
    }
}

impl Journeys {
    pub(crate) fn new(plan: Arc<JourneyPlan>) -> Journeys {
        let memory = plan.policy.memory();
        Journeys {
            plan,
            users: HashMap::default(),
            past: Past::default(),
            outbox: Outbox::default(),
            counts: Counts::default(),
            memory,
        }
    }

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
        for EventUse { journey, is_exit, filter, key: property } in
            plan.by_event.get(event.name).into_iter().flatten()
        {
            let journey = *journey;
            // Where the user is in nothing and no entry can come late, an exit has nothing to say.
            let is_idle = || {
                let is_known = self.users.contains_key(&user) || self.outbox.has(user);
                !is_known && !plan.journeys[usize::from(journey)].by_event
            };
            if *is_exit && is_idle() || !evaluation.filter(*filter, event.view) {
                continue;
            }
            let key = match property {
                None => Some(InstanceKey::default()),
                Some(property) => event.properties.get_path(property).and_then(InstanceKey::of),
            };
            let at = event.at;
            match key {
                Some(key) if *is_exit => {
                    let key = property.as_ref().map(|_| &key);
                    self.exit(cx, user, Exit { journey, key, at, reason: Reason::Event }, notes);
                }
                Some(key) => {
                    self.enter(cx, user, Entry { journey, key, at, event: Some(event.properties) }, notes)
                }
                // Without its key an event ends nothing.
                None if *is_exit => {}
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
        for exits in [true, false] {
            for change in changes {
                let uses = plan.by_segment.get(&(change.id, change.transition)).into_iter().flatten();
                for used in uses.filter(|used| used.is_exit == exits) {
                    let (journey, at) = (used.journey, change.at);
                    let key = change.key.as_ref().and_then(InstanceKey::of);
                    if exits {
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

    fn log<'a>(&'a mut self, cx: &'a Context<'_>, user: UserKey, notes: &'a mut Vec<Note>) -> Log<'a> {
        let Journeys { plan, counts, .. } = self;
        Log { plan, counts, notes, user: cx.store.name(user), now: cx.now }
    }

    /// Why a user may not enter, if so. What costs most comes last.
    fn refuses(&self, cx: &Context<'_>, user: UserKey, entry: &Entry<'_>) -> Option<Reason> {
        let compiled = &self.plan.journeys[usize::from(entry.journey)];
        if cx.now - entry.at > LATE_MAX {
            return Some(Reason::Late);
        }
        let known = self.users.get(&user);
        if let Some(known) = known {
            match known.find(entry.journey, &entry.key).map(|place| &known.instances[place]) {
                Some(_) if compiled.reentry != Reentry::Restart => return Some(Reason::InIt),
                Some(running) if entry.at < running.entered => return Some(Reason::OlderThanExit),
                Some(_) => {}
                None if known.instances.len() >= INSTANCES_MAX => return Some(Reason::TooMany),
                None => {}
            }
        }
        self.past.refuses(user, entry.journey, &entry.key, entry.at, compiled.reentry).or_else(|| {
            let is_outside = |audience| !cx.evaluation(user).condition(audience);
            compiled.audience.is_some_and(is_outside).then_some(Reason::NotInAudience)
        })
    }

    fn enter(&mut self, cx: &Context<'_>, user: UserKey, entry: Entry<'_>, notes: &mut Vec<Note>) {
        let refused = self.refuses(cx, user, &entry);
        let Journeys { plan, users, past, outbox, counts, .. } = self;
        let mut log = Log { plan, counts, notes, user: cx.store.name(user), now: cx.now };
        let Entry { journey, key, at, event } = entry;
        if let Some(reason) = refused {
            return log.note(journey, &key, None, What::Refused { reason });
        }
        let mut instance = Instance::new(journey, key, past.enter(user, journey), at);
        if plan.journeys[usize::from(journey)].keeps_event {
            instance.event = event.map(|event| Box::new(event.clone()));
        }
        let known = users.entry(user).or_default();
        match known.find(journey, &instance.key) {
            Some(place) => {
                let key = instance.key.value();
                let is_own = |of: JourneyNo, action: &Action| of == journey && action.key.as_ref() == key;
                log.withdrawn(outbox.withdraw(user, is_own), Some(known), Reason::StartedOver);
                log.note(journey, &instance.key, None, What::Restarted);
                known.instances[place] = instance;
            }
            None => {
                log.note(journey, &instance.key, None, What::Entered);
                known.add(instance);
            }
        }
    }

    /// Ends what an exit ends, and takes back what waits in the outbox, also of instances that are over.
    fn exit(&mut self, cx: &Context<'_>, user: UserKey, exit: Exit<'_>, notes: &mut Vec<Note>) {
        let Journeys { plan, users, past, outbox, counts, memory } = self;
        let Exit { journey, key, at, reason } = exit;
        if plan.journeys[usize::from(journey)].by_event && cx.now - at <= LATE_MAX {
            let key = key.cloned().unwrap_or_default();
            past.exit(user, journey, &key, (at, false), cx.now, plan);
        }
        let mut log = Log { plan, counts, notes, user: cx.store.name(user), now: cx.now };
        let mut known = users.get_mut(&user);
        if let Some(known) = &mut known {
            let leaves = |instance: &mut Instance| exit.ends(instance.journey, instance.key.value());
            let mut ended: Vec<Instance> = known.instances.extract_if(.., leaves).collect();
            ended.sort_by(|a, b| a.key.cmp(&b.key));
            for instance in &ended {
                log.note(journey, &instance.key, None, What::Exited { reason });
                past.exit(user, journey, &instance.key, (at.max(instance.entered), true), cx.now, plan);
            }
        }
        let lost = outbox.withdraw(user, |journey, action| exit.ends(journey, action.key.as_ref()));
        log.withdrawn(lost, known.as_deref_mut(), Reason::Left);
        if known.is_some_and(|known| known.prune(*memory, cx.now)) {
            users.remove(&user);
        }
    }

    /// Whether a user is in a journey, for any key.
    pub(crate) fn is_in(&self, user: UserKey, journey: JourneyNo) -> bool {
        let known = self.users.get(&user);
        known.is_some_and(|known| known.instances.iter().any(|instance| instance.journey == journey))
    }

    /// The earliest instant at which an instance of a user goes on. O(instances of the user).
    pub(crate) fn deadline(&self, user: UserKey) -> Option<Instant> {
        self.users.get(&user)?.deadline()
    }

    /// Runs what is due, in order of due instant, journey, key and entry: each instance up to its next send. Then the
    /// sends, in order of class, priority, journey, key and entry, because each may use up what a cap leaves for the
    /// next.
    pub(crate) fn on_time(&mut self, cx: &Context<'_>, user: UserKey, notes: &mut Vec<Note>) {
        let Journeys { plan, users, past, outbox, counts, memory } = self;
        let Some(known) = users.get_mut(&user) else { return };
        let plan: &JourneyPlan = plan;
        let log = Log { plan, counts, notes, user: cx.store.name(user), now: cx.now };
        let mut due: Vec<Instance> =
            known.instances.extract_if(.., |instance| instance.due <= cx.now).collect();
        due.sort_by(|a, b| a.order().cmp(&b.order()));
        let mut run = Run { cx, plan, user, known, past, outbox, log };
        let mut ready: BinaryHeap<Ready> = BinaryHeap::new();
        for instance in due {
            if let Stop::AtSend(at_send) = run.walk(instance, 0) {
                ready.push(at_send);
            }
        }
        while let Some(next) = ready.pop() {
            if let Some((instance, steps)) = run.send(next)
                && let Stop::AtSend(at_send) = run.walk(instance, steps)
            {
                ready.push(at_send);
            }
        }
        if known.prune(*memory, cx.now) {
            users.remove(&user);
        }
    }

    /// How many instances a user has, and how many actions that wait or were answered lately.
    pub(crate) fn held(&self, user: UserKey) -> (usize, usize) {
        let instances = self.users.get(&user).map_or(0, |known| known.instances.len());
        (instances, self.outbox.held(user))
    }

    /// Takes back what waits in the outbox and may not go out any more, now that the user agrees to something else.
    pub(crate) fn withdraw_refused(&mut self, cx: &Context<'_>, user: UserKey, notes: &mut Vec<Note>) {
        let Journeys { plan, outbox, .. } = self;
        let refused = |journey: JourneyNo, action: &Action| {
            let class = plan.journeys.get(usize::from(journey))?.class;
            plan.permits.check(cx.store, user, (class, &action.channel), cx.now).err()
        };
        for reason in [Reason::Unreachable, Reason::NoConsent, Reason::Unsubscribed] {
            let lost = outbox.withdraw(user, |journey, action| refused(journey, action) == Some(reason));
            let mut log =
                Log { plan, counts: &mut self.counts, notes, user: cx.store.name(user), now: cx.now };
            log.withdrawn(lost, self.users.get_mut(&user), reason);
        }
        self.drop_empty(user);
    }

    /// Whose actions wait or were answered lately; some more than once, in no order.
    pub(crate) fn users_with_actions(&self) -> Vec<UserKey> {
        self.outbox.users_of(|_| true)
    }

    /// Takes back all of a user that waits in the outbox.
    pub(crate) fn withdraw_all(
        &mut self,
        cx: &Context<'_>,
        user: UserKey,
        reason: Reason,
        notes: &mut Vec<Note>,
    ) {
        let lost = self.outbox.withdraw(user, |_, _| true);
        let Journeys { plan, users, counts, .. } = self;
        let mut log = Log { plan, counts, notes, user: cx.store.name(user), now: cx.now };
        log.withdrawn(lost, users.get_mut(&user), reason);
        self.drop_empty(user);
    }

    /// Drops everything of a user, also what the host holds: to be called before the profile goes.
    pub(crate) fn forget(&mut self, user: UserKey) {
        self.users.remove(&user);
        self.past.take(user);
        self.outbox.forget(user);
    }

    /// Takes over the journeys of an absorbed profile: both go on, the same one with the same key once, the earlier.
    /// What was sent counts together, and pending actions keep their ids.
    pub(crate) fn absorb(&mut self, cx: &Context<'_>, from: UserKey, into: UserKey, notes: &mut Vec<Note>) {
        let Journeys { plan, users, past, outbox, counts, .. } = self;
        outbox.readdress(from, into);
        let moved = past.absorb(from, into, cx.now, plan);
        let Some(mut other) = users.remove(&from) else { return };
        for instance in &mut other.instances {
            // Else two entries of one user could have one number, and their actions one id.
            let by = moved.get(usize::from(instance.journey)).copied().unwrap_or(0);
            instance.entry = instance.entry.saturating_add(by);
        }
        let mut log = Log { plan, counts, notes, user: cx.store.name(into), now: cx.now };
        for ended in users.entry(into).or_default().absorb(other) {
            log.note(ended.journey, &ended.key, None, What::Exited { reason: Reason::Merged });
        }
    }

    /// A profile is on its own again that another had absorbed: what that one is in and what waits stay with it, and
    /// both remember what either has sent and entered, so that nobody gets more for it.
    pub(crate) fn split(&mut self, from: UserKey, part: UserKey, now: Instant) {
        self.past.split(from, part, now, &self.plan);
        let sends = self.users.get(&from).map(|known| known.sends.clone()).unwrap_or_default();
        if !sends.is_empty() {
            self.users.insert(part, UserJourneys { instances: Vec::new(), sends });
        }
    }

    /// Hands out at most `limit` actions, leased until an instant. What has expired meanwhile is dropped, and has to be
    /// [given back](Journeys::give_back).
    pub(crate) fn lease(
        &mut self,
        limit: usize,
        until: Instant,
        now: Instant,
        store: &ProfileStore,
    ) -> (Vec<Action>, Vec<Lost>) {
        let (actions, expired) = self.outbox.lease(limit, until, now, store);
        expired.iter().for_each(|lost| self.counts.not_sent(lost.journey, Reason::ExpiredInOutbox));
        (actions, expired)
    }

    /// Whether an action would be handed out now.
    pub(crate) fn has_ready(&self, now: Instant) -> bool {
        self.outbox.has_ready(now)
    }

    /// Whose an action is.
    pub(crate) fn owner(&self, action: &str) -> Option<UserKey> {
        self.outbox.owner(action)
    }

    /// Takes what the host says of an action. Twice, or of an unknown one, it is counted and changes nothing.
    pub(crate) fn acknowledge(&mut self, id: &str, delivery: Delivery, now: Instant) -> Answer {
        let answer = self.outbox.acknowledge(id, delivery, now);
        if let Some(lost) = &answer.lost {
            let reason = match delivery {
                Delivery::Unreachable => Reason::Unreachable,
                Delivery::Suppressed => Reason::Suppressed,
                _ => Reason::Failed,
            };
            self.counts.not_sent(lost.journey, reason);
            self.give_back(lost);
        }
        answer
    }

    /// What an action was about, for the event that records what became of it.
    pub(crate) fn about(&self, origin: Origin) -> Object {
        let mut about = Object::new();
        // It may be gone, or the step, since the action went out.
        let Some(journey) = self.plan.journeys.get(usize::from(origin.journey)) else { return about };
        about.set("journey", &*journey.name);
        if let Some(step) = journey.steps.get(usize::from(origin.step)) {
            about.set("step", &*step.id);
            if let CompiledAction::Send { channel, template, .. } = &step.action {
                about.set("channel", &**channel);
                about.set("template", &**template);
            }
        }
        about
    }

    /// A message that did not reach the user is not counted by caps.
    pub(crate) fn give_back(&mut self, lost: &Lost) {
        if let Some(known) = self.users.get_mut(&lost.user) {
            known.sends.retain(|send| send.id != lost.id);
        }
        self.drop_empty(lost.user);
    }

    fn drop_empty(&mut self, user: UserKey) {
        let is_empty = |known: &UserJourneys| known.instances.is_empty() && known.sends.is_empty();
        if self.users.get(&user).is_some_and(is_empty) {
            self.users.remove(&user);
        }
    }

    /// How often each journey did what, and how often not and why: by journey and reason.
    pub(crate) fn counts(&self) -> BTreeMap<(String, String), u64> {
        self.counts.named(&self.plan)
    }

    pub(crate) fn outbox_stats(&self) -> OutboxStats {
        self.outbox.stats()
    }

    /// Everything that counts at `now`, users in order of their ids, for a digest of the state. O(state).
    pub(crate) fn state<'a>(&'a self, store: &'a ProfileStore, now: Instant) -> impl Serialize + 'a {
        // A user and a visitor may have the same id.
        let name = |user: UserKey| {
            let profile = store.get(user);
            (profile.name.clone(), profile.has_user_id)
        };
        let mut users: Vec<_> = self.users.iter().map(|(user, known)| (name(*user), known)).collect();
        users.sort_by(|a, b| a.0.cmp(&b.0));
        let past = self.past.state(name, now, &self.plan);
        (users, past, self.outbox.state(now), self.counts().into_iter().collect::<Vec<_>>())
    }
}
