//! Expressions about items of the catalogue: a plain name is an attribute of the item, `user.NAME` one of the user.

use crate::model::Quoted;
use crate::profile::Packed;
use crate::segment::check::{Checked, Checker, Scope, Type};
use crate::segment::check_names::BUILT_IN;
use crate::segment::evaluate::Evaluation;
use crate::segment::node::{Constant, Node};
use crate::segment::value::Val;
use crate::segment::{Error, ErrorKind, ITEM_VECTOR, ItemSlot, Span};

/// What an expression about items may name of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ItemScope {
    /// The item as it is.
    Now,
    /// Besides, as it was before a change: `old.NAME`.
    Change,
}

/// An item as expressions see it: its values by number of the attribute, or none where it is not described.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ItemView<'a> {
    pub(crate) id: &'a str,
    pub(crate) now: &'a [Packed],
    /// Before a change; the same where none is looked at.
    pub(crate) before: &'a [Packed],
}

/// What stands before names that are not those of items.
const OTHERS: [&str; 5] = ["user.", "world.", "predict.", "request.", "session."];

impl Checker<'_> {
    /// What a name is among those of items; nothing where it is none of their business.
    pub(crate) fn item_name(&mut self, name: &str, span: Span, scope: &Scope) -> Option<Checked> {
        let items = scope.item?;
        if let Some(attribute) = name.strip_prefix("item.") {
            return Some(self.item_attribute(attribute, span, Node::Item));
        }
        if let (Some(attribute), ItemScope::Change) = (name.strip_prefix("old."), items) {
            return Some(self.item_attribute(attribute, span, Node::ItemBefore));
        }
        // Behind `where` and within `has(…)` plain names belong to the event and to the object.
        if scope.events.is_some() || scope.list.is_some() {
            return None;
        }
        let is_of_user = self.schema.attribute_kind(name).is_some();
        let is_of_items = self.schema.items.slot(name).is_some();
        if is_of_items && is_of_user {
            let message = format!("{} may be the item's or the user's", Quoted(name));
            let error = Error::new(ErrorKind::Ambiguous, message, span);
            return Some(self.error(error.help(format!("write `item.{name}` or `user.{name}`"))));
        }
        let is_built_in = BUILT_IN.contains(&name) || name.eq_ignore_ascii_case("now") || name == "key";
        if !is_of_items && (is_built_in || OTHERS.iter().any(|other| name.starts_with(other))) {
            return None;
        }
        Some(self.item_attribute(name, span, Node::Item))
    }

    fn item_attribute(&mut self, name: &str, span: Span, node: fn(ItemSlot) -> Node) -> Checked {
        let schema = self.schema;
        if let Some((slot, kind)) = schema.items.slot(name) {
            return self.still(node(slot), kind.into());
        }
        if name == "id" {
            return self.still(Node::ItemId, Type::Text);
        }
        if schema.is_partial {
            return self.still(Node::Constant(Constant::Bool(true)), Type::Any);
        }
        if name == ITEM_VECTOR && schema.items.vector > 0 {
            let message = "the vector of an item is for recommenders, and no expression reads it";
            return self.refuse(ErrorKind::OutOfPlace, message, span);
        }
        let message = format!("unknown attribute {} of items", Quoted(name));
        let error = Error::new(ErrorKind::UnknownName, message, span);
        let near = self.near(name, schema.items.names().chain(["id"])).map(str::to_owned);
        self.error(match near {
            Some(near) => error.suggest(Some(&near)),
            None if schema.attribute_kind(name).is_some() => {
                error.help(format!("the user's attribute is `user.{name}` here"))
            }
            None => error.help("declare it under [catalogue]"),
        })
    }

    /// Reports `item.NAME` where no item is looked at; nothing where the name is none, or an attribute of the user.
    pub(crate) fn item_out_of_place(&mut self, name: &str, span: Span) -> Option<Checked> {
        let schema = self.schema;
        let is_meant = name.starts_with("item.") && !schema.items.is_empty();
        if !is_meant || schema.is_partial || schema.attribute_kind(name).is_some() {
            return None;
        }
        let message = "`item.…` is known only where an item is looked at";
        let error = Error::new(ErrorKind::OutOfPlace, message, span);
        Some(self.error(error.help("that is in filters of items, and in what begins a journey by `item`")))
    }
}

impl<'a> Evaluation<'a> {
    /// The same, looking at an item.
    pub(crate) fn of_item(mut self, item: ItemView<'a>) -> Evaluation<'a> {
        self.item = Some(item);
        self
    }

    /// An attribute of the item that is looked at.
    pub(crate) fn item_value(&self, slot: ItemSlot) -> Val<'a> {
        self.unpack_item(self.item.map_or(&[], |item| item.now), slot)
    }

    /// The same before it changed.
    pub(crate) fn item_before(&self, slot: ItemSlot) -> Val<'a> {
        self.unpack_item(self.item.map_or(&[], |item| item.before), slot)
    }

    fn unpack_item(&self, row: &[Packed], slot: ItemSlot) -> Val<'a> {
        row.get(usize::from(slot.0)).map_or(Val::Missing, |value| Val::unpack(*value, self.symbols))
    }

    pub(crate) fn item_id(&self) -> Val<'a> {
        self.item.map_or(Val::Missing, |item| Val::Text(item.id))
    }
}
