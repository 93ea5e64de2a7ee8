//! Values of journeys' steps that are made by templates: they are compiled as templates of the engine's own, one for each
//! text, and what is wrong with one is told wherever it stands.

use crate::decision::Template;
use crate::definitions::pinned::{Pinned, alias};
use crate::journey::{Journey, template_name, value_templates};
use crate::model::Problem;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct Values {
    pub(super) templates: Vec<Template>,
    /// By the name of the template, the key paths of the values.
    places: BTreeMap<Box<str>, Vec<Vec<String>>>,
}

impl Values {
    pub(super) fn of(journeys: &[Journey], pinned: &[Pinned]) -> Values {
        let mut values = Values::default();
        journeys.iter().for_each(|journey| values.add(journey, &journey.name));
        for (number, Pinned { journey, .. }) in pinned.iter().enumerate() {
            values.add(journey, &alias(number));
        }
        values
    }

    fn add(&mut self, journey: &Journey, name: &str) {
        for (text, keys) in value_templates(journey) {
            let path = ["journeys".to_owned(), name.to_owned()].into_iter().chain(keys).collect();
            let template = template_name(text);
            if !self.places.contains_key(&template) {
                let fields = [("".into(), text.into())].into();
                self.templates.push(Template { name: template.clone(), fields });
            }
            self.places.entry(template).or_default().push(path);
        }
    }

    /// The same problem where the value stands that it is about; any other as it is.
    pub(super) fn problems(&self, problem: Problem) -> Vec<Problem> {
        let Some(places) = problem.path.get(1).and_then(|name| self.places.get(name)) else {
            return vec![problem];
        };
        let at = |path: &Vec<String>| Problem {
            path: path.iter().map(|key| key.as_str().into()).collect(),
            ..problem.clone()
        };
        places.iter().map(at).collect()
    }
}
