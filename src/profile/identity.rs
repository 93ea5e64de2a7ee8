use crate::model::{Pages, Quoted, record_choice};
use crate::profile::UserKey;
use hashbrown::HashTable;
use std::sync::Arc;

/// What an id names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(crate) enum IdKind {
    /// The host's own id of a user: strong, one a profile.
    User,
    /// A browser or device: weak.
    Anonymous,
}

record_choice! {
    IdKind { 0 => User, 1 => Anonymous }
}

/// Why ids were not linked. The message changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// An alias would join two profiles, or rename one, that the host knows as users.
    #[error("{} is itself a user, so it cannot become {}: a user keeps its id for ever", Quoted(.previous), Quoted(.user))]
    TwoUsers {
        /// The `previousId` of the message.
        previous: Box<str>,
        /// The `userId` of the message.
        user: Box<str>,
    },
}

/// Which profile owns which id. Each id has one owner and one entry.
#[derive(Debug, Default)]
pub(crate) struct IdTable {
    entries: Pages<Option<Id>>,
    numbers: HashTable<u32>,
    free: Vec<u32>,
    hasher: ahash::RandomState,
}

#[derive(Debug)]
struct Id {
    kind: IdKind,
    text: Arc<str>,
    owner: UserKey,
}

impl IdTable {
    fn get(&self, number: u32) -> &Id {
        self.entries[number as usize].as_ref().expect("numbers of removed ids are dropped with them")
    }

    pub(crate) fn number(&self, kind: IdKind, text: &str) -> Option<u32> {
        let hash = self.hasher.hash_one((kind, text));
        self.numbers
            .find(hash, |n| {
                let id = self.get(*n);
                id.kind == kind && *id.text == *text
            })
            .copied()
    }

    pub(crate) fn owner(&self, kind: IdKind, text: &str) -> Option<UserKey> {
        self.number(kind, text).map(|number| self.owner_of(number))
    }

    pub(crate) fn owner_of(&self, number: u32) -> UserKey {
        self.get(number).owner
    }

    pub(crate) fn entry(&self, number: u32) -> (IdKind, &str) {
        let id = self.get(number);
        (id.kind, &id.text)
    }

    /// Makes room for so many more ids, so that the table does not grow step by step.
    pub(crate) fn reserve(&mut self, more: usize) {
        let (entries, hasher) = (&self.entries, &self.hasher);
        self.numbers.reserve(more, |n| {
            let id = entries[*n as usize].as_ref().expect("the table holds live ids only");
            hasher.hash_one((id.kind, &*id.text))
        });
    }

    /// Enters an id that is not there yet.
    pub(crate) fn insert(&mut self, kind: IdKind, text: Arc<str>, owner: UserKey) -> u32 {
        let hash = self.hasher.hash_one((kind, &*text));
        let id = Some(Id { kind, text, owner });
        let number = if let Some(number) = self.free.pop() {
            self.entries[number as usize] = id;
            number
        } else {
            self.entries.push(id);
            u32::try_from(self.entries.len() - 1).expect("ids exceed any memory before this")
        };
        let (entries, hasher) = (&self.entries, &self.hasher);
        self.numbers.insert_unique(hash, number, |n| {
            let id = entries[*n as usize].as_ref().expect("the table holds live ids only");
            hasher.hash_one((id.kind, &*id.text))
        });
        number
    }

    pub(crate) fn set_owner(&mut self, number: u32, owner: UserKey) {
        self.entries[number as usize].as_mut().expect("numbers of removed ids are dropped with them").owner =
            owner;
    }

    pub(crate) fn remove(&mut self, number: u32) {
        let id = self.entries[number as usize].take().expect("an id is removed once");
        let hash = self.hasher.hash_one((id.kind, &*id.text));
        if let Ok(found) = self.numbers.find_entry(hash, |n| *n == number) {
            found.remove();
        }
        self.free.push(number);
    }
}
