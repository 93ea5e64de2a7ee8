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
    /// A segment that is not defined.
    #[error("unknown segment {}{}", Quoted(.segment), did_you_mean(.near.as_deref()))]
    UnknownSegment {
        /// The name that was given.
        segment: String,
        /// The name that is most like it, where one is near.
        near: Option<String>,
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

fn did_you_mean(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

fn lines(errors: &[crate::segment::Error]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
