//! Users who go to another partition, and come from one: their ids, the devices that they share, and what can be undone.
//!
//! Numbers of users and of kinds of ids are a store's own, so what goes names ids by their kinds' names, and users by
//! their places among those who go together.

use crate::model::{Body, Bytes, Instant, Malformed, Message, Record, write_text};
use crate::profile::devices::{Device, Had, SOMEBODY, is_late};
use crate::profile::link::Kind;
use crate::profile::profiles::Away;
use crate::profile::{IdKind, IdKindRule, ProfileStore, UserKey};
use smallvec::SmallVec;
use smol_str::SmolStr;
use std::collections::BTreeSet;

/// What an id names, as all partitions know it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum KindName<'a> {
    User,
    Anonymous,
    /// One that definitions declare, or did.
    Declared(&'a str),
}

impl<'a> KindName<'a> {
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        match self {
            KindName::User => out.push(0),
            KindName::Anonymous => out.push(1),
            KindName::Declared(name) => {
                out.push(2);
                write_text(name, out);
            }
        }
    }

    pub(crate) fn read(from: &mut Bytes<'a>) -> Result<KindName<'a>, Malformed> {
        match u8::read(from)? {
            0 => Ok(KindName::User),
            1 => Ok(KindName::Anonymous),
            2 => Ok(KindName::Declared(from.text()?)),
            _ => Err(from.malformed("a kind of id")),
        }
    }
}

/// An id with its kind, in an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedId {
    kind: NamedKind,
    id: Box<str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum NamedKind {
    User,
    Anonymous,
    Declared(Box<str>),
}

impl NamedId {
    pub(crate) fn new(kind: KindName<'_>, id: &str) -> NamedId {
        let kind = match kind {
            KindName::User => NamedKind::User,
            KindName::Anonymous => NamedKind::Anonymous,
            KindName::Declared(name) => NamedKind::Declared(name.into()),
        };
        NamedId { kind, id: id.into() }
    }

    pub(crate) fn get(&self) -> (KindName<'_>, &str) {
        let kind = match &self.kind {
            NamedKind::User => KindName::User,
            NamedKind::Anonymous => KindName::Anonymous,
            NamedKind::Declared(name) => KindName::Declared(name),
        };
        (kind, &self.id)
    }
}

impl Record for NamedId {
    fn write(&self, out: &mut Vec<u8>) {
        let (kind, id) = self.get();
        kind.write(out);
        write_text(id, out);
    }

    fn read(from: &mut Bytes<'_>) -> Result<NamedId, Malformed> {
        let kind = KindName::read(from)?;
        Ok(NamedId::new(kind, from.text()?))
    }
}

/// All ids that a message names, the strongest first.
pub(crate) fn ids_named(message: &Message) -> SmallVec<[(KindName<'_>, &str); 4]> {
    let mut named = SmallVec::new();
    named.extend(message.ids.user.iter().map(|id| (KindName::User, &**id)));
    if let Body::Alias { previous_id } | Body::Merge { previous_id, .. } = &message.body {
        named.extend([(KindName::User, &**previous_id), (KindName::Anonymous, previous_id)]);
    }
    named.extend(message.ids.anonymous.iter().map(|id| (KindName::Anonymous, &**id)));
    named.extend(message.ids.declared.iter().map(|(kind, id)| (KindName::Declared(kind), &**id)));
    named
}

impl ProfileStore {
    fn kind_named(&self, kind: KindName<'_>) -> Option<IdKind> {
        match kind {
            KindName::User => Some(IdKind::User),
            KindName::Anonymous => Some(IdKind::Anonymous),
            KindName::Declared(name) => {
                let number = self.linking.kinds.iter().position(|kind| *kind.rule.name == *name)?;
                Some(IdKind::Declared(number as u16))
            }
        }
    }

    fn name_of_kind(&self, kind: IdKind) -> KindName<'_> {
        match kind {
            IdKind::User => KindName::User,
            IdKind::Anonymous => KindName::Anonymous,
            IdKind::Declared(number) => KindName::Declared(self.kind_name(number)),
        }
    }

    /// The kinds under which an id is looked for that comes without one, in order.
    pub(crate) fn kinds_to_find(&self) -> impl Iterator<Item = KindName<'_>> {
        let declared = self.linking.kinds.iter().map(|kind| KindName::Declared(&kind.rule.name));
        [KindName::User, KindName::Anonymous].into_iter().chain(declared)
    }

    /// Whether an id of that kind is the id of one person for ever.
    pub(crate) fn is_strong(&self, kind: KindName<'_>) -> bool {
        match kind {
            KindName::User => true,
            KindName::Anonymous => false,
            KindName::Declared(name) => {
                let kind = self.linking.kinds.iter().find(|kind| *kind.rule.name == *name);
                kind.is_some_and(|kind| kind.rule.is_strong)
            }
        }
    }

    /// Whose an id is.
    pub(crate) fn owner_named(&self, kind: KindName<'_>, id: &str) -> Option<UserKey> {
        self.ids.owner(self.kind_named(kind)?, id)
    }

    /// The ids of a profile, with what they are, also while it is away.
    pub(crate) fn named_ids(&self, user: UserKey) -> impl Iterator<Item = (KindName<'_>, &str)> {
        self.ids(user).map(|(kind, id)| (self.name_of_kind(kind), id))
    }

    /// Everybody who has to be where a user is: to whom a device belonged lately that is one of theirs too, and its
    /// visitor, and so on. In the order of their numbers. O(devices of theirs).
    pub(crate) fn cluster(&self, root: UserKey, now: Instant) -> Vec<UserKey> {
        let mut all = BTreeSet::from([root]);
        let mut open = vec![root];
        while let Some(user) = open.pop() {
            for number in self.linking.devices.of(user, self.profiles.ids(user)) {
                let device = self.linking.devices.get(number);
                let tied = device.map(|device| self.tied(number, device, now)).unwrap_or_default();
                if tied.contains(&user) {
                    open.extend(tied.into_iter().filter(|other| all.insert(*other)));
                }
            }
        }
        all.into_iter().collect()
    }

    /// Those whom a device ties together.
    fn tied(&self, number: u32, device: &Device, now: Instant) -> SmallVec<[UserKey; 4]> {
        let had = device.owners.iter().chain(&device.sharers).filter(|had| is_late(had, now));
        let users = had.map(|(id, _)| self.ids.owner_of(*id));
        users.chain(device.visitor).chain([self.ids.owner_of(number)]).collect()
    }

    /// Writes what is known of the devices of a cluster, in order.
    pub(crate) fn write_ties(&self, cluster: &[UserKey], now: Instant, out: &mut Vec<u8>) {
        let place = |user: UserKey| cluster.binary_search(&user).ok();
        let had = |(number, at): &Had| {
            let holder = place(self.ids.owner_of(*number))?;
            let ids = self.profiles.ids(cluster[holder]);
            Some(((holder, ids.iter().position(|id| id == number)?), *at))
        };
        let mut rows: Vec<Tie> = Vec::new();
        for (holder, user) in cluster.iter().enumerate() {
            for (id, number) in self.profiles.ids(*user).iter().enumerate() {
                let Some(device) = self.linking.devices.get(*number) else { continue };
                // Whose it was long ago may stay behind.
                let owners = device.owners.iter().filter(|had| is_late(had, now)).filter_map(had);
                let sharers = device.sharers.iter().map(|own| is_late(own, now).then(|| had(own)).flatten());
                let visitor = device.visitor.and_then(place);
                rows.push(((holder, id), owners.collect(), visitor, sharers.collect()));
            }
        }
        rows.write(out);
    }

    /// Takes in what was written of the devices of a cluster, whose users `user` finds by their places; of those who are not
    /// there any more nothing is known.
    pub(crate) fn read_ties(
        &mut self,
        user: impl Fn(usize) -> Option<UserKey>,
        from: &mut Bytes<'_>,
    ) -> Result<(), Malformed> {
        let rows: Vec<Tie> = from.read()?;
        let number = |(holder, id): (usize, usize)| {
            let holder = user(holder)?;
            Some(self.profiles.ids(holder).get(id).copied())
        };
        let mut known = Vec::new();
        for (device, owners, visitor, sharers) in rows {
            let Some(device) = number(device) else { continue };
            let had = |(id, at): (IdPlace, Instant)| Some((number(id)??, at));
            let owners = owners.into_iter().filter_map(had).collect();
            let sharers = sharers.into_iter().filter_map(|sharer| match sharer {
                None => Some((SOMEBODY, Instant::MIN)),
                // Whoever was erased meanwhile shares nothing.
                Some(sharer) => had(sharer),
            });
            let device = device.ok_or_else(|| from.malformed("a device"))?;
            let visitor = visitor.and_then(&user);
            known.push((device, Device { owners, visitor, sharers: sharers.collect() }));
        }
        known.into_iter().for_each(|(number, device)| self.linking.devices.insert(number, device));
        Ok(())
    }

    /// When a user who is in memory absorbed what can be undone.
    pub(crate) fn undo_of(&self, user: UserKey) -> Vec<Instant> {
        let absorbed = self.get(user).parts().iter().filter_map(|part| part.absorbed);
        absorbed.filter(|at| self.linking.undo.contains(&(*at, user))).collect()
    }

    pub(crate) fn put_undo(&mut self, user: UserKey, instants: Vec<Instant>) {
        self.linking.undo.extend(instants.into_iter().map(|at| (at, user)));
    }

    /// Lets a user go who is in memory: everybody of the same cluster goes too.
    pub(crate) fn depart(&mut self, user: UserKey) {
        let profile = self.profiles.remove(user);
        self.rings.remove(&user);
        let linking = &mut self.linking;
        for at in profile.parts().iter().filter_map(|part| part.absorbed) {
            linking.undo.remove(&(at, user));
        }
        for number in &profile.ids {
            linking.devices.remove(*number);
        }
        linking.devices.part_with(&profile.ids);
        profile.ids.iter().for_each(|number| self.ids.remove(*number));
        profile.release(&mut self.symbols);
    }

    /// Makes room for a user who comes: away yet, with its name and ids.
    pub(crate) fn admit(&mut self, name: SmolStr, ids: &[(KindName<'_>, &str)]) -> UserKey {
        let user = self.profiles.admit(Away { name: name.clone(), ids: SmallVec::new() });
        let mut numbers = SmallVec::new();
        for (kind, id) in ids {
            let kind = self.kind_named(*kind).unwrap_or_else(|| self.add_kind(*kind));
            let text = if **id == *name { name.clone() } else { (*id).into() };
            let number = match self.ids.number(kind, id) {
                Some(number) => {
                    // Nobody has it: those who had it here were moved, or dropped as left behind.
                    debug_assert!(false, "an id is in one partition");
                    self.ids.set_owner(number, user);
                    number
                }
                None => self.ids.insert(kind, text, user),
            };
            numbers.push(number);
        }
        self.profiles.set_ids(user, numbers);
        user
    }

    /// A kind that these definitions never declared: its ids keep their owners.
    fn add_kind(&mut self, kind: KindName<'_>) -> IdKind {
        let KindName::Declared(name) = kind else { return IdKind::Anonymous };
        let rule = IdKindRule { name: name.into(), is_strong: false, limit: 1 };
        self.linking.kinds.push(Kind { rule, is_declared: false });
        IdKind::Declared(self.linking.kinds.len() as u16 - 1)
    }
}

/// The place of an id's user, and its place among the ids of that one.
type IdPlace = (usize, usize);

/// A device, users to whom it belonged, its visitor, and who shared it with that one; nothing for somebody.
type Tie = (IdPlace, Vec<(IdPlace, Instant)>, Option<usize>, Vec<Option<(IdPlace, Instant)>>);
