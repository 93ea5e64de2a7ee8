/// Why an experiment cannot be.
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
