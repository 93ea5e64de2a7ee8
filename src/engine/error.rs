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
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}
