use crate::decision::{Decision, Visitor};
use crate::definitions::{Compiled, Definitions, Settings};
use crate::engine::look::Touched;
use crate::engine::models::Models;
use crate::engine::residence::Shelf;
use crate::engine::seen::SeenMessages;
use crate::engine::{Error, Outcome};
use crate::journey::{Action, Context, EventOccurrence, JourneyNo, Journeys, OutboxStats, RenderRequest};
use crate::model::{Body, Duration, Instant, Message, MessageErrorKind, Object, Pages};
use crate::profile::{Applied, ProfileStore, Resolved, Symbol, UserKey, UserProfile};
use crate::recommend::{Query, Recommendation};
use crate::segment::{
    Change, EventView, FactNames, Members, Memberships, Scratch, SegmentId, SegmentStats, Touch,
};
use crate::storage::Slot;
use crate::trigger::TimingWheel;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A deterministic state machine over inputs: messages, the host's clock, answers to deliveries.
///
/// State is the fold of the inputs in order and nothing else, so the same inputs give the same outputs and the same
/// [`checkpoint`](Partition::checkpoint), byte for byte, on every machine. One writer, no locks inside, no clock of
/// its own: [`Engine`](crate::engine::Engine) is what a host with threads holds.
///
/// ```
/// use bespoke::definitions::Definitions;
/// use bespoke::engine::Partition;
/// use bespoke::model::{Duration, Instant, Message};
///
/// let definitions = Definitions::from_toml(r#"
///     version = 1
///     [events.open]
///     [segments]
///     active = "did(open in 7d)"
/// "#)?;
/// let mut partition = Partition::new(&definitions);
/// let now: Instant = "2026-11-23T10:00:00Z".parse()?;
/// let outcome = partition.ingest(&Message::track("ada", "open"), now)?;
/// assert_eq!(outcome.changes[0].to_string(), "ada entered active");
///
/// // Time alone: seven days later to the millisecond, whenever the host looks.
/// let outcome = partition.advance(now + Duration::days(30));
/// assert_eq!(outcome.changes[0].at, now + Duration::days(7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Partition {
    pub(super) compiled: Arc<Compiled>,
    pub(super) settings: Settings,
    /// What messages and other inputs may name.
    pub(super) names: FactNames,
    /// The texts that the plan has a share of in the store.
    pub(super) texts: Vec<Symbol>,
    pub(super) store: ProfileStore,
    pub(super) users: Pages<UserRow>,
    pub(super) journeys: Journeys,
    pub(super) models: Models,
    pub(super) seen: SeenMessages,
    pub(super) timers: TimingWheel<UserKey>,
    pub(super) clock: Instant,
    pub(super) sequence: u64,
    pub(super) stats: Vec<SegmentStats>,
    pub(super) members: Members,
    pub(super) parts_dropped: u64,
    /// Room that is used again with each input, so that an input which changes nothing allocates nothing.
    pub(super) applied: Applied,
    /// The same for what segments are told of one another.
    pub(super) recorded: Vec<Applied>,
    /// Journeys of which segments ask who is in them, each with the fact that says so.
    pub(super) journey_facts: Vec<(JourneyNo, Symbol)>,
    pub(super) loops_cut: u64,
    /// Behind a lock that is never taken, because readers of a partition must not see it.
    pub(super) scratch: Mutex<Scratch>,
    pub(super) due: Vec<UserKey>,
    /// Where users are who are not in memory; nothing where everybody always is.
    pub(super) shelf: Option<Box<Shelf>>,
}

/// What hangs on a profile.
#[derive(Debug)]
pub(super) struct UserRow {
    pub(super) memberships: Memberships,
    /// The earliest instant at which a journey goes on.
    pub(super) journey_due: Instant,
    /// The earliest hint in the wheel.
    pub(super) hinted: Instant,
}

/// Stands for no instant in a row that every user has.
pub(super) const NEVER: Instant = Instant::MAX;

impl Default for UserRow {
    fn default() -> UserRow {
        UserRow { memberships: Memberships::default(), journey_due: NEVER, hinted: NEVER }
    }
}

impl UserRow {
    /// The earliest instant at which time alone changes something.
    pub(super) fn deadline(&self) -> Instant {
        self.memberships.deadline().unwrap_or(NEVER).min(self.journey_due)
    }
}

impl Partition {
    /// An empty partition under definitions.
    #[must_use]
    pub fn new(definitions: &Definitions) -> Partition {
        let compiled = definitions.compiled().clone();
        let settings = definitions.settings.clone();
        let plan = &compiled.plan;
        let store = plan.empty_store();
        Partition {
            texts: plan.symbols.texts().map(|(text, _)| text).collect(),
            store,
            users: Pages::default(),
            journeys: Journeys::new(compiled.journeys.clone()),
            journey_facts: journey_facts(&compiled),
            models: Models::new(&definitions.recommend),
            seen: SeenMessages::new(settings.dedup_window),
            timers: TimingWheel::new(Instant::MIN),
            clock: Instant::MIN,
            sequence: 0,
            stats: vec![SegmentStats::default(); plan.segments.len()],
            members: Members::new(plan),
            parts_dropped: 0,
            applied: Applied::default(),
            recorded: Vec::new(),
            loops_cut: 0,
            scratch: Mutex::default(),
            due: Vec::new(),
            shelf: None,
            compiled,
            settings,
            names: definitions.schema.facts.clone(),
        }
    }

    /// Takes a message in. `now` is the host's clock; an earlier one than before counts as the clock.
    ///
    /// Every change that is due strictly before the message happens first, then the message, then what it touches
    /// and what is due at its instant. A message that lies before the clock is late: it takes its place in the
    /// history by its own instant, and what it changes is reported at the clock. One with an id that was seen
    /// before is ignored.
    ///
    /// Costs what the message can change: the segments that read its event or attributes, over the events of this
    /// user that they look at.
    ///
    /// # Errors
    /// A message that is not sound, lies too far in the future, or would join two users. It changes nothing, not
    /// even the clock.
    pub fn ingest(&mut self, message: &Message, now: Instant) -> Result<Outcome, Error> {
        self.check(message, now)?;
        Ok(self.take(message, now, Slot::STORE))
    }

    /// Whether a message may be taken in; changes nothing.
    pub(super) fn check(&self, message: &Message, now: Instant) -> Result<(), Error> {
        message.check()?;
        self.check_names(message)?;
        self.store.check(message)?;
        let now = now.max(self.clock);
        let at = message.timestamp.unwrap_or(now);
        let allowed = self.settings.allowed_skew;
        if at > now + allowed {
            return Err(MessageErrorKind::InFuture { ahead: at - now, allowed }.at("timestamp").into());
        }
        Ok(())
    }

    /// Takes a message in that was checked, with the key that it was sealed under.
    pub(super) fn take(&mut self, message: &Message, now: Instant, slot: Slot) -> Outcome {
        let now = now.max(self.clock);
        let at = message.timestamp.unwrap_or(now);
        let mut outcome = self.begin(now);
        self.run_due(now - Duration::from_millis(1), &mut outcome);
        self.clock = now;
        if message.message_id.as_deref().is_some_and(|id| !self.seen.note(id, now)) {
            outcome.duplicate = true;
            return outcome;
        }
        let from = outcome.changes.len();
        match &message.body {
            Body::Forget => self.forget(message, now, &mut outcome),
            Body::World { values } => self.change_world(values, at.min(now), now, &mut outcome),
            _ => self.apply(message, at.min(now), now, slot, &mut outcome),
        }
        // Users in order of their ids; a profile that ended was reported before the others.
        outcome.changes[from..].sort_by(|a, b| a.user.cmp(&b.user));
        outcome
    }

    /// Moves the clock: every change that is due up to and including `now` happens, each at its own instant.
    pub fn advance(&mut self, now: Instant) -> Outcome {
        let now = now.max(self.clock);
        let mut outcome = self.begin(now);
        self.run_due(now, &mut outcome);
        self.clock = now;
        outcome
    }

    /// The earliest instant at which time alone may change something, so that a host knows how long it may sleep.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.timers.next_due()
    }

    /// The latest `now` that was given.
    #[must_use]
    pub fn clock(&self) -> Instant {
        self.clock
    }

    /// The number of the latest input; 0 before the first.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    // --- questions

    /// A copy of what is known of a user, by user id or anonymous id.
    #[must_use]
    pub fn profile(&self, user: &str) -> Option<UserProfile> {
        self.store.find(user).map(|user| self.store.user_profile(user))
    }

    /// The ids of all users, in order. O(users · log users).
    #[must_use]
    pub fn users(&self) -> Vec<Arc<str>> {
        let mut names: Vec<_> = self.store.keys().map(|user| self.store.name(user).clone()).collect();
        names.sort_unstable();
        names
    }

    /// How many users there are.
    #[must_use]
    pub fn user_count(&self) -> usize {
        self.store.len()
    }

    /// The segments that a user is in, each with the instant since which; of a keyed one, of its longest part.
    #[must_use]
    pub fn segments(&self, user: &str) -> BTreeMap<Arc<str>, Instant> {
        let Some(user) = self.store.find(user) else { return BTreeMap::new() };
        let stays = self.users[user.0 as usize].memberships.stays(&self.compiled.plan);
        let name = |id: SegmentId| self.compiled.plan.segments[id.0 as usize].name.clone();
        stays.into_iter().map(|(id, since)| (name(id), since)).collect()
    }

    /// Whether a user is in a segment; false where either is unknown.
    #[must_use]
    pub fn is_member(&self, user: &str, segment: &str) -> bool {
        match (self.store.find(user), self.compiled.plan.segment(segment)) {
            (Some(user), Some(segment)) => self.members.contains(segment, user),
            _ => false,
        }
    }

    /// Entries, exits and size of every segment, in order of definition.
    pub fn segment_stats(&self) -> impl ExactSizeIterator<Item = (&str, SegmentStats)> {
        self.compiled.plan.segment_names().zip(self.stats.iter().copied())
    }

    /// How many parts of keyed segments went because a user had too many (`parts_max` in the settings).
    #[must_use]
    pub fn parts_dropped(&self) -> u64 {
        self.parts_dropped
    }

    /// How often segments and journeys followed from one another at one instant without an end, and were cut off.
    #[must_use]
    pub fn loops_cut(&self) -> u64 {
        self.loops_cut
    }

    /// What to show a user at a placement. Only looks: nothing is learned until the host reports what was seen.
    /// A user who is not known sees what everybody may see.
    ///
    /// # Errors
    /// A placement that is not defined.
    pub fn decide(
        &self,
        user: &str,
        placement: &str,
        request: &Object,
        now: Instant,
    ) -> Result<Decision, Error> {
        let visitor = Visitor {
            plan: &self.compiled.plan,
            store: &self.store,
            user: self.store.find(user),
            id: user,
            now: now.max(self.clock),
        };
        Ok(self.compiled.decisions.decide(&visitor, placement, request)?)
    }

    /// Items for a user, best first: what goes with what the user or the query names, filled up with what is
    /// popular.
    ///
    /// # Errors
    /// A query about items of which none is known, or one that passes a limit.
    pub fn recommend(&self, user: &str, query: &Query, now: Instant) -> Result<Vec<Recommended>, Error> {
        let user = self.store.find(user);
        let items = self.models.items();
        let answer = self.models.recommend(user, query, now.max(self.clock))?;
        let named = |r: Recommendation| Recommended {
            item: items.name(r.item).unwrap_or_default().to_owned(),
            score: r.score,
            reason: r.reason.display(items).to_string(),
        };
        Ok(answer.into_iter().map(named).collect())
    }

    // --- delivery

    /// Hands out at most `limit` actions, oldest first. Until `lease` has passed they are not handed out again;
    /// what is not [acknowledged](Partition::acknowledge) by then is, with the same id.
    pub fn outbox(&mut self, limit: usize, lease: Duration, now: Instant) -> Vec<Action> {
        let now = now.max(self.clock);
        self.sequence += 1;
        self.clock = now;
        let (actions, expired) = self.journeys.lease(limit, now + lease, now, &self.store);
        for lost in &expired {
            self.touch(lost.user);
            self.journeys.give_back(lost);
        }
        actions
    }

    /// How often each journey did what, by journey and reason.
    #[must_use]
    pub fn journey_counts(&self) -> BTreeMap<(String, String), u64> {
        self.journeys.counts()
    }

    /// How full the outbox is, and how often the host said something of an action in vain.
    #[must_use]
    pub fn outbox_stats(&self) -> OutboxStats {
        self.journeys.outbox_stats()
    }

    // --- inputs

    pub(super) fn begin(&mut self, now: Instant) -> Outcome {
        debug_assert!(now >= self.clock);
        self.sequence += 1;
        Outcome { sequence: self.sequence, ..Outcome::default() }
    }

    fn apply(&mut self, message: &Message, at: Instant, now: Instant, slot: Slot, outcome: &mut Outcome) {
        self.touch_owners(message);
        let Resolved { user, is_new, absorbed, switched } = self.store.resolve(message, at);
        while self.users.len() <= user.0 as usize {
            self.users.push(UserRow::default());
        }
        if is_new {
            self.users[user.0 as usize].memberships = Memberships::begin(&self.compiled.plan, now);
            self.touch(user);
        }
        if let Some(shelf) = &mut self.shelf {
            shelf.note_slot(user, slot);
        }
        let everything = absorbed.is_some();
        if let Some((absorbed, name)) = absorbed {
            self.end_memberships(absorbed, &name, now, outcome);
            let context = Context { plan: &self.compiled.plan, store: &self.store, now, render: &no_content };
            self.journeys.absorb(&context, absorbed, user, &mut outcome.notes);
            self.users[user.0 as usize].journey_due = self.journeys.deadline(user).unwrap_or(NEVER);
            self.models.forget(absorbed);
            self.drop_from_shelf(absorbed, Some(user));
        }
        let mut applied = std::mem::take(&mut self.applied);
        self.store.apply(user, message, at, now, &mut applied);
        self.models.learn(user, message, at);
        let mut before = Applied::default();
        if let Some(owner) = switched {
            self.store.record(user, SWITCHED, Object::new(), now, &mut applied);
            self.store.begin(at, &mut before);
            self.store.record(owner, SWITCHED, Object::new(), now, &mut before);
        }
        let touch = match (everything, is_new) {
            (true, _) => Touch::Everything(Some(&applied)),
            (false, true) => Touch::First(&applied),
            (false, false) => Touch::Message(&applied),
        };
        let event = message.event().zip(applied.events.first()).map(|((name, properties), (kind, start))| {
            let view = EventView { at: at.as_millis(), kind: *kind, values: &applied.values[*start..] };
            EventOccurrence { name, view, properties, at }
        });
        let touched = Touched { user, touch, event, own: &applied };
        match switched {
            None => self.settle(&[touched], now, outcome),
            Some(owner) => {
                let touch = Touch::Message(&before);
                let other = Touched { user: owner, touch, event: None, own: &before };
                self.settle(&[touched, other], now, outcome);
            }
        }
        before.clear(&mut self.store.symbols);
        applied.clear(&mut self.store.symbols);
        self.applied = applied;
    }

    fn forget(&mut self, message: &Message, now: Instant, outcome: &mut Outcome) {
        // A device may have the id of a user who has nothing to do with it.
        let user = match (&message.ids.user, &message.ids.anonymous) {
            (Some(user), _) => self.store.find(user),
            (None, device) => device.as_deref().and_then(|device| self.store.find_device(device)),
        };
        if let Some(user) = user {
            self.touch(user);
            let name = self.store.name(user).clone();
            self.end_memberships(user, &name, now, outcome);
            self.journeys.forget(user);
            self.models.forget(user);
            self.store.forget(user);
            self.drop_from_shelf(user, None);
        }
        self.run_due(now, outcome);
    }

    fn end_memberships(&mut self, user: UserKey, name: &Arc<str>, now: Instant, outcome: &mut Outcome) {
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

    // --- time

    pub(super) fn run_due(&mut self, until: Instant, outcome: &mut Outcome) {
        while let Some(due) = self.next_batch(until) {
            self.settle(&[], due, outcome);
        }
    }

    /// Takes the users who are due at the earliest instant up to `until` at which any is.
    pub(super) fn next_batch(&mut self, until: Instant) -> Option<Instant> {
        let Partition { timers, users, due, .. } = self;
        let deadline = |user: UserKey| {
            let row = users.get_mut(user.0 as usize)?;
            row.hinted = row.deadline();
            (row.hinted != NEVER).then_some(row.hinted)
        };
        timers.next_batch(until, deadline, due)
    }

    /// Puts a hint into the wheel where none comes up in time.
    pub(super) fn schedule(&mut self, user: UserKey, now: Instant) {
        let row = &mut self.users[user.0 as usize];
        let deadline = row.deadline();
        // A hint that has come up is gone.
        let hinted = if row.hinted > now { row.hinted } else { NEVER };
        row.hinted = hinted.min(deadline);
        if row.hinted != hinted {
            self.timers.schedule(deadline, user);
        }
    }
}

const SWITCHED: &str = "identity.switched";

pub(super) fn journey_facts(compiled: &Compiled) -> Vec<(JourneyNo, Symbol)> {
    let number = |name: &str| compiled.journeys.journeys.iter().position(|journey| &*journey.name == name);
    let plan = &compiled.plan;
    let facts = plan.echoes.journeys.iter();
    facts.filter_map(|(name, slot)| Some((number(name)? as JourneyNo, plan.slots[slot.0 as usize]))).collect()
}

/// Stands where nothing is sent.
fn no_content(_: &RenderRequest<'_>) -> Result<Object, String> {
    Ok(Object::new())
}

/// An item that is recommended.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct Recommended {
    /// Its id.
    pub item: String,
    /// How much it is recommended: comparable within one answer only.
    pub score: f64,
    /// Why, in words.
    pub reason: String,
}
