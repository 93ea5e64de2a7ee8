use crate::decision::plan::{PlacementPlan, VariantPlan};
use crate::decision::{Decision, DecisionId, DecisionPlan, Error, Reason, RenderContext};
use crate::model::{Instant, Object, winner};
use crate::profile::{Profile, ProfileStore, UserKey};
use crate::segment::{ConditionId, Evaluation, Plan};
use smallvec::SmallVec;
use smol_str::SmolStr;

/// Whom a decision is for, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visitor<'a> {
    /// The plan that the decision plan's conditions were built into.
    pub(crate) plan: &'a Plan,
    pub(crate) store: &'a ProfileStore,
    /// None for a user of whom nothing is known.
    pub(crate) user: Option<UserKey>,
    /// The id that the host gave; it buckets a user of whom nothing is known.
    pub(crate) id: &'a str,
    pub(crate) now: Instant,
}

/// What came of a variant before the split.
#[derive(Clone, Copy, PartialEq)]
enum Standing {
    Eligible,
    NotEligible,
    /// Its condition asks for something of a user of whom nothing is known.
    Unknown,
    SwitchedOff,
    LowerPriority,
}

type Standings = SmallVec<[Standing; 8]>;

impl DecisionPlan {
    /// Decides what a visitor sees at a placement; `request` is what templates and conditions know by
    /// that name.
    ///
    /// Of the eligible variants those of the highest priority are in question, and of several the weights decide
    /// (`split`). A variant without a condition is eligible for everybody, and so is one whose condition asks for nothing of
    /// the user where that holds; any other only for users of whom something is known. Conditions below the winning
    /// priority are not evaluated.
    ///
    /// A field that cannot be rendered is left out of the content, and a reason names it: the variant stays the one
    /// chosen, because the split must not depend on a slip in a text.
    ///
    /// O(variants), and the conditions. Allocates the answer, and what templates read.
    ///
    /// # Errors
    /// [`Error::UnknownPlacement`].
    pub(crate) fn decide(
        &self,
        visitor: &Visitor<'_>,
        placement: &str,
        request: &Object,
    ) -> Result<Decision, Error> {
        let placement = self.placement(placement)?;
        let bucketing_id = visitor.user.map_or(visitor.id, |user| visitor.store.get(user).bucketing_id());
        let standings = standings(placement, visitor, request);
        let eligible =
            || placement.variants.iter().zip(&standings).filter(|(_, s)| **s == Standing::Eligible);
        let candidates: SmallVec<[&VariantPlan; 8]> = eligible().map(|(variant, _)| variant).collect();
        let chosen = match *candidates {
            [] => None,
            [only] => Some(only),
            _ => winner(&placement.salt, bucketing_id, candidates.iter().map(|v| (&*v.name, v.weight)))
                .map(|place| candidates[place]),
        };

        let mut reasons = reasons(placement, &standings, chosen);
        let content = chosen.map_or_else(Object::new, |variant| {
            let user = visitor.user.map(|user| (visitor.store, user));
            let zone = Some(visitor.store.zone_of_settings());
            let cx = RenderContext { user, zone, request: Some(request), ..RenderContext::default() };
            self.templates.render_content(&variant.content, &cx, |field, message| {
                let (variant, field) = (variant.name.clone(), field.into());
                reasons.push(Reason::TemplateFailed { variant, field, message: message.into() });
            })
        });
        let variant = chosen.map(|variant| variant.name.clone());
        Ok(Decision {
            id: DecisionId::new(&placement.name, bucketing_id, variant.as_deref(), visitor.now),
            placement: placement.name.clone(),
            variant,
            content,
            reasons,
            at: visitor.now,
        })
    }
}

fn standings(placement: &PlacementPlan, visitor: &Visitor<'_>, request: &Object) -> Standings {
    let Visitor { plan, store, user, now, .. } = *visitor;
    let nobody;
    let evaluation = match user {
        Some(user) => Evaluation::new(plan, store, user, now),
        None => {
            nobody = Profile::new(SmolStr::default(), false, now);
            Evaluation::of_profile(plan, store, &nobody, now)
        }
    };
    let evaluation = evaluation.for_request(request);
    let by_condition = |condition: ConditionId| {
        if user.is_none() && !plan.asks_of_nobody(condition, store) {
            return Standing::Unknown;
        }
        if evaluation.condition(condition) { Standing::Eligible } else { Standing::NotEligible }
    };
    let mut standings = Standings::from_elem(Standing::NotEligible, placement.variants.len());
    let mut winning = None;
    for &place in &placement.by_priority {
        let variant = &placement.variants[place as usize];
        standings[place as usize] = if winning.is_some_and(|priority| variant.priority < priority) {
            Standing::LowerPriority
        } else if variant.weight <= 0.0 {
            Standing::SwitchedOff
        } else {
            variant.when.as_ref().map_or(Standing::Eligible, |(condition, _)| by_condition(*condition))
        };
        if standings[place as usize] == Standing::Eligible {
            winning = Some(variant.priority);
        }
    }
    standings
}

fn reasons(placement: &PlacementPlan, standings: &Standings, chosen: Option<&VariantPlan>) -> Vec<Reason> {
    let with_standings = || placement.variants.iter().zip(standings);
    let total: f64 =
        with_standings().filter(|(_, s)| **s == Standing::Eligible).map(|(variant, _)| variant.weight).sum();
    let mut reasons = Vec::with_capacity(placement.variants.len() + usize::from(chosen.is_none()));
    reasons.extend(with_standings().map(|(plan, standing)| {
        let (variant, share) = (plan.name.clone(), plan.weight / total);
        let when = plan.when.as_ref().map(|(_, text)| text.clone()).unwrap_or_default();
        match standing {
            Standing::Eligible if chosen.is_some_and(|chosen| std::ptr::eq(chosen, plan)) => {
                Reason::Chosen { variant, share }
            }
            Standing::Eligible => Reason::Split { variant, share },
            Standing::NotEligible => Reason::NotEligible { variant, when },
            Standing::Unknown => Reason::UserUnknown { variant, when },
            Standing::SwitchedOff => Reason::SwitchedOff { variant },
            Standing::LowerPriority => Reason::LowerPriority {
                variant,
                priority: plan.priority,
                winning: chosen.map_or(plan.priority, |chosen| chosen.priority),
            },
        }
    }));
    if chosen.is_none() {
        reasons.push(Reason::NoVariant);
    }
    reasons
}

#[cfg(test)]
#[path = "decide_test.rs"]
mod tests;
