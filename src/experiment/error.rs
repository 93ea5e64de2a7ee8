/// Why an experiment cannot be.
///
/// ```
/// use bespoke::experiment::{Error, Experiment};
/// let halves = Experiment::params("subject").arm("old", 50.0).arm("new", 50.0);
/// let Err(Error::Parameter { name, .. }) = halves.clone().traffic(120.0).check() else { panic!("more than all") };
/// assert_eq!(name, "traffic"); // the setting to correct
/// let error = halves.arm("new", 10.0).check().unwrap_err();
/// assert_eq!(error.to_string(), "two arms are called `new`; each needs a name of its own");
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
    /// Two arms have one name.
    #[error("two arms are called `{0}`; each needs a name of its own")]
    Twice(Box<str>),
}
