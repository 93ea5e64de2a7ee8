//! What a message does to the user whom it is about, and what follows.

use crate::engine::audit::consent;
use crate::engine::consent::{PERSONALIZE, RECOMMEND};
use crate::engine::look::Touched;
use crate::engine::partition::{NEVER, UserRow, no_content};
use crate::engine::{Audited, Outcome, Partition};
use crate::journey::{Context, EventOccurrence};
use crate::model::{Body, Instant, Message, Object};
use crate::profile::{Applied, KindName, Resolved, UserKey};
use crate::segment::{Cause, Change, EventView, Memberships, SegmentId, Touch};
use crate::storage::Slot;
use smallvec::{SmallVec, smallvec};
use smol_str::SmolStr;

const SWITCHED: &str = "identity.switched";

impl Partition {
    pub(super) fn begin(&mut self, now: Instant) -> Outcome {
        debug_assert!(now >= self.clock);
        self.sequence += 1;
        self.host_clock = now;
        self.suppressions.end(now);
        self.store.begin_input();
        Outcome { sequence: self.sequence, ..Outcome::default() }
    }

    pub(super) fn apply(
        &mut self,
        message: &Message,
        at: Instant,
        now: Instant,
        slot: Slot,
        outcome: &mut Outcome,
    ) {
        let from = outcome.changes.len();
        self.touch_named(message);
        let renamed = self.store.renamed(message);
        let Resolved { user, is_new, absorbed, switched } = self.store.resolve(message, at, now);
        self.make_room(user);
        self.look_ahead(user);
        if is_new {
            self.users[user.0 as usize].memberships = Memberships::begin(&self.compiled.plan, now);
            self.touch(user);
        }
        if let Some(shelf) = &mut self.shelf {
            shelf.note_slot(user, slot);
        }
        if let Some(said) = consent(message) {
            self.audit(Some(user), Some(message), now, said, outcome);
        }
        let is_merged = !absorbed.is_empty();
        if let Some((kind, previous)) = renamed.filter(|_| !is_merged) {
            let merge = Audited::Merge { absorbed: format!("{:032x}", self.salt.hash(kind, previous)) };
            self.audit(Some(user), Some(message), now, merge, outcome);
        }
        for (absorbed, name, has_user_id) in &absorbed {
            let kind = if *has_user_id { KindName::User } else { KindName::Anonymous };
            let hash = self.salt.hash(kind, name);
            let merge = Audited::Merge { absorbed: format!("{hash:032x}") };
            self.audit(Some(user), Some(message), now, merge, outcome);
            self.end_memberships(*absorbed, name, now, outcome);
            let context = Context {
                plan: &self.compiled.plan,
                store: &self.store,
                memberships: None,
                now,
                clock: self.host_clock,
                render: &no_content,
            };
            self.journeys.absorb(&context, *absorbed, user, &mut outcome.notes);
            self.users[user.0 as usize].journey_due = self.journeys.deadline(user).unwrap_or(NEVER);
            // What came with the other profile has ends of its own.
            self.users[user.0 as usize].expires = Instant::MIN;
            self.models.merge(*absorbed, user, self.store.arrivals as u32);
            self.restricted.remove(absorbed);
            self.drop_from_shelf(*absorbed, Some(user));
        }
        self.expire(user, now);
        if is_merged {
            // What came with the other profile may be due earlier, and the wheel is asked before the user is looked at.
            self.schedule(user, now);
        }
        let mut applied = std::mem::take(&mut self.applied);
        let is_event = message.event().is_some();
        let learns = is_event && self.learns(user, PERSONALIZE, now);
        let (zone, session) = (self.store.get(user).zone, self.store.get(user).session.number);
        self.store.apply(user, message, (at, now), learns, &mut applied);
        if is_merged || self.store.get(user).zone != zone {
            self.follow_zone(user, now, outcome);
        }
        if learns && self.journeys.learns_times() && self.store.get(user).session.number != session {
            self.learn_session(user, at, now);
        }
        self.note_heard(user, message, at);
        let is_learned = is_event && self.learns(user, RECOMMEND, now) && {
            let shown = self.rows_of_shown(user, message, at);
            self.models.learn(user, message, at, shown)
        };
        if is_event && !is_learned {
            self.models.learned_not(user, self.store.arrivals as u32);
        }
        let is_told = matches!(message.body, Body::Restrict { .. });
        let is_restricted = (is_told || is_merged).then(|| self.store.is_restricted(user));
        // What comes together with a restricted profile is not looked at any more.
        if is_merged && is_restricted == Some(true) {
            self.restricted.insert(user);
            if is_new {
                self.begin_outside(user, now);
            }
        }
        let is_lifted = is_restricted == Some(false) && self.restricted.remove(&user);
        let mut others: Vec<(UserKey, Applied)> = Vec::new();
        for owner in switched {
            self.store.record(user, SWITCHED, Object::new(), now, &mut applied);
            let mut before = Applied::default();
            self.store.begin(at, &mut before);
            self.store.record(owner, SWITCHED, Object::new(), now, &mut before);
            others.push((owner, before));
        }
        let touch = match (is_merged || is_lifted, is_new) {
            // Who begins by taking another over was nobody before, and has left nothing.
            (true, true) => Touch::Anew(Some(&applied)),
            (true, false) => Touch::Everything(Some(&applied)),
            (false, true) => Touch::First(&applied),
            (false, false) => Touch::Message(&applied),
        };
        let event = message.event().zip(applied.events.first()).map(|((name, properties), (kind, start))| {
            let view = EventView { at: at.as_millis(), kind: *kind, values: &applied.values[*start..] };
            EventOccurrence { name, view, properties, at }
        });
        let name = is_merged.then(|| self.store.name(user).clone());
        let mut touched: SmallVec<[Touched<'_>; 2]> =
            smallvec![Touched { user, touch, event, item: None, own: &applied }];
        for (owner, before) in &others {
            let touch = Touch::Message(before);
            touched.push(Touched { user: *owner, touch, event: None, item: None, own: before });
        }
        self.settle(&touched, now, outcome);
        drop(touched);
        others.into_iter().for_each(|(_, mut before)| before.clear(&mut self.store.symbols));
        applied.clear(&mut self.store.symbols);
        self.applied = applied;
        // Up to here everything happened. Of a message that came too late for what is kept of anybody that may be all:
        // whom it was about is no more.
        let is_there = self.store.profiles.is_there(user);
        if is_there {
            if is_restricted == Some(true) {
                self.restricted.insert(user);
            }
            self.follow_consent(user, message, is_merged, now, outcome);
        }
        if let Some(name) = name {
            let is_theirs = |change: &&mut Change| {
                (is_there || change.cause != Cause::Retention)
                    && (*change.user == *name
                        || absorbed.iter().any(|(_, absorbed, _)| *change.user == **absorbed))
            };
            outcome.changes[from..]
                .iter_mut()
                .filter(is_theirs)
                .for_each(|change| change.cause = Cause::Merge);
        }
    }

    /// Makes room for what hangs on a profile.
    pub(super) fn make_room(&mut self, user: UserKey) {
        while self.users.len() <= user.0 as usize {
            self.users.push(UserRow::default());
        }
    }

    /// Takes apart what was absorbed. What segments say of each is looked at anew.
    pub(super) fn split(
        &mut self,
        message: &Message,
        ids: &[Box<str>],
        now: Instant,
        slot: Slot,
        outcome: &mut Outcome,
    ) {
        let from = outcome.changes.len();
        let user = message.ids.user.as_deref().unwrap_or_default();
        self.touch_named(message);
        let Some((user, parts, since)) = self.store.split(user, ids, now) else { return };
        let hashes = parts.iter().map(|part| self.subject(*part)).collect();
        self.audit(Some(user), Some(message), now, Audited::Split { parts: hashes }, outcome);
        let mut touched = vec![Touched { touch: Touch::Everything(None), ..Touched::by_time(user) }];
        self.write_stays_of(user, now);
        for user in parts.iter().chain([&user]) {
            match self.store.is_restricted(*user) {
                true => self.restricted.insert(*user),
                false => self.restricted.remove(user),
            };
        }
        for part in &parts {
            self.make_room(*part);
            self.touch(*part);
        }
        if let Some(shelf) = &mut self.shelf {
            shelf.split(user, &parts, slot);
        }
        let (plan, store, clock) = (&self.compiled.plan, &self.store, self.host_clock);
        let context = Context { plan, store, memberships: None, now, clock, render: &no_content };
        self.journeys.come_apart(&context, user, since, &mut outcome.notes);
        for part in &parts {
            match self.restricted.contains(part) {
                true => self.begin_outside(*part, now),
                false => {
                    self.users[part.0 as usize].memberships = Memberships::begin(&self.compiled.plan, now);
                }
            }
            self.journeys.split(user, *part, now);
            // What it took with it has ends of its own.
            self.find_expiry(*part);
            touched.push(Touched { touch: Touch::Anew(None), ..Touched::by_time(*part) });
        }
        self.models.split(user, &parts, self.store.arrivals as u32);
        // Whoever comes out may be over at once.
        let names: Vec<SmolStr> =
            parts.iter().chain([&user]).map(|user| self.store.name(*user).clone()).collect();
        self.settle(&touched, now, outcome);
        for user in touched.iter().map(|touched| touched.user) {
            if self.store.profiles.is_there(user) {
                self.follow_consent(user, message, true, now, outcome);
            }
        }
        let is_split = |change: &&mut Change| names.iter().any(|name| **name == *change.user);
        outcome.changes[from..].iter_mut().filter(is_split).for_each(|change| change.cause = Cause::Split);
    }

    /// Has a profile that begins restricted be in nothing: what it is in is found once the restriction is lifted.
    fn begin_outside(&mut self, user: UserKey, now: Instant) {
        let memberships = Memberships::begin_outside(&self.compiled.plan, now);
        memberships.outside().for_each(|segment| self.members.note(segment, user, false));
        self.users[user.0 as usize].memberships = memberships;
    }

    pub(super) fn end_memberships(&mut self, user: UserKey, name: &str, now: Instant, outcome: &mut Outcome) {
        let from = outcome.changes.len();
        let row = std::mem::take(&mut self.users[user.0 as usize]);
        row.memberships.end(&self.compiled.plan, name, &mut self.store.symbols, now, &mut outcome.changes);
        self.count(&outcome.changes[from..]);
        self.members.forget(user);
    }

    pub(super) fn count(&mut self, changes: &[Change]) {
        for change in changes.iter().filter(|change| change.id != SegmentId::REMOVED) {
            self.stats[change.id.0 as usize].note(change.transition);
        }
    }
}
