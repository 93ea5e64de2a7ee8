use crate::model::{Duration, HashKey, OWN_EVENTS};
use crate::profile::Retention;
use crate::segment::fact_names::FactNames;
use crate::segment::item_schema::ItemSchema;
use crate::segment::tags::Tags;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The kind of an attribute or of a property.
///
/// ```
/// use bespoke::segment::{Kind, Plan, Schema};
/// let mut schema = Schema::strict();
/// schema.attribute("age", Kind::Number).attribute("born", Kind::Instant);
/// assert!(Plan::builder(schema.clone()).segment("new", None, "now - born < 1h").build().is_ok());
/// let errors = Plan::builder(schema).segment("adult", None, r#"age >= "18""#).build().unwrap_err();
/// assert_eq!(errors[0].message(), "a number cannot be compared with a string");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// An integer or a float.
    Number,
    /// Text.
    String,
    /// An RFC 3339 string in messages, an instant in expressions.
    Instant,
    /// `{lat, lon}`.
    Geo,
    /// Several scalars.
    List,
}

/// What expressions may name: attributes of the user, events, and their properties.
///
/// ```
/// use bespoke::segment::{Kind, Schema};
/// let mut schema = Schema::strict();
/// schema.attribute("country", Kind::String).attribute("budget.*", Kind::Number);
/// schema.event("view").property("view", "sku", Kind::String);
/// ```
#[derive(Clone, Debug)]
pub struct Schema {
    pub(crate) strict: bool,
    /// Whether what is not declared is not even kept.
    pub(crate) closed: bool,
    /// Whether something of it could not be read, so that what is not in it is no mistake of whoever uses it.
    pub(crate) is_partial: bool,
    pub(crate) attributes: BTreeMap<Box<str>, Kind>,
    /// Those that are lists of objects, with the fields of those.
    pub(crate) lists: BTreeMap<Box<str>, BTreeMap<Box<str>, Kind>>,
    /// By prefix with its dot: `budget.` for `budget.*`.
    pub(crate) prefixes: BTreeMap<Box<str>, Kind>,
    /// What is said of attributes beside their kind, and of prefixes with their dot.
    pub(crate) attribute_tags: BTreeMap<Box<str>, Tags>,
    pub(crate) prefix_tags: BTreeMap<Box<str>, Tags>,
    /// The key of values of which a hash is kept.
    pub(crate) hash_key: Option<HashKey>,
    pub(crate) events: BTreeMap<Box<str>, EventSchema>,
    pub(crate) affinities: BTreeMap<Box<str>, AffinitySchema>,
    pub(crate) facts: FactNames,
    /// What items of the catalogue have.
    pub(crate) items: Arc<ItemSchema>,
    /// What the engine records itself; never declared, and never among the events of `any`.
    pub(crate) own_events: BTreeMap<Box<str>, EventSchema>,
    /// How long things may be kept.
    pub(crate) retention: Retention,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct EventSchema {
    pub(crate) properties: BTreeMap<Box<str>, Kind>,
    /// What is said of properties beside their kind.
    pub(crate) tags: BTreeMap<Box<str>, Tags>,
    /// Properties whose values may be of any kind.
    pub(crate) any_kind: Vec<&'static str>,
    /// Properties that are lists of objects, with the fields of those.
    pub(crate) lists: BTreeMap<Box<str>, BTreeMap<Box<str>, Kind>>,
}

/// Which events feed the affinities of a property.
#[derive(Clone, Debug)]
pub(crate) struct AffinitySchema {
    pub(crate) half_life: Duration,
    pub(crate) weights: Option<BTreeMap<Box<str>, f64>>,
}

impl AffinitySchema {
    /// What holds for a property without a rule of its own.
    pub(crate) const DEFAULT: AffinitySchema = AffinitySchema { half_life: Duration::days(7), weights: None };
}

impl Schema {
    fn new(strict: bool) -> Schema {
        let mut schema = Schema {
            strict,
            closed: false,
            is_partial: false,
            attributes: BTreeMap::new(),
            lists: BTreeMap::new(),
            prefixes: BTreeMap::new(),
            attribute_tags: BTreeMap::new(),
            prefix_tags: BTreeMap::new(),
            hash_key: None,
            events: BTreeMap::new(),
            affinities: BTreeMap::new(),
            facts: FactNames::default(),
            items: Arc::default(),
            own_events: own_events(),
            retention: Retention::default(),
        };
        schema.attribute("timezone", Kind::String).attribute("group.id", Kind::String);
        schema.property("page", "name", Kind::String).property("screen", "name", Kind::String);
        schema
    }

    /// Names that are not declared are errors.
    #[must_use]
    pub fn strict() -> Schema {
        Schema::new(true)
    }

    /// Names that are not declared may have values of any kind.
    #[must_use]
    pub fn lenient() -> Schema {
        Schema::new(false)
    }

    /// Declares an attribute; `budget.*` declares every name under `budget.`.
    pub fn attribute(&mut self, name: &str, kind: Kind) -> &mut Schema {
        match name.strip_suffix('*') {
            Some(prefix) if prefix.ends_with('.') => self.prefixes.insert(prefix.into(), kind),
            _ => {
                self.lists.remove(name);
                self.attributes.insert(name.into(), kind)
            }
        };
        self
    }

    /// Declares an attribute that is a list of objects, such as devices, with one of their fields. Of its objects
    /// the declared fields are kept.
    ///
    /// ```
    /// use bespoke::segment::{Kind, Plan, Schema};
    /// let mut schema = Schema::strict();
    /// schema.object("devices", "os", Kind::String).object("devices", "last_seen", Kind::Instant);
    /// Plan::builder(schema)
    ///     .segment("on_ios", None, r#"has(devices where os = "ios" and now - last_seen < 30d)"#)
    ///     .build()?;
    /// # Ok::<(), Vec<bespoke::segment::Error>>(())
    /// ```
    pub fn object(&mut self, list: &str, field: &str, kind: Kind) -> &mut Schema {
        self.attributes.insert(list.into(), Kind::List);
        self.lists.entry(list.into()).or_default().insert(field.into(), kind);
        self
    }

    /// Declares an event.
    pub fn event(&mut self, name: &str) -> &mut Schema {
        self.events.entry(name.into()).or_default();
        self
    }

    /// Declares a property of an event, and the event with it.
    pub fn property(&mut self, event: &str, name: &str, kind: Kind) -> &mut Schema {
        self.events.entry(event.into()).or_default().properties.insert(name.into(), kind);
        self
    }

    /// Declares a property that is a list of objects, such as order lines, with one of their fields.
    pub fn line(&mut self, event: &str, list: &str, field: &str, kind: Kind) -> &mut Schema {
        let lists = &mut self.events.entry(event.into()).or_default().lists;
        lists.entry(list.into()).or_default().insert(field.into(), kind);
        self
    }

    /// Declares which events feed the affinities of a property: `None` for all, each with weight 1.
    pub fn affinity(
        &mut self,
        property: &str,
        half_life: Duration,
        weights: Option<&[(&str, f64)]>,
    ) -> &mut Schema {
        let weights =
            weights.map(|list| list.iter().map(|(event, weight)| ((*event).into(), *weight)).collect());
        self.affinities.insert(property.into(), AffinitySchema { half_life, weights });
        self
    }

    /// What is known of an event, whoever records it.
    pub(crate) fn event_schema(&self, name: &str) -> Option<&EventSchema> {
        self.own_events.get(name).or_else(|| self.events.get(name))
    }

    /// The names of all events.
    pub(crate) fn event_names(&self) -> impl Iterator<Item = &str> {
        self.events.keys().chain(self.own_events.keys()).map(|name| &**name)
    }

    /// The group that a name is in: of nested ones the longest.
    pub(crate) fn group_of(&self, name: &str) -> Option<(&str, Kind)> {
        let mut longest_first = self.prefixes.iter().rev();
        let group = longest_first.find(|(prefix, _)| name.starts_with(&***prefix));
        group.map(|(prefix, kind)| (&**prefix, *kind))
    }

    /// Whether an event has a list of objects of that name.
    pub(crate) fn has_list(&self, event: &str, list: &str) -> bool {
        self.events.get(event).is_some_and(|event| event.lists.contains_key(list))
    }

    pub(crate) fn attribute_kind(&self, name: &str) -> Option<Kind> {
        self.attributes.get(name).copied().or_else(|| self.group_of(name).map(|(_, kind)| kind))
    }
}

/// Texts are all that the engine notes itself, but for the values of attributes and the keys of segments.
fn own_events() -> BTreeMap<Box<str>, EventSchema> {
    let is_any_kind = |property: &&str| ["from", "to", "key"].contains(property);
    let schema = |properties: &[&'static str]| {
        let (any_kind, texts): (Vec<&str>, Vec<&str>) = properties.iter().copied().partition(is_any_kind);
        let properties = texts.into_iter().map(|name| (name.into(), Kind::String)).collect();
        EventSchema { properties, any_kind, ..EventSchema::default() }
    };
    OWN_EVENTS.iter().map(|(name, properties)| ((*name).into(), schema(properties))).collect()
}
