use crate::model::Object;

/// What the catalogue knows of an item.
///
/// Given by [`Engine::item`](crate::engine::Engine::item); made by messages, see [`Message::item`].
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Engine, model::{Instant, Message}};
/// # let definitions = Definitions::from_toml("version = 1\n[catalogue]\nprice = \"number\"\nvector = 2")?;
/// # let engine = Engine::builder(definitions).open()?;
/// # let now = Instant::from_millis(0);
/// let boot = Message::item("boot-7").with("price", 99).with("vector", vec![0.5, 0.25]);
/// engine.ingest(boot, now)?;
/// let item = engine.item("boot-7").ok_or("it is not in the catalogue")?;
/// assert_eq!(item.attributes.get("price"), Some(&99.into()));
/// assert_eq!(item.vector.as_deref(), Some(&[0.5, 0.25][..])); // beside the attributes, not among them
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`Message::item`]: crate::model::Message::item
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct CatalogueItem {
    /// Its id.
    pub id: Box<str>,
    /// Its attributes by name, in order of the names; those that it has not are left out.
    pub attributes: Object,
    /// Its vector, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vector: Option<Box<[f32]>>,
}

impl CatalogueItem {
    pub(crate) fn new(id: &str) -> CatalogueItem {
        CatalogueItem { id: id.into(), attributes: Object::new(), vector: None }
    }
}
