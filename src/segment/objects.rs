//! `has(devices where …)`: whether one object of a list attribute meets all of a condition.

use crate::model::{Quoted, Value};
use crate::segment::ast::{Expr, Path};
use crate::segment::check::{Checked, Checker, Scope, Type};
use crate::segment::check_names::BUILT_IN;
use crate::segment::evaluate::{Evaluation, Truth};
use crate::segment::node::{Constant, Node, NodeId, SlotId};
use crate::segment::value::{List, NEVER, Val};
use crate::segment::{Error, ErrorKind, Span};

impl Checker<'_> {
    pub(crate) fn has(&mut self, list: &Path, condition: &Expr, span: Span, scope: &Scope) -> Checked {
        self.outside_where("`has(…)`", span, scope)?;
        let dotted = list.dotted();
        let name = dotted.strip_prefix("user.").unwrap_or(&dotted);
        if !self.schema.lists.contains_key(name) {
            if self.schema.is_partial {
                return self.still(Node::Constant(Constant::Bool(true)), Type::Bool);
            }
            return self.no_objects(name, list.span);
        }
        let scope = Scope { list: Some(name.into()), ..scope.clone() };
        let condition = self.condition(condition, &scope)?;
        let symbol = self.symbols.intern(name);
        self.reads.attributes.push(symbol);
        let slot = self.arena.slot(symbol);
        self.still(Node::Has(slot, condition), Type::Bool)
    }

    /// An attribute that is not declared as a list of objects: none are kept of it, whatever the schema allows.
    fn no_objects(&mut self, name: &str, span: Span) -> Checked {
        let declare = || format!("declare what its objects have: `{name} = [{{ field = \"string\" }}]`");
        if let Some(kind) = self.schema.attribute_kind(name) {
            let message =
                format!("a list of objects is wanted, {} is {}", Quoted(name), Type::from(kind).words());
            let error = Error::new(ErrorKind::Kind, message, span);
            return self.error(match Type::from(kind) {
                Type::List => error.help(format!("ask `{name} contains …`, or {}", declare())),
                _ => error.help("compare it as it is"),
            });
        }
        let near = self.near(name, self.schema.lists.keys().map(|list| &**list)).map(str::to_owned);
        let error = Error::new(ErrorKind::UnknownName, format!("unknown attribute {}", Quoted(name)), span);
        self.error(match near {
            Some(near) => error.suggest(Some(&near)),
            None => error.help(declare()),
        })
    }

    /// What a name is among the fields of a list's objects; nothing where it is none of their business. Fields that
    /// are not declared are not kept, so they are refused even where names need not be declared.
    pub(crate) fn field(&mut self, name: &str, list: &str, span: Span) -> Option<Checked> {
        let fields = self.schema.lists.get(list)?;
        if let Some(kind) = fields.get(name) {
            let kind = (*kind).into();
            return Some(self.still(Node::Field(name.into()), kind));
        }
        let is_now = name.eq_ignore_ascii_case("now");
        let is_of_all =
            ["request.", "user.", "world.", "predict."].iter().any(|start| name.starts_with(start));
        if is_now || is_of_all || name == "key" || BUILT_IN.contains(&name) {
            return None;
        }
        if self.schema.is_partial {
            return Some(self.still(Node::Field(name.into()), Type::Any));
        }
        let message = format!("unknown field {} of {}", Quoted(name), Quoted(list));
        let error = Error::new(ErrorKind::UnknownName, message, span);
        let error = match self.near(name, fields.keys().map(|field| &**field)) {
            Some(near) => error.suggest(Some(near)),
            None if self.schema.attribute_kind(name).is_some() => {
                error.help(format!("the user's attribute is `user.{name}` here"))
            }
            None => error.help(format!("declare it with the list: `{list} = [{{ {name} = \"string\" }}]`")),
        };
        Some(self.error(error))
    }
}

impl<'a> Evaluation<'a> {
    /// Whether an object of a list meets a condition. One is enough, so it stays as long as the one that stays
    /// longest; without one, until the first that time alone may make meet it.
    pub(crate) fn has(&self, list: SlotId, condition: NodeId) -> Truth {
        let Val::List(List::Values(objects)) = Val::unpack(self.attribute(list), self.symbols) else {
            return Truth::new(false, NEVER);
        };
        let (mut none, mut some) = (NEVER, None::<i64>);
        for object in objects {
            let Value::Object(object) = object else { continue };
            let truth = self.of_object(object).truth(condition);
            if truth.holds {
                some = some.max(Some(truth.until));
                if some == Some(NEVER) {
                    break;
                }
            } else {
                none = none.min(truth.until);
            }
        }
        some.map_or(Truth::new(false, none), |until| Truth::new(true, until))
    }

    /// A field of the object that is looked at.
    pub(crate) fn field(&self, name: &str) -> Val<'a> {
        self.object.and_then(|object| object.get(name)).map_or(Val::Missing, Val::of)
    }
}
