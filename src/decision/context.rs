//! What a template may name, turned into the template engine's values: only what the text can read, because
//! copying a whole profile costs more than rendering.

use crate::model::{OWN_MARK, Object, Value, Zone};
use crate::profile::{ProfileStore, UserKey};
use minijinja::Value as Rendered;
use std::collections::BTreeMap;

/// The names that a template knows.
pub(super) const NAMES: [&str; 5] = ["user", "key", "event", "request", "item"];
/// The zone of the user, for `local`; no text can name it.
pub(super) const ZONE: &str = "\u{1}zone";
/// Deepest nesting that templates see of a value, or of a dotted name: behind it dots are part of the name, and
/// nested values are empty. Whatever the depth of the host's values, rendering recurses no deeper.
const DEPTH_MAX: usize = 16;

/// What a content is rendered for; what is not given is empty.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RenderContext<'a> {
    /// `user`: the attributes, dotted names as nested objects.
    pub(crate) user: Option<(&'a ProfileStore, UserKey)>,
    /// The zone of somebody of whom nothing is known.
    pub(crate) zone: Option<&'a Zone>,
    /// `key`: what keys the instance of a journey.
    pub(crate) key: Option<&'a Value>,
    /// `event`: the properties of the event that began it.
    pub(crate) event: Option<&'a Object>,
    /// `request`: what the host gave with its question.
    pub(crate) request: Option<&'a Object>,
    /// `item`: the attributes of the item of the catalogue whose id is the key.
    pub(crate) item: Option<&'a Object>,
}

/// What the texts of a content can read.
#[derive(Debug, Default)]
pub(super) struct Reads {
    user: Wanted,
    key: Wanted,
    event: Wanted,
    request: Wanted,
    item: Wanted,
    /// Whether instants are shown as the user's clock has them.
    zone: bool,
}

/// Which names below a root.
#[derive(Debug, Default)]
enum Wanted {
    #[default]
    None,
    Paths(Vec<Box<str>>),
    All,
}

impl Wanted {
    fn add(&mut self, path: &str) {
        match self {
            Wanted::None => *self = Wanted::Paths(vec![path.into()]),
            Wanted::Paths(paths) => paths.push(path.into()),
            Wanted::All => {}
        }
    }

    fn is_none(&self) -> bool {
        matches!(self, Wanted::None)
    }

    /// Whether a dotted name lies on, above or below a path that is read.
    fn wants(&self, name: &str) -> bool {
        let below = |long: &str, short: &str| {
            long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        match self {
            Wanted::None => false,
            Wanted::Paths(paths) => paths.iter().any(|path| below(path, name) || below(name, path)),
            Wanted::All => true,
        }
    }
}

impl Reads {
    fn root(&mut self, name: &str) -> Option<&mut Wanted> {
        match name {
            "user" => Some(&mut self.user),
            "key" => Some(&mut self.key),
            "event" => Some(&mut self.event),
            "request" => Some(&mut self.request),
            "item" => Some(&mut self.item),
            _ => None,
        }
    }

    /// Takes note of a name that a text reads, such as `user.first_name`, or `user` for all below it.
    pub(super) fn add(&mut self, name: &str) {
        let (root, path) = name.split_once('.').map_or((name, None), |(root, path)| (root, Some(path)));
        match (self.root(root), path) {
            (Some(wanted), Some(path)) => wanted.add(path),
            (Some(wanted), None) => *wanted = Wanted::All,
            (None, _) => {}
        }
    }

    /// Takes note that instants are shown as the user's clock has them.
    pub(super) fn add_zone(&mut self) {
        self.zone = true;
    }

    /// Whether anything of an item is read.
    pub(super) fn reads_item(&self) -> bool {
        !self.item.is_none()
    }

    /// The context of a rendering, with no more in it than is read.
    pub(super) fn context(&self, cx: &RenderContext<'_>) -> Rendered {
        let mut roots = Vec::with_capacity(NAMES.len() + 1);
        if let (Some((store, user)), false) = (cx.user, self.user.is_none()) {
            let mut tree = Tree::default();
            for attribute in store.get(user).attributes.iter().filter(|a| !a.value.is_missing()) {
                let name = store.symbols.text(attribute.name);
                if self.user.wants(name) && !name.starts_with(OWN_MARK) {
                    tree.insert(name, &store.symbols.value(attribute.value), DEPTH_MAX);
                }
            }
            roots.push(("user", tree.finish()));
        }
        let zone = cx.user.map(|(store, user)| store.zone(store.get(user))).or(cx.zone);
        if let (Some(zone), true) = (zone, self.zone) {
            roots.push((ZONE, zone.name().into()));
        }
        if let (Some(key), false) = (cx.key, self.key.is_none()) {
            roots.push(("key", rendered(key, DEPTH_MAX)));
        }
        for (name, wanted, object) in [
            ("event", &self.event, cx.event),
            ("request", &self.request, cx.request),
            ("item", &self.item, cx.item),
        ] {
            if let (Some(object), false) = (object, wanted.is_none()) {
                let mut tree = Tree::default();
                tree.insert_all(object, DEPTH_MAX, |name| wanted.wants(name));
                roots.push((name, tree.finish()));
            }
        }
        Rendered::from_pairs(roots)
    }
}

/// Named values with dotted names taken apart. A name that has a value and names below it too gives the names below.
#[derive(Default)]
struct Tree(BTreeMap<Box<str>, Branch>);

#[derive(Default)]
struct Branch {
    value: Option<Rendered>,
    below: Tree,
}

impl Tree {
    fn insert_all(&mut self, object: &Object, depth: usize, wants: impl Fn(&str) -> bool) {
        for (name, value) in object.iter().filter(|(name, _)| wants(name)) {
            self.insert(name, value, depth);
        }
    }

    fn insert(&mut self, name: &str, value: &Value, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        if let (Some((first, rest)), true) = (name.split_once('.'), depth > 0) {
            return self.branch(first).below.insert(rest, value, depth);
        }
        let branch = self.branch(name);
        match value {
            Value::Null => {}
            Value::Object(object) => branch.below.insert_all(object, depth, |_| true),
            // A place may have names beside its own, such as a city, and those may come before or after it.
            Value::Geo(geo) => {
                for (name, degrees) in [("lat", geo.lat), ("lon", geo.lon)] {
                    branch.below.branch(name).value.get_or_insert_with(|| Rendered::from(degrees));
                }
            }
            _ => branch.value = Some(rendered(value, depth + 1)),
        }
    }

    fn branch(&mut self, name: &str) -> &mut Branch {
        self.0.entry(name.into()).or_default()
    }

    fn finish(self) -> Rendered {
        Rendered::from_pairs(self.0.into_iter().map(|(name, Branch { value, below })| {
            let value = if below.0.is_empty() { value.unwrap_or_default() } else { below.finish() };
            (Rendered::from(&*name), value)
        }))
    }
}

/// A value that is not part of a tree.
fn rendered(value: &Value, depth: usize) -> Rendered {
    let Some(depth) = depth.checked_sub(1) else { return Rendered::UNDEFINED };
    match value {
        // Not the engine's null, which prints as `none`: what is missing prints as nothing.
        Value::Null => Rendered::UNDEFINED,
        Value::Bool(b) => Rendered::from(*b),
        Value::Int(n) => Rendered::from(*n),
        Value::Float(x) => Rendered::from(*x),
        Value::String(text) => Rendered::from(&**text),
        Value::Instant(at) => Rendered::from(at.to_string()),
        Value::Geo(geo) => Rendered::from_pairs([("lat", geo.lat), ("lon", geo.lon)]),
        Value::List(list) => list.iter().map(|element| rendered(element, depth)).collect(),
        Value::Object(object) => {
            let mut tree = Tree::default();
            tree.insert_all(object, depth, |_| true);
            tree.finish()
        }
    }
}
