//! Where a user is in a journey, what comes next, and what would stop it: asked of the same runtime, on a copy.

use crate::journey::context::Context;
use crate::journey::enter::Entry;
use crate::journey::instance::{Instance, Stand, UserJourneys};
use crate::journey::key::InstanceKey;
use crate::journey::outbox::Outbox;
use crate::journey::plan::{CompiledJourney, JourneyNo};
use crate::journey::runtime::Journeys;
use crate::journey::{MessageKept, Note, Reason, What};
use crate::model::{Bytes, Instant, Value};
use crate::predict::SendTimes;
use crate::profile::UserKey;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// How often time is moved on to see what comes next: a journey may go round for ever.
const LOOKS_MAX: usize = 32;

/// Where a user is in a journey, and why.
///
/// What comes next is what happens if nothing but time does: a dry run of the same steps and of the same gate on a copy,
/// so it takes part in no state. What events, answers or changes of segments would do is not in it.
///
/// As text it reads like a story; as JSON it is data.
///
/// ```
/// # fn show(engine: &bespoke::engine::Engine, now: bespoke::model::Instant) -> Result<(), bespoke::engine::Error> {
/// let why = engine.explain_journey("ada", "cart", now)?;
/// println!("{why}");
/// for instance in &why.instances {
///     if let Some(send) = &instance.next_send {
///         println!("{} at {}; now: {}", send.step, send.at, send.now); // push at …; now: not sent: cap
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct JourneyExplanation {
    /// Whom it is about.
    pub user: Arc<str>,
    /// Which journey.
    pub journey: Arc<str>,
    /// As of when.
    pub at: Instant,
    /// How often the user has entered it.
    pub entries: u32,
    /// Where the user is in it, by key and entry; empty where in none.
    pub instances: Vec<InstanceExplanation>,
    /// Why an entry at this instant would be refused, of an instance without a key; none where it would not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Reason>,
    /// Messages of this journey that wait for the host, or were answered lately.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<MessageKept>,
    /// What is known of the user is not to be processed: journeys stand still until that is lifted.
    pub restricted: bool,
}

/// Where one instance of a journey is, and what comes next.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Partition, model::{Duration, Instant, Message}};
/// # let mut partition = Partition::new(&Definitions::from_toml(r#"
/// #     version = 1
/// #     [events.add_to_cart]
/// #     cart_id = "string"
/// #     [templates.cart]
/// #     title = "Still interested?"
/// #     [delivery]
/// #     quiet = { push = { from = "22:00", to = "08:00" } }
/// #     [journeys.cart]
/// #     enter = { event = "add_to_cart", key = "cart_id" }
/// #     step = [
/// #         { id = "idle", wait = "1h" },
/// #         { id = "remind", send = { channel = "push", template = "cart" } },
/// #     ]
/// # "#)?);
/// # let now: Instant = "2026-11-23T10:00:00Z".parse()?;
/// // The journey `cart` is keyed by the id of the cart: there is one instance for each.
/// for (cart, at) in [("c1", now), ("c2", now + Duration::minutes(20))] {
///     partition.ingest(&Message::track("ada", "add_to_cart").with("cart_id", cart), at)?;
/// }
/// let why = partition.explain_journey("ada", "cart", now + Duration::minutes(30))?;
/// let [first, second] = &why.instances[..] else { panic!("two carts") };
/// assert_eq!((&first.key, &*first.step, first.due), (&Some("c1".into()), "idle", now + Duration::hours(1)));
/// assert_eq!(second.due - first.due, Duration::minutes(20));
/// let coming: Vec<String> = second.coming.iter().map(|note| note.what.to_string()).collect();
/// assert_eq!(coming, ["sent by push", "completed"]); // unless something happens before
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct InstanceExplanation {
    /// What keys it, where something does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Value>,
    /// The instant of what began it.
    pub entered: Instant,
    /// Which of the user's entries into the journey it is.
    pub entry: u32,
    /// The step on which it stands.
    pub step: Arc<str>,
    /// How it stands there.
    pub stands: Stands,
    /// When it goes on, by time alone.
    pub due: Instant,
    /// The send that comes next, if one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_send: Option<NextSend>,
    /// What it does from here on if nothing else happens, at most so far as time has to be moved on 32 times.
    pub coming: Vec<Note>,
    /// Whether any of that does something to the user, by `set` or `emit`: what is behind it is foreseen as if that changed
    /// nothing. [`Engine::simulate`](crate::engine::Engine::simulate) follows it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub changes_user: bool,
}

/// How an instance stands on its step.
///
/// ```
/// use bespoke::journey::Stands;
/// # use bespoke::{definitions::Definitions, engine::Partition, model::{Duration, Instant, Message}};
/// # let mut partition = Partition::new(&Definitions::from_toml(r#"
/// #     version = 1
/// #     [events.add_to_cart]
/// #     cart_id = "string"
/// #     [templates.cart]
/// #     title = "Still interested?"
/// #     [delivery]
/// #     quiet = { push = { from = "22:00", to = "08:00" } }
/// #     cap = [{ scope = "channel:push", max = 1, window = "24h" }]
/// #     [journeys.cart]
/// #     enter = { event = "add_to_cart", key = "cart_id" }
/// #     step = [
/// #         { id = "idle", wait = "1h" },
/// #         { id = "remind", send = { channel = "push", template = "cart" } },
/// #     ]
/// # "#)?);
/// # let now: Instant = "2026-11-23T21:30:00Z".parse()?;
/// # partition.ingest(&Message::track("ada", "add_to_cart").with("cart_id", "c1"), now)?;
/// // The cart is left at 21:30. An hour later, when the reminder is due, it is quiet.
/// assert_eq!(partition.explain_journey("ada", "cart", now)?.instances[0].stands, Stands::Waiting);
/// let now = now + Duration::hours(1);
/// partition.advance(now);
/// let instance = &partition.explain_journey("ada", "cart", now)?.instances[0];
/// assert_eq!((instance.stands, &*instance.step), (Stands::Deferred, "remind"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stands {
    /// The step runs when it is due.
    Due,
    /// It waits for an instant.
    Waiting,
    /// It waits for something to happen, up to an instant.
    WaitingFor,
    /// It waits until the gate lets its message go.
    Deferred,
}

/// The send that comes next in a journey.
///
/// ```
/// use bespoke::journey::{Reason, What};
/// # use bespoke::{definitions::Definitions, engine::Partition, model::{Duration, Instant, Message}};
/// # let mut partition = Partition::new(&Definitions::from_toml(r#"
/// #     version = 1
/// #     [events.add_to_cart]
/// #     cart_id = "string"
/// #     [templates.cart]
/// #     title = "Still interested?"
/// #     [delivery]
/// #     quiet = { push = { from = "22:00", to = "08:00" } }
/// #     cap = [{ scope = "channel:push", max = 1, window = "24h" }]
/// #     [journeys.cart]
/// #     enter = { event = "add_to_cart", key = "cart_id" }
/// #     step = [
/// #         { id = "idle", wait = "1h" },
/// #         { id = "remind", send = { channel = "push", template = "cart" } },
/// #     ]
/// # "#)?);
/// # let at = "2026-11-23T10:00:00Z".parse()?;
/// # partition.ingest(&Message::track("ada", "add_to_cart").with("cart_id", "c1"), at)?;
/// # let now = at + Duration::hours(12);
/// # partition.advance(now);
/// # partition.ingest(&Message::track("ada", "add_to_cart").with("cart_id", "c2"), now)?;
/// // Ada had her one push of these 24 hours this morning, and it is quiet since 22:00.
/// let why = partition.explain_journey("ada", "cart", now)?;
/// let Some(send) = &why.instances[0].next_send else { panic!("a reminder comes next") };
/// assert_eq!((&*send.step, send.at), ("remind", now + Duration::hours(1)));
/// assert_eq!(send.now.reason(), Some(Reason::QuietHours));
/// assert_eq!(send.rule, Some(7)); // the first rule that objects; the cap is rule 9
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct NextSend {
    /// Its step.
    pub step: Arc<str>,
    /// When it is due, if nothing else happens.
    pub at: Instant,
    /// What the gate would say if it were due now: [`What::Sent`], or why not.
    pub now: What,
    /// The rule of the gate that says so, from 1 to 11; none where it would be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<u8>,
}

impl Journeys {
    /// Explains a journey of a name for a user. `is_restricted` tells that nothing of the user's goes on.
    ///
    /// Costs a copy of what journeys know of the user, and a run of what comes next, for each instance.
    pub(crate) fn explain(
        &self,
        cx: &Context<'_>,
        user: UserKey,
        journey: JourneyNo,
        is_restricted: bool,
    ) -> JourneyExplanation {
        let name = &self.plan.journeys[usize::from(journey)].name;
        let known = self.users.get(&user);
        let mut instances: Vec<&Instance> = known.iter().flat_map(|known| &known.instances).collect();
        instances.retain(|instance| self.journey(instance.journey).name == *name);
        instances.sort_by(|a, b| (&a.key, a.entry).cmp(&(&b.key, b.entry)));
        let explained = instances.into_iter().map(|instance| {
            let coming = if is_restricted { Vec::new() } else { self.foresee(cx, user, instance) };
            InstanceExplanation {
                key: instance.key.value().cloned(),
                entered: instance.entered,
                entry: instance.entry,
                step: self.journey(instance.journey).label(instance.step),
                stands: match instance.stand {
                    Stand::Waiting => Stands::Waiting,
                    Stand::WaitingFor => Stands::WaitingFor,
                    Stand::Deferred => Stands::Deferred,
                    _ => Stands::Due,
                },
                due: instance.due,
                next_send: self.next_send(cx, user, instance, &coming),
                changes_user: coming.iter().any(changes_user),
                coming,
            }
        });
        let of_journey = |message: &MessageKept| message.journey.as_ref() == Some(name);
        JourneyExplanation {
            user: cx.store.name(user).as_str().into(),
            journey: name.clone(),
            at: cx.now,
            entries: self.entries_into(user, journey),
            instances: explained.collect(),
            refused: self.refused_now(cx, user, journey),
            messages: self.messages_of(user).into_iter().filter(of_journey).collect(),
            restricted: is_restricted,
        }
    }

    fn journey(&self, number: JourneyNo) -> &CompiledJourney {
        &self.plan.journeys[usize::from(number)]
    }

    /// The same journeys with this user alone, and an outbox of their own.
    fn aside(&self, user: UserKey, now: Instant) -> Journeys {
        let mut record = Vec::new();
        self.write_user(user, &mut record);
        let mut aside = Journeys::new(self.plan.clone());
        let state = self.read_user(&mut Bytes::new(&record)).expect("it was written a line before");
        aside.throttles = self.throttles.clone();
        aside.times = self.times.as_ref().map(SendTimes::without_users);
        aside.put_user(user, state, now);
        aside
    }

    /// What becomes of an instance if nothing but time happens. All else that the user is in goes on beside it, because it
    /// uses up what caps leave; but for those with its journey and key, whose notes could not be told from its own.
    fn foresee(&self, cx: &Context<'_>, user: UserKey, instance: &Instance) -> Vec<Note> {
        let mut aside = self.aside(user, cx.now);
        let is_like = |own: &Instance| own.journey == instance.journey && own.key == instance.key;
        if let Some(known) = aside.users.get_mut(&user) {
            known.instances.retain(|own| !is_like(own) || own.entry == instance.entry);
        }
        let beside = aside.users.get(&user).map_or(0, |known| known.instances.len());
        let (mut notes, mut now, mut looks) = (Vec::new(), cx.now, 0);
        // What the others do is looked at too, as often as it comes to each of them.
        for _ in 0..LOOKS_MAX * (1 + beside) {
            let of_own = |known: &UserJourneys| {
                let own = known.instances.iter().find(|own| is_like(own));
                own.map(|own| own.deadline(&self.plan))
            };
            let own = aside.users.get(&user).and_then(|known| of_own(&known));
            let (Some(own), Some(due)) = (own, aside.deadline(user)) else { break };
            looks += usize::from(own <= due);
            if looks > LOOKS_MAX {
                break;
            }
            now = now.max(due);
            aside.on_time(&Context { now, clock: now, ..*cx }, user, &mut notes);
            // Nobody is changed by being looked at, so steps behind a change see the user as they are now.
            aside.effects.clear();
            // The host takes at once whatever is there.
            aside.outbox = Outbox::default();
        }
        let name = &self.journey(instance.journey).name;
        notes.retain(|note| note.journey == *name && note.key.as_ref() == instance.key.value());
        notes
    }

    /// The first send of what comes, and what the gate says of it at this instant.
    fn next_send(
        &self,
        cx: &Context<'_>,
        user: UserKey,
        instance: &Instance,
        coming: &[Note],
    ) -> Option<NextSend> {
        let Note { at, step, .. } = coming.iter().find(|note| is_of_gate(&note.what))?;
        let step = step.clone()?;
        let number = self.journey(instance.journey).step_of(&step)?;
        let mut instance = instance.clone();
        // One that was deferred keeps the instant at which it was due at first.
        if instance.step != number || instance.stand != Stand::Deferred {
            (instance.step, instance.stand) = (number, Stand::Due);
        }
        instance.due = cx.now;
        let mut aside = self.aside(user, cx.now);
        aside.users.of(user).instances = vec![instance];
        let mut notes = Vec::new();
        aside.on_time(cx, user, &mut notes);
        // Without a word of the gate's it is over before.
        let said = notes.iter().find(|note| is_of_gate(&note.what)).or(notes.first())?;
        let (now, rule) = (said.what.clone(), said.what.reason().and_then(Reason::gate_rule));
        Some(NextSend { step, at: *at, now, rule })
    }

    /// Why an entry without a key would be refused.
    fn refused_now(&self, cx: &Context<'_>, user: UserKey, journey: JourneyNo) -> Option<Reason> {
        let mut notes = Vec::new();
        let entry = Entry { journey, key: InstanceKey::default(), at: cx.now, event: None, part: None };
        self.aside(user, cx.now).enter(cx, user, entry, &mut notes);
        notes.iter().find_map(|note| match note.what {
            What::Refused { reason } => Some(reason),
            _ => None,
        })
    }
}

/// Whether it does something to the user.
fn changes_user(note: &Note) -> bool {
    matches!(note.what, What::Set { .. } | What::Emitted { .. })
}

/// Whether it is what becomes of a send that is due.
fn is_of_gate(what: &What) -> bool {
    matches!(
        what,
        What::Sent { .. }
            | What::Deferred { .. }
            | What::Skipped { .. }
            | What::Ghost { .. }
            | What::FellBack { .. }
    )
}

impl fmt::Display for JourneyExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let JourneyExplanation { user, journey, entries, .. } = self;
        let is_in = if self.instances.is_empty() { "is not in" } else { "is in" };
        let s = if *entries == 1 { "" } else { "s" };
        write!(f, "{user} {is_in} {journey}, entered {entries} time{s}")?;
        match self.refused {
            None => f.write_str("; may enter")?,
            Some(reason) => write!(f, "; may not enter: {reason}")?,
        }
        if self.restricted {
            f.write_str("; restricted, so nothing goes on")?;
        }
        self.instances.iter().try_for_each(|instance| write!(f, "\n{instance}"))?;
        self.messages.iter().try_for_each(|message| {
            let step = message.step.as_deref().unwrap_or("a step that is no more");
            write!(f, "\n  message of {step}, {}: ", message.at)?;
            match (message.answers.last(), message.handed_out) {
                (Some(answer), _) => write!(f, "{answer}"),
                (None, true) => f.write_str("with the host"),
                (None, false) => f.write_str("waits for the host"),
            }
        })
    }
}

impl fmt::Display for InstanceExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("  ")?;
        match &self.key {
            Some(Value::String(key)) => write!(f, "({key}) ")?,
            Some(Value::Int(key)) => write!(f, "({key}) ")?,
            Some(Value::Float(key)) => write!(f, "({key}) ")?,
            _ => {}
        }
        let stands = match self.stands {
            Stands::Due => "goes on at",
            Stands::Waiting => "waits until",
            Stands::WaitingFor => "waits for something until",
            Stands::Deferred => "deferred until",
        };
        write!(f, "on step {}, {stands} {}; entered {}", self.step, self.due, self.entered)?;
        if let Some(NextSend { step, at, now, rule }) = &self.next_send {
            write!(f, "\n    next send: {step} at {at}; now: {now}")?;
            rule.map_or(Ok(()), |rule| write!(f, " (rule {rule} of the gate)"))?;
        }
        for note in &self.coming {
            write!(f, "\n    {}", note.at)?;
            note.step.as_ref().map_or(Ok(()), |step| write!(f, " {step}"))?;
            write!(f, ": {}", note.what)?;
            if changes_user(note) {
                write!(f, " (what follows as if that changed nothing; a simulation follows it)")?;
            }
        }
        Ok(())
    }
}
