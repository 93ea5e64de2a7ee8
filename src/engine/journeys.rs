//! Questions about journeys: where a user is and why, and how many are where.

use crate::engine::partition::NEVER;
use crate::engine::{Engine, Error, Partition, Unknown};
use crate::journey::{Context, Drawing, JourneyExplanation, JourneyNo, RenderRequest};
use crate::model::{Instant, nearest};
use crate::profile::UserKey;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Partition {
    /// Where a user is in a journey, what comes next and when, and what the delivery gate would say now: see
    /// [`JourneyExplanation`]. Changes nothing.
    ///
    /// Runs what comes next on a copy of what journeys know of the user: for a person who looks, not for every request.
    ///
    /// ```
    /// use bespoke::definitions::Definitions;
    /// use bespoke::engine::Partition;
    /// use bespoke::model::{Duration, Instant, Message};
    ///
    /// let definitions = Definitions::from_toml(r#"
    ///     version = 1
    ///     [events.add_to_cart]
    ///     [templates.cart]
    ///     title = "Still interested?"
    ///     [delivery.quiet.push]
    ///     from = "22:00"
    ///     to = "08:00"
    ///     [journeys.cart]
    ///     enter = { event = "add_to_cart" }
    ///     step = [
    ///         { id = "idle", wait = "1h" },
    ///         { id = "remind", send = { channel = "push", template = "cart" } },
    ///     ]
    /// "#)?;
    /// let mut partition = Partition::new(&definitions);
    /// let now: Instant = "2026-11-23T21:30:00Z".parse()?;
    /// partition.ingest(&Message::track("ada", "add_to_cart"), now)?;
    ///
    /// let why = partition.explain_journey("ada", "cart", now)?;
    /// assert_eq!(why.to_string(), "\
    /// ada is in cart, entered 1 time; may not enter: in it already
    ///   on step idle, waits until 2026-11-23T22:30:00Z; entered 2026-11-23T21:30:00Z
    ///     next send: remind at 2026-11-23T22:30:00Z; now: sent by push
    ///     2026-11-23T22:30:00Z remind: quiet hours, deferred until 2026-11-24T08:00:00Z
    ///     2026-11-24T08:00:00Z remind: sent by push
    ///     2026-11-24T08:00:00Z: completed");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// An unknown user, or an unknown journey, with the nearest name.
    pub fn explain_journey(
        &self,
        user: &str,
        journey: &str,
        now: Instant,
    ) -> Result<JourneyExplanation, Error> {
        let user = self.known(user)?;
        let journey = self.journey_number(journey)?;
        Ok(self.explain_journey_of(user, journey, now))
    }

    /// The same for every journey, in order of definition.
    ///
    /// # Errors
    /// An unknown user.
    pub fn explain_journeys(&self, user: &str, now: Instant) -> Result<Vec<JourneyExplanation>, Error> {
        let user = self.known(user)?;
        let journeys = 0..self.compiled.journeys.journeys.len() as JourneyNo;
        Ok(journeys.map(|journey| self.explain_journey_of(user, journey, now)).collect())
    }

    /// How many users stand on each step of a journey, by its id; of a user with several instances each step counts once.
    /// O(users in journeys).
    ///
    /// # Errors
    /// An unknown journey, with the nearest name.
    pub fn users_on_steps(&self, journey: &str) -> Result<BTreeMap<Arc<str>, u64>, Error> {
        self.journey_number(journey)?;
        let mut users = BTreeMap::new();
        self.journeys.users_here().for_each(|user| self.journeys.count_on_steps(user, journey, &mut users));
        Ok(users)
    }

    /// Draws a journey: its steps and how they lead to one another, what begins and ends it, and how many users stand on
    /// each step now. The text goes to [Mermaid or Graphviz](Drawing). O(steps + users in journeys).
    ///
    /// # Errors
    /// An unknown journey, with the nearest name.
    pub fn draw_journey(&self, journey: &str, drawing: Drawing) -> Result<String, Error> {
        let users = self.users_on_steps(journey)?;
        self.draw(journey, &users, drawing)
    }

    fn draw(
        &self,
        journey: &str,
        users: &BTreeMap<Arc<str>, u64>,
        drawing: Drawing,
    ) -> Result<String, Error> {
        let number = self.journey_number(journey)?;
        Ok(self.compiled.journeys.journeys[usize::from(number)].draw(users, drawing))
    }

    fn explain_journey_of(&self, user: UserKey, journey: JourneyNo, now: Instant) -> JourneyExplanation {
        let now = now.max(self.clock);
        let contents = self.contents();
        let render = |request: &RenderRequest<'_>| contents.rendered(request);
        let plan = &self.compiled.plan;
        let context = Context {
            plan,
            store: &self.store,
            memberships: Some(&self.users[user.0 as usize].memberships),
            now,
            clock: now,
            render: &render,
        };
        self.journeys.explain(&context, user, journey, self.restricted.contains(&user))
    }

    fn journey_number(&self, name: &str) -> Result<JourneyNo, Error> {
        let journeys = &self.compiled.journeys.journeys;
        let number = journeys.iter().position(|journey| *journey.name == *name);
        number.map(|number| number as JourneyNo).ok_or_else(|| {
            let nearest = nearest(name, journeys.iter().map(|journey| &*journey.name)).map(Into::into);
            Unknown { what: "journey", name: name.into(), nearest }.into()
        })
    }

    /// Users who are away and may be in a journey: whoever is in one is due at some instant.
    fn away_in_journeys(&self) -> Vec<UserKey> {
        let users = self.store.keys().filter(|user| self.users[user.0 as usize].journey_due != NEVER);
        users.filter(|user| self.away(*user).is_some()).collect()
    }
}

impl Engine {
    /// Where a user is in a journey, what comes next, and what would stop it. See [`Partition::explain_journey`].
    ///
    /// # Errors
    /// An unknown user, or an unknown journey, with the nearest name, or a user who cannot be read.
    pub fn explain_journey(
        &self,
        user: &str,
        journey: &str,
        now: Instant,
    ) -> Result<JourneyExplanation, Error> {
        self.read_user(user, |partition| partition.explain_journey(user, journey, now))?
    }

    /// The same for every journey, in order of definition.
    ///
    /// # Errors
    /// An unknown user, or one who cannot be read.
    pub fn explain_journeys(&self, user: &str, now: Instant) -> Result<Vec<JourneyExplanation>, Error> {
        self.read_user(user, |partition| partition.explain_journeys(user, now))?
    }

    /// How many users stand on each step of a journey. See [`Partition::users_on_steps`].
    ///
    /// With a store, those who are not in memory and for whom time does something are read for it, one after the other,
    /// while others read and write: each is counted where they stand when their turn comes.
    ///
    /// # Errors
    /// An unknown journey, with the nearest name, or a user who cannot be read.
    pub fn users_on_steps(&self, journey: &str) -> Result<BTreeMap<Arc<str>, u64>, Error> {
        let mut users = BTreeMap::new();
        for shard in &self.shards().shards {
            let (here, away) =
                shard.read(|partition| (partition.users_on_steps(journey), partition.away_in_journeys()));
            here?.into_iter().for_each(|(step, count)| *users.entry(step).or_default() += count);
            for user in away {
                let look = |partition: &Partition| {
                    let mut own = BTreeMap::new();
                    partition.journeys.count_on_steps(user, journey, &mut own);
                    own
                };
                // The number may be nobody's by now.
                let find = |partition: &Partition| {
                    Some(user).filter(|user| partition.store.profiles.is_there(*user))
                };
                let own = shard.read_found(find, look)?;
                own.into_iter().for_each(|(step, count)| *users.entry(step).or_default() += count);
            }
        }
        Ok(users)
    }

    /// Draws a journey, with the number of users on each step. See [`Partition::draw_journey`], and for what counting
    /// costs [`users_on_steps`](Engine::users_on_steps).
    ///
    /// # Errors
    /// An unknown journey, with the nearest name, or a user who cannot be read.
    pub fn draw_journey(&self, journey: &str, drawing: Drawing) -> Result<String, Error> {
        let users = self.users_on_steps(journey)?;
        self.read(|partition| partition.draw(journey, &users, drawing))
    }
}
