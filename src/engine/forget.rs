//! Erasure, and what is left to show of it.

use crate::engine::audit::actor;
use crate::engine::{AuditEntry, Audited, Erased, Outcome, Partition, Receipt, Remains};
use crate::model::{Instant, Message, Suppress};
use crate::profile::{KindName, UserKey};
use crate::segment::Cause;
use std::sync::atomic::Ordering;

impl Partition {
    /// Erases the user that a message names, and notes whether messages may bring them back. There is a receipt of a
    /// user who was not known too: whoever asks has to be answered.
    pub(super) fn forget(
        &mut self,
        message: &Message,
        suppress: Suppress,
        now: Instant,
        outcome: &mut Outcome,
    ) {
        let user = self.store.to_forget(message);
        let (kind, id) = match (&message.ids.user, &message.ids.anonymous) {
            (Some(user), _) => (KindName::User, &**user),
            (None, Some(device)) => (KindName::Anonymous, &**device),
            (None, None) => {
                let first = message.ids.declared.first();
                first.map_or((KindName::User, ""), |(kind, id)| (KindName::Declared(kind), id))
            }
        };
        let named = self.salt.hash(kind, id);
        if let Some(user) = user {
            self.touch(user);
        }
        let (name, mut ids) = match user {
            Some(user) => self.hashes(user),
            None => (named, Vec::new()),
        };
        // What goes back to somebody else brings nobody back who is erased, in no partition.
        let inherited = user.into_iter().flat_map(|user| self.store.inherited(user, now));
        let inherited: Vec<u128> = inherited.map(|(kind, id)| self.salt.hash(kind, id)).collect();
        ids.retain(|hash| !inherited.contains(hash));
        ids.push(named);
        // Who is nobody any more was suppressed by all ids that they had, and what is asked now is asked of all of them.
        if user.is_none() {
            ids.extend(self.suppressions.of_person(named));
        }
        ids.sort_unstable();
        ids.dedup();
        let (erased, remains) = match user {
            Some(user) => self.erase(user, Cause::Ordinary, now, outcome),
            None => (Erased::default(), Vec::new()),
        };
        self.suppressions.set(name, &ids, suppress);
        if let Some(among) = &mut self.among {
            ids.iter().for_each(|hash| among.newcomers.forget(*hash));
        }
        self.suppressions.end(now);
        let receipt = self.receipts.add(Receipt {
            id: String::new(),
            previous: None,
            user: written(name),
            ids: ids.into_iter().map(written).collect(),
            asked: message.timestamp.unwrap_or(now),
            done: now,
            position: outcome.sequence,
            erased,
            remains,
        });
        let action = Audited::Erasure { receipt: receipt.id.clone() };
        let (position, user) = (outcome.sequence, Some(receipt.user.clone()));
        outcome.audit.push(AuditEntry { position, at: now, actor: actor(message), user, action });
        outcome.receipt = Some(receipt.clone());
        self.run_due(now, outcome);
    }

    /// Erases a user: what is left is in what is given.
    pub(super) fn erase(
        &mut self,
        user: UserKey,
        cause: Cause,
        now: Instant,
        outcome: &mut Outcome,
    ) -> (Erased, Vec<Remains>) {
        self.touch(user);
        self.store.heirs(user).into_iter().for_each(|heir| self.touch(heir));
        // What is looked at no longer goes, so that what was there does not depend on when that was done last.
        self.store.prune_user(user, now);
        let profile = self.store.get(user);
        let name = profile.name.clone();
        let mut erased = Erased {
            ids: self.store.ids(user).count() as u64,
            attributes: profile.attributes.iter().filter(|a| !self.store.is_derived(a.name)).count() as u64,
            events: profile.history.len() as u64,
            affinities: profile.affinities.iter().count() as u64,
            totals: profile.totals.len() as u64,
            ..Erased::default()
        };
        let from = outcome.changes.len();
        self.end_memberships(user, &name, now, outcome);
        outcome.changes[from..].iter_mut().for_each(|change| change.cause = cause);
        erased.memberships = (outcome.changes.len() - from) as u64;
        let (instances, actions) = self.journeys.held(user);
        (erased.instances, erased.actions) = (instances as u64, actions as u64);

        let mut remains = Vec::new();
        if erased.memberships > 0 || !self.compiled.plan.segments.is_empty() {
            remains.push(Remains::SegmentCounts);
        }
        if !self.compiled.journeys.journeys.is_empty() {
            remains.push(Remains::JourneyCounts);
        }
        remains.extend(self.seen.ends().map(Remains::MessageIds));
        if self.models.items().iter().next().is_some() {
            remains.push(Remains::Items);
        }
        let (interactions, counted) = self.models.forget(user, &self.store, now);
        erased.interactions = interactions;
        remains.extend(counted);
        if self.journeys.learns_times() {
            remains.push(Remains::Model { model: "send times".into(), before: None });
        }
        self.journeys.forget(user);
        self.restricted.remove(&user);
        self.store.forget(user, now);
        self.drop_from_shelf(user, None);
        (erased, remains)
    }

    /// The salted hash of a user's name, and those of all its ids.
    fn hashes(&self, user: UserKey) -> (u128, Vec<u128>) {
        let profile = self.store.get(user);
        let kind = if profile.has_user_id { KindName::User } else { KindName::Anonymous };
        let ids = self.store.named_ids(user).map(|(kind, id)| self.salt.hash(kind, id));
        (self.salt.hash(kind, &profile.name), ids.collect())
    }

    /// The salted hash by which a user is known in what is written about them.
    pub(super) fn subject(&self, user: UserKey) -> String {
        written(self.hashes(user).0)
    }

    /// Adds a line for the host's audit log.
    pub(super) fn audit(
        &self,
        user: Option<UserKey>,
        by: Option<&Message>,
        at: Instant,
        action: Audited,
        outcome: &mut Outcome,
    ) {
        let (user, actor) = (user.map(|user| self.subject(user)), by.and_then(actor));
        outcome.audit.push(AuditEntry { position: outcome.sequence, at, actor, user, action });
    }

    /// All receipts of erasures, in order. See [`Receipt`].
    #[must_use]
    pub fn receipts(&self) -> Vec<&Receipt> {
        self.receipts.all().collect()
    }

    /// The receipt of that id.
    #[must_use]
    pub fn receipt(&self, id: &str) -> Option<&Receipt> {
        self.receipts.all().find(|receipt| receipt.id == id)
    }

    /// The receipts of whoever had an id, as a user or as a device, in order. O(receipts).
    #[must_use]
    pub fn receipts_of(&self, id: &str) -> Vec<&Receipt> {
        let kinds = self.store.kinds_to_find();
        let wanted: Vec<String> = kinds.map(|kind| written(self.salt.hash(kind, id))).collect();
        let is_of = |receipt: &&Receipt| receipt.ids.iter().any(|id| wanted.contains(id));
        self.receipts.all().filter(is_of).collect()
    }

    /// The salted hash under which a user id stands in receipts and in the audit log: 32 hexadecimal digits. The salt
    /// follows from `seed` in the settings of the definitions under which the partition began.
    #[must_use]
    pub fn hash_of(&self, user_id: &str) -> String {
        written(self.salt.hash(KindName::User, user_id))
    }

    /// How many messages were refused because their user was erased and is not to come back, since the partition is in
    /// memory: what was refused is no part of its state.
    #[must_use]
    pub fn suppressed(&self) -> u64 {
        self.suppressed.load(Ordering::Relaxed)
    }

    /// How many ids are suppressed.
    #[must_use]
    pub fn suppressions(&self) -> usize {
        self.suppressions.len()
    }
}

fn written(hash: u128) -> String {
    format!("{hash:032x}")
}
