use crate::decision::template::Content;
use crate::decision::{Error, Placement, Template, Templates, Variant};
use crate::model::{Problem, Quoted, nearest};
use crate::segment::{ConditionId, PlanBuilder};
use hashbrown::HashMap;
use std::sync::Arc;

/// Heaviest [weight](crate::decision::Variant::weight) of a variant.
pub const WEIGHT_MAX: f64 = 1e9;

/// All placements and templates of a set of definitions, compiled. Immutable.
#[derive(Debug)]
pub(crate) struct DecisionPlan {
    pub(super) templates: Templates,
    placements: HashMap<Arc<str>, PlacementPlan, ahash::RandomState>,
}

#[derive(Debug)]
pub(super) struct PlacementPlan {
    pub(super) name: Arc<str>,
    pub(super) salt: Box<str>,
    /// In order of definition.
    pub(super) variants: Vec<VariantPlan>,
    /// Places in `variants`, by falling priority, of equals in order of definition.
    pub(super) by_priority: Vec<u32>,
}

#[derive(Debug)]
pub(super) struct VariantPlan {
    pub(super) name: Arc<str>,
    pub(super) when: Option<(ConditionId, Arc<str>)>,
    pub(super) priority: i64,
    pub(super) weight: f64,
    pub(super) content: Content,
}

impl DecisionPlan {
    /// Checks and compiles, and adds the conditions of variants to `builder`, each named by its place:
    /// `placements.NAME.variant.INDEX.when`, with the index from 0. A plan is of use only without problems.
    pub(crate) fn compile(
        placements: &[Placement],
        templates: &[Template],
        builder: &mut PlanBuilder,
    ) -> (DecisionPlan, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut templates = Templates::compile(templates, &mut problems);
        let mut compiled = HashMap::default();
        for placement in placements {
            let name: Arc<str> = placement.name.as_ref().into();
            let plan = placement_plan(placement, name.clone(), &mut templates, builder, &mut problems);
            if compiled.insert(name, plan).is_some() {
                let message = format!("the placement {} is defined twice", Quoted(&placement.name));
                problems.push(Problem::new(["placements", &placement.name], message));
            }
        }
        (DecisionPlan { templates, placements: compiled }, problems)
    }

    /// The templates, for what journeys send.
    pub(crate) fn templates(&self) -> &Templates {
        &self.templates
    }

    pub(super) fn placement(&self, name: &str) -> Result<&PlacementPlan, Error> {
        self.placements.get(name).ok_or_else(|| Error::UnknownPlacement {
            name: name.into(),
            nearest: nearest(name, self.placements.keys().map(|name| &**name)).map(Into::into),
        })
    }
}

fn placement_plan(
    placement: &Placement,
    name: Arc<str>,
    templates: &mut Templates,
    builder: &mut PlanBuilder,
    problems: &mut Vec<Problem>,
) -> PlacementPlan {
    if placement.variants.is_empty() {
        let message = "the placement has no variants, so nothing would ever be shown";
        problems.push(Problem::new(["placements", &name], message));
    }
    let mut variants: Vec<VariantPlan> = Vec::with_capacity(placement.variants.len());
    for (i, variant) in placement.variants.iter().enumerate() {
        let index = i.to_string();
        let path = ["placements", &*name, "variant", &*index];
        if placement.variants[..i].iter().any(|earlier| earlier.name == variant.name) {
            let message = format!("the variant {} is defined twice", Quoted(&variant.name));
            problems.push(Problem::new(path.into_iter().chain(["name"]), message));
        }
        check_weight(placement, variant, i, &path, problems);
        let when = variant.when.as_deref().map(|text| {
            (
                builder.placement_condition(&format!("placements.{name}.variant.{index}.when"), text),
                text.into(),
            )
        });
        let path = ["placements", &*name, "variant", &*index, "content"];
        let content = templates.content(&path, &variant.content, problems);
        let (priority, weight) = (variant.priority, variant.weight);
        variants.push(VariantPlan { name: variant.name.as_ref().into(), when, priority, weight, content });
    }
    let mut by_priority: Vec<u32> = (0..variants.len() as u32).collect();
    by_priority.sort_by_key(|i| std::cmp::Reverse(variants[*i as usize].priority));
    PlacementPlan { name, salt: placement.salt.clone(), variants, by_priority }
}

/// Whether the weight of a variant is one, and whether its priority has any weight; the latter is told once.
fn check_weight(
    placement: &Placement,
    variant: &Variant,
    place: usize,
    path: &[&str],
    problems: &mut Vec<Problem>,
) {
    let path = path.iter().copied().chain(["weight"]);
    let Variant { priority, weight, .. } = variant;
    if !(0.0..=WEIGHT_MAX).contains(weight) {
        let message = format!("the weight is {weight}, but must be between 0 and {WEIGHT_MAX}");
        problems.push(Problem::new(path, message));
        return;
    }
    let mut equals = placement.variants.iter().enumerate().filter(|(_, other)| other.priority == *priority);
    let is_first = equals.clone().next().is_some_and(|(first, _)| first == place);
    if is_first && equals.all(|(_, other)| other.weight == 0.0) {
        let message = format!("all variants of priority {priority} have weight 0, so none is ever shown");
        problems.push(Problem::new(path, message).help("leave `weight` out for 1"));
    }
}
