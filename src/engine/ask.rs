//! Questions that no definition asks: expressions once, and why somebody is or is not in a segment.

use crate::engine::survey::Surveyor;
use crate::engine::{Engine, Error, Partition, Progress, Survey};
use crate::model::{Explanation, Instant, Value, check_alone};
use crate::profile::Packed;
use crate::segment::{Answer, Aside, Expression, Inquiry, WhyNot, in_part, key_is};
use std::ops::ControlFlow;

impl Partition {
    /// Compiles an expression against the definitions that run. Linear in its length and that of the segments it
    /// refers to, and in the number of events and properties that are kept.
    ///
    /// # Errors
    /// [`Error::Expression`] with every error of the text, each with its place and what to do, as for definitions.
    pub fn expression(&self, text: &str) -> Result<Expression, Error> {
        Expression::compile(&self.compiled.ground(), text).map_err(Error::Expression)
    }

    /// What an expression gives for a user. `now` counts from the clock on.
    ///
    /// Costs an evaluation over the user's history, and a look-up of each text in the expression.
    ///
    /// # Errors
    /// An unknown user, or an expression that was compiled under other definitions and does not fit these.
    pub fn evaluate(&self, expression: &Expression, user: &str, now: Instant) -> Result<Answer, Error> {
        self.inquire(expression, user, now, |inquiry| inquiry.answer())
    }

    /// For whom an expression holds: how many, and the first `limit` in the order of their ids.
    ///
    /// After every thousand users `progress` is told, and may stop it: what was found so far is given then. Costs an
    /// evaluation for each user.
    ///
    /// # Errors
    /// An expression that is no condition, or that was compiled under other definitions and does not fit these.
    pub fn evaluate_all(
        &self,
        expression: &Expression,
        limit: usize,
        now: Instant,
        mut progress: impl FnMut(&Progress) -> ControlFlow<()>,
    ) -> Result<Survey, Error> {
        let mut surveyor = Surveyor::new(limit);
        loop {
            surveyor.page(self, expression, now)?;
            if progress(surveyor.progress()).is_break() || surveyor.is_complete() {
                return Ok(surveyor.finish());
            }
        }
    }

    /// Why an expression gives what it gives for a user.
    ///
    /// # Errors
    /// As [`evaluate`](Partition::evaluate).
    pub fn explain_expression(
        &self,
        expression: &Expression,
        user: &str,
        now: Instant,
    ) -> Result<Explanation, Error> {
        self.inquire(expression, user, now, |inquiry| inquiry.explain(None, None))
    }

    /// Why a user is in a segment, or is not: its expression as a tree with the value of every part, the events
    /// that aggregates are made of, what time alone changes next, and how far back the history goes.
    ///
    /// Of a keyed segment it tells the parts in which it holds, then others, five at most. Compiles the segment's
    /// text and evaluates each part of it: for a person who looks, not for every request.
    ///
    /// # Errors
    /// An unknown user, or an unknown segment, with the nearest name.
    pub fn explain(&self, user: &str, segment: &str, now: Instant) -> Result<Explanation, Error> {
        self.explain_part(user, segment, None, now)
    }

    /// The same in one part of a keyed segment.
    ///
    /// # Errors
    /// As [`explain`](Partition::explain), or a segment that is not keyed.
    pub fn explain_key(
        &self,
        user: &str,
        segment: &str,
        key: &Value,
        now: Instant,
    ) -> Result<Explanation, Error> {
        self.explain_part(user, segment, Some(key), now)
    }

    /// The nearest conditions that keep a user out of a segment; of a member, those that keep it in.
    ///
    /// Of a keyed segment it looks at the part that lacks least.
    ///
    /// # Errors
    /// An unknown user, or an unknown segment, with the nearest name.
    pub fn why_not(&self, user: &str, segment: &str, now: Instant) -> Result<WhyNot, Error> {
        self.why_not_part(user, segment, None, now)
    }

    /// The same in one part of a keyed segment.
    ///
    /// # Errors
    /// As [`why_not`](Partition::why_not), or a segment that is not keyed.
    pub fn why_not_key(&self, user: &str, segment: &str, key: &Value, now: Instant) -> Result<WhyNot, Error> {
        self.why_not_part(user, segment, Some(key), now)
    }

    fn explain_part(
        &self,
        user: &str,
        segment: &str,
        key: Option<&Value>,
        now: Instant,
    ) -> Result<Explanation, Error> {
        self.inquire_segment(user, segment, key, now, |inquiry, found| {
            let name = self.store.name(inquiry.user);
            let title = format!("{name} in {segment}{}", in_part(key));
            match (key, found) {
                // No event has that key.
                (Some(_), None) => inquiry.explain_nothing(title),
                (_, found) => inquiry.explain(inquiry.part_of(found), Some(title)),
            }
        })
    }

    fn why_not_part(
        &self,
        user: &str,
        segment: &str,
        key: Option<&Value>,
        now: Instant,
    ) -> Result<WhyNot, Error> {
        key.map_or(Ok(()), |key| check_alone("key", segment, key))?;
        self.inquire_segment(user, segment, key, now, |inquiry, found| {
            let name = self.store.name(inquiry.user);
            match (key, found) {
                (Some(key), None) => inquiry.nothing_missing(key, name, &segment.into()),
                (_, found) => inquiry.why_not(found, name, &segment.into()),
            }
        })
    }

    fn inquire<T>(
        &self,
        expression: &Expression,
        user: &str,
        now: Instant,
        ask: impl FnOnce(&Inquiry<'_>) -> T,
    ) -> Result<T, Error> {
        let user = self.known(user)?;
        let aside = expression.on(&self.compiled.ground()).map_err(Error::Expression)?;
        let plan = aside.plan.beside(&self.compiled.plan, &self.store.symbols);
        Ok(ask(&Inquiry::new(&aside, &plan, &self.store, user, now.max(self.clock))))
    }

    /// Asks about a segment, with the key as the user's events have it, where there is an event that does.
    fn inquire_segment<T>(
        &self,
        user: &str,
        segment: &str,
        key: Option<&Value>,
        now: Instant,
        ask: impl FnOnce(&Inquiry<'_>, Option<Packed>) -> T,
    ) -> Result<T, Error> {
        let user = self.known(user)?;
        let id = self.segment_number(segment)?;
        let aside = Aside::of_segment(&self.compiled.ground(), id).map_err(Error::Expression)?;
        let plan = aside.plan.beside(&self.compiled.plan, &self.store.symbols);
        let inquiry = Inquiry::new(&aside, &plan, &self.store, user, now.max(self.clock));
        let found = match (key, &aside.parts) {
            (None, _) => None,
            (Some(_), None) => return Err(Error::NotKeyed { segment: segment.to_owned() }),
            (Some(wanted), Some(parts)) => {
                let symbols = &self.store.symbols;
                inquiry.keys(parts).into_iter().find(|key| key_is(*key, wanted, symbols))
            }
        };
        Ok(ask(&inquiry, found))
    }
}

impl Engine {
    /// Compiles an expression that is asked once. See [`Partition::expression`].
    ///
    /// # Errors
    /// [`Error::Expression`] with every error of the text.
    pub fn expression(&self, text: &str) -> Result<Expression, Error> {
        self.read(|partition| partition.expression(text))
    }

    /// What an expression gives for a user. See [`Partition::evaluate`].
    ///
    /// # Errors
    /// An unknown user, or an expression that was compiled under other definitions and does not fit these.
    pub fn evaluate(&self, expression: &Expression, user: &str, now: Instant) -> Result<Answer, Error> {
        self.read_user(user, |partition| partition.evaluate(expression, user, now))?
    }

    /// For whom an expression holds. See [`Partition::evaluate_all`].
    ///
    /// Writers go on meanwhile: each thousand of users is looked at as it is when its turn comes, and no lock is held
    /// while `progress` runs.
    ///
    /// ```
    /// # use bespoke::definitions::Definitions;
    /// # use bespoke::engine::Engine;
    /// # use bespoke::model::{Instant, Message};
    /// # use std::ops::ControlFlow;
    /// # let definitions = Definitions::from_toml("version = 1\n[attributes]\nplan = \"string\"")?;
    /// # let engine = Engine::builder(definitions).open()?;
    /// # let now: Instant = "2026-11-23T10:00:00Z".parse()?;
    /// engine.ingest(Message::identify("ada").with("plan", "pro"), now)?;
    /// let expression = engine.expression(r#"plan = "pro""#)?;
    /// let survey = engine.evaluate_all(&expression, 100, now, |progress| {
    ///     println!("{} of {} users", progress.done, progress.total);
    ///     ControlFlow::Continue(())
    /// })?;
    /// assert_eq!(survey.users, ["ada".into()]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// An expression that is no condition, or that was compiled under other definitions and does not fit these.
    pub fn evaluate_all(
        &self,
        expression: &Expression,
        limit: usize,
        now: Instant,
        mut progress: impl FnMut(&Progress) -> ControlFlow<()>,
    ) -> Result<Survey, Error> {
        let mut surveyor = Surveyor::new(limit);
        loop {
            self.shards().read_page(&mut surveyor, expression, now)?;
            if progress(surveyor.progress()).is_break() || surveyor.is_complete() {
                return Ok(surveyor.finish());
            }
        }
    }

    /// Why an expression gives what it gives for a user. See [`Partition::explain_expression`].
    ///
    /// # Errors
    /// An unknown user, or an expression that was compiled under other definitions and does not fit these.
    pub fn explain_expression(
        &self,
        expression: &Expression,
        user: &str,
        now: Instant,
    ) -> Result<Explanation, Error> {
        self.read_user(user, |partition| partition.explain_expression(expression, user, now))?
    }

    /// Why a user is in a segment, or is not. See [`Partition::explain`].
    ///
    /// # Errors
    /// An unknown user, or an unknown segment, with the nearest name.
    pub fn explain(&self, user: &str, segment: &str, now: Instant) -> Result<Explanation, Error> {
        self.read_user(user, |partition| partition.explain(user, segment, now))?
    }

    /// The same in one part of a keyed segment. See [`Partition::explain_key`].
    ///
    /// # Errors
    /// An unknown user or segment, or a segment that is not keyed.
    pub fn explain_key(
        &self,
        user: &str,
        segment: &str,
        key: &Value,
        now: Instant,
    ) -> Result<Explanation, Error> {
        self.read_user(user, |partition| partition.explain_key(user, segment, key, now))?
    }

    /// What keeps a user out of a segment, or in it. See [`Partition::why_not`].
    ///
    /// # Errors
    /// An unknown user, or an unknown segment, with the nearest name.
    pub fn why_not(&self, user: &str, segment: &str, now: Instant) -> Result<WhyNot, Error> {
        self.read_user(user, |partition| partition.why_not(user, segment, now))?
    }

    /// The same in one part of a keyed segment. See [`Partition::why_not_key`].
    ///
    /// # Errors
    /// An unknown user or segment, or a segment that is not keyed.
    pub fn why_not_key(&self, user: &str, segment: &str, key: &Value, now: Instant) -> Result<WhyNot, Error> {
        self.read_user(user, |partition| partition.why_not_key(user, segment, key, now))?
    }
}
