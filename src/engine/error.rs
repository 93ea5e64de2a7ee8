use crate::model::MessageError;
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
}
