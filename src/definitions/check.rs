//! What only the rooms below can say: whether expressions, templates and steps are right. What they make of the
//! definitions is kept, because an engine runs on it.

use crate::decision::{DecisionPlan, Template};
use crate::definitions::loose::LooseExpression;
use crate::definitions::pinned::{Origin, Pinned, alias, aliased, lost_templates};
use crate::definitions::values::Values;
use crate::definitions::{Definitions, Error};
use crate::journey::{JourneyPlan, Permits};
use crate::segment::{
    Aside, Fingerprints, Ground, Minimiser, Plan, Schema, Score, SegmentText, fingerprints,
};
use hashbrown::HashMap;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

/// Definitions as the rooms run them.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) plan: Plan,
    pub(crate) journeys: Arc<JourneyPlan>,
    pub(crate) decisions: Arc<DecisionPlan>,
    /// What the plan was made of: expressions that are asked once are compiled against it.
    pub(crate) schema: Arc<Schema>,
    /// What is not kept of messages.
    pub(crate) minimiser: Arc<Minimiser>,
    pub(crate) origin: Arc<Origin>,
    /// The journeys of earlier definitions that the plan has, in its order.
    pub(crate) pinned: Arc<[Pinned]>,
    texts: Arc<[SegmentText]>,
    lifecycle: Arc<[Box<str>]>,
    scores: Arc<[Score]>,
    /// Worked out when definitions take the place of others.
    fingerprints: OnceLock<Fingerprints>,
}

impl Compiled {
    /// What expressions that are asked once may name.
    pub(crate) fn ground(&self) -> Ground<'_> {
        let Compiled { plan, schema, texts, lifecycle, scores, .. } = self;
        Ground { schema, texts, lifecycle, scores, plan }
    }

    /// What each segment and total means, by names and values alone.
    pub(crate) fn fingerprints(&self) -> &Fingerprints {
        self.fingerprints.get_or_init(|| fingerprints(&self.plan))
    }

    /// The same with another plan for the same texts, such as one that speaks the numbers of a store.
    pub(crate) fn with(&self, plan: Plan) -> Compiled {
        let Compiled { journeys, decisions, schema, minimiser, origin, pinned, .. } = self;
        let Compiled { texts, lifecycle, scores, .. } = self;
        Compiled {
            plan,
            origin: origin.clone(),
            pinned: pinned.clone(),
            journeys: journeys.clone(),
            decisions: decisions.clone(),
            schema: schema.clone(),
            minimiser: minimiser.clone(),
            texts: texts.clone(),
            lifecycle: lifecycle.clone(),
            scores: scores.clone(),
            fingerprints: OnceLock::from(self.fingerprints().clone()),
        }
    }
}

/// Compiles everything, or says all that is wrong. Where there are loose expressions, definitions are refused anyway.
pub(super) fn check(definitions: &Definitions, loose: &[LooseExpression]) -> Result<Compiled, Vec<Error>> {
    compile(definitions, loose, &[]).map_err(|refused| refused.errors)
}

/// What is wrong with definitions, and with which of the journeys of earlier ones.
#[derive(Debug, Default)]
pub(super) struct Refused {
    errors: Vec<Error>,
    pub(super) pinned: BTreeSet<usize>,
}

/// The same together with journeys of earlier definitions.
pub(super) fn compile(
    definitions: &Definitions,
    loose: &[LooseExpression],
    pinned: &[Pinned],
) -> Result<Compiled, Refused> {
    let mut builder = definitions.plan_builder();
    loose.iter().for_each(|expression| expression.add_to(&mut builder));
    let Definitions { journeys, delivery, experiments, placements, templates, .. } = definitions;
    let lost = lost_templates(templates, pinned);
    let values = Values::of(journeys, pinned);
    let templates: Cow<'_, [Template]> = match lost.is_empty() && values.templates.is_empty() {
        true => templates.into(),
        false => templates.iter().chain(lost).chain(&values.templates).cloned().collect(),
    };
    let reads_event = |template: &Template| template.fields.values().any(|text| text.contains("event"));
    let known: HashMap<&str, bool, ahash::RandomState> =
        templates.iter().map(|template| (&*template.name, reads_event(template))).collect();
    let (mut journey_plan, mut problems) =
        JourneyPlan::compile(journeys, delivery, experiments, &|name| known.get(name).copied(), &mut builder);
    journey_plan.permits = Permits::of(&definitions.schema.facts);
    let (decisions, more) = DecisionPlan::compile(placements, &templates, &mut builder);
    problems.extend(more.into_iter().flat_map(|problem| values.problems(problem)));
    journey_plan.outbox_max = definitions.settings.outbox_max;
    let mut refused = Refused::default();
    for (number, Pinned { journey, origin }) in pinned.iter().enumerate() {
        let reads_event = |name: &str| known.get(name).copied();
        let experiments = &origin.experiments;
        problems.extend(journey_plan.pin(journey, &alias(number), experiments, &reads_event, &mut builder));
    }
    let texts = builder.segments.iter().cloned().collect();
    let plan = match builder.build() {
        Ok(plan) => {
            problems.extend(journey_plan.resolve_segments(&plan));
            Some(plan)
        }
        Err(errors) => {
            for error in &errors {
                match error.name().and_then(aliased) {
                    Some(number) => drop(refused.pinned.insert(number)),
                    None => refused.errors.push(definitions.named_error(error)),
                }
            }
            None
        }
    };
    for problem in &problems {
        match problem.path.get(1).and_then(|name| aliased(name)) {
            Some(number) => drop(refused.pinned.insert(number)),
            None => refused.errors.push(definitions.problem(problem)),
        }
    }
    let schema = Arc::new(definitions.schema.clone());
    let compiled = plan.filter(|_| refused.errors.is_empty() && refused.pinned.is_empty());
    let compiled = compiled.map(|plan| Compiled {
        plan,
        journeys: Arc::new(journey_plan),
        decisions: Arc::new(decisions),
        minimiser: Arc::new(Minimiser::new(schema.clone())),
        origin: Arc::new(Origin {
            text: definitions.shared_text(),
            templates: definitions.templates.clone(),
            experiments: definitions.experiments.clone(),
        }),
        pinned: pinned.into(),
        schema,
        texts,
        lifecycle: definitions.lifecycle.clone().into(),
        scores: definitions.scores.clone().into(),
        fingerprints: OnceLock::new(),
    });
    let Some(compiled) = compiled else { return Err(refused) };
    refused.errors.extend(features_refused(definitions, &compiled));
    if refused.errors.is_empty() { Ok(compiled) } else { Err(refused) }
}

/// What is wrong with the expressions about items that it is learned by what is chosen. They are asked beside the plan, so
/// only once it is there.
fn features_refused(definitions: &Definitions, compiled: &Compiled) -> Vec<Error> {
    let mut errors = Vec::new();
    for (number, text) in definitions.recommend.rerank.iter().flatten().enumerate() {
        let place = number.to_string();
        let refused = Aside::about_items(&compiled.ground(), text).err().unwrap_or_default();
        let path = ["recommend", "rerank", "features", &place];
        errors.extend(refused.iter().map(|error| definitions.segment_error(&path, error)));
    }
    errors
}
