//! Users who go to another partition, whole, and come from one: nothing is reported, because nothing happens to them.

use crate::engine::Partition;
use crate::engine::among::{Transit, Traveller};
use crate::engine::homes::Place;
use crate::engine::partition::{NEVER, UserRow};
use crate::model::{Bytes, Instant, Malformed, Record, Suppress, record, write_text};
use crate::profile::{KindName, NamedId, UserKey};
use crate::segment::SegmentId;
use crate::storage::{self, Slot};
use smallvec::SmallVec;
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// Users who come from another partition, each of whom is in an [`Arriving`] before it.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrival {
    pub(super) from: u16,
    pub(super) number: u64,
    pub(super) clock: Instant,
    pub(super) arrivals: u64,
    /// How many they are.
    pub(super) users: usize,
    pub(super) ties: Vec<u8>,
}

/// A user who comes from another partition: in an input of its own, so that it is sealed under its own key.
#[derive(Clone, Debug, PartialEq)]
pub struct Arriving {
    pub(super) from: u16,
    /// Of the move.
    pub(super) number: u64,
    /// Which of those it is who come together.
    pub(super) place: usize,
    pub(super) bytes: Vec<u8>,
}

record! {
    Arrival { from, number, clock, arrivals, users, ties }
    Arriving { from, number, place, bytes }
}

impl Partition {
    /// Everybody who goes where a user goes that has an id.
    pub(super) fn company(&self, id: &NamedId) -> Vec<UserKey> {
        let (kind, id) = id.get();
        let user = self.store.owner_named(kind, id);
        user.map_or_else(Vec::new, |user| self.store.cluster(user, self.clock))
    }

    /// Takes out whoever has an id, and everybody who goes where they go. They wait until it is known that they have
    /// arrived.
    pub(super) fn extract(&mut self, id: &NamedId, to: u16, number: u64) {
        self.store.begin_input();
        let company = self.company(id);
        company.iter().for_each(|user| self.touch(*user));
        let mut ties = Vec::new();
        self.store.write_ties(&company, self.clock, &mut ties);
        if let Some(among) = &self.among {
            among.homes.note_move();
        }
        let users: Vec<Traveller> = company.into_iter().map(|user| self.part_with(user)).collect();
        let (clock, arrivals) = (self.clock, self.store.arrivals);
        if let Some(among) = &mut self.among {
            among.moved = among.moved.max(number);
            if !users.is_empty() {
                among.transit.insert(number, Transit { to, clock, arrivals, users, ties });
            }
        }
    }

    /// Drops whoever has an id: they went long ago, and a power cut took that back.
    pub(super) fn leave_behind(&mut self, id: &NamedId) {
        self.store.begin_input();
        let (kind, id) = id.get();
        let Some(user) = self.store.owner_named(kind, id) else { return };
        self.touch(user);
        let Traveller { slots, .. } = self.part_with(user);
        if let Some(shelf) = &mut self.shelf {
            shelf.erased.extend(slots);
        }
    }

    /// Takes out all of a user who is in memory.
    fn part_with(&mut self, user: UserKey) -> Traveller {
        let mut bytes = Vec::new();
        let name = self.store.name(user).clone();
        write_text(&name, &mut bytes);
        let ids: Vec<(KindName<'_>, &str)> = self.store.named_ids(user).collect();
        ids.len().write(&mut bytes);
        for (kind, id) in &ids {
            kind.write(&mut bytes);
            crate::model::write_text(id, &mut bytes);
            if let Some(among) = &self.among {
                among.homes.put(*kind, id, Place::Moving);
            }
        }
        self.restricted.contains(&user).write(&mut bytes);
        let segments = 0..self.stats.len() as u32;
        let is_in = |number: &u32| self.members.contains(SegmentId(*number), user);
        segments.filter(is_in).collect::<Vec<u32>>().write(&mut bytes);
        self.store.undo_of(user).write(&mut bytes);
        // Items have other numbers there, so what was done last goes by itself.
        let learned = self.models.take_user(user);
        let mut record = Vec::new();
        self.write_user(user, &mut record);
        record.write(&mut bytes);
        self.journeys.write_actions_of(user, &mut bytes);
        self.models.write_traveller(user, learned, &mut bytes);
        self.take_stays(user, &name).write(&mut bytes);

        self.models.forget(user, &self.store, self.clock);
        self.members.forget(user);
        self.journeys.forget(user);
        self.restricted.remove(&user);
        self.store.depart(user);
        let slots: SmallVec<[Slot; 2]> =
            self.shelf.as_ref().map(|shelf| shelf.slots(user).collect()).unwrap_or_default();
        self.drop_from_shelf(user, None);
        if let Some(shelf) = &mut self.shelf {
            // What is sealed under them is still needed, as long as nobody knows that it has arrived.
            shelf.erased.retain(|slot| !slots.contains(slot));
        }
        Traveller { slots, bytes }
    }

    /// Ends the memberships of a user and reports nothing: how many there are of each segment is counted elsewhere from
    /// now on.
    fn take_stays(&mut self, user: UserKey, name: &str) -> Vec<(u32, u64)> {
        let row = std::mem::take(&mut self.users[user.0 as usize]);
        let mut changes = Vec::new();
        row.memberships.end(&self.compiled.plan, name, &mut self.store.symbols, self.clock, &mut changes);
        let mut stays: Vec<(u32, u64)> = Vec::new();
        for change in &changes {
            match stays.last_mut() {
                Some((segment, count)) if *segment == change.id.0 => *count += 1,
                _ => stays.push((change.id.0, 1)),
            }
        }
        for (segment, count) in &stays {
            self.stats[*segment as usize].entries -= count;
        }
        stays
    }

    /// Keeps a user until all are there who come together.
    pub(super) fn arrive(&mut self, arriving: &Arriving, slot: Slot) {
        self.store.begin_input();
        let Some(among) = &mut self.among else { return };
        let Arriving { from, number, place, .. } = *arriving;
        // A power cut may have left one of a move that is made again.
        let is_same =
            |(own, _): &mut (Arriving, Slot)| own.from == from && (own.number, own.place) >= (number, place);
        let left: Vec<Slot> = among.arriving.extract_if(.., is_same).map(|(_, slot)| slot).collect();
        among.arriving.push((arriving.clone(), slot));
        if let Some(shelf) = &mut self.shelf {
            shelf.erased.retain(|erased| *erased != slot);
            shelf.erased.extend(left.into_iter().filter(|left| *left != Slot::STORE));
        }
    }

    /// Takes in users who come from another partition; once, however often they are sent.
    pub(super) fn absorb(&mut self, arrival: &Arrival) {
        self.store.begin_input();
        let from = usize::from(arrival.from);
        let Some(among) = &mut self.among else { return };
        let Some(last) = among.arrived.get_mut(from).filter(|last| **last < arrival.number) else { return };
        *last = arrival.number;
        self.clock = self.clock.max(arrival.clock);
        // Whatever comes from now on comes behind what they bring.
        self.store.arrivals = self.store.arrivals.max(arrival.arrivals);
        let is_of_it = |(arriving, _): &mut (Arriving, Slot)| {
            (arriving.from, arriving.number) == (arrival.from, arrival.number)
        };
        let arriving: Vec<(Arriving, Slot)> = among.arriving.extract_if(.., is_of_it).collect();
        let coming: Vec<UserKey> = self.store.profiles.coming(arriving.len()).collect();
        coming.into_iter().for_each(|user| self.capture_before(user));
        // Whoever was forgotten since is not among them.
        let mut users: BTreeMap<usize, UserKey> = BTreeMap::new();
        for (Arriving { place, bytes, .. }, slot) in arriving {
            match self.take_in(slot, arrival.clock, &bytes) {
                Ok(user) => users.extend((place < arrival.users).then_some((place, user))),
                Err(error) => return self.fail(broken(error)),
            }
        }
        if let Err(error) =
            self.store.read_ties(|place| users.get(&place).copied(), &mut Bytes::new(&arrival.ties))
        {
            return self.fail(broken(error));
        }
        if let Some(among) = &self.among {
            among.homes.note_move();
        }
        for user in users.into_values() {
            self.note_newcomer(user);
            self.schedule(user, self.clock);
            self.weigh(user);
        }
    }

    fn take_in(&mut self, slot: Slot, clock: Instant, bytes: &[u8]) -> Result<UserKey, Malformed> {
        let from = &mut Bytes::new(bytes);
        let name = SmolStr::from(from.text()?);
        let mut ids = Vec::new();
        for _ in 0..from.len("ids")? {
            ids.push((KindName::read(from)?, from.text()?));
        }
        let is_restricted: bool = from.read()?;
        let segments: Vec<u32> = from.read()?;
        let undo: Vec<Instant> = from.read()?;

        let user = self.store.admit(name, &ids);
        self.make_room(user);
        self.users[user.0 as usize] = UserRow::default();
        let record: Vec<u8> = from.read()?;
        self.read_user(user, &record)?;
        self.journeys.take_in_actions(user, from)?;
        // They expire here.
        self.users[user.0 as usize].journey_due = self.journeys.deadline(user).unwrap_or(NEVER);
        self.models.read_traveller(user, &self.store, clock, from)?;
        for (segment, count) in from.read::<Vec<(u32, u64)>>()? {
            let stats = self.stats.get_mut(segment as usize).ok_or_else(|| from.malformed("a segment"))?;
            stats.entries += count;
        }
        from.end()?;

        self.store.put_undo(user, undo);
        if is_restricted {
            self.restricted.insert(user);
        }
        for number in 0..self.stats.len() as u32 {
            self.members.note(SegmentId(number), user, segments.binary_search(&number).is_ok());
        }
        if let Some(shelf) = &mut self.shelf {
            shelf.note_slot(user, slot);
        }
        self.touch(user);
        Ok(user)
    }

    /// Notes where the ids of a user are who came, and that messages may have been sent by them elsewhere.
    fn note_newcomer(&mut self, user: UserKey) {
        let time = self.settings.dedup_window + self.settings.dedup_window;
        let Partition { among, store, salt, clock, .. } = self;
        let Some(among) = among else { return };
        for (kind, id) in store.named_ids(user) {
            among.homes.put(kind, id, Place::At(among.number));
            among.newcomers.note(salt.hash(kind, id), *clock, time);
        }
    }

    /// Users have arrived for good: what is left of them here goes with the next checkpoint. A power cut may have taken
    /// from here that they went.
    pub(super) fn confirm(&mut self, number: u64) {
        let gone = self.among.as_mut().and_then(|among| {
            among.moved = among.moved.max(number);
            among.transit.remove(&number)
        });
        if let (Some(transit), Some(shelf)) = (gone, &mut self.shelf) {
            shelf.parted.extend(transit.users.into_iter().flat_map(|user| user.slots));
        }
    }

    /// Whether anything is another thing here once a user was forgotten in another partition.
    pub(super) fn hears_of_forgotten(&self, hashes: &[u128], suppress: Suppress) -> bool {
        let is_known = |hash: &u128| {
            self.suppressions.has(*hash)
                || self.among.as_ref().is_some_and(|among| among.newcomers.contains(*hash))
        };
        suppress != Suppress::No || hashes.iter().any(is_known)
    }

    /// A user was forgotten in another partition.
    pub(super) fn note_forgotten(&mut self, of: u128, hashes: &[u128], suppress: Suppress) {
        self.suppressions.set(of, hashes, suppress);
        if let Some(among) = &mut self.among {
            hashes.iter().for_each(|hash| among.newcomers.forget(*hash));
        }
        self.suppressions.end(self.clock);
    }

    /// A message was seen in another partition, before its user came here.
    pub(super) fn note_seen(&mut self, message: u128, now: Instant) {
        self.seen.note_hash(message, now.max(self.clock));
    }
}

fn broken(error: Malformed) -> storage::Error {
    storage::Error::corrupt("a user who comes from another partition", 0, error.to_string())
}

/// The ids of a user who is on the way.
pub(super) fn ids_of_traveller(bytes: &[u8]) -> Vec<NamedId> {
    let from = &mut Bytes::new(bytes);
    let read = |from: &mut Bytes<'_>| from.text().and_then(|_| from.read::<Vec<NamedId>>());
    read(from).unwrap_or_default()
}
