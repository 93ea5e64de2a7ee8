//! Values of `set`, `emit` and `call`: written out, or made for each user by a template.

use crate::journey::context::RenderRequest;
use crate::journey::instance::Instance;
use crate::journey::run::Run;
use crate::journey::{Journey, StepAction};
use crate::model::{Instant, Message, OWN_MARK, Object, Value, is_template};
use crate::segment::Kind;

/// A value of a step.
#[derive(Debug)]
pub(crate) enum Filling {
    Value(Value),
    Template {
        /// The name under which the template is rendered, into a single field.
        name: Box<str>,
        /// What it is declared to be, where that must be so.
        kind: Option<Kind>,
    },
}

/// The field of a value's template.
const FIELD: &str = "";

impl Filling {
    pub(super) fn new(value: &Value, kind: Option<Kind>) -> Filling {
        match value {
            Value::String(text) if is_template(text) => Filling::Template { name: template_name(text), kind },
            value => Filling::Value(value.clone()),
        }
    }

    /// Whether it may read the event that began the journey.
    pub(super) fn reads_event(&self) -> bool {
        matches!(self, Filling::Template { name, .. } if name.contains("event"))
    }
}

/// What the template of a value is called: no template of a host has such a name.
pub(crate) fn template_name(text: &str) -> Box<str> {
    format!("{OWN_MARK}{text}").into()
}

/// The texts of a journey's values that are templates, each with where it is: its step, and the keys in that.
pub(crate) fn value_templates(journey: &Journey) -> Vec<(&str, Vec<String>)> {
    let mut found = Vec::new();
    for (number, step) in journey.steps.iter().enumerate() {
        let (values, keys) = match &step.action {
            StepAction::Set(values) => (values, &["set"][..]),
            StepAction::Emit(emit) => (&emit.properties, &["emit", "properties"][..]),
            StepAction::Call(call) => (&call.properties, &["call", "properties"][..]),
            _ => continue,
        };
        for (name, value) in values {
            let Value::String(text) = value else { continue };
            if is_template(text) {
                let path = ["step".to_owned(), number.to_string()].into_iter();
                let path = path.chain(keys.iter().map(|key| (*key).to_owned())).chain([name.to_string()]);
                found.push((&**text, path.collect()));
            }
        }
    }
    found
}

impl Run<'_, '_> {
    /// Values by name, made for the user of an instance.
    ///
    /// # Errors
    /// One that cannot be made, in words, or that no message could have: then none is.
    pub(super) fn filled(
        &self,
        instance: &Instance,
        values: &[(Box<str>, Filling)],
    ) -> Result<Object, String> {
        let mut object = Object::new();
        let mut message = Message::track("user", "filled");
        for (name, filling) in values {
            let value = match filling {
                Filling::Value(value) => value.clone(),
                Filling::Template { name: template, kind } => {
                    let (user, key, event) = (self.user, instance.key.value(), instance.event());
                    let rendered = (self.cx.render)(&RenderRequest { user, template, key, event })?;
                    let value = rendered.get(FIELD).cloned().ok_or("nothing is rendered here")?;
                    let value = of_kind(value, *kind)?;
                    message = message.with(&**name, value.clone());
                    value
                }
            };
            object.set(name.clone(), value);
        }
        message.check().map_err(|error| error.to_string())?;
        Ok(object)
    }
}

/// The value as what it is declared to be; numbers and truths are texts where those are wanted.
fn of_kind(value: Value, kind: Option<Kind>) -> Result<Value, String> {
    Ok(match (kind, value) {
        (Some(Kind::String), Value::Int(n)) => n.to_string().into(),
        (Some(Kind::String), Value::Float(x)) => format!("{x:?}").into(),
        (Some(Kind::String), Value::Bool(b)) => b.to_string().into(),
        (None, value)
        | (_, value @ Value::Null)
        | (Some(Kind::String), value @ Value::String(_))
        | (Some(Kind::Number), value @ (Value::Int(_) | Value::Float(_)))
        | (Some(Kind::Bool), value @ Value::Bool(_))
        | (Some(Kind::Geo), value @ Value::Geo(_))
        | (Some(Kind::List), value @ Value::List(_))
        | (Some(Kind::Instant), value @ Value::Instant(_)) => value,
        (Some(Kind::Instant), Value::String(text)) if text.parse::<Instant>().is_ok() => Value::String(text),
        (Some(_), value) => {
            return Err(format!("{} is declared as another kind of value", value.kind_name()));
        }
    })
}
