use crate::model::Object;

/// What the catalogue knows of an item.
///
/// Given by [`Engine::item`](crate::engine::Engine::item); made by messages, see [`Message::item`].
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
