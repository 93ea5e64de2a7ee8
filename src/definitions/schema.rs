//! `[attributes]`, `[events]` and `[affinity]`: what expressions may name.

use crate::definitions::reader::{Node, Table};
use crate::definitions::{Settings, catalogue, facts};
use crate::model::{Duration, Quoted, own_event};
use crate::segment::{Kind, Pii, Schema, Span, Stored, Tags};

/// The kinds by the words that definitions have for them.
const KINDS: [(&str, Kind); 6] = [
    ("bool", Kind::Bool),
    ("number", Kind::Number),
    ("string", Kind::String),
    ("instant", Kind::Instant),
    ("geo", Kind::Geo),
    ("list", Kind::List),
];
/// What people write instead.
const OTHER_WORDS: [(&str, &str); 13] = [
    ("boolean", "bool"),
    ("int", "number"),
    ("integer", "number"),
    ("float", "number"),
    ("double", "number"),
    ("decimal", "number"),
    ("text", "string"),
    ("date", "instant"),
    ("datetime", "instant"),
    ("time", "instant"),
    ("timestamp", "instant"),
    ("array", "list"),
    ("location", "geo"),
];
const AFFINITY_WEIGHT_MAX: f64 = 1e9;

/// The schema, and whether it is what the host meant. Where it is not, what was declared wrongly may be missing
/// from it, and a name that is not in it is no mistake of whoever uses it.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) schema: Schema,
    pub(super) is_sound: bool,
}

pub(super) fn read(root: &mut Table<'_>, settings: &Settings) -> Names {
    let mut schema = if settings.strict { Schema::strict() } else { Schema::lenient() };
    schema.closed = settings.closed;
    schema.hash_key.clone_from(&settings.hash_key);
    let known = root.count();
    if let Some(table) = root.get("attributes").and_then(|node| node.table()) {
        for node in table.nodes() {
            read_attribute(node, &mut schema);
        }
    }
    if let Some(table) = root.get("events").and_then(|node| node.table()) {
        for node in table.nodes() {
            read_event(node, &mut schema);
        }
    }
    facts::read(root, &mut schema);
    catalogue::read(root, &mut schema);
    let mut names = Names { schema, is_sound: root.count() == known };
    if let Some(table) = root.get("affinity").and_then(|node| node.table()) {
        for node in table.nodes() {
            read_affinity(node, &mut names);
        }
    }
    names
}

const PIIS: [(&str, Pii); 3] =
    [("direct", Pii::Direct), ("quasi", Pii::Quasi), ("sensitive", Pii::Sensitive)];
const STORED: [(&str, Stored); 3] =
    [("plain", Stored::Plain), ("hash", Stored::Hash), ("drop", Stored::Drop)];
/// Attributes that the engine itself reads.
const OWN_ATTRIBUTES: [&str; 2] = ["timezone", "group.id"];

/// `key = "kind"` or `key = { kind = "kind", pii = "direct", store = "hash", ttl = "30d" }`
fn read_tagged(node: &Node<'_>, schema: &Schema) -> Option<(Kind, Option<Tags>)> {
    let has_kind = |table: &Table<'_>| table.nodes().iter().any(|node| node.key == "kind");
    let table = node.is_table().then(|| node.table()).flatten();
    let Some(mut table) = table.filter(has_kind) else {
        // A table without a kind is a name with dots.
        return read_kind(node).map(|kind| (kind, None));
    };
    let kind = table.require("kind").and_then(|node| read_kind(&node));
    let pii = table.get("pii").and_then(|node| node.choice("word for personal data", &PIIS));
    let store = table.get("store");
    let stored = store.and_then(|node| node.choice("way to store", &STORED)).unwrap_or_default();
    let ttl = table.get("ttl").and_then(|node| node.duration());
    if let (Some(kind), Some(store), Stored::Hash) = (kind, store, stored)
        && kind != Kind::String
    {
        store.error_help("only a string can be kept as a hash", "leave `store` out, or say `drop`");
    }
    if stored == Stored::Hash && schema.hash_key.is_none() {
        let message = format!("{} is kept as a hash, and there is no key to hash it with", Quoted(node.key));
        node.error_help(message, "give one in [settings]: `hash_key = \"…\"`, from where you keep secrets");
    }
    table.finish();
    Some((kind?, Some(Tags { pii, stored, ttl })))
}

/// `key = "kind"`
pub(super) fn read_kind(node: &Node<'_>) -> Option<Kind> {
    if node.is_table() {
        let help = format!("a name with dots goes in quotes: `\"{}.…\" = \"string\"`", node.key);
        node.error_help("a kind is wanted, this is a table", help);
        return None;
    }
    let text = node.text()?;
    if let Some((_, kind)) = KINDS.iter().find(|(word, _)| *word == text) {
        return Some(*kind);
    }
    let words: Vec<String> = KINDS.iter().map(|(word, _)| format!("`{word}`")).collect();
    let meant = OTHER_WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
    match meant {
        Some((_, word)) => {
            node.error_help(format!("unknown kind {}", Quoted(text)), format!("did you mean `{word}`?"));
        }
        None => node.unknown(
            "kind",
            text,
            KINDS.iter().map(|(word, _)| *word),
            Some(format!("it is one of {}", words.join(", "))),
        ),
    }
    None
}

fn read_attribute(node: &Node<'_>, schema: &mut Schema) {
    if node.is_list() {
        return read_objects(node, schema);
    }
    let Some((kind, tags)) = read_tagged(node, schema) else { return };
    if !node.is_named() {
        return;
    }
    let name = node.key;
    if let Some(ttl) = tags.as_ref().and_then(|tags| tags.ttl) {
        schema.retention.attributes.insert(name.into(), ttl);
    }
    let bare = name.strip_suffix(".*").unwrap_or(name);
    if bare.contains('*') || bare.is_empty() {
        let help = "all names that begin alike are declared with `.*` at the end: `\"budget.*\"`";
        node.report().add(
            node.key_span,
            format!("{} has a `*` out of place", Quoted(name)),
            Some(help.into()),
        );
        return;
    }
    let is_own = OWN_ATTRIBUTES.contains(&name);
    if is_own && kind != Kind::String {
        node.error(format!("{} is a string for the engine itself", Quoted(name)));
        return;
    }
    if is_own && tags.is_some_and(|tags| tags.stored != Stored::Plain) {
        node.error(format!("the engine itself reads {}, so it is kept as it is", Quoted(name)));
        return;
    }
    schema.attribute(name, kind);
    if let Some(tags) = tags {
        schema.tag_attribute(name, tags);
    }
}

fn read_event(node: &Node<'_>, schema: &mut Schema) {
    if !node.is_named() {
        return;
    }
    let event = node.key;
    if own_event(event).is_some() {
        let help = "use another name; what the engine records need not be declared";
        let message = format!("{} is an event that the engine records itself", Quoted(event));
        node.report().add(node.key_span, message, Some(help.into()));
        return;
    }
    schema.event(event);
    let Some(table) = node.table() else { return };
    for property in table.nodes() {
        if !property.is_named() {
            continue;
        }
        if property.is_list() {
            read_fields(property, |field, kind| {
                schema.line(event, property.key, field, kind);
            });
        } else if let Some((kind, tags)) = read_tagged(property, schema) {
            schema.property(event, property.key, kind);
            if let Some(tags) = tags {
                schema.tag_property(event, property.key, tags);
                if let Some(ttl) = tags.ttl {
                    let ages = schema.retention.properties.entry(event.into()).or_default();
                    ages.insert(property.key.into(), ttl);
                }
            }
        }
    }
}

/// `devices = [{ os = "string", last_seen = "instant" }]`
fn read_objects(node: &Node<'_>, schema: &mut Schema) {
    if !node.is_named() {
        return;
    }
    if node.key.contains('*') || OWN_ATTRIBUTES.contains(&node.key) {
        node.error(format!("{} is no name for a list of objects", Quoted(node.key)));
        return;
    }
    read_fields(node, |field, kind| {
        schema.object(node.key, field, kind);
    });
}

/// `products = [{ sku = "string", price = "number" }]`
fn read_fields(node: &Node<'_>, mut declare: impl FnMut(&str, Kind)) {
    let items = node.list().unwrap_or_default();
    let [fields] = items[..] else {
        let help = "write the fields of one object: `[{ sku = \"string\", price = \"number\" }]`";
        node.error_help("a list of objects is declared with exactly one table of kinds", help);
        return;
    };
    let Some(fields) = fields.table() else { return };
    if fields.nodes().is_empty() {
        fields.error("the objects have no fields");
    }
    for field in fields.nodes() {
        if let Some(kind) = read_kind(field)
            && field.is_named()
        {
            declare(field.key, kind);
        }
    }
}

fn read_affinity(node: &Node<'_>, names: &mut Names) {
    let property = node.key;
    if !node.is_named() {
        return;
    }
    let Some(mut table) = node.table() else { return };
    names.check_affinity(node);
    let half_life = table.get("half_life").map_or(Some(Duration::days(7)), |node| node.duration());
    let weights = table.get("weights").and_then(|node| node.table());
    let weights = weights.map(|weights| {
        let mut list = Vec::new();
        for weight in weights.nodes() {
            names.check_host_event(weight, weight.key, weight.key_span);
            list.extend(weight.weight(AFFINITY_WEIGHT_MAX).map(|number| (weight.key, number)));
        }
        list
    });
    table.finish();
    if let Some(half_life) = half_life {
        names.schema.affinity(property, half_life, weights.as_deref());
    }
}

impl Names {
    fn checks(&self) -> bool {
        self.schema.strict && self.is_sound
    }

    /// Reads a purpose of consent.
    pub(super) fn read_purpose(&self, node: &Node<'_>) -> Option<Box<str>> {
        let name = node.name()?;
        let purposes = &self.schema.facts.purposes;
        if !purposes.contains_key(name) {
            let help = format!("declare it as [consent.{name}]");
            node.unknown("purpose", name, purposes.keys().map(|name| &**name), Some(help));
        }
        Some(name.into())
    }

    /// Whether a property that has a name of the context is always right.
    fn is_context(property: &str) -> bool {
        property.starts_with("context.")
    }

    /// Reports an event that is not declared, where it should be.
    pub(super) fn check_event(&self, node: &Node<'_>, event: &str, place: Span) -> bool {
        if !self.checks() || self.schema.event_schema(event).is_some() {
            return true;
        }
        let help = node
            .report()
            .did_you_mean(event, self.schema.event_names())
            .unwrap_or_else(|| format!("declare it as `[events.{}]`", quoted_key(event)));
        node.report().add(place, format!("unknown event {}", Quoted(event)), Some(help));
        false
    }

    /// The same where only events of the host are of use: what models and affinities learn from.
    pub(super) fn check_host_event(&self, node: &Node<'_>, event: &str, place: Span) -> bool {
        if own_event(event).is_none() {
            return self.check_event(node, event, place);
        }
        let message = format!("{} is an event of the engine's own, from which nothing learns", Quoted(event));
        node.report().add(place, message, Some("name an event of yours".into()));
        false
    }

    /// Reports a property that an event does not have. Gives its kind where it is declared.
    pub(super) fn check_property(&self, node: &Node<'_>, event: &str, property: &str) -> Option<Kind> {
        let known = self.schema.event_schema(event);
        let kind = known.and_then(|event| event.properties.get(property).copied());
        if let Some(known) = known
            && kind.is_none()
            && !known.any_kind.contains(&property)
            && self.checks()
            && !Names::is_context(property)
        {
            let names = known.properties.keys().map(|name| &**name);
            let help = node.report().did_you_mean(property, names);
            let message = format!("the event {} has no property {}", Quoted(event), Quoted(property));
            node.report().add(node.place(), message, help);
        }
        self.check_shown(node, event, property);
        kind
    }

    /// Reports a property that is not kept, or whose values may not be shown: keys are shown, and so is what models
    /// have learned.
    pub(super) fn check_shown(&self, node: &Node<'_>, event: &str, property: &str) {
        let tags = self.schema.property_tags(event, property);
        let name = Quoted(property);
        if tags.stored == Stored::Drop {
            node.error_help(
                format!("{name} is not kept (`store = \"drop\"`)"),
                "keep it as a hash: `store = \"hash\"`",
            );
        } else if tags.is_hidden() {
            let message = format!("{name} is direct personal data, and this would show it");
            node.error_help(message, "keep it as a hash: `store = \"hash\"`");
        }
    }

    /// Reports a property that no event has, or whose values may not be shown.
    pub(super) fn check_key(&self, node: &Node<'_>, property: &str) {
        let events = || self.schema.events.iter();
        let known = || events().filter(|(_, event)| event.properties.contains_key(property));
        if self.checks() && known().next().is_none() && !Names::is_context(property) {
            let names = events().flat_map(|(_, event)| event.properties.keys()).map(|name| &**name);
            node.unknown("property", property, names, Some("no event has a property of that name".into()));
        }
        // Told once, whatever many events have it.
        if let Some((event, _)) = known().next() {
            self.check_shown(node, event, property);
        }
    }

    fn check_affinity(&self, node: &Node<'_>) {
        let property = node.key;
        let events = || self.schema.events.values();
        let known = events().any(|event| event.properties.contains_key(property));
        if self.checks() && !known && !Names::is_context(property) {
            let names = events().flat_map(|event| event.properties.keys()).map(|name| &**name);
            let help = node
                .report()
                .did_you_mean(property, names)
                .unwrap_or_else(|| "no event has a property of that name".into());
            node.report().add(node.key_span, format!("unknown property {}", Quoted(property)), Some(help));
        }
    }
}

/// A name as a key of TOML.
pub(super) fn quoted_key(name: &str) -> String {
    let is_bare = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if is_bare { name.to_owned() } else { format!("{name:?}") }
}
