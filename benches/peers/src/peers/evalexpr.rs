//! evalexpr: a small evaluator of expressions. It is under the AGPL: measured here, never a dependency of the crate.

use crate::rule::{Dialect, list};
use crate::{Person, Rule};
use ::evalexpr::{
    ContextWithMutableVariables, DefaultNumericTypes, HashMapContext, Node, Value, build_operator_tree,
};

const DIALECT: Dialect = Dialect {
    and: " && ",
    equals: "==",
    one_of: |name, texts| format!("contains(({}), {name})", list("", texts, ", ", "")),
    in_tenths: false,
};

/// A rule in its words.
#[must_use]
pub fn text(rule: &Rule) -> String {
    rule.write(&DIALECT)
}

/// One expression.
#[must_use]
pub fn compile(text: &str) -> Node {
    build_operator_tree::<DefaultNumericTypes>(text).unwrap_or_else(|error| panic!("`{text}`: {error}"))
}

/// Sets one variable.
pub fn set(context: &mut HashMapContext, name: &str, value: Value) {
    context.set_value(name.to_owned(), value).unwrap_or_else(|error| panic!("{error}"));
}

/// A person's attributes.
#[must_use]
pub fn context(person: &Person) -> HashMapContext {
    let mut context = HashMapContext::new();
    set(&mut context, "country", person.country.as_str().into());
    set(&mut context, "plan", person.plan.as_str().into());
    set(&mut context, "city", person.city.as_str().into());
    set(&mut context, "age", Value::from_int(person.age));
    set(&mut context, "score", Value::from_float(person.score()));
    set(&mut context, "balance", Value::from_int(person.balance));
    context
}

/// Whether an expression is true of a person.
#[must_use]
pub fn holds(node: &Node, context: &HashMapContext) -> bool {
    node.eval_boolean_with_context(context).unwrap_or_else(|error| panic!("{error}"))
}
