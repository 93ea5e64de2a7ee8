/// Why a model cannot be made, or what it was given was refused. What was refused changed nothing.
///
/// ```
/// use bespoke::{model::Instant, predict::{Error, Skills}};
/// let mut skills = Skills::params().check()?;
/// let now = Instant::from_millis(0);
/// let error = skills.learn(1, 10, 42.0, now).unwrap_err(); // minutes, where a share of them is wanted
/// assert_eq!(error, Error::Outcome(42.0));
/// assert_eq!(error.to_string(), "an outcome cannot be 42; it is from 0 to 1, such as the share that was done");
/// assert!(!skills.knows(10)); // nothing was learned
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter is out of its range.
    #[error("`{name}` cannot be {found}; it is {wanted}")]
    Parameter {
        /// Which one.
        name: &'static str,
        /// What was given.
        found: String,
        /// What may be given.
        wanted: &'static str,
    },
    /// An outcome is out of range or no number.
    #[error("an outcome cannot be {0}; it is from 0 to 1, such as the share that was done")]
    Outcome(f64),
    /// A rating or its deviation is out of range or no number.
    #[error("a rating cannot be {0}; it is from -10 to 10, and its deviation from 0.01 to 10")]
    Rating(f64),
    /// Bytes that are to be a checkpoint, and are none. Holds what was found.
    #[error("the checkpoint cannot be read: {0}; was it written by another model?")]
    Checkpoint(String),
}
