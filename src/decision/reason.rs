use crate::model::Explanation;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// Why a variant was or was not chosen: data to act on, which [`Display`](fmt::Display) puts into words.
///
/// ```
/// # use bespoke::decision::{Decision, Reason};
/// # fn show(decision: &Decision) {
/// for reason in &decision.reasons {
///     match reason {
///         Reason::TemplateFailed { .. } => eprintln!("{reason}"),   // worth a look at the definitions
///         _ => println!("{reason}"),                                // `sale`: 50 % of eligible users
///     }
/// }
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// It is shown.
    Chosen {
        /// The variant.
        variant: Arc<str>,
        /// Part of the users with the same eligible variants who see it, from 0 to 1.
        share: f64,
    },
    /// It was in the split, and another one was drawn.
    Split {
        /// The variant.
        variant: Arc<str>,
        /// Part of the users with the same eligible variants who see it, from 0 to 1.
        share: f64,
    },
    /// Its condition does not hold.
    NotEligible {
        /// The variant.
        variant: Arc<str>,
        /// The condition.
        when: Arc<str>,
    },
    /// Its condition asks for something of the user, of whom nothing is known.
    UserUnknown {
        /// The variant.
        variant: Arc<str>,
        /// The condition.
        when: Arc<str>,
    },
    /// One with a higher priority is eligible; its own condition was not even looked at.
    LowerPriority {
        /// The variant.
        variant: Arc<str>,
        /// Its priority.
        priority: i64,
        /// The priority that won.
        winning: i64,
    },
    /// Its weight is 0.
    SwitchedOff {
        /// The variant.
        variant: Arc<str>,
    },
    /// A field of the chosen variant could not be rendered for this user, and is left out of the content.
    TemplateFailed {
        /// The variant.
        variant: Arc<str>,
        /// The field.
        field: Box<str>,
        /// What went wrong.
        message: Box<str>,
    },
    /// The user does not agree to be decided for: it is what somebody unknown sees.
    NoConsent,
    /// What is known of the user is not to be processed: it is what somebody unknown sees.
    Restricted,
    /// No variant is eligible: show what you show without a decision.
    NoVariant,
}

impl Reason {
    /// The variant that it is about.
    #[must_use]
    pub fn variant(&self) -> Option<&str> {
        match self {
            Reason::Chosen { variant, .. }
            | Reason::Split { variant, .. }
            | Reason::NotEligible { variant, .. }
            | Reason::UserUnknown { variant, .. }
            | Reason::LowerPriority { variant, .. }
            | Reason::SwitchedOff { variant }
            | Reason::TemplateFailed { variant, .. } => Some(variant),
            Reason::NoConsent | Reason::Restricted | Reason::NoVariant => None,
        }
    }

    pub(super) fn explanation(&self) -> Explanation {
        Explanation::new(matches!(self, Reason::Chosen { .. }), self.to_string())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Chosen { variant, share } if *share >= 1.0 => {
                write!(f, "`{variant}`: the only one eligible")
            }
            Reason::Chosen { variant, share } => {
                write!(f, "`{variant}`: drawn, as for {} of users", Percent(*share))
            }
            Reason::Split { variant, share } => {
                write!(f, "`{variant}`: not drawn, {} of users are", Percent(*share))
            }
            Reason::NotEligible { variant, when } => write!(f, "`{variant}`: `{when}` does not hold"),
            Reason::UserUnknown { variant, when } => {
                write!(f, "`{variant}`: nothing is known of the user, and it asks for `{when}`")
            }
            Reason::LowerPriority { variant, priority, winning } => {
                write!(f, "`{variant}`: priority {priority} is below {winning}")
            }
            Reason::SwitchedOff { variant } => write!(f, "`{variant}`: switched off, its weight is 0"),
            Reason::TemplateFailed { variant, field, message } => {
                write!(f, "`{variant}`: field `{field}` is left out: {message}")
            }
            Reason::NoConsent => {
                f.write_str("the user does not agree to it, so nothing of the user is looked at")
            }
            Reason::Restricted => {
                f.write_str("processing is restricted, so nothing of the user is looked at")
            }
            Reason::NoVariant => f.write_str("no variant is eligible"),
        }
    }
}

/// A share as `33.3 %`.
struct Percent(f64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0 * 1000.0).round();
        let digits = usize::from(tenths % 10.0 != 0.0);
        write!(f, "{:.digits$} %", tenths / 10.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_in_words_and_as_data() {
        let variant: Arc<str> = "sale".into();
        let when: Arc<str> = "did(view)".into();
        for (reason, words, json) in [
            (
                Reason::Chosen { variant: variant.clone(), share: 1.0 },
                "`sale`: the only one eligible",
                r#"{"chosen":{"variant":"sale","share":1.0}}"#,
            ),
            (
                Reason::Chosen { variant: variant.clone(), share: 0.5 },
                "`sale`: drawn, as for 50 % of users",
                r#"{"chosen":{"variant":"sale","share":0.5}}"#,
            ),
            (
                Reason::Split { variant: variant.clone(), share: 0.25 / 0.75 },
                "`sale`: not drawn, 33.3 % of users are",
                r#"{"split":{"variant":"sale","share":0.3333333333333333}}"#,
            ),
            (
                Reason::NotEligible { variant: variant.clone(), when: when.clone() },
                "`sale`: `did(view)` does not hold",
                r#"{"not_eligible":{"variant":"sale","when":"did(view)"}}"#,
            ),
            (
                Reason::UserUnknown { variant: variant.clone(), when },
                "`sale`: nothing is known of the user, and it asks for `did(view)`",
                r#"{"user_unknown":{"variant":"sale","when":"did(view)"}}"#,
            ),
            (
                Reason::LowerPriority { variant: variant.clone(), priority: -1, winning: 10 },
                "`sale`: priority -1 is below 10",
                r#"{"lower_priority":{"variant":"sale","priority":-1,"winning":10}}"#,
            ),
            (
                Reason::SwitchedOff { variant: variant.clone() },
                "`sale`: switched off, its weight is 0",
                r#"{"switched_off":{"variant":"sale"}}"#,
            ),
            (
                Reason::TemplateFailed { variant, field: "title".into(), message: "no".into() },
                "`sale`: field `title` is left out: no",
                r#"{"template_failed":{"variant":"sale","field":"title","message":"no"}}"#,
            ),
            (Reason::NoVariant, "no variant is eligible", r#""no_variant""#),
            (
                Reason::NoConsent,
                "the user does not agree to it, so nothing of the user is looked at",
                r#""no_consent""#,
            ),
            (
                Reason::Restricted,
                "processing is restricted, so nothing of the user is looked at",
                r#""restricted""#,
            ),
        ] {
            assert_eq!(reason.to_string(), words);
            assert_eq!(serde_json::to_string(&reason).unwrap(), json);
            let is_of_variant = !matches!(reason, Reason::NoVariant | Reason::NoConsent | Reason::Restricted);
            assert_eq!(reason.variant(), is_of_variant.then_some("sale"));
        }
    }
}
