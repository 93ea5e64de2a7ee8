use crate::model::{Bytes, Ids, Instant, Malformed, Message, Record, Suppress, record, stable_hash};
use crate::profile::KindName;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Makes hashes of ids that only whoever knows id and salt can make again.
///
/// It follows from the seed of the first definitions and stays: what was hashed has to be found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Salt(pub(crate) u128);

impl Salt {
    pub(crate) fn new(seed: u64) -> Salt {
        Salt(stable_hash(&[b"salt", &seed.to_le_bytes()]))
    }

    /// Of a declared kind the name counts, which is the same in each partition and under all definitions.
    pub(crate) fn hash(self, kind: KindName<'_>, id: &str) -> u128 {
        let salt = self.0.to_le_bytes();
        match kind {
            KindName::User => stable_hash(&[b"subject", &salt, b"user", id.as_bytes()]),
            KindName::Anonymous => stable_hash(&[b"subject", &salt, b"anonymous", id.as_bytes()]),
            KindName::Declared(name) => {
                stable_hash(&[b"subject", &salt, b"declared", name.as_bytes(), id.as_bytes()])
            }
        }
    }

    /// The hashes of the ids by which a message would bring somebody back: the user, and else the device, and else all
    /// others, because a device, or a weak id, may have another user by now. And whatever there is besides, those of a
    /// kind for which `is_strong`, which have not.
    fn of_message<'m>(
        self,
        message: &'m Message,
        is_strong: impl Fn(&str) -> bool + 'm,
    ) -> impl Iterator<Item = u128> + 'm {
        let Ids { user, anonymous, declared } = &message.ids;
        let named = match (user, anonymous) {
            (Some(user), _) => Some(self.hash(KindName::User, user)),
            (None, Some(device)) => Some(self.hash(KindName::Anonymous, device)),
            (None, None) => None,
        };
        let is_alone = named.is_none();
        let declared = declared.iter().filter(move |(kind, _)| is_alone || is_strong(kind));
        let declared = declared.map(move |(kind, id)| self.hash(KindName::Declared(kind), id));
        let kinds = [KindName::User, KindName::Anonymous];
        let previous = message.previous_id().into_iter().flat_map(move |id| kinds.map(|kind| (kind, id)));
        named.into_iter().chain(declared).chain(previous.map(move |(kind, id)| self.hash(kind, id)))
    }
}

/// Erased users who may not come back, as salted hashes of their ids.
///
/// Invariant: `ends` lists those in `known` that have an end, `together` all of them, and neither anything else.
#[derive(Debug, Clone, Default)]
pub(crate) struct Suppressions {
    known: BTreeMap<u128, Suppressed>,
    ends: BTreeSet<(Instant, u128)>,
    /// By person.
    together: BTreeSet<(u128, u128)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Suppressed {
    /// None for ever.
    until: Option<Instant>,
    /// The hash of the name that the person had.
    of: u128,
}

record! { Suppressed { until, of } }

impl Suppressions {
    /// Notes what was asked of a person's ids last.
    pub(crate) fn set(&mut self, of: u128, hashes: &[u128], suppress: Suppress) {
        let until = match suppress {
            Suppress::No => return hashes.iter().for_each(|hash| self.drop(*hash)),
            Suppress::Until(at) => Some(at),
            Suppress::Forever => None,
        };
        hashes.iter().for_each(|hash| self.put(*hash, Suppressed { until, of }));
    }

    fn put(&mut self, hash: u128, new: Suppressed) {
        self.drop(hash);
        self.known.insert(hash, new);
        self.together.insert((new.of, hash));
        self.ends.extend(new.until.map(|end| (end, hash)));
    }

    fn drop(&mut self, hash: u128) {
        if let Some(Suppressed { until, of }) = self.known.remove(&hash) {
            self.together.remove(&(of, hash));
            until.map(|end| self.ends.remove(&(end, hash)));
        }
    }

    /// Drops what has ended.
    pub(crate) fn end(&mut self, now: Instant) {
        while let Some((_, hash)) = self.ends.first().copied().filter(|(end, _)| *end <= now) {
            self.drop(hash);
        }
    }

    /// The ids that are suppressed because the person is who had this one.
    pub(crate) fn of_person(&self, hash: u128) -> impl Iterator<Item = u128> + '_ {
        let of = self.known.get(&hash).map(|known| known.of);
        of.into_iter().flat_map(|of| self.together.range((of, 0)..=(of, u128::MAX)).map(|(_, hash)| *hash))
    }

    /// Until when a message is refused, if it is; none within for ever. `is_strong` tells which kinds of ids are of one
    /// person for ever. `now` may be later than the clock.
    pub(crate) fn refuse(
        &self,
        message: &Message,
        is_strong: impl Fn(&str) -> bool,
        salt: Salt,
        now: Instant,
    ) -> Option<Option<Instant>> {
        if self.known.is_empty() {
            return None;
        }
        let found = salt.of_message(message, is_strong).filter_map(|hash| Some(self.known.get(&hash)?.until));
        let holds = |until: &Option<Instant>| until.is_none_or(|until| now < until);
        found.filter(holds).max_by_key(|until| until.unwrap_or(Instant::MAX))
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    pub(crate) fn has(&self, hash: u128) -> bool {
        self.known.contains_key(&hash)
    }

    /// What is suppressed, with whose it is, and until when; none for ever.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u128, (u128, Option<Instant>))> + '_ {
        self.known.iter().map(|(hash, Suppressed { until, of })| (*hash, (*of, *until)))
    }

    /// Everything, for a digest of the state.
    pub(crate) fn state(&self) -> impl Serialize {
        let row = |(hash, (of, until)): (u128, (u128, Option<Instant>))| {
            (format!("{hash:032x}"), until, format!("{of:032x}"))
        };
        self.iter().map(row).collect::<Vec<_>>()
    }
}

impl Record for Suppressions {
    fn write(&self, out: &mut Vec<u8>) {
        self.known.len().write(out);
        self.known.iter().for_each(|(hash, known)| (*hash, *known).write(out));
    }

    fn read(from: &mut Bytes<'_>) -> Result<Suppressions, Malformed> {
        let mut all = Suppressions::default();
        for (hash, known) in Vec::<(u128, Suppressed)>::read(from)? {
            all.put(hash, known);
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_back_and_ends_are_ends() {
        let (salt, at) = (Salt::new(7), Instant::from_millis);
        let mut all = Suppressions::default();
        let hash = |id: &str| salt.hash(KindName::User, id);
        all.set(hash("ada"), &[hash("ada"), hash("phone")], Suppress::Until(at(10)));
        all.set(hash("bob"), &[hash("bob")], Suppress::Forever);
        all.set(hash("eve"), &[hash("eve")], Suppress::Until(at(5)));
        all.set(hash("eve"), &[hash("eve")], Suppress::No);
        assert_eq!(all.of_person(hash("ada")).count(), 2);
        all.set(hash("ada"), &[hash("phone")], Suppress::No);
        all.set(hash("ada"), &[hash("ada")], Suppress::Until(at(20)));
        let mut bytes = Vec::new();
        all.write(&mut bytes);
        let mut read = Bytes::new(&bytes).read::<Suppressions>().unwrap();
        for all in [&mut all, &mut read] {
            let refused = |all: &Suppressions, id: &str, now| {
                all.refuse(&Message::track(id, "x"), |_| false, salt, at(now))
            };
            assert_eq!(refused(all, "eve", 0), None);
            assert_eq!(refused(all, "ada", 19), Some(Some(at(20))));
            assert_eq!(refused(all, "ada", 20), None);
            assert_eq!(refused(all, "bob", 99), Some(None));
            assert_eq!(all.refuse(&Message::track(Ids::anonymous("bob"), "x"), |_| false, salt, at(0)), None);
            assert_eq!(all.refuse(&Message::alias("bob", "new"), |_| false, salt, at(0)), Some(None));
            all.end(at(19));
            assert_eq!(all.len(), 2);
            all.end(at(20));
            assert_eq!((all.len(), all.ends.len()), (1, 0));
        }
    }
}
