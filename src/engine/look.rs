//! A look at users: what changed of their memberships, and what follows from that.

use crate::engine::contents::Contents;
use crate::engine::partition::{NEVER, no_content};
use crate::engine::{Outcome, Partition};
use crate::journey::{Context, Effect, EventOccurrence, ItemOccurrence, RenderRequest};
use crate::model::{Instant, Value};
use crate::profile::{Applied, UserKey};
use crate::segment::{Cause, Change, EventView, Look, Memberships, Plan, SegmentId, Touch, Transition};

/// A user to whom something happened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Touched<'a> {
    pub(super) user: UserKey,
    pub(super) touch: Touch<'a>,
    /// The event that the host reported.
    pub(super) event: Option<EventOccurrence<'a>>,
    /// The item that has changed.
    pub(super) item: Option<&'a ItemOccurrence<'a>>,
    /// With the events that the engine recorded itself.
    pub(super) own: &'a Applied,
}

impl Touched<'_> {
    /// A user for whom only time has passed.
    pub(super) fn by_time(user: UserKey) -> Touched<'static> {
        static NOTHING: Applied = Applied::new();
        Touched { user, touch: Touch::Time, event: None, item: None, own: &NOTHING }
    }
}

/// Most rounds of segments and journeys that follow from one another at one instant.
const ROUNDS_MAX: usize = 16;
/// Most times that steps do something to their user at one instant: those of all journeys together.
const EFFECT_ROUNDS_MAX: usize = 64;

impl Partition {
    /// Looks at the users who were touched and at everybody who is due, in order of their ids.
    pub(super) fn settle(&mut self, touched: &[Touched<'_>], now: Instant, outcome: &mut Outcome) {
        if !touched.is_empty() {
            self.next_batch(now);
        }
        let mut due = std::mem::take(&mut self.due);
        for touched in touched {
            if !due.contains(&touched.user) {
                due.push(touched.user);
            }
        }
        if due.len() > 1 {
            due.sort_by(|a, b| self.store.name(*a).cmp(self.store.name(*b)));
        }
        for user in due.drain(..) {
            self.touch(user);
            match touched.iter().find(|touched| touched.user == user) {
                Some(touched) => self.look(touched, now, outcome),
                None => self.look(&Touched::by_time(user), now, outcome),
            }
        }
        self.due = due;
    }

    /// Looks at every user, in order of their ids: something is another thing for everyone now. O(users · log users).
    pub(super) fn settle_all(&mut self, touch: Touch<'_>, now: Instant, outcome: &mut Outcome) {
        self.next_batch(now);
        self.due.clear();
        let mut users: Vec<UserKey> = self.store.keys().collect();
        users.sort_by(|a, b| self.store.name(*a).cmp(self.store.name(*b)));
        for user in users {
            self.touch(user);
            self.look(&Touched { touch, ..Touched::by_time(user) }, now, outcome);
        }
    }

    /// Segments first, then the journeys that follow from the events and from the changes, then what is due. Segments
    /// that ask who is in a journey come behind, and then what follows from them; at last it stays as it is.
    pub(super) fn look(&mut self, touched: &Touched<'_>, now: Instant, outcome: &mut Outcome) {
        if matches!(touched.touch, Touch::Time) && self.is_over(touched.user, now) {
            return self.retire(touched.user, now, outcome);
        }
        self.look_after(outcome.changes.len(), touched, now, outcome);
        // A message that came late does not keep a profile that it began, or found at its end.
        if self.is_over(touched.user, now) {
            self.retire(touched.user, now, outcome);
        }
    }

    /// The same where changes of this user were reported already, from a place in the outcome on.
    pub(super) fn look_after(
        &mut self,
        from: usize,
        touched: &Touched<'_>,
        now: Instant,
        outcome: &mut Outcome,
    ) {
        let Touched { user, mut touch, ref event, item, own } = *touched;
        if self.restricted.contains(&user) {
            // What may be kept no longer goes all the same, and everything is looked at once the restriction is lifted.
            self.note_expiry(user, own);
            for mut expired in self.take_expired(user) {
                expired.clear(&mut self.store.symbols);
            }
            return self.look_at_restricted(touched, now);
        }
        let start = outcome.changes.len();
        let mut recorded = std::mem::take(&mut self.recorded);
        let late = self.compiled.plan.echoes.strata.late();
        self.note_expiry(user, own);
        self.expire(user, now);
        let expired = self.take_expired(user);
        let is_expiry = !expired.is_empty() && matches!(touch, Touch::Time);
        let (memberships, mut look) = self.look_at(user, now, &mut outcome.changes, &mut recorded);
        let mut candidates = memberships.candidates(&mut look, touch);
        for expired in expired {
            look.recorded.push(expired);
            memberships.hear(&mut look, &mut candidates, 0);
        }
        let told_from = look.recorded.len();
        memberships.refresh_below(&mut look, touch, &mut candidates, late);
        self.count(&outcome.changes[from..]);
        self.follow(user, (event.as_ref(), item), Some(own), (&recorded, from), now, outcome);
        let (mut rounds, mut effect_rounds) = (0, 0);
        while !self.journey_facts.is_empty() || !candidates.is_empty() || self.journeys.has_effects() {
            let told = recorded.len();
            if effect_rounds == EFFECT_ROUNDS_MAX && self.journeys.has_effects() {
                self.cut(user, now, outcome);
            }
            let is_affected = self.apply_effects(user, now, &mut recorded, outcome);
            if is_affected {
                let (memberships, mut look) = self.look_at(user, now, &mut outcome.changes, &mut recorded);
                memberships.hear(&mut look, &mut candidates, 0);
            }
            let is_moved = self.move_in_journeys(user, now, &mut recorded);
            if !is_moved && !is_affected && candidates.is_empty() {
                break;
            }
            rounds += usize::from(!is_affected);
            effect_rounds += usize::from(is_affected);
            let place = outcome.changes.len();
            let (memberships, mut look) = self.look_at(user, now, &mut outcome.changes, &mut recorded);
            if is_moved {
                memberships.hear(&mut look, &mut candidates, 0);
            }
            // What lies below was looked at before, also for a new user; what asks who is in a journey was not.
            memberships.refresh_below(&mut look, touch.again(), &mut candidates, late);
            memberships.refresh_below(&mut look, touch, &mut candidates, u32::MAX);
            self.count(&outcome.changes[place..]);
            if rounds > ROUNDS_MAX {
                self.cut(user, now, outcome);
                break;
            }
            self.follow(user, (None, None), None, (&recorded[told..], place), now, outcome);
            // Once all were looked at, what comes has been recorded.
            touch = Touch::Time;
        }
        if rounds + effect_rounds > 0 {
            outcome.changes[start..].sort_by_key(|change| change.id);
        }
        if is_expiry {
            outcome.changes[start..].iter_mut().for_each(|change| change.cause = Cause::Retention);
        }
        self.note_members(user, touched.touch.is_first(), &outcome.changes[from..]);
        for told in &recorded[told_from..] {
            self.note_expiry(user, told);
        }
        if !recorded.is_empty() {
            recorded.drain(..).for_each(|mut told| told.clear(&mut self.store.symbols));
            self.store.drop_ended_facts(user);
        }
        self.recorded = recorded;
        self.scratch.get_mut().give_back(candidates);
        self.schedule(user, now);
        self.weigh(user);
        // Each look has one wake at most, unless readers did.
        self.rest(4);
    }

    /// Keeps the sets of members as the memberships are.
    fn note_members(&mut self, user: UserKey, is_first: bool, changes: &[Change]) {
        let Partition { members, users, compiled, .. } = self;
        let memberships = &users[user.0 as usize].memberships;
        for change in changes.iter().filter(|change| change.id != SegmentId::REMOVED) {
            // A user is in a keyed segment as long as any part is.
            let is_member = match change.key {
                None => change.transition == Transition::Entered,
                Some(_) => memberships.contains(&compiled.plan, change.id),
            };
            members.note(change.id, user, is_member);
        }
        if is_first {
            // What is default and did not even begin is no change.
            memberships.outside().for_each(|segment| members.note(segment, user, false));
        }
    }

    /// What a look at a user's memberships works with.
    pub(super) fn look_at<'a>(
        &'a mut self,
        user: UserKey,
        now: Instant,
        changes: &'a mut Vec<Change>,
        recorded: &'a mut Vec<Applied>,
    ) -> (&'a mut Memberships, Look<'a>) {
        let look = Look {
            plan: &self.compiled.plan,
            store: &mut self.store,
            scratch: self.scratch.get_mut(),
            user,
            now,
            dropped: &mut self.parts_dropped,
            changes,
            recorded,
        };
        (&mut self.users[user.0 as usize].memberships, look)
    }

    /// Lets journeys follow from an event of the host, from a change of an item, from what the engine recorded, from the changes behind a place,
    /// and from time.
    fn follow(
        &mut self,
        user: UserKey,
        (event, item): (Option<&EventOccurrence<'_>>, Option<&ItemOccurrence<'_>>),
        own: Option<&Applied>,
        (recorded, from): (&[Applied], usize),
        now: Instant,
        outcome: &mut Outcome,
    ) {
        let plan = &self.compiled.plan;
        let (store, clock) = (&self.store, self.host_clock);
        let memberships = Some(&self.users[user.0 as usize].memberships);
        let contents = Contents {
            compiled: &self.compiled,
            store,
            items: self.models.items(),
            catalogue: &self.catalogue,
        };
        let render = |request: &RenderRequest<'_>| contents.rendered(request);
        let context = Context { plan, store, memberships, now, clock, render: &render };
        let Outcome { changes, notes, .. } = outcome;
        let changes = &changes[from..];
        let mut is_followed = event.is_some_and(|event| self.journeys.on_event(&context, user, event, notes));
        is_followed |= item.is_some_and(|item| self.journeys.on_item(&context, user, item, notes));
        for event in own.into_iter().chain(recorded).flat_map(|applied| own_events(plan, applied)) {
            is_followed |= self.journeys.on_event(&context, user, &event, notes);
        }
        is_followed |= !changes.is_empty() && self.journeys.on_changes(&context, user, changes, notes);
        if self.journeys.begins_by_time() {
            let written =
                own.filter(|own| !own.attributes.is_empty()).map(|own| Instant::from_millis(own.at));
            is_followed |= self.journeys.expect(&context, user, written.unwrap_or(now).min(now));
        }
        if is_followed || self.users[user.0 as usize].journey_due <= now {
            self.journeys.on_time(&context, user, notes);
            self.users[user.0 as usize].journey_due = self.journeys.deadline(user).unwrap_or(NEVER);
            self.note_begun(user);
        }
    }

    /// Does to a user what steps want done. Gives whether there was anything.
    fn apply_effects(
        &mut self,
        user: UserKey,
        now: Instant,
        recorded: &mut Vec<Applied>,
        outcome: &mut Outcome,
    ) -> bool {
        let effects = self.journeys.take_effects();
        if effects.is_empty() {
            return false;
        }
        let zone = self.store.get(user).zone;
        let mut applied = Applied::default();
        self.store.begin(now, &mut applied);
        for wanted in effects {
            match wanted.effect {
                Effect::Set { name, value } => {
                    self.store.set_trait(user, &name, &value, now, &mut applied);
                }
                Effect::Emit { event, properties } => {
                    self.store.record(user, &event, properties, now, &mut applied);
                }
                Effect::Expose { experiment, arm } => {
                    self.store.expose(user, (&experiment, &arm), now, &mut applied);
                }
            }
        }
        self.store.record_changes(user, now, &mut applied);
        recorded.push(applied);
        if self.store.get(user).zone != zone {
            self.follow_zone(user, now, outcome);
        }
        true
    }

    /// Ends what would go on at this instant without an end.
    fn cut(&mut self, user: UserKey, now: Instant, outcome: &mut Outcome) {
        self.loops_cut += 1;
        let (plan, store, clock) = (&self.compiled.plan, &self.store, self.host_clock);
        let context = Context { plan, store, memberships: None, now, clock, render: &no_content };
        self.journeys.cut(&context, user, &mut outcome.notes);
        self.users[user.0 as usize].journey_due = self.journeys.deadline(user).unwrap_or(NEVER);
    }

    /// Writes down who is in which journey now, where segments ask. Gives whether somebody else is than before.
    fn move_in_journeys(&mut self, user: UserKey, now: Instant, recorded: &mut Vec<Applied>) -> bool {
        let mut moved = Applied::default();
        for (journey, fact) in &self.journey_facts {
            let is_in = self.journeys.is_in(user, *journey);
            if is_in == self.store.fact(user, *fact).is_missing() {
                let name = self.store.symbols.text(*fact).to_owned();
                let value = Value::from(is_in.then_some(true));
                self.store.set_fact(user, &name, &value, now, &mut moved);
            }
        }
        let is_moved = !moved.attributes.is_empty();
        if is_moved {
            recorded.push(moved);
        }
        is_moved
    }
}

/// The events of what was noted that the engine recorded itself.
fn own_events<'a>(plan: &'a Plan, applied: &'a Applied) -> impl Iterator<Item = EventOccurrence<'a>> {
    let events = &applied.events[applied.events.len() - applied.own.len()..];
    events.iter().zip(&applied.own).map(|((kind, start), properties)| EventOccurrence {
        name: &plan.keep.kind(*kind).name,
        view: EventView { at: applied.at, kind: *kind, values: &applied.values[*start..] },
        properties,
        at: Instant::from_millis(applied.at),
    })
}
