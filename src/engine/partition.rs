use crate::decision::{self, Decision, Visitor};
use crate::definitions::{Compiled, Definitions, Settings};
use crate::engine::advance::Unfinished;
use crate::engine::among::Among;
use crate::engine::catalogue::Catalogue;
use crate::engine::consent::PERSONALIZE;
use crate::engine::eligible::ItemRules;
use crate::engine::models::Models;
use crate::engine::receipt::Receipts;
use crate::engine::residence::Shelf;
use crate::engine::seen::SeenMessages;
use crate::engine::suppressions::{Salt, Suppressions};
use crate::engine::{Error, Health, Outcome, Refusal};
use crate::journey::{Action, JourneyNo, Journeys, OutboxStats, RenderRequest};
use crate::model::{Body, Duration, Instant, Message, MessageErrorKind, Object, Pages};
use crate::profile::{Applied, KindName, ProfileStore, Symbol, UserKey, UserProfile};
use crate::segment::{FactNames, Members, Memberships, Scratch, SegmentId, SegmentStats};
use crate::storage::Slot;
use crate::trigger::TimingWheel;
use hashbrown::HashSet;
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
    pub(super) catalogue: Catalogue,
    pub(super) item_rules: ItemRules,
    pub(super) seen: SeenMessages,
    pub(super) timers: TimingWheel<UserKey>,
    pub(super) clock: Instant,
    /// What time it was when the input came that is being taken.
    pub(super) host_clock: Instant,
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
    /// Users whose processing is restricted, as a fact of each says: time alone does nothing to them.
    pub(super) restricted: HashSet<UserKey, ahash::RandomState>,
    /// How many events were not kept, by why.
    pub(super) refused: BTreeMap<Refusal, u64>,
    /// Behind a lock that is never taken, because readers of a partition must not see it.
    pub(super) scratch: Mutex<Scratch>,
    pub(super) due: Vec<UserKey>,
    pub(super) unfinished: Unfinished,
    /// What expired of users who were not looked at since; empty between inputs.
    pub(super) expired: Vec<(UserKey, Applied)>,
    pub(super) salt: Salt,
    pub(super) receipts: Receipts,
    pub(super) suppressions: Suppressions,
    /// Messages that were refused. No state: a refused input changes nothing.
    pub(super) suppressed: AtomicU64,
    /// Where users are who are not in memory; nothing where everybody always is.
    pub(super) shelf: Option<Box<Shelf>>,
    /// Nothing where it is the only one.
    pub(super) among: Option<Box<Among>>,
}

/// Shows how far it has come, and nothing of what it knows.
impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Partition");
        shown.field("clock", &self.clock).field("sequence", &self.sequence);
        shown.field("users", &self.user_count()).finish_non_exhaustive()
    }
}

/// What hangs on a profile.
#[derive(Debug, Clone)]
pub(super) struct UserRow {
    pub(super) memberships: Memberships,
    /// The earliest instant at which a journey goes on.
    pub(super) journey_due: Instant,
    /// The earliest hint in the wheel.
    pub(super) hinted: Instant,
    /// The earliest instant at which something may be kept no longer, or earlier.
    pub(super) expires: Instant,
}

/// Stands for no instant in a row that every user has.
pub(super) const NEVER: Instant = Instant::MAX;

impl Default for UserRow {
    fn default() -> UserRow {
        UserRow { memberships: Memberships::default(), journey_due: NEVER, hinted: NEVER, expires: NEVER }
    }
}

impl UserRow {
    /// The earliest instant at which time alone changes something.
    pub(super) fn deadline(&self) -> Instant {
        self.memberships.deadline().unwrap_or(NEVER).min(self.journey_due).min(self.expires)
    }
}

impl Partition {
    /// An empty partition under definitions.
    #[must_use]
    pub fn new(definitions: &Definitions) -> Partition {
        Partition::under(definitions, definitions.compiled().clone())
    }

    /// The same where the definitions were compiled together with journeys of earlier ones.
    pub(super) fn under(definitions: &Definitions, compiled: Arc<Compiled>) -> Partition {
        let settings = definitions.settings.clone();
        let plan = &compiled.plan;
        let mut store = plan.empty_store();
        store.set_identity_rules(&settings.identity);
        Partition {
            texts: plan.symbols.texts().map(|(text, _)| text).collect(),
            store,
            users: Pages::default(),
            journeys: Journeys::new(compiled.journeys.clone()),
            journey_facts: journey_facts(&compiled),
            models: Models::new(&definitions.recommend),
            catalogue: Catalogue::new(definitions.schema.items.clone()),
            item_rules: ItemRules::default(),
            seen: SeenMessages::new(settings.dedup_window),
            timers: TimingWheel::new(Instant::MIN),
            clock: Instant::MIN,
            host_clock: Instant::MIN,
            sequence: 0,
            stats: vec![SegmentStats::default(); plan.segments.len()],
            members: Members::new(plan),
            parts_dropped: 0,
            applied: Applied::default(),
            recorded: Vec::new(),
            loops_cut: 0,
            restricted: HashSet::default(),
            refused: BTreeMap::new(),
            scratch: Mutex::default(),
            due: Vec::new(),
            unfinished: Unfinished::default(),
            expired: Vec::new(),
            salt: Salt::new(settings.seed),
            receipts: Receipts::default(),
            suppressions: Suppressions::default(),
            suppressed: AtomicU64::new(0),
            shelf: None,
            among: None,
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
    /// before is ignored, but for the time that has come with it.
    ///
    /// Where the purpose `collect` is declared, an event of a user who does not agree to it is not kept: it is counted
    /// ([`refused`](Partition::refused)), the outcome says so, and it makes no profile and links no ids. What else
    /// messages say is kept, because it tells to whom events belong and what a user wants.
    ///
    /// Costs what the message can change: the segments that read its event or attributes, over the events of this
    /// user that they look at.
    ///
    /// # Errors
    /// A message that is not sound, lies too far in the future, would join two users without a reason, would take apart
    /// what cannot be told apart, or is about an erased user who is not to come back. It changes nothing, not even the
    /// clock.
    pub fn ingest(&mut self, message: &Message, now: Instant) -> Result<Outcome, Error> {
        self.check(message, now)?;
        let message = self.minimise(message);
        Ok(self.take(&message, now, Slot::STORE))
    }

    /// A message without what definitions say is not to be kept: what is written and what is applied.
    pub(super) fn minimise<'m>(&self, message: &'m Message) -> Cow<'m, Message> {
        self.compiled.minimiser.minimise(message)
    }

    /// Whether a message may be taken in; changes nothing.
    pub(super) fn check(&self, message: &Message, now: Instant) -> Result<(), Error> {
        message.check()?;
        self.check_place(message, now)?;
        if !matches!(message.body, Body::Forget { .. })
            && let Some(until) = self.suppressions.refuse(
                message,
                |kind| self.store.is_strong(KindName::Declared(kind)),
                self.salt,
                now.max(self.clock),
            )
        {
            self.suppressed.fetch_add(1, Ordering::Relaxed);
            return Err(Error::Suppressed { until });
        }
        self.check_names(message)?;
        let now = now.max(self.clock);
        // What comes twice is no news, also where it could not happen twice.
        let is_known = || message.message_id.as_deref().is_some_and(|id| self.seen.knows(id, now));
        if message.body.is_about_ids() && !is_known() {
            self.store.check(message, now)?;
        }
        let at = message.timestamp.unwrap_or(now);
        let allowed = self.settings.allowed_skew;
        if at > now + allowed {
            return Err(MessageErrorKind::InFuture { ahead: at - now, allowed }.at("timestamp").into());
        }
        Ok(())
    }

    /// Takes a message in that was checked and minimised, with the key that it was sealed under.
    pub(super) fn take(&mut self, message: &Message, now: Instant, slot: Slot) -> Outcome {
        let now = now.max(self.clock);
        let at = message.timestamp.unwrap_or(now);
        let mut outcome = self.begin(now);
        self.run_due(now - Duration::from_millis(1), &mut outcome);
        self.clock = now;
        if message.message_id.as_deref().is_some_and(|id| !self.seen.note(id, now)) {
            outcome.duplicate = true;
        } else if let Some(refusal) = self.refuses(message, now) {
            *self.refused.entry(refusal).or_default() += 1;
            outcome.refused = Some(refusal);
        }
        if outcome.duplicate || outcome.refused.is_some() {
            // It is only time then that comes to its instant.
            self.note_unused(message, slot);
            self.run_due(now, &mut outcome);
            return outcome;
        }
        let from = outcome.changes.len();
        match &message.body {
            Body::Forget { suppress } => self.forget(message, *suppress, now, &mut outcome),
            Body::Split { ids } => self.split(message, ids, now, slot, &mut outcome),
            Body::World { values } => self.change_world(values, at.min(now), now, &mut outcome),
            Body::Item { item, attributes } => {
                self.set_item(item, attributes, at.min(now), now, &mut outcome)
            }
            Body::RemoveItem { item } => self.remove_item(item, now, &mut outcome),
            _ => self.apply(message, at.min(now), now, slot, &mut outcome),
        }
        if message.body.is_about_ids() || matches!(message.body, Body::Forget { .. }) {
            self.note_unused(message, slot);
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
        self.models.tick(now);
        outcome
    }

    /// The earliest instant at which time alone may change something, so that a host knows how long it may sleep. Actions that
    /// wait in the outbox already, and leases that run out, are not among it: whoever delivers looks there besides.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.timers.next_due().into_iter().chain(self.unfinished.at()).min()
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
        self.store.find(user).map(|user| self.store.user_profile(user, self.clock))
    }

    /// The ids of all users, in order. O(users · log users).
    #[must_use]
    pub fn users(&self) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> =
            self.store.keys().map(|user| self.store.name(user).as_str().into()).collect();
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
        let name = |id: SegmentId| self.compiled.plan.name(id).into();
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

    /// What an operator should look at: what was refused or cut off since the beginning, and how often. O(1).
    #[must_use]
    pub fn health(&self) -> Health {
        Health { identity: self.store.identity_health(), store: self.store_health() }
    }

    /// What to show a user at a placement. Only looks: nothing is learned until the host reports what was seen.
    /// A user who is not known sees what everybody may see, and so does one who does not agree to `personalize`, where
    /// that is declared, or whose processing is restricted: the first reason says so.
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
        let now = now.max(self.clock);
        let known = self.store.find(user);
        let refusal = known.and_then(|user| self.withholds(user, PERSONALIZE, now));
        let visitor = Visitor {
            plan: &self.compiled.plan,
            store: &self.store,
            user: known.filter(|_| refusal.is_none()),
            id: user,
            now,
        };
        let mut decision = self.compiled.decisions.decide(&visitor, placement, request)?;
        if let Some(refusal) = refusal {
            let reason = match refusal {
                Refusal::NoConsent => decision::Reason::NoConsent,
                Refusal::Restricted => decision::Reason::Restricted,
            };
            decision.reasons.insert(0, reason);
        }
        Ok(decision)
    }

    // --- delivery

    /// Hands out at most `limit` actions, oldest first. Until `lease` has passed they are not handed out again;
    /// what is not [acknowledged](Partition::acknowledge) by then is, with the same id.
    ///
    /// Neither what has expired by `now` is handed out, nor what falls into its user's quiet hours: that waits for their
    /// end, however late the host asks.
    pub fn outbox(&mut self, limit: usize, lease: Duration, now: Instant) -> Vec<Action> {
        let now = now.max(self.clock);
        self.sequence += 1;
        self.clock = now;
        if self.shelf.is_some() {
            let leasing = self.journeys.leasing(limit, now);
            leasing.into_iter().for_each(|user| self.touch_actions(user));
        }
        self.journeys.lease(limit, now + lease, now, &self.store)
    }

    /// How often each journey did what since the beginning, by journey and in words: `entered`, `sent by push`, and with
    /// every reason of every rule of the gate `deferred: quiet hours`, `not sent: cap` and so on. What is handed out and not
    /// delivered is `not sent` too. O(counters).
    #[must_use]
    pub fn journey_counts(&self) -> BTreeMap<(String, String), u64> {
        self.journeys.counts()
    }

    /// How full the outbox is, and how often the host said something of an action in vain.
    #[must_use]
    pub fn outbox_stats(&self) -> OutboxStats {
        self.journeys.outbox_stats()
    }

    // --- time

    pub(super) fn run_due(&mut self, until: Instant, outcome: &mut Outcome) {
        self.settle_absorptions(until);
        while let Some(due) = self.next_batch(until) {
            self.settle(&[], due, outcome);
        }
    }

    /// Lets go of what absorptions keep apart, once they can be undone no longer.
    pub(super) fn settle_absorptions(&mut self, until: Instant) {
        if !self.store.has_absorptions() {
            return;
        }
        for user in self.store.absorptions_due(until).collect::<SmallVec<[UserKey; 4]>>() {
            self.touch(user);
        }
        self.store.settle_absorptions(until);
    }

    /// Takes the users who are due at the earliest instant up to `until` at which any is.
    pub(super) fn next_batch(&mut self, until: Instant) -> Option<Instant> {
        let Some(at) = self.unfinished.at().filter(|at| *at <= until) else { return self.next_hinted(until) };
        self.next_hinted(at);
        self.take_unfinished();
        Some(at)
    }

    /// The same, of those whom the wheel has.
    pub(super) fn next_hinted(&mut self, until: Instant) -> Option<Instant> {
        let Partition { timers, users, due, restricted, .. } = self;
        let deadline = |user: UserKey| {
            let row = users.get_mut(user.0 as usize)?;
            row.hinted = if restricted.contains(&user) { NEVER } else { row.deadline() };
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

pub(super) fn journey_facts(compiled: &Compiled) -> Vec<(JourneyNo, Symbol)> {
    let number = |name: &str| compiled.journeys.journeys.iter().position(|journey| &*journey.name == name);
    let plan = &compiled.plan;
    let facts = plan.echoes.journeys.iter();
    facts.filter_map(|(name, slot)| Some((number(name)? as JourneyNo, plan.slots[slot.0 as usize]))).collect()
}

/// Stands where nothing is sent.
pub(super) fn no_content(_: &RenderRequest<'_>) -> Result<Object, String> {
    Ok(Object::new())
}
