//! Which partition a message or a question goes to.
//!
//! Most messages name ids that are all in one partition: they go there at once, and that partition makes sure of it in its
//! turn. For the others everybody whom they name is brought to one partition first.

use crate::engine::homes::Place;
use crate::engine::input::Input;
use crate::engine::moving::{Moving, Several};
use crate::engine::shards::Shards;
use crate::engine::{Error, Outcome, Partition, Unknown};
use crate::model::{Body, Instant, Message, stable_hash};
use crate::profile::{KindName, NamedId, ids_named};
use smallvec::SmallVec;

/// How often ids are brought together that others take apart meanwhile.
const TRIES_MAX: usize = 32;

/// An id that a message names, and where it was found.
struct Found<'m> {
    id: (KindName<'m>, &'m str),
    place: u16,
    /// Of how many profiles the cluster is whose it is; 0 where it is nobody's.
    company: usize,
}

/// Whether somebody has an id.
enum Sight {
    There(u16),
    Nobody,
    Moving,
}

impl Shards {
    /// Takes a message in, wherever it belongs.
    pub(super) fn ingest(&self, message: &Message, now: Instant) -> Result<Outcome, Error> {
        let Some(several) = &self.several else { return self.first().ingest(message, now) };
        match message.body {
            Body::Forget { .. } => return self.forget(several, message, now),
            _ if message.body.is_for_everyone() => {
                return self.everywhere(several, |shard, now| shard.ingest(message, now), now);
            }
            _ => {}
        }
        if let Some((kind, id)) = ids_named(message).first()
            && let Place::At(partition) = several.homes.place(*kind, id)
        {
            match self.of(partition).ingest(message, now) {
                Err(Error::Apart) => {}
                answer => return answer,
            }
        }
        self.ingest_together(several, message, now)
    }

    /// Takes messages in, in their order as far as any two have to do with one another.
    pub(super) fn ingest_all(&self, messages: &[Message], now: Instant) -> Vec<Result<Outcome, Error>> {
        let Some(several) = &self.several else { return self.first().ingest_all(messages, now) };
        let mut answers: Vec<Option<Result<Outcome, Error>>> = messages.iter().map(|_| None).collect();
        let mut picked: Vec<Vec<usize>> = vec![Vec::new(); self.shards.len()];
        for (place, message) in messages.iter().enumerate() {
            match self.plain_place(several, message, now) {
                Some(partition) => picked[usize::from(partition)].push(place),
                None => {
                    self.ingest_picked(messages, &mut picked, now, &mut answers);
                    answers[place] = Some(self.ingest(message, now));
                }
            }
        }
        self.ingest_picked(messages, &mut picked, now, &mut answers);
        answers.into_iter().flatten().collect()
    }

    /// The partition in which all ids of a message are, as far as can be told before its turn.
    fn plain_place(&self, several: &Several, message: &Message, now: Instant) -> Option<u16> {
        if matches!(message.body, Body::Forget { .. }) || message.body.is_for_everyone() {
            return None;
        }
        let (kind, id) = *ids_named(message).first()?;
        let Place::At(partition) = several.homes.place(kind, id) else { return None };
        let is_plain = self.of(partition).read(|there| there.check_place(message, now).is_ok());
        is_plain.then_some(partition)
    }

    fn ingest_picked(
        &self,
        messages: &[Message],
        picked: &mut [Vec<usize>],
        now: Instant,
        answers: &mut [Option<Result<Outcome, Error>>],
    ) {
        for (shard, places) in self.shards.iter().zip(picked) {
            let places = std::mem::take(places);
            if places.is_empty() {
                continue;
            }
            let own = places.iter().map(|place| &messages[*place]).collect();
            for (place, answer) in places.iter().zip(shard.ingest_picked(own, now)) {
                answers[*place] = Some(match answer {
                    // Somebody was moved meanwhile.
                    Err(Error::Apart) => self.ingest(&messages[*place], now),
                    answer => answer,
                });
            }
        }
    }

    /// Brings everybody whom a message names to one partition, and has it taken in there.
    fn ingest_together(&self, several: &Several, message: &Message, now: Instant) -> Result<Outcome, Error> {
        // Nobody is moved for what is refused.
        message.check()?;
        let moving = &mut *self.stop_moves(several)?;
        if let Some(error) = &moving.uneven {
            return Err(error.clone().into());
        }
        self.tidy_homes(several, moving)?;
        for _ in 0..TRIES_MAX {
            let partition = self.bring_together(several, moving, message)?;
            let unseen = self.tell_seen(message, partition, now)?;
            match several.homes.with_unseen(unseen, || self.of(partition).ingest(message, now)) {
                Err(Error::Apart) => {}
                answer => return answer,
            }
        }
        Err(Error::Apart)
    }

    /// Moves everybody whom a message names to one partition, and says of ids that nobody has that they are there.
    fn bring_together(
        &self,
        several: &Several,
        moving: &mut Moving,
        message: &Message,
    ) -> Result<u16, Error> {
        let homes = &several.homes;
        for _ in 0..TRIES_MAX {
            let found: SmallVec<[Found<'_>; 4]> =
                ids_named(message).into_iter().map(|id| self.find(several, id)).collect();
            // Where most of them are; among as many, where the strongest id is.
            let most = found.iter().rev().max_by_key(|found| found.company).filter(|found| found.company > 0);
            let to = match most {
                Some(most) => most.place,
                None => {
                    let id = self.first().read(|partition| strongest(partition, message));
                    found.iter().find(|found| found.id == id).map_or(0, |found| found.place)
                }
            };
            let away: SmallVec<[&Found<'_>; 4]> = found.iter().filter(|found| found.place != to).collect();
            if away.is_empty() {
                return Ok(to);
            }
            for Found { id: (kind, id), place, company } in away {
                if *company > 0 {
                    self.send(moving, (*place, to), NamedId::new(*kind, id))?;
                    continue;
                }
                // Whoever is about to make a profile of it there is let go first.
                homes.put(*kind, id, Place::Moving);
                self.of(*place).fence()?;
                let is_made = self.of(*place).read(|there| there.store.owner_named(*kind, id).is_some());
                homes.put(*kind, id, Place::At(if is_made { *place } else { to }));
            }
        }
        Err(Error::Apart)
    }

    fn find<'m>(&self, several: &Several, (kind, id): (KindName<'m>, &'m str)) -> Found<'m> {
        let place = match several.homes.place(kind, id) {
            Place::At(place) => place,
            // Nobody is on the way now: nobody has it.
            Place::Moving => several.homes.home(kind, id),
        };
        let named = NamedId::new(kind, id);
        let company = self.of(place).read(|there| there.company(&named).len());
        Found { id: (kind, id), place, company }
    }

    /// Sees to it that a message is known as seen where it goes, if any partition has seen it. Gives by what it is known
    /// where none has.
    pub(super) fn tell_seen(&self, message: &Message, to: u16, now: Instant) -> Result<Option<u128>, Error> {
        let Some(id) = message.message_id.as_deref() else { return Ok(None) };
        let hash = stable_hash(&[id.as_bytes()]);
        let knows = |partition: &Partition| partition.seen.knows(id, now);
        if !self.of(to).read(knows) && self.shards.iter().any(|shard| shard.read(knows)) {
            self.of(to).outcome(now, Input::Seen { message: hash })?;
        }
        Ok(Some(hash))
    }

    /// The partition in which a user is looked at, by an id of any kind.
    pub(super) fn locate(&self, several: &Several, id: &str) -> Result<u16, Error> {
        loop {
            let before = several.homes.moves();
            let mut is_moving = false;
            for kind in [KindName::User, KindName::Anonymous] {
                match self.has(several, (kind, id)) {
                    Sight::There(place) => return Ok(place),
                    Sight::Nobody => {}
                    Sight::Moving => is_moving = true,
                }
            }
            let kinds: Vec<String> = self.first().read(|partition| {
                let declared = partition.store.kinds_to_find().filter_map(|kind| match kind {
                    KindName::Declared(name) => Some(name.to_owned()),
                    KindName::User | KindName::Anonymous => None,
                });
                declared.collect()
            });
            for kind in &kinds {
                match self.has(several, (KindName::Declared(kind), id)) {
                    Sight::There(place) => return Ok(place),
                    Sight::Nobody => {}
                    Sight::Moving => is_moving = true,
                }
            }
            if is_moving {
                drop(self.stop_moves(several)?);
            }
            if several.homes.moves() == before {
                return Ok(several.homes.home(KindName::User, id));
            }
        }
    }

    fn has(&self, several: &Several, (kind, id): (KindName<'_>, &str)) -> Sight {
        match several.homes.place(kind, id) {
            Place::Moving => Sight::Moving,
            Place::At(place) => {
                let is_there = self.of(place).read(|there| there.store.owner_named(kind, id).is_some());
                if is_there { Sight::There(place) } else { Sight::Nobody }
            }
        }
    }

    /// Looks at a user.
    pub(super) fn read_user<T>(&self, id: &str, look: impl Fn(&Partition) -> T) -> Result<T, Error> {
        let Some(several) = &self.several else { return self.first().read_user(id, look) };
        loop {
            let before = several.homes.moves();
            let place = self.locate(several, id)?;
            let look = |partition: &Partition| (look(partition), partition.store.find(id).is_some());
            let (answer, is_there) = self.of(place).read_user(id, look)?;
            // Else somebody may have moved the user between the two looks.
            if is_there || several.homes.moves() == before {
                return Ok(answer);
            }
        }
    }

    /// Gives an input to the partition of a user.
    pub(super) fn submit_of_user(
        &self,
        user: &str,
        now: Instant,
        input: impl Fn() -> Input,
    ) -> Result<Outcome, Error> {
        let Some(several) = &self.several else { return self.first().outcome(now, input()) };
        loop {
            let before = several.homes.moves();
            let place = self.locate(several, user)?;
            match self.of(place).outcome(now, input()) {
                Err(Error::Unknown(Unknown { what: "user", .. })) if several.homes.moves() != before => {}
                answer => return answer,
            }
        }
    }

    /// The partition of the user whom an erasure names, or in which it is noted that there was none.
    pub(super) fn place_to_forget(&self, several: &Several, message: &Message) -> u16 {
        let place = |id: &(KindName<'_>, &str)| match self.has(several, *id) {
            Sight::There(place) => Some(place),
            Sight::Nobody | Sight::Moving => None,
        };
        // A card may have the id of a user, and is another's.
        if let Some(user) = &message.ids.user {
            let ids = [KindName::User, KindName::Anonymous].map(|kind| (kind, &**user));
            return ids.iter().find_map(place).unwrap_or_else(|| several.homes.home(ids[0].0, user));
        }
        let ids = ids_named(message);
        let named = match &message.ids.anonymous {
            Some(_) => &ids[..1],
            None => &ids[..],
        };
        let (kind, id) = ids.first().copied().unwrap_or((KindName::User, ""));
        named.iter().find_map(place).unwrap_or_else(|| several.homes.home(kind, id))
    }
}

/// The strongest id of a message.
fn strongest<'m>(partition: &Partition, message: &'m Message) -> (KindName<'m>, &'m str) {
    let ids = ids_named(message);
    let strong = match message.ids.user {
        Some(_) => None,
        None => ids.iter().find(|(kind, _)| partition.store.is_strong(*kind)),
    };
    strong.or(ids.first()).copied().unwrap_or((KindName::User, ""))
}
