//! What is kept as a hash or not at all, and what is shown to nobody, in expressions.

use crate::model::{HashKey, Quoted};
use crate::segment::ast::{Comparison, Expr, ExprKind, Literal};
use crate::segment::check::{Checker, EventScope, Type, Typed};
use crate::segment::check_names::events_of;
use crate::segment::node::{Constant, Node, NodeId};
use crate::segment::schema::EventSchema;
use crate::segment::tags::{Stored, Tags};
use crate::segment::{Error, ErrorKind, Kind, Span};

impl Type {
    /// The type of a value that is kept as its tags say.
    pub(crate) fn kept(kind: Kind, tags: Tags) -> Type {
        if tags.stored == Stored::Hash { Type::Hash } else { kind.into() }
    }
}

impl Checker<'_> {
    /// Refuses to read what is not kept.
    pub(crate) fn is_kept(&mut self, name: &str, stored: Stored, span: Span) -> Option<()> {
        if stored != Stored::Drop {
            return Some(());
        }
        let message = format!("{} is not kept, so nothing can be asked of it", Quoted(name));
        let error = Error::new(ErrorKind::UnknownName, message, span);
        self.error(error.help("its schema says `store = \"drop\"`; keep it as a hash to compare it"))
    }

    /// The strictest way in which a property of the events in scope is stored.
    pub(crate) fn property_stored(&self, name: &str, events: &EventScope) -> Stored {
        let name = name.strip_prefix("event.").filter(|_| events.list.is_some()).unwrap_or(name);
        let tags = events_of(self.schema, events).into_iter().filter_map(|event| event.tags.get(name));
        tags.map(|tags| tags.stored).max().unwrap_or_default()
    }

    /// A text beside a hash: the hash of the text.
    pub(crate) fn hashed(&mut self, typed: Typed, expr: &Expr, beside: Typed) -> Option<Typed> {
        if (typed.kind, beside.kind) != (Type::Text, Type::Hash) {
            return Some(typed);
        }
        let ExprKind::Literal(Literal::Text(text)) = &expr.kind else {
            let message = "a hash can be compared with a text that is written out, or with another hash";
            return self.refuse(ErrorKind::Kind, message, expr.span);
        };
        let constant = self.hashed_text(text);
        self.still(Node::Constant(constant), Type::Hash)
    }

    /// A list beside a hash: those of its texts.
    pub(crate) fn hashed_list(&mut self, list: Typed, expr: &Expr, item: Typed) -> Option<Typed> {
        if item.kind != Type::Hash {
            return Some(list);
        }
        let ExprKind::List(items) = &expr.kind else {
            let message = "a hash is looked for among texts that are written out";
            return self.refuse(ErrorKind::Kind, message, expr.span);
        };
        let mut hashes = Vec::with_capacity(items.len());
        for (literal, _) in items {
            hashes.push(match literal {
                Literal::Text(text) => self.hashed_text(text),
                other => self.constant(other).0,
            });
        }
        self.still(Node::Constant(Constant::List(Box::new(hashes))), Type::List)
    }

    /// The hash of a text.
    pub(crate) fn hashed_text(&mut self, text: &str) -> Constant {
        let hash = self.schema.hash_key.as_ref().unwrap_or(&HashKey::default()).hash(text);
        Constant::Text(self.symbols.intern(&hash))
    }

    /// The kind of a property whichever event it is of: a hash where all that have it keep it as one.
    pub(crate) fn kind_of_any(&self, name: &str) -> Type {
        let mut events =
            self.schema.events.values().filter(|event| event.properties.contains_key(name)).peekable();
        let is_hash =
            |event: &EventSchema| event.tags.get(name).is_some_and(|tags| tags.stored == Stored::Hash);
        if events.peek().is_some() && events.all(is_hash) { Type::Hash } else { Type::Any }
    }

    /// Hashes are equal or not, and nothing else.
    pub(crate) fn is_of_hashes(
        &mut self,
        comparison: Comparison,
        sides: [Typed; 2],
        span: Span,
    ) -> Option<()> {
        let is_equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        if is_equality || sides.iter().all(|side| side.kind != Type::Hash) {
            return Some(());
        }
        self.refuse(ErrorKind::Kind, "a hash has no order, so nothing is less or greater", span)
    }

    /// Notes a value beside what is shown to nobody: where the comparison holds, it tells as much.
    pub(crate) fn hide_beside(&mut self, typed: Typed, beside: &Expr) {
        let is_constant = matches!(beside.kind, ExprKind::Literal(_) | ExprKind::List(_));
        if self.trace.is_some() && is_constant && self.is_hidden(typed.node) {
            self.masked.push(beside.span);
        }
    }

    /// Whether a node gives a value that is shown to nobody, or one that is made of it.
    pub(crate) fn is_hidden(&self, node: NodeId) -> bool {
        match self.arena.node(node) {
            Node::Attribute(slot) => {
                let name = self.symbols.text(self.arena.slots[slot.0 as usize]);
                self.schema.attribute_tags(name).is_hidden()
            }
            Node::KeyedAttribute(prefix) => self.schema.attribute_tags(prefix).is_hidden(),
            Node::Property(property) => self.is_hidden_property(self.keep.property_name(*property)),
            // How many there are says nothing of what they are.
            Node::Aggregate(aggregate) => {
                let property = aggregate.property.map(|property| self.keep.property_name(property));
                property.is_some_and(|property| self.is_hidden_property(property))
            }
            Node::Segment(_) | Node::Sequence(_) | Node::Some(..) | Node::Has(..) | Node::Score(_) => false,
            other => {
                let mut is_hidden = false;
                other.children(|child| is_hidden |= self.is_hidden(child));
                is_hidden
            }
        }
    }

    fn is_hidden_property(&self, name: &str) -> bool {
        let tags = self.schema.events.values().filter_map(|event| event.tags.get(name));
        tags.into_iter().any(Tags::is_hidden)
    }

    /// Refuses to key by, or to learn from, what is shown to nobody: keys and what was learned are shown.
    pub(crate) fn may_be_shown(&mut self, name: &str, span: Span) -> Option<()> {
        if !self.is_hidden_property(name) {
            return Some(());
        }
        let message = format!("{} is direct personal data, and this would show it", Quoted(name));
        let error = Error::new(ErrorKind::OutOfPlace, message, span);
        self.error(error.help("keep it as a hash: `store = \"hash\"`"))
    }
}
