use crate::decision::Reason;
use crate::model::{Explanation, Instant, Object, stable_hash};
use serde::{Serialize, Serializer};
use std::fmt;
use std::sync::Arc;

/// What to show a user at a placement, and why.
///
/// `{decision}` is one line; `{decision:#}` has the reasons below it.
///
/// ```
/// # use bespoke::decision::Decision;
/// # fn show(hero: &Decision) {
/// let headline = hero.content.get("headline").and_then(|value| value.as_str()).unwrap_or("Welcome");
/// println!("{headline}");
/// println!("{hero:#}");
/// // home-hero: sale
/// //   ✗ `come-back`: `not did(purchase in 90d)` does not hold
/// //   ✗ `summer`: not drawn, 50 % of users are
/// //   ✓ `sale`: drawn, as for 50 % of users
/// # }
/// ```
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Decision {
    /// Names it in what the host reports of it: seen, clicked.
    pub id: DecisionId,
    /// Where.
    pub placement: Arc<str>,
    /// What; none where no variant is eligible.
    pub variant: Option<Arc<str>>,
    /// The variant's fields, rendered. A field that could not be rendered is not among them, and among the reasons.
    pub content: Object,
    /// Why: one for each variant in order of definition, then one for each field that could not be rendered.
    pub reasons: Vec<Reason>,
    /// When.
    pub at: Instant,
}

/// Of the content only the names of the fields: it may say who the user is.
impl fmt::Debug for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<&str> = self.content.iter().map(|(name, _)| name).collect();
        f.debug_struct("Decision")
            .field("id", &self.id)
            .field("placement", &self.placement)
            .field("variant", &self.variant)
            .field("content", &fields)
            .field("reasons", &self.reasons)
            .field("at", &self.at)
            .finish()
    }
}

impl Decision {
    /// The reasons in the shape that all rooms explain themselves in.
    #[must_use]
    pub fn explanation(&self) -> Explanation {
        let shown = self.variant.is_some();
        Explanation::new(shown, format!("{self}")).because(self.reasons.iter().map(Reason::explanation))
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.placement, self.variant.as_deref().unwrap_or("nothing"))?;
        if f.alternate() {
            self.reasons.iter().try_for_each(|reason| write!(f, "\n  {}", reason.explanation()))?;
        }
        Ok(())
    }
}

/// Names a decision: 32 hexadecimal digits that follow from placement, user, variant and instant, so that the same
/// question asked twice, or a journal that is replayed, gives the same id.
///
/// ```
/// # use bespoke::{decision::Decision, model::Message};
/// # fn seen(hero: &Decision) -> Message {
/// Message::track("u42", "impression").with("decision", hero.id.to_string())
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DecisionId(u128);

impl DecisionId {
    /// `user` is the id that the user is bucketed by.
    pub(super) fn new(placement: &str, user: &str, variant: Option<&str>, at: Instant) -> DecisionId {
        let (variant, at) = (variant.unwrap_or_default(), at.as_millis().to_le_bytes());
        DecisionId(stable_hash(&[
            b"decision",
            placement.as_bytes(),
            user.as_bytes(),
            variant.as_bytes(),
            &at,
        ]))
    }
}

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for DecisionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What became of a decision.
///
/// ```
/// # fn show(engine: &bespoke::engine::Engine, now: bespoke::model::Instant) -> Result<(), bespoke::engine::Error> {
/// use bespoke::decision::Feedback;
/// engine.feedback("u42", "hero", "sneakers", Feedback::Shown, now)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Feedback {
    /// The user saw it.
    Shown,
    /// The user clicked on it.
    Clicked,
}
