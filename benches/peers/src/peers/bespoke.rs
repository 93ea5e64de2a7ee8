//! The crate itself.

use crate::check::Ready;
use crate::rule::Attribute;
use crate::{Person, Rule};
use ::bespoke::model::Instant;
use ::bespoke::segment::{Kind, Plan, Schema, SegmentId, Subject};
use std::collections::HashMap;

/// The attributes that rules read.
#[must_use]
pub fn schema() -> Schema {
    let mut schema = Schema::strict();
    for attribute in Attribute::ALL {
        schema.attribute(attribute.name(), if attribute.is_text() { Kind::String } else { Kind::Number });
    }
    schema
}

/// The name of a segment, by its number.
#[must_use]
pub fn name(number: usize) -> String {
    format!("segment-{number}")
}

/// Rules with names, as a plan is made from them.
#[must_use]
pub fn texts(rules: &[Rule]) -> Vec<(String, String)> {
    rules.iter().enumerate().map(|(number, rule)| (name(number), rule.text.clone())).collect()
}

/// All segments, compiled.
#[must_use]
pub fn compile(texts: &[(String, String)]) -> Plan {
    let mut plan = Plan::builder(schema());
    for (name, text) in texts {
        plan = plan.segment(name, None, text);
    }
    plan.build().unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// A person's attributes.
#[must_use]
pub fn subject<'p>(plan: &'p Plan, person: &Person) -> Subject<'p> {
    let mut subject = Subject::new(plan);
    subject
        .set("country", person.country.as_str())
        .set("plan", person.plan.as_str())
        .set("city", person.city.as_str())
        .set("age", person.age)
        .set("score", person.score())
        .set("balance", person.balance);
    subject
}

/// The instant of every evaluation. Attributes do not depend on it.
pub const NOW: Instant = Instant::from_millis(1_767_225_600_000);

/// A plan, and the number of each segment of it.
#[derive(Debug)]
pub struct Numbered {
    plan: Plan,
    numbers: HashMap<SegmentId, u32>,
}

impl Numbered {
    /// Segments named by their numbers.
    #[must_use]
    pub fn new(plan: Plan) -> Numbered {
        let id = |number: usize| plan.segment(&name(number)).unwrap_or_else(|| panic!("no segment {number}"));
        let numbers = (0..plan.segment_names().len()).map(|number| (id(number), number as u32)).collect();
        Numbered { plan, numbers }
    }

    /// A person to be asked about.
    #[must_use]
    pub fn ready(&self, person: &Person) -> Box<dyn Ready + '_> {
        Box::new(Asked { numbered: self, subject: subject(&self.plan, person), found: Vec::new() })
    }
}

struct Asked<'p> {
    numbered: &'p Numbered,
    subject: Subject<'p>,
    found: Vec<SegmentId>,
}

impl Ready for Asked<'_> {
    fn search(&mut self) -> usize {
        self.found.clear();
        self.subject.matching_into(NOW, &mut self.found);
        self.found.len()
    }

    fn found(&self) -> Vec<u32> {
        self.found.iter().map(|id| self.numbered.numbers[id]).collect()
    }
}
