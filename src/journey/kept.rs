//! What journeys and the outbox hold of one user, for whoever asks for all that is kept.

use crate::journey::instance::Instance;
use crate::journey::outbox::Held;
use crate::journey::plan::JourneyNo;
use crate::journey::{Delivery, Journeys};
use crate::model::{Instant, Object, Value};
use crate::profile::UserKey;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// A journey that a user is in.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Partition, model::{Duration, Instant, Message}};
/// # let mut partition = Partition::new(&Definitions::from_toml(r#"
/// #     version = 1
/// #     [events.add_to_cart]
/// #     cart_id = "string"
/// #     value = "number"
/// #     [templates.cart]
/// #     title = "Your cart of {{ event.value }} is waiting"
/// #     [journeys.cart]
/// #     enter = { event = "add_to_cart", key = "cart_id" }
/// #     step = [
/// #         { id = "idle", wait = "1h" },
/// #         { id = "remind", send = { channel = "push", template = "cart" } },
/// #     ]
/// # "#)?);
/// # let now: Instant = "2026-11-23T10:00:00Z".parse()?;
/// let added = Message::track("ada", "add_to_cart").with("cart_id", "c7").with("value", 30);
/// partition.ingest(&added, now)?;
/// let export = partition.export("ada")?;
/// let [stay] = &export.journeys[..] else { panic!("she is in one") };
/// assert_eq!((&*stay.journey, &*stay.step, stay.due), ("cart", "idle", now + Duration::hours(1)));
/// assert_eq!(stay.key, Some("c7".into()));
/// // The template of the reminder reads the value of the cart, so the event is kept until then.
/// assert_eq!(stay.event.as_ref().and_then(|event| event.get("value")), Some(&30.into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct JourneyStay {
    /// Its name.
    pub journey: Arc<str>,
    /// What keys the instance, where something does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Value>,
    /// The step on which it stands, waiting or about to run.
    pub step: Arc<str>,
    /// The instant of what began it.
    pub entered: Instant,
    /// When it goes on.
    pub due: Instant,
    /// The properties of the event that began it, where a template reads them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<Object>,
}

/// Shows where the user stands, and not what began it.
impl fmt::Debug for JourneyStay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("JourneyStay");
        shown.field("journey", &self.journey).field("key", &self.key).field("step", &self.step);
        shown.field("entered", &self.entered).field("due", &self.due).finish_non_exhaustive()
    }
}

/// A message to a user that waits, or of which is known what became.
///
/// ```
/// use bespoke::journey::Delivery;
/// # use bespoke::{definitions::Definitions, engine::Partition, model::{Duration, Instant, Message}};
/// # let mut partition = Partition::new(&Definitions::from_toml(r#"
/// #     version = 1
/// #     [events.signup]
/// #     [templates.hello]
/// #     title = "Hello"
/// #     [journeys.welcome]
/// #     enter = { event = "signup" }
/// #     step = [{ id = "greet", send = { channel = "push", template = "hello" } }]
/// # "#)?);
/// # let now: Instant = "2026-11-23T10:00:00Z".parse()?;
/// # partition.ingest(&Message::track("ada", "signup"), now)?;
/// let message = &partition.export("ada")?.messages[0];
/// assert!(message.content.is_some() && !message.handed_out); // it waits for the host
///
/// let action = &partition.outbox(1, Duration::minutes(5), now)[0];
/// partition.acknowledge(&action.id, Delivery::Sent, now);
/// let message = &partition.export("ada")?.messages[0];
/// assert_eq!((&message.id, &message.answers[..]), (&action.id, &[Delivery::Sent][..]));
/// assert_eq!(message.content, None); // what it said is not kept
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MessageKept {
    /// Its stable id.
    pub id: String,
    /// From which journey; none where it is defined no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub journey: Option<Arc<str>>,
    /// From which step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<Arc<str>>,
    /// When it was put into the outbox, while it waits; else when the host first said something of it.
    pub at: Instant,
    /// Whether the host has it and has not answered yet.
    pub handed_out: bool,
    /// What the host said of it, in the order of the kinds; empty while it waits.
    pub answers: Vec<Delivery>,
    /// Its content, which is kept while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Object>,
}

/// Shows what became of it, and not what it says.
impl fmt::Debug for MessageKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("MessageKept");
        shown.field("id", &self.id).field("journey", &self.journey).field("step", &self.step);
        shown.field("at", &self.at).field("answers", &self.answers).finish_non_exhaustive()
    }
}

impl Journeys {
    /// The journeys that a user is in, by journey and key.
    pub(crate) fn stays_of(&self, user: UserKey) -> Vec<JourneyStay> {
        let Some(known) = self.users.get(&user) else { return Vec::new() };
        let mut instances: Vec<&Instance> = known.instances.iter().collect();
        instances.sort_by(|a, b| (a.journey, &a.key, a.entry).cmp(&(b.journey, &b.key, b.entry)));
        let stay = |instance: &&Instance| {
            let journey = &self.plan.journeys[usize::from(instance.journey)];
            JourneyStay {
                journey: journey.name.clone(),
                key: instance.key.value().cloned(),
                step: journey.label(instance.step),
                entered: instance.entered,
                due: instance.due,
                event: instance.event().cloned(),
            }
        };
        instances.iter().map(stay).collect()
    }

    /// How often a user has entered each journey, in order of definition.
    pub(crate) fn entries_of(&self, user: UserKey) -> Vec<(Arc<str>, u32)> {
        let defined = self.plan.journeys.iter().take(self.plan.defined()).zip(0..);
        let entries =
            defined.map(|(journey, number)| (journey.name.clone(), self.entries_into(user, number)));
        entries.filter(|(_, entries)| *entries > 0).collect()
    }

    /// How often a user has entered a journey.
    pub(crate) fn entries_into(&self, user: UserKey, journey: JourneyNo) -> u32 {
        let running = self.users.get(&user).map_or(0, |known| known.last_entry(&self.plan, journey));
        self.past.entries_of(user, journey).unwrap_or(0).max(running)
    }

    /// The messages of a user that wait or were answered lately, by instant and id.
    pub(crate) fn messages_of(&self, user: UserKey) -> Vec<MessageKept> {
        let message = |held: Held<'_>| {
            let journey = self.plan.journeys.get(usize::from(held.origin.journey));
            let step = journey.and_then(|journey| journey.steps.get(usize::from(held.origin.step)));
            MessageKept {
                id: format!("{:032x}", held.id),
                journey: journey.map(|journey| journey.name.clone()),
                step: step.map(|step| step.id.clone()),
                at: held.at,
                handed_out: held.handed_out,
                answers: held.answers,
                content: held.content.cloned(),
            }
        };
        let mut messages: Vec<MessageKept> = self.outbox.held_of(user).map(message).collect();
        messages.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        messages
    }
}
