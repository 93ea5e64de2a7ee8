//! What the content of messages is made of: templates, what is known of the user, the item that they are about.

use crate::decision::{self, RenderContext};
use crate::definitions::Compiled;
use crate::engine::Partition;
use crate::engine::catalogue::Catalogue;
use crate::engine::models::each_text;
use crate::journey::RenderRequest;
use crate::model::{Object, Value};
use crate::profile::{ProfileStore, UserKey};
use crate::recommend::Items;

/// What the content of messages is made of.
pub(super) struct Contents<'a> {
    pub(super) compiled: &'a Compiled,
    pub(super) store: &'a ProfileStore,
    pub(super) items: &'a Items,
    pub(super) catalogue: &'a Catalogue,
}

impl Contents<'_> {
    /// The content of a message to a user.
    pub(super) fn rendered(&self, request: &RenderRequest<'_>) -> Result<Object, String> {
        let RenderRequest { user, template, key, event } = *request;
        self.render(template, Some(user), key, event).map_err(|e| e.to_string())
    }

    /// What a template says; of what is not given there is nothing.
    pub(super) fn render(
        &self,
        template: &str,
        user: Option<UserKey>,
        key: Option<&Value>,
        event: Option<&Object>,
    ) -> Result<Object, decision::Error> {
        let templates = self.compiled.decisions.templates();
        let item = key.filter(|_| templates.reads_item(template)).and_then(|key| self.item(key));
        let user = user.map(|user| (self.store, user));
        let zone = Some(self.store.zone_of_settings());
        let item = item.as_ref();
        templates.render(template, &RenderContext { user, zone, key, event, item, request: None })
    }

    /// The attributes of the item whose id keys an instance.
    fn item(&self, key: &Value) -> Option<Object> {
        let mut found = None;
        each_text(key, &mut |id| {
            let known =
                self.items.get(id).and_then(|item| self.catalogue.item(item, id, &self.store.symbols));
            found = known.map(|known| {
                let mut attributes = known.attributes;
                attributes.set("id", id);
                attributes
            });
        });
        found
    }
}

impl Partition {
    /// What the content of messages is made of.
    pub(super) fn contents(&self) -> Contents<'_> {
        Contents {
            compiled: &self.compiled,
            store: &self.store,
            items: self.models.items(),
            catalogue: &self.catalogue,
        }
    }
}
