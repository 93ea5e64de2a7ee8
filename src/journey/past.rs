//! What must be remembered of journeys that are over: how often they were entered, and when they ended.

use crate::journey::LATE_MAX;
use crate::journey::compile::{JourneyNo, JourneyPlan};
use crate::journey::key::InstanceKey;
use crate::journey::redefine::JourneyMoves;
use crate::journey::{Reason, Reentry};
use crate::model::{Duration, Instant};
use crate::profile::UserKey;
use hashbrown::HashMap;
use serde::Serialize;
use std::collections::VecDeque;

/// Entries and exits of all users. Exits are dropped once no entry can be refused because of them.
///
/// Invariant: what is dropped would change no answer, so when it is dropped cannot be seen.
#[derive(Debug, Default)]
pub(crate) struct Past {
    entries: HashMap<(UserKey, JourneyNo), u32, ahash::RandomState>,
    exits: HashMap<(UserKey, JourneyNo), Vec<Exit>, ahash::RandomState>,
    /// By journey, when an exit of whom was noted: the order in which to look for exits to drop.
    noted: Vec<VecDeque<(Instant, UserKey)>>,
}

/// The last exit by key.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Exit {
    key: InstanceKey,
    /// Entries that are older are refused.
    barred: Instant,
    /// When an instance last ended, if one did: an exit event bars older entries also where there was none.
    ended: Option<Instant>,
}

impl Exit {
    /// Whether an entry may still be refused because of it.
    fn counts(&self, memory: Option<Duration>, now: Instant) -> bool {
        let counts = |ended: Instant| memory.is_none_or(|memory| now - ended <= memory);
        now - self.barred <= LATE_MAX || self.ended.is_some_and(counts)
    }
}

/// How long an end counts for re-entry; none for ever.
fn memory(reentry: Reentry) -> Option<Duration> {
    match reentry {
        Reentry::AfterExit | Reentry::Restart => Some(LATE_MAX),
        Reentry::After(pause) => {
            Some(Duration::from_millis(pause.as_millis().saturating_add(LATE_MAX.as_millis())))
        }
        Reentry::Once => None,
    }
}

/// Most users looked at, for exits to drop, with each exit that is noted: more than one, so that they get fewer.
const PRUNED_AT_ONCE: usize = 4;

impl Past {
    /// Counts an entry, and gives its number.
    pub(crate) fn enter(&mut self, user: UserKey, journey: JourneyNo) -> u32 {
        let entries = self.entries.entry((user, journey)).or_default();
        *entries = entries.saturating_add(1);
        *entries
    }

    /// Why the past forbids an entry, if it does.
    pub(crate) fn refuses(
        &self,
        user: UserKey,
        journey: JourneyNo,
        key: &InstanceKey,
        at: Instant,
        reentry: Reentry,
    ) -> Option<Reason> {
        let exits = self.exits.get(&(user, journey))?;
        // An exit without a key is one of all keys.
        let applies = |exit: &&Exit| exit.key == *key || exit.key.is_none() || key.is_none();
        if exits.iter().filter(applies).any(|exit| at < exit.barred) {
            return Some(Reason::OlderThanExit);
        }
        let ended = exits.iter().find(|exit| exit.key == *key)?.ended?;
        match reentry {
            Reentry::Once => Some(Reason::OnceOnly),
            Reentry::After(pause) if at - ended < pause => Some(Reason::TooSoon),
            _ => None,
        }
    }

    /// Notes an exit at an instant: of an instance, or what would have ended one.
    pub(crate) fn exit(
        &mut self,
        user: UserKey,
        journey: JourneyNo,
        key: &InstanceKey,
        (at, of_instance): (Instant, bool),
        now: Instant,
        plan: &JourneyPlan,
    ) {
        let exits = self.exits.entry((user, journey)).or_default();
        let ended = of_instance.then_some(at);
        match exits.iter_mut().find(|exit| exit.key == *key) {
            Some(exit) => (exit.barred, exit.ended) = (exit.barred.max(at), exit.ended.max(ended)),
            None => {
                // Most have one key, or none.
                exits.reserve_exact(1);
                exits.push(Exit { key: key.clone(), barred: at, ended });
            }
        }
        if self.noted.len() <= usize::from(journey) {
            self.noted.resize_with(plan.journeys.len(), VecDeque::new);
        }
        if let Some(noted) = self.noted.get_mut(usize::from(journey)) {
            noted.push_back((now, user));
        }
        self.prune(journey, now, plan);
    }

    fn prune(&mut self, journey: JourneyNo, now: Instant, plan: &JourneyPlan) {
        let Past { exits, noted, .. } = self;
        let (Some(noted), Some(compiled)) =
            (noted.get_mut(usize::from(journey)), plan.journeys.get(usize::from(journey)))
        else {
            return;
        };
        let memory = memory(compiled.reentry);
        for _ in 0..PRUNED_AT_ONCE {
            match noted.front() {
                Some((at, _)) if now - *at > memory.unwrap_or(LATE_MAX) => {}
                _ => return,
            }
            let Some((_, user)) = noted.pop_front() else { return };
            if let Some(known) = exits.get_mut(&(user, journey)) {
                known.retain(|exit| exit.counts(memory, now));
                if known.is_empty() {
                    exits.remove(&(user, journey));
                }
            }
        }
    }

    /// Gives journeys their new numbers; what is known of those that have none goes.
    pub(crate) fn relocate(&mut self, moves: &JourneyMoves<'_>, now: Instant) {
        let entries = std::mem::take(&mut self.entries).into_iter();
        self.entries = entries.filter_map(|((user, from), n)| Some(((user, moves.to(from)?), n))).collect();
        let exits = std::mem::take(&mut self.exits).into_iter();
        self.exits = exits.filter_map(|((user, from), of)| Some(((user, moves.to(from)?), of))).collect();
        for (journey, old, _) in moves.pairs().filter(|(_, old, new)| old.reentry != new.reentry) {
            // What counts no longer must not count again because the memory is longer now.
            let memory = memory(old.reentry);
            for (_, known) in self.exits.iter_mut().filter(|((_, of), _)| *of == journey) {
                known.retain(|exit| exit.counts(memory, now));
            }
        }
        self.exits.retain(|_, known| !known.is_empty());
        // Whoever is remembered is looked at again, once for each journey.
        let mut users: Vec<(JourneyNo, UserKey)> = self.exits.keys().map(|(user, of)| (*of, *user)).collect();
        users.sort_unstable();
        self.noted = Vec::new();
        self.noted.resize_with(moves.journey_count(), VecDeque::new);
        users.into_iter().for_each(|(of, user)| self.noted[usize::from(of)].push_back((now, user)));
    }

    pub(crate) fn forget(&mut self, user: UserKey, journeys: usize) {
        for journey in 0..journeys {
            self.entries.remove(&(user, journey as JourneyNo));
            self.exits.remove(&(user, journey as JourneyNo));
        }
    }

    /// Takes over the past of an absorbed profile. Entries of the latter are numbered behind those of the former:
    /// gives by how much each journey's numbers move.
    pub(crate) fn absorb(
        &mut self,
        from: UserKey,
        into: UserKey,
        now: Instant,
        plan: &JourneyPlan,
    ) -> Vec<u32> {
        let moved = (0..plan.journeys.len()).map(|journey| {
            let journey = journey as JourneyNo;
            if let Some(theirs) = self.exits.remove(&(from, journey)) {
                let own = self.exits.entry((into, journey)).or_default();
                for exit in theirs {
                    match own.iter_mut().find(|own| own.key == exit.key) {
                        Some(own) => {
                            own.barred = own.barred.max(exit.barred);
                            own.ended = own.ended.max(exit.ended);
                        }
                        None => own.push(exit),
                    }
                }
                // The old entry finds nothing when its turn comes.
                if let Some(noted) = self.noted.get_mut(usize::from(journey)) {
                    noted.push_back((now, into));
                }
            }
            let own = self.entries.get(&(into, journey)).copied().unwrap_or(0);
            if let Some(theirs) = self.entries.remove(&(from, journey)) {
                self.entries.insert((into, journey), own.saturating_add(theirs));
            }
            own
        });
        moved.collect()
    }

    /// What is remembered of one profile is remembered of another, new one too.
    pub(crate) fn split(&mut self, from: UserKey, part: UserKey, now: Instant, plan: &JourneyPlan) {
        for journey in 0..plan.journeys.len() as JourneyNo {
            if let Some(entries) = self.entries.get(&(from, journey)).copied() {
                self.entries.insert((part, journey), entries);
            }
            if let Some(exits) = self.exits.get(&(from, journey)).cloned() {
                self.exits.insert((part, journey), exits);
                if let Some(noted) = self.noted.get_mut(usize::from(journey)) {
                    noted.push_back((now, part));
                }
            }
        }
    }

    /// Everything, by a name for each user, for a digest of the state.
    pub(crate) fn state<'a, N: Ord + Serialize + 'a>(
        &'a self,
        name: impl Fn(UserKey) -> N,
    ) -> impl Serialize + 'a {
        let mut entries: Vec<_> = self.entries.iter().map(|((u, j), n)| (name(*u), *j, *n)).collect();
        entries.sort_unstable();
        let mut exits: Vec<_> = self
            .exits
            .iter()
            .map(|((u, j), exits)| {
                let mut exits: Vec<&Exit> = exits.iter().collect();
                exits.sort_by(|a, b| a.key.cmp(&b.key));
                (name(*u), *j, exits)
            })
            .collect();
        exits.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
        (entries, exits)
    }
}
