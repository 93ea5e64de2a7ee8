use crate::journey::Note;
use crate::segment::Change;

/// What an input brought about, in the order in which it happened.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Outcome {
    /// Number of the input, from 1.
    pub sequence: u64,
    /// Whether a message with this id was taken before; then it changed nothing.
    pub duplicate: bool,
    /// Memberships that began or ended, by time alone too, of any user.
    pub changes: Vec<Change>,
    /// What journeys did, and for each message that they did not send, why.
    pub notes: Vec<Note>,
}
