//! What must be remembered of journeys that are over: how often they were entered, and when they ended.

use crate::journey::key::InstanceKey;
use crate::journey::plan::{CompiledJourney, JourneyNo, JourneyPlan};
use crate::journey::redefine::JourneyMoves;
use crate::journey::{Reason, Reentry};
use crate::model::{Bytes, Duration, Instant, Malformed, Record, record};
use crate::profile::UserKey;
use hashbrown::HashMap;
use serde::Serialize;
use smallvec::SmallVec;
use std::hint::black_box;

/// Entries and exits of all users who are in memory. Exits are dropped once no entry can be refused because of them.
///
/// Invariants: 1. what is dropped would change no answer, so when it is dropped cannot be seen. 2. a user is in the
/// round of a journey, once, exactly while there are exits of theirs: whoever leaves memory leaves nothing here.
#[derive(Debug, Clone, Default)]
pub(crate) struct Past {
    users: HashMap<UserKey, UserPast, ahash::RandomState>,
    /// By journey.
    rounds: Vec<Round>,
}

/// What is remembered of one user, by journey; in order of their numbers.
#[derive(Debug, Clone, Default)]
pub(crate) struct UserPast(Vec<Passed>);

/// What is remembered of one user and one journey.
#[derive(Debug, Clone)]
struct Passed {
    journey: JourneyNo,
    /// The number of the last entry that has ended.
    entries: u32,
    /// The local date of the latest recurring instant that began it, in days since 1970.
    last_day: Option<i64>,
    /// Where the user is in the journey's round, while there are exits.
    place: u32,
    /// In order of their keys, each once: of a user who is in a journey for thousands of keys nobody goes through them.
    exits: Vec<Exit>,
}

/// Who has exits of a journey, each with an instant up to which too few of theirs can be dropped: those for whom it has
/// passed are looked at in turn.
#[derive(Debug, Clone, Default)]
struct Round {
    users: Vec<UserKey>,
    fading: Vec<Instant>,
    next: usize,
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
    /// Forgets what refuses no entry any more; whether anything is left.
    fn fade(&mut self, memory: Memory, now: Instant) -> bool {
        self.ended = self.ended.filter(|at| memory.ended.is_none_or(|counts| now - *at <= counts));
        now - self.barred <= memory.barred || self.ended.is_some()
    }

    /// The last instant at which it counts.
    fn fades(&self, memory: Memory) -> Instant {
        let ended = self.ended.map(|at| memory.ended.map_or(Instant::MAX, |counts| at + counts));
        ended.max(Some(self.barred + memory.barred)).unwrap_or(Instant::MAX)
    }
}

impl Passed {
    /// Whether any of it may still be asked for.
    fn counts(&self) -> bool {
        self.entries > 0 || self.last_day.is_some() || !self.exits.is_empty()
    }

    /// The last instant at which all of its exits count; of many, all but a sixteenth, so that each is looked at only
    /// some times before it goes.
    fn fading(&self, memory: Memory) -> Instant {
        let mut fades: SmallVec<[Instant; 16]> = self.exits.iter().map(|exit| exit.fades(memory)).collect();
        let few = fades.len() / 16;
        if fades.is_empty() { Instant::MAX } else { *fades.select_nth_unstable(few).1 }
    }

    /// Where the exit of a key is, or would be.
    fn find(&self, key: &InstanceKey) -> Result<usize, usize> {
        self.exits.binary_search_by(|exit| exit.key.cmp(key))
    }

    fn exit(&self, key: &InstanceKey) -> Option<&Exit> {
        self.find(key).ok().map(|place| &self.exits[place])
    }

    /// Puts an exit in, or what it says beside what is known of its key: that counts longer, if anything. Gives whether it
    /// is the first of its key.
    fn add(&mut self, exit: Exit) -> bool {
        let found = self.find(&exit.key);
        match found {
            Ok(place) => {
                let known = &mut self.exits[place];
                (known.barred, known.ended) = (known.barred.max(exit.barred), known.ended.max(exit.ended));
            }
            Err(place) => {
                // Most have one key, or none.
                if self.exits.len() < EXITS_FEW {
                    self.exits.reserve_exact(1);
                }
                self.exits.insert(place, exit);
            }
        }
        found.is_err()
    }
}

/// How long the ends of a journey count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Memory {
    /// For re-entry; none for ever.
    ended: Option<Duration>,
    /// Against entries that come late.
    barred: Duration,
}

fn memory(journey: &CompiledJourney) -> Memory {
    let barred = journey.definition.late.tolerance;
    let ended = match journey.definition.enter.reentry {
        Reentry::AfterExit | Reentry::Restart | Reentry::Parallel(_) => Some(barred),
        Reentry::After(pause) => Some(pause + barred),
        Reentry::Once => None,
    };
    Memory { ended, barred }
}

/// Users of whom it is asked, with each exit that is noted, whether any of theirs can be dropped: so all are asked while a
/// sixteenth as many exits are noted. What is asked lies side by side in memory.
const ASKED_AT_ONCE: usize = 16;
/// Those of them who are looked at.
const PRUNED_AT_ONCE: usize = 2;
/// For each of so many exits room is made when it comes.
const EXITS_FEW: usize = 4;

impl UserPast {
    fn get(&self, journey: JourneyNo) -> Option<&Passed> {
        let place = self.0.binary_search_by_key(&journey, |passed| passed.journey).ok()?;
        Some(&self.0[place])
    }

    fn get_mut(&mut self, journey: JourneyNo) -> Option<&mut Passed> {
        let place = self.0.binary_search_by_key(&journey, |passed| passed.journey).ok()?;
        Some(&mut self.0[place])
    }

    /// What is remembered of a journey, to be added to. Most users are in one journey, so room is made for one at a time.
    fn of(&mut self, journey: JourneyNo) -> &mut Passed {
        let place = self.0.binary_search_by_key(&journey, |passed| passed.journey).unwrap_or_else(|place| {
            self.0.reserve_exact(1);
            self.0.insert(place, Passed { journey, entries: 0, last_day: None, place: 0, exits: Vec::new() });
            place
        });
        &mut self.0[place]
    }

    /// Drops exits that count no more.
    fn prune(&mut self, plan: &JourneyPlan, now: Instant) {
        for passed in &mut self.0 {
            if let Some(memory) = plan.journeys.get(usize::from(passed.journey)).map(memory) {
                passed.exits.retain_mut(|exit| exit.fade(memory, now));
            }
        }
        self.0.retain(|passed| passed.counts());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let exits = self.0.iter().map(|passed| {
            let keys: usize = passed.exits.iter().map(|exit| exit.key.heap_bytes()).sum();
            passed.exits.capacity() * size_of::<Exit>() + keys
        });
        self.0.capacity() * size_of::<Passed>() + exits.sum::<usize>()
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        self.0.len().write(out);
        for Passed { journey, entries, last_day, exits, .. } in &self.0 {
            (*journey, *entries, *last_day).write(out);
            exits.write(out);
        }
    }

    /// Journeys are in the plan, and in order; each key is there once, and in earlier versions in no order.
    pub(super) fn read(from: &mut Bytes<'_>, plan: &JourneyPlan) -> Result<UserPast, Malformed> {
        let mut past = UserPast::default();
        for _ in 0..from.len("what is remembered of journeys")? {
            let least = past.0.last().map_or(0, |last| u32::from(last.journey) + 1);
            let is_next = |n: &JourneyNo| u32::from(*n) >= least && usize::from(*n) < plan.journeys.len();
            let journey = from.valid("the number of a journey", is_next)?;
            let (entries, last_day) = from.read()?;
            let before = from.clone();
            let mut exits: Vec<Exit> = from.read()?;
            exits.sort_unstable_by(|a, b| a.key.cmp(&b.key));
            if exits.windows(2).any(|pair| pair[0].key == pair[1].key) {
                return Err(before.malformed("exits"));
            }
            past.0.push(Passed { journey, entries, last_day, place: 0, exits });
        }
        past.0.shrink_to_fit();
        Ok(past)
    }
}

record! { Exit { key, barred, ended } }

impl Past {
    /// The number of the next entry into a journey, as far as instances have ended: those that run know their own.
    pub(crate) fn next_entry(&self, user: UserKey, journey: JourneyNo) -> u32 {
        self.entries_of(user, journey).map_or(1, |entries| entries.saturating_add(1))
    }

    /// Keeps in mind that an entry was given a number, as the instance does not any more.
    pub(crate) fn note_entry(&mut self, user: UserKey, journey: JourneyNo, entry: u32) {
        let passed = self.users.entry(user).or_default().of(journey);
        passed.entries = passed.entries.max(entry);
    }

    /// The number of the last entry of a user into a journey that has ended, where one has.
    pub(crate) fn entries_of(&self, user: UserKey, journey: JourneyNo) -> Option<u32> {
        let past = self.users.get(&user)?.0.iter().find(|passed| passed.journey == journey)?;
        Some(past.entries).filter(|entries| *entries > 0)
    }

    /// Reads a word of the last exit of a user.
    pub(crate) fn look_ahead(&self, user: UserKey) {
        let last = self.users.get(&user).and_then(|past| past.0.last()?.exits.last());
        black_box(last.map(|exit| exit.barred));
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
        let passed = self.users.get(&user)?.get(journey)?;
        let is_older = |exit: &Exit| at < exit.barred;
        let own = passed.exit(key);
        // An exit without a key is one of all keys.
        let of_all = passed.exits.first().filter(|exit| exit.key.is_none());
        let others = if key.is_none() { &passed.exits[..] } else { &[] };
        if own.into_iter().chain(of_all).chain(others).any(is_older) {
            return Some(Reason::OlderThanExit);
        }
        let ended = own?.ended?;
        match reentry {
            Reentry::Once => Some(Reason::OnceOnly),
            Reentry::After(pause) if at - ended < pause => Some(Reason::TooSoon),
            _ => None,
        }
    }

    /// Notes an exit at an instant: of an instance, with the number of its entry, or what would have ended one.
    pub(crate) fn exit(
        &mut self,
        user: UserKey,
        journey: JourneyNo,
        key: &InstanceKey,
        (at, entry): (Instant, Option<u32>),
        now: Instant,
        plan: &JourneyPlan,
    ) {
        let journey = plan.current(journey);
        let Past { users, rounds } = self;
        let memory = plan.journeys.get(usize::from(journey)).map(memory);
        let passed = users.entry(user).or_default().of(journey);
        passed.entries = passed.entries.max(entry.unwrap_or(0));
        let exit = Exit { key: key.clone(), barred: at, ended: entry.map(|_| at) };
        let fading = memory.map_or(Instant::MAX, |memory| exit.fades(memory));
        let is_first = passed.exits.is_empty();
        if is_first {
            passed.place = round(rounds, journey).join(user, fading);
        }
        if passed.add(exit) && !is_first {
            round(rounds, journey).note(passed.place, |known| known.min(fading));
        }
        if let Some(memory) = memory {
            self.prune(journey, now, memory);
        }
    }

    fn prune(&mut self, journey: JourneyNo, now: Instant, memory: Memory) {
        let mut asks = ASKED_AT_ONCE;
        for _ in 0..PRUNED_AT_ONCE {
            let Some(user) = round(&mut self.rounds, journey).turn(&mut asks, now) else { return };
            let Some(passed) = self.users.get_mut(&user).and_then(|past| past.get_mut(journey)) else {
                return;
            };
            passed.exits.retain_mut(|exit| exit.fade(memory, now));
            if !passed.exits.is_empty() {
                round(&mut self.rounds, journey).note(passed.place, |_| passed.fading(memory));
            } else {
                passed.exits = Vec::new();
                let place = passed.place;
                self.leave(journey, place);
                // Whoever got the place has not been looked at.
                round(&mut self.rounds, journey).next = place as usize;
                self.drop_if_empty(user);
            }
        }
    }

    fn drop_if_empty(&mut self, user: UserKey) {
        let Some(past) = self.users.get_mut(&user) else { return };
        past.0.retain(|passed| passed.counts());
        if past.is_empty() {
            self.users.remove(&user);
        }
    }

    /// Takes whoever is at a place out of a journey's round; the last one of it gets the place.
    fn leave(&mut self, journey: JourneyNo, place: u32) {
        let Round { users, fading, .. } = round(&mut self.rounds, journey);
        users.swap_remove(place as usize);
        fading.swap_remove(place as usize);
        let Some(moved) = users.get(place as usize) else { return };
        if let Some(passed) = self.users.get_mut(moved).and_then(|past| past.get_mut(journey)) {
            passed.place = place;
        }
    }

    /// Gives journeys their new numbers; what is known of those that have none goes.
    pub(crate) fn relocate(&mut self, moves: &JourneyMoves<'_>, now: Instant) {
        // What counts no longer must not count again because the memory is longer now.
        let mut memories: Vec<Option<Memory>> = vec![None; moves.journey_count()];
        for (journey, old, _) in moves.pairs().filter(|(_, old, new)| memory(old) != memory(new)) {
            memories[usize::from(journey)] = Some(memory(old));
        }
        self.rounds.clear();
        // In order, so that who is looked at when follows from the inputs.
        let mut users: Vec<UserKey> = self.users.keys().copied().collect();
        users.sort_unstable();
        for user in users {
            let Some(past) = self.users.get_mut(&user) else { continue };
            past.0.retain_mut(|passed| {
                let Some(to) = moves.named(passed.journey) else { return false };
                passed.journey = to;
                if let Some(memory) = memories[usize::from(to)] {
                    passed.exits.retain_mut(|exit| exit.fade(memory, now));
                }
                passed.counts()
            });
            past.0.sort_unstable_by_key(|passed| passed.journey);
            for passed in past.0.iter_mut().filter(|passed| !passed.exits.is_empty()) {
                // The next turn finds out.
                passed.place = round(&mut self.rounds, passed.journey).join(user, Instant::MIN);
            }
        }
        self.users.retain(|_, past| !past.is_empty());
    }

    /// Takes out what is remembered of a user. O(journeys of the user).
    pub(crate) fn take(&mut self, user: UserKey) -> UserPast {
        let past = self.users.remove(&user).unwrap_or_default();
        for passed in past.0.iter().filter(|passed| !passed.exits.is_empty()) {
            self.leave(passed.journey, passed.place);
        }
        past
    }

    /// Puts in what was taken out or read, in place of what is there. What counts no more meanwhile goes.
    pub(crate) fn put(&mut self, user: UserKey, mut past: UserPast, now: Instant, plan: &JourneyPlan) {
        self.take(user);
        past.prune(plan, now);
        for passed in past.0.iter_mut().filter(|passed| !passed.exits.is_empty()) {
            let compiled = plan.journeys.get(usize::from(passed.journey));
            let fading = compiled.map_or(Instant::MAX, |compiled| passed.fading(memory(compiled)));
            passed.place = round(&mut self.rounds, passed.journey).join(user, fading);
        }
        if !past.is_empty() {
            self.users.insert(user, past);
        }
    }

    pub(super) fn of(&self, user: UserKey) -> Option<&UserPast> {
        self.users.get(&user)
    }

    /// Takes over the past of an absorbed profile. Entries of the latter are numbered behind those of the former, of which
    /// `running` tells the last one that has not ended: gives by how much each journey's numbers move.
    pub(crate) fn absorb(
        &mut self,
        from: UserKey,
        into: UserKey,
        now: Instant,
        plan: &JourneyPlan,
        running: impl Fn(JourneyNo) -> u32,
    ) -> Vec<u32> {
        let theirs = self.take(from);
        let mut own = self.take(into);
        let entries = |journey: JourneyNo| own.get(journey).map_or(0, |passed| passed.entries);
        let numbers = (0..plan.journeys.len()).map(|number| number as JourneyNo);
        let moved: Vec<u32> = numbers.map(|journey| entries(journey).max(running(journey))).collect();
        for passed in theirs.0 {
            let known = own.of(passed.journey);
            if passed.entries > 0 {
                let behind = moved.get(usize::from(passed.journey)).copied().unwrap_or(0);
                known.entries = behind.saturating_add(passed.entries);
            }
            known.last_day = known.last_day.max(passed.last_day);
            for exit in passed.exits {
                known.add(exit);
            }
        }
        self.put(into, own, now, plan);
        moved
    }

    /// What is remembered of one profile is remembered of another, new one too.
    pub(crate) fn split(&mut self, from: UserKey, part: UserKey, now: Instant, plan: &JourneyPlan) {
        if let Some(known) = self.users.get(&from) {
            let copy = |passed: &Passed| Passed { place: 0, exits: passed.exits.clone(), ..*passed };
            let past = UserPast(known.0.iter().map(copy).collect());
            self.put(part, past, now, plan);
        }
    }

    /// Everything that counts, by a name for each user, for a digest of the state.
    pub(crate) fn state<'a, N: Ord + Serialize + 'a>(
        &'a self,
        name: impl Fn(UserKey) -> N,
        now: Instant,
        plan: &JourneyPlan,
    ) -> impl Serialize + 'a {
        let passed = self.users.iter().flat_map(|(user, past)| past.0.iter().map(move |of| (*user, of)));
        let passed: Vec<(UserKey, &Passed)> = passed.collect();
        let mut entries: Vec<_> = passed
            .iter()
            .filter(|(_, of)| of.entries > 0 || of.last_day.is_some())
            .map(|(user, of)| (name(*user), of.journey, of.entries, of.last_day))
            .collect();
        entries.sort_unstable();
        let mut exits: Vec<_> = passed
            .into_iter()
            .filter_map(|(user, of)| {
                let memory = memory(plan.journeys.get(usize::from(of.journey))?);
                let mut exits = of.exits.clone();
                exits.retain_mut(|exit| exit.fade(memory, now));
                (!exits.is_empty()).then(|| (name(user), of.journey, exits))
            })
            .collect();
        exits.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
        (entries, exits)
    }

    /// How many users and places of users are kept.
    #[cfg(test)]
    pub(crate) fn remembered(&self) -> usize {
        self.users.len() + self.rounds.iter().map(|round| round.users.len()).sum::<usize>()
    }

    /// Names the invariant that broke.
    #[cfg(test)]
    pub(crate) fn validate(&self) -> Result<(), &'static str> {
        let with_exits = self.users.iter().flat_map(|(user, past)| {
            past.0.iter().filter(|passed| !passed.exits.is_empty()).map(move |passed| (*user, passed))
        });
        let mut count = 0;
        for (user, passed) in with_exits {
            let round = self.rounds.get(usize::from(passed.journey));
            if round.and_then(|round| round.users.get(passed.place as usize)) != Some(&user) {
                return Err("who has exits is in the round");
            }
            if !passed.exits.is_sorted_by(|a, b| a.key < b.key) {
                return Err("exits are in order of their keys, each once");
            }
            count += 1;
        }
        let places: usize = self.rounds.iter().map(|round| round.users.len()).sum();
        if count == places { Ok(()) } else { Err("a round has those who have exits, each once") }
    }
}

impl Round {
    fn join(&mut self, user: UserKey, fading: Instant) -> u32 {
        self.users.push(user);
        self.fading.push(fading);
        self.users.len() as u32 - 1
    }

    /// Says anew up to which instant too few of the exits of whoever is at a place can be dropped.
    fn note(&mut self, place: u32, fading: impl FnOnce(Instant) -> Instant) {
        let known = &mut self.fading[place as usize];
        *known = fading(*known);
    }

    /// Who comes next of whom something can be dropped, after at most so many who are asked.
    fn turn(&mut self, asks: &mut usize, now: Instant) -> Option<UserKey> {
        while *asks > 0 && !self.users.is_empty() {
            *asks -= 1;
            if self.next >= self.users.len() {
                self.next = 0;
            }
            self.next += 1;
            if self.fading[self.next - 1] < now {
                return Some(self.users[self.next - 1]);
            }
        }
        None
    }
}

fn round(rounds: &mut Vec<Round>, journey: JourneyNo) -> &mut Round {
    let place = usize::from(journey);
    if rounds.len() <= place {
        rounds.resize_with(place + 1, Round::default);
    }
    &mut rounds[place]
}
