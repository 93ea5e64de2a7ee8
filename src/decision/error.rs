use crate::model::Quoted;

/// Why a decision or a content was refused.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Partition, model::{Instant, Object}};
/// use bespoke::{decision, engine};
/// # let now: Instant = "2026-11-23T10:00:00Z".parse()?;
/// # let definitions = Definitions::from_toml(r#"
/// #     version = 1
/// #     [[placements.hero.variant]]
/// #     name = "everybody"
/// # "#)?;
/// # let partition = Partition::new(&definitions);
/// let error = partition.decide("ada", "herro", &Object::new(), now).unwrap_err();
/// assert_eq!(error.to_string(), "unknown placement `herro` (did you mean `hero`?)");
/// assert!(matches!(error, engine::Error::Decision(decision::Error::UnknownPlacement { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No placement has that name.
    #[error("unknown placement {}{}", Quoted(.name), advice(.nearest.as_deref()))]
    UnknownPlacement {
        /// The name that was asked for.
        name: Box<str>,
        /// The name of a placement that is much like it.
        nearest: Option<Box<str>>,
    },
    /// The placement has no variant of that name.
    #[error("unknown variant {} of the placement `{placement}`{}", Quoted(.name), advice(.nearest.as_deref()))]
    UnknownVariant {
        /// The placement.
        placement: Box<str>,
        /// The name that was given.
        name: Box<str>,
        /// The name of a variant that is much like it.
        nearest: Option<Box<str>>,
    },
    /// No template has that name.
    #[error("unknown template {}{}", Quoted(.name), advice(.nearest.as_deref()))]
    UnknownTemplate {
        /// The name that was asked for.
        name: Box<str>,
        /// The name of a template that is much like it.
        nearest: Option<Box<str>>,
    },
    /// A field of a template could not be rendered for this user.
    #[error("field `{field}` of template `{template}`: {message}")]
    TemplateFailed {
        /// The template.
        template: Box<str>,
        /// The field.
        field: Box<str>,
        /// What went wrong.
        message: Box<str>,
    },
}

fn advice(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"))
}
