//! What a partition knows that is one of several.

use crate::engine::homes::{Homes, Place};
use crate::engine::transfer::Arriving;
use crate::engine::{Error, Partition};
use crate::model::{Body, Bytes, Duration, Instant, Malformed, Message, Record};
use crate::profile::{KindName, ids_named};
use crate::storage::{self, Slot, Vault};
use hashbrown::HashSet;
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a user who is on the way to another partition is sealed for.
pub(super) const TRAVELLER: &[u8] = b"traveller";

/// What a partition knows that is one of several: its number, and who came and went.
#[derive(Debug)]
pub(super) struct Among {
    pub(super) number: u16,
    pub(super) homes: Arc<Homes>,
    /// The number of the latest move out of here. They count from 1.
    pub(super) moved: u64,
    /// By partition, the number of the latest move from there to here.
    pub(super) arrived: Vec<u64>,
    /// Who went and is not known to have arrived for good, by the number of the move.
    pub(super) transit: BTreeMap<u64, Transit>,
    /// Users who came while not all have come who come together, each with the key that it has here.
    pub(super) arriving: Vec<(Arriving, Slot)>,
    pub(super) newcomers: Newcomers,
}

/// Users who go to another partition together.
#[derive(Debug, Clone)]
pub(super) struct Transit {
    pub(super) to: u16,
    pub(super) clock: Instant,
    /// How many arrivals had been counted where they come from.
    pub(super) arrivals: u64,
    pub(super) users: Vec<Traveller>,
    /// What is known of the devices that they share.
    pub(super) ties: Vec<u8>,
}

/// All that is known of a user who goes to another partition.
#[derive(Debug, Clone)]
pub(super) struct Traveller {
    /// The keys under which something about it is sealed where it comes from.
    pub(super) slots: SmallVec<[Slot; 2]>,
    pub(super) bytes: Vec<u8>,
}

impl Among {
    pub(super) fn new(number: u16, homes: Arc<Homes>) -> Among {
        let arrived = vec![0; usize::from(homes.count())];
        let (transit, newcomers) = (BTreeMap::new(), Newcomers::default());
        Among { number, homes, moved: 0, arrived, transit, arriving: Vec::new(), newcomers }
    }

    /// Writes it for a checkpoint, what is known of users under their own keys.
    pub(super) fn write(&self, vault: &Vault, out: &mut Vec<u8>) -> Result<(), storage::Error> {
        self.moved.write(out);
        self.arrived.write(out);
        self.newcomers.write(out);
        self.transit.len().write(out);
        for (number, Transit { to, clock, arrivals, users, ties }) in &self.transit {
            (*number, *to).write(out);
            (*clock, *arrivals).write(out);
            ties.write(out);
            users.len().write(out);
            for Traveller { slots, bytes } in users {
                let mut sealed = Vec::new();
                let slot = slots.first().copied().unwrap_or(Slot::STORE);
                vault.seal(slot, TRAVELLER, bytes, &mut sealed)?;
                slots.write(out);
                sealed.write(out);
            }
        }
        self.arriving.len().write(out);
        for (arriving, slot) in &self.arriving {
            let (mut bytes, mut sealed) = (Vec::new(), Vec::new());
            arriving.write(&mut bytes);
            vault.seal(*slot, TRAVELLER, &bytes, &mut sealed)?;
            slot.write(out);
            sealed.write(out);
        }
        Ok(())
    }

    /// Goes on with what was written.
    pub(super) fn read(&mut self, vault: &Vault, from: &mut Bytes<'_>) -> Result<(), Malformed> {
        self.moved = from.counter("the number of a move")?;
        let count = self.arrived.len();
        self.arrived = from.valid("the numbers of moves", |arrived: &Vec<u64>| arrived.len() == count)?;
        self.newcomers = from.read()?;
        for _ in 0..from.len("moves")? {
            let moved = self.moved;
            let number = from.valid("the number of a move", |number: &u64| *number <= moved)?;
            let to = from.valid("a partition", |to: &u16| usize::from(*to) < count)?;
            let (clock, arrivals) = (from.read()?, from.counter("the order of arrival")?);
            let ties = from.read()?;
            let mut users = Vec::new();
            for _ in 0..from.len("users")? {
                let slots: SmallVec<[Slot; 2]> = from.read()?;
                let sealed: Vec<u8> = from.read()?;
                let slot = slots.first().copied().unwrap_or(Slot::STORE);
                let mut bytes = Vec::new();
                if !vault.open(slot, TRAVELLER, &sealed, &mut bytes).is_ok_and(|open| open) {
                    return Err(from.malformed("a user"));
                }
                users.push(Traveller { slots, bytes });
            }
            self.transit.insert(number, Transit { to, clock, arrivals, users, ties });
        }
        for _ in 0..from.len("users")? {
            let (slot, sealed): (Slot, Vec<u8>) = from.read()?;
            let mut bytes = Vec::new();
            if !vault.open(slot, TRAVELLER, &sealed, &mut bytes).is_ok_and(|open| open) {
                return Err(from.malformed("a user"));
            }
            let mut read = Bytes::new(&bytes);
            self.arriving.push((read.read()?, slot));
            read.end()?;
        }
        Ok(())
    }
}

impl Partition {
    /// Makes it one of several, which take as much together as a channel takes.
    pub(super) fn place_among(&mut self, among: Among) {
        self.journeys.share_throttles(among.homes.count());
        self.among = Some(Box::new(among));
    }

    /// Whether all ids of a message are here, or are to be made here.
    pub(super) fn check_place(&self, message: &Message, now: Instant) -> Result<(), Error> {
        let Some(among) = self.among.as_deref() else { return Ok(()) };
        if matches!(message.body, Body::Forget { .. }) || message.body.is_for_everyone() {
            return Ok(());
        }
        let is_here = |(kind, id): &(KindName<'_>, &str)| {
            self.store.owner_named(*kind, id).is_some()
                || among.homes.place(*kind, id) == Place::At(among.number)
        };
        let ids = ids_named(message);
        if !ids.iter().all(is_here) {
            return Err(Error::Apart);
        }
        // Whoever came lately may have sent it where they come from.
        match &message.message_id {
            Some(id) if !among.newcomers.is_empty() => {
                let is_newcomer =
                    |(kind, id): &(KindName<'_>, &str)| among.newcomers.contains(self.salt.hash(*kind, id));
                let is_new = || self.seen.knows(id, now) || among.homes.is_unseen(self.seen_hash(id));
                if ids.iter().any(is_newcomer) && !is_new() { Err(Error::Apart) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    /// What an id of a message is known by.
    pub(super) fn seen_hash(&self, id: &str) -> u128 {
        crate::model::stable_hash(&[id.as_bytes()])
    }
}

/// Ids that came from another partition within twice the time for which ids of messages are remembered: a second copy
/// of a message may have been sent when they were there.
///
/// Two generations, as of [`SeenMessages`](crate::engine::seen::SeenMessages): whoever came is known for at least that time.
#[derive(Debug, Clone)]
pub(super) struct Newcomers {
    began: Instant,
    young: HashSet<u128, ahash::RandomState>,
    old: HashSet<u128, ahash::RandomState>,
}

impl Default for Newcomers {
    fn default() -> Newcomers {
        Newcomers { began: Instant::MIN, young: HashSet::default(), old: HashSet::default() }
    }
}

impl Newcomers {
    fn is_empty(&self) -> bool {
        self.young.is_empty() && self.old.is_empty()
    }

    pub(super) fn contains(&self, hash: u128) -> bool {
        self.young.contains(&hash) || self.old.contains(&hash)
    }

    /// Notes an id, for so long at least.
    pub(super) fn note(&mut self, hash: u128, now: Instant, time: Duration) {
        if now - self.began >= time {
            let is_old = now - self.began >= time + time;
            let young = std::mem::take(&mut self.young);
            self.old = if is_old { HashSet::default() } else { young };
            self.began = now;
        }
        self.young.insert(hash);
    }

    pub(super) fn forget(&mut self, hash: u128) {
        self.young.remove(&hash);
        self.old.remove(&hash);
    }
}

impl Record for Newcomers {
    fn write(&self, out: &mut Vec<u8>) {
        self.began.write(out);
        for ids in [&self.young, &self.old] {
            let mut ids: Vec<u128> = ids.iter().copied().collect();
            ids.sort_unstable();
            ids.write(out);
        }
    }

    fn read(from: &mut Bytes<'_>) -> Result<Newcomers, Malformed> {
        let began = from.read()?;
        let (young, old): (Vec<u128>, Vec<u128>) = from.read()?;
        Ok(Newcomers { began, young: young.into_iter().collect(), old: old.into_iter().collect() })
    }
}
