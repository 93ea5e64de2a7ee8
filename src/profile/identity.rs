use crate::model::{Bytes, Duration, Malformed, Numbers, Pages, Quoted, Record};
use crate::profile::UserKey;
use hashbrown::hash_table::Entry;
use serde::Serialize;
use smol_str::SmolStr;

/// Most ids that a profile may have.
pub(crate) const IDS_MAX: usize = 200;
/// Most profiles that one may take over within a day.
pub(super) const ABSORPTIONS_MAX: usize = 20;
/// Most users that a device may have belonged to within [`SHARED_FOR`].
pub(super) const OWNERS_MAX: usize = 5;
/// A device that belonged to two users within this time is shared.
pub(super) const SHARED_FOR: Duration = Duration::days(30);

/// What an id names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(crate) enum IdKind {
    /// The host's own id of a user: strong, one a profile, but for those that the host merged.
    User,
    /// A browser or device: weak.
    Anonymous,
    /// One that definitions declare, by the number that the store has for it.
    Declared(u16),
}

/// What definitions say of ids.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct IdentityRules {
    /// `device`: whose the events of a device are while nobody is signed in.
    pub(crate) device: DeviceRule,
    /// `undo_window`: how long what was absorbed is kept apart.
    pub(crate) undo_window: Duration,
    /// `[ids]`, in the order of the text.
    pub(crate) kinds: Vec<IdKindRule>,
}

impl Default for IdentityRules {
    fn default() -> IdentityRules {
        IdentityRules { device: DeviceRule::Owner, undo_window: Duration::days(30), kinds: Vec::new() }
    }
}

/// Whose the events of a device are that belongs to a user and names none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeviceRule {
    /// The owner's, until a session gap after their last message.
    Owner,
    /// Never the owner's: a kiosk.
    Separate,
}

/// A kind of ids that definitions declare.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct IdKindRule {
    pub(crate) name: Box<str>,
    /// Whether it is the id of one person for ever. Others may change hands.
    pub(crate) is_strong: bool,
    /// Most ids of the kind that a profile may have.
    pub(crate) limit: usize,
}

impl Record for IdKind {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            IdKind::User => out.push(0),
            IdKind::Anonymous => out.push(1),
            IdKind::Declared(number) => {
                out.push(2);
                number.write(out);
            }
        }
    }

    fn read(from: &mut Bytes<'_>) -> Result<IdKind, Malformed> {
        match u8::read(from)? {
            0 => Ok(IdKind::User),
            1 => Ok(IdKind::Anonymous),
            2 => Ok(IdKind::Declared(from.read()?)),
            _ => Err(from.malformed("a kind of id")),
        }
    }
}

/// Why ids were not linked or taken apart. The message changed nothing.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::{Engine, Error}, model::{Instant, Message}};
/// use bespoke::profile::IdentityError;
/// # let engine = Engine::builder(Definitions::from_toml("version = 1\n[events.view]")?).open()?;
/// # let now = Instant::from_millis(0);
/// engine.ingest(Message::track("ada", "view"), now)?;
/// engine.ingest(Message::track("ada-2", "view"), now)?;
/// let refused = engine.ingest(Message::alias("ada-2", "ada"), now); // a user keeps its id for ever
/// assert!(matches!(refused, Err(Error::Identity(IdentityError::TwoUsers { .. }))));
/// engine.ingest(Message::merge("ada-2", "ada", "ticket 812"), now)?;
/// assert_eq!(engine.user_count(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// An alias would join two profiles, or rename one, that the host knows as users.
    #[error("{} is itself a user, so it cannot become {}: a user keeps its id for ever; where they are one person, send `merge` with a reason", Quoted(.previous), Quoted(.user))]
    TwoUsers {
        /// The `previousId` of the message.
        previous: Box<str>,
        /// The `userId` of the message.
        user: Box<str>,
    },
    /// A merge would make a profile of more ids than one may have.
    #[error("{} and {} have more than {IDS_MAX} ids together; a profile has no more, so they stay apart", Quoted(.previous), Quoted(.user))]
    TooManyIds {
        /// The `previousId` of the message.
        previous: Box<str>,
        /// The `userId` of the message.
        user: Box<str>,
    },
    /// The profile has taken over others too often today.
    #[error("{} has taken over {ABSORPTIONS_MAX} profiles within a day, which are all that may be; send the merge again later", Quoted(.user))]
    TooManyMerges {
        /// The `userId` of the message.
        user: Box<str>,
    },
    /// A split names an id that the profile did not take over, or not lately, or that is another's since.
    #[error("{} was not absorbed by {} within the last {window} (`undo_window` in the settings), or has gone on since, so what it brought cannot be told apart", Quoted(.id), Quoted(.user))]
    NotAbsorbed {
        /// The id.
        id: Box<str>,
        /// The `userId` of the message.
        user: Box<str>,
        /// How long an absorption can be undone.
        window: Duration,
    },
    /// A split names one id of a profile and leaves out another.
    #[error("{} came together with {}: name both of them, or neither", Quoted(.other), Quoted(.id))]
    Inseparable {
        /// An id that is named.
        id: Box<str>,
        /// One that is not.
        other: Box<str>,
    },
    /// A split would leave a profile without any id.
    #[error("{} would be left without an id; name what it absorbed, not what it is", Quoted(.user))]
    NothingLeft {
        /// The `userId` of the message.
        user: Box<str>,
    },
}

/// What became of ids since the beginning.
///
/// ```
/// # fn watch(partition: &bespoke::engine::Partition) {
/// let identity = partition.health().identity;
/// if identity.refused_owners > 0 {
///     println!("{} links were refused because a device went through too many hands", identity.refused_owners);
/// }
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct IdentityHealth {
    /// Profiles that were absorbed by another.
    pub absorbed: u64,
    /// Of those, users whom the host merged with a reason.
    pub merged: u64,
    /// Profiles that were taken out of another again.
    pub split: u64,
    /// Ids that went from one user to another.
    pub switched: u64,
    /// Links that were refused because the profile would have had too many ids, of one kind or at all.
    pub refused_ids: u64,
    /// Links that were refused because the profile had absorbed 20 others within a day.
    pub refused_absorptions: u64,
    /// Links that were refused because the device had belonged to five users within 30 days.
    pub refused_owners: u64,
    /// Links that were refused because a strong id belongs to another person.
    pub refused_strong: u64,
    /// Visitors who were not absorbed because their device is shared.
    pub kept_apart: u64,
}

/// Which profile owns which id. Each id has one owner and one entry.
#[derive(Debug, Clone, Default)]
pub(crate) struct IdTable {
    entries: Pages<Option<Id>>,
    numbers: Numbers,
    free: Vec<u32>,
    hasher: ahash::RandomState,
}

#[derive(Debug, Clone)]
struct Id {
    kind: IdKind,
    /// A short one lies here, a long one is the same as its user's.
    text: SmolStr,
    owner: UserKey,
}

impl IdTable {
    fn get(&self, number: u32) -> &Id {
        self.entries[number as usize].as_ref().expect("numbers of removed ids are dropped with them")
    }

    pub(crate) fn number(&self, kind: IdKind, text: &str) -> Option<u32> {
        let hash = self.hasher.hash_one((kind, text));
        self.numbers.find(hash, |n| {
            let id = self.get(*n);
            id.kind == kind && *id.text == *text
        })
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
    pub(crate) fn insert(&mut self, kind: IdKind, text: SmolStr, owner: UserKey) -> u32 {
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
        self.numbers.insert(hash, number, |n| {
            let id = entries[*n as usize].as_ref().expect("the table holds live ids only");
            hasher.hash_one((id.kind, &*id.text))
        });
        number
    }

    /// The same behind all others, and nothing where it is there: for a table of which no id was removed yet.
    pub(crate) fn insert_new(&mut self, kind: IdKind, text: SmolStr, owner: UserKey) -> Option<u32> {
        let Self { entries, numbers, hasher, .. } = self;
        let id = |n: &u32| entries[*n as usize].as_ref().expect("the table holds live ids only");
        let is_same = |n: &u32| id(n).kind == kind && *id(n).text == *text;
        let hash = |id: &Id| hasher.hash_one((id.kind, &*id.text));
        // One look for both, because the table is larger than any cache.
        match numbers.entry(hasher.hash_one((kind, &*text)), is_same, |n| hash(id(n))) {
            Entry::Occupied(_) => None,
            Entry::Vacant(place) => {
                let number = u32::try_from(entries.len()).expect("ids exceed any memory before this");
                place.insert(number);
                entries.push(Some(Id { kind, text, owner }));
                Some(number)
            }
        }
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
