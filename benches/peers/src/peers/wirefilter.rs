//! wirefilter-engine: filters compiled to closures over fields in a row. It has no floats, and its integers are `i32`.

use crate::check::Ready;
use crate::rule::{Attribute, Dialect, list};
use crate::{Person, Rule};
use ::wirefilter::{ExecutionContext, Filter, LhsValue, Scheme, Type};

const DIALECT: Dialect = Dialect {
    and: " && ",
    equals: "==",
    one_of: |name, texts| format!("{name} in {}", list("{", texts, " ", "}")),
    in_tenths: true,
};

/// A rule in its words.
#[must_use]
pub fn text(rule: &Rule) -> String {
    rule.write(&DIALECT)
}

/// The attributes that rules read. Filters belong to the place where it lies.
#[must_use]
pub fn scheme() -> Scheme {
    let kind = |attribute: Attribute| if attribute.is_text() { Type::Bytes } else { Type::Int };
    let fields = Attribute::ALL.map(|attribute| (attribute.name().to_owned(), kind(attribute)));
    Scheme::try_from_iter(fields).unwrap_or_else(|error| panic!("{error:?}"))
}

/// One filter.
#[must_use]
pub fn compile<'s>(scheme: &'s Scheme, text: &str) -> Filter<'s> {
    scheme.parse(text).unwrap_or_else(|error| panic!("`{text}`: {error}")).compile()
}

/// Sets one field.
pub fn set<'v>(context: &mut ExecutionContext<'v>, name: &str, value: impl Into<LhsValue<'v>>) {
    context.set_field_value(name, value).unwrap_or_else(|error| panic!("{error:?}"));
}

/// Numbers here are small.
pub fn int(number: i64) -> i32 {
    i32::try_from(number).unwrap_or_else(|_| panic!("{number} passes 32 bits"))
}

/// A person's attributes.
#[must_use]
pub fn context<'v>(scheme: &'v Scheme, person: &'v Person) -> ExecutionContext<'v> {
    let mut context = ExecutionContext::new(scheme);
    set(&mut context, "country", person.country.as_str());
    set(&mut context, "plan", person.plan.as_str());
    set(&mut context, "city", person.city.as_str());
    set(&mut context, "age", int(person.age));
    set(&mut context, "score", int(person.score));
    set(&mut context, "balance", int(person.balance));
    context
}

/// Whether a filter lets a person through.
#[must_use]
pub fn holds<'v>(filter: &Filter<'v>, context: &ExecutionContext<'v>) -> bool {
    filter.execute(context).unwrap_or_else(|error| panic!("{error:?}"))
}

/// A person to be asked about.
#[must_use]
pub fn ready<'f, 's>(
    scheme: &'s Scheme,
    filters: &'f [Filter<'s>],
    person: &'s Person,
) -> Box<dyn Ready + 'f> {
    Box::new(Asked { filters, context: context(scheme, person), found: Vec::new() })
}

struct Asked<'f, 's> {
    filters: &'f [Filter<'s>],
    context: ExecutionContext<'s>,
    found: Vec<u32>,
}

impl Ready for Asked<'_, '_> {
    fn search(&mut self) -> usize {
        self.found.clear();
        for (number, filter) in self.filters.iter().enumerate() {
            if holds(filter, &self.context) {
                self.found.push(number as u32);
            }
        }
        self.found.len()
    }

    fn found(&self) -> Vec<u32> {
        self.found.clone()
    }
}
