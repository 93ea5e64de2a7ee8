//! Which arm of an experiment a user is in.

use crate::engine::partition::no_content;
use crate::engine::{Engine, Error, Input, Outcome, Partition, Unknown};
use crate::experiment::{Assignment, Outside};
use crate::journey::{CompiledExperiment, Context};
use crate::model::{Instant, nearest};

impl Partition {
    /// The arm of an experiment in which a user is, or why in none. Changes nothing, and records nothing: who sees the arm is
    /// [exposed](Partition::expose) to it, by the host or by the step of a journey. A user of whom nothing is known is drawn by the id that is given, and in no
    /// audience. `now` counts from the clock on.
    ///
    /// Costs a few hashes, and an evaluation of the audience.
    ///
    /// ```
    /// use bespoke::definitions::Definitions;
    /// use bespoke::engine::Partition;
    /// use bespoke::experiment::{Assignment, Outside};
    /// use bespoke::model::{Instant, Message};
    ///
    /// let definitions = Definitions::from_toml(r#"
    ///     version = 1
    ///     [attributes]
    ///     country = "string"
    ///     [experiments.price_test]
    ///     arms = { control = 50, lower = 50 }
    ///     audience = 'country = "FR"'
    /// "#)?;
    /// let mut partition = Partition::new(&definitions);
    /// let now: Instant = "2026-11-23T10:00:00Z".parse()?;
    /// for (user, country) in [("ada", "FR"), ("di", "FR"), ("cy", "DE")] {
    ///     partition.ingest(&Message::identify(user).with("country", country), now)?;
    /// }
    /// assert_eq!(partition.arm("ada", "price_test", now)?.arm(), Some("lower"));
    /// assert_eq!(partition.arm("di", "price_test", now)?.arm(), Some("control"));
    /// assert_eq!(partition.arm("cy", "price_test", now)?, Assignment::Outside(Outside::Audience));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// An experiment that is not defined, with the nearest name.
    pub fn arm(&self, user: &str, experiment: &str, now: Instant) -> Result<Assignment, Error> {
        let now = now.max(self.clock);
        let known = experiment_of(self, experiment)?;
        let user = self.store.find(user).ok_or(user);
        if user.is_ok_and(|user| self.restricted.contains(&user)) {
            return Ok(Assignment::Outside(Outside::Restricted));
        }
        let (plan, store, clock) = (&self.compiled.plan, &self.store, now);
        let context = Context { plan, store, memberships: None, now, clock, render: &no_content };
        Ok(known.assignment(&context, &self.compiled.journeys.permits, user))
    }

    /// Notes that a user sees the arm of an experiment in which it is, once for each user and arm, so that
    /// [`analyse`](Partition::analyse) counts it from then on: for experiments that the host runs itself, on a page or in an
    /// app. Nothing is noted of a user who is in no arm.
    ///
    /// ```
    /// use bespoke::definitions::Definitions;
    /// use bespoke::engine::Partition;
    /// use bespoke::model::{Instant, Message};
    ///
    /// let definitions = Definitions::from_toml(r#"
    ///     version = 1
    ///     [events.view]
    ///     [experiments.price_tag]
    ///     arms = { plain = 50, crossed_out = 50 }
    /// "#)?;
    /// let mut partition = Partition::new(&definitions);
    /// let now: Instant = "2026-11-23T10:00:00Z".parse()?;
    /// partition.ingest(&Message::track("ada", "view"), now)?;
    /// if partition.arm("ada", "price_tag", now)?.arm() == Some("crossed_out") {
    ///     // The page shows it so …
    /// }
    /// partition.expose("ada", "price_tag", now)?;
    /// let profile = partition.profile("ada").expect("it is known");
    /// assert_eq!(profile.exposures[0].experiment, "price_tag");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// An experiment that is not defined, with the nearest name, or a user of whom nothing is known. It changes nothing.
    pub fn expose(&mut self, user: &str, experiment: &str, now: Instant) -> Result<Outcome, Error> {
        experiment_of(self, experiment)?;
        self.known(user)?;
        let (now, mut outcome) = self.begin_at(now);
        // Their profile may be over since.
        let Some((id, user)) = Some(user).zip(self.store.find(user)) else { return Ok(outcome) };
        self.bring(user);
        if let Assignment::Arm(arm) = self.arm(id, experiment, now)?
            && !self.store.is_exposed(user, (experiment, &arm))
        {
            self.store.tell(user, id);
            self.happened(user, now, &mut outcome, |store, applied| {
                store.expose(user, (experiment, &arm), now, applied);
            });
        }
        Ok(outcome)
    }
}

/// The experiment of a name.
pub(super) fn experiment_of<'p>(
    partition: &'p Partition,
    name: &str,
) -> Result<&'p CompiledExperiment, Error> {
    let journeys = &partition.compiled.journeys;
    let found = journeys.experiments().find(|known| known.experiment.name() == name);
    found.ok_or_else(|| {
        let names = journeys.experiments().map(|known| known.experiment.name());
        let nearest = nearest(name, names).map(Into::into);
        Unknown { what: "experiment", name: name.into(), nearest }.into()
    })
}

impl Engine {
    /// The arm of an experiment in which a user is, or why in none. See [`Partition::arm`].
    ///
    /// # Errors
    /// An experiment that is not defined, with the nearest name, or a user who cannot be read.
    pub fn arm(&self, user: &str, experiment: &str, now: Instant) -> Result<Assignment, Error> {
        self.read_user(user, |partition| partition.arm(user, experiment, now))?
    }

    /// Notes that a user sees the arm of an experiment in which it is. See [`Partition::expose`].
    ///
    /// # Errors
    /// An experiment that is not defined, with the nearest name, an unknown user, or it cannot be written. It changes
    /// nothing.
    pub fn expose(&self, user: &str, experiment: &str, now: Instant) -> Result<Outcome, Error> {
        let input = || Input::Expose { user: user.into(), experiment: experiment.into() };
        self.shards().submit_of_user(user, now, input)
    }
}
