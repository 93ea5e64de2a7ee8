//! Inputs that are no message of a user: what became of actions and decisions, what models say, and the world.

use crate::decision::Feedback;
use crate::engine::look::Touched;
use crate::engine::{Acknowledgement, Error, Outcome, Partition, Unknown};
use crate::journey::Delivery;
use crate::model::{Body, Duration, Instant, Message, Object, Value, check_alone, nearest};
use crate::profile::{Applied, Fact, ProfileStore, UserKey};
use crate::segment::{Kind, Touch};

impl Partition {
    /// Reports what became of an action. Twice, or for an unknown one, it is counted and changes nothing.
    ///
    /// Where a definition reads `message.sent` and its like, or a journey waits for it, the event is recorded at `now`: every change that is due
    /// before happens first, and what follows is in the outcome. An unreachable user is a `message.failed`. What the
    /// engine itself did not send, took back or let expire is in the notes and counts, and no event.
    pub fn acknowledge(&mut self, action: &str, delivery: Delivery, now: Instant) -> Acknowledgement {
        let now = now.max(self.clock);
        let mut outcome = self.begin(now);
        let event = match delivery {
            Delivery::Sent => "message.sent",
            Delivery::Delivered => "message.delivered",
            Delivery::Opened => "message.opened",
            Delivery::Clicked => "message.clicked",
            Delivery::Failed | Delivery::Unreachable => "message.failed",
            Delivery::Suppressed => "message.suppressed",
        };
        let is_read = self.store.is_read(event);
        let is_awaited = self.compiled.journeys.awaits_answers;
        if is_read || is_awaited {
            self.run_due(now - Duration::from_millis(1), &mut outcome);
        }
        self.clock = now;
        if self.shelf.is_some()
            && let Some(user) = self.journeys.owner(action)
        {
            self.touch(user);
        }
        if self.shelf.is_some() {
            self.journeys.forgetting(now).into_iter().for_each(|user| self.touch_actions(user));
        }
        let notes = &mut outcome.notes;
        let answer = self.journeys.acknowledge((action, delivery), &self.store, now, notes);
        if self.journeys.learns_times() {
            self.learn_answer(&answer, delivery, now);
        }
        if let Some((user, origin)) = answer.about {
            self.note_deadline(user, now);
            // What becomes of a call is no message that was sent.
            let is_read = is_read && self.journeys.is_message(&origin);
            let goes_on = is_awaited && self.journeys.on_answer(user, &origin, delivery, now);
            if is_read {
                let about = self.journeys.about(&origin);
                self.happened(user, now, &mut outcome, |store, applied| {
                    store.record(user, event, about, now, applied);
                });
            }
            if goes_on {
                self.look_by_time(user, now, &mut outcome);
            }
        }
        Acknowledgement { acknowledged: answer.acknowledged, outcome }
    }

    /// Reports that a user saw a variant of a placement, or clicked on it. What was shown last is the user's
    /// `variant("placement")`; both are events where a definition reads `decision.shown` or `decision.clicked`.
    ///
    /// ```
    /// use bespoke::decision::Feedback;
    /// use bespoke::definitions::Definitions;
    /// use bespoke::engine::Partition;
    /// use bespoke::model::{Instant, Message};
    ///
    /// let definitions = Definitions::from_toml(r#"
    ///     version = 1
    ///     [events.open]
    ///     [segments]
    ///     weary = 'count(decision.shown where placement = "hero" in 1d) >= 2'
    ///     [placements.hero]
    ///     variant = [{ name = "boots", content = { title = "Boots" } }]
    /// "#)?;
    /// let mut partition = Partition::new(&definitions);
    /// let now: Instant = "2026-11-23T10:00:00Z".parse()?;
    /// partition.ingest(&Message::track("ada", "open"), now)?;
    /// partition.feedback("ada", "hero", "boots", Feedback::Shown, now)?;
    /// let outcome = partition.feedback("ada", "hero", "boots", Feedback::Shown, now)?;
    /// assert_eq!(outcome.changes[0].to_string(), "ada entered weary");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A placement or a variant that is not defined, or a user of whom nothing is known. It changes nothing.
    pub fn feedback(
        &mut self,
        user: &str,
        placement: &str,
        variant: &str,
        feedback: Feedback,
        now: Instant,
    ) -> Result<Outcome, Error> {
        self.check_feedback(placement, variant)?;
        self.known(user)?;
        let (now, mut outcome) = self.begin_at(now);
        // Their profile may be over since.
        let Some((id, user)) = Some(user).zip(self.store.find(user)) else { return Ok(outcome) };
        self.store.tell(user, id);
        self.happened(user, now, &mut outcome, |store, applied| {
            let mut about = Object::new();
            about.set("placement", placement);
            about.set("variant", variant);
            let event = match feedback {
                Feedback::Shown => {
                    store.set_fact(
                        user,
                        &Fact::Variant(placement).name(),
                        &Value::from(variant),
                        now,
                        applied,
                    );
                    "decision.shown"
                }
                Feedback::Clicked => "decision.clicked",
            };
            store.record(user, event, about, now, applied);
        });
        Ok(outcome)
    }

    /// Sets what a model says of a user, which expressions know as `predict.NAME`; `None` is nothing.
    ///
    /// ```
    /// # use bespoke::{definitions::Definitions, engine::Partition, model::{Instant, Message}};
    /// let definitions = Definitions::from_toml(r#"
    ///     version = 1
    ///     [events.open]
    ///     [segments]
    ///     at_risk = 'predict.churn > 0.8 and did(open in 30d)'
    /// "#)?;
    /// let mut partition = Partition::new(&definitions);
    /// let now: Instant = "2026-11-23T10:00:00Z".parse()?;
    /// partition.ingest(&Message::track("ada", "open"), now)?;
    /// let outcome = partition.set_prediction("ada", "churn", Some(0.9), now)?;
    /// assert_eq!(outcome.changes[0].to_string(), "ada entered at_risk");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A name that no expression reads, a number that is not finite, or a user of whom nothing is known. It changes
    /// nothing.
    pub fn set_prediction(
        &mut self,
        user: &str,
        name: &str,
        value: Option<f64>,
        now: Instant,
    ) -> Result<Outcome, Error> {
        self.check_prediction(name, value)?;
        self.known(user)?;
        let (now, mut outcome) = self.begin_at(now);
        // Their profile may be over since.
        let Some((id, user)) = Some(user).zip(self.store.find(user)) else { return Ok(outcome) };
        self.store.tell(user, id);
        self.happened(user, now, &mut outcome, |store, applied| {
            store.set_fact(user, &Fact::Prediction(name).name(), &Value::from(value), now, applied);
        });
        Ok(outcome)
    }

    /// Sets a fact for everyone, which expressions know as `world.NAME`; null unsets it. The segments that read it
    /// are looked at for every user. O(users · log users).
    ///
    /// ```
    /// # use bespoke::{definitions::Definitions, engine::Partition, model::{Instant, Message}};
    /// let definitions = Definitions::from_toml(r#"
    ///     version = 1
    ///     [world]
    ///     sale = "bool"
    ///     [events.open]
    ///     [segments]
    ///     bargain = 'world.sale and did(open in 30d)'
    /// "#)?;
    /// let mut partition = Partition::new(&definitions);
    /// let now: Instant = "2026-11-23T10:00:00Z".parse()?;
    /// partition.ingest(&Message::track("ada", "open"), now)?;
    /// let outcome = partition.set_world("sale", true, now)?;
    /// assert_eq!(outcome.changes[0].to_string(), "ada entered bargain");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A name that is not declared, or a value of another kind than is declared. It changes nothing.
    pub fn set_world(&mut self, name: &str, value: impl Into<Value>, now: Instant) -> Result<Outcome, Error> {
        let value = value.into();
        self.check_fact(name, &value)?;
        let mut values = Object::new();
        values.set(name, value);
        let (now, mut outcome) = self.begin_at(now);
        self.change_world(&values, now, now, &mut outcome);
        Ok(outcome)
    }

    pub(super) fn check_feedback(&self, placement: &str, variant: &str) -> Result<(), Error> {
        Ok(self.compiled.decisions.check_variant(placement, variant)?)
    }

    pub(super) fn check_prediction(&self, name: &str, value: Option<f64>) -> Result<(), Error> {
        let names = &self.compiled.plan.echoes.predictions;
        check("prediction", name, true, names.iter().map(|name| &**name))?;
        if value.is_some_and(|value| !value.is_finite()) { Err(Error::NotFinite) } else { Ok(()) }
    }

    pub(super) fn check_fact(&self, name: &str, value: &Value) -> Result<(), Error> {
        check_alone("values", name, value)?;
        let message = Message::world().with(name, value.clone());
        message.check()?;
        self.check_names(&message)
    }

    pub(super) fn change_world(&mut self, values: &Object, at: Instant, now: Instant, outcome: &mut Outcome) {
        let mut applied = Applied::default();
        self.store.begin(at, &mut applied);
        for (name, value) in values.iter() {
            let kind = self.names.world.get(name);
            let parsed = match (kind, value) {
                (Some(Kind::Instant), Value::String(text)) => text.parse().ok().map(Value::Instant),
                _ => None,
            };
            self.store.set_world(name, parsed.as_ref().unwrap_or(value), at, &mut applied);
        }
        let slots = &self.compiled.plan.slot_of;
        if applied.attributes.iter().any(|(name, _)| slots.contains_key(name)) {
            self.settle_all(Touch::Message(&applied), now, outcome);
        } else {
            self.run_due(now, outcome);
        }
        applied.clear(&mut self.store.symbols);
    }

    /// Whether the names in a message are declared, where they should be.
    pub(super) fn check_names(&self, message: &Message) -> Result<(), Error> {
        if let Some((kind, nearest)) = self.store.unknown_kind(message) {
            return Err(Unknown { what: "kind of id", name: kind.into(), nearest }.into());
        }
        let strict = self.settings.strict;
        let names = &self.names;
        match &message.body {
            Body::List { list, .. } => check("list", list, strict, names.lists.iter().map(|name| &**name)),
            Body::Consent(consent) => {
                let purposes = names.purposes.keys().map(|name| &**name);
                check("purpose", &consent.purpose, strict, purposes)?;
                match &consent.channel {
                    Some(channel) if !names.channels.is_empty() => {
                        check("channel", channel, strict, names.channels.keys().map(|name| &**name))
                    }
                    _ => Ok(()),
                }
            }
            Body::World { values } => values.iter().try_for_each(|(name, value)| {
                check("fact about the world", name, strict, names.world.keys().map(|name| &**name))?;
                match names.world.get(name) {
                    Some(kind) if strict && !fits(value, *kind) => Err(Error::WrongKind {
                        what: "world",
                        name: name.into(),
                        wanted: words(*kind),
                        found: value.kind_name(),
                    }),
                    _ => Ok(()),
                }
            }),
            Body::Item { item, attributes } => self.check_item(item, attributes),
            _ => Ok(()),
        }
    }

    pub(super) fn known(&self, user: &str) -> Result<UserKey, Error> {
        let unknown = || Unknown { what: "user", name: user.into(), nearest: None };
        self.store.find(user).ok_or_else(|| unknown().into())
    }

    /// Begins an input: what is due before it happens first.
    pub(super) fn begin_at(&mut self, now: Instant) -> (Instant, Outcome) {
        let now = now.max(self.clock);
        let mut outcome = self.begin(now);
        self.run_due(now - Duration::from_millis(1), &mut outcome);
        self.clock = now;
        (now, outcome)
    }

    /// Notes what happened to a user, and lets follow what follows.
    pub(super) fn happened(
        &mut self,
        user: UserKey,
        now: Instant,
        outcome: &mut Outcome,
        note: impl FnOnce(&mut ProfileStore, &mut Applied),
    ) {
        self.touch(user);
        let mut applied = std::mem::take(&mut self.applied);
        self.store.begin(now, &mut applied);
        note(&mut self.store, &mut applied);
        let touch = Touch::Message(&applied);
        let touched = Touched { user, touch, event: None, item: None, own: &applied };
        self.settle(&[touched], now, outcome);
        applied.clear(&mut self.store.symbols);
        self.applied = applied;
    }
}

/// Whether a name is among those that are known; where not all need be declared, any is.
fn check<'n>(
    what: &'static str,
    name: &str,
    strict: bool,
    names: impl Iterator<Item = &'n str> + Clone,
) -> Result<(), Error> {
    if !strict || names.clone().any(|known| known == name) {
        return Ok(());
    }
    let nearest = nearest(name, names).map(Into::into);
    Err(Unknown { what, name: name.into(), nearest }.into())
}

pub(super) fn fits(value: &Value, kind: Kind) -> bool {
    match (kind, value) {
        (_, Value::Null)
        | (Kind::Bool, Value::Bool(_))
        | (Kind::Number, Value::Int(_) | Value::Float(_))
        | (Kind::String, Value::String(_))
        | (Kind::Instant, Value::Instant(_))
        | (Kind::Geo, Value::Geo(_))
        | (Kind::List, Value::List(_)) => true,
        (Kind::Instant, Value::String(text)) => text.parse::<Instant>().is_ok(),
        (Kind::Geo, value) => value.as_geo().is_some(),
        _ => false,
    }
}

pub(super) fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "a bool",
        Kind::Number => "a number",
        Kind::String => "a string",
        Kind::Instant => "an instant",
        Kind::Geo => "a geo point",
        Kind::List => "a list",
    }
}
