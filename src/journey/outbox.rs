use crate::model::{Duration, Instant, Object, Value};
use crate::profile::{ProfileStore, UserKey};
use hashbrown::{HashMap, HashSet};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Something for the host to deliver.
///
/// The `id` is the same after any replay: give it to a provider as the idempotency key.
///
/// ```
/// # fn deliver(engine: &bespoke::engine::Engine, now: bespoke::model::Instant) {
/// use bespoke::journey::Delivery;
/// for action in engine.outbox(100, now) {
///     println!("{} for {} by {}", action.template, action.user, action.channel);
///     engine.acknowledge(&action.id, Delivery::Sent, now);
/// }
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Action {
    /// When it was put into the outbox.
    pub at: Instant,
    /// A stable id, as 32 hexadecimal digits.
    pub id: String,
    /// For whom.
    pub user: Arc<str>,
    /// From which journey.
    pub journey: Arc<str>,
    /// From which step.
    pub step: Arc<str>,
    /// By which channel.
    pub channel: Arc<str>,
    /// The template that its content was made from.
    pub template: Box<str>,
    /// What keys the journey's instance, where something does.
    #[serde(skip_serializing_if = "is_null")]
    pub key: Value,
    /// The rendered content by field.
    pub content: Object,
    /// How often it has been handed out, this time included.
    pub attempt: u32,
}

/// What became of an action. A host handles every case, so more cases would be a new version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    /// The provider took it.
    Sent,
    /// It reached the user.
    Delivered,
    /// The user opened it.
    Opened,
    /// The user clicked on it.
    Clicked,
    /// It could not be sent.
    Failed,
    /// The user cannot be reached by this channel.
    Unreachable,
    /// The host chose not to send it.
    Suppressed,
}

impl Delivery {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Delivery::Sent => "sent",
            Delivery::Delivered => "delivered",
            Delivery::Opened => "opened",
            Delivery::Clicked => "clicked",
            Delivery::Failed => "failed",
            Delivery::Unreachable => "unreachable",
            Delivery::Suppressed => "suppressed",
        }
    }

    /// Whether nothing reached the user, so that no cap should count it.
    pub(crate) fn is_lost(self) -> bool {
        matches!(self, Delivery::Failed | Delivery::Unreachable | Delivery::Suppressed)
    }
}

/// What an acknowledgement did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Acknowledged {
    /// The action is done, or is known to have come further.
    Accepted,
    /// The same was said before; nothing changed.
    Repeated,
    /// No action of that id is known, or no longer; nothing changed.
    Unknown,
}

/// How long answers are remembered, so that a second one is known as such.
const ANSWERS_KEPT: Duration = Duration::days(7);

/// Actions on their way to the host. States: pending → leased until an instant → answered.
#[derive(Debug)]
pub(crate) struct Outbox {
    /// By order of arrival.
    waiting: BTreeMap<u64, Waiting>,
    numbers: HashMap<u128, u64, ahash::RandomState>,
    next: u64,
    /// What was said of which action; two generations, as long as answers are kept.
    answers: HashSet<u128, ahash::RandomState>,
    old_answers: HashSet<u128, ahash::RandomState>,
    answers_since: Instant,
}

/// An action with whose it is and what it belongs to.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) id: u128,
    pub(crate) user: UserKey,
    pub(crate) journey: u16,
    pub(crate) expires: Option<Instant>,
    pub(crate) action: Action,
    pub(crate) leased: Option<Instant>,
}

impl Outbox {
    pub(crate) fn new() -> Outbox {
        Outbox {
            waiting: BTreeMap::new(),
            numbers: HashMap::default(),
            next: 0,
            answers: HashSet::default(),
            old_answers: HashSet::default(),
            answers_since: Instant::MIN,
        }
    }

    pub(crate) fn put(&mut self, waiting: Waiting) {
        self.numbers.insert(waiting.id, self.next);
        self.waiting.insert(self.next, waiting);
        self.next += 1;
    }

    /// Hands out what is pending, and what was leased too long ago, oldest first. Gives what has expired instead of
    /// handing it out.
    pub(crate) fn lease(
        &mut self,
        limit: usize,
        until: Instant,
        now: Instant,
        store: &ProfileStore,
    ) -> (Vec<Action>, Vec<Waiting>) {
        let mut actions = Vec::new();
        let mut expired = Vec::new();
        for (number, waiting) in &mut self.waiting {
            if actions.len() >= limit {
                break;
            }
            if waiting.leased.is_some_and(|leased| leased > now) {
                continue;
            }
            if waiting.expires.is_some_and(|expires| expires <= now) {
                expired.push(*number);
                continue;
            }
            waiting.leased = Some(until);
            waiting.action.attempt += 1;
            waiting.action.user = store.get(waiting.user).name.clone();
            actions.push(waiting.action.clone());
        }
        let expired = expired.into_iter().filter_map(|number| self.take(number)).collect();
        (actions, expired)
    }

    fn take(&mut self, number: u64) -> Option<Waiting> {
        let waiting = self.waiting.remove(&number)?;
        self.numbers.remove(&waiting.id);
        Some(waiting)
    }

    /// Takes an answer; gives the action that it settles, if it settles one.
    pub(crate) fn acknowledge(
        &mut self,
        id: &str,
        delivery: Delivery,
        now: Instant,
    ) -> (Acknowledged, Option<Waiting>) {
        if now - self.answers_since >= ANSWERS_KEPT {
            self.old_answers = std::mem::take(&mut self.answers);
            self.answers_since = now;
        }
        let Ok(id) = u128::from_str_radix(id, 16) else { return (Acknowledged::Unknown, None) };
        if self.said(id, delivery) {
            return (Acknowledged::Repeated, None);
        }
        let settled = self.numbers.get(&id).copied().and_then(|number| self.take(number));
        let before = [Delivery::Sent, Delivery::Delivered, Delivery::Opened, Delivery::Clicked];
        if settled.is_none() && !before.into_iter().any(|delivery| self.said(id, delivery)) {
            return (Acknowledged::Unknown, None);
        }
        self.answers.insert(answer(id, delivery));
        (Acknowledged::Accepted, settled)
    }

    fn said(&self, id: u128, delivery: Delivery) -> bool {
        let answer = answer(id, delivery);
        self.answers.contains(&answer) || self.old_answers.contains(&answer)
    }

    /// Takes out what a predicate names and the host does not hold.
    pub(crate) fn withdraw(&mut self, wanted: impl Fn(&Waiting) -> bool) -> Vec<Waiting> {
        let free = |waiting: &&Waiting| waiting.leased.is_none() && wanted(waiting);
        let ids: Vec<u128> = self.waiting.values().filter(free).map(|waiting| waiting.id).collect();
        ids.iter()
            .filter_map(|id| self.numbers.get(id).copied())
            .collect::<Vec<_>>()
            .into_iter()
            .filter_map(|n| self.take(n))
            .collect()
    }

    /// Drops everything of a user, also what the host holds.
    pub(crate) fn forget(&mut self, user: UserKey) {
        let numbers: Vec<u64> =
            self.waiting.iter().filter(|(_, w)| w.user == user).map(|(number, _)| *number).collect();
        numbers.into_iter().for_each(|number| drop(self.take(number)));
    }

    pub(crate) fn readdress(&mut self, from: UserKey, into: UserKey) {
        self.waiting
            .values_mut()
            .filter(|waiting| waiting.user == from)
            .for_each(|waiting| waiting.user = into);
    }

    /// Everything, for a digest of the state.
    pub(crate) fn state(&self) -> impl Serialize + '_ {
        let waiting: Vec<_> = self.waiting.values().map(|w| (&w.action, w.leased, w.expires)).collect();
        let answers = self.answers.iter().chain(&self.old_answers);
        let mut answers: Vec<String> = answers.map(|answer| format!("{answer:032x}")).collect();
        answers.sort_unstable();
        (waiting, answers)
    }
}

/// An answer in as many bytes as an id has: ids are hashes, so neighbours of one are no ids.
fn answer(id: u128, delivery: Delivery) -> u128 {
    id.wrapping_add(delivery as u128)
}

fn is_null(value: &Value) -> bool {
    *value == Value::Null
}
