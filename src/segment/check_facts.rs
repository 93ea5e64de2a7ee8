//! Facts that the engine keeps, and the events that it records itself.

use crate::model::{OWN_EVENTS, Quoted, Value, nearest, own_event};
use crate::profile::{Fact, Symbol};
use crate::segment::ast::{Comparison, EventName, Events, Expr, ExprKind, Literal, Path};
use crate::segment::check::{Checked, Checker, Scope, Type};
use crate::segment::node::{Constant, Filter, Kinds, Node, NodeId, SlotId};
use crate::segment::plan::SegmentId;
use crate::segment::{Error, ErrorKind, Span};
use std::borrow::Cow;

/// Functions of facts; each takes a name in quotes.
pub(crate) const FACTS: [&str; 7] =
    ["consent", "subscribed", "reachable", "list", "entered", "variant", "in_journey"];

/// The purpose that messages to a user have, and that `subscribed` asks for.
const MARKETING: &str = "marketing";

impl Checker<'_> {
    /// One of [`FACTS`].
    pub(crate) fn fact(&mut self, fact: &str, args: &[Expr], span: Span, scope: &Scope) -> Checked {
        let [arg] = args else {
            let message = format!("`{fact}` takes one argument, not {}", args.len());
            return self.refuse(ErrorKind::Arguments, message, span);
        };
        let ExprKind::Literal(Literal::Text(name)) = &arg.kind else {
            let message = format!("`{fact}` takes a name in quotes: `{fact}(\"…\")`");
            return self.refuse(ErrorKind::Arguments, message, arg.span);
        };
        let schema = self.schema;
        let names = &schema.facts;
        match fact {
            "list" => {
                self.declared("list", name, arg.span, names.lists.iter().map(|name| &**name), "lists")?;
                let slot = self.slot(&Fact::List(name).name());
                let on = self.symbols.pack(&Value::Bool(true));
                self.still(Node::TestIs(slot, on), Type::Bool)
            }
            "consent" => {
                self.outside_where("a consent, which may expire,", span, scope)?;
                self.consent(name, None, arg.span)
            }
            "subscribed" => {
                self.outside_where("a consent, which may expire,", span, scope)?;
                self.channel(name, arg.span)?;
                self.consent(MARKETING, Some(name), arg.span)
            }
            "reachable" => {
                self.channel(name, arg.span)?;
                let address = names.channels.get(name).unwrap_or(name).clone();
                let address = self.attribute(&address, arg.span)?;
                let missing = self.push(Node::IsMissing(address.node));
                self.still(Node::Not(missing), Type::Bool)
            }
            "entered" => self.entered(name, arg.span, scope),
            "variant" => {
                let placements = names.placements.iter().map(|name| &**name);
                self.declared("placement", name, arg.span, placements, "placements")?;
                let slot = self.slot(&Fact::Variant(name).name());
                self.still(Node::Attribute(slot), Type::Text)
            }
            _ => {
                let journeys = names.journeys.iter().map(|name| &**name);
                self.declared("journey", name, arg.span, journeys, "journeys")?;
                let slot = self.slot(&Fact::Journey(name).name());
                let inside = self.symbols.pack(&Value::Bool(true));
                self.echoes.journeys.insert(name.clone(), slot);
                self.reads.journeys = true;
                self.still(Node::TestIs(slot, inside), Type::Bool)
            }
        }
    }

    /// Reports a name that is not declared, where it should be.
    fn declared<'s>(
        &mut self,
        what: &str,
        name: &str,
        span: Span,
        mut names: impl Iterator<Item = &'s str> + Clone,
        table: &str,
    ) -> Option<()> {
        if !self.schema.strict || names.clone().any(|known| known == name) {
            return Some(());
        }
        let near = self.near(name, &mut names);
        let error = Error::new(ErrorKind::UnknownName, format!("unknown {what} {}", Quoted(name)), span);
        self.error(match near {
            Some(near) => error.suggest(Some(near)),
            None => error.help(format!("declare it under [{table}]")),
        })
    }

    /// Reports a channel that is not among those that are declared, where any are.
    fn channel(&mut self, name: &str, span: Span) -> Option<()> {
        let schema = self.schema;
        let channels = &schema.facts.channels;
        if channels.is_empty() {
            return Some(());
        }
        self.declared("channel", name, span, channels.keys().map(|name| &**name), "channels")
    }

    fn slot(&mut self, attribute: &str) -> SlotId {
        let symbol = self.symbols.intern(attribute);
        self.reads.attributes.push(symbol);
        self.arena.slot(symbol)
    }

    fn consent(&mut self, purpose: &str, channel: Option<&str>, span: Span) -> Checked {
        let schema = self.schema;
        let purposes = &schema.facts.purposes;
        self.declared("purpose", purpose, span, purposes.keys().map(|name| &**name), "consent")?;
        let granted = purposes.get(purpose).copied().unwrap_or(false);
        let general = self.slot(&Fact::Consent(purpose, None).name());
        let own = channel.map(|channel| self.slot(&Fact::Consent(purpose, Some(channel)).name()));
        self.still(Node::Consent(general, own, granted), Type::Bool)
    }

    fn entered(&mut self, name: &str, span: Span, scope: &Scope) -> Checked {
        let segment = self.segment_named(name, span)?;
        self.reads.stays.push(segment);
        let same_parts = self.segments[segment.0 as usize]
            .by
            .as_deref()
            .is_some_and(|by| scope.by.is_some_and(|own| self.keep.property_name(own) == by));
        let stay = self.echoes.stays.entry(segment).or_default();
        if same_parts {
            let prefix: Box<str> = Fact::EnteredPart(name).name().into();
            stay.by_key = Some(prefix.clone());
            self.reads.prefixes.push(prefix.clone());
            return self.still(Node::EnteredPart(prefix), Type::Instant);
        }
        stay.whole = true;
        let slot = self.slot(&Fact::Entered(name).name());
        self.still(Node::Attribute(slot), Type::Instant)
    }

    /// `predict.NAME` and `world.NAME`; nothing where the name is neither.
    pub(crate) fn fact_name(&mut self, dotted: &str, span: Span) -> Option<Checked> {
        if self.schema.attribute_kind(dotted).is_some() {
            return None;
        }
        if let Some(name) = dotted.strip_prefix("predict.") {
            let slot = self.slot(&Fact::Prediction(name).name());
            self.echoes.predictions.insert(name.into());
            return Some(self.still(Node::Attribute(slot), Type::Number));
        }
        let name = dotted.strip_prefix("world.")?;
        let schema = self.schema;
        let world = &schema.facts.world;
        let names = world.keys().map(|name| &**name);
        if self.declared("fact about the world", name, span, names, "world").is_none() {
            return Some(None);
        }
        let kind = world.get(name).map_or(Type::Any, |kind| (*kind).into());
        let slot = self.slot(&Fact::World(name).name());
        self.echoes.world.insert(slot);
        Some(self.still(Node::Attribute(slot), kind))
    }

    // --- the engine's own events

    /// Whether no event of that name can come, neither from the host nor from the engine.
    pub(crate) fn is_unknown_event(&self, name: &str) -> bool {
        let is_missing = self.schema.event_schema(name).is_none();
        is_missing && (self.schema.strict || is_misspelt(name))
    }

    /// Reads `message.opened.channel` as the event `message.opened` and its property: a parser cannot know which
    /// events there are.
    pub(crate) fn own_events<'e>(&self, events: &'e Events) -> Cow<'e, Events> {
        let ([(EventName::Named(first), span)], Some(path)) = (&events.names[..], &events.path) else {
            return Cow::Borrowed(events);
        };
        let Some((second, rest)) = path.names.split_first() else { return Cow::Borrowed(events) };
        let name = format!("{first}.{second}");
        let is_near = || !self.schema.events.contains_key(first) && is_misspelt(&name);
        if own_event(&name).is_none() && !is_near() {
            return Cow::Borrowed(events);
        }
        let names = vec![(EventName::Named(name.into()), span.to(path.span))];
        let path = (!rest.is_empty()).then(|| Path { names: rest.to_vec(), span: path.span });
        Cow::Owned(Events { names, path, ..events.clone() })
    }

    /// Notes which segments' memberships a condition on the engine's own events asks for.
    pub(crate) fn note_memberships(&mut self, kinds: &Kinds, filter: Filter, span: Span) -> Option<()> {
        let Kinds::These(kinds) = kinds else { return Some(()) };
        let of_segments = |name: &str| name == "segment.entered" || name == "segment.left";
        if !kinds.iter().any(|kind| of_segments(&self.keep.kind(*kind).name)) {
            return Some(());
        }
        let names = match filter {
            Filter::Text(property, text) if self.keep.property_name(property) == "name" => Some(vec![text]),
            Filter::Node(node) => self.names_of(node),
            _ => None,
        };
        let Some(names) = names else {
            self.reads.all_stays = true;
            return Some(());
        };
        for name in names {
            let name = self.symbols.text(name).to_owned();
            let segment = self.segment_named(&name, span)?;
            self.reads.stays.push(segment);
            self.reads.told.push((segment, span));
        }
        Some(())
    }

    /// The names of which an event must have one for a condition to hold.
    fn names_of(&self, node: NodeId) -> Option<Vec<Symbol>> {
        let is_name = |node: &NodeId| match self.arena.node(*node) {
            Node::Property(property) => self.keep.property_name(*property) == "name",
            _ => false,
        };
        let text = |constant: &Constant| match constant {
            Constant::Text(text) => Some(*text),
            _ => None,
        };
        match self.arena.node(node) {
            Node::Compare(Comparison::Equal, left, right) if is_name(left) => match self.arena.node(*right) {
                Node::Constant(constant) => Some(vec![text(constant)?]),
                _ => None,
            },
            Node::In(item, list) if is_name(item) => match self.arena.node(*list) {
                Node::Constant(Constant::List(list)) => list.iter().map(text).collect(),
                _ => None,
            },
            Node::And(all) => all.iter().find_map(|each| self.names_of(*each)),
            Node::Or(all) => {
                let names: Option<Vec<_>> = all.iter().map(|each| self.names_of(*each)).collect();
                Some(names?.concat())
            }
            _ => None,
        }
    }

    /// The number of a segment that is referred to.
    pub(crate) fn segment_named(&mut self, name: &str, span: Span) -> Option<SegmentId> {
        if let Some(id) = self.names.find(name) {
            return Some(id);
        }
        let near = self.near(name, self.names.iter()).map(str::to_owned);
        let error = Error::new(ErrorKind::UnknownName, format!("unknown segment {}", Quoted(name)), span);
        self.error(error.suggest(near.as_deref()))
    }
}

/// Whether a name is much like that of an event of the engine's own: hosts do not use dots so by chance.
fn is_misspelt(name: &str) -> bool {
    name.contains('.') && nearest(name, OWN_EVENTS.iter().map(|(own, _)| *own)).is_some()
}
