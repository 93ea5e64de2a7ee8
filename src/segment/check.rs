//! Trees to nodes: names are resolved, kinds are checked, and what is read is noted.

use crate::model::{Duration, Quoted, Value, nearest};
use crate::profile::{EventKind, Packed, PropertyId, Symbol, Symbols};
use crate::segment::arena::Arena;
use crate::segment::ast::{Comparison, Expr, ExprKind, Literal, Operator, TextTest};
use crate::segment::echo::Echoes;
use crate::segment::item::ItemScope;
use crate::segment::names::Names;
use crate::segment::node::{AggregateOp, Bits, Constant, Kinds, Node, NodeId, Parts, Pattern, Window};
use crate::segment::plan::{GateCount, SegmentId, SegmentText};
use crate::segment::score::CheckedScore;
use crate::segment::{Error, ErrorKind, Kind, Schema, Score, Span};
use hashbrown::HashMap;
use std::cell::Cell;

/// Largest compiled size of a regular expression.
const REGEX_BYTES_MAX: usize = 1 << 20;
/// Largest one that counts as a small one.
const SMALL_REGEX_BYTES_MAX: usize = 64 << 10;
/// Largest size of all regular expressions of a text: compiling them takes time and space in it.
const REGEXES_BYTES_MAX: usize = 16 << 20;
/// Most unknown names of a text, and of all texts, for which the nearest that is known is looked for.
const COMPARED_IN_TEXT_MAX: usize = 20;
const COMPARED_MAX: usize = 1_000;

/// The kind of a node as far as it is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Type {
    /// Decided per value.
    Any,
    Bool,
    Number,
    /// What `distance` gives: metres, also as a plain number.
    Distance,
    /// `5 km`: compared with distances only.
    Metres,
    Text,
    Instant,
    Duration,
    Time,
    Geo,
    List,
    /// A list whose objects count as events, of which the property itself keeps nothing.
    Objects,
    Version,
    /// What is kept of a text as its hash.
    Hash,
}

impl From<Kind> for Type {
    fn from(kind: Kind) -> Type {
        match kind {
            Kind::Bool => Type::Bool,
            Kind::Number => Type::Number,
            Kind::String => Type::Text,
            Kind::Instant => Type::Instant,
            Kind::Geo => Type::Geo,
            Kind::List => Type::List,
        }
    }
}

impl Type {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Type::Any => "a value",
            Type::Bool => "a bool",
            Type::Number => "a number",
            Type::Distance | Type::Metres => "a distance",
            Type::Text => "a string",
            Type::Instant => "an instant",
            Type::Duration => "a duration",
            Type::Time => "a time of day",
            Type::Geo => "a geo point",
            Type::List => "a list",
            Type::Objects => "a list of objects (which are events: `count(order.products)`)",
            Type::Version => "a version",
            Type::Hash => "a hash",
        }
    }

    pub(crate) fn is_number(self) -> bool {
        matches!(self, Type::Any | Type::Number | Type::Distance)
    }

    fn comparable(self, other: Type) -> bool {
        use Type::{Any, Distance, Hash, Metres, Number, Text, Version};
        self == other
            || matches!((self, other), (Any, _) | (_, Any))
            || matches!((self, other), (Distance, Number | Metres) | (Number | Metres, Distance))
            || matches!((self, other), (Version | Hash, Text) | (Text, Version | Hash))
    }
}

/// A node with what is known of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Typed {
    pub(crate) node: NodeId,
    pub(crate) kind: Type,
    /// Whether its value changes continuously with time.
    pub(crate) moves: bool,
}

/// What an expression reads, so that it is evaluated when that changes.
#[derive(Debug, Default, Clone)]
pub(crate) struct Reads {
    /// Each with the window it is read in.
    pub(crate) events: Vec<(Kinds, Window)>,
    pub(crate) attributes: Vec<Symbol>,
    pub(crate) prefixes: Vec<Box<str>>,
    pub(crate) affinities: Vec<u32>,
    pub(crate) session: bool,
    pub(crate) zone: bool,
    pub(crate) segments: Vec<SegmentId>,
    /// How deep the conditions of its scores are nested; 0 where it asks for none.
    pub(crate) score_depth: usize,
    /// Segments whose stays or changes are asked for.
    pub(crate) stays: Vec<SegmentId>,
    /// Those of them whose changes are asked for as events.
    pub(crate) told: Vec<(SegmentId, Span)>,
    /// Whether the changes of all segments are.
    pub(crate) all_stays: bool,
    /// Whether it is asked who is in a journey.
    pub(crate) journeys: bool,
    /// Bytes of its regular expressions, rounded up.
    pub(crate) pattern_bytes: usize,
}

/// What stands around an expression.
#[derive(Clone, Default)]
pub(crate) struct Scope {
    /// The events that `where` looks at.
    pub(crate) events: Option<EventScope>,
    /// The property that parts are keyed by.
    pub(crate) by: Option<PropertyId>,
    /// The list attribute whose objects' fields are looked at.
    pub(crate) list: Option<Box<str>>,
    /// Whether it is the condition of a placement, which knows the host's request.
    pub(crate) in_placement: bool,
    /// Where it is about an item of the catalogue: what it knows of it.
    pub(crate) item: Option<ItemScope>,
}

/// The events that a name may belong to.
#[derive(Clone)]
pub(crate) struct EventScope {
    /// Their names; none means all.
    pub(crate) names: Option<Vec<Box<str>>>,
    /// The list whose elements stand for events.
    pub(crate) list: Option<Box<str>>,
    pub(crate) kinds: Kinds,
    /// Of changes of attributes, the one that they are all of.
    pub(crate) changed: Option<Box<str>>,
}

pub(crate) struct Checker<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) arena: Arena,
    pub(crate) keep: crate::profile::Keep,
    pub(crate) symbols: Symbols,
    /// Properties to keep with events; done at the end, when all kinds are known.
    pub(crate) columns: Vec<(Kinds, PropertyId, bool)>,
    pub(crate) names: &'a Names,
    pub(crate) segments: &'a [SegmentText],
    /// Names of the affinities that are read, in order of first use.
    pub(crate) affinities: Vec<Box<str>>,
    /// The names of the lifecycle's segments as they are given, and those of them that there are.
    pub(crate) lifecycle_names: &'a [Box<str>],
    pub(crate) lifecycle: Vec<SegmentId>,
    pub(crate) scores: &'a [Score],
    /// As many as there are once expressions may ask for them; nothing for those that are wrong.
    pub(crate) checked_scores: Vec<Option<CheckedScore>>,
    /// What is asked beside attributes and events, by any of the expressions.
    pub(crate) echoes: Echoes,
    pub(crate) reads: Reads,
    pub(crate) errors: Vec<Error>,
    /// How many names that are not known were compared with those that are.
    pub(crate) compared: Cell<usize>,
    /// What became of each part of a text, where that is asked for.
    pub(crate) trace: Option<Trace>,
    /// The places of values in that text that are shown to nobody.
    pub(crate) masked: Vec<Span>,
    /// Whether aggregates over all time may be running values, which have seen every event and know of none when it was.
    pub(crate) has_totals: bool,
    /// The property that is kept for the shortest time of those that were read, and for how long.
    pub(crate) ttl: Option<(Box<str>, Duration)>,
}

/// What became of the parts of a text, each known by its place: no two parts have the same.
pub(crate) type Trace = HashMap<Span, Typed, ahash::RandomState>;

pub(crate) type Checked = Option<Typed>;

impl Checker<'_> {
    pub(crate) fn push(&mut self, node: Node) -> NodeId {
        self.arena.push(node)
    }

    /// A node that stays as it is while nothing happens.
    pub(crate) fn still(&mut self, node: Node, kind: Type) -> Checked {
        Some(Typed { node: self.push(node), kind, moves: false })
    }

    /// The members of a conjunction or disjunction, with those of members that are the same.
    fn flat(&self, nodes: Vec<NodeId>, is_and: bool) -> Vec<NodeId> {
        let mut flat = Vec::with_capacity(nodes.len());
        for node in nodes {
            match self.arena.node(node) {
                Node::And(inner) if is_and => flat.extend_from_slice(inner),
                Node::Or(inner) if !is_and => flat.extend_from_slice(inner),
                _ => flat.push(node),
            }
        }
        flat
    }

    /// The members of a conjunction or disjunction, those first that look at attributes alone: they often decide it.
    fn cheap_first(&self, mut nodes: Vec<NodeId>) -> Box<[NodeId]> {
        nodes.sort_by_key(|node| self.arena.cost(*node));
        nodes.into()
    }

    /// How many members of a conjunction look at attributes alone; they come first.
    pub(crate) fn gate_count(&self, root: NodeId) -> GateCount {
        let members = match self.arena.node(root) {
            Node::And(all) => all,
            _ => std::slice::from_ref(&root),
        };
        let gates = members.iter().take_while(|node| self.arena.is_plain(**node)).count();
        GateCount::of(gates, members.len())
    }

    fn negated(&mut self, node: NodeId, negated: bool) -> Checked {
        let node = if negated { self.push(Node::Not(node)) } else { node };
        Some(Typed { node, kind: Type::Bool, moves: false })
    }

    /// The name nearest to one that is not known. Of a text with many such names only the first are compared with
    /// all that are known, and of all texts a thousand: who reads so many errors has seen what is wrong.
    pub(crate) fn near<'n>(&self, wanted: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
        if self.errors.len() >= COMPARED_IN_TEXT_MAX || self.compared.get() >= COMPARED_MAX {
            return None;
        }
        self.compared.set(self.compared.get() + 1);
        nearest(wanted, names)
    }

    pub(crate) fn error<T>(&mut self, error: Error) -> Option<T> {
        self.errors.push(error);
        None
    }

    pub(crate) fn refuse<T>(&mut self, kind: ErrorKind, message: impl Into<String>, span: Span) -> Option<T> {
        self.error(Error::new(kind, message, span))
    }

    /// Checks that a bool is there.
    pub(crate) fn condition(&mut self, expr: &Expr, scope: &Scope) -> Option<NodeId> {
        let typed = self.expr(expr, scope)?;
        if matches!(typed.kind, Type::Bool | Type::Any) {
            return Some(typed.node);
        }
        let message = format!("a condition is wanted, this is {}", typed.kind.words());
        let error = Error::new(ErrorKind::Kind, message, expr.span);
        let help = match &expr.kind {
            ExprKind::Aggregate { name, .. } if &**name == "count" => {
                "compare it: `count(…) >= 1`, or ask `did(…)`"
            }
            _ => "compare it with a value, or ask `is present`",
        };
        self.error(error.help(help))
    }

    pub(crate) fn expr(&mut self, expr: &Expr, scope: &Scope) -> Checked {
        let checked = self.expr_untraced(expr, scope);
        if let (Some(trace), Some(typed)) = (&mut self.trace, checked) {
            trace.insert(expr.span, typed);
        }
        checked
    }

    fn expr_untraced(&mut self, expr: &Expr, scope: &Scope) -> Checked {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Invalid => None,
            ExprKind::Literal(literal) => {
                let (constant, kind) = self.constant(literal);
                self.still(Node::Constant(constant), kind)
            }
            ExprKind::List(items) => {
                let items = items.iter().map(|(literal, _)| self.constant(literal).0).collect();
                self.still(Node::Constant(Constant::List(Box::new(items))), Type::List)
            }
            ExprKind::Name(path) => self.name(path, scope),
            ExprKind::KeyedName(path) => {
                if scope.by.is_none() {
                    let error = Error::new(
                        ErrorKind::OutOfPlace,
                        "`[key]` has a meaning only in a keyed segment",
                        span,
                    );
                    return self.error(error.help("give the segment a `by`, or use `some NAME: (…)`"));
                }
                let path = path.dotted();
                let prefix = format!("{}.", path.strip_prefix("user.").unwrap_or(&path));
                let kind = match self.schema.group_of(&prefix) {
                    Some((known, kind)) => {
                        let tags = self.schema.prefix_tags.get(known).copied().unwrap_or_default();
                        self.is_kept(&path, tags.stored, span)?;
                        Type::kept(kind, tags)
                    }
                    None if !self.schema.strict => Type::Any,
                    None => {
                        let error = Error::new(
                            ErrorKind::UnknownName,
                            format!("unknown attributes {}", Quoted(&format!("{prefix}*"))),
                            span,
                        );
                        return self.error(error.help(format!("declare `\"{prefix}*\"` under [attributes]")));
                    }
                };
                self.reads.prefixes.push(prefix.as_str().into());
                self.still(Node::KeyedAttribute(prefix.into()), kind)
            }
            ExprKind::Not(inner) => {
                let inner = self.condition(inner, scope)?;
                self.still(Node::Not(inner), Type::Bool)
            }
            ExprKind::And(all) | ExprKind::Or(all) => {
                // All are checked before any failure counts, so that every error is reported.
                let nodes: Vec<_> = all.iter().map(|each| self.condition(each, scope)).collect();
                let nodes: Vec<NodeId> = nodes.into_iter().collect::<Option<_>>()?;
                let is_and = matches!(expr.kind, ExprKind::And(_));
                let nodes = self.cheap_first(self.flat(nodes, is_and));
                let node = if is_and { Node::And(nodes) } else { Node::Or(nodes) };
                self.still(node, Type::Bool)
            }
            ExprKind::Compare(comparison, left, right) => self.compare(*comparison, left, right, span, scope),
            ExprKind::In(item, list, negated) => {
                let (item_typed, list_typed) = (self.expr(item, scope), self.expr(list, scope));
                let (item_typed, list_typed) = (item_typed?, list_typed?);
                if !matches!(list_typed.kind, Type::List | Type::Any) {
                    return self.wrong_kind("a list", list_typed.kind, list.span);
                }
                self.check_words(item_typed, list)?;
                if item_typed.kind == Type::Version {
                    self.versions_written_out(list)?;
                }
                if let ExprKind::List(items) = &list.kind {
                    let strange = items.iter().find(|(l, _)| !literal_type(l).comparable(item_typed.kind));
                    if let Some((literal, place)) = strange {
                        return self.do_not_compare(
                            item_typed.kind,
                            literal_type(literal),
                            *place,
                            item,
                            list,
                        );
                    }
                }
                self.hide_beside(item_typed, list);
                let list_typed = self.hashed_list(list_typed, list, item_typed)?;
                let node = match self.test_in(item_typed.node, list_typed.node) {
                    Some(test) => test,
                    None => Node::In(item_typed.node, list_typed.node),
                };
                let node = self.push(node);
                self.negated(node, *negated)
            }
            ExprKind::Between(x, low, high) => {
                let (typed, low_typed, high_typed) =
                    (self.expr(x, scope), self.expr(low, scope), self.expr(high, scope));
                let (typed, low_typed, high_typed) = (typed?, low_typed?, high_typed?);
                let above = self.compare_typed(Comparison::GreaterOrEqual, typed, low_typed, x, low, span)?;
                let below = self.compare_typed(Comparison::LessOrEqual, typed, high_typed, x, high, span)?;
                let both = Box::new([above.node, below.node]);
                self.still(
                    if is_over_midnight(low, high) { Node::Or(both) } else { Node::And(both) },
                    Type::Bool,
                )
            }
            ExprKind::Text(test, text, pattern) => self.text_test(*test, text, pattern, scope),
            ExprKind::IsMissing(inner, negated) => {
                let inner = self.expr(inner, scope)?;
                let node = self.push(Node::IsMissing(inner.node));
                self.negated(node, *negated)
            }
            ExprKind::Chain(first, rest) => self.chain(first, rest, scope),
            ExprKind::Negative(inner) => {
                let typed = self.expr(inner, scope)?;
                if !typed.kind.is_number() && typed.kind != Type::Duration {
                    return self.wrong_kind("a number or a duration", typed.kind, inner.span);
                }
                let kind = if typed.kind == Type::Distance { Type::Number } else { typed.kind };
                Some(Typed { node: self.push(Node::Negative(typed.node)), kind, moves: typed.moves })
            }
            ExprKind::Call { name, name_span, args } => self.call(name, *name_span, args, span, scope),
            ExprKind::Aggregate { name, name_span, events, args } => {
                self.aggregate(name, *name_span, events, args, scope)
            }
            ExprKind::Sequence { steps, window } => self.sequence(steps, window.as_ref(), span, scope),
            ExprKind::Some { property, condition } => self.some(property, condition, span, scope),
            ExprKind::Has { list, condition } => self.has(list, condition, span, scope),
        }
    }

    pub(crate) fn constant(&mut self, literal: &Literal) -> (Constant, Type) {
        let constant = match literal {
            Literal::Bool(b) => Constant::Bool(*b),
            Literal::Int(n) => Constant::Int(*n),
            Literal::Float(x) | Literal::Metres(x) => Constant::Float(Bits(*x)),
            Literal::Text(text) => Constant::Text(self.symbols.intern(text)),
            Literal::Duration(ms) => Constant::Duration(*ms),
            Literal::Instant(at) => Constant::Instant(*at),
            Literal::Time(ms) => Constant::Time(*ms),
        };
        (constant, literal_type(literal))
    }

    pub(crate) fn wrong_kind<T>(&mut self, wanted: &str, found: Type, span: Span) -> Option<T> {
        self.refuse(ErrorKind::Kind, format!("{wanted} is wanted, this is {}", found.words()), span)
    }

    fn do_not_compare<T>(&mut self, left: Type, right: Type, span: Span, a: &Expr, b: &Expr) -> Option<T> {
        let message = format!("{} cannot be compared with {}", left.words(), right.words());
        let error = Error::new(ErrorKind::Kind, message, span);
        let help = match (left, right) {
            (Type::Distance, Type::Duration) | (Type::Duration, Type::Distance) => {
                Some("`300m` are minutes; with a space `300 m` are metres")
            }
            (Type::Duration, Type::Number) | (Type::Number, Type::Duration) => {
                Some("give the number a unit, as in `7d`")
            }
            (Type::Instant, Type::Duration) | (Type::Duration, Type::Instant) => {
                Some("how long ago an instant is: `now - last(view) > 14d`")
            }
            (Type::Version, Type::Number) | (Type::Number, Type::Version) => {
                Some("a version is written in quotes: `version(\"4.10\")`")
            }
            (Type::Instant, Type::Text) | (Type::Text, Type::Instant) => {
                Some("an instant is written `@2026-11-23`")
            }
            (Type::Number, Type::Text) | (Type::Text, Type::Number)
                if matches!(
                    (&a.kind, &b.kind),
                    (_, ExprKind::Literal(Literal::Text(_))) | (ExprKind::Literal(Literal::Text(_)), _)
                ) =>
            {
                Some("a number has no quotes")
            }
            _ => None,
        };
        self.error(match help {
            Some(help) => error.help(help),
            None => error,
        })
    }

    fn compare(
        &mut self,
        comparison: Comparison,
        left: &Expr,
        right: &Expr,
        span: Span,
        scope: &Scope,
    ) -> Checked {
        let known = self.errors.len();
        let (left_typed, right_typed) = (self.expr(left, scope), self.expr(right, scope));
        self.quotes_forgotten(known, left_typed, left, right);
        self.quotes_forgotten(known, right_typed, right, left);
        self.compare_typed(comparison, left_typed?, right_typed?, left, right, span)
    }

    /// `country = FR`: an unknown name beside the name of a text is most likely a text itself.
    fn quotes_forgotten(&mut self, known: usize, beside: Checked, other: &Expr, bare: &Expr) {
        let (Some(Typed { kind: Type::Text, .. }), ExprKind::Name(path)) = (beside, &bare.kind) else {
            return;
        };
        if matches!(other.kind, ExprKind::Literal(_)) {
            return;
        }
        for i in known..self.errors.len() {
            let error = &self.errors[i];
            // What stands on the other side is not meant on this one too.
            let itself = match &other.kind {
                ExprKind::Name(path) => format!("did you mean `{}`?", path.dotted()),
                _ => String::new(),
            };
            let has_better =
                error.advice().is_some_and(|help| help.starts_with("did you mean") && help != itself);
            if error.kind() == ErrorKind::UnknownName && error.span() == bare.span && !has_better {
                self.errors[i] =
                    self.errors[i].clone().help(format!("put quotes around a text: `\"{}\"`", path.dotted()));
            }
        }
    }

    fn compare_typed(
        &mut self,
        comparison: Comparison,
        left: Typed,
        right: Typed,
        a: &Expr,
        b: &Expr,
        span: Span,
    ) -> Checked {
        if !left.kind.comparable(right.kind) {
            return self.do_not_compare(left.kind, right.kind, span, a, b);
        }
        let equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        if let Some(unordered) = [left.kind, right.kind]
            .iter()
            .find(|k| matches!(k, Type::Bool | Type::Geo | Type::List | Type::Objects))
            && !equality
        {
            let message = format!("{} has no order, so nothing is less or greater", unordered.words());
            return self.refuse(ErrorKind::Kind, message, span);
        }
        self.is_of_hashes(comparison, [left, right], span)?;
        self.hide_beside(left, b);
        self.hide_beside(right, a);
        let (left, right) = (self.hashed(left, a, right)?, self.hashed(right, b, left)?);
        self.check_words(left, b).and(self.check_words(right, a))?;
        if left.kind == Type::Version || right.kind == Type::Version {
            let (left, right) = (self.versions_written_out(a), self.versions_written_out(b));
            left.and(right)?;
        }
        self.fade_alone(&[left, right], span)?;
        // A constant stands behind, so that the same rule is the same node.
        let is_constant = |typed: Typed| match self.arena.node(typed.node) {
            Node::Version(text) => matches!(self.arena.node(*text), Node::Constant(_)),
            node => matches!(node, Node::Constant(_)),
        };
        let (comparison, left, right) = if is_constant(left) && !is_constant(right) {
            (comparison.mirrored(), right, left)
        } else {
            (comparison, left, right)
        };
        if let Some(node) = self.at_least(comparison, left, right) {
            return self.still(node, Type::Bool);
        }
        if let Some(node) = self.test(comparison, left.node, right.node) {
            return self.still(node, Type::Bool);
        }
        self.still(Node::Compare(comparison, left.node, right.node), Type::Bool)
    }

    /// An attribute among texts.
    fn test_in(&self, item: NodeId, list: NodeId) -> Option<Node> {
        let (Node::Attribute(slot), Node::Constant(Constant::List(list))) =
            (self.arena.node(item), self.arena.node(list))
        else {
            return None;
        };
        let text = |constant: &Constant| match constant {
            Constant::Text(text) => Some(text.packed()),
            _ => None,
        };
        let mut texts: Vec<Packed> = list.iter().map(text).collect::<Option<_>>()?;
        texts.sort_unstable();
        texts.dedup();
        Some(Node::TestIn(*slot, texts.into()))
    }

    /// An attribute beside a number, a text or a bool.
    fn test(&mut self, comparison: Comparison, left: NodeId, right: NodeId) -> Option<Node> {
        let (Node::Attribute(slot), Node::Constant(constant)) =
            (self.arena.node(left), self.arena.node(right))
        else {
            return None;
        };
        let (slot, constant) = (*slot, constant.clone());
        let (comparison, negated) = match comparison {
            Comparison::NotEqual => (Comparison::Equal, true),
            other => (other, false),
        };
        let node = match constant {
            // Up to here floats hold integers exactly.
            Constant::Int(n) if n.unsigned_abs() <= 1 << 53 => {
                Node::TestNumber(comparison, slot, Bits(n as f64))
            }
            Constant::Float(x) if !x.0.is_nan() => Node::TestNumber(comparison, slot, x),
            Constant::Text(text) if comparison == Comparison::Equal => Node::TestIs(slot, text.packed()),
            Constant::Bool(b) if comparison == Comparison::Equal => {
                Node::TestIs(slot, self.symbols.pack(&Value::Bool(b)))
            }
            _ => return None,
        };
        Some(if negated { Node::Not(self.push(node)) } else { node })
    }

    /// `count(…) >= 3` and its like know the one instant at which they flip.
    fn at_least(&mut self, comparison: Comparison, left: Typed, right: Typed) -> Option<Node> {
        let (Node::Aggregate(aggregate), Node::Constant(constant)) =
            (self.arena.node(left.node), self.arena.node(right.node))
        else {
            return None;
        };
        // The least number of events that is as many, and that is more. No profile has as many as there are numbers.
        let (as_many, more) = match constant {
            Constant::Int(n) => (*n, n.saturating_add(1)),
            Constant::Float(x) if !x.0.is_nan() => (x.0.ceil() as i64, (x.0.floor() + 1.0) as i64),
            _ => return None,
        };
        if aggregate.op != AggregateOp::Count || !matches!(aggregate.window, Window::All | Window::Sliding(_))
        {
            return None;
        }
        let (least, negated) = match comparison {
            Comparison::GreaterOrEqual => (as_many, false),
            Comparison::Greater => (more, false),
            Comparison::Less => (as_many, true),
            Comparison::LessOrEqual => (more, true),
            Comparison::Equal | Comparison::NotEqual => return None,
        };
        let node = Node::AtLeast(left.node.0, least);
        if !negated {
            return Some(node);
        }
        Some(Node::Not(self.push(node)))
    }

    fn text_test(&mut self, test: TextTest, text: &Expr, pattern: &Expr, scope: &Scope) -> Checked {
        let (typed, pattern_typed) = (self.expr(text, scope), self.expr(pattern, scope));
        let (typed, pattern_typed) = (typed?, pattern_typed?);
        self.hide_beside(typed, pattern);
        let of_list = test == TextTest::Contains && matches!(typed.kind, Type::List | Type::Any);
        if !of_list && !matches!(typed.kind, Type::Text | Type::Any) {
            let wanted = if test == TextTest::Contains { "a string or a list" } else { "a string" };
            return self.wrong_kind(wanted, typed.kind, text.span);
        }
        if !of_list && !matches!(pattern_typed.kind, Type::Text | Type::Any) {
            return self.wrong_kind("a string", pattern_typed.kind, pattern.span);
        }
        if pattern_typed.kind == Type::Hash {
            let message = "a list of texts contains no hash";
            return self.refuse(ErrorKind::Kind, message, pattern.span);
        }
        if pattern_typed.moves {
            let message = "when time alone changes this cannot be told";
            let error = Error::new(ErrorKind::TimeNotTold, message, pattern.span);
            return self.error(error.help("a list contains what stands still"));
        }
        let node = match test {
            TextTest::Contains => Node::Contains(typed.node, pattern_typed.node),
            TextTest::StartsWith => Node::StartsWith(typed.node, pattern_typed.node),
            TextTest::EndsWith => Node::EndsWith(typed.node, pattern_typed.node),
            TextTest::Matches => {
                let ExprKind::Literal(Literal::Text(source)) = &pattern.kind else {
                    return self.refuse(
                        ErrorKind::Regex,
                        "a pattern is a string that is written out",
                        pattern.span,
                    );
                };
                let compile = |most| regex::RegexBuilder::new(source).size_limit(most).build();
                if self.reads.pattern_bytes >= REGEXES_BYTES_MAX {
                    let message = "the patterns of the text are larger than 16 MiB together once compiled";
                    let error = Error::new(ErrorKind::Limit, message, pattern.span);
                    return self.error(error.help("join patterns to one: `matches \"a|b\"`"));
                }
                let mut regex = compile(SMALL_REGEX_BYTES_MAX);
                self.reads.pattern_bytes += SMALL_REGEX_BYTES_MAX;
                if matches!(regex, Err(regex::Error::CompiledTooBig(_))) {
                    regex = compile(REGEX_BYTES_MAX);
                    self.reads.pattern_bytes += REGEX_BYTES_MAX - SMALL_REGEX_BYTES_MAX;
                }
                match regex {
                    Ok(regex) => Node::Matches(typed.node, Pattern(Box::new(regex))),
                    Err(regex::Error::CompiledTooBig(_)) => {
                        let error = Error::new(
                            ErrorKind::Limit,
                            "the pattern is larger than 1 MiB once compiled",
                            pattern.span,
                        );
                        return self.error(error.help("use smaller repetitions"));
                    }
                    Err(e) => {
                        let reason = e.to_string();
                        let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
                        return self.refuse(
                            ErrorKind::Regex,
                            format!("not a regular expression: {reason}"),
                            pattern.span,
                        );
                    }
                }
            }
        };
        self.still(node, Type::Bool)
    }

    fn chain(&mut self, first: &Expr, rest: &[(Operator, Expr)], scope: &Scope) -> Checked {
        let left = self.expr(first, scope);
        let terms: Vec<Checked> = rest.iter().map(|(_, term)| self.expr(term, scope)).collect();
        let mut whole = left?;
        let node = whole.node;
        let mut nodes = Vec::with_capacity(rest.len());
        let all: Vec<Typed> = terms.iter().flatten().copied().chain([whole]).collect();
        self.fade_alone(&all, first.span.to(rest.last().map_or(first.span, |(_, last)| last.span)))?;
        for ((operator, expr), term) in rest.iter().zip(terms) {
            let term = term?;
            let span = first.span.to(expr.span);
            whole = self.operate(*operator, whole, term, span)?;
            nodes.push((*operator, term.node));
        }
        Some(Typed { node: self.push(Node::Chain(node, nodes.into())), ..whole })
    }

    fn operate(&mut self, operator: Operator, left: Typed, right: Typed, span: Span) -> Checked {
        use Operator::{Add, Divide, Multiply, Subtract};
        use Type::{Any, Duration, Instant};
        let number = |kind: Type| kind.is_number();
        let kind = match (operator, left.kind, right.kind) {
            (Subtract, Instant, Instant) => Duration,
            (Add | Subtract, Instant, Duration) | (Add, Duration, Instant) => Instant,
            (Add | Subtract, Duration, Duration) => Duration,
            (Multiply | Divide, Duration, k) if number(k) => Duration,
            (Multiply, k, Duration) if number(k) => Duration,
            (Divide, Duration, Duration) => Type::Number,
            (_, Any, Any | Type::Number | Type::Distance | Instant | Duration) => Any,
            (_, Type::Number | Type::Distance | Instant | Duration, Any) => Any,
            (_, a, b) if number(a) && number(b) => Type::Number,
            (_, a, b) => {
                let verb = match operator {
                    Add => "added to",
                    Subtract => "subtracted from",
                    Multiply => "multiplied with",
                    Divide => "divided by",
                };
                let (first, second) = if matches!(operator, Add | Subtract) { (b, a) } else { (a, b) };
                let message = format!("{} cannot be {verb} {}", first.words(), second.words());
                let error = Error::new(ErrorKind::Kind, message, span);
                let hint =
                    matches!((a, b), (Instant | Duration, Type::Number) | (Type::Number, Instant | Duration));
                return self.error(if hint {
                    error.help("give the number a unit, as in `7d`")
                } else {
                    error
                });
            }
        };
        if operator == Multiply && left.moves && right.moves || operator == Divide && right.moves {
            let error =
                Error::new(ErrorKind::TimeNotTold, "when time alone changes this cannot be told", span);
            return self.error(
                error.help("time may be added, subtracted, and multiplied or divided by what stands still"),
            );
        }
        Some(Typed { node: left.node, kind, moves: left.moves || right.moves })
    }
}

/// Whether a time of day lies behind another one only on the next day: `between 22:00 and 06:00`.
fn is_over_midnight(low: &Expr, high: &Expr) -> bool {
    match (&low.kind, &high.kind) {
        (ExprKind::Literal(Literal::Time(low)), ExprKind::Literal(Literal::Time(high))) => low > high,
        _ => false,
    }
}

fn literal_type(literal: &Literal) -> Type {
    match literal {
        Literal::Bool(_) => Type::Bool,
        Literal::Int(_) | Literal::Float(_) => Type::Number,
        Literal::Text(_) => Type::Text,
        Literal::Duration(_) => Type::Duration,
        Literal::Instant(_) => Type::Instant,
        Literal::Time(_) => Type::Time,
        Literal::Metres(_) => Type::Metres,
    }
}

impl EventScope {
    pub(crate) fn of_kind(name: &str, kind: EventKind) -> EventScope {
        EventScope {
            names: Some(vec![name.into()]),
            list: None,
            kinds: Kinds::These(smallvec::smallvec![kind]),
            changed: None,
        }
    }
}

pub(crate) fn part_of(by: PropertyId, reads: &Reads) -> Parts {
    Parts { by, reads: reads.events.clone() }
}
