use crate::journey::compile::{CompiledAction, END, EventUse, JourneyNo, JourneyPlan};
use crate::journey::gate::{Candidate, Verdict, judge, memory};
use crate::journey::instance::{Instance, Send, UserJourneys};
use crate::journey::outbox::{Outbox, Waiting};
use crate::journey::{Acknowledged, Action, Class, Delivery, Note, Reason, Reentry, What};
use crate::model::{Duration, Instant, Object, Value, stable_hash};
use crate::profile::{ProfileStore, UserKey};
use crate::segment::{Change, Evaluation, EventView, Plan};
use hashbrown::HashMap;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most steps of one instance at one instant.
const STEPS_MAX: usize = 64;
/// How late an event may be and still begin a journey.
const LATE_MAX: Duration = Duration::hours(1);

/// What a journey may look at.
pub(crate) struct Context<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) store: &'a ProfileStore,
    pub(crate) now: Instant,
    /// Makes content from a template; the room that can lies above this one.
    pub(crate) render: &'a dyn Fn(&RenderRequest<'_>) -> Result<Object, String>,
}

/// What content is made for.
pub(crate) struct RenderRequest<'a> {
    pub(crate) user: UserKey,
    pub(crate) template: &'a str,
    pub(crate) key: Option<&'a Value>,
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

/// The journeys of all users of a partition, and their outbox.
#[derive(Debug)]
pub(crate) struct Journeys {
    plan: Arc<JourneyPlan>,
    users: HashMap<UserKey, Box<UserJourneys>, ahash::RandomState>,
    outbox: Outbox,
    counts: BTreeMap<(JourneyNo, Reason), u64>,
    memory: Duration,
}

/// A note on its way out: written down, and counted.
struct Log<'a> {
    plan: &'a JourneyPlan,
    counts: &'a mut BTreeMap<(JourneyNo, Reason), u64>,
    notes: &'a mut Vec<Note>,
    user: &'a Arc<str>,
    now: Instant,
}

impl Log<'_> {
    fn note(&mut self, instance: &Instance, step: Option<u16>, what: What) {
        let journey = &self.plan.journeys[usize::from(instance.journey)];
        *self.counts.entry((instance.journey, what.reason())).or_default() += 1;
        self.notes.push(Note {
            at: self.now,
            user: self.user.clone(),
            journey: journey.name.clone(),
            step: step.and_then(|step| journey.steps.get(usize::from(step))).map(|step| step.id.clone()),
            key: instance.key.clone(),
            what,
        });
    }
}

impl Journeys {
    pub(crate) fn new(plan: Arc<JourneyPlan>) -> Journeys {
        let memory = memory(&plan.policy);
        Journeys { plan, users: HashMap::default(), outbox: Outbox::new(), counts: BTreeMap::new(), memory }
    }

    /// Ends and begins instances as an event says, and tells whether any journey names the event. One look into a
    /// table where none does.
    pub(crate) fn on_event(
        &mut self,
        cx: &Context<'_>,
        user: UserKey,
        event: &EventOccurrence<'_>,
        notes: &mut Vec<Note>,
    ) -> bool {
        let plan = self.plan.clone();
        let Some(uses) = plan.by_event.get(event.name) else { return false };
        let evaluation = Evaluation::new(cx.plan, cx.store, user, cx.now);
        for EventUse { journey, is_exit, filter, key } in uses {
            if *is_exit && !self.users.contains_key(&user) || !evaluation.filter(*filter, event.view) {
                continue;
            }
            let value = match key {
                None => Value::Null,
                // Without its key an event belongs to no instance.
                Some(key) => match event.properties.get_path(key) {
                    Some(value @ (Value::String(_) | Value::Int(_) | Value::Float(_))) => value.clone(),
                    _ => continue,
                },
            };
            if *is_exit {
                let value = key.as_ref().map(|_| &value);
                self.exit(cx, user, *journey, value, "event", notes);
            } else {
                self.enter(cx, user, *journey, value, event.at, Some(event.properties), notes);
            }
        }
        true
    }

    /// Ends and begins instances as changes of segments say, and tells whether any journey names one of them.
    pub(crate) fn on_changes(
        &mut self,
        cx: &Context<'_>,
        user: UserKey,
        changes: &[Change],
        notes: &mut Vec<Note>,
    ) -> bool {
        let plan = self.plan.clone();
        let mut any = false;
        for change in changes {
            let Some(uses) = plan.by_segment.get(&(change.id, change.transition)) else { continue };
            any = true;
            for segment in uses {
                let key = change.key.clone().unwrap_or_default();
                if segment.is_exit {
                    self.exit(cx, user, segment.journey, change.key.as_ref(), "segment", notes);
                } else {
                    self.enter(cx, user, segment.journey, key, change.at, None, notes);
                }
            }
        }
        any
    }

    #[allow(clippy::too_many_arguments)] // what an entry is made of
    fn enter(
        &mut self,
        cx: &Context<'_>,
        user: UserKey,
        journey: JourneyNo,
        key: Value,
        at: Instant,
        event: Option<&Object>,
        notes: &mut Vec<Note>,
    ) {
        let Journeys { plan, users, outbox, counts, .. } = self;
        let compiled = &plan.journeys[usize::from(journey)];
        let mut log = Log { plan, counts, notes, user: &cx.store.get(user).name, now: cx.now };
        let known = users.get(&user);
        let running = known.and_then(|known| known.find(journey, &key).map(|i| &known.instances[i]));
        let last = known.and_then(|known| known.last_exit(journey, &key));
        let entries = running.map(|i| i.entry).max(last.map(|e| e.entries)).unwrap_or(0);
        let event = event.filter(|_| compiled.keeps_event).map(|event| Box::new(event.clone()));
        let entry = entries + 1;
        let instance = Instance { journey, step: 0, entry, entered: at, due: at, wanted: None, key, event };
        let refused = if compiled
            .audience
            .is_some_and(|c| !Evaluation::new(cx.plan, cx.store, user, cx.now).condition(c))
        {
            Some("not in the audience")
        } else if cx.now - at > LATE_MAX {
            Some("late")
        } else if last.is_some_and(|exit| at < exit.at) || running.is_some_and(|running| at < running.entered)
        {
            Some("older than what is known")
        } else {
            match (compiled.reentry, running, last) {
                (Reentry::Restart, Some(_), _) => None,
                (_, Some(_), _) => Some("in it already"),
                (Reentry::Once, None, Some(_)) => Some("once only"),
                (Reentry::After(pause), None, Some(exit)) if at - exit.at < pause => Some("too soon"),
                _ => None,
            }
        };
        if let Some(reason) = refused {
            return log.note(&instance, None, What::Refused(reason));
        }
        let known = users.entry(user).or_default();
        match known.find(journey, &instance.key) {
            Some(place) => {
                withdraw(outbox, known, user, &known.instances[place].clone());
                log.note(&instance, None, What::Restarted);
                known.instances[place] = instance;
            }
            None => {
                log.note(&instance, None, What::Entered);
                known.add(instance);
            }
        }
    }

    fn exit(
        &mut self,
        cx: &Context<'_>,
        user: UserKey,
        journey: JourneyNo,
        key: Option<&Value>,
        reason: &'static str,
        notes: &mut Vec<Note>,
    ) {
        let Journeys { plan, users, outbox, counts, .. } = self;
        let Some(known) = users.get_mut(&user) else { return };
        let mut log = Log { plan, counts, notes, user: &cx.store.get(user).name, now: cx.now };
        let leaves = |instance: &Instance| {
            instance.journey == journey
                && (instance.key == Value::Null || key.is_none_or(|key| *key == instance.key))
        };
        let ended: Vec<Instance> = known.instances.extract_if(.., |instance| leaves(instance)).collect();
        for instance in ended {
            log.note(&instance, None, What::Exited(reason));
            known.note_exit(&instance, cx.now);
            withdraw(outbox, known, user, &instance);
        }
        known.shrink();
    }

    /// The earliest instant at which an instance of a user goes on.
    pub(crate) fn deadline(&self, user: UserKey) -> Option<Instant> {
        self.users.get(&user)?.deadline()
    }

    /// Runs what is due: each instance up to its next send, and then the sends in order of class, priority, journey,
    /// key and entry, because each may use up what a cap leaves for the next.
    pub(crate) fn on_time(&mut self, cx: &Context<'_>, user: UserKey, notes: &mut Vec<Note>) {
        let Journeys { plan, users, outbox, counts, memory, .. } = self;
        let Some(known) = users.get_mut(&user) else { return };
        let plan: &JourneyPlan = plan;
        let mut log = Log { plan, counts, notes, user: &cx.store.get(user).name, now: cx.now };
        let mut due: Vec<Instance> =
            known.instances.extract_if(.., |instance| instance.due <= cx.now).collect();
        due.sort_by(|a, b| {
            (a.due, a.journey, a.entry)
                .cmp(&(b.due, b.journey, b.entry))
                .then_with(|| key_order(&a.key, &b.key))
        });
        let mut ready: Vec<(Instance, usize)> = Vec::new();
        for instance in due {
            ready.extend(walk(cx, plan, known, user, instance, 0, &mut log));
        }
        while !ready.is_empty() {
            ready.sort_by(|(a, _), (b, _)| {
                let rank = |instance: &Instance| {
                    let journey = &plan.journeys[usize::from(instance.journey)];
                    (std::cmp::Reverse(journey.class), std::cmp::Reverse(journey.priority), instance.journey)
                };
                rank(a).cmp(&rank(b)).then_with(|| key_order(&a.key, &b.key)).then(a.entry.cmp(&b.entry))
            });
            let (instance, steps) = ready.remove(0);
            if let Some((instance, steps)) = send(cx, plan, known, user, instance, steps, outbox, &mut log) {
                ready.extend(walk(cx, plan, known, user, instance, steps, &mut log));
            }
        }
        known.sends.retain(|send| cx.now - send.at <= *memory);
        known.shrink();
    }

    pub(crate) fn forget(&mut self, user: UserKey) {
        self.users.remove(&user);
        self.outbox.forget(user);
    }

    /// Takes over the journeys of an absorbed profile: both go on, the same one with the same key once.
    pub(crate) fn absorb(&mut self, cx: &Context<'_>, from: UserKey, into: UserKey, notes: &mut Vec<Note>) {
        let Journeys { plan, users, outbox, counts, .. } = self;
        outbox.readdress(from, into);
        let Some(other) = users.remove(&from) else { return };
        let known = users.entry(into).or_default();
        let mut log = Log { plan, counts, notes, user: &cx.store.get(into).name, now: cx.now };
        for ended in known.absorb(*other) {
            log.note(&ended, None, What::Exited("merged"));
        }
    }

    /// Hands out actions. What has expired meanwhile is dropped, and no cap counts it.
    pub(crate) fn lease(
        &mut self,
        limit: usize,
        until: Instant,
        now: Instant,
        store: &ProfileStore,
    ) -> Vec<Action> {
        let (actions, expired) = self.outbox.lease(limit, until, now, store);
        for waiting in expired {
            *self.counts.entry((waiting.journey, Reason::not_sent("expired in the outbox"))).or_default() +=
                1;
            self.give_back(&waiting);
        }
        actions
    }

    pub(crate) fn acknowledge(&mut self, id: &str, delivery: Delivery, now: Instant) -> Acknowledged {
        let (acknowledged, settled) = self.outbox.acknowledge(id, delivery, now);
        if let Some(waiting) = settled.filter(|_| delivery.is_lost()) {
            *self.counts.entry((waiting.journey, Reason::not_sent(delivery.word()))).or_default() += 1;
            self.give_back(&waiting);
        }
        acknowledged
    }

    /// A message that did not reach the user is not counted by caps.
    fn give_back(&mut self, waiting: &Waiting) {
        if let Some(known) = self.users.get_mut(&waiting.user) {
            known.sends.retain(|send| send.id != waiting.id);
        }
    }

    /// How often each journey did what.
    pub(crate) fn counts(&self) -> BTreeMap<(String, String), u64> {
        let name = |journey: JourneyNo| self.plan.journeys[usize::from(journey)].name.to_string();
        self.counts.iter().map(|((journey, reason), n)| ((name(*journey), reason.to_string()), *n)).collect()
    }

    /// Everything, users in order of their ids, for a digest of the state.
    pub(crate) fn state<'a>(&'a self, store: &'a ProfileStore) -> impl Serialize + 'a {
        let users: BTreeMap<&str, &UserJourneys> =
            self.users.iter().map(|(user, journeys)| (&*store.get(*user).name, &**journeys)).collect();
        (users, self.outbox.state(), self.counts.iter().collect::<Vec<_>>())
    }
}

/// Takes back what an instance has put into the outbox and the host does not hold yet.
fn withdraw(outbox: &mut Outbox, known: &mut UserJourneys, user: UserKey, instance: &Instance) {
    let own = |w: &Waiting| w.user == user && w.journey == instance.journey && w.action.key == instance.key;
    for waiting in outbox.withdraw(own) {
        known.sends.retain(|send| send.id != waiting.id);
    }
}

/// Runs steps until a send, a wait or the end. Gives the instance back where it stands on a send.
fn walk(
    cx: &Context<'_>,
    plan: &JourneyPlan,
    known: &mut UserJourneys,
    user: UserKey,
    mut instance: Instance,
    mut steps: usize,
    log: &mut Log<'_>,
) -> Option<(Instance, usize)> {
    let journey = &plan.journeys[usize::from(instance.journey)];
    loop {
        let Some(step) = journey.steps.get(usize::from(instance.step)) else {
            log.note(&instance, None, What::Completed);
            known.note_exit(&instance, cx.now);
            return None;
        };
        if steps >= STEPS_MAX {
            log.note(&instance, Some(instance.step), What::Exited("loop_guard"));
            known.note_exit(&instance, cx.now);
            return None;
        }
        let number = instance.step;
        match &step.action {
            CompiledAction::Send { .. } => return Some((instance, steps)),
            CompiledAction::Goto(to) => instance.step = *to,
            CompiledAction::Wait(duration) => {
                // A late entry waits from its event's own instant.
                instance.due = instance.due + *duration;
                instance.step += 1;
                if instance.due > cx.now {
                    log.note(&instance, Some(number), What::Waiting { until: instance.due });
                    known.add(instance);
                    return None;
                }
            }
            CompiledAction::Branch(arms) => {
                let evaluation = Evaluation::new(cx.plan, cx.store, user, cx.now);
                match arms.iter().find(|(condition, _)| evaluation.condition(*condition)) {
                    Some((_, to)) => {
                        instance.step = *to;
                        let label =
                            journey.steps.get(usize::from(*to)).map_or("end".into(), |step| step.id.clone());
                        log.note(&instance, Some(number), What::Branched { to: label });
                    }
                    None => instance.step += 1,
                }
            }
        }
        debug_assert!(instance.step == END || usize::from(instance.step) <= journey.steps.len());
        steps += 1;
    }
}

/// Puts a send through the gate. Gives the instance back where it goes on at once.
#[allow(clippy::too_many_arguments)] // takes apart what its caller holds together
fn send(
    cx: &Context<'_>,
    plan: &JourneyPlan,
    known: &mut UserJourneys,
    user: UserKey,
    mut instance: Instance,
    steps: usize,
    outbox: &mut Outbox,
    log: &mut Log<'_>,
) -> Option<(Instance, usize)> {
    let journey = &plan.journeys[usize::from(instance.journey)];
    let step = journey.steps.get(usize::from(instance.step))?;
    let CompiledAction::Send { channel, template, expires } = &step.action else {
        return Some((instance, steps));
    };
    let profile = cx.store.get(user);
    let wanted = instance.wanted.take().unwrap_or(instance.due);
    let candidate = Candidate { class: journey.class, channel, wanted, expires: *expires };
    let verdict = judge(candidate, known, &plan.policy, cx.store.zone(profile), cx.now);
    let number = instance.step;
    match verdict {
        Verdict::Defer(until) => {
            log.note(&instance, Some(number), What::Deferred { until });
            instance.wanted = Some(wanted);
            instance.due = until;
            known.add(instance);
            return None;
        }
        Verdict::Skip(reason) => log.note(&instance, Some(number), What::Skipped(reason)),
        Verdict::Pass => {
            let request =
                RenderRequest { user, template, key: Some(&instance.key), event: instance.event.as_deref() };
            match (cx.render)(&request) {
                Err(_) => log.note(&instance, Some(number), What::Skipped("its template cannot be rendered")),
                Ok(content) => {
                    let id = action_id(&journey.name, profile.bucketing_id(), &instance, &step.id, channel);
                    log.note(&instance, Some(number), What::Sent { channel: channel.clone() });
                    if !plan.policy.caps.is_empty() {
                        known.sends.push(Send {
                            at: cx.now,
                            id,
                            channel: channel.clone(),
                            class: journey.class,
                        });
                    }
                    let action = Action {
                        at: cx.now,
                        id: format!("{id:032x}"),
                        user: profile.name.clone(),
                        journey: journey.name.clone(),
                        step: step.id.clone(),
                        channel: channel.clone(),
                        template: template.clone(),
                        key: instance.key.clone(),
                        content,
                        attempt: 0,
                    };
                    let expires = expires.map(|expires| wanted + expires);
                    outbox.put(Waiting {
                        id,
                        user,
                        journey: instance.journey,
                        expires,
                        action,
                        leased: None,
                    });
                }
            }
        }
    }
    instance.step += 1;
    Some((instance, steps + 1))
}

/// The same after any replay.
fn action_id(journey: &str, user: &str, instance: &Instance, step: &str, channel: &str) -> u128 {
    let key = match &instance.key {
        Value::String(text) => format!("s{text}"),
        Value::Int(n) => format!("n{n}"),
        Value::Float(x) => format!("n{x}"),
        _ => String::new(),
    };
    let entry = instance.entry.to_le_bytes();
    let parts: [&[u8]; 6] =
        [journey.as_bytes(), user.as_bytes(), key.as_bytes(), &entry, step.as_bytes(), channel.as_bytes()];
    stable_hash(&parts)
}

fn key_order(a: &Value, b: &Value) -> std::cmp::Ordering {
    match (a.as_f64(), b.as_f64()) {
        (Some(x), Some(y)) => x.total_cmp(&y),
        (Some(_), None) => std::cmp::Ordering::Less,
        (None, Some(_)) => std::cmp::Ordering::Greater,
        (None, None) => a.as_str().cmp(&b.as_str()),
    }
}

/// Classes in the order in which they go: what the user expects first.
const _: () = assert!((Class::Marketing as u8) < Class::Transactional as u8);
