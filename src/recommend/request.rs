use crate::model::Instant;
use crate::recommend::{ItemId, LIMIT_MAX};
use smallvec::SmallVec;
use std::fmt;

/// How many times more items are asked for than are shown, and how many at least, where some are to be preferred.
const MORE: usize = 5;
const MORE_LEAST: usize = 100;

/// A [`Query`](crate::recommend::Query) that was checked and whose items are numbers: what recommenders see.
///
/// Made by [`Query::resolve`](crate::recommend::Query::resolve).
///
/// ```
/// use bespoke::recommend::{Items, Query};
/// # let (mut items, now) = (Items::new(), bespoke::model::Instant::from_millis(0));
/// # let (boot, tent, sock) = (items.intern("boot-7")?, items.intern("tent-2")?, items.intern("sock-1")?);
/// let query = Query::similar_to("boot-7").excluding(["tent-2"]).context("place", "gym").limit(5);
/// let request = query.resolve(&items, None, now)?;
/// assert_eq!((request.limit(), request.context("place")), (5, Some("gym")));
/// // Neither what the query names, nor what it excludes.
/// assert_eq!([boot, tent, sock].map(|item| request.admits(item)), [false, false, true]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Request<'a> {
    pub(super) subject: Subject,
    pub(super) user: Option<u32>,
    pub(super) limit: usize,
    /// Sorted; with the items that would be repeats, as far as the query itself names them.
    pub(super) excluded: SmallVec<[ItemId; 16]>,
    pub(super) allow_repeat: bool,
    pub(super) context: &'a [(String, String)],
    pub(super) seed: u64,
    pub(super) now: Instant,
    pub(super) filter: Option<Filter<'a>>,
}

/// Which items may be shown, as whoever knows the items says.
#[derive(Clone, Copy)]
pub(super) struct Filter<'a>(&'a (dyn Fn(ItemId) -> bool + Sync));

impl fmt::Debug for Filter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Filter")
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Subject {
    User(u32),
    Session(SmallVec<[ItemId; 16]>),
    Similar(SmallVec<[ItemId; 16]>),
    Complementary(SmallVec<[ItemId; 16]>),
    Again(u32),
    Popular,
    Trending,
}

/// What an answer is to rest on. A recommender gives an empty answer for one that it does not know.
///
/// ```
/// use bespoke::recommend::{Basis, Items, Query};
/// # let (mut items, now) = (Items::new(), bespoke::model::Instant::from_millis(0));
/// # let boot = items.intern("boot-7")?;
/// let query = Query::similar_to("boot-7");
/// let request = query.resolve(&items, None, now)?;
/// let rests_on = match request.basis() {
///     Basis::Session(items) | Basis::Similar(items) => items,
///     _ => &[], // a recommender that knows of items alone has no answer then, which is no error
/// };
/// assert_eq!(rests_on, [boot]);
/// // Somebody without a number is a visitor who saw nothing yet.
/// assert_eq!(Query::for_user().resolve(&items, None, now)?.basis(), Basis::Session(&[]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Basis<'a> {
    /// What the recommender keeps of this user.
    User(u32),
    /// These items, which a visitor saw, oldest first; may be empty.
    Session(&'a [ItemId]),
    /// Likeness to these items.
    Similar(&'a [ItemId]),
    /// What goes with these items.
    Complementary(&'a [ItemId]),
    /// What this user had before and may want again.
    Again(u32),
    /// What most choose now.
    Popular,
    /// What is on the rise.
    Trending,
}

impl<'a> Request<'a> {
    /// What would be shown to a user at an instant, the current item among it.
    pub(crate) fn of_user(user: u32, now: Instant) -> Request<'a> {
        let (excluded, context, seed, filter) = (SmallVec::new(), &[][..], 0, None);
        let (subject, limit, allow_repeat) = (Subject::User(user), 10, true);
        Request { subject, user: Some(user), limit, excluded, allow_repeat, context, seed, now, filter }
    }

    /// The same request for another number of items.
    #[must_use]
    pub fn with_limit(self, limit: usize) -> Request<'a> {
        Request { limit: limit.min(LIMIT_MAX), ..self }
    }

    /// The same request without some more items.
    pub(crate) fn excluding(mut self, items: impl IntoIterator<Item = ItemId>) -> Request<'a> {
        self.excluded.extend(items);
        self.excluded.sort_unstable();
        self
    }

    /// The same request of items that are like those which the wanted ones were to go with.
    pub(crate) fn as_similar(&self) -> Request<'a> {
        let subject = match &self.subject {
            Subject::Complementary(items) => Subject::Similar(items.clone()),
            other => other.clone(),
        };
        Request { subject, ..self.clone() }
    }

    /// The same request of what is on the rise.
    pub(crate) fn as_trending(&self) -> Request<'a> {
        Request { subject: Subject::Trending, ..self.clone() }
    }

    /// The same request of what comes next after the items that its user saw, oldest first.
    pub(crate) fn as_session(&self, items: impl IntoIterator<Item = ItemId>) -> Request<'a> {
        let items: SmallVec<[ItemId; 16]> = items.into_iter().collect();
        let current = items.last().copied().filter(|_| !self.allow_repeat);
        Request { subject: Subject::Session(items), ..self.clone() }.excluding(current)
    }

    /// The same request, of items for which `admits` holds: those in stock, in a price range, for adults. Asked for few
    /// items, so it may take a microsecond. The last one given holds.
    ///
    /// ```
    /// use bespoke::model::Instant;
    /// use bespoke::recommend::{Items, Query};
    /// let mut items = Items::new();
    /// let (boot, sock) = (items.intern("boot-7")?, items.intern("sock-1")?);
    /// let is_in_stock = |item| item == sock;
    /// let query = Query::popular();
    /// let request = query.resolve(&items, None, Instant::from_millis(0))?.with_filter(&is_in_stock);
    /// assert!(request.admits(sock) && !request.admits(boot));
    /// # Ok::<(), bespoke::recommend::Error>(())
    /// ```
    #[must_use]
    pub fn with_filter(self, admits: &'a (dyn Fn(ItemId) -> bool + Sync)) -> Request<'a> {
        Request { filter: Some(Filter(admits)), ..self }
    }

    /// The same request for more items than are asked for, of which some will be preferred.
    pub(crate) fn with_more(self) -> Request<'a> {
        let limit = (self.limit * MORE).clamp(MORE_LEAST, LIMIT_MAX);
        Request { limit: if self.limit == 0 { 0 } else { limit }, ..self }
    }

    /// What the answer is to rest on.
    #[must_use]
    pub fn basis(&self) -> Basis<'_> {
        match &self.subject {
            Subject::User(user) => Basis::User(*user),
            Subject::Session(items) => Basis::Session(items),
            Subject::Similar(items) => Basis::Similar(items),
            Subject::Complementary(items) => Basis::Complementary(items),
            Subject::Again(user) => Basis::Again(*user),
            Subject::Popular => Basis::Popular,
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

    /// Whether an item may be in the answer: not excluded, not a repeat of what the query names, and not
    /// [filtered out](Request::with_filter).
    ///
    /// What a [`Basis::User`] looks at now only the recommender knows; it heeds
    /// [`allow_repeat`](Request::allow_repeat) itself. O(log exclusions) and the filter: to be asked for items that
    /// would be shown, not for all that there are.
    #[must_use]
    pub fn admits(&self, item: ItemId) -> bool {
        self.excluded.binary_search(&item).is_err() && self.filter.is_none_or(|Filter(admits)| admits(item))
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

    /// What chances are taken from.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// When it is asked.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }
}
