//! cel: the Common Expression Language.

use crate::rule::{Dialect, list};
use crate::{Person, Rule};
use ::cel::{Context, Env, Program, Value};
use std::sync::Arc;

const DIALECT: Dialect = Dialect {
    and: " && ",
    equals: "==",
    one_of: |name, texts| format!("{name} in {}", list("[", texts, ", ", "]")),
    in_tenths: false,
};

/// A rule in its words.
#[must_use]
pub fn text(rule: &Rule) -> String {
    rule.write(&DIALECT)
}

/// The standard functions, shared by all programs and contexts.
#[must_use]
pub fn environment() -> Arc<Env> {
    Arc::new(Env::stdlib())
}

/// One program.
#[must_use]
pub fn compile(environment: &Env, text: &str) -> Program {
    environment.compile(text).unwrap_or_else(|error| panic!("`{text}`: {error}"))
}

/// A person's attributes.
#[must_use]
pub fn context(environment: &Arc<Env>, person: &Person) -> Context<'static, 'static> {
    let mut context = Context::with_env(environment.clone());
    context.add_variable_from_value("country", person.country.as_str());
    context.add_variable_from_value("plan", person.plan.as_str());
    context.add_variable_from_value("city", person.city.as_str());
    context.add_variable_from_value("age", person.age);
    context.add_variable_from_value("score", person.score());
    context.add_variable_from_value("balance", person.balance);
    context
}

/// Whether a program is true of a person.
#[must_use]
pub fn holds(program: &Program, context: &Context<'_, '_>) -> bool {
    match program.execute(context) {
        Ok(Value::Bool(holds)) => holds,
        other => panic!("no bool: {other:?}"),
    }
}
