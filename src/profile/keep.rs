use crate::model::{Duration, Instant, Object, Value, own_event};
use crate::profile::{Hidden, Packed, Retention, Symbols, TotalOp};
use hashbrown::HashMap;
use std::sync::Arc;

/// Number of a kind of event, dense, in the order in which definitions first name it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct EventKind(pub(crate) u16);

impl EventKind {
    /// Every event that no definition names; kept only where a definition reads `any`.
    pub(crate) const OTHER: EventKind = EventKind(0);
    /// A row gives fifteen bits to the kind.
    pub(crate) const COUNT_MAX: usize = 1 << 15;
}

/// Number of a path that some definition reads, such as `sku` or `context.device.type`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct PropertyId(pub(crate) u16);

/// How long a kind of event is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Horizon {
    /// Not at all: no definition looks back at it.
    #[default]
    None,
    /// Until it is so old.
    For(Duration),
    /// For ever.
    Forever,
}

impl Horizon {
    pub(crate) fn longest(self, other: Horizon) -> Horizon {
        match (self, other) {
            (Horizon::None, x) | (x, Horizon::None) => x,
            (Horizon::For(a), Horizon::For(b)) => Horizon::For(a.max(b)),
            _ => Horizon::Forever,
        }
    }
}

/// What profiles keep of events: it follows from the definitions, and, where these have taken the place of others, since
/// when each thing is kept from what those kept.
#[derive(Clone, Debug)]
pub(crate) struct Keep {
    kinds: Vec<KindKeep>,
    by_name: HashMap<Box<str>, EventKind, ahash::RandomState>,
    properties: Vec<Box<str>>,
    property_ids: HashMap<Box<str>, PropertyId, ahash::RandomState>,
    /// Attributes whose strings the schema declares to be instants.
    pub(crate) instants: hashbrown::HashSet<Box<str>, ahash::RandomState>,
    /// What each total says of its events, by its number.
    pub(crate) totals: Vec<TotalOp>,
    /// Attributes that the schema declares to be lists of objects, with what is kept of those.
    pub(crate) lists: HashMap<Box<str>, Vec<Field>, ahash::RandomState>,
    /// How long things may be kept.
    pub(crate) retention: Retention,
    /// What is not shown.
    pub(crate) hidden: Arc<Hidden>,
}

/// A field that is kept of the objects of a list.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: Box<str>,
    /// Whether the schema declares its strings to be instants.
    pub(crate) instant: bool,
}

/// What is kept of one kind of event.
#[derive(Clone, Debug, Default)]
pub(crate) struct KindKeep {
    pub(crate) name: Box<str>,
    pub(crate) horizon: Horizon,
    /// How long they may be kept, whatever looks back at them.
    pub(crate) retention: Option<Duration>,
    /// Since when everything is kept that is asked for; nothing for the beginning.
    pub(crate) since: Option<Instant>,
    /// Whether a definition asks for the current session's events of this kind: those stay while it lasts.
    pub(crate) session: bool,
    pub(crate) columns: Vec<Column>,
    /// Place of a property among `columns`, by its number; `NO_COLUMN` where it is not kept.
    places: Vec<u8>,
    /// Kinds whose events are elements of a list of this event, each with the list's path.
    pub(crate) lines: Vec<(Box<str>, EventKind)>,
    /// Whether its events are elements of a list of another event.
    pub(crate) is_line: bool,
    /// Whether the engine records its events itself.
    pub(crate) is_own: bool,
}

/// One property that is kept with each event of a kind.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) property: PropertyId,
    source: Place,
    /// Whether the schema declares its strings to be instants.
    pub(crate) instant: bool,
    /// Since when it is kept; nothing for as long as its kind.
    pub(crate) since: Option<Instant>,
    /// How long its values may be kept after their event; nothing for as long as that.
    pub(crate) ttl: Option<Duration>,
}

#[derive(Debug, Clone)]
enum Place {
    /// A path in the event's own properties.
    Own(Box<str>),
    /// A path in the message's context.
    Context(Box<str>),
    /// A path in the properties of the event whose list the element is in.
    Outer(Box<str>),
}

const NO_COLUMN: u8 = u8::MAX;

impl Default for Keep {
    fn default() -> Keep {
        Keep {
            kinds: vec![KindKeep::default()],
            by_name: HashMap::default(),
            properties: Vec::new(),
            property_ids: HashMap::default(),
            instants: hashbrown::HashSet::default(),
            totals: Vec::new(),
            lists: HashMap::default(),
            retention: Retention::default(),
            hidden: Arc::default(),
        }
    }
}

impl Keep {
    /// The kind of an event's name; a name that no definition uses is [`EventKind::OTHER`].
    pub(crate) fn kind_of(&self, event: &str) -> EventKind {
        self.by_name.get(event).copied().unwrap_or(EventKind::OTHER)
    }

    pub(crate) fn kind(&self, kind: EventKind) -> &KindKeep {
        &self.kinds[kind.0 as usize]
    }

    /// How many values are kept of an event of a kind.
    pub(crate) fn width(&self, kind: EventKind) -> usize {
        self.kind(kind).columns.len()
    }

    pub(crate) fn kind_mut(&mut self, kind: EventKind) -> &mut KindKeep {
        &mut self.kinds[kind.0 as usize]
    }

    pub(crate) fn kinds(&self) -> impl ExactSizeIterator<Item = (EventKind, &KindKeep)> {
        self.kinds.iter().enumerate().map(|(i, keep)| (EventKind(i as u16), keep))
    }

    pub(crate) fn property_count(&self) -> usize {
        self.properties.len()
    }

    pub(crate) fn property_name(&self, property: PropertyId) -> &str {
        &self.properties[property.0 as usize]
    }

    /// The number of a path, if a definition reads it.
    pub(crate) fn property(&self, path: &str) -> Option<PropertyId> {
        self.property_ids.get(path).copied()
    }

    /// Since when the events of a kind that are asked for are all there, with a property of theirs where one is named;
    /// nothing where they are there from the beginning.
    pub(crate) fn covered_since(&self, kind: EventKind, property: Option<PropertyId>) -> Option<Instant> {
        let keep = self.kind(kind);
        let place = property.and_then(|property| self.place(kind, property));
        keep.since.max(place.and_then(|place| keep.columns[place].since))
    }

    /// Where among a kind's columns a property is.
    pub(crate) fn place(&self, kind: EventKind, property: PropertyId) -> Option<usize> {
        let place = self.kinds[kind.0 as usize].places.get(property.0 as usize).copied().unwrap_or(NO_COLUMN);
        (place != NO_COLUMN).then_some(place.into())
    }

    /// The kind of a name, made if need be; nothing once there are too many.
    pub(crate) fn add_kind(&mut self, name: &str) -> Option<EventKind> {
        if let Some(kind) = self.by_name.get(name) {
            return Some(*kind);
        }
        if self.kinds.len() >= EventKind::COUNT_MAX {
            return None;
        }
        let kind = EventKind(self.kinds.len() as u16);
        let is_own = own_event(name).is_some();
        self.kinds.push(KindKeep { name: name.into(), is_own, ..KindKeep::default() });
        self.by_name.insert(name.into(), kind);
        Some(kind)
    }

    /// The kind whose events are the elements of the list at `path` of an event.
    pub(crate) fn add_lines(&mut self, event: EventKind, path: &str) -> Option<EventKind> {
        if let Some((_, kind)) = self.kind(event).lines.iter().find(|(list, _)| **list == *path) {
            return Some(*kind);
        }
        if self.kinds.len() >= EventKind::COUNT_MAX {
            return None;
        }
        let lines = EventKind(self.kinds.len() as u16);
        let name = format!("{}.{path}", self.kind(event).name).into();
        self.kinds.push(KindKeep { name, is_line: true, ..KindKeep::default() });
        self.kinds[event.0 as usize].lines.push((path.into(), lines));
        Some(lines)
    }

    /// The number of a path, made if need be; nothing once there are too many.
    pub(crate) fn add_property(&mut self, path: &str) -> Option<PropertyId> {
        if let Some(id) = self.property_ids.get(path) {
            return Some(*id);
        }
        let id = PropertyId(u16::try_from(self.properties.len()).ok()?);
        self.properties.push(path.into());
        self.property_ids.insert(path.into(), id);
        Some(id)
    }

    /// Keeps a property with each event of a kind; false once the kind has too many.
    pub(crate) fn add_column(&mut self, kind: EventKind, property: PropertyId, instant: bool) -> bool {
        if self.place(kind, property).is_some() {
            return true;
        }
        let path = &*self.properties[property.0 as usize];
        let keep = &mut self.kinds[kind.0 as usize];
        if keep.columns.len() >= NO_COLUMN as usize {
            return false;
        }
        let source = if let Some(rest) = path.strip_prefix("context.") {
            Place::Context(rest.into())
        } else if let (true, Some(rest)) = (keep.is_line, path.strip_prefix("event.")) {
            Place::Outer(rest.into())
        } else {
            Place::Own(path.into())
        };
        let id = property.0 as usize;
        if keep.places.len() <= id {
            keep.places.resize(id + 1, NO_COLUMN);
        }
        keep.places[id] = keep.columns.len() as u8;
        keep.columns.push(Column { property, source, instant, since: None, ttl: None });
        true
    }

    /// Whether what an attribute was and is may stand in an event: not what is shown to nobody, and not what may be kept for
    /// a time only, which the event would outlive.
    pub(crate) fn is_copied(&self, attribute: &str) -> bool {
        !self.hidden.has_attribute(attribute)
            && (self.retention.attributes.is_empty() || self.retention.attribute(attribute).is_none())
    }

    pub(crate) fn extend_horizon(&mut self, kind: EventKind, horizon: Horizon) {
        let keep = &mut self.kinds[kind.0 as usize];
        keep.horizon = keep.horizon.longest(horizon);
    }

    /// Keeps nothing longer than may be. Elements of a list go with their event, and what they know of it with that.
    pub(crate) fn retain(&mut self, retention: &Retention) {
        self.retention = retention.clone();
        let mut names: Vec<Box<str>> = self.kinds.iter().map(|kind| kind.name.clone()).collect();
        for (number, kind) in self.kinds.iter().enumerate() {
            kind.lines
                .iter()
                .for_each(|(_, lines)| names[lines.0 as usize] = self.kinds[number].name.clone());
        }
        for (kind, name) in self.kinds.iter_mut().zip(&names) {
            for column in &mut kind.columns {
                column.ttl = match (&column.source, kind.is_line) {
                    (Place::Own(path), false) | (Place::Outer(path), _) => retention.property(name, path),
                    _ => None,
                };
            }
        }
        let mut ages: Vec<Option<Duration>> =
            self.kinds.iter().map(|kind| retention.event(&kind.name)).collect();
        for (number, kind) in self.kinds.iter().enumerate() {
            kind.lines.iter().for_each(|(_, lines)| ages[lines.0 as usize] = ages[number]);
        }
        for (kind, age) in self.kinds.iter_mut().zip(ages) {
            kind.retention = age;
            kind.horizon = match (kind.horizon, age) {
                (Horizon::For(own), Some(age)) => Horizon::For(own.min(age)),
                (Horizon::Forever, Some(age)) => Horizon::For(age),
                (own, _) => own,
            };
        }
    }

    pub(crate) fn keep_session(&mut self, kind: EventKind) {
        self.kinds[kind.0 as usize].session = true;
    }
}

impl KindKeep {
    /// Whether a host reports its events as such: only those make sessions, feed affinities and are in `any`.
    pub(crate) fn is_of_host(&self) -> bool {
        !self.is_line && !self.is_own
    }

    /// Whether any of its events are kept.
    pub(crate) fn is_kept(&self) -> bool {
        self.session || self.horizon != Horizon::None
    }

    /// How long the value at a place among its columns may be kept.
    pub(crate) fn ttl(&self, place: usize) -> Option<Duration> {
        self.columns[place].ttl
    }

    /// Packs what is kept of an event, in the order of its columns.
    pub(crate) fn pack(&self, source: &Source<'_>, symbols: &mut Symbols, out: &mut Vec<Packed>) {
        for column in &self.columns {
            let value = match &column.source {
                Place::Own(path) => match source.name {
                    Some(name) if **path == *"name" => {
                        out.push(symbols.intern(name).packed());
                        continue;
                    }
                    _ => source.own.get_path(path),
                },
                Place::Context(path) => source.context.get_path(path),
                Place::Outer(path) => source.outer.and_then(|outer| outer.get_path(path)),
            };
            out.push(value.map_or(Packed::MISSING, |value| pack_declared(value, column.instant, symbols)));
        }
    }
}

/// Where the values of an event come from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) own: &'a Object,
    /// The properties of the event whose list an element is in.
    pub(crate) outer: Option<&'a Object>,
    pub(crate) context: &'a Object,
    /// The name of a page or screen, which stands beside its properties.
    pub(crate) name: Option<&'a str>,
}

/// Packs a value; a string that the schema declares an instant is read as one, where it can be.
pub(crate) fn pack_declared(value: &Value, instant: bool, symbols: &mut Symbols) -> Packed {
    match value {
        Value::String(text) if instant => match text.parse() {
            Ok(at) => symbols.pack(&Value::Instant(at)),
            Err(_) => symbols.pack(value),
        },
        _ => symbols.pack(value),
    }
}

/// Packs a list of objects: of each the declared fields stay, of everything else in the list nothing.
pub(crate) fn pack_objects(list: &[Value], fields: &[Field], symbols: &mut Symbols) -> Packed {
    let is_kept = |value: &Value| !matches!(value, Value::Null | Value::List(_) | Value::Object(_));
    let field = |value: &Value, instant: bool| match value {
        Value::String(text) if instant => text.parse().map_or_else(|_| value.clone(), Value::Instant),
        Value::List(list) => Value::List(list.iter().filter(|value| is_kept(value)).cloned().collect()),
        Value::Object(_) => value.as_geo().map_or(Value::Null, Value::Geo),
        _ => value.clone(),
    };
    let object = |object: &Object| {
        let mut kept = Object::new();
        for Field { name, instant } in fields {
            match object.get_path(name).map(|value| field(value, *instant)) {
                None | Some(Value::Null) => {}
                Some(value) => kept.set(name.clone(), value),
            }
        }
        Value::Object(kept)
    };
    let objects = list.iter().filter_map(|element| match element {
        Value::Object(inner) => Some(object(inner)),
        _ => None,
    });
    let objects = objects.collect();
    symbols.pack_objects(objects)
}
