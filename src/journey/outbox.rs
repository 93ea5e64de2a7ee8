use crate::journey::instance::Instance;
use crate::journey::key::InstanceKey;
use crate::journey::plan::{GONE, JourneyNo};
use crate::journey::{Acknowledged, Action, Delivery, DeliveryPolicy, OutboxStats};
use crate::model::{Duration, Instant, Object, Zone};
use crate::profile::{ProfileStore, UserKey};
use hashbrown::HashMap;
use serde::Serialize;
use smallvec::SmallVec;
use std::collections::{BTreeMap, VecDeque};

/// Actions on their way to the host, and what the host said of them. States: pending → leased until an instant →
/// answered.
///
/// Invariants: 1. an action is in `pending`, in `quiet`, in `leases`, or answered. 2. `by_user` lists the ids of all actions and
/// nothing else. 3. `answered` is by instant; of an action that is no more it may hold a stale entry. 4. `ends` has whatever
/// waits and is to be looked at at an instant, and nothing else.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outbox {
    pub(super) actions: HashMap<u128, Entry, ahash::RandomState>,
    pub(super) by_user: HashMap<UserKey, SmallVec<[u128; 1]>, ahash::RandomState>,
    /// By order of arrival.
    pub(super) pending: BTreeMap<u64, u128>,
    /// What was found quiet for its user, by the end of that.
    pub(super) quiet: BTreeMap<(Instant, u64), u128>,
    /// By the end of the lease.
    pub(super) leases: BTreeMap<(Instant, u64), u128>,
    /// By user and by when it [ends](Waiting::ends): nobody's look goes through all that waits.
    pub(super) ends: BTreeMap<(UserKey, Instant, u64), u128>,
    pub(super) answered: VecDeque<(Instant, u128)>,
    pub(super) arrivals: u64,
    pub(super) repeated: u64,
    pub(super) unknown: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) user: UserKey,
    pub(super) origin: Origin,
    pub(super) state: State,
}

/// Where an action comes from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Origin {
    pub(crate) journey: JourneyNo,
    pub(crate) step: u16,
    /// Of the instance, with its entry's number.
    pub(crate) key: InstanceKey,
    pub(crate) entry: u32,
    pub(crate) round: u16,
}

impl Origin {
    /// Where what an instance sends now comes from.
    pub(crate) fn of(instance: &Instance) -> Origin {
        let Instance { journey, step, ref key, entry, round, .. } = *instance;
        Origin { journey, step, key: key.clone(), entry, round }
    }
}

#[derive(Debug, Clone)]
pub(super) enum State {
    Waiting(Box<Waiting>),
    /// What was said, a bit for each kind of delivery, and when at first.
    Answered(u8, Instant),
}

#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) action: Action,
    pub(super) expires: Option<Instant>,
    pub(super) number: u64,
    pub(super) leased: Option<Instant>,
    /// Where its user is, if hours there may be quiet for it.
    pub(super) zone: Option<Zone>,
    /// Until when it was found to be quiet.
    pub(super) quiet: Option<Instant>,
    /// Whether it expired while the host had it: then it goes when the lease ends.
    pub(super) overdue: bool,
}

impl Waiting {
    /// When it is to be looked at: when it expires, and where the host has it then, when the lease ends. So handing it
    /// out changes no deadline, and nobody who is away has to be brought for it.
    pub(super) fn ends(&self) -> Option<Instant> {
        if self.overdue { self.leased.or(self.expires) } else { self.expires }
    }

    /// The end of the quiet hours of its user in which `now` is.
    fn quiet_until(&self, now: Instant, policy: &DeliveryPolicy) -> Option<Instant> {
        let hours = policy.quiet_hours(&self.action.channel)?;
        hours.ends(now, self.zone.as_ref()?)
    }

    /// Whether the host has it.
    fn is_leased(&self, now: Instant) -> bool {
        self.leased.is_some_and(|until| until > now)
    }
}

/// An action as whoever asks for a user's data sees it.
pub(crate) struct Held<'a> {
    pub(crate) id: u128,
    pub(crate) origin: &'a Origin,
    pub(crate) at: Instant,
    pub(crate) handed_out: bool,
    pub(crate) answers: Vec<Delivery>,
    pub(crate) content: Option<&'a Object>,
}

/// What an answer of the host did.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) acknowledged: Acknowledged,
    /// Whose action it was, and where it came from, where the host said something new.
    pub(crate) about: Option<(UserKey, Origin)>,
    /// The action, where it turns out to be lost.
    pub(crate) lost: Option<Lost>,
    /// When the host said first that it reached the user, and whether it says so now; none where it did not reach.
    pub(crate) reached: Option<(Instant, bool)>,
}

/// An action that will not reach its user.
#[derive(Debug)]
pub(crate) struct Lost {
    pub(crate) id: u128,
    pub(crate) journey: JourneyNo,
    /// As it was, where it had not been answered yet.
    pub(crate) action: Option<Action>,
}

impl Outbox {
    /// Puts an action of a user in. `zone` is the one to look into before it is handed out; none where no hour is quiet
    /// for it.
    pub(crate) fn put(
        &mut self,
        (id, user): (u128, UserKey),
        origin: Origin,
        expires: Option<Instant>,
        zone: Option<Zone>,
        action: Action,
    ) {
        // Of a user who was erased and came back the ids may begin anew; of others they never do.
        self.remove(id);
        let number = self.arrivals;
        self.arrivals += 1;
        self.pending.insert(number, id);
        self.by_user.entry(user).or_default().push(id);
        let waiting =
            Box::new(Waiting { action, expires, number, leased: None, zone, quiet: None, overdue: false });
        self.list_end((id, user), &waiting);
        self.actions.insert(id, Entry { user, origin, state: State::Waiting(waiting) });
    }

    /// Lists when what waits of a user ends.
    pub(super) fn list_end(&mut self, (id, user): (u128, UserKey), waiting: &Waiting) {
        if let Some(end) = waiting.ends() {
            self.ends.insert((user, end, waiting.number), id);
        }
    }

    /// Takes an action out of everything but `answered`.
    pub(super) fn remove(&mut self, id: u128) -> Option<Lost> {
        let Entry { user, origin: Origin { journey, .. }, state } = self.actions.remove(&id)?;
        if let Some(ids) = self.by_user.get_mut(&user) {
            ids.retain(|own| *own != id);
            if ids.is_empty() {
                self.by_user.remove(&user);
            }
        }
        let action = match state {
            State::Waiting(waiting) => {
                self.unlist(user, &waiting);
                Some(waiting.action)
            }
            State::Answered(..) => None,
        };
        Some(Lost { id, journey, action })
    }

    fn unlist(&mut self, user: UserKey, waiting: &Waiting) {
        if let Some(end) = waiting.ends() {
            self.ends.remove(&(user, end, waiting.number));
        }
        match (waiting.leased, waiting.quiet) {
            (None, None) => self.pending.remove(&waiting.number),
            (Some(until), _) => self.leases.remove(&(until, waiting.number)),
            (None, Some(until)) => self.quiet.remove(&(until, waiting.number)),
        };
    }

    /// Whose actions [`lease`](Outbox::lease) may change: all whom it changes are among them.
    pub(crate) fn leasing(&self, limit: usize, now: Instant, policy: &DeliveryPolicy) -> Vec<UserKey> {
        let leases = self.leases.range(..=(now, u64::MAX));
        let ended = leases.chain(self.quiet.range(..=(now, u64::MAX))).map(|(_, id)| id);
        let mut users: Vec<UserKey> = ended.filter_map(|id| Some(self.actions.get(id)?.user)).collect();
        // Those whose lease ended come before some of these, so that there are fewer at most.
        let mut handed_out = 0;
        let entries = self.pending.values().filter_map(|id| self.actions.get(id));
        for Entry { user, state, .. } in entries {
            let State::Waiting(waiting) = state else { continue };
            if handed_out == limit {
                break;
            }
            if waiting.expires.is_none_or(|expires| expires > now) {
                users.push(*user);
                handed_out += usize::from(waiting.quiet_until(now, policy).is_none());
            }
        }
        users
    }

    /// Whose answers [`acknowledge`](Outbox::acknowledge) will forget, which remembers them for `kept`.
    pub(crate) fn forgetting(&self, now: Instant, kept: Duration) -> impl Iterator<Item = UserKey> + '_ {
        let passed = self.answered.iter().take_while(move |(at, _)| now - *at > kept);
        passed.filter_map(|(_, id)| Some(self.actions.get(id)?.user))
    }

    /// Hands out what is pending, and what was leased until now or before, in order of arrival. What is quiet for its
    /// user at `now` waits for the end of that, and what has expired for [`expire`](Outbox::expire). O(looked at · log
    /// waiting); what is found quiet is looked at once a night.
    pub(crate) fn lease(
        &mut self,
        limit: usize,
        until: Instant,
        now: Instant,
        store: &ProfileStore,
        policy: &DeliveryPolicy,
    ) -> Vec<Action> {
        let leases = self.leases.range(..=(now, u64::MAX));
        let quiet = self.quiet.range(..=(now, u64::MAX));
        let ended: Vec<((Instant, u64), u128)> =
            leases.chain(quiet).map(|(place, id)| (*place, *id)).collect();
        for (place, id) in ended {
            let Some(State::Waiting(waiting)) = self.actions.get_mut(&id).map(|entry| &mut entry.state)
            else {
                continue;
            };
            // What expired meanwhile goes where it stands, when time comes to it.
            if !waiting.overdue {
                (waiting.leased, waiting.quiet) = (None, None);
                self.leases.remove(&place);
                self.quiet.remove(&place);
                self.pending.insert(place.1, id);
            }
        }
        let mut actions = Vec::new();
        let mut from = 0;
        while actions.len() < limit {
            let Some((number, id)) = self.pending.range(from..).next().map(|(n, id)| (*n, *id)) else {
                break;
            };
            from = number + 1;
            let Some(Entry { user, state: State::Waiting(waiting), .. }) = self.actions.get_mut(&id) else {
                continue;
            };
            if waiting.expires.is_some_and(|expires| expires <= now) {
                continue;
            }
            if let Some(end) = waiting.quiet_until(now, policy) {
                waiting.quiet = Some(end);
                self.pending.remove(&number);
                self.quiet.insert((end, number), id);
                continue;
            }
            waiting.leased = Some(until);
            waiting.action.attempt = waiting.action.attempt.saturating_add(1);
            // The name may be another one since: a visitor who signed in.
            waiting.action.user = store.name(*user).as_str().into();
            actions.push(waiting.action.clone());
            self.pending.remove(&number);
            self.leases.insert((until, number), id);
        }
        actions
    }

    /// Takes out what has expired of a user and is not with the host, in order of arrival. O(expired · log waiting).
    pub(crate) fn expire(&mut self, user: UserKey, now: Instant) -> Vec<Lost> {
        let due = self.ends.range((user, Instant::MIN, 0)..=(user, now, u64::MAX));
        let mut due: SmallVec<[(u64, u128); 2]> = due.map(|((.., number), id)| (*number, *id)).collect();
        due.sort_unstable();
        let mut expired = Vec::new();
        for (number, id) in due {
            let Some(State::Waiting(waiting)) = self.actions.get_mut(&id).map(|entry| &mut entry.state)
            else {
                continue;
            };
            match waiting.leased.filter(|until| *until > now) {
                // It goes when the lease ends.
                Some(until) => {
                    waiting.expires.and_then(|end| self.ends.remove(&(user, end, number)));
                    waiting.overdue = true;
                    self.ends.insert((user, until, number), id);
                }
                None => expired.extend(self.remove(id)),
            }
        }
        expired
    }

    /// The earliest instant at which something of a user expires. O(log waiting).
    pub(crate) fn next_expiry(&self, user: UserKey) -> Option<Instant> {
        let own = self.ends.range((user, Instant::MIN, 0)..=(user, Instant::MAX, u64::MAX));
        own.map(|((_, end, _), _)| *end).next()
    }

    /// Says anew in which zone what waits of a user is looked at, and lets what was found quiet be looked at again.
    pub(crate) fn rezone(&mut self, user: UserKey, zone: impl Fn(&Origin) -> Option<Zone>) {
        let ids = self.by_user.get(&user).cloned().unwrap_or_default();
        for id in ids {
            let Some(Entry { origin, state: State::Waiting(waiting), .. }) = self.actions.get_mut(&id) else {
                continue;
            };
            waiting.zone = zone(origin);
            if let (None, Some(until)) = (waiting.leased, waiting.quiet.take()) {
                self.quiet.remove(&(until, waiting.number));
                self.pending.insert(waiting.number, id);
            }
        }
    }

    /// Takes an answer. Those are forgotten of which the first came longer ago than `kept`.
    pub(crate) fn acknowledge(
        &mut self,
        id: &str,
        delivery: Delivery,
        now: Instant,
        kept: Duration,
    ) -> Answer {
        self.forget_answers(now, kept);
        let nothing = |acknowledged| Answer { acknowledged, about: None, lost: None, reached: None };
        let Some((id, entry)) = parse_id(id).and_then(|id| Some((id, self.actions.get_mut(&id)?))) else {
            self.unknown += 1;
            return nothing(Acknowledged::Unknown);
        };
        let bit = 1 << delivery as u8;
        let said = match &entry.state {
            State::Waiting(_) => 0,
            State::Answered(said, _) => *said,
        };
        if said & bit != 0 {
            self.repeated += 1;
            return nothing(Acknowledged::Repeated);
        }
        let first = match &entry.state {
            State::Answered(_, first) => *first,
            State::Waiting(_) => {
                self.answered.push_back((now, id));
                now
            }
        };
        let before = std::mem::replace(&mut entry.state, State::Answered(said | bit, first));
        let is_lost = |said: u8| said & LOST != 0;
        let (user, origin) = (entry.user, entry.origin.clone());
        let lost = is_lost(bit) && !is_lost(said);
        let action = match before {
            State::Waiting(waiting) => {
                self.unlist(user, &waiting);
                Some(waiting.action)
            }
            State::Answered(..) => None,
        };
        let lost = lost.then_some(Lost { id, journey: origin.journey, action });
        let reached = (!is_lost(said | bit)).then_some((first, said == 0));
        Answer { acknowledged: Acknowledged::Accepted, about: Some((user, origin)), lost, reached }
    }

    fn forget_answers(&mut self, now: Instant, kept: Duration) {
        while let Some((at, id)) = self.answered.front().copied().filter(|(at, _)| now - *at > kept) {
            self.answered.pop_front();
            // It may be stale: the user is no more, or came back and has an action of the same id.
            let is_this = |entry: &Entry| matches!(entry.state, State::Answered(_, first) if first == at);
            if self.actions.get(&id).is_some_and(is_this) {
                self.remove(id);
            }
        }
    }

    /// Takes back what a user has of a journey and the host does not hold at `now`, in order of arrival. What it held and
    /// did not answer in time is taken back too, whether or not anything was handed out since.
    pub(crate) fn withdraw(
        &mut self,
        user: UserKey,
        now: Instant,
        wanted: impl Fn(&Origin, &Action) -> bool,
    ) -> Vec<Lost> {
        self.take_where(user, |origin, waiting| !waiting.is_leased(now) && wanted(origin, &waiting.action))
    }

    /// Takes out what waits of a user and is wanted, in order of arrival.
    fn take_where(&mut self, user: UserKey, wanted: impl Fn(&Origin, &Waiting) -> bool) -> Vec<Lost> {
        let Some(ids) = self.by_user.get(&user) else { return Vec::new() };
        let number = |id: &u128| match self.actions.get(id) {
            Some(Entry { origin, state: State::Waiting(waiting), .. }) if wanted(origin, waiting) => {
                Some((waiting.number, *id))
            }
            _ => None,
        };
        let mut ids: SmallVec<[(u64, u128); 2]> = ids.iter().filter_map(number).collect();
        ids.sort_unstable();
        ids.into_iter().filter_map(|(_, id)| self.remove(id)).collect()
    }

    /// What the host holds of a user and is wanted goes as its lease ends: it can be answered until then, and is not handed out
    /// again.
    pub(crate) fn end_with_lease(&mut self, user: UserKey, now: Instant, wanted: impl Fn(&Action) -> bool) {
        for id in self.by_user.get(&user).cloned().unwrap_or_default() {
            let Some(State::Waiting(waiting)) = self.actions.get_mut(&id).map(|entry| &mut entry.state)
            else {
                continue;
            };
            let leased = waiting.leased.filter(|until| *until > now && wanted(&waiting.action));
            if let Some(until) = leased {
                waiting.ends().and_then(|end| self.ends.remove(&(user, end, waiting.number)));
                waiting.overdue = true;
                self.ends.insert((user, until, waiting.number), id);
            }
        }
    }

    /// How many actions of a user wait or were answered lately.
    pub(crate) fn held(&self, user: UserKey) -> usize {
        self.by_user.get(&user).map_or(0, |ids| ids.len())
    }

    /// What waits of a user, and what was answered lately, in no order.
    pub(crate) fn held_of(&self, user: UserKey) -> impl Iterator<Item = Held<'_>> {
        let ids = self.by_user.get(&user).into_iter().flatten();
        ids.filter_map(|id| Some((*id, self.actions.get(id)?))).map(|(id, Entry { origin, state, .. })| {
            let (at, handed_out, said, content) = match state {
                State::Waiting(waiting) => {
                    (waiting.action.at, waiting.leased.is_some(), 0, Some(&waiting.action.content))
                }
                State::Answered(said, first) => (*first, false, *said, None),
            };
            let answers = Delivery::ALL.into_iter().filter(|delivery| said & 1 << *delivery as u8 != 0);
            Held { id, origin, at, handed_out, answers: answers.collect(), content }
        })
    }

    /// Whether anything would be handed out now.
    pub(crate) fn has_ready(&self, now: Instant) -> bool {
        let has_ended = |list: &BTreeMap<(Instant, u64), u128>| {
            list.first_key_value().is_some_and(|((until, _), _)| *until <= now)
        };
        !self.pending.is_empty() || has_ended(&self.leases) || has_ended(&self.quiet)
    }

    /// Whose an action is.
    pub(crate) fn owner(&self, action: &str) -> Option<UserKey> {
        Some(self.actions.get(&parse_id(action)?)?.user)
    }

    /// Whether anything of a user waits or was answered lately.
    pub(crate) fn has(&self, user: UserKey) -> bool {
        self.by_user.contains_key(&user)
    }

    /// Drops everything of a user, also what the host holds.
    pub(crate) fn forget(&mut self, user: UserKey) {
        for id in self.by_user.remove(&user).unwrap_or_default() {
            self.remove(id);
        }
    }

    pub(crate) fn readdress(&mut self, from: UserKey, into: UserKey, moved: impl Fn(JourneyNo) -> u32) {
        let Some(ids) = self.by_user.remove(&from) else { return };
        for id in &ids {
            let Some(entry) = self.actions.get_mut(id) else { continue };
            entry.user = into;
            if entry.origin.journey != GONE {
                entry.origin.entry = entry.origin.entry.saturating_add(moved(entry.origin.journey));
            }
            if let State::Waiting(waiting) = &entry.state
                && let Some(end) = waiting.ends()
            {
                self.ends.remove(&(from, end, waiting.number));
                self.ends.insert((into, end, waiting.number), *id);
            }
        }
        self.by_user.entry(into).or_default().extend(ids);
    }

    /// The users of whom anything waits or was answered that is of a wanted journey.
    pub(crate) fn users_of(&self, wanted: impl Fn(JourneyNo) -> bool) -> Vec<UserKey> {
        self.actions.values().filter(|entry| wanted(entry.origin.journey)).map(|entry| entry.user).collect()
    }

    /// The journeys of which anything waits or is remembered as answered.
    pub(crate) fn journeys(&self, now: Instant, kept: Duration) -> impl Iterator<Item = JourneyNo> + '_ {
        let counts = move |state: &State| match state {
            State::Waiting(_) => true,
            State::Answered(_, first) => now - *first <= kept,
        };
        let entries = self.actions.values().filter(move |entry| counts(&entry.state));
        entries.map(|entry| entry.origin.journey)
    }

    /// Says anew where actions came from. What the host holds of a journey that is gone stays, until it is answered.
    pub(crate) fn relocate(&mut self, to: impl Fn(&Origin) -> Origin) {
        self.actions.values_mut().for_each(|entry| entry.origin = to(&entry.origin));
    }

    pub(crate) fn stats(&self) -> OutboxStats {
        OutboxStats {
            pending: self.pending.len() + self.quiet.len(),
            leased: self.leases.len(),
            repeated: self.repeated,
            unknown: self.unknown,
        }
    }

    /// Everything, for a digest of the state: what waits in order of arrival, answers in order of their ids.
    /// Answers that are forgotten at the next one are in it no more.
    pub(crate) fn state(&self, now: Instant, kept: Duration) -> impl Serialize + '_ {
        let mut waiting = Vec::new();
        let mut answers = Vec::new();
        for (id, Entry { state, .. }) in &self.actions {
            match state {
                State::Waiting(w) => {
                    let zone = w.zone.as_ref().map(Zone::name);
                    waiting.push((
                        w.number,
                        &w.action,
                        w.action.attempt,
                        w.leased,
                        w.expires,
                        zone,
                        w.quiet,
                        w.overdue,
                    ))
                }
                State::Answered(_, first) if now - *first > kept => {}
                State::Answered(said, first) => answers.push((format!("{id:032x}"), *said, *first)),
            }
        }
        waiting.sort_by_key(|(number, ..)| *number);
        answers.sort_unstable();
        (waiting, answers, self.arrivals, self.repeated, self.unknown)
    }
}

/// What says that nothing reached the user, so that no cap should count it.
const LOST: u8 =
    1 << Delivery::Failed as u8 | 1 << Delivery::Unreachable as u8 | 1 << Delivery::Suppressed as u8;

/// The id of an action as 32 hexadecimal digits, as it is handed out.
pub(super) fn id_text(id: u128) -> String {
    let digit = |place: u32| b"0123456789abcdef"[(id >> (4 * place)) as usize & 15] as char;
    (0..32).rev().map(digit).collect()
}

/// The same the other way round; nothing where the text was not made so.
fn parse_id(id: &str) -> Option<u128> {
    let digits: &[u8; 32] = id.as_bytes().try_into().ok()?;
    digits.iter().try_fold(0, |id, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(id << 4 | u128::from(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(id: u128) -> Action {
        Action {
            at: Instant::MIN,
            id: id_text(id),
            user: "ada".into(),
            journey: "cart".into(),
            step: "push".into(),
            channel: "push".into(),
            content: Object::new(),
            key: None,
            probability: None,
            template: "".into(),
            attempt: 0,
        }
    }

    /// What goes at which instant, beside a look at everything that waits.
    #[test]
    fn what_expires_is_found_without_going_through_what_waits() {
        let origin = Origin { journey: 0, step: 0, key: InstanceKey::default(), entry: 1, round: 0 };
        for seed in 0..200 {
            let rng = &mut fastrand::Rng::with_seed(seed);
            let (mut outbox, mut now) = (Outbox::default(), Instant::from_millis(0));
            let mut users = vec![UserKey(1), UserKey(2), UserKey(3)];
            for id in 0..60 {
                now = now + Duration::from_millis(rng.i64(0..4));
                let user = users[rng.usize(0..users.len())];
                let expires = rng.bool().then(|| now + Duration::from_millis(rng.i64(1..20)));
                outbox.put((id, user), origin.clone(), expires, None, action(id));
                let any = rng.u128(0..=id);
                match rng.u32(0..6) {
                    0 => drop(outbox.acknowledge(&id_text(any), Delivery::Sent, now, Duration::days(1))),
                    1 => drop(outbox.remove(any)),
                    2 if users.len() > 1 => outbox.readdress(users.pop().unwrap(), users[0], |_| 0),
                    _ => {
                        let until = now + Duration::from_millis(rng.i64(1..9));
                        if let Some(State::Waiting(waiting)) =
                            outbox.actions.get_mut(&any).map(|e| &mut e.state)
                            && waiting.leased.is_none()
                        {
                            waiting.leased = Some(until);
                            outbox.pending.remove(&waiting.number);
                            outbox.leases.insert((until, waiting.number), any);
                        }
                    }
                }
                for user in &users {
                    let waiting = |outbox: &Outbox| -> Vec<(u64, u128, Waiting)> {
                        let own = outbox.actions.iter().filter(|(_, entry)| entry.user == *user);
                        let waiting = own.filter_map(|(id, entry)| match &entry.state {
                            State::Waiting(waiting) => Some((waiting.number, *id, (**waiting).clone())),
                            State::Answered(..) => None,
                        });
                        waiting.collect()
                    };
                    let has_expired =
                        |w: &Waiting| w.expires.is_some_and(|at| at <= now) && !w.is_leased(now);
                    let mut gone: Vec<_> =
                        waiting(&outbox).into_iter().filter(|(.., waiting)| has_expired(waiting)).collect();
                    gone.sort_by_key(|(number, ..)| *number);
                    let expired: Vec<u128> = outbox.expire(*user, now).iter().map(|lost| lost.id).collect();
                    assert_eq!(expired, gone.iter().map(|(_, id, _)| *id).collect::<Vec<_>>(), "seed {seed}");
                    let next = waiting(&outbox).iter().filter_map(|(.., waiting)| waiting.ends()).min();
                    assert_eq!(outbox.next_expiry(*user), next, "seed {seed}");
                    assert!(next.is_none_or(|next| next > now), "seed {seed}");
                }
            }
        }
    }

    #[test]
    fn ids_are_read_as_they_are_written() {
        for id in [0, 1, u128::MAX, 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210] {
            assert_eq!(id_text(id), format!("{id:032x}"));
            assert_eq!(parse_id(&id_text(id)), Some(id));
        }
        let text = id_text(0xa);
        for wrong in [&text[1..], &format!("0{text}"), &text.to_uppercase(), &text.replace("0a", "é")] {
            assert_eq!(parse_id(wrong), None, "{wrong}");
        }
    }
}
