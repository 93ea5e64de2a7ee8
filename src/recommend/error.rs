use crate::model::{Bytes, Malformed, Quoted};
use crate::recommend::bandit::{CANDIDATES_MAX, FEATURE_MAX};
use crate::recommend::{EXCLUSIONS_MAX, ITEM_BYTES_MAX, ITEMS_MAX, LIMIT_MAX, QUERY_ITEMS_MAX, RULES_MAX};

/// Why a query, an item id or a parameter was refused. What was refused changed nothing.
///
/// ```
/// use bespoke::recommend::{Basis, Error, Items, Query};
/// # let (items, now) = (Items::new(), bespoke::model::Instant::from_millis(0));
/// let (beside, popular) = (Query::similar_to("boot-9"), Query::popular());
/// let request = match beside.resolve(&items, None, now) {
///     Err(Error::UnknownItem(_)) => popular.resolve(&items, None, now)?, // nobody has touched it yet
///     other => other?,
/// };
/// assert_eq!(request.basis(), Basis::Popular);
/// let error = Query::popular().limit(5_000).resolve(&items, None, now).unwrap_err();
/// assert_eq!(error.to_string(), "a limit of 5000 is above 1000; ask for fewer");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The query is about items, and none of them is known. Holds the first.
    #[error("no item of the query is known, not even {}; items are known once an interaction names them", Quoted(.0))]
    UnknownItem(Box<str>),
    /// More recommendations are asked for than one answer may hold.
    #[error("a limit of {0} is above {LIMIT_MAX}; ask for fewer")]
    LimitTooLarge(usize),
    /// The query names too many items to be similar to.
    #[error("the query is similar to {0} items, at most {QUERY_ITEMS_MAX} are allowed")]
    TooManyItems(usize),
    /// The query excludes too many items.
    #[error("the query excludes {0} items, at most {EXCLUSIONS_MAX} are allowed")]
    TooManyExclusions(usize),
    /// The query has too many conditions on items.
    #[error("the query has {0} conditions on items, at most {RULES_MAX} are allowed; join them by `and`")]
    TooManyRules(usize),
    /// Items are asked for by the chance of success, and nothing is said to be an attempt.
    #[error(
        "items at a chance of success are asked for, but nothing is an attempt; give an interaction an `outcome` in `[recommend.interactions]`"
    )]
    NoAttempts,
    /// The id of an item is empty.
    #[error("the id of the item is empty; leave the event out where there is no item")]
    ItemEmpty,
    /// The id of an item is too long. Holds its length in bytes.
    #[error("the id of the item has {0} bytes, at most {ITEM_BYTES_MAX} are allowed; send a hash of it")]
    ItemTooLong(usize),
    /// There are [`ITEMS_MAX`] items already.
    #[error("there are {ITEMS_MAX} items already; is the mapped property really the id of an item?")]
    ItemsFull,
    /// Bytes that are to be a checkpoint, and are not one of this recommender with these parameters.
    #[error(
        "the checkpoint of `{model}` cannot be read: {found}; was it written by another model, or with other parameters?"
    )]
    Checkpoint {
        /// The recommender's name.
        model: Box<str>,
        /// What was found in it.
        found: String,
    },
    /// What two of this recommender learned cannot be put together. Holds its name.
    #[error("what two `{0}` have learned cannot be merged; let one of them learn from both")]
    Unmergeable(Box<str>),
    /// There is nothing to choose from.
    #[error("there are no arms to choose from; ask only where something may be shown")]
    NoArms,
    /// There are too many arms to choose from.
    #[error(
        "there are {0} arms to choose from, at most {CANDIDATES_MAX} are allowed; let a recommender pick some first"
    )]
    TooManyArms(usize),
    /// An arm has no model, because there are fewer.
    #[error("arm {0} is not below the number of arms that the policy was made for; number them from 0")]
    UnknownArm(u32),
    /// There is no arm at this place among the candidates.
    #[error("there is no candidate at place {0}; places begin at 0")]
    NoSuchPlace(usize),
    /// There are too many or too few features.
    #[error(
        "there are {found} features, but the policy was made for {wanted}; give 0 for one that is not known"
    )]
    FeatureCount {
        /// How many were given.
        found: usize,
        /// How many there should be.
        wanted: usize,
    },
    /// A feature is too large or no number.
    #[error("a feature is {0}, but must be from -{FEATURE_MAX} to {FEATURE_MAX}; scale features to about 1")]
    Feature(f64),
    /// A reward is out of range or no number.
    #[error("the reward is {found}, but must be {wanted}")]
    Reward {
        /// What was given.
        found: f64,
        /// What would be right.
        wanted: &'static str,
    },
    /// A parameter of a recommender is out of range.
    #[error("`{name}` is {found}, but must be {wanted}")]
    Parameter {
        /// The parameter, as its builder method is called.
        name: &'static str,
        /// What it was set to.
        found: String,
        /// What would be right.
        wanted: &'static str,
    },
}

/// What `read` makes of a checkpoint of `model`, all of its bytes.
pub(super) fn restored<T>(
    model: &str,
    bytes: &[u8],
    read: impl FnOnce(&mut Bytes<'_>) -> Result<T, Malformed>,
) -> Result<T, Error> {
    let mut from = Bytes::new(bytes);
    let whole = read(&mut from).and_then(|read| from.end().map(|()| read));
    whole.map_err(|malformed| Error::Checkpoint { model: model.into(), found: malformed.to_string() })
}
