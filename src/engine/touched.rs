use crate::engine::Partition;
use crate::model::Message;
use crate::recommend::Action;

/// An item that a message tells of, as `[recommend.interactions]` reads it.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Partition, model::{Message, Object}, recommend::Action};
/// # let text = r#"
/// # version = 1
/// # [events.order]
/// # lines = [{ sku = "string" }]
/// # [recommend]
/// # interactions = { order = { item = "lines.sku", weight = 5.0, action = "bought" } }
/// # "#;
/// # let partition = Partition::new(&Definitions::from_toml(text)?);
/// let lines: Vec<Object> = ["boot-7", "sock-1"].map(|sku| Object::new().with("sku", sku)).into();
/// let order = Message::track("ada", "order").with("lines", lines);
/// let touched = partition.touched(&order); // an item for each line
/// assert_eq!(touched.iter().map(|of| &*of.item).collect::<Vec<_>>(), ["boot-7", "sock-1"]);
/// assert_eq!((touched[1].action, touched[1].weight), (Action::Bought, 5.0));
/// # Ok::<(), bespoke::definitions::Errors>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Touched {
    /// The item's id.
    pub item: String,
    /// How much it counts; below 0 for what speaks against the item.
    pub weight: f32,
    /// What was done with it.
    pub action: Action,
}

impl Partition {
    /// With which items a message says that something was done, in order; none where its event is no interaction. What
    /// recommenders would learn from it, as far as nothing forbids that. O(items of the message).
    ///
    /// ```
    /// use bespoke::{definitions::Definitions, engine::Partition, model::Message};
    /// let shop = "version = 1\n[events.view]\nsku = 'string'\n[recommend.interactions]\nview = { item = 'sku' }";
    /// let partition = Partition::new(&Definitions::from_toml(shop)?);
    /// let touched = partition.touched(&Message::track("ada", "view").with("sku", "boot-7"));
    /// assert_eq!((&*touched[0].item, touched[0].weight), ("boot-7", 1.0));
    /// # Ok::<(), bespoke::definitions::Errors>(())
    /// ```
    #[must_use]
    pub fn touched(&self, message: &Message) -> Vec<Touched> {
        let mut touched = Vec::new();
        self.models.each_touched(message, |rule, item, weight| {
            touched.push(Touched { item: item.to_owned(), weight, action: rule.action });
        });
        touched
    }
}
