//! Names to nodes: attributes, what is built in, and behind `where` the properties of events.

use crate::model::Quoted;
use crate::profile::PropertyId;
use crate::segment::ast::Path;
use crate::segment::check::{Checked, Checker, EventScope, Scope, Type, Typed};
use crate::segment::node::{Node, NodeId};
use crate::segment::schema::EventSchema;
use crate::segment::{Error, ErrorKind, Schema, Span};

/// Names that the engine itself knows.
pub(crate) const BUILT_IN: [&str; 9] = [
    "now",
    "local_time",
    "local_hour",
    "weekday",
    "session.number",
    "session.started",
    "session.duration",
    "session.events",
    "lifecycle",
];

impl Checker<'_> {
    pub(crate) fn name(&mut self, path: &Path, scope: &Scope) -> Checked {
        let dotted = path.dotted();
        if let Some(found) = self.item_name(&dotted, path.span, scope) {
            return found;
        }
        if let Some(list) = &scope.list
            && let Some(found) = self.field(&dotted, list, path.span)
        {
            return found;
        }
        if dotted == "key"
            && let Some(by) = scope.by
        {
            let kind = self.kind_of_any(self.keep.property_name(by));
            return self.still(Node::Key, kind);
        }
        if let Some(events) = &scope.events {
            return match &*dotted {
                "at" => self.still(Node::At, Type::Instant),
                "at.hour" => {
                    self.reads.zone = true;
                    self.still(Node::AtHour, Type::Number)
                }
                "at.weekday" => {
                    self.reads.zone = true;
                    self.still(Node::AtWeekday, Type::Text)
                }
                _ if dotted.starts_with("request.")
                    && scope.in_placement
                    && self.property_type(&dotted, events).is_none() =>
                {
                    self.still(Node::Request(dotted["request.".len()..].into()), Type::Any)
                }
                _ if dotted.starts_with("user.") => self.attribute(&dotted["user.".len()..], path.span),
                _ => self.property_in_where(&dotted, path.span, &events.clone()),
            };
        }
        let fact = if dotted == "lifecycle" {
            self.lifecycle(path.span)
        } else {
            self.request(&dotted, path.span, scope).or_else(|| self.item_out_of_place(&dotted, path.span))
        };
        if let Some(fact) = fact {
            return fact;
        }
        // Keywords may be written in any case; an attribute that is declared by that name is still found.
        let is_now = dotted.eq_ignore_ascii_case("now") && self.schema.attribute_kind(&dotted).is_none();
        let dotted = if is_now { "now".to_owned() } else { dotted };
        let moving = |node: NodeId, kind| Some(Typed { node, kind, moves: true });
        match &*dotted {
            "now" => {
                let node = self.push(Node::Now);
                moving(node, Type::Instant)
            }
            "local_time" => {
                self.reads.zone = true;
                let node = self.push(Node::LocalTime);
                moving(node, Type::Time)
            }
            "local_hour" => {
                self.reads.zone = true;
                self.still(Node::LocalHour, Type::Number)
            }
            "weekday" => {
                self.reads.zone = true;
                self.still(Node::Weekday, Type::Text)
            }
            "session.number" | "session.started" | "session.duration" | "session.events" => {
                self.reads.session = true;
                match &*dotted {
                    "session.number" => self.still(Node::SessionNumber, Type::Number),
                    "session.started" => self.still(Node::SessionStarted, Type::Instant),
                    "session.duration" => self.still(Node::SessionDuration, Type::Duration),
                    _ => self.still(Node::SessionEvents, Type::Number),
                }
            }
            _ => match self.fact_name(&dotted, path.span) {
                Some(fact) => fact,
                None => self.attribute(dotted.strip_prefix("user.").unwrap_or(&dotted), path.span),
            },
        }
    }

    pub(crate) fn attribute(&mut self, name: &str, span: Span) -> Checked {
        let kind = match self.schema.attribute_kind(name) {
            Some(kind) => {
                let tags = self.schema.attribute_tags(name);
                self.is_kept(name, tags.stored, span)?;
                Type::kept(kind, tags)
            }
            None if !self.schema.strict => Type::Any,
            None => {
                let names = self.schema.attributes.keys().map(|name| &**name).chain(BUILT_IN);
                let near = self.near(name, names).map(str::to_owned);
                let error =
                    Error::new(ErrorKind::UnknownName, format!("unknown attribute {}", Quoted(name)), span);
                if near.is_none() && self.schema.events.contains_key(name) {
                    return self.error(
                        error.help(format!("`{name}` is an event; ask `did({name})` or `count({name})`")),
                    );
                }
                if near.is_none() {
                    return self.error(error.help("declare it under [attributes]"));
                }
                return self.error(error.suggest(near.as_deref()));
            }
        };
        let symbol = self.symbols.intern(name);
        self.reads.attributes.push(symbol);
        let slot = self.arena.slot(symbol);
        self.still(Node::Attribute(slot), kind)
    }

    fn property_in_where(&mut self, name: &str, span: Span, events: &EventScope) -> Checked {
        let unknown_in_where = ["now", "local_time", "local_hour", "weekday", "lifecycle"].contains(&name)
            || name.starts_with("session.");
        let known = self.property_type(name, events).is_some();
        if unknown_in_where && !known {
            let error =
                Error::new(ErrorKind::NotInWhere, format!("`{name}` is not known inside `where`"), span);
            return self
                .error(error.help(
                    "say when by a window: `count(view where … in 7d)`, `in session`, or by `at.hour`",
                ));
        }
        let (property, kind) = self.property(name, span, events)?;
        self.still(Node::Property(property), kind)
    }

    /// Resolves a property of the events in scope, and sees to it that it is kept with them.
    pub(crate) fn property(
        &mut self,
        name: &str,
        span: Span,
        events: &EventScope,
    ) -> Option<(PropertyId, Type)> {
        self.is_kept(name, self.property_stored(name, events), span)?;
        let declared = match self.property_type(name, events) {
            Some(kind) => kind,
            None if !self.schema.strict || name.starts_with("context.") => Type::Any,
            None => return self.unknown_property(name, span, events),
        };
        let kind = self.changed_type(name, events).unwrap_or(declared);
        let Some(id) = self.keep.add_property(name) else {
            return self.refuse(ErrorKind::Limit, "the definitions read too many properties", span);
        };
        // What `attribute.changed` says was read as its attribute is declared.
        self.columns.push((events.kinds.clone(), id, declared == Type::Instant));
        self.note_ttl(name, events);
        Some((id, kind))
    }

    /// Notes how long the values of a property are kept, where that is not as long as their events.
    fn note_ttl(&mut self, name: &str, events: &EventScope) {
        let own = if events.list.is_some() { name.strip_prefix("event.") } else { Some(name) };
        let properties = &self.schema.retention.properties;
        let of = |event: &str| properties.get(event)?.get(own?).copied();
        let shortest = match &events.names {
            Some(names) => names.iter().filter_map(|event| of(event)).min(),
            None => properties.keys().filter_map(|event| of(event)).min(),
        };
        if let Some(ttl) = shortest
            && self.ttl.as_ref().is_none_or(|(_, known)| ttl < *known)
        {
            self.ttl = Some((name.into(), ttl));
        }
    }

    fn unknown_property<T>(&mut self, name: &str, span: Span, events: &EventScope) -> Option<T> {
        let schemas = events_of(self.schema, events);
        let names = schemas.iter().flat_map(|e| match &events.list {
            Some(list) => {
                e.lists.get(list).map(|fields| fields.keys()).into_iter().flatten().collect::<Vec<_>>()
            }
            None => e.properties.keys().chain(e.lists.keys()).collect(),
        });
        let near = self.near(name, names.map(|name| &**name));
        let of = match (&events.names, &events.list) {
            (Some(names), Some(list)) => format!(" of `{}.{list}`", names.join(", ")),
            (Some(names), None) => format!(" of `{}`", names.join(", ")),
            (None, _) => " of any event".to_owned(),
        };
        let error =
            Error::new(ErrorKind::UnknownName, format!("unknown property {}{of}", Quoted(name)), span);
        let is_attribute = self.schema.attribute_kind(name).is_some();
        let error = match near {
            _ if is_attribute => error.help(format!("the user's attribute is `user.{name}` here")),
            Some(near) => error.suggest(Some(near)),
            None => error.help("declare it in the event's table"),
        };
        self.error(error)
    }

    /// The kind of a declared property; `Any` where events differ.
    fn property_type(&self, name: &str, events: &EventScope) -> Option<Type> {
        let mut found: Option<Type> = None;
        for event in events_of(self.schema, events) {
            let kind = match (&events.list, name.strip_prefix("event.")) {
                (Some(_), Some(outer)) => event.properties.get(outer),
                (Some(list), None) => event.lists.get(list).and_then(|fields| fields.get(name)),
                (None, _) => event.properties.get(name),
            };
            // The fields of objects have no tags.
            let own = if events.list.is_some() { name.strip_prefix("event.") } else { Some(name) };
            let tags = own.and_then(|name| event.tags.get(name)).copied().unwrap_or_default();
            let kind = match kind {
                Some(kind) => Type::kept(*kind, tags),
                None if events.list.is_none() && event.lists.contains_key(name) => Type::Objects,
                None if event.any_kind.contains(&name) => Type::Any,
                None => continue,
            };
            found = Some(match found {
                Some(other) if other != kind => Type::Any,
                _ => kind,
            });
        }
        found
    }
}

/// The schemas of the events in scope.
pub(crate) fn events_of<'s>(schema: &'s Schema, events: &EventScope) -> Vec<&'s EventSchema> {
    match &events.names {
        Some(names) => names.iter().filter_map(|name| schema.event_schema(name)).collect(),
        None => schema.events.values().collect(),
    }
}
