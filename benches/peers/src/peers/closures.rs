//! What a program without a library would do: a closure for each predicate, over fields in which texts are numbers.

use crate::check::Ready;
use crate::rule::{Attribute, Predicate, Test};
use crate::{Person, Rule};
use std::collections::HashMap;

/// Texts that stand for numbers.
#[derive(Debug, Default)]
pub struct Texts(HashMap<String, u32>);

impl Texts {
    /// The number of a text, a new one where it has none.
    pub fn enter(&mut self, text: &str) -> u32 {
        let next = self.0.len() as u32;
        *self.0.entry(text.to_owned()).or_insert(next)
    }

    /// The number of a text; one that no rule has equals none of theirs.
    #[must_use]
    pub fn number(&self, text: &str) -> u32 {
        self.0.get(text).copied().unwrap_or(u32::MAX)
    }
}

/// A person in the form that is evaluated fastest.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Fields {
    pub country: u32,
    pub plan: u32,
    pub city: u32,
    pub age: f64,
    pub score: f64,
    pub balance: f64,
}

impl Fields {
    /// A person's fields.
    #[must_use]
    pub fn of(texts: &Texts, person: &Person) -> Fields {
        Fields {
            country: texts.number(&person.country),
            plan: texts.number(&person.plan),
            city: texts.number(&person.city),
            age: person.age as f64,
            score: person.score(),
            balance: person.balance as f64,
        }
    }
}

/// A compiled predicate.
type Closure = Box<dyn Fn(&Fields) -> bool>;

/// A compiled rule: all of them must hold.
pub type Segment = Box<[Closure]>;

/// Each closure reads its own field.
fn of_text(attribute: Attribute, holds: impl Fn(u32) -> bool + 'static) -> Closure {
    match attribute {
        Attribute::Country => Box::new(move |fields| holds(fields.country)),
        Attribute::Plan => Box::new(move |fields| holds(fields.plan)),
        Attribute::City => Box::new(move |fields| holds(fields.city)),
        other => panic!("{other:?} is no text"),
    }
}

fn of_number(attribute: Attribute, holds: impl Fn(f64) -> bool + 'static) -> Closure {
    match attribute {
        Attribute::Age => Box::new(move |fields| holds(fields.age)),
        Attribute::Score => Box::new(move |fields| holds(fields.score)),
        Attribute::Balance => Box::new(move |fields| holds(fields.balance)),
        other => panic!("{other:?} is no number"),
    }
}

fn closure(predicate: &Predicate, texts: &mut Texts) -> Closure {
    let attribute = predicate.attribute;
    let value =
        |number: i64| if attribute == Attribute::Score { number as f64 / 10.0 } else { number as f64 };
    match &predicate.test {
        Test::Is(text) => {
            let wanted = texts.enter(text);
            of_text(attribute, move |text| text == wanted)
        }
        Test::OneOf(list) => {
            let wanted: Box<[u32]> = list.iter().map(|text| texts.enter(text)).collect();
            of_text(attribute, move |text| wanted.contains(&text))
        }
        Test::AtLeast(low) => {
            let low = value(*low);
            of_number(attribute, move |number| number >= low)
        }
        Test::Between(low, high) => {
            let range = value(*low)..=value(*high);
            of_number(attribute, move |number| range.contains(&number))
        }
        Test::Above(low) => {
            let low = value(*low);
            of_number(attribute, move |number| number > low)
        }
        Test::Below(high) => {
            let high = value(*high);
            of_number(attribute, move |number| number < high)
        }
    }
}

/// One rule.
#[must_use]
pub fn compile(texts: &mut Texts, rule: &Rule) -> Segment {
    rule.predicates.iter().map(|predicate| closure(predicate, texts)).collect()
}

/// Whether a rule holds.
#[must_use]
pub fn holds(segment: &Segment, fields: &Fields) -> bool {
    segment.iter().all(|predicate| predicate(fields))
}

/// [`Rule::of_six`] as it would stand in a program: nothing can be faster.
#[must_use]
pub struct Native {
    countries: [u32; 2],
    plan: u32,
    city: u32,
}

impl Native {
    /// With the numbers of its texts.
    pub fn new(texts: &mut Texts) -> Native {
        Native {
            countries: [texts.enter("FR"), texts.enter("BE")],
            plan: texts.enter("plus"),
            city: texts.enter("city-17"),
        }
    }

    /// Whether it holds.
    #[must_use]
    pub fn holds(&self, fields: &Fields) -> bool {
        (fields.country == self.countries[0] || fields.country == self.countries[1])
            && fields.age >= 25.0
            && fields.plan == self.plan
            && fields.score > 42.5
            && fields.city == self.city
            && fields.balance < 2_500.0
    }
}

/// A person to be asked about.
#[must_use]
pub fn ready<'s>(texts: &Texts, segments: &'s [Segment], person: &Person) -> Box<dyn Ready + 's> {
    Box::new(Asked { segments, fields: Fields::of(texts, person), found: Vec::new() })
}

struct Asked<'s> {
    segments: &'s [Segment],
    fields: Fields,
    found: Vec<u32>,
}

impl Ready for Asked<'_> {
    fn search(&mut self) -> usize {
        self.found.clear();
        for (number, segment) in self.segments.iter().enumerate() {
            if holds(segment, &self.fields) {
                self.found.push(number as u32);
            }
        }
        self.found.len()
    }

    fn found(&self) -> Vec<u32> {
        self.found.clone()
    }
}
