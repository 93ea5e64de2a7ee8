use crate::engine::seen::SeenMessages;
use crate::model::{Body, Duration, Instant, Message, MessageError, MessageErrorKind, Pages};
use crate::profile::{Applied, IdentityError, ProfileStore, UserKey, UserProfile};
use crate::segment::{Change, Memberships, Plan, Touch};
use crate::trigger::TimingWheel;
use std::sync::Arc;

/// x
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// x
    #[error(transparent)]
    Message(#[from] MessageError),
    /// x
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// x
#[derive(Debug, Default)]
pub struct Outcome {
    /// x
    pub changes: Vec<Change>,
    /// x
    pub duplicate: bool,
}

/// x
#[derive(Debug)]
pub struct Partition {
    plan: Arc<Plan>,
    store: ProfileStore,
    users: Pages<UserRow>,
    timers: TimingWheel<UserKey>,
    clock: Instant,
    allowed_skew: Duration,
    seen: SeenMessages,
    applied: Applied,
    parts_dropped: u64,
    due: Vec<UserKey>,
}

#[derive(Debug)]
struct UserRow {
    memberships: Memberships,
    deadline: Option<Instant>,
    hinted: Option<Instant>,
}

impl Default for UserRow {
    fn default() -> UserRow {
        UserRow { memberships: Memberships::default(), deadline: None, hinted: None }
    }
}

impl Partition {
    /// x
    #[must_use]
    pub fn from_plan(plan: Plan) -> Partition {
        let store = ProfileStore::new(
            plan.keep.clone(),
            plan.rules.clone(),
            plan.symbols.clone(),
            plan.zone.clone(),
            plan.session_gap,
        );
        Partition {
            plan: Arc::new(plan),
            store,
            users: Pages::default(),
            timers: TimingWheel::new(Instant::MIN),
            clock: Instant::MIN,
            allowed_skew: Duration::minutes(5),
            seen: SeenMessages::new(Duration::days(7)),
            applied: Applied::default(),
            parts_dropped: 0,
            due: Vec::new(),
        }
    }

    /// x
    pub fn ingest(&mut self, message: &Message, now: Instant) -> Result<Outcome, Error> {
        message.check()?;
        self.store.check(message)?;
        let now = now.max(self.clock);
        let at = message.timestamp.unwrap_or(now);
        if at > now + self.allowed_skew {
            let kind = MessageErrorKind::InFuture { ahead: at - now, allowed: self.allowed_skew };
            return Err(kind.at("timestamp").into());
        }
        let at = at.min(now);
        let mut outcome = Outcome::default();
        self.run_due(now, false, &mut outcome.changes);
        self.clock = now;
        if let Some(id) = &message.message_id {
            if !self.seen.note(id, now) {
                outcome.duplicate = true;
                return Ok(outcome);
            }
        }
        let from = outcome.changes.len();
        if let Body::Forget = message.body {
            let user = message.ids.user.as_deref().or(message.ids.anonymous.as_deref());
            if let Some(user) = user.and_then(|id| self.store.find(id)) {
                self.forget(user, now, &mut outcome.changes);
            }
            self.run_due(now, true, &mut outcome.changes);
            return Ok(outcome);
        }
        let resolved = self.store.resolve(message, at);
        while self.users.len() <= resolved.user.0 as usize {
            self.users.push(UserRow::default());
        }
        let mut everything = resolved.is_new;
        if let Some((absorbed, name)) = resolved.absorbed {
            let row = std::mem::take(&mut self.users[absorbed.0 as usize]);
            row.memberships.end(&self.plan, &name, &mut self.store.symbols, now, &mut outcome.changes);
            everything = true;
        }
        let mut applied = std::mem::take(&mut self.applied);
        self.store.apply(resolved.user, message, at, now, &mut applied);
        let touch = if everything { Touch::Everything } else { Touch::Message(&applied) };
        self.settle(Some(resolved.user), touch, now, &mut outcome.changes);
        applied.clear(&mut self.store.symbols);
        self.applied = applied;
        outcome.changes[from..].sort_by(|a, b| a.user.cmp(&b.user));
        Ok(outcome)
    }

    /// x
    pub fn advance(&mut self, now: Instant) -> Vec<Change> {
        let mut changes = Vec::new();
        let now = now.max(self.clock);
        self.run_due(now, true, &mut changes);
        self.clock = now;
        changes
    }

    /// x
    #[must_use]
    pub fn profile(&self, user: &str) -> Option<UserProfile> {
        self.store.find(user).map(|user| self.store.user_profile(user))
    }

    fn run_due(&mut self, until: Instant, inclusive: bool, changes: &mut Vec<Change>) {
        let until = if inclusive { until } else { until - Duration::from_millis(1) };
        while let Some(due) = self.next_batch(until) {
            self.settle(None, Touch::Time, due, changes);
        }
    }

    /// Takes the users who are due at the earliest instant up to `until` into `self.due`.
    fn next_batch(&mut self, until: Instant) -> Option<Instant> {
        let Partition { timers, users, due, .. } = self;
        timers.next_batch(
            until,
            |user| {
                let row = users.get_mut(user.0 as usize)?;
                row.hinted = row.deadline;
                row.deadline
            },
            due,
        )
    }

    /// Looks at the user that a message touched and at everybody who is due, in order of their ids.
    fn settle(&mut self, touched: Option<UserKey>, touch: Touch<'_>, now: Instant, changes: &mut Vec<Change>) {
        if touched.is_some() {
            self.next_batch(now);
        }
        let mut due = std::mem::take(&mut self.due);
        if let Some(touched) = touched.filter(|user| !due.contains(user)) {
            due.push(touched);
        }
        if due.len() > 1 {
            due.sort_by(|a, b| self.store.get(*a).name.cmp(&self.store.get(*b).name));
        }
        for user in due.drain(..) {
            let touch = if touched == Some(user) { touch } else { Touch::Time };
            let row = &mut self.users[user.0 as usize];
            row.memberships.refresh(
                &self.plan,
                &mut self.store,
                user,
                touch,
                now,
                &mut self.parts_dropped,
                changes,
            );
            // A hint that came up is gone: it stands at or before `now`.
            let hinted = row.hinted.filter(|hinted| *hinted > now);
            row.deadline = row.memberships.deadline();
            row.hinted = match (row.deadline, hinted) {
                (Some(deadline), None) => Some(deadline),
                (Some(deadline), Some(hinted)) if deadline < hinted => Some(deadline),
                _ => hinted,
            };
            if let (true, Some(hint)) = (row.hinted != hinted, row.hinted) {
                self.timers.schedule(hint, user);
            }
        }
        self.due = due;
    }

    fn forget(&mut self, user: UserKey, now: Instant, changes: &mut Vec<Change>) {
        let row = std::mem::take(&mut self.users[user.0 as usize]);
        let name = self.store.forget(user);
        row.memberships.end(&self.plan, &name, &mut self.store.symbols, now, changes);
    }
}
