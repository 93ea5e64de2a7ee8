use crate::journey::{
    Acknowledged, Action, Branch, Cap, CapPeriod, CapScope, Capped, Class, Context, Delivery, DeliveryPolicy,
    Enter, EventOccurrence, Journey, JourneyPlan, Journeys, Late, Note, OnChange, OnQuiet, Quiet, Reentry,
    RenderRequest, Send, Step, StepAction, Trigger,
};
use crate::model::{Duration, Ids, Instant, Message, Object, Problem, Value};
use crate::profile::{Applied, ProfileStore, UserKey};
use crate::segment::{EventView, Look, Memberships, Plan, Schema, Scratch, Touch};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What an engine does around the journeys, for a handful of users.
pub(super) struct Shop {
    pub(super) plan: Plan,
    pub(super) store: ProfileStore,
    pub(super) journeys: Journeys,
    memberships: BTreeMap<UserKey, Memberships>,
    pub(super) now: Instant,
    pub(super) notes: Vec<Note>,
    /// Handed out and not yet acknowledged, as a host knows them.
    pub(super) leased: Vec<Action>,
}

pub(super) fn ms(text: &str) -> Duration {
    text.parse().unwrap()
}

pub(super) fn on_event(event: &str, condition: &str, key: &str) -> Trigger {
    let key = (!key.is_empty()).then(|| key.into());
    Trigger::Event { event: event.into(), condition: condition.into(), key }
}

/// A journey whose steps are written as `wait 1h`, `send push`, `send push 12h`, `goto id`, `branch expression -> id`;
/// a label may stand before, as in `id: wait 1h`.
pub(super) fn journey(name: &str, trigger: Trigger, steps: &[&str]) -> Journey {
    let step = |(i, text): (usize, &&str)| {
        let (id, action) = match text.split_once(": ") {
            Some((id, action)) => (id.to_owned(), action),
            None => (format!("s{i}"), *text),
        };
        let (verb, rest) = action.split_once(' ').unwrap();
        let action = match verb {
            "wait" => StepAction::Wait(ms(rest)),
            "goto" => StepAction::Goto(rest.into()),
            "branch" => {
                let arm = |arm: &str| {
                    let (when, to) = arm.split_once(" -> ").unwrap();
                    Branch { when: when.into(), to: to.into() }
                };
                StepAction::Branch(rest.split("; ").map(arm).collect())
            }
            "send" => {
                let (channel, expires) = match rest.split_once(' ') {
                    Some((channel, expires)) => (channel, Some(ms(expires))),
                    None => (rest, None),
                };
                StepAction::Send(send(channel, expires))
            }
            _ => panic!("{text}"),
        };
        Step { id: id.into(), action }
    };
    Journey {
        name: name.into(),
        class: Class::Marketing,
        priority: 0,
        enter: Enter { trigger, reentry: Reentry::AfterExit },
        audience: None,
        exit: Vec::new(),
        goal: None,
        holdout: 0.0,
        late: Late::default(),
        expires: None,
        tags: Vec::new(),
        purpose: None,
        on_change: OnChange::default(),
        moved_to: BTreeMap::new(),
        steps: steps.iter().enumerate().map(step).collect(),
    }
}

pub(super) fn send(channel: &str, expires: Option<Duration>) -> Send {
    Send {
        channel: channel.into(),
        template: "hello".into(),
        expires,
        unreachable: None,
        at_best: false,
        between: None,
        fallback: None,
        capped: None,
        purpose: None,
        tags: Vec::new(),
        dedup: None,
    }
}

impl Journey {
    pub(super) fn reentry(mut self, reentry: Reentry) -> Journey {
        self.enter.reentry = reentry;
        self
    }

    pub(super) fn exit(mut self, trigger: Trigger) -> Journey {
        self.exit.push(trigger);
        self
    }

    pub(super) fn audience(mut self, text: &str) -> Journey {
        self.audience = Some(text.into());
        self
    }

    pub(super) fn class(mut self, class: Class) -> Journey {
        self.class = class;
        self
    }

    pub(super) fn priority(mut self, priority: i64) -> Journey {
        self.priority = priority;
        self
    }
}

/// Quiet from 22:00 to 08:00 on `push`, and these caps.
pub(super) fn policy(caps: Vec<Cap>) -> DeliveryPolicy {
    let hours = crate::trigger::QuietHours::new("22:00".parse().unwrap(), "08:00".parse().unwrap()).unwrap();
    let night = Quiet { hours, on: OnQuiet::Defer };
    DeliveryPolicy { quiet: [("push".into(), night)].into(), caps, ..DeliveryPolicy::default() }
}

pub(super) fn cap(channel: &str, max: u32, per: CapPeriod, counts: &[Class]) -> Cap {
    let scope = if channel.is_empty() { CapScope::Global } else { CapScope::Channel(channel.into()) };
    Cap { scope, max, per, counts: counts.to_vec(), capped: Capped::Skip }
}

/// The segments of all shops, each with what keys it.
const SEGMENTS: [(&str, Option<&str>, &str); 3] = [
    ("active", None, "did(view in 1h)"),
    ("waiting_cart", Some("cart"), "sequence(add, not buy) and now - last(add) >= 1h"),
    ("vip", None, "tier = \"gold\""),
];

/// Compiles journeys; the problems as `path: message (help)`.
pub(super) fn compile(
    journeys: &[Journey],
    policy: &DeliveryPolicy,
) -> (Option<(Plan, JourneyPlan)>, Vec<String>) {
    let mut schema = Schema::lenient();
    for event in ["view", "add", "buy"] {
        schema.event(event);
    }
    let mut builder = Plan::builder(schema);
    for (name, by, text) in SEGMENTS {
        builder = builder.segment(name, by, text);
    }
    let (mut compiled, mut problems) =
        JourneyPlan::compile(journeys, policy, &[], &|name| (name == "hello").then_some(true), &mut builder);
    let plan = match builder.build() {
        Ok(plan) => plan,
        Err(errors) => {
            let named = |error: &crate::segment::Error| {
                format!("{}: {}", error.name().unwrap_or_default(), error.message())
            };
            return (None, errors.iter().map(named).collect());
        }
    };
    problems.extend(compiled.resolve_segments(&plan));
    let words = |Problem { path, message, help }: Problem| {
        let help = help.map_or_else(String::new, |help| format!(" ({help})"));
        format!("{}: {message}{help}", path.join("."))
    };
    (Some((plan, compiled)), problems.into_iter().map(words).collect())
}

/// `10:00`, or `24T08:00`, with seconds and milliseconds where there are some.
pub(super) fn at(text: &str) -> Instant {
    let (day, time) = text.split_once('T').unwrap_or(("23", text));
    let (month, day) = day.split_once('-').unwrap_or(("11", day));
    let seconds = if time.len() == 5 { ":00" } else { "" };
    format!("2026-{month}-{day}T{time}{seconds}Z").parse().unwrap()
}

fn shown(at: Instant) -> String {
    let text = at.to_string();
    let text = text.strip_prefix("2026-").unwrap().strip_suffix('Z').unwrap();
    let (date, time) = text.split_once('T').unwrap();
    let time = time.strip_suffix(":00").unwrap_or(time);
    match date.split_once('-').unwrap() {
        ("11", "23") => time.to_owned(),
        ("11", day) => format!("{day}T{time}"),
        _ => format!("{date}T{time}"),
    }
}

fn value(text: &str) -> Value {
    match text.parse::<f64>() {
        Ok(x) if text.contains('.') => Value::Float(x),
        Ok(x) => Value::Int(x as i64),
        Err(_) if text == "true" => Value::Bool(true),
        Err(_) => text.into(),
    }
}

impl Shop {
    pub(super) fn new(journeys: &[Journey], policy: DeliveryPolicy) -> Shop {
        let (compiled, problems) = compile(journeys, &policy);
        assert_eq!(problems, Vec::<String>::new());
        let (mut plan, compiled) = compiled.unwrap();
        let symbols = std::mem::take(&mut plan.symbols);
        let (keep, rules, zone) = (plan.keep.clone(), plan.rules.clone(), plan.zone.clone());
        let store = ProfileStore::new(keep, rules, symbols, zone, plan.session_gap);
        Shop {
            plan,
            store,
            journeys: Journeys::new(Arc::new(compiled)),
            memberships: BTreeMap::new(),
            now: at("00:00"),
            notes: Vec::new(),
            leased: Vec::new(),
        }
    }

    /// Runs a story and gives what it led to, one line each.
    pub(super) fn tell(&mut self, story: &str) -> String {
        let mut told = String::new();
        for line in story.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            self.advance(at(words[0]), words.get(1) == Some(&"advance"));
            match words[1..] {
                ["advance"] => {}
                ["lease", limit, until] => {
                    let actions = self.lease(limit.parse().unwrap(), at(until));
                    self.flush(&mut told);
                    for action in actions {
                        let Action { user, step, channel, attempt, .. } = &action;
                        told += &format!(
                            "{}: {channel} for {user} from {step}, attempt {attempt}\n",
                            shown(self.now)
                        );
                    }
                }
                ["ack", delivery] => {
                    for action in std::mem::take(&mut self.leased) {
                        let acknowledged = self.acknowledge(&action.id, delivery);
                        assert_eq!(acknowledged, Acknowledged::Accepted, "{line}");
                    }
                }
                [who, what, ref more @ ..] => self.input(who, what, more),
                _ => panic!("{line}"),
            }
            self.flush(&mut told);
        }
        told
    }

    fn flush(&mut self, told: &mut String) {
        for note in self.notes.drain(..) {
            let until = |text: String| match text.split_once("until ") {
                Some((before, until)) => format!("{before}until {}", shown(until.parse().unwrap())),
                None => text,
            };
            *told += &format!("{} {} {}\n", shown(note.at), note.user, until(note.to_string()));
        }
    }

    pub(super) fn lease(&mut self, limit: usize, until: Instant) -> Vec<Action> {
        let actions = self.journeys.lease(limit, until, self.now, &self.store);
        self.leased.retain(|known| actions.iter().all(|action| action.id != known.id));
        self.leased.extend(actions.iter().cloned());
        actions
    }

    pub(super) fn acknowledge(&mut self, id: &str, delivery: &str) -> Acknowledged {
        let delivery = match delivery {
            "sent" => Delivery::Sent,
            "delivered" => Delivery::Delivered,
            "failed" => Delivery::Failed,
            "unreachable" => Delivery::Unreachable,
            "suppressed" => Delivery::Suppressed,
            _ => panic!("{delivery}"),
        };
        self.journeys.acknowledge((id, delivery), &self.store, self.now, &mut self.notes).acknowledged
    }

    fn input(&mut self, who: &str, what: &str, more: &[&str]) {
        let ids = match who.split_once('~') {
            Some(("", device)) => Ids::anonymous(device),
            Some((user, device)) => Ids::both(user, device),
            None => Ids::user(who),
        };
        let mut message = match what {
            "identify" => Message::identify(ids),
            _ => Message::track(ids, what),
        };
        let mut when = self.now;
        for word in more {
            match word.split_once('=') {
                Some((name, text)) => message = message.with(name, value(text)),
                None => when = at(word.strip_prefix('@').unwrap()),
            }
        }
        let now = self.now;
        if what == "forget" {
            let user = self.store.find(who).unwrap();
            self.journeys.forget(user);
            self.memberships.remove(&user);
            self.store.forget(user, now);
            return;
        }
        let resolved = self.store.resolve(&message, now, now);
        let user = resolved.user;
        if resolved.is_new {
            self.memberships.insert(user, Memberships::begin(&self.plan, now));
        }
        let mut touch_all = false;
        for (from, ..) in resolved.absorbed {
            self.memberships.remove(&from);
            let render = |_: &RenderRequest<'_>| Ok(Object::new());
            let cx = Context {
                plan: &self.plan,
                store: &self.store,
                memberships: None,
                now,
                clock: now,
                render: &render,
            };
            self.journeys.absorb(&cx, from, user, &mut self.notes);
            touch_all = true;
        }
        let mut applied = Applied::default();
        self.store.apply(user, &message, (when, now), true, &mut applied);
        let touch = match (touch_all, resolved.is_new) {
            (true, _) => Touch::Everything(Some(&applied)),
            (false, true) => Touch::First(&applied),
            (false, false) => Touch::Message(&applied),
        };
        let event = message.event().zip(applied.events.first()).map(|((name, properties), (kind, start))| {
            let view = EventView { at: when.as_millis(), kind: *kind, values: &applied.values[*start..] };
            EventOccurrence { name, view, properties, at: when }
        });
        self.look(user, touch, event);
        applied.clear(&mut self.store.symbols);
    }

    fn look(&mut self, user: UserKey, touch: Touch<'_>, event: Option<EventOccurrence<'_>>) {
        let Shop { plan, store, journeys, memberships, now, notes, .. } = self;
        let mut changes = Vec::new();
        let row = memberships.entry(user).or_default();
        let (mut scratch, mut dropped, now) = (Scratch::default(), 0, *now);
        let mut look = Look {
            plan,
            store,
            scratch: &mut scratch,
            user,
            now,
            dropped: &mut dropped,
            changes: &mut changes,
            recorded: &mut Vec::new(),
        };
        let mut candidates = row.candidates(&mut look, touch);
        row.refresh_below(&mut look, touch, &mut candidates, u32::MAX);
        let render = |request: &RenderRequest<'_>| {
            if request.event.is_some_and(|event| event.get("broken").is_some()) {
                return Err("broken".into());
            }
            let mut content = Object::new();
            content.set("template", request.template);
            if let Some(key) = request.key {
                content.set("key", key.clone());
            }
            if let Some(worth) = request.event.and_then(|event| event.get("worth")) {
                content.set("worth", worth.clone());
            }
            Ok(content)
        };
        let cx = Context { plan, store, memberships: Some(row), now, clock: now, render: &render };
        if let Some(event) = &event {
            journeys.on_event(&cx, user, event, notes);
        }
        journeys.on_changes(&cx, user, &changes, notes);
        if journeys.deadline(user).is_some_and(|due| due <= now) {
            journeys.on_time(&cx, user, notes);
        }
    }

    /// Runs what is due before an instant, or also at it, each at its own.
    fn advance(&mut self, until: Instant, inclusive: bool) {
        loop {
            let due = self.memberships.iter().filter_map(|(user, row)| {
                let deadlines = [row.deadline(), self.journeys.deadline(*user)];
                Some((deadlines.into_iter().flatten().min()?, *user))
            });
            let Some((due, user)) = due.min() else { break };
            if due > until || due == until && !inclusive {
                break;
            }
            self.now = due.max(self.now);
            self.look(user, Touch::Time, None);
        }
        assert!(self.now <= until, "the story runs backwards at {until}");
        self.now = until;
    }

    /// The whole state, as bytes.
    pub(super) fn state(&self) -> String {
        serde_json::to_string(&self.journeys.state(&self.store, self.now)).unwrap()
    }
}

/// Runs a story in a fresh shop and compares what it leads to, line by line.
#[track_caller]
pub(super) fn check(journeys: &[Journey], policy: DeliveryPolicy, story: &str, expected: &str) -> Shop {
    let mut shop = Shop::new(journeys, policy.clone());
    let told = shop.tell(story);
    let lines = |text: &str| {
        text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect::<Vec<_>>()
    };
    assert_eq!(lines(&told), lines(expected), "{story}");
    // The same inputs give the same bytes.
    let mut again = Shop::new(journeys, policy);
    again.tell(story);
    assert_eq!(shop.state(), again.state());
    shop
}
