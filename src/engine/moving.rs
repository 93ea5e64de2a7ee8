//! Users who go from one partition to another: two inputs, one in the journal of each, and a third once it is known that
//! what arrived is there for good.

use crate::definitions::Pinned;
use crate::engine::among::{Among, Transit, Traveller};
use crate::engine::homes::{Homes, Living, Place};
use crate::engine::input::Input;
use crate::engine::shard::Shard;
use crate::engine::shards::Shards;
use crate::engine::take::parse;
use crate::engine::transfer::{Arrival, Arriving, ids_of_traveller};
use crate::engine::versions::Versions;
use crate::engine::{Durability, Error, Outcome, Partition};
use crate::model::{Instant, Suppress};
use crate::profile::{KindName, NamedId};
use crate::storage;
use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Moves that are confirmed at once, where each partition has to reach the disk before.
const CONFIRMED_AT_ONCE: usize = 64;
/// Ids that are said to be elsewhere and are not there any more, before all of them are looked at.
const STALE_MAX: usize = 1_024;

/// What several partitions have that one does not need.
#[derive(Debug)]
pub(super) struct Several {
    pub(super) homes: Arc<Homes>,
    moving: Mutex<Moving>,
    /// What happened in some partitions where an input could not be written in another.
    pub(super) stray: Mutex<Option<Outcome>>,
}

/// What whoever moves users holds. Taken before any lock of a partition, and by nobody who has one.
#[derive(Debug, Default)]
pub(super) struct Moving {
    /// By partition, the number of the next move out of it.
    next: Vec<u64>,
    /// Users who were taken out and could not be put in yet: from where, and the number of the move.
    undelivered: Vec<(u16, u64)>,
    /// Moves that are not confirmed yet, each with where it came from and went to.
    delivered: Vec<(u16, u16, u64)>,
    /// How many ids were elsewhere as they were last looked at.
    away: usize,
    /// Why definitions hold in some partitions only.
    pub(super) uneven: Option<storage::Error>,
}

impl Several {
    pub(super) fn new(homes: Arc<Homes>) -> Several {
        let next = vec![1; usize::from(homes.count())];
        Several { homes, moving: Mutex::new(Moving { next, ..Moving::default() }), stray: Mutex::default() }
    }
}

impl Shards {
    /// Waits until no move is made, and delivers what could not be delivered.
    pub(super) fn stop_moves<'a>(&self, several: &'a Several) -> Result<MutexGuard<'a, Moving>, Error> {
        let mut moving = several.moving.lock();
        self.deliver(&mut moving)?;
        Ok(moving)
    }

    /// Moves whoever has an id, and everybody who goes where they go.
    pub(super) fn send(&self, moving: &mut Moving, (from, to): (u16, u16), id: NamedId) -> Result<(), Error> {
        let number = moving.next[usize::from(from)];
        self.of(from).outcome(Instant::MIN, Input::Extract { id, to, number })?;
        moving.next[usize::from(from)] += 1;
        moving.undelivered.push((from, number));
        self.deliver(moving)
    }

    /// Puts those in who were taken out.
    fn deliver(&self, moving: &mut Moving) -> Result<(), Error> {
        if moving.undelivered.is_empty() {
            return Ok(());
        }
        while let Some((from, number)) = moving.undelivered.first().copied() {
            let transit =
                self.of(from).read(|partition| partition.among.as_ref()?.transit.get(&number).cloned());
            // Nothing where nobody was there any more.
            if let Some(transit) = transit {
                let Transit { to, clock, arrivals, users, ties } = transit;
                let count = users.len();
                for (place, Traveller { bytes, .. }) in users.into_iter().enumerate() {
                    let arriving = Arriving { from, number, place, bytes };
                    self.of(to).outcome(Instant::MIN, Input::Arrive(Box::new(arriving)))?;
                }
                let arrival = Arrival { from, number, clock, arrivals, users: count, ties };
                self.of(to).outcome(Instant::MIN, Input::Absorb(Box::new(arrival)))?;
                moving.delivered.push((from, to, number));
            }
            moving.undelivered.remove(0);
        }
        match self.durability {
            Some(Durability::Memory | Durability::Written) if moving.delivered.len() < CONFIRMED_AT_ONCE => {
                Ok(())
            }
            _ => self.confirm(moving),
        }
    }

    /// Says of all who arrived that they did, once it is sure that a power cut does not take it back.
    pub(super) fn confirm(&self, moving: &mut Moving) -> Result<(), Error> {
        if self.durability.is_some_and(|level| level < Durability::Synced) {
            let mut to: Vec<u16> = moving.delivered.iter().map(|(_, to, _)| *to).collect();
            to.sort_unstable();
            to.dedup();
            to.into_iter().try_for_each(|to| self.of(to).sync())?;
        }
        while let Some((from, _, number)) = moving.delivered.last().copied() {
            self.of(from).outcome(Instant::MIN, Input::Confirm { number })?;
            moving.delivered.pop();
        }
        Ok(())
    }

    /// The same, where anything waits for it.
    pub(super) fn confirm_moves(&self) -> Result<(), Error> {
        match &self.several {
            Some(several) => self.confirm(&mut *self.stop_moves(several)?),
            None => Ok(()),
        }
    }

    /// Forgets where ids were that nobody has any more, now and then.
    pub(super) fn tidy_homes(&self, several: &Several, moving: &mut Moving) -> Result<(), Error> {
        let homes = &*several.homes;
        if homes.away() <= 2 * moving.away + STALE_MAX {
            return Ok(());
        }
        // Whoever is about to make a profile of one of them is let go first, and found.
        let suspended = homes.suspend(&self.living(homes));
        self.shards.iter().try_for_each(Shard::fence)?;
        homes.settle(suspended, &self.living(homes));
        moving.away = homes.away();
        Ok(())
    }

    /// All ids that are not at home, with where they are.
    fn living(&self, homes: &Homes) -> Living {
        let mut living = Living::default();
        for (number, shard) in self.numbered() {
            homes.note_living(number, &shard.partition.read().store, &mut living);
        }
        living
    }

    /// Says of all ids where they are, as an engine is opened. Gives those that are in two partitions, each with the one
    /// where it has no business to be.
    fn find_homes(&self, homes: &Homes) -> Vec<(NamedId, u16)> {
        let mut twice = Vec::new();
        homes.clear();
        for (number, shard) in self.numbered() {
            let store = &shard.partition.read().store;
            for user in store.keys() {
                for (kind, id) in store.named_ids(user) {
                    let home = homes.home(kind, id);
                    if home == number {
                        continue;
                    }
                    let other = match homes.place(kind, id) {
                        Place::At(other) if other != home => Some(other),
                        _ if self.has_at(home, number, (kind, id)) => Some(home),
                        _ => None,
                    };
                    match other {
                        Some(other) => {
                            let left = if self.is_behind(other) { other } else { number };
                            twice.push((NamedId::new(kind, id), left));
                        }
                        None => homes.put(kind, id, Place::At(number)),
                    }
                }
            }
        }
        twice
    }

    /// Whether an id is in a partition, while another one is looked at.
    fn has_at(&self, partition: u16, looked_at: u16, (kind, id): (KindName<'_>, &str)) -> bool {
        partition != looked_at && self.of(partition).read(|other| other.store.owner_named(kind, id).is_some())
    }

    /// Whether a power cut took from a partition that it sent somebody away who arrived.
    fn is_behind(&self, partition: u16) -> bool {
        let moved = self.of(partition).read(|own| own.among.as_ref().map_or(0, |among| among.moved));
        self.last_arrival(partition) > moved
    }

    /// The number of the latest move out of a partition that arrived anywhere.
    fn last_arrival(&self, from: u16) -> u64 {
        let arrived = |partition: &Partition| {
            partition.among.as_ref().map_or(0, |among| among.arrived[usize::from(from)])
        };
        self.shards.iter().map(|shard| shard.read(arrived)).max().unwrap_or(0)
    }
}

/// What a crash, or a power cut, left between partitions.
impl Shards {
    /// Brings to an end what was begun: whoever was on the way arrives, everybody is in one partition, and who is
    /// suppressed is so in all of them.
    pub(super) fn reconcile(&self) -> Result<(), Error> {
        let Some(several) = &self.several else { return Ok(()) };
        let moving = &mut *several.moving.lock();
        let homes = &*several.homes;
        for (from, shard) in self.numbered() {
            let (moved, transit) = shard.read(|partition| match partition.among.as_deref() {
                Some(among) => {
                    let transit = among.transit.iter().map(|(number, transit)| (*number, transit.to));
                    (among.moved, transit.collect::<Vec<_>>())
                }
                None => (0, Vec::new()),
            });
            moving.next[usize::from(from)] = moved.max(self.last_arrival(from)) + 1;
            for (number, to) in transit {
                let arrived = |among: &Among| among.arrived[usize::from(from)];
                if self.of(to).read(|there| there.among.as_deref().map_or(0, arrived)) < number {
                    self.even_out(from, to)?;
                    moving.undelivered.push((from, number));
                } else {
                    moving.delivered.push((from, to, number));
                }
            }
        }
        for (id, partition) in self.find_homes(homes).into_iter().chain(self.stranded(moving)) {
            self.of(partition).outcome(Instant::MIN, Input::LeaveBehind { id })?;
        }
        // What a partition has lost of its moves has been made up for, and does not count against it next time.
        for (number, shard) in self.numbered() {
            if self.is_behind(number) {
                shard.outcome(Instant::MIN, Input::Confirm { number: self.last_arrival(number) })?;
            }
        }
        self.find_homes(homes);
        self.deliver(moving)?;
        self.confirm(moving)?;
        moving.away = homes.away();
        self.share_suppressions()
    }

    /// Puts those definitions into force under which somebody is sent. None are newer: other definitions come only once
    /// all have arrived for good.
    fn even_out(&self, from: u16, to: u16) -> Result<(), Error> {
        let text = |partition: &Partition| {
            let pinned = partition.compiled.pinned.to_vec();
            partition.shelf.as_ref().map(|shelf| (shelf.definitions.clone(), pinned))
        };
        let (ours, theirs) = (self.of(from).read(text), self.of(to).read(text));
        let is_other = |text: &str, pinned: &[Pinned]| {
            theirs.as_ref().is_none_or(|((_, other), theirs)| {
                **other != *text || Versions::of(theirs) != Versions::of(pinned)
            })
        };
        match ours {
            Some(((file, text), pinned)) if is_other(&text, &pinned) => {
                let definitions = parse(file.as_deref(), &text)?;
                let clock = self.of(to).read(Partition::clock);
                self.of(to).redefine(&definitions, Some(pinned), clock).map(drop)
            }
            _ => Ok(()),
        }
    }

    /// Ids of users who are on the way, where others have them still: those went before, and a power cut took that back.
    fn stranded(&self, moving: &Moving) -> Vec<(NamedId, u16)> {
        let mut stranded = Vec::new();
        for (from, number) in &moving.undelivered {
            let ids = self.of(*from).read(|partition| {
                let transit = partition.among.as_ref()?.transit.get(number)?;
                Some(transit.users.iter().flat_map(|user| ids_of_traveller(&user.bytes)).collect::<Vec<_>>())
            });
            for id in ids.unwrap_or_default() {
                let (kind, text) = id.get();
                for (other, shard) in self.numbered() {
                    if shard.read(|partition| partition.store.owner_named(kind, text).is_some()) {
                        stranded.push((id.clone(), other));
                    }
                }
            }
        }
        stranded
    }

    /// Whoever is suppressed in one partition is so in all: a crash may have come between.
    fn share_suppressions(&self) -> Result<(), Error> {
        let mut all = BTreeMap::new();
        for shard in &self.shards {
            shard.read(|partition| all.extend(partition.suppressions.iter()));
        }
        for shard in &self.shards {
            let mut missing: BTreeMap<(u128, Option<Instant>), Vec<u128>> = BTreeMap::new();
            shard.read(|partition| {
                let all = all.iter().filter(|(hash, _)| !partition.suppressions.has(**hash));
                all.for_each(|(hash, of)| missing.entry(*of).or_default().push(*hash));
            });
            for ((of, until), hashes) in missing {
                let suppress = until.map_or(Suppress::Forever, Suppress::Until);
                shard.outcome(Instant::MIN, Input::Forgotten { of, hashes, suppress })?;
            }
        }
        Ok(())
    }
}
