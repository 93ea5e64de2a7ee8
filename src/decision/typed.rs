//! What a text gives that is one expression, as a value and not as text: `{{ event.price }}` is a number.

use crate::decision::template::words;
use crate::model::{Geo, Value};
use minijinja::value::ValueKind;
use minijinja::{Environment, Value as Rendered};

/// Deepest nesting of what an expression gives.
const DEPTH_MAX: usize = 16;

/// The expression that a text is, if it is a single one.
pub(super) fn expression<'t>(text: &'t str, environment: &Environment<'_>) -> Option<&'t str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    // Two of them with something between are none.
    environment.compile_expression_owned(inner.to_owned()).is_ok().then_some(inner)
}

/// What an expression gives; what is missing is null.
pub(super) fn evaluate(
    expression: &str,
    environment: &Environment<'_>,
    context: &Rendered,
) -> Result<Value, String> {
    let compiled = environment.compile_expression_owned(expression.to_owned());
    let given = compiled.and_then(|compiled| compiled.eval(context.clone()));
    value(&given.map_err(|error| words(&error, expression))?, DEPTH_MAX)
}

fn value(given: &Rendered, depth: usize) -> Result<Value, String> {
    let odd = || format!("it gives {}, and a text, a number or a truth is wanted", given.kind());
    let depth = depth.checked_sub(1).ok_or("it is nested too deeply")?;
    Ok(match given.kind() {
        ValueKind::Undefined | ValueKind::None => Value::Null,
        ValueKind::Bool => Value::Bool(given.is_true()),
        ValueKind::Number => match given.as_i64().filter(|_| given.is_integer()) {
            Some(n) => Value::Int(n),
            None => Value::Float(f64::try_from(given.clone()).map_err(|_| odd())?),
        },
        ValueKind::String => given.as_str().map(Value::from).ok_or_else(odd)?,
        ValueKind::Seq | ValueKind::Iterable => {
            let items = given.try_iter().map_err(|_| odd())?;
            Value::List(items.map(|item| value(&item, depth)).collect::<Result<_, _>>()?)
        }
        // A place is told so.
        ValueKind::Map => {
            let degrees =
                |name| given.get_attr(name).ok().and_then(|of| f64::try_from(of).ok()).ok_or_else(odd);
            Value::Geo(Geo { lat: degrees("lat")?, lon: degrees("lon")? })
        }
        _ => return Err(odd()),
    })
}
