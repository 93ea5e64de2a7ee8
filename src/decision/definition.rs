//! What a host defines: templates and placements, as data. Texts are in the segment language, or templates.

use std::collections::BTreeMap;

/// Content by field, such as `title` and `body`; each value is a template.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Template {
    /// Its name.
    pub name: Box<str>,
    /// Fields with their texts.
    pub fields: BTreeMap<Box<str>, Box<str>>,
}

/// A place that the host fills: a banner, a card, the first screen.
#[derive(Clone, Debug, PartialEq)]
pub struct Placement {
    /// Its name.
    pub name: Box<str>,
    /// Goes into the hash that splits users, so that two placements split them apart; the name unless given.
    pub salt: Box<str>,
    /// What may be shown, in order. The first one eligible of the highest priority wins; of equal ones the weights
    /// decide.
    pub variants: Vec<Variant>,
}

/// One thing that may be shown at a placement.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// Its name, unique within the placement.
    pub name: Box<str>,
    /// Who may see it; none for everybody.
    pub when: Option<Box<str>>,
    /// The higher one goes first; 0 unless given.
    pub priority: i64,
    /// Its share among eligible variants of equal priority; 1 unless given.
    pub weight: f64,
    /// Content by field; each text is a template.
    pub content: BTreeMap<Box<str>, Box<str>>,
}
