//! a-tree: an index of boolean expressions that share their parts.

use crate::check::Ready;
use crate::rule::{Attribute, Dialect, list};
use crate::{Person, Rule};
use ::a_tree::{ATree, AttributeDefinition, Event, Report};

/// Its floats are decimals of 16 bytes; integers are faster.
const DIALECT: Dialect = Dialect {
    and: " and ",
    equals: "=",
    one_of: |name, texts| format!("{name} in {}", list("[", texts, ", ", "]")),
    in_tenths: true,
};

/// A rule in its words.
#[must_use]
pub fn text(rule: &Rule) -> String {
    rule.write(&DIALECT)
}

/// All expressions in one tree.
#[must_use]
pub fn compile(texts: &[String]) -> ATree<u32> {
    let attributes = Attribute::ALL.map(|attribute| match attribute.is_text() {
        true => AttributeDefinition::string(attribute.name()),
        false => AttributeDefinition::integer(attribute.name()),
    });
    let mut tree = ATree::new(&attributes).unwrap_or_else(|error| panic!("{error}"));
    for (number, text) in texts.iter().enumerate() {
        tree.insert(&(number as u32), text).unwrap_or_else(|error| panic!("`{text}`: {error}"));
    }
    tree
}

/// A person's attributes. An event cannot be changed once it is built.
#[must_use]
pub fn event(tree: &ATree<u32>, person: &Person) -> Event {
    let mut event = tree.make_event();
    let set = event
        .with_string("country", &person.country)
        .and_then(|()| event.with_string("plan", &person.plan))
        .and_then(|()| event.with_string("city", &person.city))
        .and_then(|()| event.with_integer("age", person.age))
        .and_then(|()| event.with_integer("score", person.score))
        .and_then(|()| event.with_integer("balance", person.balance));
    set.and_then(|()| event.build()).unwrap_or_else(|error| panic!("{error}"))
}

/// The expressions that hold.
#[must_use]
pub fn search<'t>(tree: &'t ATree<u32>, event: &Event) -> Report<'t, u32> {
    tree.search(event).unwrap_or_else(|error| panic!("{error}"))
}

/// A person to be asked about.
#[must_use]
pub fn ready<'t>(tree: &'t ATree<u32>, person: &Person) -> Box<dyn Ready + 't> {
    Box::new(Asked { tree, event: event(tree, person), found: None })
}

struct Asked<'t> {
    tree: &'t ATree<u32>,
    event: Event,
    found: Option<Report<'t, u32>>,
}

impl Ready for Asked<'_> {
    fn search(&mut self) -> usize {
        self.found.insert(search(self.tree, &self.event)).matches().len()
    }

    /// Each once: the tree may come to an expression by more than one way.
    fn found(&self) -> Vec<u32> {
        let matches = self.found.iter().flat_map(|report| report.matches());
        let mut found: Vec<u32> = matches.map(|number| **number).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}
