//! Journeys that the host asks for.

use crate::engine::look::Touched;
use crate::engine::partition::{NEVER, no_content};
use crate::engine::{Error, Outcome, Partition, Unknown};
use crate::journey::{Context, JourneyNo, Trigger};
use crate::model::{Instant, Message, Object, check_alone, nearest};
use crate::profile::UserKey;

impl Partition {
    /// Begins a journey for a user that is entered by `call`: whatever its audience and its rule of re-entry allow, as
    /// the notes of the outcome say. Templates know the properties as those of the event that began it.
    ///
    /// ```
    /// # use bespoke::{definitions::Definitions, engine::Partition, model::{Instant, Message, Object}};
    /// let definitions = Definitions::from_toml(r#"
    ///     version = 1
    ///     [events.open]
    ///     [templates.code]
    ///     title = "Your code is {{ event.code }}"
    ///     [journeys.login]
    ///     class = "transactional"
    ///     enter = { call = true, key = "device" }
    ///     step = [{ id = "send", send = { channel = "sms", template = "code" } }]
    /// "#)?;
    /// let mut partition = Partition::new(&definitions);
    /// let now: Instant = "2026-11-23T10:00:00Z".parse()?;
    /// partition.ingest(&Message::track("ada", "open"), now)?;
    /// let properties = Object::new().with("device", "phone").with("code", 1234);
    /// let outcome = partition.call("ada", "login", &properties, now)?;
    /// assert_eq!(outcome.notes[1].to_string(), "login, step send (phone): sent by sms");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A journey that is not defined, or not entered by `call`; properties that no message could have; a user of whom
    /// nothing is known. It changes nothing.
    pub fn call(
        &mut self,
        user: &str,
        journey: &str,
        properties: &Object,
        now: Instant,
    ) -> Result<Outcome, Error> {
        let journey = self.check_call(journey, properties)?;
        self.known(user)?;
        let (now, mut outcome) = self.begin_at(now);
        // Their profile may be over since.
        let Some(user) = self.store.find(user) else { return Ok(outcome) };
        self.touch(user);
        let (plan, store, clock) = (&self.compiled.plan, &self.store, self.host_clock);
        let memberships = Some(&self.users[user.0 as usize].memberships);
        let context = Context { plan, store, memberships, now, clock, render: &no_content };
        if !self.restricted.contains(&user) {
            self.journeys.on_call(&context, user, journey, properties, &mut outcome.notes);
        }
        self.look_by_time(user, now, &mut outcome);
        Ok(outcome)
    }

    /// Looks at a user for whom a journey goes on or begins at this instant.
    pub(super) fn look_by_time(&mut self, user: UserKey, now: Instant, outcome: &mut Outcome) {
        self.users[user.0 as usize].journey_due = self.journeys.deadline(user).unwrap_or(NEVER);
        self.schedule(user, now);
        self.settle(&[Touched::by_time(user)], now, outcome);
    }

    /// The number of a journey that is entered by a call of the host.
    pub(super) fn check_call(&self, journey: &str, properties: &Object) -> Result<JourneyNo, Error> {
        let mut message = Message::track("user", "call");
        for (name, value) in properties.iter() {
            check_alone("properties", name, value)?;
            message = message.with(name, value.clone());
        }
        message.check()?;
        let journeys = self.compiled.journeys.journeys.iter();
        let called = journeys.enumerate().filter_map(|(number, journey)| {
            let is_called = matches!(journey.definition.enter.trigger, Trigger::Call { .. });
            is_called.then_some((number as JourneyNo, &*journey.name))
        });
        let found = called.clone().find(|(_, name)| *name == journey);
        found.map(|(number, _)| number).ok_or_else(|| {
            let nearest = nearest(journey, called.map(|(_, name)| name)).map(Into::into);
            Unknown { what: "journey that is entered by a call", name: journey.into(), nearest }.into()
        })
    }
}
