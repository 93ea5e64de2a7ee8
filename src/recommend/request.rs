use crate::model::Instant;
use crate::recommend::ItemId;
use smallvec::SmallVec;

/// A [`Query`](crate::recommend::Query) that was checked and whose items are numbers: what recommenders see.
///
/// Made by [`Query::resolve`](crate::recommend::Query::resolve).
#[derive(Clone, Debug, PartialEq)]
pub struct Request<'a> {
    pub(super) subject: Subject,
    pub(super) user: Option<u32>,
    pub(super) limit: usize,
    /// Sorted; with the items that would be repeats, as far as the query itself names them.
    pub(super) excluded: SmallVec<[ItemId; 16]>,
    pub(super) allow_repeat: bool,
    pub(super) context: &'a [(String, String)],
    pub(super) now: Instant,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Subject {
    User(u32),
    Session(SmallVec<[ItemId; 16]>),
    Similar(SmallVec<[ItemId; 16]>),
    Trending,
}

/// What an answer is to rest on. A recommender gives an empty answer for one that it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Basis<'a> {
    /// What the recommender keeps of this user.
    User(u32),
    /// These items, which a visitor saw, oldest first; may be empty.
    Session(&'a [ItemId]),
    /// Likeness to these items.
    Similar(&'a [ItemId]),
    /// What everybody likes now.
    Trending,
}

impl Request<'_> {
    /// What the answer is to rest on.
    #[must_use]
    pub fn basis(&self) -> Basis<'_> {
        match &self.subject {
            Subject::User(user) => Basis::User(*user),
            Subject::Session(items) => Basis::Session(items),
            Subject::Similar(items) => Basis::Similar(items),
            Subject::Trending => Basis::Trending,
        }
    }

    /// Who asks, whatever the basis is.
    #[must_use]
    pub fn user(&self) -> Option<u32> {
        self.user
    }

    /// At most so many items, from 0 to [`LIMIT_MAX`](crate::recommend::LIMIT_MAX).
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Whether an item may be in the answer: not excluded and not a repeat of what the query names.
    ///
    /// What a [`Basis::User`] looks at now only the recommender knows; it heeds
    /// [`allow_repeat`](Request::allow_repeat) itself. O(log exclusions).
    #[must_use]
    pub fn admits(&self, item: ItemId) -> bool {
        self.excluded.binary_search(&item).is_err()
    }

    /// Whether the item that the user looks at now may be recommended again.
    #[must_use]
    pub fn allow_repeat(&self) -> bool {
        self.allow_repeat
    }

    /// The value of a part of the context.
    #[must_use]
    pub fn context(&self, key: &str) -> Option<&str> {
        self.context.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// When it is asked.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }
}
