use crate::model::{Instant, MessageError, Quoted};
use crate::profile::IdentityError;

/// Why an engine refused an input or a question. It changed nothing.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::{Engine, Error}, model::{Instant, Message, Suppress}};
/// # let engine = Engine::builder(Definitions::from_toml("version = 1\n[events.view]")?).open()?;
/// # let now = Instant::from_millis(0);
/// engine.ingest(Message::forget("ada").suppress(Suppress::Forever), now)?;
/// let what_to_do = match engine.ingest(Message::track("ada", "view"), now) {
///     Ok(_) => "go on".to_owned(),
///     Err(Error::Storage(_)) => "give it again once the store works".to_owned(),
///     Err(error) => format!("drop it: {error}"),
/// };
/// assert!(what_to_do.starts_with("drop it: the user was erased and is suppressed"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A message that is not sound in itself.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// A message whose ids may not be linked.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A message about a user who was erased and is not to come back; until when, where that ends. It is
    /// [counted](crate::engine::Partition::suppressed).
    #[error("the user was erased and is suppressed{}; drop the message, or lift it by a `forget` with `suppress` = `no`",
        .until.map(|until| format!(" until {until}")).unwrap_or_default())]
    Suppressed {
        /// When it ends; none for ever.
        until: Option<Instant>,
    },
    /// The store refused. Nothing was changed, unless the error says otherwise.
    #[error(transparent)]
    Storage(#[from] crate::storage::Error),
    /// A journal was asked for, and there is none.
    #[error("an engine in memory keeps no journal; open it with a store")]
    NoJournal,
    /// Definitions in a store that this version of the crate does not take.
    #[error("the definitions in the store are not taken by this version of the crate: {0}")]
    Definitions(crate::definitions::Errors),
    /// A recommendation that cannot be given.
    #[error(transparent)]
    Recommend(#[from] crate::recommend::Error),
    /// A recommender of the host's that cannot be taken in.
    #[error("the recommender `{name}`: {reason}")]
    HostRecommender {
        /// What it says its name is.
        name: String,
        /// Why.
        reason: &'static str,
    },
    /// A decision that cannot be made.
    #[error(transparent)]
    Decision(#[from] crate::decision::Error),
    /// A name that nothing has.
    #[error(transparent)]
    Unknown(#[from] Unknown),
    /// A fact about the world, or an attribute of an item, that is of another kind than is declared.
    #[error("`{what}.{name}` is declared as {wanted}, not {found}")]
    WrongKind {
        /// `world` or `item`.
        what: &'static str,
        /// The name of the fact or attribute.
        name: Box<str>,
        /// What would be right.
        wanted: &'static str,
        /// What was there.
        found: &'static str,
    },
    /// The vector of an item that is not of as many numbers as is declared.
    #[error(
        "the vector of an item is a list of {wanted} finite numbers here; another length is declared under [catalogue]"
    )]
    WrongVector {
        /// Of how many it should be.
        wanted: u16,
    },
    /// A prediction that is infinite, or no number.
    #[error("a prediction is a finite number; give none where there is none")]
    NotFinite,
    /// A key was given, and the segment has none.
    #[error("the segment {} is not keyed; ask without a key", Quoted(.segment))]
    NotKeyed {
        /// The segment's name.
        segment: String,
    },
    /// A number of partitions that an engine cannot have.
    #[error("an engine has from 1 to {} partitions, not {asked}", crate::engine::PARTITIONS_MAX)]
    PartitionsOutOfRange {
        /// How many were asked for.
        asked: u16,
    },
    /// A store that is of another number of partitions than was asked for.
    #[error(
        "the store is of {there} partitions, not of {asked}; leave `partitions` out, or begin a new store"
    )]
    OtherPartitions {
        /// How many it has.
        there: u16,
        /// How many were asked for.
        asked: u16,
    },
    /// A number of journals that is not that of the partitions.
    #[error("{given} journals were given for {partitions} partitions; give one for each, in order, or none")]
    OtherJournals {
        /// How many partitions there are.
        partitions: u16,
        /// How many journals were given.
        given: usize,
    },
    /// A message whose ids are not all in the partition that it was given to. The engine brings them together; a host
    /// does not see it.
    #[error("the ids of the message are in different partitions")]
    Apart,
    /// An expression that does not fit the definitions, with all that is wrong.
    #[error("{}", lines(.0))]
    Expression(Vec<crate::segment::Error>),
}

fn lines(errors: &[crate::segment::Error]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// A name that nothing has.
///
/// ```
/// # fn show(error: bespoke::engine::Error) {
/// if let bespoke::engine::Error::Unknown(unknown) = error {
///     println!("there is no {} `{}`", unknown.what, unknown.name);
/// }
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} {}{}", Quoted(.name), .nearest.as_ref().map(|n| format!(" (did you mean `{n}`?)")).unwrap_or_default())]
#[non_exhaustive]
pub struct Unknown {
    /// What it would name, in words.
    pub what: &'static str,
    /// The name.
    pub name: Box<str>,
    /// A name that is much like it.
    pub nearest: Option<Box<str>>,
}
