//! Placements, templates and users for the tests of this room.

use crate::decision::{Decision, DecisionPlan, Error, Placement, RenderContext, Template, Variant, Visitor};
use crate::model::{Instant, Message, Object, Problem};
use crate::profile::{Applied, ProfileStore};
use crate::segment::{Plan, Schema};

pub(super) struct Shop {
    pub(super) plan: Plan,
    pub(super) store: ProfileStore,
    pub(super) decisions: DecisionPlan,
    pub(super) now: Instant,
}

pub(super) fn variant(name: &str, when: &str, priority: i64, weight: f64) -> Variant {
    let when = (!when.is_empty()).then(|| when.into());
    Variant { name: name.into(), when, priority, weight, content: [("title".into(), name.into())].into() }
}

pub(super) fn placement(name: &str, variants: Vec<Variant>) -> Placement {
    Placement { name: name.into(), salt: name.into(), variants }
}

pub(super) fn template(name: &str, fields: &[(&str, &str)]) -> Template {
    let fields = fields.iter().map(|(field, text)| ((*field).into(), (*text).into())).collect();
    Template { name: name.into(), fields }
}

/// The problems of definitions, each as `path: message (help)`.
pub(super) fn problems(placements: &[Placement], templates: &[Template]) -> Vec<String> {
    let (_, problems) = DecisionPlan::compile(placements, templates, &mut Plan::builder(Schema::lenient()));
    let words = |Problem { path, message, help }: Problem| {
        let help = help.map_or_else(String::new, |help| format!(" ({help})"));
        format!("{}: {message}{help}", path.join("."))
    };
    problems.into_iter().map(words).collect()
}

impl Shop {
    pub(super) fn new(placements: &[Placement], templates: &[Template]) -> Shop {
        let mut builder = Plan::builder(Schema::lenient());
        let (decisions, problems) = DecisionPlan::compile(placements, templates, &mut builder);
        assert_eq!(problems, []);
        let mut plan = builder.build().unwrap();
        let symbols = std::mem::take(&mut plan.symbols);
        let (keep, rules, zone) = (plan.keep.clone(), plan.rules.clone(), plan.zone.clone());
        let store = ProfileStore::new(keep, rules, symbols, zone, plan.session_gap);
        Shop { plan, store, decisions, now: "2026-11-23T10:00:00Z".parse().unwrap() }
    }

    pub(super) fn take(&mut self, message: &Message) {
        let user = self.store.resolve(message, self.now, self.now).user;
        let mut applied = Applied::default();
        self.store.apply(user, message, (self.now, self.now), true, &mut applied);
        applied.clear(&mut self.store.symbols);
    }

    pub(super) fn visitor<'a>(&'a self, id: &'a str) -> Visitor<'a> {
        let Shop { plan, store, now, .. } = self;
        Visitor { plan, store, user: store.find(id), id, now: *now }
    }

    pub(super) fn decide(&self, id: &str, placement: &str, request: &Object) -> Result<Decision, Error> {
        self.decisions.decide(&self.visitor(id), placement, request)
    }

    /// The field `text` of a template that has just this one, rendered for the user `ada`.
    pub(super) fn render(&self, name: &str, cx: RenderContext<'_>) -> Result<String, Error> {
        let user = self.store.find("ada").map(|user| (&self.store, user));
        let object = self.decisions.templates().render(name, &RenderContext { user, ..cx })?;
        Ok(object.get("text").and_then(|value| value.as_str()).unwrap_or("?").to_owned())
    }
}
