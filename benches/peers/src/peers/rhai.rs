//! rhai: a scripting language.

use crate::rule::{Dialect, list};
use crate::{Person, Rule};
use ::rhai::{AST, Engine, Scope};

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

/// One expression.
#[must_use]
pub fn compile(engine: &Engine, text: &str) -> AST {
    engine.compile_expression(text).unwrap_or_else(|error| panic!("`{text}`: {error}"))
}

/// A person's attributes.
#[must_use]
pub fn scope(person: &Person) -> Scope<'static> {
    let mut scope = Scope::new();
    scope
        .push("country", person.country.clone())
        .push("plan", person.plan.clone())
        .push("city", person.city.clone())
        .push("age", person.age)
        .push("score", person.score())
        .push("balance", person.balance);
    scope
}

/// Whether an expression is true of a person.
#[must_use]
pub fn holds(engine: &Engine, ast: &AST, scope: &mut Scope<'_>) -> bool {
    engine.eval_ast_with_scope(scope, ast).unwrap_or_else(|error| panic!("{error}"))
}
