//! How little is kept of a value, and who may see it.

use crate::model::{Duration, HashKey};
use crate::profile::Hidden;
use crate::segment::Schema;
use crate::segment::schema::EventSchema;

use std::collections::{BTreeMap, BTreeSet};

/// What the schema says of an attribute or a property beside its kind.
///
/// ```
/// use bespoke::segment::{Kind, Pii, Schema, Stored, Tags};
/// let mut schema = Schema::strict();
/// schema.attribute("email", Kind::String).hash_key("not a key for real use");
/// schema.tag_attribute("email", Tags { pii: Some(Pii::Direct), stored: Stored::Hash, ..Tags::default() });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// What it tells of a person; nothing where it tells nothing.
    pub pii: Option<Pii>,
    /// What is kept of it.
    pub stored: Stored,
    /// How long it is kept after it was written, or after the event that it is a property of. Definitions see to it; here it
    /// is only said. For ever unless given.
    pub ttl: Option<Duration>,
}

/// What a value tells of a person.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Engine, model::{Instant, Message}};
/// let definitions = Definitions::from_toml(r#"
///     version = 1
///     attributes.email = { kind = "string", pii = "direct" }
///     attributes.postcode = { kind = "string", pii = "quasi" }
/// "#)?;
/// # let engine = Engine::builder(definitions).open()?;
/// # let ada = Message::identify("ada").with("email", "ada@example.com").with("postcode", "SW1Y");
/// # engine.ingest(ada, Instant::from_millis(0))?;
/// let profile = engine.profile("ada")?.ok_or("nobody")?;
/// assert!(format!("{profile:?}").contains(r#"{"email": ‹hidden›, "postcode": String("SW1Y")}"#));
/// assert_eq!(profile.attributes["email"], "ada@example.com".into()); // for whoever asks for this user
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pii {
    /// Who it is: a name, an address. Shown to nobody but whoever asks for this user's data.
    Direct,
    /// Who it may be, together with others: a birthday, a postcode.
    Quasi,
    /// What is nobody's business: health, faith.
    Sensitive,
}

/// What is kept of a value; the later, the less.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Engine, model::{Instant, Message}};
/// let definitions = Definitions::from_toml(r#"
///     version = 1
///     settings.hash_key = "sixteen bytes or more"
///     attributes.email = { kind = "string", store = "hash" }
///     segments = { ada = 'email = "ada@example.com"' }
/// "#)?;
/// # let engine = Engine::builder(definitions).open()?;
/// engine.ingest(Message::identify("u42").with("email", "ada@example.com"), Instant::from_millis(0))?;
/// assert!(engine.is_member("u42", "ada")); // hashes are compared, and no address was kept:
/// assert_ne!(engine.profile("u42")?.ok_or("nobody")?.attributes["email"], "ada@example.com".into());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stored {
    /// The value.
    #[default]
    Plain,
    /// A keyed hash of it, as text: equal values have equal hashes, and nothing else can be told.
    Hash,
    /// Nothing.
    Drop,
}

impl Tags {
    /// Whether the value that is kept names a person, so that it is shown to nobody who did not ask for it.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.pii == Some(Pii::Direct) && self.stored == Stored::Plain
    }
}

impl Schema {
    /// Says more of an attribute that is declared; `budget.*` of every name under `budget.`.
    pub fn tag_attribute(&mut self, name: &str, tags: Tags) -> &mut Schema {
        match name.strip_suffix('*') {
            Some(prefix) if prefix.ends_with('.') => self.prefix_tags.insert(prefix.into(), tags),
            _ => self.attribute_tags.insert(name.into(), tags),
        };
        self
    }

    /// Says more of a property of an event that is declared.
    pub fn tag_property(&mut self, event: &str, name: &str, tags: Tags) -> &mut Schema {
        self.events.entry(event.into()).or_default().tags.insert(name.into(), tags);
        self
    }

    /// Sets the key under which hashes are made. With another one equal values have other hashes.
    pub fn hash_key(&mut self, key: &str) -> &mut Schema {
        self.hash_key = Some(HashKey::new(key));
        self
    }

    /// What is said of an attribute.
    #[must_use]
    pub fn attribute_tags(&self, name: &str) -> Tags {
        // A name that is declared itself is what it is declared to be.
        if self.attributes.contains_key(name) {
            return self.attribute_tags.get(name).copied().unwrap_or_default();
        }
        // A longer group goes before a shorter one, also where nothing more is said of it.
        let mut groups = name.rmatch_indices('.').map(|(dot, _)| &name[..=dot]);
        let is_known =
            |group: &&str| self.prefixes.contains_key(*group) || self.prefix_tags.contains_key(*group);
        groups.find(is_known).and_then(|group| self.prefix_tags.get(group)).copied().unwrap_or_default()
    }

    /// How an attribute is stored; nothing of one that is not declared, where only what is declared is kept.
    pub(crate) fn attribute_stored(&self, name: &str) -> Option<Stored> {
        let is_declared = || {
            self.attribute_kind(name).is_some()
                || parents(name).any(|parent| self.attributes.contains_key(parent))
        };
        (!self.closed || is_declared()).then(|| self.attribute_tags(name).stored)
    }

    /// Whether another schema declares the same attributes.
    pub(crate) fn declares_as(&self, other: &Schema) -> bool {
        self.attributes == other.attributes && self.prefixes == other.prefixes
    }

    /// How a property of an event is stored, likewise. Where a message came from is in its context, of which nothing is
    /// declared.
    pub(crate) fn property_stored_of(&self, event: &str, name: &str) -> Option<Stored> {
        let known = self.events.get(event);
        let is_declared = |known: &EventSchema| {
            let mut names = std::iter::once(name).chain(parents(name));
            names.any(|name| known.properties.contains_key(name) || known.lists.contains_key(name))
        };
        let is_kept = !self.closed || name.starts_with("context.") || known.is_some_and(is_declared);
        let tags = known.and_then(|known| known.tags.get(name));
        is_kept.then(|| tags.map_or(Stored::Plain, |tags| tags.stored))
    }

    /// The names of what is shown to nobody.
    pub(crate) fn hidden(&self) -> Hidden {
        let names = |tags: &BTreeMap<Box<str>, Tags>| -> BTreeSet<Box<str>> {
            tags.iter().filter(|(_, tags)| tags.is_hidden()).map(|(name, _)| name.clone()).collect()
        };
        Hidden {
            attributes: names(&self.attribute_tags),
            prefixes: (self.prefixes.keys().chain(self.prefix_tags.keys()))
                .map(|prefix| (prefix.clone(), self.attribute_tags(prefix).is_hidden()))
                .collect(),
            shown: self
                .attributes
                .keys()
                .filter(|name| !self.attribute_tags(name).is_hidden())
                .cloned()
                .collect(),
            properties: self.events.values().flat_map(|event| names(&event.tags)).collect(),
        }
    }

    /// What is said of a property of an event.
    #[must_use]
    pub fn property_tags(&self, event: &str, name: &str) -> Tags {
        let event = self.events.get(event);
        event.and_then(|event| event.tags.get(name)).copied().unwrap_or_default()
    }
}

/// The names that a dotted name lies below, from the nearest on.
fn parents(name: &str) -> impl Iterator<Item = &str> {
    name.rmatch_indices('.').map(|(dot, _)| &name[..dot])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::Kind;

    #[test]
    fn a_name_of_its_own_goes_before_a_prefix() {
        let hidden = Tags { pii: Some(Pii::Direct), ..Tags::default() };
        let mut schema = Schema::strict();
        schema.attribute("contact.*", Kind::String).attribute("contact.country", Kind::String);
        schema.tag_attribute("contact.*", hidden);
        schema.tag_property("order", "phone", hidden);
        for (tags, expected) in [
            (schema.attribute_tags("contact.email"), hidden),
            (schema.attribute_tags("contact.country"), Tags::default()),
            (schema.attribute_tags("contact"), Tags::default()),
            (schema.property_tags("order", "phone"), hidden),
            (schema.property_tags("order", "total"), Tags::default()),
            (schema.property_tags("view", "phone"), Tags::default()),
        ] {
            assert_eq!(tags, expected);
        }
        assert!(hidden.is_hidden());
        assert!(!Tags { stored: Stored::Hash, ..hidden }.is_hidden());
    }
}
