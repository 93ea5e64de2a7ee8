use crate::model::{MessageError, Quoted};
use crate::profile::IdentityError;

/// Why an engine refused an input or a question. It changed nothing.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A message that is not sound in itself.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// A message whose ids may not be linked.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A question about a segment that is not defined.
    #[error("unknown segment {}{}", Quoted(name), suggestion(nearest.as_deref()))]
    UnknownSegment {
        /// What was asked for.
        name: String,
        /// The name of a segment that is near it.
        nearest: Option<String>,
    },
    /// A recommendation that cannot be given.
    #[error(transparent)]
    Recommend(#[from] crate::recommend::Error),
    /// A decision that cannot be made.
    #[error(transparent)]
    Decision(#[from] crate::decision::Error),
    /// Nothing is known of a user who is asked about.
    #[error("unknown user {}", Quoted(.user))]
    UnknownUser {
        /// The id that was given.
        user: String,
    },
    /// A key was given, and the segment has none.
    #[error("the segment {} is not keyed; ask without a key", Quoted(.segment))]
    NotKeyed {
        /// The segment's name.
        segment: String,
    },
    /// An expression that does not fit the definitions, with all that is wrong.
    #[error("{}", lines(.0))]
    Expression(Vec<crate::segment::Error>),
}

fn lines(errors: &[crate::segment::Error]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}
