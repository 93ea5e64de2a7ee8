//! What `attribute.changed` says of the attribute that a condition names.

use crate::segment::ast::{Comparison, Expr, ExprKind, Literal};
use crate::segment::check::{Checker, EventScope, Type};

impl Checker<'_> {
    /// Notes of which attribute alone a condition lets changes through, so that `from` and `to` are of its kind.
    pub(crate) fn note_changed(&self, events: &mut EventScope, condition: Option<&Expr>) {
        let is_changed = events.names.as_deref().is_some_and(|names| {
            let [name] = names else { return false };
            **name == *"attribute.changed"
        });
        events.changed = condition.filter(|_| is_changed).and_then(named).map(Into::into);
    }

    /// The kind of `from` and `to` where the attribute is known and declared.
    pub(crate) fn changed_type(&self, property: &str, events: &EventScope) -> Option<Type> {
        let name = events.changed.as_deref().filter(|_| ["from", "to"].contains(&property))?;
        Some(Type::kept(self.schema.attribute_kind(name)?, self.schema.attribute_tags(name)))
    }
}

/// The text that `name` must be for a condition to hold.
fn named(condition: &Expr) -> Option<&str> {
    match &condition.kind {
        ExprKind::And(all) => all.iter().find_map(named),
        ExprKind::Compare(Comparison::Equal, left, right) => match (&left.kind, &right.kind) {
            (ExprKind::Name(path), ExprKind::Literal(Literal::Text(text)))
            | (ExprKind::Literal(Literal::Text(text)), ExprKind::Name(path)) => {
                matches!(&path.names[..], [own] if **own == *"name").then_some(text)
            }
            _ => None,
        },
        _ => None,
    }
}
