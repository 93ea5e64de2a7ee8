use crate::engine::seen::SeenMessages;
use crate::model::{Body, Duration, Instant, Message, MessageError, MessageErrorKind};
use crate::profile::{Applied, IdentityError, ProfileStore, UserKey, UserProfile};
use crate::segment::{Change, Memberships, Plan, Touch};
use std::collections::BTreeSet;
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
    users: Vec<UserRow>,
    timers: BTreeSet<(Instant, UserKey)>,
    clock: Instant,
    allowed_skew: Duration,
    seen: SeenMessages,
    applied: Applied,
    parts_dropped: u64,
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
            users: Vec::new(),
            timers: BTreeSet::new(),
            clock: Instant::MIN,
            allowed_skew: Duration::minutes(5),
            seen: SeenMessages::new(Duration::days(7)),
            applied: Applied::default(),
            parts_dropped: 0,
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
            self.settle(None, Touch::Time, now, &mut outcome.changes);
            return Ok(outcome);
        }
        let resolved = self.store.resolve(message, at);
        if self.users.len() <= resolved.user.0 as usize {
            self.users.resize_with(resolved.user.0 as usize + 1, UserRow::default);
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
        loop {
            let Some(&(due, _)) = self.timers.first() else { return };
            if due > until || due == until && !inclusive {
                return;
            }
            self.settle(None, Touch::Time, due, changes);
        }
    }

    /// Looks at the user that a message touched and at everybody who is due, in order of their ids.
    fn settle(&mut self, touched: Option<UserKey>, touch: Touch<'_>, now: Instant, changes: &mut Vec<Change>) {
        let mut due: Vec<UserKey> = touched.into_iter().collect();
        while let Some(&(at, user)) = self.timers.first() {
            if at > now {
                break;
            }
            self.timers.pop_first();
            let Some(row) = self.users.get_mut(user.0 as usize) else { continue };
            if row.hinted != Some(at) {
                continue;
            }
            row.hinted = None;
            match row.deadline {
                Some(deadline) if deadline <= now => {
                    if !due.contains(&user) {
                        due.push(user);
                    }
                }
                Some(deadline) => {
                    row.hinted = Some(deadline);
                    self.timers.insert((deadline, user));
                }
                None => {}
            }
        }
        if due.len() > 1 {
            due.sort_by(|a, b| self.store.get(*a).name.cmp(&self.store.get(*b).name));
        }
        for user in due {
            let touch = if touched == Some(user) { touch } else { Touch::Time };
            let row = &mut self.users[user.0 as usize];
            row.memberships.refresh(&self.plan, &mut self.store, user, touch, now, &mut self.parts_dropped, changes);
            row.deadline = row.memberships.deadline();
            if let Some(deadline) = row.deadline {
                if row.hinted.is_none_or(|hinted| deadline < hinted) {
                    row.hinted = Some(deadline);
                    self.timers.insert((deadline, user));
                }
            }
        }
    }

    fn forget(&mut self, user: UserKey, now: Instant, changes: &mut Vec<Change>) {
        let row = std::mem::take(&mut self.users[user.0 as usize]);
        let name = self.store.forget(user);
        row.memberships.end(&self.plan, &name, &mut self.store.symbols, now, changes);
    }
}
