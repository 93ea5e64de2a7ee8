//! What users agree to, where the engine itself has to ask; and users whose processing is restricted.

use crate::definitions::Compiled;
use crate::engine::look::Touched;
use crate::engine::partition::{NEVER, no_content};
use crate::engine::{Outcome, Partition, Refusal};
use crate::journey::{Context, Reason};
use crate::model::{Body, Instant, Message, Value};
use crate::profile::{Fact, Less, UserKey};
use crate::segment::{Schema, Stored};

/// What is kept of the events of users.
const COLLECT: &str = "collect";
/// What affinities learn, and what decisions look at.
pub(super) const PERSONALIZE: &str = "personalize";
/// What recommenders learn, and what recommendations look at.
pub(super) const RECOMMEND: &str = "recommend";

impl Partition {
    /// Whether a user agrees to a purpose. To one that is not declared everybody does.
    pub(super) fn agrees(&self, user: UserKey, purpose: &str, now: Instant) -> bool {
        let default = self.names.purposes.get(purpose);
        default.is_none_or(|default| self.store.agreement(user, (purpose, None), *default, now).holds)
    }

    /// Why an event is not kept, if so. Whatever else a message says is kept: to whom it belongs, and what the user
    /// wants.
    pub(super) fn refuses(&mut self, message: &Message, now: Instant) -> Option<Refusal> {
        let default = *self.names.purposes.get(COLLECT)?;
        message.event()?;
        self.store.named(message).into_iter().for_each(|user| self.bring(user));
        let at = message.timestamp.map_or(now, |at| at.min(now));
        let users = self.store.speakers(message, at, now);
        let agreement = self.store.agreement_of(&users, COLLECT, default, now);
        (!agreement.holds).then_some(Refusal::NoConsent)
    }

    /// Why a question about a user is answered as for somebody unknown, if so.
    pub(super) fn withholds(&self, user: UserKey, purpose: &str, now: Instant) -> Option<Refusal> {
        if self.restricted.contains(&user) {
            return Some(Refusal::Restricted);
        }
        (!self.agrees(user, purpose, now)).then_some(Refusal::NoConsent)
    }

    /// Whether models may learn from what a user does.
    pub(super) fn learns(&self, user: UserKey, purpose: &str, now: Instant) -> bool {
        self.withholds(user, purpose, now).is_none()
    }

    /// How many events were not kept, by why.
    ///
    /// ```
    /// # use bespoke::{definitions::Definitions, engine::{Partition, Refusal}, model::{Consent, Instant, Message}};
    /// let definitions = Definitions::from_toml(r#"
    ///     version = 1
    ///     [consent]
    ///     collect = { default = "granted" }
    ///     [events.open]
    /// "#)?;
    /// let mut partition = Partition::new(&definitions);
    /// let now: Instant = "2026-11-23T10:00:00Z".parse()?;
    /// partition.ingest(&Message::consent("ada", Consent::withdrawn("collect")), now)?;
    /// let outcome = partition.ingest(&Message::track("ada", "open"), now)?;
    /// assert_eq!(outcome.refused, Some(Refusal::NoConsent));
    /// assert_eq!(partition.refused(), [(Refusal::NoConsent, 1)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn refused(&self) -> Vec<(Refusal, u64)> {
        self.refused.iter().map(|(refusal, count)| (*refusal, *count)).collect()
    }

    /// Lets follow what a message says of consent and restriction, behind its changes: what waits in the outbox and may
    /// not go out goes.
    pub(super) fn follow_consent(
        &mut self,
        user: UserKey,
        message: &Message,
        is_merged: bool,
        now: Instant,
        outcome: &mut Outcome,
    ) {
        let is_restricted = self.restricted.contains(&user);
        if !is_merged && !matches!(message.body, Body::Consent(_)) && !is_restricted {
            return;
        }
        let (plan, store, clock) = (&self.compiled.plan, &self.store, self.host_clock);
        let context = Context { plan, store, memberships: None, now, clock, render: &no_content };
        if is_restricted {
            self.journeys.withdraw_all(&context, user, Reason::Restricted, &mut outcome.notes);
        } else {
            self.journeys.withdraw_refused(&context, user, &mut outcome.notes);
        }
        self.note_deadline(user, now);
    }

    /// Takes back what waits in the outbox and may not go out by what other definitions declare. The users are all in
    /// memory.
    pub(super) fn follow_purposes(&mut self, old: &Compiled, now: Instant, outcome: &mut Outcome) {
        let (before, after) = (&old.schema.facts, &self.names);
        if (&before.purposes, &before.channels) == (&after.purposes, &after.channels) {
            return;
        }
        let mut users = self.journeys.users_with_actions();
        users.sort_by(|a, b| self.store.name(*a).cmp(self.store.name(*b)).then(a.cmp(b)));
        users.dedup();
        for user in users {
            let (plan, store, clock) = (&self.compiled.plan, &self.store, self.host_clock);
            let context = Context { plan, store, memberships: None, now, clock, render: &no_content };
            self.journeys.withdraw_refused(&context, user, &mut outcome.notes);
            self.note_deadline(user, now);
        }
    }

    /// Keeps the row of a user in memory as journeys and outbox are: what was taken back or answered expires no more, and
    /// what waited for the slot of a cap that it took goes on now.
    pub(super) fn note_deadline(&mut self, user: UserKey, now: Instant) {
        self.users[user.0 as usize].journey_due = self.journeys.deadline(user).unwrap_or(NEVER);
        self.schedule(user, now);
    }

    /// Drops or hashes what is kept of attributes that other definitions say more of. The users are all in memory.
    pub(super) fn minimise_kept(&mut self, old: &Compiled) {
        let (before, after) = (&old.schema, &self.compiled.schema);
        let is_same = before.attribute_tags == after.attribute_tags
            && before.prefix_tags == after.prefix_tags
            && (!after.closed || before.closed && before.declares_as(after));
        if is_same {
            return;
        }
        let minimiser = &self.compiled.minimiser;
        let less = |name: &str, value: &Value| {
            let stored = |schema: &Schema| schema.attribute_stored(name).unwrap_or(Stored::Drop);
            let (before, after) = (stored(before), stored(after));
            match after {
                _ if Fact::of(name).is_some() => Less::All,
                Stored::Hash if after > before => Less::This(minimiser.hash(value)),
                Stored::Drop if after > before => Less::Nothing,
                _ => Less::All,
            }
        };
        self.store.keep_less(&less);
    }

    /// Notes of a user whose processing is restricted what running totals and the history need, and looks at nothing.
    pub(super) fn look_at_restricted(&mut self, touched: &Touched<'_>, now: Instant) {
        let (mut changes, mut recorded) = (Vec::new(), Vec::new());
        let (memberships, mut look) = self.look_at(touched.user, now, &mut changes, &mut recorded);
        let candidates = memberships.candidates(&mut look, touched.touch);
        self.scratch.get_mut().give_back(candidates);
    }
}
