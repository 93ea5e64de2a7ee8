use crate::model::Quoted;
use crate::recommend;

/// Why something was not evaluated.
///
/// ```
/// use bespoke::recommend::evaluate::{Dataset, Error, Owner};
/// let (mut clicks, mut refused) = (Dataset::new(Owner::Session), Vec::new());
/// for (session, item) in [("s1", "boot-7"), ("", "sock-1"), ("s2", "")] {
///     refused.extend(clicks.push(session, item, None).err());
/// }
/// assert_eq!(clicks.len(), 1); // what was refused added nothing, so that the next row may follow
/// let unknown = "the id of the session or user is empty; leave the row out where nobody is known";
/// assert_eq!((refused[0].to_string().as_str(), &refused[0]), (unknown, &Error::OwnerEmpty));
/// assert!(matches!(refused[1], Error::Recommend(bespoke::recommend::Error::ItemEmpty)));
/// ```
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An item id was refused, or a request or a parameter of a recommender.
    #[error(transparent)]
    Recommend(#[from] recommend::Error),
    /// The id of a session or of a user is empty.
    #[error("the id of the session or user is empty; leave the row out where nobody is known")]
    OwnerEmpty,
    /// Some interactions have an instant and others have none. Holds the first that differs, counted from 1.
    #[error("interaction {0} differs from those before it: either all have an instant, or none has")]
    TimesMixed(usize),
    /// A span of time is to be held out of interactions without instants.
    #[error("the interactions have no instants, so no span of time can be held out; hold out a share")]
    NoTimes,
    /// A setting of a protocol, of an evaluation or of an estimate is out of range.
    #[error("`{name}` is {found}, but must be {wanted}")]
    Setting {
        /// The setting, as its builder method or field is called.
        name: &'static str,
        /// What it was set to.
        found: String,
        /// What would be right.
        wanted: &'static str,
    },
    /// Nothing is left to learn from once the test is held out.
    #[error("all {0} interactions would be in the test, and none in training; hold out less")]
    NothingToLearn(usize),
    /// The split is of another data set than the one that it is run on.
    #[error(
        "the split is of {split} interactions, and not of the {data} of this data set; split the one that is run on"
    )]
    OtherData {
        /// How many interactions were divided.
        split: usize,
        /// How many there are.
        data: usize,
    },
    /// Nothing is left to be predicted.
    #[error("no prediction is left to test: {0}")]
    NothingToTest(&'static str),
    /// No parameter of this name, or no number behind it.
    #[error("{} is no setting of a parameter; write `name=number`", Quoted(.0))]
    Params(Box<str>),
    /// Too few logged rounds for an estimate.
    #[error("{found} rounds are logged, and at least {wanted} are needed; log for longer")]
    TooFewRounds {
        /// How many there are.
        found: usize,
        /// How many it takes.
        wanted: usize,
    },
    /// A round that cannot be: its number, counted from 0, and what is wrong with it.
    #[error("round {round}: the {name} is {found}, but must be {wanted}")]
    Round {
        /// Which one.
        round: usize,
        /// Which part of it.
        name: &'static str,
        /// What it is.
        found: f64,
        /// What would be right.
        wanted: &'static str,
    },
    /// The policy to be valued does what was rarely logged: too few rounds count.
    #[error(
        "the {rounds} rounds are worth {effective:.1} of the policy that is to be valued, and at least {wanted:.0} are \
         needed; log for longer, or a policy that is nearer to it"
    )]
    EffectiveSampleTooSmall {
        /// How many rounds there are.
        rounds: usize,
        /// How many of the policy itself they are worth: `(Σ w)² / Σ w²`.
        effective: f64,
        /// How many it takes.
        wanted: f64,
    },
}
